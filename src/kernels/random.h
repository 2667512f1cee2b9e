/* random.h - the words of the random stream (tensor/rng.h) by the vector units of the CPU at hand: the same, several blocks at a time.
 *
 * Compiled once for each instruction set (random_base.c, random_avx2.c, random_avx512.c) from random_loops.h. */
#ifndef TG_RANDOM_KERNELS_H
#define TG_RANDOM_KERNELS_H

#include "kernels/kernels.h"

/* Four words for each of n blocks, from the block `counter` on: those of tg_rng_block for the tape's purpose and half 0. */
typedef void (*tg_words_fn)(uint64_t seed, uint64_t counter, size_t n, uint32_t *words);

tg_words_fn tg_isa_words(tg_isa isa); /* NULL where CPU or build lack the instruction set */

/* As tg_rng_bernoulli. */
void tg_fast_bernoulli(uint64_t seed, uint64_t counter, double p, size_t first, size_t n, uint8_t *out);

/* Between the files of this folder; NULL: not in this build. */
extern const tg_words_fn tg_words_base, tg_words_avx2, tg_words_avx512;

#endif
