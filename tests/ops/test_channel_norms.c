/* test_channel_norms.c - batch_norm's running statistics and what depends on them, the other norms of channels and weights at their edges, distances
 * of points that coincide, the variants of dropout, and wrong calls. Values and gradients of the usual kind: test_values.c, test_gradients.c. */
#include "op_test.h"

#define assert_number(Y, WANT) assert_values(Y, TG_F64, TG_SCALAR_SHAPE, &(double){WANT}, 1e-14)

static const double batch[] = {1, 10, 3, 30, 5, 20}; /* [3,2]: means 3 and 20, variances of n - 1: 4 and 100 */

/* ---- batch_norm --------------------------------------------------------------------------------------------------- */

static tg_running_stats running_of(tg_tape *t, tg_dtype d)
{
    return (tg_running_stats){.mean = tg_buffer(t, "mean", tg_full(t, d, TG_SHAPE(2), 0)), .var = tg_buffer(t, "var", tg_full(t, d, TG_SHAPE(2), 1))};
}

static void test_running(void **state)
{
    (void)state;
    for (tg_dtype d = TG_F32; d <= TG_F64; d++) {
        tg_tape                    *t = quiet(d);
        tg_running_stats            running = running_of(t, d);
        const tg_batch_norm_options train = {.running = &running, .training = true, .momentum = 0.5}, judge = {.running = &running};
        const double                near = d == TG_F32 ? 1e-4 : 1e-10;
        for (int step = 0; step < 2; step++) {
            tg_tensor *x = tensor(t, d, TG_SHAPE(3, 2), batch);
            assert_non_null(tg_batch_norm(x, NULL, NULL, &train));
            assert_non_null(running.next_mean);
            assert_int_equal(tg_update_running(&running), TG_OK);
            assert_null(running.next_mean);
            assert_int_equal(tg_update_running(&running), TG_OK); /* once */
            assert_int_equal(tg_reset(t), TG_OK);
        }
        assert_values(running.mean, d, TG_SHAPE(2), (double[]){2.25, 15}, near);
        assert_values(running.var, d, TG_SHAPE(2), (double[]){3.25, 75.25}, near);
        tg_tensor *x = tg_set_requires_grad(tensor(t, d, TG_SHAPE(1, 2), batch), true), *y = tg_batch_norm(x, NULL, NULL, &judge);
        const double want[] = {-1.25 / sqrt(3.25 + 1e-5), -5 / sqrt(75.25 + 1e-5)}, slope[] = {1 / sqrt(3.25 + 1e-5), 1 / sqrt(75.25 + 1e-5)};
        assert_values(y, d, TG_SHAPE(1, 2), want, near);
        assert_values(gradient(tg_sum_all(y), NULL, x), d, TG_SHAPE(1, 2), slope, near);
        assert_null(running.next_mean);
        tg_tape_free(t);
    }
}

/* The mean of the statistics of all batches, whose number is counted where they are assigned. */
static void test_cumulative(void **state)
{
    tg_tape                    *t = quiet(TG_F64);
    tg_running_stats            running = running_of(t, TG_F64);
    const tg_batch_norm_options train = {.running = &running, .training = true, .cumulative = true};
    (void)state;
    for (int step = 1; step <= 4; step++) {
        tg_batch_norm(tg_mul_s(tensor(t, TG_F64, TG_SHAPE(3, 2), batch), step), NULL, NULL, &train);
        tg_batch_norm(tg_mul_s(tensor(t, TG_F64, TG_SHAPE(3, 2), batch), step), NULL, NULL, &train); /* again, instead */
        assert_int_equal(tg_update_running(&running), TG_OK);
        assert_int_equal(running.batches, step);
        assert_int_equal(tg_reset(t), TG_OK);
    }
    assert_values(running.mean, TG_F64, TG_SHAPE(2), (double[]){3 * 2.5, 20 * 2.5}, 1e-12);
    assert_values(running.var, TG_F64, TG_SHAPE(2), (double[]){4 * 7.5, 100 * 7.5}, 1e-9);
    running.batches = -1;
    assert_error(t, tg_batch_norm(tg_ones(t, TG_SHAPE(3, 2)), NULL, NULL, &train), TG_ERR_ARG,
                 "tg_batch_norm: the running statistics are of -1 batches; it must be 0 or more");
    tg_tape_free(t);
}

