/* pinv.c - the pseudoinverse. */
#include "ops/linalg/linalg.h"

#include <float.h>
#include <tapegrad/gradient.h>
#include <tapegrad/matrix.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/shape.h>

#include "tensor/options.h"

/* Inputs {A, P}: the result is P, A's pseudoinverse, which was made with gradients off. Its derivative asks for no singular vectors, and so is right where
 * singular values are equal, or 0. */
static tg_status pinv_infer(tg_call *c)
{
    const tg_shape *a = tg_in_shape(c, 0), *p = tg_in_shape(c, 1);
    if (a->rank >= 2 && a->rank == p->rank && a->dim[a->rank - 1] == p->dim[p->rank - 2] && a->dim[a->rank - 2] == p->dim[p->rank - 1]) return tg_alias_infer(c);
    return tg_fail(c, TG_ERR_SHAPE, "the pseudoinverse does not have the shape of the transpose");
}

/* -P^T g P^T + (1 - A P) g^T P P^T + P^T P g^T (1 - P A): Golub and Pereyra (1973), "The differentiation of pseudo-inverses and nonlinear least squares
 * problems whose variables separate". */
static tg_tensor *pinv_vjp(const tg_call *c, int i, tg_tensor *g)
{
    tg_tensor *a = c->in[0], *p = c->out, *pt = tg_mT(p), *gt = tg_mT(g);
    (void)i;
    tg_tensor *inner = tg_matmul(gt, tg_matmul(p, pt)), *outer = tg_matmul(tg_matmul(pt, p), gt);
    inner = tg_sub(inner, tg_matmul(a, tg_matmul(p, inner)));
    outer = tg_sub(outer, tg_matmul(tg_matmul(outer, p), a));
    return tg_sub(tg_add(inner, outer), tg_matmul(pt, tg_matmul(g, pt)));
}

const tg_op tg_op_pinv = {.name       = "pinv",
                          .kind       = TG_VIEW,
                          .arity      = 2,
                          .nondiff    = 2,
                          .infer      = pinv_infer,
                          .vjp        = pinv_vjp,
                          .view       = tg_alias_view,
                          .view_input = 1,
                          .batch      = tg_batch_same};

/* Below which a singular value counts as 0: s are those of a, in descending order. */
static tg_tensor *tolerance(tg_tensor *a, tg_tensor *s, const tg_pinv_options *o)
{
    const int64_t m = tg_dim(a, -2), n = tg_dim(a, -1);
    const double  eps = tg_dtype_of(a) == TG_F32 ? (double)FLT_EPSILON : DBL_EPSILON, atol = tg_or_usual(o->atol, 0);
    const double  rtol = tg_or_usual(o->rtol, atol > 0 ? 0 : eps * (double)(m > n ? m : n));
    tg_tensor    *relative = tg_mul_s(tg_narrow(s, -1, 0, 1), rtol);
    return atol > 0 && relative ? tg_maximum(relative, tg_full_like(relative, atol)) : relative;
}

/* V diag(1/s) U^T of the singular values that count. */
static tg_tensor *pseudoinverse(tg_tensor *a, const tg_pinv_options *o)
{
    tg_tensor *s, *vh, *u = tg_svd(a, &s, &vh), *least = u ? tolerance(a, s, o) : NULL;
    if (!least) return NULL;
    tg_tensor *inverse = tg_where(tg_le(s, least), tg_zeros_like(s), tg_reciprocal(s));
    return tg_matmul(tg_mul(tg_mT(vh), tg_unsqueeze(inverse, -2)), tg_mT(u));
}

tg_tensor *tg_pinv(tg_tensor *a, const tg_pinv_options *options)
{
    const tg_pinv_options o = options ? *options : (tg_pinv_options){.atol = 0};
    if (!tg_needs_matrices(a, "tg_pinv")) return NULL;
    if (!(o.atol >= 0 && o.rtol >= 0)) return tg_fail_on(tg_tape_of(a), TG_ERR_ARG, "tg_pinv", "atol %g and rtol %g; both must be at least 0", o.atol, o.rtol), NULL;
    TG_CALL(tg_tape_of(a));
    const bool empty = tg_dim(a, -1) == 0 || tg_dim(a, -2) == 0, was = tg_set_grad_enabled(tg_tape_of(a), false);
    tg_tensor *p = empty ? tg_zeros_like(tg_mT(a)) : pseudoinverse(a, &o);
    tg_set_grad_enabled(tg_tape_of(a), was);
    return tg_record(&tg_op_pinv, (tg_tensor *[]){a, p}, 2, NULL, 0);
}
