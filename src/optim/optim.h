/* optim.h - what all optimizers share: the tensors they update, the state beside each, and the run over memory of a step. */
#ifndef TG_OPTIM_H
#define TG_OPTIM_H

#include <float.h>
#include <math.h>

#include "graph/graph.h"
#include "kernels/update.h"

/* One tensor under an optimizer. Node and generation together name it: a released tensor's slot may hold another one by now. */
typedef struct tg_optim_state {
    tg_node  *node;
    uint32_t  gen;
    uint64_t  steps;   /* updates so far; during one, it counts already */
    size_t    n;       /* elements */
    char     *means;   /* m, and one behind the other v; zeros before the first update; NULL: not needed yet */
    tg_block *room;    /* they are in */
    tg_update u;       /* of a step; g NULL: not updated in this one */
} tg_optim_state;

/* A kind of optimizer: a formula of updates.def, and the numbers that are in it at a tensor's step number `steps`, counted from 1. */
typedef struct tg_optim_rule {
    const char    *name; /* of the public function that makes it */
    tg_update_kind kind;
    void (*numbers)(const tg_optim *o, uint64_t steps, tg_update *u);
} tg_optim_rule;

struct tg_optim {
    tg_owned               owned; /* first: the tape frees its optimizers through it */
    tg_tape               *tape;
    const tg_optim_rule   *rule;
    const tg_update_loops *loops; /* of the rule, for this CPU */
    double                 lr;
    union {
        tg_sgd_options  sgd;
        tg_adam_options adam;
    } with; /* the options, the usual values filled in; lr and params are not read from here */
    bool            listed; /* updates what it was given, not all parameters of the tape */
    bool            skip_nonfinite;
    int64_t         skipped; /* steps left out for it */
    tg_optim_state *states;
    size_t          n_states, cap_states;
};

/* An optimizer of the tape for these tensors (params NULL: all parameters), or NULL after an error was reported. */
tg_optim *tg_optim_new(tg_tape *t, const tg_optim_rule *rule, double lr, tg_tensor *const *params, int n_params);

/* A number among the options has to stay one when it is rounded to any dtype. */
static inline bool tg_optim_number(double x) { return fabs(x) <= (double)FLT_MAX; }

/* Reports that an option is out of its range; returns false. */
bool tg_optim_refuse(tg_tape *t, const tg_optim_rule *rule, const char *option, const char *range, double value);

/* The gradient of a leaf that a step would use: NULL where there is none or it was used up. */
static inline tg_node *tg_fresh_grad(const tg_node *leaf)
{
    tg_node *g = leaf->grad;
    return g && (g->flags & (TG_N_VALUE | TG_N_USED)) == TG_N_VALUE ? g : NULL;
}

#endif
