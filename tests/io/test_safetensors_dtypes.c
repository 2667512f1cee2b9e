/* test_safetensors_dtypes.c - files with tensors of all the format's dtypes and of many axes: what can be read is read, whatever lies
 * beside it; half precision becomes single. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "file_fixture.h"

/* ---- half precision ------------------------------------------------------------------------------------------------
 */

/* (-1)^sign 1.fraction 2^(exponent - bias), 0.fraction 2^(1 - bias) for exponent 0, inf and NaN for the largest. */
static double value_of(unsigned x, int exponent_bits, int fraction_bits)
{
    const int    bias = (1 << (exponent_bits - 1)) - 1, exponent = (int)(x >> fraction_bits) & ((1 << exponent_bits) - 1);
    const double fraction = (double)(x & ((1u << fraction_bits) - 1)) / (double)(1u << fraction_bits);
    double       v        = exponent == 0 ? ldexp(fraction, 1 - bias) : ldexp(1 + fraction, exponent - bias);
    if (exponent == (1 << exponent_bits) - 1) v = fraction == 0 ? (double)INFINITY : (double)NAN;
    return x >> 15 ? -v : v;
}

/* Every one of the 65,536 numbers, in an archive and as a parameter. */
static void check_half(const fixture *f, const char *header, int exponent_bits, int fraction_bits)
{
    const char *path = in_dir(f, "half");
    uint16_t   *all  = malloc(65536 * sizeof *all);
    assert_non_null(all);
    for (unsigned i = 0; i < 65536; i++) all[i] = (uint16_t)i;
    write_archive(path, header, all, 65536 * sizeof *all);
    free(all);
    tg_tape    *t = f->tape;
    tg_archive *a = tg_archive_open(t, path);
    tg_tensor  *x = tg_archive_read(a, "x"), *p = tg_param(t, "x", tg_zeros(t, TG_SHAPE(256, 256)));
    assert_non_null(x);
    assert_non_null(p);
    assert_int_equal(tg_dtype_of(x), TG_F32);
    assert_int_equal(tg_load(t, path), TG_OK);
    const float *read = tg_data_f32(x), *loaded = tg_data_f32(p);
    assert_non_null(read);
    assert_non_null(loaded);
    assert_memory_equal(read, loaded, 65536 * sizeof *read);
    for (unsigned i = 0; i < 65536; i++) {
        const double want = value_of(i, exponent_bits, fraction_bits);
        uint32_t     bits;
        memcpy(&bits, &read[i], sizeof bits);
        if (isnan(want)
                ? !isnan(read[i]) || (bits >> (23 - fraction_bits) & ((1u << fraction_bits) - 1)) != (i & ((1u << fraction_bits) - 1))
                : (double)read[i] != want)
            fail_msg("%04x became %a, not %a", i, (double)read[i], want);
        assert_int_equal(bits >> 31, i >> 15);
    }
    assert_int_equal(tg_release(p), TG_OK);
    tg_archive_close(a);
}

static void every_half(void **state)
{
    check_half(*state, "{" ENTRY("x", "F16", "[256,256]", "[0,131072]") "}", 5, 10);
    check_half(*state, "{" ENTRY("x", "BF16", "[256,256]", "[0,131072]") "}", 8, 7);
}

/* ---- 16-bit integers -----------------------------------------------------------------------------------------------
 */

/* Its bytes as the format has them, at an odd place of the data; a file that names too few of them is refused. */
static void short_integers(void **state)
{
    fixture            *f       = *state;
    const char         *path    = in_dir(f, "short");
    const unsigned char bytes[] = {9, 0x00, 0x80, 0xff, 0xff, 0x2c, 0x01, 0xff, 0x7f};
    write_archive(path, "{" ENTRY("u", "U8", "[1]", "[0,1]") "," ENTRY("x", "I16", "[2,2]", "[1,9]") "}", bytes, sizeof bytes);
    tg_archive *a = tg_archive_open(f->tape, path);
    tg_tensor  *x = tg_archive_read(a, "x");
    assert_non_null(x);
    assert_int_equal(tg_dtype_of(x), TG_I16);
    assert_memory_equal(tg_data(x), ((int16_t[]){-32768, -1, 300, 32767}), 8);
    tg_archive_close(a);
    write_archive(path, "{" ENTRY("x", "I16", "[4]", "[0,7]") "}", bytes, 7);
    assert_null(tg_archive_open(f->tape, path));
    expect_error(f->tape, TG_ERR_FORMAT, "'x' has another number of bytes");
}

