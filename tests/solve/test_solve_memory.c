/* test_solve_memory.c - solvers while memory runs out anywhere (every_allocation.h). */
#include "every_allocation.h"

static tg_tensor *filled(tg_tape *t, int64_t n, double from)
{
    double x[8];
    for (int i = 0; i < 8; i++) x[i] = from + 0.1 * i;
    return tg_from_f64(t, TG_SHAPE(n), x);
}

static bool prepare(world *w)
{
    w->w[0] = tg_param(w->t, "w", filled(w->t, 3, 0.5));
    return w->w[0] != NULL;
}

static tg_tensor *scaled(void *ctx, tg_tensor *const *in) { return tg_mul(((world *)ctx)->w[0], in[0]); }
static tg_tensor *bowl(void *ctx, tg_tensor *const *in) { return tg_sum_all(tg_cosh(tg_sub(in[0], ((world *)ctx)->w[0]))); }
static tg_tensor *residuals(void *ctx, tg_tensor *const *in) { return tg_sub(tg_exp(in[0]), ((world *)ctx)->w[0]); }
static tg_tensor *decay(void *ctx, double t, tg_tensor *y) { return (void)t, tg_neg(tg_mul(((world *)ctx)->w[0], y)); }

enum { CG, NEWTON, SQUARES, ODE, ADJOINT, JACOBIAN, KINDS };

static bool step(world *w)
{
    tg_tensor *x = filled(w->t, 3, 0.3), *g[1] = {NULL}, *y = NULL;
    if (!x) return false;
    switch (w->which) {
    case CG: return tg_conjugate_gradient(scaled, w, x, NULL, &y, NULL) == TG_OK && take(w, y);
    case NEWTON: return tg_newton_cg(bowl, w, &x, 1, &(tg_newton_cg_options){.max_iter = 2}, &y, NULL) == TG_OK && take(w, y);
    case SQUARES: return tg_levenberg_marquardt(residuals, w, &x, 1, &(tg_least_squares_options){.max_iter = 2}, &y, NULL) == TG_OK && take(w, y);
    case ODE: return tg_ode(decay, w, x, 0, 0.1, NULL, &y, NULL) == TG_OK && take(w, y);
    case ADJOINT: return tg_ode_adjoint(decay, w, x, 0, 0.1, x, w->w, 1, NULL, &y, g, NULL) == TG_OK && take(w, y) && take(w, g[0]);
    default: return tg_set_requires_grad(x, true) && tg_numerical_jacobian(residuals, w, &x, 1, 0, 0, &y) == TG_OK && take(w, y);
    }
}

static void test_every_allocation(void **state)
{
    (void)state;
    for (int k = 0; k < KINDS; k++) assert_true(every_allocation(&(scenario){.name = "solvers", .prepare = prepare, .step = step, .which = k}) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_allocation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
