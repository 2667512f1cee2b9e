/* segment.c - what a segment consists of, and the loops around its micro-ops.
 *
 * They are in order. The loop's body is written twice (body.c): for whole vectors, and for what is left of a row, with loads and
 * stores of memory masked so that nothing outside is touched. All of it is written a second time when registers are left over: numbers are
 * loaded to them in front of the loops. */
#include "jit/body.h"

#include <string.h>

/* ---- describing ---------------------------------------------------------------------------------------------------- */

bool tg_segment_can(tg_isa isa, tg_dtype dtype)
{
#if defined(__x86_64__) && defined(__GNUC__)
    return tg_dtype_is_float(dtype) && isa != TG_ISA_BASE && tg_isa_has(isa) && __builtin_cpu_supports("bmi2");
#else
    (void)isa, (void)dtype;
    return false;
#endif
}

void tg_segment_begin(tg_segment *s, tg_bytes *out, tg_bytes *uses, tg_isa isa, tg_dtype dtype)
{
    s->code.out = out;
    s->code.uses = uses;
    s->code.tiles_base = RDI;
    s->isa = isa;
    s->dtype = dtype;
    s->n_values = s->n_micro_ops = 0;
    s->pointers = 0;
    s->full = s->indices = false;
}

static int add_value(tg_segment *s, int kind, bool condition)
{
    if (s->n_values == TG_SEGMENT_MOST) {
        s->full = true;
        return 0;
    }
    s->values[s->n_values] = (tg_micro_value){.kind = (uint8_t)kind, .condition = condition, .where = -1};
    return s->n_values++;
}

int tg_segment_input(tg_segment *s, tg_location from, bool condition)
{
    for (int i = 0; i < s->n_values; i++) {
        const tg_location *p = &s->values[i].from;
        if (s->values[i].kind == INPUT && p->tile == from.tile && p->at == from.at && p->reach == from.reach) return i;
    }
    const int v = add_value(s, INPUT, condition);
    s->values[v].from = from;
    s->indices = s->indices || from.reach == TG_ROW || from.apart;
    if (!from.tile && (int)from.at >= s->pointers) s->pointers = (int)from.at + 1;
    return v;
}

static int constant(tg_segment *s, uint64_t bits)
{
    for (int i = 0; i < s->n_values; i++)
        if (s->values[i].kind == CONSTANT && s->values[i].bits == bits) return i;
    const int v = add_value(s, CONSTANT, false);
    s->values[v].bits = bits;
    return v;
}

int tg_micro_number(tg_segment *s, double number)
{
    uint64_t    bits = 0;
    const float single = (float)number;
    if (s->dtype == TG_F32) memcpy(&bits, &single, sizeof single);
    else memcpy(&bits, &number, sizeof number);
    return constant(s, bits);
}

int tg_micro_sign(tg_segment *s) { return constant(s, s->dtype == TG_F32 ? UINT64_C(1) << 31 : UINT64_C(1) << 63); }

static tg_micro_op *add_micro_op(tg_segment *s, tg_micro op, int value, int a, int b, int condition)
{
    if (s->n_micro_ops == TG_SEGMENT_MOST) {
        s->full = true;
        return &s->micro_ops[0];
    }
    tg_micro_op *m = &s->micro_ops[s->n_micro_ops++];
    *m = (tg_micro_op){.kind = (uint8_t)op, .value = (int16_t)value, .a = (int16_t)a, .b = (int16_t)b, .condition = (int16_t)condition};
    if (a >= 0) s->values[a].uses++;
    if (b >= 0) s->values[b].uses++;
    if (condition >= 0) s->values[condition].uses++;
    return m;
}

int tg_micro_compute(tg_segment *s, tg_micro op, int a, int b, int condition)
{
    const int v = add_value(s, COMPUTED, false);
    add_micro_op(s, op, v, a, b, condition);
    return v;
}

int tg_micro_round(tg_segment *s, int how, int b)
{
    const int v = add_value(s, COMPUTED, false);
    add_micro_op(s, M_ROUND, v, -1, b, -1)->predicate = (uint8_t)how;
    return v;
}

int tg_micro_compare(tg_segment *s, int predicate, int a, int b)
{
    enum { RECENT = 16 }; /* micro-ops: a comparison is not held in a register for longer than that */
    for (int i = s->n_micro_ops; i-- > 0 && i >= s->n_micro_ops - RECENT;) {
        const tg_micro_op *p = &s->micro_ops[i];
        if (p->kind == M_COMPARE && p->predicate == predicate && p->a == a && p->b == b) return p->value;
    }
    const int v = add_value(s, COMPUTED, true);
    add_micro_op(s, M_COMPARE, v, a, b, -1)->predicate = (uint8_t)predicate;
    return v;
}

