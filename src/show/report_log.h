/* report_log.h - what a report shows of a run's log. */
#ifndef TG_REPORT_LOG_H
#define TG_REPORT_LOG_H

#include "io/run_log_read.h"

/* A value of the log, with a copy of its message. */
typedef struct tg_report_value {
    int64_t  step;
    unsigned kind;
    uint32_t tag;    /* its number among the tags */
    float    number;
    size_t   at, n;  /* the message, in `bytes` */
    size_t   next;   /* the next value of the tag: its place and 1; 0: there is none */
} tg_report_value;

/* Values that a later session of the run replaced are not among a tag's. */
typedef struct tg_report_tag {
    size_t   at, n; /* in `bytes` */
    unsigned kind;
    bool     leads; /* of numbers: the first of its group, all of which are one chart, */
    uint32_t next;  /* and the group's next tag: its number and 1; 0: there is none */
    size_t   first, last, values; /* the places of its values and 1, and how many there are */
} tg_report_tag;

/* A hash table of tags, at most half full: their numbers and 1. */
typedef struct tg_report_names {
    uint32_t *slot;
    size_t    slots, n;
} tg_report_names;

typedef struct tg_report_log {
    tg_tape         *tape;
    tg_report_value *value;
    size_t           n, cap;
    tg_report_tag   *tag;
    size_t           n_tags, cap_tags;
    tg_report_names  by_name;
    tg_log_starts    starts;
    char            *bytes;
    size_t           used, cap_bytes;
} tg_report_log;

tg_status tg_report_log_read(tg_report_log *l, tg_tape *t, const char *function, const char *directory);
void      tg_report_log_free(tg_report_log *l);

/* Is there a value of this kind? */
bool tg_report_has(const tg_report_log *l, unsigned kind);
bool tg_report_has_texts(const tg_report_log *l); /* hyper-parameters, which the format has as texts, too, are none */

/* JSON: lists of charts (a chart for all tags with the same part before the last slash), of histograms, and of pictures, the latest of each tag. Of more than
 * 2,000 numbers, and 200 histograms, of a tag evenly spaced ones and the last. */
void tg_report_curves(tg_wire *p, const tg_report_log *l);
void tg_report_histograms(tg_wire *p, const tg_report_log *l);
void tg_report_pictures(tg_wire *p, const tg_report_log *l);

/* HTML: hyper-parameters as a list of terms, and texts. */
void tg_report_hyper(tg_wire *p, const tg_report_log *l);
void tg_report_texts(tg_wire *p, const tg_report_log *l);

#endif
