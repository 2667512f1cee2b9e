/* mirror.h - a second, slow implementation of what a tape does: every op is computed at once, by plain loops in double, from the values
 * that its inputs have at this moment, and every value stays what it was. It shares no code with the library, whose answers are judged by
 * it: a tensor's value is the one of the moment of recording, whatever is written afterwards.
 *
 * What can be written or released is a store (parameter, kept tensor, gradient). Each of its versions is a leaf of its own, marked
 * outdated by the write that follows it; a library that cannot give a value any more may say so only if an outdated leaf lies below.
 *
 * Numbers of the tape are off by rounding. Each element here carries a bound of that, a running error analysis: a primitive adds its own
 * rounding to what the errors of its inputs become by its slopes. Where a comparison may go either way, its result may be wrong by 1, and
 * what is chosen by it by the difference of the alternatives; where a slope has no bound, the error has none either.
 *
 * There are few primitives. Views, broadcasting, reductions and indexing are all M_GATHER (y[i] = x[map[i]]) and its transpose M_SCATTER
 * (y[map[i]] += x[i]); the rest is put together from primitives, and so needs no derivative rule. Rules make nodes: any order. */
#ifndef MIRROR_H
#define MIRROR_H

#include <tapegrad.h>

typedef struct m_world m_world; /* the mirror of one tape */
typedef struct m_store m_store;
typedef struct m_node  m_node;

typedef enum m_op {
    M_LEAF,    /* data, or one version of a store */
    M_OTHER,   /* depends on its inputs, has no derivative: comparisons, weights of a maximum */
    M_ALSO,    /* in[0], which the library may have computed from in[1] too */
    M_AFFINE,  /* a x + b */
    M_EXP, M_LOG, M_SIN, M_COS, M_TANH, M_ERF,
    M_POW,     /* x^a */
    M_ADD, M_SUB, M_MUL, M_DIV, /* of one shape */
    M_WHERE,   /* in[0] != 0 ? in[1] : in[2] */
    M_GATHER, M_SCATTER,        /* map NULL: all elements in their order */
    M_MATMUL,  /* [B,m,k] [B,k,n] */
} m_op;

struct m_node {
    m_op      op;
    tg_shape  shape;
    int64_t   n;
    double   *v, *e;    /* values; bounds of the errors that the tape's may have by rounding, INFINITY: any; NULL: all 0 */
    uint64_t *key;      /* of each element: equal where the same is computed from the same numbers; NULL: what they are */
    m_node   *in[3];
    int64_t  *map;      /* of M_GATHER and M_SCATTER */
    double    a, b;
    int64_t   number;   /* its place in the order of making */
    bool      requires, /* gradients flow to it */
              leaf,     /* and end there: by tg_set_requires_grad */
              alias,    /* its memory may be its first input's */
              derived,  /* from a derivative that can be differentiated again */
              held,     /* the library has computed it and has to hold it */
              outdated; /* a store's version that was written over or released */
    m_store  *store;    /* of a version */
    m_node   *grad;     /* of a leaf that is no store's: what tg_backward left there */
    m_node   *adjoint;  /* during a walk */
    uint64_t  seen[2];  /* by the latest searches */
};

struct m_store {
    tg_shape shape;
    int64_t  n;
    double  *v, *e;   /* what it holds, bounds of its errors */
    m_node  *now;     /* the version that ops read, once one did since the last write or reset */
    bool     requires, released;
    m_store *grad;    /* NULL: none */
    bool     used;    /* the gradient was used up by a step */
    int64_t  grad_steps; /* how many steps there had been when the gradient was written */
    int64_t  number;  /* in the order of making */
    m_store *next;    /* of the world's: the one made before */
};

/* ---- the world ---------------------------------------------------------------------------------------------------- */

m_world *m_open(void); /* ends the process when memory is short, as everything here does */
void     m_close(m_world *w);
void     m_reset(m_world *w); /* nodes go, stores stay */
bool     m_grad_enabled(m_world *w, bool on); /* returns how it was */
void    *m_room(m_world *w, size_t bytes);    /* until m_reset */
/* The unit roundoff of the tape's dtype. */
void     m_set_unit(m_world *w, double unit);
/* Bounds are of the first order, and for the way in which values are computed here: the library may take another one. It gets this times
 * as much. Numbers from M_LARGEST on are taken for anything: they may overflow in the library. */
