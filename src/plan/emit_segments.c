/* emit_segments.c - the order of a group's instances, and machine code for runs of them.
 *
 * Ops with a recipe (src/jit) that stand next to each other become one segment, in which what only they need never leaves the vector
 * registers. So the order brings them together: from the last instance backwards, everything of one kind that may come last goes there
 * before another kind gets its turn, and segments get theirs when nothing else can go. What is computed late needs few registers, too. */
#include "plan/emit.h"

enum { SHORTEST_ROW = 32 }; /* elements from which a column's element is repeated in the loop over the row; else it is spread first */

/* What stands alone, and segments by what they go over and of what type. */
typedef enum kind { ALONE, COLUMNS_F32, COLUMNS_F64, TILES_F32, TILES_F64, KINDS } kind;

typedef struct emission {
    emitter *e;
    uint8_t *kinds;    /* by place, as all of these */
    int32_t *readers;  /* reads by other places … */
    int32_t *left;     /* … that are not in order yet */
    int32_t *order;
    int32_t *inside;   /* reads by members of the segment under way */
    int32_t *gathered; /* by place and operand: the register that holds it gathered, -1 */
    int16_t *number;   /* in the segment under way, -1 */
    tg_segment *segment;
    int32_t  first_pointer;
    uint64_t written;  /* bit k: pointer k is a result's */
    operand  used[TG_SEGMENT_MOST]; /* registers that the segment reads and writes */
    int      n_used;
} emission;

/* ---- kinds ---------------------------------------------------------------------------------------------------------- */

static bool is_computed(const source *s) { return s->kind == FROM_TILE || s->kind == FROM_COLUMN || s->kind == FROM_BLOCK_ROW; }

/* Conditions come and go in tile registers only. */
static bool condition_at_hand(const emitter *e, const member *pl, const source *s)
{
    if (pl->cls != C_FULL || s->kind == FROM_MEMORY) return false;
    if (s->kind != FROM_TILE) return true;
    const member *from = &e->members[s->member];
    return !(e->p->values[from->value].stored && from->stores);
}

static kind kind_of(const emitter *e, const member *pl)
{
    const value *v = &e->p->values[pl->value];
    tg_dtype     dtype = TG_BOOL;
    if (tg_is_staged(e, pl)) return tg_segment_can(tg_isa_best(), TG_F32) ? TILES_F32 : ALONE; /* x added to what is there */
    if (!v->op || v->op->kind != TG_POINTWISE || pl->cls == C_TOTAL || pl->cls == C_ROW || !tg_segment_knows(v->op)) return ALONE;
    for (int32_t k = 0; k < v->n_in; k++) {
        const source s = tg_source_of(e, pl, k);
        if (s.dtype == TG_BOOL && !condition_at_hand(e, pl, &s)) return ALONE;
        dtype = s.dtype;
    }
    if (!tg_segment_can(tg_isa_best(), dtype)) return ALONE;
    if (v->dtype == TG_BOOL && (pl->cls != C_FULL || (v->stored && pl->stores))) return ALONE;
    if (pl->cls == C_COLUMN) return dtype == TG_F32 ? COLUMNS_F32 : COLUMNS_F64;
    return dtype == TG_F32 ? TILES_F32 : TILES_F64;
}

/* ---- order ---------------------------------------------------------------------------------------------------------- */

static void count_readers(emission *em, int32_t i, int by)
{
    const emitter *e = em->e;
    const value   *v = &e->p->values[e->members[i].value];
    for (int32_t k = 0; k < v->n_in; k++) {
        const int32_t from = tg_member_read(e, &e->members[i], k);
        if (from >= 0) em->left[from] += by;
    }
}

/* A result in the place of an operand that dies here has to wait for everybody who reads that. */
static void count_waiting(emission *em, int32_t i, int by)
{
    const emitter *e = em->e;
    const int32_t  over = e->members[i].stores ? e->p->values[e->members[i].value].takes_memory_of : -1;
    for (int32_t r = 0; over >= 0 && r < e->n; r++) {
        const value *v = &e->p->values[e->members[r].value];
        for (int32_t k = 0; k < v->n_in && r != i; k++)
            if (e->p->values[e->p->operands[v->in + k]].base == over) em->left[r] += by;
    }
}

