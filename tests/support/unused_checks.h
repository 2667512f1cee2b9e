/* unused_checks.h - what nothing uses has gradient exactly 0, whatever it holds.
 *
 * An element of an input is made 0, negative, infinite or NaN. Of the result only the elements that do not depend on it are used,
 * in turn by each way to leave elements out. Its first, second and third derivatives have to be exactly 0, and all others have to be what
 * they are without it. Products alone add up 0 inf in the gradient of the other operand: there the others are constants. */
#ifndef UNUSED_CHECKS_H
#define UNUSED_CHECKS_H

#include "samples.h"

/* How the rest of the result is left out. */
typedef enum way { WHERE, MASKED_FILL, SEED, INDEX_SELECT, GATHER, EMBEDDING, SLICE, SELECT, CAT, TRIL, WAYS } way;

/* One element of one input, made bad. */
typedef struct plant {
    const sample *s;
    int           input;
    int64_t       element;
    double        value;
    way           way;
    bool          others; /* do the other inputs get a gradient? */
} plant;

/* Complains (complain.h) of a derivative that is wrong. false: the result has no elements, or too many. The tape is of f64, and silent. */
bool check_unused(tg_tape *t, const plant *p);

/* The same for elements of all samples of this name that are small. How many checks that were. */
int check_all_unused(tg_tape *t, const sample_list *list, const char *name);

/* Is it so of this op, or of this function (op NULL)? Some bring every number of an input to nearly every result. */
bool unused_applies(const char *name, const tg_op *op);

#endif
