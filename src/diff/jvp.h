/* jvp.h - forward mode: tangents of outputs from those of inputs. */
#ifndef TG_JVP_H
#define TG_JVP_H

#include "graph/graph.h"

/* results[j] = sum_k d outputs[j] / d inputs[k] tangents[k], recorded as the tape's recording of gradients says; NULL where that is nothing: no input
 * with a tangent (one that is not NULL) leads to output j. All are tensors of the tape, tangents of their inputs' shapes and dtypes. Results may be
 * tangents, or the same for two outputs. */
tg_status tg_forward(tg_tape *t, tg_tensor *const *outputs, int n_outputs, tg_tensor *const *inputs, tg_tensor *const *tangents, int n_inputs,
                     const char *function, tg_tensor **results);

/* The tangents of node n, the call *c, from those of its inputs, by transposing its vjp, which is linear in the gradient that it is asked about.
 * needed[k]: that of result k is asked for. tangents_out[k]: NULL where that is nothing. */
tg_status tg_transposed_rule(tg_call *c, const tg_node *n, tg_tensor *const *tangents, const bool *needed, const char *function, tg_tensor **results);

#endif
