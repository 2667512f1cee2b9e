/* test_outside_text.c - text from outside (paths, names, labels, what a user's op says): a terminal sees no control character of it. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <math.h>
#include <tapegrad_op.h>
#include <tapegrad_show.h>

#include "tensor/text.h"
#include "file_fixture.h"

/* Each C0 character, DEL, each C1 character as UTF-8 and as a byte; then what has to arrive. */
static const char *hostile(void)
{
    static char text[300];
    char       *p = text;
    for (int c = 1; c < 0x20; c++) *p++ = (char)c;
    *p++ = 0x7f;
    for (int c = 0x80; c < 0xa0; c++) {
        *p++ = (char)0xc2;
        *p++ = (char)c;
        *p++ = (char)c;
    }
    strcpy(p, "\xff\xc3%n%s größe 𝛼");
    return text;
}

/* All of it is well-formed, printable UTF-8. */
static void assert_printable(const char *text)
{
    assert_non_null(text);
    while (*text) {
        const size_t n = tg_printable_length(text);
        if (!n) fail_msg("a byte %02x before '%s'", (unsigned char)*text, text + 1);
        text += n;
    }
}

/* With the end of hostile() in it. */
static void assert_clean(const char *text)
{
    assert_printable(text);
    if (!strstr(text, "??%n%s größe 𝛼")) fail_msg("%s", text);
}

static void assert_clean_error(tg_tape *t)
{
    assert_clean(tg_error(t));
    tg_clear_error(t);
}

/* ---- the function -------------------------------------------------------------------------------------------------- */

/* All sequences of up to three bytes, and four around the limits, against what code points they could be. */
static void lengths(void **state)
{
    (void)state;
    int64_t counts[5] = {0};
    for (uint32_t i = 1; i < 1 << 24; i++) {
        const char   text[5] = {(char)(i >> 16), (char)(i >> 8), (char)i, 0, 0};
        const size_t n       = tg_printable_length(text);
        assert_true(n <= 3);
        counts[n]++;
    }
    /* 95 characters of ASCII before any two bytes; 1,920 of two less the 32 of C1; 63,488 - 2,048 surrogates of three. */
    assert_int_equal(counts[1], 95 * 65536);
    assert_int_equal(counts[2], (1920 - 32) * 256);
    assert_int_equal(counts[3], 63488 - 2048);
    for (uint32_t code = 0; code < 0x200000; code++) {
        const char text[5] = {(char)(0xf0 | code >> 18), (char)(0x80 | (code >> 12 & 63)), (char)(0x80 | (code >> 6 & 63)),
                              (char)(0x80 | (code & 63)), 0};
        assert_int_equal(tg_printable_length(text), code >= 0x10000 && code <= 0x10ffff ? 4 : 0);
    }
}

