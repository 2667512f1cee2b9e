/* test_spectra.c - eigenvalues, singular values, orthogonal factors, pseudoinverses, exponentials and norms of matrices: what is always true of them, equal
 * and vanishing values, what is not finite, wrong calls. Values and gradients are those of samples_linalg.c. */
#include <float.h>

#include "op_test.h"

#define WRONG(STATUS, CALL, SENTENCE) assert_error(t, CALL, TG_ERR_##STATUS, SENTENCE)

/* Random numbers in -1 … 1. */
static tg_tensor *numbers(tg_tape *t, tg_dtype dtype, const tg_shape *s)
{
    double  *v = malloc((size_t)count_of(s) * sizeof *v + 1);
    uint64_t state = 7;
    assert_non_null(v);
    draw_multiples(v, count_of(s), 1000, 0.001, &state);
    tg_tensor *x = tensor(t, dtype, s, v);
    free(v);
    return x;
}

static tg_tensor *leaf(tg_tape *t, const tg_shape *s) { return tg_set_requires_grad(numbers(t, TG_F64, s), true); }

static tg_tensor *norm_of(tg_tensor *a, int kind, bool keepdim)
{
    return tg_matrix_norm(a, &(tg_matrix_norm_options){.kind = (tg_matrix_norm_kind)kind, .keepdim = keepdim});
}

static double largest(tg_tensor *x) { return tg_numel(x) ? tg_item(tg_amax(tg_abs(x), TG_ALL_AXES, false)) : 0; }

/* The largest difference, in roundings of the dtype. */
static void assert_near(tg_tensor *a, tg_tensor *b, double roundings)
{
    const double eps = tg_dtype_of(a) == TG_F32 ? (double)FLT_EPSILON : DBL_EPSILON, off = largest(tg_sub(a, b));
    if (!(off <= roundings * eps)) fail_msg("off by %g", off);
}

static tg_tensor *one_like(tg_tensor *a, int64_t n) { return tg_to(tg_eye(tg_tape_of(a), n), tg_dtype_of(a)); }

/* The columns of q are orthonormal. */
static void assert_orthonormal(tg_tensor *q, double roundings) { assert_near(tg_matmul(tg_mT(q), q), one_like(q, tg_dim(q, -1)), roundings); }

static const tg_shape shapes[] = {{2, {7, 4}}, {2, {4, 7}}, {2, {5, 5}}, {2, {40, 3}}, {2, {3, 40}}, {2, {130, 70}}, {2, {70, 130}}, {3, {3, 6, 6}}, {2, {1, 1}}};
#define FOR_SHAPES(D, S)                            \
    for (tg_dtype D = TG_F32; D <= TG_F64; D++)     \
        for (const tg_shape *S = shapes; S < shapes + sizeof shapes / sizeof *shapes; S++)

/* ---- factors --------------------------------------------------------------------------------------------------------- */

static void test_svd(void **state)
{
    (void)state;
    FOR_SHAPES(d, shape)
    {
        tg_tape   *t = quiet(d);
        tg_tensor *a = numbers(t, d, shape), *s, *vh, *u = tg_svd(a, &s, &vh);
        assert_near(tg_matmul(tg_mul(u, tg_unsqueeze(s, -2)), vh), a, 400);
        assert_orthonormal(u, 100);
        assert_orthonormal(tg_mT(vh), 100);
        assert_near(tg_svdvals(a), s, 100);
        assert_true(tg_dim(s, -1) == 1 || tg_item(tg_amax(tg_diff(s, 1, -1), TG_ALL_AXES, false)) <= 0);
        assert_true(tg_item(tg_amin(s, TG_ALL_AXES, false)) >= 0);
        tg_tape_free(t);
    }
}

