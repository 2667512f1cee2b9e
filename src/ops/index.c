/* index.c - picking by index tensors: one_hot, gather, index_select, the additions that are their gradients, and the
 * check of labels.
 *
 * Indices are i64 or i32. They are checked when the values are computed; the sentence names the first bad one.
 * Additions at the same place happen in the order of the indices: the result is the same in every run. */
#include "ops.h"

#include <string.h>

static bool is_index(tg_dtype d) { return d == TG_I64 || d == TG_I32; }

static tg_status need_index(const tg_call *c, int i)
{
    if (is_index(tg_dtype_of(c->in[i]))) return TG_OK;
    return tg_fail(c, TG_ERR_DTYPE, "indices are int64 or int32; convert them with tg_to(index, TG_I64)");
}

/* "[1,3]": where element k of a shape is. */
static const char *place(const tg_shape *s, int64_t k, char *text, size_t size)
{
    tg_shape at = {.rank = s->rank};
    for (int a = s->rank; a-- > 0; k /= s->dim[a]) at.dim[a] = k % s->dim[a];
    return tg_shape_text(&at, text, size);
}

static tg_status bad_index(const tg_call *c, const tg_array *index, int64_t k, int64_t v, int64_t size)
{
    char text[TG_SHAPE_TEXT];
    place(index->shape, k, text, sizeof text);
    if (size == 0)
        return tg_fail(c, TG_ERR_INDEX, "index %lld at %s: there is nothing to index, the size is 0", (long long)v,
                       text);
    return tg_fail(c, TG_ERR_INDEX, "index %lld at %s is outside 0 to %lld", (long long)v, text, (long long)(size - 1));
}

/* The values of index tensor i, every one in 0 … size-1, as *out; there may be none. */
static tg_status read_index(tg_call *c, int i, int64_t size, const int64_t **out)
{
    const tg_array *index = &c->x[i];
    int64_t         n     = 0;
    tg_shape_size(index->shape, TG_I64, &n, NULL);
    *out = index->data;
    if (index->dtype == TG_I32 && n > 0) {
        int64_t *wide = tg_scratch(c, (size_t)n * sizeof *wide);
        if (!wide) return TG_ERR_MEMORY;
        for (int64_t k = 0; k < n; k++) wide[k] = ((const int32_t *)index->data)[k];
        *out = wide;
    }
    for (int64_t k = 0; k < n; k++)
        if ((*out)[k] < 0 || (*out)[k] >= size) return bad_index(c, index, k, (*out)[k], size);
    return TG_OK;
}

/* One element; sizes are known at compile time, so that each becomes one move. */
static inline void copy_one(char *y, const char *x, size_t size)
{
    if (size == 4)
        memcpy(y, x, 4);
    else if (size == 8)
        memcpy(y, x, 8);
    else
        *y = *x;
}

static void zero(const tg_array *y)
{
    size_t bytes = 0;
    tg_shape_size(y->shape, y->dtype, NULL, &bytes);
    if (bytes) memset(y->data, 0, bytes);
}

static int64_t count_of(const tg_shape *s, int from, int to)
{
    int64_t n = 1;
    for (int k = from; k < to; k++) n *= s->dim[k];
    return n;
}

/* ---- check_index: attr is the number of classes ------------------------------------------------------------------ */

static tg_status check_index_infer(tg_call *c)
{
    c->shape = *tg_in_shape(c, 0);
    c->dtype = TG_I64;
    return need_index(c, 0);
}

static tg_status check_index_run(tg_call *c)
{
    const int64_t *index;
    tg_status      s = read_index(c, 0, *(const int64_t *)c->attr, &index);
    const int64_t  n = count_of(c->y.shape, 0, c->y.shape->rank);
    if (s == TG_OK && n > 0) memcpy(c->y.data, index, (size_t)n * sizeof *index);
    return s;
}

const tg_op tg_op_check_index = {.name    = "check_index",
                                 .arity   = 1,
                                 .nondiff = 1,
                                 .flags   = TG_OP_ZERO_GRAD,
                                 .infer   = check_index_infer,
                                 .run     = check_index_run};

tg_tensor *tg_check_index(tg_tensor *index, int64_t classes)
{
    return tg_record(&tg_op_check_index, &index, 1, &classes, sizeof classes);
}

