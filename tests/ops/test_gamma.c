/* test_gamma.c - numbers of the gamma distribution and of those made of it: quantiles and derivatives against golden figures, moments and distribution
 * functions for fixed seeds, the same numbers for any number of threads, where there is nothing to draw, and what is refused. Values and
 * gradients elsewhere are those of samples_random.c. */
#include "op_test.h"

#include "golden.h"
#include "ops/random/gamma_quantile.h"
#include "random_test.h"

enum { N = 1 << 15 };

static tg_tape *seeded(uint64_t seed, tg_dtype dtype, int threads)
{
    tg_tape *t = tg_tape_new(&(tg_tape_options){.silent = true, .seed = seed, .dtype = dtype, .threads = threads});
    assert_non_null(t);
    return t;
}

static tg_tensor *many(tg_tape *t, double parameter) { return tg_full(t, TG_F64, TG_SHAPE(N), parameter); }

/* ---- one number ------------------------------------------------------------------------------------------------------ */

static void assert_relative(double got, double want, double bound, const char *what, double a, double u)
{
    if (!(fabs(got - want) <= bound * fabs(want))) fail_msg("%s for a = %g and u = %g is %.17g, not %.17g", what, a, u, got, want);
}

/* x is as exact as ln x: bounds are absolute where that is small. */
static void test_golden(void **state)
{
    FILE  *f = golden_open("gamma.csv");
    double a, u, l, slope[TG_GAMMA_SLOPES];
    int    rows = 0;
    (void)state;
    assert_non_null(f);
    for (; fscanf(f, "%lf,%lf,%lf,%lf,%lf,%lf", &a, &u, &l, &slope[0], &slope[1], &slope[2]) == 6; rows++) {
        const double bound = 1e-13 * fmax(1, fabs(l)), got = tg_gamma_quantile(a, u, 2e-6);
        if (!(fabs(got - l) <= bound)) fail_msg("ln x for a = %g and u = %g is %.17g, not %.17g", a, u, got, l);
        assert_true(fabs(tg_gamma_quantile(a, u, 5e-4) - l) <= 1e-7 * fmax(1, fabs(l))); /* what f32 asks for */
        assert_relative(tg_gamma_slope(a, l, 1), slope[0], 1e-12, "the derivative", a, u);
        assert_relative(tg_gamma_slope(a, l, 2), slope[1], 1e-10, "the second derivative", a, u);
        assert_relative(tg_gamma_slope(a, l, 3), slope[2], 1e-8, "the third derivative", a, u);
    }
    fclose(f);
    assert_int_equal(rows, 108);
}

/* Shapes for which P is known without gammas: 1 - e^-x, and of an even number of degrees of freedom; large ones, which are nearly normal. */
static void test_known(void **state)
{
    (void)state;
    for (int k = 1; k < 64; k++) {
        const double u = k / 64.0, x = exp(tg_gamma_quantile(1, u, 2e-6)), y = exp(tg_gamma_quantile(3, u, 2e-6));
        assert_relative(x, -log1p(-u), 1e-14, "x", 1, u);
        assert_relative(1 - exp(-y) * (1 + y + y * y / 2), u, 1e-13, "P", 3, u);
    }
    for (double a = 1e7; a < 1e30; a *= 10) {
        const double l = tg_gamma_quantile(a, 0.5, 2e-6); /* the median is a - 1/3 */
        assert_relative(l, log(a), 1e-7, "ln x", a, 0.5);
        assert_relative(tg_gamma_slope(a, l, 1), 1 / a, 1e-6, "the derivative", a, 0.5);
    }
    assert_true(isfinite(tg_gamma_quantile(1e300, 1e-16, 2e-6)) && isfinite(tg_gamma_slope(1e300, 690, 3)));
}

/* ---- many ------------------------------------------------------------------------------------------------------------- */

/* Mean and variance, each within six standard errors, which the third and the fourth moment give. */
static void check_moments(tg_tensor *x, double mean, double variance, double fourth, const char *name)
{
    const double *v = values(x);
    double        m = 0, s = 0;
    for (int k = 0; k < N; k++) m += v[k] / N;
    for (int k = 0; k < N; k++) s += (v[k] - mean) * (v[k] - mean) / N;
    if (!(fabs(m - mean) < 6 * sqrt(variance / N))) fail_msg("the mean of %s is %g, not %g", name, m, mean);
    if (!(fabs(s - variance) < 6 * sqrt((fourth - variance * variance) / N))) fail_msg("the variance of %s is %g, not %g", name, s, variance);
}