int tg_micro_fixup(tg_segment *s, const tg_fixup_rule *r)
{
    const int      v = add_value(s, COMPUTED, false), limit = tg_micro_number(s, r->limit);
    tg_micro_op *m = add_micro_op(s, M_FIXUP, v, r->near, r->y, r->x);
    m->predicate = (uint8_t)r->predicate;
    m->tested = (int16_t)r->tested;
    m->limit = (int16_t)limit;
    m->loop = tg_isa_loop(s->isa, r->op, s->dtype);
    return v;
}

void tg_segment_store(tg_segment *s, int value, tg_location to)
{
    add_micro_op(s, M_STORE, -1, value, -1, -1)->to = to;
    s->indices = s->indices || to.apart;
    if (!to.tile && (int)to.at >= s->pointers) s->pointers = (int)to.at + 1;
}

bool tg_segment_reads_seldom(const tg_segment *s, int value)
{
    int seldom = 0;
    for (int i = 0; i < s->n_micro_ops; i++) seldom += s->micro_ops[i].kind == M_FIXUP && s->micro_ops[i].condition == value;
    return s->values[value].kind == INPUT && !s->values[value].from.tile && s->values[value].uses == seldom;
}

/* ---- the loops ------------------------------------------------------------------------------------------------------ */

static int pointer_count(const tg_segment *s) { return s->pointers < pointer_registers(s) ? s->pointers : pointer_registers(s); }

static void begin_indices(tg_segment *s)
{
    tg_assembler *c = &s->code;
    if (!s->indices) return;
    tg_assemble_push(c, MEMORY_INDEX);
    tg_assemble_push(c, ROW_INDEX);
    tg_assemble_alu(c, ALU_XOR, MEMORY_INDEX, MEMORY_INDEX);
    tg_assemble_alu(c, ALU_XOR, ROW_INDEX, ROW_INDEX);
}

static void advance_indices(tg_segment *s)
{
    if (!s->indices) return;
    tg_assemble_lea(&s->code, MEMORY_INDEX, MEMORY_INDEX, lanes(s));
    tg_assemble_lea(&s->code, ROW_INDEX, ROW_INDEX, lanes(s));
}

/* Both have gone through the whole vectors of the row. Changes rax. */
static void next_row_of_indices(tg_segment *s)
{
    tg_assembler *c = &s->code;
    if (!s->indices) return;
    tg_assemble_alu(c, ALU_SUB, MEMORY_INDEX, ROW_INDEX);
    tg_assemble_alu(c, ALU_XOR, ROW_INDEX, ROW_INDEX);
    tg_assemble_load(c, RAX, RSI, 8 * TG_SEGMENT_POINTERS);
    tg_assemble_alu(c, ALU_ADD, MEMORY_INDEX, RAX);
}

static void end_indices(tg_segment *s)
{
    if (!s->indices) return;
    tg_assemble_pop(&s->code, ROW_INDEX);
    tg_assemble_pop(&s->code, MEMORY_INDEX);
}

static bool has_fixups(const tg_segment *s)
{
    for (int i = 0; i < s->n_micro_ops; i++)
        if (s->micro_ops[i].kind == M_FIXUP) return true;
    return false;
}

static void begin_code(tg_segment *s)
{
    tg_assembler *c = &s->code;
    body          y = tg_body_of(s, false);
    for (int i = 0; i < pointer_count(s); i++) {
        tg_assemble_push(c, tg_pointer_registers[i]);
        tg_assemble_load(c, tg_pointer_registers[i], RSI, 8 * i);
    }
    begin_indices(s);
    tg_assemble_alu(c, ALU_XOR, R8, R8);
    tg_assemble_alu(c, ALU_XOR, R9, R9);
    tg_assemble_alu(c, ALU_XOR, R10, R10);
    const tg_vector_instruction zero = instruction(&y, packed(&y, 0x57), zero_register(&y), zero_register(&y), zero_register(&y));
    tg_assemble_vector(c, &zero);
    tg_load_pinned(&y);
    if (has_fixups(s)) tg_begin_frame(c);
}

/* The mask of the first r11 lanes. Changes rax and r11. */
static void mask_tail(tg_segment *s)
{
    tg_assembler *c = &s->code;
    if (s->isa == TG_ISA_AVX512) {
        tg_assemble_set(c, RAX, -1);
        tg_assemble_low_bits(c, RAX, RAX, R11);
        tg_assemble_mask(c, TAIL, RAX);
        return;
    }
    uint8_t table[64] = {0};
    memset(table, 0xff, 32);
    const body       y = {.s = s};
    const tg_address m = {.base = RAX, .index = R11, .scale = item_size(s)};
    tg_assemble_lea_pool(c, RAX, tg_assemble_constant(c, table, sizeof table) + 32);
    tg_assemble_neg(c, R11);
    tg_vector_instruction get = instruction(&y, packed(&y, 0x10), TAIL_VECTOR, 0, 0);
    get.memory = &m;
    tg_assemble_vector(c, &get);
}

