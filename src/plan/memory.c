/* memory.c - where each stored value lies in the program's memory. A value is born with the first step that writes it and dies with
 * the last that reads it; what is free in between goes to others, also within a step: a result is written over an
 * operand that dies in it where element follows element. */
#include "plan/program.h"

/* ---- free memory -------------------------------------------------------------------------------------------------- */

/* What is free of the program's memory, no two pieces touching: in a treap by place, to join neighbours, and in one by size, to find the
 * smallest that is large enough. */
typedef enum order { BY_PLACE, BY_SIZE, ORDERS } order;

typedef struct span {
    size_t  from, bytes;
    int32_t child[ORDERS][2]; /* those before it, those behind it; -1: none */
} span;

typedef struct memory {
    size_t  used;
    span   *spans;
    int32_t n_spans; /* ever used */
    int32_t unused;  /* of these, a list through child[0][0]; -1: the end */
    int32_t root[ORDERS];
} memory;

static size_t round_up(size_t bytes) { return (bytes + TG_ALIGN - 1) & ~(size_t)(TG_ALIGN - 1); }

static bool is_before(const span *a, const span *b, order by)
{
    return by == BY_SIZE && a->bytes != b->bytes ? a->bytes < b->bytes : a->from < b->from;
}

/* A span stands above those of lower rank, whichever came first: that keeps the trees flat. */
static uint32_t rank_of(int32_t i) { return (uint32_t)i * 0x9e3779b1u ^ (uint32_t)i * 0x85ebca6bu >> 16; }

static void insert(memory *m, int32_t i, order by)
{
    span    *s = &m->spans[i];
    int32_t *link = &m->root[by], below, *less = &s->child[by][0], *more = &s->child[by][1];
    while (*link >= 0 && rank_of(*link) > rank_of(i)) link = &m->spans[*link].child[by][is_before(&m->spans[*link], s, by)];
    below = *link;
    *link = i;
    while (below >= 0) { /* what was there goes to both sides */
        const bool before = is_before(&m->spans[below], s, by);
        int32_t  **end = before ? &less : &more;
        **end = below;
        *end = &m->spans[below].child[by][before];
        below = **end;
    }
    *less = *more = -1;
}

static void take_out(memory *m, int32_t i, order by)
{
    int32_t *link = &m->root[by], less = m->spans[i].child[by][0], more = m->spans[i].child[by][1];
    while (*link != i) link = &m->spans[*link].child[by][is_before(&m->spans[*link], &m->spans[i], by)];
    while (less >= 0 && more >= 0) {
        const bool    side = rank_of(less) > rank_of(more);
        int32_t      *top = side ? &less : &more;
        *link = *top;
        link = &m->spans[*top].child[by][side];
        *top = *link;
    }
    *link = less >= 0 ? less : more;
}

static void add_span(memory *m, size_t from, size_t bytes)
{
    const int32_t i = m->unused >= 0 ? m->unused : m->n_spans++;
    if (i == m->unused) m->unused = m->spans[i].child[0][0];
    m->spans[i].from = from;
    m->spans[i].bytes = bytes;
    for (order by = BY_PLACE; by < ORDERS; by++) insert(m, i, by);
}

static void drop_span(memory *m, int32_t i)
{
    for (order by = BY_PLACE; by < ORDERS; by++) take_out(m, i, by);
    m->spans[i].child[0][0] = m->unused;
    m->unused = i;
}

/* A span that still lies between the same neighbours. */
static void change_span(memory *m, int32_t i, size_t from, size_t bytes)
{
    take_out(m, i, BY_SIZE);
    m->spans[i].from = from;
    m->spans[i].bytes = bytes;
    insert(m, i, BY_SIZE);
}

/* The first span that is not before this one; -1: all are. Sets *last to the last one that is. */
static int32_t first_from(const memory *m, const span *s, order by, int32_t *last)
{
    int32_t found = -1;
    *last = -1;
    for (int32_t i = m->root[by]; i >= 0;) {
        const bool before = is_before(&m->spans[i], s, by);
        *(before ? last : &found) = i;
        i = m->spans[i].child[by][before];
    }
    return found;
}

/* The smallest piece that is large enough; else the end, with what is free before it. */
static size_t take_memory(memory *m, size_t bytes)
{
    int32_t before;
    bytes = round_up(bytes ? bytes : 1);
    const int32_t best = first_from(m, &(span){.bytes = bytes}, BY_SIZE, &before);
    if (best < 0) {
        size_t from = m->used;
        first_from(m, &(span){.from = m->used}, BY_PLACE, &before);
        if (before >= 0 && m->spans[before].from + m->spans[before].bytes == m->used) {
            from = m->spans[before].from;
            drop_span(m, before);
        }
        m->used = from + bytes;
        return from;
    }
    const size_t from = m->spans[best].from, rest = m->spans[best].bytes - bytes;
    if (rest) change_span(m, best, from + bytes, rest);
    else drop_span(m, best);
    return from;
}

