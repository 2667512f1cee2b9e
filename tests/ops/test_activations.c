/* test_activations.c - activations made of ops: values and slopes at kinks, far out and of NaN, halves and channels, wrong calls. */
#include "op_test.h"

#define N_POINTS 9
static const double points[N_POINTS] = {-INFINITY, -200, -3, -0.5, 0, 0.5, 3, 200, INFINITY};

/* Values and slopes at the points, in both dtypes; NaN gives NaN. */
static void check(tg_tensor *(*f)(tg_tensor *), const double *values, const double *slopes)
{
    const double seed[N_POINTS] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    for (tg_dtype d = TG_F32; d <= TG_F64; d++) {
        tg_tape   *t = quiet(d);
        tg_tensor *x = tg_set_requires_grad(tensor(t, d, TG_SHAPE(N_POINTS), points), true), *ones = tensor(t, d, TG_SHAPE(N_POINTS), seed);
        assert_values(f(x), d, TG_SHAPE(N_POINTS), values, d == TG_F32 ? 2e-5 : 1e-13);
        assert_values(gradient(f(x), ones, x), d, TG_SHAPE(N_POINTS), slopes, d == TG_F32 ? 3e-7 : 1e-15);
        assert_true(isnan(tg_item(f(tg_full(t, d, TG_SCALAR_SHAPE, NAN)))));
        tg_tape_free(t);
    }
}
#define CHECK(F, VALUES, SLOPES) check(F, (const double[N_POINTS]){VALUES}, (const double[N_POINTS]){SLOPES})
#define L(...)                   __VA_ARGS__

static tg_tensor *elu(tg_tensor *x) { return tg_elu(x, 2); }
static tg_tensor *celu(tg_tensor *x) { return tg_celu(x, 2); }
static tg_tensor *hardtanh(tg_tensor *x) { return tg_hardtanh(x, -0.5, 3); }
static tg_tensor *softshrink(tg_tensor *x) { return tg_softshrink(x, 0.5); }
static tg_tensor *hardshrink(tg_tensor *x) { return tg_hardshrink(x, 0.5); }
static tg_tensor *threshold(tg_tensor *x) { return tg_threshold(x, 0.5, -7); }

static void test_curves(void **state)
{
    const double e3 = exp(-3), e5 = exp(-0.5), s = 1.0507009873554804934, sa = s * 1.6732632423543772848;
    (void)state;
    CHECK(elu, L(-2, -2, 2 * (e3 - 1), 2 * (e5 - 1), 0, 0.5, 3, 200, INFINITY), L(0, 0, 2 * e3, 2 * e5, 2, 1, 1, 1, 1));
    CHECK(celu, L(-2, -2, 2 * expm1(-1.5), 2 * expm1(-0.25), 0, 0.5, 3, 200, INFINITY), L(0, 0, exp(-1.5), exp(-0.25), 1, 1, 1, 1, 1));
    CHECK(tg_selu, L(-sa, -sa, sa * (e3 - 1), sa * (e5 - 1), 0, s * 0.5, s * 3, s * 200, INFINITY), L(0, 0, sa * e3, sa * e5, sa, s, s, s, s));
    CHECK(tg_logsigmoid, L(-INFINITY, -200, -3 - log1p(e3), -0.5 - log1p(e5), -log(2), -log1p(e5), -log1p(e3), 0, 0),
          L(1, 1, 1 / (1 + e3), 1 / (1 + e5), 0.5, e5 / (1 + e5), e3 / (1 + e3), 0, 0));
    CHECK(tg_softsign, L(NAN, -200.0 / 201, -0.75, -1.0 / 3, 0, 1.0 / 3, 0.75, 200.0 / 201, NAN),
          L(0, 1 / (201.0 * 201), 1.0 / 16, 4.0 / 9, 1, 4.0 / 9, 1.0 / 16, 1 / (201.0 * 201), 0));
    CHECK(tg_tanhshrink, L(-INFINITY, -199, -3 + tanh(3), -0.5 + tanh(0.5), 0, 0.5 - tanh(0.5), 3 - tanh(3), 199, INFINITY),
          L(1, 1, tanh(3) * tanh(3), tanh(0.5) * tanh(0.5), 0, tanh(0.5) * tanh(0.5), tanh(3) * tanh(3), 1, 1));
}

static void test_pieces(void **state)
{
    (void)state;
    CHECK(hardtanh, L(-0.5, -0.5, -0.5, -0.5, 0, 0.5, 3, 3, 3), L(0, 0, 0, 0, 1, 1, 0, 0, 0));
    CHECK(tg_relu6, L(0, 0, 0, 0, 0, 0.5, 3, 6, 6), L(0, 0, 0, 0, 0, 1, 1, 0, 0));
    CHECK(tg_hardsigmoid, L(0, 0, 0, 2.5 / 6, 0.5, 3.5 / 6, 1, 1, 1), L(0, 0, 0, 1.0 / 6, 1.0 / 6, 1.0 / 6, 0, 0, 0));
    CHECK(softshrink, L(-INFINITY, -199.5, -2.5, 0, 0, 0, 2.5, 199.5, INFINITY), L(1, 1, 1, 0, 0, 0, 1, 1, 1));
    CHECK(hardshrink, L(-INFINITY, -200, -3, 0, 0, 0, 3, 200, INFINITY), L(1, 1, 1, 0, 0, 0, 1, 1, 1));
    CHECK(threshold, L(-7, -7, -7, -7, -7, -7, 3, 200, INFINITY), L(0, 0, 0, 0, 0, 0, 1, 1, 1));
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *i = tensor(t, TG_I32, TG_SHAPE(3), (double[]){1, 2, 3});
    assert_values(tg_threshold(i, 2, -1), TG_I32, TG_SHAPE(3), (double[]){-1, -1, 3}, 0);
    tg_tape_free(t);
}

