/* early_stop.c - when to stop, and the best weights until then. */
#include <tapegrad/weights.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "optim/shadows.h"
#include "tensor/options.h"

struct tg_early_stop {
    tg_owned   owned; /* first: the tape frees by it */
    tg_tape   *tape;
    int64_t    patience;
    double     min_delta;
    bool       maximize;
    double     best;             /* NaN: there is none */
    int64_t    reports, best_at; /* best_at -1: there is none */
    tg_shadows weights;
};

/* ---- state: the best weights, what was measured with them, and two counts -------------------------------------------------- */

static const char *kind_of(const tg_owned *self)
{
    (void)self;
    return "early_stop";
}

static int count_entries(tg_owned *self, const char *function)
{
    tg_early_stop *e = (tg_early_stop *)(void *)self;
    if (!tg_may(e->tape, TG_IN_FUNCTION, function)) return -1;
    tg_shadows_drop_released(&e->weights);
    return (int)e->weights.n + 2;
}

static bool has_entry(tg_owned *self, int i, const char *function)
{
    const int n = count_entries(self, function);
    if (n >= 0 && (i < 0 || i >= n))
        tg_fail_on(((tg_early_stop *)(void *)self)->tape, TG_ERR_ARG, function, "there is no entry %d, there are %d", i, n);
    return i >= 0 && i < n;
}

static int name_entry(tg_owned *self, int i, char *buf, size_t size, const char *function)
{
    const tg_early_stop *e = (tg_early_stop *)(void *)self;
    if (!has_entry(self, i, function)) return -1;
    const size_t k = (size_t)i, n = e->weights.n;
    return k < n ? tg_shadow_name(&e->weights, k, "early_stop", buf, size) : snprintf(buf, size, k == n ? "early_stop:best" : "early_stop:counts");
}

static tg_tensor *get_entry(tg_owned *self, int i, const char *function)
{
    const tg_early_stop *e = (tg_early_stop *)(void *)self;
    if (!has_entry(self, i, function)) return NULL;
    const size_t k = (size_t)i, n = e->weights.n;
    if (k < n) return tg_shadow_get(&e->weights, k);
    if (k == n) return tg_from_f64(e->tape, TG_SCALAR_SHAPE, &e->best);
    return tg_from_i64(e->tape, TG_SHAPE(2), (const int64_t[]){e->reports, e->best_at});
}

static tg_status set_entry(tg_owned *self, int i, tg_tensor *value, const char *function)
{
    tg_early_stop *e = (tg_early_stop *)(void *)self;
    const void    *x = NULL;
    if (!has_entry(self, i, function)) return e->tape->services.latest;
    const size_t k = (size_t)i, n = e->weights.n;
    if (k < n) return tg_shadow_set(&e->weights, k, value, function);
    const tg_status s = tg_state_elements(e->tape, value, k == n ? TG_F64 : TG_I64, k == n ? 1 : 2, "the state of early stopping", function, &x);
    if (s != TG_OK) return s;
    if (k == n) {
        e->best = *(const double *)x;
        return TG_OK;
    }
    const int64_t *counts = x;
    if (counts[0] < 0 || counts[1] < -1 || counts[1] >= counts[0])
        return tg_fail_on(e->tape, TG_ERR_ARG, function, "report %" PRId64 " of %" PRId64 " cannot be the best", counts[1], counts[0]);
    e->reports = counts[0];
    e->best_at = counts[1];
    return TG_OK;
}

static const tg_state_functions state_functions = {kind_of, count_entries, name_entry, get_entry, set_entry};

/* ---- making and freeing ------------------------------------------------------------------------------------------------ */

static void free_stop(tg_owned *owned)
{
    tg_early_stop *e = (tg_early_stop *)(void *)owned;
    tg_shadows_free(&e->weights);
    tg_tape_free_bytes(e->tape, e, sizeof *e);
}

