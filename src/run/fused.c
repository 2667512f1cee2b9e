/* fused.c - the fused evaluator: binds the program of a plan to today's memory, runs its steps, and hands the roots their values. */
#include <stdlib.h>

#include "plan/cache.h"
#include "run/group.h"
#include "run/profile_step.h"
#include "tensor/fpenv.h"
#include "tensor/process.h"

typedef struct engine {
    tg_program_cache cache;
    /* What ran since the last reset, as a number: 0 where nothing did, then a new number whenever something ran. A program that runs once
     * more in the state in which it ran before leads to the state to which it led, so equal numbers mean equal histories. */
    uint64_t state, states;
    char    *raw, *tiles;
    size_t   raw_bytes;
    int      threads, most; /* of a team, now and at most: tile registers are for the latter */
} engine;

/* ---- nodes of their own ------------------------------------------------------------------------------------------- */

static tg_array array_of(const program *p, const value *v, int32_t now)
{
    tg_layout        plain;
    const tg_layout *l = tg_value_layout(p, v, &plain);
    tg_array         a = {.data = tg_memory_of(p, tg_memory_in(p, v, now)) + l->offset * (int64_t)tg_item_size((tg_dtype)v->dtype),
                          .shape = v->shape, .dtype = (tg_dtype)v->dtype, .contiguous = v->layout < 0};
    memcpy(a.stride, l->stride, sizeof a.stride);
    if (!a.contiguous) { /* a contiguous piece further on */
        plain = tg_layout_contiguous(v->shape);
        a.contiguous = true;
        for (int k = 0; k < v->shape->rank; k++)
            if (v->shape->dim[k] != 1 && a.stride[k] != plain.stride[k]) a.contiguous = false;
    }
    return a;
}

static tg_status run_alone(tg_tape *t, const program *p, const value *v)
{
    enum { FEW = 8 };
    tg_array few[FEW], *x = few;
    void    *out[TG_MOST_RESULTS];
    if (!v->op || v->op->kind == TG_POINTWISE) return TG_OK; /* of no elements */
    if (v->n_in > FEW && !(x = tg_value_room(t, (size_t)v->n_in * sizeof *x))) return TG_ERR_MEMORY;
    for (int32_t k = 0; k < v->n_in; k++) x[k] = array_of(p, &p->values[p->operands[v->in + k]], v->step);
    for (int32_t k = 0; k < tg_results(v->op); k++) out[k] = tg_memory_of(p, v->base + k); /* results 1 … are the values behind the call's */
    return tg_run_kernel(t, v->node, x, out, v->adds);
}

/* ---- a program ------------------------------------------------------------------------------------------------------ */

enum { WORTH_A_LOOK = 256 << 10 }; /* bytes of a program that may want several threads */

/* Tile registers for every thread, shared by all programs. */
static tg_status need_tiles(tg_tape *t, engine *e, size_t bytes)
{
    size_t need = bytes * (size_t)e->most + TG_ALIGN;
    if (need <= e->raw_bytes) return TG_OK;
    char *raw = tg_heap_alloc(&t->services.heap, need);
    if (!raw) return tg_out_of_memory(t, "tapegrad");
    tg_heap_free(&t->services.heap, e->raw, e->raw_bytes);
    e->raw = raw;
    e->raw_bytes = need;
    e->tiles = (char *)(((uintptr_t)raw + TG_ALIGN - 1) & ~(uintptr_t)(TG_ALIGN - 1));
    return TG_OK;
}

/* Did an input or a result move since the addresses were resolved? Addresses are compared, no bytes are read. */
static bool moved(const program *p)
{
    for (size_t i = 0; i < p->n_bound; i++)
        if (p->bound[i].address != (char *)p->values[p->bound[i].value].node->memory) return true;
    return false;
}

static tg_status bind(tg_tape *t, engine *e, program *p)
{
    char     *memory = tg_value_room(t, p->bytes);
    tg_status s = memory ? need_tiles(t, e, p->tile_bytes) : TG_ERR_MEMORY;
    if (s != TG_OK) return s;
    if (memory != p->memory || e->tiles != p->tiles || moved(p)) {
        p->memory = memory;
        p->tiles = e->tiles;
        tg_resolve(p);
    }
    return TG_OK;
}

