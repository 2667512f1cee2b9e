/* test_backward.c - tg_backward and tg_grad: accumulation, seeds, higher orders, where gradients end, errors in rules,
 * deep graphs. */
#define _POSIX_C_SOURCE 200809L
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <tapegrad.h>
#include <tapegrad_op.h>
#include <time.h>

static tg_tape *open_tape(void **state)
{
    tg_tape *t = tg_tape_new(&(tg_tape_options){.dtype = TG_F64, .silent = true});
    assert_non_null(t);
    *state = t;
    return t;
}

static int close_tape(void **state)
{
    tg_tape_free(*state);
    return 0;
}

static tg_tensor *leaf(tg_tape *t, double x) { return tg_set_requires_grad(tg_scalar(t, x), true); }
static tg_tensor *total(tg_tensor *x) { return tg_sum(x, TG_ALL_AXES, false); }

static void assert_near(double a, double b)
{
    if (!(fabs(a - b) <= 1e-12 * fmax(1, fabs(b)))) fail_msg("%.17g is not %.17g", a, b);
}

static void assert_values(tg_tensor *t, const double *want, int64_t n)
{
    const double *have = tg_data_f64(t);
    assert_non_null(have);
    assert_int_equal(tg_numel(t), n);
    for (int64_t i = 0; i < n; i++) assert_near(have[i], want[i]);
}

static void assert_error(tg_tape *t, tg_status s, tg_status want, const char *says)
{
    assert_int_equal(s, want);
    assert_non_null(tg_error(t));
    if (!strstr(tg_error(t), says)) fail_msg("%s: does not say \"%s\"", tg_error(t), says);
    tg_clear_error(t);
}

/* ---- tg_backward ---------------------------------------------------------------------------------------------- */