/* ---- one_hot ----------------------------------------------------------------------------------------------------- */

typedef struct one_hot_attr {
    int64_t classes, dtype;
} one_hot_attr;

static tg_status one_hot_infer(tg_call *c)
{
    const one_hot_attr *a = c->attr;
    c->shape              = *tg_in_shape(c, 0);
    if (a->classes < 0) return tg_fail(c, TG_ERR_ARG, "the number of classes is %lld", (long long)a->classes);
    if (c->shape.rank == TG_MAX_RANK)
        return tg_fail(c, TG_ERR_SHAPE, "the result would have more than %d axes", TG_MAX_RANK);
    c->shape.dim[c->shape.rank++] = a->classes;
    c->dtype                      = (tg_dtype)a->dtype;
    return need_index(c, 0);
}

static tg_status one_hot_run(tg_call *c)
{
    const int64_t  classes = ((const one_hot_attr *)c->attr)->classes;
    const int64_t  n       = count_of(c->y.shape, 0, c->y.shape->rank - 1);
    const int64_t *index;
    tg_status      s = read_index(c, 0, classes, &index);
    if (s != TG_OK) return s;
    zero(&c->y);
    if (c->y.dtype == TG_F32)
        for (int64_t k = 0; k < n; k++) ((float *)c->y.data)[k * classes + index[k]] = 1;
    else
        for (int64_t k = 0; k < n; k++) ((double *)c->y.data)[k * classes + index[k]] = 1;
    return TG_OK;
}

const tg_op tg_op_one_hot = {
    .name = "one_hot", .arity = 1, .nondiff = 1, .flags = TG_OP_ZERO_GRAD, .infer = one_hot_infer, .run = one_hot_run};

tg_tensor *tg_one_hot(tg_tensor *index, int64_t classes)
{
    const tg_node *n = tg_check(index, "tg_one_hot");
    if (!n) return NULL;
    const one_hot_attr a = {classes, n->tape->dtype};
    return tg_record(&tg_op_one_hot, &index, 1, &a, sizeof a);
}

/* ---- gather: attr is the axis. scatter_add: and the sizes of the result ------------------------------------------ */

/* Runs over the elements of an index tensor and knows, for each, the offset in a tensor with this shape beside the
 * axis. */
typedef struct cursor {
    const tg_shape *index;
    int64_t         at[TG_MAX_RANK], stride[TG_MAX_RANK], along, offset;
} cursor;

static cursor cursor_make(const tg_shape *index, const tg_shape *x, int64_t axis)
{
    const tg_layout l = tg_layout_contiguous(x);
    cursor          u = {.index = index, .along = l.stride[axis]};
    for (int k = 0; k < x->rank; k++) u.stride[k] = k == axis ? 0 : l.stride[k];
    return u;
}

static inline void cursor_next(cursor *u)
{
    for (int k = u->index->rank; k-- > 0;) {
        u->offset += u->stride[k];
        if (++u->at[k] < u->index->dim[k]) return;
        u->offset -= u->stride[k] * u->at[k];
        u->at[k] = 0;
    }
}

/* Do the index's sizes stay within x's beside the axis? */
static bool fits_beside(const tg_shape *index, const tg_shape *x, int64_t axis)
{
    bool fits = index->rank == x->rank;
    for (int k = 0; fits && k < x->rank; k++) fits = k == axis || index->dim[k] <= x->dim[k];
    return fits;
}

static tg_status gather_infer(tg_call *c)
{
    const int64_t axis = *(const int64_t *)c->attr;
    if (!fits_beside(tg_in_shape(c, 1), tg_in_shape(c, 0), axis))
        return tg_fail(c, TG_ERR_SHAPE, "the index needs the input's rank, and beside axis %lld at most its sizes",
                       (long long)axis);
    c->shape = *tg_in_shape(c, 1);
    c->dtype = tg_dtype_of(c->in[0]);
    return need_index(c, 1);
}

static tg_status gather_run(tg_call *c)
{
    const int64_t   axis = *(const int64_t *)c->attr;
    const tg_shape *x    = c->x[0].shape;
    const int64_t  *index, n = count_of(c->y.shape, 0, c->y.shape->rank);
    const size_t    size = tg_dtype_size(c->y.dtype);
    tg_status       s    = read_index(c, 1, x->dim[axis], &index);
    if (s != TG_OK) return s;
    cursor u = cursor_make(c->y.shape, x, axis);
    for (int64_t k = 0; k < n; k++, cursor_next(&u))
        copy_one((char *)c->y.data + (size_t)k * size,
                 (const char *)c->x[0].data + (size_t)(u.offset + index[k] * u.along) * size, size);
    return TG_OK;
}