#define M_SLACK   64
#define M_LARGEST 1e15
/* Does it not depend on rounding how x[i] compares with y[k]? */
bool     m_certain(const m_node *x, int64_t i, const m_node *y, int64_t k);
/* Does a store hold numbers that are not finite, or large? Nothing can be judged from there on. */
bool     m_unsure(const m_world *w);

/* ---- stores ------------------------------------------------------------------------------------------------------- */

/* Numbers come with the bounds of their errors, NULL: exact; copies are made of both. */
m_store *m_store_new(m_world *w, const tg_shape *shape, const double *v, const double *e);
m_node  *m_read(m_world *w, m_store *s);  /* its present version */
void     m_write(m_world *w, m_store *s, const double *v, const double *e);
void     m_correct(m_world *w, m_store *s, const double *v); /* it holds exactly these numbers, and no write has happened */
void     m_release(m_world *w, m_store *s); /* and its gradient */
void     m_forget_grad(m_world *w, m_store *s);
void     m_set_grad(m_world *w, m_store *s, const double *v, const double *e); /* fresh */
/* The gradient that a step, clipping or the next backward finds, NULL when there is none or it was used up. */
m_store *m_fresh_grad(const m_store *s);

/* ---- nodes -------------------------------------------------------------------------------------------------------- */

m_node *m_data(m_world *w, const tg_shape *shape, const double *v, const double *e); /* v NULL: zeros, to be filled by the caller */
m_node *m_full(m_world *w, const tg_shape *shape, double value);
m_node *m_unary(m_world *w, m_op op, m_node *x, double a, double b);
m_node *m_binary(m_world *w, m_op op, m_node *x, m_node *y); /* broadcasts */
m_node *m_where(m_world *w, m_node *cond, m_node *x, m_node *y); /* of one shape */
m_node *m_gather(m_world *w, m_node *x, const tg_shape *shape, int64_t *map);
m_node *m_scatter(m_world *w, m_node *x, const tg_shape *shape, int64_t *map);
m_node *m_matmul(m_world *w, m_node *x, m_node *y); /* of any rank from 2, leading axes broadcast */
m_node *m_also(m_world *w, m_node *x, m_node *from);
m_node *m_other(m_world *w, const tg_shape *shape, m_node *x, m_node *y); /* values and errors are the caller's to fill in */
m_node *m_detach(m_world *w, m_node *x);

/* map[i], i over shape in row-major order: offset + sum of index times stride */
int64_t *m_strided(m_world *w, const tg_shape *shape, const int64_t *stride, int64_t offset);
void     m_strides(const tg_shape *shape, int64_t *stride);
int64_t  m_numel(const tg_shape *shape);
bool     m_same_shape(const tg_shape *a, const tg_shape *b);
bool     m_broadcast(const tg_shape *a, const tg_shape *b, tg_shape *out); /* false: they do not fit */

/* ---- ops out of these (mirror_ops.c) ------------------------------------------------------------------------------ */

typedef m_node *m_unary_fn(m_world *w, m_node *x);
m_unary_fn m_neg, m_abs, m_square, m_exp, m_log, m_sqrt, m_reciprocal, m_log1p, m_sin, m_cos, m_tanh, m_erf, m_relu, m_sigmoid, m_softplus,
    m_gelu, m_silu;
