/* pointwise.h - ops that go element by element. Part of tapegrad.h. */
#ifndef TAPEGRAD_POINTWISE_H
#define TAPEGRAD_POINTWISE_H

#include <tapegrad/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- pointwise ops ------------------------------------------------------------------------------------------------
 * Operands broadcast as in NumPy: shapes are aligned at the last axis; sizes must be equal or 1. dtypes must be equal. */

TG_API tg_tensor *tg_add(tg_tensor *a, tg_tensor *b);     /* a + b */
TG_API tg_tensor *tg_sub(tg_tensor *a, tg_tensor *b);     /* a - b */
TG_API tg_tensor *tg_mul(tg_tensor *a, tg_tensor *b);     /* a b, elementwise */
TG_API tg_tensor *tg_div(tg_tensor *a, tg_tensor *b);     /* a / b; f32, f64 */
/* a^b; b a^(b-1) is 0 where b = 0; d/db at a = 0 is 0 for b >= 0, and NaN for a < 0 */
TG_API tg_tensor *tg_pow(tg_tensor *a, tg_tensor *b);
/* NaN if either is, and then the gradients of both; half the gradient each on ties */
TG_API tg_tensor *tg_maximum(tg_tensor *a, tg_tensor *b);
TG_API tg_tensor *tg_minimum(tg_tensor *a, tg_tensor *b);

/* The same with a C number, which is one of a's dtype: floats round it, an integer tensor takes the whole numbers in its range. Another one
 * is TG_ERR_DTYPE, here and wherever a tensor meets a number: tg_mul_s(tg_to(i, TG_F32), 0.5) halves integers. */
TG_API tg_tensor *tg_add_s(tg_tensor *a, double s);
TG_API tg_tensor *tg_sub_s(tg_tensor *a, double s);
TG_API tg_tensor *tg_mul_s(tg_tensor *a, double s);
TG_API tg_tensor *tg_div_s(tg_tensor *a, double s);
TG_API tg_tensor *tg_pow_s(tg_tensor *a, double s);  /* a^s; s = 2, 1/2, 1, 0, -1 are done without pow, to the same special values */
TG_API tg_tensor *tg_rsub_s(double s, tg_tensor *a); /* s - a */
TG_API tg_tensor *tg_rdiv_s(double s, tg_tensor *a); /* s / a */

TG_API tg_tensor *tg_neg(tg_tensor *x);        /* -x */
TG_API tg_tensor *tg_abs(tg_tensor *x);        /* |x|; slope 0 at 0, NaN at NaN */
TG_API tg_tensor *tg_sign(tg_tensor *x);       /* -1, 0, 1, NaN of NaN; gradient zero, also there */
TG_API tg_tensor *tg_square(tg_tensor *x);     /* x^2 */
TG_API tg_tensor *tg_sqrt(tg_tensor *x);       /* x^(1/2) */
TG_API tg_tensor *tg_reciprocal(tg_tensor *x); /* 1/x */
TG_API tg_tensor *tg_exp(tg_tensor *x);        /* e^x */
TG_API tg_tensor *tg_log(tg_tensor *x);        /* ln x; log 0 = -inf, NaN below */
TG_API tg_tensor *tg_log1p(tg_tensor *x);      /* ln(1 + x) */
TG_API tg_tensor *tg_sin(tg_tensor *x);
TG_API tg_tensor *tg_cos(tg_tensor *x);
TG_API tg_tensor *tg_tanh(tg_tensor *x);       /* how near its slope, and sigmoid's, is to the exact one: docs/accuracy.md */
TG_API tg_tensor *tg_erf(tg_tensor *x);        /* 2/sqrt(pi) times the integral of exp(-t^2) over 0 … x */

/* Where a slope is infinite (sqrt, log, pow, division by 0), a zero incoming gradient still contributes zero. */

TG_API tg_tensor *tg_relu(tg_tensor *x);                       /* max(x, 0); slope 0 at 0, NaN at NaN */
TG_API tg_tensor *tg_leaky_relu(tg_tensor *x, double slope);   /* x > 0 ? x : slope x; slope at 0, NaN at NaN */
TG_API tg_tensor *tg_sigmoid(tg_tensor *x);                    /* 1 / (1 + e^-x) */
TG_API tg_tensor *tg_softplus(tg_tensor *x);                   /* ln(1 + e^x), without overflow */
TG_API tg_tensor *tg_gelu(tg_tensor *x);                       /* x (1 + erf(x/sqrt 2)) / 2. Hendrycks, Gimpel 2016 */
TG_API tg_tensor *tg_gelu_tanh(tg_tensor *x);                  /* x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2 */

TG_API tg_tensor *tg_silu(tg_tensor *x);                       /* x sigmoid(x); -0 at -inf */
/* x min(max(x + 3, 0), 6) / 6, 0 at -inf; slope 0 at -3, 1 at 3, NaN at NaN. Howard et al. 2019 */
TG_API tg_tensor *tg_hardswish(tg_tensor *x);
TG_API tg_tensor *tg_mish(tg_tensor *x);                       /* x tanh(ln(1 + e^x)); -0 at -inf. Misra 2019 */

/* Comparisons and logic give bool and have no gradient. */
TG_API tg_tensor *tg_eq(tg_tensor *a, tg_tensor *b);
TG_API tg_tensor *tg_ne(tg_tensor *a, tg_tensor *b);
TG_API tg_tensor *tg_lt(tg_tensor *a, tg_tensor *b);
TG_API tg_tensor *tg_le(tg_tensor *a, tg_tensor *b);
TG_API tg_tensor *tg_gt(tg_tensor *a, tg_tensor *b);
TG_API tg_tensor *tg_ge(tg_tensor *a, tg_tensor *b);
TG_API tg_tensor *tg_isfinite(tg_tensor *x);
TG_API tg_tensor *tg_logical_not(tg_tensor *x); /* of a bool */

/* cond ? a : b, cond of bool. Gives no gradient to the side not taken, whatever that side holds, in derivatives of any order; the side
 * taken gets it as it is, also a NaN. */
TG_API tg_tensor *tg_where(tg_tensor *cond, tg_tensor *a, tg_tensor *b);

/* Converts the dtype: to bool x != 0; to an integer towards zero, saturating, NaN to 0. Gradients flow between floats. */
TG_API tg_tensor *tg_to(tg_tensor *x, tg_dtype dtype);

#ifdef __cplusplus
}
#endif
#endif
