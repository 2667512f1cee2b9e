/* test_prefetch.c - batches that a thread makes ahead: the same to the last bit, whatever is asked of the loader meanwhile; errors of the thread;
 * its end at any moment; forks. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <tapegrad.h>
#include <tapegrad_op.h>

#include "quiet.h"
#include "failing.h"
#include "sequences_test.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* What the function of the data set below does at one sample. */
typedef struct fault {
    atomic_int at;    /* fails there; -1: nowhere */
    atomic_int calls; /* so far */
    int        pause; /* microseconds */
} fault;

static int noisy(void *ctx, int64_t i, tg_sample *s)
{
    fault       *f = ctx;
    const float *from = s->from_x;
    float       *x = s->x;
    atomic_fetch_add(&f->calls, 1);
    if (f->pause) nanosleep(&(struct timespec){.tv_nsec = 1000L * f->pause}, NULL);
    if (atomic_load(&f->at) == i) return 5;
    for (int k = 0; k < 3; k++) x[k] = from[k] + (float)tg_chance_normal(s->chance);
    return 0;
}

/* 100 samples with noise of their own. */
static tg_dataset *noise(tg_tape *t, fault *f)
{
    float   x[300];
    int64_t y[100];
    for (int i = 0; i < 300; i++) x[i] = (float)i;
    for (int i = 0; i < 100; i++) y[i] = i;
    return tg_dataset_map(tg_array_dataset(t, TG_F32, TG_SHAPE(100, 3), x, y), &(tg_map_options){.fn = noisy, .ctx = f});
}

static void assert_same(tg_tensor *a, tg_tensor *b)
{
    assert_true((a == NULL) == (b == NULL));
    if (!a) return;
    assert_int_equal(tg_dtype_of(a), tg_dtype_of(b));
    assert_true(tg_shape_equal(tg_shape_of(a), tg_shape_of(b)));
    if (tg_numel(a) > 0) assert_memory_equal(tg_data(a), tg_data(b), (size_t)tg_numel(a) * tg_dtype_size(tg_dtype_of(a)));
}

/* One step of both; false at the end of an epoch. */
static bool step_both(tg_loader *a, tg_loader *b)
{
    tg_batch p, q;
    const bool more = tg_next_batch(a, &p);
    assert_int_equal(tg_next_batch(b, &q), more);
    assert_same(p.x, q.x);
    assert_same(p.y, q.y);
    assert_same(p.lengths, q.lengths);
    assert_same(p.index, q.index);
    return more;
}

static void test_same_bits(void **state)
{
    (void)state;
    fault             f = {.at = -1};
    tg_tape          *t = quiet(TG_F32);
    tg_dataset       *list[] = {noise(t, &f), stairs(t, 60, true)};
    tg_loader_options options[] = {{.batch = 8, .shuffle = true},
                                   {.batch = 7, .shuffle = true, .block = 9, .drop_last = true},
                                   {.batch = 16, .balanced = true},
                                   {.batch = 9, .shuffle = true, .mixup = 0.3, .classes = 100},
                                   {.batch = 5, .shuffle = true, .buckets = 3}};
    for (size_t k = 0; k < COUNT(options); k++)
        for (int prefetch = 1; prefetch < 6; prefetch += 2) {
            tg_dataset *d = list[options[k].buckets > 0];
            options[k].prefetch = 0;
            tg_loader *a = tg_loader_new(d, &options[k]);
            options[k].prefetch = prefetch;
            tg_loader *b = tg_loader_new(d, &options[k]);
            assert_true(a && b);
            for (int e = 0; e < 3; e++) {
                for (int n = 0; step_both(a, b); n++) {
                    if (e == 1 && n == 3) assert_true(tg_loader_rewind(a) == TG_OK && tg_loader_rewind(b) == TG_OK);
                    if (e == 1 && n == 5) break;
                    if (n % 2) tg_reset(t); /* several batches may be there at once */
                }
                tg_reset(t);
            }
            assert_null(tg_error(t));
            tg_loader_free(a);
            tg_loader_free(b);
        }
    tg_tape_free(t);
}

/* An error arrives at the batch that it is of, and that batch comes when it is gone. */
static void test_errors(void **state)
{
    (void)state;
    fault      f = {.at = 17};
    tg_tape   *t = quiet(TG_F32);
    tg_loader *l = tg_loader_new(noise(t, &f), &(tg_loader_options){.batch = 5, .prefetch = 4});
    tg_tensor *x, *y;
    for (int b = 0; b < 3; b++) assert_true(tg_next(l, &x, &y));
    for (int tries = 0; tries < 3; tries++) {
        assert_false(tg_next(l, &x, &y));
        assert_null(x);
        expect_error(t, TG_ERR_ARG, "tg_next: the function of tg_dataset_map answered 5 for sample 17");
        assert_int_equal(tg_loader_position(l), 3);
    }
    atomic_store(&f.at, -1);
    assert_true(tg_next(l, &x, &y));
    assert_int_equal(tg_data_i64(y)[0], 15);
    tg_tape_free(t);
}

/* Freed while the thread is at work, or has been for nothing; with the tape, too. */
static void test_ends(void **state)
{
    (void)state;
    for (int taken = 0; taken < 4; taken++)
        for (int how = 0; how < 3; how++) {
            fault       f = {.at = -1, .pause = 100};
            tg_tape    *t = quiet(TG_F32);
            tg_dataset *d = noise(t, &f);
            tg_loader  *l = tg_loader_new(d, &(tg_loader_options){.batch = 30, .prefetch = 2});
            tg_tensor  *x, *y;
            for (int k = 0; k < taken; k++) assert_true(tg_next(l, &x, &y));
            if (how == 1) tg_dataset_free(d);
            if (how != 2) tg_loader_free(l);
            const int calls = atomic_load(&f.calls);
            if (how != 2 && taken) nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
            if (how != 2) assert_int_equal(atomic_load(&f.calls), calls); /* nobody works any more */
            tg_tape_free(t);
        }
}

