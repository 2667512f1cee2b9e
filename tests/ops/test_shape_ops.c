/* test_shape_ops.c - views, cat and copies: results written down by hand, wrong calls, and the gradient of many slices. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <tapegrad_op.h>

#include "exact_test.h"

/* 0, 1, 2 … in a shape. */
static tg_tensor *numbers(tg_tape *t, const tg_shape *s)
{
    int64_t n = 0;
    assert_int_equal(tg_shape_size(s, TG_I64, &n, NULL), TG_OK);
    return tg_reshape(tg_arange(t, TG_I64, n), s);
}

/* ---- by hand ----------------------------------------------------------------------------------------------------- */

static void test_reshape(void **state)
{
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *x = numbers(t, TG_SHAPE(2, 3));
    (void)state;
    assert_i64(tg_reshape(x, TG_SHAPE(3, -1)), TG_SHAPE(3, 2), 0, 1, 2, 3, 4, 5);
    assert_i64(tg_reshape(x, TG_SHAPE(-1)), TG_SHAPE(6), 0, 1, 2, 3, 4, 5);
    assert_i64(tg_reshape(tg_mT(x), TG_SHAPE(6)), TG_SHAPE(6), 0, 3, 1, 4, 2, 5); /* no strides for this: a copy */
    assert_i64(tg_reshape(x, TG_SHAPE(2, 3)), TG_SHAPE(2, 3), 0, 1, 2, 3, 4, 5);
    assert_i64(tg_reshape(tg_mT(x), TG_SHAPE(3, -1)), TG_SHAPE(3, 2), 0, 3, 1, 4, 2, 5);
    assert_shape(tg_reshape(numbers(t, TG_SHAPE(0, 4)), TG_SHAPE(-1, 2)), TG_SHAPE(0, 2));
    assert_shape(tg_reshape(tg_select(x, 0, 1), TG_SHAPE(1, 1, 1, 1, 1, 1, 3, 1)), TG_SHAPE(1, 1, 1, 1, 1, 1, 3, 1));
    assert_i64(tg_reshape(tg_slice(tg_select(x, 0, 1), 0, 0, 1, 1), TG_SCALAR_SHAPE), TG_SCALAR_SHAPE, 3);

    assert_error(t, tg_reshape(x, TG_SHAPE(4, 2)), TG_ERR_SHAPE,
                 "tg_reshape: the shape [4,2] does not hold the input's 6 elements (input [2,3] int64)");
    assert_error(t, tg_reshape(x, TG_SHAPE(4, -1)), TG_ERR_SHAPE,
                 "tg_reshape: no size for -1 in the shape [4,-1] fits the input's 6 elements");
    assert_error(t, tg_reshape(x, TG_SHAPE(0, -1)), TG_ERR_SHAPE,
                 "tg_reshape: no size for -1 in the shape [0,-1] fits the input's 6 elements");
    assert_error(t, tg_reshape(x, TG_SHAPE(-1, -1)), TG_ERR_SHAPE,
                 "tg_reshape: the shape [-1,-1] is invalid: sizes >= 0, and at most one -1");
    assert_error(t, tg_reshape(x, TG_SHAPE(-2, -3)), TG_ERR_SHAPE,
                 "tg_reshape: the shape [-2,-3] is invalid: sizes >= 0, and at most one -1");
    assert_error(t, tg_reshape(x, TG_SHAPE(INT64_MAX, 2, -1)), TG_ERR_SHAPE,
                 "tg_reshape: the shape [9223372036854775807,2,-1] is invalid: sizes >= 0, and at most one -1");
    assert_error(t, tg_reshape(x, TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1, 6)), TG_ERR_SHAPE,
                 "tg_reshape: the shape has rank 9; 0 to 8 are possible");
    assert_error(t, tg_reshape(x, NULL), TG_ERR_NULL, "tg_reshape: the shape is NULL");
    assert_null(tg_reshape(NULL, TG_SHAPE(1)));
    assert_null(tg_error(t));
    tg_tape_free(t);
}

