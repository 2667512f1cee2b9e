/* test_replay.c - rounds of one recording that read, keep, want and differentiate other things, or in another order, than the rounds before:
 * a plan that ran before runs again only where everything it relies on is as it was. Every round has the numbers of a first one. */
#include "op_test.h"

enum { N = 2000 }; /* more than a small value's size: results lie in blocks of the pool */


static double first_of(tg_tensor *x)
{
    assert_non_null(tg_data(x));
    return get(tg_data(x), tg_dtype_of(x), 0);
}

static void assert_near(double a, double b)
{
    if (!(fabs(a - b) <= 1e-5 * fmax(1, fabs(b)))) fail_msg("%.9g is not %.9g", a, b);
}

/* The first round reads y by itself, the others don't: w is to be computed from x then. */
static void test_value_of_the_first_round_alone(void **state)
{
    (void)state;
    tg_tape *t = quiet(TG_F32);
    for (int round = 0; round < 4; round++) {
        tg_tensor *x = tg_scalar(t, 0.5), *c = tg_sqrt(tg_scalar(t, 2)), *y = tg_exp(x), *w = tg_exp(y);
        if (round == 0) tg_item(y);
        assert_near(tg_item(c), sqrt(2));
        assert_near(tg_item(w), exp(exp(0.5)));
        assert_int_equal(tg_reset(t), TG_OK);
    }
    tg_tape_free(t);
}

/* The same gradients by tg_grad in some rounds and by tg_backward in others, over one recording. */
static void grad_and_backward(const char *order)
{
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *w = tg_param(t, "w", tg_full(t, TG_F32, TG_SHAPE(N), 3)), *g = NULL;
    for (const char *c = order; *c; c++) {
        assert_int_equal(tg_reset(t), TG_OK);
        assert_int_equal(tg_zero_grad(t), TG_OK);
        tg_tensor *loss = tg_sum_all(tg_square(w));
        switch (*c) {
        case 'g': /* by hand */
            assert_int_equal(tg_grad(&loss, NULL, 1, &w, 1, false, &g), TG_OK);
            assert_int_equal(tg_eval((tg_tensor *[]){loss, g}, 2), TG_OK);
            assert_near(first_of(g), 6);
            assert_null(tg_grad_of(w));
            break;
        case 'b':
            assert_int_equal(tg_backward(loss), TG_OK);
            assert_near(first_of(tg_grad_of(w)), 6);
            break;
        case 'a': /* by hand, and a backward adds to it */
            assert_int_equal(tg_grad(&loss, NULL, 1, &w, 1, false, &g), TG_OK);
            assert_int_equal(tg_set_grad(w, g), TG_OK);
            assert_int_equal(tg_backward(loss), TG_OK);
            assert_near(first_of(tg_grad_of(w)), 12);
            assert_near(first_of(g), 6);
            break;
        default: /* two backwards */
            assert_int_equal(tg_backward(loss), TG_OK);
            assert_int_equal(tg_backward(loss), TG_OK);
            assert_near(first_of(tg_grad_of(w)), 12);
        }
        assert_near(tg_item(loss), 9 * N);
    }
    tg_tape_free(t);
}

static void test_grad_and_backward_in_turn(void **state)
{
    (void)state;
    const char *orders[] = {"ggb", "bbg", "gbgb", "aab", "ggaab", "22b", "bb2", "b2a2bg2ab", "gggbbbaaa222gab2"};
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) grad_and_backward(orders[i]);
}

/* A kept tensor's slot becomes a parameter's gradient, while all that is recorded is confirmed: what is read lies where the gradient goes
 * then. Plans run again where nothing was recorded anew since; the early read makes them in such a round. */
static double read_what_lies_there(bool again)
{
    enum { SIDE = 64, LAST = 4 };
    tg_tape   *t = tg_tape_new(&(tg_tape_options){.seed = 5, .threads = 1, .silent = true, .dtype = TG_F64});
    tg_tensor *m = tg_keep(tg_randn(t, TG_SHAPE(SIDE, SIDE))), *k = tg_keep(tg_rand(t, TG_SHAPE(SIDE, SIDE))), *w = tg_param(t, "w", m);
    tg_optim  *sgd = tg_sgd(t, &(tg_sgd_options){.lr = 0.01});
    double     sum = 0;
    for (int round = 0; round <= LAST; round++) {
        if (round == LAST) { /* the free slots are those of w's gradient, of w and of k, in this order */
            tg_release(w);
            tg_release(k);
        }
        tg_reset(t);
        if (round == LAST) {
            k = tg_keep(m);
            w = tg_param(t, "w", m);
            if (!again) tg_mul_s(w, 3); /* another recording */
        }
        tg_backward(tg_sum_all(tg_square(w)));
        tg_step(sgd);
        tg_tensor *square = tg_square(m), *old = round < LAST ? k : tg_grad_of(w);
        if (round) tg_data(square);
        assert_int_equal(tg_backward(tg_sum_all(tg_mul(tg_matmul(old, w), square))), TG_OK);
        tg_step(sgd);
        sum = tg_item(tg_sum_all(tg_grad_of(w)));
    }
    tg_tape_free(t);
    return sum;
}

