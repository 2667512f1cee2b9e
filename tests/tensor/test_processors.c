/* test_processors.c - threads on a machine that has other work: how many are left for a team, and that results do not depend on it. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "graph/graph.h"

#include <omp.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <tapegrad.h>
#include <time.h>
#include <unistd.h>

static void test_parse(void **state)
{
    (void)state;
    assert_int_equal(tg_processors_parse("0.20 0.18 0.12 1/80 11206\n"), 1);
    assert_int_equal(tg_processors_parse("12.00 9.18 7.12 37/2080 1\n"), 37);
    static const char *const bad[] = {"", "0.20", "0.20 0.18 0.12", "0.20 0.18 0.12 ", "0.20 0.18 0.12 x/80 1", "1 2 3 4 5", "1 2 3 -4/5", "1 2 3 99999999999999999999/5"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_int_equal(tg_processors_parse(bad[i]), -1);
}

static void test_usable(void **state)
{
    (void)state;
    assert_int_equal(tg_processors_usable(2, 2, 1, 2), 2);    /* we sleep */
    assert_int_equal(tg_processors_usable(2, 2, 2, 2), 2);    /* we alone */
    assert_int_equal(tg_processors_usable(2, 2, 2.4, 2), 2);  /* somebody, for a moment */
    assert_int_equal(tg_processors_usable(2, 2, 3, 2), 1);    /* another process */
    assert_int_equal(tg_processors_usable(2, 2, 2, 1), 1);    /* still there */
    assert_int_equal(tg_processors_usable(2, 2, 1, 1), 2);    /* gone */
    assert_int_equal(tg_processors_usable(2, 2, 40, 2), 1);   /* many */
    assert_int_equal(tg_processors_usable(8, 64, 40, 8), 8);  /* others have the other processors */
    assert_int_equal(tg_processors_usable(8, 16, 20, 8), 4);
    assert_int_equal(tg_processors_usable(1, 1, 5, 1), 1);
}

static float step(tg_tape *t, tg_tensor *w)
{
    tg_tensor *x = tg_mul_s(tg_ones(t, TG_SHAPE(700, 300)), 0.01);
    const float value = (float)tg_item(tg_sum_all(tg_square(tg_tanh(tg_matmul(tg_tanh(tg_matmul(x, w)), tg_mT(w))))));
    tg_reset(t);
    return value;
}

enum { MOST_CHILDREN = 64 };

static void test_busy_machine(void **state)
{
    (void)state;
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    if (online < 2 || online > MOST_CHILDREN / 2 || omp_get_max_threads() < 2) skip();
    tg_tape *left = tg_tape_new(&(tg_tape_options){.seed = 1}), *told = tg_tape_new(&(tg_tape_options){.seed = 1, .threads = 2});
    assert_true(left && told);
    tg_tensor *w = tg_param(left, "w", tg_randn(left, TG_SHAPE(300, 300))), *v = tg_param(told, "w", tg_randn(told, TG_SHAPE(300, 300)));
    const float expected = step(told, v);
    pid_t       child[MOST_CHILDREN];
    for (long k = 0; k < 2 * online; k++) {
        child[k] = fork();
        if (child[k] == 0)
            for (volatile unsigned i = 0;; i++) {}
        assert_true(child[k] > 0);
    }
    bool adapted = false;
    for (int k = 0; k < 2000 && !adapted; k++) { /* each some milliseconds */
        const float value = step(left, w);
        if (value != expected) break;
        adapted = tg_threads(left) == 1;
    }
    for (long k = 0; k < 2 * online; k++) kill(child[k], SIGKILL);
    for (long k = 0; k < 2 * online; k++) waitpid(child[k], NULL, 0);
    assert_true(adapted);
    assert_true(step(left, w) == expected);
    assert_true(step(told, v) == expected);
    assert_int_equal(tg_threads(told), 2); /* who says how many gets them */
    tg_tape_free(left), tg_tape_free(told);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_parse), cmocka_unit_test(test_usable), cmocka_unit_test(test_busy_machine)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
