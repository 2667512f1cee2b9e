/* test_data.c - data sets and mini-batches: every sample once an epoch, in an order that seed and epoch fix;
 * conversion; lifetimes; memory; the drawn digits. With TAPEGRAD_DATA naming a directory with MNIST's files, those too.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <tapegrad.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* ---- helpers ----------------------------------------------------------------------------------------------------- */

static tg_tape *new_tape(tg_dtype dtype)
{
    tg_tape *t = tg_tape_new(&(tg_tape_options){.dtype = dtype, .silent = true});
    assert_non_null(t);
    return t;
}

static void assert_error(tg_tape *t, tg_status s, const char *word)
{
    if (!tg_error(t)) fail_msg("no error, but '%s' was expected", word);
    if (tg_error_status(t) != s || !strstr(tg_error(t), word))
        fail_msg("%s with '%s' was expected, not: %s", tg_status_name(s), word, tg_error(t));
    tg_clear_error(t);
}

/* n samples of two features: sample i is (i, -i), its label 3 i. */
static tg_dataset *counted(tg_tape *t, int64_t n)
{
    float   *x = malloc((size_t)n * 2 * sizeof *x + 1);
    int64_t *y = malloc((size_t)n * sizeof *y + 1);
    assert_non_null(x);
    assert_non_null(y);
    for (int64_t i = 0; i < n; i++) {
        x[2 * i] = (float)i;
        x[2 * i + 1] = (float)-i;
        y[i] = 3 * i;
    }
    tg_dataset *d = tg_array_dataset(t, TG_F32, TG_SHAPE(n, 2), x, y);
    memset(x, 0xff, (size_t)n * 2 * sizeof *x); /* the set has its own copy */
    memset(y, 0xff, (size_t)n * sizeof *y);
    free(x);
    free(y);
    assert_non_null(d);
    return d;
}

static tg_loader *loader(tg_dataset *d, tg_loader_options o)
{
    tg_loader *l = tg_loader_new(d, &o);
    assert_non_null(l);
    return l;
}

/* Runs an epoch of a counted set, checks x against y and each batch's size; which samples came, in order. Returns how
 * many. */
static int64_t epoch(tg_tape *t, tg_loader *l, int64_t batch, int64_t *order)
{
    tg_tensor *x, *y;
    int64_t    n = 0, batches = 0, size = tg_loader_size(l);
    while (tg_next(l, &x, &y)) {
        int64_t want = size - n < batch ? size - n : batch;
        assert_int_equal(tg_dim(x, 0), want);
        assert_int_equal(tg_dim(x, 1), 2);
        assert_int_equal(tg_rank(y), 1);
        assert_int_equal(tg_dim(y, 0), want);
        assert_int_equal(tg_dtype_of(y), TG_I64);
        const float   *xs = tg_data_f32(x);
        const int64_t *ys = tg_data_i64(y);
        for (int64_t i = 0; i < want; i++) {
            assert_int_equal(ys[i] % 3, 0);
            assert_true(xs[2 * i] == (float)(ys[i] / 3) && xs[2 * i + 1] == -(float)(ys[i] / 3));
            order[n++] = ys[i] / 3;
        }
        batches++;
        assert_int_equal(tg_reset(t), TG_OK);
    }
    assert_null(x);
    assert_null(y);
    assert_null(tg_error(t));
    assert_int_equal(batches, tg_loader_batches(l));
    assert_int_equal(n, size);
    return n;
}

static void assert_each_once(const int64_t *order, int64_t n, int64_t first)
{
    char *seen = calloc((size_t)n + 1, 1);
    assert_non_null(seen);
    for (int64_t i = 0; i < n; i++) {
        assert_in_range(order[i] - first, 0, n - 1);
        assert_int_equal(seen[order[i] - first]++, 0);
    }
    free(seen);
}

/* ---- data sets of arrays ----------------------------------------------------------------------------------------- */

