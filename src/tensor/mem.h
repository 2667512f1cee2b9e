/* mem.h - where bytes come from: a counting front to the tape's allocator, bump arenas for what goes at tg_reset, and a
 * pool of large blocks that are reused instead of returned. After the first step of a training loop none of them asks
 * the allocator. */
#ifndef TG_MEM_H
#define TG_MEM_H

#include <tapegrad/base.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) && !defined(__SANITIZE_ADDRESS__)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#define TG_POISON(p, size) __asan_poison_memory_region(p, size)
#define TG_UNPOISON(p, size) __asan_unpoison_memory_region(p, size)
#else
#define TG_POISON(p, size) ((void)(p), (void)(size))
#define TG_UNPOISON(p, size) ((void)(p), (void)(size))
#endif

typedef struct tg_heap {
    tg_allocator allocator;
    int64_t      calls;    /* that asked for memory */
    size_t       reserved; /* bytes held now */
    int         *inside;   /* NULL, or where to note that the caller's allocator is running: then it is INT_MAX */
} tg_heap;

void  tg_heap_init(tg_heap *h, const tg_allocator *allocator);           /* NULL or no resize in it: realloc and free */
void *tg_heap_alloc(tg_heap *h, size_t size);                            /* size > 0; NULL: out of memory */
void *tg_heap_resize(tg_heap *h, void *p, size_t old_size, size_t size); /* as realloc */
void  tg_heap_free(tg_heap *h, void *p, size_t size);                    /* p may be NULL */

enum { TG_ALIGN = 64 }; /* of arena pieces and pool blocks: a cache line, an AVX-512 register */

/* A bump arena: pieces are never freed one by one; reset keeps the chunks for the next round. */
typedef struct tg_arena_chunk {
    struct tg_arena_chunk *next;
    unsigned char   *data; /* TG_ALIGN-aligned */
    size_t           capacity;
} tg_arena_chunk;
typedef struct tg_arena {
    tg_heap  *heap;
    tg_arena_chunk *first, *current;
    size_t    used; /* of the current chunk */
} tg_arena;
typedef struct tg_arena_mark {
    tg_arena_chunk *chunk;
    size_t    used;
} tg_arena_mark;

void          tg_arena_init(tg_arena *a, tg_heap *heap);
void          tg_arena_reset(tg_arena *a); /* everything in it is poisoned under AddressSanitizer */
tg_arena_mark tg_arena_position(const tg_arena *a);
/* Moves to a mark, back or (with no allocation since) forward again. Nothing is poisoned: what lies behind the mark
 * stays readable until the next allocation, which may reuse or free any of it. */
void tg_arena_seek(tg_arena *a, tg_arena_mark m);
void tg_arena_free(tg_arena *a);

void *tg_arena_alloc_slow(tg_arena *a, size_t size, size_t align);

/* align: a power of two <= TG_ALIGN. NULL: out of memory. */
static inline void *tg_arena_alloc(tg_arena *a, size_t size, size_t align)
{
    const tg_arena_chunk *c  = a->current;
    const size_t    at = (a->used + align - 1) & ~(align - 1);
    if (!c || at > c->capacity || size > c->capacity - at) return tg_arena_alloc_slow(a, size, align);
    a->used = at + size;
    TG_UNPOISON(c->data + at, size);
    return c->data + at;
}

/* Memory for values. */
typedef struct tg_block {
    struct tg_block *next;
    void            *data;     /* TG_ALIGN-aligned; large ones aligned to and asking for 2 MiB pages */
    size_t           capacity;
    size_t           users;    /* for the owner of a block that several share to count them; 0 at first */
} tg_block;

tg_block *tg_block_new(tg_heap *h, size_t capacity); /* contents undefined; NULL: out of memory */
void      tg_block_free(tg_heap *h, tg_block *b);    /* b may be NULL */

/* Blocks by size class: with at most 1/8 more than asked for (at least 1 KiB). One that was put back is handed out again for the same
 * class. */
enum { TG_POOL_CLASSES = 424 }; /* eight to the octave, from 1 KiB to beyond any address space */
typedef struct tg_pool {
    tg_heap  *heap;
    tg_block *free[TG_POOL_CLASSES];
} tg_pool;

void      tg_pool_init(tg_pool *p, tg_heap *heap);
tg_block *tg_pool_get(tg_pool *p, size_t bytes); /* contents undefined; NULL: out of memory */
void      tg_pool_put(tg_pool *p, tg_block *b);  /* b may be NULL; its bytes are poisoned under AddressSanitizer */
void      tg_pool_free(tg_pool *p);              /* the blocks that are in the pool */

#endif
