/* 40_vae.c - an autoencoder that can make digits: the variational one.
 *
 * An encoder says for each image where in a space of 20 numbers it lies, as a normal distribution (mean, logarithm of the variance); a decoder makes an image of a
 * point drawn there. The point is mean + std · ε with ε from N(0, 1), so that the gradient passes through mean and std, and not through the dice.
 * The loss, -ELBO, is what the image costs given the point (binary cross-entropy of all pixels) plus the Kullback-Leibler divergence of the
 * distribution from N(0, 1), in nats an image: it keeps the space filled, so that points drawn from N(0, 1) make digits. Without the second part, and without
 * drawing, it is a plain autoencoder. Kingma, Welling 2014. */
#include "demo.h"
#include "demo_draw.h"

enum { SIDE = 28, PIXELS = SIDE * SIDE, HIDDEN = 400, LATENT = 20, SHOWN = 10, MADE = 30 };

typedef struct vae {
    tg_tensor *we, *be, *wm, *bm, *ws, *bs, *wd, *bd, *wx, *bx;
} vae;

/* ---- the lesson ------------------------------------------------------------------------------------------------------ */

static tg_tensor *weights(tg_tape *t, const char *name, int64_t in, int64_t out) { return tg_param(t, name, tg_glorot(t, TG_SHAPE(in, out))); }
static tg_tensor *zeros(tg_tape *t, const char *name, int64_t n) { return tg_param(t, name, tg_zeros(t, TG_SHAPE(n))); }

static vae make_vae(tg_tape *t)
{
    return (vae){weights(t, "encoder.weight", PIXELS, HIDDEN),  zeros(t, "encoder.bias", HIDDEN), weights(t, "mean.weight", HIDDEN, LATENT),
                 zeros(t, "mean.bias", LATENT),                 weights(t, "logvar.weight", HIDDEN, LATENT), zeros(t, "logvar.bias", LATENT),
                 weights(t, "decoder.weight", LATENT, HIDDEN),  zeros(t, "decoder.bias", HIDDEN), weights(t, "pixels.weight", HIDDEN, PIXELS),
                 zeros(t, "pixels.bias", PIXELS)};
}

static void encode(const vae *v, tg_tensor *x, tg_tensor **mean, tg_tensor **logvar)
{
    tg_tensor *h = tg_relu(tg_linear(x, v->we, v->be));
    *mean = tg_linear(h, v->wm, v->bm), *logvar = tg_linear(h, v->ws, v->bs);
}

static tg_tensor *decode(const vae *v, tg_tensor *z) { return tg_linear(tg_relu(tg_linear(z, v->wd, v->bd)), v->wx, v->bx); } /* logits of pixels */

/* The mean over images of -ELBO, in nats. */
static tg_tensor *loss_of(tg_tape *t, const vae *v, tg_tensor *x)
{
    tg_tensor *mean, *logvar;
    encode(v, x, &mean, &logvar);
    tg_tensor *noise = tg_randn(t, TG_SHAPE(tg_dim(x, 0), LATENT));
    tg_tensor *point = tg_add(mean, tg_mul(tg_exp(tg_mul_s(logvar, 0.5)), noise));
    tg_tensor *pixels = tg_bce_with_logits_loss(decode(v, point), x, &(tg_loss_options){.reduction = TG_LOSS_SUM});
    tg_tensor *divergence = tg_mul_s(tg_sum_all(tg_sub(tg_add(tg_square(mean), tg_exp(logvar)), tg_add_s(logvar, 1))), 0.5);
    return tg_mul_s(tg_add(pixels, divergence), 1. / (double)tg_dim(x, 0));
}

static double test_loss(tg_tape *t, const vae *v, tg_dataset *images)
{
    tg_loader *data = tg_loader_new(images, &(tg_loader_options){.batch = 500, .flatten = true});
    tg_tensor *x, *y;
    double     sum = 0, n = 0;
    for (; tg_next(data, &x, &y); tg_reset(t)) sum += (double)tg_dim(x, 0) * tg_item(loss_of(t, v, x)), n += (double)tg_dim(x, 0);
    return tg_error(t) ? NAN : sum / n;
}

