/* sgd.c - stochastic gradient descent, with momentum. Sutskever et al. 2013; momentum and dampening as PyTorch defines them. */
#include "optim/optim.h"

#include <math.h>

/* The first step of a tensor takes all of its gradient. */
static void sgd_numbers(const tg_optim *o, uint64_t steps, tg_update *u)
{
    const tg_sgd_options *s = &o->with.sgd;
    u->lr = o->lr;
    u->decay = s->weight_decay;
    u->keep = s->momentum;
    u->take = steps == 1 ? 1 : 1 - s->dampening;
}

static const tg_optim_rule plain = {.name = "tg_sgd", .kind = TG_UPDATE_sgd, .numbers = sgd_numbers};
static const tg_optim_rule momentum = {.name = "tg_sgd", .kind = TG_UPDATE_momentum, .numbers = sgd_numbers};
static const tg_optim_rule nesterov = {.name = "tg_sgd", .kind = TG_UPDATE_nesterov, .numbers = sgd_numbers};

static bool check(tg_tape *t, const tg_sgd_options *o)
{
    if (!tg_optim_number(o->lr) || o->lr < 0) return tg_optim_refuse(t, &plain, "lr", "finite in float32 and not negative", o->lr);
    if (!tg_optim_number(o->momentum) || o->momentum < 0)
        return tg_optim_refuse(t, &plain, "momentum", "finite in float32 and not negative", o->momentum);
    if (!tg_optim_number(o->dampening)) return tg_optim_refuse(t, &plain, "dampening", "finite in float32", o->dampening);
    if (!tg_optim_number(o->weight_decay) || o->weight_decay < 0)
        return tg_optim_refuse(t, &plain, "weight_decay", "finite in float32 and not negative", o->weight_decay);
    if (o->nesterov && o->momentum == 0)
        return tg_optim_refuse(t, &plain, "momentum", "more than 0 with nesterov", o->momentum);
    if (o->nesterov && o->dampening != 0) return tg_optim_refuse(t, &plain, "dampening", "0 with nesterov", o->dampening);
    return true;
}

tg_optim *tg_sgd(tg_tape *t, const tg_sgd_options *options)
{
    tg_sgd_options o = options ? *options : (tg_sgd_options){0};
    if (!t) return NULL;
    if (o.lr == 0) o.lr = 0.01;
    if (!check(t, &o)) return NULL;
    const tg_optim_rule *rule = o.nesterov ? &nesterov : o.momentum > 0 ? &momentum : &plain;
    tg_optim            *opt = tg_optim_new(t, rule, o.lr, o.params, o.n_params);
    if (opt) opt->with.sgd = o, opt->skip_nonfinite = o.skip_nonfinite;
    return opt;
}
