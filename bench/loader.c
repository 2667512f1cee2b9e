/* loader.c - an epoch of a small network on images: read as they are, augmented, and augmented ahead by a thread of its own. */
#include "bench.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { BATCH = 128, DRAWN = 54000, CLASSES = 10, PIXELS = 784, LAYERS = 3 };

typedef struct epochs {
    tg_tape   *t;
    tg_tensor *w[LAYERS], *b[LAYERS];
    tg_optim  *opt;
} epochs;

static bool open_network(epochs *e)
{
    static const int64_t size[LAYERS + 1] = {PIXELS, 128, 64, CLASSES};
    for (int k = 0; k < LAYERS; k++) {
        e->w[k] = tg_paramf(e->t, tg_kaiming(e->t, TG_SHAPE(size[k], size[k + 1])), "w%d", k);
        e->b[k] = tg_paramf(e->t, tg_zeros(e->t, TG_SHAPE(size[k + 1])), "b%d", k);
    }
    e->opt = tg_sgd(e->t, &(tg_sgd_options){.lr = 0.1, .momentum = 0.9});
    return e->opt && tg_reset(e->t) == TG_OK && !tg_error(e->t);
}

/* Seconds of an epoch; NaN after an error. */
static double run_epoch(epochs *e, tg_loader *l)
{
    const double started = bench_now();
    tg_tensor   *x, *y;
    while (tg_next(l, &x, &y)) {
        for (int k = 0; k < LAYERS; k++) {
            x = tg_linear(x, e->w[k], e->b[k]);
            if (k + 1 < LAYERS) x = tg_relu(x);
        }
        if (tg_minimize(e->opt, tg_cross_entropy(x, y)) != TG_OK) break;
        tg_reset(e->t);
    }
    return tg_error(e->t) ? NAN : bench_now() - started;
}

/* All three, in turns; the shortest epoch of each counts. */
static bool compare(epochs *e, tg_dataset *d, int repeats)
{
    static const char *const names[3] = {"as they are", "augmented", "augmented ahead"};
    const tg_augment_options o = {.rotate = 15, .scale = 0.15, .shear = 8, .shift = 0.1};
    const tg_loader_options  l = {.batch = BATCH, .shuffle = true, .flatten = true},
                            ahead = {.batch = BATCH, .shuffle = true, .flatten = true, .prefetch = 4};
    tg_dataset              *augmented = tg_dataset_augment(d, &o);
    tg_loader *const         loaders[3] = {tg_loader_new(d, &l), tg_loader_new(augmented, &l), tg_loader_new(augmented, &ahead)};
    double                   best[3] = {INFINITY, INFINITY, INFINITY};
    for (int r = 0; r < repeats; r++)
        for (int k = 0; k < 3; k++) best[k] = fmin(best[k], loaders[k] ? run_epoch(e, loaders[k]) : NAN);
    if (tg_error(e->t)) return false;
    printf("%" PRId64 " images in batches of %d, milliseconds of an epoch\n", tg_dataset_size(d), BATCH);
    for (int k = 0; k < 3; k++) printf("%-16s %8.1f  %5.2f times\n", names[k], 1e3 * best[k], best[k] / best[0]);
    return true;
}

bool bench_loader(const char *directory, int repeats)
{
    epochs      e = {.t = tg_tape_new(&(tg_tape_options){.threads = 1, .seed = 1})};
    tg_dataset *d = !e.t ? NULL : directory ? tg_mnist(e.t, directory, "train") : tg_synthetic_digits(e.t, DRAWN, 1);
    const bool  good = d && open_network(&e) && compare(&e, d, repeats);
    tg_tape_free(e.t);
    return good;
}
