/* rng.c - Philox4x32-10 and what is made of its words; rng.h defines which number comes from where. */
#define _GNU_SOURCE

#include "tensor/normal_pair.h"
#include "tensor/rng.h"

#include <math.h>
#include <string.h>

/* One round: two 32×32→64-bit products; their high halves are mixed with the other words and the key, and the words
 * change places. The constants are those of the paper; the key grows by the golden ratio and by sqrt(3) - 1. */
void tg_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        const uint64_t p = (uint64_t)0xD2511F53u * c0, q = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(q >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)q;
        c2 = (uint32_t)(p >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

void tg_rng_block(uint64_t seed, uint64_t counter, uint32_t purpose, uint32_t half, uint32_t out[4])
{
    const uint32_t c[4] = {(uint32_t)counter, (uint32_t)(counter >> 32), purpose, half};
    const uint32_t k[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    tg_philox(c, k, out);
}

/* ---- the four elements of one block -------------------------------------------------------------------------------
 */

typedef void (*make_four)(uint64_t seed, uint64_t counter, const void *param, void *out);

static void uniform_f32(uint64_t seed, uint64_t counter, const void *param, void *out)
{
    (void)param;
    uint32_t w[4];
    float   *o = out;
    tg_rng_block(seed, counter, TG_RNG_TAPE, 0, w);
    for (int i = 0; i < 4; i++) o[i] = (float)(w[i] >> 8) * 0x1p-24f;
}

static void words_64(uint64_t seed, uint64_t counter, const void *param, void *out)
{
    (void)param;
    uint32_t  high[4], low[4];
    uint64_t *o = out;
    tg_rng_block(seed, counter, TG_RNG_TAPE, 0, high);
    tg_rng_block(seed, counter, TG_RNG_TAPE, 1, low);
    for (int i = 0; i < 4; i++) o[i] = (uint64_t)high[i] << 32 | low[i];
}

/* 53 random bits for each element. */
static void words_53(uint64_t seed, uint64_t counter, uint64_t out[4])
{
    words_64(seed, counter, NULL, out);
    for (int i = 0; i < 4; i++) out[i] >>= 11;
}

static void uniform_f64(uint64_t seed, uint64_t counter, const void *param, void *out)
{
    (void)param;
    uint64_t w[4];
    double  *o = out;
    words_53(seed, counter, w);
    for (int i = 0; i < 4; i++) o[i] = (double)w[i] * 0x1p-53;
}

static void normal_f32(uint64_t seed, uint64_t counter, const void *param, void *out)
{
    (void)param;
    uint32_t w[4];
    float   *o = out;
    tg_rng_block(seed, counter, TG_RNG_TAPE, 0, w);
    for (int i = 0; i < 4; i += 2) tg_normal_pair(w[i], w[i + 1], &o[i], &o[i + 1]);
}

/* sqrt(-2 ln u) (cos a, sin a), u in (0, 1], a in [0, 2 pi) */
static void normal_f64(uint64_t seed, uint64_t counter, const void *param, void *out)
{
    (void)param;
    uint64_t w[4];
    double  *o = out;
    words_53(seed, counter, w);
    for (int i = 0; i < 4; i += 2) {
        const double r = sqrt(-2.0 * log((double)(w[i] + 1) * 0x1p-53));
        const double a = (double)w[i + 1] * (0x1p-53 * 6.283185307179586477);
        o[i]           = r * cos(a);
        o[i + 1]       = r * sin(a);
    }
}

static void bernoulli(uint64_t seed, uint64_t counter, const void *param, void *out)
{
    const uint64_t threshold = *(const uint64_t *)param;
    uint32_t       w[4];
    uint8_t       *o = out;
    tg_rng_block(seed, counter, TG_RNG_TAPE, 0, w);
    for (int i = 0; i < 4; i++) o[i] = w[i] < threshold;
}

/* ---- fills --------------------------------------------------------------------------------------------------------
 */

/* Whole blocks go straight to their place, the ragged ones at both ends by way of a buffer. */
static void fill(make_four make, size_t item, uint64_t seed, uint64_t counter, const void *param, size_t first,
                 size_t n, void *out)
{
    char *to = out;
    while (n > 0) {
        const uint64_t block = counter + first / 4;
        const size_t   skip = first % 4, take = n < 4 - skip ? n : 4 - skip;
        if (take == 4) {
            make(seed, block, param, to);
        } else {
            double four[4];
            make(seed, block, param, four);
            memcpy(to, (char *)four + skip * item, take * item);
        }
        to += take * item;
        first += take;
        n -= take;
    }
}

void tg_rng_uniform(uint64_t seed, uint64_t counter, tg_dtype dtype, size_t first, size_t n, void *out)
{
    if (dtype == TG_F32) fill(uniform_f32, sizeof(float), seed, counter, NULL, first, n, out);
    if (dtype == TG_F64) fill(uniform_f64, sizeof(double), seed, counter, NULL, first, n, out);
}

void tg_rng_normal(uint64_t seed, uint64_t counter, tg_dtype dtype, size_t first, size_t n, void *out)
{
    if (dtype == TG_F32) fill(normal_f32, sizeof(float), seed, counter, NULL, first, n, out);
    if (dtype == TG_F64) fill(normal_f64, sizeof(double), seed, counter, NULL, first, n, out);
}

void tg_rng_bernoulli(uint64_t seed, uint64_t counter, double p, size_t first, size_t n, uint8_t *out)
{
    const uint64_t threshold = tg_rng_threshold(p);
    fill(bernoulli, 1, seed, counter, &threshold, first, n, out);
}

void tg_rng_words(uint64_t seed, uint64_t counter, size_t first, size_t n, uint64_t *out)
{
    fill(words_64, sizeof *out, seed, counter, NULL, first, n, out);
}

void tg_rng_trial(uint64_t seed, uint64_t counter, size_t e, uint32_t k, double out[2])
{
    uint32_t w[4];
    tg_rng_block(seed, counter + e / 4, TG_RNG_TAPE, 2 + 4 * k + (uint32_t)(e % 4), w);
    for (int i = 0; i < 2; i++)
        out[i] = ((double)((uint64_t)w[2 * i] << 20 | w[2 * i + 1] >> 12) + 0.5) * 0x1p-52; /* the half is exact */
}

/* The remainder of a 64-bit word, unless the word is among the first 2^64 mod bound, which would favour small results.
 */
uint64_t tg_rng_below(uint64_t seed, uint32_t purpose, uint64_t *counter, uint64_t bound)
{
    const uint64_t unfair = -bound % bound;
    for (;;) {
        uint32_t w[4];
        tg_rng_block(seed, (*counter)++, purpose, 0, w);
        for (int i = 0; i < 4; i += 2) {
            const uint64_t x = (uint64_t)w[i] << 32 | w[i + 1];
            if (x >= unfair) return x % bound;
        }
    }
}
