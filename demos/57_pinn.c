/* 57_pinn.c - a network that solves a partial differential equation: its loss is how far it is from fulfilling it.
 *
 * Burgers' equation u_t + u u_x = ν u_xx, ν = 0.01/π, from u = -sin πx on -1 … 1 with u = 0 at both ends: the wave becomes steeper until a shock stands at x =
 * 0. The network never sees a solution. It is u(x, t) = -sin πx + t (1 - x²) (N(x, t) - N(-x, t)), so that beginning, ends and symmetry are right whatever N
 * says, and what is made small is the mean square of u_t + u u_x - ν u_xx at places in the strip, with derivatives by forward mode, whose gradients by the weights the
 * tape has like any other. Places are drawn anew now and then, more of them where the equation is fulfilled less: at the shock. A front a hundredth wide
 * asks for neurons that change as fast: the first layer begins with weights five times as large as usual, without which the error is ten times as
 * large after as many steps. What comes out is compared with the exact solution by Cole and Hopf, two integrals computed by quadrature. Raissi,
 * Perdikaris, Karniadakis 2019; Wu and others 2023; Basdevant and others 1986. */
#include "demo_draw.h"

enum { WIDTH = 32, HIDDEN_LAYERS = 3, POINTS = 2000, STEEP = 5, COLUMNS = 51, ROWS = 201, SLICES = 3, NODES = 500 };

static const double NU = 0.01 / DEMO_PI;

/* ---- the lesson ------------------------------------------------------------------------------------------------------ */

typedef struct pinn {
    tg_tensor *w[HIDDEN_LAYERS + 1], *b[HIDDEN_LAYERS + 1];
    tg_tensor *x, *t; /* [POINTS, 1]: where the equation is asked for */
} pinn;

static tg_tensor *network(const pinn *m, tg_tensor *x, tg_tensor *t)
{
    tg_tensor *h = tg_cat((tg_tensor *[]){x, t}, 2, 1);
    for (int k = 0; k < HIDDEN_LAYERS; k++) h = tg_tanh(tg_linear(h, m->w[k], m->b[k]));
    return tg_linear(h, m->w[HIDDEN_LAYERS], m->b[HIDDEN_LAYERS]);
}

static tg_tensor *solution(const pinn *m, tg_tensor *x, tg_tensor *t) /* [N, 1] */
{
    tg_tensor *odd = tg_sub(network(m, x, t), network(m, tg_neg(x), t));
    return tg_sub(tg_mul(tg_mul(t, tg_rsub_s(1, tg_square(x))), odd), tg_sin(tg_mul_s(x, DEMO_PI)));
}

/* How y changes along x: dy/dx of each point, as points do not meet. It can be differentiated again. */
static tg_tensor *along(tg_tensor *y, tg_tensor *x)
{
    tg_tensor *one = tg_ones_like(x), *slope;
    return tg_jvp(&y, 1, &x, &one, 1, true, &slope) ? NULL : slope;
}

static tg_tensor *residual(const pinn *m, tg_tensor *x, tg_tensor *t)
{
    tg_tensor *u = solution(m, x, t), *u_x = along(u, x);
    return tg_sub(tg_add(along(u, t), tg_mul(u, u_x)), tg_mul_s(along(u_x, x), NU));
}

static tg_tensor *loss_of(void *ctx)
{
    const pinn *m = ctx;
    return tg_mean_all(tg_square(residual(m, m->x, m->t)));
}

static bool make_pinn(tg_tape *t, pinn *m)
{
    for (int k = 0; k <= HIDDEN_LAYERS; k++) {
        const int64_t in = k == 0 ? 2 : WIDTH, out = k == HIDDEN_LAYERS ? 1 : WIDTH;
        m->w[k] = tg_paramf(t, tg_mul_s(tg_glorot(t, TG_SHAPE(in, out)), k == 0 ? STEEP : 1), "w%d", k), m->b[k] = tg_paramf(t, tg_zeros(t, TG_SHAPE(out)), "b%d", k);
    }
    m->x = tg_keep(tg_zeros(t, TG_SHAPE(POINTS, 1))), m->t = tg_keep(tg_zeros(t, TG_SHAPE(POINTS, 1)));
    return m->t != NULL;
}

