/* test_idx_bad.c - IDX files as they should not come: cut anywhere, with junk behind, damaged, with sizes that lie, not a file at all; and
 * memory that runs out while one is read. */
#define _GNU_SOURCE

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <tapegrad.h>

#include "file_fixture.h"
#include "idx_test.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* ---- malformed headers and sizes --------------------------------------------------------------------------------- */

#define BYTES(...) {__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__})
#define DIM(n) 0, 0, 0, (n)
#define HUGE_DIM 0xff, 0xff, 0xff, 0xff

static const struct {
    uint8_t     bytes[24];
    size_t      n;
    const char *word;
} malformed[] = {
    {BYTES(0), "ends after 1 bytes"},
    {BYTES(0, 0, 8), "ends after 3 bytes"},
    {BYTES(0, 0, 8, 3), "ends after 4 bytes, within its header of 16"},
    {BYTES(0, 0, 8, 3, DIM(1), DIM(1), 0, 0, 0), "ends after 15 bytes, within its header of 16"},
    {BYTES(1, 0, 8, 3, DIM(1), DIM(1), DIM(1), 7), "starts with bytes 01 00"},
    {BYTES(0, 9, 8, 3, DIM(1), DIM(1), DIM(1), 7), "starts with bytes 00 09"},
    {BYTES('<', 'h', 't', 'm', 'l', '>'), "not an IDX file"},
    {BYTES(0, 0, 7, 3, DIM(1), DIM(1), DIM(1), 7), "unknown IDX type 0x07"},
    {BYTES(0, 0, 0x0a, 3, DIM(1), DIM(1), DIM(1), 7), "unknown IDX type 0x0a"},
    {BYTES(0, 0, 0xff, 3, DIM(1), DIM(1), DIM(1), 7), "unknown IDX type 0xff"},
    {BYTES(0, 0, 0x0c, 3, DIM(1), DIM(1), DIM(1), 0, 0, 0, 0), "int32 elements where images of uint8 or float32"},
    {BYTES(0, 0, 0x09, 3, DIM(1), DIM(1), DIM(1), 7), "int32 elements where images"},
    {BYTES(0, 0, 0x0e, 1, DIM(1), 0, 0, 0, 0, 0, 0, 0, 0), "float64 elements where images"},
    {BYTES(0, 0, 0x0d, 1, DIM(1), 0, 0, 0), "sizes [1], 4 bytes, but has only 3"},
    {BYTES(0, 0, 0x0b, 1, DIM(1), 0, 0, 0), "trailing bytes behind its 2 bytes"},
    {BYTES(0, 0, 8, 0, 7), "rank 0, outside 1 to 8"},
    {BYTES(0, 0, 8, 9, 7), "rank 9, outside"},
    {BYTES(0, 0, 8, 255, 7), "rank 255, outside"},
    {BYTES(0, 0, 8, 3, DIM(2), DIM(2), DIM(2), 1, 2, 3, 4, 5, 6, 7), "sizes [2,2,2], 8 bytes, but has only 7"},
    {BYTES(0, 0, 8, 3, DIM(1), DIM(2), DIM(2), 1, 2, 3, 4, 5), "trailing bytes behind its 4 bytes of sizes [1,2,2]"},
    {BYTES(0, 0, 8, 3, DIM(0), DIM(2), DIM(2), 1), "trailing bytes behind its 0 bytes"},
    {BYTES(0, 0, 8, 3, HUGE_DIM, HUGE_DIM, HUGE_DIM, 1), "more than any memory holds"},
    {BYTES(0, 0, 8, 3, HUGE_DIM, HUGE_DIM, DIM(0)), "more than any memory holds"}, /* no overflow hides behind a 0 */
    {BYTES(0, 0, 8, 3, HUGE_DIM, DIM(255), DIM(255), 1), "but has only 1"},
    {BYTES(0, 0, 8, 3, 0x80, 0, 0, 0, DIM(1), DIM(1), 1), "sizes [2147483648,1,1]"}, /* unsigned, above 2^31 */
};

static void test_malformed(void **state)
{
    fixture *f = *state;
    put_new(f, "y", labels(1));
    for (size_t i = 0; i < COUNT(malformed); i++) {
        put(f, "x", malformed[i].bytes, malformed[i].n);
        assert_refused(f, TG_ERR_FORMAT, malformed[i].word);
        put_new(f, "x", gz(malformed[i].bytes, malformed[i].n));
        assert_refused(f, TG_ERR_FORMAT, malformed[i].word);
    }
    put(f, "x", "", 0);
    assert_refused(f, TG_ERR_FORMAT, "is empty");
    put_new(f, "x", gz("", 0));
    assert_refused(f, TG_ERR_FORMAT, "ends after 0 bytes");
}

