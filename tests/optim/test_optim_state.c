/* test_optim_state.c - what optimizers remember, entry by entry: names, reading, writing back, and that a run which goes on from a file goes
 * on to the same bits, whatever the optimizer. */
#define _GNU_SOURCE /* getpid */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "graph/stateful.h"
#include "golden.h"
#include "optimizers.h"
#include "temp.h"
#include "quiet.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

enum { MOST_ENTRIES = 32, NAME = 256, WHOLE = 2 /* entries of the whole optimizer */ };

static tg_tensor *param(tg_tape *t, const char *name, tg_dtype d, int64_t n, uint64_t first)
{
    double x[64];
    assert_true(n <= 64);
    for (int64_t i = 0; i < n; i++) x[i] = golden_number(first + (uint64_t)i);
    tg_tensor *p = tg_param(t, name, golden_tensor(t, d, TG_SHAPE(n), x, (size_t)n));
    assert_non_null(p);
    return p;
}

static void assert_name(tg_optim *o, int i, const char *want)
{
    char name[NAME];
    assert_int_equal(tg_optim_state_name(o, i, name, sizeof name), strlen(want));
    assert_string_equal(name, want);
}

/* ---- names and values ----------------------------------------------------------------------------------------------- */

static void test_names(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *w = param(t, "w", TG_F64, 3, 0), *kept = tg_set_requires_grad(tg_keep(tg_ones(t, TG_SHAPE(2))), true);
    tg_optim  *adam = tg_adam(t, NULL), *plain = tg_sgd(t, NULL);
    tg_optim  *listed = tg_sgd(t, &(tg_sgd_options){.momentum = 0.5, .params = (tg_tensor *[]){kept, w}, .n_params = 2});
    assert_int_equal(tg_optim_state_count(adam), 3 + WHOLE);
    assert_name(adam, 0, "adam.exp_avg.w");
    assert_name(adam, 1, "adam.exp_avg_sq.w");
    assert_name(adam, 2, "adam.steps.w");
    assert_name(adam, 3, "adam.groups");
    assert_name(adam, 4, "adam.skipped");
    assert_int_equal(tg_optim_state_count(plain), 1 + WHOLE);
    assert_name(plain, 0, "sgd.steps.w");
    assert_int_equal(tg_optim_state_count(listed), 4 + WHOLE);
    assert_name(listed, 0, "sgd.momentum[0]");
    assert_name(listed, 1, "sgd.steps[0]");
    assert_name(listed, 2, "sgd.momentum.w");
    param(t, "later", TG_F64, 1, 9);
    assert_int_equal(tg_optim_state_count(adam), 6 + WHOLE);
    assert_name(adam, 5, "adam.steps.later");
    assert_int_equal(tg_release(w), TG_OK);
    assert_int_equal(tg_optim_state_count(adam), 3 + WHOLE);
    assert_name(adam, 0, "adam.exp_avg.later");
    char few[6];
    assert_int_equal(tg_optim_state_name(adam, 0, few, sizeof few), strlen("adam.exp_avg.later"));
    assert_string_equal(few, "adam.");
    assert_int_equal(tg_optim_state_name(adam, 0, NULL, 0), strlen("adam.exp_avg.later"));
    tg_tape_free(t);
}

