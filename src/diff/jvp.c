/* jvp.c - forward mode: a walk up the nodes between inputs and outputs. Each node's tangent is recorded from those of what it reads, as the walk back
 * records gradients; nothing of it costs arithmetic until somebody reads a result, and what is computed then is one plan with the values. */
#include "diff/jvp.h"

#include <tapegrad/pointwise.h>
#include "graph/rule.h"
#include "graph/subgraph.h"
#include "ops/ops.h"

typedef struct walk {
    tg_tape    *t;
    const char *function;
    tg_subgraph s;
    tg_tensor **tangent; /* of each node so far; NULL: zero */
    bool       *needed;  /* some output is made of it: of a call's results not all are */
} walk;

/* ---- one node ------------------------------------------------------------------------------------------------------ */

static tg_status unfit(const tg_call *c, tg_tensor *t)
{
    char text[TG_SHAPE_TEXT];
    if (c->tape->services.latest != TG_OK && !t) return c->tape->services.latest;
    if (!t) return tg_fail(c, TG_ERR_GRAD, "its jvp returned no tangent");
    if (!tg_is_on(c->tape, t)) return tg_fail(c, TG_ERR_GRAD, "its jvp returned a stale tensor or one of another tape");
    const tg_node *n = tg_node_of(t);
    return tg_fail(c, TG_ERR_GRAD, "its jvp returned a %s tangent of shape %s", tg_dtype_name((tg_dtype)n->dtype), tg_shape_text(n->shape, text, sizeof text));
}

/* What a rule answered about node n, checked, and expanded where not every input was as large as the result. */
static tg_status fit(const tg_call *c, const tg_node *n, tg_tensor *answer, tg_tensor **tangent)
{
    if (!answer || !tg_is_on(c->tape, answer)) return unfit(c, answer);
    const tg_node *a = tg_node_of(answer);
    if (a->dtype != n->dtype || !tg_broadcasts_to(a->shape, n->shape)) return unfit(c, answer);
    *tangent = tg_expand_if(answer, n->shape);
    return *tangent ? TG_OK : tg_failure(c->tape, TG_ERR_MEMORY);
}

/* Is the derivative of each element of the result by one element of each input, in the same dtype? Then it is its own transpose. */
static bool is_diagonal(const tg_call *c, const tg_node *n, tg_tensor *const *t)
{
    bool same = c->op->kind == TG_POINTWISE;
    for (int i = 0; i < c->n_in && same; i++) same = !t[i] || tg_node_of(t[i])->dtype == n->dtype;
    return same;
}

/* Of a pointwise op: what its vjp says of each tangent in place of a gradient. The library's rows broadcast by themselves. */
static tg_status diagonal(const tg_call *c, const tg_node *n, tg_tensor *const *t, tg_tensor **tangent)
{
    tg_tensor *sum = NULL;
    for (int i = 0; i < c->n_in; i++) {
        tg_tensor *part = t[i];
        if (!part) continue;
        if (!c->op->row && !(part = tg_expand_if(part, n->shape))) return tg_failure(c->tape, TG_ERR_MEMORY);
        part = tg_ask_vjp(c, n, i, part);
        if (!part || !tg_is_on(c->tape, part)) return unfit(c, part);
        sum = sum ? tg_add(sum, part) : part;
        if (!sum) return tg_failure(c->tape, TG_ERR_GRAD);
    }
    return fit(c, n, sum, tangent);
}

/* By the op's own rule. Of several results any may have no tangent. */
static tg_status by_jvp(const tg_call *c, const tg_node *n, tg_tensor *const *t, tg_tensor **tangent)
{
    tg_tensor *answer = tg_ask_jvp(c, n, t);
    tg_status  s = answer || !(n->traits & TG_HAS_RESULTS) ? fit(c, n, answer, &tangent[0]) : c->tape->services.latest;
    for (int k = 1; k < tg_results(n->op) && s == TG_OK; k++)
        if (c->result[k].tangent) s = fit(c, tg_result_of_call(n, k), c->result[k].tangent, &tangent[k]);
    return s;
}

/* The tangents of a call's results from those of its inputs, t. */
static tg_status tangents_of(walk *w, tg_call *c, const tg_node *n, const bool *needed, tg_tensor *const *t, tg_tensor **tangent)
{
    if (!n->op->jvp && !is_diagonal(c, n, t)) return tg_transposed_rule(c, n, t, needed, w->function, tangent);
    const tg_inside was = tg_go_inside(w->t, TG_IN_RULE, n->op->jvp ? "jvp" : "vjp", n->op);
    const tg_status s = n->op->jvp ? by_jvp(c, n, t, tangent) : diagonal(c, n, t, tangent);
    w->t->services.inside = was;
    return s;
}

/* ---- the walk ------------------------------------------------------------------------------------------------------ */

