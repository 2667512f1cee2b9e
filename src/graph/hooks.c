/* hooks.c - which functions see the gradients of which nodes, and calling them. The walk back asks for those of a node, of which a flag says whether
 * there are any; they lie in one list, which is sorted by node when it is first asked. */
#include "graph/graph.h"

#include <stdlib.h>
#include <tapegrad/gradient.h>

/* ---- the list ------------------------------------------------------------------------------------------------------ */

static int compare(const void *a, const void *b)
{
    const tg_hook  *x = a, *y = b;
    const uintptr_t m = (uintptr_t)x->node, n = (uintptr_t)y->node;
    if (m != n) return m < n ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

static void sort(tg_hooks *h)
{
    if (!h->sorted && h->n > 1) qsort(h->at, h->n, sizeof *h->at, compare);
    h->sorted = true;
}

/* The first hook of the node or of one behind it. */
static size_t first_of(tg_hooks *h, const tg_node *n)
{
    size_t low = 0, high = h->n;
    sort(h);
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if ((uintptr_t)h->at[middle].node < (uintptr_t)n) low = middle + 1;
        else high = middle;
    }
    return low;
}

static bool is_of(const tg_hook *h, const tg_node *n) { return h->node == n && h->gen == n->gen; }

void tg_tidy_hooks(tg_tape *t)
{
    tg_hooks *h = &t->hooks;
    size_t    n = 0;
    for (size_t i = 0; i < h->n; i++) {
        const tg_hook *a = &h->at[i];
        if ((a->fn || a->retains) && is_of(a, a->node) && (a->node->id == TG_KEPT_ID || a->gen == t->gen)) h->at[n++] = *a;
    }
    h->n = n;
    h->removed = 0;
}

void tg_free_hooks(tg_tape *t) { tg_heap_free(&t->services.heap, t->hooks.at, t->hooks.cap * sizeof *t->hooks.at); }

static tg_status add(tg_node *n, tg_hook hook)
{
    tg_hooks *h = &n->tape->hooks;
    if (!TG_GROW(n->tape, h->at, h->cap, h->n + 1)) return TG_ERR_MEMORY;
    hook.node = n;
    hook.gen = n->gen;
    hook.number = h->ever++;
    h->sorted = !h->n || (h->sorted && compare(&h->at[h->n - 1], &hook) < 0);
    h->at[h->n++] = hook;
    n->flags |= TG_N_HOOKED;
    return TG_OK;
}

/* ---- calling them --------------------------------------------------------------------------------------------------- */

static __attribute__((cold)) tg_tensor *refuse(const tg_node *n, const tg_tensor *g)
{
    char     of[TG_SHAPE_TEXT], got[TG_SHAPE_TEXT];
    tg_tape *t = n->tape;
    tg_shape_text(n->shape, of, sizeof of);
    if (!g || !tg_is_on(t, g))
        tg_fail_on(t, TG_ERR_GRAD, "tapegrad", "the hook of a %s tensor of shape %s returned %s; it returns what goes on in the gradient's place, or the gradient itself",
                   tg_dtype_name((tg_dtype)n->dtype), of, g ? "a stale tensor or one of another tape" : "NULL");
    else
        tg_fail_on(t, TG_ERR_GRAD, "tapegrad", "the hook of a %s tensor of shape %s returned a %s tensor of shape %s; a gradient has its tensor's shape and dtype",
                   tg_dtype_name((tg_dtype)n->dtype), of, tg_dtype_name(tg_dtype_of(g)), tg_shape_text(tg_shape_of(g), got, sizeof got));
    return NULL;
}

