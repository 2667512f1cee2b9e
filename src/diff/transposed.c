/* transposed.c - the tangent of an op that has no rule for it, from its vjp. That is linear in g: v(g) = J^T g. So the gradient of t^T v(u) with
 * respect to u is J t, at any u. v(u) is recorded, and walked back to u; of what is recorded for it only that is ever computed which J t is made of. */
#include "diff/jvp.h"
#include "diff/reverse.h"
#include "graph/rule.h"

#include <tapegrad/tensor.h>

/* What is asked about in place of gradients: ones, for which no rule leaves a slope out as it does where a gradient is 0. */
static tg_status place_seeds(tg_call *c, const tg_node *n, const bool *needed, tg_tensor **u)
{
    for (int k = 0; k < tg_results(n->op); k++) {
        const tg_node *r = k ? tg_result_of_call(n, k) : n;
        u[k] = NULL;
        if (needed[k] && tg_dtype_is_float((tg_dtype)r->dtype) && !(u[k] = tg_ones_like(tg_handle_on(c->tape, r)))) return tg_failure(c->tape, TG_ERR_MEMORY);
        if (k) c->result[k].g = u[k];
    }
    return TG_OK;
}

/* v[j] = what the vjp says of the j-th of the inputs that have a tangent, t[j]. They are recorded with gradients on, for the way back is by them. */
static tg_status ask_all(tg_call *c, const tg_node *n, tg_tensor *const *tangents, tg_tensor *u, tg_tensor **v, tg_tensor **t, int *count)
{
    tg_tensor      *shared[TG_MOST_RESULTS] = {NULL};
    tg_status       s = TG_OK;
    const bool      grad = tg_set_grad_enabled(c->tape, true);
    const tg_inside was = tg_go_inside(c->tape, TG_IN_RULE, "vjp", c->op);
    c->shared = shared;
    *count = 0;
    for (int i = 0; i < c->n_in && s == TG_OK; i++) {
        if (!tangents[i]) continue;
        t[*count] = tangents[i];
        if (!(v[(*count)++] = tg_call_vjp(c, n, i, u))) s = tg_failure(c->tape, TG_ERR_GRAD);
    }
    c->shared = NULL;
    c->tape->services.inside = was;
    tg_set_grad_enabled(c->tape, grad);
    return s;
}

tg_status tg_transposed_rule(tg_call *c, const tg_node *n, tg_tensor *const *tangents, const bool *needed, const char *function, tg_tensor **results)
{
    tg_tensor  *u[TG_MOST_RESULTS], *asked[TG_MOST_RESULTS], *grads[TG_MOST_RESULTS];
    tg_tensor **v = tg_value_room(c->tape, (size_t)c->n_in * sizeof *v), **t = tg_value_room(c->tape, (size_t)c->n_in * sizeof *t);
    const int   count = tg_results(n->op);
    int         n_v = 0, n_u = 0;
    tg_status   s = v && t ? place_seeds(c, n, needed, u) : TG_ERR_MEMORY;
    if (s == TG_OK) s = ask_all(c, n, tangents, u[0], v, t, &n_v);
    if (s != TG_OK) return s;
    for (int k = 0; k < count; k++)
        if (u[k]) asked[n_u++] = u[k];
    s = tg_reverse(c->tape, v, t, n_v, asked, n_u, function, grads);
    for (int k = 0, at = 0; k < count && s == TG_OK; k++) results[k] = u[k] ? grads[at++] : NULL;
    return s;
}
