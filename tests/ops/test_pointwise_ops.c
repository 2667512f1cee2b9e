/* test_pointwise_ops.c - pointwise functions where samples do not reach: integers, ties, divisors of 0, bounds, NaN and infinities, wrong calls. */
#include "op_test.h"

#include <float.h>
#include <limits.h>

static const tg_dtype integers[] = {TG_I64, TG_I32, TG_I16, TG_U8};

/* A zero has its sign. */
static void assert_signs(tg_tensor *y, int64_t n, const double *want)
{
    const double *p = tg_data_f64(y);
    assert_non_null(p);
    for (int64_t k = 0; k < n; k++)
        if (!near(p[k], want[k], 0) || (want[k] == 0 && !signbit(p[k]) != !signbit(want[k]))) fail_msg("element %d is %g, not %g", (int)k, p[k], want[k]);
}
#define assert_exactly(Y, ...) assert_signs(Y, TG_COUNTD_(__VA_ARGS__), (const double[]){__VA_ARGS__})

/* ---- whole numbers ------------------------------------------------------------------------------------------------ */

static void test_rounding(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = VECTOR(t, -2.5, -1.5, -0.5, -0.0, 0.5, 1.5, 2.5, 0x1p60, -INFINITY, NAN, 0x1.fffffffffffffp-2);
    (void)state;
    assert_exactly(tg_floor(x), -3, -2, -1, -0.0, 0, 1, 2, 0x1p60, -INFINITY, NAN, 0);
    assert_exactly(tg_ceil(x), -2, -1, -0.0, -0.0, 1, 2, 3, 0x1p60, -INFINITY, NAN, 1);
    assert_exactly(tg_round(x), -2, -2, -0.0, -0.0, 0, 2, 2, 0x1p60, -INFINITY, NAN, 0);
    assert_exactly(tg_trunc(x), -2, -1, -0.0, -0.0, 0, 1, 2, 0x1p60, -INFINITY, NAN, 0);
    assert_f64(tg_frac(x), TG_SHAPE(11), -0.5, -0.5, -0.5, 0, 0.5, 0.5, 0.5, 0, NAN, NAN, 0x1.fffffffffffffp-2);
    for (size_t k = 0; k < 4; k++) {
        tg_tensor *i = tensor(t, integers[k], TG_SHAPE(3), (double[]){0, 7, 100});
        assert_values(tg_floor(i), integers[k], TG_SHAPE(3), (double[]){0, 7, 100}, 0);
        assert_values(tg_round(i), integers[k], TG_SHAPE(3), (double[]){0, 7, 100}, 0);
    }
    tg_tape_free(t);
}

/* ---- quotients -------------------------------------------------------------------------------------------------------- */

static void test_integer_quotients(void **state)
{
    const double x[8] = {7, -7, 7, -7, 6, -6, 0, -1}, y[8] = {3, 3, -3, -3, 3, -3, -5, 100};
    (void)state;
    for (size_t k = 0; k < 3; k++) {
        tg_tape   *t = quiet(TG_F32);
        tg_tensor *a = tensor(t, integers[k], TG_SHAPE(8), x), *b = tensor(t, integers[k], TG_SHAPE(8), y);
        assert_values(tg_fmod(a, b), integers[k], TG_SHAPE(8), (double[]){1, -1, 1, -1, 0, 0, 0, -1}, 0);
        assert_values(tg_remainder(a, b), integers[k], TG_SHAPE(8), (double[]){1, 2, -2, -1, 0, 0, 0, 99}, 0);
        assert_values(tg_floor_divide(a, b), integers[k], TG_SHAPE(8), (double[]){2, -3, -3, 2, 2, 2, 0, -1}, 0);
        tg_tape_free(t);
    }
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *bytes = tensor(t, TG_U8, TG_SHAPE(2), (double[]){255, 200}), *seven = tensor(t, TG_U8, TG_SHAPE(1), (double[]){7});
    assert_values(tg_remainder(bytes, seven), TG_U8, TG_SHAPE(2), (double[]){3, 4}, 0);
    assert_values(tg_floor_divide(bytes, seven), TG_U8, TG_SHAPE(2), (double[]){36, 28}, 0);
    tg_tape_free(t);
}

