/* anomaly.h - anomaly mode: who recorded which node, and a look at what was computed. */
#ifndef TG_ANOMALY_H
#define TG_ANOMALY_H

#include "graph/graph.h"

/* Notes that the nodes from number `first` on were recorded for the gradient of this one. */
void tg_note_origin(tg_tape *t, uint32_t first, const tg_node *of);

/* Those of the roots that have no value yet, in the order of the tape: what the evaluation to come computes. NULL after an error. */
tg_node **tg_roots_to_compute(tg_tape *t, tg_node *const *roots, size_t n, size_t *count);

/* After it: TG_ERR_NONFINITE, and a sentence, where one of them is not finite. */
tg_status tg_look_for_anomalies(tg_tape *t, tg_node *const *roots, size_t n);

/* The same of a gradient that is a set of rows: those of one place are added up after the evaluation, to what was there. */
tg_status tg_look_at_rows(const tg_node *leaf);

void tg_free_anomaly(tg_tape *t); /* anomaly mode is off */

#endif
