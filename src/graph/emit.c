/* emit.c - from groups to instructions: tile shapes, registers, operands, and where each stored value lies in the program's memory. */
#include "program.h"

#include <stdlib.h>

#include "../kernels/kernels.h"

/* ---- tile registers ----------------------------------------------------------------------------------------------- */

enum { MOST_FREE = 256 };

/* Registers of a group while it is being emitted: those free for reuse, by size. */
typedef struct registers {
    uint32_t used;
    int      n_free;
    struct {
        uint32_t offset, bytes;
    } free[MOST_FREE];
} registers;

/* Single elements share a cache line, and long programs of them stay in the caches; everything else has lines of its own. */
static uint32_t register_align(uint32_t bytes) { return bytes <= 8 ? 8 : TG_ALIGN; }
static uint32_t round_to(uint32_t bytes, uint32_t align) { return (bytes + align - 1) & ~(align - 1); }

static uint32_t new_register(registers *r, uint32_t bytes)
{
    const uint32_t align = register_align(bytes), offset = round_to(r->used, align);
    r->used = offset + round_to(bytes, align);
    return offset;
}

static uint32_t take_register(registers *r, uint32_t bytes)
{
    bytes = round_to(bytes, register_align(bytes));
    for (int i = r->n_free; i-- > 0;) {
        if (r->free[i].bytes != bytes) continue;
        uint32_t offset = r->free[i].offset;
        r->free[i] = r->free[--r->n_free];
        return offset;
    }
    return new_register(r, bytes);
}

static void give_register(registers *r, uint32_t offset, uint32_t bytes)
{
    bytes = round_to(bytes, register_align(bytes));
    if (r->n_free < MOST_FREE) {
        r->free[r->n_free].offset = offset;
        r->free[r->n_free++].bytes = bytes;
    }
}

/* ---- one group under way ------------------------------------------------------------------------------------------ */

/* What is known of an instance while its group is emitted. */
typedef struct place {
    int32_t value;
    uint8_t cls;
    operand out;      /* where it is */
    bool    reg;      /* in a register of its own, … */
    bool    all;      /* late: over everything */
    int32_t expanded; /* offset of the register that holds the column spread over the tile; -1 */
    int32_t last;     /* instance that reads it last (its number in the group) */
} place;

typedef struct emitter {
    tg_tape  *t;
    program  *p;
    group    *g;
    int32_t   number;   /* the group's */
    place    *places;
    int32_t   n;
    registers regs;
    tg_status status;
} emitter;

static size_t item_of(const value *v) { return tg_dtype_size((tg_dtype)v->dtype); }
static uint32_t full_bytes(const emitter *e, size_t item)
{
    return (uint32_t)((size_t)(e->g->rows_per_tile * e->g->tile_cols) * item);
}
static uint32_t column_bytes(const emitter *e, size_t item) { return (uint32_t)((size_t)e->g->rows_per_tile * item); }
static int64_t cols_of(const group *g) { return g->cols ? g->cols : g->n; }

static place *place_of(const emitter *e, int32_t v)
{
    int32_t at = e->p->values[v].spot;
    return at >= 0 && at < e->n && e->places[at].value == v ? &e->places[at] : NULL;
}

static operand in_register(uint32_t offset) { return (operand){.value = -1, .offset = offset}; }

static operand in_memory(emitter *e, int32_t v, size_t byte_offset, int64_t a, int64_t b)
{
    value *base = &e->p->values[v];
    if (base->last < e->g->step) base->last = e->g->step;
    return (operand){.value = v, .offset = (uint32_t)byte_offset, .a = a, .b = b};
}

static code *add_code(emitter *e, code_kind kind, operand out, const operand *in, int n_in)
{
    program *p = e->p;
    if (e->status != TG_OK) return NULL;
    if (!TG_GROW(e->t, p->codes, p->cap_codes, p->n_codes + 1) || !TG_GROW(e->t, p->where, p->cap_where, p->n_codes + 1)) {
        e->status = TG_ERR_MEMORY;
        return NULL;
    }
    code_operands *where = &p->where[p->n_codes];
    where->out = out;
    for (int k = 0; k < n_in; k++) where->in[k] = in[k];
    p->codes[p->n_codes] = (code){.kind = (uint8_t)kind, .n_in = (uint8_t)n_in};
    return &p->codes[p->n_codes++];
}

