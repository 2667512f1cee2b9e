/* test_split.c - parts of a data set that have their share of each label, and whole data sets as tensors. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "loader_test.h"

enum { CLASSES = 4, SAMPLES = 1003 };

/* Label 0 is rare, 3 frequent: 7, 96, 300 and 600 of them, mixed up. */
static int64_t label_of(int64_t i)
{
    const int64_t place = i * 389 % SAMPLES;
    return place < 7 ? 0 : place < 103 ? 1 : place < 403 ? 2 : 3;
}

static tg_dataset *labelled(tg_tape *t, int64_t n)
{
    static float   x[SAMPLES];
    static int64_t y[SAMPLES];
    for (int64_t i = 0; i < n; i++) x[i] = (float)i, y[i] = label_of(i);
    return tg_array_dataset(t, TG_F32, TG_SHAPE(n), x, y);
}

/* The samples of a part, as their numbers, and how many there are of each label. */
static const float *samples_of(tg_dataset *d, int64_t count[CLASSES])
{
    tg_tensor *x, *y;
    assert_int_equal(tg_dataset_tensors(d, &x, &y), TG_OK);
    for (int c = 0; c < CLASSES; c++) count[c] = 0;
    for (int64_t i = 0; i < tg_numel(y); i++) count[tg_data_i64(y)[i]]++;
    return tg_numel(x) ? tg_data_f32(x) : NULL;
}

/* Sizes are those of tg_random_split, no sample is in two parts, and each part has its share of each label, to two samples. */
static void check_split(tg_tape *t, tg_dataset *d, const double *parts, int n, uint64_t seed)
{
    tg_dataset *out[8], *plain[8];
    int64_t     all[CLASSES], count[CLASSES];
    bool        seen[SAMPLES] = {false};
    const int64_t size = tg_dataset_size(d);
    (void)samples_of(d, all);
    assert_int_equal(tg_stratified_split(d, parts, n, seed, out), TG_OK);
    assert_int_equal(tg_random_split(d, parts, n, seed, plain), TG_OK);
    for (int k = 0; k < n; k++) {
        const int64_t has = tg_dataset_size(out[k]);
        assert_int_equal(has, tg_dataset_size(plain[k]));
        const float *x = samples_of(out[k], count);
        for (int64_t i = 0; i < has; i++) {
            assert_false(seen[(int)x[i]]);
            assert_true(i == 0 || x[i] > x[i - 1]);
            seen[(int)x[i]] = true;
        }
        for (int c = 0; c < CLASSES; c++)
            if (fabs((double)count[c] - (double)all[c] * (double)has / (double)size) >= 2)
                fail_msg("part %d has %lld of %lld with label %d", k, (long long)count[c], (long long)all[c], c);
        tg_dataset_free(out[k]);
        tg_dataset_free(plain[k]);
    }
    assert_int_equal(tg_reset(t), TG_OK);
}

static void test_stratified(void **state)
{
    (void)state;
    static const struct {
        double parts[8];
        int    n;
    } rows[] = {{{0.8, 0.2}, 2},     {{0.8, 0.1, 0.1}, 3}, {{1}, 1},           {{500, 500}, 2},         {{10, 20, 30}, 3},      {{0, 0.5}, 2},
                {{0.3, 0.3, 0.4}, 3}, {{0.01, 0.99}, 2},   {{1, 2, 3, 4}, 4}, {{0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125}, 8}};
    tg_tape    *t = quiet(TG_F32);
    tg_dataset *d = labelled(t, SAMPLES), *none = labelled(t, 0), *out[2], *again[2];
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
        for (uint64_t seed = 0; seed < 5; seed++) check_split(t, d, rows[k].parts, rows[k].n, seed);
    assert_int_equal(tg_stratified_split(none, (double[]){0.5, 0.5}, 2, 1, out), TG_OK);
    assert_int_equal(tg_dataset_size(out[1]), 0);

    /* The same seed gives the same parts, another one others; rare labels are in both. */
    int64_t count[CLASSES];
    assert_int_equal(tg_stratified_split(d, (double[]){0.5, 0.5}, 2, 1, out), TG_OK);
    assert_int_equal(tg_stratified_split(d, (double[]){0.5, 0.5}, 2, 1, again), TG_OK);
    const size_t bytes = (size_t)tg_dataset_size(out[0]) * sizeof(float);
    assert_memory_equal(samples_of(out[0], count), samples_of(again[0], count), bytes);
    assert_true(count[0] == 3 || count[0] == 4);
    assert_int_equal(tg_stratified_split(d, (double[]){0.5, 0.5}, 2, 2, again), TG_OK);
    assert_int_not_equal(memcmp(samples_of(out[0], count), samples_of(again[0], count), bytes), 0);
    tg_tape_free(t);
}

