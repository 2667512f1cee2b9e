/* test_memory_plan.c - the memory of programs: what is alive at the same time never overlaps, results take over the place of operands
 * only where nobody misses them, activations are computed again instead of kept. Each program is checked instruction by instruction,
 * by what it says that it reads and writes, and its results against those of the reference evaluator. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "plan/program.h"
#include "random_graph.h"

#ifdef __SANITIZE_THREAD__
enum { TEAM = 1 }; /* OpenMP's own synchronisation is invisible to that sanitizer */
#else
enum { TEAM = 2 };
#endif

/* ---- what a program does to its memory ---------------------------------------------------------------------------- */

enum { STEP = 1 << 20, NEVER = -1 }; /* an instruction's time is STEP times the step's number, and its place in it */

/* A value's memory: by the instructions that touch it, when it is in use. */
typedef struct use {
    size_t  from, bytes;
    int64_t first, last, item;
    bool    aligned_first, aligned_last; /* touched element by element, where each lies, when it is first touched, and in its last step */
    bool    forever;
} use;

typedef struct checker {
    const program *p;
    use           *uses; /* by value */
    int            taken_over;
} checker;

static const value *owner(const program *p, const value *v)
{
    while (v->dest >= 0) v = &p->values[v->dest];
    return v;
}

static bool in_program(const value *v) { return (v->kind == V_REAL || v->kind == V_CONST) && !v->placed; }

static void touch(checker *c, int32_t number, int64_t now, int64_t at, bool aligned, bool writes)
{
    const value *v = owner(c->p, &c->p->values[number]);
    use         *u = &c->uses[v - c->p->values];
    if (!in_program(v)) return;
    assert_true(v->stored || v->kind == V_CONST);
    if (u->first == NEVER) {
        assert_true(writes || v->kind == V_CONST); /* nothing is read before it was written */
        *u = (use){.from = v->offset, .bytes = (size_t)v->numel * tg_dtype_size((tg_dtype)v->dtype), .first = now * STEP + at,
                   .aligned_first = aligned, .aligned_last = true, .item = (int64_t)tg_dtype_size((tg_dtype)v->dtype),
                   .forever = v->root || v->kind == V_CONST, .last = now * STEP + at};
        assert_true(u->from + u->bytes <= c->p->bytes);
    }
    if (u->last / STEP != now) u->aligned_last = true; /* of the last step that touches it */
    u->aligned_last = u->aligned_last && aligned;
    if (u->last < now * STEP + at) u->last = now * STEP + at;
}

static bool in_place(const operand *o, int64_t item) { return !o->offset && o->extent == AT_FULL && o->item == item; }

/* Like a loop it reads each element before it writes it. */
static void run_segment(checker *c, const segment *s, int64_t now, int64_t at)
{
    const program *p = c->p;
    for (int writes = 0; writes < 2; writes++)
        for (int32_t k = 0; k < s->n_pointers; k++) {
            const operand *o = &p->pointers[s->pointers + k];
            if (o->value < 0 || (int)(s->written >> k & 1) != writes) continue;
            const int64_t item = (int64_t)tg_dtype_size((tg_dtype)p->values[o->value].dtype);
            touch(c, o->value, now, at + writes, in_place(o, item), writes);
        }
}

static void run_group(checker *c, const group *g, int64_t now)
{
    const program *p = c->p;
    for (int32_t i = 0; i < g->n_fills; i++) touch(c, p->fills[g->fills + i].value, now, 0, false, false);
    for (int32_t i = 0; i < g->n_instructions; i++) {
        const instruction          *does = &p->instructions[g->instructions + i];
        const instruction_operands *where = &p->locations[g->instructions + i];
        for (int k = 0; k < does->n_in; k++) {
            const operand *o = &where->in[k];
            if (o->value < 0) continue;
            const int64_t item = (int64_t)tg_dtype_size((tg_dtype)p->values[o->value].dtype);
            touch(c, o->value, now, 2 * i, (does->kind != K_GATHER || k > 0) && in_place(o, item), false);
        }
        if (does->kind == K_SEGMENT) run_segment(c, &p->segments[does->extra], now, 2 * i);
        if (where->out.value < 0) continue;
        const int64_t item = (int64_t)tg_dtype_size((tg_dtype)p->values[where->out.value].dtype);
        /* a loop reads an element before it writes it; a copy must not find its source at its destination */
        touch(c, where->out.value, now, does->kind == K_LOOP ? 2 * i + 1 : 2 * i, in_place(&where->out, item), true);
    }
    for (int32_t i = 0; i < g->n_totals; i++) touch(c, p->totals[g->totals + i].value, now, STEP - 2, false, true);
}

