/* drop.h - values that go before tg_reset does: those of a piece of the recording that nobody needs any more. */
#ifndef TG_DROP_H
#define TG_DROP_H

#include "graph/graph.h"

/* A place in a recording. */
typedef struct tg_mark {
    uint32_t  count;  /* nodes recorded before it */
    tg_block *blocks; /* large values that there were */
} tg_mark;

static inline tg_mark tg_mark_here(const tg_tape *t) { return (tg_mark){t->count, t->services.blocks}; }

/* Gives the memory of large values back that came after the mark, for the next ones. The tensors recorded since are gone: their handles are
 * stale, as after tg_reset. Their slots stay taken until then, so no other tensor is ever found behind such a handle. What was recorded
 * before the mark keeps its value, also one that was computed later. */
void tg_drop_since(tg_tape *t, tg_mark m);

#endif
