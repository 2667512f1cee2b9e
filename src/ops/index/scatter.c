/* scatter.c - ops that put values where an index tensor names a place along an axis for each: scatter_add, the gradient of gather, and scatter, which
 * puts them over others. index.c says what holds for indices and additions, units.h how the work is
 * shared out. */
#include "ops/batch.h"
#include "ops/index/units.h"

#include <string.h>
#include <tapegrad/index.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/shape.h>

/* Lines of y as they are in base, or zeros where there is none. */
static inline void begin_lines(const tg_index_lines *l, const tg_index_data *d, size_t item)
{
    const int64_t side_by_side = l->along == 1 ? l->size : 1;
    for (int64_t v = 0; v < l->size; v += side_by_side) {
        const size_t at = (size_t)(l->from + v * l->along) * item, bytes = (size_t)(side_by_side * l->cols) * item;
        if (d->base) memcpy((char *)d->y + at, (const char *)d->base + at, bytes);
        else memset((char *)d->y + at, 0, bytes);
    }
}

/* ---- scatter_add: y = zeros, or input 2, y[…, index, …] += x. attr is the axis and the sizes of y ------------------------ */

static tg_status scatter_add_infer(tg_call *c)
{
    const tg_scatter_attr *a = c->attr;
    c->shape.rank            = tg_in_shape(c, 1)->rank;
    memcpy(c->shape.dim, a->dim, (size_t)c->shape.rank * sizeof *a->dim);
    c->dtype = tg_dtype_of(c->in[0]);
    if (!tg_dtype_is_float(c->dtype)) return tg_fail(c, TG_ERR_DTYPE, "adds float32 and float64");
    if (!tg_shape_equal(tg_in_shape(c, 0), tg_in_shape(c, 1)) || !tg_fits_beside(tg_in_shape(c, 1), &c->shape, a->axis))
        return tg_fail(c, TG_ERR_SHAPE, "values and index must have the same shape, no larger than the result on every other axis");
    if (c->n_in > 2 && tg_dtype_of(c->in[2]) != c->dtype) return tg_fail(c, TG_ERR_DTYPE, "the values' dtype is not the input's; convert one with tg_to");
    if (c->n_in > 2 && !tg_shape_equal(tg_in_shape(c, 2), &c->shape)) return tg_fail(c, TG_ERR_SHAPE, "what is added to must have the result's shape");
    return tg_need_index(c, 1);
}

