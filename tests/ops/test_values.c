/* test_values.c - every op's values against a reference that is independent of src/ (values.h): one test for each op of
 * the registry and for each function made of ops that has samples, in every dtype and layout. An op without samples or
 * without a row fails. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "values.h"

typedef struct topic {
    const char        *name;
    const tg_op       *op; /* NULL: a function made of ops */
    const sample_list *list;
} topic;

static void test_topic(void **state)
{
    const topic *p = *state;
    char         text[VALUES_TEXT];
    if (!exact_is_wide()) skip();
    if (values_wrong(p->name, p->op, p->list, values_all(), text)) fail_msg("%s", text);
}

static void test_complete(void **state)
{
    const sample_list *l   = ((const topic *)*state)->list;
    const tg_op      **ops = calloc((size_t)tg_op_count(), sizeof *ops);
    char               text[VALUES_TEXT];
    assert_non_null(ops);
    for (int i = 0; i < tg_op_count(); i++) ops[i] = tg_op_at(i);
    if (values_missing(ops, tg_op_count(), l, values_all(), text)) fail_msg("%s", text);
    free(ops);
}

static bool listed(const topic *p, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(p[i].name, name)) return true;
    return false;
}

int main(void)
{
    sample_list list = samples_all();
    samples_create(&list);
    const int          most  = tg_op_count() + (list.n > 0 ? list.n : 0) + 1;
    topic             *p     = calloc((size_t)most, sizeof *p);
    struct CMUnitTest *tests = calloc((size_t)most, sizeof *tests);
    int                n = 0, failed = 1;
    if (p && tests && list.row) {
        for (int i = 0; i < tg_op_count(); i++) p[n++] = (topic){tg_op_at(i)->name, tg_op_at(i), &list};
        for (int k = 0; k < list.n; k++)
            if (!listed(p, n, list.row[k].name)) p[n++] = (topic){list.row[k].name, NULL, &list};
        for (int i = 0; i < n; i++)
            tests[i] = (struct CMUnitTest){.name = p[i].name, .test_func = test_topic, .initial_state = &p[i]};
        tests[n++] = (struct CMUnitTest){.name = "complete", .test_func = test_complete, .initial_state = &p[0]};
        failed     = _cmocka_run_group_tests("values", tests, (size_t)n, NULL, NULL);
    }
    free(tests);
    free(p);
    free(list.row);
    return failed;
}
