/* picture.c - what all pictures have in common: their two files, and pieces of text. */
#define _GNU_SOURCE
#include "show/picture.h"

#include "graph/graph.h"
#include "io/csv_out.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *const tg_picture_colours[TG_PICTURE_COLOURS] = {"#2066a8", "#d1495b", "#3a9158", "#e39a2d", "#7a4fa3", "#1f9fb5", "#8c5a3c", "#5f6b78"};

/* ---- paths and files ---------------------------------------------------------------------------------------------- */

tg_status tg_name_picture(tg_picture_files *f, tg_tape *tape, const char *function, const char *path, const char *drawn, const char *other)
{
    f->tape = tape;
    f->function = function;
    const size_t end = strlen(drawn), room = sizeof f->drawn - sizeof ".png";
    size_t       n = strlen(path);
    if (n > end && !strcmp(path + n - end, drawn)) n -= end;
    if (n == 0 || n > room) return tg_fail_on(tape, TG_ERR_ARG, function, "the path must have 1 to %zu bytes", room);
    snprintf(f->drawn, sizeof f->drawn, "%.*s%s", (int)n, path, drawn);
    snprintf(f->other, sizeof f->other, "%.*s.%s", (int)n, path, other);
    return TG_OK;
}

static tg_status io_error(const tg_picture_files *f, const char *path, int error)
{
    char        text[128];
    const char *reason = strerror_r(error, text, sizeof text);
    return tg_fail_on(f->tape, TG_ERR_IO, f->function, "cannot write %.300s: %s", path, reason);
}

void tg_picture_is(tg_picture *made, tg_picture_kind kind, const char *path)
{
    if (!made) return;
    made->kind = kind;
    snprintf(made->path, sizeof made->path, "%s", path);
}

tg_status tg_write_picture_data(const tg_picture_files *f, tg_picture_writer write, const void *what)
{
    tg_out o;
    int    error = tg_out_create(&o, f->other);
    if (!error) {
        write(&o, what);
        error = tg_out_close(&o);
    }
    return error ? io_error(f, f->other, error) : TG_OK;
}

tg_status tg_draw_by(const tg_picture_files *f, char *const *args, tg_picture_writer script, const void *what, bool *drawn)
{
    tg_child c;
    *drawn = false;
    tg_status s = tg_child_start(&c, args, f->drawn);
    if (s == TG_ERR_IO) return io_error(f, f->drawn, errno);
    if (s != TG_OK) return TG_OK;
    script(&c.out, what);
    *drawn = tg_child_finish(&c);
    return TG_OK;
}

tg_status tg_draw_png(const tg_picture_files *f, tg_picture_writer script, const void *what, bool *drawn)
{
    char        name[] = "gnuplot", defaults[] = "-d", utf8[] = "-e", encoding[] = "set encoding utf8", in[] = "-"; /* without the user's start-up file */
    char *const args[] = {name, defaults, utf8, encoding, in, NULL};
    return tg_draw_by(f, args, script, what, drawn);
}

tg_status tg_make_picture(const tg_picture_files *f, tg_picture_writer csv, tg_picture_writer script, const void *what, tg_picture *made)
{
    bool      drawn;
    tg_status s = tg_write_picture_data(f, csv, what);
    if (s == TG_OK) s = tg_draw_png(f, script, what, &drawn);
    if (s == TG_OK) tg_picture_is(made, drawn ? TG_PICTURE_PNG : TG_PICTURE_CSV, drawn ? f->drawn : f->other);
    return s;
}

/* ---- pieces of text ----------------------------------------------------------------------------------------------- */

void tg_gnuplot_set(tg_out *o, const char *what, const char *text)
{
    if (!text) return;
    tg_out_text(o, "set %s ", what);
    tg_out_quoted(o, text);
    tg_out_string(o, "\n");
}

static tg_status put(void *to, const char *text, size_t n) { return tg_out_bytes(to, text, n), TG_OK; } /* the file remembers what went wrong */

void tg_csv_field(tg_out *o, const char *s) { (void)tg_csv_write_field(put, o, s, strlen(s)); }
