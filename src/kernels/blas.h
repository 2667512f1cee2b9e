/* blas.h - the one door to matrix products, our own and BLAS's, with every argument checked: BLAS itself only prints what is wrong. */
#ifndef TG_BLAS_H
#define TG_BLAS_H

#include "kernels/gemm.h"

/* May products be left to BLAS? Not where the address space is limited: OpenBLAS maps 128 MiB for each thread that calls it at the same
 * time as others, and tries again for ever where it can't. Nor where it brings threads of its own, not OpenMP's (its pthread build): how
 * many, only a setting of the whole process says. */
bool tg_may_use_blas(void);

/* Between the two, OpenBLAS computes on the calling thread alone. tg_blas_leave gets what tg_blas_enter gave. */
int  tg_blas_enter(void);
void tg_blas_leave(int host);

/* C = alpha op(A) op(B) + beta C, row-major: op(A) is [m,k], op(B) [k,n], C [m,n]; op transposes what is stored when its flag is set. A row
 * of what is stored starts lda (ldb, ldc) elements after the one before. f32 or f64. With beta = 0, C is not read; with k = 0,
 * neither are A and B. Any size may be 0. TG_ERR_DTYPE; TG_ERR_SHAPE for negative sizes, a leading dimension below the row's length, or
 * anything above 2^31 - 1, which BLAS cannot count; TG_ERR_NULL. Nothing is said and nothing written then. */
tg_status tg_gemm(bool blas, tg_dtype dtype, bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, double alpha,
                  const void *a, int64_t lda, const void *b, int64_t ldb, double beta, void *c, int64_t ldc);

/* A product that runs again and again by our own loops: all about it but where the matrices lie is settled once. */
typedef struct tg_own_product {
    void (*run)(const tg_gemm_call *call);
    tg_gemm_call call;
    bool         swapped; /* computed as C^T = B^T A^T */
} tg_own_product;

/* Settles what tg_gemm would do with such arguments, alpha being 1. false when it would leave the product to BLAS, or would refuse it. */
bool tg_own_product_make(tg_own_product *p, bool blas, tg_dtype dtype, bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k,
                         int64_t lda, int64_t ldb, double beta, int64_t ldc);
void tg_own_product_place(tg_own_product *p, const void *a, const void *b, void *c);

/* Can tg_gemm read a [rows, columns] matrix with these strides (in elements)? Sets the flag and the leading dimension. */
bool tg_gemm_operand(int64_t rows, int64_t columns, int64_t row_stride, int64_t column_stride, bool *transpose, int64_t *ld);

#endif
