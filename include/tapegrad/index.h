/* index.h - indexing, and triangles. Part of tapegrad.h. */
#ifndef TAPEGRAD_INDEX_H
#define TAPEGRAD_INDEX_H

#include <tapegrad/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- indexing -----------------------------------------------------------------------------------------------------
 * Indices are i64 or i32 tensors. Negative ones count from the end, but those of classes and segments. Outside their range: TG_ERR_INDEX when the
 * value is computed. They get no gradient. Where an index repeats, gradients and values are added up in f64, in the same order for any
 * number of threads. */

TG_API tg_tensor *tg_one_hot(tg_tensor *index, int64_t classes); /* index […] gives […, classes], in the tape's dtype */
/* out[i,j] = x[index[i,j], j] for axis 0; same rank, index sizes <= x's beside axis; repeats add up in the gradient */
TG_API tg_tensor *tg_gather(tg_tensor *x, int axis, tg_tensor *index);
TG_API tg_tensor *tg_index_select(tg_tensor *x, int axis, tg_tensor *index); /* index of rank 1 picks slices along axis */

/* The rows weight[index]: weight [rows,width], index […] gives […,width]. The gradient adds up where an index repeats. */
TG_API tg_tensor *tg_embedding(tg_tensor *weight, tg_tensor *index);

/* The same, but that the row `padding` (negative from the end) gets no gradient. PyTorch's padding_idx. */
TG_API tg_tensor *tg_embedding_padded(tg_tensor *weight, tg_tensor *index, int64_t padding);
/* Sums, or means, of the rows that each line of index […, n] names: […, width]. With offsets, a vector in ascending order that begins with 0, the
 * index is a vector, and bag k is index[offsets[k] … offsets[k+1]-1], the last one up to its end: [bags, width]. 0 for no rows. f32, f64. */
TG_API tg_tensor *tg_embedding_bag(tg_tensor *weight, tg_tensor *index, tg_tensor *offsets, bool mean);

/* tg_gather, with x and index of one rank broadcast beside the axis. NumPy's take_along_axis. */
TG_API tg_tensor *tg_take_along(tg_tensor *x, int axis, tg_tensor *index);
/* x's elements in row-major order at these places: of the index's shape. NumPy's take without an axis. */
TG_API tg_tensor *tg_take(tg_tensor *x, tg_tensor *index);
/* x[index[0], index[1], …]: n >= 1 index tensors, broadcast with each other, for x's first n axes. The result has their shape, then x's other
 * axes. */
TG_API tg_tensor *tg_index(tg_tensor *x, tg_tensor *const *index, int n);

/* x with values put, or added, at places; x itself stays. Of several values for one place tg_scatter and tg_index_put take the last one in
 * the order of the index along the axis; the others, and what was there, have gradient 0. */
/* y[i,index[i,j]] = values[i,j], or += (f32, f64), for axis 1: index of x's rank, no larger than values, nor than x beside the axis */
TG_API tg_tensor *tg_scatter(tg_tensor *x, int axis, tg_tensor *index, tg_tensor *values);
TG_API tg_tensor *tg_scatter_add(tg_tensor *x, int axis, tg_tensor *index, tg_tensor *values);
/* slices: y[:,index[k]] += values[:,k] for axis 1; index of rank 1. f32, f64 */
TG_API tg_tensor *tg_index_add(tg_tensor *x, int axis, tg_tensor *index, tg_tensor *values);
/* the places of tg_index: y[index[0], …] = values, which broadcast to what tg_index would give; accumulate: += (f32, f64) */
TG_API tg_tensor *tg_index_put(tg_tensor *x, tg_tensor *const *index, int n, tg_tensor *values, bool accumulate);

/* tg_scatter where values that name the same place are reduced to one, together with what is there: the options say how. f32, f64. The gradient of the
 * largest and the smallest goes to the first of equals, half of it to what was there if that equals it too; of a product it is right with
 * zeros. NaN is both, the largest and the smallest. A product of 0 and an infinity is 0. */
typedef enum tg_scatter_how { TG_SCATTER_SUM = 0, TG_SCATTER_MEAN, TG_SCATTER_PROD, TG_SCATTER_AMAX, TG_SCATTER_AMIN } tg_scatter_how;
typedef struct tg_scatter_options {
    tg_scatter_how reduce;
    bool           without_self; /* what is there does not count where there are values. PyTorch's include_self = false */
} tg_scatter_options;
TG_API tg_tensor *tg_scatter_reduce(tg_tensor *x, int axis, tg_tensor *index, tg_tensor *values, const tg_scatter_options *options);

/* x, but where mask (bool, broadcast to x) is true the values, in row-major order, one after the other. Too few of them: TG_ERR_INDEX when
 * it is computed. Those that are not taken have gradient 0. */
TG_API tg_tensor *tg_masked_scatter(tg_tensor *x, tg_tensor *mask, tg_tensor *values);

/* Slices along axis 0 added up by segment: y[segment[k]] += x[k], n segments; 0 where there is none. The mean divides by their number. f32, f64. */
TG_API tg_tensor *tg_segment_sum(tg_tensor *x, tg_tensor *segment, int64_t n);
TG_API tg_tensor *tg_segment_mean(tg_tensor *x, tg_tensor *segment, int64_t n);

/* The elements of x, in row-major order, where mask (bool, broadcast with x) is true, as a vector. Its size depends on the mask, which is computed
 * at once, by the plan of this call: what else is wanted should be marked with tg_want before. */
TG_API tg_tensor *tg_masked_select(tg_tensor *x, tg_tensor *mask);
/* Where x is not 0 (NaN is not): i64 [n, rank], a row of coordinates for each such element. x is computed at once likewise. */
TG_API tg_tensor *tg_nonzero(tg_tensor *x);

/* value where mask (bool, broadcast with x) is true, else x. No gradient flows from where it is filled, whatever x holds there. */
TG_API tg_tensor *tg_masked_fill(tg_tensor *x, tg_tensor *mask, double value);

/* The last two axes' lower (upper) triangle, zeros elsewhere: kept where column - row <= diagonal (>= diagonal). 0: with the main
 * diagonal. */
TG_API tg_tensor *tg_tril(tg_tensor *x, int64_t diagonal);
TG_API tg_tensor *tg_triu(tg_tensor *x, int64_t diagonal);

#ifdef __cplusplus
}
#endif
#endif
