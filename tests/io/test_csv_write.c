/* test_csv_write.c - tensors as CSV files: the text to the byte, the same bits back, and what is refused. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fenv.h>
#include <float.h>

#include "comma_locale.h"
#include "csv_test.h"

static void assert_text(const fixture *f, const char *want)
{
    size_t n;
    char  *got = read_file(in_dir(f, "x"), &n);
    if (strcmp(got, want) != 0 || n != strlen(want)) fail_msg("%s instead of %s", got, want);
    free(got);
    assert_int_equal(count_files(f), 1);
}

static void writes(const fixture *f, const char *const *names, tg_tensor *x, const char *want)
{
    if (tg_csv_write(in_dir(f, "x"), names, x) != TG_OK) fail_msg("%s", tg_error(f->tape));
    assert_text(f, want);
}

static void texts(void **state)
{
    fixture          *f       = *state;
    tg_tape          *t       = f->tape;
    const char *const plain[] = {"a", "b"}, *const odd[] = {"a,\"b\"", "\n"}, *const none[] = {"", "\xef\xbb\xbf"};
    tg_tensor        *x       = tg_from_f64(t, TG_SHAPE(2, 2), (double[]){1, 0.1, -0.0, 1e300});
    writes(f, plain, x, "a,b\n1,0.1\n-0,1e+300\n");
    writes(f, NULL, x, "1,0.1\n-0,1e+300\n");
    writes(f, odd, x, "\"a,\"\"b\"\"\",\"\n\"\n1,0.1\n-0,1e+300\n");
    writes(f, none, x, "\"\",\"\xef\xbb\xbf\"\n1,0.1\n-0,1e+300\n");
    writes(f, NULL, tg_transpose(x, 0, 1), "1,-0\n0.1,1e+300\n");
    writes(f, NULL, tg_mul_s(x, 0.5), "0.5,0.05\n-0,5e+299\n");
    writes(f, plain, tg_from_f32(t, TG_SHAPE(3), (float[]){0.1F, (float)INFINITY, (float)NAN}), "a\n0.1\ninf\n\n");
    writes(f, NULL, tg_from_f64(t, TG_SHAPE(1, 2), (double[]){-(double)INFINITY, missing_number}), "-inf,\n");
    writes(f, NULL, tg_from_i64(t, TG_SHAPE(3), (int64_t[]){INT64_MIN, INT64_MAX, 9007199254740993}), "-9223372036854775808\n9223372036854775807\n9007199254740993\n");
    writes(f, NULL, tg_from_data(t, TG_I32, TG_SHAPE(1, 2), (int32_t[]){INT32_MIN, 100000000}), "-2147483648,100000000\n");
    writes(f, NULL, tg_from_data(t, TG_BOOL, TG_SHAPE(1, 3), (uint8_t[]){1, 0, 1}), "1,0,1\n");
    writes(f, plain, tg_from_f32(t, TG_SHAPE(0, 2), NULL), "a,b\n");
}

/* Every kind of bits comes back, also in other environments and over several of the writer's pieces. */
static void round_trip(void **state)
{
    fixture *f = *state;
    enum { ROWS = 2500 };
    double  *doubles = malloc(ROWS * sizeof *doubles);
    float   *floats  = malloc(ROWS * sizeof *floats);
    uint64_t seed    = 1;
    assert_true(doubles && floats);
    for (int i = 0; i < ROWS; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        const uint64_t bits = seed ^ seed >> 29;
        const uint32_t half = (uint32_t)(bits >> 13);
        memcpy(&doubles[i], &bits, 8);
        memcpy(&floats[i], &half, 4);
        if (doubles[i] != doubles[i]) doubles[i] = DBL_MIN / 3;
        if (floats[i] != floats[i]) floats[i] = FLT_MAX;
    }
    const bool comma = set_comma_locale();
    fesetround(FE_UPWARD);
    assert_int_equal(tg_csv_write(in_dir(f, "x"), (const char *const[]){"d"}, tg_from_f64(f->tape, TG_SHAPE(ROWS), doubles)), TG_OK);
    assert_int_equal(tg_csv_write(in_dir(f, "y"), (const char *const[]){"s"}, tg_from_f32(f->tape, TG_SHAPE(ROWS, 1), floats)), TG_OK);
    fesetround(FE_TONEAREST);
    setlocale(LC_NUMERIC, "C");
    tg_table *x = tg_csv_read(f->tape, in_dir(f, "x"), NULL), *y = tg_csv_read(f->tape, in_dir(f, "y"), NULL);
    if (!x || !y) fail_msg("%s", tg_error(f->tape));
    assert_memory_equal(tg_data(tg_table_tensor(x, TG_F64, NULL, 0)), doubles, ROWS * sizeof *doubles);
    assert_memory_equal(tg_data(tg_table_tensor(y, TG_F32, NULL, 0)), floats, ROWS * sizeof *floats);
    free(doubles), free(floats);
    if (!comma) skip();
}

