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

#include "graph/graph.h"

enum { AT_LEAST = 200, MOST_SEEDS = 40 };

typedef enum use { ONCE, TWICE, LATER } use; /* the result twice; the inputs once more, later */

/* One check: a sample and how its inputs and its result are used. */
typedef struct variant {
    const sample *s;
    layout        layout[SAMPLE_INPUTS];
    int           axis[SAMPLE_INPUTS]; /* that the layout is about */
    use           use;
} variant;

/* f of the sample, as the variant says. */
static tg_tensor *run(void *ctx, tg_tensor *const *leaf)
{
    const variant *v                     = ctx;
    const sample  *s                     = v->s;
    tg_tensor     *in[SAMPLE_INPUTS + 1] = {NULL};
    const int      n                     = sample_inputs(s);
    for (int i = 0; i < n; i++) {
        in[i] = sample_is_float(&s->in[i]) ? lay_out(leaf[i], &s->in[i].shape, v->layout[i], v->axis[i]) : leaf[i];
        if (v->use == LATER && s->in[i].kind == S_FLOAT) in[i] = tg_mul_s(in[i], 1);
    }
    if (s->same) in[1] = in[0];
    tg_tensor *y = s->f((void *)(uintptr_t)s, in);
    if (v->use == TWICE) y = tg_add(y, tg_mul(y, y));
    for (int i = 0; v->use == LATER && i < n; i++)
        if (s->in[i].kind == S_FLOAT) y = tg_add(y, tg_sum(tg_mul(in[i], in[i]), TG_ALL_AXES, false));
    return y;
}

/* ---- one check ------------------------------------------------------------------------------------------------ */

static const char *describe(const variant *v, uint64_t seed, char *text, size_t size)
{
    char   shape[TG_SHAPE_TEXT];
    size_t used = (size_t)snprintf(text, size, "%s", v->s->name);
    for (int i = 0; i < sample_inputs(v->s) && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, " %s %s", layout_names[v->layout[i]],
                                 tg_shape_text(&v->s->in[i].shape, shape, sizeof shape));
    if (used < size)
        snprintf(text + used, size - used, "%s, use %d, seed %d", v->s->same ? " twice" : "", v->use, (int)seed);
    return text;
}

/* The leaves of a variant; false where the layout says nothing new. */
static bool make_leaves(tg_tape *t, const variant *v, uint64_t seed, tg_tensor **leaf)
{
    bool differs = false;
    for (int i = 0; i < sample_inputs(v->s); i++) {
        tg_shape   shape = v->s->in[i].shape;
        const bool fits =
            !sample_is_float(&v->s->in[i]) || leaf_shape(&v->s->in[i].shape, v->layout[i], v->axis[i], &shape);
        if (!fits) return false;
        differs = differs || v->layout[i] == PLAIN || sample_is_float(&v->s->in[i]);
        leaf[i] = sample_leaf(t, v->s, i, &shape, seed);
        if (!leaf[i]) fail_msg("%s: no leaf: %s", v->s->name, tg_error(t));
    }
    return differs;
}

static bool records(const tg_tape *t, const char *name)
{
    for (uint32_t i = 0; i < t->count; i++)
        if (!strcmp(tg_slot(t, i)->op->name, name)) return true;
    return false;
}

/* Counts 1 when the variant was checked, 0 when it says nothing new. op: the sample has to record it; NULL: a function
 * of ops. */
static int check(tg_tape *t, variant *v, uint64_t seed, const tg_op *op)
{
    tg_tensor           *leaf[SAMPLE_INPUTS] = {NULL};
    char                 text[400];
    tg_gradcheck_report  r;
    tg_gradcheck_options o = {.order = v->s->large ? 1 : 2, .rtol = 1e-6, .atol = 1e-8, .seed = seed, .directions = 1};
    tg_reset(t);
    if (v->s->single) {
        o.eps  = 0.5;
        o.rtol = 1e-5;
    }
    for (int i = 0; i < sample_inputs(v->s); i++)
        if (v->s->in[i].shape.rank) v->axis[i] = (int)((seed + (uint64_t)i) % (uint64_t)v->s->in[i].shape.rank);
    if (!make_leaves(t, v, seed, leaf)) return 0;
    if (tg_gradcheck(run, v, leaf, sample_inputs(v->s), &o, &r) != TG_OK)
        fail_msg("%s: %s", describe(v, seed, text, sizeof text), r.text);
    if (op && !records(t, op->name))
        fail_msg("the sample %s does not record the op", describe(v, seed, text, sizeof text));
    return 1;
}

