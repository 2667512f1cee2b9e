/* emit.c - from groups to instructions: tile shapes and operands; and from operands to addresses. */
#include "plan/emit.h"

#include <stdlib.h>

#include "kernels/kernels.h"
#include "ops/ops.h"

static size_t item_of(const value *v) { return tg_dtype_size((tg_dtype)v->dtype); }
static int64_t cols_of(const group *g) { return g->cols ? g->cols : g->n; }
static uint32_t full_bytes(const emitter *e, size_t item) { return (uint32_t)((size_t)(e->g->rows_per_tile * e->g->tile_cols) * item); }
static uint32_t column_bytes(const emitter *e, size_t item) { return (uint32_t)((size_t)e->g->rows_per_tile * item); }

/* ---- operands ----------------------------------------------------------------------------------------------------- */

operand tg_in_memory(emitter *e, int32_t v, size_t byte_offset, extent how)
{
    value *base = &e->p->values[v];
    if (base->last < e->g->step) base->last = e->g->step;
    return (operand){.value = v, .offset = (uint32_t)byte_offset, .extent = (uint8_t)how, .item = (uint8_t)item_of(base)};
}

operand tg_new_register(emitter *e, uint32_t bytes)
{
    if (!TG_GROW(e->t, e->t->registers, e->t->cap_registers, e->n_registers + 1)) {
        e->status = TG_ERR_MEMORY;
        return (operand){.value = IN_REGISTER};
    }
    e->t->registers[e->n_registers] = (tile_register){.bytes = bytes, .first = -1};
    return (operand){.value = IN_REGISTER, .offset = (uint32_t)e->n_registers++};
}

void tg_use_register(emitter *e, const operand *o)
{
    if (o->value != IN_REGISTER || e->status != TG_OK) return;
    tile_register *r = &e->t->registers[o->offset];
    const int32_t  at = (int32_t)e->p->n_codes - e->g->code;
    if (r->first < 0) r->first = at;
    if (r->last < at) r->last = at;
}

code *tg_add_code(emitter *e, code_kind kind, operand out, const operand *in, int n_in)
{
    program *p = e->p;
    if (e->status != TG_OK) return NULL;
    if (!TG_GROW(e->t, p->codes, p->cap_codes, p->n_codes + 1) || !TG_GROW(e->t, p->where, p->cap_where, p->n_codes + 1)) {
        e->status = TG_ERR_MEMORY;
        return NULL;
    }
    code_operands *where = &p->where[p->n_codes];
    where->out = out;
    tg_use_register(e, &out);
    for (int k = 0; k < n_in; k++) {
        where->in[k] = in[k];
        tg_use_register(e, &in[k]);
    }
    p->codes[p->n_codes] = (code){.kind = (uint8_t)kind, .n_in = (uint8_t)n_in};
    return &p->codes[p->n_codes++];
}

source tg_source_of(const emitter *e, const place *reader, int32_t k)
{
    const program *p = e->p;
    const group   *g = e->g;
    const value   *r = &p->values[reader->value];
    const int32_t  x = p->operands[r->in + k];
    const value   *v = &p->values[x];
    const inst    *i = tg_inst_in(p, &p->values[v->base], e->number);
    const pattern  pt = tg_pattern(p, v, tg_space_shape(p, r));
    const int64_t  from = v->layout >= 0 ? p->layouts[v->layout].offset * (int64_t)item_of(v) : 0;
    source         s = {.dtype = (tg_dtype)v->dtype, .value = x, .base = v->base, .from = (uint32_t)from, .extent = AT_FULL};
    if (i) {
        const bool whole = pt.kind == P_FULL && !from && p->values[v->base].numel == g->n; /* else a view of something computed again */
        s.place = i->spot;
        if (i->cls == C_FULL && whole) return s.kind = FROM_TILE, s;
        if (i->cls == C_COLUMN) return s.kind = FROM_COLUMN, s;
    }
    const bool column = reader->cls == C_COLUMN && !(r->op && r->op->kind == TG_REDUCE);
    s.kind = FROM_STRIDES;
    if (from < 0 || from > UINT32_MAX) return s;
    if (pt.kind == P_SCALAR) s.kind = FROM_SCALAR;
    if (pt.kind == P_FULL) {
        s.kind = FROM_MEMORY;
        if (column) s.extent = AT_COLUMN;
    }
    if (column || !g->cols || pt.cols != g->cols) return s;
    if (pt.kind == P_ROW && g->rows_per_tile == 1) s.kind = FROM_MEMORY, s.extent = AT_ROW;
    else if (pt.kind == P_ROW && g->tile_cols == cols_of(g)) s.kind = FROM_ROW;
    if (pt.kind == P_COLUMN) s.kind = FROM_MEMORY_COLUMN, s.extent = AT_COLUMN;
    return s;
}