static void test_place_of_a_gradient(void **state)
{
    (void)state;
    assert_near(read_what_lies_there(true), read_what_lies_there(false));
}

/* One recording of a diamond with a tail: in each round other nodes are read, wanted, kept, in another order. */
static void test_reads_in_any_order(void **state)
{
    (void)state;
    enum { NODES = 9 };
    tg_tape   *t = quiet(TG_F32);
    uint64_t   stream = 1;
    tg_tensor *w = tg_param(t, "w", tg_full(t, TG_F32, TG_SHAPE(N), 0.5));
    double     want[NODES] = {0.25, exp(0.5), 0.25 * exp(0.5), 1.25 * exp(0.5), 0.5, 0.5 + 0.25, tanh(0.75), N * tanh(0.75), -0.5};
    for (int round = 0; round < 300; round++) {
        tg_tensor *y[NODES], *g = NULL;
        y[0] = tg_square(w);
        y[1] = tg_exp(w);
        y[2] = tg_mul(y[0], y[1]);
        y[3] = tg_add(y[1], y[2]);
        y[4] = tg_reshape(w, TG_SHAPE(N, 1));
        y[5] = tg_add(tg_reshape(y[4], TG_SHAPE(N)), y[0]);
        y[6] = tg_tanh(y[5]);
        y[7] = tg_sum_all(y[6]);
        y[8] = tg_neg(w);
        for (int64_t k = draw(&stream, 5); k-- > 0;) {
            const int64_t i = draw(&stream, NODES), j = draw(&stream, NODES);
            tg_tensor    *kept;
            switch (draw(&stream, 6)) {
            case 0: assert_near(first_of(y[i]), want[i]); break;
            case 1: tg_want(y[i]); break;
            case 2: assert_int_equal(tg_eval((tg_tensor *[]){y[i], y[j]}, 2), TG_OK); break;
            case 3:
                kept = tg_keep(y[i]);
                assert_near(first_of(kept), want[i]);
                assert_int_equal(tg_release(kept), TG_OK);
                break;
            case 4:
                assert_int_equal(tg_grad(&y[7], NULL, 1, &w, 1, false, &g), TG_OK);
                if (draw(&stream, 2)) assert_near(first_of(g), 2 / (cosh(0.75) * cosh(0.75)));
                break;
            default:
                tg_zero_grad(t);
                assert_int_equal(tg_backward(y[7]), TG_OK);
                assert_near(first_of(tg_grad_of(w)), 2 / (cosh(0.75) * cosh(0.75)));
            }
        }
        for (int i = 0; i < NODES; i++) assert_near(first_of(y[i]), want[i]);
        assert_int_equal(tg_reset(t), TG_OK);
    }
    assert_null(tg_error(t));
    tg_tape_free(t);
}

/* A root that has its value is asked for with others after its memory was overwritten. */
static void test_root_written_since(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *w = tg_param(t, "w", tg_ones(t, TG_SHAPE(N)));
    for (int round = 0; round < 4; round++) {
        tg_tensor *x = tg_scalar(t, 1), *view = tg_reshape(w, TG_SHAPE(N, 1)), *y = tg_exp(x);
        assert_int_equal(tg_eval(&view, 1), TG_OK);
        if (round == 3) assert_int_equal(tg_assign(w, tg_full(t, TG_F32, TG_SHAPE(N), 7)), TG_OK);
        assert_int_equal(tg_eval((tg_tensor *[]){view, y}, 2), round == 3 ? TG_ERR_STALE : TG_OK);
        tg_reset(t);
    }
    tg_tape_free(t);
}

/* Rounds that fail leave nothing to be relied on. */
static void test_after_a_failure(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *w = tg_param(t, "w", tg_ones(t, TG_SHAPE(4, N)));
    for (int round = 0; round < 8; round++) {
        const int64_t row = round % 3 == 2 ? 9 : 1;
        tg_tensor    *y = tg_exp(tg_mul_s(w, 2)), *picked = tg_embedding(y, tg_from_i64(t, TG_SHAPE(1), &row)), *z = tg_sum_all(picked);
        if (row == 9) {
            assert_true(isnan(tg_item(z)));
            assert_int_equal(tg_error_status(t), TG_ERR_INDEX);
            tg_clear_error(t);
            assert_int_equal(tg_backward(tg_sum_all(y)), TG_OK);
        } else {
            assert_near(tg_item(z), N * exp(2));
            assert_int_equal(tg_backward(tg_add(z, tg_sum_all(y))), TG_OK);
        }
        const float *g = tg_data_f32(tg_grad_of(w));
        assert_near((double)g[0], 2 * exp(2));
        assert_near((double)g[N], (row == 9 ? 2 : 4) * exp(2));
        tg_zero_grad(t);
        tg_reset(t);
    }
    assert_null(tg_error(t));
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_value_of_the_first_round_alone),
        cmocka_unit_test(test_grad_and_backward_in_turn),
        cmocka_unit_test(test_place_of_a_gradient),
        cmocka_unit_test(test_reads_in_any_order),
        cmocka_unit_test(test_root_written_since),
        cmocka_unit_test(test_after_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
