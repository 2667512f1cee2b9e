/* test_optim_range.c - optimizers and numbers at the ends of their range: gradients that are not finite and steps skipped for them, huge
 * gradients, tiny options, clipping to a norm. */
#include <float.h>
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
#include "optim_test.h"
#include "optimizers.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* ---- when a gradient counts --------------------------------------------------------------------------------------- */

static void test_nonfinite_gradients(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *p = param(t, "p", 1);
    tg_optim  *o = tg_sgd(t, NULL);
    double     norm = 0;
    give_grad(p, -INFINITY);
    assert_int_equal(tg_clip_grad_norm(o, 1, &norm), TG_ERR_ARG);
    expect_error(t, TG_ERR_ARG, "norm");
    assert_true(isinf(norm));
    assert_true(tg_data_f64(tg_grad_of(p))[2] == -INFINITY);
    assert_int_equal(tg_step(o), TG_OK); /* applied as it is */
    assert_true(tg_data_f64(p)[2] == INFINITY);
    tg_tape_free(t);
}

static tg_optim *nth_optimizer(tg_tape *t, int kind, bool skip)
{
    const tg_adam_options a = {.lr = 0.1, .weight_decay = 0.5, .skip_nonfinite = skip};
    const tg_sgd_options  s = {
        .lr = 0.1, .momentum = kind < 3 ? 0 : 0.5, .nesterov = kind == 4, .weight_decay = 0.5, .skip_nonfinite = skip};
    return kind == 0 ? tg_adam(t, &a) : kind == 1 ? tg_adamw(t, &a) : tg_sgd(t, &s);
}

/* A step with a NaN or an infinity anywhere leaves no trace but its count: what follows is what would have been without it. */
static void test_skipped_steps(void **state)
{
    (void)state;
    const double bad[] = {NAN, INFINITY, -INFINITY, -(double)NAN};
    for (int kind = 0; kind < 5; kind++) {
        tg_tape  *t = quiet(TG_F64), *u = quiet(TG_F64); /* without and with such steps */
        tg_tensor *p = param(t, "p", 1), *p2 = param(u, "p", 1), *q = tg_param(t, "q", tg_full(t, TG_F32, TG_SHAPE(3), 1));
        tg_tensor *q2 = tg_param(u, "q", tg_full(u, TG_F32, TG_SHAPE(3), 1)), *r = param(u, "r", 7); /* r never has a gradient */
        tg_optim  *o = nth_optimizer(t, kind, true), *o2 = nth_optimizer(u, kind, true);
        for (int step = 0; step < 5; step++) {
            const double g = step - 1.5;
            for (int n = 0; n < 2; n++) {
                give_grad(n ? p2 : p, g);
                give_grad(n ? q2 : q, g);
            }
            assert_int_equal(tg_step(o), TG_OK);
            assert_int_equal(tg_step(o2), TG_OK);
            for (int i = 0; i < 3; i++) {
                assert_true(tg_data_f64(p)[i] == tg_data_f64(p2)[i]);
                assert_true(tg_data_f32(q)[i] == tg_data_f32(q2)[i]);
            }
            if (step == 4) break;
            give_grad(step % 2 ? p2 : q2, 3); /* a good one beside the bad one */
            double v[3] = {0.5, 0.5, 0.5};
            v[step % 3] = bad[step];
            tg_tensor *x = tg_from_f64(u, TG_SHAPE(3), v);
            assert_int_equal(tg_backward_seed(step % 2 ? q2 : p2, step % 2 ? tg_to(x, TG_F32) : x), TG_OK);
            tg_tensor *late = tg_mul_s(p2, 2);
            assert_int_equal(tg_step(o2), TG_SKIPPED);
            assert_null(tg_error(u));
            assert_int_equal(tg_steps_skipped(o2), step + 1);
            assert_non_null(tg_data(late)); /* nothing was written */
            assert_int_equal(tg_step(o2), TG_ERR_GRAD); /* its gradients are used up */
            tg_clear_error(u);
            assert_int_equal(tg_steps_skipped(o2), step + 1);
            tg_reset(u);
        }
        assert_int_equal(tg_steps_skipped(o), 0);
        assert_all(r, 7);
        tg_tape_free(t);
        tg_tape_free(u);
    }
    /* The largest numbers are finite. A bad gradient of another optimizer's parameter is none of its concern. */
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *p = param(t, "p", 1), *q = param(t, "q", 1);
    tg_optim  *o = tg_sgd(t, &(tg_sgd_options){.lr = 1e-300, .params = &p, .n_params = 1, .skip_nonfinite = true});
    give_grad(p, -DBL_MAX);
    give_grad(q, NAN);
    assert_int_equal(tg_step(o), TG_OK);
    assert_all(p, 1 + 1e-300 * DBL_MAX);
    tg_tape_free(t);
}

