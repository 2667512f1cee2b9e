/* test_vmap_placeholders.c - vectorising: what lies beside and before placeholders, and what their own values decided: masks, and values that a
 * function asks for. */
#include "f64_test.h"

#include "graph/graph.h"

enum { B = 4, N = 3 };

static tg_tensor *counting(tg_tape *t, const tg_shape *s)
{
    int64_t n = 1;
    for (int k = 0; k < s->rank; k++) n *= s->dim[k];
    return tg_sin(tg_reshape(tg_mul_s(tg_arange(t, TG_F64, n), 0.7), s));
}

static tg_status vmap1(tg_tensor *y, tg_tensor *x, tg_tensor *in, tg_tensor **out) { return tg_vmap(&y, 1, &x, &in, 1, NULL, out); }

/* A call of which one result is a placeholder has another that depends on a placeholder before it. */
static void results_beside_a_placeholder(void **state)
{
    tg_tape     *t = open_tape(state);
    const double at[] = {3, 1, 2, 1, 2, 3};
    tg_tensor   *x = tg_zeros(t, TG_SHAPE(3)), *place, *sorted = tg_sort(x, 0, false, &place), *y[] = {tg_to(place, TG_F64), tg_add(sorted, tg_to(place, TG_F64))};
    tg_tensor   *one[] = {x, sorted}, *in[] = {tg_from_f64(t, TG_SHAPE(2, 3), at), tg_ones(t, TG_SHAPE(2, 3))}, *all[2];
    assert_int_equal(tg_vmap(y, 2, one, in, 2, NULL, all), TG_OK);
    assert_values(all[0], (double[]){1, 2, 0, 0, 1, 2}, 6);
    assert_values(all[1], (double[]){2, 3, 1, 1, 2, 3}, 6);
    assert_int_equal(tg_vmap(y, 2, one + 1, in + 1, 1, NULL, all), TG_OK); /* the places are the same for all */
    assert_values(tg_contiguous(all[0]), (double[]){0, 1, 2, 0, 1, 2}, 6);
    assert_values(all[1], (double[]){1, 2, 3, 1, 2, 3}, 6);
}

/* What lies between two placeholders, one of which is computed from the other, is not recorded for the batch, and may have been read. */
static void before_a_placeholder(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = tg_ones(t, TG_SHAPE(N)), *between = tg_mul_s(x, 2), *h = tg_tanh(between), *y = tg_add(h, x), *all;
    tg_tensor *one[] = {x, h}, *in[] = {tg_ones(t, TG_SHAPE(2, N)), tg_ones(t, TG_SHAPE(2, N))};
    assert_non_null(tg_data_f64(between));
    const int64_t nodes = tg_stats(t).nodes;
    assert_int_equal(tg_vmap(&y, 1, one, in, 2, NULL, &all), TG_OK);
    assert_true(tg_stats(t).nodes - nodes <= 2);
    assert_values(all, (double[]){2, 2, 2, 2, 2, 2}, 2 * N);
}

/* What a mask of one sample chooses says nothing of the others; one that is the same for all samples may choose. */
static void what_a_mask_chooses(void **state)
{
    static const char message[] = "tg_vmap: how many elements were chosen depends on values that were read";
    tg_tape     *t = open_tape(state);
    const double at[] = {3, -1, 2, -3, -2, 5};
    tg_tensor   *same = tg_from_f64(t, TG_SHAPE(3), (double[]){1, -1, 1}), *x = tg_from_f64(t, TG_SHAPE(3), (double[]){1, -1, 1}), *in = tg_from_f64(t, TG_SHAPE(2, 3), at);
    tg_tensor   *zero = tg_scalar(t, 0), *random = tg_rand(t, TG_SHAPE(3)), *all, *inverse;
    for (int round = 0; round < 2; round++) {
        expect_failure(t, vmap1(tg_masked_select(x, tg_gt(x, zero)), x, in, &all), TG_ERR_ARG, message);
        expect_failure(t, vmap1(tg_nonzero(tg_gt(tg_exp(x), zero)), x, in, &all), TG_ERR_ARG, message);
        expect_failure(t, vmap1(tg_sum_all(tg_unique(tg_abs(x), &inverse, NULL)), x, in, &all), TG_ERR_ARG, message);
        expect_failure(t, vmap1(tg_add(x, tg_to(inverse, TG_F64)), x, in, &all), TG_ERR_ARG, message);
        expect_failure(t, vmap1(tg_repeat_interleave_by(same, tg_to(tg_square(x), TG_I64), 0), x, in, &all), TG_ERR_ARG, message);
        expect_failure(t, vmap1(tg_masked_select(same, tg_gt(random, tg_scalar(t, 2))), x, in, &all), TG_ERR_ARG, message);
        assert_int_equal(vmap1(tg_masked_select(x, tg_gt(same, zero)), x, in, &all), TG_OK);
        assert_values(tg_contiguous(all), (double[]){3, 2, -3, 5}, 4);
    }
}

/* ctx: running statistics */
static tg_status normalising_function(void *ctx, tg_tensor *const *in, tg_tensor **out)
{
    out[0] = tg_batch_norm(tg_unsqueeze(in[0], 1), NULL, NULL, &(tg_batch_norm_options){.running = ctx, .training = true, .momentum = 0.1, .eps = 1e-5});
    return out[0] ? TG_OK : TG_ERR_ARG;
}

/* What was wanted before is still computed, what the function wanted is not. */
static void wanted_values(void **state)
{
    tg_tape         *t = open_tape(state);
    tg_running_stats running = {.mean = tg_buffer(t, "mean", tg_zeros(t, TG_SHAPE(1))), .var = tg_buffer(t, "var", tg_ones(t, TG_SHAPE(1)))};
    tg_tensor       *in = counting(t, TG_SHAPE(B, N)), *before = tg_want(tg_exp(in)), *all;
    expect_failure(t, tg_vmap_fn(normalising_function, &running, &in, 1, NULL, &all, 1), TG_ERR_ARG, "tg_vmap_fn: the function asked for a value");
    assert_null(all);
    assert_int_equal(tg_eval((tg_tensor *[]){in}, 1), TG_OK);
    assert_true(tg_node_of(before)->flags & TG_N_VALUE);
    assert_false(tg_node_of(running.next_mean)->flags & TG_N_VALUE);
    assert_int_equal(tg_vmap_fn(normalising_function, NULL, &in, 1, NULL, &all, 1), TG_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(results_beside_a_placeholder, close_tape),
        cmocka_unit_test_teardown(before_a_placeholder, close_tape),
        cmocka_unit_test_teardown(what_a_mask_chooses, close_tape),
        cmocka_unit_test_teardown(wanted_values, close_tape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
