/* test_results_gradients.c - ops with several results, differentiated through any of them. */
#define _GNU_SOURCE
#include "op_test.h"

#include "several.h"

#include "graph/graph.h"
#include "several_ops.h"

/* ---- gradients ------------------------------------------------------------------------------------------------------ */

static tg_tensor *f_outer(void *ctx, tg_tensor *const *in)
{
    const int  which = *(const int *)ctx;
    tg_tensor *r = outer(in[0], in[1]), *sum = tg_scalar(tg_tape_of(r), 0);
    if (which & 1) sum = tg_add(sum, tg_square(r));
    if (which & 2) sum = tg_add(sum, tg_sin(tg_result(r, 1)));
    if (which & 4) sum = tg_add(sum, tg_mul(r, tg_result(r, 1)));
    return sum;
}

static tg_tensor *f_polar(void *ctx, tg_tensor *const *in)
{
    const int  which = *(const int *)ctx;
    tg_tensor *angle, *r = polar(tg_add_s(in[0], 2), in[1], &angle), *sum = tg_scalar(tg_tape_of(r), 0);
    if (which & 1) sum = tg_add(sum, r);
    if (which & 2) sum = tg_add(sum, angle);
    if (which & 4) sum = tg_add(sum, tg_mul(tg_exp(angle), r));
    return sum;
}

static tg_tensor *f_centre(void *ctx, tg_tensor *const *in)
{
    const int  which = *(const int *)ctx;
    tg_tensor *centred, *mean = several_centre(in[0], &centred), *sum = tg_scalar(tg_tape_of(mean), 0);
    if (which & 1) sum = tg_add(sum, tg_sum_all(tg_square(mean)));
    if (which & 2) sum = tg_add(sum, centred);
    if (which & 4) sum = tg_add(sum, tg_mul(tg_unsqueeze(mean, -1), tg_mul(centred, in[1])));
    return sum;
}

/* Each result alone, both, and products of both; first and second order. */
static void test_gradients(void **state)
{
    static const tg_fn fns[] = {f_outer, f_polar, f_centre};
    tg_tape *t = quiet(TG_F64);
    (void)state;
    for (int f = 0; f < 3; f++)
        for (int which = 1; which < 8; which++) {
            tg_gradcheck_report r;
            tg_tensor *in[2] = {tg_set_requires_grad(VECTOR(t, 0.3, -0.7, 1.1), true), tg_set_requires_grad(VECTOR(t, 0.5, 0.9, -0.2), true)};
            if (tg_gradcheck(fns[f], &which, in, 2, &(tg_gradcheck_options){.order = 2}, &r) != TG_OK) fail_msg("%d, %d: %s", f, which, r.text);
            assert_int_equal(tg_reset(t), TG_OK);
        }
    tg_tape_free(t);
}

