/* 26_mnist_cnn.c - a convolutional network reads handwritten digits: above 99.2 % of MNIST's test images.
 *
 * A convolution looks for the same small pattern everywhere, so it has few weights and does not care where a stroke lies; pooling keeps that it
 * was found and forgets where exactly. Two such layers, then two usual ones with dropout between; images slightly turned and moved in every
 * epoch; AdamW with a one-cycle schedule. Pictures: the first layer's filters, and saliency: |d (the winning class's logit) / d (pixel)|, which says which
 * pixels the answer hangs on. LeCun and others 1998; Simonyan, Vedaldi, Zisserman 2013. */
#include "demo_digits.h"
#include "demo_export.h"

enum { SIDE = DEMO_SIDE, PIXELS = DEMO_PIXELS, CLASSES = DEMO_CLASSES, C1 = 24, C2 = 48, K = 5, FLAT = C2 * 16, SHOWN = 10 };

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

static tg_tensor *training_loss(void *m, tg_tensor *x, tg_tensor *y) { return tg_cross_entropy(logits(m, x, true), y); }

static tg_tensor *answers(const void *m, tg_tensor *x) { return logits(m, x, false); }

static bool train(demo_digits *d, cnn *m, int64_t epochs)
{
    tg_dataset *changed = tg_dataset_augment(d->train, &(tg_augment_options){.rotate = 8, .scale = 0.08, .shift = 0.06});
    return demo_train(d->t, &(demo_training){.label = "network", .data = changed, .epochs = epochs, .batch = 128, .lr = 3e-3, .decay = 0.01, .loss = training_loss, .ctx = m});
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
    demo_digits       d = {.drawn = {20000, 600}, .drawn_test = {2000, 500}};
    int64_t           epochs = 8;
    bool              export = false;
    int               status;
    char              path[DEMO_PATH];
    const demo_option options[] = {{"--epochs", "N", "how often all images are seen; twice with --quick", .count = &epochs, .low = 1, .high = 1e4},
                                   {"--export", NULL, "writes the network as C and as ONNX, too, with an example", .flag = &export}};
    if (!demo_open_digits(argc, argv, "A convolutional network reads handwritten digits.", options, DEMO_COUNT(options), &d, &status)) return status;
    if (d.common.quick) epochs = 2;
    cnn    m = make_cnn(d.t);
    double accuracy = NAN;
    bool   ok = train(&d, &m, epochs) && !isnan(accuracy = demo_accuracy(d.t, d.test, answers, &m)) && draw_filters(&m, d.common.out) &&
                draw_saliency(d.t, &m, d.test, d.common.out);
    if (ok && export) ok = hand_over(d.t, &m, d.test, d.common.out);
    if (ok) ok = !tg_save(d.t, demo_path(path, d.common.out, "mnist_cnn.safetensors"));
    tg_tape_free(d.t);
    if (!ok) return 1;
    const double required = d.data ? 0.992 : d.common.quick ? 0.3 : 0.99;
    printf("network: %s\naccuracy on images never seen before: %.2f %%\n", path, 100 * accuracy);
    if (accuracy < required) printf("It did not learn: %g %% are wanted.\n", 100 * required);
    const demo_field fields[] = {{"seconds", demo_clock() - d.common.started}, {"accuracy", accuracy}};
    return demo_result("26_mnist_cnn", d.data ? "mnist" : "drawn", accuracy >= required, fields, DEMO_COUNT(fields));
}
