/* test_losses.c - mse, huber, bce_with_logits, cross_entropy and accuracy against loops; gradients against their formulas and against
 * differences in first and second order; infinite logits, empty batches, labels out of range, wrong calls. */
#include "op_test.h"

static double tolerance(tg_dtype d) { return d == TG_F32 ? 2e-6 : 1e-14; }

/* ---- mse ---------------------------------------------------------------------------------------------------------- */

static const tg_shape shapes[] = {{0, {0}}, {1, {1}}, {1, {7}}, {2, {3, 4}}, {2, {64, 10}}, {3, {2, 1, 5}}, {4, {2, 3, 2, 2}}};
enum { N_SHAPES = (int)(sizeof shapes / sizeof *shapes) };

static void test_mse(void **state)
{
    static double x[MOST], y[MOST], gx[MOST], gy[MOST];
    uint64_t      seed = 1;
    (void)state;
    for (int k = 0; k < 2 * N_SHAPES * N_LAYOUTS; k++) {
        const tg_dtype  d = k % 2 ? TG_F32 : TG_F64;
        const tg_shape *s = &shapes[k / 2 % N_SHAPES];
        const int64_t   n = count_of(s);
        tg_tape        *t = quiet(TG_F32);
        double          want = 0;
        draw_multiples(x, n, 32, 0.125, &seed);
        draw_multiples(y, n, 32, 0.125, &seed);
        for (int64_t i = 0; i < n; i++) {
            want += (x[i] - y[i]) * (x[i] - y[i]) / (double)n;
            gx[i] = 2 * (x[i] - y[i]) / (double)n;
            gy[i] = -gx[i];
        }
        tg_tensor *p = tg_set_requires_grad(tensor(t, d, s, x), true), *q = laid(t, d, s, y, (layout)(k / 2 / N_SHAPES));
        assert_values(tg_mse(p, q), d, TG_SCALAR_SHAPE, &want, 10 * tolerance(d));
        assert_values(gradient(tg_mse(p, q), NULL, p), d, s, gx, 10 * tolerance(d));
        q = tg_set_requires_grad(tensor(t, d, s, y), true);
        assert_values(gradient(tg_mse(p, q), NULL, q), d, s, gy, 10 * tolerance(d));
        tg_tape_free(t);
    }
}

/* ---- Huber's loss ------------------------------------------------------------------------------------------------- */

/* Multiples of 1/8: differences lie within delta, beyond it on either side, and at it. */
static void test_huber(void **state)
{
    static const double deltas[] = {1, 0.25, 100};
    static double       x[MOST], y[MOST], gx[MOST], gy[MOST];
    uint64_t            seed = 5;
    (void)state;
    for (int k = 0; k < 2 * N_SHAPES * N_LAYOUTS; k++) {
        const tg_dtype  d = k % 2 ? TG_F32 : TG_F64;
        const tg_shape *s = &shapes[k / 2 % N_SHAPES];
        const int64_t   n = count_of(s);
        const double    delta = deltas[k % 3];
        tg_tape        *t = quiet(TG_F32);
        double          want = 0;
        draw_multiples(x, n, 32, 0.125, &seed);
        draw_multiples(y, n, 32, 0.125, &seed);
        for (int64_t i = 0; i < n; i++) {
            const double off = x[i] - y[i];
            want += (fabs(off) <= delta ? off * off / 2 : delta * (fabs(off) - delta / 2)) / (double)n;
            gx[i] = fmax(-delta, fmin(off, delta)) / (double)n;
            gy[i] = -gx[i];
        }
        tg_tensor *p = tg_set_requires_grad(tensor(t, d, s, x), true), *q = laid(t, d, s, y, (layout)(k / 2 / N_SHAPES));
        assert_values(tg_huber(p, q, delta), d, TG_SCALAR_SHAPE, &want, 10 * tolerance(d));
        assert_values(gradient(tg_huber(p, q, delta), NULL, p), d, s, gx, 10 * tolerance(d));
        q = tg_set_requires_grad(tensor(t, d, s, y), true);
        assert_values(gradient(tg_huber(p, q, delta), NULL, q), d, s, gy, 10 * tolerance(d));
        tg_tape_free(t);
    }
}

