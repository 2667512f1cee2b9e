/* test_mem.c - the heap's counts, arenas and the pool, with an allocator that watches and one that refuses. */
#define _GNU_SOURCE

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tensor/mem.h"

/* Checks what a caller must keep to (old sizes), misaligns as far as C allows, counts, and fails on demand. */
typedef struct watch {
    size_t  held;
    int64_t blocks, calls;
    int64_t fail_from, fail_to; /* calls with a number in [from, to) fail */
} watch;

enum { FRONT = 16 }; /* keeps the size; also makes the result no better aligned than needed */

static void *watch_resize(void *ctx, void *p, size_t old_size, size_t size)
{
    watch *w   = ctx;
    char  *own = p ? (char *)p - FRONT : NULL;
    if (own)
        assert_memory_equal(own, &old_size, sizeof old_size);
    else
        assert_int_equal(old_size, 0);
    if (size == 0) {
        assert_non_null(p);
        w->held -= old_size;
        w->blocks--;
        free(own);
        return NULL;
    }
    const int64_t call = w->calls++;
    if (call >= w->fail_from && call < w->fail_to) return NULL;
    own = realloc(own, size + FRONT);
    assert_non_null(own);
    memcpy(own, &size, sizeof size);
    w->held = w->held - old_size + size;
    w->blocks += !p;
    return own + FRONT;
}

static tg_heap watched(watch *w)
{
    tg_heap h;
    tg_heap_init(&h, &(tg_allocator){watch_resize, w});
    return h;
}

static void assert_same(const tg_heap *h, const watch *w)
{
    assert_int_equal(h->reserved, w->held);
    assert_int_equal(h->calls, w->calls);
}

static void assert_aligned(const void *p, size_t align) { assert_int_equal((uintptr_t)p % align, 0); }

/* ---- heap ---------------------------------------------------------------------------------------------------------
 */

static void heap(void **state)
{
    (void)state;
    watch   w = {0};
    tg_heap h = watched(&w);
    char   *p = tg_heap_alloc(&h, 100);
    assert_non_null(p);
    memset(p, 'x', 100);
    assert_same(&h, &w);
    p = tg_heap_resize(&h, p, 100, 1000);
    assert_int_equal(p[99], 'x');
    assert_int_equal(h.reserved, 1000);
    assert_same(&h, &w);

    w.fail_from = w.calls;
    w.fail_to   = w.calls + 1;
    assert_null(tg_heap_resize(&h, p, 1000, 2000)); /* refused: p is as it was */
    assert_int_equal(p[99], 'x');
    assert_int_equal(h.reserved, 1000);
    assert_null(tg_heap_alloc(&h, SIZE_MAX)); /* not even asked for */
    assert_null(tg_heap_resize(&h, p, 1000, (size_t)PTRDIFF_MAX + 1));
    assert_same(&h, &w);

    tg_heap_free(&h, NULL, 0);
    p = tg_heap_resize(&h, p, 1000, 10);
    assert_null(tg_heap_resize(&h, p, 10, 0)); /* frees */
    assert_int_equal(h.reserved, 0);
    assert_int_equal(w.blocks, 0);
    assert_same(&h, &w);
}

static void heap_of_the_c_library(void **state)
{
    (void)state;
    const tg_allocator none = {0}, *allocators[] = {NULL, &none};
    for (int i = 0; i < 2; i++) {
        tg_heap h;
        tg_heap_init(&h, allocators[i]);
        char *p = tg_heap_alloc(&h, 10);
        assert_non_null(p);
        p = tg_heap_resize(&h, p, 10, 100000);
        assert_non_null(p);
        memset(p, 1, 100000);
        assert_int_equal(h.calls, 2);
        assert_int_equal(h.reserved, 100000);
        tg_heap_free(&h, p, 100000);
        assert_int_equal(h.reserved, 0);
    }
}

/* ---- arena --------------------------------------------------------------------------------------------------------
 */

/* Fills an arena with pieces of many sizes, each full of its own number, and checks at the end that none was touched by
 * another. */
static void fill_arena(tg_arena *a, int n, size_t factor)
{
    unsigned char **piece = malloc((size_t)n * sizeof *piece);
    assert_non_null(piece);
    for (int i = 0; i < n; i++) {
        const size_t size = (size_t)(i * 37 % 301) * factor, align = (size_t)1 << i % 7;
        piece[i] = tg_arena_alloc(a, size, align);
        assert_non_null(piece[i]);
        assert_aligned(piece[i], align);
        memset(piece[i], i & 255, size);
    }
    for (int i = 0; i < n; i++)
        for (size_t k = 0; k < (size_t)(i * 37 % 301) * factor; k++)
            if (piece[i][k] != (i & 255)) fail_msg("piece %d was overwritten", i);
    free(piece);
}

