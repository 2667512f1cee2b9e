/* vmap.h - functions of one sample for a batch of them, and gradients of each sample. Part of tapegrad.h. docs/vectorising.md shows them at work. */
#ifndef TAPEGRAD_VMAP_H
#define TAPEGRAD_VMAP_H

#include <tapegrad/check.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- vectorising -------------------------------------------------------------------------------------------------------
 *
 * What was recorded for one sample is recorded once more for a batch, op by op: a product of a vector with a matrix becomes one of a matrix, and so
 * on. What was recorded for the one sample costs no arithmetic, since nobody reads it:
 *
 *     tg_tensor *x = tg_zeros(t, TG_SHAPE(784)), *y = f(x);            a placeholder, and a function of one sample
 *     tg_tensor *Y;                                                    X [128,784] gives Y [128,…]
 *     tg_vmap(&y, 1, &x, &X, 1, NULL, &Y);
 *
 * The results are ops like others: they can be differentiated, and vectorised again. Each sample is computed as alone, up to roundings: sums and
 * products may be added up in another order. */

#define TG_NOT_BATCHED (-1000) /* an axis that no tensor has: says that an input is the same for all samples */

/* What random numbers are that were recorded behind the first placeholder, and so are the function's. (A parameter or kept tensor that is a placeholder
 * is where it is read first.) Those that are drawn once more, by a tg_recompute in the gradient or after the same tg_seed, are the same once more; and for
 * all samples where the first time was before the placeholders. */
typedef enum tg_randomness {
    TG_RANDOM_DIFFERENT = 0, /* each sample draws its own */
    TG_RANDOM_SAME,          /* all samples have those that were drawn for one. Where they depend on the sample (tg_multinomial, tg_standard_gamma) they
                                can't be, which is an error */
} tg_randomness;

typedef struct tg_vmap_options {
    const int *in_axes;  /* of each input the axis along which the samples lie, from the end where it is negative; or TG_NOT_BATCHED. NULL: the first */
    const int *out_axes; /* of each result the axis where the samples are to lie. NULL: the first */
    tg_randomness randomness;
    bool one_by_one; /* ops that have no rule for batches (tg_op.batch) are recorded for one sample after the other, instead of an error that names them */
} tg_vmap_options;

/* results[k] = outputs[k] for a batch: outputs were recorded from `placeholders`, n_inputs different tensors of one sample; inputs[i], of the
 * placeholder's dtype, has its shape with the batch's axis besides, of which at least one input has to be; all have the same size, which may be 0. An
 * output that depends on no placeholder is the same for all samples, and is expanded. Whatever else the outputs depend on stays as it is, for all
 * samples.
 * Errors: TG_ERR_SHAPE and TG_ERR_DTYPE where an input does not fit its placeholder or the batch sizes differ, and where something would have more than
 * 8 axes with the batch's; TG_ERR_UNSUPPORTED where an op has no rule; TG_ERR_STALE where what was recorded reads a parameter or kept tensor that has been
 * overwritten since; TG_ERR_ARG where a value between placeholders and outputs was read before, also by what chooses elements by a mask (tg_masked_select):
 * it is one of the placeholder's own values, which says nothing of the samples. results are NULL then. */
TG_API tg_status tg_vmap(tg_tensor *const *outputs, int n_outputs, tg_tensor *const *placeholders, tg_tensor *const *inputs, int n_inputs,
                         const tg_vmap_options *options, tg_tensor **results);

/* The same of a function: f gets placeholders of the shape of one sample, which require grad where the input does, and writes n_results outputs. Its
 * inputs are n_inputs different tensors. Reading values in it is an error, TG_ERR_ARG, and so is asking
 * for them by tg_want, as tg_batch_norm does for the next running statistics. */
TG_API tg_status tg_vmap_fn(tg_fn_several f, void *ctx, tg_tensor *const *inputs, int n_inputs, const tg_vmap_options *options, tg_tensor **results,
                            int n_results);

/* ---- gradients of each sample ------------------------------------------------------------------------------------------- */

typedef struct tg_per_sample_options {
    tg_vmap_options vmap; /* where the samples lie, what is random; out_axes has no meaning here */
    tg_tensor **losses;   /* gets the loss of each sample, [B] */
    tg_tensor **norms;    /* gets the 2-norm of each sample's gradients of all parameters together, [B]; before clipping */
} tg_per_sample_options;

/* loss(ctx, one) records the loss, one element, of one sample, from placeholders as tg_vmap_fn makes them. inputs are the samples' parts, such as x [B,…]
 * and labels [B]. params are n_params tensors that require grad.
 *
 * grads[k] [B, the shape of params[k]] = d loss_i / d params[k] for each sample i: as many gradients as there are samples, that is B times the memory of the
 * parameters for who reads them. NULL: they are not wanted; the norms alone cost no more than a backward, since of linear layers, embeddings and
 * products of sequences they come from their factors. They are ops like others, but record no gradients of their own.
 * Errors are those of tg_vmap_fn and tg_grad; all results are NULL then. */
TG_API tg_status tg_per_sample_grad(tg_fn loss, void *ctx, tg_tensor *const *inputs, int n_inputs, tg_tensor *const *params, int n_params,
                                    const tg_per_sample_options *options, tg_tensor **grads);

/* grads[k] = sum_i min(1, max_norm / |g_i|) d loss_i / d params[k], |g_i| the 2-norm of sample i's gradients of all params together: each sample's
 * gradient is clipped to max_norm, and they are added up. What DP-SGD adds noise to (Abadi et al. 2016, arXiv:1607.00133); tg_set_grad makes it a
 * parameter's gradient. One backward is recorded: gradients of single samples are not written out where they are products.
 * Where a sample's gradient is 0 nothing is clipped; where it is not finite, the sum is not. max_norm is finite and more than 0. */
TG_API tg_status tg_clipped_sum_grad(tg_fn loss, void *ctx, tg_tensor *const *inputs, int n_inputs, tg_tensor *const *params, int n_params,
                                     double max_norm, const tg_per_sample_options *options, tg_tensor **grads);

#ifdef __cplusplus
}
#endif
#endif