/* In a large tensor too, wherever it is, and with no allocation for a step that isn't made. */
static void test_skipped_large(void **state)
{
    (void)state;
    tg_tape   *t = tg_tape_new(&(tg_tape_options){.silent = true});
    enum { N = 70001 };
    float     *g = calloc(N, sizeof *g);
    assert_non_null(g);
    tg_tensor *p = tg_param(t, "p", tg_ones(t, TG_SHAPE(N)));
    tg_optim  *o = tg_adam(t, &(tg_adam_options){.skip_nonfinite = true});
    for (size_t at = 0; at < N; at += 9999) {
        g[at] = (float)INFINITY;
        assert_int_equal(tg_backward_seed(p, tg_from_f32(t, TG_SHAPE(N), g)), TG_OK);
        const int64_t before = tg_stats(t).allocations;
        assert_int_equal(tg_step(o), TG_SKIPPED);
        assert_true(at == 0 || tg_stats(t).allocations == before); /* its list of tensors is made in the first */
        g[at] = 0;
        tg_reset(t);
    }
    for (size_t i = 0; i < N; i++) assert_true(tg_data_f32(p)[i] == 1);
    free(g);
    tg_tape_free(t);
}

/* One huge gradient: the step is of the usual size, and the element takes part again as soon as the means have forgotten it. */
static void test_huge_gradients(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        tg_tape       *t = tg_tape_new(&(tg_tape_options){.silent = true});
        const tg_dtype d = i & 1 ? TG_F64 : TG_F32;
        const double   huge = i & 2 ? (d == TG_F32 ? (double)FLT_MAX : DBL_MAX) : d == TG_F32 ? 1e25 : 1e200;
        tg_tensor     *p = tg_param(t, "p", tg_zeros(t, TG_SHAPE(1))), *x = p;
        tg_optim      *o;
        if (d == TG_F64) {
            assert_int_equal(tg_release(p), TG_OK);
            x = p = tg_param(t, "p", tg_full(t, d, TG_SHAPE(1), 0));
        }
        o = tg_adam(t, &(tg_adam_options){.lr = 0.01, .beta1 = 0.5, .beta2 = 0.5});
        double was = 0;
        for (int step = 0; step < 1200; step++) {
            assert_int_equal(tg_backward_seed(x, tg_full(t, d, TG_SHAPE(1), step ? 1 : -huge)), TG_OK);
            assert_int_equal(tg_step(o), TG_OK);
            tg_reset(t);
            const double now = d == TG_F32 ? (double)tg_data_f32(p)[0] : tg_data_f64(p)[0];
            assert_true(isfinite(now));
            if (step == 0) assert_true(fabs(now - 0.01) < 1e-6);
            if (step >= 1100) assert_true(fabs(was - now - 0.01) < 1e-5); /* as if nothing had been */
            was = now;
        }
        tg_tape_free(t);
    }
    for (int nesterov = 0; nesterov < 2; nesterov++) { /* m stays finite and decays */
        tg_tape   *t = tg_tape_new(&(tg_tape_options){.silent = true});
        tg_tensor *p = tg_param(t, "p", tg_zeros(t, TG_SHAPE(1)));
        tg_optim  *o = tg_sgd(t, &(tg_sgd_options){.lr = 0x1p-126, .momentum = 0.5, .nesterov = nesterov});
        double     was = 0;
        for (int step = 0; step < 300; step++) {
            const float g = step < 5 ? -FLT_MAX : 0;
            assert_int_equal(tg_backward_seed(p, tg_full(t, TG_F32, TG_SHAPE(1), (double)g)), TG_OK);
            assert_int_equal(tg_step(o), TG_OK);
            tg_reset(t);
            const double now = (double)tg_data_f32(p)[0];
            assert_true(isfinite(now) && (step >= 5 || fabs(now - was - 4) < 0.5));
            if (step >= 200) assert_true(now == was);
            was = now;
        }
        tg_tape_free(t);
    }
}

