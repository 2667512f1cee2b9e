/* test_text.c - characters and bytes as ids, and windows of them. With ../shared/data beside the project, or where TAPEGRAD_DATA says, tiny
 * Shakespeare as well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <tapegrad.h>

#include "quiet.h"
#include "failing.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static tg_tensor *text(tg_tape *t, const char *s) { return tg_from_data(t, TG_U8, TG_SHAPE((int64_t)strlen(s)), s); }

static void assert_ids(tg_tensor *ids, const int64_t *want, int64_t n)
{
    assert_int_equal(tg_numel(ids), n);
    assert_int_equal(tg_dtype_of(ids), TG_I64);
    assert_memory_equal(tg_data_i64(ids), want, (size_t)n * sizeof *want);
}

/* ---- vocabularies ---------------------------------------------------------------------------------------------------- */

static void test_characters(void **state)
{
    (void)state;
    tg_tape    *t = quiet(TG_F32);
    const char *s = "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x99\x82" "a"; /* café € 🙂a */
    tg_vocab   *v = tg_vocab_new(text(t, s), NULL);
    char        back[40];
    static const char *const order[] = {" ", "a", "c", "f", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x99\x82"};
    assert_int_equal(tg_vocab_size(v), 7);
    for (int k = 0; k < 7; k++) assert_string_equal(tg_vocab_text(v, k), order[k]);
    assert_null(tg_vocab_text(v, 7));
    assert_null(tg_vocab_text(v, -1));
    tg_tensor *ids = tg_vocab_encode(v, text(t, s));
    assert_ids(ids, (int64_t[]){2, 1, 3, 4, 0, 5, 0, 6, 1}, 9);
    assert_int_equal(tg_vocab_decode(v, ids, back, sizeof back), strlen(s));
    assert_string_equal(back, s);
    assert_int_equal(tg_vocab_decode(v, tg_to(ids, TG_I32), back, 5), strlen(s)); /* the é does not fit, and so ends it */
    assert_string_equal(back, "caf");
    assert_int_equal(tg_vocab_decode(v, ids, NULL, 0), strlen(s));
    tg_reset(t);
    assert_null(tg_vocab_encode(v, text(t, "cab")));
    expect_error(t, TG_ERR_INDEX, "tg_vocab_encode: the character 'b' at byte 2 has no id");
    assert_ids(tg_vocab_encode(v, tg_from_data(t, TG_U8, TG_SHAPE(0), NULL)), NULL, 0);
    tg_vocab_free(v);
    tg_vocab_free(NULL);
    tg_tape_free(t);
}

static void test_unknown(void **state)
{
    (void)state;
    tg_tape  *t = quiet(TG_F32);
    tg_vocab *v = tg_vocab_new(text(t, "abracadabra"), &(tg_vocab_options){.unknown = true, .least = 2});
    char      back[20];
    assert_int_equal(tg_vocab_size(v), 4); /* a, b, r */
    assert_string_equal(tg_vocab_text(v, 0), "");
    tg_tensor *ids = tg_vocab_encode(v, text(t, "abcr"));
    assert_ids(ids, (int64_t[]){1, 2, 0, 3}, 4);
    assert_int_equal(tg_vocab_decode(v, ids, back, sizeof back), 6);
    assert_string_equal(back, "ab\xef\xbf\xbdr");
    tg_tape_free(t);
}

/* What is no UTF-8 keeps each byte, and comes back as it was; overlong forms, surrogates, what is cut off. */
static void test_stray_bytes(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "\xff", "\xc0\x80", "\xc3", "a\x80z", "\xe0\x80\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\xf0\x9f\x99"};
    static const int         characters[] = {1, 2, 1, 3, 3, 3, 4, 4, 2, 3};
    tg_tape                 *t = quiet(TG_F32);
    for (size_t k = 0; k < COUNT(rows); k++) {
        char       back[20];
        tg_vocab  *v = tg_vocab_new(text(t, rows[k]), NULL);
        tg_tensor *ids = tg_vocab_encode(v, text(t, rows[k]));
        assert_int_equal(tg_numel(ids), characters[k]);
        assert_int_equal(tg_vocab_decode(v, ids, back, sizeof back), strlen(rows[k]));
        assert_string_equal(back, rows[k]);
    }
    static const char *const whole[] = {"\xed\x9f\xbf", "\xee\x80\x80", "\xf4\x8f\xbf\xbf", "\xc2\x80", "\xe0\xa0\x80", "\xf0\x90\x80\x80", "\x7f"};
    for (size_t k = 0; k < COUNT(whole); k++) assert_int_equal(tg_vocab_size(tg_vocab_new(text(t, whole[k]), NULL)), 1);
    assert_null(tg_error(t));
    tg_tape_free(t);
}

