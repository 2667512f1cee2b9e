/* special_incomplete.c - the incomplete gamma function, and its derivatives: by its shape a too, which make a family that is closed. */
#include "kernels/special.h"

#include <math.h>
#include <stdbool.h>

#include "kernels/gamma_moments.h"

/* ---- what they are made of ------------------------------------------------------------------------------------------------ */

/* A point 0 < x < inf of the distribution of shape 0 < a < inf: its moments, and the density q of ln x. */
typedef struct point {
    double      w, psi[3], m[TG_GAMMA_MOMENTS]; /* w: ln x - psi(a) */
    long double q;
} point;

/* ln q: of large a as the distance of x/a from 1 and Stirling's series, which is what is left of terms that are near to each other. */
static long double log_density(double a, double x)
{
    const long double wide = (long double)a, d = ((long double)x - wide) / wide, r = 1 / wide, s = r * r;
    const long double log_ratio = fabsl(d) < 0.5L ? log1pl(d) : logl((long double)x / wide);
    if (a < 16) return wide * logl((long double)x) - (long double)x - tg_log_gamma(wide);
    const long double stirling = r * (1 / 12.0L - s * (1 / 360.0L - s * (1 / 1260.0L - s * (1 / 1680.0L - s * (1 / 1188.0L - s * (691 / 360360.0L - s / 156.0L))))));
    return 0.5L * logl(wide / 6.283185307179586476925286766559005768L) - wide * (d - log_ratio) - stirling;
}

static point point_at(double a, double x)
{
    point        p;
    const double l = log(x);
    tg_gamma_psi(a, p.psi);
    tg_gamma_moments(a, l, x, p.psi, p.m);
    p.w = l - p.psi[0];
    p.q = expl(log_density(a, x));
    return p;
}

/* The polynomial in w that the k-th derivative of a density by a is the density times of; its powers are m[0] … m[3]. */
static double bell(int k, const double m[TG_GAMMA_MOMENTS], const double psi[3])
{
    return k == 0 ? m[0] : k == 1 ? m[1] : k == 2 ? m[2] - psi[1] * m[0] : m[3] - 3 * psi[1] * m[1] - psi[2] * m[0];
}

static bool is_order(double k, int least) { return k >= least && k <= TG_GAMMA_SLOPES && floor(k) == k; }
static bool is_valid(double a, double x) { return a >= 0 && x >= 0; }

/* ---- values ------------------------------------------------------------------------------------------------------------------ */

/* P(a, x) at the ends of the range, NaN inside it; 1 - P is the same for 1 - y. */
static double at_ends(double a, double x)
{
    if (a == 0 || x == INFINITY) return (a == 0 && x == 0) || (a == INFINITY && x == INFINITY) ? NAN : 1;
    return x == 0 || a == INFINITY ? 0 : NAN;
}
static bool is_end(double a, double x) { return a == 0 || x == 0 || a == INFINITY || x == INFINITY; }

/* ln Gamma(1 + a), also of small a, where it is a times -gamma. */
static long double log_gamma_beyond_1(double a)
{
    static const long double zeta[] = {-0.577215664901532860606512090082402431L, 1.644934066848226436472415166646025189L, -1.202056903159594285399738161511449991L,
                                       1.082323233711138191516003696541167903L, -1.036927755143369926331365486457034168L, 1.017343061984449139714517929790920528L,
                                       -1.008349277381922826839797549849796759L, 1.004077356197944339378685238508652465L, -1.002008392826082214417852769232412060L};
    const long double wide = (long double)a;
    if (a > 0.01) return tg_log_gamma(1 + wide);
    long double y = 0;
    for (int k = 8; k >= 0; k--) y = (y + zeta[k] / (k + 1)) * wide;
    return y;
}

