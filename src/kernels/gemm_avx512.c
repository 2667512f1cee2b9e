/* gemm_avx512.c - the products for CPUs with AVX-512. Compiled with -mavx512f -mavx512dq -mavx512bw -mavx512vl -mfma
 * -mprefer-vector-width=512; an empty table elsewhere. */
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__) && defined(__FMA__)
#define GEMM_TABLE  tg_gemm_avx512
#define VECTOR_SIZE 64
#include "kernels/gemm_loops.h"
#else
#include "kernels/gemm.h"
const tg_gemm_loops tg_gemm_avx512 = {0};
#endif
