/* test_gradients.c - every op's gradient against differences of its values (gradient_checks.h), and at special
 * points (special_gradients.h): one test for each op of the registry, and
 * for each function made of ops that has samples. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "complain.h"
#include "gradient_checks.h"
#include "quiet.h"
#include "special_gradients.h"
#include "topics.h"

#include "graph/graph.h"

static void all_gradients(void *ctx)
{
    const gradient_checks *g = ctx;
    check_all_gradients(g);
    check_special_gradients(g->t, g->list, g->name);
}

static void test_gradients(const topic *p)
{
    complaint       c;
    gradient_checks g = {.t = quiet(TG_F64), .list = p->list, .name = p->name, .op = p->op};
    if (!holds(all_gradients, &g, &c)) fail_msg("%s", c.text);
    tg_tape_free(g.t);
}

/* ---- gradients that are zero -------------------------------------------------------------------------------------- */

/* The result of an op declared to have gradient zero requires none, and really is constant nearby. */
static void check_zero(const topic *p)
{
    tg_tape      *t    = quiet(TG_F64);
    int           rows = 0;
    const sample *s;
    for (int k = 0; (s = sample_next(p->list, p->name, &k)) != NULL; rows++) {
        variant    v                   = {.s = s};
        tg_tensor *leaf[SAMPLE_INPUTS] = {NULL};
        tg_reset(t);
        variant_leaves(t, &v, 1, leaf);
        tg_tensor *y = variant_result(&v, leaf), *x = tg_set_requires_grad(tg_scalar(t, 3), true), *moved[1];
        if (!y) fail_msg("%s: %s", p->name, tg_error(t));
        if (tg_requires_grad(y)) fail_msg("%s: the result requires grad", p->name);
        if (!sample_recorded(t, p->name)) fail_msg("a sample of %s does not record it", p->name);
        assert_int_equal(tg_eval(&y, 1), TG_OK);
        if (!sample_is_float(&s->in[0]) || s->opaque) continue;

        /* beside a term that has a gradient, the op's inputs get exact zeros; moved a little, its value stays */
        tg_tensor *loss = tg_add(x, tg_sum_all(tg_to(y, TG_F64)));
        assert_int_equal(tg_grad(&loss, NULL, 1, leaf, 1, false, moved), TG_OK);
        const double *g = tg_data_f64(moved[0]);
        for (int64_t e = 0; e < tg_numel(leaf[0]); e++) assert_true(g[e] == 0);
        tg_tensor   *near[SAMPLE_INPUTS] = {tg_add_s(leaf[0], 1e-3), leaf[1], leaf[2]}, *z = variant_result(&v, near);
        const size_t bytes = tg_value_bytes(tg_node_of(y));
        assert_int_equal(tg_eval(&z, 1), TG_OK);
        if (bytes) assert_memory_equal(tg_data(z), tg_data(y), bytes);
    }
    if (rows == 0) fail_msg("the op %s has no samples", p->name);
    tg_tape_free(t);
}

/* Ops without inputs have nobody to give a gradient to; all others without a rule must say so. */
static void test_topic(void **state)
{
    const topic *p = *state;
    if (p->op && p->op->arity == 0)
        assert_null(p->op->vjp);
    else if (p->op && (p->op->flags & TG_OP_ZERO_GRAD))
        check_zero(p);
    else if (p->op && !p->op->vjp)
        fail_msg("%s has neither a rule nor the flag that its gradient is zero", p->op->name);
    else
        test_gradients(p);
}

static bool is_tested(const topic *p) { return !topic_counts(p); }

int main(void) { return run_topics("gradients", samples_all(), is_tested, test_topic, NULL, 0); }
