/* exact_special.h - special functions in long double, by other ways than the library's: power series, sums of hundreds of terms, bisection. They are
 * slow, and exact to some 1e-18; tests/golden/special.csv has the far ends. Part of exact.h's readers. */
#ifndef EXACT_SPECIAL_H
#define EXACT_SPECIAL_H

#include "exact.h"

static inline bool exact_is_pole(real x) { return x <= 0 && floorl(x) == x; }

/* ---- the error function: far to the right erfcx is 1/(sqrt(pi) x) (1 - 1/(2 x^2)) */
static inline real exact_erfcx(real x)
{
    if (x > 100) return (1 - 0.5L / (x * x) * (1 - 1.5L / (x * x))) / (x * sqrtl(exact_pi()));
    if (x < -110) return HUGE_VALL;
    const real w = x * x, lost = fmal(x, x, -w); /* by the rounding of the square */
    return expl(w) * (1 + lost) * erfcl(x);
}
/* its derivatives of order 1 to 3 */
static inline real exact_erfcx_slope(real x, real n)
{
    if ((n != 1 && n != 2 && n != 3) || x != x) return NAN;
    const real w = 1 / (x * x), far = -w * (1 - 1.5L * w * (1 - 2.5L * w * (1 - 3.5L * w * (1 - 4.5L * w)))) / sqrtl(exact_pi());
    if (x < -110 || x > 300) return x < 0 ? (n == 2 ? HUGE_VALL : -HUGE_VALL) : n == 1 ? far : n == 2 ? -2 * far / x : 6 * far * w;
    const real y = exact_erfcx(x), first = 2 * x * y - 2 / sqrtl(exact_pi());
    return n == 1 ? first : n == 2 ? 2 * y + 2 * x * first : 2 * x * (2 * y + 2 * x * first) + 4 * first;
}
/* Where the rising function f is y: halved until neighbours are met, from lo to hi. */
static inline real exact_inverse(real (*f)(real), real y, real lo, real hi)
{
    for (int k = 0; k < 16500; k++) {
        const real m = lo > 0 && hi > 4 * lo ? sqrtl(lo) * sqrtl(hi) : lo + (hi - lo) / 2;
        if (m <= lo || m >= hi) break;
        *(f(m) < y ? &lo : &hi) = m;
    }
    return hi;
}
static inline real exact_falling_erfc(real x) { return -erfcl(x); }
static inline real exact_upper_erfinv(real q) { return exact_inverse(exact_falling_erfc, -q, 0.1L, 110); } /* erfc x = q */
static inline real exact_erfinv(real y)
{
    const real a = fabsl(y);
    if (a == 0 || !(a < 1)) return a == 0 ? y : a == 1 ? y * HUGE_VALL : NAN;
    return copysignl(a < 0.5L ? exact_inverse(erfl, a, 1e-330L, 1) : exact_upper_erfinv(1 - a), y);
}
static inline real exact_ndtr(real x) { return erfcl(-x / sqrtl(2)) / 2; }
static inline real exact_ndtri(real p)
{
    if (!(p >= 0 && p <= 1)) return NAN;
    if (p == 0 || p == 1 || p == 0.5L) return p == 0 ? -HUGE_VALL : p == 1 ? HUGE_VALL : 0;
    return p <= 0.5L ? exact_inverse(exact_ndtr, p, -60, 1e-30L) : -exact_inverse(exact_ndtr, 1 - p, -60, 1e-30L);
}
static inline real exact_log_ndtr(real x)
{
    if (x < -100) return -x * x / 2 - logl(-x) - logl(2 * exact_pi()) / 2 - 1 / (x * x);
    return x < 0 ? logl(exact_ndtr(x)) : log1pl(-exact_ndtr(-x));
}

