/* test_groups.c - parameter groups: who belongs to which, settings of their own, frozen ones, wrong calls. And that a change of settings takes
 * no memory and no plan. */
#include "optim_test.h"

#include "failing.h"
#include "optimizers.h"

/* ---- who belongs where ---------------------------------------------------------------------------------------------- */

/* A step of plain SGD at gradient 1 lowers every element by its group's learning rate: so this says in which group p is. */
static void assert_step(tg_optim *o, tg_tensor *p, double want)
{
    const double was = tg_data_f64(p)[0];
    give_grad(p, 1);
    assert_int_equal(tg_step(o), TG_OK);
    assert_all(p, was - want);
    assert_int_equal(tg_reset(tg_tape_of(p)), TG_OK);
}

static void test_membership(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *a = param(t, "a.w", 1), *b = param(t, "b.w", 1), *c = param(t, "c.bias", 1), *d = param(t, "d", 1);
    tg_optim  *o = tg_sgd(t, &(tg_sgd_options){.lr = 1});
    assert_int_equal(tg_optim_group_count(o), 1);
    assert_int_equal(tg_optim_add_group(o, &(tg_group_options){.pattern = "[ax].*", .lr = 2}), 1);
    assert_int_equal(tg_optim_add_group(o, &(tg_group_options){.pattern = "*.w", .lr_scale = 0.5}), 2);
    assert_int_equal(tg_optim_add_group(o, &(tg_group_options){.params = &d, .n_params = 1, .lr = 4}), 3);
    assert_int_equal(tg_optim_add_group(o, &(tg_group_options){.pattern = "nothing*", .lr = 8}), 4);
    assert_int_equal(tg_optim_group_count(o), 5);
    assert_step(o, a, 2);
    assert_step(o, b, 0.5);
    assert_step(o, c, 1);
    assert_step(o, d, 4);
    /* Parameters made later go to the first group whose pattern matches; what was released leaves the others where they are. */
    tg_tensor *x = param(t, "x.w", 1), *y = param(t, "y.w", 1), *n = param(t, "nothing", 1), *z = param(t, "z", 1);
    assert_int_equal(tg_release(a), TG_OK);
    assert_int_equal(tg_release(c), TG_OK);
    assert_step(o, x, 2);
    assert_step(o, y, 0.5);
    assert_step(o, n, 8);
    assert_step(o, z, 1);
    assert_step(o, d, 4);
    /* A pattern takes nothing from other groups than the first. */
    assert_int_equal(tg_optim_add_group(o, &(tg_group_options){.pattern = "*", .lr = 16}), 5);
    assert_step(o, z, 16);
    assert_step(o, b, 0.5);
    assert_step(o, d, 4);
}

/* Of a list, and with tensors that have no name. */
static void test_listed(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *kept = tg_set_requires_grad(tg_keep(tg_ones(t, TG_SHAPE(3))), true), *p = param(t, "p", 1), *other = param(t, "other", 1);
    tg_optim  *o = tg_sgd(t, &(tg_sgd_options){.lr = 1, .params = (tg_tensor *[]){kept, p}, .n_params = 2});
    assert_int_equal(tg_optim_add_group(o, &(tg_group_options){.params = &kept, .n_params = 1, .lr = 2}), 1);
    assert_int_equal(tg_optim_add_group(o, &(tg_group_options){.pattern = "*", .lr = 4}), 2);
    assert_step(o, kept, 2);
    assert_step(o, p, 4);
    give_grad(other, 1);
    expect_failure(t, tg_step(o), TG_ERR_GRAD, "tg_step");
    assert_int_equal(tg_optim_add_group(o, &(tg_group_options){.params = &other, .n_params = 1}), -1);
    expect_error(t, TG_ERR_ARG, "params[0] is no tensor that this optimizer updates");
}

/* ---- settings --------------------------------------------------------------------------------------------------------- */

