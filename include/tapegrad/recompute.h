/* recompute.h - functions whose inner values are computed again for the gradient instead of kept. Part of tapegrad.h. docs/hooks.md shows it at work. */
#ifndef TAPEGRAD_RECOMPUTE_H
#define TAPEGRAD_RECOMPUTE_H

#include <tapegrad/check.h>

#ifdef __cplusplus
extern "C" {
#endif

/* outputs = fn(inputs), of which nothing but inputs and outputs is kept for the gradient: when a backward comes by, fn is recorded once more from the
 * same inputs, and its gradient goes through that. A chain of n layers in pieces of sqrt(n) takes about the square root of the memory and one more
 * forward pass (T. Chen et al., Training deep nets with sublinear memory cost, 2016, arXiv:1604.06174); pieces may lie in each other. Random ops draw the
 * same numbers both times, and values and gradients have the bits that they have without, as far as sums do that are computed in another company.
 *
 * fn is called now and in each backward. It records the same ops each time, of its inputs and of what was there before (parameters and the like, which
 * get their gradients as ever), and writes n_outputs tensors; ctx, and what it points at, has to be there and unchanged until the last backward. In fn
 * ops are recorded and nothing else is done with the tape: reading values, evaluating, keeping, and tg_want, as by tg_batch_norm for its running
 * statistics, are TG_ERR_ARG. inputs are at least one, of any dtype and shape.
 *
 * The saving is that of "fused"; "reference" keeps whatever it computes. With create_graph the second derivative goes through what was recorded again.
 * Forward mode and tg_vmap go through the first recording.
 * Errors: those of fn; TG_ERR_GRAD in the backward when fn gives other shapes or dtypes the second time, or uses a tensor that was recorded after it;
 * TG_ERR_STALE where a parameter it reads was overwritten in between. outputs are NULL then. */
TG_API tg_status tg_recompute(tg_fn_several fn, void *ctx, tg_tensor *const *inputs, int n_inputs, tg_tensor **outputs, int n_outputs);

#ifdef __cplusplus
}
#endif
#endif
