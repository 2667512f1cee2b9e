/* gemm_base.c - the products for any CPU; on x86-64 that is SSE2. And which ones an instruction set has. */
#define GEMM_TABLE  tg_gemm_base
#define VECTOR_SIZE 16
#include "kernels/gemm_loops.h"

static const tg_gemm_loops *const tables[TG_NISAS] = {&tg_gemm_base, &tg_gemm_avx2, &tg_gemm_avx512};

tg_gemm_fn tg_isa_gemm(tg_isa isa, tg_dtype dtype)
{
    if (!tg_isa_has(isa) || !tg_dtype_is_float(dtype)) return NULL;
    return dtype == TG_F32 ? tables[isa]->f32 : tables[isa]->f64;
}

tg_gemm_fn tg_fast_gemm(tg_dtype dtype) { return tg_isa_gemm(tg_isa_best(), dtype); }