/* ---- the gamma function: up to 64 by recurrence, from where two or three terms of Stirling's series do */
static inline real exact_digamma(real x)
{
    real y = 0;
    if (x == 0 || exact_is_pole(x)) return x == 0 ? copysignl(HUGE_VALL, -x) : NAN;
    if (x < 0) return exact_digamma(1 - x) - exact_pi() / tanl(exact_pi() * (x - rintl(x)));
    for (; x < 64; x++) y -= 1 / x;
    const real w = 1 / (x * x);
    return y + logl(x) - 0.5L / x - w / 12 + w * w / 120 - w * w * w / 252 + w * w * w * w / 240;
}
/* of order 0 to 3; below 0 of order 0 and 1 */
static inline real exact_polygamma(real x, real n)
{
    real y = 0;
    if (n == 0) return exact_digamma(x);
    if ((n != 1 && n != 2 && n != 3) || x == -HUGE_VALL) return NAN;
    if (exact_is_pole(x)) return n == 2 ? -HUGE_VALL : HUGE_VALL;
    if (x < 0) return exact_pi() * exact_pi() / powl(exact_sinpi(x, false), 2) - exact_polygamma(1 - x, 1);
    for (; x < 64; x++) y += tgammal(n + 1) * powl(x, -n - 1);
    y += (tgammal(n) + tgammal(n + 1) / (2 * x) + tgammal(n + 2) / (12 * x * x) - tgammal(n + 4) / (720 * powl(x, 4)) + tgammal(n + 6) / (30240 * powl(x, 6)) -
          tgammal(n + 8) / (1209600 * powl(x, 8))) * powl(x, -n);
    return n == 2 ? -y : y;
}
static inline real exact_betaln(real a, real b)
{
    if (a > b) return exact_betaln(b, a);
    if (a > 0 && b == HUGE_VALL) return -HUGE_VALL;
    if (a > 0 && b > 1e15L * (1 + a)) return lgammal(a) - a * logl(b);
    return lgammal(a) + lgammal(b) - lgammal(a + b);
}
/* zeta by a sum of hundreds of terms, and what the integral and the first corrections say of the others. m: how often it is differentiated by s */
static inline real exact_zeta_of(real s, real q, int m)
{
    const int terms = m ? 2000 : 200;
    if (s != s || q != q || s < 1) return NAN;
    if (s == 1 || exact_is_pole(q)) return m % 2 ? -HUGE_VALL : HUGE_VALL;
    if (q < 0) return NAN; /* of the points of tests: s is a number that is no integer of ours, or infinite */
    if (s > 1e30L || q > 1e30L) return q > 1 ? powl(q, 1 - s) / (s - 1) : q == 1 ? m == 0 : HUGE_VALL;
    real sum = 0;
    for (int k = 0; k < terms; k++) sum += powl(q + k, -s) * powl(-logl(q + k), m);
    const real a = q + terms, l = logl(a), p = powl(a, -s);
    if (m) {
        real integral = 0;
        for (int k = 0; k <= m; k++) integral = (a * p * powl(l, k) + k * integral) / (s - 1);
        return sum + (m % 2 ? -1 : 1) * (integral + p * powl(l, m) / 2 - p / a * powl(l, m - 1) * (m - s * l) / 12);
    }
    return sum + a * p / (s - 1) + p / 2 + s * p / a / 12 - s * (s + 1) * (s + 2) * p / (a * a * a) / 720;
}
static inline real exact_zeta(real s, real q) { return exact_zeta_of(s, q, 0); }

/* ---- Bessel functions: the power series; far out the asymptotic one, or, where these overflow, what is left of it */
static inline real exact_bessel_scaled(int n, real x)
{
    real term = n ? x / 2 : 1, sum = 0;
    if (x > 100) {
        for (int k = 0; k < 30; k++) sum += k == 0 ? (term = 1) : (term *= ((2 * k - 1) * (2 * k - 1) - 4 * n) / (8 * k * x));
        return sum / sqrtl(2 * exact_pi() * x);
    }
    for (int k = 0; k < 400; k++, term *= x * x / 4 / (real)(k * (k + n))) sum += term;
    return x != x ? x : sum * expl(-x);
}
static inline real exact_bessel(int n, real x) { return x > 11000 ? HUGE_VALL : exact_bessel_scaled(n, x) * expl(x); }
static inline real exact_odd(real y, real x) { return copysignl(y, x); }

/* ---- the exponential integral, of n from -2 to 3: the series of E_1, or its continued fraction, and the next ones by it */
static inline real exact_expint(real x, real n)
{
    if (!(x >= 0) || !(fabsl(n) <= 1100) || floorl(n) != n) return NAN;
    if (x == 0) return n < 2 ? HUGE_VALL : 1 / (n - 1);
    if (n == 0) return expl(-x) / x;
    if (n < 0) return x > 11000 ? 0 : expl(-x) * (n == -1 ? 1 + 1 / x : 1 + 2 / x + 2 / (x * x)) / x;
    if (x > 11000) return 0;
    real e1 = -0.577215664901532860606512090082402431L - logl(x), term = -1;
    if (x < 8)
        for (int k = 1; k < 80; k++) e1 += (term *= -x / k) / k;
    else {
        e1 = 0;
        for (int k = 400; k > 0; k--) e1 = k / (1 + k / (x + e1));
        e1 = expl(-x) / (x + e1);
    }
    const real e2 = expl(-x) - x * e1;
    return n == 1 ? e1 : n == 2 ? e2 : (expl(-x) - x * e2) / 2;
}

#endif
