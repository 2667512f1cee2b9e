/* gamma_moments.c - moments of the gamma distribution up to a point, of which its distribution function and all derivatives of that are made.
 *
 * With l = ln x and q = x^a e^-x / Gamma(a), the density of ln x, they are
 *
 *     M_k = integral from 0 to x of p(t) (ln t - psi(a))^k dt, over q,     p(t) = t^(a-1) e^-t / Gamma(a)
 *
 * P(a, x), the regularised incomplete gamma function, is q M_0, and since the derivative of p by a is p (ln t - psi(a)), its derivatives by a are q M_1,
 * q (M_2 - psi' M_0) and q (M_3 - 3 psi' M_1 - psi'' M_0).
 *
 * Beyond ln x = psi(a + 1) the moments are taken from x to infinity, and negative. They differ by a constant from the others, which changes no
 * derivative; and so all terms of M_0 and of M_1 have one sign on either side, and nothing cancels, in the tails neither. */
#include "kernels/gamma_moments.h"

#include <math.h>
#include <stdbool.h>

#include "kernels/gauss.h"

/* ---- the gamma function ------------------------------------------------------------------------------------------ */

/* The first three derivatives of ln Gamma at a: recurrence up to 16, from where on Stirling's series suffice. */
void tg_gamma_psi(double a, double psi[3])
{
    double down[3] = {0, 0, 0};
    for (; a < 16; a++) {
        const double r = 1 / a;
        down[0] -= r;
        down[1] += r * r;
        down[2] -= 2 * r * r * r;
    }
    const double r = 1 / a, s = r * r;
    psi[0] = down[0] + log(a) - r / 2 - s * (1.0 / 12 - s * (1.0 / 120 - s * (1.0 / 252 - s * (1.0 / 240 - s / 132))));
    psi[1] = down[1] + r + s / 2 + r * s * (1.0 / 6 - s * (1.0 / 30 - s * (1.0 / 42 - s * (1.0 / 30 - s * 5 / 66))));
    psi[2] = down[2] - s - r * s - s * s * (1.0 / 2 - s * (1.0 / 6 - s * (1.0 / 6 - s * (3.0 / 10 - s * 5 / 6))));
}

/* ln q. For large a its terms are near to each other: they are taken together as Stirling's series and the distance of x/a from 1. */
double tg_gamma_log_density(double a, double l, double x)
{
    if (a < 16) return a * l - x - lgamma(a);
    const double r = 1 / a, s = r * r, d = (x - a) / a;
    return 0.5 * log(a / 6.28318530717958647693) - a * (d - log1p(d)) - r * (1.0 / 12 - s * (1.0 / 360 - s * (1.0 / 1260 - s / 1680)));
}

/* ---- moments ----------------------------------------------------------------------------------------------------- */

enum { ORDERS = TG_GAMMA_MOMENTS };

/* Below, the series x^n / (a (a+1) … (a+n)) of M_0, whose terms are differentiated by a shift of a. The first factor, 1 / (a + s) times e^(s/a),
 * the difference of psi(a) and psi(a + 1), is kept apart: its own derivatives, 1, 0, 1/a^2 and -2/a^3 over a, are known, and the rest
 * has no large terms that cancel where a is small. */
static void moments_by_series(double a, double x, double w, double m[ORDERS])
{
    double term = 1, h1 = 0, h2 = 0, h3 = 0, sum[ORDERS] = {1, 0, 0, 0};
    for (double n = 1; term > 1e-18 * sum[0]; n++) {
        const double r = 1 / (a + n);
        term *= x * r;
        h1 += r;
        h2 += r * r;
        h3 += r * r * r;
        sum[0] += term;
        sum[1] -= term * h1;
        sum[2] += term * (h1 * h1 + h2);
        sum[3] -= term * (h1 * (h1 * h1 + 3 * h2) + 2 * h3);
    }
    const double v1 = w * sum[0] + sum[1], v2 = w * (w * sum[0] + 2 * sum[1]) + sum[2];
    const double v3 = w * (w * (w * sum[0] + 3 * sum[1]) + 3 * sum[2]) + sum[3];
    m[0] = sum[0] / a;
    m[1] = v1 / a;
    m[2] = (v2 + sum[0] / (a * a)) / a;
    m[3] = (v3 + (3 * v1 - 2 * sum[0] / a) / (a * a)) / a;
}

/* e^v - 1 - v, whose terms cancel near 0. */
static double exp_less_line(double v)
{
    if (fabs(v) > 0.5) return expm1(v) - v;
    double term = v * v / 2, sum = term;
    for (int k = 3; k < 18; k++) sum += term *= v / k;
    return sum;
}

/* With t = x e^v the moments are integrals of e^(a v - x (e^v - 1)) (v + w)^k over v. Where |v| is this, the exponent is about -40: from the first
 * two terms of e^v - 1, and then from the whole. */
static double reach(double a, double x, bool beyond)
{
    const double slope = fabs(x - a), y = 80 / (slope + sqrt(slope * slope + 80 * x));
    double       v = y;
    for (int k = 0; k < 2; k++) v = beyond ? log1p((40 + a * v) / x) : (40 - x * expm1(-v)) / a;
    return v;
}

static void moments_by_quadrature(double a, double x, double w, bool beyond, double m[ORDERS])
{
    const double half = reach(a, x, beyond) / 2, sign = beyond ? 1 : -1;
    for (int k = 0; k < ORDERS; k++) m[k] = 0;
    for (int i = 0; i < TG_GAUSS_POINTS; i++) {
        const double v = sign * half * (1 + tg_gauss_node(i));
        double       f = -sign * half * tg_gauss_half[i / 2][1] * exp((a - x) * v - x * exp_less_line(v));
        for (int k = 0; k < ORDERS; k++, f *= v + w) m[k] += f;
    }
}

/* psi: of a, two derivatives more than the moments have orders. */
void tg_gamma_moments(double a, double l, double x, const double psi[3], double m[ORDERS])
{
    const double w = l - psi[0], beyond = w - 1 / a;
    if (beyond <= 0 && a < 1000) moments_by_series(a, x, beyond, m);
    else moments_by_quadrature(a, x, w, beyond > 0, m);
}
