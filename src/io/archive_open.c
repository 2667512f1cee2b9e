/* archive_open.c - opening files of named arrays, whichever format they have, and reading them. */
#include <stdlib.h>
#include <tapegrad/tensor.h>

#include "io/archive.h"
#include "io/npy_header.h"

/* ---- opening ------------------------------------------------------------------------------------------------------- */

enum { HEAD = 9 }; /* bytes by which a format is told */

static tg_status open_one_file(tg_archive *a, const char *path)
{
    (void)path;
    return tg_open_safetensors(a, 0);
}

static bool is_npy(const char *head, size_t n) { return n >= TG_NPY_MAGIC_SIZE && !memcmp(head, TG_NPY_MAGIC, TG_NPY_MAGIC_SIZE); }

/* A zip file's first member begins so, and one without members ends with the other. */
static bool is_npz(const char *head, size_t n) { return n >= 4 && (!memcmp(head, "PK\3\4", 4) || !memcmp(head, "PK\5\6", 4)); }

/* JSON. A safetensors file begins with 8 bytes of a size far below 2^32, of which some are zero, as no byte of a text is. */
static bool is_index(const char *head, size_t n)
{
    size_t i = 0;
    while (i < n && strchr(" \t\r\n", head[i]) && head[i]) i++;
    return (i == n || head[i] == '{') && !memchr(head, 0, n);
}

static bool is_any(const char *head, size_t n) { return (void)head, (void)n, true; }

/* The first that a file may be is what it is taken for. */
static const struct {
    bool (*is)(const char *head, size_t n);
    tg_status (*open)(tg_archive *a, const char *path);
} formats[] = {{is_npy, tg_open_npy}, {is_npz, tg_open_npz}, {is_index, tg_open_shards}, {is_any, open_one_file}};

static tg_status open_by_content(tg_archive *a, const char *path)
{
    char                 head[HEAD];
    const tg_input_file *file = &a->part[0].file;
    const size_t         n    = file->size < HEAD ? (size_t)file->size : HEAD;
    const tg_status      s    = tg_input_read_at(file, 0, head, n);
    if (s != TG_OK) return s;
    size_t i = 0;
    while (!formats[i].is(head, n)) i++;
    return formats[i].open(a, path);
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp((*(const tg_entry *const *)a)->name, (*(const tg_entry *const *)b)->name);
}

static tg_status sort_names(tg_archive *a)
{
    a->by_name = tg_tape_alloc(a->tape, a->n * sizeof *a->by_name);
    if (!a->by_name) return TG_ERR_MEMORY;
    for (size_t i = 0; i < a->n; i++) a->by_name[i] = &a->entry[i];
    if (a->n > 1) qsort(a->by_name, a->n, sizeof *a->by_name, compare_entries);
    for (size_t i = 1; i < a->n; i++)
        if (!strcmp(a->by_name[i - 1]->name, a->by_name[i]->name)) return tg_archive_named_twice(a, a->by_name[i]->name);
    return TG_OK;
}

tg_archive *tg_archive_make(tg_tape *t, const char *function, const char *path, bool sealed)
{
    if (!path) {
        tg_fail_on(t, TG_ERR_NULL, function, "the path is NULL");
        return NULL;
    }
    tg_archive *a = tg_tape_alloc(t, sizeof *a);
    if (!a) return NULL;
    *a          = (tg_archive){.tape = t, .sealed = sealed};
    tg_status s = TG_GROW(t, a->part, a->cap_parts, 1) ? TG_OK : TG_ERR_MEMORY;
    if (s == TG_OK) {
        a->part[0] = (tg_part){.file = {.tape = t, .function = function, .fd = -1}};
        a->n_parts = 1;
        tg_path_text(path, a->part[0].file.path);
        s = tg_input_open(&a->part[0].file, path);
    }
    if (s == TG_OK) s = open_by_content(a, path);
    if (s == TG_OK) s = sort_names(a);
    if (s == TG_OK) return a;
    tg_archive_drop(a);
    return NULL;
}

