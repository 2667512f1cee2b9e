/* 58_ode.c - hares and lynxes: the numbers in a differential equation, found by differentiating through its solver.
 *
 * Lotka and Volterra's equations say that hares u multiply and are eaten, and lynxes v starve and multiply by eating:
 *
 *     u' = (α - β v) u,  v' = (-γ + δ u) v
 *
 * The pelts that the Hudson's Bay Company took in from 1900 to 1920, in thousands, are data for both. The solver, Runge and Kutta's of order 4, is a loop of ops like
 * any other, so the tape has the derivative of the whole course by α, β, γ, δ and both beginnings, and L-BFGS brings it close to the data: the squares of
 * the differences of logarithms, as counts are wrong by factors. The curvature there says how sure each number is. Both are compared with a full Bayesian
 * analysis of the same data, and the derivative with differences of a solver in plain C. Howard 2009 (the data); Carpenter 2018 (the analysis). */
#include "demo_draw.h"

enum { YEARS = 21, PARAMETERS = 6, STEPS = 10, LATER = 10 };

static const char *const names[PARAMETERS] = {"alpha", "beta", "gamma", "delta", "hares 1900", "lynxes 1900"};
static const double      hares[YEARS] = {30, 47.2, 70.2, 77.4, 36.3, 20.6, 18.1, 21.4, 22, 25.4, 27.1, 40.3, 57, 76.6, 52.3, 19.5, 11.2, 7.6, 14.6, 16.2, 24.7};
static const double      lynxes[YEARS] = {4, 6.1, 9.8, 35.2, 59.4, 41.7, 19, 13, 8.3, 9.1, 7.4, 8, 12.3, 19.5, 45.7, 51.1, 29.7, 15.8, 9.7, 10.1, 8.6};
static const double      published[PARAMETERS] = {0.55, 0.028, 0.80, 0.024, 33.9, 5.9}, published_deviation[PARAMETERS] = {0.07, 0.004, 0.09, 0.004, 2.9, 0.5};

/* ---- the lesson ------------------------------------------------------------------------------------------------------ */

typedef struct problem {
    tg_tensor *theta; /* the logarithms of all six: what they are of stays more than 0 */
    tg_tensor *data;  /* ln of the pelts, [YEARS, 2] */
} problem;

/* [u, v] changes by [(α - β v) u, (-γ + δ u) v]: growth [α, -γ] and the other one's part [-β, δ]. */
static tg_tensor *slope(tg_tensor *growth, tg_tensor *meeting, tg_tensor *y)
{
    return tg_mul(tg_add(growth, tg_mul(meeting, tg_flip(y, TG_AXES(0)))), y);
}

static tg_tensor *runge_kutta(tg_tensor *growth, tg_tensor *meeting, tg_tensor *y, double h)
{
    tg_tensor *a = slope(growth, meeting, y), *b = slope(growth, meeting, tg_add(y, tg_mul_s(a, h / 2)));
    tg_tensor *c = slope(growth, meeting, tg_add(y, tg_mul_s(b, h / 2))), *d = slope(growth, meeting, tg_add(y, tg_mul_s(c, h)));
    return tg_add(y, tg_mul_s(tg_add(tg_add(a, d), tg_mul_s(tg_add(b, c), 2)), h / 6));
}

/* ln [u, v] of so many years, [years, 2]. */
static tg_tensor *course(tg_tensor *theta, int years)
{
    tg_tensor *p = tg_exp(theta), *rates = tg_reshape(tg_narrow(p, 0, 0, 4), TG_SHAPE(2, 2)), *at[YEARS + LATER];
    tg_tensor *sign = tg_from_f64(tg_tape_of(theta), TG_SHAPE(2), (const double[]){1, -1});
    tg_tensor *growth = tg_mul(tg_select(rates, 1, 0), sign), *meeting = tg_neg(tg_mul(tg_select(rates, 1, 1), sign));
    at[0] = tg_narrow(p, 0, 4, 2);
    for (int k = 1; k < years; k++) {
        at[k] = at[k - 1];
        for (int i = 0; i < STEPS; i++) at[k] = runge_kutta(growth, meeting, at[k], 1. / STEPS);
    }
    return tg_log(tg_stack(at, years, 0));
}

