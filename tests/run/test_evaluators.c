/* test_evaluators.c - the fused evaluator against the reference: random training runs, recorded on two tapes with the same seed, give the
 * same values, gradients, statuses and parameters. Several graphs take turns, sizes are ragged, data and numbers change from step to
 * step, parameters go and come.
 *
 * TAPEGRAD_FUZZ=n runs n scenarios instead of the usual few thousand; TAPEGRAD_FUZZ_SEED=s starts at scenario s. A scenario that fails is
 * made smaller, by leaving out steps and instructions while it still fails, and printed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random_graph.h"

enum { SCENARIOS = 5000, GRAPHS = 6, STEPS = 6, FUSED = 0, REFERENCE = 1, DRY = 2, SIDES = 3 };

/* A scenario, and how much of it is run. */
typedef struct scenario {
    uint64_t seed;
    int      steps;
    bool     off[GRAPHS][RG_MOST];
    bool     print;

    /* while it runs */
    rg_world  side[SIDES];
    tg_optim *opt[SIDES];
    tg_shape  param[RG_PARAMS];
    rg_graph  graph[GRAPHS];
    int       n_graphs, made; /* made: ever */
    int       size, now;      /* the step */
    bool      single, nan; /* f32, NaN occurred: a NaN times what is 0 but for rounding is 0 or NaN */
    double    tolerance;
    const rg_graph *current;
    tg_tensor *value[SIDES][RG_MOST];
    bool      failed;
    char      why[600];
} scenario;

/* ---- comparing ---------------------------------------------------------------------------------------------------- */

static void disagree(scenario *s, const char *format, ...)
{
    va_list args;
    if (s->failed) return;
    s->failed = true;
    va_start(args, format);
    int n = snprintf(s->why, sizeof s->why, "step %d: ", s->now);
    vsnprintf(s->why + n, sizeof s->why - (size_t)n, format, args);
    va_end(args);
}

static double element(const void *p, tg_dtype d, int64_t i)
{
    switch (d) {
    case TG_F32: return (double)((const float *)p)[i];
    case TG_F64: return ((const double *)p)[i];
    case TG_I64: return (double)((const int64_t *)p)[i];
    case TG_I32: return (double)((const int32_t *)p)[i];
    case TG_I16: return (double)((const int16_t *)p)[i];
    default: return (double)((const uint8_t *)p)[i];
    }
}

/* Equal up to the tolerance, relative to the largest element. */
static void compare_numbers(scenario *s, const void *a, const void *b, tg_dtype d, int64_t n, const char *what, int which)
{
    double scale = 1;
    for (int64_t i = 0; i < n; i++) {
        const double x = fabs(element(b, d, i));
        if (isfinite(x) && x > scale) scale = x;
    }
    for (int64_t i = 0; i < n; i++) {
        const double x = element(a, d, i), y = element(b, d, i);
        const bool   same = x == y || (isnan(x) && isnan(y)) || fabs(x - y) <= s->tolerance * scale || (s->nan && isnan(x + y));
        if (same) continue;
        disagree(s, "%s %d: element %lld of %lld (%s) is %.17g, not %.17g", what, which, (long long)i, (long long)n,
                 tg_dtype_name(d), x, y);
        return;
    }
}

static void compare_errors(scenario *s, tg_status a, tg_status b, const char *what)
{
    tg_tape    *x = s->side[FUSED].tape, *y = s->side[REFERENCE].tape;
    const char *p = tg_error(x), *q = tg_error(y);
    if (a != b) disagree(s, "%s: %s, not %s (%s | %s)", what, tg_status_name(a), tg_status_name(b), p ? p : "-", q ? q : "-");
    else if (!p != !q || (p && strcmp(p, q))) disagree(s, "%s: '%s', not '%s'", what, p ? p : "-", q ? q : "-");
    tg_clear_error(x);
    tg_clear_error(y);
}