static void test_any_length_is_checked(void **state)
{
    fixture *f = *state;
    buffer   x = images(2, 3, 4), longer = joined(x, "abcdefghi", 9);
    put_new(f, "y", labels(2));
    for (size_t n = 1; n <= longer.n; n++) {
        if (n == x.n) continue;
        put(f, "x", longer.p, n);
        assert_refused(f, TG_ERR_FORMAT, n < 16 ? "within its header" : n < x.n ? "but has only" : "trailing bytes");
        put_new(f, "x", gz(longer.p, n));
        assert_refused(f, TG_ERR_FORMAT, n < 16 ? "within its header" : n < x.n ? "but has only" : "trailing bytes");
    }
    free(x.p), free(longer.p);
}

static void test_labels_are_checked_too(void **state)
{
    fixture *f = *state;
    put_new(f, "x", images(12, 2, 2));
    put_new(f, "y", images(12, 1, 1));
    assert_null(open_pair(f, "x", "y", 0));
    expect_error(f->tape, TG_ERR_FORMAT, "rank 3 where rank 1 is needed");
    put_new(f, "y", labels(11));
    assert_null(open_pair(f, "x", "y", 0));
    expect_error(f->tape, TG_ERR_FORMAT, "12 images but 11 labels");
    put_new(f, "y", labels(12));
    assert_null(open_pair(f, "x", "y", 9));
    expect_error(f->tape, TG_ERR_INDEX, "label 9 is 9, outside 0 to 8");
    assert_null(open_pair(f, "x", "y", -1));
    expect_error(f->tape, TG_ERR_ARG, "classes is -1");
    assert_non_null(open_pair(f, "x", "y", 10));
    buffer y = labels(12);
    y.p[8 + 11] = 255;
    put_new(f, "y", y);
    assert_null(open_pair(f, "x", "y", 255));
    expect_error(f->tape, TG_ERR_INDEX, "label 11 is 255");
    assert_non_null(open_pair(f, "x", "y", 256));
    assert_non_null(open_pair(f, "x", "y", 0));
    assert_null(tg_error(f->tape));
}

/* ---- gzip: cut, damaged, with junk behind ------------------------------------------------------------------------ */

static void test_gzip_cut(void **state)
{
    fixture *f = *state;
    buffer   x = images(10, 31, 60), z = gz(x.p, x.n); /* over two of the reader's buffers */
    assert_true(z.n > 17000);
    put_new(f, "y", labels(10));
    for (size_t n = 2; n < z.n; n += n < 100 || n + 100 > z.n || (n > 8150 && n < 8250) ? 1 : 97) {
        put(f, "x", z.p, n);
        assert_refused(f, TG_ERR_FORMAT, "is a truncated gzip file");
    }
    put(f, "x", z.p, 1); /* too short to be known for gzip */
    assert_refused(f, TG_ERR_FORMAT, "ends after 1 bytes");
    free(x.p), free(z.p);
}

static void test_gzip_junk(void **state)
{
    fixture *f = *state;
    buffer   x = images(1, 9, 9), z = gz(x.p, x.n);
    static const struct {
        const char *bytes;
        size_t      n;
    } junk[] = {{"x", 1},
                {"\x1f", 1},
                {"\x1f\x8b", 2},
                {"\x1f\x8b\x08\0\0\0\0\0\0\x03", 10},
                {"\0\0\0\0\0\0\0\0\0\0\0x", 12},
                {"\0\x1f\x8b\x08\0\0\0\0\0\0\x03", 11},
                {"some text", 9}};
    put_new(f, "y", labels(1));
    for (size_t i = 0; i < COUNT(junk); i++) {
        put_new(f, "x", joined(z, junk[i].bytes, junk[i].n));
        assert_refused(f, TG_ERR_FORMAT, "junk behind its gzip stream");
    }
    uint8_t *much = calloc(1, 50000);
    assert_non_null(much);
    much[49999] = 1;
    put_new(f, "x", joined(z, much, 50000));
    assert_refused(f, TG_ERR_FORMAT, "junk behind its gzip stream");
    buffer member = joined((buffer){much, 10}, z.p, z.n); /* padding is at the end */
    put_new(f, "x", joined(z, member.p, member.n));
    assert_refused(f, TG_ERR_FORMAT, "junk behind its gzip stream");
    free(much), free(x.p), free(z.p), free(member.p);
}

