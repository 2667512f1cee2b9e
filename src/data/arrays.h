/* arrays.h - data sets that are arrays in memory, the first axis for the samples. */
#ifndef TG_ARRAYS_H
#define TG_ARRAYS_H

#include "data/dataset.h"

/* A data set with room for an x and a y for each sample, to be filled by the caller: *x and *y get the addresses. The shapes were checked, that of
 * one int64 for each sample, too. y_shape NULL: no targets. NULL after an error. */
tg_dataset *tg_arrays_new(tg_tape *t, const char *function, tg_dtype x_dtype, const tg_shape *x_shape, tg_dtype y_dtype, const tg_shape *y_shape,
                          void **x, void **y);
/* The same that takes over x, a piece of the tape's heap, also when it fails. */
tg_dataset *tg_arrays_take(tg_tape *t, const char *function, tg_dtype x_dtype, const tg_shape *x_shape, void *x, tg_dtype y_dtype,
                           const tg_shape *y_shape, void **y);

/* Copies the value of a node that has one, row-major. */
void tg_copy_value(const tg_node *n, void *to);

#endif
