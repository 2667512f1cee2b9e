/* gradient.c - leaves and the gradients they have: reading, setting and forgetting them, which leaves require one, and which gradients are too
 * old to be added to. */
#include "graph/rows.h"

#include <tapegrad/gradient.h>

/* ---- the gradient of a leaf -------------------------------------------------------------------------------------- */

/* The kept node for a kept leaf's gradient, without value at first. */
tg_node *tg_gradient_of(tg_node *leaf)
{
    if (!leaf->grad) {
        tg_node *g = tg_new_kept(leaf->tape, (tg_dtype)leaf->dtype, leaf->shape);
        if (!g) return NULL;
        g->flags |= TG_N_GRADIENT;
        leaf->grad = g;
    }
    return leaf->grad;
}

tg_status tg_spread_rows(tg_node *leaf)
{
    if (!tg_has_rows(leaf)) return TG_OK;
    tg_rows     *r = leaf->w.kept->rows;
    const size_t bytes = (size_t)r->width * tg_item_size((tg_dtype)leaf->dtype);
    tg_node     *g = tg_gradient_of(leaf);
    if (!g) return TG_ERR_MEMORY;
    if (tg_value_bytes(leaf)) memset(tg_host_memory(g), 0, tg_value_bytes(leaf));
    for (int64_t k = 0; bytes && k < r->n; k++) memcpy((char *)tg_host_memory(g) + (size_t)r->ids[r->now][k] * bytes, r->values[r->now] + (size_t)k * bytes, bytes);
    tg_set_gradient(g);
    g->w.kept->steps = r->steps;
    if (r->used) g->flags |= TG_N_USED;
    r->there = r->awaited; /* asked for by an op's function: the backward under way still adds to the rows */
    return TG_OK;
}

tg_tensor *tg_grad_of(const tg_tensor *leaf)
{
    if (!leaf || !tg_is_live(leaf)) return NULL;
    if (tg_spread_rows(tg_node_of(leaf)) != TG_OK) return NULL;
    const tg_node *g = tg_node_of(leaf)->grad;
    return g && (g->flags & TG_N_VALUE) ? tg_handle(g) : NULL;
}

void tg_set_gradient(tg_node *g)
{
    g->flags = (uint16_t)((g->flags | TG_N_VALUE) & ~TG_N_USED);
    g->w.kept->steps = g->tape->steps;
    tg_mark_written(g);
}

void tg_forget_grad(tg_node *leaf)
{
    tg_forget_rows(leaf);
    for (tg_node *g; (g = leaf->grad) && g->flags & TG_N_VALUE; leaf = g) { /* with the gradient of the gradient, where it was made a leaf */
        g->flags = TG_N_KEPT | TG_N_GRADIENT | (g->flags & TG_N_READ);
        g->gen++;           /* its handle is stale … */
        tg_mark_written(g); /* … and so is what was to be computed from it */
        if (g->gen & TG_TAG_MASK) continue;
        tg_drop_kept(g); /* the slot's tags are used up */
        leaf->grad = NULL;
        return;
    }
}

tg_status tg_set_grad(tg_tensor *leaf, tg_tensor *value)
{
    tg_node *n = tg_check(leaf, "tg_set_grad");
    if (!n) return leaf ? TG_ERR_STALE : TG_ERR_NULL;
    tg_tape *t = n->tape;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, "tg_set_grad")) return TG_ERR_ARG;
    if (!(n->flags & TG_N_GRAD) || !tg_ends_here(n))
        return tg_fail_on(t, TG_ERR_GRAD, "tg_set_grad", "the tensor is not a leaf that requires grad (tg_param, tg_set_requires_grad)");
    if (!value) {
        if (n->flags & TG_N_KEPT) tg_forget_grad(n);
        else n->grad = NULL;
        return TG_OK;
    }
    tg_node  *v = NULL;
    tg_status s = tg_value_for(n, value, "tg_set_grad", &v);
    if (s != TG_OK) return s;
    if (!(n->flags & TG_N_KEPT)) {
        const bool was = tg_set_grad_enabled(t, false);
        tg_tensor *own = tg_apart(value);
        tg_set_grad_enabled(t, was);
        if (!own) return TG_ERR_MEMORY;
        v = tg_node_of(own);
        s = tg_evaluate(t, &v, 1);
        if (s == TG_OK) n->grad = v;
        return s;
    }
    tg_node *g = tg_gradient_of(n);
    if (!g) return TG_ERR_MEMORY;
    s = tg_write_value(g, v);
    if (s != TG_OK) return s;
    tg_forget_rows(n);
    tg_set_gradient(g);
    return s;
}

/* ---- lists of leaves ------------------------------------------------------------------------------------------------- */

static tg_status check_leaf(const tg_tape *t, const tg_tensor *leaf, int i, const char *function, tg_node **n)
{
    if (!leaf) return tg_fail_on((tg_tape *)t, TG_ERR_NULL, function, "tensor %d of the list is NULL", i);
    if (!(*n = tg_check(leaf, function))) return TG_ERR_STALE;
    if ((*n)->tape != t) return tg_fail_on((tg_tape *)t, TG_ERR_TAPE, function, "the tensors belong to different tapes");
    if (!tg_ends_here(*n))
        return tg_fail_on((tg_tape *)t, TG_ERR_GRAD, function, "tensor %d of the list is a result and not a leaf; tg_grad has gradients of results", i);
    return TG_OK;
}