static void test_array_dataset(void **state)
{
    (void)state;
    tg_tape      *t = new_tape(TG_F32);
    const uint8_t bytes[] = {1, 2, 3, 4, 5, 6};
    const int64_t y[] = {-5, INT64_MAX, 0};
    tg_dataset   *d = tg_array_dataset(t, TG_U8, TG_SHAPE(3, 1, 2), bytes, y);
    assert_int_equal(tg_dataset_size(d), 3);
    assert_int_equal(tg_dataset_shape(d)->rank, 3);
    assert_int_equal(tg_dataset_shape(d)->dim[2], 2);
    assert_memory_equal(tg_dataset_u8(d), bytes, sizeof bytes);
    assert_memory_equal(tg_dataset_labels(d), y, sizeof y);
    assert_null(tg_dataset_u8(counted(t, 2)));
    tg_dataset *scalars = tg_array_dataset(t, TG_U8, TG_SHAPE(3), bytes, y); /* samples without axes */
    tg_tensor  *x, *labels;
    assert_true(tg_next(loader(scalars, (tg_loader_options){.flatten = true}), &x, &labels));
    assert_int_equal(tg_rank(x), 2);
    assert_int_equal(tg_dim(x, 1), 1);
    assert_true(tg_next(loader(scalars, (tg_loader_options){.batch = 2}), &x, &labels));
    assert_int_equal(tg_rank(x), 1);
    assert_int_equal(tg_data_i64(labels)[1], INT64_MAX);
    tg_tape_free(t);
}

static void test_array_refused(void **state)
{
    (void)state;
    tg_tape      *t = new_tape(TG_F32);
    const uint8_t b[4] = {0};
    const int64_t y[4] = {0};
    assert_null(tg_array_dataset(NULL, TG_U8, TG_SHAPE(4), b, y));
    assert_null(tg_array_dataset(t, TG_U8, NULL, b, y));
    assert_error(t, TG_ERR_NULL, "shape is NULL");
    assert_null(tg_array_dataset(t, TG_U8, TG_SHAPE(4), NULL, y));
    assert_error(t, TG_ERR_NULL, "x is NULL");
    assert_null(tg_array_dataset(t, TG_U8, TG_SHAPE(4), b, NULL));
    assert_error(t, TG_ERR_NULL, "labels is NULL");
    /* four samples of nothing have labels all the same */
    assert_null(tg_array_dataset(t, TG_U8, TG_SHAPE(4, 0), NULL, NULL));
    assert_error(t, TG_ERR_NULL, "labels is NULL");
    assert_null(tg_array_dataset(t, TG_U8, TG_SCALAR_SHAPE, b, y));
    assert_error(t, TG_ERR_SHAPE, "a scalar has none");
    const tg_dtype wrong[] = {TG_F64, TG_I64, TG_I32, TG_BOOL, TG_NDTYPES};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        assert_null(tg_array_dataset(t, wrong[i], TG_SHAPE(4), b, y));
        assert_error(t, TG_ERR_DTYPE, "float32 or uint8");
    }
    const tg_shape *const shapes[] = {TG_SHAPE(-1, 2),           TG_SHAPE(2, -1),     TG_SHAPE(INT64_MAX, 2),
                                      TG_SHAPE(0, INT64_MAX, 9), &(tg_shape){9, {1}}, &(tg_shape){-1, {1}}};
    for (size_t i = 0; i < COUNT(shapes); i++) {
        assert_null(tg_array_dataset(t, TG_F32, shapes[i], b, y));
        assert_error(t, TG_ERR_SHAPE, "is not a shape");
    }
    /* no bytes, but too many labels for any memory */
    assert_null(tg_array_dataset(t, TG_U8, TG_SHAPE(INT64_MAX / 4, 0), NULL, y));
    assert_error(t, TG_ERR_MEMORY, "out of memory");
    tg_tape_free(t);
}

static void test_null(void **state)
{
    (void)state;
    tg_tensor *x, *y;
    assert_int_equal(tg_dataset_size(NULL), -1);
    assert_null(tg_dataset_shape(NULL));
    assert_null(tg_dataset_u8(NULL));
    assert_null(tg_dataset_labels(NULL));
    tg_dataset_free(NULL);
    assert_null(tg_loader_new(NULL, NULL));
    assert_false(tg_next(NULL, &x, &y));
    assert_null(x);
    assert_null(y);
    assert_int_equal(tg_loader_batches(NULL), -1);
    assert_int_equal(tg_loader_size(NULL), -1);
    assert_int_equal(tg_loader_rewind(NULL), TG_ERR_NULL);
    tg_loader_free(NULL);
    tg_tape   *t = new_tape(TG_F32);
    tg_loader *l = loader(counted(t, 3), (tg_loader_options){.batch = 2});
    assert_false(tg_next(l, NULL, &y));
    assert_error(t, TG_ERR_NULL, "x is NULL");
    assert_false(tg_next(l, &x, NULL));
    assert_error(t, TG_ERR_NULL, "y is NULL");
    assert_true(tg_next(l, &x, &y)); /* still the first batch */
    assert_int_equal(tg_data_i64(y)[0], 0);
    tg_tape_free(t);
}

