/* gemm_loops.h - the products of one instruction set: included by gemm_base.c, gemm_avx2.c and gemm_avx512.c, which define GEMM_TABLE (the
 * table to make) and VECTOR_SIZE (bytes). gemm_tile.h has them for one dtype. */
#include "kernels/gemm.h"

#include "kernels/vectors.h"

/* Tiles of C of TILE_ROWS rows and up to TILE_VECS vectors stay in registers. Of k so many elements at a time that a panel of B stays in
 * the first cache and what A has beside it, in TALL rows, in the second. */
#if VECTOR_SIZE == 64
#define TILE_ROWS(VECS) ((VECS) == 1 ? 12 : 8)
#define WIDEST(ROWS)    3
#else
#define TILE_ROWS(VECS) ((VECS) == 1 ? 10 : (VECS) == 2 ? 6 : 4)
#define WIDEST(ROWS)    ((ROWS) < 5 || (ROWS) % 4 == 0 ? 3 : 2) /* of so many rows in all; low wide tiles load less for what they compute */
#endif
#define TILE_VECS 3
enum { DEEP = 256, TALL = 512, PACK_LEAST = 32 /* rows of C for which it pays to copy B */ };

/* A vector of zeros but for the first n lanes, and back; n in 1 … lanes. */
#if VECTOR_SIZE == 64
#define SOME(N, LANES)              ((uint16_t)((1u << (N)) - 1))
#define LOAD_SOME_f32(P, N)         _mm512_maskz_loadu_ps(SOME(N, 16), P)
#define LOAD_SOME_f64(P, N)         _mm512_maskz_loadu_pd((__mmask8)SOME(N, 8), P)
#define STORE_SOME_f32(P, V, N)     _mm512_mask_storeu_ps(P, SOME(N, 16), V)
#define STORE_SOME_f64(P, V, N)     _mm512_mask_storeu_pd(P, (__mmask8)SOME(N, 8), V)
#elif VECTOR_SIZE == 32
static const int32_t some[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
#define SOME(N, LANES)              _mm256_loadu_si256((const __m256i *)(const void *)(some + 8 - (N) * (8 / (LANES))))
#define LOAD_SOME_f32(P, N)         _mm256_maskload_ps(P, SOME(N, 8))
#define LOAD_SOME_f64(P, N)         _mm256_maskload_pd(P, SOME(N, 4))
#define STORE_SOME_f32(P, V, N)     _mm256_maskstore_ps(P, SOME(N, 8), V)
#define STORE_SOME_f64(P, V, N)     _mm256_maskstore_pd(P, SOME(N, 4), V)
#endif

#define SPLAT      F(SPLAT)
#define MUL_ADD    F(MUL_ADD)
#define LOAD_SOME  F(LOAD_SOME)
#define STORE_SOME F(STORE_SOME)

#if VECTOR_SIZE == 64
#define N_f32 16
#define N_f64 8
#elif VECTOR_SIZE == 32
#define N_f32 8
#define N_f64 4
#else
#define N_f32 4
#define N_f64 2
#endif

#define T       float
#define LANES   N_f32
#define F(NAME) JOIN(NAME, _f32)
#include "kernels/gemm_tile.h"

#define T       double
#define LANES   N_f64
#define F(NAME) JOIN(NAME, _f64)
#include "kernels/gemm_tile.h"

const tg_gemm_loops GEMM_TABLE = {.f32 = gemm_f32, .f64 = gemm_f64};
