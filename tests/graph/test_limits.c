/* test_limits.c - what has to hold at length and side by side: a fan-in of a million in linear time, tapes in many threads, the same bits
 * for the same seed and for one and two threads, and steps that neither ask the allocator nor grow the process. */
#define _GNU_SOURCE

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <omp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tapegrad.h>
#include <time.h>
#include <unistd.h>

#ifdef __SANITIZE_THREAD__ /* it is slow, and OpenMP's own synchronisation is invisible to it */
enum { TEAM = 1, LITTLE = 10000, MUCH = 100000, THREAD_STEPS = 1000 };
#else
enum { TEAM = 2, LITTLE = 100000, MUCH = 1000000, THREAD_STEPS = 10000 };
#endif

static uint64_t hash(uint64_t h, const void *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) h = (h ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3u;
    return h;
}

/* 0: the value could not be had. */
static uint64_t add_value(uint64_t h, tg_tensor *x)
{
    const void *p = tg_data(x);
    return p && h ? hash(h, p, (size_t)tg_numel(x) * tg_dtype_size(tg_dtype_of(x))) | 1 : 0;
}

static uint64_t add_params(uint64_t h, const tg_tape *t)
{
    for (int i = 0; i < tg_param_count(t); i++) h = add_value(h, tg_param_at(t, i));
    return h;
}

/* ---- fan-in ------------------------------------------------------------------------------------------------------- */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* One join of n inputs, all of them w. */
static tg_tensor *one_cat(tg_tensor *w, int n)
{
    tg_tensor **x = malloc((size_t)n * sizeof *x);
    assert_non_null(x);
    for (int i = 0; i < n; i++) x[i] = w;
    tg_tensor *y = tg_cat(x, n, 0);
    free(x);
    assert_true(tg_numel(y) == n);
    return tg_sum(y, TG_ALL_AXES, false);
}

/* n sums that all read w. */
static tg_tensor *add_chain(tg_tensor *w, int n)
{
    tg_tensor *y = tg_mul_s(w, 0);
    for (int i = 0; i < n; i++) y = tg_add(y, w);
    return tg_sum(y, TG_ALL_AXES, false);
}

/* Seconds for the forward pass, the gradient n and the end of the tape. */
static double fan_in(tg_tensor *(*make)(tg_tensor *, int), int n)
{
    const double begin = now();
    tg_tape     *t = tg_tape_new(&(tg_tape_options){.dtype = TG_F64, .threads = 1});
    tg_tensor   *w = tg_param(t, "w", tg_ones(t, TG_SHAPE(1))), *y = make(w, n);
    assert_non_null(y);
    assert_int_equal(tg_backward(y), TG_OK);
    assert_true(tg_item(y) == n);
    assert_true(tg_item(tg_grad_of(w)) == n);
    tg_tape_free(t);
    return now() - begin;
}

/* Ten times as much takes about ten times as long. The machine's other work disturbs: the best of a few runs counts. */
static void linear(tg_tensor *(*make)(tg_tensor *, int))
{
    double little = INFINITY, much = INFINITY;
    for (int run = 0; run < 4 && !(much < 20 * little && run > 0); run++) {
        little = fmin(little, fan_in(make, LITTLE));
        much = fmin(much, fan_in(make, MUCH));
    }
    if (!(much < 20 * little)) fail_msg("%.3g s for %d, %.3g s for %d", little, LITTLE, much, MUCH);
}

static void test_wide_cat(void **state)
{
    (void)state;
    linear(one_cat);
}

static void test_shared_by_many(void **state)
{
    (void)state;
    linear(add_chain);
}

/* ---- a small network ---------------------------------------------------------------------------------------------- */

typedef struct net {
    tg_tape   *t;
    tg_tensor *w1, *b1, *w2, *b2;
    tg_optim  *opt;
} net;

static bool open_net(net *n, uint64_t seed)
{
    tg_tape *t = n->t = tg_tape_new(&(tg_tape_options){.seed = seed, .threads = 1});
    n->w1 = tg_param(t, "w1", tg_glorot(t, TG_SHAPE(6, 8)));
    n->b1 = tg_param(t, "b1", tg_zeros(t, TG_SHAPE(8)));
    n->w2 = tg_param(t, "w2", tg_glorot(t, TG_SHAPE(8, 3)));
    n->b2 = tg_param(t, "b2", tg_zeros(t, TG_SHAPE(3)));
    n->opt = tg_adam(t, &(tg_adam_options){.lr = 0.01});
    return n->b2 && n->opt && tg_reset(t) == TG_OK;
}

