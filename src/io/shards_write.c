/* shards_write.c - tensors in several safetensors files behind one index (shards.c reads them).
 *
 * The files' names hold a hash of all that is in them, so a save never writes over the files of another one. The index, which is written
 * last, stands for the old files until it stands for the new ones, and then the old ones go. */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <tapegrad/tensor.h>
#include <unistd.h>

#include "io/atomic_file.h"
#include "io/safetensors_write.h"

#define SUFFIX ".safetensors"
#define INDEX  ".index.json"
enum { MOST_FILES = 99999 }; /* their numbers have five digits */

typedef struct shards {
    tg_st_writer *w;
    const char   *path;
    size_t        stem; /* bytes of the path up to what is added to it */
    uint64_t      hash;
    int          *first; /* of each file its first tensor in the order of the data, and where they end */
    int           n;
    char         *name; /* room for the path of a file */
    size_t        name_size;
    tg_json_text  index;
} shards;

/* ---- what goes where ----------------------------------------------------------------------------------------------- */

/* As many as fit, and at least one. Counts the files where first is NULL. */
static int divide(const tg_st_writer *w, uint64_t most, int *first)
{
    int      n    = 0;
    uint64_t size = 0;
    for (int k = 0; k < w->x.n; k++) {
        const uint64_t bytes = tg_st_bytes(w, w->order[k]);
        if (k == 0 || bytes > most - size) {
            if (first) first[n] = k;
            n++;
            size = 0;
        }
        size += bytes < most ? bytes : most;
    }
    if (first) first[n] = w->x.n;
    return n;
}

