/* test_backward.c - tg_backward and tg_grad: accumulation, seeds, several inputs, higher orders, wrong calls. */
#define _POSIX_C_SOURCE 200809L
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include <string.h>
#include <tapegrad.h>
#include <tapegrad_op.h>

#include "quiet.h"
#include "f64_test.h"

/* ---- tg_backward ---------------------------------------------------------------------------------------------- */

static void test_backwards_accumulate(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *w = tg_param(t, "w", tg_from_f64(t, TG_SHAPE(2), (double[]){3, 4})), *x = leaf(t, 5);
    assert_null(tg_grad_of(w));
    tg_tensor *loss = tg_sum_all(tg_mul(tg_square(w), x)); /* 2 w x; sum w^2 */
    assert_int_equal(tg_backward(loss), TG_OK);
    assert_near(tg_item(loss), 125);
    assert_values(tg_grad_of(w), (double[]){30, 40}, 2);
    assert_values(tg_grad_of(x), (double[]){25}, 1);
    assert_int_equal(tg_backward(loss), TG_OK); /* the same loss again */
    assert_values(tg_grad_of(w), (double[]){60, 80}, 2);
    assert_values(tg_grad_of(x), (double[]){50}, 1);
    assert_int_equal(tg_backward(tg_sum_all(w)), TG_OK); /* another one */
    assert_values(tg_grad_of(w), (double[]){61, 81}, 2);
    assert_int_equal(tg_zero_grad(t), TG_OK);
    assert_null(tg_grad_of(w));
    assert_int_equal(tg_backward(tg_sum_all(w)), TG_OK);
    assert_values(tg_grad_of(w), (double[]){1, 1}, 2);
    assert_null(tg_error(t));
}

static void test_gradients_survive_reset(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *w = tg_param(t, "w", tg_scalar(t, 3)), *k = tg_set_requires_grad(tg_keep(tg_scalar(t, 2)), true);
    for (int step = 1; step <= 4; step++) {
        assert_int_equal(tg_backward(tg_mul(tg_square(w), k)), TG_OK);
        assert_near(tg_item(tg_grad_of(w)), 12.0 * step);
        assert_near(tg_item(tg_grad_of(k)), 9.0 * step);
        assert_int_equal(tg_reset(t), TG_OK);
        assert_near(tg_item(tg_grad_of(w)), 12.0 * step);
        assert_near(tg_item(tg_grad_of(k)), 9.0 * step);
    }
    assert_int_equal(tg_zero_grad(t), TG_OK);
    assert_null(tg_grad_of(w));
    assert_null(tg_grad_of(k));
}

static void test_seeds(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = tg_set_requires_grad(tg_from_f64(t, TG_SHAPE(3), (double[]){1, 2, 3}), true), *y = tg_square(x);
    tg_tensor *v = tg_from_f64(t, TG_SHAPE(3), (double[]){1, -1, 0.5});
    assert_int_equal(tg_backward_seed(y, v), TG_OK);
    assert_values(tg_grad_of(x), (double[]){2, -4, 3}, 3);
    assert_int_equal(tg_backward_seed(y, v), TG_OK);
    assert_values(tg_grad_of(x), (double[]){4, -8, 6}, 3);

    expect_failure(t, tg_backward(y), TG_ERR_SHAPE, "seed");
    expect_failure(t, tg_backward_seed(y, tg_ones(t, TG_SHAPE(2))), TG_ERR_SHAPE, "seed");
    expect_failure(t, tg_backward_seed(y, tg_scalar(t, 1)), TG_ERR_SHAPE, "seed");
    assert_int_not_equal(tg_backward_seed(y, tg_full(t, TG_F32, TG_SHAPE(3), 1)), TG_OK);
    assert_int_equal(tg_backward_seed(y, NULL), TG_ERR_NULL);
    assert_int_equal(tg_backward_seed(NULL, v), TG_ERR_NULL);
    tg_clear_error(t);
    assert_values(tg_grad_of(x), (double[]){4, -8, 6}, 3); /* errors added nothing */
}

