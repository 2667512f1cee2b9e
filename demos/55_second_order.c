/* 55_second_order.c - what curvature is good for: Rosenbrock's valley by Newton's method, Gauss-Newton, L-BFGS, and gradient descent.
 *
 * f(x, y) = (1 - x)² + 100 (y - x²)² has its minimum at (1, 1), at the bottom of a bent valley whose sides are curved 2,500 times as much as its floor. Gradient descent
 * has to take steps that are short enough for the sides. Newton's method solves H s = -g with the exact Hessian, which the tape gives like any
 * derivative, and goes where a parabola of that slope and curvature has its minimum: at the end the number of right digits doubles with each step. Far
 * away it may go uphill, as the second step does here. Gauss-Newton knows that f is a sum of squares, f = |r|², and uses JᵀJ of the residuals r alone, which
 * always leads downhill at first, though a whole step may go too far, as the first one does. L-BFGS learns curvature from the gradients that it has
 * seen. Rosenbrock 1960; Nocedal, Wright 2006. */
#include "demo_draw.h"

enum { WAYS = 4, MOST = 100000, DRAWN = 400, GRID = 120 };

static const char *const names[WAYS] = {"Newton", "Gauss-Newton", "L-BFGS", "gradient descent"};

typedef struct path {
    double  x[DRAWN], y[DRAWN];
    int64_t n, steps; /* points kept, for the picture; steps made */
    double  value, off; /* f at the end; the largest distance of a coordinate from 1 */
} path;

/* ---- the lesson ------------------------------------------------------------------------------------------------------ */

static tg_tensor *residuals(tg_tensor *p) /* [2] */
{
    tg_tensor *x = tg_narrow(p, 0, 0, 1), *y = tg_narrow(p, 0, 1, 1);
    return tg_cat((tg_tensor *[]){tg_rsub_s(1, x), tg_mul_s(tg_sub(y, tg_square(x)), 10)}, 2, 0);
}

static tg_tensor *rosenbrock(void *p) { return tg_sum_all(tg_square(residuals(p))); }

static tg_tensor *newton_step(tg_tensor *p)
{
    tg_tensor *f = rosenbrock(p), *slope, *curvature = tg_hessian(f, p, NULL);
    if (tg_grad(&f, NULL, 1, &p, 1, false, &slope)) return NULL;
    return tg_neg(tg_solve(curvature, slope));
}

static tg_tensor *gauss_newton_step(tg_tensor *p)
{
    tg_tensor *r = residuals(p), *j = tg_jacobian(r, p, NULL); /* of f: slope 2 Jᵀr, curvature about 2 JᵀJ */
    return tg_neg(tg_solve(tg_matmul(tg_mT(j), j), tg_matmul(tg_mT(j), r)));
}

static tg_tensor *descent_step(tg_tensor *p)
{
    tg_tensor *f = rosenbrock(p), *slope;
    if (tg_grad(&f, NULL, 1, &p, 1, false, &slope)) return NULL;
    return tg_mul_s(slope, -1e-3); /* 2e-3 would be thrown out of the valley */
}

/* ---- runs -------------------------------------------------------------------------------------------------------------- */

/* Notes where p is; true when the gradient is so small that it has arrived. */
static bool note(tg_tape *t, tg_tensor *p, path *w, bool print)
{
    double     at[2], g[2];
    tg_tensor *f = rosenbrock(p), *slope;
    if (tg_grad(&f, NULL, 1, &p, 1, false, &slope)) return false;
    tg_want(f);
    tg_copy_to(p, at, sizeof at), tg_copy_to(slope, g, sizeof g);
    w->value = tg_item(f), w->off = fmax(fabs(at[0] - 1), fabs(at[1] - 1));
    const double size = hypot(g[0], g[1]);
    if (w->n < DRAWN) w->x[w->n] = at[0], w->y[w->n++] = at[1];
    else w->x[DRAWN - 1] = at[0], w->y[DRAWN - 1] = at[1];
    if (print) printf("%4" PRId64 "  %19.15f %19.15f  %10.3e  %10.3e\n", w->steps, at[0], at[1], w->value, size);
    tg_reset(t);
    return size < 1e-10;
}

