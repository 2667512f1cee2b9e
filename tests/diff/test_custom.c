/* test_custom.c - gradients by rules of the caller's, and those of solutions of equations: against formulas, of several orders, and in forward mode. */
#include "f64_test.h"

#include <stdlib.h>
#include <tapegrad_op.h>

#include "failing.h"
#include "temp.h"

/* ---- rules ----------------------------------------------------------------------------------------------------------- */

static tg_tensor *reversed(void *ctx, tg_tensor *const *in, tg_tensor *out, int i, tg_tensor *g)
{
    (void)in, (void)out, (void)i;
    return tg_mul_s(g, -*(const double *)ctx);
}
static tg_tensor *clipped(void *ctx, tg_tensor *const *in, tg_tensor *out, int i, tg_tensor *g)
{
    (void)ctx, (void)in, (void)out, (void)i;
    return tg_clamp(g, -1, 1);
}
/* Of log(1 + e^x) without overflow. */
static tg_tensor *logistic(void *ctx, tg_tensor *const *in, tg_tensor *out, int i, tg_tensor *g)
{
    (void)ctx, (void)i, (void)in;
    return tg_mul(g, tg_rsub_s(1, tg_exp(tg_neg(out))));
}
/* Of a product, summed where it was broadcast. */
static tg_tensor *product(void *ctx, tg_tensor *const *in, tg_tensor *out, int i, tg_tensor *g)
{
    (void)ctx, (void)out;
    return tg_mul(g, in[1 - i]);
}

static void rules(void **state)
{
    tg_tape     *t = open_tape(state);
    const double values[] = {-3, 0.5, 2}, scale = 0.25;
    tg_tensor   *x = tg_set_requires_grad(tg_from_f64(t, TG_SHAPE(3), values), true), *w = leaf(t, 3), *h = tg_mul(x, w), *g[2], *in[] = {x, w};
    tg_tensor   *y = tg_sum_all(tg_square(tg_custom_vjp(h, &h, 1, reversed, (void *)&scale)));
    assert_near(tg_item(y), 9 * (9 + 0.25 + 4));
    assert_int_equal(tg_grad(&y, NULL, 1, in, 2, false, g), TG_OK);
    assert_values(g[0], (double[]){-0.25 * 2 * -9 * 3, -0.25 * 2 * 1.5 * 3, -0.25 * 2 * 6 * 3}, 3);
    assert_near(tg_item(g[1]), -0.25 * 2 * (-9 * -3 + 1.5 * 0.5 + 6 * 2));
    y = tg_sum_all(tg_square(tg_custom_vjp(x, &x, 1, clipped, NULL)));
    assert_int_equal(tg_grad(&y, NULL, 1, &x, 1, false, g), TG_OK);
    assert_values(g[0], (double[]){-1, 1, 1}, 3);
    tg_tensor *value = tg_mul(x, w);
    y = tg_sum_all(tg_custom_vjp(value, in, 2, product, NULL));
    assert_int_equal(tg_grad(&y, NULL, 1, in, 2, false, g), TG_OK);
    assert_values(g[0], (double[]){3, 3, 3}, 3);
    assert_near(tg_item(g[1]), -0.5);
}

/* Derivatives go through what the rule records, the value's own ops get nothing, and forward mode asks the rule as well. */
static void further_derivatives(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = leaf(t, 0.5), *value = tg_log(tg_add_s(tg_exp(x), 1)), *y = tg_custom_vjp(value, &x, 1, logistic, NULL), *g, *gg, *v, *one = tg_scalar(t, 1);
    const double p = 1 / (1 + exp(-0.5));
    assert_int_equal(tg_grad(&y, NULL, 1, &x, 1, true, &g), TG_OK);
    assert_near(tg_item(g), p);
    assert_int_equal(tg_grad(&g, NULL, 1, &x, 1, true, &gg), TG_OK);
    assert_near(tg_item(gg), p * (1 - p));
    assert_int_equal(tg_grad(&gg, NULL, 1, &x, 1, false, &g), TG_OK);
    assert_near(tg_item(g), p * (1 - p) * (1 - 2 * p));
    assert_int_equal(tg_jvp(&y, 1, &x, &one, 1, false, &v), TG_OK);
    assert_near(tg_item(v), p);
    tg_tensor *fixed = tg_custom_vjp(x, (tg_tensor *[]){tg_scalar(t, 1)}, 1, logistic, NULL);
    assert_false(tg_requires_grad(fixed)); /* by the value alone */
}

