/* vectors.c - long vectors of doubles. */
#include "optim/vectors.h"

#include <math.h>

#include "tensor/team.h"

/* Sums go over PARTS pieces of a long vector, added up in their order: the result does not depend on the number of threads. */
enum { SMALL = 65536, PARTS = 64 };

static double dot_piece(const double *x, const double *y, size_t n)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++) sum += x[i] * y[i];
    return sum;
}

double tg_vector_dot(const tg_tape *t, const double *x, const double *y, size_t n)
{
    const size_t parts = n < SMALL ? 1 : PARTS;
    double       part[PARTS], sum = 0;
    TG_TEAM(num_threads(n < SMALL ? 1 : tg_threads(t)))
    {
#pragma omp for schedule(static) nowait
        for (size_t p = 0; p < parts; p++) {
            const size_t from = n / parts * p, to = p + 1 == parts ? n : n / parts * (p + 1);
            part[p] = dot_piece(x + from, y + from, to - from);
        }
    }
    for (size_t p = 0; p < parts; p++) sum += part[p];
    return sum;
}

double tg_vector_largest(const double *x, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++)
        if (!(fabs(x[i]) <= most)) most = isnan(most) ? most : fabs(x[i]);
    return most;
}

double tg_vector_sum_of_sizes(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += fabs(x[i]);
    return sum;
}

void tg_vector_add(double *y, double a, const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++) y[i] += a * x[i];
}
