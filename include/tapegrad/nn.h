/* nn.h - normalisation, losses, distances and dropout. Part of tapegrad.h. */
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

/* By channels: x is [N, channels, …], weight and bias are [channels], or NULL. */

/* What batch_norm, or instance_norm, knows of all batches: two buffers of the caller's (tg_buffer), the mean, at first 0, and the variance, at first 1, of each
 * channel. In training each call puts their next values into the other two, computed with whatever is computed next (tg_want); tg_update_running
 * assigns them when the step is done. */
typedef struct tg_running_stats {
    tg_tensor *mean, *var;           /* [channels], of x's dtype */
    tg_tensor *next_mean, *next_var; /* NULL, or of this recording */
    int64_t    batches;              /* how many they are of, which tg_update_running counts */
} tg_running_stats;

typedef struct tg_batch_norm_options {
    tg_running_stats *running;  /* NULL: there are none, and every batch is normalised by its own statistics */
    bool              training; /* by the batch's own statistics, of at least 2 elements a channel (TG_ERR_SHAPE); else by the running ones */
    double            momentum; /* next = (1 - momentum) running + momentum batch's; 0: 0.1; at most 1 */
    double            eps;      /* 0: 1e-5; not negative */
    bool              cumulative; /* the running statistics are the mean of those of all batches so far, whatever momentum is: it counts as
                                     1 / (batches + 1). PyTorch's momentum = None */
} tg_batch_norm_options;

/* (x - mean) / sqrt(var + eps) weight + bias for each channel, over all other axes; x of rank >= 2. The batch's variance divides by n here, for the
 * running one by n - 1. Gradients go through the batch's statistics, and not through the running ones. options may be NULL. Ioffe, Szegedy 2015 */
TG_API tg_tensor *tg_batch_norm(tg_tensor *x, tg_tensor *weight, tg_tensor *bias, const tg_batch_norm_options *options);

/* Assigns the next running statistics, computing them if nobody did, and forgets them; without any it does nothing. Behind it what was recorded from
 * the old ones and was not computed is TG_ERR_STALE, as tg_assign says: call it after the step. */
TG_API tg_status tg_update_running(tg_running_stats *running);

/* As layer_norm, for each of `groups` groups of neighbouring channels, which have to divide them; eps >= 0, usually 1e-5. x of rank >= 2.
 * Wu, He 2018 */
TG_API tg_tensor *tg_group_norm(tg_tensor *x, int64_t groups, tg_tensor *weight, tg_tensor *bias, double eps);
/* The same for each channel: over axes 2 …, that have more than one element (TG_ERR_SHAPE). Ulyanov, Vedaldi, Lempitsky 2016 */
TG_API tg_tensor *tg_instance_norm(tg_tensor *x, tg_tensor *weight, tg_tensor *bias, double eps);
/* The same with running statistics, as tg_batch_norm has them: in training those of all examples of a batch, by whose own each channel is
 * normalised, are averaged into them; else they normalise. options NULL, or without running: tg_instance_norm. */
TG_API tg_tensor *tg_instance_norm_running(tg_tensor *x, tg_tensor *weight, tg_tensor *bias, const tg_batch_norm_options *options);

/* x / (k + alpha / size sum of x^2 over the `size` channels about each)^beta, size/2 of them before it, where there are so many.
 * Krizhevsky, Sutskever, Hinton 2012 */
typedef struct tg_local_response_norm_options {
    double alpha, beta, k; /* 0: 1e-4, 0.75, 1 */
} tg_local_response_norm_options;
TG_API tg_tensor *tg_local_response_norm(tg_tensor *x, int64_t size, const tg_local_response_norm_options *options);

/* Of vectors and weights. */

/* x / max(p-norm of x along the axis, eps), with tg_norm's p; eps >= 0, usually 1e-12. Gradient 1/eps where the norm is less than eps. */
TG_API tg_tensor *tg_normalize(tg_tensor *x, double p, int axis, double eps);
/* length v / |v|, |.| the 2-norm over all axes but this one; length [n], n the size of the axis. Where v is 0 the result is NaN.
 * Salimans, Kingma 2016 */