/* ---- what a loader covers ---------------------------------------------------------------------------------------- */

static void test_coverage(void **state)
{
    (void)state;
    static const int64_t sizes[] = {0, 1, 2, 7, 31, 32, 33, 63, 64, 65}, batches[] = {1, 2, 7, 32, 64, 1000, INT64_MAX};
    tg_tape             *t = new_tape(TG_F32);
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (size_t j = 0; j < COUNT(batches); j++)
            for (int bits = 0; bits < 4; bits++) {
                int64_t     n = sizes[i], b = batches[j], order[65];
                bool        drop = bits & 1, mixed = bits & 2;
                tg_dataset *d = counted(t, n);
                tg_loader  *l =
                    loader(d, (tg_loader_options){.batch = b, .drop_last = drop, .shuffle = mixed, .seed = 3});
                assert_int_equal(tg_loader_batches(l), drop ? n / b : n / b + (n % b != 0));
                assert_int_equal(tg_loader_size(l), drop ? n - n % b : n);
                for (int e = 0; e < 3; e++) {
                    int64_t got = epoch(t, l, b, order);
                    if (got == n) assert_each_once(order, n, 0);
                    for (int64_t k = 0; k < got && !mixed; k++) assert_int_equal(order[k], k);
                }
                tg_loader_free(l);
                tg_dataset_free(d);
            }
    tg_tape_free(t);
}

static void test_parts(void **state)
{
    (void)state;
    static const struct {
        int64_t first, count, size;
    } parts[] = {{0, 0, 50}, {0, 40, 40}, {40, 0, 10}, {40, 10, 10}, {49, 1, 1}, {50, 0, 0}, {13, 21, 21}};
    tg_tape    *t = new_tape(TG_F32);
    tg_dataset *d = counted(t, 50);
    for (size_t i = 0; i < 2 * COUNT(parts); i++) {
        int64_t    order[50], first = parts[i / 2].first;
        tg_loader *l =
            loader(d, (tg_loader_options){.batch = 8, .shuffle = i % 2, .first = first, .count = parts[i / 2].count});
        assert_int_equal(tg_loader_size(l), parts[i / 2].size);
        assert_each_once(order, epoch(t, l, 8, order), first);
    }
    tg_tape_free(t);
}

