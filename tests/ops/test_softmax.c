/* test_softmax.c - logsumexp, softmax and log_softmax against loops in long double: every axis, several layouts, large and small
 * numbers; rows with infinities and NaN and rows without elements; gradients of first and second order. */
#include "op_test.h"

typedef enum what { LOGSUMEXP, SOFTMAX, LOG_SOFTMAX } what;

static tg_tensor *apply(what w, tg_tensor *x, int axis)
{
    switch (w) {
    case LOGSUMEXP: return tg_logsumexp(x, TG_AXES(axis), true);
    case SOFTMAX: return tg_softmax(x, axis);
    default: return tg_log_softmax(x, axis);
    }
}

/* One row after the other; `step` is the distance of its elements. Finite numbers only. */
static void model(what w, const tg_shape *s, int axis, const double *x, double *y)
{
    int64_t       step = 1, row = 0;
    const int64_t n = s->dim[axis], all = count_of(s);
    for (int k = axis + 1; k < s->rank; k++) step *= s->dim[k];
    for (int64_t first = 0; first < all; first++) {
        if (first / step % n) continue;
        long double m = -INFINITY, sum = 0;
        for (int64_t i = 0; i < n; i++) m = fmaxl(m, x[first + i * step]);
        for (int64_t i = 0; i < n; i++) sum += expl(x[first + i * step] - m);
        if (w == LOGSUMEXP) y[row++] = (double)(m + logl(sum));
        for (int64_t i = 0; w != LOGSUMEXP && i < n; i++) {
            const long double shifted = x[first + i * step] - m;
            y[first + i * step] = (double)(w == SOFTMAX ? expl(shifted) / sum : shifted - logl(sum));
        }
    }
}

static const tg_shape shapes[] = {
    {1, {1}}, {1, {5}}, {1, {1000}}, {2, {3, 4}}, {2, {4, 1}}, {2, {1, 6}}, {2, {64, 10}}, {3, {2, 3, 4}}, {3, {7, 1, 31}},
    {4, {2, 3, 2, 5}}, {2, {0, 3}},
};

static void check(tg_dtype d, const tg_shape *s, const double *x, double tolerance)
{
    static double want[MOST];
    for (what w = LOGSUMEXP; w <= LOG_SOFTMAX; w++)
        for (int axis = 0; axis < s->rank; axis++) {
            if (s->dim[axis] == 0) continue;
            tg_tape *t = quiet(TG_F32);
            tg_shape r = *s;
            if (w == LOGSUMEXP) r.dim[axis] = 1;
            model(w, s, axis, x, want);
            for (layout l = PLAIN; l < N_LAYOUTS; l++) assert_values(apply(w, laid(t, d, s, x, l), axis - s->rank), d, &r, want, tolerance);
            tg_tape_free(t);
        }
}

/* Multiples of 1/8 within ±8, exact in f32. */
static void test_values(void **state)
{
    static double x[MOST];
    uint64_t      seed = 1;
    (void)state;
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        for (int64_t i = 0; i < count_of(&shapes[k]); i++) x[i] = (double)(draw(&seed, 129) - 64) / 8;
        check(TG_F64, &shapes[k], x, 1e-13);
        check(TG_F32, &shapes[k], x, 4e-6);
    }
}

/* e^x would overflow or vanish, and x - logsumexp(x) would round away the difference: to 1/16 in f32 at 10^6. */
static void test_large_numbers(void **state)
{
    static const double offsets[] = {-1e6, -1000, 1000, 1e6};
    double              x[6], want[6];
    (void)state;
    for (int k = 0; k < 4; k++) {
        tg_tape *t = quiet(TG_F32);
        for (int i = 0; i < 6; i++) x[i] = offsets[k] + 0.25 * i;
        model(SOFTMAX, TG_SHAPE(6), 0, x, want);
        assert_values(tg_softmax(tensor(t, TG_F32, TG_SHAPE(6), x), 0), TG_F32, TG_SHAPE(6), want, 1e-7);
        model(LOG_SOFTMAX, TG_SHAPE(6), 0, x, want);
        assert_values(tg_log_softmax(tensor(t, TG_F32, TG_SHAPE(6), x), 0), TG_F32, TG_SHAPE(6), want, 4e-7);
        model(LOGSUMEXP, TG_SHAPE(6), 0, x, want);
        assert_values(tg_logsumexp(tensor(t, TG_F32, TG_SHAPE(6), x), TG_AXES(0), false), TG_F32, TG_SCALAR_SHAPE, want,
                      fabs(offsets[k]) * 1.2e-7);
        tg_tape_free(t);
    }
}

/* The largest finite numbers are numbers, not infinities. */
static void test_ends_of_the_range(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *low = VECTOR(t, -1e308, -1e308), *high = VECTOR(t, 1e308, -1e308);
    (void)state;
    assert_f64(tg_softmax(low, 0), TG_SHAPE(2), 0.5, 0.5);
    assert_f64(tg_log_softmax(low, 0), TG_SHAPE(2), -log(2), -log(2));
    assert_f64(tg_logsumexp(low, TG_AXES(0), false), TG_SCALAR_SHAPE, -1e308);
    assert_f64(tg_softmax(high, 0), TG_SHAPE(2), 1, 0);
    assert_f64(tg_logsumexp(high, TG_AXES(0), false), TG_SCALAR_SHAPE, 1e308);
    tg_tape_free(t);
}

