/* program.h - what the fused evaluator compiles a plan into: a list of steps over values, and for each fused group the tile
 * instructions. plan/values.c makes values of nodes, group.c decides what fuses with what, emit.c writes the instructions, memory.c
 * divides the memory, fused.c runs them.
 *
 * A group is one pass over an iteration space of n elements, seen as rows of `cols` elements. Inside a group a value is
 *   full     one element per point; lives in a tile (a piece of about TILE elements that stays in L1)
 *   column   one element per row, the result of a reduction over columns, or of pointwise ops over such
 *   row      one element per column of each block of rows, the result of a reduction over a block's rows, or of pointwise ops over such
 *   total    reduced over rows, some of their axes, or everything; complete only when the group is
 * Operands from memory may be full, a column, a row (repeated for each row, or for those of a block), a scalar, a channel (one element for each
 * row, in an order of its own: that of a picture's channel for all pictures), turned (neighbours lie along another axis than the last), or of
 * any other strides. Of rows that lie some pitch apart a tile of one row is read where it lies. */
#ifndef TG_PROGRAM_H
#define TG_PROGRAM_H

#include "jit/segment.h"
#include "kernels/blas.h"
#include "graph/graph.h"

enum {
    TILE       = 1024,    /* elements of a tile */
    LONGEST_ROW = 8192,   /* rows up to this length are taken whole, so that what is reduced over them can be used in the same pass */
    LEAST_BAND = 128,      /* columns that are worth taking from all rows of a block at once: a few cache lines */
    LARGEST_BAND = 1 << 21, /* bytes of so many columns of a block, which have to stay in the caches */
    CHUNKS     = 16,      /* pieces a group is cut into for threads and for partial sums: a constant, so results never depend on threads */
    STREAM_LEAST = 12 << 20, /* bytes of a result that would only pass through the caches: it is written around them */
    AHEAD_LEAST = 1 << 20, /* bytes of an operand that is not in a core's own cache: the next tile's are fetched while one is computed */
    AHEAD_MOST = 1 << 18, /* bytes of a tile of them all together; of a larger one, which is gone over in sweeps, it is the next rows */
    STAGED     = 16,      /* rows */
    ROWS_SIDE_BY_SIDE = 8, /* of groups that reduce over rows and do nothing else */
    CHUNK_LEAST = 16384,  /* elements below which a group is one chunk */
    SMALL_SPACE = 4096,   /* elements up to which a value is stored without a thought */
    LARGEST_GROUP = 96,   /* ops in a group of a larger space */
    LARGEST_TILES = 4 << 20, /* elements of all values together that a group of a smaller one has */
    LEAST_PITCHED = 512,  /* columns from which rows that lie some pitch apart are read where they lie, one to a tile */
    PITCHES    = 4,       /* that a group tells apart */
    MOST_FILLS = 64,      /* scalars and rows that a group spreads over a tile before its first one */
};

typedef enum value_kind { V_INPUT, V_CONST, V_REAL, V_VIEW } value_kind;

/* In long programs it is memory that planning waits for: what only one kind of value has shares its place with others'. */
typedef struct value {
    tg_node        *node;   /* NULL: a contiguous copy that a view needed, or a second computation */
    const tg_op    *op;     /* of nodes of the plan */
    const tg_shape *shape;  /* this and attr: the program's own copies */
    const void     *attr;
    int64_t         numel;
    union {
        size_t      offset; /* in the program's memory */
        int32_t     sum_memory;   /* where dest is given: the value whose memory that is in the end */
    };
    uint32_t        attr_size;
    uint8_t         kind, dtype;
    bool            stored : 1; /* lives in memory, not just in tiles */
    bool            root : 1;   /* asked for: its memory is not reused */
    bool            placed : 1; /* goes to the memory that the node names */
    bool            copied : 1; /* placed, but others read what lies there: computed elsewhere and copied at the end */
    bool            adds : 1;   /* a product added to what its memory holds */
    bool            sum : 1;    /* of such products: no step of its own */
    bool            spread : 1; /* reduced, and what is made of it is spread over as many elements again */
    bool            memory_taken : 1; /* its memory was taken over */
    int32_t         base;   /* views: the value whose memory it is; others: itself */
    int32_t         layout; /* number in program.layouts; -1: contiguous from the start of the base */
    int32_t         in, n_in; /* operands: program.operands[in …]; of views none */
    union {
        int32_t     of;     /* views: the value that is viewed */
        uint32_t    reader; /* inputs: the earliest node that reads them */
        int32_t     alias;  /* placed and copied: the input that lies at the same place; -1 */
    };
    int32_t         uses;
    int32_t         read_in; /* the last group that reads its memory */
    int32_t         step;   /* that computes it; -1: known before */
    int32_t         first_write;   /* first step that writes its memory */
    int32_t         last_read;   /* step that reads its memory last */
    int32_t         inst;   /* its instance in its own group */
    int32_t         clone_group, clone; /* its instance in the last other group that computes it again */
    int32_t         recomputed_as;  /* value that computes it a second time and whose memory is read from then on; -1 */
    int32_t         dest;   /* value whose memory it is computed in; -1: its own */
    int32_t         takes_memory_of;   /* value that dies in its step and whose memory it takes over, element for element; -1 */
} value;

