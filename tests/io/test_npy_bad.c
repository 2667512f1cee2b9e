/* test_npy_bad.c - .npy files as they should not come: headers that are wrong in every place, cut anywhere, with bytes behind, of sizes
 * that lie, no files at all. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "npy_test.h"

static const uint8_t u1[6] = {0, 1, 127, 128, 254, 255};

/* ---- what is malformed --------------------------------------------------------------------------------------------- */

#define GOOD_DESCR "'descr': '|u1', "
#define GOOD_ORDER "'fortran_order': False, "
#define GOOD_SHAPE "'shape': (2, 3), "
static const char good[] = "{" GOOD_DESCR GOOD_ORDER GOOD_SHAPE "}";

/* Each with six bytes of data behind it. */
static const struct {
    const char *text, *part;
    tg_status   status;
} bad[] = {
    {"", "has no dictionary at byte 0", TG_ERR_FORMAT},
    {"   ", "has no dictionary at byte 3", TG_ERR_FORMAT},
    {"[" GOOD_DESCR GOOD_ORDER GOOD_SHAPE "]", "has no dictionary at byte 0", TG_ERR_FORMAT},
    {"{}", "has no key 'descr'", TG_ERR_FORMAT},
    {"{,}", "has no string at byte 1", TG_ERR_FORMAT},
    {"{" GOOD_ORDER GOOD_SHAPE "}", "has no key 'descr'", TG_ERR_FORMAT},
    {"{" GOOD_DESCR GOOD_SHAPE "}", "has no key 'fortran_order'", TG_ERR_FORMAT},
    {"{" GOOD_DESCR GOOD_ORDER "}", "has no key 'shape'", TG_ERR_FORMAT},
    {"{" GOOD_DESCR GOOD_ORDER GOOD_SHAPE "'more': 1}", "has the unknown key 'more'", TG_ERR_FORMAT},
    {"{" GOOD_DESCR GOOD_ORDER GOOD_SHAPE GOOD_DESCR "}", "has the repeated key 'descr'", TG_ERR_FORMAT},
    {"{" GOOD_DESCR GOOD_ORDER GOOD_SHAPE GOOD_SHAPE "}", "has the repeated key 'shape'", TG_ERR_FORMAT},
    {"{" GOOD_DESCR GOOD_ORDER GOOD_SHAPE, "has no string at byte", TG_ERR_FORMAT},
    {"{" GOOD_DESCR GOOD_ORDER GOOD_SHAPE "} x", "has no end of the dictionary", TG_ERR_FORMAT},
    {"{" GOOD_DESCR GOOD_ORDER GOOD_SHAPE "}}", "has no end of the dictionary", TG_ERR_FORMAT},
    {"{" GOOD_DESCR GOOD_ORDER GOOD_SHAPE ",}", "has no string", TG_ERR_FORMAT},
    {"{'descr' '|u1', " GOOD_ORDER GOOD_SHAPE "}", "has no colon at byte 9", TG_ERR_FORMAT},
    {"{'descr': '|u1' " GOOD_ORDER GOOD_SHAPE "}", "has no comma at byte 16", TG_ERR_FORMAT},
    {"{descr: '|u1', " GOOD_ORDER GOOD_SHAPE "}", "has no string at byte 1", TG_ERR_FORMAT},
    {"{'descr\": '|u1', " GOOD_ORDER GOOD_SHAPE "}", "has the unknown key 'descr\": '", TG_ERR_FORMAT},
    {"{'descr", "has no end of its string at byte 7", TG_ERR_FORMAT},
    {"{'de\\x73cr': '|u1', " GOOD_ORDER GOOD_SHAPE "}", "has no plain character at byte 4", TG_ERR_FORMAT},
    {"{'de\ncr': '|u1', " GOOD_ORDER GOOD_SHAPE "}", "has no plain character at byte 4", TG_ERR_FORMAT},
    {"{'descr': |u1, " GOOD_ORDER GOOD_SHAPE "}", "has no string at byte 10", TG_ERR_FORMAT},
    {"{'descr': None, " GOOD_ORDER GOOD_SHAPE "}", "has no string at byte 10", TG_ERR_FORMAT},
    {"{" GOOD_DESCR "'fortran_order': 0, " GOOD_SHAPE "}", "has no True or False at byte 34", TG_ERR_FORMAT},
    {"{" GOOD_DESCR "'fortran_order': 'False', " GOOD_SHAPE "}", "has no True or False", TG_ERR_FORMAT},
    {"{" GOOD_DESCR "'fortran_order': false, " GOOD_SHAPE "}", "has no True or False", TG_ERR_FORMAT},
    {"{" GOOD_DESCR "'fortran_order': Fals", "has no True or False", TG_ERR_FORMAT},
    {"{" GOOD_DESCR "'fortran_order': Falsehood, " GOOD_SHAPE "}", "has no comma", TG_ERR_FORMAT},
    {"{" GOOD_DESCR GOOD_ORDER "'shape': 6}", "has no tuple of sizes at byte 50", TG_ERR_FORMAT},
    {"{" GOOD_DESCR GOOD_ORDER "'shape': [2, 3]}", "has no tuple of sizes", TG_ERR_FORMAT},
    {"{" GOOD_DESCR GOOD_ORDER "'shape': (6)}", "has no comma at byte 52", TG_ERR_FORMAT},
    {"{" GOOD_DESCR GOOD_ORDER "'shape': (,)}", "has no size of an axis at byte 51", TG_ERR_FORMAT},
    {"{" GOOD_DESCR GOOD_ORDER "'shape': (2,,3)}", "has no size of an axis", TG_ERR_FORMAT},
    {"{" GOOD_DESCR GOOD_ORDER "'shape': (2 3)}", "has no comma", TG_ERR_FORMAT},
    {"{" GOOD_DESCR GOOD_ORDER "'shape': (2, 3 1)}", "has no comma", TG_ERR_FORMAT},
    {"{" GOOD_DESCR GOOD_ORDER "'shape': (2, -3)}", "has no size of an axis", TG_ERR_FORMAT},
    {"{" GOOD_DESCR GOOD_ORDER "'shape': (2, +3)}", "has no size of an axis", TG_ERR_FORMAT},
    {"{" GOOD_DESCR GOOD_ORDER "'shape': (2, 3.0)}", "has no comma", TG_ERR_FORMAT},
    {"{" GOOD_DESCR GOOD_ORDER "'shape': (2, 0x3)}", "has no comma", TG_ERR_FORMAT},
    {"{" GOOD_DESCR GOOD_ORDER "'shape': (2, 03)}", "has no size without leading zeros", TG_ERR_FORMAT},
    {"{" GOOD_DESCR GOOD_ORDER "'shape': (2, 3LL)}", "has no comma", TG_ERR_FORMAT},
    {"{" GOOD_DESCR GOOD_ORDER "'shape': (2, True)}", "has no size of an axis", TG_ERR_FORMAT},
    {"{" GOOD_DESCR GOOD_ORDER "'shape': (2, (3))}", "has no size of an axis", TG_ERR_FORMAT},
    {"{" GOOD_DESCR GOOD_ORDER "'shape': (2, 3", "has no comma", TG_ERR_FORMAT},
    {"{" GOOD_DESCR GOOD_ORDER "'shape': (2, 3,", "has no size of an axis", TG_ERR_FORMAT},
    /* Sizes that lie. */
    {"{" GOOD_DESCR GOOD_ORDER "'shape': (7,)}", "declares sizes [7], 7 bytes, but has only 6", TG_ERR_FORMAT},
    {"{" GOOD_DESCR GOOD_ORDER "'shape': (5,)}", "has trailing bytes behind its 5 bytes of sizes [5]", TG_ERR_FORMAT},
    {"{" GOOD_DESCR GOOD_ORDER "'shape': ()}", "has trailing bytes behind its 1 bytes of sizes []", TG_ERR_FORMAT},
    {"{" GOOD_DESCR GOOD_ORDER "'shape': (0, 6)}", "has trailing bytes behind its 0 bytes", TG_ERR_FORMAT},
    {"{'descr': '<f8', " GOOD_ORDER GOOD_SHAPE "}", "declares sizes [2,3], 48 bytes, but has only 6", TG_ERR_FORMAT},
    {"{" GOOD_DESCR GOOD_ORDER "'shape': (9223372036854775807,)}", "9223372036854775807 bytes, but has only 6", TG_ERR_FORMAT},
    {"{" GOOD_DESCR GOOD_ORDER "'shape': (9223372036854775808,)}", "declares a size that is more than any memory", TG_ERR_FORMAT},
    {"{" GOOD_DESCR GOOD_ORDER "'shape': (100000000000000000000,)}", "declares a size that is more than any", TG_ERR_FORMAT},
    {"{'descr': '<f4', " GOOD_ORDER "'shape': (9223372036854775807,)}", "[9223372036854775807], more than any memory", TG_ERR_FORMAT},
    {"{" GOOD_DESCR GOOD_ORDER "'shape': (4294967296, 4294967296)}", "[4294967296,4294967296], more than any", TG_ERR_FORMAT},
    {"{" GOOD_DESCR GOOD_ORDER "'shape': (4294967296, 4294967296, 0)}", "more than any memory holds", TG_ERR_FORMAT},
    {"{'descr': '|b1', " GOOD_ORDER "'shape': (6,)}", "is of bools and has a byte that is not 0 or 1", TG_ERR_FORMAT},
    /* What NumPy can do beyond. */
    {"{" GOOD_DESCR GOOD_ORDER "'shape': (1, 1, 1, 1, 1, 1, 1, 1, 6)}", "has 9 axes, more than 8", TG_ERR_UNSUPPORTED},
    {"{'descr': [('a', '<f4'), ('b', '|u1')], " GOOD_ORDER GOOD_SHAPE "}", "holds records", TG_ERR_UNSUPPORTED},
    {"{'descr': ('|u1', (3,)), " GOOD_ORDER GOOD_SHAPE "}", "holds records", TG_ERR_UNSUPPORTED},
    {"{'descr': '', " GOOD_ORDER GOOD_SHAPE "}", "dtype ''", TG_ERR_UNSUPPORTED},
    {"{'descr': '<', " GOOD_ORDER GOOD_SHAPE "}", "dtype '<'", TG_ERR_UNSUPPORTED},
    {"{'descr': 'u1', " GOOD_ORDER GOOD_SHAPE "}", "dtype 'u1'", TG_ERR_UNSUPPORTED},
    {"{'descr': '!u1', " GOOD_ORDER GOOD_SHAPE "}", "dtype '!u1'", TG_ERR_UNSUPPORTED},
    {"{'descr': '<u1 ', " GOOD_ORDER GOOD_SHAPE "}", "dtype '<u1 '", TG_ERR_UNSUPPORTED},
    {"{'descr': '<f16', " GOOD_ORDER GOOD_SHAPE "}", "dtype '<f16'", TG_ERR_UNSUPPORTED},
    {"{'descr': '<u8', " GOOD_ORDER GOOD_SHAPE "}", "dtype '<u8'", TG_ERR_UNSUPPORTED},
    {"{'descr': '<f1', " GOOD_ORDER GOOD_SHAPE "}", "dtype '<f1'", TG_ERR_UNSUPPORTED},
    {"{'descr': '<c8', " GOOD_ORDER GOOD_SHAPE "}", "dtype '<c8'", TG_ERR_UNSUPPORTED},
    {"{'descr': '|O', " GOOD_ORDER GOOD_SHAPE "}", "dtype '|O'; f8, f4, f2, i8, i4, i2, i1, u4, u2, u1 and b1 can be read", TG_ERR_UNSUPPORTED},
    {"{'descr': '<M8[ns]', " GOOD_ORDER GOOD_SHAPE "}", "dtype '<M8[ns]'", TG_ERR_UNSUPPORTED},
    {"{'descr': '|u1\x9b" "31m', " GOOD_ORDER GOOD_SHAPE "}", "dtype '|u1?31m'", TG_ERR_UNSUPPORTED},
};