/* The loss before the step; NaN after an error. */
static double net_step(net *n)
{
    static const int64_t label[4] = {0, 2, 1, 2};
    tg_tensor *x = tg_randn(n->t, TG_SHAPE(4, 6)), *h = tg_dropout(tg_tanh(tg_linear(x, n->w1, n->b1)), 0.1);
    tg_tensor *loss = tg_cross_entropy(tg_linear(h, n->w2, n->b2), tg_from_i64(n->t, TG_SHAPE(4), label));
    if (!loss || tg_backward(loss) != TG_OK || tg_step(n->opt) != TG_OK) return (double)NAN;
    const double value = tg_item(loss);
    return tg_reset(n->t) == TG_OK ? value : (double)NAN;
}

/* ---- threads ------------------------------------------------------------------------------------------------------ */

enum { THREADS = 8 };

typedef struct job {
    uint64_t seed;
    double   loss[THREAD_STEPS];
    uint64_t params;
    bool     good;
} job;

static void *work(void *arg)
{
    job *j = arg;
    net  n;
    omp_set_num_threads(1); /* BLAS too: how it splits a product decides about the last bits */
    j->good = open_net(&n, j->seed);
    for (int i = 0; i < THREAD_STEPS && j->good; i++) {
        j->loss[i] = net_step(&n);
        j->good = isfinite(j->loss[i]);
    }
    j->params = j->good ? add_params(1, n.t) : 0;
    tg_tape_free(n.t);
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    pthread_t thread[THREADS];
    job      *together = calloc(THREADS, sizeof *together), *serial = calloc(THREADS, sizeof *serial);
    assert_true(together && serial);
    for (int k = 0; k < THREADS; k++) {
        together[k].seed = serial[k].seed = (uint64_t)k + 1;
        work(&serial[k]);
        assert_true(serial[k].good);
    }
    for (int k = 0; k < THREADS; k++) assert_int_equal(pthread_create(&thread[k], NULL, work, &together[k]), 0);
    for (int k = 0; k < THREADS; k++) pthread_join(thread[k], NULL);
    for (int k = 0; k < THREADS; k++) {
        assert_true(together[k].good);
        assert_memory_equal(together[k].loss, serial[k].loss, sizeof serial[k].loss);
        assert_true(together[k].params == serial[k].params);
        assert_true(k == 0 || serial[k].params != serial[0].params); /* the seeds do make a difference */
    }
    free(together);
    free(serial);
}

/* ---- the same bits ------------------------------------------------------------------------------------------------ */

/* Everything but products, large enough that two threads share it: forward, backward and two optimizer steps. */
static uint64_t large_run(tg_dtype dtype, uint64_t seed, int threads)
{
    tg_tape   *t = tg_tape_new(&(tg_tape_options){.dtype = dtype, .seed = seed, .threads = threads});
    uint64_t   h = 1;
    tg_tensor *a = tg_param(t, "a", tg_randn(t, TG_SHAPE(300, 700))), *b = tg_param(t, "b", tg_randn(t, TG_SHAPE(700)));
    tg_tensor *k1 = tg_param(t, "k1", tg_kaiming(t, TG_SHAPE(8, 3, 3, 3))), *c1 = tg_param(t, "c1", tg_zeros(t, TG_SHAPE(8)));
    tg_tensor *k2 = tg_param(t, "k2", tg_kaiming(t, TG_SHAPE(16, 8, 5, 5)));
    tg_tensor *table = tg_param(t, "table", tg_rand(t, TG_SHAPE(50, 64)));
    tg_optim  *opt = tg_adam(t, &(tg_adam_options){.lr = 0.01});
    assert_true(a && b && k1 && c1 && k2 && table && opt);
    for (int step = 0; step < 2; step++) {
        tg_tensor *x = tg_dropout(tg_gelu(tg_add(tg_mul(a, a), b)), 0.25);
        tg_tensor *y = tg_layer_norm(x, 1, b, NULL, 1e-5), *s = tg_softmax(tg_transpose(y, 0, 1), 1);
        tg_tensor *images = tg_randn(t, TG_SHAPE(6, 3, 32, 32));
        tg_tensor *c = tg_max_pool2d(tg_relu(tg_conv2d(images, k1, c1, &(tg_conv_options){.padding = {1, 1}})), NULL);
        tg_tensor *d = tg_avg_pool2d(tg_conv2d(c, k2, NULL, &(tg_conv_options){.stride = {1, 1}, .padding = {2, 2}}), NULL);
        tg_tensor *index = tg_to(tg_mul_s(tg_rand(t, TG_SHAPE(4000)), 50), TG_I64), *e = tg_embedding(table, index);
        tg_tensor *parts[] = {tg_sum(tg_square(s), TG_ALL_AXES, false), tg_mean(tg_square(d), TG_ALL_AXES, false),
                              tg_mean(tg_exp(e), TG_ALL_AXES, false), tg_sum(tg_amax(x, TG_AXES(0), false), TG_ALL_AXES, false),
                              tg_mean(tg_logsumexp(x, TG_AXES(1), false), TG_ALL_AXES, false)};
        tg_tensor *loss = tg_sum(tg_stack(parts, 5, 0), TG_ALL_AXES, false);
        assert_non_null(tg_want(y));
        assert_non_null(tg_want(d));
        assert_int_equal(tg_backward(loss), TG_OK);
        h = add_value(add_value(add_value(h, loss), y), d);
        for (int i = 0; i < tg_param_count(t); i++) h = add_value(h, tg_grad_of(tg_param_at(t, i)));
        assert_int_equal(tg_clip_grad_norm(opt, 1, NULL), TG_OK);
        assert_int_equal(tg_step(opt), TG_OK);
        assert_int_equal(tg_reset(t), TG_OK);
    }
    h = add_params(h, t);
    tg_tape_free(t);
    assert_true(h != 0);
    return h;
}

