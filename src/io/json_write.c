/* json_write.c - JSON put together. */
#include <jansson.h>
#include <string.h>

#include "io/json.h"

tg_status tg_json_add(tg_json_text *x, const char *text, size_t n)
{
    if (!TG_GROW(x->tape, x->text, x->capacity, x->used + n)) return TG_ERR_MEMORY;
    memcpy(x->text + x->used, text, n);
    x->used += n;
    return TG_OK;
}

/* jansson escapes it and insists on UTF-8. */
tg_status tg_json_add_string(tg_json_text *x, const char *what, const char *string)
{
    char    text[TG_NAME_TEXT];
    json_t *j = json_string_nocheck(string);
    if (!j) return tg_out_of_memory(x->tape, x->function);
    const size_t flags = JSON_ENCODE_ANY, length = json_dumpb(j, NULL, 0, flags);
    tg_status    s = TG_OK;
    if (length == 0)
        s = tg_fail_on(x->tape, TG_ERR_ARG, x->function, "%s %s is not UTF-8", what, tg_name_text(string, text));
    else if (length > TG_JSON_STRING_MAX)
        s = tg_fail_on(x->tape, TG_ERR_ARG, x->function, "%s %s is too long for a file", what, tg_name_text(string, text));
    else if (!TG_GROW(x->tape, x->text, x->capacity, x->used + length))
        s = TG_ERR_MEMORY;
    else
        x->used += json_dumpb(j, x->text + x->used, length, flags);
    json_decref(j);
    return s;
}

void tg_json_drop(tg_json_text *x)
{
    if (x->text) tg_tape_free_bytes(x->tape, x->text, x->capacity);
    x->text = NULL;
    x->used = x->capacity = 0;
}
