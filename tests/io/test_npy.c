/* test_npy.c - NumPy's files of one array: read as NumPy writes them and in every other way that is right, to the bit; written, and what the
 * system refuses; memory that runs out. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "npy_test.h"

/* ---- what is right ------------------------------------------------------------------------------------------------- */

/* Six elements of each dtype, the most special bits among them, as they are in memory. */
static const float    f4[6] = {0, -0.0F, 1.5F, -INFINITY, 1e-45F, 3.4028235e38F};
static const double   f8[6] = {0, -0.0, 0.1, INFINITY, 5e-324, -1.7976931348623157e308};
static const uint32_t nan4  = 0x7fa12345; /* a NaN with a payload, signalling */
static const int64_t  i8[6] = {INT64_MIN, -1, 0, 1, 0x0102030405060708, INT64_MAX};
static const int32_t  i4[6] = {INT32_MIN, -1, 0, 1, 0x01020304, INT32_MAX};
static const int16_t  i2[6] = {INT16_MIN, -1, 0, 1, 0x0102, INT16_MAX};
static const uint8_t  u1[6] = {0, 1, 127, 128, 254, 255}, b1[6] = {0, 1, 1, 0, 1, 0};

static const struct {
    const char *kind;
    tg_dtype    dtype;
    const void *values;
} dtypes[TG_NDTYPES] = {{"f4", TG_F32, f4}, {"f8", TG_F64, f8}, {"i8", TG_I64, i8}, {"i4", TG_I32, i4}, {"u1", TG_U8, u1}, {"b1", TG_BOOL, b1}, {"i2", TG_I16, i2}};

/* The elements of a 2×3 array in the other order, the bytes of each turned round. */
static void rearrange(uint8_t *to, const uint8_t *from, size_t item, bool swap, bool columns)
{
    for (size_t i = 0; i < 6; i++) {
        const size_t source = columns ? i % 2 * 3 + i / 2 : i;
        for (size_t k = 0; k < item; k++) to[i * item + k] = from[source * item + (swap ? item - 1 - k : k)];
    }
}

static void every_layout(void **state)
{
    fixture *f = *state;
    for (int d = 0; d < TG_NDTYPES; d++) {
        const size_t item = tg_dtype_size(dtypes[d].dtype);
        for (const char *order = "<>=|"; *order; order++) {
            for (int columns = 0; columns < 2; columns++) {
                char    description[8];
                uint8_t data[48];
                snprintf(description, sizeof description, "%c%s", *order, dtypes[d].kind);
                rearrange(data, dtypes[d].values, item, *order == '>', columns);
                const file x = numpys(description, columns ? "True" : "False", "(2, 3)", data, 6 * item);
                put(f, &x);
                if (*order == '|' && item > 1)
                    assert_refused(f, TG_ERR_UNSUPPORTED, "holds elements of dtype '|");
                else
                    assert_reads(f, dtypes[d].dtype, TG_SHAPE(2, 3), dtypes[d].values, 6 * item);
            }
        }
    }
    const file x = numpys("<f4", "False", "()", &nan4, 4);
    put(f, &x);
    assert_reads(f, TG_F32, TG_SCALAR_SHAPE, &nan4, 4);
}

/* Columns of three axes and more, over several of the reader's pieces. */
static void fortran_order(void **state)
{
    fixture     *f       = *state;
    const size_t dims[3] = {7, 31, 53}, n = dims[0] * dims[1] * dims[2];
    char         header[] = "{'descr': '>i4', 'fortran_order': True, 'shape': (7, 31, 53)}";
    const file   x       = make_file(1, header, strlen(header), NULL, 0);
    uint8_t     *all     = malloc(x.n + 4 * n);
    int32_t     *want    = malloc(4 * n);
    assert_true(all && want);
    memcpy(all, x.bytes, x.n);
    for (size_t i = 0; i < dims[0]; i++)
        for (size_t j = 0; j < dims[1]; j++)
            for (size_t k = 0; k < dims[2]; k++) {
                const size_t  row = (i * dims[1] + j) * dims[2] + k, column = i + dims[0] * (j + dims[1] * k);
                const uint8_t value[] = {(uint8_t)i, (uint8_t)j, (uint8_t)k, (uint8_t)row};
                want[row]             = (int32_t)(i << 24 | j << 16 | k << 8 | (row & 0xff));
                memcpy(all + x.n + 4 * column, value, 4);
            }
    write_file(in_dir(f, "x"), all, x.n + 4 * n);
    assert_reads(f, TG_I32, TG_SHAPE(7, 31, 53), want, 4 * n);
    free(all), free(want);
    /* Orders that are the same. */
    const file line = numpys("<f8", "True", "(1, 6, 1)", f8, 48), scalar = numpys("<f8", "True", "()", f8 + 2, 8);
    put(f, &line);
    assert_reads(f, TG_F64, TG_SHAPE(1, 6, 1), f8, 48);
    put(f, &scalar);
    assert_reads(f, TG_F64, TG_SCALAR_SHAPE, f8 + 2, 8);
}

