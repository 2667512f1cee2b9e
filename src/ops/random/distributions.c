/* distributions.c - random numbers that are functions of uniform and normal ones. */
#include "ops/random/random.h"

#include "kernels/random.h"
#include "tensor/team.h"
#include "tensor/fpenv.h"

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

/* Wichura 1988, algorithm AS 241: x with below(x) = p by quotients of polynomials, off by less than 1e-15 of x. Near the middle, where t = p - 1/2 is at
 * most 0.425 in size, one of t; farther out of the root of -ln p, p being the smaller of the two probabilities. */
#define QUOTIENT(R, A0, A1, A2, A3, A4, A5, A6, A7, B1, B2, B3, B4, B5, B6, B7)                                        \
    (((((((((A7) * (R) + (A6)) * (R) + (A5)) * (R) + (A4)) * (R) + (A3)) * (R) + (A2)) * (R) + (A1)) * (R) + (A0)) /     \
     ((((((((B7) * (R) + (B6)) * (R) + (B5)) * (R) + (B4)) * (R) + (B3)) * (R) + (B2)) * (R) + (B1)) * (R) + 1))

static inline bool is_middle(double t) { return fabs(t) <= 0.425; }

static inline double middle_quantile(double t)
{
    const double r = 0.180625 - t * t;
    return t * QUOTIENT(r, 3.3871328727963666080, 133.14166789178437745, 1971.5909503065514427, 13731.693765509461125, 45921.953931549871457,
                        67265.770927008700853, 33430.575583588128105, 2509.0809287301226727, 42.313330701600911252, 687.18700749205790830,
                        5394.1960214247511077, 21213.794301586595867, 39307.895800092710610, 28729.085735721942674, 5226.4952788528545610);
}

static double tail_quantile(double p)
{
    const double root = sqrt(-log(p)), r = root - 1.6, s = root - 5;
    if (root <= 5)
        return -QUOTIENT(r, 1.42343711074968357734, 4.63033784615654529590, 5.76949722146069140550, 3.64784832476320460504, 1.27045825245236838258,
                         0.241780725177450611770, 2.27238449892691845833e-2, 7.74545014278341407640e-4, 2.05319162663775882187,
                         1.67638483018380384940, 0.689767334985100004550, 0.148103976427480074590, 1.51986665636164571966e-2,
                         5.47593808499534494600e-4, 1.05075007164441684324e-9);
    return -QUOTIENT(s, 6.65790464350110377720, 5.46378491116411436990, 1.78482653991729133580, 0.296560571828504891230, 2.65321895265761230930e-2,
                     1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7, 0.599832206555887937690,
                     0.136929880922735805310, 1.48753612908506148525e-2, 7.86869131145613259100e-4, 1.84631831751005468180e-5,
                     1.42151175831644588870e-7, 2.04426310338993978564e-15);
}

double tg_normal_quantile(double p) { return is_middle(p - 0.5) ? middle_quantile(p - 0.5) : tail_quantile(p); }

/* Between a and b, a + b <= 0, or between -b and -a: what is beyond 0 is found from the other side, where probabilities keep their digits. */
typedef struct interval {
    bool   mirrored;
    double a, b, below_a, width; /* the probability of less than a, and that between a and b */
    double above_b, width_above; /* that of more than b, and again that between them, seen from above */
} interval;

static interval between(double a, double b)
{
    interval i = {.mirrored = a + b > 0, .a = a, .b = b};
    if (i.mirrored) i.a = -b, i.b = -a;
    i.below_a     = below(i.a);
    i.width       = below(i.b) - i.below_a;
    i.above_b     = below(-i.b);
    i.width_above = below(-i.a) - i.above_b;
    return i;
}

/* Of the part u of the probability, x being what it is if that is near the middle. */
static double truncated(const interval *i, double u, double x)
{
    const double p = i->below_a + u * i->width;
    if (!is_middle(p - 0.5)) x = p < 0.5 ? tail_quantile(p) : -tail_quantile((1 - u) * i->width_above + i->above_b);
    x = x < i->a ? i->a : x > i->b ? i->b : x;
    return i->mirrored ? -x : x;
}

/* Elements first … first + n - 1, n at most DRAWN: the middle of all, of which the compiler makes vectors, and then what is farther out. */
enum { DRAWN = 256 };
static void draw_between(tg_call *c, const interval *i, int64_t first, int64_t n)
{
    double u[DRAWN], x[DRAWN];
    tg_fast_trials(c->seed, c->counter, (size_t)first, (size_t)n, u);
    for (int64_t k = 0; k < n; k++) {
        u[k] = i->mirrored ? 1 - u[k] : u[k];
        x[k] = middle_quantile(i->below_a + u[k] * i->width - 0.5);
    }
    for (int64_t k = 0; k < n; k++) tg_put_float(&c->y, first + k, truncated(i, u[k], x[k]));
}

static tg_status truncated_normal_run(tg_call *c)
{
    const tg_random_attr *a = c->attr;
    const int64_t         n = (int64_t)tg_random_count(c), pieces = (n + DRAWN - 1) / DRAWN;
    const interval        i = between(a->a, a->b);
    const int             threads = tg_threads_for(c, pieces, 20 * (double)n);
    TG_TEAM(num_threads(threads))
    {
#pragma omp for schedule(static) nowait
        for (int64_t k = 0; k < pieces; k++) draw_between(c, &i, k * DRAWN, n - k * DRAWN < DRAWN ? n - k * DRAWN : DRAWN);
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
