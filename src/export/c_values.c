/* c_values.c - where each value of a file in C is: views are another value's memory in a layout of their own, outputs are written where the caller
 * wants them, and all others have their place in the scratch memory for as long as somebody reads them. */
#include "export/c_plan.h"

enum { AT_THE_END = INT32_MAX };

/* ---- what a step is ------------------------------------------------------------------------------------------------------- */

static bool is_number(const tg_c_file *c, uint32_t k) { return c->graph.step[k].kind == TG_STEP_OP && tg_c_node(c, k)->op->kind == TG_CONST; }

bool tg_c_is_known(const tg_c_file *c, uint32_t k)
{
    const tg_export_step *s = &c->graph.step[k];
    if (s->kind == TG_STEP_WEIGHT || s->kind == TG_STEP_CONSTANT) return true;
    return s->kind == TG_STEP_OP && s->node->op->kind == TG_KERNEL && s->node->n_in == 0;
}

bool tg_c_is_own(const tg_c_file *c, uint32_t k)
{
    const tg_step_kind kind = c->graph.step[k].kind;
    return c->value[k].base == k && (kind == TG_STEP_OP || kind == TG_STEP_RESULT) && !tg_c_is_known(c, k) && !is_number(c, k);
}

/* A view that is its own base is a copy of its input, of which it is a view. */
int64_t tg_c_size(const tg_c_file *c, uint32_t k)
{
    const tg_node *n = tg_c_node(c, k);
    return tg_node_numel(n->op->kind == TG_VIEW ? tg_inputs(n)[n->op->view_input] : n);
}

/* ---- layouts -------------------------------------------------------------------------------------------------------------- */

static void place_view(tg_c_file *c, uint32_t k)
{
    enum { MOST = 4 };
    const tg_node    *n = tg_c_node(c, k), *base = tg_inputs(n)[n->op->view_input];
    const tg_c_value *from = &c->value[c->graph.step[k].in[n->op->view_input]];
    tg_c_value       *to = &c->value[k];
    const tg_layout   plain = tg_layout_contiguous(base->shape);
    tg_layout         layout = from->layout;
    tg_tensor        *in[MOST] = {0};
    for (uint32_t i = 0; i < n->n_in && i < MOST; i++) in[i] = tg_handle(tg_inputs(n)[i]);
    const tg_call call = {.op = n->op, .tape = c->graph.tape, .n_in = (int)n->n_in, .in = in, .out = tg_handle(n), .attr = tg_attr(n),
                          .attr_size = n->attr_size, .shape = *n->shape, .dtype = (tg_dtype)n->dtype};
    layout.offset = 0;
    const tg_status s = tg_call_view(&call, &layout, false, &to->layout);
    to->base = from->base;
    to->layout.offset += from->layout.offset;
    if (s == TG_ERR_UNSUPPORTED) {
        to->base = k;
        c->status = tg_call_view(&call, &plain, true, &to->layout);
    } else {
        c->status = s;
    }
}

static void place_values(tg_c_file *c)
{
    for (uint32_t k = 0; k < c->graph.n && c->status == TG_OK; k++) {
        const tg_export_step *s = &c->graph.step[k];
        c->value[k] = (tg_c_value){.base = k, .last = k, .layout = tg_layout_contiguous(s->node->shape)};
        if (s->kind == TG_STEP_OP && s->node->op->kind == TG_VIEW) place_view(c, k);
        for (uint32_t i = 0; s->in && i < s->node->n_in; i++)
            if (s->in[i] != TG_NO_STEP) c->value[c->value[s->in[i]].base].last = k;
    }
}

/* ---- outputs -------------------------------------------------------------------------------------------------------------- */

/* Is the value all of its base's memory, in its order? */
static bool is_whole(const tg_c_file *c, uint32_t k)
{
    const tg_node    *n = tg_c_node(c, k);
    const tg_c_value *v = &c->value[k];
    const tg_layout   plain = tg_layout_contiguous(n->shape);
    bool              is = v->layout.offset == 0 && tg_node_numel(n) == tg_c_size(c, v->base);
    for (int a = 0; a < n->shape->rank; a++) is = is && (n->shape->dim[a] == 1 || v->layout.stride[a] == plain.stride[a]);
    return is;
}

