/* leaf.h - the attributes of a leaf, and leaves that say where they come from. */
#ifndef TG_LEAF_H
#define TG_LEAF_H

#include "graph/graph.h"

typedef struct tg_leaf_attr {
    tg_shape shape;
    tg_dtype dtype;
    int32_t  chosen; /* 1: how many elements there are depends on numbers that were computed when it was recorded; else 0 */
    const tg_node *by; /* the node of the recording that has these numbers; NULL where they were kept */
} tg_leaf_attr;

/* A leaf, as of tg_new_leaf, whose shape depends on the numbers of `by`, which were computed just now, such as the places where a mask is true. */
tg_node *tg_new_chosen_leaf(const tg_node *by, tg_dtype dtype, const tg_shape *shape, void **data);
bool     tg_is_chosen(const tg_node *n); /* is it such a leaf? */
const tg_node *tg_chosen_by(const tg_node *n); /* by which node of the recording; NULL: by none, or it is no such leaf */

#endif
