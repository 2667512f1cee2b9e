/* test_views.c - data sets of tensors, and those that show others: parts, splits, folds, several, and what a function makes of samples. */
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
#include "failing.h"
#include "loader_test.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Which samples of a counted set a view of it shows, in order. */
static int64_t shown(tg_tape *t, tg_dataset *d, int64_t *order) { return epoch(t, loader(d, (tg_loader_options){.batch = 7}), 7, order); }

static int by_size(const void *a, const void *b)
{
    const int64_t p = *(const int64_t *)a, q = *(const int64_t *)b;
    return p < q ? -1 : p > q;
}

/* ---- tensors ------------------------------------------------------------------------------------------------------- */

static void test_tensors(void **state)
{
    (void)state;
    tg_tape     *t = quiet(TG_F64);
    tg_tensor   *x = tg_mT(tg_reshape(tg_arange(t, TG_I64, 6), TG_SHAPE(2, 3))), *y = tg_sin(tg_reshape(tg_linspace(t, 0, 1, 6), TG_SHAPE(3, 2)));
    tg_dataset  *d = tg_tensor_dataset(x, y), *alone = tg_tensor_dataset(y, NULL);
    const double want[2] = {sin(0.4), sin(0.6)};
    assert_true(d && alone);
    tg_reset(t);
    assert_int_equal(tg_dataset_size(d), 3);
    assert_int_equal(tg_dataset_shape(d)->dim[1], 2);
    assert_int_equal(tg_dataset_get(d, 1, &x, &y), TG_OK);
    assert_int_equal(tg_dtype_of(x), TG_I64);
    assert_int_equal(tg_rank(x), 1);
    assert_true(tg_data_i64(x)[0] == 1 && tg_data_i64(x)[1] == 4);
    for (int k = 0; k < 2; k++) assert_true(fabs(tg_data_f64(y)[k] - want[k]) < 1e-15);
    assert_true(tg_next(loader(d, (tg_loader_options){0}), &x, &y)); /* integers stay: they name something */
    assert_int_equal(tg_dtype_of(x), TG_I64);
    assert_int_equal(tg_dtype_of(y), TG_F64);
    assert_int_equal(tg_rank(y), 2);
    assert_int_equal(tg_dataset_get(alone, 2, &x, NULL), TG_OK);
    tg_loader *l = loader(alone, (tg_loader_options){0});
    assert_true(tg_next(l, &x, NULL));
    assert_false(tg_next(l, &x, &y));
    assert_true(tg_next(l, &x, &y));
    assert_null(y);
    assert_null(tg_error(t));
    tg_tape_free(t);
}

/* What each dtype becomes in a batch, as x and as target. */
static void test_dtypes(void **state)
{
    (void)state;
    static const tg_dtype as_x[TG_NDTYPES] = {TG_F32, TG_F32, TG_I64, TG_I64, TG_F32, TG_BOOL, TG_F32};
    static const tg_dtype as_y[TG_NDTYPES] = {TG_F32, TG_F32, TG_I64, TG_I64, TG_I64, TG_BOOL, TG_I64};
    tg_tape              *t = quiet(TG_F32);
    for (int k = 0; k < TG_NDTYPES; k++) {
        tg_tensor *ones = tg_full(t, (tg_dtype)k, TG_SHAPE(4, 2), 1), *x, *y;
        assert_true(tg_next(loader(tg_tensor_dataset(ones, ones), (tg_loader_options){0}), &x, &y));
        assert_int_equal(tg_dtype_of(x), as_x[k]);
        assert_int_equal(tg_dtype_of(y), as_y[k]);
        const double scale = k == TG_U8 ? 255 : k == TG_I16 ? 32768 : 1;
        assert_true(fabs(tg_item(tg_mean(tg_to(x, TG_F32), TG_ALL_AXES, false)) * scale - 1) < 1e-6);
        assert_true(tg_item(tg_mean(tg_to(y, TG_F32), TG_ALL_AXES, false)) == 1);
        if (as_x[k] != TG_F32) {
            assert_null(tg_loader_new(tg_tensor_dataset(ones, ones), &(tg_loader_options){.scale = 2}));
            expect_error(t, TG_ERR_DTYPE, "scale and shift are for numbers");
        }
    }
    tg_tape_free(t);
}

