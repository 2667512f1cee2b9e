/* test_put_ops.c - indices from the end, scatter, index_put, segments and padding: what is special of them, and their wrong calls; and
 * masked_select, nonzero and repeat_interleave_by, whose results have as many elements as a mask, or counts, say in each recording. Values and gradients of the former are
 * those of samples_put.c. */
#include "op_test.h"

#include "ops/index/index.h"

/* ---- places ------------------------------------------------------------------------------------------------------------- */

static void test_from_the_end(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(tg_arange(t, TG_F64, 4), true), *i = tensor(t, TG_I32, TG_SHAPE(3), (double[]){-1, -4, 3});
    (void)state;
    assert_f64(tg_gather(x, 0, i), TG_SHAPE(3), 3, 0, 3);
    assert_f64(tg_index_select(x, 0, i), TG_SHAPE(3), 3, 0, 3);
    assert_f64(gradient(tg_gather(x, 0, i), VECTOR(t, 1, 10, 100), x), TG_SHAPE(4), 10, 0, 0, 101);
    assert_f64(gradient(tg_index_select(x, 0, i), VECTOR(t, 1, 10, 100), x), TG_SHAPE(4), 10, 0, 0, 101);
    tg_tensor *far = tensor(t, TG_I64, TG_SHAPE(1), (double[]){-5});
    assert_error_when_read(t, tg_gather(x, 0, far), TG_ERR_INDEX, "tg_gather: index -5 at [0] is outside -4 to 3");
    assert_error_when_read(t, tg_scatter(x, 0, far, VECTOR(t, 1)), TG_ERR_INDEX, "tg_scatter: index -5 at [0] is outside -4 to 3");
    tg_tensor *least = tg_from_i64(t, TG_SHAPE(1), (int64_t[]){INT64_MIN});
    assert_error_when_read(t, tg_index_select(x, 0, least), TG_ERR_INDEX, "tg_index_select: index -9223372036854775808 at [0] is outside -4 to 3");
    assert_error_when_read(t, tg_segment_sum(x, tensor(t, TG_I64, TG_SHAPE(4), (double[]){0, 1, -1, 0}), 2), TG_ERR_INDEX,
                           "tg_segment_sum: segment -1 at [2] is outside 0 to 1");
    tg_tape_free(t);
}

/* Of several values for one place the last stays, and it alone has a gradient; what was there has none. */
static void test_last_one_stays(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(VECTOR(t, NAN, 2, 3), true), *v = tg_set_requires_grad(VECTOR(t, INFINITY, 5, 6), true);
    tg_tensor *i = tensor(t, TG_I64, TG_SHAPE(3), (double[]){0, 2, 0}), *seed = VECTOR(t, 10, 20, 30);
    tg_tensor *put[] = {tg_scatter(x, 0, i, v), tg_index_put(x, &i, 1, v, false)};
    (void)state;
    for (int k = 0; k < 2; k++) {
        assert_f64(put[k], TG_SHAPE(3), 6, 2, 5);
        assert_f64(gradient(put[k], seed, x), TG_SHAPE(3), 0, 20, 0);
        assert_f64(gradient(put[k], seed, v), TG_SHAPE(3), 0, 30, 10);
    }
    assert_f64(tg_index_put(tg_zeros(t, TG_SHAPE(3)), &i, 1, VECTOR(t, 1, 2, 4), true), TG_SHAPE(3), 5, 0, 2);
    tg_tape_free(t);
}

/* The first of equals, which both zeros are, and NaN before numbers. */
static void test_largest_place(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *v = VECTOR(t, 1, 1, NAN, NAN, -0.0, 0, INFINITY, -INFINITY), *i = tensor(t, TG_I64, TG_SHAPE(8), (double[]){0, 0, 1, 1, 2, 2, 1, 4});
    (void)state;
    assert_values(tg_largest_place(i, v, 0, TG_SHAPE(5)), TG_I64, TG_SHAPE(5), (double[]){0, 2, 4, -1, 7}, 0);
    tg_tape_free(t);
}