static tg_status softplus_of(void *ctx, tg_tensor *const *in, tg_tensor **out)
{
    (void)ctx;
    out[0] = tg_custom_vjp(tg_log(tg_add_s(tg_exp(in[0]), 1)), in, 1, logistic, NULL);
    return out[0] ? TG_OK : TG_ERR_ARG;
}

static void vectorised(void **state)
{
    tg_tape     *t = open_tape(state);
    const double values[] = {-1, 0, 2};
    tg_tensor   *x = tg_set_requires_grad(tg_from_f64(t, TG_SHAPE(3), values), true), *y, *g;
    assert_int_equal(tg_vmap_fn(softplus_of, NULL, &x, 1, NULL, &y, 1), TG_OK);
    tg_tensor *sum = tg_sum_all(y);
    assert_int_equal(tg_grad(&sum, NULL, 1, &x, 1, false, &g), TG_OK);
    for (int k = 0; k < 3; k++) assert_near(tg_data_f64(g)[k], 1 / (1 + exp(-values[k])));
}

static tg_tensor *nothing(void *ctx, tg_tensor *const *in, tg_tensor *out, int i, tg_tensor *g) { return (void)ctx, (void)in, (void)out, (void)i, (void)g, NULL; }
static tg_tensor *misshapen(void *ctx, tg_tensor *const *in, tg_tensor *out, int i, tg_tensor *g) { return (void)ctx, (void)in, (void)out, (void)i, tg_sum_all(g); }
static tg_tensor *reading(void *ctx, tg_tensor *const *in, tg_tensor *out, int i, tg_tensor *g)
{
    (void)ctx, (void)out, (void)i;
    return tg_mul_s(g, tg_item(tg_sum_all(in[0])));
}

static void wrong_rules(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = tg_set_requires_grad(tg_ones(t, TG_SHAPE(3)), true), *many[16];
    const struct {
        tg_vjp_fn   vjp;
        tg_status   status;
        const char *sentence;
    } wrong[] = {
        {nothing, TG_ERR_GRAD, "custom_vjp: the rule returned NULL for input 0"},
        {misshapen, TG_ERR_GRAD, "custom_vjp: the rule returned a float64 gradient of shape [] for input 0"},
        {reading, TG_ERR_ARG, "tg_item: called from inside vjp of op 'custom_vjp'"},
    };
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        assert_int_equal(tg_backward(tg_sum_all(tg_custom_vjp(x, &x, 1, wrong[k].vjp, NULL))), wrong[k].status);
        expect_error(t, wrong[k].status, wrong[k].sentence);
    }
    for (int k = 0; k < 16; k++) many[k] = x;
    assert_non_null(tg_custom_vjp(x, many, 15, clipped, NULL));
    assert_null(tg_custom_vjp(x, many, 16, clipped, NULL));
    expect_error(t, TG_ERR_ARG, "tg_custom_vjp: takes 1 to 15 inputs, got 16");
    assert_null(tg_custom_vjp(x, many, 0, clipped, NULL));
    expect_error(t, TG_ERR_ARG, "tg_custom_vjp: takes 1 to 15 inputs, got 0");
    assert_null(tg_custom_vjp(x, NULL, 1, clipped, NULL));
    expect_error(t, TG_ERR_NULL, "tg_custom_vjp: the list of inputs is NULL");
    assert_null(tg_custom_vjp(x, &x, 1, NULL, NULL));
    expect_error(t, TG_ERR_NULL, "tg_custom_vjp: the rule is NULL");
    assert_null(tg_custom_vjp(NULL, &x, 1, clipped, NULL));
    many[0] = NULL;
    assert_null(tg_custom_vjp(x, many, 1, clipped, NULL));
    assert_null(tg_error(t));
}

/* ---- solutions ------------------------------------------------------------------------------------------------------- */

static tg_tensor *square_less(void *ctx, tg_tensor *const *in) { return (void)ctx, tg_sub(tg_square(in[0]), in[1]); } /* z² = a */
static tg_tensor *cosine(void *ctx, tg_tensor *const *in) { return (void)ctx, tg_cos(tg_mul(in[0], in[1])); }         /* z = cos(a z) */
static tg_tensor *quartic(void *ctx, tg_tensor *const *in) { return tg_sub(tg_div_s(tg_pow_s(in[0], 4), 4), tg_mul(in[0], ctx)); } /* z³ = ctx */

