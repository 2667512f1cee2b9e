/* ema.c - exponential moving averages of weights. */
#include <tapegrad/weights.h>

#include <math.h>
#include <stdio.h>

#include "optim/shadows.h"
#include "tensor/options.h"
#include "tensor/team.h"

struct tg_ema {
    tg_owned   owned; /* first: the tape frees by it */
    tg_tape   *tape;
    double     decay;
    bool       warmup, swapped;
    int64_t    updates;
    tg_shadows averages; /* while swapped: the values */
};

/* ---- state: the averages, and two counts --------------------------------------------------------------------------------- */

static const char *kind_of(const tg_owned *self)
{
    (void)self;
    return "ema";
}

static int count_entries(tg_owned *self, const char *function)
{
    tg_ema *e = (tg_ema *)(void *)self;
    if (!tg_may(e->tape, TG_IN_FUNCTION, function)) return -1;
    tg_shadows_drop_released(&e->averages);
    return (int)e->averages.n + 1;
}

static bool has_entry(tg_owned *self, int i, const char *function)
{
    const int n = count_entries(self, function);
    if (n >= 0 && (i < 0 || i >= n)) tg_fail_on(((tg_ema *)(void *)self)->tape, TG_ERR_ARG, function, "there is no entry %d, there are %d", i, n);
    return i >= 0 && i < n;
}

static int name_entry(tg_owned *self, int i, char *buf, size_t size, const char *function)
{
    const tg_ema *e = (tg_ema *)(void *)self;
    if (!has_entry(self, i, function)) return -1;
    return (size_t)i < e->averages.n ? tg_shadow_name(&e->averages, (size_t)i, "ema", buf, size) : snprintf(buf, size, "ema:counts");
}

static tg_tensor *get_entry(tg_owned *self, int i, const char *function)
{
    const tg_ema *e = (tg_ema *)(void *)self;
    if (!has_entry(self, i, function)) return NULL;
    if ((size_t)i < e->averages.n) return tg_shadow_get(&e->averages, (size_t)i);
    return tg_from_i64(e->tape, TG_SHAPE(2), (const int64_t[]){e->updates, e->swapped});
}

static tg_status set_entry(tg_owned *self, int i, tg_tensor *value, const char *function)
{
    tg_ema     *e = (tg_ema *)(void *)self;
    const void *x = NULL;
    if (!has_entry(self, i, function)) return e->tape->services.latest;
    if ((size_t)i < e->averages.n) return tg_shadow_set(&e->averages, (size_t)i, value, function);
    const tg_status s = tg_state_elements(e->tape, value, TG_I64, 2, "the counts of averages", function, &x);
    if (s != TG_OK) return s;
    const int64_t *counts = x;
    if (counts[0] < 0 || (counts[1] != 0 && counts[1] != 1))
        return tg_fail_on(e->tape, TG_ERR_ARG, function, "the counts are those of updates, and 1 while averages are swapped in, not %lld and %lld",
                          (long long)counts[0], (long long)counts[1]);
    e->updates = counts[0];
    e->swapped = counts[1];
    return TG_OK;
}

static const tg_state_functions state_functions = {kind_of, count_entries, name_entry, get_entry, set_entry};

/* ---- making and freeing ------------------------------------------------------------------------------------------------ */

static void free_ema(tg_owned *owned)
{
    tg_ema *e = (tg_ema *)(void *)owned;
    tg_shadows_free(&e->averages);
    tg_tape_free_bytes(e->tape, e, sizeof *e);
}

tg_ema *tg_ema_new(tg_tape *t, const tg_ema_options *options)
{
    static const char    function[] = "tg_ema_new";
    const tg_ema_options o = options ? *options : (tg_ema_options){0};
    const double         decay = tg_or_usual(o.decay, 0.999);
    if (!t) return NULL;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, function)) return NULL;
    if (!(decay >= 0 && decay < 1)) {
        tg_fail_on(t, TG_ERR_ARG, function, "decay must be at least 0 and less than 1, got %g", decay);
        return NULL;
    }
    tg_ema *e = tg_tape_alloc(t, sizeof *e);
    if (!e) return NULL;
    e->owned.free = free_ema;
    e->owned.state = &state_functions;
    e->tape = t;
    e->decay = decay;
    e->warmup = o.warmup;
    if (!tg_shadows_begin(&e->averages, t, o.params, o.n_params, function)) {
        free_ema(&e->owned);
        return NULL;
    }
    tg_own(t, &e->owned);
    return e;
}

