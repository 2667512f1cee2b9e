/* test_safetensors_refused.c - files of named tensors: refusals by the system, of permissions, paths, links, room, descriptors. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/resource.h>

#include "file_fixture.h"

/* ---- what the system refuses ---------------------------------------------------------------------------------------
 */

static void no_regular_files(void **state)
{
    fixture *f = *state;
    tg_tape *t = tape_with_params(f, 1);
    assert_int_equal(mkfifo(in_dir(f, "fifo"), 0600), 0);
    const char *paths[] = {f->dir, in_dir(f, "fifo"), "/dev/null", "/dev/full"};
    for (int i = 0; i < 4; i++) {
        assert_null(tg_archive_open(t, paths[i])); /* and does not wait */
        expect_error(t, TG_ERR_IO, i ? "not a regular file" : "is a directory, not a file");
        assert_int_equal(tg_load(t, paths[i]), TG_ERR_IO);
        expect_error(t, TG_ERR_IO, "tg_load");
        assert_int_equal(tg_save(t, paths[i]), TG_ERR_IO);
        expect_error(t, TG_ERR_IO, "tg_save: cannot write");
    }
    struct stat st;
    assert_int_equal(stat(in_dir(f, "fifo"), &st), 0);
    assert_true(S_ISFIFO(st.st_mode));
    assert_int_equal(stat("/dev/null", &st), 0);
    assert_true(S_ISCHR(st.st_mode));
    assert_int_equal(count_files(f), 1);
    tg_tape_free(t);
}

static void missing_places(void **state)
{
    fixture    *f = *state;
    tg_tape    *t = tape_with_params(f, 1);
    static char longest[5000];
    memset(longest, 'x', sizeof longest - 1);
    write_file(in_dir(f, "file"), "x", 1);
    char under_file[200], in_nothing[200], slash[200], name_too_long[600];
    snprintf(under_file, sizeof under_file, "%s/file/model", f->dir);
    snprintf(in_nothing, sizeof in_nothing, "%s/nothing/model", f->dir);
    snprintf(slash, sizeof slash, "%s/new/", f->dir);
    snprintf(name_too_long, sizeof name_too_long, "%s/%.300s", f->dir, longest);
    const char *paths[] = {"", under_file, in_nothing, slash, name_too_long, longest, "/proc/tapegrad", "/"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        assert_int_equal(tg_save(t, paths[i]), TG_ERR_IO);
        expect_error(t, TG_ERR_IO, "tg_save: cannot write");
        assert_int_equal(tg_load(t, paths[i]), TG_ERR_IO);
        expect_error(t, TG_ERR_IO, "tg_load: ");
        assert_null(tg_archive_open(t, paths[i]));
        expect_error(t, TG_ERR_IO, "tg_archive_open: ");
    }
    assert_int_equal(tg_save(t, in_dir(f, "a\x1b[31m/x")), TG_ERR_IO);
    assert_null(strchr(tg_error(t), 0x1b));
    tg_clear_error(t);
    assert_int_equal(count_files(f), 1);
    tg_tape_free(t);
}

