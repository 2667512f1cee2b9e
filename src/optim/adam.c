/* adam.c - Adam (Kingma, Ba 2015) and AdamW (Loshchilov, Hutter 2019): one update, which differs in where the weight decay goes. */
#include "optim/optim.h"

#include <math.h>

static const tg_optim_rule adam, adamw;

/* m and v start at zero: the steps so far say how much of each is missing, and m / (1 - beta1^t) is a mean. */
static void adam_numbers(const tg_optim *o, uint64_t steps, tg_update *u)
{
    const tg_adam_options *a = &o->with.adam;
    const double           t = (double)steps;
    const bool             decoupled = o->rule == &adamw;
    u->keep = a->beta1;
    u->take = 1 - a->beta1;
    u->keep2 = a->beta2;
    u->take2 = 1 - a->beta2;
    u->lr = o->lr / (1 - pow(a->beta1, t));
    u->root = 1 / sqrt(1 - pow(a->beta2, t));
    u->eps = a->eps;
    u->shrink = decoupled ? 1 - o->lr * a->weight_decay : 1;
    u->decay = decoupled ? 0 : a->weight_decay;
}

static const tg_optim_rule adam = {.name = "tg_adam", .kind = TG_UPDATE_adam, .numbers = adam_numbers};
static const tg_optim_rule adamw = {.name = "tg_adamw", .kind = TG_UPDATE_adam, .numbers = adam_numbers};

static bool check(tg_tape *t, const tg_optim_rule *rule, const tg_adam_options *o)
{
    if (!tg_optim_number(o->lr) || o->lr < 0) return tg_optim_refuse(t, rule, "lr", "finite in float32 and not negative", o->lr);
    if (!(o->beta1 >= 0 && o->beta1 < 1)) return tg_optim_refuse(t, rule, "beta1", "at least 0 and less than 1", o->beta1);
    if (!(o->beta2 >= 0 && o->beta2 < 1)) return tg_optim_refuse(t, rule, "beta2", "at least 0 and less than 1", o->beta2);
    if (!tg_optim_number(o->eps) || o->eps <= 0) return tg_optim_refuse(t, rule, "eps", "finite in float32 and more than 0", o->eps);
    if (!tg_optim_number(o->weight_decay)) return tg_optim_refuse(t, rule, "weight_decay", "finite in float32", o->weight_decay);
    return true;
}

static tg_optim *make(tg_tape *t, const tg_optim_rule *rule, const tg_adam_options *options, double usual_decay)
{
    tg_adam_options o = options ? *options : (tg_adam_options){0};
    if (!t) return NULL;
    if (o.lr == 0) o.lr = 0.001;
    if (o.beta1 == 0) o.beta1 = 0.9;
    if (o.beta2 == 0) o.beta2 = 0.999;
    if (o.eps == 0) o.eps = 1e-8;
    if (o.weight_decay == 0) o.weight_decay = usual_decay;
    if (!check(t, rule, &o)) return NULL;
    if (o.weight_decay < 0) o.weight_decay = 0;
    tg_optim *opt = tg_optim_new(t, rule, o.lr, o.params, o.n_params);
    if (opt) opt->with.adam = o, opt->skip_nonfinite = o.skip_nonfinite;
    return opt;
}

tg_optim *tg_adam(tg_tape *t, const tg_adam_options *options) { return make(t, &adam, options, 0); }
tg_optim *tg_adamw(tg_tape *t, const tg_adam_options *options) { return make(t, &adamw, options, 0.01); }