static void run_alone(checker *c, const step *st, int64_t now)
{
    const program *p = c->p;
    const value   *v = &p->values[st->value];
    for (int32_t k = 0; k < v->n_in; k++) {
        const value *x = &p->values[p->operands[v->in + k]];
        const int32_t memory = tg_memory_in(p, x, v->step);
        if (st->product >= 0) assert_true(memory == p->products[st->product].a || memory == p->products[st->product].b);
        touch(c, memory, now, 0, false, false);
    }
    const result_range all = tg_all_results(p, v); /* a call of an op with several results writes them all */
    for (int32_t r = all.first; r < all.end; r++) touch(c, r, now, 0, false, true);
}

static bool overlap(const use *a, const use *b) { return a->from < b->from + b->bytes && b->from < a->from + a->bytes; }

/* May b lie where a was? */
static bool follows(const use *a, const use *b)
{
    if (a->forever || a->last / STEP > b->first / STEP) return false;
    if (a->last / STEP < b->first / STEP) return true;
    return a->from == b->from && a->bytes == b->bytes && a->item == b->item && a->aligned_last && b->aligned_first && a->last < b->first;
}

static void check_pairs(checker *c)
{
    const program *p = c->p;
    for (size_t i = 0; i < p->n_values; i++) {
        const use *a = &c->uses[i];
        for (size_t k = 0; a->first != NEVER && k < i; k++) {
            const use *b = &c->uses[k];
            if (b->first == NEVER || !overlap(a, b)) continue;
            if (!follows(a, b) && !follows(b, a)) fail_msg("values %zu and %zu of a program lie one over the other", k, i);
            c->taken_over += a->last / STEP == b->first / STEP || b->last / STEP == a->first / STEP;
        }
    }
}

/* Partial results of chunks lie where no value does that is in use in their step. */
static void check_partials(const checker *c, const group *g)
{
    const program *p = c->p;
    for (int32_t i = 0; i < g->n_totals; i++) {
        const total *l = &p->totals[g->totals + i];
        const use   part = {.from = l->partial, .bytes = (size_t)l->room * l->reduce->accumulator * (size_t)g->chunks};
        assert_true(part.from + part.bytes <= p->bytes);
        for (size_t k = 0; k < p->n_values; k++) {
            const use *u = &c->uses[k];
            if (u->first != NEVER && overlap(u, &part)) assert_true(u->first / STEP > g->step || (!u->forever && u->last / STEP < g->step));
        }
        for (int32_t k = 0; k < i; k++) {
            const total *o = &p->totals[g->totals + k];
            assert_false(overlap(&part, &(use){.from = o->partial, .bytes = (size_t)o->room * o->reduce->accumulator * (size_t)g->chunks}));
        }
    }
}

/* No group computes a value twice. */
static void check_groups(const program *p)
{
    int32_t *in = calloc(p->n_values + 1, sizeof *in); /* by value: 1 + the last group that computes it */
    assert_non_null(in);
    for (size_t g = 0; g < p->n_groups; g++)
        for (int32_t i = p->groups[g].first; i >= 0; i = p->insts[i].next) {
            assert_int_not_equal(in[p->insts[i].value], g + 1);
            in[p->insts[i].value] = (int32_t)g + 1;
        }
    free(in);
}

/* How many results of the program take over an operand's place. */
static int check_program(const program *p)
{
    checker c = {.p = p, .uses = calloc(p->n_values + 1, sizeof *c.uses)};
    assert_non_null(c.uses);
    for (size_t i = 0; i < p->n_values; i++) c.uses[i].first = c.uses[i].last = NEVER;
    for (size_t i = 0; i < p->n_consts; i++) touch(&c, p->consts[i], 0, 0, false, true);
    for (size_t s = 0; s < p->n_steps; s++) /* those that run first, while nothing else is there */
        if (p->steps[s].early) touch(&c, p->steps[s].value, 0, 0, false, true);
    for (size_t s = 0; s < p->n_steps; s++) {
        const step *st = &p->steps[s];
        assert_int_equal(st->group >= 0 ? p->groups[st->group].step : p->values[st->value].step, s);
        if (st->group >= 0) run_group(&c, &p->groups[st->group], (int64_t)s);
        else run_alone(&c, st, (int64_t)s);
    }
    check_pairs(&c);
    for (size_t g = 0; g < p->n_groups; g++) check_partials(&c, &p->groups[g]);
    free(c.uses);
    check_groups(p);
    return c.taken_over;
}

