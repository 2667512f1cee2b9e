/* 25_regularisation.c - overfitting, and six answers to it: a network with 200,000 weights learns from 1,000 images.
 *
 * Without help it knows all of them by heart (training accuracy 100 %) and is worse on images it has not seen. Weight decay keeps weights
 * small; dropout silences half the neurons at random in each step, so that none can rely on a certain other; augmentation makes
 * new images of the old ones; batch norm brings noise from the other images of the batch; early stopping keeps the weights of the epoch that
 * was best on validation images. Dropout is against overfitting, not against vanishing gradients (23_depth.c). Each way is tried with
 * several seeds: one run says little when differences are of a few tenths of a percent. */
#include "demo.h"
#include "demo_draw.h"

enum { WAYS = 6, MOST_EPOCHS = 200, HIDDEN = 256, VALIDATION = 1000 };

typedef struct way {
    const char *name;
    double      decay, dropout;
    bool        augment, norm, stop;
} way;

static const way ways[WAYS] = {
    {.name = "nothing"},
    {.name = "weight decay", .decay = 1},
    {.name = "dropout", .dropout = 0.5},
    {.name = "augmentation", .augment = true},
    {.name = "batch norm", .norm = true},
    {.name = "early stopping", .stop = true},
};

typedef struct network {
    tg_tensor *w1, *b1, *w2, *b2, *gamma, *beta;
    tg_running_stats running; /* of batch norm */
    const way       *how;
} network;

/* ---- the lesson ------------------------------------------------------------------------------------------------------ */

static bool make_network(tg_tape *t, const way *how, network *n)
{
    *n = (network){tg_param(t, "w1", tg_kaiming(t, TG_SHAPE(784, HIDDEN))), tg_param(t, "b1", tg_zeros(t, TG_SHAPE(HIDDEN))),
                   tg_param(t, "w2", tg_kaiming(t, TG_SHAPE(HIDDEN, 10))), tg_param(t, "b2", tg_zeros(t, TG_SHAPE(10))), .how = how};
    if (!how->norm) return n->b2 != NULL;
    n->gamma = tg_param(t, "gamma", tg_ones(t, TG_SHAPE(HIDDEN))), n->beta = tg_param(t, "beta", tg_zeros(t, TG_SHAPE(HIDDEN)));
    n->running = (tg_running_stats){.mean = tg_buffer(t, "mean", tg_zeros(t, TG_SHAPE(HIDDEN))), .var = tg_buffer(t, "var", tg_ones(t, TG_SHAPE(HIDDEN)))};
    return n->running.var != NULL;
}

static tg_tensor *logits(network *n, tg_tensor *x, bool training)
{
    tg_tensor *h = tg_linear(x, n->w1, n->b1);
    if (n->how->norm) h = tg_batch_norm(h, n->gamma, n->beta, &(tg_batch_norm_options){.running = &n->running, .training = training});
    h = tg_relu(h);
    if (training && n->how->dropout > 0) h = tg_dropout(h, n->how->dropout);
    return tg_linear(h, n->w2, n->b2);
}

/* The mean loss and the accuracy on a data set; NaN after an error. */
static double measure(tg_tape *t, network *n, tg_loader *data, double *accuracy)
{
    tg_tensor *x, *y;
    double     loss = 0, right = 0, count = 0;
    for (; tg_next(data, &x, &y); tg_reset(t)) {
        const double size = (double)tg_dim(y, 0);
        tg_tensor   *z = tg_want(logits(n, x, false));
        loss += size * tg_item(tg_cross_entropy(z, y)), right += size * tg_item(tg_accuracy(z, y)), count += size;
    }
    *accuracy = right / count;
    return tg_error(t) ? NAN : loss / count;
}

typedef struct outcome {
    double train, test;                      /* accuracies at the end */
    double validation_loss[MOST_EPOCHS];
    int64_t epochs;                          /* that were run */
} outcome;

