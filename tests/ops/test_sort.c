/* test_sort.c - tg_sort: values and places in every dtype and layout against a model, equals, zeros, infinities and NaNs to the bit, long
 * lines and many of them, gradients, errors. */
#include "op_test.h"

#include "ops/ops.h"

/* ---- the model ----------------------------------------------------------------------------------------------------- */

/* Does a come before b, wherever they are? NaN is the largest. */
static bool before(double a, double b, bool descending)
{
    const bool smaller = isnan(b) ? !isnan(a) : a < b, larger = isnan(a) ? !isnan(b) : a > b;
    return descending ? larger : smaller;
}

/* The places along the axis in their order, by insertion: an element passes those that it comes before. */
static void model_places(const tg_shape *s, const double *x, int axis, bool descending, double *places)
{
    for (int64_t i = 0; i < count_of(s); i++) {
        int64_t at[TG_MAX_RANK] = {0}, k;
        coordinates(s, i, at);
        const int64_t own = at[axis];
        for (k = own; k > 0; k--) {
            at[axis]             = k - 1;
            const int64_t to     = position(s, at);
            int64_t       was[TG_MAX_RANK];
            memcpy(was, at, sizeof was);
            was[axis] = (int64_t)places[to];
            if (!before(x[i], x[position(s, was)], descending)) break;
            at[axis]                = k;
            places[position(s, at)] = places[to];
        }
        at[axis]                = k;
        places[position(s, at)] = (double)own;
    }
}

static void model_values(const tg_shape *s, const double *x, int axis, const double *places, double *values)
{
    for (int64_t i = 0; i < count_of(s); i++) {
        int64_t at[TG_MAX_RANK] = {0};
        coordinates(s, i, at);
        at[axis]  = (int64_t)places[i];
        values[i] = x[position(s, at)];
    }
}

/* The first elements of each line are those of the sorted line, however few of them are asked for: some are found without sorting the others. */
static void assert_first(tg_tensor *x, tg_dtype d, const tg_shape *s, const double *values, const double *places, int axis, bool descending)
{
    static double first[MOST], first_places[MOST];
    const int64_t n = s->dim[axis], counts[] = {0, 1, 2, 17, n / 5, n / 4, n / 4 + 1, n};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        tg_tensor *place = NULL;
        tg_shape   part = *s;
        if ((part.dim[axis] = counts[c]) > n) continue;
        for (int64_t i = 0; i < count_of(&part); i++) {
            int64_t at[TG_MAX_RANK] = {0};
            coordinates(&part, i, at);
            first[i]        = values[position(s, at)];
            first_places[i] = places[position(s, at)];
        }
        assert_values(tg_topk(x, counts[c], axis, descending, &place), d, &part, first, 0);
        assert_values(place, TG_I64, &part, first_places, 0);
    }
}

static void assert_sorts(tg_tensor *x, tg_dtype d, const tg_shape *s, const double *v, int axis, bool descending)
{
    static double places[MOST], values[MOST];
    tg_tensor    *place = NULL, *y = tg_sort(x, axis, descending, &place);
    model_places(s, v, axis, descending, places);
    model_values(s, v, axis, places, values);
    assert_values(y, d, s, values, 0);
    assert_values(place, TG_I64, s, places, 0);
    assert_values(tg_sort(x, axis - s->rank, descending, NULL), d, s, values, 0);
    assert_first(x, d, s, values, places, axis, descending);
}

/* ---- values -------------------------------------------------------------------------------------------------------- */

static const tg_shape shapes[] = {{1, {1}},       {1, {5}},       {1, {95}},          {1, {96}},         {1, {97}},   {1, {700}},
                                  {1, {0}},       {2, {3, 0}},    {2, {0, 3}},        {2, {3, 99}},      {2, {99, 3}}, {2, {1, 130}},
                                  {3, {2, 98, 2}}, {3, {2, 1, 4}}, {4, {2, 2, 97, 2}}, {5, {2, 1, 3, 2, 2}}};
enum { N_SHAPES = sizeof shapes / sizeof *shapes };

