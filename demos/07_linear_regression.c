/* 07_linear_regression.c - one model, y = X w + b, fitted by gradient descent with all rows, with single rows and with
 * mini-batches, and compared with the solution of the normal equations.
 *
 * The data are made here, so the weights behind them are known; what every method has to find is the least-squares
 * solution, which differs from those by the noise. Rows are drawn in a new order in each epoch. The gradient of a few
 * rows is noisy even at the solution, so those methods come to rest only because their learning rate falls, as
 * 1 / steps. Robbins, Monro 1951. */
#include "demo.h"
#include <tapegrad.h>
#include <tapegrad_show.h>

enum { FEATURES = 6, W = FEATURES + 1 }; /* the last column of X is 1: its weight is b */

static const double truth[W] = {1.5, -2.0, 0.7, 3.0, -0.4, 0.0, 5.0};

typedef struct table {
    int64_t n;
    double *x, *y; /* [n, W] and [n, 1] */
    double  best[W]; /* the least-squares solution */
} table;

/* ---- data -------------------------------------------------------------------------------------------------------- */

/* X normal but for the column of ones, y = X truth + noise of standard deviation 0.1. */
static bool make_table(table *d, int64_t n, uint64_t seed)
{
    const size_t x_bytes = (size_t)n * W * sizeof *d->x, y_bytes = (size_t)n * sizeof *d->y;
    tg_tape     *t = tg_tape_new(&(tg_tape_options){.dtype = TG_F64, .seed = seed});
    tg_tensor   *columns[2] = {tg_randn(t, TG_SHAPE(n, FEATURES)), tg_ones(t, TG_SHAPE(n, 1))};
    tg_tensor   *x = tg_cat(columns, 2, 1), *w = tg_from_f64(t, TG_SHAPE(W, 1), truth);
    tg_tensor   *y = tg_add(tg_matmul(x, w), tg_mul_s(tg_randn(t, TG_SHAPE(n, 1)), 0.1));
    *d = (table){.n = n, .x = demo_room(n * W, sizeof *d->x), .y = demo_room(n, sizeof *d->y)};
    const bool ok = d->x && d->y && !tg_copy_to(x, d->x, x_bytes) && !tg_copy_to(y, d->y, y_bytes);
    tg_tape_free(t);
    return ok;
}

static void free_table(table *d)
{
    free(d->x);
    free(d->y);
}

/* Fisher-Yates, whole rows. */
static void shuffle_rows(table *d, uint64_t *state)
{
    for (int64_t i = d->n - 1; i > 0; i--) {
        const int64_t j = demo_random(state, i + 1);
        double        row[W];
        memcpy(row, d->x + i * W, sizeof row);
        memcpy(d->x + i * W, d->x + j * W, sizeof row);
        memcpy(d->x + j * W, row, sizeof row);
        const double y = d->y[i];
        d->y[i] = d->y[j];
        d->y[j] = y;
    }
}

/* ---- the answer -------------------------------------------------------------------------------------------------- */

/* Solves A w = b in place for a symmetric positive definite A = L L^T. Cholesky. */
static bool solve(double a[W][W], double b[W])
{
    for (int j = 0; j < W; j++)
        for (int i = j; i < W; i++) {
            double sum = a[i][j];
            for (int k = 0; k < j; k++) sum -= a[i][k] * a[j][k];
            if (i == j && !(sum > 0)) return false;
            a[i][j] = i == j ? sqrt(sum) : sum / a[j][j];
        }
    for (int i = 0; i < W; i++) { /* L z = b */
        for (int k = 0; k < i; k++) b[i] -= a[i][k] * b[k];
        b[i] /= a[i][i];
    }
    for (int i = W - 1; i >= 0; i--) { /* L^T w = z */
        for (int k = i + 1; k < W; k++) b[i] -= a[k][i] * b[k];
        b[i] /= a[i][i];
    }
    return true;
}

