/* body.h - between the files that make a segment's code: segment.c, which has the loops, body.c, which has what is in them,
 * fixup.c, which has what stands behind them, and load.c, which both load with.
 *
 *     rdi tiles   rsi pointers   rdx rows   rcx cols      as called
 *     r8  row     r9  the row's end         r10 element   r11 where the last whole vector of the row may begin   rax scratch
 *     rbx rbp r12 … r15                                   the first pointers; further ones are loaded where they are used
 *     r14 r15                                             where rows are operands or lie apart: the element in memory, and in its row
 *     rsp                                                 the frame, in segments with fix-ups */
#ifndef TG_BODY_H
#define TG_BODY_H

#include "jit/segment.h"

enum { COMPUTED, INPUT, CONSTANT };                /* kinds of values */
enum { TAIL = 1, FIRST_MASK = 2, LAST_MASK = 7 }; /* AVX-512 mask registers: the tail's, and those of conditions */
enum { TAIL_VECTOR = 14 };                        /* the tail's mask with AVX2 */
enum { POINTER_REGISTERS = 6, MEMORY_INDEX = R14, ROW_INDEX = R15 };
extern const int tg_pointer_registers[POINTER_REGISTERS];

/* A body under way: which value each register holds, -1 none. */
typedef struct body {
    tg_segment *s;
    bool        wide;  /* AVX-512 */
    bool        tail;
    int         at;    /* the micro-op under way */
    int         n;     /* vector registers to hand out; behind them are pinned values, one for scratch, with AVX2 the tail's mask, and zero */
    int16_t     holds[32], masks[8];
    bool        crowded;
} body;

/* Writes the body once: for whole vectors, or for what is left of a row. false: the registers do not suffice. */
bool tg_emit_body(tg_segment *s, bool tail);
body tg_body_of(tg_segment *s, bool tail); /* at its beginning */
tg_address tg_address_of(body *y, const tg_location *p, int item); /* of a place for elements of `item` bytes; may load a pointer to rax */
tg_address tg_source_address(body *y, int value); /* of an input or a constant */
void tg_load_to(body *y, int value, int reg); /* an input or a constant that is no condition; may change rax */
void tg_load_pinned(body *y);

/* The memory on the stack that fix-ups use; what they have to do with a vector, as stubs; and the test for it, in micro-op y->at, whose
 * operands lie in registers or, x and y, in none. */
void tg_begin_frame(tg_assembler *c);
void tg_end_frame(tg_assembler *c);
void tg_emit_fixups(tg_segment *s);
void tg_test_fixup(body *y, int tested);

/* The last two are indices where elements are not where those of the tile are. */
static inline int pointer_registers(const tg_segment *s) { return s->indices ? POINTER_REGISTERS - 2 : POINTER_REGISTERS; }
/* Is the value the same in all lanes? */
static inline bool is_repeated(const tg_micro_value *v)
{
    return v->kind == CONSTANT || v->from.reach == TG_COLUMN || v->from.reach == TG_SCALAR;
}
static inline int item_size(const tg_segment *s) { return s->dtype == TG_F32 ? 4 : 8; }
static inline int lanes(const tg_segment *s) { return (s->isa == TG_ISA_AVX512 ? 64 : 32) / item_size(s); }
static inline int zero_register(const body *y) { return y->wide ? 31 : 15; }
static inline int scratch_register(const body *y) { return y->wide ? 30 : 13; }
static inline int pinned_register(const body *y, int i) { return scratch_register(y) - 1 - i; }

/* 66 0F … for doubles, 0F … for floats */
static inline tg_encoding packed(const body *y, int opcode)
{
    const bool f64 = y->s->dtype == TG_F64;
    return (tg_encoding){f64, 1, (uint8_t)opcode, f64 && y->wide};
}
/* 66 0F38 …: with an opcode for floats and one for doubles */
static inline tg_encoding packed38(const body *y, int f32, int f64)
{
    const bool is64 = y->s->dtype == TG_F64;
    return (tg_encoding){1, 2, (uint8_t)(is64 ? f64 : f32), is64 && y->wide};
}

static inline tg_vector_instruction instruction(const body *y, tg_encoding code, int reg, int first, int second)
{
    return (tg_vector_instruction){.code = code, .width = y->wide ? W512 : W256, .evex = y->wide,
                                   .reg = reg, .first = first, .second = second, .immediate = -1};
}

static inline void put(body *y, const tg_vector_instruction *v) { tg_assemble_vector(&y->s->code, v); }

#endif
