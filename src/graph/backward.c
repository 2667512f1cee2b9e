/* backward.c - the reversed walk: each node's rule turns the gradient of its result into gradients of its inputs, which are added up
 * and summed over broadcast axes here and nowhere else. Rules call ops, so gradients are recorded like everything else. */
#include "graph/graph.h"

#include <tapegrad/tensor.h>
#include <tapegrad/gradient.h>
#include <tapegrad/pointwise.h>
#include "profile/profile.h"

/* ---- adjoints: what has arrived at a node so far ------------------------------------------------------------------ */

/* The status of the error that a rule or an op just reported, or s when it reported none. */
static tg_status failure(const tg_tape *t, tg_status s) { return t->services.latest != TG_OK ? t->services.latest : s; }

/* How far the walk is: the nodes it still has to come by, and all that a gradient reached. */
typedef struct progress {
    size_t   pending, reached;
    uint32_t follow; /* it goes to inputs with this flag: TG_N_GRAD, or TG_N_ASKED */
} progress;

/* The node's adjoint, a new one at first. */
static tg_adjoint *adjoint_of(tg_tape *t, tg_node *n, progress *w)
{
    size_t at = t->free_adjoint;
    if (n->mark) return &t->adjoints[n->mark - 1];
    if (at) {
        t->free_adjoint = t->adjoints[at - 1].pieces;
    } else {
        if (!TG_GROW(t, t->adjoints, t->cap_adjoints, t->n_adjoints + 1)) return NULL;
        at = ++t->n_adjoints;
    }
    t->adjoints[at - 1] = (tg_adjoint){.node = n};
    n->mark = (uint32_t)at;
    w->reached++;
    if (!tg_ends_here(n)) w->pending++;
    return &t->adjoints[at - 1];
}

/* The walk has come by the node: the next one takes its adjoint over, so that only those in use pass through the caches. */
static void drop_adjoint(tg_tape *t, tg_node *n)
{
    t->adjoints[n->mark - 1] = (tg_adjoint){.pieces = t->free_adjoint};
    t->free_adjoint = n->mark;
    n->mark = 0;
}

static tg_status add_piece(tg_tape *t, tg_adjoint *a, tg_tensor *g)
{
    if (!TG_GROW(t, t->pieces, t->cap_pieces, t->n_pieces + 1)) return TG_ERR_MEMORY;
    t->pieces[t->n_pieces++] = (tg_piece){.grad = g, .next = a->pieces};
    a->pieces = t->n_pieces;
    return TG_OK;
}

static tg_status contribute(tg_tape *t, tg_node *to, tg_tensor *g, progress *w)
{
    tg_adjoint *a = adjoint_of(t, to, w);
    if (!a) return TG_ERR_MEMORY;
    if (tg_node_of(g)->op->merge) return add_piece(t, a, g);
    if (a->grad) {
        size_t at = (size_t)(a - t->adjoints);
        g = tg_add(a->grad, g);
        if (!g) return failure(t, TG_ERR_GRAD);
        a = &t->adjoints[at];
    }
    a->grad = g;
    return TG_OK;
}

/* The sum of the first n gradients of t->stack, results of this op. */
static tg_tensor *call_merge(tg_tape *t, const tg_op *op, size_t n)
{
    const tg_node  *one = tg_node_of((tg_tensor *)(void *)t->stack[0]);
    const bool      grad = t->grad_enabled;
    const tg_inside was = tg_go_inside(t, TG_IN_RULE, "merge", op);
    tg_tensor      *g = op->merge((tg_tensor *const *)(void *)t->stack, (int)n);
    t->services.inside = was;
    t->grad_enabled = grad;
    if (!g) return NULL;
    if (tg_is_on(t, g) && tg_node_of(g)->dtype == one->dtype && tg_shape_equal(tg_node_of(g)->shape, one->shape)) return g;
    tg_fail_on(t, TG_ERR_GRAD, op->name, "its merge gave no tensor of the parts' shape and dtype");
    return NULL;
}

