/* drawn.h - which random numbers of a recording are the same. A function that is recorded once more for the gradient (tg_recompute) draws what it drew the
 * first time, and so does what is recorded of it for a batch. */
#ifndef TG_DRAWN_H
#define TG_DRAWN_H

#include "graph/stateful.h"

typedef struct tg_draw {
    const tg_node  *node;
    tg_stream_place place; /* where in the stream it drew */
    tg_stream_place now;   /* where it was recorded to draw for the batch, by the first of those that drew the same */
    bool            known; /* that is known */
} tg_draw;

typedef struct tg_drawn {
    tg_draw *at; /* [n] sorted: those that drew the same lie side by side, in tape order */
    size_t   n;
} tg_drawn;

/* All that draw random numbers among the nodes below `to`; none, where none does from node `from` on. Room of the recording. */
tg_status tg_find_drawn(tg_tape *t, uint32_t from, uint32_t to, tg_drawn *d);

/* The first of those that draw what n draws, or n itself; NULL: n draws nothing, or is not among them. */
tg_draw *tg_first_drawn(const tg_drawn *d, const tg_node *n);

#endif
