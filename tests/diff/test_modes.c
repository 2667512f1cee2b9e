/* test_modes.c - forward mode, vectorising and reverse mode within each other, against closed forms. With y = tanh(W x), s = 1 - y^2, a = W v and b = W w:
 *
 *     J v = s a           d(J v) w = -2 y s a b           (d^2 (c y) / dx^2) v = W^T (-2 c y s a)
 *
 * and of each sample's loss c (J v) the gradient by W, c (-2 y s a x^T + s v^T). */
#include "f64_test.h"

#include <math.h>
#include <string.h>

enum { B = 3, N = 4, M = 2 };

static double X[B][N], V[B][N], U[B][N], W[M][N], C[M]; /* U: the second direction */

static void fill(double *x, int n, double from)
{
    for (int k = 0; k < n; k++) x[k] = sin(from + 1.3 * k);
}

static int numbers(void **state)
{
    (void)state;
    fill(X[0], B * N, 0.1);
    fill(V[0], B * N, 0.2);
    fill(U[0], B * N, 0.4);
    fill(W[0], M * N, 0.7);
    fill(C, M, 1.1);
    return 0;
}

/* ---- closed forms of sample b ----------------------------------------------------------------------------------------- */

static double dot(const double *a, const double *b)
{
    double sum = 0;
    for (int k = 0; k < N; k++) sum += a[k] * b[k];
    return sum;
}

static double y_of(int b, int i) { return tanh(dot(W[i], X[b])); }
static double s_of(int b, int i) { return 1 - y_of(b, i) * y_of(b, i); }
static double jv(int b, int i) { return s_of(b, i) * dot(W[i], V[b]); }
static double jvw(int b, int i) { return -2 * y_of(b, i) * s_of(b, i) * dot(W[i], V[b]) * dot(W[i], U[b]); }

static double hv(int b, int k)
{
    double sum = 0;
    for (int i = 0; i < M; i++) sum += W[i][k] * -2 * C[i] * y_of(b, i) * s_of(b, i) * dot(W[i], V[b]);
    return sum;
}

/* Of c (J v), by W[i][k] and by x_k. */
static double by_w(int b, int i, int k) { return C[i] * (-2 * y_of(b, i) * s_of(b, i) * dot(W[i], V[b]) * X[b][k] + s_of(b, i) * V[b][k]); }

/* ---- the function on tensors ------------------------------------------------------------------------------------------- */

typedef struct tensors {
    tg_tape   *t;
    tg_tensor *x, *v, *u, *w, *c; /* x, v, u of one sample: placeholders */
    tg_tensor *X, *V, *U;
} tensors;

static tensors open_tensors(void **state)
{
    tensors e = {.t = open_tape(state)};
    e.x = tg_zeros(e.t, TG_SHAPE(N));
    e.v = tg_zeros(e.t, TG_SHAPE(N));
    e.u = tg_zeros(e.t, TG_SHAPE(N));
    e.w = tg_set_requires_grad(tg_from_f64(e.t, TG_SHAPE(M, N), W[0]), true);
    e.c = tg_from_f64(e.t, TG_SHAPE(M), C);
    e.X = tg_from_f64(e.t, TG_SHAPE(B, N), X[0]);
    e.V = tg_from_f64(e.t, TG_SHAPE(B, N), V[0]);
    e.U = tg_from_f64(e.t, TG_SHAPE(B, N), U[0]);
    return e;
}

static tg_tensor *f(const tensors *e, tg_tensor *x) { return tg_tanh(tg_matmul(e->w, x)); }

static tg_tensor *jvp(tg_tensor *y, tg_tensor *x, tg_tensor *v)
{
    tg_tensor *r = NULL;
    assert_int_equal(tg_jvp(&y, 1, &x, &v, 1, true, &r), TG_OK);
    return r;
}

static tg_tensor *vmap(const tensors *e, tg_tensor *y)
{
    tg_tensor *r = NULL;
    assert_int_equal(tg_vmap(&y, 1, (tg_tensor *[]){e->x, e->v, e->u}, (tg_tensor *[]){e->X, e->V, e->U}, 3, NULL, &r), TG_OK);
    return r;
}

static void assert_each(tg_tensor *y, double (*want)(int b, int i), int n)
{
    assert_non_null(y);
    assert_true(tg_rank(y) == 2 && tg_dim(y, 0) == B && tg_dim(y, 1) == n);
    const double *got = tg_data_f64(tg_contiguous(y));
    for (int b = 0; b < B; b++)
        for (int i = 0; i < n; i++) assert_near(got[b * n + i], want(b, i));
}

