/* special.h - special functions of one number, which the rows of table/pointwise/special.def are computed by: loops call them element by element.
 *
 * They take and give doubles, for float32 as well, and compute in long double where a double would lose digits: of an exponent, or where
 * terms cancel. Results are within 1 ULP of the exact ones but for what is said here; docs/accuracy.md has what was measured. At poles and infinities
 * they are what SciPy has. */
#ifndef TG_SPECIAL_H
#define TG_SPECIAL_H

/* ---- of the error function (special_erf.c) */

double tg_erfc_at(double x);
double tg_erfcx_at(double x);                 /* e^(x^2) erfc x */
double tg_erfcx_slope_at(double x, double n); /* its n-th derivative, n from 1 to 64 */
double tg_erfinv_at(double y);                /* NaN beyond 1 and -1, infinite there */
double tg_ndtr_at(double x);                  /* erfc(-x / sqrt 2) / 2 */
double tg_log_ndtr_at(double x);
double tg_ndtri_at(double p);                 /* NaN beyond 0 and 1, infinite there */

/* ---- of the gamma function (special_gamma.c) */

long double tg_log_gamma(long double x); /* what the next one rounds, for what is made of it; likewise ln B, of a and b > 0 */
long double tg_log_beta(long double a, long double b);
long double tg_stirling(long double x); /* ln Gamma(x) less (x - 1/2) ln x - x + ln(2 pi)/2, of x >= 16 */
double tg_lgamma_at(double x);              /* ln |Gamma(x)|, which is inf at 0, -1, -2 … */
double tg_digamma_at(double x);             /* -inf at 0, inf at -0, NaN at -1, -2 … and -inf */
double tg_polygamma_at(double x, double n); /* its n-th derivative, n up to 1100; inf at 0, -1, -2 … where n is odd, else -inf */
double tg_betaln_at(double a, double b);    /* ln |B(a, b)|, as sum of three lgamma */

/* sum over k >= 0 of (q+k)^-s: Hurwitz's zeta function of s and q, and its m-th derivative by s. inf for s = 1 and at q = 0, -1, -2 …, NaN for
 * s < 1, and for q < 0 where s is not whole. 0 for m < 0: what multiplies it in rules is 0. */
double tg_zeta_at(double s, double q);
double tg_zeta_slope_at(double s, double q, double m);

/* ---- the incomplete gamma and beta functions: to a few ULP, and 1e-13 of themselves where shapes are millions (special_incomplete.c, special_beta.c) */

double tg_gammainc_at(double a, double x);  /* P(a, x); NaN for a < 0, x < 0, and where both are 0, or infinite */
double tg_gammaincc_at(double a, double x); /* Q(a, x) = 1 - P(a, x) */
double tg_gammainc_slope_at(double a, double x, double k); /* the k-th derivative of P by a, k from 1 to 3 */
double tg_gamma_density_at(double a, double x, double k);  /* that of x^(a-1) e^-x / Gamma(a), P's derivative by x; k from 0 to 3; 0 for k < 0 */
double tg_betainc_at(double a, double b, double x, int i, int j);      /* I_x(a, b), i times differentiated by a and j times by b, i + j <= 3 */
double tg_beta_density_at(double a, double b, double x, int i, int j); /* likewise its derivative by x, x^(a-1) (1-x)^(b-1) / B(a, b) */

/* ---- Bessel functions and the exponential integral (special_bessel.c) */

double tg_j0_at(double x);
double tg_j1_at(double x);
double tg_i0_at(double x);
double tg_i1_at(double x);
double tg_i0e_at(double x); /* e^-|x| I_0(x) */
double tg_i1e_at(double x);
/* E_n(x), the integral of e^(-x t) / t^n over 1 … infinity, of whole n from -1100 to 1100. NaN for x < 0; 1/(n-1) at 0, and infinite there for n < 2. */
double tg_expint_at(double x, double n);

#endif
