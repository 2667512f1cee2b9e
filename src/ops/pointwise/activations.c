/* activations.c - activations that are made of other ops. What they select away has gradient 0; expm1 overflows on the side that is not taken. */
#include "ops/ops.h"

#include <math.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/shape.h>

/* x, and y where x <= bound; NaN stays x. NULL after a sentence. */
static tg_tensor *above(tg_tensor *x, double bound, tg_tensor *y, const char *function)
{
    tg_tensor *number = y ? tg_number_like(x, bound, function) : NULL;
    return number ? tg_where(tg_le(x, number), y, x) : NULL;
}

/* ---- exponential on the left -------------------------------------------------------------------------------------------- */

tg_tensor *tg_elu(tg_tensor *x, double alpha)
{
    TG_CALL(tg_tape_of(x));
    if (!tg_needs_float(x, __func__)) return NULL;
    return above(x, 0, tg_mul_s(tg_expm1(x), alpha), __func__);
}

tg_tensor *tg_celu(tg_tensor *x, double alpha)
{
    TG_CALL(tg_tape_of(x));
    if (!tg_needs_float(x, __func__)) return NULL;
    if (!isfinite(alpha) || alpha == 0)
        return tg_fail_on(tg_tape_of(x), TG_ERR_ARG, __func__, "alpha is %g; it must be finite and not 0", alpha), NULL;
    return above(x, 0, tg_mul_s(tg_expm1(tg_div_s(x, alpha)), alpha), __func__);
}

tg_tensor *tg_selu(tg_tensor *x)
{
    const double scale = 1.0507009873554804934, alpha = 1.6732632423543772848;
    TG_CALL(tg_tape_of(x));
    if (!tg_needs_float(x, __func__)) return NULL;
    return above(tg_mul_s(x, scale), 0, tg_mul_s(tg_expm1(x), scale * alpha), __func__);
}

/* ---- straight pieces ------------------------------------------------------------------------------------------------------ */

tg_tensor *tg_hardtanh(tg_tensor *x, double lo, double hi)
{
    TG_CALL(tg_tape_of(x));
    if (!tg_needs_float(x, __func__)) return NULL;
    if (!(lo < hi)) return tg_fail_on(tg_tape_of(x), TG_ERR_ARG, __func__, "lo is %g and hi %g; lo must be less than hi", lo, hi), NULL;
    tg_tensor *y = above(x, lo, tg_number_like(x, lo, __func__), __func__), *most = tg_number_like(x, hi, __func__);
    return y && most ? tg_where(tg_ge(x, most), most, y) : NULL;
}

tg_tensor *tg_relu6(tg_tensor *x)
{
    TG_CALL(tg_tape_of(x));
    return tg_needs_float(x, __func__) ? tg_hardtanh(x, 0, 6) : NULL;
}

tg_tensor *tg_hardsigmoid(tg_tensor *x)
{
    TG_CALL(tg_tape_of(x));
    return tg_needs_float(x, __func__) ? tg_mul_s(tg_hardtanh(tg_add_s(x, 3), 0, 6), 1.0 / 6) : NULL;
}

tg_tensor *tg_threshold(tg_tensor *x, double threshold, double value)
{
    TG_CALL(tg_tape_of(x));
    return tg_check(x, __func__) ? above(x, threshold, tg_number_like(x, value, __func__), __func__) : NULL;
}

/* Is lambda one for x? false after a sentence. */
static bool is_lambda(tg_tensor *x, double lambda, const char *function)
{
    if (!tg_needs_float(x, function)) return false;
    if (lambda >= 0 && isfinite(lambda)) return true;
    tg_fail_on(tg_tape_of(x), TG_ERR_ARG, function, "lambda is %g; it must be finite and at least 0", lambda);
    return false;
}

tg_tensor *tg_softshrink(tg_tensor *x, double lambda)
{
    TG_CALL(tg_tape_of(x));
    if (!is_lambda(x, lambda, __func__)) return NULL;
    tg_tensor *within = tg_clamp(x, -lambda, lambda);
    return within ? tg_sub(x, within) : NULL;
}

tg_tensor *tg_hardshrink(tg_tensor *x, double lambda)
{
    TG_CALL(tg_tape_of(x));
    if (!is_lambda(x, lambda, __func__)) return NULL;
    tg_tensor *most = tg_number_like(x, lambda, __func__);
    return most ? tg_where(tg_le(tg_abs(x), most), tg_number_like(x, 0, __func__), x) : NULL;
}

/* ---- gates, and slopes that are learnt ------------------------------------------------------------------------------------ */

tg_tensor *tg_logsigmoid(tg_tensor *x)
{
    TG_CALL(tg_tape_of(x));
    return tg_needs_float(x, __func__) ? tg_neg(tg_softplus(tg_neg(x))) : NULL;
}

tg_tensor *tg_glu(tg_tensor *x, int axis)
{
    TG_CALL(tg_tape_of(x));
    if (!tg_needs_float(x, __func__)) return NULL;
    const tg_node *n = tg_node_of(x);
    const int      a = tg_checked_axis(n, __func__, axis);
    if (a < 0) return NULL;
    const int64_t size = n->shape->dim[a], half = size / 2;
    if (size % 2) return tg_fail_on(n->tape, TG_ERR_SHAPE, __func__, "axis %d has the odd size %lld and no halves", axis, (long long)size), NULL;
    return tg_mul(tg_slice(x, a, 0, half, 1), tg_sigmoid(tg_slice(x, a, half, size, 1)));
}

tg_tensor *tg_prelu(tg_tensor *x, tg_tensor *weight)
{
    TG_CALL(tg_tape_of(x));
    if (!tg_needs_float(x, __func__) || !tg_needs_float(weight, __func__)) return NULL;
    const tg_node *n = tg_node_of(x), *w = tg_node_of(weight);
    const int64_t  channels = n->shape->rank > 1 ? n->shape->dim[1] : 1, count = tg_numel(weight);
    char           shape[TG_SHAPE_TEXT];
    if (w->shape->rank > 1 || (count != 1 && count != channels))
        return tg_fail_on(n->tape, TG_ERR_SHAPE, __func__, "the weight is %s; it has one number, or one for each of the input's %lld channels",
                          tg_shape_text(w->shape, shape, sizeof shape), (long long)channels), NULL;
    tg_shape slopes = {.rank = n->shape->rank};
    for (int k = 0; k < slopes.rank; k++) slopes.dim[k] = k == 1 ? count : 1;
    if (slopes.rank == 1) slopes.dim[0] = 1;
    tg_tensor *left = tg_mul(x, tg_reshape(weight, &slopes));
    return left ? above(x, 0, left, __func__) : NULL;
}
