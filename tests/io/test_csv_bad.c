/* test_csv_bad.c - CSV files that are none, memory that runs out, files that change; and what the system refuses. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <time.h>

#include "csv_test.h"

static void malformed(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *text, *part;
    } bad[] = {
        {"a,b\n1\n", "has 1 field in line 2, but 2 in its first row: that of column 'b' is missing at byte 2 of line 2"},
        {"a,b,\"c\"\"\n\"\r\n1,2\r\n", "has 2 fields in line 3, but 3 in its first row: that of column 'c\"?' is missing at byte 4 of line 3"},
        {"a,b,c\n1,2,3\n\n4,\"5\n66\"", "has 2 fields in line 4, but 3 in its first row: that of column 'c' is missing at byte 4 of line 5"},
        {"a,b\n1,2\n1,2,3\n", "has 3 fields in line 3, but 2 in its first row: the first surplus one begins at byte 5 of line 3"},
        {"a,b\n1,\"x\ny\"\n\n1,2,\n", "has 3 fields in line 5, but 2 in its first row: the first surplus one begins at byte 5 of line 5"},
        {"a,b\n1,\"x\ny\",3,4\n", "has 4 fields in line 2, but 2 in its first row: the first surplus one begins at byte 4 of line 3"},
        {"\xef\xbb\xbf" "a\n1,2\n", "has 2 fields in line 2, but 1 in its first row: the first surplus one begins at byte 3 of line 2"},
        {"a,b\n1,\"2", "has an unclosed quote in field 2 of line 2"},
        {"a,b\n1,\"2\n3\n4", "has an unclosed quote in field 2 of line 2"},
        {"a,b\n1,\"2\"\"\n", "has an unclosed quote in field 2 of line 2"},
        {"\"", "has an unclosed quote in field 1 of line 1"},
        {"a,b\n\"1\"x,2\n", "has text after its closing quote in field 1 of line 2"},
        {"a,b\n\"1\" ,2\n", "has text after its closing quote in field 1 of line 2"},
        {"a,b\n\"1\n2\"x,2\n", "has text after its closing quote in field 1 of line 3"},
        {"a,b\n\"1\"\r2,2\n", "has text after its closing quote in field 1 of line 2"},
        {"a,b\n1\r,2\n", "has a carriage return without a line feed in field 1 of line 2"},
        {"a,b\r1,2\r", "has a carriage return without a line feed in field 2 of line 1"},
        {"a,b,a\n", "has two columns with the name 'a'"},
        {"b,,\n", "has two columns with the name ''"},
        {"\n", "has no rows"},
        {"\r\n\n\n", "has no rows"},
        {"\xef\xbb\xbf", "has no rows"},
        {"a,b\n1,1e400\n2,1\n", "row 0 of column 'b' is a number too large for a double"},
        {"a,b\n1,1\n2,-1e400\n", "row 1 of column 'b' is a number too large for a double"},
        {"a\x1b[2J,a\x1b[2J\n", "with the name 'a?[2J'"},
    };
    for (size_t i = 0; i < COUNT(bad); i++) refuses(f, bad[i].text, NULL, TG_ERR_FORMAT, bad[i].part);
    assert_non_null(table(f, "a,b\n1,1e400\n2,x\n", NULL)); /* a text among texts */
    refuses_bytes(f, "a,b\n1,\0002\n", 9, NULL, TG_ERR_FORMAT, "has a zero byte in field 2 of line 2");
    refuses_bytes(f, "a,b\n1,\"\0002\"\n", 11, NULL, TG_ERR_FORMAT, "has a zero byte in field 2 of line 2");
    refuses_bytes(f, "", 0, NULL, TG_ERR_FORMAT, "is empty");
    for (const char *d = "\"\r\n.+-eE 0129"; *d; d++)
        refuses(f, "a\n", &(tg_csv_options){.delimiter = *d}, TG_ERR_ARG, "can't be the delimiter");
}

/* Each text cut off after each byte, and with each byte replaced by what has a meaning: read or refused, with the same result twice. */
static void any_byte(void **state)
{
    fixture          *f      = *state;
    static const char text[] = "a,\"b \"\"c\"\"\"\r\n1,\"x\r\ny\"\n-2.5e3,\"\"\n,z\n", other[] = ",\"\r\n\\0x\xff";
    int               read = 0, refused = 0;
    for (size_t at = 0; at < sizeof text - 1; at++)
        for (size_t k = 0; k < sizeof other; k++) {
            char         bytes[sizeof text];
            const size_t n = k ? sizeof text - 1 : at;
            memcpy(bytes, text, sizeof text);
            if (k) bytes[at] = other[k - 1];
            write_file(in_dir(f, "x"), bytes, n);
            tg_table *t = tg_csv_read(f->tape, in_dir(f, "x"), NULL);
            *(t ? &read : &refused) += 1;
            if (!t) assert_int_equal(tg_error_status(f->tape), TG_ERR_FORMAT);
            tg_clear_error(f->tape);
            tg_table_free(t);
        }
    assert_true(read > 50 && refused > 50);
}

