/* test_linalg.c - linear algebra: what is read, what is not regular, many matrices on several threads, a Gaussian process, wrong calls. Values and gradients
 * are those of samples_linalg.c. */
#include "op_test.h"

#define WRONG(STATUS, CALL, SENTENCE) assert_error(t, CALL, TG_ERR_##STATUS, SENTENCE)

/* n×n matrices: random numbers in -1 … 1, and `diagonal` more on the diagonal. */
static tg_tensor *matrices(tg_tape *t, tg_dtype dtype, const tg_shape *s, double diagonal)
{
    double  *v = malloc((size_t)count_of(s) * sizeof *v + 1);
    uint64_t state = 5;
    assert_non_null(v);
    const int64_t n = s->dim[s->rank - 1];
    for (int64_t i = 0; i < count_of(s); i++) v[i] = (double)(draw(&state, 2001) - 1000) / 1000 + (i % n == i / n % n ? diagonal : 0);
    tg_tensor *x = tensor(t, dtype, s, v);
    free(v);
    return x;
}

/* ---- which numbers are read ---------------------------------------------------------------------------------------- */

static void test_triangle_alone_is_read(void **state)
{
    const double nan = NAN;
    tg_tape     *t = quiet(TG_F64);
    (void)state;
    for (int upper = 0; upper < 2; upper++) {
        const double v[] = {4, upper ? 2 : nan, upper ? nan : 2, 5};
        tg_tensor   *a = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(2, 2), v), true), *l = tg_cholesky(a, upper);
        assert_f64(upper ? tg_mT(l) : l, TG_SHAPE(2, 2), 2, 0, 1, 2);
        /* With a = A00, b = A10, c = A11: L00 = √a, L10 = b/√a, L11 = √(c - b²/a). Their sum's slopes at 4, 2, 5: */
        const double da = 1 / 4.0 - 2 / 16.0 + 4 / 16.0 / 4.0, db = 1 / 2.0 - 2 / 4.0 / 2.0, dc = 1 / 4.0;
        tg_tensor   *d = gradient(tg_sum_all(l), NULL, a);
        assert_f64(d, TG_SHAPE(2, 2), da, upper ? db : 0, upper ? 0 : db, dc);
        const tg_solve_triangular_options o = {.upper = upper}, unit = {.upper = upper, .unitriangular = true};
        tg_tensor *b = VECTOR(t, 8, 10), *x = tg_solve_triangular(a, b, &o);
        if (upper) assert_f64(x, TG_SHAPE(2), 1, 2);
        else assert_f64(x, TG_SHAPE(2), 2, 6 / 5.0);
        if (upper) assert_f64(tg_solve_triangular(a, b, &unit), TG_SHAPE(2), -12, 10);
        else assert_f64(tg_solve_triangular(a, b, &unit), TG_SHAPE(2), 8, -6);
        d = gradient(tg_sum_all(tg_solve_triangular(a, b, &unit)), NULL, a);
        assert_f64(d, TG_SHAPE(2, 2), 0, upper ? -10 : 0, upper ? 0 : -8, 0);
    }
    tg_tape_free(t);
}

/* ---- what is not regular ------------------------------------------------------------------------------------------- */

static void test_indefinite(void **state)
{
    tg_tape     *t = quiet(TG_F64);
    const double v[] = {1, 0, 0, 1, 1, 2, 2, 1, -1, 0, 0, 1};
    tg_tensor   *a = tensor(t, TG_F64, TG_SHAPE(3, 2, 2), v), *info;
    (void)state;
    assert_error_when_read(t, tg_cholesky(a, false), TG_ERR_ARG, "tg_cholesky: the matrix at [1] is not positive definite: its leading minor of order 2 is not");
    assert_error_when_read(t, tg_cholesky(tg_select(a, 0, 2), true), TG_ERR_ARG, "tg_cholesky: the matrix is not positive definite: its leading minor of order 1 is not");
    tg_tensor *l = tg_cholesky_ex(a, false, &info);
    assert_values(info, TG_I64, TG_SHAPE(3), (double[]){0, 2, 1}, 0);
    assert_f64(l, TG_SHAPE(3, 2, 2), 1, 0, 0, 1, NAN, 0, NAN, NAN, NAN, 0, NAN, NAN);
    assert_f64(tg_add_s(tg_select(l, 0, 0), 1), TG_SHAPE(2, 2), 2, 1, 1, 2); /* the tape goes on */
    tg_tape_free(t);
}

