/* named.c - of the indices that name a place the last, last_place, and that of the largest value, largest_place; and the largest value itself,
 * scatter_max. The indices are those of tg_gather; units.h says how the work is shared out. */
#include "ops/batch.h"
#include "ops/index/units.h"

#include <math.h>
#include <string.h>
#include <tapegrad/pointwise.h>

/* ---- last_place, and largest_place, which has the values, too: attr is the axis and the sizes of the result ------------- */

static tg_status place_infer(tg_call *c)
{
    const tg_scatter_attr *a = c->attr;
    c->shape.rank            = tg_in_shape(c, 0)->rank;
    memcpy(c->shape.dim, a->dim, (size_t)c->shape.rank * sizeof *a->dim);
    c->dtype = TG_I64;
    if (!tg_fits_beside(tg_in_shape(c, 0), &c->shape, a->axis)) return tg_fail(c, TG_ERR_SHAPE, "the index is larger than the tensor beside the axis");
    if (c->n_in > 1 && !tg_dtype_is_float(tg_dtype_of(c->in[1]))) return tg_fail(c, TG_ERR_DTYPE, "compares float32 and float64");
    if (c->n_in > 1 && !tg_shape_equal(tg_in_shape(c, 0), tg_in_shape(c, 1)))
        return tg_fail(c, TG_ERR_SHAPE, "values and index must have the same shape");
    return tg_need_index(c, 0);
}

/* No place is named so far. */
static inline void begin_places(const tg_index_lines *l, int64_t *y)
{
    for (int64_t v = 0; v < l->size; v++)
        for (int64_t j = 0; j < l->cols; j++) y[v * l->along + j] = -1;
}

TG_INDEX_LINES last_places(tg_index_lines l, tg_index_data d)
{
    int64_t *y = (int64_t *)d.y + l.from;
    begin_places(&l, y);
    TG_EACH_INDEX(l, d.index, d.index, place, at, y[place * l.along + j] = k; (void)at;)
    return true;
}
TG_INDEX_UNIT_FN(last_place_unit, last_places)

/* most: the largest value of each place, -inf where there is none; named, which may be NULL: is there one? NaN is the largest. Of two numbers the
 * processor has the larger one, or the later of equals, without a jump, half of which would come as a surprise; values among which there is NaN are
 * gone through again. Places: from the last value to the first, so that the first of equals stays. */