static void place_outputs(tg_c_file *c)
{
    for (int i = 0; i < c->graph.options->n_outputs; i++) {
        const uint32_t k = c->graph.output[i], base = c->value[k].base;
        c->output[i].copied = !tg_c_is_own(c, base) || c->value[base].output || !is_whole(c, k);
        c->value[base].last = AT_THE_END;
        if (!c->output[i].copied) c->value[base].output = i + 1;
    }
}

/* ---- scratch memory: each dtype has its own ----------------------------------------------------------------------------------- */

/* Values of one dtype that somebody still reads, by their places. */
typedef struct held {
    uint32_t *step;
    size_t    n, cap;
} held;

static void drop_unread(const tg_c_file *c, held *h, uint32_t now)
{
    size_t n = 0;
    for (size_t i = 0; i < h->n; i++)
        if (c->value[h->step[i]].last >= now) h->step[n++] = h->step[i];
    h->n = n;
}

/* The first gap that is large enough. */
static void take_gap(tg_c_file *c, held *h, uint32_t k)
{
    const int64_t size = tg_c_size(c, k);
    int64_t       at = 0;
    size_t        i = 0;
    for (; i < h->n; i++) {
        const tg_c_value *v = &c->value[h->step[i]];
        if (v->at - at >= size) break;
        at = v->at + tg_c_size(c, h->step[i]);
    }
    if (!TG_GROW(c->graph.tape, h->step, h->cap, h->n + 1)) {
        c->status = TG_ERR_MEMORY;
        return;
    }
    memmove(&h->step[i + 1], &h->step[i], (h->n++ - i) * sizeof *h->step);
    h->step[i] = k;
    c->value[k].at = at;
    int64_t *most = &c->scratch[tg_c_node(c, k)->dtype];
    if (*most < at + size) *most = at + size;
}

/* May a pointwise result be written over this operand? Elements are read before they are written, where both lie alike, and nobody else reads them. */
static bool is_free(const tg_c_file *c, uint32_t k, uint32_t i)
{
    const uint32_t    in = c->graph.step[k].in[i];
    const tg_c_value *base = &c->value[c->value[in].base];
    const tg_node    *n = tg_c_node(c, k);
    bool              free = tg_c_is_own(c, c->value[in].base) && !base->output && base->last == k && is_whole(c, in);
    free = free && tg_c_node(c, in)->dtype == n->dtype && tg_shape_equal(tg_c_node(c, in)->shape, n->shape);
    for (uint32_t m = 0; m < n->n_in; m++) {
        const uint32_t other = c->graph.step[k].in[m];
        free = free && (c->value[other].base != c->value[in].base || (is_whole(c, other) && tg_shape_equal(tg_c_node(c, other)->shape, n->shape)));
    }
    return free;
}

static bool take_operand(tg_c_file *c, held *h, uint32_t k)
{
    const tg_node *n = tg_c_node(c, k);
    if (n->op->kind != TG_POINTWISE || c->graph.step[k].kind != TG_STEP_OP) return false;
    for (uint32_t i = 0; i < n->n_in; i++) {
        if (!is_free(c, k, i)) continue;
        const uint32_t base = c->value[c->graph.step[k].in[i]].base;
        c->value[k].at = c->value[base].at;
        for (size_t m = 0; m < h->n; m++)
            if (h->step[m] == base) h->step[m] = k;
        return true;
    }
    return false;
}

/* The results of a call are written together. */
static uint32_t written_by(const tg_c_file *c, uint32_t k) { return c->graph.step[k].kind == TG_STEP_RESULT ? c->graph.step[k].in[0] : k; }

static void place_scratch(tg_c_file *c)
{
    held h[TG_NDTYPES] = {{0}};
    for (uint32_t k = 0; k < c->graph.n && c->status == TG_OK; k++) {
        held *own = &h[tg_c_node(c, k)->dtype];
        if (!tg_c_is_own(c, k) || c->value[k].output || tg_c_size(c, k) == 0) continue;
        drop_unread(c, own, written_by(c, k));
        if (!take_operand(c, own, k)) take_gap(c, own, k);
    }
    for (int d = 0; d < TG_NDTYPES; d++) tg_heap_free(&c->graph.tape->services.heap, h[d].step, h[d].cap * sizeof *h[d].step);
}

tg_status tg_c_plan_values(tg_c_file *c)
{
    place_values(c);
    if (c->status == TG_OK) place_outputs(c);
    if (c->status == TG_OK) place_scratch(c);
    return c->status;
}
