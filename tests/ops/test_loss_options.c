/* test_loss_options.c - losses with options: reductions, weights, labels to be ignored, smoothing; kinks, infinite values, the ends of the range;
 * wrong options. Values and gradients of the usual kind: test_values.c and test_gradients.c; losses without options: test_losses.c. */
#include "op_test.h"

#define assert_number(Y, WANT) assert_values(Y, TG_F64, TG_SCALAR_SHAPE, &(double){WANT}, 1e-14)
#define LEAF(...)              tg_set_requires_grad(VECTOR(t, __VA_ARGS__), true)
#define OPTIONS(...)           (&(tg_loss_options){__VA_ARGS__})
#define EACH                   OPTIONS(.reduction = TG_LOSS_NONE)
#define SUM                    OPTIONS(.reduction = TG_LOSS_SUM)

static tg_tensor *labels(tg_tape *t, int64_t a, int64_t b) { return tg_from_i64(t, TG_SHAPE(2), (int64_t[]){a, b}); }

static void test_reductions(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tensor(t, TG_F64, TG_SHAPE(2, 2), (double[]){1, 2, 3, 4}), *zero = tg_zeros(t, TG_SHAPE(2, 2));
    (void)state;
    assert_f64(tg_mse_loss(x, zero, EACH), TG_SHAPE(2, 2), 1, 4, 9, 16);
    assert_number(tg_mse_loss(x, zero, SUM), 30);
    assert_number(tg_mse_loss(x, zero, NULL), 7.5);
    assert_number(tg_mse_loss(x, zero, OPTIONS(0)), 7.5);
    assert_number(tg_kl_div_loss(zero, tg_ones_like(x), OPTIONS(.reduction = TG_LOSS_BATCHMEAN)), 0);
    assert_number(tg_kl_div_loss(x, tg_ones_like(x), OPTIONS(.reduction = TG_LOSS_BATCHMEAN)), -5);
    assert_number(tg_kl_div_loss(x, tg_ones_like(x), SUM), -10);
    assert_number(tg_kl_div_loss(tg_scalar(t, 1), tg_scalar(t, 1), OPTIONS(.reduction = TG_LOSS_BATCHMEAN)), -1);
    tg_tape_free(t);
}

static void test_over_nothing(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_zeros(t, TG_SHAPE(0, 3)), *none = tg_from_i64(t, TG_SHAPE(0), NULL);
    (void)state;
    assert_number(tg_l1_loss(x, x, NULL), NAN);
    assert_number(tg_l1_loss(x, x, SUM), 0);
    assert_number(tg_cross_entropy_loss(x, none, NULL), NAN);
    assert_number(tg_cross_entropy_loss(x, none, SUM), 0);
    assert_values(tg_nll_loss(x, none, EACH), TG_F64, TG_SHAPE(0), NULL, 0);
    assert_number(tg_triplet_margin_loss(x, x, x, NULL), NAN);
    assert_number(tg_kl_div_loss(x, x, OPTIONS(.reduction = TG_LOSS_BATCHMEAN)), NAN);
    tg_tape_free(t);
}

/* ---- of differences ----------------------------------------------------------------------------------------------- */

static void test_kinks(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = LEAF(0, 1, -1, NAN), *zero = tg_zeros(t, TG_SHAPE(4));
    (void)state;
    assert_f64(gradient(tg_l1_loss(x, zero, SUM), NULL, x), TG_SHAPE(4), 0, 1, -1, NAN);
    assert_f64(gradient(tg_smooth_l1_loss(x, zero, SUM), NULL, x), TG_SHAPE(4), 0, 1, -1, NAN);
    assert_f64(gradient(tg_smooth_l1_loss(x, zero, OPTIONS(.reduction = TG_LOSS_SUM, .beta = TG_ZERO)), NULL, x), TG_SHAPE(4), 0, 1, -1, NAN);
    assert_f64(tg_smooth_l1_loss(x, zero, OPTIONS(.reduction = TG_LOSS_NONE, .beta = 4)), TG_SHAPE(4), 0, 0.125, 0.125, NAN);
    assert_f64(tg_huber_loss(x, zero, OPTIONS(.reduction = TG_LOSS_NONE, .delta = 0.5)), TG_SHAPE(4), 0, 0.375, 0.375, NAN);
    tg_tape_free(t);
}

