/* test_init.c - initial weights: moments and exact properties, in f32 and f64; the same for any number of threads; wrong calls. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "failing.h"
#include "quiet.h"

/* The tensor's elements as doubles, until the next call. */
static const double *numbers(tg_tensor *x)
{
    assert_non_null(x);
    const double *y = tg_data_f64(tg_to(x, TG_F64));
    assert_true(y || tg_numel(x) == 0);
    return y;
}

/* Of n numbers: mean, standard deviation, largest size. */
typedef struct moments {
    double mean, std, most, fourth; /* fourth: of the standardized numbers, 3 for normal, 1.8 for uniform ones */
} moments;

static moments moments_of(tg_tensor *x)
{
    const double *v = numbers(x);
    const int64_t n = tg_numel(x);
    moments       m = {0, 0, 0, 0};
    for (int64_t i = 0; i < n; i++) {
        m.mean += v[i] / (double)n;
        m.most = fmax(m.most, fabs(v[i]));
    }
    for (int64_t i = 0; i < n; i++) m.std += (v[i] - m.mean) * (v[i] - m.mean) / (double)n;
    m.std = sqrt(m.std);
    for (int64_t i = 0; i < n; i++) m.fourth += pow((v[i] - m.mean) / m.std, 4) / (double)n;
    return m;
}

/* Within 3 % of this standard deviation, around 0, and of this distribution. */
static void assert_spread(tg_tensor *x, bool uniform, double std)
{
    const moments m = moments_of(x);
    if (!(fabs(m.std / std - 1) < 0.03)) fail_msg("standard deviation %g instead of %g", m.std, std);
    assert_true(fabs(m.mean) < 0.03 * std);
    assert_true(fabs(m.fourth - (uniform ? 1.8 : 3)) < 0.15);
    if (uniform) assert_true(m.most <= sqrt(3) * std * (1 + 1e-6) && m.most > 0.99 * sqrt(3) * std);
}

static void test_gains(void **state)
{
    (void)state;
    const struct {
        const char *name;
        double      slope, gain;
    } gains[] = {{"linear", 9, 1}, {"identity", 0, 1}, {"sigmoid", 0, 1}, {"tanh", 0, 5.0 / 3}, {"relu", 5, sqrt(2)}, {"selu", 0, 0.75}, {"leaky_relu", 0.5, sqrt(1.6)}, {"leaky_relu", 0, sqrt(2)}};
    for (size_t k = 0; k < sizeof gains / sizeof *gains; k++) assert_true(fabs(tg_calculate_gain(gains[k].name, gains[k].slope) - gains[k].gain) < 1e-15);
    assert_true(isnan(tg_calculate_gain("gelu", 0)) && isnan(tg_calculate_gain(NULL, 0)) && isnan(tg_calculate_gain("", 0)));
}

static void test_spreads(void **state)
{
    (void)state;
    for (tg_dtype d = TG_F32; d <= TG_F64; d++) {
        tg_tape        *t = quiet(d);
        const tg_shape *dense = TG_SHAPE(300, 100), *window = TG_SHAPE(40, 20, 5, 7);
        assert_spread(tg_xavier_uniform(t, dense, 1), true, sqrt(2.0 / 400));
        assert_spread(tg_xavier_normal(t, dense, 2), false, 2 * sqrt(2.0 / 400));
        assert_spread(tg_xavier_normal(t, window, 1), false, sqrt(2.0 / (60 * 35)));
        assert_spread(tg_glorot(t, window), true, sqrt(2.0 / (60 * 35)));
        assert_spread(tg_kaiming_uniform(t, dense, NULL), true, sqrt(2.0 / 300));
        assert_spread(tg_kaiming_normal(t, dense, &(tg_kaiming_options){.fan_out = true}), false, sqrt(2.0 / 100));
        assert_spread(tg_kaiming_normal(t, window, &(tg_kaiming_options){.activation = "tanh"}), false, 5.0 / 3 / sqrt(20 * 35));
        assert_spread(tg_kaiming_uniform(t, window, &(tg_kaiming_options){.fan_out = true, .activation = "linear"}), true, 1 / sqrt(40 * 35));
        assert_spread(tg_kaiming_normal(t, dense, &(tg_kaiming_options){.activation = "leaky_relu", .slope = 2}), false, sqrt(0.4 / 300));
        assert_spread(tg_kaiming_normal(t, dense, &(tg_kaiming_options){.activation = "leaky_relu"}), false, sqrt(2 / 1.0001 / 300));
        assert_spread(tg_kaiming(t, dense), false, sqrt(2.0 / 300));
        assert_true(moments_of(tg_xavier_uniform(t, dense, 0)).most == 0);
        assert_true(tg_dtype_of(tg_xavier_uniform(t, dense, 1)) == d);
        for (int k = 0; k < 2; k++) assert_int_equal(tg_numel(tg_xavier_normal(t, k ? TG_SHAPE(0, 0) : TG_SHAPE(0, 3), 1)), 0);
        tg_tape_free(t);
    }
}