/* The last place of this kind in the part whose readers are all in order; -1. */
static int32_t last_ready(const emission *em, const bool *done, int32_t part, kind k)
{
    for (int32_t i = em->e->n; i-- > 0;)
        if (!done[i] && em->kinds[i] == k && em->left[i] == 0 && em->e->members[i].part == part) return i;
    return -1;
}

/* Puts what is ready of the kind before what is in order from `at` on. Returns where it begins. */
static int32_t order_kind(emission *em, bool *done, int32_t part, kind k, int32_t at)
{
    for (int32_t i; (i = last_ready(em, done, part, k)) >= 0;) {
        done[i] = true;
        em->order[--at] = i;
        count_readers(em, i, -1);
        count_waiting(em, i, -1);
    }
    return at;
}

static void find_order(emission *em, bool *done)
{
    int32_t at = em->e->n;
    for (int32_t part = em->e->n_parts; part-- > 0;)
        for (kind k = ALONE; k < KINDS;) {
            const int32_t had = at;
            at = order_kind(em, done, part, k, at);
            k = at == had ? k + 1 : ALONE; /* the kinds before have their turn again */
        }
}

/* ---- segments ------------------------------------------------------------------------------------------------------- */

static void use(emission *em, const operand *o)
{
    if (o->value == IN_REGISTER && em->n_used < TG_SEGMENT_MOST) em->used[em->n_used++] = *o;
}

/* The place of an operand: a tile register, or a pointer, the same one for the same memory. */
static tg_location location_of(emission *em, const operand *o, tg_reach reach)
{
    program *p = em->e->p;
    use(em, o);
    if (o->value == IN_REGISTER && o->extent != AT_SWEEP) return (tg_location){.tile = true, .at = o->offset, .reach = reach};
    size_t i = (size_t)em->first_pointer;
    for (; i < p->n_pointers; i++) {
        const operand *q = &p->pointers[i];
        if (q->value == o->value && q->offset == o->offset && q->extent == o->extent) break;
    }
    if (i == p->n_pointers) {
        if (!TG_GROW(em->e->t, p->pointers, p->cap_pointers, i + 1)) em->e->status = TG_ERR_MEMORY;
        else p->pointers[p->n_pointers++] = *o;
    }
    const bool apart = o->value >= 0 && o->extent == AT_FULL && tg_is_apart(em->e->g);
    return (tg_location){.at = (uint32_t)(i - (size_t)em->first_pointer), .reach = reach, .apart = apart};
}

/* Is it a slope whose result is there before the segment? */
static bool is_read_seldom(const emission *em, const member *pl)
{
    if (!tg_looks_seldom(em->e, pl)) return false;
    const source y = tg_source_of(em->e, pl, 1);
    return !is_computed(&y) || em->number[y.member] < 0;
}

static bool is_column(const source *s) { return s->kind == FROM_COLUMN || s->kind == FROM_MEMORY_COLUMN || s->kind == FROM_CHANNEL; }

/* A row that is the same one for all of the tile. */
static bool is_row(const emitter *e, const source *s)
{
    const bool row = s->kind == FROM_BLOCK_ROW || s->kind == FROM_MEMORY_ROW;
    return row && (s->extent == AT_ROW || e->g->rows_per_tile == e->g->block);
}

