/* test_jvp.c - products with Jacobians in both modes: what they mean, where derivatives end, rules of a user's own ops, what goes wrong. */
#include "several_ops.h"

static tg_tensor *leaf(tg_tape *t, double x) { return tg_set_requires_grad(tg_scalar(t, x), true); }
static void assert_near(double a, double b) { assert_true(fabs(a - b) <= 1e-12 * fmax(1, fabs(b))); }
static void assert_vector(tg_tensor *x, const double *want, int n) { assert_values(x, TG_F64, TG_SHAPE(n), want, 1e-14); }

/* J v of one output by one input. */
static tg_tensor *jvp(tg_tensor *y, tg_tensor *x, tg_tensor *v)
{
    tg_tensor *r = NULL;
    assert_int_equal(tg_jvp(&y, 1, &x, &v, 1, true, &r), TG_OK);
    assert_non_null(r);
    assert_true(tg_shape_equal(tg_shape_of(r), tg_shape_of(y)));
    return r;
}

static tg_tensor *vjp(tg_tensor *y, tg_tensor *u, tg_tensor *x)
{
    tg_tensor *r = NULL;
    assert_int_equal(tg_vjp(&y, u ? &u : NULL, 1, &x, 1, true, &r), TG_OK);
    return r;
}

static tg_tensor *vector(tg_tape *t, double a, double b) { return tg_from_f64(t, TG_SHAPE(2), (double[]){a, b}); }

/* ---- what they mean ------------------------------------------------------------------------------------------------- */

/* f(x) = (x0 x1, sin x0): J v = (x1 v0 + x0 v1, cos x0 v0). */
static void test_values(void **state)
{
    tg_tape     *t = open_tape(state);
    tg_tensor   *x = vector(t, 2, 3), *a = tg_select(x, 0, 0), *b = tg_select(x, 0, 1), *f[] = {tg_mul(a, b), tg_sin(a)};
    tg_tensor   *y = tg_stack(f, 2, 0);
    const double want[] = {3 * 0.5 + 2 * -1.0, cos(2) * 0.5}, back[] = {3 * 0.5 + cos(2) * -1.0, 2 * 0.5};
    assert_vector(jvp(y, x, vector(t, 0.5, -1)), want, 2);
    assert_vector(vjp(y, vector(t, 0.5, -1), x), back, 2);
    assert_false(tg_requires_grad(x));
}

/* Several outputs and inputs; an input without tangent stands still; an output that no input moves has zeros. */
static void test_several(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = tg_scalar(t, 2), *w = tg_param(t, "w", tg_scalar(t, 5)), *still = tg_scalar(t, 7);
    tg_tensor *out[] = {tg_mul(tg_mul(x, w), still), tg_square(w), tg_exp(still), x}, *in[] = {x, w, still}, *v[] = {tg_scalar(t, 1), tg_scalar(t, 10), NULL};
    assert_int_equal(tg_jvp(out, 4, in, v, 3, false, out), TG_OK); /* results may lie where the outputs did */
    const double want[] = {5 * 7 + 2 * 10 * 7, 100, 0, 1};
    for (int k = 0; k < 4; k++) assert_near(tg_item(out[k]), want[k]);
    for (int k = 0; k < 4; k++)
        for (int i = 0; i < 3; i++) assert_true(out[k] != v[i] && out[k] != in[i]);
    assert_near(tg_item(v[0]), 1);
}

/* An input computed from another, the same input twice, and one that is an output: what tg_grad transposes. */
static void test_nested_inputs(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = leaf(t, 2), *h = tg_square(x), *y = tg_mul(h, x), *in[] = {x, h, x}, *v[] = {tg_scalar(t, 1), tg_scalar(t, 10), tg_scalar(t, 100)}, *r, *g[3];
    assert_int_equal(tg_jvp(&y, 1, in, v, 3, false, &r), TG_OK);
    assert_int_equal(tg_grad(&y, NULL, 1, in, 3, false, g), TG_OK);
    assert_near(tg_item(r), tg_item(g[0]) * 1 + tg_item(g[1]) * 10 + tg_item(g[2]) * 100);
    assert_near(tg_item(r), 12 * 101 + 2 * 10);
    assert_near(tg_item(jvp(h, h, tg_scalar(t, 3))), 3);
}

