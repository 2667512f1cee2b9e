/* test_results.c - ops with several results: recorded, planned and computed once, whatever is asked for, kept, dropped, written or
 * repeated in between. */
#define _GNU_SOURCE
#include "op_test.h"

#include <time.h>

#include "several.h"

#include "graph/graph.h"
#include "several_ops.h"

/* ---- values --------------------------------------------------------------------------------------------------------- */

static void test_values(void **state)
{
    tg_tape *t = quiet(TG_F64);
    (void)state;
    for (int round = 0; round < 4; round++, tg_reset(t)) {
        tg_tensor *x = VECTOR(t, 1, 2, 4), *y = VECTOR(t, 3, -1), *r = outer(x, y);
        runs = 0;
        assert_f64(r, TG_SCALAR_SHAPE, 14);
        assert_f64(tg_result(r, 1), TG_SHAPE(3, 2), -2, 2, -1, 3, 1, 5);
        assert_values(tg_result(r, 2), TG_I64, TG_SHAPE(3), (const double[]){1, 1, 2}, 0);
        assert_int_equal(runs, 1);
        tg_tensor *angle, *length = polar(VECTOR(t, 3, 0, -2), VECTOR(t, 4, -1, 0), &angle);
        assert_f64(angle, TG_SHAPE(3), atan2(4, 3), atan2(-1, 0), atan2(0, -2));
        assert_f64(length, TG_SHAPE(3), 5, 1, 2);
        assert_int_equal(runs, 2);
    }
    tg_tape_free(t);
}

/* Any of the results, in any order, together and behind other ops: the call runs once, all have their values at once, and keep them. */
static void test_asked_in_any_order(void **state)
{
    static const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    tg_tape *t = quiet(TG_F64);
    (void)state;
    for (int round = 0; round < 18; round++, tg_reset(t)) {
        tg_tensor *x = VECTOR(t, 1, 2, 4), *y = tg_mul_s(VECTOR(t, 1.5, -0.5), 2), *r = outer(x, y);
        const int *order = orders[round % 6];
        const void *at[3];
        runs = 0;
        for (int k = 0; k < 3; k++) {
            at[order[k]] = tg_data(tg_result(r, order[k]));
            assert_non_null(at[order[k]]);
        }
        for (int k = 0; k < 3; k++) assert_ptr_equal(tg_data(tg_result(r, k)), at[k]);
        assert_int_equal(runs, 1);
        assert_f64(tg_sum_all(tg_result(r, 1)), TG_SCALAR_SHAPE, 8);
        assert_int_equal(runs, 1);
    }
    for (int round = 0; round < 6; round++, tg_reset(t)) { /* by something that reads it; the call itself is asked for by nobody */
        tg_tensor *x = VECTOR(t, 1, 2, 4), *y = VECTOR(t, 3, -1), *r = outer(x, y);
        const int  k = round % 3;
        runs = 0;
        tg_tensor *z = tg_mul_s(tg_to(tg_result(r, k), TG_F64), 2);
        if (k == 0) assert_f64(z, TG_SCALAR_SHAPE, 28);
        if (k == 1) assert_f64(z, TG_SHAPE(3, 2), -4, 4, -2, 6, 2, 10);
        if (k == 2) assert_f64(z, TG_SHAPE(3), 2, 2, 4);
        assert_int_equal(runs, 1);
    }
    tg_tape_free(t);
}

/* Steps in which some results die early, others late, and others at once: memory that is given to others must not be read any more. */
static void test_lives(void **state)
{
    tg_tape *t = quiet(TG_F64);
    double   first = 0;
    (void)state;
    for (int round = 0; round < 6; round++, tg_reset(t)) {
        tg_tensor *x = tg_reshape(tg_arange(t, TG_F64, 6000), TG_SHAPE(20, 300)), *kept = NULL, *sum = tg_scalar(t, 0);
        for (int k = 0; k < 8; k++) {
            tg_tensor *centred, *mean = several_centre(x, &centred);
            if (k == 2) kept = centred; /* read at the end */
            if (k % 3) sum = tg_add(sum, tg_sum_all(mean));
            x = k % 2 ? tg_add(centred, tg_mul_s(x, 0.5)) : centred;
        }
        sum = tg_add(sum, tg_sum_all(tg_mul(kept, x)));
        const double got = tg_item(sum);
        if (round == 0) first = got;
        assert_true(got == first && fabs(got) > 1);
    }
    tg_tape_free(t);
}

