/* test_metrics.c - metrics against their definitions in plain loops: of a batch, and added up over ragged ones. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <tapegrad.h>

#include "quiet.h"
#include "failing.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

enum { N = 103, CLASSES = 5 };

/* Scores on a coarse grid, so that many are equal. */
static void make_scores(double *x, size_t n, uint64_t seed)
{
    for (size_t k = 0; k < n; k++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        x[k] = (double)(seed >> 33 & 7) / 4 - 1;
    }
}

static void make_labels(int64_t *y, size_t n, int64_t classes, uint64_t seed)
{
    for (size_t k = 0; k < n; k++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        y[k] = (int64_t)(seed >> 33) % classes;
    }
}

/* Of equal scores the earlier is larger. */
static int rank_of(const double *row, int64_t label)
{
    int rank = 0;
    for (int c = 0; c < CLASSES; c++) {
        const bool is_nan = isnan(row[label]);
        rank += isnan(row[c]) ? !is_nan || c < label : row[c] > row[label] || (row[c] == row[label] && c < label);
    }
    return rank;
}

/* ---- of a batch ----------------------------------------------------------------------------------------------------- */

static void test_topk(void **state)
{
    (void)state;
    for (int dtype = TG_F32; dtype <= TG_F64; dtype++) {
        tg_tape *t = quiet((tg_dtype)dtype);
        double   x[N * CLASSES];
        int64_t  y[N];
        make_scores(x, N * CLASSES, 3);
        make_labels(y, N, CLASSES, 4);
        tg_tensor *scores = tg_to(tg_from_f64(t, TG_SHAPE(N, CLASSES), x), (tg_dtype)dtype), *label = tg_from_i64(t, TG_SHAPE(N), y);
        for (int k = 1; k <= CLASSES; k++) {
            int right = 0;
            for (int i = 0; i < N; i++) right += rank_of(x + (ptrdiff_t)i * CLASSES, y[i]) < k;
            tg_tensor *share = tg_topk_accuracy(scores, label, k);
            assert_int_equal(tg_dtype_of(share), dtype);
            assert_true(fabs(tg_item(share) - (double)right / N) < 1e-6);
            if (k == 1) assert_true(fabs(tg_item(share) - tg_item(tg_accuracy(scores, label))) < 1e-7);
        }
        assert_null(tg_topk_accuracy(scores, label, 0));
        expect_error(t, TG_ERR_ARG, "tg_topk_accuracy: k is 0, outside 1 to the 5 classes");
        assert_null(tg_topk_accuracy(scores, label, 6));
        expect_error(t, TG_ERR_ARG, "k is 6");
        tg_tensor *wrong = tg_topk_accuracy(scores, tg_full(t, TG_I64, TG_SHAPE(N), 5), 2);
        assert_true(isnan(tg_item(wrong)));
        expect_error(t, TG_ERR_INDEX, "tg_item");
        const double nan_row[3][CLASSES] = {{1, NAN, 3, 0, 0}, {NAN, NAN, 0, 0, 0}, {1, 2, 3, 4, NAN}};
        tg_tensor   *rows = tg_to(tg_from_f64(t, TG_SHAPE(3, CLASSES), nan_row[0]), (tg_dtype)dtype),
                  *at = tg_from_i64(t, TG_SHAPE(3), (int64_t[]){2, 2, 3});
        assert_true(fabs(tg_item(tg_topk_accuracy(rows, at, 2)) - 2.0 / 3) < 1e-6); /* a NaN before 3; two before 0; one before 4 */
        tg_tape_free(t);
    }
}

static void count(const double *x, const int64_t *y, int n, double matrix[CLASSES][CLASSES])
{
    for (int i = 0; i < n; i++)
        for (int c = 0; c < CLASSES; c++)
            if (rank_of(x + (ptrdiff_t)i * CLASSES, c) == 0) matrix[y[i]][c]++;
}

static void test_confusion_matrix(void **state)
{
    (void)state;
    tg_tape *t = quiet(TG_F32);
    double   x[N * CLASSES], want[CLASSES][CLASSES] = {{0}};
    int64_t  y[N];
    make_scores(x, N * CLASSES, 5);
    make_labels(y, N, CLASSES, 6);
    count(x, y, N, want);
    tg_tensor *m = tg_confusion_matrix(tg_from_f64(t, TG_SHAPE(N, CLASSES), x), tg_from_i64(t, TG_SHAPE(N), y));
    for (int k = 0; k < CLASSES * CLASSES; k++) assert_true((double)tg_data_f32(m)[k] == want[k / CLASSES][k % CLASSES]);
    tg_tape_free(t);
}

