/* shadows.c - a copy beside each of many tensors. */
#include "optim/shadows.h"

#include <stdio.h>

void tg_shadows_free(tg_shadows *s)
{
    for (size_t k = 0; k < s->n; k++) tg_block_free(&s->tape->services.heap, s->at[k].copy);
    tg_heap_free(&s->tape->services.heap, s->at, s->cap * sizeof *s->at);
}

static bool is_live(const tg_shadow *s) { return s->node->gen == s->gen && s->node->flags & TG_N_KEPT; }

void tg_shadows_drop_released(tg_shadows *s)
{
    size_t n = 0;
    for (size_t k = 0; k < s->n; k++) {
        if (!is_live(&s->at[k])) tg_block_free(&s->tape->services.heap, s->at[k].copy);
        else s->at[n++] = s->at[k];
    }
    s->n = n;
}

static bool add(tg_shadows *s, tg_node *n, const char *function)
{
    const size_t bytes = tg_value_bytes(n);
    if (!TG_GROW(s->tape, s->at, s->cap, s->n + 1)) return false;
    tg_block *copy = tg_block_new(&s->tape->services.heap, bytes ? bytes : 1);
    if (!copy) {
        tg_out_of_memory(s->tape, function);
        return false;
    }
    if (bytes) memcpy(copy->data, tg_host_memory(n), bytes);
    s->at[s->n++] = (tg_shadow){n, n->gen, bytes, copy};
    return true;
}

/* While it looks for those without copies, marks say which have one. */
bool tg_shadows_take_new(tg_shadows *s, const char *function)
{
    const int had = (int)s->n, all = s->listed ? 0 : tg_saved_count(s->tape);
    bool      fine = true;
    for (int k = 0; k < had; k++) s->at[k].node->mark = 1;
    for (int k = 0; k < all && fine; k++) {
        tg_node *n = tg_node_of(tg_saved_at(s->tape, k));
        fine = n->mark || add(s, n, function);
    }
    for (int k = 0; k < had; k++) s->at[k].node->mark = 0;
    return fine;
}

static bool take_list(tg_shadows *s, tg_tensor *const *list, int n, const char *function)
{
    s->listed = true;
    if (!list || n <= 0) {
        tg_fail_on(s->tape, TG_ERR_ARG, function, "a list of tensors needs both params and n_params > 0, got n_params %d", n);
        return false;
    }
    for (int k = 0; k < n; k++) {
        tg_node *node = list[k] ? tg_check(list[k], function) : NULL;
        if (!list[k]) tg_fail_on(s->tape, TG_ERR_NULL, function, "params[%d] is NULL", k);
        else if (node && node->tape != s->tape) tg_fail_on(s->tape, TG_ERR_TAPE, function, "params[%d] belongs to another tape", k);
        else if (node && !(node->flags & TG_N_KEPT)) tg_fail_on(s->tape, TG_ERR_ARG, function, "params[%d] is not kept: tg_reset would take it away", k);
        else if (node && node->flags & TG_N_GRADIENT) tg_fail_on(s->tape, TG_ERR_ARG, function, "params[%d] is a gradient", k);
        else if (node && tg_shadow_of(s, list[k])) tg_fail_on(s->tape, TG_ERR_ARG, function, "params[%d] is listed twice", k);
        else if (node && add(s, node, function)) continue;
        return false;
    }
    return true;
}

bool tg_shadows_begin(tg_shadows *s, tg_tape *t, tg_tensor *const *list, int n, const char *function)
{
    *s = (tg_shadows){.tape = t};
    return list || n ? take_list(s, list, n, function) : tg_shadows_take_new(s, function);
}

const tg_shadow *tg_shadow_of(const tg_shadows *s, const tg_tensor *x)
{
    for (size_t k = 0; k < s->n; k++)
        if (is_live(&s->at[k]) && tg_handle(s->at[k].node) == x) return &s->at[k];
    return NULL;
}

/* ---- as entries of a state --------------------------------------------------------------------------------------------- */

int tg_shadow_name(const tg_shadows *s, size_t k, const char *kind, char *buf, size_t size)
{
    const tg_node *n = s->at[k].node;
    if (n->flags & (TG_N_PARAM | TG_N_BUFFER)) return snprintf(buf, size, "%s.%s", kind, n->w.kept->name);
    return snprintf(buf, size, "%s[%zu]", kind, k);
}

tg_tensor *tg_shadow_get(const tg_shadows *s, size_t k)
{
    const tg_node *n = s->at[k].node;
    return tg_from_data(s->tape, (tg_dtype)n->dtype, n->shape, tg_shadow_copy(&s->at[k]));
}

tg_status tg_shadow_set(tg_shadows *s, size_t k, tg_tensor *value, const char *function)
{
    tg_node        *v = NULL;
    const tg_status status = tg_value_for(s->at[k].node, value, function, &v);
    if (status != TG_OK) return status;
    const tg_array a = tg_array_of(v);
    tg_array_copy(&a, tg_shadow_copy(&s->at[k]));
    return TG_OK;
}
