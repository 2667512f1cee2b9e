/* order.c - what follows from sorting, made of other ops: topk, kthvalue, median, quantile. */
#include "ops/ops.h"

#include <math.h>
#include <tapegrad/index.h>
#include <tapegrad/order.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/reduce.h>
#include <tapegrad/shape.h>

/* The axis of a call whose places go to *places, NULL so far; -1 after a sentence. */
static int begin(tg_tensor *x, int axis, tg_tensor **places, const char *function)
{
    if (places) *places = NULL;
    const tg_node *n = tg_check(x, function);
    return n ? tg_checked_axis(n, function, axis) : -1;
}

/* ---- elements by their rank ------------------------------------------------------------------------------------------------- */

tg_tensor *tg_topk(tg_tensor *x, int64_t k, int axis, bool largest, tg_tensor **places)
{
    const int a = begin(x, axis, places, "tg_topk");
    if (a < 0) return NULL;
    TG_CALL(tg_tape_of(x));
    if (k < 0 || k > tg_dim(x, a)) {
        tg_fail_on(tg_tape_of(x), TG_ERR_ARG, "tg_topk", "%lld elements are not possible; axis %d has %lld", (long long)k, a, (long long)tg_dim(x, a));
        return NULL;
    }
    return tg_sort_first(x, k, a, largest, places);
}

/* Element k of what is sorted along an axis, and of its places. */
static tg_tensor *element(tg_tensor *sorted, int axis, int64_t k, bool keepdim)
{
    return keepdim ? tg_slice(sorted, axis, k, k + 1, 1) : tg_select(sorted, axis, k);
}

tg_tensor *tg_kthvalue(tg_tensor *x, int64_t k, int axis, bool keepdim, tg_tensor **places)
{
    const int a = begin(x, axis, places, "tg_kthvalue");
    if (a < 0) return NULL;
    TG_CALL(tg_tape_of(x));
    if (k < 1 || k > tg_dim(x, a)) {
        tg_fail_on(tg_tape_of(x), TG_ERR_ARG, "tg_kthvalue", "there is no element number %lld; axis %d has %lld", (long long)k, a, (long long)tg_dim(x, a));
        return NULL;
    }
    tg_tensor *place, *y = element(tg_sort_first(x, k, a, false, &place), a, k - 1, keepdim);
    if (places && y && !(*places = element(place, a, k - 1, keepdim))) return NULL;
    return y;
}

/* false after a sentence: the axis has no elements. */
static bool has_elements(tg_tensor *x, int axis, const char *function)
{
    if (tg_dim(x, axis) > 0) return true;
    tg_fail_on(tg_tape_of(x), TG_ERR_SHAPE, function, "axis %d has no elements, and so no middle", axis);
    return false;
}

/* a, but the last of the sorted elements where that is NaN: then NaN is among them. */
static tg_tensor *or_nan(tg_tensor *a, tg_tensor *last, tg_tensor *instead)
{
    return tg_dtype_is_float(tg_dtype_of(last)) ? tg_where(tg_eq(last, last), a, instead) : a;
}

tg_tensor *tg_median(tg_tensor *x, int axis, bool keepdim, tg_tensor **places)
{
    const int a = begin(x, axis, places, "tg_median");
    if (a < 0) return NULL;
    TG_CALL(tg_tape_of(x));
    if (!has_elements(x, a, "tg_median")) return NULL;
    const int64_t n = tg_dim(x, a);
    tg_tensor    *place, *sorted = tg_sort(x, a, false, &place), *last = element(sorted, a, n - 1, keepdim);
    tg_tensor    *y = or_nan(element(sorted, a, (n - 1) / 2, keepdim), last, last);
    if (places && y && !(*places = or_nan(element(place, a, (n - 1) / 2, keepdim), last, element(place, a, n - 1, keepdim)))) return NULL;
    return y;
}

/* How many elements of a line are numbers, and so stand before the others in a sorted one: f64, the axis kept with size 1. */
static tg_tensor *count_of_numbers(tg_tensor *x, int axis) { return tg_sum(tg_to(tg_eq(x, x), TG_F64), TG_AXES(axis), true); }

tg_tensor *tg_nanmedian(tg_tensor *x, int axis, bool keepdim, tg_tensor **places)
{
    const int a = begin(x, axis, places, "tg_nanmedian");
    if (a < 0) return NULL;
    TG_CALL(tg_tape_of(x));
    if (!has_elements(x, a, "tg_nanmedian")) return NULL;
    tg_tensor *place, *sorted = tg_sort(x, a, false, &place), *last = tg_sub_s(count_of_numbers(x, a), 1);
    tg_tensor *middle = tg_to(tg_clamp(tg_mul_s(last, 0.5), 0, INFINITY), TG_I64);
    tg_tensor *y = element(tg_take_along(sorted, a, middle), a, 0, keepdim);
    if (places && y && !(*places = element(tg_take_along(place, a, middle), a, 0, keepdim))) return NULL;
    return y;
}

