/* body.c - a segment's micro-ops as instructions, one to three for each.
 *
 * Registers are handed out while these are written: an input is loaded at its first use and may be loaded again later, so its register can
 * be taken for something else; what is computed keeps its register until its last use. */
#include "jit/body.h"

#include <string.h>

/* ---- registers ------------------------------------------------------------------------------------------------------ */

static int16_t *register_file(body *y, const tg_micro_value *v, int *from, int *to)
{
    const bool mask = y->wide && v->condition;
    *from = mask ? FIRST_MASK : 0;
    *to = mask ? LAST_MASK + 1 : y->n;
    return mask ? y->masks : y->holds;
}

static bool is_operand(const body *y, int value)
{
    const tg_micro_op *m = &y->s->micro_ops[y->at];
    return m->a == value || m->b == value || m->condition == value;
}

/* The micro-op from here on that uses the value next. */
static int next_use(const body *y, int value)
{
    int i = y->at + 1;
    while (i < y->s->n_micro_ops && y->s->micro_ops[i].a != value && y->s->micro_ops[i].b != value && y->s->micro_ops[i].condition != value) i++;
    return i;
}

/* A free register for the value, if need be one of an input that is used again latest and can be loaded again. */
static int take(body *y, int value)
{
    tg_micro_value *v = &y->s->values[value];
    int             from, to, farthest = -1, chosen = -1;
    int16_t        *holds = register_file(y, v, &from, &to);
    for (int r = from; r < to && chosen < 0; r++)
        if (holds[r] < 0) chosen = r;
    for (int r = from; r < to && chosen < 0 && farthest < y->s->n_micro_ops; r++) {
        const tg_micro_value *held = &y->s->values[holds[r]];
        if (held->kind == COMPUTED || is_operand(y, holds[r])) continue;
        const int next = next_use(y, holds[r]);
        if (next > farthest) farthest = next;
    }
    for (int r = from; r < to && chosen < 0 && farthest >= 0; r++) {
        tg_micro_value *held = &y->s->values[holds[r]];
        if (held->kind == COMPUTED || is_operand(y, holds[r]) || next_use(y, holds[r]) != farthest) continue;
        held->where = -1;
        chosen = r;
    }
    if (chosen < 0) {
        y->crowded = true;
        return from;
    }
    holds[chosen] = (int16_t)value;
    v->where = (int8_t)chosen;
    if (holds == y->holds && chosen >= y->s->peak) y->s->peak = chosen + 1;
    return chosen;
}

/* One use is over; after the last one the register is free. */
static void leave(body *y, int value)
{
    if (value < 0) return;
    tg_micro_value *v = &y->s->values[value];
    int             from, to;
    if (--v->left > 0 || v->where < 0) return;
    register_file(y, v, &from, &to)[v->where] = -1;
    v->where = -1;
}

static void drop_unused(body *y, int value)
{
    if (y->s->values[value].left > 0) return;
    y->s->values[value].left = 1;
    leave(y, value);
}

/* ---- instructions --------------------------------------------------------------------------------------------------- */

static void load_condition(body *y, int value)
{
    const tg_address m = tg_address_of(y, &y->s->values[value].from, 1);
    const int        r = take(y, value);
    const int        lane = y->wide ? scratch_register(y) : r; /* held back from the others */
    tg_vector_instruction widen = instruction(y, packed38(y, 0x31, 0x32), lane, 0, 0);
    widen.code.wide = 0;
    widen.memory = &m;
    put(y, &widen);
    if (y->wide) { /* VPTESTMD, VPTESTMQ */
        const tg_vector_instruction test = instruction(y, packed38(y, 0x27, 0x27), r, lane, lane);
        put(y, &test);
    } else { /* VPCMPGTD, VPCMPGTQ */
        const tg_encoding           greater = y->s->dtype == TG_F64 ? (tg_encoding){1, 2, 0x37, 0} : (tg_encoding){1, 1, 0x66, 0};
        const tg_vector_instruction test = instruction(y, greater, r, r, zero_register(y));
        put(y, &test);
    }
}

static void load(body *y, int value)
{
    if (y->s->values[value].condition) load_condition(y, value);
    else tg_load_to(y, value, take(y, value));
}

/* The register of an operand, which is loaded where it is in none; that of none is 0. */
static int need(body *y, int value)
{
    if (value < 0) return 0;
    const tg_micro_value *v = &y->s->values[value];
    if (v->kind == CONSTANT && v->bits == 0) return zero_register(y);
    if (v->where < 0) load(y, value);
    return v->where < 0 ? 0 : v->where;
}

