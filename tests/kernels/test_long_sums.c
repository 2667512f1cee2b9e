/* test_long_sums.c - what is made of sums, at ten million terms: losses, softmax and its relatives, accuracy, counts, and the sums in
 * tg_gradcheck and the progress bar; test_sums.c has the sums themselves. Elements repeat with a period and are exact in any dtype, so
 * that models in long double are cheap. Under the fused evaluator: the reference evaluator uses the same few kernels, and takes long. */
#include "op_test.h"

#include <tapegrad_show.h>

enum { N = 10000000, PERIOD = 1000, LABELS = 3 };

static float  *f32;
static double *f64;

/* -2 … 1.9 */
static double logit(int64_t i) { return (double)(i % PERIOD * 37 % PERIOD) / 256 - 2; }
/* 0 … 0.98 */
static double target(int64_t i) { return (double)(i % PERIOD * 61 % PERIOD) / 1024; }

static tg_tensor *numbers(tg_tape *t, double (*f)(int64_t i), const tg_shape *s)
{
    const tg_dtype dtype = tg_dtype_of(tg_scalar(t, 0));
    const size_t   item = tg_dtype_size(dtype), n = (size_t)count_of(s);
    char          *to = dtype == TG_F32 ? (char *)f32 : (char *)f64;
    assert_true(n <= 2 * N && n % PERIOD == 0);
    for (int64_t i = 0; i < PERIOD; i++) put(to, dtype, i, f(i));
    for (size_t i = PERIOD; i < n; i += PERIOD) memcpy(to + i * item, to, PERIOD * item);
    return tg_keep(tg_from_data(t, dtype, s, to));
}

static tg_tape *tape_of(tg_dtype dtype)
{
    tg_tape *t = tg_tape_new(&(tg_tape_options){.dtype = dtype});
    assert_non_null(t);
    return t;
}

static void within(const char *what, double got, long double exact, double relative)
{
    const double off = (double)fabsl(((long double)got - exact) / exact);
    if (!(off <= relative)) fail_msg("%s: %.17g is off by %.1e", what, got, off);
}

static double most(tg_dtype d) { return d == TG_F32 ? 1e-6 : 1e-12; }

/* ---- losses ----------------------------------------------------------------------------------------------------------- */

static void check_losses(tg_dtype dtype)
{
    tg_tape    *t = tape_of(dtype);
    tg_tensor  *x = tg_set_requires_grad(numbers(t, logit, TG_SHAPE(N)), true), *y = numbers(t, target, TG_SHAPE(N)), *g = NULL;
    long double mse = 0, bce = 0;
    for (int64_t i = 0; i < PERIOD; i++) {
        const long double v = logit(i), w = target(i);
        mse += (v - w) * (v - w) / PERIOD;
        bce += (fmaxl(v, 0) - v * w + log1pl(expl(-fabsl(v)))) / PERIOD;
    }
    within("mse", tg_item(tg_mse(x, y)), mse, most(dtype));
    tg_tensor *loss = tg_bce_with_logits(x, y);
    within("bce", tg_item(loss), bce, most(dtype));
    assert_int_equal(tg_grad(&loss, NULL, 1, &x, 1, false, &g), TG_OK);
    const long double p = 1 / (1 + expl(-(long double)logit(1)));
    within("bce's gradient", get(tg_data(g), dtype, N - PERIOD + 1), (p - (long double)target(1)) / N, 16 * most(dtype));
    tg_tape_free(t);
}

static void test_losses(void **state)
{
    (void)state;
    check_losses(TG_F32);
    check_losses(TG_F64);
}

static int64_t label_of(int64_t row) { return row % LABELS == 0; }

/* -ln p(label) of row i of two logits; *p: that of class 1. */
static long double row_loss(int64_t i, long double *p)
{
    const long double a = logit(2 * i), b = logit(2 * i + 1), m = fmaxl(a, b), sum = expl(a - m) + expl(b - m);
    *p = expl(b - m) / sum;
    return m + logl(sum) - (label_of(i) ? b : a);
}

/* Ten million rows of two classes: the mean, the gradient of a bias, and the share of right answers. */
static void test_rows(void **state)
{
    (void)state;
    tg_tape *t = tape_of(TG_F32);
    int32_t *label = malloc(N * sizeof *label);
    assert_non_null(label);
    for (int64_t i = 0; i < N; i++) label[i] = (int32_t)label_of(i);
    tg_tensor *x = numbers(t, logit, TG_SHAPE(N, 2)), *bias = tg_set_requires_grad(tg_keep(tg_zeros(t, TG_SHAPE(2))), true), *g = NULL;
    tg_tensor *y = tg_keep(tg_from_data(t, TG_I32, TG_SHAPE(N), label));
    free(label);

    long double loss = 0, slope = 0, size = 0, right = 0;
    for (int64_t i = 0; i < LABELS * PERIOD / 2; i++) { /* after which rows and labels are the same again */
        const int64_t times = (N - 1 - i) / (LABELS * PERIOD / 2) + 1;
        long double   p;
        loss += (long double)times * row_loss(i, &p);
        slope += (long double)times * (p - label_of(i));
        size += (long double)times * fabsl(p - label_of(i));
        right += (long double)times * ((logit(2 * i + 1) > logit(2 * i)) == label_of(i));
    }
    tg_tensor *mean = tg_cross_entropy(tg_add(x, bias), y);
    within("cross_entropy of rows", tg_item(mean), loss / N, most(TG_F32));
    assert_int_equal(tg_grad(&mean, NULL, 1, &bias, 1, false, &g), TG_OK);
    assert_true(fabsl((long double)get(tg_data(g), TG_F32, 1) - slope / N) <= most(TG_F32) * size / N);
    within("accuracy", tg_item(tg_accuracy(x, y)), right / N, 2e-7);
    tg_tape_free(t);
}

