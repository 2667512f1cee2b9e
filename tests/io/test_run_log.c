/* test_run_log.c - a run's log: what is in its records, read by a reader of the test's own; what is cut off, refused and listed as CSV. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <signal.h>
#include <sys/resource.h>

#include "file_fixture.h"

static char *directory(const fixture *f)
{
    static char path[100];
    snprintf(path, sizeof path, "%s/log", f->dir);
    return path;
}

static char *log_path(const fixture *f)
{
    static char path[160];
    snprintf(path, sizeof path, "%s/log/events.out.tfevents.tapegrad", f->dir);
    return path;
}

/* ---- a reader of its own ---------------------------------------------------------------------------------------------- */

/* CRC-32C by its definition: the remainder of polynomial division, bits from the lowest on. */
static uint32_t crc32c(const unsigned char *s, size_t n)
{
    uint32_t r = 0xffffffff;
    for (size_t bit = 0; bit < 8 * n; bit++) {
        const unsigned top = (r ^ (unsigned)s[bit / 8] >> bit % 8) & 1;
        r >>= 1;
        if (top) r ^= 0x82f63b78;
    }
    return ~r;
}

static uint32_t masked(const unsigned char *s, size_t n)
{
    const uint32_t c = crc32c(s, n);
    return (uint32_t)((((uint64_t)c >> 15 | (uint64_t)c << 17) + 0xa282ead8u) & 0xffffffffu);
}

/* How many records there are; at[i] is where each one's bytes begin, size[i] their number. */
static int records(const unsigned char *s, size_t n, size_t *at, size_t *size, int most)
{
    int    k = 0;
    size_t i = 0;
    while (i < n) {
        uint64_t length;
        uint32_t sum;
        memcpy(&length, s + i, 8);
        memcpy(&sum, s + i + 8, 4);
        assert_int_equal(sum, masked(s + i, 8));
        assert_true(k < most && length < n);
        at[k] = i + 12;
        size[k] = (size_t)length;
        memcpy(&sum, s + i + 12 + length, 4);
        assert_int_equal(sum, masked(s + i + 12, (size_t)length));
        k++;
        i += 16 + (size_t)length;
    }
    assert_int_equal(i, n);
    return k;
}

static void test_known_checksum(void **state)
{
    (void)state;
    assert_int_equal(crc32c((const unsigned char *)"123456789", 9), 0xe3069283); /* the catalogue's check value */
}

/* The whole file for one scalar, byte by byte but for the times. */
static void test_bytes(void **state)
{
    static const unsigned char version[] = {0x1a, 13, 'b', 'r', 'a', 'i', 'n', '.', 'E', 'v', 'e', 'n', 't', ':', '2'};
    static const unsigned char scalar[] = {0x10, 0xac, 0x02, 0x2a, 13, 0x0a, 11, 0x0a, 4, 'l', 'o', 's', 's', 0x15, 0, 0, 0xc0, 0x3f};
    const fixture *f = *state;
    size_t         n, at[4], size[4];
    tg_run_log    *l = tg_run_log_open(f->tape, directory(f), -1);
    assert_non_null(l);
    assert_int_equal(tg_run_log_scalar(l, 300, "loss", 1.5), TG_OK);
    assert_int_equal(tg_run_log_flush(l), TG_OK);
    unsigned char *s = (unsigned char *)read_file(log_path(f), &n);
    assert_int_equal(records(s, n, at, size, 4), 2);
    assert_true(s[at[0]] == 0x09 && s[at[1]] == 0x09); /* the time, a double */
    assert_int_equal(size[0], 9 + sizeof version);
    assert_memory_equal(s + at[0] + 9, version, sizeof version);
    assert_int_equal(size[1], 9 + sizeof scalar);
    assert_memory_equal(s + at[1] + 9, scalar, sizeof scalar);
    free(s);
    tg_run_log_close(l);
}

/* ---- CSV ---------------------------------------------------------------------------------------------------------------- */

/* The log as CSV, without the times. */
static void csv_of(const fixture *f, char *to, size_t room)
{
    size_t n, used = 0;
    assert_int_equal(tg_run_log_csv(f->tape, directory(f), in_dir(f, "csv")), TG_OK);
    char *text = read_file(in_dir(f, "csv"), &n);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        *strrchr(line, ',') = 0;
        used += (size_t)snprintf(to + used, room - used, "%s\n", line);
        assert_true(used < room);
    }
    free(text);
}

