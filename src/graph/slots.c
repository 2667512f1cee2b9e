/* slots.c - the memory that nodes lie in: chunks of slots, those of a recording and those of kept tensors, which come and go one by one. */
#include "graph/frozen.h"
#include "graph/rows.h"

#include <stdio.h>

/* What stands in front of a chunk's nodes. Nodes are written when they are handed out; after the last one stands a fence, a node without an
 * op, at which recording finds that it has to go on in the next chunk. */
typedef struct tg_chunk {
    struct tg_chunk *next; /* of the retired ones */
    void            *raw;  /* as the allocator gave it */
    size_t           bytes;
} tg_chunk;

static tg_chunk *head_of(tg_node *first) { return (tg_chunk *)(void *)first - 1; }

bool tg_add_chunk(tg_tape *t, tg_slots *s)
{
    const size_t nodes = ((size_t)TG_SLOTS << s->n) * TG_NODE_SIZE, bytes = nodes + 2 * TG_NODE_SIZE + sizeof(tg_chunk);
    if (!TG_GROW(t, s->chunk, s->cap, s->n + 1)) return false;
    char *raw = tg_heap_alloc(&t->services.heap, bytes);
    if (!raw) {
        tg_out_of_memory(t, "tapegrad");
        return false;
    }
    const uintptr_t first = ((uintptr_t)raw + sizeof(tg_chunk) + TG_NODE_SIZE - 1) & ~(uintptr_t)(TG_NODE_SIZE - 1);
    if (((uint64_t)first + nodes + TG_NODE_SIZE - 1) >> TG_ADDRESS_BITS) {
        tg_heap_free(&t->services.heap, raw, bytes);
        tg_fail_on(t, TG_ERR_MEMORY, "tapegrad", "the allocator gave an address of more than %d bits", TG_ADDRESS_BITS);
        return false;
    }
    tg_node *node = (tg_node *)first;
    *head_of(node) = (tg_chunk){.raw = raw, .bytes = bytes};
    node[(size_t)TG_SLOTS << s->n].op = NULL;
    s->chunk[s->n++] = node;
    return true;
}

void tg_move_to(tg_tape *t, uint32_t count)
{
    t->count = count;
    t->here = count < tg_slots_room(&t->slots) ? tg_slot(t, count) : NULL;
}

void tg_free_slots(tg_tape *t, tg_slots *s)
{
    for (size_t k = 0; k < s->n; k++) {
        const tg_chunk c = *head_of(s->chunk[k]);
        tg_heap_free(&t->services.heap, c.raw, c.bytes);
    }
    tg_heap_free(&t->services.heap, s->chunk, s->cap * sizeof *s->chunk);
    *s = (tg_slots){0};
}

static void free_retired(tg_tape *t)
{
    while (t->retired) {
        const tg_chunk c = *t->retired;
        t->retired = c.next;
        tg_heap_free(&t->services.heap, c.raw, c.bytes);
    }
}

/* Handles to the old slots may be in anybody's hands, so their memory stays, and says that they are stale, until the tape's end. That is
 * 64 KiB, or what the longest recording took, every 2^23 resets or more. */
void tg_retire_slots(tg_tape *t)
{
    for (size_t k = 0; k < t->slots.n; k++) {
        tg_chunk *c = head_of(t->slots.chunk[k]);
        c->next = t->retired;
        t->retired = c;
    }
    t->slots.n = 0;
    t->valid = 0;
    tg_move_to(t, 0);
}

/* ---- kept nodes --------------------------------------------------------------------------------------------------- */

/* A node for kept use, its tg_kept included: one released before this recording, or a new one. Nodes of this recording may name those
 * released in it, so these wait for tg_reset: a graph never finds another tensor where one of its own was. */
static tg_node *kept_slot(tg_tape *t)
{
    tg_node *n = t->kept_free;
    if (n) {
        t->kept_free = n->w.kept->next_free;
        return n;
    }
    if (t->kept_used >= tg_slots_room(&t->kept) && !tg_add_chunk(t, &t->kept)) return NULL;
    tg_kept *k = tg_tape_alloc(t, sizeof *k);
    if (!k) return NULL;
    n = tg_slot_at(&t->kept, t->kept_used);
    t->kept_used++;
    *n = (tg_node){.op = &tg_op_leaf, .tape = t, .gen = 1, .id = TG_KEPT_ID, .w.kept = k};
    return n;
}

void tg_mark_written(tg_node *n)
{
    tg_tape *t = n->tape;
    n->w.kept->write_gen = t->gen;
    n->w.kept->write_id = t->count;
    if (n->flags & TG_N_READ) t->written = t->count; /* no rule reads the others, which most gradients are */
}

