/* test_data.c - data sets of arrays and the batches made of them: wrong calls, conversion, lifetimes, memory. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>

#include <cmocka.h>
#include <tapegrad.h>

#include "quiet.h"
#include "failing.h"
#include "loader_test.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* ---- data sets of arrays ----------------------------------------------------------------------------------------- */

static void test_array_dataset(void **state)
{
    (void)state;
    tg_tape      *t = quiet(TG_F32);
    const uint8_t bytes[] = {1, 2, 3, 4, 5, 6};
    const int64_t y[] = {-5, INT64_MAX, 0};
    tg_dataset   *d = tg_array_dataset(t, TG_U8, TG_SHAPE(3, 1, 2), bytes, y);
    assert_int_equal(tg_dataset_size(d), 3);
    assert_int_equal(tg_dataset_shape(d)->rank, 3);
    assert_int_equal(tg_dataset_shape(d)->dim[2], 2);
    assert_memory_equal(tg_dataset_u8(d), bytes, sizeof bytes);
    assert_memory_equal(tg_dataset_labels(d), y, sizeof y);
    assert_null(tg_dataset_u8(counted(t, 2)));
    tg_dataset *scalars = tg_array_dataset(t, TG_U8, TG_SHAPE(3), bytes, y); /* samples without axes */
    tg_tensor  *x, *labels;
    assert_true(tg_next(loader(scalars, (tg_loader_options){.flatten = true}), &x, &labels));
    assert_int_equal(tg_rank(x), 2);
    assert_int_equal(tg_dim(x, 1), 1);
    assert_true(tg_next(loader(scalars, (tg_loader_options){.batch = 2}), &x, &labels));
    assert_int_equal(tg_rank(x), 1);
    assert_int_equal(tg_data_i64(labels)[1], INT64_MAX);
    tg_tape_free(t);
}

static void test_array_refused(void **state)
{
    (void)state;
    tg_tape      *t = quiet(TG_F32);
    const uint8_t b[4] = {0};
    const int64_t y[4] = {0};
    assert_null(tg_array_dataset(NULL, TG_U8, TG_SHAPE(4), b, y));
    assert_null(tg_array_dataset(t, TG_U8, NULL, b, y));
    expect_error(t, TG_ERR_NULL, "shape is NULL");
    assert_null(tg_array_dataset(t, TG_U8, TG_SHAPE(4), NULL, y));
    expect_error(t, TG_ERR_NULL, "x is NULL");
    assert_null(tg_array_dataset(t, TG_U8, TG_SHAPE(4), b, NULL));
    expect_error(t, TG_ERR_NULL, "labels is NULL");
    /* four samples of nothing have labels all the same */
    assert_null(tg_array_dataset(t, TG_U8, TG_SHAPE(4, 0), NULL, NULL));
    expect_error(t, TG_ERR_NULL, "labels is NULL");
    assert_null(tg_array_dataset(t, TG_U8, TG_SCALAR_SHAPE, b, y));
    expect_error(t, TG_ERR_SHAPE, "a scalar has none");
    assert_null(tg_array_dataset(t, TG_NDTYPES, TG_SHAPE(4), b, y));
    expect_error(t, TG_ERR_DTYPE, "is not a dtype");
    assert_null(tg_array_dataset(t, TG_BOOL, TG_SHAPE(4), "\1\0\2", y));
    expect_error(t, TG_ERR_ARG, "a byte that is not 0 or 1");
    const tg_shape *const shapes[] = {TG_SHAPE(-1, 2),           TG_SHAPE(2, -1),     TG_SHAPE(INT64_MAX, 2),
                                      TG_SHAPE(0, INT64_MAX, 9), &(tg_shape){9, {1}}, &(tg_shape){-1, {1}}};
    for (size_t i = 0; i < COUNT(shapes); i++) {
        assert_null(tg_array_dataset(t, TG_F32, shapes[i], b, y));
        expect_error(t, TG_ERR_SHAPE, "is not a shape");
    }
    /* no bytes, but too many labels for any memory */
    assert_null(tg_array_dataset(t, TG_U8, TG_SHAPE(INT64_MAX / 4, 0), NULL, y));
    expect_error(t, TG_ERR_MEMORY, "out of memory");
    tg_tape_free(t);
}

static void test_null(void **state)
{
    (void)state;
    tg_tensor *x, *y;
    assert_int_equal(tg_dataset_size(NULL), -1);
    assert_null(tg_dataset_shape(NULL));
    assert_null(tg_dataset_u8(NULL));
    assert_null(tg_dataset_labels(NULL));
    tg_dataset_free(NULL);
    assert_null(tg_loader_new(NULL, NULL));
    assert_false(tg_next(NULL, &x, &y));
    assert_null(x);
    assert_null(y);
    assert_int_equal(tg_loader_batches(NULL), -1);
    assert_int_equal(tg_loader_size(NULL), -1);
    assert_int_equal(tg_loader_rewind(NULL), TG_ERR_NULL);
    tg_loader_free(NULL);
    tg_tape   *t = quiet(TG_F32);
    tg_loader *l = loader(counted(t, 3), (tg_loader_options){.batch = 2});
    assert_false(tg_next(l, NULL, &y));
    expect_error(t, TG_ERR_NULL, "x is NULL");
    assert_false(tg_next(l, &x, NULL));
    expect_error(t, TG_ERR_NULL, "y is NULL");
    assert_true(tg_next(l, &x, &y)); /* still the first batch */
    assert_int_equal(tg_data_i64(y)[0], 0);
    tg_tape_free(t);
}

