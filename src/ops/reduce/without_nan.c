/* without_nan.c - reductions that leave NaN out, made of other ops: in its place is what changes nothing, and counts are those of numbers. */
#include "ops/ops.h"

#include <math.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/reduce.h>

tg_tensor *tg_nansum(tg_tensor *x, const tg_axes *axes, bool keepdim)
{
    uint32_t bits;
    TG_CALL(tg_tape_of(x));
    if (!tg_axis_bits(x, axes, "tg_nansum", &bits)) return NULL;
    if (!tg_dtype_is_float(tg_dtype_of(x))) return tg_reduce_bits(&tg_op_sum, x, bits, keepdim);
    return tg_reduce_bits(&tg_op_sum, tg_where(tg_eq(x, x), x, tg_number_like(x, 0, "tg_nansum")), bits, keepdim);
}

tg_tensor *tg_nanmean(tg_tensor *x, const tg_axes *axes, bool keepdim)
{
    uint32_t bits;
    TG_CALL(tg_tape_of(x));
    if (!tg_needs_float(x, "tg_nanmean") || !tg_axis_bits(x, axes, "tg_nanmean", &bits)) return NULL;
    tg_tensor *one = tg_number_like(x, 1, "tg_nanmean"), *zero = tg_number_like(x, 0, "tg_nanmean"), *is_number = tg_eq(x, x);
    tg_tensor *sum = tg_reduce_bits(&tg_op_sum, tg_where(is_number, x, zero), bits, keepdim);
    return tg_div(sum, tg_reduce_bits(&tg_op_sum, tg_where(is_number, one, zero), bits, keepdim));
}

/* ---- the largest and the smallest number -------------------------------------------------------------------------- */

/* With the bound in place of NaN, which is the result where nothing else was. */
static tg_tensor *extreme(const tg_op *op, tg_tensor *x, const tg_axes *axes, bool keepdim, double bound, const char *function)
{
    uint32_t bits;
    TG_CALL_AS(tg_tape_of(x), function);
    if (!tg_axis_bits(x, axes, function, &bits)) return NULL;
    if (!tg_dtype_is_float(tg_dtype_of(x))) return tg_reduce_bits(op, x, bits, keepdim);
    tg_tensor *is_number = tg_eq(x, x), *y = tg_reduce_bits(op, tg_where(is_number, x, tg_number_like(x, bound, function)), bits, keepdim);
    return y ? tg_where(tg_reduce_bits(&tg_op_any, is_number, bits, keepdim), y, tg_number_like(x, NAN, function)) : NULL;
}

tg_tensor *tg_nanmax(tg_tensor *x, const tg_axes *axes, bool keepdim) { return extreme(&tg_op_amax, x, axes, keepdim, -INFINITY, "tg_nanmax"); }
tg_tensor *tg_nanmin(tg_tensor *x, const tg_axes *axes, bool keepdim) { return extreme(&tg_op_amin, x, axes, keepdim, INFINITY, "tg_nanmin"); }

/* ---- variance and standard deviation ------------------------------------------------------------------------------ */

/* How many numbers there are, less the correction; NaN where that is not more than 0. */
static tg_tensor *divisor_of(tg_tensor *count, double correction, const char *function)
{
    tg_tensor *left = tg_sub_s(count, correction);
    return left ? tg_where(tg_gt(left, tg_number_like(left, 0, function)), left, tg_number_like(left, NAN, function)) : NULL;
}

/* The numbers less their mean, twice (statistics.c says why), and 0 in place of NaN. */
static tg_tensor *deviation(tg_tensor *x, tg_tensor *is_number, tg_tensor *count, uint32_t axes, const char *function)
{
    tg_tensor *zero = tg_number_like(x, 0, function), *d = tg_where(is_number, x, zero);
    for (int k = 0; d && k < 2; k++) d = tg_where(is_number, tg_sub(d, tg_div(tg_reduce_bits(&tg_op_sum, d, axes, true), count)), zero);
    return d;
}

/* Of the deviations by their squares, or by the root of these, the 2-norm, whose gradient at 0 is 0. */
static tg_tensor *spread(tg_tensor *x, const tg_axes *axes, const tg_var_options *options, bool root, const char *function)
{
    uint32_t       bits;
    tg_var_options o;
    TG_CALL_AS(tg_tape_of(x), function);
    if (!tg_needs_float(x, function) || !tg_axis_bits(x, axes, function, &bits) || !tg_read_var_options(options, x, function, &o)) return NULL;
    tg_tensor *is_number = tg_eq(x, x), *ones = is_number ? tg_to(is_number, tg_dtype_of(x)) : NULL;
    tg_tensor *d = deviation(x, is_number, tg_reduce_bits(&tg_op_sum, ones, bits, true), bits, function);
    tg_tensor *divisor = d ? divisor_of(tg_reduce_bits(&tg_op_sum, ones, bits, o.keepdim), o.correction, function) : NULL;
    if (!divisor) return NULL;
    return root ? tg_div(tg_norm(d, 2, axes, o.keepdim), tg_sqrt(divisor)) : tg_div(tg_reduce_bits(&tg_op_sum, tg_square(d), bits, o.keepdim), divisor);
}

tg_tensor *tg_nanvar(tg_tensor *x, const tg_axes *axes, const tg_var_options *options)
{
    return spread(x, axes, options, false, "tg_nanvar");
}

tg_tensor *tg_nanstd(tg_tensor *x, const tg_axes *axes, const tg_var_options *options)
{
    return spread(x, axes, options, true, "tg_nanstd");
}
