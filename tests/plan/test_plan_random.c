/* test_plan_random.c - all of the planner's passes on random graphs, for what has to be true of any program. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "plan/program.h"
#include "random_graph.h"
#include "plan_test.h"

/* ---- any program -------------------------------------------------------------------------------------------------- */

/* Operand b of a step is there when the step runs, and its memory is still its own. */
static void check_read(const program *p, const value *b, int32_t at, bool early)
{
    if (b->kind == V_INPUT || b->kind == V_CONST) return;
    while (b->dest >= 0) b = &p->values[b->dest];
    assert_true(b->kind == V_REAL && b->stored && b->step >= 0);
    const bool ready = p->steps[b->step].early || b->step < at || (b->sum && b->step <= at);
    if (early || !ready) fail_msg("step %d reads what step %d computes", (int)at, (int)b->step);
    if (!b->placed && !b->root && b->last_read < at) fail_msg("step %d reads what goes after step %d", (int)at, (int)b->last_read);
}

/* Members of a group read each other's tiles, in order, and never totals. */
static void check_group(const program *p, const group *g, int32_t *member, int32_t number)
{
    for (int32_t i = g->first; i >= 0; i = p->insts[i].next) member[p->insts[i].value] = number;
    for (int32_t i = g->first; i >= 0; i = p->insts[i].next) {
        const value *v = &p->values[p->insts[i].value];
        for (int32_t k = 0; k < v->n_in; k++) {
            const int32_t b = p->values[p->operands[v->in + k]].base;
            const bool    inside = member[b] == number && (p->values[b].step == g->step || !p->values[b].stored);
            if (inside && b >= p->insts[i].value) fail_msg("value %d reads %d before it is computed", (int)p->insts[i].value, (int)b);
            if (!inside) check_read(p, &p->values[b], g->step, false);
            else if (p->values[b].step == g->step) assert_int_not_equal(p->insts[p->values[b].inst].cls, C_TOTAL);
        }
    }
}

static void check_program(const program *p)
{
    int32_t *member = malloc((p->n_values + 1) * sizeof *member);
    assert_non_null(member);
    for (size_t i = 0; i < p->n_values; i++) member[i] = -1;
    for (size_t i = 0; i < p->n_values; i++) {
        const value *v = &p->values[i];
        for (int32_t k = 0; k < v->n_in; k++) assert_true(p->operands[v->in + k] < (int32_t)i);
        assert_true(v->base <= (int32_t)i && p->values[v->base].kind != V_VIEW);
        assert_true(v->kind != V_REAL || (v->step >= 0 && v->step < (int32_t)p->n_steps));
    }
    for (size_t s = 0; s < p->n_steps; s++) {
        const step *st = &p->steps[s];
        if (st->group >= 0) {
            check_group(p, &p->groups[st->group], member, st->group);
            continue;
        }
        const value *v = &p->values[st->value];
        for (int32_t k = 0; k < v->n_in; k++) check_read(p, &p->values[p->values[p->operands[v->in + k]].base], (int32_t)s, st->early);
    }
    for (size_t i = 0; i < p->n_roots; i++) assert_true(p->values[p->values[p->roots[i]].base].stored);
    free(member);
}

/* Random graphs with the gradients of their loss. Returns how many values have memory. */
static int random_program(uint64_t seed)
{
    env        e = {0};
    rg_graph   graph;
    rg_world   w = {.dry = true};
    tg_tensor *made[RG_MOST] = {NULL}, *roots[8], *grad[RG_PARAMS];
    uint64_t   z = seed * 31 + 1;
    int        n = 0, stored = 0;
    const int  size = (int)(seed % 7);
    e.t = w.tape = tg_tape_new(&(tg_tape_options){.silent = true, .seed = seed, .evaluator = "fused"});
    assert_non_null(e.t);
    for (; w.n_params < 2; w.n_params++) {
        const tg_shape shape = rg_shape_of(seed << 8 | (uint64_t)size, &z);
        w.param[w.n_params] = tg_param(e.t, w.n_params ? "b" : "a", rg_data(e.t, TG_F32, &shape, 0, rg_next(&z)));
        assert_non_null(w.param[w.n_params]);
    }
    rg_make(&graph, &w, seed, 0, size);
    for (int i = 0; i < graph.n; i++) made[i] = rg_record(&graph, i, &w, made, 0);
    tg_tensor *loss = rg_loss(&graph, made);
    if (loss && tg_grad(&loss, NULL, 1, w.param, w.n_params, false, grad) == TG_OK)
        for (int k = 0; k < w.n_params; k++) roots[n++] = grad[k];
    for (int k = 0; k < graph.n_wanted; k++)
        if (made[graph.wanted[k]]) roots[n++] = made[graph.wanted[k]];
    if (loss) roots[n++] = loss;
    tg_clear_error(e.t);
    make_all(&e, roots, n);
    check_program(e.p);
    for (size_t i = 0; i < e.p->n_values; i++) stored += tg_has_memory(&e.p->values[i]);
    tg_free_program(e.t, e.p);
    tg_tape_free(e.t);
    return stored;
}

static void test_random_programs(void **state)
{
    int stored = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 400; seed++) stored += random_program(seed);
    assert_true(stored > 4000);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
