/* reference.c - the reference evaluator: node by node in tape order, plain strided loops, obviously right. It is the oracle for
 * the fused evaluator, which also falls back on it, node by node, for kernel ops. */
#include "run/profile_step.h"

enum { GATHER = 256 }; /* elements gathered at a time from a strided operand */

/* ---- one node of each kind ---------------------------------------------------------------------------------------- */

static tg_status run_pointwise(tg_node *n, void *out)
{
    enum { MOST = 3 };
    tg_node *const *in = tg_inputs(n);
    const tg_shape *s = n->shape;
    int             count = (int)n->n_in;
    ptrdiff_t       stride[MOST][TG_MAX_RANK] = {{0}};
    const char     *p[MOST];
    size_t          item[MOST], total = (size_t)tg_node_numel(n), row = s->rank ? (size_t)s->dim[s->rank - 1] : 1;
    bool            flat = true;
    char            buffer[MOST][GATHER * 8];
    for (int i = 0; i < count; i++) {
        tg_array a = tg_array_of(in[i]);
        item[i] = tg_dtype_size(a.dtype);
        p[i] = a.data;
        flat = flat && a.contiguous && tg_shape_equal(a.shape, s);
        for (int k = 0, lead = s->rank - a.shape->rank; k < a.shape->rank; k++)
            stride[i][lead + k] = a.shape->dim[k] == 1 ? 0 : (ptrdiff_t)(a.stride[k] * (int64_t)item[i]);
    }
    if (!total) return TG_OK;
    tg_loop       loop = n->op->loop[in[count - 1]->dtype];
    const size_t  out_item = tg_item_size((tg_dtype)n->dtype);
    const size_t  width = flat ? total : row;
    char         *o = out;
    int64_t       index[TG_MAX_RANK] = {0};
    const tg_inside was = tg_go_inside(n->tape, TG_IN_OP, "the loop", n->op);
    do {
        for (size_t done = 0, len; done < width; done += len) {
            const void *x[MOST];
            len = flat || width - done < GATHER ? width - done : GATHER;
            for (int i = 0; i < count; i++) {
                ptrdiff_t st = s->rank ? stride[i][s->rank - 1] : 0;
                if (flat || st == (ptrdiff_t)item[i]) {
                    x[i] = p[i] + done * item[i];
                } else {
                    tg_copy_strided(buffer[i], p[i] + (ptrdiff_t)done * st, len, st, item[i]);
                    x[i] = buffer[i];
                }
            }
            loop(len, o, x, tg_attr(n));
            o += len * out_item;
        }
    } while (!flat && tg_next_row(s, index, count, p, stride));
    n->tape->services.inside = was;
    return TG_OK;
}

/* The array of a result, at `out`. */
static tg_array array_at(const tg_node *n, void *out)
{
    tg_array y = {.data = out, .shape = n->shape, .dtype = (tg_dtype)n->dtype, .contiguous = true};
    memcpy(y.stride, tg_layout_contiguous(n->shape).stride, sizeof y.stride);
    return y;
}

static void fill_results(const tg_node *n, void *const *out, tg_call_result *result)
{
    for (int k = 1; k < n->op->results; k++) {
        const tg_node *r = tg_result_of_call(n, k);
        result[k] = (tg_call_result){.shape = *r->shape, .dtype = (tg_dtype)r->dtype, .y = array_at(r, out[k])};
    }
}

/* Kernels, reductions, products: run on arrays; contiguous copies are made for ops that want them. */
tg_status tg_run_kernel(tg_tape *t, const tg_node *n, tg_array *x, void *const *out, bool accumulate)
{
    tg_call_result result[TG_MOST_RESULTS];
    tg_call c = {.op = n->op, .tape = t, .n_in = (int)n->n_in, .attr = tg_attr(n), .attr_size = n->attr_size, .shape = *n->shape,
                 .dtype = (tg_dtype)n->dtype, .seed = t->seeds[t->n_seeds - 1].seed, .x = x, .accumulate = accumulate};
    if (n->op->flags & TG_OP_RANDOM) {
        c.counter = n->w.counter;
        c.seed = tg_seed_of(n);
    }
    tg_status s = TG_OK;
    for (uint32_t i = 0; i < n->n_in && s == TG_OK; i++) {
        if (x[i].contiguous || (n->op->flags & TG_OP_STRIDED)) continue;
        void *copy = tg_scratch(&c, tg_array_bytes(&x[i]));
        if (!copy) {
            s = TG_ERR_MEMORY;
            break;
        }
        tg_array_copy(&x[i], copy);
        x[i].data = copy;
        x[i].contiguous = true;
        memcpy(x[i].stride, tg_layout_contiguous(x[i].shape).stride, sizeof x[i].stride);
    }
    c.y = array_at(n, out[0]);
    if (n->traits & TG_HAS_RESULTS) fill_results(n, out, c.result = result);
    if (s == TG_OK) s = tg_call_run(&c);
    tg_free_scratch(t);
    return s;
}

