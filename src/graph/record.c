/* record.c - the one function that records.
 *
 * Recording is cheap because most of it repeats. The nodes of the last recording still lie in their slots, and inputs are addresses
 * of slots: when the next recording calls the same op on the same slots with the same attributes, its node is already there, shape,
 * dtype and all, and is only confirmed. The first difference ends that, and nodes are written anew from there on (t->valid).
 * What draws random numbers is given its piece of the tape's stream here. */
#include "graph/leaf.h"
#ifdef TG_MUTANTS
#include "graph/mutants.h"
#endif

#include <stdio.h>
#include <tapegrad/tensor.h>

/* ---- inference ---------------------------------------------------------------------------------------------------- */

static tg_status infer_pointwise(tg_call *c)
{
    tg_dtype last = tg_dtype_of(c->in[c->n_in - 1]);
    int      first = c->op->flags & TG_OP_SELECT ? 1 : 0;
    if (first && tg_dtype_of(c->in[0]) != TG_BOOL)
        return tg_fail(c, TG_ERR_DTYPE, "the first input must be bool; a comparison or tg_to(x, TG_BOOL) makes one");
    for (int i = first; i < c->n_in; i++)
        if (tg_dtype_of(c->in[i]) != last)
            return tg_fail(c, TG_ERR_DTYPE, "the dtypes differ; convert one with tg_to, such as tg_to(x, TG_F%s)",
                           last == TG_F64 ? "64" : "32");
    if (!c->op->loop[last]) return tg_fail(c, TG_ERR_DTYPE, "does not take %s", tg_dtype_name(last));
    c->shape = *tg_shape_of(c->in[0]);
    for (int i = 1; i < c->n_in; i++)
        if (tg_shape_broadcast(&c->shape, tg_shape_of(c->in[i]), &c->shape) != TG_OK)
            return tg_fail(c, TG_ERR_SHAPE, "the shapes do not broadcast: sizes must be equal or 1, aligned at the last axis");
    c->dtype = c->op->flags & TG_OP_BOOL ? TG_BOOL : last;
    return TG_OK;
}

static tg_status infer(tg_call *c)
{
    tg_status s = tg_check_op(c);
    c->dtype = TG_NDTYPES;
    if (s == TG_OK) s = c->op->infer ? tg_call_infer(c) : infer_pointwise(c);
    return s == TG_OK ? tg_check_inferred(c) : s;
}

/* ---- recording ---------------------------------------------------------------------------------------------------- */

/* Asks for a slot further on; past the chunk's end that is somebody else's memory, or none, and does no harm. Processors follow a walk
 * over all lines by themselves, but not one over every other line. */
static inline void fetch_ahead(const tg_node *n)
{
    enum { AHEAD = 32 };
    __builtin_prefetch((const void *)((uintptr_t)n + AHEAD * TG_NODE_SIZE), 1);
}

static void draw(tg_tape *t, const tg_node *n) { t->counter += ((uint64_t)tg_node_numel(n) + 3) / 4; }

static inline void begin_node(tg_tape *t, tg_node *n, bool grad)
{
    fetch_ahead(n);
    if (n->flags & (TG_N_VALUE | TG_N_PLACED | TG_N_LEAF | TG_N_FROZEN | TG_N_HOOKED)) { /* else there is nothing in them */
        n->memory = NULL;
        n->layout = NULL;
        n->grad = NULL;
    }
    n->gen = t->gen;
    n->flags = (uint16_t)((grad ? TG_N_GRAD : 0) | (t->grad_enabled ? 0 : TG_N_OFF));
    t->count++;
    t->here = n + 1;
}

static inline bool is_float(const tg_node *n) { return tg_dtype_is_float((tg_dtype)n->dtype); }

/* The same for a call that draws random numbers, or has several results, which begin with it; any other node with traits, such as a place
 * other than the host, may come this way as well. path: an input brings a gradient path. */
static __attribute__((noinline)) tg_tensor *begin_unusual(tg_tape *t, tg_node *n, bool path)
{
    const bool is_random = n->traits & TG_IS_RANDOM;
    if (is_random) n->w.counter = t->counter, draw(t, n);
    begin_node(t, n, path && is_float(n));
    for (int k = 1; k < tg_results(n->op); k++) {
        tg_move_to(t, t->count); /* it may be the next chunk's first */
        if (is_random) draw(t, t->here);
        begin_node(t, t->here, path && is_float(t->here));
    }
    return tg_handle_on(t, n);
}