static void test_bytes(void **state)
{
    (void)state;
    tg_tape  *t = quiet(TG_F32);
    tg_vocab *v = tg_vocab_new(tg_from_data(t, TG_U8, TG_SHAPE(0), NULL), &(tg_vocab_options){.bytes = true});
    char      back[4] = "xxx";
    assert_int_equal(tg_vocab_size(v), 256);
    tg_tensor *ids = tg_vocab_encode(v, tg_from_data(t, TG_U8, TG_SHAPE(3), "\0\xff" "a"));
    assert_ids(ids, (int64_t[]){0, 255, 97}, 3);
    assert_int_equal(tg_vocab_decode(v, ids, back, sizeof back), 3);
    assert_memory_equal(back, "\0\xff" "a", 4);
    tg_tape_free(t);
}

static void test_refused(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F32), *t2 = quiet(TG_F32);
    tg_tensor *s = text(t, "abc");
    char       back[4];
    assert_null(tg_vocab_new(NULL, NULL));
    assert_null(tg_vocab_new(tg_ones(t, TG_SHAPE(3)), NULL));
    expect_error(t, TG_ERR_DTYPE, "tg_vocab_new: a text is uint8 [n], not float32 [3]");
    static const tg_vocab_options wrong[] = {{.least = -1}, {.least = 2}, {.bytes = true, .unknown = true}};
    static const char *const      words[] = {"least is -1", "fewer than 2, with unknown alone", "every byte has an id"};
    for (size_t k = 0; k < COUNT(wrong); k++) {
        assert_null(tg_vocab_new(s, &wrong[k]));
        expect_error(t, TG_ERR_ARG, words[k]);
    }
    tg_vocab *v = tg_vocab_new(s, NULL);
    assert_null(tg_vocab_encode(v, text(t2, "a")));
    expect_error(t, TG_ERR_TAPE, "another tape");
    assert_null(tg_vocab_encode(NULL, s));
    assert_null(tg_vocab_encode(v, NULL));
    assert_int_equal(tg_vocab_decode(NULL, s, back, 4), -1);
    assert_int_equal(tg_vocab_decode(v, s, back, 4), -1);
    expect_error(t, TG_ERR_DTYPE, "ids are int64 or int32, not uint8");
    assert_int_equal(tg_vocab_decode(v, tg_full(t, TG_I64, TG_SHAPE(1), 3), back, 4), -1);
    expect_error(t, TG_ERR_INDEX, "id 0 is 3, outside 0 to 2");
    assert_int_equal(tg_vocab_size(NULL), -1);
    assert_null(tg_text_read(t, NULL));
    expect_error(t, TG_ERR_NULL, "tg_text_read: the path is NULL");
    assert_null(tg_text_read(t, "/nowhere/at/all"));
    expect_error(t, TG_ERR_IO, "tg_text_read: cannot open");
    assert_null(tg_text_read(NULL, "x"));
    tg_tape_free(t);
    tg_tape_free(t2);
}

/* ---- windows ---------------------------------------------------------------------------------------------------------- */

