/* subgraph.h - the nodes of the recording between inputs and outputs: what depends on an input and leads to an output. Whoever walks from
 * inputs to outputs, recording something for each node, walks over these. */
#ifndef TG_SUBGRAPH_H
#define TG_SUBGRAPH_H

#include "graph/graph.h"

typedef enum tg_ways {
    TG_WAYS_OF_VALUES,    /* over every input of every op: an output's value depends on the input's. Also to leaves whose shape depends on such numbers (leaf.h) */
    TG_WAYS_OF_GRADIENTS, /* where a gradient comes back, were the inputs leaves that require one: not over integers, inputs that ops have no gradient
                             for, what was recorded with gradients off, or results that were made leaves (tg_set_requires_grad) */
} tg_ways;

#define TG_NOWHERE UINT32_MAX /* the place of what is not in the subgraph */

/* Nodes in tape order, kept ones (which are inputs) before them; a node's place is its number among them. A call with several results is
 * followed by all of these. An input may itself depend on others. It lies in memory of the recording, and recording leaves it as it is. */
typedef struct tg_subgraph {
    size_t    n;
    tg_node **node;
    uint32_t *from;   /* the places of what node k reads: from[first[k]] …, one for each of its inputs */
    size_t   *first;
    uint32_t *input;  /* the place of each input: TG_NOWHERE where no output depends on it; the same for one that was given twice */
    uint32_t *output; /* the place of each output: TG_NOWHERE where it depends on no input */
} tg_subgraph;

/* All are nodes of the tape; outputs and inputs may have some in common. An error is that there is no memory. */
tg_status tg_subgraph_find(tg_tape *t, tg_node *const *outputs, size_t n_outputs, tg_node *const *inputs, size_t n_inputs, tg_ways ways,
                           tg_subgraph *s);

#endif
