/* scatter_reduce.c - values that name the same place, reduced to one: made of other ops.
 *
 * Of values sorted by their places those of one place lie side by side,
 * and their product so far is a linear recurrence that begins anew at each place. */
#include "ops/index/index.h"

#include <tapegrad/index.h>
#include <tapegrad/order.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/shape.h>

static const char function[] = "tg_scatter_reduce";

/* Is there a value for the element of x? */
static tg_tensor *has_value(tg_tensor *x, int axis, tg_tensor *index)
{
    tg_tensor *place = tg_last_place(index, axis, tg_shape_of(x));
    return tg_ge(place, tg_number_like(place, 0, function));
}

/* Sums, or means: x counts as one of the terms, or where there are no others. */
static tg_tensor *added(tg_tensor *x, int axis, tg_tensor *index, tg_tensor *values, bool mean, bool without_self)
{
    tg_tensor *zero = tg_number_like(x, 0, function), *one = tg_number_like(x, 1, function), *has = without_self ? has_value(x, axis, index) : NULL;
    tg_tensor *sum = tg_scattered_to(has ? tg_where(has, zero, x) : x, values, index, axis, tg_shape_of(x));
    if (!mean) return sum;
    tg_tensor *times = tg_scattered(tg_expand_if(one, tg_shape_of(index)), index, axis, tg_shape_of(x));
    return tg_div(sum, without_self ? tg_maximum(times, one) : tg_add(times, one));
}

/* The largest value of each place; where there is none, x. */
static tg_tensor *largest(tg_tensor *x, int axis, tg_tensor *index, tg_tensor *values)
{
    const int64_t k = axis;
    return tg_record(&tg_op_scatter_max, (tg_tensor *[]){x, index, values}, 3, &k, sizeof k);
}

/* The product of each place's values; where there are none, x. */
static tg_tensor *multiplied(tg_tensor *x, int axis, tg_tensor *index, tg_tensor *values)
{
    const int64_t n = tg_dim(index, axis), attr[] = {axis, 0}; /* as tg_op_linear_scan has them */
    tg_tensor    *order, *sorted = tg_sort(tg_wrap_index(index, tg_dim(x, axis)), axis, false, &order), *v = tg_gather(values, axis, order);
    tg_shape      before = {.rank = tg_rank(x)}, none = before;
    before.dim[axis] = 1;
    tg_tensor *previous = tg_pad(tg_slice_if(sorted, axis, 0, n > 0 ? n - 1 : 0, 1), &before, &none, &(tg_pad_options){.value = -1});
    tg_tensor *same = tg_eq(sorted, previous), *zero = tg_number_like(v, 0, function);
    tg_tensor *recurrence[] = {tg_where(same, v, zero), tg_where(same, zero, v)};
    return tg_scatter(x, axis, sorted, tg_record(&tg_op_linear_scan, recurrence, 2, attr, sizeof attr));
}

static tg_tensor *reduced(tg_tensor *x, int axis, tg_tensor *index, tg_tensor *values, const tg_scatter_options *o)
{
    tg_tensor *y;
    switch (o->reduce) {
    case TG_SCATTER_PROD:
        if (o->without_self) return multiplied(x, axis, index, values);
        return tg_mul(x, multiplied(tg_ones_like(x), axis, index, values));
    case TG_SCATTER_AMAX: y = largest(x, axis, index, values); return o->without_self ? y : tg_maximum(x, y);
    case TG_SCATTER_AMIN: y = tg_neg(largest(tg_neg(x), axis, index, tg_neg(values))); return o->without_self ? y : tg_minimum(x, y);
    default: return added(x, axis, index, values, o->reduce == TG_SCATTER_MEAN, o->without_self);
    }
}

tg_tensor *tg_scatter_reduce(tg_tensor *x, int axis, tg_tensor *index, tg_tensor *values, const tg_scatter_options *options)
{
    const tg_scatter_options o = options ? *options : (tg_scatter_options){TG_SCATTER_SUM, false};
    const int                k = tg_check_scatter(x, axis, index, values, function);
    if (k < 0 || !tg_needs_float(x, function)) return NULL;
    TG_CALL_AS(tg_tape_of(x), function);
    if ((unsigned)o.reduce > TG_SCATTER_AMIN) {
        tg_fail_on(tg_tape_of(x), TG_ERR_ARG, function, "%d is not one of the ways to reduce, TG_SCATTER_SUM to TG_SCATTER_AMIN", (int)o.reduce);
        return NULL;
    }
    return tg_numel(index) == 0 ? tg_view_of(x) : reduced(x, k, index, tg_spoken_of(values, index), &o);
}
