/* test_gradcheck.c - a test of the test: tg_gradcheck accepts right rules, rejects wrong ones and names the element
 * that is off. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tapegrad.h>
#include <tapegrad_op.h>
#include <tgmath.h>

#include "quiet.h"
#include "failing.h"
#include "gradcheck_test.h"

/* ---- ops with right and wrong rules: x = c->in[0] ------------------------------------------------------------- */

static tg_tensor *tanh_slope(const tg_call *c) { return tg_rsub_s(1, tg_square(c->out)); }

static tg_tensor *right_tanh_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return tg_mul(g, tanh_slope(c));
}
static tg_tensor *off_tanh_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return tg_mul(g, tg_mul_s(tanh_slope(c), 1.0005));
}
static tg_tensor *detached_tanh_vjp(const tg_call *c, int i,
                                    tg_tensor *g) /* right, but a constant for the second derivative */
{
    (void)i;
    return tg_mul(g, tg_detach(tanh_slope(c)));
}
static tg_tensor *no_gradient_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return tg_mul(tg_zeros_like(g), c->in[0]);
}
TG_POINTWISE_UNARY(right_tanh, tanh(x), right_tanh_vjp)
TG_POINTWISE_UNARY(off_tanh, tanh(x), off_tanh_vjp)
TG_POINTWISE_UNARY(detached_tanh, tanh(x), detached_tanh_vjp)
TG_POINTWISE_UNARY(no_gradient, tanh(x), no_gradient_vjp)

static tg_tensor *right_minus_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)c;
    return i == 0 ? g : tg_neg(g);
}
static tg_tensor *wrong_sign_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)c, (void)i;
    return g;
}
TG_POINTWISE_BINARY(right_minus, x - y, right_minus_vjp)
TG_POINTWISE_BINARY(wrong_sign, x - y, wrong_sign_vjp)

static tg_tensor *right_xexp_vjp(const tg_call *c, int i, tg_tensor *g) /* (x e^x)' = e^x + x e^x */
{
    (void)i;
    return tg_mul(g, tg_add(tg_exp(c->in[0]), c->out));
}
static tg_tensor *missing_term_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return tg_mul(g, tg_exp(c->in[0]));
}
TG_POINTWISE_UNARY(right_xexp, x *exp(x), right_xexp_vjp)
TG_POINTWISE_UNARY(missing_term, x *exp(x), missing_term_vjp)

static tg_tensor *right_square_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return tg_mul(g, tg_mul_s(c->in[0], 2));
}
static tg_tensor *missing_factor_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return tg_mul(g, c->in[0]);
}
TG_POINTWISE_UNARY(right_square, x *x, right_square_vjp)
TG_POINTWISE_UNARY(missing_factor, x *x, missing_factor_vjp)

static tg_tensor *right_times_vjp(const tg_call *c, int i, tg_tensor *g) { return tg_mul(g, c->in[1 - i]); }
static tg_tensor *wrong_operand_vjp(const tg_call *c, int i, tg_tensor *g) { return tg_mul(g, c->in[i]); }
TG_POINTWISE_BINARY(right_times, x *y, right_times_vjp)
TG_POINTWISE_BINARY(wrong_operand, x *y, wrong_operand_vjp)

/* The product of two square matrices. */
static tg_status product_infer(tg_call *c)
{
    c->shape = *tg_shape_of(c->in[0]);
    c->dtype = tg_dtype_of(c->in[0]);
    return TG_OK;
}
static tg_status product_run(tg_call *c)
{
    const int64_t n = c->shape.dim[0];
    const double *a = c->x[0].data, *b = c->x[1].data;
    double       *y = c->y.data;
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < n; j++) {
            y[i * n + j] = 0;
            for (int64_t k = 0; k < n; k++) y[i * n + j] += a[i * n + k] * b[k * n + j];
        }
    }
    return TG_OK;
}
static tg_tensor *right_product_vjp(const tg_call *c, int i, tg_tensor *g)
{
    return i == 0 ? tg_matmul(g, tg_mT(c->in[1])) : tg_matmul(tg_mT(c->in[0]), g);
}
static tg_tensor *no_transpose_vjp(const tg_call *c, int i, tg_tensor *g)
{
    return i == 0 ? tg_matmul(g, c->in[1]) : tg_matmul(tg_mT(c->in[0]), g);
}
static const tg_op tg_op_right_product = {
    .name = "right_product", .arity = 2, .infer = product_infer, .run = product_run, .vjp = right_product_vjp};
