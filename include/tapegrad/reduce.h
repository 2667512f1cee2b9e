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
/* The smallest and, in *largest, unless that is NULL, the largest: tg_amin and tg_amax at once. NULL in *largest after an error. */
TG_API tg_tensor *tg_aminmax(tg_tensor *x, const tg_axes *axes, bool keepdim, tg_tensor **largest);
/* How many elements are not 0, NaN among them: i64, of every dtype, without gradient. */
TG_API tg_tensor *tg_count_nonzero(tg_tensor *x, const tg_axes *axes, bool keepdim);
/* The sum and the mean of the elements that are not NaN; those that are get gradient 0. Sums as tg_sum has them; means of f32 and f64, NaN where
 * there is no such element. */
TG_API tg_tensor *tg_nansum(tg_tensor *x, const tg_axes *axes, bool keepdim);
TG_API tg_tensor *tg_nanmean(tg_tensor *x, const tg_axes *axes, bool keepdim);
/* For variances and standard deviations, which are below. */
typedef struct tg_var_options {
    double correction; /* usually 1; TG_ZERO gives the mean of the squares. Finite (TG_ERR_ARG) */
    bool   keepdim;
} tg_var_options;
/* tg_amax, tg_amin, tg_var and tg_std of the elements that are not NaN, with n as many as these are. NaN where all are NaN, there with gradient 0. */
TG_API tg_tensor *tg_nanmax(tg_tensor *x, const tg_axes *axes, bool keepdim);
TG_API tg_tensor *tg_nanmin(tg_tensor *x, const tg_axes *axes, bool keepdim);
TG_API tg_tensor *tg_nanvar(tg_tensor *x, const tg_axes *axes, const tg_var_options *options);
TG_API tg_tensor *tg_nanstd(tg_tensor *x, const tg_axes *axes, const tg_var_options *options);
/* sum(x weights) / sum(weights), both over the axes; weights broadcast to x, NULL: tg_mean. f32, f64; NaN or infinite where the weights add up to 0. */
TG_API tg_tensor *tg_average(tg_tensor *x, tg_tensor *weights, const tg_axes *axes, bool keepdim);
TG_API tg_tensor *tg_ptp(tg_tensor *x, const tg_axes *axes, bool keepdim); /* tg_amax - tg_amin, "peak to peak"; of integers modulo 2^bits, not of bool */

/* The p-norm (sum |x|^p)^(1/p), p any number; f32, f64. p = 0: how many elements are not 0, without gradient; 1: tg_sum_abs; INFINITY, -INFINITY: the
 * largest, the smallest |x|, with ties and over nothing as tg_amax and tg_amin. Powers neither overflow nor vanish where the result does not. A
 * negative p has norm 0 where an element is 0. Over nothing 0, or inf for a negative p. The gradient is 0 at elements that are 0, whatever p is,
 * and where the norm is 0. p NaN: TG_ERR_ARG. */
TG_API tg_tensor *tg_norm(tg_tensor *x, double p, const tg_axes *axes, bool keepdim);

/* The variance, sum (x - mean)^2 / (n - correction), and its root, the standard deviation; f32, f64. NaN where n <= correction. The standard deviation
 * of a constant has gradient 0, and is right where squares overflow or vanish. options may be NULL. */
TG_API tg_tensor *tg_var(tg_tensor *x, const tg_axes *axes, const tg_var_options *options);
TG_API tg_tensor *tg_std(tg_tensor *x, const tg_axes *axes, const tg_var_options *options);
/* The variance and, in *mean, unless that is NULL, the mean, which costs nothing then; NULL in *mean after an error. */
TG_API tg_tensor *tg_var_mean(tg_tensor *x, const tg_axes *axes, const tg_var_options *options, tg_tensor **mean);

TG_API tg_tensor *tg_std_mean(tg_tensor *x, const tg_axes *axes, const tg_var_options *options, tg_tensor **mean); /* likewise */

/* Of x [variables, observations] the covariances of the variables, [variables, variables], as tg_var has them, and their correlations, between
 * -1 and 1. Of [observations] one number. A constant has correlation NaN, with itself too. f32, f64. */
TG_API tg_tensor *tg_cov(tg_tensor *x, double correction);
/* tg_cov of observations of different weight: fweights, a vector of i64 or i32, says how often each was made, aweights, one of x's dtype, how
 * much it counts; both may be NULL. With w their product, d = x - sum(w x) / sum(w): sum(w d d^T) / (sum(w) - correction sum(w aweights) / sum(w)), or
 * sum(w) - correction without aweights. NaN where that divisor is not more than 0, and where a weight is negative. As NumPy's and PyTorch's cov. */
TG_API tg_tensor *tg_cov_weighted(tg_tensor *x, tg_tensor *fweights, tg_tensor *aweights, double correction);
TG_API tg_tensor *tg_corrcoef(tg_tensor *x);

/* Over everything: one number, of rank 0. tg_norm_all is the 2-norm; tg_var_all and tg_std_all have correction 1. */
TG_API tg_tensor *tg_sum_all(tg_tensor *x);
TG_API tg_tensor *tg_mean_all(tg_tensor *x);
TG_API tg_tensor *tg_prod_all(tg_tensor *x);
TG_API tg_tensor *tg_any_all(tg_tensor *x);
TG_API tg_tensor *tg_all_all(tg_tensor *x);
TG_API tg_tensor *tg_amax_all(tg_tensor *x);
TG_API tg_tensor *tg_amin_all(tg_tensor *x);
TG_API tg_tensor *tg_norm_all(tg_tensor *x);
TG_API tg_tensor *tg_var_all(tg_tensor *x);
TG_API tg_tensor *tg_std_all(tg_tensor *x);

/* Where the largest, the smallest element is along an axis: i64, the first of equals; NaN counts as both; no gradient. An error over nothing. */
TG_API tg_tensor *tg_argmax(tg_tensor *x, int axis, bool keepdim);
TG_API tg_tensor *tg_argmin(tg_tensor *x, int axis, bool keepdim);
/* The largest, the smallest element along an axis, of x's dtype, and in *places, unless that is NULL, where it is: i64, of the same shape,
 * the first of equals; NULL after an error. NaN counts as both. The gradient goes to that element alone; to a NaN it is NaN. An error over
 * nothing. */
TG_API tg_tensor *tg_max(tg_tensor *x, int axis, bool keepdim, tg_tensor **places);
TG_API tg_tensor *tg_min(tg_tensor *x, int axis, bool keepdim, tg_tensor **places);
/* ln sum e^x; -inf over nothing, and of -inf alone, there with gradient 0 */
TG_API tg_tensor *tg_logsumexp(tg_tensor *x, const tg_axes *axes, bool keepdim);
TG_API tg_tensor *tg_softmax(tg_tensor *x, int axis);     /* e^x / sum e^x; a row of all -inf gives zeros */
TG_API tg_tensor *tg_softmin(tg_tensor *x, int axis);     /* softmax(-x) */
TG_API tg_tensor *tg_log_softmax(tg_tensor *x, int axis); /* x - logsumexp x; a row of all -inf stays -inf */

#ifdef __cplusplus
}
#endif
#endif
