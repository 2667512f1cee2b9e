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

double tg_lgamma_at(double x);              /* ln |Gamma(x)|, which is inf at 0, -1, -2 … */
double tg_digamma_at(double x);             /* -inf at 0, inf at -0, NaN at -1, -2 … and -inf */
double tg_polygamma_at(double x, double n); /* its n-th derivative, n up to 1100; inf at 0, -1, -2 … where n is odd, else -inf */
double tg_betaln_at(double a, double b);    /* ln |B(a, b)|, as sum of three lgamma */

/* sum over k >= 0 of (q+k)^-s: Hurwitz's zeta function of s and q, and its m-th derivative by s. inf for s = 1 and at q = 0, -1, -2 …, NaN for
 * s < 1, and for q < 0 where s is not whole. */
double tg_zeta_at(double s, double q);
double tg_zeta_slope_at(double s, double q, double m);

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