static void test_learning_rates(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *a = param(t, "a", 1), *b = param(t, "b", 1), *c = param(t, "c", 1);
    tg_optim  *o = tg_sgd(t, &(tg_sgd_options){.lr = 1});
    assert_int_equal(tg_optim_add_group(o, &(tg_group_options){.pattern = "b", .lr_scale = 3}), 1);
    assert_int_equal(tg_optim_add_group(o, &(tg_group_options){.pattern = "c", .lr = 5}), 2);
    assert_int_equal(tg_optim_add_group(o, &(tg_group_options){.pattern = "d"}), 3);
    assert_int_equal(tg_optim_add_group(o, &(tg_group_options){.pattern = "e", .lr = TG_ZERO}), 4);
    assert_int_equal(tg_optim_add_group(o, &(tg_group_options){.pattern = "f", .lr_scale = TG_ZERO}), 5);
    assert_true(tg_group_lr(o, 0) == 1 && tg_group_lr(o, 1) == 3 && tg_group_lr(o, 2) == 5 && tg_group_lr(o, 3) == 1);
    assert_true(tg_group_lr(o, 4) == 0 && tg_group_lr(o, 5) == 0);
    assert_int_equal(tg_set_lr(o, 0.5), TG_OK);
    assert_true(tg_lr(o) == 0.5 && tg_group_lr(o, 1) == 1.5 && tg_group_lr(o, 2) == 5 && tg_group_lr(o, 3) == 0.5);
    assert_int_equal(tg_set_group_lr(o, 1, 7), TG_OK); /* it follows no more */
    assert_int_equal(tg_set_group_lr(o, 0, 0.25), TG_OK);
    assert_true(tg_lr(o) == 0.25 && tg_group_lr(o, 1) == 7 && tg_group_lr(o, 3) == 0.25);
    assert_step(o, a, 0.25);
    assert_step(o, b, 7);
    assert_step(o, c, 5);
    assert_int_equal(tg_set_lr(o, 0.125), TG_OK); /* tensors that have made as many steps as others before get the new one */
    assert_step(o, param(t, "late", 1), 0.125);
    assert_int_equal(tg_set_lr(o, 0.25), TG_OK);
    /* A learning rate that a follower can't have is none for group 0 either. */
    assert_int_equal(tg_optim_add_group(o, &(tg_group_options){.pattern = "g", .lr_scale = 1e30}), 6);
    expect_failure(t, tg_set_lr(o, 1e30), TG_ERR_ARG, "tg_set_lr: lr must be finite in float32");
    assert_true(tg_lr(o) == 0.25);
}

static void test_weight_decay(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *a = param(t, "a", 1), *b = param(t, "b", 1), *c = param(t, "c", 1);
    tg_optim  *o = tg_sgd(t, &(tg_sgd_options){.lr = 1, .weight_decay = 0.5});
    assert_int_equal(tg_optim_add_group(o, &(tg_group_options){.pattern = "b", .weight_decay = TG_ZERO}), 1);
    assert_int_equal(tg_optim_add_group(o, &(tg_group_options){.pattern = "c", .weight_decay = 0.25}), 2);
    assert_step(o, a, 1 + 0.5);
    assert_step(o, b, 1);
    assert_step(o, c, 1 + 0.25);
}

/* Groups of one optimizer do what as many optimizers do, each with one group's settings, to the bit. Parameters have made different numbers of
 * steps. */
