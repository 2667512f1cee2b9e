/* walk.c - the reversed walk: each node's rule turns the gradient of its result into gradients of its inputs, which are added up and
 * summed over broadcast axes here and nowhere else. Rules call ops, so gradients are recorded like everything else. */
#include "graph/walk.h"

#include "graph/anomaly.h"
#include "graph/recompute.h"
#include "graph/rule.h"

#include <tapegrad/tensor.h>
#include <tapegrad/gradient.h>
#include <tapegrad/pointwise.h>
#include "profile/profile.h"

/* ---- adjoints: what has arrived at a node so far ------------------------------------------------------------------ */

/* How far the walk is: the nodes it still has to come by, and all that a gradient reached. */
typedef struct progress {
    size_t   pending, reached;
    uint32_t follow; /* it goes to inputs with this flag: TG_N_GRAD, or TG_N_ASKED */
} progress;

/* The node's adjoint, a new one at first. */
static tg_adjoint *adjoint_of(tg_tape *t, tg_node *n, progress *w)
{
    size_t at = t->walk.free_adjoint;
    if (n->mark) return &t->walk.adjoints[n->mark - 1];
    if (at) {
        t->walk.free_adjoint = t->walk.adjoints[at - 1].pieces;
    } else {
        if (!TG_GROW(t, t->walk.adjoints, t->walk.cap_adjoints, t->walk.n_adjoints + 1)) return NULL;
        at = ++t->walk.n_adjoints;
    }
    t->walk.adjoints[at - 1] = (tg_adjoint){.node = n};
    n->mark = (uint32_t)at;
    w->reached++;
    if (!tg_ends_here(n)) w->pending++;
    return &t->walk.adjoints[at - 1];
}

/* The walk has come by the node: the next one takes its adjoint over, so that only those in use pass through the caches. */
static void drop_adjoint(tg_tape *t, tg_node *n)
{
    t->walk.adjoints[n->mark - 1] = (tg_adjoint){.pieces = t->walk.free_adjoint};
    t->walk.free_adjoint = n->mark;
    n->mark = 0;
}

static tg_status add_piece(tg_tape *t, tg_adjoint *a, tg_tensor *g)
{
    if (!TG_GROW(t, t->walk.pieces, t->walk.cap_pieces, t->walk.n_pieces + 1)) return TG_ERR_MEMORY;
    t->walk.pieces[t->walk.n_pieces++] = (tg_piece){.grad = g, .next = a->pieces};
    a->pieces = t->walk.n_pieces;
    return TG_OK;
}

static tg_status contribute(tg_tape *t, tg_node *to, tg_tensor *g, progress *w)
{
    tg_adjoint *a = adjoint_of(t, to, w);
    if (!a) return TG_ERR_MEMORY;
    if (tg_node_of(g)->op->merge) return add_piece(t, a, g);
    if (a->grad) {
        size_t at = (size_t)(a - t->walk.adjoints);
        g = tg_add(a->grad, g);
        if (!g) return tg_failure(t, TG_ERR_GRAD);
        a = &t->walk.adjoints[at];
    }
    a->grad = g;
    return TG_OK;
}

/* The sum of the first n gradients of t->walk.stack, results of this op. */
static tg_tensor *call_merge(tg_tape *t, const tg_op *op, size_t n)
{
    const tg_node  *one = tg_node_of((tg_tensor *)(void *)t->walk.stack[0]);
    const bool      grad = t->grad_enabled;
    const tg_inside was = tg_go_inside(t, TG_IN_RULE, "merge", op);
    tg_tensor      *g = op->merge((tg_tensor *const *)(void *)t->walk.stack, (int)n);
    t->services.inside = was;
    t->grad_enabled = grad;
    if (!g) return NULL;
    if (tg_is_on(t, g) && tg_node_of(g)->dtype == one->dtype && tg_shape_equal(tg_node_of(g)->shape, one->shape)) return g;
    tg_fail_on(t, TG_ERR_GRAD, op->name, "its merge returned no tensor of the parts' shape and dtype");
    return NULL;
}

