/* test_random_ops.c - random tensors: their ranges, moments and distributions for a fixed seed, that the same seed
 * gives the same bits whenever and however often they are computed, and that dropout's gradients see dropout's mask. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <tapegrad.h>
#include <tapegrad_op.h>

#include "random_test.h"

enum { N = 1 << 18 };

static tg_tape *seeded(uint64_t seed, tg_dtype dtype)
{
    tg_tape *t = tg_tape_new(&(tg_tape_options){.silent = true, .seed = seed, .dtype = dtype});
    assert_non_null(t);
    return t;
}

static void moments(const double *v, int64_t n, double *mean, double *variance)
{
    double sum = 0, squares = 0;
    for (int64_t k = 0; k < n; k++) sum += v[k];
    *mean = sum / (double)n;
    for (int64_t k = 0; k < n; k++) squares += (v[k] - *mean) * (v[k] - *mean);
    *variance = squares / (double)n;
}

/* ---- distributions; the bounds are five standard errors ---------------------------------------------------------- */

static void check_uniform(const double *v, double lo, double hi)
{
    enum { BINS = 64 };
    int64_t      bin[BINS] = {0};
    double       mean, variance, chi = 0;
    const double width = hi - lo, expected = (double)N / BINS;
    for (int k = 0; k < N; k++) {
        assert_true(v[k] >= lo && v[k] < hi);
        bin[(int)((v[k] - lo) / width * BINS)]++;
    }
    moments(v, N, &mean, &variance);
    assert_true(fabs(mean - (lo + hi) / 2) < 5 * width / sqrt(12.0 * N));
    assert_true(fabs(variance - width * width / 12) < 5 * width * width / sqrt(180.0 * N));
    for (int k = 0; k < BINS; k++) chi += ((double)bin[k] - expected) * ((double)bin[k] - expected) / expected;
    assert_true(chi > 25 && chi < 117); /* 63 degrees of freedom: 1e-5 on either side */
}

static void test_rand(void **state)
{
    (void)state;
    for (int dtype = TG_F32; dtype <= TG_F64; dtype++) {
        tg_tape *t = seeded(7, (tg_dtype)dtype);
        check_uniform(values(tg_rand(t, TG_SHAPE(N))), 0, 1);
        check_uniform(values(tg_uniform(t, TG_SHAPE(N / 4, 4), -3, 5)), -3, 5);
        assert_int_equal(tg_dtype_of(tg_rand(t, TG_SHAPE(1))), dtype);
        tg_tape_free(t);
    }
}

/* Where numbers lie so close that rounding would reach hi, it is still left out. */
static void test_uniform_leaves_out_its_end(void **state)
{
    (void)state;
    for (int dtype = TG_F32; dtype <= TG_F64; dtype++) {
        tg_tape      *t  = seeded(1, (tg_dtype)dtype);
        const double  lo = dtype == TG_F32 ? 16777214 : 9007199254740990, hi = lo + 2;
        const double *v      = values(tg_uniform(t, TG_SHAPE(1000), lo, hi));
        int           middle = 0;
        for (int k = 0; k < 1000; k++) {
            assert_true(v[k] == lo || v[k] == lo + 1);
            middle += v[k] == lo + 1;
        }
        assert_true(middle > 100 && middle < 900);
        assert_true(tg_item(tg_uniform(t, TG_SCALAR_SHAPE, 3, 3)) == 3);
        tg_tape_free(t);
    }
}

static void test_randn(void **state)
{
    (void)state;
    for (int dtype = TG_F32; dtype <= TG_F64; dtype++) {
        tg_tape      *t = seeded(11, (tg_dtype)dtype);
        const double *v = values(tg_randn(t, TG_SHAPE(N)));
        double        mean, variance, third = 0, fourth = 0;
        int           within = 0;
        moments(v, N, &mean, &variance);
        for (int k = 0; k < N; k++) {
            assert_true(isfinite(v[k]));
            third += v[k] * v[k] * v[k] / N;
            fourth += v[k] * v[k] * v[k] * v[k] / N;
            within += fabs(v[k]) < 1;
        }
        assert_true(fabs(mean) < 5 / sqrt(N));
        assert_true(fabs(variance - 1) < 5 * sqrt(2.0 / N));
        assert_true(fabs(third) < 5 * sqrt(15.0 / N));
        assert_true(fabs(fourth - 3) < 5 * sqrt(96.0 / N));
        assert_true(fabs((double)within / N - 0.682689492137) < 5 * sqrt(0.2167 / N));
        tg_tape_free(t);
    }
}

