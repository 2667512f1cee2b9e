/* test_safetensors.c - files of named tensors: bytes, round trips, parameters, memory, arguments. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "file_fixture.h"

/* ---- round trips ---------------------------------------------------------------------------------------------------
 */

static void the_bytes_of_a_file(void **state)
{
    fixture    *f    = *state;
    const char *path = in_dir(f, "a.safetensors"), *names[] = {"flag", "w \"1\"", "n"};
    tg_tensor  *all[] = {tg_from_data(f->tape, TG_BOOL, TG_SHAPE(3), (uint8_t[]){1, 0, 1}),
                         tg_from_f32(f->tape, TG_SHAPE(1, 2), (float[]){1.0f, -2.0f}),
                         tg_from_i64(f->tape, TG_SCALAR_SHAPE, (int64_t[]){258})};
    assert_int_equal(tg_save_tensors(path, names, all, 3), TG_OK);
    static const char    header[] = "{\"n\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},"
                                    "\"w \\\"1\\\"\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[8,16]},"
                                    "\"flag\":{\"dtype\":\"BOOL\",\"shape\":[3],\"data_offsets\":[16,19]}}";
    static const uint8_t data[]   = {2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0, 1, 0, 1};
    const size_t         length = strlen(header), padded = (length + 7) / 8 * 8;
    size_t               size;
    char                *file = read_file(path, &size);
    assert_int_equal(size, 8 + padded + sizeof data);
    assert_int_equal((uint8_t)file[0], padded & 255);
    assert_int_equal((uint8_t)file[1], padded >> 8);
    assert_memory_equal(file + 2, "\0\0\0\0\0\0", 6);
    assert_memory_equal(file + 8, header, length);
    for (size_t i = length; i < padded; i++) assert_int_equal(file[8 + i], ' ');
    assert_memory_equal(file + 8 + padded, data, sizeof data);
    free(file);
    assert_int_equal(count_files(f), 1);
}

static void round_trip(void **state)
{
    fixture      *f     = *state;
    tg_tape      *t     = f->tape;
    const char   *path  = in_dir(f, "all");
    const float   f32[] = {0, -0.0f, NAN, INFINITY, 1e-45f, 3.4e38f};
    const double  f64[] = {0.1, -INFINITY, 5e-324};
    const int64_t i64[] = {INT64_MIN, INT64_MAX};
    const int32_t i32[] = {INT32_MIN, 7};
    const int16_t i16[] = {INT16_MIN, -1, 7};
    const uint8_t u8[] = {0, 255, 3}, flags[] = {1, 0};
    const struct {
        const char     *name;
        tg_dtype        dtype;
        const tg_shape *shape;
        const void     *data;
        size_t          bytes;
    } cases[] = {
        {"f32", TG_F32, TG_SHAPE(2, 3), f32, sizeof f32},
        {"f64", TG_F64, TG_SHAPE(3), f64, sizeof f64},
        {"größe \n\t\\ \"x\" \x01 𝛼", TG_I64, TG_SHAPE(2), i64, sizeof i64},
        {"i32", TG_I32, TG_SHAPE(1, 2), i32, sizeof i32},
        {"i16", TG_I16, TG_SHAPE(3, 1), i16, sizeof i16},
        {"", TG_U8, TG_SHAPE(1, 1, 1, 1, 1, 1, 3, 1), u8, sizeof u8},
        {"flags", TG_BOOL, TG_SHAPE(2), flags, sizeof flags},
        {"scalar", TG_F32, TG_SCALAR_SHAPE, f32 + 4, 4},
        {"empty", TG_F32, TG_SHAPE(3, 0, 2), NULL, 0},
        {"empty bool", TG_BOOL, TG_SHAPE(0), NULL, 0},
    };
    enum { N = sizeof cases / sizeof *cases };
    const char *names[N];
    tg_tensor  *tensors[N];
    for (int i = 0; i < N; i++) {
        names[i]   = cases[i].name;
        tensors[i] = tg_from_data(t, cases[i].dtype, cases[i].shape, cases[i].data);
    }
    assert_int_equal(tg_save_tensors(path, names, tensors, N), TG_OK);

    tg_archive *a = tg_archive_open(t, path);
    assert_non_null(a);
    assert_int_equal(tg_reset(t), TG_OK); /* the archive outlives it */
    assert_int_equal(tg_archive_count(a), N);
    for (int twice = 0; twice < 2; twice++) {
        for (int i = 0; i < N; i++) {
            tg_tensor *x = tg_archive_read(a, cases[i].name);
            assert_non_null(x);
            assert_int_equal(tg_dtype_of(x), cases[i].dtype);
            assert_int_equal(tg_rank(x), cases[i].shape->rank);
            for (int k = 0; k < cases[i].shape->rank; k++) assert_int_equal(tg_dim(x, k), cases[i].shape->dim[k]);
            if (cases[i].bytes > 0) assert_memory_equal(tg_data(x), cases[i].data, cases[i].bytes);
        }
    }
    /* in the order of the data: larger elements first */
    assert_null(tg_archive_name(a, -1));
    assert_null(tg_archive_name(a, N));
    assert_string_equal(tg_archive_name(a, 0), "f64");
    for (int i = 0; i < N; i++)
        for (int k = 0; k < i; k++) assert_string_not_equal(tg_archive_name(a, i), tg_archive_name(a, k));

    assert_null(tg_archive_read(a, "none"));
    expect_error(t, TG_ERR_ARG, "no tensor 'none'");
    assert_null(tg_archive_read(a, NULL));
    expect_error(t, TG_ERR_NULL, "name");
    tg_archive_close(a);
    assert_non_null(tg_archive_open(t, path)); /* and one that goes with the tape */
}