/* The normal equations X^T X w = X^T y. */
static bool least_squares(table *d)
{
    double a[W][W] = {{0}};
    memset(d->best, 0, sizeof d->best);
    for (int64_t r = 0; r < d->n; r++)
        for (int i = 0; i < W; i++) {
            d->best[i] += d->x[r * W + i] * d->y[r];
            for (int j = 0; j < W; j++) a[i][j] += d->x[r * W + i] * d->x[r * W + j];
        }
    return solve(a, d->best);
}

static double largest_difference(const double *w, const double *v)
{
    double most = 0;
    for (int i = 0; i < W; i++)
        if (!(fabs(w[i] - v[i]) <= most)) most = fabs(w[i] - v[i]); /* NaN counts as larger */
    return most;
}

/* Mean of (X w - y)^2, and how much of it is above the minimum: X^T (X best - y) = 0 makes that the mean of
 * (X (w - best))^2, which does not drown in the rounding of the minimum. */
static double mean_square(const table *d, const double *w, double *above)
{
    double sum = 0, sum_above = 0;
    for (int64_t r = 0; r < d->n; r++) {
        double error = -d->y[r], distance = 0;
        for (int i = 0; i < W; i++) {
            error += d->x[r * W + i] * w[i];
            distance += d->x[r * W + i] * (w[i] - d->best[i]);
        }
        sum += error * error;
        sum_above += distance * distance;
    }
    *above = sum_above / (double)d->n;
    return sum / (double)d->n;
}

/* ---- the methods ------------------------------------------------------------------------------------------------- */

typedef struct method {
    const char *name;
    int64_t     batch; /* 0: all rows */
    double      lr;    /* of the first step */
    bool        falls; /* lr as 1 / (1 / lr + steps so far), changed once an epoch */
    /* what came out */
    double  w[W], loss, difference, seconds;
    int64_t steps;
    double *above; /* [epochs] */
} method;

/* One pass over the rows. */
static bool epoch(tg_tape *t, tg_tensor *w, tg_optim *opt, const table *d, method *m)
{
    const int64_t batch = m->batch ? m->batch : d->n;
    for (int64_t first = 0; first < d->n; first += batch) {
        const int64_t n = first + batch < d->n ? batch : d->n - first;
        tg_tensor    *x = tg_from_f64(t, TG_SHAPE(n, W), d->x + first * W);
        tg_tensor    *y = tg_from_f64(t, TG_SHAPE(n, 1), d->y + first);
        tg_tensor    *loss = tg_mse(tg_matmul(x, w), y);
        if (tg_minimize(opt, loss)) return false;
        tg_reset(t);
        m->steps++;
    }
    return true;
}

static bool fit(table *d, method *m, int64_t epochs, uint64_t seed)
{
    const double started = demo_clock();
    tg_tape     *t = tg_tape_new(&(tg_tape_options){.dtype = TG_F64});
    tg_tensor   *w = tg_param(t, "w", tg_zeros(t, TG_SHAPE(W, 1)));
    tg_optim    *opt = tg_sgd(t, &(tg_sgd_options){.lr = m->lr});
    bool         ok = w && opt;
    for (int64_t e = 0; e < epochs && ok; e++) {
        if (m->batch) shuffle_rows(d, &seed);
        if (m->falls) tg_set_lr(opt, 1 / (1 / m->lr + (double)m->steps));
        ok = epoch(t, w, opt, d, m) && !tg_copy_to(w, m->w, sizeof m->w);
        m->loss = mean_square(d, m->w, &m->above[e]);
    }
    m->difference = largest_difference(m->w, d->best);
    m->seconds = demo_clock() - started;
    tg_tape_free(t);
    return ok;
}

/* ---- what is shown ----------------------------------------------------------------------------------------------- */

