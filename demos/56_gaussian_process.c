/* 56_gaussian_process.c - a curve through noisy points, with an error band: a Gaussian process that finds its own length scale.
 *
 * All values are taken for one draw from a normal distribution whose covariance falls with distance: k(x, x') = s² exp(-(x - x')² / 2l²), and n² more on
 * the diagonal for noise. How likely the points are depends on l, s and n, and the derivative of its logarithm by these goes through a Cholesky factor
 * K = LLᵀ, which the tape differentiates like any op:
 *
 *     -ln p(y) = ½ yᵀα + Σ ln L_ii + N/2 ln 2π,  α = K⁻¹y
 *
 * By hand the derivative by a parameter θ is ½ tr((K⁻¹ - ααᵀ) ∂K/∂θ), which is compared. L-BFGS finds the best l, s and n, and the distribution of the values
 * between the points, given those at the points, is the curve and its band. Rasmussen, Williams 2006, chapters 2 and 5. */
#include "demo_draw.h"

enum { PARAMETERS = 3, SHOWN = 200, MOST_POINTS = 400 };

static const char *const names[PARAMETERS] = {"length scale", "deviation of the curve", "noise"};

/* ---- the lesson ------------------------------------------------------------------------------------------------------ */

typedef struct process {
    tg_tensor *x, *y; /* [N, 1] and [N]: the points */
    tg_tensor *theta; /* ln l, ln s, ln n: what they are ln of stays more than 0 */
} process;

static tg_tensor *parameter(const process *p, int k) { return tg_exp(tg_select(p->theta, 0, k)); }

static tg_tensor *covariance(const process *p, tg_tensor *a, tg_tensor *b) /* [N, 1] and [M, 1]: [N, M] */
{
    tg_tensor *distance = tg_div(tg_sub(a, tg_mT(b)), parameter(p, 0));
    return tg_mul(tg_square(parameter(p, 1)), tg_exp(tg_mul_s(tg_square(distance), -0.5)));
}

/* The Cholesky factor of the points' covariance. */
static tg_tensor *factor(const process *p)
{
    tg_tensor *noise = tg_mul(tg_square(parameter(p, 2)), tg_eye(tg_tape_of(p->x), tg_dim(p->x, 0)));
    return tg_cholesky(tg_add(covariance(p, p->x, p->x), noise), false);
}

static tg_tensor *surprise(void *ctx) /* -ln of how likely the points are */
{
    const process *p = ctx;
    const double   n = (double)tg_dim(p->x, 0);
    tg_tensor     *l = factor(p), *alpha = tg_cholesky_solve(p->y, l, false);
    tg_tensor     *fit = tg_mul_s(tg_dot(p->y, alpha), 0.5), *size = tg_sum_all(tg_log(tg_diagonal(l, 0, 0, 1)));
    return tg_add_s(tg_add(fit, size), n / 2 * log(2 * DEMO_PI));
}

/* Mean and deviation of the curve at other places, [M, 1]: of values without noise. */
static void predict(const process *p, tg_tensor *at, tg_tensor **mean, tg_tensor **deviation)
{
    tg_tensor *l = factor(p), *between = covariance(p, p->x, at);
    *mean = tg_mv(tg_mT(between), tg_cholesky_solve(p->y, l, false));
    tg_tensor *known = tg_solve_triangular(l, between, NULL); /* what the points say of each place */
    *deviation = tg_sqrt(tg_sub(tg_square(parameter(p, 1)), tg_sum(tg_square(known), TG_AXES(0), false)));
}

/* ---- the same derivative by hand ----------------------------------------------------------------------------------------- */

/* K of n rows becomes its inverse, by Gauss and Jordan; it is positive definite, so no row has to change place. */
static void invert(double *k, int64_t n)
{
    for (int64_t p = 0; p < n; p++) {
        const double pivot = 1 / k[p * n + p];
        k[p * n + p] = 1;
        for (int64_t j = 0; j < n; j++) k[p * n + j] *= pivot;
        for (int64_t i = 0; i < n; i++) {
            const double times = k[i * n + p];
            if (i == p) continue;
            k[i * n + p] = 0;
            for (int64_t j = 0; j < n; j++) k[i * n + j] -= times * k[p * n + j];
        }
    }
}

