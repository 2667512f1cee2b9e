/* test_csv.c - CSV files as tables: what is a field, what a number, what a category; columns as tensors; and tensors as CSV files. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fenv.h>
#include <math.h>

#include "comma_locale.h"
#include "csv_test.h"

/* ---- fields -------------------------------------------------------------------------------------------------------- */

/* The same four fields, whatever ends the lines and stands between them. */
static void rows_and_fields(void **state)
{
    fixture                 *f       = *state;
    static const char *const texts[] = {"a,b\n1,x\n2,y\n",         "a,b\n1,x\n2,y",       "a,b\r\n1,x\r\n2,y\r\n", "a,b\n1,x\r\n2,y\r\n",
                                        ("\xef\xbb\xbf" "a,b\n1,x\n2,y\n"), "\n\na,b\n\n1,x\n\r\n2,y\n\n", "\"a\",\"b\"\n\"1\",\"x\"\n\"2\",\"y\"\n",
                                        "a,b\n 1\t,x\n+2.0,y"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        tg_table *t = table(f, texts[i], NULL);
        assert_int_equal(tg_table_rows(t), 2);
        assert_int_equal(tg_table_columns(t), 2);
        assert_string_equal(tg_table_name(t, 0), "a");
        assert_string_equal(tg_table_name(t, 1), "b");
        assert_numbers(t, "a", (double[]){1, 2}, 2);
        assert_ids(t, "b", (int64_t[]){0, 1}, 2);
        tg_table_free(t);
    }
    tg_csv_options semicolons = {.delimiter = ';'}, tabs = {.delimiter = '\t'};
    assert_numbers(table(f, "a;b\n1;2,5\n2;x", &semicolons), "a", (double[]){1, 2}, 2);
    tg_table *t = table(f, "a\tb\n1\t2\n\t3\n", &tabs);
    assert_numbers(t, "a", (double[]){1, missing_number}, 2);
    assert_numbers(t, "b", (double[]){2, 3}, 2);
}

static void quotes(void **state)
{
    fixture        *f = *state;
    tg_table       *t = table(f, "\"a \"\"x\"\"\",\"b,\nc\"\n\"1\",\"say \"\"hi\"\"\"\n2,\"two\r\nlines, a comma\"\n3,a\"b\"\n4,\"\"\"\"\n", NULL);
    const char *const want[] = {"\"", "a\"b\"", "say \"hi\"", "two\r\nlines, a comma"};
    assert_string_equal(tg_table_name(t, 0), "a \"x\"");
    assert_string_equal(tg_table_name(t, 1), "b,\nc");
    assert_numbers(t, "a \"x\"", (double[]){1, 2, 3, 4}, 4);
    assert_categories(t, 1, want, 4);
    assert_ids(t, "b,\nc", (int64_t[]){2, 3, 1, 0}, 4);
    t = table(f, "a\n\"\"\n\n1\n", NULL); /* one column: an empty line is a missing value, and a quoted empty field is, too */
    assert_numbers(t, "a", (double[]){missing_number, missing_number, 1}, 3);
}

static void headers(void **state)
{
    fixture       *f    = *state;
    tg_csv_options none = {.no_header = true};
    tg_table      *t    = table(f, "1,2,x\n3,4,y\n", &none);
    assert_int_equal(tg_table_rows(t), 2);
    for (int k = 0; k < 3; k++) {
        const char name[] = {(char)('0' + k), 0};
        assert_string_equal(tg_table_name(t, k), name);
        assert_int_equal(tg_table_find(t, name), k);
    }
    assert_int_equal(tg_table_find(t, "3"), -1);
    assert_null(tg_table_name(t, 3));
    assert_null(tg_table_name(t, -1));
    assert_numbers(t, "1", (double[]){2, 4}, 2);
    t = table(f, "a,,b", NULL); /* a header alone; a column may have no name */
    assert_int_equal(tg_table_rows(t), 0);
    assert_int_equal(tg_table_find(t, ""), 1);
    tg_tensor *x = tg_table_tensor(t, TG_F32, NULL, 0);
    assert_true(tg_shape_equal(tg_shape_of(x), TG_SHAPE(0, 3)));
}

