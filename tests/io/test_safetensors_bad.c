/* test_safetensors_bad.c - files of named tensors: everything that can be wrong with a file. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "file_fixture.h"

/* ---- malformed files -----------------------------------------------------------------------------------------------
 */

/* with n bytes of zeros */
static void write_safetensors(const char *path, const char *header, size_t data)
{
    write_archive(path, header, NULL, data);
}

#define T(name, dtype, shape, offsets) ENTRY(name, dtype, shape, offsets)

static void malformed_headers(void **state)
{
    fixture    *f    = *state;
    const char *path = in_dir(f, "bad");
    static const struct {
        const char *header;
        size_t      data;
    } bad[] = {
        {"", 0},
        {" {}", 0},
        {"{", 0},
        {"[]", 0},
        {"{}x", 0},
        {"{}{}", 0},
        {"{},", 0},
        {"{,}", 0},
        {"null", 0},
        {"{}", 1},
        {"{\"a\"}", 0},
        {"{\"a\":1}", 0},
        {"{\"a\":{}}", 0},
        {"{a:1}", 0},
        {"{1:{}}", 0},
        {"{" T("a", "F32", "[1]", "[0,4]") ",}", 4},
        {"{" T("a", "F32", "[1]", "[0,4]") " " T("b", "F32", "[0]", "[4,4]") "}", 4},
        {"{" T("a", "F32", "[1]", "[0,4]"), 4}, /* no } */
        {"{" T("a", "F32", "[1]", "[0,4]") "}", 3},
        {"{" T("a", "F32", "[1]", "[0,4]") "}", 5},
        {"{" T("a", "F33", "[1]", "[0,5]") "}", 4},
        {"{" T("a", "f32", "[-1]", "[0,4]") "}", 4},
        {"{" T("a", "F32", "[2]", "[0,4]") "}", 4},
        {"{" T("a", "F32", "[1]", "[4,0]") "}", 4},                                     /* reversed */
        {"{" T("a", "F32", "[1]", "[4,8]") "}", 8},                                     /* a hole in front */
        {"{" T("a", "F32", "[1]", "[0,4]") "," T("b", "F32", "[1]", "[8,12]") "}", 12}, /* between */
        {"{" T("a", "F32", "[2]", "[0,8]") "," T("b", "F32", "[1]", "[4,8]") "}", 8},   /* overlap */
        {"{" T("a", "F32", "[1]", "[0,4]") "," T("b", "F32", "[1]", "[0,4]") "}", 4},   /* the same bytes */
        {"{" T("a", "F32", "[1]", "[0,4]") "," T("a", "F32", "[1]", "[4,8]") "}", 8},   /* the same name */
        {"{" T("a", "F32", "[1]", "[0,4]") "," T("\\u0061", "F32", "[1]", "[4,8]") "}", 8},
        {"{" T("a", "F32", "[0]", "[2,2]") "," T("b", "F32", "[1]", "[0,4]") "}", 4}, /* nothing, inside of something */
        {"{" T("a", "F32", "[-1]", "[0,4]") "}", 4},
        {"{" T("a", "F32", "[1]", "[-4,0]") "}", 4},
        {"{" T("a", "F32", "[1.0]", "[0,4]") "}", 4},
        {"{" T("a", "F32", "[1e0]", "[0,4]") "}", 4},
        {"{" T("a", "F32", "[\\\"1\\\"]", "[0,4]") "}", 4},
        {"{" T("a", "F32", "[01]", "[0,4]") "}", 4},
        {"{" T("a", "F32", "[true]", "[0,4]") "}", 4},
        {"{" T("a", "F32", "[[1]]", "[0,4]") "}", 4},
        {"{" T("a", "F32", "1", "[0,4]") "}", 4},
        {"{" T("a", "F32", "[1,]", "[0,4]") "}", 4},
        {"{" T("a", "F32", "[1 1]", "[0,4]") "}", 4},
        {"{" T("a", "F32", "[1", "[0,4]") "}", 4},
        {"{" T("a", "F32", "[1]", "[0]") "}", 4},
        {"{" T("a", "F32", "[1]", "[0,4,4]") "}", 4},
        {"{" T("a", "F32", "[1]", "[]") "}", 4},
        {"{" T("a", "F32", "[1]", "{}") "}", 4},
        {"{" T("a", "F32", "[1,1,1,1,1,1,1,1,2]", "[0,4]") "}", 4},    /* rank 9 */
        {"{" T("a", "F32", "[1,1,1,1,1,1,1,1,-1]", "[0,4]") "}", 4},
        {"{" T("a", "U8", "[1,1,1,1,1,1,1,4294967296,4294967296]", "[0,0]") "}", 0},
        {"{" T("a", "F16", "[1]", "[0,4]") "}", 4},
        {"{" T("a", "F4", "[3]", "[0,1]") "}", 1}, /* 12 bits */
        {"{" T("a", "F4", "[3]", "[0,2]") "}", 2},
        {"{" T("a", "U8", "[4294967296,4294967296]", "[0,0]") "}", 0}, /* wraps to 0 */
        {"{" T("a", "U8", "[0,9223372036854775807,2]", "[0,0]") "}", 0},
        {"{" T("a", "F32", "[4611686018427387904]", "[0,0]") "}", 0},
        {"{" T("a", "U8", "[4194305,4194305,211106198978564]", "[0,4]") "}", 4}, /* wraps to 4 */
        {"{" T("a", "F32", "[9223372036854775808]", "[0,4]") "}", 4},            /* no int64 */
        {"{" T("a", "F32", "[99999999999999999999999999]", "[0,4]") "}", 4},
        {"{" T("a", "U8", "[4]", "[0,18446744073709551620]") "}", 4}, /* 2^64 + 4 */
        {"{" T("a", "U8", "[9223372036854775807]", "[0,9223372036854775807]") "}", 4},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4},
        {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4},
        {"{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"shape\":[1],\"data_offsets\":[0,4]}}", 4},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":1}}", 4},
        {"{\"a\":{\"dtype\":5,\"shape\":[1],\"data_offsets\":[0,4]}}", 4},
        {"{\"a\\u0000b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4},
        {"{\"a\xff\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4}, /* no UTF-8 */
        {"{\"a\xc0\x80\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4},
        {"{\"\\ud800\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4},
        {"{\"a\n\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4},
        {"{\"__metadata__\":{\"a\":1}}", 0},
        {"{\"__metadata__\":[]}", 0},
        {"{\"__metadata__\":{\"a\":{}}}", 0},
        {"{\"__metadata__\":{},\"__metadata__\":{}}", 0},
        {"{\"__metadata__\":" T("x", "F32", "[1]", "[0,4]") "}", 4},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_safetensors(path, bad[i].header, bad[i].data);
        if (tg_archive_open(f->tape, path)) fail_msg("was read: %s", bad[i].header);
        expect_error(f->tape, TG_ERR_FORMAT, "tg_archive_open: '");
    }
}

static void unusual_headers_that_are_right(void **state)
{
    fixture    *f    = *state;
    const char *path = in_dir(f, "good");
    static const struct {
        const char *header;
        size_t      data;
        int         n;
        const char *first;
    } good[] = {
        {"{}", 0, 0, NULL},
        {"{}        ", 0, 0, NULL},
        {"{ \"__metadata__\" : { \"format\" : \"pt\" , \"x\":\"\" } }\n", 0, 0, NULL},
        {"{" T("b", "F32", "[1]", "[4,8]") "," T("a", "U8", "[2,2]", "[0,4]") "}", 8, 2,
         "a"}, /* any order in the header */
        {"{" T("z", "F32", "[0]", "[4,4]") "," T("a", "F32", "[1]", "[0,4]") "," T("y", "F32", "[0]", "[0,0]") "}", 4,
         3, "y"},
        {"{\"a\":{\"data_offsets\":[ 0 ,\t4 ],\r\n \"shape\":[ ],\"dtype\":\"F32\"}}", 4, 1, "a"},
        {"{" T("\\ud835\\udefc\\n", "F32", "[]", "[0,4]") ",\"__metadata__\":{}}", 4, 1, "𝛼\n"},
        {"{" T("𝛼/ß\\u00e9", "I32", "[1,1,1,1,1,1,1,1]", "[0,4]") "}", 4, 1, "𝛼/ßé"},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        write_safetensors(path, good[i].header, good[i].data);
        tg_archive *a = tg_archive_open(f->tape, path);
        if (!a) fail_msg("%s: %s", good[i].header, tg_error(f->tape));
        assert_int_equal(tg_archive_count(a), good[i].n);
        if (good[i].first) {
            assert_string_equal(tg_archive_name(a, 0), good[i].first);
            assert_non_null(tg_archive_read(a, good[i].first));
        }
        tg_archive_close(a);
    }
}

static void lengths_that_lie(void **state)
{
    fixture       *f         = *state;
    const char    *path      = in_dir(f, "bad");
    const uint64_t lengths[] = {1, 3, 9, 100000001, (uint64_t)1 << 32, INT64_MAX, UINT64_MAX - 7, UINT64_MAX};
    char           file[10]  = "........{}";
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        memcpy(file, &lengths[i], 8);
        write_file(path, file, 10);
        f->peak             = f->held;
        const size_t before = f->held;
        assert_null(tg_archive_open(f->tape, path));
        expect_error(f->tape, TG_ERR_FORMAT, "header");
        assert_true(f->peak - before < 65536); /* nothing is taken for bytes that are not there */
    }
    /* every beginning of a good file, and a byte more */
    const char *names[] = {"a", "b"};
    tg_tensor  *x = tg_from_f32(f->tape, TG_SHAPE(3), (float[]){1, 2, 3}), *all[] = {x, x};
    size_t      size;
    assert_int_equal(tg_save_tensors(path, names, all, 2), TG_OK);
    char *good = read_file(path, &size);
    for (size_t n = 0; n <= size + 1; n++) {
        write_file(path, good, n);
        tg_archive *a = tg_archive_open(f->tape, path);
        assert_int_equal(a != NULL, n == size);
        if (!a) expect_error(f->tape, TG_ERR_FORMAT, n ? "is not a safetensors file" : "is empty");
        tg_archive_close(a);
    }
    /* every bit turned over: a sentence or a tensor, whatever it is */
    for (size_t i = 0; i < size * 8; i++) {
        good[i / 8] = (char)(good[i / 8] ^ 1 << i % 8);
        write_file(path, good, size);
        tg_archive *a = tg_archive_open(f->tape, path);
        assert_int_equal(a == NULL, tg_error(f->tape) != NULL);
        for (int k = 0; k < tg_archive_count(a); k++)
            if (!tg_archive_read(a, tg_archive_name(a, k))) expect_error(f->tape, TG_ERR_UNSUPPORTED, "dtype");
        tg_archive_close(a);
        tg_clear_error(f->tape);
        good[i / 8] = (char)(good[i / 8] ^ 1 << i % 8);
    }
    free(good);
}

/* Long or deep headers: refused at once, without stack, with little more memory than their bytes. */
static void hostile_headers(void **state)
{
    fixture     *f         = *state;
    const char  *path      = in_dir(f, "bad");
    const size_t long_text = (size_t)1 << 20;
    char        *text      = malloc(long_text + 200);
    assert_non_null(text);
    static const struct {
        const char *front, *repeated, *back;
        tg_status   status;
    } cases[] = {
        {"{\"a\":", "[", "", TG_ERR_FORMAT},
        {"{\"a\":", "{\"a\":", "", TG_ERR_FORMAT},
        {"{\"a\":{\"shape\":", "[", "", TG_ERR_FORMAT},
        {"{\"__metadata__\":", "{\"a\":", "", TG_ERR_FORMAT},
        {"{\"__metadata__\":{", "\"\":\"\",", "", TG_ERR_FORMAT},
        {"{\"a\":{\"shape\":[", "0,", "", TG_ERR_FORMAT},
        {"{\"a\":{\"shape\":[", "9", "", TG_ERR_FORMAT},
        {"{", "\"a\":{},", "", TG_ERR_FORMAT},
        {"{\"", "x", "\":{}}", TG_ERR_FORMAT},
        {"{\"%n%s\\u001b[31m\\u009b\xc2\x9b", "é", "\":{\"dtype\":\"F32\"}}", TG_ERR_FORMAT},
        {"", " ", "{}", TG_ERR_FORMAT},
        {"{}", "\n", "x", TG_ERR_FORMAT},
        {"", "\"", "", TG_ERR_FORMAT},
        {"{\"", "\\", "", TG_ERR_FORMAT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const size_t step = strlen(cases[i].repeated);
        char        *p    = text + sprintf(text, "%s", cases[i].front);
        while ((size_t)(p - text) + step < long_text) p = (char *)memcpy(p, cases[i].repeated, step) + step;
        strcpy(p, cases[i].back);
        write_safetensors(path, text, 0);
        f->peak             = f->held;
        const size_t before = f->held;
        assert_null(tg_archive_open(f->tape, path));
        assert_true(f->peak - before < long_text + 65536);
        const char *sentence = tg_error(f->tape);
        assert_non_null(sentence);
        assert_true(strlen(sentence) < 600);
        for (const char *c = sentence; *c; c++) assert_true((unsigned char)*c >= 0x20 && *c != 0x7f);
        assert_null(strstr(sentence, "\xc2\x9b"));
        expect_error(f->tape, cases[i].status, "tg_archive_open");
    }
    free(text);
}

static void refused_cheaply(fixture *f, const char *text, size_t data, const char *part)
{
    write_safetensors(in_dir(f, "bad"), text, data);
    f->peak             = f->held;
    const size_t before = f->held, size = 8 + strlen(text) + data;
    assert_null(tg_archive_open(f->tape, in_dir(f, "bad")));
    expect_error(f->tape, TG_ERR_FORMAT, part);
    assert_int_equal(f->held, before);
    if (f->peak - before >= size + 65536) fail_msg("refusing %zu bytes took %zu: %s", size, f->peak - before, part);
}

/* A file of nothing but tensors, as short as they can be, is refused before there is a table of them, which would be several times the file: whatever is
 * wrong, with one of them or with all together. */
static void many_tensors(void **state)
{
    fixture *f    = *state;
    enum { N = 20000, ENTRY_TEXT = 60 };
    char    *text = malloc(N * ENTRY_TEXT + 100), *at = text;
    assert_non_null(text);
    *at++ = '{';
    for (int i = 0; i < N; i++) at += sprintf(at, "\"%d\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},", i);
    strcpy(at, "]");
    refused_cheaply(f, text, 0, "a string is missing in its header");
    strcpy(at - 1, "}");
    refused_cheaply(f, text, 1, "there are bytes at its end that belong to no tensor");
    strcpy(at, "\"777\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}");
    at[-1] = ',';
    refused_cheaply(f, text, 0, "has two tensors with the name '777'");
    strcpy(at, "\"z\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}");
    refused_cheaply(f, text, 3, "tensor 'z' comes after bytes that belong to none");
    strcpy(at, "\"y\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},\"z\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}");
    refused_cheaply(f, text, 3, "tensor 'z' overlaps another one");
    free(text);
}

static void bool_bytes(void **state)
{
    fixture       *f      = *state;
    const char    *path   = in_dir(f, "bool");
    char           file[] = "........{" T("m", "BOOL", "[3]", "[0,3]") "}\1\2\0";
    const uint64_t length = sizeof file - 1 - 8 - 3;
    memcpy(file, &length, 8);
    write_file(path, file, sizeof file - 1);
    tg_archive *a = tg_archive_open(f->tape, path);
    assert_non_null(a);
    assert_null(tg_archive_read(a, "m"));
    expect_error(f->tape, TG_ERR_FORMAT, "tensor 'm' is of bools and has a byte that is not 0 or 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(malformed_headers),
        TEST(unusual_headers_that_are_right),
        TEST(lengths_that_lie),
        TEST(hostile_headers),
        TEST(many_tensors),
        TEST(bool_bytes),
    };
    return cmocka_run_group_tests_name("safetensors, bad files", tests, NULL, NULL);
}
