/* convert.h - from the elements of a data set to those of a batch. */
#ifndef TG_CONVERT_H
#define TG_CONVERT_H

#include <tapegrad/base.h>

/* to[k] = scale from[k] + shift for n elements, in the arithmetic of the wider of both; to may be from where elements have the same size. */
typedef void (*tg_convert_fn)(const void *from, void *to, size_t n, double scale, double shift);

/* What a batch has for elements of a dtype, on a tape of floats `tape`. x: numbers that measure something, floats, uint8 and int16, become the tape's
 * floats; int32 and int64, which name something, int64. Targets: floats the tape's; integers int64. Bools stay bools. */
tg_dtype tg_batch_dtype(tg_dtype from, tg_dtype tape, bool targets);

/* Between these dtypes; from one to the same as well. */
tg_convert_fn tg_conversion(tg_dtype from, tg_dtype to);

/* The usual scale of x: 1/255 for uint8 and 1/32768 for int16 that become floats, else 1. */
double tg_usual_scale(tg_dtype from, tg_dtype to);

#endif