/* ---- orthogonal ------------------------------------------------------------------------------------------------------------- */

/* The products of rows, or of columns, with each other are gain^2 or 0. */
static void assert_orthonormal(tg_tensor *x, int64_t rows, int64_t columns, double gain, double tolerance)
{
    const double *q = numbers(x);
    const bool    wide = rows < columns;
    const int64_t few = wide ? rows : columns, many = wide ? columns : rows;
    for (int64_t a = 0; a < few; a++)
        for (int64_t b = 0; b <= a; b++) {
            long double dot = 0;
            for (int64_t i = 0; i < many; i++)
                dot += wide ? (long double)q[a * columns + i] * (long double)q[b * columns + i] : (long double)q[i * columns + a] * (long double)q[i * columns + b];
            if (!(fabsl(dot - (a == b ? (long double)(gain * gain) : 0)) <= (long double)tolerance)) fail_msg("%lld × %lld: %Lg at (%lld, %lld)", (long long)rows, (long long)columns, dot, (long long)a, (long long)b);
        }
}

static void test_orthogonal(void **state)
{
    (void)state;
    static const int64_t sizes[][2] = {{1, 1}, {2, 2}, {1, 5}, {5, 1}, {7, 3}, {3, 7}, {64, 64}, {100, 37}, {37, 100}};
    for (tg_dtype d = TG_F32; d <= TG_F64; d++)
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
            tg_tape   *t = quiet(d);
            tg_tensor *q = tg_orthogonal(t, TG_SHAPE(sizes[k][0], sizes[k][1]), 1.5);
            assert_orthonormal(q, sizes[k][0], sizes[k][1], 1.5, d == TG_F32 ? 1e-6 : 1e-13);
            tg_tape_free(t);
        }
    tg_tape *t = quiet(TG_F64);
    assert_orthonormal(tg_orthogonal(t, TG_SHAPE(8, 4, 3, 3), 1), 8, 36, 1, 1e-14);
    assert_orthonormal(tg_orthogonal(t, TG_SHAPE(50, 2, 2), 1), 50, 4, 1, 1e-14);
    const tg_shape *const none[] = {TG_SHAPE(0, 3), TG_SHAPE(3, 0), TG_SHAPE(0, 0), TG_SHAPE(2, 3, 0)};
    for (size_t k = 0; k < 4; k++) assert_int_equal(tg_numel(tg_orthogonal(t, none[k], 1)), 0);
    tg_tape_free(t);
}

