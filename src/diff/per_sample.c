/* per_sample.c - the gradient of each sample's loss, its norm, and the sum of gradients that were clipped one by one.
 *
 * The loss of one sample and its gradients are recorded, and then vectorised: that are all gradients, one for each sample. Most of them are products,
 * of which less is enough to know what is asked. Of a linear layer a sample's gradient is x g^T:
 *
 *     its norm is                      |x| |g|
 *     a weighted sum over samples is   sum_i c_i x_i g_i^T = X^T (c G), the product that an ordinary backward has
 *
 * so that the gradients themselves, as large as the weights times the batch, are never computed. What makes a gradient known to be such a product
 * is looked up in the nodes of one sample, from its end on: products, and ops that only move their elements. What it does not know, it takes as
 * it is. (Goodfellow 2015, arXiv:1510.01799; for sequences Li et al. 2022, arXiv:2110.05679; without a second backward Bu et al. 2023,
 * arXiv:2210.00038.) */
#include "diff/vmap.h"
#include "ops/attributes.h"
#include "ops/batch.h"
#include "ops/ops.h"

#include <math.h>
#include <tapegrad/gradient.h>
#include <tapegrad/index.h>
#include <tapegrad/matrix.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/reduce.h>
#include <tapegrad/shape.h>

/* A call of one of the functions. */
typedef struct samples {
    tg_vmap_walk      w;
    tg_fn             loss;
    void             *ctx;
    tg_tensor *const *params;
    int               n_params;
    tg_tensor       **one; /* the loss of one sample, and the gradients behind it */
    tg_tensor        *weight; /* [B]: of the samples in a sum */
    bool             *wanted; /* of node k the weighted sum is */
    tg_tensor       **sum;    /* of what stands for node k, where it is wanted */
} samples;

/* ---- what stands for a node of one sample ---------------------------------------------------------------------------------- */

/* Input i of node k: its place, or TG_NOWHERE. */
static uint32_t input_of(const samples *s, uint32_t k, uint32_t i) { return s->w.graph.from[s->w.graph.first[k] + i]; }
static const tg_node *node_of(const samples *s, uint32_t k) { return s->w.graph.node[k]; }
static bool           is_batched(const samples *s, uint32_t k) { return k != TG_NOWHERE && s->w.batched[k]; }
static bool           both_batched(const samples *s, uint32_t k) { return is_batched(s, input_of(s, k, 0)) && is_batched(s, input_of(s, k, 1)); }
static tg_tensor     *now(const samples *s, uint32_t k) { return s->w.now[k]; }

/* Does it have the elements of its input, in the same or another order? */
static bool only_moves(const tg_op *op) { return op == &tg_op_reshape || op == &tg_op_permute || op == &tg_op_contiguous; }

static bool is_conv_dw(const tg_op *op) { return op == &tg_op_conv1d_dw || op == &tg_op_conv2d_dw || op == &tg_op_conv3d_dw; }

/* Is node k a product of matrices that every sample has its own of? */
static bool is_product(const samples *s, uint32_t k)
{
    const tg_node *n = node_of(s, k);
    return n->op == &tg_op_matmul && n->shape->rank == 2 && both_batched(s, k);
}

/* Is it a matrix that is more than a row or a column? Others have no more elements than the factors of which they are products. */
static bool is_large(const tg_node *n) { return n->shape->rank == 2 && n->shape->dim[0] > 1 && n->shape->dim[1] > 1; }

/* Is it one of a column [m,1] with a row [1,n], element by element? */
static bool is_outer(const samples *s, uint32_t k)
{
    const tg_node *n = node_of(s, k);
    if (n->op != &tg_op_mul || n->shape->rank != 2 || !both_batched(s, k)) return false;
    const tg_shape *a = tg_inputs(n)[0]->shape, *b = tg_inputs(n)[1]->shape;
    return a->rank == 2 && a->dim[1] == 1 && (b->rank == 1 || (b->rank == 2 && b->dim[0] == 1));
}

/* Is it zeros with slices added along the first axis, at places that every sample has its own of? */
static bool is_rows(const samples *s, uint32_t k)
{
    const tg_node *n = node_of(s, k);
    return n->op == &tg_op_index_add && ((const tg_select_attr *)tg_attr(n))->axis == 0 && both_batched(s, k);
}

