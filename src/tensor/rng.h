/* rng.h - random numbers as a function of (seed, counter): Philox4x32-10. Salmon, Moraes, Dror, Shaw 2011.
 *
 * The stream of a seed is a sequence of blocks, one for each value of a counter. A tensor filled from `counter` takes
 * one counter step per 4 elements, whatever the dtype and distribution: element e is made from block counter + e/4. So
 * element e does not depend on how a tensor is cut into pieces, and a fill of n elements uses up tg_rng_steps(n)
 * counter steps.
 *
 * The key of Philox is the seed. Its 128-bit counter is {counter low, counter high, purpose, half}: `purpose` keeps
 * apart the streams of the tape (0) and of others that share a seed (shuffling, synthetic data); `half` gives an
 * element its second word where 32 bits are not enough:
 *
 *   uniform f32   word e%4 of half 0, its top 24 bits
 *   uniform f64   word e%4 of half 0 and the same word of half 1 together, the top 53 bits
 *   words         64 bits: word e%4 of half 0 and, below it, that of half 1
 *   trial k       a block of the element's own: half 2 + 4 k + e%4; two numbers of 52 bits, for draws that may need many
 *   normal        Box-Muller on pairs of elements (0,1) and (2,3) of the block: the radius from the
 *                 first one's uniform number, moved to (0, 1], the angle from the second one's; each dtype in its own
 *                 precision, f32 in arithmetic that is the same on every CPU (normal_pair.h) */
#ifndef TG_RNG_H
#define TG_RNG_H

#include <tapegrad/base.h>

/* Purposes: the tape's ops; the order of samples; drawn digits; a seed for each epoch; what is drawn for a sample, and for a batch; which
 * samples come into which part of a data set. */
enum { TG_RNG_TAPE = 0, TG_RNG_SHUFFLE, TG_RNG_DATA, TG_RNG_EPOCH, TG_RNG_SAMPLE, TG_RNG_BATCH, TG_RNG_SPLIT };

/* The bare function: 10 rounds on a 128-bit counter under a 64-bit key. out may be counter. */
void tg_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* One block of four words. */
void tg_rng_block(uint64_t seed, uint64_t counter, uint32_t purpose, uint32_t half, uint32_t out[4]);

/* How many counter steps n elements take. */
static inline uint64_t tg_rng_steps(size_t n) { return (uint64_t)n / 4 + (n % 4 != 0); }

/* Elements first … first + n - 1 of the tensor that starts at `counter`, into out[0] … out[n-1]. dtype is f32 or f64
 * (anything else writes nothing). Uniform in [0, 1); normal with mean 0 and variance 1, always finite. */
void tg_rng_uniform(uint64_t seed, uint64_t counter, tg_dtype dtype, size_t first, size_t n, void *out);
void tg_rng_normal(uint64_t seed, uint64_t counter, tg_dtype dtype, size_t first, size_t n, void *out);

/* One byte each, 1 with probability p (to 32 bits; exact for p <= 0 and p >= 1; NaN counts as 0), else 0: word e%4 of
 * half 0 < p 2^32. */
void tg_rng_bernoulli(uint64_t seed, uint64_t counter, double p, size_t first, size_t n, uint8_t *out);

/* The number that a word is below with this probability. */
static inline uint64_t tg_rng_threshold(double p) { return !(p > 0) ? 0 : p >= 1 ? (uint64_t)1 << 32 : (uint64_t)(p * 0x1p32 + 0.5); }

/* 64 random bits for each element. */
void tg_rng_words(uint64_t seed, uint64_t counter, size_t first, size_t n, uint64_t *out);

/* The two numbers of trial k of element e of the tensor that starts at `counter`, in (0, 1); k < 2^29. */
void tg_rng_trial(uint64_t seed, uint64_t counter, size_t e, uint32_t k, double out[2]);

/* An unbiased integer in 0 … bound-1 (bound >= 1) for shuffling; takes the words of block *counter of the purpose and
 * moves *counter on. */
uint64_t tg_rng_below(uint64_t seed, uint32_t purpose, uint64_t *counter, uint64_t bound);

#endif
