/* reverse.c - gradients by the nodes between outputs and inputs, whatever requires grad. */
#include "diff/reverse.h"

#include "graph/subgraph.h"
#include "graph/walk.h"

/* The nodes behind n handles; NULL after an error. */
static tg_node **nodes_of(tg_tape *t, tg_tensor *const *x, int n)
{
    tg_node **nodes = tg_value_room(t, (size_t)n * sizeof *nodes);
    for (int k = 0; nodes && k < n; k++) nodes[k] = tg_node_of(x[k]);
    return nodes;
}

/* The walk goes where this flag is. What is of integers gets none, but for calls, which have it for their other results. */
static void set_ways(const tg_subgraph *s, bool on)
{
    for (size_t k = 0; k < s->n; k++) {
        tg_node *n = s->node[k];
        if (on && (tg_dtype_is_float((tg_dtype)n->dtype) || n->traits & TG_HAS_RESULTS)) n->flags |= TG_N_ASKED;
        else n->flags &= (uint16_t)~TG_N_ASKED;
    }
}

static bool leads_anywhere(const tg_subgraph *s, int n_outputs)
{
    bool leads = false;
    for (int k = 0; k < n_outputs; k++) leads |= s->output[k] != TG_NOWHERE;
    return leads;
}

tg_status tg_reverse(tg_tape *t, tg_tensor *const *outputs, tg_tensor *const *seeds, int n_outputs, tg_tensor *const *inputs, int n_inputs,
                     const char *function, tg_tensor **grads)
{
    tg_subgraph s;
    tg_node   **y = nodes_of(t, outputs, n_outputs), **x = nodes_of(t, inputs, n_inputs);
    for (int k = 0; k < n_inputs; k++) grads[k] = NULL;
    if (!y || !x) return TG_ERR_MEMORY;
    tg_status status = tg_subgraph_find(t, y, (size_t)n_outputs, x, (size_t)n_inputs, TG_WAYS_OF_GRADIENTS, &s);
    if (status != TG_OK || !leads_anywhere(&s, n_outputs)) return status;
    set_ways(&s, true);
    status = tg_differentiate(t, outputs, seeds, n_outputs, TG_N_ASKED, true, function);
    for (int k = 0; k < n_inputs && status == TG_OK; k++)
        if (x[k]->mark) grads[k] = t->walk.adjoints[x[k]->mark - 1].grad;
    tg_forget_adjoints(t);
    set_ways(&s, false);
    return status;
}
