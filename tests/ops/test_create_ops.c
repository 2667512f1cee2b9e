/* test_create_ops.c - constants, ranges, and tensors of the caller's data. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tapegrad_op.h>

#include "exact_test.h"

static void test_full(void **state)
{
    tg_tape *t = quiet(TG_F64);
    (void)state;
    assert_memory_equal(tg_data_f64(tg_full(t, TG_F64, TG_SHAPE(3), 2.5)), ((double[]){2.5, 2.5, 2.5}), 24);
    assert_memory_equal(tg_data_f32(tg_full(t, TG_F32, TG_SHAPE(2), 0.1)), ((float[]){0.1f, 0.1f}), 8);
    assert_i64(tg_full(t, TG_I64, TG_SHAPE(2), -2), TG_SHAPE(2), -2, -2);
    assert_true(tg_item(tg_scalar(t, 1.0 / 3)) == 1.0 / 3);
    tg_tensor *z = tg_zeros(t, TG_SHAPE(2, 2)), *f = tg_full(t, TG_F32, TG_SHAPE(2), 7);
    assert_memory_equal(tg_data_f64(z), ((double[]){0, 0, 0, 0}), 32);
    assert_memory_equal(tg_data_f32(tg_ones_like(f)), ((float[]){1, 1}), 8);
    assert_memory_equal(tg_data_f32(tg_zeros_like(f)), ((float[]){0, 0}), 8);
    assert_memory_equal(tg_data_f32(tg_full_like(f, -3)), ((float[]){-3, -3}), 8);
    assert_error(t, tg_full_like(f, 1e300), TG_ERR_DTYPE, "tg_full_like: float32 does not hold the number 1e+300; TG_F64 does");
    assert_shape(tg_ones(t, TG_SHAPE(0, 3)), TG_SHAPE(0, 3));
    assert_error(t, tg_full(t, (tg_dtype)77, TG_SHAPE(1), 0), TG_ERR_DTYPE, "tg_full: there is no dtype 77");
    assert_error(t, tg_zeros(t, NULL), TG_ERR_NULL, "tg_zeros: the shape is NULL");
    assert_error(t, tg_zeros(t, TG_SHAPE(2, -1)), TG_ERR_SHAPE,
                 "tg_zeros: the shape [2,-1] is invalid: rank 0 to 8, sizes >= 0, total size within memory");
    assert_null(tg_zeros(NULL, TG_SHAPE(1)));
    assert_null(tg_zeros_like(NULL));
    tg_tape_free(t);
}

static void test_steps(void **state)
{
    tg_tape *t = quiet(TG_F64);
    (void)state;
    assert_i64(tg_arange_step(t, TG_I64, 2, 9, 3), TG_SHAPE(3), 2, 5, 8);
    assert_i64(tg_arange_step(t, TG_I64, 8, 2, -3), TG_SHAPE(2), 8, 5);
    assert_i64(tg_to(tg_arange_step(t, TG_U8, 255, 253, -1), TG_I64), TG_SHAPE(2), 255, 254);
    assert_shape(tg_arange_step(t, TG_I64, 3, 3, 1), TG_SHAPE(0));
    assert_shape(tg_arange_step(t, TG_F32, 3, 9, -1), TG_SHAPE(0));
    assert_memory_equal(tg_data_f32(tg_arange_step(t, TG_F32, 0.1, 1e9, 3e8)), ((float[]){0.1f, 3e8f, 6e8f, 9e8f}), 16);
    assert_memory_equal(tg_data_f64(tg_arange_step(t, TG_F64, 1, 2, 0.5)), ((double[]){1, 1.5}), 16);
    assert_error(t, tg_arange_step(t, TG_F64, 1, 2, 0), TG_ERR_ARG, "tg_arange_step: from 1 to 2 in steps of 0 are no numbers that can be counted");
    assert_error(t, tg_arange_step(t, TG_F64, 0, INFINITY, 1), TG_ERR_ARG, "tg_arange_step: from 0 to inf in steps of 1 are no numbers that can be counted");
    assert_error(t, tg_arange_step(t, TG_U8, 250, 260, 3), TG_ERR_DTYPE, "tg_arange_step: uint8 does not hold the number 259; TG_I64 does");
    assert_error(t, tg_arange_step(t, TG_I64, 0, 2, 0.5), TG_ERR_DTYPE, "tg_arange_step: int64 does not hold the number 1.5; TG_F32 does");
    assert_error(t, tg_arange_step(t, TG_I64, 0, 2.5, 0.5), TG_ERR_DTYPE, "tg_arange_step: int64 does not hold the number 0.5; TG_F32 does");
    assert_error(t, tg_arange_step(t, TG_F64, 0, 1e300, 1), TG_ERR_ARG, "tg_arange_step: from 0 to 1e+300 in steps of 1 are no numbers that can be counted");
    assert_null(tg_arange_step(NULL, TG_F64, 0, 1, 1));
    tg_tape_free(t);
}

/* Every dtype at the ends of what it holds, and beyond. */
static void test_numbers_of_dtypes(void **state)
{
    static const double inf = (double)INFINITY, most32 = 0x1.fffffep127, below63 = 0x1.fffffffffffffp62;
    static const struct {
        tg_dtype dtype;
        double   held[6], not_held[6];
    } rows[] = {
        {TG_F32, {0.1, most32, -most32, inf, -inf, 0x1p-1074}, {0x1.fffffffp127, -0x1.fffffffp127, 1e300, -1e300, 1e39, 0x1p128}},
        {TG_F64, {0.1, 1e308, -1e308, inf, -inf, 0x1p-1074}, {0}},
        {TG_I64, {0, -0.0, -0x1p63, below63, 1e18, -3}, {0x1p63, -0x1.0000000000001p63, 0.5, inf, -inf, 0x1p-1074}},
        {TG_I32, {0, -2147483648, 2147483647, 1, 65536, -3}, {2147483648, -2147483649, 2147483646.5, inf, 1e300, -0.25}},
        {TG_U8, {0, -0.0, 255, 1, 128, 7}, {256, -1, 300, 254.5, -inf, 1e-9}},
        {TG_BOOL, {0, 1, 0, 1, -0.0, 1}, {2, -1, 0.5, 0.25, inf, 256}},
        {TG_I16, {0, -32768, 32767, 1, 256, -3}, {32768, -32769, 32766.5, -inf, 65536, -0.25}},
    };
    tg_tape *t = quiet(TG_F64);
    (void)state;
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        const tg_dtype d = rows[k].dtype;
        for (int i = 0; i < 6; i++) {
            const double v = rows[k].held[i], w = rows[k].not_held[i];
            tg_tensor   *y = tg_full(t, d, TG_SHAPE(2), v);
            assert_non_null(y);
            assert_true(tg_item(tg_select(tg_to(y, TG_F64), 0, 0)) == (d == TG_F32 ? (double)(float)v : v));
            if (d == TG_F64) continue;
            assert_null(tg_full(t, d, TG_SHAPE(2), w));
            assert_int_equal(tg_error_status(t), TG_ERR_DTYPE);
            tg_clear_error(t);
        }
        tg_tensor *nan = tg_full(t, d, TG_SHAPE(1), (double)NAN);
        assert_true(tg_dtype_is_float(d) == (nan != NULL));
        tg_clear_error(t);
    }
    assert_error(t, tg_full(t, TG_U8, TG_SHAPE(1), 300), TG_ERR_DTYPE, "tg_full: uint8 does not hold the number 300; TG_I64 does");
    assert_error(t, tg_full(t, TG_I16, TG_SHAPE(1), 40000), TG_ERR_DTYPE, "tg_full: int16 does not hold the number 40000; TG_I64 does");
    assert_error(t, tg_full(t, TG_I64, TG_SHAPE(1), 0.5), TG_ERR_DTYPE, "tg_full: int64 does not hold the number 0.5; TG_F32 does");
    assert_error(t, tg_full(t, TG_F32, TG_SHAPE(1), 1e300), TG_ERR_DTYPE,
                 "tg_full: float32 does not hold the number 1e+300; TG_F64 does");
    tg_tape_free(t);
}