/* Does the op pass a gradient on to what reads it, when an input brings a gradient path? */
static inline bool passes_grad(const tg_tape *t, const tg_op *op) { return t->grad_enabled && !(op->flags & TG_OP_ZERO_GRAD); }

/* For each input in turn, whether it may bring one: in bit 0, from the second input on after a shift. From input 32 on all may. */
static inline int64_t differentiable(const tg_op *op) { return ~(int64_t)op->nondiff; }

/* Attributes of a word are common. */
static inline bool same_attr(const void *a, const void *b, size_t size)
{
    uint64_t x, y;
    if (size != sizeof x) return !memcmp(a, b, size);
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x == y;
}

/* Is the call the one that this slot recorded last time? *path: an input brings a gradient path. */
static inline bool repeats(const tg_tape *t, const tg_node *n, const tg_op *op, tg_tensor *const *in, int n_in, const void *attr,
                           size_t attr_size, bool *path)
{
    uint32_t found = 0;
    int64_t  may = differentiable(op);
    if (n->op != op || n->n_in != (uint32_t)n_in || n->attr_size != (uint32_t)attr_size) return false;
    tg_node *const *slots = tg_inputs(n);
    for (int i = 0; i < n_in; i++, may >>= 1) {
        if (!tg_names(t, in[i], slots[i])) return false;
        found |= slots[i]->flags & (uint32_t)may;
    }
    if (attr_size && (!attr || (op->kind != TG_CONST && !same_attr(tg_attr(n), attr, attr_size)))) return false;
    *path = (found & TG_N_GRAD) && passes_grad(t, op);
    return ((n->flags & (TG_N_GRAD | TG_N_LEAF)) == TG_N_GRAD) == (*path && is_float(n));
}

/* A slot input's shape is good until the tape's end of recording; a kept one's can change hands. */
static const tg_shape *shared_shape(const tg_call *c)
{
    for (int i = 0; i < c->n_in && i < 3; i++) {
        const tg_node *n = tg_node_of(c->in[i]);
        if (!(n->flags & TG_N_KEPT) && tg_shape_equal(n->shape, &c->shape)) return n->shape;
    }
    return NULL;
}

static bool write_node(tg_tape *t, tg_node *n, uint32_t id, const tg_call *c)
{
    static const tg_node blank; /* to be copied: clearing so large a struct becomes a string instruction, slow to start */
    memcpy(n, &blank, sizeof *n);
    n->op = c->op;
    n->tape = t;
    n->gen = t->gen;
    n->id = id;
    n->dtype = (uint8_t)c->dtype;
    n->traits = (uint8_t)((c->op->flags & TG_OP_RANDOM ? TG_IS_RANDOM : 0) | (c->op->results > 1 ? TG_HAS_RESULTS : 0) |
                          (c->op->kind == TG_RESULT ? TG_IS_RESULT : 0) | TG_HOST << TG_PLACE_SHIFT);
    n->shape = shared_shape(c);
    if (!n->shape) {
        tg_shape *shape = tg_arena_alloc(&t->record, sizeof *shape, 8);
        if (!shape) return false;
        *shape = c->shape;
        n->shape = shape;
    }
    tg_node **in = n->u.in;
    if (c->n_in > TG_INLINE_INPUTS) {
        in = tg_arena_alloc(&t->record, (size_t)c->n_in * sizeof *in, 8);
        if (!in) return false;
        n->u.more = in;
    }
    for (int i = 0; i < c->n_in; i++) {
        in[i] = tg_node_of(c->in[i]);
        if (in[i]->flags & TG_N_KEPT) in[i]->flags |= TG_N_READ;
    }
    n->n_in = (uint32_t)c->n_in;
    if (c->op->kind == TG_VIEW) n->w.lowest = in[c->op->view_input]->op->kind == TG_VIEW ? in[c->op->view_input]->w.lowest : n;
    void *attr = &n->attr;
    if (c->attr_size > sizeof n->attr) {
        attr = tg_arena_alloc(&t->record, c->attr_size, 8);
        if (!attr) return false;
        n->attr.more = attr;
    }
    if (c->attr_size) memcpy(attr, c->attr, c->attr_size);
    n->attr_size = (uint32_t)c->attr_size;
    n->recorded = tg_arena_position(&t->record);
    return true;
}

