/* test_statistics.c - norms, variances, correlations, counts and sums without NaN: special values, the ends of the range, kinks, nothing, and
 * wrong calls. Values and gradients of the usual kind: test_values.c and test_gradients.c. */
#include "op_test.h"

static tg_tensor *leaf(tg_tape *t, tg_dtype d, int64_t n, const double *v) { return tg_set_requires_grad(tensor(t, d, TG_SHAPE(n), v), true); }

#define LEAF(D, ...) leaf(t, D, TG_COUNTD_(__VA_ARGS__), (const double[]){__VA_ARGS__})
#define assert_number(Y, D, WANT, TOLERANCE) assert_values(Y, D, TG_SCALAR_SHAPE, &(double){WANT}, TOLERANCE)
#define assert_gradient(Y, X, D, N, TOLERANCE, ...) assert_values(gradient(Y, NULL, X), D, TG_SHAPE(N), (const double[]){__VA_ARGS__}, TOLERANCE)

/* ---- norms -------------------------------------------------------------------------------------------------------- */

/* Squares and cubes would overflow or vanish; the norm does not, and its gradient is x / norm. */
static void test_norm_range(void **state)
{
    static const double scales_f32[] = {1e-42, 1e-30, 1, 1e25, 5e37}, scales_f64[] = {1e-310, 1e-200, 1e-160, 1, 1e150, 1e200, 1e307};
    (void)state;
    for (tg_dtype d = TG_F32; d <= TG_F64; d++)
        for (int k = 0; k < (d == TG_F32 ? 5 : 7); k++) {
            tg_tape     *t = quiet(d);
            const double s = d == TG_F32 ? scales_f32[k] : scales_f64[k], rough = k == 0 ? 1e-3 : 1e-6;
            tg_tensor   *x = LEAF(d, 3 * s, 0, -4 * s);
            assert_number(tg_norm_all(x), d, 5 * s, rough * 5 * s);
            assert_gradient(tg_norm_all(x), x, d, 3, rough, 0.6, 0, -0.8);
            assert_number(tg_norm(x, 3, TG_ALL_AXES, false), d, cbrt(91) * s, rough * 5 * s);
            assert_gradient(tg_norm(x, 3, TG_ALL_AXES, false), x, d, 3, rough, 9 / cbrt(91 * 91), 0, -16 / cbrt(91 * 91));
            tg_tape_free(t);
        }
}

/* Numbers of all sizes in one sum. */
static void test_norm_of_all_sizes(void **state)
{
    tg_tape *t = quiet(TG_F64);
    (void)state;
    assert_number(tg_norm_all(VECTOR(t, 3e200, 1e-300, 4e200, 1)), TG_F64, 5e200, 1e186);
    assert_number(tg_norm_all(VECTOR(t, 3, 1e-300, 4, 1e-200)), TG_F64, 5, 1e-14);
    assert_number(tg_norm_all(VECTOR(t, 3e-150, 1e-300, 4e-150)), TG_F64, 5e-150, 1e-164);
    tg_tape_free(t);
}

/* At 0 the gradient is 0, and so is the second derivative. */
static void test_norm_at_zero(void **state)
{
    static const double powers[] = {-1, 0.5, 1, 1.5, 2, 3, INFINITY, -INFINITY};
    (void)state;
    for (int k = 0; k < 8; k++) {
        tg_tape   *t = quiet(TG_F64);
        tg_tensor *x = LEAF(TG_F64, 0, 0), *y = tg_norm(x, powers[k], TG_ALL_AXES, false), *g = gradient(y, NULL, x);
        assert_number(y, TG_F64, 0, 0);
        assert_f64(g, TG_SHAPE(2), 0, 0);
        if (tg_requires_grad(g)) assert_f64(gradient(g, tg_ones(t, TG_SHAPE(2)), x), TG_SHAPE(2), 0, 0);
        tg_tape_free(t);
    }
}