/* Joins pieces of the same op into one node each, and those with the rest. */
static tg_status join_pieces(tg_tape *t, tg_adjoint *a)
{
    size_t at = (size_t)(a - t->walk.adjoints), piece = a->pieces;
    a->pieces = 0;
    while (piece) {
        const tg_op *op = tg_node_of(t->walk.pieces[piece - 1].grad)->op;
        size_t       n = 0, rest = 0;
        for (size_t next; piece; piece = next) {
            tg_piece *p = &t->walk.pieces[piece - 1];
            next = p->next;
            if (tg_node_of(p->grad)->op == op) {
                if (!TG_GROW(t, t->walk.stack, t->walk.cap_stack, n + 1)) return TG_ERR_MEMORY;
                t->walk.stack[n++] = (tg_node *)(void *)p->grad;
            } else {
                p->next = rest;
                rest = piece;
            }
        }
        tg_tensor *g = n == 1 ? (tg_tensor *)(void *)t->walk.stack[0] : call_merge(t, op, n);
        a = &t->walk.adjoints[at];
        if (g && a->grad) g = tg_add(g, a->grad);
        if (!g) return tg_failure(t, TG_ERR_GRAD);
        t->walk.adjoints[at].grad = g;
        piece = rest;
    }
    return TG_OK;
}

static inline tg_status settle(tg_tape *t, tg_adjoint *a) { return a->pieces ? join_pieces(t, a) : TG_OK; }

/* What has arrived is whole: the node's hooks see it. */
static __attribute__((noinline)) tg_status show(tg_tape *t, tg_node *n)
{
    const size_t at = n->mark - 1;
    tg_tensor   *g = t->walk.adjoints[at].grad;
    if (!g) return TG_OK; /* of a call that only other results have a gradient of */
    if (!(g = tg_call_hooks(n, g))) return tg_failure(t, TG_ERR_GRAD);
    t->walk.adjoints[at].grad = g;
    return TG_OK;
}

/* To settle a node's adjoint when the walk comes by. */
static inline tg_status settle_node(tg_tape *t, tg_node *n)
{
    const tg_status s = settle(t, &t->walk.adjoints[n->mark - 1]);
    return s == TG_OK && __builtin_expect(n->flags & TG_N_HOOKED, 0) ? show(t, n) : s;
}

/* May the node's adjoint go when the walk has come by? A retained gradient is still to be taken. */
static inline bool is_done_with(const tg_node *n, bool keep) { return !keep && !(n->flags & TG_N_HOOKED); }

/* ---- one node ----------------------------------------------------------------------------------------------------- */

static tg_status step_node(tg_call *c, tg_node *n, tg_tensor *g, progress *w)
{
    tg_tape        *t = c->tape;
    tg_tensor      *few[TG_FEW_INPUTS], *shared[TG_MOST_RESULTS] = {NULL};
    tg_node *const *slots = tg_inputs(n);
    tg_status       s = tg_call_of(c, n, few);
    c->shared = shared;
    for (int i = 0; i < c->n_in && s == TG_OK; i++) {
        if (!(slots[i]->flags & w->follow) || (i < 32 && (n->op->nondiff >> i & 1))) continue;
        tg_tensor *gi = tg_call_vjp(c, n, i, g);
        s = gi ? contribute(t, slots[i], gi, w) : tg_failure(t, TG_ERR_GRAD);
    }
    c->shared = NULL;
    return s;
}

/* ---- calls with several results ------------------------------------------------------------------------------------ */

/* The walk comes by results k … 1 of a call before it comes by the call: what arrived at them waits there, and the call has an adjoint, with
 * no gradient in it where none arrives at result 0. */