static bool train(tg_tape *t, const vae *v, tg_dataset *images, int64_t epochs, double *loss)
{
    tg_loader   *data = tg_loader_new(images, &(tg_loader_options){.batch = 128, .shuffle = true, .flatten = true});
    tg_optim    *opt = tg_adam(t, &(tg_adam_options){.lr = 1e-3});
    tg_tensor   *x, *y;
    for (int64_t e = 0; e < epochs; e++) {
        double sum = 0;
        for (; tg_next(data, &x, &y); tg_reset(t)) {
            tg_tensor *l = loss_of(t, v, x);
            if (tg_minimize(opt, l)) return false;
            sum += tg_item(l);
        }
        loss[e] = sum / (double)tg_loader_batches(data);
        printf("epoch %" PRId64 ": %.2f nats an image\n", e + 1, loss[e]), fflush(stdout);
    }
    return !tg_error(t);
}

/* ---- pictures -------------------------------------------------------------------------------------------------------- */

/* Ten images, the same through encoder and decoder, and thirty from points of N(0, 1). */
static bool draw(tg_tape *t, const vae *v, tg_dataset *images, const char *out)
{
    static float pixels[2 * SHOWN + MADE][PIXELS];
    tg_loader   *data = tg_loader_new(images, &(tg_loader_options){.batch = SHOWN, .flatten = true});
    tg_tensor   *x, *y, *mean, *logvar;
    if (!tg_next(data, &x, &y)) return false;
    encode(v, x, &mean, &logvar);
    return !tg_copy_to(x, pixels[0], SHOWN * sizeof *pixels) && !tg_copy_to(tg_sigmoid(decode(v, mean)), pixels[SHOWN], SHOWN * sizeof *pixels) &&
           !tg_copy_to(tg_sigmoid(decode(v, tg_randn(t, TG_SHAPE(MADE, LATENT)))), pixels[2 * SHOWN], MADE * sizeof *pixels) &&
           demo_images(out, "vae", &(tg_images){.title = "Images, the same after encoding and decoding, and thirty made of nothing", .dtype = TG_F32, .pixels = pixels,
                                                .n = 2 * SHOWN + MADE, .height = SIDE, .width = SIDE, .columns = SHOWN, .high = 1, .invert = true}) &&
           !tg_reset(t);
}

int main(int argc, char **argv)
{
    const double started = demo_clock();
    const char  *out = "out", *data = NULL;
    enum { MOST_EPOCHS = 1000 };
    int64_t epochs = 12, seed = 1;
    bool    quick = false;
    int     status;
    const demo_option options[] = {
        {"--data", "DIR", "directory of the MNIST files; else $TAPEGRAD_DATA; else drawn digits", .text = &data},
        {"--epochs", "N", "how often all images are seen", .count = &epochs, .low = 1, .high = MOST_EPOCHS},
        {"--seed", "N", "of weights and noise", .count = &seed, .low = 0, .high = 1e15},
        {"--out", "DIR", "where the pictures go", .text = &out},
        {"--quick", NULL, "two epochs over 1,500 drawn digits", .flag = &quick},
    };
    if (!demo_parse(argc, argv, "A variational autoencoder makes digits.", options, DEMO_COUNT(options), &status)) return status;
    if (!demo_directory(out)) return 1;
    data = quick ? NULL : demo_data(data);
    if (quick) epochs = 2;
    static double loss[MOST_EPOCHS];
    tg_tape      *t = tg_tape_new(&(tg_tape_options){.seed = (uint64_t)seed});
    tg_dataset   *images = data ? tg_mnist(t, data, "train") : tg_synthetic_digits(t, quick ? 1500 : 20000, 1);
    tg_dataset   *unseen = data ? tg_mnist(t, data, "test") : tg_synthetic_digits(t, quick ? 500 : 2000, 2);
    const vae     v = make_vae(t);
    double        elbo = NAN;
    const bool    ok = t && images && unseen && train(t, &v, images, epochs, loss) && !isnan(elbo = test_loss(t, &v, unseen)) && draw(t, &v, unseen, out);
    tg_tape_free(t);
    if (!ok || !demo_curves(out, "vae_loss", &(tg_curves){.title = "A variational autoencoder", .x_label = "epoch", .y_label = "-ELBO in nats an image", .n = epochs,
                                                          .series = &(tg_series){.name = "training", .y = loss}, .n_series = 1}))
        return 1;
    const double wanted = quick ? 400 : data ? 110 : 150;
    printf("-ELBO on images never seen before: %.2f nats an image\n", elbo);
    if (!(elbo <= wanted)) printf("It did not learn: at most %g are wanted.\n", wanted);
    const demo_field fields[] = {{"seconds", demo_clock() - started}, {"negative_elbo", elbo}};
    return demo_result("40_vae", data ? "mnist" : "drawn", elbo <= wanted, fields, DEMO_COUNT(fields));
}
