/* schedule_make.c - making schedules: arguments are checked, and parts given to their whole. */
#include "optim/schedule.h"

#include <inttypes.h>

#include "tensor/options.h"

/* ---- life -------------------------------------------------------------------------------------------------------------- */

/* With its parts. */
void tg_schedule_destroy(tg_owned *owned)
{
    tg_schedule *s = (tg_schedule *)(void *)owned;
    for (size_t k = 0; k < s->n_parts; k++)
        if (s->parts[k]) tg_schedule_destroy(&s->parts[k]->owned);
    if (s->parts) tg_tape_free_bytes(s->tape, s->parts, s->n_parts * sizeof *s->parts);
    if (s->milestones) tg_tape_free_bytes(s->tape, s->milestones, s->n_milestones * sizeof *s->milestones);
    tg_heap_free(&s->tape->services.heap, s->driven, s->cap_driven * sizeof *s->driven);
    tg_tape_free_bytes(s->tape, s, sizeof *s);
}

/* One that the tape does not own yet; NULL after an error. */
static tg_schedule *new_schedule(tg_tape *t, const tg_schedule_kind *kind)
{
    tg_schedule *s = tg_tape_alloc(t, sizeof *s);
    if (!s) return NULL;
    s->owned.free = tg_schedule_destroy;
    s->owned.state = &tg_schedule_state;
    s->tape = t;
    s->kind = kind;
    s->plateau.factor = 1;
    return s;
}

static tg_schedule *owned(tg_schedule *s)
{
    if (s) tg_own(s->tape, &s->owned);
    return s;
}

/* ---- arguments --------------------------------------------------------------------------------------------------------- */

static bool is_at_least_0(tg_tape *t, const char *function, const char *name, double x)
{
    if (isfinite(x) && x >= 0) return true;
    tg_fail_on(t, TG_ERR_ARG, function, "%s must be finite and not negative, got %g", name, x);
    return false;
}

static bool is_part(tg_tape *t, const char *function, const char *name, double x)
{
    if (x >= 0 && x <= 1) return true;
    tg_fail_on(t, TG_ERR_ARG, function, "%s must be 0 to 1, got %g", name, x);
    return false;
}

static bool is_positive(tg_tape *t, const char *function, const char *name, int64_t n)
{
    if (n > 0) return true;
    tg_fail_on(t, TG_ERR_ARG, function, "%s must be more than 0, got %" PRId64, name, n);
    return false;
}

static bool are_milestones(tg_tape *t, const char *function, const int64_t *at, int n)
{
    for (int k = 0; k < n; k++) {
        if (at[k] > (k ? at[k - 1] : 0)) continue;
        tg_fail_on(t, TG_ERR_ARG, function, "milestones must be more than 0 and ascending, got %" PRId64 " behind %" PRId64, at[k], k ? at[k - 1] : 0);
        return false;
    }
    return true;
}

/* May a schedule of this kind be made now? Then there it is; what is checked of its arguments comes behind, as CHECK. */
#define MAKE(TAPE, KIND, CHECK)                                                        \
    if (!(TAPE)) return NULL;                                                          \
    TG_CALL(TAPE);                                                                     \
    const char *const function = (KIND)->function;                                     \
    if (!tg_may(TAPE, TG_IN_HANDLER, function) || !(CHECK)) return NULL;               \
    tg_schedule *s = new_schedule(TAPE, KIND);                                         \
    if (!s) return NULL

static bool copy_milestones(tg_schedule *s, const int64_t *milestones, int n)
{
    if (n < 1) return true;
    s->milestones = tg_tape_alloc(s->tape, (size_t)n * sizeof *milestones);
    if (!s->milestones) return false;
    memcpy(s->milestones, milestones, (size_t)n * sizeof *milestones);
    s->n_milestones = (size_t)n;
    return true;
}

/* ---- functions of t ------------------------------------------------------------------------------------------------- */

tg_schedule *tg_constant_lr(tg_tape *t, double factor, int64_t steps)
{
    MAKE(t, &tg_schedule_constant, is_at_least_0(t, function, "factor", factor) && is_positive(t, function, "steps", steps));
    s->start = factor;
    s->steps = steps;
    return owned(s);
}

tg_schedule *tg_step_lr(tg_tape *t, int64_t every, double gamma)
{
    MAKE(t, &tg_schedule_step_kind, is_positive(t, function, "every", every) && is_at_least_0(t, function, "gamma", gamma));
    s->steps = every;
    s->gamma = gamma;
    return owned(s);
}

static bool has_milestones(tg_tape *t, const char *function, const int64_t *milestones, int n)
{
    if (milestones && n > 0) return are_milestones(t, function, milestones, n);
    tg_fail_on(t, milestones ? TG_ERR_ARG : TG_ERR_NULL, function, milestones ? "n must be more than 0, got %d" : "the list of milestones is NULL", n);
    return false;
}