/* A gradient that arrives under another shape is computed where it belongs, and is nobody else's: not the seed's, not another leaf's. */
static void test_reshaped_gradients(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *w = tg_param(t, "w", tg_zeros(t, TG_SHAPE(2, 2))), *b = tg_param(t, "b", tg_zeros(t, TG_SHAPE(1, 4)));
    tg_tensor *seed = tg_keep(tg_from_f64(t, TG_SHAPE(4), (double[]){1, 2, 3, 4}));
    tg_tensor *sum = tg_add(tg_reshape(w, TG_SHAPE(4)), tg_squeeze(b, 0));
    assert_int_equal(tg_backward_seed(sum, seed), TG_OK); /* the seed itself arrives at both */
    ((double *)(uintptr_t)tg_data(tg_grad_of(w)))[0] = 100;
    assert_values(seed, (double[]){1, 2, 3, 4}, 4);
    assert_values(tg_grad_of(b), (double[]){1, 2, 3, 4}, 4);
    assert_int_equal(tg_zero_grad(t), TG_OK);
    sum = tg_add(tg_reshape(w, TG_SHAPE(4)), tg_squeeze(b, 0));
    assert_int_equal(tg_backward_seed(sum, tg_neg(seed)), TG_OK); /* what is computed for both, once */
    assert_values(tg_grad_of(w), (double[]){-1, -2, -3, -4}, 4);
    assert_values(tg_grad_of(b), (double[]){-1, -2, -3, -4}, 4);
    tg_tensor *scaled = tg_mul_s(tg_add(tg_reshape(w, TG_SHAPE(4)), tg_squeeze(b, 0)), 2);
    assert_int_equal(tg_backward_seed(scaled, seed), TG_OK); /* added to what is there */
    ((double *)(uintptr_t)tg_data(tg_grad_of(b)))[3] = 7;
    assert_values(tg_grad_of(w), (double[]){1, 2, 3, 4}, 4);
    assert_values(tg_grad_of(b), (double[]){1, 2, 3, 7}, 4);
    assert_int_equal(tg_zero_grad(t), TG_OK);
    for (int round = 0; round < 4; round++) { /* replayed */
        tg_tensor *y = tg_mul_s(tg_reshape(w, TG_SHAPE(4)), 3);
        assert_int_equal(tg_backward_seed(y, seed), TG_OK);
        assert_values(tg_grad_of(w), (double[]){3 * (round + 1), 6 * (round + 1), 9 * (round + 1), 12 * (round + 1)}, 4);
        assert_int_equal(tg_shape_of(tg_grad_of(w))->rank, 2);
        assert_int_equal(tg_reset(t), TG_OK);
    }
}

/* A leaf can be its own loss, and one of the terms. */
static void test_leaf_as_output(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = leaf(t, 3), *w = tg_param(t, "w", tg_scalar(t, 7)), *g;
    assert_int_equal(tg_backward(x), TG_OK);
    assert_near(tg_item(tg_grad_of(x)), 1);
    assert_int_equal(tg_backward(w), TG_OK);
    assert_int_equal(tg_backward(w), TG_OK);
    assert_near(tg_item(tg_grad_of(w)), 2);
    assert_near(tg_item(w), 7);
    assert_int_equal(tg_grad(&x, NULL, 1, &x, 1, true, &g), TG_OK);
    assert_near(tg_item(g), 1);
}

/* What is asked for is what a parameter's value was, and the gradient of one does not overwrite that of another. */
static void test_shared_gradient_nodes(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *a = tg_param(t, "a", tg_ones(t, TG_SHAPE(2))), *b = tg_param(t, "b", tg_ones(t, TG_SHAPE(2)));
    tg_tensor *v = tg_from_f64(t, TG_SHAPE(2), (double[]){5, 6});
    assert_int_equal(tg_backward_seed(tg_add(a, b), v), TG_OK); /* both get v itself */
    assert_int_equal(tg_backward_seed(a, v), TG_OK);
    assert_values(tg_grad_of(a), (double[]){10, 12}, 2);
    assert_values(tg_grad_of(b), (double[]){5, 6}, 2);
    assert_values(v, (double[]){5, 6}, 2);
}

/* A parameter's gradient of the step before, or a view of it, is a factor of another's, in a program that has run with other factors: it is
 * read before it is overwritten, whichever is computed first. */