static void values_are_computed_and_contiguous(void **state)
{
    fixture    *f       = *state;
    tg_tape    *t       = f->tape;
    const char *names[] = {"view", "sum"};
    tg_tensor  *x       = tg_from_f32(t, TG_SHAPE(2, 3), (float[]){1, 2, 3, 4, 5, 6});
    tg_tensor  *all[]   = {tg_mT(x), tg_sum(x, TG_ALL_AXES, false)};
    assert_int_equal(tg_save_tensors(in_dir(f, "v"), names, all, 2), TG_OK);
    tg_archive *a = tg_archive_open(t, in_dir(f, "v"));
    tg_tensor  *v = tg_archive_read(a, "view");
    assert_non_null(v);
    assert_int_equal(tg_dim(v, 0), 3);
    assert_memory_equal(tg_data(v), ((float[]){1, 4, 2, 5, 3, 6}), 24);
    assert_true(tg_item(tg_archive_read(a, "sum")) == 21);
}

/* ---- parameters ----------------------------------------------------------------------------------------------------
 */

static void save_and_load(void **state)
{
    fixture    *f    = *state;
    const char *path = in_dir(f, "model");
    tg_tape    *a = tape_with_params(f, 10), *b = tape_with_params(f, 20);
    assert_int_equal(tg_save(a, path), TG_OK);
    assert_int_equal(tg_load(b, path), TG_OK);
    assert_params(b, 10);
    assert_int_equal(tg_save(b, in_dir(f, "again")), TG_OK);
    size_t n, m;
    char  *x = read_file(in_dir(f, "model"), &n), *y = read_file(in_dir(f, "again"), &m);
    assert_int_equal(n, m);
    assert_memory_equal(x, y, n);
    free(x);
    free(y);

    /* what was recorded before and has no value yet is invalid after loading */
    tg_tensor *sum = tg_sum(tg_param_named(b, "w"), TG_ALL_AXES, false);
    assert_int_equal(tg_load(b, path), TG_OK);
    assert_true(isnan(tg_item(sum)));
    expect_error(b, TG_ERR_STALE, "");
    tg_tape_free(a);
    tg_tape_free(b);

    /* no parameters: a file without tensors */
    assert_int_equal(tg_save(f->tape, path), TG_OK);
    assert_int_equal(tg_load(f->tape, path), TG_OK);
    x = read_file(path, &n);
    assert_int_equal(n, 16);
    assert_memory_equal(x, "\x08\0\0\0\0\0\0\0{}      ", 16);
    free(x);
}

