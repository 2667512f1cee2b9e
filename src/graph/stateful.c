/* stateful.c - the list of what of a tape has a state, and the check of values that are to become one. */
#include "graph/stateful.h"

static tg_owned *stateful_from(tg_owned *o)
{
    while (o && !o->state) o = o->prev;
    return o;
}

/* What was made last comes first among what a tape owns. */
tg_owned *tg_first_stateful(tg_tape *t)
{
    tg_owned *o = t->services.owned;
    while (o && o->next) o = o->next;
    return stateful_from(o);
}

tg_owned *tg_next_stateful(tg_owned *o) { return stateful_from(o->prev); }

tg_status tg_state_elements(tg_tape *t, tg_tensor *value, tg_dtype dtype, int64_t n, const char *what, const char *function,
                            const void **elements)
{
    tg_node *v = tg_check(value, function);
    if (!v) return value ? TG_ERR_STALE : TG_ERR_NULL;
    if (v->tape != t) return tg_fail_on(t, TG_ERR_TAPE, function, "the tensors belong to different tapes");
    if ((tg_dtype)v->dtype != dtype || tg_node_numel(v) != n)
        return tg_fail_on(t, TG_ERR_DTYPE, function, "%s %s %lld element%s of %s, got %lld of %s", what, n == 1 ? "is" : "are",
                          (long long)n, n == 1 ? "" : "s", tg_dtype_name(dtype), (long long)tg_node_numel(v),
                          tg_dtype_name((tg_dtype)v->dtype));
    *elements = tg_contiguous_value(v);
    return *elements ? TG_OK : t->services.latest;
}
