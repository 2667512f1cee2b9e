/* update_avx2.c - the optimizers' passes for CPUs with AVX2 and FMA. Compiled with -mavx2 -mfma; an empty table elsewhere. */
#if defined(__AVX2__) && defined(__FMA__)
#define UPDATE_TABLE tg_updates_avx2
#include "kernels/update_loops.h"
#else
#include "kernels/update.h"
const tg_update_loops tg_updates_avx2[TG_UPDATES] = {{{0}, {0}}};
#endif
