/* test_choices.c - distributions and choices: what they count, their moments and distribution functions for fixed seeds; the same numbers
 * for any number of threads; gradients through choices; what is refused. */
#include "op_test.h"
#include "random_test.h"

enum { N = 1 << 16 };

static tg_tape *seeded(uint64_t seed, tg_dtype dtype, int threads)
{
    tg_tape *t = tg_tape_new(&(tg_tape_options){.silent = true, .seed = seed, .dtype = dtype, .threads = threads});
    assert_non_null(t);
    return t;
}

/* ---- distributions --------------------------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Kolmogorov and Smirnov: the largest distance of the share of numbers below x from the distribution function is below 2.3 / sqrt(n) but for
 * one seed in 20,000. */
static void check_distribution(tg_tensor *x, double (*function)(double x))
{
    static double v[N];
    assert_int_equal(tg_numel(x), N);
    memcpy(v, values(x), sizeof v);
    qsort(v, N, sizeof *v, ascending);
    for (int k = 0; k < N; k++) {
        const double p = function(v[k]);
        if (!(fabs(p - (k + 0.5) / N) < 2.3 / sqrt(N))) fail_msg("at %g the share is %g, not %g", v[k], (k + 0.5) / N, p);
    }
}

static double below(double x) { return 0.5 * erfc(-x / sqrt(2)); }
static double normal(double x) { return below((x - 3) / 2); }
static double exponential(double x) { return -expm1(-0.5 * x); }
static double truncated(double x) { return (below((x - 1) / 3) - below(-1.0 / 3)) / (below(1) - below(-1.0 / 3)); }
/* Beyond 30 standard deviations the density falls as e^(-30 x): there the tail is nearly exponential. */
static double tail(double x) { return 1 - erfc(x / sqrt(2)) / erfc(30 / sqrt(2)); }

static void test_distributions(void **state)
{
    (void)state;
    for (int dtype = TG_F32; dtype <= TG_F64; dtype++) {
        tg_tape *t = seeded(5, (tg_dtype)dtype, 0);
        check_distribution(tg_normal(t, TG_SHAPE(N), 3, 2), normal);
        check_distribution(tg_exponential(t, TG_SHAPE(N), 0.5), exponential);
        check_distribution(tg_truncated_normal(t, TG_SHAPE(N), &(tg_truncated_normal_options){1, 3, 0, 4}), truncated);
        if (dtype == TG_F64)
            check_distribution(tg_truncated_normal(t, TG_SHAPE(N), &(tg_truncated_normal_options){.lo = 30, .hi = HUGE_VAL}), tail);
        const double *v = values(tg_truncated_normal(t, TG_SHAPE(N), NULL)), *e = values(tg_exponential(t, TG_SHAPE(N), 1));
        for (int k = 0; k < N; k++) assert_true(fabs(v[k]) <= 2 && e[k] > 0 && isfinite(e[k]));
        assert_int_equal(tg_dtype_of(tg_normal(t, TG_SHAPE(2), 0, 1)), dtype);
        assert_true(tg_item(tg_normal(t, TG_SCALAR_SHAPE, 7, 0)) == 7);
        tg_tape_free(t);
    }
}

static void test_integers(void **state)
{
    (void)state;
    tg_tape       *t = seeded(8, TG_F32, 0);
    const int64_t *v = tg_data_i64(tg_randint(t, TG_SHAPE(N), -5, 6));
    double         chi = 0, bin[11] = {0};
    for (int k = 0; k < N; k++) {
        assert_true(v[k] >= -5 && v[k] < 6);
        bin[v[k] + 5]++;
    }
    for (int k = 0; k < 11; k++) chi += (bin[k] - N / 11.0) * (bin[k] - N / 11.0) / (N / 11.0);
    assert_true(chi > 0.8 && chi < 41); /* 10 degrees of freedom: 1e-5 on either side */
    v = tg_data_i64(tg_randint(t, TG_SHAPE(64), INT64_MIN, INT64_MAX));
    int negative = 0;
    for (int k = 0; k < 64; k++) negative += v[k] < 0;
    assert_true(negative > 10 && negative < 54);
    tg_tape_free(t);
}

