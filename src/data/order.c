/* order.c - the order of an epoch: drawn or shuffled, shared out, sorted by length within pools. Each begins from nothing but seed and epoch. */
#include "data/order.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "tensor/fpenv.h"
#include "tensor/rng.h"

/* ---- room ---------------------------------------------------------------------------------------------------------- */

static size_t list_bytes(const tg_order *o) { return (size_t)o->drawn * sizeof *o->list; }
static size_t sums_bytes(const tg_order *o) { return (size_t)tg_samples(o->data) * sizeof *o->sums; }
static int64_t n_blocks(const tg_order *o) { return o->drawn / o->block + (o->drawn % o->block != 0); }
static size_t blocks_bytes(const tg_order *o) { return (size_t)n_blocks(o) * sizeof *o->blocks; }
static int64_t pool_size(const tg_order *o) { return o->pool < o->count ? o->pool : o->count; }
static size_t keyed_bytes(const tg_order *o) { return (size_t)pool_size(o) * sizeof *o->keyed; }

static bool add_weights(tg_order *o, const double *weights, const char *function)
{
    tg_tape *t = o->data->tape;
    double   sum = 0;
    if (!(o->sums = tg_tape_alloc(t, sums_bytes(o)))) return false;
    const tg_fpenv host = tg_fpenv_enter();
    for (int64_t i = 0; i < tg_samples(o->data); i++) o->sums[i] = sum += weights[i];
    tg_fpenv_leave(host);
    for (int64_t i = 0; i < tg_samples(o->data); i++) {
        if (!(weights[i] >= 0) || isinf(weights[i])) {
            tg_fail_on(t, TG_ERR_ARG, function, "weight %" PRId64 " is %g: weights are 0 or more, and finite", i, weights[i]);
            return false;
        }
    }
    if (sum > 0 && isfinite(sum)) return true;
    tg_fail_on(t, TG_ERR_ARG, function, "the weights add up to %g: no sample can be drawn by them", sum);
    return false;
}

bool tg_order_open(tg_order *o, const double *weights, const char *function)
{
    tg_tape *t = o->data->tape;
    size_t   bytes;
    if (o->drawn > 0 && (o->shuffle || weights || o->pool)) {
        if (tg_shape_size(&(tg_shape){1, {o->drawn}}, TG_I64, NULL, &bytes) != TG_OK) {
            tg_fail_on(t, TG_ERR_ARG, function, "an epoch of %" PRId64 " samples is longer than any memory holds", o->drawn);
            return false;
        }
        if (!(o->list = tg_tape_alloc(t, list_bytes(o)))) return false;
    }
    if (o->drawn > 0 && weights && !add_weights(o, weights, function)) return false;
    if (o->list && o->block && !(o->blocks = tg_tape_alloc(t, blocks_bytes(o)))) return false;
    if (!o->list || !o->pool) return true;
    if (__builtin_mul_overflow((size_t)pool_size(o), sizeof *o->keyed, &bytes)) {
        tg_out_of_memory(t, function);
        return false;
    }
    return (o->keyed = tg_tape_alloc(t, bytes)) != NULL;
}

void tg_order_close(tg_order *o)
{
    tg_tape *t = o->data->tape;
    if (o->keyed) tg_tape_free_bytes(t, o->keyed, keyed_bytes(o));
    if (o->blocks) tg_tape_free_bytes(t, o->blocks, blocks_bytes(o));
    if (o->sums) tg_tape_free_bytes(t, o->sums, sums_bytes(o));
    if (o->list) tg_tape_free_bytes(t, o->list, list_bytes(o));
}

/* ---- which samples ------------------------------------------------------------------------------------------------- */

/* The first sample whose sum is more than u: one of weight 0 adds nothing to the sum before it, and is never that. */
static int64_t find_sum(const double *sums, int64_t n, double u)
{
    int64_t low = 0, high = n - 1;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (sums[middle] > u) high = middle;
        else low = middle + 1;
    }
    return low;
}