/* A buffer of them is saved and loaded, to the bit. */
static void short_buffers(void **state)
{
    fixture    *f    = *state;
    tg_tape    *t    = f->tape;
    const char *path = in_dir(f, "buffer");
    tg_tensor  *b    = tg_buffer(t, "b", tg_from_data(t, TG_I16, TG_SHAPE(3), (const int16_t[]){-32768, 258, 32767}));
    assert_non_null(b);
    assert_int_equal(tg_save(t, path), TG_OK);
    assert_int_equal(tg_assign(b, tg_zeros_like(b)), TG_OK);
    assert_memory_equal(tg_data(b), ((int16_t[]){0, 0, 0}), 6);
    assert_int_equal(tg_load(t, path), TG_OK);
    assert_memory_equal(tg_data(b), ((int16_t[]){-32768, 258, 32767}), 6);
}

/* Integers that become wider ones: every number of 8 and 16 bits, and the ends of 32. */
static void widened_integers(void **state)
{
    fixture    *f    = *state;
    const char *path = in_dir(f, "wide");
    uint8_t     bytes[256 + 131072 + 12];
    for (int i = 0; i < 256; i++) bytes[i] = (uint8_t)i;
    for (int i = 0; i < 65536; i++) memcpy(bytes + 256 + 2 * i, &(uint16_t){(uint16_t)i}, 2);
    memcpy(bytes + 256 + 131072, (uint32_t[]){0, 0x80000001, UINT32_MAX}, 12);
    write_archive(path, "{" ENTRY("b", "I8", "[256]", "[0,256]") "," ENTRY("h", "U16", "[256,256]", "[256,131328]") "," ENTRY("w", "U32", "[3]", "[131328,131340]") "}", bytes, sizeof bytes);
    tg_archive    *a = tg_archive_open(f->tape, path);
    tg_tensor     *b = tg_archive_read(a, "b"), *h = tg_archive_read(a, "h"), *w = tg_archive_read(a, "w");
    const tg_dtype want[] = {TG_I16, TG_I32, TG_I64};
    for (int i = 0; i < 3; i++) assert_int_equal(tg_archive_dtype(a, i), want[i]);
    assert_true(b && h && w && tg_dtype_of(b) == TG_I16 && tg_dtype_of(h) == TG_I32 && tg_dtype_of(w) == TG_I64);
    for (int i = 0; i < 256; i++) assert_int_equal(((const int16_t *)tg_data(b))[i], (int8_t)i);
    for (int i = 0; i < 65536; i++) assert_int_equal(((const int32_t *)tg_data(h))[i], i);
    assert_memory_equal(tg_data(w), ((int64_t[]){0, 2147483649, 4294967295}), 24);
    tg_archive_close(a);
}

/* ---- what can't be read --------------------------------------------------------------------------------------------
 */

static void unsupported_beside_supported(void **state)
{
    fixture    *f    = *state;
    const char *path = in_dir(f, "mixed");
    static const struct {
        const char *dtype;
        int         bits; /* 0: not of the format */
    } others[] = {{"U64", 64}, {"F8_E4M3", 8}, {"F8_E5M2", 8}, {"F8_E8M0", 8},
                  {"C64", 64}, {"F4", 4},   {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"F128", 0}, {"", 0},        {"f32", 0},     {"F32 ", 0}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        for (int wrong = 0; wrong < 2; wrong++) {
            char      header[400], sentence[100];
            const int bytes = (others[i].bits ? others[i].bits : 24) * 12 / 8, end = bytes + wrong;
            snprintf(header, sizeof header,
                     "{\"o\":{\"dtype\":\"%s\",\"shape\":[3,4],\"data_offsets\":[0,%d]},\"a\":{\"dtype\":\"F32\",\"shape\":[1],"
                     "\"data_offsets\":[%d,%d]}}",
                     others[i].dtype, end, end, end + 4);
            write_archive(path, header, NULL, (size_t)end + 4);
            tg_archive *a = tg_archive_open(f->tape, path);
            if (wrong && others[i].bits) {
                assert_null(a);
                expect_error(f->tape, TG_ERR_FORMAT, "'o' has another number of bytes");
                continue;
            }
            if (!a) fail_msg("%s", tg_error(f->tape));
            assert_int_equal(tg_archive_count(a), 2);
            assert_string_equal(tg_archive_name(a, 0), "o");
            assert_true(tg_item(tg_archive_read(a, "a")) == 0);
            assert_null(tg_archive_read(a, "o"));
            snprintf(sentence, sizeof sentence, "tensor 'o' has the dtype '%s', which is not supported", others[i].dtype);
            expect_error(f->tape, TG_ERR_UNSUPPORTED, sentence);
            tg_archive_close(a);
        }
    }
}

