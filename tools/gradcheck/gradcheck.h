/* gradcheck.h - tg-gradcheck: what is asked, and what was found. main.c reads the command line, cases.c the cases of a shared object, run.c checks,
 * report.c and json.c say what was found, and coverage.c what each op has. What is checked of the library itself are the samples of its tests (tests/support/). */
#ifndef GRADCHECK_PROGRAM_H
#define GRADCHECK_PROGRAM_H

#include <stdio.h>
#include <tapegrad.h>

#include "topic_list.h"

enum { MOST_NAMES = 64 };

typedef struct asked {
    const char *op[MOST_NAMES]; /* of these alone; none: of all */
    int         ops;
    const char *object; /* a shared object with cases; NULL: the library's own */
    int         seeds, order;
    double      rtol, atol;
    bool        json, list, coverage, colour;
} asked;

typedef enum verdict {
    RIGHT,
    ZERO,      /* the gradient is zero by definition */
    NO_INPUTS, /* it makes something of nothing */
    COUNTS,    /* its result counts or tells, and has no gradient */
    WRONG,
} verdict;

/* What was found of an op, or of a function. */
typedef struct finding {
    const char *name;
    verdict     verdict;
    int         samples, checks, wrong; /* wrong: so many of the checks */
    int         float32;                /* checks in float32 */
    int         unused;                 /* checks of what nothing uses */
    int64_t     not_smooth;
    double      seconds;                /* of CPU time */

    /* The first check that failed, else the one with the largest error. */
    double               error; /* relative, but where derivatives are below atol / rtol: more than rtol is wrong */
    int                  order, input;
    int64_t              element;
    double               analytic, numeric;
    char                 where[1000]; /* the sample, and how its inputs lay */
    char                 text[1000];  /* what tg_gradcheck said of it */
    tg_gradcheck_failure failed[TG_GRADCHECK_LISTED];
    int                  listed;
} finding;

/* Checks one topic. */
void find(const topic *p, const asked *a, finding *f);

/* The cases of a shared object as samples; rows NULL: what is wrong stands in text. The object stays open. */
sample_list cases_of(const char *path, char *text, size_t size);

const char *verdict_text(verdict v);
void        print_head(void);
void        print_finding(const finding *f, const asked *a);
void        print_summary(const finding *f, int n);
void        print_coverage(const topic *p, int n);
bool        print_json(FILE *to, const finding *f, int n);

#endif
