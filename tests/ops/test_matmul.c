/* test_matmul.c - tg_matmul and the GEMM under it against three nested loops: sizes from 0 up, every pair of layouts, broadcast leading
 * axes; gradients of the same; wrong calls. The numbers are small integers, so results are exact and compared as such. */
#include "op_test.h"

#include "kernels/blas.h"
#include "kernels/kernels.h"

/* ---- the model ---------------------------------------------------------------------------------------------------- */

/* Where the matrix of element `at` of the result begins in an operand: broadcast axes stay at 0. */
static int64_t matrix_position(const tg_shape *s, const int64_t *at, int rank)
{
    int64_t p = 0;
    for (int k = 0; k < s->rank - 2; k++) p = p * s->dim[k] + (s->dim[k] == 1 ? 0 : at[rank - s->rank + k]);
    return p * s->dim[s->rank - 2] * s->dim[s->rank - 1];
}

static void model_matmul(const tg_shape *sa, const double *a, const tg_shape *sb, const double *b, tg_shape *s, double *c)
{
    tg_shape      lead_a = *sa, lead_b = *sb;
    const int64_t m = sa->dim[sa->rank - 2], inner = sa->dim[sa->rank - 1], n = sb->dim[sb->rank - 1];
    lead_a.rank -= 2;
    lead_b.rank -= 2;
    assert_int_equal(tg_shape_broadcast(&lead_a, &lead_b, s), TG_OK);
    s->dim[s->rank++] = m;
    s->dim[s->rank++] = n;
    for (int64_t o = 0; o < count_of(s); o++) {
        int64_t at[TG_MAX_RANK] = {0};
        coordinates(s, o, at);
        const double *row = a + matrix_position(sa, at, s->rank) + at[s->rank - 2] * inner;
        const double *column = b + matrix_position(sb, at, s->rank) + at[s->rank - 1];
        c[o] = 0;
        for (int64_t k = 0; k < inner; k++) c[o] += row[k] * column[k * n];
    }
}

/* Every pair of layouts of the two operands. */
static void check(tg_dtype d, const tg_shape *sa, const tg_shape *sb, uint64_t *seed)
{
    static double a[MOST], b[MOST], want[4 * MOST];
    tg_tape      *t = quiet(TG_F32);
    tg_shape      s;
    draw_multiples(a, count_of(sa), 4, 1, seed);
    draw_multiples(b, count_of(sb), 4, 1, seed);
    model_matmul(sa, a, sb, b, &s, want);
    for (layout la = PLAIN; la < N_LAYOUTS; la++)
        for (layout lb = PLAIN; lb < N_LAYOUTS; lb++)
            assert_values(tg_matmul(laid(t, d, sa, a, la), laid(t, d, sb, b, lb)), d, &s, want, 0);
    tg_tape_free(t);
}

/* ---- values ------------------------------------------------------------------------------------------------------- */

static void test_sizes(void **state)
{
    static const int64_t sizes[] = {0, 1, 2, 3, 7, 31};
    uint64_t             seed = 1;
    (void)state;
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 6; j++)
            for (int k = 0; k < 6; k++) {
                check(TG_F32, TG_SHAPE(sizes[i], sizes[k]), TG_SHAPE(sizes[k], sizes[j]), &seed);
                check(TG_F64, TG_SHAPE(sizes[i], sizes[k]), TG_SHAPE(sizes[k], sizes[j]), &seed);
            }
}

