/* load_match.c - which array of a file belongs to which tensor of the tape: names with other prefixes, a part of the names alone, matrices
 * that are stored the other way round. */
#include "io/load.h"

#include <stdlib.h>
#include <tapegrad/tensor.h>

#include "graph/graph.h"
#include "io/checkpoint.h"

typedef struct tg_renamed {
    const char    *name; /* on the tape */
    const tg_entry *entry;
} renamed;

static bool matches_any(const char *const *patterns, const char *name)
{
    for (; patterns && *patterns; patterns++)
        if (tg_glob_matches(*patterns, name)) return true;
    return false;
}

/* Is the name asked for at all? */
static bool is_asked(const tg_loading *l, const char *name) { return !l->options->only || matches_any(l->options->only, name); }

static tg_status check_patterns(const tg_loading *l, const char *const *patterns)
{
    tg_status s = TG_OK;
    for (; patterns && *patterns && s == TG_OK; patterns++) s = tg_check_glob(l->tape, *patterns, l->function);
    return s;
}

/* ---- names --------------------------------------------------------------------------------------------------------- */

static const char *or_empty(const char *text) { return text ? text : ""; }

/* The rule for a name: the first whose prefix it has; NULL: it stays. */
static const tg_prefix *rule_for(const tg_loading *l, const char *name)
{
    for (const tg_prefix *p = l->options->prefixes; p && p->from; p++)
        if (!strncmp(name, p->from, strlen(p->from))) return p;
    return NULL;
}

static size_t room_for(const tg_loading *l, const char *name)
{
    const tg_prefix *p = rule_for(l, name);
    return p ? strlen(name) - strlen(p->from) + strlen(or_empty(p->to)) + 1 : 0;
}

static int compare_renamed(const void *a, const void *b) { return strcmp(((const renamed *)a)->name, ((const renamed *)b)->name); }

/* Several bytes behind each other in room for them, with a zero byte; gives back what is behind. */
static char *append(char *to, const char *text)
{
    const size_t n = strlen(text) + 1;
    memcpy(to, text, n);
    return to + n - 1;
}

static tg_status rename_all(tg_loading *l)
{
    char              text[TG_NAME_TEXT];
    const tg_archive *a = l->archive;
    for (size_t i = 0; i < a->n; i++)
        if (__builtin_add_overflow(l->names_size, room_for(l, a->entry[i].name), &l->names_size)) return tg_out_of_memory(l->tape, l->function);
    l->n_renamed = a->n;
    l->renamed   = tg_tape_alloc(l->tape, a->n * sizeof *l->renamed);
    l->names     = l->renamed ? tg_tape_alloc(l->tape, l->names_size) : NULL;
    if (!l->names) return TG_ERR_MEMORY;
    char *to = l->names;
    for (size_t i = 0; i < a->n; i++) {
        const char      *name = a->entry[i].name;
        const tg_prefix *p    = rule_for(l, name);
        l->renamed[i]         = (renamed){.name = p ? to : name, .entry = &a->entry[i]};
        if (p) to = append(append(to, or_empty(p->to)), name + strlen(p->from)) + 1;
    }
    if (a->n > 1) qsort(l->renamed, a->n, sizeof *l->renamed, compare_renamed);
    for (size_t i = 1; i < a->n; i++)
        if (!strcmp(l->renamed[i - 1].name, l->renamed[i].name))
            return tg_fail_on(l->tape, TG_ERR_ARG, l->function, "with the prefixes that options.prefixes gives, two tensors of %s have the name %s",
                              a->part[0].file.path, tg_name_text(l->renamed[i].name, text));
    return TG_OK;
}

static const tg_entry *find(const tg_loading *l, const char *name)
{
    const renamed  key   = {.name = name};
    const renamed *found = l->n_renamed ? bsearch(&key, l->renamed, l->n_renamed, sizeof *l->renamed, compare_renamed) : NULL;
    return found ? found->entry : NULL;
}

/* ---- matches ------------------------------------------------------------------------------------------------------- */

static tg_status note(tg_loading *l, tg_misfit of, const char *name)
{
    tg_name_list *n = &l->misfit[of];
    if (!TG_GROW(l->tape, n->at, n->capacity, n->n + 1)) return TG_ERR_MEMORY;
    n->at[n->n++] = name;
    return TG_OK;
}

static tg_shape shape_of(const tg_match *m)
{
    tg_shape shape = m->from->stored.shape;
    if (m->turned) shape = (tg_shape){2, {shape.dim[1], shape.dim[0]}};
    return shape;
}

static bool fits(const tg_match *m)
{
    const tg_shape shape = shape_of(m);
    return m->from->stored.element.dtype == tg_dtype_of(m->to) && tg_shape_equal(&shape, tg_shape_of(m->to));
}

static tg_status match_one(tg_loading *l, tg_tensor *to)
{
    const char *name = tg_name(to);
    tg_match    m    = {.to = to, .from = find(l, name)};
    if (!m.from) return note(l, TG_MISSING, name);
    const tg_status s = tg_archive_readable(l->archive, l->function, m.from);
    if (s != TG_OK) return s;
    m.turned = m.from->rank == 2 && matches_any(l->options->transposed, name);
    if (!fits(&m)) return note(l, TG_MISMATCHED, name);
    if (!TG_GROW(l->tape, l->match, l->capacity, l->n + 1)) return TG_ERR_MEMORY;
    l->match[l->n++] = m;
    return TG_OK;
}

static tg_status find_unexpected(tg_loading *l)
{
    for (size_t i = 0; i < l->n_renamed; i++) {
        const renamed *r = &l->renamed[i];
        if (!is_asked(l, r->name) || tg_saved_named(l->tape, r->name)) continue;
        const tg_status s = note(l, TG_UNEXPECTED, r->entry->name);
        if (s != TG_OK) return s;
    }
    return TG_OK;
}

