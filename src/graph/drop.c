/* drop.c - values of a piece of the recording go before its end: a function that is called hundreds of times between two resets would else
 * hold the memory of all its calls. */
#include "graph/drop.h"

/* Does the value of a node from before the mark lie in the block? It may have been computed after it. */
static bool holds_older(const tg_tape *t, tg_mark m, const tg_block *b)
{
    const uintptr_t from = (uintptr_t)b->data;
    for (uint32_t id = 0; id < m.count; id++) {
        const tg_node *n = tg_slot(t, id);
        if (n->flags & (TG_N_VALUE | TG_N_PLACED) && (uintptr_t)n->memory - from < b->capacity) return true;
    }
    return false;
}

static void drop_blocks(tg_tape *t, tg_mark m)
{
    for (tg_block **link = &t->services.blocks; *link != m.blocks;) {
        tg_block *b = *link;
        if (holds_older(t, m, b)) {
            link = &b->next;
            continue;
        }
        *link = b->next;
        tg_pool_put(&t->services.pool, b);
    }
}

static void drop_wishes(tg_tape *t, tg_mark m)
{
    size_t left = 0;
    for (size_t i = 0; i < t->n_wanted; i++) {
        tg_node *n = t->wanted[i];
        if (n->id == TG_KEPT_ID || n->id < m.count) t->wanted[left++] = n;
    }
    t->n_wanted = left;
}

void tg_drop_since(tg_tape *t, tg_mark m)
{
    drop_wishes(t, m);
    for (uint32_t id = m.count; id < t->count; id++) {
        tg_node *n = tg_slot(t, id);
        n->gen = 0; /* of no recording */
        n->flags &= (uint16_t)~(TG_N_VALUE | TG_N_PLACED | TG_N_BORROWED | TG_N_WANTED);
        n->memory = NULL;
        n->layout = NULL;
    }
    drop_blocks(t, m);
}