/* The same array, told otherwise. */
static void other_spellings(void **state)
{
    fixture                 *f       = *state;
    static const char *const texts[] = {
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3,)}",
        "{\"shape\":(2,3),\"descr\":\"<f4\",\"fortran_order\":False}",
        "  {\t'fortran_order'\n:\r False , 'shape' : ( 2 , 3 , ) , 'descr' : '<f4' , }\n \t\r\n",
        "{'shape':(2,3),'fortran_order':False,'descr':'=f4',}   ",
    };
    for (int version = 1; version <= 3; version++)
        for (size_t i = 0; i < COUNT(texts); i++) {
            const file x = make_file(version, texts[i], strlen(texts[i]), f4, 24);
            put(f, &x);
            assert_reads(f, TG_F32, TG_SHAPE(2, 3), f4, 24);
        }
    /* Python 2's long integers. */
    const char *const longs = "{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L), }";
    for (int version = 1; version <= 3; version++) {
        const file x = make_file(version, longs, strlen(longs), f4, 24);
        put(f, &x);
        if (version < 3)
            assert_reads(f, TG_F32, TG_SHAPE(2, 3), f4, 24);
        else
            assert_refused(f, TG_ERR_FORMAT, "has no comma at byte");
    }
}

static void shapes(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *text;
        tg_shape    shape;
        size_t      bytes;
    } rows[] = {{"()", {0, {0}}, 1},
                {"(6,)", {1, {6}}, 6},
                {"(0,)", {1, {0}}, 0},
                {"(3, 0, 2)", {3, {3, 0, 2}}, 0},
                {"(1, 1, 1, 2, 1, 1, 3, 1)", {8, {1, 1, 1, 2, 1, 1, 3, 1}}, 6}};
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int columns = 0; columns < 2; columns++) {
            const file x = numpys("|u1", columns && rows[i].bytes < 6 ? "True" : "False", rows[i].text, u1, rows[i].bytes);
            put(f, &x);
            assert_reads(f, TG_U8, &rows[i].shape, u1, rows[i].bytes);
        }
}

/* ---- writing ------------------------------------------------------------------------------------------------------- */

static void assert_written(const fixture *f, const file *want)
{
    size_t n;
    char  *got = read_file(in_dir(f, "x"), &n);
    assert_int_equal(n, want->n);
    assert_memory_equal(got, want->bytes, n);
    free(got);
    assert_int_equal(count_files(f), 1);
}

/* NumPy's own bytes, and the same bits back. */
static void writes(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *text;
        tg_shape    shape;
        size_t      count;
    } rows[] = {{"(2, 3)", {2, {2, 3}}, 6}, {"()", {0, {0}}, 1},       {"(5,)", {1, {5}}, 5},
                {"(0,)", {1, {0}}, 0},      {"(0, 3)", {2, {0, 3}}, 0}, {"(1, 1, 1, 1, 1, 1, 1, 6)", {8, {1, 1, 1, 1, 1, 1, 1, 6}}, 6}};
    for (int d = 0; d < TG_NDTYPES; d++)
        for (size_t i = 0; i < COUNT(rows); i++) {
            char         description[8];
            const size_t item = tg_dtype_size(dtypes[d].dtype), bytes = item * rows[i].count;
            snprintf(description, sizeof description, "%c%s", item > 1 ? '<' : '|', dtypes[d].kind);
            tg_tensor *x = tg_from_data(f->tape, dtypes[d].dtype, &rows[i].shape, dtypes[d].values);
            if (tg_npy_write(in_dir(f, "x"), x) != TG_OK) fail_msg("%s", tg_error(f->tape));
            const file want = numpys(description, "False", rows[i].text, dtypes[d].values, bytes);
            assert_written(f, &want);
            assert_reads(f, dtypes[d].dtype, &rows[i].shape, dtypes[d].values, bytes);
        }
    tg_tensor *x = tg_from_data(f->tape, TG_F32, TG_SCALAR_SHAPE, &nan4);
    assert_int_equal(tg_npy_write(in_dir(f, "x"), x), TG_OK);
    assert_reads(f, TG_F32, TG_SCALAR_SHAPE, &nan4, 4);
}

/* Sizes of many digits: the header grows, and the elements begin at a multiple of 64 all the same. */
static void writes_long_headers(void **state)
{
    fixture *f = *state;
    tg_shape shape = {8, {0, 1, 1, 1, 1, 1, 1, 1}};
    for (int64_t size = 1; size < 1000000; size *= 10)
        for (int k = 1; k < 8; k++) {
            shape.dim[k]     = k < 4 ? size : 1;
            size_t     n;
            tg_tensor *x = tg_from_data(f->tape, TG_U8, &shape, u1);
            assert_int_equal(tg_npy_write(in_dir(f, "x"), x), TG_OK);
            char *got = read_file(in_dir(f, "x"), &n);
            assert_true(n % 64 == 0 && got[n - 1] == '\n' && (uint8_t)got[8] + 256 * (uint8_t)got[9] == (int)n - 10);
            free(got);
            assert_reads(f, TG_U8, &shape, u1, 0);
        }
}