static bool learn(const way *how, const char *data, int64_t images, int64_t epochs, uint64_t seed, outcome *r)
{
    tg_tape       *t = tg_tape_new(&(tg_tape_options){.seed = seed});
    tg_dataset    *all = data ? tg_mnist(t, data, "train") : tg_synthetic_digits(t, images + VALIDATION, 1);
    tg_dataset    *few = tg_dataset_range(all, 0, images), *unseen = data ? tg_mnist(t, data, "test") : tg_synthetic_digits(t, 2000, 2);
    tg_dataset    *seen = how->augment ? tg_dataset_augment(few, &(tg_augment_options){.rotate = 12, .scale = 0.1, .shift = 0.08}) : few;
    tg_loader     *train = tg_loader_new(seen, &(tg_loader_options){.batch = 50, .shuffle = true, .flatten = true, .seed = seed});
    tg_loader     *again = tg_loader_new(few, &(tg_loader_options){.batch = 500, .flatten = true});
    tg_loader     *validation = tg_loader_new(tg_dataset_range(all, images, VALIDATION), &(tg_loader_options){.batch = 500, .flatten = true});
    tg_loader     *test = tg_loader_new(unseen, &(tg_loader_options){.batch = 500, .flatten = true});
    tg_optim      *opt = tg_adamw(t, &(tg_adam_options){.lr = 1e-3, .weight_decay = how->decay > 0 ? how->decay : TG_ZERO});
    network        n;
    bool           ok = make_network(t, how, &n);
    tg_early_stop *stop = tg_early_stop_new(t, &(tg_early_stop_options){.patience = 5});
    tg_tensor     *x, *y;
    double         accuracy;
    r->epochs = 0;
    for (int64_t e = 0; e < epochs && ok; e++) {
        for (; tg_next(train, &x, &y); tg_reset(t))
            if (tg_minimize(opt, tg_cross_entropy(logits(&n, x, true), y)) || (how->norm && tg_update_running(&n.running))) break;
        r->validation_loss[e] = measure(t, &n, validation, &accuracy);
        ok = !tg_error(t);
        r->epochs = e + 1;
        if (how->stop && tg_early_stop_report(stop, r->validation_loss[e])) break;
    }
    if (ok && how->stop) ok = !tg_early_stop_restore(stop);
    measure(t, &n, again, &r->train), measure(t, &n, test, &r->test);
    ok = ok && !tg_error(t);
    tg_tape_free(t);
    return ok;
}

int main(int argc, char **argv)
{
    const double started = demo_clock();
    const char  *out = "out", *data = NULL;
    int64_t      epochs = 40, images = 1000, seeds = 5;
    bool         quick = false;
    int          status;
    const demo_option options[] = {
        {"--data", "DIR", "directory of the MNIST files; else $TAPEGRAD_DATA; else drawn digits", .text = &data},
        {"--images", "N", "to learn from", .count = &images, .low = 100, .high = 50000},
        {"--epochs", "N", "over them", .count = &epochs, .low = 1, .high = MOST_EPOCHS},
        {"--seeds", "N", "runs of each way", .count = &seeds, .low = 1, .high = 100},
        {"--out", "DIR", "where the picture goes", .text = &out},
        {"--quick", NULL, "one seed, 200 drawn digits, 15 epochs", .flag = &quick},
    };
    if (!demo_parse(argc, argv, "Six answers to overfitting.", options, DEMO_COUNT(options), &status)) return status;
    if (!demo_directory(out)) return 1;
    data = quick ? NULL : demo_data(data);
    if (quick) epochs = 15, images = 200, seeds = 1;

    static outcome r[WAYS];
    static double  curve[WAYS][MOST_EPOCHS];
    tg_series      series[WAYS];
    double         train[WAYS] = {0}, test[WAYS] = {0};
    printf("%-16s %14s %24s\n", "", "training", "unseen images");
    for (int i = 0; i < WAYS; i++) {
        double square = 0;
        for (int64_t k = 0; k < seeds; k++) {
            if (!learn(&ways[i], data, images, epochs, (uint64_t)(k + 1), &r[i])) return 1;
            train[i] += r[i].train / (double)seeds, test[i] += r[i].test / (double)seeds, square += r[i].test * r[i].test / (double)seeds;
        }
        printf("%-16s %12.1f %% %14.2f ± %.2f %%\n", ways[i].name, 100 * train[i], 100 * test[i], 100 * sqrt(fmax(square - test[i] * test[i], 0)));
        for (int64_t e = 0; e < epochs; e++) curve[i][e] = e < r[i].epochs ? r[i].validation_loss[e] : NAN;
        series[i] = (tg_series){.name = ways[i].name, .y = curve[i]};
    }
    if (!demo_curves(out, "regularisation", &(tg_curves){.title = "Loss on validation images", .x_label = "epoch", .y_label = "cross-entropy", .n = epochs,
                                                         .series = series, .n_series = WAYS}))
        return 1;
    /* Early stopping with weights of an earlier epoch may know fewer of the training images; augmentation has to help on unseen ones. */
    const bool ok = train[0] > 0.99 && test[0] < train[0] - 0.02 && test[3] > test[0] && test[2] > test[0] - 0.01;
    if (!ok) puts("Nothing was overfitted, or augmentation and dropout did not help.");
    const demo_field fields[] = {{"seconds", demo_clock() - started}, {"nothing", test[0]}, {"weight_decay", test[1]}, {"dropout", test[2]},
                                 {"augmentation", test[3]}, {"batch_norm", test[4]}, {"early_stopping", test[5]}};
    return demo_result("25_regularisation", data ? "mnist" : "drawn", ok, fields, DEMO_COUNT(fields));
}
