/* pad.c - elements before and behind those of each axis: a number (an op with a kernel), or elements of the tensor itself, which other ops
 * bring there. */
#include "kernels/kernels.h"
#include "ops/batch.h"
#include "ops/ops.h"
#include "ops/shape/move.h"
#include "tensor/team.h"

#include <string.h>
#include <tapegrad/shape.h>

/* ---- pad: x within elements that are one number ---------------------------------------------------------------------- */

static size_t attr_size(int rank) { return sizeof(double) + (size_t)rank * sizeof((tg_pad_attr *)NULL)->axis[0]; }

static tg_status pad_infer(tg_call *c)
{
    const tg_pad_attr *a = c->attr;
    c->shape             = *tg_in_shape(c, 0);
    c->dtype             = tg_dtype_of(c->in[0]);
    for (int k = 0; k < c->shape.rank; k++)
        if (__builtin_add_overflow(c->shape.dim[k], a->axis[k].before, &c->shape.dim[k]) ||
            __builtin_add_overflow(c->shape.dim[k], a->axis[k].after, &c->shape.dim[k]))
            return tg_fail(c, TG_ERR_SHAPE, "the result is too large for memory");
    return TG_OK;
}

/* The elements before x, and those behind it, along one axis: over all of y on later axes, and where x is on earlier ones. */
static void fill_beside(const tg_call *c, const tg_array *number, int axis)
{
    const tg_pad_attr *a     = c->attr;
    const tg_layout    y     = tg_layout_contiguous(c->y.shape);
    const size_t       size  = tg_dtype_size(c->y.dtype);
    tg_shape           s     = *c->y.shape;
    tg_array           x     = {.data = number->data, .shape = &s, .dtype = number->dtype};
    int64_t         first = 0;
    for (int k = 0; k < axis; k++) {
        s.dim[k] = c->x[0].shape->dim[k];
        first += a->axis[k].before * y.stride[k];
    }
    s.dim[axis] = a->axis[axis].before;
    tg_move(c, c->y.data, size, first, y.stride, &x, tg_put_rows[c->y.dtype]);
    s.dim[axis] = a->axis[axis].after;
    tg_move(c, c->y.data, size, first + (c->y.shape->dim[axis] - s.dim[axis]) * y.stride[axis], y.stride, &x, tg_put_rows[c->y.dtype]);
}

/* n elements of each row, which lie `pitch` elements apart, become the number. */
static void fill_edge(const tg_call *c, const tg_array *number, char *y, int64_t rows, int64_t n, int64_t pitch)
{
    const size_t    size = tg_dtype_size(c->y.dtype);
    const tg_row_fn put  = tg_put_rows[c->y.dtype];
    if (n < rows)
        for (int64_t k = 0; k < n; k++) put(rows, y + (size_t)k * size, pitch, number->data, 0);
    else
        for (int64_t r = 0; r < rows; r++) put(n, y + (size_t)(r * pitch) * size, 1, number->data, 0);
}

/* Rows of x, `apart` elements from one to the next, between what stands before and behind them along the last axis. */
static void put_rows(const tg_call *c, const tg_array *number, char *y, const char *x, int64_t rows, int64_t apart)
{
    const tg_pad_attr   *a     = c->attr;
    const int            last  = c->y.shape->rank - 1;
    const int64_t        width = c->y.shape->dim[last], cols = c->x[0].shape->dim[last], before = a->axis[last].before;
    const size_t         size  = tg_dtype_size(c->y.dtype);
    const tg_tile_loops *l     = size == 4 ? tg_fast_tile(TG_F32) : size == 8 ? tg_fast_tile(TG_F64) : NULL;
    char                *to    = y + (size_t)before * size;
    fill_edge(c, number, y, rows, before, width);
    fill_edge(c, number, to + (size_t)cols * size, rows, a->axis[last].after, width);
    if (l && c->x[0].stride[last] == 1)
        l->copy_rows((size_t)rows, (size_t)cols, to, width, x, apart);
    else
        for (int64_t r = 0; r < rows; r++)
            tg_put_rows[c->y.dtype](cols, to + (size_t)(r * width) * size, 1, x + r * apart * (int64_t)size, c->x[0].stride[last]);
}

enum { PIECE = 64 }; /* rows */

