/* tapegrad.h - reverse-mode automatic differentiation on tensors, in C.
 *
 * What a model writer needs. The parts included below can be read one after the other. Op writers continue in tapegrad_op.h.
 *
 *   tg_tape   *t = tg_tape_new(NULL);
 *   tg_tensor *w = tg_param(t, "w", tg_glorot(t, TG_SHAPE(3, 1)));
 *   tg_tensor *x = tg_from_f32(t, TG_SHAPE(4, 3), x_data), *y = tg_from_f32(t, TG_SHAPE(4, 1), y_data);
 *   tg_tensor *loss = tg_mse(tg_matmul(x, w), y);     recorded; nothing is computed yet
 *   tg_minimize(opt, loss);                           computes the loss and the gradient of w, and updates w
 *   tg_reset(t);                                      everything goes but the parameters
 *
 * Ownership. Everything lives on a tape. tg_reset() drops all of it except parameters and what tg_keep() kept;
 * tg_tape_free() drops the rest. Nobody frees a temporary, so expressions nest. A handle used after its tape was reset
 * is an error with a message, not a crash. Every op gives a tensor of its own, also where it changes nothing (a reshape to
 * the same shape, dropout with p = 0): never one of its inputs.
 *
 * Values on demand. An op call checks shapes and dtypes at once and computes nothing. Values are computed when somebody
 * needs them: tg_minimize, tg_backward, tg_eval, tg_item, tg_data, tg_keep, printing, saving. What such a call did not ask for is not
 * held: asking for it later computes it again, in the last bits not always the same (sums are added up in pieces, whose size depends on
 * what else is computed). A tensor means the value it had with the parameters and kept tensors as they were when it was recorded: where one
 * of them was overwritten or released since and the value is not held, reading or differentiating it is an error (TG_ERR_STALE), never a
 * number made of the new values.
 *
 * Errors. Nothing here aborts. A wrong call composes one sentence, stores it as the tape's first error (tg_error), hands
 * it to the tape's error handler (by default one line on stderr) and returns NULL or a status. In a sentence control characters, of file
 * names and the like, are replaced by '?'. It begins with the function that was called; where another one that it is made of met the error,
 * or an op that it computes, that one's name follows. Every op takes NULL and returns NULL, so an expression flows through and is checked once, at
 * the end.
 *
 * Threads. Tapes are independent of each other; one tape belongs to one thread at a time. There is no global state. A child
 * process that was forked from one with several threads computes on one; tapes from before the fork go on in it.
 *
 * Floating-point environment. Results are those of rounding to nearest with subnormal numbers, whatever environment the
 * calling thread or OpenMP's threads have: every call that computes takes this one, in all its threads, with all traps
 * off, and puts back what was there before, exception flags included. Callbacks called from it find it set.
 */
#ifndef TAPEGRAD_H
#define TAPEGRAD_H

#include <tapegrad/base.h>      /* the types that everything uses: handles, status, dtypes, shapes and axes, the allocator */
#include <tapegrad/tape.h>      /* tapes, their options, errors and figures; parameters and what is kept */
#include <tapegrad/tensor.h>    /* making tensors, and reading their values */
#include <tapegrad/random.h>    /* random numbers of more distributions, and choices by probability */
#include <tapegrad/init.h>      /* initial weights */
#include <tapegrad/gradient.h>  /* gradients: backward passes, and what they leave behind */
#include <tapegrad/hooks.h>     /* functions of yours that see gradients, and gradients of results that stay */
#include <tapegrad/derivative.h> /* forward mode, and products with Jacobians and Hessians */
#include <tapegrad/solve.h>     /* solvers: linear systems, minima, least squares, differential equations */
#include <tapegrad/pointwise.h> /* ops that go element by element */
#include <tapegrad/special.h>   /* special functions */
#include <tapegrad/numeric.h>   /* polynomials, integrals of samples, interpolation, convolution of vectors */
#include <tapegrad/reduce.h>    /* reductions over axes, and softmax */
#include <tapegrad/matrix.h>    /* products of matrices */
#include <tapegrad/linalg.h>    /* linear algebra: factorisations, linear systems, determinants */
#include <tapegrad/shape.h>     /* shapes: views, and tensors put together */
#include <tapegrad/index.h>     /* indexing, and triangles */
#include <tapegrad/order.h>     /* sorting, scans */
#include <tapegrad/window.h>    /* convolution and pooling */
#include <tapegrad/nn.h>        /* normalisation and losses */
#include <tapegrad/sequence.h>  /* attention, positions, recurrent cells and sequences, CTC */
#include <tapegrad/optim.h>     /* optimizers, and clipping of gradients */
#include <tapegrad/schedule.h>  /* learning rates that change */
#include <tapegrad/weights.h>   /* averages of weights, and the best ones */
#include <tapegrad/lbfgs.h>     /* L-BFGS, an optimizer that calls the loss itself */
#include <tapegrad/file.h>      /* files of named tensors */
#include <tapegrad/checkpoint.h> /* all of a run in one file */
#include <tapegrad/frozen.h>    /* a trained model for many threads */
#include <tapegrad/run_log.h>   /* what a run tells of itself */
#include <tapegrad/table.h>     /* tables of named columns, CSV files */
#include <tapegrad/data.h>      /* data sets, and data sets made of others */
#include <tapegrad/augment.h>   /* images changed at random while they are read */
#include <tapegrad/loader.h>    /* mini-batches of a data set */
#include <tapegrad/dlpack.h>    /* tensors of other libraries */
#include <tapegrad/text.h>      /* text as numbers: characters, bytes, windows */
#include <tapegrad/metrics.h>   /* how good predictions are, of a batch and of an epoch */
#include <tapegrad/export.h>    /* a forward pass as a file that needs no library */
#include <tapegrad/check.h>     /* gradients checked against differences */
#include <tapegrad/vmap.h>      /* functions of one sample for a batch, and gradients of each sample */
#include <tapegrad/recompute.h> /* inner values computed again for the gradient instead of kept */
#include <tapegrad/custom.h>    /* rules of your own for gradients, and implicit differentiation */
#include <tapegrad/anomaly.h>   /* where the first infinity or NaN came from */
#include <tapegrad/lines.h>     /* lines of a program for that; the last one */

#endif