static void malformed_headers(void **state)
{
    fixture *f = *state;
    for (size_t i = 0; i < COUNT(bad); i++)
        for (int version = 1; version <= 3; version++) {
            const file x = make_file(version, bad[i].text, strlen(bad[i].text), u1, 6);
            put(f, &x);
            assert_refused(f, bad[i].status, bad[i].part);
        }
    /* A zero byte ends no word and no header. */
    static const char in_word[] = "{'descr': '|u1\0', " GOOD_ORDER GOOD_SHAPE "}", behind[] = "{" GOOD_DESCR GOOD_ORDER GOOD_SHAPE "}\0 ";
    const file        a = make_file(1, in_word, sizeof in_word - 1, u1, 6), b = make_file(1, behind, sizeof behind - 1, u1, 6);
    put(f, &a);
    assert_refused(f, TG_ERR_FORMAT, "has no plain character at byte 14");
    put(f, &b);
    assert_refused(f, TG_ERR_FORMAT, "has no end of the dictionary");
}

static void malformed_prefixes(void **state)
{
    fixture *f = *state;
    for (int version = 1; version <= 3; version++) {
        const file x = make_file(version, good, strlen(good), u1, 6);
        put(f, &x);
        assert_reads(f, TG_U8, TG_SHAPE(2, 3), u1, 6);
        for (size_t i = 0; i < 6; i++) {
            file wrong = x;
            wrong.bytes[i] ^= 0x20;
            put(f, &wrong);
            assert_refused(f, TG_ERR_FORMAT, "is not a .npy file");
        }
    }
    static const uint8_t versions[][2] = {{0, 0}, {0, 1}, {1, 1}, {2, 1}, {3, 1}, {4, 0}, {255, 255}};
    for (size_t i = 0; i < COUNT(versions); i++) {
        char       part[40];
        const file x     = make_file(1, good, strlen(good), u1, 6);
        file       other = x;
        other.bytes[6] = versions[i][0];
        other.bytes[7] = versions[i][1];
        put(f, &other);
        snprintf(part, sizeof part, "is of version %d.%d; 1.0", versions[i][0], versions[i][1]);
        assert_refused(f, TG_ERR_UNSUPPORTED, part);
    }
    /* Lengths of the header that lie: shorter, longer, beyond the file, beyond everything. */
    for (size_t length = 0; length < 100; length++) {
        file x = make_file(2, good, strlen(good), u1, 6);
        if (length == strlen(good)) continue;
        x.bytes[8] = (uint8_t)length;
        put(f, &x);
        assert_refused(f, TG_ERR_FORMAT, length > strlen(good) + 6 ? "within its header of" : "at byte");
    }
    file x = make_file(2, good, strlen(good), u1, 6);
    memset(x.bytes + 8, 0xff, 4);
    put(f, &x);
    assert_refused(f, TG_ERR_FORMAT, "within its header of 4294967307");
    write_file(in_dir(f, "x"), "", 0);
    assert_refused(f, TG_ERR_FORMAT, "is empty");
    write_file(in_dir(f, "x"), "PK\003\004", 4);
    assert_refused(f, TG_ERR_FORMAT, "is too short for a .npy file");
}