static void test_qr(void **state)
{
    (void)state;
    FOR_SHAPES(d, shape)
    {
        tg_tape   *t = quiet(d);
        tg_tensor *a = numbers(t, d, shape), *r, *q = tg_qr(a, &r);
        assert_near(tg_matmul(q, r), a, 400);
        assert_orthonormal(q, 100);
        assert_true(largest(tg_tril(r, -1)) == 0);
        tg_tape_free(t);
    }
    tg_tape     *t = quiet(TG_F64);
    const double v[] = {3, 1, 4, 2}, flat[] = {1, 1, 1, 1};
    tg_tensor   *r, *q = tg_qr(tensor(t, TG_F64, TG_SHAPE(2, 2), v), &r); /* a column that begins above 0 gets a diagonal below; the last row has none */
    assert_f64(r, TG_SHAPE(2, 2), -5, -2.2, 0, 0.4);
    assert_f64(q, TG_SHAPE(2, 2), -0.6, -0.8, -0.8, 0.6);
    tg_tensor *b = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(2, 2), v), true), *seeds[2];
    for (int k = 0; k < 2; k++) seeds[k] = tensor(t, TG_F64, TG_SHAPE(2, 2), (double[]){1, -2, k ? NAN : 0, 3});
    assert_non_null(tg_qr(b, &r));
    assert_near(gradient(r, seeds[1], b), gradient(r, seeds[0], b), 0); /* R's zeros have no gradient to give */
    tg_tensor *x = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(2, 2), flat), true);
    q = tg_qr(x, &r);
    assert_near(tg_matmul(q, r), x, 8);
    assert_true(!isfinite(largest(gradient(tg_sum_all(q), NULL, x)))); /* of columns that are not independent */
    tg_tape_free(t);
}

static void test_eigh(void **state)
{
    (void)state;
    for (tg_dtype d = TG_F32; d <= TG_F64; d++)
        for (int64_t n = 1; n < 200; n = 3 * n + 1) {
            tg_tape   *t = quiet(d);
            tg_tensor *x = numbers(t, d, TG_SHAPE(2, n, n)), *v, *lower = tg_tril(x, 0), *a = tg_add(lower, tg_mT(tg_tril(x, -1)));
            tg_tensor *w = tg_eigh(lower, false, &v), *u, *same = tg_eigh(tg_mT(lower), true, &u);
            assert_near(tg_matmul(a, v), tg_mul(v, tg_unsqueeze(w, -2)), 2000);
            assert_orthonormal(v, 200);
            assert_near(tg_eigvalsh(x, false), w, 1000);
            assert_near(w, same, 0);
            assert_near(u, v, 0);
            assert_true(n == 1 || tg_item(tg_amin(tg_diff(w, 1, -1), TG_ALL_AXES, false)) >= 0);
            tg_tape_free(t);
        }
}

/* ---- derivatives ----------------------------------------------------------------------------------------------------- */

static void check(tg_fn f, tg_tensor *a)
{
    tg_gradcheck_report report;
    if (tg_gradcheck(f, NULL, &a, 1, &(tg_gradcheck_options){.order = 2}, &report) != TG_OK) fail_msg("%s", report.text);
}

/* The square of the first of some columns, as a matrix: what does not depend on its sign. */
static tg_tensor *projector(tg_tensor *columns)
{
    tg_tensor *first = tg_narrow(columns, -1, 0, 1);
    return tg_matmul(first, tg_mT(first));
}

/* Where one result alone gets a gradient. */
static tg_tensor *of_left(void *ctx, tg_tensor *const *in) { (void)ctx; return projector(tg_svd(in[0], NULL, NULL)); }
static tg_tensor *of_right(void *ctx, tg_tensor *const *in)
{
    tg_tensor *vh;
    (void)ctx;
    return tg_svd(in[0], NULL, &vh) ? projector(tg_mT(vh)) : NULL;
}
static tg_tensor *of_values(void *ctx, tg_tensor *const *in)
{
    tg_tensor *s;
    (void)ctx;
    return tg_svd(in[0], &s, NULL) ? s : NULL;
}
static tg_tensor *of_eigenvector(void *ctx, tg_tensor *const *in)
{
    tg_tensor *v;
    (void)ctx;
    return tg_eigh(in[0], false, &v) ? projector(v) : NULL;
}
static tg_tensor *of_triangle(void *ctx, tg_tensor *const *in)
{
    tg_tensor *r;
    (void)ctx;
    return tg_qr(in[0], &r) ? r : NULL;
}
static tg_tensor *of_least(void *ctx, tg_tensor *const *in) { (void)ctx; return tg_pinv(in[0], NULL); }