/* A tensor of integers meets numbers that are none of its dtype, in every function that takes one. */
static void test_numbers_of_tensors(void **state)
{
    tg_tape *t = quiet(TG_F32);
    (void)state;
    tg_tensor *i = tg_arange(t, TG_I64, 3), *u = tg_arange(t, TG_U8, 3), *f = tg_arange(t, TG_F32, 3), *mask = tg_gt(i, tg_zeros_like(i));
    assert_error(t, tg_mul_s(i, 0.5), TG_ERR_DTYPE, "tg_mul_s: int64 does not hold the number 0.5; tg_to(x, TG_F32) converts the tensor");
    assert_error(t, tg_add_s(i, 2.7), TG_ERR_DTYPE, "tg_add_s: int64 does not hold the number 2.7; tg_to(x, TG_F32) converts the tensor");
    assert_error(t, tg_sub_s(i, 2.7), TG_ERR_DTYPE, "tg_sub_s: int64 does not hold the number 2.7; tg_to(x, TG_F32) converts the tensor");
    assert_error(t, tg_rsub_s(5.5, i), TG_ERR_DTYPE, "tg_rsub_s: int64 does not hold the number 5.5; tg_to(x, TG_F32) converts the tensor");
    assert_error(t, tg_div_s(i, 0.5), TG_ERR_DTYPE, "tg_div_s: int64 does not hold the number 0.5; tg_to(x, TG_F32) converts the tensor");
    assert_error(t, tg_rdiv_s(0.5, i), TG_ERR_DTYPE, "tg_rdiv_s: int64 does not hold the number 0.5; tg_to(x, TG_F32) converts the tensor");
    assert_error(t, tg_pow_s(i, 2.5), TG_ERR_DTYPE, "tg_pow_s: int64 does not hold the number 2.5; tg_to(x, TG_F32) converts the tensor");
    assert_error(t, tg_pow_s(i, 0.5), TG_ERR_DTYPE, "tg_pow_s: int64 does not hold the number 0.5; tg_to(x, TG_F32) converts the tensor");
    assert_error(t, tg_leaky_relu(i, 0.01), TG_ERR_DTYPE,
                 "tg_leaky_relu: int64 does not hold the number 0.01; tg_to(x, TG_F32) converts the tensor");
    assert_error(t, tg_mul_s(u, 300), TG_ERR_DTYPE, "tg_mul_s: uint8 does not hold the number 300; tg_to(x, TG_I64) converts the tensor");
    assert_error(t, tg_sub_s(u, -1), TG_ERR_DTYPE, "tg_sub_s: uint8 does not hold the number -1; tg_to(x, TG_I64) converts the tensor");
    assert_error(t, tg_masked_fill(i, mask, (double)-INFINITY), TG_ERR_DTYPE,
                 "tg_masked_fill: int64 does not hold the number -inf; tg_to(x, TG_F32) converts the tensor");
    assert_error(t, tg_mul_s(f, 1e39), TG_ERR_DTYPE, "tg_mul_s: float32 does not hold the number 1e+39; tg_to(x, TG_F64) converts the tensor");
    assert_error(t, tg_linspace(t, 0, 1e39, 2), TG_ERR_DTYPE, "tg_linspace: float32 does not hold the number 1e+39; TG_F64 does");

    assert_error(t, tg_add_s(tg_arange(t, TG_I16, 3), 32768), TG_ERR_DTYPE,
                 "tg_add_s: int16 does not hold the number 32768; tg_to(x, TG_I64) converts the tensor");

    assert_i64(tg_mul_s(i, -3), TG_SHAPE(3), 0, -3, -6);
    assert_i64(tg_masked_fill(i, mask, 7), TG_SHAPE(3), 0, 7, 7);
    assert_i64(tg_to(tg_add_s(u, 255), TG_I64), TG_SHAPE(3), 255, 0, 1); /* numbers of the dtype wrap around as they do */
    assert_i64(tg_to(tg_add_s(tg_arange(t, TG_I16, 3), 32766), TG_I64), TG_SHAPE(3), 32766, 32767, -32768);
    assert_memory_equal(tg_data_f32(tg_mul_s(f, 0.1)), ((float[]){0, 0.1f, 0.2f}), 12);
    tg_tape_free(t);
}

