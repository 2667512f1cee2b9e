/* test_words.c - the words of the random stream by the loops of every instruction set, and what is drawn with them: those of tensor/rng.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "kernels/random.h"
#include "tensor/normal_pair.h"
#include "tensor/rng.h"

enum { MOST = 3000 };

/* Blocks one behind the other by their counter, and by their half. */
static void test_words(void **state)
{
    static const uint64_t seeds[] = {0, 7, UINT64_C(0x123456789ABCDEF0), UINT64_MAX}, counters[] = {0, 5, UINT32_MAX - 10, UINT64_MAX - 20};
    static uint32_t       got[4 * 70], want[4];
    (void)state;
    for (tg_isa isa = TG_ISA_BASE; isa < TG_NISAS; isa++) {
        const tg_random_loops *l = tg_isa_random(isa);
        for (size_t k = 0; l && k < 32; k++)
            for (size_t n = 0; n < 70; n = 2 * n + 1) {
                const tg_random_blocks from = {counters[k / 4 % 4], k < 16, k < 16 ? k % 3 : UINT32_MAX - 100, k < 16 ? 0 : 4};
                got[4 * n] = 99;
                l->words(seeds[k % 4], &from, n, got);
                for (size_t b = 0; b < n; b++) {
                    tg_rng_block(seeds[k % 4], from.counter + from.counter_step * b, TG_RNG_TAPE, (uint32_t)(from.half + from.half_step * b), want);
                    assert_memory_equal(got + 4 * b, want, sizeof want);
                }
                assert_int_equal(got[4 * n], 99); /* and not beyond */
            }
    }
}

/* To the bit what is made of words one by one, at the ends of their range and between; and near the formula. */
static void test_normals(void **state)
{
    enum { PAIRS = 4001 };
    static uint32_t w[2 * PAIRS];
    static float    got[2 * PAIRS + 1], want[2 * PAIRS];
    (void)state;
    for (uint32_t k = 0; k < 2 * PAIRS; k++) w[k] = k % 5 == 0 ? k / 2 : k % 5 == 1 ? UINT32_MAX - k / 2 : k % 5 == 2 ? 0x80000000u + k - PAIRS : k * 2654435761u;
    for (size_t k = 0; k < PAIRS; k++) {
        const double u = ((double)(float)w[2 * k] + 1) * 0x1p-32, a = (double)(w[2 * k + 1] >> 8) * 0x1p-24 * 6.283185307179586477;
        const double r = sqrt(-2 * log((double)(float)u));
        tg_normal_pair(w[2 * k], w[2 * k + 1], &want[2 * k], &want[2 * k + 1]);
        assert_true(fabs((double)want[2 * k] - r * cos(a)) <= 3e-7 * r && fabs((double)want[2 * k + 1] - r * sin(a)) <= 3e-7 * r);
    }
    for (tg_isa isa = TG_ISA_BASE; isa < TG_NISAS; isa++)
        for (size_t pairs = 0; tg_isa_random(isa) && pairs <= PAIRS; pairs += pairs < 40 ? 1 : 1320) {
            got[2 * pairs] = 99;
            tg_isa_random(isa)->normals(pairs, w, got);
            assert_memory_equal(got, want, 2 * pairs * sizeof *got);
            assert_true(got[2 * pairs] == 99);
        }
}

/* What goes by blocks is what goes element by element, wherever it begins and ends. */
static void test_fast(void **state)
{
    static const size_t sizes[] = {0, 1, 3, 4, 5, 257, 1023, 1024, 1030, MOST};
    static double       got[MOST + 1], want[MOST];
    (void)state;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (size_t first = 0; first < 6; first++) {
            const size_t n = sizes[s];
            for (tg_dtype d = TG_F32; d <= TG_F64; d++) {
                tg_fast_uniform(11, 3, d, first, n, got);
                tg_rng_uniform(11, 3, d, first, n, want);
                assert_memory_equal(got, want, n * tg_dtype_size(d));
                tg_fast_normal(11, 3, d, first, n, got);
                tg_rng_normal(11, 3, d, first, n, want);
                assert_memory_equal(got, want, n * tg_dtype_size(d));
            }
            tg_fast_words(11, 3, first, n, (uint64_t *)got);
            tg_rng_words(11, 3, first, n, (uint64_t *)want);
            assert_memory_equal(got, want, n * sizeof *got);
            got[n] = 7;
            tg_fast_trials(11, 3, first, n, got);
            for (size_t k = 0; k < n; k++) {
                double u[2];
                tg_rng_trial(11, 3, first + k, 0, u);
                assert_true(got[k] == u[0]);
            }
            tg_fast_trials_of(11, 3, first, 9, n, got);
            for (size_t k = 0; k < n; k++) {
                double u[2];
                tg_rng_trial(11, 3, first, (uint32_t)k + 9, u);
                assert_true(got[k] == u[0]);
            }
            assert_true(got[n] == 7);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_words), cmocka_unit_test(test_normals), cmocka_unit_test(test_fast), cmocka_unit_test(test_bernoulli)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
