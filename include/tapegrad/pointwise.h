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
TG_API tg_tensor *tg_sin(tg_tensor *x); /* of radians */
TG_API tg_tensor *tg_cos(tg_tensor *x); /* of radians */
TG_API tg_tensor *tg_tanh(tg_tensor *x);       /* how near its slope, and sigmoid's, is to the exact one: docs/accuracy.md */
TG_API tg_tensor *tg_erf(tg_tensor *x);        /* 2/sqrt(pi) times the integral of exp(-t^2) over 0 … x */

/* ---- more elementary functions, of f32 and f64. Outside of where they are defined they are NaN; a slope is that of the formula, also where
 * it is infinite or the function NaN. */
TG_API tg_tensor *tg_rsqrt(tg_tensor *x); /* 1 / sqrt x; inf at 0, -inf at -0 */
TG_API tg_tensor *tg_cbrt(tg_tensor *x);  /* the third root, with the sign of x; slope inf at 0 */
TG_API tg_tensor *tg_exp2(tg_tensor *x);  /* 2^x */
TG_API tg_tensor *tg_exp10(tg_tensor *x); /* 10^x */
TG_API tg_tensor *tg_expm1(tg_tensor *x); /* e^x - 1, exact near 0; as is its slope e^x on the left */
TG_API tg_tensor *tg_log2(tg_tensor *x);
TG_API tg_tensor *tg_log10(tg_tensor *x);
TG_API tg_tensor *tg_logit(tg_tensor *x); /* ln(x / (1 - x)); -inf at 0, inf at 1 */
TG_API tg_tensor *tg_tan(tg_tensor *x);
TG_API tg_tensor *tg_sinc(tg_tensor *x);  /* sin(pi x) / (pi x); 1 at 0, with slope 0; exactly 0 at other whole numbers; NaN at infinities */
TG_API tg_tensor *tg_asin(tg_tensor *x);
TG_API tg_tensor *tg_acos(tg_tensor *x);
TG_API tg_tensor *tg_atan(tg_tensor *x);
TG_API tg_tensor *tg_sinh(tg_tensor *x);
TG_API tg_tensor *tg_cosh(tg_tensor *x);
TG_API tg_tensor *tg_asinh(tg_tensor *x);
TG_API tg_tensor *tg_acosh(tg_tensor *x);
TG_API tg_tensor *tg_atanh(tg_tensor *x);

/* Of two operands, which broadcast, and have one float dtype. */
/* The angle of the point (x, y), from -pi to pi; y comes first. Slopes x/(x^2 + y^2) and -y/(x^2 + y^2), 0 at (0, 0), NaN where their numerator is infinite. */
TG_API tg_tensor *tg_atan2(tg_tensor *y, tg_tensor *x);
/* sqrt(a^2 + b^2), without overflow; inf where one is infinite, even beside NaN. Slopes a/h and b/h, 0 at (0, 0), NaN where h is infinite and so
 * is the operand. */
TG_API tg_tensor *tg_hypot(tg_tensor *a, tg_tensor *b);
TG_API tg_tensor *tg_copysign(tg_tensor *a, tg_tensor *b); /* |a| with the sign of b, also of a zero; no slope of b's, and 0 at a = 0 */
/* ln(e^a + e^b) and log2(2^a + 2^b), without overflow. Slopes e^(a - result) and e^(b - result); of two -inf, as in tg_logsumexp, both are 0. */
TG_API tg_tensor *tg_logaddexp(tg_tensor *a, tg_tensor *b);
TG_API tg_tensor *tg_logaddexp2(tg_tensor *a, tg_tensor *b);
/* a ln b, and 0 where a = 0, whatever number b is, with slope 0 of either where ln b is no number below 0 (b <= 0). NaN where b is. */
TG_API tg_tensor *tg_xlogy(tg_tensor *a, tg_tensor *b);
/* As tg_maximum and tg_minimum, but of a number and NaN the number. The gradient is that of the operand taken, a on ties. */
TG_API tg_tensor *tg_fmax(tg_tensor *a, tg_tensor *b);
TG_API tg_tensor *tg_fmin(tg_tensor *a, tg_tensor *b);
/* a + weight (b - a), from the end that is nearer: weights 0 and 1 give a and b themselves. */
TG_API tg_tensor *tg_lerp(tg_tensor *a, tg_tensor *b, tg_tensor *weight);
TG_API tg_tensor *tg_lerp_s(tg_tensor *a, tg_tensor *b, double weight);
TG_API tg_tensor *tg_addcmul(tg_tensor *x, tg_tensor *a, tg_tensor *b, double value); /* x + value a b */
TG_API tg_tensor *tg_addcdiv(tg_tensor *x, tg_tensor *a, tg_tensor *b, double value); /* x + value a / b */

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

