/* test_order_ops.c - topk, kthvalue, median and quantiles, also without NaN, unique, searchsorted, isin, bincount, histc: places, NaNs, ties, gradients there, numbers of
 * results that change, and wrong calls. Values and gradients elsewhere are those of samples_order.c. */
#include "op_test.h"

static void test_ranks(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(VECTOR(t, 3, 1, 3, NAN, 2), true), *place;
    (void)state;
    assert_f64(tg_topk(x, 3, 0, true, &place), TG_SHAPE(3), NAN, 3, 3);
    assert_values(place, TG_I64, TG_SHAPE(3), (double[]){3, 0, 2}, 0);
    assert_f64(tg_topk(x, 2, 0, false, &place), TG_SHAPE(2), 1, 2);
    assert_values(place, TG_I64, TG_SHAPE(2), (double[]){1, 4}, 0);
    assert_f64(tg_kthvalue(x, 3, 0, true, &place), TG_SHAPE(1), 3);
    assert_values(place, TG_I64, TG_SHAPE(1), (double[]){0}, 0);
    assert_f64(gradient(tg_kthvalue(x, 4, 0, false, NULL), tg_scalar(t, 7), x), TG_SHAPE(5), 0, 0, 7, 0, 0);
    assert_values(tg_argsort(x, 0, true), TG_I64, TG_SHAPE(5), (double[]){3, 0, 2, 4, 1}, 0);
    tg_tape_free(t);
}

/* NaN where there is one, whose element the gradient goes to. */
static void test_middles(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(2, 4), (double[]){4, 1, 3, 2, 1, NAN, 0, INFINITY}), true), *place;
    (void)state;
    assert_f64(tg_median(x, 1, false, &place), TG_SHAPE(2), 2, NAN);
    assert_values(place, TG_I64, TG_SHAPE(2), (double[]){3, 1}, 0);
    assert_f64(gradient(tg_median(x, 1, false, NULL), VECTOR(t, 5, 6), x), TG_SHAPE(2, 4), 0, 0, 0, 5, 0, 6, 0, 0);
    assert_f64(tg_quantile(x, 0.5, 1, false), TG_SHAPE(2), 2.5, NAN);
    assert_f64(tg_quantile(x, 0.25, 1, true), TG_SHAPE(2, 1), 1.75, NAN);
    assert_f64(tg_quantile(x, 1, 1, false), TG_SHAPE(2), 4, NAN);
    assert_f64(gradient(tg_quantile(tg_slice(x, 0, 0, 1, 1), 0.25, 1, false), VECTOR(t, 4), x), TG_SHAPE(2, 4), 0, 1, 0, 3, 0, 0, 0, 0);
    assert_f64(tg_quantile(VECTOR(t, -INFINITY, 1, INFINITY), 0.5, 0, false), TG_SCALAR_SHAPE, 1);
    assert_values(tg_median(tensor(t, TG_U8, TG_SHAPE(4), (double[]){9, 1, 5, 3}), 0, false, NULL), TG_U8, TG_SCALAR_SHAPE, (double[]){3}, 0);
    tg_tape_free(t);
}

/* Of what is no NaN; where all are, one. */
static void test_without_nan(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(3, 4), (double[]){4, NAN, 3, 2, NAN, NAN, NAN, NAN, 1, NAN, INFINITY, -INFINITY}), true), *place;
    (void)state;
    assert_f64(tg_nanmedian(x, 1, false, &place), TG_SHAPE(3), 3, NAN, 1);
    assert_values(tg_slice(place, 0, 0, INT64_MAX, 2), TG_I64, TG_SHAPE(2), (double[]){2, 0}, 0);
    assert_f64(tg_nanquantile(x, 0.75, 1, true), TG_SHAPE(3, 1), 3.5, NAN, INFINITY);
    assert_f64(tg_nanquantiles(x, (double[]){0, 1, 0.5}, 3, 1, false), TG_SHAPE(3, 3), 2, NAN, -INFINITY, 4, NAN, INFINITY, 3, NAN, 1);
    assert_f64(gradient(tg_select(tg_nanquantile(x, 0.75, 1, false), 0, 0), tg_scalar(t, 8), x), TG_SHAPE(3, 4), 4, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    assert_f64(tg_quantiles(x, (double[]){0.5, 1}, 2, 1, false), TG_SHAPE(2, 3), NAN, NAN, NAN, NAN, NAN, NAN);
    assert_f64(tg_quantiles(tg_where(tg_isnan(x), tg_zeros_like(x), x), (double[]){0.5, 1}, 2, 1, true), TG_SHAPE(2, 3, 1), 2.5, 0, 0.5, 4, 0, INFINITY);
    assert_values(tg_nanmedian(tensor(t, TG_U8, TG_SHAPE(4), (double[]){9, 1, 5, 3}), 0, false, NULL), TG_U8, TG_SCALAR_SHAPE, (double[]){3}, 0);
    tg_tape_free(t);
}

