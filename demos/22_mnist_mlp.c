/* 22_mnist_mlp.c - handwritten digits, read by a network of 784-128-64-10 neurons with ReLU, from softmax
 * cross-entropy.
 *
 * Ten epochs of mini-batch gradient descent with momentum. A tenth of the training images is set aside for validation;
 * the test images are looked at once, at the end. Written to the output directory: curves, a confusion matrix,
 * misclassified digits, and the trained network, which is read back into a fresh tape and has to give the same logits
 * to the last bit. */
#include "demo.h"
#include <tapegrad.h>
#include <tapegrad_show.h>

enum { PIXELS = 28 * 28, CLASSES = 10, LAYERS = 3, MOST_EPOCHS = 1000, SHOWN = 30, TEST_BATCH = 500 };

typedef struct options {
    const char *data, *out;
    int64_t     epochs, batch, seed;
    double      lr, momentum, require;
    bool        plain, augment, quick;
} options;

/* ---- the network ------------------------------------------------------------------------------------------------- */

typedef struct mlp {
    tg_tensor *w[LAYERS], *b[LAYERS];
} mlp;

static bool mlp_new(mlp *m, tg_tape *t)
{
    static const int64_t size[LAYERS + 1] = {PIXELS, 128, 64, CLASSES};
    for (int i = 0; i < LAYERS; i++) {
        m->w[i] = tg_paramf(t, tg_kaiming(t, TG_SHAPE(size[i], size[i + 1])), "w%d", i + 1);
        m->b[i] = tg_paramf(t, tg_zeros(t, TG_SHAPE(size[i + 1])), "b%d", i + 1);
        if (!m->w[i] || !m->b[i]) return false;
    }
    return true;
}

/* x [N,784] gives logits [N,10] */
static tg_tensor *mlp_logits(const mlp *m, tg_tensor *x)
{
    for (int i = 0; i < LAYERS; i++) {
        x = tg_add(tg_matmul(x, m->w[i]), m->b[i]);
        if (i + 1 < LAYERS) x = tg_relu(x);
    }
    return x;
}

/* ---- training and evaluating ------------------------------------------------------------------------------------- */

typedef struct score {
    double loss, accuracy; /* means per sample */
} score;

/* One epoch. Loss and accuracy are those of each batch before its step. */
static bool train_epoch(tg_tape *t, const mlp *m, tg_optim *opt, tg_loader *data, const char *label, score *s,
                        double *seconds)
{
    tg_progress bar;
    tg_tensor  *x, *y;
    tg_progress_start(&bar, label, tg_loader_batches(data));
    while (tg_next(data, &x, &y)) {
        tg_tensor *logits = mlp_logits(m, x);
        tg_tensor *accuracy = tg_want(tg_accuracy(logits, y)); /* wanted: computed along with the loss */
        tg_tensor *loss = tg_cross_entropy(logits, y);
        if (tg_minimize(opt, loss)) break;
        tg_progress_update(&bar, tg_dim(x, 0), tg_item(loss), tg_item(accuracy));
        tg_reset(t);
    }
    tg_progress_finish(&bar);
    *s = (score){bar.loss, bar.accuracy};
    *seconds = bar.seconds;
    return tg_error(t) == NULL;
}

/* Loss and accuracy without gradients. all, where not NULL, gets every sample's logits. */
static bool evaluate(tg_tape *t, const mlp *m, tg_loader *data, score *s, float *all)
{
    const bool      was = tg_set_grad_enabled(t, false);
    tg_running_mean loss = {0}, accuracy = {0};
    tg_tensor      *x, *y;
    while (tg_next(data, &x, &y)) {
        tg_tensor    *logits = mlp_logits(m, x);
        tg_tensor    *of_batch[] = {logits, tg_cross_entropy(logits, y), tg_accuracy(logits, y)};
        const int64_t n = tg_dim(x, 0);
        if (tg_eval(of_batch, 3)) break; /* all three as one plan */
        tg_mean_add(&loss, tg_item(of_batch[1]), (double)n);
        tg_mean_add(&accuracy, tg_item(of_batch[2]), (double)n);
        if (all && tg_copy_to(logits, all, (size_t)n * CLASSES * sizeof *all)) break;
        if (all) all += n * CLASSES;
        tg_reset(t);
    }
    tg_set_grad_enabled(t, was);
    *s = (score){tg_mean_value(&loss), tg_mean_value(&accuracy)};
    return tg_error(t) == NULL;
}