static void test_tensors_refused(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F32), *t2 = quiet(TG_F32);
    tg_tensor *x = tg_ones(t, TG_SHAPE(3, 2)), *out, *out2;
    assert_null(tg_tensor_dataset(NULL, NULL));
    assert_null(tg_tensor_dataset(x, tg_scalar(t, 1)));
    expect_error(t, TG_ERR_SHAPE, "tg_tensor_dataset: y is a scalar");
    assert_null(tg_tensor_dataset(x, tg_ones(t, TG_SHAPE(2))));
    expect_error(t, TG_ERR_SHAPE, "x [3,2] and y [2] have different numbers");
    assert_null(tg_tensor_dataset(x, tg_ones(t2, TG_SHAPE(3))));
    expect_error(t, TG_ERR_TAPE, "different tapes");
    tg_dataset *d = tg_tensor_dataset(x, x);
    tg_reset(t);
    assert_null(tg_tensor_dataset(x, NULL));
    expect_error(t, TG_ERR_STALE, "tg_tensor_dataset");
    expect_failure(t, tg_dataset_get(d, 3, &out, &out2), TG_ERR_INDEX, "no sample 3");
    expect_failure(t, tg_dataset_get(d, -1, &out, &out2), TG_ERR_INDEX, "no sample -1");
    expect_failure(t, tg_dataset_get(d, 0, NULL, &out2), TG_ERR_NULL, "x is NULL");
    expect_failure(t, tg_dataset_get(d, 0, &out, NULL), TG_ERR_NULL, "y is NULL");
    assert_null(out);
    tg_tape_free(t);
    tg_tape_free(t2);
}

/* ---- parts --------------------------------------------------------------------------------------------------------- */

static void test_subset_and_range(void **state)
{
    (void)state;
    tg_tape    *t = quiet(TG_F32);
    tg_dataset *d = counted(t, 20), *s = tg_dataset_subset(d, (int64_t[]){19, 3, 3, 0}, 4), *r = tg_dataset_range(s, 1, 3);
    int64_t     order[20];
    tg_dataset_free(d); /* the views keep it */
    assert_int_equal(shown(t, s, order), 4);
    assert_true(order[0] == 19 && order[1] == 3 && order[2] == 3 && order[3] == 0);
    tg_dataset_free(s);
    assert_int_equal(shown(t, r, order), 3);
    assert_true(order[0] == 3 && order[2] == 0);
    assert_int_equal(tg_dataset_size(tg_dataset_subset(r, NULL, 0)), 0);
    assert_null(tg_dataset_subset(r, (int64_t[]){0, 3}, 2));
    expect_error(t, TG_ERR_INDEX, "tg_dataset_subset: index 1 is 3, outside the data set of 3");
    assert_null(tg_dataset_subset(r, NULL, 1));
    expect_error(t, TG_ERR_NULL, "index is NULL");
    assert_null(tg_dataset_subset(r, order, -1));
    expect_error(t, TG_ERR_ARG, "-1 is not a number");
    static const int64_t wrong[][2] = {{-1, 1}, {0, 4}, {4, 0}, {3, 1}, {1, INT64_MAX}, {0, -1}};
    for (size_t k = 0; k < COUNT(wrong); k++) {
        assert_null(tg_dataset_range(r, wrong[k][0], wrong[k][1]));
        expect_error(t, TG_ERR_ARG, "is outside the data set of 3 samples");
    }
    assert_null(tg_dataset_range(s, 0, 1));
    expect_error(t, TG_ERR_STALE, "tg_dataset_range: the data set was freed");
    for (int k = 0; k < 63; k++) r = tg_dataset_range(r, 0, 3);
    tg_dataset *deep = tg_dataset_range(r, 0, 3);
    assert_null(deep);
    expect_error(t, TG_ERR_UNSUPPORTED, "more than 64 deep");
    tg_tape_free(t);
}

