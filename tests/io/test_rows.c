/* test_rows.c - rows of arrays in files: the same as in the whole array, in every layout; and what has no rows. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "npy_test.h"

/* Each run of rows of the array in the file x is what the whole array has there. */
static void assert_rows(const fixture *f, int64_t rows, size_t row)
{
    tg_tensor  *all = read_back(f);
    tg_archive *a   = tg_archive_open(f->tape, in_dir(f, "x"));
    if (!all || !a) fail_msg("%s", tg_error(f->tape));
    assert_int_equal(tg_archive_count(a), 1);
    assert_string_equal(tg_archive_name(a, 0), "arr_0");
    assert_true(tg_shape_equal(tg_archive_shape(a, 0), tg_shape_of(all)) && tg_archive_dtype(a, 0) == tg_dtype_of(all));
    const char *data = tg_data(all);
    assert_memory_equal(tg_data(tg_archive_read(a, "arr_0")), data, row * (size_t)rows);
    for (int64_t first = 0; first <= rows; first++)
        for (int64_t count = 0; first + count <= rows; count++) {
            tg_tensor *x[] = {tg_npy_read_rows(f->tape, in_dir(f, "x"), first, count), tg_archive_read_rows(a, "arr_0", first, count)};
            for (int i = 0; i < 2; i++) {
                if (!x[i]) fail_msg("%s", tg_error(f->tape));
                assert_int_equal(tg_shape_of(x[i])->dim[0], count);
                assert_int_equal(tg_dtype_of(x[i]), tg_dtype_of(all));
                if (count) assert_memory_equal(tg_data(x[i]), data + row * (size_t)first, row * (size_t)count);
            }
        }
    tg_archive_close(a);
}

static void every_layout(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *kind;
        size_t      size, wide;
    } kinds[] = {{"f4", 4, 4}, {"f8", 8, 8}, {"f2", 2, 4}, {"i1", 1, 2}, {"u2", 2, 4}, {"u4", 4, 8}, {"i2", 2, 2}, {"u1", 1, 1}};
    static const struct {
        const char *text;
        size_t      rows, rest;
    } shapes[] = {{"(6, 2, 3)", 6, 6}, {"(5,)", 5, 1}, {"(4, 0)", 4, 0}, {"(1, 7)", 1, 7}, {"(7, 1)", 7, 1}, {"(3, 1, 2, 2)", 3, 4}};
    uint8_t data[8 * 36];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)(i * 37 % 120); /* no NaN, whose bits may change */
    for (size_t k = 0; k < COUNT(kinds); k++)
        for (size_t s = 0; s < COUNT(shapes); s++)
            for (int columns = 0; columns < 2; columns++)
                for (int big = 0; big < 2; big++) {
                    char description[8];
                    snprintf(description, sizeof description, "%c%s", kinds[k].size == 1 ? '|' : big ? '>' : '<', kinds[k].kind);
                    const file x = numpys(description, columns ? "True" : "False", shapes[s].text, data, kinds[k].size * shapes[s].rows * shapes[s].rest);
                    put(f, &x);
                    assert_rows(f, (int64_t)shapes[s].rows, shapes[s].rest * kinds[k].wide);
                    assert_int_equal(tg_reset(f->tape), TG_OK);
                }
}

/* The numbers of the widened dtypes, and their byte order: against what they are by definition. */
static void widened(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *description;
        uint8_t     bytes[6 * 4];
        size_t      size;
        tg_dtype    dtype;
        double      want[6];
    } rows[] = {
        {"|i1", {0, 1, 127, 128, 255, 200}, 1, TG_I16, {0, 1, 127, -128, -1, -56}},
        {"<u2", {0, 0, 1, 0, 0, 1, 255, 127, 0, 128, 255, 255}, 2, TG_I32, {0, 1, 256, 32767, 32768, 65535}},
        {">u2", {0, 0, 1, 0, 0, 1, 255, 127, 0, 128, 255, 255}, 2, TG_I32, {0, 256, 1, 65407, 128, 65535}},
        {"<u4", {0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 128, 255, 255, 255, 255, 0, 1, 0, 0, 255, 255, 255, 127}, 4, TG_I64, {0, 1, 2147483648.0, 4294967295.0, 256, 2147483647}},
        {">u4", {0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 128, 255, 255, 255, 255, 0, 1, 0, 0, 255, 255, 255, 127}, 4, TG_I64, {0, 16777216, 128, 4294967295.0, 65536, 4294967167.0}},
        {"<f2", {0, 0, 0, 60, 0, 188, 255, 123, 1, 0, 85, 53}, 2, TG_F32, {0, 1, -1, 65504, 5.9604644775390625e-8, 0.333251953125}},
        {">f2", {0, 0, 60, 0, 188, 0, 123, 255, 0, 1, 124, 0}, 2, TG_F32, {0, 1, -1, 65504, 5.9604644775390625e-8, (double)INFINITY}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const file x = numpys(rows[i].description, "False", "(2, 3)", rows[i].bytes, 6 * rows[i].size);
        put(f, &x);
        tg_tensor *y = read_back(f);
        if (!y) fail_msg("%s", tg_error(f->tape));
        assert_int_equal(tg_dtype_of(y), rows[i].dtype);
        const double *got = tg_data_f64(tg_to(y, TG_F64));
        for (int k = 0; k < 6; k++)
            if (got[k] != rows[i].want[k]) fail_msg("%s, %d: %.17g", rows[i].description, k, got[k]);
    }
}

