/* test_batches.c - what loaders can do besides shuffling: samples drawn by weights, blocks, workers, sequences in buckets, mix-up, and going on in
 * the middle of an epoch. */
#include <fenv.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <tapegrad.h>

#include "quiet.h"
#include "loader_test.h"
#include "sequences_test.h"
#include "graph/stateful.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* ---- drawn samples ------------------------------------------------------------------------------------------------- */

static void test_weights(void **state)
{
    (void)state;
    enum { N = 5, DRAWN = 100000 };
    static const double weights[N] = {0, 1, 2.5, 0, 1.5};
    tg_tape            *t = quiet(TG_F32);
    tg_dataset         *d = counted(t, N);
    int64_t            *order = malloc(DRAWN * sizeof *order), seen[N] = {0}, again[8];
    tg_loader          *l = loader(d, (tg_loader_options){.batch = 999, .weights = weights, .samples = DRAWN, .seed = 2});
    assert_int_equal(epoch(t, l, 999, order), DRAWN);
    for (int i = 0; i < DRAWN; i++) seen[order[i]]++;
    for (int k = 0; k < N; k++) {
        const double p = weights[k] / 5, deviation = sqrt(DRAWN * p * (1 - p));
        assert_true(fabs((double)seen[k] - DRAWN * p) <= 5 * deviation);
    }
    tg_loader *few = loader(d, (tg_loader_options){.weights = weights, .seed = 2}); /* as many as there are samples; the same draws */
    assert_int_equal(epoch(t, few, 32, again), N);
    assert_memory_equal(again, order, N * sizeof *again);
    epoch(t, l, 999, order);
    assert_memory_not_equal(again, order, N * sizeof *again);
    free(order);
    tg_tape_free(t);
}

static void test_balanced(void **state)
{
    (void)state;
    enum { N = 1000, DRAWN = 30000 };
    int64_t  labels[N], seen[3] = {0};
    float    x[N] = {0};
    tg_tape *t = quiet(TG_F32);
    for (int i = 0; i < N; i++) labels[i] = i < 10 ? 0 : i < 200 ? 1 : 2;
    tg_loader *l = loader(tg_array_dataset(t, TG_F32, TG_SHAPE(N), x, labels), (tg_loader_options){.balanced = true, .samples = DRAWN, .batch = 100});
    tg_tensor *xs, *ys;
    while (tg_next(l, &xs, &ys)) {
        for (int i = 0; i < 100; i++) seen[tg_data_i64(ys)[i]]++;
        tg_reset(t);
    }
    for (int c = 0; c < 3; c++) assert_in_range(seen[c], DRAWN / 3 - 420, DRAWN / 3 + 420); /* five deviations */
    tg_tape_free(t);
}

/* ---- blocks, workers ----------------------------------------------------------------------------------------------- */

static void test_blocks(void **state)
{
    (void)state;
    enum { N = 107, BLOCK = 10 };
    tg_tape   *t = quiet(TG_F32);
    tg_loader *l = loader(counted(t, N), (tg_loader_options){.shuffle = true, .block = BLOCK, .batch = 16, .seed = 8});
    int64_t    order[2][N];
    for (int e = 0; e < 2; e++) {
        bool seen[N / BLOCK + 1] = {false};
        int  moved = 0;
        assert_int_equal(epoch(t, l, 16, order[e]), N);
        assert_each_once(order[e], N, 0);
        for (int i = 0; i < N;) {
            const int64_t block = order[e][i] / BLOCK, n = N - block * BLOCK < BLOCK ? N - block * BLOCK : BLOCK;
            assert_false(seen[block]);
            seen[block] = true;
            for (int64_t k = 0; k < n; k++, i++) {
                assert_int_equal(order[e][i] / BLOCK, block);
                moved += order[e][i] != block * BLOCK + k;
            }
        }
        assert_in_range(moved, N / 2, N);
        int alike = 0; /* and no block like another */
        for (int k = BLOCK; k + BLOCK <= N; k++) alike += order[e][k] % BLOCK == order[e][k - BLOCK] % BLOCK;
        assert_in_range(alike, 0, N / 3);
    }
    assert_memory_not_equal(order[0], order[1], sizeof order[0]);
    tg_tape_free(t);
}