static void test_singular(void **state)
{
    tg_tape     *t = quiet(TG_F64);
    const double v[] = {1, 2, 2, 4};
    tg_tensor   *a = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(2, 2), v), true), *b = VECTOR(t, 1, 1), *sign;
    (void)state;
    assert_error_when_read(t, tg_solve(a, b), TG_ERR_ARG, "tg_solve: the matrix is singular");
    assert_error_when_read(t, tg_inv(tg_unsqueeze(a, 0)), TG_ERR_ARG, "tg_inv: the matrix at [0] is singular");
    assert_true(tg_item(tg_slogdet(a, &sign)) == -INFINITY);
    assert_true(tg_item(sign) == 0);
    assert_true(!isfinite(tg_item(tg_sum_all(gradient(tg_slogdet(a, NULL), NULL, a)))));
    assert_f64(gradient(tg_mul_s(tg_slogdet(a, NULL), 0), NULL, a), TG_SHAPE(2, 2), 0, 0, 0, 0);
    tg_tape_free(t);
}

static void test_determinants(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *sign;
    (void)state;
    const double v[] = {0, 1, 1, 0, 2, 0, 0, 3};
    tg_tensor   *a = tensor(t, TG_F64, TG_SHAPE(2, 2, 2), v), *y = tg_slogdet(a, &sign);
    assert_f64(y, TG_SHAPE(2), 0, log(6));
    assert_f64(sign, TG_SHAPE(2), -1, 1);
    assert_f64(tg_logdet(a), TG_SHAPE(2), NAN, log(6));
    y = tg_slogdet(tg_zeros(t, TG_SHAPE(2, 0, 0)), &sign);
    assert_f64(y, TG_SHAPE(2), 0, 0);
    assert_f64(sign, TG_SHAPE(2), 1, 1);
    tg_tensor *l, *u, *p = tg_lu(tg_select(a, 0, 0), &l, &u), *rows, *lu = tg_lu_factor(a, &rows);
    assert_f64(p, TG_SHAPE(2, 2), 0, 1, 1, 0);
    assert_f64(l, TG_SHAPE(2, 2), 1, 0, 0, 1);
    assert_f64(u, TG_SHAPE(2, 2), 1, 0, 0, 1);
    assert_values(rows, TG_I64, TG_SHAPE(2, 2), (double[]){1, 0, 0, 1}, 0);
    assert_f64(lu, TG_SHAPE(2, 2, 2), 1, 0, 0, 1, 2, 0, 0, 3);
    tg_tape_free(t);
}

/* Cofactors of a matrix of rank 2 of 3, and of one of rank 1. */
static void test_singular_determinant(void **state)
{
    tg_tape     *t = quiet(TG_F64);
    const double v[] = {0, 1, 2, 3, 4, 5, 6, 7, 8}, w[] = {0, 0, 0, 0, 5, 10, 0, 4, 8};
    tg_tensor   *a = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(3, 3), v), true), *b = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(3, 3), w), true);
    (void)state;
    assert_true(fabs(tg_item(tg_det(a))) < 1e-14 && tg_item(tg_det(b)) == 0);
    assert_f64(gradient(tg_det(a), NULL, a), TG_SHAPE(3, 3), -3, 6, -3, 6, -12, 6, -3, 6, -3);
    assert_f64(gradient(tg_det(b), NULL, b), TG_SHAPE(3, 3), 0, 0, 0, 0, 0, 0, 0, 0, 0);
    assert_error_when_read(t, gradient(tg_sum_all(tg_square(gradient(tg_det(b), NULL, b))), NULL, b), TG_ERR_ARG, "tg_det: the matrix is singular");
    assert_error_when_read(t, tg_matrix_power(b, -3), TG_ERR_ARG, "tg_matrix_power: the matrix is singular");
    assert_f64(tg_matrix_power(a, 0), TG_SHAPE(3, 3), 1, 0, 0, 0, 1, 0, 0, 0, 1);
    tg_tape_free(t);
}

/* NaN crashes nothing, and reaches what depends on it. */
static void test_nan(void **state)
{
    tg_tape *t = quiet(TG_F64);
    double   v[9] = {4, 1, 1, 1, 4, 1, 1, 1, NAN};
    (void)state;
    for (int k = 0; k < 9; k++) {
        memcpy(v, (double[]){4, 1, 1, 1, 4, 1, 1, 1, 4}, sizeof v);
        v[k] = NAN;
        tg_tensor *a = tensor(t, TG_F64, TG_SHAPE(3, 3), v), *info;
        assert_true(isnan(tg_item(tg_sum_all(tg_inv(a)))));
        assert_true(isnan(tg_item(tg_logdet(a))));
        assert_true(isnan(tg_item(tg_sum_all(tg_cholesky_ex(a, false, &info)))) == (k / 3 >= k % 3));
    }
    tg_tape_free(t);
}

/* ---- many, and large ----------------------------------------------------------------------------------------------- */

