/* adam.c - Adam (Kingma, Ba 2015) and AdamW (Loshchilov, Hutter 2019): one update, which differs in where the weight decay goes; its
 * bias correction is in the numbers of a step. With AMSGrad (Reddi, Kale, Kumar 2018) it divides by the root of the largest mean so far. */
#include "optim/optim.h"

/* The means start at zero: the steps so far say how much of each is missing, and exp_avg / (1 - beta1^t) is a mean. */
static void numbers_of(const tg_step_of *s, bool decoupled, tg_numbers *n)
{
    const tg_adam_options *a = s->options;
    const double           t = (double)s->steps;
    n->adam = (tg_adam_numbers){.lr = s->lr / (1 - pow(a->beta1, t)),
                                .decay = decoupled ? 0 : a->weight_decay,
                                .shrink = decoupled ? 1 - s->lr * a->weight_decay : 1,
                                .keep = a->beta1,
                                .take = 1 - a->beta1,
                                .keep2 = a->beta2,
                                .take2 = 1 - a->beta2,
                                .root = 1 / sqrt(1 - pow(a->beta2, t)),
                                .eps = a->eps};
}

static void adam_numbers(tg_step_of *s, tg_numbers *n) { numbers_of(s, false, n); }
static void adamw_numbers(tg_step_of *s, tg_numbers *n) { numbers_of(s, true, n); }

#define OPTIONS(DECAY)                                                              \
    {                                                                               \
        {"lr", offsetof(tg_adam_options, lr), 0.001, TG_NOT_NEGATIVE},              \
        {"beta1", offsetof(tg_adam_options, beta1), 0.9, TG_BELOW_ONE},             \
        {"beta2", offsetof(tg_adam_options, beta2), 0.999, TG_BELOW_ONE},           \
        {"eps", offsetof(tg_adam_options, eps), 1e-8, TG_NOT_NEGATIVE},             \
        {"weight_decay", offsetof(tg_adam_options, weight_decay), DECAY, TG_NOT_NEGATIVE}, \
    }
static const tg_option adam_options[] = OPTIONS(0), adamw_options[] = OPTIONS(0.01);

static const tg_optim_rule adam[2] = {TG_OPTIM_RULE(tg_adam, adam, tg_adam_options, adam_options, adam_numbers),
                                      TG_OPTIM_RULE(tg_adam, amsgrad, tg_adam_options, adam_options, adam_numbers)};
static const tg_optim_rule adamw[2] = {TG_OPTIM_RULE(tg_adamw, adam, tg_adam_options, adamw_options, adamw_numbers),
                                       TG_OPTIM_RULE(tg_adamw, amsgrad, tg_adam_options, adamw_options, adamw_numbers)};

static tg_optim *make(tg_tape *t, const tg_optim_rule rules[2], const tg_adam_options *options)
{
    const tg_adam_options o = options ? *options : (tg_adam_options){0};
    return tg_optim_new(t, &rules[o.amsgrad], &o, (tg_optim_common){o.params, o.n_params, o.skip_nonfinite, o.maximize});
}

tg_optim *tg_adam(tg_tape *t, const tg_adam_options *options) { return make(t, adam, options); }
tg_optim *tg_adamw(tg_tape *t, const tg_adam_options *options) { return make(t, adamw, options); }
