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

/* An index tensor along an axis of x, in units that have nothing in common: each is a few columns of x with all places along the axis,
 *
 *     pick k, column j:  index element at + k next + j,  x's element from + index along + j,     k < picks, j < cols
 *
 * Columns are as many as fill a cache line, so that all that is in it is used while it is there. Where the axis is the last one a unit is
 * a line of the index, and all its picks belong to one column: j counts them, and x's element is from + index. */
typedef struct units {
    const tg_shape *index;
    int64_t         stride[TG_MAX_RANK]; /* in x, 0 along the axis */
    bool            last;
    int64_t         n, picks, middle, tiles, width, length, along;
} units;

typedef struct unit {
    int64_t at, from, cols;
} unit;

static units units_of(const tg_shape *index, const tg_shape *x, int64_t axis, size_t item)
{
    const tg_layout l = tg_layout_contiguous(x);
    const int       end = x->rank - 1;
    units           u = {.index = index, .last = axis == end, .n = 1, .picks = 1, .middle = 1, .along = l.stride[axis]};
    u.length = index->dim[end];
    u.width = u.last ? u.length : TG_ALIGN / (int64_t)item;
    u.tiles = u.last ? 1 : (u.length + u.width - 1) / u.width;
    for (int k = 0; k < end; k++) {
        u.stride[k] = k == axis ? 0 : l.stride[k];
        if (k == axis) u.picks = index->dim[k];
        else u.n *= index->dim[k];
        if (k > axis) u.middle *= index->dim[k];
    }
    u.n *= u.tiles;
    return u;
}

