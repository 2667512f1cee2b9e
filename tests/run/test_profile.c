/* test_profile.c - traces and summaries: what is said of each step, under which file name, and what happens when it can't be written. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include "profile/trace.h"
#include "file_fixture.h"

enum { ROWS = 64, IN = 32, HIDDEN = 48, STEPS = 3 };

/* ---- running and reading ------------------------------------------------------------------------------------------ */

static tg_tape *profiled(fixture *f, const char *path)
{
    tg_tape *t = tg_tape_new(&(tg_tape_options){.silent = true, .allocator = {resize, f}, .profile = path});
    assert_non_null(t);
    return t;
}

static bool is_fused(const tg_tape *t) { return strcmp(tg_stats(t).evaluator, "fused") == 0; }

/* sum((tanh(x w + b)) ^ 2), trained a little. */
static void train(tg_tape *t, int steps)
{
    tg_tensor *w = tg_param(t, "w", tg_randn(t, TG_SHAPE(IN, HIDDEN))), *b = tg_param(t, "b", tg_zeros(t, TG_SHAPE(HIDDEN)));
    tg_tensor *x = tg_keep(tg_randn(t, TG_SHAPE(ROWS, IN)));
    tg_optim  *opt = tg_adam(t, NULL);
    assert_true(w && b && x && opt);
    for (int i = 0; i < steps; i++) {
        tg_tensor *loss = tg_sum(tg_square(tg_tanh(tg_add(tg_matmul(x, w), b))), TG_ALL_AXES, false);
        assert_int_equal(tg_backward(loss), TG_OK);
        assert_int_equal(tg_step(opt), TG_OK);
        tg_reset(t);
    }
}

static json_t *read_trace(const char *path)
{
    json_error_t e;
    json_t      *events = json_load_file(path, JSON_REJECT_DUPLICATES, &e);
    if (!events) fail_msg("%s:%d: %s", path, e.line, e.text);
    assert_true(json_is_array(events));
    return events;
}

static const char *said(const json_t *event, const char *key)
{
    const char *s = json_string_value(json_object_get(event, key));
    return s ? s : "";
}

static bool is(const json_t *event, const char *category, const char *name)
{
    return !strcmp(said(event, "cat"), category) && !strcmp(said(event, "name"), name);
}

/* The last event of this kind, or NULL; *count gets how many there are. */
static const json_t *find(const json_t *events, const char *category, const char *name, int *count)
{
    const json_t *found = NULL, *e;
    size_t        i;
    int           n = 0;
    for (i = 0; i < json_array_size(events); i++) {
        e = json_array_get(events, i);
        if (!is(e, category, name)) continue;
        found = e;
        n++;
    }
    if (count) *count = n;
    return found;
}

static const json_t *must_find(const json_t *events, const char *category, const char *name)
{
    const json_t *e = find(events, category, name, NULL);
    if (e) return e;
    for (size_t i = 0; i < json_array_size(events); i++)
        print_message("%s %s\n", said(json_array_get(events, i), "cat"), said(json_array_get(events, i), "name"));
    fail_msg("there is no %s '%s'", category, name);
    return NULL;
}

static int64_t argument(const json_t *event, const char *key)
{
    const json_t *x = json_object_get(json_object_get(event, "args"), key);
    if (!json_is_integer(x)) fail_msg("'%s' has no integer '%s'", said(event, "name"), key);
    return json_integer_value(x);
}

static double rate(const json_t *event, const char *key)
{
    return json_number_value(json_object_get(json_object_get(event, "args"), key));
}

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

/* ---- files -------------------------------------------------------------------------------------------------------- */

static int64_t tid_of(const fixture *f, const char *name)
{
    json_t *events = read_trace(in_dir(f, name));
    int64_t tid = json_integer_value(json_object_get(json_array_get(events, 1), "tid"));
    json_decref(events);
    return tid;
}

