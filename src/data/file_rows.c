/* file_rows.c - data sets whose samples are rows of arrays in files, read one by one when they are asked for: larger than memory. */
#define _POSIX_C_SOURCE 200809L
#include "data/dataset.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/archive.h"
#include "tensor/dtype.h"

/* An array in a file. Reading it changes nothing, so several threads can. */
typedef struct file_rows {
    int       fd; /* its own: the archive may be closed. -1: there is none */
    tg_stored stored;
    size_t    elements, row; /* of a row, and its bytes in the file */
    char      text[TG_ENTRY_TEXT];
} file_rows;

typedef struct file_dataset {
    tg_dataset d; /* first */
    file_rows  x, y;
} file_dataset;

/* ---- reading -------------------------------------------------------------------------------------------------------- */

static tg_status read_bytes(const file_rows *f, int64_t at, char *to, size_t n, tg_reading *r)
{
    for (size_t got = 0; got < n;) {
        const ssize_t k = pread(f->fd, to + got, n - got, (off_t)(at + (int64_t)got));
        if (k < 0 && errno == EINTR) continue;
        if (k == 0) return tg_reading_fail(r, TG_ERR_IO, "%s became shorter since it was opened", f->text);
        if (k < 0) return tg_reading_fail(r, TG_ERR_IO, "%s cannot be read: error %d of the system", f->text, errno);
        got += (size_t)k;
    }
    return TG_OK;
}

/* Elements that are narrower in the file are read to the end of their room, and become wide from its front. */
static tg_status read_row(const file_rows *f, int64_t i, void *to, tg_reading *r)
{
    const tg_element *e = &f->stored.element;
    const size_t      bytes = f->elements * tg_item_size(e->dtype);
    const tg_status   s = read_bytes(f, f->stored.at + i * (int64_t)f->row, (char *)to + (bytes - f->row), f->row, r);
    if (s != TG_OK) return s;
    tg_element_widen(to, f->elements, e);
    for (size_t k = 0; e->dtype == TG_BOOL && k < bytes; k++)
        if (((const uint8_t *)to)[k] > 1) return tg_reading_fail(r, TG_ERR_FORMAT, "%s is of bools and has a byte that is not 0 or 1", f->text);
    return TG_OK;
}

static tg_status read_file_sample(const tg_dataset *d, int64_t i, void *x, void *y, tg_reading *r)
{
    const file_dataset *f = (const file_dataset *)(const void *)d;
    const tg_status     s = x ? read_row(&f->x, i, x, r) : TG_OK;
    return s == TG_OK && tg_has_targets(d) ? read_row(&f->y, i, y, r) : s;
}

/* The system reads it at once, in the background; what it makes of the advice is its own affair. */
static void announce_rows(const tg_dataset *d, int64_t first, int64_t n)
{
    const file_dataset    *f = (const file_dataset *)(const void *)d;
    const file_rows *const both[] = {&f->x, &f->y};
    for (int k = 0; k < 2; k++)
        if (both[k]->fd >= 0)
            (void)posix_fadvise(both[k]->fd, (off_t)(both[k]->stored.at + first * (int64_t)both[k]->row), (off_t)(n * (int64_t)both[k]->row),
                                POSIX_FADV_WILLNEED);
}

static void close_files(tg_dataset *d)
{
    const file_dataset *f = (const file_dataset *)(const void *)d;
    if (f->x.fd >= 0) close(f->x.fd);
    if (f->y.fd >= 0) close(f->y.fd);
}

static const tg_dataset_kind kind = {.read = read_file_sample, .announce = announce_rows, .free = close_files};

/* ---- opening --------------------------------------------------------------------------------------------------------- */

static const char function[] = "tg_archive_dataset";

/* The array as rows that can be read one by one; NULL after a sentence. */
static const tg_entry *find_rows(tg_archive *a, const char *name)
{
    char            text[TG_ENTRY_TEXT];
    const tg_entry *e = tg_archive_find(a, name);
    if (!e) tg_fail_on(a->tape, TG_ERR_ARG, function, "there is no tensor %s in %s", tg_name_text(name, text), a->part[0].file.path);
    if (!e || tg_archive_readable(a, function, e) != TG_OK) return NULL;
    tg_archive_entry_text(a, e, text);
    if (e->stored.shape.rank == 0)
        tg_fail_on(a->tape, TG_ERR_SHAPE, function, "%s is a scalar: the first axis counts the samples", text);
    else if (e->stored.read || e->stored.fortran)
        tg_fail_on(a->tape, TG_ERR_UNSUPPORTED, function, "%s is %s, and so cannot be read row by row: tg_tensor_dataset takes it into memory", text,
                   e->stored.read ? "compressed" : "column-major");
    else
        return e;
    return NULL;
}

static bool open_rows(file_rows *f, tg_archive *a, const tg_entry *e)
{
    f->stored = e->stored;
    f->row = e->stored.element.size;
    for (int k = 1; k < e->stored.shape.rank; k++) f->row *= (size_t)e->stored.shape.dim[k];
    f->elements = f->row / e->stored.element.size;
    tg_archive_entry_text(a, e, f->text);
    f->fd = fcntl(a->part[e->part].file.fd, F_DUPFD_CLOEXEC, 0);
    if (f->fd < 0) tg_fail_on(a->tape, TG_ERR_IO, function, "%s cannot be kept open: error %d of the system", f->text, errno);
    return f->fd >= 0;
}

static tg_dataset *make(tg_archive *x_from, const tg_entry *x, tg_archive *y_from, const tg_entry *y)
{
    file_dataset *f = (file_dataset *)(void *)tg_dataset_new(x_from->tape, function, &kind, sizeof *f, NULL, 0);
    if (!f) return NULL;
    f->x.fd = f->y.fd = -1;
    tg_dataset_set_parts(&f->d, x->stored.element.dtype, &x->stored.shape, y ? y->stored.element.dtype : TG_NDTYPES, y ? &y->stored.shape : NULL);
    if (open_rows(&f->x, x_from, x) && (!y || open_rows(&f->y, y_from, y))) return &f->d;
    tg_dataset_free(&f->d);
    return NULL;
}

tg_dataset *tg_archive_dataset(tg_archive *x_from, const char *x, tg_archive *y_from, const char *y)
{
    const tg_entry *of_y = NULL;
    if (!x_from || (y && !y_from)) return NULL;
    tg_tape *t = x_from->tape;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, function)) return NULL;
    if (!x || (y && y_from->tape != t)) {
        tg_fail_on(t, x ? TG_ERR_TAPE : TG_ERR_NULL, function, x ? "the archives belong to different tapes" : "x is NULL");
        return NULL;
    }
    const tg_entry *of_x = find_rows(x_from, x);
    if (!of_x || (y && !(of_y = find_rows(y_from, y)))) return NULL;
    const int64_t n = of_x->stored.shape.dim[0];
    if (of_y && of_y->stored.shape.dim[0] != n)
        tg_fail_on(t, TG_ERR_SHAPE, function, "x has %" PRId64 " rows and y %" PRId64 ": both have one for each sample", n,
                   of_y->stored.shape.dim[0]);
    else if (tg_shape_size(&(tg_shape){1, {n}}, TG_I64, NULL, NULL) != TG_OK)
        tg_fail_on(t, TG_ERR_SHAPE, function, "%" PRId64 " samples are more than any memory could have numbers for", n);
    else
        return make(x_from, of_x, y_from, of_y);
    return NULL;
}
