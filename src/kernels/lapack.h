/* lapack.h - the one door to LAPACK, which OpenBLAS carries: factorisations and triangular systems of one matrix of f32 or f64, all on the thread that
 * calls. Matrices are row-major without gaps, but where a comment says otherwise. Sizes may be 0. */
#ifndef TG_LAPACK_H
#define TG_LAPACK_H

#include "tensor/dtype.h"

/* a [n,n] = L L^T, in place: reads and writes the lower triangle alone. 0, or k where the first k rows and columns are not positive definite: what a holds
 * then is of no use. */
int tg_potrf(tg_dtype dtype, int n, void *a);

/* P a = L U of a matrix [n,n] stored by columns, in place: L below the diagonal, with ones on it that are not stored, U on and above it. pivots: row k was
 * exchanged with row pivots[k] >= k, both counted from 0, for k = 0, 1, …. A U with zeros on its diagonal is none of its concerns. */
void tg_getrf(tg_dtype dtype, int n, void *a, int *pivots);

/* Which system a triangular matrix A is in: op(A) X = B, or X op(A) = B if it is on the right. */
typedef struct tg_trsm_kind {
    bool right, upper, transpose, unit; /* unit: the diagonal is taken for ones, and not read */
} tg_trsm_kind;

/* b [m,n] becomes X. Of a, [m,m] or on the right [n,n], one triangle is read. A zero on its diagonal gives what division by it gives. */
void tg_trsm(tg_dtype dtype, tg_trsm_kind kind, int m, int n, const void *a, void *b);

/* The eigenvalues of a symmetric matrix a [n,n], n >= 1, in ascending order, of which the lower triangle is read, and its eigenvectors, which become the rows
 * of a. work: tg_syevd_work(n) numbers of the dtype; whole: tg_syevd_whole(n). a is finite, n at most TG_SYEVD_MOST. false: it did not converge. */
enum { TG_SYEVD_MOST = 30000 };
int  tg_syevd_work(int n);
int  tg_syevd_whole(int n);
bool tg_syevd(tg_dtype dtype, int n, void *a, void *values, void *work, int *whole);

#endif
