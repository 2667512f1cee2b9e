/* test_walk.c - the backward walk: where gradients end, rules that go wrong, the same recording walked again, graphs of all forms, a chain
 * of a million ops. */
#define _POSIX_C_SOURCE 200809L
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <tapegrad.h>
#include <tapegrad_op.h>
#include <time.h>

#include "copying.h"
#include "quiet.h"
#include "f64_test.h"

/* ---- where gradients end -------------------------------------------------------------------------------------- */

static void test_detach(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = leaf(t, 3), *d = tg_detach(tg_square(x));
    assert_false(tg_requires_grad(d));
    assert_near(tg_item(d), 9);
    assert_int_equal(tg_backward(tg_mul(d, x)), TG_OK);
    assert_near(tg_item(tg_grad_of(x)), 9);
    expect_failure(t, tg_backward(d), TG_ERR_GRAD, "no gradient path");
}

static void test_recording_off(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = leaf(t, 3);
    assert_true(tg_set_grad_enabled(t, false));
    tg_tensor *c = tg_square(x);
    assert_false(tg_requires_grad(c));
    assert_true(tg_requires_grad(x));
    assert_false(tg_set_grad_enabled(t, true));
    tg_tensor *y = tg_mul(c, x);
    assert_true(tg_requires_grad(y));
    assert_int_equal(tg_backward(y), TG_OK);
    assert_near(tg_item(tg_grad_of(x)), 9);
    assert_true(tg_set_grad_enabled(t, true)); /* tg_backward left it on */
}

/* A result can be made a leaf: gradients arrive there and go no further. */
static void test_result_as_leaf(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *h = tg_set_requires_grad(tg_square(tg_scalar(t, 3)), true);
    assert_int_equal(tg_backward(tg_square(h)), TG_OK);
    assert_near(tg_item(tg_grad_of(h)), 18);
}

/* ---- rules that go wrong -------------------------------------------------------------------------------------- */

static tg_tensor *null_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)c, (void)i, (void)g;
    return NULL;
}
static tg_tensor *shape_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i, (void)g;
    return tg_ones(c->tape, TG_SHAPE(2, 2));
}
static tg_tensor *smaller_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)c, (void)i;
    return tg_sum_all(g);
}
static tg_tensor *dtype_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)c, (void)i;
    return tg_to(g, TG_F32);
}
static tg_tensor *failing_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)c, (void)i;
    return tg_reshape(g, TG_SHAPE(17));
}
#define COPY_OP(NAME, VJP)                                                                                             \
    static const tg_op tg_op_##NAME = {.name = #NAME, .arity = 1, .infer = copy_infer, .run = copy_run, .vjp = VJP};
COPY_OP(no_rule, NULL)
COPY_OP(null_rule, null_vjp)
COPY_OP(shape_rule, shape_vjp)
COPY_OP(smaller_rule, smaller_vjp)
COPY_OP(dtype_rule, dtype_vjp)
COPY_OP(failing_rule, failing_vjp)

/* An error that names the op; gradients stay as they were, and the tape works on. */
static void test_bad_rules(void **state)
{
    tg_tape           *t     = open_tape(state);
    tg_tensor         *w     = tg_param(t, "w", tg_from_f64(t, TG_SHAPE(3), (double[]){1, 2, 3})), *g;
    const tg_op *const ops[] = {&tg_op_null_rule, &tg_op_shape_rule, &tg_op_smaller_rule, &tg_op_dtype_rule};
    for (size_t k = 0; k < sizeof ops / sizeof *ops; k++) {
        tg_zero_grad(t);
        assert_int_equal(tg_backward(tg_sum_all(tg_square(w))), TG_OK);
        tg_tensor *h = tg_square(w), *y = tg_sum_all(tg_add(tg_record(ops[k], &h, 1, NULL, 0), h));
        assert_near(tg_item(y), 28);
        expect_failure(t, tg_backward(y), TG_ERR_GRAD, ops[k]->name);
        expect_failure(t, tg_grad(&y, NULL, 1, &w, 1, true, &g), TG_ERR_GRAD, ops[k]->name);
        assert_null(g);
        assert_values(tg_grad_of(w), (double[]){2, 4, 6}, 3);
        assert_int_equal(tg_backward(tg_sum_all(h)), TG_OK);
        assert_values(tg_grad_of(w), (double[]){4, 8, 12}, 3);
    }
    tg_tensor *y = tg_sum_all(tg_record(&tg_op_failing_rule, &w, 1, NULL, 0));
    expect_failure(t, tg_backward(y), TG_ERR_SHAPE, "reshape");
}