typedef enum inst_class { C_FULL, C_COLUMN, C_ROW, C_TOTAL } inst_class;

/* What a total is reduced over. The rows of the space are blocks × many; a channel has one row of each block, and a picture's plane is one. */
typedef enum total_over {
    OVER_ROWS,     /* all rows: an element for each column */
    OVER_ALL,      /* one number */
    OVER_CHANNELS, /* the blocks and the columns: an element for each of the rows of a block */
    OVER_BLOCKS,   /* the rows of each block: an element for each block and column */
} total_over;

/* A value computed in a group. */
typedef struct inst {
    int32_t value, next;
    int32_t index;      /* its number in the group, in the order of values; known when it is emitted */
    uint8_t cls;
    uint8_t over;       /* totals: a total_over */
    bool    clone;      /* of a value that another group computes */
    int64_t block;      /* totals over channels or blocks: the rows of a block */
    int64_t cols;       /* totals: of these rows, which may be shorter ones than the group's */
} inst;

typedef struct group {
    int64_t n, cols; /* cols 0: not decided, flat */
    bool    soft;    /* only rows that are read ask for these cols: they can be gathered instead, when a reduction asks for others */
    bool    columns; /* has column values: tiles are whole rows */
    bool    pitched; /* reads operands whose rows lie some pitch apart: tiles are single rows. Nothing else firmly asks for these cols */
    bool    turned;  /* reads operands whose neighbours lie one below the other: tiles have several rows */
    int32_t step, first, count; /* instances: a list, newest first, until they are sorted */
    int32_t instructions, n_instructions;       /* instructions */
    int32_t n_totals, totals;       /* totals: program.totals[totals …] */
    size_t  partials;           /* where their partial results lie in the program's memory */
    int32_t fills, n_fills;     /* scalars and rows spread over a tile once: program.fills[fills …] */
    int32_t ahead, n_ahead;     /* operands to fetch ahead of their tiles: program.pointers[ahead …] */
    bool    streams;            /* writes around the caches */
    bool    down;               /* tiles go down through the rows of a piece of them before the next piece: chunks have columns of their own */
    int64_t block;              /* rows over which row values are reduced: tiles have whole blocks of them; 0: there are no row values */
    int64_t unit;               /* columns of shorter rows that totals are reduced over: tiles have a multiple of these; 0: any number */
    int64_t rows_per_tile, tile_cols, tiles;
    int64_t rows_at_once;       /* of a tile that is gone over in sweeps */
    int32_t sweeps, n_sweeps;   /* program.sweeps[sweeps …]; none: instructions go over whole tiles */
    int64_t pitch[PITCHES];     /* elements from row to row of operands that are read so */
    int32_t n_pitches;
    int32_t chunks;
} group;

/* Row values are there when all rows of a block have been read. So tiles of a group that has any are gone over several times: instructions up to
 * `body` for some rows at a time, which stay in the nearest cache, and those up to `end`, which make row values of what came of it, once. */
typedef struct sweep {
    int32_t body, end;
    int32_t ahead, n_ahead; /* operands of the body to fetch ahead of the rows: program.pointers[ahead …]; none where tiles are fetched */
} sweep;

/* Do the rows of a tile lie apart in memory, because they are pieces of longer ones? In registers they never do. */
static inline bool tg_is_apart(const group *g) { return g->rows_per_tile > 1 && g->tile_cols < g->cols; }

