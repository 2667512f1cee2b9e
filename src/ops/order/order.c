/* order.c - what follows from sorting, made of other ops: topk, kthvalue, median, quantile; and counts of elements: isin, bincount, histc. */
#include "ops/ops.h"

#include <math.h>
#include <tapegrad/gradient.h>
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
    tg_tensor *place, *y = tg_slice(tg_sort(x, a, largest, &place), a, 0, k, 1);
    if (places && y && !(*places = tg_slice(place, a, 0, k, 1))) return NULL;
    return y;
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
    tg_tensor *place, *y = element(tg_sort(x, a, false, &place), a, k - 1, keepdim);
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

tg_tensor *tg_quantile(tg_tensor *x, double q, int axis, bool keepdim)
{
    const int a = begin(x, axis, NULL, "tg_quantile");
    if (a < 0 || !tg_needs_float(x, "tg_quantile")) return NULL;
    TG_CALL(tg_tape_of(x));
    if (!(q >= 0 && q <= 1)) {
        tg_fail_on(tg_tape_of(x), TG_ERR_ARG, "tg_quantile", "%g is not within 0 and 1", q);
        return NULL;
    }
    if (!has_elements(x, a, "tg_quantile")) return NULL;
    const int64_t n = tg_dim(x, a);
    const double  at = q * (double)(n - 1), below = floor(at), weight = at - below;
    tg_tensor    *sorted = tg_sort(x, a, false, NULL), *last = element(sorted, a, n - 1, keepdim), *y = element(sorted, a, (int64_t)below, keepdim);
    if (weight > 0) y = tg_add(y, tg_mul_s(tg_sub(element(sorted, a, (int64_t)below + 1, keepdim), y), weight));
    return or_nan(y, last, last);
}

/* ---- counts -------------------------------------------------------------------------------------------------------------------- */

tg_tensor *tg_isin(tg_tensor *x, tg_tensor *of)
{
    const tg_node *n = tg_check(x, "tg_isin"), *o = n ? tg_check(of, "tg_isin") : NULL;
    if (!o) return NULL;
    TG_CALL(n->tape);
    if (n->dtype != o->dtype) {
        tg_fail_on(n->tape, TG_ERR_DTYPE, "tg_isin", "the dtypes differ; convert one with tg_to");
        return NULL;
    }
    tg_tensor *sorted = tg_sort(tg_reshape(of, TG_SHAPE(tg_node_numel(o))), 0, false, NULL);
    tg_tensor *is = tg_ne(tg_searchsorted(sorted, x, false), tg_searchsorted(sorted, x, true));
    return tg_dtype_is_float((tg_dtype)n->dtype) ? tg_minimum(is, tg_eq(x, x)) : is;
}

tg_tensor *tg_bincount(tg_tensor *index, tg_tensor *weights, int64_t n)
{
    const tg_node *i = tg_check(index, "tg_bincount"), *w = i && weights ? tg_check(weights, "tg_bincount") : NULL;
    if (!i || (weights && !w)) return NULL;
    TG_CALL(i->tape);
    if (n < 0 || (w && !tg_same_sizes(w->shape, i->shape))) {
        tg_fail_on(i->tape, n < 0 ? TG_ERR_ARG : TG_ERR_SHAPE, "tg_bincount",
                   n < 0 ? "the number of bins is negative" : "the weights must have the shape of the index");
        return NULL;
    }
    const tg_shape flat = {1, {tg_node_numel(i)}};
    tg_tensor     *one = w ? weights : tg_full(i->tape, TG_F64, i->shape, 1); /* exact up to 2^53 */
    tg_tensor     *sum = tg_segment_sum(tg_reshape_if(one, &flat), tg_reshape_if(index, &flat), n);
    return w ? sum : tg_to(sum, TG_I64);
}

/* The number of each element's part; elements in none go to one more behind the last, which is left out. */
tg_tensor *tg_histc(tg_tensor *x, int64_t bins, double lo, double hi)
{
    const tg_node *n = tg_check(x, "tg_histc");
    if (!n || !tg_needs_float(x, "tg_histc")) return NULL;
    TG_CALL(n->tape);
    const tg_dtype dtype = (tg_dtype)n->dtype;
    if (bins < 1 || bins >= INT64_C(1) << 31 || !(lo < hi) || !isfinite(hi - lo)) {
        tg_fail_on(n->tape, TG_ERR_ARG, "tg_histc", "%lld parts of %g to %g are not possible; 1 and more from a smaller to a larger number are",
                   (long long)bins, lo, hi);
        return NULL;
    }
    tg_tensor *wide = tg_detach(tg_to(tg_reshape(x, TG_SHAPE(tg_node_numel(n))), TG_F64));
    tg_tensor *part = tg_to(tg_mul_s(tg_div_s(tg_sub_s(wide, lo), hi - lo), (double)bins), TG_I64);
    part = tg_minimum(part, tg_number_like(part, (double)(bins - 1), "tg_histc"));
    tg_tensor *within = tg_minimum(tg_ge(wide, tg_number_like(wide, lo, "tg_histc")), tg_le(wide, tg_number_like(wide, hi, "tg_histc")));
    tg_tensor *counts = tg_bincount(tg_where(within, part, tg_number_like(part, (double)bins, "tg_histc")), NULL, bins + 1);
    return tg_to(tg_slice(counts, 0, 0, bins, 1), dtype);
}