static void no_files(void **state)
{
    fixture *f = *state;
    assert_null(tg_csv_read(f->tape, in_dir(f, "none"), NULL));
    expect_error(f->tape, TG_ERR_IO, "tg_csv_read: cannot open");
    assert_null(tg_csv_read(f->tape, f->dir, NULL));
    expect_error(f->tape, TG_ERR_IO, "is a directory");
    assert_null(tg_csv_read(f->tape, "/dev/zero", NULL));
    expect_error(f->tape, TG_ERR_IO, "is not a regular file");
    assert_null(tg_csv_read(f->tape, NULL, NULL));
    expect_error(f->tape, TG_ERR_NULL, "tg_csv_read: the path is NULL");
    assert_null(tg_csv_read(NULL, "x", NULL));
    write_file(in_dir(f, "x"), "a\n1\n2\n", 6);
    strcpy(f->cut, in_dir(f, "x"));
    f->cut_when = 7; /* the memory for its bytes: its size has been asked for by then */
    f->cut_to   = 3;
    assert_null(tg_csv_read(f->tape, in_dir(f, "x"), NULL));
    expect_error(f->tape, TG_ERR_IO, "became shorter while it was read");
    f->cut_when = 0;
}

/* ---- memory -------------------------------------------------------------------------------------------------------- */

/* A text of n bytes, all c but for `begin` at its beginning and `end` at its end. */
static void put_long(const fixture *f, const char *begin, char c, const char *end, size_t n)
{
    char *text = malloc(n);
    assert_non_null(text);
    memset(text, c, n);
    memcpy(text, begin, strlen(begin));
    memcpy(text + n - strlen(end), end, strlen(end));
    write_file(in_dir(f, "x"), text, n);
    free(text);
}

/* The file at "x" is refused, and takes no more memory than its bytes. */
static void refused_cheaply(const fixture *f, const tg_csv_options *options, tg_status status, const char *part)
{
    size_t n;
    free(read_file(in_dir(f, "x"), &n));
    fixture *counts     = (fixture *)(uintptr_t)f;
    counts->peak        = f->held;
    const size_t before = f->held;
    assert_null(tg_csv_read(f->tape, in_dir(f, "x"), options));
    expect_error(f->tape, status, part);
    assert_int_equal(f->held, before);
    if (f->peak - before > n + 65536) fail_msg("refusing %zu bytes took %zu: %s", n, f->peak - before, part);
}

static void refusing_is_cheap(void **state)
{
    fixture     *f = *state;
    const size_t n = 4 << 20;
    static const struct {
        const char *begin, *end, *part;
        char        c;
        bool        no_header;
    } rows[] = {{"a\n", "\n", "fields in line 2, but 1", ',', false},
                {"a,b\n", ",", "has 4194301 fields in line 2", ',', false},
                {"", "\n\n1", "has 1 field in line 3, but 4194302", ',', true},
                {"", "", "has two columns with the name ''", ',', false},
                {"", "\n1", "has 1 field in line 2", ',', true},
                {"a\n\"", "x", "an unclosed quote", 'x', false},
                {"a\n", "\"x\"y", "has text after its closing quote", ',', false},
                {"a,b\n1,2\n", "\n1,2,3", "has 3 fields in line", '\n', false},
                {"a\n", "1e999", "row 4194297 of column 'a' is a number too large", '\n', false},
                {"", "1e999", "row 0 of column '4194299' is a number too large", ',', true}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        put_long(f, rows[i].begin, rows[i].c, rows[i].end, n);
        refused_cheaply(f, &(tg_csv_options){.no_header = rows[i].no_header}, TG_ERR_FORMAT, rows[i].part);
    }
    /* One line of all these bytes, in quotes and without: it is read, with the text once more for the category. */
    for (int quoted = 0; quoted < 2; quoted++) {
        put_long(f, quoted ? "a\n\"" : "a\n", 'x', quoted ? "\"\n" : "x\n", n);
        f->peak             = f->held;
        const size_t before = f->held;
        tg_table    *t      = tg_csv_read(f->tape, in_dir(f, "x"), NULL);
        assert_non_null(t);
        assert_true(strlen(tg_table_category(t, 0, 0)) + 10 >= n);
        assert_true(f->peak - before <= 2 * n + 65536 && f->held - before <= n + 65536);
        tg_table_free(t);
        assert_int_equal(f->held, before);
    }
}