/* All digits near 0, none lost far out. */
static void test_log_cosh(void **state)
{
    (void)state;
    for (tg_dtype d = TG_F32; d <= TG_F64; d++) {
        static const double x[] = {1e-6, -1e-3, 0.5, 0.999, 1.001, 20, -1000, INFINITY, NAN};
        for (int k = 0; k < 9; k++) {
            tg_tape     *t = quiet(d);
            tg_tensor   *p = tg_set_requires_grad(tg_scalar(t, x[k]), true), *y = tg_log_cosh_loss(p, tg_scalar(t, 0), NULL);
            const double a = fabs(x[k]), want = a < 1e-2 ? a * a / 2 - a * a * a * a / 12 : a + log1p(exp(-2 * a)) - log(2);
            if (!near(tg_item(y), want, (d == TG_F32 ? 1e-6 : 1e-12) * want)) fail_msg("ln cosh %g is %.17g, not %.17g", x[k], tg_item(y), want);
            assert_true(near(tg_item(gradient(y, NULL, p)), tanh(x[k]), 1e-6));
            tg_tape_free(t);
        }
    }
}

/* ---- likelihoods -------------------------------------------------------------------------------------------------- */

/* Below eps the value is that of eps and the gradient that which eps has. */
static void test_small_variance(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = VECTOR(t, 1, 1, 1), *v = LEAF(0.5, 0.25, -3);
    tg_tensor *y = tg_gaussian_nll_loss(x, tg_zeros_like(x), v, OPTIONS(.reduction = TG_LOSS_NONE, .eps = 0.5));
    const double want = (log(0.5) + 2) / 2, slope = (1 / 0.5 - 1 / 0.25) / 2;
    (void)state;
    assert_f64(y, TG_SHAPE(3), want, want, want);
    assert_f64(gradient(tg_sum_all(y), NULL, v), TG_SHAPE(3), slope, slope, slope);
    assert_number(tg_gaussian_nll_loss(tg_scalar(t, 0), tg_scalar(t, 0), tg_scalar(t, 1), OPTIONS(.full = true)), log(2 * acos(-1)) / 2);
    tg_tape_free(t);
}

static void test_factorials(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *n = LEAF(0, 1, 4), *x = tg_zeros(t, TG_SHAPE(3));
    tg_tensor *y = tg_poisson_nll_loss(x, n, OPTIONS(.reduction = TG_LOSS_NONE, .full = true));
    const double four = 4 * log(4) - 4 + log(8 * acos(-1)) / 2;
    (void)state;
    assert_f64(y, TG_SHAPE(3), 1, 1, 1 + four);
    assert_f64(gradient(tg_sum_all(y), NULL, n), TG_SHAPE(3), 0, 0, log(4) + 0.125);
    assert_number(tg_poisson_nll_loss(tg_scalar(t, 0), tg_scalar(t, 1), OPTIONS(.rates = true)), -log(1e-8));
    assert_number(tg_poisson_nll_loss(tg_scalar(t, 0), tg_scalar(t, 0), OPTIONS(.rates = true, .eps = TG_ZERO)), NAN); /* 0 ln 0 */
    tg_tape_free(t);
}

/* ---- binary ------------------------------------------------------------------------------------------------------- */

/* Certain probabilities: right ones cost nothing, wrong ones 100, with slopes that are finite. */
static void test_certain(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *p = LEAF(0, 1, 0, 1, 2), *y = VECTOR(t, 0, 1, 1, 0, 1);
    (void)state;
    assert_f64(tg_bce_loss(p, y, EACH), TG_SHAPE(5), 0, 0, 100, 100, NAN);
    assert_f64(gradient(tg_bce_loss(tg_slice(p, 0, 0, 4, 1), tg_slice(y, 0, 0, 4, 1), SUM), NULL, p), TG_SHAPE(5), 0, 0, -1e12, 1e12, 0);
    tg_tensor *x = LEAF(INFINITY, -INFINITY, 1000, -1000), *target = VECTOR(t, 1, 0, 0, 1), *twos = VECTOR(t, 2, 2, 2, 2);
    const tg_loss_options o = {.reduction = TG_LOSS_NONE, .pos_weight = twos};
    assert_f64(tg_bce_with_logits_loss(x, target, &o), TG_SHAPE(4), 0, 0, 1000, 2000);
    assert_f64(gradient(tg_sum_all(tg_bce_with_logits_loss(x, target, &o)), NULL, x), TG_SHAPE(4), 0, 0, 1, -2);
    tg_tape_free(t);
}

/* ---- classes ------------------------------------------------------------------------------------------------------ */

