/* names.c - sets of names: a hash table that is never more than half full. */
#include "export/names.h"

#include <stdio.h>

static size_t hash(const char *name)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (; *name; name++) h = (h ^ (uint8_t)*name) * UINT64_C(1099511628211);
    return (size_t)(h ^ h >> 32);
}

/* Where the name is, or has its place. */
static struct tg_name_entry *find(const tg_name_set *s, const char *name)
{
    size_t k = hash(name) & (s->cap - 1);
    while (s->at[k].name && strcmp(s->at[k].name, name) != 0) k = (k + 1) & (s->cap - 1);
    return &s->at[k];
}

/* Room for one name more. */
static bool make_room(tg_name_set *s)
{
    if (s->n + 1 <= s->cap / 2) return true;
    tg_name_set wider = {.tape = s->tape, .n = s->n, .cap = s->cap ? 2 * s->cap : 64};
    if (!(wider.at = tg_tape_alloc(s->tape, wider.cap * sizeof *wider.at))) return false;
    for (size_t k = 0; k < s->cap; k++)
        if (s->at[k].name) *find(&wider, s->at[k].name) = s->at[k];
    if (s->at) tg_tape_free_bytes(s->tape, s->at, s->cap * sizeof *s->at);
    *s = wider;
    return true;
}

/* The entry of the name, which is added where it was not there; NULL after an error. */
static struct tg_name_entry *enter(tg_name_set *s, const char *name, bool *is_new)
{
    if (!make_room(s)) return NULL;
    struct tg_name_entry *e = find(s, name);
    *is_new = !e->name;
    if (!*is_new) return e;
    const size_t size = strlen(name) + 1;
    if (!(e->name = tg_tape_alloc(s->tape, size))) return NULL;
    memcpy(e->name, name, size);
    e->next = 2;
    s->n++;
    return e;
}

bool tg_name_set_add(tg_name_set *s, const char *name, bool *is_new) { return enter(s, name, is_new) != NULL; }

const char *tg_name_set_add_unique(tg_name_set *s, const char *name)
{
    const size_t size = strlen(name) + 12;
    bool         is_new;
    struct tg_name_entry *e = enter(s, name, &is_new);
    if (!e || is_new) return e ? e->name : NULL;
    char *longer = tg_tape_alloc(s->tape, size);
    if (!longer) return NULL;
    do {
        e = find(s, name); /* the table may have moved */
        snprintf(longer, size, "%s_%u", name, (unsigned)e->next++);
        e = enter(s, longer, &is_new);
    } while (e && !is_new);
    tg_tape_free_bytes(s->tape, longer, size);
    return e ? e->name : NULL;
}

void tg_name_set_free(tg_name_set *s)
{
    for (size_t k = 0; k < s->cap; k++)
        if (s->at[k].name) tg_tape_free_bytes(s->tape, s->at[k].name, strlen(s->at[k].name) + 1);
    if (s->at) tg_tape_free_bytes(s->tape, s->at, s->cap * sizeof *s->at);
    *s = (tg_name_set){.tape = s->tape};
}
