/* evaluators.c - the evaluators that there are. */
#include "graph/graph.h"

const tg_evaluator *const tg_evaluators[] = {&tg_evaluator_fused, &tg_evaluator_reference, NULL};
