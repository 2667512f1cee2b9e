/* 08_logistic_regression.c - logistic regression on a table (CSV): gradient descent beside Newton's method.
 *
 * P(class 1) = sigmoid(x·w + b). The mean cross-entropy is convex in (w, b), so there is one minimum. Newton's method,
 * u - H⁻¹ g with the Hessian H = 1/n Xᵀ diag(p (1 - p)) X, is there in a few steps and serves as reference; descent
 * follows the gradient alone and takes some hundred. Descent's gradient comes from the tape, Newton's from the formula
 * 1/n Xᵀ (p - t).
 *
 * The table is --csv FILE, whose last column is the class with two values; without it the demo writes one of its own:
 * hours of study, hours of sleep and cups of coffee of 400 students who passed or failed. Columns are standardised, as
 * descent wants them. */
#include "demo.h"
#include "demo_draw.h"

enum { MOST = 16 }; /* features, with the column of ones */

typedef struct table {
    int64_t n;
    int     features; /* with the column of ones */
    double *x, *y;    /* [n, features], [n] */
} table;

/* Students: the chance to pass is a sigmoid of hours, so that the model is right and the weights behind the data are
 * known. */
static bool write_students(const char *path, int64_t n, uint64_t seed)
{
    tg_tape *t = tg_tape_new(&(tg_tape_options){.dtype = TG_F64, .seed = seed});
    double  *x = demo_room(n, 3 * sizeof *x), *u = demo_room(n, sizeof *u);
    FILE    *f  = fopen(path, "w");
    bool     ok = t && x && u && f && !tg_copy_to(tg_uniform(t, TG_SHAPE(n, 3), 0, 10), x, (size_t)n * 3 * sizeof *x) &&
              !tg_copy_to(tg_uniform(t, TG_SHAPE(n), 0, 1), u, (size_t)n * sizeof *u);
    if (ok) fputs("study,sleep,coffee,outcome\n", f);
    for (int64_t i = 0; i < n && ok; i++) {
        const double *row = x + 3 * i, chance = 1 / (1 + exp(-(0.9 * row[0] + 0.5 * row[1] - 0.1 * row[2] - 6)));
        ok = fprintf(f, "%.2f,%.2f,%.0f,%s\n", row[0], row[1], row[2] / 2, u[i] < chance ? "passed" : "failed") > 0;
    }
    if (f && fclose(f) != 0) ok = false;
    if (!ok) fprintf(stderr, "cannot write %s: %s\n", path, strerror(errno));
    tg_tape_free(t), free(x), free(u);
    return ok;
}

/* Reads the table: features standardised to mean 0 and standard deviation 1, a column of ones behind them, classes 0
 * and 1. */
static bool read_table(const char *path, table *d)
{
    tg_tape    *t       = tg_tape_new(&(tg_tape_options){.dtype = TG_F64});
    tg_table   *csv     = tg_csv_read(t, path, NULL);
    const int   columns = csv ? tg_table_columns(csv) : 0, features = columns - 1;
    const char *name[MOST], *class                                  = columns ? tg_table_name(csv, features) : NULL;
    bool        ok = csv && features >= 1 && features < MOST && tg_table_category_count(csv, features) == 2;
    if (csv && !ok)
        fprintf(stderr, "%s: wanted are up to %d columns of numbers and a last one with two categories\n", path,
                MOST - 1);
    for (int i = 0; i < features && ok; i++) name[i] = tg_table_name(csv, i);
    if (ok) {
        tg_tensor *x = tg_table_tensor(csv, TG_F64, name, features), *y = tg_to(tg_table_labels(csv, class), TG_F64);
        tg_tensor *centred  = tg_sub(x, tg_mean(x, TG_AXES(0), true));
        tg_tensor *parts[2] = {tg_div(centred, tg_sqrt(tg_mean(tg_square(centred), TG_AXES(0), true))),
                               tg_ones(t, TG_SHAPE(tg_table_rows(csv), 1))};
        *d                  = (table){.n = tg_table_rows(csv), .features = features + 1};
        d->x = demo_room(d->n * d->features, sizeof *d->x), d->y = demo_room(d->n, sizeof *d->y);
        ok = d->x && d->y &&
             !tg_copy_to(tg_cat(parts, 2, 1), d->x, (size_t)d->n * (size_t)d->features * sizeof *d->x) &&
             !tg_copy_to(y, d->y, (size_t)d->n * sizeof *d->y);
        if (ok)
            printf("%s: %" PRId64 " rows, %d features; class 1 is \"%s\"\n", path, d->n, features,
                   tg_table_category(csv, features, 1));
    }
    tg_table_free(csv), tg_tape_free(t);
    return ok;
}

/* ---- Newton's method, in C
 * ------------------------------------------------------------------------------------------- */

