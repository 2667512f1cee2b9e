/* linalg.h - what the files of linear algebra share. */
#ifndef TG_LINALG_H
#define TG_LINALG_H

#include "ops/batch.h"
#include "ops/ops.h"

#include <tapegrad/linalg.h>

#include "kernels/lapack.h"

/* ---- matrices of a call -------------------------------------------------------------------------------------------- */

/* For infer: is input i made of matrices, or of square ones, of f32 or f64, of a size that LAPACK counts to? */
tg_status tg_need_matrices(tg_call *c, int i);
tg_status tg_need_square(tg_call *c, int i);

/* For run: may LAPACK be called? Else TG_ERR_UNSUPPORTED, after a sentence. */
tg_status tg_need_lapack(const tg_call *c);

/* How many matrices there are: the product of the leading sizes. */
int64_t tg_matrices_of(const tg_shape *s);

/* s without its last `axes` axes. */
tg_shape tg_leading(const tg_shape *s, int axes);

/* The error that matrix k of a batch is `what`, in the name of a public function. */
tg_status tg_bad_matrix(const tg_call *c, const char *function, const tg_shape *leading, int64_t k, const char *what);

/* x [n,n] into y, as its transpose; bytes of one number each (4 or 8). They are not the same memory. */
void tg_transpose_square(size_t item, int64_t n, const void *x, void *y);

/* The exchanges of tg_getrf, one after the other: row k of what comes out is row permutation[k]. 1, or -1 for an odd number of them. */
int64_t tg_permutation_of(int64_t n, const int *pivots, int64_t *permutation);

/* n numbers of a dtype as doubles, and back. */
void tg_read_f64(tg_dtype dtype, int64_t n, const void *x, double *to);
void tg_write_f64(tg_dtype dtype, int64_t n, const double *x, void *to);

/* Are all of n numbers finite? */
bool tg_is_finite(tg_dtype dtype, int64_t n, const void *x);
void tg_fill_nan(tg_dtype dtype, int64_t n, void *y);

/* For public functions: is a made of matrices, or of square ones, of f32 or f64? false after a sentence. */
bool tg_needs_matrices(tg_tensor *a, const char *function);
bool tg_needs_square(tg_tensor *a, const char *function);

/* ---- systems A X = B ----------------------------------------------------------------------------------------------- */

typedef struct tg_system {
    tg_tensor *a, *b; /* with the same leading axes */
    bool       vector;
} tg_system;

/* Reads the operands of a public function: A square, B with as many rows (on the right: columns), or a vector. false after a sentence. */
bool tg_read_system(tg_system *s, tg_tensor *a, tg_tensor *b, bool right, const char *function);

/* The same with an A that need not be square. */
bool tg_read_equations(tg_system *s, tg_tensor *a, tg_tensor *b, const char *function);

/* x, but a vector where B was one. */
tg_tensor *tg_solution(const tg_system *s, tg_tensor *x);

/* Solves a triangular system of operands with the same leading axes. */
tg_tensor *tg_trsm_of(tg_tensor *a, tg_tensor *b, tg_trsm_kind kind);

/* The lower triangle with half of the diagonal. Of S + S^T, S being the gradient of a symmetric matrix: that of its lower triangle, where element i, j
 * stands for j, i as well (cholesky.c). */
tg_tensor *tg_lower_half(tg_tensor *x);

/* L and U in one, and which row of A each of their rows is (lu.c). */
tg_tensor *tg_lu_of(tg_tensor *a, tg_tensor **permutation);

/* X of A^T X = B for the same leading axes; a singular matrix is an error of `function` (solve.c). */
tg_tensor *tg_solve_transposed(tg_tensor *a, tg_tensor *b, const char *function);

/* The same for A X = 1. */
tg_tensor *tg_inverse_of(tg_tensor *a, const char *function);

/* The n×n identity like the matrices of a, for each of them; NULL after an error. */
tg_tensor *tg_identity_like(tg_tensor *a);

#endif