TG_API tg_tensor *tg_weight_norm(tg_tensor *v, tg_tensor *length, int axis);
/* w / sigma, sigma the largest singular value of w as a matrix [n, …], as far as u knows it: |w^T u|. u [n] is a buffer of the caller's (tg_buffer)
 * with random numbers at first; `iterations` >= 0 steps of the power method, usually 1 in training and 0 otherwise, improve it and are assigned at
 * once. No gradient goes to u. Miyato et al. 2018 */
TG_API tg_tensor *tg_spectral_norm(tg_tensor *w, tg_tensor *u, int iterations);

/* ---- losses -------------------------------------------------------------------------------------------------------
 * Inputs are f32 or f64. Shapes and dtypes of what is compared are equal: nothing broadcasts. Reductions of nothing are NaN, sums 0. An option
 * that a loss does not name here is refused (TG_ERR_ARG), as is a number that is not finite. */

typedef enum tg_loss_reduction {
    TG_LOSS_MEAN = 0, /* over all losses; the usual one */
    TG_LOSS_SUM,
    TG_LOSS_NONE,      /* the losses themselves */
    TG_LOSS_BATCHMEAN, /* tg_kl_div_loss: the sum over the size of axis 0 */
} tg_loss_reduction;

/* All losses' options; each names those that it takes. NULL: all usual. */
typedef struct tg_loss_options {
    tg_loss_reduction reduction;
    tg_tensor        *weight;          /* factors of the losses: one for each class, or of a shape that broadcasts to the input's; NULL: none */
    tg_tensor        *pos_weight;      /* a factor of the losses of positive targets, of a shape that broadcasts to the input's */
    int64_t           ignore_index;    /* rows with this label do not count; 0: -100; TG_ZERO_INDEX: 0 */
    double            label_smoothing; /* 0 to 1: this part of each target is spread evenly over all classes */
    double            delta, beta, margin, p, eps; /* 0: the usual one */
    bool              log_target;      /* the targets are logarithms */
    bool              rates;           /* the inputs are rates, not their logarithms */
    bool              full;            /* with the terms that depend on nothing that is learnt */
    bool              swap;            /* see tg_triplet_margin_loss */
} tg_loss_options;

/* Of the difference d = prediction - target */
TG_API tg_tensor *tg_mse_loss(tg_tensor *prediction, tg_tensor *target, const tg_loss_options *options); /* d^2 */
TG_API tg_tensor *tg_mse(tg_tensor *prediction, tg_tensor *target); /* the mean of d^2 */
TG_API tg_tensor *tg_l1_loss(tg_tensor *prediction, tg_tensor *target, const tg_loss_options *options); /* |d|; slope 0 at 0 */
/* d^2/2 where |d| <= delta, delta (|d| - delta/2) beyond: tg_huber with the option delta, usually 1. */
TG_API tg_tensor *tg_huber_loss(tg_tensor *prediction, tg_tensor *target, const tg_loss_options *options);
/* d^2 / (2 beta) where |d| <= beta, |d| - beta/2 beyond. beta >= 0, usually 1; TG_ZERO: tg_l1_loss */
TG_API tg_tensor *tg_smooth_l1_loss(tg_tensor *prediction, tg_tensor *target, const tg_loss_options *options);
/* ln cosh d, without overflow, and with all digits near 0; slope tanh d */
TG_API tg_tensor *tg_log_cosh_loss(tg_tensor *prediction, tg_tensor *target, const tg_loss_options *options);

/* Huber's loss of the difference d = prediction - target: mean of d^2/2 where |d| <= delta, delta (|d| - delta/2) beyond. delta is finite, more than 0
 * (TG_ERR_ARG) and a number of the dtype (TG_ERR_DTYPE). An infinite d has the gradient +-delta / n. Huber 1964 */
