/* tile_registers.c - places for a group's tile registers: those whose uses don't overlap share one. */
#include "plan/emit.h"

enum { MOST_FREE = 256, ROOM = 64 /* behind each: machine code writes whole vectors */ };

/* What is free for reuse, by size. */
typedef struct pieces {
    uint32_t used;
    int      n;
    struct {
        uint32_t offset, bytes;
    } free[MOST_FREE];
} pieces;

/* Single elements of groups that are nothing but such share a cache line: long programs of them stay in the caches. */
static uint32_t room_for(const emitter *e, uint32_t bytes)
{
    if (e->g->n == 1 && bytes <= 8) return 8;
    return ((bytes + TG_ALIGN - 1) & ~(uint32_t)(TG_ALIGN - 1)) + ROOM;
}

static void take(const emitter *e, pieces *s, tile_register *r)
{
    const uint32_t bytes = room_for(e, r->bytes);
    for (int i = s->n; i-- > 0;) {
        if (s->free[i].bytes != bytes) continue;
        r->offset = s->free[i].offset;
        s->free[i] = s->free[--s->n];
        return;
    }
    r->offset = s->used;
    s->used += bytes;
}

static void give(const emitter *e, pieces *s, const tile_register *r)
{
    if (s->n == MOST_FREE) return;
    s->free[s->n].offset = r->offset;
    s->free[s->n++].bytes = room_for(e, r->bytes);
}

/* Those that hold all through the group first, then the others by instructions: places are taken at the first use and given back after
 * the last. */
static bool place_all(emitter *e, pieces *s)
{
    tile_register *r = e->p->registers;
    const size_t   n = e->n_registers, n_instructions = (size_t)e->g->n_instructions;
    int32_t       *begins = tg_arena_alloc(&e->t->services.values, 2 * (n + n_instructions + 1) * sizeof *begins, 8);
    if (!begins) return false;
    int32_t *ends = begins + n_instructions, *next_begin = ends + n_instructions, *next_end = next_begin + n;
    memset(begins, -1, 2 * n_instructions * sizeof *begins);
    for (size_t i = n; i-- > 0;) {
        if (r[i].first < 0) continue;
        if (r[i].last == INT32_MAX) {
            take(e, s, &r[i]);
            continue;
        }
        next_begin[i] = begins[r[i].first];
        begins[r[i].first] = (int32_t)i;
        next_end[i] = ends[r[i].last];
        ends[r[i].last] = (int32_t)i;
    }
    for (size_t c = 0; c < n_instructions; c++) {
        for (int32_t i = begins[c]; i >= 0; i = next_begin[i]) take(e, s, &r[i]);
        for (int32_t i = ends[c]; i >= 0; i = next_end[i]) give(e, s, &r[i]);
    }
    return true;
}

/* Where part i of the group ends, counted from the group's first instruction. */
static int32_t end_of_part(const emitter *e, int32_t i)
{
    const sweep *s = &e->p->sweeps[e->g->sweeps + i / 2];
    return (i % 2 ? s->end : s->body) - e->g->instructions;
}

/* Where in the group's instructions the part begins, or ends, that has this one. */
static void find_part(const emitter *e, int32_t at, int32_t *begin, int32_t *end)
{
    int32_t low = 0, high = 2 * e->g->n_sweeps - 1; /* the part is among these */
    while (low < high) {
        const int32_t middle = low + (high - low) / 2;
        if (at < end_of_part(e, middle)) high = middle;
        else low = middle + 1;
    }
    *begin = low ? end_of_part(e, low - 1) : 0;
    *end = end_of_part(e, low);
}

/* The instructions of a part run many times before the next part's: what one leaves to another lives as long as both. */
static void live_for_parts(const emitter *e, tile_register *r)
{
    int32_t begin, end;
    if (r->first < 0 || r->last == INT32_MAX) return;
    find_part(e, r->first, &begin, &end);
    if (r->last < end) return;
    r->first = begin;
    find_part(e, r->last, &begin, &end);
    r->last = end - 1;
}

static void place_operand(const emitter *e, operand *o)
{
    if (o->value == IN_REGISTER) o->offset = e->p->registers[o->offset].offset;
}

void tg_place_registers(emitter *e, size_t first_use)
{
    program *p = e->p;
    pieces   s; /* but for the list itself, which is long */
    s.used = 0;
    s.n = 0;
    for (size_t i = 0; e->g->n_sweeps && i < e->n_registers; i++) live_for_parts(e, &p->registers[i]);
    if (!place_all(e, &s)) {
        e->status = tg_out_of_memory(e->t, "tapegrad");
        return;
    }
    for (size_t c = (size_t)e->g->instructions; c < p->n_instructions; c++) {
        place_operand(e, &p->locations[c].out);
        for (int k = 0; k < p->instructions[c].n_in; k++) place_operand(e, &p->locations[c].in[k]);
    }
    for (size_t i = e->first_pointer; i < p->n_pointers; i++) place_operand(e, &p->pointers[i]);
    for (int32_t i = 0; i < e->g->n_fills; i++) {
        fill *f = &p->fills[e->g->fills + i];
        f->offset = e->p->registers[f->offset].offset;
    }
    for (size_t i = first_use; i < p->register_uses.n; i += sizeof(size_t)) { /* 4 bytes of machine code */
        size_t   at;
        uint32_t number;
        memcpy(&at, p->register_uses.data + i, sizeof at);
        memcpy(&number, p->machine.data + at, sizeof number);
        memcpy(p->machine.data + at, &e->p->registers[number].offset, sizeof number);
    }
    const uint32_t bytes = (s.used + TG_ALIGN - 1) & ~(uint32_t)(TG_ALIGN - 1); /* each thread's begin at a line */
    if (bytes > p->tile_bytes) p->tile_bytes = bytes;
}