/* The learning rate falls along half a cosine to a hundredth, epoch by epoch. Loshchilov, Hutter 2017. */
static double learning_rate(const options *o, int64_t epoch)
{
    const double part = o->epochs > 1 ? (double)epoch / (double)(o->epochs - 1) : 0;
    return o->plain ? o->lr : o->lr * (0.01 + 0.99 * 0.5 * (1 + cos(3.14159265358979 * part)));
}

typedef struct history {
    double train_loss[MOST_EPOCHS], train_accuracy[MOST_EPOCHS], loss[MOST_EPOCHS], accuracy[MOST_EPOCHS];
    double seconds, shortest; /* of training alone: all epochs', and an epoch's */
} history;

static bool train(tg_tape *t, const mlp *m, tg_dataset *d, const options *o, history *h)
{
    const int64_t for_validation = tg_dataset_size(d) / 10, for_training = tg_dataset_size(d) - for_validation;
    tg_dataset   *images = tg_dataset_range(d, 0, for_training);
    if (o->augment) images = tg_dataset_augment(images, &(tg_augment_options){.rotate = 10, .scale = 0.1, .shear = 5, .shift = 0.07});
    tg_loader    *training = tg_loader_new(images, &(tg_loader_options){.batch = o->batch, .shuffle = true, .flatten = true, .seed = (uint64_t)o->seed,
                                                                        .prefetch = o->augment ? 2 : 0});
    tg_loader    *validation = tg_loader_new(tg_dataset_range(d, for_training, for_validation),
                                             &(tg_loader_options){.batch = TEST_BATCH, .flatten = true});
    tg_optim     *opt = tg_sgd(t, &(tg_sgd_options){.lr = o->lr, .momentum = o->plain ? 0 : o->momentum});
    if (!training || !validation || !opt) return false;

    printf("%" PRId64 " training images, %" PRId64 " for validation, batches of %" PRId64 ", %s\n", for_training,
           for_validation, o->batch, o->plain ? "plain SGD" : "SGD with momentum");
    printf("%5s %10s %14s %14s %14s %14s\n", "epoch", "lr", "loss", "accuracy", "validation", "accuracy");
    for (int64_t e = 0; e < o->epochs; e++) {
        char   label[32];
        score  on_training, on_validation;
        double seconds;
        snprintf(label, sizeof label, "epoch %" PRId64 "/%" PRId64, e + 1, o->epochs);
        fflush(stdout);
        if (tg_set_lr(opt, learning_rate(o, e))) return false;
        if (!train_epoch(t, m, opt, training, label, &on_training, &seconds)) return false;
        if (!evaluate(t, m, validation, &on_validation, NULL)) return false;
        h->seconds += seconds;
        if (e == 0 || seconds < h->shortest) h->shortest = seconds;
        h->train_loss[e] = on_training.loss, h->train_accuracy[e] = 100 * on_training.accuracy;
        h->loss[e] = on_validation.loss, h->accuracy[e] = 100 * on_validation.accuracy;
        printf("%5" PRId64 " %10.5f %14.4f %12.2f %% %14.4f %12.2f %%\n", e + 1, tg_lr(opt), h->train_loss[e],
               h->train_accuracy[e], h->loss[e], h->accuracy[e]);
    }
    return true;
}

/* ---- results ----------------------------------------------------------------------------------------------------- */

static bool plot_curves(tg_tape *t, const options *o, const history *h)
{
    const tg_series series[] = {{.name = "training loss", .y = h->train_loss},
                                {.name = "validation loss", .y = h->loss},
                                {.name = "training accuracy", .y = h->train_accuracy, .lower = true},
                                {.name = "validation accuracy", .y = h->accuracy, .lower = true}};
    char       path[DEMO_PATH];
    tg_picture made;
    const tg_curves curves = {.title = "784-128-64-10, ReLU", .x_label = "epoch", .y_label = "cross-entropy",
                              .lower_label = "accuracy in %", .n = o->epochs, .series = series, .n_series = 4};
    if (tg_plot_curves(t, demo_path(path, o->out, "mnist_curves"), &curves, &made)) return false;
    printf("curves: %s\n", made.path);
    return true;
}

/* The class with the largest logit. */
static int answer(const float *logits)
{
    int best = 0;
    for (int c = 1; c < CLASSES; c++)
        if (logits[c] > logits[best]) best = c;
    return best;
}