static void any_length_is_checked(void **state)
{
    fixture *f = *state;
    for (int version = 1; version <= 2; version++) {
        file x = make_file(version, good, strlen(good), u1, 6);
        for (size_t n = 1, whole = x.n; n < whole + 9; n++) {
            x.n = n;
            put(f, &x);
            const char *part = n < 10 ? "is too short" : n < x.data_at ? "within its header" : n < whole ? "but has only" : "trailing bytes";
            if (n == whole) assert_reads(f, TG_U8, TG_SHAPE(2, 3), u1, 6);
            else assert_refused(f, TG_ERR_FORMAT, part);
        }
    }
}

/* Every bit wrong in turn: refused, or six bytes in some shape. */
static void any_bit_is_checked(void **state)
{
    fixture          *f       = *state;
    static const char text[]  = "{" GOOD_DESCR GOOD_ORDER GOOD_SHAPE "}  \n";
    size_t            refused = 0, bits = 0;
    for (int version = 1; version <= 3; version++) {
        const file x = make_file(version, text, strlen(text), u1, 6);
        for (size_t bit = 0; bit < 8 * x.data_at; bit++, bits++) {
            file wrong = x;
            wrong.bytes[bit / 8] = (uint8_t)(wrong.bytes[bit / 8] ^ 1u << bit % 8);
            put(f, &wrong);
            tg_tensor *y = read_back(f);
            if (y) {
                assert_int_equal(tg_numel(y), 6);
                assert_int_equal(tg_dtype_of(y), TG_U8);
                assert_memory_equal(tg_data(y), u1, 6);
            } else {
                assert_non_null(tg_error(f->tape));
                assert_true(tg_error_status(f->tape) == TG_ERR_FORMAT || tg_error_status(f->tape) == TG_ERR_UNSUPPORTED);
                tg_clear_error(f->tape);
            }
            refused += !y;
        }
    }
    assert_true(refused > bits * 9 / 10 && refused < bits);
}

