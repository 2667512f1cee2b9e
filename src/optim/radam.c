/* radam.c - RAdam: Adam that divides by the root of the mean square only when enough gradients are in it, and then as much as they say. Liu et
 * al. 2020, "On the variance of the adaptive learning rate and beyond", algorithm 2; where eps stands as PyTorch defines it. */
#include "optim/optim.h"

/* rho is the length of the simple average that the mean is as good as, once there have been many steps and now. Up to 5 its variance is not
 * told, and the step is that of momentum alone. */
static void numbers(tg_step_of *s, tg_numbers *n)
{
    const tg_radam_options *o = s->options;
    const double            t = (double)s->steps, rest = pow(o->beta2, t), last = 2 / (1 - o->beta2) - 1, rho = last - 2 * t * rest / (1 - rest);
    const bool              told = rho > 5;
    const double            trust = told ? sqrt((rho - 4) * (rho - 2) * last / ((last - 4) * (last - 2) * rho)) : 1;
    n->radam = (tg_radam_numbers){.lr = s->lr / (1 - pow(o->beta1, t)) * (told ? trust * sqrt(1 - rest) : 1),
                                  .decay = o->weight_decay,
                                  .keep = o->beta1,
                                  .take = 1 - o->beta1,
                                  .keep2 = o->beta2,
                                  .take2 = 1 - o->beta2,
                                  .fixed = !told,
                                  .varying = told,
                                  .eps = o->eps};
}

static const tg_option options_of[] = {
    {"lr", offsetof(tg_radam_options, lr), 0.001, TG_NOT_NEGATIVE},
    {"beta1", offsetof(tg_radam_options, beta1), 0.9, TG_BELOW_ONE},
    {"beta2", offsetof(tg_radam_options, beta2), 0.999, TG_BELOW_ONE},
    {"eps", offsetof(tg_radam_options, eps), 1e-8, TG_NOT_NEGATIVE},
    {"weight_decay", offsetof(tg_radam_options, weight_decay), 0, TG_NOT_NEGATIVE},
};
static const tg_optim_rule rule = TG_OPTIM_RULE(tg_radam, radam, tg_radam_options, options_of, numbers);

tg_optim *tg_radam(tg_tape *t, const tg_radam_options *options)
{
    const tg_radam_options o = options ? *options : (tg_radam_options){0};
    return tg_optim_new(t, &rule, &o, (tg_optim_common){o.params, o.n_params, o.skip_nonfinite, o.maximize});
}