/* ---- two modes ---------------------------------------------------------------------------------------------------------- */

static void jvp_of_vmap(void **state)
{
    const tensors e = open_tensors(state);
    assert_each(jvp(vmap(&e, f(&e, e.x)), e.X, e.V), jv, M);
}

static void vmap_of_jvp(void **state)
{
    const tensors e = open_tensors(state);
    assert_each(vmap(&e, jvp(f(&e, e.x), e.x, e.v)), jv, M);
}

static void jvp_of_jvp(void **state)
{
    const tensors e = open_tensors(state);
    assert_each(vmap(&e, jvp(jvp(f(&e, e.x), e.x, e.v), e.x, e.u)), jvw, M);
    assert_each(jvp(vmap(&e, jvp(f(&e, e.x), e.x, e.v)), e.X, e.U), jvw, M);        /* one inside and one outside */
    assert_each(jvp(jvp(vmap(&e, f(&e, e.x)), e.X, e.V), e.X, e.U), jvw, M);        /* both outside */
}

/* ---- three modes -------------------------------------------------------------------------------------------------------- */

static tg_tensor *gradient(tg_tensor *loss, tg_tensor *x)
{
    tg_tensor *g = NULL;
    assert_int_equal(tg_vjp(&loss, NULL, 1, &x, 1, true, &g), TG_OK);
    return g;
}

static void hessian_by_jvp_of_grad(void **state)
{
    const tensors e = open_tensors(state);
    tg_tensor    *loss = tg_sum_all(tg_mul(e.c, f(&e, e.x))), *all = tg_sum_all(tg_mul(e.c, vmap(&e, f(&e, e.x))));
    assert_each(vmap(&e, jvp(gradient(loss, e.x), e.x, e.v)), hv, N);                             /* all of it inside */
    assert_each(jvp(vmap(&e, gradient(loss, e.x)), e.X, e.V), hv, N);                             /* the gradient inside */
    assert_each(jvp(gradient(all, e.X), e.X, e.V), hv, N);                                        /* all of it outside */
    assert_each(gradient(tg_sum_all(tg_mul(e.c, vmap(&e, jvp(f(&e, e.x), e.x, e.v)))), e.X), hv, N); /* reverse over forward */
}

/* ---- gradients of each sample, of a loss with a derivative in it --------------------------------------------------------- */

static tg_tensor *loss_of_derivative(void *ctx, tg_tensor *const *one)
{
    const tensors *e = ctx;
    return tg_sum_all(tg_mul(e->c, jvp(f(e, one[0]), one[0], one[1])));
}

static void per_sample_gradients(void **state)
{
    tensors    e = open_tensors(state);
    tg_tensor *g = NULL, *norms = NULL, *losses = NULL, *sum = NULL, *in[] = {e.X, e.V};
    assert_int_equal(tg_per_sample_grad(loss_of_derivative, &e, in, 2, &e.w, 1, &(tg_per_sample_options){.norms = &norms, .losses = &losses}, &g), TG_OK);
    assert_int_equal(tg_clipped_sum_grad(loss_of_derivative, &e, in, 2, &e.w, 1, 0.5, NULL, &sum), TG_OK);
    assert_int_equal(tg_eval((tg_tensor *[]){g, norms, losses, sum}, 4), TG_OK);
    double clipped[M][N] = {{0}};
    for (int b = 0; b < B; b++) {
        double squares = 0, loss = 0;
        for (int i = 0; i < M; i++) {
            loss += C[i] * jv(b, i);
            for (int k = 0; k < N; k++) {
                assert_near(tg_data_f64(g)[(b * M + i) * N + k], by_w(b, i, k));
                squares += by_w(b, i, k) * by_w(b, i, k);
            }
        }
        assert_near(tg_data_f64(norms)[b], sqrt(squares));
        assert_near(tg_data_f64(losses)[b], loss);
        for (int i = 0; i < M; i++)
            for (int k = 0; k < N; k++) clipped[i][k] += fmin(1, 0.5 / sqrt(squares)) * by_w(b, i, k);
    }
    for (int i = 0; i < M; i++)
        for (int k = 0; k < N; k++) assert_near(tg_data_f64(sum)[i * N + k], clipped[i][k]);
}

#define TEST(name) cmocka_unit_test_teardown(name, close_tape)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(jvp_of_vmap), TEST(vmap_of_jvp), TEST(jvp_of_jvp), TEST(hessian_by_jvp_of_grad), TEST(per_sample_gradients)};
    return cmocka_run_group_tests(tests, numbers, NULL);
}
