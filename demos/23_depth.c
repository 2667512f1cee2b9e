/* 23_depth.c - vanishing and exploding gradients: one backward pass through 20 layers of 64 neurons, made in five ways.
 *
 * Backward, each layer multiplies the gradient by Wᵀ and by the slopes f'. A sigmoid's slope is at most 1/4, so with usual weights the gradient
 * shrinks by a constant factor a layer, and the first layers learn nothing. Weights from N(0, 1) are too large by the root of their number:
 * with ReLU everything grows instead. ReLU passes half of what comes, so a variance of 2/n (Kaiming) keeps the size; for the sigmoid batch
 * norm behind each product does it from outside, whatever the weights. Clipping does not mend the ratio between layers: it only limits the
 * step that an exploded gradient would take. */
#include "demo.h"
#include "demo_draw.h"

enum { LAYERS = 20, WIDTH = 64, SAMPLES = 256, WAYS = 5 };

typedef struct way {
    const char *name;
    tg_tensor *(*f)(tg_tensor *x);
    tg_tensor *(*init)(tg_tape *t, const tg_shape *shape);
    bool norm, clip;
} way;

static tg_tensor *xavier(tg_tape *t, const tg_shape *s) { return tg_xavier_normal(t, s, 1); }

static const way ways[WAYS] = {
    {"sigmoid, Xavier", tg_sigmoid, xavier, false, false},
    {"sigmoid, Xavier, batch norm", tg_sigmoid, xavier, true, false},
    {"ReLU, Kaiming", tg_relu, tg_kaiming, false, false},
    {"ReLU, N(0,1)", tg_relu, tg_randn, false, false},
    {"ReLU, N(0,1), clipped to norm 1", tg_relu, tg_randn, false, true},
};

/* The norm of the gradient of each layer's weights, from the first to the last. false after an error. */
static bool gradients(const way *w, uint64_t seed, double *norm)
{
    tg_tape   *t = tg_tape_new(&(tg_tape_options){.dtype = TG_F64, .seed = seed});
    tg_tensor *h = tg_randn(t, TG_SHAPE(SAMPLES, WIDTH)), *target = tg_randn(t, TG_SHAPE(SAMPLES, WIDTH)), *weight[LAYERS];
    for (int k = 0; k < LAYERS; k++) {
        weight[k] = tg_paramf(t, w->init(t, TG_SHAPE(WIDTH, WIDTH)), "layer%d", k + 1);
        h = tg_matmul(h, weight[k]);
        if (w->norm) h = tg_batch_norm(h, NULL, NULL, NULL);
        h = w->f(h);
    }
    bool ok = !tg_backward(tg_mse(h, target));
    if (ok && w->clip) ok = !tg_clip_grad_norm_of(weight, LAYERS, 1, NULL);
    for (int k = 0; k < LAYERS && ok; k++) {
        norm[k] = tg_item(tg_norm(tg_grad_of(weight[k]), 2, TG_ALL_AXES, false));
        ok = !isnan(norm[k]);
    }
    tg_tape_free(t);
    return ok;
}

int main(int argc, char **argv)
{
    const double started = demo_clock();
    const char  *out = "out";
    int64_t      seed = 1;
    bool         quick = false;
    int          status;
    const demo_option options[] = {
        {"--seed", "N", "of the weights", .count = &seed, .low = 0, .high = 1e15},
        {"--out", "DIR", "where the picture goes", .text = &out},
        {"--quick", NULL, "the same: this one is always quick", .flag = &quick},
    };
    if (!demo_parse(argc, argv, "Gradients through 20 layers: they vanish, explode, or stay.", options, DEMO_COUNT(options), &status)) return status;
    if (!demo_directory(out)) return 1;

    double    norm[WAYS][LAYERS], layer[LAYERS], ratio[WAYS];
    tg_series series[WAYS];
    printf("%-32s %10s %10s %10s %10s %14s\n", "gradient's norm at layer", "1", "7", "14", "20", "first / last");
    for (int k = 0; k < LAYERS; k++) layer[k] = k + 1;
    for (int i = 0; i < WAYS; i++) {
        if (!gradients(&ways[i], (uint64_t)seed, norm[i])) return 1;
        ratio[i] = norm[i][0] / norm[i][LAYERS - 1];
        printf("%-32s %10.1e %10.1e %10.1e %10.1e %14.1e\n", ways[i].name, norm[i][0], norm[i][6], norm[i][13], norm[i][LAYERS - 1], ratio[i]);
        series[i] = (tg_series){.name = ways[i].name, .y = norm[i]};
    }
    if (!demo_curves(out, "depth",
                     &(tg_curves){.title = "Norms of the weights' gradients, layer by layer", .x_label = "layer", .y_label = "norm", .x = layer, .n = LAYERS,
                                  .series = series, .n_series = WAYS, .log_y = true}))
        return 1;
    const bool ok = ratio[0] < 1e-6 && ratio[1] > 1e-2 && ratio[2] > 0.1 && ratio[2] < 10 && norm[3][0] > 1e10 && norm[4][0] < 1;
    if (!ok) puts("The gradients do not vanish, explode and stay as they should.");
    const demo_field fields[] = {{"seconds", demo_clock() - started}, {"sigmoid", ratio[0]}, {"batch_norm", ratio[1]}, {"kaiming", ratio[2]}, {"normal", norm[3][0]}};
    return demo_result("23_depth", "none", ok, fields, DEMO_COUNT(fields));
}