static void test_values(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *p = param(t, "p", TG_F64, 3, 0);
    tg_optim  *o = tg_sgd(t, &(tg_sgd_options){.lr = 1, .momentum = 0.5});
    tg_tensor *before = tg_optim_state_get(o, 0);
    for (int i = 0; i < 3; i++) assert_true(tg_data_f64(before)[i] == 0); /* zeros before the first step */
    assert_true(tg_item(tg_optim_state_get(o, 1)) == 0);
    assert_int_equal(tg_backward_seed(p, tg_full(t, TG_F64, TG_SHAPE(3), 2)), TG_OK);
    assert_int_equal(tg_step(o), TG_OK);
    tg_tensor *m = tg_optim_state_get(o, 0), *steps = tg_optim_state_get(o, 1);
    assert_true(tg_dtype_of(steps) == TG_I64 && tg_rank(steps) == 0 && tg_item(steps) == 1);
    assert_int_equal(tg_optim_state_set(o, 0, tg_mul_s(m, 5)), TG_OK);
    for (int i = 0; i < 3; i++) assert_true(tg_data_f64(m)[i] == 2 && tg_data_f64(tg_optim_state_get(o, 0))[i] == 10); /* m is a copy */
    tg_reset(t);
    const double was = tg_data_f64(p)[0];
    assert_int_equal(tg_backward_seed(p, tg_full(t, TG_F64, TG_SHAPE(3), 1)), TG_OK);
    assert_int_equal(tg_step(o), TG_OK);
    assert_true(tg_data_f64(p)[0] == was - (0.5 * 10 + 1));
    tg_tape_free(t);
}

static void test_refused(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64), *other = quiet(TG_F64);
    char       name[NAME];
    param(t, "p", TG_F64, 3, 0);
    tg_optim  *o = tg_adam(t, NULL);
    tg_tensor *three = tg_ones(t, TG_SHAPE(3)), *stale = tg_keep(three);
    const int64_t too_many[] = {-1, (INT64_C(1) << 53) + 1, INT64_MAX}, most = INT64_C(1) << 53;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(tg_optim_state_set(o, 2, tg_from_i64(t, TG_SCALAR_SHAPE, &too_many[i])), TG_ERR_ARG);
        tg_clear_error(t);
    }
    assert_int_equal(tg_optim_state_set(o, 2, tg_from_i64(t, TG_SCALAR_SHAPE, &most)), TG_OK);
    assert_int_equal(tg_minimize(o, tg_sum_all(tg_param_at(t, 0))), TG_OK);
    assert_true(tg_data_i64(tg_optim_state_get(o, 2))[0] == most); /* and no further */
    assert_int_equal(tg_optim_state_set(o, 2, tg_optim_state_get(o, 2)), TG_OK);
    assert_int_equal(tg_release(stale), TG_OK);
    for (int i = -1; i <= 5; i += 6) {
        assert_int_equal(tg_optim_state_name(o, i, name, sizeof name), -1);
        expect_error(t, TG_ERR_ARG, "there are 5");
        assert_null(tg_optim_state_get(o, i));
        expect_error(t, TG_ERR_ARG, "tg_optim_state_get");
        assert_int_equal(tg_optim_state_set(o, i, three), TG_ERR_ARG);
        expect_error(t, TG_ERR_ARG, "tg_optim_state_set");
    }
    const struct {
        int        entry;
        tg_tensor *value;
        tg_status  status;
    } cases[] = {
        {0, NULL, TG_ERR_NULL},
        {0, stale, TG_ERR_STALE},
        {0, tg_ones(other, TG_SHAPE(3)), TG_ERR_TAPE},
        {2, tg_from_i64(other, TG_SCALAR_SHAPE, &(int64_t){1}), TG_ERR_TAPE},
        {0, tg_ones(t, TG_SHAPE(4)), TG_ERR_SHAPE},
        {1, tg_full(t, TG_F32, TG_SHAPE(3), 1), TG_ERR_DTYPE},
        {2, tg_scalar(t, 1), TG_ERR_DTYPE},
        {2, tg_from_i64(t, TG_SHAPE(2), (int64_t[]){1, 2}), TG_ERR_DTYPE},
        {2, tg_from_i64(t, TG_SCALAR_SHAPE, &(int64_t){-1}), TG_ERR_ARG},
    };
    for (size_t k = 0; k < COUNT(cases); k++) {
        assert_int_equal(tg_optim_state_set(o, cases[k].entry, cases[k].value), cases[k].status);
        if (cases[k].value) expect_error(t, cases[k].status, "tg_optim_state_set");
    }
    assert_int_equal(tg_optim_state_count(NULL), -1);
    assert_int_equal(tg_optim_state_name(NULL, 0, name, sizeof name), -1);
    assert_null(tg_optim_state_get(NULL, 0));
    assert_int_equal(tg_optim_state_set(NULL, 0, three), TG_ERR_NULL);
    tg_tape_free(other);
    tg_tape_free(t);
}

