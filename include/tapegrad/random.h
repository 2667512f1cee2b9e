/* random.h - random numbers of more distributions, and choices by probability. Part of tapegrad.h. */
#ifndef TAPEGRAD_RANDOM_H
#define TAPEGRAD_RANDOM_H

#include <tapegrad/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- random numbers -------------------------------------------------------------------------------------------------
 * As tg_rand and those beside it (tensor.h): of the tape's seed, each call takes the next piece of its stream, for any number of threads
 * the same numbers; floats in the tape's dtype. They have no gradient, but what is made of them has: mean + std tg_randn(…) is a normal
 * number through which gradients reach mean and std. */

TG_API tg_tensor *tg_randint(tg_tape *tape, const tg_shape *shape, int64_t lo, int64_t hi); /* i64, each of lo … hi-1 as likely; lo < hi */
TG_API tg_tensor *tg_randperm(tg_tape *tape, int64_t n);                                    /* i64, 0 … n-1 in random order */
TG_API tg_tensor *tg_normal(tg_tape *tape, const tg_shape *shape, double mean, double std); /* mean + std tg_randn; std >= 0, both finite */
/* Density rate e^(-rate x) for x > 0: -ln(1 - u) / rate. Always more than 0 where rate is 1; rate and 1/rate are finite and more than 0. */
TG_API tg_tensor *tg_exponential(tg_tape *tape, const tg_shape *shape, double rate);

typedef struct tg_truncated_normal_options {
    double mean;   /* of the normal distribution before it is cut */
    double std;    /* its standard deviation, more than 0; 0: 1 */
    double lo, hi; /* the bounds, lo < hi; they may be infinite. Both 0: -2 and 2 */
} tg_truncated_normal_options;

/* A normal number between lo and hi, by the inverse of the distribution function, far from the mean as exact as near to it. Bounds between
 * which a float64 holds no probability (some 37 standard deviations from the mean) are TG_ERR_ARG. */
TG_API tg_tensor *tg_truncated_normal(tg_tape *tape, const tg_shape *shape, const tg_truncated_normal_options *options);

/* ---- distributions whose parameters are tensors, and get gradients ---------------------------------------------------
 * One number for each element, of its dtype, f32 or f64; for more of them tg_expand the parameters. A sample is a differentiable function of its
 * parameters and of uniform numbers, which stay what they are while parameters move: the implicit reparametrisation of Figurnov, Mohamed,
 * Mnih 2018. What has a parameter that is not finite and more than 0 is NaN. */

/* Of the gamma distribution of shape alpha and rate 1, density x^(alpha-1) e^-x / Gamma(alpha); divide by a rate. In *logarithm, unless that is
 * NULL, ln x, which is exact where x vanishes in its dtype, as most do of a small alpha; NULL after an error. It is x with P(alpha, x) = u for a
 * uniform number u of 52 bits, to 2 ULP in f32 and to 1e-13 in f64 for alpha from 1e-3 to 1e6, and costs 0.1 to 1 us. Derivatives up to the third. */
TG_API tg_tensor *tg_standard_gamma(tg_tensor *alpha, tg_tensor **logarithm);

/* What follows from it, by differences of logarithms, so that no sum vanishes: */
TG_API tg_tensor *tg_dirichlet(tg_tensor *alpha);               /* alpha […, K]: numbers of sum 1 along the last axis, x_k / sum x of gamma numbers */
TG_API tg_tensor *tg_rand_beta(tg_tensor *a, tg_tensor *b);     /* density x^(a-1) (1-x)^(b-1) / B(a, b), between 0 and 1; a and b broadcast */
TG_API tg_tensor *tg_chisquare(tg_tensor *df);                  /* the sum of the squares of df normal numbers: 2 gamma(df / 2) */
TG_API tg_tensor *tg_standard_t(tg_tensor *df);                 /* Student's: normal / sqrt(chisquare / df) */

/* ---- choices -------------------------------------------------------------------------------------------------------- */

/* n draws from each row of weights […, K], which need not add up to 1: i64 […, n], element k with probability weights[k] / their sum. With
 * replacement each draw is one of its own, else no element is drawn twice: those that are left share the rest. f32, f64; no gradient. A
 * weight that is negative or not finite, a sum of 0, or fewer positive weights than there are to draw without replacement: TG_ERR_ARG when
 * the value is computed. */
TG_API tg_tensor *tg_multinomial(tg_tensor *weights, int64_t n, bool replacement);

/* One draw from softmax(logits) along the last axis: i64 […]. It is the place of the largest of logits + Gumbel numbers. No gradient. */
TG_API tg_tensor *tg_categorical(tg_tensor *logits);

typedef struct tg_gumbel_softmax_options {
    double tau;  /* the temperature, more than 0; 0: 1 */
    bool   hard; /* the result is exactly one-hot, with the gradient of the soft one (straight-through) */
} tg_gumbel_softmax_options;

/* softmax((logits + G) / tau) along an axis, G = -ln E of exponential numbers E: a draw from softmax(logits) that has a gradient. Jang, Gu,
 * Poole 2017; Maddison, Mnih, Teh 2017. f32, f64. */
TG_API tg_tensor *tg_gumbel_softmax(tg_tensor *logits, int axis, const tg_gumbel_softmax_options *options);

/* The values of `value` with the gradient of x: what arrives at the result goes to x as it is, and nothing to value. Same shape and dtype,
 * f32 or f64. */
TG_API tg_tensor *tg_straight_through(tg_tensor *x, tg_tensor *value);

#ifdef __cplusplus
}
#endif
#endif
