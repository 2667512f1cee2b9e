/* special_gamma.c - the logarithm of the gamma function, its derivatives, the zeta function that these are made of, and the beta function. */
#define _DEFAULT_SOURCE /* lgammal_r: lgammal writes to a variable that all threads have in common */
#include "kernels/special.h"

#include <math.h>
#include <stdbool.h>

static const long double pi = 3.141592653589793238462643383279502884L;

long double tg_log_gamma(long double x)
{
    int sign;
    return lgammal_r(x, &sign);
}

double tg_lgamma_at(double x) { return (double)tg_log_gamma((long double)x); }

static bool is_pole(double x) { return x <= 0 && floor(x) == x; } /* -inf as well */

/* ---- digamma -------------------------------------------------------------------------------------------------------- */

/* Near its positive zero by Taylor's series about it: there the sum below would cancel. */
static const long double zero = 1.461632144968362341262659542325721328L;
static const long double taylor[] = {0.967672245447621170427444761712L, -0.442763168983592106093386853L, 0.258499760955651010623838L,
                                     -0.163942705442406527504251L,      0.107824050691262365763L,      -0.0721995612564547109263L,
                                     0.0488042881641431072257L,         -0.0331611264748473592923L};
enum { TERMS = sizeof taylor / sizeof *taylor };

/* Stirling's series behind the recurrence. */
static long double digamma_positive(long double x)
{
    long double down = 0;
    if (fabsl(x - zero) < 0.01L) {
        long double sum = 0;
        for (int k = TERMS - 1; k >= 0; k--) sum = (sum + taylor[k]) * (x - zero);
        return sum;
    }
    for (; x < 14; x++) down += 1 / x;
    const long double r = 1 / (x * x);
    return logl(x) - 0.5L / x - down -
           r * (1 / 12.0L - r * (1 / 120.0L - r * (1 / 252.0L - r * (1 / 240.0L - r * (1 / 132.0L - r * (691 / 32760.0L - r * (1 / 12.0L - r * 0.443259803921568627L)))))));
}

double tg_digamma_at(double x)
{
    if (x == 0) return copysign(INFINITY, -x);
    if (is_pole(x)) return NAN;
    const long double wide = (long double)x;
    if (x > 0 || x != x) return (double)digamma_positive(wide);
    return (double)(digamma_positive(1 - wide) - pi / tanl(pi * (wide - rintl(wide))));
}

/* ---- zeta ------------------------------------------------------------------------------------------------------------ */

/* The summand f(a) = (-ln a)^m a^-s and its derivatives by a, which are a^(-s-j) times a polynomial in L = ln a. */
enum { DEGREES = 8 };
typedef struct summand {
    int         m;
    long double s, a, log, power, p[DEGREES + 1]; /* power: a^(-s-j); p: the polynomial of the derivative at hand */
} summand;

/* Whole powers are products: powl is dear. */
static long double power_of(long double a, long double s)
{
    if (s > 8 || floorl(s) != s) return powl(a, -s);
    long double p = 1;
    for (int k = 0; k < (int)s; k++) p *= a;
    return 1 / p;
}

static summand summand_at(long double s, long double a, int m)
{
    summand f = {.m = m, .s = s, .a = a, .log = m > 0 ? logl(a) : 0, .power = power_of(a, s)};
    f.p[m] = m % 2 ? -1 : 1;
    return f;
}

static long double value_of(const summand *f)
{
    long double y = 0;
    for (int k = f->m; k >= 0; k--) y = y * f->log + f->p[k];
    return y * f->power;
}

/* (L^k a^-t)' = (k L^(k-1) - t L^k) a^(-t-1); j derivatives have been taken before. */
static void differentiate(summand *f, int j)
{
    for (int k = 0; k <= f->m; k++) f->p[k] = (long double)(k + 1) * (k < f->m ? f->p[k + 1] : 0) - (f->s + (long double)j) * f->p[k];
    f->power /= f->a;
}

/* The integral of f from a to infinity: that of L^k u^-s is a^(1-s) L^k / (s-1) + k/(s-1) times that of L^(k-1) u^-s. */
static long double integral_of(const summand *f)
{
    long double y = 0, power = 1;
    for (int k = 0; k <= f->m; k++, power *= f->log) y = (f->a * f->power * power + (long double)k * y) / (f->s - 1);
    return f->m % 2 ? -y : y;
}