/* Several axes at once, all of them, none. */
static void test_logsumexp_axes(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_log(tensor(t, TG_F64, TG_SHAPE(2, 2, 3), (double[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}));
    (void)state;
    assert_f64(tg_logsumexp(x, TG_AXES(0, 2), false), TG_SHAPE(2), log(6 + 24), log(15 + 33));
    assert_f64(tg_logsumexp(x, TG_AXES(-1, 0), true), TG_SHAPE(1, 2, 1), log(6 + 24), log(15 + 33));
    assert_f64(tg_logsumexp(x, TG_ALL_AXES, false), TG_SCALAR_SHAPE, log(78));
    assert_f64(tg_logsumexp(tg_scalar(t, 3), TG_ALL_AXES, false), TG_SCALAR_SHAPE, 3);
    tg_tape_free(t);
}

/* ---- special rows ------------------------------------------------------------------------------------------------- */

#define INF INFINITY

static void test_rows_of_minus_infinity(void **state)
{
    for (tg_dtype d = TG_F32; d <= TG_F64; d++) {
        tg_tape   *t = quiet(d);
        tg_tensor *x = tg_set_requires_grad(tensor(t, d, TG_SHAPE(2, 3), (double[]){-INF, -INF, -INF, 0, -INF, 0}), true);
        tg_tensor *g = tensor(t, d, TG_SHAPE(2, 3), (double[]){1, 2, 4, 1, 2, 4}), *g1 = tensor(t, d, TG_SHAPE(2), (double[]){1, 2});
        tg_tensor *soft = tg_softmax(x, 1), *lsm = tg_log_softmax(x, 1), *lse = tg_logsumexp(x, TG_AXES(1), false);
        const double e = 1e-6, l2 = log(2);
        (void)state;
        assert_values(soft, d, TG_SHAPE(2, 3), (double[]){0, 0, 0, 0.5, 0, 0.5}, e);
        assert_values(lsm, d, TG_SHAPE(2, 3), (double[]){-INF, -INF, -INF, -l2, -INF, -l2}, e);
        assert_values(lse, d, TG_SHAPE(2), (double[]){-INF, l2}, e);
        assert_values(gradient(soft, g, x), d, TG_SHAPE(2, 3), (double[]){0, 0, 0, -0.75, 0, 0.75}, e);
        assert_values(gradient(lsm, g, x), d, TG_SHAPE(2, 3), (double[]){1, 2, 4, -2.5, 2, 0.5}, e); /* g - p sum g, p = 0 */
        assert_values(gradient(lse, g1, x), d, TG_SHAPE(2, 3), (double[]){0, 0, 0, 1, 0, 1}, e);
        tg_tape_free(t);
    }
}

static void test_rows_of_plus_infinity_and_nan(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(3, 3), (double[]){INF, 0, 800, 1, NAN, 2, -INF, INF, INF}), true);
    tg_tensor *lse = tg_logsumexp(x, TG_AXES(1), false);
    (void)state;
    assert_f64(tg_softmax(x, 1), TG_SHAPE(3, 3), NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN);
    assert_f64(tg_log_softmax(x, 1), TG_SHAPE(3, 3), NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN);
    assert_f64(lse, TG_SHAPE(3), INF, NAN, INF);
    assert_f64(gradient(lse, VECTOR(t, 1, 1, 1), x), TG_SHAPE(3, 3), NAN, 0, 0, NAN, NAN, NAN, 0, NAN, NAN);
    tg_tape_free(t);
}

/* Rows that a where leaves out get a zero gradient, whatever is in them. */
static void test_a_branch_not_taken(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(2, 2), (double[]){NAN, INF, 0, 0}), true);
    tg_tensor *good = tensor(t, TG_BOOL, TG_SHAPE(2, 1), (double[]){0, 1}), *v = tensor(t, TG_F64, TG_SHAPE(2, 2), (double[]){1, 2, 3, 4});
    (void)state;
    for (what w = LOGSUMEXP; w <= LOG_SOFTMAX; w++) {
        tg_tensor    *y = tg_where(good, tg_mul(apply(w, x, 1), v), tg_scalar(t, 0));
        const double *g = tg_data_f64(gradient(tg_sum(y, TG_ALL_AXES, false), NULL, x));
        assert_non_null(g);
        assert_true(g[0] == 0 && g[1] == 0);
        assert_true(isfinite(g[2]) && isfinite(g[3]));
    }
    tg_tape_free(t);
}

