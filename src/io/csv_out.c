/* csv_out.c - writing CSV: pieces of text, and fields between quotes. */
#include "io/csv_out.h"

#include <string.h>

tg_status tg_csv_begin(tg_csv_out *w, tg_tape *t, const char *function, const char *path)
{
    w->used = 0;
    return tg_replace_open(&w->file, t, function, path);
}

static tg_status flush(tg_csv_out *w)
{
    const tg_status s = w->used ? tg_replace_write(&w->file, w->piece, w->used) : TG_OK;
    w->used = 0;
    return s;
}

tg_status tg_csv_put(tg_csv_out *w, const char *text, size_t n)
{
    tg_status s = TG_OK;
    for (size_t room; s == TG_OK && n > 0; text += room, n -= room) {
        if (w->used == TG_CSV_PIECE) s = flush(w);
        room = n < TG_CSV_PIECE - w->used ? n : TG_CSV_PIECE - w->used;
        if (s != TG_OK) break;
        memcpy(w->piece + w->used, text, room);
        w->used += room;
    }
    return s;
}

/* What ends fields and rows, a quote, and what stands at the beginning of a file and is no part of its first field. */
static bool needs_quotes(const char *text, size_t n)
{
    static const char mark[] = "\xef\xbb\xbf";
    if (n == 0 || (n >= 3 && !memcmp(text, mark, 3))) return true;
    for (size_t i = 0; i < n; i++)
        if (strchr("\",\r\n", text[i])) return true;
    return false;
}

tg_status tg_csv_write_field(tg_csv_sink put, void *to, const char *text, size_t n)
{
    if (!needs_quotes(text, n)) return put(to, text, n);
    tg_status s = put(to, "\"", 1);
    for (size_t i = 0; s == TG_OK && i < n; i++) s = text[i] == '"' ? put(to, "\"\"", 2) : put(to, text + i, 1);
    return s == TG_OK ? put(to, "\"", 1) : s;
}

static tg_status put(void *to, const char *text, size_t n) { return tg_csv_put(to, text, n); }

tg_status tg_csv_put_text(tg_csv_out *w, const char *text, size_t n) { return tg_csv_write_field(put, w, text, n); }

tg_status tg_csv_end(tg_csv_out *w)
{
    const tg_status s = flush(w);
    return s == TG_OK ? tg_replace_finish(&w->file) : s;
}
