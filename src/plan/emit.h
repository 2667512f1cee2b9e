/* emit.h - a group while its instructions are written, for the files that do it: compile.c leads through emit.c, operand.c, tile_shape.c,
 * emit_segments.c and tile_registers.c.
 *
 * Instructions name tile registers by numbers first. When the group is complete, tile_registers.c gives each register its place, so that those
 * whose uses don't overlap share one. */
#ifndef TG_EMIT_H
#define TG_EMIT_H

#include "plan/program.h"

/* What is known of an instance of the group. */
typedef struct member {
    int32_t value;
    uint8_t cls;
    int32_t part;        /* of the group: 2 s for the body of sweep s, 2 s + 1 for its end */
    bool    stores;      /* computed here first: a value that is stored is stored here */
    uint8_t over;     /* a total: a total_over */
    int64_t block;    /* over channels or blocks: the rows of a block */
    int64_t cols;     /* a total: of the rows that it goes over */
    bool    direct;   /* its segment writes it where it is put otherwise: around the caches, or to rows that lie apart */
    bool    done;     /* a reduction to a column that has its instruction, or shares another place's */
    bool    later;    /* another sweep reads it: its register, or its memory, holds it for the whole tile */
    operand out;      /* where it is, once it is emitted; of a reduction to a row the accumulators first */
    int32_t expanded; /* register that holds the column or the rows spread over the tile; -1 */
} member;

/* Registers that hold a scalar or a row spread over the tile, by a hash of what they hold: the latest of each hash. */
enum { HELD = 64 };
typedef struct held {
    int32_t  group, value; /* whose registers these are */
    uint32_t from, number; /* of the register */
    bool     row;
} held;

/* Registers that hold the elements of a channel for the rows of a tile. */
enum { CHANNELS = 16 };
typedef struct channel {
    int32_t         value; /* as it is read … */
    const tg_shape *shape; /* … broadcast to this */
    int32_t         number, expanded; /* of the register, and of the one that holds it spread over the tile; -1: none yet */
} channel;

typedef struct emitter {
    tg_tape       *t;
    program       *p;
    group         *g;
    int32_t        number; /* the group's */
    member         *members;
    int32_t        n;
    int32_t        n_pairing; /* of them reductions that give another one's results as well, and wait for their instruction */
    size_t         n_registers; /* in tape.registers */
    size_t         first_pointer; /* in program.pointers */
    held          *held;        /* HELD of them, of the whole program */
    channel        channels[CHANNELS];
    int            n_channels;
    int32_t        part, n_parts; /* under way, and how many */
    int32_t       *first_of_part, *next_in_part; /* the members of each part, in their order, -1 behind the last; NULL: there is one part */
    tg_status      status;
} emitter;

/* Sizes of elements, rows, and registers that hold a tile or a column. */
static inline size_t tg_item_of(const value *v) { return tg_item_size((tg_dtype)v->dtype); }
static inline int64_t tg_cols_of(const group *g) { return g->cols ? g->cols : g->n; }
static inline uint32_t tg_tile_bytes(const emitter *e, size_t item) { return (uint32_t)((size_t)(e->g->rows_per_tile * e->g->tile_cols) * item); }
static inline uint32_t tg_full_bytes(const emitter *e, size_t item) { return (uint32_t)((size_t)(e->g->rows_at_once * e->g->tile_cols) * item); }
static inline uint32_t tg_column_bytes(const emitter *e, size_t item) { return (uint32_t)((size_t)e->g->rows_at_once * item); }
static inline uint32_t tg_row_bytes(const emitter *e, size_t item)
{
    return (uint32_t)((size_t)(e->g->rows_per_tile / e->g->block * e->g->tile_cols) * item);
}
static inline uint32_t tg_register_bytes(const emitter *e, uint8_t cls, size_t item)
{
    return cls == C_FULL ? tg_full_bytes(e, item) : cls == C_COLUMN ? tg_column_bytes(e, item) : tg_row_bytes(e, item);
}

/* ---- operand.c ---- */

/* Where an operand comes from. */
typedef enum source_kind {
    FROM_TILE,          /* computed here, full */
    FROM_COLUMN,        /* computed here, one for each row */
    FROM_BLOCK_ROW,     /* computed here, a row for each block */
    FROM_MEMORY,        /* full, or a row or one of those that lie some pitch apart where tiles are pieces of single rows */
    FROM_MEMORY_COLUMN,
    FROM_MEMORY_ROW,    /* a row for each block, or for all of them where tiles are pieces of several rows */
    FROM_SCALAR,
    FROM_ROW,           /* the same row for all rows of a tile */
    FROM_CHANNEL,       /* an element for each row, in an order of its own */
    FROM_STRIDES,
} source_kind;

typedef struct source {
    source_kind kind;
    tg_dtype    dtype;
    int32_t     member;  /* computed here: its number */
    int32_t     value;  /* as it is read; base: whose memory it is */
    int32_t     base;
    uint32_t    from;   /* bytes into it */
    extent      extent; /* from memory */
} source;

/* The member whose value is the reader's operand k, as it lies in tiles; -1: it comes from elsewhere. */
int32_t  tg_member_read(const emitter *e, const member *reader, int32_t k);
source   tg_source_of(const emitter *e, const member *reader, int32_t k); /* the reader's operand k */
operand  tg_bring_to_hand(emitter *e, const source *s, const member *reader);
operand  tg_channel_of(emitter *e, const source *s, const tg_shape *shape); /* the register with its elements for the rows of a tile */
/* The operand, spread or gathered into a register if need be. */
static inline operand tg_at_hand(emitter *e, const source *s, const member *reader)
{
    return s->kind == FROM_TILE ? e->members[s->member].out : tg_bring_to_hand(e, s, reader);
}
operand  tg_in_memory(emitter *e, int32_t v, size_t byte_offset, extent how);

/* Slopes look at their point, operand 0, only where their result, operand 1, is too near to 1. */
bool     tg_looks_seldom(const emitter *e, const member *reader);
/* The instruction that was added last gathers a slope's point: only for tiles with such a result, if that is there by then. */
void     tg_gather_seldom(emitter *e, const member *slope);
operand  tg_new_register(emitter *e, uint32_t bytes);
void     tg_use_register(emitter *e, const operand *o); /* by the instruction to be added next */
instruction    *tg_add_instruction(emitter *e, instruction_kind kind, operand out, const operand *in, int n_in);
operand  tg_result_of(emitter *e, member *pl);  /* chooses where the instance's value goes */
void     tg_put_result(emitter *e, const member *pl); /* what is put goes from its register to memory */
int32_t  tg_add_total(emitter *e, const member *pl); /* the total's number */
bool     tg_is_staged(const emitter *e, const member *pl);
void     tg_emit_instance(emitter *e, member *pl);
bool     tg_is_streamed(const emitter *e, const member *pl); /* written around the caches */
bool     tg_is_put(const emitter *e, const member *pl); /* computed in a register, and then put to memory */

/* ---- emit.c, tile_shape.c ---- */

bool     tg_list_instances(emitter *e); /* the group's, in the order of their values; false after an error */
void     tg_choose_tiles(emitter *e);

/* ---- sweeps.c ---- */

void     tg_choose_sweeps(emitter *e); /* which member belongs to which part */
/* Members of this part come next, those of the parts before have been emitted. */
void     tg_enter_part(emitter *e, int32_t part);

/* ---- emit_segments.c ---- */

/* Emits all instances, in an order that brings loops together, runs of them as segments. */
void tg_emit_segments(emitter *e);

/* ---- tile_registers.c ---- */

void tg_place_registers(emitter *e, size_t first_use);

#endif
