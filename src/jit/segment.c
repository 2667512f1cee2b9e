/* segment.c - from a segment's steps to machine code.
 *
 * The steps are in order and each is one to three instructions. Registers are handed out while these are written: an input is loaded at
 * its first use and may be loaded again later, so its register can be taken for something else; what is computed keeps its register
 * until its last use. The loop's body is written twice: for whole vectors, and for what is left of a row, with loads and stores of memory
 * masked so that nothing outside is touched.
 *
 *     rdi tiles   rsi pointers   rdx rows   rcx cols      as called
 *     r8  row     r9  the row's end         r10 element   rax, r11 scratch
 *     rbx rbp r12 … r15                                   the first pointers; further ones are loaded where they are used */
#include "segment.h"

#include <string.h>

enum { COMPUTED, INPUT, CONSTANT };
enum { TAIL = 1, FIRST_MASK = 2, LAST_MASK = 7 }; /* AVX-512 mask registers: the tail's, and those of conditions */

static const int pointer_registers[] = {RBX, RBP, R12, R13, R14, R15};
enum { POINTER_REGISTERS = sizeof pointer_registers / sizeof *pointer_registers };

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
    s->n_values = s->n_steps = 0;
    s->pointers = 0;
    s->full = false;
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

int tg_segment_input(tg_segment *s, tg_place from, bool condition)
{
    for (int i = 0; i < s->n_values; i++) {
        const tg_place *p = &s->values[i].from;
        if (s->values[i].kind == INPUT && p->tile == from.tile && p->at == from.at && p->reach == from.reach) return i;
    }
    const int v = add_value(s, INPUT, condition);
    s->values[v].from = from;
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

static tg_micro_step *add_step(tg_segment *s, tg_micro op, int value, int a, int b, int condition)
{
    if (s->n_steps == TG_SEGMENT_MOST) {
        s->full = true;
        return &s->steps[0];
    }
    tg_micro_step *step = &s->steps[s->n_steps++];
    *step = (tg_micro_step){.op = (uint8_t)op, .value = (int16_t)value, .a = (int16_t)a, .b = (int16_t)b, .condition = (int16_t)condition};
    if (a >= 0) s->values[a].uses++;
    if (b >= 0) s->values[b].uses++;
    if (condition >= 0) s->values[condition].uses++;
    return step;
}

int tg_micro_op(tg_segment *s, tg_micro op, int a, int b, int condition)
{
    const int v = add_value(s, COMPUTED, false);
    add_step(s, op, v, a, b, condition);
    return v;
}

int tg_micro_compare(tg_segment *s, int predicate, int a, int b)
{
    enum { RECENT = 16 }; /* steps: a comparison is not held in a register for longer than that */
    for (int i = s->n_steps; i-- > 0 && i >= s->n_steps - RECENT;) {
        const tg_micro_step *p = &s->steps[i];
        if (p->op == M_COMPARE && p->predicate == predicate && p->a == a && p->b == b) return p->value;
    }
    const int v = add_value(s, COMPUTED, true);
    add_step(s, M_COMPARE, v, a, b, -1)->predicate = (uint8_t)predicate;
    return v;
}

void tg_segment_store(tg_segment *s, int value, tg_place to)
{
    add_step(s, M_STORE, -1, value, -1, -1)->to = to;
    if (!to.tile && (int)to.at >= s->pointers) s->pointers = (int)to.at + 1;
}

/* ---- registers ------------------------------------------------------------------------------------------------------ */

/* A body under way: which value each register holds, -1 none. */
typedef struct body {
    tg_segment *s;
    bool        wide;  /* AVX-512 */
    bool        tail;
    int         step;
    int         n;     /* vector registers to hand out; the one or two behind them are zero and the tail's mask */
    int16_t     holds[32], masks[8];
    bool        crowded;
} body;

static int zero_register(const body *y) { return y->wide ? 31 : 15; }
enum { TAIL_VECTOR = 14 };

static int16_t *register_file(body *y, const tg_micro_value *v, int *from, int *to)
{
    const bool mask = y->wide && v->condition;
    *from = mask ? FIRST_MASK : 0;
    *to = mask ? LAST_MASK + 1 : y->n;
    return mask ? y->masks : y->holds;
}

static bool in_step(const body *y, int value)
{
    const tg_micro_step *step = &y->s->steps[y->step];
    return step->a == value || step->b == value || step->condition == value;
}

/* The step from here on that uses the value next. */
static int next_use(const body *y, int value)
{
    int i = y->step + 1;
    while (i < y->s->n_steps && y->s->steps[i].a != value && y->s->steps[i].b != value && y->s->steps[i].condition != value) i++;
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
    for (int r = from; r < to && chosen < 0 && farthest < y->s->n_steps; r++) {
        const tg_micro_value *held = &y->s->values[holds[r]];
        if (held->kind == COMPUTED || in_step(y, holds[r])) continue;
        const int next = next_use(y, holds[r]);
        if (next > farthest) farthest = next;
    }
    for (int r = from; r < to && chosen < 0 && farthest >= 0; r++) {
        tg_micro_value *held = &y->s->values[holds[r]];
        if (held->kind == COMPUTED || in_step(y, holds[r]) || next_use(y, holds[r]) != farthest) continue;
        held->where = -1;
        chosen = r;
    }
    if (chosen < 0) {
        y->crowded = true;
        return from;
    }
    holds[chosen] = (int16_t)value;
    v->where = (int8_t)chosen;
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

/* ---- instructions --------------------------------------------------------------------------------------------------- */

static int item_size(const tg_segment *s) { return s->dtype == TG_F32 ? 4 : 8; }
static int lanes(const tg_segment *s) { return (s->isa == TG_ISA_AVX512 ? 64 : 32) / item_size(s); }

/* 66 0F … for doubles, 0F … for floats */
static tg_encoding packed(const body *y, int opcode)
{
    const bool f64 = y->s->dtype == TG_F64;
    return (tg_encoding){f64, 1, (uint8_t)opcode, f64 && y->wide};
}
/* 66 0F38 …: with an opcode for floats and one for doubles */
static tg_encoding packed38(const body *y, int f32, int f64)
{
    const bool is64 = y->s->dtype == TG_F64;
    return (tg_encoding){1, 2, (uint8_t)(is64 ? f64 : f32), is64 && y->wide};
}

static tg_vector_instruction instruction(const body *y, tg_encoding code, int reg, int first, int second)
{
    return (tg_vector_instruction){.code = code, .width = y->wide ? W512 : W256, .evex = y->wide,
                                   .reg = reg, .first = first, .second = second, .immediate = -1};
}

static void put(body *y, const tg_vector_instruction *v) { tg_assemble_vector(&y->s->code, v); }

/* The address of a place for elements of `item` bytes; may load a pointer to rax. */
static tg_address address_of(body *y, const tg_place *p, int item)
{
    const int index = p->reach == TG_FULL ? R10 : p->reach == TG_COLUMN ? R8 : NO_REGISTER;
    if (p->tile) return (tg_address){.base = RDI, .index = index, .scale = item, .offset = (int32_t)p->at};
    int base = RAX;
    if (p->at < POINTER_REGISTERS) base = pointer_registers[p->at];
    else tg_assemble_load(&y->s->code, RAX, RSI, (int32_t)(8 * p->at));
    return (tg_address){.base = base, .index = index, .scale = item};
}

static void load_condition(body *y, int value)
{
    const tg_address m = address_of(y, &y->s->values[value].from, 1);
    const int        r = take(y, value);
    const int        lane = y->wide ? zero_register(y) - 1 : r; /* held back from the others */
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

/* Where an input or a constant is. */
static tg_address source_address(body *y, int value)
{
    const tg_micro_value *v = &y->s->values[value];
    const int             item = item_size(y->s);
    if (v->kind == CONSTANT) return (tg_address){.pool = true, .offset = tg_assemble_constant(&y->s->code, &v->bits, (size_t)item)};
    return address_of(y, &v->from, item);
}

static void load(body *y, int value)
{
    const tg_micro_value *v = &y->s->values[value];
    if (v->condition) {
        load_condition(y, value);
        return;
    }
    const tg_address m = source_address(y, value);
    tg_vector_instruction get = instruction(y, packed(y, 0x10), take(y, value), 0, 0);
    get.memory = &m;
    if (v->kind == CONSTANT || v->from.reach != TG_FULL) { /* VBROADCASTSS, VBROADCASTSD */
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
static void store_condition(body *y, int reg, const tg_place *to)
{
    uint8_t ones[16];
    memset(ones, 1, sizeof ones);
    const tg_address pool = {.pool = true, .offset = tg_assemble_constant(&y->s->code, ones, sizeof ones)};
    const tg_address m = address_of(y, to, 1);
    const int        t = y->wide ? zero_register(y) - 1 : TAIL_VECTOR - 1;
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

static void store(body *y, int reg, const tg_place *to)
{
    const tg_address      m = address_of(y, to, item_size(y->s));
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

/* ---- steps ---------------------------------------------------------------------------------------------------------- */

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
static bool stays_in_memory(const body *y, const tg_micro_step *step)
{
    if (step->b < 0 || step->op == M_PASS || step->op == M_PICK || step->op == M_STORE) return false;
    const tg_micro_value *v = &y->s->values[step->b];
    if (v->kind == COMPUTED || v->condition || v->where >= 0 || v->left != 1 || (v->kind == CONSTANT && v->bits == 0)) return false;
    if (v->kind == CONSTANT || v->from.reach != TG_FULL) return y->wide;
    return !y->tail || v->from.tile;
}

/* Gives the instruction its second operand. */
static void set_second(body *y, tg_vector_instruction *v, int value, const tg_address *memory)
{
    const tg_micro_value *b = value >= 0 ? &y->s->values[value] : NULL;
    v->memory = memory;
    v->broadcast = memory && (b->kind == CONSTANT || b->from.reach != TG_FULL);
}

/* Where a condition does not hold the result is 0. */
static void compute(body *y, const tg_micro_step *step, int to, int a, int b, int c, const tg_address *memory)
{
    const bool masked = step->condition >= 0;
    if (step->op == M_PASS && !y->wide) {
        const tg_vector_instruction keep = instruction(y, packed(y, 0x54), to, b, c);
        put(y, &keep);
        return;
    }
    tg_vector_instruction go = instruction(y, packed(y, opcodes[step->op]), to, step->a >= 0 ? a : 0, b);
    set_second(y, &go, step->b, memory);
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

static void emit_step(body *y)
{
    const tg_micro_step *step = &y->s->steps[y->step];
    const bool           far = stays_in_memory(y, step);
    const int            a = need(y, step->a), b = far ? 0 : need(y, step->b), c = need(y, step->condition);
    tg_address           memory;
    if (far) memory = source_address(y, step->b);
    if (step->op == M_STORE) {
        if (y->s->values[step->a].condition) store_condition(y, a, &step->to);
        else store(y, a, &step->to);
        leave(y, step->a);
        return;
    }
    /* The result may take over the register of an operand, but not, where the condition comes second, that of the condition. */
    leave(y, step->a);
    leave(y, step->b);
    if (y->wide) leave(y, step->condition);
    const int to = take(y, step->value);
    if (!y->wide) leave(y, step->condition);
    if (step->op == M_COMPARE) {
        tg_vector_instruction compare = instruction(y, packed(y, 0xc2), to, a, b);
        compare.immediate = step->predicate;
        set_second(y, &compare, step->b, far ? &memory : NULL);
        put(y, &compare);
    } else if (step->op == M_PICK) {
        pick(y, to, a, b, c);
    } else {
        compute(y, step, to, a, b, c, far ? &memory : NULL);
    }
    if (y->s->values[step->value].left == 0) { /* nobody wants it */
        y->s->values[step->value].left = 1;
        leave(y, step->value);
    }
}

static bool emit_body(tg_segment *s, bool tail)
{
    body y = {.s = s, .wide = s->isa == TG_ISA_AVX512, .tail = tail};
    y.n = y.wide ? zero_register(&y) - 1 : TAIL_VECTOR - 1; /* one more is scratch for conditions */
    memset(y.holds, -1, sizeof y.holds);
    memset(y.masks, -1, sizeof y.masks);
    for (int i = 0; i < s->n_values; i++) {
        s->values[i].left = s->values[i].uses;
        s->values[i].where = -1;
    }
    for (y.step = 0; y.step < s->n_steps && !y.crowded; y.step++) emit_step(&y);
    return !y.crowded;
}

/* ---- the loops ------------------------------------------------------------------------------------------------------ */

static int pointer_count(const tg_segment *s) { return s->pointers < POINTER_REGISTERS ? s->pointers : POINTER_REGISTERS; }

static void begin_code(tg_segment *s)
{
    tg_assembler *c = &s->code;
    const body    y = {.s = s, .wide = s->isa == TG_ISA_AVX512};
    for (int i = 0; i < pointer_count(s); i++) {
        tg_assemble_push(c, pointer_registers[i]);
        tg_assemble_load(c, pointer_registers[i], RSI, 8 * i);
    }
    tg_assemble_alu(c, ALU_XOR, R8, R8);
    tg_assemble_alu(c, ALU_XOR, R9, R9);
    tg_assemble_alu(c, ALU_XOR, R10, R10);
    const tg_vector_instruction zero = instruction(&y, packed(&y, 0x57), zero_register(&y), zero_register(&y), zero_register(&y));
    tg_assemble_vector(c, &zero);
}

/* The mask of the first r11 lanes. */
static void mask_tail(tg_segment *s)
{
    tg_assembler *c = &s->code;
    if (s->isa == TG_ISA_AVX512) {
        tg_assemble_ones(c, RAX);
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
    const size_t whole = c->out->n;
    if (!emit_body(s, false)) return false;
    tg_assemble_lea(c, R10, R10, n);
    tg_assemble_lea(c, R11, R10, n);
    tg_assemble_alu(c, ALU_CMP, R11, R9);
    tg_assemble_jump_back(c, IF_NOT_ABOVE, whole);
    tg_assemble_here(c, short_row);
    tg_assemble_alu(c, ALU_MOV, R11, R9);
    tg_assemble_alu(c, ALU_SUB, R11, R10);
    const size_t no_tail = tg_assemble_jump(c, IF_EQUAL);
    mask_tail(s);
    if (!emit_body(s, true)) return false;
    tg_assemble_alu(c, ALU_MOV, R10, R9);
    tg_assemble_here(c, no_tail);
    tg_assemble_lea(c, R8, R8, 1);
    tg_assemble_alu(c, ALU_CMP, R8, RDX);
    tg_assemble_jump_back(c, IF_BELOW, row);
    return true;
}

static tg_segment_result compile(tg_segment *s, size_t *at)
{
    tg_assembler *c = &s->code;
    *at = c->out->n;
    c->n_pool = c->n_fix = 0;
    c->failed = false;
    begin_code(s);
    const size_t uses = c->uses ? c->uses->n : 0;
    const bool   fits = emit_loops(s);
    for (int i = pointer_count(s); i-- > 0;) tg_assemble_pop(c, pointer_registers[i]);
    tg_assemble_return(c);
    if (fits && tg_assemble_pool(c) && !(c->uses && c->uses->failed)) return TG_SEGMENT_OK;
    c->out->n = *at;
    if (c->uses) c->uses->n = uses;
    return c->out->failed || (c->uses && c->uses->failed) ? TG_SEGMENT_MEMORY : TG_SEGMENT_CROWDED;
}

/* Puts the stores behind everything else, in their order. */
static void put_stores_last(tg_segment *s, const tg_micro_step *steps)
{
    int n = 0;
    for (int i = 0; i < s->n_steps; i++)
        if (steps[i].op != M_STORE) s->steps[n++] = steps[i];
    for (int i = 0; i < s->n_steps; i++)
        if (steps[i].op == M_STORE) s->steps[n++] = steps[i];
}

/* A load that follows a store to an address with the same lowest 12 bits waits for it, and tensors mostly begin at pages. So all loads come
 * before the stores, if the registers suffice to hold the results until then. */
tg_segment_result tg_segment_compile(tg_segment *s, size_t *at)
{
    tg_micro_step as_given[TG_SEGMENT_MOST];
    if (s->full) return TG_SEGMENT_CROWDED;
    memcpy(as_given, s->steps, (size_t)s->n_steps * sizeof *as_given);
    put_stores_last(s, as_given);
    const tg_segment_result r = compile(s, at);
    if (r != TG_SEGMENT_CROWDED) return r;
    memcpy(s->steps, as_given, (size_t)s->n_steps * sizeof *as_given);
    return compile(s, at);
}