/* Tapes of this process, alive or gone, keep their files and get their own number; what others left behind is replaced. */
static void test_several_tapes(void **state)
{
    fixture *f = *state;
    const char other[] = "[{\"name\":\"process_name\",\"args\":{\"process\":\"1.1\"}}, and much more that is no JSON";
    write_file(in_dir(f, "a.json"), other, strlen(other));
    tg_tape *first = profiled(f, in_dir(f, "a.json")), *second = profiled(f, in_dir(f, "a.json"));
    train(second, 1);
    tg_tape_free(second);
    tg_tape *third = profiled(f, in_dir(f, "a.json"));
    tg_tape_free(third);
    train(first, 1);
    tg_tape_free(first);
    tg_tape_free(profiled(f, in_dir(f, "b")));
    tg_tape_free(profiled(f, in_dir(f, "b")));
    assert_int_equal(tid_of(f, "a.json"), 1);
    assert_int_equal(tid_of(f, "a.2.json"), 2);
    assert_int_equal(tid_of(f, "a.3.json"), 3);
    assert_int_equal(tid_of(f, "b"), 1);
    assert_int_equal(tid_of(f, "b.2"), 2);
    assert_int_not_equal(access(in_dir(f, "a.4.json"), F_OK), 0);
}

/* A file that is being written elsewhere is left alone. */
static void test_file_in_use(void **state)
{
    fixture *f = *state;
    write_file(in_dir(f, "c.json"), "mine", 4);
    int file = open(in_dir(f, "c.json"), O_RDWR);
    assert_true(file >= 0 && flock(file, LOCK_EX) == 0);
    tg_tape_free(profiled(f, in_dir(f, "c.json")));
    char content[8] = "";
    assert_int_equal(read(file, content, sizeof content - 1), 4);
    assert_string_equal(content, "mine");
    close(file);
    assert_int_equal(tid_of(f, "c.2.json"), 2);
}

static void assert_refused(fixture *f, const char *path, const char *sentence)
{
    tg_tape *t = profiled(f, path);
    assert_int_equal(tg_error_status(t), TG_ERR_IO);
    assert_non_null(strstr(tg_error(t), sentence));
    tg_clear_error(t);
    train(t, 1); /* and nothing else is amiss */
    assert_null(tg_error(t));
    tg_tape_free(t);
}

