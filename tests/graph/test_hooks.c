/* test_hooks.c - hooks that read and replace gradients, and gradients of results that stay: against derivatives by hand. */
#include "f64_test.h"

#include <stdlib.h>
#include <tapegrad_op.h>

#include "failing.h"
#include "graph/graph.h"

/* ---- hooks -------------------------------------------------------------------------------------------------------- */

static tg_tensor *same(void *ctx, tg_tensor *g)
{
    ++*(int *)ctx;
    return g;
}
static tg_tensor *scale(void *ctx, tg_tensor *g) { return tg_mul_s(g, *(double *)ctx); }
static tg_tensor *shift(void *ctx, tg_tensor *g) { return tg_add_s(g, *(double *)ctx); }
static tg_tensor *look(void *ctx, tg_tensor *g) { return *(tg_tensor **)ctx = tg_want(g); }

/* y = x² + 3 x by way of h = 2 x, which is used twice: the hook gets the whole gradient of h, once. */
static void what_it_gets(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = leaf(t, 5), *h = tg_mul_s(x, 2), *y = tg_add(tg_mul(h, tg_mul_s(h, 0.25)), tg_mul_s(h, 1.5)), *seen = NULL;
    int        calls = 0;
    assert_ptr_equal(tg_register_hook(h, same, &calls), h);
    assert_non_null(tg_register_hook(h, look, &seen));
    assert_int_equal(tg_backward(y), TG_OK);
    assert_int_equal(calls, 1);
    assert_near(tg_item(seen), 0.5 * 10 + 1.5);
    assert_near(tg_item(tg_grad_of(x)), 2 * 5 + 3);
    assert_int_equal(tg_backward(y), TG_OK);
    assert_int_equal(calls, 2);
    assert_near(tg_item(tg_grad_of(x)), 2 * (2 * 5 + 3));
}

/* In the order in which they were registered, not in that of the nodes; what they return goes on. */
static void what_goes_on(void **state)
{
    tg_tape     *t = open_tape(state);
    const double ten = 10, three = 3;
    tg_tensor   *x = leaf(t, 2), *a = tg_square(x), *b = tg_mul_s(a, 7), *y = tg_square(b);
    assert_non_null(tg_register_hook(b, shift, (void *)&ten));
    assert_non_null(tg_register_hook(a, scale, (void *)&three));
    assert_non_null(tg_register_hook(b, scale, (void *)&ten));
    assert_int_equal(tg_backward(y), TG_OK);
    const double at_b = (2 * 28 + 10) * 10, at_a = at_b * 7 * 3;
    assert_near(tg_item(tg_grad_of(x)), at_a * 4);
    tg_tensor *in[] = {a, x, b}, *g[3];
    assert_int_equal(tg_grad(&y, NULL, 1, in, 3, false, g), TG_OK);
    assert_near(tg_item(g[0]), at_a);
    assert_near(tg_item(g[1]), at_a * 4);
    assert_near(tg_item(g[2]), at_b);
}

/* A gradient of somebody else's making, in a tensor that is written after the forward pass: what it holds when the backward is recorded goes on. */
static tg_tensor *instead(void *ctx, tg_tensor *g) { return (void)g, ctx; }

static void written_since(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = leaf(t, 2), *other = tg_buffer(t, "other", tg_scalar(t, 1)), *h = tg_register_hook(tg_square(x), instead, other), *y = tg_mul_s(h, 5), *g;
    for (int k = 1; k <= 3; k++) {
        assert_int_equal(tg_grad(&y, NULL, 1, &x, 1, true, &g), TG_OK);
        assert_near(tg_item(g), 4 * k);
        assert_int_equal(tg_backward(y), TG_OK);
        assert_int_equal(tg_assign(other, tg_scalar(t, k + 1)), TG_OK);
        assert_near(tg_item(tg_grad_of(x)), 2 * k * (k + 1));
    }
}

