/* gamma_quantile.c - the inverse of the regularised incomplete gamma function P(a, x), and its derivatives by a.
 *
 * With l = ln x and q = x^a e^-x / Gamma(a), the density of ln x, everything follows from the moments
 *
 *     M_k = integral from 0 to x of p(t) (ln t - psi(a))^k dt, over q,     p(t) = t^(a-1) e^-t / Gamma(a)
 *
 * P is q M_0. Where P(a, x) stays the same, l moves with a by l' = -M_1: the implicit derivative, by which a sample of the distribution has
 * a gradient (Figurnov, Mohamed, Mnih 2018). Further derivatives of q and M_k by a and by l are made of the same, so that l'' and l''' follow.
 *
 * Beyond ln x = psi(a + 1) the moments are taken from x to infinity, and negative. They differ by a constant from the others, which changes no
 * derivative; and so all terms of M_0 and of M_1 have one sign on either side, and nothing cancels, in the tails neither. */
#include "ops/random/gamma_quantile.h"
#include "ops/random/random.h"

#include <math.h>

/* ---- the gamma function ------------------------------------------------------------------------------------------ */

/* The first three derivatives of ln Gamma at a: recurrence up to 16, from where on Stirling's series suffice. */
static void polygamma(double a, double psi[3])
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
static double log_density(double a, double l, double x)
{
    if (a < 16) return a * l - x - lgamma(a);
    const double r = 1 / a, s = r * r, d = (x - a) / a;
    return 0.5 * log(a / 6.28318530717958647693) - a * (d - log1p(d)) - r * (1.0 / 12 - s * (1.0 / 360 - s * (1.0 / 1260 - s / 1680)));
}

/* ---- moments ----------------------------------------------------------------------------------------------------- */

enum { ORDERS = TG_GAMMA_SLOPES + 1 };

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

/* Half of the nodes and weights of Gauss-Legendre's rule of 32 points on -1 … 1. */
static const double nodes[][2] = {
    {0.0483076656877383162, 0.0965400885147278006}, {0.144471961582796493, 0.0956387200792748594}, {0.239287362252137075, 0.0938443990808045656},
    {0.33186860228212765, 0.0911738786957638847},   {0.421351276130635345, 0.0876520930044038111}, {0.50689990893222939, 0.0833119242269467552},
    {0.587715757240762329, 0.0781938957870703065},  {0.663044266930215201, 0.0723457941088485062}, {0.73218211874028968, 0.0658222227763618468},
    {0.794483795967942407, 0.0586840934785355471},  {0.84936761373256997, 0.0509980592623761762},  {0.896321155766052124, 0.0428358980222266807},
    {0.934906075937739689, 0.0342738629130214331},  {0.964762255587506431, 0.0253920653092620595}, {0.985611511545268335, 0.0162743947309056706},
    {0.997263861849481564, 0.0070186100094700966}};

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
    for (int i = 0; i < 32; i++) {
        const double v = sign * half * (1 + (i % 2 ? nodes[i / 2][0] : -nodes[i / 2][0]));
        double       f = -sign * half * nodes[i / 2][1] * exp(a * v - x * expm1(v));
        for (int k = 0; k < ORDERS; k++, f *= v + w) m[k] += f;
    }
}

/* psi: of a, two derivatives more than the moments have orders. */
static void moments(double a, double l, double x, const double psi[3], double m[ORDERS])
{
    const double w = l - psi[0], beyond = w - 1 / a;
    if (beyond <= 0 && a < 1000) moments_by_series(a, x, beyond, m);
    else moments_by_quadrature(a, x, w, beyond > 0, m);
}

/* ---- the quantile ------------------------------------------------------------------------------------------------ */

/* Wilson and Hilferty 1931: the third root of x is nearly normal. Where that would be far below, or a less than 1: the first term of the series,
 * or, for a less than 1 and on the right, a tail that is exponential. */
static double first_guess(double a, double u)
{
    const double z = u <= 0.5 ? tg_normal_quantile(u) : -tg_normal_quantile(1 - u), root = 1 - 1 / (9 * a) + z / (3 * sqrt(a));
    const double tail = a * (0.253 + a * 0.12); /* the share of what is beyond 1, for a up to 1 */
    if (a > 1 && root > 0.2) return log(a) + 3 * log(root);
    return a > 1 || u < 1 - tail ? (log(u) + lgamma(a + 1)) / a : log(1 - log((1 - u) / tail));
}

/* ln P(a, x) = ln u, or ln(1 - P) = ln(1 - u) beyond, by Halley's steps. */
double tg_gamma_quantile(double a, double u, double tolerance)
{
    double l = first_guess(a, u), psi[3], m[ORDERS];
    if (a > 1e12) return l;
    polygamma(a, psi);
    for (int k = 0; k < 20; k++) {
        const double x = exp(l);
        moments(a, l, x, psi, m);
        const double off = log_density(a, l, x) + (m[0] > 0 ? log(m[0]) - log(u) : log(-m[0]) - log1p(-u));
        l -= off * m[0] / fmax(0.5, 1 - off * ((a - x) * m[0] - 1) / 2);
        if (fabs(off) < tolerance) break;
    }
    return l;
}

/* ---- its derivatives --------------------------------------------------------------------------------------------- */

/* D is the derivative by a with u kept, of what depends on a and l; w = l - psi(a), h = a - x. D w = l' - psi', D h = 1 - x l', and
 * D M_k = M_(k+1) - k psi' M_(k-1) - M_k w + l' (w^k - h M_k). */
double tg_gamma_slope(double a, double l, int order)
{
    const double x = exp(l);
    double       psi[3], m[ORDERS];
    if (a > 1e14) return order == 1 ? 1 / a : order == 2 ? -1 / a / a : 2 / a / a / a; /* as if l were ln a: to 1e-7, as a - x is known */
    polygamma(a, psi);
    moments(a, l, x, psi, m);
    const double w = l - psi[0], h = a - x, first = -m[1];
    const double second = psi[1] * m[0] - m[2] - first * (2 * w + h * first);
    const double dm0 = m[1] - m[0] * w + first * (1 - h * m[0]), dm2 = m[3] - 2 * psi[1] * m[1] - m[2] * w + first * (w * w - h * m[2]);
    if (order < 3) return order == 1 ? first : second;
    return psi[2] * m[0] + psi[1] * dm0 - dm2 - 2 * (second * w + first * (first - psi[1])) - (1 - x * first) * first * first - 2 * h * first * second;
}
