/* optim.h - optimizers, and clipping of gradients. Part of tapegrad.h. */
#ifndef TAPEGRAD_OPTIM_H
#define TAPEGRAD_OPTIM_H

#include <tapegrad/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- optimizers ---------------------------------------------------------------------------------------------------
 * An optimizer belongs to its tape and is freed with it. It updates all the tape's parameters, or the listed ones. The numbers among the
 * options are refused (TG_ERR_ARG) when they are NaN or beyond float32, and but for dampening when they are negative. */

typedef struct tg_optim tg_optim;

typedef struct tg_sgd_options {
    double            lr;           /* learning rate; usually 0.01 */
    double            momentum;     /* 0 … */
    double            dampening;
    double            weight_decay; /* adds weight_decay w to the gradient */
    bool              nesterov;     /* needs momentum > 0 and no dampening */
    bool              skip_nonfinite; /* see tg_step */
    bool              maximize;     /* goes along the gradient: formulas get -g for g */
    tg_tensor *const *params;       /* parameters, or kept tensors that require grad; NULL: all parameters of the tape, also later ones */
    int               n_params;
} tg_sgd_options;

/* m = momentum m + (1 - dampening) g (m = g at first); w -= lr m, or lr (g + momentum m) with Nesterov. As PyTorch's SGD, but that m stays
 * within the largest number of its dtype, and so decays again. */
TG_API tg_optim *tg_sgd(tg_tape *tape, const tg_sgd_options *options);

typedef struct tg_adam_options {
    double            lr;           /* usually 0.001 */
    double            beta1, beta2; /* 0 … below 1; usually 0.9 and 0.999 */
    double            eps;          /* usually 1e-8; what is smaller than the dtype's smallest normal number (1.2e-38, 2.2e-308) counts as that */
    double            weight_decay; /* tg_adam: adds weight_decay w to the gradient; usually none. tg_adamw: w -= lr weight_decay w; usually
                                     * 0.01 */
    bool              amsgrad;      /* v in the divisor is the largest so far */
    bool              skip_nonfinite; /* see tg_step */
    bool              maximize;
    tg_tensor *const *params;
    int               n_params;
} tg_adam_options;

/* m = beta1 m + (1-beta1) g; v = beta2 v + (1-beta2) g^2; w -= lr m/(1-beta1^t) / (sqrt(v/(1-beta2^t)) + eps). Kingma, Ba 2015; amsgrad:
 * Reddi, Kale, Kumar 2018, the largest v before it is divided by 1-beta2^t, as PyTorch's.
 * A |g| above 2^63 (f64: 2^511) counts as that: v stays finite, and its element goes on when v has decayed. */
TG_API tg_optim *tg_adam(tg_tape *tape, const tg_adam_options *options);
TG_API tg_optim *tg_adamw(tg_tape *tape, const tg_adam_options *options); /* decoupled decay. Loshchilov, Hutter 2019 */

typedef struct tg_adamax_options {
    double            lr;           /* usually 0.002 */
    double            beta1, beta2; /* 0 … below 1; usually 0.9 and 0.999 */
    double            eps;          /* usually 1e-8; as for tg_adam */
    double            weight_decay; /* adds weight_decay w to the gradient */
    bool              skip_nonfinite; /* see tg_step */
    bool              maximize;
    tg_tensor *const *params;
    int               n_params;
} tg_adamax_options;

/* m as Adam's; u = max(beta2 u, |g| + eps); w -= lr/(1-beta1^t) m/u. As PyTorch's Adamax; Kingma, Ba 2015. */
TG_API tg_optim *tg_adamax(tg_tape *tape, const tg_adamax_options *options);

typedef struct tg_nadam_options {
    double            lr;           /* usually 0.002 */
    double            beta1, beta2; /* 0 … below 1; usually 0.9 and 0.999 */
    double            eps;          /* usually 1e-8; as for tg_adam */
    double            weight_decay; /* adds weight_decay w to the gradient */
    double            momentum_decay; /* how fast the momentum comes to beta1; 0 …; usually 0.004 */
    bool              skip_nonfinite; /* see tg_step */
    bool              maximize;
    tg_tensor *const *params;
    int               n_params;
} tg_nadam_options;