static void test_norm_kinks(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = LEAF(TG_F64, 0, -2, 2, 1);
    (void)state;
    assert_number(tg_norm(x, 0, TG_ALL_AXES, false), TG_F64, 3, 0);
    assert_false(tg_requires_grad(tg_norm(x, 0, TG_ALL_AXES, false)));
    assert_number(tg_norm(x, INFINITY, TG_ALL_AXES, false), TG_F64, 2, 0);
    assert_gradient(tg_norm(x, INFINITY, TG_ALL_AXES, false), x, TG_F64, 4, 0, 0, -0.5, 0.5, 0);
    assert_gradient(tg_norm(x, -INFINITY, TG_ALL_AXES, false), x, TG_F64, 4, 0, 0, 0, 0, 0);
    assert_number(tg_norm(x, -1, TG_ALL_AXES, false), TG_F64, 0, 0); /* an element is 0 */
    assert_gradient(tg_norm(x, -1, TG_ALL_AXES, false), x, TG_F64, 4, 0, 0, 0, 0, 0);
    assert_number(tg_norm(x, 0.5, TG_ALL_AXES, false), TG_F64, (1 + 2 * sqrt(2)) * (1 + 2 * sqrt(2)), 1e-13);
    const double slope = (1 + 2 * sqrt(2)) / sqrt(2);
    assert_gradient(tg_norm(x, 0.5, TG_ALL_AXES, false), x, TG_F64, 4, 1e-13, 0, -slope, slope, 1 + 2 * sqrt(2));
    tg_tape_free(t);
}

static void test_norm_not_finite(void **state)
{
    static const double powers[] = {0.5, 1, 2, 3, INFINITY};
    (void)state;
    for (tg_dtype d = TG_F32; d <= TG_F64; d++)
        for (int k = 0; k < 5; k++) {
            tg_tape *t = quiet(d);
            assert_number(tg_norm(LEAF(d, 1, -INFINITY), powers[k], TG_ALL_AXES, false), d, INFINITY, 0);
            assert_number(tg_norm(LEAF(d, 1, NAN, 2), powers[k], TG_ALL_AXES, false), d, NAN, 0);
            tg_tape_free(t);
        }
}

static void test_norm_over_nothing(void **state)
{
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *x = tg_zeros(t, TG_SHAPE(0, 2));
    (void)state;
    for (int p = 0; p < 4; p++) assert_values(tg_norm(x, p, TG_AXES(0), false), TG_F32, TG_SHAPE(2), (double[]){0, 0}, 0);
    assert_values(tg_norm(x, -1, TG_AXES(0), false), TG_F32, TG_SHAPE(2), (double[]){INFINITY, INFINITY}, 0);
    assert_error(t, tg_norm(x, INFINITY, TG_AXES(0), false), TG_ERR_SHAPE,
                 "tg_norm: tg_amax: there is no largest element: a reduced axis has size 0 (input [0,2] float32)");
    tg_tape_free(t);
}

/* ---- variances ---------------------------------------------------------------------------------------------------- */

static void test_constants(void **state)
{
    (void)state;
    for (tg_dtype d = TG_F32; d <= TG_F64; d++) {
        tg_tape   *t = quiet(d);
        tg_tensor *x = LEAF(d, 0.1, 0.1, 0.1), *std = tg_std_all(x), *g = gradient(std, NULL, x);
        assert_number(std, d, 0, 0);
        assert_values(g, d, TG_SHAPE(3), (double[]){0, 0, 0}, 0);
        assert_values(gradient(g, tg_ones_like(x), x), d, TG_SHAPE(3), (double[]){0, 0, 0}, 0);
        assert_number(tg_var_all(x), d, 0, 0);
        assert_gradient(tg_var_all(x), x, d, 3, 0, 0, 0, 0);
        tg_tape_free(t);
    }
}

/* Large numbers that differ little, and those whose squares leave the range. */
static void test_spread_range(void **state)
{
    tg_tape *t = quiet(TG_F32);
    (void)state;
    assert_number(tg_var_all(LEAF(TG_F32, 1e6 + 1, 1e6, 1e6 + 2)), TG_F32, 1, 1e-6);
    assert_number(tg_std_all(LEAF(TG_F32, 1e30, -1e30)), TG_F32, sqrt(2) * 1e30, 1e24);
    assert_number(tg_std_all(LEAF(TG_F32, 1e-30, -1e-30)), TG_F32, sqrt(2) * 1e-30, 1e-36);
    assert_number(tg_std_all(LEAF(TG_F64, 1e200, -1e200)), TG_F64, sqrt(2) * 1e200, 1e186);
    assert_number(tg_std_all(LEAF(TG_F64, 1e-200, -1e-200)), TG_F64, sqrt(2) * 1e-200, 1e-214);
    tg_tape_free(t);
}