static int operand_of(emission *em, int32_t reader, int32_t k)
{
    emitter     *e = em->e;
    const member *pl = &e->members[reader];
    const source s = tg_source_of(e, pl, k);
    const bool   column = pl->cls == C_COLUMN, condition = s.dtype == TG_BOOL;
    operand      o;
    tg_reach     reach = TG_FULL;
    if (is_computed(&s) && em->number[s.member] >= 0 && (s.kind == FROM_TILE || column)) return em->number[s.member];
    if (!column && !condition && e->g->tile_cols >= SHORTEST_ROW && is_column(&s)) {
        if (s.kind == FROM_CHANNEL) o = tg_channel_of(e, &s, tg_space_shape(e->p, &e->p->values[pl->value]));
        else o = s.kind == FROM_COLUMN ? e->members[s.member].out : tg_in_memory(e, s.base, s.from, AT_COLUMN);
        reach = TG_COLUMN;
    } else if (!condition && is_row(e, &s)) {
        o = s.kind == FROM_BLOCK_ROW ? e->members[s.member].out : tg_in_memory(e, s.base, s.from, s.extent);
        reach = TG_ROW;
    } else if (s.kind == FROM_MEMORY && !condition) {
        o = tg_in_memory(e, s.base, s.from, s.extent);
    } else if (s.kind == FROM_SCALAR && !condition) {
        o = tg_in_memory(e, s.base, s.from, AT_POINT);
        reach = TG_SCALAR;
    } else if (s.kind == FROM_STRIDES) {
        int32_t *at = &em->gathered[3 * reader + k];
        if (*at < 0) {
            *at = (int32_t)tg_at_hand(e, &s, pl).offset;
            if (k == 0 && is_read_seldom(em, pl)) tg_gather_seldom(e, pl);
        }
        o = (operand){.value = IN_REGISTER, .offset = (uint32_t)*at};
    } else {
        o = tg_at_hand(e, &s, pl);
    }
    return tg_segment_input(em->segment, location_of(em, &o, reach), condition);
}

/* Counts how often members first … first + n - 1 of the order read each of what they read. */
static void count_inside(emission *em, int32_t first, int32_t n)
{
    const emitter *e = em->e;
    for (int32_t m = first; m < first + n; m++) em->inside[em->order[m]] = 0;
    for (int32_t m = first; m < first + n; m++) {
        const member *pl = &e->members[em->order[m]];
        for (int32_t k = 0; k < e->p->values[pl->value].n_in; k++) {
            const source s = tg_source_of(e, pl, k);
            if (is_computed(&s)) em->inside[s.member]++; /* of what is no member: of no use, and no harm */
        }
    }
}

/* Does anything but the members that were counted read place i? */
static bool read_outside(const emission *em, int32_t i) { return em->inside[i] < em->readers[i]; }

static int64_t item_of(const value *v) { return (int64_t)tg_item_size((tg_dtype)v->dtype); }
static int64_t row_bytes(const emitter *e, const value *v) { return (e->g->cols ? e->g->cols : e->g->n) * item_of(v); }

/* Is the value one to write around the caches, in whole cache lines? */
static bool goes_around(const emitter *e, const member *pl)
{
    const value *v = &e->p->values[pl->value];
    if (!tg_is_streamed(e, pl) || (e->g->cols && row_bytes(e, v) % TG_ALIGN)) return false;
    return !tg_is_apart(e->g) || e->g->tile_cols * item_of(v) % TG_ALIGN == 0;
}

/* Can a segment write it to where it is put otherwise? */
static bool goes_directly(const emitter *e, const member *pl)
{
    return goes_around(e, pl) || (tg_is_apart(e->g) && tg_is_put(e, pl) && !tg_is_streamed(e, pl));
}

/* A sum over rows, row by row: onto what is there. */
static void add_up(emission *em, const member *pl, int x)
{
    const operand  sum = {.value = IN_STAGING, .offset = (uint32_t)tg_add_total(em->e, pl), .extent = AT_ROW, .item = sizeof(float)};
    const tg_location there = location_of(em, &sum, TG_FULL);
    const int      before = tg_segment_input(em->segment, there, false);
    tg_segment_store(em->segment, tg_micro_compute(em->segment, M_ADD, before, x, -1), there);
}