/* Solutions and gradients of 64 systems of 48, as bytes. */
static void many(int threads, float *to, int64_t n)
{
    tg_tape   *t = tg_tape_new(&(tg_tape_options){.silent = true, .dtype = TG_F32, .threads = threads});
    tg_tensor *a = tg_set_requires_grad(matrices(t, TG_F32, TG_SHAPE(64, 48, 48), 100), true), *l = tg_cholesky(a, false);
    tg_tensor *x = tg_add(tg_solve(a, l), tg_cholesky_solve(a, l, false)), *g = gradient(tg_sum_all(tg_square(x)), NULL, a);
    assert_int_equal(tg_numel(g), n);
    const float *p = tg_data(g);
    assert_non_null(p);
    memcpy(to, p, (size_t)n * sizeof *to);
    tg_tape_free(t);
}

static void test_threads(void **state)
{
    enum { ALL = 64 * 48 * 48 };
    float *one = malloc(ALL * sizeof *one), *two = malloc(ALL * sizeof *two);
    (void)state;
    assert_true(one && two);
    many(1, one, ALL);
    many(3, two, ALL);
    assert_memory_equal(one, two, ALL * sizeof *one);
    free(one);
    free(two);
}

/* A X = B at 130: more than LAPACK's blocks. */
static void test_large(void **state)
{
    enum { N = 130 };
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = matrices(t, TG_F64, TG_SHAPE(N, N), 0), *a = tg_add(tg_matmul(x, tg_mT(x)), tg_eye(t, N)), *b = tg_slice(x, 1, 0, 3, 1), *l = tg_cholesky(a, false);
    (void)state;
    assert_true(tg_item(tg_amax(tg_abs(tg_sub(tg_matmul(l, tg_mT(l)), a)), TG_ALL_AXES, false)) < 1e-11);
    assert_true(tg_item(tg_amax(tg_abs(tg_sub(tg_matmul(a, tg_solve(a, b)), b)), TG_ALL_AXES, false)) < 1e-10);
    assert_true(tg_item(tg_amax(tg_abs(tg_sub(tg_solve(a, b), tg_cholesky_solve(b, l, false))), TG_ALL_AXES, false)) < 1e-10);
    assert_true(fabs(tg_item(tg_sub(tg_logdet(a), tg_mul_s(tg_sum_all(tg_log(tg_diagonal(l, 0, 0, 1))), 2)))) < 1e-10);
    tg_tape_free(t);
}

/* ---- a Gaussian process -------------------------------------------------------------------------------------------- */

/* The log marginal likelihood -½ yᵀ K⁻¹ y - ½ log|K| of K = s² exp(-d²/2l²) + e² 1 has the derivative ½ tr((α αᵀ - K⁻¹) dK/dθ) with α = K⁻¹ y: Rasmussen
 * and Williams (2006), equation 5.9. */
enum { POINTS = 12 };
static void closed_form(const double *x, const double *y, const double *theta, double *d)
{
    long double k[POINTS][2 * POINTS], slope[3][POINTS][POINTS], alpha[POINTS] = {0};
    for (int i = 0; i < POINTS; i++)
        for (int j = 0; j < POINTS; j++) {
            const long double r = x[i] - x[j], e = expl(-r * r / (2 * (long double)theta[1] * theta[1])), s = theta[0];
            k[i][j] = s * s * e + (i == j ? (long double)theta[2] * theta[2] : 0);
            k[i][POINTS + j] = i == j;
            slope[0][i][j] = 2 * s * e;
            slope[1][i][j] = s * s * e * r * r / ((long double)theta[1] * theta[1] * theta[1]);
            slope[2][i][j] = i == j ? 2 * (long double)theta[2] : 0;
        }
    for (int p = 0; p < POINTS; p++) { /* the inverse, by Gauss and Jordan */
        const long double pivot = k[p][p];
        for (int j = 0; j < 2 * POINTS; j++) k[p][j] /= pivot;
        for (int i = 0; i < POINTS; i++) {
            const long double f = k[i][p];
            for (int j = 0; j < 2 * POINTS && i != p; j++) k[i][j] -= f * k[p][j];
        }
    }
    for (int i = 0; i < POINTS; i++)
        for (int j = 0; j < POINTS; j++) alpha[i] += k[i][POINTS + j] * y[j];
    for (int a = 0; a < 3; a++) {
        long double s = 0;
        for (int i = 0; i < POINTS; i++)
            for (int j = 0; j < POINTS; j++) s += (alpha[i] * alpha[j] - k[i][POINTS + j]) * slope[a][j][i];
        d[a] = (double)(s / 2);
    }
}

