/* topics.h - one test for each op of the registry, and for each function made of ops that has samples: under its name. After cmocka.h. */
#ifndef TOPICS_H
#define TOPICS_H

#include <stdlib.h>
#include <string.h>

#include "samples.h"

#include "graph/graph.h"

/* What such a test gets as its state. */
typedef struct topic {
    const char        *name;
    const tg_op       *op; /* NULL: a function made of ops */
    const sample_list *list;
} topic;

/* Is it a function made of ops whose result only counts or tells, so that it has no gradient? */
static inline bool topic_counts(const topic *p)
{
    static const char *const counts[] = {"accuracy", "count_nonzero", "any_all", "all_all", "argsort", "isin", "bincount", "histc", "histogram"};
    for (size_t k = 0; k < sizeof counts / sizeof *counts; k++)
        if (!p->op && !strcmp(p->name, counts[k])) return true;
    return false;
}

static inline bool topics_have(const topic *p, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(p[i].name, name)) return true;
    return false;
}

/* Runs `test` for each topic that is wanted (NULL: for all), then `more` tests, which get the first topic. Frees the list's rows; returns
 * how many failed. */
static inline int run_topics(const char *group, sample_list list, bool (*wanted)(const topic *p), void (*test)(void **state),
                             const struct CMUnitTest *more, int n_more)
{
    const int          most = tg_op_count() + (list.n > 0 ? list.n : 0);
    topic             *p = calloc((size_t)most, sizeof *p);
    struct CMUnitTest *tests = calloc((size_t)(most + n_more), sizeof *tests);
    int                n = 0, n_tests = 0, failed = 1;
    if (p && tests && list.row) {
        for (int i = 0; i < tg_op_count(); i++) p[n++] = (topic){tg_op_at(i)->name, tg_op_at(i), &list};
        for (int k = 0; k < list.n; k++)
            if (!topics_have(p, n, list.row[k].name)) p[n++] = (topic){list.row[k].name, NULL, &list};
        for (int i = 0; i < n; i++)
            if (!wanted || wanted(&p[i]))
                tests[n_tests++] = (struct CMUnitTest){.name = p[i].name, .test_func = test, .initial_state = &p[i]};
        for (int i = 0; i < n_more; i++) {
            tests[n_tests] = more[i];
            tests[n_tests++].initial_state = &p[0];
        }
        failed = _cmocka_run_group_tests(group, tests, (size_t)n_tests, NULL, NULL);
    }
    free(tests);
    free(p);
    free(list.row);
    return failed;
}

#endif
