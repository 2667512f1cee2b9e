/* ahead.h - batches made ahead of their turn, by a thread of its own: a ring of trays, which the thread fills and the tape's thread empties. Without
 * a thread the same ring has one tray, and who waits for it fills it. */
#ifndef TG_AHEAD_H
#define TG_AHEAD_H

#include <pthread.h>
#include <sys/types.h>

#include "data/batch.h"

typedef struct tg_ahead {
    tg_maker    *maker; /* the thread's alone while it runs and is not halted */
    tg_tray     *trays;
    int          n;     /* of trays */
    bool         threaded;
    int          next; /* the tray whose batch comes next */

    /* The rest is looked at under the lock. */
    pthread_mutex_t lock;
    pthread_cond_t  changed;
    pthread_t       thread;
    pid_t           process; /* that the thread runs in; 0: there is none */
    int             fill;    /* the tray that the thread fills next */
    int             empty;   /* trays from there on that have memory and no batch */
    bool            busy;    /* the thread is filling one */
    bool            halted;  /* it fills none: the place was set and nobody has waited for a batch since */
    atomic_bool     stop;    /* it gives up what it is filling … */
    bool            end;     /* … and ends */
} tg_ahead;

bool tg_ahead_open(tg_ahead *a); /* false: the system has no lock */
void tg_ahead_close(tg_ahead *a);

/* The tray of the next batch, which begins at this place, as soon as it is ready. All trays have their memory. In a process that was forked since
 * the last call the thread is not there: a new one is started. */
tg_tray *tg_ahead_wait(tg_ahead *a, uint64_t epoch, int64_t at);

/* The tray that was waited for is free for another batch. */
void tg_ahead_pass(tg_ahead *a);

/* Forgets all batches that are made, keeps their memory, and goes on from this place when the next one is waited for. */
void tg_ahead_seek(tg_ahead *a, uint64_t epoch, int64_t at);

#endif
