/* gradcheck_test.h - inputs for tg_gradcheck, and the simplest function. */
#ifndef GRADCHECK_TEST_H
#define GRADCHECK_TEST_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <tapegrad.h>

#include "quiet.h"

static inline tg_tensor *input(tg_tape *t, const tg_shape *shape) { return tg_set_requires_grad(tg_uniform(t, shape, -1.5, 1.5), true); }

static inline tg_tensor *itself(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    return in[0];
}

#endif