static void test_gradient_of_before(void **state)
{
    tg_tape   *t = tg_tape_new(&(tg_tape_options){.dtype = TG_F64, .compile = "never"}); /* machine code has another order */
    assert_non_null(*state = t);
    tg_tensor *w[2] = {tg_param(t, "a", tg_ones(t, TG_SHAPE(2))), tg_param(t, "b", tg_ones(t, TG_SHAPE(2)))};
    tg_tensor *factor[2] = {tg_keep(tg_full(t, TG_F64, TG_SHAPE(2), 3)), tg_keep(tg_full(t, TG_F64, TG_SHAPE(2), 3))};
    tg_optim  *sgd = tg_sgd(t, &(tg_sgd_options){.lr = 0.1});
    for (int trial = 0; trial < 4; trial++) {
        const int read = trial % 2;
        assert_int_equal(tg_copy_from(factor[read], (double[]){3, 3}, 2 * sizeof(double)), TG_OK);
        for (int step = 0; step < 3; step++) {
            tg_tensor *k[2] = {factor[0], factor[1]};
            assert_int_equal(tg_reset(t), TG_OK);
            if (step == 2) {
                assert_int_equal(tg_copy_from(factor[read], (double[]){5, 5}, 2 * sizeof(double)), TG_OK);
                k[1 - read] = tg_grad_of(w[read]);
                if (trial >= 2) k[1 - read] = tg_reshape(tg_reshape(k[1 - read], TG_SHAPE(2, 1)), TG_SHAPE(2));
                assert_int_equal(tg_eval(&k[1 - read], 1), TG_OK);
            }
            assert_int_equal(tg_backward(tg_add(tg_sum_all(tg_mul(w[0], k[0])), tg_sum_all(tg_mul(w[1], k[1])))), TG_OK);
            assert_int_equal(tg_step(sgd), TG_OK);
        }
        assert_values(tg_grad_of(w[read]), (double[]){5, 5}, 2);
        assert_values(tg_grad_of(w[1 - read]), (double[]){3, 3}, 2);
    }
}

/* A gradient can be read by a loss whose own gradient takes its place; what read it and has no value yet is invalid
 * then. */
static void test_gradient_in_a_loss(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *w = tg_param(t, "w", tg_scalar(t, 3));
    assert_int_equal(tg_backward(tg_square(w)), TG_OK); /* 6 */
    tg_tensor *later = tg_mul_s(tg_grad_of(w), 2), *loss = tg_mul(tg_grad_of(w), tg_square(w));
    assert_int_equal(tg_backward(loss), TG_OK);
    assert_near(tg_item(loss), 54);
    assert_near(tg_item(tg_grad_of(w)), 6 + 6 * 6);
    assert_true(isnan(tg_item(later)));
    assert_int_equal(tg_error_status(t), TG_ERR_STALE);
}

static void test_single_precision(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = tg_set_requires_grad(tg_from_f32(t, TG_SHAPE(2), (float[]){0.5F, 2}), true);
    tg_tensor *y = tg_to(tg_square(x), TG_F64);
    assert_int_equal(tg_backward(tg_sum_all(tg_square(y))), TG_OK); /* 4 x^3 */
    const float *g = tg_data_f32(tg_grad_of(x));
    assert_non_null(g);
    assert_true(g[0] == 0.5F && g[1] == 32);
}

/* ---- tg_grad -------------------------------------------------------------------------------------------------- */

static void test_grad_touches_nobody(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *w = tg_param(t, "w", tg_scalar(t, 3)), *x = leaf(t, 2), *g[2], *in[2] = {w, x};
    tg_tensor *y = tg_mul(tg_square(w), x);
    assert_int_equal(tg_grad(&y, NULL, 1, in, 2, false, g), TG_OK);
    assert_near(tg_item(g[0]), 12);
    assert_near(tg_item(g[1]), 9);
    assert_null(tg_grad_of(w));
    assert_null(tg_grad_of(x));
    assert_int_equal(tg_backward(y), TG_OK);
    assert_int_equal(tg_grad(&y, NULL, 1, in, 2, true, g), TG_OK);
    assert_near(tg_item(tg_grad_of(w)), 12);
    assert_false(tg_requires_grad(tg_grad_of(w)));
}

static void test_grad_of_several(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = leaf(t, 2), *y = leaf(t, 3), *z = leaf(t, 4), *h = tg_mul(x, y);
    tg_tensor *out[2] = {tg_square(h), tg_add(h, x)}, *in[5] = {x, y, h, z, x}, *g[5];
    tg_tensor *seed[2] = {NULL, tg_scalar(t, 10)};
    /* h^2 + 10 (h + x): dh = 2h + 10 = 22, dx = 22 y + 10, dy = 22 x */
    assert_int_equal(tg_grad(out, seed, 2, in, 5, false, g), TG_OK);
    const double want[5] = {76, 44, 22, 0, 76};
    for (int k = 0; k < 5; k++) assert_near(tg_item(g[k]), want[k]);
    assert_true(tg_item(g[3]) == 0 && !signbit(tg_item(g[3])));
    assert_int_equal(tg_grad(out, NULL, 2, in, 5, false, g), TG_OK); /* both seeds 1 */
    assert_near(tg_item(g[2]), 13);
}

