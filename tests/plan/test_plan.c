/* test_plan.c - the planner's passes, one by one: which nodes are planned, what values they become, how operands are seen, what is fused,
 * how BLAS is called, and where results lie. Then all of them on random graphs, for what has to be true of any program. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "plan/program.h"
#include "random_graph.h"

typedef struct env {
    tg_tape   *t;
    tg_plan    plan;
    program   *p;
    tg_tensor *x, *w, *row, *column; /* kept: [128,64], [64,64], [64], [128,1] */
} env;

static int set_up(void **state)
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

static int tear_down(void **state)
{
    env *e = *state;
    assert_null(tg_error(e->t));
    if (e->p) tg_free_program(e->t, e->p);
    tg_tape_free(e->t);
    free(e);
    return 0;
}

/* ---- running passes ----------------------------------------------------------------------------------------------- */

static void order(env *e, tg_tensor *const *roots, int n)
{
    static tg_node *node[8]; /* the plan refers to them */
    assert_true(n <= 8);
    for (int i = 0; i < n; i++) {
        assert_non_null(roots[i]);
        node[i] = tg_node_of(roots[i]);
    }
    assert_int_equal(tg_plan_make(e->t, node, (size_t)n, &e->plan), TG_OK);
}

static void assert_unmarked(const env *e)
{
    for (size_t i = 0; i < e->plan.n; i++) assert_int_equal(e->plan.order[i]->mark, 0);
}

static void make_values(env *e, tg_tensor *const *roots, int n)
{
    order(e, roots, n);
    if (e->p) tg_free_program(e->t, e->p);
    e->p = tg_new_program(e->t);
    assert_non_null(e->p);
    assert_int_equal(tg_make_values(e->t, &e->plan, e->p), TG_OK);
    tg_check_places(e->p, &e->plan);
    assert_int_equal(tg_mark_roots(e->t, &e->plan, e->p), TG_OK);
    tg_forget_marks(&e->plan, e->p);
    assert_unmarked(e);
}

static void make_groups(env *e, tg_tensor *const *roots, int n)
{
    make_values(e, roots, n);
    assert_int_equal(tg_make_groups(e->t, e->p), TG_OK);
    assert_int_equal(tg_compute_again(e->t, e->p), TG_OK);
}

static void make_all(env *e, tg_tensor *const *roots, int n)
{
    make_groups(e, roots, n);
    assert_int_equal(tg_emit(e->t, e->p), TG_OK);
}

#define ROOTS(...) (tg_tensor *[]){__VA_ARGS__}, (int)(sizeof((tg_tensor *[]){__VA_ARGS__}) / sizeof(tg_tensor *))

/* The value of a tensor. */
static value *value_of(const env *e, const tg_tensor *x)
{
    for (size_t i = 0; i < e->p->n_values; i++)
        if (e->p->values[i].node == tg_node_of(x)) return &e->p->values[i];
    fail_msg("a tensor has no value");
    return NULL;
}

/* The last value that this op computes. */
static value *value_by(const env *e, const char *op)
{
    for (size_t i = e->p->n_values; i-- > 0;)
        if (e->p->values[i].op && e->p->values[i].kind == V_REAL && !strcmp(e->p->values[i].op->name, op)) return &e->p->values[i];
    fail_msg("there is no %s", op);
    return NULL;
}

static int32_t number_of(const env *e, const value *v) { return (int32_t)(v - e->p->values); }
static const value *operand_of(const env *e, const value *v, int k) { return &e->p->values[e->p->operands[v->in + k]]; }
static const group *group_of(const env *e, const value *v)
{
    const step *s = &e->p->steps[v->step];
    return s->group < 0 ? NULL : &e->p->groups[s->group];
}

/* Groups that compute something, and steps of their own. */
static int groups_in(const env *e)
{
    int n = 0;
    for (size_t i = 0; i < e->p->n_groups; i++) n += e->p->groups[i].count > 0;
    return n;
}
static int others_in(const env *e) { return (int)(e->p->n_steps - e->p->n_groups); }

/* ---- tg_plan_make ------------------------------------------------------------------------------------------------- */

