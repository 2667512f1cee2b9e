/* test_file_data.c - data sets of rows that are read from files when they are asked for, and of tables. */
#define _GNU_SOURCE
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "file_fixture.h"
#include "loader_test.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* A file of n samples of a counted set (loader_test.h), and its archive. */
static tg_archive *counted_file(fixture *f, int64_t n)
{
    const char *path = in_dir(f, "counted.safetensors");
    float      *x = malloc((size_t)n * 2 * sizeof *x + 1);
    int64_t    *y = malloc((size_t)n * sizeof *y + 1);
    for (int64_t i = 0; i < n; i++) x[2 * i] = (float)i, x[2 * i + 1] = (float)-i, y[i] = 3 * i;
    tg_tensor *tensors[] = {tg_from_f32(f->tape, TG_SHAPE(n, 2), x), tg_from_i64(f->tape, TG_SHAPE(n), y), tg_scalar(f->tape, 1)};
    assert_int_equal(tg_save_tensors(path, (const char *[]){"x", "y", "scalar"}, tensors, 3), TG_OK);
    free(x);
    free(y);
    return tg_archive_open(f->tape, path);
}

static void test_rows(void **state)
{
    fixture    *f = *state;
    tg_archive *a = counted_file(f, 1000);
    tg_dataset *d = tg_archive_dataset(a, "x", a, "y"), *alone = tg_archive_dataset(a, "x", NULL, NULL);
    int64_t     order[1000];
    tg_tensor  *x;
    assert_true(d && alone);
    tg_archive_close(a); /* the data set has the file itself */
    for (int prefetch = 0; prefetch < 3; prefetch += 2) {
        tg_loader *l = loader(d, (tg_loader_options){.batch = 48, .shuffle = true, .block = 100, .prefetch = prefetch});
        for (int e = 0; e < 2; e++) {
            assert_int_equal(epoch(f->tape, l, 48, order), 1000);
            assert_each_once(order, 1000, 0);
        }
    }
    assert_true(tg_next(loader(alone, (tg_loader_options){.shuffle = true, .block = INT64_MAX, .batch = INT64_MAX}), &x, NULL));
    assert_true(tg_next(loader(alone, (tg_loader_options){.batch = 5}), &x, NULL));
    assert_true(tg_data_f32(x)[9] == -4);
    assert_true(tg_next(loader(d, (tg_loader_options){.batch = 5, .balanced = true}), &x, &(tg_tensor *){NULL})); /* reads y alone first */
}

/* Large files take no memory: a sample is read when it is asked for. */
static void test_memory(void **state)
{
    fixture    *f = *state;
    tg_archive *a = counted_file(f, 100000);
    tg_reset(f->tape);
    f->peak = f->held;
    const size_t before = f->held;
    tg_dataset  *d = tg_archive_dataset(a, "x", a, "y");
    tg_loader   *l = loader(d, (tg_loader_options){.batch = 100});
    tg_tensor   *x, *y;
    for (int k = 0; k < 50; k++) {
        assert_true(tg_next(l, &x, &y));
        tg_reset(f->tape);
    }
    assert_true(f->peak - before < 40000); /* of 1.6 MB */
}

/* Other elements than memory has; NumPy's files as well. */
static void test_elements(void **state)
{
    fixture *f = *state;
    static const uint16_t half[] = {0x3c00, 0xc000, 0x7c00, 0x3555, 0x0001, 0x8000}; /* 1, -2, inf, a third, 2^-24, -0 */
    char                  header[200];
    tg_tensor            *x, *y;
    snprintf(header, sizeof header, "{" ENTRY("h", "F16", "[3,2]", "[0,12]") "}");
    write_archive(in_dir(f, "half.safetensors"), header, half, sizeof half);
    tg_archive *a = tg_archive_open(f->tape, in_dir(f, "half.safetensors"));
    tg_dataset *d = tg_archive_dataset(a, "h", NULL, NULL);
    assert_int_equal(tg_dataset_get(d, 0, &x, NULL), TG_OK);
    assert_true(tg_data_f32(x)[0] == 1 && tg_data_f32(x)[1] == -2);
    assert_int_equal(tg_dataset_get(d, 1, &x, NULL), TG_OK);
    assert_true(isinf(tg_data_f32(x)[0]) && fabsf(tg_data_f32(x)[1] - 1.0f / 3) < 1e-3f);
    assert_int_equal(tg_npy_write(in_dir(f, "x.npy"), tg_reshape(tg_arange(f->tape, TG_I16, 12), TG_SHAPE(4, 3))), TG_OK);
    assert_int_equal(tg_npy_write(in_dir(f, "y.npy"), tg_gt(tg_arange(f->tape, TG_F32, 4), tg_scalar(f->tape, 1))), TG_OK);
    d = tg_archive_dataset(tg_archive_open(f->tape, in_dir(f, "x.npy")), "arr_0", tg_archive_open(f->tape, in_dir(f, "y.npy")), "arr_0");
    assert_int_equal(tg_dataset_get(d, 2, &x, &y), TG_OK);
    assert_int_equal(tg_dtype_of(x), TG_I16);
    assert_int_equal(((const int16_t *)tg_data(x))[1], 7);
    assert_true(tg_item(y) == 1);
}