/* Many lines and columns, put by several threads in pieces: against a loop, along each axis, with an index that is smaller beside it. */
static void test_many_places(void **state)
{
    enum { ROWS = 300, COLS = 400, LESS = 7 };
    static double x[ROWS * COLS], v[ROWS * COLS], at[ROWS * COLS], want[ROWS * COLS];
    tg_tape      *t = quiet(TG_F32);
    (void)state;
    for (int axis = 0; axis < 2; axis++) {
        const int rows = axis == 0 ? ROWS : ROWS - LESS, cols = axis == 1 ? COLS : COLS - LESS, size = axis == 0 ? ROWS : COLS;
        for (int k = 0; k < ROWS * COLS; k++) want[k] = x[k] = -k;
        for (int k = 0; k < rows * cols; k++) {
            v[k]  = k + 1;
            at[k] = (double)((k * 7919LL + k / 13) % (size / 2)); /* each place that is named is named by two or so */
            want[axis == 0 ? (int)at[k] * COLS + k % cols : k / cols * COLS + (int)at[k]] = v[k];
        }
        tg_tensor *index = tensor(t, TG_I32, TG_SHAPE(rows, cols), at), *values = tensor(t, TG_F32, TG_SHAPE(rows, cols), v);
        assert_values(tg_scatter(tensor(t, TG_F32, TG_SHAPE(ROWS, COLS), x), axis, index, values), TG_F32, TG_SHAPE(ROWS, COLS), want, 0);
    }
    tg_tape_free(t);
}

/* Counts, and so how many there are, change from step to step. */
static void test_repeated_as_often(void **state)
{
    static const double often[][3] = {{1, 0, 2}, {2, 1, 0}, {0, 0, 0}, {1, 1, 1}}, want[][3] = {{1, 3, 3}, {1, 1, 2}, {0}, {1, 2, 3}};
    static const int    n[] = {3, 3, 0, 3};
    tg_tape            *t = quiet(TG_F64);
    (void)state;
    for (int k = 0; k < 12; k++) {
        tg_tensor *x = tg_set_requires_grad(VECTOR(t, 1, 2, 3), true), *y = tg_repeat_interleave_by(x, tensor(t, TG_I32, TG_SHAPE(3), often[k % 4]), 0);
        assert_values(y, TG_F64, TG_SHAPE(n[k % 4]), want[k % 4], 0);
        assert_values(gradient(y, tg_ones_like(y), x), TG_F64, TG_SHAPE(3), often[k % 4], 0);
        assert_int_equal(tg_reset(t), TG_OK);
    }
    tg_tensor *x = VECTOR(t, 1, 2, 3), *few = tg_arange(t, TG_I64, 2);
    assert_error(t, tg_repeat_interleave_by(x, x, 0), TG_ERR_DTYPE, "tg_repeat_interleave_by: the counts are float64; they must be int64 or int32");
    assert_error(t, tg_repeat_interleave_by(x, few, 0), TG_ERR_SHAPE,
                 "tg_repeat_interleave_by: the counts must be a vector of 3, one for each slice along axis 0");
    assert_error(t, tg_repeat_interleave_by(x, tg_sub_s(tg_arange(t, TG_I64, 3), 1), 0), TG_ERR_ARG,
                 "tg_repeat_interleave_by: the count at [0] is -1; it must be 0 or more");
    assert_error(t, tg_repeat_interleave_by(x, tg_full(t, TG_I64, TG_SHAPE(3), 0x1p62), 0), TG_ERR_SHAPE,
                 "tg_repeat_interleave_by: the shape [9223372036854775807] is invalid: rank 0 to 8, sizes >= 0, total size within memory");
    tg_tape_free(t);
}

