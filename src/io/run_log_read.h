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
    void (*start)(void *ctx, int64_t step); /* a session of the run begins: what was told of this step and later ones counts no more */
    void *ctx;
} tg_log_visitor;

/* Reads the log in a directory from its beginning. An error is told in the name of `function`. */
tg_status tg_run_log_read(tg_tape *t, const char *function, const char *directory, const tg_log_visitor *visitor);

#endif
