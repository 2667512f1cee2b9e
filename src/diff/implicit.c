/* implicit.c - solutions of equations as functions of what stands in these: z is given, and its derivative is that of one Newton step from there,
 * z - J^-1 r. The step itself need not be made for a first derivative, as r is 0. Made from a point whose derivatives are right up to order k, a step has
 * those up to order 2 k + 1, for the error of Newton's method is squared. */
#include "diff/custom.h"

#include <tapegrad/custom.h>

#include <tapegrad/derivative.h>
#include <tapegrad/gradient.h>
#include <tapegrad/linalg.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/shape.h>

#include "graph/graph.h"
#include "ops/ops.h"

static const char FUNCTION[] = "tg_implicit";

/* ---- z with the derivative of a step that is not made: an alias of inputs {z, r, J} ---------------------------------- */

/* X of J X = b, or of J^T X = b, for a b of z's shape. */
static tg_tensor *solve(tg_tensor *jacobian, tg_tensor *b, bool transposed)
{
    tg_tensor *flat = tg_flatten(b, 0, -1);
    return tg_reshape(tg_solve(transposed ? tg_transpose(jacobian, 0, 1) : jacobian, flat), tg_shape_of(b));
}

static tg_tensor *implicit_vjp(const tg_call *c, int i, tg_tensor *g) { return (void)i, tg_neg(solve(c->in[2], g, true)); }
static tg_tensor *implicit_jvp(const tg_call *c, tg_tensor *const *t) { return tg_neg(solve(c->in[2], t[1], false)); }

const tg_op tg_op_implicit = {.name    = "implicit",
                              .kind    = TG_VIEW,
                              .arity   = 3,
                              .nondiff = 1 | 4,
                              .infer   = tg_alias_infer,
                              .vjp     = implicit_vjp,
                              .jvp     = implicit_jvp,
                              .view    = tg_alias_view,
                              .batch   = tg_batch_each};

/* ---- the equation ----------------------------------------------------------------------------------------------------- */

typedef struct equation {
    tg_tape          *tape;
    tg_fn             f;
    void             *ctx;
    tg_tensor       **in; /* z's place and the inputs */
    const tg_shape   *shape; /* of z */
    tg_dtype          dtype;
    tg_implicit_kind  kind;
} equation;

static tg_tensor *call(const equation *e, tg_tensor *z)
{
    char            is[TG_SHAPE_TEXT];
    tg_tape        *t = e->tape;
    const uint64_t  errors = t->services.errors;
    const bool      grad = t->grad_enabled;
    const tg_inside was = tg_go_inside(t, TG_IN_FUNCTION, "the function of tg_implicit", NULL);
    e->in[0] = z;
    tg_tensor *y = e->f(e->ctx, e->in);
    t->services.inside = was;
    t->grad_enabled = grad;
    if (!y || !tg_is_on(t, y)) {
        if (y || t->services.errors == errors) tg_fail_on(t, TG_ERR_ARG, FUNCTION, "the function returned %s", y ? "a stale tensor or one of another tape" : "NULL");
        return NULL;
    }
    if (tg_dtype_of(y) == e->dtype && (e->kind == TG_IMPLICIT_MINIMUM ? tg_numel(y) == 1 : tg_shape_equal(tg_shape_of(y), e->shape))) return y;
    tg_fail_on(t, tg_dtype_of(y) == e->dtype ? TG_ERR_SHAPE : TG_ERR_DTYPE, FUNCTION, "the function gave a %s tensor of shape %s; it gives one of %s, with %s",
               tg_dtype_name(tg_dtype_of(y)), tg_shape_text(tg_shape_of(y), is, sizeof is), tg_dtype_name(e->dtype),
               e->kind == TG_IMPLICIT_MINIMUM ? "one element" : "the shape of z");
    return NULL;
}

/* What is 0 at the solution, recorded as what has derivatives, also where the caller records none: J is made of them. */
static tg_tensor *residual(const equation *e, tg_tensor *z)
{
    tg_tensor *y = call(e, z), *gradient;
    if (!y || e->kind == TG_IMPLICIT_ROOT) return y;
    if (e->kind == TG_IMPLICIT_FIXED_POINT) return tg_sub(z, y);
    return tg_vjp(&y, NULL, 1, &z, 1, true, &gradient) == TG_OK ? gradient : NULL;
}

