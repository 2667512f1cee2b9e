/* embedding.c - rows of a table by index, made of other ops. */
#include "ops/ops.h"

#include <tapegrad/index.h>

/* The rows are picked by one index_select, whose gradient adds up equal rows in the order of the indices. */
tg_tensor *tg_embedding(tg_tensor *weight, tg_tensor *index)
{
    const tg_node *w, *i;
    char           text[TG_SHAPE_TEXT];
    if (!(w = tg_check(weight, "tg_embedding")) || !(i = tg_check(index, "tg_embedding"))) return NULL;
    TG_CALL(w->tape);
    if (w->shape->rank != 2) {
        tg_fail_on(w->tape, TG_ERR_SHAPE, "tg_embedding",
                   "the weight is %s; it has one row for each index, [rows, width]",
                   tg_shape_text(w->shape, text, sizeof text));
        return NULL;
    }
    tg_shape s = *i->shape;
    if (s.rank == TG_MAX_RANK) {
        tg_fail_on(w->tape, TG_ERR_SHAPE, "tg_embedding", "the result would have more than %d axes", TG_MAX_RANK);
        return NULL;
    }
    s.dim[s.rank++] = w->shape->dim[1];
    return tg_reshape_if(tg_index_select(weight, 0, tg_reshape_if(index, TG_SHAPE(tg_node_numel(i)))), &s);
}