static operand gathered(emitter *e, const source *s, const tg_shape *shape);

/* A register holding a scalar or a row spread over the whole tile, filled once before the first tile. */
static operand filled_once(emitter *e, const source *s)
{
    program   *p = e->p;
    const bool row = s->kind == FROM_ROW;
    tg_in_memory(e, s->base, 0, AT_POINT); /* notes the reading */
    for (int32_t i = 0; i < e->g->n_fills; i++) {
        const fill *f = &p->fills[e->g->fills + i];
        if (f->value == s->base && f->from == s->from && f->row == row) return (operand){.value = IN_REGISTER, .offset = f->offset};
    }
    operand reg = tg_new_register(e, full_bytes(e, tg_dtype_size(s->dtype)));
    if (e->status != TG_OK || !TG_GROW(e->t, p->fills, p->cap_fills, p->n_fills + 1)) {
        e->status = TG_ERR_MEMORY;
        return reg;
    }
    e->t->registers[reg.offset].first = 0;
    e->t->registers[reg.offset].last = INT32_MAX;
    p->fills[p->n_fills++] = (fill){.value = s->base, .from = s->from, .offset = reg.offset, .dtype = (uint8_t)s->dtype, .row = row};
    e->g->n_fills++;
    return reg;
}

#define SPREAD(NAME, T)                                                                        \
    static void NAME(size_t n, void *out, const void *const *in, const void *attr)             \
    {                                                                                          \
        const T x = *(const T *)in[0];                                                         \
        T      *o = out;                                                                       \
        (void)attr;                                                                            \
        for (size_t k = 0; k < n; k++) o[k] = x;                                               \
    }
SPREAD(spread_1, uint8_t)
SPREAD(spread_4, uint32_t)
SPREAD(spread_8, uint64_t)

/* A register into which a loop spreads the scalar, in every tile, when it is needed. */
static operand spread(emitter *e, const source *s)
{
    const size_t  item = tg_dtype_size(s->dtype);
    const operand from = tg_in_memory(e, s->base, s->from, AT_POINT), reg = tg_new_register(e, full_bytes(e, item));
    code         *c = tg_add_code(e, K_LOOP, reg, &from, 1);
    if (!c) return reg;
    c->dtype = (uint8_t)s->dtype;
    c->loop = item == 8 ? spread_8 : item == 4 ? spread_4 : spread_1;
    return reg;
}

/* A scalar or a row spread over the tile. The first ones of a group keep their registers all through it. A group of very many would need
 * as many registers, and a search through them for each operand: what it reads beyond these is spread again in every tile, and kept
 * until another of the same hash comes. */
static operand filled(emitter *e, const source *s, const tg_shape *shape)
{
    const bool     row = s->kind == FROM_ROW;
    const uint32_t key = ((uint32_t)s->base * 2 + row) * 0x9e3779b1u ^ s->from * 0x85ebca6bu;
    held          *h = &e->held[key >> 26];
    operand        reg = {.value = IN_REGISTER, .offset = h->number};
    _Static_assert(HELD == 1 << (32 - 26), "as many as there are keys");
    if (h->group == e->number && h->value == s->base && h->from == s->from && h->row == row) return reg;
    reg = e->g->n_fills < MOST_FILLS ? filled_once(e, s) : row ? gathered(e, s, shape) : spread(e, s);
    *h = (held){.group = e->number, .value = s->base, .from = s->from, .number = reg.offset, .row = row};
    return reg;
}

