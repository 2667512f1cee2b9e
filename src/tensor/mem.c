/* mem.c - the heap that counts, the bump arena and the pool of large blocks. */
#define _GNU_SOURCE

#include "tensor/mem.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { HUGE_PAGE = 2 << 20, HUGE_BLOCK = 4 << 20 };

/* ---- heap ---------------------------------------------------------------------------------------------------------
 */

static void *libc_resize(void *ctx, void *p, size_t old_size, size_t size)
{
    (void)ctx;
    (void)old_size;
    if (size == 0) {
        free(p);
        return NULL;
    }
    char *q = realloc(p, size);
#ifdef MADV_HUGEPAGE
    /* A hint: fewer page faults and TLB misses. For all pages that the block touches, its first and last one included: they stay one
     * mapping, which realloc moves to a larger place instead of copying. */
    if (q && size >= HUGE_BLOCK) {
        const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)q & ~(page - 1);
        (void)madvise((void *)from, ((uintptr_t)q + size - from + page - 1) & ~(page - 1), MADV_HUGEPAGE);
    }
#endif
    return q;
}

/* The allocator's own call. */
static void *resize(tg_heap *h, void *p, size_t old_size, size_t size)
{
    const int where = h->inside ? *h->inside : 0;
    if (h->inside) *h->inside = INT_MAX;
    void *q = h->allocator.resize(h->allocator.ctx, p, old_size, size);
    if (h->inside) *h->inside = where;
    return q;
}

void tg_heap_init(tg_heap *h, const tg_allocator *allocator)
{
    *h = (tg_heap){.allocator = {.resize = libc_resize}};
    if (allocator && allocator->resize) h->allocator = *allocator;
}

void *tg_heap_alloc(tg_heap *h, size_t size) { return tg_heap_resize(h, NULL, 0, size); }

void *tg_heap_resize(tg_heap *h, void *p, size_t old_size, size_t size)
{
    if (size == 0) {
        tg_heap_free(h, p, old_size);
        return NULL;
    }
    if (size > PTRDIFF_MAX) return NULL;
    h->calls++;
    void *q = resize(h, p, old_size, size);
    if (q) h->reserved = h->reserved - old_size + size;
    return q;
}

void tg_heap_free(tg_heap *h, void *p, size_t size)
{
    if (!p) return;
    resize(h, p, size, 0);
    h->reserved -= size;
}

/* The next multiple of align (a power of two) at or after p. */
static void *align_up(void *p, size_t align) { return (char *)p + (-(uintptr_t)p & (align - 1)); }

/* ---- arena --------------------------------------------------------------------------------------------------------
 */

enum { FIRST_CHUNK = 64 << 10, LARGEST_CHUNK = 16 << 20 };

/* A chunk's one allocation: header, the gap to the first aligned byte, data. */
static size_t chunk_bytes(size_t capacity) { return sizeof(tg_arena_chunk) + TG_ALIGN + capacity; }

void tg_arena_init(tg_arena *a, tg_heap *heap) { *a = (tg_arena){.heap = heap}; }

static void chunk_free(tg_arena *a, tg_arena_chunk *c)
{
    TG_UNPOISON(c->data, c->capacity);
    tg_heap_free(a->heap, c, chunk_bytes(c->capacity));
}

static tg_arena_chunk *chunk_new(tg_arena *a, size_t at_least)
{
    size_t capacity = FIRST_CHUNK;
    if (a->current) capacity = a->current->capacity < LARGEST_CHUNK / 2 ? 2 * a->current->capacity : LARGEST_CHUNK;
    if (capacity < at_least) capacity = at_least + at_least / 8; /* in the next round it may be a little more */
    capacity -= chunk_bytes(0); /* whole pages altogether */
    if (capacity < at_least) capacity = at_least;
    tg_arena_chunk *c = tg_heap_alloc(a->heap, chunk_bytes(capacity));
    if (!c) return NULL;
    c->next     = NULL;
    c->data     = align_up(c + 1, TG_ALIGN);
    c->capacity = capacity;
    TG_POISON(c->data, capacity);
    return c;
}

/* The current chunk is full: the next one has the room, or is replaced by a larger one. Replaced, not skipped: chunks
 * behind the current one hold nothing, and an arena whose largest piece grows a little in each round must not collect
 * one chunk per round. */
void *tg_arena_alloc_slow(tg_arena *a, size_t size, size_t align)
{
    if (size > PTRDIFF_MAX - chunk_bytes(0)) return NULL;
    tg_arena_chunk **link = a->current ? &a->current->next : &a->first;
    if (!*link || (*link)->capacity < size) {
        tg_arena_chunk *c = chunk_new(a, size);
        if (!c) return NULL;
        if (*link) {
            c->next = (*link)->next;
            chunk_free(a, *link);
        }
        *link = c;
    }
    a->current = *link;
    a->used    = 0;
    return tg_arena_alloc(a, size, align);
}

