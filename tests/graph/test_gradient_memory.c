/* test_gradient_memory.c - a gradient shares no memory with what may be overwritten, whichever way a seed went through views; clipping, which
 * scales gradients, changes no other tensor; and a leaf's gradient does not outlive the recording. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <tapegrad.h>

#include "op_test.h"

/* Functions of a leaf [3,2] whose rules are views: what arrives at the leaf is the seed, seen another way. */
static tg_tensor *sum_0(tg_tensor *x) { return tg_sum(x, TG_AXES(0), false); }
static tg_tensor *sum_all(tg_tensor *x) { return tg_sum_all(x); }
static tg_tensor *turned(tg_tensor *x) { return tg_transpose(x, 0, 1); }
static tg_tensor *flat(tg_tensor *x) { return tg_reshape(x, TG_SHAPE(6)); }
static tg_tensor *lifted(tg_tensor *x) { return tg_unsqueeze(x, 0); }
static tg_tensor *turned_flat(tg_tensor *x) { return flat(turned(x)); }
static tg_tensor *itself_and_none(tg_tensor *x) { return tg_add(x, tg_zeros_like(x)); }

/* The seed is a parameter: it is overwritten after the first backward, and the second adds to what the first gave. */
static void test_seed_is_overwritten(void **state)
{
    static tg_tensor *(*const functions[])(tg_tensor *) = {sum_0, sum_all, turned, flat, lifted, turned_flat, itself_and_none};
    (void)state;
    for (size_t f = 0; f < sizeof functions / sizeof *functions; f++)
        for (int kept = 0; kept < 2; kept++)
            for (int step = 0; step < 3; step++) {
                tg_tape   *t = tg_tape_new(&(tg_tape_options){.dtype = TG_F64});
                tg_tensor *w = tg_param(t, "w", tg_rand(t, TG_SHAPE(3, 2)));
                tg_tensor *seed = tg_param(t, "seed", tg_full(t, TG_F64, tg_shape_of(functions[f](w)), 3));
                tg_reset(t);
                tg_tensor *x = kept ? w : tg_set_requires_grad(tg_rand(t, TG_SHAPE(3, 2)), true), *y = functions[f](x);
                assert_int_equal(tg_backward_seed(y, seed), TG_OK);
                if (step == 1) assert_int_equal(tg_assign(seed, tg_mul_s(seed, 2)), TG_OK);
                if (step == 2) {
                    tg_tensor *all[2] = {y, tg_grad_of(x)}; /* read, and only then overwritten */
                    assert_int_equal(tg_eval(all, 2), TG_OK);
                    assert_int_equal(tg_assign(seed, tg_full(t, TG_F64, tg_shape_of(seed), 5)), TG_OK);
                }
                for (int64_t i = 0; i < 6; i++) assert_true(tg_data_f64(tg_grad_of(x))[i] == 3);
                assert_int_equal(tg_backward_seed(y, seed), TG_OK);
                for (int64_t i = 0; i < 6; i++) assert_true(tg_data_f64(tg_grad_of(x))[i] == (step == 0 ? 6 : step == 1 ? 9 : 8));
                tg_tape_free(t);
            }
}

/* The seed is a reshape of a parameter, recorded before that was overwritten: it has the old values or none, never those of now. */
static void test_seed_is_a_reshape_of_what_is_overwritten(void **state)
{
    (void)state;
    for (int same = 0; same < 2; same++)
        for (int twice = 0; twice < 2; twice++) {
            tg_tape   *t = quiet(TG_F64);
            tg_tensor *w = tg_param(t, "w", tg_rand(t, TG_SHAPE(6))), *p = tg_param(t, "p", tg_full(t, TG_F64, TG_SHAPE(6), 3));
            tg_tensor *shape = same ? tg_expand(p, TG_SHAPE(6)) : tg_reshape(tg_reshape(p, TG_SHAPE(2, 3)), TG_SHAPE(6));
            if (twice) assert_int_equal(tg_backward_seed(w, tg_full(t, TG_F64, TG_SHAPE(6), 1)), TG_OK);
            assert_int_equal(tg_assign(p, tg_full(t, TG_F64, TG_SHAPE(6), 5)), TG_OK);
            const tg_status s = tg_backward_seed(w, shape);
            assert_true(s == TG_OK || s == TG_ERR_STALE);
            for (int64_t i = 0; i < 6 && s == TG_OK; i++) assert_true(tg_data_f64(tg_grad_of(w))[i] == 3 + twice);
            tg_tape_free(t);
        }
}

