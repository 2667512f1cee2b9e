/* matrix.c - rows of products of matrices. */
#include "bad_input.h"

#define TWO(A, B)          ((tg_tensor *const[]){ones(TG_F32, A), ones(TG_F32, B)})
#define ONE_BY_ONE         TG_SHAPE(1, 1) /* of ones: regular */
#define SQUARE             TENSOR(FLOAT, ONE_BY_ONE, RANKS(2, 8), MISFITS(TG_SHAPE(2, 3)), .nothing = TG_ERR_SHAPE)
#define MATRIX             TENSOR(FLOAT, TG_SHAPE(2, 3), RANKS(2, 8))
#define SAID(STATUS, TEXT) WRONG(STATUS, NULL, TEXT)

void rows_matrix(void)
{
    CALL(tg_matmul, TENSOR(FLOAT, TG_SHAPE(2, 3), RANKS(1, 8), MISFITS(TG_SHAPE(2, 4))),
         TENSOR(FLOAT, TG_SHAPE(3, 4), RANKS(1, 8), MISFITS(TG_SHAPE(4, 3), TG_SHAPE(2))));
    CALL(tg_matmul, TENSOR(FLOAT, TG_SHAPE(2, 2, 3), MISFITS(TG_SHAPE(3, 2, 3))), TENSOR(FLOAT, TG_SHAPE(2, 3, 4), MISFITS(TG_SHAPE(3, 3, 4))));
    CALL(tg_dot, TENSOR(FLOAT, TG_SHAPE(3), RANKS(1, 1), MISFITS(TG_SHAPE(4))), TENSOR(FLOAT, TG_SHAPE(3), RANKS(1, 1), MISFITS(TG_SHAPE(4))));
    CALL(tg_mv, TENSOR(FLOAT, TG_SHAPE(2, 3), RANKS(2, 2), MISFITS(TG_SHAPE(2, 4))), TENSOR(FLOAT, TG_SHAPE(3), RANKS(1, 1), MISFITS(TG_SHAPE(4))));
    CALL(tg_mm, TENSOR(FLOAT, TG_SHAPE(2, 3), RANKS(2, 2), MISFITS(TG_SHAPE(2, 4))), TENSOR(FLOAT, TG_SHAPE(3, 4), RANKS(2, 2), MISFITS(TG_SHAPE(4, 3))));
    CALL(tg_bmm, TENSOR(FLOAT, TG_SHAPE(2, 2, 3), RANKS(3, 3), MISFITS(TG_SHAPE(3, 2, 3), TG_SHAPE(1, 2, 3))),
         TENSOR(FLOAT, TG_SHAPE(2, 3, 4), RANKS(3, 3), MISFITS(TG_SHAPE(2, 4, 3))));
    CALL(tg_outer, TENSOR(NUMBER, TG_SHAPE(2), RANKS(1, 1)), TENSOR(NUMBER, TG_SHAPE(3), RANKS(1, 1)));
    CALL(tg_cross, TENSOR(NUMBER, TG_SHAPE(2, 3), MISFITS(TG_SHAPE(3, 2), TG_SHAPE(3, 3))), TENSOR(NUMBER, TG_SHAPE(2, 3), MISFITS(TG_SHAPE(3, 2), TG_SHAPE(2, 1))), AXIS);
    CALL(tg_addmm, TENSOR(FLOAT, TG_SHAPE(4), MISFITS(TG_SHAPE(3), TG_SHAPE(1, 2, 4))), TENSOR(FLOAT, TG_SHAPE(2, 3), RANKS(2, 2), MISFITS(TG_SHAPE(2, 4))),
         TENSOR(FLOAT, TG_SHAPE(3, 4), RANKS(2, 2), MISFITS(TG_SHAPE(4, 3))), OF_THE_DTYPE(2), OF_THE_DTYPE(3));
    CALL(tg_baddbmm, TENSOR(FLOAT, TG_SHAPE(4), MISFITS(TG_SHAPE(3))), TENSOR(FLOAT, TG_SHAPE(2, 2, 3), RANKS(3, 3), MISFITS(TG_SHAPE(3, 2, 3))),
         TENSOR(FLOAT, TG_SHAPE(2, 3, 4), RANKS(3, 3), MISFITS(TG_SHAPE(2, 4, 3))), OF_THE_DTYPE(2), OF_THE_DTYPE(3));
    CALL(tg_multi_dot, LIST(FLOAT, TG_SHAPE(3, 3), RANKS(1, 2), MISFITS(TG_SHAPE(2, 2))), N(2, IN_SILENCE(0, -1, INT_MIN)));
    CALL(tg_kron, TENSOR(NUMBER, TG_SHAPE(2, 3), RANKS(0, 8)), TENSOR(NUMBER, TG_SHAPE(3), RANKS(0, 8)));
    CALL(tg_inner, TENSOR(FLOAT, TG_SHAPE(2, 3), MISFITS(TG_SHAPE(2, 4))), TENSOR(FLOAT, TG_SHAPE(4, 3), MISFITS(TG_SHAPE(3, 4))));
    CALL(tg_tensordot, TENSOR(FLOAT, TG_SHAPE(2, 3), MISFITS(TG_SHAPE(2, 4))), TENSOR(FLOAT, TG_SHAPE(2, 3), MISFITS(TG_SHAPE(3, 2))),
         AXES_OF(TG_AXES(1), .pointers = {WRONG(SHAPE, NULL, TG_AXES(0, 1))}), AXES_OF(TG_AXES(1), .pointers = {WRONG(SHAPE, NULL, TG_AXES(0, 1))}));
    CALL(tg_linear, TENSOR(FLOAT, TG_SHAPE(2, 3), MISFITS(TG_SHAPE(2, 4))), TENSOR(FLOAT, TG_SHAPE(3, 4), RANKS(2, 2), MISFITS(TG_SHAPE(4, 4))),
         TENSOR(FLOAT, TG_SHAPE(4), RANKS(1, 1), .optional = true, MISFITS(TG_SHAPE(3))));
    CALL(tg_cholesky, SQUARE, TRUTH);
    CALL(tg_cholesky_ex, SQUARE, TRUTH, OUT);
    CALL(tg_cholesky_inverse, SQUARE, TRUTH);
    CALL(tg_cholesky_solve, TENSOR(FLOAT, TG_SHAPE(1, 3), MISFITS(TG_SHAPE(2, 3), TG_SHAPE(2))), TENSOR(FLOAT, ONE_BY_ONE, RANKS(2, 8), MISFITS(TG_SHAPE(2, 2), TG_SHAPE(1, 2))), TRUTH);
    CALL(tg_solve, TENSOR(FLOAT, ONE_BY_ONE, RANKS(2, 8), MISFITS(TG_SHAPE(2, 2), TG_SHAPE(1, 2))), TENSOR(FLOAT, TG_SHAPE(1, 3), MISFITS(TG_SHAPE(2, 3), TG_SHAPE(2))));
    CALL(tg_solve_triangular, TENSOR(FLOAT, ONE_BY_ONE, RANKS(2, 8), MISFITS(TG_SHAPE(2, 2), TG_SHAPE(1, 2))), TENSOR(FLOAT, TG_SHAPE(1, 3), MISFITS(TG_SHAPE(2, 3), TG_SHAPE(2))), OPTIONS());
    CALL(tg_inv, SQUARE);
    CALL(tg_lu_factor, SQUARE, OUT);
    CALL(tg_lu, SQUARE, OUT, OUT);
    CALL(tg_slogdet, SQUARE, OUT);
    CALL(tg_logdet, SQUARE);
    CALL(tg_det, SQUARE);
    CALL(tg_eigh, SQUARE, TRUTH, OUT);
    CALL(tg_eigvalsh, SQUARE, TRUTH);
    CALL(tg_matrix_power, SQUARE, N(2));
    CALL(tg_matrix_exp, SQUARE);
    CALL(tg_qr, MATRIX, OUT);
    CALL(tg_svd, MATRIX, OUT, OUT);
    CALL(tg_svdvals, MATRIX);
    CALL(tg_lstsq, TENSOR(FLOAT, TG_SHAPE(3, 2), RANKS(2, 8), MISFITS(TG_SHAPE(2, 3), TG_SHAPE(2, 2))), TENSOR(FLOAT, TG_SHAPE(3, 1), MISFITS(TG_SHAPE(2, 1), TG_SHAPE(2))));
    CALL(tg_pinv, MATRIX,
         OPTIONS(OPTION(ARG, "atol -1", tg_pinv_options, .atol = -1), OPTION(ARG, "rtol -1", tg_pinv_options, .rtol = -1), OPTION(ARG, "atol nan", tg_pinv_options, .atol = NAN)));
    CALL(tg_matrix_norm, MATRIX,
         OPTIONS(OPTION(ARG, "-1", tg_matrix_norm_options, .kind = (tg_matrix_norm_kind)-1), OPTION(ARG, "8", tg_matrix_norm_options, .kind = (tg_matrix_norm_kind)8)));
    CALL(tg_einsum,
         POINTS("ij,ij->ij", WRONG(NULL, NULL, NULL), SAID(SHAPE, ""), SAID(ARG, "ij"), SAID(ARG, "ij,ij,ij"), SAID(ARG, "ij,ij->k"), SAID(ARG, "ij,ij->ii"),
                SAID(ARG, "ij,ij-ij"), SAID(ARG, "ij,ij->ij->ij"), SAID(ARG, "i1,ij"), SAID(ARG, "ij,i..j"), SAID(ARG, "ij,......"), SAID(ARG, "ij,\xff"),
                SAID(SHAPE, "ijk,ij"), SAID(SHAPE, "i,ij"), SAID(SHAPE, "ii,ij")),
         LIST(FLOAT, TG_SHAPE(2, 3), RANKS(2, 2), MISFITS(TG_SHAPE(2, 4), TG_SHAPE(4, 3))), N(2, IN_SILENCE(0, -1, INT_MIN)));
}