/* Columns are looked at in pieces, each of which goes over all fields: but only where one has something to be looked at. */
static void passes_are_few(void **state)
{
    fixture      *f = *state;
    const clock_t began = clock();
    put_long(f, "", ',', "1e999", (size_t)40 << 20);
    refused_cheaply(f, &(tg_csv_options){.no_header = true}, TG_ERR_FORMAT, "is a number too large");
    if (clock() - began > 20 * CLOCKS_PER_SEC) fail_msg("it took %.1f s", (double)(clock() - began) / CLOCKS_PER_SEC);
}

/* A header of n different names, short ones first, then `rest`. */
static void put_names(const fixture *f, int n, const char *rest)
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const int         base     = (int)strlen(digits);
    FILE             *file     = fopen(in_dir(f, "x"), "wb");
    assert_non_null(file);
    for (int i = 0; i < n; i++) {
        char name[8] = "", *to = name;
        for (int k = i; k > 0 || to == name; k /= base) *to++ = digits[k % base];
        fprintf(file, "%s%s", i ? "," : "", name);
    }
    fprintf(file, "%s", rest);
    assert_int_equal(fclose(file), 0);
}

/* Nothing but columns, with names that are as short as so many different ones can be: a table of them would be many times the file. */
static void many_columns(void **state)
{
    enum { N = 300000 };
    fixture *f    = *state;
    char    *data = malloc(8 * N), *row = data;
    assert_non_null(data);
    put_names(f, N, ",0\n");
    refused_cheaply(f, NULL, TG_ERR_FORMAT, "has two columns with the name '0'");
    put_names(f, N, "\n1,2");
    refused_cheaply(f, NULL, TG_ERR_FORMAT, "has 2 fields in line 2, but 300000 in its first row: that of column '2'");
    row += sprintf(row, "\n");
    for (int i = 0; i < N; i++) row += sprintf(row, "%s", i == 0 ? "1e999" : i == 3 || i == N - 1 ? ",1e999" : ",");
    for (int i = 0; i < N; i++) row += sprintf(row, "%s", i == 0 ? "\nx" : i == N - 1 ? ",y" : ",");
    put_names(f, N, data);
    refused_cheaply(f, NULL, TG_ERR_FORMAT, "row 0 of column '3' is a number too large for a double");
    refused_cheaply(f, &(tg_csv_options){.refuse_missing = true}, TG_ERR_FORMAT, "row 0 of column '1' is missing");
    refused_cheaply(f, &(tg_csv_options){.categories = (const char *const[]){"7", "none!", NULL}}, TG_ERR_ARG, "has no column 'none!', which");
    tg_table *numbers = table(f, "0\n1\n", NULL), *texts = table(f, "other,0\n1,y\n", NULL);
    put_names(f, N, data);
    refused_cheaply(f, &(tg_csv_options){.like = numbers}, TG_ERR_FORMAT, "row 1 of column '0' is not a number, but");
    refused_cheaply(f, &(tg_csv_options){.like = texts}, TG_ERR_FORMAT, "row 0 of column '0' is not among the categories");
    free(data);
}

static void allocations_fail(void **state)
{
    fixture *f      = *state;
    int      failed = 0;
    static const char text[] = "a,b\n1,x\n2,y\n3,\n4,x\n";
    write_file(in_dir(f, "x"), text, sizeof text - 1);
    for (int onward = 0; onward < 2; onward++)
        for (int64_t k = 0;; k++) {
            tg_tape *t   = new_tape(f);
            f->calls     = 0;
            f->fail_from = k;
            f->fail_to   = onward ? INT64_MAX : k + 1;
            tg_table  *x = tg_csv_read(t, in_dir(f, "x"), NULL);
            tg_tensor *a = tg_table_tensor(x, TG_F32, NULL, 0), *b = tg_table_labels(x, "b");
            f->fail_from = f->fail_to = 0;
            const bool all = f->calls <= k;
            assert_int_equal(all, x && a && b);
            if (!all) expect_error(t, TG_ERR_MEMORY, "out of memory");
            if (!all && !x) x = tg_csv_read(t, in_dir(f, "x"), NULL);
            assert_ids(x, "b", (int64_t[]){0, 1, -1, 0}, 4);
            failed += !all;
            tg_tape_free(t);
            if (all) break;
        }
    assert_true(failed > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(malformed), TEST(any_byte), TEST(no_files), TEST(refusing_is_cheap), TEST(passes_are_few), TEST(many_columns), TEST(allocations_fail)};
    return cmocka_run_group_tests_name("csv, bad", tests, NULL, NULL);
}