/* The lowest number by -1 has no quotient in its dtype. */
static void test_lowest(void **state)
{
    tg_tape       *t = quiet(TG_F32);
    const int64_t  low[1] = {INT64_MIN}, minus[1] = {-1};
    tg_tensor     *x = tg_from_i64(t, TG_SHAPE(1), low), *y = tg_from_i64(t, TG_SHAPE(1), minus);
    (void)state;
    assert_int_equal(tg_data_i64(tg_floor_divide(x, y))[0], INT64_MIN);
    assert_int_equal(tg_data_i64(tg_remainder(x, y))[0], 0);
    assert_int_equal(tg_data_i64(tg_fmod(x, y))[0], 0);
    tg_tensor *i = tensor(t, TG_I32, TG_SHAPE(1), (double[]){INT_MIN}), *j = tensor(t, TG_I32, TG_SHAPE(1), (double[]){-1});
    assert_values(tg_floor_divide(i, j), TG_I32, TG_SHAPE(1), (double[]){INT_MIN}, 0);
    tg_tape_free(t);
}

static void test_integer_divisors_of_zero(void **state)
{
    tg_tensor *(*const functions[])(tg_tensor *, tg_tensor *) = {tg_fmod, tg_remainder, tg_floor_divide};
    (void)state;
    for (size_t k = 0; k < 4; k++)
        for (int f = 0; f < 3; f++) {
            tg_tape   *t = quiet(TG_F32);
            tg_tensor *x = tensor(t, integers[k], TG_SHAPE(2, 3), (double[]){1, 2, 3, 4, 5, 6});
            tg_tensor *y = tensor(t, integers[k], TG_SHAPE(2, 3), (double[]){1, 2, 3, 4, 5, 0}), *none = tg_slice(y, 1, 0, 0, 1);
            assert_error_when_read(t, functions[f](x, y), TG_ERR_ARG, "tg_check_divisor: the divisor at [1,2] is 0, by which integers have no quotient");
            assert_non_null(tg_data(functions[f](x, tg_slice(y, 1, 0, 1, 1))));
            assert_non_null(tg_eval(&none, 1) == TG_OK ? functions[f](none, none) : NULL);
            tg_tape_free(t);
        }
}

/* Exact however large the quotient is, wherever it stands among small ones, and for subnormals. */
static void test_float_quotients(void **state)
{
    static const double point[] = {0,    -0.0, 1,      -1,      5.5,    -5.5,   0.1,  -0.3,     3,    7e300,     -1e22,    0x1p-1074, -0x1.8p-1060,
                                   1e17, 1e-3, 0x1p52, 1048577, 1048575.5, 1e308, -2e-308, INFINITY, -INFINITY, NAN};
    enum { N = sizeof point / sizeof *point, ALL = N * N };
    static double x[ALL], y[ALL], want[3][ALL];
    tg_tape      *t = quiet(TG_F64);
    (void)state;
    for (int k = 0; k < ALL; k++) {
        x[k] = point[k / N], y[k] = point[k % N];
        const double m = fmod(x[k], y[k]), up = m != 0 && (m < 0) != (y[k] < 0) ? m + y[k] : m;
        const double q = (double)roundl(((long double)x[k] - (long double)m) / (long double)y[k]) - (up != m || (m != 0 && (m < 0) != (y[k] < 0)));
        want[0][k] = m, want[1][k] = up, want[2][k] = y[k] == 0 ? x[k] / y[k] : q == 0 ? copysign(0, x[k] / y[k]) : q;
    }
    for (int same = 0; same < 2; same++) { /* all at once, and each for itself, where vectors take all that they can */
        tg_tensor *a = tensor(t, TG_F64, TG_SHAPE(ALL), x), *b = tensor(t, TG_F64, TG_SHAPE(ALL), y);
        if (same) {
            for (int k = 0; k < ALL; k++) {
                tg_tensor *one = tg_slice(a, 0, k, k + 1, 1), *other = tg_slice(b, 0, k, k + 1, 1);
                assert_signs(tg_fmod(one, other), 1, want[0] + k);
                assert_signs(tg_remainder(one, other), 1, want[1] + k);
            }
            continue;
        }
        assert_signs(tg_fmod(a, b), ALL, want[0]);
        assert_signs(tg_remainder(a, b), ALL, want[1]);
        const double *got = tg_data_f64(tg_floor_divide(a, b));
        for (int k = 0; k < ALL; k++)
            if (!near(got[k], want[2][k], fabs(want[2][k]) * 1e-15) || (want[2][k] == 0 && !signbit(got[k]) != !signbit(want[2][k])))
                fail_msg("floor_divide(%g, %g) is %g, not %g", x[k], y[k], got[k], want[2][k]);
    }
    tg_tape_free(t);
}

