/* graph.h - the inside of tapes and nodes, for src/ alone.
 *
 * A tensor is a node of the tape. Nodes of one recording lie in slots, in order; the slots are the same memory in every recording
 * between two resets, so a training loop that records the same program again finds each node already there and only confirms it
 * (record.c). Kept tensors and parameters have slots of their own that outlive resets.
 *
 * A public handle is the node's address plus a tag, the generation in which the node was made, in the bits that an address leaves free: the
 * low ones, for nodes are aligned, and the high ones, which user addresses do not have. That is how a handle from before a reset is told
 * from the node that took over its slot. Before a generation can come up again with the same tag its slots are retired (tg_retire_slots),
 * so a stale handle is never taken for another tensor's, however old it is. */
#ifndef TG_GRAPH_H
#define TG_GRAPH_H

#include <string.h>
#include <tapegrad/op.h>
#include <tapegrad/tensor.h>

#include "graph/hooks.h"
#include "graph/scope.h"
#include "tensor/array.h"
#include "tensor/dtype.h"
#include "tensor/place.h"
#include "tensor/services.h"
#include "tensor/shape.h"

typedef struct tg_node tg_node;

enum { TG_NODE_SIZE = 128, TG_INLINE_INPUTS = 3 };

/* Where the tag lies in a handle. Addresses have 47 bits on x86-64 and 48 elsewhere, unless a program asks for more at mmap. */
enum {
#if defined(__x86_64__)
    TG_ADDRESS_BITS = 47,
#else
    TG_ADDRESS_BITS = 48,
#endif
    TG_TAG_LOW = 7, /* bits: log2 of TG_NODE_SIZE */
    TG_TAG_BITS = TG_TAG_LOW + 64 - TG_ADDRESS_BITS,
};
#define TG_TAG_MASK     ((UINT32_C(1) << TG_TAG_BITS) - 1) /* of a generation: what of it is in the tag */
#define TG_ADDRESS_MASK ((UINT64_C(1) << TG_ADDRESS_BITS) - TG_NODE_SIZE)

enum { /* tg_node.flags */
    TG_N_GRAD    = 1,   /* requires grad */
    TG_N_LEAF    = 2,   /* by tg_set_requires_grad: the gradient's way ends here */
    TG_N_ASKED   = 4,   /* a leaf that is asked for by a walk back to chosen ones, or what leads to one; no node has it outside of such a walk */
    TG_N_OFF     = 8192, /* recorded while gradients were not */
    TG_N_FROZEN  = 16384, /* was a leaf by tg_set_requires_grad in this recording, and may have the gradient of it */
    TG_N_KEPT    = 16,  /* survives tg_reset */
    TG_N_PARAM   = 32,  /* and is a parameter */
    TG_N_BUFFER  = 8,   /* and is a buffer */
    TG_N_VALUE   = 64,  /* has its value: memory (and layout) are set */
    TG_N_WANTED  = 128, /* next evaluation computes it too */
    TG_N_BORROWED = 256, /* memory is the caller's */
    TG_N_USED     = 512, /* a gradient that tg_step used up: the next backward overwrites it */
    TG_N_GRADIENT = 2048, /* kept: it is some leaf's gradient */
    TG_N_PLACED   = 1024, /* memory says where the value has to go; not computed yet */
    TG_N_HOOKED   = 32768, /* hooks see its gradient, or it is retained (hooks.h) */
    TG_N_READ     = 4096, /* kept: a recording has had it as an input, or an earlier tenant of its slot */
};

enum { /* tg_node.traits: what is known of its op without a look at it, because most nodes have none of this; above that its place */
    TG_IS_RANDOM   = 1, /* it draws random numbers */
    TG_HAS_RESULTS = 2, /* it has several results: results 1 … are the nodes in the slots behind this one, which is the call and result 0 */
    TG_IS_RESULT   = 4, /* result 1 … of a call: a node without arithmetic of its own, but with memory, shape and dtype. Its input is the call */
    TG_PLACE_SHIFT = 3,
};
_Static_assert(TG_IS_RESULT < 1 << TG_PLACE_SHIFT && TG_NPLACES <= 1 << (8 - TG_PLACE_SHIFT), "a byte holds traits and place");