/* ---- conversion -------------------------------------------------------------------------------------------------- */

static tg_dataset *all_bytes(tg_tape *t)
{
    uint8_t bytes[256];
    int64_t labels[4] = {0, 1, 2, 3};
    for (int i = 0; i < 256; i++) bytes[i] = (uint8_t)i;
    tg_dataset *d = tg_array_dataset(t, TG_U8, TG_SHAPE(4, 8, 8), bytes, labels);
    assert_non_null(d);
    return d;
}

static void test_bytes_to_floats(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F32), *t64 = quiet(TG_F64);
    tg_tensor *x, *y;
    assert_true(tg_next(loader(all_bytes(t), (tg_loader_options){0}), &x, &y));
    assert_int_equal(tg_rank(x), 3);
    assert_int_equal(tg_dim(x, 0), 4);
    assert_int_equal(tg_dim(x, 1), 8);
    assert_int_equal(tg_dtype_of(x), TG_F32);
    for (int i = 0; i < 256; i++) assert_true(fabsf(tg_data_f32(x)[i] - (float)i / 255) <= 0x1p-24f);
    assert_true(tg_data_f32(x)[0] == 0 && tg_data_f32(x)[255] == 1);

    tg_loader_options o = {.flatten = true, .scale = 2.0 / 255, .shift = -1};
    assert_true(tg_next(loader(all_bytes(t64), o), &x, &y));
    assert_int_equal(tg_rank(x), 2);
    assert_int_equal(tg_dim(x, 0), 4);
    assert_int_equal(tg_dim(x, 1), 64);
    assert_int_equal(tg_dtype_of(x), TG_F64);
    for (int i = 0; i < 256; i++) assert_true(fabs(tg_data_f64(x)[i] - (2.0 * i / 255 - 1)) <= 0x1p-52);
    assert_true(tg_next(loader(all_bytes(t64), (tg_loader_options){.scale = 1}), &x, &y));
    for (int i = 0; i < 256; i++) assert_true(tg_data_f64(x)[i] == i);
    tg_tape_free(t);
    tg_tape_free(t64);
}

static void test_floats_to_floats(void **state)
{
    (void)state;
    tg_tape    *t64 = quiet(TG_F64), *t = quiet(TG_F32);
    const float v[] = {0, -1.5f, 0x1.fffffep127f, 0x1p-149f};
    tg_tensor  *x, *y;
    assert_true(tg_next(
        loader(tg_array_dataset(t64, TG_F32, TG_SHAPE(2, 2), v, (int64_t[]){8, 9}), (tg_loader_options){0}), &x, &y));
    for (int i = 0; i < 4; i++) assert_true(tg_data_f64(x)[i] == (double)v[i]);
    assert_true(tg_next(
        loader(tg_array_dataset(t, TG_F32, TG_SHAPE(2, 2), v, (int64_t[]){8, 9}), (tg_loader_options){0}), &x, &y));
    assert_memory_equal(tg_data_f32(x), v, sizeof v);
    assert_true(tg_next(loader(counted(t, 3), (tg_loader_options){.scale = -2, .shift = 0.5}), &x, &y));
    assert_true(tg_data_f32(x)[4] == -3.5f && tg_data_f32(x)[5] == 4.5f);
    tg_tape_free(t);
    tg_tape_free(t64);
}

/* Images without pixels are batches without elements, and labels all the same. */
static void test_no_features(void **state)
{
    (void)state;
    tg_tape    *t = quiet(TG_F32);
    tg_tensor  *x, *y;
    tg_dataset *d = tg_array_dataset(t, TG_U8, TG_SHAPE(3, 0, 5), NULL, (int64_t[]){7, 8, 9});
    assert_non_null(d);
    assert_true(tg_next(loader(tg_dataset_range(d, 1, 2), (tg_loader_options){.batch = 2, .flatten = true}), &x, &y));
    assert_int_equal(tg_numel(x), 0);
    assert_int_equal(tg_dim(x, 0), 2);
    assert_int_equal(tg_data_i64(y)[1], 9);
    tg_tape_free(t);
}

/* ---- lifetimes and memory ---------------------------------------------------------------------------------------- */