/* Of results there are no calls: they come with the call that gives them. */
const tg_op tg_op_result = {.name = "result", .kind = TG_RESULT, .arity = 1};

/* Results 1 … of the call n, in the slots behind it: the attribute of each is its number. */
static bool write_results(tg_tape *t, const tg_node *n, const tg_call *c)
{
    tg_tensor *call = tg_handle_on(t, n);
    for (int64_t k = 1; k < tg_results(c->op); k++) {
        const tg_call r = {.op = &tg_op_result, .tape = t, .n_in = 1, .in = &call, .attr = &k, .attr_size = sizeof k,
                           .shape = c->result[k].shape, .dtype = c->result[k].dtype};
        if (!write_node(t, tg_result_of_call(n, (int)k), n->id + (uint32_t)k, &r)) return false;
    }
    return true;
}

/* Slots for n more nodes. */
static bool need_slots(tg_tape *t, uint32_t n)
{
    while (t->count + (uint64_t)n > tg_slots_room(&t->slots))
        if (!tg_add_chunk(t, &t->slots)) return false;
    if (!t->here) tg_move_to(t, t->count);
    return true;
}

static tg_tensor *record_new(tg_tape *t, tg_call *c, bool path)
{
    t->valid = t->count; /* from here on the slots are overwritten */
    t->epoch++;
    if (path && !c->op->vjp) {
        tg_fail(c, TG_ERR_GRAD, "the op has no derivative, but a gradient through it is needed; use tg_detach where none is wanted");
        return NULL;
    }
    if (infer(c) != TG_OK) return NULL;
    const uint32_t nodes = (uint32_t)tg_results(c->op);
    if (t->count >= TG_KEPT_ID - nodes || c->attr_size > UINT32_MAX) {
        tg_fail(c, TG_ERR_MEMORY, "the recording is full; call tg_reset");
        return NULL;
    }
    tg_arena_mark start = {0};
    if (t->count) start = tg_slot(t, t->count - 1)->recorded;
    tg_arena_seek(&t->record, start);
    if (!need_slots(t, nodes)) return NULL;
    tg_node *n = t->here;
    if (!write_node(t, n, t->count, c) || !write_results(t, n, c)) {
        tg_fail(c, TG_ERR_MEMORY, "out of memory");
        return NULL;
    }
    tg_tensor *h = begin_unusual(t, n, path); /* where there is nothing unusual it does no more */
    t->valid = t->count;
    return h;
}

/* With room for what infer says of results 1 … */
static __attribute__((noinline)) tg_tensor *record_several(tg_tape *t, tg_call *c, bool path)
{
    tg_call_result result[TG_MOST_RESULTS];
    for (int k = 0; k < TG_MOST_RESULTS; k++) result[k] = (tg_call_result){.shape.rank = -1, .dtype = TG_NDTYPES}; /* not said */
    c->result = result;
    return record_new(t, c, path);
}

/* Of tensors of two tapes: the tape of the first one, or that of another one if the user called a function for it, whose name the sentence
 * has to have. */
static tg_tape *tape_to_tell(tg_tape *t, tg_tensor *const *in, int n_in)
{
    for (int i = 0; i < n_in && !tg_services_of(t)->called; i++) {
        if (!tg_is_live(in[i])) continue;
        tg_tape *other = tg_node_of(in[i])->tape;
        if (tg_services_of(other)->under_way && tg_services_of(other)->called) return other;
    }
    return t;
}

/* Says what is wrong with input i: kept out of the way of the calls in which nothing is. */
static __attribute__((cold, noinline)) void refuse_input(tg_tape *t, const tg_op *op, tg_tensor *const *in, int n_in, int i)
{
    if (tg_is_live(in[i])) {
        tg_call c = {.op = op, .tape = tape_to_tell(t, in, n_in), .n_in = n_in, .in = in};
        tg_fail(&c, TG_ERR_TAPE, "the tensors belong to different tapes");
    } else {
        char name[80];
        snprintf(name, sizeof name, "tg_%s", op->name);
        tg_say_stale(in[i], name);
    }
}