static const tg_op tg_op_no_transpose = {
    .name = "no_transpose", .arity = 2, .infer = product_infer, .run = product_run, .vjp = no_transpose_vjp};

/* Softmax over the last axis of a square matrix; the gradient is y (g - sum(g y over that axis)). */
static tg_status rows_run(tg_call *c)
{
    const int64_t n = c->shape.dim[0];
    const double *x = c->x[0].data;
    double       *y = c->y.data;
    for (int64_t i = 0; i < n; i++) {
        double sum = 0;
        for (int64_t j = 0; j < n; j++) sum += exp(x[i * n + j]);
        for (int64_t j = 0; j < n; j++) y[i * n + j] = exp(x[i * n + j]) / sum;
    }
    return TG_OK;
}
static tg_tensor *softmax_gradient(const tg_call *c, tg_tensor *g, int axis)
{
    return tg_mul(c->out, tg_sub(g, tg_sum(tg_mul(g, c->out), TG_AXES(axis), true)));
}
static tg_tensor *right_rows_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return softmax_gradient(c, g, 1);
}
static tg_tensor *wrong_axis_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return softmax_gradient(c, g, 0);
}
static const tg_op tg_op_right_rows = {
    .name = "right_rows", .arity = 1, .infer = product_infer, .run = rows_run, .vjp = right_rows_vjp};
static const tg_op tg_op_wrong_axis = {
    .name = "wrong_axis", .arity = 1, .infer = product_infer, .run = rows_run, .vjp = wrong_axis_vjp};

/* x^2, whose rule is off at one element only: 1 % at the number in attr. */
static tg_tensor *one_element_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    const size_t n      = (size_t)tg_numel(c->in[0]);
    double      *factor = malloc((n ? n : 1) * sizeof *factor);
    int64_t      which;
    memcpy(&which, c->attr, sizeof which);
    if (!factor) return NULL;
    for (size_t k = 0; k < n; k++) factor[k] = (int64_t)k == which ? 2.02 : 2;
    tg_tensor *f = tg_from_f64(c->tape, tg_shape_of(c->in[0]), factor);
    free(factor);
    return tg_mul(g, tg_mul(f, c->in[0]));
}
TG_POINTWISE_UNARY(one_element, x *x, one_element_vjp)

static bool near(double a, double b, double tolerance) { return fabs(a - b) <= tolerance; }

/* ---- running one ---------------------------------------------------------------------------------------------- */

typedef struct applied {
    const tg_op *op;
    int          arity;
    int64_t      which; /* attribute of one_element, or -1 */
} applied;

static tg_tensor *apply(void *ctx, tg_tensor *const *in)
{
    const applied *a = ctx;
    return a->which < 0 ? tg_record(a->op, in, a->arity, NULL, 0)
                        : tg_record(a->op, in, a->arity, &a->which, sizeof a->which);
}

static tg_status check(tg_tape *t, const tg_op *op, int order, tg_gradcheck_report *report)
{
    applied         a     = {op, op->arity, -1};
    tg_tensor      *in[2] = {input(t, TG_SHAPE(3, 3)), input(t, TG_SHAPE(3, 3))};
    const tg_status s     = tg_gradcheck(apply, &a, in, a.arity, &(tg_gradcheck_options){.order = order}, report);
    assert_int_equal(report->ok, s == TG_OK);
    return s;
}

