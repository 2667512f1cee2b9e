/* ops.h - what the files of src/ops share: declarations of all ops, and the list of them that the registry is made of. */
#ifndef TG_OPS_H
#define TG_OPS_H

#include "graph/graph.h"

#include <tapegrad/reduce.h>
#include <tapegrad/tensor.h>

#include "ops/attributes.h"

/* ---- pointwise: declared from their rows -------------------------------------------------------------------------- */

#define TG_DECLARE1_(NAME) \
    extern const tg_op tg_op_##NAME; \
    tg_tensor         *tg_##NAME(tg_tensor *x);
#define TG_DECLARE2_(NAME) \
    extern const tg_op tg_op_##NAME; \
    tg_tensor         *tg_##NAME(tg_tensor *x, tg_tensor *y);
#define TG_DECLARE3_(NAME) \
    extern const tg_op tg_op_##NAME; \
    tg_tensor         *tg_##NAME(tg_tensor *x, tg_tensor *y, tg_tensor *z);

#define UNARY(NAME, ...)   TG_DECLARE1_(NAME)
#define FLAT(NAME, ...)    TG_DECLARE1_(NAME)
#define TEST(NAME, ...)    TG_DECLARE1_(NAME)
#define LOGICAL(NAME, ...) TG_DECLARE1_(NAME)
#define BINARY(NAME, ...)  TG_DECLARE2_(NAME)
#define COMPARE(NAME, ...) TG_DECLARE2_(NAME)
#define SLOPE(NAME, ...)   TG_DECLARE2_(NAME)
#define QUOTIENT(NAME, ...) TG_DECLARE2_(NAME)
#define SCALED(NAME, ...)  extern const tg_op tg_op_##NAME;
#define TERNARY(NAME, ...) TG_DECLARE3_(NAME)
#define SELECT(NAME, ...)  TG_DECLARE3_(NAME)
#include "table/pointwise_each.h"

extern const tg_op tg_op_to[TG_NDTYPES]; /* by the dtype of the result */

/* The intervals that op's gradient is tested on, one per operand; false for ops that are not pointwise or have no gradient. */
bool tg_pointwise_domain(const tg_op *op, double lo[3], double hi[3]);

/* The op whose slope this op, a SLOPE row, is; NULL for others. */
const tg_op *tg_slope_of(const tg_op *op);

/* A scalar (rank 0) of t's dtype on t's tape, for the public function `function`; NULL for NULL and after an error. */
tg_tensor *tg_number_like(tg_tensor *t, double value, const char *function);

/* For rules, whose words pointwise_rules.h explains: g z, but 0 where either is 0. */
tg_tensor *tg_mul_both(tg_tensor *g, tg_tensor *z);

/* How many threads share `pieces` pieces of a kernel's work, in all `work` multiplications or elements (threads.c); 1 where more do not pay.
 * Kernels compute in a TG_TEAM of as many, with tg_scratch for each of them. */
int tg_threads_for(const tg_call *c, int64_t pieces, double work);

/* ---- shapes (shape.c, cat.c) and indices (index.c, gather.c) ----------------------------------------------------------------- */

/* Can there be a tensor of this shape, which may be NULL, and dtype? false after a sentence about `function`. *bytes: its size; or NULL (create.c). */
bool tg_checked_shape(tg_tape *tape, const char *function, tg_dtype dtype, const tg_shape *shape, size_t *bytes);

/* Element k of f32 or f64. */
static inline double tg_float_at(const tg_array *x, int64_t k)
{
    return x->dtype == TG_F32 ? (double)((const float *)x->data)[k] : ((const double *)x->data)[k];
}

static inline void tg_put_float(const tg_array *y, int64_t k, double v)
{
    if (y->dtype == TG_F32) ((float *)y->data)[k] = (float)v;
    else ((double *)y->data)[k] = v;
}

/* How many elements axes from … to-1 have. */
int64_t tg_count_of(const tg_shape *s, int from, int to);

/* Normalises an axis of n's; -1 after a sentence about `function`. */
int tg_checked_axis(const tg_node *n, const char *function, int axis);

/* As tg_reshape, tg_expand and tg_slice of a step, but x itself where nothing changes: for rules, whose results may then be computed where
 * they have to go, and for what nobody else has a handle of. */
tg_tensor *tg_reshape_if(tg_tensor *x, const tg_shape *shape);
tg_tensor *tg_expand_if(tg_tensor *x, const tg_shape *shape);
tg_tensor *tg_slice_if(tg_tensor *x, int axis, int64_t start, int64_t stop, int64_t step);

/* Zeros of this shape with g added at start, start + step, … along an axis: the gradient of tg_slice. */
tg_tensor *tg_unslice(tg_tensor *g, const tg_shape *shape, int axis, int64_t start, int64_t step);

/* bool of this shape, true with probability p, drawn with the key, an i64 scalar, instead of the tape's stream: the same again for the same key
 * (random.c). */
tg_tensor *tg_keyed_bernoulli(tg_tensor *key, const tg_shape *shape, double p);

