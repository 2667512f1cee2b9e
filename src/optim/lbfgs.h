/* lbfgs.h - the inside of L-BFGS: lbfgs.c takes steps, lbfgs_state.c lists what is remembered between them. */
#ifndef TG_LBFGS_H
#define TG_LBFGS_H

#include <tapegrad/lbfgs.h>

#include "graph/stateful.h"

/* Vectors of all elements of all parameters, one behind the other. */
typedef enum tg_lbfgs_vector {
    TG_DIRECTION,
    TG_START,    /* the parameters where a direction begins */
    TG_PREVIOUS, /* the gradient there */
    TG_ROOM,     /* three gradients: the one where the parameters are, and what a line search has beside it */
    TG_VECTORS = TG_ROOM + 3,
} tg_lbfgs_vector;

/* What goes on from step to step beside vectors. */
typedef struct tg_lbfgs_numbers {
    double length; /* of the latest step along its direction */
    double scale;  /* of the inverse Hessian's first guess */
} tg_lbfgs_numbers;

struct tg_lbfgs {
    tg_owned         owned; /* first: the tape frees by it */
    tg_tape         *tape;
    tg_lbfgs_options options; /* as they count; without params */
    bool             listed;  /* updates what it was given, not all parameters of the tape */
    tg_tensor      **params;
    size_t           n_params, cap_params;
    size_t           n; /* elements */
    double          *vectors; /* TG_VECTORS of them; NULL before the first step */
    size_t           slots;   /* for pairs: history_size, and one for the pair that is made beside these */
    double         **pairs;   /* [slots]: differences of gradients, y, and n elements on of parameters, s; NULL: never used */
    double          *weight;  /* [2 slots]: 1 / (y s) of each pair, and room for as many */
    size_t           first, n_pairs; /* the oldest pair; they go round */
    tg_lbfgs_numbers now;
    int64_t          iterations, evaluations;
};

static inline double *tg_lbfgs_at(const tg_lbfgs *o, tg_lbfgs_vector v) { return o->vectors + (size_t)v * o->n; }
/* Pair number k of those that are kept, the oldest first. */
static inline size_t  tg_lbfgs_slot(const tg_lbfgs *o, size_t k) { return (o->first + k) % o->slots; }

/* ---- lbfgs_memory.c ------------------------------------------------------------------------------------------------- */

/* Takes in which parameters there are now. If they are others than before, or of other sizes, everything begins anew. */
tg_status tg_lbfgs_follow(tg_lbfgs *o, const char *function);
void      tg_lbfgs_forget(tg_lbfgs *o); /* begins anew */
bool      tg_lbfgs_make_room(tg_lbfgs *o, const char *function);
/* Room for one more pair, which becomes the latest by tg_lbfgs_add_pair; NULL after an error. */
double   *tg_lbfgs_next_pair(tg_lbfgs *o);
/* Its curvature is y s. The oldest pair goes where there are too many. */
void      tg_lbfgs_add_pair(tg_lbfgs *o, double curvature);
void      tg_lbfgs_free_room(tg_lbfgs *o);

/* ---- lbfgs_state.c -------------------------------------------------------------------------------------------------- */

extern const tg_state_functions tg_lbfgs_state;

#endif