/* ---- what is the whole optimizer's ------------------------------------------------------------------------------------- */

/* A row for each group: lr, momentum, dampening, weight_decay, whether it follows, lr_scale, whether it is frozen. */
static void test_settings(void **state)
{
    enum { COLUMNS = 7, GROUPS = 3 };
    (void)state;
    tg_tape   *t = quiet(TG_F32); /* the settings are f64 whatever the parameters are */
    tg_tensor *p = param(t, "p", TG_F32, 3, 0);
    (void)p;
    tg_optim *o = tg_sgd(t, &(tg_sgd_options){.lr = 0.5, .momentum = 0.9, .weight_decay = 0.1, .skip_nonfinite = true});
    assert_int_equal(tg_optim_add_group(o, &(tg_group_options){.pattern = "p", .lr = 0.25, .weight_decay = TG_ZERO, .frozen = true}), 1);
    assert_int_equal(tg_optim_add_group(o, &(tg_group_options){.pattern = "q", .lr_scale = 4}), 2);
    const double   want[] = {0.5, 0.9, 0, 0.1, 0, 0, 0, 0.25, 0.9, 0, 0, 0, 1, 1, 0.5, 0.9, 0, 0.1, 1, 4, 0};
    const int      settings = tg_optim_state_count(o) - 2, skipped = settings + 1;
    tg_tensor     *got = tg_optim_state_get(o, settings);
    assert_true(tg_dtype_of(got) == TG_F64 && tg_rank(got) == 2 && tg_dim(got, 0) == GROUPS && tg_dim(got, 1) == COLUMNS);
    for (int i = 0; i < GROUPS * COLUMNS; i++)
        if (i != 5) assert_true(tg_data_f64(got)[i] == want[i]); /* group 0 follows nobody: its scale means nothing */
    double other[GROUPS * COLUMNS];
    memcpy(other, tg_data_f64(got), sizeof other);
    other[0] = 0.125;
    other[13] = 0;
    other[19] = 8;
    assert_int_equal(tg_optim_state_set(o, settings, tg_from_f64(t, TG_SHAPE(GROUPS, COLUMNS), other)), TG_OK);
    assert_true(tg_lr(o) == 0.125 && tg_group_lr(o, 1) == 0.25 && tg_group_lr(o, 2) == 1);
    assert_memory_equal(tg_data_f64(tg_optim_state_get(o, settings)), other, sizeof other);
    const struct {
        int    at;
        double value;
    } wrong[] = {{0, -1}, {14, NAN}, {7, 1e39}, {8, -0.5}, {11, 2}, {12, -1}, {20, 0.5}, {18, NAN}};
    for (size_t k = 0; k < COUNT(wrong); k++) { /* all of them or none */
        double bad[GROUPS * COLUMNS];
        memcpy(bad, other, sizeof bad);
        bad[0] = 0.75;
        bad[wrong[k].at] = wrong[k].value;
        assert_int_equal(tg_optim_state_set(o, settings, tg_from_f64(t, TG_SHAPE(GROUPS, COLUMNS), bad)), TG_ERR_ARG);
        expect_error(t, TG_ERR_ARG, "tg_optim_state_set");
        assert_memory_equal(tg_data_f64(tg_optim_state_get(o, settings)), other, sizeof other);
    }
    assert_int_equal(tg_optim_state_set(o, settings, tg_from_f64(t, TG_SHAPE(1, COLUMNS), other)), TG_ERR_DTYPE);
    expect_error(t, TG_ERR_DTYPE, "the settings of the groups are 21 elements of float64, got 7 of float64");
    assert_int_equal(tg_optim_state_set(o, skipped, tg_from_i64(t, TG_SCALAR_SHAPE, &(int64_t){5})), TG_OK);
    assert_true(tg_steps_skipped(o) == 5 && tg_item(tg_optim_state_get(o, skipped)) == 5);
    assert_int_equal(tg_optim_state_set(o, skipped, tg_from_i64(t, TG_SCALAR_SHAPE, &(int64_t){-1})), TG_ERR_ARG);
    expect_error(t, TG_ERR_ARG, "the number of steps left out is 0 to 2^53, not -1");
    tg_tape_free(t);
}