/* [B,n,…] as [B n,…] */
static tg_tensor *joined(tg_tensor *x) { return tg_batch_join(x, 0); }

/* x [B,…] as a matrix, a row for each sample. */
static tg_tensor *rows_of(const samples *s, tg_tensor *x) { return tg_reshape(x, TG_SHAPE(s->w.size, tg_rank(x) ? tg_count_of(tg_shape_of(x), 1, tg_rank(x)) : 1)); }

/* ---- norms --------------------------------------------------------------------------------------------------------------------- */

static tg_tensor *norm_of(const samples *s, uint32_t k);

/* As doubles: products of products leave the range of float32 where norms do not, and what cancels out of them would leave its roundings. */
static tg_tensor *in_double(tg_tensor *x) { return x && tg_dtype_of(x) != TG_F64 ? tg_to(x, TG_F64) : x; }

/* The root of the sum of products of two [B,k,k] of doubles, which is not negative but for roundings. */
static tg_tensor *root_of_products(tg_tensor *a, tg_tensor *b, tg_dtype dtype)
{
    tg_tensor *sum = tg_sum(tg_mul(a, b), TG_AXES(1, 2), false);
    tg_tensor *root = tg_sqrt(tg_maximum(sum, tg_number_like(sum, 0, "tg_per_sample_grad")));
    return dtype == TG_F64 ? root : tg_to(root, dtype);
}

/* |A B|^2 = sum A^T A . B B^T: of few columns of A that is less than the product, even where doubles take twice as long. */
static tg_tensor *norm_of_product(const samples *s, uint32_t k)
{
    tg_tensor    *a = now(s, input_of(s, k, 0)), *b = now(s, input_of(s, k, 1));
    const int64_t m = tg_dim(a, 1), inner = tg_dim(a, 2), n = tg_dim(b, 2);
    if (!is_large(node_of(s, k))) return NULL;
    if (inner == 1) return tg_mul(norm_of(s, input_of(s, k, 0)), norm_of(s, input_of(s, k, 1)));
    const tg_dtype dtype = tg_dtype_of(a);
    if ((double)inner * ((double)m + (double)n) * (dtype == TG_F64 ? 1 : 2) >= (double)m * (double)n) return NULL;
    a = in_double(a), b = in_double(b);
    return root_of_products(tg_matmul(tg_mT(a), a), tg_matmul(b, tg_mT(b)), dtype);
}

/* Slices that are added at the same place are one: of few of them their products with each other are less than all places. */
static tg_tensor *norm_of_rows(const samples *s, uint32_t k)
{
    const tg_node *n = node_of(s, k);
    tg_tensor     *x = now(s, input_of(s, k, 0)), *index = tg_wrap_index(now(s, input_of(s, k, 1)), n->shape->dim[0]);
    const int64_t  count = tg_dim(x, 1);
    if (!index || (double)count >= (double)n->shape->dim[0]) return NULL;
    tg_tensor *flat = in_double(tg_reshape(x, TG_SHAPE(s->w.size, count, tg_count_of(n->shape, 1, n->shape->rank))));
    tg_tensor *same = tg_eq(tg_unsqueeze(index, 2), tg_unsqueeze(index, 1));
    return root_of_products(tg_matmul(flat, tg_mT(flat)), tg_to(same, TG_F64), tg_dtype_of(x));
}

/* The norm of what stands for node k, of each sample: [B]. NULL after an error. Factors of a large matrix are no larger than its half: the calls do not go deep. */
static tg_tensor *norm_of(const samples *s, uint32_t k)
{
    tg_tensor *norm = NULL;
    while (only_moves(node_of(s, k)->op) && is_batched(s, input_of(s, k, 0))) k = input_of(s, k, 0);
    if (is_large(node_of(s, k)) && is_outer(s, k)) return tg_mul(norm_of(s, input_of(s, k, 0)), norm_of(s, input_of(s, k, 1)));
    if (is_product(s, k)) norm = norm_of_product(s, k);
    if (is_rows(s, k)) norm = norm_of_rows(s, k);
    return norm ? norm : tg_norm(rows_of(s, now(s, k)), 2, TG_AXES(1), false);
}

/* What stands for the gradient of parameter i, where it is the same for all samples: what was recorded for one, unless it depends on an input that all
 * samples have in common. */
static tg_tensor *common_gradient(const samples *s, int i)
{
    const uint32_t k = s->w.graph.output[1 + i];
    return k == TG_NOWHERE ? s->one[1 + i] : now(s, k);
}

