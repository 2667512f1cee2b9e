/* assembler.h - x86-64 instructions as bytes: the vector instructions that fused loops are made of, in their AVX2 (VEX) and AVX-512
 * (EVEX) encodings, and the few integer ones around them. Source: Intel 64 and IA-32 Architectures Software Developer's Manual,
 * volume 2, sections 2.3 (VEX) and 2.7 (EVEX). */
#ifndef TG_ASSEMBLER_H
#define TG_ASSEMBLER_H

#include "tensor/mem.h"

/* Bytes that grow. After memory ran out nothing is written any more and `failed` stays. */
typedef struct tg_bytes {
    tg_heap *heap;
    uint8_t *data;
    size_t   n, cap;
    bool     failed;
} tg_bytes;

void tg_bytes_put(tg_bytes *b, const void *data, size_t n);
void tg_bytes_free(tg_bytes *b);

/* General registers by their numbers. */
enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15, NO_REGISTER = -1 };

/* [base + index * scale + offset], or with pool: a constant at `offset` in the pool that tg_assemble_pool puts behind the code. */
typedef struct tg_address {
    int     base, index, scale;
    int32_t offset;
    bool    pool;
} tg_address;

/* One vector instruction. The operation's encoding comes from a table of TG_OP_… below. */
typedef struct tg_encoding {
    uint8_t pp, map, opcode; /* prefix 0 none, 1 66, 2 F3, 3 F2; map 1 0F, 2 0F38, 3 0F3A */
    uint8_t wide;            /* the W bit */
} tg_encoding;

typedef enum tg_width { W128, W256, W512 } tg_width;

typedef struct tg_vector_instruction {
    tg_encoding       code;
    tg_width          width;
    bool              evex;
    int               reg;       /* the register that modrm.reg names: mostly the destination */
    int               first;     /* the first source (vvvv); 0 where the instruction has none */
    int               second;    /* the last operand when it is a register, … */
    const tg_address *memory;    /* … or, when this is not NULL, memory */
    int               mask;      /* EVEX: the mask register, 0 none */
    bool              zeroing;   /* EVEX: lanes out of the mask become 0 */
    bool              broadcast; /* EVEX: memory holds one element for all lanes */
    int               immediate; /* a byte, or -1: none */
} tg_vector_instruction;

/* Code under way: its bytes, and the constants that go behind it. */
enum { TG_POOL_MOST = 512 };
typedef struct tg_assembler {
    tg_bytes *out;
    tg_bytes *uses;                 /* NULL, or where places (size_t) of offsets relative to `tiles_base` are noted: they change later */
    int       tiles_base;
    uint8_t   pool[TG_POOL_MOST];
    size_t    n_pool;
    struct {
        size_t  at;                 /* of a 4 byte displacement to the pool, in out … */
        size_t  next;               /* … which counts from here, the end of its instruction */
        int32_t offset;
    } fix[1024];
    size_t n_fix;
    bool   failed;                  /* more constants or uses of them than there is room for */
} tg_assembler;

void tg_assemble_vector(tg_assembler *a, const tg_vector_instruction *v);

/* Integer instructions on 64 bits. */
typedef enum tg_alu {
    ALU_ADD = 0x01, ALU_SUB = 0x29, ALU_XOR = 0x31, ALU_CMP = 0x39, ALU_TEST = 0x85, ALU_MOV = 0x89
} tg_alu;
void tg_assemble_alu(tg_assembler *a, tg_alu op, int to, int from);
void tg_assemble_load(tg_assembler *a, int to, int base, int32_t offset);          /* to = *(base + offset) */
void tg_assemble_store(tg_assembler *a, int from, int base, int32_t offset);       /* *(base + offset) = from */
void tg_assemble_lea(tg_assembler *a, int to, int base, int32_t offset);           /* to = base + offset */
void tg_assemble_lea_pool(tg_assembler *a, int to, int32_t offset);                /* to = address in the pool */
void tg_assemble_push(tg_assembler *a, int reg);
void tg_assemble_pop(tg_assembler *a, int reg);
void tg_assemble_neg(tg_assembler *a, int reg);
void tg_assemble_low_bits(tg_assembler *a, int to, int from, int count);           /* BZHI: to = the lowest `count` bits of from */
void tg_assemble_set(tg_assembler *a, int to, int32_t value);                      /* to = value */
void tg_assemble_align(tg_assembler *a, int to);                                   /* to &= -64 */
void tg_assemble_mask(tg_assembler *a, int mask, int from);                        /* KMOVW: mask register = register */
void tg_assemble_mask_load(tg_assembler *a, int mask, int base, int32_t offset);   /* KMOVW: mask register = *(base + offset) */
void tg_assemble_mask_store(tg_assembler *a, int mask, int base, int32_t offset);  /* KMOVW: *(base + offset) = mask register */
void tg_assemble_mask_test(tg_assembler *a, int mask);                             /* KORTESTW: IF_EQUAL where all its bits are 0 */
void tg_assemble_call_pool(tg_assembler *a, int32_t offset);                       /* calls what the address in the pool names */
void tg_assemble_return(tg_assembler *a);                                          /* VZEROUPPER, RET */

/* Jumps. Backwards to a place that is known; forwards from a place that tg_assemble_here completes. */
typedef enum tg_condition { IF_BELOW = 2, IF_EQUAL = 4, IF_NOT_EQUAL = 5, IF_NOT_ABOVE = 6, IF_ABOVE = 7 } tg_condition;
void   tg_assemble_jump_back(tg_assembler *a, tg_condition c, size_t to);
void   tg_assemble_go_back(tg_assembler *a, size_t to); /* without a condition */
size_t tg_assemble_jump(tg_assembler *a, tg_condition c);
void   tg_assemble_here(tg_assembler *a, size_t jump);

/* Where n bytes stand in the pool; equal ones stand there once. -1: no room. */
int32_t tg_assemble_constant(tg_assembler *a, const void *data, size_t n);

/* Puts the pool behind the code. false: something did not fit or memory ran out. */
bool tg_assemble_pool(tg_assembler *a);

#endif
