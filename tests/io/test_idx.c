/* test_idx.c - IDX files as they come: plain, gzip, MNIST's four; and as they should not come: cut anywhere, with junk
 * behind, damaged, with sizes that lie, not a file at all. Everything through the public functions, on a tape whose
 * allocator is watched. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>
#include <tapegrad.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* ---- a directory, a tape, a watched allocator -------------------------------------------------------------------- */

typedef struct fixture {
    char     dir[64];
    tg_tape *tape;
    size_t   live, peak;
    long     calls, fail_at; /* fail_at 0: none fails */
    size_t   cut_when;       /* an allocation of this size shortens the file `cut` to `cut_to` bytes */
    char     cut[128];
    off_t    cut_to;
} fixture;

static void *watched(void *ctx, void *p, size_t old_size, size_t size)
{
    fixture *f = ctx;
    if (size == 0) {
        free(p);
        f->live -= old_size;
        return NULL;
    }
    if (++f->calls == f->fail_at) return NULL;
    if (size == f->cut_when) assert_int_equal(truncate(f->cut, f->cut_to), 0);
    void *q = realloc(p, size);
    if (!q) return NULL;
    f->live += size - old_size;
    if (f->live > f->peak) f->peak = f->live;
    return q;
}

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    if (!f) return -1;
    strcpy(f->dir, "/tmp/tapegrad-idx-XXXXXX");
    if (!mkdtemp(f->dir)) return -1;
    f->tape = tg_tape_new(&(tg_tape_options){.silent = true, .allocator = {watched, f}});
    *state = f;
    return f->tape ? 0 : -1;
}

static int teardown(void **state)
{
    fixture *f = *state;
    char     command[128];
    tg_tape_free(f->tape);
    size_t left = f->live;
    snprintf(command, sizeof command, "rm -rf '%s'", f->dir);
    int r = system(command);
    free(f);
    return left == 0 ? r : -1;
}

static const char *in_dir(const fixture *f, const char *name)
{
    static char paths[4][128];
    static int  next;
    char       *p = paths[next++ % 4];
    snprintf(p, sizeof paths[0], "%s/%s", f->dir, name);
    return p;
}

