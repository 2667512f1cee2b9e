/* test_npz.c - archives of NumPy's: written and read back, stored and deflated; members that lie; memory that runs out. That NumPy reads and writes the
 * same is asked in test_numpy.sh. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <zip.h>
#include <zlib.h>

#include "npy_test.h"

/* ---- round trips --------------------------------------------------------------------------------------------------- */

static tg_tensor *counted(tg_tape *t, tg_dtype dtype, const tg_shape *shape)
{
    int64_t n = 1;
    for (int k = 0; k < shape->rank; k++) n *= shape->dim[k];
    return tg_reshape(tg_to(tg_remainder(tg_arange(t, TG_I64, n), tg_full(t, TG_I64, TG_SCALAR_SHAPE, dtype == TG_BOOL ? 2 : 100)), dtype), shape);
}

static void round_trip(void **state)
{
    fixture          *f       = *state;
    tg_tape          *t       = f->tape;
    const char *const names[] = {"w", "a/b.c", "../x", "/etc/passwd", "", "\xc3\xa9", "none", "long"};
    tg_tensor        *x[8];
    size_t            size[2];
    const tg_shape    shapes[8] = {{2, {2, 3}}, {0, {0}}, {1, {4}}, {3, {1, 2, 2}}, {1, {1}}, {2, {3, 1}}, {2, {0, 3}}, {2, {300, 400}}};
    const tg_dtype    dtypes[8] = {TG_F32, TG_F64, TG_I64, TG_I32, TG_U8, TG_BOOL, TG_I16, TG_F32};
    for (int i = 0; i < 8; i++) x[i] = counted(t, dtypes[i], &shapes[i]);
    x[0] = tg_transpose(x[0], 0, 1); /* a view */
    for (int compressed = 0; compressed < 2; compressed++) {
        const tg_npz_options options = {.compressed = compressed};
        if (tg_npz_write(in_dir(f, "x"), names, x, 8, compressed ? &options : NULL) != TG_OK) fail_msg("%s", tg_error(t));
        char       *first = read_file(in_dir(f, "x"), &size[compressed]);
        tg_archive *a     = tg_archive_open(t, in_dir(f, "x"));
        if (!a) fail_msg("%s", tg_error(t));
        assert_int_equal(tg_archive_count(a), 7); /* but for the one without a name: ".npy" is no array's */
        for (int i = 0; i < 8; i++) {
            if (!*names[i]) continue;
            tg_tensor *y = tg_archive_read(a, names[i]);
            if (!y) fail_msg("%s", tg_error(t));
            assert_true(tg_dtype_of(y) == dtypes[i] && tg_shape_equal(tg_shape_of(y), tg_shape_of(x[i])));
            if (tg_numel(y)) assert_memory_equal(tg_data(y), tg_data(x[i]), (size_t)tg_numel(y) * tg_dtype_size(dtypes[i]));
        }
        const float *all = tg_data(x[7]);
        for (int64_t at = 290; at >= 0; at -= 29) { /* backwards: the member is opened anew each time */
            tg_tensor *rows = tg_archive_read_rows(a, "long", at, 10);
            if (!rows) fail_msg("%s", tg_error(t));
            assert_memory_equal(tg_data(rows), all + 400 * at, 16000);
        }
        for (int64_t at = 0; at < 300; at += 60) assert_memory_equal(tg_data(tg_archive_read_rows(a, "long", at, 60)), all + 400 * at, 96000);
        tg_archive_close(a);
        assert_int_equal(tg_npz_write(in_dir(f, "x"), names, x, 8, &options), TG_OK);
        size_t n;
        char  *second = read_file(in_dir(f, "x"), &n);
        assert_int_equal(n, size[compressed]);
        assert_memory_equal(first, second, n); /* whenever it is written */
        free(first), free(second);
        assert_int_equal(count_files(f), 1);
    }
    assert_true(size[1] < size[0] / 4);
}