/* dr/dz as a matrix. */
static tg_tensor *matrix(tg_tensor *r, tg_tensor *z, bool create_graph)
{
    return tg_reshape(tg_jacobian(r, z, &(tg_jacobian_options){.create_graph = create_graph}), TG_SHAPE(tg_numel(z), tg_numel(z)));
}

static tg_tensor *with_first_derivative(const equation *e, tg_tensor *z)
{
    const bool grad = tg_set_grad_enabled(e->tape, true);
    tg_tensor *at = tg_detach(z), *r = residual(e, at), *j = r ? matrix(r, at, false) : NULL;
    tg_set_grad_enabled(e->tape, grad);
    return tg_record(&tg_op_implicit, (tg_tensor *[]){at, r, j}, 3, NULL, 0);
}

static tg_tensor *newton_step(const equation *e, tg_tensor *z)
{
    const bool grad = tg_set_grad_enabled(e->tape, true);
    tg_tensor *r = residual(e, z), *j = r ? matrix(r, z, true) : NULL;
    tg_set_grad_enabled(e->tape, grad);
    return j ? tg_sub(z, solve(j, r, false)) : NULL;
}

/* ---- public ------------------------------------------------------------------------------------------------------------ */

static tg_status check(tg_tape *t, const tg_node *z, tg_fn f, tg_tensor *const *inputs, int n, const tg_implicit_options *o)
{
    if (!f || (!inputs && n > 0)) return tg_fail_on(t, TG_ERR_NULL, FUNCTION, "%s is NULL", f ? "the list of inputs" : "the function");
    if (n < 0) return tg_fail_on(t, TG_ERR_ARG, FUNCTION, "the number of inputs is %d", n);
    if ((unsigned)o->kind > TG_IMPLICIT_MINIMUM) return tg_fail_on(t, TG_ERR_ARG, FUNCTION, "the kind is %d, which is no tg_implicit_kind", (int)o->kind);
    if (o->order < 0 || o->order > 15) return tg_fail_on(t, TG_ERR_ARG, FUNCTION, "the order of derivatives is %d; it is 1 to 15, or 0 for 1", o->order);
    if (!tg_dtype_is_float((tg_dtype)z->dtype)) return tg_fail_on(t, TG_ERR_DTYPE, FUNCTION, "z is %s; it is float32 or float64", tg_dtype_name((tg_dtype)z->dtype));
    for (int i = 0; i < n; i++) {
        const tg_node *x = tg_check(inputs[i], FUNCTION);
        if (!x) return inputs[i] ? TG_ERR_STALE : tg_fail_on(t, TG_ERR_NULL, FUNCTION, "input %d is NULL", i);
        if (x->tape != t) return tg_fail_on(t, TG_ERR_TAPE, FUNCTION, "the tensors belong to different tapes");
    }
    return TG_OK;
}

tg_tensor *tg_implicit(tg_fn f, void *ctx, tg_tensor *z, tg_tensor *const *inputs, int n_inputs, const tg_implicit_options *options)
{
    const tg_implicit_options o = options ? *options : (tg_implicit_options){0};
    const tg_node            *n = tg_check(z, FUNCTION);
    if (!n) return NULL;
    tg_tape *t = n->tape;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, FUNCTION) || check(t, n, f, inputs, n_inputs, &o) != TG_OK) return NULL;
    tg_tensor **in = tg_value_room(t, ((size_t)n_inputs + 1) * sizeof *in);
    if (!in) return NULL;
    for (int i = 0; i < n_inputs; i++) in[i + 1] = inputs[i];
    const equation e = {.tape = t, .f = f, .ctx = ctx, .in = in, .shape = n->shape, .dtype = (tg_dtype)n->dtype, .kind = o.kind};
    tg_tensor     *y = with_first_derivative(&e, z);
    for (int right = 1; y && right < o.order; right = 2 * right + 1) y = newton_step(&e, y);
    return y;
}
