/* blas.c - the only file that knows cblas.h. Tiny products are loops of our own, products with a vector are GEMVs (four times as fast
 * at 1024 x 1024), the rest are GEMMs. */
#include "blas.h"

#include <cblas.h>
#include <limits.h>

/* Below this many multiplications a call costs more than the loop: measured 16 ns (AVX-512) to 40 ns (AVX2) for the call. */
enum { OWN_LOOP = 16 };

typedef struct product {
    bool        ta, tb;
    int         m, n, k;
    double      alpha, beta;
    const void *a, *b;
    void       *c;
    int         lda, ldb, ldc;
} product;

/* 16 x 4096 by 4096 x 16: the smallest shape found that takes the path with buffers, and no helper threads. */
void tg_blas_warm_up(void)
{
    enum { SIDE = 16, DEPTH = 4096 };
    static const float zeros[SIDE * DEPTH];
    float              c[SIDE * SIDE];
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, SIDE, SIDE, DEPTH, 1, zeros, DEPTH, zeros, SIDE, 0, c, SIDE);
}

/* C = beta C, C being unreadable when beta = 0; then C += alpha op(A) op(B) for few elements. */
#define PRODUCT(SUFFIX, T, GEMM, GEMV)                                                                                 \
    static void scale_##SUFFIX(const product *p)                                                                      \
    {                                                                                                                  \
        T *c = p->c, beta = (T)p->beta;                                                                                \
        for (int i = 0; i < p->m; i++)                                                                                 \
            for (int j = 0; j < p->n; j++) {                                                                           \
                T *at = &c[(ptrdiff_t)i * p->ldc + j];                                                                 \
                *at = p->beta == 0 ? 0 : *at * beta;                                                                   \
            }                                                                                                          \
    }                                                                                                                  \
    static void loop_##SUFFIX(const product *p)                                                                       \
    {                                                                                                                  \
        const T        *a = p->a, *b = p->b, alpha = (T)p->alpha;                                                      \
        const ptrdiff_t ai = p->ta ? 1 : p->lda, ak = p->ta ? p->lda : 1;                                              \
        const ptrdiff_t bk = p->tb ? 1 : p->ldb, bj = p->tb ? p->ldb : 1;                                              \
        for (int i = 0; i < p->m; i++)                                                                                 \
            for (int j = 0; j < p->n; j++) {                                                                           \
                T sum = 0;                                                                                             \
                for (int k = 0; k < p->k; k++) sum += a[i * ai + k * ak] * b[k * bk + j * bj];                         \
                ((T *)p->c)[(ptrdiff_t)i * p->ldc + j] += alpha * sum;                                                 \
            }                                                                                                          \
    }                                                                                                                  \
    static void run_##SUFFIX(const product *p)                                                                        \
    {                                                                                                                  \
        const CBLAS_TRANSPOSE ta = p->ta ? CblasTrans : CblasNoTrans, tb = p->tb ? CblasTrans : CblasNoTrans;          \
        const T               alpha = (T)p->alpha, beta = (T)p->beta;                                                  \
        const bool            loop = p->k == 0 || (int64_t)p->m * p->n <= OWN_LOOP / p->k;                             \
        if (loop || p->n == 1 || p->m == 1) scale_##SUFFIX(p);                                                         \
        if (loop)                                                                                                      \
            loop_##SUFFIX(p);                                                                                          \
        else if (p->n == 1) /* c = op(A) b */                                                                          \
            GEMV(CblasRowMajor, ta, p->ta ? p->k : p->m, p->ta ? p->m : p->k, alpha, p->a, p->lda, p->b,               \
                 p->tb ? 1 : p->ldb, 1, p->c, p->ldc);                                                                 \
        else if (p->m == 1) /* c^T = op(B)^T a^T */                                                                    \
            GEMV(CblasRowMajor, p->tb ? CblasNoTrans : CblasTrans, p->tb ? p->n : p->k, p->tb ? p->k : p->n, alpha,    \
                 p->b, p->ldb, p->a, p->ta ? p->lda : 1, 1, p->c, 1);                                                  \
        else                                                                                                           \
            GEMM(CblasRowMajor, ta, tb, p->m, p->n, p->k, alpha, p->a, p->lda, p->b, p->ldb, beta, p->c, p->ldc);      \
    }
PRODUCT(f32, float, cblas_sgemm, cblas_sgemv)
PRODUCT(f64, double, cblas_dgemm, cblas_dgemv)

static bool fits(int64_t size) { return size >= 0 && size <= INT_MAX; }
static bool is_leading(int64_t ld, int64_t row) { return ld >= 1 && ld >= row && ld <= INT_MAX; }

tg_status tg_gemm(tg_dtype dtype, bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, double alpha,
                  const void *a, int64_t lda, const void *b, int64_t ldb, double beta, void *c, int64_t ldc)
{
    if (!tg_dtype_is_float(dtype)) return TG_ERR_DTYPE;
    if (!fits(m) || !fits(n) || !fits(k)) return TG_ERR_SHAPE;
    if (!is_leading(lda, transpose_a ? m : k) || !is_leading(ldb, transpose_b ? k : n) || !is_leading(ldc, n)) return TG_ERR_SHAPE;
    if (m == 0 || n == 0) return TG_OK;
    if (!c || (k > 0 && (!a || !b))) return TG_ERR_NULL;
    const product p = {.ta = transpose_a, .tb = transpose_b, .m = (int)m, .n = (int)n, .k = (int)k, .alpha = alpha, .beta = beta,
                       .a = a, .b = b, .c = c, .lda = (int)lda, .ldb = (int)ldb, .ldc = (int)ldc};
    if (dtype == TG_F32) run_f32(&p);
    else run_f64(&p);
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
