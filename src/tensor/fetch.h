/* fetch.h - asking memory ahead for rows that lie anywhere, of which the processor cannot know by itself which comes next. */
#ifndef TG_FETCH_H
#define TG_FETCH_H

#include "tensor/mem.h"

static inline void tg_fetch(const void *p, size_t bytes)
{
    for (size_t k = 0; k < bytes; k += TG_ALIGN) __builtin_prefetch((const char *)p + k);
}

/* How many rows of so many bytes make a batch: some tens of cache lines, which is what memory answers side by side. 0: rows so long come in
 * streams of their own, which the processor follows by itself. */
static inline size_t tg_rows_in_batch(size_t bytes)
{
    enum { LINES = 32, LEAST = 8, LONGEST = 4096 };
    const size_t lines = (bytes + TG_ALIGN - 1) / TG_ALIGN;
    if (!lines || bytes > LONGEST) return 0;
    return lines * LEAST < LINES ? LINES / lines : LEAST;
}

/* The row up to which to ask now, when it is the turn of `row` of `end` rows and those below `fetched` were asked for. It is a batch at a time,
 * while the one before is worked on, and not a row with each row: rows of a large table lie in pages of their own, and the processor looks up as
 * many of these side by side as it finds among the next few hundred instructions. */
static inline size_t tg_fetch_until(size_t row, size_t fetched, size_t end, size_t batch)
{
    if (!batch || row + batch < fetched) return fetched;
    return row + 2 * batch < end ? row + 2 * batch : end;
}

#endif
