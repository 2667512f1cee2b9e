/* test_frozen.c - a frozen model: values that stay whatever its tape does, one copy for all tapes, freed when the last one goes. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <string.h>
#include <tapegrad_nn.h>

#include "quiet.h"

enum { THREADS = 8, WIDTH = 24, BATCH = 5 };

static tg_tape *trained(void)
{
    tg_tape *t = quiet(TG_F32);
    assert_int_equal(tg_seed(t, 7), TG_OK);
    assert_non_null(tg_param(t, "net.w1", tg_randn(t, TG_SHAPE(WIDTH, WIDTH))));
    assert_non_null(tg_param(t, "net.b", tg_randn(t, TG_SHAPE(WIDTH))));
    assert_non_null(tg_param(t, "a", tg_full(t, TG_F64, TG_SHAPE(3), 2)));
    assert_non_null(tg_param(t, "none", tg_zeros(t, TG_SHAPE(0, 4))));
    assert_non_null(tg_buffer(t, "count", tg_full(t, TG_I64, TG_SCALAR_SHAPE, 11)));
    assert_int_equal(tg_reset(t), TG_OK);
    return t;
}

static void test_values(void **state)
{
    (void)state;
    static const char *const names[] = {"net.w1", "net.b", "a", "none", "count"};
    float      before[WIDTH * WIDTH];
    tg_tape   *t = trained(), *other = quiet(TG_F32);
    tg_tensor *w = tg_param_named(t, "net.w1");
    assert_int_equal(tg_copy_to(w, before, sizeof before), TG_OK);
    tg_frozen *m = tg_freeze(t);
    assert_non_null(m);
    assert_int_equal(tg_frozen_count(m), 5);
    for (int i = 0; i < 5; i++) assert_string_equal(tg_frozen_name(m, i), names[i]);
    assert_true(!tg_frozen_name(m, 5) && !tg_frozen_name(m, -1));
    assert_int_equal(tg_assign(w, tg_zeros_like(w)), TG_OK);
    tg_tensor *here = tg_frozen_tensor(m, other, "net.w1");
    assert_memory_equal(tg_data(here), before, sizeof before);
    assert_ptr_equal(tg_data(here), tg_data(tg_frozen_tensor(m, t, "net.w1"))); /* one copy for all */
    assert_false(tg_requires_grad(here));
    assert_int_equal(*tg_data_i64(tg_frozen_tensor(m, other, "count")), 11);
    assert_true(tg_item(tg_sum_all(tg_frozen_tensor(m, other, "a"))) == 6);
    assert_int_equal(tg_numel(tg_frozen_tensor(m, other, "none")), 0);
    tg_tape_free(t);
    assert_int_equal(tg_reset(other), TG_OK);
    assert_null(tg_shape_of(here));
    tg_frozen_free(m);
    assert_memory_equal(tg_data(tg_frozen_tensor(m, other, "net.w1")), before, sizeof before); /* the tape has it still */
    assert_null(tg_error(other));
    tg_tape_free(other);
}

static void test_wrong(void **state)
{
    (void)state;
    tg_tape   *t = trained();
    tg_frozen *m = tg_freeze(t);
    assert_null(tg_freeze(NULL));
    assert_null(tg_frozen_tensor(m, NULL, "a"));
    assert_null(tg_frozen_tensor(NULL, t, "a"));
    assert_string_equal(tg_error(t), "tg_frozen_tensor: the model is NULL");
    tg_clear_error(t);
    assert_null(tg_frozen_tensor(m, t, NULL));
    assert_string_equal(tg_error(t), "tg_frozen_tensor: the name is NULL");
    tg_clear_error(t);
    assert_null(tg_frozen_tensor(m, t, "b\n"));
    assert_string_equal(tg_error(t), "tg_frozen_tensor: the frozen model has no tensor 'b?'");
    tg_clear_error(t);
    tg_tensor *x = tg_frozen_tensor(m, t, "a");
    assert_int_not_equal(tg_assign(x, tg_zeros_like(x)), TG_OK); /* nobody changes it */
    assert_int_not_equal(tg_copy_from(x, (double[]){1, 2, 3}, 24), TG_OK);
    assert_int_not_equal(tg_release(x), TG_OK);
    assert_int_equal(tg_frozen_count(NULL), 0);
    assert_null(tg_frozen_name(NULL, 0));
    tg_frozen_free(NULL);
    tg_frozen_free(m);
    tg_tape_free(t);
    t = quiet(TG_F32);
    m = tg_freeze(t);
    assert_true(m && tg_frozen_count(m) == 0);
    assert_null(tg_frozen_tensor(m, t, "a"));
    tg_frozen_free(m);
    tg_tape_free(t);
}

