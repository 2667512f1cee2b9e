/* test_rng.c - the random stream: published vectors, independence of how it is cut, and its distributions. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/rng.h"

enum { SEED = 12345, N = 1 << 20 };

/* The three lines "philox4x32 10" of kat_vectors in Random123. */
static void known_answers(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } cases[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t out[4];
        tg_philox(cases[i].counter, cases[i].key, out);
        assert_memory_equal(out, cases[i].out, sizeof out);
    }
    /* and how seed, counter, purpose and half go in: the last line again */
    uint32_t out[4];
    tg_rng_block(0x299f31d0a4093822, 0x85a308d3243f6a88, 0x13198a2e, 0x03707344, out);
    assert_memory_equal(out, cases[2].out, sizeof out);
}

/* The numbers follow from the words as rng.h says; this pins the stream for ever. */
static void elements_follow_from_words(void **state)
{
    (void)state;
    float   f[7], nf[7];
    double  d[7], nd[7];
    uint8_t b[7];
    tg_rng_uniform(SEED, 40, TG_F32, 0, 7, f);
    tg_rng_uniform(SEED, 40, TG_F64, 0, 7, d);
    tg_rng_normal(SEED, 40, TG_F32, 0, 7, nf);
    tg_rng_normal(SEED, 40, TG_F64, 0, 7, nd);
    tg_rng_bernoulli(SEED, 40, 0.25, 0, 7, b);
    for (size_t e = 0; e < 7; e++) {
        uint32_t w[4], v[4];
        tg_rng_block(SEED, 40 + e / 4, TG_RNG_TAPE, 0, w);
        tg_rng_block(SEED, 40 + e / 4, TG_RNG_TAPE, 1, v);
        const size_t k = e % 4, p = k & 2u;
        assert_true(f[e] == (float)(w[k] / 256) / 16777216.0f);
        assert_true(d[e] == (double)((uint64_t)w[k] * 2097152 + v[k] / 2048) / 9007199254740992.0);
        assert_int_equal(b[e], w[k] < 0x40000000u);
        const double u = ((double)w[p] + 1) / 4294967296.0, a = 2 * 3.14159265358979323846 * (w[p + 1] / 4294967296.0);
        const double r = sqrt(-2 * log(u)), z = r * (k % 2 ? sin(a) : cos(a));
        assert_true(fabs((double)nf[e] - z) < 1e-5 * (1 + r));
        assert_true(fabs(nd[e] - z) < 1e-8 * (1 + r));
    }
}

static void steps(void **state)
{
    (void)state;
    const uint64_t want[] = {0, 1, 1, 1, 1, 2, 2, 2, 2, 3};
    for (size_t n = 0; n < 10; n++) assert_int_equal(tg_rng_steps(n), want[n]);
    assert_true(tg_rng_steps(SIZE_MAX) == (uint64_t)1 << 62);
}

typedef void (*fill_fn)(size_t first, size_t n, void *out);
static void uniform32(size_t first, size_t n, void *out) { tg_rng_uniform(SEED, 7, TG_F32, first, n, out); }
static void uniform64(size_t first, size_t n, void *out) { tg_rng_uniform(SEED, 7, TG_F64, first, n, out); }
static void normal32(size_t first, size_t n, void *out) { tg_rng_normal(SEED, 7, TG_F32, first, n, out); }
static void normal64(size_t first, size_t n, void *out) { tg_rng_normal(SEED, 7, TG_F64, first, n, out); }
static void coin(size_t first, size_t n, void *out) { tg_rng_bernoulli(SEED, 7, 0.5, first, n, out); }

