/* vectors.h - what loops written with the compiler's vectors share: included where VECTOR_SIZE (bytes) says how long they are. vec_f32
 * and vec_f64 are their types. */
#include <string.h>

#if VECTOR_SIZE > 16
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* Where the CPU has no fused multiply-add, two roundings do. */
#if VECTOR_SIZE == 64
#define SPLAT_f32            _mm512_set1_ps
#define SPLAT_f64            _mm512_set1_pd
#define MUL_ADD_f32          _mm512_fmadd_ps
#define MUL_ADD_f64          _mm512_fmadd_pd
#elif VECTOR_SIZE == 32
#define SPLAT_f32            _mm256_set1_ps
#define SPLAT_f64            _mm256_set1_pd
#define MUL_ADD_f32          _mm256_fmadd_ps
#define MUL_ADD_f64          _mm256_fmadd_pd
#else
#define SPLAT_f32(X)         ((vec_f32){(X), (X), (X), (X)})
#define SPLAT_f64(X)         ((vec_f64){(X), (X)})
#define MUL_ADD_f32(A, B, D) ((A) * (B) + (D))
#define MUL_ADD_f64(A, B, D) ((A) * (B) + (D))
#endif

#define JOIN(A, B)  JOIN_(A, B)
#define JOIN_(A, B) A##B

/* The lanes of two vectors in turns, of their lower and their upper halves. */
#define LOW(N, X, Y)  __builtin_shufflevector(X, Y, JOIN(LOW_, N))
#define HIGH(N, X, Y) __builtin_shufflevector(X, Y, JOIN(HIGH_, N))
#define LOW_2         0, 2
#define HIGH_2        1, 3
#define LOW_4         0, 4, 1, 5
#define HIGH_4        2, 6, 3, 7
#define LOW_8         0, 8, 1, 9, 2, 10, 3, 11
#define HIGH_8        4, 12, 5, 13, 6, 14, 7, 15
#define LOW_16        0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH_16       8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