/* ---- a row of ten million ---------------------------------------------------------------------------------------------- */

static void check_row(tg_dtype dtype)
{
    tg_tape      *t = tape_of(dtype);
    tg_tensor    *x = tg_set_requires_grad(numbers(t, logit, TG_SHAPE(1, N)), true), *g = NULL;
    const int32_t label = N / 2 + 5;
    tg_tensor    *y = tg_keep(tg_from_data(t, TG_I32, TG_SHAPE(1), &label));
    long double   sum = 0;
    for (int64_t i = 0; i < PERIOD; i++) sum += expl((long double)logit(i)) * (N / PERIOD);
    within("cross_entropy of a row", tg_item(tg_cross_entropy(x, y)), logl(sum) - (long double)logit(label), most(dtype));
    tg_tensor *lse = tg_logsumexp(x, TG_AXES(1), false);
    within("logsumexp", tg_item(lse), logl(sum), most(dtype));
    assert_int_equal(tg_grad(&lse, NULL, 1, &x, 1, false, &g), TG_OK);
    tg_tensor *const results[] = {tg_softmax(x, 1), tg_log_softmax(x, 1), g};
    static const char *const names[] = {"softmax", "log_softmax", "logsumexp's gradient"};
    for (int r = 0; r < 3; r++) {
        const void *v = tg_data(results[r]);
        assert_non_null(v);
        for (int64_t i = N - PERIOD; i < N; i++) {
            const long double z = logit(i);
            within(names[r], get(v, dtype, i), r == 1 ? z - logl(sum) : expl(z) / sum, most(dtype));
        }
    }
    within("what softmax adds up to", tg_item(tg_sum(results[0], TG_ALL_AXES, false)), 1, most(dtype));
    tg_tape_free(t);
}

static void test_row(void **state)
{
    (void)state;
    check_row(TG_F32);
    check_row(TG_F64);
}

/* ---- counts -------------------------------------------------------------------------------------------------------------- */

/* Beyond 2^24, where f32 has no odd numbers: integers are counted in 64 bits, ties in double. */
static void test_counts(void **state)
{
    (void)state;
    enum { MANY = (1 << 24) + 3 };
    tg_tape   *t = tape_of(TG_F32);
    uint8_t   *one = malloc(MANY);
    tg_tensor *g = NULL;
    assert_non_null(one);
    memset(one, 1, MANY);
    tg_tensor *x = tg_borrow(t, TG_U8, TG_SHAPE(MANY), one);
    assert_int_equal(*(const int64_t *)tg_data(tg_sum(x, TG_ALL_AXES, false)), MANY);
    assert_int_equal(*(const int64_t *)tg_data(tg_sum(tg_to(x, TG_BOOL), TG_ALL_AXES, false)), MANY);
    tg_tensor *equals = tg_set_requires_grad(tg_keep(tg_zeros(t, TG_SHAPE(MANY))), true), *largest = tg_amax(equals, TG_ALL_AXES, false);
    assert_int_equal(tg_grad(&largest, NULL, 1, &equals, 1, false, &g), TG_OK);
    within("ties", get(tg_data(g), TG_F32, MANY - 1), 1 / (long double)MANY, 2e-7);
    tg_tape_free(t);
    free(one);
}

static void test_progress(void **state)
{
    (void)state;
    tg_progress p;
    tg_progress_start(&p, "", 0);
    for (int i = 0; i < N; i++) tg_progress_update(&p, 3, i % 2 ? 0.1 : 0.3, 0.7);
    assert_int_equal(p.samples, 3 * (int64_t)N);
    within("mean loss", p.loss, 0.2L, 1e-9);
    within("mean accuracy", p.accuracy, 0.7L, 1e-9);
}

/* ---- gradcheck ------------------------------------------------------------------------------------------------------------ */

static tg_tensor *square(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    return tg_square(in[0]);
}

/* Both sides are sums of ten million products of either sign. */
static void test_gradcheck(void **state)
{
    (void)state;
    tg_tape            *t = tape_of(TG_F64);
    tg_tensor          *x = tg_set_requires_grad(numbers(t, logit, TG_SHAPE(N)), true);
    tg_gradcheck_report report;
    assert_int_equal(tg_gradcheck(square, NULL, &x, 1, &(tg_gradcheck_options){.directions = 1, .rtol = 1e-7, .atol = 1e-12}, &report), TG_OK);
    assert_true(report.relative_error < 1e-7);
    tg_tape_free(t);
}

static int make_room(void **state)
{
    (void)state;
    f32 = malloc(2 * N * sizeof *f32);
    f64 = malloc(2 * N * sizeof *f64);
    return f32 && f64 ? 0 : -1;
}

static int give_room(void **state)
{
    (void)state;
    free(f32);
    free(f64);
    return 0;
}

int main(void)
{
    const char *evaluator = getenv("TAPEGRAD_EVAL");
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_losses), cmocka_unit_test(test_rows),     cmocka_unit_test(test_row),
                                       cmocka_unit_test(test_counts), cmocka_unit_test(test_progress), cmocka_unit_test(test_gradcheck)};
    if (evaluator && strcmp(evaluator, "fused")) {
        puts("[==========] 0 test(s) run.");
        return 0;
    }
    return cmocka_run_group_tests(tests, make_room, give_room);
}
