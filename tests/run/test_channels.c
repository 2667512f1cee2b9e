/* test_channels.c - reductions over axes in the middle or on both sides, and operands that differ by channel, in passes that are fused: against
 * plain loops, with the same bits for any number of threads and with machine code. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <tapegrad.h>

#include "quiet.h"

enum { ROUNDS = 4 /* from the third on machine code */, MOST = 1 << 18 };

typedef struct sizes {
    int64_t n, c, m; /* [n,c,m]: images, channels, elements of a plane */
} sizes;

static const sizes many[] = {{1, 1, 1},   {2, 3, 1},    {3, 1, 5},    {4, 3, 7},      {2, 5, 33},    {16, 8, 64},  {32, 3, 130},
                             {7, 2, 1024}, {3, 4, 1500}, {2, 3, 9001}, {300, 64, 4}, {40, 100, 16}, {2, 2000, 9}, {65, 1, 257}, {5, 300, 3}};

/* What a test computes of x [n,c,m], scale [c,1] and shift [c,1]; results, with how far each may be from the plain one, in units of `size`. */
enum { SCALED, SUM, LARGEST, MEAN_OF, SUM_MIDDLE, SMALLEST_MIDDLE, RESULTS };

static void compute(tg_tensor *x, tg_tensor *scale, tg_tensor *shift, tg_tensor *out[RESULTS])
{
    out[SCALED] = tg_relu(tg_add(tg_mul(x, scale), shift));
    out[SUM] = tg_sum(tg_mul(out[SCALED], x), TG_AXES(0, 2), false);
    out[LARGEST] = tg_amax(tg_mul(x, scale), TG_AXES(0, 2), true);
    out[MEAN_OF] = tg_mean(tg_square(tg_sub(x, shift)), TG_AXES(0, 2), false);
    out[SUM_MIDDLE] = tg_sum(tg_mul(x, shift), TG_AXES(1), false);
    out[SMALLEST_MIDDLE] = tg_amin(tg_add(x, scale), TG_AXES(1), true);
}

static double at(const tg_tensor *x, int64_t i)
{
    tg_tensor *t = (tg_tensor *)(uintptr_t)x;
    return tg_dtype_of(x) == TG_F32 ? (double)tg_data_f32(t)[i] : tg_data_f64(t)[i];
}

static void near(double got, double want, double size, double eps, const char *what, const sizes *s)
{
    if (!(fabs(got - want) <= eps * (size + fabs(want))))
        fail_msg("[%d,%d,%d] %s: %.17g instead of %.17g", (int)s->n, (int)s->c, (int)s->m, what, got, want);
}

static void check(const sizes *s, const tg_tensor *x, const tg_tensor *scale, const tg_tensor *shift, tg_tensor *const out[RESULTS])
{
    const double eps = 4 * (tg_dtype_of(x) == TG_F32 ? 0x1p-23 : 0x1p-52);
    for (int64_t c = 0; c < s->c; c++) {
        const double a = at(scale, c), b = at(shift, c);
        long double  sum = 0, size = 0, squares = 0;
        double       largest = -INFINITY;
        for (int64_t n = 0; n < s->n; n++)
            for (int64_t k = 0; k < s->m; k++) {
                const int64_t i = (n * s->c + c) * s->m + k;
                const double  v = at(x, i), y = fmax(v * a + b, 0);
                near(at(out[SCALED], i), y, fabs(b), eps, "scaled", s);
                sum += y * v, size += fabs(y * v) + fabs(b * v);
                largest = fmax(largest, v * a);
                squares += (long double)(v - b) * (v - b);
            }
        near(at(out[SUM], c), (double)sum, (double)size, eps, "sum", s);
        near(at(out[LARGEST], c), largest, 0, eps, "largest", s);
        near(at(out[MEAN_OF], c), (double)(squares / (long double)(s->n * s->m)), 1, 2 * eps, "mean", s);
    }
    for (int64_t n = 0; n < s->n; n++)
        for (int64_t k = 0; k < s->m; k++) {
            long double sum = 0, size = 0;
            double      least = INFINITY;
            for (int64_t c = 0; c < s->c; c++) {
                const double v = at(x, (n * s->c + c) * s->m + k);
                sum += v * at(shift, c), size += fabs(v * at(shift, c)), least = fmin(least, v + at(scale, c));
            }
            near(at(out[SUM_MIDDLE], n * s->m + k), (double)sum, (double)size, eps, "sum over the middle", s);
            near(at(out[SMALLEST_MIDDLE], n * s->m + k), least, 1, eps, "smallest over the middle", s);
        }
}