/* Q is that of the very numbers that tg_randn would have given: R = Q^T Z is upper triangular with a positive diagonal. */
static void test_is_the_decomposition(void **state)
{
    enum { ROWS = 12, COLUMNS = 5 };
    (void)state;
    tg_tape   *t[2] = {tg_tape_new(&(tg_tape_options){.dtype = TG_F64, .seed = 5}), tg_tape_new(&(tg_tape_options){.dtype = TG_F64, .seed = 5})};
    const double *q = numbers(tg_orthogonal(t[0], TG_SHAPE(ROWS, COLUMNS), 1)), *z = numbers(tg_randn(t[1], TG_SHAPE(ROWS, COLUMNS)));
    for (int a = 0; a < COLUMNS; a++)
        for (int b = 0; b <= a; b++) {
            long double r = 0;
            for (int i = 0; i < ROWS; i++) r += (long double)q[i * COLUMNS + a] * (long double)z[i * COLUMNS + b];
            assert_true(a == b ? r > 0.1L : fabsl(r) < 1e-14L);
        }
    for (int k = 0; k < 2; k++) tg_tape_free(t[k]);
}

/* Haar's measure: every element has mean 0 and variance 1/n, determinants have either sign as often, and no sign is preferred on the diagonal. */
static void test_haar(void **state)
{
    enum { DRAWS = 4000 };
    (void)state;
    tg_tape *t = quiet(TG_F64);
    double   sum[9] = {0}, squares[9] = {0};
    int      positive = 0;
    for (int k = 0; k < DRAWS; k++) {
        const double *q = numbers(tg_orthogonal(t, TG_SHAPE(3, 3), 1));
        for (int i = 0; i < 9; i++) {
            sum[i] += q[i] / DRAWS;
            squares[i] += q[i] * q[i] / DRAWS;
        }
        positive += q[0] * (q[4] * q[8] - q[5] * q[7]) - q[1] * (q[3] * q[8] - q[5] * q[6]) + q[2] * (q[3] * q[7] - q[4] * q[6]) > 0;
        tg_reset(t);
    }
    for (int i = 0; i < 9; i++) assert_true(fabs(sum[i]) < 0.04 && fabs(squares[i] - 1.0 / 3) < 0.025);
    assert_true(abs(positive - DRAWS / 2) < 150);
    tg_tape_free(t);
}

static void test_threads(void **state)
{
    (void)state;
    static double first[400 * 400];
    for (int threads = 1; threads <= 3; threads++) {
        tg_tape   *t = tg_tape_new(&(tg_tape_options){.dtype = TG_F64, .threads = threads});
        tg_tensor *q = tg_orthogonal(t, TG_SHAPE(400, 400), 1);
        if (threads == 1) memcpy(first, tg_data_f64(q), sizeof first);
        assert_memory_equal(first, tg_data_f64(q), sizeof first);
        tg_tape_free(t);
    }
}

/* ---- sparse, identity, Dirac --------------------------------------------------------------------------------------------------- */

static void test_sparse(void **state)
{
    (void)state;
    for (tg_dtype d = TG_F32; d <= TG_F64; d++) {
        tg_tape *t = quiet(d);
        const struct {
            double sparsity;
            int    zeros; /* of 21 */
        } cases[] = {{0, 0}, {0.1, 3}, {0.5, 11}, {2.0 / 3, 14}, {1, 21}, {1e-9, 1}};
        for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
            const double *w = numbers(tg_sparse_normal(t, TG_SHAPE(21, 300), cases[k].sparsity, 0.5));
            double        squares = 0;
            int           where[21] = {0};
            for (int j = 0; j < 300; j++) {
                int zeros = 0;
                for (int i = 0; i < 21; i++) {
                    zeros += w[i * 300 + j] == 0;
                    where[i] += w[i * 300 + j] == 0;
                    squares += w[i * 300 + j] * w[i * 300 + j];
                }
                assert_int_equal(zeros, cases[k].zeros);
            }
            if (cases[k].zeros < 21) assert_true(fabs(sqrt(squares / 300 / (21 - cases[k].zeros)) - 0.5) < 0.03);
            for (int i = 0; i < 21; i++) assert_true(fabs(where[i] - 300.0 * cases[k].zeros / 21) < 50);
        }
        assert_int_equal(tg_numel(tg_sparse_normal(t, TG_SHAPE(0, 3), 0.5, 1)), 0);
        assert_int_equal(tg_numel(tg_sparse_normal(t, TG_SHAPE(3, 0), 0.5, 1)), 0);
        tg_tape_free(t);
    }
}

