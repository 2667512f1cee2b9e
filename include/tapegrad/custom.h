/* custom.h - gradients that are not those of the ops a value was made by: rules of your own, and implicit differentiation. Part of tapegrad.h. docs/hooks.md
 * shows them at work. */
#ifndef TAPEGRAD_CUSTOM_H
#define TAPEGRAD_CUSTOM_H

#include <tapegrad/check.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- a rule for a composite ------------------------------------------------------------------------------------------ */

/* The gradient of input i from g, that of the result `out`: made by ops of whatever is recorded, of the input's dtype, and of its shape or one that
 * broadcasting made of it. It is asked once for each input that needs a gradient. Where what it records can be differentiated, so can the gradient.
 * NULL: an error. */
typedef tg_tensor *(*tg_vjp_fn)(void *ctx, tg_tensor *const *inputs, tg_tensor *out, int i, tg_tensor *g);

/* A tensor with the value of `value` and the gradient that vjp gives each of the inputs, 1 to 15: whatever value was made of, no gradient goes
 * there. A stable formula in place of the ops', one that is clipped or turned round (Ganin and Lempitsky 2015, arXiv:1409.7495), one for a value that has
 * none. ctx, and what it points at, has to be there until the last backward. (An op of one's own, tapegrad_op.h, computes its value itself; tg_straight_through
 * passes the gradient on as it is.) */
TG_API tg_tensor *tg_custom_vjp(tg_tensor *value, tg_tensor *const *inputs, int n_inputs, tg_vjp_fn vjp, void *ctx);

/* ---- implicit differentiation ---------------------------------------------------------------------------------------- */

typedef enum tg_implicit_kind {
    TG_IMPLICIT_ROOT = 0,    /* f(z, inputs) = 0, of z's shape */
    TG_IMPLICIT_FIXED_POINT, /* f(z, inputs) = z */
    TG_IMPLICIT_MINIMUM,     /* z is a minimiser, or another stationary point, of f, which has one element */
} tg_implicit_kind;

typedef struct tg_implicit_options {
    tg_implicit_kind kind;
    int              order; /* of the derivatives that will be taken; 0: 1. Each further two or so cost a Newton step, whose result is the value */
} tg_implicit_options;

/* z, which solves an equation that f says, as a function of f's inputs: its gradient is that of the solution, however z was found, by a loop of any
 * length, another library, a table. f(ctx, in) records from in[0], z, and in[1 …], the inputs; parameters that it finds elsewhere get their gradient
 * as well. n_inputs may be 0.
 *
 * With the residual r(z, inputs) that is 0 and its Jacobian J = dr/dz, which has to be regular, dz = -J^-1 dr: a backward solves one linear system with J^T
 * (Krantz and Parks, The Implicit Function Theorem, 2003). J is n × n for the n elements of z and recorded as a whole, so n is some thousands at
 * most. The derivative is as exact as z is.
 *
 * f may neither reset nor free the tape. z and f's result are f32 or f64. Errors: TG_ERR_SHAPE and TG_ERR_DTYPE where f gives what its kind does not say;
 * those of f; TG_ERR_ARG in the evaluation where J is singular. NULL after an error. options NULL: the usual ones. */
TG_API tg_tensor *tg_implicit(tg_fn f, void *ctx, tg_tensor *z, tg_tensor *const *inputs, int n_inputs, const tg_implicit_options *options);

#ifdef __cplusplus
}
#endif
#endif
