/* special_bessel.c - Bessel functions of order 0 and 1, and the exponential integral. */
#define _DEFAULT_SOURCE /* j0l, j1l */
#include "kernels/special.h"

#include <math.h>

double tg_j0_at(double x) { return (double)j0l((long double)x); }
double tg_j1_at(double x) { return (double)j1l((long double)x); }

/* ---- modified ones ---------------------------------------------------------------------------------------------------- */

/* e^-x I_n(x) for n 0 or 1 and x >= 0: the power series (Abramowitz and Stegun 9.6.10), all terms of which are positive; from 24 on the asymptotic one
 * (9.7.1), whose terms fall as long as they count. */
static long double bessel_scaled(int n, long double x)
{
    long double term = 1, sum = 1;
    if (x < 24) {
        const long double w = 0.25L * x * x;
        for (int k = 1; term > 1e-21L * sum; k++) sum += term *= w / (long double)(k * (k + n));
        return expl(-x) * sum * (n ? 0.5L * x : 1);
    }
    for (int k = 1; k < 48 && fabsl(term) > 1e-21L; k++) {
        const int odd = 2 * k - 1;
        sum += term *= (long double)(odd * odd - 4 * n) / (8 * (long double)k * x);
    }
    return sum / sqrtl(6.283185307179586476925286766559005768L * x);
}

/* Beyond 12,000 e^x is infinite in long double, too, and its product with what is nearly 0 is not asked for. */
static double bessel(int n, double x)
{
    const long double a = (long double)fabs(x), y = a < 12000 ? bessel_scaled(n, a) * expl(a) : a * INFINITY;
    return x < 0 && n ? -(double)y : (double)y;
}

double tg_i0_at(double x) { return bessel(0, x); }
double tg_i1_at(double x) { return bessel(1, x); }
double tg_i0e_at(double x) { return (double)bessel_scaled(0, (long double)fabs(x)); }
double tg_i1e_at(double x) { return copysign((double)bessel_scaled(1, (long double)fabs(x)), x); }

/* ---- the exponential integral ------------------------------------------------------------------------------------------ */

/* n <= 0: -n! e^-x / x^(1-n) times the first terms of e^x */
static long double expint_elementary(long double x, double n)
{
    long double sum = 1, term = 1;
    for (double k = -n; k >= 1; k--) sum += term *= (long double)k / x;
    return expl(-x) * sum / x;
}

/* Abramowitz and Stegun 5.1.12: terms (-x)^k / k!, over n - 1 - k, and where that is 0 times psi(n) - ln x. 0 < x <= 2. */
static long double expint_series(long double x, double n)
{
    long double term = 1, sum = 0, psi = -0.577215664901532860606512090082402431L;
    for (double k = 0; k < 3 || fabsl(term) > 1e-24L * fabsl(sum); k++) {
        const long double left = (long double)(n - 1 - k);
        if (k > 0) term *= -x / (long double)k;
        if (left == 0) sum += term * (psi - logl(x));
        else sum += term / left;
        psi += 1 / (long double)(k + 1); /* psi(k + 2) */
    }
    return sum;
}

/* The continued fraction e^-x / (x + n - 1 n / (x + n + 2 - 2 (n+1) / (x + n + 4 - …))) (5.1.22, contracted), from the front (Lentz). */
static long double expint_fraction(long double x, double n)
{
    const long double order = (long double)n;
    long double       b = x + order, c = 1e300L, d = 1 / b, y = d;
    for (int k = 1; k < 400; k++) {
        const long double a = -(long double)k * (order + (long double)k - 1);
        b += 2;
        d = 1 / (a * d + b);
        c = b + a / c;
        y *= c * d;
        if (fabsl(c * d - 1) < 1e-19L) break;
    }
    return y * expl(-x);
}

double tg_expint_at(double x, double n)
{
    if (!(x >= 0) || !(fabs(n) <= 1100) || floor(n) != n) return NAN;
    if (x == 0) return n < 2 ? INFINITY : 1 / (n - 1);
    if (x == INFINITY) return 0;
    const long double wide = (long double)x;
    return (double)(n <= 0 ? expint_elementary(wide, n) : x <= 2 ? expint_series(wide, n) : expint_fraction(wide, n));
}