/* Adagrad's sums never decay: at the largest number they stay there, and every gradient still moves its element. */
static void test_full_sums(void **state)
{
    (void)state;
    for (tg_dtype d = TG_F32; d <= TG_F64; d++) {
        tg_tape     *t = tg_tape_new(&(tg_tape_options){.silent = true});
        tg_tensor   *p = tg_param(t, "p", tg_full(t, d, TG_SHAPE(1), 0));
        tg_optim    *o = tg_adagrad(t, &(tg_adagrad_options){.lr = 1});
        const double most = d == TG_F32 ? (double)FLT_MAX : DBL_MAX;
        double       was = 0;
        for (int step = 0; step < 20; step++) {
            assert_int_equal(tg_backward_seed(p, tg_full(t, d, TG_SHAPE(1), -most)), TG_OK);
            assert_int_equal(tg_step(o), TG_OK);
            const double now = tg_item(tg_select(p, 0, 0)), sum = tg_item(tg_select(tg_optim_state_get(o, 0), 0, 0));
            assert_true(isfinite(now) && (step == 0 ? fabs(now - 1) < 1e-6 : now > was + 0.2));
            assert_true(step < 3 ? sum < most : sum == most); /* Four limits of |g| squared are the largest number. */
            was = now;
            tg_reset(t);
        }
        tg_tape_free(t);
    }
}

/* Whatever the rule: gradients at the ends of the range leave states finite; a gradient of 0 moves nothing at first, with an eps of 0 either. */
static void test_ends_of_the_range(void **state)
{
    (void)state;
    const tg_adam_options     adam = {.eps = TG_ZERO}, amsgrad = {.eps = TG_ZERO, .amsgrad = true};
    const tg_adamax_options   adamax = {.eps = TG_ZERO};
    const tg_nadam_options    nadam = {.eps = TG_ZERO};
    const tg_radam_options    radam = {.eps = TG_ZERO};
    const tg_lion_options     lion = {.beta1 = 0.7, .beta2 = 0.7};
    const tg_adadelta_options adadelta = {.eps = TG_ZERO};
    const struct {
        maker       make;
        const void *options;
        bool        still; /* with eps 0 no step is made at all */
    } kinds[] = {{make_adam, &adam, false},   {make_adam, &amsgrad, false}, {make_adamax, &adamax, false}, {make_nadam, &nadam, false},
                 {make_radam, &radam, false}, {make_lion, &lion, false},    {make_adadelta, &adadelta, true}};
    for (size_t k = 0; k < 2 * COUNT(kinds); k++) {
        tg_tape       *t = tg_tape_new(&(tg_tape_options){.silent = true});
        const tg_dtype d = k % 2 ? TG_F64 : TG_F32;
        const double   most = d == TG_F32 ? (double)FLT_MAX : DBL_MAX;
        tg_tensor     *p = tg_param(t, "p", tg_full(t, d, TG_SHAPE(3), 0));
        tg_optim      *o = kinds[k / 2].make(t, kinds[k / 2].options);
        for (int step = 0; step < 60; step++) {
            const double huge = step == 0 ? 0 : step < 20 ? most : 0.5;
            assert_int_equal(tg_backward_seed(p, tg_to(tg_from_f64(t, TG_SHAPE(3), (double[]){0, -huge, huge}), d)), TG_OK);
            assert_int_equal(tg_step(o), TG_OK);
            for (int i = -1; i < tg_optim_state_count(o) - 3; i++) { /* the parameter, and its states without the count of steps */
                tg_tensor *all = tg_to(i < 0 ? p : tg_optim_state_get(o, i), TG_F64);
                for (int e = 0; e < tg_numel(all); e++) assert_true(isfinite(tg_data_f64(all)[e]));
            }
            const double *x = tg_data_f64(tg_to(p, TG_F64));
            assert_true(x[0] == 0 && x[1] == -x[2] && (kinds[k / 2].still || (step == 0 ? x[1] == 0 : x[1] > 0)));
            tg_reset(t);
        }
        tg_tape_free(t);
    }
}

