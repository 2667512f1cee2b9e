/* chain.c - what an op costs however small its tensors are: chains of y = y a + b on one element, of 1,000 to 1,000,000 ops. */
#include "bench.h"

#include <inttypes.h>
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
    return tg_set_requires_grad(tg_keep(tg_full(t, TG_F32, TG_SHAPE(1), value)), true);
}

static tg_tensor *record(const chain *c, int64_t ops)
{
    tg_tensor *y = c->x;
    for (int64_t i = 0; i < ops / 2; i++) y = tg_add(tg_mul(y, c->a), c->b);
    return y;
}

static bool run_once(const chain *c, int64_t ops, times *taken, int64_t *nodes)
{
    double     start = bench_now();
    tg_tensor *y = record(c, ops);
    taken->record = bench_now() - start;
    if (tg_eval(&y, 1)) return false;
    taken->forward = bench_now() - start;
    if (tg_reset(c->t) || tg_zero_grad(c->t)) return false;

    start = bench_now();
    if (tg_backward(record(c, ops))) return false;
    taken->backward = bench_now() - start;
    *nodes = tg_stats(c->t).nodes;
    return !tg_reset(c->t);
}

static void lower(double *shortest, double taken)
{
    if (taken < *shortest) *shortest = taken;
}

/* Runs until programs are made, found again and their memory is touched. */
enum { STEADY = 8 };

/* Runs the chain again and again for about that many seconds; *bytes: what the tape then holds. As long again with chains that are new to
 * the tape, each a little longer than the last; *planned: what the shortest of those takes more, per node. */
static bool run_chain(const chain *c, int64_t ops, double seconds, times *shortest, size_t *bytes, double *planned)
{
    times        taken;
    int64_t      nodes = 1;
    double       longer = 1e9;
    double       start = bench_now();
    *shortest = (times){1e9, 1e9, 1e9};
    for (int runs = 0; runs < STEADY || bench_now() - start < seconds; runs++) {
        if (!run_once(c, ops, &taken, &nodes)) return false;
        lower(&shortest->record, taken.record);
        lower(&shortest->forward, taken.forward);
        lower(&shortest->backward, taken.backward);
    }
    *bytes = tg_stats(c->t).bytes_reserved;
    start = bench_now();
    for (int runs = 1; runs <= 3 || bench_now() - start < seconds; runs++) {
        if (!run_once(c, ops + 2 * runs, &taken, &nodes)) return false;
        lower(&longer, taken.backward);
    }
    *planned = (longer - shortest->backward) / (double)nodes;
    return true;
}

static bool run_length(int threads, int64_t ops, double seconds)
{
    tg_tape *t = tg_tape_new(&(tg_tape_options){.threads = threads});
    if (!t) return false;
    const chain  c = {t, leaf(t, 0.5), leaf(t, 0.999), leaf(t, 0.001)};
    const size_t before = tg_stats(t).bytes_reserved;
    size_t       after;
    const double ns = 1e9 / (double)ops;
    times        shortest;
    double       planned;
    const bool   good = run_chain(&c, ops, seconds, &shortest, &after, &planned);
    if (good)
        printf("{\"peer\": \"tapegrad\", \"workload\": \"chain_%" PRId64 "\", \"threads\": %d, \"record_ns_per_op\": %.1f, "
               "\"forward_ns_per_op\": %.1f, \"forward_backward_ns_per_op\": %.1f, \"plan_ns_per_node\": %.0f, \"bytes_per_op\": %.0f}\n",
               ops, threads, shortest.record * ns, shortest.forward * ns, shortest.backward * ns, planned * 1e9,
               (double)(after - before) / (double)ops);
    fflush(stdout);
    tg_tape_free(t);
    return good;
}

bool bench_chains(int threads, double seconds)
{
    bool good = true;
    for (int64_t ops = 1000; good && ops <= 1000000; ops *= 10) good = run_length(threads, ops, seconds);
    return good;
}