static void test_one_result(void **state)
{
    tg_tape *t = quiet(TG_F64);
    (void)state;
    for (int k = 0; k < 3; k++) {
        tg_tensor *a = leaf(t, &shapes[k]);
        check(of_left, a);
        check(of_right, a);
        check(of_values, a);
        check(of_triangle, a);
        check(of_least, a);
    }
    check(of_eigenvector, leaf(t, TG_SHAPE(4, 4)));
    tg_tape_free(t);
}

/* Values have a gradient where some are equal, or 0; and what gets none of a vector's gradient is not spoilt by it. */
static void test_equal_values(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *a = tg_set_requires_grad(tg_eye(t, 3), true), *zero = tg_set_requires_grad(tg_zeros(t, TG_SHAPE(2, 3)), true), *one = tg_eye(t, 3), *v;
    (void)state;
    assert_near(tg_eigvalsh(a, false), tg_ones(t, TG_SHAPE(3)), 8);
    assert_near(gradient(tg_sum_all(tg_eigvalsh(a, false)), NULL, a), one, 64);
    assert_near(gradient(tg_sum_all(tg_svdvals(a)), NULL, a), one, 64);
    assert_near(gradient(tg_sum_all(tg_pinv(a, NULL)), NULL, a), tg_full_like(a, -1), 64);
    assert_near(gradient(tg_sum_all(tg_mul(norm_of(a, TG_NORM_NUCLEAR, false), tg_det(a))), NULL, a), tg_mul_s(one, 4), 64);
    assert_true(isfinite(largest(gradient(tg_sum_all(tg_svdvals(zero)), NULL, zero))));
    tg_tensor *w = tg_eigh(a, false, &v), *g = gradient(tg_add(tg_sum_all(w), tg_sum_all(tg_mul_s(v, 0))), NULL, a);
    assert_near(g, one, 64);
    tg_tensor *u = tg_svd(a, &w, &v);
    g = gradient(tg_add(tg_sum_all(w), tg_sum_all(tg_mul_s(tg_add(u, v), 0))), NULL, a);
    assert_near(g, one, 64);
    tg_tape_free(t);
}

/* Beside values of 1e-160 squares vanish; the derivative of a projector is 1/s times as large as at 1. */
static void test_small_values(void **state)
{
    tg_tape     *t = quiet(TG_F64);
    const double v[] = {3, 1, 0, 2, 1, 1};
    (void)state;
    for (int tall = 0; tall < 2; tall++) {
        const tg_shape *s = tall ? TG_SHAPE(3, 2) : TG_SHAPE(2, 3);
        tg_tensor      *a = tg_set_requires_grad(tensor(t, TG_F64, s, v), true), *b = tg_set_requires_grad(tg_mul_s(tensor(t, TG_F64, s, v), 0x1p-540), true);
        tg_tensor      *weights = numbers(t, TG_F64, tall ? TG_SHAPE(3, 3) : TG_SHAPE(2, 2));
        tg_tensor *of_a = gradient(tg_sum_all(tg_mul(weights, projector(tg_svd(a, NULL, NULL)))), NULL, a);
        tg_tensor *of_b = gradient(tg_sum_all(tg_mul(weights, projector(tg_svd(b, NULL, NULL)))), NULL, b);
        assert_true(largest(of_a) > 0.01);
        assert_near(tg_mul_s(of_b, 0x1p-540), of_a, 100);
    }
    tg_tape_free(t);
}

/* ---- what is not finite, or empty ------------------------------------------------------------------------------------ */

