/* attention.c - attention: checks, the choice between the op and other ops, and what is made of these. */
#include "ops/sequence/attention.h"
#include "tensor/fpenv.h"

#include <math.h>
#include <tapegrad/matrix.h>
#include <tapegrad/nn.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/random.h>
#include <tapegrad/reduce.h>
#include <tapegrad/sequence.h>
#include <tapegrad/shape.h>

/* ---- checks ----------------------------------------------------------------------------------------------------- */

/* Are q […,L,E], k […,S,E] and v […,S,V] there, of one dtype? Whether the leading axes broadcast, the products say. */
static bool are_attended(tg_tensor *q, tg_tensor *k, tg_tensor *v, const char *function)
{
    if (!tg_needs_float(q, function) || !tg_needs_float(k, function) || !tg_needs_float(v, function)) return false;
    const tg_node *a = tg_node_of(q), *b = tg_node_of(k), *c = tg_node_of(v);
    char           first[TG_SHAPE_TEXT], second[TG_SHAPE_TEXT], third[TG_SHAPE_TEXT];
    const bool     ranked = a->shape->rank >= 2 && b->shape->rank >= 2 && c->shape->rank >= 2;
    if (ranked && tg_dim(q, -1) == tg_dim(k, -1) && tg_dim(k, -2) == tg_dim(v, -2) && a->dtype == b->dtype && b->dtype == c->dtype) return true;
    if (a->dtype != b->dtype || b->dtype != c->dtype)
        tg_fail_on(a->tape, TG_ERR_DTYPE, function, "the dtypes differ: %s, %s and %s; tg_to converts them", tg_dtype_name((tg_dtype)a->dtype),
                   tg_dtype_name((tg_dtype)b->dtype), tg_dtype_name((tg_dtype)c->dtype));
    else
        tg_fail_on(a->tape, TG_ERR_SHAPE, function, "takes queries […,L,E], keys […,S,E] and values […,S,V], not %s, %s and %s",
                   tg_shape_text(a->shape, first, sizeof first), tg_shape_text(b->shape, second, sizeof second),
                   tg_shape_text(c->shape, third, sizeof third));
    return false;
}

/* Does a mask, which may be NULL, fit to the scores of all leading axes? Whether these broadcast, the products say. */
static bool does_mask_fit(tg_tensor *mask, tg_tensor *const qkv[TG_ATTENTION_INPUTS], const char *function)
{
    tg_shape scores;
    char     text[TG_SHAPE_TEXT], want[TG_SHAPE_TEXT];
    if (!mask) return true;
    if (!tg_check(mask, function) || !tg_needs_one_tape(tg_node_of(qkv[0]), tg_node_of(mask), function)) return false;
    tg_tape       *tape = tg_tape_of(mask);
    const tg_dtype dtype = tg_dtype_of(mask);
    if (dtype != TG_BOOL && dtype != tg_dtype_of(qkv[0]))
        return tg_fail_on(tape, TG_ERR_DTYPE, function, "the mask is bool or of the queries' %s, not %s", tg_dtype_name(tg_dtype_of(qkv[0])),
                          tg_dtype_name(dtype)), false;
    if (tg_attention_lead(qkv, TG_ATTENTION_INPUTS, &scores) != TG_OK) return true;
    scores.dim[scores.rank++] = tg_dim(qkv[0], -2);
    scores.dim[scores.rank++] = tg_dim(qkv[1], -2);
    if (tg_broadcasts_to(tg_shape_of(mask), &scores)) return true;
    return tg_fail_on(tape, TG_ERR_SHAPE, function, "the mask is %s; it must broadcast to the scores %s", tg_shape_text(tg_shape_of(mask), text, sizeof text),
                      tg_shape_text(&scores, want, sizeof want)), false;
}

/* ---- made of other ops ------------------------------------------------------------------------------------------------- */

/* What a query may not see has the score -inf. */
static tg_tensor *hidden(tg_tensor *scores, tg_tensor *seen)
{
    return tg_where(seen, scores, tg_number_like(scores, (double)-INFINITY, "tg_scaled_dot_product_attention"));
}

static tg_tensor *masked(tg_tensor *scores, tg_tensor *mask)
{
    return mask && tg_dtype_of(mask) == TG_BOOL ? hidden(scores, mask) : tg_add(scores, mask);
}

/* true where column <= row: [rows, cols] */
static tg_tensor *lower(tg_tape *tape, int64_t rows, int64_t cols)
{
    return tg_le(tg_arange(tape, TG_I64, cols), tg_reshape(tg_arange(tape, TG_I64, rows), TG_SHAPE(rows, 1)));
}

