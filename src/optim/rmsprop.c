/* rmsprop.c - RMSprop. Hinton, lecture 6e of "Neural networks for machine learning", 2012; centered and with momentum as PyTorch defines it
 * (torch.optim.RMSprop), where centered is after Graves 2013, "Generating sequences with recurrent neural networks". */
#include "optim/optim.h"

static void numbers(tg_step_of *s, tg_numbers *n)
{
    const tg_rmsprop_options *r = s->options;
    n->rmsprop_centered_momentum = (tg_rmsprop_centered_momentum_numbers){.lr = s->lr,
                                                                          .decay = r->weight_decay,
                                                                          .keep = r->alpha,
                                                                          .take = 1 - r->alpha,
                                                                          .eps = r->eps,
                                                                          .keep2 = r->momentum};
}

static const tg_option options_of[] = {
    {"lr", offsetof(tg_rmsprop_options, lr), 0.01, TG_NOT_NEGATIVE},
    {"alpha", offsetof(tg_rmsprop_options, alpha), 0.99, TG_BELOW_ONE},
    {"eps", offsetof(tg_rmsprop_options, eps), 1e-8, TG_NOT_NEGATIVE},
    {"weight_decay", offsetof(tg_rmsprop_options, weight_decay), 0, TG_NOT_NEGATIVE},
    {"momentum", offsetof(tg_rmsprop_options, momentum), 0, TG_NOT_NEGATIVE},
};
#define RULE(ROW) TG_OPTIM_RULE(tg_rmsprop, ROW, tg_rmsprop_options, options_of, numbers)
static const tg_optim_rule rules[2][2] = {{RULE(rmsprop), RULE(rmsprop_momentum)}, {RULE(rmsprop_centered), RULE(rmsprop_centered_momentum)}};

tg_optim *tg_rmsprop(tg_tape *t, const tg_rmsprop_options *options)
{
    const tg_rmsprop_options o = options ? *options : (tg_rmsprop_options){0};
    return tg_optim_new(t, &rules[o.centered][o.momentum != 0], &o, (tg_optim_common){o.params, o.n_params, o.skip_nonfinite, o.maximize});
}
