/* chance.c - the random numbers of one sample. */
#include "data/chance.h"

#include <math.h>

#include "tensor/rng.h"

uint32_t tg_chance_word(tg_chance *s)
{
    if (s->used == 4) {
        tg_rng_block(s->seed, s->sample, s->purpose, s->block++, s->word);
        s->used = 0;
    }
    return s->word[s->used++];
}

static uint64_t two_words(tg_chance *s)
{
    const uint64_t high = tg_chance_word(s);
    return high << 32 | tg_chance_word(s);
}

double tg_chance_uniform(tg_chance *s) { return s ? (double)(two_words(s) >> 11) * 0x1p-53 : NAN; }

/* Box and Muller: the radius from a number in (0, 1], the angle from one in [0, 1). */
double tg_chance_normal(tg_chance *s)
{
    if (!s) return NAN;
    const double u = 1 - tg_chance_uniform(s), angle = 6.283185307179586477 * tg_chance_uniform(s);
    return sqrt(-2 * log(u)) * cos(angle);
}

/* Pairs in single precision, as rng.h has them: both numbers that a radius and an angle make are used. */
void tg_chance_add_noise(tg_chance *s, float *x, size_t n, float deviation)
{
    for (size_t k = 0; k < n; k += 2) {
        const float radius = deviation * sqrtf(-2 * logf(((float)tg_chance_word(s) + 1) * 0x1p-32f));
        const float angle = (float)(tg_chance_word(s) >> 8) * (0x1p-24f * 6.28318531f);
        x[k] += radius * cosf(angle);
        if (k + 1 < n) x[k + 1] += radius * sinf(angle);
    }
}

/* The remainder of a 64-bit word, unless the word is among the first 2^64 mod bound, which would favour small results. */
int64_t tg_chance_below(tg_chance *s, int64_t bound)
{
    if (!s || bound < 1) return -1;
    const uint64_t n = (uint64_t)bound, unfair = -n % n;
    uint64_t       x;
    do x = two_words(s);
    while (x < unfair);
    return (int64_t)(x % n);
}

uint64_t tg_epoch_seed(uint64_t seed, uint64_t epoch)
{
    tg_chance s = tg_chance_of(seed, epoch, TG_RNG_EPOCH);
    return two_words(&s);
}
