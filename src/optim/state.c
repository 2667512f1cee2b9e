/* state.c - what optimizers remember between steps as a list by name, for saving and restoring, whatever the rule. */
#include "optim/optim.h"

#include <stdio.h>

/* For each tensor its states, its running number, if the rule has one, and the number of its steps; behind them what is the whole optimizer's,
 * the settings of its groups and the number of steps left out. */

static const char STEPS[] = "steps", GROUPS[] = "groups", SKIPPED[] = "skipped";

typedef enum entry_kind { STATE, RUNNING, COUNT, SETTINGS, LEFT_OUT } entry_kind;

/* Entry i. */
typedef struct entry {
    entry_kind       kind;
    const char      *name;
    tg_optim_tensor *of;       /* of STATE, RUNNING and COUNT */
    size_t           position; /* of the tensor in the optimizer */
    size_t           state;    /* which STATE */
} entry;

enum { WHOLE = 2 };

static size_t entries_each(const tg_optim *o) { return o->row->n_states + (o->rule->running != NULL) + 1; }

static entry entry_at(tg_optim *o, size_t i)
{
    const size_t each = entries_each(o), position = i / each, state = i % each;
    if (position >= o->n_tensors) return i == o->n_tensors * each ? (entry){.kind = SETTINGS, .name = GROUPS} : (entry){.kind = LEFT_OUT, .name = SKIPPED};
    entry e = {.kind = STATE, .of = &o->tensors[position], .position = position, .state = state};
    if (state < o->row->n_states) e.name = o->row->state[state];
    else if (state + 1 < each) e.kind = RUNNING, e.name = o->rule->running;
    else e.kind = COUNT, e.name = STEPS;
    return e;
}

static int count_entries(tg_owned *self, const char *function)
{
    tg_optim *o = (tg_optim *)(void *)self;
    if (!tg_may(o->tape, TG_IN_FUNCTION, function) || !tg_optim_follow(o)) return -1;
    return (int)(o->n_tensors * entries_each(o)) + WHOLE;
}

/* Is the call allowed, and is there an entry i? */
static tg_status find_entry(tg_optim *o, int i, const char *function, entry *e)
{
    const int n = count_entries(&o->owned, function);
    if (n < 0) return o->tape->services.latest;
    if (i < 0 || i >= n) return tg_fail_on(o->tape, TG_ERR_ARG, function, "there is no entry %d, there are %d", i, n);
    *e = entry_at(o, (size_t)i);
    return TG_OK;
}

/* The rule's function without its tg_. */
static const char *kind_of(const tg_owned *self) { return ((const tg_optim *)(const void *)self)->rule->name + strlen("tg_"); }

static int name_entry(tg_owned *self, int i, char *buf, size_t size, const char *function)
{
    tg_optim *o = (tg_optim *)(void *)self;
    entry     e = {0};
    if (find_entry(o, i, function, &e) != TG_OK) return -1;
    if (!e.of) return snprintf(buf, size, "%s.%s", kind_of(self), e.name);
    if (e.of->node->flags & TG_N_PARAM) return snprintf(buf, size, "%s.%s.%s", kind_of(self), e.name, e.of->node->w.kept->name);
    return snprintf(buf, size, "%s.%s[%zu]", kind_of(self), e.name, e.position);
}

/* The settings of all groups, a row for each. */
static tg_tensor *get_settings(const tg_optim *o)
{
    const size_t   columns = tg_optim_settings(o);
    const tg_shape shape = {2, {(int64_t)o->n_groups, (int64_t)columns}};
    void          *room;
    tg_node       *n = tg_new_leaf(o->tape, TG_F64, &shape, NULL, &room);
    for (size_t g = 0; n && g < o->n_groups; g++) tg_optim_read_settings(o, g, (double *)room + g * columns);
    return tg_handle(n);
}

static tg_tensor *get_entry(tg_owned *self, int i, const char *function)
{
    tg_optim *o = (tg_optim *)(void *)self;
    entry     e = {0};
    if (find_entry(o, i, function, &e) != TG_OK) return NULL;
    if (e.kind == SETTINGS) return get_settings(o);
    if (e.kind == LEFT_OUT) return tg_from_i64(o->tape, TG_SCALAR_SHAPE, &o->skipped);
    if (e.kind == RUNNING) return tg_from_f64(o->tape, TG_SCALAR_SHAPE, &e.of->running);
    if (e.kind == COUNT) return tg_from_i64(o->tape, TG_SCALAR_SHAPE, &(int64_t){(int64_t)e.of->steps});
    const tg_dtype dtype = (tg_dtype)e.of->node->dtype;
    if (e.of->states) return tg_from_data(o->tape, dtype, e.of->node->shape, e.of->states + e.state * e.of->u.stride);
    return tg_full(o->tape, dtype, e.of->node->shape, 0);
}

