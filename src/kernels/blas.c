/* blas.c - the only file that knows cblas.h, and who multiplies: decided product by product. Most products are ours (gemm.h); long vectors, and what is too large for this CPU's loops,
 * go to BLAS. */
#include "kernels/blas.h"

#include <cblas.h>
#include <limits.h>
#include <math.h>
#include <omp.h>

#include "tensor/process.h"
#include "kernels/gemm.h"

/* The most multiplications for which our loops keep up with OpenBLAS's kernels for the same instruction set: measured 0.8 to 2.1 times as
 * fast up to 64 x 64 x 64, 0.95 to 1.25 times beyond; less only for fewer columns of C than half a vector has lanes, and a few shapes whose
 * rows are far apart. With a vector there is nothing to keep in registers. */
static const double own_most[TG_NISAS] = {[TG_ISA_BASE] = 1 << 13, [TG_ISA_AVX2] = 1 << 27, [TG_ISA_AVX512] = HUGE_VAL};
enum { OWN_VECTOR = 1 << 10, SMALL_A = 64 };

typedef struct product {
    bool        ta, tb;
    int         m, n, k;
    double      alpha, beta;
    const void *a, *b;
    void       *c;
    int         lda, ldb, ldc;
} product;

bool tg_may_use_blas(void)
{
    const bool own_threads = openblas_get_parallel() == OPENBLAS_THREAD && openblas_get_num_threads() > 1;
    return !own_threads && !tg_is_limited();
}

static bool is_own(tg_isa isa, bool blas, const product *p)
{
    if (!blas) return true;
    const double work = (double)p->m * (double)p->n * (double)p->k;
    return work <= (p->m == 1 || p->n == 1 ? OWN_VECTOR : own_most[isa]);
}

/* A column C = A b is done as the row C^T = b^T A^T, along which vectors lie; but for a small A that would have to be turned first. */
static bool is_swapped(const product *p) { return p->n == 1 && p->ldc == 1 && (p->ta || (int64_t)p->m * p->k > SMALL_A); }

static void settle(tg_own_product *o, tg_isa isa, tg_dtype dtype, const product *p)
{
    *o = (tg_own_product){.run = tg_isa_gemm(isa, dtype), .swapped = is_swapped(p)};
    tg_gemm_call d = {.m = p->m, .n = p->n, .k = p->k, .a_row = p->ta ? 1 : p->lda, .a_col = p->ta ? p->lda : 1, .ldb = p->ldb, .tb = p->tb,
                      .ldc = p->ldc, .alpha = p->alpha, .beta = p->beta};
    if (o->swapped) {
        d.m = 1, d.n = p->m;
        d.a_row = 0, d.a_col = p->tb ? 1 : p->ldb;
        d.ldb = p->lda, d.tb = !p->ta;
    }
    if (p->k == 0) d.a_row = d.a_col = d.ldb = 0;
    o->call = d;
}

void tg_own_product_place(tg_own_product *o, const void *a, const void *b, void *c)
{
    tg_gemm_call *d = &o->call;
    d->c = c;
    d->a = d->k == 0 ? c : o->swapped ? b : a; /* for k = 0 there may be no A and no B */
    d->b = d->k == 0 ? c : o->swapped ? a : b;
}

/* With a vector: C = beta C, C being unreadable when beta = 0, then C += alpha op(A) op(B). GEMVs are four times as fast as GEMMs at
 * 1024 x 1024. */
#define BLAS(SUFFIX, T, GEMM, GEMV)                                                                                    \
    static void scale_##SUFFIX(const product *p)                                                                      \
    {                                                                                                                  \
        T *c = p->c, beta = (T)p->beta;                                                                                \
        for (int i = 0; i < p->m; i++)                                                                                 \
            for (int j = 0; j < p->n; j++) {                                                                           \
                T *at = &c[(ptrdiff_t)i * p->ldc + j];                                                                 \
                *at = p->beta == 0 ? 0 : *at * beta;                                                                   \
            }                                                                                                          \
    }                                                                                                                  \
    static void blas_##SUFFIX(const product *p)                                                                       \
    {                                                                                                                  \
        const CBLAS_TRANSPOSE ta = p->ta ? CblasTrans : CblasNoTrans, tb = p->tb ? CblasTrans : CblasNoTrans;          \
        const T               alpha = (T)p->alpha, beta = (T)p->beta;                                                  \
        if (p->n == 1 || p->m == 1) scale_##SUFFIX(p);                                                                 \
        if (p->n == 1) /* c = op(A) b */                                                                               \
            GEMV(CblasRowMajor, ta, p->ta ? p->k : p->m, p->ta ? p->m : p->k, alpha, p->a, p->lda, p->b,               \
                 p->tb ? 1 : p->ldb, 1, p->c, p->ldc);                                                                 \
        else if (p->m == 1) /* c^T = op(B)^T a^T */                                                                    \
            GEMV(CblasRowMajor, p->tb ? CblasNoTrans : CblasTrans, p->tb ? p->n : p->k, p->tb ? p->k : p->n, alpha,    \
                 p->b, p->ldb, p->a, p->ta ? p->lda : 1, 1, p->c, 1);                                                  \
        else                                                                                                           \
            GEMM(CblasRowMajor, ta, tb, p->m, p->n, p->k, alpha, p->a, p->lda, p->b, p->ldb, beta, p->c, p->ldc);      \
    }