/* z = a^(1/2) and its first four derivatives. */
static void roots(void **state)
{
    tg_tape *t = open_tape(state);
    for (int order = 1; order <= 4; order++) {
        const double a0 = 2.25, want[] = {0.5 / 1.5, -0.25 * pow(a0, -1.5), 0.375 * pow(a0, -2.5), -0.9375 * pow(a0, -3.5)};
        tg_tensor   *a = leaf(t, a0), *z = tg_implicit(square_less, NULL, tg_scalar(t, 1.5), &a, 1, &(tg_implicit_options){.order = order}), *d = z;
        assert_near(tg_item(z), 1.5);
        for (int k = 0; k < order; k++) {
            assert_int_equal(tg_grad(&d, NULL, 1, &a, 1, true, &d), TG_OK);
            if (!(fabs(tg_item(d) - want[k]) < 1e-11)) fail_msg("order %d, derivative %d: %.17g is not %.17g", order, k + 1, tg_item(d), want[k]);
        }
    }
}

/* Where the caller records no gradients the value is the same, a Newton step included, and a constant. */
static void without_gradients(void **state)
{
    tg_tape *t = open_tape(state);
    tg_fn    f[] = {[TG_IMPLICIT_ROOT] = square_less, [TG_IMPLICIT_FIXED_POINT] = cosine, [TG_IMPLICIT_MINIMUM] = quartic};
    for (int k = 0; k < 6; k++) {
        const tg_implicit_options o = {.kind = (tg_implicit_kind)(k / 2), .order = 1 + k % 2};
        tg_tensor                *a = leaf(t, 1.25), *z[2];
        for (int on = 0; on < 2; on++) {
            tg_set_grad_enabled(t, on);
            assert_non_null(z[on] = tg_implicit(f[o.kind], a, tg_scalar(t, 1.1), &a, 1, &o));
            assert_int_equal(tg_requires_grad(z[on]), on);
        }
        assert_near(tg_item(z[0]), tg_item(z[1]));
    }
}

static void fixed_points_and_minima(void **state)
{
    tg_tape   *t = open_tape(state);
    double     z0 = 0.7;
    for (int k = 0; k < 200; k++) z0 = cos(1.25 * z0);
    tg_tensor *a = leaf(t, 1.25), *z = tg_implicit(cosine, NULL, tg_scalar(t, z0), &a, 1, &(tg_implicit_options){.kind = TG_IMPLICIT_FIXED_POINT}), *v, *one = tg_scalar(t, 1);
    const double slope = -z0 * sin(1.25 * z0) / (1 + 1.25 * sin(1.25 * z0));
    assert_int_equal(tg_jvp(&z, 1, &a, &one, 1, false, &v), TG_OK);
    assert_near(tg_item(v), slope);
    assert_int_equal(tg_backward(tg_mul_s(z, 2)), TG_OK);
    assert_near(tg_item(tg_grad_of(a)), 2 * slope);
    tg_tensor *b = leaf(t, 8); /* found by the function alone */
    z = tg_implicit(quartic, b, tg_scalar(t, 2), NULL, 0, &(tg_implicit_options){.kind = TG_IMPLICIT_MINIMUM});
    assert_int_equal(tg_backward(z), TG_OK);
    assert_near(tg_item(tg_grad_of(b)), 1.0 / 12);
    assert_true(tg_set_grad_enabled(t, false));
    assert_false(tg_requires_grad(tg_implicit(square_less, NULL, tg_scalar(t, 1.5), &a, 1, NULL)));
    tg_set_grad_enabled(t, true);
}

/* Ridge regression: the minimiser of |X z - y|² + exp(s) |z|², in a matrix of unknowns, against tg_solve and its gradient. */
static tg_tensor *ridge(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    return tg_add(tg_sum_all(tg_square(tg_sub(tg_matmul(in[1], in[0]), in[2]))), tg_mul(tg_exp(in[3]), tg_sum_all(tg_square(in[0]))));
}

static void several_inputs(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = tg_set_requires_grad(tg_randn(t, TG_SHAPE(6, 3)), true), *y = tg_set_requires_grad(tg_randn(t, TG_SHAPE(6, 2)), true), *s = leaf(t, -0.5);
    tg_tensor *in[] = {x, y, s}, *want[3], *have[3], *weight = tg_randn(t, TG_SHAPE(3, 2));
    tg_tensor *xt = tg_transpose(x, 0, 1), *z = tg_solve(tg_add(tg_matmul(xt, x), tg_mul(tg_exp(s), tg_eye(t, 3))), tg_matmul(xt, y));
    tg_tensor *found = tg_implicit(ridge, NULL, z, in, 3, &(tg_implicit_options){.kind = TG_IMPLICIT_MINIMUM});
    tg_tensor *direct = tg_sum_all(tg_mul(weight, tg_sin(z))), *implicit = tg_sum_all(tg_mul(weight, tg_sin(found)));
    assert_int_equal(tg_grad(&direct, NULL, 1, in, 3, false, want), TG_OK);
    assert_int_equal(tg_grad(&implicit, NULL, 1, in, 3, false, have), TG_OK);
    for (int k = 0; k < 3; k++) {
        const double off = tg_item(tg_amax_all(tg_abs(tg_sub(want[k], have[k]))));
        if (!(off < 1e-10)) fail_msg("input %d: off by %g", k, off);
    }
}

