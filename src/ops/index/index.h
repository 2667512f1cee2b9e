/* index.h - what the ops with index tensors share (index.c, gather.c). */
#ifndef TG_INDEX_H
#define TG_INDEX_H

#include "ops/ops.h"

/* Can elements of this dtype be indices, or labels? */
static inline bool tg_is_index(tg_dtype d) { return d == TG_I64 || d == TG_I32; }

/* Is input i one of a tensor of indices? */
tg_status tg_need_index(const tg_call *c, int i);

/* The values of index tensor i, every one in 0 … size-1, as *out; there may be none. */
tg_status tg_read_index(tg_call *c, int i, int64_t size, const int64_t **out);

/* The same of -size … size-1, negative ones counted from the end: as 0 … size-1. */
tg_status tg_read_place(tg_call *c, int i, int64_t size, const int64_t **out);

/* For each element of a tensor of this shape: the last place along the axis, in an index as tg_gather has it, that names it; -1 where none does. */
tg_tensor *tg_last_place(tg_tensor *index, int axis, const tg_shape *shape);

/* The same of the largest of the values that name it, which have the index's shape; the first of equals. NaN is the largest. */
tg_tensor *tg_largest_place(tg_tensor *index, tg_tensor *values, int axis, const tg_shape *shape);

/* x with the values whose places along the axis tg_last_place or tg_largest_place gave. */
tg_tensor *tg_take_places(tg_tensor *x, int axis, tg_tensor *place, tg_tensor *values, const char *function);

/* Three tensors that fit: x and values of one dtype, and an index of x's rank, nowhere larger than the values, and than x beside the axis.
 * The axis; -1 after a sentence. */
int tg_check_scatter(tg_tensor *x, int axis, tg_tensor *index, tg_tensor *values, const char *function);

/* The part of the values that the index speaks of: a view. */
tg_tensor *tg_spoken_of(tg_tensor *values, tg_tensor *index);

/* Zeros, or nothing where there is no element. */
void tg_zero_array(const tg_array *y);

#endif