/* Parts have no common sample, cover what they should, and are the seed's. */
static void test_random_split(void **state)
{
    (void)state;
    static const struct {
        double  parts[4];
        int     n;
        int64_t counts[4];
    } rows[] = {
        {{0.8, 0.2}, 2, {81, 20}},   {{0.5, 0.3, 0.2}, 3, {51, 30, 20}}, {{0.5, 0.1}, 2, {50, 10}}, {{90, 11}, 2, {90, 11}},
        {{1, 0, 100}, 3, {1, 0, 100}}, {{1}, 1, {101}}, {{0.25, 0.25, 0.25, 0.25}, 4, {26, 25, 25, 25}}, {{3, 4}, 2, {3, 4}},
        {{0.1, 0.2, 0.7}, 3, {11, 20, 70}},
    };
    tg_tape    *t = quiet(TG_F32);
    tg_dataset *d = counted(t, 101), *out[4], *again[4];
    for (size_t k = 0; k < COUNT(rows); k++) {
        int64_t all[101], other[101], n = 0;
        assert_int_equal(tg_random_split(d, rows[k].parts, rows[k].n, 5, out), TG_OK);
        assert_int_equal(tg_random_split(d, rows[k].parts, rows[k].n, 5, again), TG_OK);
        for (int p = 0; p < rows[k].n; p++) {
            assert_int_equal(tg_dataset_size(out[p]), rows[k].counts[p]);
            shown(t, again[p], other);
            const int64_t got = shown(t, out[p], all + n);
            assert_memory_equal(all + n, other, (size_t)got * sizeof *other);
            n += got;
        }
        qsort(all, (size_t)n, sizeof *all, by_size);
        for (int64_t i = 1; i < n; i++) assert_true(all[i] > all[i - 1]);
    }
    tg_random_split(d, (double[]){50}, 1, 5, out);
    tg_random_split(d, (double[]){50}, 1, 6, again);
    int64_t a[101], b[101];
    shown(t, out[0], a);
    shown(t, again[0], b);
    assert_memory_not_equal(a, b, 50 * sizeof *a);
    tg_tape_free(t);
}

static void test_split_refused(void **state)
{
    (void)state;
    tg_tape    *t = quiet(TG_F32);
    tg_dataset *d = counted(t, 10), *out[2] = {d, d};
    static const struct {
        double      parts[2];
        const char *word;
    } rows[] = {{{0.8, 0.3}, "add up to 1.1"}, {{8, 3}, "have 11 samples together"}, {{-1, 2}, "part 0 is -1"}, {{1, NAN}, "part 1 is nan"},
                {{INFINITY, 1}, "part 0 is inf"}};
    for (size_t k = 0; k < COUNT(rows); k++) {
        expect_failure(t, tg_random_split(d, rows[k].parts, 2, 1, out), TG_ERR_ARG, rows[k].word);
        assert_true(!out[0] && !out[1]);
    }
    expect_failure(t, tg_random_split(d, rows[0].parts, 0, 1, out), TG_ERR_ARG, "1 to 64 parts");
    expect_failure(t, tg_random_split(d, NULL, 2, 1, out), TG_ERR_NULL, "parts is NULL");
    expect_failure(t, tg_random_split(d, rows[0].parts, 2, 1, NULL), TG_ERR_NULL, "out is NULL");
    assert_int_equal(tg_random_split(NULL, rows[0].parts, 2, 1, out), TG_ERR_NULL);
    tg_tape_free(t);
}

