/* topic_list.c - the list of what is checked one by one. */
#include "topic_list.h"

#include <stdlib.h>
#include <string.h>

static bool has(const topic *p, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(p[i].name, name)) return true;
    return false;
}

static topic *with_names(topic *p, const sample_list *list, int *n)
{
    for (int k = 0; p && k < list->n; k++)
        if (!has(p, *n, list->row[k].name)) p[(*n)++] = (topic){list->row[k].name, list->row[k].given ? list->row[k].op : NULL, list};
    return p;
}

topic *topics_all(const sample_list *list, int *n)
{
    topic *p = list->row ? calloc((size_t)tg_op_count() + (size_t)list->n, sizeof *p) : NULL;
    *n = 0;
    for (int i = 0; p && i < tg_op_count(); i++) p[(*n)++] = (topic){tg_op_at(i)->name, tg_op_at(i), list};
    return with_names(p, list, n);
}

topic *topics_of(const sample_list *list, int *n)
{
    *n = 0;
    return with_names(list->row ? calloc((size_t)list->n + 1, sizeof(topic)) : NULL, list, n);
}

bool topic_counts(const topic *p)
{
    static const char *const counts[] = {"accuracy", "count_nonzero", "any_all", "all_all", "argsort", "isin", "bincount", "histc", "histogram"};
    for (size_t k = 0; k < sizeof counts / sizeof *counts; k++)
        if (!p->op && !strcmp(p->name, counts[k])) return true;
    return false;
}
