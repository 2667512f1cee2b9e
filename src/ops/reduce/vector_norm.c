/* vector_norm.c - tg_norm: p-norms over axes.
 *
 * Those of p = 0, 1 and infinity are other reductions. The others are made of primitives, recorded with gradients off, and an alias op on
 * top, a view of that value, has the rule
 *
 *     d norm / dx = sign(x) (|x| / norm)^(p-1)        0 where x or the norm is 0
 *
 * in terms of its own result, so that second derivatives follow by themselves. */
#include "ops/batch.h"
#include "ops/ops.h"

#include <math.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/reduce.h>

#include "kernels/squares.h"
#include "tensor/fpenv.h"

typedef struct norm_attr {
    tg_reduce_attr reduce;
    double         p;
} norm_attr;

/* ---- rules -------------------------------------------------------------------------------------------------------- */

/* g x / norm */
tg_tensor *tg_two_norm_vjp(const tg_call *c, int i, tg_tensor *g)
{
    tg_tensor *norm = tg_unreduced(c, c->out), *zero = tg_number_like(g, 0, c->op->name);
    (void)i;
    return tg_where(tg_eq(norm, zero), zero, tg_mul_zero(tg_unreduced(c, g), tg_div(c->in[0], norm)));
}

/* Against a norm of infinity in place of 0 every element is 0, so that one condition tells both. */
static tg_tensor *norm_vjp(const tg_call *c, int i, tg_tensor *g)
{
    const double p = ((const norm_attr *)c->attr)->p;
    if (p == 2) return tg_two_norm_vjp(c, i, g);
    tg_tensor *zero = tg_number_like(g, 0, c->op->name), *one = tg_number_like(g, 1, c->op->name);
    tg_tensor *norm = tg_unreduced(c, c->out), *against = tg_where(tg_eq(norm, zero), tg_number_like(g, INFINITY, c->op->name), norm);
    tg_tensor *ratio = tg_div(tg_abs(c->in[0]), against), *flat = tg_eq(ratio, zero);
    tg_tensor *slope = tg_pow_s(tg_where(flat, one, ratio), p - 1);
    return tg_where(flat, zero, tg_mul_zero(tg_abs_grad(tg_unreduced(c, g), c->in[0]), slope));
}

static tg_status norm_infer(tg_call *c)
{
    const norm_attr *a = c->attr;
    if (c->attr_size != sizeof *a || a->reduce.axes >> tg_in_shape(c, 0)->rank)
        return tg_fail(c, TG_ERR_ARG, "the attributes are not those of a norm of this input");
    return tg_alias_infer(c);
}

/* Inputs {x, value}. */
const tg_op tg_op_norm = {.name       = "norm",
                          .kind       = TG_VIEW,
                          .arity      = 2,
                          .nondiff    = 2,
                          .infer      = norm_infer,
                          .vjp        = norm_vjp,
                          .view       = tg_alias_view,
                          .view_input = 1,
                          .batch      = tg_batch_reduced};

/* ---- values ------------------------------------------------------------------------------------------------------- */

static tg_tensor *sum_of(tg_tensor *x, uint32_t axes, bool keepdim) { return tg_reduce_bits(&tg_op_sum, x, axes, keepdim); }

/* Three sums, of large, small and other numbers, as tg_squares says, whose squares neither overflow nor vanish. */
static tg_tensor *two_norm_f64(tg_tensor *x, uint32_t axes, bool keepdim)
{
    const double scale = 0x1p600, back = 0x1p-600;
    tg_tensor   *zero = tg_number_like(x, 0, "tg_norm"), *a = tg_abs(x);
    tg_tensor   *is_large = tg_gt(a, tg_number_like(x, TG_SQUARES_LARGE, "tg_norm"));
    tg_tensor   *is_small = tg_lt(a, tg_number_like(x, TG_SQUARES_SMALL, "tg_norm"));
    tg_tensor   *large = sum_of(tg_square(tg_mul_s(tg_where(is_large, a, zero), back)), axes, keepdim);
    tg_tensor   *small = sum_of(tg_square(tg_mul_s(tg_where(is_small, a, zero), scale)), axes, keepdim);
    tg_tensor   *middle = sum_of(tg_square(tg_where(is_large, zero, tg_where(is_small, zero, a))), axes, keepdim);
    tg_tensor   *of_large = tg_mul_s(tg_sqrt(tg_add(large, tg_mul_s(tg_mul_s(middle, back), back))), scale);
    tg_tensor   *of_small = tg_mul_s(tg_sqrt(tg_add(small, tg_mul_s(tg_mul_s(middle, scale), scale))), back);
    tg_tensor   *without_large = tg_where(tg_lt(middle, tg_number_like(x, 0x1p-900, "tg_norm")), of_small, tg_sqrt(middle));
    return tg_where(tg_gt(large, zero), of_large, without_large);
}