static void test_leading_axes(void **state)
{
    static const tg_shape pairs[][2] = {
        {{3, {4, 2, 3}}, {2, {3, 5}}},       {{2, {2, 3}}, {3, {4, 3, 5}}},          {{3, {4, 2, 3}}, {3, {4, 3, 5}}},
        {{3, {1, 2, 3}}, {3, {4, 3, 5}}},    {{4, {5, 1, 3, 4}}, {3, {2, 4, 2}}},    {{4, {2, 3, 1, 4}}, {2, {4, 6}}},
        {{4, {2, 3, 2, 1}}, {2, {1, 6}}},    {{4, {2, 3, 2, 0}}, {2, {0, 6}}},       {{3, {0, 2, 3}}, {2, {3, 5}}},
        {{4, {0, 1, 2, 3}}, {3, {4, 3, 5}}}, {{4, {1, 1, 2, 3}}, {4, {1, 1, 3, 2}}}, {{3, {4, 2, 3}}, {4, {1, 1, 3, 5}}},
        {{4, {3, 1, 2, 3}}, {2, {3, 1}}},    {{3, {6, 1, 30}}, {2, {30, 20}}},       {{5, {2, 1, 3, 4, 5}}, {4, {2, 1, 5, 6}}},
        {{8, {2, 1, 2, 1, 1, 2, 3, 2}}, {2, {2, 3}}},
    };
    uint64_t seed = 2;
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        check(TG_F32, &pairs[i][0], &pairs[i][1], &seed);
        check(TG_F64, &pairs[i][0], &pairs[i][1], &seed);
    }
}

/* Views that only some axes of are in order: the batch permuted, rows that overlap, everything one number. */
static void test_odd_views(void **state)
{
    static double a[MOST], b[MOST], c[MOST], want[MOST];
    tg_tape      *t = quiet(TG_F32);
    uint64_t      seed = 3;
    tg_shape      s;
    (void)state;
    draw_multiples(a, 24, 4, 1, &seed);
    draw_multiples(b, 20, 4, 1, &seed);
    tg_tensor *y = tensor(t, TG_F64, TG_SHAPE(4, 5), b);
    tg_tensor *x = tg_permute(tensor(t, TG_F64, TG_SHAPE(2, 3, 4), a), TG_AXES(1, 0, 2)); /* [3,2,4]: rows do not stack */
    for (int i = 0; i < 24; i++) c[(i / 4 % 3) * 8 + i / 12 * 4 + i % 4] = a[i];
    model_matmul(TG_SHAPE(3, 2, 4), c, TG_SHAPE(4, 5), b, &s, want);
    assert_values(tg_matmul(x, y), TG_F64, &s, want, 0);

    x = tg_expand(tensor(t, TG_F64, TG_SHAPE(1, 4), a), TG_SHAPE(3, 6, 4)); /* the same row everywhere */
    for (int i = 0; i < 72; i++) c[i] = a[i % 4];
    model_matmul(TG_SHAPE(3, 6, 4), c, TG_SHAPE(4, 5), b, &s, want);
    assert_values(tg_matmul(x, y), TG_F64, &s, want, 0);

    x = tg_full(t, TG_F64, TG_SHAPE(2, 7, 4), 3); /* stride 0 on every axis, also of the second factor */
    for (int i = 0; i < 56; i++) c[i] = 3;
    model_matmul(TG_SHAPE(2, 7, 4), c, TG_SHAPE(4, 5), b, &s, want);
    assert_values(tg_matmul(x, y), TG_F64, &s, want, 0);
    for (int i = 0; i < 14; i++) want[i] = 36;
    assert_values(tg_matmul(x, tg_full(t, TG_F64, TG_SHAPE(4, 1), 3)), TG_F64, TG_SHAPE(2, 7, 1), want, 0);
    tg_tape_free(t);
}

/* Columns of a wide matrix, as when one matrix holds the weights of several gates. */
static void test_slices_of_a_wide_matrix(void **state)
{
    static double a[MOST], b[MOST], part[MOST], want[MOST];
    tg_tape      *t = quiet(TG_F32);
    uint64_t      seed = 4;
    tg_shape      s;
    (void)state;
    draw_multiples(a, 8 * 10, 4, 1, &seed);
    draw_multiples(b, 10 * 40, 4, 1, &seed);
    for (int i = 0; i < 100; i++) part[i] = b[i / 10 * 40 + 20 + i % 10];
    model_matmul(TG_SHAPE(8, 10), a, TG_SHAPE(10, 10), part, &s, want);
    tg_tensor *wide = tg_slice(tensor(t, TG_F32, TG_SHAPE(10, 40), b), 1, 20, 30, 1);
    assert_values(tg_matmul(tensor(t, TG_F32, TG_SHAPE(8, 10), a), wide), TG_F32, &s, want, 0);
    for (int i = 0; i < 100; i++) part[i % 10 * 10 + i / 10] = b[i / 10 * 40 + 20 + i % 10];
    model_matmul(TG_SHAPE(8, 10), a, TG_SHAPE(10, 10), part, &s, want);
    assert_values(tg_matmul(tensor(t, TG_F32, TG_SHAPE(8, 10), a), tg_mT(wide)), TG_F32, &s, want, 0);
    tg_tape_free(t);
}

