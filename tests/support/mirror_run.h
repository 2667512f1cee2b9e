/* mirror_run.h - calls of the library, each made on a tape and on its mirror, and judged: a value is what the mirror says, or the call
 * fails with TG_ERR_STALE and the mirror knows something outdated below what it had to read.
 *
 * Calls are data. Their operands are registers and slots, their other arguments plain numbers, which are made to fit the shapes that the
 * registers happen to have; a call without operands that fit is left out. So any list of calls is a program, and so is the list with some
 * of them left out, moved or changed. */
#ifndef MIRROR_RUN_H
#define MIRROR_RUN_H

#include <stdio.h>

#include "mirror.h"

enum { MR_REGISTERS = 32, MR_PARAMS = 4, MR_KEPT = 5, MR_HOLDS = 4, MR_OPTIMS = 3, MR_IN = 3, MR_POINTERS = 64, MR_WANTS = 16 };

typedef enum mr_code {
    MR_DATA,      /* out = numbers; mode 1: borrowed, 2: a leaf, 4: a constant */
    MR_OP,        /* out = op `which` of in */
    MR_PARAM,     /* out = the handle of parameter slot `at` */
    MR_KEPT_ONE,  /* out = the handle of kept slot `at` */
    MR_LATEST,    /* out = the kept tensor or gradient of this shape that was made last: often it lies where another one lay;
                     vary: no gradient in every other round */
    MR_GRADIENT,  /* out = tg_grad_of(in[0]) */
    MR_REQUIRE,   /* tg_set_requires_grad of a detached in[0] */
    MR_MODE,      /* tg_set_grad_enabled(mode) */
    MR_READ,      /* by tg_data, tg_copy_to, tg_item; second: in two of four rounds */
    MR_EVAL,      /* tg_eval of in[0 …] */
    MR_WANT,
    MR_KEEP,      /* kept slot `at` = tg_keep(in[0]); mode 1: a leaf */
    MR_RELEASE,   /* of kept slot `at`; mode 1: of a parameter */
    MR_WRITE,     /* tg_copy_from into what in[0] names: parameter, kept tensor, gradient */
    MR_ASSIGN,    /* tg_assign(in[0], in[1]) */
    MR_SET_GRAD,  /* tg_set_grad(in[0], in[1]); mode 0: of NULL */
    MR_NEW_PARAM, /* parameter slot `at` = tg_param(in[0]); mode 1: of the shape that the old one has */
    MR_RENEW,     /* parameter slot `at` is made anew, with other numbers; mode 1: and the last kept tensor of its shape is released */
    MR_DIFF,      /* differentiates in[0]; see mr_diff */
    MR_STEP,      /* of optimizer `at` */
    MR_ZERO,      /* tg_zero_grad; mode 1: tg_optim_zero_grad of optimizer `at` */
    MR_CLIP,
    MR_HOLD,      /* hold slot `at` = in[0]; it stays there over resets */
    MR_READ_HELD,
    MR_RESET,     /* mode: what changes hands with it; see mr_turn */
    MR_AUDIT,     /* reads all parameters, kept tensors, gradients; mode 1: and registers */
    MR_CODES,
} mr_code;

typedef enum mr_diff { /* mode of MR_DIFF */
    MR_BACKWARD,
    MR_GRAD_EVAL,   /* tg_grad with respect to the parameters, the gradients evaluated together with in[0] */
    MR_GRAD_READ,   /* read one by one */
    MR_GRAD_LAZY,   /* not yet */
    MR_GRAD_HAND,   /* read and copied into the gradients that are there */
    MR_DIFFS,
} mr_diff;

typedef enum mr_turn { /* released before a reset and made anew after it, in the slots that became free */
    MR_TURN_KEPT = 1,        /* of the kept tensors of the shape of parameter `at`, the one that was made last */
    MR_TURN_PARAM = 2,       /* and the parameter, before it */
    MR_TURN_PARAM_LAST = 4,  /* it is released behind the kept tensor */
    MR_TURN_PARAM_FIRST = 8, /* it is made before it */
} mr_turn;

typedef struct mr_call {
    uint8_t  code, which, mode, at;
    uint8_t  in[MR_IN], out;
    bool     vary;      /* other numbers in each round */
    bool     second;    /* MR_DIFF: create_graph; MR_READ: not in every round */
    uint32_t round;     /* in which it is made */
    uint32_t seed;      /* of data, and of all that is not said otherwise */
    tg_shape shape;
    double   number;
} mr_call;

/* What a register or slot holds: a store, or a node of the recording. */
typedef struct mr_value {
    tg_tensor *t; /* NULL: nothing */
    m_store   *s;
    m_node    *m;
    bool       gone; /* its recording was reset */
} mr_value;

typedef struct mr_options {
    const char *evaluator, *compile;
    int         threads;
    tg_dtype    dtype;
    int64_t     most; /* elements of a tensor */
    tg_shape    param[MR_PARAMS];
    uint64_t    seed; /* of the parameters' numbers */
} mr_options;

typedef struct mr_run {
    mr_options options;
    tg_tape   *tape;
    m_world   *mirror;
    mr_value   reg[MR_REGISTERS], param[MR_PARAMS], kept[MR_KEPT], held[MR_HOLDS];
    tg_optim  *optim[MR_OPTIMS];
    m_optim    rule[MR_OPTIMS];
    m_store   *listed[MR_OPTIMS][MR_PARAMS]; /* of optimizers with a list */
    int        n_listed[MR_OPTIMS];
    m_node    *wanted[MR_WANTS];
    int        n_wanted;
    bool       sure; /* that what is wanted was not computed yet */
    struct { const void *p; m_node *m; } pointer[MR_POINTERS]; /* handed out by tg_data */
    int        n_pointers;
    double     tolerance;
    uint32_t   round;
    FILE      *print;   /* NULL: silence */
    bool       failed;
    char       why[800];
    int64_t    made[MR_CODES], judged, /* figures: calls, values compared, */
               vague, stale;           /* values of which rounding may have made anything in part, errors accepted */
} mr_run;

void mr_open(mr_run *r, const mr_options *options);
void mr_close(mr_run *r);
/* Makes the call, or leaves it out. False when it was left out. */
bool mr_do(mr_run *r, const mr_call *c);
/* Nothing more can be judged: a failure, or numbers that are not finite. */
bool mr_over(const mr_run *r);

uint64_t mr_random(uint64_t *state);
int64_t  mr_below(uint64_t *state, int64_t n);
void     mr_print_shape(FILE *f, const tg_shape *shape);

/* mirror_run_ops.c */
int         mr_op_count(void);
const char *mr_op_name(int which);
int         mr_op_inputs(int which);
/* Records op `which` of x on both sides. *y: the mirror's result; NULL: it does not fit. */
tg_tensor  *mr_op(mr_run *r, const mr_call *c, const mr_value *x, int n, m_node **y);
int         mr_op_loss(void); /* the number of the op that makes a loss */
int         mr_op_random(uint64_t *state); /* the number of another one */

#endif
