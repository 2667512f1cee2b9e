/* test_summary.c - the table of a model's parameters and buffers. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <tapegrad.h>
#include <tapegrad_show.h>

#include "quiet.h"

/* A tape with something of each kind: trained with and without a gradient, frozen, a buffer, a table whose gradient is a set of rows. */
static tg_tape *model(void)
{
    tg_tape *t = quiet(TG_F32);
    tg_tensor *w = tg_param(t, "fc.weight", tg_full(t, TG_F32, TG_SHAPE(40, 50), 1));
    assert_non_null(tg_param(t, "fc.größe", tg_ones(t, TG_SHAPE(3))));
    assert_non_null(tg_set_requires_grad(tg_param(t, "old.bias", tg_full(t, TG_F64, TG_SHAPE(2), 1)), false));
    assert_non_null(tg_buffer(t, "fc.count", tg_full(t, TG_I64, TG_SCALAR_SHAPE, 7)));
    tg_tensor *rows = tg_set_row_gradient(tg_param(t, "fc.table", tg_ones(t, TG_SHAPE(1000, 4))), true);
    tg_tensor *ids = tg_from_i64(t, TG_SHAPE(2), (int64_t[]){5, 5});
    tg_tensor *loss = tg_add(tg_sum_all(tg_mul_s(w, 3)), tg_sum_all(tg_embedding(rows, ids)));
    assert_int_equal(tg_backward(loss), TG_OK);
    assert_int_equal(tg_row_gradient_of(rows, NULL, NULL), 1);
    return t;
}

static void test_table(void **state)
{
    static const char expected[] =
        "name       shape     dtype    elements   bytes  trains  |gradient|\n"
        "fc.weight  [40,50]   float32     2,000   8,000  yes          134.2\n" /* 3 sqrt(2000) */
        "fc.größe   [3]       float32         3      12  yes              -\n"
        "old.bias   [2]       float64         2      16  frozen           -\n"
        "fc.table   [1000,4]  float32     4,000  16,000  yes              4\n" /* a row of four twos */
        "fc.count   []        int64           1       8  buffer           -\n"
        "trained: 3 tensors, 6,003 elements, 24,012 bytes\n"
        "frozen: 1 tensor, 2 elements, 16 bytes\n"
        "buffers: 1 tensor, 1 element, 8 bytes\n";
    char     text[2000], cut[20];
    tg_tape *t = model();
    (void)state;
    const int length = tg_summary_format(t, NULL, text, sizeof text);
    assert_string_equal(text, expected);
    assert_int_equal(length, strlen(expected));
    assert_int_equal(tg_summary_format(t, "*", NULL, 0), length);
    assert_int_equal(tg_summary_format(t, NULL, cut, sizeof cut), length);
    assert_int_equal(strlen(cut), sizeof cut - 1);
    assert_int_equal(tg_row_gradient_of(tg_param_named(t, "fc.table"), NULL, NULL), 1); /* a set of rows still */
    assert_true(tg_summary_format(t, "old.*", text, sizeof text) > 0);
    assert_string_equal(text, "name      shape  dtype    elements  bytes  trains  |gradient|\n"
                              "old.bias  [2]    float64         2     16  frozen           -\n"
                              "frozen: 1 tensor, 2 elements, 16 bytes\n");
    assert_int_equal(tg_reset(t), TG_OK);
    assert_int_equal(tg_summary_format(t, NULL, text, sizeof text), length);
    assert_string_equal(text, expected);
    tg_tape_free(t);
}

static void test_wrong(void **state)
{
    char     text[20] = "x";
    tg_tape *t = model();
    (void)state;
    assert_int_equal(tg_summary(NULL, NULL), TG_ERR_NULL);
    assert_int_equal(tg_summary_format(NULL, NULL, text, sizeof text), -1);
    assert_string_equal(text, "");
    assert_int_equal(tg_summary_format(t, "[a", text, sizeof text), -1);
    assert_string_equal(tg_error(t), "tg_summary_format: the pattern '[a' has a [ without its ]");
    tg_clear_error(t);
    assert_int_equal(tg_summary(t, "[a"), TG_ERR_ARG);
    tg_clear_error(t);
    tg_tape_free(t);
}

static void test_nothing(void **state)
{
    char     text[200];
    tg_tape *t = quiet(TG_F32);
    (void)state;
    assert_true(tg_summary_format(t, NULL, text, sizeof text) > 0);
    assert_string_equal(text, "name  shape  dtype  elements  bytes  trains  |gradient|\n");
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