/* Random floats: the vector loops against libm, to the bit. */
static void test_many_floats(void **state)
{
    enum { N = 5000 };
    static float x[N], y[N];
    uint64_t     seed = 5;
    tg_tape     *t = quiet(TG_F32);
    (void)state;
    for (int round = 0; round < 40; round++) {
        for (int k = 0; k < N; k++) {
            y[k] = (float)(draw(&seed, 2000001) - 1000000) * 1e-3f;
            x[k] = round % 2 ? (float)(draw(&seed, 2001) - 1000) * y[k] : (float)(draw(&seed, 2000001) - 1000000) * 0.01f;
        }
        const float *m = tg_data_f32(tg_fmod(tg_from_f32(t, TG_SHAPE(N), x), tg_from_f32(t, TG_SHAPE(N), y)));
        const float *q = tg_data_f32(tg_floor_divide(tg_from_f32(t, TG_SHAPE(N), x), tg_from_f32(t, TG_SHAPE(N), y)));
        for (int k = 0; k < N; k++) {
            if (!near((double)m[k], (double)fmodf(x[k], y[k]), 0)) fail_msg("fmod(%a, %a) is %a", (double)x[k], (double)y[k], (double)m[k]);
            const double exact = floor((double)x[k] / (double)y[k]); /* more than twice the digits of a float */
            if (y[k] != 0 && (double)q[k] != exact) fail_msg("floor_divide(%a, %a) is %a", (double)x[k], (double)y[k], (double)q[k]);
        }
        tg_reset(t);
    }
    tg_tape_free(t);
}

static void test_quotient_gradients(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(VECTOR(t, 7, -7, 6, 5, 5), true), *y = tg_set_requires_grad(VECTOR(t, 3, 3, 3, 0, INFINITY), true);
    tg_tensor *seed = VECTOR(t, 1, 2, 1, 0, 1);
    (void)state;
    assert_f64(gradient(tg_remainder(x, y), seed, x), TG_SHAPE(5), 1, 2, 1, 0, 1);
    assert_f64(gradient(tg_remainder(x, y), seed, y), TG_SHAPE(5), -2, 6, -2, 0, 0);
    assert_f64(gradient(tg_fmod(x, y), seed, y), TG_SHAPE(5), -2, 4, -2, 0, 0);
    assert_false(tg_requires_grad(tg_floor_divide(x, y)));
    tg_tape_free(t);
}

/* ---- bounds --------------------------------------------------------------------------------------------------------- */