/* Other numbers take the same plan. */
static void test_quantiles_in_a_loop(void **state)
{
    tg_tape *t = quiet(TG_F64);
    (void)state;
    for (int k = 0; k <= 8; k++) {
        const double q[] = {k / 8.0, 1 - k / 8.0};
        assert_f64(tg_quantiles(VECTOR(t, 8, 0), q, 2, 0, false), TG_SHAPE(2), k, 8 - k);
        assert_int_equal(tg_reset(t), TG_OK);
    }
    tg_tape_free(t);
}

/* How many there are changes from step to step. */
static void test_unique(void **state)
{
    static const double data[][4] = {{2, 1, 2, 1}, {2, 1, 2, 1}, {3, 3, 3, 3}, {4, 3, 2, 1}, {0, -0.0, 7, 0}, {7, 7, 1, 7}};
    static const double want[][4] = {{1, 2}, {1, 2}, {3}, {1, 2, 3, 4}, {0, 7}, {1, 7}}, often[][4] = {{2, 2}, {2, 2}, {4}, {1, 1, 1, 1}, {3, 1}, {1, 3}};
    static const int    n[] = {2, 2, 1, 4, 2, 2};
    tg_tape            *t = quiet(TG_F64);
    (void)state;
    for (int round = 0; round < 3; round++)
        for (int k = 0; k < 6; k++) {
            tg_tensor *inverse, *counts, *x = tg_reshape(VECTOR(t, data[k][0], data[k][1], data[k][2], data[k][3]), TG_SHAPE(2, 2));
            tg_tensor *y = tg_unique(tg_mT(x), &inverse, &counts);
            assert_values(y, TG_F64, TG_SHAPE(n[k]), want[k], 0);
            assert_values(counts, TG_I64, TG_SHAPE(n[k]), often[k], 0);
            assert_values(tg_index_select(y, 0, tg_flatten(inverse, 0, 1)), TG_F64, TG_SHAPE(4), (double[]){data[k][0], data[k][2], data[k][1], data[k][3]}, 0);
            assert_int_equal(tg_reset(t), TG_OK);
        }
    assert_f64(tg_unique(VECTOR(t, NAN, 1, NAN), NULL, NULL), TG_SHAPE(3), 1, NAN, NAN);
    assert_values(tg_unique(tensor(t, TG_I32, TG_SHAPE(3), (double[]){5, -5, 5}), NULL, NULL), TG_I32, TG_SHAPE(2), (double[]){-5, 5}, 0);
    assert_values(tg_unique(tg_zeros(t, TG_SHAPE(0)), NULL, NULL), TG_F64, TG_SHAPE(0), NULL, 0);
    tg_tape_free(t);
}

