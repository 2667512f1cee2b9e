/* backward.c - what is made of a walk: gradients as new tensors (tg_grad), or added to what leaves have (tg_backward and its like). */
#include "graph/anomaly.h"
#include "graph/rows.h"
#include "graph/walk.h"

#include <tapegrad/tensor.h>
#include <tapegrad/gradient.h>
#include <tapegrad/pointwise.h>
#include "profile/profile.h"

/* Did this walk, which found `first` nodes, record it? Others may be in the caller's hands: a gradient that came through unchanged, such as
 * the seed. Such a one is neither given away under a second name nor computed in a gradient's memory. */
static bool is_own(const tg_node *n, uint32_t first) { return n->id != TG_KEPT_ID && n->id >= first; }

/* ---- tg_grad ------------------------------------------------------------------------------------------------------ */

static tg_status check_asked(tg_tape *t, tg_tensor *const *inputs, int n)
{
    for (int k = 0; k < n; k++) {
        const tg_node *x = tg_check(inputs[k], "tg_grad");
        if (!x) return inputs[k] ? TG_ERR_STALE : TG_ERR_NULL;
        if (x->tape != t) return tg_fail_on(t, TG_ERR_TAPE, "tg_grad", "the tensors belong to different tapes");
        if (!(x->flags & TG_N_GRAD)) return tg_fail_on(t, TG_ERR_GRAD, "tg_grad", "input %d does not require grad", k);
    }
    return TG_OK;
}

/* The gradient that arrived at x, as a tensor of its own: not a seed nor what another input gets. `first` is the walk's first node. */
static tg_tensor *given(tg_tape *t, const tg_node *x, uint32_t first)
{
    tg_tensor     *g = t->walk.adjoints[x->mark - 1].grad;
    const tg_node *n = tg_node_of(g);
    if (!is_own(n, first) || n->mark) return tg_view_of(g);
    tg_node_of(g)->mark = 1;
    return g;
}

static tg_status gradients(tg_tensor *const *outputs, tg_tensor *const *seeds, int n_outputs, tg_tensor *const *inputs, int n_inputs,
                           bool create_graph, tg_tensor **grads)
{
    if (!outputs || n_outputs < 1) return outputs ? TG_ERR_ARG : TG_ERR_NULL; /* no tensor, no tape to tell it to */
    const tg_node *y = tg_check(outputs[0], "tg_grad");
    if (!y) return outputs[0] ? TG_ERR_STALE : TG_ERR_NULL;
    tg_tape *t = y->tape;
    TG_CALL_AS(t, "tg_grad");
    if (!tg_may(t, TG_IN_FUNCTION, "tg_grad")) return TG_ERR_ARG;
    if (!inputs || !grads) return tg_fail_on(t, TG_ERR_NULL, "tg_grad", "%s is NULL", inputs ? "grads" : "inputs");
    if (n_inputs < 0) return tg_fail_on(t, TG_ERR_ARG, "tg_grad", "the number of inputs is %d", n_inputs);
    tg_status s = check_asked(t, inputs, n_inputs);
    if (s != TG_OK) return s;
    bool           was = tg_set_grad_enabled(t, create_graph && t->grad_enabled);
    const uint32_t first = t->count;
    s = tg_differentiate(t, outputs, seeds, n_outputs, TG_N_GRAD, true, "tg_grad");
    for (int k = 0; k < n_inputs && s == TG_OK; k++) { /* from here on grads may overwrite outputs and inputs: they may be one array */
        const tg_node *x = tg_node_of(inputs[k]);
        grads[k] = x->mark && t->walk.adjoints[x->mark - 1].grad ? given(t, x, first) : tg_zeros_like(inputs[k]);
        if (!grads[k]) s = TG_ERR_MEMORY;
    }
    for (size_t i = 0; i < t->walk.n_adjoints; i++)
        if (t->walk.adjoints[i].grad && tg_node_of(t->walk.adjoints[i].grad)->id >= first) tg_node_of(t->walk.adjoints[i].grad)->mark = 0;
    tg_forget_adjoints(t);
    tg_set_grad_enabled(t, was);
    return s;
}

tg_status tg_grad(tg_tensor *const *outputs, tg_tensor *const *seeds, int n_outputs, tg_tensor *const *inputs, int n_inputs,
                  bool create_graph, tg_tensor **grads)
{
    tg_status s = gradients(outputs, seeds, n_outputs, inputs, n_inputs, create_graph, grads);
    for (int k = 0; s != TG_OK && grads && k < n_inputs; k++) grads[k] = NULL;
    return s;
}

/* ---- tg_backward -------------------------------------------------------------------------------------------------- */

/* A node that may become a leaf's gradient: nobody but this walk knows it, it is no other leaf's, and it has contiguous memory of its own, as
 * a view, of a seed that is written later say, has not. */
static bool is_free(const tg_node *n, uint32_t first)
{
    return is_own(n, first) && !(n->flags & (TG_N_VALUE | TG_N_PLACED | TG_N_LEAF | TG_N_WANTED)) && n->op->kind != TG_VIEW &&
           n->op->kind != TG_LEAF && n->op->kind != TG_CONST;
}