/* ---- numbers ------------------------------------------------------------------------------------------------------- */

static bool same_bits(double a, double b) { return !memcmp(&a, &b, sizeof a); }

/* A number that is one for the reader, and has the bits that the C library gives. */
static void assert_number(fixture *f, const char *text)
{
    char file[400];
    snprintf(file, sizeof file, "a\n%s\n", text);
    tg_table *t = table(f, file, NULL);
    if (tg_table_type(t, 0) != TG_COLUMN_NUMBERS) fail_msg("'%s' is not a number", text);
    const double *x = tg_data_f64(tg_table_tensor(t, TG_F64, NULL, 0));
    if (!same_bits(*x, strtod(text, NULL))) fail_msg("'%s' is read as %.17g", text, *x);
    tg_table_free(t);
}

static void numbers(void **state)
{
    fixture                 *f       = *state;
    static const char *const yes[]   = {"0", "-0", "+1", "1.", ".5", "-.5e-3", "1e5", "1E+5", "0.1", "123456789012345678901234567890", "1e22", "1e23", "9007199254740993",
                                        "4.9e-324", "2.4e-324", "2.5e-324", "1.7976931348623157e308", "2.2250738585072011e-308", "0e999999999999", "1e-999999999999999999999",
                                        "000000000000000000000000000001", "0.30000000000000004", "inf", "-INF", "Infinity", "+infinity", "100000000000000000000e-20"};
    static const char *const never[] = {"0x10", "1e", "1e+", ".", "+", "-", "--1", "1.2.3", "1,5", "1 2", "infi", "infinite", "1d5", "e5", "1_000", "nane", "nan(1)", "\xd9\xa1"};
    char                     text[400];
    uint64_t                 seed = 1;
    for (size_t i = 0; i < COUNT(yes); i++) assert_number(f, yes[i]);
    for (size_t i = 0; i < COUNT(never); i++) {
        snprintf(text, sizeof text, "a,b\n\"%s\",1\n", never[i]);
        if (tg_table_type(table(f, text, NULL), 0) != TG_COLUMN_CATEGORIES) fail_msg("'%s' is a number", never[i]);
    }
    for (int i = 0; i < 3000; i++) { /* digits of all lengths, exponents of all sizes */
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        const int digits = (int)(seed >> 60) + 1 + (int)(seed >> 40) % 6, at = (int)(seed >> 50) % (digits + 1);
        int       n = 0;
        if (seed & 1 << 20) text[n++] = '-';
        for (int k = 0; k < digits; k++) {
            if (k == at) text[n++] = '.';
            text[n++] = (char)('0' + (seed >> (k + 7)) % 10);
        }
        text[n] = 0;
        if (i % 3) snprintf(text + n, 20, "e%d", (int)(seed >> 33) % (i % 3 == 1 ? 30 : 340) * (seed & 2 ? 1 : -1));
        if (isinf(strtod(text, NULL))) continue;
        assert_number(f, text);
    }
    /* A thousand decimals, and the exponent that makes up for them. */
    memset(text, '0', sizeof text);
    text[1] = '.';
    strcpy(text + 300, "15e300");
    assert_number(f, text);
}

static void any_environment(void **state)
{
    fixture  *f     = *state;
    const int ways[] = {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO, FE_TONEAREST};
    for (size_t i = 0; i < COUNT(ways); i++) {
        static const char text[] = "a\n0.1\n1.1e-5\n123456789012345678\n";
        write_file(in_dir(f, "x"), text, sizeof text - 1);
        assert_int_equal(fesetround(ways[i]), 0);
        tg_table  *t = tg_csv_read(f->tape, in_dir(f, "x"), NULL);
        tg_tensor *x = tg_table_tensor(t, TG_F32, NULL, 0);
        fesetround(FE_TONEAREST);
        assert_memory_equal(tg_data(x), ((float[]){0.1F, 1.1e-5F, 123456789012345678.0F}), 12);
        assert_numbers(t, "a", (double[]){0.1, 1.1e-5, 123456789012345678.0}, 3);
    }
    const bool comma = set_comma_locale();
    tg_table  *t     = table(f, "a,b\n0.5,123456789012345678.5\n", NULL);
    setlocale(LC_NUMERIC, "C");
    assert_numbers(t, "a", (double[]){0.5}, 1);
    assert_numbers(t, "b", (double[]){123456789012345678.5}, 1);
    if (!comma) skip();
}