/* A z = b with an A that is not symmetric, backward and forward. */
static tg_tensor *system_less(void *ctx, tg_tensor *const *in) { return (void)ctx, tg_sub(tg_matmul(in[1], in[0]), in[2]); }

static void linear_systems(void **state)
{
    tg_tape     *t = open_tape(state);
    const double a0[] = {2, 1, 0, -1, 3, 5, 0.5, 0, 1}, b0[] = {1, -2, 3};
    tg_tensor   *in[] = {tg_set_requires_grad(tg_from_f64(t, TG_SHAPE(3, 3), a0), true), tg_set_requires_grad(tg_from_f64(t, TG_SHAPE(3), b0), true)};
    tg_tensor   *z = tg_solve(in[0], in[1]), *found = tg_implicit(system_less, NULL, z, in, 2, NULL), *weight = tg_from_f64(t, TG_SHAPE(3), b0);
    tg_tensor   *direct = tg_sum_all(tg_mul(weight, tg_square(z))), *implicit = tg_sum_all(tg_mul(weight, tg_square(found))), *want[2], *have[2];
    tg_tensor   *along[] = {tg_randn(t, TG_SHAPE(3, 3)), tg_randn(t, TG_SHAPE(3))};
    assert_int_equal(tg_grad(&direct, NULL, 1, in, 2, false, want), TG_OK);
    assert_int_equal(tg_grad(&implicit, NULL, 1, in, 2, false, have), TG_OK);
    for (int k = 0; k < 2; k++) assert_values(have[k], tg_data_f64(want[k]), tg_numel(want[k]));
    assert_int_equal(tg_jvp(&z, 1, in, along, 2, false, want), TG_OK);
    assert_int_equal(tg_jvp(&found, 1, in, along, 2, false, have), TG_OK);
    assert_values(have[0], tg_data_f64(want[0]), 3);
}

static tg_tensor *one_more(void *ctx, tg_tensor *const *in) { return (void)ctx, tg_cat((tg_tensor *[]){in[0], in[0]}, 2, 0); }
static tg_tensor *in_f32(void *ctx, tg_tensor *const *in) { return (void)ctx, tg_to(in[0], TG_F32); }
static tg_tensor *null(void *ctx, tg_tensor *const *in) { return (void)ctx, (void)in, NULL; }
static tg_tensor *resets(void *ctx, tg_tensor *const *in) { return tg_reset(ctx) == TG_OK ? in[0] : NULL; }
static tg_tensor *flat(void *ctx, tg_tensor *const *in) { return (void)ctx, tg_mul(tg_mul_s(in[0], 0), in[1]); }

