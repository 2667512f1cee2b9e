/* test_gemm.c - the products of every instruction set this CPU has, against plain loops in double: all transposes and leading dimensions,
 * sizes around the edges of tiles and blocks, alpha and beta, NaN. The numbers are small integers, so results are exact. And that a product
 * cut into pieces keeps its bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/gemm.h"

/* ---- helpers ------------------------------------------------------------------------------------------------------ */

static int64_t draw(uint64_t *seed, int64_t below)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int64_t)((*seed >> 33) % (uint64_t)below);
}

static double get(tg_dtype d, const void *x, int64_t i) { return d == TG_F32 ? (double)((const float *)x)[i] : ((const double *)x)[i]; }

static void set(tg_dtype d, void *x, int64_t i, double value)
{
    if (d == TG_F32) ((float *)x)[i] = (float)value;
    else ((double *)x)[i] = value;
}

/* rows × cols numbers, ld apart, and not one element behind the last: what reads further is seen by the sanitizer. */
static void *matrix(tg_dtype d, int64_t rows, int64_t cols, int64_t ld, uint64_t *seed)
{
    const int64_t n = rows && cols ? (rows - 1) * ld + cols : 0;
    void         *x = malloc((size_t)n * tg_dtype_size(d) + !n);
    assert_non_null(x);
    for (int64_t i = 0; i < n; i++) set(d, x, i, (double)(draw(seed, 9) - 4));
    return x;
}

static void run(tg_isa isa, tg_dtype d, const tg_gemm_call *call)
{
    tg_isa_gemm(isa, d)(call);
}

/* A product on matrices of its own. */
typedef struct sample {
    tg_dtype     d;
    bool         ta;
    tg_gemm_call call;
    void        *a, *b, *c, *start;
} sample;

/* How matrices lie, of which each is one bit. */
enum { A_TURNED = 1, B_TURNED = 2, GAPS = 4, PADDED = 8, START = 16, WAYS = 32 };
enum { PADDING = 16 }; /* elements of the longest vector of f32 */

static sample make(tg_dtype d, int way, int64_t m, int64_t n, int64_t k, uint64_t *seed)
{
    const bool    ta = way & A_TURNED, tb = way & B_TURNED, padded = way & PADDED && !tb;
    const int64_t gap = way & GAPS ? 3 : 0, lda = (ta ? m : k) + gap, ldb = (tb ? k : n) + (padded ? PADDING : gap), ldc = n + gap;
    sample        s = {.d = d, .ta = ta};
    s.a = matrix(d, ta ? k : m, ta ? m : k, lda, seed);
    s.b = matrix(d, tb ? n : k, padded ? ldb : tb ? k : n, ldb, seed);
    for (int64_t i = 0; padded && i < k * ldb; i++)
        if (i % ldb >= n) set(d, s.b, i, (double)NAN); /* may be read, and comes into nothing */
    s.start = way & START ? matrix(d, m, 1, 1, seed) : NULL;
    s.c = matrix(d, m, n, ldc, seed);
    s.call = (tg_gemm_call){m, n, k, s.a, ta ? 1 : lda, ta ? lda : 1, s.b, ldb, tb, s.c, ldc, 1, 0, s.start, padded};
    return s;
}

static void drop(sample *s)
{
    free(s->a);
    free(s->b);
    free(s->c);
    free(s->start);
}

static double model(const sample *s, int64_t i, int64_t j)
{
    const tg_gemm_call *p = &s->call;
    double              sum = 0;
    for (int64_t k = 0; k < p->k; k++)
        sum += get(s->d, s->a, i * p->a_row + k * p->a_col) * get(s->d, s->b, p->tb ? j * p->ldb + k : k * p->ldb + j);
    return p->alpha * (sum + (s->start ? get(s->d, s->start, i) : 0));
}

/* ---- values ------------------------------------------------------------------------------------------------------- */