static void load_is_all_or_nothing(void **state)
{
    fixture    *f    = *state;
    tg_tape    *t    = tape_with_params(f, 20);
    const char *path = in_dir(f, "other"), *names[] = {"w", "schicht/größe", "none", "more"};
    tg_tensor  *w = tg_from_f32(t, TG_SHAPE(2, 3), (float[]){1, 2, 3, 4, 5, 6}),
              *g  = tg_from_f64(t, TG_SHAPE(2), (double[]){1, 2});
    tg_tensor *e  = tg_from_f32(t, TG_SHAPE(0), NULL);
    const struct {
        int         n;
        tg_tensor  *all[4];
        tg_status   status;
        const char *part;
    } cases[] = {
        {2, {w, g}, TG_ERR_ARG, "'none' is not in"},
        {4, {w, g, e, e}, TG_ERR_ARG, "'more', which is no parameter"},
        {3, {w, w, e}, TG_ERR_DTYPE, "'schicht/größe' is float64, but float32"},
        {3, {tg_reshape(w, TG_SHAPE(3, 2)), g, e}, TG_ERR_SHAPE, "'w' is [2,3], but [3,2]"},
        {3, {w, g, tg_reshape(e, TG_SHAPE(0, 1))}, TG_ERR_SHAPE, "'none' is [0], but [0,1]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(tg_save_tensors(path, names, cases[i].all, cases[i].n), TG_OK);
        assert_int_equal(tg_load(t, path), cases[i].status);
        expect_error(t, cases[i].status, cases[i].part);
        assert_params(t, 20);
    }
    tg_tape_free(t);
}

/* ---- memory --------------------------------------------------------------------------------------------------------
 */

/* Each allocation in turn fails, once and from there on: an error, the parameters and the file as they were; what is
 * lost shows at the end, when the tapes are gone. */
static void out_of_memory(void **state)
{
    fixture *f = *state;
    tg_tape *t = tape_with_params(f, 1), *u = tape_with_params(f, 2);
    assert_int_equal(tg_save(t, in_dir(f, "model")), TG_OK);
    size_t size, now;
    char  *before   = read_file(in_dir(f, "model"), &size);
    int    failures = 0;
    for (int lasting = 0; lasting < 2; lasting++) {
        for (int job = 0; job < 3; job++) {
            for (int k = 0; k < 60; k++) {
                tg_status   s = TG_OK;
                tg_archive *a = NULL;
                f->fail_from  = f->calls + k;
                f->fail_to    = lasting ? INT64_MAX : f->fail_from + 1;
                if (job == 0) s = tg_save(u, in_dir(f, "model"));
                if (job == 1) s = tg_load(u, in_dir(f, "model"));
                if (job == 2) {
                    a = tg_archive_open(u, in_dir(f, "model"));
                    if (!tg_archive_read(a, "w")) s = TG_ERR_MEMORY;
                    tg_archive_close(a);
                }
                f->fail_to = 0;
                assert_true(s == TG_OK || s == TG_ERR_MEMORY);
                assert_int_equal(tg_error_status(u), s);
                assert_params(u, s == TG_OK && job == 1 ? 1 : 2);
                char *after = read_file(in_dir(f, "model"), &now);
                assert_int_equal(now, size);
                if (s != TG_OK || job > 0) assert_memory_equal(before, after, size);
                free(after);
                assert_int_equal(count_files(f), 1);
                failures += s != TG_OK;
                tg_clear_error(u);
                tg_reset(u);
                if (s == TG_OK) {
                    tg_tape_free(u);
                    u = tape_with_params(f, 2);
                    assert_int_equal(tg_save(t, in_dir(f, "model")), TG_OK);
                    break;
                }
                assert_true(k < 59);
            }
        }
    }
    assert_true(failures >= 12);
    free(before);
    tg_tape_free(t);
    tg_tape_free(u);
}

/* ---- arguments -----------------------------------------------------------------------------------------------------
 */

static void wrong_arguments(void **state)
{
    fixture    *f = *state;
    tg_tape    *t = f->tape, *other = new_tape(f);
    const char *path = in_dir(f, "x"), *names[] = {"a", "b"}, *same[] = {"a", "a"}, *none[] = {"a", NULL};
    const char *bad[] = {"a", "\xff"}, *own[] = {"a", "__metadata__"};
    tg_tensor  *x = tg_scalar(t, 1), *y = tg_scalar(other, 1), *xx[] = {x, x}, *xy[] = {x, y}, *x0[] = {x, NULL};
    assert_int_equal(tg_save_tensors(path, names, xy, 2), TG_ERR_TAPE);
    expect_error(t, TG_ERR_TAPE, "tg_save_tensors");
    assert_int_equal(tg_save_tensors(path, same, xx, 2), TG_ERR_ARG);
    expect_error(t, TG_ERR_ARG, "same name");
    assert_int_equal(tg_save_tensors(path, none, xx, 2), TG_ERR_NULL);
    expect_error(t, TG_ERR_NULL, "name of tensor 1");
    assert_int_equal(tg_save_tensors(path, bad, xx, 2), TG_ERR_ARG);
    expect_error(t, TG_ERR_ARG, "UTF-8");
    assert_int_equal(tg_save_tensors(path, own, xx, 2), TG_ERR_ARG);
    expect_error(t, TG_ERR_ARG, "__metadata__");
    assert_int_equal(tg_save_tensors(NULL, names, xx, 2), TG_ERR_NULL);
    expect_error(t, TG_ERR_NULL, "path");
    assert_int_equal(tg_save_tensors(path, names, x0, 2), TG_ERR_NULL);
    assert_int_equal(tg_save_tensors(path, NULL, xx, 2), TG_ERR_NULL);
    expect_error(t, TG_ERR_NULL, "the names are NULL");
    assert_int_equal(tg_save_tensors(path, names, NULL, 2), TG_ERR_NULL);
    assert_int_equal(tg_save_tensors(path, names, xx, 0), TG_ERR_ARG);
    assert_int_equal(tg_save_tensors(path, names, xx, -1), TG_ERR_ARG);
    assert_int_equal(tg_save(t, NULL), TG_ERR_NULL);
    expect_error(t, TG_ERR_NULL, "tg_save: the path");
    assert_int_equal(tg_load(t, NULL), TG_ERR_NULL);
    expect_error(t, TG_ERR_NULL, "tg_load: the path");
    assert_null(tg_archive_open(t, NULL));
    expect_error(t, TG_ERR_NULL, "tg_archive_open: the path");
    tg_reset(t);
    assert_int_equal(tg_save_tensors(path, names, xx, 2), TG_ERR_STALE);
    expect_error(t, TG_ERR_STALE, "tg_save_tensors");
    assert_int_equal(tg_save(NULL, path), TG_ERR_NULL);
    assert_int_equal(tg_load(NULL, path), TG_ERR_NULL);
    assert_null(tg_archive_open(NULL, path));
    assert_int_equal(tg_archive_count(NULL), 0);
    assert_null(tg_archive_name(NULL, 0));
    assert_null(tg_archive_read(NULL, "a"));
    tg_archive_close(NULL);
    assert_int_equal(count_files(f), 0);
    tg_tape_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_bytes_of_a_file),
        TEST(round_trip),
        TEST(values_are_computed_and_contiguous),
        TEST(save_and_load),
        TEST(load_is_all_or_nothing),
        TEST(out_of_memory),
        TEST(wrong_arguments),
    };
    return cmocka_run_group_tests_name("safetensors", tests, NULL, NULL);
}
