/* conv_tile.h - the loops of convolution for one dtype: included by conv_loops.h for each, which defines T and F. */

enum { F(LANES) = VECTOR_SIZE / (int)sizeof(T) };

typedef T F(vec) __attribute__((vector_size(VECTOR_SIZE)));
typedef T F(half) __attribute__((vector_size(VECTOR_SIZE / 2)));

INLINE F(vec) F(load)(const T *p)
{
    F(vec) v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* ---- rows of planes ---------------------------------------------------------------------------------------------- */

/* Whole vectors and halves: what is written behind a row's end is overwritten by the next one. The number of whole ones
 * is known when compiling for narrow planes. */
INLINE void F(take_vectors)(const tg_conv_rows *d, int64_t whole, bool half)
{
    const int64_t rows = d->rows, pitch = d->pitch, cols = d->cols;
    const T      *from = d->plane;
    T            *to   = d->flat;
    for (int64_t r = 0; r < rows; r++, from += pitch, to += cols) {
        for (int64_t k = 0; k < whole; k++) memcpy(to + k * F(LANES), from + k * F(LANES), VECTOR_SIZE);
        if (half) memcpy(to + whole * F(LANES), from + whole * F(LANES), VECTOR_SIZE / 2);
    }
}

static void F(take_rows)(const tg_conv_rows *d)
{
    const int64_t halves = (d->cols + F(LANES) / 2 - 1) / (F(LANES) / 2);
    const T      *from   = d->plane;
    T            *to     = d->flat;
    if (d->step == 1) {
        switch (halves) {
        case 1: F(take_vectors)(d, 0, true); return;
        case 2: F(take_vectors)(d, 1, false); return;
        case 3: F(take_vectors)(d, 1, true); return;
        default: F(take_vectors)(d, halves / 2, halves % 2); return;
        }
    }
    for (int64_t r = 0; r < d->rows; r++, from += d->pitch, to += d->cols)
        for (int64_t k = 0; k < d->cols; k++) to[k] = from[k * d->step];
}

static void F(add_rows)(const tg_conv_rows *d)
{
    const int64_t rows = d->rows, pitch = d->pitch, cols = d->cols, step = d->step;
    T            *to   = d->plane;
    const T      *from = d->flat;
    for (int64_t r = 0; r < rows; r++, from += cols, to += pitch) {
        int64_t k = 0;
        if (step == 1) {
            for (; k + F(LANES) <= cols; k += F(LANES)) {
                const F(vec) v = F(load)(to + k) + F(load)(from + k);
                memcpy(to + k, &v, sizeof v);
            }
            if (k + F(LANES) / 2 <= cols) {
                F(half) v, x;
                memcpy(&v, to + k, sizeof v);
                memcpy(&x, from + k, sizeof x);
                v += x;
                memcpy(to + k, &v, sizeof v);
                k += F(LANES) / 2;
            }
        }
        for (; k < cols; k++) to[k * step] += from[k];
    }
}

/* ---- transpose --------------------------------------------------------------------------------------------------- */

static void F(turn)(int64_t rows, int64_t cols, void *to, int64_t to_pitch, const void *from, int64_t from_pitch)
{
    T       *y = to;
    const T *x = from;
    int64_t  r = 0;
#if MOST_LANES(T_SIZE) >= 4
    typedef T quad __attribute__((vector_size(4 * sizeof(T))));
    for (; r + 4 <= rows; r += 4) {
        const T *p = x + r * from_pitch;
        int64_t  k = 0;
        for (; k + 4 <= cols; k += 4, p += 4) {
            quad a, b, c, d;
            memcpy(&a, p, sizeof a);
            memcpy(&b, p + from_pitch, sizeof b);
            memcpy(&c, p + 2 * from_pitch, sizeof c);
            memcpy(&d, p + 3 * from_pitch, sizeof d);
            const quad ac = LOW(4, a, c), bd = LOW(4, b, d), ac2 = HIGH(4, a, c), bd2 = HIGH(4, b, d);
            const quad out[4] = {LOW(4, ac, bd), HIGH(4, ac, bd), LOW(4, ac2, bd2), HIGH(4, ac2, bd2)};
            for (int q = 0; q < 4; q++) memcpy(y + (k + q) * to_pitch + r, &out[q], sizeof out[q]);
        }
        for (; k < cols; k++, p++)
            for (int q = 0; q < 4; q++) y[k * to_pitch + r + q] = p[q * from_pitch];
    }
#endif
    for (; r < rows; r++)
        for (int64_t k = 0; k < cols; k++) y[k * to_pitch + r] = x[r * from_pitch + k];
}

/* ---- taps -------------------------------------------------------------------------------------------------------- */

#include "kernels/conv_taps.h"

/* ---- pooling ----------------------------------------------------------------------------------------------------- */

/* BY_LANES: the function for vectors of as many lanes as n fills, then return; where it fills none the lines behind do it. */
#if MOST_LANES(T_SIZE) >= 16
#define LANE 16
#define W(NAME) F(NAME##_16)
#include "kernels/conv_pool.h"
#undef LANE
#undef W
#define BY_16(NAME, ...)                    \
    if (n >= 16) {                          \
        F(NAME##_16)(n, __VA_ARGS__);       \
        return;                             \
    }
#else
#define BY_16(NAME, ...)
#endif
#if MOST_LANES(T_SIZE) >= 8
#define LANE 8
#define W(NAME) F(NAME##_8)
#include "kernels/conv_pool.h"
#undef LANE
#undef W
#define BY_8(NAME, ...)                     \
    if (n >= 8) {                           \
        F(NAME##_8)(n, __VA_ARGS__);        \
        return;                             \
    }
#else
#define BY_8(NAME, ...)
#endif
#if MOST_LANES(T_SIZE) >= 4
#define LANE 4
#define W(NAME) F(NAME##_4)
#include "kernels/conv_pool.h"
#undef LANE
#undef W
#define BY_4(NAME, ...)                     \
    if (n >= 4) {                           \
        F(NAME##_4)(n, __VA_ARGS__);        \
        return;                             \
    }
#else
#define BY_4(NAME, ...)
#endif
#define BY_LANES(NAME, ...) BY_16(NAME, __VA_ARGS__) BY_8(NAME, __VA_ARGS__) BY_4(NAME, __VA_ARGS__)

static void F(max_2x2)(int64_t n, void *out, const void *row, const void *next)
{
    T       *y = out;
    const T *p = row, *q = next;
    BY_LANES(max_2x2, y, p, q)
    for (int64_t k = 0; k < n; k++) {
        const T a = p[2 * k], b = p[2 * k + 1], c = q[2 * k], d = q[2 * k + 1];
        const T m = BEATS(b, a) ? b : a, e = BEATS(c, m) ? c : m;
        y[k] = BEATS(d, e) ? d : e;
    }
}

/* Which of the window's elements p[2 k], p[2 k + 1], q[2 k], q[2 k + 1] is the first largest: 0 … 3. */
static inline int F(first_largest)(const T *p, const T *q, int64_t k)
{
    const T    a = p[2 * k], b = p[2 * k + 1], c = q[2 * k], d = q[2 * k + 1];
    const bool is_b = BEATS(b, a), is_c = BEATS(c, is_b ? b : a), is_d = BEATS(d, is_c ? c : is_b ? b : a);
    return is_d ? 3 : is_c ? 2 : is_b;
}

static void F(max_2x2_of)(int64_t n, void *out, const void *row, const void *next, const void *values, const void *next_values)
{
    T       *y = out;
    const T *p = row, *q = next, *s = values, *t = next_values;
    BY_LANES(max_2x2_of, y, p, q, s, t)
    for (int64_t k = 0; k < n; k++) {
        const int place = F(first_largest)(p, q, k);
        const T   f = (place < 2 ? p : q)[2 * k + place % 2], u = (place < 2 ? s : t)[2 * k + place % 2];
        y[k] = f == f || u == 0 ? u : f;
    }
}

static void F(max_2x2_dx)(int64_t n, void *drow, void *dnext, const void *row, const void *next, const void *grad)
{
    T       *dp = drow, *dq = dnext;
    const T *p = row, *q = next, *g = grad;
    BY_LANES(max_2x2_dx, dp, dq, p, q, g)
    for (int64_t k = 0; k < n; k++) {
        const int place = F(first_largest)(p, q, k);
        const T   f = (place < 2 ? p : q)[2 * k + place % 2];
        dp[2 * k] = dp[2 * k + 1] = dq[2 * k] = dq[2 * k + 1] = 0;
        (place < 2 ? dp : dq)[2 * k + place % 2] = f == f || g[k] == 0 ? g[k] : f;
    }
}

#undef BY_LANES
#undef BY_16
#undef BY_8
#undef BY_4
#undef T
#undef F
#undef INT
#undef T_SIZE
