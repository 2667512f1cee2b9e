/* test_optim.c - what optimizers do beside their formulas: which tensors they touch, when gradients count, errors, lifetimes, memory. */
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

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* ---- helpers ------------------------------------------------------------------------------------------------------ */

static tg_tape *new_tape(void)
{
    tg_tape *t = tg_tape_new(&(tg_tape_options){.dtype = TG_F64, .silent = true});
    assert_non_null(t);
    return t;
}

static tg_tensor *param(tg_tape *t, const char *name, double value)
{
    tg_tensor *p = tg_param(t, name, tg_full(t, TG_F64, TG_SHAPE(3), value));
    assert_non_null(p);
    return p;
}

/* Adds the gradient g, …, g to p's. */
static void give_grad(tg_tensor *p, double g) { assert_int_equal(tg_backward(tg_sum(tg_mul_s(p, g), TG_ALL_AXES, false)), TG_OK); }

static void assert_values(tg_tensor *p, double want)
{
    const double *x = tg_data_f64(p);
    assert_non_null(x);
    for (int64_t i = 0; i < tg_numel(p); i++)
        if (!(fabs(x[i] - want) <= 1e-14 * fmax(1, fabs(want)))) fail_msg("element %d is %.17g instead of %.17g", (int)i, x[i], want);
}

/* The tape's error is this one; it is cleared. */
static void assert_error(tg_tape *t, tg_status s, const char *word)
{
    assert_int_equal(tg_error_status(t), s);
    if (!strstr(tg_error(t), word)) fail_msg("'%s' is not in: %s", word, tg_error(t));
    tg_clear_error(t);
}

/* ---- options ------------------------------------------------------------------------------------------------------ */

static void test_refused_options(void **state)
{
    (void)state;
    tg_tape *t = new_tape();
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
        assert_error(t, TG_ERR_ARG, sgd[k].word);
    }
    for (size_t k = 0; k < 2 * COUNT(adam); k++) {
        assert_null((k % 2 ? tg_adamw : tg_adam)(t, &adam[k / 2].o));
        assert_error(t, TG_ERR_ARG, adam[k / 2].word);
    }
    tg_tape_free(t);
}

static void test_refused_lists(void **state)
{
    (void)state;
    tg_tape   *t = new_tape(), *other = new_tape();
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
        assert_error(t, cases[k].status, cases[k].word);
    }
    assert_null(tg_adam(t, &(tg_adam_options){.params = &foreign, .n_params = 1}));
    assert_error(t, TG_ERR_TAPE, "another tape");
    assert_null(tg_adam(t, &(tg_adam_options){.params = &p}));
    assert_error(t, TG_ERR_ARG, "n_params");
    assert_null(tg_adam(t, &(tg_adam_options){.n_params = 1}));
    assert_error(t, TG_ERR_ARG, "n_params");
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
    tg_tape   *t = new_tape();
    tg_tensor *p = param(t, "p", 1);
    tg_optim  *o = tg_sgd(t, NULL);
    assert_true(tg_lr(o) == 0.01);
    assert_true(tg_lr(tg_adam(t, NULL)) == 0.001);
    const double bad[] = {-1, NAN, INFINITY, -INFINITY, 3.5e38};
    for (size_t k = 0; k < COUNT(bad); k++) {
        assert_int_equal(tg_set_lr(o, bad[k]), TG_ERR_ARG);
        assert_error(t, TG_ERR_ARG, "tg_set_lr");
        assert_true(tg_lr(o) == 0.01);
    }
    assert_int_equal(tg_set_lr(o, 0), TG_OK); /* the end of a schedule */
    give_grad(p, 2);
    assert_int_equal(tg_step(o), TG_OK);
    assert_values(p, 1);
    assert_int_equal(tg_set_lr(o, 0.5), TG_OK);
    give_grad(p, 2);
    assert_int_equal(tg_step(o), TG_OK);
    assert_values(p, 0);
    tg_tape_free(t);
}