static void copies(void **state)
{
    (void)state;
    char text[16], name[TG_NAME_TEXT], path[TG_PATH_TEXT], longer[400] = "";
    static const struct {
        const char *from;
        size_t      size;
        const char *to;
    } cases[] = {
        {"", 1, ""},
        {"abc", 1, ""},
        {"abc", 3, "ab"},
        {"abc", 4, "abc"},
        {"aé", 3, "a"},
        {"aé", 4, "aé"},
        {"𝛼b", 4, ""},
        {"𝛼b", 6, "𝛼b"},
        {"\x1b[31m", 16, "?[31m"},
        {"\xc2\x9b"
         "1m",
         16, "?1m"},
        {"\x9b"
         "1m",
         16, "?1m"},
        {"\xe2\x82", 16, "??"},
        {"a\r\n\tb", 16, "a???b"},
        {"\xc2", 16, "?"},
        {"\xc2\x9b\xc2\x9b", 3, "??"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(tg_printable(text, cases[i].size, cases[i].from), cases[i].to);
    strcpy(text, "\xc2\x9b[\x1b\xe9");
    assert_string_equal(tg_printable(text, sizeof text, text), "?[??"); /* in place */

    while (strlen(longer) < 300) strcat(longer, "é");
    assert_string_equal(tg_name_text("n", name), "'n'");
    assert_string_equal(tg_path_text("p", path), "'p'");
    assert_true(strlen(tg_name_text(longer, name)) < TG_NAME_TEXT);
    assert_memory_equal(name, "'éé", 5);
    assert_string_equal(name + strlen(name) - 6, "é...'");
    for (int odd = 0; odd < 2; odd++) { /* the front is cut off inside a character, or before one */
        assert_true(strlen(tg_path_text(longer, path)) < TG_PATH_TEXT);
        assert_memory_equal(path, "'...", 4);
        assert_string_equal(path + strlen(path) - (odd ? 4 : 3), odd ? "éx'" : "é'");
        for (const char *p = path; *p; p += tg_printable_length(p)) assert_true(tg_printable_length(p) > 0);
        strcat(longer, "x");
    }
}

/* ---- where it comes in ---------------------------------------------------------------------------------------------- */

static void sentences(void **state)
{
    fixture    *f = *state;
    tg_tape    *t = f->tape;
    char        path[500];
    const char *name = hostile(), *names[] = {name, name};
    tg_tensor  *x = tg_ones(t, TG_SHAPE(2)), *two[] = {x, x};
    snprintf(path, sizeof path, "%s/none/%s", f->dir, name);
    assert_null(tg_archive_open(t, path));
    assert_clean_error(t);
    assert_int_equal(tg_save(t, path), TG_ERR_IO);
    assert_clean_error(t);
    assert_int_equal(tg_load(t, path), TG_ERR_IO);
    assert_clean_error(t);
    assert_null(tg_idx_dataset(t, path, path, 0));
    assert_clean_error(t);
    assert_null(tg_npy_read(t, path));
    assert_clean_error(t);
    assert_int_equal(tg_npy_write(path, x), TG_ERR_IO);
    assert_clean_error(t);
    assert_null(tg_csv_read(t, path, NULL));
    assert_clean_error(t);
    assert_int_equal(tg_npz_write(path, names, two, 1, NULL), TG_ERR_IO);
    assert_clean_error(t);
    assert_int_equal(tg_csv_write(path, NULL, x), TG_ERR_IO);
    assert_clean_error(t);
    const tg_export_options export = {.outputs = &(tg_export_tensor){"y", x}, .n_outputs = 1};
    assert_int_equal(tg_export_onnx(path, &export), TG_ERR_IO);
    assert_clean_error(t);
    assert_int_equal(tg_export_c(path, &export), TG_ERR_IO);
    assert_clean_error(t);
    assert_null(tg_mnist(t, path, "train"));
    assert_clean_error(t);
    assert_null(tg_mnist(t, f->dir, name));
    assert_clean_error(t);
    assert_int_equal(tg_plot_images(t, path, &(tg_images){.dtype = TG_U8, .pixels = "x", .n = 1, .height = 1, .width = 1}, NULL),
                     TG_ERR_IO);
    assert_clean_error(t);
    assert_int_equal(tg_plot_matrix(t, path, &(tg_matrix){.values = (double[]){1}, .rows = 1, .columns = 1}, NULL), TG_ERR_IO);
    assert_clean_error(t);
    assert_int_equal(tg_save_tensors(in_dir(f, "a"), names, two, 2), TG_ERR_ARG);
    assert_printable(tg_error(t)); /* two have that name, of which the beginning is shown */
    tg_clear_error(t);
    assert_int_equal(tg_save_tensors(in_dir(f, "a"), names, two, 1), TG_ERR_ARG);
    assert_printable(tg_error(t)); /* it is no UTF-8 */
    tg_clear_error(t);
    assert_int_equal(tg_fail_on(t, TG_ERR_ARG, "f", "%s", name), TG_ERR_ARG);
    assert_clean_error(t);

    /* In a file a name is UTF-8: then it may hold the others. */
    const char *strange = "\x1b[2J\x7f\xc2\x9b"
                          "1m";
    names[0]            = strange;
    assert_int_equal(tg_save_tensors(in_dir(f, "a"), names, two, 1), TG_OK);
    tg_archive *a = tg_archive_open(t, in_dir(f, "a"));
    assert_string_equal(tg_archive_name(a, 0), strange);
    assert_null(tg_archive_read(a, "\x1b[2K"));
    expect_error(t, TG_ERR_ARG, "no tensor '?[2K' in");
    assert_int_equal(tg_load(t, in_dir(f, "a")), TG_ERR_ARG);
    expect_error(t, TG_ERR_ARG, "holds '?[2J??1m', which");
    tg_archive_close(a);
}

static void sentence_of_a_tape(void **state)
{
    fixture *f = *state;
    char     path[500];
    snprintf(path, sizeof path, "%s/none/%s", f->dir, hostile());
    tg_tape *t = tg_tape_new(&(tg_tape_options){.silent = true, .profile = path});
    if (t) assert_clean_error(t);
    tg_tape_free(t);
}

/* What comes out of a stream meanwhile. */
static int redirect(const fixture *f, int stream)
{
    fflush(NULL);
    const int was = dup(stream), file = open(in_dir(f, "out"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(was >= 0 && file >= 0 && dup2(file, stream) == stream);
    close(file);
    return was;
}

static char *put_back(const fixture *f, int stream, int was)
{
    size_t n;
    fflush(NULL);
    assert_int_equal(dup2(was, stream), stream);
    close(was);
    char *text = read_file(in_dir(f, "out"), &n);
    if (n > 0 && text[n - 1] == '\n') text[n - 1] = 0;
    return text;
}

static void streams(void **state)
{
    fixture  *f    = *state;
    int       was  = redirect(f, STDOUT_FILENO);
    tg_status s    = tg_print(hostile(), tg_scalar(f->tape, 1));
    char     *text = put_back(f, STDOUT_FILENO, was);
    assert_int_equal(s, TG_OK);
    text[strcspn(text, "\n")] = 0; /* the values stand in other lines */
    assert_clean(text);
    assert_non_null(strstr(text, "𝛼 = "));
    free(text);

    tg_progress p;
    was = redirect(f, STDERR_FILENO);
    tg_progress_start(&p, hostile() + 31 + 1 + 3 * 32 - 6, 1); /* 60 bytes are shown: those at the end */
    tg_progress_update(&p, 1, 2, NAN);
    tg_progress_finish(&p);
    text = put_back(f, STDERR_FILENO, was);
    assert_clean(text);
    assert_non_null(strstr(text, "𝛼 1/1  loss 2"));
    free(text);

    was        = redirect(f, STDERR_FILENO); /* the usual handler of errors */
    tg_tape *t = tg_tape_new(NULL);
    s          = tg_load(t, hostile());
    tg_tape_free(t);
    text = put_back(f, STDERR_FILENO, was);
    assert_int_equal(s, TG_ERR_IO);
    assert_clean(text);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(lengths), TEST(copies), TEST(sentences), TEST(sentence_of_a_tape), TEST(streams)};
    return cmocka_run_group_tests_name("text from outside", tests, NULL, NULL);
}