/* A register holding a scalar or a row spread over the whole tile, filled once before the first tile. */
static operand filled(emitter *e, int32_t base, uint32_t from, tg_dtype dtype, bool row)
{
    program *p = e->p;
    in_memory(e, base, 0, 0, 0); /* notes the reading */
    for (int32_t i = 0; i < e->g->n_fills; i++) {
        const fill *f = &p->fills[e->g->fills + i];
        if (f->value == base && f->from == from && f->row == row) return in_register(f->offset);
    }
    if (!TG_GROW(e->t, p->fills, p->cap_fills, p->n_fills + 1)) {
        e->status = TG_ERR_MEMORY;
        return in_register(0);
    }
    const uint32_t offset = new_register(&e->regs, full_bytes(e, tg_dtype_size(dtype)));
    p->fills[p->n_fills++] = (fill){.value = base, .from = from, .offset = offset, .dtype = (uint8_t)dtype, .row = row};
    e->g->n_fills++;
    return in_register(offset);
}

/* Registers that last for one instruction are collected here. */
typedef struct temps {
    int n;
    struct {
        uint32_t offset, bytes;
    } reg[3];
} temps;

static operand temporary(emitter *e, temps *tmp, uint32_t bytes)
{
    uint32_t offset = take_register(&e->regs, bytes);
    tmp->reg[tmp->n].offset = offset;
    tmp->reg[tmp->n++].bytes = bytes;
    return in_register(offset);
}

static operand gathered(emitter *e, temps *tmp, const value *v, int32_t base, const tg_shape *shape)
{
    program *p = e->p;
    size_t   item = item_of(v);
    if (!TG_GROW(e->t, p->gathers, p->cap_gathers, p->n_gathers + 1)) {
        e->status = TG_ERR_MEMORY;
        return in_register(0);
    }
    tg_layout l;
    tg_broadcast_layout(p, v, shape, &l);
    gather *ga = &p->gathers[p->n_gathers];
    *ga = (gather){.offset = l.offset * (int64_t)item};
    for (int k = 0; k < shape->rank; k++) { /* axes that lie behind one another become one */
        int64_t stride = l.stride[k] * (int64_t)item;
        int     last = ga->shape.rank - 1;
        if (shape->dim[k] == 1) continue;
        if (last >= 0 && ga->stride[last] == stride * shape->dim[k]) {
            ga->shape.dim[last] *= shape->dim[k];
            ga->stride[last] = stride;
        } else {
            ga->shape.dim[++last] = shape->dim[k];
            ga->stride[last] = stride;
            ga->shape.rank++;
        }
    }
    operand reg = temporary(e, tmp, full_bytes(e, item));
    operand from = in_memory(e, base, 0, 0, 0);
    code   *c = add_code(e, K_GATHER, reg, &from, 1);
    if (!c) return reg;
    c->extra = (int32_t)p->n_gathers++;
    c->dtype = v->dtype;
    return reg;
}

static operand expanded(emitter *e, temps *tmp, tg_dtype dtype, operand from, place *cache)
{
    uint32_t bytes = full_bytes(e, tg_dtype_size(dtype));
    if (cache && cache->expanded >= 0) return in_register((uint32_t)cache->expanded);
    operand reg;
    if (cache) {
        reg = in_register(take_register(&e->regs, bytes));
        cache->expanded = (int32_t)reg.offset;
    } else {
        reg = temporary(e, tmp, bytes);
    }
    code *c = add_code(e, K_EXPAND, reg, &from, 1);
    if (c) c->dtype = (uint8_t)dtype;
    return reg;
}

