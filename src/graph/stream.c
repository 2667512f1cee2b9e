/* stream.c - the stream of random numbers: where it is, of which seed, and since when. */
#include "graph/stateful.h"

tg_stream_place tg_stream_at(const tg_tape *t) { return (tg_stream_place){t->seeds[t->n_seeds - 1].seed, t->counter}; }

tg_status tg_set_stream(tg_tape *t, tg_stream_place place)
{
    if (t->seeds[t->n_seeds - 1].from != t->count) {
        if (!TG_GROW(t, t->seeds, t->cap_seeds, t->n_seeds + 1)) return TG_ERR_MEMORY;
        t->seeds[t->n_seeds++].from = t->count;
    }
    t->seeds[t->n_seeds - 1].seed = place.seed;
    t->counter = place.counter;
    return TG_OK;
}

tg_status tg_move_stream(tg_tape *t, tg_stream_place place)
{
    if (tg_stream_at(t).seed != place.seed) return tg_set_stream(t, place);
    t->counter = place.counter;
    return TG_OK;
}

tg_status tg_seed(tg_tape *t, uint64_t seed)
{
    if (!t) return TG_ERR_NULL;
    return tg_may(t, TG_IN_FUNCTION, "tg_seed") ? tg_set_stream(t, (tg_stream_place){.seed = seed}) : TG_ERR_ARG;
}

uint64_t tg_seed_of(const tg_node *n)
{
    const tg_tape *t = n->tape;
    size_t         i = t->n_seeds - 1;
    while (t->seeds[i].from > n->id) i--;
    return t->seeds[i].seed;
}