static void compare(scenario *s, tg_tensor *a, tg_tensor *b, const char *what, int which)
{
    if (s->failed) return;
    if (!a != !b) disagree(s, "%s %d: %s", what, which, a ? "is there" : "is missing");
    if (!a || !b) return;
    if (tg_dtype_of(a) != tg_dtype_of(b) || tg_numel(a) != tg_numel(b)) disagree(s, "%s %d: shape or dtype differ", what, which);
    const void *x = tg_data(a), *y = tg_data(b);
    if (!x != !y) disagree(s, "%s %d: value %s (%s)", what, which, x ? "is there" : "is missing",
                           tg_error(s->side[x ? REFERENCE : FUSED].tape));
    if (!x || !y) compare_errors(s, TG_OK, TG_OK, what);
    if (x && y && !s->failed) compare_numbers(s, x, y, tg_dtype_of(a), tg_numel(a), what, which);
}

static void compare_value(scenario *s, int i, const char *what) { compare(s, s->value[FUSED][i], s->value[REFERENCE][i], what, i); }

/* ---- a scenario's set-up ------------------------------------------------------------------------------------------ */

static tg_dtype dtype_of(const scenario *s) { return s->seed % 2 ? TG_F64 : TG_F32; }

static void new_param(scenario *s, int k, const tg_shape *shape, uint64_t seed)
{
    s->param[k] = *shape;
    for (int side = 0; side < SIDES; side++) {
        char      name[40];
        rg_world *w = &s->side[side];
        snprintf(name, sizeof name, "p%d.%llu", k, (unsigned long long)seed);
        w->param[k] = tg_param(w->tape, name, rg_data(w->tape, dtype_of(s), shape, 0, seed | 1));
        assert_non_null(w->param[k]);
        if (k >= w->n_params) w->n_params = k + 1;
    }
}

static void make_graph(scenario *s, int at, uint64_t seed, int variant)
{
    rg_make(&s->graph[at], &s->side[DRY], seed, variant, s->size);
    for (int i = 0; i < s->graph[at].n; i++) s->graph[at].list[i].off = s->off[at][i];
}

static void make_graphs(scenario *s, uint64_t seed)
{
    s->n_graphs = 1 + (int)(seed % 3);
    for (int k = 0; k < s->n_graphs; k++) make_graph(s, k, k < 2 ? seed : seed + 1, k == 1);
}

static void set_up(scenario *s)
{
    static const char *const compile[] = {"at once", "soon", "never"};
    uint64_t  z = s->seed * 77;
    const int percent = (int)rg_below(&z, 100);
    s->size = percent < 57 ? 0 : percent < 62 ? 6 : percent < 78 ? 1 : percent < 84 ? 2 : percent < 88 ? 3 : percent < 92 ? 4 : 5;
    for (int side = 0; side < SIDES; side++) {
        s->side[side] = (rg_world){.dry = side == DRY};
        s->side[side].tape = tg_tape_new(&(tg_tape_options){.silent = true, .seed = s->seed, .dtype = dtype_of(s),
                                                             .evaluator = side == FUSED ? "fused" : "reference",
                                                             .compile = compile[s->seed % 3]});
        assert_non_null(s->side[side].tape);
        const double momentum = s->seed % 3 ? 0 : 0.5;
        s->opt[side] = tg_sgd(s->side[side].tape, &(tg_sgd_options){.lr = 0.01, .momentum = momentum});
    }
    const uint64_t family = (rg_next(&z) << 8) | (uint64_t)s->size;
    for (int k = 0, n = 1 + (int)rg_below(&z, RG_PARAMS); k < n; k++) {
        tg_shape shape = rg_shape_of(family, &z);
        new_param(s, k, &shape, rg_next(&z) % 1000);
    }
    make_graphs(s, rg_next(&z));
}

/* ---- a step ------------------------------------------------------------------------------------------------------- */

