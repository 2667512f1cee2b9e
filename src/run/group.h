/* group.h - running a fused group. */
#ifndef TG_RUN_GROUP_H
#define TG_RUN_GROUP_H

#include "plan/program.h"

/* Computes everything in the group, with up to so many threads. The result does not depend on how many. */
void tg_run_group(const program *p, const group *g, int threads);

#endif
