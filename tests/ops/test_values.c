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

#include "topics.h"
#include "values.h"

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

int main(void)
{
    sample_list             list = samples_all();
    const struct CMUnitTest more[] = {{.name = "complete", .test_func = test_complete}};
    samples_create(&list);
    return run_topics("values", list, NULL, test_topic, more, 1);
}
