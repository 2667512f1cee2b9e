/* text.c - text put together piece by piece. */
#include "text.h"

#include <stdarg.h>

void tg_put(tg_text *x, const char *format, ...)
{
    va_list      args;
    const size_t used = x->length < x->size ? x->length : x->size;
    va_start(args, format);
    int n = x->to ? vfprintf(x->to, format, args) : vsnprintf(x->size ? x->buf + used : NULL, x->size - used, format, args);
    va_end(args);
    if (n < 0) x->failed = true;
    else x->length += (size_t)n;
}

const char *tg_op_text(char text[TG_OP_TEXT], const tg_op *op)
{
    const char *name = op ? op->name : "copy";
    size_t      n = 0;
    for (; name && *name && n < TG_OP_TEXT - 1; name++) text[n++] = *name >= ' ' && *name <= '~' ? *name : '?';
    text[n] = 0;
    return text;
}