/* Euler's and Maclaurin's sum over q, q+1, …: terms as far as the corrections B_2j / (2j)! f^(2j-1) want it, or until they count no more. s > 1, q > 0. */
static long double zeta_positive(long double s, long double q, int m)
{
    static const long double bernoulli[] = {
        1 / 12.0L, -1 / 720.0L, 1 / 30240.0L, -1 / 1209600.0L, 1 / 47900160.0L, -691 / 1307674368000.0L, 1 / 74724249600.0L,
        -3.38968029632258286683e-13L, 8.586062056277844564136e-15L, -2.174868698558061873042e-16L, 5.5090028283602295153e-18L,
        -1.395446468581252334071e-19L, 3.534707039629467471693e-21L, -8.953517427037546850403e-23L};
    enum { CORRECTIONS = sizeof bernoulli / sizeof *bernoulli };
    long double sum = 0;
    const long double far = 10 + 0.5L * s;
    for (; q < far; q++) {
        const summand     f = summand_at(s, q, m);
        const long double term = value_of(&f);
        sum += term;
        if (q > 3 && fabsl(term) * q <= 1e-21L * fabsl(sum)) return sum;
    }
    summand f = summand_at(s, q, m);
    if (f.power == 0) return sum; /* and what it would be multiplied by may be infinite */
    sum += integral_of(&f) + 0.5L * value_of(&f);
    for (int j = 0; j < CORRECTIONS; j++) {
        differentiate(&f, 2 * j);
        sum -= bernoulli[j] * value_of(&f);
        differentiate(&f, 2 * j + 1);
    }
    return sum;
}

/* Below 0 powers are real where s is whole: those of -q, … down to the last before 0, and those that follow. */
static long double zeta_negative(long double s, long double q)
{
    const long double next = floorl(q) + 1, f = q - floorl(q); /* next - q is exact, which 1 - f is not: of a small q f is 1 */
    const long double below = zeta_positive(s, next - q, 0) - zeta_positive(s, 1 - q, 0);
    return zeta_positive(s, f, 0) + (fmodl(s, 2) == 0 ? below : -below);
}

static double zeta_of(double s, double q, int m)
{
    if (s != s || q != q || s < 1) return NAN;
    if (s == 1 || is_pole(q)) return m % 2 ? -INFINITY : INFINITY;
    if (q < 0) return floor(s) != s || m > 0 || s > 1e15 ? NAN : (double)zeta_negative((long double)s, (long double)q);
    if (q == INFINITY || s == INFINITY) return q > 1 ? 0 : m > 0 && q == 1 ? 0 : q == 1 ? 1 : INFINITY;
    return (double)zeta_positive((long double)s, (long double)q, m);
}

double tg_zeta_at(double s, double q) { return zeta_of(s, q, 0); }
double tg_zeta_slope_at(double s, double q, double m) { return m >= 0 && m <= DEGREES && floor(m) == m ? zeta_of(s, q, (int)m) : m < 0 && floor(m) == m ? 0 : NAN; }

/* (-1)^(n+1) n! zeta(n + 1, x) */
double tg_polygamma_at(double x, double n)
{
    if (n == 0) return tg_digamma_at(x);
    if (!(n >= 1 && n <= 1100) || floor(n) != n) return NAN;
    const long double sign = fmod(n, 2) == 1 ? 1 : -1, s = (long double)n + 1, wide = (long double)x;
    if (x != x || x == -INFINITY) return NAN;
    if (is_pole(x)) return (double)sign * INFINITY;
    if (x == INFINITY) return (double)sign * 0;
    return (double)(sign * tgammal(s) * (x > 0 ? zeta_positive(s, wide, 0) : zeta_negative(s, wide)));
}

/* ---- beta ------------------------------------------------------------------------------------------------------------ */

/* ln Gamma(x) less (x - 1/2) ln x - x + ln(2 pi)/2, of x >= 16. */
long double tg_stirling(long double x)
{
    const long double r = 1 / (x * x);
    return (1 / 12.0L - r * (1 / 360.0L - r * (1 / 1260.0L - r * (1 / 1680.0L - r * (1 / 1188.0L - r * (691 / 360360.0L - r / 156.0L)))))) / x;
}

/* The large logarithms cancel: what is left of them is taken together. */
long double tg_log_beta(long double a, long double b)
{
    if (a > b) return tg_log_beta(b, a);
    if (b < 16) return tg_log_gamma(a) + tg_log_gamma(b) - tg_log_gamma(a + b);
    const long double more = tg_stirling(b) - tg_stirling(a + b);
    if (a < 16) return tg_log_gamma(a) + more + a - (b - 0.5L) * log1pl(a / b) - a * logl(a + b);
    return 0.918938533204672741780329736405617639L + more + tg_stirling(a) - a * log1pl(b / a) - b * log1pl(a / b) + 0.5L * (log1pl(b / a) - logl(b));
}

double tg_betaln_at(double a, double b)
{
    if (a != a || b != b) return NAN;
    if (a > b) return tg_betaln_at(b, a);
    if (a > 0 && b == INFINITY) return -INFINITY;
    const long double x = (long double)a, y = (long double)b;
    return (double)(a > 0 ? tg_log_beta(x, y) : tg_log_gamma(x) + tg_log_gamma(y) - tg_log_gamma(x + y));
}