static void bools(void **state)
{
    fixture                 *f       = *state;
    static const char *const texts[] = {"{'descr': '|b1', 'fortran_order': False, 'shape': (2, 3), }",
                                        "{'descr': '|b1', 'fortran_order': True, 'shape': (2, 3), }"};
    for (size_t i = 0; i < 6; i++)
        for (int value = 1; value < 256; value += 127) {
            uint8_t data[6] = {0};
            data[i]         = (uint8_t)value;
            for (int columns = 0; columns < 2; columns++) {
                const file x = make_file(1, texts[columns], strlen(texts[columns]), data, 6);
                put(f, &x);
                if (value == 1) assert_non_null(read_back(f));
                else assert_refused(f, TG_ERR_FORMAT, "is of bools and has a byte that is not 0 or 1");
            }
        }
}

/* ---- what is no file, and files that change ------------------------------------------------------------------------ */

static void no_files(void **state)
{
    fixture *f = *state;
    assert_refused(f, TG_ERR_IO, "tg_npy_read: cannot open");
    assert_int_equal(mkdir(in_dir(f, "x"), 0700), 0);
    assert_refused(f, TG_ERR_IO, "is a directory");
    assert_int_equal(rmdir(in_dir(f, "x")), 0);
    assert_int_equal(mkfifo(in_dir(f, "x"), 0600), 0);
    assert_refused(f, TG_ERR_IO, "not a regular file"); /* and it does not wait for a writer */
    assert_int_equal(unlink(in_dir(f, "x")), 0);
    assert_int_equal(symlink("/dev/zero", in_dir(f, "x")), 0);
    assert_refused(f, TG_ERR_IO, "not a regular file");
    assert_null(tg_npy_read(f->tape, ""));
    expect_error(f->tape, TG_ERR_IO, "cannot open ''");
    assert_null(tg_npy_read(f->tape, NULL));
    expect_error(f->tape, TG_ERR_NULL, "tg_npy_read: the path is NULL");
    assert_null(tg_npy_read(NULL, "x"));
    assert_null(tg_npy_read(f->tape, "none/\x1b[2J%s%n"));
    expect_error(f->tape, TG_ERR_IO, "cannot open 'none/?[2J%s%n'");
}