/* Every sample is tested on once; the others of it train; stratified, each fold has each label as often, to one sample. */
static void test_folds(void **state)
{
    (void)state;
    enum { N = 47, LABELS = 3 };
    int64_t     labels[N], per_label[LABELS] = {0};
    float       numbers[N];
    tg_tape    *t = quiet(TG_F32);
    for (int i = 0; i < N; i++) {
        numbers[i] = (float)i;
        per_label[labels[i] = i < 9 ? 0 : i < 20 ? 2 : 1]++;
    }
    tg_dataset *d = tg_array_dataset(t, TG_F32, TG_SHAPE(N), numbers, labels);
    for (int k = 2; k <= N; k += k < 6 ? 1 : 41)
        for (int stratified = 0; stratified < 2; stratified++) {
            int times[N] = {0};
            for (int f = 0; f < k; f++) {
                tg_dataset *train, *test, *part[2];
                int64_t     count[2] = {0, 0}, label[LABELS] = {0};
                bool        seen[N] = {false};
                assert_int_equal(tg_k_fold(d, &(tg_fold_options){.k = k, .fold = f, .seed = 4, .stratified = stratified}, &train, &test), TG_OK);
                part[0] = train;
                part[1] = test;
                for (int p = 0; p < 2; p++)
                    for (int64_t i = 0, before = -1; i < tg_dataset_size(part[p]); i++, count[p]++) {
                        tg_tensor *x, *y;
                        assert_int_equal(tg_dataset_get(part[p], i, &x, &y), TG_OK);
                        const int64_t sample = (int64_t)tg_item(x);
                        assert_true(sample > before && !seen[sample]);
                        seen[before = sample] = true;
                        times[sample] += p;
                        if (p) label[labels[sample]]++;
                        tg_reset(t);
                    }
                assert_int_equal(count[0] + count[1], N);
                assert_in_range(count[1], N / k, N / k + 1);
                for (int c = 0; c < LABELS && stratified; c++) assert_in_range(label[c], per_label[c] / k, per_label[c] / k + 1);
            }
            for (int i = 0; i < N; i++) assert_int_equal(times[i], 1);
        }
    tg_dataset *a, *b;
    expect_failure(t, tg_k_fold(d, &(tg_fold_options){.k = 1}, &a, &b), TG_ERR_ARG, "k is 1: there can be 2 folds to as many as the 47");
    expect_failure(t, tg_k_fold(d, &(tg_fold_options){.k = 48}, &a, &b), TG_ERR_ARG, "k is 48");
    expect_failure(t, tg_k_fold(d, &(tg_fold_options){.fold = 5}, &a, &b), TG_ERR_ARG, "no fold 5 of 5");
    expect_failure(t, tg_k_fold(d, &(tg_fold_options){.fold = -1}, &a, &b), TG_ERR_ARG, "no fold -1");
    expect_failure(t, tg_k_fold(d, NULL, &a, &b), TG_ERR_NULL, "options is NULL");
    expect_failure(t, tg_k_fold(d, &(tg_fold_options){0}, &a, NULL), TG_ERR_NULL, "test is NULL");
    tg_dataset *floats = tg_tensor_dataset(tg_ones(t, TG_SHAPE(9)), tg_ones(t, TG_SHAPE(9)));
    expect_failure(t, tg_k_fold(floats, &(tg_fold_options){.stratified = true}, &a, &b), TG_ERR_DTYPE, "stratified needs a label for each sample");
    assert_true(!a && !b);
    tg_tape_free(t);
}

static void test_concat(void **state)
{
    (void)state;
    tg_tape    *t = quiet(TG_F32);
    tg_dataset *d = counted(t, 30), *none = tg_dataset_range(d, 3, 0);
    tg_dataset *list[] = {none, tg_dataset_range(d, 10, 5), none, tg_dataset_range(d, 0, 1), d, none};
    int64_t     order[40];
    tg_dataset *all = tg_dataset_concat(list, 6);
    assert_int_equal(shown(t, all, order), 36);
    for (int i = 0; i < 36; i++) assert_int_equal(order[i], i < 5 ? 10 + i : i == 5 ? 0 : i - 6);
    assert_null(tg_dataset_concat(NULL, 2));
    assert_null(tg_dataset_concat((tg_dataset *[]){d, NULL}, 2));
    expect_error(t, TG_ERR_NULL, "data set 1 is NULL");
    tg_dataset *other[] = {d, tg_array_dataset(t, TG_F32, TG_SHAPE(1, 3), (float[3]){0}, (int64_t[]){1})};
    assert_null(tg_dataset_concat(other, 2));
    expect_error(t, TG_ERR_SHAPE, "samples of data set 1 differ from the first one's: x float32 [3] instead of float32 [2]");
    other[1] = tg_tensor_dataset(tg_ones(t, TG_SHAPE(4, 2)), NULL);
    assert_null(tg_dataset_concat(other, 2));
    expect_error(t, TG_ERR_SHAPE, "or their targets do");
    tg_tape *t2 = quiet(TG_F32);
    other[1] = counted(t2, 3);
    assert_null(tg_dataset_concat(other, 2));
    expect_error(t, TG_ERR_TAPE, "different tapes");
    tg_tape_free(t);
    tg_tape_free(t2);
}