void tg_ema_free(tg_ema *e)
{
    if (!e || !tg_may(e->tape, TG_IN_FUNCTION, "tg_ema_free")) return;
    tg_disown(e->tape, &e->owned);
    free_ema(&e->owned);
}

/* ---- averaging --------------------------------------------------------------------------------------------------------- */

enum { SMALL = 65536 };

/* a = w where they are equal, exactly, and no difference overflows. */
#define DEFINE_AVERAGE(T, NAME)                                                                     \
    static void NAME(T *restrict a, const T *restrict w, size_t n, T take, int threads)             \
    {                                                                                               \
        TG_TEAM(num_threads(threads))                                                               \
        {                                                                                           \
            _Pragma("omp for simd schedule(static) nowait")                                         \
            for (size_t i = 0; i < n; i++) a[i] += take * w[i] - take * a[i];                       \
        }                                                                                           \
    }
DEFINE_AVERAGE(float, average_f32)
DEFINE_AVERAGE(double, average_f64)

static void average(const tg_ema *e, const tg_shadow *s, double take)
{
    const tg_node *n = s->node;
    const size_t   elements = (size_t)tg_node_numel(n);
    const int      threads = elements < SMALL ? 1 : tg_threads(e->tape);
    if (n->dtype == TG_F32) average_f32(tg_shadow_copy(s), tg_host_memory(n), elements, (float)take, threads);
    else if (n->dtype == TG_F64) average_f64(tg_shadow_copy(s), tg_host_memory(n), elements, take, threads);
    else memcpy(tg_shadow_copy(s), tg_host_memory(n), s->bytes);
}

tg_status tg_ema_update(tg_ema *e)
{
    static const char function[] = "tg_ema_update";
    if (!e) return TG_ERR_NULL;
    TG_CALL(e->tape);
    if (!tg_may(e->tape, TG_IN_FUNCTION, function)) return TG_ERR_ARG;
    if (e->swapped) return tg_fail_on(e->tape, TG_ERR_ARG, function, "averages and values are exchanged; tg_ema_swap exchanges them back");
    tg_shadows_drop_released(&e->averages);
    const size_t had = e->averages.n;
    if (!tg_shadows_take_new(&e->averages, function)) return TG_ERR_MEMORY;
    const double   ramp = (1 + (double)e->updates) / (10 + (double)e->updates), decay = e->warmup ? fmin(e->decay, ramp) : e->decay;
    const tg_fpenv host = tg_fpenv_enter();
    for (size_t k = 0; k < had; k++) average(e, &e->averages.at[k], 1 - decay);
    tg_fpenv_leave(host);
    e->updates++;
    return TG_OK;
}

/* ---- exchanging -------------------------------------------------------------------------------------------------------- */

static void exchange(char *a, char *b, size_t bytes)
{
    char piece[4096];
    for (size_t at = 0, n; at < bytes; at += n) {
        n = bytes - at < sizeof piece ? bytes - at : sizeof piece;
        memcpy(piece, a + at, n);
        memcpy(a + at, b + at, n);
        memcpy(b + at, piece, n);
    }
}

tg_status tg_ema_swap(tg_ema *e)
{
    if (!e) return TG_ERR_NULL;
    if (!tg_may(e->tape, TG_IN_FUNCTION, "tg_ema_swap")) return TG_ERR_ARG;
    tg_shadows_drop_released(&e->averages);
    for (size_t k = 0; k < e->averages.n; k++) {
        const tg_shadow *s = &e->averages.at[k];
        exchange(tg_host_memory(s->node), tg_shadow_copy(s), s->bytes);
        tg_mark_written(s->node);
    }
    e->swapped = !e->swapped;
    return TG_OK;
}

bool    tg_ema_is_swapped(const tg_ema *e) { return e && e->swapped; }
int64_t tg_ema_updates(const tg_ema *e) { return e ? e->updates : -1; }

tg_tensor *tg_ema_of(tg_ema *e, const tg_tensor *x)
{
    static const char function[] = "tg_ema_of";
    if (!e || !x) return NULL;
    TG_CALL(e->tape);
    const tg_node *n = tg_check(x, function);
    if (!n || !tg_may(e->tape, TG_IN_FUNCTION, function)) return NULL;
    const tg_shadow *s = tg_shadow_of(&e->averages, x);
    if (!s) {
        tg_fail_on(e->tape, TG_ERR_ARG, function, "the tensor has no average%s", n->tape == e->tape && !e->averages.listed ? ", or none before the next update" : "");
        return NULL;
    }
    return tg_from_data(e->tape, (tg_dtype)n->dtype, n->shape, e->swapped ? tg_host_memory(n) : tg_shadow_copy(s));
}
