/* update_base.c - the optimizers' passes for any CPU; on x86-64 that is SSE2. Which ones this CPU gets, and what their rows say. */
#define UPDATE_TABLE tg_updates_base
#include "kernels/update_loops.h"

const tg_update_loops *tg_isa_update(tg_isa isa, tg_update_kind kind)
{
    static const tg_update_loops *const tables[TG_NISAS] = {tg_updates_base, tg_updates_avx2, tg_updates_avx512};
    return tg_isa_has(isa) && tables[isa][kind].update[TG_F32] ? &tables[isa][kind] : NULL;
}

const tg_update_loops *tg_fast_update(tg_update_kind kind) { return tg_isa_update(tg_isa_best(), kind); }

#define AS_TEXT(X) #X,
#define UPDATE(NAME, TENSORS, NUMBERS, FORMULA) static const char *const NAME##_tensors[] = {TG_EACH(AS_TEXT, TENSORS)};
#include "table/updates.def"

const tg_update_row tg_update_rows[TG_UPDATES] = {
#define UPDATE(NAME, TENSORS, NUMBERS, FORMULA) \
    [TG_UPDATE_##NAME] = {#NAME, NAME##_tensors + 1, TG_HOW_MANY(TENSORS) - 1, TG_HOW_MANY(NUMBERS), 0},
#define UPDATE_BY_NORMS(NAME, TENSORS, NUMBERS, NORMS, FIRST, FORMULA) \
    [TG_UPDATE_##NAME] = {#NAME, NAME##_tensors + 1, TG_HOW_MANY(TENSORS) - 1, TG_HOW_MANY(NUMBERS), TG_HOW_MANY(NORMS)},
#include "table/updates.def"
};
