/* update.h - the optimizers' passes over memory, for the vector units of the CPU at hand.
 *
 * Compiled once for each instruction set (update_base.c, update_avx2.c, update_avx512.c) from the rows of table/updates.def. No two
 * operations become one, and divisions and roots are exact: what an element becomes depends neither on its place nor on the CPU. */
#ifndef TG_UPDATE_H
#define TG_UPDATE_H

#include "table/each.h"
#include "kernels/kernels.h"
#include "kernels/squares.h"

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
    bool        ascend; /* along the gradient, not against it: the formula gets -g */
    tg_numbers  number;
} tg_update;

/* What a row says beside its formula. */
typedef struct tg_update_row {
    const char        *name;
    const char *const *state; /* the names of its states */
    size_t             n_states, n_numbers, n_norms;
} tg_update_row;
extern const tg_update_row tg_update_rows[TG_UPDATES];

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