/* Each example is normalised by its own statistics; the running ones get the mean of those. */
static void test_running_instances(void **state)
{
    static const double         image[] = {1, 3, 10, 30, 5, 9, 0, 40}; /* [2,2,2]: means 2, 20, 7, 20, variances of n - 1: 2, 200, 8, 800 */
    tg_tape                    *t = quiet(TG_F64);
    tg_running_stats            running = running_of(t, TG_F64);
    const tg_batch_norm_options train = {.running = &running, .training = true, .momentum = 0.5}, judge = {.running = &running};
    tg_tensor                  *x = tensor(t, TG_F64, TG_SHAPE(2, 2, 2), image), *v = tensor(t, TG_F64, TG_SHAPE(2), (double[]){2, 3});
    (void)state;
    const double *own = tg_data_f64(tg_instance_norm(x, v, v, 1e-5));
    assert_values(tg_instance_norm_running(x, v, v, &train), TG_F64, TG_SHAPE(2, 2, 2), own, 0);
    assert_values(tg_instance_norm_running(x, v, v, NULL), TG_F64, TG_SHAPE(2, 2, 2), own, 0);
    assert_int_equal(tg_update_running(&running), TG_OK);
    assert_values(running.mean, TG_F64, TG_SHAPE(2), (double[]){2.25, 10}, 1e-12);
    assert_values(running.var, TG_F64, TG_SHAPE(2), (double[]){0.5 + 2.5, 0.5 + 250}, 1e-9);
    assert_values(tg_instance_norm_running(x, NULL, NULL, &judge), TG_F64, TG_SHAPE(2, 2, 2), tg_data_f64(tg_batch_norm(x, NULL, NULL, &judge)), 0);
    assert_error(t, tg_instance_norm_running(tg_ones(t, TG_SHAPE(2, 2, 1)), NULL, NULL, &train), TG_ERR_SHAPE,
                 "tg_instance_norm_running: each channel needs more than one element");
    assert_error(t, tg_instance_norm_running(x, NULL, NULL, &(tg_batch_norm_options){.momentum = -1}), TG_ERR_ARG,
                 "tg_instance_norm_running: momentum is -1, not in 0 to 1");
    assert_error(t, tg_instance_norm_running(tg_ones(t, TG_SHAPE(3, 2)), NULL, NULL, &train), TG_ERR_SHAPE,
                 "tg_instance_norm_running: the input is [3,2]; it must have at least 3 axes, the second of which are channels");
    tg_tape_free(t);
}

/* A training step: the statistics come with the gradients' evaluation, and the step may write the weights before they are assigned. */
static void test_running_in_training(void **state)
{
    tg_tape                    *t = quiet(TG_F64);
    tg_running_stats            running = running_of(t, TG_F64);
    const tg_batch_norm_options train = {.running = &running, .training = true};
    tg_tensor                  *w = tg_param(t, "w", tg_eye(t, 2)), *scale = tg_param(t, "scale", tg_ones(t, TG_SHAPE(2)));
    tg_optim                   *o = tg_sgd(t, &(tg_sgd_options){.lr = 0.1});
    (void)state;
    for (int step = 0; step < 3; step++) {
        tg_tensor *x = tg_matmul(tensor(t, TG_F64, TG_SHAPE(3, 2), batch), w), *y = tg_batch_norm(x, scale, NULL, &train);
        assert_int_equal(tg_minimize(o, tg_mean_all(tg_square(tg_sub_s(y, 1)))), TG_OK);
        assert_int_equal(tg_update_running(&running), TG_OK);
        if (step == 0) {
            assert_values(running.mean, TG_F64, TG_SHAPE(2), (double[]){0.3, 2}, 1e-12);
            assert_values(running.var, TG_F64, TG_SHAPE(2), (double[]){0.9 + 0.4, 0.9 + 10}, 1e-9);
        }
        assert_int_equal(tg_reset(t), TG_OK);
    }
    assert_true(isfinite(tg_item(tg_sum_all(running.var))));
    tg_tape_free(t);
}