typedef enum instruction_kind {
    K_LOOP, K_COLUMN, K_COPY, K_EXPAND, K_GATHER, K_STREAM,
    K_ROW,         /* a loop over the tile's columns, once for each block */
    K_EXPAND_ROWS, /* each row of the operand repeated for all rows of its block, or of the tile (extra 0) */
    K_LOAD,        /* a tile whose rows lie apart to a register … */
    K_PUT,         /* … and back to memory */
    K_GATHER_COLUMN, /* a channel's elements, one for each row of the tile */
    K_REDUCE_COLS,   /* each row of the tile to an element of a column */
    K_REDUCE_PIECES, /* the same where a tile is a piece of a row: onto an accumulator, which the last piece finishes */
    K_REDUCE_BANDS,  /* the rows of each block of the tile onto accumulators for its columns … */
    K_FINISH_BANDS,  /* … and of these, when all rows of the block have come, its row */
    K_REDUCE_TOTAL,
    K_STAGE,   /* a single row onto float sums of a total */
    K_SEGMENT, /* several loops as machine code */
} instruction_kind;

enum { IN_REGISTER = -1, NOWHERE = -2, IN_STAGING = -3 };

/* How an operand moves over the iteration space: not at all, an element from row to row, one from column to column, or both; or from column to
 * column, and a row from block to block; or as a register does that holds all that a sweep goes over; or by the group's pitches. */
typedef enum extent {
    AT_POINT, AT_COLUMN = 1, AT_ROW = 2, AT_FULL = AT_COLUMN | AT_ROW, AT_BLOCK, AT_SWEEP,
    AT_PITCH, /* the first one; the others follow */
    EXTENTS = AT_PITCH + PITCHES
} extent;

/* Where an operand is. Programs have up to four for each instruction: an operand is small, and what it was resolved to is elsewhere. Tile
 * registers are each thread's own. */
typedef struct operand {
    int32_t  value; /* IN_REGISTER: a tile register, at `offset`; IN_STAGING: that of total number `offset`; NOWHERE */
    uint32_t offset;
    uint8_t  extent, item; /* bytes of an element */
} operand;

/* An instruction. What a group of a single tile needs is here, the operands of tiles that move are in the instruction_operands beside it. */
typedef struct instruction {
    union {
        tg_loop                loop;
        const tg_reduce_loops *reduce; /* K_REDUCE_… */
    };
    const void *attr;
    const void *in[3]; /* addresses in the first tile, as out */
    char       *out;
    uint8_t     kind, n_in, dtype;
    int32_t     extra; /* gather: number in program.gathers; total: number in program.totals; segment: number in program.segments */
} instruction;

/* Machine code for a run of loops; what it reads and writes outside of tile registers is program.pointers[pointers …]. */
typedef struct segment {
    size_t  at;     /* in program.machine */
    int32_t  pointers, n_pointers;
    uint64_t written; /* bit k: pointer k is a result's */
    uint64_t seldom;  /* bit k: what pointer k leads to is read for few elements, if for any */
    bool    flat;   /* no operand differs from row to row, and none lies apart: the tile is one row to it */
    bool    column; /* over the tile's rows instead of its elements */
} segment;

typedef struct instruction_operands {
    operand out, in[3];
} instruction_operands;

/* A strided operand, read into a tile register: the shape of the iteration space and the strides of the operand in it, in bytes. With a
 * second operand it is the point of a slope with that result, and read only for tiles in which a result asks for it. */
typedef struct gather {
    tg_shape shape;
    int64_t  stride[TG_MAX_RANK];
    int64_t  offset; /* bytes from the operand's memory to element (0, 0, …) */
    int      rows;   /* the axis along which one row follows the other, the columns being those behind it; -1: there is none */
} gather;

typedef struct total {
    const tg_reduce_loops *reduce;
    int32_t value;
    uint8_t over;    /* a total_over */
    bool    staged;  /* rows that are tiles of their own are added up in float first; every STAGED rows go to the partial results */
    int64_t width;   /* elements of the result */
    int64_t cols;    /* of the rows that it goes over: the group's, or shorter ones */
    int64_t block;   /* over channels or blocks: the rows of a block */
    int64_t room;    /* elements of a chunk's partial result: as wide as the result, or a tile where tiles go down */
    size_t  partial; /* offset of the chunks' partial results in program memory */
    size_t  staging; /* likewise */
} total;

/* A tile register while its group's instructions are written. */
typedef struct tile_register {
    uint32_t bytes, offset;
    int32_t  first, last; /* instructions of the group that use it first and last; first -1: none */
} tile_register;

