/* cat.c - ops that move values between places: copy, cat, and unslice, which puts pieces into zeros. */
#include "ops/batch.h"
#include "ops/ops.h"
#include "ops/shape/move.h"

#include <string.h>
#include <tapegrad/shape.h>

/* ---- copies for strides that are best walked in blocks ---------------------------------------------------------------- */

static tg_status contiguous_infer(tg_call *c)
{
    c->shape = *tg_in_shape(c, 0);
    c->dtype = tg_dtype_of(c->in[0]);
    return TG_OK;
}

static tg_status contiguous_run(tg_call *c)
{
    tg_move(c, c->y.data, tg_dtype_size(c->y.dtype), 0, tg_layout_contiguous(c->y.shape).stride, &c->x[0], tg_put_rows[c->y.dtype]);
    return TG_OK;
}

static tg_tensor *contiguous_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)c, (void)i;
    return g;
}

const tg_op tg_op_contiguous = {
    .name = "contiguous", .arity = 1, .flags = TG_OP_STRIDED, .infer = contiguous_infer, .run = contiguous_run, .vjp = contiguous_vjp, .jvp = tg_linear_jvp,
    .batch = tg_batch_same};

static tg_tensor *contiguous(tg_tensor *x) { return tg_record(&tg_op_contiguous, &x, 1, NULL, 0); }

/* Is it a view, perhaps of a view, in which axes have changed places? */
static bool is_turned(const tg_node *n)
{
    for (; n->op->kind == TG_VIEW; n = tg_inputs(n)[0])
        if (n->op == &tg_op_permute) return true;
    return false;
}

tg_tensor *tg_apart(tg_tensor *x) { return is_turned(tg_node_of(x)) ? contiguous(x) : tg_copy(x); }

tg_node *tg_unreshaped(tg_node *n)
{
    tg_node *whole = n;
    while (whole->op == &tg_op_reshape) whole = tg_inputs(whole)[0];
    return whole->op->kind == TG_VIEW ? n : whole;
}

/* What is no view lies row-major already, and so does a reshape of it. */
tg_tensor *tg_contiguous(tg_tensor *x)
{
    const tg_node *n = tg_check(x, "tg_contiguous");
    if (!n) return NULL;
    while (n->op == &tg_op_reshape || n->op == &tg_op_detach) n = tg_inputs(n)[0];
    return n->op->kind == TG_VIEW ? contiguous(x) : tg_view_of(x);
}

/* ---- cat: attr is a list of int64_t, the axis and where along it each input begins -------------------------------- */

static tg_status cat_infer(tg_call *c)
{
    const int64_t axis = *(const int64_t *)c->attr;
    c->shape           = *tg_in_shape(c, 0);
    c->dtype           = tg_dtype_of(c->in[0]);
    for (int i = 1; i < c->n_in; i++) {
        const tg_shape *s = tg_in_shape(c, i);
        if (tg_dtype_of(c->in[i]) != c->dtype)
            return tg_fail(c, TG_ERR_DTYPE, "the dtype of input %d differs; convert it with tg_to", i);
        if (s->rank != c->shape.rank)
            return tg_fail(c, TG_ERR_SHAPE, "input %d has rank %d, and the first rank %d; tg_unsqueeze adds an axis", i, s->rank, c->shape.rank);
        bool fits = true;
        for (int k = 0; fits && k < s->rank; k++) fits = k == axis || s->dim[k] == c->shape.dim[k];
        if (!fits)
            return tg_fail(c, TG_ERR_SHAPE, "input %d differs from the first on an axis other than %lld", i, (long long)axis);
        if (__builtin_add_overflow(c->shape.dim[axis], s->dim[axis], &c->shape.dim[axis]))
            return tg_fail(c, TG_ERR_SHAPE, "the result is too large for memory");
    }
    return TG_OK;
}

static tg_status cat_run(tg_call *c)
{
    const int64_t  *attr = c->attr, axis = attr[0];
    const tg_layout y    = tg_layout_contiguous(c->y.shape);
    for (int i = 0; i < c->n_in; i++)
        tg_move(c, c->y.data, tg_dtype_size(c->y.dtype), attr[1 + i] * y.stride[axis], y.stride, &c->x[i], tg_put_rows[c->y.dtype]);
    return TG_OK;
}

static tg_tensor *cat_vjp(const tg_call *c, int i, tg_tensor *g)
{
    const int64_t *attr = c->attr, axis = attr[0], first = attr[1 + i];
    return tg_slice_if(g, (int)axis, first, first + tg_shape_of(c->in[i])->dim[axis], 1);
}

const tg_op tg_op_cat = {
    .name = "cat", .arity = TG_ANY_ARITY, .flags = TG_OP_STRIDED, .infer = cat_infer, .run = cat_run, .vjp = cat_vjp, .jvp = tg_linear_jvp,
    .batch = tg_batch_along};

