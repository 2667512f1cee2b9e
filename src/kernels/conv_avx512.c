/* conv_avx512.c - the loops of convolution for CPUs with AVX-512. Compiled with -mavx512f -mavx512dq -mavx512bw
 * -mavx512vl -mfma -mprefer-vector-width=512; an empty table elsewhere. */
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__) && defined(__FMA__)
#define CONV_TABLE tg_conv_avx512
#define VECTOR_SIZE 64
#include "kernels/conv_loops.h"
#else
#include "kernels/conv.h"
const tg_conv_table tg_conv_avx512 = {0};
#endif