/* However far a target is off, the gradient is delta. A difference whose square overflows f32 has a finite loss. */
static void test_huber_extremes(void **state)
{
    (void)state;
    for (tg_dtype d = TG_F32; d <= TG_F64; d++) {
        tg_tape   *t = quiet(d);
        tg_tensor *x = tg_set_requires_grad(tg_to(VECTOR(t, INFINITY, -INFINITY, NAN, 1e30, -1e30, 0), d), true), *zero = tg_zeros(t, TG_SHAPE(6));
        double     want[] = {0.5, -0.5, NAN, 0.5, -0.5, 0}, finite = 1e30;
        tg_tensor *loss = tg_mul_s(tg_huber(x, zero, 0.5), 6);
        assert_values(gradient(loss, NULL, x), d, TG_SHAPE(6), want, 0);
        assert_true(isnan(tg_item(loss)));
        assert_true(tg_item(tg_huber(tg_slice(x, 0, 0, 2, 1), tg_zeros(t, TG_SHAPE(2)), 0.5)) == (double)INFINITY);
        assert_values(tg_huber(tg_slice(x, 0, 3, 5, 1), tg_zeros(t, TG_SHAPE(2)), 1), d, TG_SCALAR_SHAPE, &finite, 2e-7 * finite);
        tg_tape_free(t);
    }
}

/* The second derivative is 1 within delta, also at 0, and 0 beyond. */
static void test_huber_curve(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(VECTOR(t, 0, 0.5, -0.5, 3, -3), true), *g = NULL;
    tg_tensor *loss = tg_mul_s(tg_huber(x, tg_zeros(t, TG_SHAPE(5)), 1), 5);
    (void)state;
    assert_int_equal(tg_grad(&loss, NULL, 1, &x, 1, true, &g), TG_OK);
    assert_f64(gradient(g, tg_ones(t, TG_SHAPE(5)), x), TG_SHAPE(5), 1, 1, 1, 0, 0);
    tg_tape_free(t);
}

/* ---- binary cross-entropy ----------------------------------------------------------------------------------------- */

/* -t ln p - (1-t) ln(1-p), p = 1/(1+e^-x), as the definition has it. */
static long double bce(long double x, long double t) { return t * log1pl(expl(-x)) + (1 - t) * log1pl(expl(x)); }

static void test_bce(void **state)
{
    static double x[MOST], y[MOST], gx[MOST], gy[MOST];
    uint64_t      seed = 2;
    (void)state;
    for (int k = 0; k < 2 * N_SHAPES * N_LAYOUTS; k++) {
        const tg_dtype  d = k % 2 ? TG_F32 : TG_F64;
        const tg_shape *s = &shapes[k / 2 % N_SHAPES];
        const int64_t   n = count_of(s);
        tg_tape        *t = quiet(TG_F32);
        long double     sum = 0;
        draw_multiples(x, n, 32, 0.125, &seed);
        for (int64_t i = 0; i < n; i++) {
            y[i] = (double)draw(&seed, 9) / 8;
            sum += bce(x[i], y[i]) / (long double)n;
            gx[i] = (1 / (1 + exp(-x[i])) - y[i]) / (double)n;
            gy[i] = -x[i] / (double)n;
        }
        double     want = (double)sum;
        tg_tensor *p = tg_set_requires_grad(tensor(t, d, s, x), true), *q = laid(t, d, s, y, (layout)(k / 2 / N_SHAPES));
        assert_values(tg_bce_with_logits(p, q), d, TG_SCALAR_SHAPE, &want, 2 * tolerance(d));
        assert_values(gradient(tg_bce_with_logits(p, q), NULL, p), d, s, gx, tolerance(d));
        q = tg_set_requires_grad(tensor(t, d, s, y), true);
        assert_values(gradient(tg_bce_with_logits(p, q), NULL, q), d, s, gy, tolerance(d));
        tg_tape_free(t);
    }
}

static double bce_of(tg_dtype d, double x, double target, double *slope)
{
    tg_tape     *t = quiet(d);
    tg_tensor   *p = tg_set_requires_grad(tg_scalar(t, x), true), *y = tg_bce_with_logits(p, tg_scalar(t, target));
    const double value = tg_item(y);
    *slope = tg_item(gradient(y, NULL, p));
    tg_tape_free(t);
    return value;
}