static void refuses_to_write(void **state)
{
    fixture          *f       = *state;
    tg_tape          *t       = f->tape;
    tg_tensor        *x       = tg_ones(t, TG_SHAPE(2)), *two[] = {x, x}, *null[] = {x, NULL};
    char             *longest = malloc(70001);
    const char *const same[] = {"a", "a"}, *const none[] = {"a", NULL}, *const bad[] = {"\xff"}, *const good[] = {"a", "b"};
    const char       *path = in_dir(f, "x");
    assert_non_null(longest);
    memset(longest, 120, 70000);
    longest[70000] = 0;
    expect_failure(t, tg_npz_write(path, same, two, 2, NULL), TG_ERR_ARG, "tg_npz_write: two tensors have the same name 'a'");
    expect_failure(t, tg_npz_write(path, none, two, 2, NULL), TG_ERR_NULL, "the name of tensor 1 is NULL");
    expect_failure(t, tg_npz_write(path, NULL, two, 2, NULL), TG_ERR_NULL, "the names are NULL");
    expect_failure(t, tg_npz_write(NULL, good, two, 2, NULL), TG_ERR_NULL, "the path is NULL");
    expect_failure(t, tg_npz_write(path, bad, two, 1, NULL), TG_ERR_ARG, "is not UTF-8, or too long");
    expect_failure(t, tg_npz_write(path, (const char *const[]){longest}, two, 1, NULL), TG_ERR_ARG, "is not UTF-8, or too long");
    expect_failure(t, tg_npz_write(in_dir(f, "no/x"), good, two, 2, NULL), TG_ERR_IO, "tg_npz_write: cannot write");
    assert_true(tg_npz_write(path, good, NULL, 2, NULL) == TG_ERR_NULL && tg_npz_write(path, good, null, 2, NULL) == TG_ERR_NULL && tg_npz_write(path, good, two, 0, NULL) == TG_ERR_ARG);
    assert_null(tg_error(t));
    assert_int_equal(count_files(f), 0);
    free(longest);
}

/* ---- files that lie ------------------------------------------------------------------------------------------------ */

/* A zip file with one member of these bytes. */
static void put_zip(const fixture *f, const char *name, const void *bytes, size_t n, zip_int32_t method, uint16_t encryption)
{
    int           code;
    zip_t        *z      = zip_open(in_dir(f, "x"), ZIP_CREATE | ZIP_TRUNCATE, &code);
    zip_source_t *source = zip_source_buffer(z, bytes, n, 0);
    assert_non_null(z);
    const zip_int64_t i = zip_file_add(z, name, source, ZIP_FL_ENC_UTF_8);
    assert_true(i == 0 && zip_set_file_compression(z, 0, method, 0) == 0);
    if (encryption) assert_int_equal(zip_file_set_encryption(z, 0, encryption, "secret"), 0);
    assert_int_equal(zip_close(z), 0);
}

/* Opens it and reads its array: the first error. */
static void refuses(const fixture *f, tg_status status, const char *part)
{
    tg_archive *a = tg_archive_open(f->tape, in_dir(f, "x"));
    if (a && tg_archive_read(a, tg_archive_name(a, 0))) fail_msg("was read instead of: %s", part);
    expect_error(f->tape, status, part);
    tg_archive_close(a);
}

/* Replaces what is the same as `from` in the file, everywhere. */
static int patch(const fixture *f, const void *from, const void *to, size_t n)
{
    size_t size;
    char  *bytes = read_file(in_dir(f, "x"), &size);
    int    times = 0;
    for (size_t i = 0; i + n <= size; i++)
        if (!memcmp(bytes + i, from, n)) memcpy(bytes + i, to, n), times++;
    write_file(in_dir(f, "x"), bytes, size);
    free(bytes);
    return times;
}