static bool gradient_by_hand(const double *x, const double *y, int64_t n, const double theta[PARAMETERS], double g[PARAMETERS])
{
    const double l = exp(theta[0]), s = exp(theta[1]), noise = exp(theta[2]);
    double      *inverse = demo_room(n * n, sizeof *inverse), *alpha = demo_room(n, sizeof *alpha);
    for (int64_t i = 0; inverse && i < n * n; i++) {
        const double d = (x[i / n] - x[i % n]) / l;
        inverse[i] = s * s * exp(-0.5 * d * d) + (i / n == i % n ? noise * noise : 0);
    }
    if (inverse && alpha) invert(inverse, n);
    for (int64_t i = 0; inverse && alpha && i < n * n; i++) alpha[i / n] += inverse[i] * y[i % n];
    memset(g, 0, PARAMETERS * sizeof *g);
    for (int64_t i = 0; inverse && alpha && i < n * n; i++) {
        const double d = (x[i / n] - x[i % n]) / l, k = s * s * exp(-0.5 * d * d), w = 0.5 * (inverse[i] - alpha[i / n] * alpha[i % n]);
        g[0] += w * k * d * d, g[1] += w * 2 * k, g[2] += i / n == i % n ? w * 2 * noise * noise : 0; /* ∂K by ln l, ln s, ln n */
    }
    free(inverse), free(alpha);
    return inverse && alpha;
}

/* ---- data, and the run ------------------------------------------------------------------------------------------------------ */

static double truth(double x) { return sin(x) + 0.4 * sin(2.3 * x + 1); }

typedef struct results {
    double off, before, after, theta[PARAMETERS], covered, error; /* covered: the share of the curve within the band of 95 % */
    double at[SHOWN], mean[SHOWN], low[SHOWN], high[SHOWN], curve[SHOWN];
} results;

static bool compare_gradients(tg_tape *t, const process *p, const double *x, const double *y, int64_t n, double *off)
{
    double     theta[PARAMETERS], tape[PARAMETERS], hand[PARAMETERS];
    tg_tensor *f = surprise((void *)p), *theta_leaf = p->theta, *slope;
    if (tg_grad(&f, NULL, 1, &theta_leaf, 1, false, &slope) || tg_copy_to(slope, tape, sizeof tape) || tg_copy_to(p->theta, theta, sizeof theta) ||
        !gradient_by_hand(x, y, n, theta, hand))
        return false;
    for (int k = 0; k < PARAMETERS; k++) {
        printf("by the %-24s tape %20.12f, by hand %20.12f\n", names[k], tape[k], hand[k]);
        *off = fmax(*off, fabs(tape[k] - hand[k]) / fmax(1, fabs(hand[k])));
    }
    return !tg_reset(t);
}

static bool fit(tg_tape *t, const process *p, results *r)
{
    tg_lbfgs *lbfgs = tg_lbfgs_new(t, &(tg_lbfgs_options){.strong_wolfe = true, .max_iter = 100, .max_eval = 200});
    if (tg_lbfgs_step(lbfgs, surprise, (void *)p, &r->before)) return false;
    r->after = tg_item(surprise((void *)p));
    return !tg_copy_to(tg_exp(p->theta), r->theta, sizeof r->theta) && !tg_reset(t);
}

static bool look(tg_tape *t, const process *p, double from, double to, results *r)
{
    tg_tensor *mean, *deviation;
    double     d[SHOWN];
    for (int i = 0; i < SHOWN; i++) r->at[i] = from + (to - from) * (i + 0.5) / SHOWN, r->curve[i] = truth(r->at[i]);
    predict(p, tg_from_f64(t, TG_SHAPE(SHOWN, 1), r->at), &mean, &deviation);
    tg_want(mean);
    if (tg_copy_to(deviation, d, sizeof d) || tg_copy_to(mean, r->mean, sizeof r->mean)) return false;
    for (int i = 0; i < SHOWN; i++) {
        const double off = r->mean[i] - r->curve[i];
        r->low[i] = r->mean[i] - 1.96 * d[i], r->high[i] = r->mean[i] + 1.96 * d[i];
        r->covered += (double)(r->low[i] <= r->curve[i] && r->curve[i] <= r->high[i]) / SHOWN, r->error += off * off / SHOWN;
    }
    r->error = sqrt(r->error);
    return !tg_reset(t);
}

