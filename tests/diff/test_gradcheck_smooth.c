/* test_gradcheck_smooth.c - tg_gradcheck where functions have kinks, jumps and short lengths: right rules pass, wrong ones are found all the
 * same; and what a check that fails takes of memory. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <tapegrad.h>
#include <tapegrad_op.h>
#include <tgmath.h>

#include "quiet.h"
#include "failing.h"
#include "gradcheck_test.h"

/* ---- right functions ------------------------------------------------------------------------------------------ */

static tg_tensor *kinked(void *ctx, tg_tensor *const *in) { return (void)ctx, tg_relu(in[0]); }
static tg_tensor *folded(void *ctx, tg_tensor *const *in) { return (void)ctx, tg_abs(in[0]); }
static tg_tensor *pole(void *ctx, tg_tensor *const *in) { return (void)ctx, tg_rdiv_s(1, in[0]); }
static tg_tensor *two_logs(void *ctx, tg_tensor *const *in) { return (void)ctx, tg_log(tg_abs(in[0])); }
static tg_tensor *rapid(void *ctx, tg_tensor *const *in) { return (void)ctx, tg_sin(tg_mul_s(in[0], 100)); }
static tg_tensor *largest(void *ctx, tg_tensor *const *in) { return (void)ctx, tg_max(in[0], 1, false, NULL); }
static tg_tensor *larger(void *ctx, tg_tensor *const *in) { return (void)ctx, tg_maximum(in[0], tg_flip(in[0], TG_AXES(0))); }

/* 100 rows of a hundred numbers; `steps` > 0: of so many different ones, so that there are ties. */
static tg_tensor *numbers(tg_tape *t, int64_t rows, int64_t columns, int steps)
{
    tg_tensor *x = tg_uniform(t, TG_SHAPE(rows, columns), -1.5, 1.5);
    if (steps) x = tg_div_s(tg_floor(tg_mul_s(x, steps / 3.)), steps / 3.);
    return tg_set_requires_grad(tg_detach(x), true);
}

/* No rule is suspected for what the function is like, with other numbers and other directions each time. */
static void test_no_false_alarms(void **state)
{
    tg_tape *t = open_tape(state);
    const struct {
        const char *name;
        tg_fn       f;
        int         ties;
    } cases[] = {{"relu", kinked, 0}, {"|x|", folded, 0},   {"1/x", pole, 0},      {"log|x|", two_logs, 0},    {"sin(100x)", rapid, 0},
                 {"max", largest, 0}, {"max", largest, 12}, {"maximum", larger, 0}, {"maximum", larger, 12}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        for (uint64_t seed = 0; seed < 20; seed++) {
            tg_gradcheck_report r;
            tg_reset(t);
            tg_seed(t, seed);
            tg_tensor *x = numbers(t, 100, 100, cases[k].ties);
            if (tg_gradcheck(cases[k].f, NULL, &x, 1, &(tg_gradcheck_options){.seed = seed}, &r) != TG_OK)
                fail_msg("%s%s, seed %d: %s", cases[k].name, cases[k].ties ? " with ties" : "", (int)seed, r.text);
        }
    }
    assert_null(tg_error(t));
}

/* The same one by one, at the kinks themselves, where the slope may be any between both sides'. It is in the middle, as that of central
 * differences, for all but relu. */
static void test_at_kinks(void **state)
{
    tg_tape           *t     = open_tape(state);
    const tg_fn        f[]   = {kinked, folded, largest, larger};
    const double       at[4] = {0, 0, 1, -1};
    tg_gradcheck_report r;
    for (size_t k = 0; k < sizeof f / sizeof *f; k++) {
        tg_tensor *x = tg_set_requires_grad(tg_from_f64(t, TG_SHAPE(2, 2), at), true);
        if (tg_gradcheck(f[k], NULL, &x, 1, NULL, &r) != TG_OK) fail_msg("%d: %s", (int)k, r.text);
        if (k > 0) continue;
        assert_int_equal(r.not_smooth, 2);
        assert_non_null(strstr(r.text, "f is not smooth here: 2 comparisons agree"));
    }
    tg_tensor *smooth = tg_set_requires_grad(tg_ones(t, TG_SHAPE(2, 2)), true);
    assert_int_equal(tg_gradcheck(kinked, NULL, &smooth, 1, &(tg_gradcheck_options){.order = 2}, &r), TG_OK);
    assert_int_equal(r.not_smooth, 0);
    assert_null(strstr(r.text, "smooth"));
}

