/* test_whose_gradients.c - which leaves get a gradient: backward for a list or an optimizer's own, freezing and thawing, gradients that a step
 * left over, two optimizers on one tape. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <tapegrad.h>
#include <tapegrad_op.h>

#include "quiet.h"

/* ---- helpers ------------------------------------------------------------------------------------------------------ */

static tg_tensor *param(tg_tape *t, const char *name, double value)
{
    tg_tensor *p = tg_param(t, name, tg_full(t, TG_F64, TG_SHAPE(2), value));
    assert_non_null(p);
    return p;
}

static double     first(tg_tensor *x) { return x ? tg_data_f64(x)[0] : NAN; }
static double     grad(tg_tensor *p) { return first(tg_grad_of(p)); } /* NaN: none */

#define LIST(...) (tg_tensor *[]){__VA_ARGS__}, (int)(sizeof((tg_tensor *[]){__VA_ARGS__}) / sizeof(tg_tensor *))
#define GOOD(CALL) assert_int_equal(CALL, TG_OK)

static tg_optim *sgd_of(tg_tape *t, double lr, tg_tensor *const *params, int n)
{
    tg_optim *o = tg_sgd(t, &(tg_sgd_options){.lr = lr, .params = params, .n_params = n});
    assert_non_null(o);
    return o;
}

/* An op whose rule counts how often it is asked. */
static int        asked;
static tg_tensor *counting_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i, (void)c;
    asked++;
    return tg_mul_s(g, 3);
}
TG_POINTWISE_UNARY(counted, 3 * x, counting_vjp)
static tg_tensor *counted(tg_tensor *x) { return tg_record(&tg_op_counted, &x, 1, NULL, 0); }

/* ---- backward for a list -------------------------------------------------------------------------------------------- */

static void test_into_a_list(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *a = param(t, "a", 2), *b = param(t, "b", 3), *c = param(t, "c", 5), *k = tg_set_requires_grad(tg_keep(tg_ones(t, TG_SHAPE(2))), true);
    tg_tensor *x = tg_set_requires_grad(tg_full(t, TG_F64, TG_SHAPE(2), 7), true), *loss = tg_sum_all(tg_mul(tg_mul(a, b), tg_mul(k, x)));
    GOOD(tg_backward_into(loss, LIST(a)));
    assert_true(grad(a) == 21 && isnan(grad(b)) && isnan(grad(k)) && isnan(grad(x)));
    assert_true(tg_item(loss) == 84); /* held, as tg_backward holds it */
    GOOD(tg_backward_into(loss, LIST(k, x, c))); /* c is in no loss */
    assert_true(grad(k) == 42 && grad(x) == 6 && grad(a) == 21 && isnan(grad(b)) && isnan(grad(c)));
    GOOD(tg_backward_into(loss, LIST(a, b))); /* adds */
    assert_true(grad(a) == 42 && grad(b) == 14);
    expect_failure(t, tg_backward_into(loss, LIST(c)), TG_ERR_GRAD, "depends on none");
    expect_failure(t, tg_backward_into(tg_sum_all(tg_detach(a)), LIST(a)), TG_ERR_GRAD, "depends on none");
    GOOD(tg_backward_into(tg_select(a, 0, 0), LIST(a))); /* next to the leaf */
    assert_true(tg_data_f64(tg_grad_of(a))[0] == 43 && tg_data_f64(tg_grad_of(a))[1] == 42);
    tg_tape_free(t);
}

/* What is not on a way to those that are asked for is not looked at: its rules are not called, and may be missing. */
static void test_only_the_way(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *a = param(t, "a", 2), *b = param(t, "b", 3), *gone = param(t, "gone", 1);
    tg_optim  *o = sgd_of(t, 0.5, &a, 1);
    tg_tensor *loss = tg_sum_all(tg_add(tg_mul(counted(a), a), tg_add(counted(counted(b)), tg_square(gone))));
    asked = 0;
    GOOD(tg_backward_into(loss, LIST(a)));
    assert_int_equal(asked, 1);
    GOOD(tg_backward_into(loss, LIST(b)));
    assert_int_equal(asked, 3);
    GOOD(tg_optim_backward(o, loss));
    assert_int_equal(asked, 4);
    assert_true(grad(a) == 24 && grad(b) == 9);
    GOOD(tg_release(gone));
    GOOD(tg_backward_into(loss, LIST(b)));
    assert_true(grad(b) == 18);
    tg_tape_free(t);
}