TG_API tg_tensor *tg_huber(tg_tensor *prediction, tg_tensor *target, double delta);

/* Binary cross-entropy of probabilities p: -(t ln p + (1 - t) ln(1 - p)), logarithms at least -100. weight. The slope is (p - t) / (p (1 - p)), with
 * a denominator of at least 1e-12. p outside of [0, 1] gives NaN. */
TG_API tg_tensor *tg_bce_loss(tg_tensor *p, tg_tensor *target, const tg_loss_options *options);

/* The same of logits, below, with weight and pos_weight: -(pos_weight t ln p + (1 - t) ln(1 - p)), p = sigmoid(logits). */
TG_API tg_tensor *tg_bce_with_logits_loss(tg_tensor *logits, tg_tensor *target, const tg_loss_options *options);

/* Binary cross-entropy: mean of max(x,0) - x t + ln(1 + e^-|x|), x the logits, t the targets in [0, 1] of the same dtype. */
TG_API tg_tensor *tg_bce_with_logits(tg_tensor *logits, tg_tensor *target);

/* Cross-entropy by class index: mean over rows of logsumexp(row) - row[label]. logits [N, classes] (or […, classes]), label [N] (or […])
 * of i64 or i32. A label outside 0 … classes-1: TG_ERR_INDEX when the value is computed. */
TG_API tg_tensor *tg_cross_entropy(tg_tensor *logits, tg_tensor *label);

/* The same with weight [classes], ignore_index and label_smoothing: the losses of rows are weight[label] times theirs, and the mean is the sum over
 * that of the weights of the labels, both without rows that are ignored; NaN where all are. Or the target has probabilities: of the logits' shape
 * and dtype, differentiable, - sum over classes of weight target ln softmax(logits), whose mean is over rows. What has probability 0 costs 0.
 * Szegedy et al. 2016 (smoothing) */
TG_API tg_tensor *tg_cross_entropy_loss(tg_tensor *logits, tg_tensor *target, const tg_loss_options *options);

/* -log_p[label] of each row of log_p […, classes]: tg_cross_entropy_loss behind tg_log_softmax. weight, ignore_index */
TG_API tg_tensor *tg_nll_loss(tg_tensor *log_p, tg_tensor *label, const tg_loss_options *options);

/* Kullback-Leibler divergence from log_q, logarithms of probabilities, to p: p (ln p - log_q), 0 where p = 0; or of log_target e^t (t - log_q).
 * The divergence of distributions is the sum of these: TG_LOSS_BATCHMEAN takes its mean over axis 0. */
TG_API tg_tensor *tg_kl_div_loss(tg_tensor *log_q, tg_tensor *p, const tg_loss_options *options);

/* (ln v + d^2 / v) / 2, d = mean - target, v = var where that is not less than eps, usually 1e-6, else eps, with the gradient of eps; full: and
 * ln(2 pi) / 2. var broadcasts to the mean. Nix, Weigend 1994 */
TG_API tg_tensor *tg_gaussian_nll_loss(tg_tensor *mean, tg_tensor *target, tg_tensor *var, const tg_loss_options *options);

/* e^x - t x, x the logarithms of rates; of rates: x - t ln(x + eps), eps usually 1e-8. full: and where t > 1 Stirling's
 * t ln t - t + ln(2 pi t) / 2 */
TG_API tg_tensor *tg_poisson_nll_loss(tg_tensor *x, tg_tensor *target, const tg_loss_options *options);

