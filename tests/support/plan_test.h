/* plan_test.h - runs the planner's passes one by one, up to the one under test, and finds in the program what became of a tensor. */
#ifndef PLAN_TEST_H
#define PLAN_TEST_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "plan/program.h"
#include <tapegrad_op.h>

typedef struct env {
    tg_tape   *t;
    tg_plan    plan;
    program   *p;
    tg_tensor *x, *w, *row, *column; /* kept: [128,64], [64,64], [64], [128,1] */
} env;

static inline int set_up(void **state)
{
    env *e = calloc(1, sizeof *e);
    assert_non_null(e);
    e->t = tg_tape_new(&(tg_tape_options){.silent = true, .seed = 3, .evaluator = "fused"});
    assert_non_null(e->t);
    e->x = tg_keep(tg_randn(e->t, TG_SHAPE(128, 64)));
    e->w = tg_param(e->t, "w", tg_randn(e->t, TG_SHAPE(64, 64)));
    e->row = tg_param(e->t, "row", tg_randn(e->t, TG_SHAPE(64)));
    e->column = tg_keep(tg_randn(e->t, TG_SHAPE(128, 1)));
    assert_true(e->x && e->w && e->row && e->column);
    *state = e;
    return 0;
}

static inline int tear_down(void **state)
{
    env *e = *state;
    assert_null(tg_error(e->t));
    if (e->p) tg_free_program(e->t, e->p);
    tg_tape_free(e->t);
    free(e);
    return 0;
}

/* ---- running passes ----------------------------------------------------------------------------------------------- */

static inline void order(env *e, tg_tensor *const *roots, int n)
{
    static tg_node *node[8]; /* the plan refers to them */
    assert_true(n <= 8);
    for (int i = 0; i < n; i++) {
        assert_non_null(roots[i]);
        node[i] = tg_node_of(roots[i]);
    }
    assert_int_equal(tg_plan_make(e->t, node, (size_t)n, &e->plan), TG_OK);
}

static inline void assert_unmarked(const env *e)
{
    for (size_t i = 0; i < e->plan.n; i++) assert_int_equal(e->plan.order[i]->mark, 0);
}

static inline void make_values(env *e, tg_tensor *const *roots, int n)
{
    order(e, roots, n);
    if (e->p) tg_free_program(e->t, e->p);
    e->p = tg_new_program(e->t);
    assert_non_null(e->p);
    assert_int_equal(tg_make_values(e->t, &e->plan, e->p), TG_OK);
    tg_check_placed(e->p, &e->plan);
    assert_int_equal(tg_mark_roots(e->t, &e->plan, e->p), TG_OK);
    tg_forget_marks(&e->plan, e->p);
    assert_unmarked(e);
}

static inline void make_groups(env *e, tg_tensor *const *roots, int n)
{
    make_values(e, roots, n);
    assert_int_equal(tg_make_groups(e->t, e->p), TG_OK);
    assert_int_equal(tg_compute_again(e->t, e->p), TG_OK);
    assert_int_equal(tg_drop_unread(e->t, e->p), TG_OK);
}

static inline void make_all(env *e, tg_tensor *const *roots, int n)
{
    make_groups(e, roots, n);
    assert_int_equal(tg_emit(e->t, e->p), TG_OK);
}

#define ROOTS(...) (tg_tensor *[]){__VA_ARGS__}, (int)(sizeof((tg_tensor *[]){__VA_ARGS__}) / sizeof(tg_tensor *))

/* The value of a tensor. */
static inline value *value_of(const env *e, const tg_tensor *x)
{
    for (size_t i = 0; i < e->p->n_values; i++)
        if (e->p->values[i].node == tg_node_of(x)) return &e->p->values[i];
    fail_msg("a tensor has no value");
    return NULL;
}

/* The last value that this op computes. */
static inline value *value_by(const env *e, const char *op)
{
    for (size_t i = e->p->n_values; i-- > 0;)
        if (e->p->values[i].op && e->p->values[i].kind == V_REAL && !strcmp(e->p->values[i].op->name, op)) return &e->p->values[i];
    fail_msg("there is no %s", op);
    return NULL;
}

static inline int32_t number_of(const env *e, const value *v) { return (int32_t)(v - e->p->values); }
static inline const value *operand_of(const env *e, const value *v, int k) { return &e->p->values[e->p->operands[v->in + k]]; }
static inline const group *group_of(const env *e, const value *v)
{
    const step *s = &e->p->steps[v->step];
    return s->group < 0 ? NULL : &e->p->groups[s->group];
}

/* Groups that compute something, and steps of their own. */
static inline int groups_in(const env *e)
{
    int n = 0;
    for (size_t i = 0; i < e->p->n_groups; i++) n += e->p->groups[i].count > 0;
    return n;
}
static inline int others_in(const env *e) { return (int)(e->p->n_steps - e->p->n_groups); }

/* ---- groups ------------------------------------------------------------------------------------------------------- */

/* Ops of a user, who says of them what the library says of its own. */
static inline tg_tensor *no_rule(const tg_call *c, int i, tg_tensor *g)
{
    (void)c, (void)i;
    return g;
}

#endif