/* Records the graph on both tapes; values marked `read` are read in between. */
static void record(scenario *s, const rg_graph *g)
{
    s->current = g;
    s->single = s->single || g->single; /* gradients last from step to step */
    s->tolerance = s->single ? 1e-4 : s->size < 2 ? 1e-12 : 1e-11; /* plain sums of 40,000 numbers round more */
    memset(s->value, 0, sizeof s->value);
    for (int i = 0; i < g->n && !s->failed; i++) {
        for (int side = 0; side <= REFERENCE; side++) s->value[side][i] = rg_record(g, i, &s->side[side], s->value[side], s->now);
        if (!s->value[FUSED][i] != !s->value[REFERENCE][i]) disagree(s, "value %d: recorded by one only", i);
        if (g->list[i].read) compare_value(s, i, "value read early");
    }
    compare_errors(s, TG_OK, TG_OK, "recording");
}

static void compare_gradients(scenario *s, const rg_graph *g)
{
    for (int k = 0; k < s->side[FUSED].n_params; k++)
        compare(s, tg_grad_of(s->side[FUSED].param[k]), tg_grad_of(s->side[REFERENCE].param[k]), "gradient of parameter", k);
    for (int i = 0; i < g->n; i++)
        if (g->list[i].grad) compare(s, tg_grad_of(s->value[FUSED][i]), tg_grad_of(s->value[REFERENCE][i]), "gradient of value", i);
}

/* The parameters are compared, and made equal bit for bit. */
static void compare_params(scenario *s)
{
    for (int k = 0; k < s->side[FUSED].n_params && !s->failed; k++) {
        tg_tensor *a = s->side[FUSED].param[k], *b = s->side[REFERENCE].param[k];
        compare(s, a, b, "parameter", k);
        if (s->failed) return;
        const size_t bytes = (size_t)tg_numel(b) * tg_dtype_size(tg_dtype_of(b));
        assert_int_equal(tg_copy_from(a, tg_data(b), bytes), TG_OK);
        assert_int_equal(tg_copy_from(b, tg_data(b), bytes), TG_OK); /* both were written */
    }
}

static tg_status backward_both(scenario *s, tg_tensor *const *y, tg_tensor *const *seed, const char *what)
{
    tg_status status[2];
    for (int side = 0; side < 2; side++) status[side] = seed ? tg_backward_seed(y[side], seed[side]) : tg_backward(y[side]);
    compare_errors(s, status[FUSED], status[REFERENCE], what);
    return status[FUSED];
}

/* Some value as an output of its own, with a random seed. */
static void backward_from(scenario *s, const rg_graph *g, uint64_t *z)
{
    const int  i = (int)rg_below(z, g->n);
    tg_tensor *y[2] = {s->value[FUSED][i], s->value[REFERENCE][i]}, *seed[2];
    const uint64_t data = rg_next(z);
    if (!y[0] || !tg_requires_grad(y[0])) return;
    for (int side = 0; side < 2; side++)
        seed[side] = rg_data(s->side[side].tape, tg_dtype_of(y[side]), tg_shape_of(y[side]), 0, data);
    backward_both(s, y, seed, "tg_backward_seed");
}

/* A loss may depend on other leaves alone: then there is no gradient to step with. */
static void step_both(scenario *s)
{
    tg_status status[2];
    for (int side = 0; side < 2; side++) status[side] = tg_step(s->opt[side]);
    assert_true(status[REFERENCE] == TG_OK || status[REFERENCE] == TG_ERR_GRAD);
    compare_errors(s, status[FUSED], status[REFERENCE], "tg_step");
}

