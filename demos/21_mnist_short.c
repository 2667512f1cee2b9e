/* 21_mnist_short.c - handwritten digits in thirty lines: 784-128-10 neurons, five epochs. The full one, with validation, pictures and a
 * saved network, is 22_mnist_mlp.c. */
#include "demo.h"
#include <tapegrad.h>

/* ---- the thirty lines ---- */

static double learn_digits(tg_tape *t, tg_dataset *images, tg_dataset *test_images, int64_t epochs)
{
    tg_loader *train = tg_loader_new(images, &(tg_loader_options){.batch = 128, .shuffle = true, .flatten = true});
    tg_loader *test = tg_loader_new(test_images, &(tg_loader_options){.batch = 500, .flatten = true});
    tg_tensor *w1 = tg_param(t, "w1", tg_kaiming(t, TG_SHAPE(784, 128))), *b1 = tg_param(t, "b1", tg_zeros(t, TG_SHAPE(128)));
    tg_tensor *w2 = tg_param(t, "w2", tg_kaiming(t, TG_SHAPE(128, 10))), *b2 = tg_param(t, "b2", tg_zeros(t, TG_SHAPE(10)));
    tg_optim  *opt = tg_adam(t, &(tg_adam_options){.lr = 2e-3});
    tg_tensor *x, *y;

    for (int64_t epoch = 0; epoch < epochs; epoch++) {
        double sum = 0;
        for (; tg_next(train, &x, &y); tg_reset(t)) {
            tg_tensor *hidden = tg_relu(tg_linear(x, w1, b1));
            tg_tensor *loss = tg_cross_entropy(tg_linear(hidden, w2, b2), y);
            if (tg_minimize(opt, loss)) return NAN;
            sum += tg_item(loss);
        }
        printf("epoch %" PRId64 ": loss %.4f\n", epoch + 1, sum / (double)tg_loader_batches(train));
    }
    double right = 0;
    for (; tg_next(test, &x, &y); tg_reset(t)) {
        tg_tensor *hidden = tg_relu(tg_linear(x, w1, b1));
        right += tg_item(tg_accuracy(tg_linear(hidden, w2, b2), y)) * (double)tg_dim(y, 0);
    }
    return tg_error(t) ? NAN : right / (double)tg_dataset_size(test_images);
}

/* ---- data and options ---- */

int main(int argc, char **argv)
{
    const double started = demo_clock();
    const char  *data = NULL;
    int64_t      epochs = 5;
    bool         quick = false;
    int          status;
    const demo_option options[] = {
        {"--data", "DIR", "directory of the MNIST files; else $TAPEGRAD_DATA; else drawn digits", .text = &data},
        {"--epochs", "N", "how often all images are seen", .count = &epochs, .low = 1, .high = 1e4},
        {"--quick", NULL, "three epochs over few drawn digits", .flag = &quick},
    };
    if (!demo_parse(argc, argv, "Handwritten digits in thirty lines.", options, DEMO_COUNT(options), &status)) return status;
    data = quick ? NULL : demo_data(data);
    if (quick) epochs = 3;
    tg_tape    *t = tg_tape_new(&(tg_tape_options){.seed = 1});
    tg_dataset *train = data ? tg_mnist(t, data, "train") : tg_synthetic_digits(t, quick ? 3000 : 20000, 1);
    tg_dataset *test = data ? tg_mnist(t, data, "test") : tg_synthetic_digits(t, 2000, 2);
    if (!train || !test) return tg_tape_free(t), 1;
    const double accuracy = learn_digits(t, train, test, epochs), required = data ? 0.97 : quick ? 0.7 : 0.9;
    tg_tape_free(t);
    if (isnan(accuracy)) return 1;
    printf("accuracy on images never seen before: %.2f %%\n", 100 * accuracy);
    if (accuracy < required) printf("It did not learn: %g %% are wanted.\n", 100 * required);
    const demo_field fields[] = {{"seconds", demo_clock() - started}, {"accuracy", accuracy}};
    return demo_result("21_mnist_short", data ? "mnist" : "drawn", accuracy >= required, fields, DEMO_COUNT(fields));
}