/* Is there an op, called from where ops may be recorded? */
static bool may_record(tg_tape *t, const tg_op *op)
{
    char name[80];
    if (!op->name) {
        tg_fail_on(t, TG_ERR_NULL, "tg_record", "the op's name is NULL");
        return false;
    }
    if (t->services.inside.where <= TG_IN_LATE_RULE) return true;
    snprintf(name, sizeof name, "tg_%s", op->name);
    return tg_refuse_inside(t, name);
}

/* Are the inputs live tensors of this tape? *path: one of them brings a gradient path. */
static inline bool check_inputs(tg_tape *t, const tg_op *op, tg_tensor *const *in, int n_in, bool *path)
{
    uint32_t found = 0;
    int64_t  may = differentiable(op);
    for (int i = 0; i < n_in; i++)
        if (!in[i]) return false; /* an error was said before: nothing more is said of the others */
    for (int i = 0; i < n_in; i++, may >>= 1) {
        const tg_node *n = tg_node_of(in[i]);
        if (!tg_is_live(in[i]) || n->tape != t) {
            refuse_input(t, op, in, n_in, i);
            return false;
        }
        found |= n->flags & (uint32_t)may;
    }
    *path = (found & TG_N_GRAD) && passes_grad(t, op);
    return true;
}

bool tg_reads_as_recorded(tg_tape *t, const tg_op *op, tg_tensor *const *in, int n_in)
{
    char text[TG_KEPT_TEXT];
    for (int i = 0; i < n_in; i++) {
        const tg_node *x = in[i] ? tg_node_of(in[i]) : NULL;
        if (!x || x->id != TG_KEPT_ID || tg_value_valid(x, t->as_of)) continue;
        const tg_node *rule = tg_slot(t, t->as_of);
        tg_fail_on(t, TG_ERR_STALE, rule->op->name,
                   "its gradient reads %s (in '%s'), which was overwritten after the graph was recorded (by tg_step, tg_copy_from, tg_assign, "
                   "tg_load, clipping or a backward); differentiate before that, or record anew",
                   tg_kept_text(x, text), op->name);
        return false;
    }
    return true;
}

static tg_tensor *record_checked(tg_tape *t, const tg_op *op, tg_tensor *const *in, int n_in, const void *attr, size_t attr_size)
{
    TG_CALL_AS(t, NULL);
    bool path;
    if (!may_record(t, op) || !check_inputs(t, op, in, n_in, &path)) return NULL;
    static const tg_call blank; /* as in write_node */
    tg_call c;
    memcpy(&c, &blank, sizeof c);
    c.op = op;
    c.tape = t;
    c.n_in = n_in;
    c.in = in;
    c.attr = attr;
    c.attr_size = attr_size;
    return op->results > 1 ? record_several(t, &c, path) : record_new(t, &c, path);
}

/* The node that the slot has recorded before, if this is its call; NULL if it is another. */
static inline tg_tensor *confirm(tg_tape *t, const tg_op *op, tg_tensor *const *in, int n_in, const void *attr, size_t attr_size)
{
    bool     path;
    tg_node *n = t->here;
    if (t->count >= t->valid || !repeats(t, n, op, in, n_in, attr, attr_size, &path)) return NULL;
    if (__builtin_expect(n->traits, 0)) return !path || op->vjp ? begin_unusual(t, n, path) : NULL; /* what is missing may be new */
    if (op->kind == TG_CONST) memcpy(&n->attr, attr, sizeof n->attr);
    begin_node(t, n, path && is_float(n));
    return tg_handle_on(t, n);
}

/* The same at the beginning of a chunk and in a late rule, and all that is recorded for the first time. */
static __attribute__((noinline)) tg_tensor *record_rest(tg_tape *t, const tg_op *op, tg_tensor *const *in, int n_in, const void *attr,
                                                        size_t attr_size)
{
    tg_move_to(t, t->count);
    if (t->services.inside.where == TG_IN_LATE_RULE && !tg_reads_as_recorded(t, op, in, n_in)) return NULL;
    tg_tensor *h = t->services.inside.where <= TG_IN_LATE_RULE ? confirm(t, op, in, n_in, attr, attr_size) : NULL;
    return h ? h : record_checked(t, op, in, n_in, attr, attr_size);
}

