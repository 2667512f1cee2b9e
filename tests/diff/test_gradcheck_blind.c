/* test_gradcheck_blind.c - rules and kernels that are right for what differences ask, incoming gradients in [-1, 1) one after the other, and
 * wrong under other circumstances: tg_gradcheck finds each of them and names it. And what it says of functions that it can't judge. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <tapegrad.h>
#include <tapegrad_op.h>
#include <tgmath.h>

#include "quiet.h"
#include "gradcheck_test.h"

/* ---- rules: all of x^2 ------------------------------------------------------------------------------------------ */

static tg_tensor *slope(const tg_call *c, tg_tensor *g) { return tg_mul(g, tg_mul_s(c->in[0], 2)); }

static tg_tensor *right_vjp(const tg_call *c, int i, tg_tensor *g) { return (void)i, slope(c, g); }
static tg_tensor *clips_vjp(const tg_call *c, int i, tg_tensor *g) { return (void)i, slope(c, tg_minimum(tg_maximum(g, tg_full_like(g, -1)), tg_full_like(g, 1))); }
static tg_tensor *nan_at_zero_vjp(const tg_call *c, int i, tg_tensor *g) { return (void)i, slope(c, tg_div(tg_square(g), g)); }
static tg_tensor *offset_vjp(const tg_call *c, int i, tg_tensor *g) { return (void)i, slope(c, tg_add_s(g, 1e-300)); }

static int        calls;
static tg_tensor *counts_vjp(const tg_call *c, int i, tg_tensor *g) { return (void)i, calls++ < 2 ? slope(c, g) : tg_mul_s(slope(c, g), 1.01); }

TG_POINTWISE_UNARY(right, x *x, right_vjp)
TG_POINTWISE_UNARY(clips, x *x, clips_vjp)
TG_POINTWISE_UNARY(nan_at_zero, x *x, nan_at_zero_vjp)
TG_POINTWISE_UNARY(offset, x *x, offset_vjp)
TG_POINTWISE_UNARY(counts, x *x, counts_vjp)

/* ---- kernels: all of x^2 as well -------------------------------------------------------------------------------- */

enum { MOST = 64 };

static double last[MOST]; /* x of the latest forward pass */

static tg_status same_infer(tg_call *c)
{
    c->shape = *tg_shape_of(c->in[0]);
    c->dtype = TG_F64;
    return TG_OK;
}

static int64_t count_of(const tg_shape *s)
{
    int64_t n = 1;
    for (int k = 0; k < s->rank; k++) n *= s->dim[k];
    return n;
}

/* Reads x as if it were contiguous, which the library sees to where the op does not say TG_OP_STRIDED. */
static tg_status square_run(tg_call *c)
{
    const double *x = c->x[0].data;
    double       *y = c->y.data;
    for (int64_t i = 0; i < count_of(&c->shape); i++) {
        y[i] = x[i] * x[i];
        if (i < MOST) last[i] = x[i];
    }
    return TG_OK;
}

/* 2 x g of inputs x and g, likewise. */
static tg_status slope_run(tg_call *c)
{
    const double *x = c->x[0].data, *g = c->x[1].data;
    double       *y = c->y.data;
    for (int64_t i = 0; i < count_of(&c->shape); i++) y[i] = 2 * x[i] * g[i];
    return TG_OK;
}

static tg_status slope_of_last_run(tg_call *c)
{
    const double *g = c->x[1].data;
    double       *y = c->y.data;
    for (int64_t i = 0; i < count_of(&c->shape); i++) y[i] = 2 * last[i] * g[i];
    return TG_OK;
}

static const tg_op slope_op       = {.name = "slope", .arity = 2, .infer = same_infer, .run = slope_run};
static const tg_op careless_slope = {.name = "careless_slope", .arity = 2, .infer = same_infer, .run = slope_run, .flags = TG_OP_STRIDED};
static const tg_op slope_of_last  = {.name = "slope_of_last", .arity = 2, .infer = same_infer, .run = slope_of_last_run};

static tg_tensor *by(const tg_op *op, const tg_call *c, tg_tensor *g) { return tg_record(op, (tg_tensor *[]){c->in[0], tg_contiguous(g)}, 2, NULL, 0); }
static tg_tensor *kernel_vjp(const tg_call *c, int i, tg_tensor *g) { return (void)i, by(&slope_op, c, g); }
static tg_tensor *careless_vjp(const tg_call *c, int i, tg_tensor *g) { return (void)i, by(&careless_slope, c, g); }
static tg_tensor *last_vjp(const tg_call *c, int i, tg_tensor *g) { return (void)i, by(&slope_of_last, c, g); }