/* Operand x of an instance of class cls over `shape`, wherever it is. */
static operand operand_for(emitter *e, temps *tmp, int32_t x, inst_class cls, const tg_shape *shape)
{
    program      *p = e->p;
    const value  *v = &p->values[x];
    const int32_t base = v->base;
    place        *pl = place_of(e, base);
    tg_dtype      dtype = (tg_dtype)v->dtype;
    const int64_t item = (int64_t)item_of(v), cols = cols_of(e->g);
    pattern       pt = tg_pattern(p, v, shape);
    int64_t       from = v->layout >= 0 ? p->layouts[v->layout].offset * item : 0;
    bool          whole = pt.kind == P_FULL && !from && p->values[base].numel == e->g->n; /* else a view of something computed again */
    if (pl && pl->cls == C_FULL && whole) return pl->out;
    if (pl && pl->cls == C_COLUMN) return cls == C_COLUMN ? pl->out : expanded(e, tmp, dtype, pl->out, pl);
    bool      near = from >= 0 && from <= UINT32_MAX;
    bool      whole_rows = e->g->tile_cols == cols;
    if (pt.kind == P_SCALAR && near) {
        if (e->g->n == 1) return in_memory(e, base, (size_t)from, 0, 0);
        return filled(e, base, (uint32_t)from, dtype, false);
    }
    if (pt.kind == P_FULL && near)
        return cls == C_COLUMN ? in_memory(e, base, (size_t)from, item, 0) : in_memory(e, base, (size_t)from, cols * item, item);
    if (cls == C_FULL && e->g->cols && pt.cols == e->g->cols && near) {
        if (pt.kind == P_ROW && e->g->rows_per_tile == 1) return in_memory(e, base, (size_t)from, 0, item);
        if (pt.kind == P_ROW && whole_rows) return filled(e, base, (uint32_t)from, dtype, true);
        if (pt.kind == P_COLUMN) return expanded(e, tmp, dtype, in_memory(e, base, (size_t)from, item, 0), NULL);
    }
    return gathered(e, tmp, v, base, shape);
}

/* ---- tiles -------------------------------------------------------------------------------------------------------- */

static bool has_columns(const emitter *e)
{
    for (int32_t i = 0; i < e->n; i++)
        if (e->places[i].cls == C_COLUMN) return true;
    return false;
}

static void choose_tiles(emitter *e)
{
    group  *g = e->g;
    int64_t cols = cols_of(g), rows = g->n / cols;
    bool    whole = g->cols && (cols <= TILE || (cols <= LONGEST_ROW && has_columns(e)));
    g->tile_cols = whole ? cols : cols < TILE ? cols : TILE;
    g->rows_per_tile = whole && cols < TILE ? TILE / cols : 1;
    if (g->rows_per_tile > rows) g->rows_per_tile = rows;
    int64_t blocks = (rows + g->rows_per_tile - 1) / g->rows_per_tile, segments = (cols + g->tile_cols - 1) / g->tile_cols;
    g->tiles = blocks * segments;
    int64_t units = segments > 1 && has_columns(e) ? blocks : g->tiles;
    g->chunks = g->n <= CHUNK_LEAST ? 1 : units < CHUNKS ? (int32_t)units : CHUNKS;
}

/* ---- instances ---------------------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    int32_t x = ((const place *)a)->value, y = ((const place *)b)->value;
    return (x > y) - (x < y);
}

/* The group's instances in order, and which instance reads each last. */
static bool list_instances(emitter *e)
{
    program *p = e->p;
    e->n = e->g->count;
    e->places = tg_arena_alloc(&e->t->values, (size_t)(e->n ? e->n : 1) * sizeof *e->places, 8);
    if (!e->places) {
        e->status = tg_out_of_memory(e->t, "tapegrad");
        return false;
    }
    int32_t n = 0;
    for (int32_t i = e->g->first; i >= 0; i = p->insts[i].next)
        e->places[n++] = (place){.value = p->insts[i].value, .cls = p->insts[i].cls, .all = p->insts[i].reduce_all, .expanded = -1,
                                 .last = -1};
    bool sorted = true;
    for (int32_t i = 0, j = n - 1; i < j; i++, j--) { /* newest first: mostly in reverse order */
        place swap = e->places[i];
        e->places[i] = e->places[j];
        e->places[j] = swap;
    }
    for (int32_t i = 1; i < n; i++) sorted = sorted && e->places[i - 1].value < e->places[i].value;
    if (!sorted) qsort(e->places, (size_t)n, sizeof *e->places, by_value);
    for (int32_t i = 0; i < n; i++) p->values[e->places[i].value].spot = i;
    for (int32_t i = 0; i < n; i++) {
        const value *v = &p->values[e->places[i].value];
        for (int32_t k = 0; k < v->n_in; k++) {
            place *r = place_of(e, p->values[p->operands[v->in + k]].base);
            if (r && r->cls != C_LATE) r->last = i;
        }
    }
    return true;
}