static tg_tensor *off(const problem *p) { return tg_sub(course(p->theta, YEARS), p->data); }

static tg_tensor *loss_of(void *ctx) { return tg_sum_all(tg_square(off(ctx))); }

/* How sure each logarithm is: the roots of the diagonal of σ² (JᵀJ)⁻¹, J the Jacobian of all 42 differences, σ² their mean square. */
static bool deviations(const problem *p, double sigma[2], double deviation[PARAMETERS])
{
    tg_tensor *r = off(p), *flat = tg_reshape(r, TG_SHAPE(2 * YEARS)), *j = tg_jacobian(flat, p->theta, NULL);
    tg_tensor *variance = tg_div_s(tg_sum_all(tg_square(r)), 2 * YEARS - PARAMETERS);
    tg_tensor *sure = tg_mul(tg_inv(tg_matmul(tg_mT(j), j)), variance), *each = tg_sqrt(tg_diagonal(sure, 0, 0, 1));
    tg_tensor *both = tg_sqrt(tg_mean(tg_square(r), TG_AXES(0), false));
    tg_want(both);
    return !tg_copy_to(each, deviation, PARAMETERS * sizeof *deviation) && !tg_copy_to(both, sigma, 2 * sizeof *sigma);
}

/* ---- the same in plain C -------------------------------------------------------------------------------------------------- */

static double loss_by_hand(const double theta[PARAMETERS])
{
    double p[PARAMETERS], y[2], loss = 0;
    for (int i = 0; i < PARAMETERS; i++) p[i] = exp(theta[i]);
    y[0] = p[4], y[1] = p[5];
    for (int k = 0; k < YEARS; k++) {
        const double a = log(y[0] / hares[k]), b = log(y[1] / lynxes[k]), h = 1. / STEPS;
        loss += a * a + b * b;
        for (int i = 0; i < STEPS; i++) {
            double s[4][2], sum[2] = {0, 0};
            for (int n = 0; n < 4; n++) {
                const double reach = n == 0 ? 0 : n == 3 ? h : h / 2, u = y[0] + (n ? reach * s[n - 1][0] : 0), v = y[1] + (n ? reach * s[n - 1][1] : 0);
                s[n][0] = (p[0] - p[1] * v) * u, s[n][1] = (-p[2] + p[3] * u) * v;
                for (int c = 0; c < 2; c++) sum[c] += (n == 1 || n == 2 ? 2 : 1) * s[n][c];
            }
            y[0] += h / 6 * sum[0], y[1] += h / 6 * sum[1];
        }
    }
    return loss;
}

/* The largest difference of the tape's gradient from central differences with one step of Richardson, in parts of the largest element. */
static double beside_differences(tg_tape *t, const problem *p)
{
    double     theta[PARAMETERS], g[PARAMETERS], worst = 0, largest = 0;
    tg_tensor *loss = loss_of((void *)p), *leaf = p->theta, *gradient;
    if (tg_grad(&loss, NULL, 1, &leaf, 1, false, &gradient) || tg_copy_to(gradient, g, sizeof g) || tg_copy_to(p->theta, theta, sizeof theta)) return NAN;
    tg_reset(t);
    for (int i = 0; i < PARAMETERS; i++) {
        double       difference[2];
        const double middle = theta[i];
        for (int k = 0; k < 2; k++) {
            const double h = k == 0 ? 1e-3 : 5e-4;
            theta[i] = middle + h;
            difference[k] = loss_by_hand(theta);
            theta[i] = middle - h;
            difference[k] = (difference[k] - loss_by_hand(theta)) / (2 * h);
        }
        theta[i] = middle;
        worst = fmax(worst, fabs((4 * difference[1] - difference[0]) / 3 - g[i])), largest = fmax(largest, fabs(g[i]));
    }
    return worst / largest;
}

/* ---- the run ------------------------------------------------------------------------------------------------------------- */

typedef struct results {
    double off, before, after, value[PARAMETERS], deviation[PARAMETERS], sigma[2];
    double course[2][YEARS + LATER];
} results;