/* ---- more activations, of f32 and f64; conventions as PyTorch's. Numbers have to be ones of the dtype: TG_ERR_DTYPE. NaN gives NaN. */

/* x > 0 ? x : alpha (e^x - 1); slope alpha at 0. Clevert, Unterthiner, Hochreiter 2016. PyTorch's usual alpha is 1 */
TG_API tg_tensor *tg_elu(tg_tensor *x, double alpha);
/* x > 0 ? x : alpha (e^(x/alpha) - 1); slope 1 at 0. alpha = 0, or infinite: TG_ERR_ARG. Barron 2017 */
TG_API tg_tensor *tg_celu(tg_tensor *x, double alpha);
/* 1.0507… elu(x, 1.67326…), by which means and variances stay. Klambauer et al. 2017 */
TG_API tg_tensor *tg_selu(tg_tensor *x);
TG_API tg_tensor *tg_softsign(tg_tensor *x);    /* x / (1 + |x|); NaN at infinities */
TG_API tg_tensor *tg_logsigmoid(tg_tensor *x);  /* ln sigmoid(x) = -softplus(-x), without overflow */
TG_API tg_tensor *tg_tanhshrink(tg_tensor *x);  /* x - tanh x, to an ULP or two of x */
/* x between lo and hi, which it is beyond them; slope 0 at lo and hi, too (tg_clamp has 1 there). lo < hi, else TG_ERR_ARG */
TG_API tg_tensor *tg_hardtanh(tg_tensor *x, double lo, double hi);
TG_API tg_tensor *tg_relu6(tg_tensor *x);       /* hardtanh(x, 0, 6) */
TG_API tg_tensor *tg_hardsigmoid(tg_tensor *x); /* relu6(x + 3) / 6; slope 0 at -3 and 3 */
/* x - lambda, x + lambda, and 0 between -lambda and lambda; and x itself in place of the first two. Slope 0 at the ends. lambda is finite and at
 * least 0, else TG_ERR_ARG. PyTorch's usual lambda is 0.5 */
TG_API tg_tensor *tg_softshrink(tg_tensor *x, double lambda);
TG_API tg_tensor *tg_hardshrink(tg_tensor *x, double lambda);
TG_API tg_tensor *tg_threshold(tg_tensor *x, double threshold, double value); /* x > threshold ? x : value, NaN stays; slope 0 there. Integers, too */
/* a sigmoid(b), a and b the halves of x along the axis, whose size is even (TG_ERR_SHAPE). Dauphin et al. 2017 */
TG_API tg_tensor *tg_glu(tg_tensor *x, int axis);
/* x > 0 ? x : weight x; slope weight at 0. weight is one number or, for x of rank 2 and more, one for each place of axis 1, the channels: shape
 * [], [1] or [channels], else TG_ERR_SHAPE. He et al. 2015 */
TG_API tg_tensor *tg_prelu(tg_tensor *x, tg_tensor *weight);

/* ---- whole numbers and bounds, as PyTorch */

/* To a whole number: down, up, to the nearest (halves to the even one), towards zero. Gradient zero. -0 where a negative number becomes 0.
 * Integers stay as they are. */
TG_API tg_tensor *tg_floor(tg_tensor *x);
TG_API tg_tensor *tg_ceil(tg_tensor *x);
TG_API tg_tensor *tg_round(tg_tensor *x);
TG_API tg_tensor *tg_trunc(tg_tensor *x);
TG_API tg_tensor *tg_frac(tg_tensor *x); /* x - trunc x, with the sign of x; slope 1, NaN at infinities. f32, f64 */