static void test_ignored(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(2, 2), (double[]){0, 0, NAN, INFINITY}), true);
    const double two = log(2);
    (void)state;
    assert_number(tg_cross_entropy_loss(x, labels(t, 0, -100), NULL), two);
    assert_f64(gradient(tg_cross_entropy_loss(x, labels(t, 0, -100), NULL), NULL, x), TG_SHAPE(2, 2), -0.5, 0.5, 0, 0);
    assert_f64(tg_cross_entropy_loss(x, labels(t, 0, -100), EACH), TG_SHAPE(2), two, 0);
    assert_number(tg_cross_entropy_loss(x, labels(t, 1, 0), OPTIONS(.ignore_index = TG_ZERO_INDEX)), two);
    assert_number(tg_cross_entropy_loss(x, labels(t, 0, 7), OPTIONS(.ignore_index = 7)), two);
    assert_number(tg_cross_entropy_loss(x, tg_to(labels(t, 0, -7), TG_I32), OPTIONS(.ignore_index = -7, .label_smoothing = 0.5)), two);
    assert_number(tg_nll_loss(x, labels(t, 0, -100), NULL), 0);
    assert_f64(gradient(tg_nll_loss(x, labels(t, 0, -100), NULL), NULL, x), TG_SHAPE(2, 2), -1, 0, 0, 0);
    assert_number(tg_cross_entropy_loss(x, labels(t, -100, -100), NULL), NAN); /* none counts */
    assert_number(tg_cross_entropy_loss(x, labels(t, -100, -100), SUM), 0);
    assert_error_when_read(t, tg_cross_entropy_loss(x, labels(t, 0, 2), NULL), TG_ERR_INDEX, "tg_cross_entropy_loss: label 2 at [1] is outside 0 to 1");
    assert_error_when_read(t, tg_nll_loss(x, labels(t, -1, 0), NULL), TG_ERR_INDEX,
                           "tg_nll_loss: label -1 at [0] is outside 0 to 1 (-1 is what tg_table_labels has for a missing category)");
    assert_error_when_read(t, tg_multi_margin_loss(x, labels(t, 0, -100), NULL), TG_ERR_INDEX, "tg_multi_margin_loss: label -100 at [1] is outside 0 to 1");
    tg_tape_free(t);
}

/* What has no probability may be impossible. */
static void test_impossible_classes(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(1, 3), (double[]){0, -INFINITY, 0}), true);
    tg_tensor *q = tensor(t, TG_F64, TG_SHAPE(1, 3), (double[]){0.5, 0, 0.5}), *bad = tensor(t, TG_F64, TG_SHAPE(1, 3), (double[]){0.5, 0.5, 0});
    (void)state;
    assert_number(tg_cross_entropy_loss(x, q, NULL), log(2));
    assert_f64(gradient(tg_cross_entropy_loss(x, q, NULL), NULL, x), TG_SHAPE(1, 3), 0, 0, 0);
    assert_number(tg_cross_entropy_loss(x, bad, NULL), INFINITY);
    assert_number(tg_kl_div_loss(x, q, SUM), -log(2));
    tg_tensor *p = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(1, 3), (double[]){0.5, 0, 0.5}), true);
    const double slope = log(0.5) + 1;
    assert_f64(gradient(tg_kl_div_loss(x, p, SUM), NULL, p), TG_SHAPE(1, 3), slope, 0, slope);
    tg_tape_free(t);
}

/* An index and the probabilities that say the same are the same, and so are the short calls. */
static void test_same_losses(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tensor(t, TG_F64, TG_SHAPE(2, 3), (double[]){1, 2, 3, -1, 0, 1}), *y = labels(t, 2, 0), *w = VECTOR(t, 1, 2, 3);
    tg_tensor *hot = tg_one_hot(y, 3);
    (void)state;
    assert_true(tg_item(tg_cross_entropy(x, y)) == tg_item(tg_cross_entropy_loss(x, y, NULL)));
    assert_number(tg_cross_entropy_loss(x, hot, NULL), tg_item(tg_cross_entropy(x, y)));
    assert_number(tg_nll_loss(tg_log_softmax(x, -1), y, OPTIONS(.weight = w)), tg_item(tg_cross_entropy_loss(x, y, OPTIONS(.weight = w))));
    const tg_loss_options smooth = {.reduction = TG_LOSS_SUM, .weight = w, .label_smoothing = 0.25};
    assert_number(tg_cross_entropy_loss(x, hot, &smooth), tg_item(tg_cross_entropy_loss(x, y, &smooth)));
    assert_true(tg_item(tg_huber(x, hot, 1)) == tg_item(tg_huber_loss(x, hot, NULL)));
    assert_true(tg_item(tg_bce_with_logits(x, hot)) == tg_item(tg_bce_with_logits_loss(x, hot, NULL)));
    tg_tape_free(t);
}

