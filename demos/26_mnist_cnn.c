/* 26_mnist_cnn.c - a convolutional network reads handwritten digits: above 99.2 % of MNIST's test images.
 *
 * A convolution looks for the same small pattern everywhere, so it has few weights and does not care where a stroke lies; pooling keeps that it
 * was found and forgets where exactly. Two such layers, then two usual ones with dropout between; images slightly turned and moved in every
 * epoch; AdamW with a one-cycle schedule. Pictures: the first layer's filters, and saliency: |d (the winning class's logit) / d (pixel)|, which says which
 * pixels the answer hangs on. LeCun and others 1998; Simonyan, Vedaldi, Zisserman 2013. */
#include "demo.h"
#include "demo_draw.h"
#include "demo_export.h"

enum { SIDE = 28, PIXELS = SIDE * SIDE, CLASSES = 10, C1 = 24, C2 = 48, K = 5, FLAT = C2 * 16, SHOWN = 10 };

typedef struct cnn {
    tg_tensor *w1, *b1, *w2, *b2, *w3, *b3, *w4, *b4;
} cnn;

/* ---- the lesson ------------------------------------------------------------------------------------------------------ */

static cnn make_cnn(tg_tape *t)
{
    return (cnn){tg_param(t, "conv1.weight", tg_kaiming(t, TG_SHAPE(C1, 1, K, K))), tg_param(t, "conv1.bias", tg_zeros(t, TG_SHAPE(C1))),
                 tg_param(t, "conv2.weight", tg_kaiming(t, TG_SHAPE(C2, C1, K, K))), tg_param(t, "conv2.bias", tg_zeros(t, TG_SHAPE(C2))),
                 tg_param(t, "dense1.weight", tg_kaiming(t, TG_SHAPE(FLAT, 128))), tg_param(t, "dense1.bias", tg_zeros(t, TG_SHAPE(128))),
                 tg_param(t, "dense2.weight", tg_kaiming(t, TG_SHAPE(128, CLASSES))), tg_param(t, "dense2.bias", tg_zeros(t, TG_SHAPE(CLASSES)))};
}

/* x [N,28,28] to logits [N,10] */
static tg_tensor *logits(const cnn *m, tg_tensor *x, bool training)
{
    tg_tensor *h = tg_reshape(x, TG_SHAPE(tg_dim(x, 0), 1, SIDE, SIDE));
    h = tg_max_pool2d(tg_relu(tg_conv2d(h, m->w1, m->b1, NULL)), NULL); /* [N,24,12,12] */
    h = tg_max_pool2d(tg_relu(tg_conv2d(h, m->w2, m->b2, NULL)), NULL); /* [N,48,4,4] */
    h = tg_relu(tg_linear(tg_flatten(h, 1, 3), m->w3, m->b3));
    return tg_linear(training ? tg_dropout(h, 0.3) : h, m->w4, m->b4);
}

static bool train(tg_tape *t, const cnn *m, tg_dataset *images, int64_t epochs, double *mean_loss)
{
    tg_dataset  *changed = tg_dataset_augment(images, &(tg_augment_options){.rotate = 8, .scale = 0.08, .shift = 0.06});
    tg_loader   *data = tg_loader_new(changed, &(tg_loader_options){.batch = 128, .shuffle = true, .prefetch = 2});
    tg_optim    *opt = tg_adamw(t, &(tg_adam_options){.lr = 3e-3, .weight_decay = 0.01});
    tg_schedule *cycle = tg_one_cycle_lr(t, &(tg_one_cycle_options){.steps = epochs * tg_loader_batches(data)});
    tg_tensor   *x, *y;
    if (tg_schedule_drive(cycle, opt, -1)) return false;
    for (int64_t e = 0; e < epochs; e++) {
        char        label[64];
        double      sum = 0;
        tg_progress bar;
        snprintf(label, sizeof label, "epoch %" PRId64 " of %" PRId64, e + 1, epochs);
        tg_progress_start(&bar, label, tg_loader_batches(data));
        for (; tg_next(data, &x, &y); tg_reset(t)) {
            tg_tensor *loss = tg_cross_entropy(logits(m, x, true), y);
            if (tg_minimize(opt, loss) || tg_schedule_step(cycle)) return false;
            sum += tg_item(loss);
            tg_progress_update(&bar, tg_dim(y, 0), tg_item(loss), NAN);
        }
        tg_progress_finish(&bar);
        printf("epoch %" PRId64 ": loss %.4f\n", e + 1, *mean_loss = sum / (double)tg_loader_batches(data));
    }
    return !tg_error(t);
}

static double test_accuracy(tg_tape *t, const cnn *m, tg_dataset *images)
{
    tg_loader *data = tg_loader_new(images, &(tg_loader_options){.batch = 500});
    tg_tensor *x, *y;
    double     right = 0;
    for (; tg_next(data, &x, &y); tg_reset(t)) right += tg_item(tg_accuracy(logits(m, x, false), y)) * (double)tg_dim(y, 0);
    return tg_error(t) ? NAN : right / (double)tg_dataset_size(images);
}