static void emit_late(emitter *e, const place *pl, const value *v, bool all, operand in, tg_dtype dtype)
{
    program *p = e->p;
    if (!TG_GROW(e->t, p->lates, p->cap_lates, p->n_lates + 1)) {
        e->status = TG_ERR_MEMORY;
        return;
    }
    code *c = add_code(e, all ? K_REDUCE_ALL : K_REDUCE_ROWS, in_register(0), &in, 1);
    if (!c) return;
    c->dtype = (uint8_t)dtype;
    c->reduce = (uint8_t)v->op->reduce;
    c->extra = (int32_t)p->n_lates;
    p->lates[p->n_lates++] = (late){.value = pl->value, .reduce = c->reduce, .all = all, .dtype = (uint8_t)dtype,
                                    .width = all ? 1 : cols_of(e->g)};
    e->g->n_late++;
}

static const tg_shape *space_shape(const program *p, const value *v)
{
    bool reduce = v->op && v->op->kind == TG_REDUCE;
    return reduce ? p->values[p->operands[v->in]].shape : v->shape;
}

static void emit_instance(emitter *e, int32_t at)
{
    program    *p = e->p;
    place      *pl = &e->places[at];
    value      *v = &p->values[pl->value];
    temps       tmp = {0};
    operand     in[3] = {{0}};
    const bool  reduce = v->op && v->op->kind == TG_REDUCE;
    inst_class  reads = reduce ? C_FULL : (inst_class)pl->cls;
    size_t      item = item_of(v);
    const tg_shape *shape = space_shape(p, v);
    bool        stream = false;
    const bool  own = v->inst >= 0 && p->steps[v->step].group == e->number; /* not a second computation */
    for (int32_t k = 0; k < v->n_in && k < 3; k++) in[k] = operand_for(e, &tmp, p->operands[v->in + k], reads, shape);
    v = &p->values[pl->value];
    tg_dtype in_dtype = (tg_dtype)p->values[p->operands[v->in + v->n_in - 1]].dtype;
    if (pl->cls == C_LATE) {
        emit_late(e, pl, v, pl->all, in[0], in_dtype);
    } else {
        uint32_t bytes = pl->cls == C_FULL ? full_bytes(e, item) : column_bytes(e, item);
        stream = v->stored && own && pl->cls == C_FULL && item >= 4 &&
                 v->numel * (int64_t)item >= (e->n < STREAM_WORK ? STREAM_LEAST : STREAM_BUSY);
        if (v->stored && own && !stream) {
            pl->out = pl->cls == C_FULL ? in_memory(e, pl->value, 0, cols_of(e->g) * (int64_t)item, (int64_t)item)
                                        : in_memory(e, pl->value, 0, (int64_t)item, 0);
        } else {
            pl->out = in_register(take_register(&e->regs, bytes));
            pl->reg = true;
        }
        code *c = add_code(e, reduce ? K_REDUCE_COLS : pl->cls == C_FULL ? K_LOOP : K_COLUMN, pl->out, in, v->n_in);
        if (c) {
            c->dtype = (uint8_t)in_dtype;
            if (reduce) c->reduce = (uint8_t)v->op->reduce;
            else if (v->op) c->loop = tg_fast_loop(v->op, in_dtype), c->attr = v->attr;
            else c->kind = K_COPY;
        }
        if (stream) {
            operand from = pl->out, to = in_memory(e, pl->value, 0, cols_of(e->g) * (int64_t)item, (int64_t)item);
            if ((c = add_code(e, K_STREAM, to, &from, 1))) c->dtype = v->dtype;
        }
    }
    for (int i = 0; i < tmp.n; i++) give_register(&e->regs, tmp.reg[i].offset, tmp.reg[i].bytes);
}

