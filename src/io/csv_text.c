/* csv_text.c - splits the bytes of a CSV file into fields, in their own memory: a field with its zero byte is no longer than it was with what
 * ended it. Each byte is looked at once. */
#include "io/csv_text.h"

#include <inttypes.h>
#include <limits.h>

typedef struct splitter {
    tg_csv_text *text;
    const char  *at, *end; /* what is still to be split */
    char        *to;       /* where the fields go; never beyond at */
    int64_t      line, field; /* where `at` is, both from 1 on */
} splitter;

static tg_status malformed(const splitter *s, const char *what)
{
    const tg_input_file *f = &s->text->file;
    return tg_fail_on(f->tape, TG_ERR_FORMAT, f->function, "%s has %s in field %" PRId64 " of line %" PRId64, f->path, what, s->field, s->line);
}

/* At the end of a line, or of the file? A carriage return counts with the line feed behind it. */
static size_t line_end(const splitter *s)
{
    if (s->at == s->end) return 0;
    return *s->at == '\n' ? 1 : *s->at == '\r' && s->at + 1 < s->end && s->at[1] == '\n' ? 2 : 0;
}
static bool at_end(const splitter *s) { return s->at == s->end || line_end(s) > 0; }

static tg_status split_quoted(splitter *s)
{
    const int64_t line = s->line;
    for (s->at++; s->at < s->end; *s->to++ = *s->at++) {
        if (*s->at == 0) return malformed(s, "a zero byte");
        s->line += *s->at == '\n';
        if (*s->at != '"') continue;
        if (s->at + 1 < s->end && s->at[1] == '"') {
            s->at++; /* one of the two is left */
            continue;
        }
        s->at++;
        return at_end(s) || *s->at == s->text->delimiter ? TG_OK : malformed(s, "text after its closing quote");
    }
    s->line = line;
    return malformed(s, "an unclosed quote");
}

static tg_status split_plain(splitter *s)
{
    for (; s->at < s->end && *s->at != s->text->delimiter && *s->at != '\n'; *s->to++ = *s->at++) {
        if (*s->at == 0) return malformed(s, "a zero byte");
        if (*s->at != '\r') continue;
        if (line_end(s)) break;
        return malformed(s, "a carriage return without a line feed");
    }
    return TG_OK;
}

static tg_status split_row(splitter *s)
{
    tg_status     st;
    const int64_t line = s->line;
    for (s->field = 1;; s->field++) {
        st = s->at < s->end && *s->at == '"' ? split_quoted(s) : split_plain(s);
        if (st != TG_OK) return st;
        const bool more = !at_end(s);
        s->at += more ? 1 : line_end(s);
        *s->to++ = 0;
        if (!more) break;
    }
    s->line++;
    const tg_csv_text *x = s->text;
    if (x->rows == 0 || s->field == x->columns) return TG_OK;
    return tg_fail_on(x->file.tape, TG_ERR_FORMAT, x->file.function, "%s has %" PRId64 " fields in line %" PRId64 ", but %" PRId64 " in its first row",
                      x->file.path, s->field, line, x->columns);
}

static void skip_empty_lines(splitter *s)
{
    if (s->text->columns == 1) return; /* there each is a missing value */
    for (size_t n; (n = line_end(s)) > 0; s->at += n) s->line++;
}

static tg_status split(tg_csv_text *x, size_t n)
{
    splitter   s    = {.text = x, .at = x->bytes, .end = x->bytes + n, .to = x->bytes, .line = 1, .field = 1};
    const bool mark = n >= 3 && !memcmp(x->bytes, "\xef\xbb\xbf", 3);
    tg_status  st   = TG_OK;
    if (mark) s.at += 3;
    for (skip_empty_lines(&s); st == TG_OK && s.at < s.end; skip_empty_lines(&s)) {
        st = split_row(&s);
        if (x->rows++ == 0) x->columns = s.field;
    }
    if (st == TG_OK && x->rows == 0) return tg_input_malformed(&x->file, "has no rows");
    if (st == TG_OK && x->columns > INT_MAX)
        return tg_fail_on(x->file.tape, TG_ERR_UNSUPPORTED, x->file.function, "%s has %" PRId64 " columns, more than %d", x->file.path,
                          x->columns, INT_MAX);
    return st;
}

tg_status tg_csv_open(tg_csv_text *x, const char *path)
{
    tg_status s = tg_input_open(&x->file, path);
    if (s != TG_OK) return s;
    const size_t n = (size_t)x->file.size;
    x->size        = n + 1;
    x->bytes       = tg_tape_alloc(x->file.tape, x->size);
    if (!x->bytes) return TG_ERR_MEMORY;
    s = tg_input_read_at(&x->file, 0, x->bytes, n);
    return s == TG_OK ? split(x, n) : s;
}

void tg_csv_close(tg_csv_text *x)
{
    tg_input_close(&x->file);
    if (x->bytes) tg_tape_free_bytes(x->file.tape, x->bytes, x->size);
    x->bytes = NULL;
}
