/* test_profile_files.c - the files of traces, and what happens when they can't be written; summaries; the environment. */
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
#include "profile_test.h"

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
    const struct CMUnitTest tests[] = {
        TEST(test_several_tapes),
        TEST(test_file_in_use),
        TEST(test_unwritable),
        TEST(test_full_disk),
        TEST(test_failed_run),
        TEST(test_summary),
        TEST(test_many_kinds),
        TEST(test_environment),
    };
    unsetenv("TAPEGRAD_PROFILE");
    unsetenv("TAPEGRAD_PROFILE_SUMMARY");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
