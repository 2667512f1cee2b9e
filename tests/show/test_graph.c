/* test_graph.c - recorded graphs as text and as DOT: every node once, inputs first, boxes within each other as scopes are. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tapegrad.h>
#include <tapegrad_show.h>

#include "quiet.h"

/* net.1, then net.10 and net, by names: boxes that begin alike are not one. */
static tg_tensor *network(tg_tape *t)
{
    static const char *const scopes[] = {"net.1", "net.10", "net", "net-x"};
    const float              in[] = {1, 2, 3, 4};
    tg_tensor               *x = tg_from_f32(t, TG_SHAPE(2, 2), in);
    for (int i = 0; i < 4; i++) {
        tg_tensor *w = tg_paramf(t, tg_ones(t, TG_SHAPE(2, 2)), "%s.weight", scopes[i]);
        x = tg_tanh(tg_matmul(x, w));
    }
    return tg_sum_all(tg_mul_s(x, 0.5));
}

static void test_text(void **state)
{
    static const char expected[] = "net.1.weight: parameter  float32 [2,2], requires grad\n"
                                   "net.10.weight: parameter  float32 [2,2], requires grad\n"
                                   "net.weight: parameter  float32 [2,2], requires grad\n"
                                   "net-x.weight: parameter  float32 [2,2], requires grad\n"
                                   "%4: data  float32 [2,2]\n"
                                   "%5 = matmul(%4, net.1.weight)  float32 [2,2], requires grad\n"
                                   "%6 = tanh(%5)  float32 [2,2], requires grad\n"
                                   "%7 = matmul(%6, net.10.weight)  float32 [2,2], requires grad\n"
                                   "%8 = tanh(%7)  float32 [2,2], requires grad\n"
                                   "%9 = matmul(%8, net.weight)  float32 [2,2], requires grad\n"
                                   "%10 = tanh(%9)  float32 [2,2], requires grad\n"
                                   "%11 = matmul(%10, net-x.weight)  float32 [2,2], requires grad\n"
                                   "%12 = tanh(%11)  float32 [2,2], requires grad\n"
                                   "%14 = mul(%12, 0.5)  float32 [2,2], requires grad\n"
                                   "%15 = sum(%14)  float32 [], requires grad\n"
                                   "gives %15\n";
    char       text[4000], cut[10];
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *y = network(t);
    (void)state;
    assert_int_equal(tg_graph_format(&y, 1, text, sizeof text), strlen(expected));
    assert_string_equal(text, expected);
    assert_int_equal(tg_graph_format(&y, 1, cut, sizeof cut), strlen(expected));
    assert_string_equal(cut, "net.1.wei");
    assert_int_equal(tg_graph_format(&y, 1, NULL, 0), strlen(expected));
    assert_true(tg_item(y) > 1.9 && tg_item(y) < 2); /* still computable: walks left no marks */
    tg_tape_free(t);
}

/* Results of one call, a buffer, a kept tensor, a name from outside, several outputs. */
static void test_kinds(void **state)
{
    char       text[2000];
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *b = tg_buffer(t, "count", tg_ones(t, TG_SHAPE(3))), *k = tg_keep(tg_ones(t, TG_SHAPE(3))), *place = NULL;
    tg_tensor *value = tg_sort(tg_add(b, k), 0, false, &place), *both[] = {place, value};
    (void)state;
    assert_non_null(value);
    assert_true(tg_graph_format(both, 2, text, sizeof text) > 0);
    assert_non_null(strstr(text, "count: buffer  float32 [3]\n"));
    assert_non_null(strstr(text, "%1: kept  float32 [3]\n"));
    assert_non_null(strstr(text, "%2 = add(count, %1)  float32 [3]\n"));
    assert_non_null(strstr(text, "%3 = sort(%2)  float32 [3]\n%4 = result 1 of %3  int64 [3]\ngives %4, %3\n"));
    tg_tape_free(t);
}

static void test_errors(void **state)
{
    char       text[100];
    tg_tape   *t = quiet(TG_F32), *other = quiet(TG_F32);
    tg_tensor *x = tg_ones(t, TG_SHAPE(3)), *y = tg_ones(other, TG_SHAPE(3)), *both[] = {x, y}, *none = NULL;
    (void)state;
    assert_int_equal(tg_graph_format(both, 2, text, sizeof text), -1);
    expect_failure(t, tg_error_status(t), TG_ERR_TAPE, "tg_graph_format: tensor 1");
    assert_int_equal(tg_graph_format(&none, 1, text, sizeof text), -1);
    assert_int_equal(tg_graph_format(NULL, 1, text, sizeof text), -1);
    assert_int_equal(tg_graph_format(&x, 0, text, sizeof text), -1);
    assert_int_equal(tg_graph_print(&none, 1), TG_ERR_NULL);
    assert_int_equal(tg_graph_draw(NULL, &x, 1, NULL, NULL), TG_ERR_NULL);
    assert_null(tg_error(t));
    expect_failure(t, tg_graph_draw("/tmp/never", &x, 1, &(tg_graph_options){.gradients = true}, NULL), TG_ERR_GRAD, "tg_graph_draw: tensor 0");
    expect_failure(t, tg_graph_draw("/no/such/directory/g", &x, 1, NULL, NULL), TG_ERR_IO, "tg_graph_draw: cannot write /no/such/directory/g.dot");
    assert_int_equal(tg_reset(t), TG_OK);
    assert_int_equal(tg_graph_print(&x, 1), TG_ERR_NULL);
    expect_failure(t, tg_error_status(t), TG_ERR_STALE, "tg_graph_print");
    tg_tape_free(t);
    tg_tape_free(other);
}

