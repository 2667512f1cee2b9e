/* test_format.c - arrays as text: style, layout, what is left out, buffer limits, the locale. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/format.h"
#include "comma_locale.h"

static char text[200000];

static tg_array array(tg_dtype dtype, const tg_shape *shape, const void *data)
{
    tg_array  a = {.data = (void *)(uintptr_t)data, .shape = shape, .dtype = dtype, .contiguous = true};
    tg_layout l = tg_layout_contiguous(shape);
    memcpy(a.stride, l.stride, sizeof a.stride);
    return a;
}

static const char *formatted(tg_dtype dtype, const tg_shape *shape, const void *data)
{
    const tg_array a = array(dtype, shape, data);
    const int      n = tg_format_array(&a, text, sizeof text);
    assert_int_equal(n, strlen(text));
    return text;
}

#define F32(...) ((const float[]){__VA_ARGS__})
#define F64(...) ((const double[]){__VA_ARGS__})

static void numbers(void **state)
{
    (void)state;
    const struct {
        int         n;
        const float x[4];
        const char *want;
    } cases[] = {
        {3, {1, 2, -3}, "[ 1.,  2., -3.]"},
        {3, {0.5f, 0.25f, 2}, "[0.50, 0.25, 2.00]"},
        {2, {0.1f, -0.2f}, "[ 0.1, -0.2]"},
        {2, {3.14159265f, 1}, "[3.1416, 1.0000]"},
        {2, {3.00001f, 1}, "[3.0000, 1.0000]"}, /* not 3. */
        {3, {0, -0.0f, 0}, "[ 0., -0.,  0.]"},
        {3, {NAN, INFINITY, -INFINITY}, "[ nan,  inf, -inf]"},
        {3, {-NAN, 1.5f, INFINITY}, "[nan, 1.5, inf]"},
        {2, {1e8f, 1}, "[1.0000e+08, 1.0000e+00]"},
        {2, {(float)99999999, 1}, "[1.0000e+08, 1.0000e+00]"}, /* rounds to 1e8 */
        {2, {9999999, 1}, "[9999999.,       1.]"},
        {2, {1e-5f, 0}, "[1.0000e-05, 0.0000e+00]"},
        {2, {2e-4f, 0}, "[0.0002, 0.0000]"},
        {2, {3.4028235e38f, -1.4e-45f}, "[ 3.4028e+38, -1.4013e-45]"},
        {1, {16777216}, "[16777216.]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char want[200];
        snprintf(want, sizeof want, "float32 [%d]\n%s", cases[i].n, cases[i].want);
        assert_string_equal(formatted(TG_F32, TG_SHAPE(cases[i].n), cases[i].x), want);
    }
    assert_string_equal(formatted(TG_F64, TG_SHAPE(2), F64(0.1, 1e-300)), "float64 [2]\n[ 1.0000e-01, 1.0000e-300]");
    assert_string_equal(formatted(TG_F64, TG_SHAPE(2), F64(0.125, 3)), "float64 [2]\n[0.125, 3.000]");
    assert_string_equal(formatted(TG_F64, TG_SHAPE(1), F64(0.1 + 0.2)), "float64 [1]\n[0.3]");
}

static void other_dtypes(void **state)
{
    (void)state;
    assert_string_equal(formatted(TG_I64, TG_SHAPE(3), ((int64_t[]){INT64_MIN, 0, INT64_MAX})),
                        "int64 [3]\n[-9223372036854775808,                    0,  9223372036854775807]");
    assert_string_equal(formatted(TG_I32, TG_SHAPE(2), ((int32_t[]){INT32_MIN, 7})),
                        "int32 [2]\n[-2147483648,           7]");
    assert_string_equal(formatted(TG_U8, TG_SHAPE(3), ((uint8_t[]){0, 255, 9})), "uint8 [3]\n[  0, 255,   9]");
    assert_string_equal(formatted(TG_I16, TG_SHAPE(3), ((int16_t[]){INT16_MIN, 0, INT16_MAX})), "int16 [3]\n[-32768,      0,  32767]");
    assert_string_equal(formatted(TG_BOOL, TG_SHAPE(2, 2), ((uint8_t[]){1, 0, 0, 1})),
                        "bool [2,2]\n[[ true, false],\n [false,  true]]");
}

