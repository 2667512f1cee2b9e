/* derivative.c - the arguments and results of functions that give derivatives. */
#include "diff/derivative.h"

#include <stdio.h>
#include <tapegrad/tensor.h>

tg_status tg_check_float(const tg_asked *a, tg_tensor *x, const char *name)
{
    if (!x) return tg_fail_on(a->tape, TG_ERR_NULL, a->function, "%s is NULL", name);
    const tg_node *n = tg_check(x, a->function);
    if (!n) return TG_ERR_STALE;
    if (n->tape != a->tape) return tg_fail_on(a->tape, TG_ERR_TAPE, a->function, "the tensors belong to different tapes");
    if (tg_dtype_is_float((tg_dtype)n->dtype)) return TG_OK;
    return tg_fail_on(a->tape, TG_ERR_DTYPE, a->function, "%s is of %s, which has no derivatives; float32 and float64 have", name,
                      tg_dtype_name((tg_dtype)n->dtype));
}

tg_status tg_check_floats(const tg_asked *a, tg_tensor *const *x, int n, const char *what)
{
    char      name[40];
    tg_status s = TG_OK;
    for (int k = 0; k < n && s == TG_OK; k++) {
        snprintf(name, sizeof name, "%s %d", what, k);
        s = tg_check_float(a, x[k], name);
    }
    return s;
}

tg_status tg_check_one_element(const tg_asked *a, tg_tensor *y)
{
    char text[TG_SHAPE_TEXT];
    if (tg_node_numel(tg_node_of(y)) == 1) return TG_OK;
    return tg_fail_on(a->tape, TG_ERR_SHAPE, a->function, "y is %s; second derivatives are those of one element",
                      tg_shape_text(tg_node_of(y)->shape, text, sizeof text));
}

/* Vectors for tensors: what the sentences about them speak of, and what all of them have in common. */
typedef struct vectors {
    const tg_asked *asked;
    const char     *what, *of;
    int64_t         many; /* -1: each is one vector */
    int             first; /* the first that there is; -1: none so far */
} vectors;

static tg_status unlike(const vectors *w, const tg_node *v, const tg_node *x, int k)
{
    char have[TG_SHAPE_TEXT], want[TG_SHAPE_TEXT];
    return tg_fail_on(w->asked->tape, v->dtype == x->dtype ? TG_ERR_SHAPE : TG_ERR_DTYPE, w->asked->function,
                      "%s %d is %s %s; it has the shape and dtype of its %s, %s %s", w->what, k, tg_dtype_name((tg_dtype)v->dtype),
                      tg_shape_text(v->shape, have, sizeof have), w->of, tg_dtype_name((tg_dtype)x->dtype), tg_shape_text(x->shape, want, sizeof want));
}

/* Is v like x, or a stack of such, as all vectors are? */
static tg_status check_alike(vectors *w, const tg_node *v, const tg_node *x, int k)
{
    tg_shape      one = *v->shape;
    const bool    stack = one.rank == x->shape->rank + 1;
    const int64_t many = stack ? one.dim[0] : -1;
    if (stack) memmove(one.dim, one.dim + 1, (size_t)--one.rank * sizeof *one.dim);
    if (v->dtype != x->dtype || !tg_shape_equal(&one, x->shape)) return unlike(w, v, x, k);
    if (w->first < 0) w->first = k, w->many = many;
    if (w->many == many) return TG_OK;
    return tg_fail_on(w->asked->tape, TG_ERR_SHAPE, w->asked->function, "%ss %d and %d are not of as many at once: all have the same axis in front, or none has",
                      w->what, w->first, k);
}

/* What rules read of a kept vector is what it holds now, unlike what they read of a kept input: once written, it is a value here. */
static tg_status take_vector(vectors *w, tg_tensor *v, const tg_node *x, int k, tg_tensor **own)
{
    const tg_node *n = tg_check(v, w->asked->function);
    *own = v;
    if (!n) return v ? TG_ERR_STALE : TG_OK;
    if (n->tape != w->asked->tape) return tg_fail_on(w->asked->tape, TG_ERR_TAPE, w->asked->function, "the tensors belong to different tapes");
    const tg_status s = check_alike(w, n, x, k);
    if (s != TG_OK || !(n->flags & TG_N_KEPT) || tg_value_valid(n, 0)) return s;
    *own = tg_apart(v);
    return *own ? TG_OK : tg_failure(w->asked->tape, TG_ERR_MEMORY);
}

tg_status tg_take_vectors(const tg_asked *a, tg_tensor *const *v, tg_tensor *const *x, int n, const char *what, const char *of, int64_t *many,
                          tg_tensor ***own)
{
    vectors   w = {.asked = a, .what = what, .of = of, .many = -1, .first = -1};
    tg_status s = TG_OK;
    if (!(*own = tg_value_room(a->tape, (size_t)n * sizeof **own))) return TG_ERR_MEMORY;
    for (int k = 0; k < n && s == TG_OK; k++) s = take_vector(&w, v ? v[k] : NULL, tg_node_of(x[k]), k, &(*own)[k]);
    *many = w.many;
    return s;
}

tg_status tg_own_results(const tg_asked *a, tg_tensor **results, int n, tg_tensor *const *like, uint32_t first)
{
    tg_status s = TG_OK;
    int       marked = 0;
    for (; marked < n && s == TG_OK; marked++) {
        tg_tensor *x = results[marked] ? results[marked] : tg_zeros_like(like[marked]);
        tg_node   *node = tg_node_of(x);
        if (x && (node->id == TG_KEPT_ID || node->id < first || node->mark)) x = tg_view_of(x);
        if (x) tg_node_of(x)->mark = 1;
        else s = tg_failure(a->tape, TG_ERR_MEMORY);
        results[marked] = x;
    }
    for (int k = 0; k < marked; k++)
        if (results[k]) tg_node_of(results[k])->mark = 0;
    return s;
}