typedef struct tg_rows tg_rows; /* rows.h */

/* What only kept nodes have. */
typedef struct tg_kept {
    tg_node  *next_free; /* of a slot that nobody has */
    tg_shape  shape;
    tg_block *block;
    uint32_t  write_gen, write_id; /* last in-place write: in which generation, and before which node of it */
    uint32_t  born_gen, born_id;   /* likewise when it got its tensor */
    uint32_t  number;               /* of a parameter or buffer: its place in its list */
    uint32_t  result;              /* of a gradient: scratch for planning, 0 between plans */
    uint64_t  steps;               /* of a gradient: tape.steps when it was written */
    tg_rows  *rows;                /* of a leaf: its gradient while that is a set of rows; NULL: it is to be none */
    bool      frozen;              /* its memory is a frozen model's, which nobody may write */
    char     *name;                /* of a parameter or buffer; a released one has it until its slot is taken again, for messages */
} tg_kept;

/* Two cache lines. Recording the same node again, and the backward walk over it, touch the first one alone: in long recordings it is
 * memory, not arithmetic, that takes the time. */
struct tg_node {
    const tg_op    *op;
    tg_tape        *tape;
    const tg_shape *shape;
    uint32_t gen;       /* generation it was made in */
    uint32_t id;        /* slot number in the recording; kept nodes: TG_KEPT_ID */
    uint32_t n_in;
    uint32_t attr_size;
    uint32_t mark;      /* scratch for walks; 0 between them */
    uint16_t flags;
    uint8_t  dtype;
    uint8_t  traits; /* TG_IS_RANDOM, …; tg_place_of */
    union {
        tg_node  *in[TG_INLINE_INPUTS];
        tg_node **more; /* when n_in > TG_INLINE_INPUTS */
    } u;
    union {
        double      number; /* attr of up to 8 bytes */
        const void *more;
    } attr;
    void            *memory; /* the value: where element (0, 0, …) is, in the node's place. The bytes are read by tg_host_memory alone */
    const tg_layout *layout; /* NULL: contiguous */
    tg_node         *grad;   /* leaves: the gradient, once there is one; what is placed: the gradient whose memory it goes to */
    union {
        tg_kept *kept;    /* kept nodes; NULL for leaves of a recording */
        uint64_t counter; /* random ops: where in the stream */
        const tg_node *lowest; /* views: of all views from this one down to the memory, the one that is recorded first */
    } w;
    tg_arena_mark recorded; /* end of this node's piece of the record arena */
};
_Static_assert(sizeof(tg_node) == TG_NODE_SIZE && TG_NODE_SIZE == 1 << TG_TAG_LOW, "a node is two cache lines");
_Static_assert(offsetof(tg_node, u) + 2 * sizeof(tg_node *) == TG_NODE_SIZE / 2, "two inputs lie in the first one");

#define TG_KEPT_ID UINT32_MAX

typedef struct tg_evaluator tg_evaluator;

/* Slots: chunk k holds TG_SLOTS << k nodes, so a slot's place follows from its number, addresses never move, and what is large is large
 * enough for huge pages. */
enum { TG_SLOTS = 512 };
typedef struct tg_slots {
    tg_node **chunk;
    size_t    n, cap;
} tg_slots;

/* The working state of order.c. */
enum { TG_LEVELS = 4 };
typedef struct tg_ordering {
    tg_node **order; /* of the plan under way */
    size_t    cap_order;
    uint64_t *needed[TG_LEVELS]; /* a bit for each slot, then for each word of the level before; all 0 between plans */
    size_t    cap_needed[TG_LEVELS];
} tg_ordering;