/* May it be computed straight into a gradient's memory? Not one of several results: all of them have their values or none has, and what was
 * placed gives its value up. */
static bool placeable(const tg_node *n, uint32_t first) { return is_free(n, first) && !(n->traits & (TG_HAS_RESULTS | TG_IS_RESULT)); }

static tg_tensor *apart_from(tg_tensor *g, bool good) { return good ? g : tg_apart(g); }

/* Is what arrives to be added to the gradient that is there? A result's that is older than the latest step is the one of another loss. */
static bool adds_up(const tg_node *n)
{
    const tg_node *there = n->grad;
    const tg_tape *t = n->tape;
    if (!there || (there->flags & (TG_N_VALUE | TG_N_USED)) != TG_N_VALUE) return false;
    return tg_ends_here(n) || t->step_gen != t->gen || there->id >= t->step_id;
}

/* The node to evaluate for leaf's gradient: what arrived, added to what is there, computed in place for a kept leaf. */
static tg_node *gradient_root(tg_node *leaf, tg_tensor *g, uint32_t first)
{
    tg_node *there = leaf->grad;
    if (adds_up(leaf)) g = tg_add(tg_handle(there), g);
    const bool kept = leaf->flags & TG_N_KEPT;
    if (!g || (kept && !(there = tg_gradient_of(leaf)))) return NULL;
    /* A reshape has the same bytes, whatever their shape. Of what may not be placed it is still the reshape that is copied: of a leaf that was
     * written since it has the values that it was recorded with, or none. */
    tg_node *whole = kept ? tg_unreshaped(tg_node_of(g)) : NULL;
    if (whole && placeable(whole, first)) g = tg_handle(whole);
    if (!(g = apart_from(g, kept ? placeable(tg_node_of(g), first) : is_free(tg_node_of(g), first)))) return NULL;
    tg_node *root = tg_node_of(g);
    root->flags |= kept ? TG_N_PLACED : TG_N_WANTED;
    if (kept) {
        root->memory = there->memory;
        root->grad = there;
    }
    return root;
}

/* After the evaluation: what is there now is the gradient, and the gradient's alone. What was not computed loses its place; what lay there
 * is still the gradient, unless it had been used up and writing began. */
static void take_gradient(tg_node *leaf, tg_node *root, bool done)
{
    if (!(leaf->flags & TG_N_KEPT)) {
        if (done) leaf->grad = root;
        return;
    }
    root->grad = NULL;
    if (!done && !(root->flags & TG_N_PLACED)) return;
    root->flags = (uint16_t)(root->flags & ~(TG_N_VALUE | TG_N_PLACED)); /* its memory is still where it was computed: plans tell that */
    if (done) tg_set_gradient(leaf->grad);
    else if (leaf->tape->ran && leaf->grad->flags & TG_N_USED) tg_forget_grad(leaf);
}

static bool is_leafs(const tg_adjoint *a) { return a->node && tg_ends_here(a->node); }

/* Does the node get this gradient? Leaves do, and results that retain theirs. */
static bool is_taken(const tg_adjoint *a) { return is_leafs(a) || (a->node && a->grad && tg_retains_grad(a->node)); }

/* Is there a leaf? And where all leaves get a gradient, may it be added to what is there? */
static tg_status check_leaves(tg_tape *t, uint32_t follow, bool chosen, const char *function)
{
    bool some = false;
    for (size_t i = 0; i < t->walk.n_adjoints; i++) {
        if (!is_leafs(&t->walk.adjoints[i])) continue;
        const tg_node *leaf = t->walk.adjoints[i].node;
        some = true;
        if (chosen || !(tg_fresh_grad(leaf) || tg_is_by_rows(leaf))) continue;
        const tg_status s = tg_refuse_old(leaf, function);
        if (s != TG_OK) return s;
    }
    return some ? TG_OK : tg_no_path(t, follow, function); /* what led there was frozen since */
}

/* Appends the root of every gradient that is taken to the wanted nodes, in the order of the adjoints. */
static tg_status want_gradients(tg_tape *t, uint32_t first, bool *rows)
{
    *rows = false;
    if (!TG_GROW(t, t->wanted, t->cap_wanted, t->n_wanted + t->walk.n_adjoints + 1)) return TG_ERR_MEMORY;
    for (size_t i = 0; i < t->walk.n_adjoints; i++) {
        const tg_adjoint *a = &t->walk.adjoints[i];
        if (!is_taken(a)) continue;
        if (tg_is_by_rows(a->node) && tg_expect_rows(a->node, a->grad, first)) {
            *rows = true;
            continue;
        }
        if (tg_is_by_rows(a->node) && tg_spread_rows(a->node) != TG_OK) return TG_ERR_MEMORY; /* to be added to */
        tg_node *root = gradient_root(a->node, a->grad, first);
        if (!root) return tg_failure(t, TG_ERR_MEMORY);
        t->wanted[t->n_wanted++] = root;
    }
    return TG_OK;
}

