/* leaf.c - the op of what comes from outside: it has no inputs, and its shape and dtype are its attributes. */
#include "graph/leaf.h"

static tg_status leaf_infer(tg_call *c)
{
    const tg_leaf_attr *a = c->attr;
    if (!tg_is_dtype(a->dtype)) return tg_fail(c, TG_ERR_DTYPE, "there is no such dtype");
    if (tg_shape_size(&a->shape, a->dtype, NULL, NULL) != TG_OK)
        return tg_fail(c, TG_ERR_SHAPE, "the shape is invalid: rank 0 to 8, sizes >= 0, total size within memory");
    c->shape = a->shape;
    c->dtype = a->dtype;
    return TG_OK;
}

const tg_op tg_op_leaf = {.name = "leaf", .kind = TG_LEAF, .arity = 0, .infer = leaf_infer};