static void many_axes(void **state)
{
    fixture    *f    = *state;
    const char *path = in_dir(f, "axes");
    write_archive(path,
                  "{" ENTRY("nine", "F32", "[1,1,2,1,1,1,1,1,3]", "[0,24]") "," ENTRY("a", "F32", "[]", "[24,28]") "," ENTRY(
                      "none", "BF16", "[1,2,3,4,5,6,7,8,9,0]", "[28,28]") "}",
                  NULL, 28);
    tg_archive *a = tg_archive_open(f->tape, path);
    assert_non_null(a);
    assert_int_equal(tg_archive_count(a), 3);
    assert_true(tg_item(tg_archive_read(a, "a")) == 0);
    assert_null(tg_archive_read(a, "nine"));
    expect_error(f->tape, TG_ERR_UNSUPPORTED, "tensor 'nine' has 9 axes; 8 are supported");
    assert_null(tg_archive_read(a, "none"));
    expect_error(f->tape, TG_ERR_UNSUPPORTED, "tensor 'none' has 10 axes");
    tg_archive_close(a);
}

/* A parameter whose tensor can't be read, and one of another dtype than what half precision becomes: nothing changes. */
static void parameters_stay(void **state)
{
    fixture    *f    = *state;
    tg_tape    *t    = f->tape;
    const char *path = in_dir(f, "model");
    tg_tensor  *w = tg_param(t, "w", tg_full(t, TG_F32, TG_SHAPE(2), 7)), *d = tg_param(t, "d", tg_full(t, TG_F64, TG_SHAPE(1), 8));
    assert_non_null(w);
    assert_non_null(d);
    static const struct {
        const char *header;
        size_t      n;
        tg_status   status;
        const char *part;
    } cases[] = {
        {"{" ENTRY("w", "U64", "[2]", "[0,16]") "," ENTRY("d", "F64", "[1]", "[16,24]") "}", 24, TG_ERR_UNSUPPORTED,
         "'w' has the dtype 'U64'"},
        {"{" ENTRY("w", "U16", "[2]", "[0,4]") "," ENTRY("d", "F64", "[1]", "[4,12]") "}", 12, TG_ERR_DTYPE,
         "'w' is float32, but int32"},
        {"{" ENTRY("w", "I16", "[2]", "[0,4]") "," ENTRY("d", "F64", "[1]", "[4,12]") "}", 12, TG_ERR_DTYPE,
         "'w' is float32, but int16"},
        {"{" ENTRY("w", "F32", "[2,1,1,1,1,1,1,1,1]", "[0,8]") "," ENTRY("d", "F64", "[1]", "[8,16]") "}", 16, TG_ERR_UNSUPPORTED,
         "9 axes"},
        {"{" ENTRY("w", "F16", "[2]", "[0,4]") "," ENTRY("d", "F16", "[1]", "[4,6]") "}", 6, TG_ERR_DTYPE, "'d' is float64, but float32"},
        {"{" ENTRY("w", "F16", "[3]", "[0,6]") "," ENTRY("d", "F64", "[1]", "[6,14]") "}", 14, TG_ERR_SHAPE, "'w' is [2], but [3]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_archive(path, cases[i].header, NULL, cases[i].n);
        assert_int_equal(tg_load(t, path), cases[i].status);
        expect_error(t, cases[i].status, cases[i].part);
        assert_true(tg_data_f32(w)[0] == 7 && tg_data_f32(w)[1] == 7 && tg_data_f64(d)[0] == 8);
    }
    /* Of mixed precision, in another order than the parameters'. */
    const uint16_t halves[] = {0x3555, 0xfbff}; /* the half nearest to 1/3, the least one */
    char           data[12];
    const double   one = 1;
    memcpy(data, &one, 8);
    memcpy(data + 8, halves, 4);
    write_archive(path, "{" ENTRY("w", "F16", "[2]", "[8,12]") "," ENTRY("d", "F64", "[1]", "[0,8]") "}", data, 12);
    assert_int_equal(tg_load(t, path), TG_OK);
    assert_true((double)tg_data_f32(w)[0] == 0.333251953125 && tg_data_f32(w)[1] == -65504 && tg_data_f64(d)[0] == 1);
}

/* ---- names ---------------------------------------------------------------------------------------------------------
 */

/* Whatever tg_param accepts for a name is saved, and read under that name. */
static void every_name_is_saved(void **state)
{
    fixture    *f    = *state;
    const char *path = in_dir(f, "names");
    static char longest[201];
    memset(longest, 'x', 200);
    static const char *const names[] = {" ",
                                        "\"",
                                        "\\",
                                        "/",
                                        "\\u0000",
                                        "{}",
                                        "a,b",
                                        "__metadata",
                                        "_metadata__",
                                        "__metadata__ ",
                                        "é",
                                        "\xc2\xa0",
                                        "\xdf\xbf",
                                        "\xe0\xa0\x80",
                                        "\xed\x9f\xbf",
                                        "\xee\x80\x80",
                                        "\xef\xbf\xbf",
                                        "\xef\xbb\xbf",
                                        "\xe2\x80\xa8",
                                        "\xf0\x90\x80\x80",
                                        "\xf4\x8f\xbf\xbf",
                                        "%s%n",
                                        longest};
    enum { N = sizeof names / sizeof *names };
    tg_tape *t = f->tape;
    for (int i = 0; i < N; i++) assert_non_null(tg_param(t, names[i], tg_full(t, TG_F32, TG_SCALAR_SHAPE, i)));
    assert_int_equal(tg_save(t, path), TG_OK);
    tg_archive *a = tg_archive_open(t, path);
    assert_int_equal(tg_archive_count(a), N);
    for (int i = 0; i < N; i++) assert_true(tg_item(tg_archive_read(a, names[i])) == i);
    assert_int_equal(tg_load(t, path), TG_OK);
}

static void names_that_are_refused(void **state)
{
    fixture    *f = *state;
    tg_tape    *t = f->tape;
    static char long_name[202];
    memset(long_name, 'x', 201);
    assert_null(tg_param(t, "__metadata__", tg_ones(t, TG_SHAPE(2))));
    expect_error(t, TG_ERR_ARG, "tg_param: the name '__metadata__'");
    static const char *const names[] = {"",
                                        long_name,
                                        "a\tb",
                                        "\x7f",
                                        "\xc2\x80",
                                        "\xc2\x9b[31m",
                                        "\x9b",
                                        "\xc0\x80",
                                        "\xc1\xbf",
                                        "\xe0\x9f\xbf",
                                        "\xed\xa0\x80",
                                        "\xed\xbf\xbf",
                                        "\xf0\x8f\xbf\xbf",
                                        "\xf4\x90\x80\x80",
                                        "\xf5\x80\x80\x80",
                                        "\xe2\x82",
                                        "a\xff"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_null(tg_param(t, names[i], tg_ones(t, TG_SHAPE(2))));
        expect_error(t, TG_ERR_ARG, "a name is 1 to 200 bytes of printable UTF-8");
    }
    assert_non_null(tg_param(t, "a", tg_ones(t, TG_SHAPE(2))));
    assert_null(tg_param(t, "a", tg_ones(t, TG_SHAPE(2))));
    expect_error(t, TG_ERR_ARG, "a parameter 'a' already");
    assert_int_equal(tg_param_count(t), 1);
}

/* The longest name that can be read can be written, and no longer one; escapes count as they stand in the file. */
static void long_names(void **state)
{
    fixture     *f       = *state;
    const char  *path    = in_dir(f, "long");
    const size_t longest = (4 << 20) - 2;
    char        *name    = malloc(longest + 2);
    const char  *names[] = {name};
    tg_tensor   *x[]     = {tg_scalar(f->tape, 3)};
    assert_non_null(name);
    for (int more = 0; more < 4; more++) {
        const bool escape = more >= 2; /* one character of two bytes in the file */
        memset(name, 'n', longest + 1);
        name[longest + (more & 1) - escape] = 0;
        if (escape) name[5] = '"';
        const tg_status s = tg_save_tensors(path, names, x, 1);
        if (more & 1) {
            assert_int_equal(s, TG_ERR_ARG);
            expect_error(f->tape, TG_ERR_ARG, "...' is too long for a file");
            continue;
        }
        assert_int_equal(s, TG_OK);
        tg_archive *a = tg_archive_open(f->tape, path);
        if (!a) fail_msg("%s", tg_error(f->tape));
        assert_true(tg_item(tg_archive_read(a, name)) == 3);
        tg_archive_close(a);
    }
    free(name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_half),      TEST(short_integers), TEST(widened_integers),      TEST(short_buffers),          TEST(unsupported_beside_supported), TEST(many_axes),
        TEST(parameters_stay), TEST(every_name_is_saved), TEST(names_that_are_refused), TEST(long_names),
    };
    return cmocka_run_group_tests_name("safetensors, dtypes and names", tests, NULL, NULL);
}