/* room: sums of the unit's own; without it y is added to. */
#define ADD(NAME, T)                                                                                                   \
    TG_INDEX_LINES add_##NAME(tg_index_lines l, tg_index_data d)                                                       \
    {                                                                                                                  \
        const T *x = d.x, *base = d.base ? (const T *)d.base + l.from : NULL;                                          \
        T       *y = (T *)d.y + l.from;                                                                                \
        double  *sum = d.room;                                                                                         \
        if (!sum) {                                                                                                    \
            begin_lines(&l, &d, sizeof(T));                                                                            \
            TG_EACH_INDEX(l, d.index, x, place, at, y[place * l.along + j] += x[at];)                                     \
            return true;                                                                                               \
        }                                                                                                              \
        for (int64_t v = 0; v < l.size; v++)                                                                           \
            for (int64_t j = 0; j < l.cols; j++) sum[v * l.cols + j] = base ? (double)base[v * l.along + j] : 0;       \
        TG_EACH_INDEX(l, d.index, x, place, at, sum[place * l.cols + j] += (double)x[at];)                                \
        for (int64_t v = 0; v < l.size; v++)                                                                           \
            for (int64_t j = 0; j < l.cols; j++) y[v * l.along + j] = (T)sum[v * l.cols + j];                          \
        return true;                                                                                                   \
    }                                                                                                                  \
    TG_INDEX_UNIT_FN(add_unit_##NAME, add_##NAME)
ADD(f32, float)
ADD(f64, double)

/* Where more than two values may meet they are added up in double; the sum of two is rounded once in either type. */
static tg_status scatter_add_run(tg_call *c)
{
    enum { MEET = 2 };
    const int64_t   axis = ((const tg_scatter_attr *)c->attr)->axis;
    const tg_shape *shape = c->x[1].shape;
    const tg_array *base = c->n_in > 2 ? &c->x[2] : NULL;
    tg_begin_others(c, shape, axis, base);
    if (tg_count_of(shape, 0, shape->rank) == 0) return TG_OK;
    const tg_index_units u = tg_index_units_of(shape, c->y.shape, axis, sizeof(double));
    const bool           few = shape->dim[axis] + (base != NULL) <= MEET;
    return tg_run_index_units(c, 1, &u, c->y.dtype == TG_F32 ? add_unit_f32 : add_unit_f64, &c->x[0], base,
                              few ? 0 : tg_index_room(&u, sizeof(double)), tg_index_cost(&u, shape));
}

static tg_tensor *scatter_add_vjp(const tg_call *c, int i, tg_tensor *g)
{
    return i == 2 ? g : tg_gather(g, (int)((const tg_scatter_attr *)c->attr)->axis, c->in[1]);
}

const tg_op tg_op_scatter_add = {.name    = "scatter_add",
                                 .arity   = TG_ANY_ARITY,
                                 .nondiff = 2,
                                 .infer   = scatter_add_infer,
                                 .run     = scatter_add_run,
                                 .vjp     = scatter_add_vjp,
                                 .jvp     = tg_linear_jvp,
                                 .batch   = tg_batch_along_sized};

tg_tensor *tg_scattered_to(tg_tensor *base, tg_tensor *values, tg_tensor *index, int64_t axis, const tg_shape *shape)
{
    tg_scatter_attr a = {.axis = axis};
    memcpy(a.dim, shape->dim, (size_t)shape->rank * sizeof *a.dim);
    return tg_record(&tg_op_scatter_add, (tg_tensor *[]){values, index, base}, base ? 3 : 2, &a, (1 + (size_t)shape->rank) * sizeof axis);
}

tg_tensor *tg_scattered(tg_tensor *g, tg_tensor *index, int64_t axis, const tg_shape *shape) { return tg_scattered_to(NULL, g, index, axis, shape); }

/* ---- scatter: y = x, y[…, index, …] = values, the last one of several. attr is the axis ------------------------------ */

static tg_status scatter_infer(tg_call *c)
{
    const int64_t axis = *(const int64_t *)c->attr;
    c->shape           = *tg_in_shape(c, 0);
    c->dtype           = tg_dtype_of(c->in[0]);
    if (tg_dtype_of(c->in[2]) != c->dtype) return tg_fail(c, TG_ERR_DTYPE, "the values' dtype is not the input's; convert one with tg_to");
    if (!tg_shape_equal(tg_in_shape(c, 2), tg_in_shape(c, 1)) || !tg_fits_beside(tg_in_shape(c, 1), &c->shape, axis))
        return tg_fail(c, TG_ERR_SHAPE, "values and index must have the same shape, no larger than the input on every other axis");
    return tg_need_index(c, 1);
}

/* One after the other, so that the last one stays. */
#define PUT(NAME, T)                                                                                                   \
    TG_INDEX_LINES put_##NAME(tg_index_lines l, tg_index_data d)                                                       \
    {                                                                                                                  \
        const T *x = d.x;                                                                                              \
        T       *y = (T *)d.y + l.from;                                                                                \
        begin_lines(&l, &d, sizeof(T));                                                                                \
        TG_EACH_INDEX(l, d.index, x, place, at, y[place * l.along + j] = x[at];)                                          \
        return true;                                                                                                   \
    }                                                                                                                  \
    TG_INDEX_UNIT_FN(put_unit_##NAME, put_##NAME)
PUT(1, uint8_t)
PUT(2, uint16_t)
PUT(4, uint32_t)
PUT(8, uint64_t)

static tg_status scatter_run(tg_call *c)
{
    const int64_t   axis = *(const int64_t *)c->attr;
    const tg_shape *shape = c->x[1].shape;
    const size_t    size = tg_dtype_size(c->y.dtype);
    tg_begin_others(c, shape, axis, &c->x[0]);
    if (tg_count_of(shape, 0, shape->rank) == 0) return TG_OK;
    const tg_index_units u = tg_index_units_of(shape, c->y.shape, axis, size);
    return tg_run_index_units(c, 1, &u, size == 4 ? put_unit_4 : size == 8 ? put_unit_8 : size == 2 ? put_unit_2 : put_unit_1, &c->x[2], &c->x[0], 0,
                              tg_index_cost(&u, shape));
}

/* What was there has no gradient where a value came: zeros are put there. Of the values the last one of each place has what arrives there. */
static tg_tensor *scatter_vjp(const tg_call *c, int i, tg_tensor *g)
{
    const int64_t axis = *(const int64_t *)c->attr;
    if (i == 2) return tg_gather_last(g, axis, c->in[1]);
    tg_tensor *zeros = tg_expand_if(tg_number_like(g, 0, "tg_scatter"), tg_in_shape(c, 1));
    return tg_record(&tg_op_scatter, (tg_tensor *[]){g, c->in[1], zeros}, 3, &axis, sizeof axis);
}

const tg_op tg_op_scatter = {
    .name = "scatter", .arity = 3, .nondiff = 2, .infer = scatter_infer, .run = scatter_run, .vjp = scatter_vjp, .jvp = tg_linear_jvp, .batch = tg_batch_along};