static void test_r2(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_randn(t, TG_SHAPE(4, 25)), *y = tg_add_s(tg_mul_s(tg_randn(t, TG_SHAPE(4, 25)), 3), 100);
    tg_tensor *r = tg_r2_score(x, y);
    assert_int_equal(tg_eval((tg_tensor *[]){x, y, r}, 3), TG_OK);
    long double mean = 0, missed = 0, spread = 0;
    for (int i = 0; i < 100; i++) mean += (long double)tg_data_f64(y)[i] / 100;
    for (int i = 0; i < 100; i++) {
        const long double target = (long double)tg_data_f64(y)[i], e = target - (long double)tg_data_f64(x)[i];
        missed += e * e;
        spread += (target - mean) * (target - mean);
    }
    assert_true(fabsl((long double)tg_item(r) / (1 - missed / spread) - 1) < 1e-12L);
    assert_true(tg_item(tg_r2_score(y, y)) == 1);
    tg_tape_free(t);
}

/* ---- added up -------------------------------------------------------------------------------------------------------- */

static void test_means(void **state)
{
    (void)state;
    tg_running_mean m = {0};
    assert_true(isnan(tg_mean_value(&m)) && isnan(tg_mean_value(NULL)));
    tg_mean_add(NULL, 1, 1);
    tg_mean_add(&m, 2, 64);
    tg_mean_add(&m, 5, 32);
    assert_true(tg_mean_value(&m) == 3);
    tg_running_mean long_one = {0};
    for (int k = 0; k < 1000000; k++) tg_mean_add(&long_one, 0.1, 1);
    assert_true(fabs(tg_mean_value(&long_one) - 0.1) < 1e-16);
    tg_running_mean large = {0};
    for (int k = 0; k < 3; k++) tg_mean_add(&large, (double[]){1, 1e100, -1e100}[k], 1);
    assert_true(tg_mean_value(&large) == 1.0 / 3);
    tg_mean_add(&m, INFINITY, 1);
    assert_true(isinf(tg_mean_value(&m)));
}

static void test_regression(void **state)
{
    (void)state;
    for (int dtype = TG_F32; dtype <= TG_F64; dtype++) {
        static const int64_t sizes[] = {7, 0, 1, 40, 52};
        tg_tape             *t = quiet((tg_dtype)dtype);
        tg_regression        r = {0};
        double               x[100], y[100];
        int64_t              at = 0;
        long double          absolute = 0, squared = 0, mean = 0, spread = 0;
        assert_true(isnan(tg_regression_mse(&r)) && isnan(tg_regression_mae(NULL)) && isnan(tg_regression_r2(&r)));
        for (int i = 0; i < 100; i++) x[i] = sin(3.7 * i) + 1000, y[i] = cos(1.1 * i * i) + 1000 + i * 0.01;
        if (dtype == TG_F32)
            for (int i = 0; i < 100; i++) x[i] = (double)(float)x[i], y[i] = (double)(float)y[i];
        for (size_t k = 0; k < COUNT(sizes); at += sizes[k++]) {
            tg_tensor *a = tg_to(tg_from_f64(t, TG_SHAPE(sizes[k]), x + at), (tg_dtype)dtype),
                      *b = tg_to(tg_from_f64(t, TG_SHAPE(sizes[k]), y + at), (tg_dtype)dtype);
            assert_int_equal(tg_regression_add(&r, a, b), TG_OK);
            tg_reset(t);
        }
        for (int i = 0; i < 100; i++) mean += (long double)y[i] / 100;
        for (int i = 0; i < 100; i++) {
            const long double e = (long double)x[i] - (long double)y[i];
            absolute += fabsl(e) / 100;
            squared += e * e / 100;
            spread += ((long double)y[i] - mean) * ((long double)y[i] - mean) / 100;
        }
        assert_true(fabsl((long double)tg_regression_mae(&r) / absolute - 1) < 1e-12L);
        assert_true(fabsl((long double)tg_regression_mse(&r) / squared - 1) < 1e-12L);
        assert_true(fabsl((long double)tg_regression_r2(&r) / (1 - squared / spread) - 1) < 1e-11L);
        const tg_regression before = r;
        expect_failure(t, tg_regression_add(&r, tg_ones(t, TG_SHAPE(2)), tg_ones(t, TG_SHAPE(2, 1))), TG_ERR_SHAPE,
                       "x [2] and target [2,1] have different shapes");
        expect_failure(t, tg_regression_add(&r, tg_full(t, TG_I64, TG_SHAPE(2), 1), tg_ones(t, TG_SHAPE(2))), TG_ERR_DTYPE, "x is int64");
        assert_int_equal(tg_regression_add(&r, NULL, NULL), TG_ERR_NULL);
        assert_int_equal(tg_regression_add(NULL, NULL, NULL), TG_ERR_NULL);
        assert_memory_equal(&before, &r, sizeof r);
        tg_tape_free(t);
    }
}

