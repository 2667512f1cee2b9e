/* onnx_file.c - an ONNX model as a file. Everything but the elements of tensors is put together in memory; these go to the file from where they
 * lie, so a large model is not copied. What they and what is before them take is added up first, because the format tells lengths in advance. */
#include <stdio.h>

#include "export/onnx_model.h"
#include "io/atomic_file.h"

enum { /* fields of ModelProto, GraphProto, NodeProto, TensorProto, ValueInfoProto and what is in them */
    MODEL_IR = 1, MODEL_PRODUCER = 2, MODEL_PRODUCER_VERSION = 3, MODEL_DOC = 6, MODEL_GRAPH = 7, MODEL_OPSET = 8, OPSET_DOMAIN = 1, OPSET_VERSION = 2,
    GRAPH_NODE = 1, GRAPH_NAME = 2, GRAPH_TENSOR = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12,
    NODE_INPUT = 1, NODE_OUTPUT = 2, NODE_NAME = 3, NODE_OP = 4,
    TENSOR_DIM = 1, TENSOR_TYPE = 2, TENSOR_NAME = 8, TENSOR_BYTES = 9,
    PORT_NAME = 1, PORT_TYPE = 2, TYPE_TENSOR = 1, TENSOR_ELEMENT = 1, TENSOR_SHAPE = 2, SHAPE_DIM = 1, DIM_SIZE = 1,
};

/* ---- names ---------------------------------------------------------------------------------------------------------------- */

/* What has none yet gets one. */
static bool name_values(tg_onnx *m)
{
    for (size_t k = 1; k < m->n_value && !m->failed; k++) {
        tg_onnx_value *v = &m->value[k];
        if (!v->name) v->name = tg_name_set_add_unique(&m->names, v->label);
        m->failed |= !v->name;
    }
    return !m->failed;
}

static const char *name_of(const tg_onnx *m, int value) { return m->value[value].name; }

/* ---- messages ------------------------------------------------------------------------------------------------------------- */

static void add_node(const tg_onnx *m, tg_wire *graph, const tg_onnx_node *n)
{
    tg_wire w = {.tape = m->tape};
    for (int k = 0; k < n->n_in; k++) tg_wire_text(&w, NODE_INPUT, name_of(m, m->in[n->in + (size_t)k]));
    for (int k = 0; k < n->n_out; k++) tg_wire_text(&w, NODE_OUTPUT, name_of(m, n->out + k));
    tg_wire_text(&w, NODE_NAME, name_of(m, n->out));
    tg_wire_text(&w, NODE_OP, n->op);
    if (n->n_attr) tg_wire_raw(&w, m->attr.bytes + n->attr, n->n_attr);
    tg_wire_message(graph, GRAPH_NODE, &w);
}

static void add_port(const tg_onnx *m, tg_wire *graph, unsigned field, const tg_onnx_port *p)
{
    tg_wire port = {.tape = m->tape}, type = {.tape = m->tape}, tensor = {.tape = m->tape}, shape = {.tape = m->tape};
    for (int k = 0; k < p->shape.rank; k++) {
        tg_wire dim = {.tape = m->tape};
        tg_wire_int(&dim, DIM_SIZE, (uint64_t)p->shape.dim[k]);
        tg_wire_message(&shape, SHAPE_DIM, &dim);
    }
    tg_wire_int(&tensor, TENSOR_ELEMENT, (uint64_t)tg_onnx_type(tg_onnx_dtype(m, p->value)));
    tg_wire_message(&tensor, TENSOR_SHAPE, &shape);
    tg_wire_message(&type, TYPE_TENSOR, &tensor);
    tg_wire_text(&port, PORT_NAME, name_of(m, p->value));
    tg_wire_message(&port, PORT_TYPE, &type);
    tg_wire_message(graph, field, &port);
}

/* The graph but for its tensors. */
static tg_wire graph_of(const tg_onnx *m)
{
    tg_wire graph = {.tape = m->tape};
    tg_wire_text(&graph, GRAPH_NAME, m->name);
    for (size_t k = 0; k < m->n_node; k++) add_node(m, &graph, &m->node[k]);
    for (size_t k = 0; k < m->n_input; k++) add_port(m, &graph, GRAPH_INPUT, &m->input[k]);
    for (size_t k = 0; k < m->n_output; k++) add_port(m, &graph, GRAPH_OUTPUT, &m->output[k]);
    return graph;
}