static void test_bernoulli(void **state)
{
    static const double p[] = {0, 1e-3, 0.25, 0.5, 0.9, 1};
    (void)state;
    tg_tape *t = seeded(3, TG_F32);
    for (size_t i = 0; i < sizeof p / sizeof *p; i++) {
        tg_tensor     *x    = tg_bernoulli(t, TG_SHAPE(N), p[i]);
        const uint8_t *v    = tg_data(x);
        int            hits = 0;
        assert_int_equal(tg_dtype_of(x), TG_BOOL);
        for (int k = 0; k < N; k++) {
            assert_true(v[k] <= 1);
            hits += v[k];
        }
        assert_true(fabs(hits - N * p[i]) <= 5 * sqrt(N * p[i] * (1 - p[i])));
    }
    tg_tape_free(t);
}

static void test_initial_weights(void **state)
{
    tg_tape *t = seeded(5, TG_F32);
    double   mean, variance;
    (void)state;
    const double *v = values(tg_glorot(t, TG_SHAPE(300, 200))), bound = sqrt(6.0 / 500);
    moments(v, 60000, &mean, &variance);
    for (int k = 0; k < 60000; k++) assert_true(fabs(v[k]) <= bound);
    assert_true(fabs(variance / (bound * bound / 3) - 1) < 0.02);
    v = values(tg_glorot(t, TG_SHAPE(32, 16, 5, 5))); /* fans 16·25 and 32·25 */
    moments(v, 12800, &mean, &variance);
    assert_true(fabs(variance / (2.0 / 1200) - 1) < 0.05);
    moments(values(tg_kaiming(t, TG_SHAPE(300, 200))), 60000, &mean, &variance);
    assert_true(fabs(variance / (2.0 / 300) - 1) < 0.05);
    moments(values(tg_kaiming(t, TG_SHAPE(32, 16, 5, 5))), 12800, &mean, &variance);
    assert_true(fabs(variance / (2.0 / 400) - 1) < 0.06);
    assert_int_equal(tg_numel(tg_glorot(t, TG_SHAPE(0, 0))), 0);
    assert_non_null(tg_data(tg_kaiming(t, TG_SHAPE(0, 3))));
    assert_refused(t, tg_glorot(t, TG_SHAPE(3)), TG_ERR_SHAPE,
                   "tg_glorot: the shape must be valid and have at least 2 axes, not [3]");
    assert_refused(t, tg_kaiming(t, TG_SHAPE(3, -1)), TG_ERR_SHAPE,
                   "tg_kaiming: the shape must be valid and have at least 2 axes, not [3,-1]");
    assert_refused(t, tg_kaiming(t, NULL), TG_ERR_NULL,
                   "tg_kaiming: the shape must be valid and have at least 2 axes, not [NULL]");
    tg_tape_free(t);
}

/* ---- one seed, one stream ---------------------------------------------------------------------------------------- */

/* Everything there is, computed in the given order; out gets 70 numbers. */
static void run_program(tg_tape *t, bool backwards, double *out)
{
    tg_tensor    *x[]     = {tg_rand(t, TG_SHAPE(7)), tg_randn(t, TG_SHAPE(3, 7)),
                             tg_to(tg_bernoulli(t, TG_SHAPE(35), 0.5), TG_F32), tg_uniform(t, TG_SHAPE(7), 1, 2)};
    const int64_t first[] = {0, 7, 28, 63};
    for (int k = 0; k < 4; k++) {
        const int i = backwards ? 3 - k : k;
        memcpy(out + first[i], values(x[i]), (size_t)tg_numel(x[i]) * sizeof *out);
    }
}