static void test_places_in_order(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *sorted = VECTOR(t, -INFINITY, 1, 1, 2, NAN, NAN), *v = VECTOR(t, -INFINITY, 1, 1.5, 3, NAN);
    (void)state;
    assert_values(tg_searchsorted(sorted, v, false), TG_I64, TG_SHAPE(5), (double[]){0, 1, 3, 4, 4}, 0);
    assert_values(tg_searchsorted(sorted, v, true), TG_I64, TG_SHAPE(5), (double[]){1, 3, 3, 4, 6}, 0);
    assert_values(tg_isin(v, sorted), TG_BOOL, TG_SHAPE(5), (double[]){1, 1, 0, 0, 0}, 0);
    assert_values(tg_isin(v, tg_zeros(t, TG_SHAPE(0))), TG_BOOL, TG_SHAPE(5), (double[]){0, 0, 0, 0, 0}, 0);
    assert_values(tg_histc(VECTOR(t, 0, 0.5, 1, 2, 2.5, -1, NAN, INFINITY), 2, 0, 2), TG_F64, TG_SHAPE(2), (double[]){2, 2}, 0);
    assert_values(tg_histc(VECTOR(t, 3, -1, NAN, 1, INFINITY, 3), 4, 0, 0), TG_F64, TG_SHAPE(4), (double[]){1, 0, 1, 2}, 0);
    assert_values(tg_histc(VECTOR(t, 5, 5), 4, 0, 0), TG_F64, TG_SHAPE(4), (double[]){0, 0, 2, 0}, 0);
    for (int given = 0; given < 2; given++) { /* of a range that is no number */
        const double most = given ? 1.5e308 : 0;
        assert_values(tg_histc(VECTOR(t, -1.5e308, -1e308, 1, 1e308, 1.5e308), 4, -most, most), TG_F64, TG_SHAPE(4), (double[]){2, 0, 1, 2}, 0);
    }
    assert_values(tg_histc(VECTOR(t, 0, 4e-320, 1e-320), 4, 0, 0), TG_F64, TG_SHAPE(4), (double[]){1, 1, 0, 1}, 0);
    assert_values(tg_histc(VECTOR(t, NAN, -INFINITY, INFINITY), 2, 0, 0), TG_F64, TG_SHAPE(2), (double[]){0, 0}, 0);
    tg_tensor *x = VECTOR(t, 0, 0.5, 1, 2, 2.5, -1, NAN, INFINITY), *edges = VECTOR(t, 0, 1, 1, 2), *w = tg_set_requires_grad(tg_ones_like(x), true);
    assert_values(tg_histogram(x, edges, NULL), TG_I64, TG_SHAPE(3), (double[]){2, 0, 2}, 0);
    assert_f64(gradient(tg_histogram(x, edges, w), VECTOR(t, 3, 4, 5), w), TG_SHAPE(8), 3, 3, 5, 5, 0, 0, 0, 0);
    assert_values(tg_histogram(x, VECTOR(t, -INFINITY, INFINITY), NULL), TG_I64, TG_SHAPE(1), (double[]){7}, 0);
    assert_values(tg_histogram(tensor(t, TG_U8, TG_SHAPE(3), (double[]){1, 2, 3}), tensor(t, TG_U8, TG_SHAPE(2), (double[]){2, 3}), NULL), TG_I64, TG_SHAPE(1),
                  (double[]){2}, 0);
    tg_tape_free(t);
}

#define WRONG(STATUS, CALL, SENTENCE) assert_error(t, CALL, TG_ERR_##STATUS, SENTENCE)