/* Few different values, so that there are many equals, or many, with some of the largest and smallest that the dtype has. */
static void fill(double *x, int64_t n, tg_dtype d, bool few, uint64_t *seed)
{
    static const double odd[][8] = {
        [TG_F32]  = {NAN, INFINITY, -INFINITY, 0, -0.0, 0x1p-149, -0x1p-149, 3e38},
        [TG_F64]  = {NAN, INFINITY, -INFINITY, 0, -0.0, 0x1p-1074, -0x1p-1074, -1e308},
        [TG_I64]  = {-0x1p63, -0x1p62, 0x1p62, 0, -1, 1, 0x1p32, -0x1p32},
        [TG_I32]  = {-0x1p31, 0x1p31 - 1, 0, -1, 1, 256, 65536, -65536},
        [TG_U8]   = {0, 255, 127, 128, 1, 2, 3, 4},
        [TG_BOOL] = {0, 1, 0, 1, 0, 1, 0, 1},
        [TG_I16]  = {-0x1p15, 0x1p15 - 1, 0, -1, 1, 255, 256, -256},
    };
    for (int64_t i = 0; i < n; i++) {
        const double v = few ? (double)draw(seed, 5) : (double)draw(seed, 2000001) / 1024;
        x[i]           = d == TG_BOOL ? (double)draw(seed, 2) : d == TG_U8 ? floor(fmod(v, 256)) : d > TG_F64 ? floor(v) - 900 : v - 900;
        if (draw(seed, 4) == 0) x[i] = odd[d][draw(seed, 8)];
    }
}

static void test_values(void **state)
{
    static double x[MOST];
    uint64_t      seed = 7;
    (void)state;
    for (tg_dtype d = TG_F32; d < TG_NDTYPES; d++)
        for (int k = 0; k < 2 * N_SHAPES; k++) {
            const tg_shape *s = &shapes[k / 2];
            tg_tape        *t = quiet(TG_F32);
            fill(x, count_of(s), d, k % 2, &seed);
            if (d == TG_F32)
                for (int64_t i = 0; i < count_of(s); i++) x[i] = (double)(float)x[i];
            for (int axis = 0; axis < s->rank; axis++)
                for (layout l = PLAIN; l < N_LAYOUTS; l++)
                    for (int descending = 0; descending < 2; descending++) assert_sorts(laid(t, d, s, x, l), d, s, x, axis, descending);
            tg_tape_free(t);
        }
}

/* Bits that are no part of the order: the signs of zeros and NaNs, the payloads of NaNs. */
static void test_bits(void **state)
{
    const uint32_t x[]    = {0x7fc00001, 0x80000000, 0xffc00002, 0, 0x3f800000, 0x7f812345, 0x80000000, 0xff800000, 0x7f800000, 1, 0x80000001};
    const uint32_t up[]   = {0xff800000, 0x80000001, 0x80000000, 0, 0x80000000, 1, 0x3f800000, 0x7f800000, 0x7fc00001, 0xffc00002, 0x7f812345};
    const uint32_t down[] = {0x7fc00001, 0xffc00002, 0x7f812345, 0x7f800000, 0x3f800000, 1, 0x80000000, 0, 0x80000000, 0x80000001, 0xff800000};
    const int64_t  places[2][11] = {{7, 10, 1, 3, 6, 9, 4, 8, 0, 2, 5}, {0, 2, 5, 8, 4, 9, 1, 3, 6, 10, 7}};
    tg_tape       *t = quiet(TG_F32);
    (void)state;
    for (int descending = 0; descending < 2; descending++)
        for (int repeats = 1; repeats <= 9; repeats += 8) { /* long enough for the other way to sort */
            uint32_t   many[99], *to = many;
            tg_tensor *place;
            for (int k = 0; k < repeats; k++, to += 11) memcpy(to, x, sizeof x);
            tg_tensor *y = tg_sort(tg_from_data(t, TG_F32, TG_SHAPE(11 * repeats), many), 0, descending, &place);
            const float *v = tg_data_f32(y);
            if (repeats == 1) {
                assert_memory_equal(v, descending ? down : up, sizeof x);
                assert_memory_equal(tg_data_i64(place), places[descending], sizeof places[0]);
            }
            for (int k = 0; k < 11 * repeats; k++) assert_memory_equal(v + k, many + tg_data_i64(place)[k], 4);
            for (int k = 1; k < 11 * repeats; k++)
                assert_true(before((double)v[k - 1], (double)v[k], descending) ||
                            (!before((double)v[k], (double)v[k - 1], descending) && tg_data_i64(place)[k - 1] < tg_data_i64(place)[k]));
        }
    const uint64_t wide[] = {0xfff8000000000001, 0x8000000000000000, 0, 0x7ff0000000000001}, sorted[] = {wide[1], wide[2], wide[0], wide[3]};
    assert_memory_equal(tg_data(tg_sort(tg_from_data(t, TG_F64, TG_SHAPE(4), wide), 0, false, NULL)), sorted, sizeof sorted);
    tg_tape_free(t);
}