/* What is left over from a recording that was dropped can't be assigned, and is forgotten. */
static void test_running_left_over(void **state)
{
    tg_tape                    *t = quiet(TG_F64);
    tg_running_stats            running = running_of(t, TG_F64);
    const tg_batch_norm_options train = {.running = &running, .training = true};
    (void)state;
    assert_non_null(tg_batch_norm(tensor(t, TG_F64, TG_SHAPE(3, 2), batch), NULL, NULL, &train));
    assert_int_equal(tg_reset(t), TG_OK);
    assert_int_equal(tg_update_running(&running), TG_ERR_STALE);
    tg_clear_error(t);
    assert_int_equal(tg_update_running(&running), TG_OK);
    assert_values(running.mean, TG_F64, TG_SHAPE(2), (double[]){0, 0}, 0);
    assert_int_equal(tg_update_running(NULL), TG_OK);
    tg_tape_free(t);
}

/* A channel that is constant: zeros, a running variance of 0 and finite gradients. */
static void test_constant_channel(void **state)
{
    tg_tape                    *t = quiet(TG_F32);
    tg_running_stats            running = running_of(t, TG_F32);
    const tg_batch_norm_options train = {.running = &running, .training = true, .momentum = 1};
    tg_tensor *x = tg_set_requires_grad(tg_full(t, TG_F32, TG_SHAPE(4, 2), 7), true), *y = tg_batch_norm(x, NULL, NULL, &train);
    const double zeros[8] = {0};
    (void)state;
    assert_values(y, TG_F32, TG_SHAPE(4, 2), zeros, 0);
    assert_values(gradient(y, tg_ones_like(y), x), TG_F32, TG_SHAPE(4, 2), zeros, 1e-4);
    assert_int_equal(tg_update_running(&running), TG_OK);
    assert_values(running.mean, TG_F32, TG_SHAPE(2), (double[]){7, 7}, 0);
    assert_values(running.var, TG_F32, TG_SHAPE(2), zeros, 1e-10);
    tg_tape_free(t);
}

/* ---- vectors and weights ------------------------------------------------------------------------------------------ */

static void test_zero_vectors(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(2, 2), (double[]){0, 0, 3e200, -4e200}), true);
    tg_tensor *y = tg_normalize(x, 2, 1, 0.5), *one = tg_ones(t, TG_SHAPE(2, 2));
    (void)state;
    assert_f64(y, TG_SHAPE(2, 2), 0, 0, 0.6, -0.8);
    assert_f64(tg_slice(gradient(y, one, x), 0, 0, 1, 1), TG_SHAPE(1, 2), 2, 2);
    tg_tensor *c = tg_cosine_similarity(x, one, 1, 1e-8);
    assert_f64(c, TG_SHAPE(2), 0, -0.2 / sqrt(2));
    assert_f64(tg_weight_norm(x, VECTOR(t, 1, 2), 0), TG_SHAPE(2, 2), NAN, NAN, 1.2, -1.6);
    tg_tape_free(t);
}

