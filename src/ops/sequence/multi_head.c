/* multi_head.c - attention by several heads, made of other ops. Where queries, keys and values are projected from one tensor by one weight, that is one
 * product. */
#include "ops/ops.h"

#include <math.h>
#include <tapegrad/matrix.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/sequence.h>
#include <tapegrad/shape.h>

static const char *const function = "tg_multi_head_attention";

enum { PARTS = 3 }; /* queries, keys, values */

/* ---- checks ----------------------------------------------------------------------------------------------------------- */

/* Are there three inputs of one dtype, […,L,E], […,S,any] and […,S,any], with the same leading axes? */
static bool are_inputs(tg_tensor *const x[PARTS])
{
    const tg_node *n[PARTS];
    char           text[PARTS][TG_SHAPE_TEXT];
    for (int i = 0; i < PARTS; i++) {
        if (!tg_needs_float(x[i], function)) return false;
        n[i] = tg_node_of(x[i]);
        if (!tg_needs_one_tape(n[0], n[i], function) || !tg_needs_one_dtype(n[0], n[i], function)) return false;
    }
    const int r = n[0]->shape->rank;
    bool      fit = r >= 2 && r < TG_MAX_RANK && n[1]->shape->rank == r && n[2]->shape->rank == r;
    for (int k = 0; fit && k < r - 1; k++)
        fit = n[1]->shape->dim[k] == n[2]->shape->dim[k] && (k == r - 2 || n[0]->shape->dim[k] == n[1]->shape->dim[k]);
    if (!fit)
        tg_fail_on(n[0]->tape, TG_ERR_SHAPE, function, "takes queries […,L,E], keys […,S,any] and values […,S,any] of at most %d axes, not %s, %s and %s",
                   TG_MAX_RANK - 1, tg_shape_text(n[0]->shape, text[0], TG_SHAPE_TEXT), tg_shape_text(n[1]->shape, text[1], TG_SHAPE_TEXT),
                   tg_shape_text(n[2]->shape, text[2], TG_SHAPE_TEXT));
    return fit;
}

static bool is_weight(const tg_node *x, tg_tensor *t, const char *name, int64_t rows, int64_t cols)
{
    if (!t) tg_fail_on(x->tape, TG_ERR_NULL, function, "%s is NULL", name);
    return tg_needs_shape(x, t, function, name, TG_SHAPE(rows, cols));
}

static bool do_weights_fit(tg_tensor *const x[PARTS], const tg_multi_head_weights *w)
{
    static const char *const names[PARTS] = {"the queries' weight", "the keys' weight", "the values' weight"};
    const tg_node *n = tg_node_of(x[0]);
    if (!w) return tg_fail_on(n->tape, TG_ERR_NULL, function, "the weights are NULL"), false;
    tg_tensor *const each[PARTS] = {w->q, w->k, w->v};
    const int64_t    width = tg_dim(x[0], -1);
    int64_t          rows;
    if (__builtin_mul_overflow(width, PARTS, &rows)) rows = -1;
    if (w->in && (w->q || w->k || w->v))
        return tg_fail_on(n->tape, TG_ERR_ARG, function, "there are weights for all projections and for single ones; one of both must be NULL"), false;
    for (int i = 0; i < PARTS; i++) {
        if (w->in ? tg_dim(x[i], -1) == width : is_weight(n, each[i], names[i], width, tg_dim(x[i], -1))) continue;
        if (w->in)
            tg_fail_on(n->tape, TG_ERR_SHAPE, function, "one weight projects vectors of one width, not %lld and %lld; give weights q, k and v instead",
                       (long long)width, (long long)tg_dim(x[i], -1));
        return false;
    }
    return (!w->in || is_weight(n, w->in, "the input weight", rows, width)) && is_weight(n, w->out, "the output weight", width, width) &&
           (!w->in_bias || tg_needs_shape(n, w->in_bias, function, "the input bias", TG_SHAPE(rows))) &&
           (!w->out_bias || tg_needs_shape(n, w->out_bias, function, "the output bias", TG_SHAPE(width)));
}

