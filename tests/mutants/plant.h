/* plant.h - faults in the rules of one op: finding out which there can be, and planting one of them. */
#ifndef PLANT_H
#define PLANT_H

#include "graph/graph.h"
#include "graph/mutants.h"

typedef enum fault {
    /* of a rule's answer */
    NEGATED,       /* minus the gradient */
    DOUBLED,       /* twice the gradient */
    DROPPED,       /* zeros */
    TURNED,        /* the last two axes, where they are equal, swapped */
    BACKWARDS,     /* along the last axis */
    SHIFTED,       /* by one along the first axis */
    INPUT_AS_G,    /* the rule is asked about its input instead of g */
    OTHER_RULE,    /* the next input's rule is asked */
    /* of an op that the rule calls: a point of it */
    SWAPPED,       /* the first two operands */
    SWAPPED_LAST,  /* the second and the third */
    FIRST,         /* the first operand instead of the result */
    SECOND,
    THIRD,
    NEGATIVE,      /* minus the result */
    OTHER_AXIS,    /* of a reduction, a gather and the like */
    OTHER_ORDER,   /* of a permutation's axes */
    OTHER_START,   /* of a slice, or of where one goes back: by one */
    OTHER_NUMBER,  /* a constant: 0, or 1 instead of 0 */
    FAULTS,
    FIRST_OF_POINTS = SWAPPED
} fault;
extern const char *const fault_names[FAULTS];

enum { WHOLE_RULE = -1 };

/* One fault at one place. */
typedef struct mutant {
    int          input;  /* whose gradient the rule gives */
    int          point;  /* the number of the call among those that the rule makes, where it is not WHOLE_RULE */
    const tg_op *called; /* there; the same number may be another op's call where the rule looks at shapes */
    fault        fault;
    int          sample; /* the number of the first that has it */
    uint64_t     where;  /* bit k: samples of number k, modulo 64, have it */
} mutant;

/* All mutants of one op. Looks for them while samples are differentiated on the tape, until one is planted. */
typedef struct planter {
    tg_mutants    mutants; /* what the tape has of it: &planter.mutants */
    const tg_op  *op;
    int           sample;  /* its number, for mutant.where */
    const mutant *planted; /* NULL: looks for them */
    mutant       *found;
    int           n_found, cap_found;
    int           input, point; /* where the rule that is running is; input -1: none is */
} planter;

planter planter_of(const tg_op *op);
void    planter_free(planter *p);

/* "input 1, call 2, mul_zero: first operand instead of the result". Returns text. */
const char *mutant_text(const mutant *m, char *text, size_t size);

#endif
