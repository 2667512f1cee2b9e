/* graph_list.c - a recorded graph as text, a line for each node. */
#include <tapegrad_show.h>


#include "show/graph_view.h"
#include "tensor/text.h"

/* The names of n tensors, with commas. */
static void put_names(tg_text *to, tg_node *const *node, uint32_t n)
{
    char name[TG_VIEW_TEXT];
    for (uint32_t i = 0; i < n; i++) tg_put(to, "%s%s", i ? ", " : "", tg_view_name(node[i], name));
}

static void put_node(tg_text *to, const tg_node *n)
{
    char        name[TG_VIEW_TEXT], op[TG_OP_TEXT], shape[TG_SHAPE_TEXT];
    const char *leaf = tg_view_leaf(n);
    tg_view_name(n, name);
    tg_shape_text(n->shape, shape, sizeof shape);
    if (leaf) tg_put(to, "%s: %s", name, leaf);
    else if (n->traits & TG_IS_RESULT) tg_put(to, "%s = result %u of %%%u", name, n->id - tg_inputs(n)[0]->id, tg_inputs(n)[0]->mark - 1);
    else {
        tg_put(to, "%s = %s(", name, tg_op_text(op, n->op));
        put_names(to, tg_inputs(n), n->n_in);
        tg_put(to, ")");
    }
    tg_put(to, "  %s %s%s\n", tg_dtype_name((tg_dtype)n->dtype), shape, n->flags & TG_N_GRAD ? ", requires grad" : "");
}

static tg_status put_graph(tg_text *to, tg_tensor *const *t, int n)
{
    tg_graph_view v;
    char          name[TG_VIEW_TEXT];
    tg_status     s = tg_graph_view_make(&v, t, n);
    for (size_t k = 0; k < v.n && s == TG_OK; k++)
        if (!tg_is_number(v.node[k])) put_node(to, v.node[k]);
    for (int i = 0; i < n && s == TG_OK; i++) tg_put(to, "%s%s", i ? ", " : "gives ", tg_view_name(tg_node_of(t[i]), name));
    if (s == TG_OK) tg_put(to, "\n");
    tg_graph_view_free(&v);
    return s;
}

int tg_graph_format(tg_tensor *const *t, int n, char *buf, size_t size)
{
    tg_text text = {.buf = buf, .size = buf ? size : 0};
    if (text.size) buf[0] = 0;
    tg_tape *tape = tg_graph_view_check(t, n, "tg_graph_format");
    if (!tape) return -1;
    TG_CALL(tape);
    if (!tg_may(tape, TG_IN_FUNCTION, "tg_graph_format") || put_graph(&text, t, n) != TG_OK) return -1;
    return tg_told_length(tape, text.length, "tg_graph_format");
}

tg_status tg_graph_print(tg_tensor *const *t, int n)
{
    tg_text  text = {.to = stdout};
    tg_tape *tape = tg_graph_view_check(t, n, "tg_graph_print");
    if (!tape) return TG_ERR_NULL;
    TG_CALL(tape);
    if (!tg_may(tape, TG_IN_FUNCTION, "tg_graph_print")) return TG_ERR_ARG;
    const tg_status s = put_graph(&text, t, n);
    return s == TG_OK && text.failed ? tg_fail_on(tape, TG_ERR_IO, "tg_graph_print", "writing to standard output failed") : s;
}