/* Workers share out the order that one worker would have. */
static void test_workers(void **state)
{
    (void)state;
    static const int64_t sizes[] = {1, 2, 5, 12, 13, 29, 30};
    tg_tape             *t = quiet(TG_F32);
    for (size_t k = 0; k < COUNT(sizes); k++)
        for (int bits = 0; bits < 4; bits++)
            for (int64_t of = 2; of < 8; of += 3) {
                const bool    drop = bits & 1, shuffle = bits & 2;
                const int64_t n = sizes[k], each = drop ? n / of : (n + of - 1) / of;
                int64_t       whole[32], part[32];
                tg_dataset   *d = counted(t, n);
                epoch(t, loader(d, (tg_loader_options){.shuffle = shuffle, .seed = 4}), 32, whole);
                for (int64_t rank = 0; rank < of; rank++) {
                    tg_loader *l =
                        loader(d, (tg_loader_options){.shuffle = shuffle, .seed = 4, .rank = rank, .of = of, .batch = 1, .drop_last = drop});
                    assert_int_equal(epoch(t, l, 1, part), each);
                    for (int64_t i = 0; i < each; i++) assert_int_equal(part[i], whole[(rank + i * of) % n]);
                }
            }
    tg_tape_free(t);
}

/* ---- sequences ----------------------------------------------------------------------------------------------------- */

static void test_sequences(void **state)
{
    (void)state;
    tg_tape    *t = quiet(TG_F32);
    tg_dataset *list[] = {stairs(t, 40, false), stairs(t, 40, true)};
    for (int by_row = 0; by_row < 2; by_row++) {
        int64_t unsorted = 0;
        for (int buckets = 0; buckets < 8; buckets += 7) {
            tg_loader *l = loader(list[by_row], (tg_loader_options){.batch = 6, .shuffle = true, .buckets = buckets, .pad = -1.5, .seed = 3});
            tg_batch   b;
            bool       seen[40] = {false};
            int64_t    padding = 0, batches = 0;
            while (tg_next_batch(l, &b)) {
                padding += check_stairs(&b, by_row, -1.5, seen);
                batches++;
                tg_reset(t);
            }
            assert_null(tg_error(t));
            assert_int_equal(batches, 7);
            for (int i = 0; i < 40; i++) assert_true(seen[i]);
            if (buckets) assert_true(2 * padding < unsorted);
            else unsorted = padding;
        }
    }
    tg_dataset *both = tg_dataset_concat((tg_dataset *[]){tg_dataset_range(list[0], 0, 3), tg_dataset_subset(list[0], (int64_t[]){33, 0}, 2)}, 2);
    tg_tensor  *x, *y;
    assert_true(tg_next(loader(both, (tg_loader_options){0}), &x, &y));
    assert_int_equal(tg_dim(x, 0), 5);
    assert_int_equal(tg_dim(x, 1), stair(33));
    assert_int_equal(tg_dataset_get(both, 3, &x, &y), TG_OK);
    assert_int_equal(tg_dim(x, 0), stair(33));
    tg_tape_free(t);
}