static void test_refused_options(void **state)
{
    (void)state;
    tg_tape    *t = new_tape(TG_F32);
    tg_dataset *d = counted(t, 10);
    static const struct {
        tg_loader_options o;
        const char       *word;
    } cases[] = {
        {{.batch = -1}, "batch is -1"},
        {{.batch = INT64_MIN}, "batch is -9223372036854775808"},
        {{.first = -1}, "first -1"},
        {{.first = 11}, "outside the data set of 10"},
        {{.first = INT64_MAX}, "outside the data set"},
        {{.count = -1}, "count -1"},
        {{.count = 11}, "count 11"},
        {{.first = 5, .count = 6}, "outside the data set"},
        {{.first = 10, .count = 1}, "outside the data set"},
        {{.first = 1, .count = INT64_MAX}, "outside the data set"},
        {{.scale = NAN}, "scale is not finite"},
        {{.scale = INFINITY}, "scale is not finite"},
        {{.shift = NAN}, "shift is not finite"},
        {{.shift = -INFINITY}, "shift is not finite"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_null(tg_loader_new(d, &cases[i].o));
        assert_error(t, TG_ERR_ARG, cases[i].word);
    }
    tg_loader *usual = tg_loader_new(d, NULL);
    assert_non_null(usual);
    assert_int_equal(tg_loader_batches(usual), 1); /* of 32 */
    tg_tape_free(t);
}

/* ---- order ------------------------------------------------------------------------------------------------------- */

enum { MANY = 1000 };

static void test_order_of_seed_and_epoch(void **state)
{
    (void)state;
    tg_tape    *t = new_tape(TG_F32);
    tg_dataset *d = counted(t, MANY);
    int64_t     a[4][MANY], b[4][MANY];
    tg_loader  *first = loader(d, (tg_loader_options){.batch = 64, .shuffle = true, .seed = 5});
    for (int e = 0; e < 4; e++) epoch(t, first, 64, a[e]);
    /* another batch size, another time, a tape with another history: the same order */
    tg_tape   *t2 = new_tape(TG_F32);
    tg_loader *second = loader(counted(t2, MANY), (tg_loader_options){.batch = 7, .shuffle = true, .seed = 5});
    for (int e = 0; e < 4; e++) epoch(t2, second, 7, b[e]);
    assert_memory_equal(a, b, sizeof a);
    int fixed = 0;
    for (int e = 0; e < 4; e++) {
        assert_each_once(a[e], MANY, 0);
        for (int i = 0; i < MANY; i++) fixed += a[e][i] == i;
        for (int f = 0; f < e; f++) assert_memory_not_equal(a[e], a[f], sizeof a[e]);
    }
    assert_in_range(fixed, 0, 20); /* points a permutation leaves in place: one on average */
    tg_loader *other = loader(d, (tg_loader_options){.batch = 64, .shuffle = true, .seed = 6});
    epoch(t, other, 64, b[0]);
    for (int e = 0; e < 4; e++) assert_memory_not_equal(a[e], b[0], sizeof b[0]);
    tg_tape_free(t);
    tg_tape_free(t2);
}

/* All 24 orders of 4 samples come equally often: each of 24,000 epochs is one of them, 1000 ± 31 expected. */
static void test_orders_are_equally_likely(void **state)
{
    (void)state;
    tg_tape   *t = new_tape(TG_F32);
    tg_loader *l = loader(counted(t, 4), (tg_loader_options){.batch = 4, .shuffle = true, .seed = 1});
    int        seen[256] = {0}, kinds = 0;
    for (int e = 0; e < 24000; e++) {
        int64_t o[4];
        epoch(t, l, 4, o);
        seen[o[0] << 6 | o[1] << 4 | o[2] << 2 | o[3]]++;
    }
    for (int i = 0; i < 256; i++) {
        if (!seen[i]) continue;
        kinds++;
        assert_in_range(seen[i], 845, 1155);
    }
    assert_int_equal(kinds, 24);
    tg_tape_free(t);
}

static void test_rewind(void **state)
{
    (void)state;
    tg_tape   *t = new_tape(TG_F32);
    tg_loader *l = loader(counted(t, 40), (tg_loader_options){.batch = 16});
    tg_tensor *x, *y;
    for (int taken = 0; taken < 4; taken++) {
        for (int i = 0; i < taken; i++) assert_true(tg_next(l, &x, &y));
        assert_int_equal(tg_loader_rewind(l), TG_OK);
        assert_true(tg_next(l, &x, &y));
        assert_int_equal(tg_dim(y, 0), 16);
        assert_int_equal(tg_data_i64(y)[0], 0);
        assert_int_equal(tg_loader_rewind(l), TG_OK);
    }
    /* a rewound epoch is given up, an untouched one is not; at the end of one there is nothing to give up */
    int64_t    plain[3][40], rewound[40];
    tg_loader *a = loader(counted(t, 40), (tg_loader_options){.batch = 16, .shuffle = true});
    tg_loader *b = loader(counted(t, 40), (tg_loader_options){.batch = 16, .shuffle = true});
    for (int e = 0; e < 3; e++) epoch(t, a, 16, plain[e]);
    tg_loader_rewind(b);
    epoch(t, b, 16, rewound);
    assert_memory_equal(rewound, plain[0], sizeof rewound);
    tg_loader_rewind(b);
    assert_true(tg_next(b, &x, &y));
    tg_loader_rewind(b);
    epoch(t, b, 16, rewound);
    assert_memory_equal(rewound, plain[2], sizeof rewound);
    tg_tape_free(t);
}

/* ---- conversion -------------------------------------------------------------------------------------------------- */

static tg_dataset *all_bytes(tg_tape *t)
{
    uint8_t bytes[256];
    int64_t labels[4] = {0, 1, 2, 3};
    for (int i = 0; i < 256; i++) bytes[i] = (uint8_t)i;
    tg_dataset *d = tg_array_dataset(t, TG_U8, TG_SHAPE(4, 8, 8), bytes, labels);
    assert_non_null(d);
    return d;
}

static void test_bytes_to_floats(void **state)
{
    (void)state;
    tg_tape   *t = new_tape(TG_F32), *t64 = new_tape(TG_F64);
    tg_tensor *x, *y;
    assert_true(tg_next(loader(all_bytes(t), (tg_loader_options){0}), &x, &y));
    assert_int_equal(tg_rank(x), 3);
    assert_int_equal(tg_dim(x, 0), 4);
    assert_int_equal(tg_dim(x, 1), 8);
    assert_int_equal(tg_dtype_of(x), TG_F32);
    for (int i = 0; i < 256; i++) assert_true(fabsf(tg_data_f32(x)[i] - (float)i / 255) <= 0x1p-24f);
    assert_true(tg_data_f32(x)[0] == 0 && tg_data_f32(x)[255] == 1);

    tg_loader_options o = {.flatten = true, .scale = 2.0 / 255, .shift = -1};
    assert_true(tg_next(loader(all_bytes(t64), o), &x, &y));
    assert_int_equal(tg_rank(x), 2);
    assert_int_equal(tg_dim(x, 0), 4);
    assert_int_equal(tg_dim(x, 1), 64);
    assert_int_equal(tg_dtype_of(x), TG_F64);
    for (int i = 0; i < 256; i++) assert_true(fabs(tg_data_f64(x)[i] - (2.0 * i / 255 - 1)) <= 0x1p-52);
    assert_true(tg_next(loader(all_bytes(t64), (tg_loader_options){.scale = 1}), &x, &y));
    for (int i = 0; i < 256; i++) assert_true(tg_data_f64(x)[i] == i);
    tg_tape_free(t);
    tg_tape_free(t64);
}

static void test_floats_to_floats(void **state)
{
    (void)state;
    tg_tape    *t64 = new_tape(TG_F64), *t = new_tape(TG_F32);
    const float v[] = {0, -1.5f, 0x1.fffffep127f, 0x1p-149f};
    tg_tensor  *x, *y;
    assert_true(tg_next(
        loader(tg_array_dataset(t64, TG_F32, TG_SHAPE(2, 2), v, (int64_t[]){8, 9}), (tg_loader_options){0}), &x, &y));
    for (int i = 0; i < 4; i++) assert_true(tg_data_f64(x)[i] == (double)v[i]);
    assert_true(tg_next(
        loader(tg_array_dataset(t, TG_F32, TG_SHAPE(2, 2), v, (int64_t[]){8, 9}), (tg_loader_options){0}), &x, &y));
    assert_memory_equal(tg_data_f32(x), v, sizeof v);
    assert_true(tg_next(loader(counted(t, 3), (tg_loader_options){.scale = -2, .shift = 0.5}), &x, &y));
    assert_true(tg_data_f32(x)[4] == -3.5f && tg_data_f32(x)[5] == 4.5f);
    tg_tape_free(t);
    tg_tape_free(t64);
}

/* Images without pixels are batches without elements, and labels all the same. */
static void test_no_features(void **state)
{
    (void)state;
    tg_tape    *t = new_tape(TG_F32);
    tg_tensor  *x, *y;
    tg_dataset *d = tg_array_dataset(t, TG_U8, TG_SHAPE(3, 0, 5), NULL, (int64_t[]){7, 8, 9});
    assert_non_null(d);
    assert_true(tg_next(loader(d, (tg_loader_options){.batch = 2, .first = 1, .flatten = true}), &x, &y));
    assert_int_equal(tg_numel(x), 0);
    assert_int_equal(tg_dim(x, 0), 2);
    assert_int_equal(tg_data_i64(y)[1], 9);
    tg_tape_free(t);
}

/* ---- lifetimes and memory ---------------------------------------------------------------------------------------- */

static void test_lifetimes(void **state)
{
    (void)state;
    tg_tape    *t = new_tape(TG_F32);
    int64_t     order[40];
    tg_dataset *d = counted(t, 40);
    tg_loader  *a = loader(d, (tg_loader_options){.batch = 16, .shuffle = true}),
              *b = loader(d, (tg_loader_options){.batch = 16});
    tg_dataset_free(d); /* before its loaders: they keep it */
    assert_each_once(order, epoch(t, a, 16, order), 0);
    tg_dataset_free(d);
    assert_error(t, TG_ERR_STALE, "freed before");
    assert_null(tg_loader_new(d, NULL));
    assert_error(t, TG_ERR_STALE, "was freed");
    tg_loader_free(a);
    assert_each_once(order, epoch(t, b, 16, order), 0);
    tg_loader_free(b);
    tg_dataset_free(counted(t, 5));
    tg_loader_free(loader(counted(t, 5), (tg_loader_options){0}));
    d = counted(t, 9); /* left to the tape, in each order of making */
    tg_loader *c = loader(d, (tg_loader_options){.shuffle = true});
    loader(counted(t, 9), (tg_loader_options){0});
    tg_dataset_free(d);
    epoch(t, c, 32, order);
    tg_tape_free(t); /* what is left over is the leak checkers' to find */
}

static void test_no_allocation_in_the_steady_state(void **state)
{
    (void)state;
    tg_tape   *t = new_tape(TG_F32);
    tg_loader *l =
        loader(tg_synthetic_digits(t, 500, 1), (tg_loader_options){.batch = 64, .shuffle = true, .flatten = true});
    tg_tensor *x, *y;
    int64_t    calls = 0;
    for (int e = 0; e < 12; e++) {
        if (e == 2) calls = tg_stats(t).allocations;
        while (tg_next(l, &x, &y)) assert_int_equal(tg_reset(t), TG_OK);
        assert_int_equal(tg_reset(t), TG_OK);
    }
    assert_null(tg_error(t));
    assert_int_equal(tg_stats(t).allocations, calls);
    tg_tape_free(t);
}

enum { MOST = 1 << 30 }; /* bytes: an allocation above fails at once, under sanitizers too */

typedef struct failing {
    long   calls, fail_at; /* fail_at 0: none */
    size_t live;
} failing;

static void *resize(void *ctx, void *p, size_t old_size, size_t size)
{
    failing *f = ctx;
    if (size == 0) {
        free(p);
        f->live -= old_size;
        return NULL;
    }
    if (++f->calls == f->fail_at || size > MOST) return NULL;
    void *q = realloc(p, size);
    if (q) f->live += size - old_size;
    return q;
}

/* One use of everything, tried again from the start after each failure. True when all went well. */
static bool use(tg_tape *t)
{
    float       v[64] = {0};
    int64_t     labels[64] = {0}, n = 0;
    tg_tensor  *x, *y;
    tg_dataset *a = tg_array_dataset(t, TG_F32, TG_SHAPE(64), v, labels), *d = tg_synthetic_digits(t, 64, 1);
    tg_loader  *l = tg_loader_new(d, &(tg_loader_options){.batch = 24, .shuffle = true});
    while (l && tg_next(l, &x, &y)) n += tg_numel(y); /* 24 images of f32 are more than small values */
    bool good = a && l && n == 64;
    assert_true(good == !tg_error(t));
    if (!good) assert_error(t, TG_ERR_MEMORY, "out of memory");
    tg_loader_free(l);
    tg_dataset_free(d);
    tg_dataset_free(a);
    assert_int_equal(tg_reset(t), TG_OK);
    return good;
}

static void test_allocations_fail(void **state)
{
    (void)state;
    long failures = 0;
    for (long k = 1;; k++) {
        failing  f = {0};
        tg_tape *t = tg_tape_new(&(tg_tape_options){.silent = true, .allocator = {resize, &f}});
        assert_non_null(t);
        f.calls = 0;
        f.fail_at = k;
        bool good = use(t);
        f.fail_at = 0;
        assert_true(use(t)); /* the tape is usable afterwards */
        tg_tape_free(t);
        assert_int_equal(f.live, 0);
        if (good) break;
        failures++;
    }
    assert_true(failures >= 8); /* 3 for each data set, 2 for the loader, and the tape's for the batches */
}

/* A batch that could not be made is the next batch once there is memory again. */
static void test_failed_batch_is_not_lost(void **state)
{
    (void)state;
    failing        f = {0};
    tg_tape       *t = tg_tape_new(&(tg_tape_options){.silent = true, .allocator = {resize, &f}});
    tg_loader     *l = loader(tg_synthetic_digits(t, 96, 1), (tg_loader_options){.batch = 32});
    tg_tensor     *x, *y;
    const int64_t *labels = tg_dataset_labels(tg_synthetic_digits(t, 96, 1));
    for (int k = 0; k < 3; k++) {
        f.fail_at = f.calls + 1;
        bool got = tg_next(l, &x, &y);
        f.fail_at = 0;
        if (!got) {
            assert_error(t, TG_ERR_MEMORY, "out of memory");
            assert_null(x);
            assert_true(tg_next(l, &x, &y));
        }
        assert_memory_equal(tg_data_i64(y), labels + (ptrdiff_t)32 * k, 32 * sizeof *labels);
    }
    assert_false(tg_next(l, &x, &y));
    assert_null(tg_error(t));
    tg_tape_free(t);
}

/* ---- drawn digits ------------------------------------------------------------------------------------------------ */

enum { PIXELS = 28 * 28 };
#define DIGITS_SUM 0x105b4b7788e8f91cu /* of the 300 digits of seed 7 */

static uint64_t fnv1a(const void *p, size_t n)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++) h = (h ^ ((const uint8_t *)p)[i]) * 0x100000001b3u;
    return h;
}