static void test_identity(void **state)
{
    (void)state;
    for (tg_dtype d = TG_F32; d <= TG_F64; d++)
        for (int64_t rows = 0; rows < 5; rows++)
            for (int64_t columns = 0; columns < 5; columns++) {
                tg_tape      *t = quiet(d);
                tg_tensor    *y = tg_identity(t, TG_SHAPE(rows, columns));
                const double *w = numbers(y);
                assert_true(tg_dtype_of(y) == d && tg_dim(y, 0) == rows && tg_dim(y, 1) == columns);
                for (int64_t i = 0; i < rows * columns; i++) assert_true(w[i] == (i / columns == i % columns));
                tg_tape_free(t);
            }
}

/* A convolution with it passes on the channels of each group, as many as there are on both sides. */
static void test_dirac(void **state)
{
    static const struct {
        int64_t out, in, groups; /* in: of a group */
    } cases[] = {{4, 4, 1}, {4, 2, 2}, {6, 2, 2}, {2, 5, 1}, {6, 1, 6}, {4, 3, 2}};
    (void)state;
    for (tg_dtype d = TG_F32; d <= TG_F64; d++)
        for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
            tg_tape      *t = quiet(d);
            const int64_t in = cases[k].in, groups = cases[k].groups, each = cases[k].out / groups;
            tg_tensor    *x = tg_randn(t, TG_SHAPE(2, in * groups, 5, 7)), *w = tg_dirac(t, TG_SHAPE(cases[k].out, in, 3, 5), groups);
            tg_tensor    *y = tg_conv2d(x, w, NULL, &(tg_conv_options){.padding = {1, 2}, .groups = groups});
            assert_non_null(y);
            for (int64_t o = 0; o < cases[k].out; o++) {
                tg_tensor *got = tg_select(y, 1, o), *want = o % each < in ? tg_select(x, 1, o / each * in + o % each) : tg_zeros_like(got);
                assert_true(tg_item(tg_amax(tg_abs(tg_sub(got, want)), TG_ALL_AXES, false)) == 0);
            }
            tg_tape_free(t);
        }
    tg_tape *t = quiet(TG_F64);
    for (int rank = 3; rank <= 5; rank++) { /* the middle of a window, of 4 elements the third */
        tg_shape shape = {rank, {1, 1, 4, 4, 4}};
        int64_t  middle = 0;
        for (int k = 2; k < rank; k++) middle = middle * 4 + 2;
        tg_tensor    *w = tg_dirac(t, &shape, 1);
        const double *v = numbers(w);
        for (int64_t i = 0; i < tg_numel(w); i++) assert_true(v[i] == (i == middle));
    }
    assert_int_equal(tg_numel(tg_dirac(t, TG_SHAPE(2, 2, 0), 1)), 0);
    assert_int_equal(tg_numel(tg_dirac(t, TG_SHAPE(0, 2, 3), 1)), 0);
    tg_tape_free(t);
}

/* ---- wrong calls, memory -------------------------------------------------------------------------------------------------------- */

