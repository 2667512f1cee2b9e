/* test_optim.c - what optimizers do beside their formulas: options that are refused, when a gradient counts, which tensors are touched. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>

#include <cmocka.h>
#include <tapegrad.h>

#include "quiet.h"
#include "failing.h"
#include "optim_test.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* ---- helpers ------------------------------------------------------------------------------------------------------ */

static void test_refused_options(void **state)
{
    (void)state;
    tg_tape *t = quiet(TG_F64);
    const struct {
        tg_sgd_options o;
        const char    *word;
    } sgd[] = {
        {{.lr = NAN}, "lr"},
        {{.lr = INFINITY}, "lr"},
        {{.lr = -0.1}, "lr"},
        {{.lr = 3.5e38}, "lr"},
        {{.momentum = INFINITY}, "momentum"},
        {{.momentum = 1e39}, "momentum"},
        {{.momentum = 0.9, .dampening = -INFINITY}, "dampening"},
        {{.momentum = 0.9, .dampening = -1e300}, "dampening"},
        {{.weight_decay = 1e39}, "weight_decay"},
        {{.momentum = -0.5}, "momentum"},
        {{.momentum = NAN}, "momentum"},
        {{.momentum = 0.9, .dampening = NAN}, "dampening"},
        {{.weight_decay = NAN}, "weight_decay"},
        {{.weight_decay = -1}, "weight_decay"},
        {{.nesterov = true}, "momentum"},
        {{.nesterov = true, .momentum = 0.9, .dampening = 0.1}, "dampening"},
    };
    const struct {
        tg_adam_options o;
        const char     *word;
    } adam[] = {
        {{.lr = NAN}, "lr"},           {{.lr = -1}, "lr"},      {{.beta1 = 1}, "beta1"},  {{.beta1 = -0.1}, "beta1"},
        {{.beta1 = NAN}, "beta1"},     {{.beta2 = 1}, "beta2"}, {{.beta2 = 2}, "beta2"},  {{.beta2 = NAN}, "beta2"},
        {{.eps = -1e-8}, "eps"},       {{.eps = NAN}, "eps"},   {{.weight_decay = NAN}, "weight_decay"},
        {{.lr = INFINITY}, "lr"},      {{.lr = 1e39}, "lr"},    {{.beta1 = INFINITY}, "beta1"},
        {{.beta2 = -INFINITY}, "beta2"}, {{.eps = INFINITY}, "eps"}, {{.eps = 1e39}, "eps"},
        {{.weight_decay = -INFINITY}, "weight_decay"}, {{.weight_decay = 1e39}, "weight_decay"}, {{.weight_decay = -1}, "weight_decay"},
    };
    for (size_t k = 0; k < COUNT(sgd); k++) {
        assert_null(tg_sgd(t, &sgd[k].o));
        expect_error(t, TG_ERR_ARG, sgd[k].word);
    }
    for (size_t k = 0; k < 2 * COUNT(adam); k++) {
        assert_null((k % 2 ? tg_adamw : tg_adam)(t, &adam[k / 2].o));
        expect_error(t, TG_ERR_ARG, adam[k / 2].word);
    }
    tg_tape_free(t);
}

static void test_refused_lists(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64), *other = quiet(TG_F64);
    tg_tensor *p = param(t, "p", 1), *foreign = param(other, "p", 1), *temporary = tg_ones(t, TG_SHAPE(3));
    tg_tensor *frozen = tg_keep(temporary), *gone = tg_keep(tg_ones(t, TG_SHAPE(2)));
    assert_int_equal(tg_release(gone), TG_OK);
    const struct {
        tg_tensor  *second;
        tg_status   status;
        const char *word;
    } cases[] = {
        {NULL, TG_ERR_NULL, "params[1]"},
        {p, TG_ERR_ARG, "same"},
        {tg_set_requires_grad(temporary, true), TG_ERR_ARG, "kept"},
        {tg_mul(p, p), TG_ERR_ARG, "kept"},
        {frozen, TG_ERR_GRAD, "require"},
        {gone, TG_ERR_STALE, "stale"},
    };
    for (size_t k = 0; k < COUNT(cases); k++) {
        assert_null(tg_sgd(t, &(tg_sgd_options){.params = (tg_tensor *[]){p, cases[k].second}, .n_params = 2}));
        expect_error(t, cases[k].status, cases[k].word);
    }
    assert_null(tg_adam(t, &(tg_adam_options){.params = &foreign, .n_params = 1}));
    expect_error(t, TG_ERR_TAPE, "another tape");
    assert_null(tg_adam(t, &(tg_adam_options){.params = &p}));
    expect_error(t, TG_ERR_ARG, "n_params");
    assert_null(tg_adam(t, &(tg_adam_options){.n_params = 1}));
    expect_error(t, TG_ERR_ARG, "n_params");
    tg_tape_free(other);
    tg_tape_free(t);
}

