/* lbfgs_memory.c - which tensors L-BFGS updates, and its memory: vectors of all their elements, and the pairs of its history. */
#include "optim/lbfgs.h"

void tg_lbfgs_forget(tg_lbfgs *o)
{
    o->first = o->n_pairs = 0;
    o->iterations = 0;
    o->now = (tg_lbfgs_numbers){0, 1};
}

static size_t pair_bytes(const tg_lbfgs *o) { return 2 * o->n * sizeof(double); }
static size_t vector_bytes(const tg_lbfgs *o) { return TG_VECTORS * o->n * sizeof(double); }

void tg_lbfgs_free_room(tg_lbfgs *o)
{
    for (size_t k = 0; k < o->slots && o->pairs; k++)
        if (o->pairs[k]) tg_tape_free_bytes(o->tape, o->pairs[k], pair_bytes(o));
    if (o->pairs) tg_tape_free_bytes(o->tape, o->pairs, o->slots * sizeof *o->pairs);
    if (o->weight) tg_tape_free_bytes(o->tape, o->weight, 2 * o->slots * sizeof *o->weight);
    if (o->vectors) tg_tape_free_bytes(o->tape, o->vectors, vector_bytes(o));
    o->pairs = NULL;
    o->weight = NULL;
    o->vectors = NULL;
}

bool tg_lbfgs_make_room(tg_lbfgs *o, const char *function)
{
    int64_t  count;
    size_t   bytes;
    const tg_shape shape = {2, {2 * TG_VECTORS, (int64_t)o->n}}; /* more than any of the arrays */
    if (tg_shape_size(&shape, TG_F64, &count, &bytes) != TG_OK) {
        tg_out_of_memory(o->tape, function);
        return false;
    }
    return (o->pairs || (o->pairs = tg_tape_alloc(o->tape, o->slots * sizeof *o->pairs))) &&
           (o->weight || (o->weight = tg_tape_alloc(o->tape, 2 * o->slots * sizeof *o->weight))) &&
           (o->vectors || (o->vectors = tg_tape_alloc(o->tape, vector_bytes(o))));
}

double *tg_lbfgs_next_pair(tg_lbfgs *o)
{
    double **pair = &o->pairs[tg_lbfgs_slot(o, o->n_pairs)];
    if (!*pair) *pair = tg_tape_alloc(o->tape, pair_bytes(o));
    return *pair;
}

void tg_lbfgs_add_pair(tg_lbfgs *o, double curvature)
{
    o->weight[tg_lbfgs_slot(o, o->n_pairs)] = 1 / curvature;
    if (++o->n_pairs < o->slots) return;
    o->first = tg_lbfgs_slot(o, 1);
    o->n_pairs--;
}

/* ---- which tensors -------------------------------------------------------------------------------------------------- */

static tg_status check_listed(const tg_lbfgs *o, const char *function)
{
    for (size_t i = 0; i < o->n_params; i++)
        if (!tg_is_live(o->params[i])) return tg_fail_on(o->tape, TG_ERR_STALE, function, "params[%zu] was released", i);
    return TG_OK;
}

/* Are these all parameters of the tape, as they are now? */
static bool has_all(const tg_lbfgs *o)
{
    if (o->n_params != o->tape->params.n) return false;
    for (size_t i = 0; i < o->n_params; i++)
        if (o->params[i] != tg_handle(tg_named_at(&o->tape->params, i))) return false;
    return true;
}

static size_t count_elements(const tg_lbfgs *o)
{
    size_t n = 0;
    for (size_t i = 0; i < o->n_params; i++) n += (size_t)tg_node_numel(tg_node_of(o->params[i]));
    return n;
}

tg_status tg_lbfgs_follow(tg_lbfgs *o, const char *function)
{
    tg_named *all = &o->tape->params;
    if (o->listed && check_listed(o, function) != TG_OK) return TG_ERR_STALE;
    if (!o->listed && !has_all(o)) {
        if (!TG_GROW(o->tape, o->params, o->cap_params, all->n)) return TG_ERR_MEMORY;
        tg_lbfgs_free_room(o);
        tg_lbfgs_forget(o);
        for (size_t i = 0; i < all->n; i++) o->params[i] = tg_handle(tg_named_at(all, i));
        o->n_params = all->n;
    }
    if (!o->vectors) o->n = count_elements(o);
    return TG_OK;
}
