/* derivative.h - derivatives beside gradients: products with Jacobians and Hessians, and these themselves. Part of tapegrad.h. */
#ifndef TAPEGRAD_DERIVATIVE_H
#define TAPEGRAD_DERIVATIVE_H

#include <tapegrad/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- derivatives of tensors of the recording ------------------------------------------------------------------------
 *
 * All of these take tensors that the recording has: outputs y, and the inputs x by which they are differentiated, f32 or f64, leaves or results.
 * Inputs need not require grad. A derivative goes where gradients go: not through integers, tg_detach, what was recorded with gradients off, or a result
 * that was made a leaf. What does not depend on an input has the derivative 0, and no error.
 *
 * Results are new tensors, recorded and computed on demand like everything else: those that are read together, and the values, are computed in one pass.
 * create_graph: they can be differentiated again, by any of these functions and by gradients; without it they are constants. So
 * derivatives of any order are had by calling one on the results of another.
 *
 * Errors: TG_ERR_DTYPE for tensors of integers, TG_ERR_SHAPE for shapes that do not fit together, TG_ERR_TAPE and TG_ERR_STALE for tensors of
 * another tape and dropped ones, TG_ERR_GRAD for an op that has no derivative. Results are NULL then. */

/* Forward mode. results[j] = sum_k (d outputs[j] / d inputs[k]) tangents[k], of outputs[j]'s shape: how the outputs change when the inputs move along
 * the tangents. A tangent has its input's shape and dtype; NULL: zero. Costs some two forward passes, however many outputs there are.
 * Many tangents at once: all that are there have one more axis before their own, of the same size, and so have the results; products with matrices
 * serve all of them together.
 * Where an input is computed from another one both move it: its own tangent and what the other's makes of it.
 * See Griewank and Walther, Evaluating Derivatives, 2008, chapter 3. */
TG_API tg_status tg_jvp(tg_tensor *const *outputs, int n_outputs, tg_tensor *const *inputs, tg_tensor *const *tangents, int n_inputs,
                        bool create_graph, tg_tensor **results);

/* Reverse mode. results[k] = sum_j seeds[j]^T (d outputs[j] / d inputs[k]), of inputs[k]'s shape: what tg_grad gives, for inputs that need not require
 * grad. A seed has its output's shape and dtype; NULL: ones, for an output of one element. Many seeds at once: as many tangents. */
TG_API tg_status tg_vjp(tg_tensor *const *outputs, tg_tensor *const *seeds, int n_outputs, tg_tensor *const *inputs, int n_inputs,
                        bool create_graph, tg_tensor **results);

/* ---- whole derivatives ------------------------------------------------------------------------------------------------ */

typedef enum tg_derivative_mode {
    TG_MODE_BY_SIZE = 0, /* reverse where y has no more elements than x, else forward */
    TG_MODE_FORWARD,     /* a tangent for each element of x */
    TG_MODE_REVERSE,     /* a seed for each element of y */
} tg_derivative_mode;

typedef struct tg_jacobian_options {
    tg_derivative_mode mode;
    int64_t            chunk;        /* so many tangents or seeds at once, which takes as many times the memory of one; 0: all of them */
    bool               create_graph;
} tg_jacobian_options;

/* The Jacobian dy/dx, whose shape is y's followed by x's: element (i, j) is dy_i/dx_j. options NULL: the usual ones. */
TG_API tg_tensor *tg_jacobian(tg_tensor *y, tg_tensor *x, const tg_jacobian_options *options);

/* The Hessian d²y/dx² of a y of one element, whose shape is x's twice. It is the Jacobian of the gradient, forward over reverse usually, and symmetric
 * up to roundings: nothing makes it so. */
TG_API tg_tensor *tg_hessian(tg_tensor *y, tg_tensor *x, const tg_jacobian_options *options);

/* ---- products with Hessians -------------------------------------------------------------------------------------------- */

/* results[k] = sum_l (d²y / d inputs[k] d inputs[l]) vectors[l], of inputs[k]'s shape, for a y of one element: forward mode over the gradient, at some
 * two gradients' cost (B. A. Pearlmutter, Fast exact multiplication by the Hessian, Neural Computation 6, 1994). Vectors as in tg_jvp, also many at
 * once. */
TG_API tg_status tg_hvp(tg_tensor *y, tg_tensor *const *inputs, tg_tensor *const *vectors, int n_inputs, bool create_graph, tg_tensor **results);

/* The same with the Gauss-Newton matrix J^T H J instead, J = dz / d inputs and H = d²y/dz²: the Hessian of y by inputs without the curvature of z, a
 * network's outputs say, of which y is a loss. It is positive semidefinite where y is convex in z (N. N. Schraudolph, Fast curvature matrix-vector
 * products for second-order gradient descent, Neural Computation 14, 2002). y depends on the inputs by way of z alone. */
TG_API tg_status tg_gnvp(tg_tensor *y, tg_tensor *z, tg_tensor *const *inputs, tg_tensor *const *vectors, int n_inputs, bool create_graph,
                         tg_tensor **results);

/* The Laplacian sum_j d²y/dx_j². Of a y of one element: over all elements of x, with y's shape. Of several samples, y [N…] or [N…,1] and x [N…,D]: for
 * each sample the sum over its D coordinates, with y's shape; y of a sample depends on x of that sample alone. By forward mode twice along each
 * coordinate: as many second tangents as there are coordinates. */
TG_API tg_tensor *tg_laplacian(tg_tensor *y, tg_tensor *x, bool create_graph);

#ifdef __cplusplus
}
#endif
#endif
