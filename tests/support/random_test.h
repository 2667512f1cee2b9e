/* random_test.h - what tests of random numbers share. After cmocka.h. */
#ifndef RANDOM_TEST_H
#define RANDOM_TEST_H

#include <tapegrad.h>

static inline void assert_refused(tg_tape *t, const void *result, tg_status status, const char *sentence)
{
    assert_null(result);
    assert_int_equal(tg_error_status(t), status);
    assert_string_equal(tg_error(t), sentence);
    tg_clear_error(t);
}

static inline const double *values(tg_tensor *x)
{
    const double *v = tg_data_f64(tg_to(x, TG_F64));
    assert_non_null(v);
    return v;
}

#endif
