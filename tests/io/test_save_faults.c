/* test_save_faults.c - saving and loading while the system refuses each call in turn, cuts reads and writes short, or kills the process
 * at any moment: the file is the old one or the new one, whole, and what is left behind goes with the next save. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/wait.h>
#include <time.h>

#include "file_fixture.h"
#include "system_faults.h"

/* ---- what is there afterwards --------------------------------------------------------------------------------------- */

typedef struct content {
    char  *bytes;
    size_t n;
} content;

static content contents[2]; /* the file of the parameters 1, … and of 2, … */

/* Which of both the file is, whole. */
static int which(const fixture *f)
{
    size_t n;
    char  *now = read_file(in_dir(f, "model"), &n);
    int    i   = 0;
    while (i < 2 && (n != contents[i].n || memcmp(now, contents[i].bytes, n) != 0)) i++;
    free(now);
    if (i == 2) fail_msg("the file of %zu bytes is neither the old nor the new one", n);
    return i;
}

static void save(const fixture *f, tg_tape *t)
{
    disarm();
    if (tg_save(t, in_dir(f, "model")) != TG_OK) fail_msg("%s", tg_error(t));
    if (count_files(f) != 1) fail_msg("%d files", count_files(f));
}

static void make_both(fixture *f, tg_tape *both[2])
{
    for (int i = 0; i < 2; i++) {
        both[i] = tape_with_params(f, (float)(i + 1));
        save(f, both[i]);
        contents[i].bytes = read_file(in_dir(f, "model"), &contents[i].n);
    }
}

static void drop_both(tg_tape *both[2])
{
    for (int i = 0; i < 2; i++) {
        free(contents[i].bytes);
        contents[i].bytes = NULL;
        tg_tape_free(both[i]);
    }
}

/* ---- calls that fail ------------------------------------------------------------------------------------------------- */

static void saving(void **state)
{
    fixture *f = *state;
    tg_tape *both[2];
    int      refused = 0, spared = 0, most = 0;
    make_both(f, both);
    for (int e = 0; e < N_ERRORS; e++) {
        for (int at = 1;; at++) {
            save(f, both[0]);
            arm(at, errors[e]);
            const tg_status s = tg_save(both[1], in_dir(f, "model"));
            fault.on          = false;
            if (!fault.failed) { /* there are no more calls */
                assert_int_equal(s, TG_OK);
                most = at;
                break;
            }
            const bool to_directory = s != TG_OK && strstr(tg_error(both[1]), "flush the directory");
            assert_int_equal(tg_error_status(both[1]), s);
            assert_int_equal(which(f), s == TG_OK || to_directory);
            if (s != TG_OK) expect_error(both[1], TG_ERR_IO, "tg_save: cannot");
            if (count_files(f) != 1) fail_msg("%s failed with %s: %d files", fault.failed, strerror(errors[e]), count_files(f));
            if (!strcmp(fault.failed, "write") || (!strcmp(fault.failed, "fsync") && errors[e] != EINVAL))
                assert_int_equal(s == TG_OK, errors[e] == EINTR);
            refused += s != TG_OK;
            spared += s == TG_OK;
        }
    }
    assert_true(most > 10 && refused > 20 && spared > 10);
    disarm();
    drop_both(both);
}

static void loading(void **state)
{
    fixture *f = *state;
    tg_tape *both[2];
    int      refused = 0;
    make_both(f, both); /* the file is that of 2, … */
    for (int e = 0; e < N_ERRORS; e++) {
        for (int at = 1;; at++) {
            tg_tape *t = tape_with_params(f, 1);
            arm(at, errors[e]);
            const tg_status s = tg_load(t, in_dir(f, "model"));
            fault.on          = false;
            const bool failed = fault.failed != NULL;
            if (s != TG_OK) expect_error(t, TG_ERR_IO, "tg_load: cannot");
            assert_params(t, s == TG_OK ? 2 : 1);
            refused += s != TG_OK;
            tg_tape_free(t);
            if (!failed) break;
        }
    }
    assert_true(refused > 10);
    disarm();
    drop_both(both);
}

static void reading_idx(void **state)
{
    fixture      *f       = *state;
    const uint8_t plain[] = {0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9};
    int           refused = 0;
    write_file(in_dir(f, "x"), plain, sizeof plain);
    for (int e = 0; e < N_ERRORS; e++) {
        for (int at = 1;; at++) {
            arm(at, errors[e]);
            tg_tensor *x = tg_idx_tensor(f->tape, in_dir(f, "x"));
            fault.on     = false;
            if (x)
                assert_memory_equal(tg_data(x), plain + 8, 3);
            else
                expect_error(f->tape, TG_ERR_IO, "tg_idx_tensor: cannot");
            refused += !x;
            if (!fault.failed) break;
        }
    }
    assert_true(refused > 10);
    for (size_t n = 1; n < 5; n++) {
        arm(0, 0);
        fault.piece  = n;
        tg_tensor *x = tg_idx_tensor(f->tape, in_dir(f, "x"));
        disarm();
        assert_non_null(x);
        assert_memory_equal(tg_data(x), plain + 8, 3);
    }
}

