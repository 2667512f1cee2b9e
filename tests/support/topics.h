/* topics.h - one test for each op of the registry, and for each function made of ops that has samples: under its name. After cmocka.h. */
#ifndef TOPICS_H
#define TOPICS_H

#include <stdlib.h>

#include "topic_list.h"

/* Runs `test` for each topic that is wanted (NULL: for all), then `more` tests, which get the first topic. Frees the list's rows; returns
 * how many failed. */
static inline int run_topics(const char *group, sample_list list, bool (*wanted)(const topic *p), void (*test)(void **state),
                             const struct CMUnitTest *more, int n_more)
{
    int                n = 0, n_tests = 0, failed = 1;
    topic             *p = topics_all(&list, &n);
    struct CMUnitTest *tests = calloc((size_t)(n + n_more) + 1, sizeof *tests);
    if (p && tests) {
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
