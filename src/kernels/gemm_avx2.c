/* gemm_avx2.c - the products for CPUs with AVX2 and FMA. Compiled with -mavx2 -mfma; an empty table elsewhere. */
#if defined(__AVX2__) && defined(__FMA__)
#define GEMM_TABLE  tg_gemm_avx2
#define VECTOR_SIZE 32
#include "kernels/gemm_loops.h"
#else
#include "kernels/gemm.h"
const tg_gemm_loops tg_gemm_avx2 = {0};
#endif