static void test_moments(void **state)
{
    static const double shapes[] = {0.05, 0.7, 1, 4, 30, 2000, 1e6};
    (void)state;
    for (int k = 0; k < 7; k++) {
        tg_tape     *t = seeded(5, TG_F64, 0);
        const double a = shapes[k];
        tg_tensor   *l, *x = tg_standard_gamma(many(t, a), &l);
        check_moments(x, a, a, 3 * a * a + 6 * a, "gamma");
        check_moments(tg_exp(l), a, a, 3 * a * a + 6 * a, "e^ln gamma");
        check_moments(tg_chisquare(many(t, a)), a, 2 * a, 12 * a * (a + 4), "chisquare");
        const double b = 2, s = a + b, var = a * b / (s * s * (s + 1)), excess = 6 * ((a - b) * (a - b) * (s + 1) - a * b * (s + 2)) / (a * b * (s + 2) * (s + 3));
        check_moments(tg_rand_beta(many(t, a), tg_scalar(t, b)), a / s, var, (3 + excess) * var * var, "beta");
        tg_tensor *alpha = tg_expand(VECTOR(t, a, 1.5, 0.5), TG_SHAPE(N, 3)), *p = tg_dirichlet(alpha);
        check_moments(tg_select(p, 1, 0), a / s, var, (3 + excess) * var * var, "dirichlet");
        assert_values(tg_amax_all(tg_abs(tg_sub_s(tg_sum(p, TG_AXES(1), false), 1))), TG_F64, TG_SCALAR_SHAPE, &(double){0}, 1e-14);
        if (a > 5) check_moments(tg_standard_t(many(t, a)), 0, a / (a - 2), (3 + 6 / (a - 4)) * a * a / ((a - 2) * (a - 2)), "t");
        tg_tape_free(t);
    }
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Kolmogorov and Smirnov, against quantiles that are golden: the share of numbers below each is within 2.3 / sqrt(n) of it. */
static void test_distribution(void **state)
{
    static double v[N];
    FILE         *f = golden_open("gamma.csv");
    double        a, u, l, drawn = 0;
    (void)state;
    assert_non_null(f);
    tg_tape *t = seeded(7, TG_F32, 0);
    while (fscanf(f, "%lf,%lf,%lf,%*f,%*f,%*f", &a, &u, &l) == 3) {
        if (a != drawn) {
            tg_tensor *log_x;
            tg_standard_gamma(tg_to(many(t, a), TG_F32), &log_x);
            memcpy(v, values(log_x), sizeof v);
            qsort(v, N, sizeof *v, ascending);
            drawn = a;
        }
        int below = 0;
        while (below < N && v[below] < l) below++;
        if (!(fabs((double)below / N - u) < 2.3 / sqrt(N))) fail_msg("for a = %g the share below %g is %g, not %g", a, l, (double)below / N, u);
    }
    fclose(f);
    tg_tape_free(t);
}

static void test_threads_change_nothing(void **state)
{
    float got[2][2][3000];
    (void)state;
    for (int threads = 1; threads <= 4; threads += 3) {
        tg_tape   *t = seeded(3, TG_F32, threads);
        tg_tensor *a = tg_set_requires_grad(tg_uniform(t, TG_SHAPE(3000), 0.1, 3), true), *x = tg_standard_gamma(a, NULL);
        assert_int_equal(tg_copy_to(x, got[threads > 1][0], 12000), TG_OK);
        assert_int_equal(tg_copy_to(gradient(x, tg_ones_like(x), a), got[threads > 1][1], 12000), TG_OK);
        tg_tape_free(t);
    }
    assert_memory_equal(got[0], got[1], sizeof got[0]);
}

/* The mean of x^2 moves with alpha as alpha^2 + alpha does. */
static void test_gradient_of_a_mean(void **state)
{
    tg_tape   *t = seeded(4, TG_F32, 0);
    tg_tensor *a = tg_set_requires_grad(tg_scalar(t, 2.5), true), *x = tg_standard_gamma(tg_expand(a, TG_SHAPE(N)), NULL);
    (void)state;
    const double slope = tg_item(gradient(tg_mean_all(tg_square(x)), NULL, a));
    assert_true(fabs(slope - 6) < 0.2);
    tg_tape_free(t);
}

/* ---- where there is nothing to draw, and calls that are refused --------------------------------------------------------- */

static void test_edges(void **state)
{
    (void)state;
    for (tg_dtype d = TG_F32; d <= TG_F64; d++) {
        tg_tape   *t = seeded(1, d, 0);
        tg_tensor *a = tg_set_requires_grad(tensor(t, d, TG_SHAPE(6), (double[]){0, -1, NAN, INFINITY, -INFINITY, 2}), true), *l;
        tg_tensor *x = tg_standard_gamma(a, &l), *last = tensor(t, d, TG_SHAPE(6), (double[]){0, 0, 0, 0, 0, 1});
        const double *v = values(x), *w = values(l), *g = values(gradient(x, last, a));
        for (int k = 0; k < 6; k++) {
            assert_true(k < 5 ? isnan(v[k]) && isnan(w[k]) : v[k] > 0 && isfinite(w[k]));
            assert_true(k < 5 ? g[k] == 0 : g[k] > 0); /* what is not used gets nothing */
        }
        /* Nearly all are 0 as floats; their logarithms and what is made of them are not. */
        tg_tensor *tiny = tg_full(t, d, TG_SHAPE(100, 2), 1e-3), *p = tg_dirichlet(tiny);
        assert_true(tg_item(tg_all_all(tg_isfinite((tg_standard_gamma(tiny, &l), l)))) == 1);
        assert_true(tg_item(tg_all_all(tg_isclose(tg_sum(p, TG_AXES(1), false), tg_ones(t, TG_SHAPE(100)), NULL))) == 1);
        assert_int_equal(tg_numel(tg_standard_gamma(tg_zeros(t, TG_SHAPE(0, 3)), NULL)), 0);
        tg_tape_free(t);
    }
}

static void test_errors(void **state)
{
    (void)state;
    tg_tape   *t = seeded(1, TG_F64, 0);
    tg_tensor *i = tg_arange(t, TG_I64, 3), *x = tg_ones(t, TG_SHAPE(3)), *l = x;
    assert_refused(t, tg_standard_gamma(i, &l), TG_ERR_DTYPE,
                   "tg_standard_gamma: takes float32 or float64, got int64; tg_to(x, TG_F32) converts (input [3] int64)");
    assert_null(l);
    assert_refused(t, tg_dirichlet(tg_scalar(t, 1)), TG_ERR_SHAPE, "tg_dirichlet: takes at least 1 axis, that of the numbers with sum 1");
    assert_refused(t, tg_dirichlet(i), TG_ERR_DTYPE, "tg_dirichlet: takes float32 or float64, got int64; tg_to(x, TG_F32) converts");
    assert_refused(t, tg_rand_beta(x, tg_ones(t, TG_SHAPE(2))), TG_ERR_SHAPE, "tg_rand_beta: the parameters do not broadcast with each other");
    assert_refused(t, tg_chisquare(i), TG_ERR_DTYPE, "tg_chisquare: takes float32 or float64, got int64; tg_to(x, TG_F32) converts");
    assert_refused(t, tg_standard_t(i), TG_ERR_DTYPE, "tg_standard_t: takes float32 or float64, got int64; tg_to(x, TG_F32) converts");
    tg_tensor *a = tg_set_requires_grad(tg_ones(t, TG_SCALAR_SHAPE), true), *y = tg_standard_gamma(a, NULL), *g = NULL;
    for (int k = 0; k < 3; k++) y = gradient(y, NULL, a);
    assert_int_equal(tg_grad(&y, NULL, 1, &a, 1, true, &g), TG_ERR_GRAD);
    assert_non_null(strstr(tg_error(t), "random numbers of the gamma distribution have derivatives up to the 3rd"));
    tg_clear_error(t);
    assert_true(!tg_standard_gamma(NULL, NULL) && !tg_dirichlet(NULL) && !tg_rand_beta(NULL, x) && !tg_chisquare(NULL) && !tg_standard_t(NULL));
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),       cmocka_unit_test(test_known),   cmocka_unit_test(test_moments),
        cmocka_unit_test(test_distribution), cmocka_unit_test(test_threads_change_nothing), cmocka_unit_test(test_gradient_of_a_mean),
        cmocka_unit_test(test_edges),        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
