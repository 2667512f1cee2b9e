/* numeric.h - polynomials, integrals of samples, interpolation, convolution of vectors. Part of tapegrad.h. */
#ifndef TAPEGRAD_NUMERIC_H
#define TAPEGRAD_NUMERIC_H

#include <tapegrad/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of f32 and f64, of one dtype and tape; names and conventions are NumPy's. Derivatives flow to all inputs. */

/* p[0] x^(n-1) + … + p[n-1], of a vector p of n coefficients, by Horner's rule, at each element of x: x's shape. 0 for n = 0. NumPy's polyval. */
TG_API tg_tensor *tg_polyval(tg_tensor *p, tg_tensor *x);
/* x^(n-1), …, x, 1 of each element of x along a new last axis, or 1, x, … where increasing: [..., n]; 0^0 is 1. n at least 0, else TG_ERR_ARG. NumPy's
 * vander. */
TG_API tg_tensor *tg_vander(tg_tensor *x, int64_t n, bool increasing);
/* The integral over an axis of the lines through the samples y, sum of (x[i+1] - x[i]) (y[i] + y[i+1]) / 2, without the axis. x: their places, a
 * vector as long as the axis or a tensor that broadcasts to y; NULL: 0, 1, 2 …. 0 of less than two samples. NumPy's trapz, torch.trapezoid. */
TG_API tg_tensor *tg_trapezoid(tg_tensor *y, tg_tensor *x, int axis);
/* The line through the points (xp[i], fp[i]) at each element of x, in x's shape: xp, fp are vectors of one length, at least 1, xp in ascending order (which
 * is not looked at). fp[0] before xp[0], fp[n-1] beyond xp[n-1], with slope 0 by x there; at xp[i] the slope is that on its left. NaN where x is.
 * NumPy's interp. */
TG_API tg_tensor *tg_interp1d(tg_tensor *x, tg_tensor *xp, tg_tensor *fp);

/* What tg_convolve gives of the sums y[k] = sum over i of a[i] v[k-i], of vectors of n and m elements: all n + m - 1; as many as the longer one has, in
 * the middle; or those in which no element is missing, max(n, m) - min(n, m) + 1. */
typedef enum tg_convolve_mode { TG_CONVOLVE_FULL, TG_CONVOLVE_SAME, TG_CONVOLVE_VALID } tg_convolve_mode;
/* Both vectors have elements, else TG_ERR_SHAPE. NumPy's convolve; but the longer vector goes on with zeros, of which an infinity or NaN in the shorter one
 * makes NaN. */
TG_API tg_tensor *tg_convolve(tg_tensor *a, tg_tensor *v, tg_convolve_mode mode);

#ifdef __cplusplus
}
#endif
#endif
