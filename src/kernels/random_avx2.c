/* random_avx2.c - the words for CPUs with AVX2. Compiled with -mavx2 -mfma; nothing elsewhere. */
#if defined(__AVX2__)
#define WORDS       tg_words_avx2
#define VECTOR_SIZE 32
#include "kernels/random_loops.h"
#else
#include "kernels/random.h"
const tg_words_fn tg_words_avx2 = NULL;
#endif