static void test_lifetimes(void **state)
{
    (void)state;
    tg_tape    *t = quiet(TG_F32);
    int64_t     order[40];
    tg_dataset *d = counted(t, 40);
    tg_loader  *a = loader(d, (tg_loader_options){.batch = 16, .shuffle = true}),
              *b = loader(d, (tg_loader_options){.batch = 16});
    tg_dataset_free(d); /* before its loaders: they keep it */
    assert_each_once(order, epoch(t, a, 16, order), 0);
    tg_dataset_free(d);
    expect_error(t, TG_ERR_STALE, "freed before");
    assert_null(tg_loader_new(d, NULL));
    expect_error(t, TG_ERR_STALE, "was freed");
    tg_loader_free(a);
    assert_each_once(order, epoch(t, b, 16, order), 0);
    tg_loader_free(b);
    tg_dataset_free(counted(t, 5));
    tg_loader_free(loader(counted(t, 5), (tg_loader_options){0}));
    d = counted(t, 9); /* left to the tape, in each order of making */
    tg_loader *c = loader(d, (tg_loader_options){.shuffle = true});
    loader(counted(t, 9), (tg_loader_options){0});
    tg_dataset_free(d);
    epoch(t, c, 32, order);
    tg_tape_free(t); /* what is left over is the leak checkers' to find */
}

static void test_no_allocation_in_the_steady_state(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F32);
    tg_loader *l =
        loader(tg_synthetic_digits(t, 500, 1), (tg_loader_options){.batch = 64, .shuffle = true, .flatten = true});
    tg_tensor *x, *y;
    int64_t    calls = 0;
    for (int e = 0; e < 12; e++) {
        if (e == 2) calls = tg_stats(t).allocations;
        while (tg_next(l, &x, &y)) assert_int_equal(tg_reset(t), TG_OK);
        assert_int_equal(tg_reset(t), TG_OK);
    }
    assert_null(tg_error(t));
    assert_int_equal(tg_stats(t).allocations, calls);
    tg_tape_free(t);
}

/* One use of everything, tried again from the start after each failure. True when all went well. */
static bool use(tg_tape *t)
{
    float       v[64] = {0};
    int64_t     labels[64] = {0}, n = 0;
    tg_tensor  *x, *y;
    tg_dataset *a = tg_array_dataset(t, TG_F32, TG_SHAPE(64), v, labels), *d = tg_synthetic_digits(t, 64, 1);
    tg_loader  *l = tg_loader_new(d, &(tg_loader_options){.batch = 24, .shuffle = true});
    while (l && tg_next(l, &x, &y)) n += tg_numel(y); /* 24 images of f32 are more than small values */
    bool good = a && l && n == 64;
    assert_true(good == !tg_error(t));
    if (!good) expect_error(t, TG_ERR_MEMORY, "out of memory");
    tg_loader_free(l);
    tg_dataset_free(d);
    tg_dataset_free(a);
    assert_int_equal(tg_reset(t), TG_OK);
    return good;
}

static void test_allocations_fail(void **state)
{
    (void)state;
    long failures = 0;
    for (long k = 1;; k++) {
        failing  f = {.left = -1, .once = true};
        tg_tape *t = failing_tape(&f, TG_F32);
        assert_non_null(t);
        f.left = k - 1;
        bool good = use(t);
        f.left = -1;
        assert_true(use(t)); /* the tape is usable afterwards */
        tg_tape_free(t);
        assert_int_equal(f.held, 0);
        if (good) break;
        failures++;
    }
    assert_true(failures >= 8); /* 3 for each data set, 2 for the loader, and the tape's for the batches */
}

/* A batch that could not be made is the next batch once there is memory again. */
static void test_failed_batch_is_not_lost(void **state)
{
    (void)state;
    failing        f = {.left = -1, .once = true};
    tg_tape       *t = failing_tape(&f, TG_F32);
    tg_loader     *l = loader(tg_synthetic_digits(t, 96, 1), (tg_loader_options){.batch = 32});
    tg_tensor     *x, *y;
    const int64_t *labels = tg_dataset_labels(tg_synthetic_digits(t, 96, 1));
    for (int k = 0; k < 3; k++) {
        f.left = 0;
        bool got = tg_next(l, &x, &y);
        f.left = -1;
        if (!got) {
            expect_error(t, TG_ERR_MEMORY, "out of memory");
            assert_null(x);
            assert_true(tg_next(l, &x, &y));
        }
        assert_memory_equal(tg_data_i64(y), labels + (ptrdiff_t)32 * k, 32 * sizeof *labels);
    }
    assert_false(tg_next(l, &x, &y));
    assert_null(tg_error(t));
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_array_dataset),
        cmocka_unit_test(test_array_refused),
        cmocka_unit_test(test_null),
        cmocka_unit_test(test_bytes_to_floats),
        cmocka_unit_test(test_floats_to_floats),
        cmocka_unit_test(test_no_features),
        cmocka_unit_test(test_lifetimes),
        cmocka_unit_test(test_no_allocation_in_the_steady_state),
        cmocka_unit_test(test_allocations_fail),
        cmocka_unit_test(test_failed_batch_is_not_lost),
    };
    return cmocka_run_group_tests_name("data", tests, NULL, NULL);
}
