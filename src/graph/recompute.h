/* recompute.h - calls of functions that are recorded once more when the walk back comes by. */
#ifndef TG_RECOMPUTE_H
#define TG_RECOMPUTE_H

#include "graph/graph.h"

/* A function's output: a view of what it recorded, in whose place the walk goes through a second recording. The outputs of a call lie side by side. */
extern const tg_op tg_op_recompute;
static inline bool tg_is_recomputed(const tg_node *n) { return n->op == &tg_op_recompute; }

/* What the second recording reads its inputs by: input 0, not before input 1 is computed. It depends on that in nothing but time. */
extern const tg_op tg_op_after;
static inline bool tg_only_waits_for(const tg_node *n, uint32_t i) { return n->op == &tg_op_after && i == 1; }

int      tg_recompute_number(const tg_node *output);                  /* which output of its call it is */
int      tg_recompute_count(const tg_node *output);                   /* how many there are */
/* Records the call of this output 0 once more. What is recorded waits for `after`, a gradient, to be computed. out gets the outputs. */
tg_status tg_record_again(tg_node *output, tg_tensor *after, tg_tensor **out);

#endif
