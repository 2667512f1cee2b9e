/* test_graph_export.c - the list of steps that exported files are made of: what is in it, in which order, and what is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <tapegrad.h>

#include "export/graph_export.h"
#include "export/names.h"
#include "quiet.h"

#define LIST(...)         (const tg_export_tensor[]){__VA_ARGS__}, (int)(sizeof((const tg_export_tensor[]){__VA_ARGS__}) / sizeof(tg_export_tensor))
#define NOTHING           NULL, 0

static tg_export_options options(const tg_export_tensor *inputs, int n_inputs, const tg_export_tensor *outputs, int n_outputs)
{
    return (tg_export_options){.inputs = inputs, .n_inputs = n_inputs, .outputs = outputs, .n_outputs = n_outputs};
}

/* ---- what is in it ------------------------------------------------------------------------------------------------------ */

/* "input x | weight w | add 0 1 | …": each step with the numbers of those that it reads. */
static void describe(const tg_export_graph *g, char *text, size_t size)
{
    static const char *const kinds[] = {"input", "weight", "constant", "", "result"};
    size_t                   at = 0;
    for (uint32_t k = 0; k < g->n; k++) {
        const tg_export_step *s = &g->step[k];
        at += (size_t)snprintf(text + at, size - at, "%s%s", k ? " | " : "", s->kind == TG_STEP_OP ? s->node->op->name : kinds[s->kind]);
        if (s->name) at += (size_t)snprintf(text + at, size - at, " %s", s->name);
        if (s->kind == TG_STEP_RESULT) at += (size_t)snprintf(text + at, size - at, " number %d of", s->number);
        for (uint32_t i = 0; s->in && i < s->node->n_in; i++) {
            if (s->in[i] == TG_NO_STEP) at += (size_t)snprintf(text + at, size - at, " -");
            else at += (size_t)snprintf(text + at, size - at, " %u", (unsigned)s->in[i]);
        }
    }
}

static void assert_steps(tg_export_options o, tg_export_reads reads, const char *want)
{
    tg_export_graph g;
    char            text[1024] = "";
    if (tg_export_graph_make(&g, "tg_export_c", &o, reads) != TG_OK) fail_msg("%s", tg_error(tg_tape_of(o.outputs[0].tensor)));
    describe(&g, text, sizeof text);
    assert_string_equal(text, want);
    for (uint32_t k = 0; k < g.n; k++) assert_int_equal(g.step[k].node->mark, 0);
    for (int i = 0; i < o.n_outputs; i++) assert_ptr_equal(g.step[g.output[i]].node, tg_node_of(o.outputs[i].tensor));
    tg_export_graph_free(&g);
}

static void test_order(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *w2 = tg_param(t, "w2", tg_ones(t, TG_SHAPE(2, 2))), *w1 = tg_param(t, "w1", tg_ones(t, TG_SHAPE(2, 2)));
    tg_tensor *mean = tg_buffer(t, "mean", tg_zeros(t, TG_SHAPE(2))), *kept = tg_keep(tg_zeros(t, TG_SHAPE(2)));
    assert_int_equal(tg_reset(t), TG_OK);
    tg_tensor *unused = tg_exp(w1), *x = tg_zeros(t, TG_SHAPE(2, 2)), *c = tg_from_f64(t, TG_SHAPE(2), (double[]){1, 2});
    tg_tensor *h = tg_add(tg_matmul(tg_sub(x, mean), w1), kept), *y = tg_add(tg_matmul(tg_mul(h, c), w2), h);
    assert_non_null(unused);
    assert_steps(options(LIST({"x", x}), LIST({"y", y}, {"h", h})), NULL,
                 "input x | weight w2 | weight w1 | weight mean | constant | constant | sub 0 3 | matmul 6 2 | add 7 4 | mul 8 5 | "
                 "matmul 9 1 | add 10 8");
    assert_steps(options(LIST({"h", h}), LIST({"y", y})), NULL, "input h | weight w2 | constant | mul 0 2 | matmul 3 1 | add 4 0");
    assert_steps(options(LIST({"x", x}), LIST({"y", x})), NULL, "input x");
    assert_steps(options(NOTHING, LIST({"y", tg_add_s(c, 1)})), NULL, "constant | const_f64 | add 0 1");
}