/* ---- what is missing ----------------------------------------------------------------------------------------------- */

static void missing(void **state)
{
    fixture       *f      = *state;
    tg_csv_options other  = {.missing = (const char *const[]){"-999", "?", NULL}}, refuse = {.refuse_missing = true};
    const char    *text   = "a,b,c\n1,NA,\n,x,NA\n nan,-1,null\n";
    tg_table      *t      = table(f, text, NULL);
    assert_int_equal(tg_table_type(t, 0), TG_COLUMN_CATEGORIES); /* " nan" with its blank is a text */
    t = table(f, "a,b,c\n1,NA,\n  ,x,NA\nnan,-1,null\n", NULL);
    assert_numbers(t, "a", (double[]){1, missing_number, missing_number}, 3);
    assert_ids(t, "b", (int64_t[]){-1, 1, 0}, 3);
    assert_numbers(t, "c", (double[]){missing_number, missing_number, missing_number}, 3);
    t = table(f, "a,b\n-999,?\n1,NA\n2,x\n", &other);
    assert_numbers(t, "a", (double[]){missing_number, 1, 2}, 3);
    assert_ids(t, "b", (int64_t[]){-1, 0, 1}, 3);
    refuses(f, "a,b\n1,x\nNA,y\n", &refuse, TG_ERR_FORMAT, "row 1 of column 'a' is missing");
    refuses(f, "a,b\n1,x\n1,\n", &refuse, TG_ERR_FORMAT, "row 1 of column 'b' is missing");
    assert_non_null(table(f, "a,b\n1,x\n1,y\n", &refuse));
}

/* ---- categories ---------------------------------------------------------------------------------------------------- */

static void categories(void **state)
{
    fixture          *f      = *state;
    const char *const want[] = {"", "Z", "a", "b", "\xc3\xa9"};
    tg_csv_options    codes  = {.categories = (const char *const[]){"zip", NULL}, .missing = (const char *const[]){NULL}};
    tg_table         *t = table(f, "c\nb\na\nb\n\xc3\xa9\nZ\na\n", NULL), *u = table(f, "c\nZ\n\xc3\xa9\na\nb\nb\nb\n", NULL);
    assert_categories(t, 0, want + 1, 4);
    assert_categories(u, 0, want + 1, 4); /* the same, in whatever order they come */
    assert_ids(t, "c", (int64_t[]){2, 1, 2, 3, 0, 1}, 6);
    t = table(f, "zip,x\n01234,1\n1234,2\n01234,3\n", &codes);
    assert_categories(t, 0, (const char *const[]){"01234", "1234"}, 2);
    assert_ids(t, "zip", (int64_t[]){0, 1, 0}, 3);
    assert_null(tg_table_category(t, 0, 2));
    assert_null(tg_table_category(t, 0, -1));
    assert_null(tg_table_category(t, 1, 0));
    assert_int_equal(tg_table_category_count(t, 1), 0);
    tg_csv_options wrong = {.categories = (const char *const[]){"no", NULL}};
    refuses(f, "a\n1\n", &wrong, TG_ERR_ARG, "has no column 'no', which options.categories names");
}

