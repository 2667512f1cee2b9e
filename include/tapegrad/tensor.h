/* tensor.h - making tensors, and reading their values. Part of tapegrad.h. */
#ifndef TAPEGRAD_TENSOR_H
#define TAPEGRAD_TENSOR_H

#include <tapegrad/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- making tensors ----------------------------------------------------------------------------------------------- */

/* Copies of the caller's data, row-major. data may be NULL only for a size of 0. */
TG_API tg_tensor *tg_from_data(tg_tape *tape, tg_dtype dtype, const tg_shape *shape, const void *data);
TG_API tg_tensor *tg_from_f32(tg_tape *tape, const tg_shape *shape, const float *data);
TG_API tg_tensor *tg_from_f64(tg_tape *tape, const tg_shape *shape, const double *data);
TG_API tg_tensor *tg_from_i64(tg_tape *tape, const tg_shape *shape, const int64_t *data);

/* No copy: the tensor reads the caller's memory, which must hold still until tg_reset. Never written by the library. */
TG_API tg_tensor *tg_borrow(tg_tape *tape, tg_dtype dtype, const tg_shape *shape, const void *data);

/* In the tape's dtype, unless said. A value that the dtype does not hold, 0.5 of int64 or 300 of uint8, is TG_ERR_DTYPE. */
TG_API tg_tensor *tg_full(tg_tape *tape, tg_dtype dtype, const tg_shape *shape, double value);
TG_API tg_tensor *tg_zeros(tg_tape *tape, const tg_shape *shape);
TG_API tg_tensor *tg_ones(tg_tape *tape, const tg_shape *shape);
TG_API tg_tensor *tg_scalar(tg_tape *tape, double value);                  /* rank 0 */
TG_API tg_tensor *tg_zeros_like(tg_tensor *t);                             /* t's dtype and shape */
TG_API tg_tensor *tg_ones_like(tg_tensor *t);
TG_API tg_tensor *tg_full_like(tg_tensor *t, double value);
TG_API tg_tensor *tg_arange(tg_tape *tape, tg_dtype dtype, int64_t n);     /* 0, 1, … n-1 */
/* start, start + step, … as long as they are below stop, or, with a negative step, above it: Python's range. Each is start + k step in f64, rounded
 * to the dtype once; integers want whole numbers. */
TG_API tg_tensor *tg_arange_step(tg_tape *tape, tg_dtype dtype, double start, double stop, double step);
TG_API tg_tensor *tg_linspace(tg_tape *tape, double from, double to, int64_t n); /* n evenly spaced, both ends included */
TG_API tg_tensor *tg_logspace(tg_tape *tape, double from, double to, int64_t n); /* 10 to the power of n evenly spaced numbers */
TG_API tg_tensor *tg_eye(tg_tape *tape, int64_t n);                        /* the n×n identity */

/* Random numbers: Philox4x32-10 of the tape's seed; each call takes the next piece of the stream. */
TG_API tg_tensor *tg_rand(tg_tape *tape, const tg_shape *shape);   /* uniform in [0, 1) */
TG_API tg_tensor *tg_randn(tg_tape *tape, const tg_shape *shape);  /* normal, mean 0, variance 1 (Box-Muller) */
TG_API tg_tensor *tg_uniform(tg_tape *tape, const tg_shape *shape, double lo, double hi); /* uniform in [lo, hi) */
TG_API tg_tensor *tg_bernoulli(tg_tape *tape, const tg_shape *shape, double p);           /* bool, true with probability p */

/* The same with a probability for each element, f32 or f64: true where a uniform number is less, so never for p <= 0 or NaN, always for p >= 1. */
TG_API tg_tensor *tg_bernoulli_of(tg_tensor *p);

/* ---- reading ------------------------------------------------------------------------------------------------------ */

TG_API tg_tape        *tg_tape_of(const tg_tensor *t);  /* NULL for NULL and for a stale handle */
TG_API const tg_shape *tg_shape_of(const tg_tensor *t); /* NULL likewise */
TG_API int             tg_rank(const tg_tensor *t);     /* -1 likewise */
TG_API int64_t         tg_dim(const tg_tensor *t, int axis); /* negative axes count from the end; -1 likewise, and outside the rank */
TG_API int64_t         tg_numel(const tg_tensor *t);    /* number of elements; -1 likewise */
TG_API tg_dtype        tg_dtype_of(const tg_tensor *t); /* TG_NDTYPES likewise */
TG_API bool            tg_requires_grad(const tg_tensor *t); /* are gradients computed for it, or through it? false for NULL and a stale handle */

/* Computes the values of n tensors as one plan and holds them until tg_reset. */
TG_API tg_status tg_eval(tg_tensor *const *t, int n);

/* Marks t as wanted: the next evaluation on its tape, by tg_backward, tg_eval or reading, computes and holds its value too, in the same
 * plan. Say it of logits, of metrics, before tg_backward. Where t can't be had any more because something was overwritten since, that
 * evaluation fails, once. Returns t. */
TG_API tg_tensor *tg_want(tg_tensor *t);

/* The value of a one-element tensor; NaN after an error. */
TG_API double tg_item(tg_tensor *t);

/* The values, row-major and contiguous, good until tg_reset (of a kept tensor: until it is written or released). NULL after an error.
 * The typed ones also check the dtype. */
TG_API const void    *tg_data(tg_tensor *t);
TG_API const float   *tg_data_f32(tg_tensor *t);
TG_API const double  *tg_data_f64(tg_tensor *t);
TG_API const int64_t *tg_data_i64(tg_tensor *t);

/* Copies the values out, row-major. bytes must be exactly the tensor's size in bytes. */
TG_API tg_status tg_copy_to(tg_tensor *t, void *dst, size_t bytes);

/* Overwrites a kept tensor's, a parameter's or a gradient's values in place, as tg_assign does, with the caller's data. bytes must be exactly
 * its size in bytes. */
TG_API tg_status tg_copy_from(tg_tensor *t, const void *src, size_t bytes);

/* Writes the tensor as a person reads it (large ones with … in the middle) into buf, always terminated, and returns the
 * length that the whole text has, as snprintf does; -1 after an error. */
TG_API int tg_format(tg_tensor *t, char *buf, size_t size);
TG_API tg_status tg_print(const char *label, tg_tensor *t); /* to stdout, with a label, its control characters as '?', or NULL */

/* Writes a plan as text: what tg_eval would run for these n tensors; n = 0: what ran last since tg_reset, such as the forward pass and
 * the gradients of a tg_backward. Step by step: what is fused with what, what is read and how, where results lie and for how long.
 * docs/profiling.md explains it. Nothing is computed, and nothing changes. Buffer, result and stdout as above. TG_ERR_ARG when nothing
 * ran, TG_ERR_UNSUPPORTED under the reference evaluator, which makes no plans. */
TG_API int       tg_plan_format(tg_tape *tape, tg_tensor *const *t, int n, char *buf, size_t size);
TG_API tg_status tg_plan_print(tg_tape *tape, tg_tensor *const *t, int n);

#ifdef __cplusplus
}
#endif
#endif
