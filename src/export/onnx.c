/* onnx.c - tg_export_onnx: each step of a graph as nodes of a model. */
#include "export/onnx.h"

#include <tapegrad/tensor.h>

#include "tensor/fpenv.h"
#include "tensor/text.h"

static const char function[] = "tg_export_onnx";

static const tg_onnx_op *const families[] = {tg_onnx_shape_ops,  tg_onnx_reduce_ops, tg_onnx_index_ops, tg_onnx_order_ops,
                                             tg_onnx_window_ops, tg_onnx_nn_ops,     tg_onnx_cast_ops};

const tg_onnx_op *tg_onnx_op_of(const tg_op *op)
{
    for (size_t k = 0; k < sizeof families / sizeof *families; k++)
        for (const tg_onnx_op *o = families[k]; o->op; o++)
            if (o->op == op) return o;
    return NULL;
}

static bool reads(const tg_node *n, uint32_t i)
{
    const tg_onnx_op *o = tg_onnx_op_of(n->op);
    if (tg_onnx_is_layer_norm(n)) return i == 0;
    if (o && o->reads) return o->reads >> i & 1;
    return n->op->kind != TG_VIEW || i == (uint32_t)n->op->view_input;
}

/* ---- steps ----------------------------------------------------------------------------------------------------------------- */

/* What is being written. value: of each step, once it is said. */
typedef struct writing {
    tg_export_graph graph;
    tg_onnx         m;
    int            *value, *x; /* x: of the inputs of the step at hand */
    size_t          cap_x;
} writing;

/* A tensor without elements is the same whatever it was computed from, and many runtimes refuse to compute it. */
static int nothing(tg_onnx *m, const tg_node *n) { return tg_onnx_data(m, NULL, (tg_dtype)n->dtype, n->shape, ""); }

static bool is_empty(const tg_node *n) { return tg_node_numel(n) == 0; }

/* Results 1 … that somebody reads get their values with the call. */
static tg_status keep_results(writing *w, uint32_t k, const tg_onnx_call *c)
{
    for (int i = 1; i < tg_results(c->node->op); i++) {
        const uint32_t at = tg_export_result(&w->graph, k, i);
        if (at == TG_NO_STEP) continue;
        const tg_node *n = w->graph.step[at].node;
        w->value[at]     = is_empty(n) ? nothing(&w->m, n) : c->result[i];
        if (!w->value[at] && !w->m.failed) return tg_export_refuse(&w->graph, &w->graph.step[at], "ONNX");
    }
    return TG_OK;
}

static tg_status write_op(writing *w, uint32_t k)
{
    const tg_export_step *s = &w->graph.step[k];
    const tg_node        *n = s->node;
    const tg_onnx_op     *o = tg_onnx_op_of(n->op);
    if (!o && !tg_onnx_row_of(n->op)) return tg_export_refuse(&w->graph, s, "ONNX");
    if (!TG_GROW(w->graph.tape, w->x, w->cap_x, n->n_in)) return TG_ERR_MEMORY;
    for (uint32_t i = 0; i < n->n_in; i++) w->x[i] = s->in[i] == TG_NO_STEP ? 0 : w->value[s->in[i]];
    tg_onnx_call c = {.m = &w->m, .graph = &w->graph, .node = n, .x = w->x};
    w->value[k]    = is_empty(n) ? nothing(&w->m, n) : o ? o->write(&c) : tg_onnx_pointwise(&c);
    if (w->value[k] == TG_ONNX_REFUSED) return tg_export_refuse(&w->graph, s, "ONNX");
    return keep_results(w, k, &c);
}

static tg_status write_step(writing *w, uint32_t k)
{
    const tg_export_step *s = &w->graph.step[k];
    const tg_node        *n = s->node;
    tg_status             status = TG_OK;
    tg_onnx_step(&w->m, s->kind == TG_STEP_CONSTANT ? "constant" : n->op->name);
    switch (s->kind) {
    case TG_STEP_INPUT: w->value[k] = tg_onnx_input(&w->m, s->name, (tg_dtype)n->dtype, n->shape); break;
    case TG_STEP_WEIGHT:
    case TG_STEP_CONSTANT: w->value[k] = tg_onnx_data(&w->m, s->name, (tg_dtype)n->dtype, n->shape, tg_array_of(n).data); break;
    case TG_STEP_OP: status = write_op(w, k); break;
    case TG_STEP_RESULT: break; /* its call has said it */
    }
    return w->m.failed ? tg_failure(w->graph.tape, TG_ERR_MEMORY) : status;
}

