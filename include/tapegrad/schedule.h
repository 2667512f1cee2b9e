/* schedule.h - learning rates that change: schedules, put together from simple ones. Part of tapegrad.h. */
#ifndef TAPEGRAD_SCHEDULE_H
#define TAPEGRAD_SCHEDULE_H

#include <tapegrad/optim.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- schedules -------------------------------------------------------------------------------------------------------
 * A schedule is a factor that depends on a count t = 0, 1, 2, …, of batches or of epochs, as you like. It drives groups of optimizers: their
 * learning rates are the ones that they had when tg_schedule_drive was called, times the factor.
 *
 *   tg_schedule *s = tg_warmup_lr(tg_cosine_lr(t, 900, 0.01), 100, 0);     up in 100 steps, down to 1 % in 900 more
 *   tg_schedule_drive(s, opt, -1);
 *   …  tg_minimize(opt, loss);  tg_schedule_step(s);  …                    after each step of the optimizer
 *
 * It belongs to its tape and is freed with it. In the formulas base learning rates are 1; they are PyTorch's, but that minima are factors as
 * well, and that what has an end stays there. Functions give NULL for NULL and after an error: TG_ERR_ARG for numbers out of their range. */

typedef struct tg_schedule tg_schedule;

TG_API tg_schedule *tg_constant_lr(tg_tape *tape, double factor, int64_t steps); /* factor >= 0 while t < steps, then 1; steps > 0 */
TG_API tg_schedule *tg_step_lr(tg_tape *tape, int64_t every, double gamma);      /* gamma^floor(t / every); every > 0, gamma >= 0 */
/* gamma^(how many of the n milestones, more than 0 and ascending, are <= t). The list is copied. */
TG_API tg_schedule *tg_multistep_lr(tg_tape *tape, const int64_t *milestones, int n, double gamma);
TG_API tg_schedule *tg_exponential_lr(tg_tape *tape, double gamma); /* gamma^t */
TG_API tg_schedule *tg_polynomial_lr(tg_tape *tape, int64_t steps, double power); /* (1 - min(t, steps)/steps)^power; power >= 0 */
TG_API tg_schedule *tg_linear_lr(tg_tape *tape, double start, double end, int64_t steps); /* from start to end in `steps`, both >= 0 */
/* From 1 to min, 0 to 1, along half a cosine: min + (1-min)(1 + cos(pi t/steps))/2 for t <= steps, then min. Loshchilov, Hutter 2017. */
TG_API tg_schedule *tg_cosine_lr(tg_tape *tape, int64_t steps, double min);
/* The same again and again, first in `first` steps, each further time in `times` as many as before; times >= 1. At its end it begins anew. */
TG_API tg_schedule *tg_cosine_restarts_lr(tg_tape *tape, int64_t first, int64_t times, double min);

typedef struct tg_one_cycle_options {
    int64_t steps;         /* in all; more than 0 */
    double  pct_start;     /* the part of them in which the rate grows, 0 to 1; usually 0.3 */
    double  div_factor;    /* it begins with 1/div_factor; usually 25 */
    double  final_div_factor; /* and ends with 1/(div_factor final_div_factor); usually 1e4 */
    double  base_momentum; /* momentum when the rate is highest; 0 to below 1; usually 0.85 */
    double  max_momentum;  /* and when it is lowest; usually 0.95 */
    bool    linear;        /* straight lines instead of half cosines */
    bool    three_phase;   /* down to where it began as fast as up, and further down in the rest */
    bool    keep_momentum; /* leaves the momentum as it is. Else sets `momentum`, or beta1, of what it drives, which has to have one */
} tg_one_cycle_options;

/* Up to 1, which is the base learning rate, and down to almost nothing, while momentum goes down and up. Smith, Topin 2018; as PyTorch's
 * OneCycleLR, whose max_lr is the optimizer's own here. */
TG_API tg_schedule *tg_one_cycle_lr(tg_tape *tape, const tg_one_cycle_options *options);

typedef struct tg_plateau_options {
    double  factor;    /* 0 to below 1; usually 0.1 */
    int64_t patience;  /* so many reports in a row without a better one are waited for; usually 10, TG_ZERO_INDEX: none */
    double  threshold; /* what counts as better; usually 1e-4 */
    bool    absolute;  /* better by that much; else by that part of the best */
    bool    maximize;  /* the larger the better */
    int64_t cooldown;  /* so many reports after a reduction do not count as bad; usually none */
    double  min;       /* the factor does not become smaller; usually 0 */
} tg_plateau_options;

/* 1 at first, and times `factor` whenever more than `patience` reports (tg_schedule_report) in a row were not better than the best one. A NaN is
 * not better. As PyTorch's ReduceLROnPlateau. */
TG_API tg_schedule *tg_plateau_lr(tg_tape *tape, const tg_plateau_options *options);

/* factor(ctx, t), which may neither reset nor free the tape, nor do anything with schedules. What it gives is finite and >= 0, else the step
 * fails. */
typedef double (*tg_factor_fn)(void *ctx, int64_t t);
TG_API tg_schedule *tg_lambda_lr(tg_tape *tape, tg_factor_fn factor, void *ctx);

/* ---- schedules made of schedules: the parts belong to the whole from then on, and are stepped and freed with it. No parts: NULL. --- */

/* start + (1-start) t/steps for t < steps, then what `after` says, which begins there with its own t = 0. steps > 0, start >= 0. */
TG_API tg_schedule *tg_warmup_lr(tg_schedule *after, int64_t steps, double start);

/* Part 0 up to milestones[0], part 1 from there to milestones[1], …; each begins with its own t = 0. n parts, n-1 milestones, more than 0 and
 * ascending. */
TG_API tg_schedule *tg_sequential_lr(tg_schedule *const *parts, const int64_t *milestones, int n);

TG_API tg_schedule *tg_chained_lr(tg_schedule *const *parts, int n); /* the product of n factors at the same t */

/* ---- using them ------------------------------------------------------------------------------------------------------ */

/* Drives a group of the optimizer, or with -1 all groups it has that do not follow group 0, from now on: learning rates are multiplied at once.
 * One schedule can drive several groups and optimizers. A group that is driven already, by this schedule or another: TG_ERR_ARG. An optimizer
 * that was freed is driven no more. TG_ERR_UNSUPPORTED: the schedule sets a momentum that the optimizer does not have. */
TG_API tg_status tg_schedule_drive(tg_schedule *s, tg_optim *opt, int group);

TG_API tg_status tg_schedule_step(tg_schedule *s); /* t grows by one, and learning rates follow. After an error nothing has changed */

/* Tells the plateaus in a schedule, in tg_sequential_lr those of the part under way, what was measured, such as the loss of an epoch; learning
 * rates follow. Steps have nothing to do with it: t stays as it is. */
TG_API tg_status tg_schedule_report(tg_schedule *s, double measured);

TG_API double  tg_schedule_factor(tg_schedule *s);      /* at its t; NaN for NULL and after an error */
TG_API int64_t tg_schedule_count(const tg_schedule *s); /* t; -1 for NULL */
TG_API void    tg_schedule_free(tg_schedule *s);        /* before the tape's end, where wished; learning rates stay. NULL is allowed */

#ifdef __cplusplus
}
#endif
#endif