static void test_empty(void **state)
{
    tg_tape *t = quiet(TG_F64);
    (void)state;
    for (int round = 0; round < 3; round++, tg_reset(t)) {
        tg_tensor *x = tg_set_requires_grad(tg_zeros(t, TG_SHAPE(0)), true), *y = tg_set_requires_grad(VECTOR(t, 3, -1), true), *r = outer(x, y);
        assert_f64(r, TG_SCALAR_SHAPE, 0);
        assert_int_equal(tg_numel(tg_result(r, 1)), 0);
        assert_non_null(tg_data(tg_result(r, 1)));
        assert_non_null(tg_data(tg_result(r, 2)));
        tg_tensor *loss = tg_add(r, tg_sum_all(tg_result(r, 1)));
        assert_f64(gradient(loss, NULL, y), TG_SHAPE(2), 0, 0);
        assert_int_equal(tg_numel(gradient(loss, NULL, x)), 0);
        tg_tensor *centred, *mean = several_centre(tg_zeros(t, TG_SHAPE(3, 0)), &centred);
        assert_f64(mean, TG_SHAPE(3), 0, 0, 0);
        assert_int_equal(tg_numel(centred), 0);
        mean = several_centre(tg_zeros(t, TG_SHAPE(0, 3)), &centred);
        assert_non_null(tg_data(centred));
        assert_non_null(tg_data(mean));
    }
    tg_tape_free(t);
}

/* ---- recording ------------------------------------------------------------------------------------------------------ */

static void test_handles(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = VECTOR(t, 1, 2, 4), *y = VECTOR(t, 3, -1), *r = outer(x, y), *second = tg_result(r, 1);
    (void)state;
    assert_ptr_equal(tg_result(r, 0), r);
    assert_ptr_equal(tg_result(r, 1), second);
    assert_ptr_equal(tg_result(x, 0), x);
    assert_int_equal(tg_stats(t).nodes, 5);
    assert_null(tg_result(NULL, 1));
    assert_null(tg_error(t));
    assert_error(t, tg_result(r, 3), TG_ERR_ARG, "tg_result: op 'outer' has results 0 to 2; there is no result 3");
    assert_error(t, tg_result(r, -1), TG_ERR_ARG, "tg_result: op 'outer' has results 0 to 2; there is no result -1");
    assert_error(t, tg_result(second, 0), TG_ERR_ARG,
                 "tg_result: the tensor is not result 0 of an op with several results; there is no result 0 of it");
    assert_error(t, tg_result(x, 1), TG_ERR_ARG,
                 "tg_result: the tensor is not result 0 of an op with several results; there is no result 1 of it");
    assert_int_equal(tg_reset(t), TG_OK);
    assert_error(t, tg_result(r, 1), TG_ERR_STALE,
                 "tg_result: a stale handle: the tensor was dropped by tg_reset or tg_release (tg_keep keeps what must survive)");
    assert_null(tg_shape_of(second));
    tg_tape_free(t);
}

/* The same recording is confirmed, a different one is not: other inputs, other ops right behind the call, other calls in its place. */
static void test_confirmed(void **state)
{
    tg_tape *t = quiet(TG_F64);
    int64_t  plans = 0;
    uint64_t epoch = 0;
    (void)state;
    for (int round = 0; round < 12; round++, tg_reset(t)) {
        tg_tensor *x = tg_set_requires_grad(VECTOR(t, 1, 2, (double)round), true), *y = VECTOR(t, 3, -1), *r = outer(x, y);
        tg_tensor *loss = tg_add(tg_sum_all(tg_square(tg_result(r, 1))), r);
        assert_int_equal(tg_backward(loss), TG_OK);
        assert_f64(tg_grad_of(x), TG_SHAPE(3), 2 * (-2 + 2) + 2, 2 * (-1 + 3) + 2, 2 * (2. * round - 2) + 2);
        if (round == 3) plans = tg_stats(t).plans_made, epoch = t->epoch;
        if (round > 3 && !strcmp(tg_stats(t).evaluator, "fused")) assert_int_equal(tg_stats(t).plans_made, plans);
        if (round > 3) assert_true(t->epoch == epoch);
    }
    for (int round = 0; round < 24; round++, tg_reset(t)) { /* what stands behind or in the place of the results differs from round to round */
        tg_tensor *x = VECTOR(t, 1, 2, 4), *y = VECTOR(t, 3, -1), *z = NULL;
        if (round % 4 == 0) z = tg_add(tg_mul(x, x), x);
        if (round % 4 == 1) z = tg_result(outer(x, y), 1);
        if (round % 4 == 2) z = polar(x, x, NULL);
        if (round % 4 == 3) z = tg_mul(tg_result(outer(x, y), 1), tg_result(outer(y, x), 0));
        assert_non_null(z);
        if (round % 4 == 0) assert_f64(z, TG_SHAPE(3), 2, 6, 20);
        if (round % 4 == 1) assert_f64(z, TG_SHAPE(3, 2), -2, 2, -1, 3, 1, 5);
        if (round % 4 == 3) assert_f64(z, TG_SHAPE(3, 2), -28, 28, -14, 42, 14, 70);
    }
    tg_tape_free(t);
}

