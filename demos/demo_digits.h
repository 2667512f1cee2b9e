/* demo_digits.h - what the demos about handwritten digits share: options, images, two small networks, training, and accuracy. The lesson of each
 * is a loss of its own, or what it does with a network that has learned. */
#ifndef DEMO_DIGITS_H
#define DEMO_DIGITS_H

#include "demo_draw.h"

enum { DEMO_SIDE = 28, DEMO_PIXELS = DEMO_SIDE * DEMO_SIDE, DEMO_CLASSES = 10, DEMO_LAYERS = 4 };

/* ---- options and images ----------------------------------------------------------------------------------------------- */

typedef struct demo_digits {
    int64_t     drawn[2], drawn_test[2]; /* how many digits are drawn where there are none: usually, and with --quick */
    const char *data;                    /* NULL: they were drawn */
    demo_common common;
    tg_tape    *t;
    tg_dataset *train, *test;
} demo_digits;

/* Reads the command line, makes the tape and opens the images. false where the demo ends with *status. */
static inline bool demo_open_digits(int argc, char **argv, const char *about, const demo_option *more, int n_more, demo_digits *d, int *status)
{
    demo_option options[DEMO_MOST_OPTIONS] = {{"--data", "DIR", "directory of the MNIST files; else $TAPEGRAD_DATA; else drawn digits", .text = &d->data}};
    if (n_more > 0) memcpy(options + 1, more, (size_t)n_more * sizeof *more);
    if (!demo_begin(argc, argv, about, options, n_more + 1, &d->common, status)) return false;
    *status = 1;
    d->data = d->common.quick ? NULL : demo_data(d->data);
    d->t = tg_tape_new(&(tg_tape_options){.seed = (uint64_t)d->common.seed});
    if (!d->t) return false;
    d->train = d->data ? tg_mnist(d->t, d->data, "train") : tg_synthetic_digits(d->t, d->drawn[d->common.quick], 1);
    d->test = d->data ? tg_mnist(d->t, d->data, "test") : tg_synthetic_digits(d->t, d->drawn_test[d->common.quick], 2);
    if (d->train && d->test) return true;
    tg_tape_free(d->t);
    return false;
}

/* The samples of d whose label is one of first … last. NULL after an error. */
static inline tg_dataset *demo_digits_between(tg_dataset *d, int64_t first, int64_t last)
{
    const int64_t *labels = tg_dataset_labels(d), n = tg_dataset_size(d);
    int64_t       *index = labels ? demo_room(n, sizeof *index) : NULL, found = 0;
    for (int64_t i = 0; index && i < n; i++)
        if (labels[i] >= first && labels[i] <= last) index[found++] = i;
    tg_dataset *part = index ? tg_dataset_subset(d, index, found) : NULL;
    free(index);
    return part;
}

/* ---- networks --------------------------------------------------------------------------------------------------------- */

/* Logits [N, classes] of images x [N,28,28]. */
typedef tg_tensor *(*demo_network)(const void *network, tg_tensor *x);

/* Layers of neurons with ReLU between them. */
typedef struct demo_mlp {
    int        layers;
    tg_tensor *w[DEMO_LAYERS], *b[DEMO_LAYERS];
} demo_mlp;

/* sizes has layers + 1 numbers, pixels first. Parameters are called name.w0, name.b0 and so on. */
static inline demo_mlp demo_make_mlp(tg_tape *t, const char *name, const int64_t *sizes, int layers)
{
    demo_mlp m = {.layers = layers};
    for (int k = 0; k < layers; k++) {
        m.w[k] = tg_paramf(t, tg_kaiming(t, TG_SHAPE(sizes[k], sizes[k + 1])), "%s.w%d", name, k);
        m.b[k] = tg_paramf(t, tg_zeros(t, TG_SHAPE(sizes[k + 1])), "%s.b%d", name, k);
    }
    return m;
}

static inline tg_tensor *demo_mlp_logits(const void *network, tg_tensor *x)
{
    const demo_mlp *m = network;
    tg_tensor      *h = tg_reshape(x, TG_SHAPE(-1, DEMO_PIXELS));
    for (int k = 0; k < m->layers; k++) {
        h = tg_linear(h, m->w[k], m->b[k]);
        if (k + 1 < m->layers) h = tg_relu(h);
    }
    return h;
}

/* Two convolutions, each of which halves the image's sides, and two layers of neurons. */
typedef struct demo_cnn {
    tg_tensor *w1, *b1, *w2, *b2; /* the features */
    tg_tensor *w3, *b3, *w4, *b4; /* the head: what they mean */
} demo_cnn;

enum { DEMO_FEATURES = 32 * 7 * 7, DEMO_HIDDEN = 100 };

static inline bool demo_make_head(tg_tape *t, const char *name, int64_t classes, demo_cnn *m)
{
    m->w3 = tg_paramf(t, tg_kaiming(t, TG_SHAPE(DEMO_FEATURES, DEMO_HIDDEN)), "%s.w3", name), m->b3 = tg_paramf(t, tg_zeros(t, TG_SHAPE(DEMO_HIDDEN)), "%s.b3", name);
    m->w4 = tg_paramf(t, tg_kaiming(t, TG_SHAPE(DEMO_HIDDEN, classes)), "%s.w4", name), m->b4 = tg_paramf(t, tg_zeros(t, TG_SHAPE(classes)), "%s.b4", name);
    return m->b4 != NULL;
}

