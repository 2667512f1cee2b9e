/* 10_optimizers.c - a race of optimizers: six rules down a narrow valley, and on digits.
 *
 * The valley is L = (x^2 + 50 y^2) / 2: fifty times as steep across as along. Gradient descent must take steps below 2/50 or it bounces
 * off the walls, and then creeps along the floor. Momentum adds up what points the same way in every step; Nesterov's looks at the gradient
 * where momentum will have carried it. Adagrad and RMSprop divide each coordinate by the size of its own gradients (all so far; lately),
 * so that steep and flat ones move alike; Adam does both. On a valley along the axes that is a game with loaded dice, so they
 * race on digits, too: 784-64-10 neurons, each rule with a learning rate that suits it. */
#include "demo.h"
#include "demo_draw.h"

enum { RULES = 6, STEPS = 60, SIDE = 121 };

static tg_optim *make(tg_tape *t, int rule, bool valley)
{
    static const double lr[2][RULES] = {{0.1, 0.05, 0.05, 0.02, 1e-3, 2e-3}, {0.038, 0.015, 0.015, 1, 0.15, 0.4}};
    const double        rate = lr[valley][rule];
    switch (rule) {
    case 0: return tg_sgd(t, &(tg_sgd_options){.lr = rate});
    case 1: return tg_sgd(t, &(tg_sgd_options){.lr = rate, .momentum = 0.9});
    case 2: return tg_sgd(t, &(tg_sgd_options){.lr = rate, .momentum = 0.9, .nesterov = true});
    case 3: return tg_adagrad(t, &(tg_adagrad_options){.lr = rate});
    case 4: return tg_rmsprop(t, &(tg_rmsprop_options){.lr = rate});
    default: return tg_adam(t, &(tg_adam_options){.lr = rate});
    }
}

static const char *const names[RULES] = {"SGD", "momentum", "Nesterov", "Adagrad", "RMSprop", "Adam"};

/* ---- the valley ---------------------------------------------------------------------------------------------------- */

typedef struct path {
    double x[STEPS + 1], y[STEPS + 1], loss[STEPS + 1];
} path;

static bool descend(path *p, int rule)
{
    tg_tape   *t = tg_tape_new(&(tg_tape_options){.dtype = TG_F64});
    tg_tensor *u = tg_param(t, "u", tg_from_f64(t, TG_SHAPE(2), (double[]){-9, 1.5}));
    tg_tensor *steep = tg_keep(tg_from_f64(t, TG_SHAPE(2), (double[]){0.5, 25}));
    tg_optim  *opt = make(t, rule, true);
    bool       ok = true;
    for (int k = 0; k <= STEPS && ok; k++) {
        double     at[2] = {NAN, NAN};
        tg_tensor *loss = tg_sum_all(tg_mul(steep, tg_square(u)));
        ok = !tg_copy_to(u, at, sizeof at);
        p->x[k] = at[0], p->y[k] = at[1], p->loss[k] = tg_item(loss);
        ok = ok && (k == STEPS || !tg_minimize(opt, loss));
        tg_reset(t);
    }
    tg_tape_free(t);
    return ok;
}

static bool draw_valley(const char *out, const path *paths)
{
    static double values[SIDE * SIDE];
    double        levels[] = {-1, 0, 1, 2, 3, 4}, step[STEPS + 1];
    tg_points     lines[RULES];
    tg_series     losses[RULES];
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) {
            const double x = -10 + 12. * j / (SIDE - 1), y = -2 + 4. * i / (SIDE - 1);
            values[i * SIDE + j] = log(0.05 + x * x / 2 + 25 * y * y);
        }
    for (int k = 0; k <= STEPS; k++) step[k] = k;
    for (int r = 0; r < RULES; r++) {
        lines[r] = (tg_points){.name = names[r], .x = paths[r].x, .y = paths[r].y, .n = STEPS + 1, .line = true};
        losses[r] = (tg_series){.name = names[r], .y = paths[r].loss};
    }
    return demo_plane(out, "optimizers_paths",
                      &(tg_plane){.title = "Sixty steps down a narrow valley: contours of the logarithm of the loss", .x_label = "x", .y_label = "y",
                                  .x_low = -10, .x_high = 2, .y_low = -2, .y_high = 2, .values = values, .rows = SIDE, .columns = SIDE, .low = -3, .high = 16,
                                  .levels = levels, .n_levels = DEMO_COUNT(levels), .points = lines, .n_points = RULES}) &&
           demo_curves(out, "optimizers_valley", &(tg_curves){.title = "The loss on the way", .x_label = "step", .y_label = "loss", .x = step, .n = STEPS + 1,
                                                              .series = losses, .n_series = RULES, .log_y = true});
}

/* ---- digits -------------------------------------------------------------------------------------------------------- */

enum { POINTS = 60 }; /* of each curve: means over as many batches */