tg_tensor *tg_cat(tg_tensor *const *x, int n, int axis)
{
    if (!x || n < 1) return NULL;
    const tg_node *first = tg_check(x[0], "tg_cat");
    const int64_t  k     = first ? tg_checked_axis(first, "tg_cat", axis) : -1;
    if (k < 0) return NULL;
    TG_CALL(first->tape);
    if (n == 1) return tg_copy(x[0]);
    enum { FEW = 15 };
    int64_t      few[1 + FEW], first_of = 0;
    const size_t bytes = (1 + (size_t)n) * sizeof *few;
    int64_t     *attr  = n <= FEW ? few : tg_value_room(first->tape, bytes);
    if (!attr) return NULL;
    attr[0] = k;
    for (int i = 0; i < n; i++) {
        const tg_node *one = tg_check(x[i], "tg_cat");
        if (!one) return NULL;
        attr[1 + i] = first_of; /* inputs that do not fit are found by infer */
        if (k < one->shape->rank && __builtin_add_overflow(first_of, one->shape->dim[k], &first_of)) first_of = INT64_MAX;
    }
    return tg_record(&tg_op_cat, x, n, attr, bytes);
}

/* ---- unslice: zeros, with each input added at its place; one alone is put there, whatever its dtype ----------------
 * Any number of pieces, so that the slices that a loop takes out of one tensor, step by step, give one gradient
 * together and not a tensor of zeros each. */

static tg_status unslice_infer(tg_call *c)
{
    const int64_t *attr = c->attr;
    c->dtype            = tg_dtype_of(c->in[0]);
    c->shape.rank       = (int)attr[0];
    memcpy(c->shape.dim, attr + 1, (size_t)c->shape.rank * sizeof *attr);
    if (c->n_in > 1 && !tg_dtype_is_float(c->dtype)) return tg_fail(c, TG_ERR_DTYPE, "adds float32 and float64");
    for (int i = 0; i < c->n_in; i++) {
        const tg_shape *s    = tg_in_shape(c, i);
        const int64_t  *p    = tg_unslice_piece(attr, i); /* within the shape: it comes from a slice of it */
        bool            fits = s->rank == c->shape.rank && tg_dtype_of(c->in[i]) == c->dtype;
        for (int k = 0; fits && k < s->rank; k++) fits = k == p[0] || s->dim[k] == c->shape.dim[k];
        if (!fits) return tg_fail(c, TG_ERR_SHAPE, "input %d does not fit into the result", i);
    }
    return TG_OK;
}

/* Do the pieces lie side by side, forwards or backwards, from one end of an axis to the other? */
static bool covers(const tg_call *c)
{
    const int64_t axis = tg_unslice_piece(c->attr, 0)[0], whole = c->y.shape->dim[axis];
    if (c->n_in == 1 && c->x[0].shape->dim[axis] == whole) return true; /* perhaps from its end */
    const bool forwards =
        tg_unslice_piece(c->attr, 0)[1] == 0 && (c->n_in == 1 || tg_unslice_piece(c->attr, c->n_in - 1)[1] != 0);
    int64_t at = forwards ? 0 : whole;
    for (int i = 0; i < c->n_in; i++) {
        const int64_t *p = tg_unslice_piece(c->attr, i), count = c->x[i].shape->dim[axis];
        if (p[0] != axis || p[2] != 1 || p[1] != (forwards ? at : at - count)) return false;
        at += forwards ? count : -count;
    }
    return at == (forwards ? whole : 0);
}

/* Do more than two pieces meet anywhere? The sum of two is rounded once in any type. Of pieces along different axes it is assumed. */
static tg_status many_meet(tg_call *c, bool *many)
{
    enum { MEET = 2 };
    const int64_t axis = tg_unslice_piece(c->attr, 0)[0], whole = c->y.shape->dim[axis];
    *many = c->n_in > MEET;
    for (int i = 1; *many && i < c->n_in; i++)
        if (tg_unslice_piece(c->attr, i)[0] != axis) return TG_OK;
    if (!*many) return TG_OK;
    uint8_t *times = tg_scratch(c, (size_t)whole);
    if (!times) return TG_ERR_MEMORY;
    if (whole) memset(times, 0, (size_t)whole);
    *many = false;
    for (int i = 0; i < c->n_in && !*many; i++) {
        const int64_t *p = tg_unslice_piece(c->attr, i);
        for (int64_t k = 0; k < c->x[i].shape->dim[axis]; k++) *many |= ++times[p[1] + k * p[2]] > MEET;
    }
    return TG_OK;
}

static void put_pieces(const tg_call *c, char *y, size_t size, tg_row_fn row)
{
    const tg_layout whole = tg_layout_contiguous(c->y.shape);
    for (int i = 0; i < c->n_in; i++) {
        const int64_t *p = tg_unslice_piece(c->attr, i);
        tg_layout      l = whole;
        l.stride[p[0]] *= p[2];
        tg_move(c, y, size, p[1] * whole.stride[p[0]], l.stride, &c->x[i], row);
    }
}

