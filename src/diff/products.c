/* products.c - products with Jacobians: forward mode (tg_jvp) and reverse mode (tg_vjp); and what all products with vectors share. For many vectors at
 * once a product is recorded for one, which is a placeholder, and vectorised. */
#include "diff/products.h"

#include <tapegrad/derivative.h>
#include <tapegrad/tape.h>
#include <tapegrad/tensor.h>
#include <tapegrad/vmap.h>
#include "diff/jvp.h"
#include "diff/reverse.h"

static tg_status forward(const tg_product *p, tg_tensor *const *v, tg_tensor **made)
{
    return tg_forward(p->asked.tape, p->outputs, p->n_outputs, p->inputs, v, p->n_inputs, p->asked.function, made);
}

static tg_status reverse(const tg_product *p, tg_tensor *const *u, tg_tensor **made)
{
    return tg_reverse(p->asked.tape, p->outputs, u, p->n_outputs, p->inputs, p->n_inputs, p->asked.function, made);
}

tg_product tg_forward_product(const tg_asked *a, tg_tensor *const *outputs, int n_outputs, tg_tensor *const *inputs, int n_inputs)
{
    return (tg_product){.asked = *a, .outputs = outputs, .inputs = inputs, .n_outputs = n_outputs, .n_inputs = n_inputs, .record = forward, .tangents = true};
}

tg_product tg_reverse_product(const tg_asked *a, tg_tensor *const *outputs, int n_outputs, tg_tensor *const *inputs, int n_inputs)
{
    return (tg_product){.asked = *a, .outputs = outputs, .inputs = inputs, .n_outputs = n_outputs, .n_inputs = n_inputs, .record = reverse, .seeds = true};
}

/* Zeros in place of nothing. */
static tg_status fill_in(const tg_asked *a, tg_tensor **made, tg_tensor *const *like, int n)
{
    for (int k = 0; k < n; k++)
        if (!made[k] && !(made[k] = tg_zeros_like(like[k]))) return tg_failure(a->tape, TG_ERR_MEMORY);
    return TG_OK;
}

tg_status tg_record_gradient(const tg_asked *a, tg_tensor *y, tg_tensor *const *inputs, int n_inputs, tg_tensor **gradients)
{
    const bool was = tg_set_grad_enabled(a->tape, true);
    tg_status  s = tg_reverse(a->tape, &y, NULL, 1, inputs, n_inputs, a->function, gradients);
    if (s == TG_OK) s = fill_in(a, gradients, inputs, n_inputs);
    tg_set_grad_enabled(a->tape, was);
    return s;
}

/* ---- many vectors at once -------------------------------------------------------------------------------------------- */

/* Ones in place of each vector that there is, for one product: placeholders[k]. The others without gaps: there[i] stands for many[i]. */
static tg_status place(const tg_product *p, tg_tensor *const *vectors, tg_tensor **placeholders, tg_tensor **there, tg_tensor **many, int *n_there)
{
    int               n;
    tg_tensor *const *like = tg_vectors_like(p, &n);
    for (int k = 0; k < n; k++) {
        placeholders[k] = NULL;
        if (!vectors[k]) continue;
        if (!(placeholders[k] = tg_ones_like(like[k]))) return tg_failure(p->asked.tape, TG_ERR_MEMORY);
        there[*n_there] = placeholders[k];
        many[(*n_there)++] = vectors[k];
    }
    return TG_OK;
}

tg_status tg_record_many(const tg_product *p, tg_tensor *const *vectors, tg_tensor **made)
{
    static const tg_vmap_options any_op = {.one_by_one = true};
    int                          n, n_made, n_there = 0;
    (void)tg_vectors_like(p, &n);
    tg_tensor *const *like = tg_results_like(p, &n_made);
    tg_tensor       **one = tg_value_room(p->asked.tape, 3 * (size_t)n * sizeof *one), **there = one + n, **many = one + 2 * n;
    if (!one) return TG_ERR_MEMORY;
    tg_status s = place(p, vectors, one, there, many, &n_there);
    if (s == TG_OK) s = p->record(p, one, made);
    if (s == TG_OK) s = fill_in(&p->asked, made, like, n_made);
    return s == TG_OK ? tg_vmap(made, n_made, there, many, n_there, &any_op, made) : s;
}

/* ---- what the public functions share ---------------------------------------------------------------------------------- */

