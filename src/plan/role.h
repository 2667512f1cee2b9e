/* role.h - what a node would be in a group, whichever that is: between role.c, which tells, and group.c, which looks for the group. */
#ifndef TG_ROLE_H
#define TG_ROLE_H

#include "plan/program.h"

/* An operand as its op reads it. */
typedef struct input {
    int32_t value, base;
    pattern how; /* broadcast to what the op goes over */
} input;

/* How it runs, what it reads, and what it asks of the group's columns. */
typedef struct role {
    int64_t    n;    /* of the iteration space; for column and row nodes the number of rows, or of columns of blocks */
    int64_t    cols; /* asked for; 0: any */
    bool       soft; /* by operands that could be gathered */
    bool       turned; /* by one that lies turned */
    bool       pitched; /* by one whose rows lie some pitch apart, and by nothing else */
    inst_class cls;  /* of what it reads */
    bool       reduce;
    inst_class result;
    bool       by_rows; /* reduced over the rows of blocks, each of which fits into a tile, if only a few columns of it: to a row or a total */
    total_over over;  /* of a total */
    int64_t    block; /* the rows of a block */
    int32_t    n_in, newest; /* newest: the last step that computes an operand; groups before it can't be joined */
    input      in[TG_INLINE_INPUTS];
} role;

input tg_input_of(const program *p, const value *v, int32_t k); /* operand k */
/* Of a pointwise node or a reduction that has elements; n = 0: a kernel has to do it. */
void  tg_role_of(const program *p, const value *v, role *r);
/* Notes which reductions' results are spread over as many elements again as they were reduced from: `spread` of these values. */
tg_status tg_note_spread(tg_tape *t, program *p);

#endif
