/* rows.c - a gradient that is a set of rows, for whoever uses it. */
#include "graph/rows.h"

bool tg_has_rows(const tg_node *leaf) { return leaf->flags & TG_N_KEPT && leaf->w.kept->rows && leaf->w.kept->rows->there; }

bool tg_fresh_rows(const tg_node *leaf, tg_row_gradient *g)
{
    if (!tg_has_rows(leaf) || leaf->w.kept->rows->used || !(leaf->flags & TG_N_GRAD)) return false;
    const tg_rows *r = leaf->w.kept->rows;
    *g = (tg_row_gradient){.n = r->n, .width = r->width, .ids = r->ids[r->now], .values = r->values[r->now], .steps = r->steps};
    return true;
}

void tg_use_up_rows(const tg_node *leaf)
{
    if (tg_has_rows(leaf)) leaf->w.kept->rows->used = true;
}

void tg_forget_rows(tg_node *leaf)
{
    if (tg_has_rows(leaf)) leaf->w.kept->rows->there = false;
}

void tg_free_rows(tg_tape *t, tg_kept *k)
{
    tg_rows *r = k->rows;
    if (!r) return;
    for (int i = 0; i < 2; i++) {
        tg_tape_free_bytes(t, r->ids[i], r->cap_ids[i] * sizeof *r->ids[i]);
        tg_tape_free_bytes(t, r->values[i], r->cap_values[i]);
    }
    tg_tape_free_bytes(t, r->came, r->cap_came * sizeof *r->came);
    tg_tape_free_bytes(t, r, sizeof *r);
    k->rows = NULL;
}
