/* factors.c - the formulas of schedules: the factor at a count t. */
#include "optim/schedule.h"

static const double PI = 3.14159265358979323846;

static tg_status says(tg_rate *r, double factor)
{
    *r = (tg_rate){factor, NAN};
    return TG_OK;
}

static double part_of(int64_t t, int64_t steps) { return t < steps ? (double)t / (double)steps : 1; }

/* ---- functions of t ------------------------------------------------------------------------------------------------- */

static tg_status constant(tg_schedule *s, int64_t t, tg_rate *r) { return says(r, t < s->steps ? s->start : 1); }
static tg_status step(tg_schedule *s, int64_t t, tg_rate *r) { return says(r, pow(s->gamma, (double)(t / s->steps))); }

static tg_status multistep(tg_schedule *s, int64_t t, tg_rate *r)
{
    size_t passed = 0;
    while (passed < s->n_milestones && s->milestones[passed] <= t) passed++;
    return says(r, pow(s->gamma, (double)passed));
}

static tg_status exponential(tg_schedule *s, int64_t t, tg_rate *r) { return says(r, pow(s->gamma, (double)t)); }
static tg_status polynomial(tg_schedule *s, int64_t t, tg_rate *r) { return says(r, pow(1 - part_of(t, s->steps), s->gamma)); }
static tg_status linear(tg_schedule *s, int64_t t, tg_rate *r) { return says(r, s->start + (s->end - s->start) * part_of(t, s->steps)); }

static double half_cosine(double from, double to, double part) { return to + (from - to) / 2 * (1 + cos(PI * part)); }

static tg_status cosine(tg_schedule *s, int64_t t, tg_rate *r) { return says(r, half_cosine(1, s->end, part_of(t, s->steps))); }

/* Goes through the cycles, whose lengths grow: a few. */
static tg_status restarts(tg_schedule *s, int64_t t, tg_rate *r)
{
    int64_t length = s->steps;
    if (s->times == 1) t %= length;
    while (t >= length) {
        t -= length;
        if (__builtin_mul_overflow(length, s->times, &length)) length = INT64_MAX;
    }
    return says(r, half_cosine(1, s->end, part_of(t, length)));
}

/* A phase ends at a place that need not be whole. Rates and momenta are those where it ends. */
typedef struct phase {
    double end, rate, momentum;
} phase;

static tg_status one_cycle(tg_schedule *s, int64_t t, tg_rate *r)
{
    const tg_one_cycle_options *o = &s->cycle;
    const double steps = (double)o->steps, up = o->pct_start * steps - 1, first = 1 / o->div_factor, last = first / o->final_div_factor, low = o->base_momentum,
                 high = o->max_momentum;
    const phase  two[] = {{up, 1, low}, {steps - 1, last, high}}, three[] = {{up, 1, low}, {2 * o->pct_start * steps - 2, first, high}, {steps - 1, last, high}};
    const phase *p = o->three_phase ? three : two, *end = p + (o->three_phase ? 2 : 1);
    phase        from = {0, first, high};
    const double at = t < o->steps ? (double)t : steps - 1;
    for (; p < end && at > p->end; p++) from = *p;
    const double length = p->end - from.end, part = length > 0 ? (at - from.end) / length : 1;
    r->factor = o->linear ? from.rate + (p->rate - from.rate) * part : half_cosine(from.rate, p->rate, part);
    r->momentum = o->linear ? from.momentum + (p->momentum - from.momentum) * part : half_cosine(from.momentum, p->momentum, part);
    if (o->keep_momentum) r->momentum = NAN;
    return TG_OK;
}

/* ---- what depends on others ----------------------------------------------------------------------------------------- */

static tg_status plateau(tg_schedule *s, int64_t t, tg_rate *r)
{
    (void)t;
    return says(r, s->plateau.factor);
}

