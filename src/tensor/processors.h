/* processors.h - how much of the machine others are using, and so how many threads are worth having.
 *
 * Threads of a team wait for each other at its end. Where the machine has other work, one of them often has no processor while the others wait for
 * it, most runtimes waiting actively: a loop on two threads of a busy machine can take ten times as long as on one. So the number of
 * threads that can run is looked at now and then, and a team gets as many threads as there are processors left for it. Results do not depend on it. */
#ifndef TG_PROCESSORS_H
#define TG_PROCESSORS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct tg_processors {
    int64_t read_at;  /* in ns of the monotonic clock; 0: never */
    double  runnable; /* threads of the whole machine that run or wait for a processor, ours among them: a mean of the latest readings; 0: none */
    int     usable;   /* threads that a team may have; 0: as many as it wants */
} tg_processors;

/* Looks at the machine, at most every 20 ms, on behalf of somebody who would like to have `wanted` threads. Where the system does not tell, all are
 * usable. */
void tg_processors_look(tg_processors *l, int wanted);

/* How many of the wanted threads can run beside the others' work: of `processors`, `runnable` threads want one, and `ours` of those are our own. At least 1. */
int tg_processors_usable(int wanted, int processors, double runnable, int ours);

/* The number of runnable threads in a text as /proc/loadavg has it, "0.20 0.18 0.12 1/80 11206"; -1: there is none. */
int tg_processors_parse(const char *text);

#endif
