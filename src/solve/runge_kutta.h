/* runge_kutta.h - a vector of doubles through time, by Dormand and Prince's formulas with steps of chosen size. */
#ifndef TG_RUNGE_KUTTA_H
#define TG_RUNGE_KUTTA_H

#include "solve/problem.h"

enum { TG_RK_VECTORS = 9 }; /* of the state's size: stages, a point between, the next state */

typedef struct tg_runge_kutta {
    tg_problem    *q;     /* whose report is written, and in whose name errors are told */
    tg_ode_options o;     /* read by tg_rk_options */
    int64_t        size;  /* of the state */
    double        *y;     /* [size] the state at `from`, and in the end at `to` */
    double        *room;  /* [TG_RK_VECTORS, size] */
    double         from, to;
    tg_status (*rate)(void *self, double t, const double *y, double *dy);
    void          *self;
} tg_runge_kutta;

tg_status tg_rk_options(tg_problem *q, tg_ode_options *o);
tg_status tg_rk_run(tg_runge_kutta *k);

#endif