static void refusals(void **state)
{
    fixture          *f      = *state;
    tg_tape          *t      = f->tape;
    const char *const null[] = {"a", NULL};
    tg_tensor        *x      = tg_ones(t, TG_SHAPE(1, 2));
    writes(f, NULL, x, "1,1\n");
    expect_failure(t, tg_csv_write(NULL, NULL, x), TG_ERR_NULL, "tg_csv_write: the path is NULL");
    expect_failure(t, tg_csv_write(in_dir(f, "x"), null, x), TG_ERR_NULL, "tg_csv_write: the name of column 1 is NULL");
    expect_failure(t, tg_csv_write(in_dir(f, "x"), NULL, tg_ones(t, TG_SCALAR_SHAPE)), TG_ERR_SHAPE, "[rows,columns] or [rows]");
    expect_failure(t, tg_csv_write(in_dir(f, "x"), NULL, tg_ones(t, TG_SHAPE(1, 1, 1))), TG_ERR_SHAPE, "not [1,1,1]");
    expect_failure(t, tg_csv_write(in_dir(f, "x"), NULL, tg_ones(t, TG_SHAPE(3, 0))), TG_ERR_SHAPE, "not [3,0]");
    expect_failure(t, tg_csv_write(in_dir(f, "no/x"), NULL, x), TG_ERR_IO, "tg_csv_write: cannot write");
    assert_int_equal(tg_csv_write(in_dir(f, "x"), NULL, NULL), TG_ERR_NULL);
    assert_null(tg_error(t));
    tg_tensor *wrong = tg_gather(tg_ones(t, TG_SHAPE(2)), 0, tg_from_i64(t, TG_SHAPE(1), (int64_t[]){7})); /* it fails when it is computed */
    expect_failure(t, tg_csv_write(in_dir(f, "x"), NULL, wrong), TG_ERR_INDEX, "tg_csv_write");
    assert_int_equal(tg_reset(t), TG_OK);
    expect_failure(t, tg_csv_write(in_dir(f, "x"), NULL, x), TG_ERR_STALE, "tg_csv_write");
    assert_text(f, "1,1\n");
}

static void allocations_fail(void **state)
{
    fixture *f      = *state;
    int      failed = 0;
    for (int64_t k = 0;; k++) {
        tg_tape   *t = new_tape(f);
        tg_tensor *x = tg_add_s(tg_ones(t, TG_SHAPE(1, 2)), 1);
        f->calls     = 0;
        f->fail_from = k;
        f->fail_to   = k + 1;
        const tg_status s = tg_csv_write(in_dir(f, "x"), NULL, x);
        f->fail_from = f->fail_to = 0;
        const bool all = f->calls <= k;
        if (all) assert_int_equal(s, TG_OK);
        else if (s != TG_OK) expect_error(t, TG_ERR_MEMORY, "out of memory");
        failed += s != TG_OK;
        tg_tape_free(t);
        if (all) break;
    }
    assert_true(failed > 1);
    assert_text(f, "2,2\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(texts), TEST(round_trip), TEST(refusals), TEST(allocations_fail)};
    return cmocka_run_group_tests_name("csv, written", tests, NULL, NULL);
}