/* Leaves: kept ones across resets, of this backward alone, also for chosen ones; the seed's own node; a result that is a leaf. */
static void leaves(void **state)
{
    tg_tape     *t = open_tape(state);
    const double half = 0.5;
    int          calls = 0;
    tg_tensor   *w = tg_param(t, "w", tg_scalar(t, 3)), *v = tg_param(t, "v", tg_scalar(t, 4));
    assert_non_null(tg_register_hook(w, scale, (void *)&half));
    assert_non_null(tg_register_hook(v, same, &calls));
    for (int round = 1; round <= 3; round++) {
        tg_tensor *y = tg_mul(tg_square(w), v);
        assert_int_equal(tg_backward_into(y, &w, 1), TG_OK);
        assert_near(tg_item(tg_grad_of(w)), round * 12);
        assert_int_equal(calls, 0);
        assert_int_equal(tg_reset(t), TG_OK);
    }
    tg_tensor *h = tg_set_requires_grad(tg_square(tg_scalar(t, 3)), true), *y = tg_square(h);
    assert_non_null(tg_register_hook(h, scale, (void *)&half));
    assert_non_null(tg_register_hook(y, scale, (void *)&half));
    assert_int_equal(tg_backward(y), TG_OK);
    assert_near(tg_item(tg_grad_of(h)), 18 * 0.25);
    assert_int_equal(tg_release(v), TG_OK);
    tg_tensor *u = tg_keep(tg_scalar(t, 4));
    assert_int_equal(tg_reset(t), TG_OK);
    tg_tensor *again = tg_set_requires_grad(tg_keep(u), true);
    assert_int_equal(tg_backward(tg_square(again)), TG_OK);
    assert_int_equal(calls, 0); /* the slot's next tenant has no hook */
}

/* After a reset the same slots hold other tensors, of which none has the hook, and the same recording is confirmed. */
static void what_is_left_after_a_reset(void **state)
{
    tg_tape   *t = open_tape(state);
    int        calls = 0;
    for (int round = 0; round < 6; round++) {
        tg_tensor *x = leaf(t, 5), *h = tg_square(x);
        assert_null(tg_node_of(h)->grad); /* the one of the round before is none of h's */
        if (round % 2 == 0) assert_non_null(tg_retain_grad(tg_register_hook(h, same, &calls)));
        assert_int_equal(tg_backward(tg_mul_s(h, 4)), TG_OK);
        assert_int_equal(calls, round / 2 + 1);
        assert_near(tg_item(tg_grad_of(x)), 40);
        assert_true(!tg_grad_of(h) == (round % 2 == 1));
        assert_int_equal(tg_reset(t), TG_OK);
    }
}

static void removing(void **state)
{
    tg_tape   *t = open_tape(state);
    double     two = 2, three = 3;
    tg_tensor *x = leaf(t, 5), *h = tg_square(x), *y = tg_mul_s(h, 1);
    for (int i = 0; i < 2; i++) assert_non_null(tg_register_hook(h, scale, &two));
    assert_non_null(tg_register_hook(h, scale, &three));
    const double want[] = {120, 60, 30, 10};
    double *const gone[] = {&two, &two, &three};
    for (int i = 0; i < 4; i++) {
        tg_tensor *g;
        assert_int_equal(tg_grad(&y, NULL, 1, &x, 1, false, &g), TG_OK);
        assert_near(tg_item(g), want[i]);
        if (i < 3) assert_int_equal(tg_remove_hook(h, scale, gone[i]), TG_OK);
    }
    assert_int_equal(tg_remove_hook(h, scale, &two), TG_ERR_ARG);
    expect_error(t, TG_ERR_ARG, "tg_remove_hook: the tensor has no hook with this function and ctx");
}

/* Several results: each by its own hook, whether a gradient arrives at result 0 or not. */
static void several_results(void **state)
{
    tg_tape     *t = open_tape(state);
    const double x[] = {1, 5, 2, 4}, third = 3;
    tg_tensor   *in = tg_set_requires_grad(tg_from_f64(t, TG_SHAPE(2, 2), x), true), *mean, *var, *seen = NULL;
    int          calls = 0;
    mean = tg_aminmax(in, TG_AXES(1), false, &var);
    assert_non_null(mean);
    assert_non_null(tg_register_hook(mean, same, &calls));
    assert_non_null(tg_register_hook(var, scale, (void *)&third));
    assert_non_null(tg_retain_grad(tg_register_hook(var, look, &seen)));
    assert_int_equal(tg_backward(tg_sum_all(var)), TG_OK);
    assert_values(tg_grad_of(in), (double[]){0, 3, 0, 3}, 4);
    assert_values(tg_grad_of(var), (double[]){3, 3}, 2);
    assert_values(seen, (double[]){3, 3}, 2);
}

