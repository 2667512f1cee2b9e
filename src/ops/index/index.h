/* index.h - what the ops with index tensors share. */
#ifndef TG_INDEX_H
#define TG_INDEX_H

#include "ops/batch.h"

/* Can elements of this dtype be indices, or labels? */
static inline bool tg_is_index(tg_dtype d) { return d == TG_I64 || d == TG_I32; }

/* Is input i one of a tensor of indices? */
tg_status tg_need_index(const tg_call *c, int i);

/* The values of index tensor i as they are, as i64: for who looks at each before it is used. */
tg_status tg_widen_index(tg_call *c, int i, const int64_t **out);

/* The values of index tensor i, every one in 0 … size-1, as *out; there may be none. */
tg_status tg_read_index(tg_call *c, int i, int64_t size, const int64_t **out);

/* The same of -size … size-1, negative ones counted from the end: as 0 … size-1. */
tg_status tg_read_place(tg_call *c, int i, int64_t size, const int64_t **out);

/* For each element of a tensor of this shape: the last place along the axis, in an index as tg_gather has it, that names it; -1 where none does. */
tg_tensor *tg_last_place(tg_tensor *index, int axis, const tg_shape *shape);

/* The same of the largest of the values that name it, which have the index's shape; the first of equals. NaN is the largest. */
tg_tensor *tg_largest_place(tg_tensor *index, tg_tensor *values, int axis, const tg_shape *shape);

/* tg_gather where the index is the last one to name its place along the axis, and 0 elsewhere (gather.c). */
tg_tensor *tg_gather_last(tg_tensor *x, int64_t axis, tg_tensor *index);

/* x with the values whose places along the axis tg_last_place or tg_largest_place gave. */
tg_tensor *tg_take_places(tg_tensor *x, int axis, tg_tensor *place, tg_tensor *values, const char *function);

/* Three tensors that fit: x and values of one dtype, and an index of x's rank, nowhere larger than the values, and than x beside the axis.
 * The axis; -1 after a sentence. */
int tg_check_scatter(tg_tensor *x, int axis, tg_tensor *index, tg_tensor *values, const char *function);

/* The part of the values that the index speaks of: a view. */
tg_tensor *tg_spoken_of(tg_tensor *values, tg_tensor *index);

/* An index that is the same for all samples works beside the batch's axis. Otherwise all samples' indices are one, of x or, where each sample has its
 * own, of all these behind one another. size: of what input 0 becomes along the axis, or of the result. */
tg_tensor *tg_batch_along_index(const tg_batch_call *b, bool joined, int64_t parted);

/* x, at whose slices along an axis those of the values are added that index, a vector, names (rows.c). */
tg_tensor *tg_add_slices(tg_tensor *x, int axis, tg_tensor *index, tg_tensor *values);

/* Zeros, or nothing where there is no element. */
void tg_zero_array(const tg_array *y);

#endif