static tg_status check(const tg_product *p, const void *vectors, const void *results)
{
    const tg_asked *a = &p->asked;
    if (!p->inputs) return tg_fail_on(a->tape, TG_ERR_NULL, a->function, "inputs is NULL");
    if (!results) return tg_fail_on(a->tape, TG_ERR_NULL, a->function, "results is NULL");
    if (!p->seeds && !vectors) return tg_fail_on(a->tape, TG_ERR_NULL, a->function, "%s is NULL", p->tangents ? "tangents" : "vectors");
    if (p->n_inputs < 0) return tg_fail_on(a->tape, TG_ERR_ARG, a->function, "the number of inputs is %d", p->n_inputs);
    const bool second = !p->seeds && !p->tangents; /* derivatives of one y */
    tg_status  s = second ? tg_check_float(a, p->outputs[0], "y") : tg_check_floats(a, p->outputs, p->n_outputs, "output");
    if (s == TG_OK && second) s = tg_check_one_element(a, p->outputs[0]);
    if (s == TG_OK && p->through) s = tg_check_float(a, p->through, "z");
    return s == TG_OK ? tg_check_floats(a, p->inputs, p->n_inputs, "input") : s;
}

/* Results are written last: they may be one array with outputs and inputs. */
static tg_status record(const tg_product *p, tg_tensor *const *vectors, int64_t many, bool create_graph, tg_tensor **results)
{
    int               n;
    tg_tensor *const *like = tg_results_like(p, &n);
    tg_tape          *t = p->asked.tape;
    const uint32_t    first = t->count;
    tg_tensor       **made = tg_value_room(t, (size_t)n * sizeof *made);
    if (!made) return TG_ERR_MEMORY;
    const bool was = tg_set_grad_enabled(t, create_graph && t->grad_enabled);
    tg_status  s = many < 0 ? p->record(p, vectors, made) : tg_record_many(p, vectors, made);
    if (s == TG_OK) s = tg_own_results(&p->asked, made, n, like, first);
    tg_set_grad_enabled(t, was);
    for (int k = 0; k < n && s == TG_OK; k++) results[k] = made[k];
    return s;
}

static tg_status check_seeds(const tg_product *p, tg_tensor *const *vectors, int64_t many)
{
    for (int k = 0; p->seeds && k < p->n_outputs; k++) {
        if (vectors[k]) continue;
        if (many >= 0) return tg_fail_on(p->asked.tape, TG_ERR_NULL, p->asked.function, "seed %d is NULL, and others are of many at once", k);
        if (tg_node_numel(tg_node_of(p->outputs[k])) != 1)
            return tg_fail_on(p->asked.tape, TG_ERR_SHAPE, p->asked.function, "output %d has more than one element, and needs a seed", k);
    }
    return TG_OK;
}

static tg_status product(tg_product *p, tg_tensor *const *vectors, bool create_graph, tg_tensor **results)
{
    const char *function = p->asked.function;
    if (!p->outputs || p->n_outputs < 1) return p->outputs ? TG_ERR_ARG : TG_ERR_NULL; /* no tensor, no tape to tell it to */
    const tg_node *y = tg_check(p->outputs[0], function);
    if (!y) return p->outputs[0] ? TG_ERR_STALE : TG_ERR_NULL;
    TG_CALL_AS(y->tape, function);
    if (!tg_may(y->tape, TG_IN_FUNCTION, function)) return TG_ERR_ARG;
    int         n;
    int64_t     many;
    tg_tensor **own = NULL;
    p->asked.tape = y->tape;
    tg_status         s = check(p, vectors, results);
    tg_tensor *const *like = tg_vectors_like(p, &n);
    const char       *what = p->seeds ? "seed" : p->tangents ? "tangent" : "vector", *of = p->seeds ? "output" : "input";
    if (s == TG_OK) s = tg_take_vectors(&p->asked, vectors, like, n, what, of, &many, &own);
    if (s == TG_OK) s = check_seeds(p, own, many);
    return s == TG_OK ? record(p, own, many, create_graph, results) : s;
}

tg_status tg_give_product(tg_product *p, tg_tensor *const *vectors, bool create_graph, tg_tensor **results)
{
    int             n;
    const tg_status s = product(p, vectors, create_graph, results);
    (void)tg_results_like(p, &n);
    for (int k = 0; s != TG_OK && results && k < n; k++) results[k] = NULL;
    return s;
}

/* ---- Jacobians --------------------------------------------------------------------------------------------------------- */

tg_status tg_jvp(tg_tensor *const *outputs, int n_outputs, tg_tensor *const *inputs, tg_tensor *const *tangents, int n_inputs, bool create_graph,
                 tg_tensor **results)
{
    tg_product p = tg_forward_product(&(tg_asked){NULL, "tg_jvp"}, outputs, n_outputs, inputs, n_inputs);
    return tg_give_product(&p, tangents, create_graph, results);
}

tg_status tg_vjp(tg_tensor *const *outputs, tg_tensor *const *seeds, int n_outputs, tg_tensor *const *inputs, int n_inputs, bool create_graph,
                 tg_tensor **results)
{
    tg_product p = tg_reverse_product(&(tg_asked){NULL, "tg_vjp"}, outputs, n_outputs, inputs, n_inputs);
    return tg_give_product(&p, seeds, create_graph, results);
}
