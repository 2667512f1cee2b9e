/* onnx_model.c - putting an ONNX model together. */
#include "export/onnx_model.h"

enum { RECENT = 32 }; /* tensors among which one with the same elements is looked for, so that a large graph does not take the square of its size */

static const uint8_t types[TG_NDTYPES] = {[TG_F32] = 1, [TG_U8] = 2, [TG_I16] = 5, [TG_I32] = 6, [TG_I64] = 7, [TG_BOOL] = 9, [TG_F64] = 11};

int tg_onnx_type(tg_dtype dtype) { return types[dtype]; }

void tg_onnx_init(tg_onnx *m, tg_tape *t, const char *name)
{
    *m = (tg_onnx){.tape = t, .name = name, .attr = {.tape = t}, .own = {.tape = t}, .names = {.tape = t}, .n_value = 1};
    m->failed = !TG_GROW(t, m->value, m->cap_value, 1);
    if (!m->failed) m->value[0] = (tg_onnx_value){.name = ""};
}

void tg_onnx_free(tg_onnx *m)
{
    tg_heap *heap = &tg_services_of(m->tape)->heap;
    tg_heap_free(heap, m->value, m->cap_value * sizeof *m->value);
    tg_heap_free(heap, m->node, m->cap_node * sizeof *m->node);
    tg_heap_free(heap, m->tensor, m->cap_tensor * sizeof *m->tensor);
    tg_heap_free(heap, m->input, m->cap_input * sizeof *m->input);
    tg_heap_free(heap, m->output, m->cap_output * sizeof *m->output);
    tg_heap_free(heap, m->in, m->cap_in * sizeof *m->in);
    tg_wire_free(&m->attr);
    tg_wire_free(&m->own);
    tg_name_set_free(&m->names);
}

void tg_onnx_step(tg_onnx *m, const char *label)
{
    m->label     = label;
    m->step_node = m->n_node;
}

/* ---- values --------------------------------------------------------------------------------------------------------------- */

static int add_value(tg_onnx *m, tg_dtype dtype, const char *name, bool computed)
{
    if (m->failed || !TG_GROW(m->tape, m->value, m->cap_value, m->n_value + 1)) {
        m->failed = true;
        return 0;
    }
    m->value[m->n_value] = (tg_onnx_value){.label = m->label, .name = name, .dtype = dtype, .computed = computed};
    return (int)m->n_value++;
}

static const char *add_name(tg_onnx *m, const char *name)
{
    const char *unique = m->failed ? NULL : tg_name_set_add_unique(&m->names, name);
    m->failed |= !unique;
    return unique;
}

/* An input or an output more of the graph. */
static void add_port(tg_onnx *m, tg_onnx_port **list, size_t *n, size_t *cap, int value, const tg_shape *shape)
{
    if (m->failed || !TG_GROW(m->tape, *list, *cap, *n + 1)) m->failed = true;
    else (*list)[(*n)++] = (tg_onnx_port){.value = value, .shape = *shape};
}

int tg_onnx_input(tg_onnx *m, const char *name, tg_dtype dtype, const tg_shape *shape)
{
    const int v = add_value(m, dtype, add_name(m, name), false);
    add_port(m, &m->input, &m->n_input, &m->cap_input, v, shape);
    return v;
}

void tg_onnx_output(tg_onnx *m, int value, const char *name, const tg_shape *shape)
{
    if (!m->failed && (!m->value[value].computed || m->value[value].name)) value = TG_ONNX_NODE(m, "Identity", tg_onnx_dtype(m, value), value);
    if (m->failed) return;
    m->value[value].name = name;
    add_port(m, &m->output, &m->n_output, &m->cap_output, value, shape);
}

/* ---- tensors -------------------------------------------------------------------------------------------------------------- */

static int add_tensor(tg_onnx *m, tg_onnx_tensor *t, const char *name, tg_dtype dtype)
{
    if (m->failed || !TG_GROW(m->tape, m->tensor, m->cap_tensor, m->n_tensor + 1)) {
        m->failed = true;
        return 0;
    }
    t->value = add_value(m, dtype, name, false);
    m->tensor[m->n_tensor++] = *t;
    return t->value;
}

int tg_onnx_data(tg_onnx *m, const char *name, tg_dtype dtype, const tg_shape *shape, const void *data)
{
    tg_onnx_tensor t = {.shape = *shape, .data = data};
    tg_shape_size(shape, dtype, NULL, &t.bytes);
    return add_tensor(m, &t, name ? add_name(m, name) : NULL, dtype);
}

/* The value of a tensor like this one with elements of its own, if it came lately; 0: there is none. */
static int find_own(const tg_onnx *m, const tg_onnx_tensor *t, tg_dtype dtype, const void *data)
{
    for (size_t k = m->n_tensor; k > 0 && k + RECENT > m->n_tensor; k--) {
        const tg_onnx_tensor *u = &m->tensor[k - 1];
        if (!u->data && tg_onnx_dtype(m, u->value) == dtype && tg_shape_equal(&u->shape, &t->shape) &&
            (!u->bytes || memcmp(m->own.bytes + u->own_at, data, u->bytes) == 0))
            return u->value;
    }
    return 0;
}

