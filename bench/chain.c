/* chain.c - what an op costs however small its tensors are: chains of y = y a + b on one element, of 1,000 to 1,000,000 ops. */
#include "bench.h"

#include <stdio.h>

typedef struct chain {
    tg_tape   *t;
    tg_tensor *x, *a, *b;
} chain;

/* Seconds for a chain: recorded, then computed, then with gradients. */
typedef struct times {
    double record, forward, backward;
} times;

static tg_tensor *leaf(tg_tape *t, double value)
{
    return tg_require_grad(tg_keep(tg_full(t, TG_F32, TG_SHAPE(1), value)));
}

static tg_tensor *record(const chain *c, int64_t ops)
{
    tg_tensor *y = c->x;
    for (int64_t i = 0; i < ops / 2; i++) y = tg_add(tg_mul(y, c->a), c->b);
    return y;
}

/* Lowers *shortest to the time since start. */
static void shorten(double *shortest, double start)
{
    const double taken = bench_now() - start;
    if (taken < *shortest) *shortest = taken;
}

static bool run_once(const chain *c, int64_t ops, times *shortest)
{
    double     start = bench_now();
    tg_tensor *y = record(c, ops);
    shorten(&shortest->record, start);
    if (tg_eval(&y, 1)) return false;
    shorten(&shortest->forward, start);
    if (tg_reset(c->t) || tg_zero_grad(c->t)) return false;

    start = bench_now();
    if (tg_backward(record(c, ops))) return false;
    shorten(&shortest->backward, start);
    return !tg_reset(c->t);
}

/* Runs until programs are made, found again and their memory is touched. */
enum { STEADY = 8 };

static bool run_length(const chain *c, int64_t ops, double seconds)
{
    times        shortest = {1e9, 1e9, 1e9};
    const size_t before = tg_stats(c->t).bytes_reserved;
    const double start = bench_now();
    for (int runs = 0; runs < STEADY || bench_now() - start < seconds; runs++)
        if (!run_once(c, ops, &shortest)) return false;
    const double ns = 1e9 / (double)ops;
    printf("{\"peer\": \"tapegrad\", \"chain_ops\": %lld, \"record_ns_per_op\": %.1f, \"forward_ns_per_op\": %.1f, "
           "\"forward_backward_ns_per_op\": %.1f, \"bytes_per_op\": %.0f}\n",
           (long long)ops, shortest.record * ns, shortest.forward * ns, shortest.backward * ns,
           (double)(tg_stats(c->t).bytes_reserved - before) / (double)ops);
    fflush(stdout);
    return true;
}

bool bench_chains(int threads, double seconds)
{
    bool good = true;
    for (int64_t ops = 1000; good && ops <= 1000000; ops *= 10) {
        tg_tape *t = tg_tape_new(&(tg_tape_options){.threads = threads});
        if (!t) return false;
        const chain c = {t, leaf(t, 0.5), leaf(t, 0.999), leaf(t, 0.001)};
        good = run_length(&c, ops, seconds);
        tg_tape_free(t);
    }
    return good;
}