static const tg_op kernel          = {.name = "kernel", .arity = 1, .infer = same_infer, .run = square_run, .vjp = kernel_vjp};
static const tg_op careless_rule   = {.name = "careless_rule", .arity = 1, .infer = same_infer, .run = square_run, .vjp = careless_vjp};
static const tg_op careless_values = {.name = "careless_values", .arity = 1, .infer = same_infer, .run = square_run, .vjp = kernel_vjp, .flags = TG_OP_STRIDED};
static const tg_op reads_last      = {.name = "reads_last", .arity = 1, .infer = same_infer, .run = square_run, .vjp = last_vjp};

/* ---- each is found, and named -------------------------------------------------------------------------------------- */

static tg_tensor *apply(void *op, tg_tensor *const *in) { return tg_record(op, in, 1, NULL, 0); }

static void test_blind_spots(void **state)
{
    tg_tape *t = open_tape(state);
    const struct {
        const tg_op       *op;
        tg_gradcheck_probe probe;
        const char        *says;
    } cases[] = {{&tg_op_right, TG_PROBE_NONE, "agree"},
                 {&kernel, TG_PROBE_NONE, "agree"},
                 {&tg_op_clips, TG_PROBE_SCALED, "not proportional"},
                 {&tg_op_nan_at_zero, TG_PROBE_ZERO, "is nan instead of 0"},
                 {&tg_op_offset, TG_PROBE_ZERO, "not 0 where the incoming one is"},
                 {&tg_op_counts, TG_PROBE_AGAIN, "asked for again"},
                 {&reads_last, TG_PROBE_ELSEWHERE, "evaluated for other inputs in between"},
                 {&careless_rule, TG_PROBE_STRIDED, "strided views"},
                 {&careless_values, TG_PROBE_STRIDED, "f is another when the inputs are strided views"}};
    const tg_shape shapes[] = {{1, {7}}, {2, {3, 4}}, {3, {2, 3, 2}}, {2, {8, 8}}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
        for (size_t j = 0; j < sizeof shapes / sizeof *shapes; j++) {
            tg_gradcheck_report r;
            tg_reset(t);
            calls            = 0;
            tg_tensor      *x = tg_set_requires_grad(tg_uniform(t, &shapes[j], 0.5, 1.5), true);
            const tg_status s = tg_gradcheck(apply, (void *)(uintptr_t)cases[k].op, &x, 1, NULL, &r);
            if (s != (cases[k].probe ? TG_ERR_GRAD : TG_OK) || r.probe != cases[k].probe || !strstr(r.text, cases[k].says))
                fail_msg("%s: %d, probe %d: %s", cases[k].op->name, s, r.probe, r.text);
            assert_int_equal(r.ok, s == TG_OK);
            tg_clear_error(t);
        }
}

/* Where the numbers are known: 1024 times a gradient that was clipped to [-1, 1]. */
static void test_report(void **state)
{
    tg_tape            *t = open_tape(state);
    tg_tensor          *x = tg_set_requires_grad(tg_ones(t, TG_SHAPE(2, 2)), true);
    tg_gradcheck_report r;
    assert_int_equal(tg_gradcheck(apply, (void *)(uintptr_t)&tg_op_clips, &x, 1, NULL, &r), TG_ERR_GRAD);
    assert_int_equal(r.order, 1);
    assert_int_equal(r.input, 0);
    assert_int_equal(r.element, 0);
    assert_true(fabs(r.analytic) == 2 && fabs(r.numeric) > 2 && r.analytic * r.numeric > 0);
    assert_non_null(strstr(tg_error(t), "at input 0, element 0 is "));
}

/* Of scalars, without elements and of most axes there are views, too; the second derivative of a right function is like the first. */
static tg_tensor *several_ops(void *ctx, tg_tensor *const *in) { return (void)ctx, tg_tanh(tg_sum(tg_exp(in[0]), TG_ALL_AXES, false)); }
static tg_tensor *product(void *ctx, tg_tensor *const *in) { return (void)ctx, tg_matmul(in[0], tg_mT(in[0])); }

static void test_right_functions(void **state)
{
    tg_tape       *t        = open_tape(state);
    const tg_shape shapes[] = {{0, {0}}, {1, {0}}, {3, {2, 0, 3}}, {1, {5}}, {TG_MAX_RANK - 1, {1, 1, 2, 1, 2, 1, 1}}, {TG_MAX_RANK, {1, 1, 2, 1, 2, 1, 1, 1}}};
    tg_gradcheck_report r;
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        tg_shape shape = shapes[k];
        for (int i = 0; k >= 4 && i < shape.rank; i++) shape.dim[i] = shape.dim[i] ? shape.dim[i] : 1;
        tg_tensor *x = input(t, &shape);
        if (tg_gradcheck(several_ops, NULL, &x, 1, &(tg_gradcheck_options){.order = 2}, &r) != TG_OK) fail_msg("%d: %s", (int)k, r.text);
    }
    tg_tensor *x = input(t, TG_SHAPE(2, 3, 4));
    if (tg_gradcheck(product, NULL, &x, 1, &(tg_gradcheck_options){.order = 2}, &r) != TG_OK) fail_msg("%s", r.text);
}