/* ---- wrong rules of such functions --------------------------------------------------------------------------------- */

static double at_zero, factor; /* what the rule says at 0, and what it multiplies with elsewhere */

static tg_tensor *relu_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    tg_tensor *x = c->in[0], *zero = tg_zeros_like(x);
    return tg_mul(g, tg_where(tg_gt(x, zero), tg_full_like(x, factor), tg_where(tg_eq(x, zero), tg_full_like(x, at_zero), zero)));
}
static tg_tensor *inverse_vjp(const tg_call *c, int i, tg_tensor *g) { return (void)i, tg_mul_s(tg_mul(g, tg_square(c->out)), -factor); }
static tg_tensor *sine_vjp(const tg_call *c, int i, tg_tensor *g)
{
    return (void)i, tg_mul_s(tg_mul(g, tg_cos(tg_mul_s(c->in[0], 100))), 100 * factor);
}
TG_POINTWISE_UNARY(own_relu, x > 0 ? x : 0, relu_vjp)
TG_POINTWISE_UNARY(own_inverse, 1 / x, inverse_vjp)
TG_POINTWISE_UNARY(own_sine, sin(100 * x), sine_vjp)

static tg_tensor *apply(void *op, tg_tensor *const *in) { return tg_record(op, in, 1, NULL, 0); }

/* 0.05 % off, and the wrong sign, at each size; the first is the rule as it should be. */
static void test_faults_beside_kinks(void **state)
{
    tg_tape            *t     = open_tape(state);
    const tg_op *const  ops[] = {&tg_op_own_relu, &tg_op_own_inverse, &tg_op_own_sine};
    const double        factors[] = {1, 1.0005, 0.9995, -1, 0, 2};
    tg_gradcheck_report r;
    at_zero = 0;
    for (size_t k = 0; k < sizeof ops / sizeof *ops; k++)
        for (size_t f = 0; f < sizeof factors / sizeof *factors; f++)
            for (int64_t n = 5; n <= 100; n += 95) {
                tg_reset(t);
                factor                 = factors[f];
                tg_tensor      *x      = numbers(t, n, n, 0);
                const tg_status s      = tg_gradcheck(apply, (void *)(uintptr_t)ops[k], &x, 1, NULL, &r);
                if (s != (f ? TG_ERR_GRAD : TG_OK)) fail_msg("%s times %g, %d: %s", ops[k]->name, factor, (int)n, r.text);
                tg_clear_error(t);
                if (!f) continue;
                if (n == 5) assert_true(r.failures > 5); /* relu has about half of them on its flat side */
                if (r.element >= 0) assert_true(fabs(r.analytic / r.numeric - factor) < 1e-4);
                assert_non_null(strstr(r.text, "ratio"));
            }
}

/* A slope at a kink lies between those of both sides. */
static void test_faults_at_kinks(void **state)
{
    tg_tape            *t = open_tape(state);
    tg_gradcheck_report r;
    const struct {
        double    slope;
        tg_status status;
    } cases[] = {{0, TG_OK}, {0.5, TG_OK}, {1, TG_OK}, {1.001, TG_ERR_GRAD}, {-0.001, TG_ERR_GRAD}, {NAN, TG_ERR_GRAD}, {INFINITY, TG_ERR_GRAD}};
    factor = 1;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        at_zero      = cases[k].slope;
        tg_tensor *x = tg_set_requires_grad(tg_zeros(t, TG_SHAPE(3)), true);
        if (tg_gradcheck(apply, (void *)(uintptr_t)&tg_op_own_relu, &x, 1, NULL, &r) != cases[k].status) fail_msg("%g: %s", at_zero, r.text);
        tg_clear_error(t);
    }
}

/* Rounding to float32 inside is a staircase at small steps, which excuses nothing: the gradient is not that of the values. */
static tg_tensor *half_precise(void *ctx, tg_tensor *const *in)
{
    return tg_mul_s(tg_to(tg_to(tg_exp(in[0]), TG_F32), TG_F64), *(double *)ctx);
}

