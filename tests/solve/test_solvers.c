/* test_solvers.c - linear systems, minima and least squares: against elimination in long double, minima that are known, NIST's certified values; what
 * goes wrong; memory. */
#include "f64_test.h"

#include <string.h>

/* ---- linear systems ------------------------------------------------------------------------------------------------------ */

enum { N = 12 };

static double A[N][N];

/* Symmetric and positive definite: B B^T + 1, of some B, with rows of very different sizes where `scaled`. */
static void fill_matrix(bool scaled)
{
    double b[N][N];
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) b[i][j] = sin(1.7 * i + 0.9 * j * j) * (scaled ? pow(10, i / 4.0) : 1);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            A[i][j] = i == j ? (scaled ? pow(10, i / 2.0) : 1) : 0;
            for (int k = 0; k < N; k++) A[i][j] += b[i][k] * b[j][k];
        }
}

static void eliminate(const double *b, double *x)
{
    long double a[N][N + 1];
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) a[i][j] = A[i][j];
        a[i][N] = b[i];
    }
    for (int k = 0; k < N; k++)
        for (int i = 0; i < N; i++)
            for (int j = N; i != k && j >= k; j--) a[i][j] -= a[i][k] / a[k][k] * a[k][j];
    for (int i = 0; i < N; i++) x[i] = (double)(a[i][N] / a[i][i]);
}

static tg_tensor *product(void *ctx, tg_tensor *const *in) { return (void)ctx, tg_matmul(tg_to(tg_from_f64(tg_tape_of(in[0]), TG_SHAPE(N, N), A[0]), tg_dtype_of(in[0])), in[0]); }

static tg_tensor *by_diagonal(void *ctx, tg_tensor *const *in)
{
    double d[N];
    (void)ctx;
    for (int i = 0; i < N; i++) d[i] = A[i][i];
    return tg_div(in[0], tg_from_f64(tg_tape_of(in[0]), TG_SHAPE(N), d));
}

static tg_tensor *negative(void *ctx, tg_tensor *const *in) { return (void)ctx, tg_neg(in[0]); }
static tg_tensor *wide(void *ctx, tg_tensor *const *in) { return (void)ctx, tg_unsqueeze(in[0], 0); }
static tg_tensor *nothing(void *ctx, tg_tensor *const *in) { return (void)ctx, (void)in, NULL; }
static tg_tensor *counts(void *ctx, tg_tensor *const *in) { return (void)ctx, tg_to(in[0], TG_I64); }
static tg_tensor *resets(void *ctx, tg_tensor *const *in) { return (void)ctx, tg_reset(tg_tape_of(in[0])), in[0]; }

static void test_conjugate_gradient(void **state)
{
    tg_tape        *t = open_tape(state);
    double          b[N], want[N];
    tg_solve_report r;
    for (int i = 0; i < N; i++) b[i] = cos(i);
    fill_matrix(false);
    eliminate(b, want);
    for (tg_dtype d = TG_F32; d <= TG_F64; d++) {
        tg_tensor *x, *rhs = tg_to(tg_from_f64(t, TG_SHAPE(N), b), d);
        assert_int_equal(tg_conjugate_gradient(product, NULL, rhs, &(tg_cg_options){.rtol = d == TG_F64 ? 1e-13 : 1e-5}, &x, &r), TG_OK);
        assert_true(r.converged && r.calls == r.iterations && r.iterations >= 3 && r.iterations <= 3 * N);
        assert_int_equal(tg_dtype_of(x), d);
        const double *got = tg_data_f64(tg_to(x, TG_F64));
        for (int i = 0; i < N; i++) assert_true(fabs(got[i] - want[i]) <= (d == TG_F64 ? 1e-10 : 1e-3));
        if (d == TG_F32) continue;
        tg_tensor *again; /* from the solution there is nothing to do, and from nowhere little */
        assert_int_equal(tg_conjugate_gradient(product, NULL, rhs, &(tg_cg_options){.start = x, .rtol = 1e-10}, &again, &r), TG_OK);
        assert_true(r.converged && r.iterations == 0 && r.calls == 1);
        assert_int_equal(tg_conjugate_gradient(product, NULL, rhs, &(tg_cg_options){.max_iter = 2}, &again, &r), TG_OK);
        assert_true(!r.converged && r.iterations == 2 && r.residual > 0);
        assert_int_equal(tg_conjugate_gradient(product, NULL, tg_zeros(t, TG_SHAPE(N)), NULL, &again, &r), TG_OK);
        assert_true(r.converged && r.iterations == 0);
    }
}

