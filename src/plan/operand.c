/* operand.c - where an instruction finds what it reads: in a tile register, in memory, or spread or gathered into a register first. */
#include "plan/emit.h"

operand tg_in_memory(emitter *e, int32_t v, size_t byte_offset, extent how)
{
    value *base = &e->p->values[v];
    if (base->last_read < e->g->step) base->last_read = e->g->step;
    return (operand){.value = v, .offset = (uint32_t)byte_offset, .extent = (uint8_t)how, .item = (uint8_t)tg_item_of(base)};
}

operand tg_new_register(emitter *e, uint32_t bytes)
{
    if (!TG_GROW(e->t, e->p->registers, e->p->cap_registers, e->n_registers + 1)) {
        e->status = TG_ERR_MEMORY;
        return (operand){.value = IN_REGISTER};
    }
    e->p->registers[e->n_registers] = (tile_register){.bytes = bytes, .first = -1};
    return (operand){.value = IN_REGISTER, .offset = (uint32_t)e->n_registers++};
}

void tg_use_register(emitter *e, const operand *o)
{
    if (o->value != IN_REGISTER || e->status != TG_OK) return;
    tile_register *r = &e->p->registers[o->offset];
    const int32_t  at = (int32_t)e->p->n_instructions - e->g->instructions;
    if (r->first < 0) r->first = at;
    if (r->last < at) r->last = at;
}

instruction *tg_add_instruction(emitter *e, instruction_kind kind, operand out, const operand *in, int n_in)
{
    program *p = e->p;
    if (e->status != TG_OK) return NULL;
    if (!TG_GROW(e->t, p->instructions, p->cap_instructions, p->n_instructions + 1) || !TG_GROW(e->t, p->locations, p->cap_locations, p->n_instructions + 1)) {
        e->status = TG_ERR_MEMORY;
        return NULL;
    }
    instruction_operands *where = &p->locations[p->n_instructions];
    where->out = out;
    tg_use_register(e, &out);
    for (int k = 0; k < n_in; k++) {
        where->in[k] = in[k];
        tg_use_register(e, &in[k]);
    }
    p->instructions[p->n_instructions] = (instruction){.kind = (uint8_t)kind, .n_in = (uint8_t)n_in};
    return &p->instructions[p->n_instructions++];
}

int32_t tg_member_read(const emitter *e, const member *reader, int32_t k)
{
    const program *p = e->p;
    const value   *r = &p->values[reader->value], *v = &p->values[p->operands[r->in + k]], *b = &p->values[v->base];
    const inst    *i = tg_inst_in(p, b, e->number);
    if (!i || i->cls == C_TOTAL) return -1;
    const bool whole = b->numel == e->g->n && !(v->layout >= 0 && p->layouts[v->layout].offset);
    if (i->cls != C_FULL || (whole && tg_pattern(p, v, tg_space_shape(p, r)).kind == P_FULL)) return i->index;
    return -1; /* a view of something computed again */
}

bool tg_is_streamed(const emitter *e, const member *pl)
{
    const value *v = &e->p->values[pl->value];
    const size_t item = tg_item_of(v);
    return v->stored && pl->stores && pl->cls == C_FULL && item >= 4 && v->numel * (int64_t)item >= STREAM_LEAST;
}

/* Does the reader find it in memory, because an earlier sweep stored it there? What went around the caches is kept in a register as well. */
static bool is_read_back(const emitter *e, const member *from, const member *reader)
{
    return from->cls == C_FULL && from->part != reader->part && e->p->values[from->value].stored && from->stores && !tg_is_streamed(e, from);
}

