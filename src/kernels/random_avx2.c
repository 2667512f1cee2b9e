/* random_avx2.c - random numbers for CPUs with AVX2. Compiled with -mavx2 -mfma; nothing elsewhere. */
#if defined(__AVX2__)
#define RANDOM_LOOPS tg_random_avx2
#define VECTOR_SIZE  32
#include "kernels/random_loops.h"
#else
#include "kernels/random.h"
const tg_random_loops tg_random_avx2 = {0};
#endif