typedef m_node *m_binary_fn(m_world *w, m_node *x, m_node *y);
m_binary_fn m_add, m_sub, m_mul, m_div, m_maximum, m_minimum;
typedef enum m_relation { M_EQ, M_NE, M_LT, M_LE, M_GT, M_GE } m_relation;
m_node *m_compare(m_world *w, m_relation r, m_node *x, m_node *y);
m_node *m_choose(m_world *w, m_node *cond, m_node *x, m_node *y); /* m_where that broadcasts */
m_node *m_affine(m_world *w, m_node *x, double a, double b);
m_node *m_leaky_relu(m_world *w, m_node *x, double slope);
m_node *m_expand(m_world *w, m_node *x, const tg_shape *shape);
m_node *m_reshape(m_world *w, m_node *x, const tg_shape *shape);
m_node *m_permute(m_world *w, m_node *x, const int *axis);
m_node *m_slice(m_world *w, m_node *x, int axis, int64_t start, int64_t n, int64_t step); /* n elements from start */
m_node *m_select(m_world *w, m_node *x, int axis, int64_t index);
m_node *m_cat(m_world *w, m_node *const *x, int n, int axis);
m_node *m_stack(m_world *w, m_node *const *x, int n, int axis);
m_node *m_index_select(m_world *w, m_node *x, int axis, const int64_t *index, int64_t n);
m_node *m_gather_along(m_world *w, m_node *x, int axis, const tg_shape *shape, const int64_t *index);
m_node *m_triangle(m_world *w, m_node *x, int64_t diagonal, bool lower);
/* axes: bit k for axis k */
m_node *m_sum(m_world *w, m_node *x, unsigned axes, bool keepdim);
m_node *m_mean(m_world *w, m_node *x, unsigned axes, bool keepdim);
m_node *m_amax(m_world *w, m_node *x, unsigned axes, bool keepdim); /* equals share the gradient */
m_node *m_amin(m_world *w, m_node *x, unsigned axes, bool keepdim);
m_node *m_logsumexp(m_world *w, m_node *x, unsigned axes, bool keepdim);
m_node *m_softmax(m_world *w, m_node *x, int axis);
m_node *m_log_softmax(m_world *w, m_node *x, int axis);
m_node *m_layer_norm(m_world *w, m_node *x, m_node *weight, m_node *bias, double eps); /* over the last axis; NULL: none */
m_node *m_rms_norm(m_world *w, m_node *x, m_node *weight, double eps);
m_node *m_cross_entropy(m_world *w, m_node *x, const int64_t *label); /* x [n, classes] */
m_node *m_mse(m_world *w, m_node *x, m_node *y);
m_node *m_bce(m_world *w, m_node *x, m_node *target);

/* ---- gradients ---------------------------------------------------------------------------------------------------- */

/* Walks back from the outputs and leaves in each node what arrived there, until m_end_walk. seed[j] NULL: ones. */
void    m_walk(m_world *w, m_node *const *output, m_node *const *seed, int n, bool create_graph);
/* What arrived at all versions of a store; NULL: nothing. */
m_node *m_arrived(m_world *w, const m_store *s);
void    m_end_walk(m_world *w);
/* The same walk as tg_backward has it: what arrived is added to the gradients of live stores and of leaves. chosen: to those of these n
 * stores alone, as tg_backward_into has it; NULL: of all. */
void    m_backward(m_world *w, m_node *output, m_node *seed, m_store *const *chosen, int n);
/* Would m_backward add to a gradient that was there before the latest step? */
bool    m_piles_up(m_world *w, m_node *output);

/* Does an outdated leaf lie below, reached without passing what the library has to hold? */
bool m_stale(m_world *w, m_node *x);
/* Does a gradient of x flow to the store? */
bool m_reaches(m_world *w, m_node *x, const m_store *s);
/* Does one lie below at all? */
bool m_outdated(m_world *w, m_node *x);

/* ---- optimizers --------------------------------------------------------------------------------------------------- */

typedef struct m_optim {
    enum { M_SGD, M_MOMENTUM, M_ADAM } kind;
    double   lr, momentum, beta1, beta2, eps;
    struct { m_store *of; int64_t steps; double *m, *v, *m_error, *v_error; } *state;
    int      n;
} m_optim;

/* One step for those of these stores that have a fresh gradient. */
void   m_step(m_world *w, m_optim *o, m_store *const *of, int n);
void   m_optim_free(m_optim *o);
/* The gradients of these stores. Returns the norm before; *error: its bound. */
double m_clip(m_world *w, m_store *const *of, int n, double most, double *error);

#endif