static void test_preconditioner(void **state)
{
    tg_tape        *t = open_tape(state);
    tg_tensor      *x[2], *b = tg_ones(t, TG_SHAPE(N));
    tg_solve_report r[2];
    fill_matrix(true);
    for (int k = 0; k < 2; k++)
        assert_int_equal(tg_conjugate_gradient(product, NULL, b, &(tg_cg_options){.rtol = 1e-10, .max_iter = 1000, .preconditioner = k ? by_diagonal : NULL}, &x[k], &r[k]), TG_OK);
    assert_true(r[1].converged && r[1].iterations <= 3 * N && r[1].iterations < r[0].iterations);
}

static void test_wrong_systems(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *b = tg_ones(t, TG_SHAPE(N)), *x;
    expect_failure(t, tg_conjugate_gradient(negative, NULL, b, NULL, &x, NULL), TG_ERR_ARG, "tg_conjugate_gradient: the matrix is not positive definite: v^T A v is -12");
    assert_null(x);
    expect_failure(t, tg_conjugate_gradient(wide, NULL, b, NULL, &x, NULL), TG_ERR_SHAPE, "f returned [1,12] for [12]");
    expect_failure(t, tg_conjugate_gradient(nothing, NULL, b, NULL, &x, NULL), TG_ERR_NULL, "f returned NULL");
    expect_failure(t, tg_conjugate_gradient(counts, NULL, b, NULL, &x, NULL), TG_ERR_DTYPE, "f returned int64; it must return float32 or float64");
    expect_failure(t, tg_conjugate_gradient(resets, NULL, b, NULL, &x, NULL), TG_ERR_ARG, "tg_reset");
    expect_failure(t, tg_conjugate_gradient(NULL, NULL, b, NULL, &x, NULL), TG_ERR_NULL, "tg_conjugate_gradient: f is NULL");
    expect_failure(t, tg_conjugate_gradient(negative, NULL, tg_arange(t, TG_I64, 3), NULL, &x, NULL), TG_ERR_DTYPE, "unknown 0 is int64; it must be float32 or float64");
    expect_failure(t, tg_conjugate_gradient(negative, NULL, tg_full(t, TG_F64, TG_SHAPE(2), NAN), NULL, &x, NULL), TG_ERR_ARG, "element 0 of what it begins with is not finite");
    expect_failure(t, tg_conjugate_gradient(negative, NULL, b, &(tg_cg_options){.rtol = -1}, &x, NULL), TG_ERR_ARG, "rtol must be finite and not negative, got -1");
    expect_failure(t, tg_conjugate_gradient(negative, NULL, b, &(tg_cg_options){.max_iter = -1}, &x, NULL), TG_ERR_ARG, "max_iter must be more than 0, got -1");
    expect_failure(t, tg_conjugate_gradient(negative, NULL, b, &(tg_cg_options){.start = tg_ones(t, TG_SHAPE(2))}, &x, NULL), TG_ERR_SHAPE, "start has to be of floats, and of b's shape");
    assert_int_equal(tg_conjugate_gradient(negative, NULL, NULL, NULL, &x, NULL), TG_ERR_NULL);
    assert_int_equal(tg_conjugate_gradient(negative, NULL, b, NULL, NULL, NULL), TG_ERR_NULL);
    assert_null(tg_error(t));
}

/* ---- minima ---------------------------------------------------------------------------------------------------------------- */

/* 100 (b - a^2)^2 + (1 - a)^2, least at (1, 1). */
static tg_tensor *rosenbrock(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    tg_tensor *a = tg_select(in[0], 0, 0), *b = tg_select(in[0], 0, 1);
    return tg_add(tg_mul_s(tg_square(tg_sub(b, tg_square(a))), 100), tg_square(tg_rsub_s(1, a)));
}

static void test_rosenbrock(void **state)
{
    tg_tape        *t = open_tape(state);
    tg_tensor      *x0 = tg_from_f64(t, TG_SHAPE(2), (double[]){-1.2, 1}), *x;
    tg_solve_report r;
    for (int full = 0; full < 2; full++) {
        assert_int_equal(tg_newton_cg(rosenbrock, NULL, &x0, 1, &(tg_newton_cg_options){.full_steps = full, .max_cg = 10}, &x, &r), TG_OK);
        assert_true(r.converged && r.residual <= 1e-8 && r.value < 1e-14);
        for (int k = 0; k < 2; k++) assert_true(fabs(tg_data_f64(x)[k] - 1) < 1e-7);
        assert_true(r.iterations < (full ? 10 : 90)); /* SciPy's Newton-CG takes 84 */
    }
}