static void test_backwards_accumulate(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *w = tg_param(t, "w", tg_from_f64(t, TG_SHAPE(2), (double[]){3, 4})), *x = leaf(t, 5);
    assert_null(tg_grad_of(w));
    tg_tensor *loss = total(tg_mul(tg_square(w), x)); /* 2 w x; sum w^2 */
    assert_int_equal(tg_backward(loss), TG_OK);
    assert_near(tg_item(loss), 125);
    assert_values(tg_grad_of(w), (double[]){30, 40}, 2);
    assert_values(tg_grad_of(x), (double[]){25}, 1);
    assert_int_equal(tg_backward(loss), TG_OK); /* the same loss again */
    assert_values(tg_grad_of(w), (double[]){60, 80}, 2);
    assert_values(tg_grad_of(x), (double[]){50}, 1);
    assert_int_equal(tg_backward(total(w)), TG_OK); /* another one */
    assert_values(tg_grad_of(w), (double[]){61, 81}, 2);
    assert_int_equal(tg_zero_grad(t), TG_OK);
    assert_null(tg_grad_of(w));
    assert_int_equal(tg_backward(total(w)), TG_OK);
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

    assert_error(t, tg_backward(y), TG_ERR_SHAPE, "seed");
    assert_error(t, tg_backward_seed(y, tg_ones(t, TG_SHAPE(2))), TG_ERR_SHAPE, "seed");
    assert_error(t, tg_backward_seed(y, tg_scalar(t, 1)), TG_ERR_SHAPE, "seed");
    assert_int_not_equal(tg_backward_seed(y, tg_full(t, TG_F32, TG_SHAPE(3), 1)), TG_OK);
    assert_int_equal(tg_backward_seed(y, NULL), TG_ERR_NULL);
    assert_int_equal(tg_backward_seed(NULL, v), TG_ERR_NULL);
    tg_clear_error(t);
    assert_values(tg_grad_of(x), (double[]){4, -8, 6}, 3); /* errors added nothing */
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
            assert_int_equal(tg_backward(tg_add(total(tg_mul(w[0], k[0])), total(tg_mul(w[1], k[1])))), TG_OK);
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
    assert_int_equal(tg_backward(total(tg_square(y))), TG_OK); /* 4 x^3 */
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
    assert_error(t, tg_grad(&y, NULL, 1, &far, 1, false, &g), TG_ERR_TAPE, "tapes");
    assert_error(t, tg_grad(&y, &seed, 1, &x, 1, false, &g), TG_ERR_TAPE, "tapes");
    assert_error(t, tg_grad(&y, NULL, 1, &c, 1, false, &g), TG_ERR_GRAD, "require");
    assert_error(t, tg_grad(&c, NULL, 1, &x, 1, false, &g), TG_ERR_GRAD, "no gradient path");
    assert_error(t, tg_backward(c), TG_ERR_GRAD, "no gradient path");
    assert_int_equal(tg_backward(NULL), TG_ERR_NULL);
    assert_null(tg_set_requires_grad(tg_from_i64(t, TG_SHAPE(1), (int64_t[]){1}), true));
    assert_int_equal(tg_error_status(t), TG_ERR_DTYPE);
    tg_clear_error(t);
    tg_reset(t);
    assert_error(t, tg_backward(y), TG_ERR_STALE, "stale");
    assert_error(t, tg_grad(&y, NULL, 1, &x, 1, false, &g), TG_ERR_STALE, "stale");
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

/* ---- where gradients end -------------------------------------------------------------------------------------- */

static void test_detach(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = leaf(t, 3), *d = tg_detach(tg_square(x));
    assert_false(tg_requires_grad(d));
    assert_near(tg_item(d), 9);
    assert_int_equal(tg_backward(tg_mul(d, x)), TG_OK);
    assert_near(tg_item(tg_grad_of(x)), 9);
    assert_error(t, tg_backward(d), TG_ERR_GRAD, "no gradient path");
}

static void test_recording_off(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = leaf(t, 3);
    assert_true(tg_set_grad_enabled(t, false));
    tg_tensor *c = tg_square(x);
    assert_false(tg_requires_grad(c));
    assert_true(tg_requires_grad(x));
    assert_false(tg_set_grad_enabled(t, true));
    tg_tensor *y = tg_mul(c, x);
    assert_true(tg_requires_grad(y));
    assert_int_equal(tg_backward(y), TG_OK);
    assert_near(tg_item(tg_grad_of(x)), 9);
    assert_true(tg_set_grad_enabled(t, true)); /* tg_backward left it on */
}

/* A result can be made a leaf: gradients arrive there and go no further. */
static void test_result_as_leaf(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *h = tg_set_requires_grad(tg_square(tg_scalar(t, 3)), true);
    assert_int_equal(tg_backward(tg_square(h)), TG_OK);
    assert_near(tg_item(tg_grad_of(h)), 18);
}

/* ---- rules that go wrong -------------------------------------------------------------------------------------- */

static tg_status same_infer(tg_call *c)
{
    c->shape = *tg_shape_of(c->in[0]);
    c->dtype = tg_dtype_of(c->in[0]);
    return TG_OK;
}
static tg_status copy_run(tg_call *c)
{
    int64_t n = 0;
    tg_shape_size(c->y.shape, TG_F64, &n, NULL);
    memcpy(c->y.data, c->x[0].data, (size_t)n * sizeof(double));
    return TG_OK;
}
static tg_tensor *null_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)c, (void)i, (void)g;
    return NULL;
}
static tg_tensor *shape_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i, (void)g;
    return tg_ones(c->tape, TG_SHAPE(2, 2));
}
static tg_tensor *smaller_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)c, (void)i;
    return total(g);
}
static tg_tensor *dtype_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)c, (void)i;
    return tg_to(g, TG_F32);
}
static tg_tensor *failing_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)c, (void)i;
    return tg_reshape(g, TG_SHAPE(17));
}
#define COPY_OP(NAME, VJP)                                                                                             \
    static const tg_op tg_op_##NAME = {.name = #NAME, .arity = 1, .infer = same_infer, .run = copy_run, .vjp = VJP};
