/* test_unused.c - what nothing uses has gradient exactly 0, whatever it holds (unused_checks.h): one test for each op of the registry that has
 * a gradient, and for each function made of ops that has samples. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "complain.h"
#include "linear_checks.h"
#include "quiet.h"
#include "topics.h"
#include "unused_checks.h"

typedef struct work {
    tg_tape     *t;
    const topic *op;
    plant        one;
    int          done;
} work;

static void all_unused(void *ctx)
{
    work *w = ctx;
    w->done = check_all_unused(w->t, w->op->list, w->op->name);
}

static void test_topic(void **state)
{
    complaint c;
    work      w = {.t = quiet(TG_F64), .op = *state};
    if (!holds(all_unused, &w, &c)) fail_msg("%s", c.text);
    if (w.done < 5) fail_msg("%s has no sample that is small enough", w.op->name);
    tg_tape_free(w.t);
}

static void one_unused(void *ctx)
{
    work *w = ctx;
    w->done = check_unused(w->t, &w->one);
}

static void check_here(tg_tape *t, plant p)
{
    complaint c;
    work      w = {.t = t, .one = p};
    if (!holds(one_unused, &w, &c)) fail_msg("%s", c.text);
    assert_int_equal(w.done, 1);
}

/* A slope that is infinite though the value is not: the product's second derivatives are sums over zeros and what comes back. */
static tg_tensor *root_times(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    return tg_matmul(tg_sqrt(in[0]), in[1]);
}

static void test_infinite_slope(void **state)
{
    static const sample s = {.name = "sqrt into matmul", .f = root_times, .in = {{S_FLOAT, SHAPE(3, 4), 0.2, 3}, FLOATS(4, 2)}};
    tg_tape            *t = quiet(TG_F64);
    (void)state;
    for (way w = WHERE; w < WAYS; w++)
        for (int64_t e = 0; e < 12; e += 5)
            check_here(t, (plant){.s = &s, .element = e, .value = 0, .way = w, .others = true});
    tg_tape_free(t);
}

/* What comes back is infinite where the first derivative is 0: its reciprocal is summed. */
static void test_infinite_tangent(void **state)
{
    tg_tape      *t = quiet(TG_F64);
    unsigned char taken[2] = {0, 1};
    (void)state;
    assert_non_null(t);
    for (int k = 0; k < 4; k++) {
        tg_tensor *x = tg_set_requires_grad(tg_from_f64(t, TG_SHAPE(2), (double[]){k == 3 ? (double)INFINITY : (double)k, 1}), true), *g, *h;
        tg_tensor *y = k == 2 ? tg_sqrt(x) : tg_mul(tg_exp(x), tg_square(x));
        y = tg_where(tg_from_data(t, TG_BOOL, TG_SHAPE(2), taken), y, tg_zeros_like(y));
        assert_int_equal(tg_grad(&y, (tg_tensor *[]){tg_ones_like(y)}, 1, &x, 1, true, &g), TG_OK);
        tg_tensor *r = tg_reciprocal(g);
        assert_int_equal(tg_grad(&r, (tg_tensor *[]){tg_ones_like(r)}, 1, &x, 1, false, &h), TG_OK);
        const double *d = tg_data_f64(h); /* -y''/y'^2: y' = 3e, y'' = 7e; of the root 1/2 and -1/4 */
        assert_true(d[0] == 0);
        assert_true(fabs(d[1] - (k == 2 ? 1 : -7 / (9 * exp(1)))) < 1e-12);
    }
    tg_tape_free(t);
}

static void one_linear(void *ctx)
{
    const work *w = ctx;
    check_linear(w->t, w->op->op);
}

/* The ops that rules leave things out by. */
static void test_linear(void **state)
{
    int n = 0;
    (void)state;
    for (int k = 0; k < tg_op_count(); k++) {
        complaint   c;
        const topic p = {.op = tg_op_at(k)};
        work        w = {.t = quiet(TG_F64), .op = &p};
        if (is_linear(p.op)) {
            if (!holds(one_linear, &w, &c)) fail_msg("%s", c.text);
            n++;
        }
        tg_tape_free(w.t);
    }
    assert_true(n >= 15);
}

static bool is_tested(const topic *p) { return !topic_counts(p) && unused_applies(p->name, p->op); }

int main(void)
{
    const struct CMUnitTest more[] = {cmocka_unit_test(test_infinite_slope), cmocka_unit_test(test_infinite_tangent), cmocka_unit_test(test_linear)};
    return run_topics("unused", samples_all(), is_tested, test_topic, more, 3);
}
