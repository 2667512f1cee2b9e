/* graph_export.c - from named outputs to the list of steps that compute them. */
#include "export/graph_export.h"

#include <stdlib.h>
#include <tapegrad/tensor.h>

#include "export/names.h"
#include "graph/leaf.h"
#include "tensor/text.h"

/* ---- what was given --------------------------------------------------------------------------------------------------- */

static tg_status fail(const tg_export_graph *g, tg_status s, const char *what, int i, const char *is)
{
    return tg_fail_on(g->tape, s, g->function, "%s %d %s", what, i, is);
}

/* Are these tensors of the tape, under names that no other has? */
static tg_status check_tensors(const tg_export_graph *g, const char *what, const tg_export_tensor *list, int n, tg_name_set *names)
{
    char text[TG_NAME_TEXT];
    if (n < 0) return tg_fail_on(g->tape, TG_ERR_ARG, g->function, "the number of %ss is negative", what);
    if (n > 0 && !list) return tg_fail_on(g->tape, TG_ERR_NULL, g->function, "the list of %ss is NULL", what);
    for (int i = 0; i < n; i++) {
        const tg_tensor *x = list[i].tensor;
        if (!x) return fail(g, TG_ERR_NULL, what, i, "is NULL: the call that was to give it failed");
        if (!tg_is_live(x)) return tg_say_stale(x, g->function), TG_ERR_STALE;
        if (tg_node_of(x)->tape != g->tape) return fail(g, TG_ERR_TAPE, what, i, "belongs to another tape than the first output");
        if (!list[i].name || !*list[i].name) return fail(g, TG_ERR_ARG, what, i, "has no name");
        bool is_new;
        if (!tg_name_set_add(names, list[i].name, &is_new)) return TG_ERR_MEMORY;
        if (!is_new)
            return tg_fail_on(g->tape, TG_ERR_ARG, g->function, "two inputs or outputs have the name %s", tg_name_text(list[i].name, text));
    }
    return TG_OK;
}

static tg_status check_options(const tg_export_graph *g)
{
    const tg_export_options *o = g->options;
    tg_name_set                 names = {.tape = g->tape};
    tg_status                s = check_tensors(g, "input", o->inputs, o->n_inputs, &names);
    if (s == TG_OK) s = check_tensors(g, "output", o->outputs, o->n_outputs, &names);
    tg_name_set_free(&names);
    return s;
}

/* ---- the walk: node.mark is 1 + the number of the node's step, and 0 again at the end --------------------------------- */

static tg_status add(tg_export_graph *g, tg_node *n, tg_step_kind kind, const char *name, int number)
{
    if (!TG_GROW(g->tape, g->step, g->cap_step, (size_t)g->n + 1)) return TG_ERR_MEMORY;
    g->step[g->n++] = (tg_export_step){.kind = kind, .node = n, .name = name, .number = number};
    n->mark = g->n;
    return TG_OK;
}

static tg_status add_inputs(tg_export_graph *g)
{
    const tg_export_options *o = g->options;
    char                     text[TG_NAME_TEXT];
    for (int i = 0; i < o->n_inputs; i++) {
        tg_node *n = tg_node_of(o->inputs[i].tensor);
        if (n->mark)
            return tg_fail_on(g->tape, TG_ERR_ARG, g->function, "input %d is the same tensor as input %s", i,
                              tg_name_text(g->step[n->mark - 1].name, text));
        if (add(g, n, TG_STEP_INPUT, o->inputs[i].name, i) != TG_OK) return TG_ERR_MEMORY;
    }
    return TG_OK;
}

/* The value of a leaf, as `reader` reads it: is it there, and the one that was recorded? */
static tg_status check_leaf(const tg_export_graph *g, const tg_node *leaf, const tg_node *reader)
{
    char text[TG_KEPT_TEXT];
    if (!(leaf->flags & TG_N_VALUE))
        return tg_fail_on(g->tape, TG_ERR_STALE, g->function, "an output needs %s, which was released", tg_kept_text(leaf, text));
    if (tg_value_valid(leaf, reader->id)) return TG_OK;
    return tg_fail_on(g->tape, TG_ERR_STALE, g->function, "an output needs %s, which was overwritten since it was recorded: record the outputs again",
                      tg_kept_text(leaf, text));
}