/* A large block of the C library's grows by moving its pages, not by copying them into fresh ones. */
static void heap_moves_pages(void **state)
{
    (void)state;
#ifndef __SANITIZE_ADDRESS__ /* whose realloc copies */
    const size_t size = (size_t)64 << 20;
    struct rusage before, after;
    tg_heap       h;
    tg_heap_init(&h, NULL);
    unsigned char *p = tg_heap_alloc(&h, size);
    assert_non_null(p);
    memset(p, 7, size);
    getrusage(RUSAGE_SELF, &before);
    p = tg_heap_resize(&h, p, size, 2 * size);
    getrusage(RUSAGE_SELF, &after);
    assert_non_null(p);
    assert_true(after.ru_minflt - before.ru_minflt < 8); /* a copy has 32 faults or more, with pages of 2 MiB */
    for (size_t i = 0; i < size; i += 4096) assert_int_equal(p[i], 7);
    tg_heap_free(&h, p, 2 * size);
#endif
}

static void arena(void **state)
{
    (void)state;
    watch    w = {0};
    tg_heap  h = watched(&w);
    tg_arena a;
    tg_arena_init(&a, &h);
    assert_int_equal(w.calls, 0); /* an empty arena costs nothing */
    fill_arena(&a, 3000, 10);     /* 4.5 MB */
    const int64_t calls = w.calls;
    assert_in_range(calls, 5, 10); /* chunks grow */
    for (int round = 0; round < 3; round++) {
        tg_arena_reset(&a);
        fill_arena(&a, 3000, 10);
    }
    assert_int_equal(w.calls, calls); /* the same again takes no memory */
    assert_same(&h, &w);
    tg_arena_free(&a);
    assert_int_equal(w.blocks, 0);
    assert_int_equal(h.reserved, 0);
    tg_arena_free(&a); /* an empty arena again */
    assert_non_null(tg_arena_alloc(&a, 1, 1));
    tg_arena_free(&a);
    assert_int_equal(w.blocks, 0);
}

static void arena_large_pieces(void **state)
{
    (void)state;
    watch    w = {0};
    tg_heap  h = watched(&w);
    tg_arena a;
    tg_arena_init(&a, &h);
    /* each round wants one piece a little larger than the last: the arena must not collect the old ones */
    for (size_t size = 1 << 20; size < 40 << 20; size += 1 << 20) {
        char *small = tg_arena_alloc(&a, 100, 8), *large = tg_arena_alloc(&a, size, TG_ALIGN);
        char *after = tg_arena_alloc(&a, 1000, 8);
        assert_non_null(small);
        assert_non_null(large);
        assert_non_null(after);
        assert_aligned(large, TG_ALIGN);
        large[0] = large[size - 1] = 1;
        memset(after, 2, 1000);
        assert_true(h.reserved < 4 * size + ((size_t)20 << 20));
        tg_arena_reset(&a);
    }
    assert_null(tg_arena_alloc(&a, SIZE_MAX, 1));
    assert_null(tg_arena_alloc(&a, SIZE_MAX - 63, 64));
    assert_null(tg_arena_alloc(&a, PTRDIFF_MAX, 64));
    assert_same(&h, &w);
    tg_arena_free(&a);
    assert_int_equal(w.blocks, 0);
}

static void arena_seek(void **state)
{
    (void)state;
    watch    w = {0};
    tg_heap  h = watched(&w);
    tg_arena a;
    tg_arena_init(&a, &h);
    const tg_arena_mark start = tg_arena_position(&a); /* before there is a chunk */
    char               *first = tg_arena_alloc(&a, 10, 8);
    const tg_arena_mark mark  = tg_arena_position(&a);
    char               *p     = tg_arena_alloc(&a, 1000, 8);
    memset(p, 'p', 1000);
    for (int i = 0; i < 50; i++) assert_non_null(tg_arena_alloc(&a, 10000, 8)); /* several chunks on */
    const tg_arena_mark end = tg_arena_position(&a);

    tg_arena_seek(&a, mark); /* what lies behind stays readable, and one can go back to the end */
    assert_int_equal(p[999], 'p');
    tg_arena_seek(&a, end);
    assert_true(tg_arena_alloc(&a, 1, 1) != p);

    tg_arena_seek(&a, mark);
    assert_ptr_equal(tg_arena_alloc(&a, 1000, 8), p); /* the same piece again */
    tg_arena_seek(&a, start);
    assert_ptr_equal(tg_arena_alloc(&a, 10, 8), first);
    const int64_t calls = w.calls;
    for (int i = 0; i < 50; i++) assert_non_null(tg_arena_alloc(&a, 10000, 8));
    assert_int_equal(w.calls, calls);
    tg_arena_free(&a);
    tg_arena_seek(&a, start);
    assert_non_null(tg_arena_alloc(&a, 10, 8));
    tg_arena_free(&a);
    assert_int_equal(w.blocks, 0);
}