static void test_csv(void **state)
{
    fixture    *f = *state;
    char        text[500];
    tg_run_log *l = tg_run_log_open(f->tape, directory(f), -1);
    assert_int_equal(tg_run_log_scalar(l, 1, "loss/train", 0.1), TG_OK);
    assert_int_equal(tg_run_log_text(l, 1, "note", "# heading\n\tgröße"), TG_OK);
    assert_int_equal(tg_run_log_scalar(l, 2, "a \"b\"", NAN), TG_OK);
    assert_int_equal(tg_run_log_scalar(l, INT64_MAX, "x", -INFINITY), TG_OK);
    csv_of(f, text, sizeof text);
    assert_string_equal(text, "step,tag,value\n1,loss/train,0.1\n2,\"a \"\"b\"\"\",\n9223372036854775807,x,-inf\n");
    tg_run_log_close(l);

    /* A run that goes on at step 2 replaces what a killed one wrote from there on. */
    l = tg_run_log_open(f->tape, directory(f), 2);
    assert_int_equal(tg_run_log_scalar(l, 2, "loss/train", 7), TG_OK);
    csv_of(f, text, sizeof text);
    assert_string_equal(text, "step,tag,value\n1,loss/train,0.1\n2,loss/train,7\n");
    tg_run_log_close(l);
    assert_null(tg_error(f->tape));
}

/* ---- ends and damage ------------------------------------------------------------------------------------------------------ */

/* Cut off anywhere: what is whole stays, what is not goes, and the next record follows. */
static void test_torn(void **state)
{
    fixture    *f = *state;
    size_t      n, whole = 0, at[8], size[8];
    char        text[500];
    tg_run_log *l = tg_run_log_open(f->tape, directory(f), -1);
    for (int i = 0; i < 3; i++) assert_int_equal(tg_run_log_scalar(l, i, "x", i), TG_OK);
    tg_run_log_close(l);
    char     *bytes = read_file(log_path(f), &n);
    const int k = records((const unsigned char *)bytes, n, at, size, 8);
    assert_int_equal(k, 4);
    for (size_t cut = 0; cut <= n; cut++) {
        for (int zeros = 0; zeros < 2; zeros++) { /* the size grown, the bytes lost */
            char *part = calloc(1, n + 1);
            memcpy(part, bytes, cut);
            write_file(log_path(f), part, zeros && cut < n ? cut + (n - cut) / 2 : cut);
            free(part);
            l = tg_run_log_open(f->tape, directory(f), -1);
            if (!l) { /* part of a checksum is there, and zeros for the rest of it */
                assert_true(zeros);
                assert_int_equal(tg_error_status(f->tape), TG_ERR_FORMAT);
                tg_clear_error(f->tape);
                continue;
            }
            assert_int_equal(tg_run_log_scalar(l, 9, "y", 1), TG_OK);
            tg_run_log_close(l);
            csv_of(f, text, sizeof text);
            for (whole = 0; whole < 4 && at[whole] + size[whole] + 4 <= cut; whole++) {}
            assert_int_equal(strlen(text), 15 + (whole > 1 ? whole - 1 : 0) * 6 + 6);
            assert_non_null(strstr(text, "9,y,1\n"));
        }
    }
    free(bytes);
}

static void test_damaged(void **state)
{
    fixture    *f = *state;
    size_t      n;
    tg_run_log *l = tg_run_log_open(f->tape, directory(f), -1);
    for (int i = 0; i < 3; i++) assert_int_equal(tg_run_log_scalar(l, i, "x", i), TG_OK);
    tg_run_log_close(l);
    char *bytes = read_file(log_path(f), &n);
    for (size_t i = 0; i < n; i++) {
        bytes[i] ^= 0x21;
        write_file(log_path(f), bytes, n);
        bytes[i] ^= 0x21;
        assert_int_equal(tg_run_log_csv(f->tape, directory(f), in_dir(f, "csv")), TG_ERR_FORMAT);
        assert_null(tg_run_log_open(f->tape, directory(f), -1));
        tg_clear_error(f->tape);
        size_t same;
        free(read_file(log_path(f), &same));
        assert_int_equal(same, n);
    }
    write_file(log_path(f), "this is no log of a run", 23);
    assert_null(tg_run_log_open(f->tape, directory(f), -1));
    assert_non_null(strstr(tg_error(f->tape), "tg_run_log_open: "));
    assert_non_null(strstr(tg_error(f->tape), "is no log, or damaged"));
    tg_clear_error(f->tape);
    free(bytes);
}