/* Precision, recall and F1 of a class from its counts. */
static void three(double m[CLASSES][CLASSES], int k, double s[3])
{
    double tp = m[k][k], fp = 0, fn = 0;
    for (int i = 0; i < CLASSES; i++) {
        if (i == k) continue;
        fp += m[i][k];
        fn += m[k][i];
    }
    s[0] = tp + fp > 0 ? tp / (tp + fp) : 0;
    s[1] = tp + fn > 0 ? tp / (tp + fn) : 0;
    s[2] = s[0] + s[1] > 0 ? 2 * s[0] * s[1] / (s[0] + s[1]) : 0; /* the harmonic mean */
}

static void assert_three(const tg_confusion *c, int64_t of, const double s[3])
{
    assert_true(fabs(tg_confusion_precision(c, of) - s[0]) < 1e-14);
    assert_true(fabs(tg_confusion_recall(c, of) - s[1]) < 1e-14);
    assert_true(fabs(tg_confusion_f1(c, of) - s[2]) < 1e-14);
}

static void test_confusion(void **state)
{
    (void)state;
    tg_tape      *t = quiet(TG_F32);
    tg_confusion *c = tg_confusion_new(t, CLASSES);
    double        x[N * CLASSES], m[CLASSES][CLASSES] = {{0}};
    int64_t       y[N], at = 0;
    make_scores(x, N * CLASSES, 7);
    make_labels(y, N, 3, 8);                                                  /* no label is 3 or 4, … */
    for (int i = 0; i < N; i++) x[i * CLASSES + 4] = -9, x[i * CLASSES] += 0.5; /* … and 4 is never predicted */
    count(x, y, N, m);
    assert_true(isnan(tg_confusion_accuracy(c)) && isnan(tg_confusion_f1(c, TG_MACRO)) && isnan(tg_confusion_f1(c, 0)));
    for (int64_t n = 1; at < N; at += n, n = n * 2 < N - at ? n * 2 : N - at) {
        tg_tensor *scores = tg_from_f64(t, TG_SHAPE(n, CLASSES), x + at * CLASSES), *label = tg_from_i64(t, TG_SHAPE(n), y + at);
        if (n % 4 == 2) scores = tg_argmax(scores, 1, false); /* classes do as well */
        if (n % 4 == 1) label = tg_to(label, TG_I32);
        assert_int_equal(tg_confusion_add(c, scores, label), TG_OK);
        tg_reset(t);
    }
    double macro[3] = {0}, weighted[3] = {0}, right = 0, occur = 0;
    for (int k = 0; k < CLASSES; k++) {
        double s[3], labels = 0, predicted = 0;
        three(m, k, s);
        assert_three(c, k, s);
        for (int i = 0; i < CLASSES; i++) {
            assert_true((double)tg_confusion_count(c, k, i) == m[k][i]);
            labels += m[k][i], predicted += m[i][k];
        }
        right += m[k][k];
        occur += labels + predicted > 0;
        for (int i = 0; i < 3; i++) macro[i] += s[i], weighted[i] += s[i] * labels / N;
    }
    assert_true(occur == 4);
    for (int i = 0; i < 3; i++) macro[i] /= occur;
    assert_three(c, TG_MACRO, macro);
    assert_three(c, TG_WEIGHTED, weighted);
    assert_three(c, TG_MICRO, (double[]){right / N, right / N, right / N});
    assert_true(tg_confusion_accuracy(c) == right / N);
    assert_true(isnan(tg_confusion_f1(c, 5)) && isnan(tg_confusion_f1(c, -4)) && isnan(tg_confusion_f1(NULL, 0)));
    assert_int_equal(tg_confusion_count(c, 5, 0), -1);
    assert_int_equal(tg_confusion_count(c, 0, -1), -1);
    tg_confusion_clear(c);
    assert_int_equal(tg_confusion_count(c, 0, 0), 0);
    tg_confusion_free(c);
    tg_confusion_free(NULL);
    tg_tape_free(t);
}