/* Bytes 1 and 0 from a condition. */
static void store_condition(body *y, int reg, const tg_location *to)
{
    uint8_t ones[16];
    memset(ones, 1, sizeof ones);
    const tg_address pool = {.pool = true, .offset = tg_assemble_constant(&y->s->code, ones, sizeof ones)};
    const tg_address m = tg_address_of(y, to, 1);
    const int        t = scratch_register(y);
    if (y->wide) { /* VMOVDQU8: ones where the condition holds, and out */
        put(y, &(tg_vector_instruction){.code = {3, 1, 0x6f, 0}, .width = W128, .evex = true, .reg = t, .memory = &pool, .mask = reg,
                                        .zeroing = true, .immediate = -1});
        put(y, &(tg_vector_instruction){.code = {3, 1, 0x7f, 0}, .width = W128, .evex = true, .reg = t, .memory = &m, .immediate = -1});
        return;
    }
    /* VEXTRACTI128 the upper half; pack both to words (doubles: VSHUFPS to dwords first), to bytes; VPAND; VMOVQ */
    put(y, &(tg_vector_instruction){.code = {1, 3, 0x39, 0}, .width = W256, .reg = reg, .second = t, .immediate = 1});
    if (y->s->dtype == TG_F64) {
        put(y, &(tg_vector_instruction){.code = {0, 1, 0xc6, 0}, .reg = t, .first = reg, .second = t, .immediate = 0x88});
        put(y, &(tg_vector_instruction){.code = {1, 1, 0x6b, 0}, .reg = t, .first = t, .second = t, .immediate = -1});
    } else {
        put(y, &(tg_vector_instruction){.code = {1, 1, 0x6b, 0}, .reg = t, .first = reg, .second = t, .immediate = -1});
    }
    put(y, &(tg_vector_instruction){.code = {1, 1, 0x63, 0}, .reg = t, .first = t, .second = t, .immediate = -1});
    put(y, &(tg_vector_instruction){.code = {1, 1, 0xdb, 0}, .reg = t, .first = t, .memory = &pool, .immediate = -1});
    put(y, &(tg_vector_instruction){.code = {1, 1, 0xd6, 0}, .reg = t, .memory = &m, .immediate = -1});
}

static void store(body *y, int reg, const tg_location *to)
{
    const tg_address      m = tg_address_of(y, to, item_size(y->s));
    tg_vector_instruction set = instruction(y, packed(y, 0x11), reg, 0, 0);
    set.memory = &m;
    if (to->around && !y->tail) { /* VMOVNTPS, VMOVNTPD */
        set.code = packed(y, 0x2b);
    } else if (y->tail && !to->tile && y->wide) {
        set.mask = TAIL;
    } else if (y->tail && !to->tile) {
        set.code = packed38(y, 0x2e, 0x2f);
        set.first = TAIL_VECTOR;
    }
    put(y, &set);
}

/* ---- micro-ops ------------------------------------------------------------------------------------------------------ */

static const uint8_t opcodes[] = {[M_ADD] = 0x58, [M_SUB] = 0x5c, [M_MUL] = 0x59, [M_DIV] = 0x5e, [M_MIN] = 0x5d, [M_MAX] = 0x5f,
                                  [M_AND] = 0x54, [M_ANDN] = 0x55, [M_OR] = 0x56, [M_XOR] = 0x57, [M_SQRT] = 0x51, [M_PASS] = 0x10};

/* c ? a : b */
static void pick(body *y, int to, int a, int b, int c)
{
    if (y->wide) { /* VBLENDMPS, VBLENDMPD */
        tg_vector_instruction blend = instruction(y, packed38(y, 0x65, 0x65), to, b, a);
        blend.mask = c;
        put(y, &blend);
    } else { /* VBLENDVPS, VBLENDVPD: the mask is named by the immediate */
        tg_vector_instruction blend = instruction(y, (tg_encoding){1, 3, y->s->dtype == TG_F64 ? 0x4b : 0x4a, 0}, to, b, a);
        blend.immediate = c << 4;
        put(y, &blend);
    }
}

/* Can b stay in memory? It is used here for the last time, and the instruction takes it as it lies: full, or with AVX-512 one element for
 * all. */
static bool stays_in_memory(const body *y, const tg_micro_op *m)
{
    if (m->b < 0 || m->kind == M_PASS || m->kind == M_PICK || m->kind == M_STORE) return false;
    const tg_micro_value *v = &y->s->values[m->b];
    if (v->kind == COMPUTED || v->condition || v->where >= 0 || v->left != 1 || (v->kind == CONSTANT && v->bits == 0)) return false;
    if (is_repeated(v)) return y->wide;
    return !y->tail || v->from.tile;
}

/* Gives the instruction its second operand. */
static void set_second(body *y, tg_vector_instruction *v, int value, const tg_address *memory)
{
    const tg_micro_value *b = value >= 0 ? &y->s->values[value] : NULL;
    v->memory = memory;
    v->broadcast = memory && is_repeated(b);
}