/* ---- DOT ---------------------------------------------------------------------------------------------------------------- */

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *text = calloc(1, 100000);
    assert_non_null(f);
    assert_non_null(text);
    assert_true(fread(text, 1, 99999, f) > 0);
    fclose(f);
    return text;
}

static int count(const char *text, const char *part)
{
    int n = 0;
    for (const char *p = text; (p = strstr(p, part)); p++) n++;
    return n;
}

/* Draws into a directory of its own, with or without a program dot, and gives the DOT. */
static char *drawn(tg_tensor *y, const tg_graph_options *o, bool without, tg_picture *made)
{
    char dir[] = "/tmp/tapegrad_graph_XXXXXX", path[200], old[4096];
    assert_non_null(mkdtemp(dir));
    snprintf(old, sizeof old, "%s", getenv("PATH"));
    if (without) setenv("PATH", "/nonexistent", 1);
    snprintf(path, sizeof path, "%s/g", dir);
    assert_int_equal(tg_graph_draw(path, &y, 1, o, made), TG_OK);
    setenv("PATH", old, 1);
    snprintf(path, sizeof path, "%s/g.dot", dir);
    char *text = read_file(path);
    unlink(path);
    for (int i = 0; i < 2; i++) snprintf(path, sizeof path, "%s/g.%s", dir, i ? "png" : "svg"), unlink(path);
    assert_int_equal(rmdir(dir), 0);
    return text;
}

static void test_boxes(void **state)
{
    tg_picture made;
    tg_tape   *t = quiet(TG_F32);
    char      *text = drawn(network(t), &(tg_graph_options){.title = "a \"quoted\" \\ title\n"}, true, &made);
    (void)state;
    assert_int_equal(made.kind, TG_PICTURE_DOT);
    assert_non_null(strstr(text, "label=\"a \\\"quoted\\\" \\\\ title?\";"));
    assert_int_equal(count(text, "subgraph"), 4); /* net with 1 and 10 in it, net-x */
    assert_int_equal(count(text, "{"), count(text, "}"));
    const char *net = strstr(text, "label=\"net\";"), *one = strstr(text, "label=\"1\";"), *ten = strstr(text, "label=\"10\";"), *x = strstr(text, "label=\"net-x\";");
    assert_true(net && one && ten && x && net < one && one < ten && ten < x);
    assert_int_equal(count(text, " -> "), 4 * 3 + 3); /* each layer's product has two inputs, its tanh one; then mul's two and sum's */
    assert_int_equal(count(text, "shape=ellipse"), 5);
    assert_int_equal(count(text, "penwidth=3"), 1);
    assert_int_equal(count(text, "gradient"), 0);
    free(text);
    tg_tape_free(t);
}

static void test_gradients(void **state)
{
    tg_picture made;
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *y = network(t);
    const int64_t before = tg_stats(t).evaluated_nodes;
    char         *text = drawn(y, &(tg_graph_options){.gradients = true}, true, &made);
    (void)state;
    assert_int_equal(count(text, "gradient of net"), 4);
    assert_non_null(strstr(text, "gradient of net-x.weight"));
    assert_int_equal(tg_stats(t).evaluated_nodes, before); /* nothing was computed */
    assert_int_equal(tg_backward(y), TG_OK);
    free(text);
    tg_tape_free(t);
}

/* What Graphviz makes of it, where it is installed. */
static void test_svg(void **state)
{
    tg_picture made;
    tg_tape   *t = quiet(TG_F32);
    free(drawn(network(t), NULL, false, &made));
    (void)state;
    if (system("dot -V >/dev/null 2>&1") == 0) assert_int_equal(made.kind, TG_PICTURE_SVG);
    else assert_int_equal(made.kind, TG_PICTURE_DOT);
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),  cmocka_unit_test(test_kinds),     cmocka_unit_test(test_errors),
        cmocka_unit_test(test_boxes), cmocka_unit_test(test_gradients), cmocka_unit_test(test_svg),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
