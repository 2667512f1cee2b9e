/* lion.c - Lion: steps of one length, along the sign of momentum and gradient. Chen et al. 2023, "Symbolic discovery of optimization
 * algorithms", algorithm 2; the decay is decoupled. */
#include "optim/optim.h"

static void numbers(tg_step_of *s, tg_numbers *n)
{
    const tg_lion_options *o = s->options;
    n->lion = (tg_lion_numbers){.lr = s->lr,
                                .shrink = 1 - s->lr * o->weight_decay,
                                .mix = o->beta1,
                                .mixed = 1 - o->beta1,
                                .keep = o->beta2,
                                .take = 1 - o->beta2};
}

static const tg_option options_of[] = {
    {"lr", offsetof(tg_lion_options, lr), 1e-4, TG_NOT_NEGATIVE},
    {"beta1", offsetof(tg_lion_options, beta1), 0.9, TG_BELOW_ONE},
    {"beta2", offsetof(tg_lion_options, beta2), 0.99, TG_BELOW_ONE},
    {"weight_decay", offsetof(tg_lion_options, weight_decay), 0, TG_NOT_NEGATIVE},
};
static const tg_optim_rule rule = TG_OPTIM_RULE(tg_lion, lion, tg_lion_options, options_of, numbers);

tg_optim *tg_lion(tg_tape *t, const tg_lion_options *options)
{
    const tg_lion_options o = options ? *options : (tg_lion_options){0};
    return tg_optim_new(t, &rule, &o, (tg_optim_common){o.params, o.n_params, o.skip_nonfinite, o.maximize});
}