/* An eps that is none in the dtype: where the gradient is zero the parameter stays, and elsewhere the step has its size. */
static void test_tiny_eps(void **state)
{
    (void)state;
    const double eps[] = {1e-39, 1e-45, 1e-60, 1e-310, 5e-324};
    for (size_t k = 0; k < 2 * COUNT(eps); k++) {
        tg_tape       *t = tg_tape_new(&(tg_tape_options){.silent = true});
        const tg_dtype d = k % 2 ? TG_F64 : TG_F32;
        tg_tensor     *p = tg_param(t, "p", tg_full(t, d, TG_SHAPE(2), 1));
        tg_optim      *o = tg_adam(t, &(tg_adam_options){.lr = 0.25, .eps = eps[k / 2]});
        assert_non_null(o);
        tg_tensor *g = tg_to(tg_from_f64(t, TG_SHAPE(2), (double[]){0, 3}), d);
        assert_int_equal(tg_backward_seed(p, g), TG_OK);
        assert_int_equal(tg_step(o), TG_OK);
        const double a = d == TG_F32 ? (double)tg_data_f32(p)[0] : tg_data_f64(p)[0];
        const double b = d == TG_F32 ? (double)tg_data_f32(p)[1] : tg_data_f64(p)[1];
        assert_true(a == 1);
        assert_true(fabs(b - 0.75) < 1e-6);
        tg_tape_free(t);
    }
}

/* Betas as close to 1 as there are: the first step is still one of the learning rate, the thousandth too. */
static void test_slow_betas(void **state)
{
    (void)state;
    const double beta[] = {1 - 0x1p-53, 1 - 1e-12, 1 - 1e-6};
    for (size_t k = 0; k < 2 * COUNT(beta); k++) {
        tg_tape       *t = tg_tape_new(&(tg_tape_options){.silent = true});
        const tg_dtype d = k % 2 ? TG_F64 : TG_F32;
        tg_tensor     *p = tg_param(t, "p", tg_full(t, d, TG_SHAPE(1), 0));
        tg_optim      *o = tg_adam(t, &(tg_adam_options){.lr = 0.125, .beta1 = beta[k / 2], .beta2 = beta[k / 2]});
        assert_non_null(o);
        for (int step = 1; step <= 1000; step++) {
            assert_int_equal(tg_backward_seed(p, tg_full(t, d, TG_SHAPE(1), 2)), TG_OK);
            assert_int_equal(tg_step(o), TG_OK);
            tg_reset(t);
            const double now = d == TG_F32 ? (double)tg_data_f32(p)[0] : tg_data_f64(p)[0];
            if (!(fabs(now + 0.125 * step) < 1e-3 * step)) fail_msg("beta 1-%g, step %d: %.17g", 1 - beta[k / 2], step, now);
        }
        tg_tape_free(t);
    }
}

/* ---- clipping ----------------------------------------------------------------------------------------------------- */