/* Targets t of 1 and -1, of the input's dtype. max(0, .) has slope 1 at 0 here, but for classes, where it has 0. */
TG_API tg_tensor *tg_hinge_loss(tg_tensor *x, tg_tensor *target, const tg_loss_options *options);       /* max(0, margin - t x), margin usually 1 */
TG_API tg_tensor *tg_soft_margin_loss(tg_tensor *x, tg_tensor *target, const tg_loss_options *options); /* ln(1 + e^(-t x)) */
/* x where t > 0, else max(0, margin - x), margin usually 1 */
TG_API tg_tensor *tg_hinge_embedding_loss(tg_tensor *x, tg_tensor *target, const tg_loss_options *options);
/* max(0, -t (a - b) + margin), margin usually 0 */
TG_API tg_tensor *tg_margin_ranking_loss(tg_tensor *a, tg_tensor *b, tg_tensor *target, const tg_loss_options *options);
/* 1 - c where t > 0, else max(0, c - margin), margin usually 0, c = a b / sqrt((a a + 1e-12) (b b + 1e-12)) the cosine of rows; a, b […, n], t […] */
TG_API tg_tensor *tg_cosine_embedding_loss(tg_tensor *a, tg_tensor *b, tg_tensor *target, const tg_loss_options *options);
/* max(0, |anchor - positive| - |anchor - negative| + margin) for rows of […, n], with tg_pairwise_distance of p, usually 2, and eps, usually 1e-6;
 * margin is usually 1. swap: the lesser of |anchor - negative| and |positive - negative|. Balntas et al. 2016 */
TG_API tg_tensor *tg_triplet_margin_loss(tg_tensor *anchor, tg_tensor *positive, tg_tensor *negative, const tg_loss_options *options);
/* The sum over the other classes k of max(0, margin - x[label] + x[k])^p, over the number of classes, times weight[label]. x […, classes], label […] of
 * i64 or i32; margin is usually 1, p 1 or 2, usually 1. */
TG_API tg_tensor *tg_multi_margin_loss(tg_tensor *x, tg_tensor *label, const tg_loss_options *options);

/* ---- distances ---------------------------------------------------------------------------------------------------- */

typedef struct tg_pairwise_distance_options {
    double p;   /* usually 2; TG_ZERO for 0 */
    double eps; /* usually 1e-6, finite; TG_ZERO for none */
    bool   keepdim;
} tg_pairwise_distance_options;
/* The p-norm of a - b + eps over the last axis, as tg_norm has it. a and b broadcast. options may be NULL. */
TG_API tg_tensor *tg_pairwise_distance(tg_tensor *a, tg_tensor *b, const tg_pairwise_distance_options *options);

/* a b / (max(|a|, eps) max(|b|, eps)) along the axis, which goes away; a and b broadcast. eps >= 0, usually 1e-8. */
TG_API tg_tensor *tg_cosine_similarity(tg_tensor *a, tg_tensor *b, int axis, double eps);

/* The p-norms of all differences of rows: a […, n, k], b […, m, k] give […, n, m]; leading axes broadcast. Each difference is computed, so
 * that near points lose no digits. Points that coincide get gradient 0. */
TG_API tg_tensor *tg_cdist(tg_tensor *a, tg_tensor *b, double p);

/* ---- for training ------------------------------------------------------------------------------------------------- */

/* Zeroes each element with probability p and scales the others by 1/(1-p); 0 <= p <= 1, p = 1 gives zeros. The same mask in every
 * gradient. For training: leave it out when evaluating. */
TG_API tg_tensor *tg_dropout(tg_tensor *x, double p);

/* The same for whole channels of x [N, channels, …]: all elements of one share their fate. */
TG_API tg_tensor *tg_dropout2d(tg_tensor *x, double p);

/* Puts selu's limit for -inf, -1.758…, in the place of each element with probability p, and then scales and shifts all so that what has mean 0 and
 * variance 1 keeps them; p = 1 gives zeros. Klambauer et al. 2017 */
TG_API tg_tensor *tg_alpha_dropout(tg_tensor *x, double p);

/* The share of rows whose largest logit is the label's: a scalar in the tape's dtype, without gradient. */
TG_API tg_tensor *tg_accuracy(tg_tensor *logits, tg_tensor *label);

#ifdef __cplusplus
}
#endif
#endif