static void test_split_refused(void **state)
{
    (void)state;
    tg_tape    *t = quiet(TG_F32);
    tg_dataset *d = labelled(t, 9), *out[2] = {d, d}, *plain = tg_tensor_dataset(tg_ones(t, TG_SHAPE(4, 2)), tg_ones(t, TG_SHAPE(4)));
    expect_failure(t, tg_stratified_split(plain, (double[]){0.5, 0.5}, 2, 1, out), TG_ERR_DTYPE,
                   "tg_stratified_split: a stratified split needs a label for each sample, one integer");
    assert_true(!out[0] && !out[1]);
    expect_failure(t, tg_stratified_split(d, (double[]){0.5, 0.6}, 2, 1, out), TG_ERR_ARG, "tg_stratified_split: the fractions add up to 1.1");
    expect_failure(t, tg_stratified_split(d, NULL, 2, 1, out), TG_ERR_NULL, "tg_stratified_split: parts is NULL");
    expect_failure(t, tg_stratified_split(d, (double[]){1}, 65, 1, (tg_dataset *[65]){NULL}), TG_ERR_ARG, "tg_stratified_split: there can be 1 to 64 parts");
    assert_int_equal(tg_stratified_split(NULL, (double[]){1}, 1, 1, out), TG_ERR_NULL);
    tg_tape_free(t);
}

/* ---- whole data sets --------------------------------------------------------------------------------------------------- */

static void test_tensors(void **state)
{
    (void)state;
    tg_tape    *t = quiet(TG_F32);
    tg_tensor  *x, *y, *one, *its;
    tg_dataset *d = tg_dataset_subset(tg_synthetic_digits(t, 30, 1), (int64_t[]){7, 7, 3}, 3);
    assert_int_equal(tg_dataset_tensors(d, &x, &y), TG_OK);
    assert_true(tg_rank(x) == 3 && tg_dim(x, 0) == 3 && tg_dim(x, 2) == 28 && tg_dtype_of(x) == TG_U8 && tg_numel(y) == 3);
    for (int64_t i = 0; i < 3; i++) {
        assert_int_equal(tg_dataset_get(d, i, &one, &its), TG_OK);
        assert_memory_equal((const char *)tg_data(x) + i * 784, tg_data(one), 784);
        assert_true(tg_data_i64(y)[i] == tg_data_i64(its)[0]);
    }
    tg_dataset *plain = tg_tensor_dataset(tg_ones(t, TG_SHAPE(4, 0)), NULL);
    assert_int_equal(tg_dataset_tensors(plain, &x, NULL), TG_OK);
    assert_true(tg_dim(x, 0) == 4 && tg_dim(x, 1) == 0);
    expect_failure(t, tg_dataset_tensors(d, &x, NULL), TG_ERR_NULL, "tg_dataset_tensors: y is NULL");
    expect_failure(t, tg_dataset_tensors(d, NULL, &y), TG_ERR_NULL, "tg_dataset_tensors: x is NULL");
    assert_int_equal(tg_dataset_tensors(NULL, &x, &y), TG_ERR_NULL);
    assert_true(!x && !y);
    tg_dataset *texts = tg_sequence_dataset(tg_ones(t, TG_SHAPE(5)), tg_from_i64(t, TG_SHAPE(2), (int64_t[]){2, 3}), NULL, false);
    expect_failure(t, tg_dataset_tensors(texts, &x, NULL), TG_ERR_UNSUPPORTED, "tg_dataset_tensors: samples of different lengths");
    assert_non_null(tg_dataset_range(d, 0, 1)); /* it stays in memory for this one */
    tg_dataset_free(d);
    expect_failure(t, tg_dataset_tensors(d, &x, &y), TG_ERR_STALE, "the data set was freed");
    tg_tape_free(t);
}

static int refuse_third(void *ctx, int64_t i, tg_sample *s)
{
    (void)ctx, (void)s;
    return i == 3;
}

/* A sample that can't be had: a sentence, and no tensors. */
static void test_tensors_fail(void **state)
{
    (void)state;
    tg_tape    *t = quiet(TG_F32);
    tg_tensor  *x, *y;
    tg_dataset *d = tg_dataset_map(labelled(t, 5), &(tg_map_options){.fn = refuse_third});
    expect_failure(t, tg_dataset_tensors(d, &x, &y), TG_ERR_ARG, "tg_dataset_tensors: ");
    assert_true(!x && !y);
    tg_tape_free(t);
}

/* ---- a loop ends at an error -------------------------------------------------------------------------------------------- */

static void test_loop_ends(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F32);
    tg_loader *l = loader(labelled(t, 20), (tg_loader_options){.batch = 4});
    tg_tensor *x, *y;
    int        steps = 0;
    while (tg_next(l, &x, &y))
        if (++steps == 2) (void)tg_matmul(x, y); /* vectors of different dtypes */
    assert_int_equal(steps, 2);
    assert_true(tg_error(t) && tg_loader_position(l) == 2 && tg_loader_epoch(l) == 0);
    assert_true(!tg_next(l, &x, &y) && !x && !y);
    assert_false(tg_next_batch(l, &(tg_batch){NULL, NULL, NULL, NULL}));
    tg_clear_error(t);
    while (tg_next(l, &x, &y)) steps++;
    assert_int_equal(steps, 5); /* nothing is lost */
    assert_int_equal(tg_loader_epoch(l), 1);
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stratified), cmocka_unit_test(test_split_refused), cmocka_unit_test(test_tensors),
        cmocka_unit_test(test_tensors_fail), cmocka_unit_test(test_loop_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