/* Each allocation in turn fails, once or from there on: NULL, nothing lost, and the arena goes on where memory is back.
 */
static void arena_out_of_memory(void **state)
{
    (void)state;
    for (int lasting = 0; lasting < 2; lasting++) {
        int64_t failures = 0;
        for (int64_t k = 0; k < 20; k++) {
            watch    w = {.fail_from = k, .fail_to = lasting ? INT64_MAX : k + 1};
            tg_heap  h = watched(&w);
            tg_arena a;
            tg_arena_init(&a, &h);
            for (int i = 0; i < 40; i++) {
                const size_t size = i == 20 ? (size_t)5 << 20 : 100000;
                char        *p    = tg_arena_alloc(&a, size, 32);
                failures += !p;
                if (p) memset(p, i, size);
            }
            assert_same(&h, &w);
            w.fail_to = 0;
            assert_non_null(tg_arena_alloc(&a, 100000, 32));
            tg_arena_free(&a);
            assert_int_equal(w.blocks, 0);
            assert_int_equal(h.reserved, 0);
        }
        assert_true(failures > 0);
    }
}

/* ---- pool ---------------------------------------------------------------------------------------------------------
 */

static void pool_capacities(void **state)
{
    (void)state;
    watch   w = {0};
    tg_heap h = watched(&w);
    tg_pool p;
    tg_pool_init(&p, &h);
    for (size_t bytes = 0; bytes < (size_t)40 << 20; bytes += 1 + bytes / 29) {
        tg_block *b = tg_pool_get(&p, bytes);
        assert_non_null(b);
        assert_true(b->capacity >= bytes);
        assert_true(b->capacity <= 1024 || (b->capacity - bytes) * 8 <= bytes);
        assert_aligned(b->data, b->capacity >= (size_t)4 << 20 ? (size_t)2 << 20 : TG_ALIGN);
        if (bytes > 0) ((char *)b->data)[0] = ((char *)b->data)[bytes - 1] = 1;
        tg_pool_put(&p, b);
        tg_pool_free(&p);
        assert_int_equal(w.blocks, 0);
    }
    /* at and around every capacity */
    for (size_t capacity = 1024; capacity < 1 << 17;) {
        tg_block *b = tg_pool_get(&p, capacity), *c = tg_pool_get(&p, capacity + 1);
        assert_int_equal(b->capacity, capacity);
        assert_true(c->capacity > capacity);
        capacity = c->capacity;
        tg_pool_put(&p, b);
        tg_pool_put(&p, c);
    }
    assert_null(tg_pool_get(&p, SIZE_MAX));
    assert_null(tg_pool_get(&p, PTRDIFF_MAX));
    tg_pool_put(&p, NULL);
    assert_same(&h, &w);
    tg_pool_free(&p);
    assert_int_equal(w.blocks, 0);
    assert_int_equal(h.reserved, 0);
}

static void pool_reuses(void **state)
{
    (void)state;
    watch     w = {0};
    tg_heap   h = watched(&w);
    tg_pool   p;
    tg_block *b[10];
    tg_pool_init(&p, &h);
    for (int round = 0; round < 5; round++) {
        for (size_t i = 0; i < 10; i++) {
            b[i] = tg_pool_get(&p, 10000 + (i + (size_t)round) % 10); /* one class */
            assert_non_null(b[i]);
            for (size_t k = 0; k < i; k++) assert_ptr_not_equal(b[i], b[k]);
            memset(b[i]->data, (int)i, 10000);
        }
        for (size_t i = 0; i < 10; i++) assert_int_equal(((char *)b[i]->data)[9999], i);
        for (size_t i = 0; i < 10; i++) tg_pool_put(&p, b[i]);
        assert_int_equal(w.calls, 10);
    }
    tg_pool_free(&p);
    assert_int_equal(w.blocks, 0);
}

/* Resident KiB of the pages that hold [p, p + size). */
__attribute__((unused)) static size_t resident(const void *p, size_t size)
{
    unsigned char   in[1 << 12];
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)p & ~(page - 1),
                    to = ((uintptr_t)p + size + page - 1) & ~(page - 1);
    size_t          n = 0;
    assert_true((to - from) / page <= sizeof in);
    assert_int_equal(mincore((void *)from, to - from, in), 0);
    for (size_t i = 0; i < (to - from) / page; i++) n += in[i] & 1;
    return n * page / 1024;
}

