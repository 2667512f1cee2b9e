/* named.c - kept tensors with names, the parameters of a tape and its buffers: in the order they were made, by number and by name. */
#include "graph/graph.h"

#include <stdint.h>

#include "tensor/text.h"

/* ---- by name: a hash table, linear probing, at most half full ------------------------------------------------------ */

static size_t hash_of(const char *name)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (; *name; name++) h = (h ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
    return (size_t)(h ^ h >> 32);
}

/* Where the tensor of this name is, or would be. The table is not full. */
static size_t find_name(const tg_named *s, const char *name)
{
    size_t at = hash_of(name) & (s->cap_named - 1);
    while (s->named[at] && strcmp(s->named[at]->w.kept->name, name)) at = (at + 1) & (s->cap_named - 1);
    return at;
}

static bool grow_names(tg_tape *t, tg_named *s, size_t need)
{
    const size_t had = s->cap_named;
    tg_node    **old = s->named;
    size_t       cap = had ? had : 16;
    while (cap < 2 * need) cap *= 2;
    if (cap == had) return true;
    tg_node **named = tg_tape_alloc(t, cap * sizeof *named);
    if (!named) return false;
    s->named = named;
    s->cap_named = cap;
    for (size_t i = 0; i < had; i++)
        if (old[i]) named[find_name(s, old[i]->w.kept->name)] = old[i];
    tg_heap_free(&t->services.heap, old, had * sizeof *old);
    return true;
}

/* Those behind it that were turned away from the place move up. */
static void drop_name(tg_named *s, const tg_node *n)
{
    const size_t mask = s->cap_named - 1;
    size_t       hole = find_name(s, n->w.kept->name);
    for (size_t at = (hole + 1) & mask; s->named[at]; at = (at + 1) & mask) {
        const size_t first = hash_of(s->named[at]->w.kept->name) & mask;
        if (((at - first) & mask) < ((at - hole) & mask)) continue;
        s->named[hole] = s->named[at];
        hole = at;
    }
    s->named[hole] = NULL;
}

/* ---- by number: an array with holes ---------------------------------------------------------------------------------- */

static void close_holes(tg_named *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->end; i++) {
        if (!s->at[i]) continue;
        s->at[n] = s->at[i];
        s->at[n]->w.kept->number = (uint32_t)n;
        n++;
    }
    s->end = n;
    s->latest = s->before = 0;
}

/* Where there are holes, a few steps from the place of the latest look: whoever goes through them and releases some needs no more. */
tg_node *tg_named_at(tg_named *s, size_t i)
{
    enum { FEW = 64 };
    if (i >= s->n) return NULL;
    for (int steps = 0; s->n < s->end && (s->before != i || !s->at[s->latest]); steps++) {
        if (steps == FEW) close_holes(s);
        else if (s->before > i) s->before -= s->at[--s->latest] != NULL;
        else s->before += s->at[s->latest++] != NULL;
    }
    if (s->n == s->end) s->latest = s->before = i;
    return s->at[s->latest];
}

/* ---- both ----------------------------------------------------------------------------------------------------------- */

bool tg_named_reserve(tg_tape *t, tg_named *s)
{
    return grow_names(t, s, s->n + 1) && TG_GROW(t, s->at, s->cap, s->end + 1);
}

void tg_named_add(tg_named *s, tg_node *n)
{
    s->named[find_name(s, n->w.kept->name)] = n;
    n->w.kept->number = (uint32_t)s->end;
    s->at[s->end++] = n;
    s->n++;
}

void tg_named_drop(tg_named *s, tg_node *n)
{
    const size_t number = n->w.kept->number;
    drop_name(s, n);
    s->at[number] = NULL;
    s->n--;
    if (number < s->latest) s->before--;
    while (s->end && !s->at[s->end - 1]) s->end--;
    if (s->latest > s->end) s->latest = s->end;
    if (s->n < s->end / 2) close_holes(s);
}

void tg_named_free(tg_tape *t, tg_named *s)
{
    tg_heap_free(&t->services.heap, s->named, s->cap_named * sizeof *s->named);
    tg_heap_free(&t->services.heap, s->at, s->cap * sizeof *s->at);
}

static tg_tensor *of_name(const tg_named *s, const char *name)
{
    return name && s->n ? tg_handle(s->named[find_name(s, name)]) : NULL;
}

/* A look at a place moves where the next search begins. */
static tg_tensor *of_number(const tg_named *s, int i) { return i >= 0 ? tg_handle(tg_named_at((tg_named *)(uintptr_t)s, (size_t)i)) : NULL; }

/* ---- for callers ---------------------------------------------------------------------------------------------------- */

int        tg_param_count(const tg_tape *t) { return t ? (int)t->params.n : 0; }
tg_tensor *tg_param_at(const tg_tape *t, int i) { return t ? of_number(&t->params, i) : NULL; }
tg_tensor *tg_param_named(const tg_tape *t, const char *name) { return t ? of_name(&t->params, name) : NULL; }

tg_status tg_check_glob(tg_tape *t, const char *pattern, const char *function)
{
    char text[TG_NAME_TEXT];
    if (tg_glob_is_valid(pattern)) return TG_OK;
    return tg_fail_on(t, TG_ERR_ARG, function, "the pattern %s has a [ without its ]", tg_name_text(pattern, text));
}

int tg_params_matching(tg_tape *t, const char *pattern, tg_tensor **tensors, int max)
{
    static const char function[] = "tg_params_matching";
    tg_status         s = TG_OK;
    int               found = 0;
    if (!t) return -1;
    if (!pattern || (!tensors && max > 0)) s = tg_fail_on(t, TG_ERR_NULL, function, "%s is NULL", pattern ? "tensors" : "the pattern");
    else if (max < 0) s = tg_fail_on(t, TG_ERR_ARG, function, "max must be 0 or more, got %d", max);
    else s = tg_check_glob(t, pattern, function);
    if (s != TG_OK) return -1;
    for (size_t i = 0; i < t->params.n; i++) {
        tg_node *n = tg_named_at(&t->params, i);
        if (!tg_glob_matches(pattern, n->w.kept->name)) continue;
        if (found < max) tensors[found] = tg_handle(n);
        found++;
    }
    return found;
}

int        tg_buffer_count(const tg_tape *t) { return t ? (int)t->buffers.n : 0; }
tg_tensor *tg_buffer_at(const tg_tape *t, int i) { return t ? of_number(&t->buffers, i) : NULL; }
tg_tensor *tg_buffer_named(const tg_tape *t, const char *name) { return t ? of_name(&t->buffers, name) : NULL; }

int tg_saved_count(const tg_tape *t) { return tg_param_count(t) + tg_buffer_count(t); }

tg_tensor *tg_saved_at(const tg_tape *t, int i)
{
    const int params = tg_param_count(t);
    return i < params ? tg_param_at(t, i) : tg_buffer_at(t, i - params);
}

tg_tensor *tg_saved_named(const tg_tape *t, const char *name)
{
    tg_tensor *p = tg_param_named(t, name);
    return p ? p : tg_buffer_named(t, name);
}

const char *tg_name(const tg_tensor *x)
{
    if (!x || !tg_is_live(x)) return NULL;
    const tg_node *n = tg_node_of(x);
    return n->flags & (TG_N_PARAM | TG_N_BUFFER) ? n->w.kept->name : NULL;
}