/* What lies between the rows of C stays as it is, and C is not read where beta is 0. */
static void check(tg_isa isa, tg_dtype d, int way, int64_t m, int64_t n, int64_t k, double alpha, double beta, uint64_t *seed)
{
    sample        s = make(d, way, m, n, k, seed);
    const int64_t ldc = s.call.ldc, size = m && n ? (m - 1) * ldc + n : 0;
    double       *want = malloc((size_t)(size + 1) * sizeof *want);
    assert_non_null(want);
    s.call.alpha = alpha;
    s.call.beta = beta;
    for (int64_t i = 0; i < size; i++) {
        const double c = get(d, s.c, i);
        want[i] = i % ldc < n ? model(&s, i / ldc, i % ldc) + (beta == 0 ? 0 : beta * c) : c;
        if (beta == 0 && i % ldc < n) set(d, s.c, i, (double)NAN);
    }
    run(isa, d, &s.call);
    for (int64_t i = 0; i < size; i++)
        if (get(d, s.c, i) != want[i])
            fail_msg("%s, way %d: C[%d,%d] of %d x %d x %d is %g, not %g", tg_isa_name(isa), way, (int)(i / ldc), (int)(i % ldc), (int)m,
                     (int)n, (int)k, get(d, s.c, i), want[i]);
    free(want);
    drop(&s);
}

static void check_ways(int64_t m, int64_t n, int64_t k, double alpha, double beta, uint64_t *seed)
{
    for (int isa = 0; isa < TG_NISAS; isa++)
        for (int way = 0; tg_isa_has((tg_isa)isa) && way < WAYS; way++) {
            check((tg_isa)isa, TG_F32, way, m, n, k, alpha, beta, seed);
            check((tg_isa)isa, TG_F64, way, m, n, k, alpha, beta, seed);
        }
}

static void small_sizes(void **state)
{
    static const int64_t sizes[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 17};
    enum { N = sizeof sizes / sizeof *sizes };
    uint64_t seed = 1;
    (void)state;
    for (int i = 0; i < N * N * N; i++) check_ways(sizes[i % N], sizes[i / N % N], sizes[i / N / N], 1, i & 1, &seed);
}

/* Every height of a tile, every width of a strip with every number of lanes in its last vector. */
static void tile_edges(void **state)
{
    uint64_t seed = 2;
    (void)state;
    for (int64_t m = 1; m <= 40; m++) check_ways(m, 1 + draw(&seed, 100), 1 + draw(&seed, 8), 1, (double)(m & 1), &seed);
    for (int64_t n = 1; n <= 100; n++) check_ways(1 + draw(&seed, 50), n, 1 + draw(&seed, 40), 1, (double)(n & 1), &seed);
}

/* More than one block of k and of rows. */
static void blocks(void **state)
{
    static const int64_t depths[] = {255, 256, 257, 511, 512, 513, 700};
    uint64_t             seed = 3;
    (void)state;
    for (size_t i = 0; i < sizeof depths / sizeof *depths; i++) check_ways(9, 50, depths[i], 1, (double)(i & 1), &seed);
    for (int64_t m = 511; m <= 514; m++) check_ways(m, 3, 3, 1, 0, &seed);
    check_ways(520, 20, 260, 1, 1, &seed);
}

static void factors(void **state)
{
    static const double alphas[] = {-2, 0, 0.5, 1}, betas[] = {-1, 0, 0.5, 2};
    uint64_t            seed = 4;
    (void)state;
    for (int i = 0; i < 16; i++) {
        check_ways(5, 19, 7, alphas[i % 4], betas[i / 4], &seed);
        check_ways(3, 5, 300, alphas[i % 4], betas[i / 4], &seed);
        check_ways(3, 5, 0, alphas[i % 4], betas[i / 4], &seed);
    }
}

/* 0 times NaN and 0 times infinity are NaN and spoil their row or column alone; nothing is skipped, and what is beside a matrix in a vector
 * does not come in. */
