/* test_profile.c - traces: what is said of each step, under whatever names, and no memory that grows. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <math.h>

#include <sys/file.h>

#include "profile/trace.h"
#include "file_fixture.h"
#include "profile_test.h"

/* ---- a trace ------------------------------------------------------------------------------------------------------ */

/* Every event is complete, and each begins when those before it are over. */
static void check_times(const json_t *events)
{
    const json_t *e;
    size_t        i;
    double        over = 0;
    for (i = 0; i < json_array_size(events); i++) {
        e = json_array_get(events, i);
        assert_true(json_is_integer(json_object_get(e, "pid")));
        assert_int_equal(json_integer_value(json_object_get(e, "pid")), getpid());
        if (!strcmp(said(e, "ph"), "M")) continue;
        assert_string_equal(said(e, "ph"), "X");
        assert_int_equal(json_integer_value(json_object_get(e, "tid")), 1);
        const double ts = json_number_value(json_object_get(e, "ts")), dur = json_number_value(json_object_get(e, "dur"));
        assert_true(ts > 0 && dur >= 0);
        assert_true(ts >= over - 0.01);
        over = ts + dur;
    }
}

static void test_training(void **state)
{
    fixture *f = *state;
    int      n;
    tg_tape *t = profiled(f, in_dir(f, "run.json"));
    const bool fused = is_fused(t);
    train(t, STEPS);
    assert_null(tg_error(t));
    tg_tape_free(t);
    json_t *events = read_trace(in_dir(f, "run.json"));
    check_times(events);

    const json_t *forward = find(events, "product", "matmul 64x48x32 NN", &n); /* x w */
    assert_int_equal(n, STEPS);
    assert_int_equal(argument(forward, "m"), ROWS);
    assert_int_equal(argument(forward, "n"), HIDDEN);
    assert_int_equal(argument(forward, "k"), IN);
    assert_int_equal(argument(forward, "batch"), 1);
    assert_int_equal(argument(forward, "A transposed"), 0);
    assert_int_equal(argument(forward, "flops"), 2 * ROWS * HIDDEN * IN);
    assert_int_equal(argument(forward, "elements"), ROWS * HIDDEN);
    assert_int_equal(argument(forward, "bytes read"), 4 * (ROWS * IN + IN * HIDDEN));
    assert_int_equal(argument(forward, "bytes written"), 4 * ROWS * HIDDEN);
    const double gflops = (double)argument(forward, "flops") / json_number_value(json_object_get(forward, "dur")) * 1e-3;
    assert_true(fabs(rate(forward, "GFLOP/s") - gflops) < 0.02 * gflops + 0.002);

    const json_t *back = find(events, "product", "matmul 32x48x64 TN", &n); /* dw = x^T g */
    assert_int_equal(n, STEPS);
    assert_int_equal(argument(back, "A transposed"), 1);
    assert_int_equal(argument(back, "B transposed"), 0);

    const json_t *adam = find(events, "optimizer", "tg_adam", &n);
    assert_int_equal(n, STEPS);
    assert_int_equal(argument(adam, "tensors"), 2);
    assert_int_equal(argument(adam, "elements"), IN * HIDDEN + HIDDEN);
    assert_int_equal(argument(adam, "bytes read"), 4 * 4 * (IN * HIDDEN + HIDDEN));
    assert_int_equal(argument(adam, "bytes written"), 3 * 4 * (IN * HIDDEN + HIDDEN));

    assert_true(argument(must_find(events, "backward", "tg_backward"), "nodes reached") > 5);
    assert_true(argument(must_find(events, "plan", "order nodes"), "nodes") > 0);
    if (fused) {
        assert_true(argument(must_find(events, "plan", "make program"), "steps") > 0);
        const json_t *group = NULL;
        for (size_t i = 0; i < json_array_size(events); i++)
            if (!strncmp(said(json_array_get(events, i), "name"), "add·tanh", strlen("add·tanh"))) group = json_array_get(events, i);
        assert_non_null(group);
        assert_string_equal(said(group, "cat"), "fused");
        assert_int_equal(argument(group, "elements"), ROWS * HIDDEN);
        assert_int_equal(argument(group, "rows") * argument(group, "cols"), ROWS * HIDDEN);
        assert_true(argument(group, "ops") >= 2 && argument(group, "instructions") >= 2);
    } else {
        find(events, "kernel", "tanh", &n);
        assert_int_equal(n, STEPS);
        assert_non_null(find(events, "view", "permute", NULL));
    }
    json_decref(events);
}