/* 0 times NaN is NaN, also in the loops for few elements; nothing is skipped. */
static void test_nan_is_kept(void **state)
{
    tg_tape *t = quiet(TG_F64);
    (void)state;
    for (int64_t n = 1; n < 40; n += 6) {
        tg_tensor *zero = tg_contiguous(tg_zeros(t, TG_SHAPE(n, n))), *nan = tg_full(t, TG_F64, TG_SHAPE(n, n), NAN);
        const double *p = tg_data_f64(tg_matmul(zero, nan)), *q = tg_data_f64(tg_matmul(nan, zero));
        for (int64_t i = 0; i < n * n; i++) assert_true(isnan(p[i]) && isnan(q[i]));
    }
    tg_tape_free(t);
}

/* Large enough to be cut over threads: by rows, by columns, by matrices of a batch. BLAS, which a CPU without AVX2 asks, may differ. */
static void test_threads_do_not_matter(void **state)
{
    static const tg_shape pairs[][2] = {
        {{2, {160, 170}}, {2, {170, 150}}},
        {{2, {1000, 200}}, {2, {200, 21}}},
        {{2, {21, 200}}, {2, {200, 1000}}},
        {{3, {6, 64, 33}}, {3, {6, 33, 64}}},
    };
    (void)state;
    if (tg_isa_best() == TG_ISA_BASE) skip();
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char  *one = NULL;
        size_t bytes = 0;
        for (int threads = 1; threads <= 3; threads++) {
            tg_tape   *t = tg_tape_new(&(tg_tape_options){.threads = threads, .seed = 1});
            tg_tensor *c = tg_matmul(tg_randn(t, &pairs[i][0]), tg_randn(t, &pairs[i][1]));
            const void *x = tg_data(c);
            assert_non_null(x);
            if (!one) {
                bytes = (size_t)tg_numel(c) * sizeof(float);
                one = malloc(bytes);
                assert_non_null(one);
                memcpy(one, x, bytes);
            }
            assert_memory_equal(x, one, bytes);
            tg_tape_free(t);
        }
        free(one);
    }
}

/* ---- gradients ---------------------------------------------------------------------------------------------------- */

/* Sums x to the shape that broadcasting took it from. */
static void model_sum_to(const tg_shape *from, const double *x, const tg_shape *to, double *sum)
{
    for (int64_t i = 0; i < count_of(to); i++) sum[i] = 0;
    for (int64_t i = 0; i < count_of(from); i++) {
        int64_t at[TG_MAX_RANK] = {0}, short_at[TG_MAX_RANK] = {0};
        coordinates(from, i, at);
        for (int k = 0; k < to->rank; k++) short_at[k] = to->dim[k] == 1 ? 0 : at[from->rank - to->rank + k];
        sum[position(to, short_at)] += x[i];
    }
}

static void model_transpose(tg_shape *s, const double *x, double *out)
{
    const int64_t r = s->dim[s->rank - 2], n = s->dim[s->rank - 1];
    for (int64_t i = 0; i < count_of(s); i++) out[i / (r * n) * (r * n) + i % n * r + i / n % r] = x[i];
    s->dim[s->rank - 2] = n;
    s->dim[s->rank - 1] = r;
}

