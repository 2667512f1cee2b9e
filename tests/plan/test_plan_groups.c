/* test_plan_groups.c - the planner's passes that make groups and lay out memory: what is fused, what is computed again, where results
 * lie. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "plan/program.h"
#include "plan_test.h"

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
    tg_tensor *loss = tg_sum_all(tg_square(tg_relu(tg_linear(e->x, e->w, e->row))));
    tg_tensor *in[] = {e->w, e->row}, *g[2];
    assert_int_equal(tg_grad(&loss, NULL, 1, in, 2, false, g), TG_OK);
    make_groups(e, g, 2);
    const value *slope = value_by(e, "relu_grad"), *bias = value_by(e, "sum");
    assert_int_equal(bias->step, slope->step);
    assert_int_equal(e->p->insts[bias->inst].cls, C_TOTAL);
    assert_int_equal(e->p->insts[bias->inst].over, OVER_ROWS);
    assert_true(slope->stored && bias->stored); /* a product reads the one, the other was asked for */
    assert_int_equal(group_of(e, bias)->cols, 64);
    assert_int_equal(others_in(e), 2); /* the products */
}

/* A picture's channels: their sums, and what is scaled by them, belong to the pass over the pictures; so does a sum over an axis in the
 * middle, unless its results are so many that the chunks' parts of them would be much of the work. */
static void test_channels(void **state)
{
    env       *e = *state;
    tg_tensor *x = tg_reshape(tg_mul(e->x, e->x), TG_SHAPE(16, 4, 8, 16)), *scale = tg_reshape(tg_slice(e->row, 0, 0, 4, 1), TG_SHAPE(4, 1, 1));
    tg_tensor *y = tg_mul(x, scale), *sum = tg_sum(y, TG_AXES(0, 2, 3), false), *largest = tg_amax(y, TG_AXES(0, 2, 3), true);
    make_groups(e, ROOTS(sum, largest));
    const value *s = value_of(e, sum), *m = value_of(e, largest);
    assert_int_equal(others_in(e), 0);
    assert_true(s->step == value_of(e, y)->step && m->step == s->step && !value_of(e, y)->stored);
    assert_true(e->p->insts[s->inst].cls == C_TOTAL && e->p->insts[s->inst].over == OVER_CHANNELS && e->p->insts[s->inst].block == 4);
    assert_int_equal(group_of(e, s)->cols, 8 * 16);
}

static void test_blocks(void **state)
{
    env       *e = *state;
    tg_tensor *sum = tg_sum(tg_exp(tg_reshape(e->x, TG_SHAPE(2, 512, 8))), TG_AXES(1), false);
    tg_tensor *wide = tg_sum(tg_exp(tg_reshape(e->x, TG_SHAPE(64, 2, 64))), TG_AXES(1), false);
    make_groups(e, ROOTS(sum, wide));
    const value *s = value_of(e, sum);
    assert_true(e->p->insts[s->inst].over == OVER_BLOCKS && e->p->insts[s->inst].block == 512 && group_of(e, s)->cols == 8);
    assert_true(others_in(e) == 1 && e->p->steps[value_of(e, wide)->step].group < 0);
}

/* A softmax over the first axis, with its gradient and a sum over the middle one, is one pass: of bands of columns, gone over in sweeps. */
static void test_bands(void **state)
{
    env       *e = *state;
    tg_tensor *x = tg_param(e->t, "many", tg_randn(e->t, TG_SHAPE(16, 200, 48))), *g = tg_keep(tg_randn(e->t, TG_SHAPE(16, 48)));
    assert_int_equal(tg_reset(e->t), TG_OK); /* a seed that was written before, and need not be copied */
    tg_tensor *y = tg_sum(tg_softmax(x, 0), TG_AXES(1), false), *slope;
    assert_int_equal(tg_grad(&y, &g, 1, &x, 1, false, &slope), TG_OK);
    make_all(e, ROOTS(y, slope));
    const value *largest = value_by(e, "amax"), *sum = value_of(e, y), *exponential = value_by(e, "exp");
    const group *grp = group_of(e, largest);
    assert_true(sum->step == largest->step && value_of(e, slope)->step == largest->step && others_in(e) == 0);
    assert_true(grp->cols == 200 * 48 && grp->block == 16 && grp->unit == 48 && grp->n_sweeps == 4);
    assert_true(grp->rows_per_tile == 16 && grp->tile_cols % 48 == 0 && grp->tile_cols < grp->cols && grp->rows_at_once < 16);
    assert_int_equal(e->p->insts[largest->inst].cls, C_ROW);
    assert_true(e->p->insts[sum->inst].cls == C_TOTAL && e->p->insts[sum->inst].over == OVER_BLOCKS && e->p->insts[sum->inst].cols == 48);
    assert_false(exponential->stored || largest->stored);
}

/* What is not spread again is a total; so is what comes of more rows than tiles can have. */
static void test_no_bands(void **state)
{
    env       *e = *state;
    tg_tensor *x = tg_keep(tg_randn(e->t, TG_SHAPE(40000, 40))), *sum = tg_sum(tg_exp(e->x), TG_AXES(0), false);
    make_groups(e, ROOTS(sum, tg_softmax(x, 0)));
    assert_int_equal(e->p->insts[value_of(e, sum)->inst].cls, C_TOTAL);
    assert_int_equal(e->p->insts[value_by(e, "amax")->inst].cls, C_TOTAL);
}