/* Results that stand in another chunk of slots than their call, when they are new and when they are confirmed. */
static void test_across_chunks(void **state)
{
    (void)state;
    for (int before = TG_SLOTS - 8; before < TG_SLOTS + 2; before++) {
        tg_tape *t = quiet(TG_F64);
        for (int round = 0; round < 4; round++, tg_reset(t)) {
            tg_tensor *x = tg_set_requires_grad(VECTOR(t, 1, 2, 4), true), *y = VECTOR(t, 3, -1);
            for (int k = 2; k < before; k++) x = tg_neg(x);
            tg_tensor *r = outer(x, y);
            assert_int_equal(tg_stats(t).nodes, before + 3);
            const double sign = before % 2 ? -1 : 1;
            assert_f64(tg_result(r, 1), TG_SHAPE(3, 2), sign - 3, sign + 1, 2 * sign - 3, 2 * sign + 1, 4 * sign - 3, 4 * sign + 1);
            assert_f64(tg_add(r, tg_scalar(t, 1)), TG_SCALAR_SHAPE, 14 * sign + 1);
            assert_f64(gradient(tg_sum_all(tg_square(tg_result(r, 1))), NULL, x), TG_SHAPE(3), 2 * (2 * sign - 2),
                       2 * (4 * sign - 2), 2 * (8 * sign - 2));
        }
        tg_tape_free(t);
    }
}

/* ---- what outlives, what is written ---------------------------------------------------------------------------------- */

static void test_kept(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *kept[3] = {NULL};
    (void)state;
    for (int round = 0; round < 5; round++, tg_reset(t)) {
        tg_tensor *x = VECTOR(t, 1, 2, 4 + round), *y = VECTOR(t, 3, -1);
        if (round) {
            assert_f64(kept[0], TG_SHAPE(3, 2), -2, 2, -1, 3, round, 4 + round);
            assert_values(kept[1], TG_I64, TG_SHAPE(3), (const double[]){1, 1, 2}, 0);
            for (int k = 0; k < 2; k++) assert_int_equal(tg_release(kept[k]), TG_OK);
        }
        runs = 0;
        tg_tensor *r = outer(x, y);
        kept[0] = tg_keep(tg_result(r, 1)); /* and the call is not */
        kept[1] = tg_keep(tg_result(r, 2));
        assert_int_equal(runs, 1);
        assert_true(kept[0] != tg_result(r, 1));
    }
    tg_tape_free(t);
}

/* A parameter among the inputs is written after the call was recorded, before and after it was computed. */
static void test_written(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *w = tg_param(t, "w", VECTOR(t, 1, 2, 4));
    (void)state;
    for (int round = 0; round < 4; round++, tg_reset(t)) {
        const double now[3] = {1, 2, 4};
        assert_int_equal(tg_copy_from(w, now, sizeof now), TG_OK);
        tg_tensor *r = outer(w, VECTOR(t, 3, -1)), *late = outer(w, VECTOR(t, 0, 0));
        assert_f64(tg_result(r, 1), TG_SHAPE(3, 2), -2, 2, -1, 3, 1, 5);
        const double then[3] = {0, 0, 0};
        assert_int_equal(tg_copy_from(w, then, sizeof then), TG_OK);
        assert_f64(r, TG_SCALAR_SHAPE, 14); /* all of them have their values */
        assert_unread(t, tg_result(late, 1), TG_ERR_STALE, "outer: its value was not computed before parameter 'w' was overwritten");
        assert_unread(t, late, TG_ERR_STALE, "outer: its value was not computed before parameter 'w' was overwritten");
        assert_int_equal(tg_backward(tg_sum_all(tg_result(r, 1))), TG_OK); /* a rule that reads no w */
        assert_f64(tg_grad_of(w), TG_SHAPE(3), 2, 2, 2);
        assert_int_equal(tg_zero_grad(t), TG_OK);
        tg_tensor *centred, *mean = several_centre(tg_mul_s(w, 1), &centred), *loss = tg_sum_all(tg_mul(tg_unsqueeze(mean, -1), centred));
        assert_int_equal(tg_copy_from(w, now, sizeof now), TG_OK);
        assert_int_equal(tg_backward(loss), TG_ERR_STALE);
        tg_clear_error(t);
        assert_int_equal(tg_zero_grad(t), TG_OK);
    }
    tg_tape_free(t);
}