static void test_as_optimizers_apart(void **state)
{
    enum { PARAMS = 4 };
    (void)state;
    const tg_adam_options apart[] = {{.lr = 0.1, .weight_decay = 0.2}, {.lr = 0.3, .weight_decay = TG_ZERO}};
    tg_tensor            *p[2][PARAMS];
    tg_tape              *t[2];
    for (int k = 0; k < 2; k++) {
        t[k] = quiet(TG_F64);
        for (int i = 0; i < PARAMS; i++) p[k][i] = tg_paramf(t[k], tg_full(t[k], TG_F64, TG_SHAPE(3), 1 + i), "%c%d", "ab"[i % 2], i);
    }
    tg_optim *one = tg_adamw(t[0], &apart[0]), *two[2];
    assert_int_equal(tg_optim_add_group(one, &(tg_group_options){.pattern = "b*", .lr = 0.3, .weight_decay = TG_ZERO}), 1);
    for (int g = 0; g < 2; g++) {
        tg_adam_options o = apart[g];
        o.params = (tg_tensor *[]){p[1][g], p[1][g + 2]};
        o.n_params = 2;
        two[g] = tg_adamw(t[1], &o);
    }
    for (int step = 0; step < 6; step++) {
        for (int k = 0; k < 2; k++)
            for (int i = 0; i < PARAMS; i++)
                if (step % (i + 1) == 0) give_grad(p[k][i], 0.1 * (step + 1) - i);
        assert_int_equal(tg_step(one), TG_OK);
        for (int g = 0; g < 2; g++)
            if (tg_step(two[g]) != TG_OK) tg_clear_error(t[1]);
        for (int i = 0; i < PARAMS; i++) assert_memory_equal(tg_data_f64(p[0][i]), tg_data_f64(p[1][i]), 3 * sizeof(double));
        for (int k = 0; k < 2; k++) tg_reset(t[k]);
    }
    for (int k = 0; k < 2; k++) tg_tape_free(t[k]);
}

/* ---- frozen ----------------------------------------------------------------------------------------------------------- */

static void test_frozen(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *a = param(t, "a", 1), *b = param(t, "b", 1);
    tg_optim  *o = tg_sgd(t, &(tg_sgd_options){.lr = 0.5, .momentum = 0.5});
    double     norm;
    assert_int_equal(tg_optim_add_group(o, &(tg_group_options){.pattern = "b", .frozen = true}), 1);
    for (int step = 0; step < 3; step++) { /* no gradient is computed for it */
        assert_int_equal(tg_minimize(o, tg_sum_all(tg_add(a, b))), TG_OK);
        assert_null(tg_grad_of(b));
        tg_reset(t);
    }
    assert_all(b, 1);
    assert_all(a, 1 - 0.5 * (1 + 1.5 + 1.75));
    for (int step = 0; step < 2; step++) { /* what it has from elsewhere is used up, and is no part of the norm */
        assert_int_equal(tg_backward(tg_sum_all(tg_add(tg_mul_s(a, 3), tg_mul_s(b, 1e9)))), TG_OK);
        assert_int_equal(tg_clip_grad_norm(o, 100, &norm), TG_OK);
        assert_true(fabs(norm - 3 * sqrt(3)) < 1e-12);
        assert_int_equal(tg_clip_grad_value(o, 2), TG_OK);
        assert_all(tg_grad_of(a), 2);
        assert_all(tg_grad_of(b), 1e9);
        assert_int_equal(tg_step(o), TG_OK);
        tg_reset(t);
    }
    assert_all(b, 1);
    give_grad(b, 1); /* begins anew: nothing piled up */
    assert_all(tg_grad_of(b), 1);
    expect_failure(t, tg_step(o), TG_ERR_GRAD, "frozen"); /* nothing else has one */
    assert_int_equal(tg_set_group_frozen(o, 1, false), TG_OK);
    assert_int_equal(tg_step(o), TG_OK);
    assert_all(b, 0.5); /* the first step of its momentum */
    assert_int_equal(tg_set_group_frozen(o, 0, true), TG_OK);
    assert_int_equal(tg_minimize(o, tg_sum_all(tg_add(a, b))), TG_OK);
    assert_all(b, 0.5 - 0.5 * 1.5);
    assert_int_equal(tg_set_group_frozen(o, 1, true), TG_OK);
    expect_failure(t, tg_minimize(o, tg_sum_all(tg_add(a, b))), TG_ERR_GRAD, "tg_minimize");
}