/* Formats of one array. */
static tg_status write_csv(const char *path, tg_tensor *x) { return tg_csv_write(path, NULL, x); }
static tg_tensor *read_csv(tg_tape *t, const char *path)
{
    tg_table *table = tg_csv_read(t, path, &(tg_csv_options){.no_header = true});
    return tg_table_tensor(table, TG_F32, NULL, 0);
}
static tg_status write_npz(const char *path, tg_tensor *x) { return tg_npz_write(path, (const char *const[]){"x"}, &x, 1, NULL); }
static tg_tensor *read_npz(tg_tape *t, const char *path)
{
    tg_archive *a = tg_archive_open(t, path);
    tg_tensor  *x = tg_archive_read(a, "x");
    tg_archive_close(a);
    return x;
}
static tg_status write_onnx(const char *path, tg_tensor *x)
{
    return tg_export_onnx(path, &(tg_export_options){.outputs = &(tg_export_tensor){"x", x}, .n_outputs = 1});
}
static tg_status write_c(const char *path, tg_tensor *x)
{
    return tg_export_c(path, &(tg_export_options){.outputs = &(tg_export_tensor){"x", x}, .n_outputs = 1});
}
typedef struct format {
    const char *writing, *reading; /* how sentences begin */
    tg_status (*write)(const char *path, tg_tensor *x);
    tg_tensor *(*read)(tg_tape *t, const char *path); /* NULL: others read it */
} format;

/* One array or another is written and read, while each call fails. */
static void one_array(fixture *f, const format *of)
{
    const float values[2] = {1, 2};
    int         refused = 0, spared = 0, unread = 0;
    for (int e = 0; e < N_ERRORS; e++) {
        bool more = true;
        for (int at = 1; more; at++) {
            tg_tensor *x[2], *back;
            for (int i = 1; i >= 0; i--) {
                disarm();
                x[i] = tg_from_f32(f->tape, TG_SHAPE(1), values + i);
                assert_int_equal(of->write(in_dir(f, "model"), x[i]), TG_OK);
                free(contents[i].bytes);
                contents[i].bytes = read_file(in_dir(f, "model"), &contents[i].n);
            }
            arm(at, errors[e]);
            const tg_status s = of->write(in_dir(f, "model"), x[1]);
            fault.on          = false;
            more              = fault.failed != NULL;
            const bool new    = s == TG_OK || strstr(tg_error(f->tape), "flush the directory");
            if (s != TG_OK) expect_error(f->tape, TG_ERR_IO, of->writing);
            assert_int_equal(which(f), new);
            if (count_files(f) != 1) fail_msg("%s failed with %s: %d files", fault.failed, strerror(errors[e]), count_files(f));
            refused += s != TG_OK;
            spared += s == TG_OK && more;

            if (!of->read) continue;
            arm(at, errors[e]);
            back     = of->read(f->tape, in_dir(f, "model"));
            fault.on = false;
            if (back)
                assert_true(tg_item(back) == (double)values[new]);
            else
                expect_error(f->tape, TG_ERR_IO, of->reading);
            unread += !back;
        }
    }
    assert_true(refused > 20 && spared > 10 && (unread > 10 || !of->read));
    for (size_t n = 1; n < 100; n += 1 + n / 4) {
        arm(0, 0);
        fault.piece = n;
        assert_int_equal(of->write(in_dir(f, "model"), tg_from_f32(f->tape, TG_SHAPE(1), values)), TG_OK);
        tg_tensor *back = of->read ? of->read(f->tape, in_dir(f, "model")) : NULL;
        disarm();
        assert_int_equal(which(f), 0);
        assert_true(!of->read || (back && tg_item(back) == (double)values[0]));
    }
    for (int i = 0; i < 2; i++) free(contents[i].bytes), contents[i].bytes = NULL;
}

static void arrays(void **state)
{
    static const format formats[] = {{"tg_npy_write: cannot", "tg_npy_read: cannot", tg_npy_write, tg_npy_read},
                                     {"tg_csv_write: cannot", "tg_csv_read: cannot", write_csv, read_csv},
                                     {"tg_npz_write: cannot", "tg_archive_", write_npz, read_npz},
                                     {"tg_export_onnx: cannot", NULL, write_onnx, NULL},
                                     {"tg_export_c: cannot", NULL, write_c, NULL}};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        fixture *f = *state;
        disarm();
        one_array(f, &formats[i]);
    }
}

static void in_pieces(void **state)
{
    fixture *f = *state;
    tg_tape *both[2];
    make_both(f, both);
    for (size_t n = 1; n < 40; n += 1 + n / 4) {
        save(f, both[0]);
        arm(0, 0);
        fault.piece = n;
        assert_int_equal(tg_save(both[1], in_dir(f, "model")), TG_OK);
        tg_tape *t = tape_with_params(f, 1);
        assert_int_equal(tg_load(t, in_dir(f, "model")), TG_OK);
        disarm();
        assert_int_equal(which(f), 1);
        assert_params(t, 2);
        tg_tape_free(t);
    }
    drop_both(both);
}

/* ---- processes that are killed --------------------------------------------------------------------------------------- */