static operand gathered(emitter *e, const source *s, const tg_shape *shape)
{
    program     *p = e->p;
    const value *v = &p->values[s->value];
    size_t       item = item_of(v);
    operand      reg = tg_new_register(e, full_bytes(e, item));
    if (e->status != TG_OK || !TG_GROW(e->t, p->gathers, p->cap_gathers, p->n_gathers + 1)) {
        e->status = TG_ERR_MEMORY;
        return reg;
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
    operand from = tg_in_memory(e, s->base, 0, AT_POINT);
    code   *c = tg_add_code(e, K_GATHER, reg, &from, 1);
    if (!c) return reg;
    c->extra = (int32_t)p->n_gathers++;
    c->dtype = v->dtype;
    return reg;
}

/* A column spread over the tile; that of a column computed here is kept for further readers. */
static operand expanded(emitter *e, const source *s)
{
    place  *pl = s->kind == FROM_COLUMN ? &e->places[s->place] : NULL;
    operand from = pl ? pl->out : tg_in_memory(e, s->base, s->from, s->extent);
    if (pl && pl->expanded >= 0) return (operand){.value = IN_REGISTER, .offset = (uint32_t)pl->expanded};
    operand reg = tg_new_register(e, full_bytes(e, tg_dtype_size(s->dtype)));
    code   *c = tg_add_code(e, K_EXPAND, reg, &from, 1);
    if (c) c->dtype = (uint8_t)s->dtype;
    if (c && pl) pl->expanded = (int32_t)reg.offset;
    return reg;
}

bool tg_looks_seldom(const emitter *e, const place *reader)
{
    const value *v = &e->p->values[reader->value];
    return reader->cls == C_FULL && v->op && tg_slope_of(v->op);
}

void tg_gather_seldom(emitter *e, const place *slope)
{
    const source  y = tg_source_of(e, slope, 1);
    code_operands where;
    if (e->status != TG_OK || (y.kind != FROM_TILE && (y.kind != FROM_MEMORY || y.extent != AT_FULL))) return;
    where = e->p->where[e->p->n_codes - 1];
    where.in[1] = y.kind == FROM_TILE ? e->places[y.place].out : tg_in_memory(e, y.base, y.from, AT_FULL);
    e->p->n_codes--;
    code *c = &e->p->codes[e->p->n_codes];
    tg_use_register(e, &where.in[1]);
    e->p->where[e->p->n_codes++] = where;
    c->n_in = 2;
}

operand tg_bring_to_hand(emitter *e, const source *s, const place *reader)
{
    const value *r = &e->p->values[reader->value];
    const bool   column = reader->cls == C_COLUMN && !(r->op && r->op->kind == TG_REDUCE);
    switch (s->kind) {
    case FROM_TILE: return e->places[s->place].out;
    case FROM_COLUMN: return column ? e->places[s->place].out : expanded(e, s);
    case FROM_MEMORY: return tg_in_memory(e, s->base, s->from, s->extent);
    case FROM_MEMORY_COLUMN: return expanded(e, s);
    case FROM_SCALAR: return e->g->n == 1 ? tg_in_memory(e, s->base, s->from, AT_POINT) : filled(e, s, tg_space_shape(e->p, r));
    case FROM_ROW: return filled(e, s, tg_space_shape(e->p, r));
    case FROM_STRIDES: break;
    }
    return gathered(e, s, tg_space_shape(e->p, r));
}

/* ---- tiles -------------------------------------------------------------------------------------------------------- */

static bool has_columns(const emitter *e)
{
    for (int32_t i = 0; i < e->n; i++)
        if (e->places[i].cls == C_COLUMN) return true;
    return false;
}

static bool has_streamed(const emitter *e)
{
    for (int32_t i = 0; i < e->n; i++)
        if (tg_is_streamed(e, &e->places[i])) return true;
    return false;
}

/* About so many rows, which end where a cache line ends. Writing part of a line around the caches costs more than the whole. */
static int64_t whole_lines(int64_t rows, int64_t cols)
{
    enum { LINE = TG_ALIGN / sizeof(float) };
    int64_t least = 1;
    while (least * cols % LINE) least *= 2;
    if (least <= rows) return rows - rows % least;
    return least * cols <= 2 * TILE ? least : rows;
}

/* Are there only reductions over rows, of what lies in memory? They read several rows side by side: memory gives more that way, and what
 * they add to is read and written less often. */
static bool only_reduces_rows(const emitter *e)
{
    for (int32_t i = 0; i < e->n; i++) {
        const place *pl = &e->places[i];
        if (pl->cls != C_LATE || pl->all) return false;
        const source s = tg_source_of(e, pl, 0);
        if (s.kind != FROM_MEMORY || s.extent != AT_FULL) return false;
    }
    return true;
}

static bool reduces_rows(const emitter *e)
{
    for (int32_t i = 0; i < e->n; i++)
        if (e->places[i].cls == C_LATE && !e->places[i].all) return true;
    return false;
}

/* Each chunk has a partial result as wide as a row: with few rows these would be most of the work. Where rows have a piece for every chunk
 * it gets columns instead of rows, and what they are added up in stays in the cache. */
enum { ROWS_PER_PART = 16, LEAST_ROWS_PER_PART = 4, LEAST_PARTS = 2 };
static int64_t fewer(int64_t units, int64_t parts)
{
    if (parts < LEAST_PARTS) parts = LEAST_PARTS;
    return units < parts ? units : parts;
}

static void choose_tiles(emitter *e)
{
    group     *g = e->g;
    int64_t    cols = cols_of(g), rows = g->n / cols;
    const bool only_rows = g->cols && only_reduces_rows(e), side_by_side = only_rows && cols <= LONGEST_ROW;
    const bool whole = side_by_side || (g->cols && (cols <= TILE || (cols <= LONGEST_ROW && has_columns(e))));
    g->tile_cols = whole ? cols : cols < TILE ? cols : TILE;
    g->rows_per_tile = whole && cols < TILE ? TILE / cols : 1;
    g->down = cols >= CHUNKS * TILE && !has_columns(e) && reduces_rows(e);
    if ((side_by_side || (g->down && only_rows)) && g->rows_per_tile < ROWS_SIDE_BY_SIDE) g->rows_per_tile = ROWS_SIDE_BY_SIDE;
    if (whole && has_streamed(e)) g->rows_per_tile = whole_lines(g->rows_per_tile, cols);
    if (g->rows_per_tile > rows) g->rows_per_tile = rows;
    int64_t blocks = (rows + g->rows_per_tile - 1) / g->rows_per_tile, segments = (cols + g->tile_cols - 1) / g->tile_cols;
    g->tiles = blocks * segments;
    int64_t units = segments > 1 && has_columns(e) ? blocks : g->tiles;
    if (g->down) units = segments;
    else if (only_rows) units = fewer(units, rows / ROWS_PER_PART);
    else if (reduces_rows(e)) units = fewer(units, rows / LEAST_ROWS_PER_PART);
    g->chunks = g->n <= CHUNK_LEAST ? 1 : units < CHUNKS ? (int32_t)units : CHUNKS;
}

/* ---- instances ---------------------------------------------------------------------------------------------------- */

static bool is_column_of(const program *p, const place *pl, tg_reduce_kind reduce)
{
    const tg_op *op = p->values[pl->value].op;
    return pl->cls == C_COLUMN && op && op->kind == TG_REDUCE && op->reduce == reduce;
}

static int by_value(const void *a, const void *b)
{
    int32_t x = ((const place *)a)->value, y = ((const place *)b)->value;
    return (x > y) - (x < y);
}

/* The group's instances in the order of their values. */
static bool list_instances(emitter *e)
{
    program *p = e->p;
    e->n = e->g->count;
    e->places = tg_arena_alloc(&e->t->values, (size_t)(e->n ? e->n : 1) * sizeof *e->places, 8);
    if (!e->places) {
        e->status = tg_out_of_memory(e->t, "tapegrad");
        return false;
    }
    bool    sorted = true;
    int32_t n = e->n;
    e->n_rstd = 0;
    for (int32_t i = e->g->first; i >= 0; i = p->insts[i].next) { /* newest first */
        inst *in = &p->insts[i];
        sorted = sorted && (n == e->n || in->value < e->places[n].value);
        in->spot = --n;
        e->places[n] = (place){.value = in->value, .cls = in->cls, .all = in->reduce_all, .own = !in->clone, .expanded = -1};
        e->n_rstd += is_column_of(p, &e->places[n], TG_REDUCE_RSTD);
    }
    tg_recall_clones(p, e->number);
    if (sorted) return true;
    qsort(e->places, (size_t)e->n, sizeof *e->places, by_value);
    for (int32_t i = 0; i < e->n; i++) tg_inst_in(p, &p->values[e->places[i].value], e->number)->spot = i;
    return true;
}

bool tg_is_staged(const emitter *e, const place *pl)
{
    const value *v = &e->p->values[pl->value];
    const bool   rows = e->g->rows_per_tile == 1 && e->g->tiles > 1;
    return pl->cls == C_LATE && !pl->all && v->op->reduce == TG_REDUCE_SUM && v->dtype == TG_F32 && rows;
}

int32_t tg_add_late(emitter *e, const place *pl, tg_dtype dtype)
{
    program     *p = e->p;
    const value *v = &p->values[pl->value];
    if (!TG_GROW(e->t, p->lates, p->cap_lates, p->n_lates + 1)) {
        e->status = TG_ERR_MEMORY;
        return 0;
    }
    const int64_t width = pl->all ? 1 : cols_of(e->g);
    p->lates[p->n_lates] = (late){.value = pl->value, .reduce = (uint8_t)v->op->reduce, .all = pl->all, .dtype = (uint8_t)dtype,
                                  .staged = tg_is_staged(e, pl), .width = width,
                                  .room = e->g->down && !pl->all ? e->g->tile_cols : width};
    e->g->n_late++;
    return (int32_t)p->n_lates++;
}

static tg_loop loop_for(const emitter *e, const tg_op *op, tg_dtype dtype)
{
    found_loop *f = &e->loops[((uintptr_t)op / sizeof *op + (size_t)dtype) % FOUND_LOOPS];
    if (f->op != op || f->dtype != dtype) *f = (found_loop){op, dtype, tg_fast_loop(op, dtype)};
    return f->loop;
}

static void emit_late(emitter *e, const place *pl, operand in, tg_dtype dtype)
{
    code *c = tg_add_code(e, pl->all ? K_REDUCE_ALL : K_REDUCE_ROWS, (operand){.value = NOWHERE}, &in, 1);
    if (!c) return;
    c->dtype = (uint8_t)dtype;
    c->reduce = (uint8_t)e->p->values[pl->value].op->reduce;
    c->extra = tg_add_late(e, pl, dtype);
    if (tg_is_staged(e, pl)) c->loop = loop_for(e, &tg_op_add, TG_F32);
}

bool tg_is_streamed(const emitter *e, const place *pl)
{
    const value *v = &e->p->values[pl->value];
    const size_t item = item_of(v);
    return v->stored && pl->own && pl->cls == C_FULL && item >= 4 &&
           v->numel * (int64_t)item >= STREAM_LEAST;
}

operand tg_result_of(emitter *e, place *pl)
{
    const value  *v = &e->p->values[pl->value];
    const bool    full = pl->cls == C_FULL;
    if (v->stored && pl->own && !tg_is_streamed(e, pl)) pl->out = tg_in_memory(e, pl->value, 0, full ? AT_FULL : AT_COLUMN);
    else pl->out = tg_new_register(e, full ? full_bytes(e, item_of(v)) : column_bytes(e, item_of(v)));
    return pl->out;
}

/* What goes around the caches is computed in a register. */
void tg_stream_result(emitter *e, const place *pl)
{
    const value  *v = &e->p->values[pl->value];
    operand       to = tg_in_memory(e, pl->value, 0, AT_FULL);
    code         *c = tg_add_code(e, K_STREAM, to, &pl->out, 1);
    if (c) c->dtype = v->dtype;
    e->g->streams = true;
}

/* A register of one double, in which the pieces of a long row are joined. */
static operand row_total(emitter *e)
{
    const operand reg = tg_new_register(e, sizeof(double));
    if (e->status == TG_OK) e->t->registers[reg.offset].first = 0, e->t->registers[reg.offset].last = INT32_MAX;
    return reg;
}

/* TG_REDUCE_RSTD adds up its rows as well: where their sum is wanted, too, one instruction gives both. The place of the one for the other's,
 * if it is near: groups may be long. NULL: there is none. */
static place *partner_of(emitter *e, const place *pl)
{
    enum { NEAR = 16 };
    const int32_t         here = (int32_t)(pl - e->places), end = here + NEAR < e->n ? here + NEAR : e->n;
    const program        *p = e->p;
    const value          *v = &p->values[pl->value];
    const tg_reduce_attr *own = v->attr;
    const tg_reduce_kind  other = v->op->reduce == TG_REDUCE_RSTD ? TG_REDUCE_SUM : TG_REDUCE_RSTD;
    for (int32_t i = here > NEAR ? here - NEAR : 0; i < end && e->n_rstd; i++) {
        place       *q = &e->places[i];
        const value *w = &p->values[q->value];
        if (!q->done && is_column_of(p, q, other) && p->operands[w->in] == p->operands[v->in] &&
            ((const tg_reduce_attr *)w->attr)->axes == own->axes)
            return q;
    }
    return NULL;
}

/* A reduction to a column. */
static void emit_columns(emitter *e, place *pl, const operand *in, tg_dtype dtype)
{
    const tg_reduce_kind kind = e->p->values[pl->value].op->reduce;
    const bool whole = e->g->tile_cols >= cols_of(e->g), pairs = whole && (kind == TG_REDUCE_SUM || kind == TG_REDUCE_RSTD);
    place     *other = pairs ? partner_of(e, pl) : NULL, *main = pl, *sum = other;
    operand    x[2] = {*in};
    int        n = 1;
    if (other && kind == TG_REDUCE_SUM) main = other, sum = pl;
    if (!whole) x[n++] = row_total(e);
    else if (sum) x[n++] = tg_result_of(e, sum);
    code *c = tg_add_code(e, K_REDUCE_COLS, tg_result_of(e, main), x, n);
    if (!c) return;
    c->dtype = (uint8_t)dtype;
    c->reduce = (uint8_t)e->p->values[main->value].op->reduce;
    c->attr = e->p->values[main->value].attr;
    main->done = true;
    if (sum) sum->done = true;
    e->n_rstd -= c->reduce == TG_REDUCE_RSTD;
}

void tg_emit_instance(emitter *e, place *pl)
{
    if (pl->done) return;
    program      *p = e->p;
    const value  *v = &p->values[pl->value];
    operand       in[3] = {{0}};
    tg_dtype      in_dtype = TG_F32;
    for (int32_t k = 0; k < v->n_in && k < 3; k++) {
        const source s = tg_source_of(e, pl, k);
        in[k] = tg_at_hand(e, &s, pl);
        if (k == 0 && s.kind == FROM_STRIDES && tg_looks_seldom(e, pl)) tg_gather_seldom(e, pl);
        in_dtype = s.dtype;
    }
    if (pl->cls == C_LATE) {
        emit_late(e, pl, in[0], in_dtype);
        return;
    }
    if (v->op && v->op->kind == TG_REDUCE) {
        emit_columns(e, pl, in, in_dtype);
        return;
    }
    code *c = tg_add_code(e, pl->cls == C_FULL ? K_LOOP : K_COLUMN, tg_result_of(e, pl), in, v->n_in);
    if (c) {
        c->dtype = (uint8_t)in_dtype;
        if (v->op) c->loop = loop_for(e, v->op, in_dtype), c->attr = v->attr;
        else c->kind = K_COPY;
    }
    if (tg_is_streamed(e, pl)) tg_stream_result(e, pl);
}

/* ---- fetching ahead ------------------------------------------------------------------------------------------------- */

/* Notes the operand if it is a large value from before the group, read element by element. */
static void fetch_ahead(emitter *e, const operand *o)
{
    program *p = e->p;
    if (o->value < 0 || o->extent != AT_FULL || e->status != TG_OK) return;
    const value *v = &p->values[o->value];
    if (v->numel * (int64_t)item_of(v) < AHEAD_LEAST || (v->kind == V_REAL && v->step == e->g->step)) return;
    for (size_t i = (size_t)e->g->ahead; i < p->n_pointers; i++)
        if (p->pointers[i].value == o->value && p->pointers[i].offset == o->offset) return;
    if (!TG_GROW(e->t, p->pointers, p->cap_pointers, p->n_pointers + 1) ||
        !TG_GROW(e->t, p->resolved, p->cap_resolved, p->n_pointers + 1)) {
        e->status = TG_ERR_MEMORY;
        return;
    }
    p->pointers[p->n_pointers++] = *o;
    e->g->n_ahead++;
}

/* Rows side by side are read at full speed as they are, and a tile of them is too much to fetch at once. */
static void list_ahead(emitter *e)
{
    const program *p = e->p;
    e->g->ahead = (int32_t)p->n_pointers;
    if (e->g->tiles == 1 || tg_is_apart(e->g) || e->g->tile_cols * e->g->rows_per_tile > LONGEST_ROW) return;
    for (int32_t i = e->g->code; i < e->g->code + e->g->n_code; i++) {
        const code *c = &p->codes[i];
        for (int k = 0; k < c->n_in; k++) {
            const operand in = p->where[i].in[k];
            fetch_ahead(e, &in);
        }
        if (c->kind != K_SEGMENT) continue;
        const segment *s = &p->segments[c->extra];
        for (int k = 0; k < s->n_pointers; k++) {
            const operand in = p->pointers[s->pointers + k];
            if (!((s->written | s->seldom) >> k & 1)) fetch_ahead(e, &in);
        }
    }
}

/* ---- groups --------------------------------------------------------------------------------------------------------- */

enum { JOIN_MOST = 1024 }; /* instances: what is longer takes too long to order */

static tg_status emit_group(tg_tape *t, program *p, int32_t number, found_loop *loops, held *holds)
{
    emitter             e = {.t = t, .p = p, .g = &p->groups[number], .number = number, .loops = loops, .held = holds};
    const size_t        first_use = p->register_uses.n;
    const tg_arena_mark before = tg_arena_position(&t->values);
    e.g->code = (int32_t)p->n_codes;
    e.g->late = (int32_t)p->n_lates;
    e.g->fills = (int32_t)p->n_fills;
    e.g->n_late = e.g->n_fills = e.g->n_ahead = 0;
    e.g->rows_per_tile = e.g->tile_cols = 0; /* not chosen yet: what an earlier emission chose must not decide anything */
    e.g->streams = e.g->down = false;
    if (!list_instances(&e)) return e.status;
    choose_tiles(&e);
    if (p->joins && e.g->n > 1 && e.n <= JOIN_MOST) {
        tg_emit_joined(&e);
    } else {
        for (int32_t i = 0; i < e.n && e.status == TG_OK; i++) tg_emit_instance(&e, &e.places[i]);
    }
    e.g->n_code = (int32_t)p->n_codes - e.g->code;
    if (e.status == TG_OK) list_ahead(&e);
    if (e.status == TG_OK) tg_place_registers(&e, first_use);
    tg_arena_seek(&t->values, before); /* scratch: the next group's is the same memory */
    return e.status;
}

/* ---- the whole ---------------------------------------------------------------------------------------------------- */

/* Nodes of their own read memory at their step. */
static void note_readers(program *p)
{
    for (size_t s = 0; s < p->n_steps; s++) {
        if (p->steps[s].group >= 0) continue;
        const value *v = &p->values[p->steps[s].value];
        for (int32_t k = 0; k < v->n_in; k++) {
            value *b = &p->values[tg_memory_in(p, &p->values[p->operands[v->in + k]], (int32_t)s)];
            if (b->last < (int32_t)s) b->last = (int32_t)s;
        }
    }
}

static tg_status emit_groups(tg_tape *t, program *p)
{
    tg_status  s = TG_OK;
    found_loop loops[FOUND_LOOPS] = {0};
    held       holds[HELD];
    for (int i = 0; i < HELD; i++) holds[i].group = -1;
    p->n_codes = p->n_gathers = p->n_lates = p->n_fills = p->n_segments = p->n_pointers = 0;
    p->tile_bytes = 0;
    p->machine.n = p->register_uses.n = 0;
    const size_t about = p->n_insts + p->n_insts / 8; /* instructions; so that the arrays seldom grow on the way */
    if (!TG_GROW(t, p->codes, p->cap_codes, about) || !TG_GROW(t, p->where, p->cap_where, about)) return TG_ERR_MEMORY;
    for (size_t g = 0; g < p->n_groups && s == TG_OK; g++) s = emit_group(t, p, (int32_t)g, loops, holds);
    return s;
}

tg_status tg_compile(tg_tape *t, program *p)
{
    p->joins = true;
    tg_status s = emit_groups(t, p);
    if (s == TG_OK && p->n_segments && !(p->executable = tg_code_map(&p->machine))) { /* not allowed here: as it was */
        p->joins = false;
        s = emit_groups(t, p);
    }
    for (size_t g = 0; g < p->n_groups && s == TG_OK; g++) tg_place_partials(p, &p->groups[g]);
    t->segments += (int64_t)p->n_segments;
    p->memory = NULL; /* resolve anew */
    return s;
}

tg_status tg_emit(tg_tape *t, program *p)
{
    tg_status s;
    note_readers(p);
    s = emit_groups(t, p);
    for (size_t i = 0; i < p->n_steps && s == TG_OK; i++)
        if (p->steps[i].group < 0) s = tg_plan_product(t, p, &p->steps[i]);
    if (s == TG_OK) s = tg_lay_out(t, p);
    return s;
}

/* ---- addresses ---------------------------------------------------------------------------------------------------- */

static char *resolve_operand(const program *p, const operand *o)
{
    return o->value < 0 ? p->tiles + o->offset : tg_memory_of(p, o->value) + o->offset;
}

void tg_resolve(program *p)
{
    for (size_t i = 0; i < p->n_bound; i++) p->bound[i].address = p->values[p->bound[i].value].node->data;
    for (size_t i = 0; i < p->n_codes; i++) {
        p->codes[i].out = resolve_operand(p, &p->where[i].out);
        for (int k = 0; k < p->codes[i].n_in; k++) p->codes[i].in[k] = resolve_operand(p, &p->where[i].in[k]);
    }
    for (size_t i = 0; i < p->n_pointers; i++) p->resolved[i] = resolve_operand(p, &p->pointers[i]);
    tg_place_products(p);
}
