/* cache.h - the programs of a tape: a plan that comes again finds the one that was made for it. */
#ifndef TG_PLAN_CACHE_H
#define TG_PLAN_CACHE_H

#include "plan/program.h"

typedef struct tg_program_cache {
    program *first; /* most recently used first */
    int      n;
} tg_program_cache;

/* The program for this plan, found or made, in front of all others; NULL after an error. */
program *tg_find_program(tg_tape *t, tg_program_cache *c, const tg_plan *plan);
/* Takes a program out, to be freed or to be put in front. */
void     tg_cache_unlink(tg_program_cache *c, program *p);

#endif