static void special_values(void **state)
{
    uint64_t seed = 5;
    (void)state;
    for (int isa = 0; isa < TG_NISAS; isa++)
        for (int way = 0; tg_isa_has((tg_isa)isa) && way < 16; way++)
            for (int64_t n = 1; n < 40; n += 6) {
                sample              s = make(way & 8 ? TG_F32 : TG_F64, way & 7, n, n, n, &seed);
                const tg_gemm_call *p = &s.call;
                const int64_t       spot = n / 2;
                for (int64_t k = 0; k < n; k++) set(s.d, s.a, k * p->a_row + (n - 1) * p->a_col, 0);
                set(s.d, s.b, p->tb ? spot * p->ldb + n - 1 : (n - 1) * p->ldb + spot, way & 1 ? (double)NAN : (double)INFINITY);
                run((tg_isa)isa, s.d, p);
                for (int64_t i = 0; i < n * n; i++) {
                    const double c = get(s.d, s.c, i / n * p->ldc + i % n);
                    if (i % n == spot) assert_true(isnan(c));
                    else assert_true(c == model(&s, i / n, i % n));
                }
                drop(&s);
            }
}

/* ---- pieces ------------------------------------------------------------------------------------------------------- */

static void fill_fractions(tg_dtype d, void *x, int64_t n, uint64_t *seed)
{
    for (int64_t i = 0; i < n; i++) set(d, x, i, (double)draw(seed, 1000003) / 1000003 - 0.5);
}

/* Rows [i, i1) and columns [j, j1) of C by themselves. */
static void run_piece(tg_isa isa, const sample *s, int64_t i, int64_t i1, int64_t j, int64_t j1)
{
    const int64_t item = (int64_t)tg_dtype_size(s->d);
    tg_gemm_call  p = s->call;
    p.m = i1 - i, p.n = j1 - j;
    p.a = (const char *)p.a + i * p.a_row * item;
    p.b = (const char *)p.b + (p.tb ? j * p.ldb : j) * item;
    p.c = (char *)p.c + (i * p.ldc + j) * item;
    run(isa, s->d, &p);
}

static void pieces_have_the_same_bits(void **state)
{
    enum { M = 71, N = 83, K = 300 };
    uint64_t seed = 6;
    (void)state;
    for (int isa = 0; isa < TG_NISAS; isa++)
        for (int way = 0; tg_isa_has((tg_isa)isa) && way < 8; way++) {
            const tg_dtype d = way & 4 ? TG_F64 : TG_F32;
            const size_t   bytes = M * N * tg_dtype_size(d);
            sample         s = make(d, way & 3, M, N, K, &seed);
            void          *whole = malloc(bytes);
            assert_non_null(whole);
            fill_fractions(d, s.a, M * K, &seed);
            fill_fractions(d, s.b, K * N, &seed);
            run((tg_isa)isa, d, &s.call);
            memcpy(whole, s.c, bytes);
            for (int trial = 0; trial < 10; trial++) {
                const int64_t i = draw(&seed, M + 1), j = draw(&seed, N + 1);
                memset(s.c, 0, bytes);
                run_piece((tg_isa)isa, &s, 0, i, 0, j);
                run_piece((tg_isa)isa, &s, 0, i, j, N);
                run_piece((tg_isa)isa, &s, i, M, 0, j);
                run_piece((tg_isa)isa, &s, i, M, j, N);
                assert_memory_equal(s.c, whole, bytes);
            }
            free(whole);
            drop(&s);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_sizes), cmocka_unit_test(tile_edges),     cmocka_unit_test(blocks),
        cmocka_unit_test(factors),     cmocka_unit_test(special_values), cmocka_unit_test(pieces_have_the_same_bits),
    };
    return cmocka_run_group_tests_name("gemm", tests, NULL, NULL);
}
