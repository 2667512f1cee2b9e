/* test_scans.c - cumsum, cumprod, logcumsumexp, cummax, cummin, diff: long lines, zeros, NaNs and infinities, ties, gradients there, and wrong
 * calls. Values and gradients elsewhere are those of samples_order.c. */
#include "op_test.h"

/* Sums and products of f32 are carried in f64, along either axis. */
static void test_long_lines(void **state)
{
    enum { N = 1000000 };
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *x = tg_full(t, TG_F32, TG_SHAPE(N, 2), 0.1);
    (void)state;
    const double exact = (double)0.1F * N;
    assert_true(fabs(tg_item(tg_select(tg_select(tg_cumsum(x, 0), 0, -1), 0, 1)) - exact) < 1e-7 * exact);
    assert_true(fabs(tg_item(tg_select(tg_select(tg_cumsum(tg_mT(x), 1), 1, -1), 0, 0)) - exact) < 1e-7 * exact);
    tg_tensor *grow = tg_full(t, TG_F32, TG_SHAPE(N), 1 + 0x1p-20);
    assert_true(fabs(tg_item(tg_select(tg_cumprod(grow, 0), 0, -1)) - exp(N * log1p(0x1p-20))) < 1e-6);
    tg_tape_free(t);
}

/* Many lines, for several threads: each as it is alone. */
static void test_many_lines(void **state)
{
    enum { ROWS = 300, COLS = 700 };
    tg_tape     *t = quiet(TG_F32);
    tg_tensor   *x = tg_randn(t, TG_SHAPE(ROWS, COLS)), *place;
    const float *v = tg_data_f32(x), *down = tg_data_f32(tg_cumsum(x, 0)), *along = tg_data_f32(tg_cumsum(x, 1));
    const float *most = tg_data_f32(tg_cummax(x, 0, &place));
    (void)state;
    for (int64_t j = 0; j < COLS; j++) {
        double s = 0;
        for (int64_t i = 0; i < ROWS; i++) {
            s += (double)v[i * COLS + j];
            assert_true(down[i * COLS + j] == (float)s);
            assert_true(most[i * COLS + j] == v[tg_data_i64(place)[i * COLS + j] * COLS + j]);
            assert_true(most[i * COLS + j] >= v[i * COLS + j]);
        }
    }
    for (int64_t i = 0; i < ROWS; i++) {
        double s = 0;
        for (int64_t j = 0; j < COLS; j++) assert_true(along[i * COLS + j] == (float)(s += (double)v[i * COLS + j]));
    }
    tg_tape_free(t);
}

/* The gradient of each element is what the others make, whatever it is: no division. */
static void test_zeros_in_products(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(VECTOR(t, 2, 0, 3, 0, 5), true), *seed = VECTOR(t, 1, 10, 100, 1000, 10000);
    (void)state;
    assert_f64(tg_cumprod(x, 0), TG_SHAPE(5), 2, 0, 0, 0, 0);
    assert_f64(gradient(tg_cumprod(x, 0), seed, x), TG_SHAPE(5), 1, 20 + 600, 0, 0, 0);
    tg_tensor *g = gradient(tg_cumprod(x, 0), seed, x);
    assert_f64(gradient(g, VECTOR(t, 0, 1, 0, 0, 0), x), TG_SHAPE(5), 10 + 300, 0, 200, 6000 + 300000, 0);
    tg_tensor *odd = tg_set_requires_grad(VECTOR(t, 1, INFINITY, 0, NAN), true); /* what is not used of it has gradient 0 */
    assert_f64(gradient(tg_slice(tg_cumprod(odd, 0), 0, 0, 1, 1), VECTOR(t, 1), odd), TG_SHAPE(4), 1, 0, 0, 0);
    tg_tape_free(t);
}

