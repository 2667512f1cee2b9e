/* scope.c - scopes of names: what stands before the names of the parameters and buffers that are made inside them. */
#include "graph/graph.h"

#include <stdarg.h>
#include <stdio.h>

#include "tensor/text.h"

static tg_status check_scope(tg_tape *t, const char *function, const char *name)
{
    const tg_scopes *s = &t->scopes;
    size_t           used = 0, n = 1;
    if (!name) return tg_fail_on(t, TG_ERR_NULL, function, "the name is NULL");
    if (s->depth == TG_MOST_SCOPES) return tg_fail_on(t, TG_ERR_ARG, function, "there are %d scopes in each other already", TG_MOST_SCOPES);
    while (name[used] && used < TG_LONGEST_NAME && n) used += n = tg_printable_length(name + used);
    if (!n || !used || s->length + used >= TG_LONGEST_NAME)
        return tg_fail_on(t, TG_ERR_ARG, function, "a scope's name is printable UTF-8, and with those around it shorter than %d bytes",
                          TG_LONGEST_NAME);
    return TG_OK;
}

/* What can't be opened is counted, so that its pop closes nothing else. */
static tg_status push(tg_tape *t, const char *function, const char *name)
{
    if (!t) return TG_ERR_NULL;
    tg_scopes *s = &t->scopes;
    if (!tg_may(t, TG_IN_FUNCTION, function)) return TG_ERR_ARG;
    const tg_status status = s->unopened ? TG_ERR_ARG : check_scope(t, function, name);
    if (status != TG_OK) {
        s->unopened++;
        return status;
    }
    s->begins[s->depth++] = s->length;
    s->length = (uint8_t)(s->length + snprintf(s->text + s->length, sizeof s->text - s->length, "%s.", name));
    return TG_OK;
}

tg_status tg_scope_push(tg_tape *t, const char *name)
{
    TG_CALL(t);
    return push(t, "tg_scope_push", name);
}

tg_status tg_scope_pushf(tg_tape *t, const char *name, ...)
{
    char    text[TG_LONGEST_NAME + 1]; /* a name that is cut off here is too long as well */
    va_list arguments;
    TG_CALL(t);
    va_start(arguments, name);
    const int length = name ? vsnprintf(text, sizeof text, name, arguments) : 0;
    va_end(arguments);
    return push(t, "tg_scope_pushf", !name ? NULL : length < 0 ? "" : text);
}

tg_status tg_scope_pop(tg_tape *t)
{
    TG_CALL(t);
    if (!t) return TG_ERR_NULL;
    tg_scopes *s = &t->scopes;
    if (!tg_may(t, TG_IN_FUNCTION, "tg_scope_pop")) return TG_ERR_ARG;
    if (s->unopened) {
        s->unopened--;
        return TG_OK;
    }
    if (!s->depth) return tg_fail_on(t, TG_ERR_ARG, "tg_scope_pop", "no scope is open; each tg_scope_push has one tg_scope_pop");
    s->length = s->begins[--s->depth];
    s->text[s->length] = 0;
    return TG_OK;
}

const char *tg_scope(const tg_tape *t) { return t ? t->scopes.text : ""; }
