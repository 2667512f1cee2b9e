/* test_weights.c - moving averages of weights, and the best weights of early stopping: numbers, exchange, tensors that come and go, state,
 * wrong calls, memory. */
#include "optim_test.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>

#include "failing.h"
#include "golden.h"
#include "graph/stateful.h"

static void set_all(tg_tensor *x, double value)
{
    assert_int_equal(tg_assign(x, tg_full(tg_tape_of(x), tg_dtype_of(x), tg_shape_of(x), value)), TG_OK);
}

/* ---- averages ----------------------------------------------------------------------------------------------------------- */

/* Against the formula in long double, for several numbers of threads. */
static void test_averages(void **state)
{
    enum { LARGE = 70001, UPDATES = 20 };
    static float       values[LARGE], first[LARGE];
    static long double want[LARGE];
    (void)state;
    for (int warmup = 0; warmup < 2; warmup++)
        for (int threads = 1; threads <= 2; threads++) {
            tg_tape   *t = tg_tape_new(&(tg_tape_options){.threads = threads});
            long double of_small = 2;
            tg_tensor *large = tg_param(t, "large", tg_zeros(t, TG_SHAPE(LARGE))), *small = tg_buffer(t, "small", tg_full(t, TG_F64, TG_SHAPE(3), 2));
            tg_tensor *count = tg_buffer(t, "count", tg_from_i64(t, TG_SHAPE(1), &(int64_t){0}));
            tg_ema    *e = tg_ema_new(t, &(tg_ema_options){.decay = 0.75, .warmup = warmup});
            assert_non_null(e);
            memset(want, 0, sizeof want);
            for (int64_t u = 0; u < UPDATES; u++) {
                const long double decay = warmup && (1 + u) / (10.0L + u) < 0.75L ? (1 + u) / (10.0L + u) : 0.75L;
                for (size_t i = 0; i < LARGE; i++) {
                    values[i] = (float)golden_number(i + 100000 * (uint64_t)u);
                    want[i] = decay * want[i] + (1 - decay) * (long double)values[i];
                }
                of_small = decay * of_small + (1 - decay) * (long double)(u + 5);
                assert_int_equal(tg_copy_from(large, values, sizeof values), TG_OK);
                set_all(small, (double)u + 5);
                assert_int_equal(tg_assign(count, tg_from_i64(t, TG_SHAPE(1), &u)), TG_OK);
                assert_int_equal(tg_ema_update(e), TG_OK);
                tg_reset(t);
            }
            assert_int_equal(tg_ema_updates(e), UPDATES);
            const float *got = tg_data_f32(tg_ema_of(e, large));
            for (size_t i = 0; i < LARGE; i++) assert_true(fabsl((long double)got[i] - want[i]) < 3e-7L);
            for (int i = 0; i < 3; i++) assert_true(fabsl((long double)tg_data_f64(tg_ema_of(e, small))[i] - of_small) < 1e-13L);
            assert_true(tg_data_i64(tg_ema_of(e, count))[0] == UPDATES - 1); /* integers are copied */
            if (threads == 1) memcpy(first, got, sizeof first);
            assert_memory_equal(first, got, sizeof first);
            tg_tape_free(t);
        }
}

/* What does not change has itself as its average, to the bit, and the largest numbers do not overflow. */
static void test_still(void **state)
{
    tg_tape     *t = open_tape(state);
    const double x[] = {1.0 / 3, DBL_MAX, -DBL_MAX, 0, 5e-324}, other[] = {1.0 / 3, -DBL_MAX, DBL_MAX, 0, 5e-324};
    tg_tensor   *p = tg_param(t, "p", tg_from_f64(t, TG_SHAPE(5), x));
    tg_ema      *e = tg_ema_new(t, &(tg_ema_options){.decay = 0.9});
    for (int u = 0; u < 100; u++) assert_int_equal(tg_ema_update(e), TG_OK);
    assert_memory_equal(tg_data_f64(tg_ema_of(e, p)), x, sizeof x);
    assert_int_equal(tg_copy_from(p, other, sizeof other), TG_OK);
    assert_int_equal(tg_ema_update(e), TG_OK);
    for (int i = 0; i < 5; i++) assert_true(isfinite(tg_data_f64(tg_ema_of(e, p))[i]));
    assert_true(tg_data_f64(tg_ema_of(e, p))[0] == x[0]);
}