/* Two leaves whose gradients are one borrowed seed, seen in two ways: each is scaled once, and what they came from is as it was. */
static void test_clipping_changes_gradients_alone(void **state)
{
    static const double values[6] = {1, -2, 3, -4, 5, -6};
    (void)state;
    for (int kept = 0; kept < 2; kept++) {
        tg_tape   *t = quiet(TG_F64);
        tg_tensor *seed = tg_borrow(t, TG_F64, TG_SHAPE(3, 2), values), *leaf[3] = {tg_rand(t, TG_SHAPE(2, 3)), tg_rand(t, TG_SHAPE(6)),
                                                                                      tg_rand(t, TG_SHAPE(2, 3, 2))};
        for (int i = 0; i < 3; i++) leaf[i] = kept ? tg_paramf(t, leaf[i], "p%d", i) : tg_set_requires_grad(leaf[i], true);
        tg_tensor *y = tg_add(tg_add(tg_mT(leaf[0]), tg_reshape(leaf[1], TG_SHAPE(3, 2))), tg_sum(leaf[2], TG_AXES(0), false));
        assert_int_equal(tg_backward_seed(y, seed), TG_OK);
        tg_tensor *before = tg_grad_of(leaf[0]), *doubled = tg_mul_s(before, 2);
        double     norm = 0;
        assert_int_equal(tg_clip_grad_norm_of(leaf, 3, 1e9, &norm), TG_OK); /* short enough */
        assert_true(near(norm, sqrt(4 * 91), 1e-12) && tg_grad_of(leaf[0]) == before);
        assert_int_equal(tg_clip_grad_norm_of(leaf, 3, sqrt(91), NULL), TG_OK);
        for (int64_t i = 0; i < 6; i++) {
            assert_true(near(tg_data_f64(tg_grad_of(leaf[0]))[i], values[i % 3 * 2 + i / 3] / 2, 1e-12));
            assert_true(near(tg_data_f64(tg_grad_of(leaf[1]))[i], values[i] / 2, 1e-12));
            assert_true(near(tg_data_f64(tg_grad_of(leaf[2]))[i], values[i] / 2, 1e-12));
            assert_true(near(tg_data_f64(tg_grad_of(leaf[2]))[6 + i], values[i] / 2, 1e-12));
            assert_true(tg_data_f64(seed)[i] == values[i]);
            if (!kept) assert_true(tg_data_f64(doubled)[i] == 2 * values[i % 3 * 2 + i / 3]); /* recorded before, computed now */
        }
        if (kept) assert_null(tg_data(doubled)); /* what it reads was overwritten */
        assert_int_equal(tg_clip_grad_norm_of(leaf, 3, 1, &norm), TG_OK);
        assert_true(near(norm, sqrt(91), 1e-12));
        tg_tape_free(t);
    }
}

/* Gradients of a scalar, which a constant may be. */
static void test_clipping_a_scalar(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *x = tg_set_requires_grad(tg_scalar(t, 3), true), *z = tg_set_requires_grad(tg_scalar(t, 4), true);
    assert_int_equal(tg_backward(tg_add(x, z)), TG_OK);
    double norm = 0;
    assert_int_equal(tg_clip_grad_norm_of((tg_tensor *[]){x, z}, 2, 0.5, &norm), TG_OK);
    assert_true(near(norm, sqrt(2), 1e-12));
    assert_true(near(tg_item(tg_grad_of(x)), sqrt(0.125), 1e-6) && near(tg_item(tg_grad_of(z)), sqrt(0.125), 1e-6));
    assert_true(tg_item(tg_add(x, z)) == 7);
    tg_tape_free(t);
}

static tg_tensor *exp_of(tg_tensor *x) { return tg_exp(x); }
static tg_tensor *view_of(tg_tensor *x) { return tg_reshape(x, TG_SHAPE(2, 1)); }
static tg_tensor *first_of(tg_tensor *x) { return tg_max(tg_unsqueeze(x, 1), 1, false, NULL); }
static tg_tensor *zeros_of(tg_tensor *x) { return tg_zeros_like(x); }
static tg_tensor *random_of(tg_tensor *x) { return tg_randn(tg_tape_of(x), TG_SHAPE(2)); }

/* A tensor that was a leaf, had a gradient and was frozen is another tensor in the next recording: without a gradient. */
static void test_frozen_leaf_in_the_next_recording(void **state)
{
    static tg_tensor *(*const functions[])(tg_tensor *) = {exp_of, view_of, first_of, zeros_of, random_of};
    (void)state;
    for (size_t f = 0; f < sizeof functions / sizeof *functions; f++) {
        tg_tape *t = quiet(TG_F64);
        for (int round = 0; round < 4; round++) {
            tg_tensor *x = tg_from_f64(t, TG_SHAPE(2), (double[]){1, 2}), *y = functions[f](x);
            if (round == 1)
                for (int i = 0; i < 30; i++) tg_from_f64(t, TG_SHAPE(2), (double[]){100 + i, 1000 + i}); /* where the gradient was */
            assert_null(tg_grad_of(y));
            assert_ptr_equal(tg_set_requires_grad(y, true), y);
            assert_int_equal(tg_backward(tg_sum_all(tg_mul_s(y, 3))), TG_OK);
            assert_true(tg_data_f64(tg_grad_of(y))[0] == 3 && tg_data_f64(tg_grad_of(y))[1] == 3);
            if (round != 2) assert_ptr_equal(tg_set_requires_grad(y, false), y);
            assert_int_equal(tg_reset(t), TG_OK);
        }
        tg_tape_free(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seed_is_overwritten), cmocka_unit_test(test_seed_is_a_reshape_of_what_is_overwritten), cmocka_unit_test(test_clipping_changes_gradients_alone),
        cmocka_unit_test(test_clipping_a_scalar), cmocka_unit_test(test_frozen_leaf_in_the_next_recording)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
