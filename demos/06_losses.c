/* 06_losses.c - losses with their gradients, what each of them is minimal at, and formulas that are often written
 * wrong.
 *
 * First the gradients by the tape beside formulas, for n samples: the mean squared error 1/n Σ (y - t)² has 2/n (y -
 * t), not -1/n; books that write 1/2 Σ (y - t)² have (y - t): n/2 times as much, so that their learning rates are 2/n
 * times those here.
 *
 * Then a number fitted to data with outliers: the squared error ends at the mean, which outliers pull; the absolute
 * error at the median, which they do not; Huber's in between. And cross-entropy: softmax(z) - target from logits; it is
 * the Kullback-Leibler divergence plus the target's entropy, so the gradients are the same and the values are not;
 * taken from probabilities of 0 it is infinite, which is why it is computed from logits. */
#include "demo.h"
#include "demo_draw.h"

enum { N = 8, POINTS = 401 };

static const double prediction[N] = {0.5, -1.2, 2, 0.1, -0.4, 3, -2.5, 0.9},
                    target[N]     = {1, -1, 0, 0.2, 1.5, 2.9, -2.5, -1};

static double sign(double x) { return (x > 0) - (x < 0); }

/* dL/dy_i by hand, for the mean over N samples of a function of d = y - t. */
static double mse_by_hand(double d) { return 2 * d / N; }
static double l1_by_hand(double d) { return sign(d) / N; }
static double huber_by_hand(double d) { return (fabs(d) <= 1 ? d : sign(d)) / N; }
static double log_cosh_by_hand(double d) { return tanh(d) / N; }

static tg_tensor *l1(tg_tensor *y, tg_tensor *t) { return tg_l1_loss(y, t, NULL); }
static tg_tensor *huber(tg_tensor *y, tg_tensor *t) { return tg_huber(y, t, 1); }
static tg_tensor *log_cosh(tg_tensor *y, tg_tensor *t) { return tg_log_cosh_loss(y, t, NULL); }

static const struct loss {
    const char *name;
    tg_tensor *(*f)(tg_tensor *y, tg_tensor *t);
    double (*slope)(double d);
} losses[] = {{"squared", tg_mse, mse_by_hand},
              {"absolute", l1, l1_by_hand},
              {"Huber, delta 1", huber, huber_by_hand},
              {"log cosh", log_cosh, log_cosh_by_hand}};
enum { LOSSES = DEMO_COUNT(losses) };

/* The largest difference of the tape's gradients from those by hand; NaN after an error. */
static double compare_gradients(tg_tape *t)
{
    double off = 0, slope[N];
    for (int i = 0; i < LOSSES; i++) {
        tg_tensor *y    = tg_set_requires_grad(tg_from_f64(t, TG_SHAPE(N), prediction), true), *g;
        tg_tensor *loss = losses[i].f(y, tg_from_f64(t, TG_SHAPE(N), target));
        if (tg_grad(&loss, NULL, 1, &y, 1, false, &g) || tg_copy_to(g, slope, sizeof slope)) return NAN;
        printf("%-15s loss %.4f, gradient", losses[i].name, tg_item(loss));
        for (int k = 0; k < N; k++)
            printf(" %6.3f", slope[k]), off = fmax(off, fabs(slope[k] - losses[i].slope(prediction[k] - target[k])));
        puts("");
        tg_reset(t);
    }
    return off;
}

/* The number c that minimises the loss over the data, by gradient descent with a falling rate. */
static double fit_constant(tg_tape *t, const struct loss *l, const double *data, int64_t n)
{
    tg_tensor *y = tg_keep(tg_from_f64(t, TG_SHAPE(n), data)), *c = tg_param(t, l->name, tg_scalar(t, 0));
    tg_optim  *opt = tg_sgd(t, &(tg_sgd_options){.lr = 0.5, .params = &c, .n_params = 1});
    for (int k = 0; k < 4000; k++) {
        tg_set_lr(opt, 0.5 / (1 + 0.02 * k));
        if (tg_minimize(opt, l->f(tg_expand(c, TG_SHAPE(n)), y))) return NAN;
        tg_reset(t);
    }
    return tg_item(c);
}

/* Gradients of cross-entropy with soft targets, and of the divergence, with respect to logits: both softmax(z) - p. */
static bool cross_entropy(tg_tape *t, double *off, double *gap)
{
    const double z[3] = {2, -1, 0.5}, p[3] = {0.7, 0.1, 0.2}, sum = exp(z[0]) + exp(z[1]) + exp(z[2]);
    double       slope[2][3], entropy = 0;
    tg_tensor   *logits = tg_set_requires_grad(tg_from_f64(t, TG_SHAPE(1, 3), z), true),
              *soft     = tg_from_f64(t, TG_SHAPE(1, 3), p);
    tg_tensor *loss[2]  = {
         tg_cross_entropy_loss(logits, soft, NULL),
         tg_kl_div_loss(tg_log_softmax(logits, 1), soft, &(tg_loss_options){.reduction = TG_LOSS_SUM})};
    for (int i = 0; i < 2; i++) {
        tg_tensor *g;
        if (tg_grad(&loss[i], NULL, 1, &logits, 1, false, &g) || tg_copy_to(g, slope[i], sizeof slope[i])) return false;
    }
    *off = 0;
    for (int k = 0; k < 3; k++) {
        entropy -= p[k] * log(p[k]);
        for (int i = 0; i < 2; i++) *off = fmax(*off, fabs(slope[i][k] - (exp(z[k]) / sum - p[k])));
    }
    printf("\ncross-entropy %.6f = divergence %.6f + entropy of the target %.6f; both gradients are softmax(z) - p\n",
           tg_item(loss[0]), tg_item(loss[1]), entropy);
    *gap = fabs(tg_item(loss[0]) - tg_item(loss[1]) - entropy);
    tg_reset(t);
    return true;
}