static void pieces_equal_the_whole(void **state)
{
    (void)state;
    static const struct {
        fill_fn fill;
        size_t  item;
    } fills[] = {{uniform32, 4}, {uniform64, 8}, {normal32, 4}, {normal64, 8}, {coin, 1}};
    enum { LENGTH = 41 };
    for (size_t i = 0; i < sizeof fills / sizeof *fills; i++) {
        const size_t item = fills[i].item;
        char         whole[LENGTH * 8], piece[LENGTH * 8 + 8];
        fills[i].fill(0, LENGTH, whole);
        for (size_t first = 0; first <= LENGTH; first++) {
            for (size_t n = 0; first + n <= LENGTH; n++) {
                memset(piece, 0x5a, sizeof piece);
                fills[i].fill(first, n, piece);
                assert_memory_equal(piece, whole + first * item, n * item);
                assert_int_equal(piece[n * item], 0x5a); /* and not a byte more */
            }
        }
        /* the next call's stream continues this one: element 4 of counter 7 is element 0 of counter 8 */
    }
    float a[8], b[4];
    tg_rng_uniform(SEED, 7, TG_F32, 0, 8, a);
    tg_rng_uniform(SEED, 8, TG_F32, 0, 4, b);
    assert_memory_equal(a + 4, b, sizeof b);
    tg_rng_uniform(SEED, UINT64_MAX, TG_F32, 4, 4, a); /* the counter goes round */
    tg_rng_uniform(SEED, 0, TG_F32, 0, 4, b);
    assert_memory_equal(a, b, sizeof b);
}

static void seeds_counters_purposes_differ(void **state)
{
    (void)state;
    uint32_t base[4], other[4];
    tg_rng_block(1, 1, 0, 0, base);
    const uint64_t args[][4] = {{2, 1, 0, 0}, {(uint64_t)1 << 32 | 1, 1, 0, 0},
                                {1, 2, 0, 0}, {1, (uint64_t)1 << 32 | 1, 0, 0},
                                {1, 1, 1, 0}, {1, 1, 0, 1}};
    for (size_t i = 0; i < sizeof args / sizeof *args; i++) {
        tg_rng_block(args[i][0], args[i][1], (uint32_t)args[i][2], (uint32_t)args[i][3], other);
        assert_memory_not_equal(base, other, sizeof base);
    }
}

/* ---- distributions: bounds at about five standard errors; the seed is fixed, so they pass always or never ---------
 */

typedef struct moments {
    double mean, variance, skew, kurtosis, least, most, neighbours;
} moments;

static moments moments_of(const double *x)
{
    moments m  = {.least = x[0], .most = x[0]};
    double  s2 = 0, s3 = 0, s4 = 0, s12 = 0;
    for (int i = 0; i < N; i++) m.mean += x[i] / N;
    for (int i = 0; i < N; i++) {
        const double d = x[i] - m.mean;
        s2 += d * d / N;
        s3 += d * d * d / N;
        s4 += d * d * d * d / N;
        if (i > 0) s12 += d * (x[i - 1] - m.mean) / N;
        m.least = fmin(m.least, x[i]);
        m.most  = fmax(m.most, x[i]);
    }
    m.variance   = s2;
    m.skew       = s3 / pow(s2, 1.5);
    m.kurtosis   = s4 / (s2 * s2);
    m.neighbours = s12 / s2;
    return m;
}

static void fill_doubles(fill_fn fill, bool single, double *x)
{
    if (!single) {
        fill(0, N, x);
        return;
    }
    float *f = malloc(N * sizeof *f);
    assert_non_null(f);
    fill(0, N, f);
    for (int i = 0; i < N; i++) x[i] = (double)f[i];
    free(f);
}

static void assert_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance)) fail_msg("%g is not %g ± %g", value, expected, tolerance);
}