/* Adds what came to place k to what is there. */
static tg_status add_to(walk *w, size_t k, tg_tensor *tangent)
{
    tg_tensor **at = &w->tangent[k];
    if (!tangent) return TG_OK;
    *at = *at ? tg_add(*at, tangent) : tangent;
    return *at ? TG_OK : tg_failure(w->t, TG_ERR_GRAD);
}

static void fill_results(const tg_node *n, tg_call_result *result)
{
    for (int k = 1; k < tg_results(n->op); k++) {
        const tg_node *r = tg_result_of_call(n, k);
        result[k] = (tg_call_result){.dtype = (tg_dtype)r->dtype, .out = tg_handle_on(n->tape, r)};
    }
}

/* The call at place k, with all its results. */
static tg_status step(walk *w, size_t k)
{
    tg_node        *n = w->s.node[k];
    const uint32_t *from = w->s.from + w->s.first[k];
    tg_tensor      *shared[TG_MOST_RESULTS] = {NULL};
    tg_call         c = {.tape = w->t, .shared = shared};
    tg_call_result  result[TG_MOST_RESULTS];
    tg_tensor      *few[TG_FEW_INPUTS], *few_tangents[TG_FEW_INPUTS], **t = few_tangents, *tangent[TG_MOST_RESULTS] = {NULL};
    bool            some = false;
    if (n->traits & TG_IS_RESULT) return TG_OK;
    if (n->n_in > TG_FEW_INPUTS && !(t = tg_value_room(w->t, n->n_in * sizeof *t))) return TG_ERR_MEMORY;
    for (uint32_t i = 0; i < n->n_in; i++) some |= (t[i] = from[i] == TG_NOWHERE ? NULL : w->tangent[from[i]]) != NULL;
    if (!some) return TG_OK;
    const tg_inside was = w->t->services.inside;
    tg_status       s = tg_call_of(&c, n, few);
    if (n->traits & TG_HAS_RESULTS) fill_results(n, c.result = result);
    if (s == TG_OK) s = tangents_of(w, &c, n, w->needed + k, t, tangent);
    w->t->services.inside = was;
    for (int j = 0; j < tg_results(n->op) && s == TG_OK; j++) s = add_to(w, k + (size_t)j, tangent[j]);
    return s;
}

static tg_status open_walk(walk *w, tg_node *const *y, int n_outputs, tg_node *const *x, int n_inputs)
{
    const tg_status s = tg_subgraph_find(w->t, y, (size_t)n_outputs, x, (size_t)n_inputs, TG_WAYS_OF_GRADIENTS, &w->s);
    if (s != TG_OK) return s;
    w->tangent = tg_value_room(w->t, w->s.n * sizeof *w->tangent);
    w->needed = tg_value_room(w->t, w->s.n * sizeof *w->needed);
    if (!w->tangent || !w->needed) return TG_ERR_MEMORY;
    memset(w->tangent, 0, w->s.n * sizeof *w->tangent);
    memset(w->needed, 0, w->s.n * sizeof *w->needed);
    for (size_t k = 0; k < w->s.n; k++) {
        const bool result = w->s.node[k]->traits & TG_IS_RESULT; /* its call is not needed for its own sake */
        for (uint32_t i = 0; i < w->s.node[k]->n_in && !result; i++)
            if (w->s.from[w->s.first[k] + i] != TG_NOWHERE) w->needed[w->s.from[w->s.first[k] + i]] = true;
    }
    for (int k = 0; k < n_outputs; k++)
        if (w->s.output[k] != TG_NOWHERE) w->needed[w->s.output[k]] = true;
    return TG_OK;
}

tg_status tg_forward(tg_tape *t, tg_tensor *const *outputs, int n_outputs, tg_tensor *const *inputs, tg_tensor *const *tangents, int n_inputs,
                     const char *function, tg_tensor **results)
{
    walk      w = {.t = t, .function = function};
    tg_node **y = tg_value_room(t, (size_t)n_outputs * sizeof *y), **x = tg_value_room(t, (size_t)n_inputs * sizeof *x);
    int       used = 0;
    if (!y || !x) return TG_ERR_MEMORY;
    for (int k = 0; k < n_outputs; k++) y[k] = tg_node_of(outputs[k]);
    for (int k = 0; k < n_inputs; k++)
        if (tangents[k]) x[used++] = tg_node_of(inputs[k]);
    tg_status s = open_walk(&w, y, n_outputs, x, used);
    for (int k = 0, at = 0; k < n_inputs && s == TG_OK; k++)
        if (tangents[k] && w.s.input[at++] != TG_NOWHERE) s = add_to(&w, w.s.input[at - 1], tangents[k]);
    for (size_t k = 0; k < w.s.n && s == TG_OK; k++) s = step(&w, k);
    for (int k = 0; k < n_outputs && s == TG_OK; k++) results[k] = w.s.output[k] == TG_NOWHERE ? NULL : w.tangent[w.s.output[k]];
    return s;
}
