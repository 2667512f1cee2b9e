/* test_gradcheck_planted.c - the faults that people make in rules and kernels, planted: tg_gradcheck finds each, and says what it can of it. And what
 * can be asked of it beside: forward mode, float32, tolerances and elements of single inputs, the differences themselves. */
#include <string.h>
#include <tapegrad_op.h>
#include <tgmath.h>

#include "gradcheck_test.h"

/* ---- pointwise: x y + sin x ----------------------------------------------------------------------------------------- */

static double    fault = 1;   /* a factor of the rule for x */
static double    off;         /* of the kernel's values, where it is asked for */

static tg_tensor *by_x(const tg_call *c, tg_tensor *g) { return tg_mul(g, tg_add(c->in[1], tg_cos(c->in[0]))); }
static tg_tensor *right_vjp(const tg_call *c, int i, tg_tensor *g) { return i == 0 ? by_x(c, g) : tg_mul(g, c->in[0]); }
static tg_tensor *factor_vjp(const tg_call *c, int i, tg_tensor *g) { return i == 0 ? tg_mul_s(by_x(c, g), fault) : tg_mul(g, c->in[0]); }
static tg_tensor *misses_vjp(const tg_call *c, int i, tg_tensor *g) { return tg_mul(g, c->in[1 - i]); }
static tg_tensor *sign_vjp(const tg_call *c, int i, tg_tensor *g) { return i == 0 ? tg_mul(g, tg_sub(c->in[1], tg_cos(c->in[0]))) : tg_mul(g, c->in[0]); }
static tg_tensor *right_jvp(const tg_call *c, tg_tensor *const *t)
{
    tg_tensor *x = t[0] ? by_x(c, t[0]) : NULL, *y = t[1] ? tg_mul(t[1], c->in[0]) : NULL;
    return x && y ? tg_add(x, y) : x ? x : y;
}
static tg_tensor *wrong_jvp(const tg_call *c, tg_tensor *const *t) { return tg_mul_s(right_jvp(c, t), 1.0005); }
static tg_tensor *forgets_jvp(const tg_call *c, tg_tensor *const *t) { return t[0] ? by_x(c, t[0]) : tg_zeros_like(c->out); }

#define F x * y + sin(x)
TG_POINTWISE_BINARY(right, F, right_vjp, .jvp = right_jvp)
TG_POINTWISE_BINARY(factor, F, factor_vjp)
TG_POINTWISE_BINARY(misses, F, misses_vjp)
TG_POINTWISE_BINARY(sign, F, sign_vjp)
TG_POINTWISE_BINARY(value, F + off * x * x, right_vjp)
TG_POINTWISE_BINARY(in_single, (F) * (sizeof x == sizeof(float) ? 1.001f : 1), right_vjp)
TG_POINTWISE_BINARY(wrong_forward, F, right_vjp, .jvp = wrong_jvp)
TG_POINTWISE_BINARY(forgetful_forward, F, right_vjp, .jvp = forgets_jvp)

static tg_tensor *apply(void *op, tg_tensor *const *in) { return tg_record(op, in, 2, NULL, 0); }

static tg_status check(const tg_op *op, tg_tensor *const *in, tg_gradcheck_options o, tg_gradcheck_report *r)
{
    const tg_status s = tg_gradcheck(apply, (void *)(uintptr_t)op, in, 2, &o, r);
    tg_clear_error(tg_tape_of(in[0]));
    return s;
}

static void test_pointwise_faults(void **state)
{
    tg_tape *t = open_tape(state);
    const struct {
        const tg_op *op;
        double       fault, off, ratio; /* analytic / numeric, where it is known */
    } cases[] = {{&tg_op_factor, 1.0005, 0, 1.0005}, {&tg_op_factor, 0.9995, 0, 0.9995}, {&tg_op_factor, -1, 0, -1}, {&tg_op_factor, 0, 0, 0}, {&tg_op_factor, 2, 0, 2},
                 {&tg_op_misses, 0, 0, NAN}, {&tg_op_sign, 0, 0, NAN}, {&tg_op_value, 0, 5e-4, NAN}};
    const tg_shape shapes[] = {{0, {0}}, {1, {5}}, {2, {3, 4}}, {2, {50, 40}}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
        for (size_t j = 0; j < sizeof shapes / sizeof *shapes; j++) {
            tg_gradcheck_report r;
            tg_reset(t);
            tg_tensor *in[] = {input(t, &shapes[j]), input(t, &shapes[j])};
            fault = cases[k].fault;
            off   = cases[k].off;
            if (check(cases[k].op, in, (tg_gradcheck_options){0}, &r) != TG_ERR_GRAD || r.ok || r.probe || r.input != 0)
                fail_msg("%s %g: %s", cases[k].op->name, fault, r.text);
            const int listed = r.failures < TG_GRADCHECK_LISTED ? (int)r.failures : TG_GRADCHECK_LISTED;
            assert_true(listed > 0);
            for (int i = 0; i < listed && !isnan(cases[k].ratio); i++) {
                assert_int_equal(r.failed[i].input, 0);
                assert_true(fabs(r.failed[i].analytic - cases[k].ratio * r.failed[i].numeric) <= 1e-7);
            }
        }
    tg_tensor          *in[] = {input(t, TG_SHAPE(6)), input(t, TG_SHAPE(6))};
    tg_gradcheck_report r;
    off = 0;
    assert_int_equal(check(&tg_op_right, in, (tg_gradcheck_options){.order = 2, .forward = true, .float32 = true}, &r), TG_OK);
    assert_int_equal(r.failures, 0);
}

/* ---- a product of matrices, whose rule for a may forget the transpose of b -------------------------------------------- */

enum { SIDE = 4 };

static tg_status product_infer(tg_call *c)
{
    c->shape = *tg_shape_of(c->in[0]);
    c->dtype = TG_F64;
    return TG_OK;
}

static tg_status product_run(tg_call *c)
{
    const double *a = c->x[0].data, *b = c->x[1].data;
    double       *y = c->y.data;
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) {
            y[i * SIDE + j] = 0;
            for (int k = 0; k < SIDE; k++) y[i * SIDE + j] += a[i * SIDE + k] * b[k * SIDE + j];
        }
    return TG_OK;
}