/* ---- pictures ---------------------------------------------------------------------------------------------------------- */

/* Digits in the upper row, below them the slope of the winning logit for each pixel. */
static bool draw_saliency(tg_tape *t, const cnn *m, tg_dataset *images, const char *out)
{
    static float pixels[2 * SHOWN][PIXELS];
    tg_loader   *data = tg_loader_new(images, &(tg_loader_options){.batch = SHOWN});
    tg_tensor   *x, *y, *slope;
    if (!tg_next(data, &x, &y)) return false;
    x = tg_set_requires_grad(x, true);
    tg_tensor *best = tg_sum_all(tg_amax(logits(m, x, false), TG_AXES(1), false)); /* images do not meet: a sum of ten answers has each one's slopes */
    if (tg_grad(&best, NULL, 1, &x, 1, false, &slope)) return false;
    tg_tensor *size = tg_abs(slope);
    size = tg_div(size, tg_amax(size, TG_AXES(1, 2), true));
    return !tg_copy_to(x, pixels[0], sizeof pixels / 2) && !tg_copy_to(size, pixels[SHOWN], sizeof pixels / 2) &&
           demo_images(out, "mnist_cnn_saliency",
                       &(tg_images){.title = "Digits, and the pixels their answers hang on", .dtype = TG_F32, .pixels = pixels, .n = 2 * SHOWN, .height = SIDE,
                                    .width = SIDE, .columns = SHOWN, .high = 1, .invert = true}) &&
           !tg_reset(t);
}

static bool draw_filters(const cnn *m, const char *out)
{
    float filters[C1][K * K];
    return !tg_copy_to(m->w1, filters, sizeof filters) &&
           demo_images(out, "mnist_cnn_filters", &(tg_images){.title = "The first layer's filters", .dtype = TG_F32, .pixels = filters, .n = C1, .height = K, .width = K,
                                                              .columns = 8, .zoom = 14});
}

/* The network for one image, for others to run without this library. */
static bool hand_over(tg_tape *t, const cnn *m, tg_dataset *images, const char *out)
{
    tg_tensor *x, *y;
    if (!tg_next(tg_loader_new(images, &(tg_loader_options){.batch = 1}), &x, &y)) return false;
    return demo_hand_over(out, "mnist_cnn", (tg_export_tensor){"image", x}, (tg_export_tensor){"chances", tg_softmax(logits(m, x, false), 1)}) && !tg_reset(t);
}

int main(int argc, char **argv)
{
    const double started = demo_clock();
    const char  *out = "out", *data = NULL;
    int64_t      epochs = 8, seed = 1;
    bool         quick = false, export = false;
    int          status;
    char         path[DEMO_PATH];
    const demo_option options[] = {
        {"--data", "DIR", "directory of the MNIST files; else $TAPEGRAD_DATA; else drawn digits", .text = &data},
        {"--epochs", "N", "how often all images are seen", .count = &epochs, .low = 1, .high = 1e4},
        {"--seed", "N", "of weights and batches", .count = &seed, .low = 0, .high = 1e15},
        {"--out", "DIR", "where the pictures and the network go", .text = &out},
        {"--export", NULL, "writes the network as C and as ONNX, too, with an example", .flag = &export},
        {"--quick", NULL, "two epochs over 600 drawn digits", .flag = &quick},
    };
    if (!demo_parse(argc, argv, "A convolutional network reads handwritten digits.", options, DEMO_COUNT(options), &status)) return status;
    if (!demo_directory(out)) return 1;
    data = quick ? NULL : demo_data(data);
    if (quick) epochs = 2;

    tg_tape    *t = tg_tape_new(&(tg_tape_options){.seed = (uint64_t)seed});
    tg_dataset *images = data ? tg_mnist(t, data, "train") : tg_synthetic_digits(t, quick ? 600 : 20000, 1);
    tg_dataset *unseen = data ? tg_mnist(t, data, "test") : tg_synthetic_digits(t, quick ? 500 : 2000, 2);
    const cnn   m = make_cnn(t);
    double      loss = NAN, accuracy = NAN;
    bool        ok = t && images && unseen && train(t, &m, images, epochs, &loss);
    if (ok) ok = !isnan(accuracy = test_accuracy(t, &m, unseen)) && draw_filters(&m, out) && draw_saliency(t, &m, unseen, out);
    if (ok && export) ok = hand_over(t, &m, unseen, out);
    if (ok) ok = !tg_save(t, demo_path(path, out, "mnist_cnn.safetensors"));
    tg_tape_free(t);
    if (!ok) return 1;
    const double required = data ? 0.992 : quick ? 0.3 : 0.99;
    printf("network: %s\naccuracy on images never seen before: %.2f %%\n", path, 100 * accuracy);
    if (accuracy < required) printf("It did not learn: %g %% are wanted.\n", 100 * required);
    const demo_field fields[] = {{"seconds", demo_clock() - started}, {"loss", loss}, {"accuracy", accuracy}};
    return demo_result("26_mnist_cnn", data ? "mnist" : "drawn", accuracy >= required, fields, DEMO_COUNT(fields));
}
