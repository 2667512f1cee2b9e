/* sweeps.c - the parts of a group that has row values: which of its instances are computed while the rows of a tile are gone over for the first
 * time, the second and so on, and which in between. */
#include "plan/emit.h"

#include "kernels/kernels.h"

static bool is_reduction(const emitter *e, const member *pl)
{
    const tg_op *op = e->p->values[pl->value].op;
    return op && op->kind == TG_REDUCE;
}

/* Made of row values alone, between sweeps? */
static bool is_between(const emitter *e, const member *pl) { return pl->cls == C_ROW && !is_reduction(e, pl); }

static int32_t sweep_of(const member *pl) { return pl->part / 2; }

/* The first sweep in which all that the member reads is there. */
static int32_t earliest(const emitter *e, const member *pl)
{
    int32_t s = 0;
    for (int32_t k = 0; k < e->p->values[pl->value].n_in; k++) {
        const int32_t from = tg_member_read(e, pl, k);
        if (from < 0) continue;
        const int32_t then = sweep_of(&e->members[from]) + (e->members[from].cls == C_ROW && !is_between(e, pl));
        if (s < then) s = then;
    }
    return s;
}

/* Lets a member wait for its first reader: what nobody reads before need not be held until then. What it is made of is held instead, so that
 * must not be more. */
static void wait(const emitter *e, member *pl, int32_t reader)
{
    int32_t read = 0;
    if (pl->cls != C_FULL || reader == INT32_MAX) return;
    for (int32_t k = 0; k < e->p->values[pl->value].n_in; k++) {
        const int32_t from = tg_member_read(e, pl, k);
        read += from >= 0 && e->members[from].cls == C_FULL;
    }
    if (read <= 1) pl->part = 2 * reader;
}

static void let_wait(const emitter *e, int32_t *first_reader)
{
    for (int32_t i = 0; i < e->n; i++) first_reader[i] = INT32_MAX;
    for (int32_t i = e->n; i-- > 0;) {
        member *pl = &e->members[i];
        wait(e, pl, first_reader[i]);
        for (int32_t k = 0; k < e->p->values[pl->value].n_in; k++) {
            const int32_t from = tg_member_read(e, pl, k);
            if (from >= 0 && first_reader[from] > sweep_of(pl)) first_reader[from] = sweep_of(pl);
        }
    }
}

static void note_later(const emitter *e, const member *pl)
{
    for (int32_t k = 0; k < e->p->values[pl->value].n_in; k++) {
        const int32_t from = tg_member_read(e, pl, k);
        if (from >= 0 && e->members[from].cls == C_FULL && e->members[from].part != pl->part) e->members[from].later = true;
    }
}

/* A long group has many parts: whoever goes through them part by part can't look at all members for each. */
static bool list_parts(emitter *e)
{
    int32_t *list = tg_arena_alloc(&e->t->services.values, ((size_t)e->n_parts + (size_t)e->n) * sizeof *list, 8);
    if (!list) return false;
    e->first_of_part = list;
    e->next_in_part = list + e->n_parts;
    for (int32_t part = 0; part < e->n_parts; part++) list[part] = -1;
    for (int32_t i = e->n; i-- > 0;) {
        e->next_in_part[i] = list[e->members[i].part];
        list[e->members[i].part] = i;
    }
    return true;
}

void tg_choose_sweeps(emitter *e)
{
    e->part = 0;
    e->n_parts = 1;
    e->first_of_part = NULL;
    if (!e->g->block) return;
    int32_t *first_reader = tg_arena_alloc(&e->t->services.values, (size_t)e->n * sizeof *first_reader, 8);
    if (!first_reader) {
        e->status = tg_out_of_memory(e->t, "tapegrad");
        return;
    }
    e->part = -1;
    for (int32_t i = 0; i < e->n; i++) {
        member *pl = &e->members[i];
        pl->part = 2 * earliest(e, pl) + is_between(e, pl);
    }
    let_wait(e, first_reader);
    for (int32_t i = 0; i < e->n; i++) {
        note_later(e, &e->members[i]);
        if (e->n_parts < 2 * sweep_of(&e->members[i]) + 2) e->n_parts = 2 * sweep_of(&e->members[i]) + 2;
    }
    if (!list_parts(e)) e->status = tg_out_of_memory(e->t, "tapegrad");
}

static void finish_rows(emitter *e, member *pl)
{
    const value  *v = &e->p->values[pl->value];
    const operand accumulators = pl->out;
    instruction  *c = tg_add_instruction(e, K_FINISH_BANDS, tg_result_of(e, pl), &accumulators, 1);
    if (!c) return;
    c->attr = v->attr;
    c->reduce = tg_fast_reduction(v->op->reduce, (tg_dtype)v->dtype);
}

/* What was read in the body of a sweep is known for the columns or the rows of a tile at its end. */
static void end_body(emitter *e)
{
    for (int32_t i = e->first_of_part[e->part - 1]; i >= 0; i = e->next_in_part[i])
        if (e->members[i].cls == C_ROW) finish_rows(e, &e->members[i]);
}

static void begin_sweep(emitter *e)
{
    program *p = e->p;
    e->n_channels = 0; /* their registers hold the elements for other rows */
    if (!TG_GROW(e->t, p->sweeps, p->cap_sweeps, p->n_sweeps + 1)) {
        e->status = TG_ERR_MEMORY;
        return;
    }
    p->sweeps[p->n_sweeps++] = (sweep){0};
    e->g->n_sweeps++;
}

void tg_enter_part(emitter *e, int32_t part)
{
    program *p = e->p;
    while (e->g->block && e->part < part && e->status == TG_OK) {
        if (e->part >= 0) {
            sweep *s = &p->sweeps[p->n_sweeps - 1];
            *(e->part % 2 ? &s->end : &s->body) = (int32_t)p->n_instructions;
        }
        if (++e->part % 2) end_body(e);
        else if (e->part < e->n_parts) begin_sweep(e);
    }
}
