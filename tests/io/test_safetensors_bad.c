/* test_safetensors_bad.c - files of named tensors: everything that can be wrong with a file, and refusals by the
 * system. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/resource.h>

#include "file_fixture.h"

/* ---- malformed files -----------------------------------------------------------------------------------------------
 */

/* with n bytes of zeros */
static void write_safetensors(const char *path, const char *header, size_t data)
{
    write_archive(path, header, NULL, data);
}

#define T(name, dtype, shape, offsets) ENTRY(name, dtype, shape, offsets)

static void malformed_headers(void **state)
{
    fixture    *f    = *state;
    const char *path = in_dir(f, "bad");
    static const struct {
        const char *header;
        size_t      data;
    } bad[] = {
        {"", 0},
        {" {}", 0},
        {"{", 0},
        {"[]", 0},
        {"{}x", 0},
        {"{}{}", 0},
        {"{},", 0},
        {"{,}", 0},
        {"null", 0},
        {"{}", 1},
        {"{\"a\"}", 0},
        {"{\"a\":1}", 0},
        {"{\"a\":{}}", 0},
        {"{a:1}", 0},
        {"{1:{}}", 0},
        {"{" T("a", "F32", "[1]", "[0,4]") ",}", 4},
        {"{" T("a", "F32", "[1]", "[0,4]") " " T("b", "F32", "[0]", "[4,4]") "}", 4},
        {"{" T("a", "F32", "[1]", "[0,4]"), 4}, /* no } */
        {"{" T("a", "F32", "[1]", "[0,4]") "}", 3},
        {"{" T("a", "F32", "[1]", "[0,4]") "}", 5},
        {"{" T("a", "F33", "[1]", "[0,5]") "}", 4},
        {"{" T("a", "f32", "[-1]", "[0,4]") "}", 4},
        {"{" T("a", "F32", "[2]", "[0,4]") "}", 4},
        {"{" T("a", "F32", "[1]", "[4,0]") "}", 4},                                     /* reversed */
        {"{" T("a", "F32", "[1]", "[4,8]") "}", 8},                                     /* a hole in front */
        {"{" T("a", "F32", "[1]", "[0,4]") "," T("b", "F32", "[1]", "[8,12]") "}", 12}, /* between */
        {"{" T("a", "F32", "[2]", "[0,8]") "," T("b", "F32", "[1]", "[4,8]") "}", 8},   /* overlap */
        {"{" T("a", "F32", "[1]", "[0,4]") "," T("b", "F32", "[1]", "[0,4]") "}", 4},   /* the same bytes */
        {"{" T("a", "F32", "[1]", "[0,4]") "," T("a", "F32", "[1]", "[4,8]") "}", 8},   /* the same name */
        {"{" T("a", "F32", "[1]", "[0,4]") "," T("\\u0061", "F32", "[1]", "[4,8]") "}", 8},
        {"{" T("a", "F32", "[0]", "[2,2]") "," T("b", "F32", "[1]", "[0,4]") "}", 4}, /* nothing, inside of something */
        {"{" T("a", "F32", "[-1]", "[0,4]") "}", 4},
        {"{" T("a", "F32", "[1]", "[-4,0]") "}", 4},
        {"{" T("a", "F32", "[1.0]", "[0,4]") "}", 4},
        {"{" T("a", "F32", "[1e0]", "[0,4]") "}", 4},
        {"{" T("a", "F32", "[\\\"1\\\"]", "[0,4]") "}", 4},
        {"{" T("a", "F32", "[01]", "[0,4]") "}", 4},
        {"{" T("a", "F32", "[true]", "[0,4]") "}", 4},
        {"{" T("a", "F32", "[[1]]", "[0,4]") "}", 4},
        {"{" T("a", "F32", "1", "[0,4]") "}", 4},
        {"{" T("a", "F32", "[1,]", "[0,4]") "}", 4},
        {"{" T("a", "F32", "[1 1]", "[0,4]") "}", 4},
        {"{" T("a", "F32", "[1", "[0,4]") "}", 4},
        {"{" T("a", "F32", "[1]", "[0]") "}", 4},
        {"{" T("a", "F32", "[1]", "[0,4,4]") "}", 4},
        {"{" T("a", "F32", "[1]", "[]") "}", 4},
        {"{" T("a", "F32", "[1]", "{}") "}", 4},
        {"{" T("a", "F32", "[1,1,1,1,1,1,1,1,2]", "[0,4]") "}", 4},    /* rank 9 */
        {"{" T("a", "F32", "[1,1,1,1,1,1,1,1,-1]", "[0,4]") "}", 4},
        {"{" T("a", "U8", "[1,1,1,1,1,1,1,4294967296,4294967296]", "[0,0]") "}", 0},
        {"{" T("a", "F16", "[1]", "[0,4]") "}", 4},
        {"{" T("a", "F4", "[3]", "[0,1]") "}", 1}, /* 12 bits */
        {"{" T("a", "F4", "[3]", "[0,2]") "}", 2},
        {"{" T("a", "U8", "[4294967296,4294967296]", "[0,0]") "}", 0}, /* wraps to 0 */
        {"{" T("a", "U8", "[0,9223372036854775807,2]", "[0,0]") "}", 0},
        {"{" T("a", "F32", "[4611686018427387904]", "[0,0]") "}", 0},
        {"{" T("a", "U8", "[4194305,4194305,211106198978564]", "[0,4]") "}", 4}, /* wraps to 4 */
        {"{" T("a", "F32", "[9223372036854775808]", "[0,4]") "}", 4},            /* no int64 */
        {"{" T("a", "F32", "[99999999999999999999999999]", "[0,4]") "}", 4},
        {"{" T("a", "U8", "[4]", "[0,18446744073709551620]") "}", 4}, /* 2^64 + 4 */
        {"{" T("a", "U8", "[9223372036854775807]", "[0,9223372036854775807]") "}", 4},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4},
        {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4},
        {"{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"shape\":[1],\"data_offsets\":[0,4]}}", 4},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":1}}", 4},
        {"{\"a\":{\"dtype\":5,\"shape\":[1],\"data_offsets\":[0,4]}}", 4},
        {"{\"a\\u0000b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4},
        {"{\"a\xff\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4}, /* no UTF-8 */
        {"{\"a\xc0\x80\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4},
        {"{\"\\ud800\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4},
        {"{\"a\n\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4},
        {"{\"__metadata__\":{\"a\":1}}", 0},
        {"{\"__metadata__\":[]}", 0},
        {"{\"__metadata__\":{\"a\":{}}}", 0},
        {"{\"__metadata__\":{},\"__metadata__\":{}}", 0},
        {"{\"__metadata__\":" T("x", "F32", "[1]", "[0,4]") "}", 4},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_safetensors(path, bad[i].header, bad[i].data);
        if (tg_archive_open(f->tape, path)) fail_msg("was read: %s", bad[i].header);
        expect_error(f->tape, TG_ERR_FORMAT, "tg_archive_open: '");
    }
}

static void unusual_headers_that_are_right(void **state)
{
    fixture    *f    = *state;
    const char *path = in_dir(f, "good");
    static const struct {
        const char *header;
        size_t      data;
        int         n;
        const char *first;
    } good[] = {
        {"{}", 0, 0, NULL},
        {"{}        ", 0, 0, NULL},
        {"{ \"__metadata__\" : { \"format\" : \"pt\" , \"x\":\"\" } }\n", 0, 0, NULL},
        {"{" T("b", "F32", "[1]", "[4,8]") "," T("a", "U8", "[2,2]", "[0,4]") "}", 8, 2,
         "a"}, /* any order in the header */
        {"{" T("z", "F32", "[0]", "[4,4]") "," T("a", "F32", "[1]", "[0,4]") "," T("y", "F32", "[0]", "[0,0]") "}", 4,
         3, "y"},
        {"{\"a\":{\"data_offsets\":[ 0 ,\t4 ],\r\n \"shape\":[ ],\"dtype\":\"F32\"}}", 4, 1, "a"},
        {"{" T("\\ud835\\udefc\\n", "F32", "[]", "[0,4]") ",\"__metadata__\":{}}", 4, 1, "𝛼\n"},
        {"{" T("𝛼/ß\\u00e9", "I32", "[1,1,1,1,1,1,1,1]", "[0,4]") "}", 4, 1, "𝛼/ßé"},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        write_safetensors(path, good[i].header, good[i].data);
        tg_archive *a = tg_archive_open(f->tape, path);
        if (!a) fail_msg("%s: %s", good[i].header, tg_error(f->tape));
        assert_int_equal(tg_archive_count(a), good[i].n);
        if (good[i].first) {
            assert_string_equal(tg_archive_name(a, 0), good[i].first);
            assert_non_null(tg_archive_read(a, good[i].first));
        }
        tg_archive_close(a);
    }
}

static void lengths_that_lie(void **state)
{
    fixture       *f         = *state;
    const char    *path      = in_dir(f, "bad");
    const uint64_t lengths[] = {1, 3, 9, 100000001, (uint64_t)1 << 32, INT64_MAX, UINT64_MAX - 7, UINT64_MAX};
    char           file[10]  = "........{}";
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        memcpy(file, &lengths[i], 8);
        write_file(path, file, 10);
        f->peak             = f->held;
        const size_t before = f->held;
        assert_null(tg_archive_open(f->tape, path));
        expect_error(f->tape, TG_ERR_FORMAT, "header");
        assert_true(f->peak - before < 65536); /* nothing is taken for bytes that are not there */
    }
    /* every beginning of a good file, and a byte more */
    const char *names[] = {"a", "b"};
    tg_tensor  *x = tg_from_f32(f->tape, TG_SHAPE(3), (float[]){1, 2, 3}), *all[] = {x, x};
    size_t      size;
    assert_int_equal(tg_save_tensors(path, names, all, 2), TG_OK);
    char *good = read_file(path, &size);
    for (size_t n = 0; n <= size + 1; n++) {
        write_file(path, good, n);
        tg_archive *a = tg_archive_open(f->tape, path);
        assert_int_equal(a != NULL, n == size);
        if (!a) expect_error(f->tape, TG_ERR_FORMAT, "is not a safetensors file");
        tg_archive_close(a);
    }
    /* every bit turned over: a sentence or a tensor, whatever it is */
    for (size_t i = 0; i < size * 8; i++) {
        good[i / 8] = (char)(good[i / 8] ^ 1 << i % 8);
        write_file(path, good, size);
        tg_archive *a = tg_archive_open(f->tape, path);
        assert_int_equal(a == NULL, tg_error(f->tape) != NULL);
        for (int k = 0; k < tg_archive_count(a); k++)
            if (!tg_archive_read(a, tg_archive_name(a, k))) expect_error(f->tape, TG_ERR_UNSUPPORTED, "dtype");
        tg_archive_close(a);
        tg_clear_error(f->tape);
        good[i / 8] = (char)(good[i / 8] ^ 1 << i % 8);
    }
    free(good);
}

/* Long or deep headers: refused at once, without stack, with little more memory than their bytes. */
static void hostile_headers(void **state)
{
    fixture     *f         = *state;
    const char  *path      = in_dir(f, "bad");
    const size_t long_text = (size_t)1 << 20;
    char        *text      = malloc(long_text + 200);
    assert_non_null(text);
    static const struct {
        const char *front, *repeated, *back;
        tg_status   status;
    } cases[] = {
        {"{\"a\":", "[", "", TG_ERR_FORMAT},
        {"{\"a\":", "{\"a\":", "", TG_ERR_FORMAT},
        {"{\"a\":{\"shape\":", "[", "", TG_ERR_FORMAT},
        {"{\"__metadata__\":", "{\"a\":", "", TG_ERR_FORMAT},
        {"{\"a\":{\"shape\":[", "0,", "", TG_ERR_FORMAT},
        {"{\"a\":{\"shape\":[", "9", "", TG_ERR_FORMAT},
        {"{", "\"a\":{},", "", TG_ERR_FORMAT},
        {"{\"", "x", "\":{}}", TG_ERR_FORMAT},
        {"{\"%n%s\\u001b[31m\\u009b\xc2\x9b", "é", "\":{\"dtype\":\"F32\"}}", TG_ERR_FORMAT},
        {"", " ", "{}", TG_ERR_FORMAT},
        {"{}", "\n", "x", TG_ERR_FORMAT},
        {"", "\"", "", TG_ERR_FORMAT},
        {"{\"", "\\", "", TG_ERR_FORMAT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const size_t step = strlen(cases[i].repeated);
        char        *p    = text + sprintf(text, "%s", cases[i].front);
        while ((size_t)(p - text) + step < long_text) p = (char *)memcpy(p, cases[i].repeated, step) + step;
        strcpy(p, cases[i].back);
        write_safetensors(path, text, 0);
        f->peak             = f->held;
        const size_t before = f->held;
        assert_null(tg_archive_open(f->tape, path));
        assert_true(f->peak - before < long_text + 65536);
        const char *sentence = tg_error(f->tape);
        assert_non_null(sentence);
        assert_true(strlen(sentence) < 600);
        for (const char *c = sentence; *c; c++) assert_true((unsigned char)*c >= 0x20 && *c != 0x7f);
        assert_null(strstr(sentence, "\xc2\x9b"));
        expect_error(f->tape, cases[i].status, "tg_archive_open");
    }
    free(text);
}

static void bool_bytes(void **state)
{
    fixture       *f      = *state;
    const char    *path   = in_dir(f, "bool");
    char           file[] = "........{" T("m", "BOOL", "[3]", "[0,3]") "}\1\2\0";
    const uint64_t length = sizeof file - 1 - 8 - 3;
    memcpy(file, &length, 8);
    write_file(path, file, sizeof file - 1);
    tg_archive *a = tg_archive_open(f->tape, path);
    assert_non_null(a);
    assert_null(tg_archive_read(a, "m"));
    expect_error(f->tape, TG_ERR_FORMAT, "'m' is BOOL");
}

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
        expect_error(t, TG_ERR_IO, "not a regular file");
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
        expect_error(t, TG_ERR_IO, "tg_load: cannot read");
        assert_null(tg_archive_open(t, paths[i]));
        expect_error(t, TG_ERR_IO, "tg_archive_open: cannot read");
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
        TEST(malformed_headers),   TEST(unusual_headers_that_are_right),
        TEST(lengths_that_lie),    TEST(hostile_headers),
        TEST(bool_bytes),          TEST(no_regular_files),
        TEST(missing_places),      TEST(permissions),
        TEST(links_are_followed),  TEST(dangling_links), TEST(full_disk),
        TEST(no_file_descriptors), TEST(a_file_that_shrinks),
    };
    return cmocka_run_group_tests_name("safetensors, bad files", tests, NULL, NULL);
}