static void nesting(void **state)
{
    (void)state;
    const int64_t eight[] = {1, 2, 3, 4, 5, 6, 7, 8};
    assert_string_equal(formatted(TG_F32, TG_SCALAR_SHAPE, F32(3.5f)), "float32 []\n3.5");
    assert_string_equal(formatted(TG_F32, TG_SHAPE(2, 3), F32(1, -0.25f, 3, 0.5f, 2, NAN)),
                        "float32 [2,3]\n[[ 1.00, -0.25,  3.00],\n [ 0.50,  2.00,   nan]]");
    assert_string_equal(formatted(TG_I64, TG_SHAPE(2, 2, 2), eight),
                        "int64 [2,2,2]\n[[[1, 2],\n  [3, 4]],\n\n [[5, 6],\n  [7, 8]]]");
    assert_string_equal(formatted(TG_I64, TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 2), eight),
                        "int64 [1,1,1,1,1,1,1,2]\n[[[[[[[[1, 2]]]]]]]]");
    assert_string_equal(formatted(TG_F32, TG_SHAPE(0), NULL), "float32 [0]\n[]");
    assert_string_equal(formatted(TG_F32, TG_SHAPE(3, 0, 1000), NULL), "float32 [3,0,1000]\n[]");

    /* 40 numbers of 2 columns: the line is full before the end, and the next one starts below the first number */
    int64_t many[80];
    for (int i = 0; i < 80; i++) many[i] = 10 + i;
    formatted(TG_I64, TG_SHAPE(2, 40), many);
    size_t longest = 0;
    for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        if (strcspn(line, "\n") > longest) longest = strcspn(line, "\n");
    assert_in_range(longest, 90, 112);
    assert_non_null(strstr(text, ",\n  "));
    assert_non_null(strstr(text, "],\n [50, 51,"));
}

static void strides(void **state)
{
    (void)state;
    const int64_t x[] = {1, 2, 3, 4, 5, 6};
    tg_array      a   = array(TG_I64, TG_SHAPE(3, 2), x); /* the transpose of [[1,2,3],[4,5,6]] */
    a.contiguous      = false;
    a.stride[0]       = 1;
    a.stride[1]       = 3;
    tg_format_array(&a, text, sizeof text);
    assert_string_equal(text, "int64 [3,2]\n[[1, 4],\n [2, 5],\n [3, 6]]");
    a.data      = (void *)(uintptr_t)(x + 5); /* backwards, and a row that is always the same */
    a.stride[0] = 0;
    a.stride[1] = -1;
    tg_format_array(&a, text, sizeof text);
    assert_string_equal(text, "int64 [3,2]\n[[6, 5],\n [6, 5],\n [6, 5]]");
}

static void long_axes(void **state)
{
    (void)state;
    int64_t *x = malloc(sizeof *x * 3000 * 7);
    assert_non_null(x);
    for (int i = 0; i < 3000 * 7; i++) x[i] = i;
    assert_string_equal(formatted(TG_I64, TG_SHAPE(1001), x), "int64 [1001]\n[   0,    1,    2, …,  998,  999, 1000]");
    assert_null(strstr(formatted(TG_I64, TG_SHAPE(1000), x), "…"));
    assert_string_equal(formatted(TG_I64, TG_SHAPE(3000, 7), x), "int64 [3000,7]\n"
                                                                 "[[    0,     1,     2, …,     4,     5,     6],\n"
                                                                 " [    7,     8,     9, …,    11,    12,    13],\n"
                                                                 " [   14,    15,    16, …,    18,    19,    20],\n"
                                                                 " …,\n"
                                                                 " [20979, 20980, 20981, …, 20983, 20984, 20985],\n"
                                                                 " [20986, 20987, 20988, …, 20990, 20991, 20992],\n"
                                                                 " [20993, 20994, 20995, …, 20997, 20998, 20999]]");
    assert_string_equal(formatted(TG_I64, TG_SHAPE(3000, 2), x),
                        "int64 [3000,2]\n[[   0,    1],\n [   2,    3],\n [   4,    5],\n …,\n"
                        " [5994, 5995],\n [5996, 5997],\n [5998, 5999]]");
    free(x);

    /* many axes: still not more than a screenful */
    const tg_shape *wide = TG_SHAPE(4, 4, 4, 4, 4, 4, 4, 4);
    uint8_t        *y    = calloc(65536, 1);
    assert_non_null(y);
    assert_true(strlen(formatted(TG_U8, wide, y)) < 5000);
    free(y);

    /* a stretched array larger than any memory */
    tg_array a  = array(TG_I64, TG_SHAPE((int64_t)1 << 29, (int64_t)1 << 28), &(int64_t){3});
    a.stride[0] = a.stride[1] = 0;
    assert_true(tg_format_array(&a, text, sizeof text) > 100);
    assert_non_null(strstr(text, "[3, 3, 3, …, 3, 3, 3]"));
}

