/* emit.c - instructions of a group, instance by instance. */
#include "plan/emit.h"

#include <stdlib.h>

#include "kernels/kernels.h"

/* The reduction of an instance that is reduced to a column; NULL: it is none. */
static const tg_reduction *column_reduction(const program *p, const member *pl)
{
    const tg_op *op = p->values[pl->value].op;
    return pl->cls == C_COLUMN && op && op->kind == TG_REDUCE ? op->reduce : NULL;
}

static bool is_pairing(const program *p, const member *pl)
{
    const tg_reduction *r = column_reduction(p, pl);
    return r && r->beside;
}

static int by_value(const void *a, const void *b)
{
    int32_t x = ((const member *)a)->value, y = ((const member *)b)->value;
    return (x > y) - (x < y);
}

/* The group's instances in the order of their values. */
bool tg_list_instances(emitter *e)
{
    program *p = e->p;
    e->n = e->g->count;
    e->members = tg_arena_alloc(&e->t->services.values, (size_t)(e->n ? e->n : 1) * sizeof *e->members, 8);
    if (!e->members) {
        e->status = tg_out_of_memory(e->t, "tapegrad");
        return false;
    }
    bool    sorted = true;
    int32_t n = e->n;
    e->n_pairing = 0;
    for (int32_t i = e->g->first; i >= 0; i = p->insts[i].next) { /* newest first */
        inst *in = &p->insts[i];
        sorted = sorted && (n == e->n || in->value < e->members[n].value);
        in->index = --n;
        e->members[n] = (member){.value = in->value, .cls = in->cls, .over = in->over, .block = in->block, .cols = in->cols,
                                 .stores = !in->clone, .expanded = -1};
        e->n_pairing += is_pairing(p, &e->members[n]);
    }
    tg_recall_clones(p, e->number);
    if (sorted) return true;
    qsort(e->members, (size_t)e->n, sizeof *e->members, by_value);
    for (int32_t i = 0; i < e->n; i++) tg_inst_in(p, &p->values[e->members[i].value], e->number)->index = i;
    return true;
}

bool tg_is_staged(const emitter *e, const member *pl)
{
    const value *v = &e->p->values[pl->value];
    const bool   rows = e->g->rows_per_tile == 1 && e->g->tiles > 1;
    return pl->cls == C_TOTAL && pl->over == OVER_ROWS && v->op->reduce->adds && v->dtype == TG_F32 && rows;
}

int32_t tg_add_total(emitter *e, const member *pl)
{
    program     *p = e->p;
    const value *v = &p->values[pl->value];
    if (!TG_GROW(e->t, p->totals, p->cap_totals, p->n_totals + 1)) {
        e->status = TG_ERR_MEMORY;
        return 0;
    }
    const int64_t width = v->numel;
    p->totals[p->n_totals] = (total){.value = pl->value, .reduce = tg_fast_reduction(v->op->reduce, (tg_dtype)v->dtype), .over = pl->over,
                                  .block = pl->block, .cols = pl->cols, .staged = tg_is_staged(e, pl), .width = width,
                                  .room = e->g->down && pl->over == OVER_ROWS ? e->g->tile_cols : width};
    e->g->n_totals++;
    return (int32_t)p->n_totals++;
}

static void emit_total(emitter *e, const member *pl, operand in)
{
    const bool   staged = tg_is_staged(e, pl);
    instruction *c = tg_add_instruction(e, staged ? K_STAGE : K_REDUCE_TOTAL, (operand){.value = NOWHERE}, &in, 1);
    if (!c) return;
    c->extra = tg_add_total(e, pl);
    if (e->status != TG_OK) return;
    if (staged) c->loop = tg_fast_tile(TG_F32)->add;
}

bool tg_is_put(const emitter *e, const member *pl)
{
    const bool apart = pl->cls == C_FULL && tg_is_apart(e->g) && e->p->values[pl->value].stored && pl->stores;
    return apart || tg_is_streamed(e, pl);
}

/* A register for the whole tile. */
static operand register_for_sweeps(emitter *e, const member *pl)
{
    const size_t item = tg_item_of(&e->p->values[pl->value]);
    operand      reg = tg_new_register(e, tg_tile_bytes(e, item));
    reg.extent = AT_SWEEP;
    reg.item = (uint8_t)item;
    return reg;
}

operand tg_result_of(emitter *e, member *pl)
{
    static const extent extents[] = {[C_FULL] = AT_FULL, [C_COLUMN] = AT_COLUMN, [C_ROW] = AT_BLOCK};
    const value        *v = &e->p->values[pl->value];
    if (v->stored && pl->stores && !tg_is_put(e, pl)) pl->out = tg_in_memory(e, pl->value, 0, extents[pl->cls]);
    else if (pl->cls == C_FULL && pl->later && !(v->stored && pl->stores && !tg_is_streamed(e, pl))) pl->out = register_for_sweeps(e, pl);
    else pl->out = tg_new_register(e, tg_register_bytes(e, pl->cls, tg_item_of(v)));
    return pl->out;
}

void tg_put_result(emitter *e, const member *pl)
{
    const value     *v = &e->p->values[pl->value];
    const operand    to = tg_in_memory(e, pl->value, 0, AT_FULL);
    const bool       streamed = tg_is_streamed(e, pl);
    instruction     *c = tg_add_instruction(e, streamed ? K_STREAM : K_PUT, to, &pl->out, 1);
    if (c) c->dtype = v->dtype;
    e->g->streams = e->g->streams || streamed;
}

