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

/* How the inputs of a call lie: each in a layout, about an axis. */
typedef struct arrangement {
    layout layout[SAMPLE_INPUTS];
    int    axis[SAMPLE_INPUTS];
    bool   plain; /* all of them */
} arrangement;

/* Calls check with the inputs plain, then all of them in each other layout, and then in mixed ones; a sample that is large, plain alone. An
 * input of which a layout says nothing new is plain, and what is then plain altogether is left out. The seed chooses axes and mixture.
 * Ends at the first check that answers false, and says so. */
bool each_arrangement(const sample *s, uint64_t seed, bool (*check)(void *ctx, const arrangement *how), void *ctx);

#endif