/* d/dx of x^4 by itself, again and again, in each order of the modes; and of what vanishes. */
static void test_orders(void **state)
{
    tg_tape     *t = open_tape(state);
    const double want[] = {4 * 27, 12 * 9, 24 * 3, 24, 0, 0};
    for (int modes = 0; modes < 64; modes++) {
        tg_tensor *x = tg_scalar(t, 3), *one = tg_scalar(t, 1), *y = tg_square(tg_square(x));
        for (int k = 0; k < 6; k++) {
            y = modes >> k & 1 ? vjp(y, NULL, x) : jvp(y, x, one);
            assert_near(tg_item(y), want[k]);
        }
        tg_reset(t);
    }
    tg_tensor *x = leaf(t, 3), *g, *y = tg_mul_s(x, 3);
    assert_int_equal(tg_grad(&y, NULL, 1, &x, 1, true, &g), TG_OK);
    assert_near(tg_item(jvp(g, x, x)), 0);
    assert_near(tg_item(vjp(g, NULL, x)), 0);
    assert_int_equal(tg_grad(&g, NULL, 1, &x, 1, true, &g), TG_OK);
    assert_near(tg_item(g), 0);
}

/* Without create_graph the results are constants; gradients can be recorded through those with it. */
static void test_create_graph(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = leaf(t, 2), *y = tg_square(tg_square(x)), *v = tg_scalar(t, 1), *r, *g;
    assert_int_equal(tg_jvp(&y, 1, &x, &v, 1, false, &r), TG_OK);
    assert_false(tg_requires_grad(r));
    assert_near(tg_item(jvp(r, x, v)), 0);
    assert_int_equal(tg_jvp(&y, 1, &x, &v, 1, true, &r), TG_OK);
    assert_true(tg_requires_grad(r));
    assert_int_equal(tg_grad(&r, NULL, 1, &x, 1, false, &g), TG_OK);
    assert_near(tg_item(g), 48);
    assert_int_equal(tg_backward(r), TG_OK);
    assert_near(tg_item(tg_grad_of(x)), 48);
}

/* Where gradients end, tangents do. */
static void test_ends(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = tg_scalar(t, 2), *v = tg_scalar(t, 1), *ends[] = {tg_detach(x), tg_floor(x), tg_to(tg_to(x, TG_I64), TG_F64), NULL, NULL};
    tg_set_grad_enabled(t, false);
    ends[3] = tg_square(x);
    tg_set_grad_enabled(t, true);
    ends[4] = tg_set_requires_grad(tg_square(x), true);
    for (int k = 0; k < 5; k++) assert_near(tg_item(jvp(tg_mul(ends[k], x), x, v)), tg_item(ends[k]));
    assert_near(tg_item(jvp(tg_mul(ends[4], x), ends[4], v)), 2);
}

/* The side that is not taken, and what is multiplied by a tangent of 0, may hold anything. */
static void test_unused(void **state)
{
    tg_tape     *t = open_tape(state);
    tg_tensor   *x = tg_from_f64(t, TG_SHAPE(3), (double[]){-1, 0, 4}), *v = tg_from_f64(t, TG_SHAPE(3), (double[]){1, 0, 1}), *zero = tg_scalar(t, 0);
    const double want[] = {0, 0, 0.25}, second[] = {0, 0, -1.0 / 32}, third[] = {0, 0, 3.0 / 256};
    tg_tensor   *y = jvp(tg_where(tg_gt(x, zero), tg_sqrt(x), zero), x, v);
    assert_vector(y, want, 3);
    assert_vector(y = jvp(y, x, v), second, 3);
    assert_vector(jvp(y, x, v), third, 3);
    assert_vector(jvp(tg_sqrt(x), x, tg_from_f64(t, TG_SHAPE(3), (double[]){0, 0, 1})), want, 3);
}