/* Each element has its own probability. */
static void test_bernoulli_of(void **state)
{
    (void)state;
    tg_tape       *t = seeded(6, TG_F32, 0);
    const double   p[4] = {0, 0.25, 0.5, 1};
    tg_tensor     *each = tg_expand(tensor(t, TG_F64, TG_SHAPE(4), p), TG_SHAPE(N, 4)), *drawn = tg_bernoulli_of(each);
    const int64_t *count = tg_data_i64(tg_count_nonzero(drawn, TG_AXES(0), false));
    assert_int_equal(tg_dtype_of(drawn), TG_BOOL);
    for (int k = 0; k < 4; k++) assert_true(fabs((double)count[k] - N * p[k]) <= 5 * sqrt(N * p[k] * (1 - p[k])));
    assert_values(tg_bernoulli_of(VECTOR(t, -1, NAN, 2)), TG_BOOL, TG_SHAPE(3), (double[]){0, 0, 1}, 0);
    tg_tape_free(t);
}

/* Each element is at each place as often as at any other; each order of three is as likely. */
static void test_permutations(void **state)
{
    (void)state;
    enum { ROUNDS = 6000 };
    tg_tape *t = seeded(8, TG_F32, 0);
    int      order[9] = {0};
    char     seen[1000] = {0};
    for (int k = 0; k < ROUNDS; k++) {
        const int64_t *v = tg_data_i64(tg_randperm(t, 3));
        order[3 * v[0] + v[1]]++;
        if (k % 100 == 0) tg_reset(t);
    }
    for (int k = 0; k < 9; k++) assert_true(k % 4 == 0 ? order[k] == 0 : abs(order[k] - ROUNDS / 6) < 150); /* five standard errors */
    const int64_t *v = tg_data_i64(tg_randperm(t, 1000));
    for (int k = 0; k < 1000; k++) assert_true(v[k] >= 0 && v[k] < 1000 && !seen[v[k]]++);
    assert_int_equal(tg_numel(tg_randperm(t, 0)), 0);
    tg_tape_free(t);
}

/* ---- choices ----------------------------------------------------------------------------------------------------------- */

static const double weights[5] = {1, 0, 3, 4, 2};

static void check_shares(const int64_t *v, int64_t n, int64_t step)
{
    double bin[5] = {0}, chi = 0;
    for (int64_t k = 0; k < n; k++) bin[v[k * step]]++;
    assert_true(bin[1] == 0);
    for (int k = 0; k < 5; k++)
        if (k != 1) chi += (bin[k] - (double)n * weights[k] / 10) * (bin[k] - (double)n * weights[k] / 10) / ((double)n * weights[k] / 10);
    if (!(chi < 26)) fail_msg("chi squared is %g", chi); /* 3 degrees of freedom: 1e-5 */
}

static void test_multinomial(void **state)
{
    (void)state;
    tg_tape       *t = seeded(2, TG_F32, 0);
    tg_tensor     *w = VECTOR(t, 1, 0, 3, 4, 2), *rows = tg_expand(w, TG_SHAPE(N / 4, 5));
    const int64_t *v = tg_data_i64(tg_multinomial(w, N, true));
    check_shares(v, N, 1);
    check_shares(tg_data_i64(tg_categorical(tg_log(rows))), N / 4, 1);
    v = tg_data_i64(tg_multinomial(rows, 4, false));
    check_shares(v, N / 4, 4); /* the first of those drawn */
    int64_t after = 0, second = 0;
    for (int64_t r = 0; r < N / 4; r++) {
        int seen = 0;
        for (int k = 0; k < 4; k++) seen |= 1 << v[4 * r + k];
        assert_int_equal(seen, 29); /* all but the one without weight */
        if (v[4 * r] == 3) after++, second += v[4 * r + 1] == 2;
    }
    const double share = (double)second / (double)after; /* behind element 3, whose weight is gone: 3 of 6 */
    assert_true(fabs(share - 0.5) < 5 * sqrt(0.25 / (double)after));
    tg_tape_free(t);
}

