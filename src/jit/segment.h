/* segment.h - several pointwise ops over the same elements as one machine-code loop, whose intermediate results stay in vector registers.
 *
 * A segment is described op by op and then compiled:
 *
 *     tg_segment_begin(&s, &bytes, NULL, isa, dtype);
 *     int x = tg_segment_input(&s, …), y = tg_segment_op(&s, op, (int[]){x, x});
 *     tg_segment_store(&s, y, …);
 *     if (tg_segment_compile(&s, &at)) …          machine code stands in bytes, from `at` on
 *
 * Only ops of a few instructions have a recipe here (recipes.c); exp, tanh and their like remain loops of their own, which keep their
 * constants in registers. A recipe computes bit for bit what the op's loop does.
 *
 * The code is a tg_segment_fn. It goes over rows × cols elements, row by row; operands lie in tile registers (offsets from `tiles`) or in
 * memory (numbers of `pointers`), and are full (one element for each point, contiguous), a column (one for each row), a row (the same for all)
 * or a scalar. The rows of full operands in memory that lie apart do so by as many elements as pointers[TG_SEGMENT_POINTERS], a number, says. */
#ifndef TG_SEGMENT_H
#define TG_SEGMENT_H

#include <tapegrad/op.h>

#include "kernels/kernels.h"
#include "jit/assembler.h"

typedef void (*tg_segment_fn)(char *tiles, void *const *pointers, size_t rows, size_t cols);

typedef enum tg_reach { TG_FULL, TG_COLUMN, TG_ROW, TG_SCALAR } tg_reach;

/* Where an operand or a result is. Conditions (bool) are bytes, and only in tile registers, full. Tile registers have room for 64 bytes
 * behind their last element. */
typedef struct tg_location {
    bool     tile;
    bool     around; /* results in memory: written around the caches; pointer and rows end at multiples of 64 bytes */
    bool     apart;  /* in memory, and full */
    uint32_t at; /* an offset in bytes, or the number of a pointer */
    tg_reach reach;
} tg_location;

enum { TG_SEGMENT_MOST = 512, TG_SEGMENT_POINTERS = 48 };

typedef struct tg_micro_op { /* a micro-op: value = op(a, b) where the condition holds, else 0; or a store */
    uint8_t  kind, predicate;
    int16_t  value, a, b, condition; /* -1: none */
    tg_location to;                     /* of stores */
    int16_t  tested, limit;          /* of fix-ups */
    tg_loop  loop;
} tg_micro_op;

typedef struct tg_micro_value {
    uint8_t  kind;      /* computed, input, constant */
    bool     condition; /* each lane true or false */
    int16_t  uses, left; /* in all micro-ops, and in those that are not yet emitted */
    int8_t   where;     /* its register; -1: in none */
    tg_location from;      /* inputs */
    uint64_t bits;     /* constants: an element, in the low bytes */
} tg_micro_value;

/* A place in the code from which a vector that the instructions there do not suffice for goes to a stub behind the loop. */
typedef struct tg_fixup {
    size_t   jump, back;  /* the end of the jump to the stub, and where the stub returns to */
    int16_t  micro_op;
    bool     tail;
    int8_t   to, x, y;    /* registers of the result and the operands; -1: in none */
    uint32_t live;        /* vector registers that are needed afterwards, … */
    uint8_t  live_masks;  /* … and mask registers */
} tg_fixup;

enum { TG_FIXUPS = 64 };

typedef struct tg_segment {
    tg_assembler code;
    tg_isa       isa;
    tg_dtype     dtype;
    int16_t      n_values, n_micro_ops;
    tg_micro_value values[TG_SEGMENT_MOST];
    tg_micro_op      micro_ops[TG_SEGMENT_MOST];
    int          pointers; /* how many */
    int          peak;     /* vector registers in use at once */
    int          n_pinned; /* values that keep a register of their own all the time */
    int16_t      pinned[32];
    int          n_fixups; /* in the code so far */
    tg_fixup     fixups[TG_FIXUPS];
    bool         full;     /* more values or micro-ops than there is room for */
    bool         indices;  /* an operand is a row, or one lies apart */
} tg_segment;

/* Is there machine code for ops of this dtype on this CPU? */
bool tg_segment_can(tg_isa isa, tg_dtype dtype);

/* Has the op a recipe? Its result is then of the segment's dtype, or a condition when the op has TG_OP_BOOL. (Only rows of pointwise.def
 * have one yet. A recipe of a user's op would be a field of tg_op that is asked where this finds no row.) */
bool tg_segment_knows(const tg_op *op);

/* uses: NULL, or where the places (size_t, in out) of the 4 byte offsets of tile registers are noted, which may be changed later. */
void tg_segment_begin(tg_segment *s, tg_bytes *out, tg_bytes *uses, tg_isa isa, tg_dtype dtype);
int  tg_segment_input(tg_segment *s, tg_location from, bool condition); /* the number of a value */
int  tg_segment_op(tg_segment *s, const tg_op *op, const int *in);
void tg_segment_store(tg_segment *s, int value, tg_location to);

typedef enum tg_segment_result { TG_SEGMENT_OK, TG_SEGMENT_CROWDED, TG_SEGMENT_MEMORY } tg_segment_result;

/* CROWDED: it takes more registers than there are. Nothing is left in the bytes then. */
tg_segment_result tg_segment_compile(tg_segment *s, size_t *at);

/* Is the value an operand in memory that is read only for vectors that go to an op's own loop? */
bool tg_segment_reads_seldom(const tg_segment *s, int value);

/* Code that may be run, from bytes; NULL when the system does not allow that. */
void *tg_code_map(const tg_bytes *b);
void  tg_code_unmap(void *code, size_t bytes);

/* ---- single instructions: what recipes are made of ---- */

typedef enum tg_micro {
    M_ADD, M_SUB, M_MUL, M_DIV, M_MIN, M_MAX, M_AND, M_ANDN, M_OR, M_XOR, /* of lanes, the logical ones of their bits; ANDN: ~a & b */
    M_SQRT, /* of b */
    M_ROUND, /* b to a whole number, as the predicate says */
    M_PASS, /* b, where the condition holds */
    M_PICK, /* the condition ? a : b */
    M_COMPARE, /* a condition */
    M_FIXUP, /* a, or what a loop makes of operands x and y, see below */
    M_STORE
} tg_micro;

enum { IS_EQUAL = 0x00, IS_UNORDERED = 0x03, NOT_EQUAL = 0x04, IS_LESS = 0x11, IS_AT_MOST = 0x12, NOT_AT_MOST = 0x16,
       IS_AT_LEAST = 0x1d, IS_GREATER = 0x1e };

enum { TO_NEAREST = 8, DOWN, UP, TO_ZERO }; /* how M_ROUND rounds; halves to the even one. 8: it is not told that it does */
int tg_micro_round(tg_segment *s, int how, int b);
int tg_micro_compute(tg_segment *s, tg_micro op, int a, int b, int condition); /* condition -1: everywhere */
int tg_micro_compare(tg_segment *s, int predicate, int a, int b);

/* What the op's own loop gives for x and y in vectors in which any lane of `tested` compares so with the limit; elsewhere `near`, which is
 * the same for lanes that do not, and which nothing else may use. `tested` is near or y. */
typedef struct tg_fixup_rule {
    const tg_op *op;
    int          x, y, near, tested, predicate;
    double       limit;
} tg_fixup_rule;
int tg_micro_fixup(tg_segment *s, const tg_fixup_rule *r);

int tg_micro_number(tg_segment *s, double number);
int tg_micro_sign(tg_segment *s); /* the sign bit alone */

#endif