static void test_few_elements(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *one = LEAF(TG_F64, 5), *two = LEAF(TG_F64, 1, 2), *mean = NULL;
    (void)state;
    assert_number(tg_var_all(one), TG_F64, NAN, 0);
    assert_number(tg_std_all(one), TG_F64, NAN, 0);
    assert_number(tg_var(one, TG_ALL_AXES, &(tg_var_options){.correction = TG_ZERO}), TG_F64, 0, 0);
    assert_number(tg_var(two, TG_ALL_AXES, &(tg_var_options){.correction = 2}), TG_F64, NAN, 0);
    assert_number(tg_var(two, TG_ALL_AXES, &(tg_var_options){.correction = 3}), TG_F64, NAN, 0);
    assert_number(tg_var(two, TG_ALL_AXES, &(tg_var_options){.correction = -1}), TG_F64, 0.5 / 3, 1e-16);
    assert_gradient(tg_var_all(one), one, TG_F64, 1, 0, NAN);
    assert_number(tg_var_mean(two, TG_AXES(0), NULL, &mean), TG_F64, 0.5, 0);
    assert_number(mean, TG_F64, 1.5, 0);
    assert_gradient(mean, two, TG_F64, 2, 0, 0.5, 0.5);
    assert_f64(tg_var(tg_zeros(t, TG_SHAPE(0, 2)), TG_AXES(0), NULL), TG_SHAPE(2), NAN, NAN);
    assert_f64(tg_std(tg_zeros(t, TG_SHAPE(2, 0)), TG_AXES(0), &(tg_var_options){.keepdim = true}), TG_SHAPE(1, 0), 0);
    tg_tape_free(t);
}

static void test_correlations(void **state)
{
    const double x[] = {1, 2, 3, 2, 4, 6, 3, 2, 1, 5, 5, 5};
    tg_tape     *t = quiet(TG_F64);
    tg_tensor   *r = tg_corrcoef(tensor(t, TG_F64, TG_SHAPE(4, 3), x));
    (void)state;
    assert_f64(r, TG_SHAPE(4, 4), 1, 1, -1, NAN, 1, 1, -1, NAN, -1, -1, 1, NAN, NAN, NAN, NAN, NAN);
    assert_f64(tg_cov(tensor(t, TG_F64, TG_SHAPE(3, 3), x), 1), TG_SHAPE(3, 3), 1, 2, -1, 2, 4, -2, -1, -2, 1);
    assert_number(tg_cov(tg_scalar(t, 3), 1), TG_F64, NAN, 0);
    assert_number(tg_corrcoef(VECTOR(t, 1, 5, 2)), TG_F64, 1, 0);
    tg_tensor *often = tensor(t, TG_I64, TG_SHAPE(3), (double[]){1, 0, 2}), *none = tg_zeros_like(often);
    assert_number(tg_cov_weighted(VECTOR(t, 1, NAN, 4), NULL, NULL, 1), TG_F64, NAN, 0);
    assert_number(tg_cov_weighted(VECTOR(t, 1, 7, 4), often, NULL, 1), TG_F64, 3, 1e-15); /* of 1, 4, 4 */
    assert_number(tg_cov_weighted(VECTOR(t, 1, 7, 4), often, NULL, 3), TG_F64, NAN, 0);
    assert_number(tg_cov_weighted(VECTOR(t, 1, 7, 4), none, NULL, 1), TG_F64, NAN, 0);
    assert_number(tg_cov_weighted(VECTOR(t, 1, 7, 4), tg_sub_s(often, 1), NULL, 0), TG_F64, NAN, 0);
    assert_number(tg_cov_weighted(VECTOR(t, 1, 7, 4), NULL, VECTOR(t, 1, -0.5, 1), 0), TG_F64, NAN, 0);
    tg_tape_free(t);
}

/* ---- counts, and sums without NaN ------------------------------------------------------------------------------------ */

static void test_without_nan(void **state)
{
    (void)state;
    for (tg_dtype d = TG_F32; d <= TG_F64; d++) {
        tg_tape   *t = quiet(d);
        tg_tensor *x = LEAF(d, 1, NAN, 3), *nothing = LEAF(d, NAN, NAN);
        assert_number(tg_nansum(x, TG_ALL_AXES, false), d, 4, 0);
        assert_gradient(tg_nansum(x, TG_ALL_AXES, false), x, d, 3, 0, 1, 0, 1);
        assert_number(tg_nanmean(x, TG_ALL_AXES, false), d, 2, 0);
        assert_gradient(tg_nanmean(x, TG_ALL_AXES, false), x, d, 3, 0, 0.5, 0, 0.5);
        assert_number(tg_nansum(nothing, TG_ALL_AXES, false), d, 0, 0);
        assert_number(tg_nanmean(nothing, TG_ALL_AXES, false), d, NAN, 0);
        assert_gradient(tg_nanmean(nothing, TG_ALL_AXES, false), nothing, d, 2, 0, 0, 0);
        assert_number(tg_nansum(LEAF(d, INFINITY, NAN), TG_ALL_AXES, false), d, INFINITY, 0);
        tg_tape_free(t);
    }
}