/* ---- margins ------------------------------------------------------------------------------------------------------ */

/* Where the margin is just kept: slope 1, for classes 0. */
static void test_margins(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = LEAF(1, 3, NAN), *one = tg_ones(t, TG_SHAPE(3)), *zero = tg_zeros(t, TG_SHAPE(3));
    (void)state;
    assert_f64(tg_hinge_loss(x, one, EACH), TG_SHAPE(3), 0, 0, NAN);
    assert_f64(gradient(tg_hinge_loss(x, one, SUM), NULL, x), TG_SHAPE(3), -1, 0, NAN);
    assert_f64(gradient(tg_hinge_embedding_loss(x, tg_neg(one), SUM), NULL, x), TG_SHAPE(3), -1, 0, NAN);
    assert_f64(gradient(tg_margin_ranking_loss(x, zero, one, OPTIONS(.reduction = TG_LOSS_SUM, .margin = 1)), NULL, x), TG_SHAPE(3), -1, 0, NAN);
    tg_tensor *row = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(1, 3), (double[]){2, 1, 0}), true), *label = tg_from_i64(t, TG_SHAPE(1), (int64_t[]){0});
    assert_number(tg_multi_margin_loss(row, label, NULL), 0);
    assert_f64(gradient(tg_multi_margin_loss(row, label, NULL), NULL, row), TG_SHAPE(1, 3), 0, 0, 0);
    assert_number(tg_multi_margin_loss(row, label, OPTIONS(.margin = 2, .p = 2)), 1.0 / 3);
    tg_tape_free(t);
}

/* Zero vectors have a cosine of 0, and coincident points a distance. */
static void test_degenerate(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *a = tg_set_requires_grad(tg_contiguous(tg_zeros(t, TG_SHAPE(1, 2))), true), *b = tg_ones(t, TG_SHAPE(1, 2)), *one = tg_ones(t, TG_SHAPE(1));
    (void)state;
    assert_number(tg_cosine_embedding_loss(a, b, one, NULL), 1);
    assert_number(tg_cosine_embedding_loss(a, b, tg_neg(one), OPTIONS(.margin = -0.5)), 0.5);
    assert_number(tg_triplet_margin_loss(a, a, b, OPTIONS(.eps = TG_ZERO, .margin = 2)), 2 - sqrt(2));
    assert_f64(gradient(tg_triplet_margin_loss(a, tg_zeros(t, TG_SHAPE(1, 2)), b, OPTIONS(.eps = TG_ZERO, .margin = 2)), NULL, a), TG_SHAPE(1, 2),
               sqrt(0.5), sqrt(0.5));
    assert_number(tg_pairwise_distance(VECTOR(t, 3, 4), VECTOR(t, 0, 0), &(tg_pairwise_distance_options){.eps = TG_ZERO}), 5);
    assert_f64(tg_pairwise_distance(VECTOR(t, 3, 4), tg_zeros(t, TG_SHAPE(2, 2)), &(tg_pairwise_distance_options){.p = 1, .eps = TG_ZERO, .keepdim = true}), TG_SHAPE(2, 1), 7, 7);
    tg_tape_free(t);
}

/* ---- wrong calls -------------------------------------------------------------------------------------------------- */

