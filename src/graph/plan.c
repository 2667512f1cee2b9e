/* plan.c - from the roots that are asked for to the nodes that have to be computed, in order; the stage between recording and running. */
#include "graph.h"

#include <stdlib.h>

/* Was this leaf left alone (by tg_step, tg_copy_from, tg_release) since node `reader` was recorded? */
static bool leaf_valid(const tg_node *leaf, uint32_t reader)
{
    const tg_kept *k = leaf->w.kept;
    return !k || k->write_gen != leaf->tape->gen || k->write_id <= reader;
}

/* Views of a kept tensor share its memory, so they go invalid with it even when they have been computed. */
bool tg_value_valid(const tg_node *n, uint32_t reader)
{
    while (n->op->kind == TG_VIEW) {
        reader = n->id;
        n = tg_inputs(n)[n->op->view_input];
    }
    return !tg_is_leaf(n) || leaf_valid(n, reader);
}

static tg_status check_value(const tg_node *n, const tg_node *reader)
{
    if (tg_value_valid(n, reader->id)) return TG_OK;
    while (n->op->kind == TG_VIEW) n = tg_inputs(n)[n->op->view_input];
    const char *name = n->w.kept->name;
    return tg_fail_on(n->tape, TG_ERR_STALE, reader->op->name,
                      "its value was not computed before %s%s%s was overwritten (by tg_step, tg_copy_from or a backward); "
                      "ask for it earlier: tg_want before tg_backward, or tg_eval",
                      name ? "parameter '" : "a kept tensor", name ? name : "", name ? "'" : "");
}

static int by_id(const void *a, const void *b)
{
    const tg_node *x = *(tg_node *const *)a, *y = *(tg_node *const *)b;
    return (x->id > y->id) - (x->id < y->id);
}

/* Puts the marked nodes into tape order: by sorting them, or, when they are dense, by walking over the slots. */
static void sort_order(tg_tape *t, size_t n, uint32_t lo, uint32_t hi)
{
    if (n * 8 < (size_t)(hi - lo)) {
        qsort(t->order, n, sizeof *t->order, by_id);
        return;
    }
    size_t k = 0;
    for (uint32_t id = lo; k < n && id <= hi; id++) {
        tg_node *node = tg_slot(t, id);
        if (node->mark) t->order[k++] = node;
    }
}

static bool push(tg_tape *t, tg_node *n, size_t *depth, size_t *found)
{
    if (!TG_GROW(t, t->order, t->cap_order, *found + 1)) return false;
    if (!TG_GROW(t, t->stack, t->cap_stack, *depth + 1)) return false;
    n->mark = 1;
    t->order[(*found)++] = n;
    t->stack[(*depth)++] = n;
    return true;
}

static tg_status visit(tg_tape *t, tg_node *n, size_t *depth, size_t *found)
{
    tg_node *const *in = tg_inputs(n);
    for (uint32_t i = 0; i < n->n_in; i++) {
        if (in[i]->flags & TG_N_VALUE) {
            tg_status s = check_value(in[i], n);
            if (s != TG_OK) return s;
        } else if (tg_is_leaf(in[i])) {
            return tg_fail_on(t, TG_ERR_STALE, n->op->name, "reads a tensor that was released");
        } else if (!in[i]->mark && !push(t, in[i], depth, found)) {
            return TG_ERR_MEMORY;
        }
    }
    return TG_OK;
}

tg_status tg_plan_make(tg_tape *t, tg_node *const *roots, size_t n, tg_plan *plan)
{
    size_t    depth = 0, found = 0;
    uint32_t  lo = UINT32_MAX, hi = 0;
    tg_status s = TG_OK;
    for (size_t i = 0; i < n && s == TG_OK; i++) {
        if (roots[i]->flags & TG_N_VALUE) s = check_value(roots[i], roots[i]);
        else if (!roots[i]->mark && !push(t, roots[i], &depth, &found)) s = TG_ERR_MEMORY;
    }
    while (depth && s == TG_OK) s = visit(t, t->stack[--depth], &depth, &found);
    if (s == TG_OK) {
        for (size_t i = 0; i < found; i++) {
            lo = t->order[i]->id < lo ? t->order[i]->id : lo;
            hi = t->order[i]->id > hi ? t->order[i]->id : hi;
        }
        if (found) sort_order(t, found, lo, hi);
    }
    for (size_t i = 0; i < found; i++) t->order[i]->mark = 0;
    *plan = (tg_plan){.order = t->order, .n = found, .roots = roots, .n_roots = n};
    return s;
}
