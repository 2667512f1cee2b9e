/* update.h - the optimizers' passes over memory, for the vector units of the CPU at hand.
 *
 * Compiled once for each instruction set (update_base.c, update_avx2.c, update_avx512.c) from the rows of table/updates.def. No two
 * operations become one, and divisions and roots are exact: what an element becomes depends neither on its place nor on the CPU. */
#ifndef TG_UPDATE_H
#define TG_UPDATE_H

#include <math.h>

#include "table/each.h"
#include "kernels/kernels.h"

typedef enum tg_update_kind {
#define UPDATE(NAME, ...) TG_UPDATE_##NAME,
#include "table/updates.def"
    TG_UPDATES
} tg_update_kind;

/* The numbers of each row's formula, by name: tg_numbers.adam.lr is the lr of UPDATE(adam, …). Rows whose numbers begin alike share these:
 * the structs lie in one union. */
#define TG_NUMBER_FIELD_(X) double X;
#define UPDATE(NAME, TENSORS, NUMBERS, FORMULA)     \
    typedef struct tg_##NAME##_numbers {            \
        TG_EACH(TG_NUMBER_FIELD_, NUMBERS)          \
    } tg_##NAME##_numbers;
#include "table/updates.def"

enum { TG_MOST_NUMBERS = 12, TG_MOST_NORMS = 4 };
typedef union tg_numbers {
#define UPDATE(NAME, ...) tg_##NAME##_numbers NAME;
#include "table/updates.def"
    double all[TG_MOST_NUMBERS]; /* whatever the row: in its order */
} tg_numbers;

/* A tensor under an update. */
typedef struct tg_update {
    void       *w;
    char       *states; /* the row's first state, … */
    size_t      stride; /* … each further one so many bytes behind the one before */
    const void *g;
    tg_numbers  number;
} tg_update;

/* What a row says beside its formula. */
typedef struct tg_update_row {
    const char        *name;
    const char *const *state; /* the names of its states */
    size_t             n_states, n_numbers, n_norms;
} tg_update_row;
extern const tg_update_row tg_update_rows[TG_UPDATES];

/* Sums of squares of numbers by their size, of any that doubles have: those from 2^-480 to 2^480 as they are, larger ones times 2^-600 and
 * smaller ones times 2^600 before they are squared. Of floats all are in the middle. J. L. Blue 1978. */
typedef struct tg_squares {
    double middle, large, small;
} tg_squares;
#define TG_SQUARES_LARGE 0x1p480
#define TG_SQUARES_SMALL 0x1p-480
enum { TG_SQUARES_SCALE = 600 }; /* a power of 2 */

static inline void tg_add_squares(tg_squares *to, const tg_squares *s)
{
    to->middle += s->middle;
    to->large += s->large;
    to->small += s->small;
}

/* The root of the sum of all is this times 2^*exponent, which may lie beyond what doubles hold. */
static inline double tg_root_of_squares(const tg_squares *s, int *exponent)
{
    *exponent = 0;
    if (s->large > 0) {
        *exponent = TG_SQUARES_SCALE;
        return sqrt(s->large + s->middle * 0x1p-600 * 0x1p-600);
    }
    if (!(s->middle < 0x1p-900)) return sqrt(s->middle);
    *exponent = s->small > 0 || s->middle > 0 ? -TG_SQUARES_SCALE : 0;
    return sqrt(s->small + s->middle * 0x1p600 * 0x1p600);
}

/* A row's passes over elements from … to-1 of a tensor. `norms`, of a row that asks for norms, comes first and adds the squares of what it
 * measures to squares[0 … n_norms-1], in the same order on every CPU; else it is NULL. */
typedef struct tg_update_loops {
    void (*update[2])(const tg_update *u, size_t from, size_t to); /* by dtype, f32 and f64 */
    void (*norms[2])(const tg_update *u, size_t from, size_t to, tg_squares *squares);
} tg_update_loops;

const tg_update_loops *tg_fast_update(tg_update_kind kind);
const tg_update_loops *tg_isa_update(tg_isa isa, tg_update_kind kind); /* NULL where CPU or build lack the instruction set */

/* Between the files of this folder; update NULL: not in this build. */
extern const tg_update_loops tg_updates_base[TG_UPDATES], tg_updates_avx2[TG_UPDATES], tg_updates_avx512[TG_UPDATES];

#endif
