/* loss_regression.c - losses of numbers: of the difference to a target, and likelihoods. */
#include "ops/batch.h"
#include "ops/nn/loss.h"

#include <math.h>
#include <tapegrad/gradient.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/reduce.h>

#include "tensor/options.h"

/* ---- of the difference -------------------------------------------------------------------------------------------- */

/* Begins a loss of x - target, which it gives; NULL after a sentence. */
static tg_tensor *difference(tg_loss_call *c, const char *function, tg_tensor *x, tg_tensor *target, const tg_loss_options *options,
                             unsigned takes)
{
    if (!tg_is_pair(x, target, function) || !tg_loss_begin(c, function, x, options, takes)) return NULL;
    return tg_sub(x, target);
}

static tg_tensor *mse(const char *function, tg_tensor *x, tg_tensor *target, const tg_loss_options *options)
{
    tg_loss_call c;
    TG_CALL_AS(tg_tape_of(x), function);
    if (!options) return tg_is_pair(x, target, function) ? tg_mean_all(tg_square(tg_sub(x, target))) : NULL; /* in small networks it counts */
    tg_tensor *d = difference(&c, function, x, target, options, 0);
    return d ? tg_loss_reduce(&c, tg_square(d)) : NULL;
}

tg_tensor *tg_mse(tg_tensor *x, tg_tensor *target) { return mse("tg_mse", x, target, NULL); }
tg_tensor *tg_mse_loss(tg_tensor *x, tg_tensor *target, const tg_loss_options *o) { return mse("tg_mse_loss", x, target, o); }

tg_tensor *tg_l1_loss(tg_tensor *x, tg_tensor *target, const tg_loss_options *options)
{
    tg_loss_call c;
    TG_CALL(tg_tape_of(x));
    tg_tensor *d = difference(&c, "tg_l1_loss", x, target, options, 0);
    return d ? tg_loss_reduce(&c, tg_abs(d)) : NULL;
}

/* With m, the difference d between -bound and bound, it is m (d - m/2): d^2/2 or bound (|d| - bound/2), and twice differentiable at d = 0 by rules
 * that look at no sign. */
static tg_tensor *huber(const tg_loss_call *c, tg_tensor *d, double bound)
{
    tg_tensor *most = tg_loss_number(c, d, bound);
    if (!most) return NULL;
    tg_tensor *m = tg_maximum(tg_minimum(d, most), tg_loss_number(c, d, -bound));
    return tg_mul(m, tg_sub(d, tg_mul_s(m, 0.5)));
}

static tg_tensor *checked_huber(const tg_loss_call *c, tg_tensor *d, double delta)
{
    if (isfinite(delta) && delta > 0) return tg_loss_reduce(c, huber(c, d, delta));
    tg_fail_on(c->tape, TG_ERR_ARG, c->function, "delta is %g; it must be finite and more than 0", delta);
    return NULL;
}

tg_tensor *tg_huber(tg_tensor *x, tg_tensor *target, double delta)
{
    tg_loss_call c;
    TG_CALL(tg_tape_of(x));
    tg_tensor *d = difference(&c, "tg_huber", x, target, NULL, 0);
    return d ? checked_huber(&c, d, delta) : NULL;
}

tg_tensor *tg_huber_loss(tg_tensor *x, tg_tensor *target, const tg_loss_options *options)
{
    tg_loss_call c;
    TG_CALL(tg_tape_of(x));
    tg_tensor *d = difference(&c, "tg_huber_loss", x, target, options, TG_LOSS_DELTA);
    return d ? checked_huber(&c, d, tg_or_usual(c.o.delta, 1)) : NULL;
}

/* Huber's loss over beta; the 1-norm where that is 0. */
tg_tensor *tg_smooth_l1_loss(tg_tensor *x, tg_tensor *target, const tg_loss_options *options)
{
    tg_loss_call c;
    TG_CALL(tg_tape_of(x));
    tg_tensor *d = difference(&c, "tg_smooth_l1_loss", x, target, options, TG_LOSS_BETA);
    if (!d) return NULL;
    const double beta = tg_or_usual(c.o.beta, 1);
    if (beta < 0) return tg_fail_on(c.tape, TG_ERR_ARG, c.function, "beta is %g; it must not be negative", beta), NULL;
    return tg_loss_reduce(&c, beta == 0 ? tg_abs(d) : tg_div_s(huber(&c, d, beta), beta));
}

/* ---- ln cosh: an alias of inputs {d, value} with the slope tanh d ---------------------------------------------------- */

static tg_tensor *log_cosh_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return tg_mul_zero(g, tg_tanh(c->in[0]));
}

const tg_op tg_op_log_cosh = {.name       = "log_cosh",
                              .kind       = TG_VIEW,
                              .arity      = 2,
                              .nondiff    = 2,
                              .infer      = tg_alias_infer,
                              .vjp        = log_cosh_vjp,
                              .view       = tg_alias_view,
                              .view_input = 1,
                              .batch      = tg_batch_pointwise};