typedef struct fill {
    int32_t  value;
    uint32_t from, offset; /* bytes: into the value's memory, into the tile registers */
    uint8_t  dtype;
    bool     row; /* a row, repeated; else a scalar */
} fill;

/* A product as BLAS takes it: for each matrix of the batch, C = A B, or C += A B. Strides of batch axes in bytes. */
typedef struct product {
    bool    ta, tb, blas;     /* blas: may be left to it */
    int64_t m, n, k, lda, ldb;
    int32_t a, b, c;          /* values, a and b base ones */
    int64_t from_a, from_b;   /* bytes from their memory to the first matrix */
    int     axes;             /* of the batch; axes that lie behind one another are one */
    int64_t dim[TG_MAX_RANK], step_a[TG_MAX_RANK], step_b[TG_MAX_RANK], batch;
    tg_own_product own;       /* run NULL: it is not one small product of ours, which a single call does */
} product;

typedef struct step {
    int32_t group; /* -1: one node of its own */
    int32_t value;
    int32_t product; /* number in program.products; -1: its op's kernel runs it */
    bool    early;   /* reads inputs alone: runs before everything else, so that a bad index is found before anything is written */
} step;

/* A value whose memory is a node's. */
typedef struct bound_value {
    int32_t value;
    char   *address; /* that addresses were resolved for */
} bound_value;

/* A root as it was given: the node's address with whether it had its value and whether it was placed in its low bits. */
typedef uintptr_t tg_asked;
static inline tg_asked tg_asked_of(const tg_node *n)
{
    return (uintptr_t)n | (n->flags & TG_N_VALUE ? 1u : 0u) | (n->flags & TG_N_PLACED ? 2u : 0u);
}

enum { KNOWN_SHAPES = 64, RECENT = 16 };

/* A program's arrays, each with its length n_NAME and its capacity cap_NAME: whoever makes, empties or frees them goes by this list. */
#define TG_PROGRAM_ARRAYS(ARRAY)                                                                                  \
    ARRAY(value, values)                                                                                          \
    ARRAY(tg_layout, layouts)                                                                                     \
    ARRAY(int32_t, operands) /* of values: numbers of values */                                                   \
    ARRAY(step, steps)                                                                                            \
    ARRAY(product, products)                                                                                      \
    ARRAY(group, groups)                                                                                          \
    ARRAY(inst, insts)                                                                                            \
    ARRAY(instruction, instructions)                                                                                            \
    ARRAY(instruction_operands, locations) /* as many as instructions */                                                            \
    ARRAY(gather, gathers)                                                                                        \
    ARRAY(total, totals)                                                                                            \
    ARRAY(fill, fills)                                                                                            \
    ARRAY(sweep, sweeps)                                                                                          \
    ARRAY(segment, segments)                                                                                      \
    ARRAY(operand, pointers) /* of segments, and of groups to fetch ahead */                                      \
    ARRAY(void *, resolved)  /* the pointers' addresses in the first tile: as many */                             \
    ARRAY(int32_t, roots)    /* values to hand over */                                                            \
    ARRAY(tg_asked, asked)   /* the roots as they were given */                                                   \
    ARRAY(bound_value, bound) /* inputs and placed results: what can move */                                      \
    ARRAY(tile_register, registers) /* of the group whose instructions are written */                             \
    ARRAY(int32_t, consts)

typedef struct program program;
struct program {
    program *next; /* in the cache, most recent first */
    uint64_t hash;
    uint64_t epoch; /* of the recording it is known to fit */
    uint64_t before, after; /* states of the recording's evaluation: in which it ran, and to which that led */

#define ARRAY(type, name) \
    type  *name;           \
    size_t n_##name, cap_##name;
    TG_PROGRAM_ARRAYS(ARRAY)
#undef ARRAY
    tg_bytes machine;      /* the segments' code, with numbers of registers while it is made, and where these stand */
    tg_bytes register_uses;
    char    *executable;   /* the same, mapped; NULL: the program is not compiled */
    int      runs;         /* before it was compiled */
    bool     compiled;        /* runs of loops become segments */
    tg_arena own;
    const tg_shape *shapes[KNOWN_SHAPES]; /* in it: some of those met, so that few are there twice */
    uint32_t recent[RECENT]; /* hashes of the latest pointwise nodes and their operands */
    size_t   n_order; /* nodes of the plan */
    size_t   n_met;   /* values that stand for these and their inputs; those behind are second computations */
    bool     any_early, any_sums, any_reductions;
    bool     careful; /* a step may fail after others have written: what adds to a gradient is computed elsewhere */