/* New places: each of ten times as many is as likely as 1 + |residual| / mean |residual| says. */
static bool draw_places(tg_tape *t, pinn *m)
{
    const tg_shape *many = TG_SHAPE(10 * POINTS, 1);
    tg_tensor      *x = tg_keep(tg_rand(t, many)), *at = tg_keep(tg_rand(t, many));
    tg_tensor      *off = tg_abs(tg_squeeze(residual(m, x, at), 1)), *chance = tg_add_s(tg_div(off, tg_mean_all(off)), 1);
    tg_tensor      *which = tg_multinomial(chance, POINTS, false);
    tg_tensor      *both[] = {tg_index_select(x, 0, which), tg_index_select(at, 0, which)};
    if (tg_eval(both, 2)) return false; /* before anything is overwritten */
    return !tg_assign(m->x, both[0]) && !tg_assign(m->t, both[1]) && !tg_release(x) && !tg_release(at) && !tg_reset(t);
}

/* ---- the exact solution ------------------------------------------------------------------------------------------------- */

/* u = -∫ sin π(x-η) w dη / ∫ w dη, w = exp(-cos(π(x-η)) / 2πν - η² / 4νt), by the trapezoidal rule: for integrands that vanish at the ends its error
 * falls faster than any power of the step. */
static double exact(double x, double t)
{
    double largest = -INFINITY, above = 0, below = 0;
    const double reach = 24 * sqrt(NU * t); /* beyond, exp(-η² / 4νt) is less than e^-144, and what cosine makes of it less than e^-44 */
    if (t <= 0) return -sin(DEMO_PI * x);
    for (int pass = 0; pass < 2; pass++) /* first the largest exponent, so that nothing overflows */
        for (int i = 0; i <= NODES; i++) {
            const double eta = reach * (2. * i / NODES - 1), power = -cos(DEMO_PI * (x - eta)) / (2 * DEMO_PI * NU) - eta * eta / (4 * NU * t);
            if (pass == 0) largest = fmax(largest, power);
            else above -= sin(DEMO_PI * (x - eta)) * exp(power - largest), below += exp(power - largest);
        }
    return above / below;
}

typedef struct field {
    double x[COLUMNS * ROWS], t[COLUMNS * ROWS], exact[COLUMNS * ROWS], network[COLUMNS * ROWS]; /* row by row of x, column by column of t */
} field;

static void fill(field *f)
{
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        f->x[i] = 2. * (i / COLUMNS) / (ROWS - 1) - 1, f->t[i] = (double)(i % COLUMNS) / (COLUMNS - 1);
        f->exact[i] = exact(f->x[i], f->t[i]);
    }
}

/* |network - exact| / |exact|, over the whole field. */
static double error_of(tg_tape *t, const pinn *m, field *f)
{
    const tg_shape *all = TG_SHAPE(ROWS * COLUMNS, 1);
    double          off = 0, size = 0;
    if (tg_copy_to(solution(m, tg_from_f64(t, all, f->x), tg_from_f64(t, all, f->t)), f->network, sizeof f->network)) return NAN;
    tg_reset(t);
    for (int i = 0; i < ROWS * COLUMNS; i++) off += (f->network[i] - f->exact[i]) * (f->network[i] - f->exact[i]), size += f->exact[i] * f->exact[i];
    return sqrt(off / size);
}

/* ---- the run ------------------------------------------------------------------------------------------------------------ */