/* Zeros up to the end, as many as there are, also where a buffer of the reader ends. */
static void test_gzip_padding(void **state)
{
    fixture *f = *state;
    buffer   x = images(3, 5, 7), y = labels(3), a = gz(x.p, 50), b = gz(x.p + 50, x.n - 50), z = joined(a, b.p, b.n);
    uint8_t *zeros = calloc(1, 50000);
    assert_non_null(zeros);
    put_buffer(f, "y", y);
    const size_t counts[] = {1, 2, 511, 512, 8191 - z.n, 8192 - z.n, 8193 - z.n, 8192, 50000};
    for (size_t i = 0; i < COUNT(counts); i++) {
        put_new(f, "x", joined(z, zeros, counts[i]));
        tg_dataset *d = open_pair(f, "x", "y", 0);
        if (!d) fail_msg("%zu zeros: %s", counts[i], tg_error(f->tape));
        assert_holds(d, x, y);
        tg_dataset_free(d);
    }
    free(zeros), free(x.p), free(y.p), free(a.p), free(b.p), free(z.p);
}

/* Every bit of every byte wrong in turn: refused, or, where the bit does not matter (time stamp, system), read rightly.
 */
static void test_gzip_damaged(void **state)
{
    fixture *f = *state;
    buffer   x = images(2, 4, 5), y = labels(2), z = gz(x.p, x.n);
    size_t   refused = 0;
    put_buffer(f, "y", y);
    for (size_t bit = 0; bit < 8 * z.n; bit++) {
        z.p[bit / 8] = (uint8_t)(z.p[bit / 8] ^ 1u << bit % 8);
        put_buffer(f, "x", z);
        z.p[bit / 8] = (uint8_t)(z.p[bit / 8] ^ 1u << bit % 8);
        tg_dataset *d = open_pair(f, "x", "y", 0);
        if (d)
            assert_holds(d, x, y);
        else
            expect_error(f->tape, TG_ERR_FORMAT, "tg_idx_dataset: '");
        refused += !d;
        tg_dataset_free(d);
    }
    assert_true(refused >= 8 * (z.n - 7)); /* 4 bytes of time, extra flags, system; of the flags "text" */
    free(x.p), free(y.p), free(z.p);
}

/* ---- what is no file, and files that change ---------------------------------------------------------------------- */

static void test_no_file(void **state)
{
    fixture *f = *state;
    put_new(f, "y", labels(1));
    assert_refused(f, TG_ERR_IO, "cannot open");
    assert_int_equal(mkdir(in_dir(f, "x"), 0700), 0);
    assert_refused(f, TG_ERR_IO, "is a directory");
    assert_int_equal(rmdir(in_dir(f, "x")), 0);
    assert_int_equal(mkfifo(in_dir(f, "x"), 0600), 0);
    assert_refused(f, TG_ERR_IO, "not a regular file"); /* and does not wait for a writer */
    assert_int_equal(unlink(in_dir(f, "x")), 0);
    assert_int_equal(symlink("/dev/zero", in_dir(f, "x")), 0);
    assert_refused(f, TG_ERR_IO, "not a regular file");
    assert_int_equal(unlink(in_dir(f, "x")), 0);
    assert_int_equal(symlink("x", in_dir(f, "x")), 0);
    assert_refused(f, TG_ERR_IO, "cannot open");
    assert_int_equal(unlink(in_dir(f, "x")), 0);
    put_new(f, "x", images(1, 2, 2));
    assert_int_equal(chmod(in_dir(f, "x"), 0), 0);
    if (geteuid() != 0) assert_refused(f, TG_ERR_IO, "cannot open"); /* root may read it all the same */
}

static void test_file_shrinks(void **state)
{
    fixture *f = *state;
    buffer   x = images(2, 100, 100);
    put_new(f, "y", labels(2));
    put_buffer(f, "x", x);
    strcpy(f->cut, in_dir(f, "x"));
    f->cut_when = 20000; /* the elements' memory: the sizes have been compared by then */
    f->cut_to = 10000;
    assert_refused(f, TG_ERR_IO, "became shorter");
    f->cut_to = 0;
    put_buffer(f, "x", x);
    assert_refused(f, TG_ERR_IO, "became shorter");
    f->cut_to = 10000;
    put_new(f, "x", gz(x.p, x.n));
    assert_refused(f, TG_ERR_FORMAT, "truncated gzip");
    f->cut_when = 0;
    free(x.p);
}

