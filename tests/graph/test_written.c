/* test_written.c - what is overwritten after a graph was recorded: the graph's values and gradients are those of what it was recorded
 * from, or an error that names what was written, never a number made of what is there now. And who may write: gradients given by hand,
 * tg_assign; a backward that fails half-way writes nothing. */
#include "op_test.h"
#include "copying.h"
#include "stale_test.h"

/* ---- differentiating after a write -------------------------------------------------------------------------------- */

typedef void (*writer)(tg_tape *t, tg_tensor *w, tg_optim *sgd);
static void by_step(tg_tape *t, tg_tensor *w, tg_optim *sgd)
{
    (void)t;
    assert_int_equal(tg_set_grad(w, tg_full(t, TG_F64, TG_SHAPE(1), 1)), TG_OK);
    assert_int_equal(tg_step(sgd), TG_OK);
}
static void by_copy(tg_tape *t, tg_tensor *w, tg_optim *sgd)
{
    (void)t, (void)sgd;
    assert_int_equal(tg_copy_from(w, (double[]){-5}, sizeof(double)), TG_OK);
}
static void by_assign(tg_tape *t, tg_tensor *w, tg_optim *sgd)
{
    (void)sgd;
    assert_int_equal(tg_assign(w, tg_full(t, TG_F64, TG_SHAPE(1), -5)), TG_OK);
}
static const writer writers[] = {by_step, by_copy, by_assign};

/* loss = w v x: its gradient in x reads w and v, that in w reads v and x. */
static void test_gradient_after_a_write(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof writers / sizeof *writers; k++)
        for (int computed = 0; computed < 2; computed++) {
            tg_tape   *t = quiet(TG_F64);
            tg_tensor *w = param(t, "w", 2), *v = param(t, "v", 3), *x = tg_set_requires_grad(tg_full(t, TG_F64, TG_SHAPE(1), 5), true);
            tg_optim  *sgd = tg_sgd(t, &(tg_sgd_options){.lr = 1, .params = &w, .n_params = 1});
            tg_tensor *wv = tg_mul(w, v), *loss = tg_sum_all(tg_mul(wv, x)), *g = NULL;
            if (computed) assert_int_equal(tg_eval((tg_tensor *[]){loss, wv}, 2), TG_OK);
            writers[k](t, w, sgd);
            assert_stale(t, tg_backward(loss), "mul", "parameter 'w'");
            assert_true(isnan(grad(v)) && isnan(grad(x)));
            assert_int_equal(tg_grad(&loss, NULL, 1, &x, 1, false, &g), computed ? TG_ERR_STALE : TG_ERR_STALE);
            assert_null(g);
            tg_clear_error(t);
            /* the same anew */
            loss = tg_sum_all(tg_mul(tg_mul(w, v), x));
            assert_int_equal(tg_backward(loss), TG_OK);
            assert_true(grad(x) == 3 * tg_item(w) && grad(v) == 5 * tg_item(w));
            tg_tape_free(t);
        }
}

/* Where the rule needs no value that was overwritten, the gradient is there: of sums, of what was computed before. */
static void test_gradient_that_reads_nothing_written(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof writers / sizeof *writers; k++) {
        tg_tape   *t = quiet(TG_F64);
        tg_tensor *w = param(t, "w", 2), *x = tg_full(t, TG_F64, TG_SHAPE(1), 5);
        tg_optim  *sgd = tg_sgd(t, &(tg_sgd_options){.lr = 1, .params = &w, .n_params = 1});
        tg_tensor *h = tg_mul(w, x), *loss = tg_sum_all(tg_square(h)), *sum = tg_sum_all(tg_add(w, x)), *g[2];
        assert_true(tg_item(h) == 10);
        writers[k](t, w, sgd);
        assert_int_equal(tg_grad((tg_tensor *[]){loss}, NULL, 1, &w, 1, false, &g[0]), TG_OK);
        assert_int_equal(tg_grad((tg_tensor *[]){sum}, NULL, 1, &w, 1, false, &g[1]), TG_OK);
        assert_true(tg_item(g[0]) == 100 && tg_item(g[1]) == 1);
        tg_tape_free(t);
    }
}

/* One forward pass, two losses, a step between. */
static void test_two_losses(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *g = param(t, "generator", 1), *d = param(t, "discriminator", 2);
    tg_optim  *sgd = tg_sgd(t, &(tg_sgd_options){.lr = 1, .params = &d, .n_params = 1});
    tg_tensor *logit = tg_want(tg_mul(d, tg_mul_s(g, 1.5))), *second = tg_neg(tg_sum_all(logit));
    assert_int_equal(tg_backward(tg_sum_all(logit)), TG_OK);
    assert_true(grad(g) == 3 && grad(d) == 1.5);
    assert_int_equal(tg_step(sgd), TG_OK);
    assert_stale(t, tg_backward(second), "mul", "parameter 'discriminator'");
    assert_true(grad(g) == 3); /* as it was */
    tg_tape_free(t);
}

