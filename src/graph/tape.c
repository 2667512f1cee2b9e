/* tape.c - the life of a tape: making, resetting, freeing it; its settings and figures. */
#include "graph/anomaly.h"
#include "graph/walk.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/blas.h"
#include "tensor/process.h"
#include "profile/profile.h"

/* ---- making and freeing ------------------------------------------------------------------------------------------- */

/* Tells that there will be no tape. */
static TG_PRINTF(3, 4) tg_tape *refuse(const tg_tape_options *o, tg_status s, const char *format, ...)
{
    char      sentence[300] = "tg_tape_new: ";
    const int used = (int)strlen(sentence);
    va_list   args;
    va_start(args, format);
    vsnprintf(sentence + used, sizeof sentence - (size_t)used, format, args);
    va_end(args);
    if (!o->silent) (o->on_error ? o->on_error : tg_print_error)(o->error_ctx, s, sentence);
    return NULL;
}

/* A setting comes from the options, else from the environment; whom to name when it is wrong. */
static const char *setting(const char *option, const char *name, const char *variable, const char **where)
{
    const char *value = option ? option : getenv(variable);
    *where = option ? name : variable;
    return value ? value : "";
}

static const tg_evaluator *find_evaluator(const tg_tape_options *o)
{
    const char *where, *name = setting(o->evaluator, "the option evaluator", "TAPEGRAD_EVAL", &where);
    if (!*name) return tg_evaluators[0];
    for (size_t i = 0; tg_evaluators[i]; i++)
        if (!strcmp(tg_evaluators[i]->name, name)) return tg_evaluators[i];
    refuse(o, TG_ERR_ARG, "%s is \"%.80s\"; there are \"fused\" and \"reference\"", where, name);
    return NULL;
}

/* Runs before a program is compiled; -1: there is no such setting. */
static int find_compile_after(const tg_tape_options *o)
{
    const char *where, *when = setting(o->compile, "the option compile", "TAPEGRAD_COMPILE", &where);
    if (!*when || !strcmp(when, "soon")) return 2;
    if (!strcmp(when, "at once")) return 0;
    if (!strcmp(when, "never")) return INT_MAX;
    refuse(o, TG_ERR_ARG, "%s is \"%.80s\"; there are \"soon\", \"at once\" and \"never\"", where, when);
    return -1;
}

tg_tape *tg_tape_new(const tg_tape_options *options)
{
    static const tg_tape_options usual = {0};
    const tg_tape_options       *o = options ? options : &usual;
    const tg_evaluator          *evaluator = find_evaluator(o);
    const int                    compile_after = evaluator ? find_compile_after(o) : -1;
    if (!evaluator || compile_after < 0) return NULL;
    if (!tg_dtype_is_float(o->dtype))
        return refuse(o, TG_ERR_DTYPE, "the option dtype is %s; it must be float32 or float64", tg_dtype_name(o->dtype));
    if (o->threads < 0) return refuse(o, TG_ERR_ARG, "the option threads is %d", o->threads);

    tg_heap  heap;
    tg_heap_init(&heap, &o->allocator);
    tg_tape *t = tg_heap_alloc(&heap, sizeof *t);
    if (!t) return refuse(o, TG_ERR_MEMORY, "out of memory");
    memset(t, 0, sizeof *t);
    tg_services_init(&t->services, heap);
    t->gen = 1;
    t->tag = tg_tag_of(t->gen);
    t->epoch = 1;
    t->dtype = o->dtype;
    t->services.threads = o->threads;
    t->compile_after = compile_after;
    t->grad_enabled = true;
    t->services.on_error = o->silent ? NULL : o->on_error ? o->on_error : tg_print_error;
    t->services.error_ctx = o->error_ctx;
    t->evaluator = evaluator;
    tg_arena_init(&t->record, &t->services.heap);
    if (!TG_GROW(t, t->seeds, t->cap_seeds, 1)) {
        tg_tape_free(t);
        return NULL;
    }
    t->seeds[0] = (tg_seed_from){.seed = o->seed};
    t->n_seeds = 1;
    if (tg_is_limited()) t->services.threads = tg_start_threads(tg_threads(t));
    t->blas = !evaluator->own_products && tg_may_use_blas();
    if (evaluator->open && evaluator->open(t) != TG_OK) {
        tg_tape_free(t);
        return NULL;
    }
    t->profile = tg_profile_open(t, evaluator->name, o->profile, o->profile_summary);
    return t;
}

