/* combined.c - pointwise functions made of other ops: rsqrt, logaddexp2, lerp, addcmul, addcdiv; and, for rules, mul_both. */
#include "ops/ops.h"

#include <tapegrad/gradient.h>
#include <tapegrad/pointwise.h>

tg_tensor *tg_mul_both(tg_tensor *g, tg_tensor *z)
{
    tg_tensor *gz = tg_mul_zero(g, z);
    return tg_guard_zero(gz, gz, z);
}

tg_tensor *tg_rsqrt(tg_tensor *x)
{
    TG_CALL(tg_tape_of(x));
    return tg_check(x, __func__) ? tg_reciprocal(tg_sqrt(x)) : NULL;
}

/* The larger one where it is finite, else 0: the gradient does not depend on it. */
static tg_tensor *shift_of(tg_tensor *a, tg_tensor *b)
{
    tg_tensor *m = tg_maximum(tg_detach(a), tg_detach(b));
    return m ? tg_where(tg_isfinite(m), m, tg_number_like(m, 0, "tg_logaddexp2")) : NULL;
}

/* m + log2(2^(a - m) + 2^(b - m)): far from 0 rounding a product with ln 2 would change the difference of a and b. */
tg_tensor *tg_logaddexp2(tg_tensor *a, tg_tensor *b)
{
    const double ln2 = 0.6931471805599453;
    TG_CALL(tg_tape_of(a));
    if (!tg_needs_float(a, __func__) || !tg_needs_float(b, __func__)) return NULL;
    tg_tensor *m = shift_of(a, b);
    if (!m) return NULL;
    tg_tensor *sum = tg_logaddexp(tg_mul_s(tg_sub(a, m), ln2), tg_mul_s(tg_sub(b, m), ln2));
    return tg_add(m, tg_mul_s(sum, 1 / ln2));
}

/* From the nearer end, so that weights of 0 and 1 give a and b to the bit. */
tg_tensor *tg_lerp(tg_tensor *a, tg_tensor *b, tg_tensor *weight)
{
    TG_CALL(tg_tape_of(a));
    if (!tg_needs_float(a, __func__) || !tg_needs_float(b, __func__) || !tg_needs_float(weight, __func__)) return NULL;
    tg_tensor *way = tg_sub(b, a), *from_a = way ? tg_add(a, tg_mul(way, weight)) : NULL;
    if (!from_a) return NULL;
    tg_tensor *from_b = tg_sub(b, tg_mul(way, tg_rsub_s(1, weight))), *half = tg_number_like(weight, 0.5, __func__);
    return tg_where(tg_lt(tg_abs(weight), half), from_a, from_b);
}

tg_tensor *tg_lerp_s(tg_tensor *a, tg_tensor *b, double weight)
{
    TG_CALL(tg_tape_of(a));
    if (!tg_needs_float(a, __func__) || !tg_needs_float(b, __func__)) return NULL;
    tg_tensor *way = tg_sub(b, a);
    if (!way) return NULL;
    return -0.5 < weight && weight < 0.5 ? tg_add(a, tg_mul_s(way, weight)) : tg_sub(b, tg_mul_s(way, 1 - weight));
}

static tg_tensor *add_times(tg_tensor *x, tg_tensor *y, double value) { return y ? tg_add(x, value == 1 ? y : tg_mul_s(y, value)) : NULL; }

tg_tensor *tg_addcmul(tg_tensor *x, tg_tensor *a, tg_tensor *b, double value)
{
    TG_CALL(tg_tape_of(x));
    return tg_check(x, __func__) ? add_times(x, tg_mul(a, b), value) : NULL;
}

tg_tensor *tg_addcdiv(tg_tensor *x, tg_tensor *a, tg_tensor *b, double value)
{
    TG_CALL(tg_tape_of(x));
    return tg_check(x, __func__) ? add_times(x, tg_div(a, b), value) : NULL;
}