static void test_windows(void **state)
{
    (void)state;
    static const struct {
        int64_t n, context, stride, windows;
    } rows[] = {{11, 5, 0, 2}, {10, 5, 0, 1}, {10, 5, 1, 5}, {6, 5, 3, 1}, {20, 4, 7, 3}, {130, 0, 0, 2}};
    for (size_t k = 0; k < COUNT(rows); k++)
        for (int dtype = 0; dtype < 2; dtype++) {
            tg_tape      *t = quiet(TG_F32);
            tg_dataset   *d =
                tg_window_dataset(tg_arange(t, dtype ? TG_I32 : TG_I64, rows[k].n), &(tg_window_options){rows[k].context, rows[k].stride});
            const int64_t context = rows[k].context ? rows[k].context : 64, stride = rows[k].stride ? rows[k].stride : context;
            tg_tensor    *x, *y;
            tg_reset(t);
            assert_int_equal(tg_dataset_size(d), rows[k].windows);
            assert_true(tg_next(tg_loader_new(d, NULL), &x, &y));
            for (int64_t i = 0; i < rows[k].windows * context; i++) {
                assert_int_equal(tg_data_i64(x)[i], i / context * stride + i % context);
                assert_int_equal(tg_data_i64(y)[i], i / context * stride + i % context + 1);
            }
            tg_tape_free(t);
        }
    tg_tape *t = quiet(TG_F32);
    assert_null(tg_window_dataset(tg_arange(t, TG_I64, 5), &(tg_window_options){.context = 5}));
    expect_error(t, TG_ERR_ARG, "tg_window_dataset: 5 ids have no window of 5 and the id behind it");
    assert_null(tg_window_dataset(tg_arange(t, TG_I64, 5), &(tg_window_options){.context = -5}));
    expect_error(t, TG_ERR_ARG, "context is -5");
    assert_null(tg_window_dataset(tg_arange(t, TG_I64, 5), &(tg_window_options){.stride = -1}));
    expect_error(t, TG_ERR_ARG, "stride is -1");
    assert_null(tg_window_dataset(tg_ones(t, TG_SHAPE(9)), NULL));
    expect_error(t, TG_ERR_DTYPE, "ids are integers, not float32");
    assert_null(tg_window_dataset(tg_full(t, TG_I64, TG_SHAPE(3, 3), 1), NULL));
    expect_error(t, TG_ERR_SHAPE, "ids are [3,3], and have to be [n]");
    assert_null(tg_window_dataset(NULL, NULL));
    tg_tape_free(t);
}

static void test_allocations_fail(void **state)
{
    (void)state;
    for (int64_t k = 0, good = 0; !good; k++) {
        failing  f = {.left = -1, .once = true};
        tg_tape *t = failing_tape(&f, TG_F32);
        f.left = k;
        tg_tensor  *s = text(t, "some text that is long enough"), *x, *y;
        tg_vocab   *v = tg_vocab_new(s, NULL);
        tg_dataset *d = tg_window_dataset(tg_vocab_encode(v, s), &(tg_window_options){.context = 4});
        good = d && tg_dataset_get(d, 1, &x, &y) == TG_OK;
        f.left = -1;
        if (!good) expect_error(t, TG_ERR_MEMORY, "out of memory");
        tg_tape_free(t);
        assert_int_equal(f.held, 0);
    }
}

/* 65 characters; what goes in comes out; the windows are the text. */
static void test_shakespeare(void **state)
{
    (void)state;
    const char *data = getenv("TAPEGRAD_DATA");
    char        path[4096];
    snprintf(path, sizeof path, "%s/../tinyshakespeare/input.txt", data && *data ? data : "../shared/data/mnist");
    FILE *there = fopen(path, "rb");
    if (!there) skip();
    fclose(there);
    tg_tape    *t = quiet(TG_F32);
    tg_tensor  *s = tg_text_read(t, path), *x, *y;
    tg_vocab   *v = tg_vocab_new(s, NULL);
    tg_tensor  *ids = tg_vocab_encode(v, s);
    const int64_t n = tg_numel(s);
    char       *back = malloc((size_t)n + 1);
    assert_int_equal(n, 1115394);
    assert_int_equal(tg_vocab_size(v), 65);
    assert_int_equal(tg_vocab_decode(v, ids, back, (size_t)n + 1), n);
    assert_memory_equal(back, tg_data(s), (size_t)n);
    tg_loader *l = tg_loader_new(tg_window_dataset(ids, &(tg_window_options){.context = 64}), &(tg_loader_options){.batch = 32, .shuffle = true});
    assert_true(tg_next(l, &x, &y));
    assert_int_equal(tg_dim(x, 1), 64);
    for (int i = 0; i < 32; i++)
        for (int k = 0; k + 1 < 64; k++) assert_int_equal(tg_data_i64(x)[i * 64 + k + 1], tg_data_i64(y)[i * 64 + k]);
    free(back);
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_characters),       cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_stray_bytes),      cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_refused),          cmocka_unit_test(test_windows),
        cmocka_unit_test(test_allocations_fail), cmocka_unit_test(test_shakespeare),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