/* Bytes are those that go through memory: a row and a column once, what stays in tiles never. */
static void test_bytes(void **state)
{
    fixture *f = *state;
    tg_tape *t = profiled(f, in_dir(f, "bytes.json"));
    const bool fused = is_fused(t);
    tg_tensor *x = tg_keep(tg_randn(t, TG_SHAPE(300, 100))), *row = tg_keep(tg_randn(t, TG_SHAPE(100)));
    tg_tensor *column = tg_keep(tg_randn(t, TG_SHAPE(300, 1))), *wide = tg_keep(tg_randn(t, TG_SHAPE(100, 300)));
    tg_tensor *y = tg_tanh(tg_add(tg_mul(x, row), column));
    assert_non_null(tg_data(y));
    assert_non_null(tg_data(tg_exp(tg_mT(wide))));       /* gathered */
    assert_non_null(tg_data(tg_sum(tg_sigmoid(x), TG_AXES(0), false))); /* complete only at the end */
    tg_tape_free(t);
    json_t *events = read_trace(in_dir(f, "bytes.json"));
    if (fused) {
        const json_t *e = must_find(events, "fused", "mul·add·tanh");
        assert_int_equal(argument(e, "elements"), 30000);
        assert_int_equal(argument(e, "rows"), 300);
        assert_int_equal(argument(e, "cols"), 100);
        assert_int_equal(argument(e, "ops"), 3);
        assert_int_equal(argument(e, "bytes read"), 4 * (30000 + 100 + 300));
        assert_int_equal(argument(e, "bytes written"), 4 * 30000);
        e = must_find(events, "fused", "exp");
        assert_int_equal(argument(e, "bytes read"), 4 * 30000);
        assert_int_equal(argument(e, "bytes written"), 4 * 30000);
        e = must_find(events, "fused", "sigmoid·sum");
        assert_int_equal(argument(e, "bytes read"), 4 * 30000);
        assert_int_equal(argument(e, "bytes written"), 4 * 100);
    } else {
        const json_t *e = must_find(events, "kernel", "mul");
        assert_int_equal(argument(e, "elements"), 30000);
        assert_int_equal(argument(e, "bytes read"), 4 * (30000 + 100));
        assert_int_equal(argument(e, "bytes written"), 4 * 30000);
        assert_string_equal(said(json_object_get(e, "args"), "shapes"), "[300,100] [100] -> [300,100]");
        e = must_find(events, "kernel", "sum");
        assert_int_equal(argument(e, "elements"), 30000);
        assert_int_equal(argument(e, "bytes written"), 4 * 100);
    }
    json_decref(events);
}

static void test_batch(void **state)
{
    fixture   *f = *state;
    tg_tape   *t = profiled(f, in_dir(f, "batch.json"));
    tg_tensor *a = tg_keep(tg_randn(t, TG_SHAPE(5, 2, 6, 7))), *b = tg_keep(tg_randn(t, TG_SHAPE(2, 9, 7)));
    assert_non_null(tg_data(tg_matmul(a, tg_mT(b))));
    tg_tape_free(t);
    json_t       *events = read_trace(in_dir(f, "batch.json"));
    const json_t *e = must_find(events, "product", "matmul 6x9x7 NT, 10 times");
    assert_int_equal(argument(e, "batch"), 10);
    assert_int_equal(argument(e, "flops"), 2 * 6 * 9 * 7 * 10);
    assert_int_equal(argument(e, "B transposed"), 1);
    json_decref(events);
}

/* ---- names -------------------------------------------------------------------------------------------------------- */

static void negate(size_t n, void *out, const void *const *in, const void *attr)
{
    (void)attr;
    for (size_t i = 0; i < n; i++) ((float *)out)[i] = -((const float *)in[0])[i];
}

