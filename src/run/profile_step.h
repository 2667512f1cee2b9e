/* profile_step.h - telling a tape's profile what was computed. */
#ifndef TG_PROFILE_STEP_H
#define TG_PROFILE_STEP_H

#include "graph/graph.h"
#include "profile/profile.h"

struct program;
struct step;

/* A step of a program, and a node of the reference evaluator. */
void tg_profile_step(tg_profile *f, const struct program *p, const struct step *st, double begin);
void tg_profile_node(tg_profile *f, const tg_node *n, double begin);

#endif
