/* event.h - the inside of a profile: its trace, the rows of its summary, and the event under way. */
#ifndef TG_EVENT_H
#define TG_EVENT_H

#include "profile/profile.h"
#include "profile/trace.h"

enum { ROWS = 256, NAME_BYTES = 160 };

typedef struct tg_summary_row {
    const char *category; /* NULL: free */
    char        name[NAME_BYTES];
    int64_t     calls;
    double      us, elements, bytes, flops;
} tg_summary_row;

struct tg_profile {
    tg_tape        *tape;
    const char     *evaluator;
    tg_trace_file        trace; /* its file is -1 when there is none */
    tg_summary_row *rows;  /* by hash; NULL: no summary */
    size_t          n_rows;
    tg_summary_row  others;
    double          us, opened;
};

/* An event under way. */
typedef struct tg_event {
    tg_profile *f;
    const char *category, *name;
    double      us;
    int         arguments;
} tg_event;

/* false: there is no trace, and arguments must not be written. The event ends all the same. */
bool tg_event_begin(tg_event *e, tg_profile *f, const char *category, const char *name, double begin);
void tg_event_integer(tg_event *e, const char *name, int64_t x);
void tg_event_text(tg_event *e, const char *name, const char *text);
void tg_event_end(tg_event *e, const tg_work *work);

void tg_summary_add(tg_profile *f, const tg_event *e, const tg_work *work);

#endif
