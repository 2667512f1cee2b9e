/* conv.h - the inner loops of convolution and pooling, for the vector units of the CPU at hand.
 *
 * Compiled once for each instruction set (conv_base.c, conv_avx2.c, conv_avx512.c) from conv_loops.h. T stands for the
 * dtype, f32 or f64; pitches and steps count elements. */
#ifndef TG_CONV_H
#define TG_CONV_H

#include "kernels/kernels.h"

/* Some rows of a plane, `pitch` apart, of which every element `step` apart is taken, and the same elements one after
 * the other. */
typedef struct tg_conv_rows {
    void   *plane;
    int64_t pitch, step;
    void   *flat;
    int64_t rows, cols;
} tg_conv_rows;

typedef struct tg_conv_loops {
    int64_t lanes; /* of a vector; behind plane and flat there have to be as many elements that take_rows may read and
                      overwrite */
    void (*take_rows)(const tg_conv_rows *r); /* flat = plane */
    void (*add_rows)(const tg_conv_rows *r);  /* plane += flat */

    /* to [cols,rows] = from [rows,cols] transposed. */
    void (*turn)(int64_t rows, int64_t cols, void *to, int64_t to_pitch, const void *from, int64_t from_pitch);

    /* Windows of 2 x 2, side by side, in two rows p and q of 2n elements: the largest of each (the first NaN, if there
     * is one); what stands at its place in rows s and t; and dp, dq = g at the place of the first largest, else 0. */
    void (*max_2x2)(int64_t n, void *out, const void *p, const void *q);
    void (*max_2x2_of)(int64_t n, void *out, const void *p, const void *q, const void *s, const void *t);
    void (*max_2x2_dx)(int64_t n, void *dp, void *dq, const void *p, const void *q, const void *g);

    /* out[k] = start + sum of weight[t] from[t][k] over the taps, one after the other. Whole vectors: out and all of from have `lanes` elements behind. */
    void (*filter)(int64_t n, void *out, double start, int64_t taps, const void *const *from, const void *weight);
    /* sum[t] += the products of `rows` rows of g, one behind the other, with those of from[t], `pitch` apart. */
    void (*dots)(int64_t rows, int64_t cols, const void *g, int64_t pitch, int64_t taps, const void *const *from, double *sum);
} tg_conv_loops;

const tg_conv_loops *tg_fast_conv(tg_dtype dtype); /* NULL for other dtypes than f32, f64 */
const tg_conv_loops *tg_isa_conv(tg_isa isa, tg_dtype dtype);

/* Between the files of this folder. lanes 0: not in this build. */
typedef struct tg_conv_table {
    tg_conv_loops f32, f64;
} tg_conv_table;
extern const tg_conv_table tg_conv_base, tg_conv_avx2, tg_conv_avx512;

#endif