/* The working state of walk.c. */
typedef struct tg_adjoint {
    tg_node   *node;   /* NULL: free for another */
    tg_tensor *grad;   /* what has arrived so far */
    size_t     pieces; /* 1 + the number of the last piece that waits to be merged into it, 0: none; free ones: of the next free one */
} tg_adjoint;
typedef struct tg_piece {
    tg_tensor *grad;
    size_t     next; /* as tg_adjoint.pieces */
} tg_piece;
typedef struct tg_walk {
    tg_adjoint *adjoints;
    size_t      n_adjoints, cap_adjoints, free_adjoint;
    tg_piece   *pieces;
    size_t      n_pieces, cap_pieces;
    tg_node   **stack; /* of the gradients to be merged */
    size_t      cap_stack;
} tg_walk;

/* Random numbers are those of a seed from a node on. */
typedef struct tg_seed_from {
    uint32_t from; /* the first node of the recording that draws with it */
    uint64_t seed;
} tg_seed_from;

static inline tg_node *tg_slot_at(const tg_slots *s, uint32_t id)
{
    uint64_t at = (uint64_t)id + TG_SLOTS;
    int      k = 63 - __builtin_clzll(at) - 9;
    return &s->chunk[k][at - ((uint64_t)TG_SLOTS << k)];
}
static inline uint64_t tg_slots_room(const tg_slots *s) { return ((uint64_t)TG_SLOTS << s->n) - TG_SLOTS; }

/* Kept tensors with names in the order they were made: at[0 … end - 1], NULL where one was released, n of them. */
typedef struct tg_named {
    tg_node **at;
    size_t    n, end, cap;
    size_t    latest, before; /* a place in at, and how many there are before it */
    tg_node **named; /* a hash table by name */
    size_t    cap_named;
} tg_named;

struct tg_tape {
    tg_services services; /* first: what lies below the graph knows a tape by them alone */
    uintptr_t tag; /* in handles to nodes of this recording: tg_tag_of(gen) */
    tg_node  *here; /* where the next node goes: slot number count, or the fence of the chunk before; NULL: there is no chunk yet */
    uint32_t  gen;
    uint32_t count; /* nodes of this recording */
    uint32_t valid; /* slots below this hold a node of an earlier recording that may be confirmed, or of this one */
    bool     grad_enabled;

    tg_slots  slots;
    tg_arena  record; /* shapes, long input lists, attributes: written by recording alone, in slot order */

    tg_slots  kept;
    uint32_t  kept_used; /* kept nodes ever handed out */
    tg_node  *kept_free;
    tg_node  *kept_gone; /* released in this recording, nodes of which may still name them: free from tg_reset on */
    struct tg_chunk *retired; /* slots whose generations' tags are used up */
    tg_named params, buffers;

    tg_node **wanted;
    size_t    n_wanted, cap_wanted;
    tg_ordering ordering;
    tg_walk     walk;
    uint64_t  epoch;   /* counts the nodes that were recorded anew: unchanged, the recording is the same */
    bool      forget;  /* a kept slot changed shape: the next recording confirms nothing */
    uint32_t  written; /* the latest write of a kept node that recordings read was before this node of this one; 0: there was none */
    uint32_t  as_of;   /* in a late rule: its node; what was written after it does not hold what the node read */
    bool      ran;     /* the evaluation under way has begun to write results */
    uint64_t  steps;   /* that optimizers have made */
    uint32_t  step_gen, step_id; /* the latest: in which generation, and before which node of it */
    bool      kept_require; /* a kept tensor that is no parameter requires grad, or did */
    uint32_t  leaf_gen;     /* the latest generation in which a tensor of the recording was made a leaf that requires grad */

    tg_seed_from *seeds; /* of the recording's nodes, in order; there is always one */
    size_t    n_seeds, cap_seeds;
    uint64_t  counter;
    tg_dtype dtype;
    bool     blas;    /* products may be left to it */
    int      compile_after; /* runs of a program before its loops become machine code; INT_MAX: never */

    const tg_evaluator *evaluator;
    void               *engine; /* the evaluator's own state */
    struct tg_profile  *profile; /* NULL: nobody asked for one */
#ifdef TG_MUTANTS
    struct tg_mutants  *mutants; /* NULL: rules and recording are as they are written */
#endif