static bool use(tg_tape *t, fault *f)
{
    tg_dataset *d = noise(t, f);
    tg_loader  *l = tg_loader_new(d, &(tg_loader_options){.batch = 24, .shuffle = true, .prefetch = 3});
    tg_tensor  *x, *y;
    int64_t     n = 0;
    while (l && tg_next(l, &x, &y)) n += tg_numel(y);
    const bool good = n == 100;
    assert_true(good == !tg_error(t));
    if (!good) expect_error(t, TG_ERR_MEMORY, "out of memory");
    tg_loader_free(l);
    tg_dataset_free(d);
    tg_reset(t);
    return good;
}

/* The thread asks for no memory: the allocator, which is the tape's thread's alone, would notice (under ThreadSanitizer, at least). */
static void test_allocations(void **state)
{
    (void)state;
    fault f = {.at = -1};
    for (long k = 0;; k++) {
        failing  a = {.left = -1, .once = true};
        tg_tape *t = failing_tape(&a, TG_F32);
        a.left = k;
        const bool good = use(t, &f);
        a.left = -1;
        assert_true(use(t, &f));
        tg_tape_free(t);
        assert_int_equal(a.held, 0);
        if (good) break;
    }
    tg_tape   *t = quiet(TG_F32);
    tg_loader *l = tg_loader_new(noise(t, &f), &(tg_loader_options){.batch = 10, .shuffle = true, .prefetch = 3});
    tg_tensor *x, *y;
    int64_t    calls = 0;
    for (int e = 0; e < 6; e++) {
        if (e == 2) calls = tg_stats(t).allocations;
        while (tg_next(l, &x, &y)) tg_reset(t);
    }
    assert_int_equal(tg_stats(t).allocations, calls); /* in the steady state nobody does */
    tg_tape_free(t);
}

#ifndef __SANITIZE_THREAD__ /* which does not allow threads in a child of a process with threads */
/* A child goes on where its parent was, though the thread stayed there, and perhaps with the lock. */
static void test_fork(void **state)
{
    (void)state;
    for (int round = 0; round < 8; round++) {
        fault      f = {.at = -1, .pause = round % 2 ? 0 : 20};
        tg_tape   *t = quiet(TG_F32);
        tg_loader *a = tg_loader_new(noise(t, &f), &(tg_loader_options){.batch = 7, .shuffle = true});
        tg_loader *b = tg_loader_new(noise(t, &f), &(tg_loader_options){.batch = 7, .shuffle = true, .prefetch = 3});
        for (int k = 0; k < 3; k++) assert_true(step_both(a, b));
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            alarm(20);
            for (int e = 0; e < 2; e++)
                while (step_both(a, b)) tg_reset(t);
            if (round & 2) tg_loader_free(b);
            tg_tape_free(t);
            _exit(0);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        for (int e = 0; e < 2; e++)
            while (step_both(a, b)) tg_reset(t);
        tg_tape_free(t);
    }
}

/* Freed in the child before anything else. */
static void test_fork_and_free(void **state)
{
    (void)state;
    fault      f = {.at = -1, .pause = 20};
    tg_tape   *t = quiet(TG_F32);
    tg_loader *l = tg_loader_new(noise(t, &f), &(tg_loader_options){.batch = 7, .prefetch = 2});
    tg_tensor *x, *y;
    assert_true(tg_next(l, &x, &y));
    const pid_t child = fork();
    if (child == 0) {
        alarm(20);
        if (tg_loader_seek(l, 1, 3) != TG_OK || !tg_next(l, &x, &y) || tg_data_i64(y)[0] != 21) _exit(1);
        tg_tape_free(t);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    tg_tape_free(t);
}
#endif

/* Signals go to other threads than this one. */
static atomic_int handled;
static pthread_t  main_thread;
static void on_signal(int number)
{
    (void)number;
    atomic_fetch_add(&handled, pthread_equal(pthread_self(), main_thread) ? 1 : 1000);
}

static void test_signals(void **state)
{
    (void)state;
    fault            f = {.at = -1, .pause = 10};
    struct sigaction action = {.sa_handler = on_signal}, before;
    sigset_t         one, mask;
    main_thread = pthread_self();
    assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
    tg_tape   *t = quiet(TG_F32);
    tg_loader *l = tg_loader_new(noise(t, &f), &(tg_loader_options){.batch = 10, .prefetch = 2});
    tg_tensor *x, *y;
    assert_true(tg_next(l, &x, &y)); /* the thread is there, and the only one that could take a signal that this one does not */
    sigemptyset(&one);
    sigaddset(&one, SIGUSR1);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, &one, &mask), 0);
    kill(getpid(), SIGUSR1);
    while (tg_next(l, &x, &y)) nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    assert_int_equal(atomic_load(&handled), 0);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &mask, NULL), 0);
    assert_int_equal(atomic_load(&handled), 1);
    tg_tape_free(t);
    sigaction(SIGUSR1, &before, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_allocations),
#ifndef __SANITIZE_THREAD__
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_fork_and_free),
#endif
        cmocka_unit_test(test_signals),
    };
    return cmocka_run_group_tests_name("prefetch", tests, NULL, NULL);
}
