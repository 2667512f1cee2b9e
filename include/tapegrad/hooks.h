/* hooks.h - functions of yours that see gradients on their way, and gradients of results that stay. Part of tapegrad.h. docs/hooks.md shows them at
 * work. */
#ifndef TAPEGRAD_HOOKS_H
#define TAPEGRAD_HOOKS_H

#include <tapegrad/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- hooks ----------------------------------------------------------------------------------------------------------
 *
 * A hook gets the gradient of a tensor, of its shape and dtype, when all of it has arrived and before it goes on to what the tensor was computed
 * from. What it returns goes on in its place: g itself, where nothing is to change, or another tensor of the same shape and dtype, made by ops of
 * whatever is recorded. NULL: an error, the backward ends with it. So a chain of ops is returned as it is:
 *
 *     static tg_tensor *halve(void *ctx, tg_tensor *g) { return tg_mul_s(g, 0.5); }
 *     h = tg_register_hook(tg_relu(z), halve, NULL);
 *
 * Gradients are recorded before they are computed, so a hook finds no values. To look at g it says tg_want(g), keeps g's handle, and whoever called
 * the backward reads it afterwards, until tg_reset. Beside that a hook records ops and asks for shapes and the like; reading values, evaluating,
 * differentiating, updating and resetting in it is TG_ERR_ARG. With create_graph what it records is differentiated as everything else is.
 *
 * All backwards call hooks, tg_grad and tg_vjp too (of a tensor that is one of their inputs, they give what the hook returned), each time, and those
 * for chosen leaves where the tensor is on a way to one of them. Where no gradient arrives no hook is called. Of a leaf a hook gets what this
 * backward brings, not what is added to; forward mode (tg_jvp) has no gradients and calls none. */
typedef tg_tensor *(*tg_hook_fn)(void *ctx, tg_tensor *g);

/* From now on gradients of x pass fn(ctx, g); several hooks of a tensor are called in the order in which they were registered, each with what the one
 * before returned. They stay as long as the tensor: those of parameters and kept tensors outlive tg_reset. Returns x; NULL after an error, such as
 * TG_ERR_GRAD for an x that does not require grad. */
TG_API tg_tensor *tg_register_hook(tg_tensor *x, tg_hook_fn fn, void *ctx);

/* Takes away the hook of x that was registered with this fn and ctx, the latest one if it was registered several times. TG_ERR_ARG where there is
 * none. */
TG_API tg_status tg_remove_hook(tg_tensor *x, tg_hook_fn fn, void *ctx);

/* ---- gradients of results -------------------------------------------------------------------------------------------- */

/* A result has a gradient while a backward is under way, and none afterwards. After tg_retain_grad it has: the backwards that come by (tg_backward and
 * its like; tg_grad touches nobody's gradient) leave it in tg_grad_of(x) until tg_reset, what hooks made of it. Several add theirs up, until an
 * optimizer's step: the next one begins anew. Of a leaf that is so anyway. Returns x; NULL after an error, such as TG_ERR_GRAD for an x that does not
 * require grad. */
TG_API tg_tensor *tg_retain_grad(tg_tensor *x);

#ifdef __cplusplus
}
#endif
#endif
