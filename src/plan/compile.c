/* compile.c - from a plan to a program: all passes in their order; and from operands to addresses. */
#include "plan/emit.h"

/* ---- fetching ahead ------------------------------------------------------------------------------------------------- */

/* Notes the operand if it is a large value from before the group, read element by element. */
static void fetch_ahead(emitter *e, int32_t first, const operand *o)
{
    program *p = e->p;
    if (o->value < 0 || o->extent != AT_FULL || e->status != TG_OK) return;
    const value *v = &p->values[o->value];
    if (v->numel * (int64_t)tg_item_of(v) < AHEAD_LEAST || (v->kind == V_REAL && v->step == e->g->step)) return;
    for (size_t i = (size_t)first; i < p->n_pointers; i++)
        if (p->pointers[i].value == o->value && p->pointers[i].offset == o->offset) return;
    if (!TG_GROW(e->t, p->pointers, p->cap_pointers, p->n_pointers + 1) ||
        !TG_GROW(e->t, p->resolved, p->cap_resolved, p->n_pointers + 1)) {
        e->status = TG_ERR_MEMORY;
        return;
    }
    p->pointers[p->n_pointers++] = *o;
}

/* How many instructions a tile passes by: those that compute an element for each of its rows take next to no time. */
static int32_t count_passes(const emitter *e)
{
    const program *p = e->p;
    int32_t        passes = 0;
    for (int32_t i = e->g->instructions; i < e->g->instructions + e->g->n_instructions; i++) {
        const instruction *c = &p->instructions[i];
        passes += c->kind != K_COLUMN && !(c->kind == K_SEGMENT && p->segments[c->extra].column);
    }
    return passes;
}

/* Does a tile pass by one instruction alone, which reads several operands, or one that the last cache holds? It reads on and on, as the hardware
 * expects it: asking for the same before costs up to a third of its time. A single stream from memory halts at each page without that. */
static bool reads_ahead_itself(const emitter *e)
{
    const program *p = e->p;
    if (count_passes(e) != 1) return false;
    if (e->g->n_ahead != 1) return true;
    const value *v = &p->values[p->pointers[e->g->ahead].value];
    return v->numel * (int64_t)tg_item_of(v) < STREAM_LEAST;
}

/* Of the operands of instructions from … to - 1: the first one's number; they are the last pointers. */
static int32_t list_operands(emitter *e, int32_t from, int32_t to)
{
    const program *p = e->p;
    const int32_t  first = (int32_t)p->n_pointers;
    for (int32_t i = from; i < to; i++) {
        const instruction *c = &p->instructions[i];
        for (int k = 0; k < c->n_in; k++) {
            const operand in = p->locations[i].in[k];
            fetch_ahead(e, first, &in);
        }
        if (c->kind != K_SEGMENT) continue;
        const segment *s = &p->segments[c->extra];
        for (int k = 0; k < s->n_pointers; k++) {
            const operand in = p->pointers[s->pointers + k];
            if (!((s->written | s->seldom) >> k & 1)) fetch_ahead(e, first, &in);
        }
    }
    return first;
}

static void list_for_sweeps(emitter *e)
{
    program *p = e->p;
    int32_t  from = e->g->instructions;
    for (int32_t i = e->g->sweeps; i < e->g->sweeps + e->g->n_sweeps; from = p->sweeps[i++].end) {
        p->sweeps[i].ahead = list_operands(e, from, p->sweeps[i].body);
        p->sweeps[i].n_ahead = (int32_t)p->n_pointers - p->sweeps[i].ahead;
    }
}

/* Rows side by side are read at full speed as they are, and a tile of them is too much to fetch at once. */
static void list_ahead(emitter *e)
{
    program      *p = e->p;
    const int64_t elements = e->g->tile_cols * e->g->rows_per_tile;
    const bool    side_by_side = tg_is_apart(e->g) && !e->g->turned;
    if (e->g->tiles == 1 || (!e->g->block && (side_by_side || elements > LONGEST_ROW))) return;
    e->g->ahead = list_operands(e, e->g->instructions, e->g->instructions + e->g->n_instructions);
    e->g->n_ahead = (int32_t)p->n_pointers - e->g->ahead;
    if (reads_ahead_itself(e)) e->g->n_ahead = 0;
    if (!e->g->block || elements * (int64_t)sizeof(float) * e->g->n_ahead <= AHEAD_MOST) return;
    p->n_pointers = (size_t)e->g->ahead;
    e->g->n_ahead = 0;
    list_for_sweeps(e);
}

/* ---- groups --------------------------------------------------------------------------------------------------------- */

enum { ORDER_MOST = 1024 }; /* instances: what is longer takes too long to order */