/* Empty tensors and numbers, inputs of stride 0, f32, and as many inputs of one op as do not lie in a node. */
static void test_shapes(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *none = tg_zeros(t, TG_SHAPE(0, 3)), *many[20], *v[20], *r;
    assert_int_equal(tg_numel(jvp(tg_exp(none), none, none)), 0);
    assert_near(tg_item(jvp(tg_sum_all(none), none, none)), 0);
    tg_tensor *wide = tg_expand(tg_scalar(t, 3), TG_SHAPE(2, 2)), *e = tg_expand(tg_scalar(t, 2), TG_SHAPE(2, 2));
    assert_near(tg_item(jvp(tg_sum_all(tg_square(wide)), wide, e)), 48);
    tg_tensor *f = tg_to(wide, TG_F32), *d = jvp(tg_square(f), wide, e);
    assert_int_equal(tg_dtype_of(d), TG_F32);
    assert_near(tg_item(tg_sum_all(d)), 48);
    for (int k = 0; k < 20; k++) many[k] = tg_full(t, TG_F64, TG_SHAPE(1), k), v[k] = k % 3 ? tg_full(t, TG_F64, TG_SHAPE(1), k + 1) : NULL;
    tg_tensor *joined = tg_square(tg_cat(many, 20, 0));
    assert_int_equal(tg_jvp(&joined, 1, many, v, 20, false, &r), TG_OK);
    for (int k = 0; k < 20; k++) assert_near(tg_item(tg_select(r, 0, k)), k % 3 ? 2 * k * (k + 1) : 0);
}

/* A parameter that was written after it was used: what was recorded before would read another value. */
static void test_written(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *w = tg_param(t, "w", tg_scalar(t, 3)), *v = tg_keep(tg_scalar(t, 2)), *y = tg_square(w), *r;
    assert_int_equal(tg_assign(v, tg_scalar(t, 5)), TG_OK); /* the vector is what it holds now */
    assert_near(tg_item(jvp(y, w, v)), 30);
    assert_int_equal(tg_assign(w, tg_scalar(t, 4)), TG_OK);
    expect_failure(t, tg_jvp(&y, 1, &w, &v, 1, false, &r), TG_ERR_STALE, "tg_jvp: square: its gradient reads parameter 'w'");
    assert_null(r);
    y = tg_square(w);
    assert_near(tg_item(jvp(y, w, v)), 40);
}

/* ---- ops of the user's ------------------------------------------------------------------------------------------------ */

/* Any of several results, of which one may be of integers; by the transposed vjp. */
static void test_several_results(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = vector(t, 3, 1), *y = vector(t, 4, 2), *angle, *r = polar(x, y, &angle), *in[] = {x, y}, *v[] = {vector(t, 1, 0), vector(t, 0, 1)};
    tg_tensor *out[] = {r, angle}, *d[2], *place, *most;
    const double dr[] = {3.0 / 5, 2 / sqrt(5)}, da[] = {-4.0 / 25, 1.0 / 5};
    assert_int_equal(tg_jvp(out, 2, in, v, 2, true, d), TG_OK);
    assert_vector(d[0], dr, 2);
    assert_vector(d[1], da, 2);
    assert_int_equal(tg_jvp(&out[1], 1, in, v, 2, false, d), TG_OK);
    assert_vector(d[0], da, 2);
    most = tg_max(y, 0, false, &place);
    assert_near(tg_item(jvp(most, y, v[0])), 1);
    expect_failure(t, tg_jvp(&place, 1, &y, v, 1, false, d), TG_ERR_DTYPE, "tg_jvp: output 0 is of int64, which has no derivatives");
}

static tg_status triple_infer(tg_call *c) { return c->shape = *tg_shape_of(c->in[0]), c->dtype = tg_dtype_of(c->in[0]), TG_OK; }
static tg_status triple_run(tg_call *c)
{
    for (int64_t i = 0; i < several_count(c->y.shape); i++) ((double *)c->y.data)[i] = 3 * ((const double *)c->x[0].data)[i];
    return TG_OK;
}
static const tg_op raw_op = {.name = "raw_triple", .arity = 1, .infer = triple_infer, .run = triple_run};
static tg_tensor *raw_vjp(const tg_call *c, int i, tg_tensor *g) { return (void)c, (void)i, tg_record(&raw_op, &g, 1, NULL, 0); }
static tg_tensor *raw_jvp(const tg_call *c, tg_tensor *const *v) { return (void)c, tg_record(&raw_op, v, 1, NULL, 0); }
static tg_tensor *wide_jvp(const tg_call *c, tg_tensor *const *v) { return (void)c, tg_unsqueeze(v[0], 0); }
static tg_tensor *no_jvp(const tg_call *c, tg_tensor *const *v) { return (void)c, (void)v, NULL; }
static tg_tensor *f32_jvp(const tg_call *c, tg_tensor *const *v) { return (void)c, tg_to(v[0], TG_F32); }
static tg_tensor *number_jvp(const tg_call *c, tg_tensor *const *v) { return (void)v, tg_scalar(c->tape, 3); }