/* All variants of a sample for one seed: each layout for all inputs, then mixed ones. */
static int check_variants(tg_tape *t, const sample *s, uint64_t seed, const tg_op *op)
{
    int done = 0;
    for (use u = ONCE; u <= LATER; u++) done += check(t, &(variant){.s = s, .use = u}, seed, op);
    if (s->large) return done;
    for (layout l = TRANSPOSED; l < LAYOUTS; l++) {
        variant v = {.s = s, .use = (use)(seed % 3)};
        for (int i = 0; i < SAMPLE_INPUTS; i++) v.layout[i] = l;
        done += check(t, &v, seed, op);
    }
    variant mixed = {.s = s};
    for (int i = 0; i < SAMPLE_INPUTS; i++)
        mixed.layout[i] = (layout)((seed + 2 * (uint64_t)i + (uint64_t)s->in[0].shape.rank) % LAYOUTS);
    return done + check(t, &mixed, seed, op);
}

/* ---- one test for each op ------------------------------------------------------------------------------------- */

typedef struct topic {
    const char  *name;
    const tg_op *op; /* NULL: a function made of ops */
    sample_list *list;
} topic;

static tg_tape *new_tape(void)
{
    tg_tape *t = tg_tape_new(&(tg_tape_options){.dtype = TG_F64, .silent = true});
    assert_non_null(t);
    return t;
}

static void check_gradients(const topic *p)
{
    tg_tape *t    = new_tape();
    int      done = 0, rows = 0;
    for (uint64_t seed = 0; done < AT_LEAST && seed < MOST_SEEDS; seed++) {
        rows = 0;
        for (int k = 0; k < p->list->n; k++) {
            const sample *s = &p->list->row[k];
            if (strcmp(s->name, p->name) != 0) continue;
            rows++;
            if (!s->large || seed == 0) done += check_variants(t, s, seed, p->op);
        }
        if (rows == 0) fail_msg("the op %s has no samples", p->name);
    }
    if (done < AT_LEAST) fail_msg("%s: %d checks of %d rows are too few", p->name, done, rows);
    tg_tape_free(t);
}

/* The result of an op declared to have gradient zero requires none, and really is constant nearby. */
static void check_zero(const topic *p)
{
    tg_tape *t    = new_tape();
    int      rows = 0;
    for (int k = 0; k < p->list->n; k++) {
        const sample *s                   = &p->list->row[k];
        variant       v                   = {.s = s};
        tg_tensor    *leaf[SAMPLE_INPUTS] = {NULL};
        if (strcmp(s->name, p->name) != 0) continue;
        rows++;
        tg_reset(t);
        assert_true(make_leaves(t, &v, 1, leaf));
        tg_tensor *y = run(&v, leaf), *x = tg_set_requires_grad(tg_scalar(t, 3), true), *moved[1];
        if (!y) fail_msg("%s: %s", p->name, tg_error(t));
        if (tg_requires_grad(y)) fail_msg("%s: the result requires grad", p->name);
        if (!records(t, p->name)) fail_msg("a sample of %s does not record it", p->name);
        assert_int_equal(tg_eval(&y, 1), TG_OK);
        if (!sample_is_float(&s->in[0]) || s->opaque) continue;

        /* beside a term that has a gradient, the op's inputs get exact zeros; moved a little, its value stays */
        tg_tensor *loss = tg_add(x, tg_sum(tg_to(y, TG_F64), TG_ALL_AXES, false));
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

static bool listed(const topic *p, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(p[i].name, name)) return true;
    return false;
}

int main(void)
{
    sample_list        list  = samples_all();
    const int          most  = tg_op_count() + (list.n > 0 ? list.n : 0);
    topic             *p     = calloc((size_t)most, sizeof *p);
    struct CMUnitTest *tests = calloc((size_t)most, sizeof *tests);
    int                n = 0, failed = 1;
    if (p && tests && list.row) {
        for (int i = 0; i < tg_op_count(); i++) p[n++] = (topic){tg_op_at(i)->name, tg_op_at(i), &list};
        for (int k = 0; k < list.n; k++)
            if (!listed(p, n, list.row[k].name)) p[n++] = (topic){list.row[k].name, NULL, &list};
        for (int i = 0; i < n; i++)
            tests[i] = (struct CMUnitTest){.name = p[i].name, .test_func = test_topic, .initial_state = &p[i]};
        failed = _cmocka_run_group_tests("gradients", tests, (size_t)n, NULL, NULL);
    }
    free(tests);
    free(p);
    free(list.row);
    return failed;
}