/* d/dx of (2 g(x)) where g = dy/dx goes through the hook, with create_graph. */
static void second_derivatives(void **state)
{
    tg_tape   *t = open_tape(state);
    double     two = 2;
    tg_tensor *x = leaf(t, 3), *h = tg_register_hook(tg_mul_s(x, 1), scale, &two), *y = tg_pow_s(h, 3), *g, *gg;
    assert_int_equal(tg_grad(&y, NULL, 1, &x, 1, true, &g), TG_OK);
    assert_near(tg_item(g), 2 * 27);
    assert_int_equal(tg_grad(&g, NULL, 1, &x, 1, false, &gg), TG_OK);
    assert_near(tg_item(gg), 2 * 2 * 18); /* the way back to x leads through h once more */
}

/* What a hook wants is a value of its own: a step, clipping and a later backward change the gradient and not it. */
static void what_is_wanted_stays(void **state)
{
    tg_tape     *t = open_tape(state);
    const double w0[] = {1, 2, 3};
    tg_tensor   *w = tg_param(t, "w", tg_from_f64(t, TG_SHAPE(3), w0)), *seen = NULL;
    tg_optim    *opt = tg_sgd(t, &(tg_sgd_options){.lr = 0.5});
    assert_non_null(tg_register_hook(w, look, &seen));
    for (int round = 0; round < 3; round++) {
        const double *now = tg_data_f64(w), want[] = {2 * now[0], 2 * now[1], 2 * now[2]};
        assert_int_equal(tg_minimize(opt, tg_sum_all(tg_square(w))), TG_OK);
        assert_int_equal(tg_clip_grad_value(opt, 0.001), TG_OK);
        assert_values(seen, want, 3);
        assert_values(w, (double[]){0, 0, 0}, 3);
        assert_int_equal(tg_assign(w, tg_from_f64(t, TG_SHAPE(3), w0)), TG_OK);
        assert_int_equal(tg_reset(t), TG_OK);
    }
}

/* A gradient that stays a set of rows: looked at it is the whole one, and it stays rows; replaced it is spread. */
static void sets_of_rows(void **state)
{
    tg_tape       *t = open_tape(state);
    const int64_t *rows, picked[] = {3, 1, 3};
    double         two = 2;
    tg_tensor     *seen = NULL, *w = tg_set_row_gradient(tg_param(t, "w", tg_ones(t, TG_SHAPE(5, 2))), true);
    assert_non_null(tg_register_hook(w, look, &seen));
    assert_int_equal(tg_backward(tg_sum_all(tg_embedding(w, tg_from_i64(t, TG_SHAPE(3), picked)))), TG_OK);
    assert_int_equal(tg_row_gradient_of(w, &rows, NULL), 2);
    assert_values(seen, (double[]){0, 0, 1, 1, 0, 0, 2, 2, 0, 0}, 10);
    assert_int_equal(tg_zero_grad(t), TG_OK);
    assert_non_null(tg_register_hook(w, scale, &two));
    assert_int_equal(tg_backward(tg_sum_all(tg_embedding(w, tg_from_i64(t, TG_SHAPE(3), picked)))), TG_OK);
    assert_values(tg_grad_of(w), (double[]){0, 0, 2, 2, 0, 0, 4, 4, 0, 0}, 10);
}

/* ---- gradients of results ------------------------------------------------------------------------------------------ */

static void retained(void **state)
{
    tg_tape   *t = open_tape(state);
    double     two = 2;
    tg_tensor *x = leaf(t, 5), *h = tg_square(x), *k = tg_add(h, tg_scalar(t, 1)), *y = tg_square(k), *g;
    assert_ptr_equal(tg_retain_grad(h), h);
    assert_ptr_equal(tg_retain_grad(h), h);
    assert_ptr_equal(tg_retain_grad(k), k); /* its gradient is the same node as h's, and another tensor */
    assert_ptr_equal(tg_retain_grad(x), x);
    assert_ptr_equal(tg_retain_grad(y), y);
    assert_null(tg_grad_of(h));
    assert_int_equal(tg_grad(&y, NULL, 1, &x, 1, false, &g), TG_OK);
    assert_null(tg_grad_of(h));
    for (int round = 1; round <= 2; round++) {
        assert_int_equal(tg_backward(y), TG_OK);
        assert_near(tg_item(tg_grad_of(y)), round);
        assert_near(tg_item(tg_grad_of(k)), 52 * round);
        assert_near(tg_item(tg_grad_of(h)), 52 * round);
        assert_near(tg_item(tg_grad_of(x)), 520 * round);
    }
    assert_true(tg_grad_of(h) != tg_grad_of(k));
    assert_non_null(tg_register_hook(h, scale, &two));
    assert_int_equal(tg_backward(y), TG_OK);
    assert_near(tg_item(tg_grad_of(k)), 52 * 3);
    assert_near(tg_item(tg_grad_of(h)), 52 * 4);
}

