/* statistics.c - averages and ranges, variance and standard deviation, covariance and correlation.
 *
 * Variances are made of d = x - mean, whose own mean is taken off once more: the mean of large numbers that differ little is rounded to a grid
 * not much finer than they are. The standard deviation is the 2-norm of d over sqrt(n - correction), which does not overflow where a
 * variance would. Values are recorded with gradients off, and alias ops on top, views of the value, have the
 * rules: d recorded with gradients on is in them, so that second derivatives follow by themselves. */
#include "ops/batch.h"
#include "ops/ops.h"

#include <math.h>
#include <tapegrad/matrix.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/reduce.h>
#include <tapegrad/shape.h>

#include "tensor/fpenv.h"
#include "tensor/options.h"

/* ---- averages and ranges ------------------------------------------------------------------------------------------ */

tg_tensor *tg_average(tg_tensor *x, tg_tensor *weights, const tg_axes *axes, bool keepdim)
{
    uint32_t bits;
    TG_CALL(tg_tape_of(x));
    if (!tg_needs_float(x, "tg_average") || !tg_axis_bits(x, axes, "tg_average", &bits)) return NULL;
    if (!weights) return tg_mean_bits(x, bits, keepdim);
    const tg_node *n = tg_node_of(x), *w = tg_check(weights, "tg_average");
    char           text[TG_SHAPE_TEXT];
    if (!w || !tg_needs_one_tape(n, w, "tg_average") || !tg_needs_one_dtype(n, w, "tg_average")) return NULL;
    if (!tg_broadcasts_to(w->shape, n->shape)) {
        tg_fail_on(n->tape, TG_ERR_SHAPE, "tg_average", "the weights are %s; they must broadcast to the input", tg_shape_text(w->shape, text, sizeof text));
        return NULL;
    }
    tg_tensor *all = tg_expand_if(weights, n->shape), *sum = tg_reduce_bits(&tg_op_sum, tg_mul(x, weights), bits, keepdim);
    return tg_div(sum, tg_reduce_bits(&tg_op_sum, all, bits, keepdim));
}

tg_tensor *tg_ptp(tg_tensor *x, const tg_axes *axes, bool keepdim)
{
    const tg_node *n = tg_check(x, "tg_ptp");
    if (!n) return NULL;
    TG_CALL(n->tape);
    tg_tensor *most, *least = tg_aminmax(x, axes, keepdim, &most);
    return tg_sub(most, least);
}

/* ---- variance and standard deviation ------------------------------------------------------------------------------ */

typedef struct spread_attr {
    tg_reduce_attr reduce;
    double         divisor; /* n - correction; NaN where that is not positive */
} spread_attr;

static tg_status spread_infer(tg_call *c)
{
    const spread_attr *a = c->attr;
    if (c->attr_size != sizeof *a || a->reduce.axes >> tg_in_shape(c, 0)->rank)
        return tg_fail(c, TG_ERR_ARG, "the attributes are not those of a variance of this input");
    return tg_alias_infer(c);
}

/* Inputs {x, d, value}. d var / dx = 2 d / divisor: what goes through the mean adds up to 0. */
static tg_tensor *var_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    const spread_attr *a = c->attr;
    return tg_mul_zero(tg_mul_s(tg_unreduced(c, g), 2 / a->divisor), c->in[1]);
}

/* d std / dx = d / (divisor std), 0 of a constant */
static tg_tensor *std_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    const spread_attr *a = c->attr;
    tg_tensor         *std = tg_unreduced(c, c->out), *zero = tg_number_like(g, 0, c->op->name);
    tg_tensor         *slope = tg_div(tg_div_s(c->in[1], a->divisor), std);
    return tg_where(tg_eq(std, zero), zero, tg_mul_zero(tg_unreduced(c, g), slope));
}

const tg_op tg_op_var = {.name       = "var",
                         .kind       = TG_VIEW,
                         .arity      = 3,
                         .nondiff    = 2 | 4,
                         .infer      = spread_infer,
                         .vjp        = var_vjp,
                         .view       = tg_alias_view,
                         .view_input = 2,
                         .batch      = tg_batch_reduced};
const tg_op tg_op_std = {.name       = "std",
                         .kind       = TG_VIEW,
                         .arity      = 3,
                         .nondiff    = 2 | 4,
                         .infer      = spread_infer,
                         .vjp        = std_vjp,
                         .view       = tg_alias_view,
                         .view_input = 2,
                         .batch      = tg_batch_reduced};

/* x - mean, given that mean, with the mean of what is left taken off. */
static tg_tensor *deviation(tg_tensor *x, tg_tensor *mean, uint32_t axes)
{
    tg_tensor *d = tg_sub(x, mean);
    return tg_sub(d, tg_mean_bits(d, axes, true));
}