/* Room for the layouts of roots that are strided views, taken before anything runs: afterwards nothing may fail. */
static tg_layout *room_for_layouts(tg_tape *t, const program *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_roots; i++) n += p->values[p->roots[i]].layout >= 0;
    tg_layout *room = tg_arena_alloc(&t->services.values, n ? n * sizeof *room : 1, 8);
    if (!room) tg_out_of_memory(t, "tapegrad");
    return room;
}

/* A value that lies in its own way, or is copied to its place. */
static void give_strided_value(const program *p, const value *v, tg_layout **room)
{
    tg_node   *n = v->node;
    char      *address = tg_memory_of(p, v->base);
    tg_layout *layout = NULL;
    if (v->layout >= 0) {
        const tg_layout *l = &p->layouts[v->layout];
        tg_layout        plain = tg_layout_contiguous(v->shape);
        address += l->offset * (int64_t)tg_item_size((tg_dtype)v->dtype);
        if (memcmp(l->stride, plain.stride, (size_t)v->shape->rank * sizeof *l->stride)) {
            layout = (*room)++;
            *layout = *l;
            layout->offset = 0;
        }
    }
    if (v->copied) memcpy(tg_host_memory(n), address, (size_t)v->numel * tg_item_size((tg_dtype)v->dtype));
    else n->memory = address;
    n->layout = layout;
}

static inline void give_value(const program *p, const value *v, tg_layout **room)
{
    tg_node *n = v->node;
    if (n->flags & TG_N_VALUE) return;
    if (v->layout >= 0 || v->copied) {
        give_strided_value(p, v, room);
    } else {
        n->memory = tg_memory_of(p, v->base);
        n->layout = NULL;
    }
    n->flags = (uint16_t)((n->flags | TG_N_VALUE) & ~TG_N_PLACED);
}

static void hand_over(const program *p, tg_layout *room)
{
    for (size_t i = 0; i < p->n_roots; i++) {
        const value *v = &p->values[p->roots[i]];
        give_value(p, v, &room);
        if (!(v->node->traits & (TG_HAS_RESULTS | TG_IS_RESULT))) continue;
        const result_range all = tg_all_results(p, v);
        for (int32_t k = all.first; k < all.end; k++) give_value(p, &p->values[k], &room);
    }
}

static inline void run_product(const program *p, const product *d, const engine *e)
{
    if (d->own.run) d->own.run(&d->own.call);
    else tg_run_product(p, d, e->most, e->threads);
}

static tg_status run_step(tg_tape *t, const program *p, const step *st)
{
    const engine *e = t->engine;
    const double  begin = t->profile ? tg_profile_now() : 0;
    tg_status     s = TG_OK;
    if (st->group >= 0) tg_run_group(p, &p->groups[st->group], e->threads);
    else if (st->product >= 0) run_product(p, &p->products[st->product], e);
    else s = run_alone(t, p, &p->values[st->value]);
    if (t->profile) tg_profile_step(t->profile, p, st, begin);
    return s;
}

static tg_status run_steps(tg_tape *t, program *p)
{
    tg_status s = TG_OK;
    for (size_t i = 0; i < p->n_consts; i++) {
        const value *v = &p->values[p->consts[i]];
        void        *to = tg_memory_of(p, p->consts[i]);
        tg_dtypes[v->dtype].write(to, v->node->attr.number);
    }
    for (size_t i = 0; p->any_early && i < p->n_steps && s == TG_OK; i++)
        if (p->steps[i].early) s = run_step(t, p, &p->steps[i]);
    t->ran = true;
    for (size_t i = 0; i < p->n_steps && s == TG_OK; i++)
        if (!p->steps[i].early) s = run_step(t, p, &p->steps[i]);
    return s;
}

