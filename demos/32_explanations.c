/* 32_explanations.c - which pixels an answer hangs on: four ways to ask, and two checks of what they say.
 *
 * Saliency is |d (the winning logit) / d (pixel)|: how the answer would change with the pixel, which at a pixel that already has done its work may be
 * 0. Gradient times pixel asks how much of the answer the pixel brought, were the network linear. SmoothGrad averages gradients over noise. Integrated
 * gradients go from a blank image to this one in a straight line and add up the pixel's share on the way:
 *
 *     a_i = (x_i - b_i) ∫ ∂f/∂x_i (b + s (x - b)) ds,  s from 0 to 1,  b the blank image
 *
 * These are complete: Σ a_i = f(x) - f(b), which is checked, and falls with the number of places at which the integral looks. Whether a map
 * tells the truth is a question for the network: pixels go dark in the order of the map, and the sooner the digit is unreadable the better the
 * map. Simonyan, Vedaldi, Zisserman 2013; Smilkov and others 2017; Sundararajan, Taly, Yan 2017. */
#include "demo_digits.h"

enum { SHOWN = 8, MAPS = 5, LEVELS = 6, IMAGES = 500, DRAWS = 20 };

static const char *const names[MAPS] = {"random", "saliency", "gradient x pixel", "SmoothGrad x pixel", "integrated gradients"};
static const double      levels[LEVELS] = {0, 1, 2, 5, 10, 20}; /* % of the pixels that are darkened */

/* ---- the lesson ------------------------------------------------------------------------------------------------------ */

/* The slope of each image's logit of class y: images do not meet, so the gradient of the sum of their answers has each one's own. */
static tg_tensor *slope_at(const demo_cnn *m, tg_tensor *x, tg_tensor *y, tg_tensor **answers)
{
    tg_tensor *leaf = tg_set_requires_grad(tg_detach(x), true), *slope;
    tg_tensor *logit = tg_squeeze(tg_gather(demo_cnn_logits(m, leaf), 1, tg_unsqueeze(y, 1)), 1), *sum = tg_sum_all(logit);
    if (answers) *answers = tg_detach(logit);
    return tg_grad(&sum, NULL, 1, &leaf, 1, false, &slope) ? NULL : tg_detach(slope);
}

/* The integral by the midpoint rule at n places; the blank image is black. */
static tg_tensor *integrated_gradients(const demo_cnn *m, tg_tensor *x, tg_tensor *y, int64_t n)
{
    tg_tensor *sum = tg_keep(tg_zeros_like(x));
    for (int64_t k = 0; k < n && sum; k++) {
        tg_tensor *at = tg_mul_s(x, ((double)k + 0.5) / (double)n);
        if (tg_assign(sum, tg_add(sum, slope_at(m, at, y, NULL))) || tg_reset(tg_tape_of(x))) return NULL;
    }
    tg_tensor *map = tg_keep(tg_mul(x, tg_div_s(sum, (double)n)));
    tg_release(sum);
    return map;
}

static tg_tensor *smooth_grad(const demo_cnn *m, tg_tensor *x, tg_tensor *y)
{
    tg_tensor *sum = tg_keep(tg_zeros_like(x));
    for (int k = 0; k < DRAWS && sum; k++) {
        tg_tensor *at = tg_add(x, tg_normal(tg_tape_of(x), tg_shape_of(x), 0, 0.2));
        if (tg_assign(sum, tg_add(sum, slope_at(m, at, y, NULL))) || tg_reset(tg_tape_of(x))) return NULL;
    }
    tg_tensor *map = tg_keep(tg_mul(x, tg_div_s(sum, DRAWS)));
    tg_release(sum);
    return map;
}

/* A map of kept images x and their classes y, kept. NULL after an error. */
static tg_tensor *map_of(int which, const demo_cnn *m, tg_tensor *x, tg_tensor *y)
{
    switch (which) {
    case 0: return tg_keep(tg_rand(tg_tape_of(x), tg_shape_of(x)));
    case 1: return tg_keep(tg_abs(slope_at(m, x, y, NULL)));
    case 2: return tg_keep(tg_mul(slope_at(m, x, y, NULL), x));
    case 3: return smooth_grad(m, x, y);
    default: return integrated_gradients(m, x, y, 32);
    }
}

/* The largest |Σ a - (f(x) - f(0))| of the images, in parts of the largest |f(x) - f(0)|. */
static double incomplete(const demo_cnn *m, tg_tensor *x, tg_tensor *y, int64_t n)
{
    tg_tensor *map = integrated_gradients(m, x, y, n), *at, *blank;
    if (!map || !slope_at(m, x, y, &at) || !slope_at(m, tg_zeros_like(x), y, &blank)) return NAN;
    tg_tensor   *difference = tg_sub(at, blank), *off = tg_sub(tg_sum(map, TG_AXES(1, 2), false), difference);
    const double worst = tg_item(tg_div(tg_amax_all(tg_abs(off)), tg_amax_all(tg_abs(difference))));
    tg_release(map), tg_reset(tg_tape_of(x));
    return worst;
}