static double divisor_of(tg_tensor *x, uint32_t axes, double correction)
{
    const tg_fpenv host = tg_fpenv_enter();
    const double   divisor = (double)tg_reduced_count(tg_shape_of(x), axes) - correction;
    tg_fpenv_leave(host);
    return divisor > 0 ? divisor : NAN;
}

/* The variance or, as op says, standard deviation; mean: of the same axes, kept with size 1. */
static tg_tensor *spread(const tg_op *op, tg_tensor *x, tg_tensor *mean, uint32_t axes, bool keepdim, double correction)
{
    const spread_attr a = {{axes, keepdim}, divisor_of(x, axes, correction)};
    tg_tensor        *d = deviation(x, mean, axes);
    const bool        was = tg_set_grad_enabled(tg_tape_of(x), false);
    tg_tensor        *value = op == &tg_op_var ? tg_div_s(tg_reduce_bits(&tg_op_sum, tg_square(d), axes, keepdim), a.divisor)
                                               : tg_div_s(tg_two_norm_value(d, axes, keepdim), sqrt(a.divisor));
    tg_set_grad_enabled(tg_tape_of(x), was);
    return tg_record(op, (tg_tensor *[]){x, d, value}, 3, &a, sizeof a);
}

static bool is_correction(tg_tensor *x, double correction, const char *function)
{
    if (isfinite(correction)) return true;
    tg_fail_on(tg_tape_of(x), TG_ERR_ARG, function, "the correction is %g; it must be finite, and usually is 1", correction);
    return false;
}

bool tg_read_var_options(const tg_var_options *options, tg_tensor *x, const char *function, tg_var_options *to)
{
    *to = options ? *options : (tg_var_options){.keepdim = false};
    to->correction = tg_or_usual(to->correction, 1);
    return is_correction(x, to->correction, function);
}

static tg_tensor *checked_spread(const tg_op *op, const char *function, tg_tensor *x, const tg_axes *axes,
                                 const tg_var_options *options, tg_tensor **mean)
{
    uint32_t       bits;
    tg_var_options o;
    if (mean) *mean = NULL;
    TG_CALL_AS(tg_tape_of(x), function);
    if (!tg_needs_float(x, function) || !tg_axis_bits(x, axes, function, &bits) || !tg_read_var_options(options, x, function, &o)) return NULL;
    tg_tensor     *m = tg_mean_bits(x, bits, true), *y = spread(op, x, m, bits, o.keepdim, o.correction);
    const tg_shape s = tg_reduced_shape(tg_shape_of(x), bits, o.keepdim);
    if (y && mean) *mean = tg_reshape_if(m, &s);
    return y;
}

tg_tensor *tg_var(tg_tensor *x, const tg_axes *axes, const tg_var_options *options)
{
    return checked_spread(&tg_op_var, "tg_var", x, axes, options, NULL);
}

tg_tensor *tg_std(tg_tensor *x, const tg_axes *axes, const tg_var_options *options)
{
    return checked_spread(&tg_op_std, "tg_std", x, axes, options, NULL);
}

tg_tensor *tg_var_mean(tg_tensor *x, const tg_axes *axes, const tg_var_options *options, tg_tensor **mean)
{
    return checked_spread(&tg_op_var, "tg_var_mean", x, axes, options, mean);
}

tg_tensor *tg_std_mean(tg_tensor *x, const tg_axes *axes, const tg_var_options *options, tg_tensor **mean)
{
    return checked_spread(&tg_op_std, "tg_std_mean", x, axes, options, mean);
}

tg_tensor *tg_var_all(tg_tensor *x) { return checked_spread(&tg_op_var, "tg_var_all", x, TG_ALL_AXES, NULL, NULL); }
tg_tensor *tg_std_all(tg_tensor *x) { return checked_spread(&tg_op_std, "tg_std_all", x, TG_ALL_AXES, NULL, NULL); }

/* ---- covariance and correlation ----------------------------------------------------------------------------------- */

/* Is x there, f32 or f64, of rank 2 at most? */
static bool is_observed(tg_tensor *x, const char *function)
{
    if (!tg_needs_float(x, function)) return false;
    const tg_node *n = tg_node_of(x);
    char           text[TG_SHAPE_TEXT];
    if (n->shape->rank <= 2) return true;
    tg_fail_on(n->tape, TG_ERR_SHAPE, function, "takes [variables, observations] or [observations], not %s",
               tg_shape_text(n->shape, text, sizeof text));
    return false;
}

/* Each row minus its mean; a number is a row of one. */
static tg_tensor *row_deviation(tg_tensor *x, uint32_t *axes)
{
    if (tg_rank(x) == 0) x = tg_reshape_if(x, TG_SHAPE(1));
    if (!x) return NULL;
    *axes = 1u << (tg_rank(x) - 1);
    return deviation(x, tg_mean_bits(x, *axes, true), *axes);
}

/* a b^T; of one row each their product */
static tg_tensor *row_products(tg_tensor *a, tg_tensor *b) { return tg_matmul(a, tg_rank(b) == 2 ? tg_mT(b) : b); }