/* A frozen table of rows: its set of rows is used up, too. */
static void test_frozen_rows(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *table = tg_set_row_gradient(tg_param(t, "table", tg_ones(t, TG_SHAPE(10, 2))), true), *a = param(t, "a", 1);
    tg_optim  *o = tg_sgd(t, &(tg_sgd_options){.lr = 0.5});
    assert_int_equal(tg_optim_add_group(o, &(tg_group_options){.pattern = "table", .frozen = true}), 1);
    for (int64_t step = 0; step < 3; step++) {
        const int64_t rows[] = {step, 7};
        const void   *values;
        tg_tensor    *y = tg_embedding(table, tg_from_i64(t, TG_SHAPE(2), rows));
        assert_int_equal(tg_backward(tg_add(tg_sum_all(y), tg_sum_all(a))), TG_OK);
        assert_int_equal(tg_row_gradient_of(table, NULL, &values), 2);
        for (int i = 0; i < 4; i++) assert_true(((const double *)values)[i] == 1);
        assert_int_equal(tg_step(o), TG_OK);
        tg_reset(t);
    }
    for (int i = 0; i < 20; i++) assert_true(tg_data_f64(table)[i] == 1);
    assert_all(a, 1 - 3 * 0.5);
}

/* ---- clipping --------------------------------------------------------------------------------------------------------- */

static void test_clip_groups(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *a = param(t, "a", 1), *b = param(t, "b", 1), *c = param(t, "c", 1);
    tg_optim  *o = tg_sgd(t, &(tg_sgd_options){.lr = 0.5});
    double     norm = 0;
    assert_int_equal(tg_optim_add_group(o, &(tg_group_options){.pattern = "[bc]"}), 1);
    give_grad(a, 3);
    give_grad(b, 3);
    give_grad(c, 4);
    assert_int_equal(tg_clip_group_grad_norm(o, 1, sqrt(3), &norm), TG_OK);
    assert_true(fabs(norm - 5 * sqrt(3)) < 1e-12);
    assert_all(tg_grad_of(a), 3);
    assert_all(tg_grad_of(b), 0.6);
    assert_all(tg_grad_of(c), 0.8);
    assert_int_equal(tg_clip_group_grad_norm(o, 0, 6 * sqrt(3), &norm), TG_OK);
    assert_true(fabs(norm - 3 * sqrt(3)) < 1e-12);
    assert_all(tg_grad_of(a), 3);
    assert_int_equal(tg_clip_group_grad_value(o, 1, 0.7), TG_OK);
    assert_all(tg_grad_of(a), 3);
    assert_all(tg_grad_of(b), 0.6);
    assert_all(tg_grad_of(c), 0.7);
    assert_int_equal(tg_clip_group_grad_value(o, 0, 2), TG_OK);
    assert_all(tg_grad_of(a), 2);
    assert_all(tg_grad_of(c), 0.7);
}

static void test_clip_value(void **state)
{
    tg_tape     *t = open_tape(state);
    const double g[] = {-3, -0.5, 0, 0.5, 3, INFINITY, -INFINITY, NAN}, want[] = {-1, -0.5, 0, 0.5, 1, 1, -1, NAN};
    tg_tensor   *w = tg_param(t, "w", tg_ones(t, TG_SHAPE(8))), *f = tg_param(t, "f", tg_full(t, TG_F32, TG_SHAPE(2), 1));
    tg_optim    *o = tg_sgd(t, NULL);
    for (int listed = 0; listed < 2; listed++) {
        assert_int_equal(tg_set_grad(w, tg_from_f64(t, TG_SHAPE(8), g)), TG_OK);
        assert_int_equal(tg_set_grad(f, tg_full(t, TG_F32, TG_SHAPE(2), -2)), TG_OK);
        assert_int_equal(listed ? tg_clip_grad_value_of((tg_tensor *[]){w, f}, 2, 1) : tg_clip_grad_value(o, 1), TG_OK);
        for (int i = 0; i < 8; i++) assert_true(isnan(want[i]) ? isnan(tg_data_f64(tg_grad_of(w))[i]) : tg_data_f64(tg_grad_of(w))[i] == want[i]);
        for (int i = 0; i < 2; i++) assert_true(tg_data_f32(tg_grad_of(f))[i] == -1);
    }
    tg_tensor *x = tg_set_requires_grad(tg_ones(t, TG_SHAPE(3)), true), *y = tg_mul_s(x, 5); /* of the recording: nothing is overwritten */
    assert_int_equal(tg_backward(tg_sum_all(y)), TG_OK);
    tg_tensor *before = tg_grad_of(x);
    assert_int_equal(tg_clip_grad_value_of(&x, 1, 2), TG_OK);
    assert_all(before, 5);
    assert_all(tg_grad_of(x), 2);
}