/* m and v as Adam's; mu_t = beta1 (1 - 0.96^(t momentum_decay)/2), P_t = mu_1 … mu_t;
 * w -= lr ((1-mu_t)/(1-P_t) g + mu_(t+1)/(1-P_(t+1)) m) / (sqrt(v/(1-beta2^t)) + eps). As PyTorch's NAdam; Dozat 2016. |g| is limited as for
 * tg_adam. P is saved with the state, as "nadam.mu_product.w", one f64. */
TG_API tg_optim *tg_nadam(tg_tape *tape, const tg_nadam_options *options);

typedef struct tg_radam_options {
    double            lr;           /* usually 0.001 */
    double            beta1, beta2; /* 0 … below 1; usually 0.9 and 0.999 */
    double            eps;          /* usually 1e-8; as for tg_adam */
    double            weight_decay; /* adds weight_decay w to the gradient */
    bool              skip_nonfinite; /* see tg_step */
    bool              maximize;
    tg_tensor *const *params;
    int               n_params;
} tg_radam_options;

/* m and v as Adam's; R = 2/(1-beta2) - 1, r = R - 2 t beta2^t/(1-beta2^t); w -= lr m/(1-beta1^t) as long as r <= 5, then
 * w -= lr sqrt((r-4)(r-2)R / ((R-4)(R-2)r)) m/(1-beta1^t) sqrt(1-beta2^t)/(sqrt(v) + eps). As PyTorch's RAdam; Liu et al. 2020. |g| is limited
 * as for tg_adam. */
TG_API tg_optim *tg_radam(tg_tape *tape, const tg_radam_options *options);

typedef struct tg_lion_options {
    double            lr;           /* usually 0.0001 */
    double            beta1, beta2; /* 0 … below 1; usually 0.9 and 0.99 */
    double            weight_decay; /* w -= lr weight_decay w; usually none */
    bool              skip_nonfinite; /* see tg_step */
    bool              maximize;
    tg_tensor *const *params;
    int               n_params;
} tg_lion_options;

/* w -= lr sign(beta1 m + (1-beta1) g), sign(0) = 0; m = beta2 m + (1-beta2) g. Chen et al. 2023. It wants a learning rate three to ten times
 * smaller than Adam's, and a decay as many times larger. */
TG_API tg_optim *tg_lion(tg_tape *tape, const tg_lion_options *options);

typedef struct tg_adadelta_options {
    double            lr;           /* usually 1 */
    double            rho;          /* 0 … below 1; usually 0.9 */
    double            eps;          /* usually 1e-6; as for tg_adam in the divisor */
    double            weight_decay; /* adds weight_decay w to the gradient */
    bool              skip_nonfinite; /* see tg_step */
    bool              maximize;
    tg_tensor *const *params;
    int               n_params;
} tg_adadelta_options;

/* v = rho v + (1-rho) g^2; d = sqrt(u + eps)/sqrt(v + eps) g; u = rho u + (1-rho) d^2; w -= lr d. As PyTorch's Adadelta; Zeiler 2012. |g| and
 * |d| are limited as |g| is for tg_adam. */
TG_API tg_optim *tg_adadelta(tg_tape *tape, const tg_adadelta_options *options);

typedef struct tg_rmsprop_options {
    double            lr;           /* usually 0.01 */
    double            alpha;        /* 0 … below 1; usually 0.99 */
    double            eps;          /* usually 1e-8; as for tg_adam */
    double            weight_decay; /* adds weight_decay w to the gradient */
    double            momentum;     /* 0 … */
    bool              centered;     /* divides by the standard deviation */
    bool              skip_nonfinite; /* see tg_step */
    bool              maximize;
    tg_tensor *const *params;
    int               n_params;
} tg_rmsprop_options;

/* v = alpha v + (1-alpha) g^2; r = g / (sqrt(v) + eps), or centered: u = alpha u + (1-alpha) g, r = g / (sqrt(v - u^2) + eps);
 * w -= lr r, or with momentum: m = momentum m + r, w -= lr m. As PyTorch's RMSprop; Hinton 2012, centered: Graves 2013. |g| is limited as for
 * tg_adam, m as for tg_sgd. */
TG_API tg_optim *tg_rmsprop(tg_tape *tape, const tg_rmsprop_options *options);