static void test_bce_extremes(void **state)
{
    double g;
    (void)state;
    for (tg_dtype d = TG_F32; d <= TG_F64; d++) {
        assert_true(bce_of(d, 1000, 1, &g) == 0 && g == 0);
        assert_true(bce_of(d, 1000, 0, &g) == 1000 && g == 1);
        assert_true(bce_of(d, -1000, 1, &g) == 1000 && g == -1);
        assert_true(bce_of(d, -1000, 0, &g) == 0 && g == 0);
        assert_true(bce_of(d, INFINITY, 1, &g) == 0 && g == 0); /* certain, and right */
        assert_true(bce_of(d, -INFINITY, 0, &g) == 0 && g == 0);
        assert_true(bce_of(d, INFINITY, 0, &g) == (double)INFINITY && g == 1);
        assert_true(bce_of(d, -INFINITY, 1, &g) == (double)INFINITY && g == -1);
        assert_true(isnan(bce_of(d, NAN, 1, &g)) && isnan(g));
        assert_true(near(bce_of(d, -20, 0, &g), exp(-20), 1e-6 * exp(-20))); /* not rounded away against 1 */
    }
}

/* ---- cross-entropy ------------------------------------------------------------------------------------------------ */

/* rows x classes: the mean of logsumexp(row) - row[label], and its gradient (softmax - one hot) / rows. */
static double model_cross_entropy(int64_t rows, int64_t classes, const double *x, const int64_t *label, double *g)
{
    long double mean = 0;
    for (int64_t r = 0; r < rows; r++) {
        const double *row = x + r * classes;
        long double   m = -INFINITY, sum = 0;
        for (int64_t k = 0; k < classes; k++) m = fmaxl(m, row[k]);
        for (int64_t k = 0; k < classes; k++) sum += expl(row[k] - m);
        mean += (m + logl(sum) - row[label[r]]) / (long double)rows;
        for (int64_t k = 0; k < classes; k++)
            g[r * classes + k] = (double)((expl(row[k] - m) / sum - (k == label[r])) / (long double)rows);
    }
    return (double)mean;
}

/* Logits of a rank, labels of one less. */
static void check_cross_entropy(tg_dtype d, const tg_shape *s, layout l, bool narrow, uint64_t *seed)
{
    static double  x[MOST], g[MOST], spread[MOST];
    static int64_t label[MOST];
    const int64_t  classes = s->dim[s->rank - 1], rows = count_of(s) / classes;
    tg_shape       rest = *s;
    tg_tape       *t = quiet(TG_F32);
    rest.rank--;
    draw_multiples(x, rows * classes, 32, 0.125, seed);
    for (int64_t r = 0; r < rows; r++) spread[r] = (double)(label[r] = draw(seed, classes));
    const double want = model_cross_entropy(rows, classes, x, label, g);
    tg_tensor   *y = laid(t, narrow ? TG_I32 : TG_I64, &rest, spread, rest.rank ? l : PLAIN);
    assert_values(tg_cross_entropy(laid(t, d, s, x, l), y), d, TG_SCALAR_SHAPE, &want, 4 * tolerance(d));
    tg_tensor *leaf = tg_set_requires_grad(tensor(t, d, s, x), true);
    assert_values(gradient(tg_cross_entropy(leaf, y), NULL, leaf), d, s, g, tolerance(d));
    tg_tape_free(t);
}

static void test_cross_entropy(void **state)
{
    static const tg_shape logits[] = {{1, {4}}, {1, {1}}, {2, {1, 3}}, {2, {5, 1}}, {2, {64, 10}}, {3, {2, 3, 4}},
                                      {4, {2, 1, 3, 7}}, {2, {3, 1000}}};
    uint64_t              seed = 3;
    (void)state;
    for (size_t k = 0; k < sizeof logits / sizeof *logits; k++)
        for (layout l = PLAIN; l < N_LAYOUTS; l++)
            for (int way = 0; way < 4; way++) check_cross_entropy(way & 1 ? TG_F32 : TG_F64, &logits[k], l, way & 2, &seed);
}