/* ---- when a gradient counts --------------------------------------------------------------------------------------- */

static void test_gradients_are_used_up(void **state)
{
    (void)state;
    tg_tape   *t = new_tape();
    tg_tensor *p = param(t, "p", 1);
    tg_optim  *o = tg_sgd(t, &(tg_sgd_options){.lr = 0.1, .momentum = 0.9, .weight_decay = 0.5});
    give_grad(p, 2);
    assert_int_equal(tg_step(o), TG_OK);
    assert_values(p, 0.75);
    assert_values(tg_grad_of(p), 2); /* stays readable */
    assert_int_equal(tg_step(o), TG_ERR_GRAD);
    assert_error(t, TG_ERR_GRAD, "tg_step: no parameter has a gradient");
    assert_values(p, 0.75); /* no gradient: neither momentum nor decay */
    tg_reset(t);
    assert_values(tg_grad_of(p), 2);
    give_grad(p, 4);
    assert_values(tg_grad_of(p), 4); /* starts anew */
    tg_tape_free(t);
}

static void test_gradients_add_up_until_the_step(void **state)
{
    (void)state;
    tg_tape   *t = new_tape();
    tg_tensor *p = param(t, "p", 1);
    tg_optim  *o = tg_sgd(t, &(tg_sgd_options){.lr = 0.1});
    give_grad(p, 2);
    tg_reset(t);
    give_grad(p, 3);
    assert_values(tg_grad_of(p), 5);
    assert_int_equal(tg_step(o), TG_OK);
    assert_values(p, 0.5);
    tg_tape_free(t);
}

static void test_no_gradient_no_change(void **state)
{
    (void)state;
    tg_tape   *t = new_tape();
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
    assert_values(q, 1 - 0.1 / (1 + 1e-8));
    tg_tape_free(t);
}

static void test_zero_grad(void **state)
{
    (void)state;
    tg_tape   *t = new_tape();
    tg_tensor *p = param(t, "p", 1), *q = param(t, "q", 1), *k = tg_set_requires_grad(tg_keep(tg_ones(t, TG_SHAPE(3))), true);
    tg_optim  *o = tg_sgd(t, &(tg_sgd_options){.lr = 0.1, .params = &p, .n_params = 1}), *rest = tg_sgd(t, NULL);
    give_grad(p, 1);
    give_grad(q, 2);
    give_grad(k, 3);
    tg_tensor *gone = tg_grad_of(p), *late = tg_mul_s(gone, 2);
    assert_int_equal(tg_optim_zero_grad(o), TG_OK);
    assert_null(tg_grad_of(p));
    assert_null(tg_data(gone));
    assert_error(t, TG_ERR_STALE, "tg_data");
    assert_null(tg_data(late));
    assert_error(t, TG_ERR_STALE, "mul");
    assert_values(tg_grad_of(q), 2);
    assert_int_equal(tg_optim_zero_grad(rest), TG_OK); /* all parameters, before its first step */
    assert_null(tg_grad_of(q));
    assert_values(tg_grad_of(k), 3);
    assert_int_equal(tg_step(o), TG_ERR_GRAD);
    assert_error(t, TG_ERR_GRAD, "no parameter has a gradient");
    assert_values(p, 1);
    give_grad(p, 7);
    assert_int_equal(tg_step(o), TG_OK); /* used up and forgotten: gone as well */
    assert_int_equal(tg_zero_grad(t), TG_OK);
    assert_null(tg_grad_of(p));
    assert_null(tg_grad_of(k));
    give_grad(p, 4);
    assert_values(tg_grad_of(p), 4);
    assert_null(tg_data(late)); /* not of the new one either */
    assert_error(t, TG_ERR_STALE, "mul");
    tg_tape_free(t);
}

