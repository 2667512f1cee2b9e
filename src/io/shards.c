/* shards.c - archives of several safetensors files, and the index that says which tensor is in which of them:
 *
 *     {"metadata":{"total_size":24}, "weight_map":{"w":"model-00001-of-00002.safetensors", …}}
 *
 * The files lie beside the index. Each is checked as one by itself is, and all of them and the index have to name the same tensors. */
#include <stdlib.h>

#include "io/archive.h"
#include "io/json.h"
#include "io/safetensors.h"

/* A line of the map. */
typedef struct line {
    const char *name, *file;
} line;

typedef struct reader {
    tg_json     json;
    tg_archive *archive;
    line       *line;
    size_t      n, capacity; /* n alone counts the first time, before there is room: what is refused then has taken no memory but its text */
} reader;

/* ---- the index ----------------------------------------------------------------------------------------------------- */

/* A file's name with a slash could lead anywhere. */
static bool check_file(reader *r, const char *name)
{
    char text[TG_NAME_TEXT];
    if (*name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0) return true;
    const tg_input_file *f = r->json.file;
    r->json.status = tg_fail_on(f->tape, TG_ERR_FORMAT, f->function, "%s names the file %s, which is not in the same directory", f->path,
                                tg_name_text(name, text));
    return false;
}

static bool read_map(reader *r)
{
    tg_json *j = &r->json;
    if (!tg_json_take(j, '{')) return false;
    for (int64_t n = 0; tg_json_another(j, '}', &n);) {
        const char *name = tg_json_string(j), *file = name && tg_json_take(j, ':') ? tg_json_string(j) : NULL;
        if (!file || !check_file(r, file)) return false;
        if (r->n < r->capacity) r->line[r->n] = (line){name, file};
        r->n++;
    }
    return j->status == TG_OK;
}

static bool read_index(reader *r)
{
    tg_json *j    = &r->json;
    bool     seen = false;
    if (!tg_json_take(j, '{')) return false;
    for (int64_t n = 0; tg_json_another(j, '}', &n);) {
        const char *key = tg_json_string(j);
        if (!key || !tg_json_take(j, ':')) return false;
        const bool map = !strcmp(key, "weight_map");
        if (map && seen) return tg_json_malformed(j, "there are two weight_map");
        seen |= map;
        if (map ? !read_map(r) : !tg_json_skip(j)) return false;
    }
    if (j->status != TG_OK || !tg_json_end(j)) return false;
    return seen || tg_json_malformed(j, "it has no weight_map");
}

/* Once to check and to count and once, from the file again, to list. It may have become another one meanwhile. */
static tg_status list_lines(reader *r, size_t size)
{
    tg_archive *a = r->archive;
    for (int time = 0; time < 2; time++) {
        const tg_status s = time == 0 ? tg_archive_read_text(a, 0, 0, size) : tg_input_read_at(&a->part[0].file, 0, a->part[0].text, size);
        if (s != TG_OK) return s;
        r->n       = 0;
        r->json.at  = a->part[0].text;
        r->json.end = r->json.at + size;
        if (!read_index(r)) return r->json.status;
        if (time == 0 && !(r->line = tg_tape_alloc(a->tape, r->n * sizeof *r->line))) return TG_ERR_MEMORY;
        if (time == 0) r->capacity = r->n;
    }
    return r->n == r->capacity ? TG_OK : tg_fail_on(a->tape, TG_ERR_IO, r->json.file->function, "%s changed while it was read", r->json.file->path);
}

/* ---- the files ----------------------------------------------------------------------------------------------------- */

static int compare_files(const void *a, const void *b)
{
    const line *p = a, *q = b;
    const int    c = strcmp(p->file, q->file);
    return c ? c : strcmp(p->name, q->name);
}

/* Opens the file of this name beside the index, whose path is `index`. */
static tg_status open_beside(tg_archive *a, const char *index, const char *name)
{
    const char  *slash  = strrchr(index, '/');
    const size_t before = slash ? (size_t)(slash + 1 - index) : 0, size = before + strlen(name) + 1;
    char        *path   = tg_tape_alloc(a->tape, size);
    if (!path) return TG_ERR_MEMORY;
    memcpy(path, index, before);
    memcpy(path + before, name, size - before);
    tg_status s = tg_archive_add_part(a, name, path);
    tg_tape_free_bytes(a->tape, path, size);
    return s == TG_OK ? tg_open_safetensors(a, a->n_parts - 1) : s;
}

static tg_status disagrees(reader *r, const char *file, const char *name, const char *what)
{
    char                 text[2][TG_NAME_TEXT];
    const tg_input_file *f = &r->archive->part[0].file;
    return tg_fail_on(f->tape, TG_ERR_FORMAT, f->function, "%s and the file %s disagree: tensor %s is %s", f->path, tg_name_text(file, text[0]),
                      tg_name_text(name, text[1]), what);
}

static int compare_names(const void *a, const void *b) { return strcmp(((const tg_entry *)a)->name, ((const tg_entry *)b)->name); }

/* The tensors of one file are those that the index has there: both are sorted. Afterwards the tensors are in the order of their bytes again. */
static tg_status check_file_names(reader *r, const line *e, size_t n, size_t before)
{
    tg_archive *a = r->archive;
    size_t      m = a->n - before, i = 0, k = 0;
    tg_entry    *sorted = tg_tape_alloc(a->tape, m * sizeof *sorted);
    tg_status   s      = TG_OK;
    if (!sorted) return TG_ERR_MEMORY;
    if (m) memcpy(sorted, a->entry + before, m * sizeof *sorted);
    if (m > 1) qsort(sorted, m, sizeof *sorted, compare_names);
    while (s == TG_OK && (i < n || k < m)) {
        const int c = i == n ? 1 : k == m ? -1 : strcmp(e[i].name, sorted[k].name);
        if (c < 0) s = disagrees(r, e->file, e[i].name, "in the index alone");
        if (c > 0) s = disagrees(r, e->file, sorted[k].name, "in the file alone");
        i++;
        k++;
    }
    tg_tape_free_bytes(a->tape, sorted, m * sizeof *sorted);
    return s;
}

static tg_status open_files(reader *r, const char *index)
{
    if (r->n > 1) qsort(r->line, r->n, sizeof *r->line, compare_files);
    for (size_t i = 0, n; i < r->n; i += n) {
        const size_t before = r->archive->n;
        for (n = 1; i + n < r->n && !strcmp(r->line[i].file, r->line[i + n].file);) n++;
        tg_status s = open_beside(r->archive, index, r->line[i].file);
        if (s == TG_OK) s = check_file_names(r, r->line + i, n, before);
        if (s != TG_OK) return s;
    }
    return TG_OK;
}

tg_status tg_open_shards(tg_archive *a, const char *path)
{
    const tg_input_file *f = &a->part[0].file;
    reader               r = {.json = {.file = f, .what = "an index of safetensors files"}, .archive = a};
    if (f->size > TG_ST_HEADER_MAX) return tg_json_malformed(&r.json, "it is longer than 100 MB"), r.json.status;
    tg_status s = list_lines(&r, (size_t)f->size);
    if (s == TG_OK) s = open_files(&r, path);
    if (r.line) tg_tape_free_bytes(a->tape, r.line, r.capacity * sizeof *r.line);
    return s;
}