static void test_confusion_refused(void **state)
{
    (void)state;
    tg_tape      *t = quiet(TG_F32), *t2 = quiet(TG_F32);
    tg_confusion *c = tg_confusion_new(t, 3);
    tg_tensor    *label = tg_from_i64(t, TG_SHAPE(2), (int64_t[]){0, 3}), *good = tg_from_i64(t, TG_SHAPE(2), (int64_t[]){2, 1});
    expect_failure(t, tg_confusion_add(c, good, label), TG_ERR_INDEX, "tg_confusion_add: label 1 is 3, outside 0 to 2");
    expect_failure(t, tg_confusion_add(c, label, good), TG_ERR_INDEX, "predicted 1 is 3");
    expect_failure(t, tg_confusion_add(c, tg_ones(t, TG_SHAPE(2, 4)), good), TG_ERR_SHAPE, "scores [n,3]");
    expect_failure(t, tg_confusion_add(c, tg_ones(t, TG_SHAPE(2)), good), TG_ERR_SHAPE, "predicted [2] and label [2] do not fit");
    expect_failure(t, tg_confusion_add(c, good, tg_ones(t, TG_SHAPE(2))), TG_ERR_DTYPE, "predicted are int64 and label float32");
    expect_failure(t, tg_confusion_add(c, good, tg_full(t2, TG_I64, TG_SHAPE(2), 1)), TG_ERR_TAPE, "another tape");
    assert_int_equal(tg_confusion_add(c, NULL, good), TG_ERR_NULL);
    assert_int_equal(tg_confusion_add(NULL, good, good), TG_ERR_NULL);
    for (int k = 0; k < 9; k++) assert_int_equal(tg_confusion_count(c, k / 3, k % 3), 0);
    static const int64_t wrong[] = {0, -1, INT64_MAX, 4000000000};
    for (size_t k = 0; k < COUNT(wrong); k++) {
        assert_null(tg_confusion_new(t, wrong[k]));
        expect_error(t, TG_ERR_ARG, "is not a number of classes");
    }
    assert_null(tg_confusion_new(NULL, 3));
    tg_tape_free(t);
    tg_tape_free(t2);
}

/* Against all pairs, with many equal scores; batch by batch. */
static void test_auc(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 20; seed++) {
        tg_tape *t = quiet(TG_F32);
        tg_roc  *r = tg_roc_new(t);
        double   x[N], pairs = 0, larger = 0;
        int64_t  y[N];
        make_scores(x, N, seed);
        make_labels(y, N, 2, seed + 100);
        assert_true(isnan(tg_roc_auc(r)));
        for (int64_t at = 0, n = 1; at < N; at += n, n = n * 3 < N - at ? n * 3 : N - at) {
            assert_int_equal(tg_roc_add(r, tg_from_f64(t, TG_SHAPE(n), x + at), tg_to(tg_from_i64(t, TG_SHAPE(n), y + at), n % 2 ? TG_BOOL : TG_I32)),
                             TG_OK);
            (void)tg_roc_auc(r); /* in between, too */
        }
        for (int i = 0; i < N; i++)
            for (int k = 0; k < N; k++) {
                if (y[i] != 1 || y[k] != 0) continue;
                pairs++;
                larger += x[i] > x[k] ? 1 : x[i] == x[k] ? 0.5 : 0;
            }
        assert_true(fabs(tg_roc_auc(r) - larger / pairs) < 1e-14);
        tg_roc_clear(r);
        assert_int_equal(
            tg_roc_add(r, tg_from_f64(t, TG_SHAPE(3), (double[]){INFINITY, 1, -INFINITY}), tg_from_i64(t, TG_SHAPE(3), (int64_t[]){1, 1, 0})), TG_OK);
        assert_true(tg_roc_auc(r) == 1);
        expect_failure(t, tg_roc_add(r, tg_from_f64(t, TG_SHAPE(2), (double[]){0, NAN}), tg_from_i64(t, TG_SHAPE(2), (int64_t[]){1, 1})), TG_ERR_ARG,
                       "tg_roc_add: score 1 is NaN");
        expect_failure(t, tg_roc_add(r, tg_ones(t, TG_SHAPE(2)), tg_from_i64(t, TG_SHAPE(2), (int64_t[]){0, 2})), TG_ERR_ARG,
                       "label 1 is 2: labels are 0 and 1");
        expect_failure(t, tg_roc_add(r, tg_ones(t, TG_SHAPE(2)), tg_ones(t, TG_SHAPE(2))), TG_ERR_DTYPE, "label float32");
        expect_failure(t, tg_roc_add(r, tg_ones(t, TG_SHAPE(2, 1)), tg_full(t, TG_I64, TG_SHAPE(2, 1), 1)), TG_ERR_SHAPE, "both have to be [n]");
        assert_int_equal(tg_roc_add(r, NULL, NULL), TG_ERR_NULL);
        assert_int_equal(tg_roc_add(NULL, NULL, NULL), TG_ERR_NULL);
        assert_true(tg_roc_auc(r) == 1);
        assert_true(isnan(tg_roc_auc(NULL)));
        tg_roc_free(r);
        tg_tape_free(t);
    }
}

