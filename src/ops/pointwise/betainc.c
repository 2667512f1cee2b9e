/* betainc.c - the incomplete beta function I_x(a, b) of three numbers: a kernel op, whose attributes say which of its derivatives it is. They are a family
 * that is closed, so that its rule is made of the op itself and of products. */
#include "ops/batch.h"

#include <math.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/shape.h>
#include <tapegrad/special.h>

#include "kernels/special.h"
#include "tensor/team.h"

/* The derivative by a of order i and by b of order j, of the function or of its derivative by x, the density. */
enum { ORDERS = 3 };
typedef struct derivative {
    int64_t i, j, is_density;
} derivative;

static tg_status betainc_infer(tg_call *c)
{
    const derivative *d = c->attr;
    if (c->attr_size != sizeof *d || d->i < 0 || d->j < 0 || d->i + d->j > ORDERS) return tg_fail(c, TG_ERR_ARG, "the attributes are no orders of derivatives");
    for (int k = 1; k < 3; k++)
        if (tg_dtype_of(c->in[k]) != tg_dtype_of(c->in[0]) || !tg_shape_equal(tg_in_shape(c, k), tg_in_shape(c, 0)))
            return tg_fail(c, TG_ERR_SHAPE, "takes three tensors of one dtype and shape");
    c->shape = *tg_in_shape(c, 0);
    c->dtype = tg_dtype_of(c->in[0]);
    return tg_dtype_is_float(c->dtype) ? TG_OK : tg_fail(c, TG_ERR_DTYPE, "takes float32 or float64");
}

static double element(const tg_array *x, int64_t k) { return x->dtype == TG_F32 ? (double)((const float *)x->data)[k] : ((const double *)x->data)[k]; }

static tg_status betainc_run(tg_call *c)
{
    const derivative d = *(const derivative *)c->attr;
    int64_t          n;
    tg_shape_size(c->y.shape, c->y.dtype, &n, NULL);
    TG_TEAM(num_threads(tg_threads_for(c, n, 3000 * (double)n)))
    {
#pragma omp for schedule(static) nowait
        for (int64_t k = 0; k < n; k++) {
            const double a = element(&c->x[0], k), b = element(&c->x[1], k), x = element(&c->x[2], k);
            const double y = (d.is_density ? tg_beta_density_at : tg_betainc_at)(a, b, x, (int)d.i, (int)d.j);
            if (c->y.dtype == TG_F32) ((float *)c->y.data)[k] = (float)y;
            else ((double *)c->y.data)[k] = y;
        }
    }
    return TG_OK;
}

static tg_tensor *part(tg_tensor *const *in, int64_t i, int64_t j, bool is_density)
{
    const derivative d = {i, j, is_density};
    return tg_record(&tg_op_betainc, in, 3, &d, sizeof d);
}

/* By x the density p_ij is p_ij ((a - 1)/x - (b - 1)/(1 - x)) + i p_(i-1)j / x - j p_i(j-1) / (1 - x): ln p is (a - 1) ln x + (b - 1) ln(1 - x) and what x
 * is not in. */
static tg_tensor *fall_of_density(const tg_call *c, const derivative *d)
{
    tg_tensor *const *in = c->in, *x = in[2], *rest = tg_rsub_s(1, x);
    tg_tensor *slope = tg_mul(c->out, tg_sub(tg_div(tg_sub_s(in[0], 1), x), tg_div(tg_sub_s(in[1], 1), rest)));
    if (d->i > 0) slope = tg_add(slope, tg_mul_s(tg_div(part(in, d->i - 1, d->j, true), x), (double)d->i));
    if (d->j > 0) slope = tg_sub(slope, tg_mul_s(tg_div(part(in, d->i, d->j - 1, true), rest), (double)d->j));
    return slope;
}

static tg_tensor *betainc_vjp(const tg_call *c, int k, tg_tensor *g)
{
    const derivative *d = c->attr;
    if (k == 2) return tg_mul_zero(g, d->is_density ? fall_of_density(c, d) : part(c->in, d->i, d->j, true));
    if (d->i + d->j < ORDERS) return tg_mul_zero(g, part(c->in, d->i + (k == 0), d->j + (k == 1), d->is_density != 0));
    tg_fail(c, TG_ERR_GRAD, "the incomplete beta function has derivatives by a and b up to the %drd", ORDERS);
    return NULL;
}

const tg_op tg_op_betainc = {.name = "betainc", .arity = 3, .infer = betainc_infer, .run = betainc_run, .vjp = betainc_vjp, .batch = tg_batch_same};

tg_tensor *tg_betainc(tg_tensor *a, tg_tensor *b, tg_tensor *x)
{
    tg_tensor *in[3] = {a, b, x};
    tg_shape   s, both;
    TG_CALL(tg_tape_of(a));
    for (int k = 0; k < 3; k++)
        if (!tg_needs_float(in[k], __func__)) return NULL;
    for (int k = 1; k < 3; k++)
        if (!tg_needs_one_tape(tg_node_of(a), tg_node_of(in[k]), __func__) || !tg_needs_one_dtype(tg_node_of(a), tg_node_of(in[k]), __func__)) return NULL;
    if (tg_shape_broadcast(tg_shape_of(a), tg_shape_of(b), &both) != TG_OK || tg_shape_broadcast(&both, tg_shape_of(x), &s) != TG_OK)
        return tg_fail_on(tg_tape_of(a), TG_ERR_SHAPE, __func__, "a, b and x do not broadcast with each other"), NULL;
    for (int k = 0; k < 3; k++) in[k] = tg_expand_if(in[k], &s);
    return part(in, 0, 0, false);
}
