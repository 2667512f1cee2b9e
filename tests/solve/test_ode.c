/* test_ode.c - differential equations against closed forms and SciPy's figures; gradients by the adjoint method against closed forms, against
 * differences, and for parameters; what goes wrong. */
#include "f64_test.h"

#include <string.h>

typedef struct system {
    tg_tensor *k, *w; /* what f uses */
    int        calls;
} system;

static tg_tensor *decay(void *ctx, double t, tg_tensor *y) { return (void)t, tg_neg(tg_mul(((system *)ctx)->k, y)); }

/* dy/dt = 2 t y: exp(t^2). */
static tg_tensor *growing(void *ctx, double t, tg_tensor *y) { return (void)ctx, tg_mul_s(y, 2 * t); }

/* (y1, -y0): a circle. */
static tg_tensor *circle(void *ctx, double t, tg_tensor *y)
{
    (void)ctx, (void)t;
    tg_tensor *parts[] = {tg_select(y, 0, 1), tg_neg(tg_select(y, 0, 0))};
    return tg_stack(parts, 2, 0);
}

/* Lotka and Volterra's hares and foxes: y(5) of y(0) = (10, 5), by tests/golden/solvers.py. */
static const double hares[2] = {0.264186772118661, 3.13413316107016};
static tg_tensor *lotka_volterra(void *ctx, double t, tg_tensor *y)
{
    system *s = ctx;
    (void)t;
    s->calls++;
    tg_tensor *a = tg_select(y, 0, 0), *b = tg_select(y, 0, 1), *ab = tg_mul(a, b), *parts[] = {tg_sub(tg_mul_s(a, 1.5), ab), tg_sub(ab, tg_mul_s(b, 3))};
    return tg_stack(parts, 2, 0);
}

static const tg_ode_options tight = {.rtol = 1e-11, .atol = 1e-13};

static void test_closed_forms(void **state)
{
    tg_tape        *t = open_tape(state);
    system          s = {.k = tg_scalar(t, 0.7)};
    tg_tensor      *y0 = tg_from_f64(t, TG_SHAPE(2, 2), (double[]){1, -2, 0.5, 3}), *y;
    tg_solve_report r;
    assert_int_equal(tg_ode(decay, &s, y0, 0, 3, NULL, &y, &r), TG_OK);
    assert_true(r.converged && r.residual <= 1 && r.calls >= 6 * r.iterations);
    for (int k = 0; k < 4; k++) assert_true(fabs(tg_data_f64(y)[k] - tg_data_f64(y0)[k] * exp(-2.1)) < 1e-6);
    assert_int_equal(tg_ode(growing, NULL, y0, 0.5, 1.5, &tight, &y, &r), TG_OK);
    for (int k = 0; k < 4; k++) assert_true(fabs(tg_data_f64(y)[k] - tg_data_f64(y0)[k] * exp(2)) < 1e-9);
    assert_int_equal(tg_ode(growing, NULL, y, 1.5, 0.5, &tight, &y, &r), TG_OK); /* and back */
    for (int k = 0; k < 4; k++) assert_true(fabs(tg_data_f64(y)[k] - tg_data_f64(y0)[k]) < 1e-9);
    tg_tensor *c = tg_from_f64(t, TG_SHAPE(2), (double[]){1, 0});
    assert_int_equal(tg_ode(circle, NULL, c, 0, 10, &tight, &y, &r), TG_OK);
    assert_true(fabs(tg_data_f64(y)[0] - cos(10)) < 1e-9 && fabs(tg_data_f64(y)[1] + sin(10)) < 1e-9);
    assert_int_equal(tg_ode(circle, NULL, c, 0, 1, &(tg_ode_options){.atol = TG_ZERO}, &y, &r), TG_OK); /* nothing is allowed beside the 0 at first */
    assert_true(r.converged && fabs(tg_data_f64(y)[0] - cos(1)) < 1e-5 && fabs(tg_data_f64(y)[1] + sin(1)) < 1e-5);
    assert_int_equal(tg_ode(circle, NULL, c, 2, 2, NULL, &y, &r), TG_OK); /* nowhere to go */
    assert_true(r.converged && r.iterations == 0 && tg_data_f64(y)[0] == 1);
    tg_tensor *single = tg_to(c, TG_F32);
    assert_int_equal(tg_ode(circle, NULL, single, 0, 1, NULL, &y, &r), TG_OK);
    assert_true(tg_dtype_of(y) == TG_F32 && fabsf(tg_data_f32(y)[0] - (float)cos(1)) < 1e-5f);
}

