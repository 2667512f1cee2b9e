/* problem.h - what solvers share: the unknowns of a function as one vector of doubles, and calling it. */
#ifndef TG_PROBLEM_H
#define TG_PROBLEM_H

#include <tapegrad.h>

#include "graph/drop.h"

typedef struct tg_problem {
    const char       *name; /* the public function's */
    tg_fn             f;
    tg_ode_fn         rate; /* instead of f, of one unknown */
    void             *ctx;
    tg_tensor *const *like; /* [n] the unknowns as given: their shapes and dtypes */
    int               n;
    tg_solve_report  *report; /* or NULL, and then this: */
    tg_solve_report   unseen;
    tg_tensor       **answer; /* [n] where the result goes; may be `like` */

    tg_tape    *tape;
    int64_t     size;  /* elements of all unknowns */
    tg_tensor **in;    /* [n] those of the latest call */
    tg_tensor **other; /* [n] room */
    double     *start; /* [size] */
    tg_mark     mark;  /* what is recorded after it goes at the next call */
} tg_problem;

/* Checks what was given, and calls `solve`, between which the tape records gradients and computes as the library does. */
tg_status tg_problem_run(tg_problem *p, tg_status (*solve)(tg_problem *p, void *self), void *self);

/* Room for so many vectors of `size` doubles, zeros. NULL after an error. All of it is taken before the first call. */
double *tg_problem_room(tg_problem *p, int64_t vectors, int64_t size);
void    tg_problem_begin(tg_problem *p); /* from here on what is recorded goes again */

/* f at x, with fresh leaves; what the latest call recorded goes before. */
tg_status tg_problem_call(tg_problem *p, tg_fn f, const double *x, tg_tensor **y);
/* Tensors of floats as doubles, one behind the other. */
tg_status tg_problem_read(tg_problem *p, tg_tensor *const *t, int n, double *to);
/* x as tensors like the unknowns. */
tg_status tg_problem_leaves(tg_problem *p, const double *x, tg_tensor **to);
/* y has as many elements as there are unknowns, in their shape: p has one of them. */
tg_status tg_problem_same_shape(tg_problem *p, tg_tensor *y);
/* The result is x; what was recorded goes before. */
tg_status tg_problem_end(tg_problem *p, const double *x);

/* An option that is more than 0, or TG_ZERO where zero is allowed. */
bool tg_problem_number(tg_problem *p, const char *option, double *x, double usual, bool zero);
bool tg_problem_count(tg_problem *p, const char *option, int *x, int64_t usual);

#endif
