/* services.h - what every part of the library uses of a tape: memory, errors, the number of threads. They are the first part of a tape, so
 * that the files below the graph work with tapes and need not know what they are. */
#ifndef TG_SERVICES_H
#define TG_SERVICES_H

#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <tapegrad/op.h>
#include <tapegrad/tape.h>

#include "tensor/processors.h"
#include "tensor/mem.h"

/* What is freed with the tape: optimizers, data sets, loaders, archives. */
typedef struct tg_owned tg_owned;
struct tg_owned {
    tg_owned *prev, *next;
    uint64_t serial; /* of all that the tape ever owned: names it when it may be gone */
    void (*free)(tg_owned *self); /* unlinks nothing; frees the object */
    const struct tg_state_functions *state; /* graph/stateful.h; NULL: it has none that a run needs to go on */
};

/* Whose code runs: the library calls functions of its caller. What each may do with the tape is less from line to line. */
enum {
    TG_OUTSIDE = 0,
    TG_IN_HANDLER,  /* the error handler: everything but freeing the tape */
    TG_IN_FUNCTION, /* the one under tg_gradcheck (what: NULL), or another of the caller's: nor reset it */
    TG_IN_HOOK,     /* a hook: record ops, ask what is recorded, and tg_want */
    TG_IN_RULE,     /* vjp, merge: record ops, and ask what is recorded */
    TG_IN_LATE_RULE, /* a vjp after a write: the same, and what it reads is looked at (tape.as_of) */
    TG_IN_OP,       /* infer, view, run, loop: ask what is recorded */
    TG_IN_SAMPLE,   /* the function of tg_dataset_map: nothing */
    TG_IN_DELETER,  /* of a tensor that another library lent (tg_from_dlpack): nothing */
    TG_IN_ALLOCATOR = INT_MAX, /* nothing */
};
typedef struct tg_inside {
    int         where;
    const char *what; /* "run" and the like, and of which op */
    const tg_op *op;
} tg_inside;

/* Errors of one call that are still to be told to the handler: so many with their sentences, of the others the number. */
enum { TG_MOST_TOLD = 4 };
typedef struct tg_told {
    tg_status status;
    char      sentence[1024];
} tg_told;

typedef struct tg_services {
    tg_heap   heap;
    tg_arena  values; /* small values, layouts, scratch: from evaluation; gone at reset */
    tg_pool   pool;
    tg_block *blocks;  /* large values of this recording */
    tg_block *scratch; /* of the kernel under way */
    tg_owned *owned;
    uint64_t  ever_owned;
    tg_owned *lent; /* what is freed with this recording: memory of others */
    int       threads; /* most of them; 0: as OpenMP says, and as many as the machine has room for. Read by tg_threads */
    tg_processors processors;

    uint32_t    under_way; /* public functions that have been entered and not left */
    const char *called;    /* the first of them, which the user called: errors name it; NULL: it is one that records an op and no more */
    tg_inside inside;

    tg_error_fn on_error;
    void       *error_ctx;
    tg_status   error, latest; /* the first one, which tg_error tells; the latest one */
    char        sentence[1024];
    uint64_t    errors;   /* ever */
    bool        handling; /* the handler is running */
    uint32_t    n_told, n_untold;
    tg_status   last_untold;
    tg_told     told[TG_MOST_TOLD];
} tg_services;

static inline tg_services       *tg_services_of(tg_tape *t) { return (tg_services *)(void *)t; }
static inline const tg_services *tg_services_read(const tg_tape *t) { return (const tg_services *)(const void *)t; }

void tg_services_init(tg_services *s, tg_heap heap); /* s: all zeros */
void tg_services_free(tg_services *s); /* gives back what it holds */

/* ---- memory and what is owned ------------------------------------------------------------------------------------- */

void *tg_tape_alloc(tg_tape *t, size_t size); /* zeroed; size 0 gives a valid pointer of 1 byte; NULL after an error was reported */
void  tg_tape_free_bytes(tg_tape *t, void *p, size_t size);
/* The array p of *cap items of `item` bytes, grown to hold at least `need`; NULL, and p as it was, after an error was reported. */
void *tg_tape_grow(tg_tape *t, void *p, size_t *cap, size_t need, size_t item);
/* The same for a typed array: false after an error. */
#define TG_GROW(t, array, cap, need) \
    ((need) <= (cap) || tg_grow_set((void *)&(array), tg_tape_grow((t), (array), &(cap), (need), sizeof *(array))))
static inline bool tg_grow_set(void *array, const void *grown)
{
    if (grown) memcpy(array, &grown, sizeof grown);
    return grown != NULL;
}
void  tg_own(tg_tape *t, tg_owned *o);    /* o->free is set by the caller */
void  tg_disown(tg_tape *t, tg_owned *o);
tg_owned *tg_owned_with(const tg_tape *t, uint64_t serial); /* NULL: it is gone */
void  tg_own_until_reset(tg_tape *t, tg_owned *o); /* the same for what goes with this recording's values */

/* ---- errors ------------------------------------------------------------------------------------------------------- */

void      tg_print_error(void *ctx, tg_status s, const char *sentence); /* the usual handler */
void      tg_tell_errors(tg_tape *t);
bool      tg_refuse_inside(tg_tape *t, const char *function);
tg_status tg_out_of_memory(tg_tape *t, const char *function);
/* The length of a text as public functions tell it: -1, after a sentence in the name of `function`, where an int does not hold it. */
int       tg_told_length(tg_tape *t, size_t length, const char *function);
tg_status tg_vfail(tg_tape *t, tg_status s, const char *function, const char *format, va_list args);

static inline tg_tape *tg_enter(tg_tape *t, const char *function)
{
    if (t && tg_services_of(t)->under_way++ == 0) tg_services_of(t)->called = function;
    return t;
}
static inline void tg_leave(tg_tape **t)
{
    if (*t && --tg_services_of(*t)->under_way == 0 && tg_services_of(*t)->n_told) tg_tell_errors(*t);
}
/* First thing in a public function that is more than one check or one record: from here to its end the tape T (NULL: none) is in the middle
 * of something, and errors wait for the end, after the result is decided, to be told to the handler, which may reset the tape. */
#define TG_CALL(T) TG_CALL_AS(T, __func__)
/* The same where another name is that of the public function. */
#define TG_CALL_AS(T, FUNCTION) __attribute__((cleanup(tg_leave), unused)) tg_tape *under_way_ = tg_enter(T, FUNCTION)

/* May the public function be called from where it is called now? `most`: the last place from which it may. false after a sentence. */
static inline bool tg_may(tg_tape *t, int most, const char *function)
{
    return tg_services_of(t)->inside.where <= most || tg_refuse_inside(t, function);
}

/* Around a call of the caller's function. */
static inline tg_inside tg_go_inside(tg_tape *t, int where, const char *what, const tg_op *op)
{
    const tg_inside was = tg_services_of(t)->inside;
    tg_services_of(t)->inside = (tg_inside){where, what, op};
    return was;
}

/* ---- values and threads ------------------------------------------------------------------------------------------- */

enum { TG_SMALL_VALUE = 4096 };
void *tg_value_room(tg_tape *t, size_t bytes); /* for a value of this recording; NULL after an error */
void  tg_free_values(tg_tape *t);              /* those of this recording */
void  tg_free_scratch(tg_tape *t);             /* what tg_scratch gave out */
int   tg_threads(const tg_tape *t);            /* how many a team may have now: 1 in a forked process */
void  tg_look_at_processors(tg_tape *t);             /* adapts that to a machine that has other work, where the number was left to the library */

#endif
