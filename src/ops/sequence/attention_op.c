/* attention_op.c - attention as one op, which keeps of its [L,S] weights the logarithm of each row's sum alone; and its gradients as one op,
 * which computes the weights again. The rule of that one, for second derivatives, is made of other ops, with all weights in memory. */
#include "ops/batch.h"
#include "ops/sequence/attention.h"

#include <string.h>
#include <tapegrad/matrix.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/reduce.h>
#include <tapegrad/shape.h>

/* ---- shapes ---------------------------------------------------------------------------------------------------------- */

tg_status tg_attention_lead(tg_tensor *const *in, int n, tg_shape *lead)
{
    *lead = (tg_shape){.rank = 0};
    for (int i = 0; i < n; i++) {
        tg_shape s = *tg_shape_of(in[i]);
        s.rank = s.rank < 2 ? 0 : s.rank - 2;
        if (tg_shape_broadcast(lead, &s, lead) != TG_OK) return TG_ERR_SHAPE;
    }
    return TG_OK;
}

static tg_shape with_axes(const tg_shape *lead, int64_t rows, int64_t cols)
{
    tg_shape s = *lead;
    s.dim[s.rank++] = rows;
    s.dim[s.rank++] = cols;
    return s;
}

static tg_tensor *mask_of(const tg_call *c, int inputs) { return ((const tg_attention_attr *)c->attr)->masked ? c->in[inputs] : NULL; }
static tg_tensor *key_of(const tg_call *c, int inputs)
{
    const tg_attention_attr *a = c->attr;
    return a->dropout != 0 ? c->in[inputs + (int)a->masked] : NULL;
}

/* The leading axes, and the rank-2 sizes; what stands behind the first `inputs` of them is checked, too. */
static tg_status attended(tg_call *c, int inputs, tg_shape *lead, int64_t size[4])
{
    const tg_attention_attr *a = c->attr;
    const tg_shape          *q = tg_in_shape(c, 0), *k = tg_in_shape(c, 1), *v = tg_in_shape(c, 2);
    c->dtype = tg_dtype_of(c->in[0]);
    if (c->n_in != inputs + (int)a->masked + (a->dropout != 0)) return tg_fail(c, TG_ERR_ARG, "has %d inputs", c->n_in);
    for (int i = 0; i < inputs; i++)
        if (!tg_dtype_is_float(c->dtype) || tg_dtype_of(c->in[i]) != c->dtype) return tg_fail(c, TG_ERR_DTYPE, "takes float32 or float64, all of one dtype");
    if (q->rank < 2 || k->rank < 2 || v->rank < 2 || tg_attention_lead(c->in, TG_ATTENTION_INPUTS, lead) != TG_OK)
        return tg_fail(c, TG_ERR_SHAPE, "takes queries […,L,E], keys […,S,E] and values […,S,V] whose leading axes broadcast");
    size[0] = q->dim[q->rank - 2], size[1] = k->dim[k->rank - 2], size[2] = q->dim[q->rank - 1], size[3] = v->dim[v->rank - 1];
    if (k->dim[k->rank - 1] != size[2] || v->dim[v->rank - 2] != size[1]) return tg_fail(c, TG_ERR_SHAPE, "queries, keys and values don't fit together");
    const tg_shape scores = with_axes(lead, size[0], size[1]);
    tg_tensor     *mask = mask_of(c, inputs), *key = key_of(c, inputs);
    if (mask && ((tg_dtype_of(mask) != TG_BOOL && tg_dtype_of(mask) != c->dtype) || !tg_broadcasts_to(tg_shape_of(mask), &scores)))
        return tg_fail(c, TG_ERR_SHAPE, "takes a mask of bool or of the queries' dtype that broadcasts to the scores");
    if (key && (tg_dtype_of(key) != TG_I64 || tg_shape_of(key)->rank != 0)) return tg_fail(c, TG_ERR_ARG, "takes an int64 scalar as dropout's key");
    return TG_OK;
}

/* ---- attention: results […,L,V], and twice […,L]: the logarithms of the rows' sums, 0 of a row that sees nothing; and what these lack --------
 * The logarithm of a row whose scores are far from 0, hidden by -1e9 instead of -inf, is as large as they are, and the count of its elements gets
 * lost in rounding it. So that part is a number of its own. It has no gradient: the one that is rounded has all of it. */

static tg_status attention_infer(tg_call *c)
{
    tg_shape        lead;
    int64_t         size[4] = {0};
    const tg_status s = attended(c, TG_ATTENTION_INPUTS, &lead, size);
    if (s != TG_OK) return s;
    c->shape = with_axes(&lead, size[0], size[3]);
    c->result[1].shape = with_axes(&lead, size[0], 1);
    c->result[1].shape.rank--;
    c->result[2].shape = c->result[1].shape;
    c->result[1].dtype = c->result[2].dtype = c->dtype;
    return TG_OK;
}