static tg_tensor *scatter_add(tg_tensor *g, tg_tensor *index, int64_t axis, const tg_shape *shape);

static tg_tensor *gather_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return scatter_add(g, c->in[1], *(const int64_t *)c->attr, tg_shape_of(c->in[0]));
}

const tg_op tg_op_gather = {
    .name = "gather", .arity = 2, .nondiff = 2, .infer = gather_infer, .run = gather_run, .vjp = gather_vjp};

tg_tensor *tg_gather(tg_tensor *x, int axis, tg_tensor *index)
{
    const tg_node *n = tg_check(x, "tg_gather");
    const int64_t  k = n ? tg_checked_axis(n, "tg_gather", axis) : -1;
    return k < 0 ? NULL : tg_record(&tg_op_gather, (tg_tensor *[]){x, index}, 2, &k, sizeof k);
}

typedef struct scatter_attr {
    int64_t axis, dim[TG_MAX_RANK];
} scatter_attr;

/* y = zeros, y[…, index, …] += src. */
static tg_status scatter_add_infer(tg_call *c)
{
    const scatter_attr *a = c->attr;
    c->shape.rank         = tg_in_shape(c, 1)->rank;
    memcpy(c->shape.dim, a->dim, (size_t)c->shape.rank * sizeof *a->dim);
    c->dtype = tg_dtype_of(c->in[0]);
    if (!tg_dtype_is_float(c->dtype)) return tg_fail(c, TG_ERR_DTYPE, "adds float32 and float64");
    if (!tg_shape_equal(tg_in_shape(c, 0), tg_in_shape(c, 1)) || !fits_beside(tg_in_shape(c, 1), &c->shape, a->axis))
        return tg_fail(c, TG_ERR_SHAPE, "values and index need one shape, that fits into the result beside the axis");
    return need_index(c, 1);
}

static tg_status scatter_add_run(tg_call *c)
{
    const int64_t  axis = ((const scatter_attr *)c->attr)->axis;
    const int64_t *index, n = count_of(c->x[1].shape, 0, c->x[1].shape->rank);
    tg_status      s = read_index(c, 1, c->y.shape->dim[axis], &index);
    if (s != TG_OK) return s;
    zero(&c->y);
    cursor u = cursor_make(c->x[1].shape, c->y.shape, axis);
    if (c->y.dtype == TG_F32)
        for (int64_t k = 0; k < n; k++, cursor_next(&u))
            ((float *)c->y.data)[u.offset + index[k] * u.along] += ((const float *)c->x[0].data)[k];
    else
        for (int64_t k = 0; k < n; k++, cursor_next(&u))
            ((double *)c->y.data)[u.offset + index[k] * u.along] += ((const double *)c->x[0].data)[k];
    return TG_OK;
}

static tg_tensor *scatter_add_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return tg_gather(g, (int)((const scatter_attr *)c->attr)->axis, c->in[1]);
}

const tg_op tg_op_scatter_add = {.name    = "scatter_add",
                                 .arity   = 2,
                                 .nondiff = 2,
                                 .infer   = scatter_add_infer,
                                 .run     = scatter_add_run,
                                 .vjp     = scatter_add_vjp};

static tg_tensor *scatter_add(tg_tensor *g, tg_tensor *index, int64_t axis, const tg_shape *shape)
{
    scatter_attr a = {.axis = axis};
    memcpy(a.dim, shape->dim, (size_t)shape->rank * sizeof *a.dim);
    return tg_record(&tg_op_scatter_add, (tg_tensor *[]){g, index}, 2, &a, (1 + (size_t)shape->rank) * sizeof axis);
}

/* ---- index_select and index_add: attr is the axis and x's size along it --------------------------------------------
 * x [outer, size, inner], y [outer, n, inner]: y[o, k, :] = x[o, index[k], :], and for index_add the reverse. */

typedef struct select_attr {
    int64_t axis, size;
} select_attr;

