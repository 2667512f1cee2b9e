/* gather.c - picking by an index tensor that names a place along an axis for each element: gather, scatter_add, which is its
 * gradient, and scatter, which puts values over others. index.c says what holds for indices and additions. */
#include "ops/batch.h"
#include "ops/index/index.h"
#include "ops/shape/move.h"
#include "tensor/fetch.h"
#include "tensor/team.h"

#include <omp.h>
#include <string.h>
#include <tapegrad/index.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/shape.h>

/* ---- pieces of work -------------------------------------------------------------------------------------------------
 *
 * The index tensor is cut into units that have nothing in common. A unit is some columns of x with all places along the axis,
 *
 *     pick k, column j:  index element at + k step + j,  x's element from + index along + j,     k < picks, j < cols
 *
 * The places of a unit fit into the core's own cache, where they can be picked in any order: columns are as many as that allows, and at
 * least as many as fill a cache line. Where the axis is the last one a unit is some lines of the index, and each has its own place in x:
 *
 *     line k, column j:  index element at + k step + j,  x's element from (k) + index */

enum { LINE = TG_ALIGN / sizeof(float), MOST_COLUMNS = 2048, UNIT = 16384, ROOM = 128 << 10 /* bytes */, AHEAD = 8 };

typedef struct units {
    const tg_shape *index;
    int64_t         stride[TG_MAX_RANK]; /* in x, 0 along the axis */
    bool            last;
    int64_t         n, lines, picks, middle, tiles, width, length, along, size;
} units;

typedef struct unit {
    int64_t at, from, cols, picks;
    int64_t place[TG_MAX_RANK]; /* of the first line, but for the last axis */
} unit;

/* item: the bytes that a place takes while its unit is worked on. */
static units units_of(const tg_shape *index, const tg_shape *x, int64_t axis, size_t item)
{
    const tg_layout l = tg_layout_contiguous(x);
    const int       end = x->rank - 1;
    units           u = {.index = index, .last = axis == end, .lines = 1, .picks = 1, .middle = 1, .along = l.stride[axis]};
    u.length = index->dim[end];
    u.size = x->dim[axis];
    for (int k = 0; k < end; k++) {
        u.stride[k] = k == axis ? 0 : l.stride[k];
        if (k == axis) u.picks = index->dim[k];
        else u.lines *= index->dim[k];
        if (k > axis) u.middle *= index->dim[k];
    }
    if (u.last) {
        u.width = u.length;
        u.picks = UNIT / u.length + 1;
        u.n = (u.lines + u.picks - 1) / u.picks;
        return u;
    }
    u.width = ROOM / (int64_t)item / u.size / LINE * LINE;
    if (u.width < LINE) u.width = LINE;
    if (u.width > MOST_COLUMNS) u.width = MOST_COLUMNS;
    if (u.width > u.length) u.width = u.length;
    u.tiles = (u.length + u.width - 1) / u.width;
    u.n = u.lines * u.tiles;
    return u;
}

static unit unit_at(const units *u, int64_t number)
{
    const int64_t first = u->last ? 0 : number % u->tiles * u->width, lines = u->last ? number * u->picks : number / u->tiles;
    int64_t       line = u->last ? lines : lines / u->middle * u->picks * u->middle + lines % u->middle;
    unit          w = {.at = line * u->length + first, .from = first, .cols = u->length - first, .picks = u->picks};
    if (w.cols > u->width) w.cols = u->width;
    if (u->last && w.picks > u->lines - lines) w.picks = u->lines - lines;
    for (int k = u->index->rank - 1; k-- > 0; line /= u->index->dim[k]) {
        w.place[k] = line % u->index->dim[k];
        w.from += w.place[k] * u->stride[k];
    }
    return w;
}

/* From one line to the next, where the axis is the last one. */
static void next_line(const units *u, unit *w)
{
    for (int k = u->index->rank - 1; k-- > 0;) {
        w->from += u->stride[k];
        if (++w->place[k] < u->index->dim[k]) return;
        w->from -= w->place[k] * u->stride[k];
        w->place[k] = 0;
    }
}

/* Rows of a unit lie apart, where the processor does not look ahead by itself. */
static inline int64_t ahead_of(int64_t k, int64_t picks, int64_t step) { return k + AHEAD < picks ? AHEAD * step : 0; }