static void test_random(void **state)
{
    tg_tape *t = quiet(TG_F64), *u = quiet(TG_F64);
    (void)state;
    for (int round = 0; round < 4; round++, tg_reset(t), tg_reset(u)) {
        const int64_t n = 37;
        tg_tensor *a = noise(t, n), *b = tg_rand(t, TG_SHAPE(5)), *c = noise(t, n), *twice = tg_add(a, a);
        tg_tensor *want = tg_rand(u, TG_SHAPE(n)), *coin = tg_bernoulli(u, TG_SHAPE(n), 0.5), *behind = tg_rand(u, TG_SHAPE(5)),
                  *again = tg_rand(u, TG_SHAPE(n));
        assert_memory_equal(tg_data(tg_result(a, 1)), tg_data(tg_to(coin, TG_BOOL)), (size_t)n);
        assert_memory_equal(tg_data(a), tg_data(want), (size_t)n * 8);
        assert_memory_equal(tg_data(b), tg_data(behind), 40);
        assert_memory_equal(tg_data(c), tg_data(again), (size_t)n * 8);
        assert_true(tg_data_f64(twice)[3] == 2 * tg_data_f64(want)[3]);
        tg_tensor *kept = tg_keep(noise(t, 8)); /* what follows from nothing is computed where it stays, but for one of several results */
        assert_non_null(kept);
        assert_int_equal(tg_release(kept), TG_OK);
        assert_non_null(tg_rand(u, TG_SHAPE(n))); /* as many counters as c and what was kept */
        assert_non_null(tg_rand(u, TG_SHAPE(16)));
    }
    tg_tape_free(t);
    tg_tape_free(u);
}

/* ---- what is told ------------------------------------------------------------------------------------------------------ */

static void test_plan_text(void **state)
{
    char     text[4000];
    tg_tape *t = quiet(TG_F64);
    (void)state;
    if (!strcmp(tg_stats(t).evaluator, "fused")) {
        tg_tensor *r = outer(VECTOR(t, 1, 2, 4), VECTOR(t, 3, -1)), *y = tg_exp(tg_result(r, 1));
        assert_true(tg_plan_format(t, &y, 1, text, sizeof text) > 0);
        assert_non_null(strstr(text, "plan: 4 nodes, 2 steps (1 group, 0 products, 1 kernel)"));
        assert_non_null(strstr(text, "step 1: kernel, before all others\n    %2 = outer %0 %1 -> float64 [], 8 bytes at "));
        assert_non_null(strstr(text, "\n    %3 = result 1 of %2 -> float64 [3,2], 48 bytes at "));
        assert_non_null(strstr(text, "\n    %4 = result 2 of %2 -> int64 [3], 24 bytes at "));
        assert_non_null(strstr(text, "= exp %3"));
    }
    tg_tape_free(t);
}

/* ---- many --------------------------------------------------------------------------------------------------------------- */

static double seconds(void)
{
    struct timespec s;
    clock_gettime(CLOCK_MONOTONIC, &s);
    return (double)s.tv_sec + 1e-9 * (double)s.tv_nsec;
}

/* The time for n calls one after the other, forward and back; the least of some rounds. */
static double time_of(tg_tape *t, int n)
{
    double least = INFINITY;
    for (int round = 0; round < 4; round++, tg_reset(t)) {
        const double begin = seconds();
        tg_tensor   *x = tg_set_requires_grad(VECTOR(t, 1, 2), true), *centred = x, *sum = tg_scalar(t, 0);
        for (int k = 0; k < n; k++) {
            tg_tensor *mean = several_centre(centred, &centred);
            if (k % 16 == 0) sum = tg_add(sum, mean);
        }
        assert_int_equal(tg_backward(tg_add(sum, tg_sum_all(centred))), TG_OK);
        assert_non_null(tg_data(tg_grad_of(x)));
        const double took = seconds() - begin;
        if (took < least) least = took;
    }
    return least;
}

static void test_linear(void **state)
{
    tg_tape     *t = quiet(TG_F64);
    const double few = time_of(t, 10000), many = time_of(t, 100000);
    (void)state;
    if (many > 25 * few) fail_msg("100,000 calls take %.3f s, 10,000 take %.3f s", many, few);
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_asked_in_any_order),
        cmocka_unit_test(test_lives),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_handles),
        cmocka_unit_test(test_confirmed),
        cmocka_unit_test(test_across_chunks),
        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_written),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_plan_text),
        cmocka_unit_test(test_linear),
    };
    return cmocka_run_group_tests_name("results", tests, NULL, NULL);
}
