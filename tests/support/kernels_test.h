/* kernels_test.h - what the tests of fast loops share: random bits, units in the last place, and the ops that have such loops. */
#ifndef KERNELS_TEST_H
#define KERNELS_TEST_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <string.h>

#include "exact.h"

#include "kernels/kernels.h"
#include "ops/ops.h"

#define COUNT(A) (sizeof(A) / sizeof *(A))

static inline uint64_t random_bits(uint64_t *state) /* splitmix64 */
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline float float_of(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}
static inline double double_of(uint64_t u)
{
    double x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* Pointwise ops that have fast loops, one after the other: i counts through the registry. */
static inline const tg_op *next_op(int *i)
{
    for (; *i < tg_op_count(); ++*i) {
        const tg_op *op = tg_op_at(*i);
        if (op->kind == TG_POINTWISE && tg_isa_loop(TG_ISA_BASE, op, TG_F32)) return ++*i, op;
    }
    return NULL;
}

/* |got - want| in units in the last place of a float at `size`; infinite where one is NaN or infinite and the other not. */
static inline double ulp_f32_of(float got, double want, double size)
{
    int e;
    if (isnan(want) || isnan(got)) return isnan(want) && isnan(got) ? 0 : HUGE_VAL;
    if (isinf(got) || isinf((float)want)) return got == (float)want || fabs(want) == (double)FLT_MAX ? 0 : HUGE_VAL;
    frexp(size, &e);
    return fabs((double)got - want) / ldexp(1, (e < -125 ? -125 : e) - 24);
}
static inline double ulp_f32(float got, double want) { return ulp_f32_of(got, want, want); }

#endif