/* A register of one accumulator, to which the pieces of a long row come. */
static operand row_accumulator(emitter *e, const tg_reduce_loops *l)
{
    const operand reg = tg_new_register(e, (uint32_t)l->accumulator);
    if (e->status == TG_OK) e->p->registers[reg.offset].first = 0, e->p->registers[reg.offset].last = INT32_MAX;
    return reg;
}

/* One instruction gives the results of a reduction and those of the one that it gives beside. The place of the one for the other's, of the
 * same operand, if it is near: groups may be long. NULL: there is none. */
static member *partner_of(emitter *e, const member *pl)
{
    enum { NEAR = 16 };
    const int32_t         here = (int32_t)(pl - e->members), end = here + NEAR < e->n ? here + NEAR : e->n;
    const program        *p = e->p;
    const value          *v = &p->values[pl->value];
    const tg_reduce_attr *own = v->attr;
    for (int32_t i = here > NEAR ? here - NEAR : 0; i < end && e->n_pairing; i++) {
        member              *q = &e->members[i];
        const value        *w = &p->values[q->value];
        const tg_reduction *other = column_reduction(p, q);
        if (!q->done && other && (other->beside == v->op->reduce || v->op->reduce->beside == other) &&
            p->operands[w->in] == p->operands[v->in] && ((const tg_reduce_attr *)w->attr)->axes == own->axes)
            return q;
    }
    return NULL;
}

/* A reduction to a column. */
static void emit_columns(emitter *e, member *pl, const operand *in, tg_dtype dtype)
{
    const tg_reduction    *r = e->p->values[pl->value].op->reduce;
    const bool             whole = e->g->tile_cols >= tg_cols_of(e->g);
    member                 *other = whole ? partner_of(e, pl) : NULL, *main = pl, *beside = other;
    operand                x[2] = {*in};
    int                    n = 1;
    if (other && r->beside != column_reduction(e->p, other)) main = other, beside = pl;
    const value           *v = &e->p->values[main->value];
    const tg_reduce_loops *l = tg_fast_reduction(v->op->reduce, dtype);
    if (!whole) x[n++] = row_accumulator(e, l);
    else if (beside) x[n++] = tg_result_of(e, beside);
    instruction *c = tg_add_instruction(e, whole ? K_REDUCE_COLS : K_REDUCE_PIECES, tg_result_of(e, main), x, n);
    if (!c) return;
    c->reduce = l;
    c->attr = v->attr;
    main->done = true;
    if (beside) beside->done = true;
    e->n_pairing -= is_pairing(e->p, main);
}

/* A reduction over the rows of blocks: onto accumulators, of which the end of the sweep makes rows. */
static void emit_rows(emitter *e, member *pl, const operand *in, tg_dtype dtype)
{
    const value           *v = &e->p->values[pl->value];
    const tg_reduce_loops *l = tg_fast_reduction(v->op->reduce, dtype);
    pl->out = tg_new_register(e, tg_row_bytes(e, l->accumulator));
    const operand x[2] = {*in, pl->out};
    instruction  *c = tg_add_instruction(e, K_REDUCE_BANDS, (operand){.value = NOWHERE}, x, 2);
    if (!c) return;
    c->dtype = (uint8_t)dtype;
    c->reduce = l;
}

/* A copy of what the last instruction gathered: its register is the copy's, or it goes straight to memory. */
static void keep_gathered(emitter *e, member *pl, const operand *gathered)
{
    if (tg_is_put(e, pl) || !pl->stores || !e->p->values[pl->value].stored) pl->out = *gathered;
    else e->p->locations[e->p->n_instructions - 1].out = tg_result_of(e, pl);
}

static bool is_gathered_copy(const emitter *e, const member *pl)
{
    const value *v = &e->p->values[pl->value];
    return !v->op && v->n_in == 1 && pl->cls == C_FULL && !pl->later && tg_source_of(e, pl, 0).kind == FROM_STRIDES;
}

static void emit_loop(emitter *e, member *pl, const operand *in, tg_dtype dtype)
{
    static const instruction_kind loops[] = {[C_FULL] = K_LOOP, [C_COLUMN] = K_COLUMN, [C_ROW] = K_ROW};
    const value                  *v = &e->p->values[pl->value];
    instruction                  *c = tg_add_instruction(e, loops[pl->cls], tg_result_of(e, pl), in, v->n_in);
    if (!c) return;
    c->dtype = (uint8_t)dtype;
    if (v->op) c->loop = tg_fast_loop(v->op, dtype), c->attr = v->attr;
    else c->kind = K_COPY;
}

void tg_emit_instance(emitter *e, member *pl)
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
    if (pl->cls == C_TOTAL) {
        emit_total(e, pl, in[0]);
        return;
    }
    if (v->op && v->op->kind == TG_REDUCE) {
        (pl->cls == C_ROW ? emit_rows : emit_columns)(e, pl, in, in_dtype);
        return;
    }
    if (e->status == TG_OK && is_gathered_copy(e, pl)) keep_gathered(e, pl, &in[0]);
    else emit_loop(e, pl, in, in_dtype);
    if (tg_is_put(e, pl)) tg_put_result(e, pl);
}