/* As root everything is permitted: then as nobody. */
static void permissions(void **state)
{
    fixture *f = *state;
    tg_tape *t = tape_with_params(f, 1);
    assert_int_equal(tg_save(t, in_dir(f, "model")), TG_OK);
    assert_int_equal(chmod(f->dir, 0555), 0);
    assert_int_equal(chmod(in_dir(f, "model"), 0), 0);
    const uid_t user = geteuid();
    if (user == 0) assert_int_equal(seteuid(65534), 0);
    const tg_status saved = tg_save(t, in_dir(f, "model"));
    expect_error(t, TG_ERR_IO, "Permission denied");
    const tg_status loaded = tg_load(t, in_dir(f, "model"));
    expect_error(t, TG_ERR_IO, "Permission denied");
    if (user == 0) assert_int_equal(seteuid(user), 0);
    assert_int_equal(saved, TG_ERR_IO);
    assert_int_equal(loaded, TG_ERR_IO);
    assert_int_equal(chmod(f->dir, 0755), 0);
    assert_int_equal(chmod(in_dir(f, "model"), 0640), 0);
    assert_int_equal(count_files(f), 1);

    /* a new file gets the old one's permissions */
    struct stat st;
    assert_int_equal(tg_save(t, in_dir(f, "model")), TG_OK);
    assert_int_equal(stat(in_dir(f, "model"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    tg_tape_free(t);
}

static void links_are_followed(void **state)
{
    fixture *f = *state;
    tg_tape *t = tape_with_params(f, 1), *u = tape_with_params(f, 2);
    assert_int_equal(tg_save(t, in_dir(f, "real")), TG_OK);
    assert_int_equal(symlink("real", in_dir(f, "link")), 0);
    assert_int_equal(tg_save(u, in_dir(f, "link")), TG_OK);
    struct stat st;
    assert_int_equal(lstat(in_dir(f, "link"), &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(tg_load(t, in_dir(f, "real")), TG_OK);
    assert_params(t, 2);
    assert_int_equal(count_files(f), 2);

    /* relative paths */
    char old[4096];
    assert_non_null(getcwd(old, sizeof old));
    assert_int_equal(chdir(f->dir), 0);
    assert_int_equal(tg_save(t, "here"), TG_OK);
    assert_int_equal(tg_load(u, "./here"), TG_OK);
    assert_int_equal(chdir(old), 0);
    assert_int_equal(count_files(f), 3);
    tg_tape_free(t);
    tg_tape_free(u);
}

static void link_to(const fixture *f, const char *to, const char *name)
{
    unlink(in_dir(f, name));
    assert_int_equal(symlink(to, in_dir(f, name)), 0);
}

/* A link to what is not there yet stays, and the file it names is made; through several links, from their directories on. */
static void dangling_links(void **state)
{
    fixture *f = *state;
    tg_tape *t = tape_with_params(f, 1);
    char     absolute[200];
    struct stat st;
    snprintf(absolute, sizeof absolute, "%s/sub/absolute", f->dir);
    assert_int_equal(mkdir(in_dir(f, "sub"), 0755), 0);
    assert_int_equal(symlink("sub", in_dir(f, "other")), 0); /* a directory under another name */
    link_to(f, "../up", "sub/back");
    const char *const to[] = {"real", "sub/real", absolute, "other/deep", "sub/back", "./sub/../plain"};
    const char *const made[] = {"real", "sub/real", "sub/absolute", "sub/deep", "up", "plain"};
    for (int i = 0; i < 6; i++) {
        link_to(f, to[i], "link");
        if (tg_save(t, in_dir(f, "link")) != TG_OK) fail_msg("%s: %s", to[i], tg_error(t));
        assert_int_equal(lstat(in_dir(f, "link"), &st), 0);
        assert_true(S_ISLNK(st.st_mode));
        assert_int_equal(lstat(in_dir(f, made[i]), &st), 0);
        assert_true(S_ISREG(st.st_mode));
        assert_int_equal(tg_load(t, in_dir(f, "link")), TG_OK);
    }
    const int before = count_files(f);
    static const struct {
        const char *to, *part;
    } bad[] = {{"none/file", "No such file"}, {"link", "Too many levels"}, {"sub", "directory"}, {"new/", "directory"},
               {"/dev/full", "not a regular file"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        link_to(f, bad[i].to, "link");
        assert_int_equal(tg_save(t, in_dir(f, "link")), TG_ERR_IO);
        expect_error(t, TG_ERR_IO, bad[i].part);
        assert_int_equal(lstat(in_dir(f, "link"), &st), 0);
        assert_true(S_ISLNK(st.st_mode));
    }
    assert_int_equal(count_files(f), before);
    char longer[4096]; /* links longer than a path may be */
    memset(longer, 'x', sizeof longer);
    for (size_t i = 100; i < sizeof longer; i += 100) longer[i] = '/';
    longer[4000] = 0;
    link_to(f, longer, "link");
    assert_int_equal(tg_save(t, in_dir(f, "link")), TG_ERR_IO);
    expect_error(t, TG_ERR_IO, "cannot write");
    tg_tape_free(t);
}

/* The disk is full after so many bytes, for each number of bytes: the old file stays, nothing else is left behind. */
static void full_disk(void **state)
{
    fixture *f = *state;
    tg_tape *t = tape_with_params(f, 1), *u = tape_with_params(f, 2);
    assert_int_equal(tg_save(t, in_dir(f, "model")), TG_OK);
    size_t        size, now;
    char         *before = read_file(in_dir(f, "model"), &size);
    struct rlimit limit, usual;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &usual), 0);
    limit                = usual;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    for (size_t room = 0; room < size; room += 1 + room / 8) {
        limit.rlim_cur = room;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        const tg_status s = tg_save(u, in_dir(f, "model"));
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &usual), 0);
        assert_int_equal(s, TG_ERR_IO);
        expect_error(u, TG_ERR_IO, "cannot write");
        char *after = read_file(in_dir(f, "model"), &now);
        assert_int_equal(now, size);
        assert_memory_equal(before, after, size);
        free(after);
        assert_int_equal(count_files(f), 1);
    }
    signal(SIGXFSZ, handler);
    assert_int_equal(tg_save(u, in_dir(f, "model")), TG_OK);
    free(before);
    tg_tape_free(t);
    tg_tape_free(u);
}

static void no_file_descriptors(void **state)
{
    fixture      *f = *state;
    tg_tape      *t = tape_with_params(f, 1), *u = tape_with_params(f, 2);
    struct rlimit limit, usual;
    assert_int_equal(tg_save(t, in_dir(f, "model")), TG_OK);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
    limit           = usual;
    const int first = dup(0); /* the lowest number that is free */
    assert_true(first >= 0);
    close(first);
    for (int more = 0; more < 3; more++) { /* saving takes two at a time: the directory and the file */
        limit.rlim_cur = (rlim_t)(first + more);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        const tg_status saved = tg_save(u, in_dir(f, "model")), loaded = tg_load(t, in_dir(f, "model"));
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
        assert_int_equal(saved, more < 2 ? TG_ERR_IO : TG_OK);
        assert_int_equal(loaded, more < 1 ? TG_ERR_IO : TG_OK);
        assert_params(t, more < 2 ? 1 : 2);
        assert_int_equal(count_files(f), 1);
        tg_clear_error(t);
        tg_clear_error(u);
    }
    tg_tape_free(t);
    tg_tape_free(u);
}

static void a_file_that_shrinks(void **state)
{
    fixture    *f    = *state;
    const char *path = in_dir(f, "x"), *names[] = {"a", "b"};
    tg_tensor  *x = tg_from_f32(f->tape, TG_SHAPE(3), (float[]){1, 2, 3}), *all[] = {x, x};
    assert_int_equal(tg_save_tensors(path, names, all, 2), TG_OK);
    tg_archive *a = tg_archive_open(f->tape, path);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(truncate(path, st.st_size - 1), 0);
    assert_non_null(tg_archive_read(a, "a"));
    assert_null(tg_archive_read(a, "b"));
    expect_error(f->tape, TG_ERR_IO, "shorter");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_regular_files),
        TEST(missing_places),
        TEST(permissions),
        TEST(links_are_followed),
        TEST(dangling_links),
        TEST(full_disk),
        TEST(no_file_descriptors),
        TEST(a_file_that_shrinks),
    };
    return cmocka_run_group_tests_name("safetensors, bad files", tests, NULL, NULL);
}
