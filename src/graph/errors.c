/* errors.c - errors are composed, noted at once, and told to the caller's handler when the call that met them is about to return; and
 * calls are refused that come from inside a function of the caller's that the library has called. */
#include "graph/graph.h"

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
    if (t->handling) return;
    const tg_inside was = tg_go_inside(t, TG_IN_HANDLER, NULL, NULL);
    t->handling = true;
    for (uint32_t i = 0; i < t->n_told && t->on_error; i++) t->on_error(t->error_ctx, t->told[i].status, t->told[i].sentence);
    if (t->n_untold && t->on_error) {
        char text[80];
        snprintf(text, sizeof text, "%u more errors in the same call", t->n_untold);
        t->on_error(t->error_ctx, t->last_untold, text);
    }
    t->n_told = t->n_untold = 0;
    t->handling = false;
    t->inside = was;
}

static void note(tg_tape *t, tg_status s, const char *sentence)
{
    if (t->n_told < TG_MOST_TOLD) {
        t->told[t->n_told].status = s;
        snprintf(t->told[t->n_told].sentence, sizeof t->told->sentence, "%s", sentence);
        t->n_told++;
    } else {
        t->n_untold++;
        t->last_untold = s;
    }
}

/* The one place where errors land: put a breakpoint here. */
static tg_status report(tg_tape *t, tg_status s, const char *sentence)
{
    t->latest = s;
    t->errors++;
    if (t->error == TG_OK) {
        t->error = s;
        snprintf(t->sentence, sizeof t->sentence, "%s", sentence);
    }
    if (!t->on_error || t->handling) return s;
    note(t, s, sentence);
    if (!t->under_way && t->inside.where == TG_OUTSIDE) tg_tell_errors(t);
    return s;
}

tg_status tg_vfail(tg_tape *t, tg_status s, const char *function, const char *format, va_list args)
{
    char   text[sizeof t->sentence];
    size_t used = 0;
    if (!t) return s;
    int n = snprintf(text, sizeof text, "%s: ", function);
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

/* "…: reason (inputs [64,784] float32, [128,10] float32)" */
tg_status tg_fail(const tg_call *c, tg_status s, const char *format, ...)
{
    char    text[900], name[80], shape[TG_SHAPE_TEXT];
    size_t  used;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    used = n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    const char *open = c->n_in == 1 ? " (input " : " (inputs ";
    for (int i = 0; i < c->n_in && i < 4 && used < sizeof text - 1; i++) {
        const tg_shape *dims = c->in ? tg_shape_of(c->in[i]) : c->x[i].shape;
        tg_dtype        dt = c->in ? tg_dtype_of(c->in[i]) : c->x[i].dtype;
        if (!dims) continue;
        n = snprintf(text + used, sizeof text - used, "%s%s %s%s", i ? ", " : open,
                     tg_shape_text(dims, shape, sizeof shape), tg_dtype_name(dt),
                     i == c->n_in - 1 ? ")" : i == 3 ? ", ...)" : "");
        used += n < 0 ? 0 : (size_t)n;
    }
    snprintf(name, sizeof name, "tg_%s", c->op->name);
    return tg_fail_on(c->tape, s, name, "%s", text);
}

tg_status tg_out_of_memory(tg_tape *t, const char *function)
{
    return tg_fail_on(t, TG_ERR_MEMORY, function, "out of memory");
}

const char *tg_error(const tg_tape *t) { return t && t->error != TG_OK ? t->sentence : NULL; }
tg_status   tg_error_status(const tg_tape *t) { return t ? t->error : TG_ERR_NULL; }
void        tg_clear_error(tg_tape *t)
{
    if (t) t->error = TG_OK;
}
void tg_set_error_handler(tg_tape *t, tg_error_fn fn, void *ctx)
{
    if (!t) return;
    t->on_error = fn;
    t->error_ctx = ctx;
}

/* ---- calls from inside -------------------------------------------------------------------------------------------- */

bool tg_refuse_inside(tg_tape *t, const char *function)
{
    const tg_inside *i = &t->inside;
    char             where[120];
    const char      *rest = "the tape can't be freed before the call that failed has returned";
    snprintf(where, sizeof where, "the error handler");
    if (i->where == TG_IN_ALLOCATOR) {
        snprintf(where, sizeof where, "the tape's allocator");
        rest = "which may do nothing with the tape";
    } else if (i->where == TG_IN_FUNCTION) {
        snprintf(where, sizeof where, "the function under tg_gradcheck");
        rest = "which may neither reset nor free the tape";
    } else if (i->where != TG_IN_HANDLER) {
        snprintf(where, sizeof where, i->op ? "%s of op '%s'" : "%s of an op", i->what, i->op ? i->op->name : "");
        rest = i->where == TG_IN_RULE || i->where == TG_IN_LATE_RULE ? "rules record ops and do nothing else with the tape"
                                      : "which computes from what it is given and does nothing with the tape but tg_fail and tg_scratch";
    }
    tg_fail_on(t, TG_ERR_ARG, function, "called from inside %s: %s", where, rest);
    return false;
}
