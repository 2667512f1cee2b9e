/* lamb.c - LAMB: Adam's direction, with a step as long as the parameter's norm says. You et al. 2020, "Large batch optimization for deep
 * learning: training BERT in 76 minutes", algorithm 2, with phi(x) = x. */
#include "optim/optim.h"

/* Without norms the numbers are those of the first pass, which does not use lr. A tensor of zeros, or a direction of zeros, has no ratio. */
static void numbers(tg_step_of *s, tg_numbers *n)
{
    const tg_lamb_options *l = s->options;
    const double           t = (double)s->steps, ratio = s->norms && s->norms[0] > 0 && s->norms[1] > 0 ? s->norms[0] / s->norms[1] : 1;
    n->lamb = (tg_lamb_numbers){.lr = s->lr * ratio,
                                .decay = l->weight_decay,
                                .keep = l->beta1,
                                .take = 1 - l->beta1,
                                .scale = 1 / (1 - pow(l->beta1, t)),
                                .keep2 = l->beta2,
                                .take2 = 1 - l->beta2,
                                .root = 1 / sqrt(1 - pow(l->beta2, t)),
                                .eps = l->eps};
}

static const tg_option options_of[] = {
    {"lr", offsetof(tg_lamb_options, lr), 0.001, TG_NOT_NEGATIVE},
    {"beta1", offsetof(tg_lamb_options, beta1), 0.9, TG_BELOW_ONE},
    {"beta2", offsetof(tg_lamb_options, beta2), 0.999, TG_BELOW_ONE},
    {"eps", offsetof(tg_lamb_options, eps), 1e-6, TG_NOT_NEGATIVE},
    {"weight_decay", offsetof(tg_lamb_options, weight_decay), 0, TG_NOT_NEGATIVE},
};
static const tg_optim_rule rule = TG_OPTIM_RULE(tg_lamb, lamb, tg_lamb_options, options_of, numbers);

tg_optim *tg_lamb(tg_tape *t, const tg_lamb_options *options)
{
    const tg_lamb_options o = options ? *options : (tg_lamb_options){0};
    return tg_optim_new(t, &rule, &o, (tg_optim_common){o.params, o.n_params, o.skip_nonfinite, o.maximize});
}
