/* nn.h - normalisation and losses. Part of tapegrad.h. */
#ifndef TAPEGRAD_NN_H
#define TAPEGRAD_NN_H

#include <tapegrad/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- normalisation ------------------------------------------------------------------------------------------------
 * Over the last n_axes axes, whose sizes weight and bias have; NULL for none. eps >= 0, usually 1e-5. Range: docs/accuracy.md. */

/* (x - mean) / sqrt(variance + eps) weight + bias, variance = mean of (x - mean)^2. Ba, Kiros, Hinton 2016 */
TG_API tg_tensor *tg_layer_norm(tg_tensor *x, int n_axes, tg_tensor *weight, tg_tensor *bias, double eps);
/* x / sqrt(mean x^2 + eps) weight. Zhang, Sennrich 2019 */
TG_API tg_tensor *tg_rms_norm(tg_tensor *x, int n_axes, tg_tensor *weight, double eps);

/* ---- losses ------------------------------------------------------------------------------------------------------- */

TG_API tg_tensor *tg_mse(tg_tensor *prediction, tg_tensor *target); /* mean of (prediction - target)^2 */

/* Huber's loss of the difference d = prediction - target: mean of d^2/2 where |d| <= delta, delta (|d| - delta/2) beyond. delta is finite, more than 0
 * (TG_ERR_ARG) and a number of the dtype (TG_ERR_DTYPE). An infinite d has the gradient +-delta / n. Huber 1964 */
TG_API tg_tensor *tg_huber(tg_tensor *prediction, tg_tensor *target, double delta);

/* Binary cross-entropy: mean of max(x,0) - x t + ln(1 + e^-|x|), x the logits, t the targets in [0, 1] of the same dtype. */
TG_API tg_tensor *tg_bce_with_logits(tg_tensor *logits, tg_tensor *target);

/* Cross-entropy by class index: mean over rows of logsumexp(row) - row[label]. logits [N, classes] (or […, classes]), label [N] (or […])
 * of i64 or i32. A label outside 0 … classes-1: TG_ERR_INDEX when the value is computed. */
TG_API tg_tensor *tg_cross_entropy(tg_tensor *logits, tg_tensor *label);

/* Zeroes each element with probability p and scales the others by 1/(1-p); 0 <= p <= 1, p = 1 gives zeros. The same mask in every
 * gradient. For training: leave it out when evaluating. */
TG_API tg_tensor *tg_dropout(tg_tensor *x, double p);

/* The share of rows whose largest logit is the label's: a scalar in the tape's dtype, without gradient. */
TG_API tg_tensor *tg_accuracy(tg_tensor *logits, tg_tensor *label);

#ifdef __cplusplus
}
#endif
#endif