#define LARGEST(NAME, T)                                                                                               \
    TG_INDEX_LINES find_largest_##NAME(tg_index_lines l, tg_index_data d, T *most, uint8_t *named)                     \
    {                                                                                                                  \
        const T *x = d.x;                                                                                              \
        int      some_nan = 0;                                                                                         \
        for (int64_t v = 0; v < l.size * l.cols; v++) most[v] = -(T)INFINITY;                                          \
        for (int64_t v = 0; named && v < l.size * l.cols; v++) named[v] = 0;                                           \
        TG_EACH_INDEX(l, d.index, x, place, at, const int64_t m = place * l.cols + j; const T v = x[at];               \
                      most[m] = most[m] > v ? most[m] : v; if (named) named[m] = 1; some_nan |= v != v;)               \
        if (some_nan) TG_EACH_INDEX(l, d.index, x, place, at, if (x[at] != x[at]) most[place * l.cols + j] = x[at];)   \
        return true;                                                                                                   \
    }                                                                                                                  \
    TG_INDEX_LINES largest_places_##NAME(tg_index_lines l, tg_index_data d)                                            \
    {                                                                                                                  \
        const T *x = d.x, *most = d.room;                                                                              \
        int64_t *y = (int64_t *)d.y + l.from;                                                                          \
        if (!find_largest_##NAME(l, d, d.room, NULL)) return false;                                                    \
        begin_places(&l, y);                                                                                           \
        for (int64_t k = l.picks; k-- > 0;)                                                                            \
            for (int64_t j = 0; j < l.cols; j++) {                                                                     \
                const int64_t at = l.at + k * l.step + j, place = d.index[at], was = y[place * l.along + j];           \
                const T       v = x[at], m = most[place * l.cols + j];                                                 \
                const int64_t is = -(int64_t)((v == m) | ((v != v) & (m != m)));                                       \
                y[place * l.along + j] = (k & is) | (was & ~is);                                                       \
            }                                                                                                          \
        return true;                                                                                                   \
    }                                                                                                                  \
    TG_INDEX_UNIT_FN(largest_place_unit_##NAME, largest_places_##NAME)
LARGEST(f32, float)
LARGEST(f64, double)

static tg_status run_places(tg_call *c, tg_index_unit_fn work)
{
    const int64_t   axis = ((const tg_scatter_attr *)c->attr)->axis, all = tg_count_of(c->y.shape, 0, c->y.shape->rank);
    const tg_shape *s = c->x[0].shape;
    const tg_array *values = c->n_in > 1 ? &c->x[1] : &c->x[0];
    int64_t        *place = c->y.data;
    const bool      covers = tg_covers_all(s, c->y.shape, axis);
    for (int64_t k = 0; !covers && k < all; k++) place[k] = -1;
    if (tg_count_of(s, 0, s->rank) == 0) return TG_OK;
    const tg_index_units u = tg_index_units_of(s, c->y.shape, axis, 2 * sizeof(int64_t));
    const size_t         room = c->n_in > 1 ? tg_index_room(&u, tg_dtype_size(values->dtype)) : 0;
    return tg_run_index_units(c, 0, &u, work, values, NULL, room, tg_index_cost(&u, s));
}

static tg_status last_place_run(tg_call *c) { return run_places(c, last_place_unit); }
static tg_status largest_place_run(tg_call *c) { return run_places(c, c->x[1].dtype == TG_F32 ? largest_place_unit_f32 : largest_place_unit_f64); }

const tg_op tg_op_last_place = {
    .name = "last_place", .arity = 1, .nondiff = 1, .flags = TG_OP_ZERO_GRAD, .infer = place_infer, .run = last_place_run,
    .batch = tg_batch_along_sized};
const tg_op tg_op_largest_place = {
    .name = "largest_place", .arity = 2, .nondiff = 3, .flags = TG_OP_ZERO_GRAD, .infer = place_infer, .run = largest_place_run,
    .batch = tg_batch_along_sized};

static tg_tensor *places(const tg_op *op, tg_tensor *const *in, int axis, const tg_shape *shape)
{
    tg_scatter_attr a = {.axis = axis};
    memcpy(a.dim, shape->dim, (size_t)shape->rank * sizeof *a.dim);
    return tg_record(op, in, op->arity, &a, (1 + (size_t)shape->rank) * sizeof *a.dim);
}

tg_tensor *tg_last_place(tg_tensor *index, int axis, const tg_shape *shape) { return places(&tg_op_last_place, &index, axis, shape); }

tg_tensor *tg_largest_place(tg_tensor *index, tg_tensor *values, int axis, const tg_shape *shape)
{
    return places(&tg_op_largest_place, (tg_tensor *[]){index, values}, axis, shape);
}

/* ---- scatter_max: y = x, y[…, index, …] = the largest of the values that name the place. attr is the axis ---------------- */

static tg_status scatter_max_infer(tg_call *c)
{
    const tg_status s = tg_op_scatter.infer(c);
    return s != TG_OK || tg_dtype_is_float(c->dtype) ? s : tg_fail(c, TG_ERR_DTYPE, "compares float32 and float64");
}

/* room: the largest values, and behind them whether there is one. */
#define MAX(NAME, T)                                                                                                   \
    TG_INDEX_LINES max_##NAME(tg_index_lines l, tg_index_data d)                                                       \
    {                                                                                                                  \
        const T *base = (const T *)d.base + l.from, *most = d.room;                                                    \
        T       *y = (T *)d.y + l.from;                                                                                \
        uint8_t *named = (uint8_t *)d.room + (size_t)(l.size * l.cols) * sizeof(T);                                    \
        if (!find_largest_##NAME(l, d, d.room, named)) return false;                                                   \
        for (int64_t v = 0; v < l.size; v++)                                                                           \
            for (int64_t j = 0; j < l.cols; j++) {                                                                     \
                const T was = base[v * l.along + j], m = most[v * l.cols + j];                                         \
                y[v * l.along + j] = named[v * l.cols + j] ? m : was;                                                  \
            }                                                                                                          \
        return true;                                                                                                   \
    }                                                                                                                  \
    TG_INDEX_UNIT_FN(max_unit_##NAME, max_##NAME)
MAX(f32, float)
MAX(f64, double)

static tg_status scatter_max_run(tg_call *c)
{
    const int64_t   axis = *(const int64_t *)c->attr;
    const tg_shape *s = c->x[1].shape;
    const size_t    size = tg_dtype_size(c->y.dtype);
    tg_begin_others(c, s, axis, &c->x[0]);
    if (tg_count_of(s, 0, s->rank) == 0) return TG_OK;
    const tg_index_units u = tg_index_units_of(s, c->y.shape, axis, 2 * size + 1);
    return tg_run_index_units(c, 1, &u, c->y.dtype == TG_F32 ? max_unit_f32 : max_unit_f64, &c->x[2], &c->x[0], tg_index_room(&u, size + 1),
                              tg_index_cost(&u, s));
}

/* What was there has what arrives where no value came. Elsewhere the first of the largest values has it; where none came the place is -1, which counts
 * from the end: 0 is added to what the last value has. */
static tg_tensor *scatter_max_vjp(const tg_call *c, int i, tg_tensor *g)
{
    const int64_t   axis  = *(const int64_t *)c->attr;
    const tg_shape *shape = tg_in_shape(c, 1);
    tg_tensor      *zero  = tg_number_like(g, 0, "tg_scatter_reduce");
    if (tg_count_of(shape, 0, shape->rank) == 0) return i == 0 ? g : tg_expand_if(zero, shape);
    if (!c->shared[0]) c->shared[0] = tg_largest_place(c->in[1], c->in[2], (int)axis, tg_shape_of(g));
    tg_tensor *place = c->shared[0], *came = tg_ge(place, tg_number_like(place, 0, "tg_scatter_reduce"));
    tg_shape   whole = *tg_shape_of(g);
    whole.dim[axis]  = shape->dim[axis];
    return i == 0 ? tg_where(came, zero, g) : tg_spoken_of(tg_scattered(tg_where(came, g, zero), place, axis, &whole), c->in[1]);
}

/* The tangents of what is taken. */
static tg_tensor *scatter_max_jvp(const tg_call *c, tg_tensor *const *t)
{
    const int64_t axis = *(const int64_t *)c->attr;
    tg_tensor    *zero = tg_number_like(c->in[0], 0, "tg_scatter_reduce");
    tg_tensor    *x = t[0] ? t[0] : tg_expand_if(zero, tg_shape_of(c->in[0])), *values = t[2] ? t[2] : tg_expand_if(zero, tg_in_shape(c, 2));
    if (tg_numel(values) == 0) return x;
    return tg_take_places(x, (int)axis, tg_largest_place(c->in[1], c->in[2], (int)axis, tg_in_shape(c, 0)), values, "tg_scatter_reduce");
}

const tg_op tg_op_scatter_max = {.name    = "scatter_max",
                                 .arity   = 3,
                                 .nondiff = 2,
                                 .infer   = scatter_max_infer,
                                 .run     = scatter_max_run,
                                 .vjp     = scatter_max_vjp,
                                 .jvp     = scatter_max_jvp,
                                 .batch   = tg_batch_along};