static tg_tensor *call(const tg_hook *hook, const tg_node *n, tg_tensor *g)
{
    tg_tape        *t = n->tape;
    const bool      grad = t->grad_enabled;
    const tg_inside was = tg_go_inside(t, TG_IN_HOOK, NULL, NULL);
    const uint64_t  errors = t->services.errors;
    t->services.latest = TG_OK;
    g = hook->fn(hook->ctx, g);
    t->services.inside = was;
    t->grad_enabled = grad; /* whatever the hook did to it */
    if (t->services.errors != errors) return NULL; /* whatever it made of that */
    const tg_node *made = tg_node_of(g);
    if (!g || !tg_is_on(t, g) || made->dtype != n->dtype || !tg_shape_equal(made->shape, n->shape)) return refuse(n, g);
    /* As a seed: what rules read of a kept tensor is what it holds now, also where it was written since the forward pass. */
    return made->flags & TG_N_KEPT && !tg_value_valid(made, 0) ? tg_apart(g) : g;
}

tg_tensor *tg_call_hooks(tg_node *n, tg_tensor *g)
{
    tg_hooks *h = &n->tape->hooks;
    for (size_t i = first_of(h, n); i < h->n && h->at[i].node == n && g; i++)
        if (is_of(&h->at[i], n) && h->at[i].fn) g = call(&h->at[i], n, g);
    return g;
}

bool tg_retains_grad(const tg_node *n)
{
    tg_hooks *h = &n->tape->hooks;
    if (!(n->flags & TG_N_HOOKED) || tg_ends_here(n)) return false;
    for (size_t i = first_of(h, n); i < h->n && h->at[i].node == n; i++)
        if (is_of(&h->at[i], n) && h->at[i].retains) return true;
    return false;
}

/* ---- public ---------------------------------------------------------------------------------------------------------- */

/* The node, if hooks of it would ever be called. */
static tg_node *check(tg_tensor *x, const char *function)
{
    tg_node *n = tg_check(x, function);
    if (!n || !tg_may(n->tape, TG_IN_FUNCTION, function)) return NULL;
    if (n->flags & TG_N_GRAD) return n;
    tg_fail_on(n->tape, TG_ERR_GRAD, function, "the tensor does not require grad, so no gradient comes by (tg_param, tg_set_requires_grad)");
    return NULL;
}

tg_tensor *tg_register_hook(tg_tensor *x, tg_hook_fn fn, void *ctx)
{
    tg_node *n = check(x, "tg_register_hook");
    if (!n) return NULL;
    TG_CALL(n->tape);
    if (!fn) tg_fail_on(n->tape, TG_ERR_NULL, "tg_register_hook", "the hook is NULL");
    return fn && add(n, (tg_hook){.fn = fn, .ctx = ctx}) == TG_OK ? x : NULL;
}

tg_status tg_remove_hook(tg_tensor *x, tg_hook_fn fn, void *ctx)
{
    tg_node *n = tg_check(x, "tg_remove_hook");
    if (!n) return x ? TG_ERR_STALE : TG_ERR_NULL;
    TG_CALL(n->tape);
    tg_hooks *h = &n->tape->hooks;
    tg_hook  *found = NULL;
    if (!tg_may(n->tape, TG_IN_FUNCTION, "tg_remove_hook")) return TG_ERR_ARG;
    for (size_t i = fn ? first_of(h, n) : h->n; i < h->n && h->at[i].node == n; i++)
        if (is_of(&h->at[i], n) && h->at[i].fn == fn && h->at[i].ctx == ctx) found = &h->at[i];
    if (!found) return tg_fail_on(n->tape, TG_ERR_ARG, "tg_remove_hook", "the tensor has no hook with this function and ctx");
    found->fn = NULL;
    if (++h->removed > h->n / 2) tg_tidy_hooks(n->tape);
    return TG_OK;
}

tg_tensor *tg_retain_grad(tg_tensor *x)
{
    tg_node *n = check(x, "tg_retain_grad");
    if (!n) return NULL;
    TG_CALL(n->tape);
    if (tg_ends_here(n) || tg_retains_grad(n)) return x;
    return add(n, (tg_hook){.retains = true}) == TG_OK ? x : NULL;
}