static void test_clamp(void **state)
{
    (void)state;
    for (tg_dtype d = TG_F32; d <= TG_F64; d++) {
        tg_tape   *t = quiet(d);
        tg_tensor *x = tg_set_requires_grad(tensor(t, d, TG_SHAPE(7), (double[]){-3, -1, 0, 2, 5, NAN, -INFINITY}), true);
        tg_tensor *ones = tg_ones_like(x), *seed = tensor(t, d, TG_SHAPE(7), (double[]){1, 1, 1, 1, 1, 0, 1});
        assert_values(tg_clamp(x, -1, 2), d, TG_SHAPE(7), (double[]){-1, -1, 0, 2, 2, NAN, -1}, 0);
        assert_values(gradient(tg_clamp(x, -1, 2), seed, x), d, TG_SHAPE(7), (double[]){0, 1, 1, 1, 0, 0, 0}, 0);
        assert_values(gradient(tg_clamp(x, -1, 2), ones, x), d, TG_SHAPE(7), (double[]){0, 1, 1, 1, 0, NAN, 0}, 0);
        assert_values(tg_clamp(x, -INFINITY, 2), d, TG_SHAPE(7), (double[]){-3, -1, 0, 2, 2, NAN, -INFINITY}, 0);
        assert_values(gradient(tg_clamp(x, -INFINITY, 2), seed, x), d, TG_SHAPE(7), (double[]){1, 1, 1, 1, 0, 0, 1}, 0);
        assert_values(tg_clamp(x, 0, INFINITY), d, TG_SHAPE(7), (double[]){0, 0, 0, 2, 5, NAN, 0}, 0);
        assert_values(tg_clamp(x, 3, 2), d, TG_SHAPE(7), (double[]){2, 2, 2, 2, 2, NAN, 2}, 0);
        assert_values(tg_clamp(x, INFINITY, INFINITY), d, TG_SHAPE(7), (double[]){INFINITY, INFINITY, INFINITY, INFINITY, INFINITY, NAN, INFINITY}, 0);
        tg_tape_free(t);
    }
    for (size_t k = 0; k < 4; k++) {
        tg_tape   *t = quiet(TG_F32);
        tg_tensor *i = tensor(t, integers[k], TG_SHAPE(3), (double[]){1, 50, 100});
        assert_values(tg_clamp(i, 7, 60), integers[k], TG_SHAPE(3), (double[]){7, 50, 60}, 0);
        assert_values(tg_clamp(i, -INFINITY, 60), integers[k], TG_SHAPE(3), (double[]){1, 50, 60}, 0);
        tg_tape_free(t);
    }
}

static void test_nan_to_num(void **state)
{
    (void)state;
    for (tg_dtype d = TG_F32; d <= TG_F64; d++) {
        tg_tape     *t = quiet(d);
        tg_tensor   *x = tg_set_requires_grad(tensor(t, d, TG_SHAPE(4), (double[]){NAN, INFINITY, -INFINITY, 5}), true), *ones = tg_ones_like(x);
        const double most = d == TG_F32 ? (double)FLT_MAX : DBL_MAX;
        assert_values(tg_nan_to_num(x, NULL), d, TG_SHAPE(4), (double[]){0, most, -most, 5}, 0);
        assert_values(tg_nan_to_num(x, &(tg_nan_to_num_options){.nan = 2, .posinf = TG_ZERO, .neginf = -7}), d, TG_SHAPE(4), (double[]){2, 0, -7, 5}, 0);
        assert_values(gradient(tg_nan_to_num(x, NULL), ones, x), d, TG_SHAPE(4), (double[]){0, 0, 0, 1}, 0);
        tg_tape_free(t);
    }
}

/* ---- bools --------------------------------------------------------------------------------------------------------- */

static void test_logic(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *a = tensor(t, TG_BOOL, TG_SHAPE(2, 1), (double[]){0, 1}), *b = tensor(t, TG_BOOL, TG_SHAPE(2), (double[]){0, 1});
    (void)state;
    assert_values(tg_logical_and(a, b), TG_BOOL, TG_SHAPE(2, 2), (double[]){0, 0, 0, 1}, 0);
    assert_values(tg_logical_or(a, b), TG_BOOL, TG_SHAPE(2, 2), (double[]){0, 1, 1, 1}, 0);
    assert_values(tg_logical_xor(a, b), TG_BOOL, TG_SHAPE(2, 2), (double[]){0, 1, 1, 0}, 0);
    tg_tape_free(t);
}

