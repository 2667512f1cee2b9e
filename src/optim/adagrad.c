/* adagrad.c - Adagrad: each element's steps shrink with the sum of all its squared gradients. Duchi, Hazan, Singer 2011; lr_decay and where
 * eps stands as PyTorch defines them. */
#include "optim/optim.h"

/* States are zeros at first: the first step of a tensor adds what its sums begin with. */
static void numbers(tg_step_of *s, tg_numbers *n)
{
    const tg_adagrad_options *a = s->options;
    n->adagrad = (tg_adagrad_numbers){.lr = s->lr / (1 + ((double)s->steps - 1) * a->lr_decay),
                                      .decay = a->weight_decay,
                                      .start = s->steps == 1 ? a->initial_accumulator : 0,
                                      .eps = a->eps};
}

static const tg_option options_of[] = {
    {"lr", offsetof(tg_adagrad_options, lr), 0.01, TG_NOT_NEGATIVE},
    {"lr_decay", offsetof(tg_adagrad_options, lr_decay), 0, TG_NOT_NEGATIVE},
    {"weight_decay", offsetof(tg_adagrad_options, weight_decay), 0, TG_NOT_NEGATIVE},
    {"initial_accumulator", offsetof(tg_adagrad_options, initial_accumulator), 0, TG_NOT_NEGATIVE},
    {"eps", offsetof(tg_adagrad_options, eps), 1e-10, TG_NOT_NEGATIVE},
};
static const tg_optim_rule rule = TG_OPTIM_RULE(tg_adagrad, adagrad, tg_adagrad_options, options_of, numbers);

tg_optim *tg_adagrad(tg_tape *t, const tg_adagrad_options *options)
{
    const tg_adagrad_options o = options ? *options : (tg_adagrad_options){0};
    tg_optim *made = tg_optim_new(t, &rule, &o, (tg_optim_common){o.params, o.n_params, o.skip_nonfinite, o.maximize});
    if (made) made->whole_first = ((const tg_adagrad_options *)made->groups->options)->initial_accumulator != 0;
    return made;
}