/* A network that is sure and wrong: cross-entropy from logits is large but finite and has a gradient; log(softmax) is
 * log 0. */
static bool from_logits(tg_tape *t, double *finite, double *naive)
{
    const double z[2]   = {800, -800};
    tg_tensor   *logits = tg_from_f64(t, TG_SHAPE(1, 2), z), *label = tg_from_i64(t, TG_SHAPE(1), (int64_t[]){1});
    *finite = tg_item(tg_cross_entropy(logits, label));
    *naive  = tg_item(tg_neg(tg_log(tg_select(tg_softmax(logits, 1), 1, 1))));
    printf("logits 800 and -800, and the second class is right: %g from logits, %g from log(softmax(z))\n", *finite,
           *naive);
    return !tg_reset(t);
}

static bool draw(const char *out, tg_tape *t)
{
    static double         x[POINTS], y[LOSSES][POINTS];
    tg_series             series[LOSSES];
    tg_tensor            *d = tg_linspace(t, -3, 3, POINTS), *zero = tg_zeros(t, TG_SHAPE(POINTS));
    const tg_loss_options each = {.reduction = TG_LOSS_NONE};
    tg_tensor *all[LOSSES] = {tg_mse_loss(d, zero, &each), tg_l1_loss(d, zero, &each), tg_huber_loss(d, zero, &each),
                              tg_log_cosh_loss(d, zero, &each)};
    if (tg_copy_to(d, x, sizeof x)) return false;
    for (int i = 0; i < LOSSES; i++) {
        if (tg_copy_to(all[i], y[i], sizeof y[i])) return false;
        series[i] = (tg_series){.name = losses[i].name, .y = y[i]};
    }
    return demo_curves(out, "losses",
                       &(tg_curves){.title    = "Losses of one difference",
                                    .x_label  = "y - t",
                                    .y_label  = "loss",
                                    .x        = x,
                                    .n        = POINTS,
                                    .series   = series,
                                    .n_series = LOSSES});
}

int main(int argc, char **argv)
{
    const double      started = demo_clock();
    const char       *out     = "out";
    bool              quick   = false;
    int               status;
    const demo_option options[] = {
        {"--out", "DIR", "where the picture goes", .text = &out},
        {"--quick", NULL, "the same: this one is always quick", .flag = &quick},
    };
    if (!demo_parse(argc, argv, "Losses with their gradients, and what they are minimal at.", options,
                    DEMO_COUNT(options), &status))
        return status;
    if (!demo_directory(out)) return 1;
    tg_tape *t = tg_tape_new(&(tg_tape_options){.dtype = TG_F64});
    if (!t) return 1;

    const double off    = compare_gradients(t);
    const double data[] = {1, 1.1, 1.2, 1.3, 1.4, 1.6, 20}, mean = 27.6 / 7,
                 median = 1.3; /* six measurements and a slip of the pen */
    double fitted[LOSSES], ce_off = NAN, gap = NAN, finite = NAN, naive = NAN;
    printf("\nthe number that fits 1, 1.1, 1.2, 1.3, 1.4, 1.6 and 20 best (mean %.3f, median %.3f)\n", mean, median);
    for (int i = 0; i < LOSSES; i++)
        printf("  %-15s %.3f\n", losses[i].name, fitted[i] = fit_constant(t, &losses[i], data, DEMO_COUNT(data)));
    const bool ran = cross_entropy(t, &ce_off, &gap) && from_logits(t, &finite, &naive) && draw(out, t);
    tg_tape_free(t);
    const bool ok = ran && off < 1e-15 && ce_off < 1e-15 && gap < 1e-15 && fabs(fitted[0] - mean) < 1e-6 &&
                    fabs(fitted[1] - median) < 0.01 && fitted[2] > median && fitted[2] < mean && finite == 1600 &&
                    isinf(naive);
    if (!ok) puts("A gradient or a minimum is not what it should be.");
    const demo_field fields[] = {{"seconds", demo_clock() - started},
                                 {"gradient_difference", off},
                                 {"mean", fitted[0]},
                                 {"median", fitted[1]},
                                 {"huber", fitted[2]}};
    return demo_result("06_losses", "none", ok, fields, DEMO_COUNT(fields));
}