static void test_paths_in_sentences(void **state)
{
    fixture *f = *state;
    char    *long_path = malloc(1 << 20);
    assert_non_null(long_path);
    memset(long_path, 'a', (1 << 20) - 1);
    memcpy(long_path + (1 << 20) - 7, "/%n%s\x1b\n", 7);
    long_path[(1 << 20) - 1] = 0;
    assert_null(tg_idx_dataset(f->tape, long_path, "y", 0));
    assert_non_null(tg_error(f->tape));
    assert_int_equal(tg_error_status(f->tape), TG_ERR_IO);
    assert_non_null(strstr(tg_error(f->tape), "'...aaa"));
    assert_non_null(strstr(tg_error(f->tape), "a/%n%s?'"));
    assert_true(strlen(tg_error(f->tape)) < 400);
    tg_clear_error(f->tape);
    free(long_path);
    assert_null(tg_idx_dataset(f->tape, "", "y", 0));
    expect_error(f->tape, TG_ERR_IO, "cannot open ''");
    assert_null(tg_idx_dataset(f->tape, NULL, "y", 0));
    expect_error(f->tape, TG_ERR_NULL, "images is NULL");
    assert_null(tg_idx_dataset(f->tape, "x", NULL, 0));
    expect_error(f->tape, TG_ERR_NULL, "labels is NULL");
    assert_null(tg_idx_dataset(NULL, "x", "y", 0));
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

enum { REJECT_PEAK = 64 << 10 };

static void assert_refused_cheaply(fixture *f, const char *word)
{
    f->peak = f->held;
    size_t before = f->held;
    assert_refused(f, TG_ERR_FORMAT, word);
    if (f->peak - before > REJECT_PEAK) fail_msg("refusing took %zu bytes", f->peak - before);
}

static void test_refusing_is_cheap(void **state)
{
    fixture             *f = *state;
    static const uint8_t huge[] = {0, 0, 8, 3, 0x7f, 0xff, 0xff, 0xff, DIM(255), DIM(255), 1, 2, 3};
    put_new(f, "y", labels(1));
    put(f, "x", huge, sizeof huge);
    assert_refused_cheaply(f, "but has only 3");
    put_new(f, "x", gz(huge, sizeof huge));
    assert_refused_cheaply(f, "but has only 3");

    buffer bomb = images(1, 4000, 4000); /* of zeros: 16 MB in 16 KB */
    memset(bomb.p + 16, 0, bomb.n - 16);
    bomb.p[7] = 2;
    put_new(f, "x", gz(bomb.p, bomb.n));
    assert_refused_cheaply(f, "but has only 16000000");
    memset(bomb.p + 4, 0, 12);
    put_new(f, "x", gz(bomb.p, bomb.n));
    assert_refused_cheaply(f, "trailing bytes");
    free(bomb.p);
}

/* Each allocation fails in turn: an error each time, nothing left behind, and at the end, success. */
static void allocations_fail(fixture *f, const char *x, const char *y)
{
    long failed = 0;
    for (long k = 1;; k++) {
        size_t live = f->held;
        f->calls = 0;
        f->fail_from = k - 1;
        f->fail_to = k;
        tg_dataset *d = open_pair(f, x, y, 10);
        f->fail_from = f->fail_to = 0;
        if (d) {
            tg_dataset_free(d);
            assert_int_equal(f->held, live);
            assert_true(f->calls == k - 1);
            break;
        }
        failed++;
        expect_error(f->tape, TG_ERR_MEMORY, "out of memory");
        assert_int_equal(f->held, live);
    }
    assert_true(failed >= 6); /* two readers, their elements, the set, its labels */
}

static void test_allocations_fail(void **state)
{
    fixture *f = *state;
    put_new(f, "x", images(5, 6, 7));
    put_new(f, "y", labels(5));
    put_new_gz(f, "x.gz", images(5, 6, 7));
    put_new_gz(f, "y.gz", labels(5));
    allocations_fail(f, "x", "y");
    allocations_fail(f, "x.gz", "y.gz");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_malformed),
        TEST(test_any_length_is_checked),
        TEST(test_labels_are_checked_too),
        TEST(test_gzip_cut),
        TEST(test_gzip_junk),
        TEST(test_gzip_padding),
        TEST(test_gzip_damaged),
        TEST(test_no_file),
        TEST(test_file_shrinks),
        TEST(test_paths_in_sentences),
        TEST(test_refusing_is_cheap),
        TEST(test_allocations_fail),
    };
    return cmocka_run_group_tests_name("idx", tests, NULL, NULL);
}