static void test_digits_of_a_seed(void **state)
{
    (void)state;
    tg_tape    *t = new_tape(TG_F32);
    tg_dataset *a = tg_synthetic_digits(t, 300, 7), *b = tg_synthetic_digits(t, 300, 7),
               *c = tg_synthetic_digits(t, 300, 8);
    tg_dataset *fewer = tg_synthetic_digits(t, 100, 7);
    assert_int_equal(tg_dataset_shape(a)->rank, 3);
    assert_int_equal(tg_dataset_shape(a)->dim[0], 300);
    assert_int_equal(tg_dataset_shape(a)->dim[1], 28);
    assert_int_equal(tg_dataset_shape(a)->dim[2], 28);
    assert_memory_equal(tg_dataset_u8(a), tg_dataset_u8(b), 300 * PIXELS);
    assert_memory_equal(tg_dataset_labels(a), tg_dataset_labels(b), 300 * sizeof(int64_t));
    assert_memory_equal(tg_dataset_u8(a), tg_dataset_u8(fewer), 100 * PIXELS);
    assert_memory_not_equal(tg_dataset_u8(a), tg_dataset_u8(c), 300 * PIXELS);
    assert_memory_not_equal(tg_dataset_labels(a), tg_dataset_labels(c), 300 * sizeof(int64_t));
    for (int i = 1; i < 300; i++) /* no two alike */
        assert_memory_not_equal(tg_dataset_u8(a), tg_dataset_u8(a) + (ptrdiff_t)PIXELS * i, PIXELS);
    /* the same in every compiler, optimization and year */
    uint64_t sum = fnv1a(tg_dataset_u8(a), 300 * PIXELS);
    if (sum != DIGITS_SUM)
        fail_msg("the digits of seed 7 have changed: their sum is 0x%016llx", (unsigned long long)sum);
    tg_tape_free(t);
}

