/* optim.h - what all optimizers share: the tensors they update and their groups, the states beside each, and the run over memory of a step.
 *
 * An optimizer is a public function, its options struct and a tg_optim_rule: which row of table/updates.def it runs, which numbers its options
 * have, and how the numbers of the formula follow from them. sgd.c is the shortest example. */
#ifndef TG_OPTIM_H
#define TG_OPTIM_H

#include <float.h>
#include <math.h>
#include <tapegrad/optim.h>

#include "graph/rows.h"
#include "graph/stateful.h"
#include "kernels/update.h"
#include "tensor/options.h"

#define TG_MOST_STEPS (UINT64_C(1) << 53) /* to which steps are counted: rules compute with the number as a double */

/* One tensor under an optimizer. Node and generation together name it: a released tensor's slot may hold another one by now. */
typedef struct tg_optim_tensor {
    tg_node  *node;
    uint32_t  gen;
    uint64_t  steps;  /* updates so far, at most TG_MOST_STEPS; during one, it counts already */
    size_t    n;      /* elements */
    size_t    group;  /* it belongs to */
    double    running; /* the rule's number that goes from step to step; 1 before the first */
    bool      by_rows;  /* this step's gradient is a set of rows: */
    tg_row_gradient rows;
    size_t    elements; /* of this step's gradient; 0 where there is none */
    char     *states; /* its states, u.stride bytes one behind the other; zeros before the first update; NULL: not needed yet */
    tg_block *room;   /* they are in */
    tg_update u;      /* of a step, but for stride and ascend, which stay; g NULL: not updated in this one */
} tg_optim_tensor;

/* A number among the options. */
typedef enum tg_option_range { TG_FINITE, TG_NOT_NEGATIVE, TG_BELOW_ONE /* and not negative */ } tg_option_range;
typedef struct tg_option {
    const char     *name;
    size_t          at; /* in the options struct: a double */
    double          usual;
    tg_option_range range;
} tg_option;

typedef struct tg_optim_rule tg_optim_rule;

/* What the numbers of a formula follow from. */
typedef struct tg_step_of {
    const tg_optim_rule *rule;
    const void          *options; /* the tensor's group's */
    double               lr;
    uint64_t             steps;   /* the tensor's, this one included */
    const double        *norms;   /* what the row's first pass measured, in the order of the row; NULL before that, and for rows that measure nothing */
    double               running; /* in: what the latest step left; out: what this one leaves. For rules that name it */
} tg_step_of;

/* A kind of optimizer. */
struct tg_optim_rule {
    const char      *name; /* of the public function that makes it */
    tg_update_kind   kind;
    size_t           options_size;
    const tg_option *options; /* the numbers among them, the learning rate first */
    size_t           n_options;
    void (*numbers)(tg_step_of *s, tg_numbers *n); /* the numbers of the formula at a step */
    const char      *running; /* the name of a number that each tensor carries from step to step, 1 at first; NULL: there is none */
};