/* Of all gradients of each sample. Where these are of different types, in double. */
static tg_tensor *norms_of(const samples *s)
{
    tg_tensor **all = tg_value_room(s->w.tape, ((size_t)s->n_params + 1) * sizeof *all);
    bool        mixed = false;
    for (int i = 0; all && i < s->n_params; i++) {
        const uint32_t k = s->w.graph.output[1 + i];
        all[i] = is_batched(s, k) ? norm_of(s, k) : tg_expand(tg_norm(common_gradient(s, i), 2, TG_ALL_AXES, false), TG_SHAPE(s->w.size));
        if (!all[i]) return NULL;
        mixed = mixed || tg_dtype_of(all[i]) != tg_dtype_of(all[0]);
    }
    if (all && s->n_params == 0) return tg_full(s->w.tape, tg_dtype_of(s->one[0]), TG_SHAPE(s->w.size), 0);
    for (int i = 0; all && mixed && i < s->n_params; i++)
        if (!(all[i] = in_double(all[i]))) return NULL;
    return all ? tg_norm(tg_stack(all, s->n_params, 1), 2, TG_AXES(1), false) : NULL;
}

/* ---- weighted sums ----------------------------------------------------------------------------------------------------------------- */

/* The weights, as numbers of x's type. */
static tg_tensor *weight_for(const samples *s, tg_tensor *x)
{
    return x && tg_dtype_of(x) != tg_dtype_of(s->weight) ? tg_to(s->weight, tg_dtype_of(x)) : s->weight;
}

/* x [B,…] times the weights of its samples. */
static tg_tensor *weighted(const samples *s, tg_tensor *x)
{
    tg_shape each = {.rank = tg_rank(x), .dim = {s->w.size}};
    for (int k = 1; k < each.rank; k++) each.dim[k] = 1;
    return tg_mul(x, tg_reshape(weight_for(s, x), &each));
}

/* The product with all samples' columns of A side by side, and their rows of B one below the other. */
static tg_tensor *sum_of_products(const samples *s, uint32_t k)
{
    tg_tensor *a = joined(tg_mT(now(s, input_of(s, k, 0)))), *b = joined(weighted(s, now(s, input_of(s, k, 1))));
    return tg_matmul(tg_mT(a), b);
}

static tg_tensor *sum_of_outer(const samples *s, uint32_t k)
{
    tg_tensor *a = rows_of(s, now(s, input_of(s, k, 0))), *b = rows_of(s, now(s, input_of(s, k, 1)));
    return tg_matmul(tg_mT(a), weighted(s, b));
}

/* Samples are more of the batch over which the op sums, or more slices to be added. */
static tg_tensor *sum_by_op(const samples *s, uint32_t k)
{
    const tg_node *n = node_of(s, k);
    tg_tensor     *in[] = {joined(weighted(s, now(s, input_of(s, k, 0)))), joined(now(s, input_of(s, k, 1)))};
    return tg_record(n->op, in, 2, tg_attr(n), n->attr_size);
}

/* x, which is the same for all samples. */
static tg_tensor *sum_of_common(const samples *s, tg_tensor *x) { return tg_mul(x, tg_sum(weight_for(s, x), TG_AXES(0), false)); }

/* Is the sum one of the sums of its inputs, each of which has as many elements? */
static bool goes_through(const samples *s, uint32_t k)
{
    const tg_node  *n = node_of(s, k);
    tg_node *const *in = tg_inputs(n);
    if (!is_batched(s, k)) return false;
    return only_moves(n->op) || (n->op->flags & TG_OP_ADDITION && tg_same_sizes(in[0]->shape, n->shape) && tg_same_sizes(in[1]->shape, n->shape));
}

/* The sum of input i of node k, which goes through it. */
static tg_tensor *sum_of_input(const samples *s, uint32_t k, uint32_t i)
{
    const uint32_t from = input_of(s, k, i);
    return from == TG_NOWHERE ? sum_of_common(s, tg_handle_on(s->w.tape, tg_inputs(node_of(s, k))[i])) : s->sum[from];
}

