/* lbfgs_state.c - what L-BFGS remembers between steps, as a list by name. */
#include "optim/lbfgs.h"

#include <math.h>
#include <stdio.h>

#include "optim/vectors.h"

/* The history has a row for each pair, the oldest first: y and s. */
typedef enum entry { DIRECTION, GRADIENT, HISTORY, NUMBERS, COUNTS, ENTRIES } entry;
static const char *const names[ENTRIES] = {"lbfgs.direction", "lbfgs.gradient", "lbfgs.history", "lbfgs.numbers", "lbfgs.counts"};

static const char *kind_of(const tg_owned *self)
{
    (void)self;
    return "lbfgs";
}

static int count_entries(tg_owned *self, const char *function)
{
    tg_lbfgs *o = (tg_lbfgs *)(void *)self;
    if (!tg_may(o->tape, TG_IN_HANDLER, function) || tg_lbfgs_follow(o, function) != TG_OK) return -1; /* not in the loss: a step may be under way */
    return ENTRIES;
}

static bool has_entry(tg_owned *self, int i, const char *function)
{
    if (count_entries(self, function) < 0) return false;
    if (i >= 0 && i < ENTRIES) return true;
    tg_fail_on(((tg_lbfgs *)(void *)self)->tape, TG_ERR_ARG, function, "there is no entry %d, there are %d", i, ENTRIES);
    return false;
}

static int name_entry(tg_owned *self, int i, char *buf, size_t size, const char *function)
{
    return has_entry(self, i, function) ? snprintf(buf, size, "%s", names[i]) : -1;
}

static tg_tensor *get_history(const tg_lbfgs *o)
{
    const tg_shape shape = {3, {(int64_t)o->n_pairs, 2, (int64_t)o->n}};
    void          *room;
    tg_node       *n = tg_new_leaf(o->tape, TG_F64, &shape, NULL, &room);
    for (size_t k = 0; n && k < o->n_pairs; k++) memcpy((double *)room + 2 * k * o->n, o->pairs[tg_lbfgs_slot(o, k)], 2 * o->n * sizeof(double));
    return tg_handle(n);
}

static tg_tensor *get_entry(tg_owned *self, int i, const char *function)
{
    tg_lbfgs *o = (tg_lbfgs *)(void *)self;
    if (!has_entry(self, i, function)) return NULL;
    if (i == HISTORY) return get_history(o);
    if (i == NUMBERS) return tg_from_f64(o->tape, TG_SHAPE(2), (const double[]){o->now.length, o->now.scale});
    if (i == COUNTS) return tg_from_i64(o->tape, TG_SHAPE(2), (const int64_t[]){o->iterations, o->evaluations});
    const tg_shape shape = {1, {(int64_t)o->n}};
    return o->vectors ? tg_from_f64(o->tape, &shape, tg_lbfgs_at(o, i == DIRECTION ? TG_DIRECTION : TG_PREVIOUS)) : tg_full(o->tape, TG_F64, &shape, 0);
}

/* All pairs or none: the old ones are kept until there is room for the new ones. Each has a positive curvature. */
static tg_status set_history(tg_lbfgs *o, const double *x, size_t n_pairs, const char *function)
{
    for (size_t k = 0; k < n_pairs; k++) {
        const double curvature = tg_vector_dot(o->tape, x + 2 * k * o->n, x + (2 * k + 1) * o->n, o->n);
        if (!(curvature > 0 && isfinite(curvature)))
            return tg_fail_on(o->tape, TG_ERR_ARG, function, "pair %zu of the history has the curvature %g, which must be positive", k, curvature);
    }
    const size_t first = o->first, had = o->n_pairs;
    o->first = 0;
    for (o->n_pairs = 0; o->n_pairs < n_pairs; o->n_pairs++)
        if (!tg_lbfgs_next_pair(o)) break;
    const bool room = o->n_pairs == n_pairs;
    o->n_pairs = room ? 0 : had;
    o->first = room ? 0 : first;
    for (size_t k = 0; room && k < n_pairs; k++, x += 2 * o->n) {
        memcpy(tg_lbfgs_next_pair(o), x, 2 * o->n * sizeof *x);
        tg_lbfgs_add_pair(o, tg_vector_dot(o->tape, x, x + o->n, o->n));
    }
    return room ? TG_OK : TG_ERR_MEMORY;
}

static tg_status set_numbers(tg_lbfgs *o, const double *x, const char *function)
{
    if (!(isfinite(x[0]) && isfinite(x[1]) && x[1] > 0))
        return tg_fail_on(o->tape, TG_ERR_ARG, function, "the length of a step is finite, and the scale more than 0, not %g and %g", x[0], x[1]);
    o->now = (tg_lbfgs_numbers){x[0], x[1]};
    return TG_OK;
}

static tg_status set_counts(tg_lbfgs *o, const int64_t *x, const char *function)
{
    if (x[0] < 0 || x[1] < 0) return tg_fail_on(o->tape, TG_ERR_ARG, function, "counts are 0 or more, not %lld and %lld", (long long)x[0], (long long)x[1]);
    o->iterations = x[0];
    o->evaluations = x[1];
    return TG_OK;
}

static tg_status set_entry(tg_owned *self, int i, tg_tensor *value, const char *function)
{
    tg_lbfgs   *o = (tg_lbfgs *)(void *)self;
    const void *x = NULL;
    if (!has_entry(self, i, function)) return o->tape->services.latest;
    const int64_t pairs = i == HISTORY && tg_rank(value) == 3 ? tg_dim(value, 0) : 1, n = (int64_t)o->n;
    if (i == HISTORY && pairs > o->options.history_size)
        return tg_fail_on(o->tape, TG_ERR_ARG, function, "the history has %lld pairs, more than history_size, %d", (long long)pairs, o->options.history_size);
    const int64_t   elements = i == HISTORY ? pairs * 2 * n : i < HISTORY ? n : 2;
    const tg_status s = tg_state_elements(o->tape, value, i == COUNTS ? TG_I64 : TG_F64, elements, names[i], function, &x);
    if (s != TG_OK) return s;
    if (i == NUMBERS) return set_numbers(o, x, function);
    if (i == COUNTS) return set_counts(o, x, function);
    if (!tg_lbfgs_make_room(o, function)) return TG_ERR_MEMORY;
    if (i == HISTORY) return set_history(o, x, (size_t)pairs, function);
    memcpy(tg_lbfgs_at(o, i == DIRECTION ? TG_DIRECTION : TG_PREVIOUS), x, o->n * sizeof(double));
    return TG_OK;
}

const tg_state_functions tg_lbfgs_state = {kind_of, count_entries, name_entry, get_entry, set_entry};
