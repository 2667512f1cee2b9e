/* linear.h - what test_linear.c measures: linear_graphs.h, linear_things.h. A call of theirs that fails is a failed test, with its
 * sentence. */
#ifndef LINEAR_H
#define LINEAR_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <tapegrad.h>

static tg_tape *current; /* for tg_error after a failed assertion */

static inline void good(tg_status s)
{
    if (s != TG_OK) fail_msg("%s", tg_error(current) ? tg_error(current) : "an error without a sentence");
}

static inline void *list(int n, size_t item)
{
    void *p = malloc((size_t)n * item);
    assert_non_null(p);
    return p;
}

static inline tg_tensor *ones(tg_tape *t, int64_t n) { return tg_ones(t, TG_SHAPE(n)); }

#endif