/* The share of images that are still read as they were when the first `part` of the pixels in the map's order is black. */
static double read_without(const demo_cnn *m, tg_tensor *x, tg_tensor *y, tg_tensor *map, double part)
{
    const int64_t gone = (int64_t)(part * DEMO_PIXELS), n = tg_dim(x, 0);
    tg_tensor    *flat = tg_reshape(x, TG_SHAPE(n, DEMO_PIXELS)), *places;
    if (gone > 0) {
        tg_topk(tg_reshape(map, TG_SHAPE(n, DEMO_PIXELS)), gone, 1, true, &places);
        flat = tg_scatter(flat, 1, places, tg_zeros(tg_tape_of(x), TG_SHAPE(n, gone)));
    }
    const double share = tg_item(tg_accuracy(demo_cnn_logits(m, flat), y));
    tg_reset(tg_tape_of(x));
    return share;
}

/* ---- pictures ---------------------------------------------------------------------------------------------------------- */

/* The first digits, and below each what the maps say, as dark as the pixel counts. */
static bool draw_maps(demo_digits *d, tg_tensor *x, tg_tensor *maps[MAPS])
{
    static float pixels[MAPS * SHOWN][DEMO_PIXELS];
    bool         ok = true;
    for (int k = 0; k < MAPS && ok; k++) { /* the random map gives its place to the digits */
        tg_tensor *size = tg_abs(tg_narrow(k == 0 ? x : maps[k], 0, 0, SHOWN));
        ok = !tg_copy_to(tg_div(size, tg_amax(size, TG_AXES(1, 2), true)), pixels[k * SHOWN], sizeof pixels / MAPS);
    }
    return ok && demo_images(d->common.out, "explanations", &(tg_images){.title = "Digits, and what their answers hang on", .dtype = TG_F32, .pixels = pixels,
                                                                         .n = MAPS * SHOWN, .height = DEMO_SIDE, .width = DEMO_SIDE, .columns = SHOWN, .zoom = 2,
                                                                         .high = 1, .invert = true}) && !tg_reset(d->t);
}

typedef struct results {
    double accuracy, off[3], read[MAPS][LEVELS], area[MAPS];
} results;

static const int64_t places[3] = {8, 64, 512};

static bool run(demo_digits *d, int64_t epochs, results *r)
{
    demo_cnn   m;
    tg_tensor *x, *y, *maps[MAPS];
    if (!demo_make_cnn(d->t, "network", DEMO_CLASSES, &m) ||
        !demo_train(d->t, &(demo_training){.label = "network", .data = d->train, .epochs = epochs, .lr = 3e-3, .network = demo_cnn_logits, .model = &m}))
        return false;
    r->accuracy = demo_accuracy(d->t, d->test, demo_cnn_logits, &m);
    tg_loader *data = tg_loader_new(d->test, &(tg_loader_options){.batch = IMAGES / (d->common.quick ? 10 : 1)});
    if (!tg_next(data, &x, &y)) return false;
    x = tg_keep(x), y = tg_keep(tg_argmax(demo_cnn_logits(&m, x), 1, false)); /* what the network says, right or wrong */
    for (int k = 0; k < 3; k++) {
        r->off[k] = incomplete(&m, x, y, places[k]);
        printf("integrated gradients at %3" PRId64 " places: sums are %.1e beside f(x) - f(0)\n", places[k], r->off[k]);
    }
    printf("\nread as before when the first pixels of the map are black\n%-22s", "");
    for (int i = 0; i < LEVELS; i++) printf("%6.0f %%", levels[i]);
    for (int k = 0; k < MAPS; k++) {
        maps[k] = map_of(k, &m, x, y), tg_reset(d->t);
        printf("\n%-22s", names[k]);
        for (int i = 0; i < LEVELS; i++) {
            r->read[k][i] = 100 * read_without(&m, x, y, maps[k], levels[i] / 100);
            r->area[k] += r->read[k][i] / LEVELS;
            printf("%6.1f %%", r->read[k][i]);
        }
    }
    puts("");
    return !tg_error(d->t) && draw_maps(d, x, maps);
}

int main(int argc, char **argv)
{
    demo_digits       d = {.drawn = {20000, 2000}, .drawn_test = {4000, 500}};
    int64_t           epochs = 4;
    int               status;
    results           r = {0};
    const demo_option options[] = {{"--epochs", "N", "of the network's training", .count = &epochs, .low = 1, .high = 1000}};
    if (!demo_open_digits(argc, argv, "Which pixels an answer hangs on: saliency, SmoothGrad, integrated gradients.", options, DEMO_COUNT(options), &d, &status)) return status;
    const bool ran = run(&d, epochs, &r);
    tg_tape_free(d.t);
    tg_series series[MAPS];
    for (int k = 0; k < MAPS; k++) series[k] = (tg_series){.name = names[k], .y = r.read[k]};
    if (!ran || !demo_curves(d.common.out, "explanations_deletion", &(tg_curves){.title = "Pixels darkened in the order of the map", .x_label = "% of the pixels",
                                                                                 .y_label = "% read as before", .x = levels, .n = LEVELS, .series = series, .n_series = MAPS}))
        return 1;
    const bool ok = r.accuracy >= (d.common.quick ? 0.8 : 0.98) && r.off[2] <= 2e-3 && r.area[4] < r.area[1] && r.area[1] < r.area[0];
    if (!ok) puts("It did not work: the network should read, sums be complete to 0.2 %, and integrated gradients find the pixels that count.");
    const demo_field fields[] = {{"seconds", demo_clock() - d.common.started}, {"accuracy", r.accuracy}, {"incomplete", r.off[2]}, {"read_random", r.area[0] / 100},
                                 {"read_saliency", r.area[1] / 100}, {"read_integrated", r.area[4] / 100}};
    return demo_result("32_explanations", d.data ? "mnist" : "drawn", ok, fields, DEMO_COUNT(fields));
}