static void test_order(void **state)
{
    env       *e = *state;
    tg_tensor *a = tg_add(e->x, e->x), *dead = tg_exp(e->x), *b = tg_mul(a, a), *c = tg_sub(b, a);
    assert_non_null(dead);
    order(e, ROOTS(c));
    assert_int_equal(e->plan.n, 3);
    assert_ptr_equal(e->plan.order[0], tg_node_of(a));
    assert_ptr_equal(e->plan.order[1], tg_node_of(b));
    assert_ptr_equal(e->plan.order[2], tg_node_of(c));
    order(e, ROOTS(c, a, c)); /* each once, however often it is asked for */
    assert_int_equal(e->plan.n, 3);
    assert_int_equal(e->plan.n_roots, 3);
    assert_unmarked(e);
    assert_int_equal(tg_eval(&b, 1), TG_OK); /* what has its value needs nothing below it but what others read */
    order(e, ROOTS(c));
    assert_int_equal(e->plan.n, 2);
    assert_ptr_equal(e->plan.order[0], tg_node_of(a));
    order(e, ROOTS(b, e->x));
    assert_int_equal(e->plan.n, 0);
}

/* The few nodes of a plan that are needed among many that are not are sorted, the many of another are walked over. */
static void test_order_of_many(void **state)
{
    env       *e = *state;
    tg_tensor *needed[20], *sum = NULL, *all = NULL;
    for (int i = 0; i < 20; i++) {
        needed[i] = tg_mul_s(e->x, i);
        for (int k = 0; k < 30; k++) all = all ? tg_add(all, needed[i]) : needed[i];
    }
    for (int i = 19; i >= 0; i--) sum = sum ? tg_add(needed[i], sum) : needed[i];
    for (int dense = 0; dense < 2; dense++) {
        order(e, dense ? &all : &sum, 1);
        assert_true(e->plan.n >= 39);
        for (size_t i = 1; i < e->plan.n; i++) assert_true(e->plan.order[i - 1]->id < e->plan.order[i]->id);
        assert_unmarked(e);
    }
}

static void test_order_refused(void **state)
{
    env       *e = *state;
    tg_tensor *a = tg_exp(e->row), *b = tg_add(a, e->x);
    tg_node   *root = tg_node_of(b);
    float      zero[64] = {0};
    assert_int_equal(tg_copy_from(e->row, zero, sizeof zero), TG_OK);
    assert_int_equal(tg_plan_make(e->t, &root, 1, &e->plan), TG_ERR_STALE);
    assert_int_equal(tg_node_of(a)->mark, 0);
    assert_int_equal(tg_node_of(b)->mark, 0);
    tg_clear_error(e->t);
}

/* ---- values ------------------------------------------------------------------------------------------------------- */

static void scale_loop(size_t n, void *out, const void *const *in, const void *attr)
{
    for (size_t i = 0; i < n; i++) ((float *)out)[i] = *(const float *)attr * ((const float *)in[0])[i];
}

/* An op with an attribute, as a user would write it. */
static tg_tensor *scale(tg_tensor *x, float by)
{
    static const tg_op op = {.name = "scale", .kind = TG_POINTWISE, .arity = 1, .flags = TG_OP_ZERO_GRAD, .loop = {[TG_F32] = scale_loop}};
    return tg_record(&op, &x, 1, &by, sizeof by);
}

static void test_values(void **state)
{
    env       *e = *state;
    tg_tensor *half = tg_mul_s(e->x, 0.5), *y = scale(half, 3);
    make_values(e, ROOTS(y));
    assert_int_equal(e->p->n_order, 3);
    assert_int_equal(e->p->n_values, 4); /* x, 0.5, their product, y */
    const value *v = value_of(e, y), *m = operand_of(e, v, 0), *x = operand_of(e, m, 0), *c = operand_of(e, m, 1);
    assert_true(v->kind == V_REAL && v->root && v->stored && v->n_in == 1);
    assert_true(m == value_of(e, half) && m->kind == V_REAL && !m->stored && m->uses == 1);
    assert_true(x->kind == V_INPUT && x->stored && x->node == tg_node_of(e->x) && x->reader == tg_node_of(half)->id);
    assert_true(c->kind == V_CONST && c->stored && c->numel == 1);
    assert_true(v->attr_size == sizeof(float) && v->attr != tg_attr(tg_node_of(y)) && *(const float *)v->attr == 3); /* its own copy */
    assert_true(v->shape != tg_node_of(y)->shape && tg_shape_equal(v->shape, tg_node_of(y)->shape));
    assert_true(e->p->n_consts == 1 && e->p->consts[0] == number_of(e, c));
    assert_true(e->p->n_bound == 1 && e->p->bound[0].value == number_of(e, x));
}

