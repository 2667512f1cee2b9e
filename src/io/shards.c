/* shards.c - archives of several safetensors files, and the index that says which tensor is in which of them:
 *
 *     {"metadata":{"total_size":24}, "weight_map":{"w":"model-00001-of-00002.safetensors", …}}
 *
 * The files lie beside the index. Each is checked as one by itself is, and all of them and the index have to name the same tensors. */
#include <stdio.h>

#include "io/archive.h"
#include "io/json.h"
#include "io/safetensors.h"
#include "io/text_sort.h"

typedef struct reader {
    tg_json     json;
    tg_archive *archive;
    char       *lines_end; /* the lines of the map so far, from the beginning of the text on, each in place of its own JSON: "FILE/NAME" */
} reader;

/* ---- the index ----------------------------------------------------------------------------------------------------- */

/* A file's name with a slash could lead anywhere. */
static bool check_file_name(reader *r, const char *name)
{
    char text[TG_NAME_TEXT];
    if (*name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0) return true;
    const tg_input_file *f = r->json.file;
    r->json.status = tg_fail_on(f->tape, TG_ERR_FORMAT, f->function, "%s names the file %s, which is not in the same directory", f->path,
                                tg_name_text(name, text));
    return false;
}

/* The line is shorter than its JSON. */
static void keep_line(reader *r, const char *name, const char *file)
{
    const size_t n = strlen(name), m = strlen(file);
    char *const  to = r->lines_end, *const middle = to + 1 + n, *const end = middle + m;
    memmove(to + 1, name, n);
    *to = '/';
    memmove(middle, file, m);
    tg_text_rotate(to, middle, end);
    *end         = 0;
    r->lines_end = end + 1;
}

static bool read_map(reader *r)
{
    tg_json *j = &r->json;
    if (!tg_json_take(j, '{')) return false;
    for (int64_t n = 0; tg_json_another(j, '}', &n);) {
        const char *name = tg_json_string(j), *file = name && tg_json_take(j, ':') ? tg_json_string(j) : NULL;
        if (!file || !check_file_name(r, file)) return false;
        keep_line(r, name, file);
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

static tg_status read_lines(reader *r, size_t size)
{
    tg_part        *p = &r->archive->part[0];
    const tg_status s = tg_archive_read_text(r->archive, 0, 0, size);
    if (s != TG_OK) return s;
    r->lines_end = r->json.at = p->text;
    r->json.end  = p->text + size;
    if (!read_index(r)) return r->json.status;
    tg_text_sort(p->text, r->lines_end);
    return TG_OK;
}

/* ---- the files ----------------------------------------------------------------------------------------------------- */

/* The lines of one file, all of which begin with its name. */
typedef struct group {
    const char *begin, *end;
    size_t      name; /* bytes of a line up to its slash */
} group;

static group group_at(const reader *r, const char *line)
{
    group g = {.begin = line, .end = line, .name = strcspn(line, "/")};
    while (g.end < r->lines_end && !strncmp(g.end, line, g.name + 1)) g.end += tg_text_size(g.end);
    return g;
}

/* Opens the file of these lines beside the index, whose path is `index`. */
static tg_status open_beside(tg_archive *a, const char *index, const group *g)
{
    const char  *slash  = strrchr(index, '/');
    const size_t before = slash ? (size_t)(slash + 1 - index) : 0, size = before + g->name + 1;
    char        *path   = tg_tape_alloc(a->tape, size); /* the last byte stays 0 */
    if (!path) return TG_ERR_MEMORY;
    memcpy(path, index, before);
    memcpy(path + before, g->begin, g->name);
    const tg_status s = tg_archive_add_part(a, path);
    tg_tape_free_bytes(a->tape, path, size);
    return s;
}

static tg_status disagrees(const reader *r, const group *g, const char *name, const char *where)
{
    char                 file[TG_NAME_TEXT], text[2][TG_NAME_TEXT];
    const tg_input_file *f = &r->archive->part[0].file;
    snprintf(file, sizeof file, "%.*s", (int)(g->name < sizeof file ? g->name : sizeof file), g->begin);
    return tg_fail_on(f->tape, TG_ERR_FORMAT, f->function, "%s and the file %s disagree: tensor %s is in the %s alone", f->path,
                      tg_name_text(file, text[0]), tg_name_text(name, text[1]), where);
}

/* The tensors of the file are those that the index has there. Both are sorted. */
static tg_status check_names(const reader *r, const group *g, const char *names, const char *end)
{
    const char *line = g->begin;
    while (line < g->end || names < end) {
        const int c = line == g->end ? 1 : names == end ? -1 : strcmp(line + g->name + 1, names);
        if (c < 0) return disagrees(r, g, line + g->name + 1, "index");
        if (c > 0) return disagrees(r, g, names, "file");
        line += tg_text_size(line);
        names += tg_text_size(names);
    }
    return TG_OK;
}

static tg_status check_file(const reader *r, const char *index, const group *g)
{
    tg_st_header h;
    tg_archive  *a = r->archive;
    tg_status    s = open_beside(a, index, g);
    if (s == TG_OK) s = tg_check_safetensors(a, a->n_parts - 1, &h);
    if (s == TG_OK) s = check_names(r, g, a->part[a->n_parts - 1].text, h.names_end);
    if (s == TG_OK) tg_archive_drop_part(a);
    return s;
}

static tg_status list_file(const reader *r, const char *index, const group *g)
{
    const tg_status s = open_beside(r->archive, index, g);
    return s == TG_OK ? tg_open_safetensors(r->archive, r->archive->n_parts - 1) : s;
}

/* All files are checked before there is a table of any. */
static tg_status open_files(const reader *r, const char *index)
{
    tg_status (*const passes[])(const reader *, const char *, const group *) = {check_file, list_file};
    const char *lines = r->archive->part[0].text;
    tg_status   s     = TG_OK;
    for (int k = 0; k < 2; k++) {
        group g = {.end = lines};
        while (s == TG_OK && g.end < r->lines_end) {
            g = group_at(r, g.end);
            s = passes[k](r, index, &g);
        }
    }
    return s;
}

tg_status tg_open_shards(tg_archive *a, const char *path)
{
    const tg_input_file *f = &a->part[0].file;
    reader               r = {.json = {.file = f, .what = "an index of safetensors files"}, .archive = a};
    if (f->size > TG_ST_HEADER_MAX) return tg_json_malformed(&r.json, "it is longer than 100 MB"), r.json.status;
    const tg_status s = read_lines(&r, (size_t)f->size);
    return s == TG_OK ? open_files(&r, path) : s;
}