tg_early_stop *tg_early_stop_new(tg_tape *t, const tg_early_stop_options *options)
{
    static const char           function[] = "tg_early_stop_new";
    const tg_early_stop_options o = options ? *options : (tg_early_stop_options){0};
    const int64_t               patience = o.patience == TG_ZERO_INDEX ? 0 : o.patience ? o.patience : 10;
    if (!t) return NULL;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, function)) return NULL;
    if (patience < 0 || !(o.min_delta >= 0 && isfinite(o.min_delta))) {
        tg_fail_on(t, TG_ERR_ARG, function, "patience and min_delta must be finite and not negative, got %" PRId64 " and %g", patience, o.min_delta);
        return NULL;
    }
    tg_early_stop *e = tg_tape_alloc(t, sizeof *e);
    if (!e) return NULL;
    e->owned.free = free_stop;
    e->owned.state = &state_functions;
    e->tape = t;
    e->patience = patience;
    e->min_delta = tg_or_usual(o.min_delta, 0);
    e->maximize = o.maximize;
    e->best = NAN;
    e->best_at = -1;
    if (!tg_shadows_begin(&e->weights, t, o.params, o.n_params, function)) {
        free_stop(&e->owned);
        return NULL;
    }
    tg_own(t, &e->owned);
    return e;
}

void tg_early_stop_free(tg_early_stop *e)
{
    if (!e || !tg_may(e->tape, TG_IN_FUNCTION, "tg_early_stop_free")) return;
    tg_disown(e->tape, &e->owned);
    free_stop(&e->owned);
}

/* ---- reports ------------------------------------------------------------------------------------------------------------ */

static bool is_better(const tg_early_stop *e, double x)
{
    if (e->best_at < 0) return !isnan(x);
    return e->maximize ? x > e->best + e->min_delta : x < e->best - e->min_delta;
}

/* All of them: there is room for what has none yet before the first is copied. */
static bool copy_weights(tg_early_stop *e, const char *function)
{
    tg_shadows_drop_released(&e->weights);
    if (!tg_shadows_take_new(&e->weights, function)) return false;
    for (size_t k = 0; k < e->weights.n; k++) {
        const tg_shadow *s = &e->weights.at[k];
        if (s->bytes) memcpy(tg_shadow_copy(s), tg_host_memory(s->node), s->bytes);
    }
    return true;
}

bool tg_early_stop_report(tg_early_stop *e, double measured)
{
    static const char function[] = "tg_early_stop_report";
    if (!e) return false;
    TG_CALL(e->tape);
    if (!tg_may(e->tape, TG_IN_FUNCTION, function)) return false;
    const bool better = is_better(e, measured);
    if (better && !copy_weights(e, function)) return false;
    if (better) {
        e->best = measured;
        e->best_at = e->reports;
    }
    e->reports++;
    return tg_early_stop_is_over(e);
}

bool tg_early_stop_is_over(const tg_early_stop *e) { return e && e->reports && e->reports - 1 - e->best_at > e->patience; }

tg_status tg_early_stop_restore(tg_early_stop *e)
{
    static const char function[] = "tg_early_stop_restore";
    if (!e) return TG_ERR_NULL;
    if (!tg_may(e->tape, TG_IN_FUNCTION, function)) return TG_ERR_ARG;
    if (e->best_at < 0) return tg_fail_on(e->tape, TG_ERR_ARG, function, "there are no best weights: no number was reported yet");
    tg_shadows_drop_released(&e->weights);
    for (size_t k = 0; k < e->weights.n; k++) {
        const tg_shadow *s = &e->weights.at[k];
        if (s->bytes) memcpy(tg_host_memory(s->node), tg_shadow_copy(s), s->bytes);
        tg_mark_written(s->node);
    }
    return TG_OK;
}

double  tg_early_stop_best(const tg_early_stop *e) { return e ? e->best : (double)NAN; }
int64_t tg_early_stop_best_at(const tg_early_stop *e) { return e ? e->best_at : -1; }