/* Thousands of different texts: the table of them grows, and ids are right. */
static void many_categories(void **state)
{
    fixture *f    = *state;
    char    *text = malloc(200000), *at = text + sprintf(text, "c,n\n");
    assert_non_null(text);
    for (int i = 0; i < 9000; i++) at += sprintf(at, "k%04d,%d\n", i * 7 % 3000, i * 7 % 3000);
    tg_table *t = table(f, text, NULL);
    free(text);
    assert_int_equal(tg_table_category_count(t, 0), 3000);
    const int64_t *ids = tg_data_i64(tg_table_labels(t, "c")), *numbers = tg_data_i64(tg_table_labels(t, "n"));
    assert_memory_equal(ids, numbers, 9000 * sizeof *ids);
}

static void like_another(void **state)
{
    fixture       *f     = *state;
    tg_table      *train = table(f, "c,n,k\nx,1,1\ny,2,\nz,3,b\n", NULL);
    tg_csv_options like  = {.like = train};
    tg_table      *test  = table(f, "n,new,c,k\n4,q,z,b\n,r,x,1\n", &like);
    assert_ids(test, "c", (int64_t[]){2, 0}, 2);
    assert_ids(test, "k", (int64_t[]){1, 0}, 2);
    assert_ids(test, "new", (int64_t[]){0, 1}, 2);
    assert_int_equal(tg_table_category_count(test, 2), 3);
    assert_numbers(test, "n", (double[]){4, missing_number}, 2);
    tg_table_free(train);
    assert_string_equal(tg_table_category(test, 2, 2), "z"); /* copies */
    train     = table(f, "c,n\nx,1\n", NULL);
    like.like = train;
    refuses(f, "c,n\nx,1\nw,2\n", &like, TG_ERR_FORMAT, "row 1 of column 'c' is not among the categories");
    refuses(f, "c,n\nx,y\n", &like, TG_ERR_FORMAT, "row 0 of column 'n' is not a number");
    tg_tape *other = new_tape(f);
    write_file(in_dir(f, "x"), "c\nx\n", 4);
    assert_null(tg_csv_read(other, in_dir(f, "x"), &like));
    expect_error(other, TG_ERR_TAPE, "tg_csv_read: options.like is a table of another tape");
    tg_tape_free(other);
}

/* ---- tensors ------------------------------------------------------------------------------------------------------- */