static void file_shrinks(void **state)
{
    fixture                 *f      = *state;
    static const char *const text[] = {"{'descr': '<f8', 'fortran_order': False, 'shape': (100, 4), }  ",
                                       "{'descr': '<f8', 'fortran_order': True, 'shape': (100, 4), }  "};
    for (int i = 0; i < 2; i++) {
        const size_t length = strlen(text[i]);
        const file   x      = make_file(1, text[i], length, NULL, 3200);
        strcpy(f->cut, in_dir(f, "x"));
        for (off_t to = 0; to < (off_t)x.n; to += 500) {
            put(f, &x);
            f->cut_when = length; /* the header's memory: the file's size has been asked for by then */
            f->cut_to   = to;
            assert_refused(f, TG_ERR_IO, "became shorter while it was read");
        }
        f->cut_when = 0;
    }
}

/* ---- memory -------------------------------------------------------------------------------------------------------- */

/* Large files that hold nothing: no memory is taken before the sizes agree, and headers have their limit. */
static void refusing_is_cheap(void **state)
{
    fixture          *f      = *state;
    static const char huge[] = "{" GOOD_DESCR GOOD_ORDER "'shape': (2000000000, 2)}";
    file              x      = make_file(2, huge, strlen(huge), NULL, 0);
    put(f, &x);
    f->peak             = f->held;
    const size_t before = f->held;
    assert_refused(f, TG_ERR_FORMAT, "4000000000 bytes, but has only 0");
    assert_true(f->peak - before <= strlen(huge));
    x.bytes[11] = 0x10; /* a header of 256 MiB, which are there */
    put(f, &x);
    assert_int_equal(truncate(in_dir(f, "x"), 300 << 20), 0);
    assert_refused(f, TG_ERR_UNSUPPORTED, "has a header of 2684355");
    assert_int_equal(f->held, before);
    assert_true(f->peak - before <= strlen(huge));
    /* The longest header, all blanks but for its end, and one byte more. */
    for (size_t length = 65535; length < 65537; length++) {
        const uint8_t prefix[] = {0x93, 'N', 'U', 'M', 'P', 'Y', 3, 0, (uint8_t)length, (uint8_t)(length >> 8), (uint8_t)(length >> 16), 0};
        char         *all      = malloc(12 + length + 6);
        assert_non_null(all);
        memset(all, ' ', 12 + length);
        memcpy(all, prefix, 12);
        memcpy(all + 12, good, strlen(good));
        memcpy(all + 12 + length, u1, 6);
        write_file(in_dir(f, "x"), all, 12 + length + 6);
        free(all);
        if (length == 65535) assert_reads(f, TG_U8, TG_SHAPE(2, 3), u1, 6);
        else assert_refused(f, TG_ERR_UNSUPPORTED, "has a header of 65536 bytes, more than 65535");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(malformed_headers), TEST(malformed_prefixes), TEST(any_length_is_checked), TEST(any_bit_is_checked),
        TEST(bools),             TEST(no_files),           TEST(file_shrinks),          TEST(refusing_is_cheap),
    };
    return cmocka_run_group_tests_name("npy, bad", tests, NULL, NULL);
}
