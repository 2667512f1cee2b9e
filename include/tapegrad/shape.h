/* shape.h - shapes: views, and tensors put together. Part of tapegrad.h. */
#ifndef TAPEGRAD_SHAPE_H
#define TAPEGRAD_SHAPE_H

#include <tapegrad/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- shapes -------------------------------------------------------------------------------------------------------
 * All but tg_cat, tg_stack and tg_contiguous are views: they cost a node and no copy, unless a reshape cannot be expressed by strides. Tensors do
 * not change, so that a view does for what other libraries copy (clone). A list of less than one tensor gives NULL without a sentence: there is no
 * tape to tell. */

TG_API tg_tensor *tg_reshape(tg_tensor *x, const tg_shape *shape); /* one size may be -1: it follows from the others */
TG_API tg_tensor *tg_permute(tg_tensor *x, const tg_axes *axes);   /* result axis i is x's axis axes[i] */
TG_API tg_tensor *tg_transpose(tg_tensor *x, int axis0, int axis1); /* these two axes swapped */
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

/* ---- made of these. Axes may be negative; results are views where they say so. ---------------------------------------- */

TG_API tg_tensor *tg_narrow(tg_tensor *x, int axis, int64_t start, int64_t size); /* a view: x[start … start+size-1], all of them within the axis */
TG_API tg_tensor *tg_flip(tg_tensor *x, const tg_axes *axes);              /* a view: the elements along these axes backwards */
TG_API tg_tensor *tg_roll(tg_tensor *x, int64_t shift, int axis);          /* element i goes to (i + shift) mod size; shift may be negative */
/* A view: turned by 90 degrees, so many times, from axis0 towards axis1; a negative number turns back. NumPy's and PyTorch's rot90. */
TG_API tg_tensor *tg_rot90(tg_tensor *x, int times, int axis0, int axis1);
/* tg_roll along axes[k] by shifts[k], one after the other: tg_roll_axes(x, TG_SHAPE(1, -2), TG_AXES(0, 1)). As many shifts as axes, else TG_ERR_ARG. */
TG_API tg_tensor *tg_roll_axes(tg_tensor *x, const tg_shape *shifts, const tg_axes *axes);
TG_API tg_tensor *tg_movedim(tg_tensor *x, const tg_axes *from, const tg_axes *to); /* a view: axis from[i] becomes axis to[i], the others stay in order */
TG_API tg_tensor *tg_swapaxes(tg_tensor *x, int axis0, int axis1);         /* tg_transpose */
/* a view: the axis as several, of these sizes; one may be -1: it follows from the others */
TG_API tg_tensor *tg_unflatten(tg_tensor *x, int axis, const tg_shape *sizes);
/* views: drops these axes, each of size 1 (TG_ALL_AXES: those of size 1); inserts axes of size 1, where they are to be in the result */
TG_API tg_tensor *tg_squeeze_axes(tg_tensor *x, const tg_axes *axes);
TG_API tg_tensor *tg_unsqueeze_axes(tg_tensor *x, const tg_axes *axes);

/* x times[k] times along axis k, one copy after the other. Aligned at the last axis: where x has fewer axes it gets some of size 1 in front,
 * where times has fewer numbers the axes in front stay. NumPy's tile. */
TG_API tg_tensor *tg_tile(tg_tensor *x, const tg_shape *times);
TG_API tg_tensor *tg_repeat_interleave(tg_tensor *x, int64_t times, int axis); /* each slice along the axis `times` times in a row */
/* Slice k along the axis counts[k] times in a row: counts is a vector of i64 or i32, one of the axis' size, nowhere negative (TG_ERR_ARG). It is
 * computed at once, by the plan of this call, since the result's size depends on it: mark what else is wanted with tg_want before. */
TG_API tg_tensor *tg_repeat_interleave_by(tg_tensor *x, tg_tensor *counts, int axis);

/* Views. The slices of x along an axis, which has n of them: parts[0 … n-1], without that axis. */
TG_API tg_status tg_unbind(tg_tensor *x, int axis, int n, tg_tensor **parts);
/* Views. At most n parts of ceil(size / n) slices, the last one of what is left; parts behind the last one are NULL (10 in 4: 3, 3, 3, 1; 5 in 4:
 * 2, 2, 1). After an error all are. */
TG_API tg_status tg_chunk(tg_tensor *x, int axis, int n, tg_tensor **parts);
/* Joins n >= 1 tensors side by side: along axis 1, vectors and numbers as one vector; one below the other: along axis 0, vectors as rows. */
TG_API tg_tensor *tg_hstack(tg_tensor *const *x, int n);
TG_API tg_tensor *tg_vstack(tg_tensor *const *x, int n);
/* Views of one shape, [n0, n1, …], of n vectors of these sizes: grids[i] has x[i]'s elements along axis i (PyTorch's and NumPy's indexing
 * "ij"). After an error all are NULL. */
TG_API tg_status tg_meshgrid(tg_tensor *const *x, int n, tg_tensor **grids);

/* A view: the elements [i, i + offset] of two axes, along a last axis that takes their place; above the main diagonal for offset > 0, below
 * it for offset < 0, and no elements outside. */
TG_API tg_tensor *tg_diagonal(tg_tensor *x, int64_t offset, int axis0, int axis1);
/* x […,n] on such a diagonal of a square matrix of zeros, […,n+|offset|,n+|offset|] */
TG_API tg_tensor *tg_diag_embed(tg_tensor *x, int64_t offset);
TG_API tg_tensor *tg_diag(tg_tensor *x, int64_t offset);            /* of a vector tg_diag_embed, of a matrix tg_diagonal */
TG_API tg_tensor *tg_trace(tg_tensor *x);                           /* the sum of the main diagonal of the last two axes; of integers: i64 */
TG_API tg_tensor *tg_block_diag(tg_tensor *const *x, int n);        /* n >= 1 matrices along the diagonal of one of zeros; vectors are rows */

/* What stands beside x: one number; x mirrored at its first and last element, which are not repeated; these elements alone; x again, as if
 * it were a ring. */
typedef enum tg_pad_mode { TG_PAD_CONSTANT = 0, TG_PAD_REFLECT, TG_PAD_REPLICATE, TG_PAD_CIRCULAR } tg_pad_mode;
typedef struct tg_pad_options {
    tg_pad_mode mode;
    double      value; /* of TG_PAD_CONSTANT; one of x's dtype */
} tg_pad_options;

/* x with before[k] elements before and after[k] behind those of axis k; the lists are equally long, and shorter ones than x's rank speak of the
 * last axes. A negative number cuts elements off. options NULL: zeros. Every mode takes any axes and dtype. TG_ERR_SHAPE where x has too
 * few elements: TG_PAD_REFLECT needs one more than it adds on a side, TG_PAD_CIRCULAR as many, TG_PAD_REPLICATE one. The gradient of
 * an element adds up over all its copies. */
TG_API tg_tensor *tg_pad(tg_tensor *x, const tg_shape *before, const tg_shape *after, const tg_pad_options *options);

#ifdef __cplusplus
}
#endif
#endif
