/* test_idx.c - IDX files as they come: plain, gzip, several members, every element type, MNIST's four under their names. */
#define _GNU_SOURCE

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <tapegrad.h>

#include "file_fixture.h"
#include "idx_test.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

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
            uint32_t size[8] = {2, 3, 1, 2, 3, 1, 2, 2}, as_bytes[8] = {0}, n = 1;
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
    expect_error(f->tape, TG_ERR_IO, "tg_idx_tensor: cannot open");
    assert_null(tg_idx_tensor(f->tape, NULL));
    expect_error(f->tape, TG_ERR_NULL, "the path is NULL");
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
        expect_error(f->tape, TG_ERR_INDEX, i == 2 || i == 3 ? "label 0 is" : "label 1 is");
    }
    assert_null(open_pair(f, "x", "x", 0));
    expect_error(f->tape, TG_ERR_FORMAT, "float32 elements where labels of integers");
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

/* ---- MNIST's names ----------------------------------------------------------------------------------------------- */

static tg_dataset *mnist(const fixture *f, const char *part) { return tg_mnist(f->tape, f->dir, part); }

static void test_mnist_directory(void **state)
{
    fixture *f = *state;
    put_new(f, "train-images-idx3-ubyte", images(20, 28, 28));
    assert_null(mnist(f, "train"));
    expect_error(f->tape, TG_ERR_IO, "neither train-labels-idx1-ubyte nor train-labels-idx1-ubyte.gz is in");
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
    expect_error(f->tape, TG_ERR_FORMAT, "20 images but 19 labels");
    put_new(f, "train-images-idx3-ubyte", images(19, 28, 27));
    assert_null(mnist(f, "train"));
    expect_error(f->tape, TG_ERR_FORMAT, "[19,28,27] instead of [n,28,28]");
    put_new(f, "train-images-idx3-ubyte", images(19, 28, 28));
    buffer y = labels(19);
    y.p[8] = 10;
    put_new(f, "train-labels-idx1-ubyte", y);
    assert_null(mnist(f, "train"));
    expect_error(f->tape, TG_ERR_INDEX, "label 0 is 10, outside 0 to 9");
    put(f, "train-labels-idx1-ubyte", "", 0); /* no silent turning to the .gz */
    assert_null(mnist(f, "train"));
    expect_error(f->tape, TG_ERR_FORMAT, "is empty");
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
    expect_error(f->tape, TG_ERR_FORMAT, "5 images but 4 labels");
    put_new(f, "train-images-idx3-ubyte", idx(4, (uint32_t[]){4, 28, 28, 1}));
    assert_null(mnist(f, "train"));
    expect_error(f->tape, TG_ERR_FORMAT, "[4,28,28,1] instead of [n,28,28]");
    uint8_t single[4 + 4 * 3] = {0, 0, 0x0d, 3, 0, 0, 0, 0, 0, 0, 0, 28, 0, 0, 0, 28};
    put(f, "train-images-idx3-ubyte", single, sizeof single);
    assert_null(mnist(f, "train"));
    expect_error(f->tape, TG_ERR_FORMAT, "float32 elements where images of uint8 are needed");
}

static void test_mnist_missing(void **state)
{
    fixture *f = *state;
    assert_null(mnist(f, "test"));
    expect_error(f->tape, TG_ERR_IO, "neither t10k-images-idx3-ubyte nor t10k-images-idx3-ubyte.gz is in");
    assert_null(tg_mnist(f->tape, in_dir(f, "nowhere"), "train"));
    expect_error(f->tape, TG_ERR_IO, "no directory");
    put(f, "file", "x", 1);
    assert_null(tg_mnist(f->tape, in_dir(f, "file"), "train"));
    expect_error(f->tape, TG_ERR_IO, "no directory");
    char too_long[5000];
    memset(too_long, 'd', sizeof too_long - 1);
    too_long[sizeof too_long - 1] = 0;
    assert_null(tg_mnist(f->tape, too_long, "train"));
    expect_error(f->tape, TG_ERR_IO, "too long");
    const char *const parts[] = {"", "Train", "validation", "test "};
    for (size_t i = 0; i < COUNT(parts); i++) {
        assert_null(mnist(f, parts[i]));
        expect_error(f->tape, TG_ERR_ARG, "the parts are \"train\" and \"test\"");
    }
    assert_null(mnist(f, NULL));
    expect_error(f->tape, TG_ERR_NULL, "part is NULL");
    assert_null(tg_mnist(f->tape, NULL, "test"));
    expect_error(f->tape, TG_ERR_NULL, "directory is NULL");
    assert_null(tg_mnist(NULL, f->dir, "test"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_reads),
        TEST(test_reads_members),
        TEST(test_reads_tensors),
        TEST(test_reads_other_pairs),
        TEST(test_reads_nothing),
        TEST(test_mnist_directory),
        TEST(test_mnist_dots),
        TEST(test_mnist_missing),
    };
    return cmocka_run_group_tests_name("idx", tests, NULL, NULL);
}