/* An input that nothing depends on has exact zeros of its shape, in second derivatives too. */
static void test_independent_input(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = leaf(t, 0.5), *z = tg_set_requires_grad(tg_ones(t, TG_SHAPE(2, 0, 3)), true),
              *u = tg_set_requires_grad(tg_ones(t, TG_SHAPE(2, 3)), true);
    tg_tensor *y = tg_exp(x), *in[3] = {x, z, u}, *g[3], *gg[3];
    assert_int_equal(tg_grad(&y, NULL, 1, in, 3, true, g), TG_OK);
    assert_true(tg_shape_equal(tg_shape_of(g[1]), TG_SHAPE(2, 0, 3)));
    assert_int_equal(tg_grad(g, NULL, 1, in, 3, false, gg), TG_OK);
    assert_near(tg_item(gg[0]), exp(0.5));
    for (int k = 0; k < 6; k++) assert_true(tg_data_f64(g[2])[k] == 0 && tg_data_f64(gg[2])[k] == 0);
}

static void test_grad_misuse(void **state)
{
    tg_tape   *t = open_tape(state), *other = tg_tape_new(&(tg_tape_options){.dtype = TG_F64, .silent = true});
    tg_tensor *x = leaf(t, 2), *c = tg_scalar(t, 1), *y = tg_square(x), *g, *far = leaf(other, 1), *null = NULL;
    tg_tensor *seed = tg_ones(other, TG_SCALAR_SHAPE);
    assert_int_equal(tg_grad(NULL, NULL, 1, &x, 1, false, &g), TG_ERR_NULL);
    assert_int_equal(tg_grad(&y, NULL, 1, NULL, 1, false, &g), TG_ERR_NULL);
    assert_int_equal(tg_grad(&y, NULL, 1, &x, 1, false, NULL), TG_ERR_NULL);
    assert_int_equal(tg_grad(&y, NULL, 0, &x, 1, false, &g), TG_ERR_ARG);
    assert_int_equal(tg_grad(&null, NULL, 1, &x, 1, false, &g), TG_ERR_NULL);
    assert_int_equal(tg_grad(&y, NULL, 1, &null, 1, false, &g), TG_ERR_NULL);
    assert_null(g);
    tg_clear_error(t);
    expect_failure(t, tg_grad(&y, NULL, 1, &far, 1, false, &g), TG_ERR_TAPE, "tapes");
    expect_failure(t, tg_grad(&y, &seed, 1, &x, 1, false, &g), TG_ERR_TAPE, "tapes");
    expect_failure(t, tg_grad(&y, NULL, 1, &c, 1, false, &g), TG_ERR_GRAD, "require");
    assert_int_equal(tg_grad(&c, NULL, 1, &x, 1, false, &g), TG_OK); /* what depends on nothing has the derivative 0 … */
    assert_near(tg_item(g), 0);
    assert_int_equal(tg_grad(&y, NULL, 1, &x, 1, false, &g), TG_OK); /* … but of this nobody noted on what it depends */
    expect_failure(t, tg_grad(&g, NULL, 1, &x, 1, false, &g), TG_ERR_GRAD, "no gradient path");
    expect_failure(t, tg_backward(c), TG_ERR_GRAD, "no gradient path");
    assert_int_equal(tg_backward(NULL), TG_ERR_NULL);
    assert_null(tg_set_requires_grad(tg_from_i64(t, TG_SHAPE(1), (int64_t[]){1}), true));
    assert_int_equal(tg_error_status(t), TG_ERR_DTYPE);
    tg_clear_error(t);
    tg_reset(t);
    expect_failure(t, tg_backward(y), TG_ERR_STALE, "stale");
    expect_failure(t, tg_grad(&y, NULL, 1, &x, 1, false, &g), TG_ERR_STALE, "stale");
    assert_null(tg_grad_of(x));
    assert_null(tg_grad_of(NULL));
    tg_tape_free(other);
}

/* ---- higher orders -------------------------------------------------------------------------------------------- */