/* Two losses with two optimizers over one recording: what the second one brings is not added to what the first step used. */
static void retained_beside_steps(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *a = tg_param(t, "a", tg_scalar(t, 2)), *b = tg_param(t, "b", tg_scalar(t, 3));
    tg_optim  *first = tg_sgd(t, &(tg_sgd_options){.lr = 0.1, .params = &a, .n_params = 1}), *second = tg_sgd(t, &(tg_sgd_options){.lr = 0.1, .params = &b, .n_params = 1});
    tg_tensor *h = tg_retain_grad(tg_mul_s(tg_add(a, b), 1)), *one = tg_mul_s(h, 3), *other = tg_want(tg_mul_s(h, 5));
    assert_int_equal(tg_optim_backward(first, one), TG_OK);
    assert_int_equal(tg_optim_backward(first, one), TG_OK);
    assert_near(tg_item(tg_grad_of(h)), 6);
    assert_int_equal(tg_step(first), TG_OK);
    assert_int_equal(tg_optim_backward(second, other), TG_OK);
    assert_near(tg_item(tg_grad_of(h)), 5);
}

/* ---- errors --------------------------------------------------------------------------------------------------------- */

static tg_tensor *nothing(void *ctx, tg_tensor *g) { return (void)ctx, (void)g, NULL; }
static tg_tensor *wrong_shape(void *ctx, tg_tensor *g) { return (void)ctx, tg_sum_all(g); }
static tg_tensor *wrong_dtype(void *ctx, tg_tensor *g) { return (void)ctx, tg_to(g, TG_F32); }
static tg_tensor *given(void *ctx, tg_tensor *g) { return (void)g, ctx; }
static tg_tensor *failing_op(void *ctx, tg_tensor *g) { return (void)ctx, tg_reshape(g, TG_SHAPE(3)); }
static tg_tensor *reading(void *ctx, tg_tensor *g) { return (void)ctx, tg_mul_s(g, tg_item(g)); }
static tg_tensor *differentiating(void *ctx, tg_tensor *g) { return tg_backward(ctx) == TG_OK ? g : NULL; }
static tg_tensor *registering(void *ctx, tg_tensor *g) { return tg_register_hook(ctx, nothing, NULL) ? g : NULL; }