tg_tensor *tg_two_norm_value(tg_tensor *x, uint32_t axes, bool keepdim)
{
    if (!x) return NULL;
    if (tg_dtype_of(x) == TG_F64) return two_norm_f64(x, axes, keepdim);
    return tg_reduce_bits(&tg_op_two_norm, x, axes, keepdim);
}

/* The largest |x|, for negative p the smallest, by which elements are divided, so that no power that matters overflows: 1 where it is 0 or
 * infinite, or there is none. */
static tg_tensor *unit_of(tg_tensor *a, uint32_t axes, bool largest)
{
    tg_tensor *zero = tg_number_like(a, 0, "tg_norm"), *one = tg_number_like(a, 1, "tg_norm");
    if (!a || tg_reduced_count(tg_shape_of(a), axes) == 0) return one;
    tg_tensor *m = tg_reduce_bits(largest ? &tg_op_amax : &tg_op_amin, a, axes, true);
    return tg_where(tg_isfinite(m), tg_where(tg_eq(m, zero), one, m), one);
}

static tg_tensor *power_norm_value(tg_tensor *x, double p, uint32_t axes, bool keepdim)
{
    const tg_shape  s = tg_reduced_shape(tg_shape_of(x), axes, keepdim);
    const tg_fpenv  host = tg_fpenv_enter();
    const double    inverse = 1 / p;
    tg_fpenv_leave(host);
    tg_tensor *a = tg_abs(x), *unit = unit_of(a, axes, p > 0), *sum = sum_of(tg_pow_s(tg_div(a, unit), p), axes, true);
    tg_tensor *norm = tg_mul(tg_pow_s(sum, inverse), unit);
    return norm ? tg_reshape_if(norm, &s) : NULL;
}

static tg_tensor *norm(tg_tensor *x, double p, uint32_t axes, bool keepdim)
{
    if (p == 0) {
        tg_tensor *one = tg_number_like(x, 1, "tg_norm"), *zero = tg_number_like(x, 0, "tg_norm");
        return sum_of(tg_where(tg_to(x, TG_BOOL), one, zero), axes, keepdim);
    }
    if (p == 1) return tg_reduce_bits(&tg_op_sum_abs, x, axes, keepdim);
    if (isinf(p)) return tg_reduce_bits(p > 0 ? &tg_op_amax : &tg_op_amin, tg_abs(x), axes, keepdim);
    const norm_attr a = {{axes, keepdim}, p};
    const bool      was = tg_set_grad_enabled(tg_tape_of(x), false);
    tg_tensor      *value = p == 2 ? tg_two_norm_value(x, axes, keepdim) : power_norm_value(x, p, axes, keepdim);
    tg_set_grad_enabled(tg_tape_of(x), was);
    return tg_record(&tg_op_norm, (tg_tensor *[]){x, value}, 2, &a, sizeof a);
}

static tg_tensor *checked_norm(const char *function, tg_tensor *x, double p, const tg_axes *axes, bool keepdim)
{
    uint32_t bits;
    TG_CALL_AS(tg_tape_of(x), function);
    if (!tg_needs_float(x, function) || !tg_axis_bits(x, axes, function, &bits)) return NULL;
    if (isnan(p)) return tg_fail_on(tg_tape_of(x), TG_ERR_ARG, function, "p is NaN; it must be a number, or infinite"), NULL;
    return norm(x, p, bits, keepdim);
}

tg_tensor *tg_norm(tg_tensor *x, double p, const tg_axes *axes, bool keepdim) { return checked_norm("tg_norm", x, p, axes, keepdim); }
tg_tensor *tg_norm_all(tg_tensor *x) { return checked_norm("tg_norm_all", x, 2, TG_ALL_AXES, false); }