typedef struct tg_adagrad_options {
    double            lr;           /* usually 0.01 */
    double            lr_decay;     /* 0 … */
    double            weight_decay; /* adds weight_decay w to the gradient */
    double            initial_accumulator; /* what s is before the first step; 0 … */
    double            eps;          /* usually 1e-10; as for tg_adam */
    bool              skip_nonfinite; /* see tg_step */
    bool              maximize;
    tg_tensor *const *params;
    int               n_params;
} tg_adagrad_options;

/* s += g^2; w -= lr/(1 + (t-1) lr_decay) g / (sqrt(s) + eps) at step t. As PyTorch's Adagrad; Duchi, Hazan, Singer 2011. |g| is limited as for
 * tg_adam, and s stays within the largest number of its dtype. The state is zeros before the first step, whatever initial_accumulator is. */
TG_API tg_optim *tg_adagrad(tg_tape *tape, const tg_adagrad_options *options);

typedef struct tg_lamb_options {
    double            lr;           /* usually 0.001 */
    double            beta1, beta2; /* 0 … below 1; usually 0.9 and 0.999 */
    double            eps;          /* usually 1e-6; as for tg_adam */
    double            weight_decay; /* adds weight_decay w to the direction; usually none */
    bool              skip_nonfinite; /* see tg_step */
    bool              maximize;
    tg_tensor *const *params;
    int               n_params;
} tg_lamb_options;

/* m and v as Adam's; r = m/(1-beta1^t) / (sqrt(v/(1-beta2^t)) + eps) + weight_decay w; w -= lr |w|/|r| r with the 2-norms of the whole tensor,
 * and w -= lr r where one of them is 0. For large batches. You et al. 2020. |g| is limited as for tg_adam. */
TG_API tg_optim *tg_lamb(tg_tape *tape, const tg_lamb_options *options);

/* ---- parameter groups -----------------------------------------------------------------------------------------------
 * Tensors of one optimizer with settings of their own. Group 0 is there from the beginning and has what no other group took; its settings are
 * the optimizer's options. A step is one pass over all groups, and settings change without a new plan or memory. */

typedef struct tg_group_options {
    const char       *pattern;      /* of names (tg_params_matching): takes from group 0 the parameters that match, and those made later that no
                                     * earlier group's pattern matches */
    tg_tensor *const *params;       /* or these, which the optimizer updates and which are in group 0 still */
    int               n_params;
    double            lr;           /* a learning rate of its own; 0: as lr_scale says */
    double            lr_scale;     /* lr_scale times group 0's, whatever that is by then; usually 1 */
    double            weight_decay; /* 0: as group 0's; TG_ZERO: none */
    bool              frozen;       /* see tg_set_group_frozen */
} tg_group_options;

/* Makes a group and returns its number, 1, 2, …; -1 for NULL and after an error, and nothing has changed then. Other options than those above
 * are as group 0's are at that time. It is an error, TG_ERR_ARG, to say neither or both of pattern and params, or both of lr and lr_scale;
 * TG_ERR_UNSUPPORTED to give a number that the optimizer does not have. */
TG_API int tg_optim_add_group(tg_optim *opt, const tg_group_options *options);
TG_API int tg_optim_group_count(const tg_optim *opt); /* group 0 included; -1 for NULL */

/* The learning rate of group 0, which others follow as their lr_scale says, and of any group, which follows no more once it is set. TG_ERR_ARG
 * for a number that is negative or not finite in float32, of a group that follows as well. */
TG_API tg_status tg_set_lr(tg_optim *opt, double lr);
TG_API double    tg_lr(const tg_optim *opt); /* NaN for NULL */
TG_API tg_status tg_set_group_lr(tg_optim *opt, int group, double lr);
TG_API double    tg_group_lr(const tg_optim *opt, int group); /* NaN for NULL and after an error */

/* Steps leave the tensors and states of a frozen group as they are, tg_minimize and tg_optim_backward compute no gradients for them, and
 * clipping does not count them. A step uses up gradients that they have from elsewhere (tg_backward). Unlike tg_set_requires_grad it concerns
 * this optimizer alone and can change at any time. */
TG_API tg_status tg_set_group_frozen(tg_optim *opt, int group, bool frozen);

/* ---- steps ---------------------------------------------------------------------------------------------------------- */

/* Computes loss and its gradients by the optimizer's own parameters, and makes a step: tg_optim_backward and tg_step in one. Nothing else is
 * touched. The status is the first one's that fails, or tg_step's. */
