/* update.h - the optimizers' passes over memory, for the vector units of the CPU at hand.
 *
 * Compiled once for each instruction set (update_base.c, update_avx2.c, update_avx512.c) from the rows of optim/updates.def. No two
 * operations become one, and divisions and roots are exact: what an element becomes depends neither on its place nor on the CPU. */
#ifndef TG_UPDATE_H
#define TG_UPDATE_H

#include "kernels/kernels.h"

typedef enum tg_update_kind {
#define UPDATE(NAME, ...) TG_UPDATE_##NAME,
#include "table/updates.def"
#undef UPDATE
    TG_UPDATES
} tg_update_kind;

/* A tensor under an update, and the numbers of the formula, each rounded to the dtype where it is used. */
typedef struct tg_update {
    void       *w, *m, *v;
    const void *g;
    double      decay;        /* d = g + decay w */
    double      keep, take;   /* of m and of what is new in it */
    double      keep2, take2; /* of v */
    double      lr, shrink, root;
    double      eps; /* at least the dtype's smallest normal number is taken */
} tg_update;

typedef struct tg_update_loops {
    size_t n_means; /* 0, m, or m and v */
    void (*f32)(const tg_update *u, size_t from, size_t to); /* elements from … to-1 */
    void (*f64)(const tg_update *u, size_t from, size_t to);
} tg_update_loops;

const tg_update_loops *tg_fast_update(tg_update_kind kind);
const tg_update_loops *tg_isa_update(tg_isa isa, tg_update_kind kind); /* NULL where CPU or build lack the instruction set */

/* Between the files of this folder; f32 NULL: not in this build. */
extern const tg_update_loops tg_updates_base[TG_UPDATES], tg_updates_avx2[TG_UPDATES], tg_updates_avx512[TG_UPDATES];

#endif