/* Registers whose last reader was instance `at` are free again. */
static void release_after(emitter *e, int32_t at)
{
    const value *v = &e->p->values[e->places[at].value];
    for (int32_t k = -1; k < v->n_in; k++) {
        place *r = k < 0 ? &e->places[at] : place_of(e, e->p->values[e->p->operands[v->in + k]].base);
        if (!r || r->cls == C_LATE || r->last > at || r->last == INT32_MIN) continue;
        size_t item = item_of(&e->p->values[r->value]);
        if (r->reg) give_register(&e->regs, r->out.offset, r->cls == C_FULL ? full_bytes(e, item) : column_bytes(e, item));
        if (r->expanded >= 0) give_register(&e->regs, (uint32_t)r->expanded, full_bytes(e, item));
        r->last = INT32_MIN; /* once */
    }
}

static tg_status emit_group(tg_tape *t, program *p, int32_t number)
{
    emitter e = {.t = t, .p = p, .g = &p->groups[number], .number = number};
    e.g->code = (int32_t)p->n_codes;
    e.g->late = (int32_t)p->n_lates;
    e.g->fills = (int32_t)p->n_fills;
    if (!list_instances(&e)) return e.status;
    choose_tiles(&e);
    for (int32_t i = 0; i < e.n && e.status == TG_OK; i++) {
        emit_instance(&e, i);
        release_after(&e, i);
    }
    e.g->n_code = (int32_t)p->n_codes - e.g->code;
    e.g->registers = round_to(e.regs.used, TG_ALIGN); /* each thread's begin at a line */
    if (e.g->registers > p->tile_bytes) p->tile_bytes = e.g->registers;
    return e.status;
}

/* ---- memory ------------------------------------------------------------------------------------------------------- */

/* The program's memory while it is being laid out: what is free of it, in order, no two pieces touching. */
typedef struct span {
    size_t from, bytes;
} span;
typedef struct memory {
    size_t used;
    span  *free;
    size_t n_free;
} memory;

static size_t round_up(size_t bytes) { return (bytes + TG_ALIGN - 1) & ~(size_t)(TG_ALIGN - 1); }

static void drop_span(memory *m, size_t i)
{
    memmove(&m->free[i], &m->free[i + 1], (m->n_free - i - 1) * sizeof *m->free);
    m->n_free--;
}

/* The smallest piece that is large enough; else the end, with what is free before it. */
static size_t take_memory(memory *m, size_t bytes)
{
    size_t best = m->n_free;
    bytes = round_up(bytes ? bytes : 1);
    for (size_t i = 0; i < m->n_free; i++)
        if (m->free[i].bytes >= bytes && (best == m->n_free || m->free[i].bytes < m->free[best].bytes)) best = i;
    if (best == m->n_free) {
        size_t from = m->used;
        if (m->n_free && m->free[m->n_free - 1].from + m->free[m->n_free - 1].bytes == m->used) from = m->free[--m->n_free].from;
        m->used = from + bytes;
        return from;
    }
    size_t from = m->free[best].from;
    m->free[best].from += bytes;
    m->free[best].bytes -= bytes;
    if (!m->free[best].bytes) drop_span(m, best);
    return from;
}

static void give_memory(memory *m, size_t from, size_t bytes)
{
    size_t lo = 0, hi = m->n_free;
    bytes = round_up(bytes ? bytes : 1);
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (m->free[mid].from < from) lo = mid + 1;
        else hi = mid;
    }
    bool after = lo > 0 && m->free[lo - 1].from + m->free[lo - 1].bytes == from;
    bool before = lo < m->n_free && from + bytes == m->free[lo].from;
    if (after && before) {
        m->free[lo - 1].bytes += bytes + m->free[lo].bytes;
        drop_span(m, lo);
    } else if (after) {
        m->free[lo - 1].bytes += bytes;
    } else if (before) {
        m->free[lo].from = from;
        m->free[lo].bytes += bytes;
    } else {
        memmove(&m->free[lo + 1], &m->free[lo], (m->n_free - lo) * sizeof *m->free);
        m->free[lo] = (span){from, bytes};
        m->n_free++;
    }
}

static bool has_memory(const value *v) { return v->kind == V_REAL && v->stored && !v->placed && v->dest < 0; }
static size_t bytes_of(const value *v) { return (size_t)v->numel * item_of(v); }