static void test_permute(void **state)
{
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *x = numbers(t, TG_SHAPE(2, 3)), *y = numbers(t, TG_SHAPE(2, 1, 3));
    (void)state;
    assert_i64(tg_mT(x), TG_SHAPE(3, 2), 0, 3, 1, 4, 2, 5);
    assert_i64(tg_permute(y, TG_AXES(2, 0, -2)), TG_SHAPE(3, 2, 1), 0, 3, 1, 4, 2, 5);
    assert_i64(tg_transpose(y, -1, 0), TG_SHAPE(3, 1, 2), 0, 3, 1, 4, 2, 5);
    assert_i64(tg_permute(x, TG_AXES(0, 1)), TG_SHAPE(2, 3), 0, 1, 2, 3, 4, 5);
    assert_i64(tg_transpose(tg_mT(x), 1, -1), TG_SHAPE(3, 2), 0, 3, 1, 4, 2, 5);
    assert_error(t, tg_permute(x, TG_AXES(1)), TG_ERR_SHAPE,
                 "tg_permute: axes lists 1 axes; it must name each axis of the input [2,3] once");
    assert_error(t, tg_permute(x, TG_ALL_AXES), TG_ERR_ARG,
                 "tg_permute: takes axes listed by TG_AXES(…), not TG_ALL_AXES");
    assert_error(t, tg_permute(x, NULL), TG_ERR_NULL, "tg_permute: axes is NULL; TG_AXES(…) makes a list of them");
    assert_error(t, tg_permute(x, TG_AXES(1, -1)), TG_ERR_SHAPE,
                 "tg_permute: axis 1 is listed twice; a permutation must name each axis exactly once (input [2,3] int64)");
    assert_error(t, tg_permute(x, TG_AXES(1, 2)), TG_ERR_SHAPE,
                 "tg_permute: axis 2 is outside the 2 axes of the input [2,3]");
    assert_error(t, tg_transpose(x, 0, -3), TG_ERR_SHAPE,
                 "tg_transpose: axis -3 is outside the 2 axes of the input [2,3]");
    assert_error(t, tg_mT(tg_select(x, 0, 0)), TG_ERR_SHAPE, "tg_mT: needs at least 2 axes; the input is [3]");
    tg_tape_free(t);
}

static void test_expand(void **state)
{
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *x = numbers(t, TG_SHAPE(3, 1));
    (void)state;
    assert_i64(tg_expand(x, TG_SHAPE(2, 3, 2)), TG_SHAPE(2, 3, 2), 0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2);
    assert_i64(tg_expand(x, TG_SHAPE(3, 1)), TG_SHAPE(3, 1), 0, 1, 2);
    assert_shape(tg_expand(x, TG_SHAPE(3, 0)), TG_SHAPE(3, 0));
    assert_error(t, tg_expand(x, TG_SHAPE(2, 2)), TG_ERR_SHAPE,
                 "tg_expand: does not broadcast to the shape [2,2]: sizes must be equal or 1, aligned at the last axis "
                 "(input [3,1] int64)");
    assert_error(t, tg_expand(x, TG_SHAPE(1, 4)), TG_ERR_SHAPE,
                 "tg_expand: does not broadcast to the shape [1,4]: sizes must be equal or 1, aligned at the last axis "
                 "(input [3,1] int64)");
    assert_error(t, tg_expand(x, TG_SHAPE(3, -1)), TG_ERR_SHAPE,
                 "tg_expand: the shape [3,-1] is invalid: sizes >= 0, total size within memory (input [3,1] int64)");
    assert_error(t, tg_expand(x, TG_SHAPE(INT64_MAX / 4, 3, 1)), TG_ERR_SHAPE,
                 "tg_expand: the shape [2305843009213693951,3,1] is invalid: sizes >= 0, total size within memory "
                 "(input [3,1] int64)");
    tg_tape_free(t);
}

