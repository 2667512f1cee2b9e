/* topic_list.h - what is checked one by one: each op of the registry, and each function made of ops that has samples. */
#ifndef TOPIC_LIST_H
#define TOPIC_LIST_H

#include "samples.h"

typedef struct topic {
    const char        *name;
    const tg_op       *op; /* NULL: a function made of ops */
    const sample_list *list;
} topic;

/* All of them, the ops first; *n: how many. NULL when memory ran out. To be freed with free. */
topic *topics_all(const sample_list *list, int *n);

/* Each name of the list alone, for lists that are not of the registry. */
topic *topics_of(const sample_list *list, int *n);

/* Is it a function made of ops whose result only counts or tells, so that it has no gradient? */
bool topic_counts(const topic *p);

#endif