static void assert_nan(tg_tensor *x) { assert_true(tg_item(tg_to(tg_all(tg_isnan(x), TG_ALL_AXES, false), TG_F64)) == 1); }

static void test_nan(void **state)
{
    tg_tape *t = quiet(TG_F64);
    (void)state;
    for (int k = 0; k < 3; k++) {
        double v[9] = {4, 1, 1, 1, 3, 1, 1, 1, 2};
        v[3] = k == 0 ? NAN : k == 1 ? INFINITY : -INFINITY;
        tg_tensor *a = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(3, 3), v), true), *s, *vh, *u = tg_svd(a, &s, &vh), *vectors, *w = tg_eigh(a, false, &vectors);
        assert_nan(u);
        assert_nan(s);
        assert_nan(vh);
        assert_nan(tg_svdvals(a));
        assert_nan(w);
        assert_nan(vectors);
        assert_nan(tg_eigvalsh(a, false));
        assert_true(!isnan(largest(tg_eigvalsh(a, true)))); /* the other triangle */
        assert_nan(tg_matrix_exp(a));
        assert_nan(tg_pinv(a, NULL));
        assert_nan(norm_of(a, TG_NORM_NUCLEAR, false));
        assert_nan(gradient(tg_sum_all(tg_svdvals(a)), NULL, a));
        assert_true(isnan(tg_item(tg_sum_all(tg_qr(a, NULL)))));
    }
    tg_tape_free(t);
}

static void test_empty(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *none = tg_zeros(t, TG_SHAPE(0, 3)), *s, *vh, *r;
    (void)state;
    assert_f64(tg_svd(none, &s, &vh), TG_SHAPE(0, 0), 0);
    assert_f64(s, TG_SHAPE(0), 0);
    assert_f64(vh, TG_SHAPE(0, 3), 0);
    assert_f64(tg_qr(none, &r), TG_SHAPE(0, 0), 0);
    assert_f64(r, TG_SHAPE(0, 3), 0);
    assert_f64(tg_pinv(none, NULL), TG_SHAPE(3, 0), 0);
    assert_f64(tg_lstsq(none, tg_zeros(t, TG_SHAPE(0, 2))), TG_SHAPE(3, 2), 0, 0, 0, 0, 0, 0);
    assert_f64(norm_of(none, TG_NORM_NUCLEAR, false), TG_SCALAR_SHAPE, 0);
    assert_f64(norm_of(none, TG_NORM_1, false), TG_SCALAR_SHAPE, 0);
    WRONG(SHAPE, norm_of(none, TG_NORM_2, false), "tg_matrix_norm: there is no singular value in [0,3] to choose");
    WRONG(SHAPE, norm_of(none, TG_NORM_INFINITY, false), "tg_matrix_norm: there is no row in [0,3] to choose");
    WRONG(SHAPE, norm_of(tg_mT(none), TG_NORM_MINUS_1, false), "tg_matrix_norm: there is no column in [3,0] to choose");
    tg_tape_free(t);
}

/* ---- least squares and pseudoinverses --------------------------------------------------------------------------------- */

static void test_lstsq(void **state)
{
    (void)state;
    FOR_SHAPES(d, shape)
    {
        tg_tape   *t = quiet(d);
        tg_tensor *a = numbers(t, d, shape), *b = tg_sin(tg_slice(a, -1, 0, 1, 1)), *x = tg_lstsq(a, b), *off = tg_sub(tg_matmul(a, x), b);
        assert_near(tg_matmul(tg_mT(a), off), tg_zeros_like(x), 4000);
        /* Nothing of x lies where A maps to 0. */
        tg_tensor *p = tg_pinv(a, NULL);
        assert_near(tg_matmul(p, tg_matmul(a, x)), x, 4000);
        tg_tape_free(t);
    }
}