/* ---- ascending --------------------------------------------------------------------------------------------------------- */

static const maker makers[] = {make_sgd, make_adam, make_adamw, make_rmsprop, make_lamb, make_adagrad,
                               make_adam, make_adamax, make_nadam, make_radam, make_lion, make_adadelta};

/* Along the gradient of f is against that of -f, to the bit: every options struct has `maximize` behind the same numbers as the others. */
static void test_maximize(void **state)
{
    (void)state;
    const tg_sgd_options     sgd = {.maximize = true};
    const tg_adam_options    adam = {.maximize = true};
    const tg_rmsprop_options rmsprop = {.maximize = true};
    const tg_lamb_options    lamb = {.maximize = true};
    const tg_adagrad_options adagrad = {.maximize = true};
    const tg_adam_options    amsgrad = {.maximize = true, .amsgrad = true};
    const tg_adamax_options  adamax = {.maximize = true};
    const tg_nadam_options   nadam = {.maximize = true};
    const tg_radam_options   radam = {.maximize = true};
    const tg_lion_options    lion = {.maximize = true};
    const tg_adadelta_options adadelta = {.maximize = true};
    const void *const options[] = {&sgd, &adam, &adam, &rmsprop, &lamb, &adagrad, &amsgrad, &adamax, &nadam, &radam, &lion, &adadelta};
    for (size_t k = 0; k < sizeof makers / sizeof *makers; k++) {
        tg_tape   *t = quiet(TG_F64);
        tg_tensor *p = param(t, "p", 1), *q = param(t, "q", 1);
        (void)p;
        tg_optim  *up = makers[k](t, options[k]), *down = makers[k](t, options[k] == &amsgrad ? &(tg_adam_options){.amsgrad = true} : NULL);
        assert_true(up && down);
        assert_int_equal(tg_optim_add_group(up, &(tg_group_options){.params = &q, .n_params = 1, .frozen = true}), 1);
        assert_int_equal(tg_optim_add_group(down, &(tg_group_options){.params = &p, .n_params = 1, .frozen = true}), 1);
        for (int step = 0; step < 4; step++) {
            assert_int_equal(tg_minimize(up, tg_sum_all(tg_sin(p))), TG_OK);
            assert_int_equal(tg_minimize(down, tg_neg(tg_sum_all(tg_sin(q)))), TG_OK);
            assert_memory_equal(tg_data_f64(p), tg_data_f64(q), 3 * sizeof(double));
            tg_reset(t);
        }
        assert_true(tg_data_f64(p)[0] > 1);
        tg_tape_free(t);
    }
}

/* ---- memory and plans --------------------------------------------------------------------------------------------------- */

static void test_settings_cost_nothing(void **state)
{
    tg_tape      *t = open_tape(state);
    tg_tensor    *a = param(t, "a", 1), *b = param(t, "b", 1);
    tg_optim     *o = tg_adam(t, NULL);
    tg_tape_stats before = {0};
    assert_int_equal(tg_optim_add_group(o, &(tg_group_options){.pattern = "b", .lr = 0.2}), 1);
    for (int step = 0; step < 40; step++) {
        if (step == 10) before = tg_stats(t);
        assert_int_equal(tg_set_lr(o, 0.1 / (step + 1)), TG_OK);
        assert_int_equal(tg_set_group_lr(o, 1, 0.3 / (step + 1)), TG_OK);
        assert_int_equal(tg_minimize(o, tg_sum_all(tg_mul(tg_square(a), b))), TG_OK);
        tg_reset(t);
    }
    const tg_tape_stats after = tg_stats(t);
    assert_true(after.allocations == before.allocations);
    if (!strcmp(after.evaluator, "fused")) assert_true(after.plans_made == before.plans_made);
}

