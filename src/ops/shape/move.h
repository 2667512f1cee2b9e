/* move.h - values from one strided array into another, for the ops that put pieces at their places. */
#ifndef TG_MOVE_H
#define TG_MOVE_H

#include "ops/ops.h"

/* What is done with n elements x, xs apart, and n elements y, ys apart. */
typedef void (*tg_row_fn)(int64_t n, void *y, int64_t ys, const void *x, int64_t xs);

extern const tg_row_fn tg_put_rows[TG_NDTYPES]; /* y = x */
extern const tg_row_fn tg_add_rows[TG_NDTYPES]; /* y += x, of floats */
void tg_add_f32_to_f64(int64_t n, void *y, int64_t ys, const void *x, int64_t xs);

/* Puts x where y's part with strides ys begins at element `first`, or adds it there; to_size: bytes of y's elements. */
void tg_move(const tg_call *c, char *y, size_t to_size, int64_t first, const int64_t *ys, const tg_array *x, tg_row_fn row);

#endif
