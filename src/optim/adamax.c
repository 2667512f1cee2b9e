/* adamax.c - Adamax: Adam with the largest of the latest gradients, each further back counting less, in place of the root of their mean square.
 * Kingma, Ba 2015, section 7.1. */
#include "optim/optim.h"

static void numbers(tg_step_of *s, tg_numbers *n)
{
    const tg_adamax_options *a = s->options;
    n->adamax = (tg_adamax_numbers){.lr = s->lr / (1 - pow(a->beta1, (double)s->steps)),
                                    .decay = a->weight_decay,
                                    .keep = a->beta1,
                                    .take = 1 - a->beta1,
                                    .keep2 = a->beta2,
                                    .eps = a->eps};
}

static const tg_option options_of[] = {
    {"lr", offsetof(tg_adamax_options, lr), 0.002, TG_NOT_NEGATIVE},
    {"beta1", offsetof(tg_adamax_options, beta1), 0.9, TG_BELOW_ONE},
    {"beta2", offsetof(tg_adamax_options, beta2), 0.999, TG_BELOW_ONE},
    {"eps", offsetof(tg_adamax_options, eps), 1e-8, TG_NOT_NEGATIVE},
    {"weight_decay", offsetof(tg_adamax_options, weight_decay), 0, TG_NOT_NEGATIVE},
};
static const tg_optim_rule rule = TG_OPTIM_RULE(tg_adamax, adamax, tg_adamax_options, options_of, numbers);

tg_optim *tg_adamax(tg_tape *t, const tg_adamax_options *options)
{
    const tg_adamax_options o = options ? *options : (tg_adamax_options){0};
    return tg_optim_new(t, &rule, &o, (tg_optim_common){o.params, o.n_params, o.skip_nonfinite, o.maximize});
}