/* Number `unit` of the pieces of so many rows into which the axis before the last is cut, for all earlier axes. */
static void put_piece(const tg_call *c, const tg_array *number, int64_t unit)
{
    const tg_pad_attr *a      = c->attr;
    const tg_shape    *s      = c->x[0].shape;
    const tg_layout    y      = tg_layout_contiguous(c->y.shape);
    const int          axis   = s->rank - 2;
    const int64_t      rows   = axis < 0 ? 1 : s->dim[axis], pieces = (rows + PIECE - 1) / PIECE, from = unit % pieces * PIECE;
    const size_t       size   = tg_dtype_size(c->y.dtype);
    int64_t            to     = 0, at = 0, rest = unit / pieces;
    for (int k = axis; k >= 0; k--) {
        const int64_t index = k == axis ? from : rest % s->dim[k];
        if (k < axis) rest /= s->dim[k];
        to += (index + a->axis[k].before) * y.stride[k];
        at += index * c->x[0].stride[k];
    }
    put_rows(c, number, (char *)c->y.data + (size_t)to * size, (const char *)c->x[0].data + at * (int64_t)size,
             rows - from < PIECE ? rows - from : PIECE, axis < 0 ? 0 : c->x[0].stride[axis]);
}

/* What stands beside x along earlier axes lies in long pieces; along the last one it is filled with the row it belongs to, while that is in the cache. */
static tg_status pad_run(tg_call *c)
{
    const tg_shape *s = c->x[0].shape;
    double          room, elements = 1; /* room: of any dtype */
    tg_array        number = {.data = &room, .dtype = c->y.dtype};
    int64_t         units = 1;
    tg_dtypes[c->y.dtype].write(&room, ((const tg_pad_attr *)c->attr)->value);
    if (s->rank == 0) {
        memcpy(c->y.data, c->x[0].data, tg_dtype_size(c->y.dtype));
        return TG_OK;
    }
    for (int k = 0; k < s->rank; k++) {
        if (k < s->rank - 1) fill_beside(c, &number, k);
        if (k < s->rank - 1) units *= k == s->rank - 2 ? (s->dim[k] + PIECE - 1) / PIECE : s->dim[k];
        elements *= (double)c->y.shape->dim[k];
    }
    const int threads = tg_threads_for(c, units, elements);
    if (threads == 1) {
        for (int64_t u = 0; u < units; u++) put_piece(c, &number, u);
        return TG_OK;
    }
    TG_TEAM(num_threads(threads))
    {
#pragma omp for schedule(static) nowait
        for (int64_t u = 0; u < units; u++) put_piece(c, &number, u);
    }
    return TG_OK;
}

static tg_tensor *pad_vjp(const tg_call *c, int i, tg_tensor *g)
{
    const tg_pad_attr *a = c->attr;
    const tg_shape    *s = tg_shape_of(c->in[0]);
    (void)i;
    for (int k = 0; k < s->rank; k++) g = tg_slice_if(g, k, a->axis[k].before, a->axis[k].before + s->dim[k], 1);
    return g;
}

static tg_tensor *pad_batch(const tg_batch_call *b)
{
    const tg_pad_attr *a    = b->one->attr;
    const int       rank = tg_rank(b->one->out);
    tg_pad_attr     more = {.value = a->value};
    memcpy(more.axis + 1, a->axis, (size_t)rank * sizeof *a->axis);
    return tg_batch_record_with(b, &more, attr_size(rank + 1));
}

const tg_op tg_op_pad = {
    .name = "pad", .arity = 1, .flags = TG_OP_STRIDED, .infer = pad_infer, .run = pad_run, .vjp = pad_vjp, .batch = pad_batch};

/* ---- by elements of the tensor ----------------------------------------------------------------------------------------- */

/* What stands before or behind x along an axis, `count` elements of it. NULL after an error. */
static tg_tensor *margin(tg_tensor *x, int axis, int64_t count, bool before, tg_pad_mode mode)
{
    const tg_shape *s = tg_shape_of(x);
    if (!s) return NULL;
    const int64_t n = s->dim[axis];
    tg_shape      wide = *s;
    wide.dim[axis]     = count;
    if (mode == TG_PAD_REPLICATE) return tg_expand(tg_slice(x, axis, before ? 0 : n - 1, before ? 1 : n, 1), &wide);
    if (mode == TG_PAD_CIRCULAR) return tg_slice(x, axis, before ? n - count : 0, before ? n : count, 1);
    if (before) return tg_slice(x, axis, count, 0, -1);
    return tg_slice(x, axis, n - 2, n - 2 - count < 0 ? INT64_MIN : n - 2 - count, -1);
}

/* The most that one side of an axis of n elements can be padded by. */
static int64_t most(int64_t n, tg_pad_mode mode)
{
    return mode == TG_PAD_REFLECT ? n - 1 : mode == TG_PAD_CIRCULAR || n == 0 ? n : INT64_MAX;
}

