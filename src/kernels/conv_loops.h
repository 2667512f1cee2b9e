/* conv_loops.h - the loops of convolution of one instruction set: included by conv_base.c, conv_avx2.c and
 * conv_avx512.c, which define CONV_TABLE (the table to make) and VECTOR_SIZE (bytes). conv_tile.h has them for one
 * dtype. */
#include "conv.h"

#include <string.h>

#if VECTOR_SIZE > 16
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 12")
#endif

/* Where the CPU has no fused multiply-add, two roundings do. Tiles of C of TILE_ROWS rows × 3 vectors stay in
 * registers. */
#if VECTOR_SIZE == 64
#define SPLAT_f32 _mm512_set1_ps
#define SPLAT_f64 _mm512_set1_pd
#define MUL_ADD_f32 _mm512_fmadd_ps
#define MUL_ADD_f64 _mm512_fmadd_pd
#define TILE_ROWS(VECS) ((VECS) == 1 ? 12 : 8)
#elif VECTOR_SIZE == 32
#define SPLAT_f32 _mm256_set1_ps
#define SPLAT_f64 _mm256_set1_pd
#define MUL_ADD_f32 _mm256_fmadd_ps
#define MUL_ADD_f64 _mm256_fmadd_pd
#define TILE_ROWS(VECS) ((VECS) == 1 ? 10 : (VECS) == 2 ? 6 : 4)
#else
#define SPLAT_f32(X) ((vec_f32){(X), (X), (X), (X)})
#define SPLAT_f64(X) ((vec_f64){(X), (X)})
#define MUL_ADD_f32(A, B, D) ((A) * (B) + (D))
#define MUL_ADD_f64(A, B, D) ((A) * (B) + (D))
#define TILE_ROWS(VECS) ((VECS) == 1 ? 10 : (VECS) == 2 ? 6 : 4)
#endif

/* x is larger than m, or the first NaN. */
#define BEATS(X, M) (((X) > (M)) | (((X) != (X)) & ((M) == (M))))

/* Of two vectors one behind the other, the lanes at even and odd places; and back. */
#define MOST_LANES(SIZE) (VECTOR_SIZE / (SIZE))
#define JOIN(A, B) JOIN_(A, B)
#define JOIN_(A, B) A##B
#define EVEN(N, X, Y) __builtin_shufflevector(X, Y, JOIN(EVEN_, N))
#define ODD(N, X, Y) __builtin_shufflevector(X, Y, JOIN(ODD_, N))
#define LOW(N, X, Y) __builtin_shufflevector(X, Y, JOIN(LOW_, N))
#define HIGH(N, X, Y) __builtin_shufflevector(X, Y, JOIN(HIGH_, N))
#define EVEN_4 0, 2, 4, 6
#define ODD_4 1, 3, 5, 7
#define LOW_4 0, 4, 1, 5
#define HIGH_4 2, 6, 3, 7
#define EVEN_8 0, 2, 4, 6, 8, 10, 12, 14
#define ODD_8 1, 3, 5, 7, 9, 11, 13, 15
#define LOW_8 0, 8, 1, 9, 2, 10, 3, 11
#define HIGH_8 4, 12, 5, 13, 6, 14, 7, 15
#define EVEN_16 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODD_16 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#define LOW_16 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH_16 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31

#define T float
#define T_SIZE 4
#define INT int32_t
#define F(NAME) F32_(NAME)
#define F32_(NAME) NAME##_f32
#include "conv_tile.h"

#define T double
#define T_SIZE 8
#define INT int64_t
#define F(NAME) F64_(NAME)
#define F64_(NAME) NAME##_f64
#include "conv_tile.h"

#define CONV_LOOPS(NAME)                                                                                               \
    {                                                                                                                  \
        .lanes = LANES_##NAME, .product = product_##NAME, .take_rows = take_rows_##NAME, .add_rows = add_rows_##NAME,  \
        .turn = turn_##NAME, .max_2x2 = max_2x2_##NAME, .max_2x2_dx = max_2x2_dx_##NAME                                \
    }

const tg_conv_table CONV_TABLE = {.f32 = CONV_LOOPS(f32), .f64 = CONV_LOOPS(f64)};