static void wrong_equations(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *z = tg_ones(t, TG_SHAPE(2)), *a = tg_set_requires_grad(tg_ones(t, TG_SHAPE(2)), true);
    const struct {
        tg_fn               f;
        tg_implicit_options o;
        tg_status           status;
        const char         *sentence;
    } wrong[] = {
        {one_more, {0}, TG_ERR_SHAPE, "tg_implicit: the function gave a float64 tensor of shape [4]; it gives one of float64, with the shape of z"},
        {in_f32, {0}, TG_ERR_DTYPE, "tg_implicit: the function gave a float32 tensor"},
        {square_less, {.kind = TG_IMPLICIT_MINIMUM}, TG_ERR_SHAPE, "it gives one of float64, with one element"},
        {null, {0}, TG_ERR_ARG, "tg_implicit: the function returned NULL"},
        {resets, {0}, TG_ERR_ARG, "tg_implicit: tg_reset: called from inside the function of tg_implicit"},
        {NULL, {0}, TG_ERR_NULL, "tg_implicit: the function is NULL"},
        {square_less, {.kind = (tg_implicit_kind)3}, TG_ERR_ARG, "tg_implicit: the kind is 3"},
        {square_less, {.order = -1}, TG_ERR_ARG, "tg_implicit: the order of derivatives is -1"},
    };
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        assert_null(tg_implicit(wrong[k].f, t, z, &a, 1, &wrong[k].o));
        expect_error(t, wrong[k].status, wrong[k].sentence);
    }
    assert_null(tg_implicit(square_less, NULL, tg_arange(t, TG_I64, 2), &a, 1, NULL));
    expect_error(t, TG_ERR_DTYPE, "tg_implicit: z is int64");
    assert_null(tg_implicit(square_less, NULL, z, NULL, 1, NULL));
    expect_error(t, TG_ERR_NULL, "tg_implicit: the list of inputs is NULL");
    assert_null(tg_implicit(square_less, NULL, z, (tg_tensor *[]){NULL}, 1, NULL));
    expect_error(t, TG_ERR_NULL, "tg_implicit: input 0 is NULL");
    assert_null(tg_implicit(square_less, NULL, z, &a, -1, NULL));
    expect_error(t, TG_ERR_ARG, "tg_implicit: the number of inputs is -1");
    assert_null(tg_implicit(square_less, NULL, NULL, &a, 1, NULL));
    assert_int_equal(tg_backward(tg_sum_all(tg_implicit(flat, NULL, z, &a, 1, NULL))), TG_ERR_ARG); /* no such J can be solved for */
    expect_error(t, TG_ERR_ARG, "singular");
    assert_null(tg_grad_of(a));
}

/* ---- exports --------------------------------------------------------------------------------------------------------- */

static tg_status twice(void *ctx, tg_tensor *const *in, tg_tensor **out)
{
    (void)ctx;
    out[0] = tg_mul_s(in[0], 2);
    return TG_OK;
}

/* To a file with a forward pass all of these are their values. */
static void exported(void **state)
{
    tg_tape   *t = open_tape(state);
    char       c[TEMP_PATH], onnx[TEMP_PATH];
    tg_tensor *x = tg_set_requires_grad(tg_ones(t, TG_SHAPE(2)), true), *y = tg_square(x);
    assert_int_equal(tg_recompute(twice, NULL, &y, 1, &y, 1), TG_OK);
    y = tg_implicit(square_less, NULL, tg_custom_vjp(y, &x, 1, clipped, NULL), &x, 1, NULL);
    const tg_export_tensor  in = {"x", x}, out = {"y", y};
    const tg_export_options o = {.inputs = &in, .n_inputs = 1, .outputs = &out, .n_outputs = 1};
    if (tg_export_c(temp_path(c, "test_custom.c"), &o) != TG_OK || tg_export_onnx(temp_path(onnx, "test_custom.onnx"), &o) != TG_OK) fail_msg("%s", tg_error(t));
    remove(c);
    remove(onnx);
}

/* Each allocation fails in turn. */
static void memory(void **state)
{
    (void)state;
    for (int k = 0, failed = 1; failed; k++) {
        failing    f = {.left = -1};
        tg_tape   *t = failing_tape(&f, TG_F64);
        tg_tensor *a = leaf(t, 4), *z = tg_scalar(t, 2), *y = NULL;
        assert_non_null(z);
        f.left = k;
        y = tg_implicit(square_less, NULL, z, &a, 1, &(tg_implicit_options){.order = 2});
        y = tg_custom_vjp(y, &y, 1, clipped, NULL);
        const tg_status s = y ? tg_backward(tg_mul_s(y, 3)) : TG_ERR_MEMORY;
        failed = f.failed;
        f.left = -1;
        if (failed) assert_true(s != TG_OK && tg_error_status(t) == TG_ERR_MEMORY);
        else assert_near(tg_item(tg_grad_of(a)), 0.25);
        tg_tape_free(t);
        assert_int_equal(f.held, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(rules, close_tape),
        cmocka_unit_test_teardown(further_derivatives, close_tape),
        cmocka_unit_test_teardown(vectorised, close_tape),
        cmocka_unit_test_teardown(wrong_rules, close_tape),
        cmocka_unit_test_teardown(roots, close_tape),
        cmocka_unit_test_teardown(without_gradients, close_tape),
        cmocka_unit_test_teardown(fixed_points_and_minima, close_tape),
        cmocka_unit_test_teardown(several_inputs, close_tape),
        cmocka_unit_test_teardown(linear_systems, close_tape),
        cmocka_unit_test_teardown(wrong_equations, close_tape),
        cmocka_unit_test_teardown(exported, close_tape),
        cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
