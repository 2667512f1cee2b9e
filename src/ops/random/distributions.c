/* distributions.c - random numbers that are functions of uniform and normal ones. */
#include "ops/random/random.h"
#include "tensor/fpenv.h"
#include "tensor/rng.h"

#include <float.h>
#include <math.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/random.h>

/* Is x a finite number of the tape's dtype? */
static bool is_finite_in(const tg_tape *tape, double x) { return fabs(x) <= tg_dtypes[tape->dtype].most; }

static bool are_moments(tg_tape *tape, const char *function, double mean, double std)
{
    const tg_fpenv host  = tg_fpenv_enter();
    const bool     valid = is_finite_in(tape, mean) && std >= 0 && is_finite_in(tape, std);
    tg_fpenv_leave(host);
    if (!valid)
        tg_fail_on(tape, TG_ERR_ARG, function, "the mean %g and the standard deviation %g must be finite in %s, the second at least 0", mean,
                   std, tg_dtype_name(tape->dtype));
    return valid;
}

/* mean + std z */
static tg_tensor *scaled(tg_tensor *z, double mean, double std) { return tg_add_s(tg_mul_s(z, std), mean); }

tg_tensor *tg_normal(tg_tape *tape, const tg_shape *shape, double mean, double std)
{
    TG_CALL(tape);
    return tape && are_moments(tape, "tg_normal", mean, std) ? scaled(tg_randn(tape, shape), mean, std) : NULL;
}

/* -ln(1 - u), u at least half of the least step of uniform numbers: never 0. */
tg_tensor *tg_exponential(tg_tape *tape, const tg_shape *shape, double rate)
{
    TG_CALL(tape);
    if (!tape) return NULL;
    const tg_fpenv host = tg_fpenv_enter();
    const bool     valid = rate > 0 && is_finite_in(tape, rate) && is_finite_in(tape, 1 / rate);
    tg_fpenv_leave(host);
    if (!valid) {
        tg_fail_on(tape, TG_ERR_ARG, "tg_exponential", "the rate is %g; it and its reciprocal must be finite in %s and more than 0", rate,
                   tg_dtype_name(tape->dtype));
        return NULL;
    }
    const double least = tape->dtype == TG_F32 ? 0x1p-25 : 0x1p-54;
    return tg_div_s(tg_neg(tg_log1p(tg_neg(tg_uniform(tape, shape, least, 1)))), rate);
}

/* ---- the normal distribution between two bounds, by its inverse ---------------------------------------------------- */

static double below(double x) { return 0.5 * erfc(-x * 0.70710678118654752440); } /* the probability of less than x */

/* x with below(x) = p, 0 < p <= 1/2: the approximation 26.2.23 of Abramowitz and Stegun 1964, and two steps of Halley's. */
double tg_normal_quantile(double p)
{
    const double t = sqrt(-2 * log(p));
    double x = (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))) - t;
    for (int k = 0; k < 2; k++) {
        const double e = (below(x) - p) * 2.50662827463100050242 * exp(0.5 * x * x); /* over the density */
        x -= e / (1 + 0.5 * x * e);
    }
    return x;
}

/* Of the part u of the probability between a and b. Beyond 0 it is found from the other side, where probabilities keep their digits. */
static double truncated(double a, double b, double u)
{
    if (a + b > 0) return -truncated(-b, -a, 1 - u);
    const double lo = below(a), p = lo + u * (below(b) - lo);
    const double x = p <= 0.5 ? tg_normal_quantile(p) : -tg_normal_quantile((1 - u) * (below(-a) - below(-b)) + below(-b));
    return x < a ? a : x > b ? b : x;
}

static tg_status truncated_normal_run(tg_call *c)
{
    const tg_random_attr *a = c->attr;
    const size_t          n = tg_random_count(c);
    for (size_t k = 0; k < n; k++) {
        double u[2];
        tg_rng_trial(c->seed, c->counter, k, 0, u);
        tg_put_float(&c->y, (int64_t)k, truncated(a->a, a->b, u[0]));
    }
    return TG_OK;
}

const tg_op tg_op_truncated_normal = {.name  = "truncated_normal",
                                      .arity = 0,
                                      .flags = TG_OP_RANDOM,
                                      .infer = tg_random_infer,
                                      .run   = truncated_normal_run};

/* What is drawn between the bounds in units of std may be rounded over them: the result is held between them. */
static tg_tensor *draw_truncated(tg_tape *tape, const tg_shape *shape, double mean, double std, const double bounds[2])
{
    const double a = (bounds[0] - mean) / std, b = (bounds[1] - mean) / std;
    if (!(bounds[0] < bounds[1]) || !(below(a) < below(b) || below(-b) < below(-a)) ||
        (a + b > 0 ? below(-a) : below(b)) < DBL_MIN) {
        tg_fail_on(tape, TG_ERR_ARG, "tg_truncated_normal", "%g to %g has no probability that a float64 holds", bounds[0], bounds[1]);
        return NULL;
    }
    tg_tensor *z = tg_record_random(tape, "tg_truncated_normal", &tg_op_truncated_normal, shape,
                                    (tg_random_attr){.a = a, .b = b, .dtype = tape->dtype});
    tg_tensor *lo = tg_number_like(z, bounds[0], "tg_truncated_normal"), *hi = tg_number_like(z, bounds[1], "tg_truncated_normal");
    return tg_minimum(tg_maximum(scaled(z, mean, std), lo), hi);
}

tg_tensor *tg_truncated_normal(tg_tape *tape, const tg_shape *shape, const tg_truncated_normal_options *options)
{
    TG_CALL(tape);
    if (!tape) return NULL;
    const tg_truncated_normal_options *o   = options ? options : &(const tg_truncated_normal_options){.std = 0};
    const double                       std = o->std != 0 ? o->std : 1;
    const bool                         usual = o->lo == 0 && o->hi == 0;
    if (!are_moments(tape, "tg_truncated_normal", o->mean, std)) return NULL;
    const tg_fpenv host = tg_fpenv_enter();
    tg_tensor     *y    = draw_truncated(tape, shape, o->mean, std, usual ? (const double[]){-2, 2} : (const double[]){o->lo, o->hi});
    tg_fpenv_leave(host);
    return y;
}
