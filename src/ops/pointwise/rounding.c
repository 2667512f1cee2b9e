/* rounding.c - functions about whole numbers and bounds that are more than their row: frac, remainders and quotients, whose integer
 * divisors are checked, clamp and nan_to_num. */
#include "ops/batch.h"
#include "ops/ops.h"
#include "tensor/options.h"

#include <float.h>
#include <tapegrad/pointwise.h>

tg_tensor *tg_frac(tg_tensor *x)
{
    TG_CALL(tg_tape_of(x));
    return tg_needs_float(x, "tg_frac") ? tg_sub(x, tg_trunc(x)) : NULL;
}

/* ---- check_divisor: the input, integers, once they have been looked through for 0 ------------------------------------- */

static tg_status check_divisor_infer(tg_call *c)
{
    c->shape = *tg_in_shape(c, 0);
    c->dtype = tg_dtype_of(c->in[0]);
    return TG_OK;
}

#define FIRST_ZERO(SUFFIX, TYPE)                                                                                       \
    static int64_t first_zero_##SUFFIX(const void *from, int64_t n)                                                   \
    {                                                                                                                 \
        const TYPE *y   = from;                                                                                       \
        int         any = 0;                                                                                          \
        for (int64_t k = 0; k < n; k++) any |= y[k] == 0;                                                             \
        for (int64_t k = 0; k < n && any; k++)                                                                        \
            if (y[k] == 0) return k;                                                                                  \
        return n;                                                                                                     \
    }
FIRST_ZERO(i64, int64_t)
FIRST_ZERO(i32, int32_t)
FIRST_ZERO(i16, int16_t)
FIRST_ZERO(u8, uint8_t)

static tg_status check_divisor_run(tg_call *c)
{
    static int64_t (*const first_zero[TG_NDTYPES])(const void *, int64_t) = {
        [TG_I64] = first_zero_i64, [TG_I32] = first_zero_i32, [TG_I16] = first_zero_i16, [TG_U8] = first_zero_u8};
    int64_t n     = 0;
    size_t  bytes = 0;
    char    text[TG_SHAPE_TEXT];
    tg_shape_size(c->y.shape, c->y.dtype, &n, &bytes);
    const int64_t k = first_zero[c->y.dtype](c->x[0].data, n);
    if (k < n)
        return tg_fail(c, TG_ERR_ARG, "the divisor at %s is 0, by which integers have no quotient", tg_element_text(c->y.shape, k, text, sizeof text));
    if (bytes) memcpy(c->y.data, c->x[0].data, bytes);
    return TG_OK;
}

const tg_op tg_op_check_divisor = {.name    = "check_divisor",
                                   .arity   = 1,
                                   .nondiff = 1,
                                   .flags   = TG_OP_ZERO_GRAD,
                                   .infer   = check_divisor_infer,
                                   .run     = check_divisor_run,
                                   .batch   = tg_batch_same};

static tg_tensor *quotient(const tg_op *op, tg_tensor *x, tg_tensor *y, const char *function)
{
    const tg_node *n = tg_check(x, function), *m = n ? tg_check(y, function) : NULL;
    if (!n || !m) return NULL;
    TG_CALL_AS(n->tape, function);
    const bool checked = !tg_dtype_is_float((tg_dtype)m->dtype) && m->dtype != TG_BOOL;
    tg_tensor *divisor = checked ? tg_record(&tg_op_check_divisor, &y, 1, NULL, 0) : y;
    return tg_record(op, (tg_tensor *[]){x, divisor}, 2, NULL, 0);
}

tg_tensor *tg_fmod(tg_tensor *x, tg_tensor *y) { return quotient(&tg_op_fmod, x, y, __func__); }
tg_tensor *tg_remainder(tg_tensor *x, tg_tensor *y) { return quotient(&tg_op_remainder, x, y, __func__); }
tg_tensor *tg_floor_divide(tg_tensor *x, tg_tensor *y) { return quotient(&tg_op_floor_divide, x, y, __func__); }

/* ---- bounds --------------------------------------------------------------------------------------------------------------- */

/* x, bounded on one side; x itself where the bound is infinite. NULL after a sentence. */
static tg_tensor *bounded(const tg_op *op, tg_tensor *x, double bound, const char *function)
{
    if (isinf(bound) && (bound < 0) == (op == &tg_op_clamp_min)) return x;
    return tg_record(op, (tg_tensor *[]){x, tg_number_like(x, bound, function)}, 2, NULL, 0);
}

tg_tensor *tg_clamp(tg_tensor *x, double lo, double hi)
{
    const tg_node *n = tg_check(x, __func__);
    if (!n) return NULL;
    TG_CALL(n->tape);
    if (!tg_op_clamp_min.loop[n->dtype])
        return tg_fail_on(n->tape, TG_ERR_DTYPE, __func__, "does not take tensors of %s; tg_to converts them", tg_dtype_name((tg_dtype)n->dtype)), NULL;
    if (isnan(lo) || isnan(hi))
        return tg_fail_on(n->tape, TG_ERR_ARG, __func__, "the bounds are %g and %g; they must be numbers, or infinite for none", lo, hi), NULL;
    tg_tensor *y = bounded(&tg_op_clamp_max, bounded(&tg_op_clamp_min, x, lo, __func__), hi, __func__);
    return y == x ? tg_view_of(x) : y;
}

/* A number in place of what x is not: that where `is` holds, x elsewhere. */
static tg_tensor *replaced(tg_tensor *x, tg_tensor *is, double by) { return tg_where(is, tg_number_like(x, by, "tg_nan_to_num"), x); }

tg_tensor *tg_nan_to_num(tg_tensor *x, const tg_nan_to_num_options *options)
{
    const tg_node *n = tg_check(x, __func__);
    if (!n) return NULL;
    TG_CALL(n->tape);
    if (!tg_needs_float(x, __func__)) return NULL;
    const tg_nan_to_num_options o    = options ? *options : (tg_nan_to_num_options){0};
    const double                most = n->dtype == TG_F32 ? (double)FLT_MAX : DBL_MAX;
    tg_tensor *inf = tg_number_like(x, INFINITY, __func__), *y = replaced(x, tg_isnan(x), o.nan);
    y = replaced(y, tg_eq(x, inf), tg_or_usual(o.posinf, most));
    return replaced(y, tg_eq(x, tg_neg(inf)), tg_or_usual(o.neginf, -most));
}
