/* batch.c - rules by which ops are recorded for a batch of samples. */
#include "ops/batch.h"

#include <limits.h>
#include <string.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/shape.h>

/* ---- inputs ------------------------------------------------------------------------------------------------------------ */

tg_shape tg_batch_shape(const tg_batch_call *b, const tg_shape *sample)
{
    tg_shape s = {.rank = 1 + sample->rank, .dim = {b->size}};
    memcpy(s.dim + 1, sample->dim, (size_t)(sample->rank < TG_MAX_RANK ? sample->rank : TG_MAX_RANK - 1) * sizeof *s.dim);
    return s;
}

tg_tensor *tg_batch_input(const tg_batch_call *b, int i)
{
    if (!b || i < 0 || i >= b->one->n_in) return NULL;
    if (b->batched[i]) return b->in[i];
    const tg_shape s = tg_batch_shape(b, tg_shape_of(b->in[i]));
    return tg_expand(b->in[i], &s);
}

tg_tensor *tg_batch_aligned(const tg_batch_call *b, int i, int rank)
{
    const tg_shape *own = tg_shape_of(b->one->in[i]);
    tg_shape        s = {.rank = 1 + rank, .dim = {b->size}};
    if (!b->batched[i] || own->rank >= rank) return b->in[i];
    for (int k = 0; k < rank; k++) s.dim[1 + k] = k < rank - own->rank ? 1 : own->dim[k - (rank - own->rank)];
    return tg_reshape(b->in[i], &s);
}

/* Room for as many tensors as the op has inputs: `few`, or of the recording. */
enum { FEW = 8 };
static tg_tensor **room_for(const tg_batch_call *b, tg_tensor *few[FEW])
{
    return b->one->n_in <= FEW ? few : tg_value_room(b->one->tape, (size_t)b->one->n_in * sizeof *few);
}

tg_tensor *tg_batch_record(const tg_batch_call *b, tg_tensor *const *in, const void *attr, size_t attr_size)
{
    return tg_record_on(b->one->tape, b->one->op, in, b->one->n_in, attr, attr_size);
}

tg_tensor *tg_batch_record_with(const tg_batch_call *b, const void *attr, size_t attr_size)
{
    tg_tensor *few[FEW], **in = room_for(b, few);
    if (!in) return NULL;
    for (int i = 0; i < b->one->n_in; i++)
        if (!(in[i] = tg_batch_input(b, i))) return NULL;
    return tg_batch_record(b, in, attr, attr_size);
}

/* ---- rules that serve many ops ------------------------------------------------------------------------------------------- */

tg_tensor *tg_batch_same(const tg_batch_call *b) { return !b ? NULL : tg_batch_record_with(b, b->one->attr, b->one->attr_size); }

/* Is input i what the result of an alias is a view of? */
static bool is_value(const tg_batch_call *b, int i) { return b->one->op->kind == TG_VIEW && i == b->one->op->view_input; }

tg_tensor *tg_batch_pointwise(const tg_batch_call *b)
{
    tg_tensor *few[FEW], **in = room_for(b, few);
    const int  rank = tg_shape_of(b->one->out)->rank;
    if (!in) return NULL;
    for (int i = 0; i < b->one->n_in; i++)
        if (!(in[i] = is_value(b, i) ? tg_batch_input(b, i) : tg_batch_aligned(b, i, rank))) return NULL;
    return tg_batch_record(b, in, b->one->attr, b->one->attr_size);
}

/* The attributes with `more` bytes of room behind them, to be changed; NULL after an error. */
static void *attr_copy(const tg_batch_call *b, size_t more)
{
    char *attr = tg_value_room(b->one->tape, b->one->attr_size + more + 1);
    if (attr && b->one->attr_size) memcpy(attr, b->one->attr, b->one->attr_size);
    return attr;
}

tg_tensor *tg_batch_reduced(const tg_batch_call *b)
{
    uint32_t *axes = attr_copy(b, 0);
    if (!axes) return NULL;
    *axes <<= 1;
    return tg_batch_record_with(b, axes, b->one->attr_size);
}

tg_tensor *tg_batch_along(const tg_batch_call *b)
{
    int64_t *axis = attr_copy(b, 0);
    if (!axis) return NULL;
    ++*axis;
    return tg_batch_record_with(b, axis, b->one->attr_size);
}