static tg_status index_select_infer(tg_call *c)
{
    const select_attr *a = c->attr;
    if (tg_in_shape(c, 1)->rank != 1) return tg_fail(c, TG_ERR_SHAPE, "the index needs rank 1");
    c->shape              = *tg_in_shape(c, 0);
    c->shape.dim[a->axis] = tg_in_shape(c, 1)->dim[0];
    c->dtype              = tg_dtype_of(c->in[0]);
    return need_index(c, 1);
}

static tg_status index_select_run(tg_call *c)
{
    const select_attr *a = c->attr;
    const tg_shape    *s = c->y.shape;
    const int64_t     *index, outer = count_of(s, 0, (int)a->axis), n = s->dim[a->axis];
    const size_t       row    = (size_t)count_of(s, (int)a->axis + 1, s->rank) * tg_dtype_size(c->y.dtype);
    tg_status          status = read_index(c, 1, a->size, &index);
    if (status != TG_OK || row == 0) return status;
    char *y = c->y.data;
    for (int64_t o = 0; o < outer; o++)
        for (int64_t k = 0; k < n; k++, y += row)
            memcpy(y, (const char *)c->x[0].data + (size_t)(o * a->size + index[k]) * row, row);
    return TG_OK;
}

static tg_tensor *index_select_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return tg_record(&tg_op_index_add, (tg_tensor *[]){g, c->in[1]}, 2, c->attr, c->attr_size);
}

const tg_op tg_op_index_select = {.name    = "index_select",
                                  .arity   = 2,
                                  .nondiff = 2,
                                  .infer   = index_select_infer,
                                  .run     = index_select_run,
                                  .vjp     = index_select_vjp};

tg_tensor *tg_index_select(tg_tensor *x, int axis, tg_tensor *index)
{
    const tg_node *n = tg_check(x, "tg_index_select");
    const int      k = n ? tg_checked_axis(n, "tg_index_select", axis) : -1;
    if (k < 0) return NULL;
    const select_attr a = {k, n->shape->dim[k]};
    return tg_record(&tg_op_index_select, (tg_tensor *[]){x, index}, 2, &a, sizeof a);
}

static tg_status index_add_infer(tg_call *c)
{
    const select_attr *a = c->attr;
    c->shape             = *tg_in_shape(c, 0);
    c->dtype             = tg_dtype_of(c->in[0]);
    if (!tg_dtype_is_float(c->dtype)) return tg_fail(c, TG_ERR_DTYPE, "adds float32 and float64");
    if (tg_in_shape(c, 1)->rank != 1 || tg_in_shape(c, 1)->dim[0] != c->shape.dim[a->axis])
        return tg_fail(c, TG_ERR_SHAPE, "the index needs rank 1 and the values' size along axis %lld",
                       (long long)a->axis);
    c->shape.dim[a->axis] = a->size;
    return need_index(c, 1);
}

#define ADD_ROW(T)                                                                                                     \
    do {                                                                                                               \
        T       *y = (T *)c->y.data + (o * a->size + index[k]) * row;                                                  \
        const T *x = (const T *)c->x[0].data + (o * n + k) * row;                                                      \
        for (int64_t j = 0; j < row; j++) y[j] += x[j];                                                                \
    } while (0)

static tg_status index_add_run(tg_call *c)
{
    const select_attr *a = c->attr;
    const tg_shape    *s = c->x[0].shape;
    const int64_t     *index, outer = count_of(s, 0, (int)a->axis), n = s->dim[a->axis];
    const int64_t      row    = count_of(s, (int)a->axis + 1, s->rank);
    tg_status          status = read_index(c, 1, a->size, &index);
    if (status != TG_OK) return status;
    zero(&c->y);
    for (int64_t o = 0; row > 0 && o < outer; o++)
        for (int64_t k = 0; k < n; k++)
            if (c->y.dtype == TG_F32)
                ADD_ROW(float);
            else
                ADD_ROW(double);
    return TG_OK;
}

static tg_tensor *index_add_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return tg_record(&tg_op_index_select, (tg_tensor *[]){g, c->in[1]}, 2, c->attr, c->attr_size);
}

const tg_op tg_op_index_add = {.name    = "index_add",
                               .arity   = 2,
                               .nondiff = 2,
                               .infer   = index_add_infer,
                               .run     = index_add_run,
                               .vjp     = index_add_vjp};
