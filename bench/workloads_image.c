/* workloads_image.c - W5: a small convolutional classifier of 28×28 images. */
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

const workload workloads_image[] = {
    {.name = "W5_cnn", .warm_up = 20, .make = make_cnn, .step = cnn_step},
    {0},
};