/* A block takes as much memory as its data, however its allocation lies: neither the gap before it nor what is behind it is touched, by
 * large pages either. */
static void blocks_waste_nothing(void **state)
{
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    skip(); /* the allocator's red zones and shadow */
#else
    tg_heap h;
    tg_heap_init(&h, NULL);
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    for (size_t kib = 4096; kib < 9000; kib += 211) {
        malloc_trim(0); /* fresh pages for every block */
        tg_block *b = tg_block_new(&h, kib << 10);
        assert_non_null(b);
        memset(b->data, 1, b->capacity);
        assert_true(resident(b, sizeof *b + ((size_t)2 << 20) + b->capacity) <= kib + 32);
        tg_block_free(&h, b);
    }
    tg_block_free(&h, NULL);
    assert_null(tg_block_new(&h, SIZE_MAX));
    assert_int_equal(h.reserved, 0);
#endif
}

static void pool_out_of_memory(void **state)
{
    (void)state;
    watch   w = {0};
    tg_heap h = watched(&w);
    tg_pool p;
    tg_pool_init(&p, &h);
    tg_pool_put(&p, tg_pool_get(&p, 5000));
    tg_block *used = tg_pool_get(&p, 7000);
    w.fail_from    = w.calls;
    w.fail_to      = w.calls + 1;
    tg_block *b    = tg_pool_get(&p, 9000); /* refused once: the pool gives back what it has and asks again */
    assert_non_null(b);
    assert_int_equal(w.blocks, 2);
    w.fail_from = w.calls;
    w.fail_to   = INT64_MAX;
    assert_null(tg_pool_get(&p, 11000));
    tg_pool_put(&p, used);
    tg_pool_put(&p, b);
    assert_ptr_equal(tg_pool_get(&p, 9001), b); /* needs no memory */
    tg_pool_put(&p, b);
    assert_same(&h, &w);
    tg_pool_free(&p);
    assert_int_equal(w.blocks, 0);
}

/* ---- poison -------------------------------------------------------------------------------------------------------
 */

static void poison(void **state)
{
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    tg_heap h;
    tg_heap_init(&h, NULL);
    tg_pool p;
    tg_pool_init(&p, &h);
    tg_block *b    = tg_pool_get(&p, 2000);
    char     *data = b->data;
    assert_false(__asan_address_is_poisoned(data + 1999));
    assert_true(__asan_address_is_poisoned(data + 2000)); /* behind what was asked for */
    tg_pool_put(&p, b);
    assert_true(__asan_address_is_poisoned(data));
    assert_ptr_equal(tg_pool_get(&p, 2010), b);
    assert_false(__asan_address_is_poisoned(data + 2009));
    tg_pool_put(&p, b);
    tg_pool_free(&p);

    tg_arena a;
    tg_arena_init(&a, &h);
    data = tg_arena_alloc(&a, 24, 8);
    assert_false(__asan_address_is_poisoned(data + 23));
    assert_true(__asan_address_is_poisoned(data + 24));
    const tg_arena_mark mark = tg_arena_position(&a);
    char               *next = tg_arena_alloc(&a, 24, 8);
    tg_arena_seek(&a, mark);
    assert_false(__asan_address_is_poisoned(next)); /* a seek poisons nothing, a reset everything */
    tg_arena_reset(&a);
    assert_true(__asan_address_is_poisoned(data));
    assert_true(__asan_address_is_poisoned(next));
    assert_ptr_equal(tg_arena_alloc(&a, 24, 8), data);
    assert_false(__asan_address_is_poisoned(data + 23));
    assert_true(__asan_address_is_poisoned(next));
    tg_arena_free(&a);
    assert_int_equal(h.reserved, 0);
#else
    skip();
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heap),
        cmocka_unit_test(heap_of_the_c_library),
        cmocka_unit_test(heap_moves_pages),
        cmocka_unit_test(arena),
        cmocka_unit_test(arena_large_pieces),
        cmocka_unit_test(arena_seek),
        cmocka_unit_test(arena_out_of_memory),
        cmocka_unit_test(pool_capacities),
        cmocka_unit_test(pool_reuses),
        cmocka_unit_test(blocks_waste_nothing),
        cmocka_unit_test(pool_out_of_memory),
        cmocka_unit_test(poison),
    };
    return cmocka_run_group_tests_name("mem", tests, NULL, NULL);
}
