/* op_test.h - what the tests of reductions, products, softmax and losses share: values as doubles, the same tensor in several layouts,
 * comparison with a model, expected errors. */
#ifndef OP_TEST_H
#define OP_TEST_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tapegrad.h>
#include <tapegrad_op.h>

#include "quiet.h"

enum { MOST = 4096 }; /* elements of a test's tensors */

/* Reading the value has to fail with this status, and a sentence that begins so behind the name of the function that read it. */
static inline void assert_error_when_read(tg_tape *t, tg_tensor *y, tg_status status, const char *beginning)
{
    assert_non_null(y);
    assert_null(tg_data(y));
    assert_non_null(tg_error(t));
    assert_memory_equal(tg_error(t), "tg_data: ", 9);
    assert_memory_equal(tg_error(t) + 9, beginning, strlen(beginning));
    assert_int_equal(tg_error_status(t), status);
    tg_clear_error(t);
}

static inline int64_t count_of(const tg_shape *s)
{
    int64_t n = 0;
    assert_int_equal(tg_shape_size(s, TG_F64, &n, NULL), TG_OK);
    return n;
}

/* A pseudo-random number below n, of a stream that every test starts anew. */
static inline int64_t draw(uint64_t *state, int64_t n)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (int64_t)((*state >> 33) % (uint64_t)n);
}

/* n multiples of `unit` in -most unit … most unit: sums and products of some of them are exact. */
static inline void draw_multiples(double *x, int64_t n, int64_t most, double unit, uint64_t *state)
{
    for (int64_t i = 0; i < n; i++) x[i] = (double)(draw(state, 2 * most + 1) - most) * unit;
}

/* ---- tensors from doubles ----------------------------------------------------------------------------------------- */

static inline void put(void *p, tg_dtype d, int64_t i, double v)
{
    switch (d) {
    case TG_F32: ((float *)p)[i] = (float)v; break;
    case TG_F64: ((double *)p)[i] = v; break;
    case TG_I64: ((int64_t *)p)[i] = (int64_t)v; break;
    case TG_I32: ((int32_t *)p)[i] = (int32_t)v; break;
    case TG_I16: ((int16_t *)p)[i] = (int16_t)v; break;
    default: ((uint8_t *)p)[i] = (uint8_t)v; break;
    }
}

static inline double get(const void *p, tg_dtype d, int64_t i)
{
    switch (d) {
    case TG_F32: return (double)((const float *)p)[i];
    case TG_F64: return ((const double *)p)[i];
    case TG_I64: return (double)((const int64_t *)p)[i];
    case TG_I32: return (double)((const int32_t *)p)[i];
    case TG_I16: return (double)((const int16_t *)p)[i];
    default: return (double)((const uint8_t *)p)[i];
    }
}

static inline tg_tensor *tensor(tg_tape *t, tg_dtype d, const tg_shape *s, const double *v)
{
    const int64_t n = count_of(s);
    void         *bytes = malloc((size_t)n * 8 + 1);
    assert_non_null(bytes);
    for (int64_t i = 0; i < n; i++) put(bytes, d, i, v[i]);
    tg_tensor *x = tg_from_data(t, d, s, bytes);
    free(bytes);
    assert_non_null(x);
    return x;
}

/* A vector of f64 with these numbers. */
#define VECTOR(T, ...) tensor(T, TG_F64, TG_SHAPE(TG_COUNTD_(__VA_ARGS__)), (const double[]){__VA_ARGS__})
#define TG_COUNTD_(...) (int64_t)(sizeof((double[]){__VA_ARGS__}) / sizeof(double))

/* ---- the same tensor in several layouts --------------------------------------------------------------------------- */

typedef enum layout {
    PLAIN,
    TRANSPOSED, /* the axes lie in memory in the opposite order */
    SLICED,     /* every second column of something larger, with other numbers between */
    REVERSED,   /* the last axis backwards */
    N_LAYOUTS,
} layout;

/* Row-major coordinates of element i. */
static inline void coordinates(const tg_shape *s, int64_t i, int64_t *at)
{
    for (int k = s->rank; k-- > 0; i /= s->dim[k]) at[k] = i % s->dim[k];
}

static inline int64_t position(const tg_shape *s, const int64_t *at)
{
    int64_t i = 0;
    for (int k = 0; k < s->rank; k++) i = i * s->dim[k] + at[k];
    return i;
}