COPY_OP(no_rule, NULL)
COPY_OP(null_rule, null_vjp)
COPY_OP(shape_rule, shape_vjp)
COPY_OP(smaller_rule, smaller_vjp)
COPY_OP(dtype_rule, dtype_vjp)
COPY_OP(failing_rule, failing_vjp)

/* An error that names the op; gradients stay as they were, and the tape works on. */
static void test_bad_rules(void **state)
{
    tg_tape           *t     = open_tape(state);
    tg_tensor         *w     = tg_param(t, "w", tg_from_f64(t, TG_SHAPE(3), (double[]){1, 2, 3})), *g;
    const tg_op *const ops[] = {&tg_op_null_rule, &tg_op_shape_rule, &tg_op_smaller_rule, &tg_op_dtype_rule};
    for (size_t k = 0; k < sizeof ops / sizeof *ops; k++) {
        tg_zero_grad(t);
        assert_int_equal(tg_backward(total(tg_square(w))), TG_OK);
        tg_tensor *h = tg_square(w), *y = total(tg_add(tg_record(ops[k], &h, 1, NULL, 0), h));
        assert_near(tg_item(y), 28);
        assert_error(t, tg_backward(y), TG_ERR_GRAD, ops[k]->name);
        assert_error(t, tg_grad(&y, NULL, 1, &w, 1, true, &g), TG_ERR_GRAD, ops[k]->name);
        assert_null(g);
        assert_values(tg_grad_of(w), (double[]){2, 4, 6}, 3);
        assert_int_equal(tg_backward(total(h)), TG_OK);
        assert_values(tg_grad_of(w), (double[]){4, 8, 12}, 3);
    }
    tg_tensor *y = total(tg_record(&tg_op_failing_rule, &w, 1, NULL, 0));
    assert_error(t, tg_backward(y), TG_ERR_SHAPE, "reshape");
}

/* Asking for a gradient through an op without derivative is refused; without a gradient it may be used. */
static void test_op_without_derivative(void **state)
{
    tg_tape        *t = open_tape(state);
    tg_tensor      *x = leaf(t, 3), *c = tg_scalar(t, 3);
    tg_tensor      *y = tg_record(&tg_op_no_rule, &x, 1, NULL, 0);
    const tg_status s = y ? tg_backward(y) : tg_error_status(t);
    assert_error(t, s, TG_ERR_GRAD, "no_rule");
    assert_near(tg_item(tg_record(&tg_op_no_rule, &c, 1, NULL, 0)), 3);
    tg_tensor *d = tg_detach(x);
    assert_near(tg_item(tg_record(&tg_op_no_rule, &d, 1, NULL, 0)), 3);
    tg_set_grad_enabled(t, false);
    assert_near(tg_item(tg_record(&tg_op_no_rule, &x, 1, NULL, 0)), 3);
}

/* ---- the same recording again --------------------------------------------------------------------------------- */

/* A call that is in its slot already is refused all the same when its handles are from before the reset. */
static void test_old_handles_in_the_same_call(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *w = tg_param(t, "w", tg_scalar(t, 3)), *old = tg_square(w);
    assert_non_null(tg_mul(old, w));
    tg_reset(t);
    tg_tensor *now = tg_square(w);
    assert_null(tg_mul(old, w));
    assert_error(t, tg_error_status(t), TG_ERR_STALE, "stale");
    assert_near(tg_item(tg_mul(now, w)), 27);
    assert_int_equal(tg_backward(tg_mul(now, w)), TG_OK);
    assert_near(tg_item(tg_grad_of(w)), 27);
}

