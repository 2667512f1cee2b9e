/* 20_xor.c - exclusive or, learned by a network of 2-3-1 sigmoid neurons from the mean squared error, as in every
 * textbook.
 *
 * No line separates the two classes, so one neuron can't do it; three hidden ones can. From some starting points
 * gradient descent is still on a plateau when the epochs are over: one run is shown in full, then the share of
 * successful ones among many seeds. */
#include "demo.h"
#include <tapegrad.h>
#include <tapegrad_show.h>

static const float inputs[4][2] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}}, targets[4] = {0, 1, 1, 0};

static const double ENOUGH = 0.8; /* of the seeds have to learn it */

typedef struct run {
    float   out[4];  /* the network's answers after the last epoch */
    double *loss;    /* [epochs], or NULL */
    double  final;
    bool    learned; /* every answer within 0.1 of its target */
} run;

static bool close_enough(const float *out)
{
    for (int i = 0; i < 4; i++)
        if (!(fabsf(out[i] - targets[i]) < 0.1f)) return false;
    return true;
}

/* Trains one network from scratch. r->loss is filled where it is not NULL. false after an error. */
static bool train(run *r, uint64_t seed, int64_t epochs, double lr, double momentum)
{
    tg_tape   *t = tg_tape_new(&(tg_tape_options){.seed = seed});
    tg_tensor *x = tg_keep(tg_from_f32(t, TG_SHAPE(4, 2), inputs[0]));
    tg_tensor *y = tg_keep(tg_from_f32(t, TG_SHAPE(4, 1), targets));
    tg_tensor *w1 = tg_param(t, "w1", tg_uniform(t, TG_SHAPE(2, 3), -1, 1));
    tg_tensor *b1 = tg_param(t, "b1", tg_uniform(t, TG_SHAPE(3), -1, 1));
    tg_tensor *w2 = tg_param(t, "w2", tg_uniform(t, TG_SHAPE(3, 1), -1, 1));
    tg_tensor *b2 = tg_param(t, "b2", tg_uniform(t, TG_SHAPE(1), -1, 1));
    tg_optim  *opt = tg_sgd(t, &(tg_sgd_options){.lr = lr, .momentum = momentum});

    bool ok = true;
    for (int64_t e = 0; e < epochs && ok; e++) {
        tg_tensor *hidden = tg_sigmoid(tg_add(tg_matmul(x, w1), b1));              /* [4,3] */
        tg_tensor *out = tg_want(tg_sigmoid(tg_add(tg_matmul(hidden, w2), b2)));   /* [4,1] */
        tg_tensor *loss = tg_mse(out, y);
        ok = !tg_minimize(opt, loss) && !tg_copy_to(out, r->out, sizeof r->out);
        if (ok) r->final = tg_item(loss);
        if (ok && r->loss) r->loss[e] = r->final;
        tg_reset(t);
    }
    r->learned = ok && close_enough(r->out);
    tg_tape_free(t);
    return ok;
}

static bool plot(const char *out, const run *r, int64_t epochs, uint64_t seed)
{
    char       path[DEMO_PATH], title[80];
    tg_picture made;
    snprintf(title, sizeof title, "Exclusive or, 2-3-1 sigmoid, seed %" PRIu64, seed);
    tg_tape        *t = tg_tape_new(NULL); /* where errors are told */
    const tg_curves curves = {.title = title,
                              .x_label = "epoch",
                              .y_label = "mean squared error",
                              .n = epochs,
                              .series = &(tg_series){.name = "loss", .y = r->loss},
                              .n_series = 1,
                              .log_y = true};
    const bool      ok = t && !tg_plot_curves(t, demo_path(path, out, "xor"), &curves, &made);
    tg_tape_free(t);
    if (ok) printf("\ncurve: %s\n", made.path);
    return ok;
}

int main(int argc, char **argv)
{
    const double started = demo_clock();
    const char  *out = "out";
    int64_t      epochs = 2000, seeds = 100, seed = 1;
    double       lr = 1, momentum = 0.9;
    bool         quick = false;
    int          status;
    const demo_option options[] = {
        {"--epochs", "N", "steps of gradient descent", .count = &epochs, .low = 1, .high = 1e6},
        {"--seeds", "N", "how many runs", .count = &seeds, .low = 1, .high = 1e5},
        {"--seed", "N", "of the first run, which is shown", .count = &seed, .low = 0, .high = 1e15},
        {"--lr", "X", "learning rate", .real = &lr, .low = 1e-9, .high = 1e3},
        {"--momentum", "X", "momentum", .real = &momentum, .low = 0, .high = 0.9999},
        {"--out", "DIR", "where the picture goes", .text = &out},
        {"--quick", NULL, "20 runs instead of 100", .flag = &quick},
    };
    if (!demo_parse(argc, argv, "Exclusive or by a network of 2-3-1 sigmoid neurons.", options, DEMO_COUNT(options),
                    &status))
        return status;
    if (!demo_directory(out)) return 1;
    if (quick && seeds > 20) seeds = 20;

    run shown = {.loss = demo_room(epochs, sizeof(double))};
    if (!shown.loss || !train(&shown, (uint64_t)seed, epochs, lr, momentum)) return free(shown.loss), 1;
    puts("  a  b   a xor b   network");
    for (int i = 0; i < 4; i++)
        printf("  %g  %g   %7g   %7.4f\n", inputs[i][0], inputs[i][1], targets[i], shown.out[i]);
    printf("loss %.2e after %" PRId64 " epochs: %s\n", shown.final, epochs, shown.learned ? "learned" : "not learned");
    const bool ok = plot(out, &shown, epochs, (uint64_t)seed);
    free(shown.loss);
    if (!ok) return 1;

    int64_t learned = shown.learned;
    double  worst = 0;
    for (int64_t k = 1; k < seeds; k++) {
        run r = {0};
        if (!train(&r, (uint64_t)(seed + k), epochs, lr, momentum)) return 1;
        learned += r.learned;
        if (r.learned && r.final > worst) worst = r.final;
    }
    const double rate = (double)learned / (double)seeds;
    printf("%" PRId64 " of %" PRId64 " seeds learned it (every answer within 0.1), largest loss among them %.2e\n",
           learned, seeds, worst);
    if (rate < ENOUGH) printf("It did not learn: at least %g %% of the seeds should.\n", 100 * ENOUGH);
    const demo_field fields[] = {{"seconds", demo_clock() - started}, {"loss", shown.final}, {"success_rate", rate}};
    return demo_result("20_xor", "none", rate >= ENOUGH, fields, DEMO_COUNT(fields));
}
