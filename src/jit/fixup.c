/* fixup.c - what a few instructions do for most vectors, but not for all: the others go to the op's own loop.
 *
 *     hot loop:  near = …                     stub, behind the loop:  save what is needed afterwards, and x and y
 *                compare; jump if any lane ──────────────────────────▶ call the loop for one vector
 *                …                        ◀────────────────────────── restore; the result in near's register
 *
 * The loop makes the same of lanes that need no fix-up as the instructions do, so which lanes stand together makes no difference. Those
 * beyond the end of a row hold anything and may lead here; what becomes of them is not looked at.
 *
 * The frame lies below the pushed registers, so that no signal handler gets to it, at a multiple of 64 bytes: */
#include "jit/body.h"

#include <string.h>

enum {
    RESULT = 0, /* a vector */
    OPERAND_X = 64,
    OPERAND_Y = 128,
    VECTORS = 192, /* registers, by their numbers */
    MASKS = VECTORS + 32 * 64,
    GENERAL = MASKS + 8 * 8,
    OPERANDS = GENERAL + 16 * 8, /* the addresses of x and y */
    STACK = OPERANDS + 2 * 8,    /* rsp as it was */
    FRAME = STACK + 8
};

/* What a call may change: what the loops do not change is saved once. */
static const int constant_registers[] = {RDI, RSI, RDX, RCX}, loop_registers[] = {R8, R9, R10, R11};
enum { CONSTANT_REGISTERS = sizeof constant_registers / sizeof(int), LOOP_REGISTERS = sizeof loop_registers / sizeof(int) };

static void save(tg_assembler *c, int reg) { tg_assemble_store(c, reg, RSP, GENERAL + 8 * reg); }
static void restore(tg_assembler *c, int reg) { tg_assemble_load(c, reg, RSP, GENERAL + 8 * reg); }

void tg_begin_frame(tg_assembler *c)
{
    tg_assemble_alu(c, ALU_MOV, RAX, RSP);
    tg_assemble_lea(c, RSP, RSP, -FRAME);
    tg_assemble_align(c, RSP);
    tg_assemble_store(c, RAX, RSP, STACK);
    for (int i = 0; i < CONSTANT_REGISTERS; i++) save(c, constant_registers[i]);
    tg_assemble_lea(c, RAX, RSP, OPERAND_X);
    tg_assemble_store(c, RAX, RSP, OPERANDS);
    tg_assemble_lea(c, RAX, RSP, OPERAND_Y);
    tg_assemble_store(c, RAX, RSP, OPERANDS + 8);
}

void tg_end_frame(tg_assembler *c) { tg_assemble_load(c, RSP, RSP, STACK); }

/* The number in every lane, as memory: with AVX-512 the instruction repeats it. */
static tg_address lanes_of(body *y, const void *number)
{
    uint8_t      all[32];
    const size_t item = (size_t)item_size(y->s);
    for (size_t i = 0; i < sizeof all; i += item) memcpy(all + i, number, item);
    return (tg_address){.pool = true, .offset = tg_assemble_constant(&y->s->code, all, y->wide ? item : sizeof all)};
}

/* Three instructions: VCMPPS, VCMPPD to a mask; KORTESTW, or VMOVMSKPS, VMOVMSKPD and TEST; and the jump. */
void tg_test_fixup(body *y, int tested)
{
    tg_assembler         *c = &y->s->code;
    const tg_micro_op  *m = &y->s->micro_ops[y->at];
    tg_fixup             *f = &y->s->fixups[y->s->n_fixups - 1];
    const tg_address      limit = lanes_of(y, &y->s->values[m->limit].bits);
    const int             mask = y->wide ? 0 : scratch_register(y); /* no condition is ever in mask register 0 */
    tg_vector_instruction compare = instruction(y, packed(y, 0xc2), mask, tested, 0);
    compare.immediate = m->predicate;
    compare.memory = &limit;
    compare.broadcast = y->wide;
    put(y, &compare);
    if (y->wide) {
        tg_assemble_mask_test(c, mask);
    } else {
        const tg_vector_instruction signs = instruction(y, packed(y, 0x50), RAX, 0, mask);
        put(y, &signs);
        tg_assemble_alu(c, ALU_TEST, RAX, RAX);
    }
    f->jump = tg_assemble_jump(c, IF_NOT_EQUAL);
    f->back = c->out->n;
}

static void move_vector(body *y, int opcode, int reg, int32_t at)
{
    const tg_address      m = {.base = RSP, .index = NO_REGISTER, .offset = at};
    tg_vector_instruction move = instruction(y, packed(y, opcode), reg, 0, 0);
    move.memory = &m;
    put(y, &move);
}
static void save_vector(body *y, int reg, int32_t at) { move_vector(y, 0x11, reg, at); }
static void restore_vector(body *y, int reg, int32_t at) { move_vector(y, 0x10, reg, at); }

/* An operand that is in no register is loaded to that of the result, which is to be written. */
static void pass_operand(body *y, const tg_fixup *f, int value, int reg, int32_t at)
{
    if (reg < 0) tg_load_to(y, value, reg = f->to);
    save_vector(y, reg, at);
}

static void emit_stub(tg_segment *s, const tg_fixup *f)
{
    tg_assembler        *c = &s->code;
    const tg_micro_op *m = &s->micro_ops[f->micro_op];
    body                 y = tg_body_of(s, f->tail);
    const uint32_t       live = f->live | (f->tail && !y.wide ? 1u << TAIL_VECTOR : 0);
    const int            masks = f->live_masks | (f->tail && y.wide ? 1 << TAIL : 0);
    const int32_t        loop = tg_assemble_constant(c, &m->loop, sizeof m->loop);
    tg_assemble_here(c, f->jump);
    for (int r = 0; r < 32; r++)
        if (live >> r & 1) save_vector(&y, r, VECTORS + 64 * r);
    for (int r = 0; r < 8; r++)
        if (masks >> r & 1) tg_assemble_mask_store(c, r, RSP, MASKS + 8 * r);
    pass_operand(&y, f, m->b, f->y, OPERAND_Y);
    pass_operand(&y, f, m->condition, f->x, OPERAND_X);
    for (int i = 0; i < LOOP_REGISTERS; i++) save(c, loop_registers[i]);

    tg_assemble_set(c, RDI, lanes(s));
    tg_assemble_lea(c, RSI, RSP, RESULT);
    tg_assemble_lea(c, RDX, RSP, OPERANDS);
    tg_assemble_alu(c, ALU_XOR, RCX, RCX);
    tg_assemble_call_pool(c, loop);

    for (int i = 0; i < CONSTANT_REGISTERS; i++) restore(c, constant_registers[i]);
    for (int i = 0; i < LOOP_REGISTERS; i++) restore(c, loop_registers[i]);
    const int                   none = zero_register(&y);
    const tg_vector_instruction zero = instruction(&y, packed(&y, 0x57), none, none, none);
    put(&y, &zero);
    for (int r = 0; r < 32; r++)
        if (live >> r & 1) restore_vector(&y, r, VECTORS + 64 * r);
    for (int r = 0; r < 8; r++)
        if (masks >> r & 1) tg_assemble_mask_load(c, r, RSP, MASKS + 8 * r);
    tg_load_pinned(&y);
    restore_vector(&y, f->to, RESULT);
    tg_assemble_go_back(c, f->back);
}

void tg_emit_fixups(tg_segment *s)
{
    for (int i = 0; i < s->n_fixups; i++) emit_stub(s, &s->fixups[i]);
}
