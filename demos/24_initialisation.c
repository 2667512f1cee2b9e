/* 24_initialisation.c - where weights begin: six ways to start one network, and what becomes of it.
 *
 * With zeros (or any constant) all neurons of a layer compute the same and get the same gradient: they stay equal for ever, a layer of 256
 * is worth one. Weights of one size need the right one: with n inputs, a variance of 1/n (Xavier) keeps the size of what passes through
 * a linear layer, 2/n (Kaiming) through ReLU, which halves it; the standard deviation is the root, 1/sqrt(n), not 1/n. Too small
 * and the signal dies out on its way through the layers, too large and it grows. Orthogonal weights keep lengths exactly.
 * Five hidden layers of 256 ReLU neurons read digits for a few epochs, by SGD. */
#include "demo.h"
#include "demo_draw.h"

enum { HIDDEN = 5, WIDTH = 256, WAYS = 6, EPOCHS = 30 };

static tg_tensor *tiny(tg_tape *t, const tg_shape *s) { return tg_normal(t, s, 0, 0.01); }
static tg_tensor *huge(tg_tape *t, const tg_shape *s) { return tg_normal(t, s, 0, 1); }
static tg_tensor *xavier(tg_tape *t, const tg_shape *s) { return tg_xavier_normal(t, s, 1); }
static tg_tensor *orthogonal(tg_tape *t, const tg_shape *s) { return tg_orthogonal(t, s, sqrt(2)); }

static const struct way {
    const char *name;
    tg_tensor *(*init)(tg_tape *t, const tg_shape *shape);
} ways[WAYS] = {{"zeros", tg_zeros},   {"N(0, 1e-4)", tiny},     {"N(0, 1)", huge},
                {"Xavier", xavier},    {"Kaiming", tg_kaiming},   {"orthogonal, gain 1.41", orthogonal}};

typedef struct outcome {
    double size; /* the root of the mean square of what the last hidden layer passes on before the first step */
    double distinct; /* its neurons that differ from the first one, as a share, after training */
    double accuracy, loss[EPOCHS];
} outcome;

typedef struct network {
    tg_tensor *w[HIDDEN + 1], *b[HIDDEN + 1];
} network;

static tg_tensor *hidden(const network *n, tg_tensor *x)
{
    for (int k = 0; k < HIDDEN; k++) x = tg_relu(tg_linear(x, n->w[k], n->b[k]));
    return x;
}

/* The share of the last hidden layer's neurons whose incoming weights differ from the first one's. */
static double distinct_neurons(const network *n)
{
    static float w[WIDTH][WIDTH];
    int          differ = 0;
    if (tg_copy_to(n->w[HIDDEN - 1], w, sizeof w)) return NAN;
    for (int j = 1; j < WIDTH; j++) {
        bool same = true;
        for (int i = 0; i < WIDTH; i++) same &= w[i][j] == w[i][0];
        differ += !same;
    }
    return (double)differ / (WIDTH - 1);
}