/* Do the index's sizes stay within x's beside the axis? */
static bool fits_beside(const tg_shape *index, const tg_shape *x, int64_t axis)
{
    bool fits = index->rank == x->rank;
    for (int k = 0; fits && k < x->rank; k++) fits = k == axis || index->dim[k] <= x->dim[k];
    return fits;
}

/* ---- gather: attr is the axis ------------------------------------------------------------------------------------- */

static tg_status gather_infer(tg_call *c)
{
    const int64_t axis = *(const int64_t *)c->attr;
    if (!fits_beside(tg_in_shape(c, 1), tg_in_shape(c, 0), axis))
        return tg_fail(c, TG_ERR_SHAPE, "the index must have the input's rank and, on every axis but %lld, at most its size",
                       (long long)axis);
    c->shape = *tg_in_shape(c, 1);
    c->dtype = tg_dtype_of(c->in[0]);
    return tg_need_index(c, 1);
}

/* Places that lie far apart are copied side by side first (to `room`), if they will be picked more often than that costs: lines that lie
 * some power of 2 apart take the cache from one another. */
#define PICK(NAME, T)                                                                                                  \
    static void pick_##NAME(const units *u, unit w, const int64_t *index, const void *from, void *to, void *room)      \
    {                                                                                                                  \
        const T       *x = from;                                                                                       \
        T             *y = to;                                                                                         \
        const int64_t cols = w.cols, step = u->middle * u->length;                                                    \
        int64_t       along = u->along;                                                                               \
        if (u->last) {                                                                                                 \
            for (int64_t k = 0; k < w.picks; k++, next_line(u, &w)) {                                                  \
                const int64_t *place = index + w.at + k * cols;                                                        \
                for (int64_t j = 0; j < cols; j++) y[w.at + k * cols + j] = x[w.from + place[j]];                      \
            }                                                                                                          \
            return;                                                                                                    \
        }                                                                                                              \
        x += w.from;                                                                                                   \
        if (room) {                                                                                                    \
            for (int64_t k = 0; k < u->size; k++) memcpy((T *)room + k * cols, x + k * along, (size_t)cols * sizeof(T)); \
            x = room;                                                                                                  \
            along = cols;                                                                                              \
        }                                                                                                              \
        for (int64_t k = 0; k < w.picks; k++) {                                                                        \
            const int64_t *place = index + w.at + k * step;                                                            \
            T             *o = y + w.at + k * step;                                                                    \
            const int64_t  ahead = ahead_of(k, w.picks, step);                                                         \
            tg_fetch(place + ahead, (size_t)cols * sizeof *place);                                                     \
            tg_fetch(o + ahead, (size_t)cols * sizeof *o);                                                             \
            for (int64_t j = 0; j < cols; j++) o[j] = x[place[j] * along + j];                                         \
        }                                                                                                              \
    }
PICK(1, uint8_t)
PICK(2, uint16_t)
PICK(4, uint32_t)
PICK(8, uint64_t)

static tg_status gather_run(tg_call *c)
{
    const int64_t   axis = *(const int64_t *)c->attr;
    const tg_shape *x    = c->x[0].shape;
    const int64_t  *index, n = tg_count_of(c->y.shape, 0, c->y.shape->rank);
    const size_t    size = tg_dtype_size(c->y.dtype);
    tg_status       s    = tg_read_place(c, 1, x->dim[axis], &index);
    if (s != TG_OK || n == 0) return s;
    const units  u       = units_of(c->y.shape, x, axis, size);
    const int    threads = tg_threads_for(c, u.n, (double)n);
    const size_t bytes   = (size_t)u.size * (size_t)u.width * size;
    char        *room    = NULL;
    if (!u.last && u.along > u.width && u.picks >= u.size / 2 && !(room = tg_scratch(c, (size_t)threads * bytes))) return TG_ERR_MEMORY;
    TG_TEAM(num_threads(threads))
    {
#pragma omp for schedule(static) nowait
        for (int64_t i = 0; i < u.n; i++) {
            char *own = room ? room + (size_t)omp_get_thread_num() * bytes : NULL;
            (size == 4 ? pick_4 : size == 8 ? pick_8 : size == 2 ? pick_2 : pick_1)(&u, unit_at(&u, i), index, c->x[0].data, c->y.data, own);
        }
    }
    return TG_OK;
}