/* What of the options the attention itself does not check. */
static bool are_options(tg_tensor *const x[PARTS], const tg_multi_head_options *o)
{
    const tg_node *n = tg_node_of(x[0]), *m = o->key_mask ? tg_check(o->key_mask, function) : NULL;
    const int64_t  width = tg_dim(x[0], -1);
    tg_shape       keys = *tg_shape_of(x[1]);
    char           text[TG_SHAPE_TEXT], want[TG_SHAPE_TEXT];
    keys.rank--;
    if (o->heads < 1 || width % o->heads)
        return tg_fail_on(n->tape, TG_ERR_ARG, function, "there are %lld heads; they must divide the width of %lld", (long long)o->heads, (long long)width), false;
    if (o->mask && !tg_check(o->mask, function)) return false;
    if (!o->key_mask) return true;
    if (!m || !tg_needs_one_tape(n, m, function)) return false;
    if (m->dtype == TG_BOOL && tg_shape_equal(m->shape, &keys)) return true;
    tg_fail_on(n->tape, m->dtype == TG_BOOL ? TG_ERR_SHAPE : TG_ERR_DTYPE, function, "the mask of keys is bool %s, not %s %s",
               tg_shape_text(&keys, want, sizeof want), tg_dtype_name((tg_dtype)m->dtype), tg_shape_text(m->shape, text, sizeof text));
    return false;
}

/* ---- projections -------------------------------------------------------------------------------------------------------- */

/* Rows of the weights for all projections, or elements of their bias; NULL for NULL. */
static tg_tensor *part_of(tg_tensor *t, int i, int64_t width) { return t ? tg_slice_if(t, 0, i * width, (i + 1) * width, 1) : NULL; }

static void project(tg_tensor *const x[PARTS], const tg_multi_head_weights *w, tg_tensor *y[PARTS])
{
    const int64_t width = tg_dim(x[0], -1);
    if (w->in && x[0] == x[1] && x[1] == x[2]) {
        tg_tensor *all = tg_linear(x[0], tg_mT(w->in), w->in_bias);
        for (int i = 0; i < PARTS; i++) y[i] = tg_slice_if(all, -1, i * width, (i + 1) * width, 1);
        return;
    }
    tg_tensor *const each[PARTS] = {w->q, w->k, w->v};
    for (int i = 0; i < PARTS; i++) y[i] = tg_linear(x[i], tg_mT(w->in ? part_of(w->in, i, width) : each[i]), part_of(w->in_bias, i, width));
}

/* […,T,E] as […,heads,T,E/heads], and back. */
static tg_tensor *cut(tg_tensor *x, int64_t heads)
{
    if (!x) return NULL;
    tg_shape s = *tg_shape_of(x);
    s.dim[s.rank] = s.dim[s.rank - 1] / heads;
    s.dim[s.rank - 1] = heads;
    s.rank++;
    return tg_transpose(tg_reshape(x, &s), -3, -2);
}
static tg_tensor *joined(tg_tensor *x, const tg_shape *s) { return tg_reshape(tg_transpose(x, -3, -2), s); }

/* The masks as one. */
static tg_tensor *mask_of(const tg_multi_head_options *o)
{
    if (!o->key_mask) return o->mask;
    tg_tensor *keys = tg_unsqueeze(tg_unsqueeze(o->key_mask, -2), -2);
    if (!o->mask) return keys;
    return tg_dtype_of(o->mask) == TG_BOOL ? tg_logical_and(o->mask, keys) : tg_where(keys, o->mask, tg_number_like(o->mask, (double)-INFINITY, function));
}

tg_tensor *tg_multi_head_attention(tg_tensor *q, tg_tensor *k, tg_tensor *v, const tg_multi_head_weights *w, const tg_multi_head_options *options)
{
    tg_multi_head_options o = options ? *options : (tg_multi_head_options){.heads = 0};
    tg_tensor *const      x[PARTS] = {q, k, v};
    tg_tensor            *y[PARTS];
    if (o.heads == 0) o.heads = 1;
    if (!are_inputs(x) || !do_weights_fit(x, w) || !are_options(x, &o)) return NULL;
    TG_CALL(tg_tape_of(q));
    project(x, w, y);
    for (int i = 0; i < PARTS; i++) y[i] = cut(y[i], o.heads);
    const tg_attention_options attention = {.mask = mask_of(&o), .causal = o.causal, .dropout = o.dropout};
    if (o.key_mask && !attention.mask) return NULL; /* after an error: without it all keys would count */
    tg_tensor *heads = tg_scaled_dot_product_attention(y[0], y[1], y[2], &attention);
    return tg_linear(joined(heads, tg_shape_of(q)), tg_mT(w->out), w->out_bias);
}
