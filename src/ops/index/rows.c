/* rows.c - rows, or slices along an axis, that an index names, added up: index_add, the gradient of index_select, and embedding_bag, which picks rows
 * and adds them up at once. index.c says what holds for indices and additions. */
#include "ops/index/index.h"
#include "tensor/fetch.h"
#include "tensor/team.h"

#include <omp.h>
#include <string.h>
#include <tapegrad/index.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/shape.h>

/* ---- index_add: of x [outer, n, inner] y = zeros, or input 2, y[o, index[k], :] += x[o, k, :]. attr is the axis and y's size along it ---- */

enum { NARROW = 16 };

static tg_status index_add_infer(tg_call *c)
{
    const tg_select_attr *a = c->attr;
    c->shape                = *tg_in_shape(c, 0);
    c->dtype                = tg_dtype_of(c->in[0]);
    if (!tg_dtype_is_float(c->dtype)) return tg_fail(c, TG_ERR_DTYPE, "adds float32 and float64");
    if (tg_in_shape(c, 1)->rank != 1 || tg_in_shape(c, 1)->dim[0] != c->shape.dim[a->axis])
        return tg_fail(c, TG_ERR_SHAPE, "the index must have rank 1 and as many elements as the values have along axis %lld",
                       (long long)a->axis);
    c->shape.dim[a->axis] = a->size;
    if (c->n_in > 2 && tg_dtype_of(c->in[2]) != c->dtype) return tg_fail(c, TG_ERR_DTYPE, "the values' dtype is not the input's; convert one with tg_to");
    if (c->n_in > 2 && !tg_shape_equal(tg_in_shape(c, 2), &c->shape)) return tg_fail(c, TG_ERR_SHAPE, "what is added to must have the result's shape");
    return tg_need_index(c, 1);
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

/* y [row] = base, which may be NULL, and the sum of n rows of x: four at a time in T, these in double. Few rows are added up without a detour. */
#define FOUR(P)  (((P)[0][j] + (P)[1][j]) + ((P)[2][j] + (P)[3][j]))
#define WIDE(E)  (double)(E)
#define EACH(E)  for (int64_t j = 0; j < row; j++) y[j] = E; break;
#define ADD_ROWS(NAME, T)                                                                                              \
    static void add_few_##NAME(const T *const *p, int n, int64_t row, T *restrict y)                                   \
    {                                                                                                                  \
        switch (n) {                                                                                                   \
        case 1: EACH(p[0][j])                                                                                          \
        case 2: EACH(p[0][j] + p[1][j])                                                                                \
        case 3: EACH((T)(WIDE(p[0][j]) + WIDE(p[1][j]) + WIDE(p[2][j])))                                               \
        case 4: EACH(FOUR(p))                                                                                          \
        case 5: EACH((T)(WIDE(FOUR(p)) + WIDE(p[4][j])))                                                               \
        case 6: EACH((T)(WIDE(FOUR(p)) + WIDE(p[4][j]) + WIDE(p[5][j])))                                               \
        case 7: EACH((T)(WIDE(FOUR(p)) + WIDE(p[4][j]) + WIDE(p[5][j]) + WIDE(p[6][j])))                               \
        default: EACH((T)(WIDE(FOUR(p)) + WIDE(FOUR(p + 4))))                                                          \
        }                                                                                                              \
    }                                                                                                                  \
    static void add_rows_##NAME(const T *base, const T *x, const int64_t *at, int64_t n, int64_t row, T *y)            \
    {                                                                                                                  \
        enum { WIDTH = 512, FEW = 8 };                                                                                 \
        const T *p[FEW] = {base};                                                                                      \
        double   sum[WIDTH];                                                                                           \
        const int before = base != NULL;                                                                               \
        for (int k = 0; n + before <= FEW && k < n; k++) p[before + k] = x + at[k] * row;                              \
        if (n + before <= FEW) {                                                                                       \
            add_few_##NAME(p, before + (int)n, row, y);                                                                \
            return;                                                                                                    \
        }                                                                                                              \
        for (int64_t from = 0, w; from < row; from += w) {                                                             \
            int64_t k = 0;                                                                                             \
            w         = row - from < WIDTH ? row - from : WIDTH;                                                       \
            for (int64_t j = 0; j < w; j++) sum[j] = base ? (double)base[from + j] : 0;                                \
            for (; k + 4 <= n; k += 4) {                                                                               \
                for (int i = 0; i < 4; i++) p[i] = x + at[k + i] * row + from;                                         \
                for (int64_t j = 0; j < w; j++) sum[j] += WIDE(FOUR(p));                                               \
            }                                                                                                          \
            for (; k < n; k++)                                                                                         \
                for (int64_t j = 0; j < w; j++) sum[j] += (double)x[at[k] * row + from + j];                           \
            for (int64_t j = 0; j < w; j++) y[from + j] = (T)sum[j];                                                   \
        }                                                                                                              \
    }
ADD_ROWS(f32, float)
ADD_ROWS(f64, double)

/* Rows of a few elements: all sums side by side. */
#define ADD_NARROW_ROWS(ROW)                                                                                           \
    for (int64_t k = 0; k < n; k++)                                                                                    \
        for (int64_t j = 0; j < (ROW); j++) sum[index[k] * (ROW) + j] += (double)x[k * (ROW) + j];
#define ADD_NARROW(NAME, T)                                                                                            \
    static void add_narrow_##NAME(const int64_t *index, int64_t n, int64_t row, const T *x, double *restrict sum, int64_t room, const T *base, T *y) \
    {                                                                                                                  \
        for (int64_t k = 0; k < room; k++) sum[k] = base ? (double)base[k] : 0;                                        \
        switch (row) {                                                                                                 \
        case 1: ADD_NARROW_ROWS(1) break;                                                                              \
        case 2: ADD_NARROW_ROWS(2) break;                                                                              \
        case 4: ADD_NARROW_ROWS(4) break;                                                                              \
        case 8: ADD_NARROW_ROWS(8) break;                                                                              \
        default: ADD_NARROW_ROWS(row)                                                                                  \
        }                                                                                                              \
        for (int64_t k = 0; k < room; k++) y[k] = (T)sum[k];                                                           \
    }
ADD_NARROW(f32, float)
ADD_NARROW(f64, double)

static tg_status add_narrow_rows(tg_call *c, const int64_t *index, int64_t outer, int64_t n, int64_t size, int64_t row)
{
    const int     threads = tg_threads_for(c, outer, (double)outer * (double)row * (double)(n + size));
    const int64_t room = size * row;
    double       *all = tg_scratch(c, (size_t)threads * (size_t)room * sizeof *all);
    if (!all) return TG_ERR_MEMORY;
    TG_TEAM(num_threads(threads))
    {
#pragma omp for schedule(static) nowait
        for (int64_t o = 0; o < outer; o++) {
            double    *sum = all + omp_get_thread_num() * room;
            const void *x = c->x[0].data;
            const void *base = c->n_in > 2 ? (const char *)c->x[2].data + (size_t)(o * room) * tg_dtype_size(c->y.dtype) : NULL;
            if (c->y.dtype == TG_F32) add_narrow_f32(index, n, row, (const float *)x + o * n * row, sum, room, base, (float *)c->y.data + o * room);
            else add_narrow_f64(index, n, row, (const double *)x + o * n * row, sum, room, base, (double *)c->y.data + o * room);
        }
    }
    return TG_OK;
}

/* y [row] = base, which may be NULL, and the rows of x that are named. */
static void add_row(tg_dtype dtype, const void *base, const void *x, const int64_t *at, int64_t times, int64_t row, void *y)
{
    if (times == 0 && !base) memset(y, 0, (size_t)row * tg_dtype_size(dtype));
    else if (dtype == TG_F32) add_rows_f32(base, x, at, times, row, y);
    else add_rows_f64(base, x, at, times, row, y);
}

/* Row v of y is complete before the next begins, so that any thread may compute any row. */
static tg_status index_add_run(tg_call *c)
{
    const tg_select_attr *a = c->attr;
    const tg_shape       *s = c->x[0].shape;
    const int64_t        *index, *order, outer = tg_count_of(s, 0, (int)a->axis), n = s->dim[a->axis];
    const int64_t         row    = tg_count_of(s, (int)a->axis + 1, s->rank);
    const size_t          bytes  = (size_t)row * tg_dtype_size(c->y.dtype);
    tg_status             status = tg_read_place(c, 1, a->size, &index);
    if (status != TG_OK || row == 0 || outer == 0) return status;
    if (row < NARROW) return add_narrow_rows(c, index, outer, n, a->size, row);
    const int64_t *first = sort_places(c, index, n, a->size, &order);
    if (!first) return TG_ERR_MEMORY;
    const int threads = tg_threads_for(c, outer * a->size, (double)outer * (double)row * (double)(n + a->size));
    TG_TEAM(num_threads(threads))
    {
#pragma omp for schedule(dynamic, 16) nowait
        for (int64_t k = 0; k < outer * a->size; k++) {
            const int64_t v = k % a->size;
            const char   *base = c->n_in > 2 ? (const char *)c->x[2].data + (size_t)k * bytes : NULL;
            const char   *x = (const char *)c->x[0].data + (size_t)(k / a->size * n) * bytes;
            add_row(c->y.dtype, base, x, order + first[v], first[v + 1] - first[v], row, (char *)c->y.data + (size_t)k * bytes);
        }
    }
    return TG_OK;
}

static tg_tensor *index_add_vjp(const tg_call *c, int i, tg_tensor *g)
{
    return i == 2 ? g : tg_record(&tg_op_index_select, (tg_tensor *[]){g, c->in[1]}, 2, c->attr, c->attr_size);
}

/* What is added to comes by an addition of its own. */
static tg_tensor *index_add_batch(const tg_batch_call *b)
{
    tg_call       one = *b->one;
    tg_batch_call sum = *b;
    one.n_in = 2;
    sum.one  = &one;
    tg_tensor *added = b->batched[0] || b->batched[1] ? tg_batch_along_index(&sum, true, ((const tg_select_attr *)one.attr)->size)
                                                      : tg_record(one.op, b->in, 2, one.attr, one.attr_size);
    return b->one->n_in > 2 ? tg_add(tg_batch_input(b, 2), added) : added;
}

const tg_op tg_op_index_add = {.name    = "index_add",
                               .arity   = TG_ANY_ARITY,
                               .flags   = TG_OP_ROWS,
                               .nondiff = 2,
                               .infer   = index_add_infer,
                               .run     = index_add_run,
                               .vjp     = index_add_vjp,
                               .jvp     = tg_linear_jvp,
                               .batch   = index_add_batch};

tg_tensor *tg_add_slices(tg_tensor *x, int axis, tg_tensor *index, tg_tensor *values)
{
    const tg_select_attr a = {axis, tg_dim(x, axis)};
    return tg_record(&tg_op_index_add, (tg_tensor *[]){values, index, x}, 3, &a, sizeof a);
}

/* ---- embedding_bag: of weight [rows, width] and index [..., n] y [..., width] = the sum of the n rows that are named --------------- */

static tg_status bag_infer(tg_call *c)
{
    const tg_shape *w = tg_in_shape(c, 0), *index = tg_in_shape(c, 1);
    c->dtype = tg_dtype_of(c->in[0]);
    if (!tg_dtype_is_float(c->dtype)) return tg_fail(c, TG_ERR_DTYPE, "adds float32 and float64");
    if (w->rank != 2 || index->rank < 1) return tg_fail(c, TG_ERR_SHAPE, "takes a matrix and an index of one axis or more");
    c->shape = *index;
    c->shape.dim[index->rank - 1] = w->dim[1];
    return tg_need_index(c, 1);
}

static tg_status bag_run(tg_call *c)
{
    const tg_shape *s = c->x[1].shape, *w = c->x[0].shape;
    const int64_t   bags = tg_count_of(s, 0, s->rank - 1), n = s->dim[s->rank - 1], row = w->dim[1];
    const size_t    bytes = (size_t)row * tg_dtype_size(c->y.dtype);
    const int64_t  *index;
    const tg_status status = tg_read_place(c, 1, w->dim[0], &index);
    if (status != TG_OK || bags == 0 || row == 0) return status;
    const int threads = tg_threads_for(c, bags, (double)bags * (double)row * (double)(n + 1));
    TG_TEAM(num_threads(threads))
    {
#pragma omp for schedule(static) nowait
        for (int64_t b = 0; b < bags; b++) {
            for (int64_t k = 0; b + 1 < bags && k < n; k++) tg_fetch((const char *)c->x[0].data + (size_t)index[(b + 1) * n + k] * bytes, bytes);
            add_row(c->y.dtype, NULL, c->x[0].data, index + b * n, n, row, (char *)c->y.data + (size_t)b * bytes);
        }
    }
    return TG_OK;
}

/* Each row that is named has what arrived at its bag. */
static tg_tensor *bag_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    const tg_shape      *index = tg_in_shape(c, 1), *w = tg_in_shape(c, 0);
    const int64_t        n = tg_count_of(index, 0, index->rank);
    const tg_select_attr a = {0, w->dim[0]};
    const tg_shape       bags = {3, {tg_count_of(index, 0, index->rank - 1), 1, w->dim[1]}}, each = {3, {bags.dim[0], index->dim[index->rank - 1], w->dim[1]}};
    tg_tensor           *rows = tg_reshape_if(tg_expand_if(tg_reshape_if(g, &bags), &each), TG_SHAPE(n, w->dim[1]));
    return tg_record(&tg_op_index_add, (tg_tensor *[]){rows, tg_reshape_if(c->in[1], TG_SHAPE(n))}, 2, &a, sizeof a);
}

/* Each sample's table, if it has one of its own, lies behind those before. */
static tg_tensor *bag_batch(const tg_batch_call *b)
{
    if (!b->batched[0]) return tg_batch_record(b, b->in, NULL, 0);
    tg_tensor     *index = tg_batch_input(b, 1);
    tg_shape       column = {.rank = tg_rank(index), .dim = {b->size, 1, 1, 1, 1, 1, 1, 1}};
    const int64_t  rows = tg_dim(b->one->in[0], 0);
    tg_tensor     *number = tg_mul_s(tg_reshape(tg_arange(b->one->tape, TG_I64, b->size), &column), (double)rows);
    return tg_batch_record(b, (tg_tensor *[]){tg_batch_join(b->in[0], 0), tg_add(tg_wrap_index(index, rows), number)}, NULL, 0);
}

const tg_op tg_op_embedding_bag = {.name    = "embedding_bag",
                                   .arity   = 2,
                                   .nondiff = 2,
                                   .infer   = bag_infer,
                                   .run     = bag_run,
                                   .vjp     = bag_vjp,
                                   .jvp     = tg_linear_jvp,
                                   .batch   = bag_batch};