static tg_tensor *gather_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return tg_scattered(g, c->in[1], *(const int64_t *)c->attr, tg_shape_of(c->in[0]));
}

/* From one vector all samples' indices pick as one. */
static tg_tensor *gather_batch(const tg_batch_call *b)
{
    if (b->batched[0] || tg_rank(b->in[0]) != 1) return tg_batch_along(b);
    tg_tensor *all = tg_reshape(b->in[1], TG_SHAPE(b->size * tg_dim(b->in[1], 1)));
    return tg_batch_split(tg_gather(b->in[0], 0, all), 0, b->size, tg_dim(b->in[1], 1));
}

const tg_op tg_op_gather = {
    .name = "gather", .arity = 2, .nondiff = 2, .infer = gather_infer, .run = gather_run, .vjp = gather_vjp, .jvp = tg_linear_jvp, .batch = gather_batch};

tg_tensor *tg_gather(tg_tensor *x, int axis, tg_tensor *index)
{
    const tg_node *n = tg_check(x, "tg_gather");
    const int64_t  k = n ? tg_checked_axis(n, "tg_gather", axis) : -1;
    return k < 0 ? NULL : tg_record(&tg_op_gather, (tg_tensor *[]){x, index}, 2, &k, sizeof k);
}

/* ---- scatter_add: y = zeros, y[…, index, …] += x. attr is the axis and the sizes of y -------------------------------- */

static tg_status scatter_add_infer(tg_call *c)
{
    const tg_scatter_attr *a = c->attr;
    c->shape.rank            = tg_in_shape(c, 1)->rank;
    memcpy(c->shape.dim, a->dim, (size_t)c->shape.rank * sizeof *a->dim);
    c->dtype = tg_dtype_of(c->in[0]);
    if (!tg_dtype_is_float(c->dtype)) return tg_fail(c, TG_ERR_DTYPE, "adds float32 and float64");
    if (!tg_shape_equal(tg_in_shape(c, 0), tg_in_shape(c, 1)) || !fits_beside(tg_in_shape(c, 1), &c->shape, a->axis))
        return tg_fail(c, TG_ERR_SHAPE, "values and index must have the same shape, no larger than the result on every other axis");
    return tg_need_index(c, 1);
}

/* One after the other into `sum`, where places lie `along` apart. */
#define ADD(NAME, TO, FROM)                                                                                            \
    static void add_##NAME(TO *sum, int64_t along, const int64_t *place, const FROM *x, int64_t picks, int64_t step, int64_t cols) \
    {                                                                                                                  \
        for (int64_t k = 0; k < picks; k++, place += step, x += step) {                                                \
            const int64_t ahead = ahead_of(k, picks, step);                                                            \
            tg_fetch(place + ahead, (size_t)cols * sizeof *place);                                                     \
            tg_fetch(x + ahead, (size_t)cols * sizeof *x);                                                             \
            for (int64_t j = 0; j < cols; j++) sum[place[j] * along + j] += (TO)x[j];                                  \
        }                                                                                                              \
    }                                                                                                                  \
    static void add_line_##NAME(TO *sum, const int64_t *place, const FROM *x, int64_t n)                               \
    {                                                                                                                  \
        for (int64_t j = 0; j < n; j++) sum[place[j]] += (TO)x[j];                                                     \
    }
ADD(f32, float, float)
ADD(f64, double, double)
ADD(f32_to_f64, double, float)

/* sums: the unit's own, [size][cols] and for the last axis [size]; without them y is added to, which is 0 where nothing was added yet.
 * SUM: what adds up in them. */