tg_schedule *tg_multistep_lr(tg_tape *t, const int64_t *milestones, int n, double gamma)
{
    MAKE(t, &tg_schedule_multistep, has_milestones(t, function, milestones, n) && is_at_least_0(t, function, "gamma", gamma));
    s->gamma = gamma;
    if (copy_milestones(s, milestones, n)) return owned(s);
    tg_schedule_destroy(&s->owned);
    return NULL;
}

tg_schedule *tg_exponential_lr(tg_tape *t, double gamma)
{
    MAKE(t, &tg_schedule_exponential, is_at_least_0(t, function, "gamma", gamma));
    s->gamma = gamma;
    return owned(s);
}

tg_schedule *tg_polynomial_lr(tg_tape *t, int64_t steps, double power)
{
    MAKE(t, &tg_schedule_polynomial, is_positive(t, function, "steps", steps) && is_at_least_0(t, function, "power", power));
    s->steps = steps;
    s->gamma = power;
    return owned(s);
}

tg_schedule *tg_linear_lr(tg_tape *t, double start, double end, int64_t steps)
{
    MAKE(t, &tg_schedule_linear,
         is_at_least_0(t, function, "start", start) && is_at_least_0(t, function, "end", end) && is_positive(t, function, "steps", steps));
    s->start = start;
    s->end = end;
    s->steps = steps;
    return owned(s);
}

tg_schedule *tg_cosine_lr(tg_tape *t, int64_t steps, double min)
{
    MAKE(t, &tg_schedule_cosine, is_positive(t, function, "steps", steps) && is_part(t, function, "min", min));
    s->steps = steps;
    s->end = min;
    return owned(s);
}

tg_schedule *tg_cosine_restarts_lr(tg_tape *t, int64_t first, int64_t times, double min)
{
    MAKE(t, &tg_schedule_restarts,
         is_positive(t, function, "first", first) && is_positive(t, function, "times", times) && is_part(t, function, "min", min));
    s->steps = first;
    s->times = times;
    s->end = min;
    return owned(s);
}

static bool is_factor(tg_tape *t, const char *name, double x)
{
    if (isfinite(x) && x > 0) return true;
    tg_fail_on(t, TG_ERR_ARG, "tg_one_cycle_lr", "%s must be finite and more than 0, got %g", name, x);
    return false;
}

static bool is_momentum(tg_tape *t, const char *name, double x)
{
    if (x >= 0 && x < 1) return true;
    tg_fail_on(t, TG_ERR_ARG, "tg_one_cycle_lr", "%s must be at least 0 and less than 1, got %g", name, x);
    return false;
}

static bool read_cycle(tg_tape *t, tg_one_cycle_options *o)
{
    o->pct_start = tg_or_usual(o->pct_start, 0.3);
    o->div_factor = tg_or_usual(o->div_factor, 25);
    o->final_div_factor = tg_or_usual(o->final_div_factor, 1e4);
    o->base_momentum = tg_or_usual(o->base_momentum, 0.85);
    o->max_momentum = tg_or_usual(o->max_momentum, 0.95);
    return is_positive(t, "tg_one_cycle_lr", "steps", o->steps) && is_part(t, "tg_one_cycle_lr", "pct_start", o->pct_start) &&
           is_factor(t, "div_factor", o->div_factor) && is_factor(t, "final_div_factor", o->final_div_factor) &&
           is_momentum(t, "base_momentum", o->base_momentum) && is_momentum(t, "max_momentum", o->max_momentum);
}

tg_schedule *tg_one_cycle_lr(tg_tape *t, const tg_one_cycle_options *options)
{
    tg_one_cycle_options given = options ? *options : (tg_one_cycle_options){0};
    MAKE(t, &tg_schedule_one_cycle, read_cycle(t, &given));
    s->cycle = given;
    return owned(s);
}

/* ---- what depends on others ----------------------------------------------------------------------------------------- */

static bool read_plateau(tg_tape *t, tg_plateau_options *o)
{
    static const char function[] = "tg_plateau_lr";
    o->factor = tg_or_usual(o->factor, 0.1);
    o->threshold = tg_or_usual(o->threshold, 1e-4);
    o->min = tg_or_usual(o->min, 0);
    o->patience = o->patience == TG_ZERO_INDEX ? 0 : o->patience ? o->patience : 10;
    if (o->patience < 0 || o->cooldown < 0) {
        tg_fail_on(t, TG_ERR_ARG, function, "patience and cooldown must not be negative, got %" PRId64 " and %" PRId64, o->patience, o->cooldown);
        return false;
    }
    if (!(o->factor < 1)) {
        tg_fail_on(t, TG_ERR_ARG, function, "factor must be less than 1, got %g", o->factor);
        return false;
    }
    return is_at_least_0(t, function, "factor", o->factor) && is_at_least_0(t, function, "threshold", o->threshold) && is_part(t, function, "min", o->min);
}