static void train(scenario *s, const rg_graph *g, uint64_t *z)
{
    tg_tensor *loss[2];
    for (int side = 0; side < 2; side++) {
        loss[side] = rg_loss(g, s->value[side]);
        for (int k = 0; k < g->n_wanted; k++) tg_want(s->value[side][g->wanted[k]]);
    }
    if (!loss[FUSED] || backward_both(s, loss, NULL, "tg_backward") != TG_OK) return;
    compare(s, loss[FUSED], loss[REFERENCE], "loss", 0);
    s->nan = s->nan || isnan(tg_item(loss[REFERENCE]));
    if (rg_chance(z, 25)) compare_gradients(s, g);
    if (rg_chance(z, 25)) backward_both(s, loss, NULL, "second tg_backward");
    if (rg_chance(z, 25)) backward_from(s, g, z);
    if (rg_chance(z, 30)) compare_value(s, (int)rg_below(z, g->n), "value after backward");
    compare_gradients(s, g);
    if (rg_chance(z, 60)) step_both(s);
    compare_params(s);
    for (int k = 0; k < g->n_wanted; k++) compare_value(s, g->wanted[k], "wanted value");
}

static void evaluate(scenario *s, const rg_graph *g, uint64_t *z)
{
    tg_tensor *root[2][4];
    int        at[4], n = 0;
    tg_status  status[2];
    for (int k = 0, most = 1 + (int)rg_below(z, 4); k < most; k++) {
        at[n] = (int)rg_below(z, g->n);
        for (int side = 0; side < 2; side++) root[side][n] = s->value[side][at[n]];
        n += root[FUSED][n] != NULL;
    }
    for (int side = 0; side < 2; side++) status[side] = tg_eval(root[side], n);
    compare_errors(s, status[FUSED], status[REFERENCE], "tg_eval");
    for (int k = 0; k < n; k++) compare_value(s, at[k], "value");
}

/* tg_grad of the loss, its results read. */
static void differentiate(scenario *s, const rg_graph *g)
{
    tg_tensor *loss[2], *grads[2][RG_PARAMS] = {{NULL}};
    tg_status  status[2];
    const int  n = s->side[FUSED].n_params;
    for (int side = 0; side < 2; side++) {
        loss[side] = rg_loss(g, s->value[side]);
        status[side] = loss[side] ? tg_grad(&loss[side], NULL, 1, s->side[side].param, n, false, grads[side]) : TG_OK;
    }
    compare_errors(s, status[FUSED], status[REFERENCE], "tg_grad");
    if (loss[FUSED]) compare(s, loss[FUSED], loss[REFERENCE], "loss", 0);
    if (loss[REFERENCE]) s->nan = s->nan || isnan(tg_item(loss[REFERENCE]));
    tg_clear_error(s->side[REFERENCE].tape);
    for (int k = 0; k < n; k++) compare(s, grads[FUSED][k], grads[REFERENCE][k], "tg_grad of parameter", k);
}

/* What happens between two steps. */
static void between(scenario *s, uint64_t *z)
{
    const bool release = rg_chance(z, 70), forget = rg_chance(z, 30);
    for (int side = 0; side < SIDES; side++) {
        rg_world *w = &s->side[side];
        for (int k = 0; k < w->n_kept && release; k++) assert_int_equal(tg_release(w->kept[k]), TG_OK);
        if (release) w->n_kept = 0;
        if (forget) assert_int_equal(tg_zero_grad(w->tape), TG_OK);
        assert_int_equal(tg_reset(w->tape), TG_OK);
    }
    if (!rg_chance(z, 15)) return;
    const int      k = (int)rg_below(z, s->side[DRY].n_params);
    const uint64_t family = (rg_next(z) << 8) | (uint64_t)s->size, seed = rg_next(z);
    tg_shape       shape = rg_chance(z, 50) ? s->param[k] : rg_shape_of(family, z);
    for (int side = 0; side < SIDES; side++) assert_int_equal(tg_release(s->side[side].param[k]), TG_OK);
    new_param(s, k, &shape, seed % 1000 + (uint64_t)s->now * 1000 + 1000);
    make_graphs(s, seed);
}