/* sum_i weight_i x_i of what stands for node k, those before it are there. NULL after an error. */
static tg_tensor *sum_of(const samples *s, uint32_t k)
{
    const tg_node *n = node_of(s, k);
    if (!is_batched(s, k)) return sum_of_common(s, now(s, k));
    if (goes_through(s, k)) {
        tg_tensor *in[] = {sum_of_input(s, k, 0), n->n_in > 1 ? sum_of_input(s, k, 1) : NULL};
        return in[0] ? tg_record(n->op, in, (int)n->n_in, tg_attr(n), n->attr_size) : NULL;
    }
    if (is_outer(s, k)) return sum_of_outer(s, k);
    if (is_product(s, k)) return sum_of_products(s, k);
    if (is_rows(s, k) || (is_conv_dw(n->op) && both_batched(s, k))) return sum_by_op(s, k);
    return tg_sum(weighted(s, now(s, k)), TG_AXES(0), false);
}

/* The sums that the gradients need, each once, however many sums go through it: those of inputs before those of what reads them. */
static tg_status record_sums(samples *s)
{
    const size_t n = s->w.graph.n;
    if (!(s->wanted = tg_value_room(s->w.tape, (n + 1) * sizeof *s->wanted)) || !(s->sum = tg_value_room(s->w.tape, (n + 1) * sizeof *s->sum)))
        return TG_ERR_MEMORY;
    for (size_t k = 0; k < n; k++) s->wanted[k] = false;
    for (int i = 0; i < s->n_params; i++)
        if (s->w.graph.output[1 + i] != TG_NOWHERE) s->wanted[s->w.graph.output[1 + i]] = true;
    for (uint32_t k = (uint32_t)n; k-- > 0;)
        for (uint32_t i = 0; s->wanted[k] && goes_through(s, k) && i < node_of(s, k)->n_in; i++)
            if (input_of(s, k, i) != TG_NOWHERE) s->wanted[input_of(s, k, i)] = true;
    for (uint32_t k = 0; k < n; k++)
        if (s->wanted[k] && !(s->sum[k] = sum_of(s, k))) return tg_failure(s->w.tape, TG_ERR_MEMORY);
    return TG_OK;
}

/* ---- the public functions ------------------------------------------------------------------------------------------------------------ */

/* The loss of one sample, and its gradients. */
static tg_status one_sample(void *ctx, tg_tensor *const *in, tg_tensor **out)
{
    const samples *s = ctx;
    tg_tape       *t = s->w.tape;
    out[0] = s->loss(s->ctx, in);
    if (!out[0]) return tg_fail_on(t, TG_ERR_NULL, s->w.function, "the loss of one sample is NULL");
    if (s->n_params == 0) return TG_OK;
    return tg_grad(out, NULL, 1, s->params, s->n_params, false, out + 1);
}

static tg_status check_params(const samples *s)
{
    for (int i = 0; i < s->n_params; i++) {
        const tg_node *p = tg_check(s->params[i], s->w.function);
        if (!p) return s->params[i] ? TG_ERR_STALE : tg_fail_on(s->w.tape, TG_ERR_NULL, s->w.function, "parameter %d is NULL", i);
        if (p->tape != s->w.tape) return tg_fail_on(s->w.tape, TG_ERR_TAPE, s->w.function, "the tensors belong to different tapes");
    }
    return TG_OK;
}

/* Records the loss and the gradients of each sample. */
static tg_status begin(samples *s, tg_tensor *const *inputs, int n_inputs, const tg_per_sample_options *o)
{
    if (!tg_may(s->w.tape, TG_IN_FUNCTION, s->w.function)) return TG_ERR_ARG;
    tg_status status = check_params(s);
    s->one = status == TG_OK ? tg_value_room(s->w.tape, ((size_t)s->n_params + 1) * sizeof *s->one) : NULL;
    if (!s->one) return status == TG_OK ? TG_ERR_MEMORY : status;
    status = tg_vmap_call(&s->w, one_sample, s, inputs, n_inputs, o ? &o->vmap : NULL, s->one, 1 + s->n_params);
    if (status != TG_OK) return status;
    if (o && o->losses && !(*o->losses = tg_vmap_result(&s->w, s->one, 0))) return tg_failure(s->w.tape, TG_ERR_MEMORY);
    if (o && o->losses && !(*o->losses = tg_reshape_if(*o->losses, TG_SHAPE(s->w.size)))) return tg_failure(s->w.tape, TG_ERR_MEMORY);
    return TG_OK;
}