/* Asking for a gradient through an op without derivative is refused; without a gradient it may be used. */
static void test_op_without_derivative(void **state)
{
    tg_tape        *t = open_tape(state);
    tg_tensor      *x = leaf(t, 3), *c = tg_scalar(t, 3);
    tg_tensor      *y = tg_record(&tg_op_no_rule, &x, 1, NULL, 0);
    const tg_status s = y ? tg_backward(y) : tg_error_status(t);
    expect_failure(t, s, TG_ERR_GRAD, "no_rule");
    assert_near(tg_item(tg_record(&tg_op_no_rule, &c, 1, NULL, 0)), 3);
    tg_tensor *d = tg_detach(x);
    assert_near(tg_item(tg_record(&tg_op_no_rule, &d, 1, NULL, 0)), 3);
    tg_set_grad_enabled(t, false);
    assert_near(tg_item(tg_record(&tg_op_no_rule, &x, 1, NULL, 0)), 3);
}

/* ---- the same recording again --------------------------------------------------------------------------------- */

/* A call that is in its slot already is refused all the same when its handles are from before the reset. */
static void test_old_handles_in_the_same_call(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *w = tg_param(t, "w", tg_scalar(t, 3)), *old = tg_square(w);
    assert_non_null(tg_mul(old, w));
    tg_reset(t);
    tg_tensor *now = tg_square(w);
    assert_null(tg_mul(old, w));
    expect_failure(t, tg_error_status(t), TG_ERR_STALE, "stale");
    assert_near(tg_item(tg_mul(now, w)), 27);
    assert_int_equal(tg_backward(tg_mul(now, w)), TG_OK);
    assert_near(tg_item(tg_grad_of(w)), 27);
}

/* What a node got after it was recorded, a value, a place in a gradient, a gradient of its own, goes with the recording. */
static void test_nothing_is_left_from_before(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *w = tg_param(t, "w", tg_scalar(t, 3));
    for (int k = 1; k <= 4; k++) {
        assert_int_equal(tg_copy_from(w, &(double){k}, sizeof(double)), TG_OK);
        tg_tensor *x = tg_scalar(t, k), *h = tg_square(w), *y = tg_mul(h, x);
        assert_false(tg_requires_grad(x));
        assert_null(tg_grad_of(x));
        assert_null(tg_grad_of(h));
        if (k % 2) tg_set_requires_grad(x, true); /* in every other recording x is a leaf and h and y have been computed before */
        if (k % 2) assert_near(tg_item(h), k * k);
        if (k % 2) assert_near(tg_item(y), k * k * k);
        assert_int_equal(tg_backward(y), TG_OK);
        assert_near(tg_item(y), k * k * k);
        assert_near(tg_item(tg_grad_of(w)), 2 * k * k);
        if (k % 2) assert_near(tg_item(tg_grad_of(x)), k * k);
        else assert_null(tg_grad_of(x));
        tg_zero_grad(t);
        tg_reset(t);
    }
}

/* The walk to the leaves uses what it keeps of a node again for others; tg_grad keeps it for whoever is asked for. */
static void test_grad_of_all_on_a_chain(void **state)
{
    enum { N = 40 };
    tg_tape   *t = open_tape(state);
    tg_tensor *w = tg_param(t, "w", tg_scalar(t, 2)), *y[N + 1] = {w}, *g[N + 1];
    for (int k = 0; k < N; k++) y[k + 1] = k % 3 ? tg_add(y[k], w) : tg_neg(y[k]);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(tg_grad(&y[N], NULL, 1, y, N + 1, round, g), TG_OK);
        double slope = 1, sum = 0;
        for (int k = N; k > 0; k--) {
            assert_near(tg_item(g[k]), slope);
            if ((k - 1) % 3) sum += slope;
            else slope = -slope;
        }
        assert_near(tg_item(g[0]), slope + sum);
        tg_zero_grad(t);
        assert_int_equal(tg_backward(y[N]), TG_OK);
        assert_near(tg_item(tg_grad_of(w)), slope + sum);
    }
}

/* ---- graphs of all forms -------------------------------------------------------------------------------------- */

/* 2^60 paths, 60 nodes. */
static void test_stacked_diamonds(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = leaf(t, 1), *y = x;
    for (int k = 0; k < 60; k++) y = tg_add(y, y);
    assert_int_equal(tg_backward(y), TG_OK);
    assert_true(tg_item(y) == 0x1p60 && tg_item(tg_grad_of(x)) == 0x1p60);
    assert_true(tg_stats(t).nodes < 1000);
}

/* Axes summed in front come back by broadcasting alone: the seed, one node for each sum, and one for the
 * gradient's own memory. Others need their places back first. */
static void test_sums_in_front(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = tg_set_requires_grad(tg_ones(t, TG_SHAPE(2, 3)), true), *front = tg_sum_all(tg_sum(x, TG_AXES(0), false));
    int64_t    before = (int64_t)tg_stats(t).nodes;
    assert_int_equal(tg_backward(front), TG_OK);
    assert_int_equal((int64_t)tg_stats(t).nodes - before, 4);
    tg_tensor *behind = tg_sum_all(tg_sum(tg_set_requires_grad(tg_ones(t, TG_SHAPE(2, 3)), true), TG_AXES(1), false));
    before = (int64_t)tg_stats(t).nodes;
    assert_int_equal(tg_backward(behind), TG_OK);
    assert_int_equal((int64_t)tg_stats(t).nodes - before, 5);
    for (int k = 0; k < 6; k++) assert_true(tg_data_f64(tg_grad_of(x))[k] == 1);
}