/* All that have a state are listed in the order they were made, each with its kind and its entries. */
static void test_list(void **state)
{
    (void)state;
    tg_tape *t = quiet(TG_F64);
    assert_null(tg_first_stateful(t));
    param(t, "p", TG_F64, 3, 0);
    tg_dataset *data = tg_array_dataset(t, TG_U8, TG_SHAPE(1, 1), "x", (int64_t[]){1}); /* has none */
    tg_optim   *first = tg_adam(t, NULL), *second = tg_sgd(t, NULL), *third = tg_adam(t, NULL);
    assert_true(data && first && second && third);
    static const char *const kinds[] = {"adam", "sgd", "adam"};
    for (int gone = 0; gone < 2; gone++) {
        int n = 0;
        for (tg_owned *o = tg_first_stateful(t); o; o = tg_next_stateful(o), n++) {
            char name[NAME];
            assert_string_equal(o->state->kind(o), kinds[gone ? 2 * n : n]);
            const int count = o->state->count(o, "test");
            assert_true(count > 0);
            for (int i = 0; i < count; i++) {
                assert_true(o->state->name(o, i, name, sizeof name, "test") == (int)strlen(name));
                tg_tensor *value = o->state->get(o, i, "test");
                assert_non_null(value);
                assert_int_equal(o->state->set(o, i, value, "test"), TG_OK);
            }
            assert_null(o->state->get(o, count, "tg_some_checkpoint"));
            expect_error(t, TG_ERR_ARG, "tg_some_checkpoint: there is no entry");
        }
        assert_int_equal(n, gone ? 2 : 3);
        tg_optim_free(second);
        second = NULL;
    }
    tg_tape_free(t);
}

/* ---- a run that goes on --------------------------------------------------------------------------------------------- */

typedef struct kind {
    maker       make;
    const void *options;
} kind;

#define SGD(...)  make_sgd, &(const tg_sgd_options){__VA_ARGS__}
#define ADAM(...) &(const tg_adam_options){__VA_ARGS__}
static const kind kinds[] = {
    {SGD(.lr = 0.1)},
    {SGD(.lr = 0.1, .momentum = 0.7, .dampening = 0.2, .weight_decay = 0.1)},
    {SGD(.lr = 0.1, .momentum = 0.7, .nesterov = true)},
    {make_adam, ADAM(.lr = 0.1)},
    {make_adamw, ADAM(.lr = 0.1)},
    {make_adagrad, &(const tg_adagrad_options){.lr = 0.1, .lr_decay = 0.2, .initial_accumulator = 0.5}},
    {make_lamb, &(const tg_lamb_options){.lr = 0.1}},
    {make_adam, ADAM(.lr = 0.1, .amsgrad = true)},
    {make_adamax, &(const tg_adamax_options){.lr = 0.1}},
    {make_nadam, &(const tg_nadam_options){.lr = 0.1}},
    {make_radam, &(const tg_radam_options){.lr = 0.1}},
    {make_lion, &(const tg_lion_options){.lr = 0.1}},
    {make_adadelta, &(const tg_adadelta_options){.rho = 0.8}},
    {make_rmsprop, &(const tg_rmsprop_options){.momentum = 0.7, .centered = true}},
};

typedef struct run {
    tg_tape   *t;
    tg_tensor *a, *b, *c; /* c gets its first gradient at step 3 */
    tg_optim  *o;
} run;