static void test_extremes(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(VECTOR(t, 1, 3, 3, NAN, 5, NAN, 2), true), *place, *seed = VECTOR(t, 1, 2, 4, 8, 16, 32, 0);
    (void)state;
    assert_f64(tg_cummax(x, 0, &place), TG_SHAPE(7), 1, 3, 3, NAN, NAN, NAN, NAN);
    assert_values(place, TG_I64, TG_SHAPE(7), (double[]){0, 1, 2, 3, 3, 5, 5}, 0);
    assert_f64(tg_cummin(x, 0, &place), TG_SHAPE(7), 1, 1, 1, NAN, NAN, NAN, NAN);
    assert_values(place, TG_I64, TG_SHAPE(7), (double[]){0, 0, 0, 3, 3, 5, 5}, 0);
    assert_f64(gradient(tg_cummax(x, 0, NULL), seed, x), TG_SHAPE(7), 1, 2, 4, NAN, 0, NAN, 0);
    assert_false(tg_requires_grad(place));
    tg_tape_free(t);
}

static void test_logarithms(void **state)
{
    tg_tape     *t = quiet(TG_F64);
    const double none = -INFINITY;
    tg_tensor   *x = tg_set_requires_grad(VECTOR(t, none, none, 0, 1000, none, 1000), true), *ones = tg_ones(t, TG_SHAPE(6));
    (void)state;
    assert_values(tg_logcumsumexp(x, 0), TG_F64, TG_SHAPE(6), (double[]){none, none, 0, 1000, 1000, 1000 + log(2)}, 1e-12);
    assert_values(gradient(tg_logcumsumexp(x, 0), ones, x), TG_F64, TG_SHAPE(6), (double[]){0, 0, 1, 2.5, 0, 0.5}, 1e-12);
    assert_f64(tg_logcumsumexp(VECTOR(t, 1, INFINITY, none, INFINITY, NAN, 1), 0), TG_SHAPE(6), 1, INFINITY, INFINITY, INFINITY, NAN, NAN);
    tg_tape_free(t);
}

static void test_integers(void **state)
{
    tg_tape *t = quiet(TG_F32);
    (void)state;
    assert_values(tg_cumsum(tensor(t, TG_BOOL, TG_SHAPE(3), (double[]){1, 0, 1}), 0), TG_I64, TG_SHAPE(3), (double[]){1, 1, 2}, 0);
    assert_values(tg_cumprod(tensor(t, TG_I16, TG_SHAPE(3), (double[]){300, -300, 300}), 0), TG_I64, TG_SHAPE(3), (double[]){300, -90000, -27000000}, 0);
    assert_values(tg_diff(tensor(t, TG_I32, TG_SHAPE(3), (double[]){1, 4, 9}), 2, 0), TG_I32, TG_SHAPE(1), (double[]){2}, 0);
    tg_tape_free(t);
}

#define WRONG(STATUS, CALL, SENTENCE) assert_error(t, CALL, TG_ERR_##STATUS, SENTENCE)

static void test_errors(void **state)
{
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *x = tg_zeros(t, TG_SHAPE(2, 3)), *place = x;
    (void)state;
    WRONG(SHAPE, tg_cumsum(x, 2), "tg_cumsum: axis 2 is outside the 2 axes of the input [2,3]");
    WRONG(SHAPE, tg_cumprod(tg_scalar(t, 1), 0), "tg_cumprod: axis 0 is outside the 0 axes of the input []");
    WRONG(DTYPE, tg_logcumsumexp(tg_arange(t, TG_I64, 3), 0), "tg_logcumsumexp: takes float32 or float64, got int64; tg_to(x, TG_F32) converts");
    WRONG(SHAPE, tg_cummax(x, -3, &place), "tg_cummax: axis -3 is outside the 2 axes of the input [2,3]");
    assert_null(place);
    WRONG(ARG, tg_diff(x, -1, 0), "tg_diff: -1 times is not possible; 0 and more are");
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_long_lines), cmocka_unit_test(test_many_lines), cmocka_unit_test(test_zeros_in_products), cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_logarithms), cmocka_unit_test(test_integers),   cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