/* Ops may have any name, and groups any number of ops. */
static void test_odd_names(void **state)
{
    static const tg_op odd = {.name = "\"a\\\n\xff", .kind = TG_POINTWISE, .arity = 1, .flags = TG_OP_ZERO_GRAD,
                              .loop = {[TG_F32] = negate}};
    fixture   *f = *state;
    tg_tape   *t = profiled(f, in_dir(f, "odd.json"));
    const bool fused = is_fused(t);
    tg_tensor *x = tg_keep(tg_randn(t, TG_SHAPE(10))), *y = tg_record(&odd, &x, 1, NULL, 0);
    assert_non_null(tg_data(y));
    for (int i = 0; i < 60; i++) x = tg_maximum(x, tg_leaky_relu(x, 0.1));
    assert_non_null(tg_data(x));
    tg_tape_free(t);
    json_t *events = read_trace(in_dir(f, "odd.json"));
    must_find(events, fused ? "fused" : "kernel", "\"a\\??");
    size_t        i;
    const json_t *e;
    int           longest = 0;
    for (i = 0; i < json_array_size(events); i++) {
        e = json_array_get(events, i);
        const char *name = said(e, "name");
        if ((int)strlen(name) <= longest) continue;
        longest = (int)strlen(name);
        if (fused && longest > 100) assert_string_equal(name + longest - strlen("…"), "…");
    }
    assert_true(fused ? longest > 100 && longest < 200 : longest > 5);
    json_decref(events);
}

static void test_numbers(void **state)
{
    static const struct {
        double      x;
        int         decimals;
        const char *text;
    } cases[] = {{0, 3, "0.000"},           {1.5, 3, "1.500"},   {-0.0004, 3, "0.000"}, {-0.0016, 3, "-0.002"}, {999.9996, 3, "1000.000"},
                 {5302180108.537, 3, "5302180108.537"}, {12.5, 0, "13"}, {0.05, 1, "0.1"},  {1e30, 3, "-"},
                 {-INFINITY, 1, "-"},       {NAN, 2, "-"}};
    char text[TG_FIXED_TEXT];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(tg_fixed(text, cases[i].x, cases[i].decimals), cases[i].text);
}

/* ---- memory ------------------------------------------------------------------------------------------------------- */

static void test_steady_memory(void **state)
{
    fixture   *f = *state;
    tg_tape   *t = profiled(f, in_dir(f, "long.json"));
    tg_tensor *x = tg_keep(tg_randn(t, TG_SHAPE(10)));
    int64_t    calls = 0;
    for (int i = 0; i < 2000; i++) {
        if (i == 10) calls = f->calls;
        assert_non_null(tg_data(tg_exp(x)));
        tg_reset(t);
    }
    assert_int_equal(f->calls, calls);
    tg_tape_free(t);
    json_t *events = read_trace(in_dir(f, "long.json"));
    assert_true(json_array_size(events) >= 2000);
    json_decref(events);
}

/* Without memory for it there is no profile, and a sentence; the tape is there if its own memory is. */
static void test_out_of_memory(void **state)
{
    fixture *f = *state;
    size_t   held = f->held;
    int      without = 0, whole = 0;
    for (int k = 0; !whole && k < 100; k++) {
        f->fail_from = f->calls + k;
        f->fail_to = f->fail_from + 1;
        tg_tape *t = tg_tape_new(&(tg_tape_options){
            .silent = true, .allocator = {resize, f}, .profile = in_dir(f, "memory.json"), .profile_summary = false});
        bool failed = f->calls > f->fail_from;
        whole = !failed;
        f->fail_from = f->fail_to = 0;
        if (t && failed) {
            assert_int_equal(tg_error_status(t), TG_ERR_MEMORY);
            tg_clear_error(t);
            train(t, 1);
            assert_null(tg_error(t));
            without++;
        }
        tg_tape_free(t);
        assert_int_equal(f->held, held);
    }
    assert_int_equal(without, 2); /* its own struct, its buffer */
    assert_true(whole);
    json_decref(read_trace(in_dir(f, "memory.json")));
    assert_int_not_equal(access(in_dir(f, "memory.2.json"), F_OK), 0); /* only the last one came to a file */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_training),
        TEST(test_bytes),
        TEST(test_batch),
        TEST(test_odd_names),
        TEST(test_numbers),
        TEST(test_steady_memory),
        TEST(test_out_of_memory),
    };
    unsetenv("TAPEGRAD_PROFILE");
    unsetenv("TAPEGRAD_PROFILE_SUMMARY");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
