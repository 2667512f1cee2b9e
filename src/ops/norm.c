/* norm.c - layer_norm and rms_norm.
 *
 * The normalised value z = (x - mean) r, r = 1/sqrt(mean (x - mean)^2 + eps), is made of primitives, which the fused
 * evaluator runs as one pass over a row; rms_norm leaves the mean out. An alias op on top carries the gradient in its
 * short form dx = r (g - mean g - z mean(g z))        (rms_norm: without mean g) in terms of r and z, both of them
 * functions of x again, so that second derivatives follow by themselves. */
#include "ops.h"

#include <math.h>

typedef struct normalize_attr {
    uint32_t axes, centred;
} normalize_attr;

/* The mean over axes, which stay with size 1. */
static tg_tensor *mean_of(tg_tensor *x, uint32_t axes)
{
    const tg_shape *s = tg_shape_of(x);
    return s ? tg_div_s(tg_reduce_bits(&tg_op_sum, x, axes, true), (double)tg_reduced_count(s, axes)) : NULL;
}

static tg_status normalize_infer(tg_call *c)
{
    const normalize_attr *a = c->attr;
    const tg_shape       *x = tg_in_shape(c, 0), *z = tg_in_shape(c, 2);
    if (c->attr_size != sizeof *a || a->axes >> x->rank)
        return tg_fail(c, TG_ERR_ARG, "the attributes are none of a normalisation");
    if (!tg_shape_equal(x, z)) return tg_fail(c, TG_ERR_SHAPE, "the normalised value does not have the input's shape");
    return tg_alias_infer(c);
}

/* Inputs {x, r, z}. */
static tg_tensor *normalize_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    const normalize_attr *a     = c->attr;
    tg_tensor            *along = tg_mul_zero(mean_of(tg_mul_zero(g, c->out), a->axes), c->out);
    tg_tensor            *rest  = a->centred ? tg_sub(g, mean_of(g, a->axes)) : g;
    return tg_mul_zero(tg_sub(rest, along), c->in[1]);
}

const tg_op tg_op_normalize = {.name       = "normalize",
                               .kind       = TG_VIEW,
                               .arity      = 3,
                               .nondiff    = 2 | 4,
                               .infer      = normalize_infer,
                               .vjp        = normalize_vjp,
                               .view       = tg_alias_view,
                               .view_input = 2};

/* r is recorded with gradients on: only second derivatives go that way. */
static tg_tensor *normalize(tg_tensor *x, uint32_t axes, bool centred, double eps)
{
    const normalize_attr a         = {.axes = axes, .centred = centred};
    tg_tensor           *from_mean = centred ? tg_sub(x, mean_of(x, axes)) : x;
    tg_tensor           *r         = tg_reciprocal(tg_sqrt(tg_add_s(mean_of(tg_square(from_mean), axes), eps)));
    if (!r) return NULL;
    const bool was = tg_set_grad_enabled(tg_tape_of(x), false);
    tg_tensor *z   = tg_mul(from_mean, r);
    tg_set_grad_enabled(tg_tape_of(x), was);
    return tg_record(&tg_op_normalize, (tg_tensor *[]){x, r, z}, 3, &a, sizeof a);
}

/* Do x, the number of axes, eps and an optional factor or summand of theirs go together? */
static bool checked(tg_tensor *x, int n_axes, tg_tensor *const *optional, int n_optional, double eps,
                    const char *function)
{
    if (!tg_needs_float(x, function)) return false;
    const tg_node *n = tg_node_of(x);
    char           have[TG_SHAPE_TEXT], want[TG_SHAPE_TEXT];
    if (n_axes < 1 || n_axes > n->shape->rank)
        return tg_fail_on(n->tape, TG_ERR_SHAPE, function, "can't normalise over %d axes of the input %s", n_axes,
                          tg_shape_text(n->shape, have, sizeof have)),
               false;
    if (!isfinite(eps) || eps < 0)
        return tg_fail_on(n->tape, TG_ERR_ARG, function, "eps is %g; it is finite and not negative", eps), false;
    tg_shape last = {.rank = n_axes};
    for (int k = 0; k < n_axes; k++) last.dim[k] = n->shape->dim[n->shape->rank - n_axes + k];
    for (int i = 0; i < n_optional; i++) {
        if (!optional[i]) continue;
        const tg_node *o = tg_check(optional[i], function);
        if (!o) return false;
        if (tg_shape_equal(o->shape, &last)) continue;
        tg_fail_on(n->tape, TG_ERR_SHAPE, function, "the %s is %s, the normalised axes are %s",
                   i == 0 ? "weight" : "bias", tg_shape_text(o->shape, have, sizeof have),
                   tg_shape_text(&last, want, sizeof want));
        return false;
    }
    return true;
}

static uint32_t last_axes(tg_tensor *x, int n)
{
    const int rank = tg_rank(x);
    return ((1u << n) - 1) << (rank - n);
}

tg_tensor *tg_layer_norm(tg_tensor *x, int n_axes, tg_tensor *weight, tg_tensor *bias, double eps)
{
    TG_CALL(tg_tape_of(x));
    if (!checked(x, n_axes, (tg_tensor *[]){weight, bias}, 2, eps, "tg_layer_norm")) return NULL;
    tg_tensor *y = normalize(x, last_axes(x, n_axes), true, eps);
    if (weight) y = tg_mul(y, weight);
    return bias ? tg_add(y, bias) : y;
}

tg_tensor *tg_rms_norm(tg_tensor *x, int n_axes, tg_tensor *weight, double eps)
{
    TG_CALL(tg_tape_of(x));
    if (!checked(x, n_axes, &weight, 1, eps, "tg_rms_norm")) return NULL;
    tg_tensor *y = normalize(x, last_axes(x, n_axes), false, eps);
    return weight ? tg_mul(y, weight) : y;
}