/* 1 - P for a < 1 and small x, where P is nearly 1: x^a / Gamma(a + 1) times 1 + a sum of (-x)^n / ((a + n) n!) is taken from 1 by itself. */
static double upper_of_small(double a, double x)
{
    const long double wide = (long double)a, power = wide * logl((long double)x) - log_gamma_beyond_1(a);
    long double       term = 1, sum = 0;
    for (int n = 1; n < 60 && (n < 3 || fabsl(term) > 1e-21L * fabsl(sum)); n++) {
        term *= -(long double)x / n;
        sum += term / (wide + n);
    }
    return (double)(-expm1l(power) - expl(power) * wide * sum);
}

/* Below this shape 1 - P is a times the exponential integral, and P is 1. */
static const double tiny = 1e-200;

double tg_gammainc_at(double a, double x)
{
    if (!is_valid(a, x)) return NAN;
    if (is_end(a, x)) return at_ends(a, x);
    if (a < tiny) return 1;
    const point p = point_at(a, x);
    const long double part = p.q * (long double)p.m[0];
    return (double)(p.m[0] > 0 ? part : 1 + part);
}

double tg_gammaincc_at(double a, double x)
{
    if (!is_valid(a, x)) return NAN;
    if (is_end(a, x)) return 1 - at_ends(a, x);
    if (a < tiny) return a * tg_expint_at(x, 1);
    const point p = point_at(a, x);
    const long double part = p.q * (long double)p.m[0];
    if (p.m[0] > 0 && a < 1) return upper_of_small(a, x);
    return (double)(p.m[0] > 0 ? 1 - part : -part);
}

/* ---- derivatives --------------------------------------------------------------------------------------------------------------- */

/* Moments about psi(a), which is nearly -1/a, cancel where a is small. Slopes are smooth there: below this shape they come from those that it has, by Taylor's
 * series. */
static double smooth_from(double x) { return 1e-4 / fmax(1, fabs(log(x))); }

/* The k-th of slopes that are known, up to the last one, where the shape is less by `less`. */
static double slope_below(const double slope[TG_GAMMA_SLOPES + 1], int k, double less)
{
    double y = 0;
    for (int j = TG_GAMMA_SLOPES; j >= k; j--) y = slope[j] - y * less / (j - k + 1);
    return y;
}

double tg_gammainc_slope_at(double a, double x, double k)
{
    if (!is_order(k, 1) || !is_valid(a, x)) return NAN;
    if (x == 0 || x == INFINITY || a == INFINITY) return 0;
    if (a == 0) return NAN;
    const double from = fmax(a, smooth_from(x));
    const point  p = point_at(from, x);
    double       slope[TG_GAMMA_SLOPES + 1];
    for (int j = 0; j <= TG_GAMMA_SLOPES; j++) slope[j] = (double)(p.q * (long double)bell(j, p.m, p.psi));
    return from > a ? slope_below(slope, (int)k, from - a) : slope[(int)k];
}

double tg_gamma_density_at(double a, double x, double k)
{
    if (k < 0 && floor(k) == k) return 0;
    if (!is_order(k, 0) || !is_valid(a, x)) return NAN;
    if (x == INFINITY || a == INFINITY) return 0;
    if (x == 0) return a > 1 ? 0 : a == 1 && k == 0 ? 1 : (int)k % 2 ? -INFINITY : INFINITY;
    if (a == 0) return k == 0 ? 0 : NAN;
    double       psi[3], slope[TG_GAMMA_SLOPES + 1];
    const double l = log(x), from = k == 0 ? a : fmax(a, smooth_from(x) / 10);
    tg_gamma_psi(from, psi);
    const double      w = l - psi[0], powers[TG_GAMMA_MOMENTS] = {1, w, w * w, w * w * w};
    const long double density = expl(log_density(from, x) - logl((long double)x));
    for (int j = 0; j <= TG_GAMMA_SLOPES; j++) slope[j] = (double)(density * (long double)bell(j, powers, psi));
    return from > a ? slope_below(slope, (int)k, from - a) : slope[(int)k];
}