/* sum cosh(x - 2) + cosh(y x_0): unknowns of two shapes and dtypes; the minimum is x = 2 but for x_0, which y = 0 leaves alone. */
static tg_tensor *two_unknowns(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    tg_tensor *x = tg_sub_s(in[0], 2), *y = tg_to(in[1], TG_F64);
    return tg_add(tg_sum_all(tg_cosh(x)), tg_sum_all(tg_cosh(tg_mul_s(y, 3))));
}

/* A saddle, from which curvature is negative: x^4 / 4 - x^2 / 2 at 0.1, least at 1. */
static tg_tensor *double_well(void *ctx, tg_tensor *const *in) { return (void)ctx, tg_sum_all(tg_sub(tg_mul_s(tg_square(tg_square(in[0])), 0.25), tg_mul_s(tg_square(in[0]), 0.5))); }
static tg_tensor *logarithm(void *ctx, tg_tensor *const *in) { return (void)ctx, tg_sum_all(tg_sub(tg_mul_s(in[0], 2), tg_log(in[0]))); }
static tg_tensor *itself(void *ctx, tg_tensor *const *in) { return (void)ctx, in[0]; }
/* From 2 whole steps lead to -8, and ever further. */
static tg_tensor *hyperbola(void *ctx, tg_tensor *const *in) { return (void)ctx, tg_sum_all(tg_sqrt(tg_add_s(tg_square(in[0]), 1))); }
static tg_tensor *downhill(void *ctx, tg_tensor *const *in) { return (void)ctx, tg_sum_all(tg_neg(in[0])); }

static void test_newton(void **state)
{
    tg_tape        *t = open_tape(state);
    tg_tensor      *x[2], *x0[] = {tg_from_f64(t, TG_SHAPE(2, 2), (double[]){0, 1, 5, -1}), tg_to(tg_full(t, TG_F64, TG_SHAPE(3), 0.5), TG_F32)};
    tg_solve_report r;
    assert_int_equal(tg_newton_cg(two_unknowns, NULL, x0, 2, NULL, x, &r), TG_OK);
    assert_true(r.converged && tg_dtype_of(x[1]) == TG_F32);
    for (int k = 0; k < 4; k++) assert_true(fabs(tg_data_f64(x[0])[k] - 2) < 1e-7);
    for (int k = 0; k < 3; k++) assert_true(fabsf(tg_data_f32(x[1])[k]) < 1e-6f);
    tg_tensor *near = tg_full(t, TG_F64, TG_SHAPE(3), 0.1);
    assert_int_equal(tg_newton_cg(double_well, NULL, &near, 1, NULL, x, &r), TG_OK);
    assert_true(r.converged);
    for (int k = 0; k < 3; k++) assert_true(fabs(tg_data_f64(x[0])[k] - 1) < 1e-7);
    tg_tensor *far = tg_full(t, TG_F64, TG_SHAPE(2), 30); /* whole steps would lead where there is no logarithm */
    assert_int_equal(tg_newton_cg(logarithm, NULL, &far, 1, NULL, &far, &r), TG_OK);
    assert_true(r.converged && fabs(tg_data_f64(far)[1] - 0.5) < 1e-7);
    tg_tensor *two = tg_full(t, TG_F64, TG_SHAPE(2), 2);
    assert_int_equal(tg_newton_cg(hyperbola, NULL, &two, 1, &(tg_newton_cg_options){.full_steps = true, .max_iter = 3}, x, &r), TG_OK);
    assert_true(!r.converged && r.value > 1e6);
    assert_int_equal(tg_newton_cg(hyperbola, NULL, &two, 1, NULL, x, &r), TG_OK);
    assert_true(r.converged && fabs(r.value - 2) < 1e-12);
    assert_int_equal(tg_newton_cg(downhill, NULL, &near, 1, &(tg_newton_cg_options){.max_iter = 3}, x, &r), TG_OK);
    assert_true(!r.converged && r.iterations == 3);
}

