/* f64_test.h - leaves of doubles, and comparing doubles, for the tests of backward passes. */
#ifndef F64_TEST_H
#define F64_TEST_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include <tapegrad.h>

#include "quiet.h"

static inline tg_tensor *leaf(tg_tape *t, double x) { return tg_set_requires_grad(tg_scalar(t, x), true); }

static inline void assert_near(double a, double b)
{
    if (!(fabs(a - b) <= 1e-12 * fmax(1, fabs(b)))) fail_msg("%.17g is not %.17g", a, b);
}

static inline void assert_values(tg_tensor *t, const double *want, int64_t n)
{
    const double *have = tg_data_f64(t);
    assert_non_null(have);
    assert_int_equal(tg_numel(t), n);
    for (int64_t i = 0; i < n; i++) assert_near(have[i], want[i]);
}

#endif