static void test_errors(void **state)
{
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *x = tg_zeros(t, TG_SHAPE(2, 3)), *none = tg_zeros(t, TG_SHAPE(2, 0)), *i = tg_arange(t, TG_I64, 3), *place = x;
    (void)state;
    WRONG(SHAPE, tg_argsort(x, 2, false), "tg_argsort: axis 2 is outside the 2 axes of the input [2,3]");
    WRONG(SHAPE, tg_msort(tg_scalar(t, 1)), "tg_msort: axis 0 is outside the 0 axes of the input []");
    WRONG(ARG, tg_topk(x, 4, 1, true, &place), "tg_topk: 4 elements are not possible; axis 1 has 3");
    assert_null(place);
    WRONG(ARG, tg_kthvalue(x, 0, 1, true, NULL), "tg_kthvalue: there is no element number 0; axis 1 has 3");
    WRONG(SHAPE, tg_median(none, 1, false, NULL), "tg_median: axis 1 has no elements, and so no middle");
    WRONG(SHAPE, tg_quantile(none, 0.5, 1, false), "tg_quantile: axis 1 has no elements, and so no middle");
    WRONG(ARG, tg_quantile(x, NAN, 1, false), "tg_quantile: nan is not within 0 and 1");
    WRONG(DTYPE, tg_quantile(i, 0.5, 0, false), "tg_quantile: takes float32 or float64, got int64; tg_to(x, TG_F32) converts");
    WRONG(ARG, tg_quantiles(x, (double[]){0.5, 1.5}, 2, 1, false), "tg_quantiles: 1.5 is not within 0 and 1");
    WRONG(ARG, tg_quantiles(x, (double[]){0.5}, 0, 1, false), "tg_quantiles: needs a list of at least one number");
    WRONG(NULL, tg_nanquantiles(x, NULL, 2, 1, false), "tg_nanquantiles: needs a list of at least one number");
    WRONG(SHAPE, tg_quantiles(tg_zeros(t, TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1)), (double[]){0.5}, 1, 0, true),
          "tg_quantiles: the input has 8 axes, and the result would have one more; leave keepdim out");
    WRONG(ARG, tg_nanquantile(x, -1, 1, false), "tg_nanquantile: -1 is not within 0 and 1");
    place = x;
    WRONG(SHAPE, tg_nanmedian(none, 1, false, &place), "tg_nanmedian: axis 1 has no elements, and so no middle");
    assert_null(place);
    WRONG(DTYPE, tg_searchsorted(x, i, true), "tg_searchsorted: the dtypes differ; convert one with tg_to (inputs [2,3] float32, [3] int64)");
    WRONG(SHAPE, tg_searchsorted(x, tg_zeros(t, TG_SHAPE(3, 3)), true),
          "tg_searchsorted: what is sorted must be a vector, or have the values' sizes but on the last axis (inputs [2,3] float32, [3,3] float32)");
    WRONG(DTYPE, tg_isin(x, i), "tg_isin: the dtypes differ: float32 and int64; convert one with tg_to");
    WRONG(ARG, tg_bincount(i, NULL, -1), "tg_bincount: the number of bins is -1; it can't be negative");
    WRONG(SHAPE, tg_bincount(i, x, 3), "tg_bincount: the weights must have the shape of the index");
    WRONG(ARG, tg_histc(x, 0, 0, 1), "tg_histc: 0 parts of 0 to 1 are not possible; 1 and more from a smaller to a larger number are");
    WRONG(ARG, tg_histc(x, 3, 1, 1), "tg_histc: 3 parts of 1 to 1 are not possible; 1 and more from a smaller to a larger number are");
    WRONG(SHAPE, tg_histogram(x, tg_zeros(t, TG_SHAPE(1)), NULL), "tg_histogram: the edges must be a vector of at least 2 numbers");
    WRONG(DTYPE, tg_histogram(x, i, NULL), "tg_histogram: the dtypes differ: float32 and int64; convert one with tg_to");
    assert_error_when_read(t, tg_bincount(i, NULL, 2), TG_ERR_INDEX, "tg_bincount: index 2 at [2] is outside 0 to 1");
    assert_error_when_read(t, tg_bincount(i, tg_zeros(t, TG_SHAPE(3)), 2), TG_ERR_INDEX, "tg_bincount: index 2 at [2] is outside 0 to 1");
    assert_error_when_read(t, tg_bincount(tg_sub_s(i, 1), NULL, 2), TG_ERR_INDEX, "tg_bincount: index -1 at [0] is outside 0 to 1");
    assert_error_when_read(t, tg_bincount(i, NULL, 0), TG_ERR_INDEX, "tg_bincount: index 0 at [0]: there is nothing to index, the size is 0");
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranks), cmocka_unit_test(test_middles), cmocka_unit_test(test_without_nan), cmocka_unit_test(test_quantiles_in_a_loop), cmocka_unit_test(test_unique), cmocka_unit_test(test_places_in_order), cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