static void forget_name(tg_tape *t, tg_kept *k)
{
    if (k->name) tg_tape_free_bytes(t, k->name, strlen(k->name) + 1);
    k->name = NULL;
}

tg_node *tg_new_kept(tg_tape *t, tg_dtype dtype, const tg_shape *shape) { return tg_new_kept_on(t, dtype, shape, NULL); }

tg_node *tg_new_kept_on(tg_tape *t, tg_dtype dtype, const tg_shape *shape, const void *frozen)
{
    size_t bytes = 0;
    if (tg_shape_size(shape, dtype, NULL, &bytes) != TG_OK) return NULL;
    tg_node *n = kept_slot(t);
    if (!n) return NULL;
    tg_kept  *k = n->w.kept;
    tg_block *block = frozen ? NULL : tg_pool_get(&t->services.pool, bytes);
    if (!block && !frozen) {
        tg_out_of_memory(t, "tapegrad");
        k->next_free = t->kept_free;
        t->kept_free = n;
        return NULL;
    }
    /* a recording that used the slot's last tenant must not be confirmed with this one */
    if (n->shape && (n->dtype != (uint8_t)dtype || !tg_shape_equal(&k->shape, shape))) {
        t->forget = true;
        t->valid = t->valid < t->count ? t->valid : t->count;
    }
    forget_name(t, k);
    *k = (tg_kept){.shape = {.rank = shape->rank}, .block = block, .write_gen = t->gen, .write_id = t->count,
                  .born_gen = t->gen, .born_id = t->count, .frozen = frozen != NULL};
    for (int i = 0; i < shape->rank; i++) k->shape.dim[i] = shape->dim[i];
    n->shape = &k->shape;
    n->dtype = (uint8_t)dtype;
    n->flags = TG_N_KEPT | (n->flags & TG_N_READ);
    n->traits = TG_HOST << TG_PLACE_SHIFT;
    n->memory = frozen ? (void *)(uintptr_t)frozen : block->data;
    n->grad = NULL;
    return n;
}

/* Lets others have the slot. One whose tags are used up is nobody's for good. */
static void free_slot(tg_node *n)
{
    tg_tape *t = n->tape;
    n->w.kept->next_free = NULL;
    if (!(n->gen & TG_TAG_MASK)) return;
    n->w.kept->next_free = t->kept_free;
    t->kept_free = n;
}

void tg_drop_kept(tg_node *n)
{
    tg_tape *t = n->tape;
    tg_kept *k = n->w.kept;
    if (n->flags & (TG_N_PARAM | TG_N_BUFFER)) tg_named_drop(tg_list_of(n), n);
    if (n->grad && (n->grad->flags & TG_N_KEPT)) tg_drop_kept(n->grad);
    tg_pool_put(&t->services.pool, k->block);
    k->block = NULL;
    tg_free_rows(t, k);
    tg_mark_written(n); /* views of it lose their value, too */
    n->flags &= TG_N_READ;
    n->memory = NULL;
    n->grad = NULL;
    n->gen++;
    if (k->born_gen == t->gen && k->born_id == t->count) { /* no node was recorded since, so none names it */
        free_slot(n);
        return;
    }
    k->next_free = t->kept_gone;
    t->kept_gone = n;
}

/* Nothing names what was released any more. */
void tg_free_dropped(tg_tape *t)
{
    while (t->kept_gone) {
        tg_node *n = t->kept_gone;
        t->kept_gone = n->w.kept->next_free;
        free_slot(n);
    }
}

void tg_free_kept(tg_tape *t)
{
    for (uint32_t i = 0; i < t->kept_used; i++) {
        tg_node *n = tg_slot_at(&t->kept, i);
        if (n->flags & TG_N_KEPT) tg_drop_kept(n);
        forget_name(t, n->w.kept);
        tg_heap_free(&t->services.heap, n->w.kept, sizeof *n->w.kept);
    }
    tg_free_slots(t, &t->kept);
    tg_free_slots(t, &t->slots);
    free_retired(t);
}

const char *tg_kept_text(const tg_node *n, char text[TG_KEPT_TEXT])
{
    const char *name = n->w.kept->name;
    if (name) snprintf(text, TG_KEPT_TEXT, "%s '%s'", n->flags & TG_N_BUFFER ? "buffer" : "parameter", name);
    else snprintf(text, TG_KEPT_TEXT, "%s", n->flags & TG_N_GRADIENT ? "a gradient" : "a kept tensor");
    return text;
}
