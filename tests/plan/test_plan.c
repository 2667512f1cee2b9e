/* test_plan.c - the planner's passes, one by one: which nodes are planned, what values they become, how operands are seen, and how BLAS is
 * called. What is fused is test_plan_groups.c. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "plan/program.h"
#include "plan_test.h"

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
    tg_node_of(x)->memory = tg_node_of(there)->memory;
    tg_node_of(x)->grad = tg_node_of(there);
}
static void take_off(const tg_tensor *x, const tg_tensor *there)
{
    tg_node_of(there)->flags &= (uint16_t)~TG_N_GRADIENT;
    tg_node_of(x)->flags &= (uint16_t)~TG_N_PLACED;
    tg_node_of(x)->memory = NULL;
    tg_node_of(x)->grad = NULL;
}

static void test_placed(void **state)
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
        {{2, {4, 6}}, {2, {4, 6}}, false, {0}, {P_FULL, 0, 0}},
        {{0, {0}}, {0, {0}}, false, {0}, {P_FULL, 0, 0}},
        {{0, {0}}, {2, {4, 6}}, false, {0}, {P_SCALAR, 0, 0}},
        {{3, {1, 1, 1}}, {3, {2, 4, 6}}, false, {0}, {P_SCALAR, 0, 0}},
        {{1, {6}}, {2, {4, 6}}, false, {0}, {P_ROW, 6, 0}},
        {{2, {1, 6}}, {2, {4, 6}}, false, {0}, {P_ROW, 6, 0}},
        {{2, {4, 6}}, {3, {2, 4, 6}}, false, {0}, {P_ROW, 24, 0}},
        {{1, {6}}, {3, {2, 4, 6}}, false, {0}, {P_ROW, 6, 0}},
        {{2, {4, 1}}, {2, {4, 6}}, false, {0}, {P_COLUMN, 6, 0}},
        {{3, {2, 1, 1}}, {3, {2, 4, 6}}, false, {0}, {P_COLUMN, 24, 0}},
        {{3, {2, 4, 1}}, {3, {2, 4, 6}}, false, {0}, {P_COLUMN, 6, 0}},
        {{2, {4, 1}}, {3, {2, 4, 6}}, false, {0}, {P_CHANNEL, 6, 0}},
        {{3, {4, 1, 1}}, {4, {2, 4, 3, 6}}, false, {0}, {P_CHANNEL, 18, 0}},
        {{3, {2, 1, 6}}, {3, {2, 4, 6}}, false, {0}, {P_BLOCKS, 6, 4}},
        {{4, {2, 1, 1, 6}}, {4, {2, 3, 4, 6}}, false, {0}, {P_BLOCKS, 6, 12}},
        {{4, {2, 1, 4, 6}}, {4, {2, 3, 4, 6}}, false, {0}, {P_BLOCKS, 24, 3}},
        {{4, {2, 1, 4, 1}}, {4, {2, 3, 4, 6}}, false, {0}, {P_CHANNEL, 6, 0}},
        {{4, {2, 1, 4, 6}}, {4, {2, 3, 4, 6}}, true, {0, {48, 6, 6, 1}}, {P_OTHER, 0, 0}},
        {{3, {1, 4, 1}}, {3, {1, 4, 6}}, false, {0}, {P_COLUMN, 6, 0}}, /* axes of size 1 don't count */
        {{2, {4, 6}}, {2, {4, 6}}, true, {0, {1, 4}}, {P_TURNED, 6, 0}},  /* transposed */
        {{3, {2, 4, 6}}, {3, {2, 4, 6}}, true, {0, {24, 1, 4}}, {P_TURNED, 6, 0}},
        {{3, {2, 4, 6}}, {3, {2, 4, 6}}, true, {0, {1, 12, 2}}, {P_TURNED, 24, 0}},
        {{3, {2, 4, 6}}, {3, {2, 4, 6}}, true, {0, {-1, 12, 2}}, {P_OTHER, 0, 0}},
        {{2, {4, 6}}, {2, {4, 6}}, true, {0, {12, 1}}, {P_OTHER, 0, 0}},  /* every other row */
        {{2, {4, 6}}, {2, {4, 6}}, true, {0, {12, 2}}, {P_OTHER, 0, 0}},  /* every other column */
        {{2, {4, 6}}, {2, {4, 6}}, true, {18, {-6, 1}}, {P_OTHER, 0, 0}}, /* backwards */
        {{2, {4, 600}}, {2, {4, 600}}, true, {7, {601, 1}}, {P_PITCHED, 600, 601}}, /* long rows, evenly far apart */
        {{2, {4, 600}}, {2, {4, 600}}, true, {1800, {-600, 1}}, {P_PITCHED, 600, -600}},
        {{3, {2, 4, 600}}, {3, {2, 4, 600}}, true, {0, {4000, 1000, 1}}, {P_PITCHED, 600, 1000}},
        {{3, {2, 4, 600}}, {3, {2, 4, 600}}, true, {0, {4001, 1000, 1}}, {P_OTHER, 0, 0}}, /* not evenly */
        {{3, {4, 20, 30}}, {3, {4, 20, 30}}, true, {0, {700, 30, 1}}, {P_PITCHED, 600, 700}},
        {{2, {4, 500}}, {2, {4, 500}}, true, {0, {501, 1}}, {P_OTHER, 0, 0}}, /* not so long */
        {{2, {4, 6}}, {2, {4, 6}}, true, {12, {6, 1}}, {P_FULL, 0, 0}},   /* further on */
        {{2, {4, 6}}, {2, {4, 6}}, true, {5, {0, 0}}, {P_SCALAR, 0, 0}},  /* spread */
        {{2, {4, 6}}, {2, {4, 6}}, true, {0, {0, 1}}, {P_ROW, 6, 0}},
        {{2, {4, 6}}, {2, {4, 6}}, true, {0, {1, 0}}, {P_COLUMN, 6, 0}},
        {{2, {4, 6}}, {2, {4, 6}}, true, {0, {2, 0}}, {P_CHANNEL, 6, 0}},
        {{2, {1, 6}}, {2, {1, 6}}, true, {0, {99, 1}}, {P_FULL, 0, 0}},
        {{2, {4, 1}}, {2, {4, 6}}, true, {0, {1, 77}}, {P_COLUMN, 6, 0}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        tg_layout l = row[i].l;
        program   p = {.layouts = &l, .n_layouts = 1};
        value     v = {.shape = &row[i].shape, .layout = row[i].strided ? 0 : -1, .numel = 1};
        for (int k = 0; k < v.shape->rank; k++) v.numel *= v.shape->dim[k];
        const pattern got = tg_pattern(&p, &v, &row[i].to);
        if (got.kind != row[i].want.kind || got.cols != row[i].want.cols || got.block != row[i].want.block)
            fail_msg("row %d: pattern %d of %lld, %lld", (int)i, (int)got.kind, (long long)got.cols, (long long)got.block);
    }
}

/* ---- groups ------------------------------------------------------------------------------------------------------- */

TG_POINTWISE_BINARY(plus, x + y, no_rule, .flags = TG_OP_ADDITION)

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
        TEST(test_placed),
        cmocka_unit_test(test_patterns),
        TEST(test_products),
        TEST(test_batches),
        TEST(test_accumulation),
        TEST(test_accumulation_into_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