/* ---- the same function makes a network for training and over frozen weights ----------------------------------------- */

typedef struct network {
    tg_nn_embedding_module  words;
    tg_nn_batch_norm_module norm;
    tg_nn_linear_module     out;
    tg_tensor              *scale;
} network;

static network make_network(tg_tape *t)
{
    tg_scope_push(t, "net");
    const network n = {tg_nn_embedding(t, "words", 7, 4, &(tg_nn_embedding_options){.by_rows = true}), tg_nn_batch_norm(t, "norm", 4), tg_nn_linear(t, "out", 4, 3, true),
                       tg_param(t, "scale", tg_ones(t, TG_SCALAR_SHAPE))};
    tg_scope_pop(t);
    return n;
}

static tg_tensor *network_of(network *n, tg_tape *t, bool training)
{
    tg_tensor *x = tg_nn_embedding_of(&n->words, tg_from_i64(t, TG_SHAPE(5), (int64_t[]){0, 6, 3, 3, 1}));
    return tg_mul(tg_nn_linear_of(&n->out, tg_nn_batch_norm_of(&n->norm, x, training)), n->scale);
}

static void test_use(void **state)
{
    (void)state;
    float    want[15];
    tg_tape *t = quiet(TG_F32), *mine = quiet(TG_F32);
    network  n = make_network(t);
    tg_optim *o = tg_adam(t, NULL);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(tg_minimize(o, tg_sum_all(tg_square(network_of(&n, t, true)))), TG_OK);
        assert_int_equal(tg_nn_update_running(&n.norm), TG_OK);
        assert_int_equal(tg_reset(t), TG_OK);
    }
    assert_int_equal(tg_copy_to(network_of(&n, t, false), want, sizeof want), TG_OK);
    tg_frozen *m = tg_freeze(t);
    tg_tape_free(t);
    assert_int_equal(tg_frozen_use(m, mine), TG_OK);
    network twin = make_network(mine);
    assert_int_equal(tg_stats(mine).evaluated_nodes, 0); /* no initial value */
    assert_true(tg_param_count(mine) == 0 && tg_buffer_count(mine) == 0 && !tg_requires_grad(twin.out.weight));
    assert_int_equal(tg_frozen_use(NULL, mine), TG_OK);
    tg_frozen_free(m); /* the tape has it still */
    size_t early = 0;
    for (int i = 0; i < 30; i++) {
        assert_memory_equal(tg_data(network_of(&twin, mine, false)), want, sizeof want);
        assert_int_equal(tg_reset(mine), TG_OK);
        if (i == 10) early = tg_stats(mine).bytes_reserved;
    }
    assert_int_equal(tg_stats(mine).bytes_reserved, early);
    tg_tensor *own = tg_param(mine, "net.scale", tg_zeros(mine, TG_SCALAR_SHAPE)); /* the tape's own again */
    assert_true(tg_requires_grad(own) && tg_item(own) == 0 && tg_item(twin.scale) != 0);
    assert_null(tg_error(mine));
    tg_tape_free(mine);
}