/* tanhshrink's slope keeps its digits near 0, as x^2. */
static void test_small(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(VECTOR(t, 1e-9, -1e-5), true), *ones = tg_ones_like(x);
    const double *g = tg_data_f64(gradient(tg_tanhshrink(x), ones, x));
    (void)state;
    assert_true(fabs(g[0] - 1e-18) < 1e-32 && fabs(g[1] - 1e-10 * (1 - 2e-10 / 3)) < 1e-24);
    tg_tape_free(t);
}

static void test_glu(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(2, 2), (double[]){3, 0, -2, INFINITY}), true), *ones = tg_ones(t, TG_SHAPE(2, 1));
    (void)state;
    assert_f64(tg_glu(x, 1), TG_SHAPE(2, 1), 1.5, -2);
    assert_f64(gradient(tg_glu(x, -1), ones, x), TG_SHAPE(2, 2), 0.5, 0.75, 1, 0);
    assert_f64(tg_softmin(x, 0), TG_SHAPE(2, 2), 1 / (1 + exp(5)), 1, exp(5) / (1 + exp(5)), 0);
    tg_tape_free(t);
}

static void test_prelu(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(2, 3), (double[]){-1, 0, 2, -4, -5, INFINITY}), true), *ones = tg_ones_like(x);
    tg_tensor *w = tg_set_requires_grad(VECTOR(t, 0.5, 0.25, 3), true), *one = tg_set_requires_grad(tg_scalar(t, 2), true);
    (void)state;
    assert_f64(tg_prelu(x, w), TG_SHAPE(2, 3), -0.5, 0, 2, -2, -1.25, INFINITY);
    assert_f64(gradient(tg_prelu(x, w), ones, x), TG_SHAPE(2, 3), 0.5, 0.25, 1, 0.5, 0.25, 1);
    assert_f64(gradient(tg_prelu(x, w), ones, w), TG_SHAPE(3), -5, -5, 0);
    assert_f64(gradient(tg_prelu(x, one), ones, one), TG_SCALAR_SHAPE, -10);
    tg_tape_free(t);
}

static void test_errors(void **state)
{
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *x = tg_zeros(t, TG_SHAPE(4, 3)), *i = tg_arange(t, TG_I64, 4), *w = tg_zeros(t, TG_SHAPE(4));
    (void)state;
    assert_error(t, tg_celu(x, 0), TG_ERR_ARG, "tg_celu: alpha is 0; it must be finite and not 0");
    assert_error(t, tg_elu(i, 1), TG_ERR_DTYPE, "tg_elu: takes float32 or float64, got int64; tg_to(x, TG_F32) converts");
    assert_error(t, tg_elu(x, 1e39), TG_ERR_DTYPE, "tg_elu: tg_mul_s: float32 does not hold the number 1e+39; tg_to(x, TG_F64) converts the tensor");
    assert_error(t, tg_hardtanh(x, 2, 2), TG_ERR_ARG, "tg_hardtanh: lo is 2 and hi 2; lo must be less than hi");
    assert_error(t, tg_hardtanh(x, NAN, 2), TG_ERR_ARG, "tg_hardtanh: lo is nan and hi 2; lo must be less than hi");
    assert_error(t, tg_softshrink(x, -1), TG_ERR_ARG, "tg_softshrink: lambda is -1; it must be finite and at least 0");
    assert_error(t, tg_hardshrink(x, NAN), TG_ERR_ARG, "tg_hardshrink: lambda is nan; it must be finite and at least 0");
    assert_error(t, tg_glu(x, 1), TG_ERR_SHAPE, "tg_glu: axis 1 has the odd size 3 and no halves");
    assert_error(t, tg_prelu(x, w), TG_ERR_SHAPE, "tg_prelu: the weight is [4]; it has one number, or one for each of the input's 3 channels");
    assert_error(t, tg_prelu(w, x), TG_ERR_SHAPE, "tg_prelu: the weight is [4,3]; it has one number, or one for each of the input's 1 channels");
    assert_error(t, tg_threshold(i, 0.5, 0), TG_ERR_DTYPE, "tg_threshold: int64 does not hold the number 0.5; tg_to(x, TG_F32) converts the tensor");
    assert_null(tg_glu(NULL, 0));
    assert_null(tg_prelu(x, NULL));
    assert_null(tg_softmin(NULL, 0));
    assert_null(tg_selu(NULL));
    assert_null(tg_error(t));
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_curves), cmocka_unit_test(test_pieces), cmocka_unit_test(test_small),  cmocka_unit_test(test_glu),
        cmocka_unit_test(test_prelu),  cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