/* The scale goes to the queries, which are fewer numbers than the scores. */
tg_tensor *tg_attention_scores(tg_tensor *q, tg_tensor *k, tg_tensor *mask, const tg_attention_attr *a)
{
    tg_tensor *scores = tg_matmul(tg_mul_s(q, a->scale), tg_mT(k));
    if (a->masked) scores = masked(scores, mask);
    return a->causal ? hidden(scores, lower(tg_tape_of(q), tg_dim(q, -2), tg_dim(k, -2))) : scores;
}

tg_tensor *tg_attention_dropped(tg_tensor *x, tg_tensor *key, const tg_attention_attr *a)
{
    if (a->dropout == 0) return x;
    tg_tensor *kept = x ? tg_keyed_bernoulli(key, tg_shape_of(x), 1 - a->dropout) : NULL;
    return tg_where(kept, tg_mul_s(x, tg_attention_growth(a)), tg_number_like(x, 0, "tg_scaled_dot_product_attention"));
}

/* softmax gives zeros for a row of which nothing is seen. */
tg_tensor *tg_attention_of_ops(tg_tensor *const qkv[TG_ATTENTION_INPUTS], tg_tensor *mask, tg_tensor *key, const tg_attention_attr *a)
{
    tg_tensor *weights = tg_softmax(tg_attention_scores(qkv[0], qkv[1], mask, a), -1);
    return tg_matmul(tg_attention_dropped(weights, key, a), qkv[2]);
}

/* ---- the choice ------------------------------------------------------------------------------------------------------ */

/* Is the op to be used? It has no gradient for a mask. It computes the weights again for the gradients, a sixth more in products, which pays where they would not stay in
 * the caches, or where half of them are never computed: from 256 x 256 on when causal, else from 4 Mi weights on. In a step on one core with
 * AVX-512, 4 heads of 1024 x 1024, E = 64: 12.2 ms and 25 MB causal, 19.5 ms without, by other ops 17.8 ms and 50 MB, 16.9 ms without. */
static bool serves(tg_tensor *const qkv[TG_ATTENTION_INPUTS], tg_tensor *mask, bool causal)
{
    const double fewest = causal ? 256 * 256 : 4 << 20;
    tg_shape     lead;
    if (tg_attention_lead(qkv, TG_ATTENTION_INPUTS, &lead) != TG_OK) return false;
    double count = (double)tg_dim(qkv[0], -2) * (double)tg_dim(qkv[1], -2);
    for (int k = 0; k < lead.rank && !causal; k++) count *= (double)lead.dim[k];
    return count >= fewest && !(mask && tg_requires_grad(mask));
}

static tg_tensor *attend(tg_tensor *const qkv[TG_ATTENTION_INPUTS], const tg_attention_options *o)
{
    const int64_t           width = tg_dim(qkv[0], -1);
    const tg_attention_attr a = {.scale   = o->scale != 0 ? o->scale : 1 / sqrt(width > 0 ? (double)width : 1),
                                 .dropout = o->dropout != 0 ? o->dropout : 0, /* TG_ZERO is one of the zeros, too */
                                 .causal  = o->causal,
                                 .masked  = o->mask != NULL};
    tg_tensor              *key = a.dropout != 0 ? tg_randint(tg_tape_of(qkv[0]), TG_SCALAR_SHAPE, 0, INT64_MAX) : NULL;
    return (serves(qkv, o->mask, o->causal) ? tg_attention : tg_attention_of_ops)(qkv, o->mask, key, &a);
}

tg_tensor *tg_scaled_dot_product_attention(tg_tensor *q, tg_tensor *k, tg_tensor *v, const tg_attention_options *options)
{
    static const char *const    function = "tg_scaled_dot_product_attention";
    const tg_attention_options o        = options ? *options : (tg_attention_options){.scale = 0};
    if (!are_attended(q, k, v, function)) return NULL;
    tg_tape *tape = tg_tape_of(q);
    if (!does_mask_fit(o.mask, (tg_tensor *[]){q, k, v}, function)) return NULL;
    if (!isfinite(o.scale)) return tg_fail_on(tape, TG_ERR_ARG, function, "the scale is %g; it must be finite", o.scale), NULL;
    if (!(o.dropout >= 0 && o.dropout <= 1)) return tg_fail_on(tape, TG_ERR_ARG, function, "the dropout is %g, not in 0 to 1", o.dropout), NULL;
    TG_CALL(tape);
    const tg_fpenv host = tg_fpenv_enter();
    tg_tensor     *y    = attend((tg_tensor *[]){q, k, v}, &o);
    tg_fpenv_leave(host);
    return y;
}
