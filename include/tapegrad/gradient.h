/* gradient.h - gradients: backward passes, and what they leave behind. Part of tapegrad.h. */
#ifndef TAPEGRAD_GRADIENT_H
#define TAPEGRAD_GRADIENT_H

#include <tapegrad/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- gradients ---------------------------------------------------------------------------------------------------- */

/* Whose gradients. A gradient belongs to a leaf, a tensor where gradients end: parameters, and what tg_set_requires_grad made one. It is there
 * until it is used or forgotten, and a backward adds to one that is there: so the gradients of several small batches make one of a large
 * batch. tg_step uses up the gradients of its optimizer's parameters, and the next backward begins anew with them.
 *
 *   tg_minimize(opt, loss);            is right where nothing is to be done between backward and step, with any number of optimizers: gradients
 *                                      are computed for the optimizer's own parameters, and nobody else's are touched
 *   tg_optim_backward(opt, loss);      the same in parts: here gradients can be looked at, clipped (tg_clip_grad_norm), or those of further
 *   tg_step(opt);                      losses added
 *
 * tg_backward(loss) gives a gradient to every leaf that the loss depends on, also to those that the next step does not update. What it gives
 * these would pile up from step to step. So it is an error, TG_ERR_GRAD, when tg_backward (or tg_backward_seed) would add to a gradient that
 * was there before the latest tg_step on the tape: a step that did not use it. The sentence names the leaf. Who does want to add to it says
 * so: tg_backward_into and tg_optim_backward add to what they are told to. */

/* Computes loss and d loss / d leaf for every leaf it depends on, adding to gradients that are already there. loss has one element and
 * its value is held. TG_ERR_GRAD when it depends on nothing that requires grad, and when it would add to a gradient from before the latest
 * step; gradients stay as they were. */
TG_API tg_status tg_backward(tg_tensor *loss);

/* The same for any output y, with the seed v of y's shape and dtype: adds v^T dy/dleaf. y's own value is held only if it was wanted. */
TG_API tg_status tg_backward_seed(tg_tensor *y, tg_tensor *seed);

/* d loss / d leaf for these n different leaves alone, added to the gradients that they have. What is not on a way from the loss to one of
 * them is not looked at. A leaf that the loss does not depend on stays as it is; TG_ERR_GRAD when that holds for all of them, when one does
 * not require grad, or is a result (tg_grad has gradients of results). */
TG_API tg_status tg_backward_into(tg_tensor *loss, tg_tensor *const *leaves, int n);

/* Makes a tensor one that gradients are computed for, a leaf, or one that none are computed for: a frozen parameter gets no gradient, and
 * optimizers and clipping pass it over, whatever gradient it has from before, until it is thawed. f32 and f64 only. Returns t, so that it can
 * be said where a tensor is made; NULL after an error. It is one, TG_ERR_GRAD, to ask for gradients of what was used in this recording already
 * by what did not require grad: no gradient would come back from there. Freezing what was used is no error: its gradients end at once. A
 * result that requires grad can't be frozen; tg_detach stops a gradient. */
TG_API tg_tensor *tg_set_requires_grad(tg_tensor *t, bool on);

/* The gradient of a leaf, of the leaf's shape and dtype; NULL (no error) when there is none. Gradients of other leaves than parameters and
 * kept tensors go with them, at tg_reset.
 * The handle of a parameter's or kept tensor's gradient names the same tensor from then on, whatever it holds, until tg_zero_grad or the end
 * of its leaf: what the latest backwards added up to. tg_step uses a gradient up: it can still be read, clipping and the next tg_step pass it
 * over, and the next backward that reaches the leaf overwrites it instead of adding to it. A backward that fails leaves gradients as they
 * were, except that one which was used up may be gone. Writing to a gradient (tg_assign, tg_copy_from, tg_set_grad) makes it a new one. */
TG_API tg_tensor *tg_grad_of(const tg_tensor *leaf);

