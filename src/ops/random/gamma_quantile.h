/* gamma_quantile.h - numbers of the gamma distribution as a function of their probability, and how they move with its shape. */
#ifndef TG_GAMMA_QUANTILE_H
#define TG_GAMMA_QUANTILE_H

#include "kernels/gamma_moments.h"

/* ln x for the x of the gamma distribution of shape a and rate 1 below which the probability u lies, 0 < u < 1; a finite and more than 0. The
 * relative error of u that is left is the third power of `tolerance`, or some roundings. */
double tg_gamma_quantile(double a, double u, double tolerance);

/* The derivative of ln x by a, u staying the same, of order 1, 2 or 3, where ln x is l. */
double tg_gamma_slope(double a, double l, int order);

#endif