/* Every digit of a key counts, alone and with the others: integers that differ in one byte, and in all. */
static void test_digits(void **state)
{
    enum { N = 256 };
    tg_tape *t = quiet(TG_F32);
    int64_t  x[N];
    (void)state;
    for (int byte = 0; byte < 9; byte++) {
        for (int64_t k = 0; k < N; k++) {
            const uint64_t v = (uint64_t)(k * 167 % N); /* each once */
            x[k]             = (int64_t)(byte < 8 ? v << 8 * byte : v * UINT64_C(0x0101010101010101));
        }
        for (int descending = 0; descending < 2; descending++) {
            tg_tensor     *place;
            const int64_t *y = tg_data_i64(tg_sort(tg_from_i64(t, TG_SHAPE(N), x), 0, descending, &place));
            for (int k = 1; k < N; k++) assert_true(descending ? y[k] < y[k - 1] : y[k] > y[k - 1]);
            for (int k = 0; k < N; k++) assert_true(x[tg_data_i64(place)[k]] == y[k]);
        }
    }
    tg_tape_free(t);
}

/* Enough for several threads, along either axis: each line as it is sorted alone. */
static void test_many_lines(void **state)
{
    enum { ROWS = 300, COLUMNS = 2000 };
    tg_tape *t = quiet(TG_F32);
    (void)state;
    for (int axis = 0; axis < 2; axis++) {
        tg_tensor     *x = tg_randn(t, TG_SHAPE(ROWS, COLUMNS)), *place, *y = tg_sort(x, axis, axis == 0, &place);
        const int64_t  n = axis ? COLUMNS : ROWS, lines = axis ? ROWS : COLUMNS, step = axis ? 1 : COLUMNS, apart = axis ? COLUMNS : 1;
        const float   *in = tg_data_f32(x), *v = tg_data_f32(y);
        const int64_t *p = tg_data_i64(place);
        char           seen[COLUMNS];
        for (int64_t line = 0; line < lines; line++) {
            memset(seen, 0, sizeof seen);
            for (int64_t k = 0; k < n; k++) {
                const int64_t at = line * apart + k * step;
                assert_true(p[at] >= 0 && p[at] < n && !seen[p[at]]++);
                assert_true(v[at] == in[line * apart + p[at] * step]);
                if (k) assert_true(axis ? v[at - step] <= v[at] : v[at - step] >= v[at]);
            }
        }
    }
    tg_tape_free(t);
}

/* ---- gradients ----------------------------------------------------------------------------------------------------- */

/* To each element what arrives where it went: equals keep theirs apart, NaN and infinities are like any other. */
static void test_gradient(void **state)
{
    tg_tape *t = quiet(TG_F64);
    (void)state;
    for (tg_dtype d = TG_F32; d <= TG_F64; d++) {
        const double v[] = {2, NAN, 1, 2, -INFINITY, 2, 0, -0.0}, up[] = {5, 80, 4, 6, 1, 7, 2, 3}, down[] = {2, 1, 5, 3, 80, 4, 6, 7};
        tg_tensor   *x    = tg_set_requires_grad(tensor(t, d, TG_SHAPE(2, 4), v), true), *flat = tg_reshape(x, TG_SHAPE(8)), *place;
        tg_tensor   *seed = tensor(t, d, TG_SHAPE(8), (double[]){1, 2, 3, 4, 5, 6, 7, 80});
        tg_tensor   *y    = tg_sort(flat, 0, false, &place);
        assert_values(y, d, TG_SHAPE(8), (double[]){-INFINITY, 0, 0, 1, 2, 2, 2, NAN}, 0);
        assert_true(tg_requires_grad(y) && !tg_requires_grad(place));
        assert_values(gradient(y, seed, x), d, TG_SHAPE(2, 4), up, 0);
        assert_values(gradient(tg_sort(flat, 0, true, NULL), seed, x), d, TG_SHAPE(2, 4), down, 0);
        assert_values(gradient(tg_sort(x, 0, false, NULL), tg_reshape(seed, TG_SHAPE(2, 4)), x), d, TG_SHAPE(2, 4),
                      (double[]){5, 6, 7, 80, 1, 2, 3, 4}, 0);
    }
    tg_tensor *none = tg_set_requires_grad(tg_zeros(t, TG_SHAPE(3, 0)), true);
    assert_values(gradient(tg_sort(none, 1, false, NULL), tg_zeros(t, TG_SHAPE(3, 0)), none), TG_F64, TG_SHAPE(3, 0), NULL, 0);
    tg_tape_free(t);
}

