/* wolfe.h - the line search of strong Wolfe conditions: how far to go along a direction. */
#ifndef TG_WOLFE_H
#define TG_WOLFE_H

#include <tapegrad/base.h>

/* A point on the line: how far along it, the loss there, its slope along the line, and its gradient. */
typedef struct tg_point {
    double  t, loss, slope;
    double *gradient;
} tg_point;

enum { TG_LINE_ROOM = 3 };
typedef struct tg_line {
    tg_status (*at)(void *self, tg_point *p); /* fills loss, slope and gradient at p->t, which may be not finite */
    void   *self;
    double *room[TG_LINE_ROOM]; /* for gradients */
    double  reach;              /* the largest element of the direction */
    double  tolerance;          /* a bracket in which no parameter moves further is narrow enough */
} tg_line;

/* From start (t = 0, a negative slope), a first try at t: *found gets a point with loss <= start's + 1e-4 t slope and |slope| <= 0.9 |start's|,
 * or the lowest one that was met in 25 tries; its gradient lies in the line's room, or is start's. Nocedal, Wright 2006, algorithms 3.5 and 3.6,
 * with the details of PyTorch's. */
tg_status tg_strong_wolfe(const tg_line *l, tg_point start, double t, tg_point *found);

#endif