static void test_isclose(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *a = VECTOR(t, 1, 1, 1, 0, INFINITY, INFINITY, INFINITY, NAN, 1e-9), *b = VECTOR(t, 1, 1.000009, 1.00002, 1e-7, INFINITY, -INFINITY, 1e308, NAN, 0);
    (void)state;
    assert_values(tg_isclose(a, b, NULL), TG_BOOL, TG_SHAPE(9), (double[]){1, 1, 0, 0, 1, 0, 0, 0, 1}, 0);
    const tg_isclose_options nan = {.equal_nan = true}, loose = {.rtol = TG_ZERO, .atol = 1e-4}, none = {.rtol = TG_ZERO, .atol = TG_ZERO};
    assert_values(tg_isclose(a, b, &nan), TG_BOOL, TG_SHAPE(9), (double[]){1, 1, 0, 0, 1, 0, 0, 1, 1}, 0);
    assert_values(tg_isclose(a, b, &loose), TG_BOOL, TG_SHAPE(9), (double[]){1, 1, 1, 1, 1, 0, 0, 0, 1}, 0);
    assert_true(tg_item(tg_allclose(a, a, &(tg_isclose_options){.equal_nan = true})) == 1 && tg_item(tg_allclose(a, b, NULL)) == 0);
    assert_values(tg_isclose(a, b, &none), TG_BOOL, TG_SHAPE(9), (double[]){1, 0, 0, 0, 1, 0, 0, 0, 0}, 0);
    tg_tape_free(t);
}

/* ---- elementary functions: what is special of values and slopes ------------------------------------------------------- */

static tg_tensor *slope(tg_tensor *y, tg_tensor *x) { return gradient(y, tg_ones_like(y), x); }

static void test_ends(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(VECTOR(t, 1, -1, 2, 0, NAN), true), *zero = tg_zeros_like(x);
    (void)state;
    assert_f64(tg_atanh(x), TG_SHAPE(5), INFINITY, -INFINITY, NAN, 0, NAN);
    assert_f64(slope(tg_asin(x), x), TG_SHAPE(5), INFINITY, INFINITY, NAN, 1, NAN);
    assert_f64(slope(tg_acos(x), x), TG_SHAPE(5), -INFINITY, -INFINITY, NAN, -1, NAN);
    assert_f64(gradient(tg_asin(x), zero, x), TG_SHAPE(5), 0, 0, 0, 0, 0);
    assert_f64(gradient(tg_acosh(x), zero, x), TG_SHAPE(5), 0, 0, 0, 0, 0);
    assert_f64(slope(tg_cbrt(x), x), TG_SHAPE(5), 1.0 / 3, 1.0 / 3, 0.20998684164914554, INFINITY, NAN);
    tg_tensor *p = tg_set_requires_grad(VECTOR(t, 0, 1, 0.5, -0.0), true);
    assert_f64(tg_logit(p), TG_SHAPE(4), -INFINITY, INFINITY, 0, -INFINITY);
    assert_f64(slope(tg_logit(p), p), TG_SHAPE(4), INFINITY, INFINITY, 4, -INFINITY);
    assert_f64(tg_rsqrt(p), TG_SHAPE(4), INFINITY, 1, sqrt(2), -INFINITY);
    tg_tape_free(t);
}

