/* adam.c - Adam (Kingma, Ba 2015) and AdamW (Loshchilov, Hutter 2019): one update, which differs in where the weight decay goes. */
#include "optim.h"

#include <tgmath.h>

/* What an update needs, in double; t counts the steps of this tensor. */
typedef struct coefficients {
    double step;   /* lr / (1 - beta1^t) */
    double root;   /* 1 / sqrt(1 - beta2^t) */
    double shrink; /* w's factor: 1 - lr weight_decay in AdamW */
    double decay;  /* w's part in d: weight_decay in Adam */
} coefficients;

static const tg_optim_rule adam, adamw;

static coefficients coefficients_of(const tg_optim *o, const tg_optim_state *s)
{
    const tg_adam_options *a = &o->with.adam;
    double                 t = (double)s->steps;
    bool                   decoupled = o->rule == &adamw;
    return (coefficients){.step = o->lr / (1 - pow(a->beta1, t)),
                          .root = 1 / sqrt(1 - pow(a->beta2, t)),
                          .shrink = decoupled ? 1 - o->lr * a->weight_decay : 1,
                          .decay = decoupled ? 0 : a->weight_decay};
}

/* d = g + decay w; m = beta1 m + (1-beta1) d; v = beta2 v + (1-beta2) d^2; w = shrink w - step m / (root sqrt(v) + eps) */
#define DEFINE_UPDATE(T, NAME)                                                             \
    static void NAME(const tg_optim *o, const tg_optim_state *s, size_t from, size_t to)   \
    {                                                                                      \
        T *restrict        w = s->w, *restrict m = s->m, *restrict v = s->v;               \
        const T *restrict  g = s->g;                                                       \
        const coefficients c = coefficients_of(o, s);                                      \
        const T            step = (T)c.step, root = (T)c.root, shrink = (T)c.shrink, wd = (T)c.decay;                \
        const T            b1 = (T)o->with.adam.beta1, b2 = (T)o->with.adam.beta2, eps = (T)o->with.adam.eps;        \
        const T            a1 = (T)(1 - o->with.adam.beta1), a2 = (T)(1 - o->with.adam.beta2);                       \
        const bool         decay = c.decay != 0;                                           \
        for (size_t i = from; i < to; i++) {                                               \
            const T d = decay ? g[i] + wd * w[i] : g[i];                                   \
            m[i] = b1 * m[i] + a1 * d;                                                     \
            v[i] = b2 * v[i] + a2 * d * d;                                                 \
            w[i] = shrink * w[i] - step * m[i] / (root * sqrt(v[i]) + eps);                \
        }                                                                                  \
    }

DEFINE_UPDATE(float, update_f32)
DEFINE_UPDATE(double, update_f64)

static const tg_optim_rule adam = {
    .name = "tg_adam", .n_buffers = 2, .update_f32 = update_f32, .update_f64 = update_f64};
static const tg_optim_rule adamw = {
    .name = "tg_adamw", .n_buffers = 2, .update_f32 = update_f32, .update_f64 = update_f64};

static bool check(tg_tape *t, const tg_optim_rule *rule, const tg_adam_options *o)
{
    if (!isfinite(o->lr) || o->lr < 0) return tg_optim_refuse(t, rule, "lr", "finite and not negative", o->lr);
    if (!(o->beta1 >= 0 && o->beta1 < 1)) return tg_optim_refuse(t, rule, "beta1", "at least 0 and less than 1", o->beta1);
    if (!(o->beta2 >= 0 && o->beta2 < 1)) return tg_optim_refuse(t, rule, "beta2", "at least 0 and less than 1", o->beta2);
    if (!isfinite(o->eps) || o->eps <= 0) return tg_optim_refuse(t, rule, "eps", "finite and more than 0", o->eps);
    if (!isfinite(o->weight_decay)) return tg_optim_refuse(t, rule, "weight_decay", "finite", o->weight_decay);
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
    if (opt) opt->with.adam = o;
    return opt;
}

tg_optim *tg_adam(tg_tape *t, const tg_adam_options *options) { return make(t, &adam, options, 0); }
tg_optim *tg_adamw(tg_tape *t, const tg_adam_options *options) { return make(t, &adamw, options, 0.01); }