static void test_sequences_refused(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F32), *t2 = quiet(TG_F32);
    tg_tensor *x = tg_ones(t, TG_SHAPE(5, 2)), *y = tg_ones(t, TG_SHAPE(2)), *n = tg_from_i64(t, TG_SHAPE(2), (int64_t[]){2, 3});
    assert_null(tg_sequence_dataset(x, tg_from_i64(t, TG_SHAPE(2), (int64_t[]){2, 2}), NULL, false));
    expect_error(t, TG_ERR_ARG, "tg_sequence_dataset: the lengths add up to 4, and x has 5 rows");
    assert_null(tg_sequence_dataset(x, tg_from_i64(t, TG_SHAPE(2), (int64_t[]){2, 4}), NULL, false));
    expect_error(t, TG_ERR_ARG, "length 1 is 4, and x has 3 rows left");
    assert_null(tg_sequence_dataset(x, tg_from_i64(t, TG_SHAPE(2), (int64_t[]){-1, 6}), NULL, false));
    expect_error(t, TG_ERR_ARG, "length 0 is -1");
    assert_null(tg_sequence_dataset(x, tg_from_i64(t, TG_SHAPE(2), (int64_t[]){5, INT64_MAX}), NULL, false));
    expect_error(t, TG_ERR_ARG, "length 1 is 9223372036854775807");
    assert_null(tg_sequence_dataset(x, y, NULL, false));
    expect_error(t, TG_ERR_DTYPE, "lengths have to be int64 [n], not float32 [2]");
    assert_null(tg_sequence_dataset(x, n, tg_ones(t, TG_SHAPE(3)), false));
    expect_error(t, TG_ERR_SHAPE, "y [3] does not have one target for each sequence");
    assert_null(tg_sequence_dataset(x, n, y, true));
    expect_error(t, TG_ERR_SHAPE, "one target for each row of x");
    assert_null(tg_sequence_dataset(tg_scalar(t, 1), n, y, false));
    expect_error(t, TG_ERR_SHAPE, "x [] has to have 1 to 7 axes");
    assert_null(tg_sequence_dataset(tg_ones(t2, TG_SHAPE(5)), n, NULL, false));
    expect_error(t2, TG_ERR_TAPE, "different tapes");
    assert_null(tg_sequence_dataset(NULL, n, NULL, false));
    tg_tape_free(t);
    tg_tape_free(t2);
}

/* ---- mix-up -------------------------------------------------------------------------------------------------------- */

/* One weight for each batch, told by its targets; x is mixed with the same, and the weights are Beta distributed. */
static void test_mixup(void **state)
{
    (void)state;
    enum { N = 12, BATCH = 5, EPOCHS = 400 };
    int64_t     labels[N];
    double      sum = 0, squares = 0, weights = 0;
    float       x[2 * N];
    tg_tape    *t = quiet(TG_F64);
    for (int i = 0; i < N; i++) labels[i] = i, x[2 * i] = (float)i, x[2 * i + 1] = 1;
    tg_dataset *d = tg_array_dataset(t, TG_F32, TG_SHAPE(N, 2), x, labels);
    tg_loader  *l = loader(d, (tg_loader_options){.batch = BATCH, .shuffle = true, .mixup = 0.4, .classes = N, .seed = 6});
    for (int e = 0; e < EPOCHS; e++) {
        tg_batch b;
        while (tg_next_batch(l, &b)) {
            const int64_t  n = tg_dim(b.x, 0), *index = tg_data_i64(b.index);
            const double  *xs = tg_data_f64(b.x), *ys = tg_data_f64(b.y);
            const double   w = ys[index[0]];
            assert_int_equal(tg_dim(b.y, 1), N);
            for (int64_t i = 0; i < n; i++) {
                const int64_t other = index[n - 1 - i];
                assert_true(fabs(xs[2 * i] - (w * (double)index[i] + (1 - w) * (double)other)) < 1e-12 && fabs(xs[2 * i + 1] - 1) < 1e-15);
                for (int64_t c = 0; c < N; c++) {
                    const double want = w * (index[i] == c) + (1 - w) * (other == c);
                    assert_true(fabs(ys[i * N + c] - want) < 1e-15);
                }
            }
            sum += w, squares += w * w, weights++;
            tg_reset(t);
        }
    }
    const double mean = sum / weights, variance = squares / weights - mean * mean; /* of Beta(a, a): 1/2 and 1 / (4 (2 a + 1)) */
    assert_true(fabs(mean - 0.5) < 0.05 && fabs(variance - 0.25 / 1.8) < 0.01);
    tg_dataset *floats = tg_tensor_dataset(tg_ones(t, TG_SHAPE(4, 2)), tg_reshape(tg_arange(t, TG_F64, 8), TG_SHAPE(4, 2)));
    tg_tensor  *xs, *ys;
    assert_true(tg_next(loader(floats, (tg_loader_options){.mixup = 1}), &xs, &ys));
    const double *y = tg_data_f64(ys), w = 1 - y[0] / 6;
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 2; k++) assert_true(fabs(y[2 * i + k] - (w * (2 * i + k) + (1 - w) * (2 * (3 - i) + k))) < 1e-12);
    l = loader(d, (tg_loader_options){.mixup = 1, .classes = 11});
    assert_false(tg_next(l, &xs, &ys));
    expect_error(t, TG_ERR_INDEX, "tg_next: the label of sample 11 is 11, outside 0 to 10");
    tg_tape_free(t);
}