TG_API tg_status tg_minimize(tg_optim *opt, tg_tensor *loss);

/* tg_backward_into for the optimizer's own parameters that are not frozen. TG_ERR_GRAD when the loss depends on none of them. */
TG_API tg_status tg_optim_backward(tg_optim *opt, tg_tensor *loss);

/* One update of every parameter that has a gradient and is not frozen, which uses the gradient up. The others stay as they are; TG_ERR_GRAD
 * when there is none: tg_optim_backward comes first. (TG_OK when the optimizer has no parameters, as when all were released: nothing is missing.)
 * A NaN or an infinity in a gradient ruins the elements it updates, and what is computed from them. With skip_nonfinite such a step is left
 * out whole: parameters, running means and the counts of their steps stay, all gradients are used up, the step is counted
 * (tg_steps_skipped), and TG_SKIPPED comes back, without a sentence. Looking for them reads the gradients once more. */
TG_API tg_status tg_step(tg_optim *opt);
TG_API int64_t   tg_steps_skipped(const tg_optim *opt); /* since it was made; -1 for NULL */
TG_API tg_status tg_optim_zero_grad(tg_optim *opt); /* forgets the gradients of this optimizer's parameters */
TG_API void      tg_optim_free(tg_optim *opt);      /* before the tape's end, where wished; NULL is allowed */

/* What an optimizer remembers between its steps, as a list of tensors, for saving and restoring it whatever its kind. For each of its
 * parameters, in their order, there are its states (zeros before the first step), of the parameter's shape and dtype, and last the number of
 * its steps, one i64. Entry i has a name that depends on the optimizer's function, the state and the parameter: "adam.exp_avg.w",
 * "adam.exp_avg_sq.w", "adam.steps.w", and "adam.steps[2]" for a listed tensor without a name, the third. Behind these are "adam.groups", the
 * settings of all groups, f64 with a row for each (the numbers among the options in their order, with the learning rate first; whether it
 * follows group 0's, as 0 or 1; lr_scale; whether it is frozen), and "adam.skipped", the number of steps left out, one i64. They can go to
 * tg_save_tensors with the parameters. An optimizer of the same kind, with the same groups, that gets all of them back goes on as the first one
 * would. The parameters are those there are now: the numbers of entries change when some are made or released. */
TG_API int        tg_optim_state_count(tg_optim *opt); /* -1 for NULL and after an error */
/* Writes the name into buf, always terminated, and returns its length, as snprintf does; -1 after an error. */
TG_API int        tg_optim_state_name(tg_optim *opt, int i, char *buf, size_t size);
TG_API tg_tensor *tg_optim_state_get(tg_optim *opt, int i); /* a new tensor with what it holds now; NULL after an error */
TG_API tg_status  tg_optim_state_set(tg_optim *opt, int i, tg_tensor *value); /* of the entry's shape and dtype; TG_ERR_ARG for steps that are not 0 to 2^53, and settings out of their range */

/* Scales the gradients of the optimizer's parameters, but for those that are used up or frozen, so that their joint 2-norm is at most
 * max_norm > 0; *norm (may be NULL) gets the norm before, right at any scale of f64: infinite only beyond 1.8e308. TG_ERR_ARG when an
 * element is infinite or NaN; the gradients stay as they were then. */
TG_API tg_status tg_clip_grad_norm(tg_optim *opt, double max_norm, double *norm);

/* The same for the tensors of one group, with a norm of their own. */
TG_API tg_status tg_clip_group_grad_norm(tg_optim *opt, int group, double max_norm, double *norm);

/* The same for the gradients of n different leaves. */
TG_API tg_status tg_clip_grad_norm_of(tg_tensor *const *leaves, int n, double max_norm, double *norm);

/* Every element of these gradients that lies beyond -max_value … max_value, max_value > 0, becomes the nearer of both; NaN stays NaN. */
TG_API tg_status tg_clip_grad_value(tg_optim *opt, double max_value);
TG_API tg_status tg_clip_group_grad_value(tg_optim *opt, int group, double max_value); /* of the tensors of one group */
TG_API tg_status tg_clip_grad_value_of(tg_tensor *const *leaves, int n, double max_value);

#ifdef __cplusplus
}
#endif
#endif