/* Results of a call are computed together, and the call is not, where its own value is given. */
static tg_status add_result(tg_export_graph *g, tg_node *n)
{
    const tg_node *call = tg_inputs(n)[0];
    const int      number = (int)(n->id - call->id);
    char           text[TG_NAME_TEXT], op[TG_OP_TEXT];
    if (call->mark && g->step[call->mark - 1].kind == TG_STEP_INPUT)
        return tg_fail_on(g->tape, TG_ERR_ARG, g->function, "an output needs result %d of %s, whose result 0 is the input %s: make both inputs, or none",
                          number, tg_op_text(op, call->op), tg_name_text(g->step[call->mark - 1].name, text));
    return add(g, n, TG_STEP_RESULT, NULL, number);
}

/* What the step number `reader`, or an output, needs. */
static tg_status need(tg_export_graph *g, tg_node *n, const tg_node *reader)
{
    char op[TG_OP_TEXT];
    if (n->mark) {
        tg_export_step *s = &g->step[n->mark - 1];
        s->needed = true;
        return tg_is_leaf(n) && s->kind != TG_STEP_INPUT ? check_leaf(g, n, reader) : TG_OK;
    }
    if (tg_is_leaf(n) && tg_is_chosen(n))
        return tg_fail_on(g->tape, TG_ERR_UNSUPPORTED, g->function,
                          "an output needs places that were computed when it was recorded (by tg_nonzero, tg_masked_select, tg_unique or the like): how many "
                          "there are depends on numbers, and a file has fixed shapes; tg_where and tg_masked_fill do without, tg_keep makes them constants");
    if (tg_is_leaf(n)) {
        const bool named = n->flags & (TG_N_PARAM | TG_N_BUFFER);
        if (check_leaf(g, n, reader) != TG_OK) return TG_ERR_STALE;
        return add(g, n, named ? TG_STEP_WEIGHT : TG_STEP_CONSTANT, named ? n->w.kept->name : NULL, 0);
    }
    if (n->traits & TG_IS_RANDOM)
        return tg_fail_on(g->tape, TG_ERR_UNSUPPORTED, g->function,
                          "an output needs %s, which draws random numbers, and a file computes the same in every call: record what "
                          "does without (dropout is for training), or make the numbers an input",
                          tg_op_text(op, n->op));
    if (n->traits & TG_IS_RESULT) return add_result(g, n);
    return add(g, n, TG_STEP_OP, NULL, 0);
}

static bool reads_value(const tg_node *n, uint32_t i) { return n->op->kind != TG_VIEW || i == (uint32_t)n->op->view_input; }

/* A result reads its call, whatever the format says. */
static bool is_read(const tg_node *n, uint32_t i, tg_export_reads reads) { return (n->traits & TG_IS_RESULT) || reads(n, i); }

static bool is_computed(const tg_export_step *s) { return s->kind == TG_STEP_OP || s->kind == TG_STEP_RESULT; }

static tg_status walk(tg_export_graph *g, tg_export_reads reads)
{
    const tg_export_options *o = g->options;
    tg_status                s = add_inputs(g);
    for (int i = 0; i < o->n_outputs && s == TG_OK; i++) {
        tg_node *n = tg_node_of(o->outputs[i].tensor);
        s = need(g, n, n);
    }
    for (uint32_t k = 0; k < g->n && s == TG_OK; k++) {
        if (!is_computed(&g->step[k])) continue;
        const tg_node *n = g->step[k].node;
        for (uint32_t i = 0; i < n->n_in && s == TG_OK; i++)
            if (is_read(n, i, reads)) s = need(g, tg_inputs(n)[i], n);
        g->n_in += n->n_in;
    }
    return s;
}

static tg_status check_inputs_needed(const tg_export_graph *g)
{
    char text[TG_NAME_TEXT];
    for (int i = 0; i < g->options->n_inputs; i++)
        if (!g->step[i].needed)
            return tg_fail_on(g->tape, TG_ERR_ARG, g->function, "no output needs the input %s: leave it out, or record the outputs from it",
                              tg_name_text(g->step[i].name, text));
    return TG_OK;
}

/* ---- order ------------------------------------------------------------------------------------------------------------ */

static int class_of(const tg_export_step *s)
{
    const uint16_t flags = s->node->flags;
    if (s->kind == TG_STEP_INPUT) return 0;
    return flags & TG_N_PARAM ? 1 : flags & TG_N_BUFFER ? 2 : flags & TG_N_KEPT ? 3 : 4;
}

