/* finite.h - where an array holds what is not finite. */
#ifndef TG_FINITE_H
#define TG_FINITE_H

#include <tapegrad/op.h>

/* Is there an element of the f32 or f64 array that is infinite or NaN? Of those the first one that is NaN, else the first one: its index in each
 * axis, and its value. */
bool tg_find_not_finite(const tg_array *a, int64_t index[TG_MAX_RANK], double *value);

#endif
