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