static bool reads_argument(const tg_node *n, uint32_t i) { return n->op->kind != TG_VIEW || i == 0; }

/* An alias is read by its value, which is made of primitives, or by what it is the softmax of. */
static void test_alias(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = tg_zeros(t, TG_SHAPE(2, 3)), *y = tg_softmax(x, 1);
    assert_steps(options(LIST({"x", x}), LIST({"y", y})), reads_argument, "input x | softmax 0 -");
    assert_steps(options(LIST({"x", x}), LIST({"y", y})), NULL,
                 "input x | amax 0 | const_f64 | maximum 1 2 | sub 0 3 | exp 4 | sum 5 | const_f64 | maximum 6 7 | div 5 8 | softmax - 9");
}

static void test_results(void **state)
{
    tg_tape        *t = open_tape(state);
    tg_tensor      *place, *x = tg_zeros(t, TG_SHAPE(4)), *y = tg_sort(x, 0, false, &place);
    tg_export_graph g;
    tg_export_options o = options(LIST({"x", x}), LIST({"place", place}));
    assert_non_null(y);
    assert_steps(o, NULL, "input x | sort 0 | result number 1 of 1");
    assert_int_equal(tg_export_graph_make(&g, "tg_export_c", &o, NULL), TG_OK);
    assert_int_equal(tg_export_result(&g, 1, 1), 2);
    assert_int_equal(tg_export_result(&g, 1, 2), TG_NO_STEP);
    tg_export_graph_free(&g);
    o = options(LIST({"x", x}), LIST({"y", y}));
    assert_int_equal(tg_export_graph_make(&g, "tg_export_c", &o, NULL), TG_OK);
    assert_int_equal(tg_export_result(&g, 1, 1), TG_NO_STEP);
    tg_export_graph_free(&g);
}

/* ---- what is refused ---------------------------------------------------------------------------------------------------- */

static void refused(tg_tape *t, tg_export_options o, tg_status status, const char *sentence)
{
    tg_export_graph g;
    assert_int_equal(tg_export_graph_make(&g, "tg_export_c", &o, NULL), status);
    tg_export_graph_free(&g);
    assert_error(t, NULL, status, sentence);
}

