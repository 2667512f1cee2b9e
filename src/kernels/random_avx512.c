/* random_avx512.c - the words for CPUs with AVX-512. Compiled with -mavx512f -mavx512dq -mavx512bw -mavx512vl; nothing elsewhere. */
#if defined(__AVX512F__) && defined(__AVX512DQ__)
#define WORDS       tg_words_avx512
#define VECTOR_SIZE 64
#include "kernels/random_loops.h"
#else
#include "kernels/random.h"
const tg_words_fn tg_words_avx512 = NULL;
#endif