static void test_digits_number(void **state)
{
    (void)state;
    failing  f = {0};
    tg_tape *t = tg_tape_new(&(tg_tape_options){.silent = true, .allocator = {resize, &f}});
    assert_int_equal(tg_dataset_size(tg_synthetic_digits(t, 0, 1)), 0);
    const int64_t wrong[] = {-1, INT64_MIN, INT64_MAX, INT64_MAX / PIXELS + 1};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        assert_null(tg_synthetic_digits(t, wrong[i], 1));
        assert_error(t, TG_ERR_ARG, "is not a number of digits");
    }
    assert_null(tg_synthetic_digits(t, INT64_MAX / PIXELS, 1));
    assert_error(t, TG_ERR_MEMORY, "out of memory");
    assert_null(tg_synthetic_digits(NULL, 5, 1));
    tg_tape_free(t);
}

/* Ink is on the image and not at its rim, every class comes, and the task is neither trivial nor hopeless: the nearest
 * of the ten mean images names clearly more than half of new digits, and clearly not all. */
static void test_digits_as_a_task(void **state)
{
    (void)state;
    enum { TRAIN = 4000, TEST = 2000 };
    tg_tape       *t = new_tape(TG_F32);
    tg_dataset    *train = tg_synthetic_digits(t, TRAIN, 1), *test = tg_synthetic_digits(t, TEST, 2);
    static double  mean[10][PIXELS];
    int            count[10] = {0}, right = 0;
    double         ink = 0, rim = 0;
    const uint8_t *x = tg_dataset_u8(train);
    memset(mean, 0, sizeof mean);
    for (int i = 0; i < TRAIN; i++, x += PIXELS) {
        int64_t label = tg_dataset_labels(train)[i];
        assert_in_range(label, 0, 9);
        count[label]++;
        int strongest = 0;
        for (int k = 0; k < PIXELS; k++) {
            mean[label][k] += x[k];
            ink += x[k];
            if (k / 28 == 0 || k / 28 == 27 || k % 28 == 0 || k % 28 == 27) rim += x[k];
            if (x[k] > strongest) strongest = x[k];
        }
        assert_in_range(strongest, 140, 255);
    }
    for (int c = 0; c < 10; c++) {
        assert_in_range(count[c], 300, 500);
        for (int k = 0; k < PIXELS; k++) mean[c][k] /= count[c];
    }
    assert_true(ink / TRAIN / PIXELS > 20 && ink / TRAIN / PIXELS < 45);
    assert_true(rim < 0.05 * ink);
    x = tg_dataset_u8(test);
    for (int i = 0; i < TEST; i++, x += PIXELS) {
        double nearest = INFINITY;
        int    named = -1;
        for (int c = 0; c < 10; c++) {
            double d = 0;
            for (int k = 0; k < PIXELS; k++) d += (x[k] - mean[c][k]) * (x[k] - mean[c][k]);
            if (d < nearest) nearest = d, named = c;
        }
        right += named == tg_dataset_labels(test)[i];
    }
    print_message("nearest mean: %.1f %% right\n", 100.0 * right / TEST);
    assert_in_range(right, TEST * 55 / 100, TEST * 90 / 100);
    tg_tape_free(t);
}