static void test_over_nothing(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(2, 0), NULL), true);
    (void)state;
    for (int axis = 0; axis < 2; axis++) {
        assert_values(tg_softmax(x, axis), TG_F64, TG_SHAPE(2, 0), NULL, 0);
        assert_values(gradient(tg_softmax(x, axis), x, x), TG_F64, TG_SHAPE(2, 0), NULL, 0);
        assert_values(tg_log_softmax(x, axis), TG_F64, TG_SHAPE(2, 0), NULL, 0);
        assert_values(gradient(tg_log_softmax(x, axis), x, x), TG_F64, TG_SHAPE(2, 0), NULL, 0);
    }
    assert_f64(tg_logsumexp(x, TG_AXES(1), false), TG_SHAPE(2), -INF, -INF);
    assert_values(tg_logsumexp(x, TG_AXES(0), true), TG_F64, TG_SHAPE(1, 0), NULL, 0);
    assert_values(gradient(tg_logsumexp(x, TG_AXES(1), false), VECTOR(t, 1, 1), x), TG_F64, TG_SHAPE(2, 0), NULL, 0);
    tg_tape_free(t);
}

/* ---- gradients ---------------------------------------------------------------------------------------------------- */

typedef struct function {
    what w;
    int  axis;
} function;

static tg_tensor *call(void *ctx, tg_tensor *const *in)
{
    const function *f = ctx;
    return apply(f->w, in[0], f->axis);
}

/* Against differences, in first and second order, for a leaf and for a view of one. */
static void test_gradients(void **state)
{
    static double x[MOST];
    uint64_t      seed = 2;
    (void)state;
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++)
        for (what w = LOGSUMEXP; w <= LOG_SOFTMAX; w++)
            for (int axis = 0; axis < shapes[k].rank && count_of(&shapes[k]) < 100; axis++) {
                if (shapes[k].dim[axis] == 0) continue;
                tg_tape            *t = quiet(TG_F64);
                tg_gradcheck_report report;
                for (int64_t i = 0; i < count_of(&shapes[k]); i++) x[i] = (double)draw(&seed, 1000) / 250 - 2;
                tg_tensor *leaf = tg_set_requires_grad(tensor(t, TG_F64, &shapes[k], x), true);
                if (tg_gradcheck(call, &(function){w, axis}, &leaf, 1, &(tg_gradcheck_options){.order = 2}, &report) != TG_OK)
                    fail_msg("function %d, axis %d: %s", (int)w, axis, report.text);
                tg_tape_free(t);
            }
}

/* Off, no gradient is recorded; and the switch is left as it was found. */
static void test_gradient_switch(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(VECTOR(t, 1, 2), true);
    (void)state;
    assert_true(tg_requires_grad(tg_softmax(x, 0)));
    assert_true(tg_set_grad_enabled(t, false));
    assert_false(tg_requires_grad(tg_softmax(x, 0)));
    assert_false(tg_requires_grad(tg_log_softmax(x, 0)));
    assert_false(tg_requires_grad(tg_logsumexp(x, TG_AXES(0), false)));
    assert_false(tg_set_grad_enabled(t, true));
    assert_true(tg_requires_grad(tg_logsumexp(x, TG_AXES(0), false)));
    assert_false(tg_requires_grad(tg_softmax(VECTOR(t, 1, 2), 0)));
    tg_tape_free(t);
}

static void test_errors(void **state)
{
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *x = tg_zeros(t, TG_SHAPE(2, 3)), *i = tg_arange(t, TG_I64, 3);
    (void)state;
    assert_error(t, tg_softmax(x, 2), TG_ERR_SHAPE, "tg_softmax: axis 2 is outside the 2 axes of the input [2,3]");
    assert_error(t, tg_log_softmax(x, -3), TG_ERR_SHAPE, "tg_log_softmax: axis -3 is outside the 2 axes of the input [2,3]");
    assert_error(t, tg_logsumexp(x, TG_AXES(0, 0), false), TG_ERR_SHAPE, "tg_logsumexp: axis 0 is listed twice; the input is [2,3]");
    assert_error(t, tg_softmax(tg_scalar(t, 1), 0), TG_ERR_SHAPE, "tg_softmax: axis 0 is outside the 0 axes of the input []");
    assert_error(t, tg_softmax(i, 0), TG_ERR_DTYPE, "tg_softmax: takes float32 or float64, got int64; tg_to(x, TG_F32) converts");
    assert_error(t, tg_logsumexp(i, TG_ALL_AXES, false), TG_ERR_DTYPE,
                 "tg_logsumexp: takes float32 or float64, got int64; tg_to(x, TG_F32) converts");
    assert_null(tg_softmax(NULL, 0));
    assert_null(tg_log_softmax(NULL, 0));
    assert_null(tg_logsumexp(NULL, TG_ALL_AXES, false));
    assert_null(tg_error(t));
    assert_int_equal(tg_reset(t), TG_OK);
    assert_null(tg_softmax(x, 0));
    assert_int_equal(tg_error_status(t), TG_ERR_STALE);
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_large_numbers),
        cmocka_unit_test(test_ends_of_the_range),
        cmocka_unit_test(test_logsumexp_axes),
        cmocka_unit_test(test_rows_of_minus_infinity),
        cmocka_unit_test(test_rows_of_plus_infinity_and_nan),
        cmocka_unit_test(test_a_branch_not_taken),
        cmocka_unit_test(test_over_nothing),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_gradient_switch),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
