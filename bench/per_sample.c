/* per_sample.c - what gradients of each sample and products with Hessians cost beside an ordinary backward of the batch, a tangent beside a forward
 * pass, and a Jacobian beside a backward of as many samples as it has rows. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 128, CLASSES = 10, SIDE = 28, HIDDEN = 256, CHANNELS = 16, OUTPUTS = 100, PARAMS = 6, ROUNDS = 15 };

/* A network of batches, whose loss of one sample is that of a batch of one. */
typedef struct net {
    const char *name;
    tg_tensor *(*logits)(tg_tensor *const *w, tg_tensor *x);
    int         n_params;
    tg_tape    *t;
    tg_tensor  *w[PARAMS], *v[PARAMS], *x, *label; /* v: a direction in all weights */
    void       *room; /* of the size of all gradients of all samples */
    size_t      bytes;
} net;

static tg_tensor *mlp_logits(tg_tensor *const *w, tg_tensor *x) { return tg_linear(tg_relu(tg_linear(x, w[0], w[1])), w[2], w[3]); }

static tg_tensor *cnn_logits(tg_tensor *const *w, tg_tensor *x)
{
    const tg_conv_options same = {.padding = {1, 1}};
    tg_tensor *h = tg_max_pool2d(tg_relu(tg_conv2d(tg_reshape(x, TG_SHAPE(-1, 1, SIDE, SIDE)), w[0], w[1], &same)), NULL);
    h = tg_max_pool2d(tg_relu(tg_conv2d(h, w[2], w[3], &same)), NULL);
    return tg_linear(tg_flatten(h, 1, -1), w[4], w[5]);
}

static tg_tensor *loss_of(void *ctx, tg_tensor *const *in)
{
    const net *n = ctx;
    return tg_cross_entropy(n->logits(n->w, tg_unsqueeze(in[0], 0)), tg_unsqueeze(in[1], 0));
}

static void make_mlp(net *n)
{
    const int64_t pixels = SIDE * SIDE;
    n->w[0] = bench_weights(n->t, "w0", pixels, HIDDEN), n->w[1] = bench_bias(n->t, "b0", pixels, HIDDEN);
    n->w[2] = bench_weights(n->t, "w1", HIDDEN, CLASSES), n->w[3] = bench_bias(n->t, "b1", HIDDEN, CLASSES);
}

static void make_cnn(net *n)
{
    const int64_t pixels = SIDE * SIDE / 16;
    n->w[0] = tg_param(n->t, "w0", tg_normal(n->t, TG_SHAPE(CHANNELS, 1, 3, 3), 0, 0.1)), n->w[1] = bench_bias(n->t, "b0", 9, CHANNELS);
    n->w[2] = tg_param(n->t, "w1", tg_normal(n->t, TG_SHAPE(2 * CHANNELS, CHANNELS, 3, 3), 0, 0.1)), n->w[3] = bench_bias(n->t, "b1", 9, 2 * CHANNELS);
    n->w[4] = bench_weights(n->t, "w2", 2 * CHANNELS * pixels, CLASSES), n->w[5] = bench_bias(n->t, "b2", 2 * CHANNELS * pixels, CLASSES);
}

/* ---- what is measured ------------------------------------------------------------------------------------------------ */

static bool computed(tg_tensor *const *x, int n, tg_status s) { return s == TG_OK && tg_eval(x, n) == TG_OK; }

static bool backward(net *n)
{
    tg_tensor *all[PARAMS + 1], *loss = tg_cross_entropy(n->logits(n->w, n->x), n->label);
    all[n->n_params] = loss;
    return computed(all, n->n_params + 1, tg_grad(&loss, NULL, 1, n->w, n->n_params, false, all));
}

static bool each(net *n)
{
    tg_tensor *g[PARAMS], *in[] = {n->x, n->label};
    return computed(g, n->n_params, tg_per_sample_grad(loss_of, n, in, 2, n->w, n->n_params, NULL, g));
}

static bool write_all(net *n)
{
    memset(n->room, 1, n->bytes);
    return true;
}

static bool clipped(net *n)
{
    tg_tensor *g[PARAMS], *in[] = {n->x, n->label};
    return computed(g, n->n_params, tg_clipped_sum_grad(loss_of, n, in, 2, n->w, n->n_params, 1, NULL, g));
}

static bool norms(net *n)
{
    tg_tensor *norm, *in[] = {n->x, n->label};
    return computed(&norm, 1, tg_per_sample_grad(loss_of, n, in, 2, n->w, n->n_params, &(tg_per_sample_options){.norms = &norm}, NULL));
}

static bool forward(net *n)
{
    tg_tensor *loss = tg_cross_entropy(n->logits(n->w, n->x), n->label);
    return computed(&loss, 1, TG_OK);
}

/* With the value. */
static bool tangent(net *n)
{
    tg_tensor *loss = tg_cross_entropy(n->logits(n->w, n->x), n->label), *both[] = {loss, NULL};
    return computed(both, 2, tg_jvp(&loss, 1, n->w, n->v, n->n_params, false, &both[1]));
}

static bool hessian_product(net *n)
{
    tg_tensor *all[PARAMS + 1], *loss = tg_cross_entropy(n->logits(n->w, n->x), n->label);
    all[n->n_params] = loss;
    return computed(all, n->n_params + 1, tg_hvp(loss, n->w, n->v, n->n_params, false, all));
}