/* -ln(1 - tanh^2 d)/2 near 0, where it has all its digits, and |d| + ln(1 + e^(-2 |d|)) - ln 2 further out. */
static tg_tensor *log_cosh(const tg_loss_call *c, tg_tensor *d)
{
    const double ln_2 = 0.69314718055994530942;
    const bool   was = tg_set_grad_enabled(c->tape, false);
    tg_tensor   *a = tg_abs(d), *near = tg_mul_s(tg_log1p(tg_neg(tg_square(tg_tanh(a)))), -0.5);
    tg_tensor   *far = tg_add(a, tg_sub_s(tg_log1p(tg_exp(tg_mul_s(a, -2))), ln_2));
    tg_tensor   *value = tg_where(tg_lt(a, tg_loss_number(c, d, 1)), near, far);
    tg_set_grad_enabled(c->tape, was);
    return tg_record(&tg_op_log_cosh, (tg_tensor *[]){d, value}, 2, NULL, 0);
}

tg_tensor *tg_log_cosh_loss(tg_tensor *x, tg_tensor *target, const tg_loss_options *options)
{
    tg_loss_call c;
    TG_CALL(tg_tape_of(x));
    tg_tensor *d = difference(&c, "tg_log_cosh_loss", x, target, options, 0);
    return d ? tg_loss_reduce(&c, log_cosh(&c, d)) : NULL;
}

/* ---- likelihoods -------------------------------------------------------------------------------------------------- */

/* eps, or the usual one; -1 after a sentence. */
static double eps_of(const tg_loss_call *c, double usual)
{
    const double eps = tg_or_usual(c->o.eps, usual);
    if (eps >= 0) return eps;
    tg_fail_on(c->tape, TG_ERR_ARG, c->function, "eps is %g; it must not be negative", eps);
    return -1;
}

/* The variance, eps where it is less: there with the gradient that eps has. */
static tg_tensor *at_least_eps(const tg_loss_call *c, tg_tensor *var, double eps)
{
    tg_tensor *least = tg_loss_number(c, var, eps);
    return tg_where(tg_lt(var, least), tg_add(tg_sub(var, tg_detach(var)), least), var);
}

tg_tensor *tg_gaussian_nll_loss(tg_tensor *x, tg_tensor *target, tg_tensor *var, const tg_loss_options *options)
{
    const double half_ln_2_pi = 0.91893853320467274178;
    tg_loss_call c;
    TG_CALL(tg_tape_of(x));
    tg_tensor *d = difference(&c, "tg_gaussian_nll_loss", x, target, options, TG_LOSS_EPS | TG_LOSS_FULL);
    if (!d || !tg_needs_float(var, c.function) || !tg_loss_weight_fits(&c, var, "variance", x)) return NULL;
    const double eps = eps_of(&c, 1e-6);
    if (eps < 0) return NULL;
    tg_tensor *v = at_least_eps(&c, var, eps);
    tg_tensor *each = tg_mul_s(tg_add(tg_log(v), tg_div(tg_square(d), v)), 0.5);
    return tg_loss_reduce(&c, c.o.full ? tg_add_s(each, half_ln_2_pi) : each);
}

/* Stirling's t ln t - t + ln(2 pi t)/2 for ln t!, where t > 1. */
static tg_tensor *log_factorial(const tg_loss_call *c, tg_tensor *t)
{
    const double two_pi = 6.28318530717958647693;
    tg_tensor   *one = tg_loss_number(c, t, 1), *is_large = tg_gt(t, one), *n = tg_where(is_large, t, one);
    tg_tensor   *value = tg_add(tg_sub(tg_mul(n, tg_log(n)), n), tg_mul_s(tg_log(tg_mul_s(n, two_pi)), 0.5));
    return tg_where(is_large, value, tg_loss_number(c, t, 0));
}

tg_tensor *tg_poisson_nll_loss(tg_tensor *x, tg_tensor *target, const tg_loss_options *options)
{
    tg_loss_call c;
    TG_CALL(tg_tape_of(x));
    if (!tg_is_pair(x, target, "tg_poisson_nll_loss")) return NULL;
    if (!tg_loss_begin(&c, "tg_poisson_nll_loss", x, options, TG_LOSS_RATES | TG_LOSS_EPS | TG_LOSS_FULL)) return NULL;
    const double eps = eps_of(&c, 1e-8);
    if (eps < 0) return NULL;
    tg_tensor *each = c.o.rates ? tg_sub(x, tg_mul(target, tg_log(tg_add_s(x, eps)))) : tg_sub(tg_exp(x), tg_mul(target, x));
    return tg_loss_reduce(&c, c.o.full ? tg_add(each, log_factorial(&c, target)) : each);
}
