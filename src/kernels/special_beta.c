/* special_beta.c - the incomplete beta function, and its derivatives.
 *
 * With c = a + b, w = ln t - psi(a) + psi(c) and v = ln(1 - t) - psi(b) + psi(c), which the derivatives of the density
 * p(t) = t^(a-1) (1-t)^(b-1) / B(a, b) by a and b are p times, those of order i and j are p Q_ij(w, v), of polynomials Q_ij, and those of I_x(a, b) are
 * integrals of these from 0 to x. Beyond the mean they are taken from the other end: I_x(a, b) = 1 - I_(1-x)(b, a), so that nothing cancels. */
#include "kernels/special.h"

#include <math.h>
#include <stdbool.h>

#include "kernels/gamma_moments.h"
#include "kernels/gauss.h"

/* A point 0 < x < 1 of the distribution of a and b, both more than 0 and finite, or its mirror image. */
typedef struct point {
    double      a, b, x, y, log_x, log_y; /* y: 1 - x */
    double      psi_a[3], psi_b[3], psi_c[3];
    long double slope; /* a - (a + b) x, that of the density of ln(x / y), over it */
    long double q;     /* x y p(x), that density */
} point;

/* w - ln(1 + w), of which the terms cancel near 0. */
static long double less_log1p(long double w)
{
    if (fabsl(w) > 0.1L) return w - log1pl(w);
    long double power = w * w, sum = 0;
    for (int k = 2; k < 24; k++, power *= -w) sum += power / k;
    return sum;
}

/* ln q: of large shapes as the distances of x and y from the mean's and Stirling's series, which is what is left of terms that are near to each other. */
static long double log_density(long double a, long double b, long double x, long double slope)
{
    const long double c = a + b, of_x = -slope / a, of_y = slope / b; /* how far they are from a / c and b / c, over these */
    if (a < 16 || b < 16 || fabsl(of_x) > 0.5L || fabsl(of_y) > 0.5L) return a * logl(x) + b * log1pl(-x) - tg_log_beta(a, b);
    const long double factor = 0.5L * logl(a / c * b / 6.283185307179586476925286766559005768L);
    return factor - a * less_log1p(of_x) - b * less_log1p(of_y) + tg_stirling(c) - tg_stirling(a) - tg_stirling(b);
}

static point point_at(double a, double b, double x)
{
    point             p = {.a = a, .b = b, .x = x, .y = 1 - x, .log_x = log(x), .log_y = log1p(-x)};
    const long double wide_a = (long double)a, wide_b = (long double)b, wide = (long double)x;
    tg_gamma_psi(a, p.psi_a), tg_gamma_psi(b, p.psi_b), tg_gamma_psi(a + b, p.psi_c);
    p.slope = wide_a - (wide_a + wide_b) * wide;
    p.q = expl(log_density(wide_a, wide_b, wide, p.slope));
    return p;
}

static point mirrored(const point *p)
{
    point m = {.a = p->b, .b = p->a, .x = p->y, .y = p->x, .log_x = p->log_y, .log_y = p->log_x, .slope = -p->slope, .q = p->q};
    for (int k = 0; k < 3; k++) m.psi_a[k] = p->psi_b[k], m.psi_b[k] = p->psi_a[k], m.psi_c[k] = p->psi_c[k];
    return m;
}

/* Q_ij. The derivatives of w by a and b are psi'(c) - psi'(a) and psi'(c), those of v psi'(c) and psi'(c) - psi'(b). */
static double polynomial(const point *p, int i, int j, double log_t, double log_rest)
{
    if (i < j) {
        const point m = mirrored(p);
        return polynomial(&m, j, i, log_rest, log_t);
    }
    const double w = log_t - p->psi_a[0] + p->psi_c[0], v = log_rest - p->psi_b[0] + p->psi_c[0];
    const double bend = p->psi_a[1] - p->psi_c[1], mixed = p->psi_c[1];
    switch (4 * i + j) {
    case 0: return 1;
    case 4: return w;
    case 5: return w * v + mixed;
    case 8: return w * w - bend;
    case 9: return (w * w - bend) * v + 2 * mixed * w + p->psi_c[2];
    default: return w * (w * w - 3 * bend) - (p->psi_a[2] - p->psi_c[2]);
    }
}