static inline tg_tensor *record(tg_tape *t, const tg_op *op, tg_tensor *const *in, int n_in, const void *attr, size_t attr_size)
{
#ifdef TG_MUTANTS
    if (t->mutants) return t->mutants->record(t->mutants, t, op, in, n_in, attr, attr_size);
#endif
    tg_tensor *h = t->services.inside.where <= TG_IN_RULE ? confirm(t, op, in, n_in, attr, attr_size) : NULL;
    return h ? h : record_rest(t, op, in, n_in, attr, attr_size);
}

tg_tensor *tg_record_on(tg_tape *t, const tg_op *op, tg_tensor *const *in, int n_in, const void *attr, size_t attr_size)
{
    return t && op && n_in >= 0 && (in || !n_in) ? record(t, op, in, n_in, attr, attr_size) : NULL;
}

tg_tensor *tg_record(const tg_op *op, tg_tensor *const *in, int n_in, const void *attr, size_t attr_size)
{
    if (!op || n_in < 1 || !in || !in[0]) return NULL;
    return record(tg_node_of(in[0])->tape, op, in, n_in, attr, attr_size);
}

tg_tensor *tg_result(tg_tensor *first, int k)
{
    const tg_node *n = tg_check(first, "tg_result");
    if (!n) return NULL;
    if (k == 0 && !(n->traits & TG_IS_RESULT)) return first;
    if (n->traits & TG_HAS_RESULTS && k > 0 && k < n->op->results) return tg_handle_on(n->tape, tg_result_of_call(n, k));
    if (n->traits & TG_HAS_RESULTS)
        tg_fail_on(n->tape, TG_ERR_ARG, "tg_result", "op '%s' has results 0 to %d; there is no result %d", n->op->name, n->op->results - 1, k);
    else
        tg_fail_on(n->tape, TG_ERR_ARG, "tg_result", "the tensor is not result 0 of an op with several results; there is no result %d of it", k);
    return NULL;
}

/* ---- leaves ------------------------------------------------------------------------------------------------------- */

static tg_node *new_leaf(tg_tape *t, tg_dtype dtype, const tg_shape *shape, const tg_node *chosen_by, const void *external, void **data)
{
    tg_leaf_attr a;
    memset(&a, 0, sizeof a);
    if (!t || !shape) return NULL;
    a.dtype = dtype;
    a.chosen = chosen_by != NULL;
    a.by = chosen_by && chosen_by->id != TG_KEPT_ID ? chosen_by : NULL;
    a.shape.rank = shape->rank;
    for (int k = 0; k < shape->rank && k < TG_MAX_RANK; k++) a.shape.dim[k] = shape->dim[k];
    tg_tensor *h = tg_record_on(t, &tg_op_leaf, NULL, 0, &a, sizeof a);
    if (!h) return NULL;
    tg_node *n = tg_node_of(h);
    n->memory = external ? (void *)(uintptr_t)external : tg_value_room(t, tg_value_bytes(n));
    if (!n->memory) {
        tg_move_to(t, t->count - 1);
        return NULL;
    }
    n->flags |= TG_N_VALUE | (external ? TG_N_BORROWED : 0);
    if (data) *data = tg_host_memory(n);
    return n;
}

tg_node *tg_new_leaf(tg_tape *t, tg_dtype dtype, const tg_shape *shape, const void *external, void **data)
{
    return new_leaf(t, dtype, shape, NULL, external, data);
}

tg_node *tg_new_chosen_leaf(const tg_node *by, tg_dtype dtype, const tg_shape *shape, void **data)
{
    return new_leaf(by->tape, dtype, shape, by, NULL, data);
}

/* Kept tensors are leaves, too, without attributes. */
bool tg_is_chosen(const tg_node *n)
{
    return n->op == &tg_op_leaf && n->attr_size == sizeof(tg_leaf_attr) && ((const tg_leaf_attr *)tg_attr(n))->chosen;
}

const tg_node *tg_chosen_by(const tg_node *n) { return tg_is_chosen(n) ? ((const tg_leaf_attr *)tg_attr(n))->by : NULL; }