/* The error follows rtol, and calls grow as its fifth root. */
static void test_scipy(void **state)
{
    tg_tape        *t = open_tape(state);
    tg_tensor      *y0 = tg_from_f64(t, TG_SHAPE(2), (double[]){10, 5}), *y;
    tg_solve_report r;
    system          s = {0};
    double          before = INFINITY;
    for (int digits = 4; digits <= 12; digits += 2) {
        const double rtol = pow(10, -digits);
        assert_int_equal(tg_ode(lotka_volterra, &s, y0, 0, 5, &(tg_ode_options){.rtol = rtol, .atol = rtol / 1000}, &y, &r), TG_OK);
        const double off = fmax(fabs(tg_data_f64(y)[0] - hares[0]), fabs(tg_data_f64(y)[1] - hares[1]));
        assert_true(r.converged && off < 300 * rtol && off < before);
        if (digits == 6) assert_true(r.calls < 700); /* SciPy's RK45 takes 500 */
        before = off;
    }
    assert_int_equal(tg_ode(lotka_volterra, &s, y0, 0, 5, &(tg_ode_options){.max_iter = 10}, &y, &r), TG_OK);
    assert_true(!r.converged && r.iterations == 10);
}

/* ---- the adjoint -------------------------------------------------------------------------------------------------------------- */

/* y = y0 exp(-k T): dy/dy0 = exp(-k T), dy/dk = -T y. */
static void test_adjoint_of_decay(void **state)
{
    tg_tape   *t = open_tape(state);
    system     s = {.k = tg_set_requires_grad(tg_scalar(t, 0.7), true)};
    tg_tensor *y0 = tg_from_f64(t, TG_SHAPE(2), (double[]){1, -2}), *y, *g = tg_from_f64(t, TG_SHAPE(2), (double[]){3, 0.5}), *g0, *gk;
    assert_int_equal(tg_ode(decay, &s, y0, 1, 3, &tight, &y, NULL), TG_OK);
    assert_int_equal(tg_ode_adjoint(decay, &s, y, 1, 3, g, &s.k, 1, &tight, &g0, &gk, NULL), TG_OK);
    const double e = exp(-1.4), want = -2 * e * (3 * 1 + 0.5 * -2);
    assert_true(fabs(tg_data_f64(g0)[0] - 3 * e) < 1e-9 && fabs(tg_data_f64(g0)[1] - 0.5 * e) < 1e-9);
    assert_true(fabs(tg_item(gk) - want) < 1e-9);
    assert_true(tg_rank(gk) == 0);
}

/* tanh(W y) + k: a small network; by differences of tg_ode. */
static tg_tensor *network(void *ctx, double t, tg_tensor *y)
{
    system *s = ctx;
    return tg_mul_s(tg_add(tg_tanh(tg_matmul(s->w, y)), tg_mul(s->k, y)), cos(t));
}

enum { D = 3 };

static double loss_of(tg_tape *t, const double *w, const double *y0, double k, const double *c)
{
    system     s = {.w = tg_from_f64(t, TG_SHAPE(D, D), w), .k = tg_scalar(t, k)};
    tg_tensor *y;
    double     sum = 0;
    assert_int_equal(tg_ode(network, &s, tg_from_f64(t, TG_SHAPE(D), y0), 0, 2, &tight, &y, NULL), TG_OK);
    for (int i = 0; i < D; i++) sum += c[i] * tg_data_f64(y)[i];
    return sum;
}

