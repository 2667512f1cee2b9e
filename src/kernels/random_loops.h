/* random_loops.h - the loops of one instruction set: included by random_base.c, random_avx2.c and random_avx512.c, which define RANDOM_LOOPS (the
 * table to make) and VECTOR_SIZE (bytes). */
#include "kernels/random.h"

#include "kernels/vectors.h"
#include "tensor/normal_pair.h"
#include "tensor/rng.h"

typedef uint64_t lanes __attribute__((vector_size(VECTOR_SIZE)));

/* A word is the lower half of a lane, of which this is the product; the upper halves of x hold anything. */
#if VECTOR_SIZE == 64
#define LANES 8
INLINE lanes product(lanes x, lanes by) { return (lanes)_mm512_mul_epu32((__m512i)x, (__m512i)by); }
#elif VECTOR_SIZE == 32
#define LANES 4
INLINE lanes product(lanes x, lanes by) { return (lanes)_mm256_mul_epu32((__m256i)x, (__m256i)by); }
#else
#define LANES 2
INLINE lanes product(lanes x, lanes by) { return (x & 0xFFFFFFFFu) * by; }
#endif

/* The rounds of tg_philox, of as many blocks as there are lanes. */
INLINE void rounds(lanes c[4], uint32_t k0, uint32_t k1)
{
    const lanes zero = {0};
    UNROLL for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
        const lanes p = product(c[0], zero + 0xD2511F53u), q = product(c[2], zero + 0xCD9E8D57u);
        c[0] = (q >> 32) ^ c[1] ^ (zero + k0);
        c[1] = q;
        c[2] = (p >> 32) ^ c[3] ^ (zero + k1);
        c[3] = p;
    }
}

static void words(uint64_t seed, const tg_random_blocks *from, size_t n, uint32_t *out)
{
    const lanes zero = {0};
    lanes       number = zero;
    for (size_t k = 0; k < LANES; k++) number[k] = k;
    size_t block = 0;
    for (; block + LANES <= n; block += LANES, out += 4 * LANES) {
        const lanes k = number + block, at = from->counter_step * k + from->counter, half = (from->half_step * k + from->half) & 0xFFFFFFFFu;
        lanes       c[4] = {at, at >> 32, zero, half};
        rounds(c, (uint32_t)seed, (uint32_t)(seed >> 32));
        const lanes front = (c[0] & 0xFFFFFFFFu) | c[1] << 32, back = (c[2] & 0xFFFFFFFFu) | c[3] << 32;
        const lanes low = LOW(LANES, front, back), high = HIGH(LANES, front, back);
        memcpy(out, &low, sizeof low);
        memcpy(out + 2 * LANES, &high, sizeof high);
    }
    for (; block < n; block++, out += 4)
        tg_rng_block(seed, from->counter + from->counter_step * block, TG_RNG_TAPE, (uint32_t)(from->half + from->half_step * block), out);
}

/* Of this the compiler makes vectors. */
static void normals(size_t pairs, const uint32_t *w, float *out)
{
    for (size_t k = 0; k < pairs; k++) tg_normal_pair(w[2 * k], w[2 * k + 1], &out[2 * k], &out[2 * k + 1]);
}

const tg_random_loops RANDOM_LOOPS = {words, normals};