/* dA = g B^T and dB = A^T g, summed over the axes that were broadcast. */
static void check_gradient(tg_tape *t, const tg_shape *sa, const tg_shape *sb, layout l, uint64_t *seed)
{
    static double a[MOST], b[MOST], g[MOST], turned[MOST], full[MOST], want[MOST];
    tg_shape      s, st, sf;
    draw_multiples(a, count_of(sa), 4, 1, seed);
    draw_multiples(b, count_of(sb), 4, 1, seed);
    tg_tensor *x = tg_set_requires_grad(laid(t, TG_F64, sa, a, PLAIN), true), *y = tg_set_requires_grad(laid(t, TG_F64, sb, b, PLAIN), true);
    tg_tensor *c = tg_matmul(x, y);
    s = *tg_shape_of(c);
    draw_multiples(g, count_of(&s), 4, 1, seed);
    tg_tensor *v = laid(t, TG_F64, &s, g, l);
    st = *sb;
    model_transpose(&st, b, turned);
    model_matmul(&s, g, &st, turned, &sf, full);
    model_sum_to(&sf, full, sa, want);
    assert_values(gradient(c, v, x), TG_F64, sa, want, 0);
    st = *sa;
    model_transpose(&st, a, turned);
    model_matmul(&st, turned, &s, g, &sf, full);
    model_sum_to(&sf, full, sb, want);
    assert_values(gradient(c, v, y), TG_F64, sb, want, 0);
}

static void test_gradients(void **state)
{
    static const tg_shape pairs[][2] = {
        {{2, {3, 4}}, {2, {4, 2}}},          {{3, {5, 3, 4}}, {2, {4, 2}}},       {{2, {3, 4}}, {3, {5, 4, 2}}},
        {{4, {2, 3, 3, 4}}, {2, {4, 1}}},    {{4, {5, 1, 3, 4}}, {3, {2, 4, 2}}}, {{3, {1, 3, 4}}, {4, {2, 3, 4, 2}}},
        {{2, {3, 0}}, {2, {0, 2}}},          {{3, {0, 3, 4}}, {2, {4, 2}}},       {{3, {2, 0, 4}}, {2, {4, 2}}},
        {{3, {2, 3, 4}}, {3, {1, 4, 0}}},    {{2, {1, 1}}, {2, {1, 1}}},          {{3, {2, 3, 4}}, {3, {1, 4, 2}}},
    };
    uint64_t seed = 5;
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        for (layout l = PLAIN; l < N_LAYOUTS; l++) {
            tg_tape *t = quiet(TG_F64);
            check_gradient(t, &pairs[i][0], &pairs[i][1], l, &seed);
            tg_tape_free(t);
        }
}

/* A B with A = B = X: d sum(X X) / dX = G X^T + X^T G, G all ones; its derivative again, contracted with V, is sum over the same. */
static void test_same_tensor_twice(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(2, 2), (double[]){1, 2, 3, 4}), true);
    tg_tensor *g = gradient(tg_sum(tg_matmul(x, x), TG_ALL_AXES, false), NULL, x);
    (void)state;
    assert_f64(g, TG_SHAPE(2, 2), 3 + 4, 7 + 4, 3 + 6, 7 + 6);
    assert_f64(gradient(tg_sum(g, TG_ALL_AXES, false), NULL, x), TG_SHAPE(2, 2), 4, 4, 4, 4);
    tg_tape_free(t);
}

/* ---- tg_gemm ------------------------------------------------------------------------------------------------------ */

/* Leading dimensions larger than the rows, alpha, beta; what lies between the rows of C stays as it is. */
static void check_gemm(tg_dtype d, bool ta, bool tb, int m, int n, int k, double beta, uint64_t *seed)
{
    static double  a[MOST], b[MOST], c[MOST];
    static _Alignas(8) unsigned char fa[MOST * 8], fb[MOST * 8], fc[MOST * 8];
    const int lda = (ta ? m : k) + 2, ldb = (tb ? k : n) + 1, ldc = n + 3;
    draw_multiples(a, MOST, 4, 1, seed);
    draw_multiples(b, MOST, 4, 1, seed);
    draw_multiples(c, MOST, 4, 1, seed);
    for (int i = 0; i < MOST; i++) {
        put(fa, d, i, a[i]);
        put(fb, d, i, b[i]);
        put(fc, d, i, beta == 0 && i % ldc < n ? NAN : c[i]);
    }
    const bool blas = *seed >> 40 & 1; /* with and without */
    assert_int_equal(tg_gemm(blas, d, ta, tb, m, n, k, 2, fa, lda, fb, ldb, beta, fc, ldc), TG_OK);
    for (int i = 0; i < m; i++)
        for (int j = 0; j < ldc; j++) {
            double want = j < n ? beta * c[i * ldc + j] : c[i * ldc + j];
            for (int q = 0; j < n && q < k; q++) want += 2 * a[ta ? q * lda + i : i * lda + q] * b[tb ? j * ldb + q : q * ldb + j];
            if (get(fc, d, i * ldc + j) != want)
                fail_msg("%d x %d x %d: C[%d,%d] is %g, not %g", m, n, k, i, j, get(fc, d, i * ldc + j), want);
        }
}

