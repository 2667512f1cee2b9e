/* test_raw_vjp.c - ops whose gradient is computed from arrays: several inputs, results and attributes, what is not wanted, errors, memory. */
#include "f64_test.h"

#include <tapegrad_op.h>

#include "failing.h"

/* x = s r cos a, y = s r sin a, and the quadrant, of [n] each; s is an attribute, and which of the points count an input without gradient. */
typedef struct polar_attr {
    double scale;
} polar_attr;

static tg_status polar_infer(tg_call *c)
{
    if (!tg_shape_equal(tg_shape_of(c->in[0]), tg_shape_of(c->in[1]))) return tg_fail(c, TG_ERR_SHAPE, "the shapes differ");
    c->shape = c->result[1].shape = c->result[2].shape = *tg_shape_of(c->in[0]);
    c->dtype = c->result[1].dtype = TG_F64;
    c->result[2].dtype = TG_I64;
    return TG_OK;
}

static int64_t size_of(const tg_call *c) { return c->shape.rank ? c->shape.dim[0] : 1; }

static tg_status polar_run(tg_call *c)
{
    const double  *r = c->x[0].data, *a = c->x[1].data, s = ((const polar_attr *)c->attr)->scale;
    const int64_t *counts = c->x[2].data;
    for (int64_t k = 0; k < size_of(c); k++) {
        ((double *)c->y.data)[k] = counts[k] ? s * r[k] * cos(a[k]) : 0;
        ((double *)c->result[1].y.data)[k] = counts[k] ? s * r[k] * sin(a[k]) : 0;
        ((int64_t *)c->result[2].y.data)[k] = (int64_t)(a[k] / 1.5707963267948966);
    }
    return TG_OK;
}

/* By the results: dr = (x gx + y gy) / r, da = x gy - y gx. */
static tg_status polar_raw_vjp(tg_call *c)
{
    const double *r = c->x[0].data, *x = c->y.data, *y = c->result[1].y.data, *gx = c->g[0].data, *gy = c->g[1].data;
    double       *dr = c->gx[0].data, *da = c->gx[1].data;
    if (c->gx[2].data || c->g[2].data || c->n_in != 3 || !tg_scratch(c, 8)) return tg_fail(c, TG_ERR_ARG, "a gradient that there is not");
    if (((const polar_attr *)c->attr)->scale == 13) return TG_ERR_INDEX;
    for (int64_t k = 0; k < size_of(c); k++) {
        dr[k] = ((gx ? x[k] * gx[k] : 0) + (gy ? y[k] * gy[k] : 0)) / r[k];
        da[k] = (gy ? x[k] * gy[k] : 0) - (gx ? y[k] * gx[k] : 0);
    }
    return TG_OK;
}

static const tg_op tg_op_polar = {.name = "polar", .arity = 3, .results = 3, .infer = polar_infer, .run = polar_run, .vjp = tg_raw_vjp, .raw_vjp = polar_raw_vjp};
static const tg_op tg_op_polar_without = {.name = "polar", .arity = 3, .results = 3, .infer = polar_infer, .run = polar_run, .vjp = tg_raw_vjp};

static tg_tensor *polar(const tg_op *op, tg_tensor *r, tg_tensor *a, double scale)
{
    const polar_attr attr = {scale};
    const int64_t    counts[] = {1, 0, 1, 1};
    tg_tensor       *in[] = {r, a, tg_from_i64(tg_tape_of(r), TG_SHAPE(4), counts)};
    return tg_record(op, in, 3, &attr, sizeof attr);
}

static const double r0[] = {1, 2, 0.5, 3}, a0[] = {0.25, 1, 2, 4};

static tg_status points(void *ctx, tg_tensor *const *in, tg_tensor **out)
{
    out[0] = polar(ctx, in[0], in[1], 1.5);
    out[1] = tg_result(out[0], 1);
    return out[1] ? TG_OK : TG_ERR_ARG;
}