static int computed_again(const program *p)
{
    int n = 0;
    for (size_t i = 0; i < p->n_values; i++) n += p->values[i].recomputed_as >= 0;
    return n;
}

/* ---- random graphs ------------------------------------------------------------------------------------------------ */

static tg_tape *tape_of(const char *evaluator, tg_dtype dtype, int threads)
{
    tg_tape *t = tg_tape_new(&(tg_tape_options){.silent = true, .seed = 5, .dtype = dtype, .evaluator = evaluator, .threads = threads});
    assert_non_null(t);
    return t;
}

/* Steps over graphs of all kinds of ops; what they compute is compared in test_evaluators. */
static void random_graphs(void **state)
{
    int taken_over = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        rg_world    w = {.tape = tape_of("fused", seed % 2 ? TG_F64 : TG_F32, 1)};
        rg_graph    g;
        tg_tensor  *v[RG_MOST] = {NULL}, *loss;
        uint64_t    z = seed;
        for (; w.n_params < RG_PARAMS; w.n_params++) {
            tg_shape shape = rg_shape_of(seed << 8 | seed % 5, &z);
            char     name[2] = {(char)('a' + w.n_params), 0};
            w.param[w.n_params] = tg_param(w.tape, name, rg_data(w.tape, seed % 2 ? TG_F64 : TG_F32, &shape, 0, rg_next(&z) | 1));
        }
        w.dry = true;
        rg_make(&g, &w, rg_next(&z), 0, (int)(seed % 5));
        w.dry = false;
        tg_clear_error(w.tape);
        for (int i = 0; i < g.n; i++) v[i] = rg_record(&g, i, &w, v, 0);
        for (int k = 0; k < g.n_wanted; k++) tg_want(v[g.wanted[k]]);
        tg_clear_error(w.tape);
        loss = rg_loss(&g, v);
        if (loss && tg_backward(loss) == TG_OK && tg_latest_program(w.tape)) taken_over += check_program(tg_latest_program(w.tape));
        tg_tape_free(w.tape);
    }
    assert_true(taken_over > 100);
}

/* ---- random networks ---------------------------------------------------------------------------------------------- */

/* Layers as they are stacked in practice, wide enough that their activations count. */
enum { LAYERS = 7, MOST_PARAMS = 8 * LAYERS };

typedef struct network {
    tg_tape   *t;
    tg_tensor *param[MOST_PARAMS], *x;
    int        n_params, used;
    uint64_t   z;
    int64_t    rows, width;
} network;

/* The next parameter: made in the first recording, the same in the others. */
static tg_tensor *parameter(network *n, const tg_shape *shape)
{
    char name[16];
    if (n->used == n->n_params) {
        snprintf(name, sizeof name, "%d", n->used);
        n->param[n->n_params++] = tg_param(n->t, name, tg_mul_s(rg_data(n->t, TG_F64, shape, 0, (uint64_t)n->used + 7), 0.1));
    }
    return n->param[n->used++];
}

static tg_tensor *linear(network *n, tg_tensor *x)
{
    tg_tensor *w = parameter(n, TG_SHAPE(n->width, n->width)), *b = parameter(n, TG_SHAPE(n->width));
    return tg_add(tg_matmul(x, w), b);
}

static tg_tensor *normalized(network *n, tg_tensor *x)
{
    tg_tensor *scale = parameter(n, TG_SHAPE(n->width)), *shift = parameter(n, TG_SHAPE(n->width));
    return tg_layer_norm(x, 1, tg_add_s(scale, 1), shift, 1e-5);
}

static tg_tensor *activation(network *n, tg_tensor *x)
{
    switch (rg_below(&n->z, 6)) {
    case 0: return tg_relu(x);
    case 1: return tg_tanh(x);
    case 2: return tg_gelu(x);
    case 3: return tg_leaky_relu(x, 0.1);
    case 4: return tg_square(x);
    default: return tg_gelu_tanh(x);
    }
}

/* Several groups compute the sum before the activation again. */
static tg_tensor *two_ways(network *n, tg_tensor *x)
{
    tg_tensor *sum = linear(n, x);
    tg_tensor *factor = tg_tanh(linear(n, tg_square(sum)));
    return tg_mul(linear(n, tg_gelu(sum)), factor);
}