/* Joins pieces of the same op into one node each, and those with the rest. */
static tg_status join_pieces(tg_tape *t, tg_adjoint *a)
{
    size_t at = (size_t)(a - t->adjoints), piece = a->pieces;
    a->pieces = 0;
    while (piece) {
        const tg_op *op = tg_node_of(t->pieces[piece - 1].grad)->op;
        size_t       n = 0, rest = 0;
        for (size_t next; piece; piece = next) {
            tg_piece *p = &t->pieces[piece - 1];
            next = p->next;
            if (tg_node_of(p->grad)->op == op) {
                if (!TG_GROW(t, t->stack, t->cap_stack, n + 1)) return TG_ERR_MEMORY;
                t->stack[n++] = (tg_node *)(void *)p->grad;
            } else {
                p->next = rest;
                rest = piece;
            }
        }
        tg_tensor *g = n == 1 ? (tg_tensor *)(void *)t->stack[0] : call_merge(t, op, n);
        a = &t->adjoints[at];
        if (g && a->grad) g = tg_add(g, a->grad);
        if (!g) return failure(t, TG_ERR_GRAD);
        t->adjoints[at].grad = g;
        piece = rest;
    }
    return TG_OK;
}

static inline tg_status settle(tg_tape *t, tg_adjoint *a) { return a->pieces ? join_pieces(t, a) : TG_OK; }

/* ---- one node ----------------------------------------------------------------------------------------------------- */

