/* complain.h - checks that end where something is wrong and leave a sentence about it, whoever runs them: a test, which fails with the
 * sentence, or the search for mutants (tests/mutants/), which is glad of it. */
#ifndef COMPLAIN_H
#define COMPLAIN_H

#include <stdbool.h>

typedef struct complaint {
    char text[1000];
} complaint;

/* Runs the check. false: it complained. A check may run others by this function. */
bool holds(void (*check)(void *ctx), void *ctx, complaint *c);

/* Ends the check that is running. What it has opened stays open: a tape belongs to whoever runs it. */
_Noreturn void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
