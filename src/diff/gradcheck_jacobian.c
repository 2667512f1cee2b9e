/* gradcheck_jacobian.c - the differences with which tg_gradcheck compares, as a Jacobian. */
#include <math.h>
#include <tapegrad/check.h>
#include <tapegrad/tensor.h>

#include "diff/gradcheck.h"

/* Which of the varied inputs the Jacobian is by; c->k: none. */
static int varied(const check *c)
{
    int j = 0;
    while (j < c->k && c->input[j] != c->by) j++;
    return j;
}

/* y's axes followed by x's. */
tg_status tg_gradcheck_jacobian_shape(check *c)
{
    const int j = varied(c);
    if (j == c->k) return tg_fail_on(c->tape, TG_ERR_ARG, c->function, "input %d does not require grad (tg_set_requires_grad), or is not there", c->by);
    const tg_shape *x = tg_shape_of(c->leaf[j]);
    c->both = c->shape[0];
    if (c->both.rank + x->rank > TG_MAX_RANK)
        return tg_fail_on(c->tape, TG_ERR_SHAPE, c->function, "the result has %d axes and the input %d, together more than %d", c->both.rank, x->rank,
                          TG_MAX_RANK);
    for (int k = 0; k < x->rank; k++) c->both.dim[c->both.rank++] = x->dim[k];
    const tg_status s = tg_shape_size(&c->both, TG_F64, &c->jacobian_size, NULL);
    return s ? tg_out_of_memory(c->tape, c->function) : TG_OK;
}

tg_status tg_gradcheck_columns(check *c)
{
    const int     j = varied(c);
    const int64_t from = c->start[j], columns = c->start[j + 1] - from;
    tg_status     s = TG_OK;
    for (int64_t k = 0; !s && k < columns; k++) {
        const int64_t e = from + k;
        const double  h = c->o.eps * fmax(1, fabs(c->x[e]));
        c->w[e] = 1;
        s       = tg_gradcheck_around(c, e, e + 1, h);
        if (!s) s = tg_gradcheck_finite(c, c->value, POINTS * c->size, "near the inputs");
        for (int64_t i = 0; !s && i < c->size; i++) c->columns[i * columns + k] = tg_gradcheck_slope(c, i, h) / c->p[e];
    }
    if (s) return s;
    *c->jacobian = tg_from_f64(c->tape, &c->both, c->columns);
    return *c->jacobian ? TG_OK : c->tape->services.latest;
}
