/* squares.h - sums of squares that are right for numbers of any size: what 2-norms are made of. In the same order on every CPU, and for
 * vectors of any width. */
#ifndef TG_SQUARES_H
#define TG_SQUARES_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

/* gcc leaves products and sums apart in ISO C; clang has to be told. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

/* Squares by the size of the numbers, of any that doubles have: those from 2^-480 to 2^480 as they are, larger ones times 2^-600 and smaller
 * ones times 2^600 before they are squared. Of floats all are in the middle. J. L. Blue 1978. */
typedef struct tg_squares {
    double middle, large, small;
} tg_squares;
#define TG_SQUARES_LARGE 0x1p480
#define TG_SQUARES_SMALL 0x1p-480
enum { TG_SQUARES_SCALE = 600 /* a power of 2 */, TG_SQUARES_LANES = 8 /* sums side by side */ };

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

#define TG_PLAIN_SQUARES(NAME, T)                                                                                            \
    static inline double NAME(const T *x, size_t n)                                                                          \
    {                                                                                                                        \
        double lane[TG_SQUARES_LANES] = {0}, sum = 0;                                                                        \
        size_t i = 0;                                                                                                        \
        for (; i + TG_SQUARES_LANES <= n; i += TG_SQUARES_LANES)                                                             \
            for (size_t k = 0; k < TG_SQUARES_LANES; k++) lane[k] += (double)x[i + k] * (double)x[i + k];                    \
        for (size_t k = 0; i + k < n; k++) lane[k] += (double)x[i + k] * (double)x[i + k];                                   \
        for (size_t k = 0; k < TG_SQUARES_LANES; k++) sum += lane[k];                                                        \
        return sum;                                                                                                          \
    }
TG_PLAIN_SQUARES(tg_plain_squares_f32, float)
TG_PLAIN_SQUARES(tg_plain_squares_f64, double)
#undef TG_PLAIN_SQUARES

/* Is one of them not 0? */
static inline bool tg_any_f64(const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (x[i] != 0) return true;
    return false;
}

static inline tg_squares tg_squares_f32(const void *x, size_t n) { return (tg_squares){tg_plain_squares_f32(x, n), 0, 0}; }

/* As if all were in the middle first, which mostly they are: then their sum is within these limits. */
static inline tg_squares tg_squares_f64(const void *p, size_t n)
{
    const double *x = p;
    tg_squares    sum = {tg_plain_squares_f64(x, n), 0, 0};
    if (sum.middle == 0 ? !tg_any_f64(x, n) : sum.middle > 0x1p-800 && sum.middle < 0x1p900) return sum;
    sum.middle = 0;
    for (size_t i = 0; i < n; i++) {
        const double a = fabs(x[i]), large = a * 0x1p-600, small = a * 0x1p600;
        if (a > TG_SQUARES_LARGE) sum.large += large * large;
        else if (a < TG_SQUARES_SMALL) sum.small += small * small;
        else sum.middle += a * a;
    }
    return sum;
}

#endif
