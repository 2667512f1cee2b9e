/* test_directory.c - directories that checkpoints and logs are written to are made with those above them. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/stat.h>

#include "file_fixture.h"
#include "system_faults.h"

static bool is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The path is in a buffer that the next call overwrites. */
static const char *at(const fixture *f, const char *path)
{
    static char text[400];
    snprintf(text, sizeof text, "%s/%s", f->dir, path);
    return text;
}

static void test_made(void **state)
{
    fixture *f = *state;
    tg_tape *t = f->tape;
    int64_t  step;
    assert_non_null(tg_param(t, "w", tg_ones(t, TG_SHAPE(2))));
    assert_int_equal(tg_checkpoint_save_step(t, at(f, "a/b//c/"), 3, NULL), TG_OK);
    assert_true(is_directory(at(f, "a/b/c")));
    assert_int_equal(tg_checkpoint_save_step(t, at(f, "a/b/c"), 4, NULL), TG_OK); /* all of them are there */
    assert_int_equal(tg_checkpoint_load_latest(t, at(f, "a/b/c"), &step, NULL), TG_OK);
    assert_int_equal(step, 4);
    tg_run_log *l = tg_run_log_open(t, at(f, "a/x/y"), 0);
    assert_int_equal(tg_run_log_scalar(l, 0, "loss", 1), TG_OK);
    assert_true(is_directory(at(f, "a/x/y")));
    assert_null(tg_error(t));
}

static void test_in_the_way(void **state)
{
    fixture *f = *state;
    tg_tape *t = f->tape;
    write_file(at(f, "file"), "x", 1);
    expect_failure(t, tg_checkpoint_save_step(t, at(f, "file/b/c"), 3, NULL), TG_ERR_IO, "tg_checkpoint_save_step: cannot write to");
    assert_null(tg_run_log_open(t, at(f, "file/b"), 0));
    assert_non_null(strstr(tg_error(t), "tg_run_log_open: cannot write to"));
    assert_non_null(strstr(tg_error(t), "/file': Not a directory"));
    tg_clear_error(t);
    assert_null(tg_run_log_open(t, "", 0));
    assert_non_null(strstr(tg_error(t), "tg_run_log_open: cannot make the directory"));
    tg_clear_error(t);
    expect_failure(t, tg_checkpoint_save_step(t, "/proc/none/b", 3, NULL), TG_ERR_IO, "cannot make the directory '/proc/none': ");
}

/* Each allocation of it fails in turn: nothing is left behind, and then it works. */
static void test_memory(void **state)
{
    fixture *f = *state;
    tg_tape *t = f->tape;
    for (int64_t k = 0;; k++) {
        f->fail_from = f->calls + k;
        f->fail_to = f->fail_from + 1;
        tg_run_log *l = tg_run_log_open(t, at(f, "m/n/o"), 0);
        f->fail_from = f->fail_to = INT64_MAX;
        if (l) break;
        assert_int_equal(tg_error_status(t), TG_ERR_MEMORY);
        tg_clear_error(t);
    }
}

/* Each call to the system fails in turn. The names of new directories are flushed to the disk, each in the one above it, and the first checkpoint with
 * its own: whichever flush fails is told, and the directory without it is not there, so that the next attempt flushes it. */
static void test_flushed(void **state)
{
    fixture *f = *state;
    tg_tape *t = f->tape;
    int      flushes = 0, k = 0;
    assert_non_null(tg_param(t, "w", tg_ones(t, TG_SHAPE(2))));
    for (bool failed = true; failed; k++) {
        char run[40], inner[60];
        snprintf(run, sizeof run, "run%d", k);
        snprintf(inner, sizeof inner, "%s/a/b", run);
        arm(k + 1, EIO);
        const tg_status s = tg_checkpoint_save_step(t, at(f, inner), 1, NULL);
        failed            = fault.failed != NULL;
        const bool flush  = failed && !strcmp(fault.failed, "fsync");
        disarm();
        flushes += flush;
        if (flush) assert_int_equal(s, TG_ERR_IO);
        if (s == TG_OK) continue;
        if (flush && strstr(tg_error(t), "cannot flush the directory of '")) assert_true(flushes > 3 || !is_directory(at(f, flushes == 1 ? run : inner)));
        tg_clear_error(t);
        assert_int_equal(tg_checkpoint_save_step(t, at(f, inner), 1, NULL), TG_OK);
    }
    assert_int_equal(flushes, 3 + 2); /* three directories, the file and its name */
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_made), TEST(test_in_the_way), TEST(test_memory), TEST(test_flushed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
