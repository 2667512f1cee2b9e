/* special.h - special functions, element by element. Part of tapegrad.h. */
#ifndef TAPEGRAD_SPECIAL_H
#define TAPEGRAD_SPECIAL_H

#include <tapegrad/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of f32 and f64; two operands broadcast as in NumPy and have one dtype. NaN outside of where a function is defined. Names and conventions are those
 * of torch.special and scipy.special; A&S is Abramowitz and Stegun, Handbook of Mathematical Functions, 1964, which has the formulas by these
 * numbers. They are computed in double or more for either dtype: docs/accuracy.md says how near to the exact values they are. Their derivatives are
 * functions of the same kind, so that all orders are there. */

/* ---- the error function (A&S 7) and the normal distribution (A&S 26.2) */
TG_API tg_tensor *tg_erfc(tg_tensor *x);     /* 1 - erf x, without cancellation */
TG_API tg_tensor *tg_erfcx(tg_tensor *x);    /* e^(x^2) erfc x, which is 1/(sqrt(pi) x) far to the right; inf where it overflows, from -26.7 down in f64 */
TG_API tg_tensor *tg_erfinv(tg_tensor *y);   /* x with erf x = y; infinite at 1 and -1, with infinite slopes */
TG_API tg_tensor *tg_ndtr(tg_tensor *x);     /* Phi(x): how probable it is that a normal number is less than x */
TG_API tg_tensor *tg_log_ndtr(tg_tensor *x); /* ln Phi(x), also where Phi(x) is 0; so is its slope, which is about -x there */
TG_API tg_tensor *tg_ndtri(tg_tensor *p);    /* x with Phi(x) = p, a quantile; infinite at 0 and 1, with infinite slopes */
TG_API tg_tensor *tg_entr(tg_tensor *x);     /* -x ln x; 0 at 0, with slope inf; -inf below, with slope NaN */
/* a ln(1 + b), and 0 where a = 0, whatever number b is, with slope 0 of a where the logarithm is no number below 0 (b <= -1). NaN where b is. */
TG_API tg_tensor *tg_xlog1py(tg_tensor *a, tg_tensor *b);

/* ---- the gamma function (A&S 6) */
TG_API tg_tensor *tg_lgamma(tg_tensor *x);  /* ln |Gamma(x)|; inf at 0, -1, -2 … and infinities */
TG_API tg_tensor *tg_digamma(tg_tensor *x); /* its slope; -inf at 0, inf at -0, NaN at -1, -2 … and -inf */
/* The n-th derivative of digamma, which it is itself for n = 0. At 0, -1, -2 … inf where n is odd, else -inf. n from 0 to 1000, else TG_ERR_ARG. */
enum { TG_POLYGAMMA_ORDERS = 1000 };
TG_API tg_tensor *tg_polygamma(tg_tensor *x, int64_t n);
/* ln |Gamma(a) Gamma(b) / Gamma(a + b)|. For a and b > 0 without the cancellation of the three logarithms, large ones too; elsewhere their sum. */
TG_API tg_tensor *tg_betaln(tg_tensor *a, tg_tensor *b);
/* Hurwitz's zeta function, sum over k = 0, 1, … of (q + k)^-s (A&S 23.2 for q = 1), differentiable in both. inf for s = 1 and at q = 0, -1, -2 …;
 * NaN for s < 1; for other q < 0 NaN where s is not whole, and its slope by s is NaN. */
TG_API tg_tensor *tg_zeta(tg_tensor *s, tg_tensor *q);

/* The regularised incomplete gamma functions (A&S 6.5): P(a, x), the integral from 0 to x of t^(a-1) e^-t / Gamma(a), and Q = 1 - P, without cancellation.
 * Of a and x at least 0; P(0, x) is 1; NaN where both are 0, or infinite. Differentiable in both, by a up to the third derivative, beyond which slopes
 * are NaN. */
TG_API tg_tensor *tg_gammainc(tg_tensor *a, tg_tensor *x);
TG_API tg_tensor *tg_gammaincc(tg_tensor *a, tg_tensor *x);
/* The regularised incomplete beta function I_x(a, b), the integral from 0 to x of t^(a-1) (1-t)^(b-1) / B(a, b) (A&S 6.6), of a and b more than 0 and
 * finite and x from 0 to 1. Differentiable in all three, by a and b together up to the third derivative, beyond which TG_ERR_GRAD. */
TG_API tg_tensor *tg_betainc(tg_tensor *a, tg_tensor *b, tg_tensor *x);

/* ---- Bessel functions of order 0 and 1 (A&S 9), modified ones, and these times e^-|x| */
TG_API tg_tensor *tg_j0(tg_tensor *x);  /* 0 at infinities */
TG_API tg_tensor *tg_j1(tg_tensor *x);  /* of the first kind, order 1 */
TG_API tg_tensor *tg_i0(tg_tensor *x);  /* modified, of the first kind, order 0 */
TG_API tg_tensor *tg_i1(tg_tensor *x);  /* slopes of i0 and i1 are NaN where these are infinite */
TG_API tg_tensor *tg_i0e(tg_tensor *x); /* slope 0 at 0, where there is a kink. Slopes of both are differences: they are right to ULPs of i0e */
TG_API tg_tensor *tg_i1e(tg_tensor *x); /* e^-|x| i1(x) */

/* The exponential integral E_n(x) = integral over t from 1 to infinity of e^(-x t) / t^n (A&S 5.1.4). 1/(n - 1) at 0, inf for n = 0 and 1; NaN
 * below. n from 0 to 1000, else TG_ERR_ARG. */
enum { TG_EXPINT_ORDERS = 1000 };
TG_API tg_tensor *tg_expint(tg_tensor *x, int64_t n);

#ifdef __cplusplus
}
#endif
#endif
