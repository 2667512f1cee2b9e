/* reduce.h - reductions over axes, and softmax. Part of tapegrad.h. */
#ifndef TAPEGRAD_REDUCE_H
#define TAPEGRAD_REDUCE_H

#include <tapegrad/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- reductions ---------------------------------------------------------------------------------------------------
 * axes: TG_AXES(…) or TG_ALL_AXES. keepdim leaves the reduced axes with size 1. Long sums run in f64, or in lanes joined in f64, in the
 * same order for any number of threads; docs/accuracy.md has bounds. Sums of integers wrap around modulo 2^64. */

TG_API tg_tensor *tg_sum(tg_tensor *x, const tg_axes *axes, bool keepdim);       /* of bool and integers: i64; 0 over nothing */
TG_API tg_tensor *tg_mean(tg_tensor *x, const tg_axes *axes, bool keepdim);      /* sum / n; f32, f64; NaN over nothing */
/* sum |x|, the 1-norm, carried in f64; f32, f64; 0 over nothing, NaN where there is one. The gradient is as tg_abs has it: g times the sign of x, 0 at
 * 0, NaN at NaN. */
TG_API tg_tensor *tg_sum_abs(tg_tensor *x, const tg_axes *axes, bool keepdim);
/* The product of the elements. f32, multiplied in f64, and f64; of bool and integers: i64, modulo 2^64. 1 over nothing. Partial products, of which
 * elements is not said, may overflow or vanish in f64, and 0 times inf is NaN. An element's gradient is g times the product of the others,
 * not g y/x: with zeros among them it is right, in derivatives of every order. It costs several passes over x. */
TG_API tg_tensor *tg_prod(tg_tensor *x, const tg_axes *axes, bool keepdim);
/* Is any element not 0, are all? Of every dtype; NaN is not 0. The result is bool, over nothing false and true, and has no gradient. */
TG_API tg_tensor *tg_any(tg_tensor *x, const tg_axes *axes, bool keepdim);
TG_API tg_tensor *tg_all(tg_tensor *x, const tg_axes *axes, bool keepdim);
/* The largest, the smallest element; ties share the gradient. NaN where there is one, and then the gradient of all. An error over nothing. */
TG_API tg_tensor *tg_amax(tg_tensor *x, const tg_axes *axes, bool keepdim);
TG_API tg_tensor *tg_amin(tg_tensor *x, const tg_axes *axes, bool keepdim);
/* Over everything: one number, of rank 0. */
TG_API tg_tensor *tg_sum_all(tg_tensor *x);
TG_API tg_tensor *tg_mean_all(tg_tensor *x);
TG_API tg_tensor *tg_amax_all(tg_tensor *x);
TG_API tg_tensor *tg_amin_all(tg_tensor *x);
/* i64, the first of equals; NaN counts as largest; no gradient */
TG_API tg_tensor *tg_argmax(tg_tensor *x, int axis, bool keepdim);
/* The largest, the smallest element along an axis, of x's dtype, and in *places, unless that is NULL, where it is: i64, of the same shape,
 * the first of equals; NULL after an error. NaN counts as both. The gradient goes to that element alone; to a NaN it is NaN. An error over
 * nothing. */
TG_API tg_tensor *tg_max(tg_tensor *x, int axis, bool keepdim, tg_tensor **places);
TG_API tg_tensor *tg_min(tg_tensor *x, int axis, bool keepdim, tg_tensor **places);
/* ln sum e^x; -inf over nothing, and of -inf alone, there with gradient 0 */
TG_API tg_tensor *tg_logsumexp(tg_tensor *x, const tg_axes *axes, bool keepdim);
TG_API tg_tensor *tg_softmax(tg_tensor *x, int axis);     /* e^x / sum e^x; a row of all -inf gives zeros */
TG_API tg_tensor *tg_log_softmax(tg_tensor *x, int axis); /* x - logsumexp x; a row of all -inf stays -inf */

#ifdef __cplusplus
}
#endif
#endif
