/* random_base.c - the words for any CPU, which ones an instruction set has, and what is drawn with them. */
#define WORDS       tg_words_base
#define VECTOR_SIZE 16
#include "kernels/random_loops.h"

tg_words_fn tg_isa_words(tg_isa isa)
{
    const tg_words_fn table[TG_NISAS] = {tg_words_base, tg_words_avx2, tg_words_avx512};
    return tg_isa_has(isa) ? table[isa] : NULL;
}

void tg_fast_bernoulli(uint64_t seed, uint64_t counter, double p, size_t first, size_t n, uint8_t *out)
{
    enum { BLOCKS = 256 };
    const tg_words_fn draw = tg_isa_words(tg_isa_best());
    const size_t      ragged = first % 4 ? 4 - first % 4 : 0, before = ragged < n ? ragged : n;
    const uint64_t    threshold = tg_rng_threshold(p);
    const uint32_t    most = (uint32_t)(threshold - 1);
    uint32_t          words[4 * BLOCKS];
    if (threshold == 0) memset(out, 0, n);
    else tg_rng_bernoulli(seed, counter, p, first, before, out);
    for (size_t done = threshold ? before : n; done < n;) {
        const size_t take = n - done < 4 * BLOCKS ? n - done : 4 * BLOCKS;
        draw(seed, counter + (first + done) / 4, (take + 3) / 4, words);
        for (size_t k = 0; k < take; k++) out[done + k] = words[k] <= most;
        done += take;
    }
}