static tg_status set_count(tg_optim *o, tg_tensor *value, const char *what, const char *function, int64_t *to)
{
    const void     *x = NULL;
    const tg_status s = tg_state_elements(o->tape, value, TG_I64, 1, what, function, &x);
    if (s != TG_OK) return s;
    const int64_t n = *(const int64_t *)x;
    if (n < 0 || (uint64_t)n > TG_MOST_STEPS) return tg_fail_on(o->tape, TG_ERR_ARG, function, "%s is 0 to 2^53, not %lld", what, (long long)n);
    *to = n;
    return TG_OK;
}

static tg_status set_running(tg_optim *o, tg_optim_tensor *of, tg_tensor *value, const char *function)
{
    const void     *x = NULL;
    const tg_status s = tg_state_elements(o->tape, value, TG_F64, 1, o->rule->running, function, &x);
    if (s != TG_OK) return s;
    const double number = *(const double *)x;
    if (!(number >= 0 && number <= 1)) return tg_fail_on(o->tape, TG_ERR_ARG, function, "%s is 0 to 1, not %g", o->rule->running, number);
    of->running = number;
    return TG_OK;
}

static tg_status set_settings(tg_optim *o, tg_tensor *value, const char *function)
{
    const void     *x = NULL;
    const tg_status s = tg_state_elements(o->tape, value, TG_F64, (int64_t)(o->n_groups * tg_optim_settings(o)),
                                          "the settings of the groups", function, &x);
    return s == TG_OK ? tg_optim_write_settings(o, x, function) : s;
}

static bool always(const tg_optim_tensor *w)
{
    (void)w;
    return true;
}

static tg_status set_state(tg_optim *o, const entry *e, tg_tensor *value, const char *function)
{
    tg_node        *v = NULL;
    const tg_status s = tg_value_for(e->of->node, value, function, &v);
    if (s != TG_OK) return s;
    if (!tg_optim_make_states(o, always)) return TG_ERR_MEMORY;
    const tg_array a = tg_array_of(v);
    tg_array_copy(&a, e->of->states + e->state * e->of->u.stride);
    return TG_OK;
}

static tg_status set_entry(tg_owned *self, int i, tg_tensor *value, const char *function)
{
    tg_optim       *o = (tg_optim *)(void *)self;
    entry           e = {0};
    int64_t         steps = 0;
    const tg_status s = find_entry(o, i, function, &e);
    if (s != TG_OK) return s;
    if (e.kind == STATE) return set_state(o, &e, value, function);
    if (e.kind == RUNNING) return set_running(o, e.of, value, function);
    if (e.kind == SETTINGS) return set_settings(o, value, function);
    if (e.kind == LEFT_OUT) return set_count(o, value, "the number of steps left out", function, &o->skipped);
    const tg_status counted = set_count(o, value, "the number of steps", function, &steps);
    if (counted == TG_OK) e.of->steps = (uint64_t)steps;
    return counted;
}

const tg_state_functions tg_optim_state = {kind_of, count_entries, name_entry, get_entry, set_entry};

/* ---- for callers ------------------------------------------------------------------------------------------------------ */

int tg_optim_state_count(tg_optim *o)
{
    if (!o) return -1;
    TG_CALL(o->tape);
    return count_entries(&o->owned, "tg_optim_state_count");
}

int tg_optim_state_name(tg_optim *o, int i, char *buf, size_t size)
{
    if (buf && size) buf[0] = '\0';
    if (!o) return -1;
    TG_CALL(o->tape);
    return name_entry(&o->owned, i, buf, size, "tg_optim_state_name");
}

tg_tensor *tg_optim_state_get(tg_optim *o, int i)
{
    if (!o) return NULL;
    TG_CALL(o->tape);
    return get_entry(&o->owned, i, "tg_optim_state_get");
}

tg_status tg_optim_state_set(tg_optim *o, int i, tg_tensor *value)
{
    if (!o) return TG_ERR_NULL;
    TG_CALL(o->tape);
    return set_entry(&o->owned, i, value, "tg_optim_state_set");
}