/* The same recording in every round, other leaves in each. */
static void test_rounds(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *p[] = {param(t, "a", 2), param(t, "b", 3), param(t, "c", 5)};
    for (int round = 0; round < 24; round++) {
        tg_tensor *loss = tg_sum_all(tg_mul(tg_tanh(tg_mul(p[0], p[1])), p[2])), *chosen[3];
        const int  which = round % 8;
        int        n = 0;
        for (int i = 0; i < 3; i++)
            if (which >> i & 1) chosen[n++] = p[i];
        if (n) GOOD(tg_backward_into(loss, chosen, n));
        else GOOD(tg_backward(loss));
        const double y = tanh(6), slope = 1 - y * y, want[] = {5 * slope * 3, 5 * slope * 2, y};
        for (int i = 0; i < 3; i++) {
            if (n && !(which >> i & 1)) assert_null(tg_grad_of(p[i]));
            else assert_true(fabs(grad(p[i]) - want[i]) < 1e-14);
        }
        tg_zero_grad(t);
        tg_reset(t);
    }
    tg_tape_free(t);
}

/* ---- minimize ------------------------------------------------------------------------------------------------------- */

static void test_minimize(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *a = param(t, "a", 2), *b = param(t, "b", 3), *k = tg_set_requires_grad(tg_keep(tg_ones(t, TG_SHAPE(2))), true);
    tg_optim  *oa = sgd_of(t, 0.5, &a, 1), *all = sgd_of(t, 0.25, NULL, 0);
    tg_tensor *loss = tg_sum_all(tg_mul(tg_mul(a, b), k));
    GOOD(tg_minimize(oa, loss));
    assert_true(first(a) == 0.5 && first(b) == 3 && isnan(grad(b)) && isnan(grad(k)) && tg_item(loss) == 12);
    tg_reset(t);
    GOOD(tg_minimize(all, tg_sum_all(tg_mul(tg_mul(a, b), k)))); /* all parameters, and the kept leaf is none */
    assert_true(first(a) == -0.25 && first(b) == 2.875 && isnan(grad(k)));
    tg_reset(t);
    GOOD(tg_backward_into(tg_sum_all(tg_mul_s(a, 3)), &a, 1)); /* a micro-batch before */
    GOOD(tg_minimize(oa, tg_sum_all(tg_mul_s(a, 4))));
    assert_true(first(a) == -0.25 - 0.5 * 7);
    expect_failure(t, tg_minimize(oa, tg_sum_all(b)), TG_ERR_GRAD, "tg_minimize");
    assert_true(first(a) == -3.75);
    tg_optim *careful = tg_sgd(t, &(tg_sgd_options){.skip_nonfinite = true, .params = &b, .n_params = 1});
    assert_int_equal(tg_minimize(careful, tg_sum_all(tg_mul_s(b, INFINITY))), TG_SKIPPED);
    assert_true(first(b) == 2.875 && tg_steps_skipped(careful) == 1);
    assert_null(tg_error(t));
    tg_tape_free(t);
}

/* ---- freezing and thawing ------------------------------------------------------------------------------------------- */

static void test_frozen(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64), *other = quiet(TG_F64);
    tg_tensor *a = param(t, "a", 1), *b = param(t, "b", 1), *a2 = param(other, "a", 1), *b2 = param(other, "b", 1);
    tg_optim  *o = tg_adam(t, &(tg_adam_options){.lr = 0.1}), *o2 = tg_adam(other, &(tg_adam_options){.lr = 0.1});
    double     norm;
    for (int step = 0; step < 6; step++) { /* in the other tape b has no steps while it is frozen here */
        if (step == 2) assert_ptr_equal(tg_set_requires_grad(b, false), b);
        if (step == 4) assert_ptr_equal(tg_set_requires_grad(b, true), b);
        const bool frozen = step == 2 || step == 3;
        assert_true(tg_requires_grad(b) == !frozen);
        GOOD(tg_backward(tg_sum_all(tg_mul_s(tg_mul(a, tg_square(b)), 1 + step))));
        GOOD(tg_clip_grad_norm(o, 1e9, &norm));
        GOOD(tg_step(o));
        GOOD(tg_backward_into(tg_sum_all(tg_mul_s(tg_mul(a2, tg_square(b2)), 1 + step)), (tg_tensor *[]){a2, b2}, frozen ? 1 : 2));
        GOOD(tg_step(o2));
        assert_true(first(a) == first(a2) && first(b) == first(b2));
        tg_reset(t);
        tg_reset(other);
    }
    tg_tape_free(other);
    tg_tape_free(t);
}