static tg_tensor *f_fourth(tg_tensor *x) { return tg_pow_s(x, 4); }
static tg_tensor *f_exp(tg_tensor *x) { return tg_exp(tg_mul_s(x, 2)); }
static tg_tensor *f_sin(tg_tensor *x) { return tg_sin(x); }
static tg_tensor *f_log(tg_tensor *x) { return tg_log(x); }
static tg_tensor *f_recip(tg_tensor *x) { return tg_reciprocal(x); }
static tg_tensor *f_tanh(tg_tensor *x) { return tg_tanh(x); }
static tg_tensor *f_sigmoid(tg_tensor *x) { return tg_sigmoid(x); }
static tg_tensor *f_sqrt(tg_tensor *x) { return tg_sqrt(x); }
static tg_tensor *f_cube(tg_tensor *x) { return tg_mul(x, tg_mul(x, x)); }

/* The value and three derivatives in closed form, at x = 0.7. */
static void test_third_order(void **state)
{
    tg_tape     *t = open_tape(state);
    const double x = 0.7, th = tanh(x), s = 1 / (1 + exp(-x)), e = exp(2 * x), d = 1 - th * th, p = s * (1 - s);
    const struct {
        tg_tensor *(*f)(tg_tensor *);
        double want[4];
    } cases[] = {
        {f_fourth, {pow(x, 4), 4 * pow(x, 3), 12 * x * x, 24 * x}},
        {f_exp, {e, 2 * e, 4 * e, 8 * e}},
        {f_sin, {sin(x), cos(x), -sin(x), -cos(x)}},
        {f_log, {log(x), 1 / x, -1 / (x * x), 2 / (x * x * x)}},
        {f_recip, {1 / x, -1 / (x * x), 2 / pow(x, 3), -6 / pow(x, 4)}},
        {f_tanh, {th, d, -2 * th * d, d * (6 * th * th - 2)}},
        {f_sigmoid, {s, p, p * (1 - 2 * s), p * (1 - 6 * s + 6 * s * s)}},
        {f_sqrt, {sqrt(x), 0.5 / sqrt(x), -0.25 * pow(x, -1.5), 0.375 * pow(x, -2.5)}},
        {f_cube, {x * x * x, 3 * x * x, 6 * x, 6}},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        tg_tensor *in = leaf(t, x), *y = cases[k].f(in), *g;
        assert_near(tg_item(y), cases[k].want[0]);
        for (int order = 1; order < 4; order++) {
            assert_int_equal(tg_grad(&y, NULL, 1, &in, 1, order < 3, &g), TG_OK);
            assert_near(tg_item(g), cases[k].want[order]);
            y = g;
        }
        assert_false(tg_requires_grad(y)); /* the last one had no create_graph */
    }
}

/* x^2 y^3: mixed second derivatives are equal, and a gradient can be part of a loss. */
static void test_mixed_derivatives(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = leaf(t, 2), *y = leaf(t, 3), *in[2] = {x, y}, *g[2], *gx[2], *gy[2];
    tg_tensor *f = tg_mul(tg_square(x), f_cube(y));
    assert_int_equal(tg_grad(&f, NULL, 1, in, 2, true, g), TG_OK);
    assert_int_equal(tg_grad(&g[0], NULL, 1, in, 2, false, gx), TG_OK);
    assert_int_equal(tg_grad(&g[1], NULL, 1, in, 2, false, gy), TG_OK);
    assert_near(tg_item(gx[0]), 54);  /* 2 y^3 */
    assert_near(tg_item(gx[1]), 108); /* 6 x y^2 */
    assert_near(tg_item(gy[0]), 108);
    assert_near(tg_item(gy[1]), 72);                                  /* 6 x^2 y */
    assert_int_equal(tg_backward(tg_add(tg_square(g[0]), f)), TG_OK); /* d/dx: 2 g0 2y^3 + 2 x y^3 */
    assert_near(tg_item(tg_grad_of(x)), 2 * 108 * 54 + 108);
}

#define TEST(f) cmocka_unit_test_teardown(f, close_tape)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_backwards_accumulate),
        TEST(test_gradients_survive_reset),
        TEST(test_seeds),
        TEST(test_reshaped_gradients),
        TEST(test_leaf_as_output),
        TEST(test_shared_gradient_nodes),
        TEST(test_gradient_of_before),
        TEST(test_gradient_in_a_loss),
        TEST(test_single_precision),
        TEST(test_grad_touches_nobody),
        TEST(test_grad_of_several),
        TEST(test_independent_input),
        TEST(test_grad_misuse),
        TEST(test_third_order),
        TEST(test_mixed_derivatives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
