/* update_avx512.c - the optimizers' passes for CPUs with AVX-512. Compiled with -mavx512f -mavx512dq -mavx512bw -mavx512vl -mfma
 * -mprefer-vector-width=512; an empty table elsewhere. */
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__) && defined(__FMA__)
#define UPDATE_TABLE tg_updates_avx512
#include "kernels/update_loops.h"
#else
#include "kernels/update.h"
const tg_update_loops tg_updates_avx512[TG_UPDATES] = {{{0}, {0}}};
#endif