static void test_same_seed_same_numbers(void **state)
{
    enum { COUNT = 70 };
    double   a[COUNT], b[COUNT];
    tg_tape *t = seeded(42, TG_F32), *other = seeded(42, TG_F32), *different = seeded(43, TG_F32);
    (void)state;
    run_program(t, false, a);
    run_program(other, true, b); /* the order of recording counts, not that of computing */
    assert_memory_equal(a, b, sizeof a);
    run_program(different, false, b);
    assert_memory_not_equal(a, b, sizeof a);
    tg_reset(t);
    run_program(t, false, b); /* the stream goes on over a reset */
    assert_memory_not_equal(a, b, sizeof a);
    assert_int_equal(tg_seed(t, 42), TG_OK);
    tg_reset(t);
    run_program(t, false, b);
    assert_memory_equal(a, b, sizeof a);
    tg_tape_free(different);
    tg_tape_free(other);
    tg_tape_free(t);
}

/* A piece of the stream belongs to its tensor: what comes before fixes where it starts, what comes after does not
 * matter. */
static void test_pieces_do_not_overlap(void **state)
{
    tg_tape      *t = seeded(9, TG_F64);
    const double *a = values(tg_rand(t, TG_SHAPE(5))), *b = values(tg_rand(t, TG_SHAPE(5)));
    (void)state;
    for (int i = 0; i < 5; i++)
        for (int k = 0; k < 5; k++) assert_true(a[i] != b[k]);
    tg_tape_free(t);
}

/* ---- dropout ----------------------------------------------------------------------------------------------------- */

static void test_dropout(void **state)
{
    enum { COUNT = 20000 };
    tg_tape   *t = seeded(21, TG_F64);
    tg_tensor *x = tg_set_requires_grad(tg_keep(tg_add_s(tg_rand(t, TG_SHAPE(COUNT)), 1)), true), *y = tg_dropout(x, 0.2),
              *g = NULL, *gg = NULL;
    int kept = 0;
    (void)state;
    tg_tensor *cube = tg_mul(y, tg_square(y)), *seed = tg_ones_like(x);
    assert_int_equal(tg_grad(&cube, &seed, 1, &x, 1, true, &g), TG_OK);
    assert_int_equal(tg_grad(&g, &seed, 1, &x, 1, false, &gg), TG_OK);
    const double *v = values(x), *w = values(y), *first = values(g), *second = values(gg);
    for (int k = 0; k < COUNT; k++) { /* y = s x: (y^3)' = 3 s^3 x^2, then 6 s^3 x */
        const double s = w[k] == 0 ? 0 : 1.25;
        kept += s > 0;
        assert_true(fabs(w[k] - s * v[k]) <= 1e-15 * v[k]);
        assert_true(fabs(first[k] - 3 * s * s * s * v[k] * v[k]) < 1e-12);
        assert_true(fabs(second[k] - 6 * s * s * s * v[k]) < 1e-12);
    }
    assert_true(abs(kept - 16000) < 5 * 57);
    tg_tape_free(t);
}

static void test_dropout_at_its_ends(void **state)
{
    tg_tape   *t   = seeded(2, TG_F32);
    tg_tensor *x   = tg_set_requires_grad(tg_from_f32(t, TG_SHAPE(4), (float[]){1, INFINITY, NAN, -INFINITY}), true),
              *all = tg_dropout(x, 1);
    (void)state;
    assert_memory_equal(tg_data_f32(tg_dropout(x, 0)), tg_data_f32(x), 16);
    assert_int_equal(tg_backward(tg_sum(all, TG_ALL_AXES, false)), TG_OK);
    assert_memory_equal(tg_data_f32(all), ((float[]){0, 0, 0, 0}), 16);
    assert_memory_equal(tg_data_f32(tg_grad_of(x)), ((float[]){0, 0, 0, 0}), 16);

    tg_tensor   *wild = tg_full(t, TG_F32, TG_SHAPE(64), (double)INFINITY), *half = tg_dropout(wild, 0.5);
    const float *v       = tg_data_f32(half);
    int          dropped = 0;
    for (int k = 0; k < 64; k++) {
        assert_true(v[k] == 0 || v[k] == INFINITY);
        dropped += v[k] == 0;
    }
    assert_true(dropped > 10 && dropped < 54);
    assert_int_equal(tg_numel(tg_dropout(tg_zeros(t, TG_SHAPE(0)), 0.5)), 0);
    assert_null(tg_dropout(NULL, 0.5));
    assert_null(tg_error(t));
    assert_refused(t, tg_dropout(x, 1.5), TG_ERR_ARG, "tg_dropout: the probability is 1.5, not in 0 to 1");
    assert_refused(t, tg_dropout(x, -0.1), TG_ERR_ARG, "tg_dropout: the probability is -0.1, not in 0 to 1");
    assert_null(tg_dropout(x, (double)NAN));
    assert_int_equal(tg_error_status(t), TG_ERR_ARG);
    tg_clear_error(t);
    assert_refused(t, tg_dropout(tg_arange(t, TG_I64, 3), 0.5), TG_ERR_DTYPE,
                   "tg_dropout: takes float32 and float64, not int64");
    tg_tape_free(t);
}

