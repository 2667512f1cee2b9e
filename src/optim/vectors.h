/* vectors.h - long vectors of doubles, in one order of summing for any number of threads. */
#ifndef TG_VECTORS_H
#define TG_VECTORS_H

#include "tensor/services.h"

double tg_vector_dot(const tg_tape *t, const double *x, const double *y, size_t n);
double tg_vector_largest(const double *x, size_t n);  /* of |x|; NaN where one is */
double tg_vector_sum_of_sizes(const double *x, size_t n);
void   tg_vector_add(double *y, double a, const double *x, size_t n); /* y += a x */

#endif
