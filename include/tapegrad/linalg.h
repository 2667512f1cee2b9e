/* linalg.h - linear algebra: factorisations, linear systems, determinants. Part of tapegrad.h.
 *
 * All take f32 and f64, […,n,n]: matrices in the last two axes, in as many leading axes as there are; n and the leading sizes may be 0. They compute by
 * LAPACK, which OpenBLAS carries, and are TG_ERR_UNSUPPORTED where the library may not call that: in a limited address space, and with OpenBLAS's pthread
 * build. A matrix is computed by one thread, so that results don't depend on the number of threads. NaN and infinities go where the arithmetic
 * takes them.
 *
 * Where a function reads one triangle of a matrix, the other one may hold anything and has gradient 0: the derivative is that of the function of
 * the numbers that are read. (Of a symmetric matrix that is made of parameters the gradient of these is the same as elsewhere. PyTorch's gradient of
 * cholesky is half of this one and its transpose.) */
#ifndef TAPEGRAD_LINALG_H
#define TAPEGRAD_LINALG_H

#include <tapegrad/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- positive definite matrices -----------------------------------------------------------------------------------
 * L, lower triangular with a positive diagonal, of a symmetric positive definite A = L L^T, of which the lower triangle is read; `upper`: U = L^T of
 * A = U^T U, and the upper triangle is. TG_ERR_ARG when a value is asked for and a matrix is not positive definite. Gradient: Murray (2016),
 * arXiv:1602.07527. */
TG_API tg_tensor *tg_cholesky(tg_tensor *a, bool upper);
/* The same without that error: *info, where it is not NULL, gets i64 […]: 0, or the order of the first leading minor that is not positive; L is NaN
 * there, in the triangle that it has. */
TG_API tg_tensor *tg_cholesky_ex(tg_tensor *a, bool upper, tg_tensor **info);
/* X of A X = B by A's factor: l is what tg_cholesky gave with the same `upper`; b is as in tg_solve. */
TG_API tg_tensor *tg_cholesky_solve(tg_tensor *b, tg_tensor *l, bool upper);
TG_API tg_tensor *tg_cholesky_inverse(tg_tensor *l, bool upper); /* the inverse of A by its factor */

/* ---- linear systems -----------------------------------------------------------------------------------------------
 * X of A X = B, b […,n,k], leading axes broadcast. b of one axis is a vector [n], and X has one axis less than it would: […,n]. (So it is in NumPy 2;
 * PyTorch takes b for vectors also where its shape is a's without the last axis.) TG_ERR_ARG when a value is asked for and a matrix is singular, that
 * is, elimination with partial pivoting meets a pivot that is exactly 0. */
TG_API tg_tensor *tg_solve(tg_tensor *a, tg_tensor *b);
TG_API tg_tensor *tg_inv(tg_tensor *a); /* X of A X = 1; tg_solve is faster and more accurate than a product with it. Errors as of tg_solve */

typedef struct tg_solve_triangular_options {
    bool upper;         /* A is upper triangular: this triangle is read, and usually the lower one */
    bool right;         /* X A = B, b […,k,n], instead of A X = B. Then b is no vector */
    bool transpose;     /* A^T instead of A; upper says what is stored */
    bool unitriangular; /* the diagonal is not read, and is taken for ones */
} tg_solve_triangular_options;
/* X of A X = B with a triangular A; options may be NULL; b as in tg_solve. A zero on the diagonal gives infinities and NaN, as dividing by it does. */
TG_API tg_tensor *tg_solve_triangular(tg_tensor *a, tg_tensor *b, const tg_solve_triangular_options *options);

/* ---- LU, determinants ---------------------------------------------------------------------------------------------
 * L and U in one matrix, of A with its rows in another order, by partial pivoting: L below the diagonal, with ones on it that are not stored, U on and
 * above it. Row i of L U is row p[i] of A; *permutation, where it is not NULL, gets p, i64 […,n]. (PyTorch's pivots are exchanges, one after
 * the other, counted from 1.) A singular matrix is no error here: U has a zero on its diagonal, and the gradient is not finite. */
TG_API tg_tensor *tg_lu_factor(tg_tensor *a, tg_tensor **permutation);
/* P of A = P L U, a matrix of 0 and 1; *l and *u, where they are not NULL, get the triangular ones. */
TG_API tg_tensor *tg_lu(tg_tensor *a, tg_tensor **l, tg_tensor **u);
/* log|det A|, […]; *sign, where it is not NULL, gets det A / |det A|, which is 1, -1 or, of a singular matrix, 0, and has no gradient. A singular
 * matrix has -inf, and a gradient that is not finite. The determinant of no numbers is 1. */
TG_API tg_tensor *tg_slogdet(tg_tensor *a, tg_tensor **sign);
TG_API tg_tensor *tg_logdet(tg_tensor *a); /* log det A; NaN where the determinant is negative */
/* det A, computed in f64. The gradient is the matrix of cofactors, of a singular A, too; the gradient of that is TG_ERR_ARG where A is singular. */
TG_API tg_tensor *tg_det(tg_tensor *a);

/* A A … A, n times, by squaring; of n < 0 that of tg_inv(A), of n = 0 the identity. */
TG_API tg_tensor *tg_matrix_power(tg_tensor *a, int64_t n);
/* ---- symmetric matrices -------------------------------------------------------------------------------------------
 * Eigenvalues of a symmetric A, […,n] in ascending order, of which the lower triangle is read, or the upper one; *vectors, where it is not NULL, gets the
 * eigenvectors, the columns of V […,n,n], A V = V diag(w). Their signs, and of equal eigenvalues their choice, are LAPACK's: a loss must not depend
 * on them, and the gradient by vectors of equal eigenvalues is not finite. That by eigenvalues is there all the same. A matrix with NaN or
 * infinities, and one for which LAPACK does not converge, has NaN everywhere. At most 30,000 rows. */
TG_API tg_tensor *tg_eigh(tg_tensor *a, bool upper, tg_tensor **vectors);
TG_API tg_tensor *tg_eigvalsh(tg_tensor *a, bool upper);

#ifdef __cplusplus
}
#endif
#endif
