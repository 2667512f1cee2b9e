/* test_place.c - every node says that its value is in the host's memory, whatever made it; and a value that is not stops a build that looks
 * for mistakes where the CPU would use it. */
#define _GNU_SOURCE
#include "op_test.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "graph/graph.h"

/* A place that no node has. */
enum { ELSEWHERE = TG_NPLACES };

static void is_on_host(tg_tensor *x)
{
    tg_node *n = tg_node_of(x);
    assert_int_equal(tg_place_of(n), TG_HOST);
    const void *data = tg_data(x);
    assert_non_null(data);
    assert_ptr_equal(tg_host_memory(n), data);
}

/* Of each kind of node, in a recording, in one that is confirmed, and in kept slots. */
static void all_on_host(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *w = tg_param(t, "w", tg_full(t, TG_F64, TG_SHAPE(4, 6), 0.5)), *places = NULL;
    for (int round = 0; round < 3; round++) {
        double     numbers[6] = {1, 2, 3, 4, 5, 6};
        tg_tensor *x = tg_from_f64(t, TG_SHAPE(1, 6), numbers), *y = tg_mul(w, x), *r = tg_randn(t, TG_SHAPE(6, 3));
        tg_tensor *most = tg_max(y, 1, false, &places), *loss = tg_sum(tg_matmul(y, r), TG_ALL_AXES, false);
        tg_tensor *all[] = {w, x, y, r, most, places, loss, tg_mT(y), tg_borrow(t, TG_F64, TG_SHAPE(6), numbers), tg_scalar(t, 2)};
        for (size_t i = 0; i < sizeof all / sizeof *all; i++) is_on_host(all[i]);
        tg_backward(loss);
        is_on_host(tg_grad_of(w));
        tg_tensor *kept = tg_keep(y);
        is_on_host(kept);
        tg_release(kept);
        assert_null(tg_error(t));
        tg_reset(t);
    }
    tg_tape_free(t);
}

/* Addresses are the same memory only in the same place. */
static void places_tell_apart(void **state)
{
    (void)state;
    char          byte[2];
    const tg_node here = {.memory = byte}, same = here, next = {.memory = byte + 1};
    const tg_node traits = {.memory = byte, .traits = TG_HAS_RESULTS};
    const tg_node there = {.memory = byte, .traits = TG_HAS_RESULTS | ELSEWHERE << TG_PLACE_SHIFT};
    assert_true(tg_same_memory(&here, &same) && tg_same_memory(&here, &traits) && tg_same_memory(&there, &there));
    assert_false(tg_same_memory(&here, &next) || tg_same_memory(&here, &there) || tg_same_memory(&there, &traits));
    assert_int_equal(tg_place_of(&there), ELSEWHERE);
    assert_ptr_equal(tg_host_memory(&traits), byte);
}

/* How a child ends that reads a value, of which the node says where it is. */
static int end_of_reader(tg_place place)
{
    fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        tg_tape       *t = quiet(TG_F32);
        tg_tensor     *x = tg_full(t, TG_F32, TG_SHAPE(3), 1);
        float          to[3];
        signal(SIGABRT, SIG_DFL); /* cmocka has a handler of its own */
        if (!freopen("/dev/null", "w", stderr)) _exit(2);
        if (tg_eval(&x, 1) != TG_OK) _exit(3);
        tg_node_of(x)->traits |= (uint8_t)(place << TG_PLACE_SHIFT);
        tg_copy_to(x, to, sizeof to);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void elsewhere_is_told(void **state)
{
    (void)state;
    int status = end_of_reader(TG_HOST);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    if (!TG_CHECKS_PLACES) return;
    status = end_of_reader((tg_place)ELSEWHERE);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_on_host),
        cmocka_unit_test(places_tell_apart),
        cmocka_unit_test(elsewhere_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