/* A gradient is a kept tensor as well: what was recorded from it is invalid once a backward, a clipping, tg_zero_grad changed it. */
static void test_written_gradient(void **state)
{
    (void)state;
    for (int how = 0; how < 5; how++) {
        tg_tape   *t = quiet(TG_F64);
        tg_tensor *w = param(t, "w", 2), *x = tg_set_requires_grad(tg_full(t, TG_F64, TG_SHAPE(1), 5), true), *g = NULL;
        assert_int_equal(tg_backward(tg_sum_all(tg_square(w))), TG_OK);
        tg_tensor *y = tg_mul(tg_grad_of(w), x), *z = tg_sum_all(y), *view = tg_reshape(tg_grad_of(w), TG_SHAPE(1, 1));
        assert_true(tg_item(z) == 20 && tg_item(view) == 4);
        if (how == 0) assert_int_equal(tg_backward(tg_sum_all(tg_square(w))), TG_OK);
        if (how == 1) assert_int_equal(tg_clip_grad_norm_of(&w, 1, 1, NULL), TG_OK);
        if (how == 2) assert_int_equal(tg_zero_grad(t), TG_OK);
        if (how == 3) assert_int_equal(tg_copy_from(tg_grad_of(w), (double[]){7}, sizeof(double)), TG_OK);
        if (how == 4) assert_int_equal(tg_set_grad(w, tg_full(t, TG_F64, TG_SHAPE(1), 7)), TG_OK);
        assert_stale(t, tg_grad(&z, NULL, 1, &x, 1, false, &g), "mul", "gradient");
        assert_true(isnan(tg_item(view)));
        assert_int_equal(tg_error_status(t), TG_ERR_STALE);
        assert_true(tg_item(z) == 20);
        tg_tape_free(t);
    }
}

/* Rules read what their nodes read; a kept seed is read as it is when the walk begins. */
static void test_seed_written_before_the_walk(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *w = param(t, "w", 2), *k = tg_keep(tg_full(t, TG_F64, TG_SHAPE(1), 3)), *c = tg_full(t, TG_F64, TG_SHAPE(1), 10);
    tg_tensor *y = tg_mul(w, c);
    assert_int_equal(tg_assign(k, tg_full(t, TG_F64, TG_SHAPE(1), 4)), TG_OK);
    assert_int_equal(tg_backward_seed(y, k), TG_OK);
    assert_true(grad(w) == 40);
    tg_tape_free(t);
}

/* What is recorded after the write reads what was written, in the same recording. */
static void test_recorded_after_the_write(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *w = param(t, "w", 2), *one = tg_full(t, TG_F64, TG_SHAPE(1), 1);
    for (int round = 0; round < 4; round++) {
        tg_tensor *before = tg_square(w);
        const double was = tg_item(before);
        assert_int_equal(tg_assign(w, tg_add(w, one)), TG_OK);
        tg_tensor *after = tg_square(w);
        assert_int_equal(tg_backward(after), TG_OK);
        assert_true(tg_item(after) == (sqrt(was) + 1) * (sqrt(was) + 1) && grad(w) == 2 * (sqrt(was) + 1));
        tg_zero_grad(t);
        tg_reset(t);
        one = tg_full(t, TG_F64, TG_SHAPE(1), 1);
    }
    assert_true(tg_item(w) == 6);
    tg_tape_free(t);
}

/* ---- names of their own ------------------------------------------------------------------------------------------- */

/* ---- gradients by hand, tg_assign --------------------------------------------------------------------------------- */