/* The file can't grow: a sentence, and no half record. */
static void test_full(void **state)
{
    fixture      *f = *state;
    struct rlimit was, none;
    size_t        n, at[100], size[100];
    tg_run_log   *l = tg_run_log_open(f->tape, directory(f), -1);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    none = was;
    none.rlim_cur = 200;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    tg_status s = TG_OK;
    int       written = 0;
    while (s == TG_OK) s = tg_run_log_scalar(l, written++, "x", 1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    assert_int_equal(s, TG_ERR_IO);
    assert_non_null(strstr(tg_error(f->tape), "tg_run_log_scalar: cannot write"));
    tg_clear_error(f->tape);
    assert_int_equal(tg_run_log_scalar(l, 50, "x", 1), TG_OK);
    char *bytes = read_file(log_path(f), &n);
    assert_int_equal(records((const unsigned char *)bytes, n, at, size, 100), 1 + written); /* the version, those that fitted, and the last */
    free(bytes);
    tg_run_log_close(l);
}

/* ---- everything else ------------------------------------------------------------------------------------------------------ */

static void test_wrong(void **state)
{
    fixture    *f = *state;
    tg_tape    *t = f->tape, *other_tape = quiet(TG_F32);
    char        name[202];
    tg_run_log *l = tg_run_log_open(t, directory(f), -1);
    tg_tensor  *x = tg_ones(t, TG_SHAPE(2, 2)), *other = tg_ones(other_tape, TG_SHAPE(2, 2));
    memset(name, 'x', sizeof name);
    name[201] = 0;
    assert_null(tg_run_log_open(NULL, directory(f), -1));
    assert_null(tg_run_log_open(t, NULL, -1));
    assert_null(tg_run_log_open(t, directory(f), -2));
    tg_clear_error(t);
    assert_null(tg_run_log_open(t, directory(f), -1)); /* it is open */
    assert_non_null(strstr(tg_error(t), "is being written already"));
    tg_clear_error(t);
    expect_failure(t, tg_run_log_scalar(l, 1, NULL, 1), TG_ERR_NULL, "tg_run_log_scalar: the tag is NULL");
    expect_failure(t, tg_run_log_scalar(l, 1, "", 1), TG_ERR_ARG, "a tag is 1 to 200 bytes");
    expect_failure(t, tg_run_log_scalar(l, 1, name, 1), TG_ERR_ARG, "a tag is 1 to 200 bytes");
    expect_failure(t, tg_run_log_scalar(l, 1, "a\nb", 1), TG_ERR_ARG, "a tag is 1 to 200 bytes");
    expect_failure(t, tg_run_log_scalar(l, 1, "\x1b[2J", 1), TG_ERR_ARG, "the tag is not printable UTF-8");
    expect_failure(t, tg_run_log_scalar(l, -1, "x", 1), TG_ERR_ARG, "the step must be 0 or more, got -1");
    expect_failure(t, tg_run_log_text(l, 1, "x", "\xff"), TG_ERR_ARG, "tg_run_log_text: the text is not printable UTF-8");
    expect_failure(t, tg_run_log_text(l, 1, "x", NULL), TG_ERR_NULL, "the text is NULL");
    expect_failure(t, tg_run_log_histogram(l, 1, "x", NULL), TG_ERR_NULL, "tg_run_log_histogram: the tensor is NULL");
    expect_failure(t, tg_run_log_histogram(l, 1, "x", other), TG_ERR_TAPE, "belongs to another tape");
    expect_failure(t, tg_run_log_params(l, 1, "[", false), TG_ERR_ARG, "tg_run_log_params: the pattern '[' has a [ without its ]");
    expect_failure(t, tg_run_log_image(l, 1, "x", tg_ones(t, TG_SHAPE(2, 3, 4))), TG_ERR_SHAPE, "tg_run_log_image: a picture is [H,W], [1,H,W] or [3,H,W]");
    expect_failure(t, tg_run_log_image(l, 1, "x", tg_ones(t, TG_SHAPE(3, 0, 4))), TG_ERR_SHAPE, "got [3,0,4]");
    expect_failure(t, tg_run_log_image(l, 1, "x", tg_ones(t, TG_SHAPE(4))), TG_ERR_SHAPE, "got [4]");
    expect_failure(t, tg_run_log_image(l, 1, "x", tg_to(x, TG_I64)), TG_ERR_DTYPE, "a picture is uint8 or float, got int64");
    expect_failure(t, tg_run_log_hyper(l, NULL, NULL, 1), TG_ERR_NULL, "tg_run_log_hyper: names is NULL");
    expect_failure(t, tg_run_log_hyper(l, NULL, NULL, -1), TG_ERR_ARG, "n must be 0 or more");
    expect_failure(t, tg_run_log_csv(t, NULL, "x"), TG_ERR_NULL, "tg_run_log_csv: the directory is NULL");
    expect_failure(t, tg_run_log_csv(t, "x", NULL), TG_ERR_NULL, "tg_run_log_csv: the path is NULL");
    expect_failure(t, tg_run_log_csv(t, in_dir(f, "nothing"), in_dir(f, "csv")), TG_ERR_IO, "tg_run_log_csv: cannot open");
    assert_int_equal(tg_run_log_scalar(NULL, 1, "x", 1), TG_ERR_NULL);
    assert_int_equal(tg_run_log_text(NULL, 1, "x", ""), TG_ERR_NULL);
    assert_int_equal(tg_run_log_histogram(NULL, 1, "x", x), TG_ERR_NULL);
    assert_int_equal(tg_run_log_params(NULL, 1, NULL, true), TG_ERR_NULL);
    assert_int_equal(tg_run_log_image(NULL, 1, "x", x), TG_ERR_NULL);
    assert_int_equal(tg_run_log_hyper(NULL, NULL, NULL, 0), TG_ERR_NULL);
    assert_int_equal(tg_run_log_flush(NULL), TG_ERR_NULL);
    assert_int_equal(tg_run_log_csv(NULL, "x", "y"), TG_ERR_NULL);
    tg_run_log_close(NULL);
    tg_tape_free(other_tape);
}

/* Each allocation fails in turn: an error, and a log that goes on. */
static void test_memory(void **state)
{
    fixture    *f = *state;
    tg_tape    *t = f->tape;
    size_t      n, at[2000], size[2000];
    int         written = 0, refused = 0;
    tg_run_log *l = tg_run_log_open(t, directory(f), -1);
    for (int64_t k = 0;; k++) {
        tg_tensor *x = tg_from_data(t, TG_U8, TG_SHAPE(2, 2), "abcd");
        assert_int_equal(tg_eval(&x, 1), TG_OK);
        f->fail_from = f->calls + k;
        f->fail_to = f->fail_from + 1;
        const tg_status s[] = {tg_run_log_image(l, 1, "i", x), tg_run_log_histogram(l, 1, "h", x), tg_run_log_text(l, 1, "t", "text"),
                               tg_run_log_hyper(l, (const char *[]){"lr"}, (double[]){1}, 1)};
        const bool      failed = f->calls > f->fail_from;
        f->fail_from = f->fail_to = INT64_MAX;
        for (int i = 0; i < 4; i++) {
            assert_true(s[i] == TG_OK || s[i] == TG_ERR_MEMORY);
            written += s[i] == TG_OK;
            refused += s[i] != TG_OK;
        }
        tg_clear_error(t);
        tg_reset(t);
        if (!failed) break;
    }
    assert_true(refused > 10);
    char *bytes = read_file(log_path(f), &n);
    assert_int_equal(records((const unsigned char *)bytes, n, at, size, 2000), 1 + written);
    free(bytes);
    tg_run_log_close(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_checksum), TEST(test_bytes), TEST(test_csv), TEST(test_torn), TEST(test_damaged), TEST(test_full), TEST(test_wrong), TEST(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