static bool run(const demo_common *c, results *r)
{
    const double start[PARAMETERS] = {log(0.6), log(0.02), log(0.6), log(0.02), log(30), log(4)};
    double       data[YEARS][2], both[YEARS + LATER][2];
    for (int k = 0; k < YEARS; k++) data[k][0] = log(hares[k]), data[k][1] = log(lynxes[k]);
    tg_tape  *t = tg_tape_new(&(tg_tape_options){.dtype = TG_F64, .seed = (uint64_t)c->seed});
    problem   p = {.theta = tg_param(t, "theta", tg_from_f64(t, TG_SHAPE(PARAMETERS), start)), .data = tg_keep(tg_from_f64(t, TG_SHAPE(YEARS, 2), data[0]))};
    tg_lbfgs *lbfgs = tg_lbfgs_new(t, &(tg_lbfgs_options){.max_iter = 200, .max_eval = 400, .strong_wolfe = true, .tolerance_change = 1e-14});
    bool      ok = p.data && !isnan(r->off = beside_differences(t, &p)) && !tg_lbfgs_step(lbfgs, loss_of, &p, &r->before);
    if (ok) {
        r->after = tg_item(loss_of(&p));
        ok = !tg_copy_to(tg_exp(p.theta), r->value, sizeof r->value) && deviations(&p, r->sigma, r->deviation) &&
             !tg_copy_to(tg_exp(course(p.theta, YEARS + LATER)), both, sizeof both);
        printf("squares of all differences: %.3f at first, %.3f after %" PRId64 " calls of the solver\n", r->before, r->after, tg_lbfgs_evaluations(lbfgs));
    }
    for (int k = 0; k < YEARS + LATER && ok; k++) r->course[0][k] = both[k][0], r->course[1][k] = both[k][1];
    tg_tape_free(t);
    return ok;
}

static bool draw(const char *out, const results *r)
{
    static double year[YEARS + LATER], data[2][YEARS + LATER];
    for (int k = 0; k < YEARS + LATER; k++) year[k] = 1900 + k, data[0][k] = k < YEARS ? hares[k] : NAN, data[1][k] = k < YEARS ? lynxes[k] : NAN;
    const tg_series series[] = {{.name = "hares", .y = r->course[0]}, {.name = "counted", .y = data[0]}, {.name = "lynxes", .y = r->course[1], .lower = true},
                                {.name = "counted", .y = data[1], .lower = true}};
    return demo_curves(out, "ode", &(tg_curves){.title = "Hares and lynxes: pelts in thousands, and the equation", .x_label = "year", .y_label = "hares", .lower_label = "lynxes",
                                                .x = year, .n = YEARS + LATER, .series = series, .n_series = 4});
}

int main(int argc, char **argv)
{
    demo_common    c;
    int            status;
    static results r;
    if (!demo_begin(argc, argv, "The numbers in a differential equation, found through its solver.", NULL, 0, &c, &status)) return status;
    if (!run(&c, &r) || !draw(c.out, &r)) return 1;
    bool near = true;
    printf("%-12s %10s %12s %34s\n", "", "here", "deviation", "published mean and deviation");
    for (int i = 0; i < PARAMETERS; i++) {
        printf("%-12s %10.4f %12.4f %22.4f %11.4f\n", names[i], r.value[i], r.value[i] * r.deviation[i], published[i], published_deviation[i]);
        near = near && fabs(r.value[i] - published[i]) <= published_deviation[i];
    }
    printf("the gradient through the solver, beside differences: %.1e\n", r.off);
    const bool ok = near && r.off <= 1e-8 && r.after < r.before;
    if (!ok) puts("It did not work: each number should be within a deviation of the published one, and the gradient right to 1e-8.");
    const demo_field fields[] = {{"seconds", demo_clock() - c.started}, {"alpha", r.value[0]}, {"beta", r.value[1]}, {"gamma", r.value[2]}, {"delta", r.value[3]},
                                 {"difference", r.off}};
    return demo_result("58_ode", "pelts", ok, fields, DEMO_COUNT(fields));
}