    int64_t     evaluated, plans, segments;
    tg_scopes   scopes;
    tg_hooks    hooks;
    struct tg_anomaly *anomaly; /* anomaly.c; NULL: the mode is off */
    struct tg_frozen *frozen; /* parameters and buffers that are made are this model's; NULL: they are the tape's own */
};
_Static_assert(offsetof(struct tg_tape, services) == 0, "tg_services_of relies on it");

/* ---- nodes and handles -------------------------------------------------------------------------------------------- */

static inline uintptr_t tg_tag_of(uint32_t gen)
{
    return (gen & (TG_NODE_SIZE - 1)) | (uint64_t)gen >> TG_TAG_LOW << TG_ADDRESS_BITS;
}
static inline tg_tensor *tg_handle(const tg_node *n) { return n ? (tg_tensor *)((uintptr_t)n | tg_tag_of(n->gen)) : NULL; }
/* The same for a node of this tape, sooner for one of the recording. */
static inline tg_tensor *tg_handle_on(const tg_tape *t, const tg_node *n)
{
    return (tg_tensor *)((uintptr_t)n | (n->gen == t->gen ? t->tag : tg_tag_of(n->gen)));
}

/* The node behind a handle that is known to be good (it was checked by tg_record, or comes from tg_handle). */
static inline tg_node *tg_node_of(const tg_tensor *t) { return (tg_node *)((uintptr_t)t & TG_ADDRESS_MASK); }

/* Is this a live handle to the node, which is one of this tape's? */
static inline bool tg_names(const tg_tape *tape, const tg_tensor *t, const tg_node *n)
{
    if (n->gen == tape->gen) return (uintptr_t)t == ((uintptr_t)n | tape->tag);
    return (n->flags & TG_N_KEPT) && t == tg_handle(n);
}
/* Does the handle, to a node of this tape, mean what is there now? */
static inline bool tg_is_live_on(const tg_tape *tape, const tg_tensor *t) { return tg_names(tape, t, tg_node_of(t)); }
static inline bool tg_is_live(const tg_tensor *t) { return tg_is_live_on(tg_node_of(t)->tape, t); }

/* A name that no parameter has: in the files to which they are saved it stands for something else. */
#define TG_RESERVED_NAME "__metadata__"

/* The node behind a handle from outside: NULL, after a sentence about `function`, for NULL (no sentence) and stale handles. */
tg_node *tg_check(const tg_tensor *t, const char *function);
void     tg_say_stale(const tg_tensor *t, const char *function); /* the sentence */

static inline tg_node *const *tg_inputs(const tg_node *n) { return n->n_in <= TG_INLINE_INPUTS ? n->u.in : n->u.more; }
/* The node whose memory a view shares; no view: itself. */
static inline const tg_node *tg_viewed(const tg_node *n)
{
    return n->op->kind == TG_VIEW ? tg_inputs(n->w.lowest)[n->w.lowest->op->view_input] : n;
}
/* In long recordings a walk that looks at nodes' inputs waits for memory: it asks for those of the node AHEAD of it meanwhile. */
enum { TG_AHEAD = 16 };
static inline void tg_fetch_inputs(const tg_node *n)
{
    __builtin_prefetch(n->u.in[0]); /* an address is as good as any: of nodes with none or many inputs it means nothing */
    __builtin_prefetch(n->u.in[1]);
}
/* In which place its value is. That is known when the node is recorded, as its dtype is. */
static inline tg_place tg_place_of(const tg_node *n) { return (tg_place)(n->traits >> TG_PLACE_SHIFT); }
/* The bytes of a value, or those where it has to go: for whoever reads or writes them on the CPU. For a value in the host's memory, which all
 * are; one that lies elsewhere would be brought here by this function. Whoever only asks where a value lies, and gives its address to another
 * node, takes the member itself. */