static tg_tensor *pad_axis(tg_tensor *x, int axis, int64_t before, int64_t after, tg_pad_mode mode)
{
    tg_tensor    *part[3];
    int           n = 0;
    const int64_t size = tg_dim(x, axis), largest = before > after ? before : after;
    if (!x || largest <= 0) return x;
    if (largest > most(size, mode)) {
        tg_fail_on(tg_tape_of(x), TG_ERR_SHAPE, "tg_pad", "axis %d of size %lld has not the elements to be padded by %lld in this mode", axis,
                   (long long)size, (long long)largest);
        return NULL;
    }
    if (before > 0) part[n++] = margin(x, axis, before, true, mode);
    part[n++] = x;
    if (after > 0) part[n++] = margin(x, axis, after, false, mode);
    return tg_cat(part, n, axis);
}

/* ---- the public function ------------------------------------------------------------------------------------------------ */

/* before and after as numbers for each axis of x: lists that are shorter speak of the last ones. */
static bool read_widths(const tg_node *n, const tg_shape *before, const tg_shape *after, tg_pad_attr *a)
{
    const int rank = n->shape->rank;
    if (!before || !after || before->rank != after->rank || before->rank < 0 || before->rank > rank) {
        tg_fail_on(n->tape, before && after ? TG_ERR_SHAPE : TG_ERR_NULL, "tg_pad",
                   "needs two lists of equally many numbers, at most one for each of the %d axes", rank);
        return false;
    }
    for (int k = 0; k < rank; k++) {
        const int at = k - (rank - before->rank);
        a->axis[k].before = at < 0 ? 0 : before->dim[at];
        a->axis[k].after  = at < 0 ? 0 : after->dim[at];
    }
    return true;
}

/* Negative numbers cut elements off: x after that. NULL after a sentence. */
static tg_tensor *cropped(tg_tensor *x, const tg_pad_attr *a)
{
    const tg_shape *s = tg_shape_of(x);
    for (int k = 0; s && k < s->rank; k++) {
        const int64_t n = s->dim[k], from = a->axis[k].before < 0 ? a->axis[k].before : 0,
                      to = a->axis[k].after < 0 ? a->axis[k].after : 0;
        if (from < -n || to < -n || from + to < -n) {
            tg_fail_on(tg_tape_of(x), TG_ERR_SHAPE, "tg_pad", "axis %d has only %lld elements to cut off", k, (long long)n);
            return NULL;
        }
        x = tg_slice_if(x, k, -from, n + to, 1);
        s = tg_shape_of(x);
    }
    return x;
}

/* x within the option's number, on the sides that are not cut off. */
static tg_tensor *within(tg_tensor *x, tg_pad_attr *a)
{
    const int rank  = tg_rank(x);
    bool      grows = false;
    for (int k = 0; k < rank; k++) {
        if (a->axis[k].before < 0) a->axis[k].before = 0;
        if (a->axis[k].after < 0) a->axis[k].after = 0;
        grows = grows || a->axis[k].before || a->axis[k].after;
    }
    return grows ? tg_record(&tg_op_pad, &x, 1, a, attr_size(rank)) : x;
}

static bool check_options(const tg_node *n, const tg_pad_options *o)
{
    const bool mode = (unsigned)o->mode <= TG_PAD_CIRCULAR;
    if (!mode) tg_fail_on(n->tape, TG_ERR_ARG, "tg_pad", "%d is not one of the modes, TG_PAD_CONSTANT to TG_PAD_CIRCULAR", (int)o->mode);
    if (!mode || tg_dtype_holds((tg_dtype)n->dtype, o->value)) return mode;
    tg_fail_on(n->tape, TG_ERR_DTYPE, "tg_pad", "%s does not hold the number %.15g", tg_dtype_name((tg_dtype)n->dtype), o->value);
    return false;
}

tg_tensor *tg_pad(tg_tensor *x, const tg_shape *before, const tg_shape *after, const tg_pad_options *options)
{
    const tg_pad_options o = options ? *options : (tg_pad_options){TG_PAD_CONSTANT, 0};
    const tg_node       *n = tg_check(x, "tg_pad");
    tg_pad_attr          a = {.value = o.value};
    if (!n) return NULL;
    TG_CALL(n->tape);
    if (!check_options(n, &o) || !read_widths(n, before, after, &a)) return NULL;
    tg_tensor *y = x;
    if (o.mode == TG_PAD_CONSTANT) y = within(cropped(y, &a), &a);
    else {
        for (int k = 0; k < n->shape->rank; k++) y = pad_axis(y, k, a.axis[k].before, a.axis[k].after, o.mode);
        y = cropped(y, &a);
    }
    return y == x ? tg_view_of(x) : y;
}
