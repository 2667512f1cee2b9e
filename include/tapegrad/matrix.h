/* matrix.h - products of matrices. Part of tapegrad.h. */
#ifndef TAPEGRAD_MATRIX_H
#define TAPEGRAD_MATRIX_H

#include <tapegrad/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- products -----------------------------------------------------------------------------------------------------
 * C[…,m,n] = A[…,m,k] B[…,k,n]; leading axes broadcast. f32, f64. k = 0 gives zeros. Transposed views cost no copy.
 * A vector is a row on the left and a column on the right, and the axis of size 1 that it would bring is left out of the result: [k] by
 * […,k,n] gives […,n], […,m,k] by [k] gives […,m], and [k] by [k] a number of rank 0. */
TG_API tg_tensor *tg_matmul(tg_tensor *a, tg_tensor *b);

/* The same of operands of just these axes, for whoever wants others to be errors: vector by vector, matrix by vector, matrix by matrix, as many
 * matrices by as many. */
TG_API tg_tensor *tg_dot(tg_tensor *a, tg_tensor *b);
TG_API tg_tensor *tg_mv(tg_tensor *a, tg_tensor *b);
TG_API tg_tensor *tg_mm(tg_tensor *a, tg_tensor *b);
TG_API tg_tensor *tg_bmm(tg_tensor *a, tg_tensor *b);

TG_API tg_tensor *tg_outer(tg_tensor *a, tg_tensor *b);  /* a [m], b [n]: [m,n], a[i] b[j]; of every dtype that tg_mul takes */
/* a × b of vectors of 3 along an axis of the result, to whose shape both broadcast beside it. Dtypes of tg_mul. */
TG_API tg_tensor *tg_cross(tg_tensor *a, tg_tensor *b, int axis);
/* beta x + alpha a b of matrices, and of as many matrices by as many; x broadcasts to the product. Where beta is 0, x is not read: NaN there stays there. */
TG_API tg_tensor *tg_addmm(tg_tensor *x, tg_tensor *a, tg_tensor *b, double beta, double alpha);
TG_API tg_tensor *tg_baddbmm(tg_tensor *x, tg_tensor *a, tg_tensor *b, double beta, double alpha);
/* The product of n factors, up to 32, multiplied in the order that takes the fewest multiplications: matrices, of which the first may be a vector, a
 * row, and the last one, a column. NumPy's multi_dot. */
TG_API tg_tensor *tg_multi_dot(tg_tensor *const *x, int n);
/* The Kronecker product: block (i, j, …) of the result is a[i,j,…] b. Axes are aligned at the last one; with more than 4 of
 * them both operands are copied to the size of the result. Dtypes of tg_mul. */
TG_API tg_tensor *tg_kron(tg_tensor *a, tg_tensor *b);
/* Sums over the last axes of both, NumPy's inner: a […,k], b […,k] give a's other axes, then b's. A number multiplies. f32, f64. */
TG_API tg_tensor *tg_inner(tg_tensor *a, tg_tensor *b);
/* Sums over pairs of axes, axes_a[i] of a with axes_b[i] of b: a's other axes, then b's. f32, f64. */
TG_API tg_tensor *tg_tensordot(tg_tensor *a, tg_tensor *b, const tg_axes *axes_a, const tg_axes *axes_b);

/* Sums of products of n >= 1 operands of f32 or f64 by subscripts: tg_einsum("bij,bjk->bik", x, 2). An operand has a letter for each axis; letters
 * that the result has not are summed. Letters without an arrow: the result has those that stand once, in the order of the alphabet, capitals
 * first. A letter twice in an operand is its diagonal. "..." stands for the axes that have no letter, aligned at the last one and
 * broadcast; a result that is told without it sums them. Spaces don't count. A size of 1 broadcasts. Operands are summed alone
 * where they can be, and multiplied two at a time by tg_matmul, those first that take the fewest multiplications. Errors: TG_ERR_ARG for
 * subscripts that say nothing, TG_ERR_SHAPE where they do not fit, TG_ERR_UNSUPPORTED when every product of two has more than 8 axes. */
TG_API tg_tensor *tg_einsum(const char *subscripts, tg_tensor *const *x, int n);

TG_API tg_tensor *tg_linear(tg_tensor *x, tg_tensor *w, tg_tensor *bias); /* x w + bias: x […,in], w [in,out], bias [out] or NULL */

#ifdef __cplusplus
}
#endif
#endif