/* ---- places -------------------------------------------------------------------------------------------------------- */

/* A loader that is set to where another is goes on as that one does, wherever it is, and whether batches are made ahead or not. */
static void test_seek(void **state)
{
    (void)state;
    tg_tape           *t = quiet(TG_F32);
    tg_loader_options  o = {.batch = 7, .shuffle = true, .seed = 5};
    tg_dataset        *d = counted(t, 40);
    tg_loader         *a = loader(d, o);
    o.prefetch = 3;
    tg_loader *b = loader(d, o);
    for (int step = 0; step < 20; step++) {
        tg_tensor *x[2], *y[2];
        assert_int_equal(tg_loader_seek(b, tg_loader_epoch(a), tg_loader_position(a)), TG_OK);
        assert_int_equal(tg_loader_position(b), tg_loader_position(a));
        for (int k = 0; k < 2; k++) { /* b makes one batch more, which is given up */
            const bool more = tg_next(b, &x[1], &y[1]);
            if (k == 1) break;
            assert_int_equal(more, tg_next(a, &x[0], &y[0]));
            assert_int_equal(tg_loader_epoch(a), tg_loader_epoch(b));
            if (!more) break;
            assert_int_equal(tg_dim(y[0], 0), tg_dim(y[1], 0));
            assert_memory_equal(tg_data(y[0]), tg_data(y[1]), (size_t)tg_dim(y[0], 0) * sizeof(int64_t));
        }
        tg_reset(t);
    }
    assert_int_equal(tg_loader_epoch(NULL), -1);
    assert_int_equal(tg_loader_position(NULL), -1);
    assert_int_equal(tg_loader_seek(NULL, 0, 0), TG_ERR_NULL);
    expect_failure(t, tg_loader_seek(a, -1, 0), TG_ERR_ARG, "tg_loader_seek: there is no place behind batch 0 of epoch -1");
    expect_failure(t, tg_loader_seek(a, 0, -1), TG_ERR_ARG, "behind batch -1");
    expect_failure(t, tg_loader_seek(a, 0, 7), TG_ERR_ARG, "an epoch has 6 batches");
    tg_tape_free(t);
}

