/* reduce_run.h - what reductions of strided arrays and the places of extremes share: in which order the axes are taken, and loops. */
#ifndef TG_REDUCE_RUN_H
#define TG_REDUCE_RUN_H

#include "ops/ops.h"

enum {
    WIDTH = 512, /* results that are reduced side by side */
    SHORT = 32,  /* rows below this length are reduced side by side where they can be */
    LANES = 8,
};

/* ---- the order of axes (axis_order.c) -------------------------------------------------------------------------------- */

typedef struct axis {
    int64_t n, step, out; /* strides in x and in y, in elements */
    bool    reduced;
} axis;

/* Results in rows of `cols`, `blocks` of at most WIDTH in each; and what is reduced, in runs of `rows`. */
typedef struct order {
    int  n_kept, n_reduced;
    axis kept[TG_MAX_RANK], reduced[TG_MAX_RANK]; /* the others, innermost last */
    axis col, row;
    int64_t blocks, units, runs;
} order;

/* Where results number u … begin in x and y, and how many there are. */
typedef struct unit {
    int64_t x, y, cols;
} unit;

order tg_order_of(const tg_array *x, uint32_t reduced);
unit tg_unit_at(const order *o, int64_t u);

static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* ---- loops ------------------------------------------------------------------------------------------------------------- */

#define EACH_COLUMN(STATEMENT)                                                                                         \
    if (step == 1)                                                                                                     \
        for (int64_t j = 0; j < cols; j++) {                                                                           \
            const int64_t at = j;                                                                                      \
            STATEMENT;                                                                                                 \
        }                                                                                                              \
    else                                                                                                               \
        for (int64_t j = 0; j < cols; j++) {                                                                           \
            const int64_t at = j * step;                                                                               \
            STATEMENT;                                                                                                 \
        }

/* NaN replaces everything, and nothing replaces it. */
#define BETTER(X, BEATS, M) ((((X) BEATS (M)) | ((X) != (X))) ? (X) : (M))

/* The element of n >= 1 that beats the others. */
#define PICK_ROW(NAME, T, BEATS)                                                                                       \
    static T row_##NAME(const T *x, int64_t n, int64_t step)                                                           \
    {                                                                                                                  \
        T       lane[LANES], m = x[0];                                                                                 \
        int64_t k = 0;                                                                                                 \
        for (int q = 0; q < LANES; q++) lane[q] = m;                                                                   \
        if (step == 1)                                                                                                 \
            for (; k + LANES <= n; k += LANES)                                                                         \
                for (int q = 0; q < LANES; q++) lane[q] = BETTER(x[k + q], BEATS, lane[q]);                            \
        for (; k < n; k++) m = BETTER(x[k * step], BEATS, m);                                                          \
        for (int q = 0; q < LANES; q++) m = BETTER(lane[q], BEATS, m);                                                 \
        return m;                                                                                                      \
    }

#endif