static void test_refused(void **state)
{
    tg_tape   *t = open_tape(state), *u = quiet(TG_F64);
    tg_tensor *w = tg_param(t, "w", tg_ones(t, TG_SHAPE(2)));
    tg_tensor *x = tg_zeros(t, TG_SHAPE(2)), *y = tg_mul(x, w), *z = tg_zeros(u, TG_SHAPE(2));
    refused(t, options(NULL, 1, LIST({"y", y})), TG_ERR_NULL, "tg_export_c: the list of inputs is NULL");
    refused(t, options(NULL, -1, LIST({"y", y})), TG_ERR_ARG, "tg_export_c: the number of inputs is negative");
    refused(t, options(LIST({"x", NULL}), LIST({"y", y})), TG_ERR_NULL, "tg_export_c: input 0 is NULL: the call that was to give it failed");
    refused(t, options(NOTHING, LIST({"y", y}, {"z", z})), TG_ERR_TAPE, "tg_export_c: output 1 belongs to another tape than the first output");
    refused(t, options(LIST({NULL, x}), LIST({"y", y})), TG_ERR_ARG, "tg_export_c: input 0 has no name");
    refused(t, options(LIST({"", x}), LIST({"y", y})), TG_ERR_ARG, "tg_export_c: input 0 has no name");
    refused(t, options(LIST({"y", x}), LIST({"y", y})), TG_ERR_ARG, "tg_export_c: two inputs or outputs have the name 'y'");
    refused(t, options(LIST({"x", x}, {"again", x}), LIST({"y", y})), TG_ERR_ARG, "tg_export_c: input 1 is the same tensor as input 'x'");
    refused(t, options(LIST({"x", x}, {"s", tg_ones(t, TG_SHAPE(2))}), LIST({"y", y})), TG_ERR_ARG,
            "tg_export_c: no output needs the input 's': leave it out, or record the outputs from it");
    refused(t, options(NOTHING, LIST({"y", tg_randn(t, TG_SHAPE(2))})), TG_ERR_UNSUPPORTED,
            "tg_export_c: an output needs randn, which draws random numbers, and a file computes the same in every call: record what does "
            "without (dropout is for training), or make the numbers an input");
    refused(t, options(LIST({"x", x}), LIST({"y", tg_masked_select(x, tg_lt(w, x))})), TG_ERR_UNSUPPORTED,
            "tg_export_c: an output needs places that were computed when it was recorded (by tg_nonzero, tg_masked_select, tg_unique or the like): how many "
            "there are depends on numbers, and a file has fixed shapes; tg_where and tg_masked_fill do without, tg_keep makes them constants");
    tg_tensor *place, *sorted = tg_sort(x, 0, false, &place);
    refused(t, options(LIST({"v", sorted}), LIST({"y", sorted}, {"p", place})), TG_ERR_ARG,
            "tg_export_c: an output needs result 1 of sort, whose result 0 is the input 'v': make both inputs, or none");
    assert_steps(options(LIST({"p", place}, {"v", sorted}), LIST({"y", tg_gather(sorted, 0, place)})), NULL,
                 "input p | input v | gather 1 0");
    assert_steps(options(LIST({"x", x}, {"p", place}), LIST({"y", tg_gather(sorted, 0, place)})), NULL,
                 "input x | input p | sort 0 | gather 2 1");
    assert_steps(options(NOTHING, LIST({"y", tg_keep(tg_nonzero(x))})), NULL, "constant");
    assert_int_equal(tg_assign(w, tg_zeros(t, TG_SHAPE(2))), TG_OK);
    refused(t, options(LIST({"x", x}), LIST({"y", y})), TG_ERR_STALE,
            "tg_export_c: an output needs parameter 'w', which was overwritten since it was recorded: record the outputs again");
    assert_steps(options(LIST({"x", x}), LIST({"y", tg_mul(x, w)})), NULL, "input x | weight w | mul 0 1");
    tg_release(w);
    refused(t, options(LIST({"x", x}), LIST({"y", y})), TG_ERR_STALE, "tg_export_c: an output needs parameter 'w', which was released");
    assert_int_equal(tg_reset(t), TG_OK);
    refused(t, options(NOTHING, LIST({"z", tg_zeros(t, TG_SHAPE(2))}, {"y", y})), TG_ERR_STALE,
            "tg_export_c: a stale handle: the tensor was dropped by tg_reset or tg_release (tg_keep keeps what must survive)");
    tg_tape_free(u);
}

/* ---- names -------------------------------------------------------------------------------------------------------------- */

static void test_names(void **state)
{
    tg_name_set s = {.tape = open_tape(state)};
    bool     is_new;
    char     text[32], want[32];
    assert_string_equal(tg_name_set_add_unique(&s, "a_2"), "a_2");
    assert_string_equal(tg_name_set_add_unique(&s, "a"), "a");
    assert_string_equal(tg_name_set_add_unique(&s, "a"), "a_3");
    assert_string_equal(tg_name_set_add_unique(&s, "a_3"), "a_3_2");
    assert_true(tg_name_set_add(&s, "a_3_2", &is_new) && !is_new);
    assert_true(tg_name_set_add(&s, "", &is_new) && is_new);
    const char *first = tg_name_set_add_unique(&s, "b");
    for (int k = 2; k < 5000; k++) {
        snprintf(text, sizeof text, "c%d", k);
        snprintf(want, sizeof want, "b_%d", k);
        assert_string_equal(tg_name_set_add_unique(&s, "b"), want);
        assert_string_equal(tg_name_set_add_unique(&s, text), text);
    }
    assert_string_equal(first, "b"); /* where it was, however the table has grown */
    tg_name_set_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_order, close_tape),   cmocka_unit_test_teardown(test_alias, close_tape),
        cmocka_unit_test_teardown(test_results, close_tape), cmocka_unit_test_teardown(test_refused, close_tape),
        cmocka_unit_test_teardown(test_names, close_tape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