/* Extremes and spreads of numbers, which alone get gradients; NaN where there is none. */
static void test_spreads_without_nan(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(3, 4), (double[]){1, NAN, 3, 3, NAN, NAN, NAN, NAN, NAN, -INFINITY, 7, NAN}), true);
    tg_tensor *seed = VECTOR(t, 4, 5, 6);
    (void)state;
    assert_f64(tg_nanmax(x, TG_AXES(1), false), TG_SHAPE(3), 3, NAN, 7);
    assert_f64(tg_nanmin(x, TG_AXES(1), true), TG_SHAPE(3, 1), 1, NAN, -INFINITY);
    assert_f64(gradient(tg_nanmax(x, TG_AXES(1), false), seed, x), TG_SHAPE(3, 4), 0, 0, 2, 2, 0, 0, 0, 0, 0, 0, 6, 0);
    assert_f64(tg_nanvar(x, TG_AXES(1), NULL), TG_SHAPE(3), 4.0 / 3, NAN, NAN);
    assert_f64(tg_nanstd(x, TG_AXES(1), &(tg_var_options){.correction = TG_ZERO}), TG_SHAPE(3), sqrt(8.0 / 9), NAN, NAN);
    tg_tensor *first = tg_slice(x, 0, 0, 2, 1);
    assert_f64(gradient(tg_nanvar(first, TG_AXES(1), NULL), VECTOR(t, 3, 0), x), TG_SHAPE(3, 4), -4, 0, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0);
    tg_tensor *constant = tg_set_requires_grad(VECTOR(t, 0.1, NAN, 0.1, 0.1), true);
    assert_number(tg_nanstd(constant, TG_ALL_AXES, NULL), TG_F64, 0, 0);
    assert_f64(gradient(tg_nanstd(constant, TG_ALL_AXES, NULL), tg_scalar(t, 1), constant), TG_SHAPE(4), 0, 0, 0, 0);
    assert_number(tg_nanvar(VECTOR(t, NAN, 2), TG_ALL_AXES, NULL), TG_F64, NAN, 0);
    assert_number(tg_nanmax(tensor(t, TG_U8, TG_SHAPE(3), (double[]){7, 255, 3}), TG_ALL_AXES, false), TG_U8, 255, 0);
    assert_number(tg_ptp(tensor(t, TG_I32, TG_SHAPE(3), (double[]){7, -255, 3}), TG_ALL_AXES, false), TG_I32, 262, 0);
    assert_number(tg_average(VECTOR(t, 1, 2, 4), VECTOR(t, 3, 0, 1), TG_ALL_AXES, false), TG_F64, 1.75, 0);
    assert_number(tg_average(VECTOR(t, 1, 2, 4), VECTOR(t, 1, -1, 0), TG_ALL_AXES, false), TG_F64, -INFINITY, 0);
    assert_number(tg_average(VECTOR(t, 1, 2, 4), NULL, TG_ALL_AXES, false), TG_F64, 7.0 / 3, 1e-15);
    tg_tape_free(t);
}

static void test_counts(void **state)
{
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *largest = NULL;
    (void)state;
    assert_number(tg_count_nonzero(VECTOR(t, 0, -0.0, NAN, 1e-320, INFINITY), TG_ALL_AXES, false), TG_I64, 3, 0);
    assert_number(tg_argmin(VECTOR(t, 3, -1, -1), 0, false), TG_I64, 1, 0);
    assert_number(tg_argmin(VECTOR(t, 3, NAN, -1, NAN), 0, false), TG_I64, 1, 0);
    assert_number(tg_aminmax(VECTOR(t, 3, -1, 2), TG_ALL_AXES, false, &largest), TG_F64, -1, 0);
    assert_number(largest, TG_F64, 3, 0);
    assert_number(tg_aminmax(VECTOR(t, 3, NAN), TG_ALL_AXES, false, &largest), TG_F64, NAN, 0);
    assert_number(largest, TG_F64, NAN, 0);
    assert_number(tg_any_all(tg_zeros(t, TG_SHAPE(0))), TG_BOOL, 0, 0);
    assert_number(tg_all_all(tg_zeros(t, TG_SHAPE(0))), TG_BOOL, 1, 0);
    tg_tape_free(t);
}

/* ---- wrong calls -------------------------------------------------------------------------------------------------- */