static void test_threads_change_nothing(void **state)
{
    (void)state;
    int64_t first[2][4000];
    for (int threads = 1; threads <= 4; threads += 3) {
        tg_tape   *t = seeded(3, TG_F32, threads);
        tg_tensor *w = tg_rand(t, TG_SHAPE(1000, 100));
        assert_int_equal(tg_copy_to(tg_multinomial(w, 2, true), first[threads > 1], 16000), TG_OK);
        assert_int_equal(tg_copy_to(tg_multinomial(w, 2, false), first[threads > 1] + 2000, 16000), TG_OK);
        tg_tape_free(t);
    }
    assert_memory_equal(first[0], first[1], sizeof first[0]);
}

/* One-hot to the bit; the gradient is that of the soft one, of the same numbers. */
static void test_hard(void **state)
{
    (void)state;
    tg_tape   *t = seeded(9, TG_F64, 0);
    tg_tensor *x = tg_set_requires_grad(tg_keep(tg_randn(t, TG_SHAPE(50, 4))), true), *g[2], *y[2], *scale = tg_randn(t, TG_SHAPE(50, 4));
    for (int hard = 0; hard < 2; hard++) {
        tg_seed(t, 4);
        y[hard] = tg_gumbel_softmax(x, -1, &(tg_gumbel_softmax_options){.tau = 0.8, .hard = hard});
        assert_int_equal(tg_grad(&y[hard], &scale, 1, &x, 1, false, &g[hard]), TG_OK);
    }
    const double *soft = values(y[0]), *one = values(y[1]), *a = values(g[0]), *b = values(g[1]);
    for (int k = 0; k < 200; k++) {
        const double *row = soft + k / 4 * 4;
        int           best = 0;
        for (int j = 1; j < 4; j++)
            if (row[j] > row[best]) best = j;
        assert_true(one[k] == (k % 4 == best));
        assert_true(fabs(a[k] - b[k]) < 1e-13);
    }
    tg_tape_free(t);
}

/* ---- what is refused ----------------------------------------------------------------------------------------------------- */