/* g · y of each row, less what arrived at the row's logarithm. */
static tg_tensor *delta_of(const tg_call *c, tg_tensor *g)
{
    tg_tensor *to_lse = c->result[1].g, *delta = g ? tg_sum(tg_mul_zero(g, c->out), TG_AXES(-1), false) : NULL;
    return g && to_lse ? tg_sub(delta, to_lse) : g ? delta : tg_neg(to_lse);
}

/* All three are results of one call. */
static tg_tensor *attention_vjp(const tg_call *c, int i, tg_tensor *g)
{
    if (!g && !c->result[1].g) return tg_zeros_like(c->in[i]);
    if (!*c->shared) {
        tg_tensor *delta = delta_of(c, g);
        tg_tensor *in[TG_ATTENTION_GRAD_INPUTS + 2] = {c->in[0], c->in[1], c->in[2], c->result[1].out, delta, g ? g : tg_zeros_like(c->out), c->result[2].out};
        const int  others = c->n_in - TG_ATTENTION_INPUTS;
        for (int k = 0; k < others; k++) in[TG_ATTENTION_GRAD_INPUTS + k] = c->in[TG_ATTENTION_INPUTS + k];
        *c->shared = tg_record(&tg_op_attention_grad, in, TG_ATTENTION_GRAD_INPUTS + others, c->attr, c->attr_size);
    }
    return tg_result(*c->shared, i);
}

/* The queries for a batch, with axes of size 1 behind the batch's, so that the sample's part has this rank. */
static tg_tensor *batch_queries(const tg_batch_call *b, int rank)
{
    const tg_shape *q = tg_shape_of(b->one->in[0]);
    tg_shape        s = {.rank = 1 + rank, .dim = {b->size}};
    for (int k = 0; k < rank; k++) s.dim[1 + k] = k < rank - q->rank ? 1 : q->dim[k - (rank - q->rank)];
    return b->batched[0] ? tg_batch_aligned(b, 0, rank) : tg_expand(b->in[0], &s);
}

/* Of both ops: leading axes broadcast, and the queries see to it that there are all; what has a number for each row of the result has all of them
 * by itself. A key that is the same for all samples means the same numbers for each. */
static tg_tensor *attention_batch(const tg_batch_call *b)
{
    tg_tensor *in[TG_ATTENTION_GRAD_INPUTS + 2];
    const bool drops = ((const tg_attention_attr *)b->one->attr)->dropout != 0;
    const int  rank = tg_rank(b->one->out), n = b->one->n_in, key = drops ? n - 1 : n;
    const int  inputs = b->one->op == &tg_op_attention ? TG_ATTENTION_INPUTS : TG_ATTENTION_GRAD_INPUTS;
    if (drops && !b->batched[key]) return tg_batch_each(b);
    in[0] = batch_queries(b, rank);
    for (int i = 1; i < key; i++) in[i] = i < TG_ATTENTION_INPUTS || i >= inputs ? tg_batch_aligned(b, i, rank) : tg_batch_input(b, i);
    if (drops) in[key] = tg_batch_key(b, key);
    return tg_batch_record(b, in, b->one->attr, b->one->attr_size);
}

const tg_op tg_op_attention = {.name    = "attention",
                               .arity   = TG_ANY_ARITY,
                               .results = 3,
                               .nondiff = 8 | 16,
                               .flags   = TG_OP_STRIDED,
                               .infer   = attention_infer,
                               .run     = tg_attention_run,
                               .vjp     = attention_vjp,
                               .batch   = attention_batch};

tg_tensor *tg_attention(tg_tensor *const qkv[TG_ATTENTION_INPUTS], tg_tensor *mask, tg_tensor *key, const tg_attention_attr *a)
{
    tg_tensor *in[TG_ATTENTION_INPUTS + 2] = {qkv[0], qkv[1], qkv[2]};
    int        n = TG_ATTENTION_INPUTS;
    if (mask) in[n++] = mask;
    if (a->dropout != 0) in[n++] = key;
    return tg_record(&tg_op_attention, in, n, a, sizeof *a);
}

/* ---- its gradients: results dq […,L,E], dk […,S,E], dv […,S,V], with all leading axes ------------------------------------ */

static tg_status attention_grad_infer(tg_call *c)
{
    tg_shape  lead;
    int64_t   size[4] = {0};
    tg_status s = attended(c, TG_ATTENTION_GRAD_INPUTS, &lead, size);
    if (s != TG_OK) return s;
    const tg_shape y = with_axes(&lead, size[0], size[3]);
    tg_shape       row = y;
    row.rank--;
    if (!tg_shape_equal(tg_in_shape(c, 3), &row) || !tg_shape_equal(tg_in_shape(c, 4), &row) || !tg_shape_equal(tg_in_shape(c, TG_ATTENTION_REST), &row) ||
        !tg_shape_equal(tg_in_shape(c, 5), &y))
        return tg_fail(c, TG_ERR_SHAPE, "takes a logarithm, what it lacks and a sum for each row of the result, and its gradient");
    c->shape = with_axes(&lead, size[0], size[2]);
    c->result[1].shape = with_axes(&lead, size[1], size[2]);
    c->result[2].shape = with_axes(&lead, size[1], size[3]);
    c->result[1].dtype = c->result[2].dtype = c->dtype;
    return TG_OK;
}

