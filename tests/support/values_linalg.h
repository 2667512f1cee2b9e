/* values_linalg.h - what the references of linear algebra share. */
#ifndef VALUES_LINALG_H
#define VALUES_LINALG_H

#include "values.h"

enum { VALUES_MOST_ROWS = 8 };
typedef real values_matrix[VALUES_MOST_ROWS][VALUES_MOST_ROWS];

/* The product of the leading sizes. */
int64_t values_matrices(const tg_shape *s);

/* x of m x = b; m is lost. */
void values_solve(int64_t n, values_matrix m, const real *b, real *x);

/* The sizes of all results: of each, the largest number. */
void values_size_by_largest(values_array *y);

#endif