/* u - H⁻¹ g by elimination; returns the loss at u. H is positive definite here, so no pivots are looked for. */
static double newton_step(const table *d, double *u)
{
    const int m                 = d->features;
    double    h[MOST][MOST + 1] = {{0}}, loss = 0;
    for (int64_t i = 0; i < d->n; i++) {
        const double *x = d->x + i * m;
        double        z = 0;
        for (int a = 0; a < m; a++) z += x[a] * u[a];
        const double p = 1 / (1 + exp(-z)), share = 1 / (double)d->n;
        loss += share * (fmax(z, 0) - z * d->y[i] + log1p(exp(-fabs(z))));
        for (int a = 0; a < m; a++) {
            h[a][m] += share * x[a] * (p - d->y[i]);
            for (int b = 0; b < m; b++) h[a][b] += share * x[a] * x[b] * p * (1 - p);
        }
    }
    for (int a = 0; a < m; a++)
        for (int b = 0; b < m; b++) {
            const double factor = h[b][a] / h[a][a];
            for (int c = a; c <= m && b != a; c++) h[b][c] -= factor * h[a][c];
        }
    for (int a = 0; a < m; a++) u[a] -= h[a][m] / h[a][a];
    return loss;
}

/* ---- gradient descent, by the tape
 * ------------------------------------------------------------------------------------- */

static bool descend(const table *d, double lr, int64_t steps, double *u, double *loss)
{
    tg_tape   *t   = tg_tape_new(&(tg_tape_options){.dtype = TG_F64});
    tg_tensor *x   = tg_keep(tg_from_f64(t, TG_SHAPE(d->n, d->features), d->x)),
              *y   = tg_keep(tg_from_f64(t, TG_SHAPE(d->n), d->y));
    tg_tensor *w   = tg_param(t, "w", tg_zeros(t, TG_SHAPE(d->features)));
    tg_optim  *opt = tg_sgd(t, &(tg_sgd_options){.lr = lr});
    bool       ok  = true;
    for (int64_t k = 0; k < steps && ok; k++) {
        tg_tensor *l = tg_bce_with_logits(tg_mv(x, w), y);
        ok           = !tg_minimize(opt, l);
        loss[k]      = tg_item(l);
        tg_reset(t);
    }
    ok = ok && !tg_copy_to(w, u, (size_t)d->features * sizeof *u);
    tg_tape_free(t);
    return ok;
}

int main(int argc, char **argv)
{
    const double      started = demo_clock();
    const char       *out = "out", *csv = NULL;
    int64_t           steps = 500, seed = 1;
    double            lr    = 1;
    bool              quick = false;
    int               status;
    char              path[DEMO_PATH];
    const demo_option options[] = {
        {"--csv", "FILE", "a table whose last column is the class", .text = &csv},
        {"--steps", "N", "of gradient descent", .count = &steps, .low = 50, .high = 1e6},
        {"--lr", "X", "learning rate", .real = &lr, .low = 1e-9, .high = 1e3},
        {"--seed", "N", "of the table that is made", .count = &seed, .low = 0, .high = 1e15},
        {"--out", "DIR", "where the picture and the table go", .text = &out},
        {"--quick", NULL, "the same: this one is always quick", .flag = &quick},
    };
    if (!demo_parse(argc, argv, "Logistic regression on a CSV: gradient descent beside Newton's method.", options,
                    DEMO_COUNT(options), &status))
        return status;
    if (!demo_directory(out)) return 1;
    table d;
    if (!csv && !write_students(csv = demo_path(path, out, "students.csv"), 400, (uint64_t)seed)) return 1;
    if (!read_table(csv, &d)) return 1;

    double newton[MOST] = {0}, descent[MOST] = {0}, minimum = NAN, off = 0;
    for (int k = 0; k < 10; k++) printf("Newton's step %d: loss %.12f\n", k, minimum = newton_step(&d, newton));
    double *loss = demo_room(steps, sizeof *loss), *above = demo_room(steps, sizeof *above);
    if (!loss || !above || !descend(&d, lr, steps, descent, loss)) return 1;
    for (int64_t k = 0; k < steps; k++) above[k] = loss[k] > minimum ? loss[k] - minimum : NAN;
    printf("descent after %" PRId64 " steps: loss %.12f\n\n%-8s %12s %12s\n", steps, loss[steps - 1], "weight",
           "descent", "Newton");
    int64_t right = 0;
    for (int a = 0; a < d.features; a++) {
        printf("%-8d %12.6f %12.6f\n", a, descent[a], newton[a]);
        off = fmax(off, fabs(descent[a] - newton[a]));
    }
    for (int64_t i = 0; i < d.n; i++) {
        double z = 0;
        for (int a = 0; a < d.features; a++) z += d.x[i * d.features + a] * newton[a];
        right += (z > 0) == (d.y[i] == 1);
    }
    printf("%.1f %% of the rows on the right side of the line\n", 100. * (double)right / (double)d.n);
    const bool drawn = demo_curves(out, "logistic_regression",
                                   &(tg_curves){.title    = "Logistic regression by gradient descent",
                                                .x_label  = "step",
                                                .y_label  = "loss above the minimum",
                                                .n        = steps,
                                                .series   = &(tg_series){.name = "descent", .y = above},
                                                .n_series = 1,
                                                .log_y    = true});
    const bool ok    = off < 1e-3;
    if (!ok) puts("Descent did not come to Newton's minimum: more --steps, or another --lr?");
    const demo_field fields[] = {{"seconds", demo_clock() - started},
                                 {"loss", minimum},
                                 {"weights_off_by", off},
                                 {"accuracy", (double)right / (double)d.n}};
    free(d.x), free(d.y), free(loss), free(above);
    return drawn ? demo_result("08_logistic_regression", csv == path ? "made" : "file", ok, fields, DEMO_COUNT(fields))
                 : 1;
}
