/* batch.h - rules by which ops are recorded for a batch of samples (tg_op.batch), each of which serves many ops; and what the rules of single ops
 * are made of. A sample's axis k is axis k + 1 for the batch. */
#ifndef TG_BATCH_H
#define TG_BATCH_H

#include "ops/ops.h"

/* ---- rules, by what the attributes say: all inputs as tg_batch_input gives them ------------------------------------------ */

tg_tensor *tg_batch_pointwise(const tg_batch_call *b); /* of inputs that broadcast, those with batch alone: any attributes. Of an alias, too */
tg_tensor *tg_batch_reduced(const tg_batch_call *b);   /* they begin with axes as bits, of 32 */
tg_tensor *tg_batch_along(const tg_batch_call *b);     /* they begin with an axis, an int64_t */
tg_tensor *tg_batch_sized(const tg_batch_call *b);     /* they are the sizes of the result, int64_t each */
tg_tensor *tg_batch_along_sized(const tg_batch_call *b); /* they are an axis, then these sizes */
tg_tensor *tg_batch_merged(const tg_batch_call *b);    /* the first axis is a batch itself ([N,C,…]), which the samples' batch is joined with */

/* ---- parts -------------------------------------------------------------------------------------------------------------- */

/* As tg_batch_input, with axes of size 1 behind the batch's, so that the sample's part has this rank; an input that is the same for all samples as it
 * is. So what is batched and what is not broadcast with each other. */
tg_tensor *tg_batch_aligned(const tg_batch_call *b, int i, int rank);

/* The shape of a batch of these. */
tg_shape tg_batch_shape(const tg_batch_call *b, const tg_shape *sample);

/* Records the op with these inputs and attributes, which may be others than those of one sample. */
tg_tensor *tg_batch_record(const tg_batch_call *b, tg_tensor *const *in, const void *attr, size_t attr_size);
/* With all inputs as tg_batch_input gives them. */
tg_tensor *tg_batch_record_with(const tg_batch_call *b, const void *attr, size_t attr_size);

/* x with the batch's axis, its first, moved before its axis `axis + 1` and joined with it: […, size n, …]. */
tg_tensor *tg_batch_join(tg_tensor *x, int axis);
/* And back: axis `axis` of x, of size `size` n, as one of `size` that comes first, and one of n. */
tg_tensor *tg_batch_split(tg_tensor *x, int axis, int64_t size, int64_t n);

/* Input i, which is a key of random numbers: the first sample's, if each has one. By it an op draws other numbers for each sample, as by a key of its
 * own; and ops that draw the same numbers for one sample do for the batch. */
tg_tensor *tg_batch_key(const tg_batch_call *b, int i);

#endif
