/* 50_federated.c - a hundred people have 600 images each, keep them, and still train one network: federated averaging.
 *
 * In a round ten of them, drawn at random, get the network's weights, train on their own images, and send back weights and no images; the mean, each
 * weighted by how many images it is of, is the network of the next round (FedAvg; McMahan and others 2017). The more each trains by itself the fewer
 * rounds are needed, and rounds are what costs. It works because all begin at the same weights: the mean of networks that began apart is no network. And it is harder
 * where people differ: in the third run each has images of two digits alone. */
#include "demo_digits.h"

enum { CLIENTS = 100, CHOSEN = 10, SHARDS = 2 * CLIENTS, WAYS = 3, MOST_ROUNDS = 1000, TENSORS = 6 };

typedef struct way {
    const char *name;
    int64_t     epochs; /* of each chosen one in a round */
    bool        alike;  /* everybody has images of all digits */
} way;

static const way ways[WAYS] = {{"alike, 1 epoch", 1, true}, {"alike, 5 epochs", 5, true}, {"two digits each, 1 epoch", 1, false}};

static const int64_t sizes[] = {DEMO_PIXELS, 200, 200, DEMO_CLASSES};

/* ---- the lesson ------------------------------------------------------------------------------------------------------ */

typedef struct federation {
    demo_mlp    m;               /* where everybody trains, one after the other */
    tg_tensor  *part[TENSORS];   /* its tensors … */
    tg_tensor  *global[TENSORS]; /* … what they are at the beginning of a round … */
    tg_tensor  *sum[TENSORS];    /* … and the sum of what came back so far, weighted */
    tg_dataset *images[CLIENTS];
} federation;

/* One of them trains from the common weights, and adds what became of them to the sum. */
static bool train_client(tg_tape *t, federation *f, int64_t who, int64_t epochs, double lr, double weight, uint64_t seed)
{
    for (int k = 0; k < TENSORS; k++)
        if (tg_assign(f->part[k], f->global[k])) return false;
    tg_optim  *opt = tg_sgd(t, &(tg_sgd_options){.lr = lr, .params = f->part, .n_params = TENSORS});
    tg_loader *data = tg_loader_new(f->images[who], &(tg_loader_options){.batch = 10, .shuffle = true, .seed = seed});
    tg_tensor *x, *y;
    for (int64_t e = 0; e < epochs; e++)
        for (; tg_next(data, &x, &y); tg_reset(t))
            if (tg_minimize(opt, tg_cross_entropy(demo_mlp_logits(&f->m, x), y))) break;
    tg_loader_free(data), tg_optim_free(opt);
    for (int k = 0; k < TENSORS; k++)
        if (tg_assign(f->sum[k], tg_add(f->sum[k], tg_mul_s(f->part[k], weight)))) return false;
    return !tg_reset(t);
}

static bool run_round(tg_tape *t, federation *f, int64_t epochs, double lr, uint64_t *chance)
{
    int64_t chosen[CLIENTS], images = 0;
    for (int k = 0; k < TENSORS; k++)
        if (tg_assign(f->sum[k], tg_zeros_like(f->sum[k]))) return false;
    for (int64_t i = 0; i < CLIENTS; i++) chosen[i] = i;
    for (int64_t i = 0; i < CHOSEN; i++) { /* ten different ones: the beginning of a shuffle */
        const int64_t j = i + demo_random(chance, CLIENTS - i), kept = chosen[i];
        chosen[i] = chosen[j], chosen[j] = kept;
        images += tg_dataset_size(f->images[chosen[i]]);
    }
    for (int64_t i = 0; i < CHOSEN; i++) {
        const double weight = (double)tg_dataset_size(f->images[chosen[i]]) / (double)images;
        if (!train_client(t, f, chosen[i], epochs, lr, weight, *chance)) return false;
    }
    for (int k = 0; k < TENSORS; k++)
        if (tg_assign(f->global[k], f->sum[k])) return false;
    return !tg_reset(t);
}

/* ---- who has which images -------------------------------------------------------------------------------------------------- */

/* Everybody gets two shards: of all images shuffled, or of all images sorted by label, shuffled as whole shards. */
static bool share_out(demo_digits *d, bool alike, federation *f, uint64_t *chance)
{
    const int64_t *labels = tg_dataset_labels(d->train), n = tg_dataset_size(d->train), shard = n / SHARDS;
    int64_t       *order = demo_room(n, sizeof *order), *shards = demo_room(SHARDS, sizeof *shards), *own = demo_room(2 * shard, sizeof *own), placed = 0;
    bool           ok = labels && order && shards && own;
    for (int64_t c = 0; c < DEMO_CLASSES && ok; c++)
        for (int64_t i = 0; i < n; i++)
            if (labels[i] == c) order[placed++] = i;
    for (int64_t i = n - 1; i > 0 && alike && ok; i--) {
        const int64_t j = demo_random(chance, i + 1), kept = order[i];
        order[i] = order[j], order[j] = kept;
    }
    for (int64_t i = 0; i < SHARDS && ok; i++) {
        const int64_t j = demo_random(chance, i + 1); /* a shuffle from inside out */
        shards[i] = shards[j], shards[j] = i;
    }
    for (int64_t who = 0; who < CLIENTS && ok; who++) {
        for (int64_t i = 0; i < 2 * shard; i++) own[i] = order[shards[2 * who + i / shard] * shard + i % shard];
        ok = (f->images[who] = tg_dataset_subset(d->train, own, 2 * shard)) != NULL;
    }
    free(order), free(shards), free(own);
    return ok;
}