static void test_use_refused(void **state)
{
    (void)state;
    tg_tape   *t = trained(), *mine = quiet(TG_F32);
    tg_frozen *m = tg_freeze(t);
    assert_int_equal(tg_frozen_use(m, NULL), TG_ERR_NULL);
    assert_int_equal(tg_frozen_use(m, mine), TG_OK);
    assert_null(tg_param(mine, "nobody", tg_zeros(mine, TG_SHAPE(2))));
    expect_error(mine, TG_ERR_ARG, "tg_param: the frozen model has no tensor 'nobody'");
    assert_null(tg_param(mine, "net.b", tg_zeros(mine, TG_SHAPE(WIDTH + 1))));
    expect_error(mine, TG_ERR_SHAPE, "tg_param: 'net.b' is float32 [24] in the frozen model, not float32 [25]");
    assert_null(tg_param(mine, "a", tg_zeros(mine, TG_SHAPE(3))));
    expect_error(mine, TG_ERR_DTYPE, "tg_param: 'a' is float64 [3] in the frozen model, not float32 [3]");
    tg_tensor *b = tg_param(mine, "net.b", tg_zeros(mine, TG_SHAPE(WIDTH))), *none = tg_param(mine, "none", tg_zeros(mine, TG_SHAPE(0, 4)));
    float      was[WIDTH], values[WIDTH] = {1};
    assert_int_equal(tg_copy_to(b, was, sizeof was), TG_OK);
    expect_failure(mine, tg_copy_from(b, values, sizeof values), TG_ERR_ARG, "tg_copy_from: the tensor is a frozen model's, which nobody overwrites");
    expect_failure(mine, tg_assign(b, tg_ones(mine, TG_SHAPE(WIDTH))), TG_ERR_ARG, "tg_assign: the tensor is a frozen model's");
    assert_int_equal(tg_numel(none), 0);
    assert_memory_equal(tg_data(b), was, sizeof was);
    assert_int_equal(tg_release(b), TG_OK); /* and the model stays as it is */
    tg_tensor *kept = tg_keep(tg_ones(mine, TG_SHAPE(WIDTH))); /* in the slot that it had, memory of its own */
    assert_int_equal(tg_reset(mine), TG_OK);
    assert_int_equal(tg_assign(kept, tg_zeros(mine, TG_SHAPE(WIDTH))), TG_OK);
    assert_memory_equal(tg_data(tg_frozen_tensor(m, mine, "net.b")), was, sizeof was);
    tg_frozen_free(m);
    tg_tape_free(mine);
    tg_tape_free(t);
}

/* ---- many threads ---------------------------------------------------------------------------------------------------- */

typedef struct worker {
    tg_frozen *model;
    int        rounds;
    float      y[BATCH * WIDTH];
    bool       bounded, failed;
} worker;

/* Evaluates the same batches again and again, with a tape of its own, which holds no more memory in the end than early on. */
static void *evaluate(void *ctx)
{
    worker        *k = ctx;
    float          x[BATCH * WIDTH];
    tg_tape       *t = tg_tape_new(&(tg_tape_options){.silent = true, .threads = 1});
    size_t         early = 0;
    tg_set_grad_enabled(t, false);
    for (int round = 0; round < k->rounds; round++) {
        for (int i = 0; i < BATCH * WIDTH; i++) x[i] = (float)((i * 37 + round) % 19) / 19;
        tg_tensor *h = tg_from_f32(t, &(tg_shape){2, {BATCH, WIDTH}}, x);
        for (int layer = 0; layer < 3; layer++)
            h = tg_tanh(tg_linear(h, tg_frozen_tensor(k->model, t, "net.w1"), tg_frozen_tensor(k->model, t, "net.b")));
        k->failed |= tg_copy_to(h, k->y, sizeof k->y) != TG_OK;
        tg_reset(t);
        if (round == 20) early = tg_stats(t).bytes_reserved;
    }
    k->bounded = tg_stats(t).bytes_reserved <= early;
    tg_tape_free(t);
    return NULL;
}

/* The tape trains on and is freed meanwhile, and so does the caller's own reference go. */
static void test_threads(void **state)
{
    (void)state;
    enum { ROUNDS = 300 };
    pthread_t  thread[THREADS];
    worker     serial, worker_of[THREADS];
    tg_tape   *t = trained();
    tg_frozen *m = tg_freeze(t);
    memset(&serial, 0, sizeof serial);
    serial.model = m;
    serial.rounds = ROUNDS;
    for (int k = 0; k < THREADS; k++) worker_of[k] = serial;
    evaluate(&serial);
    for (int k = 0; k < THREADS; k++) assert_int_equal(pthread_create(&thread[k], NULL, evaluate, &worker_of[k]), 0);
    tg_tensor *w = tg_param_named(t, "net.w1");
    for (int i = 0; i < 100; i++) {
        assert_int_equal(tg_assign(w, tg_mul_s(w, 0.9)), TG_OK);
        assert_int_equal(tg_reset(t), TG_OK);
    }
    tg_tape_free(t);
    for (int k = 0; k < THREADS; k++) assert_int_equal(pthread_join(thread[k], NULL), 0);
    tg_frozen_free(m);
    assert_false(serial.failed);
    for (int k = 0; k < THREADS; k++) {
        assert_true(worker_of[k].bounded && !worker_of[k].failed);
        assert_memory_equal(worker_of[k].y, serial.y, sizeof serial.y);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_wrong), cmocka_unit_test(test_use), cmocka_unit_test(test_use_refused),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