/* What a node got after it was recorded, a value, a place in a gradient, a gradient of its own, goes with the recording. */
static void test_nothing_is_left_from_before(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *w = tg_param(t, "w", tg_scalar(t, 3));
    for (int k = 1; k <= 4; k++) {
        assert_int_equal(tg_copy_from(w, &(double){k}, sizeof(double)), TG_OK);
        tg_tensor *x = tg_scalar(t, k), *h = tg_square(w), *y = tg_mul(h, x);
        assert_false(tg_requires_grad(x));
        assert_null(tg_grad_of(x));
        assert_null(tg_grad_of(h));
        if (k % 2) tg_set_requires_grad(x, true); /* in every other recording x is a leaf and h and y have been computed before */
        if (k % 2) assert_near(tg_item(h), k * k);
        if (k % 2) assert_near(tg_item(y), k * k * k);
        assert_int_equal(tg_backward(y), TG_OK);
        assert_near(tg_item(y), k * k * k);
        assert_near(tg_item(tg_grad_of(w)), 2 * k * k);
        if (k % 2) assert_near(tg_item(tg_grad_of(x)), k * k);
        else assert_null(tg_grad_of(x));
        tg_zero_grad(t);
        tg_reset(t);
    }
}

/* The walk to the leaves uses what it keeps of a node again for others; tg_grad keeps it for whoever is asked for. */
static void test_grad_of_all_on_a_chain(void **state)
{
    enum { N = 40 };
    tg_tape   *t = open_tape(state);
    tg_tensor *w = tg_param(t, "w", tg_scalar(t, 2)), *y[N + 1] = {w}, *g[N + 1];
    for (int k = 0; k < N; k++) y[k + 1] = k % 3 ? tg_add(y[k], w) : tg_neg(y[k]);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(tg_grad(&y[N], NULL, 1, y, N + 1, round, g), TG_OK);
        double slope = 1, sum = 0;
        for (int k = N; k > 0; k--) {
            assert_near(tg_item(g[k]), slope);
            if ((k - 1) % 3) sum += slope;
            else slope = -slope;
        }
        assert_near(tg_item(g[0]), slope + sum);
        tg_zero_grad(t);
        assert_int_equal(tg_backward(y[N]), TG_OK);
        assert_near(tg_item(tg_grad_of(w)), slope + sum);
    }
}

/* ---- graphs of all forms -------------------------------------------------------------------------------------- */

/* 2^60 paths, 60 nodes. */
static void test_stacked_diamonds(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = leaf(t, 1), *y = x;
    for (int k = 0; k < 60; k++) y = tg_add(y, y);
    assert_int_equal(tg_backward(y), TG_OK);
    assert_true(tg_item(y) == 0x1p60 && tg_item(tg_grad_of(x)) == 0x1p60);
    assert_true(tg_stats(t).nodes < 1000);
}

/* Axes summed in front come back by broadcasting alone: the seed, and one node for each sum. Others need their places back first. */
static void test_sums_in_front(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = tg_set_requires_grad(tg_ones(t, TG_SHAPE(2, 3)), true), *front = tg_sum(tg_sum(x, TG_AXES(0), false), TG_ALL_AXES, false);
    int64_t    before = (int64_t)tg_stats(t).nodes;
    assert_int_equal(tg_backward(front), TG_OK);
    assert_int_equal((int64_t)tg_stats(t).nodes - before, 3);
    tg_tensor *behind = tg_sum(tg_sum(tg_set_requires_grad(tg_ones(t, TG_SHAPE(2, 3)), true), TG_AXES(1), false), TG_ALL_AXES, false);
    before = (int64_t)tg_stats(t).nodes;
    assert_int_equal(tg_backward(behind), TG_OK);
    assert_int_equal((int64_t)tg_stats(t).nodes - before, 4);
    for (int k = 0; k < 6; k++) assert_true(tg_data_f64(tg_grad_of(x))[k] == 1);
}

