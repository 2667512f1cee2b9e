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

TG_API tg_tensor *tg_linear(tg_tensor *x, tg_tensor *w, tg_tensor *bias); /* x w + bias: x […,in], w [in,out], bias [out] or NULL */

#ifdef __cplusplus
}
#endif
#endif