static void put(const fixture *f, const char *name, const void *bytes, size_t n)
{
    FILE *file = fopen(in_dir(f, name), "wb");
    assert_non_null(file);
    if (n > 0) assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

/* ---- contents ---------------------------------------------------------------------------------------------------- */

typedef struct buffer {
    uint8_t *p;
    size_t   n;
} buffer;

/* An IDX array of bytes: rank sizes, then elements from a little generator that gzip can't compress. */
static buffer idx(int rank, const uint32_t *size)
{
    size_t head = 4 + 4 * (size_t)rank, n = 1;
    for (int k = 0; k < rank; k++) n *= size[k];
    buffer b = {malloc(head + n), head + n};
    assert_non_null(b.p);
    memcpy(b.p, (uint8_t[]){0, 0, 8, (uint8_t)rank}, 4);
    for (int k = 0; k < rank; k++)
        for (int j = 0; j < 4; j++) b.p[4 + 4 * k + j] = (uint8_t)(size[k] >> (24 - 8 * j));
    uint32_t r = 1;
    for (size_t i = 0; i < n; i++) {
        r = r * 1664525 + 1013904223;
        b.p[head + i] = (uint8_t)(r >> 24);
    }
    return b;
}

static buffer images(uint32_t n, uint32_t h, uint32_t w) { return idx(3, (uint32_t[]){n, h, w}); }

/* n labels, 0 1 … 9 0 1 … */
static buffer labels(uint32_t n)
{
    buffer b = idx(1, &n);
    for (uint32_t i = 0; i < n; i++) b.p[8 + i] = (uint8_t)(i % 10);
    return b;
}

static buffer gz(const void *bytes, size_t n)
{
    z_stream z;
    memset(&z, 0, sizeof z);
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    buffer b = {malloc(n + n / 100 + 100), n + n / 100 + 100};
    assert_non_null(b.p);
    z.next_in = (Bytef *)(uintptr_t)bytes;
    z.avail_in = (uInt)n;
    z.next_out = b.p;
    z.avail_out = (uInt)b.n;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    b.n = z.total_out;
    deflateEnd(&z);
    return b;
}

static buffer joined(buffer a, const void *more, size_t n)
{
    buffer b = {malloc(a.n + n), a.n + n};
    assert_non_null(b.p);
    memcpy(b.p, a.p, a.n);
    if (n > 0) memcpy(b.p + a.n, more, n);
    return b;
}

static void put_buffer(const fixture *f, const char *name, buffer b) { put(f, name, b.p, b.n); }

static void put_new(const fixture *f, const char *name, buffer b)
{
    put_buffer(f, name, b);
    free(b.p);
}

static void put_new_gz(const fixture *f, const char *name, buffer b)
{
    put_new(f, name, gz(b.p, b.n));
    free(b.p);
}

static tg_dataset *open_pair(const fixture *f, const char *x, const char *y, int classes)
{
    return tg_idx_dataset(f->tape, in_dir(f, x), in_dir(f, y), classes);
}

/* ---- checks ------------------------------------------------------------------------------------------------------ */

static void assert_error(const fixture *f, tg_status s, const char *word)
{
    if (!tg_error(f->tape)) fail_msg("no error, but '%s' was expected", word);
    if (tg_error_status(f->tape) != s || !strstr(tg_error(f->tape), word))
        fail_msg("%s with '%s' was expected, not: %s", tg_status_name(s), word, tg_error(f->tape));
    tg_clear_error(f->tape);
}

/* Images "x" are refused so, whatever the labels; nothing is left behind, neither memory nor a file descriptor. */
static void assert_refused(fixture *f, tg_status s, const char *word)
{
    size_t live = f->live;
    int    before = open("/dev/null", O_RDONLY | O_CLOEXEC), after;
    close(before);
    assert_null(open_pair(f, "x", "y", 0));
    assert_error(f, s, word);
    assert_int_equal(f->live, live);
    after = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(after);
    assert_int_equal(before, after);
}

static void assert_holds(tg_dataset *d, buffer x, buffer y)
{
    assert_non_null(d);
    assert_int_equal(tg_dataset_shape(d)->rank, 3);
    assert_int_equal(tg_dataset_size(d), (int64_t)y.n - 8);
    assert_memory_equal(tg_dataset_u8(d), x.p + 16, x.n - 16);
    for (size_t i = 0; i < y.n - 8; i++) assert_int_equal(tg_dataset_labels(d)[i], y.p[8 + i]);
}

/* ---- what is right ----------------------------------------------------------------------------------------------- */

static void test_reads(void **state)
{
    fixture *f = *state;
    buffer   x = images(41, 30, 20), y = labels(41), zx = gz(x.p, x.n), zy = gz(y.p, y.n);
    put_buffer(f, "x", x);
    put_buffer(f, "y", y);
    put_buffer(f, "x.gz", zx);
    put_buffer(f, "y.gz", zy);
    put_buffer(f, "x.not", zx); /* what a file is shows in it, not in its name */
    put_buffer(f, "y.not.gz", y);
    const char *const pairs[][2] = {{"x", "y"}, {"x.gz", "y"}, {"x", "y.gz"}, {"x.gz", "y.gz"}, {"x.not", "y.not.gz"}};
    for (size_t i = 0; i < COUNT(pairs); i++) {
        tg_dataset *d = open_pair(f, pairs[i][0], pairs[i][1], 10);
        assert_holds(d, x, y);
        assert_int_equal(tg_dataset_shape(d)->dim[1], 30);
        assert_int_equal(tg_dataset_shape(d)->dim[2], 20);
        tg_dataset_free(d);
    }
    assert_null(tg_error(f->tape));
    free(x.p), free(y.p), free(zx.p), free(zy.p);
}

/* As `cat a.gz b.gz` makes it, cut at every place of the header and at some behind. */
static void test_reads_members(void **state)
{
    fixture *f = *state;
    buffer   x = images(3, 5, 7), y = labels(3);
    put_buffer(f, "y", y);
    for (size_t cut = 0; cut <= x.n; cut += cut < 20 ? 1 : 17) {
        buffer a = gz(x.p, cut), b = gz(x.p + cut, x.n - cut), c = joined(a, b.p, b.n);
        put_new(f, "x", c);
        tg_dataset *d = open_pair(f, "x", "y", 0);
        assert_holds(d, x, y);
        tg_dataset_free(d);
        free(a.p), free(b.p);
    }
    free(x.p), free(y.p);
}

/* Element i of an array of this type, most significant byte first. */
static double element(const uint8_t *p, int type, size_t i)
{
    static const int sizes[] = {1, 1, 0, 2, 4, 4, 8};
    const int        size = sizes[type - 8];
    double           v = 0;
    if (type == 0x0d || type == 0x0e) {
        uint8_t turned[8] = {0};
        float   single;
        for (int k = 0; k < size; k++) turned[k] = p[i * (size_t)size + (size_t)(size - 1 - k)];
        memcpy(&single, turned, 4);
        memcpy(&v, turned, 8);
        return size == 4 ? (double)single : v;
    }
    for (int k = 0; k < size; k++) v = v * 256 + p[i * (size_t)size + (size_t)k];
    return type != 8 && p[i * (size_t)size] >= 128 ? v - (double)((uint64_t)1 << 8 * size) : v;
}

static bool same(double a, double b) { return a == b || (a != a && b != b); }

/* Every type of elements with 1 to 8 axes. */
static void test_reads_tensors(void **state)
{
    fixture *f = *state;
    static const struct {
        int      type, size;
        tg_dtype dtype;
    } types[] = {{0x08, 1, TG_U8}, {0x09, 1, TG_I32}, {0x0b, 2, TG_I32}, {0x0c, 4, TG_I32}, {0x0d, 4, TG_F32}, {0x0e, 8, TG_F64}};
    for (size_t k = 0; k < COUNT(types); k++) {
        for (uint32_t rank = 1; rank <= 8; rank++) {
            uint32_t size[8] = {2, 3, 1, 2, 3, 1, 2, 2}, as_bytes[8], n = 1;
            for (uint32_t j = 0; j < rank; j++) n *= as_bytes[j] = size[j];
            as_bytes[0] *= (uint32_t)types[k].size;
            buffer b = idx((int)rank, as_bytes);
            b.p[2] = (uint8_t)types[k].type;
            b.p[7] = 2; /* the first axis' size */
            put_buffer(f, "t", b);
            put_new(f, "t.idx.gz", gz(b.p, b.n));
            for (int zipped = 0; zipped < 2; zipped++) {
                tg_tensor *t = tg_idx_tensor(f->tape, in_dir(f, zipped ? "t.idx.gz" : "t"));
                if (!t) fail_msg("%s", tg_error(f->tape));
                assert_int_equal(tg_dtype_of(t), types[k].dtype);
                assert_int_equal(tg_rank(t), rank);
                for (uint32_t j = 0; j < rank; j++) assert_int_equal(tg_dim(t, (int)j), size[j]);
                tg_tensor *wide = tg_to(t, TG_F64);
                for (uint32_t i = 0; i < n; i++)
                    assert_true(same(tg_data_f64(wide)[i], element(b.p + 4 + 4 * rank, types[k].type, i)));
                tg_reset(f->tape);
            }
            free(b.p);
        }
    }
    put(f, "t", (uint8_t[]){0, 0, 0x0e, 2, 0, 0, 0, 0, 0, 0, 0, 3}, 12);
    assert_int_equal(tg_numel(tg_idx_tensor(f->tape, in_dir(f, "t"))), 0);
    assert_null(tg_idx_tensor(f->tape, in_dir(f, "none")));
    assert_error(f, TG_ERR_IO, "tg_idx_tensor: cannot open");
    assert_null(tg_idx_tensor(f->tape, NULL));
    assert_error(f, TG_ERR_NULL, "the path is NULL");
    assert_null(tg_idx_tensor(NULL, "x"));
}

/* Data sets of floats, of any number of axes; labels of each type of integers. */
static void test_reads_other_pairs(void **state)
{
    fixture *f = *state;
    put(f, "x", (uint8_t[]){0, 0, 0x0d, 2, 0, 0, 0, 2, 0, 0, 0, 1, 0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0}, 20); /* 1, -2 */
    put(f, "u8", (uint8_t[]){0, 0, 8, 1, 0, 0, 0, 2, 0, 200}, 10);
    put(f, "i8", (uint8_t[]){0, 0, 9, 1, 0, 0, 0, 2, 1, 0xff}, 10);
    put(f, "i16", (uint8_t[]){0, 0, 0x0b, 1, 0, 0, 0, 2, 1, 0, 0xff, 0xfe}, 12);
    put(f, "i32", (uint8_t[]){0, 0, 0x0c, 1, 0, 0, 0, 2, 0, 1, 0, 0, 0xff, 0xff, 0xff, 0xfd}, 16);
    static const struct {
        const char *name;
        int64_t     labels[2];
    } all[] = {{"u8", {0, 200}}, {"i8", {1, -1}}, {"i16", {256, -2}}, {"i32", {65536, -3}}};
    for (size_t i = 0; i < COUNT(all); i++) {
        tg_dataset *d = open_pair(f, "x", all[i].name, 0);
        if (!d) fail_msg("%s", tg_error(f->tape));
        assert_int_equal(tg_dataset_shape(d)->rank, 2);
        assert_null(tg_dataset_u8(d));
        assert_memory_equal(tg_dataset_labels(d), all[i].labels, sizeof all[i].labels);
        tg_loader *l = tg_loader_new(d, NULL);
        tg_tensor *x, *y;
        assert_true(tg_next(l, &x, &y));
        assert_true(tg_data_f32(x)[0] == 1 && tg_data_f32(x)[1] == -2);
        assert_null(open_pair(f, "x", all[i].name, 200));
        assert_error(f, TG_ERR_INDEX, i == 2 || i == 3 ? "label 0 is" : "label 1 is");
    }
    assert_null(open_pair(f, "x", "x", 0));
    assert_error(f, TG_ERR_FORMAT, "float32 elements where labels of integers");
    put(f, "v", (uint8_t[]){0, 0, 8, 1, 0, 0, 0, 2, 7, 8}, 10); /* samples of one number each */
    tg_dataset *d = open_pair(f, "v", "u8", 0);
    assert_non_null(d);
    assert_memory_equal(tg_dataset_u8(d), ((uint8_t[]){7, 8}), 2);
}

static void test_reads_nothing(void **state)
{
    fixture *f = *state;
    put_new(f, "x", images(0, 28, 28));
    put_new_gz(f, "y", labels(0));
    tg_dataset *d = open_pair(f, "x", "y", 10);
    assert_non_null(d);
    assert_int_equal(tg_dataset_size(d), 0);
    put_new(f, "y", labels(4));
    put_new(f, "x", images(4, 0, 28));
    d = open_pair(f, "x", "y", 10);
    assert_non_null(d);
    assert_int_equal(tg_dataset_size(d), 4);
}

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
    put(f, "x", NULL, 0);
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
    assert_error(f, TG_ERR_FORMAT, "rank 3 where rank 1 is needed");
    put_new(f, "y", labels(11));
    assert_null(open_pair(f, "x", "y", 0));
    assert_error(f, TG_ERR_FORMAT, "12 images but 11 labels");
    put_new(f, "y", labels(12));
    assert_null(open_pair(f, "x", "y", 9));
    assert_error(f, TG_ERR_INDEX, "label 9 is 9, outside 0 to 8");
    assert_null(open_pair(f, "x", "y", -1));
    assert_error(f, TG_ERR_ARG, "classes is -1");
    assert_non_null(open_pair(f, "x", "y", 10));
    buffer y = labels(12);
    y.p[8 + 11] = 255;
    put_new(f, "y", y);
    assert_null(open_pair(f, "x", "y", 255));
    assert_error(f, TG_ERR_INDEX, "label 11 is 255");
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
            assert_error(f, TG_ERR_FORMAT, "tg_idx_dataset: '");
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
    assert_error(f, TG_ERR_IO, "cannot open ''");
    assert_null(tg_idx_dataset(f->tape, NULL, "y", 0));
    assert_error(f, TG_ERR_NULL, "images is NULL");
    assert_null(tg_idx_dataset(f->tape, "x", NULL, 0));
    assert_error(f, TG_ERR_NULL, "labels is NULL");
    assert_null(tg_idx_dataset(NULL, "x", "y", 0));
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

enum { REJECT_PEAK = 64 << 10 };

static void assert_refused_cheaply(fixture *f, const char *word)
{
    f->peak = f->live;
    size_t before = f->live;
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
        size_t live = f->live;
        f->calls = 0;
        f->fail_at = k;
        tg_dataset *d = open_pair(f, x, y, 10);
        f->fail_at = 0;
        if (d) {
            tg_dataset_free(d);
            assert_int_equal(f->live, live);
            assert_true(f->calls == k - 1);
            break;
        }
        failed++;
        assert_error(f, TG_ERR_MEMORY, "out of memory");
        assert_int_equal(f->live, live);
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

/* ---- MNIST's names ----------------------------------------------------------------------------------------------- */

static tg_dataset *mnist(const fixture *f, const char *part) { return tg_mnist(f->tape, f->dir, part); }

static void test_mnist_directory(void **state)
{
    fixture *f = *state;
    put_new(f, "train-images-idx3-ubyte", images(20, 28, 28));
    assert_null(mnist(f, "train"));
    assert_error(f, TG_ERR_IO, "neither train-labels-idx1-ubyte nor train-labels-idx1-ubyte.gz is in");
    put_new_gz(f, "train-labels-idx1-ubyte.gz", labels(20));
    put_new_gz(f, "t10k-images-idx3-ubyte.gz", images(7, 28, 28));
    put_new(f, "t10k-labels-idx1-ubyte", labels(7));
    tg_dataset *train = mnist(f, "train"), *test = mnist(f, "test");
    assert_non_null(train);
    assert_non_null(test);
    assert_int_equal(tg_dataset_size(train), 20);
    assert_int_equal(tg_dataset_size(test), 7);
    put_new(f, "train-labels-idx1-ubyte", labels(19)); /* the plain one is taken where both are there */
    assert_null(mnist(f, "train"));
    assert_error(f, TG_ERR_FORMAT, "20 images but 19 labels");
    put_new(f, "train-images-idx3-ubyte", images(19, 28, 27));
    assert_null(mnist(f, "train"));
    assert_error(f, TG_ERR_FORMAT, "[19,28,27] instead of [n,28,28]");
    put_new(f, "train-images-idx3-ubyte", images(19, 28, 28));
    buffer y = labels(19);
    y.p[8] = 10;
    put_new(f, "train-labels-idx1-ubyte", y);
    assert_null(mnist(f, "train"));
    assert_error(f, TG_ERR_INDEX, "label 0 is 10, outside 0 to 9");
    put(f, "train-labels-idx1-ubyte", "", 0); /* no silent turning to the .gz */
    assert_null(mnist(f, "train"));
    assert_error(f, TG_ERR_FORMAT, "is empty");
}

/* Some programs unpack the files under names with a dot. The others come first. */
static void test_mnist_dots(void **state)
{
    fixture *f = *state;
    put_new(f, "train-images.idx3-ubyte", images(5, 28, 28));
    put_new_gz(f, "train-labels.idx1-ubyte.gz", labels(5));
    assert_int_equal(tg_dataset_size(mnist(f, "train")), 5);
    put_new_gz(f, "train-labels-idx1-ubyte.gz", labels(4));
    assert_null(mnist(f, "train"));
    assert_error(f, TG_ERR_FORMAT, "5 images but 4 labels");
    put_new(f, "train-images-idx3-ubyte", idx(4, (uint32_t[]){4, 28, 28, 1}));
    assert_null(mnist(f, "train"));
    assert_error(f, TG_ERR_FORMAT, "[4,28,28,1] instead of [n,28,28]");
    uint8_t single[4 + 4 * 3] = {0, 0, 0x0d, 3, 0, 0, 0, 0, 0, 0, 0, 28, 0, 0, 0, 28};
    put(f, "train-images-idx3-ubyte", single, sizeof single);
    assert_null(mnist(f, "train"));
    assert_error(f, TG_ERR_FORMAT, "float32 elements where images of uint8 are needed");
}

static void test_mnist_missing(void **state)
{
    fixture *f = *state;
    assert_null(mnist(f, "test"));
    assert_error(f, TG_ERR_IO, "neither t10k-images-idx3-ubyte nor t10k-images-idx3-ubyte.gz is in");
    assert_null(tg_mnist(f->tape, in_dir(f, "nowhere"), "train"));
    assert_error(f, TG_ERR_IO, "no directory");
    put(f, "file", "x", 1);
    assert_null(tg_mnist(f->tape, in_dir(f, "file"), "train"));
    assert_error(f, TG_ERR_IO, "no directory");
    char too_long[5000];
    memset(too_long, 'd', sizeof too_long - 1);
    too_long[sizeof too_long - 1] = 0;
    assert_null(tg_mnist(f->tape, too_long, "train"));
    assert_error(f, TG_ERR_IO, "too long");
    const char *const parts[] = {"", "Train", "validation", "test "};
    for (size_t i = 0; i < COUNT(parts); i++) {
        assert_null(mnist(f, parts[i]));
        assert_error(f, TG_ERR_ARG, "the parts are \"train\" and \"test\"");
    }
    assert_null(mnist(f, NULL));
    assert_error(f, TG_ERR_NULL, "part is NULL");
    assert_null(tg_mnist(f->tape, NULL, "test"));
    assert_error(f, TG_ERR_NULL, "directory is NULL");
    assert_null(tg_mnist(NULL, f->dir, "test"));
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_reads),
        TEST(test_reads_members),
        TEST(test_reads_tensors),
        TEST(test_reads_other_pairs),
        TEST(test_reads_nothing),
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
        TEST(test_mnist_directory),
        TEST(test_mnist_dots),
        TEST(test_mnist_missing),
    };
    return cmocka_run_group_tests_name("idx", tests, NULL, NULL);
}