/* What was wanted with the loss costs nothing more: the scores are not computed again. */
static void test_wanted(void **state)
{
    (void)state;
    tg_tape      *t = quiet(TG_F32);
    tg_confusion *c = tg_confusion_new(t, 3);
    tg_tensor    *w = tg_param(t, "w", tg_randn(t, TG_SHAPE(4, 3)));
    tg_optim     *opt = tg_sgd(t, NULL);
    for (int step = 0; step < 3; step++) {
        tg_tensor *label = tg_from_i64(t, TG_SHAPE(2), (int64_t[]){0, 2});
        tg_tensor *scores = tg_want(tg_matmul(tg_ones(t, TG_SHAPE(2, 4)), w));
        tg_tensor *top = tg_want(tg_topk_accuracy(scores, label, 2)), *matrix = tg_want(tg_confusion_matrix(scores, label));
        assert_int_equal(tg_minimize(opt, tg_cross_entropy(scores, label)), TG_OK);
        assert_int_equal(tg_confusion_add(c, scores, label), TG_OK); /* w is another now: it would be an error, were they not there */
        assert_true(tg_item(top) >= 0 && tg_data_f32(matrix));
        tg_reset(t);
    }
    assert_null(tg_error(t));
    assert_int_equal(tg_confusion_count(c, 0, 0) + tg_confusion_count(c, 0, 1) + tg_confusion_count(c, 0, 2), 3);
    tg_tape_free(t);
}

static void test_allocations_fail(void **state)
{
    (void)state;
    for (int64_t k = 0, good = 0; !good; k++) {
        failing  f = {.left = -1, .once = true};
        tg_tape *t = failing_tape(&f, TG_F32);
        f.left = k;
        tg_confusion *c = tg_confusion_new(t, 3);
        tg_roc       *r = tg_roc_new(t);
        tg_tensor    *x = tg_ones(t, TG_SHAPE(200)), *scores = tg_ones(t, TG_SHAPE(200, 3)), *y = tg_full(t, TG_I64, TG_SHAPE(200), 1);
        const bool    counted = c && tg_confusion_add(c, scores, y) == TG_OK, kept = r && tg_roc_add(r, x, y) == TG_OK;
        f.left = -1;
        good = counted && kept && !tg_error(t);
        if (!good) expect_error(t, TG_ERR_MEMORY, "out of memory");
        if (c) assert_int_equal(tg_confusion_count(c, 1, 0), counted ? 200 : 0);
        tg_tape_free(t);
        assert_int_equal(f.held, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_topk),       cmocka_unit_test(test_confusion_matrix),  cmocka_unit_test(test_r2),  cmocka_unit_test(test_means),
        cmocka_unit_test(test_regression), cmocka_unit_test(test_confusion),         cmocka_unit_test(test_confusion_refused),
        cmocka_unit_test(test_auc),        cmocka_unit_test(test_wanted),            cmocka_unit_test(test_allocations_fail),
    };
    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
