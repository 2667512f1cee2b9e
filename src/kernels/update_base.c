/* update_base.c - the optimizers' passes for any CPU; on x86-64 that is SSE2. And which ones this CPU gets. */
#define UPDATE_TABLE tg_updates_base
#include "kernels/update_loops.h"

const tg_update_loops *tg_isa_update(tg_isa isa, tg_update_kind kind)
{
    static const tg_update_loops *const tables[TG_NISAS] = {tg_updates_base, tg_updates_avx2, tg_updates_avx512};
    return tg_isa_has(isa) && tables[isa][kind].f32 ? &tables[isa][kind] : NULL;
}

const tg_update_loops *tg_fast_update(tg_update_kind kind) { return tg_isa_update(tg_isa_best(), kind); }