static const struct {
    const char *name;
    bool (*run)(net *n);
} whats[] = {{"backward", backward}, {"write", write_all}, {"each", each}, {"clipped", clipped}, {"norms", norms},
             {"forward", forward}, {"tangent", tangent}, {"hvp", hessian_product}};
enum { KINDS = sizeof whats / sizeof *whats };

/* All take turns; the least of each counts. */
static bool measure(net *n, double least[KINDS])
{
    for (int i = -2; i < ROUNDS; i++)
        for (int k = 0; k < KINDS; k++) {
            const double begin = bench_now();
            if (!whats[k].run(n) || tg_reset(n->t) != TG_OK) return false;
            const double took = 1e6 * (bench_now() - begin);
            if (i <= 0 || took < least[k]) least[k] = took;
        }
    return true;
}

static bool open_net(net *n, void (*make)(net *n))
{
    n->t = tg_tape_new(&(tg_tape_options){.threads = 1, .seed = 1});
    if (!n->t) return false;
    make(n);
    n->x = bench_normal(n->t, TG_SHAPE(BATCH, SIDE * SIDE));
    n->label = bench_labels(n->t, TG_SHAPE(BATCH), CLASSES);
    for (int i = 0; i < n->n_params; i++) n->v[i] = bench_normal(n->t, tg_shape_of(n->w[i]));
    for (int i = 0; i < n->n_params; i++) n->bytes += (size_t)tg_numel(n->w[i]) * sizeof(float) * BATCH;
    n->room = malloc(n->bytes);
    return n->room && tg_reset(n->t) == TG_OK;
}

static bool print_net(net *n, void (*make)(net *n))
{
    double     least[KINDS];
    const bool good = open_net(n, make) && measure(n, least);
    if (good) {
        printf("%-4s", n->name);
        for (int k = 0; k < KINDS; k++) printf("  %s %.0f us", whats[k].name, least[k]);
        printf("  each/(backward+write) %.2f  clipped/backward %.2f  norms/backward %.2f  tangent/forward %.2f  hvp/backward %.2f\n",
               least[2] / (least[0] + least[1]), least[3] / least[0], least[4] / least[0], least[6] / least[5], least[7] / least[0]);
    }
    free(n->room);
    tg_tape_free(n->t);
    return good;
}

/* ---- a Jacobian ---------------------------------------------------------------------------------------------------------- */

typedef struct jacobian_net {
    tg_tape   *t;
    tg_tensor *w[4], *x, *batch;
} jacobian_net;

/* d y / d x of one x, all rows at once. */
static bool jacobian(jacobian_net *n)
{
    tg_tensor *x = tg_set_requires_grad(tg_detach(n->x), true), *y = mlp_logits(n->w, x), *seed = tg_zeros(n->t, TG_SHAPE(1, OUTPUTS)), *g, *all;
    tg_tensor *seeds = tg_reshape(tg_eye(n->t, OUTPUTS), TG_SHAPE(OUTPUTS, 1, OUTPUTS));
    if (tg_grad(&y, &seed, 1, &x, 1, false, &g) != TG_OK) return false;
    return computed(&all, 1, tg_vmap(&g, 1, &seed, &seeds, 1, NULL, &all));
}

/* d sum y / d x of as many x. */
static bool batch_backward(jacobian_net *n)
{
    tg_tensor *x = tg_set_requires_grad(tg_detach(n->batch), true), *y = tg_sum_all(mlp_logits(n->w, x)), *g;
    return computed(&g, 1, tg_grad(&y, NULL, 1, &x, 1, false, &g));
}

static bool print_jacobian(void)
{
    const int64_t pixels = SIDE * SIDE;
    jacobian_net  n = {.t = tg_tape_new(&(tg_tape_options){.threads = 1, .seed = 1})};
    double        least[2] = {0};
    bool          good = n.t != NULL;
    if (good) {
        n.w[0] = bench_weights(n.t, "w0", pixels, HIDDEN), n.w[1] = bench_bias(n.t, "b0", pixels, HIDDEN);
        n.w[2] = bench_weights(n.t, "w1", HIDDEN, OUTPUTS), n.w[3] = bench_bias(n.t, "b1", HIDDEN, OUTPUTS);
        n.x = bench_normal(n.t, TG_SHAPE(1, pixels)), n.batch = bench_normal(n.t, TG_SHAPE(OUTPUTS, pixels));
        good = tg_reset(n.t) == TG_OK;
    }
    for (int i = -2; i < ROUNDS && good; i++)
        for (int k = 0; k < 2 && good; k++) {
            const double begin = bench_now();
            good = (k ? jacobian : batch_backward)(&n) && tg_reset(n.t) == TG_OK;
            const double took = 1e6 * (bench_now() - begin);
            if (i <= 0 || took < least[k]) least[k] = took;
        }
    if (good) printf("Jacobian of %d outputs  backward of %d samples %.0f us  Jacobian %.0f us  %.2f\n", OUTPUTS, OUTPUTS, least[0], least[1], least[1] / least[0]);
    tg_tape_free(n.t);
    return good;
}

bool bench_per_sample(void)
{
    return print_net(&(net){.name = "MLP", .logits = mlp_logits, .n_params = 4}, make_mlp) &&
           print_net(&(net){.name = "CNN", .logits = cnn_logits, .n_params = 6}, make_cnn) && print_jacobian();
}
