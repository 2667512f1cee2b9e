/* workloads_dense.c - networks of fully connected layers: two classifiers and XOR; and the small helpers that all training steps share. */
#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- helpers ------------------------------------------------------------------------------------------------------ */

bool bench_train(tg_tape *t, tg_optim *opt, tg_tensor *loss, double *result)
{
    if (tg_backward(loss)) return false;
    if (result) *result = tg_item(loss);
    return !tg_step(opt) && !tg_reset(t);
}

tg_tensor *bench_weights(tg_tape *t, const char *name, int64_t in, int64_t out)
{
    const double bound = 1 / sqrt((double)in);
    return tg_param(t, name, tg_uniform(t, TG_SHAPE(in, out), -bound, bound));
}

tg_tensor *bench_bias(tg_tape *t, const char *name, int64_t in, int64_t out)
{
    const double bound = 1 / sqrt((double)in);
    return tg_param(t, name, tg_uniform(t, TG_SHAPE(out), -bound, bound));
}

tg_tensor *bench_normal(tg_tape *t, const tg_shape *shape) { return tg_keep(tg_randn(t, shape)); }

tg_tensor *bench_labels(tg_tape *t, const tg_shape *shape, int classes)
{
    return tg_keep(tg_to(tg_mul_s(tg_rand(t, shape), classes), TG_I64));
}

double bench_digest(tg_tensor *t)
{
    const float *v = tg_data_f32(t);
    double       sum = 0;
    for (int64_t i = 0; v && i < tg_numel(t); i++) sum += fabs((double)v[i]) * (double)(1 + i % 5);
    return v ? sum : (double)NAN;
}

/* ---- W1, W2: classifiers of three layers -------------------------------------------------------------------------- */

enum { LAYERS = 3 };

typedef struct mlp {
    tg_tape   *t;
    tg_optim  *opt;
    tg_tensor *x, *y, *w[LAYERS], *b[LAYERS];
} mlp;

static mlp *make_mlp(tg_tape *t, int64_t batch, const int64_t sizes[LAYERS + 1])
{
    mlp *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    m->t = t;
    for (int i = 0; i < LAYERS; i++) {
        char name[16];
        snprintf(name, sizeof name, "w%d", i + 1);
        m->w[i] = bench_weights(t, name, sizes[i], sizes[i + 1]);
        snprintf(name, sizeof name, "b%d", i + 1);
        m->b[i] = bench_bias(t, name, sizes[i], sizes[i + 1]);
    }
    m->x = bench_normal(t, TG_SHAPE(batch, sizes[0]));
    m->y = bench_labels(t, TG_SHAPE(batch), (int)sizes[LAYERS]);
    return m;
}

static void *make_small(tg_tape *t)
{
    mlp *m = make_mlp(t, 128, (const int64_t[]){784, 128, 64, 10});
    if (m) m->opt = tg_sgd(t, NULL);
    return m;
}

static void *make_wide(tg_tape *t)
{
    mlp *m = make_mlp(t, 256, (const int64_t[]){784, 1024, 1024, 10});
    if (m) m->opt = tg_adam(t, NULL);
    return m;
}

static bool mlp_step(void *model, double *result)
{
    const mlp *m = model;
    tg_tensor *h = m->x;
    for (int i = 0; i < LAYERS; i++) {
        h = tg_add(tg_matmul(h, m->w[i]), m->b[i]);
        if (i < LAYERS - 1) h = tg_relu(h);
    }
    return bench_train(m->t, m->opt, tg_cross_entropy(h, m->y), result);
}

/* ---- W3: XOR ------------------------------------------------------------------------------------------------------ */

typedef struct xor_net {
    tg_tape   *t;
    tg_optim  *opt;
    tg_tensor *x, *y, *w1, *b1, *w2, *b2;
} xor_net;

static void *make_xor(tg_tape *t)
{
    static const float x[] = {0, 0, 0, 1, 1, 0, 1, 1}, y[] = {0, 1, 1, 0};
    xor_net           *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    *m = (xor_net){.t = t,
                   .opt = tg_sgd(t, NULL),
                   .x = tg_keep(tg_from_f32(t, TG_SHAPE(4, 2), x)),
                   .y = tg_keep(tg_from_f32(t, TG_SHAPE(4, 1), y)),
                   .w1 = bench_weights(t, "w1", 2, 3),
                   .b1 = bench_bias(t, "b1", 2, 3),
                   .w2 = bench_weights(t, "w2", 3, 1),
                   .b2 = bench_bias(t, "b2", 3, 1)};
    return m;
}

static bool xor_step(void *model, double *result)
{
    const xor_net *m = model;
    tg_tensor     *h = tg_sigmoid(tg_add(tg_matmul(m->x, m->w1), m->b1));
    tg_tensor     *p = tg_sigmoid(tg_add(tg_matmul(h, m->w2), m->b2));
    return bench_train(m->t, m->opt, tg_mse(p, m->y), result);
}

const workload workloads_dense[] = {
    {.name = "W1_mlp_small", .warm_up = 20, .make = make_small, .step = mlp_step},
    {.name = "W2_mlp_wide", .warm_up = 20, .make = make_wide, .step = mlp_step},
    {.name = "W3_xor", .warm_up = 20, .make = make_xor, .step = xor_step},
    {0},
};