/* A gradient from before is passed over, and is there again afterwards. */
static void test_frozen_with_a_gradient(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *a = param(t, "a", 1), *b = param(t, "b", 1);
    tg_optim  *o = sgd_of(t, 1, NULL, 0);
    double     norm;
    GOOD(tg_backward(tg_sum_all(tg_add(a, tg_mul_s(b, 3)))));
    assert_non_null(tg_set_requires_grad(b, false));
    GOOD(tg_clip_grad_norm(o, 100, &norm));
    assert_true(fabs(norm - sqrt(2)) < 1e-14);
    GOOD(tg_clip_grad_norm_of(LIST(a, b), 100, &norm));
    assert_true(fabs(norm - sqrt(2)) < 1e-14);
    GOOD(tg_step(o));
    assert_true(first(a) == 0 && first(b) == 1 && grad(b) == 3);
    expect_failure(t, tg_step(o), TG_ERR_GRAD, "frozen");
    expect_failure(t, tg_backward(tg_sum_all(b)), TG_ERR_GRAD, "no gradient path");
    expect_failure(t, tg_minimize(o, tg_sum_all(b)), TG_ERR_GRAD, "no gradient path");
    expect_failure(t, tg_backward_into(tg_sum_all(tg_add(a, b)), LIST(a, b)), TG_ERR_GRAD, "does not require grad");
    tg_reset(t); /* it was used while it was frozen */
    assert_non_null(tg_set_requires_grad(b, true));
    GOOD(tg_step(o));
    assert_true(first(b) == -2);
    tg_tape_free(t);
}

/* A list may name a frozen parameter: it is thawed later. */
static void test_frozen_at_first(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *a = tg_set_requires_grad(param(t, "a", 1), false), *b = param(t, "b", 1);
    tg_optim  *o = sgd_of(t, 0.5, (tg_tensor *[]){a, b}, 2);
    GOOD(tg_minimize(o, tg_sum_all(tg_mul(a, b))));
    assert_true(first(a) == 1 && first(b) == 0.5);
    tg_reset(t);
    assert_non_null(tg_set_requires_grad(a, true));
    GOOD(tg_minimize(o, tg_sum_all(tg_mul(a, b))));
    assert_true(first(a) == 0.75 && first(b) == 0);
    tg_tape_free(t);
}

static void test_after_use(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *k = tg_keep(tg_ones(t, TG_SHAPE(2))), *p = param(t, "p", 2), *x = tg_ones(t, TG_SHAPE(2)), *y = tg_mul(k, x);
    assert_non_null(y);
    tg_reset(t); /* uses of another recording don't count */
    x = tg_ones(t, TG_SHAPE(2));
    assert_non_null(tg_eq(k, k)); /* nor do those that have no gradient anyway */
    assert_non_null(tg_sign(k));
    assert_non_null(tg_set_requires_grad(k, true));
    assert_non_null(tg_set_requires_grad(k, false));
    y = tg_mul(k, x);
    assert_null(tg_set_requires_grad(k, true));
    expect_failure(t, TG_ERR_GRAD, TG_ERR_GRAD, "used in this recording");
    assert_null(tg_set_requires_grad(x, true));
    expect_failure(t, TG_ERR_GRAD, TG_ERR_GRAD, "used in this recording");
    assert_false(tg_requires_grad(k) || tg_requires_grad(x));
    assert_non_null(tg_set_requires_grad(y, true)); /* a result that nobody used is a leaf from here on */
    GOOD(tg_backward(tg_sum_all(tg_square(y))));
    assert_true(grad(y) == 2);
    assert_non_null(tg_set_requires_grad(tg_mul(x, x), true));
    tg_tensor *z = tg_mul(p, x), *loss = tg_sum_all(tg_mul(z, y));
    assert_null(tg_set_requires_grad(z, false));
    expect_failure(t, TG_ERR_GRAD, TG_ERR_GRAD, "tg_detach");
    assert_non_null(tg_set_requires_grad(z, true)); /* it does already */
    assert_non_null(tg_set_requires_grad(p, false)); /* reaches what was recorded */
    GOOD(tg_backward(loss));
    assert_true(isnan(grad(p)) && grad(y) == 4);
    assert_non_null(tg_set_requires_grad(p, true));
    GOOD(tg_backward_into(loss, &p, 1));
    assert_true(grad(p) == 1);
    assert_non_null(tg_set_requires_grad(p, false));
    assert_non_null(tg_set_requires_grad(y, false));
    expect_failure(t, tg_backward(loss), TG_ERR_GRAD, "no gradient path");
    assert_null(tg_set_requires_grad(tg_from_i64(t, TG_SHAPE(1), (int64_t[]){1}), true));
    expect_failure(t, TG_ERR_DTYPE, TG_ERR_DTYPE, "int64");
    assert_null(tg_set_requires_grad(NULL, true));
    tg_tape_free(t);
}