tg_status tg_load_match(tg_loading *l)
{
    tg_status s = check_patterns(l, l->options->only);
    if (s == TG_OK) s = check_patterns(l, l->options->transposed);
    if (s == TG_OK) s = rename_all(l);
    for (int i = 0; s == TG_OK && i < tg_saved_count(l->tape); i++) {
        tg_tensor *to = tg_saved_at(l->tape, i);
        if (is_asked(l, tg_name(to))) s = match_one(l, to);
    }
    return s == TG_OK ? find_unexpected(l) : s;
}

void tg_load_forget(tg_loading *l)
{
    tg_tape *t = l->tape;
    for (int k = 0; k < TG_MISFITS; k++)
        if (l->misfit[k].at) tg_tape_free_bytes(t, l->misfit[k].at, l->misfit[k].capacity * sizeof *l->misfit[k].at);
    if (l->match) tg_tape_free_bytes(t, l->match, l->capacity * sizeof *l->match);
    if (l->names) tg_tape_free_bytes(t, l->names, l->names_size);
    if (l->renamed) tg_tape_free_bytes(t, l->renamed, l->n_renamed * sizeof *l->renamed);
}

/* ---- what does not fit --------------------------------------------------------------------------------------------- */

enum { MOST_NAMES = 3 }; /* that a sentence has of each kind */

/* "a, b and 2 more" */
static void put_names(const tg_loading *l, tg_text *x, tg_misfit of)
{
    const tg_name_list *n = &l->misfit[of];
    char            text[TG_KEPT_TEXT];
    for (size_t i = 0; i < n->n && i < MOST_NAMES; i++) {
        const char *name = of == TG_UNEXPECTED ? tg_name_text(n->at[i], text) : tg_kept_text(tg_node_of(tg_saved_named(l->tape, n->at[i])), text);
        tg_put(x, "%s%s", i == 0 ? "" : i == n->n - 1 ? " and " : ", ", name);
    }
    if (n->n > MOST_NAMES) tg_put(x, " and %zu more", n->n - MOST_NAMES);
}

static void put_mismatch(const tg_loading *l, tg_text *x, const char *name)
{
    char            kept[TG_KEPT_TEXT], here[TG_SHAPE_TEXT], there[TG_SHAPE_TEXT];
    const tg_entry  *from  = find(l, name);
    const tg_match  m     = {.to = tg_saved_named(l->tape, name), .from = from, .turned = from->rank == 2 && matches_any(l->options->transposed, name)};
    const tg_dtype  dtype = from->stored.element.dtype;
    const tg_shape  shape = shape_of(&m);
    tg_kept_text(tg_node_of(m.to), kept);
    if (dtype != tg_dtype_of(m.to))
        tg_put(x, "%s is %s, but %s", kept, tg_dtype_name(tg_dtype_of(m.to)), tg_dtype_name(dtype));
    else
        tg_put(x, "%s is %s, but %s", kept, tg_shape_text(tg_shape_of(m.to), here, sizeof here), tg_shape_text(&shape, there, sizeof there));
    tg_put(x, m.turned ? " with its axes swapped in %s" : " in %s", l->archive->part[0].file.path);
}

static void put_misfits(const tg_loading *l, tg_text *x)
{
    const tg_name_list *missing = &l->misfit[TG_MISSING], *other = &l->misfit[TG_UNEXPECTED], *wrong = &l->misfit[TG_MISMATCHED];
    const char     *path = l->archive->part[0].file.path;
    if (missing->n) {
        put_names(l, x, TG_MISSING);
        tg_put(x, missing->n == 1 ? " is not in %s" : " are not in %s", path);
    }
    for (size_t i = 0; i < wrong->n && i < MOST_NAMES; i++) {
        if (x->length) tg_put(x, "; ");
        put_mismatch(l, x, wrong->at[i]);
    }
    if (wrong->n > MOST_NAMES) tg_put(x, "; %zu more differ", wrong->n - MOST_NAMES);
    if (other->n) {
        tg_put(x, "%s%s holds ", x->length ? "; " : "", path);
        put_names(l, x, TG_UNEXPECTED);
        tg_put(x, other->n == 1 ? ", which is no parameter or buffer of the tape" : ", which are no parameters or buffers of the tape");
    }
    const char *format = tg_archive_metadata(l->archive, "format");
    if (format && !strcmp(format, TG_CHECKPOINT_FORMAT)) tg_put(x, "; it is a checkpoint, which tg_checkpoint_load and tg_checkpoint_load_model read");
}

/* Of several things that are wrong the status tells the first in the sentence. */
static tg_status status_of(const tg_loading *l)
{
    if (l->misfit[TG_MISSING].n || !l->misfit[TG_MISMATCHED].n) return TG_ERR_ARG;
    const char *name = l->misfit[TG_MISMATCHED].at[0];
    return find(l, name)->stored.element.dtype != tg_dtype_of(tg_saved_named(l->tape, name)) ? TG_ERR_DTYPE : TG_ERR_SHAPE;
}

tg_status tg_load_judge(const tg_loading *l)
{
    char       sentence[2048] = "";
    tg_text    x              = {.buf = sentence, .size = sizeof sentence};
    const bool names_fit      = !l->misfit[TG_MISSING].n && !l->misfit[TG_UNEXPECTED].n;
    if ((names_fit || l->options->partial) && (!l->misfit[TG_MISMATCHED].n || l->options->skip_mismatched)) return TG_OK;
    put_misfits(l, &x);
    return tg_fail_on(l->tape, status_of(l), l->function, "%s", sentence);
}
