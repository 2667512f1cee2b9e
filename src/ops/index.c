/* index.c - picking by index tensors: one_hot, gather, index_select, the additions that are their gradients, and the
 * check of labels.
 *
 * Indices are i64 or i32. They are checked when the values are computed; the sentence names the first bad one.
 * Additions at the same place happen in the order of the indices, those of many floats in double: the result is the same in every run,
 * for any number of threads, and right however often a place is named. */
#include "window.h"

#include <omp.h>
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

/* The lines of an index tensor along its last axis, and where they lie in a tensor of this shape: element j of line i belongs
 * to its element  at(i) + j step + index[i, j] along. */
typedef struct lines {
    const tg_shape *index;
    int64_t         stride[TG_MAX_RANK];
    int64_t         n, length, along, step;
} lines;

static lines lines_of(const tg_shape *index, const tg_shape *x, int64_t axis)
{
    const tg_layout l    = tg_layout_contiguous(x);
    const int       last = x->rank - 1;
    lines           u    = {.index = index, .n = 1, .length = index->dim[last], .along = l.stride[axis], .step = axis != last};
    for (int k = 0; k < last; k++) {
        u.stride[k] = k == axis ? 0 : l.stride[k];
        u.n *= index->dim[k];
    }
    return u;
}

static int64_t line_at(const lines *u, int64_t i)
{
    int64_t at = 0;
    for (int k = u->index->rank - 1; k-- > 0; i /= u->index->dim[k]) at += i % u->index->dim[k] * u->stride[k];
    return at;
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

/* One line. The size of an element is known at compile time, so that each becomes one move. */
#define PICK(SIZE)                                                                                                     \
    for (int64_t j = 0; j < u.length; j++)                                                                             \
        memcpy(to + j * (SIZE), from + (j * u.step + at[j] * u.along) * (SIZE), SIZE)

static tg_status gather_run(tg_call *c)
{
    const int64_t   axis = *(const int64_t *)c->attr;
    const tg_shape *x    = c->x[0].shape;
    const int64_t  *index, n = count_of(c->y.shape, 0, c->y.shape->rank);
    const size_t    size = tg_dtype_size(c->y.dtype);
    tg_status       s    = read_index(c, 1, x->dim[axis], &index);
    if (s != TG_OK || n == 0) return s;
    const lines u       = lines_of(c->y.shape, x, axis);
    const int   threads = tg_threads_for(c, u.n, (double)n);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = 0; i < u.n; i++) {
        const char    *from = (const char *)c->x[0].data + (size_t)line_at(&u, i) * size;
        char          *to   = (char *)c->y.data + (size_t)(i * u.length) * size;
        const int64_t *at   = index + i * u.length;
        if (size == 4) PICK(4);
        else if (size == 8) PICK(8);
        else PICK(1);
    }
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

/* y as slabs, the parts with the same place along the axes before `axis`, and the part of the index that goes into one. */
typedef struct slabs {
    int64_t n, size, picks;
    lines   of; /* of one slab's part of the index */
} slabs;

/* The number of the index's part that goes into y's slab o; -1: there is none. */
static int64_t part_of_slab(const tg_shape *index, const tg_shape *y, int64_t axis, int64_t o)
{
    int64_t part = 0, step = 1;
    for (int64_t k = axis; k-- > 0; o /= y->dim[k]) {
        if (o % y->dim[k] >= index->dim[k]) return -1;
        part += o % y->dim[k] * step;
        step *= index->dim[k];
    }
    return part;
}

/* Where more than two values may meet they are added up in double. */
#define ADD_SLAB(TO, FROM)                                                                                             \
    do {                                                                                                               \
        memset(to, 0, (size_t)d->size * sizeof *to);                                                                   \
        for (int64_t i = 0; i < d->of.n; i++) {                                                                        \
            const int64_t base = line_at(&d->of, i);                                                                   \
            for (int64_t j = 0; j < d->of.length; j++)                                                                 \
                to[base + j * d->of.step + at[i * d->of.length + j] * d->of.along] += (TO)((const FROM *)x)[i * d->of.length + j]; \
        }                                                                                                              \
    } while (0)

static void add_slab(const slabs *d, tg_dtype dtype, const int64_t *at, const void *x, void *y, double *sums)
{
    if (dtype == TG_F64) {
        double *to = y;
        ADD_SLAB(double, double);
    } else if (!sums) {
        float *to = y;
        ADD_SLAB(float, float);
    } else {
        double *to = sums;
        ADD_SLAB(double, float);
        for (int64_t k = 0; k < d->size; k++) ((float *)y)[k] = (float)sums[k];
    }
}

static tg_status scatter_add_run(tg_call *c)
{
    enum { MEET = 2 }; /* the sum of two is rounded once in either type */
    const int64_t   axis = ((const scatter_attr *)c->attr)->axis;
    const tg_shape *y = c->y.shape, *shape = c->x[1].shape;
    const size_t    item = tg_dtype_size(c->y.dtype);
    const int64_t  *index;
    tg_status       s = read_index(c, 1, y->dim[axis], &index);
    if (s != TG_OK) return s;
    if (count_of(shape, 0, shape->rank) == 0) {
        zero(&c->y);
        return TG_OK;
    }
    tg_shape of = {.rank = shape->rank - (int)axis}, in = {.rank = of.rank};
    memcpy(of.dim, shape->dim + axis, (size_t)of.rank * sizeof *of.dim);
    memcpy(in.dim, y->dim + axis, (size_t)of.rank * sizeof *in.dim);
    const slabs d = {.n = count_of(y, 0, (int)axis), .size = count_of(y, (int)axis, y->rank), .picks = count_of(&of, 0, of.rank),
                     .of = lines_of(&of, &in, 0)};
    const int   threads = tg_threads_for(c, d.n, (double)d.n * (double)(d.size + d.picks));
    double     *sums = NULL;
    if (c->y.dtype == TG_F32 && shape->dim[axis] > MEET && d.n > 0 && d.size > 0 &&
        !(sums = tg_scratch(c, (size_t)threads * (size_t)d.size * sizeof *sums)))
        return TG_ERR_MEMORY;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t o = 0; o < d.n; o++) {
        const int64_t part = part_of_slab(shape, y, axis, o);
        char         *to = (char *)c->y.data + (size_t)(o * d.size) * item;
        if (part < 0) memset(to, 0, (size_t)d.size * item);
        else
            add_slab(&d, c->y.dtype, index + part * d.picks, (const char *)c->x[0].data + (size_t)(part * d.picks) * item, to,
                     sums ? sums + (int64_t)omp_get_thread_num() * d.size : NULL);
    }
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

/* The places of each value among the indices, in their order: of value v order[first[v]] … order[first[v + 1] - 1]. NULL after an
 * error. */
static const int64_t *sort_places(tg_call *c, const int64_t *index, int64_t n, int64_t size, const int64_t **order)
{
    int64_t *first = tg_scratch(c, (size_t)(size + 2 + n) * sizeof *first), *sorted = first + size + 2;
    if (!first) return NULL;
    memset(first, 0, (size_t)(size + 2) * sizeof *first);
    for (int64_t k = 0; k < n; k++) first[index[k] + 2]++;
    for (int64_t v = 2; v < size + 2; v++) first[v] += first[v - 1];
    for (int64_t k = 0; k < n; k++) sorted[first[index[k] + 1]++] = k; /* moves each one's beginning to its end */
    *order = sorted;
    return first;
}

/* y [row] = the sum of n rows of x: few at a time in T, these in double. */
#define ADD_ROWS(NAME, T)                                                                                              \
    static void add_rows_##NAME(const T *x, const int64_t *at, int64_t n, int64_t row, T *y)                           \
    {                                                                                                                  \
        enum { WIDTH = 512 };                                                                                          \
        double sum[WIDTH];                                                                                             \
        for (int64_t from = 0, w; from < row; from += w) {                                                             \
            int64_t k = 0;                                                                                             \
            w         = row - from < WIDTH ? row - from : WIDTH;                                                       \
            memset(sum, 0, (size_t)w * sizeof *sum);                                                                   \
            for (; k + 4 <= n; k += 4) {                                                                               \
                const T *a = x + at[k] * row + from, *b = x + at[k + 1] * row + from;                                  \
                const T *d = x + at[k + 2] * row + from, *e = x + at[k + 3] * row + from;                              \
                for (int64_t j = 0; j < w; j++) sum[j] += (double)((a[j] + b[j]) + (d[j] + e[j]));                     \
            }                                                                                                          \
            for (; k < n; k++)                                                                                         \
                for (int64_t j = 0; j < w; j++) sum[j] += (double)x[at[k] * row + from + j];                           \
            for (int64_t j = 0; j < w; j++) y[from + j] = (T)sum[j];                                                   \
        }                                                                                                              \
    }
ADD_ROWS(f32, float)
ADD_ROWS(f64, double)

/* Row v of y is complete before the next begins, so that any thread may compute any row. */
static tg_status index_add_run(tg_call *c)
{
    const select_attr *a = c->attr;
    const tg_shape    *s = c->x[0].shape;
    const int64_t     *index, *order, outer = count_of(s, 0, (int)a->axis), n = s->dim[a->axis];
    const int64_t      row    = count_of(s, (int)a->axis + 1, s->rank);
    const size_t       item   = tg_dtype_size(c->y.dtype);
    tg_status          status = read_index(c, 1, a->size, &index);
    if (status != TG_OK || row == 0 || outer == 0) return status;
    const int64_t *first = sort_places(c, index, n, a->size, &order);
    if (!first) return TG_ERR_MEMORY;
    const int threads = tg_threads_for(c, outer * a->size, (double)outer * (double)row * (double)(n + a->size));
#pragma omp parallel for num_threads(threads) schedule(dynamic, 16)
    for (int64_t k = 0; k < outer * a->size; k++) {
        const int64_t  v = k % a->size, times = first[v + 1] - first[v], *at = order + first[v];
        const char    *x = (const char *)c->x[0].data + (size_t)(k / a->size * n * row) * item;
        char          *y = (char *)c->y.data + (size_t)(k * row) * item;
        if (times == 0) memset(y, 0, (size_t)row * item);
        else if (times == 1) memcpy(y, x + (size_t)(*at * row) * item, (size_t)row * item);
        else if (item == 4) add_rows_f32((const float *)(const void *)x, at, times, row, (float *)(void *)y);
        else add_rows_f64((const double *)(const void *)x, at, times, row, (double *)(void *)y);
    }
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