static void test_errors(void **state)
{
    (void)state;
    tg_tape   *t = seeded(1, TG_F32, 0);
    tg_tensor *x = tg_ones(t, TG_SHAPE(2, 3)), *i = tg_arange(t, TG_I64, 3);
    assert_refused(t, tg_randint(t, TG_SHAPE(2), 3, 3), TG_ERR_ARG, "tg_randint: there is no integer from 3 to below 3");
    assert_refused(t, tg_randint(t, NULL, 0, 3), TG_ERR_NULL, "tg_randint: the shape is NULL");
    assert_refused(t, tg_randperm(t, -1), TG_ERR_ARG, "tg_randperm: the number of elements is -1");
    assert_refused(t, tg_normal(t, TG_SHAPE(2), 0, -1), TG_ERR_ARG,
                   "tg_normal: the mean 0 and the standard deviation -1 must be finite in float32, the second at least 0");
    assert_refused(t, tg_normal(t, TG_SHAPE(2), 1e39, 1), TG_ERR_ARG,
                   "tg_normal: the mean 1e+39 and the standard deviation 1 must be finite in float32, the second at least 0");
    assert_refused(t, tg_exponential(t, TG_SHAPE(2), 0), TG_ERR_ARG,
                   "tg_exponential: the rate is 0; it and its reciprocal must be finite in float32 and more than 0");
    assert_null(tg_exponential(t, TG_SHAPE(2), (double)NAN));
    tg_clear_error(t);
    assert_refused(t, tg_truncated_normal(t, TG_SHAPE(2), &(tg_truncated_normal_options){.lo = 3, .hi = 2}), TG_ERR_ARG,
                   "tg_truncated_normal: 3 to 2 has no probability that a float64 holds");
    assert_refused(t, tg_truncated_normal(t, TG_SHAPE(2), &(tg_truncated_normal_options){.lo = 39, .hi = 40}), TG_ERR_ARG,
                   "tg_truncated_normal: 39 to 40 has no probability that a float64 holds");
    assert_null(tg_truncated_normal(t, TG_SHAPE(2), &(tg_truncated_normal_options){.lo = (double)NAN, .hi = 40}));
    tg_clear_error(t);
    assert_refused(t, tg_truncated_normal(t, TG_SHAPE(2), &(tg_truncated_normal_options){.std = -1}), TG_ERR_ARG,
                   "tg_truncated_normal: the mean 0 and the standard deviation -1 must be finite in float32, the second at least 0");
    assert_refused(t, tg_multinomial(x, -1, true), TG_ERR_ARG, "tg_multinomial: the number of draws is -1");
    assert_refused(t, tg_multinomial(x, 4, false), TG_ERR_SHAPE, "tg_multinomial: 4 draws cannot be made from 3 elements (input [2,3] float32)");
    assert_null(tg_multinomial(i, 1, true));
    assert_int_equal(tg_error_status(t), TG_ERR_DTYPE);
    tg_clear_error(t);
    assert_null(tg_multinomial(tg_scalar(t, 1), 1, true));
    assert_int_equal(tg_error_status(t), TG_ERR_SHAPE);
    tg_clear_error(t);
    static const double bad[][3] = {{1, -1, 1}, {1, NAN, 1}, {1, INFINITY, 1}, {0, 0, 0}, {0, 2, 0}};
    for (int k = 0; k < 5; k++) {
        tg_tensor *w = tensor(t, TG_F64, TG_SHAPE(3), bad[k]);
        assert_error_when_read(t, tg_multinomial(w, 2, false), TG_ERR_ARG, k < 3 ? "tg_multinomial: the weights of row 0" : "tg_multinomial: row 0");
        if (k < 4) assert_error_when_read(t, tg_multinomial(w, 2, true), TG_ERR_ARG, "tg_multinomial: ");
    }
    assert_refused(t, tg_gumbel_softmax(x, 0, &(tg_gumbel_softmax_options){.tau = -1}), TG_ERR_ARG,
                   "tg_gumbel_softmax: tau is -1; it must be finite and more than 0");
    assert_null(tg_gumbel_softmax(x, 2, NULL));
    assert_int_equal(tg_error_status(t), TG_ERR_SHAPE);
    tg_clear_error(t);
    assert_null(tg_categorical(i));
    assert_int_equal(tg_error_status(t), TG_ERR_DTYPE);
    tg_clear_error(t);
    assert_null(tg_straight_through(x, tg_ones(t, TG_SHAPE(3))));
    assert_int_equal(tg_error_status(t), TG_ERR_SHAPE);
    tg_clear_error(t);
    assert_null(tg_straight_through(i, i));
    assert_int_equal(tg_error_status(t), TG_ERR_DTYPE);
    tg_clear_error(t);
    assert_true(!tg_randint(NULL, TG_SHAPE(1), 0, 1) && !tg_randperm(NULL, 1) && !tg_normal(NULL, TG_SHAPE(1), 0, 1) && !tg_multinomial(NULL, 1, true));
    assert_true(!tg_exponential(NULL, TG_SHAPE(1), 1) && !tg_truncated_normal(NULL, TG_SHAPE(1), NULL) && !tg_categorical(NULL));
    assert_null(tg_error(t));
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distributions),          cmocka_unit_test(test_integers), cmocka_unit_test(test_permutations), cmocka_unit_test(test_bernoulli_of), cmocka_unit_test(test_multinomial),
        cmocka_unit_test(test_threads_change_nothing), cmocka_unit_test(test_hard),     cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