static uint64_t mix(uint64_t h, uint64_t x)
{
    h = (h ^ x) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

static uint64_t hash_bytes(uint64_t h, const void *bytes, size_t n)
{
    const char *at = bytes;
    h              = mix(h, n);
    for (uint64_t x; n >= sizeof x; n -= sizeof x, at += sizeof x) {
        memcpy(&x, at, sizeof x);
        h = mix(h, x);
    }
    uint64_t rest = 0;
    memcpy(&rest, at, n);
    return mix(h, rest);
}

static tg_status hash_all(shards *s)
{
    const tg_named_tensors *x = &s->w->x;
    uint64_t                h = mix((uint64_t)s->w->floats, (uint64_t)s->n);
    for (int i = 0; i < s->w->n_notes; i++) {
        const tg_metadata *m = &s->w->notes[i];
        h                    = hash_bytes(hash_bytes(h, m->key, strlen(m->key)), m->value, strlen(m->value));
    }
    for (int i = 0; i < x->n; i++) {
        const tg_dtype  dtype = tg_dtype_of(x->tensors[i]);
        const tg_shape *shape = tg_shape_of(x->tensors[i]);
        const size_t    bytes = (size_t)tg_numel(x->tensors[i]) * tg_dtype_size(dtype);
        const void     *data  = bytes ? tg_data(x->tensors[i]) : "";
        if (!data) return TG_ERR_MEMORY;
        h = hash_bytes(mix(h, (uint64_t)dtype), x->names[i], strlen(x->names[i]));
        h = hash_bytes(hash_bytes(h, shape->dim, (size_t)shape->rank * sizeof *shape->dim), data, bytes);
    }
    s->hash = h;
    return TG_OK;
}

/* ---- names --------------------------------------------------------------------------------------------------------- */

/* The path of a file; its name is what stands behind the last slash. */
static const char *path_of(shards *s, int i)
{
    snprintf(s->name, s->name_size, "%.*s-%016llx-%05d-of-%05d" SUFFIX, (int)s->stem, s->path, (unsigned long long)s->hash, i + 1, s->n);
    return s->name;
}

static const char *index_path(shards *s)
{
    snprintf(s->name, s->name_size, "%.*s" SUFFIX INDEX, (int)s->stem, s->path);
    return s->name;
}

static const char *behind_slash(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Is it a file's name of a save with this path, and not of this one? stem: what such names begin with. */
static bool is_of_another_save(const shards *s, const char *name, const char *stem, size_t n)
{
    unsigned long long hash;
    int                i, of, end = 0;
    char               again[64];
    if (strncmp(name, stem, n) != 0 || sscanf(name + n, "-%16llx-%5d-of-%5d" SUFFIX "%n", &hash, &i, &of, &end) != 3 || !end) return false;
    snprintf(again, sizeof again, "-%016llx-%05d-of-%05d" SUFFIX, hash, i, of);
    return !strcmp(again, name + n) && hash != s->hash;
}

/* What can't be removed stays. */
static void remove_others(shards *s)
{
    const char  *stem  = behind_slash(s->path);
    const size_t front = (size_t)(stem - s->path);
    snprintf(s->name, s->name_size, "%.*s", (int)front, s->path);
    DIR *d = opendir(front ? s->name : ".");
    if (!d) return;
    for (const struct dirent *e; (e = readdir(d));)
        if (is_of_another_save(s, e->d_name, stem, s->stem - front)) unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
}

/* ---- the index ----------------------------------------------------------------------------------------------------- */

/* "name":"file" */
static tg_status add_line(shards *s, const char *name, const char *file)
{
    tg_status st = tg_json_add_string(&s->index, "the name", name);
    if (st == TG_OK) st = tg_json_add(&s->index, ":", 1);
    return st == TG_OK ? tg_json_add_string(&s->index, "the file's name", file) : st;
}

static tg_status make_index(shards *s)
{
    char     begin[80];
    uint64_t total = 0;
    for (int i = 0; i < s->w->x.n; i++) total += tg_st_bytes(s->w, i);
    const int n  = snprintf(begin, sizeof begin, "{\"metadata\":{\"total_size\":%llu},\"weight_map\":{", (unsigned long long)total);
    tg_status st = tg_json_add(&s->index, begin, (size_t)n);
    for (int i = 0; i < s->n; i++)
        for (int k = s->first[i]; k < s->first[i + 1] && st == TG_OK; k++) {
            if (k) st = tg_json_add(&s->index, ",", 1);
            if (st == TG_OK) st = add_line(s, s->w->x.names[s->w->order[k]], behind_slash(path_of(s, i)));
        }
    return st == TG_OK ? tg_json_add(&s->index, "}}", 2) : st;
}

static tg_status write_index(shards *s)
{
    tg_replace file;
    tg_status  st = tg_replace_open(&file, s->w->x.tape, s->w->x.function, index_path(s));
    if (st == TG_OK) st = tg_replace_write(&file, s->index.text, s->index.used);
    return st == TG_OK ? tg_replace_finish(&file) : st;
}

/* ---- all of it ----------------------------------------------------------------------------------------------------- */

static tg_status write_all(shards *s)
{
    tg_status st = hash_all(s);
    if (st == TG_OK) st = make_index(s);
    for (int i = 0; i < s->n && st == TG_OK; i++) st = tg_st_write(s->w, path_of(s, i), s->first[i], s->first[i + 1] - s->first[i]);
    if (st == TG_OK) st = write_index(s);
    if (st == TG_OK) remove_others(s);
    return st;
}

tg_status tg_st_write_shards(tg_st_writer *w, const char *path, uint64_t most)
{
    const size_t length = strlen(path), end = sizeof SUFFIX - 1;
    shards       s      = {.w = w, .path = path, .n = divide(w, most, NULL), .index = {.tape = w->x.tape, .function = w->x.function}};
    tg_status    st     = TG_ERR_MEMORY;
    if (s.n < 2) return tg_st_write(w, path, 0, w->x.n);
    if (s.n > MOST_FILES) return tg_fail_on(w->x.tape, TG_ERR_ARG, w->x.function, "max_shard_bytes would make %d files, more than %d", s.n, MOST_FILES);
    s.stem      = length > end && !strcmp(path + length - end, SUFFIX) ? length - end : length;
    s.name_size = length + 80;
    s.name      = tg_tape_alloc(w->x.tape, s.name_size);
    s.first     = s.name ? tg_tape_alloc(w->x.tape, ((size_t)s.n + 1) * sizeof *s.first) : NULL;
    if (s.first) {
        divide(w, most, s.first);
        st = write_all(&s);
        tg_tape_free_bytes(w->x.tape, s.first, ((size_t)s.n + 1) * sizeof *s.first);
    }
    if (s.name) tg_tape_free_bytes(w->x.tape, s.name, s.name_size);
    tg_json_drop(&s.index);
    return st;
}