static void test_sinc(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(VECTOR(t, 0, 1, -3, 1e9, 0.5, 1e-9), true), *g;
    const double pi = 3.141592653589793;
    (void)state;
    assert_f64(tg_sinc(x), TG_SHAPE(6), 1, 0, 0, 0, 2 / pi, 1);
    g = slope(tg_sinc(x), x);
    assert_f64(g, TG_SHAPE(6), 0, -1, 1.0 / 3, 1e-9, -4 / pi, -pi * pi / 3 * 1e-9);
    assert_values(slope(g, x), TG_F64, TG_SHAPE(6), (double[]){-pi * pi / 3, 2, 2.0 / 9, -2e-18, 16 / pi - 2 * pi, -pi * pi / 3}, 1e-13);
    tg_tape_free(t);
}

static void test_origin(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(VECTOR(t, 0, 0x3p600, 0, 0, 2), true), *y = tg_set_requires_grad(VECTOR(t, 0, 0x4p600, -2, 2, 0), true);
    const double pi = 3.141592653589793;
    (void)state;
    assert_f64(tg_hypot(x, y), TG_SHAPE(5), 0, 0x5p600, 2, 2, 2);
    assert_f64(slope(tg_hypot(x, y), x), TG_SHAPE(5), 0, 0.6, 0, 0, 1);
    assert_f64(slope(tg_hypot(x, y), y), TG_SHAPE(5), 0, 0.8, -1, 1, 0);
    assert_f64(tg_atan2(x, y), TG_SHAPE(5), 0, 0.6435011087932844, pi, 0, pi / 2);
    assert_f64(slope(tg_atan2(x, y), x), TG_SHAPE(5), 0, 0, -0.5, 0.5, 0);
    assert_f64(slope(tg_atan2(x, y), y), TG_SHAPE(5), 0, 0, 0, 0, -0.5);
    tg_tape_free(t);
}

static void test_pairs(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(VECTOR(t, -INFINITY, -INFINITY, 0, 0, NAN, 2), true);
    tg_tensor *y = tg_set_requires_grad(VECTOR(t, -INFINITY, 1, 0, -3, 5, 2), true);
    const double ln2 = 0.6931471805599453;
    (void)state;
    assert_f64(tg_logaddexp(x, y), TG_SHAPE(6), -INFINITY, 1, ln2, log1p(exp(-3)), NAN, 2 + ln2);
    assert_f64(slope(tg_logaddexp(x, y), x), TG_SHAPE(6), 0, 0, 0.5, 1 / (1 + exp(-3)), NAN, 0.5);
    assert_f64(slope(tg_logaddexp(x, y), y), TG_SHAPE(6), 0, 1, 0.5, 1 / (1 + exp(3)), NAN, 0.5);
    assert_f64(slope(slope(tg_logaddexp(x, y), x), y), TG_SHAPE(6), 0, 0, -0.25, -exp(3) / ((1 + exp(3)) * (1 + exp(3))), NAN, -0.25);
    assert_f64(tg_logaddexp2(x, y), TG_SHAPE(6), -INFINITY, 1, 1, log2(1.125), NAN, 3);
    assert_f64(tg_xlogy(x, y), TG_SHAPE(6), NAN, NAN, 0, 0, NAN, 2 * ln2);
    assert_f64(slope(tg_xlogy(x, y), x), TG_SHAPE(6), NAN, 0, 0, 0, log(5), ln2);
    assert_f64(slope(tg_xlogy(x, y), y), TG_SHAPE(6), NAN, -INFINITY, 0, 0, NAN, 1);
    assert_f64(tg_fmax(x, y), TG_SHAPE(6), -INFINITY, 1, 0, 0, 5, 2);
    assert_f64(slope(tg_fmax(x, y), x), TG_SHAPE(6), 1, 0, 1, 1, 0, 1);
    assert_f64(slope(tg_fmin(x, y), y), TG_SHAPE(6), 0, 0, 0, 1, 1, 0);
    assert_f64(slope(tg_copysign(x, y), x), TG_SHAPE(6), 1, -1, 0, 0, NAN, 1);
    tg_tape_free(t);
}