/* ---- functions of samples ------------------------------------------------------------------------------------------ */

/* x: the sum and the difference of the source's two, and a random number; y stays. */
static int mapped(void *ctx, int64_t i, tg_sample *s)
{
    const float *from = s->from_x;
    double      *x = s->x;
    if (*(int64_t *)ctx == i) return 7;
    x[0] = from[0] + from[1];
    x[1] = from[0] - from[1];
    x[2] = tg_chance_uniform(s->chance);
    return *(const int64_t *)s->from_y == *(const int64_t *)s->y ? 0 : 1;
}

static int relabelled(void *ctx, int64_t i, tg_sample *s)
{
    (void)ctx, (void)i;
    *(int64_t *)s->y += 1;
    return 0;
}

static void test_map(void **state)
{
    (void)state;
    tg_tape       *t = quiet(TG_F64);
    int64_t        bad = -1;
    tg_map_options o = {.fn = mapped, .ctx = &bad, .x_dtype = TG_F64, .x_shape = TG_SHAPE(3)};
    tg_dataset    *d = tg_dataset_map(tg_dataset_map(counted(t, 50), &o), &(tg_map_options){.fn = relabelled});
    double         drawn[2][50];
    tg_tensor     *x, *y;
    assert_int_equal(tg_dataset_shape(d)->dim[1], 3);
    for (int run = 0; run < 2; run++) { /* another order and size of batches: the same random numbers */
        tg_loader *l = loader(d, (tg_loader_options){.batch = run ? 7 : 13, .seed = 3, .shuffle = run});
        while (tg_next(l, &x, &y))
            for (int64_t i = 0; i < tg_dim(x, 0); i++) {
                const double *row = tg_data_f64(x) + 3 * i;
                const int64_t sample = (int64_t)row[1] / 2;
                assert_int_equal(tg_data_i64(y)[i], 3 * sample + 1);
                assert_true(row[0] == 0 && row[1] == 2 * (double)sample);
                drawn[run][sample] = row[2];
            }
        assert_null(tg_error(t));
    }
    assert_memory_equal(drawn[0], drawn[1], sizeof drawn[0]);
    for (int i = 1; i < 50; i++) assert_true(drawn[0][i] != drawn[0][i - 1] && drawn[0][i] >= 0 && drawn[0][i] < 1);
    bad = 9;
    tg_loader *l = loader(d, (tg_loader_options){.batch = 8});
    assert_true(tg_next(l, &x, &y));
    assert_false(tg_next(l, &x, &y));
    expect_error(t, TG_ERR_ARG, "tg_next: the function of tg_dataset_map answered 7 for sample 9");
    expect_failure(t, tg_dataset_get(d, 9, &x, &y), TG_ERR_ARG, "answered 7");
    bad = -1;
    assert_true(tg_next(l, &x, &y)); /* the same batch again */
    assert_true(tg_data_f64(x)[1] == 16);
    tg_tape_free(t);
}

static tg_tape *misused;
static int misuses(void *ctx, int64_t i, tg_sample *s)
{
    (void)ctx, (void)i, (void)s;
    return tg_ones(misused, TG_SHAPE(2)) ? 0 : 2;
}