static tg_tensor *labels(tg_tape *t, int64_t a, int64_t b) { return tg_from_i64(t, TG_SHAPE(2), (int64_t[]){a, b}); }

/* A class that is ruled out costs nothing and gets no gradient, and choosing it costs everything, without NaN on the other side. */
static void test_infinite_logits(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(2, 3), (double[]){0, -INFINITY, 0, -INFINITY, 5, -INFINITY}), true);
    tg_tensor *good = tg_cross_entropy(x, labels(t, 2, 1)), *bad = tg_cross_entropy(x, labels(t, 1, 1));
    (void)state;
    assert_f64(good, TG_SCALAR_SHAPE, log(2) / 2);
    assert_f64(gradient(good, NULL, x), TG_SHAPE(2, 3), 0.25, 0, -0.25, 0, 0, 0);
    assert_f64(bad, TG_SCALAR_SHAPE, INFINITY);
    assert_f64(gradient(bad, NULL, x), TG_SHAPE(2, 3), 0.25, -0.5, 0.25, 0, 0, 0);
    tg_tape_free(t);
}

/* Far from 0 the loss still has its digits: in f32 at 10^6 neighbours are 1/16 apart. */
static void test_large_logits(void **state)
{
    tg_tape     *t = quiet(TG_F32);
    tg_tensor   *x = tensor(t, TG_F32, TG_SHAPE(2, 2), (double[]){1e6, 1e6, -1e6, -1e6 - 0.25});
    const double want = (log(2) + log1p(exp(-0.25))) / 2;
    (void)state;
    assert_values(tg_cross_entropy(x, labels(t, 0, 0)), TG_F32, TG_SCALAR_SHAPE, &want, 1e-7);
    tg_tape_free(t);
}

static void test_labels_out_of_range(void **state)
{
    static const int64_t wrong[] = {-1, 3, INT64_C(1) << 32, INT64_MIN};
    (void)state;
    for (int k = 0; k < 4; k++) {
        tg_tape   *t = quiet(TG_F32);
        tg_tensor *x = tg_set_requires_grad(tg_contiguous(tg_zeros(t, TG_SHAPE(2, 3))), true);
        assert_error_when_read(t, tg_cross_entropy(x, labels(t, 0, wrong[k])), TG_ERR_INDEX, "tg_cross_entropy: label ");
        assert_error_when_read(t, tg_accuracy(x, labels(t, wrong[k], 0)), TG_ERR_INDEX, "tg_accuracy: label ");
        assert_int_equal(tg_backward(tg_cross_entropy(x, labels(t, 0, wrong[k]))), TG_ERR_INDEX);
        assert_int_equal(tg_reset(t), TG_OK);
        tg_clear_error(t);
        assert_true(tg_item(tg_accuracy(tg_eye(t, 2), labels(t, 0, 1))) == 1);
        tg_tape_free(t);
    }
}

/* ---- over nothing ------------------------------------------------------------------------------------------------- */

static void test_over_nothing(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(0, 3), NULL), true), *y = tg_from_i64(t, TG_SHAPE(0), NULL);
    (void)state;
    assert_f64(tg_mse(x, x), TG_SCALAR_SHAPE, NAN);
    assert_f64(tg_huber(x, x, 1), TG_SCALAR_SHAPE, NAN);
    assert_values(gradient(tg_huber(x, x, 1), NULL, x), TG_F64, TG_SHAPE(0, 3), NULL, 0);
    assert_f64(tg_bce_with_logits(x, x), TG_SCALAR_SHAPE, NAN);
    assert_f64(tg_cross_entropy(x, y), TG_SCALAR_SHAPE, NAN);
    assert_f64(tg_accuracy(x, y), TG_SCALAR_SHAPE, NAN);
    assert_values(gradient(tg_cross_entropy(x, y), NULL, x), TG_F64, TG_SHAPE(0, 3), NULL, 0);
    assert_values(gradient(tg_bce_with_logits(x, x), NULL, x), TG_F64, TG_SHAPE(0, 3), NULL, 0);
    tg_tape_free(t);
}