static void test_ranges(void **state)
{
    tg_tape *t = quiet(TG_F64);
    (void)state;
    assert_i64(tg_arange(t, TG_I64, 4), TG_SHAPE(4), 0, 1, 2, 3);
    assert_memory_equal(tg_data_f32(tg_arange(t, TG_F32, 3)), ((float[]){0, 1, 2}), 12);
    assert_memory_equal(tg_data_f64(tg_arange(t, TG_F64, 3)), ((double[]){0, 1, 2}), 24);
    assert_memory_equal(tg_data(tg_arange(t, TG_I32, 3)), ((int32_t[]){0, 1, 2}), 12);
    assert_int_equal(((const uint8_t *)tg_data(tg_arange(t, TG_U8, 256)))[255], 255);
    assert_int_equal(((const int16_t *)tg_data(tg_arange(t, TG_I16, 32768)))[32767], 32767);
    assert_shape(tg_arange(t, TG_I64, 0), TG_SHAPE(0));
    assert_error(t, tg_arange(t, TG_U8, 257), TG_ERR_ARG, "tg_arange: 257 numbers cannot be counted in uint8");
    assert_error(t, tg_arange(t, TG_I16, 32769), TG_ERR_ARG, "tg_arange: 32769 numbers cannot be counted in int16");
    assert_error(t, tg_arange(t, TG_I64, -1), TG_ERR_ARG, "tg_arange: -1 numbers cannot be counted in int64");

    const double *v = tg_data_f64(tg_linspace(t, -0.1, 0.3, 7));
    for (int k = 0; k < 7; k++) assert_true(fabs(v[k] - (-0.1 + 0.4 * k / 6)) < 1e-16);
    assert_true(v[0] == -0.1 && v[6] == 0.3);
    assert_true(tg_item(tg_linspace(t, 5, 9, 1)) == 5);
    assert_shape(tg_linspace(t, 0, 1, 0), TG_SHAPE(0));
    assert_error(t, tg_linspace(t, 0, (double)INFINITY, 3), TG_ERR_ARG,
                 "tg_linspace: 3 numbers from 0 to inf are not possible");
    assert_true(tg_item(tg_logspace(t, 2, 9, 1)) == 100);
    assert_error(t, tg_logspace(t, 0, 309, 3), TG_ERR_DTYPE, "tg_logspace: float64 does not hold 10 to the power of 309; of at most 308.255 it does");
    assert_error(t, tg_logspace(t, 0, 1, -3), TG_ERR_ARG, "tg_logspace: -3 numbers from 0 to 1 are not possible");
    assert_error(t, tg_linspace(t, 0, 1, -3), TG_ERR_ARG, "tg_linspace: -3 numbers from 0 to 1 are not possible");

    assert_memory_equal(tg_data_f64(tg_eye(t, 3)), ((double[]){1, 0, 0, 0, 1, 0, 0, 0, 1}), 72);
    assert_shape(tg_eye(t, 0), TG_SHAPE(0, 0));
    assert_error(t, tg_eye(t, -1), TG_ERR_SHAPE, "tg_eye: the size is -1");
    tg_tape_free(t);
}