static void test_errors(void **state)
{
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *x = tg_zeros(t, TG_SHAPE(2, 3)), *y = labels(t, 0, 1), *w = tg_zeros(t, TG_SHAPE(2)), *f64 = tg_full(t, TG_F64, TG_SHAPE(3), 1);
    (void)state;
    assert_error(t, tg_mse_loss(x, x, OPTIONS(.margin = 1)), TG_ERR_ARG, "tg_mse_loss: there is no margin in this loss; leave that option out");
    assert_error(t, tg_l1_loss(x, x, OPTIONS(.weight = w)), TG_ERR_ARG, "tg_l1_loss: there is no weight in this loss; leave that option out");
    assert_error(t, tg_hinge_loss(x, x, OPTIONS(.reduction = TG_LOSS_BATCHMEAN)), TG_ERR_ARG,
                 "tg_hinge_loss: there is no reduction TG_LOSS_BATCHMEAN in this loss; leave that option out");
    assert_error(t, tg_mse_loss(x, x, OPTIONS(.reduction = (tg_loss_reduction)9)), TG_ERR_ARG,
                 "tg_mse_loss: the reduction is 9; it must be one of TG_LOSS_MEAN, TG_LOSS_SUM, …");
    assert_error(t, tg_huber_loss(x, x, OPTIONS(.delta = -1)), TG_ERR_ARG, "tg_huber_loss: delta is -1; it must be finite and more than 0");
    assert_error(t, tg_huber_loss(x, x, OPTIONS(.delta = INFINITY)), TG_ERR_ARG, "tg_huber_loss: delta is inf; it must be finite");
    assert_error(t, tg_smooth_l1_loss(x, x, OPTIONS(.beta = -1)), TG_ERR_ARG, "tg_smooth_l1_loss: beta is -1; it must not be negative");
    assert_error(t, tg_gaussian_nll_loss(x, x, w, NULL), TG_ERR_SHAPE, "tg_gaussian_nll_loss: the variance is [2]; it must broadcast to the input [2,3]");
    assert_error(t, tg_poisson_nll_loss(x, x, OPTIONS(.eps = -1)), TG_ERR_ARG, "tg_poisson_nll_loss: eps is -1; it must not be negative");
    assert_error(t, tg_bce_loss(x, x, OPTIONS(.weight = f64)), TG_ERR_DTYPE,
                 "tg_bce_loss: the weight is float64 and the input float32; convert one with tg_to");
    assert_error(t, tg_cross_entropy_loss(x, y, OPTIONS(.weight = tg_zeros(t, TG_SHAPE(1)))), TG_ERR_SHAPE,
                 "tg_cross_entropy_loss: the weight is [1]; it must have one number for each of the 3 classes");
    assert_error(t, tg_cross_entropy_loss(x, y, OPTIONS(.label_smoothing = 2)), TG_ERR_ARG, "tg_cross_entropy_loss: label_smoothing is 2, not in 0 to 1");
    assert_error(t, tg_cross_entropy_loss(x, x, OPTIONS(.ignore_index = 1)), TG_ERR_ARG,
                 "tg_cross_entropy_loss: ignore_index is for labels; this target has probabilities");
    assert_error(t, tg_nll_loss(x, y, OPTIONS(.ignore_index = INT64_MAX)), TG_ERR_ARG,
                 "tg_nll_loss: ignore_index is 9223372036854775807, which no class has; use a number near 0");
    assert_error(t, tg_cross_entropy_loss(x, w, NULL), TG_ERR_SHAPE,
                 "tg_cross_entropy_loss: the shapes differ: [2,3] and the target's [2]; tg_reshape or tg_expand makes them equal");
    assert_error(t, tg_cross_entropy_loss(x, tg_to(y, TG_U8), NULL), TG_ERR_DTYPE, "tg_cross_entropy_loss: labels are int64 or int32, not uint8");
    assert_error(t, tg_multi_margin_loss(x, y, OPTIONS(.p = 3)), TG_ERR_ARG, "tg_multi_margin_loss: p is 3; it must be 1 or 2");
    assert_error(t, tg_cosine_embedding_loss(x, x, f64, NULL), TG_ERR_DTYPE,
                 "tg_cosine_embedding_loss: the inputs are float32 [2,3] and the target float64 [3]; targets have the inputs' dtype, and their "
                 "shape without its last axis");
    assert_error(t, tg_pairwise_distance(x, tg_scalar(t, 1), NULL), TG_ERR_SHAPE,
                 "tg_pairwise_distance: takes vectors or more, […, n], not single numbers");
    assert_error(t, tg_pairwise_distance(x, x, &(tg_pairwise_distance_options){.eps = NAN}), TG_ERR_ARG, "tg_pairwise_distance: eps is nan; it must be finite");
    assert_null(tg_mse_loss(NULL, x, NULL));
    assert_null(tg_cross_entropy_loss(x, NULL, NULL));
    assert_null(tg_gaussian_nll_loss(x, x, NULL, NULL));
    assert_null(tg_triplet_margin_loss(x, x, NULL, NULL));
    assert_null(tg_cosine_embedding_loss(x, x, NULL, NULL));
    assert_null(tg_pairwise_distance(NULL, x, &(tg_pairwise_distance_options){.p = NAN, .eps = NAN}));
    assert_null(tg_error(t));
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reductions),     cmocka_unit_test(test_over_nothing), cmocka_unit_test(test_kinks),
        cmocka_unit_test(test_log_cosh),       cmocka_unit_test(test_small_variance), cmocka_unit_test(test_factorials),
        cmocka_unit_test(test_certain),        cmocka_unit_test(test_ignored),      cmocka_unit_test(test_impossible_classes),
        cmocka_unit_test(test_same_losses),    cmocka_unit_test(test_margins),      cmocka_unit_test(test_degenerate),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