static inline void *tg_host_memory(const tg_node *n)
{
    TG_NEED_HOST(tg_place_of(n));
    return n->memory;
}
/* Do both values begin at the same byte? Only places make addresses comparable. */
static inline bool tg_same_memory(const tg_node *a, const tg_node *b) { return a->memory == b->memory && tg_place_of(a) == tg_place_of(b); }
static inline const void *tg_attr(const tg_node *n)
{
    return n->attr_size == 0 ? NULL : n->attr_size <= sizeof n->attr ? (const void *)&n->attr : n->attr.more;
}
static inline tg_node *tg_slot(const tg_tape *t, uint32_t id) { return tg_slot_at(&t->slots, id); }
/* How many results the op has, and the node of result k of a call. */
static inline int tg_results(const tg_op *op) { return op->results > 1 ? op->results : 1; }
static inline tg_node *tg_result_of_call(const tg_node *call, int k) { return tg_slot(call->tape, call->id + (uint32_t)k); }
static inline bool tg_is_leaf(const tg_node *n) { return n->op->kind == TG_LEAF; }
/* The same as tg_shape_equal for the shapes of nodes, which are valid: in line, for the walk back asks at every step. */
static inline bool tg_same_sizes(const tg_shape *a, const tg_shape *b)
{
    if (a == b) return true;
    if (a->rank != b->rank) return false;
    for (int k = 0; k < a->rank; k++)
        if (a->dim[k] != b->dim[k]) return false;
    return true;
}
/* Does `from` broadcast to just this shape? Both are shapes of nodes. */
static inline bool tg_broadcasts_to(const tg_shape *from, const tg_shape *to)
{
    const int lead = to->rank - from->rank;
    if (lead < 0) return false;
    for (int k = 0; k < from->rank; k++)
        if (from->dim[k] != to->dim[lead + k] && from->dim[k] != 1) return false;
    return true;
}
size_t tg_value_bytes(const tg_node *n);
int64_t tg_node_numel(const tg_node *n);

/* ---- record.c, slots.c --------------------------------------------------------------------------------------------- */

extern const tg_op tg_op_leaf, tg_op_detach, tg_op_result;
extern const tg_op tg_op_const[TG_NDTYPES], tg_op_matmul; /* in src/ops: the kinds that they alone have */

/* A leaf with room for its value, to be filled by the caller: *data gets the address. external: use that memory instead. */
tg_node *tg_new_leaf(tg_tape *t, tg_dtype dtype, const tg_shape *shape, const void *external, void **data);
tg_node *tg_new_kept(tg_tape *t, tg_dtype dtype, const tg_shape *shape); /* with room for its value, N_VALUE not set */
void     tg_drop_kept(tg_node *n); /* its slot is free again from the next tg_reset on */
void     tg_free_dropped(tg_tape *t); /* at tg_reset */
void     tg_free_kept(tg_tape *t);    /* with all slots, at the tape's end */
bool     tg_add_chunk(tg_tape *t, tg_slots *s); /* false after an error */
void     tg_retire_slots(tg_tape *t); /* at tg_reset, before tags repeat: the next recording goes to new slots */
void     tg_move_to(tg_tape *t, uint32_t count); /* sets tape.count, and tape.here by it */
uint64_t tg_seed_of(const tg_node *n); /* of the random numbers of a node */

/* ---- named.c ------------------------------------------------------------------------------------------------------ */

bool     tg_named_reserve(tg_tape *t, tg_named *s); /* room for one more; false after an error */
void     tg_named_add(tg_named *s, tg_node *n);     /* it has its name */
void     tg_named_drop(tg_named *s, tg_node *n);    /* and still has it */
tg_node *tg_named_at(tg_named *s, size_t i);        /* in the order they were made; NULL from s->n on */
void     tg_named_free(tg_tape *t, tg_named *s);
static inline tg_named *tg_list_of(tg_node *n) { return n->flags & TG_N_PARAM ? &n->tape->params : &n->tape->buffers; }

/* Is this a pattern of names (tg_params_matching)? For a public function that takes one. */
tg_status tg_check_glob(tg_tape *t, const char *pattern, const char *function);

/* What tg_save writes: the parameters, behind them the buffers. */
int        tg_saved_count(const tg_tape *t);
tg_tensor *tg_saved_at(const tg_tape *t, int i);
tg_tensor *tg_saved_named(const tg_tape *t, const char *name);

/* ---- calls of ops -------------------------------------------------------------------------------------------------- */

