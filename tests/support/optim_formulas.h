/* optim_formulas.h - what the optimizers' documented formulas say, in plain loops and long double: the references of test_optim_values.c. */
#ifndef OPTIM_FORMULAS_H
#define OPTIM_FORMULAS_H

#include <math.h>
#include <tapegrad.h>

enum { N = 40, STEPS = 12 /* tg_radam's are others from the sixth on */, MOST_STATES = 4 };

/* One tensor as the formula has it. */
typedef struct model {
    long double w[N], state[MOST_STATES][N];
} model;

/* A step with gradient g, the t-th, by the options as they count. */
typedef void (*reference)(const void *options, int t, const long double *g, model *m);

static void sgd(const void *options, int t, const long double *g, model *m)
{
    const tg_sgd_options *o = options;
    const long double     lr = o->lr, mu = o->momentum, decay = o->weight_decay;
    for (int i = 0; i < N; i++) {
        const long double d = g[i] + decay * m->w[i];
        long double      *buffer = &m->state[0][i];
        *buffer = t == 1 ? d : mu * *buffer + (1 - (long double)o->dampening) * d;
        if (mu == 0) m->w[i] -= lr * d;
        else m->w[i] -= lr * (o->nesterov ? d + mu * *buffer : *buffer);
    }
}

static void adam_step(const tg_adam_options *o, bool decoupled, int t, const long double *g, model *m)
{
    const long double b1 = o->beta1, b2 = o->beta2, lr = o->lr, decay = o->weight_decay;
    for (int i = 0; i < N; i++) {
        const long double d = decoupled ? g[i] : g[i] + decay * m->w[i];
        if (decoupled) m->w[i] -= lr * decay * m->w[i];
        m->state[0][i] = b1 * m->state[0][i] + (1 - b1) * d;
        m->state[1][i] = b2 * m->state[1][i] + (1 - b2) * d * d;
        m->state[2][i] = fmaxl(m->state[2][i], m->state[1][i]);
        const long double mean = m->state[0][i] / (1 - powl(b1, t)), square = m->state[o->amsgrad ? 2 : 1][i] / (1 - powl(b2, t));
        m->w[i] -= lr * mean / (sqrtl(square) + (long double)o->eps);
    }
}
static void adam(const void *options, int t, const long double *g, model *m) { adam_step(options, false, t, g, m); }
static void adamw(const void *options, int t, const long double *g, model *m) { adam_step(options, true, t, g, m); }

static void rmsprop(const void *options, int t, const long double *g, model *m)
{
    const tg_rmsprop_options *o = options;
    const long double         a = o->alpha, decay = o->weight_decay, mu = o->momentum, lr = o->lr;
    (void)t;
    for (int i = 0; i < N; i++) {
        long double *square = &m->state[0][i], *mean = &m->state[1][i], *buffer = &m->state[o->centered ? 2 : 1][i];
        const long double d = g[i] + decay * m->w[i];
        *square = a * *square + (1 - a) * d * d;
        if (o->centered) *mean = a * *mean + (1 - a) * d;
        const long double r = d / (sqrtl(o->centered ? *square - *mean * *mean : *square) + (long double)o->eps);
        if (mu != 0) *buffer = mu * *buffer + r;
        m->w[i] -= lr * (mu != 0 ? *buffer : r);
    }
}

static void lamb(const void *options, int t, const long double *g, model *m)
{
    const tg_lamb_options *o = options;
    const long double      b1 = o->beta1, b2 = o->beta2;
    long double            r[N], r_squares = 0, w_squares = 0;
    for (int i = 0; i < N; i++) {
        m->state[0][i] = b1 * m->state[0][i] + (1 - b1) * g[i];
        m->state[1][i] = b2 * m->state[1][i] + (1 - b2) * g[i] * g[i];
        const long double mean = m->state[0][i] / (1 - powl(b1, t)), square = m->state[1][i] / (1 - powl(b2, t));
        r[i] = mean / (sqrtl(square) + (long double)o->eps) + (long double)o->weight_decay * m->w[i];
        r_squares += r[i] * r[i];
        w_squares += m->w[i] * m->w[i];
    }
    for (int i = 0; i < N; i++) m->w[i] -= (long double)o->lr * sqrtl(w_squares) / sqrtl(r_squares) * r[i];
}

static void adagrad(const void *options, int t, const long double *g, model *m)
{
    const tg_adagrad_options *o = options;
    const long double         lr = (long double)o->lr / (1 + (t - 1) * (long double)o->lr_decay);
    for (int i = 0; i < N; i++) {
        const long double d = g[i] + (long double)o->weight_decay * m->w[i];
        if (t == 1) m->state[0][i] = o->initial_accumulator;
        m->state[0][i] += d * d;
        m->w[i] -= lr * d / (sqrtl(m->state[0][i]) + (long double)o->eps);
    }
}