static void test_refused(void **state)
{
    tg_tape *t = open_tape(state);
#define REFUSED(STATUS, CALL, SENTENCE)                                                                     \
    do {                                                                                                    \
        assert_null(CALL);                                                                                  \
        assert_non_null(tg_error(t));                                                                       \
        if (strncmp(tg_error(t), #CALL, strcspn(#CALL, "(")) != 0) fail_msg("%s: %s", #CALL, tg_error(t)); \
        expect_error(t, TG_ERR_##STATUS, SENTENCE);                                                         \
    } while (0)
    REFUSED(SHAPE, tg_xavier_uniform(t, TG_SHAPE(3), 1), "at least 2 axes");
    REFUSED(NULL, tg_xavier_normal(t, NULL, 1), "at least 2 axes");
    REFUSED(ARG, tg_xavier_normal(t, TG_SHAPE(3, 2), -1), "gain must be finite and not negative, got -1");
    REFUSED(ARG, tg_xavier_uniform(t, TG_SHAPE(3, 2), NAN), "gain");
    REFUSED(SHAPE, tg_kaiming_uniform(t, TG_SHAPE(3, -2), NULL), "at least 2 axes");
    REFUSED(ARG, tg_kaiming_normal(t, TG_SHAPE(3, 2), &(tg_kaiming_options){.activation = "gelu"}), "no gain is known for the activation 'gelu'");
    REFUSED(ARG, tg_kaiming_normal(t, TG_SHAPE(3, 2), (&(tg_kaiming_options){.activation = "leaky_relu", .slope = NAN})), "slope");
    REFUSED(SHAPE, tg_orthogonal(t, TG_SHAPE(3), 1), "the shape must have at least 2 axes, not [3]");
    REFUSED(SHAPE, tg_orthogonal(t, TG_SHAPE(INT64_MAX, 3), 1), "invalid");
    REFUSED(NULL, tg_orthogonal(t, NULL, 1), "NULL");
    REFUSED(ARG, tg_orthogonal(t, TG_SHAPE(3, 3), INFINITY), "gain");
    REFUSED(SHAPE, tg_sparse_normal(t, TG_SHAPE(3, 3, 3), 0.5, 1), "the shape must have 2 axes, not [3,3,3]");
    REFUSED(ARG, tg_sparse_normal(t, TG_SHAPE(3, 3), 1.5, 1), "sparsity must be 0 to 1");
    REFUSED(ARG, tg_sparse_normal(t, TG_SHAPE(3, 3), NAN, 1), "sparsity");
    REFUSED(ARG, tg_sparse_normal(t, TG_SHAPE(3, 3), 0.5, -1), "std");
    REFUSED(SHAPE, tg_identity(t, TG_SHAPE(3)), "2 axes");
    REFUSED(SHAPE, tg_dirac(t, TG_SHAPE(3, 3), 1), "the shape must have 3 to 5 axes, not [3,3]");
    REFUSED(ARG, tg_dirac(t, TG_SHAPE(3, 3, 3), 0), "groups must be more than 0");
    REFUSED(ARG, tg_dirac(t, TG_SHAPE(3, 3, 3), 2), "the 3 output channels a multiple of it, got 2");
    assert_true(!tg_xavier_uniform(NULL, TG_SHAPE(2, 2), 1) && !tg_kaiming_normal(NULL, TG_SHAPE(2, 2), NULL) && !tg_orthogonal(NULL, TG_SHAPE(2, 2), 1));
    assert_true(!tg_sparse_normal(NULL, TG_SHAPE(2, 2), 0, 1) && !tg_identity(NULL, TG_SHAPE(2, 2)) && !tg_dirac(NULL, TG_SHAPE(2, 2, 2), 1));
    assert_null(tg_error(t));
}

static void test_out_of_memory(void **state)
{
    (void)state;
    for (int which = 0; which < 4; which++) {
        failing    b = {.left = -1};
        tg_tape   *t = failing_tape(&b, TG_F32);
        tg_tensor *y = NULL;
        int        failures = 0;
        for (int64_t left = 0; !y; left++, failures += !y) {
            b.left = left;
            y = which == 0 ? tg_orthogonal(t, TG_SHAPE(64, 40), 1) : which == 1 ? tg_sparse_normal(t, TG_SHAPE(64, 40), 0.5, 1) : which == 2 ? tg_identity(t, TG_SHAPE(64, 40)) : tg_dirac(t, TG_SHAPE(64, 4, 9), 1);
            b.left = -1;
            if (!y) expect_error(t, TG_ERR_MEMORY, "memory");
        }
        assert_true(failures > 0);
        tg_tape_free(t);
        assert_true(b.held == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gains),
        cmocka_unit_test(test_spreads),
        cmocka_unit_test(test_orthogonal),
        cmocka_unit_test(test_is_the_decomposition),
        cmocka_unit_test(test_haar),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_sparse),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_dirac),
        cmocka_unit_test_teardown(test_refused, close_tape),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests_name("init", tests, NULL, NULL);
}