static bool emit_loops(tg_segment *s)
{
    tg_assembler *c = &s->code;
    const int     n = lanes(s);
    const size_t  row = c->out->n;
    tg_assemble_alu(c, ALU_ADD, R9, RCX);
    tg_assemble_lea(c, R11, R10, n);
    tg_assemble_alu(c, ALU_CMP, R11, R9);
    const size_t short_row = tg_assemble_jump(c, IF_ABOVE);
    tg_assemble_lea(c, R11, R9, -n);
    const size_t whole = c->out->n;
    if (!tg_emit_body(s, false)) return false;
    advance_indices(s);
    tg_assemble_lea(c, R10, R10, n);
    tg_assemble_alu(c, ALU_CMP, R10, R11);
    tg_assemble_jump_back(c, IF_NOT_ABOVE, whole);
    tg_assemble_here(c, short_row);
    tg_assemble_alu(c, ALU_MOV, R11, R9);
    tg_assemble_alu(c, ALU_SUB, R11, R10);
    const size_t no_tail = tg_assemble_jump(c, IF_EQUAL);
    mask_tail(s);
    if (!tg_emit_body(s, true)) return false;
    tg_assemble_alu(c, ALU_MOV, R10, R9);
    tg_assemble_here(c, no_tail);
    next_row_of_indices(s);
    tg_assemble_lea(c, R8, R8, 1);
    tg_assemble_alu(c, ALU_CMP, R8, RDX);
    tg_assemble_jump_back(c, IF_BELOW, row);
    return true;
}

static tg_segment_result write_code(tg_segment *s, size_t *at)
{
    tg_assembler *c = &s->code;
    *at = c->out->n;
    s->peak = 0;
    c->n_pool = c->n_fix = 0;
    s->n_fixups = 0;
    c->failed = false;
    begin_code(s);
    const size_t uses = c->uses ? c->uses->n : 0;
    const bool   fits = emit_loops(s);
    if (has_fixups(s)) tg_end_frame(c);
    end_indices(s);
    for (int i = pointer_count(s); i-- > 0;) tg_assemble_pop(c, tg_pointer_registers[i]);
    tg_assemble_return(c);
    if (fits) tg_emit_fixups(s);
    if (fits && tg_assemble_pool(c) && !(c->uses && c->uses->failed)) return TG_SEGMENT_OK;
    c->out->n = *at;
    if (c->uses) c->uses->n = uses;
    return c->out->failed || (c->uses && c->uses->failed) ? TG_SEGMENT_MEMORY : TG_SEGMENT_CROWDED;
}

/* Numbers are loaded once, not in every turn of the loop, as far as there are registers that it does not use. */
static void pin_numbers(tg_segment *s)
{
    const body y = tg_body_of(s, false);
    const int  room = y.n - s->peak;
    for (int i = 0; i < s->n_values && s->n_pinned < room; i++) {
        const tg_micro_value *v = &s->values[i];
        const bool            number = v->kind == CONSTANT ? v->bits != 0 : v->kind == INPUT && v->from.reach == TG_SCALAR;
        if (number && v->uses > 0 && !v->condition) s->pinned[s->n_pinned++] = (int16_t)i;
    }
}

static tg_segment_result compile(tg_segment *s, size_t *at)
{
    const size_t uses = s->code.uses ? s->code.uses->n : 0;
    s->n_pinned = 0;
    const tg_segment_result r = write_code(s, at);
    if (r != TG_SEGMENT_OK) return r;
    pin_numbers(s);
    if (s->n_pinned == 0) return r;
    s->code.out->n = *at;
    if (s->code.uses) s->code.uses->n = uses;
    return write_code(s, at);
}

/* Puts the stores behind everything else, in their order. */
static void put_stores_last(tg_segment *s, const tg_micro_op *as_given)
{
    int n = 0;
    for (int i = 0; i < s->n_micro_ops; i++)
        if (as_given[i].kind != M_STORE) s->micro_ops[n++] = as_given[i];
    for (int i = 0; i < s->n_micro_ops; i++)
        if (as_given[i].kind == M_STORE) s->micro_ops[n++] = as_given[i];
}

/* A load that follows a store to an address with the same lowest 12 bits waits for it, and tensors mostly begin at pages. So all loads come
 * before the stores, if the registers suffice to hold the results until then. */
tg_segment_result tg_segment_compile(tg_segment *s, size_t *at)
{
    tg_micro_op as_given[TG_SEGMENT_MOST];
    if (s->full) return TG_SEGMENT_CROWDED;
    memcpy(as_given, s->micro_ops, (size_t)s->n_micro_ops * sizeof *as_given);
    put_stores_last(s, as_given);
    const tg_segment_result r = compile(s, at);
    if (r != TG_SEGMENT_CROWDED) return r;
    memcpy(s->micro_ops, as_given, (size_t)s->n_micro_ops * sizeof *as_given);
    return compile(s, at);
}