/* Sums of many: in f64, the same bits on any number of threads. */
static void test_many_repeats(void **state)
{
    enum { N = 200000 };
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *zero = tg_zeros(t, TG_SHAPE(3)), *index = tg_full(t, TG_I64, TG_SHAPE(N), 1), *v = tg_full(t, TG_F32, TG_SHAPE(N), 0.1);
    const double exact = (double)0.1F * N;
    (void)state;
    assert_true(fabs(tg_item(tg_select(tg_scatter_add(zero, 0, index, v), 0, 1)) - exact) < 1e-7 * exact);
    assert_true(fabs(tg_item(tg_select(tg_index_add(zero, 0, index, v), 0, 1)) - exact) < 1e-7 * exact);
    assert_true(fabs(tg_item(tg_select(tg_segment_mean(v, index, 3), 0, 1)) - (double)0.1F) < 1e-8);
    tg_tape_free(t);
}

static void test_padding(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *w = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(3, 2), (double[]){1, 2, 3, 4, 5, 6}), true);
    tg_tensor *i = tensor(t, TG_I64, TG_SHAPE(4), (double[]){0, -1, 2, 0}), *ones = tg_ones(t, TG_SHAPE(4, 2));
    (void)state;
    assert_f64(tg_embedding_padded(w, i, 2), TG_SHAPE(4, 2), 1, 2, 5, 6, 5, 6, 1, 2);
    assert_f64(gradient(tg_embedding_padded(w, i, 2), ones, w), TG_SHAPE(3, 2), 2, 2, 0, 0, 0, 0);
    assert_f64(gradient(tg_embedding_padded(w, i, -3), ones, w), TG_SHAPE(3, 2), 0, 0, 0, 0, 2, 2);
    tg_tensor *endless = tensor(t, TG_F64, TG_SHAPE(4, 2), (double[]){1, 2, INFINITY, NAN, -INFINITY, 0, 4, 8});
    assert_f64(gradient(tg_embedding_padded(w, i, 2), endless, w), TG_SHAPE(3, 2), 5, 10, 0, 0, 0, 0);
    tg_tensor *few = tensor(t, TG_I32, TG_SHAPE(2, 2), (double[]){1, 0, -2, 2}), *y = tg_embedding_padded(w, few, 1);
    assert_values(y, TG_F64, TG_SHAPE(2, 2, 2), (double[]){3, 4, 1, 2, 3, 4, 5, 6}, 0);
    assert_f64(gradient(y, tg_ones_like(y), w), TG_SHAPE(3, 2), 1, 1, 0, 0, 1, 1);
    tg_tape_free(t);
}

