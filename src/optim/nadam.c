/* nadam.c - NAdam: Adam with Nesterov's momentum. Dozat 2016, "Incorporating Nesterov momentum into Adam"; the schedule of the momentum as
 * PyTorch defines it. */
#include "optim/optim.h"

/* The momentum of step t, which grows with the steps from half of beta1 to beta1. */
static double momentum(const tg_nadam_options *o, double t) { return o->beta1 * (1 - 0.5 * pow(0.96, t * o->momentum_decay)); }

/* The running number is the product of the momenta so far: how much of the mean is missing, since it began with zeros. */
static void numbers(tg_step_of *s, tg_numbers *n)
{
    const tg_nadam_options *o = s->options;
    const double            t = (double)s->steps, mu = momentum(o, t), next = momentum(o, t + 1);
    s->running *= mu;
    n->nadam = (tg_nadam_numbers){.lr_grad = s->lr * (1 - mu) / (1 - s->running),
                                  .decay = o->weight_decay,
                                  .lr_mean = s->lr * next / (1 - s->running * next),
                                  .keep = o->beta1,
                                  .take = 1 - o->beta1,
                                  .keep2 = o->beta2,
                                  .take2 = 1 - o->beta2,
                                  .root = 1 / sqrt(1 - pow(o->beta2, t)),
                                  .eps = o->eps};
}

static const tg_option options_of[] = {
    {"lr", offsetof(tg_nadam_options, lr), 0.002, TG_NOT_NEGATIVE},
    {"beta1", offsetof(tg_nadam_options, beta1), 0.9, TG_BELOW_ONE},
    {"beta2", offsetof(tg_nadam_options, beta2), 0.999, TG_BELOW_ONE},
    {"eps", offsetof(tg_nadam_options, eps), 1e-8, TG_NOT_NEGATIVE},
    {"weight_decay", offsetof(tg_nadam_options, weight_decay), 0, TG_NOT_NEGATIVE},
    {"momentum_decay", offsetof(tg_nadam_options, momentum_decay), 4e-3, TG_NOT_NEGATIVE},
};
static const tg_optim_rule rule = {"tg_nadam", TG_UPDATE_nadam, sizeof(tg_nadam_options), options_of, sizeof options_of / sizeof *options_of, numbers, "mu_product"};

tg_optim *tg_nadam(tg_tape *t, const tg_nadam_options *options)
{
    const tg_nadam_options o = options ? *options : (tg_nadam_options){0};
    return tg_optim_new(t, &rule, &o, (tg_optim_common){o.params, o.n_params, o.skip_nonfinite, o.maximize});
}