static tg_tensor *layer(network *n, tg_tensor *x)
{
    switch (rg_below(&n->z, 8)) {
    case 7: return two_ways(n, x);
    case 0: return tg_add(x, linear(n, normalized(n, x)));
    case 1: x = normalized(n, x); return tg_add(tg_mul(linear(n, x), tg_sigmoid(linear(n, x))), linear(n, x)); /* three read one */
    case 2: return tg_add(x, activation(n, linear(n, x)));
    case 3: x = tg_want(activation(n, linear(n, x))); return linear(n, x);
    case 4: x = activation(n, tg_tanh(x)); return tg_matmul(x, tg_matmul(tg_transpose(x, 0, 1), tg_mul_s(x, 0.001))); /* read in two ways */
    case 5: x = activation(n, linear(n, x)); n->used -= 2; return linear(n, x); /* the same weights twice */
    default: return normalized(n, activation(n, linear(n, x)));
    }
}

static tg_tensor *record(network *n, uint64_t seed)
{
    tg_tensor *x = n->x;
    n->z = seed;
    n->used = 0;
    for (int i = 0; i < LAYERS; i++) x = layer(n, x);
    return tg_mean(tg_square(normalized(n, x)), TG_ALL_AXES, false);
}

static void open_network(network *n, const char *evaluator, int threads, uint64_t seed)
{
    uint64_t z = seed;
    *n = (network){.t = tape_of(evaluator, TG_F64, threads), .rows = 70 + rg_below(&z, 40), .width = 60 + rg_below(&z, 30)};
    n->x = tg_keep(rg_data(n->t, TG_F64, TG_SHAPE(n->rows, n->width), 0, 3));
    assert_non_null(n->x);
}

static void compare(tg_tensor *a, tg_tensor *b, uint64_t seed, int which)
{
    const double *x = tg_data_f64(a), *y = tg_data_f64(b);
    double        scale = 1e-3;
    assert_true(x && y);
    for (int64_t i = 0; i < tg_numel(a); i++) scale = fabs(y[i]) > scale ? fabs(y[i]) : scale;
    for (int64_t i = 0; i < tg_numel(a); i++)
        if (!(fabs(x[i] - y[i]) <= 1e-9 * scale)) fail_msg("network %d, gradient %d: %.17g, not %.17g", (int)seed, which, x[i], y[i]);
}

static void random_networks(void **state)
{
    int again = 0, taken_over = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        network n[2];
        open_network(&n[0], "fused", seed % 2 ? TEAM : 1, seed);
        open_network(&n[1], "reference", 1, seed);
        for (int round = 0; round < 2; round++) { /* the second adds to the gradients that are there */
            for (int side = 0; side < 2; side++) assert_int_equal(tg_backward(record(&n[side], seed)), TG_OK);
            again += computed_again(tg_latest_program(n[0].t));
            taken_over += check_program(tg_latest_program(n[0].t));
            for (int side = 0; side < 2; side++) tg_reset(n[side].t);
        }
        const int64_t plans = tg_stats(n[0].t).plans_made;
        for (int side = 0; side < 2; side++) { /* a program with second computations is found again */
            assert_int_equal(tg_backward(tg_add_s(record(&n[side], seed), 0)), TG_OK);
            tg_reset(n[side].t);
            assert_int_equal(tg_backward(record(&n[side], seed)), TG_OK);
        }
        assert_int_equal(tg_stats(n[0].t).plans_made, plans + 1);
        for (int i = 0; i < n[0].n_params; i++) compare(tg_grad_of(n[0].param[i]), tg_grad_of(n[1].param[i]), seed, i);
        for (int side = 0; side < 2; side++) tg_tape_free(n[side].t);
    }
    assert_true(again > 40 && taken_over > 200);
}

/* ---- results in the place of operands ----------------------------------------------------------------------------- */

enum { SIDE = 300 };

/* Computes outputs of a = x x on both evaluators, compares them, and tells how many took over another value's place. */
static int with_product(void (*outputs)(tg_tensor *a, tg_tensor **y), int threads)
{
    tg_tape   *t[2] = {tape_of("fused", TG_F64, threads), tape_of("reference", TG_F64, 1)};
    tg_tensor *y[2][2] = {{NULL}};
    for (int side = 0; side < 2; side++) {
        tg_tensor *x = rg_data(t[side], TG_F64, TG_SHAPE(SIDE, SIDE), 0, 11);
        outputs(tg_matmul(x, x), y[side]);
        assert_int_equal(tg_eval(y[side], y[side][1] ? 2 : 1), TG_OK);
    }
    const int taken_over = check_program(tg_latest_program(t[0]));
    for (int k = 0; k < 2 && y[0][k]; k++) compare(tg_to(y[0][k], TG_F64), tg_to(y[1][k], TG_F64), 0, k);
    for (int side = 0; side < 2; side++) tg_tape_free(t[side]);
    return taken_over;
}

