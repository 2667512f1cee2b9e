/* chance.h - random numbers that belong to one sample: a function of (seed, sample) and of how many were taken before, so that they are the same
 * whatever thread, order or batch the sample comes in. */
#ifndef TG_CHANCE_H
#define TG_CHANCE_H

#include <tapegrad/data.h>

struct tg_chance {
    uint64_t seed, sample;
    uint32_t purpose; /* of rng.h */
    uint32_t block;   /* the next of four words */
    uint32_t word[4];
    int      used;    /* of word */
};

static inline tg_chance tg_chance_of(uint64_t seed, uint64_t sample, uint32_t purpose)
{
    return (tg_chance){.seed = seed, .sample = sample, .purpose = purpose, .used = 4};
}

uint32_t tg_chance_word(tg_chance *s);

/* Adds normal numbers of this standard deviation to n floats. */
void tg_chance_add_noise(tg_chance *s, float *x, size_t n, float deviation);

/* A seed for each epoch, made from the one that the caller chose. */
uint64_t tg_epoch_seed(uint64_t seed, uint64_t epoch);

#endif