static void test_swap(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *p = tg_param(t, "p", tg_full(t, TG_F64, TG_SHAPE(1000), 1)), *empty = tg_param(t, "empty", tg_zeros(t, TG_SHAPE(0, 3)));
    tg_ema    *e = tg_ema_new(t, &(tg_ema_options){.decay = 0.5});
    set_all(p, 3);
    assert_int_equal(tg_ema_update(e), TG_OK);
    tg_tensor *late = tg_mul_s(p, 2);
    assert_int_equal(tg_ema_swap(e), TG_OK);
    assert_true(tg_ema_is_swapped(e));
    assert_all(p, 2);
    assert_all(tg_ema_of(e, p), 2); /* the average, wherever it is */
    assert_null(tg_data(late));
    expect_error(t, TG_ERR_STALE, "p");
    assert_all(tg_mul_s(p, 2), 4);
    expect_failure(t, tg_ema_update(e), TG_ERR_ARG, "tg_ema_update: averages and values are exchanged");
    assert_int_equal(tg_ema_swap(e), TG_OK);
    assert_false(tg_ema_is_swapped(e));
    assert_all(p, 3);
    assert_all(tg_ema_of(e, p), 2);
    assert_int_equal(tg_numel(tg_ema_of(e, empty)), 0);
}

static void test_who(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *a = param(t, "a", 1), *b = param(t, "b", 1), *kept = tg_keep(tg_full(t, TG_F64, TG_SHAPE(3), 1));
    tg_ema    *all = tg_ema_new(t, &(tg_ema_options){.decay = 0.5}), *listed = tg_ema_new(t, &(tg_ema_options){.decay = TG_ZERO, .params = (tg_tensor *[]){kept, b}, .n_params = 2});
    tg_tensor *c = param(t, "c", 1);
    for (int k = 0; k < 2; k++) {
        tg_tensor *const each[] = {a, b, c, kept};
        for (int i = 0; i < 4; i++) set_all(each[i], 3);
        assert_true(tg_ema_update(all) == TG_OK && tg_ema_update(listed) == TG_OK);
        assert_all(tg_ema_of(all, a), k ? 2.5 : 2);
        assert_all(tg_ema_of(all, c), 3); /* began at the first update after it was made */
        assert_all(tg_ema_of(listed, kept), 3);
        assert_null(tg_ema_of(listed, a));
        expect_error(t, TG_ERR_ARG, "tg_ema_of: the tensor has no average");
        assert_null(tg_ema_of(all, kept));
        expect_error(t, TG_ERR_ARG, "tg_ema_of");
    }
    assert_int_equal(tg_release(b), TG_OK);
    tg_reset(t);
    b = param(t, "b", 7); /* another tensor of that name, in the slot of the first */
    assert_null(tg_ema_of(all, b));
    expect_error(t, TG_ERR_ARG, "none before the next update");
    assert_int_equal(tg_ema_swap(all), TG_OK);
    assert_all(b, 7);
    assert_int_equal(tg_ema_swap(all), TG_OK);
    assert_int_equal(tg_ema_update(all), TG_OK);
    assert_all(tg_ema_of(all, b), 7);
    assert_int_equal(tg_ema_update(listed), TG_OK);
}

/* ---- the best weights ----------------------------------------------------------------------------------------------------- */