static bool run(const demo_common *c, int64_t n, double noise, results *r, double x[MOST_POINTS], double y[MOST_POINTS])
{
    tg_tape   *t = tg_tape_new(&(tg_tape_options){.dtype = TG_F64, .seed = (uint64_t)c->seed});
    tg_tensor *places = tg_uniform(t, TG_SHAPE(n), 0, 10), *errors = tg_normal(t, TG_SHAPE(n), 0, noise);
    bool       ok = !tg_copy_to(places, x, (size_t)n * sizeof *x) && !tg_copy_to(errors, y, (size_t)n * sizeof *y);
    for (int64_t i = 0; i < n && ok; i++) y[i] += truth(x[i]);
    process p = {.x = tg_keep(tg_from_f64(t, TG_SHAPE(n, 1), x)), .y = tg_keep(tg_from_f64(t, TG_SHAPE(n), y)),
                 .theta = tg_param(t, "theta", tg_from_f64(t, TG_SHAPE(PARAMETERS), (double[]){log(3), log(0.5), log(0.5)}))};
    ok = ok && !tg_reset(t) && compare_gradients(t, &p, x, y, n, &r->off) && fit(t, &p, r) && compare_gradients(t, &p, x, y, n, &r->off) && look(t, &p, 0, 10, r);
    tg_tape_free(t);
    return ok;
}

static bool draw(const char *out, const results *r, const double *x, const double *y, int64_t n)
{
    const tg_points points[] = {{.name = "points", .x = x, .y = y, .n = n}, {.name = "truth", .x = r->at, .y = r->curve, .n = SHOWN, .line = true},
                                {.name = "mean", .x = r->at, .y = r->mean, .n = SHOWN, .line = true}, {.name = "95 %", .x = r->at, .y = r->low, .n = SHOWN, .line = true},
                                {.x = r->at, .y = r->high, .n = SHOWN, .line = true}};
    return demo_plane(out, "gaussian_process", &(tg_plane){.title = "A Gaussian process", .x_label = "x", .y_label = "y", .points = points, .n_points = 5});
}

int main(int argc, char **argv)
{
    demo_common    c;
    int64_t        n = 60;
    double         noise = 0.2;
    int            status;
    static results r;
    static double  x[MOST_POINTS], y[MOST_POINTS];
    const demo_option options[] = {{"--points", "N", "of the curve", .count = &n, .low = 5, .high = MOST_POINTS},
                                   {"--noise", "X", "their deviation from it", .real = &noise, .low = 1e-2, .high = 2}};
    if (!demo_begin(argc, argv, "A curve through noisy points, with an error band: a Gaussian process.", options, DEMO_COUNT(options), &c, &status)) return status;
    if (!run(&c, n, noise, &r, x, y) || !draw(c.out, &r, x, y, n)) return 1;
    printf("-ln p: %.3f at first, %.3f in the end; %s %.3f, %s %.3f, %s %.3f (made with %g)\n", r.before, r.after, names[0], r.theta[0], names[1],
           r.theta[1], names[2], r.theta[2], noise);
    printf("%.1f %% of the true curve lie within the band of 95 %%; the mean is %.3f beside it\n", 100 * r.covered, r.error);
    const bool ok = r.off <= 1e-9 && r.after < r.before && fabs(r.theta[2] / noise - 1) < 0.3 && r.covered > 0.8 && r.error < noise;
    if (!ok) puts("It did not work: the gradient should be that by hand to 1e-9, the noise be found, and the curve lie within the band.");
    const demo_field fields[] = {{"seconds", demo_clock() - c.started}, {"difference", r.off}, {"surprise", r.after}, {"length_scale", r.theta[0]}, {"noise", r.theta[2]},
                                 {"covered", r.covered}};
    return demo_result("56_gaussian_process", "made", ok, fields, DEMO_COUNT(fields));
}