/* Saves 1, … or 2, …, from tapes of its own. */
static void child_saves(const fixture *f, int first, int rounds)
{
    fixture  own  = {.tape = NULL};
    tg_tape *t[2] = {tape_with_params(&own, 1), tape_with_params(&own, 2)};
    char     path[400];
    snprintf(path, sizeof path, "%s", in_dir(f, "model"));
    for (int i = 0; i < rounds; i++)
        if (tg_save(t[(first + i) % 2], path) != TG_OK) _exit(9);
    _exit(0);
}

static void killed_at_every_call(void **state)
{
    fixture *f = *state;
    tg_tape *both[2];
    int      left = 0, old = 0, new = 0, status = 0;
    make_both(f, both);
    for (int after = 0; after < 2; after++) {
        for (int at = 1;; at++) {
            save(f, both[0]);
            const pid_t child = fork();
            assert_true(child >= 0);
            if (!child) {
                arm(at, 0);
                fault.kill  = true;
                fault.after = after;
                child_saves(f, 1, 1);
            }
            assert_int_equal(waitpid(child, &status, 0), child);
            *(which(f) ? &new : &old) += 1;
            if (WIFEXITED(status)) {
                assert_int_equal(WEXITSTATUS(status), 0);
                assert_int_equal(count_files(f), 1);
                break;
            }
            assert_int_equal(WTERMSIG(status), SIGKILL);
            assert_true(count_files(f) <= 2);
            left += count_files(f) - 1;
        }
    }
    assert_true(left > 4 && old > 4 && new > 2);
    save(f, both[0]); /* where the last one's remains go */
    drop_both(both);
}

static void pause_for(long nanoseconds) { nanosleep(&(struct timespec){.tv_nsec = nanoseconds}, NULL); }

/* TAPEGRAD_KILLS says how many times. */
static void killed_at_any_moment(void **state)
{
    fixture    *f = *state;
    tg_tape    *both[2];
    const char *times = getenv("TAPEGRAD_KILLS");
    uint64_t    seed  = 1;
    make_both(f, both);
    for (int i = 0, n = times ? atoi(times) : 25; i < n; i++) {
        const pid_t child = fork();
        assert_true(child >= 0);
        if (!child) child_saves(f, i, 1 << 30);
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        pause_for(1000000 + (long)(seed >> 40) % 3000000);
        assert_int_equal(kill(child, SIGKILL), 0);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        (void)which(f);
        assert_true(count_files(f) <= 2); /* the next child removed what the one before left */
    }
    save(f, both[0]);
    drop_both(both);
}

/* Each ends well, and whoever looks sees a whole file. */
static void two_at_once(void **state)
{
    fixture *f = *state;
    tg_tape *both[2];
    pid_t    child[3];
    make_both(f, both);
    for (int i = 0; i < 3; i++) {
        child[i] = fork();
        assert_true(child[i] >= 0);
        if (!child[i]) child_saves(f, i, 60);
    }
    for (int running = 3; running > 0;) {
        int status;
        (void)which(f);
        if (waitpid(-1, &status, WNOHANG) <= 0) continue;
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        running--;
    }
    assert_int_equal(count_files(f), 1);
    drop_both(both);
}

/* ---- what is left behind --------------------------------------------------------------------------------------------- */

static void stale_files(void **state)
{
    fixture *f = *state;
    tg_tape *t = tape_with_params(f, 1);
    char     name[64];
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, ".tapegrad-1-%d.tmp", i);
        write_file(in_dir(f, name), "left", 4);
        if (i % 2) assert_int_equal(chmod(in_dir(f, name), 0400), 0);
    }
    /* Not left: somebody writes it. Not files. Not ours. */
    const int held = open(in_dir(f, ".tapegrad-held.tmp"), O_RDWR | O_CREAT, 0600);
    assert_true(held >= 0);
    assert_int_equal(flock(held, LOCK_EX), 0);
    assert_int_equal(mkfifo(in_dir(f, ".tapegrad-fifo.tmp"), 0600), 0);
    assert_int_equal(mkdir(in_dir(f, ".tapegrad-directory.tmp"), 0700), 0);
    assert_int_equal(symlink("victim", in_dir(f, ".tapegrad-link.tmp")), 0);
    static const char *const others[] = {"victim", ".tapegrad-.tmp", ".tapegrad-x", "tapegrad-x.tmp", ".tapegrad-x.tmp.old"};
    for (size_t i = 0; i < 5; i++) write_file(in_dir(f, others[i]), "mine", 4);
    assert_int_equal(tg_save(t, in_dir(f, "model")), TG_OK);
    assert_int_equal(count_files(f), 1 + 4 + 5);
    close(held);
    assert_int_equal(tg_save(t, in_dir(f, "model")), TG_OK);
    assert_int_equal(count_files(f), 1 + 3 + 5);
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(saving),    TEST(loading),  TEST(reading_idx), TEST(arrays), TEST(in_pieces), TEST(killed_at_every_call), TEST(killed_at_any_moment),
        TEST(two_at_once), TEST(stale_files),
    };
    return cmocka_run_group_tests_name("saving, faults", tests, NULL, NULL);
}
