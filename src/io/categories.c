/* categories.c - a hash table of texts. */
#include "io/categories.h"

#include <stdlib.h>

enum { FIRST_SLOTS = 64 };

/* FNV-1a */
static size_t hash(const char *text)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (; *text; text++) h = (h ^ (unsigned char)*text) * 0x100000001b3u;
    return (size_t)(h ^ h >> 32);
}

/* The place of this text, or the free one that it goes to. */
static const char **find(const char **slot, size_t slots, const char *text)
{
    size_t k = hash(text) & (slots - 1);
    while (slot[k] && strcmp(slot[k], text) != 0) k = (k + 1) & (slots - 1);
    return &slot[k];
}

static tg_status grow(tg_categories *c)
{
    const size_t slots = c->slots ? 2 * c->slots : FIRST_SLOTS;
    const char **slot  = tg_tape_alloc(c->tape, slots * sizeof *slot);
    if (!slot) return TG_ERR_MEMORY;
    for (size_t i = 0; i < c->n; i++) *find(slot, slots, c->text[i]) = c->text[i];
    if (c->slot) tg_tape_free_bytes(c->tape, c->slot, c->slots * sizeof *c->slot);
    c->slot  = slot;
    c->slots = slots;
    return TG_OK;
}

tg_status tg_categories_add(tg_categories *c, const char *text)
{
    if (2 * c->n >= c->slots && grow(c) != TG_OK) return TG_ERR_MEMORY;
    const char **place = find(c->slot, c->slots, text);
    if (*place) return TG_OK;
    if (!TG_GROW(c->tape, c->text, c->capacity, c->n + 1)) return TG_ERR_MEMORY;
    *place = c->text[c->n++] = text;
    return TG_OK;
}

static int compare(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

void tg_categories_sort(tg_categories *c)
{
    if (c->n > 1) qsort(c->text, c->n, sizeof *c->text, compare);
}

void tg_categories_free(tg_categories *c)
{
    if (c->slot) tg_tape_free_bytes(c->tape, c->slot, c->slots * sizeof *c->slot);
    if (c->text) tg_tape_free_bytes(c->tape, c->text, c->capacity * sizeof *c->text);
    *c = (tg_categories){.tape = c->tape};
}
