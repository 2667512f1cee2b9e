/* conv_loops.h - the loops of convolution of one instruction set: included by conv_base.c, conv_avx2.c and
 * conv_avx512.c, which define CONV_TABLE (the table to make) and VECTOR_SIZE (bytes). conv_tile.h has them for one
 * dtype. */
#include "kernels/conv.h"

#include "kernels/vectors.h"

/* x is larger than m, or the first NaN. */
#define BEATS(X, M) (((X) > (M)) | (((X) != (X)) & ((M) == (M))))

/* Of two vectors one behind the other, the lanes at even and odd places. */
#define MOST_LANES(SIZE) (VECTOR_SIZE / (SIZE))
#define EVEN(N, X, Y) __builtin_shufflevector(X, Y, JOIN(EVEN_, N))
#define ODD(N, X, Y) __builtin_shufflevector(X, Y, JOIN(ODD_, N))
#define EVEN_4 0, 2, 4, 6
#define ODD_4 1, 3, 5, 7
#define EVEN_8 0, 2, 4, 6, 8, 10, 12, 14
#define ODD_8 1, 3, 5, 7, 9, 11, 13, 15
#define EVEN_16 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODD_16 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31

#define T float
#define T_SIZE 4
#define INT int32_t
#define F(NAME) F32_(NAME)
#define F32_(NAME) NAME##_f32
#include "kernels/conv_tile.h"

#define T double
#define T_SIZE 8
#define INT int64_t
#define F(NAME) F64_(NAME)
#define F64_(NAME) NAME##_f64
#include "kernels/conv_tile.h"

#define CONV_LOOPS(NAME)                                                                                               \
    {                                                                                                                  \
        .lanes = LANES_##NAME, .take_rows = take_rows_##NAME, .add_rows = add_rows_##NAME, .turn = turn_##NAME,             \
        .max_2x2 = max_2x2_##NAME, .max_2x2_of = max_2x2_of_##NAME, .max_2x2_dx = max_2x2_dx_##NAME,                       \
        .filter = filter_##NAME, .dots = dots_##NAME                                                                   \
    }

const tg_conv_table CONV_TABLE = {.f32 = CONV_LOOPS(f32), .f64 = CONV_LOOPS(f64)};