static void errors(void **state)
{
    tg_tape   *t = open_tape(state), *far = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(tg_ones(t, TG_SHAPE(2)), true), *h = tg_square(x), *y = tg_sum_all(h), *other = tg_ones(far, TG_SHAPE(2));
    const struct {
        tg_hook_fn  fn;
        void       *ctx;
        tg_status   status;
        const char *sentence;
    } wrong[] = {
        {nothing, NULL, TG_ERR_GRAD, "tg_backward: the hook of a float64 tensor of shape [2] returned NULL"},
        {wrong_shape, NULL, TG_ERR_GRAD, "tg_backward: the hook of a float64 tensor of shape [2] returned a float64 tensor of shape []"},
        {wrong_dtype, NULL, TG_ERR_GRAD, "tg_backward: the hook of a float64 tensor of shape [2] returned a float32 tensor of shape [2]"},
        {given, other, TG_ERR_GRAD, "tg_backward: the hook of a float64 tensor of shape [2] returned a stale tensor or one of another tape"},
        {failing_op, NULL, TG_ERR_SHAPE, "tg_backward: tg_reshape: "},
        {reading, NULL, TG_ERR_ARG, "called from inside a hook"},
        {differentiating, y, TG_ERR_ARG, "called from inside a hook"},
        {registering, x, TG_ERR_ARG, "called from inside a hook"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        for (int at_leaf = 0; at_leaf < 2; at_leaf++) {
            tg_tensor *hooked = at_leaf ? x : h;
            assert_non_null(tg_register_hook(hooked, wrong[i].fn, wrong[i].ctx));
            assert_int_equal(tg_backward(y), wrong[i].status);
            expect_error(t, wrong[i].status, wrong[i].sentence);
            assert_null(tg_grad_of(x));
            assert_int_equal(tg_remove_hook(hooked, wrong[i].fn, wrong[i].ctx), TG_OK);
        }
    assert_int_equal(tg_backward(y), TG_OK);
    assert_values(tg_grad_of(x), (double[]){2, 2}, 2);
    tg_tensor *fixed = tg_ones(t, TG_SHAPE(2));
    assert_null(tg_register_hook(fixed, nothing, NULL));
    expect_error(t, TG_ERR_GRAD, "tg_register_hook: the tensor does not require grad");
    assert_null(tg_retain_grad(fixed));
    expect_error(t, TG_ERR_GRAD, "tg_retain_grad: the tensor does not require grad");
    assert_null(tg_register_hook(x, NULL, NULL));
    expect_error(t, TG_ERR_NULL, "tg_register_hook: the hook is NULL");
    assert_int_equal(tg_remove_hook(x, NULL, NULL), TG_ERR_ARG);
    expect_error(t, TG_ERR_ARG, "tg_remove_hook: the tensor has no hook");
    assert_true(!tg_register_hook(NULL, nothing, NULL) && !tg_retain_grad(NULL) && tg_remove_hook(NULL, nothing, NULL) == TG_ERR_NULL);
    tg_tape_free(far);
}

/* Many hooks, registered out of order and taken away again, cost no more each than few. */
static void many(void **state)
{
    enum { N = 20000 };
    tg_tape    *t = open_tape(state);
    int         calls = 0;
    tg_tensor **h = malloc(N * sizeof *h), *x = leaf(t, 1);
    assert_non_null(h);
    for (int i = 0; i < N; i++) h[i] = x = tg_add_s(x, 1);
    for (int i = 0; i < N; i++) assert_non_null(tg_register_hook(h[(int64_t)i * 7919 % N], same, &calls));
    assert_int_equal(tg_backward(x), TG_OK);
    assert_int_equal(calls, N);
    for (int i = 0; i < N; i++) assert_int_equal(tg_remove_hook(h[i], same, &calls), TG_OK);
    assert_int_equal(tg_backward(x), TG_OK);
    assert_int_equal(calls, N);
    free(h);
}

/* Each allocation fails in turn: an error, and everything is as it was. */
static void memory(void **state)
{
    (void)state;
    for (int k = 0, failed = 1; failed; k++) {
        failing    f = {.left = -1};
        double     two = 2;
        tg_tape   *t = failing_tape(&f, TG_F64);
        tg_tensor *x = leaf(t, 3), *h = tg_square(x), *y = tg_mul_s(h, 5);
        assert_non_null(y);
        f.left = k;
        f.once = k % 2;
        tg_tensor *hooked = tg_retain_grad(tg_register_hook(h, scale, &two));
        const tg_status s = hooked ? tg_backward(y) : TG_ERR_MEMORY;
        failed = f.failed;
        f.left = -1;
        if (failed) assert_int_equal(s, TG_ERR_MEMORY);
        else assert_near(tg_item(tg_grad_of(x)), 60);
        if (!failed) assert_near(tg_item(tg_grad_of(h)), 10);
        assert_int_equal(tg_reset(t), TG_OK);
        x = leaf(t, 3);
        assert_int_equal(tg_backward(tg_square(x)), TG_OK);
        assert_near(tg_item(tg_grad_of(x)), 6);
        tg_tape_free(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(what_it_gets, close_tape),
        cmocka_unit_test_teardown(what_goes_on, close_tape),
        cmocka_unit_test_teardown(written_since, close_tape),
        cmocka_unit_test_teardown(leaves, close_tape),
        cmocka_unit_test_teardown(what_is_left_after_a_reset, close_tape),
        cmocka_unit_test_teardown(removing, close_tape),
        cmocka_unit_test_teardown(several_results, close_tape),
        cmocka_unit_test_teardown(second_derivatives, close_tape),
        cmocka_unit_test_teardown(what_is_wanted_stays, close_tape),
        cmocka_unit_test_teardown(sets_of_rows, close_tape),
        cmocka_unit_test_teardown(retained, close_tape),
        cmocka_unit_test_teardown(retained_beside_steps, close_tape),
        cmocka_unit_test_teardown(errors, close_tape),
        cmocka_unit_test_teardown(many, close_tape),
        cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