/* The shape of input i, in any of a call's three lives. */
static inline const tg_shape *tg_in_shape(const tg_call *c, int i) { return c->in ? tg_shape_of(c->in[i]) : c->x[i].shape; }
/* What a reduction makes of elements of this dtype. */
static inline tg_dtype tg_reduced_dtype(const tg_reduction *r, tg_dtype of)
{
    return r->result == TG_REDUCE_BOOL ? TG_BOOL : r->result == TG_REDUCE_WIDE ? tg_dtypes[of].sum : of;
}

/* ---- check.c: calling an op's functions, and what they answer ------------------------------------------------------- */

tg_status tg_check_op(const tg_call *c);       /* before infer; NULL nowhere that is used */
tg_status tg_call_infer(tg_call *c);
tg_status tg_check_inferred(const tg_call *c);
tg_status tg_call_run(tg_call *c);
/* contiguous: the input is, so that there has to be a layout. */
tg_status tg_call_view(const tg_call *c, const tg_layout *in, bool contiguous, tg_layout *out);
/* Is this, which may be any address, a live tensor of this tape? */
bool tg_is_on(const tg_tape *t, const tg_tensor *x);

/* ---- read.c, order.c, reference.c ---------------------------------------------------------------------------- */

/* The stage between recording and running: what has to be computed, in order. */
typedef struct tg_plan {
    tg_node *const *order; /* nodes without value that the roots need, inputs first (tape order) */
    size_t          n;
    tg_node *const *roots;
    size_t          n_roots;
} tg_plan;

/* Finds what the roots need, checks that no leaf underneath was written since. */
tg_status tg_plan_make(tg_tape *t, tg_node *const *roots, size_t n, tg_plan *plan);
void      tg_ordering_free(tg_tape *t);

/* Is n's value, as node number `reader` reads it, still what was recorded, left alone since by tg_step, tg_copy_from, tg_release? Views of a
 * kept tensor share its memory, so they go invalid with it even when they have been computed. */
static inline bool tg_value_valid(const tg_node *n, uint32_t reader)
{
    if (n->op->kind == TG_VIEW) {
        reader = n->w.lowest->id;
        n = tg_viewed(n);
    }
    const tg_kept *k = tg_is_leaf(n) ? n->w.kept : NULL;
    return !k || k->write_gen != n->tape->gen || k->write_id <= reader;
}

/* An evaluator computes a plan: afterwards every root has N_VALUE. */
struct tg_evaluator {
    const char *name;
    bool        own_products; /* by the library's loops alone: its bits are nobody else's affair, and can be had by a program that is exported */
    tg_status (*open)(tg_tape *t);  /* may set t->engine; may be NULL */
    tg_status (*run)(tg_tape *t, const tg_plan *plan);
    tg_status (*run_one)(tg_tape *t, tg_node *n); /* computes one node whose inputs have their values, where it is placed */
    /* Runs what it ran before for these roots, when the recording is still the same; false: it can't tell. May be NULL. */
    bool (*replay)(tg_tape *t, tg_node *const *roots, size_t n, tg_status *s);
    /* The program that ran last since tg_reset; NULL: none. May be NULL: it makes no programs. */
    const struct program *(*last)(tg_tape *t);
    void (*reset)(tg_tape *t);      /* at tg_reset; may be NULL */
    void (*close)(tg_tape *t);      /* may be NULL */
};
extern const tg_evaluator tg_evaluator_reference, tg_evaluator_fused;
extern const tg_evaluator *const tg_evaluators[]; /* all of them, the usual one first; the last is NULL */

/* Computes these nodes and what is wanted. */
tg_status tg_evaluate(tg_tape *t, tg_node *const *roots, size_t n);
tg_status tg_evaluate_wanted(tg_tape *t); /* what is in t->wanted alone, which is empty afterwards */
void      tg_forget_wanted(tg_tape *t);
/* Computes value, which a public function is to write into a tensor like n: the same tape, dtype and shape, or an error. */
tg_status tg_value_for(const tg_node *n, tg_tensor *value, const char *function, tg_node **computed);
/* Overwrites the kept node's memory with a computed value, which may lie in that memory itself. */
tg_status tg_write_value(tg_node *kept, const tg_node *value);
/* Computes n and makes its value contiguous. */
const void *tg_contiguous_value(tg_node *n);
/* The late rule of node tape.as_of is recording: something was written since that node was recorded. Is none of the tensors that it reads, or
 * gives back, what was written? Rules read what their node read, and computed values are as they were: only kept tensors can be others. */