tg_schedule *tg_plateau_lr(tg_tape *t, const tg_plateau_options *options)
{
    tg_plateau_options given = options ? *options : (tg_plateau_options){0};
    MAKE(t, &tg_schedule_plateau, read_plateau(t, &given));
    s->by = given;
    s->plateau.best = given.maximize ? -(double)INFINITY : (double)INFINITY;
    return owned(s);
}

static bool is_function(tg_tape *t, const char *function, tg_factor_fn f)
{
    if (f) return true;
    tg_fail_on(t, TG_ERR_NULL, function, "the function is NULL");
    return false;
}

tg_schedule *tg_lambda_lr(tg_tape *t, tg_factor_fn factor, void *ctx)
{
    MAKE(t, &tg_schedule_lambda, is_function(t, function, factor));
    s->function = factor;
    s->ctx = ctx;
    return owned(s);
}

/* ---- made of parts ----------------------------------------------------------------------------------------------------- */

/* Could these be parts of a new schedule? */
static bool are_parts(tg_tape *t, const char *function, tg_schedule *const *parts, int n)
{
    for (int k = 0; k < n; k++) {
        const tg_schedule *p = parts[k];
        bool               twice = false;
        for (int i = 0; i < k; i++) twice |= parts[i] == p;
        if (!p) tg_fail_on(t, TG_ERR_NULL, function, "part %d is NULL", k);
        else if (p->tape != t) tg_fail_on(t, TG_ERR_TAPE, function, "part %d belongs to another tape", k);
        else if (p->is_part || twice) tg_fail_on(t, TG_ERR_ARG, function, "part %d is part of a schedule already", k);
        else if (p->n_driven) tg_fail_on(t, TG_ERR_ARG, function, "part %d drives an optimizer already", k);
        else continue;
        return false;
    }
    return true;
}

/* Gives the parts to a new whole, the last thing that can fail. */
static tg_schedule *with_parts(tg_schedule *s, tg_schedule *const *parts, int n)
{
    s->parts = tg_tape_alloc(s->tape, (size_t)n * sizeof *parts);
    if (!s->parts) {
        tg_schedule_destroy(&s->owned);
        return NULL;
    }
    s->n_parts = (size_t)n;
    for (int k = 0; k < n; k++) {
        s->parts[k] = parts[k];
        parts[k]->is_part = true;
        tg_disown(s->tape, &parts[k]->owned);
    }
    return owned(s);
}

static bool is_sequence(tg_tape *t, const char *function, tg_schedule *const *parts, const int64_t *milestones, int n)
{
    return are_parts(t, function, parts, n) && (n == 1 || has_milestones(t, function, milestones, n - 1));
}

/* The tape of the first part that is one, by which errors about the others are told. NULL: there is none, and nobody to tell. */
static tg_tape *tape_of(tg_schedule *const *parts, int n)
{
    for (int k = 0; parts && k < n; k++)
        if (parts[k]) return parts[k]->tape;
    return NULL;
}

tg_schedule *tg_sequential_lr(tg_schedule *const *parts, const int64_t *milestones, int n)
{
    tg_tape *t = tape_of(parts, n);
    MAKE(t, &tg_schedule_sequential, is_sequence(t, function, parts, milestones, n));
    if (copy_milestones(s, milestones, n - 1)) return with_parts(s, parts, n);
    tg_schedule_destroy(&s->owned);
    return NULL;
}

tg_schedule *tg_chained_lr(tg_schedule *const *parts, int n)
{
    tg_tape *t = tape_of(parts, n);
    MAKE(t, &tg_schedule_chained, are_parts(t, function, parts, n));
    return with_parts(s, parts, n);
}

tg_schedule *tg_warmup_lr(tg_schedule *after, int64_t steps, double start)
{
    static const char name[] = "tg_warmup_lr";
    if (!after) return NULL;
    tg_tape *t = after->tape;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_HANDLER, name) || !are_parts(t, name, &after, 1) || !is_positive(t, name, "steps", steps) ||
        !is_at_least_0(t, name, "start", start))
        return NULL;
    tg_schedule *up = tg_linear_lr(t, start, 1, steps);
    tg_schedule *s = up ? tg_sequential_lr((tg_schedule *[]){up, after}, &steps, 2) : NULL;
    if (!s) tg_schedule_free(up);
    return s;
}

void tg_schedule_free(tg_schedule *s)
{
    static const char name[] = "tg_schedule_free";
    if (!s || !tg_may(s->tape, TG_IN_HANDLER, name)) return;
    if (s->is_part) {
        tg_fail_on(s->tape, TG_ERR_ARG, name, "the schedule is part of another one, which frees it");
        return;
    }
    tg_disown(s->tape, &s->owned);
    tg_schedule_destroy(&s->owned);
}
