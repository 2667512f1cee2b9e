/* test_progress.c - progress bars, on a terminal and in a file, by themselves and within each other. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <tapegrad_show.h>

enum { ROOM = 4096 };

/* Has stderr go to fd, and back. */
static int divert(int fd)
{
    const int saved = dup(STDERR_FILENO);
    assert_true(saved >= 0 && dup2(fd, STDERR_FILENO) >= 0);
    return saved;
}

static void restore(int saved)
{
    dup2(saved, STDERR_FILENO);
    close(saved);
}

static int file_in_memory(void)
{
    const int fd = memfd_create("progress", MFD_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

/* All that was written to the file, which is closed. */
static const char *text_of(int fd)
{
    static char   text[ROOM];
    const ssize_t n = pread(fd, text, sizeof text - 1, 0);
    assert_true(n >= 0);
    text[n] = 0;
    close(fd);
    return text;
}

/* What a terminal shows up to the given number of line ends. */
static const char *shown(int terminal, int lines)
{
    static char text[ROOM];
    size_t      n = 0;
    for (int seen = 0; seen < lines;) { /* it hands out what is there, in pieces */
        const ssize_t k = read(terminal, text + n, sizeof text - 1 - n);
        assert_true(k > 0);
        for (ssize_t i = 0; i < k; i++) seen += text[n + (size_t)i] == '\n';
        n += (size_t)k;
    }
    text[n] = 0;
    return text;
}

/* Both ends of a terminal; false: there is none to be had. */
static bool open_terminal(int *terminal, int *side)
{
    *terminal = posix_openpt(O_RDWR | O_NOCTTY);
    if (*terminal < 0 || grantpt(*terminal) != 0 || unlockpt(*terminal) != 0) return false;
    *side = open(ptsname(*terminal), O_RDWR | O_NOCTTY);
    assert_true(*side >= 0);
    return true;
}

static int count_of(const char *text, const char *part)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at++) n++;
    return n;
}

/* ---- one bar ----------------------------------------------------------------------------------------------------------- */

/* An epoch of three batches with stderr going to fd; the bar's figures are in *p. */
static void epoch(int fd, tg_progress *p, int64_t total)
{
    const int saved = divert(fd);
    tg_progress_start(p, "epoch 1", total);
    tg_progress_update(p, 10, 4, NAN);
    tg_progress_update(p, 10, 2, 0.5);
    tg_progress_update(p, 20, 1, 0.8);
    tg_progress_finish(p);
    restore(saved);
}

static void test_in_a_file(void **state)
{
    (void)state;
    tg_progress p;
    const int   fd = file_in_memory();
    epoch(fd, &p, 3);
    const char *text = text_of(fd);
    assert_true(fabs(p.loss - 2) < 1e-12);       /* (10*4 + 10*2 + 20*1) / 40 */
    assert_true(fabs(p.accuracy - 0.7) < 1e-12); /* (10*0.5 + 20*0.8) / 30 */
    assert_memory_equal(text, "epoch 1 3/3  loss 2.0000  acc 70.00%", 36);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1); /* one line */
    assert_null(strchr(text, '\r'));
}

static void test_on_a_terminal(void **state)
{
    (void)state;
    tg_progress p;
    int         terminal, side;
    if (!open_terminal(&terminal, &side)) skip();
    epoch(side, &p, 3);
    const char *text = shown(terminal, 1);
    close(side);
    close(terminal);
    const int drawn = count_of(text, "epoch 1");
    assert_true(drawn >= 2 && drawn <= 5); /* at the start and the end, and in between not more than ten times a second */
    assert_non_null(strstr(text, "[=========="));
    assert_non_null(strstr(text, "3/3  loss 2.0000  acc 70.00%"));
}

static void test_odd_calls(void **state)
{
    (void)state;
    tg_progress p;
    const int   fd = file_in_memory();
    tg_progress_start(NULL, "x", 1);
    tg_progress_start_within(NULL, NULL, "x", 1);
    tg_progress_update(NULL, 1, 1, 1);
    tg_progress_finish(NULL);
    epoch(fd, &p, -5); /* an unknown number of batches */
    close(fd);
    assert_int_equal(p.total, 0);
    assert_int_equal(p.done, 3);
    tg_progress_update(&p, -1, 1, 1); /* refused */
    assert_int_equal(p.done, 3);
    tg_progress_update(&p, 0, 5, 1); /* an empty batch changes no mean */
    assert_true(fabs(p.loss - 2) < 1e-12 && fabs(p.accuracy - 0.7) < 1e-12);
}