/* Loaders are in the list of what has a state, with their place. */
static void test_state(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F32);
    tg_loader *a = loader(counted(t, 40), (tg_loader_options){.batch = 7}), *b = loader(counted(t, 40), (tg_loader_options){.batch = 7});
    tg_owned  *first = tg_first_stateful(t), *second = tg_next_stateful(first);
    tg_tensor *x, *y;
    char       name[40];
    assert_true(first && second && !tg_next_stateful(second));
    assert_string_equal(first->state->kind(first), "loader");
    assert_int_equal(first->state->count(first, "f"), 1);
    assert_int_equal(first->state->name(first, 0, name, sizeof name, "f"), strlen("loader.place"));
    assert_string_equal(name, "loader.place");
    for (int k = 0; k < 9; k++) (void)tg_next(a, &x, &y); /* an epoch's six, its end, two more */
    tg_tensor *place = first->state->get(first, 0, "f");
    assert_true(tg_data_i64(place)[0] == 1 && tg_data_i64(place)[1] == 2);
    assert_int_equal(second->state->set(second, 0, place, "f"), TG_OK);
    assert_true(tg_loader_epoch(b) == 1 && tg_loader_position(b) == 2);
    assert_true(tg_next(b, &x, &y));
    assert_int_equal(tg_data_i64(y)[0], 3 * 14);
    int64_t wrong[64];
    assert_int_equal(tg_copy_to(place, wrong, (size_t)tg_numel(place) * sizeof *wrong), TG_OK);
    wrong[1] = 9;
    expect_failure(t, second->state->set(second, 0, tg_from_i64(t, tg_shape_of(place), wrong), "f"), TG_ERR_ARG,
                   "f: there is no place behind batch 9");
    expect_failure(t, second->state->set(second, 0, tg_scalar(t, 1), "f"), TG_ERR_DTYPE, "place and options of a loader");
    expect_failure(t, second->state->set(second, 1, place, "f"), TG_ERR_ARG, "no entry 1");
    assert_true(tg_loader_epoch(b) == 1 && tg_loader_position(b) == 3);
    tg_tape_free(t);
}

/* The place of a loader is refused by one that would give other batches from there on. */
static void test_other_loader(void **state)
{
    (void)state;
    static const double weights[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 8}, others[] = {1, 2, 3, 4, 5, 6, 7, 8, 8, 9};
    static const struct {
        int64_t           samples;
        tg_loader_options as, is;
        const char       *sentence;
    } rows[] = {
        {11, {.batch = 3}, {.batch = 3}, "had 11 samples in its data set, and this one has 10; make it as it was made then"},
        {10, {.batch = 3}, {.batch = 4}, "had 3 as batch, and this one has 4"},
        {10, {.batch = 3}, {0}, "had 3 as batch, and this one has 32"},
        {10, {.seed = 5}, {.seed = UINT64_MAX}, "had 5 as seed, and this one has 18446744073709551615"},
        {10, {.shuffle = true}, {0}, "had 1 as shuffle, and this one has 0"},
        {10, {.batch = 3, .drop_last = true}, {.batch = 3}, "had 9 samples in an epoch, and this one has 10"},
        {10, {.balanced = true, .samples = 20}, {.balanced = true}, "had 20 as samples, and this one has 10"},
        {10, {.of = 2, .rank = 1}, {.of = 2}, "had 1 as rank, and this one has 0"},
        {10, {.of = 2}, {0}, "had 2 as of, and this one has 1"},
        {10, {.shuffle = true, .block = 2}, {.shuffle = true}, "had 2 as block, and this one has 0"},
        {10, {.scale = 0.5}, {0}, "had 0.5 as scale, and this one has 1"},
        {10, {.shift = -1}, {.shift = TG_ZERO}, "had -1 as shift, and this one has 0"},
        {10, {.mixup = 0.25, .classes = 31}, {0}, "had 31 as classes, and this one has 0"},
        {10, {.mixup = 0.25, .classes = 31}, {.mixup = 0.5, .classes = 31}, "had 0.25 as mixup, and this one has 0.5"},
        {10, {.weights = weights}, {.weights = others}, "had other weights of samples than this one"},
        {10, {.weights = weights}, {.balanced = true}, "had other weights of samples than this one"},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        tg_tape   *t = quiet(TG_F32);
        tg_loader *was = loader(counted(t, rows[k].samples), rows[k].as), *is = loader(counted(t, 10), rows[k].is);
        tg_owned  *a = tg_first_stateful(t), *b = tg_next_stateful(a);
        tg_tensor *place = a->state->get(a, 0, "f");
        expect_failure(t, b->state->set(b, 0, place, "f"), TG_ERR_ARG, rows[k].sentence);
        assert_int_equal(a->state->set(a, 0, place, "f"), TG_OK);
        assert_true(tg_loader_epoch(is) == 0 && tg_loader_position(is) == 0 && tg_loader_epoch(was) == 0);
        tg_tape_free(t);
    }
}