/* Ties and NaN of the largest, zeros of products. */
static void test_reduced(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(VECTOR(t, 3, 1, 9), true), *i = tensor(t, TG_I64, TG_SHAPE(5), (double[]){0, 0, 1, -2, 0}), *ones = tg_ones(t, TG_SHAPE(3));
    tg_tensor *v = tg_set_requires_grad(VECTOR(t, 3, 2, NAN, 7, 3), true), *w = tg_set_requires_grad(VECTOR(t, 0, 2, 5, 7, 4), true);
    const tg_scatter_options most = {.reduce = TG_SCATTER_AMAX}, alone = {.reduce = TG_SCATTER_AMIN, .without_self = true}, product = {.reduce = TG_SCATTER_PROD};
    (void)state;
    assert_f64(tg_scatter_reduce(x, 0, i, v, &most), TG_SHAPE(3), 3, NAN, 9);
    assert_f64(gradient(tg_scatter_reduce(x, 0, i, v, &most), VECTOR(t, 8, 0, 1), x), TG_SHAPE(3), 4, 0, 1);
    assert_f64(gradient(tg_scatter_reduce(x, 0, i, v, &most), VECTOR(t, 8, 0, 1), v), TG_SHAPE(5), 4, 0, 0, 0, 0);
    assert_f64(tg_scatter_reduce(x, 0, i, v, &alone), TG_SHAPE(3), 2, NAN, 9);
    assert_f64(tg_scatter_reduce(x, 0, i, w, &product), TG_SHAPE(3), 0, 35, 9);
    assert_f64(gradient(tg_scatter_reduce(x, 0, i, w, &product), ones, w), TG_SHAPE(5), 24, 0, 7, 5, 0);
    assert_f64(gradient(tg_scatter_reduce(x, 0, i, w, &product), ones, x), TG_SHAPE(3), 0, 35, 1);
    assert_error(t, tg_scatter_reduce(x, 0, i, v, &(tg_scatter_options){.reduce = (tg_scatter_how)7}), TG_ERR_ARG,
                 "tg_scatter_reduce: 7 is not one of the ways to reduce, TG_SCATTER_SUM to TG_SCATTER_AMIN");
    tg_tensor *yes = tensor(t, TG_BOOL, TG_SHAPE(3), (double[]){1, 0, 1});
    assert_f64(tg_masked_scatter(x, yes, w), TG_SHAPE(3), 0, 1, 2);
    assert_error_when_read(t, tg_masked_scatter(x, yes, VECTOR(t, 4)), TG_ERR_INDEX, "tg_gather: index 1 at [2] is outside -1 to 0");
    assert_error(t, tg_masked_scatter(x, x, w), TG_ERR_DTYPE, "tg_masked_scatter: the mask must be of bool, not float64");
    assert_error(t, tg_masked_scatter(x, yes, i), TG_ERR_DTYPE, "tg_masked_scatter: the dtypes differ: float64 and int64; convert one with tg_to");
    assert_error(t, tg_masked_scatter(x, tg_unsqueeze(yes, 0), w), TG_ERR_SHAPE, "tg_masked_scatter: the mask does not broadcast to the input");
    assert_error(t, tg_masked_scatter(x, yes, tg_zeros(t, TG_SHAPE(0))), TG_ERR_SHAPE, "tg_masked_scatter: there are no values to take");
    tg_tape_free(t);
}

/* ---- as many as the mask says --------------------------------------------------------------------------------------------- */

/* The loss of a step that chooses by a mask of data, or, with data NULL, by the sign of the parameter. */
static tg_tensor *chosen(tg_tape *t, tg_tensor *w, const double *data)
{
    tg_tensor *mask = data ? tensor(t, TG_BOOL, TG_SHAPE(4), data) : tg_gt(w, tg_zeros_like(w));
    return tg_sum_all(tg_square(tg_masked_select(w, mask)));
}

static void assert_step(tg_tape *t, tg_tensor *w, const double *data, const double *values)
{
    double want[4], loss = 0;
    for (int k = 0; k < 4; k++) {
        const bool in = data ? data[k] != 0 : values[k] > 0;
        want[k] = in ? 2 * values[k] : 0;
        loss += in ? values[k] * values[k] : 0;
    }
    tg_tensor *y = chosen(t, w, data);
    assert_int_equal(tg_backward(y), TG_OK);
    assert_values(tg_grad_of(w), TG_F64, TG_SHAPE(4), want, 0);
    assert_true(tg_item(y) == loss);
    assert_int_equal(tg_zero_grad(t), TG_OK);
    assert_int_equal(tg_reset(t), TG_OK);
}

/* Masks that change from step to step: in their places, in their number, to none and to all; again and again, so that steps are replayed. */
static void test_masks_change(void **state)
{
    static const double masks[][4] = {{1, 0, 1, 0}, {1, 0, 1, 0}, {0, 1, 0, 1}, {0, 1, 0, 1}, {1, 1, 1, 0}, {0, 0, 0, 0}, {1, 1, 1, 1}, {1, 1, 1, 1}, {1, 0, 0, 0}};
    const double        values[] = {1, -2, 3, -4};
    tg_tape            *t = quiet(TG_F64);
    tg_tensor          *w = tg_param(t, "w", tensor(t, TG_F64, TG_SHAPE(4), values));
    (void)state;
    for (int round = 0; round < 4; round++)
        for (size_t k = 0; k < sizeof masks / sizeof *masks; k++) assert_step(t, w, masks[k], values);
    tg_tape_free(t);
}