tg_status tg_check_leaves(tg_tape *t, tg_tensor *const *leaves, int n, const char *function)
{
    tg_status s = TG_OK;
    int       marked = 0;
    if (!leaves || n < 1) return tg_fail_on(t, leaves ? TG_ERR_ARG : TG_ERR_NULL, function, "the list of tensors is empty (n is %d)", n);
    for (int i = 0; i < n && s == TG_OK; i++) {
        tg_node *leaf = NULL;
        s = check_leaf(t, leaves[i], i, function, &leaf);
        if (s == TG_OK && leaf->mark)
            s = tg_fail_on(t, TG_ERR_ARG, function, "tensors %d and %d of the list are the same", (int)leaf->mark - 1, i);
        if (s == TG_OK) leaf->mark = (uint32_t)(marked = i + 1);
    }
    for (int i = 0; i < marked; i++) tg_node_of(leaves[i])->mark = 0;
    return s;
}

/* ---- which leaves require grad ---------------------------------------------------------------------------------------- */

/* Is there a node of this recording that reads n, and that a gradient would go through had n required one then? Such a node has no
 * TG_N_GRAD, and so the walk back would not come by. */
static bool used_without(const tg_node *n)
{
    const tg_tape *t = n->tape;
    if ((n->flags & (TG_N_KEPT | TG_N_READ)) == TG_N_KEPT) return false;
    for (uint32_t id = n->id == TG_KEPT_ID ? 0 : n->id + 1; id < t->count; id++) {
        const tg_node  *by = tg_slot(t, id), *call = by->traits & TG_IS_RESULT ? tg_inputs(by)[0] : by;
        tg_node *const *in = tg_inputs(call);
        if (by->flags & (TG_N_GRAD | TG_N_OFF) || call->op->flags & TG_OP_ZERO_GRAD || !tg_dtype_is_float((tg_dtype)by->dtype)) continue;
        for (uint32_t i = 0; i < call->n_in; i++)
            if (in[i] == n && !(i < 32 && (call->op->nondiff >> i & 1))) return true;
    }
    return false;
}

bool tg_only_params_require(const tg_tape *t) { return !t->kept_require && t->leaf_gen != t->gen; }

static tg_status require(tg_node *n)
{
    if (!tg_dtype_is_float((tg_dtype)n->dtype))
        return tg_fail_on(n->tape, TG_ERR_DTYPE, "tg_set_requires_grad", "tensors of %s have no gradient; those of float32 and float64 have",
                          tg_dtype_name((tg_dtype)n->dtype));
    if (n->flags & TG_N_GRAD) return TG_OK;
    if (n->flags & TG_N_BUFFER)
        return tg_fail_on(n->tape, TG_ERR_GRAD, "tg_set_requires_grad", "a buffer gets no gradient; tg_param makes a parameter");
    if (used_without(n))
        return tg_fail_on(n->tape, TG_ERR_GRAD, "tg_set_requires_grad",
                          "the tensor was used in this recording already, by what no gradient comes back from any more; say it before that, or "
                          "after tg_reset");
    n->flags |= TG_N_GRAD | TG_N_LEAF;
    if (!(n->flags & TG_N_KEPT)) n->tape->leaf_gen = n->tape->gen;
    else if (!(n->flags & TG_N_PARAM)) n->tape->kept_require = true;
    return TG_OK;
}

static tg_status freeze(tg_node *n)
{
    if (n->flags & TG_N_GRAD && !tg_ends_here(n))
        return tg_fail_on(n->tape, TG_ERR_GRAD, "tg_set_requires_grad",
                          "the tensor is a result, which requires grad because of what it is computed from; tg_detach stops a gradient");
    n->flags = (uint16_t)((n->flags & ~(TG_N_GRAD | TG_N_LEAF)) | TG_N_FROZEN);
    return TG_OK;
}

tg_tensor *tg_set_requires_grad(tg_tensor *x, bool on)
{
    tg_node *n = tg_check(x, "tg_set_requires_grad");
    if (!n) return NULL;
    TG_CALL(n->tape);
    if (!tg_may(n->tape, TG_IN_FUNCTION, "tg_set_requires_grad")) return NULL;
    return (on ? require(n) : freeze(n)) == TG_OK ? x : NULL;
}

/* ---- old gradients ---------------------------------------------------------------------------------------------------- */

void tg_note_step(tg_tape *t)
{
    t->steps++;
    t->step_gen = t->gen;
    t->step_id = t->count;
}

tg_status tg_refuse_old(const tg_node *leaf, const char *function)
{
    char           text[TG_KEPT_TEXT];
    tg_tape       *t = leaf->tape;
    const tg_node  *g = tg_fresh_grad(leaf);
    const bool      kept = leaf->flags & TG_N_KEPT;
    tg_row_gradient rows;
    if (tg_is_by_rows(leaf) && tg_fresh_rows(leaf, &rows) ? rows.steps == t->steps
                                   : !g || (kept ? g->w.kept->steps == t->steps : t->step_gen != t->gen || g->id >= t->step_id))
        return TG_OK;
    return tg_fail_on(t, TG_ERR_GRAD, function,
                      "the gradient of %s is from before the latest tg_step, which did not use it, and would be added to; give gradients only to "
                      "what is updated (tg_minimize, tg_backward_into), forget them (tg_zero_grad), or freeze what is not to be trained "
                      "(tg_set_requires_grad(…, false))",
                      kept ? tg_kept_text(leaf, text) : "a leaf");
}
