/* distributions.c - random numbers that are functions of uniform and normal ones. */
#include "ops/random/random.h"

#include "tensor/team.h"
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

/* x with below(x) = p, 0 < p <= 1/2: the approximation 26.2.23 of Abramowitz and Stegun 1964, which is off by less than 5e-4, and steps of
 * Halley's: one is enough for a float, two are for a double. */
static double normal_quantile(double p, int steps)
{
    const double t = sqrt(-2 * log(p));
    double x = (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))) - t;
    for (int k = 0; k < steps; k++) {
        const double e = (below(x) - p) * 2.50662827463100050242 * exp(0.5 * x * x); /* over the density */
        x -= e / (1 + 0.5 * x * e);
    }
    return x;
}

double tg_normal_quantile(double p) { return normal_quantile(p, 2); }

/* Between a and b, a + b <= 0, or between -b and -a: what is beyond 0 is found from the other side, where probabilities keep their digits. */
typedef struct interval {
    bool   mirrored;
    double a, b, below_a, width; /* the probability of less than a, and that between a and b */
    double above_b, width_above; /* that of more than b, and again that between them, seen from above */
    int    steps;
} interval;

static interval between(double a, double b, tg_dtype dtype)
{
    interval i = {.mirrored = a + b > 0, .a = a, .b = b, .steps = dtype == TG_F32 ? 1 : 2};
    if (i.mirrored) i.a = -b, i.b = -a;
    i.below_a     = below(i.a);
    i.width       = below(i.b) - i.below_a;
    i.above_b     = below(-i.b);
    i.width_above = below(-i.a) - i.above_b;
    return i;
}

/* Of the part u of the probability. */
static double truncated(const interval *i, double u)
{
    if (i->mirrored) u = 1 - u;
    const double p = i->below_a + u * i->width;
    const double q = p <= 0.5 ? normal_quantile(p, i->steps) : -normal_quantile((1 - u) * i->width_above + i->above_b, i->steps);
    const double x = q < i->a ? i->a : q > i->b ? i->b : q;
    return i->mirrored ? -x : x;
}

static tg_status truncated_normal_run(tg_call *c)
{
    const tg_random_attr *a = c->attr;
    const int64_t         n = (int64_t)tg_random_count(c);
    const interval        i = between(a->a, a->b, c->y.dtype);
    const int             threads = tg_threads_for(c, n, 20 * (double)n);
    TG_TEAM(num_threads(threads))
    {
#pragma omp for schedule(static) nowait
        for (int64_t k = 0; k < n; k++) {
            double u[2];
            tg_rng_trial(c->seed, c->counter, (size_t)k, 0, u);
            tg_put_float(&c->y, k, truncated(&i, u[0]));
        }
    }
    return TG_OK;
}

const tg_op tg_op_truncated_normal = {.name  = "truncated_normal",
                                      .arity = 0,
                                      .flags = TG_OP_RANDOM,
                                      .infer = tg_random_infer,
                                      .run   = truncated_normal_run,
                                      .batch = tg_random_batch};

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
