/* random_avx512.c - random numbers for CPUs with AVX-512. Compiled with -mavx512f -mavx512dq -mavx512bw -mavx512vl; nothing elsewhere. */
#if defined(__AVX512F__) && defined(__AVX512DQ__)
#define RANDOM_LOOPS tg_random_avx512
#define VECTOR_SIZE  64
#include "kernels/random_loops.h"
#else
#include "kernels/random.h"
const tg_random_loops tg_random_avx512 = {0};
#endif
