/* test_buffers.c - named tensors that are saved with the parameters and that no optimizer touches. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "file_fixture.h"

/* A layer that keeps the running mean of its inputs, and counts them, as batch normalisation does. */
typedef struct layer {
    tg_tensor *w, *mean, *count;
} layer;

static layer make_layer(tg_tape *t)
{
    layer l = {.w = tg_param(t, "w", tg_full(t, TG_F32, TG_SHAPE(2), 3)),
               .mean = tg_buffer(t, "running mean", tg_zeros(t, TG_SHAPE(2))),
               .count = tg_buffer(t, "batches", tg_full(t, TG_I64, TG_SCALAR_SHAPE, 0))};
    assert_true(l.w && l.mean && l.count);
    return l;
}

static void train(tg_tape *t, const layer *l, tg_optim *o, const float x[2])
{
    tg_tensor *in = tg_from_f32(t, TG_SHAPE(2), x);
    assert_int_equal(tg_assign(l->mean, tg_add(tg_mul_s(l->mean, 0.5), tg_mul_s(in, 0.5))), TG_OK);
    assert_int_equal(tg_assign(l->count, tg_add_s(l->count, 1)), TG_OK);
    assert_int_equal(tg_backward(tg_sum(tg_mul(l->w, tg_sub(in, l->mean)), TG_ALL_AXES, false)), TG_OK);
    assert_int_equal(tg_step(o), TG_OK);
    assert_int_equal(tg_reset(t), TG_OK);
}

static void saved_and_loaded(void **state)
{
    fixture    *f = *state;
    const char *path = in_dir(f, "model");
    layer       l = make_layer(f->tape);
    tg_optim   *o = tg_sgd(f->tape, &(tg_sgd_options){.lr = 1});
    train(f->tape, &l, o, (float[]){8, -4});
    train(f->tape, &l, o, (float[]){4, 0});
    const float w[] = {tg_data_f32(l.w)[0], tg_data_f32(l.w)[1]};
    assert_true(w[0] == 3 - 4 - 0 && w[1] == 3 + 2 - 1); /* x - mean: {8 - 4, -4 + 2}, {4 - 4, 0 + 1} */
    assert_int_equal(tg_save(f->tape, path), TG_OK);
    assert_int_equal(tg_release(l.mean), TG_OK); /* another model of the same names */
    assert_int_equal(tg_release(l.count), TG_OK);
    assert_int_equal(tg_release(l.w), TG_OK);
    assert_int_equal(tg_buffer_count(f->tape), 0);
    layer again = make_layer(f->tape);
    assert_int_equal(tg_load(f->tape, path), TG_OK);
    assert_memory_equal(tg_data_f32(again.w), w, sizeof w);
    assert_memory_equal(tg_data_f32(again.mean), ((float[]){4, -1}), 2 * sizeof(float));
    assert_int_equal(*tg_data_i64(again.count), 2);
}

/* What a file lacks, or has too much, is refused by name, and nothing is changed. */
static void both_sides_agree(void **state)
{
    fixture    *f = *state;
    const char *path = in_dir(f, "parameters");
    tg_tensor  *w = tg_param(f->tape, "w", tg_ones(f->tape, TG_SHAPE(2)));
    assert_int_equal(tg_save(f->tape, path), TG_OK);
    tg_tensor *b = tg_buffer(f->tape, "b", tg_ones(f->tape, TG_SHAPE(2)));
    assert_int_equal(tg_load(f->tape, path), TG_ERR_ARG);
    assert_non_null(strstr(tg_error(f->tape), "buffer 'b' is not in"));
    tg_clear_error(f->tape);
    assert_int_equal(tg_save(f->tape, path), TG_OK);
    assert_int_equal(tg_release(b), TG_OK);
    assert_int_equal(tg_load(f->tape, path), TG_ERR_ARG);
    assert_non_null(strstr(tg_error(f->tape), "no parameter or buffer of the tape"));
    tg_clear_error(f->tape);
    assert_non_null(tg_buffer(f->tape, "b", tg_ones(f->tape, TG_SHAPE(3))));
    assert_int_equal(tg_load(f->tape, path), TG_ERR_SHAPE);
    assert_non_null(strstr(tg_error(f->tape), "buffer 'b' is [3], but [2] in"));
    tg_clear_error(f->tape);
    assert_true(tg_data_f32(w)[0] == 1);
}

static void names_and_numbers(void **state)
{
    fixture   *f = *state;
    tg_tape   *t = f->tape;
    tg_tensor *a = tg_buffer(t, "a", tg_ones(t, TG_SHAPE(2))), *n = tg_buffer(t, "n", tg_full(t, TG_BOOL, TG_SCALAR_SHAPE, 1));
    tg_tensor *w = tg_param(t, "w", tg_ones(t, TG_SHAPE(2)));
    assert_true(tg_buffer_count(t) == 2 && tg_param_count(t) == 1);
    assert_ptr_equal(tg_buffer_at(t, 0), a);
    assert_ptr_equal(tg_buffer_at(t, 1), n);
    assert_null(tg_buffer_at(t, 2));
    assert_null(tg_buffer_at(t, -1));
    assert_ptr_equal(tg_buffer_named(t, "n"), n);
    assert_null(tg_buffer_named(t, "w"));
    assert_null(tg_param_named(t, "a"));
    assert_string_equal(tg_name(a), "a");
    assert_false(tg_requires_grad(a));
    assert_true(tg_stats(t).kept == 0); /* they have a name, and are found by it */
    assert_null(tg_error(t));
    assert_null(tg_buffer(t, "w", tg_ones(t, TG_SHAPE(1))));
    assert_string_equal(tg_error(t), "tg_buffer: there is a parameter 'w' already");
    tg_clear_error(t);
    assert_null(tg_param(t, "a", tg_ones(t, TG_SHAPE(1))));
    assert_string_equal(tg_error(t), "tg_param: there is a buffer 'a' already");
    tg_clear_error(t);
    assert_int_equal(tg_release(a), TG_OK);
    assert_ptr_equal(tg_buffer_at(t, 0), n);
    assert_non_null(tg_param(t, "a", tg_ones(t, TG_SHAPE(1))));
    assert_non_null(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(saved_and_loaded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(both_sides_agree, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_and_numbers, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