static void test_lerp(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *a = VECTOR(t, 1e17, 0.1, -3), *b = VECTOR(t, 0.3, 0.7, 5);
    (void)state;
    assert_exactly(tg_lerp(a, b, tg_ones(t, TG_SHAPE(1))), 0.3, 0.7, 5);
    assert_exactly(tg_lerp(a, b, tg_zeros(t, TG_SHAPE(1))), 1e17, 0.1, -3);
    assert_exactly(tg_lerp_s(a, b, 1), 0.3, 0.7, 5);
    assert_exactly(tg_lerp_s(a, b, 0), 1e17, 0.1, -3);
    assert_f64(tg_lerp_s(a, b, 2), TG_SHAPE(3), -1e17, 1.3, 13);
    assert_f64(tg_addcmul(b, b, b, 1), TG_SHAPE(3), 0.39, 1.19, 30);
    assert_f64(tg_addcdiv(b, b, b, -2), TG_SHAPE(3), -1.7, -1.3, 3);
    tg_tape_free(t);
}

/* ---- wrong calls -------------------------------------------------------------------------------------------------- */

static void test_errors(void **state)
{
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *x = tg_zeros(t, TG_SHAPE(4)), *i = tg_arange(t, TG_I64, 4), *b = tg_eq(i, i);
    (void)state;
    assert_error(t, tg_clamp(x, NAN, 1), TG_ERR_ARG, "tg_clamp: the bounds are nan and 1; they must be numbers, or infinite for none");
    assert_error(t, tg_clamp(b, 0, 1), TG_ERR_DTYPE, "tg_clamp: does not take tensors of bool; tg_to converts them");
    assert_error(t, tg_clamp(i, 0.5, 1), TG_ERR_DTYPE, "tg_clamp: int64 does not hold the number 0.5; tg_to(x, TG_F32) converts the tensor");
    assert_error(t, tg_frac(i), TG_ERR_DTYPE, "tg_frac: takes float32 or float64, got int64; tg_to(x, TG_F32) converts");
    assert_error(t, tg_nan_to_num(i, NULL), TG_ERR_DTYPE, "tg_nan_to_num: takes float32 or float64, got int64; tg_to(x, TG_F32) converts");
    assert_error(t, tg_logical_and(b, x), TG_ERR_DTYPE, "tg_logical_and: takes bool, not float32; a comparison or tg_to(x, TG_BOOL) makes one");
    assert_error(t, tg_isclose(x, x, &(tg_isclose_options){.rtol = -1}), TG_ERR_ARG, "tg_isclose: rtol is -1 and atol 1e-08; neither may be less than 0");
    assert_error(t, tg_isclose(x, x, &(tg_isclose_options){.atol = NAN}), TG_ERR_ARG, "tg_isclose: rtol is 1e-05 and atol nan; neither may be less than 0");
    assert_null(tg_remainder(b, b));
    assert_int_equal(tg_error_status(t), TG_ERR_DTYPE);
    tg_clear_error(t);
    assert_null(tg_remainder(x, i));
    assert_int_equal(tg_error_status(t), TG_ERR_DTYPE);
    tg_clear_error(t);
    assert_null(tg_clamp(NULL, 0, 1));
    assert_null(tg_frac(NULL));
    assert_null(tg_nan_to_num(NULL, NULL));
    assert_null(tg_logical_xor(b, NULL));
    assert_null(tg_isclose(x, NULL, NULL));
    assert_null(tg_fmod(NULL, x));
    assert_null(tg_error(t));
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_integer_quotients),
        cmocka_unit_test(test_lowest),
        cmocka_unit_test(test_integer_divisors_of_zero),
        cmocka_unit_test(test_float_quotients),
        cmocka_unit_test(test_many_floats),
        cmocka_unit_test(test_quotient_gradients),
        cmocka_unit_test(test_clamp),
        cmocka_unit_test(test_nan_to_num),
        cmocka_unit_test(test_logic),
        cmocka_unit_test(test_isclose),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_sinc),
        cmocka_unit_test(test_origin),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_lerp),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