/* Against the definition in Python's manual, over every small range and the far ends. */
static void test_slice_clamps_like_python(void **state)
{
    static const int64_t ends[]  = {INT64_MIN, -9, -6, -5, -4, -2, -1, 0, 1, 3, 4, 5, 6, 9, INT64_MAX};
    static const int64_t steps[] = {INT64_MIN, -7, -3, -2, -1, 1, 2, 3, 7, INT64_MAX};
    (void)state;
    for (int64_t size = 0; size <= 5; size++) {
        tg_tape   *t = quiet(TG_F32);
        tg_tensor *x = numbers(t, TG_SHAPE(size));
        for (size_t a = 0; a < sizeof ends / sizeof *ends; a++)
            for (size_t b = 0; b < sizeof ends / sizeof *ends; b++)
                for (size_t s = 0; s < sizeof steps / sizeof *steps; s++) {
                    int64_t       want[8], n = 0;
                    const int64_t step = steps[s], lo = step < 0 ? -1 : 0, hi = step < 0 ? size - 1 : size;
                    int64_t i = ends[a] < 0 ? ends[a] + size : ends[a], stop = ends[b] < 0 ? ends[b] + size : ends[b];
                    i    = i < lo ? lo : i > hi ? hi : i;
                    stop = stop < lo ? lo : stop > hi ? hi : stop;
                    while (step < 0 ? i > stop : i < stop) {
                        want[n++] = i;
                        if (step > 8 || step < -8) break;
                        i += step;
                    }
                    tg_tensor *y = tg_slice(x, 0, ends[a], ends[b], step);
                    assert_shape(y, TG_SHAPE(n));
                    assert_memory_equal(tg_data_i64(y), want, (size_t)n * sizeof *want);
                }
        tg_tape_free(t);
    }
}

static void test_slice_and_select(void **state)
{
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *x = numbers(t, TG_SHAPE(2, 5));
    (void)state;
    assert_i64(tg_slice(x, -1, 3, 0, -2), TG_SHAPE(2, 2), 3, 1, 8, 6);
    assert_i64(tg_slice(tg_slice(x, 1, INT64_MAX, INT64_MIN, -1), 1, 0, 5, 2), TG_SHAPE(2, 3), 4, 2, 0, 9, 7, 5);
    assert_i64(tg_select(x, 0, -1), TG_SHAPE(5), 5, 6, 7, 8, 9);
    assert_i64(tg_select(x, 1, 2), TG_SHAPE(2), 2, 7);
    assert_i64(tg_slice(x, 1, 0, 5, 1), TG_SHAPE(2, 5), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
    assert_error(t, tg_slice(x, 1, 0, 5, 0), TG_ERR_ARG, "tg_slice: the step is 0");
    assert_error(t, tg_slice(x, 2, 0, 5, 1), TG_ERR_SHAPE, "tg_slice: axis 2 is outside the 2 axes of the input [2,5]");
    assert_error(t, tg_select(x, 1, 5), TG_ERR_INDEX, "tg_select: index 5 is outside axis 1 of size 5");
    assert_error(t, tg_select(x, 0, -3), TG_ERR_INDEX, "tg_select: index -3 is outside axis 0 of size 2");
    assert_error(t, tg_select(tg_slice(x, 0, 0, 0, 1), 0, 0), TG_ERR_INDEX,
                 "tg_select: index 0 is outside axis 0 of size 0");
    assert_error(t, tg_select(tg_scalar(t, 1), 0, 0), TG_ERR_SHAPE,
                 "tg_select: axis 0 is outside the 0 axes of the input []");
    tg_tape_free(t);
}

static void test_squeeze(void **state)
{
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *x = numbers(t, TG_SHAPE(2, 1, 3)), *eight = numbers(t, TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 2));
    (void)state;
    assert_i64(tg_squeeze(x, 1), TG_SHAPE(2, 3), 0, 1, 2, 3, 4, 5);
    assert_shape(tg_unsqueeze(x, 0), TG_SHAPE(1, 2, 1, 3));
    assert_shape(tg_unsqueeze(x, 3), TG_SHAPE(2, 1, 3, 1));
    assert_shape(tg_unsqueeze(x, -1), TG_SHAPE(2, 1, 3, 1));
    assert_shape(tg_unsqueeze(x, -4), TG_SHAPE(1, 2, 1, 3));
    assert_shape(tg_unsqueeze(tg_scalar(t, 2), 0), TG_SHAPE(1));
    assert_error(t, tg_squeeze(x, 0), TG_ERR_SHAPE, "tg_squeeze: axis 0 has size 2, not 1; the input is [2,1,3]");
    assert_error(t, tg_unsqueeze(x, 4), TG_ERR_SHAPE,
                 "tg_unsqueeze: no axis can be inserted at 4 into the input [2,1,3] (rank at most 8)");
    assert_error(t, tg_unsqueeze(eight, 0), TG_ERR_SHAPE,
                 "tg_unsqueeze: no axis can be inserted at 0 into the input [1,1,1,1,1,1,1,2] (rank at most 8)");
    tg_tape_free(t);
}