static bool is_better(const tg_plateau_options *by, double a, double best)
{
    const double margin = by->absolute ? by->threshold : by->threshold * best;
    if (best == (by->maximize ? -INFINITY : INFINITY)) return !isnan(a) && a != best; /* there was none yet */
    return by->maximize ? a > best + margin : a < best - margin;
}

static void report(tg_schedule *s, double measured)
{
    const tg_plateau_options *by = &s->by;
    tg_plateau               *p = &s->plateau;
    const bool                better = is_better(by, measured, p->best), cooling = p->cooldown > 0;
    if (better) p->best = measured;
    p->bad = better || cooling ? 0 : p->bad + 1;
    p->cooldown -= cooling;
    if (!(p->bad > (double)by->patience)) return;
    p->factor = fmax(p->factor * by->factor, by->min);
    p->cooldown = (double)by->cooldown;
    p->bad = 0;
}

static tg_status lambda(tg_schedule *s, int64_t t, tg_rate *r)
{
    const tg_inside was = tg_go_inside(s->tape, TG_IN_FUNCTION, "the function of tg_lambda_lr", NULL);
    const double    factor = s->function(s->ctx, t);
    s->tape->services.inside = was;
    if (isfinite(factor) && factor >= 0) return says(r, factor);
    return tg_fail_on(s->tape, TG_ERR_ARG, "tg_lambda_lr", "the function gave %g for %lld, which is not a finite number >= 0", factor,
                      (long long)t);
}

/* The part under way at t, and its own t. */
static tg_schedule *part_at(const tg_schedule *s, int64_t *t)
{
    size_t k = 0;
    while (k < s->n_milestones && s->milestones[k] <= *t) k++;
    if (k) *t -= s->milestones[k - 1];
    return s->parts[k];
}

static tg_status sequential(tg_schedule *s, int64_t t, tg_rate *r)
{
    tg_schedule *part = part_at(s, &t);
    return part->kind->rate(part, t, r);
}

static tg_status chained(tg_schedule *s, int64_t t, tg_rate *r)
{
    tg_rate   all = {1, NAN}, one;
    tg_status status = TG_OK;
    for (size_t k = 0; k < s->n_parts && status == TG_OK; k++) {
        status = s->parts[k]->kind->rate(s->parts[k], t, &one);
        if (status != TG_OK) break;
        all.factor *= one.factor;
        if (!isnan(one.momentum)) all.momentum = one.momentum;
    }
    *r = all;
    return status;
}

void tg_schedule_tell(tg_schedule *s, int64_t t, double measured)
{
    if (s->kind->report) s->kind->report(s, measured);
    if (s->kind == &tg_schedule_sequential) {
        tg_schedule *part = part_at(s, &t);
        tg_schedule_tell(part, t, measured);
    } else {
        for (size_t k = 0; k < s->n_parts; k++) tg_schedule_tell(s->parts[k], t, measured);
    }
}

const tg_schedule_kind tg_schedule_constant = {"tg_constant_lr", constant, NULL}, tg_schedule_step_kind = {"tg_step_lr", step, NULL},
                       tg_schedule_multistep = {"tg_multistep_lr", multistep, NULL}, tg_schedule_exponential = {"tg_exponential_lr", exponential, NULL},
                       tg_schedule_polynomial = {"tg_polynomial_lr", polynomial, NULL}, tg_schedule_linear = {"tg_linear_lr", linear, NULL},
                       tg_schedule_cosine = {"tg_cosine_lr", cosine, NULL}, tg_schedule_restarts = {"tg_cosine_restarts_lr", restarts, NULL},
                       tg_schedule_one_cycle = {"tg_one_cycle_lr", one_cycle, NULL}, tg_schedule_plateau = {"tg_plateau_lr", plateau, report},
                       tg_schedule_lambda = {"tg_lambda_lr", lambda, NULL}, tg_schedule_sequential = {"tg_sequential_lr", sequential, NULL},
                       tg_schedule_chained = {"tg_chained_lr", chained, NULL};