static void test_own_rules(void **state)
{
    static const struct {
        tg_op       op;
        tg_status   status;
        const char *says;
    } ops[] = {
        {{.name = "triple", .vjp = raw_vjp, .jvp = raw_jvp}, TG_OK, NULL},
        {{.name = "triple", .vjp = raw_vjp, .jvp = number_jvp}, TG_OK, NULL}, /* is expanded */
        {{.name = "triple", .jvp = raw_jvp}, TG_OK, NULL},
        {{.name = "triple", .jvp = tg_linear_jvp}, TG_OK, NULL},
        {{.name = "triple", .jvp = tg_multilinear_jvp}, TG_OK, NULL},
        {{.name = "triple", .vjp = raw_vjp}, TG_ERR_GRAD, "raw_triple: the op has no derivative"},
        {{.name = "triple"}, TG_ERR_GRAD, "tg_jvp: triple: the op has no derivative"},
        {{.name = "triple", .jvp = wide_jvp}, TG_ERR_GRAD, "tg_jvp: triple: its jvp returned a float64 tangent of shape [1,2]"},
        {{.name = "triple", .jvp = f32_jvp}, TG_ERR_GRAD, "tg_jvp: triple: its jvp returned a float32 tangent of shape [2]"},
        {{.name = "triple", .jvp = no_jvp}, TG_ERR_GRAD, "tg_jvp: triple: its jvp returned no tangent"},
    };
    static tg_op op[sizeof ops / sizeof *ops];
    tg_tape     *t = open_tape(state);
    for (size_t k = 0; k < sizeof ops / sizeof *ops; k++) {
        op[k] = ops[k].op;
        op[k].arity = 1, op[k].infer = triple_infer, op[k].run = triple_run;
        tg_tensor *x = vector(t, 1, 2), *v = vector(t, 1, 1), *y = tg_square(tg_record(&op[k], &x, 1, NULL, 0)), *r = x;
        const tg_status s = tg_jvp(&y, 1, &x, &v, 1, false, &r);
        if (ops[k].says) {
            expect_failure(t, s, ops[k].status, ops[k].says);
            assert_null(r);
        } else {
            assert_int_equal(s, TG_OK);
            assert_vector(r, (const double[]){18, 36}, 2);
        }
        assert_near(tg_item(tg_sum_all(jvp(tg_square(x), x, v))), 6); /* the tape goes on */
        tg_reset(t);
    }
}

/* ---- wrong calls -------------------------------------------------------------------------------------------------------- */

#define SAYS(STATUS, CALL, SENTENCE)                                                          \
    do {                                                                                      \
        tg_tensor *r[2] = {x, x};                                                             \
        assert_int_equal(CALL, STATUS);                                                       \
        assert_null(r[0]);                                                                    \
        if (*(SENTENCE)) assert_error(t, NULL, STATUS, SENTENCE);                             \
        assert_null(tg_error(t));                                                             \
    } while (0)