static void test_set_grad(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *w = param(t, "w", 1), *x = tg_set_requires_grad(tg_full(t, TG_F64, TG_SHAPE(1), 1), true), *five = tg_full(t, TG_F64, TG_SHAPE(1), 5);
    tg_optim  *sgd = tg_sgd(t, &(tg_sgd_options){.lr = 0.1});
    double     norm = 0;
    assert_int_equal(tg_set_grad(w, five), TG_OK); /* there was none */
    assert_int_equal(tg_set_grad(x, five), TG_OK);
    assert_true(grad(w) == 5 && grad(x) == 5 && tg_grad_of(x) != five);
    assert_int_equal(tg_backward(tg_sum_all(tg_mul(w, x))), TG_OK); /* adds to it */
    assert_true(grad(w) == 6 && grad(x) == 6);
    assert_int_equal(tg_step(sgd), TG_OK);
    assert_true(fabs(tg_item(w) - 0.4) < 1e-12 && grad(w) == 6); /* used up, and readable */
    assert_int_equal(tg_clip_grad_norm(sgd, 100, &norm), TG_OK);
    assert_true(norm == 0);
    tg_tensor *handle = tg_grad_of(w);
    assert_int_equal(tg_copy_from(handle, (double[]){2}, sizeof(double)), TG_OK); /* a new one */
    assert_int_equal(tg_clip_grad_norm(sgd, 100, &norm), TG_OK);
    assert_true(norm == 2 && tg_grad_of(w) == handle);
    assert_int_equal(tg_step(sgd), TG_OK);
    assert_true(fabs(tg_item(w) - 0.2) < 1e-12);
    assert_int_equal(tg_assign(handle, tg_mul_s(handle, 0.5)), TG_OK);
    assert_int_equal(tg_step(sgd), TG_OK);
    assert_true(fabs(tg_item(w) - 0.1) < 1e-12);
    assert_int_equal(tg_backward(tg_sum_all(w)), TG_OK); /* used up: not added to */
    assert_true(grad(w) == 1);
    assert_int_equal(tg_set_grad(w, NULL), TG_OK);
    assert_int_equal(tg_set_grad(x, NULL), TG_OK);
    assert_null(tg_grad_of(w));
    assert_null(tg_grad_of(x));
    assert_null(tg_tape_of(handle));
    assert_int_equal(tg_set_grad(w, tg_ones(t, TG_SHAPE(2))), TG_ERR_SHAPE);
    assert_int_equal(tg_set_grad(w, tg_full(t, TG_F32, TG_SHAPE(1), 1)), TG_ERR_DTYPE);
    assert_int_equal(tg_set_grad(tg_mul(w, x), five), TG_ERR_GRAD);
    assert_int_equal(tg_set_grad(five, five), TG_ERR_GRAD);
    assert_int_equal(tg_set_grad(NULL, five), TG_ERR_NULL);
    tg_tape_free(t);
}

static void test_assign(void **state)
{
    (void)state;
    enum { ROWS = 40, COLS = 50 };
    tg_tape   *t = quiet(TG_F64), *other = quiet(TG_F64);
    tg_tensor *k = tg_keep(tg_reshape(tg_arange(t, TG_F64, (int64_t)ROWS * COLS), TG_SHAPE(ROWS, COLS)));
    tg_tensor *square = tg_keep(tg_reshape(tg_arange(t, TG_F64, 9), TG_SHAPE(3, 3)));
    assert_int_equal(tg_assign(k, tg_slice(k, 0, ROWS - 1, -ROWS - 1, -1)), TG_OK); /* rows change places in the tensor's own memory */
    assert_true(tg_data_f64(k)[0] == (ROWS - 1) * COLS && tg_data_f64(k)[(ROWS - 1) * COLS + 1] == 1);
    assert_int_equal(tg_assign(square, tg_mT(square)), TG_OK);
    for (int i = 0; i < 9; i++) assert_true(tg_data_f64(square)[i] == i % 3 * 3 + i / 3);
    assert_int_equal(tg_assign(square, square), TG_OK);
    assert_int_equal(tg_assign(square, tg_reshape(square, TG_SHAPE(3, 3))), TG_OK);
    assert_int_equal(tg_assign(square, tg_add(tg_mul_s(square, 2), tg_ones(t, TG_SHAPE(3, 3)))), TG_OK);
    assert_true(tg_data_f64(square)[1] == 7);
    assert_int_equal(tg_assign(square, tg_borrow(t, TG_F64, TG_SHAPE(3, 3), tg_data(square))), TG_OK);
    assert_int_equal(tg_assign(square, tg_ones(t, TG_SHAPE(9))), TG_ERR_SHAPE);
    assert_int_equal(tg_assign(square, tg_to(square, TG_F32)), TG_ERR_DTYPE);
    assert_int_equal(tg_assign(square, tg_ones(other, TG_SHAPE(3, 3))), TG_ERR_TAPE);
    assert_int_equal(tg_assign(tg_ones(t, TG_SHAPE(3, 3)), square), TG_ERR_ARG);
    assert_int_equal(tg_assign(NULL, square), TG_ERR_NULL);
    assert_int_equal(tg_assign(square, NULL), TG_ERR_NULL);
    tg_tape_free(t);
    tg_tape_free(other);
}

/* ---- random numbers ----------------------------------------------------------------------------------------------- */

