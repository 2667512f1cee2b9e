/* errors.c - errors are composed, noted at once, and told to the caller's handler when the call that met them is about to return; and
 * calls are refused that come from inside a function of the caller's that the library has called. */
#include "tensor/services.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "tensor/text.h"

void tg_print_error(void *ctx, tg_status s, const char *sentence)
{
    (void)ctx, (void)s;
    fprintf(stderr, "tapegrad: %s\n", sentence);
}

/* ---- handing over ------------------------------------------------------------------------------------------------- */

/* Told to the handler when nothing of a call is under way any more: it may do with the tape what it likes. What happens in it is noted and
 * not told again. */
void tg_tell_errors(tg_tape *t)
{
    tg_services *e = tg_services_of(t);
    if (e->handling) return;
    const tg_inside was = tg_go_inside(t, TG_IN_HANDLER, NULL, NULL);
    e->handling = true;
    for (uint32_t i = 0; i < e->n_told && e->on_error; i++) e->on_error(e->error_ctx, e->told[i].status, e->told[i].sentence);
    if (e->n_untold && e->on_error) {
        char text[80];
        snprintf(text, sizeof text, "%u more errors in the same call", e->n_untold);
        e->on_error(e->error_ctx, e->last_untold, text);
    }
    e->n_told = e->n_untold = 0;
    e->handling = false;
    e->inside = was;
}

static void note(tg_tape *t, tg_status s, const char *sentence)
{
    tg_services *e = tg_services_of(t);
    if (e->n_told < TG_MOST_TOLD) {
        e->told[e->n_told].status = s;
        snprintf(e->told[e->n_told].sentence, sizeof e->told->sentence, "%s", sentence);
        e->n_told++;
    } else {
        e->n_untold++;
        e->last_untold = s;
    }
}

/* The one place where errors land: put a breakpoint here. */
static tg_status report(tg_tape *t, tg_status s, const char *sentence)
{
    tg_services *e = tg_services_of(t);
    e->latest = s;
    e->errors++;
    if (e->error == TG_OK) {
        e->error = s;
        snprintf(e->sentence, sizeof e->sentence, "%s", sentence);
    }
    if (!e->on_error || e->handling) return s;
    note(t, s, sentence);
    if (!e->under_way && e->inside.where == TG_OUTSIDE) tg_tell_errors(t);
    return s;
}

/* The sentence begins with the function that the user called, and goes on with the one that met the error. */
tg_status tg_vfail(tg_tape *t, tg_status s, const char *function, const char *format, va_list args)
{
    char   text[sizeof tg_services_of(t)->sentence];
    size_t used = 0;
    if (!t) return s;
    const char *called = tg_services_of(t)->called, *within = !strcmp(function, "tapegrad") ? NULL : function;
    if (!tg_services_of(t)->under_way || !called) called = function;
    int n = within && strcmp(called, within) ? snprintf(text, sizeof text, "%s: %s: ", called, within) : snprintf(text, sizeof text, "%s: ", called);
    if (n > 0) used = (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    vsnprintf(text + used, sizeof text - used, format, args);
    return report(t, s, tg_printable(text, sizeof text, text)); /* whatever was put into it */
}

tg_status tg_fail_on(tg_tape *t, tg_status s, const char *function, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    tg_vfail(t, s, function, format, args);
    va_end(args);
    return s;
}

tg_status tg_out_of_memory(tg_tape *t, const char *function)
{
    return tg_fail_on(t, TG_ERR_MEMORY, function, "out of memory");
}

const char *tg_error(const tg_tape *t) { return t && tg_services_read(t)->error != TG_OK ? tg_services_read(t)->sentence : NULL; }
tg_status   tg_error_status(const tg_tape *t) { return t ? tg_services_read(t)->error : TG_ERR_NULL; }
void        tg_clear_error(tg_tape *t)
{
    if (t) tg_services_of(t)->error = TG_OK;
}
void tg_set_error_handler(tg_tape *t, tg_error_fn fn, void *ctx)
{
    if (!t) return;
    tg_services_of(t)->on_error = fn;
    tg_services_of(t)->error_ctx = ctx;
}

/* ---- calls from inside -------------------------------------------------------------------------------------------- */

bool tg_refuse_inside(tg_tape *t, const char *function)
{
    const tg_inside *i = &tg_services_of(t)->inside;
    char             where[120];
    const char      *rest = "the tape can't be freed before the call that failed has returned";
    snprintf(where, sizeof where, "the error handler");
    if (i->where == TG_IN_ALLOCATOR) {
        snprintf(where, sizeof where, "the tape's allocator");
        rest = "which may do nothing with the tape";
    } else if (i->where == TG_IN_SAMPLE) {
        snprintf(where, sizeof where, "the function of tg_dataset_map");
        rest = "which may do nothing with the tape, since it may run in another thread";
    } else if (i->where == TG_IN_DELETER) {
        snprintf(where, sizeof where, "the deleter of a tensor that tg_from_dlpack took");
        rest = "which may do nothing with the tape";
    } else if (i->where == TG_IN_FUNCTION) {
        snprintf(where, sizeof where, "%s", i->what ? i->what : "the function under tg_gradcheck");
        rest = "which may neither reset nor free the tape";
    } else if (i->where == TG_IN_HOOK) {
        snprintf(where, sizeof where, "a hook");
        rest = "hooks record ops, say what is wanted (tg_want), and do nothing else with the tape; what is wanted is read after the backward";
    } else if (i->where != TG_IN_HANDLER) {
        snprintf(where, sizeof where, i->op ? "%s of op '%s'" : "%s of an op", i->what, i->op ? i->op->name : "");
        rest = i->where == TG_IN_RULE || i->where == TG_IN_LATE_RULE ? "rules record ops and do nothing else with the tape"
                                      : "which computes from what it is given and does nothing with the tape but tg_fail and tg_scratch";
    }
    tg_fail_on(t, TG_ERR_ARG, function, "called from inside %s: %s", where, rest);
    return false;
}

int tg_told_length(tg_tape *t, size_t length, const char *function)
{
    if (length <= INT_MAX) return (int)length;
    tg_fail_on(t, TG_ERR_UNSUPPORTED, function, "the text has more than %d bytes", INT_MAX);
    return -1;
}