static void test_early_stop(void **state)
{
    tg_tape       *t = open_tape(state);
    tg_tensor     *p = param(t, "p", 0), *b = tg_buffer(t, "b", tg_from_i64(t, TG_SHAPE(1), &(int64_t){0}));
    const struct {
        double measured;
        bool   stop;
        int    best; /* report */
    } reports[] = {{NAN, false, -1}, {5, false, 1}, {5, false, 1}, {4.75, false, 1}, {4, false, 4}, {NAN, false, 4}, {6, false, 4}, {7, true, 4}, {3, false, 8}, {-INFINITY, false, 9}};
    for (int up = 0; up < 2; up++) {
        tg_early_stop *e = tg_early_stop_new(t, &(tg_early_stop_options){.patience = 2, .min_delta = 0.5, .maximize = up});
        assert_true(isnan(tg_early_stop_best(e)) && tg_early_stop_best_at(e) == -1 && !tg_early_stop_is_over(e));
        expect_failure(t, tg_early_stop_restore(e), TG_ERR_ARG, "tg_early_stop_restore: there are no best weights");
        for (int64_t k = 0; k < 10; k++) {
            const double measured = up ? -reports[k].measured : reports[k].measured;
            set_all(p, (double)k + 100);
            assert_int_equal(tg_assign(b, tg_from_i64(t, TG_SHAPE(1), &k)), TG_OK);
            assert_true(tg_early_stop_report(e, measured) == reports[k].stop);
            assert_true(tg_early_stop_is_over(e) == reports[k].stop);
            assert_int_equal(tg_early_stop_best_at(e), reports[k].best);
            if (reports[k].best < 0) continue;
            assert_true(tg_early_stop_best(e) == (up ? -1 : 1) * reports[reports[k].best].measured);
            tg_tensor *later = k == 5 ? param(t, "later", 1) : NULL;
            assert_int_equal(tg_early_stop_restore(e), TG_OK);
            assert_all(p, reports[k].best + 100);
            assert_true(tg_data_i64(b)[0] == reports[k].best);
            if (later) assert_int_equal(tg_release(later), TG_OK);
        }
        tg_early_stop_free(e);
    }
    tg_early_stop *at_once = tg_early_stop_new(t, &(tg_early_stop_options){.patience = TG_ZERO_INDEX}), *usual = tg_early_stop_new(t, NULL);
    assert_true(!tg_early_stop_report(at_once, 1) && tg_early_stop_report(at_once, 1));
    for (int k = 0; k < 12; k++) assert_true(tg_early_stop_report(usual, 1) == (k == 11));
}

/* ---- state ---------------------------------------------------------------------------------------------------------------- */

static void hand_over(tg_owned *from, tg_owned *to, const char *const *names)
{
    const int n = from->state->count(from, "test");
    assert_int_equal(n, to->state->count(to, "test"));
    for (int i = 0; i < n; i++) {
        char name[64];
        assert_int_equal(from->state->name(from, i, name, sizeof name, "test"), strlen(names[i]));
        assert_string_equal(name, names[i]);
        assert_int_equal(to->state->set(to, i, from->state->get(from, i, "test"), "test"), TG_OK);
    }
    assert_null(names[n]);
    assert_null(from->state->get(from, n, "test"));
    assert_int_equal(to->state->set(to, -1, NULL, "test"), TG_ERR_ARG);
}