BLAS(f32, float, cblas_sgemm, cblas_sgemv)
BLAS(f64, double, cblas_dgemm, cblas_dgemv)

/* Who wants more threads than one cuts the product (product.c). So every thread that computes has the floating-point environment it should have,
 * and a forked process, in which OpenMP has no threads left, waits for none. */
int tg_blas_enter(void)
{
    const int host = omp_in_parallel() ? 1 : omp_get_max_threads();
    if (host != 1) omp_set_num_threads(1);
    return host;
}

void tg_blas_leave(int host)
{
    if (host != 1) omp_set_num_threads(host);
}

static void run_blas(tg_dtype dtype, const product *p)
{
    const int host = tg_blas_enter();
    if (dtype == TG_F32) blas_f32(p);
    else blas_f64(p);
    tg_blas_leave(host);
}

static bool fits(int64_t size) { return size >= 0 && size <= INT_MAX; }
static bool is_leading(int64_t ld, int64_t row) { return ld >= 1 && ld >= row && ld <= INT_MAX; }

/* The product, its addresses aside; a status other than TG_OK where a size is not one. */
static tg_status describe(product *p, tg_dtype dtype, bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha, int64_t lda,
                          int64_t ldb, double beta, int64_t ldc)
{
    if (!tg_dtype_is_float(dtype)) return TG_ERR_DTYPE;
    if (!fits(m) || !fits(n) || !fits(k)) return TG_ERR_SHAPE;
    if (!is_leading(lda, ta ? m : k) || !is_leading(ldb, tb ? k : n) || !is_leading(ldc, n)) return TG_ERR_SHAPE;
    *p = (product){.ta = ta, .tb = tb, .m = (int)m, .n = (int)n, .k = (int)k, .alpha = alpha, .beta = beta,
                   .lda = (int)lda, .ldb = (int)ldb, .ldc = (int)ldc};
    return TG_OK;
}

bool tg_own_product_make(tg_own_product *o, bool blas, tg_dtype dtype, bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k,
                         int64_t lda, int64_t ldb, double beta, int64_t ldc)
{
    const tg_isa isa = tg_isa_best();
    product      p;
    if (describe(&p, dtype, transpose_a, transpose_b, m, n, k, 1, lda, ldb, beta, ldc) != TG_OK || m == 0 || n == 0) return false;
    if (!is_own(isa, blas, &p)) return false;
    settle(o, isa, dtype, &p);
    return true;
}

tg_status tg_gemm(bool blas, tg_dtype dtype, bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, double alpha,
                  const void *a, int64_t lda, const void *b, int64_t ldb, double beta, void *c, int64_t ldc)
{
    const tg_isa   isa = tg_isa_best();
    tg_own_product own;
    product        p;
    tg_status      s = describe(&p, dtype, transpose_a, transpose_b, m, n, k, alpha, lda, ldb, beta, ldc);
    if (s != TG_OK || m == 0 || n == 0) return s;
    if (!c || (k > 0 && (!a || !b))) return TG_ERR_NULL;
    if (is_own(isa, blas, &p)) {
        settle(&own, isa, dtype, &p);
        tg_own_product_place(&own, a, b, c);
        own.run(&own.call);
        return TG_OK;
    }
    p.a = a;
    p.b = b;
    p.c = c;
    run_blas(dtype, &p);
    return TG_OK;
}

bool tg_gemm_operand(int64_t rows, int64_t columns, int64_t row_stride, int64_t column_stride, bool *transpose, int64_t *ld)
{
    const int64_t row = columns > 1 ? columns : 1, column = rows > 1 ? rows : 1;
    if (columns <= 1 || column_stride == 1) { /* row-major */
        *transpose = false;
        *ld = rows > 1 ? row_stride : row;
        if (is_leading(*ld, row)) return true;
    }
    if (rows <= 1 || row_stride == 1) { /* column-major: the transpose is what is stored */
        *transpose = true;
        *ld = columns > 1 ? column_stride : column;
        if (is_leading(*ld, column)) return true;
    }
    return false;
}