static void test_data(void **state)
{
    tg_tape *t    = quiet(TG_F32);
    float    f[3] = {1, 2, 3};
    uint8_t  b[3] = {0, 2, 1};
    (void)state;
    tg_tensor *copied = tg_from_f32(t, TG_SHAPE(3), f), *borrowed = tg_borrow(t, TG_F32, TG_SHAPE(3), f);
    assert_ptr_equal(tg_data(borrowed), f);
    f[0] = 9;
    assert_true(tg_data_f32(copied)[0] == 1);
    assert_memory_equal(tg_data(tg_from_data(t, TG_BOOL, TG_SHAPE(3), b)), ((uint8_t[]){0, 1, 1}), 3);
    assert_i64(tg_from_i64(t, TG_SHAPE(2), ((int64_t[]){-5, 5})), TG_SHAPE(2), -5, 5);
    assert_i64(tg_to(tg_from_data(t, TG_I16, TG_SHAPE(3), ((int16_t[]){-5, INT16_MIN, 300})), TG_I64), TG_SHAPE(3), -5, -32768, 300);
    assert_shape(tg_from_f64(t, TG_SHAPE(0), NULL), TG_SHAPE(0));
    assert_shape(tg_borrow(t, TG_F32, TG_SHAPE(0), NULL), TG_SHAPE(0));
    assert_error(t, tg_borrow(t, TG_BOOL, TG_SHAPE(3), b), TG_ERR_ARG,
                 "tg_borrow: byte 1 is 2, and a bool is 0 or 1; tg_from_data converts");
    assert_error(t, tg_from_f32(t, TG_SHAPE(3), NULL), TG_ERR_NULL,
                 "tg_from_f32: the data is NULL, for a shape that has elements");
    assert_error(t, tg_from_f32(t, NULL, f), TG_ERR_NULL, "tg_from_f32: the shape is NULL");
    assert_error(t, tg_from_f32(t, TG_SHAPE(3, -1), f), TG_ERR_SHAPE,
                 "tg_from_f32: the shape [3,-1] is invalid: rank 0 to 8, sizes >= 0, total size within memory");
    assert_error(t, tg_from_data(t, TG_NDTYPES, TG_SHAPE(3), f), TG_ERR_DTYPE, "tg_from_data: there is no dtype 7");
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full), cmocka_unit_test(test_steps),
        cmocka_unit_test(test_numbers_of_dtypes),
        cmocka_unit_test(test_numbers_of_tensors),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
