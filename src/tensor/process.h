/* process.h - what the process that the library runs in allows. */
#ifndef TG_PROCESS_H
#define TG_PROCESS_H

#include <stdbool.h>

/* Was this process forked from one with several threads? Only the forking one is here then, while the OpenMP runtime still counts on its
 * team and would wait for it for ever: what runs here has to run on one thread. */
bool tg_is_forked(void);

/* Is there a limit to the address space, so that a mapping may fail at any time? */
bool tg_is_limited(void);

/* How many of so many threads the address space has stacks for, at least 1. They are started: later, the OpenMP runtime would end the
 * program where it could not start one. */
int tg_start_threads(int threads);

#endif