/* Restarting the stream is no business of what was recorded before: a mask read twice is the same mask. */
static void test_seed_between(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *w = tg_param(t, "w", tg_ones(t, TG_SHAPE(64)));
    double     draws[3][64];
    for (int round = 0; round < 3; round++) {
        tg_seed(t, 7);
        tg_tensor *y = tg_dropout(w, 0.5), *loss = tg_sum_all(y);
        const double before = round == 1 ? tg_item(loss) : 0;
        tg_seed(t, 8);
        tg_tensor *z = tg_rand(t, TG_SHAPE(64));
        assert_int_equal(tg_backward(loss), TG_OK);
        assert_int_equal(tg_copy_to(y, draws[round], sizeof draws[round]), TG_OK);
        assert_memory_equal(tg_data(tg_grad_of(w)), draws[round], sizeof draws[round]);
        if (round == 1) assert_true(tg_item(loss) == before);
        assert_memory_equal(draws[round], draws[0], sizeof draws[0]);
        tg_seed(t, 8);
        assert_memory_equal(tg_data(tg_rand(t, TG_SHAPE(64))), tg_data(z), sizeof draws[0]);
        tg_zero_grad(t);
        tg_reset(t);
    }
    tg_tape_free(t);
}

/* ---- all or nothing ----------------------------------------------------------------------------------------------- */

static bool      failing;
static tg_status maybe_run(tg_call *c) { return failing ? tg_fail(c, TG_ERR_ARG, "as told") : copy_run(c); }
static tg_tensor *maybe_vjp(const tg_call *c, int i, tg_tensor *g);
static const tg_op maybe = {.name = "maybe", .arity = 1, .infer = copy_infer, .run = maybe_run, .vjp = maybe_vjp};
static tg_tensor *maybe_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)c, (void)i;
    return tg_record(&maybe, &g, 1, NULL, 0);
}

/* A backward that fails half way leaves gradients that it was to add to as they were. */
static void test_failure_half_way(void **state)
{
    (void)state;
    enum { N = 3000 };
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *p[3];
    p[0] = tg_param(t, "a", tg_ones(t, TG_SHAPE(N)));
    p[1] = tg_param(t, "b", tg_ones(t, TG_SHAPE(N)));
    p[2] = tg_param(t, "c", tg_ones(t, TG_SHAPE(N)));
    for (int round = 0; round < 6; round++) {
        tg_tensor *leaf = tg_set_requires_grad(tg_full(t, TG_F64, TG_SHAPE(N), 1), true);
        tg_tensor *y = tg_mul(tg_exp(p[0]), tg_record(&maybe, (tg_tensor *[]){tg_square(p[1])}, 1, NULL, 0));
        tg_tensor *loss = tg_sum_all(tg_mul(tg_record(&maybe, &y, 1, NULL, 0), tg_square(p[2])));
        loss = tg_add(tg_mul(loss, tg_mean(leaf, TG_ALL_AXES, false)), tg_sum_all(tg_mul_s(leaf, 3)));
        failing = false;
        assert_true(tg_item(loss) > 0);
        assert_int_equal(tg_backward(loss), TG_OK);
        const double had[3] = {tg_data_f64(tg_grad_of(p[0]))[5], tg_data_f64(tg_grad_of(p[1]))[5], tg_data_f64(tg_grad_of(p[2]))[5]};
        assert_true(fabs(had[1] - 2 * exp(1)) < 1e-9);
        failing = true;
        const double of_leaf = tg_data_f64(tg_grad_of(leaf))[5];
        assert_int_equal(tg_backward(loss), TG_ERR_ARG);
        assert_true(tg_data_f64(tg_grad_of(leaf))[5] == of_leaf);
        for (int i = 0; i < 3; i++) assert_true(tg_data_f64(tg_grad_of(p[i]))[5] == had[i]);
        failing = false;
        assert_int_equal(tg_backward(loss), TG_OK);
        for (int i = 0; i < 3; i++) assert_true(fabs(tg_data_f64(tg_grad_of(p[i]))[5] - 2 * had[i]) < 1e-9);
        tg_zero_grad(t);
        tg_reset(t);
    }
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradient_after_a_write),
        cmocka_unit_test(test_gradient_that_reads_nothing_written),
        cmocka_unit_test(test_two_losses),
        cmocka_unit_test(test_written_gradient),
        cmocka_unit_test(test_seed_written_before_the_walk),
        cmocka_unit_test(test_recorded_after_the_write),
        cmocka_unit_test(test_set_grad),
        cmocka_unit_test(test_assign),
        cmocka_unit_test(test_seed_between),
        cmocka_unit_test(test_failure_half_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
