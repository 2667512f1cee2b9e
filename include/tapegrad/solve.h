/* solve.h - solvers over functions of tensors: linear systems without a matrix, minima, least squares, differential equations. Part of tapegrad.h.
 * docs/solvers.md shows them at work. */
#ifndef TAPEGRAD_SOLVE_H
#define TAPEGRAD_SOLVE_H

#include <tapegrad/check.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what holds for all of them --------------------------------------------------------------------------------------
 *
 * They call the caller's function, f, as often as it takes, with fresh tensors in place of the unknowns, of the shapes and dtypes of those that
 * were given, f32 or f64, and read what it gives. f may use whatever else is on the tape; it can neither reset nor free it. What a call records is
 * dropped after it, so that memory does not grow with the number of calls. The arithmetic between the calls is float64.
 *
 * Results are new leaves, constants: how they depend on what f is made of is not recorded. They are written when the function returns TG_OK, also
 * where it did not come to its end within max_iter: the report tells. Otherwise they are NULL.
 *
 * Errors: TG_ERR_NULL, TG_ERR_STALE and TG_ERR_TAPE for what is given; TG_ERR_DTYPE for integers; TG_ERR_SHAPE where f gives another shape than it
 * should; TG_ERR_ARG for options out of range, and where f is not finite at the start; f's own errors. */
typedef struct tg_solve_report {
    bool    converged;
    int     iterations; /* steps that were taken */
    int64_t calls;      /* of f, and products with its matrix or Hessian */
    double  value;      /* the function at the result: of tg_newton_cg f, of tg_levenberg_marquardt |r|^2 / 2; else 0 */
    double  residual;   /* how far off: |b - A x|, the largest element of the gradient; of tg_ode the largest error that a step was estimated to have, where
                         * 1 is what was allowed */
} tg_solve_report;

/* ---- linear systems ---------------------------------------------------------------------------------------------------
 * x of A x = b by conjugate gradients, A symmetric and positive definite, known by its products alone: f(ctx, {v}) gives A v, of v's shape
 * (Hestenes, Stiefel 1952; Nocedal, Wright 2006, algorithm 5.3). Products with Hessians and Gauss-Newton matrices (tg_hvp, tg_gnvp) are such.
 * TG_ERR_ARG where A shows not to be positive definite: v^T A v <= 0. */
typedef struct tg_cg_options {
    double     rtol, atol;     /* ends when |b - A x| <= max(rtol |b|, atol); usually 1e-5 and 0, as SciPy's cg */
    int        max_iter;       /* usually ten times the number of unknowns */
    tg_tensor *start;          /* x at first; NULL: 0 */
    tg_fn      preconditioner; /* gives about A^-1 v, symmetric and positive definite too, with the same ctx; NULL: v */
} tg_cg_options;
TG_API tg_status tg_conjugate_gradient(tg_fn f, void *ctx, tg_tensor *b, const tg_cg_options *options, tg_tensor **x, tg_solve_report *report);

/* ---- minima -----------------------------------------------------------------------------------------------------------
 * x[n] for which f(x), of one element, is least, near x0: Newton's method, each direction by conjugate gradients with products with the Hessian,
 * which end early far from the minimum and where curvature is negative; steps are halved until the decrease is 1e-4 of what the slope promises
 * (Nocedal, Wright 2006, algorithm 7.1). */
typedef struct tg_newton_cg_options {
    double tolerance_grad; /* ends when no element of the gradient is larger; usually 1e-8 */
    int    max_iter;       /* usually 200 */
    int    max_cg;         /* products for a direction; usually twice the number of unknowns */
    bool   full_steps;     /* Newton's method itself: directions to the end, and steps whole, also uphill. Fast near a minimum, and anywhere or nowhere from
                            * afar */
} tg_newton_cg_options;
TG_API tg_status tg_newton_cg(tg_fn f, void *ctx, tg_tensor *const *x0, int n, const tg_newton_cg_options *options, tg_tensor **x,
                              tg_solve_report *report);

/* ---- least squares ------------------------------------------------------------------------------------------------------
 * x[n] for which |r(x)|^2 is least, near x0, r = f(x) of any shape: Levenberg and Marquardt's method, (J^T J + m D) d = -J^T r with D the diagonal of
 * J^T J, and m by how well the model foretold the decrease (Marquardt 1963; Nielsen 1999; Madsen, Nielsen, Tingleff 2004). The Jacobian J is
 * whole, by tg_jacobian, and the system is solved by Cholesky: for up to some hundreds of unknowns. */
typedef struct tg_least_squares_options {
    double gtol;     /* ends when no element of J^T r is larger; usually 1e-10 */
    double xtol;     /* ends when a step is shorter than xtol |x|; usually 1e-12 */
    double damping;  /* m at first; usually 1e-3 */
    int    max_iter; /* steps that are tried; usually 200 */
} tg_least_squares_options;
TG_API tg_status tg_levenberg_marquardt(tg_fn f, void *ctx, tg_tensor *const *x0, int n, const tg_least_squares_options *options, tg_tensor **x,
                                        tg_solve_report *report);

/* ---- differential equations --------------------------------------------------------------------------------------------- */

/* f of dy/dt = f(t, y): gives y's shape and dtype. */
typedef tg_tensor *(*tg_ode_fn)(void *ctx, double t, tg_tensor *y);

typedef struct tg_ode_options {
    double rtol, atol;   /* usually 1e-6 and 1e-9 */
    double first_step;   /* usually by the size of y and f */
    int    max_iter;     /* steps that are tried; usually 10,000; converged is false, and y that of where it ended, when they are used up */
} tg_ode_options;

/* y(to) of dy/dt = f(t, y), y(from) = y0, by Dormand and Prince's pair of Runge-Kutta formulas of order 5 and 4, whose difference chooses the step
 * (Dormand, Prince 1980; Hairer, Norsett, Wanner 1993, II.4): errors of a step are kept below atol + rtol |y| (root mean square over the elements, as in
 * SciPy's RK45). to may lie before from. f gives y's shape and dtype. Not for stiff equations, for which steps become very small. */
TG_API tg_status tg_ode(tg_ode_fn f, void *ctx, tg_tensor *y0, double from, double to, const tg_ode_options *options, tg_tensor **y, tg_solve_report *report);

/* The gradient of a loss L(y(to)) from its gradient by y(to), by y0 and by n tensors that f uses, which require grad (n may be 0): the adjoint a = dL/dy
 * goes back in time, da/dt = -a^T df/dy, together with y and the integral of a^T df/dparams, so that memory does not grow with the number of steps
 * (Pontryagin 1962; Chen et al. 2018, arXiv:1806.07366). y: y(to), as tg_ode gave it. Its accuracy is that of the options, not of roundings. grads[n]
 * have the params' shapes and dtypes: tg_set_grad makes them a parameter's gradient. */
TG_API tg_status tg_ode_adjoint(tg_ode_fn f, void *ctx, tg_tensor *y, double from, double to, tg_tensor *grad_y, tg_tensor *const *params, int n,
                                const tg_ode_options *options, tg_tensor **grad_y0, tg_tensor **grads, tg_solve_report *report);

#ifdef __cplusplus
}
#endif
#endif