static void test_views(void **state)
{
    env       *e = *state;
    tg_tensor *turned = tg_permute(e->x, TG_AXES(1, 0)), *flat = tg_reshape(turned, TG_SHAPE(-1)), *part = tg_slice(e->x, 0, 3, 9, 2);
    tg_tensor *same = tg_reshape(e->x, TG_SHAPE(2, 64, 64));
    make_values(e, ROOTS(turned, flat, part, same));
    const value *x = value_of(e, e->x), *v = value_of(e, turned);
    assert_true(v->kind == V_VIEW && &e->p->values[v->base] == x && v->layout >= 0);
    const tg_layout *l = &e->p->layouts[v->layout];
    assert_true(l->stride[0] == 1 && l->stride[1] == 64 && l->offset == 0);

    const value *f = value_of(e, flat), *copy = &e->p->values[f->base]; /* strides can't say it: a copy, and a view of that */
    assert_true(f->kind == V_VIEW && f->layout < 0);
    assert_true(copy->kind == V_REAL && !copy->op && !copy->node && copy->n_in == 1 && operand_of(e, copy, 0) == v && copy->stored);

    v = value_of(e, part);
    l = &e->p->layouts[v->layout];
    assert_true(&e->p->values[v->base] == x && l->offset == 3 * 64 && l->stride[0] == 128 && l->stride[1] == 1);
    v = value_of(e, same);
    assert_true(v->kind == V_VIEW && v->layout < 0 && &e->p->values[v->base] == x);
}

static void test_twins(void **state)
{
    env       *e = *state;
    tg_tensor *a = tg_mul(e->x, e->row), *b = tg_mul(e->x, e->row), *swapped = tg_mul(e->row, e->x);
    tg_tensor *c = scale(a, 2), *d = scale(a, 3), *f = scale(a, 2);
    make_values(e, ROOTS(a, b, swapped, c, d, f));
    const value *va = value_of(e, a), *vb = value_of(e, b), *vf = value_of(e, f);
    assert_true(va->kind == V_REAL && vb->kind == V_VIEW && vb->base == number_of(e, va) && vb->layout < 0);
    assert_true(vf->kind == V_VIEW && vf->base == number_of(e, value_of(e, c)));
    assert_int_equal(value_of(e, swapped)->kind, V_REAL); /* its operands stand in another order */
    assert_int_equal(value_of(e, d)->kind, V_REAL);       /* its attribute is another */
    assert_int_equal(value_of(e, e->x)->uses, 2);
    assert_int_equal(va->uses, 2);
}

/* A result placed on `there`, as tg_backward does it with a gradient. */
static void put_on(const tg_tensor *x, const tg_tensor *there)
{
    tg_node_of(there)->flags |= TG_N_GRADIENT;
    tg_node_of(x)->flags |= TG_N_PLACED;
    tg_node_of(x)->data = tg_node_of(there)->data;
    tg_node_of(x)->grad = tg_node_of(there);
}
static void take_off(const tg_tensor *x, const tg_tensor *there)
{
    tg_node_of(there)->flags &= (uint16_t)~TG_N_GRADIENT;
    tg_node_of(x)->flags &= (uint16_t)~TG_N_PLACED;
    tg_node_of(x)->data = NULL;
    tg_node_of(x)->grad = NULL;
}