/* The power method comes to the largest singular value, and keeps its vector. */
static void test_spectral(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *w = tg_param(t, "w", tensor(t, TG_F64, TG_SHAPE(2, 3), (double[]){3, 0, 0, 0, 2, 0}));
    tg_tensor *u = tg_buffer(t, "u", VECTOR(t, 1, 1));
    (void)state;
    for (int step = 0; step < 40; step++) {
        tg_tensor *a = tg_spectral_norm(w, u, 1), *b = tg_spectral_norm(w, u, 1); /* twice in one recording */
        assert_true(fabs(tg_item(tg_sum_all(tg_add(a, b)))) > 0);
        assert_int_equal(tg_reset(t), TG_OK);
    }
    assert_values(u, TG_F64, TG_SHAPE(2), (double[]){1, 0}, 1e-12);
    tg_tensor *y = tg_spectral_norm(w, u, 0);
    assert_f64(y, TG_SHAPE(2, 3), 1, 0, 0, 0, 2.0 / 3, 0);
    assert_f64(gradient(tg_sum_all(y), NULL, w), TG_SHAPE(2, 3), -2.0 / 9, 1.0 / 3, 1.0 / 3, 1.0 / 3, 1.0 / 3, 1.0 / 3);
    tg_tape_free(t);
}

static void test_coincident_points(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(3, 2), (double[]){1, 1, 1, 1, 4, 5}), true), *d = tg_cdist(x, x, 2);
    (void)state;
    assert_f64(d, TG_SHAPE(3, 3), 0, 0, 5, 0, 0, 5, 5, 5, 0);
    assert_f64(gradient(d, tg_ones_like(d), x), TG_SHAPE(3, 2), -1.2, -1.6, -1.2, -1.6, 2.4, 3.2);
    tg_tensor *far = tensor(t, TG_F64, TG_SHAPE(2, 1), (double[]){1e8, 1e8 + 1});
    assert_f64(tg_cdist(far, far, 2), TG_SHAPE(2, 2), 0, 1, 1, 0); /* no digit is lost */
    assert_values(tg_cdist(tg_zeros(t, TG_SHAPE(2, 0)), tg_zeros(t, TG_SHAPE(1, 0)), 2), TG_F64, TG_SHAPE(2, 1), (double[]){0, 0}, 0);
    tg_tape_free(t);
}

/* ---- dropout ------------------------------------------------------------------------------------------------------ */

static void test_whole_channels(void **state)
{
    tg_tape     *t = quiet(TG_F64);
    tg_tensor   *x = tg_set_requires_grad(tg_add_s(tg_rand(t, TG_SHAPE(20, 50, 3)), 1), true), *y = tg_dropout2d(x, 0.25);
    const double *v = tg_data_f64(y), *from = tg_data_f64(x), *g = tg_data_f64(gradient(y, tg_ones_like(y), x));
    int          kept = 0;
    (void)state;
    for (int c = 0; c < 1000; c++) {
        const bool stays = v[3 * c] != 0;
        kept += stays;
        for (int k = 3 * c; k < 3 * c + 3; k++) assert_true(near(v[k], stays ? from[k] / 0.75 : 0, 1e-14) && near(g[k], stays ? 1 / 0.75 : 0, 1e-14));
    }
    assert_in_range(kept, 700, 800);
    tg_tape_free(t);
}

static void test_alpha_dropout(void **state)
{
    enum { MANY = 100000 };
    tg_tape      *t = quiet(TG_F64);
    tg_tensor    *y = tg_alpha_dropout(tg_randn(t, TG_SHAPE(MANY)), 0.3), *wild = tg_alpha_dropout(tg_full(t, TG_F64, TG_SHAPE(64), INFINITY), 0.5);
    const double *w = tg_data_f64(wild);
    int           finite = 0;
    (void)state;
    assert_true(fabs(tg_item(tg_mean_all(y))) < 0.02 && fabs(tg_item(tg_var_all(y)) - 1) < 0.02);
    for (int k = 0; k < 64; k++) finite += isfinite(w[k]) != 0; /* what is dropped is the limit, whatever was there */
    assert_in_range(finite, 16, 48);
    assert_f64(tg_alpha_dropout(tg_full(t, TG_F64, TG_SHAPE(2), NAN), 1), TG_SHAPE(2), 0, 0);
    tg_tape_free(t);
}

