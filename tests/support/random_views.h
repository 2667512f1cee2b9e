/* random_views.h - random ways for a tensor to lie in memory: axes in another order, steps, backwards, behind other elements, expanded. */
#ifndef RANDOM_VIEWS_H
#define RANDOM_VIEWS_H

#include "vary.h"

typedef struct random_view {
    tg_axes  order;              /* the leaf's axis k is axis order.axis[k] of the view */
    tg_axes  back;               /* the other way round */
    tg_shape leaf;               /* the leaf's shape, which has at most VARY_LEAF elements or those of the view */
    int64_t  step[TG_MAX_RANK];  /* along each of the leaf's axes; 0: expanded from size 1 */
    int64_t  first[TG_MAX_RANK]; /* where the view begins there */
    bool     expanded, plain;
} random_view;

enum { VARY_LEAF = 63 }; /* so that gradcheck looks at the elements one by one, and values lie as far apart as in plain leaves */

/* A view of this shape; plain ones now and then; expanded ones only where they may be. */
random_view random_view_of(const tg_shape *s, bool may_expand, sample_random *r);

/* It, of a leaf. */
tg_tensor *random_view_apply(const random_view *v, tg_tensor *leaf, const tg_shape *s);

/* It in words, " as axes 1:0+2 of 5, 0:2+-1 of 3": each axis of the leaf is that of the view, begins at, steps by; nothing where it is plain. */
void random_view_text(const random_view *v, char *text, size_t size);

#endif