/* With the number of samples before the sizes, which begin at number `at` of the attributes. */
static tg_tensor *with_size(const tg_batch_call *b, size_t at)
{
    int64_t     *attr = attr_copy(b, sizeof *attr);
    const size_t n = b->one->attr_size / sizeof *attr;
    if (!attr) return NULL;
    memmove(attr + at + 1, attr + at, (n - at) * sizeof *attr);
    attr[at] = b->size;
    if (at) ++*attr;
    return tg_batch_record_with(b, attr, b->one->attr_size + sizeof *attr);
}

tg_tensor *tg_batch_sized(const tg_batch_call *b) { return with_size(b, 0); }
tg_tensor *tg_batch_along_sized(const tg_batch_call *b) { return with_size(b, 1); }

tg_tensor *tg_batch_merged(const tg_batch_call *b)
{
    tg_tensor *few[FEW], **in = room_for(b, few);
    if (!in) return NULL;
    for (int i = 0; i < b->one->n_in; i++)
        if (!(in[i] = tg_batch_join(tg_batch_input(b, i), 0))) return NULL;
    return tg_batch_split(tg_batch_record(b, in, b->one->attr, b->one->attr_size), 0, b->size, tg_dim(b->one->out, 0));
}

/* ---- the batch's axis elsewhere -------------------------------------------------------------------------------------------- */

tg_tensor *tg_batch_join(tg_tensor *x, int axis)
{
    const tg_shape *s = tg_shape_of(x);
    if (!s) return NULL;
    tg_shape joined = {.rank = s->rank - 1};
    for (int k = 0; k < joined.rank; k++) joined.dim[k] = k == axis ? s->dim[0] * s->dim[1 + k] : s->dim[1 + k];
    return tg_reshape(axis ? tg_movedim(x, TG_AXES(0), TG_AXES(axis)) : x, &joined);
}

tg_tensor *tg_batch_split(tg_tensor *x, int axis, int64_t size, int64_t n)
{
    const tg_shape *s = tg_shape_of(x);
    if (!s) return NULL;
    tg_shape parted = {.rank = s->rank + 1};
    for (int k = 0; k < s->rank; k++) parted.dim[k < axis ? k : k + 1] = s->dim[k];
    parted.dim[axis] = size;
    parted.dim[axis + 1] = n;
    tg_tensor *y = tg_reshape(x, &parted);
    return axis ? tg_movedim(y, TG_AXES(axis), TG_AXES(0)) : y;
}

tg_tensor *tg_batch_key(const tg_batch_call *b, int i)
{
    if (!b->batched[i]) return b->in[i];
    return b->size ? tg_select(b->in[i], 0, 0) : tg_full(b->one->tape, tg_dtype_of(b->in[i]), TG_SCALAR_SHAPE, 0);
}

/* ---- one sample after the other -------------------------------------------------------------------------------------------- */

/* The call of sample k. */
static tg_tensor *of_sample(const tg_batch_call *b, int64_t k, tg_tensor **in)
{
    for (int i = 0; i < b->one->n_in; i++)
        if (!(in[i] = b->batched[i] ? tg_select(b->in[i], 0, k) : b->in[i])) return NULL;
    return tg_batch_record(b, in, b->one->attr, b->one->attr_size);
}

/* Result r of some calls as one; of no call, as much as a batch of none has. */
static tg_tensor *together(const tg_batch_call *b, tg_tensor *const *calls, tg_tensor **room, int r)
{
    const tg_tensor *one = tg_result(b->one->out, r);
    const tg_shape   none = tg_batch_shape(b, tg_shape_of(one));
    for (int k = 0; k < b->size; k++) room[k] = tg_result(calls[k], r);
    return b->size ? tg_stack(room, (int)b->size, 0) : tg_full(b->one->tape, tg_dtype_of(one), &none, 0);
}

tg_tensor *tg_batch_each(const tg_batch_call *b)
{
    if (!b) return NULL;
    if (b->size > INT_MAX) {
        tg_fail(b->one, TG_ERR_ARG, "%lld samples are too many to be taken one by one", (long long)b->size);
        return NULL;
    }
    const size_t n = (size_t)b->size + 1;
    tg_tensor   *few[FEW], **in = room_for(b, few), **calls = in ? tg_value_room(b->one->tape, 2 * n * sizeof *calls) : NULL;
    for (int k = 0; k < b->size; k++)
        if (!calls || !(calls[k] = of_sample(b, k, in))) return NULL;
    for (int r = 1; calls && r < tg_results(b->one->op); r++)
        if (!(b->result[r] = together(b, calls, calls + n, r))) return NULL;
    return calls ? together(b, calls, calls + n, 0) : NULL;
}