static tg_status wait_for_call(tg_tape *t, tg_node *n, progress *w)
{
    const tg_status s = settle_node(t, n);
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
        result[k].g = t->walk.adjoints[r->mark - 1].grad;
        if (is_done_with(r, keep)) drop_adjoint(t, r);
    }
}

/* ---- the walk ----------------------------------------------------------------------------------------------------- */

/* Has one of the node's inputs TG_N_ASKED, and gets a gradient from it? */
static bool leads_to_asked(const tg_node *n)
{
    const tg_node  *call = n->traits & TG_IS_RESULT ? tg_inputs(n)[0] : n; /* which says nothing itself where its result 0 is of integers */
    tg_node *const *in = tg_inputs(call);
    for (uint32_t i = 0; i < call->n_in; i++)
        if ((in[i]->flags & TG_N_ASKED) && !(i < 32 && (call->op->nondiff >> i & 1))) return true;
    return false;
}

/* Gives TG_N_ASKED to what leads to a leaf that has it, of the nodes up to `last`, and takes it from the others. */
void tg_find_ways(tg_tape *t, uint32_t last)
{
    for (uint32_t id = 0; id <= last; id++) {
        tg_node *n = tg_slot(t, id);
        if (id + TG_AHEAD <= last) tg_fetch_inputs(tg_slot(t, id + TG_AHEAD));
        if (!(n->flags & TG_N_GRAD) || tg_ends_here(n)) continue;
        n->flags = (uint16_t)(leads_to_asked(n) ? n->flags | TG_N_ASKED : n->flags & ~TG_N_ASKED);
    }
}

void tg_forget_ways(tg_tape *t, uint32_t last)
{
    for (uint32_t id = 0; id <= last; id++) tg_slot(t, id)->flags &= (uint16_t)~TG_N_ASKED;
}

static tg_status walk_nodes(tg_tape *t, uint32_t first, uint32_t end, progress *w, bool keep);

/* The same as find_ways of what was recorded since `first` while the walk was under way. */
static void find_ways_again(tg_tape *t, uint32_t first)
{
    for (uint32_t id = first; id < t->count; id++) {
        tg_node *n = tg_slot(t, id);
        if (n->flags & TG_N_OFF || tg_ends_here(n) || n->op->flags & TG_OP_ZERO_GRAD) continue;
        if ((tg_dtype_is_float((tg_dtype)n->dtype) || n->traits & TG_HAS_RESULTS) && leads_to_asked(n)) n->flags |= TG_N_ASKED;
    }
}

/* Takes what arrived at the outputs of the function that gave output n, its first; *some: one of the gradients. That of an output which was made a leaf
 * is the leaf's. */
static void take_outputs(tg_tape *t, const tg_node *n, bool keep, tg_tensor **g, tg_tensor **some)
{
    *some = NULL;
    for (int k = 0; k < tg_recompute_count(n); k++) {
        tg_node *output = tg_slot(t, n->id + (uint32_t)k);
        const bool passes = output->mark && !tg_ends_here(output);
        g[k] = passes ? t->walk.adjoints[output->mark - 1].grad : NULL;
        if (g[k]) *some = g[k];
        if (passes && is_done_with(output, keep)) drop_adjoint(t, output);
    }
}

/* Has the function record once more, and walks through that. */
static tg_status go_through_again(tg_tape *t, tg_node *n, progress *w, bool keep)
{
    const int      count = tg_recompute_count(n);
    const uint32_t first = t->count;
    tg_tensor    **g = tg_value_room(t, 2 * (size_t)count * sizeof *g), **out = g + count, *some;
    if (!g) return TG_ERR_MEMORY;
    take_outputs(t, n, keep, g, &some);
    tg_status      s = some ? tg_record_again(n, some, out) : TG_OK;
    const uint32_t end = t->count;
    if (!some || s != TG_OK) return s;
    if (w->follow == TG_N_ASKED) find_ways_again(t, first);
    for (int k = 0; k < count && s == TG_OK; k++)
        if (g[k] && tg_node_of(out[k])->flags & w->follow) s = contribute(t, tg_node_of(out[k]), g[k], w);
    if (s == TG_OK) s = walk_nodes(t, first, end, w, keep);
    for (uint32_t id = first; w->follow == TG_N_ASKED && id < end; id++) tg_slot(t, id)->flags &= (uint16_t)~TG_N_ASKED;
    return s;
}