/* ---- the real one ------------------------------------------------------------------------------------------------ */

static void test_mnist(void **state)
{
    (void)state;
    const char *directory = getenv("TAPEGRAD_DATA");
    if (!directory || !*directory) skip();
    static const struct {
        const char *part;
        int64_t     n, count[10];
        uint64_t    ink; /* sum of all pixels */
    } parts[] = {{"train", 60000, {5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949}, 1567298545},
                 {"test", 10000, {980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009}, 264923200}};
    tg_tape *t = new_tape(TG_F32);
    for (size_t p = 0; p < COUNT(parts); p++) {
        tg_dataset *d = tg_mnist(t, directory, parts[p].part);
        if (!d) fail_msg("%s", tg_error(t));
        assert_int_equal(tg_dataset_size(d), parts[p].n);
        int64_t  count[10] = {0};
        uint64_t ink = 0;
        for (int64_t i = 0; i < parts[p].n; i++) count[tg_dataset_labels(d)[i]]++;
        for (int64_t i = 0; i < parts[p].n * PIXELS; i++) ink += tg_dataset_u8(d)[i];
        assert_memory_equal(count, parts[p].count, sizeof count);
        assert_int_equal(ink, parts[p].ink);
    }
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_array_dataset),
        cmocka_unit_test(test_array_refused),
        cmocka_unit_test(test_null),
        cmocka_unit_test(test_coverage),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_refused_options),
        cmocka_unit_test(test_order_of_seed_and_epoch),
        cmocka_unit_test(test_orders_are_equally_likely),
        cmocka_unit_test(test_rewind),
        cmocka_unit_test(test_bytes_to_floats),
        cmocka_unit_test(test_floats_to_floats),
        cmocka_unit_test(test_no_features),
        cmocka_unit_test(test_lifetimes),
        cmocka_unit_test(test_no_allocation_in_the_steady_state),
        cmocka_unit_test(test_allocations_fail),
        cmocka_unit_test(test_failed_batch_is_not_lost),
        cmocka_unit_test(test_digits_of_a_seed),
        cmocka_unit_test(test_digits_number),
        cmocka_unit_test(test_digits_as_a_task),
        cmocka_unit_test(test_mnist),
    };
    return cmocka_run_group_tests_name("data", tests, NULL, NULL);
}