/* What stands before the elements of a tensor. */
static tg_wire head_of(const tg_onnx *m, const tg_onnx_tensor *t)
{
    tg_wire tensor = {.tape = m->tape}, head = {.tape = m->tape};
    for (int k = 0; k < t->shape.rank; k++) tg_wire_int(&tensor, TENSOR_DIM, (uint64_t)t->shape.dim[k]);
    tg_wire_int(&tensor, TENSOR_TYPE, (uint64_t)tg_onnx_type(tg_onnx_dtype(m, t->value)));
    tg_wire_text(&tensor, TENSOR_NAME, name_of(m, t->value));
    tg_wire_begin(&tensor, TENSOR_BYTES, t->bytes);
    tg_wire_begin(&head, GRAPH_TENSOR, tensor.n + t->bytes);
    tg_wire_raw(&head, tensor.bytes, tensor.n);
    head.failed |= tensor.failed;
    tg_wire_free(&tensor);
    return head;
}

/* The model but for its graph, of which it says the length. */
static tg_wire model_of(const tg_onnx *m, size_t graph)
{
    tg_wire model = {.tape = m->tape}, opset = {.tape = m->tape};
    tg_wire_text(&opset, OPSET_DOMAIN, "");
    tg_wire_int(&opset, OPSET_VERSION, TG_ONNX_OPSET);
    tg_wire_int(&model, MODEL_IR, TG_ONNX_IR);
    tg_wire_text(&model, MODEL_PRODUCER, "tapegrad");
    tg_wire_text(&model, MODEL_PRODUCER_VERSION, TG_VERSION);
    tg_wire_text(&model, MODEL_DOC, "A forward pass that tapegrad recorded, for the shapes that it was recorded with.");
    tg_wire_message(&model, MODEL_OPSET, &opset);
    tg_wire_begin(&model, MODEL_GRAPH, graph);
    return model;
}

/* ---- the file ------------------------------------------------------------------------------------------------------------- */

/* Readers of the format refuse a message of 2 GiB and more; what stands around the graph is little. */
enum { LARGEST = INT32_MAX - 4096 };

static tg_status add_up(const tg_onnx *m, size_t *size, const char *function)
{
    for (size_t k = 0; k < m->n_tensor; k++) {
        tg_wire      head   = head_of(m, &m->tensor[k]);
        const bool   failed = head.failed;
        const size_t bytes  = head.n + m->tensor[k].bytes;
        tg_wire_free(&head);
        if (failed) return TG_ERR_MEMORY;
        *size += bytes;
        if (bytes > LARGEST || *size > LARGEST)
            return tg_fail_on(m->tape, TG_ERR_UNSUPPORTED, function,
                              "the model takes 2 GiB or more, which an ONNX file can't hold: save the weights with tg_save, and export a part");
    }
    return TG_OK;
}

static tg_status put(tg_replace *file, tg_wire *w)
{
    const tg_status s = w->failed ? TG_ERR_MEMORY : tg_replace_write(file, w->bytes, w->n);
    tg_wire_free(w);
    return s;
}

static tg_status write_tensors(const tg_onnx *m, tg_replace *file)
{
    tg_status s = TG_OK;
    for (size_t k = 0; k < m->n_tensor && s == TG_OK; k++) {
        const tg_onnx_tensor *t    = &m->tensor[k];
        tg_wire               head = head_of(m, t);
        s                          = put(file, &head);
        if (s == TG_OK && t->bytes) s = tg_replace_write(file, t->data ? t->data : m->own.bytes + t->own_at, t->bytes);
    }
    return s;
}

static tg_status write_all(const tg_onnx *m, tg_wire *graph, tg_wire *model, const char *function, const char *path)
{
    tg_replace file;
    tg_status  s = tg_replace_open(&file, m->tape, function, path);
    if (s == TG_OK) s = put(&file, model);
    if (s == TG_OK) s = put(&file, graph);
    if (s == TG_OK) s = write_tensors(m, &file);
    if (s == TG_OK) return tg_replace_finish(&file);
    tg_replace_abandon(&file);
    return s;
}

tg_status tg_onnx_write(tg_onnx *m, const char *function, const char *path)
{
    if (!name_values(m)) return TG_ERR_MEMORY;
    tg_wire   graph = graph_of(m), model = {.tape = m->tape};
    size_t    size = graph.n;
    tg_status s    = graph.failed ? TG_ERR_MEMORY : add_up(m, &size, function);
    if (s == TG_OK) model = model_of(m, size);
    if (s == TG_OK && model.failed) s = TG_ERR_MEMORY;
    if (s == TG_OK) s = write_all(m, &graph, &model, function, path);
    tg_wire_free(&graph);
    tg_wire_free(&model);
    return s;
}
