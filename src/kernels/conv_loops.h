/* conv_loops.h - the loops of convolution of one instruction set: included by conv_base.c, conv_avx2.c and conv_avx512.c, which define
 * CONV_TABLE (the table to make) and VECTOR_SIZE (bytes). conv_tile.h has them for one dtype. */
#include "conv.h"

#include <string.h>

#if VECTOR_SIZE > 16
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))

#if defined(__clang__)
#define UNROLL      _Pragma("clang loop unroll(full)")
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define UNROLL      _Pragma("GCC unroll 12")
#define INDEPENDENT _Pragma("GCC ivdep")
#endif

/* Where the CPU has no fused multiply-add, two roundings do. Tiles of C of TILE_ROWS rows × 3 vectors stay in registers. */
#if VECTOR_SIZE == 64
#define SPLAT_f32       _mm512_set1_ps
#define SPLAT_f64       _mm512_set1_pd
#define MUL_ADD_f32     _mm512_fmadd_ps
#define MUL_ADD_f64     _mm512_fmadd_pd
#define TILE_ROWS(VECS) ((VECS) == 1 ? 12 : 8)
#elif VECTOR_SIZE == 32
#define SPLAT_f32       _mm256_set1_ps
#define SPLAT_f64       _mm256_set1_pd
#define MUL_ADD_f32     _mm256_fmadd_ps
#define MUL_ADD_f64     _mm256_fmadd_pd
#define TILE_ROWS(VECS) ((VECS) == 1 ? 10 : (VECS) == 2 ? 6 : 4)
#else
#define SPLAT_f32(X)         ((vec_f32){(X), (X), (X), (X)})
#define SPLAT_f64(X)         ((vec_f64){(X), (X)})
#define MUL_ADD_f32(A, B, D) ((A) * (B) + (D))
#define MUL_ADD_f64(A, B, D) ((A) * (B) + (D))
#define TILE_ROWS(VECS)      ((VECS) == 1 ? 10 : (VECS) == 2 ? 6 : 4)
#endif

/* x is larger than m, or the first NaN. */
#define BEATS(X, M) (((X) > (M)) | (((X) != (X)) & ((M) == (M))))

#define T       float
#define F(NAME) NAME##_f32
#include "conv_tile.h"

#define T       double
#define F(NAME) NAME##_f64
#include "conv_tile.h"

#define CONV_LOOPS(NAME)                                                                                               \
    {                                                                                                                  \
        .lanes = LANES_##NAME, .product = product_##NAME, .take_rows = take_rows_##NAME, .add_rows = add_rows_##NAME,  \
        .max_2x2 = max_2x2_##NAME, .max_2x2_dx = max_2x2_dx_##NAME                                                     \
    }

const tg_conv_table CONV_TABLE = {.f32 = CONV_LOOPS(f32), .f64 = CONV_LOOPS(f64)};