static void step(scenario *s)
{
    uint64_t        z = s->seed * 1000 + (uint64_t)s->now;
    const rg_graph *g = &s->graph[rg_chance(&z, 60) ? 0 : rg_below(&z, s->n_graphs)];
    const int       mode = (int)rg_below(&z, 100);
    for (int side = 0; side < 2; side++) tg_set_grad_enabled(s->side[side].tape, mode < 80);
    record(s, g);
    if (s->failed) return;
    if (mode < 72) train(s, g, &z);
    else if (mode < 80) differentiate(s, g);
    else evaluate(s, g, &z);
    if (!s->failed) between(s, &z);
}

/* ---- running, and making smaller ---------------------------------------------------------------------------------- */

static bool agrees(scenario *s)
{
    s->failed = s->single = s->nan = false;
    s->n_graphs = 0;
    set_up(s);
    for (s->now = 0; s->now < s->steps && !s->failed; s->now++) step(s);
    if (s->failed && s->print) {
        fprintf(stderr, "scenario %llu: %s\n", (unsigned long long)s->seed, s->why);
        for (int k = 0; k < s->n_graphs; k++) {
            if (&s->graph[k] != s->current) continue;
            fprintf(stderr, " graph %d\n", k);
            rg_print(&s->graph[k], s->value[REFERENCE]);
        }
    }
    for (int side = 0; side < SIDES; side++) tg_tape_free(s->side[side].tape);
    return !s->failed;
}

/* Leaves out whatever is not needed to fail. */
static void reduce(scenario *s)
{
    for (int n = 1; n < s->steps; n++) {
        const int was = s->steps;
        s->steps = n;
        if (!agrees(s)) break;
        s->steps = was;
    }
    for (int round = 0; round < 2; round++)
        for (int g = 0; g < GRAPHS; g++)
            for (int i = RG_MOST - 1; i >= 0; i--) {
                if (s->off[g][i] || g >= s->n_graphs || i >= s->graph[g].n) continue;
                s->off[g][i] = true;
                if (agrees(s)) s->off[g][i] = false;
            }
    s->print = true;
    agrees(s);
}

static int64_t number_from(const char *name, int64_t otherwise)
{
    const char *text = getenv(name);
    return text && *text ? strtoll(text, NULL, 10) : otherwise;
}

static void run_scenario(scenario *s, uint64_t seed, int *bad)
{
    *s = (scenario){.seed = seed, .steps = 1 + (int)(seed % STEPS)};
    if (agrees(s)) return;
    ++*bad;
    fprintf(stderr, "scenario %llu: %s\n", (unsigned long long)s->seed, s->why);
    reduce(s);
}

/* Scenarios in which the evaluators once disagreed. */
static void test_found_before(void **state)
{
    static const uint64_t seeds[] = {
        874, 2385, 2691, /* a gradient read, and so made contiguous, between two backwards of a program that is replayed */
        1151,            /* a reduction changed the columns of a group in which columns were computed */
        16207,           /* a slice of what is computed again in the same group */
        106227,          /* a gradient of few rows added in place, once for each piece of long rows */
    };
    int       bad = 0;
    scenario *s = calloc(1, sizeof *s);
    (void)state;
    assert_non_null(s);
    for (size_t k = 0; k < sizeof seeds / sizeof *seeds; k++) run_scenario(s, seeds[k], &bad);
    free(s);
    assert_int_equal(bad, 0);
}

static void test_random_graphs(void **state)
{
    const int64_t n = number_from("TAPEGRAD_FUZZ", SCENARIOS), first = number_from("TAPEGRAD_FUZZ_SEED", 1);
    int           bad = 0;
    scenario     *s = calloc(1, sizeof *s);
    (void)state;
    assert_non_null(s);
    for (int64_t k = 0; k < n && bad < 5; k++) run_scenario(s, (uint64_t)(first + k), &bad);
    free(s);
    assert_int_equal(bad, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found_before),
        cmocka_unit_test(test_random_graphs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