static void test_map_refused(void **state)
{
    (void)state;
    tg_tape    *t = misused = quiet(TG_F32);
    tg_dataset *d = counted(t, 5);
    tg_tensor  *x, *y;
    assert_null(tg_dataset_map(NULL, NULL));
    assert_null(tg_dataset_map(d, NULL));
    expect_error(t, TG_ERR_NULL, "options is NULL");
    assert_null(tg_dataset_map(d, &(tg_map_options){0}));
    expect_error(t, TG_ERR_NULL, "fn is NULL");
    assert_null(tg_dataset_map(d, &(tg_map_options){.fn = mapped, .x_shape = TG_SHAPE(-1)}));
    expect_error(t, TG_ERR_SHAPE, "x_shape [-1] is not the shape of a sample");
    assert_null(tg_dataset_map(d, &(tg_map_options){.fn = mapped, .y_shape = TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1)}));
    expect_error(t, TG_ERR_SHAPE, "up to 7 axes");
    assert_null(tg_dataset_map(d, &(tg_map_options){.fn = mapped, .x_shape = TG_SHAPE(INT64_MAX)}));
    expect_error(t, TG_ERR_SHAPE, "fit into memory");
    assert_null(tg_dataset_map(d, &(tg_map_options){.fn = mapped, .y_dtype = TG_NDTYPES, .y_shape = TG_SHAPE(1)}));
    expect_error(t, TG_ERR_DTYPE, "y_dtype is 7, which is no dtype");
    assert_int_equal(tg_dataset_get(tg_dataset_map(d, &(tg_map_options){.fn = misuses}), 0, &x, &y), TG_ERR_ARG);
    expect_error(t, TG_ERR_ARG, "called from inside the function of tg_dataset_map");
    tg_tape_free(t);
}

static void test_chance(void **state)
{
    (void)state;
    assert_true(isnan(tg_chance_uniform(NULL)) && isnan(tg_chance_normal(NULL)));
    assert_int_equal(tg_chance_below(NULL, 5), -1);
}

/* ---- memory -------------------------------------------------------------------------------------------------------- */

static bool use(tg_tape *t)
{
    int64_t     bad = -1;
    tg_dataset *d = counted_or_none(t, 20), *out[2] = {NULL, NULL}, *a = NULL, *b = NULL;
    tg_dataset *m = tg_dataset_map(d, &(tg_map_options){.fn = mapped, .ctx = &bad, .x_dtype = TG_F64, .x_shape = TG_SHAPE(3)});
    tg_dataset *both = m && tg_stratified_split(m, (double[]){0.5, 0.5}, 2, 1, out) == TG_OK ? tg_dataset_concat(out, 2) : NULL;
    tg_dataset *last = both && tg_k_fold(both, &(tg_fold_options){.stratified = true}, &a, &b) == TG_OK ? tg_dataset_range(a, 1, 14) : NULL;
    tg_loader  *l = tg_loader_new(last, &(tg_loader_options){.balanced = true, .batch = 4});
    tg_tensor  *x, *y;
    int64_t     n = 0;
    while (l && tg_next(l, &x, &y)) n += tg_numel(y);
    const bool good = n == 14 && tg_dataset_tensors(last, &x, &y) == TG_OK;
    assert_true(good == !tg_error(t));
    if (!good) expect_error(t, TG_ERR_MEMORY, "out of memory");
    tg_loader_free(l);
    tg_dataset *all[] = {d, m, out[0], out[1], both, a, b, last};
    for (size_t k = 0; k < COUNT(all); k++) tg_dataset_free(all[k]);
    tg_reset(t);
    return good;
}

static void test_allocations_fail(void **state)
{
    (void)state;
    long failures = 0;
    for (long k = 1;; k++, failures++) {
        failing  f = {.left = -1, .once = true};
        tg_tape *t = failing_tape(&f, TG_F32);
        assert_non_null(t);
        f.left = k - 1;
        const bool good = use(t);
        f.left = -1;
        assert_true(use(t));
        tg_tape_free(t);
        assert_int_equal(f.held, 0);
        if (good) break;
    }
    assert_true(failures >= 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tensors),
        cmocka_unit_test(test_dtypes),
        cmocka_unit_test(test_tensors_refused),
        cmocka_unit_test(test_subset_and_range),
        cmocka_unit_test(test_random_split),
        cmocka_unit_test(test_split_refused),
        cmocka_unit_test(test_folds),
        cmocka_unit_test(test_concat),
        cmocka_unit_test(test_map),
        cmocka_unit_test(test_map_refused),
        cmocka_unit_test(test_chance),
        cmocka_unit_test(test_allocations_fail),
    };
    return cmocka_run_group_tests_name("views", tests, NULL, NULL);
}
