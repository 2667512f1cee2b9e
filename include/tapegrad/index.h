/* index.h - indexing, sorting, and triangles. Part of tapegrad.h. */
#ifndef TAPEGRAD_INDEX_H
#define TAPEGRAD_INDEX_H

#include <tapegrad/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- indexing -----------------------------------------------------------------------------------------------------
 * Indices are i64 or i32 tensors. Outside their range: TG_ERR_INDEX when the value is computed. They get no gradient. */

TG_API tg_tensor *tg_one_hot(tg_tensor *index, int64_t classes); /* index […] gives […, classes], in the tape's dtype */
/* out[i,j] = x[index[i,j], j] for axis 0; same rank, index sizes <= x's beside axis; repeats add up in the gradient */
TG_API tg_tensor *tg_gather(tg_tensor *x, int axis, tg_tensor *index);
TG_API tg_tensor *tg_index_select(tg_tensor *x, int axis, tg_tensor *index); /* index of rank 1 picks slices along axis */

/* The rows weight[index]: weight [rows,width], index […] gives […,width]. The gradient adds up where an index repeats. */
TG_API tg_tensor *tg_embedding(tg_tensor *weight, tg_tensor *index);

/* The elements along an axis in ascending or descending order, of x's dtype, and in *places, unless that is NULL, where each was along the axis:
 * i64, of the same shape; NULL after an error. Equals, among them both zeros, keep their order. NaN counts as largest: it is last of
 * ascending ones, first of descending ones. Of every dtype; an axis may have no elements. The gradient of each element goes to where it was. */
TG_API tg_tensor *tg_sort(tg_tensor *x, int axis, bool descending, tg_tensor **places);

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
