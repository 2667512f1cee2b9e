/* sgd.c - stochastic gradient descent, with momentum. Sutskever et al. 2013; momentum and dampening as PyTorch defines them. */
#include "optim/optim.h"

/* The first step of a tensor takes all of its gradient. The numbers of the row sgd are the first ones of these. */
static void numbers(tg_step_of *s, tg_numbers *n)
{
    const tg_sgd_options *o = s->options;
    n->momentum = (tg_momentum_numbers){
        .lr = s->lr, .decay = o->weight_decay, .keep = o->momentum, .take = s->steps == 1 ? 1 : 1 - o->dampening};
}

static const tg_option options_of[] = {
    {"lr", offsetof(tg_sgd_options, lr), 0.01, TG_NOT_NEGATIVE},
    {"momentum", offsetof(tg_sgd_options, momentum), 0, TG_NOT_NEGATIVE},
    {"dampening", offsetof(tg_sgd_options, dampening), 0, TG_FINITE},
    {"weight_decay", offsetof(tg_sgd_options, weight_decay), 0, TG_NOT_NEGATIVE},
};
static const tg_optim_rule plain = TG_OPTIM_RULE(tg_sgd, sgd, tg_sgd_options, options_of, numbers);
static const tg_optim_rule momentum = TG_OPTIM_RULE(tg_sgd, momentum, tg_sgd_options, options_of, numbers);
static const tg_optim_rule nesterov = TG_OPTIM_RULE(tg_sgd, nesterov, tg_sgd_options, options_of, numbers);

tg_optim *tg_sgd(tg_tape *t, const tg_sgd_options *options)
{
    const tg_sgd_options o = options ? *options : (tg_sgd_options){0};
    if (t && o.nesterov && o.momentum == 0) return tg_optim_refuse(t, &plain, "momentum", "more than 0 with nesterov", o.momentum);
    if (t && o.nesterov && o.dampening != 0) return tg_optim_refuse(t, &plain, "dampening", "0 with nesterov", o.dampening);
    return tg_optim_new(t, o.nesterov ? &nesterov : o.momentum > 0 ? &momentum : &plain, &o,
                        (tg_optim_common){o.params, o.n_params, o.skip_nonfinite, o.maximize});
}