/* ---- the model ------------------------------------------------------------------------------------------------------------- */

static bool is_printable(const char *name)
{
    for (size_t n; *name; name += n)
        if (!(n = tg_printable_length(name))) return false;
    return true;
}

/* Text in the format is UTF-8. */
static tg_status check_names(const tg_export_graph *g)
{
    const tg_export_options *o = g->options;
    char                     text[TG_NAME_TEXT];
    for (int i = -1; i < o->n_inputs + o->n_outputs; i++) {
        const char *name = i < 0 ? o->name : i < o->n_inputs ? o->inputs[i].name : o->outputs[i - o->n_inputs].name;
        if (name && !is_printable(name))
            return tg_fail_on(g->tape, TG_ERR_ARG, function, "the name %s is not printable UTF-8, which names in an ONNX file have to be",
                              tg_name_text(name, text));
    }
    return TG_OK;
}

/* Inputs and outputs are called what they are to be called: nobody else gets these names. */
static tg_status reserve_names(writing *w)
{
    const tg_export_options *o = w->graph.options;
    bool                     is_new;
    for (int i = 0; i < o->n_outputs; i++)
        if (!tg_name_set_add(&w->m.names, o->outputs[i].name, &is_new)) return TG_ERR_MEMORY;
    return TG_OK;
}

static tg_status write_steps(writing *w)
{
    const tg_export_options *o = w->graph.options;
    tg_status                s = check_names(&w->graph);
    if (s == TG_OK) s = reserve_names(w);
    if (s == TG_OK && !(w->value = tg_tape_alloc(w->graph.tape, w->graph.n * sizeof *w->value))) s = TG_ERR_MEMORY;
    for (uint32_t k = 0; k < w->graph.n && s == TG_OK; k++) s = write_step(w, k);
    for (int i = 0; i < o->n_outputs && s == TG_OK; i++) {
        const uint32_t at = w->graph.output[i];
        tg_onnx_step(&w->m, "output"); /* a step for each: no two outputs are one value */
        tg_onnx_output(&w->m, w->value[at], o->outputs[i].name, w->graph.step[at].node->shape);
        if (w->m.failed) s = TG_ERR_MEMORY;
    }
    return s;
}

static tg_status write_model(writing *w, const char *path)
{
    tg_tape     *t    = w->graph.tape;
    const char  *name = w->graph.options->name;
    const size_t n    = w->graph.n;
    tg_onnx_init(&w->m, t, name && *name ? name : "model");
    tg_status s = w->m.failed ? TG_ERR_MEMORY : write_steps(w);
    if (s == TG_OK) s = tg_onnx_write(&w->m, function, path);
    if (w->value) tg_tape_free_bytes(t, w->value, n * sizeof *w->value);
    if (w->x) tg_tape_free_bytes(t, w->x, w->cap_x * sizeof *w->x);
    tg_onnx_free(&w->m);
    return s;
}

tg_status tg_export_onnx(const char *path, const tg_export_options *options)
{
    const tg_tensor *first = options && options->outputs && options->n_outputs > 0 ? options->outputs[0].tensor : NULL;
    if (!first) return TG_ERR_NULL;
    if (!tg_check(first, function)) return TG_ERR_STALE;
    tg_tape *t = tg_node_of(first)->tape;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, function)) return TG_ERR_ARG;
    if (!path) return tg_fail_on(t, TG_ERR_NULL, function, "the path is NULL");
    const tg_fpenv host = tg_fpenv_enter();
    writing        w    = {.value = NULL};
    tg_status      s    = tg_export_graph_make(&w.graph, function, options, reads);
    if (s == TG_OK) s = write_model(&w, path);
    tg_export_graph_free(&w.graph);
    tg_fpenv_leave(host);
    return s;
}