static inline bool demo_make_cnn(tg_tape *t, const char *name, int64_t classes, demo_cnn *m)
{
    m->w1 = tg_paramf(t, tg_kaiming(t, TG_SHAPE(16, 1, 4, 4)), "%s.w1", name), m->b1 = tg_paramf(t, tg_zeros(t, TG_SHAPE(16)), "%s.b1", name);
    m->w2 = tg_paramf(t, tg_kaiming(t, TG_SHAPE(32, 16, 4, 4)), "%s.w2", name), m->b2 = tg_paramf(t, tg_zeros(t, TG_SHAPE(32)), "%s.b2", name);
    return demo_make_head(t, name, classes, m);
}

static inline tg_tensor *demo_cnn_features(const demo_cnn *m, tg_tensor *x)
{
    const tg_conv_options halving = {.stride = {2, 2}, .padding = {1, 1}};
    tg_tensor            *h = tg_reshape(x, TG_SHAPE(-1, 1, DEMO_SIDE, DEMO_SIDE));
    h = tg_relu(tg_conv2d(h, m->w1, m->b1, &halving));                    /* [N,16,14,14] */
    return tg_flatten(tg_relu(tg_conv2d(h, m->w2, m->b2, &halving)), 1, 3); /* [N,32·7·7] */
}

static inline tg_tensor *demo_cnn_head(const void *network, tg_tensor *features)
{
    const demo_cnn *m = network;
    return tg_linear(tg_relu(tg_linear(features, m->w3, m->b3)), m->w4, m->b4);
}

static inline tg_tensor *demo_cnn_logits(const void *network, tg_tensor *x)
{
    return demo_cnn_head(network, demo_cnn_features(network, x));
}

/* ---- training ----------------------------------------------------------------------------------------------------------- */

typedef struct demo_training {
    const char        *label;   /* for the line of each epoch */
    tg_dataset        *data;
    int64_t            epochs, batch; /* batch 0: 100 */
    double             lr, decay; /* AdamW's: the highest learning rate, which goes up and down in one cycle; the decay of weights, usually none */
    tg_tensor *const  *params;  /* NULL: all of the tape */
    int                n_params;
    demo_network       network; /* whose cross-entropy is made small, unless there is a loss */
    const void        *model;
    tg_tensor *(*loss)(void *ctx, tg_tensor *x, tg_tensor *y);
    bool (*after_step)(void *ctx); /* may be NULL */
    void *ctx;                     /* of both */
    bool  quiet;                   /* no line for each epoch */
} demo_training;

static inline bool demo_train(tg_tape *t, const demo_training *how)
{
    tg_loader   *data = tg_loader_new(how->data, &(tg_loader_options){.batch = how->batch ? how->batch : 100, .shuffle = true, .prefetch = 2});
    tg_optim    *opt = tg_adamw(t, &(tg_adam_options){.lr = how->lr, .weight_decay = how->decay > 0 ? how->decay : TG_ZERO, .params = how->params, .n_params = how->n_params});
    tg_schedule *cycle = tg_one_cycle_lr(t, &(tg_one_cycle_options){.steps = how->epochs * tg_loader_batches(data)});
    tg_tensor   *x, *y;
    bool         ok = !tg_schedule_drive(cycle, opt, -1);
    for (int64_t e = 1; e <= how->epochs && ok; e++) {
        char            label[64];
        tg_progress     bar;
        tg_running_mean mean = {0};
        snprintf(label, sizeof label, "%s, epoch %" PRId64 " of %" PRId64, how->label, e, how->epochs);
        if (!how->quiet) tg_progress_start(&bar, label, tg_loader_batches(data));
        for (; ok && tg_next(data, &x, &y); tg_reset(t)) {
            tg_tensor *loss = how->loss ? how->loss(how->ctx, x, y) : tg_cross_entropy(how->network(how->model, x), y);
            ok = !tg_minimize(opt, loss) && !tg_schedule_step(cycle);
            tg_mean_add(&mean, tg_item(loss), (double)tg_dim(y, 0));
            if (!how->quiet) tg_progress_update(&bar, tg_dim(y, 0), tg_item(loss), NAN);
            if (ok && how->after_step) ok = how->after_step(how->ctx);
        }
        if (how->quiet) continue;
        tg_progress_finish(&bar);
        printf("%s: loss %.4f\n", label, tg_mean_value(&mean));
        fflush(stdout);
    }
    tg_loader_free(data), tg_optim_free(opt), tg_schedule_free(cycle);
    return ok && !tg_error(t);
}

/* The share of images that the network reads as they are labelled; NaN after an error. */
static inline double demo_accuracy(tg_tape *t, tg_dataset *images, demo_network network, const void *model)
{
    tg_loader      *data = tg_loader_new(images, &(tg_loader_options){.batch = 500});
    tg_tensor      *x, *y;
    tg_running_mean mean = {0};
    for (; tg_next(data, &x, &y); tg_reset(t)) tg_mean_add(&mean, tg_item(tg_accuracy(network(model, x), y)), (double)tg_dim(y, 0));
    tg_loader_free(data);
    return tg_error(t) ? NAN : tg_mean_value(&mean);
}

#endif