/* What was recorded before a step and not computed does not silently get the new parameters. */
static void test_step_invalidates(void **state)
{
    (void)state;
    tg_tape   *t = new_tape();
    tg_tensor *p = param(t, "p", 1), *late = tg_mul_s(p, 3), *wanted = tg_want(tg_mul_s(p, 5));
    tg_optim  *o = tg_sgd(t, NULL);
    give_grad(p, 1);
    assert_int_equal(tg_step(o), TG_OK);
    assert_null(tg_data(late));
    assert_error(t, TG_ERR_STALE, "'p'");
    assert_values(wanted, 5);
    assert_values(tg_mul_s(p, 3), 3 * 0.99);
    tg_tape_free(t);
}

static void test_nonfinite_gradients(void **state)
{
    (void)state;
    tg_tape   *t = new_tape();
    tg_tensor *p = param(t, "p", 1);
    tg_optim  *o = tg_sgd(t, NULL);
    double     norm = 0;
    give_grad(p, -INFINITY);
    assert_int_equal(tg_clip_grad_norm(o, 1, &norm), TG_ERR_ARG);
    assert_error(t, TG_ERR_ARG, "norm");
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
        tg_tape  *t = new_tape(), *u = new_tape(); /* without and with such steps */
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
        assert_values(r, 7);
        tg_tape_free(t);
        tg_tape_free(u);
    }
    /* The largest numbers are finite. A bad gradient of another optimizer's parameter is none of its concern. */
    tg_tape   *t = new_tape();
    tg_tensor *p = param(t, "p", 1), *q = param(t, "q", 1);
    tg_optim  *o = tg_sgd(t, &(tg_sgd_options){.lr = 1e-300, .params = &p, .n_params = 1, .skip_nonfinite = true});
    give_grad(p, -DBL_MAX);
    give_grad(q, NAN);
    assert_int_equal(tg_step(o), TG_OK);
    assert_values(p, 1 + 1e-300 * DBL_MAX);
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

/* ---- which tensors ------------------------------------------------------------------------------------------------ */

static void test_two_optimizers(void **state)
{
    (void)state;
    tg_tape   *t = new_tape();
    tg_tensor *p = param(t, "p", 1), *q = param(t, "q", 1), *k = tg_set_requires_grad(tg_keep(tg_ones(t, TG_SHAPE(3))), true);
    tg_optim  *a = tg_sgd(t, &(tg_sgd_options){.lr = 0.1, .params = &p, .n_params = 1});
    tg_optim  *b = tg_sgd(t, &(tg_sgd_options){.lr = 0.2, .params = (tg_tensor *[]){q, k}, .n_params = 2});
    give_grad(p, 1);
    give_grad(q, 1);
    give_grad(k, 2);
    assert_int_equal(tg_step(a), TG_OK);
    assert_values(p, 0.9);
    assert_values(q, 1);
    assert_int_equal(tg_step(b), TG_OK);
    assert_values(p, 0.9);
    assert_values(q, 0.8);
    assert_values(k, 0.6);
    tg_tape_free(t);
}

static void test_parameters_made_later(void **state)
{
    (void)state;
    tg_tape   *t = new_tape();
    tg_optim  *o = tg_sgd(t, &(tg_sgd_options){.lr = 0.1, .momentum = 0.5});
    assert_int_equal(tg_step(o), TG_OK); /* nothing to do yet */
    tg_tensor *p = param(t, "p", 1);
    give_grad(p, 1);
    assert_int_equal(tg_step(o), TG_OK);
    tg_tensor *q = param(t, "q", 1);
    give_grad(p, 1);
    give_grad(q, 1);
    assert_int_equal(tg_step(o), TG_OK);
    assert_values(p, 1 - 0.1 - 0.15);
    assert_values(q, 0.9); /* its first step */
    tg_tape_free(t);
}

