/* leaf.h - the attributes of a leaf. */
#ifndef TG_LEAF_H
#define TG_LEAF_H

#include "graph/graph.h"

typedef struct tg_leaf_attr {
    tg_shape shape;
    tg_dtype dtype;
    int32_t  zero;
} tg_leaf_attr;

#endif