static bool run(tg_tape *t, int way, int64_t most, path *w)
{
    static tg_tensor *(*const step[WAYS])(tg_tensor *) = {newton_step, gauss_newton_step, NULL, descent_step};
    const double start[2] = {-1.2, 1};
    tg_tensor   *p = tg_paramf(t, tg_from_f64(t, TG_SHAPE(2), start), "p%d", way);
    tg_lbfgs    *lbfgs = tg_lbfgs_new(t, &(tg_lbfgs_options){.max_iter = 1, .max_eval = 25, .strong_wolfe = true, .tolerance_grad = 1e-12,
                                                               .tolerance_change = TG_ZERO, .params = &p, .n_params = 1});
    if (way < 2) printf("\n%s\nstep                    x                   y           f         |g|\n", names[way]);
    while (!note(t, p, w, way < 2) && w->steps < most && !tg_error(t)) {
        const bool ok = step[way] ? !tg_assign(p, tg_add(p, step[way](p))) : !tg_lbfgs_step(lbfgs, rosenbrock, p, NULL);
        if (!ok) break;
        tg_reset(t);
        w->steps++;
    }
    if (way >= 2) printf("\n%s: f = %.1e after %" PRId64 " steps", names[way], w->value, w->steps);
    if (way == 2) printf(" and %" PRId64 " gradients", tg_lbfgs_evaluations(lbfgs));
    if (way == 3) puts("");
    return !tg_error(t);
}

/* The largest difference of Newton's path from one with derivatives by hand and Cramer's rule, and of the tape's Hessian on the way. */
static double beside_hand(const path *w)
{
    double x = -1.2, y = 1, off = 0;
    for (int64_t k = 0; k < w->n; k++) {
        off = fmax(off, fmax(fabs(w->x[k] - x), fabs(w->y[k] - y)) / fmax(1, fabs(y)));
        const double gx = -2 * (1 - x) - 400 * x * (y - x * x), gy = 200 * (y - x * x), a = 2 + 1200 * x * x - 400 * y, b = -400 * x, c = 200, det = a * c - b * b;
        x -= (c * gx - b * gy) / det, y -= (a * gy - b * gx) / det;
    }
    return off;
}

static bool draw(const char *out, const path w[WAYS])
{
    static double values[GRID][GRID];
    const double  low[2] = {-1.5, -1}, high[2] = {1.5, 2};
    tg_points     points[WAYS];
    for (int i = 0; i < GRID; i++)
        for (int k = 0; k < GRID; k++) {
            const double x = low[0] + (high[0] - low[0]) * k / (GRID - 1), y = low[1] + (high[1] - low[1]) * i / (GRID - 1);
            values[i][k] = log10(1e-2 + (1 - x) * (1 - x) + 100 * (y - x * x) * (y - x * x));
        }
    for (int k = 0; k < WAYS; k++) points[k] = (tg_points){.name = names[k], .x = w[k].x, .y = w[k].y, .n = w[k].n, .line = true};
    return demo_plane(out, "second_order", &(tg_plane){.title = "Rosenbrock's valley: the logarithm of f, and four ways down", .x_label = "x", .y_label = "y", .x_low = low[0],
                                                       .x_high = high[0], .y_low = low[1], .y_high = high[1], .values = values[0], .rows = GRID, .columns = GRID,
                                                       .levels = (const double[]){-1, 0, 1, 2}, .n_levels = 4, .points = points, .n_points = WAYS});
}

int main(int argc, char **argv)
{
    demo_common c;
    int         status;
    static path w[WAYS];
    int64_t     most = MOST;
    const demo_option options[] = {{"--steps", "N", "of gradient descent, at most", .count = &most, .low = 10, .high = 1e7}};
    if (!demo_begin(argc, argv, "Rosenbrock's valley by Newton's method, Gauss-Newton, L-BFGS and gradient descent.", options, DEMO_COUNT(options), &c, &status)) return status;
    if (c.quick) most = 2000;
    tg_tape *t = tg_tape_new(&(tg_tape_options){.dtype = TG_F64, .seed = (uint64_t)c.seed});
    bool     ran = t != NULL;
    for (int k = 0; k < WAYS && ran; k++) ran = run(t, k, k == 3 ? most : 200, &w[k]);
    tg_tape_free(t);
    if (!ran || !draw(c.out, w)) return 1;
    const double off = beside_hand(&w[0]);
    printf("Newton's path beside one with derivatives by hand: %.1e\n", off);
    const bool ok = w[0].steps < 10 && w[0].off < 1e-9 && off < 1e-9 && w[1].steps < 5 && w[1].off < 1e-9 && w[2].steps < 100 && w[2].off < 1e-6 && w[3].steps > w[2].steps;
    if (!ok) puts("It did not arrive: Newton's method should in less than 10 steps, L-BFGS in less than 100, and as by hand.");
    const demo_field fields[] = {{"seconds", demo_clock() - c.started}, {"newton", (double)w[0].steps}, {"gauss_newton", (double)w[1].steps}, {"lbfgs", (double)w[2].steps},
                                 {"descent", (double)w[3].steps}, {"difference", off}};
    return demo_result("55_second_order", "none", ok, fields, DEMO_COUNT(fields));
}