/* The walk comes by the last outputs of a function (tg_recompute) before it comes by the first that is no leaf: what arrived at them waits there. */
static tg_status come_by_output(tg_tape *t, tg_node *n, progress *w, bool keep)
{
    tg_node        *output = tg_slot(t, n->id - (uint32_t)tg_recompute_number(n)), *first = output;
    const tg_status s = settle_node(t, n);
    w->pending--;
    if (s != TG_OK) return s;
    while (tg_ends_here(first)) first = tg_slot(t, first->id + 1);
    if (first == n) return go_through_again(t, output, w, keep);
    return adjoint_of(t, first, w) ? TG_OK : TG_ERR_MEMORY;
}

/* Down from the outputs' seeds (already contributed), by nodes first … end - 1. keep: gradients of the nodes on the way are asked for, too. */
static tg_status walk_nodes(tg_tape *t, uint32_t first, uint32_t end, progress *w, bool keep)
{
    static const tg_call none = {0};
    tg_call_result       result[TG_MOST_RESULTS];
    tg_call              c; /* copied: clearing so large a struct becomes a string instruction, slow to start */
    memcpy(&c, &none, sizeof c);
    c.tape = t;
    for (uint32_t id = end; w->pending && id-- > first;) {
        tg_node *n = tg_slot(t, id);
        if (!n->mark || tg_ends_here(n)) continue;
        if (__builtin_expect(tg_is_recomputed(n), 0)) {
            const tg_status s = come_by_output(t, n, w, keep);
            if (s != TG_OK) return s;
            continue;
        }
        const uint32_t before = t->count;
        c.result = NULL;
        if (__builtin_expect(n->traits & (TG_IS_RESULT | TG_HAS_RESULTS), 0)) {
            if (n->traits & TG_HAS_RESULTS) take_results(t, n, keep, c.result = result);
            else if (wait_for_call(t, n, w) == TG_OK) continue;
            else return tg_failure(t, TG_ERR_MEMORY);
        }
        w->pending--;
        size_t     at = n->mark - 1;
        tg_status  s = settle_node(t, n);
        tg_tensor *g = t->walk.adjoints[at].grad;
        if (s == TG_OK && is_done_with(n, keep)) drop_adjoint(t, n);
        if (s == TG_OK) s = step_node(&c, n, g, w);
        if (s != TG_OK) return s;
        if (__builtin_expect(t->anomaly != NULL, 0)) tg_note_origin(t, before, n);
    }
    return TG_OK;
}

static tg_status settle_leaves(tg_tape *t)
{
    tg_status s = TG_OK;
    for (size_t i = 0; i < t->walk.n_adjoints && s == TG_OK; i++)
        if (t->walk.adjoints[i].node && tg_ends_here(t->walk.adjoints[i].node)) s = settle_node(t, t->walk.adjoints[i].node);
    return s;
}

/* To the leaves, whose gradients are settled, too. */
static tg_status walk(tg_tape *t, uint32_t from, progress *w, bool keep)
{
    const tg_inside was = tg_go_inside(t, TG_IN_RULE, "vjp", NULL);
    tg_status       s = walk_nodes(t, 0, from + 1, w, keep);
    t->services.inside = was;
    return s == TG_OK ? settle_leaves(t) : s;
}

void tg_unmark_walk(tg_tape *t)
{
    for (size_t i = 0; i < t->walk.n_adjoints; i++)
        if (t->walk.adjoints[i].node) t->walk.adjoints[i].node->mark = 0;
}

void tg_forget_adjoints(tg_tape *t)
{
    tg_unmark_walk(t);
    t->walk.n_adjoints = t->walk.n_pieces = t->walk.free_adjoint = 0;
}