/* Seeds at any of the results; several outputs at once; results as the inputs of a derivative. */
static void test_seeds_and_inputs(void **state)
{
    tg_tape *t = quiet(TG_F64);
    (void)state;
    for (int round = 0; round < 4; round++, tg_reset(t)) {
        tg_tensor *x = tg_set_requires_grad(VECTOR(t, 1, 2, 4), true), *y = tg_set_requires_grad(VECTOR(t, 3, -1), true), *r = outer(x, y), *r1 = tg_result(r, 1);
        tg_tensor *seed = tensor(t, TG_F64, TG_SHAPE(3, 2), (const double[]){1, 2, 3, 4, 5, 6}), *g[4];
        assert_true(tg_requires_grad(r) && tg_requires_grad(r1) && !tg_requires_grad(tg_result(r, 2)));
        assert_int_equal(tg_backward_seed(r1, seed), TG_OK);
        assert_f64(tg_grad_of(x), TG_SHAPE(3), 3, 7, 11);
        assert_f64(tg_grad_of(y), TG_SHAPE(2), -9, -12);
        assert_int_equal(tg_grad((tg_tensor *[]){r1, r}, (tg_tensor *[]){seed, tg_scalar(t, 10)}, 2, &x, 1, false, g), TG_OK);
        assert_f64(g[0], TG_SHAPE(3), 23, 27, 31);

        /* d/dr1 and d/dr of something made of both, where one of them is not reached, and of all */
        tg_tensor *z = tg_add(tg_mul(r, tg_sum_all(tg_square(r1))), tg_sum_all(tg_mul(x, x)));
        assert_int_equal(tg_grad(&z, NULL, 1, (tg_tensor *[]){r1, x, r, y}, 4, round % 2, g), TG_OK);
        const double d[6] = {-2, 2, -1, 3, 1, 5}, s = 44;
        assert_f64(g[0], TG_SHAPE(3, 2), 28 * d[0], 28 * d[1], 28 * d[2], 28 * d[3], 28 * d[4], 28 * d[5]);
        assert_f64(g[2], TG_SCALAR_SHAPE, s);
        assert_f64(g[1], TG_SHAPE(3), 28 * 0 + 2 * s + 2, 28 * 2 + 2 * s + 4, 28 * 6 + 2 * s + 8);
        assert_f64(g[3], TG_SHAPE(2), 28 * 2 + 7 * s, -28 * 10 + 7 * s);
        z = tg_sum_all(r1);
        assert_int_equal(tg_grad(&z, NULL, 1, (tg_tensor *[]){r, r1, x}, 3, false, g), TG_OK);
        assert_f64(g[0], TG_SCALAR_SHAPE, 0);
        assert_f64(g[1], TG_SHAPE(3, 2), 1, 1, 1, 1, 1, 1);
        assert_f64(g[2], TG_SHAPE(3), 2, 2, 2);
        z = tg_square(r);
        assert_int_equal(tg_grad(&z, NULL, 1, (tg_tensor *[]){r, r1}, 2, false, g), TG_OK);
        assert_f64(g[0], TG_SCALAR_SHAPE, 28);
        assert_f64(g[1], TG_SHAPE(3, 2), 0, 0, 0, 0, 0, 0);
    }
    tg_tape_free(t);
}

/* No gradient through detached results; a result made a leaf is where the way ends, and the call may be reached through another. */
static void test_cut(void **state)
{
    tg_tape *t = quiet(TG_F64);
    (void)state;
    for (int round = 0; round < 3; round++, tg_reset(t)) {
        tg_tensor *x = tg_set_requires_grad(VECTOR(t, 1, 2, 4), true), *y = VECTOR(t, 3, -1), *r = outer(x, y);
        tg_tensor *z = tg_add(tg_mul_s(r, 3), tg_sum_all(tg_detach(tg_result(r, 1))));
        assert_f64(gradient(z, NULL, x), TG_SHAPE(3), 6, 6, 6);
        z = tg_add(tg_detach(r), tg_sum_all(tg_result(r, 1)));
        assert_f64(gradient(z, NULL, x), TG_SHAPE(3), 2, 2, 2);

        tg_tensor *p = outer(VECTOR(t, 1, 2), y), *leaf = tg_result(p, round % 2);
        assert_false(tg_requires_grad(p) || tg_requires_grad(tg_result(p, 1)));
        assert_ptr_equal(tg_set_requires_grad(leaf, true), leaf);
        assert_true(tg_requires_grad(p) == (round % 2 == 0) && tg_requires_grad(tg_result(p, 1)) == (round % 2 == 1));
        z = tg_add(tg_mul_s(p, 3), tg_sum_all(tg_square(tg_result(p, 1))));
        assert_int_equal(tg_backward(z), TG_OK);
        if (round % 2) assert_f64(tg_grad_of(leaf), TG_SHAPE(2, 2), -4, 4, -2, 6);
        else assert_f64(tg_grad_of(leaf), TG_SCALAR_SHAPE, 3);
        assert_null(tg_set_requires_grad(tg_result(p, 2), true));
        assert_int_equal(tg_error_status(t), TG_ERR_DTYPE);
        tg_clear_error(t);

        const bool was = tg_set_grad_enabled(t, false);
        r = outer(x, y);
        tg_set_grad_enabled(t, was);
        assert_false(tg_requires_grad(r) || tg_requires_grad(tg_result(r, 1)));
    }
    tg_tape_free(t);
}