/* What is not computed yet, is a view, belongs to the tape. */
static void writes_any_tensor(void **state)
{
    fixture     *f    = *state;
    tg_tensor   *x    = tg_from_f32(f->tape, TG_SHAPE(2, 3), (float[]){1, 2, 3, 4, 5, 6}), *w = tg_param(f->tape, "w", tg_add_s(x, 0));
    const float  lazy[] = {2, 4, 6, 8, 10, 12}, turned[] = {1, 4, 2, 5, 3, 6}, every[] = {1, 3, 4, 6};
    const char  *path = in_dir(f, "x");
    assert_int_equal(tg_npy_write(path, tg_mul_s(x, 2)), TG_OK);
    assert_reads(f, TG_F32, TG_SHAPE(2, 3), lazy, sizeof lazy);
    assert_int_equal(tg_npy_write(path, tg_transpose(w, 0, 1)), TG_OK);
    assert_reads(f, TG_F32, TG_SHAPE(3, 2), turned, sizeof turned);
    assert_int_equal(tg_npy_write(path, tg_slice(x, 1, 0, 3, 2)), TG_OK);
    assert_reads(f, TG_F32, TG_SHAPE(2, 2), every, sizeof every);
    assert_int_equal(tg_reset(f->tape), TG_OK);
    assert_int_equal(tg_npy_write(path, w), TG_OK);
    tg_tensor *back = tg_npy_read(f->tape, path);
    assert_true(back && !tg_requires_grad(back));
    assert_int_equal(tg_assign(w, tg_add_s(back, 1)), TG_OK);
    assert_true(tg_data_f32(w)[5] == 7);
}

static void refuses_to_write(void **state)
{
    fixture    *f = *state;
    tg_tensor  *x = tg_from_f32(f->tape, TG_SHAPE(2), (float[]){1, 2});
    const char *places[] = {"", f->dir, "/dev/null", in_dir(f, "no/such"), in_dir(f, "slash/")};
    assert_int_equal(tg_npy_write(in_dir(f, "x"), x), TG_OK);
    for (size_t i = 0; i < COUNT(places); i++) expect_failure(f->tape, tg_npy_write(places[i], x), TG_ERR_IO, "tg_npy_write: cannot write '");
    expect_failure(f->tape, tg_npy_write(NULL, x), TG_ERR_NULL, "tg_npy_write: the path is NULL");
    assert_int_equal(tg_npy_write(in_dir(f, "x"), NULL), TG_ERR_NULL);
    assert_null(tg_error(f->tape));
    tg_tensor *wrong = tg_gather(x, 0, tg_from_i64(f->tape, TG_SHAPE(1), (int64_t[]){7})); /* it fails when it is computed */
    assert_non_null(wrong);
    expect_failure(f->tape, tg_npy_write(in_dir(f, "x"), wrong), TG_ERR_INDEX, "tg_npy_write");
    assert_int_equal(tg_reset(f->tape), TG_OK);
    expect_failure(f->tape, tg_npy_write(in_dir(f, "x"), x), TG_ERR_STALE, "tg_npy_write");
    const float two[] = {1, 2};
    assert_reads(f, TG_F32, TG_SHAPE(2), two, 8); /* the old file stays */
    assert_int_equal(count_files(f), 1);
}

/* ---- memory -------------------------------------------------------------------------------------------------------- */

/* Each allocation fails in turn: an error each time, the file as it was, and at the end, success. */
static void allocations_fail(void **state)
{
    fixture *f      = *state;
    int      failed = 0;
    const float values[] = {1, 2, 3, 4}, doubled[] = {2, 4, 6, 8};
    for (int64_t k = 0;; k++) {
        tg_tape    *t = new_tape(f);
        tg_tensor  *x = tg_from_f32(t, TG_SHAPE(2, 2), values);
        assert_int_equal(tg_npy_write(in_dir(f, "x"), x), TG_OK);
        tg_tensor *y = tg_mul_s(x, 2);
        assert_non_null(y);
        f->calls             = 0;
        f->fail_from         = k;
        f->fail_to           = k + 1;
        const tg_status s    = tg_npy_write(in_dir(f, "x"), y);
        tg_tensor      *back = tg_npy_read(t, in_dir(f, "x"));
        f->fail_from = f->fail_to = 0;
        const bool all = f->calls <= k;
        if (!all) expect_error(t, TG_ERR_MEMORY, "out of memory");
        if (!all) assert_true((s == TG_ERR_MEMORY) != !back);
        assert_null(tg_error(t));
        assert_reads(f, TG_F32, TG_SHAPE(2, 2), s == TG_OK ? doubled : values, sizeof values);
        failed += !all;
        tg_tape_free(t);
        if (all) break;
    }
    assert_true(failed >= 2); /* the header, the values */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_layout), TEST(fortran_order),       TEST(other_spellings),   TEST(shapes),
        TEST(writes),       TEST(writes_long_headers), TEST(writes_any_tensor), TEST(refuses_to_write),
        TEST(allocations_fail),
    };
    return cmocka_run_group_tests_name("npy", tests, NULL, NULL);
}