/* What is made ahead, and by whom, is nobody's business. */
static void test_same_loader(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F32);
    tg_loader *was = loader(counted(t, 10), (tg_loader_options){.batch = 3, .scale = 1}), *is = loader(counted(t, 10), (tg_loader_options){.batch = 3, .prefetch = 2});
    tg_owned  *a = tg_first_stateful(t), *b = tg_next_stateful(a);
    tg_tensor *x, *y;
    assert_true(tg_next(was, &x, &y) && tg_next(was, &x, &y));
    assert_int_equal(b->state->set(b, 0, a->state->get(a, 0, "f"), "f"), TG_OK);
    assert_int_equal(tg_loader_position(is), 2);
    tg_tape_free(t);
}

/* ---- the host's rounding ---------------------------------------------------------------------------------------------- */

/* A number of all that is computed on the way: parts, weights, augmented and mixed batches, made ahead or not, and metrics. */
static uint64_t digest(int mode, int prefetch)
{
    uint64_t h = 0;
    assert_int_equal(fesetround(mode), 0);
    tg_tape    *t = quiet(TG_F32);
    tg_dataset *parts[2], *digits = tg_synthetic_digits(t, 101, 1);
    assert_int_equal(tg_random_split(digits, (double[]){0.29, 0.71}, 2, 1, parts), TG_OK);
    const tg_augment_options o = {.rotate = 20,
                                  .scale = 0.3,
                                  .brightness = 0.2,
                                  .contrast = 0.2,
                                  .noise = 0.1,
                                  .mean = (double[]){0.13},
                                  .std = (double[]){0.31},
                                  .channels = 1};
    tg_loader *l = loader(tg_dataset_augment(parts[1], &o), (tg_loader_options){.balanced = true, .mixup = 0.4, .classes = 10, .prefetch = prefetch});
    tg_confusion   *c = tg_confusion_new(t, 10);
    tg_running_mean m = {0};
    tg_tensor      *x, *y;
    while (tg_next(l, &x, &y)) {
        const uint32_t *bits = (const uint32_t *)(const void *)tg_data_f32(x);
        for (int64_t k = 0; k < tg_numel(x); k++) h = (h ^ bits[k]) * 0x100000001b3u;
        assert_int_equal(tg_confusion_add(c, y, tg_argmax(y, 1, false)), TG_OK);
        tg_mean_add(&m, 0.1, 0.3);
        tg_reset(t);
    }
    const double scores[] = {tg_mean_value(&m), tg_confusion_f1(c, TG_WEIGHTED), tg_confusion_precision(c, TG_MACRO),
                             (double)tg_dataset_size(parts[0])};
    fesetround(FE_TONEAREST);
    assert_null(tg_error(t));
    for (size_t k = 0; k < COUNT(scores); k++) {
        uint64_t bits;
        memcpy(&bits, &scores[k], sizeof bits);
        h = (h ^ bits) * 0x100000001b3u;
    }
    tg_tape_free(t);
    return h;
}

