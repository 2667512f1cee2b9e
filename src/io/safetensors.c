/* safetensors.c - reading tensors from safetensors files: one by one out of an archive, or all of a tape's parameters and buffers.
 */
#include "io/safetensors.h"

#include <stddef.h>
#include <tapegrad/tensor.h>
#include <tapegrad/file.h>

#include "io/safetensors_header.h"

/* ---- archives -----------------------------------------------------------------------------------------------------
 */

struct tg_archive {
    tg_owned   owned; /* first */
    tg_st_file file;
};

static void free_archive(tg_owned *self)
{
    tg_archive *a = (tg_archive *)(void *)self;
    tg_tape    *t = a->file.tape;
    tg_st_close(&a->file);
    tg_tape_free_bytes(t, a, sizeof *a);
}

tg_archive *tg_archive_open(tg_tape *t, const char *path)
{
    if (!t) return NULL;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, "tg_archive_open")) return NULL;
    tg_archive *a = tg_tape_alloc(t, sizeof *a);
    if (!a) return NULL;
    if (tg_st_open(&a->file, t, "tg_archive_open", path) != TG_OK) {
        tg_tape_free_bytes(t, a, sizeof *a);
        return NULL;
    }
    a->owned.free = free_archive;
    tg_own(t, &a->owned);
    return a;
}

void tg_archive_close(tg_archive *a)
{
    if (!a || !tg_may(a->file.tape, TG_IN_FUNCTION, "tg_archive_close")) return;
    tg_disown(a->file.tape, &a->owned);
    free_archive(&a->owned);
}

int tg_archive_count(const tg_archive *a) { return a ? (int)a->file.n : 0; }

const char *tg_archive_name(const tg_archive *a, int i)
{
    return a && i >= 0 && (size_t)i < a->file.n ? a->file.entry[i].name : NULL;
}

tg_tensor *tg_archive_read(tg_archive *a, const char *name)
{
    static const char function[] = "tg_archive_read";
    char              text[TG_NAME_TEXT];
    if (!a) return NULL;
    TG_CALL(a->file.tape);
    if (!tg_may(a->file.tape, TG_IN_FUNCTION, function)) return NULL;
    const tg_st_file  *f = &a->file;
    const tg_st_entry *e = name ? tg_st_find(f, name) : NULL;
    if (!name) {
        tg_fail_on(f->tape, TG_ERR_NULL, function, "the name is NULL");
        return NULL;
    }
    if (!e) {
        tg_fail_on(f->tape, TG_ERR_ARG, function, "there is no tensor %s in %s", tg_name_text(name, text), f->path);
        return NULL;
    }
    void *data;
    if (tg_st_readable(f, function, e) != TG_OK) return NULL;
    const tg_node *leaf = tg_new_leaf(f->tape, e->dtype, &e->shape, NULL, &data);
    return leaf && tg_st_read(f, function, e, data) == TG_OK ? tg_handle(leaf) : NULL;
}

/* ---- all parameters and buffers -----------------------------------------------------------------------------------------------
 */

static const char load[] = "tg_load";

/* Names, dtypes and shapes agree. Where each tensor of the tape is in the file and there are as many tensors, there is no other
 * in it. */
static tg_status compare(const tg_st_file *f)
{
    tg_tape *t = f->tape;
    char     name[TG_NAME_TEXT], kept[TG_KEPT_TEXT], here[TG_SHAPE_TEXT], there[TG_SHAPE_TEXT];
    for (int i = 0; i < tg_saved_count(t); i++) {
        const tg_tensor   *p = tg_saved_at(t, i);
        const tg_st_entry *e = tg_st_find(f, tg_name(p));
        tg_kept_text(tg_node_of(p), kept);
        if (!e) return tg_fail_on(t, TG_ERR_ARG, load, "%s is not in %s", kept, f->path);
        const tg_status s = tg_st_readable(f, load, e);
        if (s != TG_OK) return s;
        if (e->dtype != tg_dtype_of(p))
            return tg_fail_on(t, TG_ERR_DTYPE, load, "%s is %s, but %s in %s", kept,
                              tg_dtype_name(tg_dtype_of(p)), tg_dtype_name(e->dtype), f->path);
        if (!tg_shape_equal(&e->shape, tg_shape_of(p)))
            return tg_fail_on(t, TG_ERR_SHAPE, load, "%s is %s, but %s in %s", kept,
                              tg_shape_text(tg_shape_of(p), here, sizeof here),
                              tg_shape_text(&e->shape, there, sizeof there), f->path);
    }
    for (size_t i = 0; i < f->n && f->n != (size_t)tg_saved_count(t); i++)
        if (!tg_saved_named(t, f->entry[i].name))
            return tg_fail_on(t, TG_ERR_ARG, load, "%s holds %s, which is no parameter or buffer of the tape", f->path,
                              tg_name_text(f->entry[i].name, name));
    return TG_OK;
}

/* Everything is in memory before the first parameter changes: the file may yet refuse to be read. At most twice the file's bytes. */
static tg_status load_values(const tg_st_file *f)
{
    tg_tape  *t    = f->tape;
    const int n    = tg_saved_count(t);
    size_t    size = 0, at = 0;
    tg_status s    = TG_OK;
    for (size_t i = 0; i < f->n; i++) size += tg_st_bytes(&f->entry[i]);
    char *data = tg_tape_alloc(t, size);
    if (!data) return TG_ERR_MEMORY;
    for (int copying = 0; copying < 2; copying++, at = 0) {
        for (int i = 0; i < n && s == TG_OK; i++) {
            tg_tensor         *p = tg_saved_at(t, i);
            const tg_st_entry *e = tg_st_find(f, tg_name(p));
            s = copying ? tg_copy_from(p, data + at, tg_st_bytes(e)) : tg_st_read(f, load, e, data + at);
            at += tg_st_bytes(e);
        }
    }
    tg_tape_free_bytes(t, data, size);
    return s;
}

tg_status tg_load(tg_tape *t, const char *path)
{
    if (!t) return TG_ERR_NULL;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, load)) return TG_ERR_ARG;
    tg_st_file f;
    tg_status  s = tg_st_open(&f, t, load, path);
    if (s != TG_OK) return s;
    s = compare(&f);
    if (s == TG_OK) s = load_values(&f);
    tg_st_close(&f);
    return s;
}