static void give_memory(memory *m, size_t from, size_t bytes)
{
    int32_t       before;
    const int32_t behind = first_from(m, &(span){.from = from}, BY_PLACE, &before);
    bytes = round_up(bytes ? bytes : 1);
    const bool joins_before = before >= 0 && m->spans[before].from + m->spans[before].bytes == from;
    const bool joins_behind = behind >= 0 && from + bytes == m->spans[behind].from;
    if (joins_before && joins_behind) {
        bytes += m->spans[behind].bytes;
        drop_span(m, behind);
    }
    if (joins_before) change_span(m, before, m->spans[before].from, m->spans[before].bytes + bytes);
    else if (joins_behind) change_span(m, behind, from, bytes + m->spans[behind].bytes);
    else add_span(m, from, bytes);
}

static size_t item_of(const value *v) { return tg_item_size((tg_dtype)v->dtype); }
static size_t bytes_of(const value *v) { return (size_t)v->numel * item_of(v); }
static int32_t death_of(const value *v) { return v->last_read < v->step ? v->step : v->last_read; }

/* ---- lives -------------------------------------------------------------------------------------------------------- */

/* Lists of values by the step in which they are born, and in which they die. */
typedef struct lives {
    int32_t *born, *dies, *next_born, *next_dies;
    uint8_t *spot; /* by value: where it stands in the list of those that die in a group, from 1 on; UNREAD; 0: it does not */
} lives;

enum { UNREAD = UINT8_MAX };

static bool list_lives(tg_tape *t, const program *p, lives *l)
{
    const size_t n = p->n_values, steps = p->n_steps;
    if (!(l->born = tg_arena_alloc(&t->services.values, (2 * steps + 2 * n + 1) * sizeof *l->born, 8))) return false;
    if (!(l->spot = tg_arena_alloc(&t->services.values, n + 1, 8))) return false;
    memset(l->spot, 0, n);
    l->dies = l->born + steps;
    l->next_born = l->dies + steps;
    l->next_dies = l->next_born + n;
    for (size_t s = 0; s < steps; s++) l->born[s] = l->dies[s] = -1;
    for (size_t i = 0; i < n; i++) {
        const value *v = &p->values[i];
        if (!tg_has_memory(v)) continue;
        l->next_born[i] = l->born[v->first_write];
        l->born[v->first_write] = (int32_t)i;
        if (v->root) continue;
        l->next_dies[i] = l->dies[death_of(v)];
        l->dies[death_of(v)] = (int32_t)i;
    }
    return true;
}

/* ---- results in the place of operands ----------------------------------------------------------------------------- */

enum { MOST_DYING = 16 };

/* The values that die in a group, whose memory its results may take over: those read tile by tile, each element where it lies. */
typedef struct dying_value {
    int64_t numel;
    size_t  item;
    int32_t value, last; /* the last instruction that reads it */
    bool    aligned, taken;
} dying_value;

typedef struct dying {
    int         n;
    dying_value list[MOST_DYING];
} dying;

static bool is_aligned(const operand *o) { return o->offset == 0 && o->extent == AT_FULL; }

static void note_reading(const program *p, const lives *l, dying *d, int32_t x, int32_t at, bool aligned)
{
    uint8_t *spot = &l->spot[x];
    if (*spot == UNREAD) {
        if (d->n == MOST_DYING) return;
        const value *v = &p->values[x];
        d->list[d->n++] = (dying_value){.value = x, .numel = v->numel, .item = item_of(v), .aligned = true};
        *spot = (uint8_t)d->n;
    }
    dying_value *of = &d->list[*spot - 1];
    of->last = at;
    of->aligned = of->aligned && aligned;
}

/* What dies in the group's step, but for what is born in it as well: of it, those that the group reads. */
static void find_dying(const program *p, const lives *l, const group *g, dying *d)
{
    const int32_t first = l->dies[g->step];
    d->n = 0;
    for (int32_t i = first; i >= 0; i = l->next_dies[i])
        if (p->values[i].first_write < g->step) l->spot[i] = UNREAD;
    for (int32_t i = g->instructions; i < g->instructions + g->n_instructions; i++)
        for (int k = 0; k < p->instructions[i].n_in; k++) {
            const operand *o = &p->locations[i].in[k];
            if (o->value >= 0 && l->spot[o->value]) note_reading(p, l, d, o->value, i, is_aligned(o));
        }
    for (int32_t i = 0; i < g->n_fills; i++) {
        const uint8_t spot = l->spot[p->fills[g->fills + i].value];
        if (spot && spot != UNREAD) d->list[spot - 1].aligned = false;
    }
    for (int32_t i = first; i >= 0; i = l->next_dies[i]) l->spot[i] = 0;
}