/* Describes members first … first + n - 1 of the order and compiles them. */
static tg_segment_result compile(emission *em, int32_t first, int32_t n, kind k, size_t *at)
{
    emitter       *e = em->e;
    const tg_dtype dtype = k == TILES_F32 || k == COLUMNS_F32 ? TG_F32 : TG_F64;
    const size_t   totals = e->p->n_totals;
    em->first_pointer = (int32_t)e->p->n_pointers;
    em->written = 0;
    em->n_used = 0;
    count_inside(em, first, n);
    tg_segment_begin(em->segment, &e->p->machine, &e->p->register_uses, tg_isa_best(), dtype);
    for (int32_t m = first; m < first + n && e->status == TG_OK; m++) {
        const int32_t i = em->order[m];
        member        *pl = &e->members[i];
        const value  *v = &e->p->values[pl->value];
        int           in[3] = {0};
        for (int32_t o = 0; o < v->n_in; o++) in[o] = operand_of(em, i, o);
        if (pl->cls == C_TOTAL) {
            add_up(em, pl, in[0]);
            continue;
        }
        em->number[i] = (int16_t)tg_segment_op(em->segment, v->op, in);
        if ((v->stored && pl->stores) || read_outside(em, i)) {
            const bool read = read_outside(em, i);
            pl->direct = goes_directly(e, pl) && !read;
            const operand out = pl->direct ? tg_in_memory(e, pl->value, 0, AT_FULL) : tg_result_of(e, pl);
            tg_location      to = location_of(em, &out, TG_FULL);
            to.around = pl->direct && goes_around(e, pl);
            e->g->streams = e->g->streams || to.around;
            tg_segment_store(em->segment, em->number[i], to);
            if (!to.tile && to.at < TG_SEGMENT_POINTERS) em->written |= UINT64_C(1) << to.at;
        }
    }
    for (int32_t m = first; m < first + n; m++) em->number[em->order[m]] = -1;
    if (e->status != TG_OK) return TG_SEGMENT_MEMORY;
    const bool many = e->p->n_pointers - (size_t)em->first_pointer > TG_SEGMENT_POINTERS || em->n_used == TG_SEGMENT_MOST;
    const tg_segment_result r = many ? TG_SEGMENT_CROWDED : tg_segment_compile(em->segment, at);
    if (r != TG_SEGMENT_OK) { /* nothing of it stays */
        e->p->n_pointers = (size_t)em->first_pointer;
        e->p->n_totals = totals;
        e->g->n_totals = (int32_t)totals - e->g->totals;
    }
    return r;
}

/* Does an operand differ from row to row, or end with it? */
static bool goes_by_rows(const emission *em)
{
    for (int i = 0; i < em->segment->n_values; i++) {
        const tg_reach reach = em->segment->values[i].from.reach;
        if (reach == TG_COLUMN || reach == TG_ROW) return true;
    }
    return em->segment->indices;
}

/* The pointers to what only the segment's stubs read. */
static uint64_t seldom_read(const tg_segment *s)
{
    uint64_t seldom = 0;
    for (int i = 0; i < s->n_values; i++)
        if (tg_segment_reads_seldom(s, i)) seldom |= UINT64_C(1) << s->values[i].from.at;
    return seldom;
}

static void add_segment(emission *em, size_t at, kind k)
{
    emitter *e = em->e;
    program *p = e->p;
    instruction    *c = tg_add_instruction(e, K_SEGMENT, (operand){.value = NOWHERE}, NULL, 0);
    if (!c || !TG_GROW(e->t, p->segments, p->cap_segments, p->n_segments + 1) ||
        !TG_GROW(e->t, p->resolved, p->cap_resolved, p->n_pointers)) {
        e->status = TG_ERR_MEMORY;
        return;
    }
    c->extra = (int32_t)p->n_segments;
    p->n_instructions--; /* the registers are used by this instruction */
    for (int i = 0; i < em->n_used; i++) tg_use_register(e, &em->used[i]);
    p->n_instructions++;
    p->segments[p->n_segments++] = (segment){.at = at,
                                             .pointers = em->first_pointer,
                                             .n_pointers = (int32_t)p->n_pointers - em->first_pointer,
                                             .written = em->written,
                                             .seldom = seldom_read(em->segment),
                                             .flat = !goes_by_rows(em),
                                             .column = k == COLUMNS_F32 || k == COLUMNS_F64};
}

/* Is a segment better than the op's loop even for one op? When it saves writing the result twice, or spreading or loading an operand. */
static bool pays_alone(const emission *em, int32_t i)
{
    const emitter *e = em->e;
    const member   *pl = &e->members[i];
    bool           spread = false, loaded = false;
    for (int32_t k = 0; k < e->p->values[pl->value].n_in; k++) {
        const source s = tg_source_of(e, pl, k);
        loaded = loaded || is_row(e, &s) || (s.kind == FROM_MEMORY && tg_is_apart(e->g));
        spread = spread || s.kind == FROM_MEMORY_COLUMN || s.kind == FROM_CHANNEL || (s.kind == FROM_COLUMN && pl->cls != C_COLUMN);
    }
    return pl->cls == C_TOTAL || goes_directly(e, pl) || loaded || (spread && e->g->tile_cols >= SHORTEST_ROW);
}

