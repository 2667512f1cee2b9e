/* profile.h - how long a tape's work takes: each piece of it is an event of a Chrome trace, and a line of a summary, or either.
 *
 * Whoever does a piece of work takes the time before it and tells the profile after it:
 *
 *     double begin = t->profile ? tg_profile_now() : 0;
 *     …
 *     if (t->profile) tg_profile_event(t->profile, "optimizer", "tg_sgd", begin, &work, NULL, 0);
 *
 * Pieces don't nest, so that a summary's shares add up. */
#ifndef TG_PROFILE_H
#define TG_PROFILE_H

#include "tensor/services.h"

typedef struct tg_profile tg_profile;

/* For the tape's options profile and profile_summary: NULL and false ask the environment (TAPEGRAD_PROFILE, TAPEGRAD_PROFILE_SUMMARY).
 * NULL when neither is wanted, or after an error was reported: the tape then works without. evaluator: its name, for titles. */
tg_profile *tg_profile_open(tg_tape *t, const char *evaluator, const char *path, bool summary);
/* Ends the file, and writes the summary to stderr. NULL is allowed. */
void tg_profile_close(tg_profile *f);

double tg_profile_now(void); /* microseconds of a clock that all tapes share and that never goes back */

/* What a piece of work amounts to; 0: nothing, or not known. */
typedef struct tg_work {
    int64_t elements, read, written /* bytes of memory */, flops;
} tg_work;
typedef struct tg_figure {
    const char *name;
    int64_t     value;
} tg_figure;
/* work and figures may be NULL. name: as in the summary. */
void tg_profile_event(tg_profile *f, const char *category, const char *name, double begin, const tg_work *work,
                      const tg_figure *figures, int n);

#endif