static void test_null(void **state)
{
    (void)state;
    assert_null(tg_sgd(NULL, NULL));
    assert_null(tg_adam(NULL, NULL));
    assert_null(tg_adamw(NULL, NULL));
    assert_int_equal(tg_step(NULL), TG_ERR_NULL);
    assert_int_equal(tg_optim_zero_grad(NULL), TG_ERR_NULL);
    assert_int_equal(tg_set_lr(NULL, 1), TG_ERR_NULL);
    assert_true(isnan(tg_lr(NULL)));
    assert_int_equal(tg_steps_skipped(NULL), -1);
    assert_int_equal(tg_zero_grad(NULL), TG_ERR_NULL);
    assert_int_equal(tg_clip_grad_norm(NULL, 1, NULL), TG_ERR_NULL);
    tg_optim_free(NULL);
}

static void test_learning_rate(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *p = param(t, "p", 1);
    tg_optim  *o = tg_sgd(t, NULL);
    assert_true(tg_lr(o) == 0.01);
    assert_true(tg_lr(tg_adam(t, NULL)) == 0.001);
    const double bad[] = {-1, NAN, INFINITY, -INFINITY, 3.5e38};
    for (size_t k = 0; k < COUNT(bad); k++) {
        assert_int_equal(tg_set_lr(o, bad[k]), TG_ERR_ARG);
        expect_error(t, TG_ERR_ARG, "tg_set_lr");
        assert_true(tg_lr(o) == 0.01);
    }
    assert_int_equal(tg_set_lr(o, 0), TG_OK); /* the end of a schedule */
    give_grad(p, 2);
    assert_int_equal(tg_step(o), TG_OK);
    assert_all(p, 1);
    assert_int_equal(tg_set_lr(o, 0.5), TG_OK);
    give_grad(p, 2);
    assert_int_equal(tg_step(o), TG_OK);
    assert_all(p, 0);
    tg_tape_free(t);
}

/* ---- when a gradient counts --------------------------------------------------------------------------------------- */

static void test_gradients_are_used_up(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *p = param(t, "p", 1);
    tg_optim  *o = tg_sgd(t, &(tg_sgd_options){.lr = 0.1, .momentum = 0.9, .weight_decay = 0.5});
    give_grad(p, 2);
    assert_int_equal(tg_step(o), TG_OK);
    assert_all(p, 0.75);
    assert_all(tg_grad_of(p), 2); /* stays readable */
    assert_int_equal(tg_step(o), TG_ERR_GRAD);
    expect_error(t, TG_ERR_GRAD, "tg_step: no parameter has a gradient");
    assert_all(p, 0.75); /* no gradient: neither momentum nor decay */
    tg_reset(t);
    assert_all(tg_grad_of(p), 2);
    give_grad(p, 4);
    assert_all(tg_grad_of(p), 4); /* starts anew */
    tg_tape_free(t);
}

static void test_gradients_add_up_until_the_step(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *p = param(t, "p", 1);
    tg_optim  *o = tg_sgd(t, &(tg_sgd_options){.lr = 0.1});
    give_grad(p, 2);
    tg_reset(t);
    give_grad(p, 3);
    assert_all(tg_grad_of(p), 5);
    assert_int_equal(tg_step(o), TG_OK);
    assert_all(p, 0.5);
    tg_tape_free(t);
}