static void test_state(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *p = param(t, "p", 1), *b = tg_buffer(t, "b", tg_from_i64(t, TG_SHAPE(1), &(int64_t){3})), *kept = tg_keep(tg_ones(t, TG_SHAPE(2)));
    tg_tensor *list[] = {p, kept};
    (void)b;
    tg_ema        *e = tg_ema_new(t, &(tg_ema_options){.decay = 0.5, .warmup = true}), *e2 = tg_ema_new(t, &(tg_ema_options){.decay = 0.5, .warmup = true});
    tg_early_stop *s = tg_early_stop_new(t, &(tg_early_stop_options){.patience = 3, .params = list, .n_params = 2}), *s2 = tg_early_stop_new(t, &(tg_early_stop_options){.patience = 3, .params = list, .n_params = 2});
    for (int k = 0; k < 4; k++) {
        set_all(p, k);
        set_all(kept, k);
        assert_int_equal(tg_ema_update(e), TG_OK);
        tg_early_stop_report(s, k == 2 ? 1 : 9);
    }
    tg_owned *owned[4], *o = tg_first_stateful(t);
    for (int k = 0; k < 4; k++, o = tg_next_stateful(o)) owned[k] = o;
    hand_over(owned[0], owned[1], (const char *const[]){"ema.p", "ema.b", "ema:counts", NULL});
    expect_error(t, TG_ERR_ARG, "test: there is no entry 3, there are 3");
    hand_over(owned[2], owned[3], (const char *const[]){"early_stop.p", "early_stop[1]", "early_stop:best", "early_stop:counts", NULL});
    expect_error(t, TG_ERR_ARG, "test: there is no entry 4, there are 4");
    assert_true(tg_ema_updates(e2) == 4 && tg_early_stop_best(s2) == 1 && tg_early_stop_best_at(s2) == 2);
    set_all(p, 5);
    assert_true(tg_ema_update(e) == TG_OK && tg_ema_update(e2) == TG_OK);
    assert_memory_equal(tg_data_f64(tg_ema_of(e, p)), tg_data_f64(tg_ema_of(e2, p)), 3 * sizeof(double));
    assert_int_equal(tg_early_stop_restore(s2), TG_OK);
    assert_all(p, 2);
    for (int k = 0; k < 3; k++) assert_true(tg_early_stop_report(s2, 9) == (k == 2)); /* one was no better before that */
    const struct {
        tg_owned  *of;
        int        entry;
        tg_tensor *value;
        tg_status  status;
    } cases[] = {
        {owned[0], 0, tg_ones(t, TG_SHAPE(4)), TG_ERR_SHAPE},
        {owned[0], 2, tg_from_i64(t, TG_SHAPE(2), (int64_t[]){-1, 0}), TG_ERR_ARG},
        {owned[0], 2, tg_from_i64(t, TG_SHAPE(2), (int64_t[]){1, 2}), TG_ERR_ARG},
        {owned[0], 2, tg_ones(t, TG_SHAPE(2)), TG_ERR_DTYPE},
        {owned[2], 2, tg_ones(t, TG_SHAPE(2)), TG_ERR_DTYPE},
        {owned[2], 3, tg_from_i64(t, TG_SHAPE(2), (int64_t[]){3, 3}), TG_ERR_ARG},
        {owned[2], 3, tg_from_i64(t, TG_SHAPE(2), (int64_t[]){0, 0}), TG_ERR_ARG},
        {owned[2], 3, tg_from_i64(t, TG_SHAPE(2), (int64_t[]){3, -2}), TG_ERR_ARG},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        assert_int_equal(cases[k].of->state->set(cases[k].of, cases[k].entry, cases[k].value, "test"), cases[k].status);
        expect_error(t, cases[k].status, "test: ");
    }
}

/* ---- wrong calls ----------------------------------------------------------------------------------------------------------- */

static void test_refused(void **state)
{
    tg_tape   *t = open_tape(state), *u = quiet(TG_F64);
    tg_tensor *p = param(t, "p", 1), *other = param(u, "o", 1), *none = NULL, *passing = tg_exp(p), *stale = tg_keep(p), *twice[] = {p, p};
    give_grad(p, 1);
    tg_tensor *grad = tg_grad_of(p);
    assert_int_equal(tg_release(stale), TG_OK);
    const double decays[] = {1, -0.1, NAN};
    for (size_t k = 0; k < 3; k++) {
        assert_null(tg_ema_new(t, &(tg_ema_options){.decay = decays[k]}));
        expect_error(t, TG_ERR_ARG, "tg_ema_new: decay must be at least 0 and less than 1");
    }
    assert_null(tg_early_stop_new(t, &(tg_early_stop_options){.patience = -1}));
    expect_error(t, TG_ERR_ARG, "tg_early_stop_new: patience");
    assert_null(tg_early_stop_new(t, &(tg_early_stop_options){.min_delta = NAN}));
    expect_error(t, TG_ERR_ARG, "tg_early_stop_new: patience and min_delta");
    const struct {
        tg_tensor *const *params;
        int               n;
        tg_status         status;
    } lists[] = {{&p, 0, TG_ERR_ARG},       {NULL, 1, TG_ERR_ARG},    {&none, 1, TG_ERR_NULL}, {&other, 1, TG_ERR_TAPE},
                 {&passing, 1, TG_ERR_ARG}, {&stale, 1, TG_ERR_STALE}, {twice, 2, TG_ERR_ARG},  {&grad, 1, TG_ERR_ARG}};
    for (size_t k = 0; k < sizeof lists / sizeof *lists; k++) {
        assert_null(tg_ema_new(t, &(tg_ema_options){.params = lists[k].params, .n_params = lists[k].n}));
        expect_error(t, lists[k].status, "tg_ema_new: ");
        assert_null(tg_early_stop_new(t, &(tg_early_stop_options){.params = lists[k].params, .n_params = lists[k].n}));
        expect_error(t, lists[k].status, "tg_early_stop_new: ");
    }
    tg_ema *e = tg_ema_new(t, NULL);
    assert_null(tg_ema_of(e, stale));
    expect_error(t, TG_ERR_STALE, "tg_ema_of");
    assert_null(tg_ema_of(e, other));
    expect_error(t, TG_ERR_ARG, "tg_ema_of");
    assert_true(!tg_ema_new(NULL, NULL) && tg_ema_update(NULL) == TG_ERR_NULL && tg_ema_swap(NULL) == TG_ERR_NULL && !tg_ema_is_swapped(NULL));
    assert_true(tg_ema_updates(NULL) == -1 && !tg_ema_of(NULL, p) && !tg_ema_of(e, NULL));
    assert_true(!tg_early_stop_new(NULL, NULL) && !tg_early_stop_report(NULL, 1) && tg_early_stop_restore(NULL) == TG_ERR_NULL);
    assert_true(!tg_early_stop_is_over(NULL) && isnan(tg_early_stop_best(NULL)) && tg_early_stop_best_at(NULL) == -1);
    tg_ema_free(NULL);
    tg_early_stop_free(NULL);
    tg_ema_free(e);
    assert_null(tg_error(t));
    tg_tape_free(u);
}