/* Result 0 is of integers: whether a gradient comes, and whether it may, is another's affair. */
static void test_integers_first(void **state)
{
    static const double v[6] = {1, 5, 2, 7, 3, 4};
    tg_tape *t = quiet(TG_F64);
    (void)state;
    for (int round = 0; round < 8; round++, tg_reset(t)) {
        const bool grad = round % 3 != 1;
        tg_tensor *x = tensor(t, TG_F64, TG_SHAPE(2, 3), v), *w = tg_mul_s(tg_set_requires_grad(VECTOR(t, 1, 1, 1), true), 1);
        x = grad ? tg_mul(x, w) : tg_mul(x, tg_detach(w));
        tg_tensor *at = tg_record(&best_op, &x, 1, NULL, 0), *most = tg_result(at, 1);
        assert_false(tg_requires_grad(at));
        assert_true(tg_requires_grad(most) == grad);
        assert_values(at, TG_I64, TG_SHAPE(2), (const double[]){1, 0}, 0);
        assert_f64(most, TG_SHAPE(2), 5, 7);
        if (grad) assert_f64(gradient(tg_sum_all(tg_square(most)), NULL, x), TG_SHAPE(2, 3), 0, 10, 0, 14, 0, 0);
        at = tg_record(&best_without_op, &x, 1, NULL, 0);
        if (grad) {
            assert_said(t, at, TG_ERR_GRAD,
                         "best_without: the op has no derivative, but a gradient through it is needed; use tg_detach where none is "
                         "wanted (input [2,3] float64)");
        } else {
            assert_f64(tg_result(at, 1), TG_SHAPE(2), 5, 7);
        }
    }
    tg_tape_free(t);
}

/* Gradients that are results themselves: a parameter's memory gets what result 1 of another call is, also added to what is there. */
static tg_status pass_infer(tg_call *c)
{
    c->shape = c->result[1].shape = *tg_shape_of(c->in[0]);
    c->dtype = c->result[1].dtype = tg_dtype_of(c->in[0]);
    return TG_OK;
}

/* 2 x and 3 x */
static tg_status pass_run(tg_call *c)
{
    const double *x = c->x[0].data;
    for (int64_t i = 0; i < several_count(c->y.shape); i++) {
        ((double *)c->y.data)[i] = 2 * x[i];
        ((double *)c->result[1].y.data)[i] = 3 * x[i];
    }
    return TG_OK;
}

static tg_tensor *pass_vjp(const tg_call *c, int i, tg_tensor *g);
static const tg_op pass_op = {.name = "pass", .arity = 1, .results = 2, .infer = pass_infer, .run = pass_run, .vjp = pass_vjp};

/* The gradient of 3 x is result 1 of a call, that of 2 x result 0 of another; of both their sum. */
static tg_tensor *pass_vjp(const tg_call *c, int i, tg_tensor *g)
{
    tg_tensor *g1 = c->result[1].g;
    (void)i;
    tg_tensor *a = g ? tg_record(&pass_op, &g, 1, NULL, 0) : NULL, *b = g1 ? tg_result(tg_record(&pass_op, &g1, 1, NULL, 0), 1) : NULL;
    return a && b ? tg_add(a, b) : a ? a : b;
}