/* Nothing is left in the results of a call that failed. */
static tg_status end(tg_status status, const tg_per_sample_options *o, tg_tensor **grads, int n)
{
    if (status == TG_OK) return status;
    if (o && o->losses) *o->losses = NULL;
    if (o && o->norms) *o->norms = NULL;
    for (int i = 0; grads && i < n; i++) grads[i] = NULL;
    return status;
}

static tg_tape *tape_of(tg_tensor *const *x, int n) { return x && n > 0 ? tg_tape_of(x[0]) : NULL; }

static tg_status per_sample(samples *s, tg_tensor *const *inputs, int n_inputs, const tg_per_sample_options *o, tg_tensor **grads)
{
    tg_status status = begin(s, inputs, n_inputs, o);
    for (int i = 0; grads && i < s->n_params && status == TG_OK; i++)
        if (!(grads[i] = tg_vmap_result(&s->w, s->one, 1 + i))) status = tg_failure(s->w.tape, TG_ERR_MEMORY);
    if (status == TG_OK && o && o->norms && !(*o->norms = norms_of(s))) status = tg_failure(s->w.tape, TG_ERR_MEMORY);
    return status;
}

tg_status tg_per_sample_grad(tg_fn loss, void *ctx, tg_tensor *const *inputs, int n_inputs, tg_tensor *const *params, int n_params,
                             const tg_per_sample_options *options, tg_tensor **grads)
{
    tg_tape *t = tape_of(inputs, n_inputs);
    samples  s = {.w = {.function = "tg_per_sample_grad", .tape = t}, .loss = loss, .ctx = ctx, .params = params, .n_params = n_params};
    TG_CALL(t);
    if (!t || !loss || n_params < 0 || (n_params > 0 && !params)) return end(TG_ERR_NULL, options, grads, n_params);
    return end(per_sample(&s, inputs, n_inputs, options, grads), options, grads, n_params);
}

/* min(1, max_norm / norm) */
static tg_tensor *clip_weights(tg_tensor *norm, double max_norm, const char *function)
{
    if (norm && tg_dtype_of(norm) == TG_F32 && (float)max_norm == 0.0f) {
        tg_fail_on(tg_tape_of(norm), TG_ERR_ARG, function, "the largest norm is %g, which is 0 in float32", max_norm);
        return NULL;
    }
    tg_tensor *most = norm ? tg_number_like(norm, max_norm, function) : NULL;
    return most ? tg_minimum(tg_div(most, norm), tg_number_like(norm, 1, function)) : NULL;
}

static tg_status clipped_sum(samples *s, tg_tensor *const *inputs, int n_inputs, double max_norm, const tg_per_sample_options *o, tg_tensor **grads)
{
    tg_status status = begin(s, inputs, n_inputs, o);
    if (status != TG_OK) return status;
    tg_tensor *norm = norms_of(s);
    if (!(s->weight = clip_weights(norm, max_norm, s->w.function))) return tg_failure(s->w.tape, TG_ERR_MEMORY);
    if (o && o->norms) *o->norms = norm;
    status = record_sums(s);
    for (int i = 0; i < s->n_params && status == TG_OK; i++) {
        const uint32_t k = s->w.graph.output[1 + i];
        if (!(grads[i] = k == TG_NOWHERE ? sum_of_common(s, s->one[1 + i]) : s->sum[k])) status = tg_failure(s->w.tape, TG_ERR_MEMORY);
    }
    return status;
}

tg_status tg_clipped_sum_grad(tg_fn loss, void *ctx, tg_tensor *const *inputs, int n_inputs, tg_tensor *const *params, int n_params, double max_norm,
                              const tg_per_sample_options *options, tg_tensor **grads)
{
    tg_tape *t = tape_of(inputs, n_inputs);
    samples  s = {.w = {.function = "tg_clipped_sum_grad", .tape = t}, .loss = loss, .ctx = ctx, .params = params, .n_params = n_params};
    TG_CALL(t);
    if (!t || !loss || n_params < 1 || !params || !grads) return end(TG_ERR_NULL, options, grads, n_params);
    if (!(max_norm > 0 && isfinite(max_norm)))
        return end(tg_fail_on(t, TG_ERR_ARG, s.w.function, "the largest norm is %g; it must be finite and more than 0", max_norm), options, grads, n_params);
    return end(clipped_sum(&s, inputs, n_inputs, max_norm, options, grads), options, grads, n_params);
}
