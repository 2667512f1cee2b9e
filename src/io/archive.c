/* archive.c - what is the same for files of named arrays in every format. */
#include "io/archive.h"

#include <stdlib.h>

void tg_archive_drop_part(tg_archive *a)
{
    tg_part *p = &a->part[--a->n_parts];
    tg_input_close(&p->file);
    if (p->text) tg_tape_free_bytes(a->tape, p->text, p->text_size);
}

void tg_archive_drop(tg_archive *a)
{
    tg_tape *t = a->tape;
    if (a->close) a->close(a);
    while (a->n_parts > 0) tg_archive_drop_part(a);
    if (a->part) tg_tape_free_bytes(t, a->part, a->cap_parts * sizeof *a->part);
    if (a->by_name) tg_tape_free_bytes(t, a->by_name, a->n * sizeof *a->by_name);
    if (a->entry) tg_tape_free_bytes(t, a->entry, a->capacity * sizeof *a->entry);
    if (a->note) tg_tape_free_bytes(t, a->note, a->cap_notes * sizeof *a->note);
    tg_tape_free_bytes(t, a, sizeof *a);
}

/* ---- for formats --------------------------------------------------------------------------------------------------- */

tg_status tg_archive_add_part(tg_archive *a, const char *path)
{
    if (!TG_GROW(a->tape, a->part, a->cap_parts, a->n_parts + 1)) return TG_ERR_MEMORY;
    tg_part *p = &a->part[a->n_parts++];
    *p         = (tg_part){.file = {.tape = a->tape, .function = a->part[0].file.function, .fd = -1}};
    tg_path_text(path, p->file.path);
    return tg_input_open(&p->file, path);
}

/* An array with room for just so many items; NULL, and as it was, after an error. */
static void *with_room(tg_tape *t, void *array, size_t *capacity, size_t need, size_t item)
{
    size_t bytes;
    void  *grown = __builtin_mul_overflow(need, item, &bytes) ? NULL : tg_heap_resize(&t->services.heap, array, *capacity * item, bytes);
    if (grown) *capacity = need;
    else tg_out_of_memory(t, "tapegrad");
    return grown;
}

tg_status tg_archive_reserve(tg_archive *a, size_t entries, size_t notes)
{
    if (entries > a->capacity - a->n) {
        tg_entry *e = with_room(a->tape, a->entry, &a->capacity, a->n + entries, sizeof *e);
        if (!e) return TG_ERR_MEMORY;
        a->entry = e;
    }
    if (notes > a->cap_notes - a->n_notes) {
        tg_metadata *m = with_room(a->tape, a->note, &a->cap_notes, a->n_notes + notes, sizeof *m);
        if (!m) return TG_ERR_MEMORY;
        a->note = m;
    }
    return TG_OK;
}

tg_entry *tg_archive_add_entry(tg_archive *a)
{
    if (!TG_GROW(a->tape, a->entry, a->capacity, a->n + 1)) return NULL;
    a->entry[a->n] = (tg_entry){.name = NULL};
    return &a->entry[a->n++];
}

tg_status tg_archive_add_note(tg_archive *a, const char *key, const char *value)
{
    if (!TG_GROW(a->tape, a->note, a->cap_notes, a->n_notes + 1)) return TG_ERR_MEMORY;
    a->note[a->n_notes++] = (tg_metadata){key, value};
    return TG_OK;
}

tg_status tg_archive_named_twice(const tg_archive *a, const char *name)
{
    char                 text[TG_NAME_TEXT];
    const tg_input_file *f = &a->part[0].file;
    return tg_fail_on(a->tape, TG_ERR_FORMAT, f->function, "%s has two tensors with the name %s", f->path, tg_name_text(name, text));
}

tg_status tg_archive_read_text(tg_archive *a, size_t part, int64_t at, size_t n)
{
    tg_part *p   = &a->part[part];
    p->text_size = n + 1;
    p->text      = tg_tape_alloc(a->tape, p->text_size); /* the last byte stays 0 */
    return p->text ? tg_input_read_at(&p->file, at, p->text, n) : TG_ERR_MEMORY;
}

/* ---- arrays -------------------------------------------------------------------------------------------------------- */

static int compare_name(const void *name, const void *entry) { return strcmp(name, (*(const tg_entry *const *)entry)->name); }

const tg_entry *tg_archive_find(const tg_archive *a, const char *name)
{
    tg_entry **found = a->n ? bsearch(name, a->by_name, a->n, sizeof *a->by_name, compare_name) : NULL;
    return found ? *found : NULL;
}

tg_status tg_archive_readable(tg_archive *a, const char *function, const tg_entry *entry)
{
    char        name[TG_NAME_TEXT], dtype[TG_NAME_TEXT];
    const char *path = a->part[entry->part].file.path;
    if (entry->stored.element.dtype == TG_NDTYPES)
        return tg_fail_on(a->tape, TG_ERR_UNSUPPORTED, function, "%s: tensor %s has the dtype %s, which is not supported", path,
                          tg_name_text(entry->name, name), tg_name_text(entry->dtype_name, dtype));
    if (entry->rank > TG_MAX_RANK)
        return tg_fail_on(a->tape, TG_ERR_UNSUPPORTED, function, "%s: tensor %s has %lld axes; %d are supported", path, tg_name_text(entry->name, name),
                          (long long)entry->rank, TG_MAX_RANK);
    a->part[entry->part].file.function = function;
    return a->check ? a->check(a, entry) : TG_OK;
}

const char *tg_archive_entry_text(const tg_archive *a, const tg_entry *entry, char text[TG_ENTRY_TEXT])
{
    char name[TG_NAME_TEXT];
    snprintf(text, TG_ENTRY_TEXT, "%s: tensor %s", a->part[entry->part].file.path, tg_name_text(entry->name, name));
    return text;
}

tg_status tg_archive_check_rows(tg_archive *a, const char *function, const tg_entry *entry, int64_t first, int64_t count)
{
    char           text[TG_ENTRY_TEXT];
    tg_input_file *file = &a->part[entry->part].file;
    file->function      = function;
    return tg_stored_check_rows(&entry->stored, file, tg_archive_entry_text(a, entry, text), first, count);
}

tg_status tg_archive_read_entry(tg_archive *a, const char *function, const tg_entry *entry, int64_t first, int64_t count, void *to)
{
    char           text[TG_ENTRY_TEXT];
    tg_input_file *file = &a->part[entry->part].file;
    file->function      = function;
    return tg_stored_read(&entry->stored, file, tg_archive_entry_text(a, entry, text), first, count, to);
}