static void test_cat(void **state)
{
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *x = numbers(t, TG_SHAPE(2, 2)), *none = numbers(t, TG_SHAPE(2, 0)), *f = tg_zeros(t, TG_SHAPE(2, 2));
    tg_tensor *many[6] = {
        x, none, tg_mT(x), tg_slice(x, 1, -1, INT64_MIN, -1), tg_expand(tg_arange(t, TG_I64, 1), TG_SHAPE(2, 1)), x};
    (void)state;
    assert_i64(tg_cat(many, 6, -1), TG_SHAPE(2, 9), 0, 1, 0, 2, 1, 0, 0, 0, 1, 2, 3, 1, 3, 3, 2, 0, 2, 3);
    assert_i64(tg_cat((tg_tensor *[]){x, tg_mT(x)}, 2, 0), TG_SHAPE(4, 2), 0, 1, 2, 3, 0, 2, 1, 3);
    assert_i64(tg_cat(&x, 1, 0), TG_SHAPE(2, 2), 0, 1, 2, 3);
    assert_i64(tg_cat(&many[2], 1, 0), TG_SHAPE(2, 2), 0, 2, 1, 3);
    assert_null(tg_cat(many, 0, 0));
    assert_null(tg_cat((tg_tensor *[]){x, NULL}, 2, 0));
    assert_null(tg_error(t));
    assert_error(t, tg_cat(&x, 1, 2), TG_ERR_SHAPE, "tg_cat: axis 2 is outside the 2 axes of the input [2,2]");
    assert_error(t, tg_cat((tg_tensor *[]){x, none}, 2, 0), TG_ERR_SHAPE,
                 "tg_cat: input 1 differs from the first on an axis other than 0 (inputs [2,2] int64, [2,0] int64)");
    assert_error(t, tg_cat((tg_tensor *[]){x, tg_select(x, 0, 0)}, 2, 0), TG_ERR_SHAPE,
                 "tg_cat: input 1 has rank 1, and the first rank 2; tg_unsqueeze adds an axis (inputs [2,2] int64, [2] int64)");
    assert_error(t, tg_cat((tg_tensor *[]){x, f}, 2, 0), TG_ERR_DTYPE,
                 "tg_cat: the dtype of input 1 differs; convert it with tg_to (inputs [2,2] int64, [2,2] float32)");
    tg_tape_free(t);
}

static void test_stale_handles(void **state)
{
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *x = numbers(t, TG_SHAPE(2, 3));
    (void)state;
    tg_reset(t);
    assert_null(tg_slice(x, 0, 0, 1, 1));
    assert_int_equal(tg_error_status(t), TG_ERR_STALE);
    assert_memory_equal(tg_error(t), "tg_slice: ", 10);
    tg_clear_error(t);
    assert_null(tg_detach(x));
    assert_int_equal(tg_error_status(t), TG_ERR_STALE);
    tg_tape_free(t);
}

static void test_detach_and_contiguous(void **state)
{
    tg_tape   *t    = quiet(TG_F64);
    double     v[6] = {1, 2, 3, 4, 5, 6};
    tg_tensor *x    = tg_set_requires_grad(tg_from_f64(t, TG_SHAPE(2, 3), v), true);
    tg_tensor *y    = tg_sum_all(tg_mul(x, tg_detach(x)));
    (void)state;
    assert_false(tg_requires_grad(tg_detach(x)));
    assert_int_equal(tg_backward(y), TG_OK);
    assert_memory_equal(tg_data_f64(tg_grad_of(x)), v, sizeof v); /* one factor is a constant: not 2x */
    assert_ptr_equal(tg_data(tg_contiguous(x)), tg_data(x)); /* a name of its own, and no copy */
    assert_ptr_equal(tg_data(tg_contiguous(y)), tg_data(y));
    tg_tensor *m = tg_mT(x), *copy = tg_contiguous(m);
    assert_true(copy != m);
    assert_memory_equal(tg_data_f64(copy), ((double[]){1, 4, 2, 5, 3, 6}), sizeof v);
    tg_tape_free(t);
}

