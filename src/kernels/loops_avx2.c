/* loops_avx2.c - the fast loops for CPUs with AVX2 and FMA. Compiled with -mavx2 -mfma; an empty table elsewhere. */
#if defined(__AVX2__) && defined(__FMA__)
#define LOOP_TABLE  tg_loops_avx2
#define VECTOR_SIZE 32
#include "kernels/loops.h"
#else
#include "kernels/kernels.h"
const tg_loop_table tg_loops_avx2 = {0};
#endif