static void test_gaussian_process(void **state)
{
    tg_tape *t = quiet(TG_F64);
    double   x[POINTS], y[POINTS], want[3];
    (void)state;
    const double theta[3] = {1.3, 0.7, 0.4};
    for (int i = 0; i < POINTS; i++) x[i] = 0.37 * i + 0.1 * sin(5 * i), y[i] = sin(x[i]) + 0.2 * cos(9 * i);
    closed_form(x, y, theta, want);
    tg_tensor *v = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(3), theta), true), *p = tensor(t, TG_F64, TG_SHAPE(POINTS), x), *targets = tensor(t, TG_F64, TG_SHAPE(POINTS), y);
    tg_tensor *scale = tg_square(tg_select(v, 0, 0)), *length = tg_square(tg_select(v, 0, 1)), *noise = tg_square(tg_select(v, 0, 2));
    tg_tensor *r = tg_square(tg_sub(tg_unsqueeze(p, 1), p)), *k = tg_mul(scale, tg_exp(tg_div(tg_mul_s(r, -0.5), length)));
    tg_tensor *l = tg_cholesky(tg_add(k, tg_mul(tg_eye(t, POINTS), noise)), false), *alpha = tg_cholesky_solve(targets, l, false);
    tg_tensor *likelihood = tg_neg(tg_add(tg_mul_s(tg_dot(targets, alpha), 0.5), tg_sum_all(tg_log(tg_diagonal(l, 0, 0, 1)))));
    assert_values(gradient(likelihood, NULL, v), TG_F64, TG_SHAPE(3), want, 1e-9);
    tg_tape_free(t);
}

/* ---- wrong calls ---------------------------------------------------------------------------------------------------- */

static void test_errors(void **state)
{
    tg_tape   *t = quiet(TG_F32), *other = quiet(TG_F32);
    tg_tensor *a = tg_eye(t, 3), *b = tg_ones(t, TG_SHAPE(2, 3)), *place = a, *second = a;
    (void)state;
    WRONG(SHAPE, tg_cholesky(b, false), "tg_cholesky: takes square matrices, the last two axes, not [2,3]");
    WRONG(SHAPE, tg_cholesky_ex(tg_scalar(t, 1), true, &place), "tg_cholesky_ex: takes square matrices, the last two axes, not []");
    assert_null(place);
    WRONG(DTYPE, tg_cholesky(tg_to(a, TG_I32), true), "tg_cholesky: takes float32 or float64, got int32; tg_to(x, TG_F32) converts");
    WRONG(SHAPE, tg_solve(a, b), "tg_solve: the right side has as many rows as the matrix, which [3,3] and [2,3] have not");
    WRONG(SHAPE, tg_solve(b, a), "tg_solve: takes square matrices, the last two axes, not [2,3]");
    WRONG(SHAPE, tg_solve(a, tg_scalar(t, 1)), "tg_solve: takes a matrix or a vector on the right, not [3,3] and []");
    WRONG(SHAPE, tg_solve(tg_expand(a, TG_SHAPE(2, 3, 3)), tg_ones(t, TG_SHAPE(4, 3, 1))), "tg_solve: the leading axes of [2,3,3] and [4,3,1] do not broadcast: sizes must be equal or 1");
    WRONG(SHAPE, tg_solve_triangular(a, tg_ones(t, TG_SHAPE(3)), &(tg_solve_triangular_options){.right = true}),
          "tg_solve_triangular: takes matrices on both sides, not [3,3] and [3]");
    WRONG(SHAPE, tg_solve_triangular(a, tg_ones(t, TG_SHAPE(3, 2)), &(tg_solve_triangular_options){.right = true}),
          "tg_solve_triangular: the right side has as many columns as the matrix, which [3,3] and [3,2] have not");
    WRONG(DTYPE, tg_solve(a, tg_to(b, TG_F64)), "tg_solve: the dtypes differ: float32 and float64; convert one with tg_to");
    WRONG(TAPE, tg_cholesky_solve(tg_ones(other, TG_SHAPE(3)), a, false), "tg_cholesky_solve: the tensors belong to different tapes");
    WRONG(DTYPE, tg_slogdet(tg_to(a, TG_I64), &place), "tg_slogdet: takes float32 or float64, got int64; tg_to(x, TG_F32) converts");
    WRONG(SHAPE, tg_lu(b, &place, &second), "tg_lu: takes square matrices, the last two axes, not [2,3]");
    assert_true(!place && !second);
    assert_null(tg_inv(NULL));
    assert_null(tg_solve(a, NULL));
    assert_null(tg_logdet(NULL));
    assert_null(tg_cholesky_inverse(NULL, false));
    tg_tape_free(other);
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_triangle_alone_is_read), cmocka_unit_test(test_indefinite), cmocka_unit_test(test_singular),
        cmocka_unit_test(test_determinants),           cmocka_unit_test(test_nan),        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_singular_determinant),
        cmocka_unit_test(test_large),                  cmocka_unit_test(test_gaussian_process), cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