static void test_gemm(void **state)
{
    static const int sizes[] = {0, 1, 2, 5, 33};
    uint64_t         seed = 6;
    (void)state;
    for (int i = 0; i < 125; i++)
        for (int way = 0; way < 12; way++)
            check_gemm(way & 1 ? TG_F32 : TG_F64, way & 2, i & 1, sizes[i % 5], sizes[i / 5 % 5], sizes[i / 25], way / 4 - 1, &seed);
}

/* A product that was settled once has tg_gemm's bits wherever its matrices lie, columns turned into rows and no A and B included. */
static void check_own_product(bool ta, bool tb, int m, int n, int k, bool add, uint64_t *seed)
{
    static double  x[MOST];
    static float   a[MOST], b[MOST], c[MOST], want[MOST];
    const int      lda = ta ? m : k, ldb = tb ? k : n;
    tg_own_product p;
    assert_true(tg_own_product_make(&p, true, TG_F32, ta, tb, m, n, k, lda ? lda : 1, ldb ? ldb : 1, add ? 1 : 0, n));
    for (int place = 0; place < 2; place++) {
        float *fa = a + place, *fb = b + 2 * place, *fc = c + 3 * place;
        draw_multiples(x, MOST, 4, 1, seed);
        for (int i = 0; i < MOST; i++) a[i] = b[i] = c[i] = want[i] = (float)x[i] / 3;
        assert_int_equal(tg_gemm(true, TG_F32, ta, tb, m, n, k, 1, fa, lda ? lda : 1, fb, ldb ? ldb : 1, add ? 1 : 0,
                                 want + 3 * place, n), TG_OK);
        tg_own_product_place(&p, k ? fa : NULL, k ? fb : NULL, fc);
        p.run(&p.call);
        assert_memory_equal(c, want, sizeof c);
        for (int i = 0; i < m * n; i++) {
            double sum = add ? x[i + 3 * place] / 3 : 0;
            for (int q = 0; q < k; q++)
                sum += (double)fa[ta ? q * lda + i / n : i / n * lda + q] * (double)fb[tb ? i % n * ldb + q : q * ldb + i % n];
            if (!(fabs((double)fc[i] - sum) <= 1e-4 * (1 + fabs(sum))))
                fail_msg("%d x %d x %d: C[%d] is %g, not %g", m, n, k, i, (double)fc[i], sum);
        }
    }
}

static void test_own_product(void **state)
{
    static const int sizes[] = {0, 1, 3, 12, 20};
    uint64_t         seed = 7;
    tg_own_product   p;
    (void)state;
    for (int i = 0; i < 125; i++)
        for (int way = 0; way < 8; way++)
            if (i % 5 && i / 5 % 5) check_own_product(way & 1, way & 2, sizes[i % 5], sizes[i / 5 % 5], sizes[i / 25], way & 4, &seed);
    assert_false(tg_own_product_make(&p, true, TG_F32, false, false, 0, 2, 2, 2, 2, 0, 2)); /* nothing to do */
    assert_false(tg_own_product_make(&p, true, TG_I32, false, false, 2, 2, 2, 2, 2, 0, 2));
    assert_false(tg_own_product_make(&p, true, TG_F32, false, false, 2, 2, 2, 1, 2, 0, 2));
    assert_false(tg_own_product_make(&p, true, TG_F32, false, false, INT64_C(1) << 31, 2, 2, 2, 2, 0, 2));
    assert_false(tg_own_product_make(&p, true, TG_F32, false, false, 512, 1, 512, 512, 1, 0, 1)); /* a long vector: BLAS's */
    assert_true(tg_own_product_make(&p, false, TG_F32, false, false, 512, 1, 512, 512, 1, 0, 1)); /* if it may be used */
}