static void test_clip(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *p = param(t, "p", 1), *q = param(t, "q", 1);
    tg_optim  *o = tg_sgd(t, &(tg_sgd_options){.params = &q, .n_params = 1}), *all = tg_sgd(t, NULL);
    double     norm = -1;
    assert_int_equal(tg_clip_grad_norm(all, 1, &norm), TG_OK);
    assert_true(norm == 0); /* there is none yet */
    give_grad(p, 3);
    give_grad(q, 4);
    const double bad[] = {0, -1, NAN};
    for (size_t k = 0; k < COUNT(bad); k++) {
        assert_int_equal(tg_clip_grad_norm(all, bad[k], NULL), TG_ERR_ARG);
        expect_error(t, TG_ERR_ARG, "max_norm");
    }
    assert_int_equal(tg_clip_grad_norm(all, 10, &norm), TG_OK); /* sqrt(3 (9 + 16)) = 8.66 */
    assert_true(fabs(norm - sqrt(75)) < 1e-14);
    assert_all(tg_grad_of(p), 3);
    tg_tensor *seen = tg_mul_s(tg_grad_of(p), 1);
    assert_int_equal(tg_clip_grad_norm_of((tg_tensor *[]){p, q}, 2, norm / 2, NULL), TG_OK);
    assert_all(tg_grad_of(p), 1.5);
    assert_all(tg_grad_of(q), 2);
    assert_null(tg_data(seen)); /* it meant the gradient before */
    expect_error(t, TG_ERR_STALE, "mul");
    assert_int_equal(tg_clip_grad_norm(o, 1, &norm), TG_OK); /* its own alone */
    assert_true(fabs(norm - 2 * sqrt(3)) < 1e-14);
    assert_all(tg_grad_of(p), 1.5);
    assert_all(tg_grad_of(q), 1 / sqrt(3));
    assert_int_equal(tg_step(o), TG_OK);
    assert_int_equal(tg_clip_grad_norm(all, 100, &norm), TG_OK);
    assert_true(fabs(norm - 1.5 * sqrt(3)) < 1e-14); /* q's is used up */
    tg_tape_free(t);
}

/* Squares would leave the range of the dtype, or of double; the norm and the clipped gradient do not. */
static void test_clip_scales(void **state)
{
    (void)state;
    static const struct {
        tg_dtype dtype;
        double   value, most;
    } of[] = {{TG_F64, 1e200, 1},    {TG_F64, 1e-200, 1e-210}, {TG_F64, 1e308, 1},  {TG_F64, 5e-324, 1}, {TG_F64, 1e155, 2},
              {TG_F64, 1e-170, 1e-171}, {TG_F64, 3, 0.5},         {TG_F32, 1e38, 1e-10}, {TG_F32, 1e-38, 1}, {TG_F32, 1e-42, 1e-43},
              {TG_F32, 1e30, 1e30}};
    for (size_t k = 0; k < COUNT(of); k++)
        for (int n = 3; n <= 70000; n = n * 20000 + 10000) { /* in one piece and in many */
            tg_tape   *t = tg_tape_new(&(tg_tape_options){.silent = true, .dtype = of[k].dtype});
            tg_tensor *p = tg_param(t, "p", tg_zeros(t, TG_SHAPE(n))), *small = tg_param(t, "small", tg_zeros(t, TG_SHAPE(2)));
            tg_tensor *loss = tg_add(tg_sum_all(tg_mul_s(p, of[k].value)), tg_sum_all(tg_mul_s(small, 0)));
            double     norm = -1;
            assert_int_equal(tg_backward(loss), TG_OK);
            const double g = tg_item(tg_select(tg_grad_of(p), 0, 0)), want = g * sqrt((double)n);
            assert_int_equal(tg_clip_grad_norm_of((tg_tensor *[]){p, small}, 2, of[k].most, &norm), TG_OK);
            if (isfinite(want)) assert_true(fabs(norm / want - 1) < 1e-12 || fabs(norm - want) <= 5e-324);
            else assert_true(isinf(norm));
            const double got = tg_item(tg_select(tg_grad_of(p), 0, n - 1));
            const double clipped = want <= of[k].most ? g : of[k].most / sqrt((double)n);
            const double ulp = of[k].dtype == TG_F32 ? 6e-8 * clipped + 1e-45 : 1e-12 * clipped;
            assert_true(fabs(got - clipped) <= ulp);
            assert_true(tg_item(tg_select(tg_grad_of(small), 0, 1)) == 0);
            tg_tape_free(t);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nonfinite_gradients),
        cmocka_unit_test(test_skipped_steps),
        cmocka_unit_test(test_skipped_large),
        cmocka_unit_test(test_huge_gradients),
        cmocka_unit_test(test_full_sums),
        cmocka_unit_test(test_ends_of_the_range),
        cmocka_unit_test(test_tiny_eps),
        cmocka_unit_test(test_slow_betas),
        cmocka_unit_test(test_clip),
        cmocka_unit_test(test_clip_scales),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
