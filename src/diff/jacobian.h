/* jacobian.h - all tangents or seeds of a tensor at once. */
#ifndef TG_JACOBIAN_H
#define TG_JACOBIAN_H

#include <tapegrad/derivative.h>

#include "diff/products.h"

/* Rows from … to - 1 of the identity matrix of as many rows as the shape has elements: each of this shape. NULL after an error. */
tg_tensor *tg_unit_vectors(const tg_asked *a, tg_dtype dtype, const tg_shape *shape, int64_t from, int64_t to);

/* The recorded Jacobian dy/dx, as the tape's recording of gradients says. NULL after an error. */
tg_tensor *tg_record_jacobian(const tg_asked *a, tg_tensor *y, tg_tensor *x, const tg_jacobian_options *o);

/* Have both derivatives, in one dtype? */
tg_status tg_check_pair(const tg_asked *a, tg_tensor *y, tg_tensor *x);

#endif