/* The sum of n >= 1 results of tg_op_unslice that have the same shape, as one node: it costs one tensor of zeros instead of n. */
tg_tensor *tg_unslice_merge(tg_tensor *const *pieces, int n);

/* Zeros of this shape with g added at the places that index names along the axis: the gradient of tg_gather. */
tg_tensor *tg_scattered(tg_tensor *g, tg_tensor *index, int64_t axis, const tg_shape *shape);
/* The same, and base, which has this shape. */
tg_tensor *tg_scattered_to(tg_tensor *base, tg_tensor *values, tg_tensor *index, int64_t axis, const tg_shape *shape);

/* The first `count` elements along an axis, 0 … its size, of what tg_sort gives, and their places: no more of a line is sorted than that takes. */
tg_tensor *tg_sort_first(tg_tensor *x, int64_t count, int axis, bool descending, tg_tensor **places);

/* "[1,3]": where element k of a shape is. */
const char *tg_element_text(const tg_shape *s, int64_t k, char *text, size_t size);

/* index as i64, after a check that 0 <= index < size when it is computed. The sentence has the public function that asks, and what the index
 * is to it: "label". Both are texts that stay. */
tg_tensor *tg_check_index(tg_tensor *index, int64_t size, const char *what, const char *function);

#define TG_SHAPE_OPS(X)  X(reshape) X(permute) X(expand) X(slice) X(cat) X(unslice) X(contiguous) X(diagonal) X(pad)
#define TG_CREATE_OPS(X) X(arange) X(linspace) X(logspace) X(uniform) X(randn) X(bernoulli) X(randint) X(randperm) X(truncated_normal) X(multinomial) X(straight_through) \
    X(standard_gamma) X(standard_gamma_slope) X(keyed_bernoulli)
#define TG_INDEX_OPS(X)  X(one_hot) X(gather) X(gather_last) X(scatter_add) X(scatter) X(scatter_max) X(index_select) X(index_add) X(check_index) X(wrap_index) \
    X(last_place) X(largest_place) X(embedding_padded) X(embedding_bag)
#define TG_ORDER_OPS(X)  X(sort) X(searchsorted) X(cumsum) X(cumprod) X(linear_scan) X(logcumsumexp) X(cummax) X(cummin) X(bincount)

#define TG_DECLARE_OP_(NAME) extern const tg_op tg_op_##NAME;
TG_SHAPE_OPS(TG_DECLARE_OP_)
TG_CREATE_OPS(TG_DECLARE_OP_)
TG_INDEX_OPS(TG_DECLARE_OP_)
TG_ORDER_OPS(TG_DECLARE_OP_)

/* ---- reductions (reduce.c), products (matmul.c), softmax (softmax.c), losses (loss.c) ------------------------------- */

/* axes as bits. false after a sentence about `function`: x NULL or stale, an axis out of range or listed twice. */
bool tg_axis_bits(tg_tensor *x, const tg_axes *axes, const char *function, uint32_t *bits);

int64_t  tg_reduced_count(const tg_shape *s, uint32_t axes);

/* Records a reduction over axes given as bits. */
tg_tensor *tg_reduce_bits(const tg_op *op, tg_tensor *x, uint32_t axes, bool keepdim);
tg_tensor *tg_mean_bits(tg_tensor *x, uint32_t axes, bool keepdim);

/* What the options say, which may be NULL, with the usual numbers in. false after a sentence. */
bool tg_read_var_options(const tg_var_options *options, tg_tensor *x, const char *function, tg_var_options *to);

/* t, a result of the reduction c's shape, with the reduced axes back as size 1, so that it broadcasts to the input: for rules. c's attributes
 * begin with a tg_reduce_attr. */
tg_tensor *tg_unreduced(const tg_call *c, tg_tensor *t);

/* The root of the sum of squares of f32 or f64: the value of the 2-norm, to be recorded with gradients off (vector_norm.c). tg_two_norm, from
 * its row, is that of f32, whose squares doubles hold. */
tg_tensor *tg_two_norm_value(tg_tensor *x, uint32_t axes, bool keepdim);
tg_tensor *tg_two_norm(tg_tensor *x, const tg_axes *axes, bool keepdim);
tg_tensor *tg_two_norm_vjp(const tg_call *c, int i, tg_tensor *g);

/* The rows of table/reductions.def: their reductions, and their ops, which the registry lists. */
#define ROW(NAME, ...)                             \
    extern const tg_reduction tg_reduction_##NAME; \
    extern const tg_op        tg_op_##NAME;
#include "table/reductions_each.h"


/* Run functions of the rows (reduce_run.c), and of argmax, argmin, max and min (places.c). */
tg_status tg_reduce_run(tg_call *c);
tg_status tg_argmax_run(tg_call *c);
tg_status tg_argmin_run(tg_call *c);
tg_status tg_max_run(tg_call *c);
tg_status tg_min_run(tg_call *c);