static tg_tensor *covariance(tg_tensor *x, double correction)
{
    uint32_t   axes;
    tg_tensor *d = row_deviation(x, &axes);
    return d ? tg_div_s(row_products(d, d), divisor_of(d, axes, correction)) : NULL;
}

tg_tensor *tg_cov(tg_tensor *x, double correction)
{
    TG_CALL(tg_tape_of(x));
    return is_observed(x, "tg_cov") && is_correction(x, correction, "tg_cov") ? covariance(x, correction) : NULL;
}

/* Is w NULL, or a vector of a number for each observation, of x's dtype or, as `counts` says, of indices'? */
static bool are_weights(tg_tensor *x, tg_tensor *w, bool counts)
{
    const tg_node *n = tg_node_of(x), *weights = w ? tg_check(w, "tg_cov_weighted") : NULL;
    if (!weights) return !w;
    const int64_t observations = n->shape->rank ? n->shape->dim[n->shape->rank - 1] : 1;
    const tg_dtype d = (tg_dtype)weights->dtype;
    if (counts ? d != TG_I64 && d != TG_I32 : d != (tg_dtype)n->dtype)
        tg_fail_on(n->tape, TG_ERR_DTYPE, "tg_cov_weighted", "the %sweights are %s; they must be %s", counts ? "f" : "a", tg_dtype_name(d),
                   counts ? "int64 or int32" : tg_dtype_name((tg_dtype)n->dtype));
    else if (weights->shape->rank != 1 || weights->shape->dim[0] != observations)
        tg_fail_on(n->tape, TG_ERR_SHAPE, "tg_cov_weighted", "the %sweights must be a vector of %lld, one for each observation", counts ? "f" : "a",
                   (long long)observations);
    else return true;
    return false;
}

/* The weights of the observations; NaN for a negative one. */
static tg_tensor *weights_of(tg_tensor *x, tg_tensor *fweights, tg_tensor *aweights)
{
    tg_tensor *w = fweights ? tg_to(fweights, tg_dtype_of(x)) : NULL;
    if (aweights) w = w ? tg_mul(w, aweights) : aweights;
    tg_tensor *zero = w ? tg_number_like(w, 0, "tg_cov_weighted") : NULL;
    return zero ? tg_where(tg_ge(w, zero), w, tg_number_like(w, NAN, "tg_cov_weighted")) : NULL;
}

/* Each row minus its weighted mean, as row_deviation takes it off. */
static tg_tensor *weighted_deviation(tg_tensor *x, tg_tensor *w, tg_tensor *total)
{
    tg_tensor *d = tg_rank(x) == 0 ? tg_reshape_if(x, TG_SHAPE(1)) : x;
    for (int k = 0; d && k < 2; k++) d = tg_sub(d, tg_div(tg_sum(tg_mul(d, w), TG_AXES(-1), true), total));
    return d;
}

tg_tensor *tg_cov_weighted(tg_tensor *x, tg_tensor *fweights, tg_tensor *aweights, double correction)
{
    TG_CALL(tg_tape_of(x));
    if (!is_observed(x, "tg_cov_weighted") || !is_correction(x, correction, "tg_cov_weighted")) return NULL;
    if (!are_weights(x, fweights, true) || !are_weights(x, aweights, false)) return NULL;
    if (!fweights && !aweights) return covariance(x, correction);
    tg_tensor *w = weights_of(x, fweights, aweights), *total = w ? tg_sum_all(w) : NULL, *d = total ? weighted_deviation(x, w, total) : NULL;
    if (!d) return NULL;
    tg_tensor *lost = aweights ? tg_div(tg_sum_all(tg_mul(w, aweights)), total) : tg_number_like(w, 1, "tg_cov_weighted");
    tg_tensor *divisor = tg_sub(total, tg_mul_s(lost, correction)), *zero = tg_number_like(w, 0, "tg_cov_weighted");
    divisor = tg_where(tg_gt(divisor, zero), divisor, tg_number_like(w, NAN, "tg_cov_weighted"));
    return tg_div(row_products(tg_mul(d, w), d), divisor);
}

/* Rows of length 1 are multiplied; rounding may take the product of equal ones beyond 1. */
tg_tensor *tg_corrcoef(tg_tensor *x)
{
    uint32_t axes;
    TG_CALL(tg_tape_of(x));
    if (!is_observed(x, "tg_corrcoef")) return NULL;
    tg_tensor *d = row_deviation(x, &axes);
    if (!d) return NULL;
    tg_tensor *most = tg_number_like(x, 1, "tg_corrcoef"), *least = tg_number_like(x, -1, "tg_corrcoef");
    tg_tensor *unit = tg_div(d, tg_norm(d, 2, TG_AXES(-1), true)), *r = unit ? row_products(unit, unit) : NULL;
    return tg_maximum(tg_minimum(r, most), least);
}
