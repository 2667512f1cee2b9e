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

/* Zeros, or nothing where there is no element. */
void tg_zero_array(const tg_array *y);

#endif