/* Rounds of one tape, each checked. The bits of all results of the last one; the caller frees them. */
static char *run(const sizes *s, tg_dtype dtype, int threads, bool compile, size_t *bytes)
{
    tg_tape   *t = tg_tape_new(&(tg_tape_options){.seed = 5, .dtype = dtype, .threads = threads, .compile = compile ? "soon" : "never"});
    tg_tensor *x = tg_keep(tg_randn(t, TG_SHAPE(s->n, s->c, s->m))), *scale = tg_keep(tg_randn(t, TG_SHAPE(s->c, 1)));
    tg_tensor *shift = tg_keep(tg_randn(t, TG_SHAPE(s->c, 1))), *out[RESULTS];
    char      *all = malloc((size_t)(s->n * s->c * s->m + s->c * 3 + s->n * s->m * 2) * sizeof(double));
    assert_non_null(all);
    for (int round = 0; round < ROUNDS; round++) {
        compute(x, scale, shift, out);
        if (tg_eval(out, RESULTS) != TG_OK) fail_msg("%s", tg_error(t));
        check(s, x, scale, shift, out);
        *bytes = 0;
        for (int k = 0; k < RESULTS; k++) {
            const size_t n = (size_t)tg_numel(out[k]) * tg_dtype_size(dtype);
            memcpy(all + *bytes, tg_data(out[k]), n);
            *bytes += n;
        }
        assert_int_equal(tg_reset(t), TG_OK);
    }
    tg_tape_free(t);
    return all;
}

static void test_results(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof many / sizeof *many; i++)
        for (tg_dtype d = TG_F32; d <= TG_F64; d++) {
            size_t bytes, again;
            char  *one = run(&many[i], d, 1, true, &bytes);
            for (int threads = 2; threads <= 5; threads += 3) {
                char *more = run(&many[i], d, threads, threads == 2, &again);
                assert_int_equal(again, bytes);
                assert_memory_equal(more, one, bytes);
                free(more);
            }
            free(one);
        }
}

/* The same channel's values read in spaces that go through it in different orders are not taken for each other. */
static void test_two_orders(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *c = tg_keep(tg_randn(t, TG_SHAPE(2, 1, 2, 1)));
    for (int round = 0; round < ROUNDS; round++) {
        tg_tensor *a = tg_exp(tg_mul_s(tg_randn(t, TG_SHAPE(2, 3, 2, 700)), 0.1)), *b = tg_exp(tg_mul_s(tg_randn(t, TG_SHAPE(3, 2, 1, 2, 700)), 0.1));
        tg_tensor *y[] = {tg_mul(a, c), tg_mul(b, c), a, b};
        assert_int_equal(tg_eval(y, 4), TG_OK);
        for (int64_t i = 0; i < tg_numel(a); i++) {
            const int64_t r = i / 700, in_a = r / 6 * 2 + r % 2, in_b = r % 4;
            assert_true(at(y[0], i) == at(a, i) * at(c, in_a));
            assert_true(at(y[1], i) == at(b, i) * at(c, in_b));
        }
        assert_int_equal(tg_reset(t), TG_OK);
    }
    tg_tape_free(t);
}

/* More channel operands in one pass than registers are kept for. */
static void test_many_channels(void **state)
{
    enum { MANY = 40, N = 6, C = 5, M = 400 };
    (void)state;
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *x = tg_keep(tg_randn(t, TG_SHAPE(N, C, M))), *c[MANY];
    for (int k = 0; k < MANY; k++) c[k] = tg_keep(tg_randn(t, TG_SHAPE(C, 1)));
    for (int round = 0; round < ROUNDS; round++) {
        tg_tensor *y = x;
        for (int k = 0; k < MANY; k++) y = k % 3 ? tg_add(y, c[k]) : tg_maximum(y, c[k]);
        for (int k = 0; k < MANY; k++) y = tg_sub(y, c[k]);
        for (int64_t i = 0; i < N * C * M; i++) {
            float want = tg_data_f32(x)[i];
            for (int k = 0; k < MANY; k++) {
                const float v = tg_data_f32(c[k])[i / M % C];
                want = k % 3 ? want + v : want > v ? want : v;
            }
            for (int k = 0; k < MANY; k++) want -= tg_data_f32(c[k])[i / M % C];
            assert_true(tg_data_f32(y)[i] == want);
        }
        assert_int_equal(tg_reset(t), TG_OK);
    }
    tg_tape_free(t);
}

/* NaN and infinities reach the channel they belong to, and none other. */
static void test_special(void **state)
{
    enum { N = 20, C = 6, M = 200 };
    (void)state;
    tg_tape *t = quiet(TG_F32);
    float   *x = calloc(N * C * M, sizeof *x);
    assert_non_null(x);
    for (int i = 0; i < N * C * M; i++) x[i] = (float)(i % 7);
    x[(13 * C + 2) * M + 77] = NAN;
    x[(4 * C + 5) * M + 199] = INFINITY;
    tg_tensor *v = tg_from_f32(t, TG_SHAPE(N, C, M), x), *sum = tg_sum(tg_add_s(v, 1), TG_AXES(0, 2), false), *most = tg_amax(tg_neg(v), TG_AXES(0, 2), false);
    for (int c = 0; c < C; c++) {
        assert_int_equal(isnan(tg_data_f32(sum)[c]), c == 2);
        assert_int_equal(isnan(tg_data_f32(most)[c]), c == 2);
        assert_int_equal(isinf(tg_data_f32(sum)[c]), c == 5);
    }
    free(x);
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_results), cmocka_unit_test(test_two_orders), cmocka_unit_test(test_many_channels),
                                       cmocka_unit_test(test_special)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
