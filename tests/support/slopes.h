/* slopes.h - exact derivatives of the functions that tests/kernels/test_slopes.c measures. */
#ifndef SLOPES_H
#define SLOPES_H

#include <tapegrad.h>

#include "exact.h"

/* The first and second derivative of one function (slopes.def). */
typedef struct slopes {
    real (*exact[2])(real); /* NULL: not measured */
    real (*unit[2])(real);  /* the larger of two terms that may cancel; 0: there are none */
    /* Whether any of SLOPES_CHUNK floats x has derivatives y1, y2 that are not within limit[0], limit[1] ULP of the exact ones: a loop
     * over all floats takes minutes. It computes in double, whose errors are nothing to a float's. Where only the first derivative is
     * measured, y2 may be anything. */
    bool (*any_beyond)(const float *x, const float *y1, const float *y2, const double limit[2]);
} slopes;

enum { SLOPES_CHUNK = 64 };

#define SLOPES(NAME, D, U, DD, UU, SECOND) extern const slopes slopes_##NAME;
#include "slopes.def"
#undef SLOPES

/* |got - want| in units in the last place at `size`, of the smallest subnormal at least. */
double slopes_ulp(tg_dtype dtype, double got, real want, real size);

/* The error of derivative k (0: the first) at x; 0 at NaN. A second derivative is a product with the first one, which may be subnormal: its
 * unit is that of a somewhat larger number at least. */
double slopes_error(const slopes *s, int k, tg_dtype dtype, double x, double got);
#define SLOPES_SECOND_FLOOR_F32 0x1p-118
#define SLOPES_SECOND_FLOOR_F64 0x1p-1011

/* Whether this CPU has what `any_beyond` is compiled for. */
bool slopes_can_be_fast(void);

/* ---- between slopes.c and slopes_avx2.c */

#define SLOPES(NAME, D, U, DD, UU, SECOND)                                                                                                 \
    bool slopes_beyond_##NAME(const float *x, const float *y1, const float *y2, const double limit[2]);
#include "slopes.def"
#undef SLOPES

#endif