/* Column-major rows of several pieces of the reader. */
static void long_columns(void **state)
{
    fixture      *f    = *state;
    const int64_t n    = 9000;
    const char    head[] = "{'descr': '<i4', 'fortran_order': True, 'shape': (9000, 3)}";
    const file    x    = make_file(1, head, strlen(head), NULL, 0);
    uint8_t      *all  = malloc(x.n + 4 * 3 * (size_t)n);
    assert_non_null(all);
    memcpy(all, x.bytes, x.n);
    for (int32_t i = 0; i < 3 * n; i++) memcpy(all + x.n + 4 * (size_t)i, &i, 4);
    write_file(in_dir(f, "x"), all, x.n + 4 * 3 * (size_t)n);
    free(all);
    for (int64_t first = 0; first < 2; first++) {
        tg_tensor *y = tg_npy_read_rows(f->tape, in_dir(f, "x"), first, n - 2 * first);
        assert_non_null(y);
        const int32_t *got = tg_data(y);
        for (int64_t i = 0; i < n - 2 * first; i++)
            for (int64_t k = 0; k < 3; k++) assert_int_equal(got[3 * i + k], k * n + i + first);
    }
}

static void refusals(void **state)
{
    fixture   *f      = *state;
    tg_tape   *t      = f->tape;
    const file matrix = numpys("|u1", "False", "(2, 3)", "abcdef", 6), scalar = numpys("|u1", "False", "()", "a", 1);
    put(f, &matrix);
    const char   *path       = in_dir(f, "x");
    const int64_t wrong[][2] = {{0, 3}, {-1, 1}, {2, 1}, {3, 0}, {1, INT64_MAX}, {INT64_MAX, INT64_MAX}, {INT64_MIN, 1}};
    tg_archive   *a          = tg_archive_open(t, path);
    for (size_t i = 0; i < COUNT(wrong); i++) {
        assert_null(tg_npy_read_rows(t, path, wrong[i][0], wrong[i][1]));
        expect_error(t, TG_ERR_INDEX, "x' has 2 rows, but ");
        assert_null(tg_archive_read_rows(a, "arr_0", wrong[i][0], wrong[i][1]));
        expect_error(t, TG_ERR_INDEX, "tensor 'arr_0' has 2 rows, but ");
    }
    assert_null(tg_npy_read_rows(t, path, 0, -1));
    expect_error(t, TG_ERR_ARG, "tg_npy_read_rows: count must be 0 or more, got -1");
    assert_null(tg_archive_read_rows(a, "arr_0", 0, -1));
    expect_error(t, TG_ERR_INDEX, "tg_archive_read_rows");
    assert_null(tg_archive_read_rows(a, "no", 0, 1));
    expect_error(t, TG_ERR_ARG, "there is no tensor 'no'");
    assert_null(tg_archive_read_rows(a, NULL, 0, 1));
    expect_error(t, TG_ERR_NULL, "the name is NULL");
    assert_null(tg_npy_read_rows(t, NULL, 0, 1));
    expect_error(t, TG_ERR_NULL, "tg_npy_read_rows: the path is NULL");
    assert_true(!tg_npy_read_rows(NULL, path, 0, 1) && !tg_archive_read_rows(NULL, "x", 0, 1));
    assert_int_equal(truncate(path, 130), 0); /* in the second row */
    assert_non_null(tg_archive_read_rows(a, "arr_0", 0, 0));
    assert_null(tg_archive_read_rows(a, "arr_0", 1, 1));
    expect_error(t, TG_ERR_IO, "became shorter while it was read");
    tg_archive_close(a);
    put(f, &scalar);
    assert_null(tg_npy_read_rows(t, path, 0, 1));
    expect_error(t, TG_ERR_SHAPE, "is a scalar, which has no rows");
    /* Bools are looked at where they are read. */
    const file bools = numpys("|b1", "False", "(3, 1)", "\1\2\0", 3);
    put(f, &bools);
    assert_non_null(tg_npy_read_rows(t, path, 2, 1));
    assert_null(tg_npy_read_rows(t, path, 1, 1));
    expect_error(t, TG_ERR_FORMAT, "is of bools and has a byte that is not 0 or 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(every_layout), TEST(widened), TEST(long_columns), TEST(refusals)};
    return cmocka_run_group_tests_name("rows of files", tests, NULL, NULL);
}