/* One tensor that 5000 others read, joined in pairs, in a list and at once. */
static void test_fan_out_fan_in(void **state)
{
    enum { N = 5000 };
    tg_tape    *t = open_tape(state);
    tg_tensor  *x = leaf(t, 0.5), *h = tg_reshape(tg_mul_s(x, 2), TG_SHAPE(1)); /* not a leaf */
    tg_tensor **part = malloc(N * sizeof(tg_tensor *));
    assert_non_null(part);
    for (int k = 0; k < N; k++) part[k] = tg_mul_s(h, k);
    tg_tensor *list = tg_scalar(t, 0), *joined = total(tg_cat(part, N, 0));
    for (int k = 0; k < N; k++) list = tg_add(list, part[k]);
    for (int n = N; n > 1; n = (n + 1) / 2) {
        for (int k = 0; k < n / 2; k++) part[k] = tg_add(part[2 * k], part[2 * k + 1]);
        if (n % 2) part[n / 2] = part[n - 1];
    }
    const double sum = N * (N - 1) / 2.0;
    tg_tensor   *y   = tg_add(tg_add(total(list), total(part[0])), joined);
    assert_int_equal(tg_backward(y), TG_OK);
    assert_near(tg_item(y), 3 * sum);
    assert_near(tg_item(tg_grad_of(x)), 6 * sum);
    free(part);
}

/* A result that already has one consumer gets a second one, recorded last. */
static void test_later_consumer(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = leaf(t, 0.5), *h = tg_exp(x), *y = tg_sin(h), *z = tg_cos(y);
    tg_tensor *out = tg_add(tg_mul(z, y), tg_square(h)); /* cos(sin h) sin h + h^2 */
    assert_int_equal(tg_backward(out), TG_OK);
    const double e = exp(0.5), s = sin(e), c = cos(e);
    assert_near(tg_item(tg_grad_of(x)), e * (cos(s) * c - sin(s) * c * s + 2 * e));
}

typedef struct chain {
    int64_t n;
    double  seconds, grad;
    bool    failed;
} chain;

static double now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

/* Builds a chain of n ops, runs it back and frees it. */
static void *run_chain(void *arg)
{
    chain       *c     = arg;
    const double start = now();
    tg_tape     *t     = tg_tape_new(&(tg_tape_options){.dtype = TG_F64, .silent = true});
    tg_tensor   *x = t ? leaf(t, 1) : NULL, *y = x;
    for (int64_t k = 0; k < c->n; k++) y = tg_neg(y);
    c->failed = !t || tg_backward(y) != TG_OK || tg_item(y) != (c->n % 2 ? -1 : 1);
    c->grad   = c->failed ? 0 : tg_item(tg_grad_of(x));
    tg_tape_free(t);
    c->seconds = now() - start;
    return NULL;
}

static void small_stack(chain *c)
{
    pthread_t      thread;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    assert_int_equal(pthread_attr_setstacksize(&attr, 256 * 1024), 0);
    assert_int_equal(pthread_create(&thread, &attr, run_chain, c), 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attr);
    assert_false(c->failed);
    assert_true(c->grad == 1);
}

/* Nothing recurses on the graph: a million ops in a row need no more stack than ten, and time in proportion. Other
 * programs on the machine disturb the clock, so the best of a few runs counts. */
static void test_long_chain(void **state)
{
    (void)state;
    double little = INFINITY, much = INFINITY;
    for (int run = 0; run < 4 && !(much < 20 * little && run > 0); run++) {
        chain a = {.n = 100000}, b = {.n = 1000000};
        small_stack(&a);
        small_stack(&b);
        little = fmin(little, a.seconds);
        much   = fmin(much, b.seconds);
    }
    if (!(much < 20 * little)) fail_msg("%.3g s for 10^5, %.3g s for 10^6", little, much);
}

#define TEST(f) cmocka_unit_test_teardown(f, close_tape)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_backwards_accumulate),
        TEST(test_gradients_survive_reset),
        TEST(test_seeds),
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
        TEST(test_detach),
        TEST(test_recording_off),
        TEST(test_result_as_leaf),
        TEST(test_bad_rules),
        TEST(test_op_without_derivative),
        TEST(test_old_handles_in_the_same_call),
        TEST(test_nothing_is_left_from_before),
        TEST(test_grad_of_all_on_a_chain),
        TEST(test_stacked_diamonds),
        TEST(test_sums_in_front),
        TEST(test_fan_out_fan_in),
        TEST(test_later_consumer),
        cmocka_unit_test(test_long_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
