/* schedule_state.c - what schedules remember as a list by name: the count t, the learning rates that they multiply, and each plateau. */
#include "optim/schedule.h"

#include <stdio.h>


typedef enum entry { COUNT, BASES, PLATEAUS } entry;
enum { NUMBERS = 4 }; /* of a plateau: factor, the best report, bad ones in a row, what is left of the cooldown */

static tg_schedule *schedule_of(tg_owned *self) { return (tg_schedule *)(void *)self; }

/* Plateau number *k in the schedule and its parts, in order; NULL, and *k counts down, where there are fewer. */
static tg_schedule *plateau_number(tg_schedule *s, size_t *k)
{
    if (s->kind == &tg_schedule_plateau && (*k)-- == 0) return s;
    for (size_t i = 0; i < s->n_parts; i++) {
        tg_schedule *found = plateau_number(s->parts[i], k);
        if (found) return found;
    }
    return NULL;
}

static int count_plateaus(tg_schedule *s)
{
    int n = 0;
    for (size_t k = 0; plateau_number(s, &k); k = (size_t)n) n++;
    return n;
}

static const char *kind_of(const tg_owned *self)
{
    (void)self;
    return "schedule";
}

static int count_entries(tg_owned *self, const char *function)
{
    return tg_may(schedule_of(self)->tape, TG_IN_HANDLER, function) ? PLATEAUS + count_plateaus(schedule_of(self)) : -1;
}

static bool has_entry(tg_owned *self, int i, const char *function)
{
    const int n = count_entries(self, function);
    if (n < 0) return false;
    if (i >= 0 && i < n) return true;
    tg_fail_on(schedule_of(self)->tape, TG_ERR_ARG, function, "there is no entry %d, there are %d", i, n);
    return false;
}

static int name_entry(tg_owned *self, int i, char *buf, size_t size, const char *function)
{
    if (!has_entry(self, i, function)) return -1;
    if (i >= PLATEAUS) return snprintf(buf, size, "schedule.plateau[%d]", i - PLATEAUS);
    return snprintf(buf, size, "schedule.%s", i == COUNT ? "count" : "bases");
}

static tg_tensor *get_bases(const tg_schedule *s)
{
    const tg_shape shape = {1, {(int64_t)s->n_driven}};
    void          *room;
    tg_node       *n = tg_new_leaf(s->tape, TG_F64, &shape, NULL, &room);
    for (size_t k = 0; n && k < s->n_driven; k++) ((double *)room)[k] = s->driven[k].base;
    return tg_handle(n);
}

static tg_tensor *get_entry(tg_owned *self, int i, const char *function)
{
    tg_schedule *s = schedule_of(self);
    if (!has_entry(self, i, function)) return NULL;
    if (i == COUNT) return tg_from_i64(s->tape, TG_SCALAR_SHAPE, &s->t);
    if (i == BASES) return get_bases(s);
    size_t            k = (size_t)(i - PLATEAUS);
    const tg_plateau *p = &plateau_number(s, &k)->plateau;
    return tg_from_f64(s->tape, TG_SHAPE(NUMBERS), (const double[]){p->factor, p->best, p->bad, p->cooldown});
}

static bool is_count(double x) { return x >= 0 && x <= 0x1p53 && x == floor(x); }

static tg_status set_plateau(tg_schedule *s, const double *x, const char *function)
{
    if (!(x[0] >= 0 && x[0] <= 1) || isnan(x[1]) || !is_count(x[2]) || !is_count(x[3]))
        return tg_fail_on(s->tape, TG_ERR_ARG, function, "a plateau is a factor of 0 to 1, the best report and two counts, not %g, %g, %g and %g", x[0], x[1],
                          x[2], x[3]);
    s->plateau = (tg_plateau){x[0], x[1], x[2], x[3]};
    return TG_OK;
}

static tg_status set_bases(tg_schedule *s, const double *x, const char *function)
{
    for (size_t k = 0; k < s->n_driven; k++)
        if (!(isfinite(x[k]) && x[k] >= 0))
            return tg_fail_on(s->tape, TG_ERR_ARG, function, "a learning rate is finite and not negative, not %g", x[k]);
    for (size_t k = 0; k < s->n_driven; k++) s->driven[k].base = x[k];
    return TG_OK;
}

static tg_status set_entry(tg_owned *self, int i, tg_tensor *value, const char *function)
{
    tg_schedule *s = schedule_of(self);
    const void  *x = NULL;
    size_t       k = (size_t)(i - PLATEAUS);
    if (!has_entry(self, i, function)) return s->tape->services.latest;
    const int64_t   n = i == COUNT ? 1 : i == BASES ? (int64_t)s->n_driven : NUMBERS;
    const tg_status status = tg_state_elements(s->tape, value, i == COUNT ? TG_I64 : TG_F64, n, "the state of a schedule", function, &x);
    if (status != TG_OK) return status;
    if (i == BASES) return set_bases(s, x, function);
    if (i >= PLATEAUS) return set_plateau(plateau_number(s, &k), x, function);
    const int64_t t = *(const int64_t *)x;
    if (t < 0 || t > INT64_C(1) << 53) return tg_fail_on(s->tape, TG_ERR_ARG, function, "a count of steps is 0 to 2^53, not %lld", (long long)t);
    s->t = t;
    return TG_OK;
}

const tg_state_functions tg_schedule_state = {kind_of, count_entries, name_entry, get_entry, set_entry};
