/* select.c - which loops this CPU gets. */
#include "kernels/kernels.h"

#include "table/rows.h"

typedef struct loop_row {
    tg_loop f32, f64;
} loop_row;

#define ROWS(ISA)  ROWS_(ISA)
#define ROWS_(ISA) rows_##ISA

#define ISA base
#include "kernels/loop_table.h"
#undef ISA
#ifdef __x86_64__
#define ISA avx2
#include "kernels/loop_table.h"
#undef ISA
#define ISA avx512
#include "kernels/loop_table.h"
#undef ISA
#endif

/* By instruction set; rows NULL: not in this build. */
static const struct {
    const loop_row      *rows;
    const tg_tile_loops *tiles; /* f32, f64 */
} loops[TG_NISAS] = {
    {rows_base, tg_tiles_base},
#ifdef __x86_64__
    {rows_avx2, tg_tiles_avx2},
    {rows_avx512, tg_tiles_avx512},
#endif
};

bool tg_isa_has(tg_isa isa)
{
    if ((unsigned)isa >= TG_NISAS || !loops[isa].rows) return false;
#if defined(__x86_64__) && defined(__GNUC__)
    __builtin_cpu_init(); /* does nothing but the first time; constructors may come before that */
    if (isa == TG_ISA_AVX2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (isa == TG_ISA_AVX512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma");
#endif
    return isa == TG_ISA_BASE;
}

static tg_isa best_there_is(void)
{
    return tg_isa_has(TG_ISA_AVX512) ? TG_ISA_AVX512 : tg_isa_has(TG_ISA_AVX2) ? TG_ISA_AVX2 : TG_ISA_BASE;
}

static bool                 chosen;
static tg_isa               best;
static const loop_row      *fast_rows;
static const tg_tile_loops *fast_tile[TG_NDTYPES];

/* Asked for with every instruction and tile. A constructor of the host program may come before this one: until then everybody who asks finds out anew. */
__attribute__((constructor)) static void choose(void)
{
    best = best_there_is();
    fast_rows = loops[best].rows;
    for (tg_dtype t = 0; t < TG_NDTYPES; t++) fast_tile[t] = tg_isa_tile(best, t);
    chosen = true;
}

tg_isa tg_isa_best(void) { return chosen ? best : best_there_is(); }

const char *tg_isa_name(tg_isa isa)
{
    static const char *const names[TG_NISAS] = {"base", "avx2", "avx512"};
    return (unsigned)isa < TG_NISAS ? names[isa] : "none";
}

static tg_loop loop_in(const loop_row *rows, const tg_op *op, tg_dtype dtype)
{
    return dtype == TG_F32 ? rows[op->row].f32 : dtype == TG_F64 ? rows[op->row].f64 : NULL;
}

tg_loop tg_isa_loop(tg_isa isa, const tg_op *op, tg_dtype dtype)
{
    return tg_isa_has(isa) ? loop_in(loops[isa].rows, op, dtype) : NULL;
}

tg_loop tg_fast_loop(const tg_op *op, tg_dtype dtype)
{
    if (!op || (unsigned)dtype >= TG_NDTYPES) return NULL;
    const tg_loop fast = loop_in(__builtin_expect(chosen, 1) ? fast_rows : loops[best_there_is()].rows, op, dtype);
    return fast ? fast : op->loop[dtype];
}

const tg_tile_loops *tg_isa_tile(tg_isa isa, tg_dtype dtype)
{
    if (!tg_isa_has(isa) || !tg_dtype_is_float(dtype)) return NULL;
    return &loops[isa].tiles[dtype == TG_F64];
}

const tg_tile_loops *tg_fast_tile(tg_dtype dtype)
{
    return __builtin_expect(chosen, 1) ? fast_tile[dtype] : tg_isa_tile(best_there_is(), dtype);
}

const tg_reduce_loops *tg_isa_reduction(tg_isa isa, const tg_reduction *r, tg_dtype dtype)
{
    const tg_tile_loops *l = r && r->row ? tg_isa_tile(isa, dtype) : NULL;
    return l ? &l->reduce[r->row] : NULL;
}

const tg_reduce_loops *tg_fast_reduction(const tg_reduction *r, tg_dtype dtype)
{
    if (!r || !tg_dtype_is_float(dtype)) return NULL;
    return r->row ? &tg_fast_tile(dtype)->reduce[r->row] : &r->loop[dtype];
}