static void tensors(void **state)
{
    fixture          *f      = *state;
    tg_table         *t      = table(f, "a,b,c\n1,x,0.5\n-2,y,3\n300,x,1e300\n", NULL);
    const char *const ca[]   = {"c", "a", "a"}, *const b[] = {"b"}, *const no[] = {"d"}, *const null[] = {NULL}, *const c[] = {"c"}, *const a[] = {"a"};
    tg_tensor        *x      = tg_table_tensor(t, TG_F64, ca, 3);
    const double      want[] = {0.5, 1, 1, 3, -2, -2, 1e300, 300, 300};
    assert_true(tg_shape_equal(tg_shape_of(x), TG_SHAPE(3, 3)));
    assert_memory_equal(tg_data(x), want, sizeof want);
    assert_true(tg_shape_equal(tg_shape_of(tg_table_tensor(t, TG_F64, NULL, 0)), TG_SHAPE(3, 2)));
    assert_true(tg_shape_equal(tg_shape_of(tg_table_tensor(t, TG_F64, a, 0)), TG_SHAPE(3, 0)));
    x = tg_table_tensor(t, TG_I16, a, 1);
    assert_memory_equal(tg_data(x), ((int16_t[]){1, -2, 300}), 6);
    assert_memory_equal(tg_data(tg_table_labels(t, "a")), ((int64_t[]){1, -2, 300}), 24);
#define REFUSED(CALL, STATUS, PART) (assert_null(CALL), expect_error(f->tape, STATUS, PART))
    REFUSED(tg_table_tensor(t, TG_U8, a, 1), TG_ERR_DTYPE, "tg_table_tensor: row 1 of column 'a' is -2, which uint8 does not hold");
    REFUSED(tg_table_tensor(t, TG_F32, c, 1), TG_ERR_DTYPE, "row 2 of column 'c' is 1e+300, which float32 does not hold");
    REFUSED(tg_table_tensor(t, TG_I64, c, 1), TG_ERR_DTYPE, "row 0 of column 'c' is 0.5, which int64 does not hold");
    REFUSED(tg_table_tensor(t, TG_F32, b, 1), TG_ERR_DTYPE, "column 'b' is of categories; tg_table_labels gives their ids");
    REFUSED(tg_table_tensor(t, TG_F32, no, 1), TG_ERR_ARG, "the table has no column 'd'");
    REFUSED(tg_table_tensor(t, TG_F32, null, 1), TG_ERR_NULL, "the name of a column is NULL");
    REFUSED(tg_table_tensor(t, TG_F32, NULL, 2), TG_ERR_NULL, "columns is NULL, but n is 2");
    REFUSED(tg_table_tensor(t, TG_F32, a, -1), TG_ERR_ARG, "n must be 0 or more, got -1");
    REFUSED(tg_table_tensor(t, TG_NDTYPES, a, 1), TG_ERR_DTYPE, "there is no such dtype");
    REFUSED(tg_table_labels(t, "c"), TG_ERR_DTYPE, "tg_table_labels: row 0 of column 'c' is 0.5");
    REFUSED(tg_table_labels(t, NULL), TG_ERR_NULL, "the name of a column is NULL");
    REFUSED(tg_table_labels(table(f, "a\n1\nNA\n", NULL), "a"), TG_ERR_DTYPE, "row 1 of column 'a' is missing, and int64 has no NaN");
    /* The table is there after a reset, and what was made of it is not. */
    assert_int_equal(tg_reset(f->tape), TG_OK);
    assert_numbers(t, "a", (double[]){1, -2, 300}, 3);
    assert_null(tg_table_tensor(NULL, TG_F32, NULL, 0));
    assert_null(tg_table_labels(NULL, "a"));
    assert_true(tg_table_rows(NULL) == 0 && tg_table_columns(NULL) == 0 && !tg_table_name(NULL, 0) && tg_table_find(NULL, "a") == -1);
    assert_true(tg_table_find(t, NULL) == -1 && tg_table_category_count(NULL, 0) == 0 && !tg_table_category(NULL, 0, 0));
    tg_table_free(NULL);
}

/* Rows that lack a value are left out, whichever column it is in; categories keep their ids. */
static void dropped(void **state)
{
    fixture             *f = *state;
    const tg_csv_options drop = {.drop_missing = true}, both = {.drop_missing = true, .refuse_missing = true};
    tg_table            *t = table(f, "a,b,c\n1,x,7\nNA,y,8\n3,,9\n4,z,\n5,z,6\n", &drop);
    assert_int_equal(tg_table_rows(t), 2);
    assert_numbers(t, "a", (double[]){1, 5}, 2);
    assert_ids(t, "b", (int64_t[]){0, 2}, 2);
    assert_numbers(t, "c", (double[]){7, 6}, 2);
    assert_categories(t, 1, (const char *[]){"x", "y", "z"}, 3);
    for (int k = -1; k < 4; k++) assert_int_equal(tg_table_missing(t, k), 0);
    tg_table_free(t); /* with the memory of all five rows */
    t = table(f, "a,b\n,\n,x\n", &drop);
    assert_int_equal(tg_table_rows(t), 0);
    assert_int_equal(tg_dim(tg_table_tensor(t, TG_F32, NULL, 0), 0), 0);
    t = table(f, "a,b\n1,\nNA,x\n,\n", NULL);
    assert_int_equal(tg_table_missing(t, 0), 2);
    assert_int_equal(tg_table_missing(t, 1), 2);
    assert_int_equal(tg_table_missing(NULL, 0), 0);
    refuses(f, "a\n1\n", &both, TG_ERR_ARG, "only one of them can");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rows_and_fields), TEST(quotes),     TEST(headers),         TEST(numbers),      TEST(any_environment),
        TEST(missing),         TEST(categories), TEST(many_categories), TEST(like_another), TEST(tensors),
        TEST(dropped),
    };
    return cmocka_run_group_tests_name("csv", tests, NULL, NULL);
}