source tg_source_of(const emitter *e, const member *reader, int32_t k)
{
    const program *p = e->p;
    const group   *g = e->g;
    const value   *r = &p->values[reader->value];
    const int32_t  x = p->operands[r->in + k];
    const value   *v = &p->values[x];
    const int32_t  here = tg_member_read(e, reader, k);
    const pattern  pt = tg_pattern(p, v, tg_space_shape(p, r));
    const int64_t  from = v->layout >= 0 ? p->layouts[v->layout].offset * (int64_t)tg_item_of(v) : 0;
    source         s = {.dtype = (tg_dtype)v->dtype, .value = x, .base = v->base, .from = (uint32_t)from, .extent = AT_FULL};
    if (here >= 0 && !is_read_back(e, &e->members[here], reader)) {
        static const source_kind kinds[] = {[C_FULL] = FROM_TILE, [C_COLUMN] = FROM_COLUMN, [C_ROW] = FROM_BLOCK_ROW};
        s.member = here;
        return s.kind = kinds[e->members[here].cls], s;
    }
    const bool pointwise = !(r->op && r->op->kind == TG_REDUCE);
    const bool column = reader->cls == C_COLUMN && pointwise, row = reader->cls == C_ROW && pointwise;
    s.kind = FROM_STRIDES;
    if (from < 0 || from > UINT32_MAX) return s;
    if (pt.kind == P_SCALAR) s.kind = FROM_SCALAR;
    if (pt.kind == P_FULL) {
        s.kind = FROM_MEMORY;
        if (column) s.extent = AT_COLUMN;
        if (row) s.extent = AT_BLOCK;
    }
    if (column || row || !g->cols || pt.cols != g->cols) return s;
    if (pt.kind == P_ROW && g->rows_per_tile == 1) s.kind = FROM_MEMORY, s.extent = AT_ROW;
    else if (pt.kind == P_ROW && g->tile_cols == tg_cols_of(g)) s.kind = FROM_ROW;
    else if (pt.kind == P_ROW) s.kind = FROM_MEMORY_ROW, s.extent = AT_ROW;
    if (pt.kind == P_BLOCKS && pt.block == g->block) s.kind = FROM_MEMORY_ROW, s.extent = AT_BLOCK;
    for (int32_t i = 0; i < g->n_pitches && pt.kind == P_PITCHED; i++)
        if (g->pitch[i] == pt.block) s.kind = FROM_MEMORY, s.extent = (extent)(AT_PITCH + i);
    if (pt.kind == P_COLUMN) s.kind = FROM_MEMORY_COLUMN, s.extent = AT_COLUMN;
    if (pt.kind == P_CHANNEL) s.kind = FROM_CHANNEL;
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
    operand reg = tg_new_register(e, tg_full_bytes(e, tg_dtype_size(s->dtype)));
    if (e->status != TG_OK || !TG_GROW(e->t, p->fills, p->cap_fills, p->n_fills + 1)) {
        e->status = TG_ERR_MEMORY;
        return reg;
    }
    e->p->registers[reg.offset].first = 0;
    e->p->registers[reg.offset].last = INT32_MAX;
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
SPREAD(spread_2, uint16_t)
SPREAD(spread_4, uint32_t)
SPREAD(spread_8, uint64_t)

/* A register into which a loop spreads the scalar, in every tile, when it is needed. */
static operand spread(emitter *e, const source *s)
{
    const size_t  item = tg_dtype_size(s->dtype);
    const operand from = tg_in_memory(e, s->base, s->from, AT_POINT), reg = tg_new_register(e, tg_full_bytes(e, item));
    instruction         *c = tg_add_instruction(e, K_LOOP, reg, &from, 1);
    if (!c) return reg;
    c->dtype = (uint8_t)s->dtype;
    c->loop = item == 8 ? spread_8 : item == 4 ? spread_4 : item == 2 ? spread_2 : spread_1;
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

/* The axis along which one row follows the other; -1: the columns are no whole axes of it. */
static int axis_of_rows(const gather *g, int64_t columns)
{
    int     k = g->shape.rank - 1;
    int64_t behind = 1;
    while (k >= 0 && behind < columns) behind *= g->shape.dim[k--];
    return behind == columns && k < g->shape.rank - 1 ? k : -1;
}

/* Reads the operand, broadcast to a space whose first `axes` axes these are, into a new register. */
static operand gathered_over(emitter *e, const source *s, const tg_shape *shape, int axes, instruction_kind kind)
{
    program     *p = e->p;
    const value *v = &p->values[s->value];
    size_t       item = tg_item_of(v);
    operand      reg = tg_new_register(e, kind == K_GATHER ? tg_full_bytes(e, item) : tg_column_bytes(e, item));
    if (e->status != TG_OK || !TG_GROW(e->t, p->gathers, p->cap_gathers, p->n_gathers + 1)) {
        e->status = TG_ERR_MEMORY;
        return reg;
    }
    tg_layout l;
    tg_broadcast_layout(p, v, shape, &l);
    gather *ga = &p->gathers[p->n_gathers];
    *ga = (gather){.offset = l.offset * (int64_t)item, .rows = -1};
    for (int k = 0; k < axes; k++) { /* axes that lie behind one another become one */
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
    if (kind == K_GATHER) ga->rows = axis_of_rows(ga, e->g->cols);
    operand from = tg_in_memory(e, s->base, 0, AT_POINT);
    instruction   *c = tg_add_instruction(e, kind, reg, &from, 1);
    if (!c) return reg;
    c->extra = (int32_t)p->n_gathers++;
    c->dtype = v->dtype;
    return reg;
}

static operand gathered(emitter *e, const source *s, const tg_shape *shape) { return gathered_over(e, s, shape, shape->rank, K_GATHER); }

/* The entry for this operand in the list of channels; one that is new has no register yet. Where the list is full it is the last. */
static channel *channel_entry(emitter *e, const source *s, const tg_shape *shape)
{
    int k = 0;
    while (k < e->n_channels && (e->channels[k].value != s->value || e->channels[k].shape != shape)) k++;
    if (k == e->n_channels) {
        if (k == CHANNELS) k--;
        else e->n_channels++;
        e->channels[k] = (channel){.value = s->value, .shape = shape, .number = -1, .expanded = -1};
    }
    return &e->channels[k];
}

operand tg_channel_of(emitter *e, const source *s, const tg_shape *shape)
{
    channel *ch = channel_entry(e, s, shape);
    int      axes = shape->rank;
    if (ch->number < 0) {
        for (int64_t cols = 1; axes > 0 && cols * shape->dim[axes - 1] <= e->g->cols; axes--) cols *= shape->dim[axes - 1];
        ch->number = (int32_t)gathered_over(e, s, shape, axes, K_GATHER_COLUMN).offset;
    }
    return (operand){.value = IN_REGISTER, .offset = (uint32_t)ch->number};
}

/* A column, or rows, spread over the tile; that of what is computed here, and of a channel, is kept for further readers, in *kept. */
static operand expanded(emitter *e, const source *s, instruction_kind kind, operand from, int32_t *kept)
{
    if (kept && *kept >= 0) return (operand){.value = IN_REGISTER, .offset = (uint32_t)*kept};
    operand reg = tg_new_register(e, tg_full_bytes(e, tg_dtype_size(s->dtype)));
    instruction   *c = tg_add_instruction(e, kind, reg, &from, 1);
    if (c) c->dtype = (uint8_t)s->dtype, c->extra = from.extent != AT_ROW;
    if (c && kept) *kept = (int32_t)reg.offset;
    return reg;
}

/* What lies in memory; where a tile's rows lie apart, and the reader is no reduction, which can step over what is between them, in a register. */
static operand from_memory(emitter *e, const source *s, const value *reader)
{
    const operand from = tg_in_memory(e, s->base, s->from, s->extent);
    if (s->extent != AT_FULL || !tg_is_apart(e->g) || (reader->op && reader->op->kind == TG_REDUCE)) return from;
    const operand reg = tg_new_register(e, tg_full_bytes(e, tg_dtype_size(s->dtype)));
    instruction  *c = tg_add_instruction(e, K_LOAD, reg, &from, 1);
    if (c) c->dtype = (uint8_t)s->dtype;
    return reg;
}

bool tg_looks_seldom(const emitter *e, const member *reader)
{
    const value *v = &e->p->values[reader->value];
    return reader->cls == C_FULL && v->op && v->op->flags & TG_OP_SLOPE;
}

void tg_gather_seldom(emitter *e, const member *slope)
{
    const source  y = tg_source_of(e, slope, 1);
    instruction_operands where;
    if (e->status != TG_OK || (y.kind != FROM_TILE && (y.kind != FROM_MEMORY || y.extent != AT_FULL || tg_is_apart(e->g)))) return;
    where = e->p->locations[e->p->n_instructions - 1];
    where.in[1] = y.kind == FROM_TILE ? e->members[y.member].out : tg_in_memory(e, y.base, y.from, AT_FULL);
    e->p->n_instructions--;
    instruction *c = &e->p->instructions[e->p->n_instructions];
    tg_use_register(e, &where.in[1]);
    e->p->locations[e->p->n_instructions++] = where;
    c->n_in = 2;
}

static bool is_computed_small(const source *s) { return s->kind == FROM_COLUMN || s->kind == FROM_BLOCK_ROW; }

operand tg_bring_to_hand(emitter *e, const source *s, const member *reader)
{
    const value *r = &e->p->values[reader->value];
    const bool   small = (reader->cls == C_COLUMN || reader->cls == C_ROW) && !(r->op && r->op->kind == TG_REDUCE);
    member      *from = is_computed_small(s) ? &e->members[s->member] : NULL;
    switch (s->kind) {
    case FROM_TILE: return e->members[s->member].out;
    case FROM_COLUMN: return small ? from->out : expanded(e, s, K_EXPAND, from->out, &from->expanded);
    case FROM_BLOCK_ROW: return small ? from->out : expanded(e, s, K_EXPAND_ROWS, from->out, &from->expanded);
    case FROM_MEMORY: return from_memory(e, s, r);
    case FROM_MEMORY_COLUMN: return expanded(e, s, K_EXPAND, tg_in_memory(e, s->base, s->from, s->extent), NULL);
    case FROM_MEMORY_ROW: return expanded(e, s, K_EXPAND_ROWS, tg_in_memory(e, s->base, s->from, s->extent), NULL);
    case FROM_CHANNEL: {
        const tg_shape *shape = tg_space_shape(e->p, r);
        const operand   rows = tg_channel_of(e, s, shape);
        return expanded(e, s, K_EXPAND, rows, &channel_entry(e, s, shape)->expanded);
    }
    case FROM_SCALAR: return e->g->n == 1 ? tg_in_memory(e, s->base, s->from, AT_POINT) : filled(e, s, tg_space_shape(e->p, r));
    case FROM_ROW: return filled(e, s, tg_space_shape(e->p, r));
    case FROM_STRIDES: break;
    }
    return gathered(e, s, tg_space_shape(e->p, r));
}
