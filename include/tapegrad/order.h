/* order.h - order: sorting and what follows from it, and what has come so far along an axis. Part of tapegrad.h. */
#ifndef TAPEGRAD_ORDER_H
#define TAPEGRAD_ORDER_H

#include <tapegrad/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- sorting --------------------------------------------------------------------------------------------------------
 * NaN counts as largest, both zeros are equal, and equals keep their order. Places are i64, along the axis, and get no gradient; what they
 * are written to may be NULL, and is NULL after an error. The gradient of an element goes to where it was. */

/* The elements along an axis in ascending or descending order, of x's dtype, and in *places, unless that is NULL, where each was along the axis:
 * i64, of the same shape; NULL after an error. Equals, among them both zeros, keep their order. NaN is last of
 * ascending ones, first of descending ones. Of every dtype; an axis may have no elements. The gradient of each element goes to where it was. */
TG_API tg_tensor *tg_sort(tg_tensor *x, int axis, bool descending, tg_tensor **places);

TG_API tg_tensor *tg_argsort(tg_tensor *x, int axis, bool descending); /* the places alone */
TG_API tg_tensor *tg_msort(tg_tensor *x);                              /* ascending along axis 0 */

/* The k largest elements along an axis, the largest first, or the k smallest, the smallest first; of equals the first ones. */
TG_API tg_tensor *tg_topk(tg_tensor *x, int64_t k, int axis, bool largest, tg_tensor **places);
/* The k-th smallest element along an axis; k = 1 is the smallest. */
TG_API tg_tensor *tg_kthvalue(tg_tensor *x, int64_t k, int axis, bool keepdim, tg_tensor **places);
/* The middle one along an axis, the lower of two; NaN where there is one. An error over nothing. */
TG_API tg_tensor *tg_median(tg_tensor *x, int axis, bool keepdim, tg_tensor **places);
/* At q of the way, 0 … 1, from the smallest to the largest element along an axis, between two of them a + w (b - a): NumPy's and PyTorch's
 * "linear". NaN where there is one. f32, f64. An error over nothing. */
TG_API tg_tensor *tg_quantile(tg_tensor *x, double q, int axis, bool keepdim);
/* Of one sort n >= 1 of them: [n, …], the axis of quantiles before those of tg_quantile. Other numbers q in the next step need no new plan. */
TG_API tg_tensor *tg_quantiles(tg_tensor *x, const double *q, int n, int axis, bool keepdim);
/* The same of the elements that are not NaN; NaN where all are. An axis of no elements is an error here, too. */
TG_API tg_tensor *tg_nanmedian(tg_tensor *x, int axis, bool keepdim, tg_tensor **places);
TG_API tg_tensor *tg_nanquantile(tg_tensor *x, double q, int axis, bool keepdim);
TG_API tg_tensor *tg_nanquantiles(tg_tensor *x, const double *q, int n, int axis, bool keepdim);

/* The different elements of x, in ascending order, as a vector; in *inverse, of x's shape, which one each is; in *counts how often each is there:
 * i64. Each NaN is different from all others. How many there are depends on the elements, so x is computed at once, by the plan of
 * this call; nothing of it has a gradient. inverse and counts may be NULL. */
TG_API tg_tensor *tg_unique(tg_tensor *x, tg_tensor **inverse, tg_tensor **counts);
/* How many elements of sorted, which is in ascending order along its last axis, are smaller than each value, or, with right, not larger: the
 * place at which it keeps the order. sorted is a vector, or has the values' other axes. One dtype. i64, no gradient. */
TG_API tg_tensor *tg_searchsorted(tg_tensor *sorted, tg_tensor *values, bool right);
TG_API tg_tensor *tg_isin(tg_tensor *x, tg_tensor *of); /* is each element of x one of those of the other tensor? bool; NaN is not */

/* How often each of 0 … n-1 is there, in an index of any shape: i64; or, with weights of the index's shape, f32 or f64, the sums of theirs. */
TG_API tg_tensor *tg_bincount(tg_tensor *index, tg_tensor *weights, int64_t n);
/* How many elements of x are in each of `bins` equal parts of lo … hi, the last of which has hi, too, in x's dtype, f32 or f64; others are in none.
 * Both 0: from the smallest to the largest finite element of x, from 1 less to 1 more where all are equal. No gradient. */
TG_API tg_tensor *tg_histc(tg_tensor *x, int64_t bins, double lo, double hi);

/* How many elements of x are in each part of edges, a vector of 2 and more numbers in ascending order, of x's dtype: i64, one number less. Part k is
 * edges[k] <= x < edges[k+1], the last one with its end; others are in none, and NaN is not. With weights of x's shape, f32 or f64, the sums of
 * theirs, to which gradients flow. NumPy's histogram. Which part a number is in is what tg_searchsorted says. */
TG_API tg_tensor *tg_histogram(tg_tensor *x, tg_tensor *edges, tg_tensor *weights);

/* ---- what has come so far along an axis ------------------------------------------------------------------------------
 * Carried along in f64, of f32 too, one after the other: the same bits for any number of threads. Of integers and bool: i64, modulo 2^64. */

TG_API tg_tensor *tg_cumsum(tg_tensor *x, int axis); /* y[i] = x[0] + … + x[i] along the axis */
TG_API tg_tensor *tg_cumprod(tg_tensor *x, int axis); /* its gradient does not divide: it is right with zeros, in derivatives of every order */
/* ln of the sum of e^x so far, without overflow; -inf while there is nothing else, there with gradient 0. f32, f64 */
TG_API tg_tensor *tg_logcumsumexp(tg_tensor *x, int axis);
/* The largest, the smallest element so far, of x's dtype, and its place: of equals the last one. NaN from the first one on. The gradient goes to
 * that element alone; to a NaN it is NaN. */
TG_API tg_tensor *tg_cummax(tg_tensor *x, int axis, tg_tensor **places);
TG_API tg_tensor *tg_cummin(tg_tensor *x, int axis, tg_tensor **places);
TG_API tg_tensor *tg_diff(tg_tensor *x, int times, int axis); /* x[i+1] - x[i], so many times */

#ifdef __cplusplus
}
#endif
#endif