/* ---- the gradient of many slices --------------------------------------------------------------------------------- */

/* A loop that reads a tensor step by step costs its gradient one tensor of zeros and not one for each step: 1.6 MB
 * instead of 320. And a training loop of it asks for no more memory after its second step, but for the list of the
 * pieces while they are joined. */
static void loop_over_rows(tg_tape *t, tg_tensor *x, bool by_select)
{
    const int64_t steps = tg_dim(x, 0), width = tg_dim(x, 1);
    tg_tensor    *h = NULL;
    for (int64_t k = 0; k < steps; k++) {
        tg_tensor *part = by_select ? tg_select(x, 0, k) : tg_slice(x, 0, k, k + 1, 1);
        tg_tensor *term = tg_mul_s(part, (double)(k + 1));
        h               = h ? tg_add(h, term) : term;
    }
    assert_int_equal(tg_backward(tg_sum_all(h)), TG_OK);
    const double *g = tg_data_f64(tg_grad_of(x));
    for (int64_t k = 0; k < steps * width; k++) assert_true(g[k] == (double)(k / width + 1));
    assert_int_equal(tg_zero_grad(t), TG_OK);
}

static void test_slices_in_a_loop(void **state)
{
    (void)state;
    for (int by_select = 0; by_select < 2; by_select++) {
        tg_tape   *t = quiet(TG_F64);
        tg_tensor *x = tg_set_requires_grad(tg_keep(tg_zeros(t, TG_SHAPE(200, 1000))), true);
        loop_over_rows(t, x, by_select);
        assert_true(tg_stats(t).bytes_reserved < 50 << 20);
        for (int step = 0; step < 3; step++) { /* until loops are machine code */
            tg_reset(t);
            loop_over_rows(t, x, by_select);
        }
        const int64_t before = tg_stats(t).allocations;
        for (int step = 0; step < 3; step++) {
            tg_reset(t);
            loop_over_rows(t, x, by_select);
        }
        assert_true(tg_stats(t).allocations <= before + 3);
        tg_tape_free(t);
    }
}

static void test_overlapping_slices_add(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(tg_keep(tg_zeros(t, TG_SHAPE(4))), true), *g = NULL;
    (void)state;
    tg_tensor *y    = tg_add(tg_slice(x, 0, 0, 3, 1), tg_mul_s(tg_slice(x, 0, 3, 0, -1), 10)); /* x012 + 10 x321 */
    tg_tensor *loss = tg_sum_all(tg_mul(y, tg_square(y))); /* zero at x = 0, and so are its slopes */
    assert_int_equal(tg_grad(&y, (tg_tensor *[]){tg_ones_like(y)}, 1, &x, 1, true, &g), TG_OK);
    assert_memory_equal(tg_data_f64(g), ((double[]){1, 11, 11, 10}), 4 * sizeof(double));
    assert_int_equal(tg_backward(loss), TG_OK);
    assert_memory_equal(tg_data_f64(tg_grad_of(x)), ((double[]){0, 0, 0, 0}), 4 * sizeof(double));
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reshape),
        cmocka_unit_test(test_permute),
        cmocka_unit_test(test_expand),
        cmocka_unit_test(test_slice_clamps_like_python),
        cmocka_unit_test(test_slice_and_select),
        cmocka_unit_test(test_squeeze),
        cmocka_unit_test(test_cat),
        cmocka_unit_test(test_stale_handles),
        cmocka_unit_test(test_detach_and_contiguous),
        cmocka_unit_test(test_slices_in_a_loop),
        cmocka_unit_test(test_overlapping_slices_add),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