#define ADD_UNIT(NAME, T, SUM)                                                                                         \
    static void add_unit_##NAME(const units *u, unit w, const int64_t *index, const void *from, void *to, double *sums) \
    {                                                                                                                  \
        const T      *x = from;                                                                                        \
        T            *y = to;                                                                                          \
        const int64_t cols = w.cols, step = u->middle * u->length;                                                     \
        if (u->last) {                                                                                                 \
            for (int64_t k = 0, at = w.at; k < w.picks; k++, at += cols, next_line(u, &w)) {                           \
                if (!sums) {                                                                                           \
                    add_line_##NAME(y + w.from, index + at, x + at, cols);                                             \
                    continue;                                                                                          \
                }                                                                                                      \
                for (int64_t v = 0; v < u->size; v++) sums[v] = 0;                                                     \
                add_line_##SUM(sums, index + at, x + at, cols);                                                        \
                for (int64_t v = 0; v < u->size; v++) y[w.from + v] = (T)sums[v];                                      \
            }                                                                                                          \
            return;                                                                                                    \
        }                                                                                                              \
        if (!sums) {                                                                                                   \
            add_##NAME(y + w.from, u->along, index + w.at, x + w.at, w.picks, step, cols);                             \
            return;                                                                                                    \
        }                                                                                                              \
        memset(sums, 0, (size_t)(u->size * cols) * sizeof *sums);                                                      \
        add_##SUM(sums, cols, index + w.at, x + w.at, w.picks, step, cols);                                            \
        for (int64_t v = 0; v < u->size; v++)                                                                          \
            for (int64_t j = 0; j < cols; j++) y[w.from + v * u->along + j] = (T)sums[v * cols + j];                   \
    }
ADD_UNIT(f32, float, f32_to_f64)
ADD_UNIT(f64, double, f64)

/* Where more than two values may meet they are added up in double; the sum of two is rounded once in either type. */
static tg_status scatter_add_run(tg_call *c)
{
    enum { MEET = 2 };
    const int64_t   axis = ((const tg_scatter_attr *)c->attr)->axis;
    const tg_shape *y = c->y.shape, *shape = c->x[1].shape;
    const int64_t  *index, n = tg_count_of(shape, 0, shape->rank), size = y->dim[axis];
    tg_status       s      = tg_read_place(c, 1, size, &index);
    bool            covers = true; /* all of y beside the axis */
    if (s != TG_OK) return s;
    for (int k = 0; k < y->rank; k++) covers = covers && (k == axis || shape->dim[k] == y->dim[k]);
    const bool few = shape->dim[axis] <= MEET;
    if (few || !covers || n == 0) tg_zero_array(&c->y);
    if (n == 0) return TG_OK;
    const units   u = units_of(shape, y, axis, sizeof(double));
    const int     threads = tg_threads_for(c, u.n, (double)n + (double)u.lines * (double)(u.last ? 1 : u.length) * (double)size);
    const int64_t room = size * (u.last ? 1 : u.width);
    double       *sums = NULL;
    if (!few && !(sums = tg_scratch(c, (size_t)threads * (size_t)room * sizeof *sums))) return TG_ERR_MEMORY;
    TG_TEAM(num_threads(threads))
    {
#pragma omp for schedule(static) nowait
        for (int64_t i = 0; i < u.n; i++) {
            double *own = sums ? sums + omp_get_thread_num() * room : NULL;
            (c->y.dtype == TG_F32 ? add_unit_f32 : add_unit_f64)(&u, unit_at(&u, i), index, c->x[0].data, c->y.data, own);
        }
    }
    return TG_OK;
}

static tg_tensor *scatter_add_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return tg_gather(g, (int)((const tg_scatter_attr *)c->attr)->axis, c->in[1]);
}

const tg_op tg_op_scatter_add = {.name    = "scatter_add",
                                 .arity   = 2,
                                 .nondiff = 2,
                                 .infer   = scatter_add_infer,
                                 .run     = scatter_add_run,
                                 .vjp     = scatter_add_vjp,
                                 .jvp     = tg_linear_jvp,
                                 .batch   = tg_batch_along_sized};

tg_tensor *tg_scattered(tg_tensor *g, tg_tensor *index, int64_t axis, const tg_shape *shape)
{
    tg_scatter_attr a = {.axis = axis};
    memcpy(a.dim, shape->dim, (size_t)shape->rank * sizeof *a.dim);
    return tg_record(&tg_op_scatter_add, (tg_tensor *[]){g, index}, 2, &a, (1 + (size_t)shape->rank) * sizeof axis);
}

/* ---- scatter: y = x, y[…, index, …] = values, the last one of several. attr is the axis ------------------------------ */