static void test_pinv(void **state)
{
    tg_tape     *t = quiet(TG_F64);
    const double v[] = {1, 2, 2, 4}, w[] = {2, 0, 0, 0.01};
    tg_tensor   *a = tensor(t, TG_F64, TG_SHAPE(2, 2), v), *b = tensor(t, TG_F64, TG_SHAPE(2, 2), w);
    (void)state;
    assert_f64(tg_pinv(a, NULL), TG_SHAPE(2, 2), 0.04, 0.08, 0.08, 0.16);
    assert_f64(tg_pinv(tg_zeros(t, TG_SHAPE(2, 3)), NULL), TG_SHAPE(3, 2), 0, 0, 0, 0, 0, 0);
    assert_values(tg_pinv(b, NULL), TG_F64, TG_SHAPE(2, 2), (double[]){0.5, 0, 0, 100}, 1e-11);
    assert_f64(tg_pinv(b, &(tg_pinv_options){.rtol = 0.01}), TG_SHAPE(2, 2), 0.5, 0, 0, 0);
    assert_f64(tg_pinv(b, &(tg_pinv_options){.atol = 0.02}), TG_SHAPE(2, 2), 0.5, 0, 0, 0);
    assert_values(tg_pinv(b, &(tg_pinv_options){.atol = 0.005}), TG_F64, TG_SHAPE(2, 2), (double[]){0.5, 0, 0, 100}, 1e-11);
    assert_f64(tg_mul_s(tg_pinv(tg_mul_s(b, 1e-300), &(tg_pinv_options){.atol = 1e-301, .rtol = 0.5}), 1e-300), TG_SHAPE(2, 2), 0.5, 0, 0, 0);
    tg_tensor *tiny = tensor(t, TG_F64, TG_SHAPE(2, 2), (double[]){1, 0, 0, 0x1p-60});
    assert_f64(tg_pinv(tiny, &(tg_pinv_options){.rtol = TG_ZERO}), TG_SHAPE(2, 2), 1, 0, 0, 0x1p60);
    assert_f64(tg_pinv(tiny, NULL), TG_SHAPE(2, 2), 1, 0, 0, 0);
    tg_tape_free(t);
}

/* ---- the exponential -------------------------------------------------------------------------------------------------- */

static void test_exp(void **state)
{
    tg_tape     *t = quiet(TG_F64);
    const double nilpotent[] = {0, 1, 2, 0, 0, 3, 0, 0, 0};
    (void)state;
    assert_f64(tg_matrix_exp(tensor(t, TG_F64, TG_SHAPE(3, 3), nilpotent)), TG_SHAPE(3, 3), 1, 1, 3.5, 0, 1, 3, 0, 0, 1);
    assert_f64(tg_matrix_exp(tg_zeros(t, TG_SHAPE(2, 2))), TG_SHAPE(2, 2), 1, 0, 0, 1);
    for (double turn = 1e-3; turn < 2000; turn *= 3) { /* each degree, and up to ten squarings */
        const double v[] = {0, -turn, turn, 0, turn, 0, 0, -turn};
        const double want[] = {cos(turn), -sin(turn), sin(turn), cos(turn)}, pair[] = {exp(turn), 0, 0, exp(-turn)};
        tg_tensor   *both = tensor(t, TG_F64, TG_SHAPE(2, 2, 2), v);
        assert_values(tg_matrix_exp(tg_select(both, 0, 0)), TG_F64, TG_SHAPE(2, 2), want, 4e-15 * (1 + turn));
        assert_values(tg_matrix_exp(tg_to(tg_select(both, 0, 0), TG_F32)), TG_F32, TG_SHAPE(2, 2), want, 2e-7 * (1 + turn));
        if (turn > 300) continue;
        const double size = exp(-turn);
        assert_values(tg_mul_s(tg_matrix_exp(tg_select(both, 0, 1)), size), TG_F64, TG_SHAPE(2, 2), (double[]){1, 0, 0, pair[3] * size}, 1e-14 * (1 + turn));
    }
    tg_tape_free(t);
}

