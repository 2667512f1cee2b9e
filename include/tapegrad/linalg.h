/* linalg.h - linear algebra: factorisations, linear systems, determinants, spectra, functions and norms of matrices. Part of tapegrad.h.
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

/* ---- functions of a matrix ------------------------------------------------------------------------------------------ */

/* A A … A, n times, by squaring; of n < 0 that of tg_inv(A), of n = 0 the identity. */
TG_API tg_tensor *tg_matrix_power(tg_tensor *a, int64_t n);
/* exp A = 1 + A + A A/2 + …, by scaling and squaring of a rational approximation (Higham 2005, "The scaling and squaring method for the matrix exponential
 * revisited"), computed in f64. A matrix with NaN or infinities has NaN everywhere. */
TG_API tg_tensor *tg_matrix_exp(tg_tensor *a);

/* ---- symmetric matrices -------------------------------------------------------------------------------------------
 * Eigenvalues of a symmetric A, […,n] in ascending order, of which the lower triangle is read, or the upper one; *vectors, where it is not NULL, gets the
 * eigenvectors, the columns of V […,n,n], A V = V diag(w). Their signs, and of equal eigenvalues their choice, are LAPACK's: a loss must not depend
 * on them, and the gradient by vectors of equal eigenvalues is not finite. That by eigenvalues is there all the same. A matrix with NaN or
 * infinities, and one for which LAPACK does not converge, has NaN everywhere. At most 30,000 rows. */
TG_API tg_tensor *tg_eigh(tg_tensor *a, bool upper, tg_tensor **vectors);
TG_API tg_tensor *tg_eigvalsh(tg_tensor *a, bool upper); /* these eigenvalues, in a fraction of the time */

/* ---- matrices of any shape ----------------------------------------------------------------------------------------
 * […,m,n]; k is the smaller of m and n, either of which may be 0. */

/* Q […,m,k] of A = Q R, with orthonormal columns; *r, where it is not NULL, gets R […,k,n], upper triangular. The signs of R's diagonal are those of
 * Householder's reflections, as in PyTorch and NumPy: a loss must not depend on them. The first k columns must be independent for the gradient, which is not
 * finite else. */
TG_API tg_tensor *tg_qr(tg_tensor *a, tg_tensor **r);

/* U […,m,k] of A = U diag(s) V^T, with orthonormal columns; *s, where it is not NULL, gets the singular values […,k], in descending order, and *vh V^T
 * […,k,n]. Signs of vectors, and of equal values their choice, are LAPACK's: a loss must not depend on them. The gradient by vectors is not finite
 * where two values are equal, nor, unless A is square, where one is 0; that by values is there all the same (of a value of 0 it is one of many,
 * as at the kink of |x|). A matrix with NaN or infinities, and one for which LAPACK does not converge, has NaN everywhere. 4 k² + 7 k + 32 (m + n), the room
 * that LAPACK takes, must be less than 2^31. */
TG_API tg_tensor *tg_svd(tg_tensor *a, tg_tensor **s, tg_tensor **vh);
TG_API tg_tensor *tg_svdvals(tg_tensor *a); /* these singular values, in a fraction of the time */

/* X of the least |A X - B|, […,n,j], b […,m,j], leading axes broadcast, or a vector [m]; where there are many, because m < n, the one of the least |X|. By
 * QR: the rank of A must be k, of which nothing is checked; else X is not finite, or of no use. tg_matmul(tg_pinv(a, NULL), b) asks for no rank. */
TG_API tg_tensor *tg_lstsq(tg_tensor *a, tg_tensor *b);

typedef struct tg_pinv_options {
    double atol; /* singular values up to the larger of atol, usually 0, and of rtol times the largest of them count as 0. */
    double rtol; /* usually 0 where atol is given, else max(m,n) times the dtype's epsilon. Both at least 0 (TG_ERR_ARG) */
} tg_pinv_options;
/* The pseudoinverse of Moore and Penrose, […,n,m]; options may be NULL. Its gradient is right where the rank does not change, whether singular values are
 * equal or not. NaN as of tg_svd. */
TG_API tg_tensor *tg_pinv(tg_tensor *a, const tg_pinv_options *options);

typedef enum tg_matrix_norm_kind {
    TG_NORM_FROBENIUS = 0, /* the root of the sum of squares */
    TG_NORM_NUCLEAR,       /* the sum of the singular values */
    TG_NORM_1,             /* the largest sum of |x| over a column */
    TG_NORM_MINUS_1,       /* the smallest */
    TG_NORM_INFINITY,      /* the largest sum of |x| over a row */
    TG_NORM_MINUS_INFINITY,
    TG_NORM_2, /* the largest singular value */
    TG_NORM_MINUS_2,
} tg_matrix_norm_kind;
typedef struct tg_matrix_norm_options {
    tg_matrix_norm_kind kind; /* usually Frobenius's. TG_ERR_ARG for another than these */
    bool                keepdim; /* the result is […,1,1] */
} tg_matrix_norm_options;
/* A norm of each matrix, […]; options may be NULL. Equal sums, and equal singular values, share the gradient; that of the Frobenius norm is 0 at the zero
 * matrix. Of no elements the Frobenius and the nuclear norm are 0; where others have nothing to choose among: TG_ERR_SHAPE. */
TG_API tg_tensor *tg_matrix_norm(tg_tensor *a, const tg_matrix_norm_options *options);

#ifdef __cplusplus
}
#endif
#endif