/* The others keep their momentum, and what takes over the released slot starts without any. */
static void test_release(void **state)
{
    (void)state;
    tg_tape   *t = new_tape();
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
    assert_values(s, 1);
    assert_int_equal(tg_step(all), TG_OK);
    assert_values(p, 1 - 0.1 - 0.15);
    assert_values(r, 1 - 0.1 - 0.15);
    assert_values(s, 0.9);
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
    tg_tape   *t = new_tape();
    tg_tensor *none = tg_param(t, "none", tg_zeros(t, TG_SHAPE(0, 4))), *one = tg_param(t, "one", tg_scalar(t, 1));
    tg_tensor *single = tg_param(t, "single", tg_full(t, TG_F32, TG_SHAPE(5), 1));
    tg_optim  *all[] = {tg_sgd(t, NULL), tg_sgd(t, &(tg_sgd_options){.momentum = 0.9}), tg_adam(t, NULL)};
    double     norm;
    for (size_t k = 0; k < COUNT(all); k++) {
        assert_int_equal(tg_backward(tg_sum(none, TG_ALL_AXES, false)), TG_OK);
        assert_int_equal(tg_backward(tg_mul_s(one, 3)), TG_OK);
        assert_int_equal(tg_backward(tg_sum(single, TG_ALL_AXES, false)), TG_OK);
        assert_int_equal(tg_clip_grad_norm(all[k], INFINITY, &norm), TG_OK);
        assert_true(fabs(norm - sqrt(9 + 5)) < 1e-15 * 14);
        assert_int_equal(tg_step(all[k]), TG_OK);
    }
    assert_values(one, 1 - 0.03 - 0.03 - 0.001 * (3 / (3 + 1e-8)));
    assert_true(fabsf(tg_data_f32(single)[4] - (1 - 0.01f - 0.01f - 0.001f)) < 1e-6f);
    tg_tape_free(t);
}

/* ---- clipping ----------------------------------------------------------------------------------------------------- */

static void test_clip(void **state)
{
    (void)state;
    tg_tape   *t = new_tape();
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
        assert_error(t, TG_ERR_ARG, "max_norm");
    }
    assert_int_equal(tg_clip_grad_norm(all, 10, &norm), TG_OK); /* sqrt(3 (9 + 16)) = 8.66 */
    assert_true(fabs(norm - sqrt(75)) < 1e-14);
    assert_values(tg_grad_of(p), 3);
    tg_tensor *seen = tg_mul_s(tg_grad_of(p), 1);
    assert_int_equal(tg_clip_grad_norm_of((tg_tensor *[]){p, q}, 2, norm / 2, NULL), TG_OK);
    assert_values(tg_grad_of(p), 1.5);
    assert_values(tg_grad_of(q), 2);
    assert_null(tg_data(seen)); /* it meant the gradient before */
    assert_error(t, TG_ERR_STALE, "mul");
    assert_int_equal(tg_clip_grad_norm(o, 1, &norm), TG_OK); /* its own alone */
    assert_true(fabs(norm - 2 * sqrt(3)) < 1e-14);
    assert_values(tg_grad_of(p), 1.5);
    assert_values(tg_grad_of(q), 1 / sqrt(3));
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
            tg_tensor *loss = tg_add(tg_sum(tg_mul_s(p, of[k].value), TG_ALL_AXES, false), tg_sum(tg_mul_s(small, 0), TG_ALL_AXES, false));
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

/* ---- threads ------------------------------------------------------------------------------------------------------ */

enum { LARGE = 200003 };

