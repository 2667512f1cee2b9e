/* values_functions.c - references of pointwise functions that no formula of one line gives. */
#include "values.h"

#include <string.h>

void values_of_check_divisor(values_call *c)
{
    values_array *y = values_result(c, c->in[0].dtype, &c->in[0].shape, false);
    for (int64_t e = 0; e < y->n; e++) y->x[e] = c->in[0].x[e] + 1;
}

/* fmod, remainder and floor_divide. Of integers by 0 the ops themselves give 0; their functions refuse it. */
static real quotient(const char *name, real x, real y, bool whole)
{
    if (whole && y == 0) return 0;
    const real m = fmodl(x, y), up = m != 0 && (m < 0) != (y < 0) ? m + y : m;
    return !strcmp(name, "fmod") ? m : !strcmp(name, "remainder") ? up : y == 0 ? x / y : (x - up) / y;
}

void values_of_quotient(values_call *c)
{
    const values_array *a = &c->in[0], *b = &c->in[c->n_in - 1];
    const tg_shape      s = values_broadcast_shape(&a->shape, &b->shape);
    values_array       *y = values_result(c, a->dtype, &s, false);
    int64_t             at[TG_MAX_RANK];
    for (int64_t e = 0; e < y->n; e++) {
        values_at(&s, e, at);
        y->x[e] = quotient(c->s->name, a->x[values_broadcast_element(&a->shape, &s, at)], b->x[values_broadcast_element(&b->shape, &s, at)],
                           !tg_dtype_is_float(a->dtype));
    }
}

/* a sigmoid(b), a and b the halves along the axis */
void values_of_glu(values_call *c)
{
    const values_array *x    = &c->in[0];
    const int           axis = values_axis(&x->shape, c->s->axis);
    tg_shape            s    = x->shape;
    int64_t             at[TG_MAX_RANK];
    s.dim[axis] /= 2;
    values_array *y = values_result(c, x->dtype, &s, false);
    for (int64_t e = 0; e < y->n; e++) {
        values_at(&s, e, at);
        const real a = x->x[values_element(&x->shape, at)];
        at[axis] += s.dim[axis];
        y->x[e] = a * exact_sigmoid(x->x[values_element(&x->shape, at)]);
    }
}

/* e^-x by the sum of them along the axis */
void values_of_softmin(values_call *c)
{
    const values_array *x    = &c->in[0];
    const int           axis = values_axis(&x->shape, c->s->axis);
    values_array       *y    = values_result(c, x->dtype, &x->shape, false);
    int64_t             at[TG_MAX_RANK];
    for (int64_t e = 0; e < y->n; e++) {
        real sum = 0;
        values_at(&x->shape, e, at);
        for (at[axis] = 0; at[axis] < x->shape.dim[axis]; at[axis]++) sum += expl(-x->x[values_element(&x->shape, at)]);
        y->x[e] = expl(-x->x[e]) / sum;
    }
}

/* The weight has a shape in which it broadcasts. */
void values_of_prelu(values_call *c)
{
    const values_array *x = &c->in[0], *w = &c->in[1];
    values_array       *y = values_result(c, x->dtype, &x->shape, false);
    int64_t             at[TG_MAX_RANK];
    const tg_shape      one = {0, {0}};
    for (int64_t e = 0; e < y->n; e++) {
        values_at(&x->shape, e, at);
        y->x[e] = x->x[e] > 0 ? x->x[e] : x->x[e] * w->x[values_broadcast_element(w->n == 1 ? &one : &w->shape, &x->shape, at)];
    }
}