/* Where partial results of a step's late values go: behind everything, shared by all steps. */
static size_t place_partials(program *p, size_t used)
{
    size_t most = 0;
    for (size_t g = 0; g < p->n_groups; g++) {
        size_t here = 0;
        for (int32_t k = 0; k < p->groups[g].n_late; k++) {
            late *l = &p->lates[p->groups[g].late + k];
            l->partial = used + here;
            here += ((size_t)l->width * 8 * (size_t)p->groups[g].chunks + TG_ALIGN - 1) & ~(size_t)(TG_ALIGN - 1);
        }
        most = here > most ? here : most;
    }
    return used + most;
}

static tg_status lay_out(tg_tape *t, program *p)
{
    size_t   n = p->n_values;
    int32_t *links = tg_arena_alloc(&t->values, (2 * p->n_steps + 2 * n + 1) * sizeof *links, 8);
    memory   m = {.free = tg_arena_alloc(&t->values, (n + 1) * sizeof *m.free, 8)};
    if (!links || !m.free) return tg_out_of_memory(t, "tapegrad");
    int32_t *born = links, *dies = born + p->n_steps, *next_born = dies + p->n_steps, *next_dies = next_born + n;
    for (size_t s = 0; s < p->n_steps; s++) born[s] = dies[s] = -1;
    for (size_t i = 0; i < n; i++) {
        value *v = &p->values[i];
        if (v->kind == V_CONST) {
            v->offset = m.used;
            m.used += 8;
        }
        if (!has_memory(v) || v->step < 0) continue;
        int32_t last = v->last < v->step ? v->step : v->last;
        next_born[i] = born[v->born];
        born[v->born] = (int32_t)i;
        if (v->root) continue;
        next_dies[i] = dies[last];
        dies[last] = (int32_t)i;
    }
    m.used = round_up(m.used);
    for (size_t s = 0; s < p->n_steps; s++) {
        for (int32_t i = born[s]; i >= 0; i = next_born[i])
            p->values[i].offset = take_memory(&m, bytes_of(&p->values[i]));
        for (int32_t i = dies[s]; i >= 0; i = next_dies[i]) give_memory(&m, p->values[i].offset, bytes_of(&p->values[i]));
    }
    p->bytes = place_partials(p, m.used);
    return TG_OK;
}

/* Nodes of their own read memory at their step. */
static void note_readers(program *p)
{
    for (size_t s = 0; s < p->n_steps; s++) {
        if (p->steps[s].group >= 0) continue;
        const value *v = &p->values[p->steps[s].value];
        for (int32_t k = 0; k < v->n_in; k++) {
            value *b = &p->values[p->values[p->operands[v->in + k]].base];
            if (b->last < (int32_t)s) b->last = (int32_t)s;
        }
    }
}

tg_status tg_emit(tg_tape *t, program *p)
{
    tg_status s = TG_OK;
    note_readers(p);
    const size_t about = p->n_insts + p->n_insts / 8; /* instructions; so that the arrays seldom grow on the way */
    if (!TG_GROW(t, p->codes, p->cap_codes, about) || !TG_GROW(t, p->where, p->cap_where, about)) return TG_ERR_MEMORY;
    for (size_t g = 0; g < p->n_groups && s == TG_OK; g++) s = emit_group(t, p, (int32_t)g);
    for (size_t i = 0; i < p->n_steps && s == TG_OK; i++)
        if (p->steps[i].group < 0) s = tg_plan_product(t, p, &p->steps[i]);
    if (s == TG_OK) s = lay_out(t, p);
    return s;
}

/* ---- addresses ---------------------------------------------------------------------------------------------------- */

static char *address_of(const program *p, const value *v)
{
    while (v->dest >= 0) v = &p->values[v->dest];
    if (v->kind == V_INPUT || (v->kind == V_REAL && v->placed)) return v->node->data;
    if (v->kind == V_VIEW) return NULL;
    return p->memory + v->offset;
}

static char *resolve_operand(const program *p, operand *o)
{
    o->base = o->value < 0 ? p->tiles + o->offset : p->values[o->value].address + o->offset;
    return o->base;
}

void tg_resolve(program *p)
{
    for (size_t i = 0; i < p->n_values; i++) p->values[i].address = address_of(p, &p->values[i]);
    for (size_t i = 0; i < p->n_codes; i++) {
        p->codes[i].out = resolve_operand(p, &p->where[i].out);
        for (int k = 0; k < p->codes[i].n_in; k++) p->codes[i].in[k] = resolve_operand(p, &p->where[i].in[k]);
    }
}