/* A long epoch tells of itself in a file, too: a line for each minute. */
static void test_long_in_a_file(void **state)
{
    (void)state;
    tg_progress p;
    const int   fd = file_in_memory(), saved = divert(fd);
    tg_progress_start(&p, "long", 10);
    for (int i = 0; i < 9; i++) {
        if (i % 3 == 2) p.started -= 61, p.drawn -= 61; /* a minute went by */
        tg_progress_update(&p, 1, 1, NAN);
    }
    restore(saved);
    const char *text = text_of(fd);
    assert_int_equal(count_of(text, "\n"), 3);
    assert_memory_equal(text, "long 3/10  loss 1.0000", 22);
    assert_non_null(strstr(text, "left 2:22")); /* 61 seconds for three tenths */
    assert_non_null(strstr(text, "\nlong 9/10"));
}

/* ---- bars within each other -------------------------------------------------------------------------------------------- */

/* Three epochs of two batches. label: of the inner bar. */
static void train(int fd, tg_progress *all, const char *label)
{
    const int   saved = divert(fd);
    tg_progress bar;
    tg_progress_start(all, "epoch", 3);
    for (int i = 0; i < 3; i++) {
        tg_progress_start_within(&bar, all, label, 2);
        tg_progress_update(&bar, 10, 4 - i, 0.5);
        tg_progress_update(&bar, 30, 3 - i, 0.5);
        tg_progress_finish(&bar);
    }
    tg_progress_finish(all);
    restore(saved);
}

static void test_nested_in_a_file(void **state)
{
    (void)state;
    tg_progress all;
    int         fd = file_in_memory();
    train(fd, &all, NULL);
    const char *text = text_of(fd);
    assert_memory_equal(text, "epoch 1/3 2/2  loss 3.2500  acc 50.00%", 38);
    assert_non_null(strstr(text, "\nepoch 2/3 2/2  loss 2.2500"));
    assert_non_null(strstr(text, "\nepoch 3/3 2/2  loss 1.2500"));
    assert_non_null(strstr(text, "\nepoch 3/3  loss 1.2500  acc 50.00%"));
    assert_int_equal(count_of(text, "\n"), 4);
    assert_null(strchr(text, '\r'));
    assert_true(all.done == 3 && all.samples == 120 && fabs(all.loss - 1.25) < 1e-12);
    fd = file_in_memory();
    train(fd, &all, "training");
    assert_memory_equal(text_of(fd), "epoch 1/3  training 2/2", 23);
}

static void test_nested_on_a_terminal(void **state)
{
    (void)state;
    tg_progress all;
    int         terminal, side;
    if (!open_terminal(&terminal, &side)) skip();
    train(side, &all, NULL);
    const char *text = shown(terminal, 4);
    close(side);
    close(terminal);
    assert_int_equal(count_of(text, "\n"), 4); /* a line for each epoch stays, and one for all */
    assert_non_null(strstr(text, "epoch 2/3 [=========="));
    assert_non_null(strstr(text, "2/2  loss 2.2500"));
}

/* The time left of both: half of the second epoch of four is done, in 30 seconds of 90. */
static void test_nested_time(void **state)
{
    (void)state;
    tg_progress all, bar;
    const int   fd = file_in_memory(), saved = divert(fd);
    tg_progress_start(&all, "epoch", 4);
    all.done = 1;
    all.started -= 90;
    tg_progress_start_within(&bar, &all, NULL, 4);
    bar.started -= 30;
    tg_progress_update(&bar, 1, 1, NAN);
    bar.drawn -= 61;
    tg_progress_update(&bar, 1, 1, NAN);
    restore(saved);
    const char *text = text_of(fd);
    assert_non_null(strstr(text, "epoch 2/4 2/4"));
    assert_non_null(strstr(text, "left 0:30, in all 2:30"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_a_file),      cmocka_unit_test(test_on_a_terminal),    cmocka_unit_test(test_odd_calls),
        cmocka_unit_test(test_long_in_a_file), cmocka_unit_test(test_nested_in_a_file), cmocka_unit_test(test_nested_on_a_terminal),
        cmocka_unit_test(test_nested_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
