/* csv_test.h - for tests of CSV files: tables made of text, and what is in them. After cmocka.h. */
#ifndef TESTS_CSV_TEST_H
#define TESTS_CSV_TEST_H

#include <math.h>
#include <tapegrad_op.h>

#include "file_fixture.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
static const double missing_number = (double)NAN;

static inline tg_table *table(const fixture *f, const char *text, const tg_csv_options *options)
{
    write_file(in_dir(f, "x"), text, strlen(text));
    tg_table *t = tg_csv_read(f->tape, in_dir(f, "x"), options);
    if (!t) fail_msg("%s", tg_error(f->tape));
    return t;
}

static inline void assert_numbers(tg_table *t, const char *column, const double *want, int64_t n)
{
    tg_tensor *x = tg_table_tensor(t, TG_F64, &column, 1);
    assert_non_null(x);
    assert_int_equal(tg_numel(x), n);
    const double *got = tg_data_f64(x);
    for (int64_t i = 0; i < n; i++)
        if (got[i] != want[i] && (got[i] == got[i] || want[i] == want[i])) fail_msg("row %lld of %s is %.17g", (long long)i, column, got[i]);
}

static inline void assert_ids(tg_table *t, const char *column, const int64_t *want, int64_t n)
{
    tg_tensor *x = tg_table_labels(t, column);
    assert_non_null(x);
    assert_int_equal(tg_numel(x), n);
    assert_memory_equal(tg_data(x), want, (size_t)n * sizeof *want);
}

static inline void assert_categories(const tg_table *t, int column, const char *const *want, int64_t n)
{
    assert_int_equal(tg_table_type(t, column), TG_COLUMN_CATEGORIES);
    assert_int_equal(tg_table_category_count(t, column), n);
    for (int64_t i = 0; i < n; i++) assert_string_equal(tg_table_category(t, column, i), want[i]);
}

static inline void refuses_bytes(const fixture *f, const void *bytes, size_t n, const tg_csv_options *options, tg_status status, const char *part)
{
    write_file(in_dir(f, "x"), bytes, n);
    if (tg_csv_read(f->tape, in_dir(f, "x"), options)) fail_msg("was read instead of: %s", part);
    if (!tg_error(f->tape) || strncmp(tg_error(f->tape), "tg_csv_read: ", 13) != 0) fail_msg("%s", tg_error(f->tape));
    expect_error(f->tape, status, part);
}

static inline void refuses(const fixture *f, const char *text, const tg_csv_options *options, tg_status status, const char *part)
{
    refuses_bytes(f, text, strlen(text), options, status, part);
}

#endif