static tg_tensor *transposes_vjp(const tg_call *c, int i, tg_tensor *g) { return i == 0 ? tg_matmul(g, tg_mT(c->in[1])) : tg_matmul(tg_mT(c->in[0]), g); }
static tg_tensor *forgets_vjp(const tg_call *c, int i, tg_tensor *g) { return i == 0 ? tg_matmul(g, c->in[1]) : tg_matmul(tg_mT(c->in[0]), g); }
static tg_tensor *swaps_vjp(const tg_call *c, int i, tg_tensor *g) { return i == 0 ? tg_matmul(tg_mT(c->in[1]), g) : tg_matmul(tg_mT(c->in[0]), g); }

static const tg_op product = {.name = "product", .arity = 2, .infer = product_infer, .run = product_run, .vjp = transposes_vjp};
static const tg_op forgets = {.name = "forgets", .arity = 2, .infer = product_infer, .run = product_run, .vjp = forgets_vjp};
static const tg_op swaps   = {.name = "swaps", .arity = 2, .infer = product_infer, .run = product_run, .vjp = swaps_vjp};

static void test_forgotten_transpose(void **state)
{
    tg_tape            *t = open_tape(state);
    tg_tensor          *in[] = {input(t, TG_SHAPE(SIDE, SIDE)), input(t, TG_SHAPE(SIDE, SIDE))};
    tg_gradcheck_report r;
    if (check(&product, in, (tg_gradcheck_options){.order = 2, .forward = true}, &r) != TG_OK) fail_msg("%s", r.text);
    assert_int_equal(check(&forgets, in, (tg_gradcheck_options){0}, &r), TG_ERR_GRAD);
    assert_int_equal(r.input, 0);
    assert_true(r.failures > 8);
    assert_int_equal(check(&swaps, in, (tg_gradcheck_options){0}, &r), TG_ERR_GRAD);
    assert_int_equal(r.input, 0);
}

/* ---- further modes ------------------------------------------------------------------------------------------------------ */

static void test_forward(void **state)
{
    tg_tape            *t = open_tape(state);
    tg_tensor          *in[] = {input(t, TG_SHAPE(2, 3)), input(t, TG_SHAPE(2, 3))};
    tg_gradcheck_report r;
    assert_int_equal(check(&tg_op_wrong_forward, in, (tg_gradcheck_options){0}, &r), TG_OK); /* nobody asked */
    assert_int_equal(check(&tg_op_wrong_forward, in, (tg_gradcheck_options){.forward = true}, &r), TG_ERR_GRAD);
    assert_int_equal(r.probe, TG_PROBE_FORWARD);
    assert_int_equal(r.input, 0);
    assert_true(fabs(r.analytic / r.numeric - 1.0005) < 1e-9);
    assert_non_null(strstr(r.text, "forward mode (tg_jvp) gives another derivative than reverse mode; the first derivative along a random direction in input 0"));
    assert_int_equal(check(&tg_op_forgetful_forward, in, (tg_gradcheck_options){.forward = true}, &r), TG_ERR_GRAD);
    assert_int_equal(r.input, 1);
    assert_true(r.analytic == 0);
}

static tg_tensor *always_double(void *ctx, tg_tensor *const *in) { return (void)ctx, tg_to(in[0], TG_F64); }