static void test_unwritable(void **state)
{
    fixture *f = *state;
    char     path[300], longest[5000];
    snprintf(path, sizeof path, "%s/none/x.json", f->dir);
    assert_refused(f, path, "/none/x.json': No such file");
    assert_refused(f, f->dir, "Is a directory");
    assert_refused(f, "/dev/null", "not a regular file");
    snprintf(path, sizeof path, "%s/pipe", f->dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_refused(f, path, "not a regular file");
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = 0;
    assert_refused(f, longest, "too long");
}

/* Where the disk is full the file ends after a whole event, once with a sentence, and the work goes on. */
static void test_full_disk(void **state)
{
    enum { LIMIT = 150000 };
    fixture      *f = *state;
    struct rlimit was, low;
    tg_tape      *t = profiled(f, in_dir(f, "full.json"));
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    low = was;
    low.rlim_cur = LIMIT;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    train(t, 200);
    assert_int_equal(tg_error_status(t), TG_ERR_IO);
    assert_non_null(strstr(tg_error(t), "the trace ends here"));
    tg_clear_error(t);
    tg_tensor *x = tg_keep(tg_randn(t, TG_SHAPE(10)));
    for (int i = 0; i < 1000; i++) {
        assert_non_null(tg_data(tg_exp(x)));
        tg_reset(t);
    }
    assert_null(tg_error(t));
    tg_tape_free(t);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    signal(SIGXFSZ, handler);
    json_t *events = read_trace(in_dir(f, "full.json"));
    assert_true(json_array_size(events) > 100);
    json_decref(events);
}

/* A tape that stops in the middle leaves a whole file. */
static void test_failed_run(void **state)
{
    fixture   *f = *state;
    tg_tape   *t = profiled(f, in_dir(f, "failed.json"));
    int64_t    far[1] = {99};
    tg_tensor *table = tg_keep(tg_randn(t, TG_SHAPE(4, 3)));
    assert_null(tg_data(tg_exp(tg_index_select(table, 0, tg_from_i64(t, TG_SHAPE(1), far)))));
    assert_int_equal(tg_error_status(t), TG_ERR_INDEX);
    tg_tape_free(t);
    json_t *events = read_trace(in_dir(f, "failed.json"));
    must_find(events, "kernel", "index_select");
    json_decref(events);
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

/* ---- the summary and the environment ------------------------------------------------------------------------------ */

/* Frees the tape and returns what it says on stderr. */
static char *last_words(tg_tape *t)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(stderr);
    int was = dup(STDERR_FILENO);
    assert_true(was >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
    tg_tape_free(t);
    fflush(stderr);
    dup2(was, STDERR_FILENO);
    close(was);
    long size = lseek(fileno(file), 0, SEEK_END);
    char *words = calloc(1, (size_t)size + 1);
    assert_non_null(words);
    assert_int_equal(pread(fileno(file), words, (size_t)size, 0), size);
    fclose(file);
    return words;
}

static void test_summary(void **state)
{
    fixture *f = *state;
    tg_tape *t = tg_tape_new(&(tg_tape_options){.silent = true, .allocator = {resize, f}, .profile_summary = true, .profile = "/none/x"});
    assert_non_null(t);
    tg_clear_error(t); /* the one without the other */
    train(t, 20);
    assert_null(tg_error(t));
    char  *words = last_words(t), *line = strchr(words, '\n');
    double share = 0, before = 1e300;
    int    rows = 0;
    assert_memory_equal(words, "tapegrad: a tape's work (", strlen("tapegrad: a tape's work ("));
    assert_non_null(line);
    assert_null(strstr(words, "trace: "));
    assert_non_null(strstr(line, "GFLOP/s"));
    for (line = strchr(line + 1, '\n'); line && line[1]; line = strchr(line + 1, '\n')) {
        long long calls;
        double    ms, percent;
        bool      rest = strncmp(strchrnul(line + 1, '\n') - 10, "(the rest)", 10) == 0;
        assert_int_equal(sscanf(line + 1, "%lld %lf %lf", &calls, &ms, &percent), 3);
        assert_true(calls > 0 && (ms <= before || rest));
        before = ms;
        share += percent;
        rows++;
    }
    assert_true(rows > 5);
    assert_true(fabs(share - 100) < 0.06 * rows);
    const char *product = strstr(words, "matmul 64x48x32 NN");
    assert_non_null(product);
    while (product[-1] != '\n') product--;
    assert_int_equal(strtol(product, NULL, 10), 20);
    free(words);
}

/* More kinds of steps than there are rows: the rest shares one. */
static void test_many_kinds(void **state)
{
    fixture *f = *state;
    tg_tape *t = tg_tape_new(&(tg_tape_options){.silent = true, .allocator = {resize, f}, .profile_summary = true});
    assert_non_null(t);
    tg_tensor *x = tg_keep(tg_randn(t, TG_SHAPE(400, 2)));
    for (int n = 1; n < 400; n++) {
        assert_non_null(tg_data(tg_matmul(tg_slice(x, 0, 0, n, 1), tg_slice(x, 0, 0, 2, 1))));
        tg_reset(t);
    }
    char *words = last_words(t);
    assert_non_null(strstr(words, "(the rest)"));
    free(words);
}

static void test_environment(void **state)
{
    fixture *f = *state;
    setenv("TAPEGRAD_PROFILE", in_dir(f, "env.json"), 1);
    setenv("TAPEGRAD_PROFILE_SUMMARY", "0", 1);
    tg_tape *t = new_tape(f), *off = profiled(f, "");
    train(t, 1);
    setenv("TAPEGRAD_PROFILE_SUMMARY", "1", 1);
    char *none = last_words(t), *nothing = last_words(off); /* read once, when the tape was made */
    tg_tape *both = new_tape(f);
    unsetenv("TAPEGRAD_PROFILE");
    unsetenv("TAPEGRAD_PROFILE_SUMMARY");
    train(both, 1);
    char *table = last_words(both);
    assert_string_equal(none, "");
    assert_string_equal(nothing, "");
    assert_non_null(strstr(table, "a tape's work")); /* which rows it has is a matter of time */
    assert_non_null(strstr(table, "/env.2.json\n"));
    free(none);
    free(nothing);
    free(table);
    assert_int_equal(tid_of(f, "env.json"), 1);
    assert_int_equal(tid_of(f, "env.2.json"), 2);
    assert_int_not_equal(access(in_dir(f, "env.3.json"), F_OK), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_training),      TEST(test_bytes),         TEST(test_batch),      TEST(test_odd_names),
        TEST(test_numbers),        TEST(test_several_tapes), TEST(test_file_in_use), TEST(test_unwritable),
        TEST(test_full_disk),     TEST(test_failed_run),    TEST(test_steady_memory), TEST(test_out_of_memory),
        TEST(test_summary),       TEST(test_many_kinds),    TEST(test_environment),
    };
    unsetenv("TAPEGRAD_PROFILE");
    unsetenv("TAPEGRAD_PROFILE_SUMMARY");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
