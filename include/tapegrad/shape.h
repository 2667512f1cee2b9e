/* shape.h - shapes: views, and tensors put together. Part of tapegrad.h. */
#ifndef TAPEGRAD_SHAPE_H
#define TAPEGRAD_SHAPE_H

#include <tapegrad/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- shapes -------------------------------------------------------------------------------------------------------
 * All but tg_cat, tg_stack and tg_contiguous are views: they cost a node and no copy, unless a reshape cannot be expressed by strides. */

TG_API tg_tensor *tg_reshape(tg_tensor *x, const tg_shape *shape); /* one size may be -1: it follows from the others */
TG_API tg_tensor *tg_permute(tg_tensor *x, const tg_axes *axes);   /* result axis i is x's axis axes[i] */
TG_API tg_tensor *tg_transpose(tg_tensor *x, int axis0, int axis1);
TG_API tg_tensor *tg_mT(tg_tensor *x);                             /* the last two axes swapped */
TG_API tg_tensor *tg_expand(tg_tensor *x, const tg_shape *shape);  /* broadcast to a shape */
TG_API tg_tensor *tg_slice(tg_tensor *x, int axis, int64_t start, int64_t stop, int64_t step); /* Python's x[start:stop:step], step != 0 */
TG_API tg_tensor *tg_select(tg_tensor *x, int axis, int64_t index);   /* one index of an axis, which goes away; negative from the end */
TG_API tg_tensor *tg_squeeze(tg_tensor *x, int axis);              /* drops an axis of size 1 */
TG_API tg_tensor *tg_unsqueeze(tg_tensor *x, int axis);            /* inserts an axis of size 1 before axis (after the last: rank) */
TG_API tg_tensor *tg_cat(tg_tensor *const *x, int n, int axis);    /* joins along an axis; n >= 1 */
TG_API tg_tensor *tg_contiguous(tg_tensor *x);                     /* the same values; a copy of its own where x is a strided view */

/* The slices of x along an axis, one after the other: parts[0 … n-1], of sizes that add up to the axis'. sizes NULL: n equal parts, n has
 * to divide the axis' size. After an error all parts are NULL. */
TG_API tg_status tg_split(tg_tensor *x, int axis, const int64_t *sizes, int n, tg_tensor **parts);

/* joins n >= 1 tensors of one shape along a new axis before axis; a copy */
TG_API tg_tensor *tg_stack(tg_tensor *const *x, int n, int axis);
TG_API tg_tensor *tg_flatten(tg_tensor *x, int from, int to);      /* axes from … to, both included, as one */

#ifdef __cplusplus
}
#endif
#endif