static void test_gemm_refuses(void **state)
{
    float         a[4] = {1, 1, 1, 1}, c[4] = {5, 5, 5, 5};
    const int64_t big = INT64_C(1) << 31;
    (void)state;
    assert_int_equal(tg_gemm(true, TG_I32, false, false, 2, 2, 2, 1, a, 2, a, 2, 0, c, 2), TG_ERR_DTYPE);
    assert_int_equal(tg_gemm(true, TG_F32, false, false, -1, 2, 2, 1, a, 2, a, 2, 0, c, 2), TG_ERR_SHAPE);
    assert_int_equal(tg_gemm(true, TG_F32, false, false, big, 2, 2, 1, a, 2, a, 2, 0, c, 2), TG_ERR_SHAPE);
    assert_int_equal(tg_gemm(true, TG_F32, false, false, 2, big, 2, 1, a, 2, a, big, 0, c, big), TG_ERR_SHAPE);
    assert_int_equal(tg_gemm(true, TG_F32, false, false, 2, 2, big, 1, a, big, a, 2, 0, c, 2), TG_ERR_SHAPE);
    assert_int_equal(tg_gemm(true, TG_F32, false, false, 2, 2, 2, 1, a, 1, a, 2, 0, c, 2), TG_ERR_SHAPE);
    assert_int_equal(tg_gemm(true, TG_F32, false, false, 2, 2, 2, 1, a, 2, a, 1, 0, c, 2), TG_ERR_SHAPE);
    assert_int_equal(tg_gemm(true, TG_F32, false, false, 2, 2, 2, 1, a, 2, a, 2, 0, c, 1), TG_ERR_SHAPE);
    assert_int_equal(tg_gemm(true, TG_F32, false, false, 2, 2, 0, 1, a, 0, a, 2, 0, c, 2), TG_ERR_SHAPE);
    assert_int_equal(tg_gemm(true, TG_F32, true, false, 2, 1, 1, 1, a, 1, a, 1, 0, c, 1), TG_ERR_SHAPE);
    assert_int_equal(tg_gemm(true, TG_F32, false, false, 2, 2, 2, 1, NULL, 2, a, 2, 0, c, 2), TG_ERR_NULL);
    assert_int_equal(tg_gemm(true, TG_F32, false, false, 2, 2, 2, 1, a, 2, a, 2, 0, NULL, 2), TG_ERR_NULL);
    for (int i = 0; i < 4; i++) assert_true(c[i] == 5);
    assert_int_equal(tg_gemm(true, TG_F32, false, false, 2, 0, 2, 1, NULL, 2, NULL, 1, 0, NULL, 1), TG_OK);
    assert_int_equal(tg_gemm(true, TG_F32, false, false, 1, 1, 0, 1, NULL, 1, NULL, 1, 0, c, 1), TG_OK);
    assert_true(c[0] == 0);
}

/* ---- wrong calls -------------------------------------------------------------------------------------------------- */

