/* loader_test.h - a data set whose samples are their own numbers, and what a loader makes of it in an epoch. */
#ifndef LOADER_TEST_H
#define LOADER_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <tapegrad.h>

#include "quiet.h"

/* n samples of two features: sample i is (i, -i), its label 3 i. NULL after an error. */
static inline tg_dataset *counted_or_none(tg_tape *t, int64_t n)
{
    float   *x = malloc((size_t)n * 2 * sizeof *x + 1);
    int64_t *y = malloc((size_t)n * sizeof *y + 1);
    assert_non_null(x);
    assert_non_null(y);
    for (int64_t i = 0; i < n; i++) {
        x[2 * i] = (float)i;
        x[2 * i + 1] = (float)-i;
        y[i] = 3 * i;
    }
    tg_dataset *d = tg_array_dataset(t, TG_F32, TG_SHAPE(n, 2), x, y);
    memset(x, 0xff, (size_t)n * 2 * sizeof *x); /* the set has its own copy */
    memset(y, 0xff, (size_t)n * sizeof *y);
    free(x);
    free(y);
    return d;
}

static inline tg_dataset *counted(tg_tape *t, int64_t n)
{
    tg_dataset *d = counted_or_none(t, n);
    assert_non_null(d);
    return d;
}

static inline tg_loader *loader(tg_dataset *d, tg_loader_options o)
{
    tg_loader *l = tg_loader_new(d, &o);
    assert_non_null(l);
    return l;
}

/* Runs an epoch of a counted set, checks x against y and each batch's size; which samples came, in order. Returns how
 * many. */
static inline int64_t epoch(tg_tape *t, tg_loader *l, int64_t batch, int64_t *order)
{
    tg_tensor *x, *y;
    int64_t    n = 0, batches = 0, size = tg_loader_size(l);
    while (tg_next(l, &x, &y)) {
        int64_t want = size - n < batch ? size - n : batch;
        assert_int_equal(tg_dim(x, 0), want);
        assert_int_equal(tg_dim(x, 1), 2);
        assert_int_equal(tg_rank(y), 1);
        assert_int_equal(tg_dim(y, 0), want);
        assert_int_equal(tg_dtype_of(y), TG_I64);
        const float   *xs = tg_data_f32(x);
        const int64_t *ys = tg_data_i64(y);
        for (int64_t i = 0; i < want; i++) {
            assert_int_equal(ys[i] % 3, 0);
            assert_true(xs[2 * i] == (float)(ys[i] / 3) && xs[2 * i + 1] == -(float)(ys[i] / 3));
            order[n++] = ys[i] / 3;
        }
        batches++;
        assert_int_equal(tg_reset(t), TG_OK);
    }
    assert_null(x);
    assert_null(y);
    assert_null(tg_error(t));
    assert_int_equal(batches, tg_loader_batches(l));
    assert_int_equal(n, size);
    return n;
}

static inline void assert_each_once(const int64_t *order, int64_t n, int64_t first)
{
    char *seen = calloc((size_t)n + 1, 1);
    assert_non_null(seen);
    for (int64_t i = 0; i < n; i++) {
        assert_in_range(order[i] - first, 0, n - 1);
        assert_int_equal(seen[order[i] - first]++, 0);
    }
    free(seen);
}

#endif