/* The rule's answer, checked, and summed to the input's shape where the op broadcast it. */
static __attribute__((cold, noinline)) tg_tensor *unfit(tg_call *c, int i, tg_tensor *g)
{
    char got[TG_SHAPE_TEXT];
    if (!g) {
        if (c->tape->services.latest == TG_OK) tg_fail(c, TG_ERR_GRAD, "its vjp gave no gradient for input %d", i);
    } else if (!tg_is_on(c->tape, g)) {
        tg_fail(c, TG_ERR_GRAD, "its vjp gave a stale tensor or one of another tape for input %d", i);
    } else {
        const tg_node *n = tg_node_of(g);
        tg_fail(c, TG_ERR_GRAD, "its vjp gave a %s gradient of shape %s for input %d", tg_dtype_name((tg_dtype)n->dtype),
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

/* The graph names a tensor that is there no longer: its rules would read the shape and the value of nothing. */
static __attribute__((cold, noinline)) tg_status released(const tg_node *n, const tg_node *in)
{
    char text[TG_KEPT_TEXT];
    return tg_fail_on(n->tape, TG_ERR_STALE, n->op->name, "reads %s, which was released; differentiate before that",
                      tg_kept_text(in, text));
}

/* The answer of n's rule, whatever it is. Where something was written since n was recorded, ops that the rule records are watched. */
static tg_tensor *call_rule(const tg_call *c, const tg_node *n, int i, tg_tensor *g)
{
    tg_tape *t = c->tape;
    if (__builtin_expect(t->written <= n->id, 1)) return n->op->vjp(c, i, g);
    t->as_of = n->id;
    t->services.inside.where = TG_IN_LATE_RULE;
    g = n->op->vjp(c, i, g);
    if (g && tg_is_on(t, g) && !tg_reads_as_recorded(t, n->op, &g, 1)) g = NULL;
    t->services.inside.where = TG_IN_RULE;
    return g;
}

static tg_status step_node(tg_call *c, tg_node *n, tg_tensor *g, progress *w)
{
    enum { FEW = 8 };
    tg_tape        *t = c->tape;
    tg_tensor      *few[FEW], **in = few;
    tg_node *const *slots = tg_inputs(n);
    const bool      grad = t->grad_enabled;
    if (n->n_in > FEW && !(in = tg_value_room(t, n->n_in * sizeof *in))) return TG_ERR_MEMORY;
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
    for (int i = 0; i < c->n_in; i++) {
        if (!(slots[i]->flags & w->follow) || (i < 32 && (n->op->nondiff >> i & 1))) continue;
        t->services.latest = TG_OK;
        tg_tensor *gi = call_rule(c, n, i, g);
        t->grad_enabled = grad; /* whatever the rule did to it */
        gi = fit(c, i, g, gi);
        tg_status s = gi ? contribute(t, slots[i], gi, w) : failure(t, TG_ERR_GRAD);
        if (s != TG_OK) return s;
    }
    return TG_OK;
}

/* ---- calls with several results ------------------------------------------------------------------------------------ */

/* The walk comes by results k … 1 of a call before it comes by the call: what arrived at them waits there, and the call has an adjoint, with
 * no gradient in it where none arrives at result 0. */
static tg_status wait_for_call(tg_tape *t, const tg_node *n, progress *w)
{
    const tg_status s = settle(t, &t->adjoints[n->mark - 1]);
    w->pending--;
    return s != TG_OK || adjoint_of(t, tg_inputs(n)[0], w) ? s : TG_ERR_MEMORY;
}

/* Takes what waits at results 1 … of call n. */
static void take_results(tg_tape *t, const tg_node *n, bool keep, tg_call_result *result)
{
    for (int k = 1; k < n->op->results; k++) {
        tg_node *r = tg_result_of_call(n, k);
        result[k] = (tg_call_result){.dtype = (tg_dtype)r->dtype, .out = tg_handle_on(t, r)};
        if (!r->mark) continue;
        result[k].g = t->adjoints[r->mark - 1].grad;
        if (!keep) drop_adjoint(t, r);
    }
}

/* ---- the walk ----------------------------------------------------------------------------------------------------- */

/* Gives TG_N_ASKED to what leads to a leaf that has it, of the nodes up to `last`, and takes it from the others. */
static void find_ways(tg_tape *t, uint32_t last)
{
    for (uint32_t id = 0; id <= last; id++) {
        tg_node *n = tg_slot(t, id);
        if (id + TG_AHEAD <= last) tg_fetch_inputs(tg_slot(t, id + TG_AHEAD));
        if (!(n->flags & TG_N_GRAD) || tg_ends_here(n)) continue;
        const tg_node  *call = n->traits & TG_IS_RESULT ? tg_inputs(n)[0] : n; /* which says nothing itself where its result 0 is of integers */
        tg_node *const *in = tg_inputs(call);
        bool            leads = false;
        for (uint32_t i = 0; i < call->n_in && !leads; i++) leads = (in[i]->flags & TG_N_ASKED) && !(i < 32 && (call->op->nondiff >> i & 1));
        n->flags = (uint16_t)(leads ? n->flags | TG_N_ASKED : n->flags & ~TG_N_ASKED);
    }
}

/* Down from the outputs' seeds (already contributed). keep: gradients of the nodes on the way are asked for, too. */
static tg_status walk_nodes(tg_tape *t, uint32_t from, progress *w, bool keep)
{
    static const tg_call none = {0};
    tg_call_result       result[TG_MOST_RESULTS];
    tg_call              c; /* copied: clearing so large a struct becomes a string instruction, slow to start */
    memcpy(&c, &none, sizeof c);
    c.tape = t;
    for (uint32_t id = from + 1; w->pending && id-- > 0;) {
        tg_node *n = tg_slot(t, id);
        if (!n->mark || tg_ends_here(n)) continue;
        c.result = NULL;
        if (__builtin_expect(n->traits & (TG_IS_RESULT | TG_HAS_RESULTS), 0)) {
            if (n->traits & TG_HAS_RESULTS) take_results(t, n, keep, c.result = result);
            else if (wait_for_call(t, n, w) == TG_OK) continue;
            else return failure(t, TG_ERR_MEMORY);
        }
        w->pending--;
        size_t     at = n->mark - 1;
        tg_status  s = settle(t, &t->adjoints[at]);
        tg_tensor *g = t->adjoints[at].grad;
        if (!keep && s == TG_OK) drop_adjoint(t, n);
        if (s == TG_OK) s = step_node(&c, n, g, w);
        if (s != TG_OK) return s;
    }
    return TG_OK;
}

/* To the leaves, whose gradients are settled, too. */
static tg_status walk(tg_tape *t, uint32_t from, progress *w, bool keep)
{
    const tg_inside was = tg_go_inside(t, TG_IN_RULE, "vjp", NULL);
    tg_status       s = walk_nodes(t, from, w, keep);
    t->services.inside = was;
    for (size_t i = 0; i < t->n_adjoints && s == TG_OK; i++)
        if (t->adjoints[i].node) s = settle(t, &t->adjoints[i]);
    return s;
}

static void unmark(tg_tape *t)
{
    for (size_t i = 0; i < t->n_adjoints; i++)
        if (t->adjoints[i].node) t->adjoints[i].node->mark = 0;
}

static void forget_adjoints(tg_tape *t)
{
    unmark(t);
    t->n_adjoints = t->n_pieces = t->free_adjoint = 0;
}

static tg_status no_path(tg_tape *t, uint32_t follow, const char *function)
{
    if (follow == TG_N_GRAD)
        return tg_fail_on(t, TG_ERR_GRAD, function,
                          "no gradient path: the output depends on nothing that requires grad (tg_param, tg_set_requires_grad)");
    return tg_fail_on(t, TG_ERR_GRAD, function, "no gradient path: the loss depends on none of the tensors that are asked for, or on frozen ones");
}

/* Seeds the outputs and walks to the inputs with flag `follow`. Afterwards t->adjoints holds the gradients of the leaves (keep: of all
 * nodes), until forget_adjoints. */
static tg_status differentiate(tg_tape *t, tg_tensor *const *outputs, tg_tensor *const *seeds, int n, uint32_t follow, bool keep,
                               const char *function)
{
    uint32_t from = 0;
    progress w = {.follow = follow};
    bool     path = false;
    const double begin = t->profile ? tg_profile_now() : 0;
    for (int j = 0; j < n; j++) {
        tg_node   *y = tg_check(outputs[j], function);
        tg_tensor *v = seeds ? seeds[j] : NULL;
        if (!y) return outputs[j] ? TG_ERR_STALE : TG_ERR_NULL;
        if (y->tape != t) return tg_fail_on(t, TG_ERR_TAPE, function, "the tensors belong to different tapes");
        if (!(y->flags & follow)) continue;
        path = true;
        if (!v && tg_node_numel(y) != 1)
            return tg_fail_on(t, TG_ERR_SHAPE, function, "an output of more than one element needs a seed (see tg_backward_seed)");
        if (!v) v = tg_ones_like(outputs[j]);
        const tg_node *seed = tg_check(v, function);
        if (!seed) return v ? TG_ERR_STALE : TG_ERR_MEMORY;
        if (seed->tape != t) return tg_fail_on(t, TG_ERR_TAPE, function, "the tensors belong to different tapes");
        if (seed->dtype != y->dtype || !tg_shape_equal(seed->shape, y->shape))
            return tg_fail_on(t, TG_ERR_SHAPE, function, "a seed has its output's shape and dtype");
        /* What rules read of a kept seed is what it holds now, unlike what they read of a kept input: once written, it is a value here. */
        if (seed->flags & TG_N_KEPT && !tg_value_valid(seed, 0) && !(v = tg_apart(v))) return failure(t, TG_ERR_MEMORY);
        tg_status s = contribute(t, y, v, &w);
        if (s != TG_OK) return s;
        if (!tg_ends_here(y) && y->id > from) from = y->id;
    }
    if (!path) return no_path(t, follow, function);
    tg_status s = walk(t, from, &w, keep);
    if (t->profile)
        tg_profile_event(t->profile, "backward", function, begin, NULL, &(tg_figure){"nodes reached", (int64_t)w.reached}, 1);
    return s;
}

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
    tg_tensor     *g = t->adjoints[x->mark - 1].grad;
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
    s = differentiate(t, outputs, seeds, n_outputs, TG_N_GRAD, true, "tg_grad");
    for (int k = 0; k < n_inputs && s == TG_OK; k++) { /* from here on grads may overwrite outputs and inputs: they may be one array */
        const tg_node *x = tg_node_of(inputs[k]);
        grads[k] = x->mark && t->adjoints[x->mark - 1].grad ? given(t, x, first) : tg_zeros_like(inputs[k]);
        if (!grads[k]) s = TG_ERR_MEMORY;
    }
    for (size_t i = 0; i < t->n_adjoints; i++)
        if (t->adjoints[i].grad && tg_node_of(t->adjoints[i].grad)->id >= first) tg_node_of(t->adjoints[i].grad)->mark = 0;
    forget_adjoints(t);
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

/* A node that may become a leaf's gradient: nobody but this walk knows it, and it is no other leaf's. */
static bool is_free(const tg_node *n, uint32_t first)
{
    return is_own(n, first) && !(n->flags & (TG_N_VALUE | TG_N_PLACED | TG_N_LEAF | TG_N_WANTED));
}

/* May it be computed straight into a gradient's memory? It has memory of its own then. Not one of several results: all of them have their
 * values or none has, and what was placed gives its value up. */
static bool placeable(const tg_node *n, uint32_t first)
{
    return is_free(n, first) && !(n->traits & (TG_HAS_RESULTS | TG_IS_RESULT)) && n->op->kind != TG_VIEW && n->op->kind != TG_LEAF && n->op->kind != TG_CONST;
}

static tg_tensor *apart_from(tg_tensor *g, bool good) { return good ? g : tg_apart(g); }

/* The node to evaluate for leaf's gradient: what arrived, added to what is there, computed in place for a kept leaf. */
static tg_node *gradient_root(tg_node *leaf, tg_tensor *g, uint32_t first)
{
    tg_node *there = leaf->grad;
    if (there && (there->flags & (TG_N_VALUE | TG_N_USED)) == TG_N_VALUE) g = tg_add(tg_handle(there), g);
    const bool kept = leaf->flags & TG_N_KEPT;
    if (!g || (kept && !(there = tg_gradient_of(leaf)))) return NULL;
    if (!(g = apart_from(g, kept ? placeable(tg_node_of(g), first) : is_free(tg_node_of(g), first)))) return NULL;
    tg_node *root = tg_node_of(g);
    root->flags |= kept ? TG_N_PLACED : TG_N_WANTED;
    if (kept) {
        root->data = there->data;
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
    root->flags = (uint16_t)(root->flags & ~(TG_N_VALUE | TG_N_PLACED)); /* its data is still where it was computed: plans tell that */
    if (done) tg_set_gradient(leaf->grad);
    else if (leaf->tape->ran && leaf->grad->flags & TG_N_USED) tg_forget_grad(leaf);
}

static bool is_leafs(const tg_adjoint *a) { return a->node && tg_ends_here(a->node); }

/* Is there a leaf? And where all leaves get a gradient, may it be added to what is there? */
static tg_status check_leaves(tg_tape *t, uint32_t follow, bool chosen, const char *function)
{
    bool some = false;
    for (size_t i = 0; i < t->n_adjoints; i++) {
        if (!is_leafs(&t->adjoints[i])) continue;
        tg_status s = chosen ? TG_OK : tg_refuse_old(t->adjoints[i].node, function);
        if (s != TG_OK) return s;
        some = true;
    }
    return some ? TG_OK : no_path(t, follow, function); /* what led there was frozen since */
}

/* Appends every leaf's gradient root to the wanted nodes, in the order of the adjoints. */
static tg_status want_gradients(tg_tape *t, uint32_t first)
{
    if (!TG_GROW(t, t->wanted, t->cap_wanted, t->n_wanted + t->n_adjoints + 1)) return TG_ERR_MEMORY;
    for (size_t i = 0; i < t->n_adjoints; i++) {
        if (!is_leafs(&t->adjoints[i])) continue;
        tg_node *root = gradient_root(t->adjoints[i].node, t->adjoints[i].grad, first);
        if (!root) return failure(t, TG_ERR_MEMORY);
        t->wanted[t->n_wanted++] = root;
    }
    return TG_OK;
}

static void take_gradients(tg_tape *t, size_t first, size_t end, bool done)
{
    for (size_t i = 0, root = first; i < t->n_adjoints && root < end; i++)
        if (is_leafs(&t->adjoints[i])) take_gradient(t->adjoints[i].node, t->wanted[root++], done);
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
    if (follow == TG_N_ASKED && y->id != TG_KEPT_ID) find_ways(t, y->id);
    tg_status s = differentiate(t, &output, &seed, 1, follow, false, function);
    if (s == TG_OK) s = check_leaves(t, follow, chosen, function);
    if (s == TG_OK && !seed && !tg_want(output) && !(y->flags & TG_N_VALUE)) s = TG_ERR_MEMORY;
    size_t had = t->n_wanted, end = had;
    if (s == TG_OK) {
        s = want_gradients(t, first);
        end = t->n_wanted;
        unmark(t); /* planning marks nodes too */
        t->ran = false;
        if (s == TG_OK) s = tg_evaluate_wanted(t);
        else tg_forget_wanted(t);
        take_gradients(t, had, end, s == TG_OK);
    }
    tg_set_grad_enabled(t, was);
    forget_adjoints(t);
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