static tg_status scatter_infer(tg_call *c)
{
    const int64_t axis = *(const int64_t *)c->attr;
    c->shape           = *tg_in_shape(c, 0);
    c->dtype           = tg_dtype_of(c->in[0]);
    if (tg_dtype_of(c->in[2]) != c->dtype) return tg_fail(c, TG_ERR_DTYPE, "the values' dtype is not the input's; convert one with tg_to");
    if (!tg_shape_equal(tg_in_shape(c, 2), tg_in_shape(c, 1)) || !fits_beside(tg_in_shape(c, 1), &c->shape, axis))
        return tg_fail(c, TG_ERR_SHAPE, "values and index must have the same shape, no larger than the input on every other axis");
    return tg_need_index(c, 1);
}

/* One after the other, so that the last one stays. */
#define PUT(NAME, T)                                                                                                   \
    static void put_##NAME(const units *u, unit w, const int64_t *index, const void *from, void *to)                   \
    {                                                                                                                  \
        const T      *x = from;                                                                                        \
        T            *y = to;                                                                                          \
        const int64_t cols = w.cols, step = u->last ? cols : u->middle * u->length;                                    \
        const int64_t along = u->last ? 1 : u->along, beside = u->last ? 0 : 1;                                        \
        for (int64_t k = 0, at = w.at; k < w.picks; k++, at += step) {                                                 \
            const int64_t ahead = ahead_of(k, w.picks, step);                                                          \
            tg_fetch(index + at + ahead, (size_t)cols * sizeof *index);                                                \
            tg_fetch(x + at + ahead, (size_t)cols * sizeof *x);                                                        \
            for (int64_t j = 0; j < cols; j++) y[w.from + index[at + j] * along + j * beside] = x[at + j];             \
            if (u->last) next_line(u, &w);                                                                             \
        }                                                                                                              \
    }
PUT(1, uint8_t)
PUT(2, uint16_t)
PUT(4, uint32_t)
PUT(8, uint64_t)

static tg_status scatter_run(tg_call *c)
{
    const int64_t   axis = *(const int64_t *)c->attr;
    const tg_shape *y = c->y.shape, *shape = c->x[1].shape;
    const int64_t  *index, n = tg_count_of(shape, 0, shape->rank);
    const size_t    size = tg_dtype_size(c->y.dtype);
    const tg_status s    = tg_read_place(c, 1, y->dim[axis], &index);
    if (s != TG_OK) return s;
    tg_move(c, c->y.data, size, 0, tg_layout_contiguous(y).stride, &c->x[0], tg_put_rows[c->y.dtype]);
    if (n == 0) return TG_OK;
    const units u       = units_of(shape, y, axis, size);
    const int   threads = tg_threads_for(c, u.n, (double)n);
    TG_TEAM(num_threads(threads))
    {
#pragma omp for schedule(static) nowait
        for (int64_t i = 0; i < u.n; i++)
            (size == 4 ? put_4 : size == 8 ? put_8 : size == 2 ? put_2 : put_1)(&u, unit_at(&u, i), index, c->x[2].data, c->y.data);
    }
    return TG_OK;
}

/* What was there has no gradient where a value came: zeros are put there. Of the values the last one of each place has what arrives there; where
 * none came the place is -1, which counts from the end: 0 is added to what the last value has. */
static tg_tensor *scatter_vjp(const tg_call *c, int i, tg_tensor *g)
{
    const int64_t   axis  = *(const int64_t *)c->attr;
    const tg_shape *shape = tg_in_shape(c, 1);
    tg_tensor      *zero  = tg_number_like(g, 0, "tg_scatter");
    if (i == 0) return tg_record(&tg_op_scatter, (tg_tensor *[]){g, c->in[1], tg_expand_if(zero, shape)}, 3, &axis, sizeof axis);
    if (tg_count_of(shape, 0, shape->rank) == 0) return tg_expand_if(zero, shape);
    tg_tensor *place = tg_last_place(c->in[1], (int)axis, tg_shape_of(g)), *came = tg_ge(place, tg_number_like(place, 0, "tg_scatter"));
    tg_shape   whole = *tg_shape_of(g);
    whole.dim[axis]  = shape->dim[axis];
    return tg_spoken_of(tg_scattered(tg_where(came, g, zero), place, axis, &whole), c->in[1]);
}

const tg_op tg_op_scatter = {
    .name = "scatter", .arity = 3, .nondiff = 2, .infer = scatter_infer, .run = scatter_run, .vjp = scatter_vjp, .jvp = tg_linear_jvp, .batch = tg_batch_along};