/* What division by b leaves, exactly: a - b floor(a/b), with the sign of b; a - b trunc(a/b), with the sign of a (C's fmod). Floats and
 * integers. Of floats NaN if b is 0 or a infinite; b infinite leaves a, or b where a - b floor(a/b) is asked and the signs differ. The gradient
 * of a is that of the result, that of b the quotient's times it, -floor(a/b) and -trunc(a/b), also where these jump. An integer
 * b that is 0 somewhere is TG_ERR_ARG when the value is computed. */
TG_API tg_tensor *tg_remainder(tg_tensor *a, tg_tensor *b);
TG_API tg_tensor *tg_fmod(tg_tensor *a, tg_tensor *b);
/* floor(a/b), a/b not being rounded first; where the result is beyond 2^24 (f64 2^53) to 3 ULP. a/b where a float b is 0. Gradient zero.
 * Integers as above; the lowest one by -1 is itself. */
TG_API tg_tensor *tg_floor_divide(tg_tensor *a, tg_tensor *b);

/* min(max(x, lo), hi), so hi where lo > hi; -INFINITY, INFINITY: no bound. Floats and integers, whose bounds are whole. NaN stays. The
 * gradient passes within the bounds and on them. A bound that is NaN: TG_ERR_ARG. */
TG_API tg_tensor *tg_clamp(tg_tensor *x, double lo, double hi);

/* Numbers for NaN, inf and -inf; other elements as they are. The gradient is 0 where one is replaced. f32, f64; options may be NULL. */
typedef struct tg_nan_to_num_options {
    double nan;    /* 0 */
    double posinf; /* the largest number of the dtype; TG_ZERO for 0 */
    double neginf; /* the lowest */
} tg_nan_to_num_options;
TG_API tg_tensor *tg_nan_to_num(tg_tensor *x, const tg_nan_to_num_options *options);

/* Comparisons and logic give bool and have no gradient. */
TG_API tg_tensor *tg_eq(tg_tensor *a, tg_tensor *b);
TG_API tg_tensor *tg_ne(tg_tensor *a, tg_tensor *b);
TG_API tg_tensor *tg_lt(tg_tensor *a, tg_tensor *b);
TG_API tg_tensor *tg_le(tg_tensor *a, tg_tensor *b);
TG_API tg_tensor *tg_gt(tg_tensor *a, tg_tensor *b);
TG_API tg_tensor *tg_ge(tg_tensor *a, tg_tensor *b);
TG_API tg_tensor *tg_isfinite(tg_tensor *x);
TG_API tg_tensor *tg_isnan(tg_tensor *x);
TG_API tg_tensor *tg_isinf(tg_tensor *x);
TG_API tg_tensor *tg_logical_not(tg_tensor *x); /* of a bool */
TG_API tg_tensor *tg_logical_and(tg_tensor *a, tg_tensor *b); /* of two bools, as are the next two */
TG_API tg_tensor *tg_logical_or(tg_tensor *a, tg_tensor *b);
TG_API tg_tensor *tg_logical_xor(tg_tensor *a, tg_tensor *b);

/* Is a near to b: a = b, or |a - b| finite and at most atol + rtol |b|? Of floats; it is not symmetric. options may be NULL. As PyTorch. */
typedef struct tg_isclose_options {
    double rtol, atol; /* 1e-5 and 1e-8; TG_ZERO for 0. Less than 0, or NaN: TG_ERR_ARG */
    bool   equal_nan;  /* two NaN are near to each other */
} tg_isclose_options;
TG_API tg_tensor *tg_isclose(tg_tensor *a, tg_tensor *b, const tg_isclose_options *options);
TG_API tg_tensor *tg_allclose(tg_tensor *a, tg_tensor *b, const tg_isclose_options *options); /* are all? One bool */

/* cond ? a : b, cond of bool. Gives no gradient to the side not taken, whatever that side holds, in derivatives of any order; the side
 * taken gets it as it is, also a NaN. */
TG_API tg_tensor *tg_where(tg_tensor *cond, tg_tensor *a, tg_tensor *b);

/* Converts the dtype: to bool x != 0; to an integer towards zero, saturating, NaN to 0. Gradients flow between floats. */
TG_API tg_tensor *tg_to(tg_tensor *x, tg_dtype dtype);

#ifdef __cplusplus
}
#endif
#endif
