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