static bool show_confusion(tg_tape *t, const options *o, const tg_dataset *test, const float *logits)
{
    const int64_t *label = tg_dataset_labels(test);
    double         count[CLASSES][CLASSES] = {{0}};
    for (int64_t i = 0; i < tg_dataset_size(test); i++) count[label[i]][answer(logits + i * CLASSES)]++;

    printf("\n%8s", "digit");
    for (int c = 0; c < CLASSES; c++) printf(" %5d", c);
    printf(" %8s\n", "found");
    for (int r = 0; r < CLASSES; r++) {
        double all = 0;
        printf("%8d", r);
        for (int c = 0; c < CLASSES; c++) all += count[r][c], printf(" %5.0f", count[r][c]);
        printf(" %6.1f %%\n", 100 * count[r][r] / fmax(all, 1));
    }
    char       path[DEMO_PATH];
    tg_picture made;
    const tg_matrix matrix = {.title = "Test images", .x_label = "read as", .y_label = "digit",
                              .values = count[0], .rows = CLASSES, .columns = CLASSES};
    if (tg_plot_matrix(t, demo_path(path, o->out, "mnist_confusion"), &matrix, &made)) return false;
    printf("confusion matrix, digits by what they were read as: %s\n", made.path);
    return true;
}

static bool show_misclassified(tg_tape *t, const options *o, const tg_dataset *test, const float *logits)
{
    const int64_t *label = tg_dataset_labels(test);
    uint8_t       *pixels = demo_room(SHOWN, PIXELS);
    char           text[SHOWN][16];
    const char    *captions[SHOWN];
    int64_t        n = 0;
    for (int64_t i = 0; pixels && i < tg_dataset_size(test) && n < SHOWN; i++) {
        const int read_as = answer(logits + i * CLASSES);
        if (read_as == label[i]) continue;
        memcpy(pixels + n * PIXELS, tg_dataset_u8(test) + i * PIXELS, PIXELS);
        snprintf(text[n], sizeof text[n], "%d as %d", (int)label[i], read_as);
        captions[n] = text[n];
        n++;
    }
    char       path[DEMO_PATH];
    tg_picture made = {0};
    const tg_images images = {.title = "Misclassified test images", .dtype = TG_U8, .pixels = pixels, .n = n,
                              .height = 28, .width = 28, .captions = captions, .invert = true};
    demo_path(path, o->out, "mnist_misclassified");
    const bool ok = pixels && (n == 0 || !tg_plot_images(t, path, &images, &made));
    free(pixels);
    if (ok && n > 0) printf("misclassified digits: %s\n", made.path);
    return ok;
}

/* Saves the network, reads it into a tape of its own, and compares the logits of all test images bit by bit. */
static bool save_and_reload(tg_tape *t, const options *o, const tg_dataset *test, const float *logits)
{
    char path[DEMO_PATH];
    if (tg_save(t, demo_path(path, o->out, "mnist_mlp.safetensors"))) return false;

    const tg_shape *shape = tg_dataset_shape(test);
    const size_t    bytes = (size_t)shape->dim[0] * CLASSES * sizeof(float);
    float          *again = demo_room(shape->dim[0], CLASSES * sizeof *again);
    tg_tape        *fresh = tg_tape_new(&(tg_tape_options){.seed = 12345}); /* other weights until they are read */
    tg_dataset *same = tg_array_dataset(fresh, TG_U8, shape, tg_dataset_u8(test), tg_dataset_labels(test));
    tg_loader  *loader = tg_loader_new(same, &(tg_loader_options){.batch = TEST_BATCH, .flatten = true});
    mlp         m;
    score       s;
    const bool  ok = again && mlp_new(&m, fresh) && !tg_load(fresh, path) && evaluate(fresh, &m, loader, &s, again);
    const bool  equal = ok && memcmp(logits, again, bytes) == 0;
    if (ok) printf("saved: %s; read back, the logits are %s\n", path, equal ? "the same to the last bit" : "DIFFERENT");
    tg_tape_free(fresh);
    free(again);
    return equal;
}

/* Everything that follows training. */
static bool conclude(tg_tape *t, const mlp *m, tg_dataset *test, const options *o, const history *h, score *s)
{
    float     *logits = demo_room(tg_dataset_size(test), CLASSES * sizeof *logits);
    tg_loader *loader = tg_loader_new(test, &(tg_loader_options){.batch = TEST_BATCH, .flatten = true});
    bool       ok = logits && loader && evaluate(t, m, loader, s, logits);
    if (ok) {
        printf("\ntest: loss %.4f, accuracy %.2f %% of %" PRId64 " images; %.1f s of training\n", s->loss,
               100 * s->accuracy, tg_dataset_size(test), h->seconds);
        ok = plot_curves(t, o, h) && show_confusion(t, o, test, logits) && show_misclassified(t, o, test, logits) &&
             save_and_reload(t, o, test, logits);
    }
    free(logits);
    return ok;
}

