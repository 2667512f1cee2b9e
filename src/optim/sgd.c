/* sgd.c - stochastic gradient descent, with momentum. Sutskever et al. 2013; momentum and dampening as PyTorch defines them. */
#include "optim.h"

#include <math.h>

/* d = g + weight_decay w */
#define DECAYED(i) (decay ? g[i] + wd * w[i] : g[i])

/* w -= lr d */
#define DEFINE_PLAIN(T, NAME)                                                              \
    static void NAME(const tg_optim *o, const tg_optim_state *s, size_t from, size_t to)   \
    {                                                                                      \
        T *restrict       w = s->w;                                                        \
        const T *restrict g = s->g;                                                        \
        const T           lr = (T)o->lr, wd = (T)o->with.sgd.weight_decay;                 \
        const bool        decay = o->with.sgd.weight_decay != 0;                           \
        for (size_t i = from; i < to; i++) w[i] -= lr * DECAYED(i);                        \
    }

/* m = keep m + take d, where the first step takes all of d; w -= lr m, or lr (d + momentum m) */
#define DEFINE_MOMENTUM(T, NAME)                                                           \
    static void NAME(const tg_optim *o, const tg_optim_state *s, size_t from, size_t to)   \
    {                                                                                      \
        T *restrict       w = s->w, *restrict m = s->m;                                    \
        const T *restrict g = s->g;                                                        \
        const T           lr = (T)o->lr, wd = (T)o->with.sgd.weight_decay;                 \
        const T           keep = (T)o->with.sgd.momentum;                                  \
        const T           take = s->steps == 1 ? (T)1 : (T)(1 - o->with.sgd.dampening);    \
        const bool        decay = o->with.sgd.weight_decay != 0;                           \
        if (o->with.sgd.nesterov)                                                          \
            for (size_t i = from; i < to; i++) {                                           \
                const T d = DECAYED(i);                                                    \
                m[i] = keep * m[i] + take * d;                                             \
                w[i] -= lr * (d + keep * m[i]);                                            \
            }                                                                              \
        else                                                                               \
            for (size_t i = from; i < to; i++) {                                           \
                m[i] = keep * m[i] + take * DECAYED(i);                                    \
                w[i] -= lr * m[i];                                                         \
            }                                                                              \
    }

DEFINE_PLAIN(float, plain_f32)
DEFINE_PLAIN(double, plain_f64)
DEFINE_MOMENTUM(float, momentum_f32)
DEFINE_MOMENTUM(double, momentum_f64)

static const tg_optim_rule plain = {.name = "tg_sgd", .update_f32 = plain_f32, .update_f64 = plain_f64};
static const tg_optim_rule with_momentum = {
    .name = "tg_sgd", .n_buffers = 1, .update_f32 = momentum_f32, .update_f64 = momentum_f64};

static bool check(tg_tape *t, const tg_sgd_options *o)
{
    if (!isfinite(o->lr) || o->lr < 0) return tg_optim_refuse(t, &plain, "lr", "finite and not negative", o->lr);
    if (!isfinite(o->momentum) || o->momentum < 0)
        return tg_optim_refuse(t, &plain, "momentum", "finite and not negative", o->momentum);
    if (!isfinite(o->dampening)) return tg_optim_refuse(t, &plain, "dampening", "finite", o->dampening);
    if (!isfinite(o->weight_decay) || o->weight_decay < 0)
        return tg_optim_refuse(t, &plain, "weight_decay", "finite and not negative", o->weight_decay);
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
    tg_optim *opt = tg_optim_new(t, o.momentum > 0 ? &with_momentum : &plain, o.lr, o.params, o.n_params);
    if (opt) opt->with.sgd = o;
    return opt;
}
