/* special_gradients.h - gradients at points where differences say nothing: where a value is infinite or NaN, or a convention holds. */
#ifndef SPECIAL_GRADIENTS_H
#define SPECIAL_GRADIENTS_H

#include "samples.h"

/* Complains (complain.h) of one that is not what the table says; how many of this op's there are. The tape is of f64, and silent. */
int check_special_gradients(tg_tape *t, const sample_list *list, const char *name);

#endif