/* Of the dying values with as many bytes that no instruction behind this one reads, the one that is read last. */
static int32_t take_over(const program *p, dying *d, int32_t at, const value *v)
{
    const size_t item = item_of(v);
    dying_value *best = NULL;
    for (dying_value *x = d->list; x < d->list + d->n; x++) {
        if (x->taken || !x->aligned || x->last > at || x->item != item || x->numel != v->numel) continue;
        if (p->instructions[at].kind != K_LOOP && x->last == at) continue; /* loops may write where they read, memcpy may not */
        if (!best || x->last > best->last) best = x;
    }
    if (!best) return -1;
    best->taken = true;
    return best->value;
}

/* Tiles are cut from the iteration space, and whoever works on one touches only its elements: a result that is written where the last
 * instruction to read an operand has been, or behind it, may lie where the operand does. */
static void share_memory(program *p, const lives *l, const group *g)
{
    dying d;
    if (l->born[g->step] < 0 || l->dies[g->step] < 0) return;
    find_dying(p, l, g, &d);
    for (int32_t i = g->instructions; d.n && i < g->instructions + g->n_instructions; i++) {
        const operand *o = &p->locations[i].out;
        if (o->value < 0) continue;
        value *v = &p->values[o->value];
        if (!tg_has_memory(v) || v->first_write != g->step || v->takes_memory_of >= 0 || !is_aligned(o)) continue;
        v->takes_memory_of = take_over(p, &d, i, v);
        if (v->takes_memory_of >= 0) p->values[v->takes_memory_of].memory_taken = true;
    }
}

/* ---- memory for each step ---------------------------------------------------------------------------------------- */

size_t tg_place_partials(program *p, group *g)
{
    size_t at = g->partials;
    for (int32_t k = 0; k < g->n_totals; k++) {
        total        *l = &p->totals[g->totals + k];
        const size_t n = (size_t)l->room * (size_t)g->chunks;
        l->partial = at;
        at += round_up(n * l->reduce->accumulator);
        l->staging = at;
        if (l->staged) at += round_up(n * sizeof(float));
    }
    return at - g->partials;
}

/* The chunks' partial results last as long as the step. */
static void place_step_partials(program *p, const step *st, memory *m)
{
    if (st->group < 0) return;
    group *g = &p->groups[st->group];
    g->partials = 0;
    const size_t bytes = tg_place_partials(p, g);
    if (!bytes) return;
    g->partials = take_memory(m, bytes);
    tg_place_partials(p, g);
    give_memory(m, g->partials, bytes);
}

static void place_step(program *p, const lives *l, size_t s, memory *m)
{
    for (int32_t i = l->born[s]; i >= 0; i = l->next_born[i]) {
        value *v = &p->values[i];
        v->offset = v->takes_memory_of >= 0 ? p->values[v->takes_memory_of].offset : take_memory(m, bytes_of(v));
    }
    place_step_partials(p, &p->steps[s], m);
    for (int32_t i = l->dies[s]; i >= 0; i = l->next_dies[i])
        if (!p->values[i].memory_taken) give_memory(m, p->values[i].offset, bytes_of(&p->values[i]));
}

/* Sums of sums: dest is always a later value. */
static void find_homes(program *p)
{
    for (size_t i = p->n_values; i-- > 0;) {
        value       *v = &p->values[i];
        const value *to = v->dest >= 0 ? &p->values[v->dest] : NULL;
        if (to) v->sum_memory = to->dest >= 0 ? to->sum_memory : v->dest;
    }
}

tg_status tg_lay_out(tg_tape *t, program *p)
{
    /* at most as many free pieces as there are values, and the one behind a step's partial results */
    memory m = {.spans = tg_arena_alloc(&t->services.values, (p->n_values + 2) * sizeof *m.spans, 8), .unused = -1, .root = {-1, -1}};
    lives  l;
    if (!m.spans || !list_lives(t, p, &l)) return tg_out_of_memory(t, "tapegrad");
    for (size_t g = 0; g < p->n_groups; g++) share_memory(p, &l, &p->groups[g]);
    for (size_t i = 0; i < p->n_consts; i++) {
        p->values[p->consts[i]].offset = m.used;
        m.used += 8;
    }
    m.used = round_up(m.used);
    for (size_t s = 0; s < p->n_steps; s++) place_step(p, &l, s, &m);
    if (p->any_sums) find_homes(p);
    p->bytes = m.used;
    return TG_OK;
}