/* The mask depends on the parameter, which is written between steps. */
static void test_mask_of_parameter(void **state)
{
    double     values[] = {1, -2, 3, -4};
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *w = tg_param(t, "w", tensor(t, TG_F64, TG_SHAPE(4), values));
    (void)state;
    for (int round = 0; round < 12; round++) {
        for (int k = 0; k < 4; k++) values[k] = round % 3 == 0 ? -values[k] : values[k] + (k % 2 ? 1 : -0.5);
        assert_int_equal(tg_copy_from(w, values, sizeof values), TG_OK);
        assert_step(t, w, NULL, values);
    }
    tg_tape_free(t);
}

static void test_choices(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tensor(t, TG_F64, TG_SHAPE(2, 3), (double[]){0, NAN, -0.0, 4, 0, 6}), *row = tensor(t, TG_BOOL, TG_SHAPE(3), (double[]){1, 0, 1});
    (void)state;
    assert_f64(tg_masked_select(x, row), TG_SHAPE(4), 0, 0, 4, 6);
    assert_f64(tg_masked_select(tg_scalar(t, 5), row), TG_SHAPE(2), 5, 5);
    assert_f64(tg_masked_select(tg_mT(x), tg_unsqueeze(row, 1)), TG_SHAPE(4), 0, 4, 0, 6);
    assert_values(tg_nonzero(x), TG_I64, TG_SHAPE(3, 2), (double[]){0, 1, 1, 0, 1, 2}, 0);
    assert_values(tg_nonzero(tg_scalar(t, 2)), TG_I64, TG_SHAPE(1, 0), NULL, 0);
    assert_values(tg_nonzero(tg_scalar(t, 0)), TG_I64, TG_SHAPE(0, 0), NULL, 0);
    assert_values(tg_nonzero(tg_zeros(t, TG_SHAPE(0, 2))), TG_I64, TG_SHAPE(0, 2), NULL, 0);
    assert_false(tg_requires_grad(tg_nonzero(tg_set_requires_grad(tg_ones(t, TG_SHAPE(2)), true))));
    tg_tensor *bad = tg_gather(x, 0, tensor(t, TG_I64, TG_SHAPE(1, 1), (double[]){7})); /* what the mask is made of fails */
    assert_error(t, tg_masked_select(x, tg_gt(bad, bad)), TG_ERR_INDEX,
                 "tg_masked_select: tg_gather: index 7 at [0,0] is outside -2 to 1 (inputs [2,3] float64, [1,1] int64)");
    tg_tape_free(t);
}

/* ---- errors ---------------------------------------------------------------------------------------------------------------- */

#define WRONG(STATUS, CALL, SENTENCE) assert_error(t, CALL, TG_ERR_##STATUS, SENTENCE)
#define SCATTER_FITS "the index must have the rank of the input and of the values, at most the values' sizes and, but on axis 0, the input's"