static void test_wrong_minima(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x0 = tg_full(t, TG_F64, TG_SHAPE(2), -1), *stale = tg_ones(t, TG_SHAPE(2)), *x;
    expect_failure(t, tg_newton_cg(logarithm, NULL, &x0, 1, NULL, &x, NULL), TG_ERR_ARG, "tg_newton_cg: f or its gradient is not finite where it begins");
    expect_failure(t, tg_newton_cg(itself, NULL, &x0, 1, NULL, &x, NULL), TG_ERR_SHAPE, "f returned [2]; it must return one element");
    expect_failure(t, tg_newton_cg(double_well, NULL, &x0, 1, &(tg_newton_cg_options){.tolerance_grad = NAN}, &x, NULL), TG_ERR_ARG, "tolerance_grad must be finite");
    expect_failure(t, tg_newton_cg(double_well, NULL, &x0, 1, &(tg_newton_cg_options){.max_cg = -3}, &x, NULL), TG_ERR_ARG, "max_cg must be more than 0, got -3");
    assert_int_equal(tg_newton_cg(double_well, NULL, &x0, 0, NULL, &x, NULL), TG_ERR_NULL);
    assert_int_equal(tg_newton_cg(double_well, NULL, NULL, 1, NULL, &x, NULL), TG_ERR_NULL);
    tg_reset(t);
    assert_int_equal(tg_newton_cg(double_well, NULL, &stale, 1, NULL, &x, NULL), TG_ERR_STALE);
    assert_null(x);
    tg_clear_error(t);
}

/* ---- least squares ----------------------------------------------------------------------------------------------------------- */

/* Misra1a of NIST's Statistical Reference Datasets: y = b0 (1 - exp(-b1 x)), and the certified answers. */
enum { POINTS = 14 };
static const double misra_x[POINTS] = {77.6, 114.9, 141.1, 190.8, 239.9, 289.0, 332.8, 378.4, 434.8, 477.3, 536.8, 593.1, 689.1, 760.0};
static const double misra_y[POINTS] = {10.07, 14.73, 17.94, 23.93, 29.61, 35.18, 40.02, 44.82, 50.76, 55.05, 61.01, 66.40, 75.47, 81.78};
static const double certified[2] = {2.3894212918E+02, 5.5015643181E-04}, certified_sum = 1.2455138894E-01;

static tg_tensor *misra(void *ctx, tg_tensor *const *in)
{
    tg_tape *t = tg_tape_of(in[0]);
    (void)ctx;
    tg_tensor *x = tg_from_f64(t, TG_SHAPE(POINTS), misra_x), *y = tg_from_f64(t, TG_SHAPE(POINTS), misra_y);
    return tg_sub(y, tg_mul(in[0], tg_rsub_s(1, tg_exp(tg_neg(tg_mul(in[1], x))))));
}

static void test_misra(void **state)
{
    tg_tape *t = open_tape(state);
    for (int start = 0; start < 2; start++) {
        tg_tensor      *b0[] = {tg_scalar(t, start ? 250 : 500), tg_scalar(t, start ? 5e-4 : 1e-4)}, *b[2];
        tg_solve_report r;
        assert_int_equal(tg_levenberg_marquardt(misra, NULL, b0, 2, NULL, b, &r), TG_OK);
        assert_true(r.converged && r.iterations < 60);
        for (int k = 0; k < 2; k++) assert_true(fabs(tg_item(b[k]) - certified[k]) <= 1e-8 * certified[k]);
        assert_true(fabs(2 * r.value - certified_sum) <= 1e-9 * certified_sum);
    }
}

/* Rosenbrock's function as squares, and an unknown on which nothing depends. */
static tg_tensor *rosenbrock_residuals(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    tg_tensor *a = tg_select(in[0], 0, 0), *b = tg_select(in[0], 0, 1), *parts[] = {tg_mul_s(tg_sub(b, tg_square(a)), 10), tg_rsub_s(1, a)};
    return tg_stack(parts, 2, 0);
}

