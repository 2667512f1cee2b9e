/* lbfgs.h - L-BFGS, an optimizer that calls the loss itself. Part of tapegrad.h. */
#ifndef TAPEGRAD_LBFGS_H
#define TAPEGRAD_LBFGS_H

#include <tapegrad/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- L-BFGS ---------------------------------------------------------------------------------------------------------
 * A quasi-Newton method for losses without noise, such as fits to all data at once: directions come from the latest pairs of differences
 * between parameters and between gradients. Nocedal 1980; Nocedal, Wright 2006, algorithms 7.4 and 3.5. As PyTorch's LBFGS. It belongs to its
 * tape and is freed with it. */

typedef struct tg_lbfgs tg_lbfgs;

typedef struct tg_lbfgs_options {
    double            lr;               /* length of a step along the direction, with strong_wolfe that of the first try; usually 1 */
    int               max_iter;         /* directions in one tg_lbfgs_step; usually 20 */
    int               max_eval;         /* no further direction is tried after so many calls of the loss; usually 5/4 max_iter */
    double            tolerance_grad;   /* ends when no element of the gradient is larger; usually 1e-7 */
    double            tolerance_change; /* ends when neither loss nor any parameter changes by more; usually 1e-9 */
    int               history_size;     /* pairs that are kept; usually 100 */
    bool              strong_wolfe;     /* a line search for the length: sufficient decrease (1e-4) and curvature (0.9), by cubic interpolation
                                         * in at most 25 calls; without: steps of length lr, wherever they lead */
    tg_tensor *const *params;           /* parameters, or kept tensors that require grad; NULL: all parameters that the tape has at a step */
    int               n_params;
} tg_lbfgs_options;

/* Memory is taken at the first step: 8 bytes for each element, 6 + 2 history_size times as the history fills. TG_ERR_ARG for numbers that
 * are negative or not finite, and counts beyond a million. */
TG_API tg_lbfgs *tg_lbfgs_new(tg_tape *tape, const tg_lbfgs_options *options);

/* Records a loss of one element from the parameters as they are. It may do everything but reset the tape or free it. NULL: it failed. */
typedef tg_tensor *(*tg_loss_fn)(void *ctx);

/* Takes up to max_iter directions, and calls loss(ctx) for the loss and its gradient as often as that takes. The tape is reset before each call
 * and at the end: what loss uses is kept, a parameter, or made in it. *value (may be NULL) gets the loss before the step. Gradients of the
 * parameters that were there are overwritten, and used up. It computes in float64 and rounds parameters to their dtype.
 *
 * Further calls go on where the latest one ended. Where the parameters are others by then, or have other sizes, they begin anew with the
 * gradient. TG_ERR_ARG when the loss or its gradient is not finite where the step begins (a line search that meets such a point goes
 * back); TG_ERR_NULL when loss gives NULL; the loss's own errors, out of memory. After an error parameters are what the latest complete
 * direction left, and the tape and the optimizer can go on. */
TG_API tg_status tg_lbfgs_step(tg_lbfgs *lbfgs, tg_loss_fn loss, void *ctx, double *value);

TG_API int64_t tg_lbfgs_iterations(const tg_lbfgs *lbfgs);  /* directions taken since it was made or began anew; -1 for NULL */
TG_API int64_t tg_lbfgs_evaluations(const tg_lbfgs *lbfgs); /* calls of the loss since it was made; -1 for NULL */
TG_API void    tg_lbfgs_free(tg_lbfgs *lbfgs); /* before the tape's end, where wished; NULL is allowed */

#ifdef __cplusplus
}
#endif
#endif
