/* limits_parts.h - what the files of limits share: products and passes over memory, and room for their operands. */
#ifndef LIMITS_PARTS_H
#define LIMITS_PARTS_H

#include "limits.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#ifdef __AVX__
#include <immintrin.h>
#endif

enum { MAX_PRODUCTS = 24 };

/* C[m,n] = op(A)[m,k] op(B)[k,n] */
typedef struct product {
    bool   ta, tb;
    int    m, n, k;
    int    times; /* in a step */
    float *a, *b, *c;
} product;

struct limit {
    product list[MAX_PRODUCTS];
    int     n_products;
    void (*pass)(limit *l); /* one pass over the vectors, or over the matrices' rows, or NULL */
    size_t         n;       /* the vectors' length; of a row */
    size_t         states;  /* of an optimizer */
    size_t         turn;    /* of a pass that does not read the same each time */
    float         *v[8];
    volatile float sink; /* keeps results from being optimised away */
    bool           failed;
};

/* n numbers, roughly normal: the sum of four uniform ones. NULL, and l has failed, without memory. */
float *limit_numbers(limit *l, size_t n);
float *limit_zeros(limit *l, size_t n);

/* C = op(A) op(B), so many times in a step. */
void limit_add(limit *l, bool ta, bool tb, int m, int n, int k, int times);

/* A layer X[batch,in] W[in,out]: Y = X W, dW = Xᵀ dY, and unless it is the first one dX = dY Wᵀ. */
void limit_dense(limit *l, int batch, int in, int out, bool first, int times);

/* One pass over the rows of matrices (limits_rows.c), and over other axes than the last (limits_axes.c). */
typedef struct limit_row {
    const char *workload;
    void (*build)(limit *l);
} limit_row;
extern const limit_row limit_rows[], limit_axes[]; /* end without a workload */

/* A finished row goes to memory around the caches, where the compiler's target can: no line is read before it is overwritten. */
static inline void limit_put(float *restrict to, const float *restrict row, size_t n)
{
    size_t j = 0;
#ifdef __AVX__
    for (; ((size_t)(to + j) & 31) && j < n; j++) to[j] = row[j];
    for (; j + 8 <= n; j += 8) _mm256_stream_ps(to + j, _mm256_loadu_ps(row + j));
#endif
    for (; j < n; j++) to[j] = row[j];
}

#endif