static void gradients(void **state)
{
    tg_tape            *t = open_tape(state);
    tg_tensor          *in[] = {tg_set_requires_grad(tg_from_f64(t, TG_SHAPE(4), r0), true), tg_set_requires_grad(tg_from_f64(t, TG_SHAPE(4), a0), true)}, *g[2];
    tg_gradcheck_report report;
    if (tg_gradcheck_several(points, (void *)&tg_op_polar, 2, in, 2, NULL, &report)) fail_msg("%s", report.text);
    for (int round = 0; round < 3; round++) { /* by one of the results, for one of the inputs */
        tg_tensor *first = polar(&tg_op_polar, in[0], in[1], 2), *y = tg_sum_all(round == 1 ? first : tg_result(first, 1));
        assert_int_equal(tg_grad(&y, NULL, 1, in + round % 2, 1, false, g), TG_OK);
        for (int k = 0; k < 4; k++) {
            const double by_r = 2 * sin(a0[k]), by_a = -2 * r0[k] * sin(a0[k]), want = k == 1 ? 0 : round == 1 ? by_a : by_r;
            assert_near(tg_data_f64(g[0])[k], want);
        }
    }
    tg_tensor *w = tg_param(t, "w", tg_from_f64(t, TG_SHAPE(4), r0)); /* in place, several times, and confirmed */
    for (int round = 1; round < 4; round++) {
        tg_tensor *a = tg_from_f64(t, TG_SHAPE(4), a0);
        assert_int_equal(tg_backward(tg_sum_all(polar(&tg_op_polar, w, a, 1))), TG_OK);
        assert_values(tg_grad_of(w), (double[]){round * cos(a0[0]), 0, round * cos(a0[2]), round * cos(a0[3])}, 4);
        assert_int_equal(tg_reset(t), TG_OK);
    }
}

static void once_and_no_more(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *in[] = {tg_set_requires_grad(tg_from_f64(t, TG_SHAPE(4), r0), true), tg_set_requires_grad(tg_from_f64(t, TG_SHAPE(4), a0), true)}, *g, *gg, *v;
    tg_tensor *y = tg_sum_all(polar(&tg_op_polar, in[0], in[1], 1)), *one = tg_ones(t, TG_SHAPE(4));
    assert_int_equal(tg_grad(&y, NULL, 1, in, 1, true, &g), TG_OK);
    assert_near(tg_data_f64(g)[0], cos(0.25));
    tg_tensor *s = tg_sum_all(g);
    assert_int_equal(tg_grad(&s, NULL, 1, in + 1, 1, false, &gg), TG_ERR_GRAD);
    expect_error(t, TG_ERR_GRAD, "the gradient of op 'polar' is computed from arrays, by its raw_vjp, and has no derivative");
    assert_int_equal(tg_jvp(&y, 1, in, &one, 1, false, &v), TG_ERR_GRAD);
    expect_error(t, TG_ERR_GRAD, "the gradient of op 'polar' is computed from arrays");
    assert_int_equal(tg_backward(tg_sum_all(polar(&tg_op_polar, in[0], in[1], 13))), TG_ERR_INDEX);
    expect_error(t, TG_ERR_INDEX, "raw_vjp");
    assert_int_equal(tg_backward(tg_sum_all(polar(&tg_op_polar_without, in[0], in[1], 1))), TG_ERR_GRAD);
    expect_error(t, TG_ERR_GRAD, "polar: its vjp is tg_raw_vjp, and it has no raw_vjp");
    assert_null(tg_grad_of(in[0]));
}

/* Each allocation fails in turn. */
static void memory(void **state)
{
    (void)state;
    for (int k = 0, failed = 1; failed; k++) {
        failing    f = {.left = -1};
        tg_tape   *t = failing_tape(&f, TG_F64);
        tg_tensor *w = tg_param(t, "w", tg_from_f64(t, TG_SHAPE(4), r0)), *a = tg_from_f64(t, TG_SHAPE(4), a0);
        assert_non_null(a);
        f.left = k;
        tg_tensor      *y = polar(&tg_op_polar, w, a, 1), *loss = y ? tg_sum_all(y) : NULL;
        const tg_status s = loss ? tg_backward(loss) : TG_ERR_MEMORY;
        failed = f.failed;
        f.left = -1;
        assert_int_equal(s, failed ? TG_ERR_MEMORY : TG_OK);
        tg_tape_free(t);
        assert_int_equal(f.held, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(gradients, close_tape),
        cmocka_unit_test_teardown(once_and_no_more, close_tape),
        cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