static void distributions(void **state)
{
    (void)state;
    double *x = malloc(N * sizeof *x);
    assert_non_null(x);
    const double root = sqrt((double)N);
    for (int single = 0; single < 2; single++) {
        fill_doubles(single ? uniform32 : uniform64, single, x);
        moments m = moments_of(x);
        assert_true(m.least >= 0 && m.least < 20.0 / N && m.most < 1 && m.most > 1 - 20.0 / N);
        assert_near(m.mean, 0.5, 5 * sqrt(1.0 / 12) / root);
        assert_near(m.variance, 1.0 / 12, 5 * sqrt(1.0 / 180) / root);
        assert_near(m.neighbours, 0, 5 / root);

        fill_doubles(single ? normal32 : normal64, single, x);
        m = moments_of(x);
        assert_near(m.mean, 0, 5 / root);
        assert_near(m.variance, 1, 5 * sqrt(2.0) / root);
        assert_near(m.skew, 0, 5 * sqrt(6.0) / root);
        assert_near(m.kurtosis, 3, 5 * sqrt(24.0) / root);
        assert_near(m.neighbours, 0, 5 / root);
        assert_true(isfinite(m.least) && isfinite(m.most) && m.least < -4.2 && m.most > 4.2);
        double beyond[3] = {0}; /* shares beyond 1, 2 and 3 */
        for (int i = 0; i < N; i++)
            for (int k = 0; k < 3; k++) beyond[k] += (fabs(x[i]) > k + 1) / (double)N;
        for (int k = 0; k < 3; k++) {
            const double p = erfc((k + 1) / sqrt(2.0));
            assert_near(beyond[k], p, 5 * sqrt(p * (1 - p)) / root);
        }
    }
    free(x);
}

static void bernoulli(void **state)
{
    (void)state;
    uint8_t *b = malloc(N);
    assert_non_null(b);
    const double p[] = {0, 1e-4, 0.1, 0.5, 0.9, 1, -1, 2, NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < sizeof p / sizeof *p; i++) {
        double share = 0;
        tg_rng_bernoulli(SEED, 0, p[i], 0, N, b);
        for (int k = 0; k < N; k++) {
            assert_true(b[k] <= 1);
            share += b[k] / (double)N;
        }
        const double q = !(p[i] > 0) ? 0 : fmin(p[i], 1);
        assert_near(share, q, 5 * sqrt(q * (1 - q) / N) + (q == 0 || q == 1 ? 0 : 1e-9));
        if (q == 0 || q == 1) assert_int_equal(memchr(b, !(int)q, N) != NULL, 0);
    }
    free(b);
}

static void below(void **state)
{
    (void)state;
    const uint64_t bounds[] = {1, 2, 3, 10, 1000, (uint64_t)1 << 32, ((uint64_t)1 << 63) + 1, UINT64_MAX};
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        uint64_t counter = 0;
        double   mean    = 0;
        for (int k = 0; k < 10000; k++) {
            const uint64_t before = counter, x = tg_rng_below(SEED, TG_RNG_SHUFFLE, &counter, bounds[i]);
            assert_true(x < bounds[i] && counter > before);
            mean += (double)x / (double)bounds[i] / 10000;
        }
        if (bounds[i] >= 1000) assert_near(mean, 0.5, 5 * sqrt(1.0 / 12 / 10000) + 0.5e-3);
    }
    int      seen[10] = {0};
    uint64_t counter  = 0;
    for (int k = 0; k < 10000; k++) seen[tg_rng_below(SEED, TG_RNG_SHUFFLE, &counter, 10)]++;
    for (int k = 0; k < 10; k++) assert_in_range(seen[k], 850, 1150);
}

static void other_dtypes_write_nothing(void **state)
{
    (void)state;
    int64_t x = 5;
    tg_rng_uniform(SEED, 0, TG_I64, 0, 1, &x);
    tg_rng_normal(SEED, 0, TG_U8, 0, 1, &x);
    tg_rng_normal(SEED, 0, TG_NDTYPES, 0, 1, &x);
    assert_int_equal(x, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(elements_follow_from_words),
        cmocka_unit_test(steps),
        cmocka_unit_test(pieces_equal_the_whole),
        cmocka_unit_test(seeds_counters_purposes_differ),
        cmocka_unit_test(distributions),
        cmocka_unit_test(bernoulli),
        cmocka_unit_test(below),
        cmocka_unit_test(other_dtypes_write_nothing),
    };
    return cmocka_run_group_tests_name("rng", tests, NULL, NULL);
}