/* ---- differences -------------------------------------------------------------------------------------------------- */

static tg_tensor *call_mse(void *ctx, tg_tensor *const *in) { return (void)ctx, tg_mse(in[0], in[1]); }
static tg_tensor *call_huber(void *ctx, tg_tensor *const *in) { return (void)ctx, tg_huber(in[0], in[1], 0.7); }
static tg_tensor *call_bce(void *ctx, tg_tensor *const *in) { return (void)ctx, tg_bce_with_logits(in[0], in[1]); }
static tg_tensor *call_cross_entropy(void *ctx, tg_tensor *const *in) { return (void)ctx, tg_cross_entropy(in[0], in[1]); }

static void check_gradient(tg_fn f, tg_tensor *const *in)
{
    tg_gradcheck_report report;
    if (tg_gradcheck(f, NULL, in, 2, &(tg_gradcheck_options){.order = 2}, &report) != TG_OK) fail_msg("%s", report.text);
}

static void test_second_derivatives(void **state)
{
    double    x[24], y[24];
    uint64_t  seed = 4;
    tg_tape  *t = quiet(TG_F64);
    (void)state;
    draw_multiples(x, 24, 32, 0.125, &seed);
    draw_multiples(y, 24, 32, 0.125, &seed);
    tg_tensor *a = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(4, 6), x), true), *b = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(4, 6), y), true);
    check_gradient(call_mse, (tg_tensor *[]){a, b});
    check_gradient(call_huber, (tg_tensor *[]){a, b});
    check_gradient(call_bce, (tg_tensor *[]){a, b});
    check_gradient(call_cross_entropy, (tg_tensor *[]){a, tg_from_i64(t, TG_SHAPE(4), (int64_t[]){5, 0, 2, 2})});
    tg_tape_free(t);
}

/* ---- accuracy ----------------------------------------------------------------------------------------------------- */

static void test_accuracy(void **state)
{
    for (tg_dtype d = TG_F32; d <= TG_F64; d++) {
        tg_tape   *t = quiet(d);
        tg_tensor *x = tensor(t, TG_F32, TG_SHAPE(4, 3), (double[]){1, 2, 3, 3, 2, 1, 5, 5, 0, -3, -1, -2});
        double     want = 0.75;
        (void)state;
        tg_tensor *y = tg_accuracy(tg_set_requires_grad(x, true), tg_from_i64(t, TG_SHAPE(4), (int64_t[]){2, 0, 1, 1})); /* of equals the first */
        assert_values(y, d, TG_SCALAR_SHAPE, &want, 0);
        assert_false(tg_requires_grad(y));
        want = 0.25;
        assert_values(tg_accuracy(x, tensor(t, TG_I32, TG_SHAPE(4), (double[]){1, 1, 0, 0})), d, TG_SCALAR_SHAPE, &want, 0);
        want = 1;
        assert_values(tg_accuracy(tg_select(x, 0, 3), tg_from_i64(t, TG_SCALAR_SHAPE, (int64_t[]){1})), d, TG_SCALAR_SHAPE, &want, 0);
        tg_tape_free(t);
    }
}

/* ---- wrong calls -------------------------------------------------------------------------------------------------- */