/* VROUNDPS, VROUNDPD; VRNDSCALEPS, VRNDSCALEPD */
static tg_vector_instruction rounding(const body *y, int how, int to, int b)
{
    const bool            f64 = y->s->dtype == TG_F64;
    tg_vector_instruction round = instruction(y, (tg_encoding){1, 3, f64 ? 0x09 : 0x08, f64 && y->wide}, to, 0, b);
    round.immediate = how;
    return round;
}

/* Where a condition does not hold the result is 0. */
static void compute(body *y, const tg_micro_op *m, int to, int a, int b, int c, const tg_address *memory)
{
    const bool masked = m->condition >= 0;
    if (m->kind == M_PASS && !y->wide) {
        const tg_vector_instruction keep = instruction(y, packed(y, 0x54), to, b, c);
        put(y, &keep);
        return;
    }
    tg_vector_instruction go = m->kind == M_ROUND ? rounding(y, m->predicate, to, b) : instruction(y, packed(y, opcodes[m->kind]), to, m->a >= 0 ? a : 0, b);
    set_second(y, &go, m->b, memory);
    if (masked && y->wide) {
        go.mask = c;
        go.zeroing = true;
    }
    put(y, &go);
    if (masked && !y->wide) {
        const tg_vector_instruction keep = instruction(y, packed(y, 0x54), to, to, c);
        put(y, &keep);
    }
}

/* The result is what was in a's register, or is put there. */
static void fix_up(body *y)
{
    const tg_micro_op *m = &y->s->micro_ops[y->at];
    tg_micro_value      *v = &y->s->values[m->value];
    const int            to = need(y, m->a), tested = need(y, m->tested);
    if (y->crowded || y->s->n_fixups == TG_FIXUPS) {
        y->crowded = true;
        return;
    }
    tg_fixup *f = &y->s->fixups[y->s->n_fixups++];
    *f = (tg_fixup){.micro_op = (int16_t)y->at, .tail = y->tail, .to = (int8_t)to,
                    .x = y->s->values[m->condition].where, .y = y->s->values[m->b].where};
    leave(y, m->a);
    leave(y, m->b);
    leave(y, m->condition);
    for (int r = 0; r < y->n; r++)
        if (y->holds[r] >= 0) f->live |= 1u << r;
    for (int r = FIRST_MASK; r <= LAST_MASK; r++)
        if (y->masks[r] >= 0) f->live_masks |= (uint8_t)(1 << r);
    y->holds[to] = m->value;
    v->where = (int8_t)to;
    tg_test_fixup(y, tested);
}

static void emit_micro_op(body *y)
{
    const tg_micro_op *m = &y->s->micro_ops[y->at];
    if (m->kind == M_FIXUP) {
        fix_up(y);
        drop_unused(y, m->value);
        return;
    }
    const bool           far = stays_in_memory(y, m);
    const int            a = need(y, m->a), b = far ? 0 : need(y, m->b), c = need(y, m->condition);
    tg_address           memory;
    if (far) memory = tg_source_address(y, m->b);
    if (m->kind == M_STORE) {
        if (y->s->values[m->a].condition) store_condition(y, a, &m->to);
        else store(y, a, &m->to);
        leave(y, m->a);
        return;
    }
    /* The result may take over the register of an operand, but not, where the condition comes second, that of the condition. */
    leave(y, m->a);
    leave(y, m->b);
    if (y->wide) leave(y, m->condition);
    const int to = take(y, m->value);
    if (!y->wide) leave(y, m->condition);
    if (m->kind == M_COMPARE) {
        tg_vector_instruction compare = instruction(y, packed(y, 0xc2), to, a, b);
        compare.immediate = m->predicate;
        set_second(y, &compare, m->b, far ? &memory : NULL);
        put(y, &compare);
    } else if (m->kind == M_PICK) {
        pick(y, to, a, b, c);
    } else {
        compute(y, m, to, a, b, c, far ? &memory : NULL);
    }
    drop_unused(y, m->value);
}

bool tg_emit_body(tg_segment *s, bool tail)
{
    body y = tg_body_of(s, tail);
    for (int i = 0; i < s->n_values; i++) {
        s->values[i].left = s->values[i].uses;
        s->values[i].where = -1;
    }
    for (int i = 0; i < s->n_pinned; i++) { /* one use more: the last one never comes */
        s->values[s->pinned[i]].left++;
        s->values[s->pinned[i]].where = (int8_t)pinned_register(&y, i);
    }
    for (y.at = 0; y.at < s->n_micro_ops && !y.crowded; y.at++) emit_micro_op(&y);
    return !y.crowded;
}
