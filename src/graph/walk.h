/* walk.h - the reversed walk, for those who make something of its gradients. */
#ifndef TG_WALK_H
#define TG_WALK_H

#include "graph/graph.h"

/* Seeds the outputs and walks to the inputs with flag `follow`, TG_N_GRAD or TG_N_ASKED. Afterwards t->walk.adjoints holds the gradients of
 * the leaves (keep: of all nodes), until tg_forget_adjoints. */
tg_status tg_differentiate(tg_tape *t, tg_tensor *const *outputs, tg_tensor *const *seeds, int n, uint32_t follow, bool keep,
                           const char *function);
void      tg_unmark_walk(tg_tape *t); /* the nodes with adjoints: planning marks nodes, too */
void      tg_forget_adjoints(tg_tape *t);
tg_status tg_no_path(tg_tape *t, uint32_t follow, const char *function); /* the error that no input is reached */
void      tg_find_ways(tg_tape *t, uint32_t last); /* marks with TG_N_ASKED what leads to what has it, up to this node … */
void      tg_forget_ways(tg_tape *t, uint32_t last); /* … and takes the marks away */
void      tg_walk_free(tg_tape *t);

#endif
