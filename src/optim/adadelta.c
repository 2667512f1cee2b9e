/* adadelta.c - Adadelta: steps as long as the means of the squares of the latest steps and gradients say, both in units of the parameter.
 * Zeiler 2012, "ADADELTA: an adaptive learning rate method"; lr as PyTorch defines it. */
#include "optim/optim.h"

static void numbers(tg_step_of *s, tg_numbers *n)
{
    const tg_adadelta_options *a = s->options;
    n->adadelta = (tg_adadelta_numbers){.lr = s->lr, .decay = a->weight_decay, .keep = a->rho, .take = 1 - a->rho, .eps = a->eps};
}

static const tg_option options_of[] = {
    {"lr", offsetof(tg_adadelta_options, lr), 1, TG_NOT_NEGATIVE},
    {"rho", offsetof(tg_adadelta_options, rho), 0.9, TG_BELOW_ONE},
    {"eps", offsetof(tg_adadelta_options, eps), 1e-6, TG_NOT_NEGATIVE},
    {"weight_decay", offsetof(tg_adadelta_options, weight_decay), 0, TG_NOT_NEGATIVE},
};
static const tg_optim_rule rule = TG_OPTIM_RULE(tg_adadelta, adadelta, tg_adadelta_options, options_of, numbers);

tg_optim *tg_adadelta(tg_tape *t, const tg_adadelta_options *options)
{
    const tg_adadelta_options o = options ? *options : (tg_adadelta_options){0};
    return tg_optim_new(t, &rule, &o, (tg_optim_common){o.params, o.n_params, o.skip_nonfinite, o.maximize});
}