static void test_right_rules_pass(void **state)
{
    tg_tape           *t     = open_tape(state);
    const tg_op *const ops[] = {&tg_op_right_tanh,  &tg_op_right_minus,   &tg_op_right_xexp, &tg_op_right_square,
                                &tg_op_right_times, &tg_op_right_product, &tg_op_right_rows};
    for (size_t k = 0; k < sizeof ops / sizeof *ops; k++) {
        tg_gradcheck_report r;
        if (check(t, ops[k], 2, &r) != TG_OK) fail_msg("%s: %s", ops[k]->name, r.text);
        assert_true(r.relative_error < 1e-7);
    }
    assert_null(tg_error(t));
}

static void test_wrong_rules_fail(void **state)
{
    tg_tape           *t     = open_tape(state);
    const tg_op *const ops[] = {&tg_op_off_tanh,       &tg_op_no_gradient,   &tg_op_wrong_sign,   &tg_op_missing_term,
                                &tg_op_missing_factor, &tg_op_wrong_operand, &tg_op_no_transpose, &tg_op_wrong_axis};
    for (size_t k = 0; k < sizeof ops / sizeof *ops; k++) {
        for (int order = 1; order <= 2; order++) {
            tg_gradcheck_report r;
            if (check(t, ops[k], order, &r) != TG_ERR_GRAD) fail_msg("%s passed: %s", ops[k]->name, r.text);
            assert_int_equal(r.order, 1);
            assert_non_null(strstr(tg_error(t), r.text));
            tg_clear_error(t);
        }
    }
}

/* How far off by 0.05 % is, and where the wrong sign is. */
static void test_report_measures(void **state)
{
    tg_tape            *t = open_tape(state);
    tg_gradcheck_report r;
    assert_int_equal(check(t, &tg_op_off_tanh, 1, &r), TG_ERR_GRAD);
    assert_true(near(r.relative_error, 0.0005 / 1.0005, 1e-7));
    assert_true(near(r.analytic / r.numeric, 1.0005, 1e-7));
    assert_int_equal(check(t, &tg_op_wrong_sign, 1, &r), TG_ERR_GRAD);
    assert_int_equal(r.input, 1);
    assert_true(near(r.analytic, -r.numeric, 1e-9));
}

static void test_wrong_second_derivative(void **state)
{
    tg_tape            *t = open_tape(state);
    tg_gradcheck_report r;
    assert_int_equal(check(t, &tg_op_detached_tanh, 1, &r), TG_OK);
    assert_int_equal(check(t, &tg_op_detached_tanh, 2, &r), TG_ERR_GRAD);
    assert_int_equal(r.order, 2);
    assert_true(r.analytic == 0 && r.numeric != 0);
    assert_non_null(strstr(r.text, "second"));
}

/* Below and above the size up to which every element is looked at: the one that is off is found. */
static void test_names_the_element(void **state)
{
    tg_tape *t = open_tape(state);
    const struct {
        tg_shape shape;
        int64_t  which;
    } cases[] = {{{1, {5}}, 3}, {{2, {4, 6}}, 17}, {{2, {31, 7}}, 0}, {{2, {31, 7}}, 216}, {{3, {10, 10, 10}}, 777}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        applied             a = {&tg_op_one_element, 1, cases[k].which};
        tg_tensor          *x = tg_set_requires_grad(tg_uniform(t, &cases[k].shape, 0.5, 1.5), true);
        tg_gradcheck_report r;
        char                name[40];
        assert_int_equal(tg_gradcheck(apply, &a, &x, 1, NULL, &r), TG_ERR_GRAD);
        assert_int_equal(r.input, 0);
        assert_int_equal(r.element, cases[k].which);
        assert_true(near(r.analytic / r.numeric, 1.01, 1e-6));
        snprintf(name, sizeof name, "input 0, element %lld", (long long)cases[k].which);
        assert_non_null(strstr(r.text, name));
        tg_clear_error(t);
    }
}

/* ---- functions of several inputs ------------------------------------------------------------------------------ */

