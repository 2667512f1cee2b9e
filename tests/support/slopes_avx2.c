/* slopes_avx2.c - the derivatives of slopes.h in double, as loops over floats: with gcc on x86-64, by glibc's vector functions. */
#if defined __GNUC__ && !defined __clang__
#pragma GCC optimize("no-trapping-math") /* else no loop with a comparison becomes a vector loop */
#endif
#include "slopes.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

/* Of other names than C's, whose sin and cos the compiler would make one scalar function. */
#if defined __AVX2__ && defined __OPTIMIZE__ && !defined __clang__ && defined __GLIBC_PREREQ
#if __GLIBC_PREREQ(2, 35)
#define VECTOR(f) _Pragma("omp declare simd notinbranch") __attribute__((const)) extern double vector_##f(double) __asm__(#f);
#endif
#endif
#ifdef VECTOR
VECTOR(exp)
VECTOR(tanh)
VECTOR(erfc)
VECTOR(sin)
VECTOR(cos)
#else
#define vector_exp  exp
#define vector_tanh tanh
#define vector_erfc erfc
#define vector_sin  sin
#define vector_cos  cos
#endif
#define fast_fabs fabs
#define fast_sqrt sqrt
#define fast_cbrt cbrt
#define fast_tan  tan
#define fast_cosh cosh
#define fast_sinh sinh
#define fast_tanh vector_tanh
#define fast_erfc vector_erfc
#define fast_sin  vector_sin
#define fast_cos  vector_cos
/* Within what a double can be, for vector functions leave over- and underflow to slow ones. To a float these ends are inf and 0. */
static inline double fast_exp(double x)
{
    const double a = x < -700 ? -700 : x;
    return vector_exp(a > 700 ? 700 : a);
}

#define REAL double
#define M(f) fast_##f
#define K(x) x
#define N(f) fast_##f
#include "exact_formulas.h"

/* slopes_error without branches; somewhat more where the exact derivative is near FLT_MAX. */
static inline double error_of(double x, float y, double want, double unit, double floor)
{
    const double most = (double)FLT_MAX, got = (double)y, w = fast_clamp(want, most), g = fast_clamp(got, most);
    const double a = fabs(w), b = fast_clamp(unit, most), c = b > a ? b : a, size = c > floor ? c : floor;
    uint64_t     bits;
    double       per_unit;
    memcpy(&bits, &size, sizeof bits);
    bits = (UINT64_C(2069) << 52) - (bits & UINT64_C(0x7ff0000000000000)); /* 2^23 over the power of two in size */
    memcpy(&per_unit, &bits, sizeof per_unit);
    const double e = fabs(g - w) * per_unit, f = ((want != want) & (got != got)) ? 0 : e;
    return x != x ? 0 : f;
}

#define SLOPES(NAME, D, U, DD, UU, SECOND)                                                                                                 \
    bool slopes_beyond_##NAME(const float *x, const float *y1, const float *y2, const double limit[2])                                     \
    {                                                                                                                                      \
        const double limit1 = limit[0], limit2 = SECOND ? limit[1] : 0;                                                                    \
        int64_t      beyond = 0;                                                                                                           \
        for (int i = 0; i < SLOPES_CHUNK; i++) {                                                                                           \
            const double v = (double)x[i];                                                                                                 \
            const double e1 = error_of(v, y1[i], fast_##D(v), fast_##U(v), (double)FLT_MIN);                                               \
            const double e2 = SECOND ? error_of(v, y2[i], fast_##DD(v), fast_##UU(v), SLOPES_SECOND_FLOOR_F32) : 0;                        \
            beyond |= e1 <= limit1 ? 0 : 1;                                                                                                \
            beyond |= e2 <= limit2 ? 0 : 1;                                                                                                \
        }                                                                                                                                  \
        return beyond != 0;                                                                                                                \
    }
#include "slopes.def"
