/* services.c - memory that reports when it runs out, what is freed with the tape, room for values, and how many threads there may be. */
#include "tensor/services.h"

#include <omp.h>

#include "tensor/process.h"

void tg_services_init(tg_services *s, tg_heap heap)
{
    s->heap = heap;
    s->heap.inside = &s->inside.where;
    tg_arena_init(&s->values, &s->heap);
    tg_pool_init(&s->pool, &s->heap);
}

static void put_blocks(tg_services *s, tg_block **list)
{
    while (*list) {
        tg_block *b = *list;
        *list = b->next;
        tg_pool_put(&s->pool, b);
    }
}

/* Each is out of the list before its function runs. */
static void free_lent(tg_services *s)
{
    while (s->lent) {
        tg_owned *o = s->lent;
        s->lent     = o->next;
        o->free(o);
    }
}

void tg_services_free(tg_services *s)
{
    free_lent(s);
    put_blocks(s, &s->blocks);
    tg_arena_free(&s->values);
    tg_pool_free(&s->pool);
}

void *tg_tape_alloc(tg_tape *t, size_t size)
{
    void *p = tg_heap_alloc(&tg_services_of(t)->heap, size ? size : 1);
    if (!p) tg_out_of_memory(t, "tapegrad");
    else memset(p, 0, size ? size : 1);
    return p;
}

void tg_tape_free_bytes(tg_tape *t, void *p, size_t size) { tg_heap_free(&tg_services_of(t)->heap, p, size ? size : 1); }

void *tg_tape_grow(tg_tape *t, void *p, size_t *cap, size_t need, size_t item)
{
    size_t more = *cap ? *cap : 16, bytes;
    bool   overflow = false;
    while (more < need && !overflow) overflow = __builtin_mul_overflow(more, (size_t)2, &more);
    if (overflow || __builtin_mul_overflow(more, item, &bytes)) {
        tg_out_of_memory(t, "tapegrad");
        return NULL;
    }
    void *q = tg_heap_resize(&tg_services_of(t)->heap, p, *cap * item, bytes);
    if (!q) tg_out_of_memory(t, "tapegrad");
    else *cap = more;
    return q;
}

void tg_own(tg_tape *t, tg_owned *o)
{
    o->prev = NULL;
    o->serial = ++tg_services_of(t)->ever_owned;
    o->next = tg_services_of(t)->owned;
    if (tg_services_of(t)->owned) tg_services_of(t)->owned->prev = o;
    tg_services_of(t)->owned = o;
}

void tg_disown(tg_tape *t, tg_owned *o)
{
    if (o->prev) o->prev->next = o->next;
    else tg_services_of(t)->owned = o->next;
    if (o->next) o->next->prev = o->prev;
    o->prev = o->next = NULL;
}

tg_owned *tg_owned_with(const tg_tape *t, uint64_t serial)
{
    tg_owned *o = tg_services_read(t)->owned;
    while (o && o->serial != serial) o = o->next;
    return o;
}

void tg_own_until_reset(tg_tape *t, tg_owned *o)
{
    o->next                  = tg_services_of(t)->lent;
    tg_services_of(t)->lent = o;
}

int tg_threads(const tg_tape *t)
{
    if (tg_is_forked()) return 1;
    const tg_services *s = tg_services_read(t);
    if (s->threads) return s->threads;
    const int most = omp_get_max_threads();
    return s->processors.usable > 0 && s->processors.usable < most ? s->processors.usable : most;
}

void tg_look_at_processors(tg_tape *t)
{
    tg_services *s = tg_services_of(t);
    if (!s->threads) tg_processors_look(&s->processors, omp_get_max_threads());
}

/* ---- room for values ---------------------------------------------------------------------------------------------- */

static void *room_from(tg_tape *t, tg_block **list, size_t bytes)
{
    tg_services *s = tg_services_of(t);
    if (bytes <= TG_SMALL_VALUE) {
        void *p = tg_arena_alloc(&s->values, bytes ? bytes : 1, TG_ALIGN);
        if (!p) tg_out_of_memory(t, "tapegrad");
        return p;
    }
    tg_block *b = tg_pool_get(&s->pool, bytes);
    if (!b) {
        tg_out_of_memory(t, "tapegrad");
        return NULL;
    }
    b->next = *list;
    *list = b;
    return b->data;
}

void *tg_value_room(tg_tape *t, size_t bytes) { return room_from(t, &tg_services_of(t)->blocks, bytes); }
void *tg_scratch(tg_call *c, size_t bytes) { return room_from(c->tape, &tg_services_of(c->tape)->scratch, bytes); }

void tg_free_scratch(tg_tape *t) { put_blocks(tg_services_of(t), &tg_services_of(t)->scratch); }

void tg_free_values(tg_tape *t)
{
    free_lent(tg_services_of(t));
    put_blocks(tg_services_of(t), &tg_services_of(t)->blocks);
    tg_arena_reset(&tg_services_of(t)->values);
}
