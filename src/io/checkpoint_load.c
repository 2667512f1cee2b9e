/* checkpoint_load.c - reading a checkpoint: it is compared with the tape first, then read, and only then is anything changed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <tapegrad/tensor.h>

#include "io/archive.h"
#include "io/checkpoint.h"
#include "io/safetensors_write.h"

typedef struct loading {
    bool         model; /* alone: parameters and buffers */
    tg_run_list  list; /* what the tape has */
    tg_archive  *archive;
    tg_tensor  **values; /* what the file has, for each part of the list */
    tg_stream_place random;
} loading;

static const char *path_of(const loading *l) { return l->archive->part[0].file.path; }

static tg_status malformed(const loading *l, const char *what)
{
    return tg_fail_on(l->list.tape, TG_ERR_FORMAT, l->list.function, "%s %s", path_of(l), what);
}

/* ---- texts --------------------------------------------------------------------------------------------------------- */

static tg_status read_number(const loading *l, const char *key, uint64_t *number)
{
    const char *text = tg_archive_metadata(l->archive, key);
    char       *end = NULL;
    errno = 0;
    if (text && *text >= '0' && *text <= '9') *number = strtoull(text, &end, 10);
    return end && !*end && !errno ? TG_OK : malformed(l, "is no checkpoint: the place in the stream of random numbers is not there");
}

static tg_status read_texts(loading *l)
{
    char        text[TG_NAME_TEXT];
    const char *format = tg_archive_metadata(l->archive, "format"), *version = tg_archive_metadata(l->archive, "version");
    if (!format || strcmp(format, TG_CHECKPOINT_FORMAT) || !version)
        return malformed(l, "is no checkpoint; tg_load reads files of parameters");
    if (strcmp(version, TG_CHECKPOINT_VERSION))
        return tg_fail_on(l->list.tape, TG_ERR_UNSUPPORTED, l->list.function, "%s is a checkpoint of version %s; this library reads version %s", path_of(l),
                          tg_name_text(version, text), TG_CHECKPOINT_VERSION);
    const tg_status s = read_number(l, "random_seed", &l->random.seed);
    return s == TG_OK ? read_number(l, "random_counter", &l->random.counter) : s;
}

/* ---- comparing ----------------------------------------------------------------------------------------------------- */

/* Of a name "state/K/NAME" the bytes of "state/K/"; 0: it is none. */
static size_t folder_length(const char *name)
{
    static const char begin[] = "state/";
    const char       *end = strncmp(name, begin, strlen(begin)) ? NULL : strchr(name + strlen(begin), '/');
    return end ? (size_t)(end + 1 - name) : 0;
}

/* How many objects have a state in the file. In the order of names those of one folder are neighbours. */
static size_t objects_there(const tg_archive *a)
{
    size_t n = 0;
    for (size_t i = 0; i < a->n; i++) {
        const char  *name = a->by_name[i]->name;
        const size_t folder = folder_length(name);
        n += folder > 0 && (i == 0 || strncmp(a->by_name[i - 1]->name, name, folder) != 0);
    }
    return n;
}

static size_t objects_here(const tg_run_list *list)
{
    size_t n = 0;
    for (size_t i = 0; i < list->n; i++)
        n += list->part[i].object && (i == 0 || list->part[i - 1].object != list->part[i].object);
    return n;
}

static tg_status differs(const loading *l, tg_status status, const char *name, const char *what)
{
    char         text[TG_NAME_TEXT], counts[120] = "";
    const size_t there = objects_there(l->archive), here = objects_here(&l->list);
    if (!l->model && there != here)
        snprintf(counts, sizeof counts, ", with the states of %zu optimizers, loaders and the like where there are %zu here", there, here);
    return tg_fail_on(l->list.tape, status, l->list.function, "%s is a checkpoint of another program%s: %s %s", path_of(l), counts,
                      tg_name_text(name, text), what);
}

/* A state may have more or fewer rows by now (L-BFGS its history): whether it takes them it says itself. */
static bool fits(const tg_part_of_run *p, const tg_shape *stored)
{
    tg_shape now = *tg_shape_of(p->tensor);
    if (p->object && now.rank > 0 && stored->rank == now.rank) now.dim[0] = stored->dim[0];
    return tg_shape_equal(stored, &now);
}

static tg_status compare_part(const loading *l, size_t i)
{
    char            here[TG_SHAPE_TEXT], there[TG_SHAPE_TEXT], what[2 * TG_SHAPE_TEXT + 20];
    const char     *name = tg_run_name(&l->list, i);
    tg_tensor      *x = l->list.part[i].tensor;
    const tg_entry *e = tg_archive_find(l->archive, name);
    if (!e) return differs(l, TG_ERR_ARG, name, "is not in it");
    const tg_status s = tg_archive_readable(l->archive, l->list.function, e);
    if (s != TG_OK) return s;
    const tg_dtype dtype = e->stored.element.dtype;
    const bool     other = dtype != tg_dtype_of(x);
    if (!other && fits(&l->list.part[i], &e->stored.shape)) return TG_OK;
    snprintf(what, sizeof what, "is %s, but %s here", other ? tg_dtype_name(dtype) : tg_shape_text(&e->stored.shape, there, sizeof there),
             other ? tg_dtype_name(tg_dtype_of(x)) : tg_shape_text(tg_shape_of(x), here, sizeof here));
    return differs(l, other ? TG_ERR_DTYPE : TG_ERR_SHAPE, name, what);
}

static bool begins(const char *name, const char *with) { return !strncmp(name, with, strlen(with)); }