/* [L,S] matrices that the rules of several inputs have in common: room in `shared`. */
enum { KEPT_WEIGHTS, SLOPES, TO_SCORES, TO_DELTA, TO_PRODUCT };

static tg_tensor *product_with(tg_tensor *a, tg_tensor *b) { return tg_matmul(a, tg_mT(b)); }

/* The sum of those that are there; no other one may be NULL but after an error. */
static tg_tensor *added(bool one, tg_tensor *x, bool other, tg_tensor *y) { return one && other ? tg_add(x, y) : one ? x : y; }

/* The results were dq = s S k, dk = s S^T q, dv = (P M)^T g, where S = P D, D = g v^T M - delta and P = e^(scores - lse - rest). Of the gradients a, b, e
 * that arrived at these, NULL where none did, S gets W = s (a k^T + q b^T); then
 *     D gets W P      P gets W D + g e^T M      the scores get what P gets, times P      g v^T gets W P M
 * D is 0 where nothing is used: W D and W P are 0 there, whatever W and P are. */
static void share(const tg_call *c, tg_tensor *a, tg_tensor *b, tg_tensor *e, tg_tensor **to)
{
    const tg_attention_attr *attr = c->attr;
    tg_tensor *q = c->in[0], *k = c->in[1], *v = c->in[2], *g = c->in[5], *key = key_of(c, TG_ATTENTION_GRAD_INPUTS), *w = NULL;
    tg_tensor *scores = tg_attention_scores(q, k, mask_of(c, TG_ATTENTION_GRAD_INPUTS), attr);
    tg_tensor *weights = tg_exp(tg_sub(tg_sub(scores, tg_unsqueeze(c->in[3], -1)), tg_unsqueeze(c->in[TG_ATTENTION_REST], -1)));
    tg_tensor *d = tg_sub(tg_attention_dropped(product_with(g, v), key, attr), tg_unsqueeze(c->in[4], -1));
    if (e) to[KEPT_WEIGHTS] = tg_attention_dropped(weights, key, attr);
    if (a || b) {
        to[SLOPES] = tg_mul_zero(d, weights);
        w = tg_mul_s(added(a, a ? product_with(a, k) : NULL, b, b ? product_with(q, b) : NULL), attr->scale);
        to[TO_DELTA] = tg_guard_zero(tg_mul_zero(w, weights), weights, d);
        to[TO_PRODUCT] = tg_attention_dropped(to[TO_DELTA], key, attr);
        w = tg_mul_both(w, d);
    }
    to[TO_SCORES] = tg_mul_zero(added(a || b, w, e, e ? tg_attention_dropped(product_with(g, e), key, attr) : NULL), weights);
}

static tg_tensor *less_row_sums(tg_tensor *x) { return tg_neg(tg_sum(x, TG_AXES(-1), false)); }

static tg_tensor *attention_grad_vjp(const tg_call *c, int i, tg_tensor *a)
{
    const double scale = ((const tg_attention_attr *)c->attr)->scale;
    tg_tensor   *b = c->result[1].g, *e = c->result[2].g, **x = c->shared;
    const bool   reaches_slopes = a || b;
    if (!x[TO_SCORES]) share(c, a, b, e, x);
    switch (i) {
    case 0: return tg_mul_s(added(true, tg_matmul(x[TO_SCORES], c->in[1]), b, b ? tg_matmul(x[SLOPES], b) : NULL), scale);
    case 1: return tg_mul_s(added(true, tg_matmul(tg_mT(x[TO_SCORES]), c->in[0]), a, a ? tg_matmul(tg_mT(x[SLOPES]), a) : NULL), scale);
    case 2: return reaches_slopes ? tg_matmul(tg_mT(x[TO_PRODUCT]), c->in[5]) : tg_zeros_like(c->in[2]);
    case 3: return less_row_sums(x[TO_SCORES]);
    case 4: return reaches_slopes ? less_row_sums(x[TO_DELTA]) : tg_zeros_like(c->in[4]);
    default:
        return added(reaches_slopes, reaches_slopes ? tg_matmul(x[TO_PRODUCT], c->in[2]) : NULL, e, e ? tg_matmul(x[KEPT_WEIGHTS], e) : NULL);
    }
}

const tg_op tg_op_attention_grad = {.name    = "attention_grad",
                                    .arity   = TG_ANY_ARITY,
                                    .results = 3,
                                    .nondiff = 64 | 128 | 256,
                                    .flags   = TG_OP_STRIDED,
                                    .infer   = attention_grad_infer,
                                    .run     = tg_attention_grad_run,
                                    .vjp     = attention_grad_vjp,
                                    .batch   = attention_batch};