static void test_least_squares(void **state)
{
    tg_tape        *t = open_tape(state);
    tg_tensor      *x0[] = {tg_from_f64(t, TG_SHAPE(2), (double[]){-1.2, 1}), tg_scalar(t, 7)}, *x[2];
    tg_solve_report r;
    assert_int_equal(tg_levenberg_marquardt(rosenbrock_residuals, NULL, x0, 2, NULL, x, &r), TG_OK);
    assert_true(r.converged && r.iterations < 60 && r.value < 1e-18);
    for (int k = 0; k < 2; k++) assert_true(fabs(tg_data_f64(x[0])[k] - 1) < 1e-8);
    assert_true(tg_item(x[1]) == 7);
    assert_int_equal(tg_levenberg_marquardt(rosenbrock_residuals, NULL, x0, 1, &(tg_least_squares_options){.max_iter = 2}, x, &r), TG_OK);
    assert_true(!r.converged && r.iterations == 2);
    tg_tensor *bad = tg_full(t, TG_F64, TG_SHAPE(2), INFINITY), *log_of[] = {tg_full(t, TG_F64, TG_SHAPE(2), -1)};
    expect_failure(t, tg_levenberg_marquardt(rosenbrock_residuals, NULL, &bad, 1, NULL, x, NULL), TG_ERR_ARG, "tg_levenberg_marquardt: element 0 of what it begins with");
    expect_failure(t, tg_levenberg_marquardt(logarithm, NULL, log_of, 1, NULL, x, NULL), TG_ERR_ARG, "f is not finite where it begins");
    expect_failure(t, tg_levenberg_marquardt(misra, NULL, x0, 1, &(tg_least_squares_options){.damping = TG_ZERO}, x, NULL), TG_ERR_ARG, "damping must be finite and more than 0");
}

/* An error that f passes over is one of the solver, whatever went well after it. */
static tg_tensor *passes_over(void *ctx, tg_tensor *const *in)
{
    tg_tensor *sum = tg_sum_all(tg_square(in[0])), *x = in[0], *g = NULL;
    (void)ctx, (void)tg_reshape(in[0], TG_SHAPE(7));
    return tg_vjp(&sum, NULL, 1, &x, 1, false, &g) == TG_OK ? NULL : g;
}

static void test_errors_passed_over(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x0 = tg_ones(t, TG_SHAPE(2)), *x;
    assert_int_equal(tg_levenberg_marquardt(passes_over, NULL, &x0, 1, NULL, &x, NULL), TG_ERR_ARG);
    expect_error(t, TG_ERR_SHAPE, "tg_reshape");
    assert_int_equal(tg_newton_cg(passes_over, NULL, &x0, 1, NULL, &x, NULL), TG_ERR_ARG);
    expect_error(t, TG_ERR_SHAPE, "tg_reshape");
    assert_int_equal(tg_conjugate_gradient(passes_over, NULL, x0, NULL, &x, NULL), TG_ERR_ARG);
    expect_error(t, TG_ERR_SHAPE, "tg_reshape");
}

/* ---- memory -------------------------------------------------------------------------------------------------------------------- */

enum { LARGE = 100000 };

/* sum exp(a x) - 2 a x, least at log(2) / a, a from 0.1 to 1: of many curvatures, so that directions take many products. */
static tg_tensor *large(void *ctx, tg_tensor *const *in)
{
    tg_tensor *ax = tg_mul(in[0], tg_linspace(tg_tape_of(in[0]), 0.1, 1, LARGE));
    return (void)ctx, tg_sum_all(tg_sub(tg_exp(ax), tg_mul_s(ax, 2)));
}

/* However many calls it takes, what they record goes. */
static void test_memory(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x0, *x;
    tg_solve_report r;
    size_t          bytes[2];
    for (int k = 0; k < 2; k++) {
        tg_reset(t);
        x0 = tg_zeros(t, TG_SHAPE(LARGE));
        assert_int_equal(tg_newton_cg(large, NULL, &x0, 1, &(tg_newton_cg_options){.tolerance_grad = 1e-6, .max_iter = k ? 100 : 1, .max_cg = k ? 100 : 1}, &x, &r), TG_OK);
        bytes[k] = tg_stats(t).bytes_reserved;
    }
    assert_true(r.converged && r.calls > 30);
    assert_true(fabs(tg_data_f64(x)[0] - 10 * log(2)) < 1e-3 && fabs(tg_data_f64(x)[LARGE - 1] - log(2)) < 1e-3);
    assert_true(bytes[1] < bytes[0] + bytes[0] / 4);
}

#define TEST(f) cmocka_unit_test_teardown(f, close_tape)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_conjugate_gradient), TEST(test_preconditioner), TEST(test_wrong_systems), TEST(test_rosenbrock), TEST(test_newton),
                                       TEST(test_wrong_minima), TEST(test_misra), TEST(test_least_squares),
                                       TEST(test_errors_passed_over), TEST(test_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