/* As it is often written elsewhere: the other network is frozen while one is trained, within one recording. */
static void test_frozen_in_turns(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *g = param(t, "g", 1), *d = param(t, "d", 2);
    tg_optim  *og = sgd_of(t, 0.5, &g, 1), *od = sgd_of(t, 0.25, &d, 1);
    for (int round = 0; round < 3; round++) {
        const double was_d = first(d), was_g = first(g);
        GOOD(tg_minimize(od, tg_sum_all(tg_square(tg_mul(d, g)))));
        assert_true(fabs(first(d) - (was_d - 0.25 * 2 * was_d * was_g * was_g)) < 1e-14);
        assert_non_null(tg_set_requires_grad(d, false));
        const double now_d = first(d);
        GOOD(tg_backward(tg_sum_all(tg_mul(d, g))));
        GOOD(tg_step(og));
        assert_true(fabs(first(g) - (was_g - 0.5 * now_d)) < 1e-14);
        assert_non_null(tg_set_requires_grad(d, true));
        tg_reset(t);
    }
    tg_tape_free(t);
}

/* ---- what a step left over ------------------------------------------------------------------------------------------- */

/* Two optimizers and plain tg_backward: the second loss's gradient of the first network would pile up. */
static void test_two_networks(void **state)
{
    (void)state;
    for (int remedy = 0; remedy < 5; remedy++) {
        tg_tape   *t = quiet(TG_F64);
        tg_tensor *g = param(t, "the.g", 1), *d = param(t, "the.d", 2);
        tg_optim  *og = sgd_of(t, 0.125, &g, 1), *od = sgd_of(t, 0.125, &d, 1);
        double     gv = 1, dv = 2;
        for (int round = 0; round < 3; round++) {
            tg_tensor *loss_d = tg_sum_all(tg_mul(d, tg_detach(g)));
            if (remedy == 0 && round == 1) {
                expect_failure(t, tg_backward(loss_d), TG_ERR_GRAD, "parameter 'the.d'");
                assert_true(grad(d) == first(g) + 0.125 * first(d)); /* as it was: of the round before */
                expect_failure(t, tg_backward_seed(loss_d, tg_scalar(t, 1)), TG_ERR_GRAD, "tg_minimize");
                tg_zero_grad(t);
            }
            if (remedy == 1) GOOD(tg_minimize(od, loss_d));
            else if (remedy == 2) GOOD(tg_optim_backward(od, loss_d)), GOOD(tg_step(od));
            else GOOD(tg_backward(loss_d)), GOOD(tg_step(od));
            if (remedy == 3) assert_non_null(tg_set_requires_grad(d, false));
            tg_tensor *loss_g = tg_sum_all(tg_mul(d, g));
            if (remedy == 1) GOOD(tg_minimize(og, loss_g));
            else if (remedy == 2) GOOD(tg_backward_into(loss_g, &g, 1)), GOOD(tg_step(og));
            else GOOD(tg_backward(loss_g)), GOOD(tg_step(og));
            if (remedy == 3) assert_non_null(tg_set_requires_grad(d, true));
            if (remedy == 4) GOOD(tg_zero_grad(t));
            tg_reset(t);
            dv -= 0.125 * gv;
            gv -= 0.125 * dv;
            assert_true(first(d) == dv && first(g) == gv);
            if (remedy == 0 && round == 1) break;
        }
        tg_tape_free(t);
    }
}

/* Small batches that make a large one, with as many optimizers as there are: no step lies between. */
static void test_small_batches(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *a = param(t, "a", 0), *b = param(t, "b", 0);
    tg_optim  *oa = sgd_of(t, 1, &a, 1), *ob = sgd_of(t, 1, &b, 1);
    for (int step = 0; step < 3; step++) {
        for (int batch = 0; batch < 4; batch++) {
            GOOD(tg_backward(tg_sum_all(tg_add(a, tg_mul_s(b, 2)))));
            tg_reset(t);
        }
        assert_true(grad(a) == 4 && grad(b) == 8);
        GOOD(tg_step(oa));
        GOOD(tg_step(ob));
        assert_true(first(a) == -4 * (step + 1) && first(b) == -8 * (step + 1));
    }
    for (int step = 0; step < 3; step++) { /* b collects over several steps of a: said with a list */
        GOOD(tg_backward_into(tg_sum_all(tg_add(a, tg_mul_s(b, 2))), LIST(a, b)));
        GOOD(tg_step(oa));
        tg_reset(t);
    }
    assert_true(grad(b) == 6);
    GOOD(tg_step(ob));
    tg_tape_free(t);
}

