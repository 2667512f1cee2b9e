/* gamma_quantile.c - the inverse of the regularised incomplete gamma function P(a, x), and its derivatives by a.
 *
 * P is q M_0 (kernels/gamma_moments.c). Where P(a, x) stays the same, l = ln x moves with a by l' = -M_1: the implicit derivative, by which a sample of
 * the distribution has a gradient (Figurnov, Mohamed, Mnih 2018). Further derivatives of q and M_k by a and by l are made of the same, so that those of l
 * follow up to the third. */
#include "ops/random/gamma_quantile.h"
#include "ops/random/random.h"

#include <math.h>

#include "kernels/gamma_moments.h"

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
    double l = first_guess(a, u), psi[3], m[TG_GAMMA_MOMENTS];
    if (a > 1e12) return l;
    tg_gamma_psi(a, psi);
    for (int k = 0; k < 20; k++) {
        const double x = exp(l);
        tg_gamma_moments(a, l, x, psi, m);
        const double off = tg_gamma_log_density(a, l, x) + (m[0] > 0 ? log(m[0]) - log(u) : log(-m[0]) - log1p(-u));
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
    double       psi[3], m[TG_GAMMA_MOMENTS];
    if (a > 1e14) return order == 1 ? 1 / a : order == 2 ? -1 / a / a : 2 / a / a / a; /* as if l were ln a: to 1e-7, as a - x is known */
    tg_gamma_psi(a, psi);
    tg_gamma_moments(a, l, x, psi, m);
    const double w = l - psi[0], h = a - x, first = -m[1];
    const double second = psi[1] * m[0] - m[2] - first * (2 * w + h * first);
    const double dm0 = m[1] - m[0] * w + first * (1 - h * m[0]), dm2 = m[3] - 2 * psi[1] * m[1] - m[2] * w + first * (w * w - h * m[2]);
    if (order < 3) return order == 1 ? first : second;
    return psi[2] * m[0] + psi[1] * dm0 - dm2 - 2 * (second * w + first * (first - psi[1])) - (1 - x * first) * first * first - 2 * h * first * second;
}