static run new_run(const kind *k)
{
    run r = {.t = quiet(TG_F64)};
    r.a = param(r.t, "a", TG_F64, 40, 0);
    r.b = param(r.t, "b", TG_F32, 7, 100);
    r.c = param(r.t, "c", TG_F64, 5, 200);
    r.o = k->make(r.t, k->options);
    assert_non_null(r.o);
    return r;
}

static void give(const run *r, tg_tensor *p, uint64_t first)
{
    double x[64];
    for (int64_t i = 0; i < tg_numel(p); i++) x[i] = golden_number(first + (uint64_t)i);
    assert_int_equal(tg_backward_seed(p, golden_tensor(r->t, tg_dtype_of(p), tg_shape_of(p), x, (size_t)tg_numel(p))), TG_OK);
}

static void steps(const run *r, int from, int to)
{
    for (int step = from; step < to; step++) {
        give(r, r->a, (uint64_t)(1000 * step));
        give(r, r->b, (uint64_t)(1000 * step + 100));
        if (step >= 3) give(r, r->c, (uint64_t)(1000 * step + 200));
        assert_int_equal(tg_step(r->o), TG_OK);
        tg_reset(r->t);
    }
}

static void save(const run *r, const char *path)
{
    static char names[MOST_ENTRIES][NAME];
    const char *name[MOST_ENTRIES];
    tg_tensor  *value[MOST_ENTRIES];
    const int   n = tg_optim_state_count(r->o);
    assert_true(n > 0 && n + 3 <= MOST_ENTRIES);
    for (int i = 0; i < n; i++) {
        assert_true(tg_optim_state_name(r->o, i, names[i], NAME) > 0);
        name[i] = names[i];
        value[i] = tg_optim_state_get(r->o, i);
    }
    for (int i = 0; i < 3; i++) {
        value[n + i] = tg_param_at(r->t, i);
        name[n + i] = tg_name(value[n + i]);
    }
    assert_int_equal(tg_save_tensors(path, name, value, n + 3), TG_OK);
}

static void load(const run *r, const char *path)
{
    char        name[NAME];
    tg_archive *a = tg_archive_open(r->t, path);
    assert_non_null(a);
    for (int i = 0; i < tg_optim_state_count(r->o); i++) {
        assert_true(tg_optim_state_name(r->o, i, name, sizeof name) > 0);
        assert_int_equal(tg_optim_state_set(r->o, i, tg_archive_read(a, name)), TG_OK);
    }
    for (int i = 0; i < 3; i++) {
        tg_tensor *p = tg_param_at(r->t, i);
        assert_int_equal(tg_assign(p, tg_archive_read(a, tg_name(p))), TG_OK);
    }
    tg_archive_close(a);
    tg_reset(r->t);
}

/* Five steps in one go, and with a break in between, from which another tape goes on. */
static void test_going_on(void **state)
{
    char path[TEMP_PATH], file[64];
    (void)state;
    snprintf(file, sizeof file, "state-%ld.safetensors", (long)getpid()); /* the other evaluator's run is under way at the same time */
    temp_path(path, file);
    for (size_t k = 0; k < COUNT(kinds); k++)
        for (int at = 0; at <= 5; at++) {
            run whole = new_run(&kinds[k]), first = new_run(&kinds[k]), second = new_run(&kinds[k]);
            steps(&whole, 0, 5);
            steps(&first, 0, at);
            save(&first, path);
            give(&second, second.a, 77); /* what it remembers of its own is overwritten */
            assert_int_equal(tg_step(second.o), TG_OK);
            load(&second, path);
            steps(&second, at, 5);
            for (int i = 0; i < 3; i++) {
                tg_tensor *p = tg_param_at(whole.t, i), *q = tg_param_at(second.t, i);
                assert_memory_equal(tg_data(p), tg_data(q), (size_t)tg_numel(p) * tg_dtype_size(tg_dtype_of(p)));
            }
            tg_tape_free(whole.t);
            tg_tape_free(first.t);
            tg_tape_free(second.t);
        }
    remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_going_on),
    };
    return cmocka_run_group_tests_name("optim_state", tests, NULL, NULL);
}