static bool learn(const struct way *way, const char *data, int64_t epochs, int64_t images, outcome *r)
{
    tg_tape    *t = tg_tape_new(&(tg_tape_options){.seed = 3});
    tg_dataset *train_set = data ? tg_mnist(t, data, "train") : tg_synthetic_digits(t, images, 1);
    tg_dataset *test_set = data ? tg_mnist(t, data, "test") : tg_synthetic_digits(t, 2000, 2);
    tg_loader  *train = tg_loader_new(tg_dataset_range(train_set, 0, images), &(tg_loader_options){.batch = 64, .shuffle = true, .flatten = true});
    tg_loader  *test = tg_loader_new(test_set, &(tg_loader_options){.batch = 500, .flatten = true});
    network     n;
    tg_tensor  *x, *y;
    for (int k = 0; k <= HIDDEN; k++) {
        const int64_t in = k ? WIDTH : 784, out = k < HIDDEN ? WIDTH : 10;
        n.w[k] = tg_paramf(t, way->init(t, TG_SHAPE(in, out)), "w%d", k);
        n.b[k] = tg_paramf(t, tg_zeros(t, TG_SHAPE(out)), "b%d", k);
    }
    tg_optim *opt = tg_sgd(t, &(tg_sgd_options){.lr = 0.05});
    r->size = NAN;
    for (int64_t e = 0; e < epochs; e++) {
        double sum = 0;
        for (; tg_next(train, &x, &y); tg_reset(t)) {
            tg_tensor *h = hidden(&n, x), *loss = tg_cross_entropy(tg_linear(h, n.w[HIDDEN], n.b[HIDDEN]), y);
            if (isnan(r->size)) r->size = sqrt(tg_item(tg_mean(tg_square(h), TG_ALL_AXES, false)));
            if (tg_minimize(opt, loss)) return tg_tape_free(t), false;
            sum += tg_item(loss);
        }
        r->loss[e] = sum / (double)tg_loader_batches(train);
    }
    double right = 0;
    for (; tg_next(test, &x, &y); tg_reset(t))
        right += tg_item(tg_accuracy(tg_linear(hidden(&n, x), n.w[HIDDEN], n.b[HIDDEN]), y)) * (double)tg_dim(y, 0);
    r->accuracy = right / (double)tg_dataset_size(test_set);
    r->distinct = distinct_neurons(&n);
    const bool ok = !tg_error(t);
    tg_tape_free(t);
    return ok;
}

int main(int argc, char **argv)
{
    const double started = demo_clock();
    const char  *out = "out", *data = NULL;
    int64_t      epochs = 5, images = 10000;
    bool         quick = false;
    int          status;
    const demo_option options[] = {
        {"--data", "DIR", "directory of the MNIST files; else $TAPEGRAD_DATA; else drawn digits", .text = &data},
        {"--epochs", "N", "with each way", .count = &epochs, .low = 1, .high = EPOCHS},
        {"--images", "N", "how many of them to learn from", .count = &images, .low = 64, .high = 60000},
        {"--out", "DIR", "where the picture goes", .text = &out},
        {"--quick", NULL, "three epochs over 1,000 drawn digits", .flag = &quick},
    };
    if (!demo_parse(argc, argv, "Six ways to start one network.", options, DEMO_COUNT(options), &status)) return status;
    if (!demo_directory(out)) return 1;
    data = quick ? NULL : demo_data(data);
    if (quick) epochs = 3, images = 1000;

    static outcome r[WAYS];
    tg_series      series[WAYS];
    printf("%-22s %22s %18s %16s\n", "", "size at last layer", "distinct neurons", "test accuracy");
    for (int i = 0; i < WAYS; i++) {
        if (!learn(&ways[i], data, epochs, images, &r[i])) return 1;
        printf("%-22s %22.1e %16.0f %% %14.1f %%\n", ways[i].name, r[i].size, 100 * r[i].distinct, 100 * r[i].accuracy);
        series[i] = (tg_series){.name = ways[i].name, .y = r[i].loss};
    }
    if (!demo_curves(out, "initialisation", &(tg_curves){.title = "Training loss by way of starting", .x_label = "epoch", .y_label = "cross-entropy", .n = epochs,
                                                         .series = series, .n_series = WAYS}))
        return 1;
    const bool ok = r[0].distinct == 0 && r[0].accuracy < 0.2 && r[4].distinct == 1 && r[4].accuracy > (quick ? 0.4 : 0.9) &&
                    r[4].size > 0.05 && r[4].size < 5 && r[1].size < 1e-3 && r[2].size > 1e3;
    if (!ok) puts("The ways of starting do not differ as they should.");
    const demo_field fields[] = {{"seconds", demo_clock() - started}, {"zeros", r[0].accuracy}, {"xavier", r[3].accuracy}, {"kaiming", r[4].accuracy}, {"orthogonal", r[5].accuracy}};
    return demo_result("24_initialisation", data ? "mnist" : "drawn", ok, fields, DEMO_COUNT(fields));
}