/* Derivatives that are all below atol: of 1e-9 x^2, by a right rule and by one that forgets the 2. */
static double     forgets;
static tg_tensor *small_vjp(const tg_call *c, int i, tg_tensor *g) { return (void)i, tg_mul_s(slope(c, g), forgets * 1e-9); }
TG_POINTWISE_UNARY(small, 1e-9 * (x * x), small_vjp)

static void test_small_derivatives(void **state)
{
    tg_tape            *t = open_tape(state);
    tg_tensor          *x = tg_set_requires_grad(tg_uniform(t, TG_SHAPE(4, 4), 0.5, 1.5), true);
    tg_gradcheck_report r;
    forgets = 1;
    assert_int_equal(tg_gradcheck(apply, (void *)(uintptr_t)&tg_op_small, &x, 1, &(tg_gradcheck_options){.order = 2}, &r), TG_OK);
    assert_null(strstr(r.text, "zero"));
    forgets = 0.5;
    assert_int_equal(tg_gradcheck(apply, (void *)(uintptr_t)&tg_op_small, &x, 1, NULL, &r), TG_ERR_GRAD);
    assert_int_equal(r.failures, 16);
    assert_true(fabs(r.analytic / r.numeric - 0.5) < 1e-6);
}

/* ---- what can't be judged ------------------------------------------------------------------------------------------- */

static tg_tensor *always_one(void *ctx, tg_tensor *const *in) { return (void)ctx, tg_sum(tg_softmax(in[0], 1), TG_AXES(1), false); }
static tg_tensor *rounded(void *ctx, tg_tensor *const *in) { return (void)ctx, tg_to(tg_exp(tg_to(in[0], TG_F32)), TG_F64); }
static tg_tensor *noisy(void *ctx, tg_tensor *const *in) { return (void)ctx, tg_mul(in[0], tg_rand(tg_tape_of(in[0]), TG_SHAPE(2, 3))); }
static tg_tensor *seeded(void *ctx, tg_tensor *const *in)
{
    if (tg_seed(tg_tape_of(in[0]), 5) != TG_OK) return NULL;
    return noisy(ctx, in);
}

static void test_hints(void **state)
{
    tg_tape            *t = open_tape(state);
    tg_tensor          *x = input(t, TG_SHAPE(2, 3));
    tg_gradcheck_report r;
    assert_int_equal(tg_gradcheck(always_one, NULL, &x, 1, NULL, &r), TG_OK);
    assert_non_null(strstr(r.text, "every derivative is zero"));
    assert_int_equal(tg_gradcheck(product, NULL, &x, 1, NULL, &r), TG_OK);
    assert_null(strstr(r.text, "zero"));
    assert_int_equal(tg_gradcheck(seeded, NULL, &x, 1, NULL, &r), TG_OK);
    assert_int_equal(tg_gradcheck(rounded, NULL, &x, 1, NULL, &r), TG_ERR_GRAD);
    assert_non_null(strstr(r.text, "f computes in float32 inside"));
    tg_clear_error(t);
    assert_int_equal(tg_gradcheck(noisy, NULL, &x, 1, NULL, &r), TG_ERR_ARG);
    assert_non_null(strstr(r.text, "not repeatable"));
    assert_non_null(strstr(r.text, "tg_seed"));
}

#define TEST(f) cmocka_unit_test_teardown(f, close_tape)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_blind_spots), TEST(test_report), TEST(test_right_functions), TEST(test_small_derivatives), TEST(test_hints)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
