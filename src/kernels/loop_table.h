/* loop_table.h - declares what there is for one instruction set, ISA, and makes the table of its loops by the ops' numbers. Part of select.c,
 * which includes it for each. */
#define LOGICAL(NAME, ...)
#define SPECIAL(NAME, ...)
#define SPECIAL2 SPECIAL
#define SPECIAL3 SPECIAL
#define OF_ORDER SPECIAL
#define ROW(NAME, ...)                                                                          \
    void TG_LOOP(NAME, f32, ISA)(size_t n, void *out, const void *const *in, const void *attr); \
    void TG_LOOP(NAME, f64, ISA)(size_t n, void *out, const void *const *in, const void *attr);
#include "table/pointwise_each.h"
extern const tg_tile_loops TG_TILES(ISA)[2];

static const loop_row ROWS(ISA)[TG_ROWS] = {
#define LOGICAL(NAME, ...)
#define SPECIAL(NAME, ...)
#define SPECIAL2 SPECIAL
#define SPECIAL3 SPECIAL
#define OF_ORDER SPECIAL
#define ROW(NAME, ...) [TG_ROW_##NAME] = {TG_LOOP(NAME, f32, ISA), TG_LOOP(NAME, f64, ISA)},
#include "table/pointwise_each.h"
};
