/* load.c - a file's arrays into the tape's parameters and buffers: all of what is asked for, or nothing. */
#include "io/load.h"

#include <tapegrad/tensor.h>

/* ---- the report ---------------------------------------------------------------------------------------------------- */

/* The lists of a report, with their names behind them in one block. */
typedef struct lists {
    tg_owned owned; /* first */
    tg_tape *tape;
    size_t   size;
} lists;

static void free_lists(tg_owned *self)
{
    lists *b = (lists *)(void *)self;
    tg_tape_free_bytes(b->tape, b, b->size);
}

void tg_load_report_free(tg_load_report *report)
{
    lists *b = report ? report->lists : NULL;
    if (b && !tg_may(b->tape, TG_IN_FUNCTION, "tg_load_report_free")) return;
    if (b) {
        tg_disown(b->tape, &b->owned);
        free_lists(&b->owned);
    }
    if (report) *report = (tg_load_report){.loaded = 0};
}

tg_status tg_load_tell(const tg_loading *l)
{
    size_t size = sizeof(lists);
    if (!l->options->report) return TG_OK;
    for (int k = 0; k < TG_MISFITS; k++)
        for (size_t i = 0; i < l->misfit[k].n; i++) size += sizeof(char *) + strlen(l->misfit[k].at[i]) + 1; /* they are in memory: no more than all of it */
    lists *b = tg_tape_alloc(l->tape, size);
    if (!b) return TG_ERR_MEMORY;
    *b = (lists){.owned = {.free = free_lists}, .tape = l->tape, .size = size};
    tg_own(l->tape, &b->owned);
    const char **list = (const char **)(void *)(b + 1), **start[TG_MISFITS];
    char        *text = (char *)(list + l->misfit[0].n + l->misfit[1].n + l->misfit[2].n);
    for (int k = 0; k < TG_MISFITS; k++) {
        start[k] = list;
        for (size_t i = 0; i < l->misfit[k].n; i++) {
            const size_t n = strlen(l->misfit[k].at[i]) + 1;
            *list++        = memcpy(text, l->misfit[k].at[i], n);
            text += n;
        }
    }
    *l->options->report = (tg_load_report){.loaded       = (int)l->n,
                                           .n_missing    = (int)l->misfit[TG_MISSING].n,
                                           .n_unexpected = (int)l->misfit[TG_UNEXPECTED].n,
                                           .n_mismatched = (int)l->misfit[TG_MISMATCHED].n,
                                           .missing      = start[TG_MISSING],
                                           .unexpected   = start[TG_UNEXPECTED],
                                           .mismatched   = start[TG_MISMATCHED],
                                           .lists        = b};
    return TG_OK;
}

/* ---- values -------------------------------------------------------------------------------------------------------- */

static size_t bytes_of(const tg_match *m) { return tg_stored_bytes(&m->from->stored, tg_stored_count(&m->from->stored)); }

/* The columns of the matrix in `from` as rows of that in `to`. */
static void turn(const tg_match *m, const char *from, char *to)
{
    const size_t item = tg_dtype_size(m->from->stored.element.dtype), rows = (size_t)m->from->stored.shape.dim[0],
                 columns = (size_t)m->from->stored.shape.dim[1];
    for (size_t k = 0; k < columns; k++) tg_copy_strided(to + k * rows * item, from + k * item, rows, (ptrdiff_t)(columns * item), item);
}

/* What is read of all matches, behind each other, and room to turn the largest of those that are turned. */
typedef struct values {
    char  *data, *turned;
    size_t size, turned_size;
} values;

static tg_status read_values(tg_loading *l, values *v)
{
    size_t    at = 0;
    tg_status s  = TG_OK;
    for (size_t i = 0; i < l->n; i++) {
        const size_t bytes = bytes_of(&l->match[i]);
        if (__builtin_add_overflow(v->size, bytes, &v->size)) return tg_out_of_memory(l->tape, l->function);
        if (l->match[i].turned && bytes > v->turned_size) v->turned_size = bytes;
    }
    v->data   = tg_tape_alloc(l->tape, v->size);
    v->turned = v->data ? tg_tape_alloc(l->tape, v->turned_size) : NULL;
    if (!v->turned) return TG_ERR_MEMORY;
    for (size_t i = 0; i < l->n && s == TG_OK; i++) {
        const tg_entry *entry = l->match[i].from;
        s                   = tg_archive_read_entry(l->archive, l->function, entry, 0, tg_stored_count(&entry->stored), v->data + at);
        at += bytes_of(&l->match[i]);
    }
    return s;
}

/* Nothing can fail any more. */
static void write_values(const tg_loading *l, const values *v)
{
    const char *from = v->data;
    for (size_t i = 0; i < l->n; from += bytes_of(&l->match[i]), i++) {
        const tg_match *m = &l->match[i];
        if (m->turned) turn(m, from, v->turned);
        (void)tg_copy_from(m->to, m->turned ? v->turned : from, bytes_of(m));
    }
}

/* Everything is in memory before the first parameter changes: the file may yet refuse to be read. */
static tg_status load_values(tg_loading *l)
{
    values    v = {.size = 0};
    tg_status s = read_values(l, &v);
    if (s == TG_OK) write_values(l, &v);
    if (v.data) tg_tape_free_bytes(l->tape, v.data, v.size);
    if (v.turned) tg_tape_free_bytes(l->tape, v.turned, v.turned_size);
    return s;
}

/* ---- for callers --------------------------------------------------------------------------------------------------- */

static tg_status load(tg_tape *t, const char *function, const char *path, const tg_load_options *options)
{
    static const tg_load_options usual = {.partial = false};
    tg_loading                   l     = {.tape = t, .function = function, .options = options ? options : &usual};
    if (l.options->report) *l.options->report = (tg_load_report){.loaded = 0};
    l.archive = tg_archive_make(t, function, path, false);
    if (!l.archive) return tg_services_of(t)->latest;
    tg_status s = tg_load_match(&l);
    if (s == TG_OK) s = tg_load_tell(&l);
    if (s == TG_OK) s = tg_load_judge(&l);
    if (s == TG_OK) s = load_values(&l);
    if (s != TG_OK && l.options->report) l.options->report->loaded = 0;
    tg_load_forget(&l);
    tg_archive_drop(l.archive);
    return s;
}

tg_status tg_load(tg_tape *t, const char *path)
{
    if (!t) return TG_ERR_NULL;
    TG_CALL(t);
    return tg_may(t, TG_IN_FUNCTION, "tg_load") ? load(t, "tg_load", path, NULL) : TG_ERR_ARG;
}

tg_status tg_load_with(tg_tape *t, const char *path, const tg_load_options *options)
{
    if (!t) return TG_ERR_NULL;
    TG_CALL(t);
    return tg_may(t, TG_IN_FUNCTION, "tg_load_with") ? load(t, "tg_load_with", path, options) : TG_ERR_ARG;
}