static void test_arguments(void **state)
{
    tg_tape *t = seeded(1, TG_F32);
    (void)state;
    assert_refused(t, tg_uniform(t, TG_SHAPE(2), 1, 0), TG_ERR_ARG,
                   "tg_uniform: 1 to 0 is not a finite range in float32");
    assert_refused(t, tg_uniform(t, TG_SHAPE(2), -1e39, 0), TG_ERR_ARG,
                   "tg_uniform: -1e+39 to 0 is not a finite range in float32");
    assert_null(tg_uniform(t, TG_SHAPE(2), (double)NAN, 0));
    tg_clear_error(t);
    assert_refused(t, tg_bernoulli(t, TG_SHAPE(2), 2), TG_ERR_ARG, "tg_bernoulli: the probability is 2, not in 0 to 1");
    assert_refused(t, tg_randn(t, TG_SHAPE(2, -2)), TG_ERR_SHAPE,
                   "tg_randn: the shape [2,-2] is invalid: rank 0 to 8, sizes >= 0, total size within memory");
    assert_refused(
        t, tg_rand(t, TG_SHAPE(INT64_MAX, 2)), TG_ERR_SHAPE,
        "tg_rand: the shape [9223372036854775807,2] is invalid: rank 0 to 8, sizes >= 0, total size within memory");
    assert_refused(t, tg_rand(t, TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1, 1)), TG_ERR_SHAPE,
                   "tg_rand: the shape [rank 9] is invalid: rank 0 to 8, sizes >= 0, total size within memory");
    assert_refused(t, tg_rand(t, NULL), TG_ERR_NULL, "tg_rand: the shape is NULL");
    assert_null(tg_rand(NULL, TG_SHAPE(1)));
    assert_true(tg_item(tg_rand(t, TG_SCALAR_SHAPE)) < 1);
    assert_non_null(tg_data(tg_randn(t, TG_SHAPE(0))));
    tg_tape_free(t);
}

/* What is kept of random numbers that nobody asked for is computed in its place: the same numbers, in memory for one of them. */
static void test_kept_in_place(void **state)
{
    (void)state;
    const int64_t n = 1 << 18;
    tg_tape      *t = seeded(7, TG_F32);
    const size_t  before = tg_stats(t).bytes_reserved;
    tg_tensor    *x = tg_randn(t, TG_SHAPE(n)), *k = tg_keep(x);
    assert_non_null(k);
    assert_true(tg_stats(t).bytes_reserved - before < 3 * (size_t)n * sizeof(float) / 2);
    assert_memory_equal(tg_data_f32(k), tg_data_f32(x), (size_t)n * sizeof(float));
    assert_true(tg_data_f32(k) != tg_data_f32(x)); /* a copy still */

    /* so it is next to a wish, and the wish comes true with the value of then */
    tg_tensor *p = tg_param(t, "p", tg_full(t, TG_F32, TG_SHAPE(8), 1)), *twice = tg_want(tg_mul_s(p, 2));
    tg_tensor *r = tg_keep(tg_rand(t, TG_SHAPE(8)));
    assert_int_equal(tg_copy_from(p, (const float[8]){0}, 8 * sizeof(float)), TG_OK);
    assert_non_null(r);
    assert_true(tg_data_f32(twice)[7] == 2);
    assert_null(tg_error(t));
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rand),
        cmocka_unit_test(test_uniform_leaves_out_its_end),
        cmocka_unit_test(test_randn),
        cmocka_unit_test(test_bernoulli),
        cmocka_unit_test(test_initial_weights),
        cmocka_unit_test(test_same_seed_same_numbers),
        cmocka_unit_test(test_pieces_do_not_overlap),
        cmocka_unit_test(test_kept_in_place),
        cmocka_unit_test(test_dropout),
        cmocka_unit_test(test_dropout_at_its_ends),
        cmocka_unit_test(test_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
