/* graph_view.h - what some tensors are computed from, as a list in reading order, for a listing and for a picture. */
#ifndef TG_GRAPH_VIEW_H
#define TG_GRAPH_VIEW_H

#include "graph/graph.h"

/* Leaves that outlive tg_reset come first (parameters, buffers, others), then nodes as they were recorded. node->mark is 1 + its place, until
 * tg_graph_view_free. */
typedef struct tg_graph_view {
    tg_tape  *tape;
    tg_node **node;
    size_t    n, cap;
} tg_graph_view;

/* All are live tensors of one tape. An error is that there is no memory; to be freed even so. Nothing is recorded meanwhile. */
tg_status tg_graph_view_make(tg_graph_view *v, tg_tensor *const *t, int n);
void      tg_graph_view_free(tg_graph_view *v);

/* Are these n tensors of one tape, at least one? The tape; NULL after a sentence in the name of `function`, or without one for n < 1 and NULL. */
tg_tape *tg_graph_view_check(tg_tensor *const *t, int n, const char *function);

static inline bool tg_is_number(const tg_node *n) { return n->op->kind == TG_CONST; }

/* "encoder.weight" of a parameter or buffer, "%7" of the node at place 7, "0.5" of a constant; control characters as '?'. Returns text. */
enum { TG_VIEW_TEXT = 208 };
const char *tg_view_name(const tg_node *n, char text[TG_VIEW_TEXT]);

/* "parameter", "buffer", "kept", "data", "number" of what is no op's result; else NULL. */
const char *tg_view_leaf(const tg_node *n);

#endif
