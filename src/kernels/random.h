/* random.h - the words of the random stream (tensor/rng.h), and what is drawn with them, by the vector units of the CPU at hand: the same, several blocks
 * at a time.
 *
 * Compiled once for each instruction set (random_base.c, random_avx2.c, random_avx512.c) from random_loops.h. */
#ifndef TG_RANDOM_KERNELS_H
#define TG_RANDOM_KERNELS_H

#include "kernels/kernels.h"

/* Blocks of the tape's purpose: number k is that of counter + counter_step k and half + half_step k. */
typedef struct tg_random_blocks {
    uint64_t counter, counter_step, half, half_step;
} tg_random_blocks;

/* Four words for each of n blocks: those of tg_rng_block. */
typedef void (*tg_words_fn)(uint64_t seed, const tg_random_blocks *from, size_t n, uint32_t *words);

typedef struct tg_random_loops {
    tg_words_fn words; /* NULL: not in this build */
    void (*normals)(size_t pairs, const uint32_t *words, float *out); /* tg_normal_pair of two words each */
} tg_random_loops;

const tg_random_loops *tg_isa_random(tg_isa isa); /* NULL where CPU or build lack the instruction set */

/* As tg_rng_bernoulli, tg_rng_uniform, tg_rng_normal and tg_rng_words. */
void tg_fast_bernoulli(uint64_t seed, uint64_t counter, double p, size_t first, size_t n, uint8_t *out);
void tg_fast_uniform(uint64_t seed, uint64_t counter, tg_dtype dtype, size_t first, size_t n, void *out);
void tg_fast_normal(uint64_t seed, uint64_t counter, tg_dtype dtype, size_t first, size_t n, void *out);
void tg_fast_words(uint64_t seed, uint64_t counter, size_t first, size_t n, uint64_t *out);

/* The first number of trial 0 of n elements; of n trials, from number `trial` on, of one element. */
void tg_fast_trials(uint64_t seed, uint64_t counter, size_t first, size_t n, double *out);
void tg_fast_trials_of(uint64_t seed, uint64_t counter, size_t element, size_t trial, size_t n, double *out);

/* Between the files of this folder. */
extern const tg_random_loops tg_random_base, tg_random_avx2, tg_random_avx512;

#endif