/* A group that there is no memory for is none, and nothing else has changed. */
static void test_out_of_memory(void **state)
{
    (void)state;
    failing     b = {.left = -1};
    tg_tape   *t = failing_tape(&b, TG_F64);
    tg_tensor *p = param(t, "p", 1);
    tg_optim  *o = tg_sgd(t, &(tg_sgd_options){.lr = 1});
    int        failures = 0, group;
    for (int n = 0; n < 20; n++) {
        int64_t left = 0;
        for (b.left = left; (group = tg_optim_add_group(o, &(tg_group_options){.pattern = n == 19 ? "p" : "q", .lr = 2})) < 0; failures++) {
            expect_error(t, TG_ERR_MEMORY, "tg_optim_add_group");
            assert_int_equal(tg_optim_group_count(o), n + 1);
            b.left = ++left;
        }
        b.left = -1;
        assert_int_equal(group, n + 1);
    }
    assert_true(failures >= 20);
    assert_step(o, p, 2);
    tg_tape_free(t);
    assert_true(b.held == 0);
}

/* ---- wrong calls ------------------------------------------------------------------------------------------------------- */

static void test_errors(void **state)
{
    tg_tape   *t = open_tape(state), *elsewhere = quiet(TG_F64);
    tg_tensor *p = param(t, "p", 1), *q = param(t, "q", 1), *twice[] = {p, p}, *other = param(elsewhere, "o", 1), *none = NULL;
    tg_tensor *stale = tg_keep(p), *passing = tg_exp(p);
    tg_optim  *o = tg_sgd(t, &(tg_sgd_options){.lr = 1}), *rmsprop = tg_rmsprop(t, NULL);
    assert_int_equal(tg_release(stale), TG_OK);
    assert_int_equal(tg_optim_add_group(o, &(tg_group_options){.params = &q, .n_params = 1}), 1);
    const struct {
        tg_group_options options;
        tg_status        status;
        const char      *sentence;
    } cases[] = {
        {{.lr = 1}, TG_ERR_ARG, "a group needs either a pattern, or both params and n_params > 0, got no pattern and n_params 0"},
        {{.params = &p}, TG_ERR_ARG, "either a pattern"},
        {{.n_params = 1}, TG_ERR_ARG, "either a pattern"},
        {{.params = &p, .n_params = -1}, TG_ERR_ARG, "n_params -1"},
        {{.pattern = "p", .params = &p, .n_params = 1}, TG_ERR_ARG, "either a pattern"},
        {{.pattern = "[p"}, TG_ERR_ARG, "the pattern '[p' has a [ without its ]"},
        {{.params = &none, .n_params = 1}, TG_ERR_NULL, "params[0] is NULL"},
        {{.params = &stale, .n_params = 1}, TG_ERR_STALE, "stale"},
        {{.params = &other, .n_params = 1}, TG_ERR_TAPE, "another tape"},
        {{.params = &passing, .n_params = 1}, TG_ERR_ARG, "neither a parameter nor kept"},
        {{.params = &q, .n_params = 1}, TG_ERR_ARG, "params[0] is in group 1 already"},
        {{.params = twice, .n_params = 2}, TG_ERR_ARG, "params[1] is listed twice"},
        {{.params = (tg_tensor *[]){p, q}, .n_params = 2}, TG_ERR_ARG, "params[1] is in group 1 already"},
        {{.pattern = "p", .lr = -1}, TG_ERR_ARG, "lr must be"},
        {{.pattern = "p", .lr = NAN}, TG_ERR_ARG, "lr must be"},
        {{.pattern = "p", .lr_scale = -1}, TG_ERR_ARG, "lr_scale must be"},
        {{.pattern = "p", .lr_scale = NAN}, TG_ERR_ARG, "lr_scale must be"},
        {{.pattern = "p", .lr_scale = 2, .lr = 2}, TG_ERR_ARG, "lr and lr_scale exclude each other"},
        {{.pattern = "p", .weight_decay = -1}, TG_ERR_ARG, "weight_decay must be"},
        {{.pattern = "p", .weight_decay = 1e39}, TG_ERR_ARG, "weight_decay must be"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        assert_int_equal(tg_optim_add_group(o, &cases[k].options), -1);
        if (strncmp(tg_error(t), "tg_optim_add_group: ", 20) != 0) fail_msg("%s", tg_error(t));
        expect_error(t, cases[k].status, cases[k].sentence);
    }
    assert_int_equal(tg_optim_group_count(o), 2);
    assert_int_equal(tg_optim_add_group(o, NULL), -1);
    expect_error(t, TG_ERR_ARG, "tg_optim_add_group");
    for (int g = -1; g <= 2; g += 3) {
        expect_failure(t, tg_set_group_lr(o, g, 1), TG_ERR_ARG, "tg_set_group_lr: there is no group");
        expect_failure(t, tg_set_group_frozen(o, g, true), TG_ERR_ARG, "tg_set_group_frozen: there is no group");
        expect_failure(t, tg_clip_group_grad_norm(o, g, 1, NULL), TG_ERR_ARG, "tg_clip_group_grad_norm: there is no group");
        expect_failure(t, tg_clip_group_grad_value(o, g, 1), TG_ERR_ARG, "tg_clip_group_grad_value: there is no group");
        assert_true(isnan(tg_group_lr(o, g)));
        expect_error(t, TG_ERR_ARG, "tg_group_lr: there is no group");
    }
    expect_failure(t, tg_set_group_lr(o, 1, -1), TG_ERR_ARG, "tg_set_group_lr: lr must be");
    for (int k = 0; k < 3; k++) {
        const double wrong[] = {0, -1, NAN};
        expect_failure(t, tg_clip_grad_value(o, wrong[k]), TG_ERR_ARG, "tg_clip_grad_value: max_value");
        expect_failure(t, tg_clip_group_grad_value(o, 1, wrong[k]), TG_ERR_ARG, "tg_clip_group_grad_value: max_value");
        expect_failure(t, tg_clip_grad_value_of(&p, 1, wrong[k]), TG_ERR_ARG, "tg_clip_grad_value_of: max_value");
    }
    assert_true(tg_optim_add_group(rmsprop, &(tg_group_options){.pattern = "p", .weight_decay = 0.5}) == 1);
    assert_int_equal(tg_optim_add_group(NULL, NULL), -1);
    assert_int_equal(tg_optim_group_count(NULL), -1);
    assert_true(isnan(tg_group_lr(NULL, 0)) && tg_set_group_lr(NULL, 0, 1) == TG_ERR_NULL && tg_set_group_frozen(NULL, 0, true) == TG_ERR_NULL);
    assert_true(tg_clip_grad_value(NULL, 1) == TG_ERR_NULL && tg_clip_grad_value_of(NULL, 1, 1) == TG_ERR_NULL);
    assert_true(tg_clip_group_grad_norm(NULL, 0, 1, NULL) == TG_ERR_NULL && tg_clip_group_grad_value(NULL, 0, 1) == TG_ERR_NULL);
    assert_null(tg_error(t));
    assert_step(o, p, 1); /* in group 0 still */
    tg_tape_free(elsewhere);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_membership, close_tape),
        cmocka_unit_test_teardown(test_listed, close_tape),
        cmocka_unit_test_teardown(test_learning_rates, close_tape),
        cmocka_unit_test_teardown(test_weight_decay, close_tape),
        cmocka_unit_test(test_as_optimizers_apart),
        cmocka_unit_test_teardown(test_frozen, close_tape),
        cmocka_unit_test_teardown(test_frozen_rows, close_tape),
        cmocka_unit_test_teardown(test_clip_groups, close_tape),
        cmocka_unit_test_teardown(test_clip_value, close_tape),
        cmocka_unit_test(test_maximize),
        cmocka_unit_test_teardown(test_settings_cost_nothing, close_tape),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test_teardown(test_errors, close_tape),
    };
    return cmocka_run_group_tests_name("groups", tests, NULL, NULL);
}
