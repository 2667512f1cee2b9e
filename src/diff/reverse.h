/* reverse.h - the walk back from outputs to inputs that need not require grad: what is not on a way from one to the other is not looked at. */
#ifndef TG_REVERSE_H
#define TG_REVERSE_H

#include "graph/graph.h"

/* grads[k] = sum_j d(seeds[j]^T outputs[j]) / d inputs[k], recorded as the tape's recording of gradients says (with it off it is a constant to
 * whoever differentiates again); NULL where no output depends on input k. seeds NULL, or one of them: ones, for outputs of one element. All are
 * tensors of the tape. Results may be seeds, or the same for two inputs. */
tg_status tg_reverse(tg_tape *t, tg_tensor *const *outputs, tg_tensor *const *seeds, int n_outputs, tg_tensor *const *inputs, int n_inputs,
                     const char *function, tg_tensor **grads);

#endif