static void test_errors(void **state)
{
    tg_tape   *t = quiet(TG_F32), *other = quiet(TG_F32);
    tg_tensor *a = tg_zeros(t, TG_SHAPE(64, 784)), *b = tg_zeros(t, TG_SHAPE(128, 10));
    (void)state;
    assert_error(t, tg_matmul(a, b), TG_ERR_SHAPE, "tg_matmul: inner dimensions differ (inputs [64,784] float32, [128,10] float32)");
    assert_error(t, tg_matmul(a, tg_zeros(t, TG_SHAPE(64))), TG_ERR_SHAPE, "tg_matmul: inner dimensions differ: [64,784] by [64]");
    assert_error(t, tg_matmul(tg_zeros(t, TG_SHAPE(784)), a), TG_ERR_SHAPE, "tg_matmul: inner dimensions differ: [784] by [64,784]");
    assert_error(t, tg_matmul(tg_zeros(t, TG_SHAPE(3)), tg_zeros(t, TG_SHAPE(1))), TG_ERR_SHAPE,
                 "tg_matmul: inner dimensions differ: [3] by [1]");
    assert_error(t, tg_matmul(tg_scalar(t, 2), tg_zeros(t, TG_SHAPE(1))), TG_ERR_SHAPE,
                 "tg_matmul: a number is no matrix; tg_mul multiplies by one: [] by [1]");
    assert_error(t, tg_matmul(a, tg_scalar(t, 2)), TG_ERR_SHAPE,
                 "tg_matmul: a number is no matrix; tg_mul multiplies by one (inputs [64,784] float32, [] float32)");
    assert_error(t, tg_matmul(tg_full(t, TG_F64, TG_SHAPE(784), 0), b), TG_ERR_SHAPE, "tg_matmul: inner dimensions differ: [784] by [128,10]");
    assert_error(t, tg_matmul(tg_full(t, TG_F64, TG_SHAPE(128), 0), b), TG_ERR_DTYPE,
                 "tg_matmul: the dtypes differ; convert one with tg_to (inputs [1,128] float64, [128,10] float32)");
    assert_error(t, tg_matmul(tg_zeros(t, TG_SHAPE(2, 3, 4)), tg_zeros(t, TG_SHAPE(5, 4, 2))), TG_ERR_SHAPE,
                 "tg_matmul: the leading axes do not broadcast: sizes must be equal or 1 (inputs [2,3,4] float32, [5,4,2] float32)");
    assert_error(t, tg_matmul(a, tg_full(t, TG_F64, TG_SHAPE(784, 1), 0)), TG_ERR_DTYPE,
                 "tg_matmul: the dtypes differ; convert one with tg_to (inputs [64,784] float32, [784,1] float64)");
    assert_error(t, tg_matmul(tg_full(t, TG_I64, TG_SHAPE(1, 1), 0), tg_full(t, TG_I64, TG_SHAPE(1, 1), 0)), TG_ERR_DTYPE,
                 "tg_matmul: takes float32 and float64, not int64 (inputs [1,1] int64, [1,1] int64)");
    assert_error(t, tg_matmul(tg_zeros(t, TG_SHAPE(INT64_C(1) << 31, 1)), tg_zeros(t, TG_SHAPE(1, INT64_C(1) << 31))), TG_ERR_SHAPE,
                 "tg_matmul: the result is too large for memory (inputs [2147483648,1] float32, [1,2147483648] float32)");
    assert_null(tg_matmul(a, tg_zeros(other, TG_SHAPE(784, 1))));
    assert_int_equal(tg_error_status(t), TG_ERR_TAPE);
    tg_clear_error(t);
    assert_null(tg_matmul(tg_zeros(t, TG_SHAPE(784)), tg_zeros(other, TG_SHAPE(784, 1))));
    assert_int_equal(tg_error_status(t), TG_ERR_TAPE);
    tg_clear_error(t);
    assert_null(tg_matmul(a, NULL));
    assert_null(tg_matmul(NULL, a));
    assert_null(tg_matmul(tg_zeros(t, TG_SHAPE(3)), NULL));
    assert_null(tg_matmul(NULL, tg_zeros(t, TG_SHAPE(3))));
    assert_null(tg_error(t));
    tg_tape_free(other);
    tg_tape_free(t);
}

/* An inner dimension that does not fit an int: expanded, so that it takes no memory. */
static void test_beyond_int(void **state)
{
    const int64_t big = INT64_C(1) << 31;
    tg_tape      *t = quiet(TG_F32);
    tg_tensor    *c = tg_matmul(tg_zeros(t, TG_SHAPE(1, big)), tg_zeros(t, TG_SHAPE(big, 1)));
    (void)state;
    assert_error_when_read(t, c, TG_ERR_SHAPE,
                           "tg_matmul: BLAS counts to 2^31 - 1, and one of the factors' last two dimensions is larger "
                            "(inputs [1,2147483648]");
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_leading_axes),
        cmocka_unit_test(test_odd_views),
        cmocka_unit_test(test_slices_of_a_wide_matrix),
        cmocka_unit_test(test_nan_is_kept),
        cmocka_unit_test(test_threads_do_not_matter),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_same_tensor_twice),
        cmocka_unit_test(test_gemm),
        cmocka_unit_test(test_own_product),
        cmocka_unit_test(test_gemm_refuses),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_beyond_int),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