    size_t   bytes;      /* of memory for a run */
    size_t   tile_bytes; /* of tile registers per thread */
    char    *memory;     /* that the addresses were resolved for */
    char    *tiles;
    int      threads;
};

/* ---- from nodes to instructions: the passes, in order -------------------------------------------------------------
 *
 *   pass              needs                            leaves
 *   tg_plan_make      roots                            the nodes without value that they need, in tape order; nothing else
 *   tg_make_values    a plan, an empty program         a value for each node and for each input, operands before what reads them; views
 *                                                      resolved to a base and a layout; twins made views; the lists of constants
 *                                                      and of what can move; the nodes' marks are their values
 *   tg_check_placed   values, the nodes' marks         placed only where nobody else reads or names what lies there; else copied
 *   tg_mark_roots     values, the nodes' marks         roots, stored; after it the marks are cleared (tg_forget_marks)
 *   tg_make_groups    values, places, roots            each computed value in a step that is not before any that computes what it reads: a
 *                                                      group or a step of its own; stored is every value that is read outside its group
 *   tg_compute_again  groups                           some of what the backward pass reads computed a second time, and not kept for it
 *   tg_drop_unread    groups                           no instances whose results nobody reads
 *   tg_emit           groups                           instructions, tile shapes, the step that reads each stored value last
 *   tg_plan_product   a step of its own                how BLAS takes it, if it does
 *   tg_lay_out        steps in which values are born   offsets such that no two values alive at once overlap, and the bytes of it all;
 *                     and read last                    homes of products that add to others' memory
 *   tg_resolve        memory and tiles of a run        addresses
 *
 * tg_fuse is those from values to groups, tg_emit calls the two after it. None runs anything, and a pass that fails leaves a program
 * that is good only for tg_free_program. */

/* plan/values.c */
value *tg_add_value(tg_tape *t, program *p, value_kind kind, tg_node *n, const tg_shape *shape, tg_dtype dtype);
tg_status tg_make_values(tg_tape *t, const tg_plan *plan, program *p);
tg_status tg_ask(tg_tape *t, const tg_plan *plan, program *p); /* notes the roots as they are given */
void      tg_check_placed(program *p, const tg_plan *plan);
/* Lets gradients know the placed results that go to their memory, or forget them. While they know: the value of the result that goes where
 * the input, or what it is a view of, lies; -1: none does. */
void tg_note_placed(const program *p, bool on);
static inline int32_t tg_result_over(const tg_node *input)
{
    const tg_node *g = tg_viewed(input);
    return g->flags & TG_N_GRADIENT ? (int32_t)g->w.kept->result - 1 : -1;
}
/* Is the input the gradient that lies where the result is to go? It can be read in place. */
static inline bool tg_is_gradient_at(const tg_node *input, const tg_node *result)
{
    return input->flags & TG_N_GRADIENT && tg_same_memory(input, result);
}
/* The values of all results of the call of which v, a value that is computed here, is one: they lie behind one another, the call's first. */
typedef struct result_range {
    int32_t first, end;
} result_range;
static inline result_range tg_all_results(const program *p, const value *v)
{
    const int32_t first = v->op && v->op->kind == TG_RESULT ? p->operands[v->in] : v->base;
    return (result_range){first, first + (p->values[first].op ? tg_results(p->values[first].op) : 1)};
}
tg_status tg_mark_roots(tg_tape *t, const tg_plan *plan, program *p);
void      tg_forget_marks(const tg_plan *plan, const program *p); /* also after a pass that failed */
const tg_layout *tg_value_layout(const program *p, const value *v, tg_layout *plain);
/* How many cheap ops it takes to have v again in group g from what is in memory anyway; more than `budget`: too many. */
int tg_recompute_cost(const program *p, const value *v, const group *g, int budget);
/* Computes v in group g once more, with memory of its own. */
tg_status tg_store_again(tg_tape *t, program *p, int32_t v, int32_t g);

/* recompute.c */
tg_status tg_compute_again(tg_tape *t, program *p); /* what need not be kept from the forward to the backward pass */
tg_status tg_drop_unread(tg_tape *t, program *p);   /* what all who read it compute again, and nobody stores, leaves its own group */
/* The value in whose memory v's base lies for those who read it in this step. */
static inline int32_t tg_memory_in(const program *p, const value *v, int32_t now)
{
    const int32_t again = p->values[v->base].recomputed_as;
    return again >= 0 && now > p->values[again].step ? again : v->base;
}