/* Two steps on one large and two small parameters; returns the large one's values, and the norm. */
static float *large_run(int threads, double *norm)
{
    static float c[LARGE];
    for (size_t i = 0; i < LARGE; i++) c[i] = (float)((double)(i * 2654435761u % 1000003u) / 1000003.0 - 0.5);
    tg_tape *t = tg_tape_new(&(tg_tape_options){.threads = threads});
    float   *result = malloc(sizeof c);
    assert_true(t && result);
    tg_tensor *w = tg_param(t, "w", tg_from_f32(t, TG_SHAPE(LARGE), c)), *a = tg_param(t, "a", tg_scalar(t, 1));
    tg_tensor *b = tg_param(t, "b", tg_ones(t, TG_SHAPE(17000)));
    tg_optim  *o = tg_adam(t, &(tg_adam_options){.weight_decay = 0.1}), *s = tg_sgd(t, &(tg_sgd_options){.momentum = 0.9});
    for (int step = 0; step < 2; step++) {
        tg_tensor *x = tg_borrow(t, TG_F32, TG_SHAPE(LARGE), c);
        tg_tensor *y = tg_add(tg_sum(tg_mul(tg_mul(w, w), x), TG_ALL_AXES, false), tg_mul(a, tg_sum(b, TG_ALL_AXES, false)));
        assert_int_equal(tg_backward(y), TG_OK);
        assert_int_equal(tg_clip_grad_norm(step ? s : o, 1, norm), TG_OK);
        assert_int_equal(tg_step(step ? s : o), TG_OK);
        tg_reset(t);
    }
    assert_int_equal(tg_copy_to(w, result, sizeof c), TG_OK);
    assert_true(tg_data_f32(b)[16999] < 1 && tg_data_f32(b)[16999] == tg_data_f32(b)[0]);
    tg_tape_free(t);
    return result;
}

static void test_threads_do_not_matter(void **state)
{
    (void)state;
    double norm1, norm;
    float *one = large_run(1, &norm1);
    for (int threads = 2; threads <= 5; threads += 3) {
        float *many = large_run(threads, &norm);
        assert_true(norm == norm1);
        assert_memory_equal(one, many, LARGE * sizeof *one);
        free(many);
    }
    free(one);
}

/* ---- lifetimes and memory ----------------------------------------------------------------------------------------- */

typedef struct budget {
    int64_t live;  /* bytes */
    int64_t calls; /* that may still ask for memory; negative: any number */
} budget;

static void *spend(void *ctx, void *p, size_t old_size, size_t size)
{
    budget *b = ctx;
    if (size == 0) {
        free(p);
        b->live -= (int64_t)old_size;
        return NULL;
    }
    if (b->calls == 0) return NULL;
    if (b->calls > 0) b->calls--;
    void *q = realloc(p, size);
    if (q) b->live += (int64_t)size - (int64_t)(p ? old_size : 0);
    return q;
}

static tg_tape *budget_tape(budget *b)
{
    tg_tape *t = tg_tape_new(&(tg_tape_options){.dtype = TG_F64, .silent = true, .allocator = {spend, b}});
    assert_non_null(t);
    return t;
}

static void test_lifetimes(void **state)
{
    (void)state;
    for (int freed = 0; freed < 4; freed++) { /* which of two optimizers are freed before the tape */
        budget     b = {.calls = -1};
        tg_tape   *t = budget_tape(&b);
        tg_optim  *first = tg_adam(t, NULL), *second = tg_sgd(t, &(tg_sgd_options){.momentum = 0.9});
        tg_tensor *p = param(t, "p", 1);
        for (int step = 0; step < 3; step++) {
            give_grad(p, 1);
            assert_int_equal(tg_step(step % 2 ? first : second), TG_OK);
            tg_reset(t);
        }
        if (freed & 1) tg_optim_free(first);
        if (freed & 2) tg_optim_free(second);
        give_grad(p, 1);
        if (!(freed & 2)) assert_int_equal(tg_step(second), TG_OK);
        tg_tape_free(t);
        assert_true(b.live == 0);
    }
}

/* A released tensor's buffers go at the next step. */
static void test_release_gives_memory_back(void **state)
{
    (void)state;
    budget     b = {.calls = -1};
    tg_tape   *t = budget_tape(&b);
    tg_tensor *p = tg_param(t, "p", tg_ones(t, TG_SHAPE(1000)));
    tg_optim  *o = tg_adam(t, NULL);
    give_grad(p, 1);
    assert_int_equal(tg_step(o), TG_OK);
    assert_int_equal(tg_release(p), TG_OK);
    int64_t before = b.live;
    assert_int_equal(tg_step(o), TG_OK);
    assert_true(before - b.live >= 2 * 1000 * (int64_t)sizeof(double));
    tg_tape_free(t);
    assert_true(b.live == 0);
}