static void test_no_gradient_no_change(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *p = param(t, "p", 1), *q = param(t, "q", 1);
    tg_optim  *all[] = {tg_adamw(t, &(tg_adam_options){.weight_decay = 0.5}),
                        tg_adam(t, &(tg_adam_options){.weight_decay = 0.5}),
                        tg_sgd(t, &(tg_sgd_options){.momentum = 0.9, .weight_decay = 0.5})};
    for (size_t k = 0; k < COUNT(all); k++) {
        double before = tg_data_f64(p)[0];
        give_grad(p, 1);
        assert_int_equal(tg_step(all[k]), TG_OK);
        assert_true(tg_data_f64(p)[0] < before);
        for (int i = 0; i < 3; i++) assert_true(tg_data_f64(q)[i] == 1);
    }
    tg_optim *late = tg_adam(t, &(tg_adam_options){.lr = 0.1}); /* whose bias correction counts q's own steps */
    for (int step = 0; step < 3; step++) {
        give_grad(p, 1);
        if (step == 2) give_grad(q, 1);
        assert_int_equal(tg_step(late), TG_OK);
    }
    assert_all(q, 1 - 0.1 / (1 + 1e-8));
    tg_tape_free(t);
}

static void test_zero_grad(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *p = param(t, "p", 1), *q = param(t, "q", 1), *k = tg_set_requires_grad(tg_keep(tg_ones(t, TG_SHAPE(3))), true);
    tg_optim  *o = tg_sgd(t, &(tg_sgd_options){.lr = 0.1, .params = &p, .n_params = 1}), *rest = tg_sgd(t, NULL);
    give_grad(p, 1);
    give_grad(q, 2);
    give_grad(k, 3);
    tg_tensor *gone = tg_grad_of(p), *late = tg_mul_s(gone, 2);
    assert_int_equal(tg_optim_zero_grad(o), TG_OK);
    assert_null(tg_grad_of(p));
    assert_null(tg_data(gone));
    expect_error(t, TG_ERR_STALE, "tg_data");
    assert_null(tg_data(late));
    expect_error(t, TG_ERR_STALE, "mul");
    assert_all(tg_grad_of(q), 2);
    assert_int_equal(tg_optim_zero_grad(rest), TG_OK); /* all parameters, before its first step */
    assert_null(tg_grad_of(q));
    assert_all(tg_grad_of(k), 3);
    assert_int_equal(tg_step(o), TG_ERR_GRAD);
    expect_error(t, TG_ERR_GRAD, "no parameter has a gradient");
    assert_all(p, 1);
    give_grad(p, 7);
    assert_int_equal(tg_step(o), TG_OK); /* used up and forgotten: gone as well */
    assert_int_equal(tg_zero_grad(t), TG_OK);
    assert_null(tg_grad_of(p));
    assert_null(tg_grad_of(k));
    give_grad(p, 4);
    assert_all(tg_grad_of(p), 4);
    assert_null(tg_data(late)); /* not of the new one either */
    expect_error(t, TG_ERR_STALE, "mul");
    tg_tape_free(t);
}

/* What was recorded before a step and not computed does not silently get the new parameters. */
static void test_step_invalidates(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *p = param(t, "p", 1), *late = tg_mul_s(p, 3), *wanted = tg_want(tg_mul_s(p, 5));
    tg_optim  *o = tg_sgd(t, NULL);
    give_grad(p, 1);
    assert_int_equal(tg_step(o), TG_OK);
    assert_null(tg_data(late));
    expect_error(t, TG_ERR_STALE, "'p'");
    assert_all(wanted, 5);
    assert_all(tg_mul_s(p, 3), 3 * 0.99);
    tg_tape_free(t);
}

/* ---- which tensors ------------------------------------------------------------------------------------------------ */

static void test_two_optimizers(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *p = param(t, "p", 1), *q = param(t, "q", 1), *k = tg_set_requires_grad(tg_keep(tg_ones(t, TG_SHAPE(3))), true);
    tg_optim  *a = tg_sgd(t, &(tg_sgd_options){.lr = 0.1, .params = &p, .n_params = 1});
    tg_optim  *b = tg_sgd(t, &(tg_sgd_options){.lr = 0.2, .params = (tg_tensor *[]){q, k}, .n_params = 2});
    give_grad(p, 1);
    give_grad(q, 1);
    give_grad(k, 2);
    assert_int_equal(tg_step(a), TG_OK);
    assert_all(p, 0.9);
    assert_all(q, 1);
    assert_int_equal(tg_step(b), TG_OK);
    assert_all(p, 0.9);
    assert_all(q, 0.8);
    assert_all(k, 0.6);
    tg_tape_free(t);
}