static void test_results_as_gradients(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *w = tg_param(t, "w", VECTOR(t, 1, 2)), *v = tg_keep(VECTOR(t, 5, 7)), *leaf;
    (void)state;
    assert_non_null(tg_set_requires_grad(v, true));
    for (int round = 0; round < 9; round++, tg_reset(t)) {
        const int which = round % 3;
        tg_tensor *seed = VECTOR(t, 10, 100);
        if (round >= 6) assert_int_equal(tg_zero_grad(t), TG_OK);
        for (int twice = 0; twice < 2; twice++) {
            leaf = tg_set_requires_grad(VECTOR(t, 1, 1), true);
            tg_tensor *p = tg_record(&pass_op, &w, 1, NULL, 0), *q = tg_record(&pass_op, &v, 1, NULL, 0), *l = tg_record(&pass_op, &leaf, 1, NULL, 0);
            tg_tensor *sum = which == 0 ? p : which == 1 ? tg_result(p, 1) : tg_add(p, tg_result(p, 1));
            sum = tg_add(tg_add(sum, tg_result(q, 1)), tg_result(l, 1));
            assert_int_equal(tg_backward_seed(sum, seed), TG_OK);
            assert_f64(tg_grad_of(leaf), TG_SHAPE(2), 30, 300);
        }
        const double gw[] = {4, 6, 10};
        if (round >= 6) {
            assert_f64(tg_grad_of(w), TG_SHAPE(2), gw[which] * 10, gw[which] * 100);
            assert_f64(tg_grad_of(v), TG_SHAPE(2), 60, 600);
        } else {
            const double all[] = {4, 10, 20, 24, 30, 40};
            assert_f64(tg_grad_of(w), TG_SHAPE(2), all[round] * 10, all[round] * 100);
            assert_f64(tg_grad_of(v), TG_SHAPE(2), 60 * (round + 1), 600 * (round + 1));
        }
    }
    /* in a derivative that can be differentiated again */
    tg_tensor *x = tg_set_requires_grad(VECTOR(t, 1, 2), true), *y = tg_result(tg_record(&pass_op, &x, 1, NULL, 0), 1);
    tg_tensor *g = gradient(tg_sum_all(tg_mul(y, tg_square(x))), NULL, x); /* of 3 x^3 */
    assert_f64(g, TG_SHAPE(2), 9, 36);
    assert_f64(gradient(tg_sum_all(g), NULL, x), TG_SHAPE(2), 18, 36);
    tg_tape_free(t);
}

/* A backward for chosen leaves finds its way through a call whose result 0 is of integers, and a leaf made after such a call is refused where
 * result 1 was used already. */
static void test_chosen_leaves_behind_integers(void **state)
{
    (void)state;
    tg_tape *t = quiet(TG_F64);
    for (int round = 0; round < 3; round++) {
        const double values[] = {1, 5, 2, 7, 3, 4};
        tg_tensor   *x = tg_set_requires_grad(tg_from_f64(t, TG_SHAPE(2, 3), values), true);
        tg_tensor   *z = tg_set_requires_grad(tg_from_f64(t, TG_SHAPE(2, 3), values), true), *sum = tg_add(x, z);
        tg_tensor   *most = tg_result(tg_record(&best_op, &sum, 1, NULL, 0), 1), *loss = tg_sum_all(tg_mul_s(most, 3));
        assert_int_equal(tg_backward_into(loss, &x, 1), TG_OK);
        assert_f64(tg_grad_of(x), TG_SHAPE(2, 3), 0, 3, 0, 3, 0, 0);
        assert_null(tg_grad_of(z));
        assert_int_equal(tg_backward_into(loss, (tg_tensor *[]){z, x}, 2), TG_OK);
        assert_f64(tg_grad_of(x), TG_SHAPE(2, 3), 0, 6, 0, 6, 0, 0);
        assert_f64(tg_grad_of(z), TG_SHAPE(2, 3), 0, 3, 0, 3, 0, 0);
        tg_tensor *late = tg_from_f64(t, TG_SHAPE(2, 3), values), *call = tg_record(&best_op, &late, 1, NULL, 0);
        assert_null(tg_set_requires_grad(late, true));
        tg_clear_error(t);
        assert_non_null(call);
        assert_int_equal(tg_reset(t), TG_OK);
    }
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chosen_leaves_behind_integers),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_seeds_and_inputs),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_integers_first),
        cmocka_unit_test(test_results_as_gradients),
    };
    return cmocka_run_group_tests_name("results", tests, NULL, NULL);
}