/* checks.c: is x there and f32 or f64; are an index's and a mask's dtypes right; do two tensors have one tape, one dtype; is it a list of
 * axes, and not that of all? false after a sentence about `function`. */
bool tg_needs_float(tg_tensor *x, const char *function);
bool tg_needs_index(const tg_node *index, const char *function);
bool tg_needs_mask(const tg_node *mask, const char *function);
bool tg_needs_one_tape(const tg_node *a, const tg_node *b, const char *function);

/* Is t, which sentences call `name`, there, on x's tape, of x's dtype and of this shape? false after a sentence, but for NULL. */
bool tg_needs_shape(const tg_node *x, tg_tensor *t, const char *function, const char *name, const tg_shape *want);
bool tg_needs_one_dtype(const tg_node *a, const tg_node *b, const char *function);
bool tg_is_axis_list(const tg_node *n, const tg_axes *axes, const char *function);

/* The run of tg_op_matmul for c->y = A B + beta c->y; beta = 0 does not read c->y. */
tg_status tg_matmul_into(tg_call *c, double beta);

/* infer and view of an alias: a view op of several inputs whose value is the input view_input as it is, and whose rule gives the
 * gradient of the others, by which that value was made with gradients off. */
tg_status tg_alias_infer(tg_call *c);
tg_status tg_alias_view(const tg_call *c, const tg_layout *in, tg_layout *out);

#define TG_WINDOW_OPS(X)                                                                                                  \
    X(conv1d) X(conv1d_dx) X(conv1d_dw) X(max_pool1d) X(max_pool1d_dx) X(avg_pool1d) X(avg_pool1d_dx)                      \
    X(conv2d) X(conv2d_dx) X(conv2d_dw) X(max_pool2d) X(max_pool2d_dx) X(avg_pool2d) X(avg_pool2d_dx)                      \
    X(conv3d) X(conv3d_dx) X(conv3d_dw) X(max_pool3d) X(max_pool3d_dx) X(avg_pool3d) X(avg_pool3d_dx)
TG_WINDOW_OPS(TG_DECLARE_OP_)

#define TG_REDUCE_OPS(X) X(argmax) X(argmin) X(max) X(min) X(norm) X(var) X(std) X(matmul) X(logsumexp) X(softmax) X(log_softmax) \
    X(bce_with_logits) X(bce) X(cross_entropy) X(log_cosh)
TG_REDUCE_OPS(TG_DECLARE_OP_)
extern const tg_op        tg_op_normalize, tg_op_rstd; /* norm.c */
/* Is eps finite and not negative? false after a sentence about `function`. */
bool tg_is_eps(tg_tensor *x, double eps, const char *function);
/* (x - mean) / sqrt(variance + eps) over axes given as bits, x float; without `centred` x / sqrt(mean of squares + eps). */
tg_tensor *tg_normalize_over(tg_tensor *x, uint32_t axes, bool centred, double eps);

/* The same, and of what: the mean, NULL if it is not centred, and r = 1 / sqrt(variance + eps), of size 1 along the axes. */
typedef struct tg_moments {
    tg_tensor *mean, *r;
} tg_moments;
tg_tensor *tg_normalize_with(tg_tensor *x, uint32_t axes, bool centred, double eps, tg_moments *moments);
extern const tg_reduction tg_reduction_rstd;

typedef struct tg_rstd_attr {
    tg_reduce_attr reduce;
    uint64_t       centred; /* about the mean instead of about 0 */
    double         eps, share; /* share: 1/n */
} tg_rstd_attr;

#define TG_SEQUENCE_OPS(X) X(attention) X(attention_grad)
TG_SEQUENCE_OPS(TG_DECLARE_OP_)

#define TG_LINALG_OPS(X) X(cholesky) X(solve_triangular) X(lu) X(lu_solve) X(det) X(cofactor) X(eigh) X(eigvalsh) X(qr) X(svd) X(svdvals) X(pinv) \
    X(matrix_exp) X(slogdet)
TG_LINALG_OPS(TG_DECLARE_OP_)

/* ---- the registry: every op of the library that is no pointwise row. A family adds its line to TG_OP_LIST. ---------- */

#define TG_CORE_OPS(X) X(leaf) X(detach)
#define TG_DIVISION_OPS(X) X(check_divisor)
TG_DIVISION_OPS(TG_DECLARE_OP_)

#define TG_SPECIAL_OPS(X) X(betainc)
TG_SPECIAL_OPS(TG_DECLARE_OP_)

#define TG_OP_LIST(X) \
    TG_CORE_OPS(X)    \
    TG_DIVISION_OPS(X) \
    TG_SPECIAL_OPS(X) \
    TG_SHAPE_OPS(X)   \
    TG_CREATE_OPS(X)  \
    TG_INDEX_OPS(X)   \
    TG_ORDER_OPS(X)   \
    TG_REDUCE_OPS(X)  \
    TG_WINDOW_OPS(X)  \
    TG_SEQUENCE_OPS(X) \
    TG_LINALG_OPS(X)  \
    X(normalize)      \
    X(rstd)

#endif