static void test_errors(void **state)
{
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *x = tg_zeros(t, TG_SHAPE(2, 3)), *v = tg_zeros(t, TG_SHAPE(2)), *i = tg_arange(t, TG_I64, 2), *f = tg_zeros(t, TG_SHAPE(2, 3));
    tg_tensor *square = tg_full(t, TG_I64, TG_SHAPE(2, 3), 0), *wide = tg_full(t, TG_I64, TG_SHAPE(2, 4), 0);
    (void)state;
    WRONG(SHAPE, tg_take_along(x, 0, i), "tg_take_along: the index must have the input's rank and broadcast with it on every axis but 0");
    WRONG(SHAPE, tg_take_along(x, 0, wide), "tg_take_along: the index must have the input's rank and broadcast with it on every axis but 0");
    WRONG(SHAPE, tg_scatter(x, 0, i, x), "tg_scatter: " SCATTER_FITS);
    WRONG(SHAPE, tg_scatter_add(x, 0, wide, tg_zeros(t, TG_SHAPE(2, 4))), "tg_scatter_add: " SCATTER_FITS);
    WRONG(SHAPE, tg_scatter(x, 0, square, tg_zeros(t, TG_SHAPE(1, 3))), "tg_scatter: " SCATTER_FITS);
    WRONG(DTYPE, tg_scatter(x, 0, square, tg_to(x, TG_F64)), "tg_scatter: the dtypes differ: float32 and float64; convert one with tg_to");
    WRONG(DTYPE, tg_scatter(x, 0, f, x), "tg_scatter: indices are int64 or int32, not float32; convert them with tg_to(index, TG_I64)");
    WRONG(DTYPE, tg_scatter_add(square, 0, square, square), "tg_scatter_add: takes float32 or float64, got int64; tg_to(x, TG_F32) converts");
    WRONG(SHAPE, tg_index_add(x, 1, i, x),
          "tg_index_add: the index must have rank 1, and the values the input's sizes but on axis 1, where there is one for each index");
    WRONG(ARG, tg_index(x, &i, 0), "tg_index: 0 index tensors are not possible; the input has 2 axes for 1 and more of them");
    WRONG(NULL, tg_index(x, NULL, 1), "tg_index: the list of index tensors is NULL");
    WRONG(DTYPE, tg_index(x, &v, 1), "tg_index: indices are int64 or int32, not float32; convert them with tg_to(index, TG_I64)");
    WRONG(SHAPE, tg_index(x, (tg_tensor *[]){i, tg_arange(t, TG_I64, 3)}, 2), "tg_index: the index tensors do not broadcast, or the result has more than 8 axes");
    WRONG(SHAPE, tg_index_put(x, &i, 1, v, false), "tg_index_put: the values do not broadcast to [2,3], what the indices pick");
    WRONG(DTYPE, tg_index_put(x, &i, 1, square, false), "tg_index_put: the dtypes differ: float32 and int64; convert one with tg_to");
    WRONG(SHAPE, tg_segment_sum(x, tg_arange(t, TG_I64, 3), 2),
          "tg_segment_sum: takes a vector that has the number of a segment for each slice along axis 0");
    WRONG(ARG, tg_segment_mean(x, i, -1), "tg_segment_mean: the number of segments is -1; it can't be negative");
    WRONG(INDEX, tg_embedding_padded(x, i, 2), "tg_embedding_padded: the padding 2 is no row of the 2");
    WRONG(SHAPE, tg_embedding_bag(x, tg_full(t, TG_I64, TG_SCALAR_SHAPE, 0), NULL, true),
          "tg_embedding_bag: the index has one axis at least, along which rows are added up");
    WRONG(SHAPE, tg_embedding_bag(x, square, i, true), "tg_embedding_bag: with offsets, a vector, the index is one too");
    assert_error_when_read(t, tg_embedding_bag(x, i, tg_full(t, TG_I64, TG_SHAPE(1), 1), false), TG_ERR_INDEX,
                           "tg_segment_sum: segment -1 at [0] is outside 0 to 0"); /* offsets that do not begin with 0 */
    WRONG(DTYPE, tg_masked_select(x, x), "tg_masked_select: the mask must be of bool, not float32");
    WRONG(SHAPE, tg_masked_select(x, tg_full(t, TG_BOOL, TG_SHAPE(2), 1)), "tg_masked_select: the mask does not broadcast with the input");
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_from_the_end), cmocka_unit_test(test_repeated_as_often), cmocka_unit_test(test_last_one_stays), cmocka_unit_test(test_largest_place), cmocka_unit_test(test_many_places), cmocka_unit_test(test_many_repeats),
        cmocka_unit_test(test_padding),      cmocka_unit_test(test_reduced),      cmocka_unit_test(test_masks_change),   cmocka_unit_test(test_mask_of_parameter),
        cmocka_unit_test(test_choices),      cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
