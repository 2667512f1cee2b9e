/* run_log_read.h - what a run's log holds, value by value. */
#ifndef TG_RUN_LOG_READ_H
#define TG_RUN_LOG_READ_H

#include "io/run_log.h"

/* A value of an event. What it points to is valid while it is visited. */
typedef struct tg_log_value {
    int64_t     step;
    double      seconds; /* since 1970 */
    const char *tag;
    size_t      tag_length;
    unsigned    kind;    /* TG_VALUE_NUMBER, TG_VALUE_IMAGE, TG_VALUE_HISTOGRAM or TG_VALUE_TENSOR */
    float       number;  /* of a number */
    const char *at;      /* of others: the message, n bytes */
    size_t      n;
    const char *metadata; /* what a tensor is about, n_metadata bytes; NULL: it is not told */
    size_t      n_metadata;
} tg_log_value;

typedef struct tg_log_visitor {
    tg_status (*value)(void *ctx, const tg_log_value *v);
    tg_status (*start)(void *ctx, int64_t step); /* a session of the run begins: what was told of this step and later ones counts no more */
    void *ctx;
} tg_log_visitor;

/* Where the sessions of a run begin among its values: each replaces those before it that are of its step or a later one. */
typedef struct tg_log_starts {
    tg_tape *tape;
    struct {
        size_t  at;
        int64_t step;
    } *start;
    size_t   n, capacity, asked; /* how many of the last ones begin behind the value that was asked for, … */
    int64_t  least;              /* … and the least of their steps */
} tg_log_starts;

tg_status tg_log_add_start(tg_log_starts *s, size_t values, int64_t step); /* behind so many values */
bool      tg_log_is_replaced(tg_log_starts *s, size_t value, int64_t step); /* is asked of the values from the last to the first */
void      tg_log_starts_free(tg_log_starts *s);

/* Reads the log in a directory from its beginning. An error is told in the name of `function`. */
tg_status tg_run_log_read(tg_tape *t, const char *function, const char *directory, const tg_log_visitor *visitor);

#endif