static void draw(const tg_order *o, uint64_t epoch)
{
    const int64_t n = tg_samples(o->data);
    const double  sum = o->sums[n - 1], below = nextafter(sum, 0); /* a product may be rounded up to the whole sum */
    for (int64_t k = 0; k < o->drawn; k++) {
        tg_chance s = tg_chance_of(tg_epoch_seed(o->seed, epoch), (uint64_t)k, TG_RNG_SHUFFLE);
        o->list[k] = find_sum(o->sums, n, fmin(tg_chance_uniform(&s) * sum, below));
    }
}

/* Blocks in random order, and within each its samples. */
static void shuffle_blocks(const tg_order *o, uint64_t epoch)
{
    const uint64_t seed = tg_epoch_seed(o->seed, epoch);
    int64_t        used = 0;
    for (int64_t b = 0; b < n_blocks(o); b++) o->blocks[b] = b;
    tg_shuffle(o->blocks, n_blocks(o), seed, TG_RNG_SHUFFLE, 0);
    for (int64_t b = 0; b < n_blocks(o); b++) {
        const int64_t first = o->blocks[b] * o->block, n = o->drawn - first < o->block ? o->drawn - first : o->block;
        for (int64_t k = 0; k < n; k++) o->list[used + k] = first + k;
        tg_shuffle(o->list + used, n, seed, TG_RNG_SHUFFLE, (uint64_t)(b + 1) << 32);
        used += n;
    }
}

static void choose(const tg_order *o, uint64_t epoch)
{
    if (o->sums) draw(o, epoch);
    else if (o->blocks) shuffle_blocks(o, epoch);
    else {
        for (int64_t i = 0; i < o->drawn; i++) o->list[i] = i;
        if (o->shuffle) tg_shuffle(o->list, o->drawn, o->seed, TG_RNG_SHUFFLE, epoch << 40);
    }
}

/* ---- shared out, sorted --------------------------------------------------------------------------------------------- */

/* Keeps this worker's samples. Where they don't come out even the last one is one of the first: all workers have as many. */
static void share_out(const tg_order *o)
{
    const int64_t last = o->rank + (o->count - 1) * o->of, wrapped = o->list[last % o->drawn];
    for (int64_t k = 0; k + 1 < o->count; k++) o->list[k] = o->list[o->rank + k * o->of];
    o->list[o->count - 1] = wrapped;
}

/* Each pool by length, so that batches are of sequences about as long; then whole batches in random order, lest the short ones come first. */
static void sort_pools(const tg_order *o, uint64_t epoch)
{
    for (int64_t first = 0; first < o->count; first += o->pool) {
        const int64_t n = o->count - first < o->pool ? o->count - first : o->pool;
        for (int64_t k = 0; k < n; k++) {
            const int64_t sample = o->list[first + k];
            o->keyed[k] = (tg_keyed){o->data->kind->length(o->data, sample), k, sample};
        }
        tg_sort_by_key(o->keyed, n);
        for (int64_t k = 0; k < n; k++) o->list[first + k] = o->keyed[k].sample;
        if (o->count - first <= o->pool) break;
    }
    uint64_t counter = 0;
    for (int64_t b = o->count / o->batch - 1; o->shuffle && b > 0; b--) {
        const uint64_t other = tg_rng_below(tg_epoch_seed(o->seed, epoch), TG_RNG_BATCH, &counter, (uint64_t)b + 1);
        int64_t       *p = o->list + b * o->batch, *q = o->list + (int64_t)other * o->batch;
        for (int64_t k = 0; k < o->batch; k++) {
            const int64_t sample = p[k];
            p[k] = q[k];
            q[k] = sample;
        }
    }
}

void tg_order_make(tg_order *o, uint64_t epoch)
{
    if (!o->list || o->count == 0) return;
    choose(o, epoch);
    if (o->of > 1) share_out(o);
    if (o->pool) sort_pools(o, epoch);
}