/* The values, and something else in their order. */
static tg_status both_sorted(void *ctx, tg_tensor *const *in, tg_tensor **out)
{
    const int *how = ctx;
    tg_tensor *place;
    out[0] = tg_square(tg_sort(in[0], how[0], how[1], &place));
    out[1] = tg_mul(tg_gather(in[1], how[0], place), out[0]);
    return out[1] ? TG_OK : TG_ERR_MEMORY;
}

static void test_second_derivative(void **state)
{
    tg_tape *t = quiet(TG_F64);
    (void)state;
    for (int axis = 0; axis < 2; axis++)
        for (int descending = 0; descending < 2; descending++) {
            int                 how[] = {axis, descending};
            tg_tensor          *in[2];
            tg_gradcheck_report r;
            double              v[20];
            for (int k = 0; k < 20; k++) v[k] = k * 7 % 20 / 8.0 - 1; /* far apart, beside gradcheck's step */
            in[0] = tg_set_requires_grad(tg_from_f64(t, TG_SHAPE(4, 5), v), true);
            in[1] = tg_set_requires_grad(tg_randn(t, TG_SHAPE(4, 5)), true);
            if (tg_gradcheck_several(both_sorted, how, 2, in, 2, &(tg_gradcheck_options){.order = 2}, &r)) fail_msg("%s", r.text);
            assert_true(r.ok);
        }
    tg_tape_free(t);
}

/* ---- errors -------------------------------------------------------------------------------------------------------- */

static void test_errors(void **state)
{
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *x = tg_zeros(t, TG_SHAPE(2, 3)), *place = x;
    (void)state;
    assert_error(t, tg_sort(x, 2, false, &place), TG_ERR_SHAPE, "tg_sort: axis 2 is outside the 2 axes of the input [2,3]");
    assert_null(place);
    assert_error(t, tg_sort(x, -3, true, NULL), TG_ERR_SHAPE, "tg_sort: axis -3 is outside the 2 axes of the input [2,3]");
    assert_error(t, tg_sort(tg_scalar(t, 1), 0, false, NULL), TG_ERR_SHAPE, "tg_sort: axis 0 is outside the 0 axes of the input []");
    static const int64_t wrong[][3] = {{2, 0, 2}, {-1, 0, 2}, {0, 2, 2}, {0, -1, 2}, {0, 0, 3}, {0, 0, -1}};
    for (int k = 0; k < 6; k++)
        assert_error(t, tg_record(&tg_op_sort, &x, 1, wrong[k], sizeof wrong[k]), TG_ERR_ARG,
                     "tg_sort: the attributes are not an axis of the input, a direction and a number of elements (input [2,3] float32)");
    assert_error(t, tg_record(&tg_op_sort, &x, 1, wrong[0], 8), TG_ERR_ARG,
                 "tg_sort: the attributes are not an axis of the input, a direction and a number of elements (input [2,3] float32)");
    place = x;
    assert_null(tg_sort(NULL, 0, false, &place));
    assert_null(place);
    assert_null(tg_error(t));
    assert_int_equal(tg_reset(t), TG_OK);
    assert_null(tg_sort(x, 0, false, NULL));
    assert_int_equal(tg_error_status(t), TG_ERR_STALE);
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),     cmocka_unit_test(test_bits),     cmocka_unit_test(test_digits),
        cmocka_unit_test(test_many_lines), cmocka_unit_test(test_gradient), cmocka_unit_test(test_second_derivative),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
