/* conv_batch.c - convolutions for a batch of samples, each of which may have a batch of its own, N.
 *
 * Samples that share the weight are more of the same batch: [B,N,C,…] is [B N,C,…]. Where each has a weight of its own, or looks for a gradient of
 * it, they are groups: [N,B C,…] with weights [B O,C/g,…]. So a gradient for each sample's own weight is one op for all. */
#include "ops/batch.h"
#include "ops/window/window.h"

#include <tapegrad/pointwise.h>
#include <tapegrad/shape.h>

/* Inputs 0 and 1 with the batch's axis before their axes `at`, as one with these, and so the result, whose axis `result` has n elements of
 * each sample. */
static tg_tensor *joined(const tg_batch_call *b, const int at[2], int result, int64_t groups)
{
    tg_conv_attr a = *(const tg_conv_attr *)b->one->attr;
    tg_tensor   *in[2];
    if (__builtin_mul_overflow(a.groups, groups, &a.groups)) a.groups = INT64_MAX; /* which is refused */
    for (int i = 0; i < 2; i++) {
        in[i] = at[i] < 0 ? b->in[i] : tg_batch_join(tg_batch_input(b, i), at[i]);
        if (!in[i]) return NULL;
    }
    tg_tensor *y = tg_record(b->one->op, in, 2, &a, sizeof a);
    return tg_batch_split(y, result, b->size, tg_dim(b->one->out, result));
}

/* A batch of none has no groups. */
static tg_tensor *nothing(const tg_batch_call *b)
{
    const tg_shape s = tg_batch_shape(b, tg_shape_of(b->one->out));
    return tg_full(b->one->tape, tg_dtype_of(b->one->out), &s, 0);
}

static tg_tensor *as_groups(const tg_batch_call *b, const int at[2], int result) { return b->size ? joined(b, at, result, b->size) : nothing(b); }

/* A bias for each sample, or one for all, as what is added to [B,N,O,…]. */
static tg_tensor *with_bias(const tg_batch_call *b, tg_tensor *y)
{
    const int rank = tg_rank(b->one->out);
    tg_shape  s = {.rank = 1 + rank, .dim = {b->batched[2] ? b->size : 1, 1}};
    for (int k = 2; k <= rank; k++) s.dim[k] = 1;
    s.dim[2] = tg_dim(b->one->in[2], 0);
    return tg_add(y, tg_reshape(b->in[2], &s));
}

tg_tensor *tg_conv_batch(const tg_batch_call *b) /* {x, w} or {x, w, bias} */
{
    const bool own = b->batched[1], bias = b->one->n_in > 2;
    if (!own && bias && !b->batched[2] && b->batched[0]) {
        tg_tensor *in[] = {tg_batch_join(b->in[0], 0), b->in[1], b->in[2]};
        return tg_batch_split(tg_batch_record(b, in, b->one->attr, b->one->attr_size), 0, b->size, tg_dim(b->one->out, 0));
    }
    if (!own && !b->batched[0]) return with_bias(b, tg_record(b->one->op, b->in, 2, b->one->attr, b->one->attr_size));
    tg_tensor *y = own ? as_groups(b, (const int[]){1, 0}, 1) : joined(b, (const int[]){0, -1}, 0, 1);
    return bias ? with_bias(b, y) : y;
}

tg_tensor *tg_conv_dx_batch(const tg_batch_call *b) /* {g, w} */
{
    return b->batched[1] ? as_groups(b, (const int[]){1, 0}, 1) : joined(b, (const int[]){0, -1}, 0, 1);
}

tg_tensor *tg_conv_dw_batch(const tg_batch_call *b) /* {g, x} */
{
    return as_groups(b, (const int[]){1, 1}, 0);
}
