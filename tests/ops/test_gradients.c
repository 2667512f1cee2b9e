/* test_gradients.c - every op's gradient against differences of its values: one test for each op of the registry, and
 * for each function made of ops that has samples. First and second derivatives in f64, at rtol 1e-6 and atol 1e-8;
 * inputs plain, transposed, strided, reversed, expanded from size 1; results used twice; inputs that something recorded
 * later also reads. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layouts.h"
#include "quiet.h"
#include "topics.h"

#include "graph/graph.h"

enum { AT_LEAST = 200, MOST_SEEDS = 40 };

typedef enum use { ONCE, TWICE, LATER } use; /* the result twice; the inputs once more, later */

/* One check: a sample and how its inputs and its result are used. */
typedef struct variant {
    const sample *s;
    use           use;
    arrangement   how;
} variant;

/* f of the sample, as the variant says. */
static tg_tensor *run(void *ctx, tg_tensor *const *leaf)
{
    const variant *v                     = ctx;
    const sample  *s                     = v->s;
    tg_tensor     *in[SAMPLE_INPUTS + 1] = {NULL};
    const int      n                     = sample_inputs(s);
    for (int i = 0; i < n; i++) {
        in[i] = sample_is_float(&s->in[i]) ? lay_out(leaf[i], &s->in[i].shape, v->how.layout[i], v->how.axis[i]) : leaf[i];
        if (v->use == LATER && s->in[i].kind == S_FLOAT) in[i] = tg_mul_s(in[i], 1);
    }
    if (s->same) in[1] = in[0];
    tg_tensor *y = s->f((void *)(uintptr_t)s, in);
    if (v->use == TWICE) y = tg_add(y, tg_mul(y, y));
    for (int i = 0; v->use == LATER && i < n; i++)
        if (s->in[i].kind == S_FLOAT) y = tg_add(y, tg_sum_all(tg_mul(in[i], in[i])));
    return y;
}

/* ---- one check ------------------------------------------------------------------------------------------------ */

static const char *describe(const variant *v, uint64_t seed, char *text, size_t size)
{
    char   shape[TG_SHAPE_TEXT];
    size_t used = (size_t)snprintf(text, size, "%s", v->s->name);
    for (int i = 0; i < sample_inputs(v->s) && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, " %s %s", layout_names[v->how.layout[i]],
                                 tg_shape_text(&v->s->in[i].shape, shape, sizeof shape));
    if (used < size)
        snprintf(text + used, size - used, "%s, use %d, seed %d", v->s->same ? " twice" : "", v->use, (int)seed);
    return text;
}

static void make_leaves(tg_tape *t, const variant *v, uint64_t seed, tg_tensor **leaf)
{
    for (int i = 0; i < sample_inputs(v->s); i++) {
        tg_shape shape;
        leaf_shape(&v->s->in[i].shape, v->how.layout[i], v->how.axis[i], &shape);
        leaf[i] = sample_leaf(t, v->s, i, &shape, seed);
        if (!leaf[i]) fail_msg("%s: no leaf: %s", v->s->name, tg_error(t));
    }
}

/* What all checks of a topic share. */
typedef struct work {
    tg_tape      *t;
    const sample *s;
    const tg_op  *op; /* the sample has to record it; NULL: a function of ops */
    uint64_t      seed;
    int           done;
} work;

static void check(work *w, variant *v)
{
    tg_tensor           *leaf[SAMPLE_INPUTS] = {NULL};
    char                 text[400];
    tg_gradcheck_report  r;
    tg_gradcheck_options o = {.order = v->s->large ? 1 : 2, .rtol = 1e-6, .atol = 1e-8, .seed = w->seed, .directions = 1};
    tg_reset(w->t);
    if (v->s->single) {
        o.eps  = 0.5;
        o.rtol = 1e-5;
    }
    make_leaves(w->t, v, w->seed, leaf);
    if (tg_gradcheck(run, v, leaf, sample_inputs(v->s), &o, &r) != TG_OK)
        fail_msg("%s: %s", describe(v, w->seed, text, sizeof text), r.text);
    if (w->op && !sample_recorded(w->t, w->op->name))
        fail_msg("the sample %s does not record the op", describe(v, w->seed, text, sizeof text));
    w->done++;
}

/* Plain inputs in each use, and others in one that changes with the seed. */
static bool check_uses(void *ctx, const arrangement *how)
{
    work *w = ctx;
    for (use u = ONCE; u <= LATER; u++)
        if (how->plain || u == (use)(w->seed % 3)) check(w, &(variant){w->s, u, *how});
    return true;
}

/* ---- one test for each op ------------------------------------------------------------------------------------- */

static void check_gradients(const topic *p)
{
    work w    = {.t = quiet(TG_F64), .op = p->op};
    int  rows = 0;
    for (; w.done < AT_LEAST && w.seed < MOST_SEEDS; w.seed++) {
        rows = 0;
        for (int k = 0; (w.s = sample_next(p->list, p->name, &k)) != NULL; rows++)
            if (!w.s->large || w.seed == 0) each_arrangement(w.s, w.seed, check_uses, &w);
        if (rows == 0) fail_msg("the op %s has no samples", p->name);
    }
    if (w.done < AT_LEAST) fail_msg("%s: %d checks of %d rows are too few", p->name, w.done, rows);
    tg_tape_free(w.t);
}

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
        make_leaves(t, &v, 1, leaf);
        tg_tensor *y = run(&v, leaf), *x = tg_set_requires_grad(tg_scalar(t, 3), true), *moved[1];
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
        tg_tensor   *near[SAMPLE_INPUTS] = {tg_add_s(leaf[0], 1e-3), leaf[1], leaf[2]}, *z = run(&v, near);
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
        check_gradients(p);
}

static bool is_tested(const topic *p) { return !topic_counts(p); }

int main(void) { return run_topics("gradients", samples_all(), is_tested, test_topic, NULL, 0); }
