/* exact_test.h - for tests of ops whose results are exact: shapes, integers, and the sentences of errors. After cmocka.h. */
#ifndef EXACT_TEST_H
#define EXACT_TEST_H

#include <tapegrad.h>
#include <tapegrad_op.h>

#include "quiet.h"

static inline void assert_shape(tg_tensor *y, const tg_shape *want)
{
    char got_text[TG_SHAPE_TEXT], want_text[TG_SHAPE_TEXT];
    assert_non_null(y);
    tg_shape_text(tg_shape_of(y), got_text, sizeof got_text);
    tg_shape_text(want, want_text, sizeof want_text);
    assert_string_equal(got_text, want_text);
}

#define assert_i64(Y, SHAPE, ...)                                                                                      \
    do {                                                                                                               \
        const int64_t want_[] = {__VA_ARGS__};                                                                         \
        assert_shape(Y, SHAPE);                                                                                        \
        const int64_t *got_ = tg_data_i64(Y);                                                                          \
        assert_non_null(got_);                                                                                         \
        assert_int_equal(tg_numel(Y), sizeof want_ / sizeof *want_);                                                   \
        assert_memory_equal(got_, want_, sizeof want_);                                                                \
    } while (0)

#endif