/* One tensor that 5000 others read, joined in pairs, in a list and at once. */
static void test_fan_out_fan_in(void **state)
{
    enum { N = 5000 };
    tg_tape    *t = open_tape(state);
    tg_tensor  *x = leaf(t, 0.5), *h = tg_reshape(tg_mul_s(x, 2), TG_SHAPE(1)); /* not a leaf */
    tg_tensor **part = malloc(N * sizeof(tg_tensor *));
    assert_non_null(part);
    for (int k = 0; k < N; k++) part[k] = tg_mul_s(h, k);
    tg_tensor *list = tg_scalar(t, 0), *joined = tg_sum_all(tg_cat(part, N, 0));
    for (int k = 0; k < N; k++) list = tg_add(list, part[k]);
    for (int n = N; n > 1; n = (n + 1) / 2) {
        for (int k = 0; k < n / 2; k++) part[k] = tg_add(part[2 * k], part[2 * k + 1]);
        if (n % 2) part[n / 2] = part[n - 1];
    }
    const double sum = N * (N - 1) / 2.0;
    tg_tensor   *y   = tg_add(tg_add(tg_sum_all(list), tg_sum_all(part[0])), joined);
    assert_int_equal(tg_backward(y), TG_OK);
    assert_near(tg_item(y), 3 * sum);
    assert_near(tg_item(tg_grad_of(x)), 6 * sum);
    free(part);
}

/* A result that already has one consumer gets a second one, recorded last. */
static void test_later_consumer(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = leaf(t, 0.5), *h = tg_exp(x), *y = tg_sin(h), *z = tg_cos(y);
    tg_tensor *out = tg_add(tg_mul(z, y), tg_square(h)); /* cos(sin h) sin h + h^2 */
    assert_int_equal(tg_backward(out), TG_OK);
    const double e = exp(0.5), s = sin(e), c = cos(e);
    assert_near(tg_item(tg_grad_of(x)), e * (cos(s) * c - sin(s) * c * s + 2 * e));
}

typedef struct chain {
    int64_t n;
    double  seconds, grad;
    bool    failed;
} chain;

static double now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

/* Builds a chain of n ops, runs it back and frees it. */
static void *run_chain(void *arg)
{
    chain       *c     = arg;
    const double start = now();
    tg_tape     *t     = tg_tape_new(&(tg_tape_options){.dtype = TG_F64, .silent = true});
    tg_tensor   *x = t ? leaf(t, 1) : NULL, *y = x;
    for (int64_t k = 0; k < c->n; k++) y = tg_neg(y);
    c->failed = !t || tg_backward(y) != TG_OK || tg_item(y) != (c->n % 2 ? -1 : 1);
    c->grad   = c->failed ? 0 : tg_item(tg_grad_of(x));
    tg_tape_free(t);
    c->seconds = now() - start;
    return NULL;
}

static void small_stack(chain *c)
{
    pthread_t      thread;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    assert_int_equal(pthread_attr_setstacksize(&attr, 256 * 1024), 0);
    assert_int_equal(pthread_create(&thread, &attr, run_chain, c), 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attr);
    assert_false(c->failed);
    assert_true(c->grad == 1);
}

/* Nothing recurses on the graph: a million ops in a row need no more stack than ten, and time in proportion. Other
 * programs on the machine disturb the clock, so the best of a few runs counts. */
static void test_long_chain(void **state)
{
    (void)state;
    double little = INFINITY, much = INFINITY;
    for (int run = 0; run < 4 && !(much < 20 * little && run > 0); run++) {
        chain a = {.n = 100000}, b = {.n = 1000000};
        small_stack(&a);
        small_stack(&b);
        little = fmin(little, a.seconds);
        much   = fmin(much, b.seconds);
    }
    if (!(much < 20 * little)) fail_msg("%.3g s for 10^5, %.3g s for 10^6", little, much);
}

#define TEST(f) cmocka_unit_test_teardown(f, close_tape)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_detach),
        TEST(test_recording_off),
        TEST(test_result_as_leaf),
        TEST(test_bad_rules),
        TEST(test_op_without_derivative),
        TEST(test_old_handles_in_the_same_call),
        TEST(test_nothing_is_left_from_before),
        TEST(test_grad_of_all_on_a_chain),
        TEST(test_stacked_diamonds),
        TEST(test_sums_in_front),
        TEST(test_fan_out_fan_in),
        TEST(test_later_consumer),
        cmocka_unit_test(test_long_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
