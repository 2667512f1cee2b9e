/* run_log_csv.c - the scalars of a run's log as CSV. */
#include <stdio.h>

#include "io/csv_out.h"
#include "io/decimal.h"
#include "io/run_log_read.h"

/* A scalar; what a later session of the run replaced is `gone`. */
typedef struct scalar {
    int64_t step;
    double  seconds;
    float   value;
    bool    gone;
    size_t  tag, length; /* in `text` */
} scalar;

typedef struct listing {
    tg_tape      *tape;
    tg_log_starts starts;
    scalar  *row;
    size_t   n, capacity;
    char    *text;
    size_t   used, text_capacity;
} listing;

/* ---- reading values --------------------------------------------------------------------------------------------------- */

static tg_status add_value(void *ctx, const tg_log_value *v)
{
    listing *l = ctx;
    if (v->kind != TG_VALUE_NUMBER) return TG_OK;
    if (!TG_GROW(l->tape, l->row, l->capacity, l->n + 1) || !TG_GROW(l->tape, l->text, l->text_capacity, l->used + v->tag_length)) return TG_ERR_MEMORY;
    l->row[l->n++] = (scalar){.step = v->step, .seconds = v->seconds, .value = v->number, .tag = l->used, .length = v->tag_length};
    memcpy(l->text + l->used, v->tag, v->tag_length);
    l->used += v->tag_length;
    return TG_OK;
}

static tg_status start_again(void *ctx, int64_t step)
{
    listing *l = ctx;
    return tg_log_add_start(&l->starts, l->n, step);
}

static void drop_replaced(listing *l)
{
    for (size_t i = l->n; i-- > 0;) l->row[i].gone = tg_log_is_replaced(&l->starts, i, l->row[i].step);
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
    listing           l = {.tape = t, .starts = {.tape = t}};
    if (!t) return TG_ERR_NULL;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, function)) return TG_ERR_ARG;
    if (!directory || !path) return tg_fail_on(t, TG_ERR_NULL, function, "the %s is NULL", directory ? "path" : "directory");
    tg_status s = tg_run_log_read(t, function, directory, &(tg_log_visitor){add_value, start_again, &l});
    if (s == TG_OK) drop_replaced(&l);
    if (s == TG_OK) s = write_rows(&l, function, path);
    tg_log_starts_free(&l.starts);
    if (l.row) tg_tape_free_bytes(t, l.row, l.capacity * sizeof *l.row);
    if (l.text) tg_tape_free_bytes(t, l.text, l.text_capacity);
    return s;
}
