/* special_erf.c - functions made of the complementary error function, which libm has: scaled, of the normal distribution, and their inverses. */
#include "kernels/special.h"

#include <math.h>

static const long double two_by_root_pi = 1.128379167095512573896158903121545172L;
static const long double root_half      = 0.707106781186547524400844362104849039L;

double tg_erfc_at(double x) { return (double)erfcl((long double)x); }

/* e^(x^2) erfc x. Beyond 12 by the asymptotic series (Abramowitz and Stegun 7.1.23), whose terms fall until below what counts. */
static long double scaled(long double x)
{
    if (!(x > 12)) return expl(x * x) * erfcl(x);
    const long double w = -0.5L / (x * x);
    long double       term = 1, sum = 1;
    for (int k = 1; k < 40 && term > 1e-20L; k += 2) {
        term *= -w * (long double)k;
        sum += k % 4 == 1 ? -term : term;
    }
    return 0.5L * two_by_root_pi * sum / x;
}

double tg_erfcx_at(double x) { return (double)scaled((long double)x); }

/* The derivatives are (-2)^n n! e^(x^2) i^n erfc x, of the repeated integrals of erfc. Their recurrence goes upwards, which cancels where x is large:
 * there the quotients r_k of two neighbours are computed downwards, r_k = 1 / (2x + 2(k + 1) r_(k+1)) (7.2.5, 7.2.9). */
double tg_erfcx_slope_at(double x, double n)
{
    const long double wide = (long double)x;
    if (!(n >= 1 && n <= 64) || floor(n) != n) return NAN;
    if (x < -30) return fmod(n, 2) == 1 ? -INFINITY : INFINITY;
    if (!(x > 2)) {
        long double before = scaled(wide), y = 2 * wide * before - two_by_root_pi;
        for (double k = 1; k < n; k++) {
            const long double next = 2 * (wide * y + (long double)k * before);
            before = y;
            y = next;
        }
        return (double)y;
    }
    long double product = scaled(wide), r = 0;
    for (double k = n + 24 + floor(400 / (x * x)); k >= 1; k--) {
        r = 1 / (2 * (wide + ((long double)k + 1) * r));
        if (k <= n) product *= -2 * (long double)k * r;
    }
    return (double)product;
}

/* ---- the normal distribution -------------------------------------------------------------------------------------- */

static long double below(long double x) { return 0.5L * erfcl(-x * root_half); } /* the probability of less than x */

double tg_ndtr_at(double x) { return (double)below((long double)x); }

/* On the left of the scaled function, since the probability itself is 0 there before its logarithm is far. */
double tg_log_ndtr_at(double x)
{
    const long double wide = (long double)x;
    if (x > -1) return (double)log1pl(-below(-wide));
    return (double)(logl(0.5L * scaled(-wide * root_half)) - 0.5L * wide * wide);
}

/* x with below(x) = p, 0 < p <= 1/2: the approximation 26.2.23 of Abramowitz and Stegun 1964, which is off by less than 5e-4, and two steps of
 * Halley's. */
static long double quantile(long double p)
{
    const long double t = sqrtl(-2 * logl(p));
    long double x = (2.515517L + t * (0.802853L + t * 0.010328L)) / (1 + t * (1.432788L + t * (0.189269L + t * 0.001308L))) - t;
    for (int k = 0; k < 2; k++) {
        const long double e = (below(x) - p) * 2.50662827463100050241576528481104525L * expl(0.5L * x * x); /* over the density */
        x -= e / (1 + 0.5L * x * e);
    }
    return x;
}

double tg_ndtri_at(double p)
{
    if (!(p >= 0 && p <= 1)) return NAN;
    if (p == 0 || p == 1) return p == 0 ? -INFINITY : INFINITY;
    return p == 0.5 ? 0 : p < 0.5 ? (double)quantile((long double)p) : -(double)quantile(1 - (long double)p);
}

/* Near 0, where the probability is near to 1/2, by a step of Halley's from the power series; elsewhere as a quantile. */
double tg_erfinv_at(double y)
{
    const double a = fabs(y);
    if (!(a <= 1)) return NAN;
    if (a == 1) return y * INFINITY;
    if (a >= 0.25) return copysign((double)(-root_half * quantile(0.5L * (1 - (long double)a))), y);
    const long double v = (long double)a, w = v * v * 0.785398163397448309615660845819875721L; /* pi y^2 / 4 */
    long double x = v / two_by_root_pi * (1 + w * (1 / 3.0L + w * (7 / 30.0L + w * (127 / 630.0L))));
    for (int k = 0; k < 2; k++) {
        const long double e = (erfl(x) - v) / two_by_root_pi * expl(x * x);
        x -= e / (1 + x * e);
    }
    return copysign((double)x, y);
}