static int compare_names(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* Each name of the tape is in the file: are there others in it, but for the caller's and the checksum? A parameter says more than what an optimizer
 * has for it, so those are looked for first. */
static tg_status find_others(const loading *l)
{
    const tg_run_list *list = &l->list;
    const tg_archive  *a = l->archive;
    tg_status          s = TG_OK;
    const char       **names = tg_tape_alloc(list->tape, list->n * sizeof *names);
    if (!names) return TG_ERR_MEMORY;
    for (size_t i = 0; i < list->n; i++) names[i] = tg_run_name(list, i);
    if (list->n > 1) qsort(names, list->n, sizeof *names, compare_names);
    for (size_t k = 0; k < 2 * a->n && s == TG_OK; k++) {
        const char *name = a->entry[k % a->n].name;
        const bool  is_users = begins(name, "user/") || !strcmp(name, TG_SEAL_NAME);
        if (((k < a->n || l->model) && !begins(name, "model/")) || is_users) continue;
        if (!(list->n && bsearch(&name, names, list->n, sizeof *names, compare_names))) s = differs(l, TG_ERR_ARG, name, "is in it, but not here");
    }
    tg_tape_free_bytes(list->tape, names, list->n * sizeof *names);
    return s;
}

static tg_status compare(const loading *l)
{
    tg_status s = TG_OK;
    for (size_t i = 0; i < l->list.n && s == TG_OK; i++) s = compare_part(l, i);
    return s == TG_OK ? find_others(l) : s;
}

/* ---- reading and writing ------------------------------------------------------------------------------------------- */

static tg_status read_values(loading *l)
{
    tg_tape *t = l->list.tape;
    void    *data;
    l->values = tg_tape_alloc(t, l->list.n * sizeof(tg_tensor *));
    if (!l->values) return TG_ERR_MEMORY;
    for (size_t i = 0; i < l->list.n; i++) {
        const tg_entry *e = tg_archive_find(l->archive, tg_run_name(&l->list, i));
        const tg_node  *leaf = tg_new_leaf(t, e->stored.element.dtype, &e->stored.shape, NULL, &data);
        if (!leaf) return t->services.latest;
        const tg_status s = tg_archive_read_entry(l->archive, l->list.function, e, 0, tg_stored_count(&e->stored), data);
        if (s != TG_OK) return s;
        l->values[i] = tg_handle(leaf);
    }
    return TG_OK;
}

static tg_status set_state(const loading *l, size_t i, tg_tensor *value)
{
    const tg_part_of_run *p = &l->list.part[i];
    return p->object ? p->object->state->set(p->object, p->entry, value, l->list.function) : TG_OK;
}

/* A state may refuse a value (a learning rate below 0): then those before it get back what they were. */
static tg_status set_states(const loading *l)
{
    tg_status s = TG_OK;
    size_t    done = 0;
    while (done < l->list.n && s == TG_OK) s = set_state(l, done, l->values[done]), done += s == TG_OK;
    while (s != TG_OK && done-- > 0) (void)set_state(l, done, l->list.part[done].tensor);
    return s;
}

/* Both are of the same shape and dtype, and in memory. */
static void write_model(const loading *l)
{
    for (size_t i = 0; i < l->list.n; i++) {
        size_t      bytes;
        tg_tensor  *x = l->list.part[i].tensor;
        const void *value = l->list.part[i].object ? NULL : tg_data(l->values[i]);
        if (value && tg_shape_size(tg_shape_of(x), tg_dtype_of(x), NULL, &bytes) == TG_OK) (void)tg_copy_from(x, value, bytes);
    }
}

static tg_status read_checkpoint(loading *l)
{
    tg_tape              *t = l->list.tape;
    const tg_stream_place was = tg_stream_at(t);
    tg_status             s = read_texts(l);
    if (s == TG_OK) s = tg_run_list_make(&l->list, !l->model);
    if (s == TG_OK) s = compare(l);
    if (s == TG_OK) s = read_values(l);
    if (s == TG_OK && !l->model) s = tg_set_stream(t, l->random);
    if (s != TG_OK) return s;
    s = set_states(l);
    if (s == TG_OK) write_model(l);
    else (void)tg_set_stream(t, was);
    return s;
}

static tg_status load(tg_tape *t, const char *function, const char *path, bool model)
{
    loading l = {.model = model, .list = {.tape = t, .function = function}, .archive = tg_archive_make(t, function, path, true)};
    if (!l.archive) return t->services.latest;
    const tg_status s = read_checkpoint(&l);
    if (l.values) tg_tape_free_bytes(t, l.values, l.list.n * sizeof(tg_tensor *));
    tg_run_list_free(&l.list);
    tg_archive_drop(l.archive);
    return s;
}

tg_status tg_checkpoint_read(tg_tape *t, const char *function, const char *path) { return load(t, function, path, false); }

tg_status tg_checkpoint_load_model(tg_tape *t, const char *path)
{
    if (!t) return TG_ERR_NULL;
    TG_CALL(t);
    return tg_may(t, TG_IN_FUNCTION, "tg_checkpoint_load_model") ? load(t, "tg_checkpoint_load_model", path, true) : TG_ERR_ARG;
}

tg_status tg_checkpoint_load(tg_tape *t, const char *path)
{
    if (!t) return TG_ERR_NULL;
    TG_CALL(t);
    return tg_may(t, TG_IN_FUNCTION, "tg_checkpoint_load") ? tg_checkpoint_read(t, "tg_checkpoint_load", path) : TG_ERR_ARG;
}