/* The gradient is linear in what arrives, whatever its size; and has a derivative where nothing arrives. */
static void test_exp_gradient(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *a = leaf(t, TG_SHAPE(4, 4)), *seed = tg_set_requires_grad(numbers(t, TG_F64, TG_SHAPE(4, 4)), true), *e = tg_matrix_exp(a);
    tg_tensor *g = gradient(e, seed, a);
    (void)state;
    for (int k = -600; k <= 600; k += 300) assert_near(tg_mul_s(gradient(e, tg_mul_s(seed, ldexp(1, k)), a), ldexp(1, -k)), g, 64);
    tg_tensor *off = tg_sub(e, tg_detach(e)), *loss = tg_sum_all(tg_square(off)), *first = gradient(loss, NULL, a);
    assert_true(largest(first) == 0);
    /* At its minimum the Hessian is 2 J^T J: along v it is twice the gradient of e for e's tangent. */
    tg_tensor *v = numbers(t, TG_F64, TG_SHAPE(4, 4)), *zero = tg_set_requires_grad(tg_zeros(t, TG_SHAPE(4, 4)), true);
    tg_tensor *tangent = gradient(gradient(e, zero, a), v, zero);
    assert_near(gradient(first, v, a), tg_mul_s(gradient(e, tangent, a), 2), 4000);
    assert_true(largest(tangent) > 0.1);
    tg_tape_free(t);
}

/* ---- norms ------------------------------------------------------------------------------------------------------------ */

static void test_norms(void **state)
{
    tg_tape     *t = quiet(TG_F64);
    const double v[] = {3, -4, 0, 0, 0, -1};
    tg_tensor   *a = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(2, 3), v), true), *one = tg_set_requires_grad(tg_eye(t, 2), true);
    const double want[] = {sqrt(26), 6, 4, 1, 7, 1, 5, 1};
    (void)state;
    for (int kind = TG_NORM_FROBENIUS; kind <= TG_NORM_MINUS_2; kind++) {
        assert_f64(norm_of(a, kind, false), TG_SCALAR_SHAPE, want[kind]);
        assert_f64(norm_of(tg_unsqueeze(a, 0), kind, true), TG_SHAPE(1, 1, 1), want[kind]);
    }
    assert_f64(gradient(norm_of(a, TG_NORM_1, false), NULL, a), TG_SHAPE(2, 3), 0, -1, 0, 0, 0, 0);
    assert_f64(gradient(norm_of(a, TG_NORM_INFINITY, false), NULL, a), TG_SHAPE(2, 3), 1, -1, 0, 0, 0, 0);
    assert_f64(gradient(norm_of(one, TG_NORM_1, false), NULL, one), TG_SHAPE(2, 2), 0.5, 0, 0, 0.5);
    assert_f64(gradient(norm_of(one, TG_NORM_2, false), NULL, one), TG_SHAPE(2, 2), 0.5, 0, 0, 0.5);
    tg_tensor *zero = tg_set_requires_grad(tg_zeros(t, TG_SHAPE(2, 2)), true);
    assert_f64(gradient(norm_of(zero, TG_NORM_FROBENIUS, false), NULL, zero), TG_SHAPE(2, 2), 0, 0, 0, 0);
    tg_tape_free(t);
}

/* ---- threads, errors -------------------------------------------------------------------------------------------------- */

static double *many(int threads, int64_t *n)
{
    tg_tape   *t = tg_tape_new(&(tg_tape_options){.silent = true, .dtype = TG_F64, .threads = threads});
    tg_tensor *a = leaf(t, TG_SHAPE(24, 40, 40)), *vh, *r, *v;
    tg_tensor *sum = tg_matmul(tg_svd(a, NULL, &vh), tg_qr(a, &r));
    sum = tg_add(tg_add(sum, tg_matmul(vh, r)), tg_matrix_exp(a));
    tg_tensor *w = tg_eigh(a, false, &v);
    sum = tg_add(sum, tg_mul(v, tg_unsqueeze(w, -1)));
    tg_tensor *g = gradient(tg_add(tg_sum_all(tg_sin(sum)), tg_sum_all(tg_pinv(a, NULL))), NULL, a);
    *n = tg_numel(g);
    double *to = malloc((size_t)*n * sizeof *to);
    assert_true(to && tg_data(g));
    memcpy(to, tg_data(g), (size_t)*n * sizeof *to);
    tg_tape_free(t);
    return to;
}