static void test_parameters_made_later(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_optim  *o = tg_sgd(t, &(tg_sgd_options){.lr = 0.1, .momentum = 0.5});
    assert_int_equal(tg_step(o), TG_OK); /* nothing to do yet */
    tg_tensor *p = param(t, "p", 1);
    give_grad(p, 1);
    assert_int_equal(tg_step(o), TG_OK);
    tg_tensor *q = param(t, "q", 1);
    give_grad(p, 1);
    give_grad(q, 1);
    assert_int_equal(tg_step(o), TG_OK);
    assert_all(p, 1 - 0.1 - 0.15);
    assert_all(q, 0.9); /* its first step */
    tg_tape_free(t);
}

/* The others keep their momentum, and what takes over the released slot starts without any. */
static void test_release(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *p = param(t, "p", 1), *q = param(t, "q", 1), *r = param(t, "r", 1);
    tg_optim  *all = tg_sgd(t, &(tg_sgd_options){.lr = 0.1, .momentum = 0.5});
    tg_optim  *listed = tg_sgd(t, &(tg_sgd_options){.lr = 0.1, .params = &q, .n_params = 1});
    give_grad(p, 1);
    give_grad(q, 1);
    give_grad(r, 1);
    assert_int_equal(tg_step(all), TG_OK);
    tg_reset(t);
    assert_int_equal(tg_release(q), TG_OK);
    tg_tensor *s = param(t, "s", 1);
    give_grad(p, 1);
    give_grad(r, 1);
    give_grad(s, 1);
    assert_int_equal(tg_step(listed), TG_OK); /* has nothing left */
    assert_all(s, 1);
    assert_int_equal(tg_step(all), TG_OK);
    assert_all(p, 1 - 0.1 - 0.15);
    assert_all(r, 1 - 0.1 - 0.15);
    assert_all(s, 0.9);
    assert_int_equal(tg_release(p), TG_OK);
    assert_int_equal(tg_release(r), TG_OK);
    assert_int_equal(tg_release(s), TG_OK);
    assert_int_equal(tg_step(all), TG_OK);
    assert_int_equal(tg_optim_zero_grad(all), TG_OK);
    tg_tape_free(t);
}

static void test_sizes_and_dtypes(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *none = tg_param(t, "none", tg_zeros(t, TG_SHAPE(0, 4))), *one = tg_param(t, "one", tg_scalar(t, 1));
    tg_tensor *single = tg_param(t, "single", tg_full(t, TG_F32, TG_SHAPE(5), 1));
    tg_optim  *all[] = {tg_sgd(t, NULL), tg_sgd(t, &(tg_sgd_options){.momentum = 0.9}), tg_adam(t, NULL)};
    double     norm;
    for (size_t k = 0; k < COUNT(all); k++) {
        assert_int_equal(tg_backward(tg_sum_all(none)), TG_OK);
        assert_int_equal(tg_backward(tg_mul_s(one, 3)), TG_OK);
        assert_int_equal(tg_backward(tg_sum_all(single)), TG_OK);
        assert_int_equal(tg_clip_grad_norm(all[k], INFINITY, &norm), TG_OK);
        assert_true(fabs(norm - sqrt(9 + 5)) < 1e-15 * 14);
        assert_int_equal(tg_step(all[k]), TG_OK);
    }
    assert_all(one, 1 - 0.03 - 0.03 - 0.001 * (3 / (3 + 1e-8)));
    assert_true(fabsf(tg_data_f32(single)[4] - (1 - 0.01f - 0.01f - 0.001f)) < 1e-6f);
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused_options),
        cmocka_unit_test(test_refused_lists),
        cmocka_unit_test(test_null),
        cmocka_unit_test(test_learning_rate),
        cmocka_unit_test(test_gradients_are_used_up),
        cmocka_unit_test(test_gradients_add_up_until_the_step),
        cmocka_unit_test(test_no_gradient_no_change),
        cmocka_unit_test(test_zero_grad),
        cmocka_unit_test(test_step_invalidates),
        cmocka_unit_test(test_two_optimizers),
        cmocka_unit_test(test_parameters_made_later),
        cmocka_unit_test(test_release),
        cmocka_unit_test(test_sizes_and_dtypes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
