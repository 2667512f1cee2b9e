/* optim_test.h - what the tests of optimizers share: parameters of three equal elements, whose gradients are given. */
#ifndef OPTIM_TEST_H
#define OPTIM_TEST_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <tapegrad.h>

#include "quiet.h"

static inline tg_tensor *param(tg_tape *t, const char *name, double value)
{
    tg_tensor *p = tg_param(t, name, tg_full(t, TG_F64, TG_SHAPE(3), value));
    assert_non_null(p);
    return p;
}

/* Adds the gradient g, …, g to p's. */
static inline void give_grad(tg_tensor *p, double g) { assert_int_equal(tg_backward(tg_sum_all(tg_mul_s(p, g))), TG_OK); }

/* Every element of p is this number, but for rounding. */
static inline void assert_all(tg_tensor *p, double want)
{
    const double *x = tg_data_f64(p);
    assert_non_null(x);
    for (int64_t i = 0; i < tg_numel(p); i++)
        if (!(fabs(x[i] - want) <= 1e-14 * fmax(1, fabs(want)))) fail_msg("element %d is %.17g instead of %.17g", (int)i, x[i], want);
}

#endif
