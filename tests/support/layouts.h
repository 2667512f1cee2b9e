/* layouts.h - the ways that an input of a sample lies in memory: as a view of a leaf. */
#ifndef LAYOUTS_H
#define LAYOUTS_H

#include "samples.h"

typedef enum layout { PLAIN, TRANSPOSED, STRIDED, REVERSED, EXPANDED, LAYOUTS } layout;
extern const char *const layout_names[LAYOUTS];

/* The shape of the leaf from which lay_out makes a tensor of the shape s; false where the layout says nothing new. The
 * layout is about this axis of s. */
bool leaf_shape(const tg_shape *s, layout l, int axis, tg_shape *leaf);

/* The view of the leaf x that has the shape s. */
tg_tensor *lay_out(tg_tensor *x, const tg_shape *s, layout l, int axis);

/* Where element i of that view lies in the leaf: the same once more, as arithmetic. */
int64_t leaf_element(const tg_shape *s, layout l, int axis, int64_t i);

#endif