static bool learn(const demo_common *c, int64_t rounds, int iterations, double aim, field *f, double *error)
{
    tg_tape    *t = tg_tape_new(&(tg_tape_options){.dtype = TG_F64, .seed = (uint64_t)c->seed});
    pinn        m;
    bool        ok = t && make_pinn(t, &m);
    tg_progress bar;
    tg_progress_start(&bar, "rounds of L-BFGS", rounds);
    for (int64_t k = 1; k <= rounds && ok && !(*error <= aim); k++) {
        tg_lbfgs *lbfgs = tg_lbfgs_new(t, &(tg_lbfgs_options){.max_iter = iterations, .max_eval = 2 * iterations, .strong_wolfe = true, .tolerance_change = TG_ZERO});
        double    before;
        ok = draw_places(t, &m) && !tg_lbfgs_step(lbfgs, loss_of, &m, &before);
        tg_lbfgs_free(lbfgs); /* other places make another loss: it begins anew */
        *error = ok ? error_of(t, &m, f) : NAN;
        if (ok) printf("round %2" PRId64 ": the equation is off by %.1e at first, the solution by %.2e\n", k, sqrt(before), *error), fflush(stdout);
        tg_progress_update(&bar, 0, NAN, NAN);
    }
    tg_progress_finish(&bar);
    tg_tape_free(t);
    return ok;
}

static bool draw(const char *out, const field *f)
{
    static double    x[ROWS], network[SLICES][ROWS], right[SLICES][ROWS];
    static const int at[SLICES] = {12, 25, 50};
    static const char *const names[SLICES] = {"t = 0.24", "t = 0.5", "t = 1"}, *const exact_names[SLICES] = {"exact", "exact", "exact"};
    tg_series        series[2 * SLICES];
    for (int k = 0; k < SLICES; k++) {
        for (int i = 0; i < ROWS; i++) x[i] = f->x[i * COLUMNS], network[k][i] = f->network[i * COLUMNS + at[k]], right[k][i] = f->exact[i * COLUMNS + at[k]];
        series[2 * k] = (tg_series){.name = names[k], .y = network[k]}, series[2 * k + 1] = (tg_series){.name = exact_names[k], .y = right[k]};
    }
    return demo_plane(out, "pinn", &(tg_plane){.title = "Burgers' equation, solved by a network", .x_label = "t", .y_label = "x", .x_high = 1, .y_low = -1, .y_high = 1,
                                               .values = f->network, .rows = ROWS, .columns = COLUMNS, .diverging = true, .low = -1, .high = 1}) &&
           demo_curves(out, "pinn_slices", &(tg_curves){.title = "Network and exact solution", .x_label = "x", .y_label = "u", .x = x, .n = ROWS, .series = series,
                                                        .n_series = 2 * SLICES});
}

int main(int argc, char **argv)
{
    demo_common       c;
    int64_t           rounds = 10, iterations = 500;
    double            aim = 3e-3, error = INFINITY;
    int               status;
    static field      f;
    const demo_option options[] = {{"--rounds", "N", "of L-BFGS, at most", .count = &rounds, .low = 1, .high = 1000},
                                   {"--steps", "N", "of each round", .count = &iterations, .low = 1, .high = 1e5},
                                   {"--aim", "X", "relative error at which it ends", .real = &aim, .low = 1e-8, .high = 1}};
    if (!demo_begin(argc, argv, "A network solves Burgers' equation.", options, DEMO_COUNT(options), &c, &status)) return status;
    if (c.quick) rounds = 1, iterations = 40;
    fill(&f);
    if (!learn(&c, rounds, (int)iterations, aim, &f, &error) || !draw(c.out, &f)) return 1;
    const double wanted = c.quick ? 0.4 : 1e-2;
    printf("relative error beside the exact solution: %.2e\n", error);
    if (!(error <= wanted)) printf("It did not learn: at most %g is wanted.\n", wanted);
    const demo_field fields[] = {{"seconds", demo_clock() - c.started}, {"error", error}};
    return demo_result("57_pinn", "none", error <= wanted, fields, DEMO_COUNT(fields));
}
