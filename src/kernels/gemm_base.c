/* gemm_base.c - the products for any CPU; on x86-64 that is SSE2. And which ones an instruction set has. */
#define GEMM_TABLE  tg_gemm_base
#define VECTOR_SIZE 16
#include "kernels/gemm_loops.h"

const tg_gemm_loops *tg_isa_gemm(tg_isa isa)
{
    static const tg_gemm_loops *const tables[TG_NISAS] = {&tg_gemm_base, &tg_gemm_avx2, &tg_gemm_avx512};
    return tg_isa_has(isa) && tables[isa]->f32 ? tables[isa] : NULL;
}

tg_gemm_fn tg_fast_gemm(tg_dtype dtype)
{
    const tg_gemm_loops *l = tg_isa_gemm(tg_isa_best());
    return dtype == TG_F32 ? l->f32 : dtype == TG_F64 ? l->f64 : NULL;
}
