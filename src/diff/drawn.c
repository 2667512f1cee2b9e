/* drawn.c - finds the random numbers of a recording that are the same: those of one place in the stream. */
#include "diff/drawn.h"

#include <stdlib.h>

static int compare_numbers(uint64_t x, uint64_t y) { return x < y ? -1 : x > y; }

/* What draws nothing, for it has no elements, has the place of what is drawn next. */
static int compare_drawn(const tg_draw *x, const tg_draw *y)
{
    int c = compare_numbers(x->place.seed, y->place.seed);
    if (!c) c = compare_numbers(x->place.counter, y->place.counter);
    if (!c) c = compare_numbers((uint64_t)tg_node_numel(x->node), (uint64_t)tg_node_numel(y->node));
    return c ? c : compare_numbers((uintptr_t)x->node->op, (uintptr_t)y->node->op);
}

static int compare(const void *a, const void *b)
{
    const tg_draw *x = a, *y = b;
    const int      c = compare_drawn(x, y);
    return c ? c : compare_numbers(x->node->id, y->node->id);
}

static tg_draw draw_of(const tg_node *n) { return (tg_draw){.node = n, .place = {tg_seed_of(n), n->w.counter}}; }

static bool draws(const tg_node *n) { return n->traits & TG_IS_RANDOM; }

tg_status tg_find_drawn(tg_tape *t, uint32_t from, uint32_t to, tg_drawn *d)
{
    size_t n = 0;
    *d = (tg_drawn){0};
    for (uint32_t id = from; id < to; id++) n += draws(tg_slot(t, id));
    if (!n) return TG_OK;
    for (uint32_t id = 0; id < from; id++) n += draws(tg_slot(t, id));
    if (!(d->at = tg_value_room(t, n * sizeof *d->at))) return TG_ERR_MEMORY;
    for (uint32_t id = 0; id < to; id++)
        if (draws(tg_slot(t, id))) d->at[d->n++] = draw_of(tg_slot(t, id));
    qsort(d->at, d->n, sizeof *d->at, compare);
    return TG_OK;
}

tg_draw *tg_first_drawn(const tg_drawn *d, const tg_node *n)
{
    if (!d->n || !draws(n)) return NULL;
    const tg_draw this = draw_of(n);
    size_t        low = 0, high = d->n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (compare_drawn(&d->at[middle], &this) < 0) low = middle + 1;
        else high = middle;
    }
    return low < d->n && !compare_drawn(&d->at[low], &this) ? &d->at[low] : NULL;
}
