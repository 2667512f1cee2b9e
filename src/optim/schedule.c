/* schedule.c - schedules at work: which groups they drive, and their steps. */
#include "optim/schedule.h"

#include "optim/optim.h"

/* What can be done with a whole schedule alone, and not from within a function of the caller's that a schedule calls. */
static tg_status may(tg_schedule *s, const char *function)
{
    if (!tg_may(s->tape, TG_IN_HANDLER, function)) return TG_ERR_ARG;
    return s->is_part ? tg_fail_on(s->tape, TG_ERR_ARG, function, "the schedule is part of another one: that one steps and drives") : TG_OK;
}

/* ---- learning rates ---------------------------------------------------------------------------------------------------- */

static tg_optim *optimizer_of(const tg_schedule *s, const tg_driven *d) { return (tg_optim *)(void *)tg_owned_with(s->tape, d->serial); }

/* Can this group have the rate? */
static tg_status check_rate(const tg_optim *o, const tg_driven *d, tg_rate r, const char *function)
{
    if (!tg_optim_can_have_lr(o, d->group, d->base * r.factor, function)) return TG_ERR_ARG;
    if (isnan(r.momentum) || tg_optim_momentum(o, d->group)) return TG_OK;
    return tg_fail_on(o->tape, TG_ERR_UNSUPPORTED, function,
                      "%s has no momentum that the schedule could set (keep_momentum leaves it alone)", o->rule->name);
}

static void put_rate(tg_optim *o, const tg_driven *d, tg_rate r)
{
    double *momentum = isnan(r.momentum) ? NULL : tg_optim_momentum(o, d->group);
    tg_optim_put_lr(o, d->group, d->base * r.factor);
    if (momentum) *momentum = r.momentum;
}

/* The learning rates become those at t; after an error none has changed. */
static tg_status apply(tg_schedule *s, int64_t t, const char *function)
{
    tg_rate   r;
    tg_status status = s->kind->rate(s, t, &r);
    for (size_t k = 0; k < s->n_driven && status == TG_OK; k++) {
        const tg_optim *o = optimizer_of(s, &s->driven[k]);
        if (o) status = check_rate(o, &s->driven[k], r, function);
    }
    for (size_t k = 0; k < s->n_driven && status == TG_OK; k++) {
        tg_optim *o = optimizer_of(s, &s->driven[k]);
        if (o) put_rate(o, &s->driven[k], r);
    }
    return status;
}

/* ---- driving ----------------------------------------------------------------------------------------------------------- */

/* Is there a schedule on the tape that drives this group? */
static bool is_driven(const tg_schedule *by, uint64_t serial, int group)
{
    for (size_t k = 0; k < by->n_driven; k++)
        if (by->driven[k].serial == serial && by->driven[k].group == group) return true;
    return false;
}

static tg_status check_free(const tg_schedule *s, const tg_optim *o, int group, const char *function)
{
    for (tg_owned *other = tg_first_stateful(s->tape); other; other = tg_next_stateful(other))
        if (other->state == &tg_schedule_state && is_driven((const tg_schedule *)(const void *)other, o->owned.serial, group))
            return tg_fail_on(s->tape, TG_ERR_ARG, function, "group %d is driven by a schedule already", group);
    return TG_OK;
}

static tg_status take(tg_schedule *s, const tg_optim *o, int group, tg_rate r, const char *function)
{
    tg_driven d = {o->owned.serial, group, tg_optim_lr(o, &o->groups[group])};
    tg_status status = check_free(s, o, group, function);
    if (status == TG_OK) status = check_rate(o, &d, r, function);
    if (status != TG_OK) return status;
    if (!TG_GROW(s->tape, s->driven, s->cap_driven, s->n_driven + 1)) return TG_ERR_MEMORY;
    s->driven[s->n_driven++] = d;
    return TG_OK;
}

tg_status tg_schedule_drive(tg_schedule *s, tg_optim *o, int group)
{
    static const char function[] = "tg_schedule_drive";
    if (!s || !o) return TG_ERR_NULL;
    TG_CALL(s->tape);
    tg_rate   r;
    tg_status status = may(s, function);
    if (status != TG_OK) return status;
    if (o->tape != s->tape) return tg_fail_on(s->tape, TG_ERR_TAPE, function, "the optimizer belongs to another tape than the schedule");
    if (group != -1 && !tg_optim_group_at(o, group, function)) return TG_ERR_ARG;
    const size_t had = s->n_driven;
    status = s->kind->rate(s, s->t, &r);
    for (size_t g = 0; g < o->n_groups && status == TG_OK; g++)
        if (group == -1 ? !o->groups[g].follows : g == (size_t)group) status = take(s, o, (int)g, r, function);
    for (size_t k = had; k < s->n_driven && status == TG_OK; k++) put_rate(o, &s->driven[k], r);
    if (status != TG_OK) s->n_driven = had;
    return status;
}

/* ---- steps ------------------------------------------------------------------------------------------------------------- */

tg_status tg_schedule_step(tg_schedule *s)
{
    static const char function[] = "tg_schedule_step";
    if (!s) return TG_ERR_NULL;
    TG_CALL(s->tape);
    tg_status status = may(s, function);
    if (status == TG_OK) status = apply(s, s->t + 1, function);
    s->t += status == TG_OK;
    return status;
}

tg_status tg_schedule_report(tg_schedule *s, double measured)
{
    static const char function[] = "tg_schedule_report";
    if (!s) return TG_ERR_NULL;
    TG_CALL(s->tape);
    const tg_status status = may(s, function);
    if (status != TG_OK) return status;
    tg_schedule_tell(s, s->t, measured);
    return apply(s, s->t, function);
}

double tg_schedule_factor(tg_schedule *s)
{
    tg_rate r;
    if (!s) return NAN;
    TG_CALL(s->tape);
    return tg_may(s->tape, TG_IN_HANDLER, "tg_schedule_factor") && s->kind->rate(s, s->t, &r) == TG_OK ? r.factor : (double)NAN;
}

int64_t tg_schedule_count(const tg_schedule *s) { return s ? s->t : -1; }