/* What stands `at` elements from the first one of each sorted line, or that part of the way from one element to the next: at of f64, with
 * the axes of what is sorted, and broadcast beside this one. An element itself is not mixed with the next, which may be infinite. */
static tg_tensor *between(tg_tensor *sorted, int axis, tg_tensor *at)
{
    tg_tensor *below = tg_floor(at), *weight = tg_sub(at, below);
    tg_tensor *a = tg_take_along(sorted, axis, tg_to(below, TG_I64)), *b = tg_take_along(sorted, axis, tg_to(tg_ceil(at), TG_I64));
    if (!a) return NULL;
    tg_tensor *mixed = tg_add(a, tg_mul(tg_sub(b, a), tg_to(weight, tg_dtype_of(a))));
    return tg_where(tg_gt(weight, tg_number_like(weight, 0, "tg_quantile")), mixed, a);
}

/* The n parts of the way along an axis of what has so many axes. They are data, so that other ones need no other plan. */
static tg_tensor *parts_along(tg_tensor *x, int axis, const double *q, int n)
{
    tg_shape s = {tg_rank(x), {1, 1, 1, 1, 1, 1, 1, 1}};
    s.dim[axis] = n;
    return tg_from_data(tg_tape_of(x), TG_F64, &s, q);
}

/* The axis of a call for these quantiles; -1 after a sentence. */
static int begin_quantiles(tg_tensor *x, const double *q, int n, int axis, const char *function)
{
    const int a = begin(x, axis, NULL, function);
    if (a < 0 || !tg_needs_float(x, function)) return -1;
    if (n < 1 || !q) return tg_fail_on(tg_tape_of(x), q ? TG_ERR_ARG : TG_ERR_NULL, function, "needs a list of at least one number"), -1;
    for (int k = 0; k < n; k++)
        if (!(q[k] >= 0 && q[k] <= 1)) return tg_fail_on(tg_tape_of(x), TG_ERR_ARG, function, "%g is not within 0 and 1", q[k]), -1;
    return has_elements(x, a, function) ? a : -1;
}

/* The quantiles along the axis, which has n elements then. */
static tg_tensor *quantiles(tg_tensor *x, const double *q, int n, int axis, bool without_nan)
{
    tg_tensor *sorted = tg_sort(x, axis, false, NULL), *way = parts_along(x, axis, q, n);
    if (without_nan) return between(sorted, axis, tg_clamp(tg_mul(way, tg_sub_s(count_of_numbers(x, axis), 1)), 0, INFINITY));
    const int64_t last = tg_dim(x, axis) - 1;
    tg_tensor    *end = sorted ? tg_slice(sorted, axis, last, last + 1, 1) : NULL;
    return end ? or_nan(between(sorted, axis, tg_mul_s(way, (double)last)), end, end) : NULL;
}

static tg_tensor *one_quantile(tg_tensor *x, double q, int axis, bool keepdim, bool without_nan, const char *function)
{
    const int a = begin_quantiles(x, &q, 1, axis, function);
    if (a < 0) return NULL;
    TG_CALL_AS(tg_tape_of(x), function);
    tg_tensor *y = quantiles(x, &q, 1, a, without_nan);
    return y && !keepdim ? tg_select(y, a, 0) : y;
}

/* The axis of quantiles comes first. */
static tg_tensor *several_quantiles(tg_tensor *x, const double *q, int n, int axis, bool keepdim, bool without_nan, const char *function)
{
    const int a = begin_quantiles(x, q, n, axis, function);
    if (a < 0) return NULL;
    TG_CALL_AS(tg_tape_of(x), function);
    if (keepdim && tg_rank(x) == TG_MAX_RANK) {
        tg_fail_on(tg_tape_of(x), TG_ERR_SHAPE, function, "the input has %d axes, and the result would have one more; leave keepdim out", TG_MAX_RANK);
        return NULL;
    }
    tg_tensor *y = quantiles(x, q, n, a, without_nan);
    if (y) y = tg_movedim(y, TG_AXES(a), TG_AXES(0));
    return y && keepdim ? tg_unsqueeze(y, a + 1) : y;
}

tg_tensor *tg_quantile(tg_tensor *x, double q, int axis, bool keepdim) { return one_quantile(x, q, axis, keepdim, false, "tg_quantile"); }
tg_tensor *tg_nanquantile(tg_tensor *x, double q, int axis, bool keepdim) { return one_quantile(x, q, axis, keepdim, true, "tg_nanquantile"); }

tg_tensor *tg_quantiles(tg_tensor *x, const double *q, int n, int axis, bool keepdim)
{
    return several_quantiles(x, q, n, axis, keepdim, false, "tg_quantiles");
}

tg_tensor *tg_nanquantiles(tg_tensor *x, const double *q, int n, int axis, bool keepdim)
{
    return several_quantiles(x, q, n, axis, keepdim, true, "tg_nanquantiles");
}