/* Behind them what gradients that are sets of rows are made of. */
static tg_status want_rows(tg_tape *t, uint32_t first)
{
    tg_status s = TG_OK;
    for (size_t i = 0; i < t->walk.n_adjoints && s == TG_OK; i++) {
        const tg_adjoint *a = &t->walk.adjoints[i];
        if (is_leafs(a) && tg_is_by_rows(a->node) && tg_awaits_rows(a->node)) s = tg_want_rows(a->node, a->grad, first);
    }
    return s;
}

static void take_gradients(tg_tape *t, size_t had, size_t end, bool done)
{
    for (size_t i = 0, root = had; i < t->walk.n_adjoints; i++) {
        const tg_adjoint *a = &t->walk.adjoints[i];
        if (!is_taken(a)) continue;
        if (tg_is_by_rows(a->node) && tg_awaits_rows(a->node)) tg_take_rows(a->node, done);
        else if (root < end) take_gradient(a->node, t->wanted[root++], done);
    }
}

/* In anomaly mode: what rows were added up to. */
static __attribute__((cold, noinline)) tg_status look_at_rows(tg_tape *t)
{
    tg_status s = TG_OK;
    for (size_t i = 0; i < t->walk.n_adjoints && s == TG_OK; i++)
        if (is_leafs(&t->walk.adjoints[i]) && tg_is_by_rows(t->walk.adjoints[i].node)) s = tg_look_at_rows(t->walk.adjoints[i].node);
    return s;
}

/* follow: as for differentiate; chosen: the caller said which leaves get gradients. */
static tg_status backward(tg_tensor *output, tg_tensor *seed, uint32_t follow, bool chosen, const char *function)
{
    tg_node *y = tg_check(output, function);
    if (!y) return output ? TG_ERR_STALE : TG_ERR_NULL;
    tg_tape *t = y->tape;
    TG_CALL_AS(t, function);
    if (!tg_may(t, TG_IN_FUNCTION, function)) return TG_ERR_ARG;
    const uint32_t first = t->count;
    bool           was = tg_set_grad_enabled(t, false);
    const bool chosen_ways = follow == TG_N_ASKED && y->id != TG_KEPT_ID;
    if (chosen_ways) tg_find_ways(t, y->id);
    tg_status s = tg_differentiate(t, &output, &seed, 1, follow, false, function);
    if (chosen_ways) tg_forget_ways(t, y->id);
    if (s == TG_OK) s = check_leaves(t, follow, chosen, function);
    if (s == TG_OK && !seed && !tg_want(output) && !(y->flags & TG_N_VALUE)) s = TG_ERR_MEMORY;
    size_t had = t->n_wanted, end = had;
    if (s == TG_OK) {
        bool rows;
        s = want_gradients(t, first, &rows);
        end = t->n_wanted;
        if (s == TG_OK && rows) s = want_rows(t, first);
        tg_unmark_walk(t); /* planning marks nodes too */
        t->ran = false;
        if (s == TG_OK) s = tg_evaluate_wanted(t);
        else tg_forget_wanted(t);
        take_gradients(t, had, end, s == TG_OK || s == TG_ERR_NONFINITE);
        if (s == TG_OK && rows && t->anomaly) s = look_at_rows(t);
    }
    tg_set_grad_enabled(t, was);
    tg_forget_adjoints(t);
    return s;
}

tg_status tg_backward(tg_tensor *loss) { return backward(loss, NULL, TG_N_GRAD, false, "tg_backward"); }

tg_status tg_backward_seed(tg_tensor *y, tg_tensor *seed)
{
    if (!seed) return TG_ERR_NULL;
    return backward(y, seed, TG_N_GRAD, false, "tg_backward_seed");
}

tg_status tg_backward_asked(tg_tensor *loss, bool all, const char *function)
{
    return backward(loss, NULL, all ? TG_N_GRAD : TG_N_ASKED, true, function);
}

tg_status tg_backward_into(tg_tensor *loss, tg_tensor *const *leaves, int n)
{
    static const char function[] = "tg_backward_into";
    const tg_node    *y = tg_check(loss, function);
    if (!y) return loss ? TG_ERR_STALE : TG_ERR_NULL;
    TG_CALL(y->tape);
    if (!tg_may(y->tape, TG_IN_FUNCTION, function)) return TG_ERR_ARG;
    tg_status s = tg_check_leaves(y->tape, leaves, n, function);
    for (int i = 0; i < n && s == TG_OK; i++)
        if (!(tg_node_of(leaves[i])->flags & TG_N_GRAD))
            s = tg_fail_on(y->tape, TG_ERR_GRAD, function, "tensor %d of the list does not require grad (tg_set_requires_grad)", i);
    if (s != TG_OK) return s;
    for (int i = 0; i < n; i++) tg_node_of(leaves[i])->flags |= TG_N_ASKED;
    s = tg_backward_asked(loss, false, function);
    for (int i = 0; i < n; i++) tg_node_of(leaves[i])->flags &= (uint16_t)~TG_N_ASKED;
    return s;
}
