/* handle.c - what can be said of a handle's tensor without its value, and the sentences about handles that are not live.
 * Whether one is live is decided in graph.h: tg_is_live. */
#include "graph/graph.h"

#include <stdio.h>
#include <tapegrad/tensor.h>

void tg_say_stale(const tg_tensor *t, const char *function)
{
    const tg_node *n = tg_node_of(t);
    tg_fail_on(n->tape, TG_ERR_STALE, function,
               "a stale handle: the tensor was dropped by tg_reset or tg_release (tg_keep keeps what must survive)");
}

tg_node *tg_check(const tg_tensor *t, const char *function)
{
    if (!t) return NULL;
    if (tg_is_live(t)) return tg_node_of(t);
    tg_say_stale(t, function);
    return NULL;
}

size_t tg_value_bytes(const tg_node *n) { return (size_t)tg_node_numel(n) * tg_item_size((tg_dtype)n->dtype); }

int64_t tg_node_numel(const tg_node *n)
{
    int64_t count = 1;
    for (int k = 0; k < n->shape->rank; k++) count *= n->shape->dim[k];
    return count;
}

tg_array tg_array_of(const tg_node *n)
{
    tg_array a = {.data = tg_host_memory(n), .shape = n->shape, .dtype = (tg_dtype)n->dtype, .contiguous = !n->layout};
    tg_layout l = n->layout ? *n->layout : tg_layout_contiguous(n->shape);
    memcpy(a.stride, l.stride, sizeof a.stride);
    return a;
}

/* ---- what a tensor is --------------------------------------------------------------------------------------------- */

static const tg_node *live(const tg_tensor *t) { return t && tg_is_live(t) ? tg_node_of(t) : NULL; }

tg_tape *tg_tape_of(const tg_tensor *t)
{
    const tg_node *n = live(t);
    return n ? n->tape : NULL;
}
const tg_shape *tg_shape_of(const tg_tensor *t)
{
    const tg_node *n = live(t);
    return n ? n->shape : NULL;
}
int tg_rank(const tg_tensor *t)
{
    const tg_node *n = live(t);
    return n ? n->shape->rank : -1;
}
int64_t tg_dim(const tg_tensor *t, int axis)
{
    const tg_node *n = live(t);
    int            k = n ? tg_axis(n->shape, axis) : -1;
    return k < 0 ? -1 : n->shape->dim[k];
}
int64_t tg_numel(const tg_tensor *t)
{
    const tg_node *n = live(t);
    return n ? tg_node_numel(n) : -1;
}
tg_dtype tg_dtype_of(const tg_tensor *t)
{
    const tg_node *n = live(t);
    return n ? (tg_dtype)n->dtype : TG_NDTYPES;
}
bool tg_requires_grad(const tg_tensor *t)
{
    const tg_node *n = live(t);
    return n && (n->flags & TG_N_GRAD);
}

/* ---- errors of an op ---------------------------------------------------------------------------------------------- */

/* Is it one of the library's, whose functions are called tg_ and its name? */
static bool is_own(const tg_op *op)
{
    for (int i = 0; i < tg_op_count(); i++)
        if (tg_op_at(i) == op) return true;
    return op->kind == TG_LEAF || op->kind == TG_CONST;
}

/* "…: reason (inputs [64,784] float32, [128,10] float32)" */
tg_status tg_fail(const tg_call *c, tg_status s, const char *format, ...)
{
    char    text[900], name[80], shape[TG_SHAPE_TEXT];
    size_t  used;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    used = n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    const char *open = c->n_in == 1 ? " (input " : " (inputs ";
    for (int i = 0; i < c->n_in && i < 4 && used < sizeof text - 1; i++) {
        const tg_shape *dims = c->in ? tg_shape_of(c->in[i]) : c->x[i].shape;
        tg_dtype        dt = c->in ? tg_dtype_of(c->in[i]) : c->x[i].dtype;
        if (!dims) continue;
        n = snprintf(text + used, sizeof text - used, "%s%s %s%s", i ? ", " : open,
                     tg_shape_text(dims, shape, sizeof shape), tg_dtype_name(dt),
                     i == c->n_in - 1 ? ")" : i == 3 ? ", ...)" : "");
        used += n < 0 ? 0 : (size_t)n;
    }
    snprintf(name, sizeof name, "%s%s", is_own(c->op) ? "tg_" : "", c->op->name);
    return tg_fail_on(c->tape, s, name, "%s", text);
}
