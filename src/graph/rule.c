/* rule.c - asking an op's rules. Where something was written since a node was recorded, what its rules record is watched: they read the node's
 * inputs, and shall read no other values than the node did. */
#include "graph/rule.h"

#include <tapegrad/pointwise.h>
#ifdef TG_MUTANTS
#include "graph/mutants.h"
#endif

tg_status tg_failure(const tg_tape *t, tg_status s) { return t->services.latest != TG_OK ? t->services.latest : s; }

/* The graph names a tensor that is there no longer: its rules would read the shape and the value of nothing. */
static __attribute__((cold, noinline)) tg_status released(const tg_node *n, const tg_node *in)
{
    char text[TG_KEPT_TEXT];
    return tg_fail_on(n->tape, TG_ERR_STALE, n->op->name, "reads %s, which was released; differentiate before that",
                      tg_kept_text(in, text));
}

tg_status tg_call_of(tg_call *c, const tg_node *n, tg_tensor *few[TG_FEW_INPUTS])
{
    tg_tape        *t = c->tape;
    tg_tensor     **in = few;
    tg_node *const *slots = tg_inputs(n);
    if (n->n_in > TG_FEW_INPUTS && !(in = tg_value_room(t, n->n_in * sizeof *in))) return TG_ERR_MEMORY;
    for (uint32_t i = 0; i < n->n_in; i++) {
        if (slots[i]->id == TG_KEPT_ID && !(slots[i]->flags & TG_N_KEPT)) return released(n, slots[i]);
        in[i] = tg_handle_on(t, slots[i]);
    }
    c->op = t->services.inside.op = n->op;
    c->n_in = (int)n->n_in;
    c->in = in;
    c->out = tg_handle_on(t, n);
    c->attr = tg_attr(n);
    c->attr_size = n->attr_size;
    c->dtype = (tg_dtype)n->dtype;
    return TG_OK;
}

/* ---- written since ------------------------------------------------------------------------------------------------- */

static inline bool is_late(const tg_tape *t, const tg_node *n) { return __builtin_expect(t->written > n->id, 0); }

static void watch(tg_tape *t, const tg_node *n)
{
    t->as_of = n->id;
    t->services.inside.where = TG_IN_LATE_RULE;
}

/* The rule's answer, NULL after an error where that itself is what was written. */
static tg_tensor *watched(tg_tape *t, const tg_node *n, tg_tensor *answer)
{
    if (answer && tg_is_on(t, answer) && !tg_reads_as_recorded(t, n->op, &answer, 1)) answer = NULL;
    t->services.inside.where = TG_IN_RULE;
    return answer;
}

/* ---- vjp ----------------------------------------------------------------------------------------------------------- */

/* The rule's answer, checked, and summed to the input's shape where the op broadcast it. */
static __attribute__((cold, noinline)) tg_tensor *unfit(tg_call *c, int i, tg_tensor *g)
{
    char got[TG_SHAPE_TEXT];
    if (!g) {
        if (c->tape->services.latest == TG_OK) tg_fail(c, TG_ERR_GRAD, "its vjp returned no gradient for input %d", i);
    } else if (!tg_is_on(c->tape, g)) {
        tg_fail(c, TG_ERR_GRAD, "its vjp returned a stale tensor or one of another tape for input %d", i);
    } else {
        const tg_node *n = tg_node_of(g);
        tg_fail(c, TG_ERR_GRAD, "its vjp returned a %s gradient of shape %s for input %d", tg_dtype_name((tg_dtype)n->dtype),
                tg_shape_text(n->shape, got, sizeof got), i);
    }
    return NULL;
}

/* `given` is what the rule was asked about. Most answers are that, or what was recorded last: others are looked up. */
static tg_tensor *fit(tg_call *c, int i, tg_tensor *given, tg_tensor *g)
{
    const tg_tape *t = c->tape;
    const tg_node *in = tg_node_of(c->in[i]), *n = tg_node_of(g);
    if (!g) return unfit(c, i, g);
    if (g != given && (uintptr_t)g != ((uintptr_t)(t->here - 1) | t->tag) && !tg_is_on(t, g)) return unfit(c, i, g);
    if (n->dtype != in->dtype) return unfit(c, i, g);
    if (tg_same_sizes(n->shape, in->shape)) return g;
    return tg_broadcasts_to(in->shape, n->shape) ? tg_sum_to(g, in->shape) : unfit(c, i, g);
}

static __attribute__((cold, noinline)) tg_tensor *underived(const tg_call *c)
{
    tg_fail(c, TG_ERR_GRAD, "the op has no derivative, but a gradient through it is needed; use tg_detach where none is wanted");
    return NULL;
}

static inline tg_tensor *ask(const tg_call *c, int i, tg_tensor *g)
{
#ifdef TG_MUTANTS
    if (c->tape->mutants) return c->tape->mutants->rule(c->tape->mutants, c, i, g);
#endif
    return c->op->vjp(c, i, g);
}

tg_tensor *tg_ask_vjp(const tg_call *c, const tg_node *n, int i, tg_tensor *g)
{
    tg_tape   *t = c->tape;
    const bool grad = t->grad_enabled, late = is_late(t, n);
    t->services.latest = TG_OK;
    if (!c->op->vjp) return underived(c);
    if (late) watch(t, n);
    g = ask(c, i, g);
    if (late) g = watched(t, n, g);
    t->grad_enabled = grad; /* whatever the rule did to it */
    return g;
}

tg_tensor *tg_call_vjp(tg_call *c, const tg_node *n, int i, tg_tensor *g) { return fit(c, i, g, tg_ask_vjp(c, n, i, g)); }

/* ---- jvp ----------------------------------------------------------------------------------------------------------- */

tg_tensor *tg_ask_jvp(const tg_call *c, const tg_node *n, tg_tensor *const *tangents)
{
    tg_tape   *t = c->tape;
    const bool grad = t->grad_enabled, late = is_late(t, n);
    t->services.latest = TG_OK;
    if (late) watch(t, n);
    tg_tensor *answer = c->op->jvp(c, tangents);
    if (late) answer = watched(t, n, answer);
    t->grad_enabled = grad;
    return answer;
}
