/* run_log_csv.c - the scalars of a run's log as CSV. */
#include <stdio.h>

#include "io/csv_out.h"
#include "io/decimal.h"
#include "io/run_log.h"

/* A scalar; what a later session of the run replaced is `gone`. */
typedef struct scalar {
    int64_t step;
    double  seconds;
    float   value;
    bool    gone;
    size_t  tag, length; /* in `text` */
} scalar;

typedef struct listing {
    tg_tape *tape;
    scalar  *row;
    size_t   n, capacity;
    char    *text;
    size_t   used, text_capacity;
} listing;

/* ---- reading events --------------------------------------------------------------------------------------------------- */

/* Adds a summary's value if it is a number. */
static tg_status add_value(listing *l, const scalar *event, const char *bytes, size_t n)
{
    tg_wire_field f;
    scalar        row = *event;
    const char   *end = bytes + n, *tag = NULL;
    bool          is_number = false;
    while (tg_wire_next(&bytes, end, &f)) {
        if (f.number == TG_VALUE_TAG && f.type == 2) tag = f.at, row.length = f.n;
        if (f.number != TG_VALUE_NUMBER || f.type != 5) continue;
        memcpy(&row.value, f.at, sizeof row.value);
        is_number = true;
    }
    if (!tag || !is_number) return TG_OK;
    if (!TG_GROW(l->tape, l->row, l->capacity, l->n + 1) || !TG_GROW(l->tape, l->text, l->text_capacity, l->used + row.length)) return TG_ERR_MEMORY;
    row.tag = l->used;
    memcpy(l->text + l->used, tag, row.length);
    l->used += row.length;
    l->row[l->n++] = row;
    return TG_OK;
}

static tg_status add_summary(listing *l, const scalar *event, const char *bytes, size_t n)
{
    tg_wire_field f;
    const char   *end = bytes + n;
    tg_status     s = TG_OK;
    while (s == TG_OK && tg_wire_next(&bytes, end, &f))
        if (f.number == TG_SUMMARY_VALUE && f.type == 2) s = add_value(l, event, f.at, f.n);
    return s;
}

static bool is_start(const char *bytes, size_t n)
{
    tg_wire_field f;
    const char   *end = bytes + n;
    while (tg_wire_next(&bytes, end, &f))
        if (f.number == TG_SESSION_STATUS && f.type == 0) return f.value == TG_SESSION_START;
    return false;
}

static tg_status read_event(void *ctx, const char *bytes, size_t n)
{
    listing      *l = ctx;
    scalar        event = {.step = 0};
    tg_wire_field f, summary = {.n = 0}, session = {.n = 0};
    const char   *end = bytes + n;
    while (tg_wire_next(&bytes, end, &f)) {
        if (f.number == TG_EVENT_TIME && f.type == 1) memcpy(&event.seconds, f.at, sizeof event.seconds);
        if (f.number == TG_EVENT_STEP && f.type == 0) event.step = (int64_t)f.value;
        if (f.number == TG_EVENT_SUMMARY && f.type == 2) summary = f;
        if (f.number == TG_EVENT_SESSION && f.type == 2) session = f;
    }
    if (session.at && is_start(session.at, session.n))
        for (size_t i = 0; i < l->n; i++) l->row[i].gone |= l->row[i].step >= event.step;
    return summary.at ? add_summary(l, &event, summary.at, summary.n) : TG_OK;
}

/* ---- writing rows ------------------------------------------------------------------------------------------------------ */

static tg_status put_row(tg_csv_out *w, const listing *l, const scalar *r)
{
    char      value[TG_DECIMAL_TEXT + 2], text[TG_DECIMAL_TEXT + 2];
    const int digits = snprintf(text, sizeof text, "%lld,", (long long)r->step);
    tg_status s = tg_csv_put(w, text, (size_t)digits);
    if (s == TG_OK) s = tg_csv_put_text(w, l->text + r->tag, r->length);
    value[0] = ',';
    const int n = r->value == r->value ? tg_decimal_write(value + 1, (double)r->value, true) : 0; /* NaN: an empty field */
    if (s == TG_OK) s = tg_csv_put(w, value, (size_t)n + 1);
    text[0] = ',';
    const int seconds = tg_decimal_write(text + 1, r->seconds, false);
    text[seconds + 1] = '\n';
    return s == TG_OK ? tg_csv_put(w, text, (size_t)seconds + 2) : s;
}

static tg_status write_rows(const listing *l, const char *function, const char *path)
{
    tg_csv_out *w = tg_tape_alloc(l->tape, sizeof *w);
    tg_status   s = w ? tg_csv_begin(w, l->tape, function, path) : TG_ERR_MEMORY;
    if (s == TG_OK) s = tg_csv_put(w, "step,tag,value,seconds\n", 23);
    for (size_t i = 0; i < l->n && s == TG_OK; i++)
        if (!l->row[i].gone) s = put_row(w, l, &l->row[i]);
    if (s == TG_OK) s = tg_csv_end(w);
    if (w) tg_tape_free_bytes(l->tape, w, sizeof *w);
    return s;
}

tg_status tg_run_log_csv(tg_tape *t, const char *directory, const char *path)
{
    static const char function[] = "tg_run_log_csv";
    char              log[TG_LOG_PATH];
    int64_t           end;
    listing           l = {.tape = t};
    if (!t) return TG_ERR_NULL;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, function)) return TG_ERR_ARG;
    if (!directory || !path) return tg_fail_on(t, TG_ERR_NULL, function, "the %s is NULL", directory ? "path" : "directory");
    if (!tg_run_log_path(directory, log)) return tg_fail_on(t, TG_ERR_ARG, function, "the directory's path is too long");
    tg_input_file f = {.tape = t, .function = function, .fd = -1};
    tg_path_text(log, f.path);
    tg_status s = tg_input_open(&f, log);
    if (s == TG_OK) s = tg_records_read(&f, read_event, &l, &end);
    if (s == TG_OK) s = write_rows(&l, function, path);
    tg_input_close(&f);
    if (l.row) tg_tape_free_bytes(t, l.row, l.capacity * sizeof *l.row);
    if (l.text) tg_tape_free_bytes(t, l.text, l.text_capacity);
    return s;
}