static void buffers(void **state)
{
    (void)state;
    const float    x[] = {1, 2, 3};
    const tg_array a   = array(TG_F32, TG_SHAPE(3), x);
    const char    *all = "float32 [3]\n[1., 2., 3.]";
    const int      n   = (int)strlen(all);
    assert_int_equal(tg_format_array(&a, NULL, 0), n);
    for (size_t size = 0; size < (size_t)n + 3; size++) {
        char buf[64];
        memset(buf, 'x', sizeof buf);
        assert_int_equal(tg_format_array(&a, buf, size), n);
        const size_t shown = size == 0 ? 0 : size <= (size_t)n ? size - 1 : (size_t)n;
        assert_memory_equal(buf, all, shown);
        if (size > 0) assert_int_equal(buf[shown], 0);
        assert_int_equal(buf[size], 'x');
    }
    assert_int_equal(tg_format_array(NULL, text, sizeof text), -1);
    assert_int_equal(tg_format_array(&a, NULL, 5), -1);
    tg_array bad = a;
    bad.data     = NULL;
    assert_int_equal(tg_format_array(&bad, text, sizeof text), -1);
    bad       = a;
    bad.shape = NULL;
    assert_int_equal(tg_format_array(&bad, text, sizeof text), -1);
    bad.shape = &(tg_shape){.rank = 9};
    assert_int_equal(tg_format_array(&bad, text, sizeof text), -1);
    bad       = a;
    bad.dtype = TG_NDTYPES;
    assert_int_equal(tg_format_array(&bad, text, sizeof text), -1);
}

static void locale(void **state)
{
    (void)state;
    const bool comma = set_comma_locale();
    char       number[TG_NUMBER_TEXT];
    snprintf(number, sizeof number, "%.1f", 1.5);
    if (comma) assert_string_equal(number, "1,5");
    assert_string_equal(formatted(TG_F32, TG_SHAPE(3), F32(0.5f, -2.25f, NAN)), "float32 [3]\n[ 0.50, -2.25,   nan]");
    assert_string_equal(formatted(TG_F32, TG_SHAPE(2), F32(-1e-9f, INFINITY)),
                        "float32 [2]\n[-1.0000e-09,         inf]");
    assert_string_equal(formatted(TG_F32, TG_SHAPE(1), F32(2)), "float32 [1]\n[2.]");
    assert_string_equal(tg_number_text(number, 0.25), "0.25");
    assert_string_equal(tg_number_text(number, -1.5e-9), "-1.5e-09");
    assert_string_equal(tg_number_text(number, 64), "64");
    assert_string_equal(tg_number_text(number, -NAN), "nan");
    assert_string_equal(tg_number_text(number, -INFINITY), "-inf");
    setlocale(LC_NUMERIC, "C");
    if (!comma) skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers), cmocka_unit_test(other_dtypes), cmocka_unit_test(nesting),
        cmocka_unit_test(strides), cmocka_unit_test(long_axes),    cmocka_unit_test(buffers),
        cmocka_unit_test(locale),
    };
    return cmocka_run_group_tests_name("format", tests, NULL, NULL);
}