static void used_once(tg_tensor *a, tg_tensor **y) { y[0] = tg_exp(tg_mul_s(a, 0.001)); }
static void read_later(tg_tensor *a, tg_tensor **y) /* the first result comes too early, the second is the last to read a */
{
    y[0] = tg_tanh(a);
    y[1] = tg_mul(y[0], a);
}
static void wanted_too(tg_tensor *a, tg_tensor **y)
{
    y[0] = tg_tanh(a);
    y[1] = a;
}
static void read_across(tg_tensor *a, tg_tensor **y) { y[0] = tg_mul(tg_tanh(a), tg_transpose(a, 0, 1)); }
static void read_as_rows(tg_tensor *a, tg_tensor **y) { y[0] = tg_mul(tg_tanh(a), tg_select(a, 0, SIDE / 2)); }
static void read_as_columns(tg_tensor *a, tg_tensor **y) { y[0] = tg_mul(tg_tanh(a), tg_slice(a, 1, 7, 8, 1)); }
static void read_as_number(tg_tensor *a, tg_tensor **y) { y[0] = tg_mul(tg_tanh(a), tg_slice(tg_select(a, 0, 5), 0, 9, 10, 1)); }
static void of_other_size(tg_tensor *a, tg_tensor **y) { y[0] = tg_gt(a, tg_zeros_like(a)); }
static void reduced_before(tg_tensor *a, tg_tensor **y)
{
    y[0] = tg_sum(a, TG_AXES(0), false);
    y[1] = tg_div(a, tg_add_s(tg_sum(tg_square(a), TG_AXES(-1), true), 1));
}
static void reduced_after(tg_tensor *a, tg_tensor **y)
{
    y[0] = tg_div(a, tg_add_s(tg_sum(tg_square(a), TG_AXES(-1), true), 1));
    y[1] = tg_sum(a, TG_AXES(0), false);
}

static void places_of_operands(void **state)
{
    (void)state;
    for (int threads = 1; threads <= TEAM; threads++) {
        assert_int_equal(with_product(used_once, threads), 1);
        assert_int_equal(with_product(read_later, threads), 1);
        assert_int_equal(with_product(wanted_too, threads), 0);
        assert_int_equal(with_product(read_across, threads), 0);
        assert_int_equal(with_product(read_as_rows, threads), 0);
        assert_int_equal(with_product(read_as_columns, threads), 0);
        assert_int_equal(with_product(read_as_number, threads), 0);
        assert_int_equal(with_product(of_other_size, threads), 0);
        assert_int_equal(with_product(reduced_before, threads), 1);
        assert_int_equal(with_product(reduced_after, threads), 0);
    }
}

/* ---- how much ----------------------------------------------------------------------------------------------------- */

enum { ROWS = 256, WIDE = 128, ACTIVATION = ROWS * WIDE * 8 };

typedef tg_tensor *(*layer_fn)(network *n, tg_tensor *x);

static tg_tensor *relu_layer(network *n, tg_tensor *x) { return tg_relu(linear(n, x)); }
static tg_tensor *gelu_layer(network *n, tg_tensor *x) { return tg_gelu_tanh(linear(n, x)); }
static tg_tensor *norm_layer(network *n, tg_tensor *x) { return tg_add(x, linear(n, normalized(n, x))); }

static size_t bytes_of_layers(layer_fn f, int count)
{
    network    n = {.t = tape_of("fused", TG_F64, 1), .rows = ROWS, .width = WIDE};
    tg_tensor *x = tg_keep(rg_data(n.t, TG_F64, TG_SHAPE(ROWS, WIDE), 0, 3));
    for (int i = 0; i < count; i++) x = f(&n, x);
    assert_int_equal(tg_backward(tg_mean(tg_square(x), TG_ALL_AXES, false)), TG_OK);
    check_program(tg_latest_program(n.t));
    const size_t bytes = tg_latest_program(n.t)->bytes;
    tg_tape_free(n.t);
    return bytes;
}

/* One activation for each further layer, and a few under way. */
static void layers_keep_one_activation(void **state)
{
    const layer_fn layers[] = {relu_layer, gelu_layer, norm_layer};
    (void)state;
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        const size_t eight = bytes_of_layers(layers[i], 8), twelve = bytes_of_layers(layers[i], 12);
        assert_in_range(twelve - eight, 1, 4 * ACTIVATION + ACTIVATION / 4);
        assert_in_range(twelve, 1, (12 + 7) * ACTIVATION);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_graphs),
        cmocka_unit_test(random_networks),
        cmocka_unit_test(places_of_operands),
        cmocka_unit_test(layers_keep_one_activation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