static int add_own(tg_onnx *m, tg_dtype dtype, const tg_shape *shape, const void *data)
{
    tg_onnx_tensor t = {.shape = *shape, .own_at = m->own.n};
    tg_shape_size(shape, dtype, NULL, &t.bytes);
    const int found = m->failed ? 0 : find_own(m, &t, dtype, data);
    if (found) return found;
    tg_wire_raw(&m->own, data, t.bytes);
    m->failed |= m->own.failed;
    const char *label = m->label;
    m->label          = shape->rank ? "list" : "number";
    const int v       = add_tensor(m, &t, NULL, dtype);
    m->label          = label;
    return v;
}

int tg_onnx_number(tg_onnx *m, tg_dtype dtype, double number)
{
    union {
        double  f64;
        int64_t i64;
    } element = {0};
    tg_dtypes[dtype].write(&element, number);
    return add_own(m, dtype, TG_SCALAR_SHAPE, &element);
}

int tg_onnx_list(tg_onnx *m, const int64_t *list, int n) { return add_own(m, TG_I64, TG_SHAPE(n), list); }

/* ---- nodes ---------------------------------------------------------------------------------------------------------------- */

enum { NODE_ATTRIBUTE = 5, NAME = 1, FLOAT = 2, INT = 3, TEXT = 4, INTS = 8, TYPE = 20, OF_FLOAT = 1, OF_INT = 2, OF_TEXT = 3, OF_INTS = 7 };

static void add_attribute(tg_onnx *m, tg_wire *a, unsigned type)
{
    tg_wire_int(a, TYPE, type);
    tg_wire_message(&m->attr, NODE_ATTRIBUTE, a);
    m->failed |= m->attr.failed;
}

static tg_wire begin_attribute(const tg_onnx *m, const char *name)
{
    tg_wire a = {.tape = m->tape};
    tg_wire_text(&a, NAME, name);
    return a;
}

void tg_onnx_int(tg_onnx *m, const char *name, int64_t number)
{
    tg_wire a = begin_attribute(m, name);
    tg_wire_int(&a, INT, (uint64_t)number);
    add_attribute(m, &a, OF_INT);
}

void tg_onnx_ints(tg_onnx *m, const char *name, const int64_t *list, int n)
{
    tg_wire a = begin_attribute(m, name);
    for (int k = 0; k < n; k++) tg_wire_int(&a, INTS, (uint64_t)list[k]);
    add_attribute(m, &a, OF_INTS);
}

void tg_onnx_float(tg_onnx *m, const char *name, double number)
{
    tg_wire a = begin_attribute(m, name);
    tg_wire_float(&a, FLOAT, (float)number);
    add_attribute(m, &a, OF_FLOAT);
}

void tg_onnx_text(tg_onnx *m, const char *name, const char *text)
{
    tg_wire a = begin_attribute(m, name);
    tg_wire_text(&a, TEXT, text);
    add_attribute(m, &a, OF_TEXT);
}

/* The node of this step, of one output, that is the same; NULL: there is none. */
static const tg_onnx_node *find_node(const tg_onnx *m, const tg_onnx_node *n, const int *in)
{
    for (size_t k = m->step_node; k < m->n_node; k++) {
        const tg_onnx_node *o = &m->node[k];
        if (o->n_out == 1 && o->n_in == n->n_in && o->n_attr == n->n_attr && !strcmp(o->op, n->op) &&
            (!n->n_in || !memcmp(m->in + o->in, in, (size_t)n->n_in * sizeof *in)) &&
            (!n->n_attr || !memcmp(m->attr.bytes + o->attr, m->attr.bytes + n->attr, n->n_attr)))
            return o;
    }
    return NULL;
}

int tg_onnx_node_of(tg_onnx *m, const char *op, tg_dtype dtype, const int *in, int n_in)
{
    tg_onnx_node n = {.op = op, .in = m->n_in, .attr = m->attr_from, .n_in = n_in, .n_out = 1, .n_attr = m->attr.n - m->attr_from};
    if (m->failed || !TG_GROW(m->tape, m->in, m->cap_in, m->n_in + (size_t)n_in) || !TG_GROW(m->tape, m->node, m->cap_node, m->n_node + 1)) {
        m->failed = true;
        return 0;
    }
    const tg_onnx_node *same = find_node(m, &n, in);
    if (same && tg_onnx_dtype(m, same->out) == dtype) {
        m->attr.n = m->attr_from;
        return same->out;
    }
    if (n_in) memcpy(m->in + m->n_in, in, (size_t)n_in * sizeof *in);
    m->n_in += (size_t)n_in;
    m->attr_from = m->attr.n;
    n.out        = add_value(m, dtype, NULL, true);
    m->node[m->n_node++] = n;
    return n.out;
}

int tg_onnx_more(tg_onnx *m, tg_dtype dtype)
{
    const int v = add_value(m, dtype, NULL, true);
    if (v) m->node[m->n_node - 1].n_out++;
    return v;
}