static void print_tables(const table *d, const method *m, int n)
{
    printf("\n%-22s %12s %14s", "weight", "behind data", "least squares");
    for (int k = 0; k < n; k++) printf(" %14s", m[k].name);
    for (int i = 0; i < W; i++) {
        if (i < FEATURES) printf("\nw%-21d", i + 1);
        else printf("\n%-22s", "b");
        printf(" %12.8f %14.8f", truth[i], d->best[i]);
        for (int k = 0; k < n; k++) printf(" %14.8f", m[k].w[i]);
    }
    double       none;
    const double minimum = mean_square(d, d->best, &none);
    printf("\n\n%-22s %8s %16s %12s %16s %8s\n", "method", "steps", "loss", "above least", "largest error", "seconds");
    printf("%-22s %8s %16.12f %12s %16s\n", "least squares", "", minimum, "", "");
    for (int k = 0; k < n; k++) {
        mean_square(d, m[k].w, &none);
        printf("%-22s %8" PRId64 " %16.12f %12.2e %16.2e %8.2f\n", m[k].name, m[k].steps, m[k].loss, none,
               m[k].difference, m[k].seconds);
    }
}

static bool plot(tg_tape *t, const char *out, const method *m, int n, int64_t epochs)
{
    char       path[DEMO_PATH];
    tg_picture made;
    tg_series  series[8];
    for (int k = 0; k < n; k++) series[k] = (tg_series){.name = m[k].name, .y = m[k].above};
    const tg_curves curves = {.title = "Linear regression: loss above the least-squares minimum",
                              .x_label = "epoch",
                              .y_label = "mean squared error above the minimum",
                              .n = epochs,
                              .series = series,
                              .n_series = n,
                              .log_y = true};
    if (tg_plot_curves(t, demo_path(path, out, "linear_regression"), &curves, &made)) return false;
    printf("\ncurves: %s\n", made.path);
    return true;
}

static bool plot_all(const char *out, const method *m, int n, int64_t epochs)
{
    tg_tape   *t = tg_tape_new(NULL); /* where errors are told */
    const bool ok = t && plot(t, out, m, n, epochs);
    tg_tape_free(t);
    return ok;
}

int main(int argc, char **argv)
{
    const double started = demo_clock();
    const char  *out = "out";
    int64_t      epochs = 2000, rows = 400, seed = 1;
    bool         quick = false;
    int          status;
    const demo_option options[] = {
        {"--epochs", "N", "passes over the data", .count = &epochs, .low = 1, .high = 100000},
        {"--rows", "N", "rows of data", .count = &rows, .low = 2 * W, .high = 100000},
        {"--seed", "N", "of the data and of the order", .count = &seed, .low = 0, .high = 1e15},
        {"--out", "DIR", "where the picture goes", .text = &out},
        {"--quick", NULL, "fewer epochs, and content with errors below 1e-3", .flag = &quick},
    };
    if (!demo_parse(argc, argv, "Linear regression by gradient descent, compared with least squares.", options,
                    DEMO_COUNT(options), &status))
        return status;
    if (!demo_directory(out)) return 1;
    if (quick) epochs = 100, rows = 200;

    table  d;
    method m[] = {
        {.name = "gradient descent", .lr = 0.3},
        {.name = "single rows", .batch = 1, .lr = 0.02, .falls = true},
        {.name = "mini-batches of 20", .batch = 20, .lr = 0.2, .falls = true},
    };
    const int    n = (int)DEMO_COUNT(m);
    const double enough = quick ? 1e-3 : 1e-6;
    bool         ok = make_table(&d, rows, (uint64_t)seed) && least_squares(&d);
    for (int k = 0; k < n && ok; k++)
        ok = (m[k].above = demo_room(epochs, sizeof(double))) && fit(&d, &m[k], epochs, (uint64_t)seed);
    bool learned = ok;
    if (ok) {
        print_tables(&d, m, n);
        ok = plot_all(out, m, n, epochs);
        for (int k = 0; k < n; k++)
            if (!(m[k].difference <= enough)) learned = false, printf("%s: not within %g\n", m[k].name, enough);
    }
    free_table(&d);
    for (int k = 0; k < n; k++) free(m[k].above);
    const demo_field fields[] = {{"seconds", demo_clock() - started}, {"loss", m[0].loss},
                                 {"gd_error", m[0].difference},       {"sgd_error", m[1].difference},
                                 {"minibatch_error", m[2].difference}};
    return demo_result("07_linear_regression", "made", ok && learned, fields, DEMO_COUNT(fields));
}