static void test_places(void **state)
{
    env       *e = *state;
    tg_tensor *sum = tg_add(e->x, e->row), *other = tg_exp(e->x);
    put_on(sum, e->x);
    make_values(e, ROOTS(sum)); /* alone in reading what lies there: in place */
    const value *v = value_of(e, sum);
    assert_true(v->placed && !v->copied && v->alias == number_of(e, value_of(e, e->x)));
    assert_int_equal(e->p->n_bound, 3); /* x, the row, and the result */
    make_values(e, ROOTS(sum, other)); /* the other needs x as it was */
    v = value_of(e, sum);
    assert_true(!v->placed && v->copied);
    take_off(sum, e->x);

    tg_tensor *index = tg_argmax(e->x, 1, false), *next = tg_add(e->x, tg_one_hot(index, 64));
    put_on(next, e->x); /* argmax reads x too */
    make_values(e, ROOTS(next));
    assert_true(value_of(e, next)->copied);
    take_off(next, e->x);
}

/* ---- patterns ----------------------------------------------------------------------------------------------------- */

static void test_patterns(void **state)
{
    static const struct {
        tg_shape shape, to;
        bool     strided;
        tg_layout l;
        pattern  want;
    } row[] = {
        {{2, {4, 6}}, {2, {4, 6}}, false, {0}, {P_FULL, 0}},
        {{0, {0}}, {0, {0}}, false, {0}, {P_FULL, 0}},
        {{0, {0}}, {2, {4, 6}}, false, {0}, {P_SCALAR, 0}},
        {{3, {1, 1, 1}}, {3, {2, 4, 6}}, false, {0}, {P_SCALAR, 0}},
        {{1, {6}}, {2, {4, 6}}, false, {0}, {P_ROW, 6}},
        {{2, {1, 6}}, {2, {4, 6}}, false, {0}, {P_ROW, 6}},
        {{2, {4, 6}}, {3, {2, 4, 6}}, false, {0}, {P_ROW, 24}},
        {{1, {6}}, {3, {2, 4, 6}}, false, {0}, {P_ROW, 6}},
        {{2, {4, 1}}, {2, {4, 6}}, false, {0}, {P_COLUMN, 6}},
        {{3, {2, 1, 1}}, {3, {2, 4, 6}}, false, {0}, {P_COLUMN, 24}},
        {{3, {2, 4, 1}}, {3, {2, 4, 6}}, false, {0}, {P_COLUMN, 6}},
        {{2, {4, 1}}, {3, {2, 4, 6}}, false, {0}, {P_OTHER, 0}},
        {{3, {2, 1, 6}}, {3, {2, 4, 6}}, false, {0}, {P_OTHER, 0}},
        {{3, {1, 4, 1}}, {3, {1, 4, 6}}, false, {0}, {P_COLUMN, 6}}, /* axes of size 1 don't count */
        {{2, {4, 6}}, {2, {4, 6}}, true, {0, {1, 4}}, {P_OTHER, 0}},   /* transposed */
        {{2, {4, 6}}, {2, {4, 6}}, true, {0, {12, 1}}, {P_OTHER, 0}},  /* every other row */
        {{2, {4, 6}}, {2, {4, 6}}, true, {0, {12, 2}}, {P_OTHER, 0}},  /* every other column */
        {{2, {4, 6}}, {2, {4, 6}}, true, {18, {-6, 1}}, {P_OTHER, 0}}, /* backwards */
        {{2, {4, 6}}, {2, {4, 6}}, true, {12, {6, 1}}, {P_FULL, 0}},   /* further on */
        {{2, {4, 6}}, {2, {4, 6}}, true, {5, {0, 0}}, {P_SCALAR, 0}},  /* spread */
        {{2, {4, 6}}, {2, {4, 6}}, true, {0, {0, 1}}, {P_ROW, 6}},
        {{2, {4, 6}}, {2, {4, 6}}, true, {0, {1, 0}}, {P_COLUMN, 6}},
        {{2, {4, 6}}, {2, {4, 6}}, true, {0, {2, 0}}, {P_OTHER, 0}},
        {{2, {1, 6}}, {2, {1, 6}}, true, {0, {99, 1}}, {P_FULL, 0}},
        {{2, {4, 1}}, {2, {4, 6}}, true, {0, {1, 77}}, {P_COLUMN, 6}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        tg_layout l = row[i].l;
        program   p = {.layouts = &l, .n_layouts = 1};
        value     v = {.shape = &row[i].shape, .layout = row[i].strided ? 0 : -1, .numel = 1};
        for (int k = 0; k < v.shape->rank; k++) v.numel *= v.shape->dim[k];
        const pattern got = tg_pattern(&p, &v, &row[i].to);
        if (got.kind != row[i].want.kind || (got.kind != P_OTHER && got.cols != row[i].want.cols))
            fail_msg("row %d: pattern %d of %lld", (int)i, (int)got.kind, (long long)got.cols);
    }
}

/* ---- groups ------------------------------------------------------------------------------------------------------- */

static void test_softmax_is_one_group(void **state)
{
    env       *e = *state;
    tg_tensor *y = tg_softmax(tg_add(e->x, e->row), 1);
    make_groups(e, ROOTS(y));
    const value *sum = value_by(e, "sum"), *quotient = value_by(e, "div");
    const group *g = group_of(e, sum);
    assert_true(groups_in(e) == 1 && others_in(e) == 0);
    assert_true(g && g->n == 128 * 64 && g->cols == 64);
    assert_int_equal(e->p->insts[sum->inst].cls, C_COLUMN);
    assert_int_equal(e->p->insts[quotient->inst].cls, C_FULL);
    for (size_t i = 0; i < e->p->n_values; i++) /* nothing but the result leaves the tiles */
        assert_true(e->p->values[i].kind != V_REAL || e->p->values[i].stored == (&e->p->values[i] == quotient));
}

static void test_bias_gradient_rides_along(void **state)
{
    env       *e = *state;
    tg_tensor *loss = tg_sum(tg_square(tg_relu(tg_linear(e->x, e->w, e->row))), TG_ALL_AXES, false);
    tg_tensor *in[] = {e->w, e->row}, *g[2];
    assert_int_equal(tg_grad(&loss, NULL, 1, in, 2, false, g), TG_OK);
    make_groups(e, g, 2);
    const value *slope = value_by(e, "relu_grad"), *bias = value_by(e, "sum");
    assert_int_equal(bias->step, slope->step);
    assert_int_equal(e->p->insts[bias->inst].cls, C_TOTAL);
    assert_false(e->p->insts[bias->inst].reduce_all);
    assert_true(slope->stored && bias->stored); /* a product reads the one, the other was asked for */
    assert_int_equal(group_of(e, bias)->cols, 64);
    assert_int_equal(others_in(e), 2); /* the products */
}

static void test_late_results(void **state)
{
    env         *e = *state;
    tg_tensor   *y = tg_exp(e->x), *sum = tg_sum(y, TG_ALL_AXES, false), *z = tg_div(y, sum);
    make_groups(e, ROOTS(z));
    const value *s = value_of(e, sum), *v = value_of(e, z);
    assert_int_equal(s->step, value_of(e, y)->step);
    assert_true(e->p->insts[s->inst].cls == C_TOTAL && e->p->insts[s->inst].reduce_all && s->stored);
    assert_true(v->step > s->step);
    assert_true(value_of(e, y)->stored); /* exp is not computed again */
}

static void test_stored_between_shapes(void **state)
{
    env       *e = *state;
    tg_tensor *y = tg_exp(e->x), *z = tg_add_s(y, 1), *part = tg_mul_s(tg_slice(y, 0, 0, 32, 1), 3);
    make_groups(e, ROOTS(z, part));
    assert_int_equal(groups_in(e), 2);
    assert_true(value_of(e, y)->stored && !value_of(e, y)->root);
    assert_int_equal(value_of(e, z)->step, value_of(e, y)->step);
    assert_true(value_of(e, part)->step > value_of(e, y)->step);
    assert_int_equal(value_of(e, z)->read_in, -1);
}

/* Ops of a user, who says of them what the library says of its own. */
static tg_tensor *no_rule(const tg_call *c, int i, tg_tensor *g)
{
    (void)c, (void)i;
    return g;
}
TG_POINTWISE_UNARY(lift, x + 1, no_rule, .cost = TG_COST_CHEAP)
TG_POINTWISE_UNARY(dear_lift, x + 1, no_rule)
TG_POINTWISE_BINARY(plus, x + y, no_rule, .flags = TG_OP_ADDITION)
static tg_tensor *lift(tg_tensor *x) { return tg_record(&tg_op_lift, &x, 1, NULL, 0); }
static tg_tensor *dear_lift(tg_tensor *x) { return tg_record(&tg_op_dear_lift, &x, 1, NULL, 0); }

/* y is read before a product and after it: by different groups. */
static void two_groups(env *e, tg_tensor *x, tg_tensor *(*f)(tg_tensor *), tg_tensor **y, tg_tensor **last)
{
    *y = f(x);
    *last = tg_mul(tg_matmul(tg_tanh(*y), e->w), *y);
    make_groups(e, last, 1);
    assert_int_equal(groups_in(e), 2);
    assert_int_not_equal(value_of(e, *y)->step, value_of(e, *last)->step);
}

static void test_cheap_again(void **state)
{
    env       *e = *state;
    tg_tensor *y, *last;
    two_groups(e, e->x, tg_relu, &y, &last);
    const value *v = value_of(e, y);
    assert_false(v->stored);
    assert_int_equal(v->clone_group, e->p->steps[value_of(e, last)->step].group);
    assert_int_equal(e->p->insts[v->clone].value, number_of(e, v));

    two_groups(e, e->x, tg_erf, &y, &last); /* dear */
    v = value_of(e, y);
    assert_true(v->stored && v->clone_group < 0);

    two_groups(e, e->x, lift, &y, &last);
    v = value_of(e, y);
    assert_true(!v->stored && v->clone_group >= 0);
    two_groups(e, e->x, dear_lift, &y, &last);
    v = value_of(e, y);
    assert_true(v->stored && v->clone_group < 0);

    two_groups(e, tg_slice(e->x, 0, 0, 32, 1), tg_relu, &y, &last); /* small: storing costs next to nothing */
    v = value_of(e, y);
    assert_true(v->stored && v->clone_group < 0);
}

static void test_columns(void **state)
{
    env       *e = *state;
    tg_tensor *a = tg_mul(e->x, e->column), *turned = tg_add(tg_permute(e->x, TG_AXES(1, 0)), tg_exp(tg_permute(e->column, TG_AXES(1, 0))));
    tg_tensor *middle = tg_sum(tg_reshape(a, TG_SHAPE(16, 8, 64)), TG_AXES(1), false);
    make_groups(e, ROOTS(a, turned, middle));
    assert_int_equal(group_of(e, value_of(e, a))->cols, 64);
    assert_int_equal(group_of(e, value_of(e, turned))->cols, 128); /* by the row */
    assert_null(group_of(e, value_of(e, middle)));                 /* neither rows nor columns: the op's kernel */
    assert_true(value_of(e, a)->stored);
}

static void test_early_steps(void **state)
{
    env       *e = *state;
    int64_t    label[128] = {0};
    tg_tensor *index = tg_from_i64(e->t, TG_SHAPE(128), label), *computed = tg_argmax(tg_exp(e->x), 1, false);
    tg_tensor *a = tg_index_select(e->x, 0, index), *b = tg_index_select(e->x, 0, computed);
    make_groups(e, ROOTS(tg_add(a, b)));
    const value *va = value_of(e, a), *vb = value_of(e, b);
    assert_true(e->p->any_early);
    for (const value *v = operand_of(e, va, 1); v->kind == V_REAL; v = operand_of(e, v, 0)) assert_true(e->p->steps[v->step].early);
    assert_false(e->p->steps[vb->step].early); /* what it picks is computed */
    assert_true(vb->first_write == vb->step);
}

/* ---- products ----------------------------------------------------------------------------------------------------- */

static const product *product_of(const env *e, const tg_tensor *y)
{
    const value *v = value_of(e, y);
    assert_true(e->p->steps[v->step].group < 0 && e->p->steps[v->step].value == number_of(e, v));
    const int32_t at = e->p->steps[v->step].product;
    return at < 0 ? NULL : &e->p->products[at];
}

static void test_products(void **state)
{
    env       *e = *state;
    tg_tensor *plain = tg_matmul(e->x, e->w), *ta = tg_matmul(tg_mT(e->x), e->x), *tb = tg_matmul(e->x, tg_mT(e->w));
    tg_tensor *odd = tg_matmul(tg_slice(e->x, 1, 0, 64, 2), tg_slice(e->w, 0, 0, 32, 1));
    tg_tensor *lower = tg_matmul(tg_slice(e->x, 0, 8, 40, 1), tg_slice(e->w, 1, 0, 16, 1));
    make_all(e, ROOTS(plain, ta, tb, odd, lower));
    const product *d = product_of(e, plain);
    assert_true(d->m == 128 && d->n == 64 && d->k == 64 && !d->ta && !d->tb && d->batch == 1 && d->axes == 0);
    d = product_of(e, ta);
    assert_true(d->m == 64 && d->n == 64 && d->k == 128 && d->ta && !d->tb && d->lda == 64);
    d = product_of(e, tb);
    assert_true(d->m == 128 && !d->ta && d->tb && d->ldb == 64);
    assert_null(product_of(e, odd)); /* no leading dimension says that: the kernel copies */
    d = product_of(e, lower);
    assert_true(d->m == 32 && d->n == 16 && d->lda == 64 && d->ldb == 64 && d->from_a == 8 * 64 * 4 && d->from_b == 0);
    assert_true(&e->p->values[d->a] == value_of(e, e->x));
}

static void test_batches(void **state)
{
    env       *e = *state;
    tg_tensor *a = tg_reshape(e->x, TG_SHAPE(2, 8, 8, 64)), *b = tg_reshape(e->w, TG_SHAPE(2, 8, 64, 4));
    tg_tensor *c = tg_reshape(e->w, TG_SHAPE(8, 64, 8));
    tg_tensor *tall = tg_matmul(a, e->w), *pairs = tg_matmul(a, b), *crossed = tg_matmul(a, c);
    make_all(e, ROOTS(tall, pairs, crossed));
    const product *d = product_of(e, tall); /* one B under many As: one tall product */
    assert_true(d->batch == 1 && d->axes == 0 && d->m == 128 && d->n == 64);
    d = product_of(e, pairs); /* both batch axes lie behind one another: one */
    assert_true(d->batch == 16 && d->axes == 1 && d->dim[0] == 16 && d->m == 8 && d->n == 4);
    assert_true(d->step_a[0] == 8 * 64 * 4 && d->step_b[0] == 64 * 4 * 4);
    d = product_of(e, crossed);
    assert_true(d->batch == 16 && d->axes == 2 && d->step_b[0] == 0 && d->step_b[1] == 64 * 8 * 4 && d->step_a[0] == 8 * d->step_a[1]);
}

static void test_accumulation(void **state)
{
    env       *e = *state;
    tg_tensor *a = tg_matmul(e->x, e->w), *b = tg_matmul(e->x, tg_mT(e->w)), *c = tg_matmul(tg_exp(e->x), e->w);
    tg_tensor *two = tg_add(a, b), *three = tg_add(c, two);
    make_all(e, ROOTS(three));
    const value *va = value_of(e, a), *vb = value_of(e, b), *vc = value_of(e, c), *v2 = value_of(e, two), *v3 = value_of(e, three);
    assert_true(!va->adds && vb->adds && vc->adds && v2->sum && v3->sum);
    assert_int_equal(va->dest, number_of(e, v2));
    assert_int_equal(v2->dest, number_of(e, v3));
    assert_int_equal(vc->dest, number_of(e, v3));
    assert_true(v3->dest < 0 && v3->first_write == va->step && v3->step == vc->step);
    assert_true(!tg_has_memory(va) && !tg_has_memory(v2) && tg_has_memory(v3));
    assert_true(groups_in(e) == 1 && others_in(e) == 3);

    tg_tensor *own = tg_record(&tg_op_plus, (tg_tensor *[]){a, b}, 2, NULL, 0);
    make_all(e, ROOTS(own));
    assert_true(value_of(e, b)->adds && value_of(e, own)->sum);

    tg_tensor *wanted = tg_matmul(e->x, e->w), *sum = tg_add(wanted, tg_exp(e->x)); /* to what is no product nothing is added */
    make_all(e, ROOTS(sum));
    assert_true(!value_of(e, wanted)->adds && !value_of(e, sum)->sum);
}

static void test_accumulation_into_gradient(void **state)
{
    env       *e = *state;
    tg_tensor *there = tg_keep(tg_zeros(e->t, TG_SHAPE(64, 64))), *m = tg_matmul(tg_mT(e->x), e->x), *sum = tg_add(there, m);
    put_on(sum, there);
    make_all(e, ROOTS(sum));
    const value *vm = value_of(e, m), *vs = value_of(e, sum);
    assert_true(vm->adds && vm->dest == number_of(e, vs) && vs->sum && vs->placed && vs->alias == number_of(e, value_of(e, there)));
    assert_int_equal(e->p->bytes, 0);
    take_off(sum, there);
}

/* ---- memory ------------------------------------------------------------------------------------------------------- */

/* Values made by hand: each as large as its number says, written by one step and read last by another. */
static void test_lay_out(void **state)
{
    enum { N = 6 };
    static const struct {
        int64_t numel;
        int32_t born, last;
        bool    root;
        size_t  want;
    } row[N] = {
        {100, 0, 1, false, 0},      /* 400 bytes take 448 */
        {16, 1, 2, false, 448},     /* not over what its own step reads */
        {50, 2, 3, false, 128},     /* behind the next one, which comes first: in the gap that is left */
        {20, 2, 5, true, 0},        /* where the first one was; asked for, it stays */
        {1000, 3, 4, false, 384},   /* no gap is large enough: from the one at the end on */
        {1, 4, 5, false, 128},
    };
    env     *e = *state;
    program *p = e->p = tg_new_program(e->t);
    assert_non_null(p);
    p->values = tg_tape_alloc(e->t, N * sizeof *p->values);
    p->steps = tg_tape_alloc(e->t, N * sizeof *p->steps);
    assert_true(p->values && p->steps);
    p->n_values = p->cap_values = p->n_steps = p->cap_steps = N;
    for (int i = 0; i < N; i++)
        p->values[i] = (value){.kind = V_REAL, .dtype = TG_F32, .numel = row[i].numel, .stored = true, .root = row[i].root,
                               .dest = -1, .takes_memory_of = -1, .step = row[i].born, .first_write = row[i].born, .last_read = row[i].last};
    for (int i = 0; i < N; i++) p->steps[i].group = -1;
    assert_int_equal(tg_lay_out(e->t, p), TG_OK);
    for (int i = 0; i < N; i++)
        if (p->values[i].offset != row[i].want) fail_msg("value %d lies at %zu", i, p->values[i].offset);
    assert_int_equal(p->bytes, 384 + 4032);
}

static void test_memory_is_reused(void **state)
{
    env       *e = *state;
    tg_tensor *y = e->x;
    for (int i = 0; i < 20; i++) y = tg_tanh(tg_matmul(y, e->w));
    make_all(e, ROOTS(y));
    assert_true(e->p->bytes <= 2 * 128 * 64 * 4);
}

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
    const int  size = (int)(seed % 6);
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
        TEST(test_order),
        TEST(test_order_of_many),
        TEST(test_order_refused),
        TEST(test_values),
        TEST(test_views),
        TEST(test_twins),
        TEST(test_places),
        cmocka_unit_test(test_patterns),
        TEST(test_softmax_is_one_group),
        TEST(test_bias_gradient_rides_along),
        TEST(test_late_results),
        TEST(test_stored_between_shapes),
        TEST(test_cheap_again),
        TEST(test_columns),
        TEST(test_early_steps),
        TEST(test_products),
        TEST(test_batches),
        TEST(test_accumulation),
        TEST(test_accumulation_into_gradient),
        TEST(test_lay_out),
        TEST(test_memory_is_reused),
        cmocka_unit_test(test_random_programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
