/* test_derivatives_memory.c - products with Jacobians and Hessians and Jacobians themselves while memory runs out anywhere (every_allocation.h). */
#include "every_allocation.h"

static tg_tensor *filled(tg_tape *t, const tg_shape *s, double from)
{
    double x[32];
    for (int i = 0; i < 32; i++) x[i] = from + 0.1 * i;
    return tg_from_f64(t, s, x);
}

static bool prepare(world *w)
{
    w->w[0] = tg_param(w->t, "w", filled(w->t, TG_SHAPE(3, 4), -0.5));
    return w->w[0] != NULL;
}

/* Ops with rules of each kind: their own, a pointwise op's, transposed ones, one of several results. */
static tg_tensor *function(world *w, tg_tensor *x)
{
    tg_tensor *places, *h = tg_softmax(tg_tanh(tg_matmul(x, w->w[0])), 1), *most = tg_max(h, 1, true, &places);
    return tg_mul(tg_layer_norm(h, 1, NULL, NULL, 1e-5), most);
}

enum { JVP, VJP, MANY, HVP, GNVP, JACOBIAN, HESSIAN, LAPLACIAN, KINDS };

static bool step(world *w)
{
    tg_tensor *x = filled(w->t, TG_SHAPE(2, 3), 0.3), *y = function(w, x), *loss = tg_sum_all(tg_square(y)), *v = filled(w->t, TG_SHAPE(3, 4), 1), *r = NULL;
    tg_tensor *many = filled(w->t, TG_SHAPE(2, 3, 4), 1), *u = filled(w->t, TG_SHAPE(2, 4), 0.7), **p = &w->w[0];
    if (!loss || !v || !many || !u) return false;
    switch (w->which) {
    case JVP: return tg_jvp(&y, 1, p, &v, 1, true, &r) == TG_OK && take(w, r);
    case VJP: return tg_vjp(&y, &u, 1, p, 1, true, &r) == TG_OK && take(w, r);
    case MANY: return tg_jvp(&y, 1, p, &many, 1, false, &r) == TG_OK && take(w, r);
    case HVP: return tg_hvp(loss, p, &v, 1, false, &r) == TG_OK && take(w, r);
    case GNVP: return tg_gnvp(loss, y, p, &v, 1, false, &r) == TG_OK && take(w, r);
    case JACOBIAN: return (r = tg_jacobian(y, *p, &(tg_jacobian_options){.chunk = 5})) && take(w, r);
    case HESSIAN: return (r = tg_hessian(loss, x, NULL)) && take(w, r);
    default: return (r = tg_laplacian(loss, x, true)) && take(w, r);
    }
}

static void test_every_allocation(void **state)
{
    (void)state;
    for (int k = 0; k < KINDS; k++) assert_true(every_allocation(&(scenario){.name = "derivatives", .prepare = prepare, .step = step, .which = k}) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_allocation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