/* Loops, in the order of values in each part. */
static void emit_instances(emitter *e)
{
    for (int32_t part = 0; part < e->n_parts; part++) {
        const bool all = !e->first_of_part; /* in one part */
        tg_enter_part(e, part);
        for (int32_t i = all ? 0 : e->first_of_part[part]; i >= 0 && i < e->n && e->status == TG_OK; i = all ? i + 1 : e->next_in_part[i])
            tg_emit_instance(e, &e->members[i]);
    }
}

static tg_status emit_group(tg_tape *t, program *p, int32_t number, held *holds)
{
    emitter             e = {.t = t, .p = p, .g = &p->groups[number], .number = number, .held = holds, .first_pointer = p->n_pointers};
    const size_t        first_use = p->register_uses.n;
    const tg_arena_mark before = tg_arena_position(&t->services.values);
    e.g->instructions = (int32_t)p->n_instructions;
    e.g->totals = (int32_t)p->n_totals;
    e.g->fills = (int32_t)p->n_fills;
    e.g->n_totals = e.g->n_fills = e.g->n_ahead = 0;
    e.g->sweeps = (int32_t)p->n_sweeps;
    e.g->n_sweeps = 0;
    e.g->rows_per_tile = e.g->tile_cols = e.g->n_pitches = 0; /* not chosen yet: what an earlier emission chose must not decide anything */
    e.g->streams = e.g->down = false;
    if (!tg_list_instances(&e)) return e.status;
    tg_choose_tiles(&e);
    tg_choose_sweeps(&e);
    if (e.status != TG_OK) return e.status;
    if (p->compiled && e.g->n > 1 && e.n <= ORDER_MOST) tg_emit_segments(&e);
    else emit_instances(&e);
    tg_enter_part(&e, e.n_parts);
    e.g->n_instructions = (int32_t)p->n_instructions - e.g->instructions;
    if (e.status == TG_OK) list_ahead(&e);
    if (e.status == TG_OK) tg_place_registers(&e, first_use);
    tg_arena_seek(&t->services.values, before); /* scratch: the next group's is the same memory */
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
            if (b->last_read < (int32_t)s) b->last_read = (int32_t)s;
        }
    }
}

static tg_status emit_groups(tg_tape *t, program *p)
{
    tg_status s = TG_OK;
    held      holds[HELD];
    for (int i = 0; i < HELD; i++) holds[i].group = -1;
    p->n_instructions = p->n_gathers = p->n_totals = p->n_fills = p->n_sweeps = p->n_segments = p->n_pointers = 0;
    p->tile_bytes = 0;
    p->machine.n = p->register_uses.n = 0;
    const size_t about = p->n_insts + p->n_insts / 8; /* instructions; so that the arrays seldom grow on the way */
    if (!TG_GROW(t, p->instructions, p->cap_instructions, about) || !TG_GROW(t, p->locations, p->cap_locations, about)) return TG_ERR_MEMORY;
    for (size_t g = 0; g < p->n_groups && s == TG_OK; g++) s = emit_group(t, p, (int32_t)g, holds);
    return s;
}

tg_status tg_compile(tg_tape *t, program *p)
{
    p->compiled = true;
    tg_status s = emit_groups(t, p);
    if (s == TG_OK && p->n_segments && !(p->executable = tg_code_map(&p->machine))) { /* not allowed here: as it was */
        p->compiled = false;
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

tg_status tg_fuse(tg_tape *t, const tg_plan *plan, program *p)
{
    tg_status s = tg_make_values(t, plan, p);
    if (s == TG_OK) tg_check_placed(p, plan);
    if (s == TG_OK) s = tg_mark_roots(t, plan, p);
    tg_forget_marks(plan, p);
    if (s == TG_OK) s = tg_make_groups(t, p);
    if (s == TG_OK) s = tg_compute_again(t, p);
    if (s == TG_OK) s = tg_drop_unread(t, p);
    return s;
}

/* ---- addresses ---------------------------------------------------------------------------------------------------- */

static char *resolve_operand(const program *p, const operand *o)
{
    return o->value < 0 ? p->tiles + o->offset : tg_memory_of(p, o->value) + o->offset;
}

/* What is bound is noted as an address alone, to tell when it has moved; operands are the bytes that instructions use (tg_memory_of). */
void tg_resolve(program *p)
{
    for (size_t i = 0; i < p->n_bound; i++) p->bound[i].address = p->values[p->bound[i].value].node->memory;
    for (size_t i = 0; i < p->n_instructions; i++) {
        p->instructions[i].out = resolve_operand(p, &p->locations[i].out);
        for (int k = 0; k < p->instructions[i].n_in; k++) p->instructions[i].in[k] = resolve_operand(p, &p->locations[i].in[k]);
    }
    for (size_t i = 0; i < p->n_pointers; i++) p->resolved[i] = resolve_operand(p, &p->pointers[i]);
    tg_place_products(p);
}
