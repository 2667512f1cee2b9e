/* csv_text.c - splits the bytes of a CSV file into fields, in their own memory: a field with its zero byte is no longer than it was with what
 * ended it. Each byte is looked at once. */
#include "io/csv_text.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

#include "io/text_sort.h"

typedef struct splitter {
    tg_csv_text *text;
    const char  *at, *end; /* what is still to be split */
    char        *to;       /* where the fields go; never beyond at */
    int64_t      line, field; /* where `at` is, both from 1 on */
    const char  *line_at;  /* where that line begins */
} splitter;

static tg_status malformed(const splitter *s, const char *what)
{
    const tg_input_file *f = &s->text->file;
    return tg_fail_on(f->tape, TG_ERR_FORMAT, f->function, "%s has %s in field %" PRId64 " of line %" PRId64, f->path, what, s->field, s->line);
}

static void begin_line(splitter *s, const char *at)
{
    s->line++;
    s->line_at = at;
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
        if (*s->at == '\n') begin_line(s, s->at + 1);
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

/* ---- rows ---------------------------------------------------------------------------------------------------------- */

/* A place in the file: a line, and a byte of it, from 1 on. */
typedef struct place {
    int64_t line, byte;
} place;

static place place_of(const splitter *s) { return (place){s->line, s->at - s->line_at + 1}; }

const char *tg_csv_name(const tg_csv_text *x, int64_t column, char number[TG_CSV_NUMBER])
{
    const char *field = x->bytes;
    snprintf(number, TG_CSV_NUMBER, "%" PRId64, column);
    if (!x->header) return number;
    while (column-- > 0) field = tg_csv_next(field);
    return field;
}

/* A row of another number of fields than the first. `at`: the end of one that has fewer, the first surplus field of one that has more. */
static tg_status ragged(const splitter *s, int64_t line, place at)
{
    char                 what[TG_NAME_TEXT + 40] = "the first surplus one begins", name[TG_NAME_TEXT], number[TG_CSV_NUMBER];
    const tg_csv_text   *x = s->text;
    const tg_input_file *f = &x->file;
    if (s->field < x->columns) snprintf(what, sizeof what, "that of column %s is missing", tg_name_text(tg_csv_name(x, s->field, number), name));
    return tg_fail_on(f->tape, TG_ERR_FORMAT, f->function,
                      "%s has %" PRId64 " field%s in line %" PRId64 ", but %" PRId64 " in its first row: %s at byte %" PRId64 " of line %" PRId64, f->path,
                      s->field, s->field == 1 ? "" : "s", line, x->columns, what, at.byte, at.line);
}

static tg_status split_row(splitter *s)
{
    tg_status          st;
    const tg_csv_text *x     = s->text;
    const int64_t      line  = s->line;
    place              at    = {0, 0};
    for (s->field = 1;; s->field++) {
        if (s->field == x->columns + 1) at = place_of(s);
        st = s->at < s->end && *s->at == '"' ? split_quoted(s) : split_plain(s);
        if (st != TG_OK) return st;
        const bool more = !at_end(s);
        if (!more && s->field <= x->columns) at = place_of(s);
        s->at += more ? 1 : line_end(s);
        *s->to++ = 0;
        if (!more) break;
    }
    begin_line(s, s->at);
    return x->rows == 0 || s->field == x->columns ? TG_OK : ragged(s, line, at);
}

static void skip_empty_lines(splitter *s)
{
    if (s->text->columns == 1) return; /* there each is a missing value */
    for (size_t n; (n = line_end(s)) > 0;) {
        s->at += n;
        begin_line(s, s->at);
    }
}

/* ---- the file ------------------------------------------------------------------------------------------------------ */

/* Are the names different? They are sorted where they are, then read again and split as before: a table of them could be larger than a file of
 * nothing but names. */
static tg_status check_names(splitter *s, const splitter *before)
{
    char         text[TG_NAME_TEXT];
    tg_csv_text *x     = s->text;
    const size_t used  = (size_t)(s->at - x->bytes);
    tg_text_sort(x->bytes, s->to);
    const char  *twice = tg_text_twice(x->bytes, s->to);
    if (twice)
        return tg_fail_on(x->file.tape, TG_ERR_FORMAT, x->file.function, "%s has two columns with the name %s", x->file.path, tg_name_text(twice, text));
    const tg_status st = tg_input_read_at(&x->file, 0, x->bytes, used);
    *s                 = *before;
    return st == TG_OK ? split_row(s) : st;
}

static tg_status split_first_row(splitter *s)
{
    const splitter before = *s;
    tg_status      st     = split_row(s);
    if (st == TG_OK && s->text->header && s->field > 1) st = check_names(s, &before);
    s->text->columns = s->field;
    s->text->rows    = 1;
    if (st == TG_OK && s->field > INT_MAX)
        return tg_fail_on(s->text->file.tape, TG_ERR_UNSUPPORTED, s->text->file.function, "%s has %" PRId64 " columns, more than %d", s->text->file.path,
                          s->field, INT_MAX);
    return st;
}

static tg_status split(tg_csv_text *x, size_t n)
{
    splitter   s    = {.text = x, .at = x->bytes, .end = x->bytes + n, .to = x->bytes, .line = 1, .field = 1, .line_at = x->bytes};
    const bool mark = n >= 3 && !memcmp(x->bytes, "\xef\xbb\xbf", 3);
    if (mark) s.line_at = s.at += 3;
    skip_empty_lines(&s);
    if (s.at == s.end) return tg_input_malformed(&x->file, "has no rows");
    tg_status st = split_first_row(&s);
    for (skip_empty_lines(&s); st == TG_OK && s.at < s.end; skip_empty_lines(&s)) {
        st = split_row(&s);
        x->rows++;
    }
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