/* A rule for the public function FUNCTION, of a row of updates.def, an options struct, the table of its numbers and a numbers function. */
#define TG_OPTIM_RULE(FUNCTION, ROW, OPTIONS, TABLE, NUMBERS) \
    {#FUNCTION, TG_UPDATE_##ROW, sizeof(OPTIONS), TABLE, sizeof TABLE / sizeof *TABLE, NUMBERS, NULL}

/* What the options structs have in common beside the learning rate. */
typedef struct tg_optim_common {
    tg_tensor *const *params;
    int               n_params;
    bool              skip_nonfinite, maximize;
} tg_optim_common;

/* Tensors of an optimizer with settings of their own. Group 0 has those that no other took. */
typedef struct tg_optim_group {
    void  *options;  /* the rule's, as they count for this group */
    bool   follows;  /* the learning rate is lr_scale times that of group 0, not the one among the options */
    double lr_scale;
    bool   frozen;
    char  *pattern;  /* of the names of parameters that belong to it; NULL: those it was given */
    tg_step_of now;  /* of the latest tensor in this step; steps 0: there was none */
    double     before; /* its running number before the step */
    tg_numbers numbers; /* that follow from it */
} tg_optim_group;

struct tg_optim {
    tg_owned               owned; /* first: the tape frees its optimizers through it */
    tg_tape               *tape;
    const tg_optim_rule   *rule;
    const tg_update_row   *row;
    const tg_update_loops *loops; /* of the row, for this CPU */
    tg_optim_group        *groups; /* at least one */
    size_t                 n_groups, cap_groups;
    bool                   maximize;
    bool                   listed;  /* updates what it was given, not all parameters of the tape */
    bool                   skip_nonfinite;
    int64_t                skipped; /* steps left out for it */
    bool                   whole_first; /* the first step of a tensor reaches all its rows: states that do not begin at zero do so then */
    tg_optim_tensor       *tensors;
    size_t                 n_tensors, cap_tensors;
    tg_squares            *squares; /* of the first pass: each chunk's sums */
    size_t                 cap_squares;
};

/* An optimizer of the tape by this rule. options: the rule's struct as the caller filled it in; its numbers are checked. NULL after an error
 * was reported. */
tg_optim *tg_optim_new(tg_tape *t, const tg_optim_rule *rule, const void *options, tg_optim_common common);

/* ---- option.c ----------------------------------------------------------------------------------------------------- */

/* Reports that an option is out of its range. Returns NULL. */
tg_optim *tg_optim_refuse(tg_tape *t, const tg_optim_rule *rule, const char *option, const char *range, double value);

/* A number among a rule's options. */
static inline double *tg_option_in(void *options, const tg_option *of) { return (double *)(void *)((char *)options + of->at); }
const tg_option *tg_option_named(const tg_optim_rule *rule, const char *name); /* NULL: there is none */
/* Is this one a value in its range? If not, says so under `function`. */
bool tg_option_is_valid(tg_tape *t, const tg_option *of, double value, const char *function);

/* ---- group.c ------------------------------------------------------------------------------------------------------ */

/* Leaves out tensors that were released and takes in parameters made since; false after an error. */
bool tg_optim_follow(tg_optim *o);
bool tg_optim_take_list(tg_optim *o, tg_tensor *const *params, int n); /* those it is to update; false after an error */
bool tg_optim_add_default(tg_optim *o, const void *options); /* group 0, when there is none; false after an error */
void tg_optim_free_groups(tg_optim *o);
tg_optim_group *tg_optim_group_at(const tg_optim *o, int group, const char *function); /* NULL after a sentence */
bool tg_optim_can_have_lr(const tg_optim *o, int group, double lr, const char *function); /* false after a sentence */
void tg_optim_put_lr(tg_optim *o, int group, double lr);    /* one that it can have */
double *tg_optim_momentum(const tg_optim *o, int group); /* the option `momentum`, if it has one in use, or beta1; NULL: neither */
double tg_optim_lr(const tg_optim *o, const tg_optim_group *g);
static inline bool tg_optim_is_frozen(const tg_optim *o, const tg_optim_tensor *w) { return o->groups[w->group].frozen; }
/* The group's settings as numbers, in one order for all groups of an optimizer, for its state: how many, reading and writing them. */
size_t tg_optim_settings(const tg_optim *o);
void   tg_optim_read_settings(const tg_optim *o, size_t group, double *to);
tg_status tg_optim_write_settings(tg_optim *o, const double *from, const char *function); /* of all groups: all of them or none */

/* ---- gradients.c -------------------------------------------------------------------------------------------------- */

/* Computes loss and its gradients by the optimizer's parameters that are not frozen. */
tg_status tg_optim_own_gradients(tg_optim *o, tg_tensor *loss, const char *function);

/* ---- state.c ------------------------------------------------------------------------------------------------------ */

extern const tg_state_functions tg_optim_state;

/* ---- room.c ------------------------------------------------------------------------------------------------------- */

bool   tg_optim_make_states(tg_optim *o, bool (*needs)(const tg_optim_tensor *w)); /* for those that need some; false after an error */
void   tg_optim_drop_states(const tg_optim *o, tg_optim_tensor *w);

#endif