static void test_same_seed_same_bits(void **state)
{
    (void)state;
    const uint64_t first = large_run(TG_F32, 7, TEAM);
    assert_true(first == large_run(TG_F32, 7, TEAM));
    assert_true(first != large_run(TG_F32, 8, TEAM));
}

static void test_threads_do_not_change_bits(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) { /* in f64 a sum shows the order of its terms, which f32 may round away */
        const tg_dtype dtype = k ? TG_F64 : TG_F32;
        const uint64_t one = large_run(dtype, 3, 1);
        assert_true(one == large_run(dtype, 3, TEAM));
        if (TEAM > 1) assert_true(one == large_run(dtype, 3, TEAM + 1));
    }
}

/* ---- at rest ------------------------------------------------------------------------------------------------------ */

static void test_no_allocations(void **state)
{
    (void)state;
    net n;
    assert_true(open_net(&n, 4));
    for (int i = 0; i < 3; i++) assert_true(isfinite(net_step(&n)));
    const tg_tape_stats early = tg_stats(n.t);
    for (int i = 0; i < 1000; i++) assert_true(isfinite(net_step(&n)));
    const tg_tape_stats late = tg_stats(n.t);
    assert_int_equal(late.allocations, early.allocations);
    assert_int_equal(late.bytes_reserved, early.bytes_reserved);
    tg_tape_free(n.t);
}

static long resident_bytes(void)
{
    long  total = 0, pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f) return -1;
    const int got = fscanf(f, "%ld %ld", &total, &pages);
    fclose(f);
    return got == 2 ? pages * sysconf(_SC_PAGESIZE) : -1;
}

static void test_soak(void **state)
{
    (void)state;
    enum { WARM = 2000, STEPS = 100000, SLACK = 256 << 10 };
    tg_tape   *t = tg_tape_new(&(tg_tape_options){.threads = 1});
    tg_tensor *w = tg_param(t, "w", tg_ones(t, TG_SHAPE(4)));
    tg_optim  *opt = tg_sgd(t, &(tg_sgd_options){.lr = 1e-4});
    assert_true(w && opt);
    long    early = -1, late = -1;
    int64_t calls = 0;
    for (int i = 0; i < STEPS; i++) {
        if (i == WARM) {
            early = resident_bytes();
            calls = tg_stats(t).allocations;
        }
        tg_tensor *loss = tg_sum(tg_square(tg_sub(w, tg_rand(t, TG_SHAPE(4)))), TG_ALL_AXES, false);
        if (tg_backward(loss) != TG_OK || tg_step(opt) != TG_OK || !isfinite(tg_item(loss)) || tg_reset(t) != TG_OK)
            fail_msg("step %d: %s", i, tg_error(t));
    }
    late = resident_bytes();
    assert_int_equal(tg_stats(t).allocations, calls);
    tg_tape_free(t);
    if (early < 0 || late < 0) skip(); /* no such file here */
    if (late - early > SLACK) fail_msg("%ld bytes resident after %d steps, %ld after %d", early, WARM, late, STEPS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wide_cat),
        cmocka_unit_test(test_shared_by_many),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_same_seed_same_bits),
        cmocka_unit_test(test_threads_do_not_change_bits),
        cmocka_unit_test(test_no_allocations),
        cmocka_unit_test(test_soak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