/* Fine-tuning: the optimizer has a list, and the rest gets gradients that nobody uses. */
static void test_fine_tuning(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *body = param(t, "body", 2), *top = param(t, "top", 3), *x = tg_set_requires_grad(tg_keep(tg_ones(t, TG_SHAPE(2))), true);
    tg_optim  *o = sgd_of(t, 0.5, &top, 1);
    GOOD(tg_backward(tg_sum_all(tg_mul(body, top))));
    GOOD(tg_step(o));
    tg_reset(t);
    expect_failure(t, tg_backward(tg_sum_all(tg_mul(body, top))), TG_ERR_GRAD, "parameter 'body'");
    assert_true(grad(body) == 3 && first(top) == 2);
    GOOD(tg_set_grad(body, NULL));
    GOOD(tg_backward(tg_sum_all(tg_mul(tg_mul(body, top), x))));
    GOOD(tg_set_grad(body, NULL));
    GOOD(tg_step(o));
    tg_reset(t);
    expect_failure(t, tg_backward(tg_sum_all(tg_mul(top, x))), TG_ERR_GRAD, "a kept tensor");
    GOOD(tg_minimize(o, tg_sum_all(tg_mul(body, top))));
    tg_reset(t);
    assert_non_null(tg_set_requires_grad(body, false));
    GOOD(tg_backward(tg_sum_all(tg_mul(body, top))));
    GOOD(tg_step(o));
    assert_null(tg_grad_of(body));
    tg_tape_free(t);
}

/* A leaf of the recording, and gradients that were written by hand. */
static void test_other_leaves(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *p = param(t, "p", 1), *x = tg_set_requires_grad(tg_ones(t, TG_SHAPE(2)), true);
    tg_optim  *o = sgd_of(t, 0.5, NULL, 0);
    GOOD(tg_backward(tg_sum_all(tg_mul(p, x))));
    GOOD(tg_backward(tg_sum_all(tg_mul(p, x))));
    assert_true(grad(x) == 2 && grad(p) == 2);
    GOOD(tg_step(o));
    expect_failure(t, tg_backward(tg_sum_all(tg_square(x))), TG_ERR_GRAD, "a leaf");
    assert_true(grad(x) == 2);
    GOOD(tg_set_grad(x, NULL));
    GOOD(tg_backward(tg_sum_all(tg_square(x))));
    GOOD(tg_backward(tg_sum_all(tg_square(x))));
    assert_true(grad(x) == 4);
    tg_tensor *k = tg_set_requires_grad(tg_keep(tg_ones(t, TG_SHAPE(2))), true);
    GOOD(tg_backward(tg_sum_all(tg_add(k, p))));
    GOOD(tg_step(o));
    GOOD(tg_copy_from(tg_grad_of(k), (double[]){5, 5}, 16)); /* it counts as a new one */
    GOOD(tg_backward(tg_sum_all(k)));
    assert_true(grad(k) == 6);
    tg_tape_free(t);
}

/* A step that is left out uses its gradients up as well. */
static void test_skipped(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *a = param(t, "a", 1), *b = param(t, "b", 1);
    tg_optim  *o = tg_sgd(t, &(tg_sgd_options){.skip_nonfinite = true, .params = &a, .n_params = 1});
    GOOD(tg_backward(tg_sum_all(tg_add(tg_mul_s(a, INFINITY), b))));
    assert_int_equal(tg_step(o), TG_SKIPPED);
    expect_failure(t, tg_backward(tg_sum_all(tg_add(a, b))), TG_ERR_GRAD, "parameter 'b'");
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_into_a_list), cmocka_unit_test(test_only_the_way),    cmocka_unit_test(test_rounds),
        cmocka_unit_test(test_minimize),    cmocka_unit_test(test_frozen),          cmocka_unit_test(test_frozen_with_a_gradient),
        cmocka_unit_test(test_frozen_at_first), cmocka_unit_test(test_after_use),   cmocka_unit_test(test_frozen_in_turns),
        cmocka_unit_test(test_two_networks), cmocka_unit_test(test_small_batches),  cmocka_unit_test(test_fine_tuning),
        cmocka_unit_test(test_other_leaves), cmocka_unit_test(test_skipped),
    };
    return cmocka_run_group_tests_name("whose_gradients", tests, NULL, NULL);
}