static void test_threads(void **state)
{
    int64_t n, same;
    double *one = many(1, &n), *three = many(3, &same);
    (void)state;
    assert_int_equal(n, same);
    assert_memory_equal(one, three, (size_t)n * sizeof *one);
    free(one);
    free(three);
}

static void test_errors(void **state)
{
    tg_tape   *t = quiet(TG_F32), *other = quiet(TG_F32);
    tg_tensor *a = tg_ones(t, TG_SHAPE(3, 2)), *line = tg_ones(t, TG_SHAPE(3)), *place = a, *second = a;
    (void)state;
    WRONG(SHAPE, tg_svd(line, &place, &second), "tg_svd: takes matrices, the last two axes, not [3]");
    assert_true(!place && !second);
    place = a;
    WRONG(SHAPE, tg_qr(line, &place), "tg_qr: takes matrices, the last two axes, not [3]");
    assert_null(place);
    place = a;
    WRONG(SHAPE, tg_eigh(a, false, &place), "tg_eigh: takes square matrices, the last two axes, not [3,2]");
    assert_null(place);
    WRONG(SHAPE, tg_eigvalsh(line, true), "tg_eigvalsh: takes square matrices, the last two axes, not [3]");
    WRONG(SHAPE, tg_matrix_exp(a), "tg_matrix_exp: takes square matrices, the last two axes, not [3,2]");
    WRONG(DTYPE, tg_svdvals(tg_to(a, TG_I64)), "tg_svdvals: takes float32 or float64, got int64; tg_to(x, TG_F32) converts");
    WRONG(SHAPE, tg_lstsq(a, tg_ones(t, TG_SHAPE(2, 1))), "tg_lstsq: the right side has as many rows as the matrix, which [3,2] and [2,1] have not");
    WRONG(SHAPE, tg_lstsq(line, line), "tg_lstsq: takes matrices, the last two axes, not [3]");
    WRONG(DTYPE, tg_lstsq(a, tg_to(line, TG_F64)), "tg_lstsq: the dtypes differ: float32 and float64; convert one with tg_to");
    WRONG(TAPE, tg_lstsq(a, tg_ones(other, TG_SHAPE(3))), "tg_lstsq: the tensors belong to different tapes");
    WRONG(ARG, tg_pinv(a, &(tg_pinv_options){.rtol = -1}), "tg_pinv: atol 0 and rtol -1; both must be at least 0");
    WRONG(ARG, norm_of(a, 8, false), "tg_matrix_norm: 8 is no kind of norm");
    WRONG(SHAPE, tg_svdvals(tg_expand(tg_ones(t, TG_SHAPE(1, 1)), TG_SHAPE(1 << 16, 1 << 27))), "tg_svdvals: LAPACK has no room for matrices that large (input [65536,134217728] float32)");
    WRONG(SHAPE, tg_svd(tg_expand(tg_ones(t, TG_SHAPE(1, 1)), TG_SHAPE(30000, 30000)), NULL, NULL), "tg_svd: LAPACK has no room for matrices that large (input [30000,30000] float32)");
    assert_null(tg_svd(NULL, NULL, NULL));
    assert_null(tg_lstsq(a, NULL));
    tg_tape_free(other);
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_svd),          cmocka_unit_test(test_qr),           cmocka_unit_test(test_eigh),   cmocka_unit_test(test_one_result),
        cmocka_unit_test(test_equal_values), cmocka_unit_test(test_small_values), cmocka_unit_test(test_nan),    cmocka_unit_test(test_empty),
        cmocka_unit_test(test_lstsq),        cmocka_unit_test(test_pinv),         cmocka_unit_test(test_exp),    cmocka_unit_test(test_exp_gradient),
        cmocka_unit_test(test_norms),        cmocka_unit_test(test_threads),      cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