static void test_errors(void **state)
{
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *x = tg_zeros(t, TG_SHAPE(4, 3)), *f64 = tg_full(t, TG_F64, TG_SHAPE(4, 3), 0);
    tg_tensor *column = tg_zeros(t, TG_SHAPE(4, 1)), *row = tg_zeros(t, TG_SHAPE(4)), *label = tg_arange(t, TG_I64, 3);
    (void)state;
    assert_error(t, tg_mse(column, row), TG_ERR_SHAPE,
                 "tg_mse: the shapes differ: [4,1] and the target's [4]; tg_reshape or tg_expand makes them equal");
    assert_error(t, tg_bce_with_logits(x, f64), TG_ERR_DTYPE,
                 "tg_bce_with_logits: the dtypes differ: float32 and the target's float64; convert one with tg_to");
    assert_error(t, tg_huber(column, row, 1), TG_ERR_SHAPE,
                 "tg_huber: the shapes differ: [4,1] and the target's [4]; tg_reshape or tg_expand makes them equal");
    assert_error(t, tg_huber(x, x, 0), TG_ERR_ARG, "tg_huber: delta is 0; it must be finite and more than 0");
    assert_error(t, tg_huber(x, x, INFINITY), TG_ERR_ARG, "tg_huber: delta is inf; it must be finite and more than 0");
    assert_error(t, tg_huber(x, x, 1e39), TG_ERR_DTYPE, "tg_huber: float32 does not hold the number 1e+39; tg_to(x, TG_F64) converts the tensor");
    assert_error(t, tg_mse(label, label), TG_ERR_DTYPE, "tg_mse: takes float32 or float64, got int64; tg_to(x, TG_F32) converts");
    assert_error(t, tg_bce_with_logits(row, tg_arange(t, TG_I64, 4)), TG_ERR_DTYPE,
                 "tg_bce_with_logits: takes float32 or float64, got int64; tg_to(x, TG_F32) converts");
    assert_error(t, tg_cross_entropy(x, label), TG_ERR_SHAPE,
                 "tg_cross_entropy: the logits are [4,3] and the labels [3]; labels have the logits' shape without its last axis");
    assert_error(t, tg_cross_entropy(tg_scalar(t, 1), label), TG_ERR_SHAPE,
                 "tg_cross_entropy: the logits are [] and the labels [3]; labels have the logits' shape without its last axis");
    assert_error(t, tg_cross_entropy(x, row), TG_ERR_DTYPE, "tg_cross_entropy: labels are int64 or int32, not float32");
    assert_error(t, tg_accuracy(x, tg_to(row, TG_U8)), TG_ERR_DTYPE, "tg_accuracy: labels are int64 or int32, not uint8");
    assert_null(tg_mse(NULL, x));
    assert_null(tg_mse(x, NULL));
    assert_null(tg_huber(NULL, x, 1));
    assert_null(tg_huber(x, NULL, 1));
    assert_null(tg_bce_with_logits(x, NULL));
    assert_null(tg_cross_entropy(x, NULL));
    assert_null(tg_cross_entropy(NULL, label));
    assert_null(tg_accuracy(NULL, NULL));
    assert_null(tg_error(t));
    assert_int_equal(tg_reset(t), TG_OK);
    assert_null(tg_cross_entropy(x, label));
    assert_int_equal(tg_error_status(t), TG_ERR_STALE);
    tg_tape_free(t);
}

static void test_two_tapes(void **state)
{
    tg_tape   *t = quiet(TG_F32), *u = quiet(TG_F32);
    tg_tensor *x = tg_zeros(t, TG_SHAPE(2, 2)), *y = tg_zeros(u, TG_SHAPE(2, 2));
    (void)state;
    assert_null(tg_mse(x, y));
    assert_int_equal(tg_error_status(t), TG_ERR_TAPE);
    tg_clear_error(t);
    assert_null(tg_huber(x, y, 1));
    assert_int_equal(tg_error_status(t), TG_ERR_TAPE);
    tg_clear_error(t);
    assert_null(tg_bce_with_logits(x, y));
    assert_int_equal(tg_error_status(t), TG_ERR_TAPE);
    assert_true(tg_set_grad_enabled(t, true));
    tg_clear_error(t);
    assert_null(tg_cross_entropy(x, labels(u, 0, 1)));
    assert_true(tg_error_status(t) == TG_ERR_TAPE || tg_error_status(u) == TG_ERR_TAPE);
    tg_tape_free(t);
    tg_tape_free(u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mse),
        cmocka_unit_test(test_huber),
        cmocka_unit_test(test_huber_extremes),
        cmocka_unit_test(test_huber_curve),
        cmocka_unit_test(test_bce),
        cmocka_unit_test(test_bce_extremes),
        cmocka_unit_test(test_cross_entropy),
        cmocka_unit_test(test_infinite_logits),
        cmocka_unit_test(test_large_logits),
        cmocka_unit_test(test_labels_out_of_range),
        cmocka_unit_test(test_over_nothing),
        cmocka_unit_test(test_second_derivatives),
        cmocka_unit_test(test_accuracy),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_two_tapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
