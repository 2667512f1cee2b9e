/* load.c - a body under way as it begins, and bringing what it reads into registers. */
#include "jit/body.h"

#include <string.h>

const int tg_pointer_registers[POINTER_REGISTERS] = {RBX, RBP, R12, R13, R14, R15};

tg_address tg_address_of(body *y, const tg_location *p, int item)
{
    const int element = p->apart ? MEMORY_INDEX : R10;
    const int index = p->reach == TG_FULL ? element : p->reach == TG_ROW ? ROW_INDEX : p->reach == TG_COLUMN ? R8 : NO_REGISTER;
    if (p->tile) return (tg_address){.base = RDI, .index = index, .scale = item, .offset = (int32_t)p->at};
    int base = RAX;
    if (p->at < (uint32_t)pointer_registers(y->s)) base = tg_pointer_registers[p->at];
    else tg_assemble_load(&y->s->code, RAX, RSI, (int32_t)(8 * p->at));
    return (tg_address){.base = base, .index = index, .scale = item};
}

tg_address tg_source_address(body *y, int value)
{
    const tg_micro_value *v = &y->s->values[value];
    const int             item = item_size(y->s);
    if (v->kind == CONSTANT) return (tg_address){.pool = true, .offset = tg_assemble_constant(&y->s->code, &v->bits, (size_t)item)};
    return tg_address_of(y, &v->from, item);
}

void tg_load_to(body *y, int value, int reg)
{
    const tg_micro_value *v = &y->s->values[value];
    const tg_address      m = tg_source_address(y, value);
    tg_vector_instruction get = instruction(y, packed(y, 0x10), reg, 0, 0);
    get.memory = &m;
    if (is_repeated(v)) { /* VBROADCASTSS, VBROADCASTSD */
        get.code = packed38(y, 0x18, 0x19);
    } else if (y->tail && !v->from.tile && y->wide) {
        get.mask = TAIL;
        get.zeroing = true;
    } else if (y->tail && !v->from.tile) { /* VMASKMOVPS, VMASKMOVPD */
        get.code = packed38(y, 0x2c, 0x2d);
        get.first = TAIL_VECTOR;
    }
    put(y, &get);
}

void tg_load_pinned(body *y)
{
    for (int i = 0; i < y->s->n_pinned; i++) tg_load_to(y, y->s->pinned[i], pinned_register(y, i));
}

body tg_body_of(tg_segment *s, bool tail)
{
    body y = {.s = s, .wide = s->isa == TG_ISA_AVX512, .tail = tail};
    y.n = scratch_register(&y) - s->n_pinned;
    memset(y.holds, -1, sizeof y.holds);
    memset(y.masks, -1, sizeof y.masks);
    return y;
}