tg_status tg_no_path(tg_tape *t, uint32_t follow, const char *function)
{
    if (follow == TG_N_GRAD)
        return tg_fail_on(t, TG_ERR_GRAD, function,
                          "no gradient path: the output depends on nothing that requires grad (tg_param, tg_set_requires_grad)");
    return tg_fail_on(t, TG_ERR_GRAD, function, "no gradient path: the loss depends on none of the tensors that are asked for, or on frozen ones");
}

/* Seeds the outputs and walks to the inputs with flag `follow`. Afterwards t->walk.adjoints holds the gradients of the leaves (keep: of all
 * nodes, which may be none, as where a derivative is constant), until forget_adjoints. */
static tg_status needs_a_seed(tg_tape *t, const tg_node *y, const char *function)
{
    char shape[TG_SHAPE_TEXT];
    return tg_fail_on(t, TG_ERR_SHAPE, function,
                      "an output of shape %s needs a seed (see tg_backward_seed); tg_sum_all and tg_mean_all make one number of it, which needs none",
                      tg_shape_text(y->shape, shape, sizeof shape));
}

tg_status tg_differentiate(tg_tape *t, tg_tensor *const *outputs, tg_tensor *const *seeds, int n, uint32_t follow, bool keep,
                           const char *function)
{
    uint32_t from = 0;
    progress w = {.follow = follow};
    bool     path = false, off = false; /* of an output that was recorded with gradients off nothing is known */
    const double begin = t->profile ? tg_profile_now() : 0;
    for (int j = 0; j < n; j++) {
        tg_node   *y = tg_check(outputs[j], function);
        tg_tensor *v = seeds ? seeds[j] : NULL;
        if (!y) return outputs[j] ? TG_ERR_STALE : TG_ERR_NULL;
        if (y->tape != t) return tg_fail_on(t, TG_ERR_TAPE, function, "the tensors belong to different tapes");
        off |= y->flags & TG_N_OFF;
        if (!(y->flags & follow)) continue;
        path = true;
        if (!v && tg_node_numel(y) != 1) return needs_a_seed(t, y, function);
        if (!v) v = tg_ones_like(outputs[j]);
        const tg_node *seed = tg_check(v, function);
        if (!seed) return v ? TG_ERR_STALE : TG_ERR_MEMORY;
        if (seed->tape != t) return tg_fail_on(t, TG_ERR_TAPE, function, "the tensors belong to different tapes");
        if (seed->dtype != y->dtype || !tg_shape_equal(seed->shape, y->shape))
            return tg_fail_on(t, TG_ERR_SHAPE, function, "a seed has its output's shape and dtype");
        /* What rules read of a kept seed is what it holds now, unlike what they read of a kept input: once written, it is a value here. */
        if (seed->flags & TG_N_KEPT && !tg_value_valid(seed, 0) && !(v = tg_apart(v))) return tg_failure(t, TG_ERR_MEMORY);
        tg_status s = contribute(t, y, v, &w);
        if (s != TG_OK) return s;
        if (!tg_ends_here(y) && y->id > from) from = y->id;
    }
    if (!path) return keep && !off ? TG_OK : tg_no_path(t, follow, function);
    tg_status s = walk(t, from, &w, keep);
    if (t->profile)
        tg_profile_event(t->profile, "backward", function, begin, NULL, &(tg_figure){"nodes reached", (int64_t)w.reached}, 1);
    return s;
}

void tg_walk_free(tg_tape *t)
{
    tg_walk *w = &t->walk;
    tg_heap_free(&t->services.heap, w->adjoints, w->cap_adjoints * sizeof *w->adjoints);
    tg_heap_free(&t->services.heap, w->pieces, w->cap_pieces * sizeof *w->pieces);
    tg_heap_free(&t->services.heap, w->stack, w->cap_stack * sizeof *w->stack);
}
