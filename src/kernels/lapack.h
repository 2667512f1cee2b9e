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

/* X of a X = b: b [n,k] becomes X and a [n,n] is lost, both stored by columns. What a singular matrix gives is not finite, or of no use. */
void tg_gesv(tg_dtype dtype, int n, int k, void *a, int *pivots, void *b);

/* a [m,n] = Q R, m >= n >= 1: a becomes Q, whose columns are orthonormal, and r [n,n] gets R, zeros below the diagonal. tau: n numbers of the dtype, work:
 * tg_qr_work(n). */
int64_t tg_qr_work(int64_t n);
void    tg_qr_by_reflections(tg_dtype dtype, int m, int n, void *a, void *r, void *tau, void *work);

/* The eigenvalues of a symmetric matrix a [n,n], n >= 1, in ascending order, of which the lower triangle is read; with vectors, these become the rows of a,
 * else a is lost. work: tg_syevd_work numbers of the dtype; whole: tg_syevd_whole. Both say how much, for n up to TG_SYEVD_MOST. a is
 * finite. false: it did not converge. */
enum { TG_SYEVD_MOST = 30000 };
int  tg_syevd_work(int n, bool vectors);
int  tg_syevd_whole(int n, bool vectors);
bool tg_syevd(tg_dtype dtype, bool vectors, int n, void *a, void *values, void *work, int *whole);

/* The min(m,n) singular values of a [m,n] in descending order; where u is not NULL, the columns of u [m,min(m,n)] and the rows of vh [min(m,n),n] get the
 * vectors: a = u diag(s) vh. a is finite, has at least one element, and is lost. work: as many numbers of the dtype as tg_gesdd_work says, which
 * may not be more than INT_MAX; whole: 8 min(m,n). false: it did not converge. */
int64_t tg_gesdd_work(int64_t m, int64_t n, bool vectors);
bool    tg_gesdd(tg_dtype dtype, int m, int n, void *a, void *s, void *u, void *vh, void *work, int *whole);

#endif