/* Parameters, their gradients and the recording switch are as they were. */
static void test_leaves_no_trace(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *w = tg_param(t, "w", tg_uniform(t, TG_SHAPE(2, 2), -1, 1));
    double     value[4], grad[4], now[4];
    assert_int_equal(tg_backward(tg_sum_all(tg_exp(w))), TG_OK);
    assert_int_equal(tg_copy_to(w, value, sizeof value), TG_OK);
    assert_int_equal(tg_copy_to(tg_grad_of(w), grad, sizeof grad), TG_OK);
    tg_set_grad_enabled(t, false);
    assert_int_equal(tg_gradcheck(itself, NULL, &w, 1, &(tg_gradcheck_options){.order = 2}, NULL), TG_OK);
    applied a = {&tg_op_off_tanh, 1, -1};
    assert_int_equal(tg_gradcheck(apply, &a, &w, 1, NULL, NULL), TG_ERR_GRAD);
    assert_false(tg_set_grad_enabled(t, true));
    assert_int_equal(tg_copy_to(w, now, sizeof now), TG_OK);
    assert_memory_equal(now, value, sizeof now);
    assert_int_equal(tg_copy_to(tg_grad_of(w), now, sizeof now), TG_OK);
    assert_memory_equal(now, grad, sizeof now);
}

/* ---- functions that cannot be checked ------------------------------------------------------------------------- */

/* A second derivative through an op without one is an error that names the op, not a pass. */
static tg_tensor *missing_vjp(const tg_call *c, int i, tg_tensor *g);
TG_POINTWISE_UNARY(no_rule, 3 * x, NULL)
TG_POINTWISE_UNARY(cube, x *x *x, missing_vjp)
static tg_tensor *missing_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    tg_tensor *x = c->in[0];
    return tg_mul(g, tg_mul(tg_record(&tg_op_no_rule, &x, 1, NULL, 0), x));
}

static void test_no_second_derivative(void **state)
{
    tg_tape            *t = open_tape(state);
    tg_tensor          *x = input(t, TG_SHAPE(2));
    applied             a = {&tg_op_cube, 1, -1};
    tg_gradcheck_report r;
    assert_int_equal(tg_gradcheck(apply, &a, &x, 1, &(tg_gradcheck_options){.order = 1}, &r), TG_OK);
    assert_int_equal(tg_gradcheck(apply, &a, &x, 1, &(tg_gradcheck_options){.order = 2}, &r), TG_ERR_GRAD);
    assert_non_null(strstr(r.text, "no_rule"));
}

/* ---- out of memory -------------------------------------------------------------------------------------------- */

/* Every allocation fails in turn: an error, no leak, and the tape works on. */
static void test_out_of_memory(void **state)
{
    (void)state;
    int64_t failures = 0;
    for (bool hit = true; hit;) {
        failing    m = {.left = failures, .once = true};
        tg_tape   *t = failing_tape(&m, TG_F64);
        tg_tensor      *x = t ? input(t, TG_SHAPE(2, 2)) : NULL;
        applied         a = {&tg_op_right_tanh, 1, -1};
        if (x) {
            const tg_status s = tg_gradcheck(apply, &a, &x, 1, &(tg_gradcheck_options){.order = 2}, NULL);
            hit = m.failed > 0;
            m.left = -1;
            assert_int_equal(s, hit ? TG_ERR_MEMORY : TG_OK);
            assert_int_equal(tg_gradcheck(apply, &a, &x, 1, &(tg_gradcheck_options){.order = 2}, NULL), TG_OK);
        }
        failures += hit;
        tg_tape_free(t);
        assert_int_equal(m.held, 0);
    }
    assert_true(failures > 10);
}

#define TEST(f) cmocka_unit_test_teardown(f, close_tape)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_right_rules_pass),
        TEST(test_wrong_rules_fail),
        TEST(test_report_measures),
        TEST(test_wrong_second_derivative),
        TEST(test_names_the_element),
        TEST(test_leaves_no_trace),
        TEST(test_no_second_derivative),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