/* Whatever is computed has its value afterwards, so that all results of a call have theirs. */
static tg_status run_kernel(tg_tape *t, const tg_node *n, void *first)
{
    enum { FEW = 4 };
    tg_array  few[FEW], *x = few;
    void     *out[TG_MOST_RESULTS] = {first};
    const int results = tg_results(n->op);
    for (int k = 1; k < results; k++)
        if (!(out[k] = tg_value_room(t, tg_value_bytes(tg_result_of_call(n, k))))) return TG_ERR_MEMORY;
    if (n->n_in > FEW && !(x = tg_value_room(t, n->n_in * sizeof *x))) return TG_ERR_MEMORY;
    for (uint32_t i = 0; i < n->n_in; i++) x[i] = tg_array_of(tg_inputs(n)[i]);
    const tg_status s = tg_run_kernel(t, n, x, out, false);
    for (int k = 1; k < results && s == TG_OK; k++) {
        tg_node *r = tg_result_of_call(n, k);
        r->memory = out[k];
        r->flags |= TG_N_VALUE;
    }
    return s;
}

static bool same_strides(const tg_shape *s, const tg_layout *a, const tg_layout *b)
{
    for (int k = 0; k < s->rank; k++)
        if (s->dim[k] == 0) return true;
    for (int k = 0; k < s->rank; k++)
        if (s->dim[k] != 1 && a->stride[k] != b->stride[k]) return false;
    return true;
}

/* A view computes no element: it takes the input's memory with another layout, or a contiguous copy of it where strides can't say it. */
static tg_status run_view(tg_tape *t, tg_node *n)
{
    tg_node  *base = tg_inputs(n)[n->op->view_input];
    tg_tensor *handle[TG_MOST_VIEW_INPUTS];
    for (uint32_t i = 0; i < n->n_in; i++) handle[i] = tg_handle(tg_inputs(n)[i]);
    tg_call c = {.op = n->op, .tape = t, .n_in = (int)n->n_in, .in = handle, .out = tg_handle(n), .attr = tg_attr(n),
                 .attr_size = n->attr_size, .shape = *n->shape, .dtype = (tg_dtype)n->dtype};
    tg_layout plain = tg_layout_contiguous(base->shape), from = base->layout ? *base->layout : plain, to = {0};
    char     *memory = base->memory;
    tg_status s = tg_call_view(&c, &from, !base->layout, &to);
    if (s == TG_ERR_UNSUPPORTED) {
        tg_array a = tg_array_of(base);
        memory = tg_value_room(t, tg_value_bytes(base));
        if (!memory) return TG_ERR_MEMORY;
        tg_array_copy(&a, memory);
        s = tg_call_view(&c, &plain, true, &to);
    }
    if (s != TG_OK) return s;
    memory += to.offset * (int64_t)tg_item_size((tg_dtype)n->dtype);
    to.offset = 0;
    plain = tg_layout_contiguous(n->shape);
    tg_layout *layout = NULL;
    if (!same_strides(n->shape, &to, &plain)) {
        layout = tg_arena_alloc(&t->services.values, sizeof *layout, 8);
        if (!layout) return tg_out_of_memory(t, n->op->name);
        *layout = to;
    }
    n->memory = memory;
    n->layout = layout;
    return TG_OK;
}

tg_status tg_run_node(tg_tape *t, tg_node *n)
{
    tg_status    s;
    const double begin = t->profile ? tg_profile_now() : 0;
    if (n->traits & TG_IS_RESULT) { /* the call gave it its value */
        t->evaluated++;
        return TG_OK;
    }
    if (n->op->kind == TG_VIEW) {
        s = run_view(t, n);
    } else {
        void *out = n->flags & TG_N_PLACED ? tg_host_memory(n) : tg_value_room(t, tg_value_bytes(n));
        if (!out) return TG_ERR_MEMORY;
        s = n->op->kind == TG_POINTWISE ? run_pointwise(n, out) : run_kernel(t, n, out);
        if (s == TG_OK) n->memory = out;
    }
    if (s == TG_OK) {
        n->flags = (uint16_t)((n->flags | TG_N_VALUE) & ~TG_N_PLACED);
        t->evaluated++;
    }
    if (t->profile) tg_profile_node(t->profile, n, begin);
    return s;
}

/* What is placed is computed elsewhere first: somebody may still read what lies there. */
static char *take_destination(tg_node *n)
{
    if (!(n->flags & TG_N_PLACED)) return NULL;
    char *destination = tg_host_memory(n);
    n->memory = NULL;
    n->flags = (uint16_t)(n->flags & ~TG_N_PLACED);
    return destination;
}

/* After the evaluation; after one that failed everything is as it was. */
static void give_destination(tg_node *n, char *destination, bool failed)
{
    if (failed) n->flags = (uint16_t)((n->flags & ~TG_N_VALUE) | TG_N_PLACED);
    else memcpy(destination, tg_host_memory(n), tg_value_bytes(n));
    n->memory = destination;
}

static tg_status run_plan(tg_tape *t, const tg_plan *plan)
{
    tg_status s = TG_OK;
    size_t    n = 0;
    char    **destination = tg_arena_alloc(&t->services.values, plan->n * sizeof *destination, 8);
    if (!destination) return tg_out_of_memory(t, "tapegrad");
    t->plans++;
    tg_look_at_processors(t);
    for (; n < plan->n && s == TG_OK; n++) {
        destination[n] = take_destination(plan->order[n]);
        s = tg_run_node(t, plan->order[n]);
    }
    for (size_t i = 0; i < n; i++)
        if (destination[i]) give_destination(plan->order[i], destination[i], s != TG_OK);
    return s;
}

const tg_evaluator tg_evaluator_reference = {.name = "reference", .own_products = true, .run = run_plan, .run_one = tg_run_node};
