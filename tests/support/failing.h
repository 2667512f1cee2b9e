/* failing.h - an allocator that refuses on demand and counts what is held, for tests of single calls that run out of memory. (test_memory.c
 * and those beside it fail every allocation of a whole scenario, by every_allocation.h.) After cmocka.h. */
#ifndef FAILING_H
#define FAILING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <tapegrad.h>

typedef struct failing {
    int64_t left;   /* requests that are still granted; negative: all of them */
    bool    once;   /* only the next one is refused then, and not those behind it */
    int     failed; /* requests refused so far */
    size_t  held;   /* bytes */
} failing;

/* Requests above a GiB are refused whatever is left: under sanitizers, too, which would end the program. */
static inline void *fail_to_resize(void *ctx, void *p, size_t old_size, size_t size)
{
    failing *f = ctx;
    if (size == 0) {
        f->held -= old_size;
        free(p);
        return NULL;
    }
    if (f->left == 0 || size > (size_t)1 << 30) {
        f->failed++;
        if (f->once) f->left = -1;
        return NULL;
    }
    if (f->left > 0) f->left--;
    void *q = realloc(p, size);
    if (q) f->held = f->held - old_size + size;
    return q;
}

static inline tg_tape *failing_tape(failing *f, tg_dtype dtype)
{
    return tg_tape_new(&(tg_tape_options){.dtype = dtype, .silent = true, .allocator = {fail_to_resize, f}});
}

#endif
