/* mirror_make.h - random scenarios of many rounds on one tape: a few programs, repeated in most rounds as they are, so that what was
 * planned before is run again, and changed in the others: what is read, kept, written, differentiated, and when. */
#ifndef MIRROR_MAKE_H
#define MIRROR_MAKE_H

#include "mirror_run.h"

enum { MS_CALLS = 72, MS_PROGRAMS = 3, MS_SHAPES = 9 };

typedef struct ms_program {
    mr_call call[MS_CALLS];
    int     n;
} ms_program;

/* Calls as they were made, in order. */
typedef struct ms_history {
    mr_call *call;
    size_t   n, cap;
    int      file; /* they are written there instead, each before it is made; -1: nowhere */
} ms_history;

typedef struct ms_scenario {
    uint64_t   number, state;
    mr_options options;
    tg_shape   shape[MS_SHAPES]; /* of its tensors */
    int        rounds;
    bool       is_short; /* its programs are, and often repeated as they are: nothing is recorded anew then, while slots change hands */
    ms_program program[MS_PROGRAMS];
    int        n_programs;
} ms_scenario;

/* Everything about a scenario follows from its number. */
void ms_open(ms_scenario *s, uint64_t number);
/* Runs it. history may be NULL. */
void ms_run(ms_scenario *s, mr_run *r, ms_history *history);
void ms_remember(ms_history *h, const mr_call *c);
/* Makes the calls of a history, but for those that are off. */
void ms_repeat(const ms_scenario *s, mr_run *r, const ms_history *history, const bool *off);

#endif