static void test_float32(void **state)
{
    tg_tape            *t = open_tape(state);
    tg_tensor          *in[] = {input(t, TG_SHAPE(2, 3)), input(t, TG_SHAPE(2, 3))};
    tg_gradcheck_report r;
    assert_int_equal(check(&tg_op_in_single, in, (tg_gradcheck_options){0}, &r), TG_OK);
    assert_int_equal(check(&tg_op_in_single, in, (tg_gradcheck_options){.float32 = true}, &r), TG_ERR_GRAD);
    assert_int_equal(r.probe, TG_PROBE_FLOAT32);
    assert_non_null(strstr(r.text, "f is another in float32: element "));
    assert_int_equal(tg_gradcheck(always_double, NULL, in, 1, &(tg_gradcheck_options){.float32 = true}, &r), TG_ERR_DTYPE);
    assert_string_equal(tg_error(t), "tg_gradcheck: f returned float64 for float32 inputs; it must return float32");
    tg_clear_error(t);
}

/* ---- single inputs -------------------------------------------------------------------------------------------------------- */

static void test_inputs(void **state)
{
    tg_tape            *t = open_tape(state);
    tg_tensor          *in[] = {input(t, TG_SHAPE(2, 3)), input(t, TG_SHAPE(2, 3))};
    tg_gradcheck_input  how[2] = {{.rtol = 0.01}};
    tg_gradcheck_report r;
    fault = 1.0005;
    assert_int_equal(check(&tg_op_factor, in, (tg_gradcheck_options){.inputs = how}, &r), TG_OK);
    how[0] = (tg_gradcheck_input){0};
    assert_int_equal(check(&tg_op_factor, in, (tg_gradcheck_options){.inputs = how}, &r), TG_ERR_GRAD);
    how[1].rtol = 0.01; /* of the other */
    assert_int_equal(check(&tg_op_factor, in, (tg_gradcheck_options){.inputs = how}, &r), TG_ERR_GRAD);
    how[1].rtol = NAN;
    assert_int_equal(check(&tg_op_factor, in, (tg_gradcheck_options){.inputs = how}, &r), TG_ERR_ARG);
}

/* The square root of x - 1 is not there from 1 down, and what lies there is left out. */
static tg_tensor *root(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    return tg_sqrt(tg_sub_s(in[0], 1));
}

static void test_skip(void **state)
{
    tg_tape            *t = open_tape(state);
    tg_tensor          *x = tg_set_requires_grad(tg_from_f64(t, TG_SHAPE(3), (double[]){3, 1, 2}), true);
    const bool          second[3] = {false, true, false};
    tg_gradcheck_report r;
    assert_int_not_equal(tg_gradcheck(root, NULL, &x, 1, NULL, &r), TG_OK);
    tg_clear_error(t);
    assert_int_equal(tg_gradcheck(root, NULL, &x, 1, &(tg_gradcheck_options){.inputs = &(tg_gradcheck_input){.skip = second}}, &r), TG_OK);
}

/* ---- the differences themselves ---------------------------------------------------------------------------------------------- */

static tg_tensor *function(void *ctx, tg_tensor *const *in) { return (void)ctx, tg_matmul(tg_tanh(in[0]), in[1]); }

static void test_numerical_jacobian(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *in[] = {input(t, TG_SHAPE(2, 3)), input(t, TG_SHAPE(3, 2))}, *fixed[] = {in[0], tg_detach(in[1])}, *j;
    for (int k = 0; k < 2; k++) {
        assert_int_equal(tg_numerical_jacobian(function, NULL, in, 2, k, 0, &j), TG_OK);
        tg_tensor *want = tg_jacobian(function(NULL, in), in[k], NULL);
        assert_true(tg_shape_equal(tg_shape_of(j), tg_shape_of(want)));
        assert_true(tg_item(tg_amax_all(tg_abs(tg_sub(j, want)))) < 1e-10);
    }
    expect_failure(t, tg_numerical_jacobian(function, NULL, fixed, 2, 1, 0, &j), TG_ERR_ARG, "tg_numerical_jacobian: input 1 does not require grad");
    assert_null(j);
    expect_failure(t, tg_numerical_jacobian(function, NULL, in, 2, 2, 0, &j), TG_ERR_ARG, "input 2 does not require grad (tg_set_requires_grad), or is not there");
    expect_failure(t, tg_numerical_jacobian(function, NULL, in, 2, 0, -1, &j), TG_ERR_ARG, "eps has to be more than 0");
    expect_failure(t, tg_numerical_jacobian(NULL, NULL, in, 2, 0, 0, NULL), TG_ERR_NULL, "tg_numerical_jacobian: f is NULL");
    tg_tensor *wide = input(t, TG_SHAPE(1, 1, 1, 1, 2));
    expect_failure(t, tg_numerical_jacobian(itself, NULL, &wide, 1, 0, 0, &j), TG_ERR_SHAPE, "the result has 5 axes and the input 5, together more than 8");
}

#define TEST(f) cmocka_unit_test_teardown(f, close_tape)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_pointwise_faults), TEST(test_forgotten_transpose), TEST(test_forward), TEST(test_float32),
                                       TEST(test_inputs), TEST(test_skip), TEST(test_numerical_jacobian)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
