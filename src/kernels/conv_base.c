/* conv_base.c - the loops of convolution for any CPU; on x86-64 that is SSE2. And which ones this CPU gets. */
#define CONV_TABLE tg_conv_base
#define VECTOR_SIZE 16
#include "kernels/conv_loops.h"

static const tg_conv_table *const tables[TG_NISAS] = {&tg_conv_base, &tg_conv_avx2, &tg_conv_avx512};

const tg_conv_loops *tg_isa_conv(tg_isa isa, tg_dtype dtype)
{
    if (!tg_isa_has(isa) || !tg_dtype_is_float(dtype)) return NULL;
    const tg_conv_loops *l = dtype == TG_F32 ? &tables[isa]->f32 : &tables[isa]->f64;
    return l->lanes ? l : NULL;
}

const tg_conv_loops *tg_fast_conv(tg_dtype dtype) { return tg_isa_conv(tg_isa_best(), dtype); }