/* ---- runs ------------------------------------------------------------------------------------------------------------------ */

typedef struct outcome {
    double  accuracy[MOST_ROUNDS]; /* in percent; NaN where the run had ended */
    int64_t rounds;                /* until the aim; 0: not reached */
    double  best;
} outcome;

static bool make_federation(tg_tape *t, const char *name, federation *f)
{
    f->m = demo_make_mlp(t, name, sizes, 3);
    for (int k = 0; k < TENSORS; k++) {
        f->part[k] = k % 2 ? f->m.b[k / 2] : f->m.w[k / 2];
        f->global[k] = tg_keep(f->part[k]), f->sum[k] = tg_keep(tg_zeros_like(f->part[k]));
        if (!f->sum[k]) return false;
    }
    return true;
}

static bool run(demo_digits *d, int which, int64_t rounds, double aim, double lr, outcome *r)
{
    federation  f = {0};
    uint64_t    chance = (uint64_t)d->common.seed;
    tg_progress bar;
    char        name[16];
    snprintf(name, sizeof name, "way%d", which);
    bool ok = make_federation(d->t, name, &f) && share_out(d, ways[which].alike, &f, &chance);
    for (int64_t k = 0; k < rounds; k++) r->accuracy[k] = NAN;
    tg_progress_start(&bar, ways[which].name, rounds);
    for (int64_t k = 0; k < rounds && ok && !r->rounds; k++) {
        ok = run_round(d->t, &f, ways[which].epochs, lr, &chance);
        for (int i = 0; i < TENSORS && ok; i++) ok = !tg_assign(f.part[i], f.global[i]);
        const double accuracy = demo_accuracy(d->t, d->test, demo_mlp_logits, &f.m);
        r->accuracy[k] = 100 * accuracy, r->best = fmax(r->best, accuracy);
        if (accuracy >= aim) r->rounds = k + 1;
        tg_progress_update(&bar, 0, NAN, NAN);
    }
    tg_progress_finish(&bar);
    for (int i = 0; i < CLIENTS; i++) tg_dataset_free(f.images[i]);
    printf("%-26s best %.2f %%, ", ways[which].name, 100 * r->best);
    if (r->rounds) printf("%g %% after %" PRId64 " rounds\n", 100 * aim, r->rounds);
    else printf("%g %% not within %" PRId64 " rounds\n", 100 * aim, rounds);
    fflush(stdout);
    return ok && !tg_error(d->t);
}

int main(int argc, char **argv)
{
    demo_digits       d = {.drawn = {20000, 4000}, .drawn_test = {4000, 800}};
    int64_t           rounds = 100;
    double            aim = 0.97, lr = 0.1;
    int               status;
    static outcome    r[WAYS];
    const demo_option options[] = {{"--rounds", "N", "at most", .count = &rounds, .low = 1, .high = MOST_ROUNDS},
                                   {"--aim", "X", "accuracy at which a run ends", .real = &aim, .low = 0.01, .high = 1},
                                   {"--lr", "X", "learning rate of everybody", .real = &lr, .low = 1e-6, .high = 10}};
    if (!demo_open_digits(argc, argv, "A hundred people train one network, and keep their images.", options, DEMO_COUNT(options), &d, &status)) return status;
    if (d.common.quick) aim = 0.85, rounds = 25;
    bool      ran = true;
    tg_series series[WAYS];
    for (int k = 0; k < WAYS && ran; k++) ran = run(&d, k, rounds, aim, lr, &r[k]), series[k] = (tg_series){.name = ways[k].name, .y = r[k].accuracy};
    tg_tape_free(d.t);
    if (!ran || !demo_curves(d.common.out, "federated", &(tg_curves){.title = "Federated averaging", .x_label = "round", .y_label = "% of unseen images", .n = rounds,
                                                                     .series = series, .n_series = WAYS}))
        return 1;
    const bool ok = r[0].rounds > 0 && r[1].rounds > 0 && r[1].rounds < r[0].rounds && r[2].best > 0.5 && (r[2].rounds == 0 || r[2].rounds > r[0].rounds);
    if (!ok) printf("It did not learn: %g %% are wanted of the first two, sooner with more epochs in a round, and later where people differ.\n", 100 * aim);
    const demo_field fields[] = {{"seconds", demo_clock() - d.common.started}, {"rounds", (double)r[0].rounds}, {"rounds_five_epochs", (double)r[1].rounds},
                                 {"best_two_digits", r[2].best}};
    return demo_result("50_federated", d.data ? "mnist" : "drawn", ok, fields, DEMO_COUNT(fields));
}