/* ---- integrals from 0 to x, over q --------------------------------------------------------------------------------------------- */

/* ln of the density of s = ln(t / (1 - t)) where that is u beyond x's, less x's own; and how ln t and ln(1 - t) have moved. */
static double exponent(const point *p, double u, double *log_t, double *log_rest)
{
    *log_t = u > -30 ? -log1p(p->y * expm1(-u)) : u - p->log_y - log1p(p->x / p->y * exp(u)); /* e^-u may be infinite */
    *log_rest = -log1p(p->x * expm1(u));
    if (fabs(u) > 0.05) return p->a * *log_t + p->b * *log_rest;
    double term = u * u / 2, bend = term; /* e^u - 1 - u */
    for (int k = 3; k < 14; k++) bend += term *= u / k;
    const double turn = (double)less_log1p((long double)(p->x * (u + bend))) - p->x * bend;
    return (double)p->slope * u + (p->a + p->b) * turn; /* of large shapes, whose two terms cancel */
}

/* How far to the left the exponent has come to about -45. */
static double reach(const point *p)
{
    double t, rest, near = 0, far = 1;
    while (exponent(p, -far, &t, &rest) > -45 && far < 1e300) near = far, far *= 2;
    if (near == 0)
        while (exponent(p, -far / 2, &t, &rest) < -45 && far > 1e-300) far /= 2;
    for (int k = 0; k < 6; k++) {
        const double m = (near + far) / 2;
        if (m < far) *(exponent(p, -m, &t, &rest) > -45 ? &near : &far) = m;
    }
    return far;
}

/* By panels, which are the wider the farther they are from where t is 1/2: there the density of s turns, within a few units. */
static double by_panels(const point *p, int i, int j)
{
    const double end = -reach(p), turn = p->log_y - p->log_x;
    double       sum = 0, t, rest;
    for (double u = 0, next; u > end; u = next) {
        next = fmax(end, u - fmax(2, fabs(u - turn)));
        const double half = (u - next) / 2;
        for (int k = 0; k < TG_GAUSS_POINTS; k++) {
            const double e = exponent(p, u - half * (1 + tg_gauss_node(k)), &t, &rest);
            sum += half * tg_gauss_half[k / 2][1] * exp(e) * polynomial(p, i, j, p->log_x + t, p->log_y + rest);
        }
    }
    return sum;
}

/* The series x^n (a + b) … (a + b + n - 1) / (a (a + 1) … (a + n)), all terms of which are positive. */
static long double by_series(const point *p)
{
    long double       term = 1 / (long double)p->a, sum = term;
    const long double a = (long double)p->a, c = a + (long double)p->b, x = (long double)p->x;
    for (long double n = 0; term > 1e-20L * sum; n++) sum += term *= x * (c + n) / (a + n + 1);
    return sum;
}

static long double integral(const point *p, int i, int j)
{
    const bool series = i + j == 0 && p->x < 0.9 && p->a < 3000;
    return p->q * (series ? by_series(p) : (long double)by_panels(p, i, j));
}

/* ---- what is called --------------------------------------------------------------------------------------------------------------- */

static bool is_valid(double a, double b, double x) { return a > 0 && b > 0 && a < INFINITY && b < INFINITY && x >= 0 && x <= 1; }

double tg_betainc_at(double a, double b, double x, int i, int j)
{
    if (!is_valid(a, b, x)) return NAN;
    if (x == 0 || x == 1) return i + j == 0 ? x : 0;
    const point p = point_at(a, b, x);
    if (x * (a + b) <= a) return (double)integral(&p, i, j);
    const point       m = mirrored(&p);
    const long double beyond = integral(&m, j, i);
    return (double)(i + j == 0 ? 1 - beyond : -beyond);
}

double tg_beta_density_at(double a, double b, double x, int i, int j)
{
    if (!is_valid(a, b, x)) return NAN;
    const point  p = point_at(a, b, x);
    const double at_0 = a == 1 ? b : a < 1 ? INFINITY : 0, at_1 = b == 1 ? a : b < 1 ? INFINITY : 0;
    const double density = x == 0 ? at_0 : x == 1 ? at_1 : (double)(p.q / ((long double)x * (1 - (long double)x)));
    return density == 0 ? 0 : density * polynomial(&p, i, j, p.log_x, p.log_y);
}