static unit unit_at(const units *u, int64_t number)
{
    const int64_t first = number % u->tiles * u->width, lines = number / u->tiles;
    int64_t       line = lines / u->middle * u->picks * u->middle + lines % u->middle;
    unit          w = {line * u->length + first, first, u->length - first < u->width ? u->length - first : u->width};
    for (int k = u->index->rank - 1; k-- > 0; line /= u->index->dim[k]) w.from += line % u->index->dim[k] * u->stride[k];
    return w;
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

/* The size of an element is known at compile time, so that each becomes one move. */
#define PICK(SIZE)                                                                                                     \
    for (int64_t k = 0; k < u.picks; k++) {                                                                            \
        const int64_t at = w.at + k * u.middle * u.length, *place = index + at;                                        \
        char         *to = (char *)c->y.data + at * (SIZE);                                                            \
        for (int64_t j = 0; j < w.cols; j++)                                                                           \
            memcpy(to + j * (SIZE), from + (place[j] * u.along + (u.last ? 0 : j)) * (SIZE), SIZE);                    \
    }

static tg_status gather_run(tg_call *c)
{
    const int64_t   axis = *(const int64_t *)c->attr;
    const tg_shape *x    = c->x[0].shape;
    const int64_t  *index, n = count_of(c->y.shape, 0, c->y.shape->rank);
    const size_t    size = tg_dtype_size(c->y.dtype);
    tg_status       s    = read_index(c, 1, x->dim[axis], &index);
    if (s != TG_OK || n == 0) return s;
    const units u       = units_of(c->y.shape, x, axis, size);
    const int   threads = tg_threads_for(c, u.n, (double)n);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = 0; i < u.n; i++) {
        const unit  w    = unit_at(&u, i);
        const char *from = (const char *)c->x[0].data + (size_t)w.from * size;
        if (size == 4) PICK(4)
        else if (size == 8) PICK(8)
        else PICK(1)
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

/* TO: the unit's own sums, [size][cols], or y itself, which is 0 where nothing was added yet. */
#define ADD_UNIT(TO, FROM, SUMS, ALONG)                                                                                \
    for (int64_t k = 0; k < u->picks; k++) {                                                                           \
        const int64_t at = w.at + k * u->middle * u->length;                                                           \
        for (int64_t j = 0; j < w.cols; j++)                                                                           \
            ((TO *)(SUMS))[index[at + j] * (ALONG) + (u->last ? 0 : j)] += (TO)((const FROM *)x)[at + j];              \
    }
#define STORE_UNIT(T)                                                                                                  \
    for (int64_t v = 0; v < size; v++)                                                                                 \
        for (int64_t j = 0; j < cols; j++) ((T *)y)[w.from + v * u->along + j] = (T)sums[v * cols + j];

static void add_unit(const units *u, unit w, tg_dtype dtype, const int64_t *index, const void *x, void *y, int64_t size, double *sums)
{
    const int64_t cols = u->last ? 1 : w.cols;
    if (!sums) {
        if (dtype == TG_F32) ADD_UNIT(float, float, (float *)y + w.from, u->along)
        else ADD_UNIT(double, double, (double *)y + w.from, u->along)
        return;
    }
    memset(sums, 0, (size_t)(size * cols) * sizeof *sums);
    if (dtype == TG_F32) ADD_UNIT(double, float, sums, cols)
    else ADD_UNIT(double, double, sums, cols)
    if (dtype == TG_F32) STORE_UNIT(float)
    else STORE_UNIT(double)
}

/* Where more than two values may meet they are added up in double; the sum of two is rounded once in either type. */
static tg_status scatter_add_run(tg_call *c)
{
    enum { MEET = 2 };
    const int64_t   axis = ((const scatter_attr *)c->attr)->axis;
    const tg_shape *y = c->y.shape, *shape = c->x[1].shape;
    const int64_t  *index, n = count_of(shape, 0, shape->rank), size = y->dim[axis];
    tg_status       s = read_index(c, 1, size, &index);
    bool            covers = true; /* all of y beside the axis */
    if (s != TG_OK) return s;
    for (int k = 0; k < y->rank; k++) covers = covers && (k == axis || shape->dim[k] == y->dim[k]);
    const bool few = shape->dim[axis] <= MEET;
    if (few || !covers || n == 0) zero(&c->y);
    if (n == 0) return TG_OK;
    const units   u = units_of(shape, y, axis, tg_dtype_size(c->y.dtype));
    const int     threads = tg_threads_for(c, u.n, (double)n + (double)u.n * (double)size);
    const int64_t room = size * (u.last ? 1 : u.width);
    double       *sums = NULL;
    if (!few && !(sums = tg_scratch(c, (size_t)threads * (size_t)room * sizeof *sums))) return TG_ERR_MEMORY;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = 0; i < u.n; i++)
        add_unit(&u, unit_at(&u, i), c->y.dtype, index, c->x[0].data, c->y.data, size, sums ? sums + omp_get_thread_num() * room : NULL);
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

/* Rows of a few elements are copied element by element: a call for each would cost more. */
#define SELECT(SIZE)                                                                                                   \
    for (int64_t k = 0; k < n; k++)                                                                                    \
        for (int64_t j = 0; j < row; j++) memcpy(y + (k * row + j) * (SIZE), x + (index[k] * row + j) * (SIZE), SIZE);

enum { NARROW = 16 };

static tg_status index_select_run(tg_call *c)
{
    const select_attr *a = c->attr;
    const tg_shape    *s = c->y.shape;
    const int64_t     *index, outer = count_of(s, 0, (int)a->axis), n = s->dim[a->axis], row = count_of(s, (int)a->axis + 1, s->rank);
    const int64_t      item   = (int64_t)tg_dtype_size(c->y.dtype);
    tg_status          status = read_index(c, 1, a->size, &index);
    if (status != TG_OK || row == 0) return status;
    const int threads = tg_threads_for(c, outer, (double)outer * (double)n * (double)row);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t o = 0; o < outer; o++) {
        const char *x = (const char *)c->x[0].data + o * a->size * row * item;
        char       *y = (char *)c->y.data + o * n * row * item;
        if (row < NARROW && item == 4) SELECT(4)
        else if (row < NARROW && item == 8) SELECT(8)
        else
            for (int64_t k = 0; k < n; k++) memcpy(y + k * row * item, x + index[k] * row * item, (size_t)(row * item));
    }
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

/* Rows of a few elements: all sums side by side. */
static tg_status add_narrow_rows(tg_call *c, const int64_t *index, int64_t outer, int64_t n, int64_t size, int64_t row)
{
    const int     threads = tg_threads_for(c, outer, (double)outer * (double)row * (double)(n + size));
    const int64_t room = size * row;
    double       *all = tg_scratch(c, (size_t)threads * (size_t)room * sizeof *all);
    if (!all) return TG_ERR_MEMORY;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t o = 0; o < outer; o++) {
        double *sum = all + omp_get_thread_num() * room;
        memset(sum, 0, (size_t)room * sizeof *sum);
#define ADD_NARROW(T)                                                                                                  \
    do {                                                                                                               \
        const T *x = (const T *)c->x[0].data + o * n * row;                                                            \
        for (int64_t k = 0; k < n; k++)                                                                                \
            for (int64_t j = 0; j < row; j++) sum[index[k] * row + j] += (double)x[k * row + j];                       \
        for (int64_t k = 0; k < room; k++) ((T *)c->y.data)[o * room + k] = (T)sum[k];                                 \
    } while (0)
        if (c->y.dtype == TG_F32) ADD_NARROW(float);
        else ADD_NARROW(double);
    }
    return TG_OK;
}

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
    if (row < NARROW) return add_narrow_rows(c, index, outer, n, a->size, row);
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
