/* random_base.c - random numbers for any CPU, which loops an instruction set has, and what is drawn with them. */
#define RANDOM_LOOPS tg_random_base
#define VECTOR_SIZE  16
#include "kernels/random_loops.h"

const tg_random_loops *tg_isa_random(tg_isa isa)
{
    const tg_random_loops *table[TG_NISAS] = {&tg_random_base, &tg_random_avx2, &tg_random_avx512};
    return tg_isa_has(isa) && table[isa]->words ? table[isa] : NULL;
}

/* Elements are drawn four to a block, some blocks at once; those of the first block that are not wanted come by `ragged`. */
enum { BLOCKS = 256 };
static size_t before_block(size_t first, size_t n)
{
    const size_t ragged = first % 4 ? 4 - first % 4 : 0;
    return ragged < n ? ragged : n;
}

static void draw(const tg_random_loops *l, uint64_t seed, uint64_t counter, uint32_t half, size_t blocks, uint32_t *words)
{
    l->words(seed, &(tg_random_blocks){counter, 1, half, 0}, blocks, words);
}

void tg_fast_bernoulli(uint64_t seed, uint64_t counter, double p, size_t first, size_t n, uint8_t *out)
{
    const tg_random_loops *l = tg_isa_random(tg_isa_best());
    const size_t           before = before_block(first, n);
    const uint64_t         threshold = tg_rng_threshold(p);
    const uint32_t         most = (uint32_t)(threshold - 1);
    uint32_t               words[4 * BLOCKS];
    if (threshold == 0) memset(out, 0, n);
    else tg_rng_bernoulli(seed, counter, p, first, before, out);
    for (size_t done = threshold ? before : n; done < n;) {
        const size_t take = n - done < 4 * BLOCKS ? n - done : 4 * BLOCKS;
        draw(l, seed, counter + (first + done) / 4, 0, (take + 3) / 4, words);
        for (size_t k = 0; k < take; k++) out[done + k] = words[k] <= most;
        done += take;
    }
}

void tg_fast_uniform(uint64_t seed, uint64_t counter, tg_dtype dtype, size_t first, size_t n, void *out)
{
    const tg_random_loops *l = tg_isa_random(tg_isa_best());
    float                 *to = out;
    uint32_t               words[4 * BLOCKS];
    size_t                 done = dtype == TG_F32 ? before_block(first, n) : n;
    tg_rng_uniform(seed, counter, dtype, first, done, out);
    while (done < n) {
        const size_t take = n - done < 4 * BLOCKS ? n - done : 4 * BLOCKS;
        draw(l, seed, counter + (first + done) / 4, 0, (take + 3) / 4, words);
        for (size_t k = 0; k < take; k++) to[done + k] = (float)(int32_t)(words[k] >> 8) * 0x1p-24f;
        done += take;
    }
}

/* Those of the last block that are not whole come one by one, too: two words make two numbers. */
void tg_fast_normal(uint64_t seed, uint64_t counter, tg_dtype dtype, size_t first, size_t n, void *out)
{
    const tg_random_loops *l = tg_isa_random(tg_isa_best());
    float                 *to = out;
    uint32_t               words[4 * BLOCKS];
    size_t                 done = dtype == TG_F32 ? before_block(first, n) : n;
    tg_rng_normal(seed, counter, dtype, first, done, out);
    while (n - done >= 4) {
        const size_t blocks = (n - done) / 4 < BLOCKS ? (n - done) / 4 : BLOCKS;
        draw(l, seed, counter + (first + done) / 4, 0, blocks, words);
        l->normals(2 * blocks, words, to + done);
        done += 4 * blocks;
    }
    if (done < n) tg_rng_normal(seed, counter, dtype, first + done, n - done, to + done);
}

void tg_fast_words(uint64_t seed, uint64_t counter, size_t first, size_t n, uint64_t *out)
{
    const tg_random_loops *l = tg_isa_random(tg_isa_best());
    uint32_t               high[4 * BLOCKS], low[4 * BLOCKS];
    size_t                 done = before_block(first, n);
    tg_rng_words(seed, counter, first, done, out);
    while (done < n) {
        const size_t take = n - done < 4 * BLOCKS ? n - done : 4 * BLOCKS;
        draw(l, seed, counter + (first + done) / 4, 0, (take + 3) / 4, high);
        draw(l, seed, counter + (first + done) / 4, 1, (take + 3) / 4, low);
        for (size_t k = 0; k < take; k++) out[done + k] = (uint64_t)high[k] << 32 | low[k];
        done += take;
    }
}

/* As tg_rng_trial makes it of a block. */
static double first_number(const uint32_t w[4]) { return ((double)((int64_t)w[0] << 20 | w[1] >> 12) + 0.5) * 0x1p-52; }

/* The trials of four elements are those of blocks of one counter, and of four halves. */
void tg_fast_trials(uint64_t seed, uint64_t counter, size_t first, size_t n, double *out)
{
    const tg_random_loops *l = tg_isa_random(tg_isa_best());
    uint32_t               words[4 * BLOCKS];
    size_t                 done = 0;
    for (const size_t before = before_block(first, n); done < before; done++) {
        double u[2];
        tg_rng_trial(seed, counter, first + done, 0, u);
        out[done] = u[0];
    }
    while (done < n) {
        const size_t take = n - done < 4 * BLOCKS ? n - done : 4 * BLOCKS;
        for (uint32_t e = 0; e < 4; e++) {
            draw(l, seed, counter + (first + done) / 4, 2 + e, (take + 3) / 4, words);
            for (size_t k = e; k < take; k += 4) out[done + k] = first_number(words + k - e);
        }
        done += take;
    }
}

void tg_fast_trials_of(uint64_t seed, uint64_t counter, size_t element, size_t trial, size_t n, double *out)
{
    const tg_random_loops *l = tg_isa_random(tg_isa_best());
    uint32_t               words[4 * BLOCKS];
    for (size_t done = 0; done < n;) {
        const size_t take = n - done < BLOCKS ? n - done : BLOCKS;
        l->words(seed, &(tg_random_blocks){counter + element / 4, 0, 2 + 4 * (trial + done) + element % 4, 4}, take, words);
        for (size_t k = 0; k < take; k++) out[done + k] = first_number(words + 4 * k);
        done += take;
    }
}