/* Small blocks are whole in a tile, many of them, and go together with what is reduced over columns. */
static void test_small_blocks(void **state)
{
    env       *e = *state;
    tg_tensor *x = tg_reshape(e->x, TG_SHAPE(64, 8, 16));
    make_all(e, ROOTS(tg_mul(tg_softmax(tg_neg(x), 1), tg_softmax(x, 2))));
    const group *g = group_of(e, value_by(e, "neg"));
    assert_true(groups_in(e) == 1 && others_in(e) == 0 && g->block == 8 && g->columns);
    assert_true(g->tile_cols == 16 && g->rows_per_tile % 8 == 0 && g->rows_per_tile > 8 && g->rows_at_once == g->rows_per_tile);
}

/* A turned operand is read in tiles of several rows. */
static void test_turned(void **state)
{
    env       *e = *state;
    tg_tensor *x = tg_keep(tg_randn(e->t, TG_SHAPE(300, 400))), *y = tg_keep(tg_randn(e->t, TG_SHAPE(400, 300)));
    tg_tensor *z = tg_mul(tg_tanh(tg_transpose(x, 0, 1)), y);
    make_all(e, ROOTS(z));
    const group *g = group_of(e, value_of(e, z));
    assert_true(g->turned && g->cols == 300 && g->rows_per_tile >= 16 && g->tile_cols < 300);
    assert_true(e->p->n_gathers == 1 && e->p->gathers[0].rows == 0);
}

/* Long rows that lie apart are read where they lie, as far as the group tells their pitches apart. */
static void test_pitched(void **state)
{
    env       *e = *state;
    tg_tensor *x = tg_keep(tg_randn(e->t, TG_SHAPE(40, 700))), *z = tg_sub(tg_slice(x, 1, 1, 601, 1), tg_slice(x, 1, 0, 600, 1));
    make_all(e, ROOTS(z));
    const group *g = group_of(e, value_of(e, z));
    assert_true(g->pitched && g->cols == 600 && g->rows_per_tile == 1 && g->n_pitches == 1 && g->pitch[0] == 700 && e->p->n_gathers == 0);
}

/* A row asks for its columns more firmly than what lies apart does for others. */
static void test_pitched_beside_row(void **state)
{
    env       *e = *state;
    tg_tensor *x = tg_keep(tg_randn(e->t, TG_SHAPE(4, 20, 40))), *row = tg_keep(tg_randn(e->t, TG_SHAPE(30)));
    tg_tensor *part = tg_slice(tg_keep(tg_randn(e->t, TG_SHAPE(4, 700))), 1, 0, 600, 1), *z = tg_neg(part);
    z = tg_add(tg_reshape(z, TG_SHAPE(4, 20, 30)), tg_mul(row, tg_slice(x, 2, 0, 30, 1)));
    make_all(e, ROOTS(z));
    const group *g = group_of(e, value_of(e, z));
    assert_true(g->cols == 30 && !g->pitched && g->rows_per_tile > 1 && g->n_pitches == 0);
}

static void test_late_results(void **state)
{
    env         *e = *state;
    tg_tensor   *y = tg_exp(e->x), *sum = tg_sum_all(y), *z = tg_div(y, sum);
    make_groups(e, ROOTS(z));
    const value *s = value_of(e, sum), *v = value_of(e, z);
    assert_int_equal(s->step, value_of(e, y)->step);
    assert_true(e->p->insts[s->inst].cls == C_TOTAL && e->p->insts[s->inst].over == OVER_ALL && s->stored);
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

TG_POINTWISE_UNARY(lift, x + 1, no_rule, .cost = TG_COST_CHEAP)
TG_POINTWISE_UNARY(dear_lift, x + 1, no_rule)

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

/* What whoever reads it computes again is not computed first: here a product that is recorded before what some of it
 * is chosen by is drawn. */
static void test_unread(void **state)
{
    env       *e = *state;
    tg_tensor *x = tg_keep(tg_randn(e->t, TG_SHAPE(4, 8, 32, 16))), *twice = tg_mul_s(x, 2);
    tg_tensor *y = tg_where(tg_bernoulli(e->t, TG_SHAPE(4, 8, 1, 1), 0.5), twice, tg_scalar(e->t, 0));
    make_all(e, ROOTS(y));
    const value *factor = value_by(e, "mul");
    const group *first = group_of(e, factor), *last = group_of(e, value_of(e, y));
    assert_true(first != last && first->count == 0 && first->n_instructions == 0 && last->count == 2 && groups_in(e) == 1);
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

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_softmax_is_one_group),
        TEST(test_bias_gradient_rides_along),
        TEST(test_late_results), TEST(test_channels), TEST(test_blocks),
        TEST(test_bands), TEST(test_no_bands), TEST(test_small_blocks), TEST(test_turned), TEST(test_pitched), TEST(test_pitched_beside_row),
        TEST(test_stored_between_shapes),
        TEST(test_cheap_again), TEST(test_unread),
        TEST(test_columns),
        TEST(test_early_steps),
        TEST(test_lay_out),
        TEST(test_memory_is_reused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