/* The shape of the memory under the layout, and where element `at` lies in it. */
static inline tg_shape under(const tg_shape *s, layout l)
{
    tg_shape u = *s;
    if (l == TRANSPOSED)
        for (int k = 0; k < s->rank; k++) u.dim[k] = s->dim[s->rank - 1 - k];
    if (l == SLICED) u.dim[s->rank - 1] = 2 * s->dim[s->rank - 1] + 3;
    return u;
}

static inline void move(const tg_shape *s, layout l, int64_t *at)
{
    int64_t to[TG_MAX_RANK];
    memcpy(to, at, sizeof to);
    for (int k = 0; l == TRANSPOSED && k < s->rank; k++) to[k] = at[s->rank - 1 - k];
    if (l == SLICED) to[s->rank - 1] = 1 + 2 * at[s->rank - 1];
    if (l == REVERSED) to[s->rank - 1] = s->dim[s->rank - 1] - 1 - at[s->rank - 1];
    memcpy(at, to, sizeof to);
}

static inline tg_tensor *laid(tg_tape *t, tg_dtype d, const tg_shape *s, const double *v, layout l)
{
    if (s->rank == 0 || l == PLAIN) return tensor(t, d, s, v);
    const tg_shape u = under(s, l);
    double        *w = malloc((size_t)count_of(&u) * sizeof *w + 1);
    tg_axes        back = {.n = s->rank};
    assert_non_null(w);
    for (int64_t i = 0; i < count_of(&u); i++) w[i] = 77;
    for (int64_t i = 0; i < count_of(s); i++) {
        int64_t at[TG_MAX_RANK] = {0};
        coordinates(s, i, at);
        move(s, l, at);
        w[position(&u, at)] = v[i];
    }
    tg_tensor *x = tensor(t, d, &u, w);
    free(w);
    for (int k = 0; k < s->rank; k++) back.axis[k] = s->rank - 1 - k;
    if (l == TRANSPOSED) x = tg_permute(x, &back);
    if (l == SLICED) x = tg_slice(x, -1, 1, 1 + 2 * s->dim[s->rank - 1], 2);
    if (l == REVERSED) x = tg_slice(x, -1, INT64_MAX, INT64_MIN, -1);
    assert_non_null(x);
    assert_true(tg_shape_equal(tg_shape_of(x), s));
    return x;
}

/* ---- comparing ---------------------------------------------------------------------------------------------------- */

static inline bool near(double a, double b, double tolerance)
{
    if (isnan(a) || isnan(b)) return isnan(a) && isnan(b);
    return a == b || fabs(a - b) <= tolerance;
}

/* y has this dtype and shape, and these values up to a tolerance. */
static inline void assert_values(tg_tensor *y, tg_dtype d, const tg_shape *s, const double *want, double tolerance)
{
    char got_text[TG_SHAPE_TEXT], want_text[TG_SHAPE_TEXT];
    if (!y) fail_msg("there is no result");
    assert_string_equal(tg_shape_text(tg_shape_of(y), got_text, sizeof got_text), tg_shape_text(s, want_text, sizeof want_text));
    assert_string_equal(tg_dtype_name(tg_dtype_of(y)), tg_dtype_name(d));
    const void *p = tg_data(y);
    if (!p) fail_msg("%s", tg_error(tg_tape_of(y)));
    for (int64_t i = 0; i < count_of(s); i++)
        if (!near(get(p, d, i), want[i], tolerance))
            fail_msg("element %lld of %s is %.17g, not %.17g", (long long)i, want_text, get(p, d, i), want[i]);
}

/* The tensor of f64 has these numbers, up to 1e-14. */
#define assert_f64(Y, SHAPE, ...) assert_values(Y, TG_F64, SHAPE, (const double[]){__VA_ARGS__}, 1e-14)

/* d sum(seed y) / dx as a new tensor; differentiable again. */
static inline tg_tensor *gradient(tg_tensor *y, tg_tensor *seed, tg_tensor *x)
{
    tg_tensor *g = NULL;
    if (tg_grad(&y, &seed, 1, &x, 1, true, &g) != TG_OK) fail_msg("%s", tg_error(tg_tape_of(x)));
    return g;
}

#endif