/* Small tensors share their room; it goes with the last of them, and a large one's with itself. */
static void test_shared_room(void **state)
{
    enum { HUGE = 600000 };
    (void)state;
    budget     b = {.calls = -1};
    tg_tape   *t = budget_tape(&b);
    tg_tensor *p = param(t, "p", 1), *q = tg_param(t, "q", tg_ones(t, TG_SHAPE(1000))), *r = tg_param(t, "r", tg_ones(t, TG_SHAPE(HUGE)));
    tg_optim  *o = tg_adam(t, &(tg_adam_options){.lr = 0.1});
    double     want = 1;
    for (int step = 0; step < 4; step++) {
        give_grad(p, 1);
        if (step < 3) give_grad(q, 1);
        if (step < 2) give_grad(r, 1);
        if (step == 2) assert_int_equal(tg_release(r), TG_OK);
        if (step == 3) assert_int_equal(tg_release(q), TG_OK);
        const int64_t before = b.live;
        assert_int_equal(tg_step(o), TG_OK);
        want -= 0.1 / (1 + 1e-8);
        assert_values(p, want);
        if (step < 3) assert_values(q, want);
        if (step == 2) assert_true(before - b.live >= 2 * HUGE * (int64_t)sizeof(double));
        tg_reset(t);
    }
    assert_int_equal(tg_release(p), TG_OK);
    const int64_t before = b.live;
    assert_int_equal(tg_step(o), TG_OK);
    assert_true(before - b.live >= 2 * 1003 * (int64_t)sizeof(double));
    tg_tape_free(t);
    assert_true(b.live == 0);
}

/* A step that fails for want of memory changes nothing, and the next one does all. */
static void test_out_of_memory(void **state)
{
    (void)state;
    budget     b = {.calls = -1};
    tg_tape   *t = budget_tape(&b);
    tg_tensor *p = param(t, "p", 1), *q = param(t, "q", 1);
    b.calls = 0;
    assert_null(tg_adam(t, NULL));
    assert_error(t, TG_ERR_MEMORY, "memory");
    b.calls = 1;
    assert_null(tg_adam(t, &(tg_adam_options){.params = &p, .n_params = 1}));
    assert_error(t, TG_ERR_MEMORY, "memory");
    b.calls = -1;
    tg_optim *o = tg_adam(t, &(tg_adam_options){.lr = 0.1});
    give_grad(p, 1);
    give_grad(q, 1);
    int failures = 0;
    for (b.calls = 0; tg_step(o) != TG_OK; failures++) {
        assert_error(t, TG_ERR_MEMORY, "memory");
        assert_values(p, 1);
        assert_values(q, 1);
        b.calls = failures % 2; /* 0 once more, then 1: each failure point is met */
    }
    assert_true(failures >= 3);
    b.calls = -1;
    assert_values(p, 1 - 0.1 / (1 + 1e-8));
    assert_values(q, 1 - 0.1 / (1 + 1e-8));
    give_grad(p, 1);
    assert_int_equal(tg_step(o), TG_OK);
    assert_values(p, 1 - 0.2 / (1 + 1e-8));
    tg_tape_free(t);
    assert_true(b.live == 0);
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
        cmocka_unit_test(test_nonfinite_gradients),
        cmocka_unit_test(test_skipped_steps),
        cmocka_unit_test(test_skipped_large),
        cmocka_unit_test(test_huge_gradients),
        cmocka_unit_test(test_tiny_eps),
        cmocka_unit_test(test_slow_betas),
        cmocka_unit_test(test_two_optimizers),
        cmocka_unit_test(test_parameters_made_later),
        cmocka_unit_test(test_release),
        cmocka_unit_test(test_sizes_and_dtypes),
        cmocka_unit_test(test_clip),
        cmocka_unit_test(test_clip_scales),
        cmocka_unit_test(test_threads_do_not_matter),
        cmocka_unit_test(test_lifetimes),
        cmocka_unit_test(test_release_gives_memory_back),
        cmocka_unit_test(test_shared_room),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