/* Within its class. Kept tensors without a name come as they were met: until here marks are numbers in that order. */
static uint32_t place_of(const tg_export_step *s)
{
    switch (class_of(s)) {
    case 0: return (uint32_t)s->number;
    case 1:
    case 2: return s->node->w.kept->number;
    case 3: return s->node->mark;
    default: return s->node->id;
    }
}

static int compare(const void *a, const void *b)
{
    const int      x = class_of(a), y = class_of(b);
    const uint32_t p = place_of(a), q = place_of(b);
    return x != y ? x - y : (p > q) - (p < q);
}

/* The node of a step is const for those who read the list; its mark is ours while the list is made. */
static void mark(const tg_export_step *s, uint32_t number) { ((tg_node *)(uintptr_t)s->node)->mark = number; }

static tg_status number(tg_export_graph *g, tg_export_reads reads)
{
    const tg_export_options *o = g->options;
    uint32_t                *to = g->in;
    if (g->n) qsort(g->step, g->n, sizeof *g->step, compare);
    for (uint32_t k = 0; k < g->n; k++) mark(&g->step[k], k + 1);
    for (uint32_t k = 0; k < g->n; k++) {
        tg_export_step *s = &g->step[k];
        const tg_node  *n = s->node;
        s->in = is_computed(s) ? to : NULL;
        for (uint32_t i = 0; is_computed(s) && i < n->n_in; i++) *to++ = is_read(n, i, reads) ? tg_inputs(n)[i]->mark - 1 : TG_NO_STEP;
    }
    for (int i = 0; i < o->n_outputs; i++) g->output[i] = tg_node_of(o->outputs[i].tensor)->mark - 1;
    return TG_OK;
}

/* ---- for writers ------------------------------------------------------------------------------------------------------ */

static tg_status make(tg_export_graph *g, tg_export_reads reads)
{
    tg_status s = check_options(g);
    if (s == TG_OK && !(g->output = tg_tape_alloc(g->tape, (size_t)g->options->n_outputs * sizeof *g->output))) s = TG_ERR_MEMORY;
    if (s == TG_OK) s = walk(g, reads);
    if (s == TG_OK) s = check_inputs_needed(g);
    if (s == TG_OK && !(g->in = tg_tape_alloc(g->tape, g->n_in * sizeof *g->in))) s = TG_ERR_MEMORY;
    if (s == TG_OK) s = number(g, reads);
    for (uint32_t k = 0; k < g->n; k++) mark(&g->step[k], 0);
    return s;
}

tg_status tg_export_graph_make(tg_export_graph *g, const char *function, const tg_export_options *options, tg_export_reads reads)
{
    const tg_tensor *first = options && options->n_outputs > 0 && options->outputs ? options->outputs[0].tensor : NULL;
    *g = (tg_export_graph){.function = function, .options = options};
    if (!first) return TG_ERR_NULL; /* there is no tape to say it on */
    if (!tg_check(first, function)) return TG_ERR_STALE;
    g->tape = tg_node_of(first)->tape;
    return make(g, reads ? reads : reads_value);
}

void tg_export_graph_free(tg_export_graph *g)
{
    if (!g->tape) return;
    if (g->output) tg_tape_free_bytes(g->tape, g->output, (size_t)g->options->n_outputs * sizeof *g->output);
    if (g->in) tg_tape_free_bytes(g->tape, g->in, g->n_in * sizeof *g->in);
    tg_heap_free(&g->tape->services.heap, g->step, g->cap_step * sizeof *g->step);
    *g = (tg_export_graph){.function = g->function};
}

uint32_t tg_export_result(const tg_export_graph *g, uint32_t call, int k)
{
    for (uint32_t i = call + 1; i < g->n && i <= call + TG_MOST_RESULTS; i++)
        if (g->step[i].kind == TG_STEP_RESULT && g->step[i].in[0] == call && g->step[i].number == k) return i;
    return TG_NO_STEP;
}

tg_status tg_export_refuse(const tg_export_graph *g, const tg_export_step *step, const char *format)
{
    char op[TG_OP_TEXT], shape[TG_SHAPE_TEXT];
    return tg_fail_on(g->tape, TG_ERR_UNSUPPORTED, g->function, "%s of %s %s has no form in %s; the pages about export in docs list what has", tg_op_text(op, step->node->op),
                      tg_dtype_name((tg_dtype)step->node->dtype), tg_shape_text(step->node->shape, shape, sizeof shape), format);
}
