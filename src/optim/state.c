/* state.c - what optimizers remember between steps: memory for it, and the list of it by name, for saving and restoring, whatever the
 * rule. */
#include "optim/optim.h"

#include <stdio.h>

/* ---- memory ------------------------------------------------------------------------------------------------------- */

/* A tensor with as many bytes of states has a block of its own. Small ones that come to their first step together share one: a few large
 * pages are read faster than many small. */
enum { LARGE_ROOM = 4 << 20 };

size_t tg_optim_state_bytes(const tg_optim_tensor *w) { return (tg_value_bytes(w->node) + TG_ALIGN - 1) / TG_ALIGN * TG_ALIGN; }

/* Full of zeros. */
static tg_block *new_room(const tg_optim *o, size_t bytes, size_t users)
{
    tg_block *b = tg_block_new(&o->tape->services.heap, bytes);
    if (!b) {
        tg_out_of_memory(o->tape, o->rule->name);
        return NULL;
    }
    b->users = users;
    memset(b->data, 0, bytes);
    return b;
}

bool tg_optim_make_states(tg_optim *o, bool (*needs)(const tg_optim_tensor *w))
{
    size_t shared = 0, users = 0;
    for (size_t i = 0; o->row->n_states && i < o->n_tensors; i++) {
        tg_optim_tensor *w = &o->tensors[i];
        if (w->states || !needs(w)) continue;
        const size_t bytes = o->row->n_states * tg_optim_state_bytes(w);
        if (bytes < LARGE_ROOM) {
            shared += bytes;
            users++;
        } else {
            if (!(w->room = new_room(o, bytes, 1))) return false;
            w->states = w->room->data;
        }
    }
    if (!users) return true;
    tg_block *room = new_room(o, shared, users);
    char     *at = room ? room->data : NULL;
    for (size_t i = 0; room && i < o->n_tensors; i++) {
        tg_optim_tensor *w = &o->tensors[i];
        if (w->states || !needs(w)) continue;
        w->room = room;
        w->states = at;
        at += o->row->n_states * tg_optim_state_bytes(w);
    }
    return room != NULL;
}

/* ---- the list: for each tensor its states and, last, the number of its steps ---------------------------------------- */

static const char STEPS[] = "steps";

/* Entry i; state is n_states for the number of steps. */
typedef struct entry {
    tg_optim_tensor *of;
    size_t           position; /* of the tensor in the optimizer */
    size_t           state;
} entry;

static size_t entries_each(const tg_optim *o) { return o->row->n_states + 1; }

/* Is the call allowed, and is there an entry i? */
static tg_status find_entry(tg_optim *o, int i, const char *function, entry *e)
{
    if (!tg_may(o->tape, TG_IN_FUNCTION, function)) return TG_ERR_ARG;
    if (!tg_optim_follow(o)) return TG_ERR_MEMORY;
    const size_t n = o->n_tensors * entries_each(o);
    if (i < 0 || (size_t)i >= n) return tg_fail_on(o->tape, TG_ERR_ARG, function, "there is no entry %d, there are %zu", i, n);
    *e = (entry){.position = (size_t)i / entries_each(o), .state = (size_t)i % entries_each(o)};
    e->of = &o->tensors[e->position];
    return TG_OK;
}

int tg_optim_state_count(tg_optim *o)
{
    if (!o) return -1;
    TG_CALL(o->tape);
    if (!tg_may(o->tape, TG_IN_FUNCTION, "tg_optim_state_count") || !tg_optim_follow(o)) return -1;
    return (int)(o->n_tensors * entries_each(o));
}

int tg_optim_state_name(tg_optim *o, int i, char *buf, size_t size)
{
    entry e = {0};
    if (buf && size) buf[0] = '\0';
    if (!o) return -1;
    TG_CALL(o->tape);
    if (find_entry(o, i, "tg_optim_state_name", &e) != TG_OK) return -1;
    const char *optimizer = o->rule->name + strlen("tg_"), *state = e.state < o->row->n_states ? o->row->state[e.state] : STEPS;
    if (e.of->node->flags & TG_N_PARAM) return snprintf(buf, size, "%s.%s.%s", optimizer, state, e.of->node->w.kept->name);
    return snprintf(buf, size, "%s.%s[%zu]", optimizer, state, e.position);
}

tg_tensor *tg_optim_state_get(tg_optim *o, int i)
{
    entry e = {0};
    if (!o) return NULL;
    TG_CALL(o->tape);
    if (find_entry(o, i, "tg_optim_state_get", &e) != TG_OK) return NULL;
    if (e.state == o->row->n_states) return tg_from_i64(o->tape, TG_SCALAR_SHAPE, &(int64_t){(int64_t)e.of->steps});
    const tg_dtype dtype = (tg_dtype)e.of->node->dtype;
    if (e.of->states) return tg_from_data(o->tape, dtype, e.of->node->shape, e.of->states + e.state * tg_optim_state_bytes(e.of));
    return tg_full(o->tape, dtype, e.of->node->shape, 0);
}

static tg_status set_steps(tg_optim *o, tg_optim_tensor *of, tg_tensor *value, const char *function)
{
    if (tg_dtype_of(value) != TG_I64 || tg_numel(value) != 1)
        return tg_fail_on(o->tape, TG_ERR_DTYPE, function, "a number of steps is one element of int64");
    const int64_t *steps = tg_data_i64(value);
    if (!steps) return o->tape->services.latest;
    if (*steps < 0 || (uint64_t)*steps > TG_MOST_STEPS)
        return tg_fail_on(o->tape, TG_ERR_ARG, function, "a number of steps is 0 to 2^53, not %lld", (long long)*steps);
    of->steps = (uint64_t)*steps;
    return TG_OK;
}

static bool always(const tg_optim_tensor *w)
{
    (void)w;
    return true;
}

tg_status tg_optim_state_set(tg_optim *o, int i, tg_tensor *value)
{
    static const char function[] = "tg_optim_state_set";
    entry             e = {0};
    if (!o) return TG_ERR_NULL;
    TG_CALL(o->tape);
    tg_status s = find_entry(o, i, function, &e);
    if (s != TG_OK) return s;
    const tg_node *given = tg_check(value, function);
    if (!given) return value ? TG_ERR_STALE : TG_ERR_NULL;
    if (given->tape != o->tape) return tg_fail_on(o->tape, TG_ERR_TAPE, function, "the tensors belong to different tapes");
    if (e.state == o->row->n_states) return set_steps(o, e.of, value, function);
    tg_node *v = NULL;
    s = tg_value_for(e.of->node, value, function, &v);
    if (s != TG_OK) return s;
    if (!tg_optim_make_states(o, always)) return TG_ERR_MEMORY;
    const tg_array a = tg_array_of(v);
    tg_array_copy(&a, e.of->states + e.state * tg_optim_state_bytes(e.of));
    return TG_OK;
}