static void test_rounding(void **state)
{
    (void)state;
    static const int modes[] = {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    const uint64_t   want = digest(FE_TONEAREST, 0);
    for (size_t k = 0; k < COUNT(modes); k++)
        for (int prefetch = 0; prefetch < 3; prefetch += 2) assert_true(digest(modes[k], prefetch) == want);
}

/* ---- wrong options ------------------------------------------------------------------------------------------------- */

static void test_options_refused(void **state)
{
    (void)state;
    static const double zeros[4] = {0}, negative[4] = {1, -1, 1, 1}, infinite[4] = {1, 1, 1, INFINITY}, large[4] = {1e308, 1e308, 1, 1},
                        ones[4] = {1, 1, 1, 1};
    static const struct {
        tg_loader_options o;
        const char       *word;
    } rows[] = {
        {{.samples = -1}, "samples is -1"},
        {{.block = -1}, "block is -1"},
        {{.buckets = -2}, "buckets is -2"},
        {{.of = -1}, "of is -1"},
        {{.classes = -1}, "classes is -1"},
        {{.prefetch = -1}, "prefetch is -1"},
        {{.prefetch = 65}, "0 to 64 batches"},
        {{.pad = NAN}, "pad is not finite"},
        {{.pad_target = INFINITY}, "pad_target is not finite"},
        {{.mixup = NAN}, "mixup is not finite"},
        {{.mixup = -1}, "mixup is negative"},
        {{.mixup = 1}, "mixup needs classes"},
        {{.classes = 3}, "with mixup alone"},
        {{.mixup = 1, .classes = INT64_MAX}, "larger than any memory"},
        {{.weights = ones, .balanced = true}, "only one of them"},
        {{.weights = ones, .shuffle = true}, "shuffle says nothing more"},
        {{.balanced = true, .block = 2}, "have no blocks"},
        {{.samples = 3}, "neither is set"},
        {{.weights = ones, .samples = INT64_MAX}, "longer than any memory"},
        {{.block = 3}, "with shuffle alone"},
        {{.rank = 1}, "rank counts the workers"},
        {{.rank = 2, .of = 2}, "rank counts the workers"},
        {{.rank = -1, .of = 2}, "rank counts the workers"},
        {{.buckets = 2}, "buckets are for samples of different lengths"},
        {{.weights = zeros}, "the weights add up to 0"},
        {{.weights = negative}, "weight 1 is -1"},
        {{.weights = infinite}, "weight 3 is inf"},
        {{.weights = large}, "the weights add up to inf"},
    };
    tg_tape    *t = quiet(TG_F32);
    tg_dataset *d = counted(t, 4), *s = stairs(t, 4, false);
    for (size_t k = 0; k < COUNT(rows); k++) {
        assert_null(tg_loader_new(d, &rows[k].o));
        if (!tg_error(t)) fail_msg("row %zu: no error", k);
        assert_memory_equal(tg_error(t), "tg_loader_new: ", 15);
        expect_error(t, tg_error_status(t), rows[k].word);
    }
    assert_null(tg_loader_new(s, &(tg_loader_options){.flatten = true}));
    expect_error(t, TG_ERR_ARG, "cannot be flattened");
    assert_null(tg_loader_new(s, &(tg_loader_options){.mixup = 1, .classes = 3}));
    expect_error(t, TG_ERR_ARG, "cannot be mixed");
    assert_null(tg_loader_new(tg_dataset_range(d, 0, 0), &(tg_loader_options){.balanced = true}));
    expect_error(t, TG_ERR_ARG, "no sample that could be drawn");
    assert_non_null(tg_loader_new(s, &(tg_loader_options){.buckets = INT64_MAX / 2}));
    tg_batch b;
    assert_false(tg_next_batch(NULL, &b));
    assert_null(b.x);
    assert_false(tg_next_batch(tg_loader_new(s, NULL), NULL));
    expect_error(t, TG_ERR_NULL, "tg_next_batch: batch is NULL");
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_balanced),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_workers),
        cmocka_unit_test(test_sequences),
        cmocka_unit_test(test_sequences_refused),
        cmocka_unit_test(test_mixup),
        cmocka_unit_test(test_seek),
        cmocka_unit_test(test_state),
        cmocka_unit_test(test_other_loader),
        cmocka_unit_test(test_same_loader),
        cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_options_refused),
    };
    return cmocka_run_group_tests_name("batches", tests, NULL, NULL);
}