/* One rule on all images for some epochs; the mean losses of POINTS pieces of the way. false after an error. */
static bool learn(int rule, const char *data, int64_t epochs, int64_t images, double *curve)
{
    tg_tape    *t = tg_tape_new(&(tg_tape_options){.seed = 1});
    tg_dataset *digits = data ? tg_mnist(t, data, "train") : tg_synthetic_digits(t, images, 1);
    tg_loader  *train = tg_loader_new(digits, &(tg_loader_options){.batch = 128, .shuffle = true, .flatten = true});
    tg_tensor  *w1 = tg_param(t, "w1", tg_kaiming(t, TG_SHAPE(784, 64))), *b1 = tg_param(t, "b1", tg_zeros(t, TG_SHAPE(64)));
    tg_tensor  *w2 = tg_param(t, "w2", tg_kaiming(t, TG_SHAPE(64, 10))), *b2 = tg_param(t, "b2", tg_zeros(t, TG_SHAPE(10))), *x, *y;
    tg_optim   *opt = make(t, rule, false);
    int64_t     done = 0, count[POINTS] = {0};
    const int64_t total = epochs * tg_loader_batches(train);
    for (int i = 0; i < POINTS; i++) curve[i] = 0;
    for (int64_t e = 0; e < epochs && !tg_error(t); e++)
        for (; tg_next(train, &x, &y); tg_reset(t)) {
            tg_tensor *loss = tg_cross_entropy(tg_linear(tg_relu(tg_linear(x, w1, b1)), w2, b2), y);
            if (tg_minimize(opt, loss)) break;
            const int64_t at = done++ * POINTS / total;
            curve[at] += tg_item(loss), count[at]++;
        }
    const bool ok = !tg_error(t) && done == total;
    tg_tape_free(t);
    for (int i = 0; i < POINTS; i++) curve[i] = count[i] ? curve[i] / (double)count[i] : NAN;
    return ok;
}

int main(int argc, char **argv)
{
    const double started = demo_clock();
    const char  *out = "out", *data = NULL;
    int64_t      epochs = 3;
    bool         quick = false;
    int          status;
    const demo_option options[] = {
        {"--data", "DIR", "directory of the MNIST files; else $TAPEGRAD_DATA; else drawn digits", .text = &data},
        {"--epochs", "N", "over the digits, with each rule", .count = &epochs, .low = 1, .high = 1000},
        {"--out", "DIR", "where the pictures go", .text = &out},
        {"--quick", NULL, "three epochs over 2,500 drawn digits", .flag = &quick},
    };
    if (!demo_parse(argc, argv, "Six optimizers race down a valley, and on digits.", options, DEMO_COUNT(options), &status)) return status;
    if (!demo_directory(out)) return 1;
    data = quick ? NULL : demo_data(data);
    if (quick) epochs = 3;

    static path   paths[RULES];
    static double curve[RULES][POINTS], epoch[POINTS];
    tg_series     series[RULES];
    for (int r = 0; r < RULES; r++)
        if (!descend(&paths[r], r)) return 1;
    if (!draw_valley(out, paths)) return 1;
    for (int i = 0; i < POINTS; i++) epoch[i] = (double)epochs * (i + 0.5) / POINTS;
    printf("\n%-10s %24s %30s\n", "", "the valley's loss at 60", "mean loss of digits at the end");
    int faster_in_valley = 0, faster_on_digits = 0, learned = 0;
    for (int r = 0; r < RULES; r++) {
        if (!learn(r, data, epochs, quick ? 2500 : 20000, curve[r])) return 1;
        printf("%-10s %24.2e %30.4f\n", names[r], paths[r].loss[STEPS], curve[r][POINTS - 1]);
        series[r] = (tg_series){.name = names[r], .y = curve[r]};
        faster_in_valley += r > 0 && paths[r].loss[STEPS] < paths[0].loss[STEPS];
        faster_on_digits += r > 0 && curve[r][POINTS - 1] < curve[0][POINTS - 1];
        learned += curve[r][POINTS - 1] < 0.5 * curve[r][0];
    }
    if (!demo_curves(out, "optimizers_digits", &(tg_curves){.title = "Digits: the mean loss", .x_label = "epoch", .y_label = "cross-entropy", .x = epoch, .n = POINTS,
                                                            .series = series, .n_series = RULES, .log_y = true}))
        return 1;
    const bool ok = faster_in_valley == RULES - 1 && learned == RULES;
    if (!ok) puts("Not all rules learned, or one was slower than SGD in the valley.");
    const demo_field fields[] = {{"seconds", demo_clock() - started}, {"faster_in_valley", faster_in_valley}, {"faster_on_digits", faster_on_digits}, {"learned", learned}};
    return demo_result("10_optimizers", data ? "mnist" : "drawn", ok, fields, DEMO_COUNT(fields));
}
