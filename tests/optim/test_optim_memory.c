/* test_optim_memory.c - lifetimes of optimizers and their buffers, memory that is given back or runs out, and updates by several threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <tapegrad.h>

#include "quiet.h"
#include "failing.h"
#include "optim_test.h"

/* ---- threads ------------------------------------------------------------------------------------------------------ */

enum { LARGE = 200003 };

/* Two steps on one large and two small parameters; returns the large one's values, and the norm. */
static float *large_run(int threads, double *norm)
{
    static float c[LARGE];
    for (size_t i = 0; i < LARGE; i++) c[i] = (float)((double)(i * 2654435761u % 1000003u) / 1000003.0 - 0.5);
    tg_tape *t = tg_tape_new(&(tg_tape_options){.threads = threads});
    float   *result = malloc(sizeof c);
    assert_true(t && result);
    tg_tensor *w = tg_param(t, "w", tg_from_f32(t, TG_SHAPE(LARGE), c)), *a = tg_param(t, "a", tg_scalar(t, 1));
    tg_tensor *b = tg_param(t, "b", tg_ones(t, TG_SHAPE(17000)));
    tg_optim  *o = tg_adam(t, &(tg_adam_options){.weight_decay = 0.1}), *s = tg_sgd(t, &(tg_sgd_options){.momentum = 0.9});
    for (int step = 0; step < 2; step++) {
        tg_tensor *x = tg_borrow(t, TG_F32, TG_SHAPE(LARGE), c);
        tg_tensor *y = tg_add(tg_sum_all(tg_mul(tg_mul(w, w), x)), tg_mul(a, tg_sum_all(b)));
        assert_int_equal(tg_backward(y), TG_OK);
        assert_int_equal(tg_clip_grad_norm(step ? s : o, 1, norm), TG_OK);
        assert_int_equal(tg_step(step ? s : o), TG_OK);
        tg_reset(t);
    }
    assert_int_equal(tg_copy_to(w, result, sizeof c), TG_OK);
    assert_true(tg_data_f32(b)[16999] < 1 && tg_data_f32(b)[16999] == tg_data_f32(b)[0]);
    tg_tape_free(t);
    return result;
}

static void test_threads_do_not_matter(void **state)
{
    (void)state;
    double norm1, norm;
    float *one = large_run(1, &norm1);
    for (int threads = 2; threads <= 5; threads += 3) {
        float *many = large_run(threads, &norm);
        assert_true(norm == norm1);
        assert_memory_equal(one, many, LARGE * sizeof *one);
        free(many);
    }
    free(one);
}

/* ---- lifetimes and memory ----------------------------------------------------------------------------------------- */

static void test_lifetimes(void **state)
{
    (void)state;
    for (int freed = 0; freed < 4; freed++) { /* which of two optimizers are freed before the tape */
        failing     b = {.left = -1};
        tg_tape   *t = failing_tape(&b, TG_F64);
        tg_optim  *first = tg_adam(t, NULL), *second = tg_sgd(t, &(tg_sgd_options){.momentum = 0.9});
        tg_tensor *p = param(t, "p", 1);
        for (int step = 0; step < 3; step++) {
            give_grad(p, 1);
            assert_int_equal(tg_step(step % 2 ? first : second), TG_OK);
            tg_reset(t);
        }
        if (freed & 1) tg_optim_free(first);
        if (freed & 2) tg_optim_free(second);
        give_grad(p, 1);
        if (!(freed & 2)) assert_int_equal(tg_step(second), TG_OK);
        tg_tape_free(t);
        assert_true(b.held == 0);
    }
}

/* A released tensor's buffers go at the next step. */
static void test_release_gives_memory_back(void **state)
{
    (void)state;
    failing     b = {.left = -1};
    tg_tape   *t = failing_tape(&b, TG_F64);
    tg_tensor *p = tg_param(t, "p", tg_ones(t, TG_SHAPE(1000)));
    tg_optim  *o = tg_adam(t, NULL);
    give_grad(p, 1);
    assert_int_equal(tg_step(o), TG_OK);
    assert_int_equal(tg_release(p), TG_OK);
    size_t before = b.held;
    assert_int_equal(tg_step(o), TG_OK);
    assert_true(before - b.held >= 2 * 1000 * sizeof(double));
    tg_tape_free(t);
    assert_true(b.held == 0);
}

/* Small tensors share their room; it goes with the last of them, and a large one's with itself. */
static void test_shared_room(void **state)
{
    enum { HUGE = 600000 };
    (void)state;
    failing     b = {.left = -1};
    tg_tape   *t = failing_tape(&b, TG_F64);
    tg_tensor *p = param(t, "p", 1), *q = tg_param(t, "q", tg_ones(t, TG_SHAPE(1000))), *r = tg_param(t, "r", tg_ones(t, TG_SHAPE(HUGE)));
    tg_optim  *o = tg_adam(t, &(tg_adam_options){.lr = 0.1});
    double     want = 1;
    for (int step = 0; step < 4; step++) {
        give_grad(p, 1);
        if (step < 3) give_grad(q, 1);
        if (step < 2) give_grad(r, 1);
        if (step == 2) assert_int_equal(tg_release(r), TG_OK);
        if (step == 3) assert_int_equal(tg_release(q), TG_OK);
        const size_t before = b.held;
        assert_int_equal(tg_step(o), TG_OK);
        want -= 0.1 / (1 + 1e-8);
        assert_all(p, want);
        if (step < 3) assert_all(q, want);
        if (step == 2) assert_true(before - b.held >= 2 * HUGE * sizeof(double));
        tg_reset(t);
    }
    assert_int_equal(tg_release(p), TG_OK);
    const size_t before = b.held;
    assert_int_equal(tg_step(o), TG_OK);
    assert_true(before - b.held >= 2 * 1003 * sizeof(double));
    tg_tape_free(t);
    assert_true(b.held == 0);
}

/* A step that fails for want of memory changes nothing, and the next one does all. */
static void test_out_of_memory(void **state)
{
    (void)state;
    failing     b = {.left = -1};
    tg_tape   *t = failing_tape(&b, TG_F64);
    tg_tensor *p = param(t, "p", 1), *q = param(t, "q", 1);
    b.left = 0;
    assert_null(tg_adam(t, NULL));
    expect_error(t, TG_ERR_MEMORY, "memory");
    b.left = 1;
    assert_null(tg_adam(t, &(tg_adam_options){.params = &p, .n_params = 1}));
    expect_error(t, TG_ERR_MEMORY, "memory");
    b.left = -1;
    tg_optim *o = tg_adam(t, &(tg_adam_options){.lr = 0.1});
    give_grad(p, 1);
    give_grad(q, 1);
    int failures = 0;
    for (b.left = 0; tg_step(o) != TG_OK; failures++) {
        expect_error(t, TG_ERR_MEMORY, "memory");
        assert_all(p, 1);
        assert_all(q, 1);
        b.left = failures % 2; /* 0 once more, then 1: each failure point is met */
    }
    assert_true(failures >= 3);
    b.left = -1;
    assert_all(p, 1 - 0.1 / (1 + 1e-8));
    assert_all(q, 1 - 0.1 / (1 + 1e-8));
    give_grad(p, 1);
    assert_int_equal(tg_step(o), TG_OK);
    assert_all(p, 1 - 0.2 / (1 + 1e-8));
    tg_tape_free(t);
    assert_true(b.held == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_do_not_matter),
        cmocka_unit_test(test_lifetimes),
        cmocka_unit_test(test_release_gives_memory_back),
        cmocka_unit_test(test_shared_room),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