static void adamax(const void *options, int t, const long double *g, model *m)
{
    const tg_adamax_options *o = options;
    const long double        b1 = o->beta1, b2 = o->beta2;
    for (int i = 0; i < N; i++) {
        const long double d = g[i] + (long double)o->weight_decay * m->w[i];
        m->state[0][i] = b1 * m->state[0][i] + (1 - b1) * d;
        m->state[1][i] = fmaxl(b2 * m->state[1][i], fabsl(d) + (long double)o->eps);
        m->w[i] -= (long double)o->lr / (1 - powl(b1, t)) * m->state[0][i] / m->state[1][i];
    }
}

static void nadam(const void *options, int t, const long double *g, model *m)
{
    const tg_nadam_options *o = options;
    const long double       b1 = o->beta1, b2 = o->beta2, lr = o->lr;
    long double             mu[STEPS + 2], product = 1;
    for (int k = 1; k <= t + 1; k++) mu[k] = b1 * (1 - 0.5L * powl(0.96L, k * (long double)o->momentum_decay));
    for (int k = 1; k <= t; k++) product *= mu[k];
    for (int i = 0; i < N; i++) {
        const long double d = g[i] + (long double)o->weight_decay * m->w[i];
        m->state[0][i] = b1 * m->state[0][i] + (1 - b1) * d;
        m->state[1][i] = b2 * m->state[1][i] + (1 - b2) * d * d;
        const long double root = sqrtl(m->state[1][i] / (1 - powl(b2, t))) + (long double)o->eps;
        m->w[i] -= lr * (1 - mu[t]) / (1 - product) * d / root;
        m->w[i] -= lr * mu[t + 1] / (1 - product * mu[t + 1]) * m->state[0][i] / root;
    }
}

static void radam(const void *options, int t, const long double *g, model *m)
{
    const tg_radam_options *o = options;
    const long double       b1 = o->beta1, b2 = o->beta2, lr = o->lr, last = 2 / (1 - b2) - 1, rho = last - 2 * t * powl(b2, t) / (1 - powl(b2, t));
    for (int i = 0; i < N; i++) {
        const long double d = g[i] + (long double)o->weight_decay * m->w[i];
        m->state[0][i] = b1 * m->state[0][i] + (1 - b1) * d;
        m->state[1][i] = b2 * m->state[1][i] + (1 - b2) * d * d;
        const long double mean = m->state[0][i] / (1 - powl(b1, t));
        if (rho > 5) {
            const long double r = sqrtl((rho - 4) * (rho - 2) * last / ((last - 4) * (last - 2) * rho));
            m->w[i] -= lr * mean * r * sqrtl(1 - powl(b2, t)) / (sqrtl(m->state[1][i]) + (long double)o->eps);
        } else {
            m->w[i] -= lr * mean;
        }
    }
}

static void lion(const void *options, int t, const long double *g, model *m)
{
    const tg_lion_options *o = options;
    const long double      b1 = o->beta1, b2 = o->beta2;
    (void)t;
    for (int i = 0; i < N; i++) {
        const long double c = b1 * m->state[0][i] + (1 - b1) * g[i];
        m->w[i] -= (long double)o->lr * ((c > 0) - (c < 0) + (long double)o->weight_decay * m->w[i]);
        m->state[0][i] = b2 * m->state[0][i] + (1 - b2) * g[i];
    }
}

/* Gradients beside the ones where the sign changes, on both sides: what the sign is taken of shows in the weights in no other way. */
static void lion_gradient(const void *options, int t, const model *m, double *g)
{
    const tg_lion_options *o = options;
    for (int i = 0; i < N && t > 1; i++) g[i] = (double)(-(long double)o->beta1 / (1 - (long double)o->beta1) * m->state[0][i]) * (i % 2 ? 1.0002 : 0.9998);
}

static void adadelta(const void *options, int t, const long double *g, model *m)
{
    const tg_adadelta_options *o = options;
    const long double          rho = o->rho, eps = o->eps;
    (void)t;
    for (int i = 0; i < N; i++) {
        const long double d = g[i] + (long double)o->weight_decay * m->w[i];
        m->state[0][i] = rho * m->state[0][i] + (1 - rho) * d * d;
        const long double delta = sqrtl(m->state[1][i] + eps) / sqrtl(m->state[0][i] + eps) * d;
        m->state[1][i] = rho * m->state[1][i] + (1 - rho) * delta * delta;
        m->w[i] -= (long double)o->lr * delta;
    }
}

#endif
