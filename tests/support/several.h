/* several.h - ops with several results, as a user would write them: for the random programs, and for test_results.c and those beside it, which
 * have more of them in several_ops.h. */
#ifndef SEVERAL_H
#define SEVERAL_H

#include <math.h>
#include <string.h>
#include <tapegrad.h>
#include <tapegrad_op.h>

static inline int64_t several_count(const tg_shape *s)
{
    int64_t n = 1;
    for (int k = 0; k < s->rank; k++) n *= s->dim[k];
    return n;
}

/* ---- centre: x […, n] to its means over the last axis […], and sin(x) - mean […, n] ------------------------------------ */

static inline tg_status several_centre_infer(tg_call *c)
{
    c->shape = *tg_shape_of(c->in[0]);
    c->dtype = tg_dtype_of(c->in[0]);
    if (c->shape.rank < 1 || !tg_dtype_is_float(c->dtype)) return tg_fail(c, TG_ERR_SHAPE, "takes rows of floats");
    c->result[1].shape = c->shape;
    c->result[1].dtype = c->dtype;
    c->shape.rank--;
    return TG_OK;
}

#define SEVERAL_CENTRE(T)                                                        \
    for (int64_t i = 0; i < rows; i++) {                                         \
        const T *x = (const T *)c->x[0].data + i * n;                            \
        double   mean = 0;                                                       \
        for (int64_t k = 0; k < n; k++) mean += (double)x[k];                    \
        if (n) mean /= (double)n;                                                \
        ((T *)c->y.data)[i] = (T)mean;                                           \
        T *centred = (T *)c->result[1].y.data + i * n;                           \
        for (int64_t k = 0; k < n; k++) centred[k] = (T)(sin((double)x[k]) - mean); \
    }
static inline tg_status several_centre_run(tg_call *c)
{
    const tg_shape *s = c->x[0].shape;
    const int64_t   rows = several_count(c->y.shape), n = s->dim[s->rank - 1];
    if (c->dtype == TG_F32) {
        SEVERAL_CENTRE(float)
    } else {
        SEVERAL_CENTRE(double)
    }
    return TG_OK;
}

/* dx = (g0 - sum of g1) / n + g1 cos(x) */
static inline tg_tensor *several_centre_vjp(const tg_call *c, int i, tg_tensor *g)
{
    tg_tensor     *g1 = c->result[1].g, *x = c->in[0], *mean = g ? tg_unsqueeze(g, -1) : NULL;
    const tg_shape s = *tg_shape_of(x);
    (void)i;
    if (g1) {
        tg_tensor *sum = tg_sum(g1, TG_AXES(-1), true);
        mean = mean ? tg_sub(mean, sum) : tg_neg(sum);
    }
    tg_tensor *dx = tg_expand(tg_div_s(mean, (double)s.dim[s.rank - 1]), &s);
    return g1 ? tg_add(dx, tg_mul(g1, tg_cos(x))) : dx;
}

static const tg_op several_centre_op = {.name = "centre", .arity = 1, .results = 2, .infer = several_centre_infer, .run = several_centre_run,
                                        .vjp = several_centre_vjp};

static inline tg_tensor *several_centre(tg_tensor *x, tg_tensor **centred)
{
    tg_tensor *mean = tg_record(&several_centre_op, &x, 1, NULL, 0);
    if (centred) *centred = tg_result(mean, 1);
    return mean;
}

#endif
