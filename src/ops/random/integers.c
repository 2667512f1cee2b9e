/* integers.c - random integers, and permutations. */
#include "ops/random/random.h"
#include "kernels/random.h"

#include <tapegrad/random.h>

/* A 64-bit word w as an integer below count: the upper half of their product. The chances of two results differ by less than count 2^-64. */
static uint64_t scaled(uint64_t w, uint64_t count)
{
    __extension__ typedef unsigned __int128 wide;
    return (uint64_t)((wide)w * count >> 64);
}

static tg_status randint_run(tg_call *c)
{
    const tg_random_attr *a = c->attr;
    const size_t          n = tg_random_count(c);
    int64_t              *y = c->y.data;
    tg_fast_words(c->seed, c->counter, 0, n, c->y.data);
    for (size_t k = 0; k < n; k++) y[k] = (int64_t)((uint64_t)a->first + scaled((uint64_t)y[k], a->count));
    return TG_OK;
}

const tg_op tg_op_randint = {.name = "randint", .arity = 0, .flags = TG_OP_RANDOM, .infer = tg_random_infer, .run = randint_run, .batch = tg_random_batch};

tg_tensor *tg_randint(tg_tape *tape, const tg_shape *shape, int64_t lo, int64_t hi)
{
    if (!tape) return NULL;
    if (lo >= hi) {
        tg_fail_on(tape, TG_ERR_ARG, "tg_randint", "there is no integer from %lld to below %lld", (long long)lo, (long long)hi);
        return NULL;
    }
    return tg_record_random(tape, "tg_randint", &tg_op_randint, shape,
                            (tg_random_attr){.first = lo, .count = (uint64_t)hi - (uint64_t)lo, .dtype = TG_I64});
}

/* Fisher and Yates, from the last place down; the swap of place k is drawn by the word of element k. */
/* Element k changes places with one of 0 … k, from the last one down. Random words are drawn for some elements at once, which also
 * tells early what memory they go to. */
static tg_status randperm_run(tg_call *c)
{
    enum { BLOCK = 64 };
    const size_t n = tg_random_count(c);
    int64_t     *y = c->y.data;
    for (size_t k = 0; k < n; k++) y[k] = (int64_t)k;
    for (size_t past = n, from; past > 1; past = from) {
        uint64_t w[BLOCK];
        from = (past - 1) / BLOCK * BLOCK;
        tg_fast_words(c->seed, c->counter, from, past - from, w);
        for (size_t k = from; k < past; k++) {
            w[k - from] = scaled(w[k - from], k + 1);
            __builtin_prefetch(&y[w[k - from]], 1);
        }
        for (size_t k = past; k-- > (from ? from : 1);) {
            const size_t  j     = (size_t)w[k - from];
            const int64_t other = y[j];
            y[j]                = y[k];
            y[k]                = other;
        }
    }
    return TG_OK;
}

const tg_op tg_op_randperm = {
    .name = "randperm", .arity = 0, .flags = TG_OP_RANDOM, .infer = tg_random_infer, .run = randperm_run, .batch = tg_batch_each};

tg_tensor *tg_randperm(tg_tape *tape, int64_t n)
{
    if (!tape) return NULL;
    if (n < 0) return tg_fail_on(tape, TG_ERR_ARG, "tg_randperm", "the number of elements is %lld", (long long)n), NULL;
    return tg_record_random(tape, "tg_randperm", &tg_op_randperm, TG_SHAPE(n), (tg_random_attr){.dtype = TG_I64});
}