/* Where many floats meet they are added up in double. */
static tg_status unslice_run(tg_call *c)
{
    const size_t size = tg_dtype_size(c->y.dtype);
    size_t       bytes = 0;
    int64_t      n = 0;
    bool         many = false;
    tg_shape_size(c->y.shape, c->y.dtype, &n, &bytes);
    if (bytes == 0) return TG_OK;
    if (covers(c)) {
        put_pieces(c, c->y.data, size, tg_put_rows[c->y.dtype]);
        return TG_OK;
    }
    if (c->n_in == 1) {
        memset(c->y.data, 0, bytes);
        put_pieces(c, c->y.data, size, tg_put_rows[c->y.dtype]);
        return TG_OK;
    }
    if (c->y.dtype == TG_F32) {
        const tg_status s = many_meet(c, &many);
        if (s != TG_OK) return s;
    }
    if (!many) {
        memset(c->y.data, 0, bytes);
        put_pieces(c, c->y.data, size, tg_add_rows[c->y.dtype]);
        return TG_OK;
    }
    double *sum = tg_scratch(c, (size_t)n * sizeof *sum);
    if (!sum) return TG_ERR_MEMORY;
    memset(sum, 0, (size_t)n * sizeof *sum);
    put_pieces(c, (char *)sum, sizeof *sum, tg_add_f32_to_f64);
    for (int64_t k = 0; k < n; k++) ((float *)c->y.data)[k] = (float)sum[k];
    return TG_OK;
}

static tg_tensor *unslice_vjp(const tg_call *c, int i, tg_tensor *g)
{
    const int64_t *p     = tg_unslice_piece(c->attr, i);
    const int64_t  count = tg_shape_of(c->in[i])->dim[p[0]];
    int64_t        stop  = p[1] + (count - 1) * p[2] + (p[2] > 0 ? 1 : -1);
    if (count == 0) return tg_slice_if(g, (int)p[0], 0, 0, 1);
    if (stop < 0) stop = INT64_MIN; /* before the first element: -1 would mean the last */
    return tg_slice_if(g, (int)p[0], p[1], stop, p[2]);
}

/* One axis and one size more. */
static tg_tensor *unslice_batch(const tg_batch_call *b)
{
    const int64_t *attr   = b->one->attr;
    const int      rank   = (int)attr[0] + 1;
    const size_t   count  = tg_unslice_attr_count(rank, b->one->n_in);
    int64_t       *larger = tg_value_room(b->one->tape, count * sizeof *larger);
    if (!larger) return NULL;
    larger[0] = rank;
    larger[1] = b->size;
    memcpy(larger + 2, attr + 1, (count - 2) * sizeof *larger);
    for (int i = 0; i < b->one->n_in; i++) larger[tg_unslice_attr_count(rank, i)]++;
    return tg_batch_record_with(b, larger, count * sizeof *larger);
}

const tg_op tg_op_unslice = {.name  = "unslice",
                             .arity = TG_ANY_ARITY,
                             .flags = TG_OP_STRIDED,
                             .infer = unslice_infer,
                             .run   = unslice_run,
                             .vjp   = unslice_vjp,
                             .jvp   = tg_linear_jvp,
                             .merge = tg_unslice_merge,
                             .batch = unslice_batch};

tg_tensor *tg_unslice(tg_tensor *g, const tg_shape *shape, int axis, int64_t start, int64_t step)
{
    int64_t attr[1 + TG_MAX_RANK + TG_UNSLICE_PIECE] = {shape->rank};
    memcpy(attr + 1, shape->dim, (size_t)shape->rank * sizeof *attr);
    int64_t *p = attr + 1 + shape->rank;
    p[0]       = axis;
    p[1]       = start;
    p[2]       = step;
    return tg_record(&tg_op_unslice, &g, 1, attr, tg_unslice_attr_count(shape->rank, 1) * sizeof *attr);
}

tg_tensor *tg_unslice_merge(tg_tensor *const *pieces, int n)
{
    const tg_node *first = tg_check(n > 0 ? pieces[0] : NULL, "tg_unslice");
    if (!first || n == 1) return first ? pieces[0] : NULL;
    const int rank  = first->shape->rank;
    int       total = 0;
    for (int i = 0; i < n; i++) {
        const tg_node *p = tg_check(pieces[i], "tg_unslice");
        if (!p || __builtin_add_overflow(total, (int)p->n_in, &total)) return NULL;
    }
    const size_t count = tg_unslice_attr_count(rank, total);
    int64_t     *attr  = tg_value_room(first->tape, count * sizeof *attr);
    tg_tensor  **in    = tg_value_room(first->tape, (size_t)total * sizeof *in);
    if (!attr || !in) return NULL;
    memcpy(attr, tg_attr(first), tg_unslice_attr_count(rank, 0) * sizeof *attr);
    for (int i = 0, at = 0; i < n; i++) {
        const tg_node *p = tg_node_of(pieces[i]);
        memcpy(attr + tg_unslice_attr_count(rank, at), tg_unslice_piece(tg_attr(p), 0),
               TG_UNSLICE_PIECE * p->n_in * sizeof *attr);
        for (uint32_t k = 0; k < p->n_in; k++) in[at++] = tg_handle(tg_inputs(p)[k]);
    }
    return tg_record(&tg_op_unslice, in, total, attr, count * sizeof *attr);
}
