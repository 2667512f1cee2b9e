/* test_words.c - the words of the random stream by the loops of every instruction set, and what is drawn with them: those of tensor/rng.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "kernels/random.h"
#include "tensor/rng.h"

enum { MOST = 3000 };

static void test_words(void **state)
{
    static const uint64_t seeds[] = {0, 7, UINT64_C(0x123456789ABCDEF0), UINT64_MAX}, counters[] = {0, 5, UINT32_MAX - 10, UINT64_MAX - 20};
    static uint32_t       got[4 * 70], want[4];
    (void)state;
    for (tg_isa isa = TG_ISA_BASE; isa < TG_NISAS; isa++) {
        const tg_words_fn draw = tg_isa_words(isa);
        for (size_t k = 0; draw && k < 16; k++)
            for (size_t n = 0; n < 70; n = 2 * n + 1) {
                got[4 * n] = 99;
                draw(seeds[k % 4], counters[k / 4], n, got);
                for (size_t b = 0; b < n; b++) {
                    tg_rng_block(seeds[k % 4], counters[k / 4] + b, TG_RNG_TAPE, 0, want);
                    assert_memory_equal(got + 4 * b, want, sizeof want);
                }
                assert_int_equal(got[4 * n], 99); /* and not beyond */
            }
    }
}

static void test_bernoulli(void **state)
{
    static const double   p[] = {0, 1e-300, 1e-10, 0.3, 0.5, 1 - 1e-11, 1, -1, 2, (double)NAN};
    static const size_t   sizes[] = {0, 1, 3, 4, 5, 1023, 1024, 1030, MOST};
    static uint8_t        got[MOST + 1], want[MOST];
    (void)state;
    for (size_t i = 0; i < sizeof p / sizeof *p; i++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
            for (size_t first = 0; first < 6; first++) {
                const size_t n = sizes[s];
                got[n] = 7;
                tg_fast_bernoulli(11, 3, p[i], first, n, got);
                tg_rng_bernoulli(11, 3, p[i], first, n, want);
                assert_memory_equal(got, want, n);
                assert_int_equal(got[n], 7);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_words), cmocka_unit_test(test_bernoulli)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
