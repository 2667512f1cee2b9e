/* attention_checks.h - second derivatives of attention where differences say nothing: in rows whose weights are infinite, and by one input alone. */
#ifndef ATTENTION_CHECKS_H
#define ATTENTION_CHECKS_H

#include "samples.h"

enum { ATTENTION_GRAD_PARTS = 6 }; /* of the op: q, k, v, the logarithms of the rows' sums, g · y of each row, g */

/* The parts that lie in the inputs of a sample: q, the logarithm, g · y and g are the first one, side by side, [L, E + 2 + V] (samples_sequence.c). */
void attention_grad_parts(tg_tensor *const *in, tg_tensor *part[ATTENTION_GRAD_PARTS]);
/* The op as the sample says, with its mask and its key of dropout. */
tg_tensor *attention_grad_of(const sample *s, tg_tensor *const part[ATTENTION_GRAD_PARTS]);

/* Complains (complain.h) of a gradient of attention_grad that is not right, by all samples of it; how many checks that were. The tape is of f64, and
 * silent. */
int check_attention_grad(tg_tape *t, const sample_list *list);

#endif