/* Large values, small values and wishes of this recording go; its nodes stay in their slots, to be confirmed or overwritten. */
tg_status tg_reset(tg_tape *t)
{
    if (!t) return TG_ERR_NULL;
    if (!tg_may(t, TG_IN_HANDLER, "tg_reset")) return TG_ERR_ARG;
    if (t->evaluator->reset) t->evaluator->reset(t);
    tg_free_values(t);
    t->n_wanted = 0;
    t->written = 0;
    tg_move_to(t, 0);
    t->seeds[0] = (tg_seed_from){.seed = t->seeds[t->n_seeds - 1].seed};
    t->n_seeds = 1;
    tg_free_dropped(t);
    if (!(++t->gen & TG_TAG_MASK)) tg_retire_slots(t);
    t->tag = tg_tag_of(t->gen);
    if (t->forget) t->valid = 0;
    t->forget = false;
    tg_tidy_hooks(t);
    return TG_OK;
}

void tg_tape_free(tg_tape *t)
{
    if (!t || !tg_may(t, TG_OUTSIDE, "tg_tape_free")) return;
    tg_profile_close(t->profile);
    t->profile = NULL;
    while (t->services.owned) {
        tg_owned *o = t->services.owned;
        tg_disown(t, o);
        o->free(o);
    }
    if (t->evaluator->close) t->evaluator->close(t);
    tg_free_kept(t);
    tg_heap_free(&t->services.heap, t->seeds, t->cap_seeds * sizeof *t->seeds);
    tg_named_free(t, &t->params);
    tg_named_free(t, &t->buffers);
    tg_heap_free(&t->services.heap, t->wanted, t->cap_wanted * sizeof *t->wanted);
    tg_walk_free(t);
    tg_free_hooks(t);
    tg_free_anomaly(t);
    tg_ordering_free(t);
    tg_arena_free(&t->record);
    tg_services_free(&t->services);
    tg_heap heap = t->services.heap;
    heap.inside = NULL;
    t->services.inside.where = TG_IN_ALLOCATOR; /* for good */
    tg_heap_free(&heap, t, sizeof *t);
}

/* ---- settings and figures ----------------------------------------------------------------------------------------- */

bool tg_set_grad_enabled(tg_tape *t, bool on)
{
    if (!t) return false;
    bool was = t->grad_enabled;
    if (tg_may(t, TG_IN_LATE_RULE, "tg_set_grad_enabled")) t->grad_enabled = on;
    return was;
}

static int64_t count_kept(const tg_tape *t)
{
    int64_t n = 0;
    for (uint32_t i = 0; i < t->kept_used; i++)
        n += (tg_slot_at(&t->kept, i)->flags & (TG_N_KEPT | TG_N_PARAM | TG_N_BUFFER | TG_N_GRADIENT)) == TG_N_KEPT;
    return n;
}

tg_tape_stats tg_stats(const tg_tape *t)
{
    if (!t) return (tg_tape_stats){0};
    return (tg_tape_stats){.nodes = t->count,
                           .allocations = t->services.heap.calls,
                           .bytes_reserved = t->services.heap.reserved,
                           .evaluated_nodes = t->evaluated,
                           .plans_made = t->plans,
                           .segments_made = t->segments,
                           .kept = count_kept(t),
                           .evaluator = t->evaluator->name};
}
