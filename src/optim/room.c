/* room.c - the memory of what optimizers remember of each tensor. */
#include "optim/optim.h"

/* A tensor with as many bytes of states has a block of its own. Small ones that come to their first step together share one: a few large
 * pages are read faster than many small. */
enum { LARGE_ROOM = 4 << 20 };

/* Full of zeros. */
static tg_block *new_room(const tg_optim *o, size_t bytes, size_t users)
{
    tg_block *b = tg_block_new(&o->tape->services.heap, bytes);
    if (!b) {
        tg_out_of_memory(o->tape, o->rule->name);
        return NULL;
    }
    b->users = users;
    memset(b->data, 0, bytes);
    return b;
}

bool tg_optim_make_states(tg_optim *o, bool (*needs)(const tg_optim_tensor *w))
{
    size_t shared = 0, users = 0;
    for (size_t i = 0; o->row->n_states && i < o->n_tensors; i++) {
        tg_optim_tensor *w = &o->tensors[i];
        if (w->states || !needs(w)) continue;
        const size_t bytes = o->row->n_states * w->u.stride;
        if (bytes < LARGE_ROOM) {
            shared += bytes;
            users++;
        } else {
            if (!(w->room = new_room(o, bytes, 1))) return false;
            w->states = w->room->data;
        }
    }
    if (!users) return true;
    tg_block *room = new_room(o, shared, users);
    char     *at = room ? room->data : NULL;
    for (size_t i = 0; room && i < o->n_tensors; i++) {
        tg_optim_tensor *w = &o->tensors[i];
        if (w->states || !needs(w)) continue;
        w->room = room;
        w->states = at;
        at += o->row->n_states * w->u.stride;
    }
    return room != NULL;
}

void tg_optim_drop_states(const tg_optim *o, tg_optim_tensor *w)
{
    if (w->room && --w->room->users == 0) tg_block_free(&o->tape->services.heap, w->room);
    w->room = NULL;
    w->states = NULL;
}