static void test_wrong_calls(void **state)
{
    tg_tape   *t = open_tape(state), *u = quiet(TG_F64);
    tg_tensor *stale = tg_scalar(t, 1), *other = tg_scalar(u, 1), *null = NULL;
    tg_reset(t);
    tg_tensor *x = vector(t, 1, 2), *y = tg_square(x), *v = vector(t, 1, 1), *i = tg_arange(t, TG_I64, 2), *f = tg_to(v, TG_F32), *three = tg_ones(t, TG_SHAPE(3));
    SAYS(TG_ERR_NULL, tg_jvp(NULL, 1, &x, &v, 1, false, r), "");
    SAYS(TG_ERR_ARG, tg_jvp(&y, 0, &x, &v, 1, false, r) == TG_ERR_ARG ? (r[0] = NULL, TG_ERR_ARG) : TG_OK, "");
    SAYS(TG_ERR_NULL, tg_jvp(&null, 1, &x, &v, 1, false, r), "");
    SAYS(TG_ERR_NULL, tg_jvp(&y, 1, NULL, &v, 1, false, r), "tg_jvp: inputs is NULL");
    SAYS(TG_ERR_NULL, tg_jvp(&y, 1, &x, NULL, 1, false, r), "tg_jvp: tangents is NULL");
    SAYS(TG_ERR_NULL, (r[0] = NULL, tg_jvp(&y, 1, &x, &v, 1, false, NULL)), "tg_jvp: results is NULL");
    SAYS(TG_ERR_ARG, tg_jvp(&y, 1, &x, &v, -1, false, r), "tg_jvp: the number of inputs is -1");
    SAYS(TG_ERR_NULL, tg_jvp(&y, 1, &null, &v, 1, false, r), "tg_jvp: input 0 is NULL");
    SAYS(TG_ERR_NULL, tg_jvp((tg_tensor *[]){y, NULL}, 2, &x, &v, 1, false, r), "tg_jvp: output 1 is NULL");
    SAYS(TG_ERR_DTYPE, tg_jvp(&y, 1, &i, &v, 1, false, r), "tg_jvp: input 0 is of int64, which has no derivatives; float32 and float64 have");
    SAYS(TG_ERR_DTYPE, tg_jvp(&y, 1, &x, &f, 1, false, r), "tg_jvp: tangent 0 is float32 [2]; it has the shape and dtype of its input, float64 [2]");
    SAYS(TG_ERR_SHAPE, tg_jvp(&y, 1, &x, &three, 1, false, r), "tg_jvp: tangent 0 is float64 [3]; it has the shape and dtype of its input, float64 [2]");
    SAYS(TG_ERR_TAPE, tg_jvp(&y, 1, &other, &v, 1, false, r), "tg_jvp: the tensors belong to different tapes");
    SAYS(TG_ERR_TAPE, tg_jvp(&y, 1, &x, &other, 1, false, r), "tg_jvp: the tensors belong to different tapes");
    SAYS(TG_ERR_SHAPE, tg_vjp(&y, NULL, 1, &x, 1, false, r), "tg_vjp: output 0 has more than one element, and needs a seed");
    SAYS(TG_ERR_SHAPE, tg_vjp(&y, &three, 1, &x, 1, false, r), "tg_vjp: seed 0 is float64 [3]; it has the shape and dtype of its output, float64 [2]");
    SAYS(TG_ERR_DTYPE, tg_vjp(&i, &i, 1, &x, 1, false, r), "tg_vjp: output 0 is of int64, which has no derivatives; float32 and float64 have");
    tg_tensor *r = x;
    expect_failure(t, tg_jvp(&y, 1, &stale, &v, 1, false, &r), TG_ERR_STALE, "tg_jvp: a stale handle");
    expect_failure(t, tg_jvp(&stale, 1, &x, &v, 1, false, &r), TG_ERR_STALE, "tg_jvp: a stale handle");
    expect_failure(t, tg_jvp(&y, 1, &x, &stale, 1, false, &r), TG_ERR_STALE, "tg_jvp: a stale handle");
    assert_int_equal(tg_jvp(&y, 1, &x, &v, 0, false, &r), TG_OK); /* of no inputs: nothing moves */
    assert_near(tg_item(tg_sum_all(r)), 0);
    tg_tape_free(u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_values, close_tape),       cmocka_unit_test_teardown(test_several, close_tape),
        cmocka_unit_test_teardown(test_nested_inputs, close_tape), cmocka_unit_test_teardown(test_orders, close_tape),
        cmocka_unit_test_teardown(test_create_graph, close_tape), cmocka_unit_test_teardown(test_ends, close_tape),
        cmocka_unit_test_teardown(test_unused, close_tape),       cmocka_unit_test_teardown(test_shapes, close_tape),
        cmocka_unit_test_teardown(test_written, close_tape),      cmocka_unit_test_teardown(test_several_results, close_tape),
        cmocka_unit_test_teardown(test_own_rules, close_tape),    cmocka_unit_test_teardown(test_wrong_calls, close_tape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