bool tg_reads_as_recorded(tg_tape *t, const tg_op *op, tg_tensor *const *in, int n_in);
/* Marks a kept node as written now: what was recorded before reads another value than is there, unless it has been computed. */
void tg_mark_written(tg_node *kept);
/* "parameter 'w'", "buffer 'b'", "a gradient" or "a kept tensor", for messages. Returns text. */
enum { TG_KEPT_TEXT = 240 };
const char *tg_kept_text(const tg_node *kept, char text[TG_KEPT_TEXT]);

/* The array of a node that has its value. */
tg_array tg_array_of(const tg_node *n);

/* ---- reference.c: one node; also the fallback of the fused evaluator ------------------------------------------ */
tg_status tg_run_node(tg_tape *t, tg_node *n);
/* Runs a kernel, a reduction or a product on these inputs; x is overwritten. out: the memory of each of its results. */
tg_status tg_run_kernel(tg_tape *t, const tg_node *n, tg_array *x, void *const *out, bool accumulate);

/* ---- rule.c ------------------------------------------------------------------------------------------------------- */

tg_status tg_failure(const tg_tape *t, tg_status s); /* the status of the error that a rule or an op just reported, or s when it reported none */

/* ---- backward.c --------------------------------------------------------------------------------------------------- */

/* d loss / d leaf for the leaves with TG_N_ASKED, added to the gradients that are there. all: those are all leaves that can require grad.
 * The loss is held. */
tg_status tg_backward_asked(tg_tensor *loss, bool all, const char *function);

/* ---- gradient.c --------------------------------------------------------------------------------------------------- */

static inline bool tg_ends_here(const tg_node *n) { return tg_is_leaf(n) || (n->flags & TG_N_LEAF); }

/* The gradient of a leaf that counts: NULL where there is none, it was used up, or the leaf is frozen. */
static inline tg_node *tg_fresh_grad(const tg_node *leaf)
{
    tg_node *g = leaf->grad;
    return g && (leaf->flags & TG_N_GRAD) && (g->flags & (TG_N_VALUE | TG_N_USED)) == TG_N_VALUE ? g : NULL;
}

/* Are these different leaves of the tape, and at least one? For a public function that takes a list. */
tg_status tg_check_leaves(tg_tape *t, tg_tensor *const *leaves, int n, const char *function);
/* Do parameters alone require grad on this tape? Where it says yes, it is so. */
bool      tg_only_params_require(const tg_tape *t);
/* An optimizer has updated what had gradients: those that it left are older than this step from now on. */
void      tg_note_step(tg_tape *t);
/* TG_ERR_GRAD when something would be added to a gradient of the leaf that is older than the latest step. */
tg_status tg_refuse_old(const tg_node *leaf, const char *function);

/* The kept leaf's gradient: the kept node for it, made without value where there is none; NULL after an error. */
tg_node *tg_gradient_of(tg_node *leaf);
void     tg_set_gradient(tg_node *gradient); /* it was written: it is there, and not used up */
void     tg_forget_grad(tg_node *leaf);      /* of a kept leaf; handles to it become stale */

/* ---- src/ops/ ----------------------------------------------------------------------------------------------------- */
tg_tensor *tg_apart(tg_tensor *x); /* a node of its own with the same values; gradient passes */
tg_node   *tg_unreshaped(tg_node *n); /* what n is a reshape of, itself if it is none, or one of what lies apart in memory */
tg_tensor *tg_wrap_index(tg_tensor *index, int64_t size); /* i64 in 0 … size-1, negative ones counted from the end, after a check when it is computed */

/* x as a tensor of its own: a view of all of it. It is what an op with nothing to change gives, for results are kept, differentiated and
 * released apart from x, and need no gradient where gradients are not recorded. */
tg_tensor *tg_view_of(tg_tensor *x);

#endif