static void test_errors(void **state)
{
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *x = tg_zeros(t, TG_SHAPE(2, 3)), *i = tg_arange(t, TG_I64, 3), *other = x;
    (void)state;
    assert_error(t, tg_norm(x, NAN, TG_ALL_AXES, false), TG_ERR_ARG, "tg_norm: p is NaN; it must be a number, or infinite");
    assert_error(t, tg_norm(i, 2, TG_ALL_AXES, false), TG_ERR_DTYPE, "tg_norm: takes float32 or float64, got int64; tg_to(x, TG_F32) converts");
    assert_error(t, tg_norm(x, 2, TG_AXES(2), false), TG_ERR_SHAPE, "tg_norm: axis 2 is outside the 2 axes of the input [2,3]");
    assert_error(t, tg_norm_all(i), TG_ERR_DTYPE, "tg_norm_all: takes float32 or float64, got int64; tg_to(x, TG_F32) converts");
    assert_error(t, tg_var(x, TG_ALL_AXES, &(tg_var_options){.correction = NAN}), TG_ERR_ARG, "tg_var: the correction is nan; it must be finite, and usually is 1");
    assert_error(t, tg_std(x, TG_ALL_AXES, &(tg_var_options){.correction = INFINITY}), TG_ERR_ARG, "tg_std: the correction is inf; it must be finite, and usually is 1");
    assert_error(t, tg_var_mean(x, TG_AXES(-3), NULL, &other), TG_ERR_SHAPE, "tg_var_mean: axis -3 is outside the 2 axes of the input [2,3]");
    assert_null(other);
    assert_error(t, tg_std_all(i), TG_ERR_DTYPE, "tg_std_all: takes float32 or float64, got int64; tg_to(x, TG_F32) converts");
    assert_error(t, tg_cov(tg_zeros(t, TG_SHAPE(1, 2, 3)), 1), TG_ERR_SHAPE,
                 "tg_cov: takes [variables, observations] or [observations], not [1,2,3]");
    assert_error(t, tg_corrcoef(tg_zeros(t, TG_SHAPE(1, 2, 3))), TG_ERR_SHAPE,
                 "tg_corrcoef: takes [variables, observations] or [observations], not [1,2,3]");
    assert_error(t, tg_nanmean(i, TG_ALL_AXES, false), TG_ERR_DTYPE, "tg_nanmean: takes float32 or float64, got int64; tg_to(x, TG_F32) converts");
    assert_error(t, tg_argmin(tg_zeros(t, TG_SHAPE(0)), 0, false), TG_ERR_SHAPE,
                 "tg_argmin: there is no smallest element: a reduced axis has size 0 (input [0] float32)");
    other = x;
    assert_error(t, tg_aminmax(tg_zeros(t, TG_SHAPE(0)), TG_ALL_AXES, false, &other), TG_ERR_SHAPE,
                 "tg_aminmax: tg_amin: there is no smallest element: a reduced axis has size 0 (input [0] float32)");
    assert_null(other);
    assert_error(t, tg_cov_weighted(x, x, NULL, 1), TG_ERR_DTYPE, "tg_cov_weighted: the fweights are float32; they must be int64 or int32");
    assert_error(t, tg_cov_weighted(x, NULL, i, 1), TG_ERR_DTYPE, "tg_cov_weighted: the aweights are int64; they must be float32");
    assert_error(t, tg_cov_weighted(x, NULL, x, 1), TG_ERR_SHAPE, "tg_cov_weighted: the aweights must be a vector of 3, one for each observation");
    assert_error(t, tg_cov_weighted(x, NULL, NULL, INFINITY), TG_ERR_ARG, "tg_cov_weighted: the correction is inf; it must be finite, and usually is 1");
    assert_null(tg_cov_weighted(NULL, NULL, NULL, 1));
    assert_null(tg_norm(NULL, NAN, NULL, false));
    assert_null(tg_norm_all(NULL));
    assert_null(tg_var(NULL, NULL, NULL));
    assert_null(tg_var_mean(NULL, TG_ALL_AXES, NULL, NULL));
    assert_null(tg_cov(NULL, 1));
    assert_null(tg_corrcoef(NULL));
    assert_null(tg_nansum(NULL, NULL, false));
    assert_null(tg_count_nonzero(NULL, NULL, false));
    assert_null(tg_error(t));
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_norm_range),        cmocka_unit_test(test_norm_of_all_sizes), cmocka_unit_test(test_norm_at_zero),
        cmocka_unit_test(test_norm_kinks),        cmocka_unit_test(test_norm_not_finite),   cmocka_unit_test(test_norm_over_nothing),
        cmocka_unit_test(test_constants),         cmocka_unit_test(test_spread_range),      cmocka_unit_test(test_few_elements),
        cmocka_unit_test(test_correlations),      cmocka_unit_test(test_without_nan),       cmocka_unit_test(test_spreads_without_nan), cmocka_unit_test(test_counts),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
