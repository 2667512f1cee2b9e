/* workloads_image.c - W5: a small convolutional classifier of 28×28 images. W12: one of 32×32 images, with batch normalisation made of
 * primitives; and the same without. */
#include "bench.h"

#include <math.h>
#include <stdlib.h>

enum { IMAGES = 64, CLASSES = 10 };

typedef struct cnn {
    tg_tape   *t;
    tg_optim  *opt;
    tg_tensor *x, *y;
    tg_tensor *k1, *c1, *k2, *c2; /* two convolutions' kernels and biases */
    tg_tensor *w1, *b1, *w2, *b2; /* two dense layers */
} cnn;

/* Uniform in ±1/sqrt(what a result's element sums over), as for the dense layers. */
static tg_tensor *kernel(tg_tape *t, const char *name, int64_t in, int64_t out)
{
    const double bound = 1 / sqrt(25 * (double)in);
    return tg_param(t, name, tg_uniform(t, TG_SHAPE(out, in, 5, 5), -bound, bound));
}

static void *make_cnn(tg_tape *t)
{
    cnn *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    *m = (cnn){.t = t,
               .opt = tg_sgd(t, NULL),
               .x = bench_normal(t, TG_SHAPE(IMAGES, 1, 28, 28)),
               .y = bench_labels(t, TG_SHAPE(IMAGES), CLASSES),
               .k1 = kernel(t, "k1", 1, 8),
               .c1 = bench_bias(t, "c1", 25, 8),
               .k2 = kernel(t, "k2", 8, 16),
               .c2 = bench_bias(t, "c2", 8 * 25, 16),
               .w1 = bench_weights(t, "w1", 256, 128),
               .b1 = bench_bias(t, "b1", 256, 128),
               .w2 = bench_weights(t, "w2", 128, CLASSES),
               .b2 = bench_bias(t, "b2", 128, CLASSES)};
    return m;
}

static tg_tensor *convolution(tg_tensor *x, tg_tensor *k, tg_tensor *bias)
{
    return tg_max_pool2d(tg_relu(tg_conv2d(x, k, bias, NULL)), NULL);
}

static bool cnn_step(void *model, double *result)
{
    const cnn *m = model;
    tg_tensor *h = convolution(convolution(m->x, m->k1, m->c1), m->k2, m->c2);
    h = tg_relu(tg_add(tg_matmul(tg_reshape(h, TG_SHAPE(IMAGES, -1)), m->w1), m->b1));
    return bench_train(m->t, m->opt, tg_cross_entropy(tg_add(tg_matmul(h, m->w2), m->b2), m->y), result);
}

/* ---- W12 ----------------------------------------------------------------------------------------------------------- */

enum { BATCH = 32, SIDE = 32, STAGES = 3 };

typedef struct normalised {
    tg_tape   *t;
    tg_optim  *opt;
    bool       norms;
    tg_tensor *x, *y;
    tg_tensor *k[STAGES], *scale[STAGES], *shift[STAGES]; /* 3×3 kernels; of each channel */
    tg_tensor *w, *b;
} normalised;

static void *make_normalised(tg_tape *t, bool norms)
{
    static const int64_t channels[STAGES + 1] = {3, 32, 32, 64};
    normalised *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    *m = (normalised){.t = t, .opt = tg_sgd(t, NULL), .norms = norms, .x = bench_normal(t, TG_SHAPE(BATCH, channels[0], SIDE, SIDE)),
                      .y = bench_labels(t, TG_SHAPE(BATCH), CLASSES), .w = bench_weights(t, "w", channels[STAGES], CLASSES),
                      .b = bench_bias(t, "b", channels[STAGES], CLASSES)};
    for (int k = 0; k < STAGES; k++) {
        const int64_t in = channels[k], out = channels[k + 1];
        const double  bound = 1 / sqrt(9 * (double)in);
        m->k[k] = tg_paramf(t, tg_uniform(t, TG_SHAPE(out, in, 3, 3), -bound, bound), "k%d", k);
        if (norms) m->scale[k] = tg_paramf(t, tg_ones(t, TG_SHAPE(out, 1, 1)), "scale%d", k);
        m->shift[k] = tg_paramf(t, tg_zeros(t, TG_SHAPE(out, 1, 1)), "shift%d", k);
    }
    return m;
}

static void *make_batch_norm(tg_tape *t) { return make_normalised(t, true); }
static void *make_plain(tg_tape *t) { return make_normalised(t, false); }

/* As one writes it down: about the mean of the batch, divided by its deviation, channel by channel. */
static tg_tensor *batch_norm(tg_tensor *x, tg_tensor *scale)
{
    tg_tensor *distance = tg_sub(x, tg_mean(x, TG_AXES(0, 2, 3), true));
    tg_tensor *variance = tg_mean(tg_square(distance), TG_AXES(0, 2, 3), true);
    return tg_mul(tg_div(distance, tg_sqrt(tg_add_s(variance, 1e-5))), scale);
}

static bool normalised_step(void *model, double *result)
{
    const normalised *m = model;
    tg_tensor        *h = m->x;
    for (int k = 0; k < STAGES; k++) {
        h = tg_conv2d(h, m->k[k], NULL, &(tg_conv_options){.padding = {1, 1}});
        if (m->norms) h = batch_norm(h, m->scale[k]);
        h = tg_relu(tg_add(h, m->shift[k]));
    }
    h = tg_add(tg_matmul(tg_mean(h, TG_AXES(2, 3), false), m->w), m->b);
    return bench_train(m->t, m->opt, tg_cross_entropy(h, m->y), result);
}

const workload workloads_image[] = {
    {.name = "W5_cnn", .warm_up = 20, .make = make_cnn, .step = cnn_step},
    {.name = "W12_batchnorm", .warm_up = 5, .make = make_batch_norm, .step = normalised_step},
    {.name = "W12_without", .warm_up = 5, .make = make_plain, .step = normalised_step},
    {0},
};
