/* 09_learning_rates.c - one learning rate is slow, the next is good, oscillates, or diverges: gradient descent on L =
 * (w - 2)^2.
 *
 * L' = 2 (w - 2), so a step takes w - 2 to (1 - 2 lr) (w - 2): the error is multiplied by the same factor each time. It
 * shrinks for 0 < lr < 1; from 1/2 on the sign changes at each step, and at 1 it only changes. In general, where the
 * second derivative is at most S, descent is sure for lr < 2/S, here S = 2; convexity alone does not make any rate
 * converge. In the picture |w - 2| is a straight line for each rate, since the axis is logarithmic. */
#include "demo.h"
#include "demo_draw.h"

enum { STEPS = 40 };

typedef struct run {
    double      lr;
    const char *expected;
    double      distance[STEPS + 1]; /* |w - 2| before each step */
} run;

static bool descend(run *r, double start)
{
    tg_tape   *t   = tg_tape_new(&(tg_tape_options){.dtype = TG_F64});
    tg_tensor *w   = tg_param(t, "w", tg_scalar(t, start));
    tg_optim  *opt = tg_sgd(t, &(tg_sgd_options){.lr = r->lr});
    bool       ok  = true;
    for (int k = 0; k <= STEPS && ok; k++) {
        tg_tensor *loss = tg_square(tg_add_s(w, -2));
        r->distance[k]  = fabs(tg_item(w) - 2);
        ok              = k == STEPS || !tg_minimize(opt, loss);
        tg_reset(t);
    }
    tg_tape_free(t);
    return ok && !isnan(r->distance[STEPS]);
}

/* What the distances did: the same words as in the table of rates. */
static const char *verdict(const run *r)
{
    const double end = r->distance[STEPS] / r->distance[0];
    if (r->distance[1] <= 1e-15 * r->distance[0]) return "there in one step";
    if (end > 1.5) return "diverges";
    if (end > 0.999) return "oscillates for ever";
    return end > 0.5 ? "slow" : "good";
}

int main(int argc, char **argv)
{
    const double      started = demo_clock();
    const char       *out     = "out";
    double            start   = -1;
    bool              quick   = false;
    int               status;
    const demo_option options[] = {
        {"--start", "W", "where descent begins; not 2", .real = &start, .low = -1e6, .high = 1e6},
        {"--out", "DIR", "where the picture goes", .text = &out},
        {"--quick", NULL, "the same: this one is always quick", .flag = &quick},
    };
    if (!demo_parse(argc, argv, "Gradient descent on (w - 2)^2 with five learning rates.", options, DEMO_COUNT(options),
                    &status))
        return status;
    if (start == 2)
        return fprintf(stderr, "%s: --start 2 is the minimum itself: there is nothing to descend\n", argv[0]), 2;
    if (!demo_directory(out)) return 1;

    run runs[] = {{.lr = 0.001, .expected = "slow"},
                  {.lr = 0.1, .expected = "good"},
                  {.lr = 0.5, .expected = "there in one step"},
                  {.lr = 1, .expected = "oscillates for ever"},
                  {.lr = 1.1, .expected = "diverges"}};
    enum { RUNS = DEMO_COUNT(runs) };
    char      name[RUNS][24];
    double    step[STEPS + 1];
    tg_series series[RUNS];
    int       as_expected = 0;
    double    factor_off  = 0;
    for (int k = 0; k <= STEPS; k++) step[k] = k;
    printf("%6s %12s %12s %12s   %s\n", "lr", "factor", "after 10", "after 40", "");
    for (int i = 0; i < RUNS; i++) {
        run *r = &runs[i];
        if (!descend(r, start)) return 1;
        const double factor = fabs(1 - 2 * r->lr), power = pow(factor, STEPS) * r->distance[0];
        factor_off = fmax(factor_off, fabs(r->distance[STEPS] - power) / fmax(power, 1e-12));
        printf("%6g %12g %12.3e %12.3e   %s\n", r->lr, 1 - 2 * r->lr, r->distance[10], r->distance[STEPS], verdict(r));
        as_expected += strcmp(verdict(r), r->expected) == 0;
        snprintf(name[i], sizeof name[i], "lr %g", r->lr);
        series[i] = (tg_series){.name = name[i], .y = r->distance};
        for (int k = 0; k <= STEPS; k++)
            if (r->distance[k] == 0) r->distance[k] = NAN; /* no logarithm: no point */
    }
    if (!demo_curves(out, "learning_rates",
                     &(tg_curves){.title    = "Gradient descent on (w - 2)^2",
                                  .x_label  = "step",
                                  .y_label  = "|w - 2|",
                                  .x        = step,
                                  .n        = STEPS + 1,
                                  .series   = series,
                                  .n_series = RUNS,
                                  .log_y    = true}))
        return 1;
    const bool ok = as_expected == RUNS && factor_off < 1e-6;
    if (!ok) puts("Descent did not do what theory says.");
    const demo_field fields[] = {{"seconds", demo_clock() - started}, {"as_theory_says", as_expected}};
    return demo_result("09_learning_rates", "none", ok, fields, DEMO_COUNT(fields));
}