static void members_that_lie(void **state)
{
    fixture   *f = *state;
    const file x = numpys("<f4", "False", "(64, 4)", NULL, 1024), huge = numpys("<f4", "False", "(1000000, 256)", NULL, 16);
    const file other = numpys("<f4", "False", "(64, 4)", "????????????????????????", 24);
    for (int deflated = 0; deflated < 2; deflated++) {
        const zip_int32_t method = deflated ? ZIP_CM_DEFLATE : ZIP_CM_STORE;
        put_zip(f, "a.npy", x.bytes, x.n, method, 0);
        tg_archive *a = tg_archive_open(f->tape, in_dir(f, "x"));
        assert_non_null(tg_archive_read(a, "a"));
        tg_archive_close(a);
        /* The checksum, in the member's header and in the directory. */
        put_zip(f, "a.npy", x.bytes, x.n, method, 0);
        size_t  size;
        char   *bytes = read_file(in_dir(f, "x"), &size);
        uint8_t crc[4];
        memcpy(crc, bytes + 14, 4);
        free(bytes);
        assert_true(patch(f, crc, "\1\2\3\4", 4) >= 1);
        refuses(f, TG_ERR_FORMAT, "CRC");
        /* An array that declares more, or less, than the member has. */
        put_zip(f, "a.npy", huge.bytes, huge.n, method, 0);
        refuses(f, TG_ERR_FORMAT, "x': tensor 'a' declares sizes [1000000,256], 1024000000 bytes, but has only 16");
        put_zip(f, "a.npy", other.bytes, other.n, method, 0);
        refuses(f, TG_ERR_FORMAT, "1024 bytes, but has only 24");
        put_zip(f, "a.npy", "PK", 2, method, 0);
        refuses(f, TG_ERR_FORMAT, "tensor 'a' is too short for a .npy file");
        /* A size that the directory declares as well, and that the member does not have. */
        put_zip(f, "a.npy", huge.bytes, huge.n, method, 0);
        const uint32_t was = (uint32_t)huge.n, now = 1024000128;
        assert_true(patch(f, &was, &now, 4) >= 2);
        refuses(f, TG_ERR_FORMAT, deflated ? "cannot have the size that is declared, 1024000128 bytes of " : "");
    }
    put_zip(f, "a.npy", x.bytes, x.n, ZIP_CM_STORE, ZIP_EM_AES_256);
    refuses(f, TG_ERR_UNSUPPORTED, "member 'a.npy' is encrypted, which cannot be read");
    put_zip(f, "a.txt", x.bytes, x.n, ZIP_CM_STORE, 0);
    tg_archive *a = tg_archive_open(f->tape, in_dir(f, "x"));
    assert_true(a && tg_archive_count(a) == 0);
    tg_archive_close(a);
    write_file(in_dir(f, "x"), "PK\3\4", 4);
    refuses(f, TG_ERR_FORMAT, "tg_archive_open: cannot read '");
    write_file(in_dir(f, "x"), "PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 22);
    a = tg_archive_open(f->tape, in_dir(f, "x"));
    assert_true(a && tg_archive_count(a) == 0);
}

/* A deflated member that declares a gigabyte, as the array in it does, and holds some kilobytes: no memory is taken for it. */
static void bombs(void **state)
{
    fixture    *f    = *state;
    const char *head = "{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000,)}";
    const file  x    = make_file(1, head, strlen(head), NULL, 0);
    const size_t n   = 4 << 20;
    uint8_t    *all  = calloc(1, n);
    assert_non_null(all);
    memcpy(all, x.bytes, x.n);
    uint64_t seed = 1;
    for (size_t i = x.n; i < n; i++) all[i] = (uint8_t)((seed = seed * 6364136223846793005u + 1442695040888963407u) >> 60); /* too dense to be refused for its ratio */
    put_zip(f, "a.npy", all, n, ZIP_CM_DEFLATE, 0);
    free(all);
    const uint32_t was = (uint32_t)n, now = (uint32_t)(1000000000 + x.n);
    assert_true(patch(f, &was, &now, 4) >= 2);
    size_t size;
    free(read_file(in_dir(f, "x"), &size));
    f->peak             = f->held;
    const size_t before = f->held;
    refuses(f, TG_ERR_FORMAT, "");
    assert_true(f->peak - before <= 65536);
}

static void put16(FILE *to, unsigned x) { fprintf(to, "%c%c", (int)(x & 255), (int)(x >> 8 & 255)); }

static void put32(FILE *to, unsigned x)
{
    put16(to, x & 65535);
    put16(to, x >> 16);
}

/* A member's header: in front of its bytes, or as a line of the directory that says where that is. */
static void put_member(FILE *to, bool line, const char *name, const file *x, unsigned at)
{
    fprintf(to, line ? "PK\1\2" : "PK\3\4");
    if (line) put16(to, 20);
    for (int i = 0; i < 3; i++) put16(to, i ? 0 : 20); /* version, flags, method: stored */
    put32(to, 33u << 16);                               /* time and date */
    put32(to, (unsigned)crc32_z(0, x->bytes, x->n));
    put32(to, (unsigned)x->n);
    put32(to, (unsigned)x->n);
    put16(to, (unsigned)strlen(name));
    for (int i = 0; i < (line ? 4 : 1); i++) put16(to, 0);
    if (line) put32(to, 0);
    if (line) put32(to, at);
    fprintf(to, "%s", name);
}

/* n small arrays, and one more with the name of the first. apart: each has bytes of its own; else all are the same bytes. */
static size_t put_many(const fixture *f, int n, bool apart)
{
    const file x    = numpys("|u1", "False", "(0,)", NULL, 0);
    FILE      *zip  = fopen(in_dir(f, "x"), "wb");
    unsigned  *at   = calloc((size_t)n + 1, sizeof *at);
    char       name[20];
    assert_true(zip && at);
    for (int i = 0; i < (apart ? n : 1); i++) {
        at[i] = (unsigned)ftell(zip);
        sprintf(name, "%x.npy", i);
        put_member(zip, false, name, &x, 0);
        assert_int_equal(fwrite(x.bytes, 1, x.n, zip), x.n);
    }
    const unsigned directory = (unsigned)ftell(zip);
    for (int i = 0; i <= n; i++) {
        sprintf(name, "%x.npy", i % n);
        put_member(zip, true, name, &x, at[apart ? i % n : 0]);
    }
    const unsigned end = (unsigned)ftell(zip);
    fprintf(zip, "PK\5\6");
    put32(zip, 0);
    put16(zip, (unsigned)n + 1);
    put16(zip, (unsigned)n + 1);
    put32(zip, end - directory);
    put32(zip, directory);
    put16(zip, 0);
    const size_t size = (size_t)ftell(zip);
    assert_int_equal(fclose(zip), 0);
    free(at);
    return size;
}

/* Nothing but members: they are refused before there is a table of them, which would be larger than the file. (libzip's own memory is not the tape's.) */
static void many_members(void **state)
{
    fixture *f = *state;
    for (int apart = 0; apart < 2; apart++) {
        const size_t size = put_many(f, 20000, apart), before = f->peak = f->held;
        refuses(f, TG_ERR_FORMAT, apart ? "has two tensors with the name '0'" : "has members that lie in each other");
        assert_int_equal(f->held, before);
        if (f->peak - before > size + 65536) fail_msg("refusing %zu bytes took %zu", size, f->peak - before);
    }
}

/* Every beginning, and every byte another one: an array or a sentence. */
static void any_byte(void **state)
{
    fixture   *f = *state;
    const file x = numpys("<f4", "False", "(2, 2)", NULL, 16);
    size_t     size;
    for (int deflated = 0; deflated < 2; deflated++) {
        put_zip(f, "a.npy", x.bytes, x.n, deflated ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0);
        char *good = read_file(in_dir(f, "x"), &size);
        for (size_t n = 0; n <= 2 * size; n++) {
            if (n >= size) good[n % size] = (char)(good[n % size] ^ 0x55);
            write_file(in_dir(f, "x"), good, n < size ? n : size);
            if (n >= size) good[n % size] = (char)(good[n % size] ^ 0x55);
            tg_archive *a = tg_archive_open(f->tape, in_dir(f, "x"));
            for (int i = 0; i < tg_archive_count(a); i++)
                if (!tg_archive_read(a, tg_archive_name(a, i))) assert_non_null(tg_error(f->tape));
            if (!a) assert_non_null(tg_error(f->tape));
            tg_clear_error(f->tape);
            tg_archive_close(a);
        }
        free(good);
    }
}

static void allocations_fail(void **state)
{
    fixture          *f      = *state;
    const char *const names[] = {"a", "b"};
    int               failed = 0;
    for (int onward = 0; onward < 2; onward++)
        for (int64_t k = 0;; k++) {
            tg_tape   *t   = new_tape(f);
            tg_tensor *x[] = {tg_add_s(tg_ones(t, TG_SHAPE(2)), 1), tg_ones(t, TG_SHAPE(3))};
            f->fail_from = f->fail_to = 0;
            assert_int_equal(tg_npz_write(in_dir(f, "x"), names, &x[1], 1, NULL), TG_OK);
            tg_tensor *y[]    = {tg_add_s(x[0], 1), x[1]};
            f->calls          = 0;
            f->fail_from      = k;
            f->fail_to        = onward ? INT64_MAX : k + 1;
            const tg_status s = tg_npz_write(in_dir(f, "x"), names, y, 2, &(tg_npz_options){.compressed = true});
            tg_archive     *a = tg_archive_open(t, in_dir(f, "x"));
            tg_tensor      *b = tg_archive_read(a, "a");
            f->fail_from = f->fail_to = 0;
            const bool all = f->calls <= k;
            if (!all) expect_error(t, TG_ERR_MEMORY, "out of memory");
            if (all) assert_true(s == TG_OK && b && tg_data_f32(b)[0] == 3);
            tg_archive_close(a);
            a = tg_archive_open(t, in_dir(f, "x"));
            assert_int_equal(tg_archive_count(a), s == TG_OK ? 2 : 1);
            assert_int_equal(count_files(f), 1);
            failed += !all;
            tg_tape_free(t);
            if (all) break;
        }
    assert_true(failed > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(round_trip), TEST(refuses_to_write), TEST(members_that_lie), TEST(bombs), TEST(many_members), TEST(any_byte), TEST(allocations_fail)};
    return cmocka_run_group_tests_name("npz", tests, NULL, NULL);
}