static void test_adjoint_of_network(void **state)
{
    tg_tape *t = open_tape(state);
    double   w[D * D], y0[D] = {0.5, -1, 2}, c[D] = {1, -0.3, 0.8};
    for (int i = 0; i < D * D; i++) w[i] = sin(2.1 * i + 0.3);
    system     s = {.w = tg_set_requires_grad(tg_from_f64(t, TG_SHAPE(D, D), w), true), .k = tg_set_requires_grad(tg_to(tg_scalar(t, -0.25), TG_F64), true)};
    tg_tensor *y, *g0, *g[2], *params[] = {s.w, s.k};
    assert_int_equal(tg_ode(network, &s, tg_from_f64(t, TG_SHAPE(D), y0), 0, 2, &tight, &y, NULL), TG_OK);
    assert_int_equal(tg_ode_adjoint(network, &s, y, 0, 2, tg_from_f64(t, TG_SHAPE(D), c), params, 2, &tight, &g0, g, NULL), TG_OK);
    const double h = 1e-4;
    for (int i = 0; i < D; i++) {
        double up[D], down[D];
        memcpy(up, y0, sizeof up);
        memcpy(down, y0, sizeof down);
        up[i] += h, down[i] -= h;
        assert_true(fabs(tg_data_f64(g0)[i] - (loss_of(t, w, up, -0.25, c) - loss_of(t, w, down, -0.25, c)) / (2 * h)) < 1e-6);
    }
    for (int i = 0; i < D * D; i++) {
        double up[D * D], down[D * D];
        memcpy(up, w, sizeof up);
        memcpy(down, w, sizeof down);
        up[i] += h, down[i] -= h;
        assert_true(fabs(tg_data_f64(g[0])[i] - (loss_of(t, up, y0, -0.25, c) - loss_of(t, down, y0, -0.25, c)) / (2 * h)) < 1e-6);
    }
    assert_true(fabs(tg_item(g[1]) - (loss_of(t, w, y0, -0.25 + h, c) - loss_of(t, w, y0, -0.25 - h, c)) / (2 * h)) < 1e-6);
}

/* ---- wrong calls ---------------------------------------------------------------------------------------------------------------- */

static tg_tensor *blows_up(void *ctx, double t, tg_tensor *y) { return (void)ctx, (void)t, tg_square(y); } /* 1 / (1 - t) from 1 */
static tg_tensor *wide(void *ctx, double t, tg_tensor *y) { return (void)ctx, (void)t, tg_unsqueeze(y, 0); }
static tg_tensor *infinite(void *ctx, double t, tg_tensor *y) { return (void)ctx, (void)t, tg_log(tg_mul_s(y, 0)); }

static void test_wrong_calls(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *y0 = tg_ones(t, TG_SHAPE(1)), *y, *g0, *g;
    system     s = {.k = tg_scalar(t, 1)};
    expect_failure(t, tg_ode(blows_up, NULL, y0, 0, 2, NULL, &y, NULL), TG_ERR_ARG, "tg_ode: steps become too small at t = ");
    assert_null(y);
    expect_failure(t, tg_ode(wide, NULL, y0, 0, 2, NULL, &y, NULL), TG_ERR_SHAPE, "tg_ode: f returned [1,1] for [1]");
    expect_failure(t, tg_ode(infinite, NULL, y0, 0, 2, NULL, &y, NULL), TG_ERR_ARG, "tg_ode: f is not finite where it begins");
    expect_failure(t, tg_ode(blows_up, NULL, y0, 0, NAN, NULL, &y, NULL), TG_ERR_ARG, "from and to must be finite, got 0 and nan");
    expect_failure(t, tg_ode(NULL, NULL, y0, 0, 1, NULL, &y, NULL), TG_ERR_NULL, "tg_ode: f is NULL");
    expect_failure(t, tg_ode(blows_up, NULL, y0, 0, 1, &(tg_ode_options){.rtol = -1}, &y, NULL), TG_ERR_ARG, "rtol must be finite and not negative, got -1");
    assert_int_equal(tg_ode(blows_up, NULL, NULL, 0, 1, NULL, &y, NULL), TG_ERR_NULL);
    expect_failure(t, tg_ode_adjoint(decay, &s, y0, 0, 1, tg_ones(t, TG_SHAPE(2)), &s.k, 1, NULL, &g0, &g, NULL), TG_ERR_SHAPE, "tg_ode_adjoint: grad_y has to be of floats, and of y's shape");
    expect_failure(t, tg_ode_adjoint(decay, &s, y0, 0, 1, y0, &s.k, 1, NULL, &g0, &g, NULL), TG_ERR_ARG, "params[0] does not require grad");
    assert_int_equal(tg_ode_adjoint(decay, &s, y0, 0, 1, y0, NULL, 1, NULL, &g0, &g, NULL), TG_ERR_NULL);
    assert_null(g0);
    assert_null(g);
    assert_int_equal(tg_ode_adjoint(decay, &s, y0, 0, 1, y0, NULL, 0, NULL, &g0, NULL, NULL), TG_OK);
}

#define TEST(f) cmocka_unit_test_teardown(f, close_tape)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_closed_forms), TEST(test_scipy), TEST(test_adjoint_of_decay), TEST(test_adjoint_of_network), TEST(test_wrong_calls)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
