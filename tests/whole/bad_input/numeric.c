/* numeric.c - rows of polynomials, integrals of samples, interpolation, convolution of vectors. */
#include "bad_input.h"

#define VECTOR_OF(N, ...) TENSOR(FLOAT, TG_SHAPE(N), RANKS(1, 1), __VA_ARGS__)

void rows_numeric(void)
{
    CALL(tg_polyval, VECTOR_OF(3), FLOATS(2, 3));
    CALL(tg_vander, TENSOR(FLOAT, TG_SHAPE(2, 3), RANKS(0, 7)), N(3, BAD(ARG, -1)), TRUTH);
    CALL(tg_trapezoid, FLOATS(2, 3), TENSOR(FLOAT, TG_SHAPE(3), .optional = true, MISFITS(TG_SHAPE(2), TG_SHAPE(3, 3))), AXIS);
    CALL(tg_interp1d, FLOATS(2, 3), VECTOR_OF(3, MISFITS(TG_SHAPE(4), TG_SHAPE(0))), VECTOR_OF(3, MISFITS(TG_SHAPE(4), TG_SHAPE(0))));
    CALL(tg_convolve, VECTOR_OF(3, MISFITS(TG_SHAPE(0))), VECTOR_OF(2, MISFITS(TG_SHAPE(0))), N(TG_CONVOLVE_FULL, BAD(ARG, -1, 3)));
}
