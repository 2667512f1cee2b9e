/* assign.c - overwriting what is kept: a tensor, a parameter, a buffer, a gradient. */
#include "graph/graph.h"

#include <tapegrad/tensor.h>

/* A kept node's memory was written by the caller: a gradient is there then, and not used up. */
static void note_write(tg_node *n)
{
    if (n->flags & TG_N_GRADIENT) tg_set_gradient(n);
    else tg_mark_written(n);
}

static tg_node *check_kept(tg_tensor *x, const char *function, tg_status *s)
{
    tg_node *n = tg_check(x, function);
    *s = n ? TG_OK : x ? TG_ERR_STALE : TG_ERR_NULL;
    if (n && !tg_may(n->tape, TG_IN_FUNCTION, function)) *s = TG_ERR_ARG;
    else if (n && !(n->flags & TG_N_KEPT))
        *s = tg_fail_on(n->tape, TG_ERR_ARG, function, "only parameters, kept tensors and their gradients can be overwritten");
    else if (n && n->w.kept->frozen) *s = tg_fail_on(n->tape, TG_ERR_ARG, function, "the tensor is a frozen model's, which nobody overwrites");
    return n;
}

tg_status tg_copy_from(tg_tensor *x, const void *src, size_t bytes)
{
    tg_status s;
    tg_node  *n = check_kept(x, "tg_copy_from", &s);
    if (s != TG_OK) return s;
    if (bytes != tg_value_bytes(n))
        return tg_fail_on(n->tape, TG_ERR_ARG, "tg_copy_from", "the tensor has %zu bytes, the source %zu", tg_value_bytes(n), bytes);
    if (!src && bytes) return tg_fail_on(n->tape, TG_ERR_NULL, "tg_copy_from", "the source is NULL");
    if (bytes) memmove(tg_host_memory(n), src, bytes);
    note_write(n);
    return TG_OK;
}

tg_status tg_assign(tg_tensor *x, tg_tensor *value)
{
    tg_status s;
    TG_CALL(tg_tape_of(x));
    tg_node *v = NULL, *n = check_kept(x, "tg_assign", &s);
    if (s == TG_OK) s = tg_value_for(n, value, "tg_assign", &v);
    if (s == TG_OK) s = tg_write_value(n, v);
    if (s == TG_OK) note_write(n);
    return s;
}