static void test_errors(void **state)
{
    fixture    *f = *state;
    tg_archive *a = counted_file(f, 100);
    tg_tensor  *x, *y;
    assert_null(tg_archive_dataset(NULL, "x", NULL, NULL));
    assert_null(tg_archive_dataset(a, NULL, NULL, NULL));
    expect_error(f->tape, TG_ERR_NULL, "tg_archive_dataset: x is NULL");
    assert_null(tg_archive_dataset(a, "z", NULL, NULL));
    expect_error(f->tape, TG_ERR_ARG, "there is no tensor 'z' in");
    assert_null(tg_archive_dataset(a, "scalar", NULL, NULL));
    expect_error(f->tape, TG_ERR_SHAPE, "is a scalar");
    tg_dataset *d = tg_archive_dataset(a, "x", a, "y");
    tg_archive *b = counted_file(f, 99); /* the old file, which is open, keeps its name no more */
    assert_null(tg_archive_dataset(a, "x", b, "y"));
    expect_error(f->tape, TG_ERR_SHAPE, "x has 100 rows and y 99");
    tg_dataset *short_one = tg_archive_dataset(b, "x", b, "y");
    assert_int_equal(truncate(in_dir(f, "counted.safetensors"), 500), 0);
    for (int prefetch = 0; prefetch < 2; prefetch++) {
        tg_loader *l = loader(short_one, (tg_loader_options){.batch = 10, .prefetch = prefetch});
        int        batches = 0;
        while (tg_next(l, &x, &y)) batches++;
        assert_in_range(batches, 0, 5);
        expect_error(f->tape, TG_ERR_IO, "became shorter since it was opened");
    }
    int64_t order[100];
    assert_int_equal(epoch(f->tape, loader(d, (tg_loader_options){.batch = 9}), 9, order), 100);
    snprintf(f->cut, sizeof f->cut, "{" ENTRY("b", "BOOL", "[4]", "[0,4]") "}");
    write_archive(in_dir(f, "bools.safetensors"), f->cut, "\1\0\2\1", 4);
    d = tg_archive_dataset(tg_archive_open(f->tape, in_dir(f, "bools.safetensors")), "b", NULL, NULL);
    assert_int_equal(tg_dataset_get(d, 1, &x, NULL), TG_OK);
    expect_failure(f->tape, tg_dataset_get(d, 2, &x, NULL), TG_ERR_FORMAT, "a byte that is not 0 or 1");
}

static void test_table(void **state)
{
    fixture   *f = *state;
    const char csv[] = "length,kind,width,price\n1.5,cat,2,10\n3,dog,4,20\n5,cat,6.25,30\n";
    tg_tensor *x, *y;
    write_file(in_dir(f, "t.csv"), csv, sizeof csv - 1);
    tg_table   *table = tg_csv_read(f->tape, in_dir(f, "t.csv"), NULL);
    tg_dataset *d = tg_table_dataset(table, "kind"), *prices = tg_table_dataset(table, "price"), *plain = tg_table_dataset(table, NULL);
    assert_true(d && prices && plain);
    tg_table_free(table);
    assert_true(tg_next(loader(d, (tg_loader_options){0}), &x, &y));
    const float   numbers[] = {1.5f, 2, 10, 3, 4, 20, 5, 6.25f, 30};
    const int64_t kinds[] = {0, 1, 0};
    assert_memory_equal(tg_data_f32(x), numbers, sizeof numbers);
    assert_memory_equal(tg_data_i64(y), kinds, sizeof kinds);
    assert_int_equal(tg_dataset_get(prices, 2, &x, &y), TG_OK);
    assert_true(tg_numel(x) == 2 && tg_data_f32(x)[1] == 6.25f && tg_numel(y) == 1 && tg_data_f32(y)[0] == 30);
    assert_int_equal(tg_dataset_shape(plain)->dim[1], 3);
    table = tg_csv_read(f->tape, in_dir(f, "t.csv"), NULL);
    assert_null(tg_table_dataset(table, "weight"));
    expect_error(f->tape, TG_ERR_ARG, "tg_table_dataset: the table has no column 'weight'");
    assert_null(tg_table_dataset(NULL, "kind"));
    write_file(in_dir(f, "t.csv"), "a,b\nx,y\n", 8);
    table = tg_csv_read(f->tape, in_dir(f, "t.csv"), NULL);
    assert_null(tg_table_dataset(table, "a"));
    expect_error(f->tape, TG_ERR_ARG, "no column but 'a' is of numbers");
    const char lacking[] = "a,b,c\n1,,x\n,2,\n3,,y\n";
    write_file(in_dir(f, "t.csv"), lacking, sizeof lacking - 1);
    table = tg_csv_read(f->tape, in_dir(f, "t.csv"), NULL);
    assert_null(tg_table_dataset(table, "a"));
    expect_error(f->tape, TG_ERR_ARG, "tg_table_dataset: column 'a' lacks 1 of its 3 values; read the file with drop_missing");
    const char categories[] = "a,n,b,c\n1,4,x,x\n2,5,,\n3,6,,y\n"; /* b is no part of it */
    write_file(in_dir(f, "t.csv"), categories, sizeof categories - 1);
    table = tg_csv_read(f->tape, in_dir(f, "t.csv"), NULL);
    assert_int_equal(tg_dataset_size(tg_table_dataset(table, "a")), 3);
    assert_null(tg_table_dataset(table, "c"));
    expect_error(f->tape, TG_ERR_ARG, "tg_table_dataset: column 'c' lacks 1 of its 3 values");
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_rows), TEST(test_memory), TEST(test_elements), TEST(test_errors), TEST(test_table)};
    return cmocka_run_group_tests_name("file_data", tests, NULL, NULL);
}
