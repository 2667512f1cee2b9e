/* optimizers.c - what a step of each optimizer costs over 10 million parameters, beside a loop that moves the same bytes. */
#include "bench.h"

#include "limits.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ELEMENTS = 10000000, ROUNDS = 9 };

typedef struct kind {
    const char *name;
    int         states; /* of each element */
    int         passes; /* over memory */
    tg_optim *(*make)(tg_tape *t);
} kind;

static tg_optim *sgd(tg_tape *t) { return tg_sgd(t, NULL); }
static tg_optim *momentum(tg_tape *t) { return tg_sgd(t, &(tg_sgd_options){.momentum = 0.9}); }
static tg_optim *nesterov(tg_tape *t) { return tg_sgd(t, &(tg_sgd_options){.momentum = 0.9, .nesterov = true}); }
static tg_optim *adam(tg_tape *t) { return tg_adam(t, NULL); }
static tg_optim *adamw(tg_tape *t) { return tg_adamw(t, NULL); }
static tg_optim *amsgrad(tg_tape *t) { return tg_adam(t, &(tg_adam_options){.amsgrad = true}); }
static tg_optim *adamax(tg_tape *t) { return tg_adamax(t, NULL); }
static tg_optim *nadam(tg_tape *t) { return tg_nadam(t, NULL); }
static tg_optim *radam(tg_tape *t) { return tg_radam(t, NULL); }
static tg_optim *lion(tg_tape *t) { return tg_lion(t, NULL); }
static tg_optim *rmsprop(tg_tape *t) { return tg_rmsprop(t, NULL); }
static tg_optim *rmsprop_both(tg_tape *t) { return tg_rmsprop(t, &(tg_rmsprop_options){.momentum = 0.9, .centered = true}); }
static tg_optim *adagrad(tg_tape *t) { return tg_adagrad(t, NULL); }
static tg_optim *adadelta(tg_tape *t) { return tg_adadelta(t, NULL); }
static tg_optim *lamb(tg_tape *t) { return tg_lamb(t, NULL); }

static const kind kinds[] = {
    {"sgd", 0, 1, sgd},         {"momentum", 1, 1, momentum}, {"nesterov", 1, 1, nesterov},   {"adam", 2, 1, adam},
    {"adamw", 2, 1, adamw},     {"amsgrad", 3, 1, amsgrad},   {"adamax", 2, 1, adamax},       {"nadam", 2, 1, nadam},
    {"radam", 2, 1, radam},     {"lion", 1, 1, lion},         {"rmsprop", 1, 1, rmsprop},     {"rmsprop_both", 3, 1, rmsprop_both},
    {"adagrad", 1, 1, adagrad}, {"adadelta", 2, 1, adadelta}, {"lamb", 2, 2, lamb},
};

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *x)
{
    qsort(x, ROUNDS, sizeof *x, by_size);
    return x[ROUNDS / 2];
}

/* Step and limit take turns, after two steps in which states get their memory. */
static bool measure(const kind *k, tg_tape *t, tg_optim *o, tg_tensor *p, tg_tensor *g, limit *l)
{
    double step[ROUNDS], bare[ROUNDS];
    for (int i = -2; i < ROUNDS; i++) {
        if (tg_backward_seed(p, g) || tg_reset(t)) return false;
        const double begin = bench_now();
        if (tg_step(o)) return false;
        const double between = bench_now();
        for (int pass = 0; pass < k->passes; pass++) limit_run(l);
        const double end = bench_now();
        if (i < 0) continue;
        step[i] = between - begin;
        bare[i] = end - between;
    }
    const double of_step = median(step), of_limit = median(bare);
    printf("%-14s %2d  %8.3f  %8.3f  %6.2f\n", k->name, k->states, 1e3 * of_step, 1e3 * of_limit, of_step / of_limit);
    fflush(stdout);
    return true;
}

static bool run(const kind *k)
{
    char           name[16];
    const tg_shape *shape = TG_SHAPE(ELEMENTS);
    snprintf(name, sizeof name, "moved_%d", k->states);
    limit     *l = limit_new(name);
    tg_tape   *t = tg_tape_new(NULL);
    tg_optim  *o = k->make(t);
    tg_tensor *p = tg_param(t, "p", tg_randn(t, shape)), *g = bench_normal(t, shape);
    const bool good = l && o && p && g && measure(k, t, o, p, g, l);
    limit_free(l);
    tg_tape_free(t);
    return good;
}

bool bench_optimizers(const char *name)
{
    bool good = true, found = false;
    printf("%-14s %s  %8s  %8s  %6s\n", "optimizer", "states", "ms", "moved ms", "ratio");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && good; i++) {
        if (name && strcmp(name, kinds[i].name) != 0) continue;
        found = true;
        good = run(&kinds[i]);
    }
    return good && found;
}
