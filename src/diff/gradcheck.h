/* gradcheck.h - a gradient check under way, for the files that do it: gradcheck.c prepares it, gradcheck_call.c calls the function,
 * gradcheck_compare.c compares, gradcheck_probe.c and gradcheck_forward.c look where that is blind, gradcheck_jacobian.c keeps the differences, and gradcheck_text.c says what
 * was found. */
#ifndef TG_GRADCHECK_H
#define TG_GRADCHECK_H

#include <math.h>
#include <tapegrad/check.h>

#include "graph/drop.h"

enum {
    POINTS          = 4,  /* values per difference */
    ONE_BY_ONE      = 64, /* most elements of an input that are always looked at one by one */
    MOST_DIRECTIONS = 64,
    ROUNDING        = 8, /* how many roundings of a value's size are allowed for in a difference */
};

/* The function under test: f itself (order 1), or its gradient along u (order 2). */
typedef struct check {
    tg_fn                f;       /* of one result, or */
    tg_fn_several        several; /* of more */
    const char          *function; /* that was called, for messages */
    void                *ctx;
    tg_tape             *tape;
    tg_tensor *const    *in;
    int                  n;
    tg_gradcheck_options o; /* the usual values filled in */
    tg_gradcheck_report *report;
    double               worst; /* of what the report names: its error over what is allowed; below 0: nothing yet */
    uint64_t             random;
    tg_mark              first; /* behind f's first call: what is recorded after it goes again while the check runs */

    int         k;     /* how many inputs are varied */
    int        *input; /* [k] which ones */
    int64_t    *start; /* [k + 1] where each one's elements start in x */
    tg_tensor **arg;   /* [n] what f is called with */
    tg_tensor **leaf;  /* [k] those of arg that are varied */

    int         order;
    int         outputs; /* f's results */
    bool        called;  /* their shapes are known */
    tg_tensor **y;       /* [2 * outputs] of the latest call, and room for the directions in those that require grad */
    tg_shape   *shape;   /* [outputs] */
    int64_t     values;  /* elements of all of them */
    int         m;       /* number of results under test: outputs, or k */
    int64_t     size;    /* their elements */
    int         most;    /* the larger of n and outputs */
    tg_tensor **out;     /* [POINTS * most] */
    tg_tensor **spare;   /* [n] in place of leaf */
    bool        strided; /* f's inputs are strided views of its leaves */
    bool        single;  /* f's inputs are float32, and so is what it has to give */
    bool        slopes;  /* a derivative is not zero */
    tg_tensor **jacobian; /* where the differences by input `by` go instead of being compared; NULL: they are compared */
    int         by;
    tg_shape    both;          /* its shape */
    int64_t     jacobian_size; /* its elements */
    uint32_t    called_at; /* f's first call recorded nodes from this one to `first` */
    const char *says;    /* what a probe found; NULL: nothing */

    double *room; /* one allocation for all of: */
    size_t  room_bytes;
    double *x, *p, *w; /* elements of the inputs: as given, moved, the direction */
    double *g;         /* [directions] rows v^T J */
    double *u;         /* a direction in f's results */
    double *v;         /* [directions] of them in the results under test */
    double *here;      /* results at the inputs */
    double *value;     /* [POINTS] results */
    double *columns;   /* [jacobian_size] the Jacobian, where it is asked for */
} check;

/* Uniform in [-1, 1). splitmix64: Steele, Lea, Flood 2014. */
static inline double tg_gradcheck_uniform(check *c)
{
    uint64_t z = c->random += 0x9e3779b97f4a7c15u;
    z          = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z          = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return ldexp((double)(z >> 11), -52) - 1;
}

tg_status tg_gradcheck_analytic(check *c); /* g */
tg_status tg_gradcheck_compare(check *c);  /* it with differences; the worst is in the report */
tg_status tg_gradcheck_probes(check *c);   /* the same gradient under other circumstances */
tg_status tg_gradcheck_forward(check *c, int j); /* it with forward mode, of varied input j */
tg_status tg_gradcheck_jacobian_shape(check *c); /* once f has been called */
tg_status tg_gradcheck_columns(check *c);        /* differences, as *c->jacobian */
void      tg_gradcheck_text(const check *c);
bool      tg_gradcheck_computes_in_single(const check *c); /* what leads to the gradient, anywhere */
const char *tg_gradcheck_element(const check *c, int64_t i, char *text, size_t size); /* which element number i of the results is, as words */

tg_status tg_gradcheck_apply(check *c, const double *x, tg_tensor **out);
/* The values at the points of step h along w, which is zero outside from … to-1, and in c->p the direction in which they really lie. */
tg_status tg_gradcheck_around(check *c, int64_t from, int64_t to, double h);
/* J w from these, of result element i. */
double    tg_gradcheck_slope(const check *c, int64_t i, double h);
tg_status tg_gradcheck_values(tg_tensor *const *t, int n, double *to);
/* The same of gradients by the varied inputs, with 0 at elements that the caller leaves out. */
tg_status tg_gradcheck_gradients(check *c, tg_tensor *const *grad, double *to);
bool      tg_gradcheck_skipped(const check *c, int64_t i); /* is element i, counted over all inputs, left out? */
int       tg_gradcheck_seeds(check *c, tg_tensor *const *result, int n, const double *v, tg_tensor **which, tg_tensor **seed);
tg_status tg_gradcheck_finite(check *c, const double *value, int64_t count, const char *where);
tg_status tg_gradcheck_call(check *c, const double *x); /* f at x, as c->y */
tg_status tg_gradcheck_repeatable(check *c);

#endif