void tg_arena_reset(tg_arena *a)
{
    for (tg_arena_chunk *c = a->first; c; c = c->next) TG_POISON(c->data, c->capacity);
    a->current = a->first;
    a->used    = 0;
}

tg_arena_mark tg_arena_position(const tg_arena *a) { return (tg_arena_mark){a->current, a->used}; }

/* A mark from before the first chunk means the start of the first. */
void tg_arena_seek(tg_arena *a, tg_arena_mark m)
{
    a->current = m.chunk ? m.chunk : a->first;
    a->used    = m.chunk ? m.used : 0;
}

void tg_arena_free(tg_arena *a)
{
    for (tg_arena_chunk *c = a->first, *next; c; c = next) {
        next = c->next;
        chunk_free(a, c);
    }
    tg_arena_init(a, a->heap);
}

/* ---- blocks -------------------------------------------------------------------------------------------------------
 */

static size_t block_align(size_t capacity) { return capacity >= HUGE_BLOCK ? HUGE_PAGE : TG_ALIGN; }

/* A block's one allocation: header, the gap to the first aligned byte, data. */
static size_t block_bytes(size_t capacity) { return sizeof(tg_block) + block_align(capacity) + capacity; }

/* Hints, whose refusal changes nothing: one page fault for 512 in all large pages that lie in the data. Not so before and behind them,
 * where a large page would be memory that nobody uses. Whole pages of the allocation only, so no neighbour is touched. */
static void advise_pages(tg_block *b)
{
#if defined MADV_HUGEPAGE && defined MADV_NOHUGEPAGE
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = ((uintptr_t)b + page - 1) & ~(page - 1),
                    to = ((uintptr_t)b + block_bytes(b->capacity)) & ~(page - 1);
    (void)madvise((void *)from, to - from, MADV_NOHUGEPAGE);
    (void)madvise(b->data, b->capacity & ~(size_t)(HUGE_PAGE - 1), MADV_HUGEPAGE);
#else
    (void)b;
#endif
}

tg_block *tg_block_new(tg_heap *h, size_t capacity)
{
    if (capacity > PTRDIFF_MAX / 2) return NULL;
    const size_t align = block_align(capacity);
    tg_block    *b     = tg_heap_alloc(h, block_bytes(capacity));
    if (!b) return NULL;
    *b = (tg_block){.data = align_up(b + 1, align), .capacity = capacity};
    if (align == HUGE_PAGE) advise_pages(b);
    return b;
}

void tg_block_free(tg_heap *h, tg_block *b)
{
    if (!b) return;
    TG_UNPOISON(b->data, b->capacity);
    tg_heap_free(h, b, block_bytes(b->capacity));
}

/* ---- pool ---------------------------------------------------------------------------------------------------------
 */

enum { LEAST_BLOCK_LOG2 = 10 };

/* Capacities are 8 … 16 times a power of two. Of bytes - 1 in binary, the leading one gives the octave and the three
 * bits after it the class within; the capacity is the next multiple of an eighth of the octave. */
static size_t size_class(size_t bytes, size_t *capacity)
{
    if (bytes <= (size_t)1 << LEAST_BLOCK_LOG2) {
        *capacity = (size_t)1 << LEAST_BLOCK_LOG2;
        return 0;
    }
    const size_t n      = bytes - 1;
    const size_t octave = (size_t)(63 - __builtin_clzll(n));
    const size_t eighth = (n >> (octave - 3)) & 7;
    *capacity           = (9 + eighth) << (octave - 3);
    return (octave - LEAST_BLOCK_LOG2) * 8 + eighth + 1;
}

void tg_pool_init(tg_pool *p, tg_heap *heap)
{
    memset(p, 0, sizeof *p);
    p->heap = heap;
}

tg_block *tg_pool_get(tg_pool *p, size_t bytes)
{
    if (bytes > PTRDIFF_MAX / 2) return NULL;
    size_t     capacity;
    tg_block **link = &p->free[size_class(bytes, &capacity)];
    tg_block  *b    = *link;
    if (b) {
        *link = b->next;
    } else if (!(b = tg_block_new(p->heap, capacity))) {
        tg_pool_free(p); /* blocks of other classes may be what is missing */
        if (!(b = tg_block_new(p->heap, capacity))) return NULL;
    }
    b->next = NULL;
    TG_POISON(b->data, b->capacity);
    TG_UNPOISON(b->data, bytes);
    return b;
}

void tg_pool_put(tg_pool *p, tg_block *b)
{
    if (!b) return;
    size_t     capacity;
    tg_block **link = &p->free[size_class(b->capacity, &capacity)];
    TG_POISON(b->data, b->capacity);
    b->next = *link;
    *link   = b;
}

void tg_pool_free(tg_pool *p)
{
    for (size_t i = 0; i < TG_POOL_CLASSES; i++) {
        for (tg_block *b = p->free[i], *next; b; b = next) {
            next = b->next;
            tg_block_free(p->heap, b);
        }
        p->free[i] = NULL;
    }
}
