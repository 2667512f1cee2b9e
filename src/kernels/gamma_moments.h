/* gamma_moments.h - what the incomplete gamma function and its derivatives are made of: see gamma_moments.c. */
#ifndef TG_GAMMA_MOMENTS_H
#define TG_GAMMA_MOMENTS_H

/* The first three derivatives of ln Gamma at a > 0. */
void tg_gamma_psi(double a, double psi[3]);

/* ln of x^a e^-x / Gamma(a), the density of ln x, where l is ln x. */
double tg_gamma_log_density(double a, double l, double x);

/* M_0 … M_3 at a and x, l = ln x, psi being those of a: from 0 to x, or with the other sign from there to infinity. Of derivatives up to the third. */
enum { TG_GAMMA_SLOPES = 3, TG_GAMMA_MOMENTS = TG_GAMMA_SLOPES + 1 };
void tg_gamma_moments(double a, double l, double x, const double psi[3], double m[TG_GAMMA_MOMENTS]);

#endif