static void test_staircase(void **state)
{
    tg_tape            *t = open_tape(state);
    tg_tensor          *x = input(t, TG_SHAPE(3, 3));
    tg_gradcheck_report r;
    assert_int_equal(tg_gradcheck(half_precise, &(double){1}, &x, 1, NULL, &r), TG_ERR_GRAD);
    assert_int_equal(r.not_smooth, 0);
}

/* ---- memory -------------------------------------------------------------------------------------------------------- */

/* Bytes that a check of so many elements takes at most. */
static size_t taken(const tg_op *op, int64_t n, tg_status want)
{
    failing             m = {.left = -1};
    tg_tape            *t = failing_tape(&m, TG_F64);
    tg_tensor          *x = tg_set_requires_grad(tg_uniform(t, TG_SHAPE(n), 0.5, 1.5), true);
    tg_gradcheck_report r;
    if (tg_gradcheck(apply, (void *)(uintptr_t)op, &x, 1, NULL, &r) != want) fail_msg("%s", r.text);
    const size_t most = m.held; /* the tape gives nothing back before its end */
    tg_tape_free(t);
    assert_int_equal(m.held, 0);
    return most;
}

static void test_memory(void **state)
{
    (void)state;
    factor = 1, at_zero = 0;
    const size_t passes = taken(&tg_op_own_relu, 200000, TG_OK);
    factor = 1.01;
    const size_t fails = taken(&tg_op_own_relu, 200000, TG_ERR_GRAD);
    if (fails > 4 * passes || passes > (size_t)60 * 200000 * 8) fail_msg("%zu bytes where it fails, %zu where not", fails, passes);
}

/* ---- what is dropped ------------------------------------------------------------------------------------------------ */

typedef struct hoard {
    int        calls, from;
    tg_tensor *held, *older;
} hoard;

static tg_tensor *hoarding(void *ctx, tg_tensor *const *in)
{
    hoard *h = ctx;
    if (h->calls++ == h->from) h->held = tg_full_like(in[0], 2);
    return tg_add(tg_mul(in[0], h->held ? h->held : in[0]), h->calls == 4 ? tg_want(h->older) : h->older);
}

/* Takes what memory there is, of any size up to ten tensors'. */
static void overwrite(tg_tape *t, int64_t n)
{
    for (int64_t size = n / 2; size <= 10 * n; size += n / 16 + 1) {
        tg_tensor *x = tg_uniform(t, TG_SHAPE(size), -1, 1);
        assert_int_equal(tg_eval(&x, 1), TG_OK);
    }
}

static void assert_exp(tg_tensor *y, tg_tensor *x)
{
    const double *value = tg_data_f64(y), *of = tg_data_f64(x);
    for (int64_t i = 0; i < tg_numel(x); i++) assert_true(fabs(value[i] - exp(of[i])) < 1e-12);
}

/* f may make in its first call what all use. What it keeps of a later one is a stale handle, and never another tensor. */
static void test_handles_of_calls(void **state)
{
    tg_tape            *t = open_tape(state);
    tg_gradcheck_report r;
    for (int64_t n = 3; n <= 3000; n *= 1000) {
        tg_tensor *x = input(t, TG_SHAPE(n));
        hoard      h = {.older = tg_exp(tg_detach(x))}; /* before the check, computed during it */
        if (tg_gradcheck(hoarding, &h, &x, 1, &(tg_gradcheck_options){.order = 2}, &r) != TG_OK) fail_msg("%s", r.text);
        overwrite(t, n);
        assert_exp(h.older, x);
        assert_true(fabs(tg_data_f64(h.held)[n - 1] - 2) < 1e-12);
        hoard late = {.from = 5, .older = h.older};
        assert_int_not_equal(tg_gradcheck(hoarding, &late, &x, 1, NULL, &r), TG_OK);
        tg_clear_error(t);
        assert_null(tg_data_f64(late.held));
        assert_non_null(strstr(tg_error(t), "stale handle"));
        tg_clear_error(t);
        assert_exp(h.older, x);
    }
}

#define TEST(f) cmocka_unit_test_teardown(f, close_tape)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_no_false_alarms), TEST(test_at_kinks),  TEST(test_faults_beside_kinks), TEST(test_faults_at_kinks),
        TEST(test_staircase),       cmocka_unit_test(test_memory), TEST(test_handles_of_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
