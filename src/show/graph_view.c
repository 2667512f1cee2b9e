/* graph_view.c - what some tensors are computed from, in reading order. */
#include "show/graph_view.h"

#include <stdlib.h>

#include "tensor/text.h"

tg_tape *tg_graph_view_check(tg_tensor *const *t, int n, const char *function)
{
    if (n < 1 || !t) return NULL;
    for (int i = 0; i < n; i++)
        if (!tg_check(t[i], function)) return NULL;
    tg_tape *tape = tg_node_of(t[0])->tape;
    for (int i = 1; i < n; i++)
        if (tg_node_of(t[i])->tape != tape) {
            tg_fail_on(tape, TG_ERR_TAPE, function, "tensor %d belongs to another tape than the first one", i);
            return NULL;
        }
    return tape;
}

static tg_status add(tg_graph_view *v, tg_node *n)
{
    if (n->mark) return TG_OK;
    if (!TG_GROW(v->tape, v->node, v->cap, v->n + 1)) return TG_ERR_MEMORY;
    v->node[v->n++] = n;
    n->mark = (uint32_t)v->n;
    return TG_OK;
}

/* Its class, and its place within that. Kept tensors without a name stay in the order they were met in: until here marks are numbers in that order. */
static int class_of(const tg_node *n) { return n->flags & TG_N_PARAM ? 0 : n->flags & TG_N_BUFFER ? 1 : n->flags & TG_N_KEPT ? 2 : 3; }
static uint32_t place_of(const tg_node *n)
{
    switch (class_of(n)) {
    case 0:
    case 1: return n->w.kept->number;
    case 2: return n->mark;
    default: return n->id;
    }
}

static int compare(const void *a, const void *b)
{
    const tg_node *p = *(tg_node *const *)a, *q = *(tg_node *const *)b;
    const int      x = class_of(p), y = class_of(q);
    const uint32_t i = place_of(p), k = place_of(q);
    return x != y ? x - y : (i > k) - (i < k);
}

tg_status tg_graph_view_make(tg_graph_view *v, tg_tensor *const *t, int n)
{
    tg_status s = TG_OK;
    *v = (tg_graph_view){.tape = tg_node_of(t[0])->tape};
    for (int i = 0; i < n && s == TG_OK; i++) s = add(v, tg_node_of(t[i]));
    for (size_t k = 0; k < v->n && s == TG_OK; k++) {
        const tg_node *node = v->node[k];
        for (uint32_t i = 0; i < node->n_in && s == TG_OK; i++) s = add(v, tg_inputs(node)[i]);
    }
    if (s != TG_OK) return s;
    qsort(v->node, v->n, sizeof *v->node, compare);
    for (size_t k = 0; k < v->n; k++) v->node[k]->mark = (uint32_t)k + 1;
    return TG_OK;
}

void tg_graph_view_free(tg_graph_view *v)
{
    for (size_t k = 0; k < v->n; k++) v->node[k]->mark = 0;
    tg_tape_free_bytes(v->tape, v->node, v->cap * sizeof *v->node);
}

const char *tg_view_leaf(const tg_node *n)
{
    if (tg_is_number(n)) return "number";
    if (!tg_is_leaf(n)) return NULL;
    return n->flags & TG_N_PARAM ? "parameter" : n->flags & TG_N_BUFFER ? "buffer" : n->flags & TG_N_GRADIENT ? "gradient" : n->flags & TG_N_KEPT ? "kept" : "data";
}

const char *tg_view_name(const tg_node *n, char text[TG_VIEW_TEXT])
{
    if (tg_is_number(n)) snprintf(text, TG_VIEW_TEXT, "%g", n->attr.number);
    else if (n->flags & (TG_N_PARAM | TG_N_BUFFER)) tg_printable(text, TG_VIEW_TEXT, n->w.kept->name);
    else snprintf(text, TG_VIEW_TEXT, "%%%u", n->mark - 1);
    return text;
}
