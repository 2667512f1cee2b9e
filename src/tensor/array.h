/* array.h - arrays of any strides: copied together, or walked row by row. */
#ifndef TG_ARRAY_H
#define TG_ARRAY_H

#include <tapegrad/op.h>

size_t tg_array_bytes(const tg_array *a);
void   tg_array_copy(const tg_array *from, void *to); /* to: contiguous */

/* Copies n elements of `item` bytes, `stride` bytes apart, side by side. */
void tg_copy_strided(char *to, const char *from, size_t n, ptrdiff_t stride, size_t item);

/* Steps an odometer over all axes but the last. false: it has come round. p: the n operands' addresses, stride: their strides in bytes. */
bool tg_next_row(const tg_shape *s, int64_t *index, int n, const char **p, ptrdiff_t stride[][TG_MAX_RANK]);

#endif