/* A run of n members of one kind: as few segments as the registers allow, and what stands by itself as a loop. */
static void emit_run(emission *em, int32_t first, int32_t n, kind k)
{
    emitter *e = em->e;
    while (n > 0 && e->status == TG_OK) {
        size_t            at = 0;
        int32_t           take = n < TG_SEGMENT_MOST ? n : TG_SEGMENT_MOST; /* each is one step at least */
        tg_segment_result r = TG_SEGMENT_CROWDED;
        while (take > 1 && (r = compile(em, first, take, k, &at)) == TG_SEGMENT_CROWDED) take -= take > 8 ? take / 4 : 1;
        if (take == 1 && pays_alone(em, em->order[first])) r = compile(em, first, 1, k, &at);
        if (r == TG_SEGMENT_MEMORY) e->status = e->status != TG_OK ? e->status : tg_out_of_memory(e->t, "tapegrad");
        if (r == TG_SEGMENT_OK) add_segment(em, at, k);
        else if (e->status == TG_OK) tg_emit_instance(e, &e->members[em->order[first]]);
        for (int32_t m = first; r == TG_SEGMENT_OK && m < first + take; m++)
            if (tg_is_put(e, &e->members[em->order[m]]) && !e->members[em->order[m]].direct) tg_put_result(e, &e->members[em->order[m]]);
        if (r != TG_SEGMENT_OK) take = 1;
        first += take;
        n -= take;
    }
}

/* ---- the whole ------------------------------------------------------------------------------------------------------ */

static bool begin(emission *em, bool **done)
{
    tg_arena    *a = &em->e->t->services.values;
    const size_t n = (size_t)em->e->n;
    em->kinds = tg_arena_alloc(a, n, 8);
    em->readers = tg_arena_alloc(a, 7 * n * sizeof *em->readers, 8);
    em->number = tg_arena_alloc(a, n * sizeof *em->number, 8);
    em->segment = tg_arena_alloc(a, sizeof *em->segment, 8);
    *done = tg_arena_alloc(a, n, 8);
    if (!em->kinds || !em->readers || !em->number || !em->segment || !*done) return false;
    em->left = em->readers + n;
    em->order = em->left + n;
    em->inside = em->order + n;
    em->gathered = em->inside + n;
    memset(em->inside, 0, n * sizeof *em->inside);
    memset(em->left, 0, n * sizeof *em->left);
    memset(em->gathered, -1, 3 * n * sizeof *em->gathered);
    memset(em->number, -1, n * sizeof *em->number);
    memset(*done, 0, n);
    for (int32_t i = 0; i < em->e->n; i++) {
        em->kinds[i] = (uint8_t)kind_of(em->e, &em->e->members[i]);
        count_readers(em, i, 1);
    }
    memcpy(em->readers, em->left, n * sizeof *em->readers);
    for (int32_t i = 0; i < em->e->n; i++) count_waiting(em, i, 1);
    return true;
}

void tg_emit_segments(emitter *e)
{
    emission *em = tg_arena_alloc(&e->t->services.values, sizeof *em, 8);
    bool   *done;
    if (!em || (em->e = e, !begin(em, &done))) {
        e->status = tg_out_of_memory(e->t, "tapegrad");
        return;
    }
    find_order(em, done);
    for (int32_t first = 0, n; first < e->n && e->status == TG_OK; first += n) {
        const kind k = (kind)em->kinds[em->order[first]];
        const int32_t part = e->members[em->order[first]].part;
        tg_enter_part(e, part);
        for (n = 1; k != ALONE && first + n < e->n && em->kinds[em->order[first + n]] == k && e->members[em->order[first + n]].part == part;) n++;
        if (k == ALONE) tg_emit_instance(e, &e->members[em->order[first]]);
        else emit_run(em, first, n, k);
    }
}
