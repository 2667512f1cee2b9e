/* mirror_op_call.h - the call of an op under way, and the families of ops that the files mirror_run_ops.c and mirror_run_shapes.c make. */
#ifndef MIRROR_OP_CALL_H
#define MIRROR_OP_CALL_H

#include "mirror_judge.h"

/* A call under way: its operands on both sides and the numbers that its other arguments are made of. */
typedef struct op_call {
    mr_run    *r;
    m_world   *w;
    tg_tensor *t[MR_IN];
    m_node    *x[MR_IN];
    int        n;      /* operands that are there */
    uint64_t   state;
    double     number;
    int64_t    most;   /* elements of the result */
    m_node    *y;
} op_call;

typedef tg_tensor *op_fn(op_call *c, int which);

static inline int64_t pick(op_call *c, int64_t n) { return mr_below(&c->state, n); }
static inline int     pick_axis(op_call *c) { return (int)pick(c, c->x[0]->shape.rank); }

/* Recorded indices in 0 … below-1; *index gets them. */
tg_tensor *mr_indices(op_call *c, const tg_shape *shape, int64_t below, int64_t **index);

/* Families, each with the names of its members. */
enum { MR_VIEWS = 9, MR_JOINS = 2, MR_INDEXINGS = 3 };
extern const char *const mr_view_names[MR_VIEWS], *const mr_join_names[MR_JOINS], *const mr_index_names[MR_INDEXINGS];
op_fn mr_view, mr_join, mr_by_index;

#endif