typedef struct pattern {
    enum { P_FULL, P_SCALAR, P_ROW, P_COLUMN, P_CHANNEL, P_BLOCKS, P_TURNED, P_PITCHED, P_OTHER } kind;
    int64_t cols;  /* of all but full ones, scalars and others */
    int64_t block; /* of P_BLOCKS, a row for each block: the rows of one; of P_PITCHED, long rows evenly far apart: elements from row to row */
} pattern;
pattern tg_broadcast_pattern(const program *p, const value *v, const tg_shape *to);
/* How value v lies when it is broadcast to a shape. */
static inline pattern tg_pattern(const program *p, const value *v, const tg_shape *to)
{
    return v->layout < 0 && v->shape == to ? (pattern){.kind = P_FULL} : tg_broadcast_pattern(p, v, to);
}
/* What the value's op goes over. */
static inline const tg_shape *tg_space_shape(const program *p, const value *v)
{
    return v->op && v->op->kind == TG_REDUCE ? p->values[p->operands[v->in]].shape : v->shape;
}
/* The strides of v broadcast to a shape, in elements, and its offset. */
void tg_broadcast_layout(const program *p, const value *v, const tg_shape *to, tg_layout *out);

/* group.c */
tg_status tg_make_groups(tg_tape *t, program *p);
void      tg_recall_clones(program *p, int32_t g); /* values know the last group that computes them again: let that be this one */
/* v's instance in group g; NULL: none, or one that has to be recalled. */
static inline inst *tg_inst_in(const program *p, const value *v, int32_t g)
{
    if (v->inst >= 0 && v->step == p->groups[g].step) return &p->insts[v->inst];
    return v->clone_group == g ? &p->insts[v->clone] : NULL;
}

/* Is the plan the one that this program was made for, but for addresses? Then its values are bound to the plan's nodes. */
bool tg_matches(tg_tape *t, const tg_plan *plan, program *p);
uint64_t tg_plan_hash(const tg_plan *plan);
/* Does the program, which ran for this very recording, fit once more: is all that it relies on as it was? design.md lists what that is. */
bool tg_still_fits(const program *p, tg_node *const *roots, size_t n);

/* product.c */
tg_status tg_plan_product(tg_tape *t, program *p, step *st); /* leaves st->product at -1 when BLAS can't read the operands in place */
void      tg_place_products(program *p); /* after the values' addresses were resolved */
void      tg_run_product(const program *p, const product *d, int most, int threads); /* by `threads` threads, in pieces as for `most` of them */

/* memory.c */
tg_status tg_lay_out(tg_tape *t, program *p); /* where each value lies in the program's memory */
size_t    tg_place_partials(program *p, group *g); /* the group's partial results, one behind the other from g->partials on; their bytes */
/* Does the value have memory in the program's, and not in a gradient or in another value's? */
static inline bool tg_has_memory(const value *v) { return v->kind == V_REAL && v->stored && !v->placed && v->dest < 0 && v->step >= 0; }
/* Where a stored base value lies in a run. */
static inline char *tg_memory_of(const program *p, int32_t number)
{
    const value *v = &p->values[number];
    if (v->dest >= 0) v = &p->values[v->sum_memory];
    return v->kind == V_INPUT || v->placed ? (char *)tg_host_memory(v->node) : p->memory + v->offset;
}

/* fused.c */
const program *tg_latest_program(const tg_tape *t); /* the one that ran last on a tape with this evaluator; NULL: none did */

/* compile.c */
tg_status tg_fuse(tg_tape *t, const tg_plan *plan, program *p);
tg_status tg_emit(tg_tape *t, program *p);
/* Emits the program's groups once more, with runs of loops as machine code. Where the system gives no memory to execute, nothing
 * changes. */
tg_status tg_compile(tg_tape *t, program *p);
/* Turns operands into addresses, after the memory or an input moved. */
void tg_resolve(program *p);

/* program.c */
program *tg_new_program(tg_tape *t); /* an empty one, in no cache; NULL after an error */
void     tg_clear_program(program *p); /* its arrays and its arena stay, empty */
void     tg_free_program(tg_tape *t, program *p);

#endif
