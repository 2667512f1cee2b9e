/* test_numeric.c - polynomials, integrals of samples, interpolation and convolution of vectors: ends and empty inputs, and what is refused. Values and
 * gradients elsewhere are those of samples_numeric.c. */
#include "op_test.h"

static void test_polynomials(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = VECTOR(t, -2, 0, 3), *none = tg_zeros(t, TG_SHAPE(0));
    (void)state;
    assert_values(tg_polyval(VECTOR(t, 2, -1, 5), x), TG_F64, TG_SHAPE(3), (double[]){15, 5, 20}, 0);
    assert_values(tg_polyval(none, x), TG_F64, TG_SHAPE(3), (double[]){0, 0, 0}, 0);
    assert_values(tg_polyval(VECTOR(t, 0, 7), VECTOR(t, INFINITY)), TG_F64, TG_SHAPE(1), (double[]){NAN}, 0);
    assert_values(tg_vander(x, 3, false), TG_F64, TG_SHAPE(3, 3), (double[]){4, -2, 1, 0, 0, 1, 9, 3, 1}, 0);
    assert_values(tg_vander(x, 2, true), TG_F64, TG_SHAPE(3, 2), (double[]){1, -2, 1, 0, 1, 3}, 0);
    assert_values(tg_vander(x, 0, true), TG_F64, TG_SHAPE(3, 0), NULL, 0);
    tg_tape_free(t);
}

static void test_samples(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *y = VECTOR(t, 1, 2, 4), *xp = VECTOR(t, 0, 1, 3), *fp = VECTOR(t, 5, 7, 3), *x = VECTOR(t, -1, 0, 0.5, 1, 2, 3, 9, INFINITY, -INFINITY, NAN);
    (void)state;
    assert_values(tg_trapezoid(y, NULL, 0), TG_F64, TG_SCALAR_SHAPE, (double[]){4.5}, 0);
    assert_values(tg_trapezoid(y, VECTOR(t, 0, 1, 5), -1), TG_F64, TG_SCALAR_SHAPE, (double[]){13.5}, 0);
    assert_values(tg_trapezoid(VECTOR(t, 3), NULL, 0), TG_F64, TG_SCALAR_SHAPE, (double[]){0}, 0);
    assert_values(tg_interp1d(x, xp, fp), TG_F64, TG_SHAPE(10), (double[]){5, 5, 6, 7, 5, 3, 3, 3, 5, NAN}, 0);
    assert_values(tg_interp1d(x, VECTOR(t, 2), VECTOR(t, 8)), TG_F64, TG_SHAPE(10), (double[]){8, 8, 8, 8, 8, 8, 8, 8, 8, NAN}, 0);
    assert_values(tg_interp1d(VECTOR(t, 1, 1.5), VECTOR(t, 0, 1, 1, 2), VECTOR(t, 0, 1, 5, 6)), TG_F64, TG_SHAPE(2), (double[]){1, 5.5}, 0);
    /* what is not finite reaches as far as its lines, and what they end in is reached by none */
    assert_values(tg_interp1d(x, xp, VECTOR(t, 5, INFINITY, 3)), TG_F64, TG_SHAPE(10), (double[]){5, 5, NAN, INFINITY, INFINITY, 3, 3, 3, 5, NAN}, 0);
    assert_values(tg_interp1d(x, xp, VECTOR(t, -INFINITY, 7, NAN)), TG_F64, TG_SHAPE(10), (double[]){-INFINITY, -INFINITY, -INFINITY, 7, NAN, NAN, NAN, NAN, -INFINITY, NAN}, 0);
    /* beyond the points the slope is 0 */
    tg_tensor *leaf = tg_set_requires_grad(VECTOR(t, -1, 0.5, 9), true);
    assert_values(gradient(tg_interp1d(leaf, xp, fp), tg_ones_like(leaf), leaf), TG_F64, TG_SHAPE(3), (double[]){0, 2, 0}, 0);
    tg_tensor *ends = tg_set_requires_grad(VECTOR(t, -1, 9), true);
    assert_values(gradient(tg_interp1d(ends, xp, VECTOR(t, 5, INFINITY, 3)), tg_ones_like(ends), ends), TG_F64, TG_SHAPE(2), (double[]){0, 0}, 0);
    tg_tape_free(t);
}

static void test_convolution(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *a = VECTOR(t, 1, 2, 3), *v = VECTOR(t, 0, 1, 0.5, 2);
    (void)state;
    assert_values(tg_convolve(a, v, TG_CONVOLVE_FULL), TG_F64, TG_SHAPE(6), (double[]){0, 1, 2.5, 6, 5.5, 6}, 0);
    assert_values(tg_convolve(a, v, TG_CONVOLVE_SAME), TG_F64, TG_SHAPE(4), (double[]){1, 2.5, 6, 5.5}, 0);
    assert_values(tg_convolve(v, a, TG_CONVOLVE_VALID), TG_F64, TG_SHAPE(2), (double[]){2.5, 6}, 0);
    tg_tape_free(t);
}

static void test_errors(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = VECTOR(t, 1, 2), *m = tg_ones(t, TG_SHAPE(2, 3)), *none = tg_zeros(t, TG_SHAPE(0)), *i = tg_to(x, TG_I64);
    (void)state;
    assert_error(t, tg_polyval(m, x), TG_ERR_SHAPE, "tg_polyval: p, the coefficients, must be a vector, got [2,3]");
    assert_error(t, tg_vander(x, -1, true), TG_ERR_ARG, "tg_vander: n, how many powers, must be at least 0, got -1");
    assert_error(t, tg_vander(tg_ones(t, TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1)), 2, true), TG_ERR_SHAPE, "tg_vander: adds an axis: x may have up to 7, it has 8");
    assert_error(t, tg_trapezoid(m, VECTOR(t, 1, 2), 1), TG_ERR_SHAPE, "tg_trapezoid: x is [2]; it must be a vector of 3 places or broadcast to the samples [2,3]");
    assert_error(t, tg_interp1d(m, x, VECTOR(t, 1, 2, 3)), TG_ERR_SHAPE, "tg_interp1d: xp has 2 elements and fp 3; both are of the same points");
    assert_error(t, tg_interp1d(m, none, none), TG_ERR_SHAPE, "tg_interp1d: xp must be a vector with elements, got [0]");
    assert_error(t, tg_convolve(x, none, TG_CONVOLVE_FULL), TG_ERR_SHAPE, "tg_convolve: v must be a vector with elements, got [0]");
    assert_error(t, tg_convolve(x, x, (tg_convolve_mode)3), TG_ERR_ARG, "tg_convolve: 3 is no mode; there are TG_CONVOLVE_FULL, _SAME and _VALID");
    assert_null(tg_polyval(i, x)), tg_clear_error(t);
    assert_error(t, tg_betainc(x, x, VECTOR(t, 1, 2, 3)), TG_ERR_SHAPE, "tg_betainc: a, b and x do not broadcast with each other");
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_polynomials), cmocka_unit_test(test_samples), cmocka_unit_test(test_convolution), cmocka_unit_test(test_errors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