/* ---- memory ---------------------------------------------------------------------------------------------------------------- */

static void test_memory(void **state)
{
    (void)state;
    failing        b = {.left = -1};
    tg_tape       *t = failing_tape(&b, TG_F64);
    tg_tensor     *p = param(t, "p", 1), *large = tg_param(t, "large", tg_ones(t, TG_SHAPE(600000)));
    tg_ema        *e = NULL;
    tg_early_stop *s = NULL;
    int            failures = 0;
    for (int64_t left = 0; !e || !s; left++) {
        b.left = left;
        if (!e) e = tg_ema_new(t, &(tg_ema_options){.decay = 0.5});
        if (!s) s = tg_early_stop_new(t, NULL);
        failures += !e + !s;
        b.left = -1;
        tg_clear_error(t);
    }
    assert_true(failures >= 4);
    tg_tensor *later = tg_param(t, "later", tg_full(t, TG_F64, TG_SHAPE(3), 4));
    set_all(p, 3);
    b.left = 0;
    expect_failure(t, tg_ema_update(e), TG_ERR_MEMORY, "tg_ema_update");
    assert_false(tg_early_stop_report(s, 1));
    expect_error(t, TG_ERR_MEMORY, "tg_early_stop_report");
    assert_int_equal(tg_early_stop_best_at(s), -1);
    b.left = -1;
    assert_all(tg_ema_of(e, p), 1); /* no half update */
    assert_int_equal(tg_ema_updates(e), 0);
    assert_int_equal(tg_ema_update(e), TG_OK);
    assert_all(tg_ema_of(e, p), 2);
    assert_all(tg_ema_of(e, later), 4);
    assert_false(tg_early_stop_report(s, 1));
    const int64_t before = tg_stats(t).allocations;
    for (int k = 0; k < 10; k++) assert_true(tg_ema_update(e) == TG_OK && tg_ema_swap(e) == TG_OK && tg_ema_swap(e) == TG_OK && !tg_early_stop_report(s, -k) && tg_early_stop_restore(s) == TG_OK);
    assert_true(tg_stats(t).allocations == before);
    const size_t held = b.held;
    assert_int_equal(tg_release(large), TG_OK);
    tg_reset(t);
    assert_true(tg_ema_update(e) == TG_OK && !tg_early_stop_report(s, -100));
    assert_true(held - b.held >= 2 * 600000 * sizeof(double)); /* copies go with what they are of */
    tg_tape_free(t);
    assert_true(b.held == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_averages),
        cmocka_unit_test_teardown(test_still, close_tape),
        cmocka_unit_test_teardown(test_swap, close_tape),
        cmocka_unit_test_teardown(test_who, close_tape),
        cmocka_unit_test_teardown(test_early_stop, close_tape),
        cmocka_unit_test_teardown(test_state, close_tape),
        cmocka_unit_test_teardown(test_refused, close_tape),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests_name("weights", tests, NULL, NULL);
}
