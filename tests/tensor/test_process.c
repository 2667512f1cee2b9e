/* test_process.c - what the process does to a tape: forked children compute, with what threads they have, and a limited address space gives
 * fewer threads or an error. Nothing waits for ever. What computes before main does as well. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <omp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tapegrad.h>

enum { TEAM = 2, SECONDS = 60 };

/* ---- work --------------------------------------------------------------------------------------------------------- */

typedef struct model {
    tg_tape   *t;
    tg_tensor *w, *v;
    tg_optim  *opt;
} model;

/* Products for our loops and for BLAS, split and whole. */
static bool model_new(model *m, int threads)
{
    m->t = tg_tape_new(&(tg_tape_options){.threads = threads, .seed = 3, .silent = true});
    m->w = tg_param(m->t, "w", tg_glorot(m->t, TG_SHAPE(300, 300)));
    m->v = tg_param(m->t, "v", tg_glorot(m->t, TG_SHAPE(300, 1)));
    m->opt = tg_adam(m->t, NULL);
    return m->opt && m->w && m->v;
}

/* The loss of one step. NaN after an error. */
static double train(const model *m)
{
    tg_tensor *x = tg_randn(m->t, TG_SHAPE(600, 300));
    tg_tensor *loss = tg_mean(tg_square(tg_matmul(tg_tanh(tg_matmul(tg_softplus(x), m->w)), m->v)), TG_ALL_AXES, false);
    double     norm, value = tg_backward(loss) || tg_clip_grad_norm(m->opt, 1, &norm) || tg_step(m->opt) ? 0.0 / 0.0 : tg_item(loss);
    tg_reset(m->t);
    return value;
}

/* The losses of a new tape's first steps. */
static bool train_new(int threads, double loss[2])
{
    model      m;
    const bool ok = model_new(&m, threads);
    for (int k = 0; k < 2; k++) loss[k] = ok ? train(&m) : 0;
    tg_tape_free(m.t);
    return ok && loss[0] == loss[0] && loss[1] == loss[1];
}

static bool close_to(double a, double b) { return a - b < 1e-5 * b && b - a < 1e-5 * b; }

/* ---- children ----------------------------------------------------------------------------------------------------- */

/* What work() returns in a forked child; -1 where the child ends by a signal. Its alarm ends it where it waits for ever. */
static int in_child(int (*work)(void *ctx), void *ctx)
{
    int         status;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(SECONDS);
        const int result = work(ctx);
        fflush(NULL);
        _exit(result);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

typedef struct expected {
    const model *old;
    double       fresh[2], next;
} expected;

/* A new tape gives what it gave before the fork, and one from before goes on as it would have. */
static int compute(void *ctx)
{
    const expected *e = ctx;
    double          loss[2];
    if (!train_new(TEAM, loss) || !close_to(loss[0], e->fresh[0]) || !close_to(loss[1], e->fresh[1])) return 1;
    if (!train_new(0, loss) || !close_to(loss[0], e->fresh[0])) return 2;
    if (e->old && !close_to(train(e->old), e->next)) return 3;
    return 0;
}

static int compute_in_child(void *ctx) { return in_child(compute, ctx); }

static int count_team(void *ctx)
{
    int n = 0;
    (void)ctx;
#pragma omp parallel num_threads(TEAM)
    if (omp_get_thread_num() == 0) n = omp_get_num_threads();
    double loss[2];
    return train_new(TEAM, loss) ? n : 0;
}

/* First of all tests: no thread was started yet. Such a child may have threads. */
static void test_fork_before_threads(void **state)
{
    (void)state;
    assert_int_equal(in_child(count_team, NULL), TEAM);
}

static void test_fork(void **state)
{
    model    m, same;
    expected e = {.old = &m};
    (void)state;
    assert_true(train_new(TEAM, e.fresh));
    assert_true(model_new(&m, TEAM) && model_new(&same, TEAM));
    assert_true(close_to(train(&m), e.fresh[0]) && close_to(train(&same), e.fresh[0]));
    e.next = train(&same);
    assert_int_equal(in_child(compute, &e), 0);
    assert_int_equal(in_child(compute_in_child, &e), 0);
    assert_true(close_to(train(&m), e.next)); /* the parent goes on too */
    tg_tape_free(m.t);
    tg_tape_free(same.t);
}

/* ---- address space ------------------------------------------------------------------------------------------------ */

static size_t address_space(void)
{
    size_t pages = 0;
    FILE  *f = fopen("/proc/self/statm", "r");
    if (!f) return 0;
    if (fscanf(f, "%zu", &pages) != 1) pages = 0;
    fclose(f);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* 0: it computed, 2: it said that memory ran out, 3: the limit could not be set. */
static int compute_within(void *ctx)
{
    const size_t  most = address_space() + *(size_t *)ctx;
    double        loss[2];
    struct rlimit limit = {most, most};
    if (setrlimit(RLIMIT_AS, &limit)) return 3;
    return train_new(TEAM, loss) ? 0 : 2;
}

/* From nothing to plenty. Every child ends by itself, and the last one computes. */
static void test_limited_address_space(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); /* they map as they please, and end the program where they can't */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    skip();
#endif
#endif
    if (!address_space()) skip();
    static const size_t MiB = 1 << 20;
    for (size_t extra = 0; extra <= 400 * MiB; extra += extra < 32 * MiB ? 2 * MiB : 46 * MiB) {
        const int result = in_child(compute_within, &extra);
        if (result != 0 && result != 2) fail_msg("with %zu MiB: %d", extra / MiB, result);
        if (extra >= 300 * MiB) assert_int_equal(result, 0);
    }
}

/* The linker lets it run before the library's own constructors. */
static double loss_before_main;
__attribute__((constructor)) static void compute_before_main(void)
{
    model m;
    loss_before_main = model_new(&m, 1) ? train(&m) : 0.0 / 0.0;
    tg_tape_free(m.t);
}

static void test_before_main(void **state)
{
    (void)state;
    model m;
    assert_true(model_new(&m, 1));
    const double loss = train(&m);
    tg_tape_free(m.t);
    assert_memory_equal(&loss_before_main, &loss, sizeof loss);
    assert_true(loss == loss);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fork_before_threads), cmocka_unit_test(test_limited_address_space),
                                       cmocka_unit_test(test_fork), cmocka_unit_test(test_before_main)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
