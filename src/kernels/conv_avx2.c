/* conv_avx2.c - the loops of convolution for CPUs with AVX2 and FMA. Compiled with -mavx2 -mfma; an empty table
 * elsewhere. */
#if defined(__AVX2__) && defined(__FMA__)
#define CONV_TABLE tg_conv_avx2
#define VECTOR_SIZE 32
#include "kernels/conv_loops.h"
#else
#include "kernels/conv.h"
const tg_conv_table tg_conv_avx2 = {0};
#endif