/* ---- for callers --------------------------------------------------------------------------------------------------- */

static void free_archive(tg_owned *self) { tg_archive_drop((tg_archive *)(void *)self); }

tg_archive *tg_archive_open(tg_tape *t, const char *path)
{
    if (!t) return NULL;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, "tg_archive_open")) return NULL;
    tg_archive *a = tg_archive_make(t, "tg_archive_open", path, false);
    if (!a) return NULL;
    a->owned.free = free_archive;
    tg_own(t, &a->owned);
    return a;
}

void tg_archive_close(tg_archive *a)
{
    if (!a || !tg_may(a->tape, TG_IN_FUNCTION, "tg_archive_close")) return;
    tg_disown(a->tape, &a->owned);
    free_archive(&a->owned);
}

int tg_archive_count(const tg_archive *a) { return a ? (int)a->n : 0; }

static const tg_entry *entry_at(const tg_archive *a, int i) { return a && i >= 0 && (size_t)i < a->n ? &a->entry[i] : NULL; }

const char *tg_archive_name(const tg_archive *a, int i)
{
    const tg_entry *entry = entry_at(a, i);
    return entry ? entry->name : NULL;
}

const tg_shape *tg_archive_shape(const tg_archive *a, int i)
{
    const tg_entry *entry = entry_at(a, i);
    return entry && entry->rank <= TG_MAX_RANK ? &entry->stored.shape : NULL;
}

tg_dtype tg_archive_dtype(const tg_archive *a, int i)
{
    const tg_entry *entry = entry_at(a, i);
    return entry ? entry->stored.element.dtype : TG_NDTYPES;
}

const char *tg_archive_metadata(const tg_archive *a, const char *key)
{
    for (size_t i = 0; a && key && i < a->n_notes; i++)
        if (!strcmp(a->note[i].key, key)) return a->note[i].value;
    return NULL;
}

int         tg_archive_metadata_count(const tg_archive *a) { return a ? (int)a->n_notes : 0; }
const char *tg_archive_metadata_key(const tg_archive *a, int i) { return a && i >= 0 && (size_t)i < a->n_notes ? a->note[i].key : NULL; }

/* all: first and count mean nothing. */
static tg_tensor *read_rows(tg_archive *a, const char *function, const char *name, bool all, int64_t first, int64_t count)
{
    char           text[TG_NAME_TEXT];
    void          *data;
    const tg_entry *entry = name ? tg_archive_find(a, name) : NULL;
    if (!name) tg_fail_on(a->tape, TG_ERR_NULL, function, "the name is NULL");
    else if (!entry) tg_fail_on(a->tape, TG_ERR_ARG, function, "there is no tensor %s in %s", tg_name_text(name, text), a->part[0].file.path);
    if (!entry || tg_archive_readable(a, function, entry) != TG_OK) return NULL;
    if (!all && tg_archive_check_rows(a, function, entry, first, count) != TG_OK) return NULL;
    if (all) first = 0, count = tg_stored_count(&entry->stored);
    const tg_shape shape = tg_stored_shape(&entry->stored, count);
    const tg_node *leaf  = tg_new_leaf(a->tape, entry->stored.element.dtype, &shape, NULL, &data);
    return leaf && tg_archive_read_entry(a, function, entry, first, count, data) == TG_OK ? tg_handle(leaf) : NULL;
}

tg_tensor *tg_archive_read(tg_archive *a, const char *name)
{
    if (!a) return NULL;
    TG_CALL(a->tape);
    return tg_may(a->tape, TG_IN_FUNCTION, "tg_archive_read") ? read_rows(a, "tg_archive_read", name, true, 0, 0) : NULL;
}

tg_tensor *tg_archive_read_rows(tg_archive *a, const char *name, int64_t first, int64_t count)
{
    if (!a) return NULL;
    TG_CALL(a->tape);
    return tg_may(a->tape, TG_IN_FUNCTION, "tg_archive_read_rows") ? read_rows(a, "tg_archive_read_rows", name, false, first, count) : NULL;
}