/* ---- the program ------------------------------------------------------------------------------------------------- */

static bool parse(int argc, char **argv, options *o, int *status)
{
    const demo_option list[] = {
        {"--data", "DIR", "directory of the MNIST files; else $TAPEGRAD_DATA; else drawn digits", .text = &o->data},
        {"--out", "DIR", "where pictures and the network go", .text = &o->out},
        {"--epochs", "N", "passes over the training images", .count = &o->epochs, .low = 1, .high = MOST_EPOCHS},
        {"--batch", "N", "images in a mini-batch", .count = &o->batch, .low = 1, .high = 60000},
        {"--lr", "X", "learning rate at the start; 0.1, for plain SGD 0.3", .real = &o->lr, .low = 1e-9, .high = 1e3},
        {"--momentum", "X", "momentum", .real = &o->momentum, .low = 0, .high = 0.9999},
        {"--plain", NULL, "plain SGD: no momentum, constant learning rate", .flag = &o->plain},
        {"--augment", NULL, "training images turned, scaled and shifted, anew in every epoch, by a thread of its own", .flag = &o->augment},
        {"--seed", "N", "of weights and order", .count = &o->seed, .low = 0, .high = 1e15},
        {"--require", "X", "test accuracy below which this counts as failed", .real = &o->require, .low = 0, .high = 1},
        {"--quick", NULL, "three epochs with few images, drawn here: a trial in a second", .flag = &o->quick},
    };
    const char *about = "Handwritten digits, read by a network of 784-128-64-10 neurons.";
    if (!demo_parse(argc, argv, about, list, DEMO_COUNT(list), status))
        return false;
    o->data = demo_data(o->data);
    if (o->lr == 0) o->lr = o->plain ? 0.3 : 0.1;
    if (o->quick) o->data = NULL, o->epochs = 3, o->require = fmin(o->require, 0.8);
    return true;
}

static bool open_data(tg_tape *t, const options *o, tg_dataset **training, tg_dataset **test)
{
    if (o->data) {
        printf("MNIST from %s\n", o->data);
        *training = tg_mnist(t, o->data, "train");
        *test = *training ? tg_mnist(t, o->data, "test") : NULL;
    } else {
        puts("No MNIST directory is named (--data or TAPEGRAD_DATA): the digits are drawn here.");
        *training = tg_synthetic_digits(t, o->quick ? 3000 : 20000, 1);
        *test = tg_synthetic_digits(t, o->quick ? 1000 : 4000, 2);
    }
    return *training && *test;
}

int main(int argc, char **argv)
{
    const double started = demo_clock();
    options      o = {.out = "out", .epochs = 10, .batch = 128, .seed = 1, .momentum = 0.9, .require = 0.95};
    int          status;
    if (!parse(argc, argv, &o, &status)) return status;
    if (!demo_directory(o.out)) return 1; /* better now than after the training */

    mlp         m;
    tg_dataset *training, *test;
    score       s = {NAN, NAN};
    history    *h = demo_room(1, sizeof *h);
    tg_tape    *t = tg_tape_new(&(tg_tape_options){.seed = (uint64_t)o.seed});
    const bool  ok = h && t && open_data(t, &o, &training, &test) && mlp_new(&m, t) && train(t, &m, training, &o, h) &&
                    conclude(t, &m, test, &o, h, &s);
    const bool learned = ok && s.accuracy >= o.require;
    if (ok && !learned) printf("It did not learn: the test accuracy should be at least %g %%.\n", 100 * o.require);
    const demo_field fields[] = {{"seconds", demo_clock() - started},
                                 {"training_seconds", h ? h->seconds : NAN},
                                 {"epoch_seconds", ok ? h->shortest : NAN}, /* the shortest epoch's */
                                 {"epochs", (double)o.epochs},
                                 {"train_loss", ok ? h->train_loss[o.epochs - 1] : NAN},
                                 {"validation_accuracy", ok ? h->accuracy[o.epochs - 1] / 100 : NAN},
                                 {"test_loss", s.loss},
                                 {"test_accuracy", s.accuracy}};
    tg_tape_free(t);
    free(h);
    return demo_result("22_mnist_mlp", o.data ? "mnist" : "drawn", learned, fields, DEMO_COUNT(fields));
}
