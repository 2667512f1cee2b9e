/* gemm.h - matrix products of our own, for the vector units of the CPU at hand.
 *
 * Compiled once for each instruction set (gemm_base.c, gemm_avx2.c, gemm_avx512.c) from gemm_loops.h. An element of C is added up in the
 * order of k, whatever its place and the sizes of C: a product may be cut into pieces of C and keeps its bits. */
#ifndef TG_GEMM_H
#define TG_GEMM_H

#include "kernels/kernels.h"

/* C[m,n] = alpha (start + A[m,k] B[k,n]) + beta C; of T, f32 or f64. C is not read where beta is 0. Steps in elements. */
typedef struct tg_gemm_call {
    int64_t     m, n, k;
    const void *a;
    int64_t     a_row, a_col; /* from row to row, and from column to column */
    const void *b;
    int64_t     ldb;
    bool        tb;           /* B is stored [n,k] */
    void       *c;
    int64_t     ldc;
    double      alpha, beta;
    const void *start;  /* one number for each row of C; NULL: zeros */
    bool        padded; /* not tb: B's rows may be read up to the next whole vector behind n */
} tg_gemm_call;

typedef void (*tg_gemm_fn)(const tg_gemm_call *d);
typedef struct tg_gemm_loops {
    tg_gemm_fn f32, f64;
} tg_gemm_loops;

tg_gemm_fn tg_isa_gemm(tg_isa isa, tg_dtype dtype); /* NULL where CPU or build lack the instruction set, and for other dtypes than f32, f64 */
tg_gemm_fn tg_fast_gemm(tg_dtype dtype);            /* for this CPU */

/* Between the files of this folder; f32 NULL: not in this build. */
extern const tg_gemm_loops tg_gemm_base, tg_gemm_avx2, tg_gemm_avx512;

#endif