/* Large tables of which a step reads a few rows: with `on` the gradient of a parameter or kept tensor, f32 or f64 of at least 1 dimension, stays a
 * set of rows where it comes from tg_embedding and tg_index_select (along axis 0) alone: those that were read, each once, added up in double. A
 * step of an optimizer, clipping, and memory then cost what these rows cost, however many rows there are beside them. tg_sgd, tg_adagrad, tg_adam
 * and the others update those rows and their states alone, and leave all others as they are (lazily: no momentum, decay of moments or weight
 * decay there; Adam's corrections count the tensor's steps, as PyTorch's SparseAdam does). tg_lamb, which measures whole tensors, spreads it
 * over all rows first, as does tg_grad_of, and so does a backward that brings a gradient from elsewhere, too. Without `on`: all rows again.
 * Returns leaf; NULL after an error. */
TG_API tg_tensor *tg_set_row_gradient(tg_tensor *leaf, bool on);
/* The rows of such a gradient: how many; *rows, which they are, ascending, and *values, theirs, one behind the other, of the leaf's dtype. Valid
 * until the next backward, step or tg_zero_grad; either may be NULL. -1: there is no such gradient; no error. */
TG_API int64_t tg_row_gradient_of(const tg_tensor *leaf, const int64_t **rows, const void **values);

/* Makes value the leaf's gradient, as if a backward had computed it: a copy of it, of the leaf's shape and dtype. NULL: takes the gradient
 * away, so that its handle is stale. */
TG_API tg_status tg_set_grad(tg_tensor *leaf, tg_tensor *value);

/* Forgets the gradients of all parameters and kept tensors of the tape; their handles become stale. */
TG_API tg_status tg_zero_grad(tg_tape *tape);

/* grads[k] = sum_j d(seeds[j]^T outputs[j]) / d inputs[k], as new tensors, without touching anyone's gradient.
 * seeds NULL, or seeds[j] NULL: ones, for one-element outputs. inputs may be leaves or intermediate results that require grad.
 * An input that no output depends on gets zeros, so that derivatives that vanish, as the second of 3 x does, are zeros; TG_ERR_GRAD when no output
 * requires grad and one was recorded with gradients off, as a gradient without create_graph is: it may depend on the inputs, and nobody noted
 * how. create_graph: the results can be differentiated again. They are recorded, and computed on demand like everything else. */
TG_API tg_status tg_grad(tg_tensor *const *outputs, tg_tensor *const *seeds, int n_outputs, tg_tensor *const *inputs,
                         int n_inputs, bool create_graph, tg_tensor **grads);

/* t's value without its history: gradients stop here. */
TG_API tg_tensor *tg_detach(tg_tensor *t);

/* Infinities and NaN in gradients.
 *
 * What is not used has gradient exactly 0, in derivatives of every order, whatever it holds: the side that tg_where does not take, what
 * tg_masked_fill, a slice, an index or a seed of 0 leaves out. So a gradient of 0 counts as unused, and 0 times an infinite slope is 0,
 * also where it is a limit that the product would have: d/dx sqrt(x)^2 at 0 comes out as 0 and not 1, and the second derivative of |x|^2,
 * written as the square of tg_sqrt(sum x^2), as something other than 2 at 0. tg_abs and the sum of squares itself have no such place.
 * Products are the exception: tg_matmul, tg_linear and tg_conv2d add up 0 inf as NaN. An unused row of an operand that is not finite has
 * gradient 0 itself, but makes the other operand's NaN; select it away before the product, too.
 *
 * What is used passes NaN on: where the slope depends on an element that is NaN, its gradient is NaN, also where the op goes by
 * comparisons (tg_abs, tg_relu, tg_maximum, tg_amax, tg_max_pool2d …). Selection by a condition, tg_where, does not look at what it
 * selects, and sums, shapes and indices have the same slope everywhere: there the gradient arrives as it is. */

#ifdef __cplusplus
}
#endif
#endif