/* A program that has run before is likely to run again. */
static tg_status compile_soon(tg_tape *t, engine *e, program *p)
{
    if (p->compiled || p->runs > t->compile_after) return TG_OK;
    if (p->runs++ < t->compile_after) return TG_OK;
    const double begin = t->profile ? tg_profile_now() : 0;
    tg_status    s = tg_compile(t, p);
    if (s != TG_OK) { /* what there is of it is good for nothing */
        tg_cache_unlink(&e->cache, p);
        tg_free_program(t, p);
    } else if (t->profile) {
        tg_profile_event(t->profile, "plan", "compile program", begin, NULL, &(tg_figure){"segments", (int64_t)p->n_segments}, 1);
    }
    return s;
}

static tg_status run_program(tg_tape *t, program *p)
{
    engine   *e = t->engine;
    tg_status s = compile_soon(t, e, p);
    if (s != TG_OK) return s;
    if (p->bytes >= WORTH_A_LOOK) {
        tg_look_at_processors(t);
        const int threads = tg_threads(t);
        e->threads = threads < e->most ? threads : e->most;
    } else if (tg_is_forked()) {
        e->threads = 1;
    }
    tg_layout *layouts = room_for_layouts(t, p);
    s = layouts ? bind(t, e, p) : TG_ERR_MEMORY;
    const tg_inside was = tg_go_inside(t, TG_IN_OP, "a loop", NULL);
    if (s == TG_OK) s = run_steps(t, p);
    t->services.inside = was;
    if (s == TG_OK) hand_over(p, layouts);
    t->evaluated += (int64_t)p->n_order;
    if (s != TG_OK) {
        p->epoch = 0; /* fits no recording: epochs begin at 1 */
        e->state = ++e->states;
    } else if (p->epoch == t->epoch && p->before == e->state) { /* once more */
        e->state = p->after;
    } else {
        p->epoch = t->epoch;
        p->before = e->state;
        e->state = p->after = ++e->states;
    }
    return s;
}

/* ---- the evaluator ------------------------------------------------------------------------------------------------ */

static tg_status run_plan(tg_tape *t, const tg_plan *plan)
{
    t->services.latest = TG_OK;
    program *p = tg_find_program(t, &((engine *)t->engine)->cache, plan);
    return p ? run_program(t, p) : t->services.latest != TG_OK ? t->services.latest : TG_ERR_MEMORY;
}

static bool replay(tg_tape *t, tg_node *const *roots, size_t n, tg_status *s)
{
    engine *e = t->engine;
    for (program *p = e->cache.first; p; p = p->next) {
        if (p->epoch != t->epoch || p->before != e->state || !tg_still_fits(p, roots, n)) continue;
        const tg_fpenv host = tg_fpenv_enter();
        *s = run_program(t, p);
        tg_fpenv_leave(host);
        return true;
    }
    return false;
}

static tg_status open_engine(tg_tape *t)
{
    engine *e = tg_tape_alloc(t, sizeof *e);
    if (!e) return TG_ERR_MEMORY;
    e->threads = e->most = tg_threads(t);
    t->engine = e;
    return TG_OK;
}

const program *tg_latest_program(const tg_tape *t) { return ((const engine *)t->engine)->cache.first; }

static const program *last_program(tg_tape *t)
{
    const engine  *e = t->engine;
    const program *p = e->cache.first;
    while (p && (!e->state || p->after != e->state)) p = p->next;
    return p;
}

static void reset_engine(tg_tape *t) { ((engine *)t->engine)->state = 0; }

static void close_engine(tg_tape *t)
{
    engine *e = t->engine;
    if (!e) return;
    while (e->cache.first) {
        program *p = e->cache.first;
        tg_cache_unlink(&e->cache, p);
        tg_free_program(t, p);
    }
    tg_heap_free(&t->services.heap, e->raw, e->raw_bytes);
    tg_heap_free(&t->services.heap, e, sizeof *e);
}

const tg_evaluator tg_evaluator_fused = {.name = "fused", .open = open_engine, .run = run_plan, .run_one = tg_run_node,
                                         .replay = replay, .last = last_program, .reset = reset_engine, .close = close_engine};