/* More neighbours than there are channels: those that are not there count nothing, and the factor alpha / size stays. */
static void test_wide_response(void **state)
{
    static const int64_t sizes[] = {5, 6, 8, 1000, INT64_MAX};
    const double         v[3] = {1, -2, 3};
    tg_tape             *t = quiet(TG_F64);
    (void)state;
    for (int i = 0; i < 5; i++) {
        double want[3];
        for (int c = 0; c < 3; c++) {
            long double sum = 0;
            for (int j = 0; j < 3; j++)
                if (j >= c - sizes[i] / 2 && j - c <= sizes[i] - 1 - sizes[i] / 2) sum += (long double)(v[j] * v[j]);
            want[c] = (double)((long double)v[c] / powl(2 + 0.5L / (long double)sizes[i] * sum, 0.75L));
        }
        tg_tensor *x = tensor(t, TG_F64, TG_SHAPE(1, 3), v);
        assert_values(tg_local_response_norm(x, sizes[i], &(tg_local_response_norm_options){.alpha = 0.5, .k = 2}), TG_F64, TG_SHAPE(1, 3), want, 1e-15);
    }
    tg_tape_free(t);
}

/* ---- wrong calls -------------------------------------------------------------------------------------------------- */

static void test_errors(void **state)
{
    tg_tape         *t = quiet(TG_F32);
    tg_tensor       *x = tg_zeros(t, TG_SHAPE(2, 3)), *image = tg_zeros(t, TG_SHAPE(2, 3, 1)), *v = tg_zeros(t, TG_SHAPE(3)), *f64 = tg_full(t, TG_F64, TG_SHAPE(3), 1);
    tg_running_stats none = {0}, wrong = {.mean = v, .var = tg_zeros(t, TG_SHAPE(2))};
    (void)state;
    assert_error(t, tg_batch_norm(v, NULL, NULL, NULL), TG_ERR_SHAPE,
                 "tg_batch_norm: the input is [3]; it must have at least 2 axes, the second of which are channels");
    assert_error(t, tg_batch_norm(x, tg_zeros(t, TG_SHAPE(2)), NULL, NULL), TG_ERR_SHAPE,
                 "tg_batch_norm: the weight is [2]; it must have one number for each of the 3 channels");
    assert_error(t, tg_batch_norm(x, v, f64, NULL), TG_ERR_DTYPE, "tg_batch_norm: the bias is float64 and the input float32; convert one with tg_to");
    assert_error(t, tg_batch_norm(x, v, v, &(tg_batch_norm_options){.eps = -1}), TG_ERR_ARG, "tg_batch_norm: eps is -1; it must be finite and not negative");
    assert_error(t, tg_batch_norm(x, v, v, &(tg_batch_norm_options){.momentum = 2}), TG_ERR_ARG, "tg_batch_norm: momentum is 2, not in 0 to 1");
    assert_error(t, tg_batch_norm(x, v, v, &(tg_batch_norm_options){.running = &none}), TG_ERR_NULL,
                 "tg_batch_norm: the running mean is NULL; give it a buffer, or leave running out");
    assert_error(t, tg_batch_norm(x, v, v, &(tg_batch_norm_options){.running = &wrong}), TG_ERR_SHAPE,
                 "tg_batch_norm: the running variance is [2]; it must have one number for each of the 3 channels");
    assert_error(t, tg_batch_norm(tg_zeros(t, TG_SHAPE(1, 3)), v, v, &(tg_batch_norm_options){.training = true}), TG_ERR_SHAPE,
                 "tg_batch_norm: training needs more than one element for each channel, and here is 1");
    assert_error(t, tg_group_norm(x, 2, v, v, 1e-5), TG_ERR_ARG, "tg_group_norm: groups is 2; it must be at least 1 and divide the 3 channels");
    assert_error(t, tg_group_norm(x, 0, v, v, 1e-5), TG_ERR_ARG, "tg_group_norm: groups is 0; it must be at least 1 and divide the 3 channels");
    assert_error(t, tg_instance_norm(image, v, v, 1e-5), TG_ERR_SHAPE, "tg_instance_norm: each channel needs more than one element");
    assert_error(t, tg_instance_norm(x, v, v, 1e-5), TG_ERR_SHAPE,
                 "tg_instance_norm: the input is [2,3]; it must have at least 3 axes, the second of which are channels");
    assert_error(t, tg_local_response_norm(x, 0, NULL), TG_ERR_ARG, "tg_local_response_norm: size is 0; it must be at least 1");
    assert_error(t, tg_local_response_norm(x, 1, &(tg_local_response_norm_options){.beta = NAN}), TG_ERR_ARG,
                 "tg_local_response_norm: alpha, beta and k must be finite");
    assert_error(t, tg_normalize(x, 2, 2, 0), TG_ERR_SHAPE, "tg_normalize: axis 2 is outside the 2 axes of the input [2,3]");
    assert_error(t, tg_normalize(x, 2, 1, NAN), TG_ERR_ARG, "tg_normalize: eps is nan; it must be finite and not negative");
    assert_error(t, tg_weight_norm(x, v, 0), TG_ERR_SHAPE, "tg_weight_norm: the length is [3]; it must be [2] here");
    assert_error(t, tg_spectral_norm(v, v, 1), TG_ERR_SHAPE, "tg_spectral_norm: the weight must have at least 2 axes");
    assert_error(t, tg_spectral_norm(x, v, -1), TG_ERR_ARG, "tg_spectral_norm: iterations is -1; it must not be negative");
    assert_error(t, tg_spectral_norm(x, v, 1), TG_ERR_SHAPE, "tg_spectral_norm: the vector u is [3]; it must be [2] here");
    assert_error(t, tg_cosine_similarity(x, tg_zeros(t, TG_SHAPE(2)), 0, 0), TG_ERR_SHAPE, "tg_cosine_similarity: [2,3] and [2] do not broadcast");
    assert_error(t, tg_cdist(x, v, 2), TG_ERR_SHAPE, "tg_cdist: takes […, n, k] and […, m, k], not [2,3] and [3]");
    assert_error(t, tg_dropout2d(v, 0.5), TG_ERR_SHAPE, "tg_dropout2d: the input is [3]; it must be [N, channels, …]");
    assert_error(t, tg_alpha_dropout(v, 2), TG_ERR_ARG, "tg_alpha_dropout: the probability is 2, not in 0 to 1");
    assert_null(tg_batch_norm(NULL, v, v, NULL));
    assert_null(tg_group_norm(NULL, 1, v, v, 0));
    assert_null(tg_instance_norm(NULL, v, v, 0));
    assert_null(tg_local_response_norm(NULL, 1, NULL));
    assert_null(tg_normalize(NULL, 2, 0, -1));
    assert_null(tg_weight_norm(x, NULL, 0));
    assert_null(tg_spectral_norm(x, NULL, 1));
    assert_null(tg_cosine_similarity(x, NULL, 0, 0));
    assert_null(tg_cdist(x, NULL, 2));
    assert_null(tg_dropout2d(NULL, 2));
    assert_null(tg_error(t));
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cumulative), cmocka_unit_test(test_running_instances), cmocka_unit_test(test_running),          cmocka_unit_test(test_running_in_training), cmocka_unit_test(test_running_left_over),
        cmocka_unit_test(test_constant_channel), cmocka_unit_test(test_zero_vectors),        cmocka_unit_test(test_spectral),
        cmocka_unit_test(test_coincident_points), cmocka_unit_test(test_whole_channels),     cmocka_unit_test(test_alpha_dropout),
        cmocka_unit_test(test_errors),           cmocka_unit_test(test_wide_response),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
