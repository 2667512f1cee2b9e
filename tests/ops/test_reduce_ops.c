/* test_reduce_ops.c - sum, sum_abs, prod, mean, amax, amin, any, all and argmax against loops over coordinates: every set of axes, every dtype, in several
 * layouts, with sizes 0 and 1; NaN, ties, empty reductions, wrong calls. */
#include "op_test.h"

/* ---- the model ---------------------------------------------------------------------------------------------------- */

typedef enum what { SUM, PROD, MEAN, SUM_ABS, AMAX, AMIN, ANY, ALL, WHATS } what;

typedef struct model {
    tg_shape shape, kept; /* without and with the reduced axes */
    double   value[MOST];
    int64_t  count[MOST]; /* that went into it */
} model;

static void model_shapes(model *m, const tg_shape *s, uint32_t axes, bool keepdim)
{
    memset(m, 0, sizeof *m);
    m->kept = *s;
    for (int k = 0; k < s->rank; k++) {
        if (axes >> k & 1) m->kept.dim[k] = 1;
        if (keepdim || !(axes >> k & 1)) m->shape.dim[m->shape.rank++] = m->kept.dim[k];
    }
}

static void model_reduce(model *m, what w, const tg_shape *s, const double *x, uint32_t axes, bool keepdim)
{
    model_shapes(m, s, axes, keepdim);
    for (int64_t o = 0; (w == PROD || w == ALL) && o < count_of(&m->kept); o++) m->value[o] = 1;
    for (int64_t i = 0; i < count_of(s); i++) {
        int64_t at[TG_MAX_RANK] = {0};
        coordinates(s, i, at);
        for (int k = 0; k < s->rank; k++)
            if (axes >> k & 1) at[k] = 0;
        const int64_t o = position(&m->kept, at);
        double       *v = &m->value[o];
        const bool    first = m->count[o]++ == 0;
        if (w == SUM || w == MEAN) *v += x[i];
        else if (w == SUM_ABS) *v += fabs(x[i]);
        else if (w == PROD) *v *= x[i];
        else if (w == ANY) *v = *v != 0 || x[i] != 0;
        else if (w == ALL) *v = *v != 0 && x[i] != 0;
        else if (first || (w == AMAX ? x[i] > *v : x[i] < *v)) *v = x[i];
    }
    for (int64_t o = 0; w == MEAN && o < count_of(&m->kept); o++) m->value[o] /= (double)m->count[o];
}

static tg_tensor *reduce(what w, tg_tensor *x, const tg_axes *axes, bool keepdim)
{
    switch (w) {
    case SUM: return tg_sum(x, axes, keepdim);
    case SUM_ABS: return tg_sum_abs(x, axes, keepdim);
    case PROD: return tg_prod(x, axes, keepdim);
    case MEAN: return tg_mean(x, axes, keepdim);
    case AMAX: return tg_amax(x, axes, keepdim);
    case ANY: return tg_any(x, axes, keepdim);
    case ALL: return tg_all(x, axes, keepdim);
    default: return tg_amin(x, axes, keepdim);
    }
}

/* The axes, every second one counted from the end, in falling order. */
static tg_axes list(const tg_shape *s, uint32_t bits)
{
    tg_axes a = {0};
    for (int k = s->rank; k-- > 0;)
        if (bits >> k & 1) a.axis[a.n++] = k % 2 ? k - s->rank : k;
    return a;
}

static const tg_shape shapes[] = {
    {0, {0}},       {1, {1}},       {1, {7}},       {1, {300}},        {2, {3, 5}},     {2, {5, 1}},          {2, {1, 4}},
    {2, {40, 70}},  {3, {2, 3, 4}}, {3, {3, 1, 2}}, {4, {2, 1, 3, 5}}, {2, {0, 3}},     {2, {3, 0}},          {3, {2, 0, 3}},
    {3, {0, 0, 2}}, {1, {0}},       {3, {5, 7, 9}}, {2, {1, 1}},       {5, {2, 2, 2, 2, 2}}, {8, {2, 1, 2, 1, 2, 1, 2, 3}},
};
enum { N_SHAPES = (int)(sizeof shapes / sizeof *shapes) };

/* ---- values ------------------------------------------------------------------------------------------------------- */

/* Small integers: every sum and comparison is exact in every dtype. Bool and u8 get no negative ones. */
static void fill(double *x, int64_t n, tg_dtype d, uint64_t *seed)
{
    for (int64_t i = 0; i < n; i++) x[i] = d == TG_BOOL ? (double)draw(seed, 2) : (double)(draw(seed, 41) - (d == TG_U8 ? 0 : 20));
}

/* Ones, a zero here and there, and few twos and minus ones: products are exact too. */
static void fill_factors(double *x, int64_t n, tg_dtype d, uint64_t *seed)
{
    for (int64_t i = 0; i < n; i++) {
        const int64_t k = draw(seed, 200);
        x[i] = k == 0 ? 0 : k < 4 && d != TG_BOOL ? 2 : k < 30 && d != TG_BOOL && d != TG_U8 ? -1 : 1;
    }
}

static void check_all(tg_tape *t, what w, tg_dtype d, const tg_shape *s, layout l, const double *x)
{
    static model    m;
    const tg_dtype result = w >= ANY ? TG_BOOL : w <= MEAN && !tg_dtype_is_float(d) ? TG_I64 : d;
    for (uint32_t axes = 0; axes < 1u << s->rank; axes += s->rank > 5 ? 37 : 1)
        for (int keepdim = 0; keepdim < 2; keepdim++) {
            model_reduce(&m, w, s, x, axes, keepdim);
            if ((w == AMAX || w == AMIN) && count_of(s) == 0 && count_of(&m.shape) > 0) continue; /* an error, tested below */
            const tg_axes a = list(s, axes);
            assert_values(reduce(w, laid(t, d, s, x, l), &a, keepdim), result, &m.shape, m.value, w == MEAN ? 1e-5 : 0);
        }
}

static void test_values(void **state)
{
    static double x[MOST];
    uint64_t      seed = 1;
    (void)state;
    for (tg_dtype d = TG_F32; d < TG_NDTYPES; d++)
        for (what w = SUM; w < WHATS; w++)
            for (int k = 0; k < N_SHAPES; k++) {
                if ((w == MEAN || w == SUM_ABS) && !tg_dtype_is_float(d)) continue;
                tg_tape *t = quiet(TG_F32);
                fill(x, count_of(&shapes[k]), d, &seed);
                if (w == PROD) fill_factors(x, count_of(&shapes[k]), d, &seed);
                for (int64_t i = 0; w >= ANY && i < count_of(&shapes[k]); i++) x[i] = (draw(&seed, 8) == 0) != (w == ALL);
                for (layout l = PLAIN; l < N_LAYOUTS; l++) check_all(t, w, d, &shapes[k], l, x);
                tg_tape_free(t);
            }
}

/* An expanded operand has stride 0 on the new axes. */
static void test_expanded(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_expand(tensor(t, TG_F64, TG_SHAPE(3, 1), (double[]){1, 5, 2}), TG_SHAPE(2, 3, 4));
    (void)state;
    assert_f64(tg_sum(x, TG_AXES(0, 2), false), TG_SHAPE(3), 8, 40, 16);
    assert_f64(tg_sum(x, TG_AXES(1), false), TG_SHAPE(2, 4), 8, 8, 8, 8, 8, 8, 8, 8);
    assert_f64(tg_amax(x, TG_ALL_AXES, false), TG_SCALAR_SHAPE, 5);
    assert_f64(tg_mean(x, TG_ALL_AXES, true), TG_SHAPE(1, 1, 1), 8.0 / 3);
    tg_tape_free(t);
}

/* Sums of f32 are carried in f64, but for a few neighbours at a time: 2^24 is where f32 alone would stop counting. */
static void test_sum_is_accurate(void **state)
{
    enum { N = 3000 };
    static double x[N + 1], ones[N];
    tg_tape      *t = quiet(TG_F32);
    double        want = 16777216.0 + N;
    (void)state;
    x[0] = 16777216;
    for (int i = 0; i < N; i++) x[i + 1] = ones[i] = 1;
    assert_values(tg_sum(tensor(t, TG_F32, TG_SHAPE(N + 1), x), TG_ALL_AXES, false), TG_F32, TG_SCALAR_SHAPE, &want, 32);
    want = 1;
    assert_values(tg_mean(tensor(t, TG_F32, TG_SHAPE(N), ones), TG_ALL_AXES, false), TG_F32, TG_SCALAR_SHAPE, &want, 0);
    tg_tape_free(t);
}

static void test_integer_limits(void **state)
{
    const int64_t x[] = {INT64_MAX, INT64_MIN, 5, INT64_MAX};
    tg_tape      *t = quiet(TG_F32);
    tg_tensor    *v = tg_from_i64(t, TG_SHAPE(4), x);
    (void)state;
    assert_int_equal(*tg_data_i64(tg_amax(v, TG_ALL_AXES, false)), INT64_MAX);
    assert_int_equal(*tg_data_i64(tg_amin(v, TG_ALL_AXES, false)), INT64_MIN);
    assert_int_equal(*tg_data_i64(tg_sum(v, TG_ALL_AXES, false)), (int64_t)((uint64_t)INT64_MAX + 4)); /* modulo 2^64 */
    tg_tape_free(t);
}

static void test_special_values(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tensor(t, TG_F64, TG_SHAPE(4, 3), (double[]){NAN, 1, 2, 1, NAN, INFINITY, -INFINITY, -INFINITY, -INFINITY, 2, 3,
                                                               INFINITY});
    (void)state;
    assert_f64(tg_amax(x, TG_AXES(1), false), TG_SHAPE(4), NAN, NAN, -INFINITY, INFINITY);
    assert_f64(tg_amin(x, TG_AXES(1), false), TG_SHAPE(4), NAN, NAN, -INFINITY, 2);
    assert_f64(tg_sum(x, TG_AXES(1), false), TG_SHAPE(4), NAN, NAN, -INFINITY, INFINITY);
    assert_f64(tg_amax(x, TG_AXES(0), false), TG_SHAPE(3), NAN, NAN, INFINITY);
    assert_f64(tg_sum(VECTOR(t, INFINITY, -INFINITY), TG_ALL_AXES, false), TG_SCALAR_SHAPE, NAN);
    assert_f64(tg_sum_abs(x, TG_AXES(1), false), TG_SHAPE(4), NAN, NAN, INFINITY, INFINITY);
    assert_true(!signbit(tg_item(tg_sum_abs(VECTOR(t, -0.0, -0.0), TG_ALL_AXES, false))));
    assert_values(tg_any(VECTOR(t, 0, NAN), TG_ALL_AXES, false), TG_BOOL, TG_SCALAR_SHAPE, (double[]){1}, 0);
    assert_values(tg_all(VECTOR(t, 1, NAN), TG_ALL_AXES, false), TG_BOOL, TG_SCALAR_SHAPE, (double[]){1}, 0);
    assert_values(tg_all(VECTOR(t, -0.0, NAN), TG_ALL_AXES, false), TG_BOOL, TG_SCALAR_SHAPE, (double[]){0}, 0);
    tg_tape_free(t);
}

static void test_over_nothing(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_zeros(t, TG_SHAPE(0, 2));
    (void)state;
    assert_f64(tg_sum(x, TG_AXES(0), false), TG_SHAPE(2), 0, 0);
    assert_f64(tg_sum_abs(x, TG_AXES(0), false), TG_SHAPE(2), 0, 0);
    assert_f64(tg_prod(x, TG_AXES(0), false), TG_SHAPE(2), 1, 1);
    assert_values(tg_any(x, TG_AXES(0), false), TG_BOOL, TG_SHAPE(2), (double[]){0, 0}, 0);
    assert_values(tg_all(x, TG_ALL_AXES, false), TG_BOOL, TG_SCALAR_SHAPE, (double[]){1}, 0);
    assert_values(tg_prod(tg_to(x, TG_BOOL), TG_ALL_AXES, false), TG_I64, TG_SCALAR_SHAPE, (double[]){1}, 0);
    assert_f64(tg_mean(x, TG_AXES(0), false), TG_SHAPE(2), NAN, NAN);
    assert_f64(tg_mean(x, TG_ALL_AXES, false), TG_SCALAR_SHAPE, NAN);
    assert_values(tg_amax(x, TG_AXES(1), false), TG_F64, TG_SHAPE(0), NULL, 0);
    assert_values(tg_argmax(x, 1, true), TG_I64, TG_SHAPE(0, 1), NULL, 0);
    assert_error(t, tg_amax(x, TG_AXES(0), false), TG_ERR_SHAPE,
                 "tg_amax: there is no largest element: a reduced axis has size 0 (input [0,2] float64)");
    assert_error(t, tg_amin(x, TG_ALL_AXES, false), TG_ERR_SHAPE,
                 "tg_amin: there is no smallest element: a reduced axis has size 0 (input [0,2] float64)");
    assert_error(t, tg_argmax(x, 0, false), TG_ERR_SHAPE,
                 "tg_argmax: there is no largest element: a reduced axis has size 0 (input [0,2] float64)");
    tg_tensor *place = x;
    assert_error(t, tg_max(x, 0, false, &place), TG_ERR_SHAPE,
                 "tg_max: there is no largest element: a reduced axis has size 0 (input [0,2] float64)");
    assert_null(place);
    assert_error(t, tg_min(x, 0, false, NULL), TG_ERR_SHAPE,
                 "tg_min: there is no smallest element: a reduced axis has size 0 (input [0,2] float64)");
    assert_values(tg_max(x, 1, false, &place), TG_F64, TG_SHAPE(0), NULL, 0);
    assert_values(place, TG_I64, TG_SHAPE(0), NULL, 0);
    tg_tape_free(t);
}

/* ---- argmax, max and min ------------------------------------------------------------------------------------------------------- */

static void test_argmax(void **state)
{
    static double x[MOST], want[MOST];
    uint64_t      seed = 3;
    (void)state;
    for (tg_dtype d = TG_F32; d < TG_NDTYPES; d++)
        for (int k = 0; k < N_SHAPES; k++) {
            const tg_shape *s = &shapes[k];
            if (count_of(s) == 0) continue;
            tg_tape *t = quiet(TG_F32);
            fill(x, count_of(s), d, &seed);
            for (int axis = 0; axis < s->rank; axis++) {
                static model m, best;
                model_shapes(&m, s, 1u << axis, axis % 2);
                model_reduce(&best, AMAX, s, x, 1u << axis, true);
                for (int64_t i = count_of(s); i-- > 0;) { /* backwards, so that the first of equals stays */
                    int64_t at[TG_MAX_RANK] = {0};
                    coordinates(s, i, at);
                    const int64_t place = at[axis];
                    at[axis] = 0;
                    const int64_t o = position(&m.kept, at);
                    if (x[i] == best.value[o]) want[o] = (double)place;
                }
                for (layout l = PLAIN; l < N_LAYOUTS; l++) {
                    tg_tensor *place, *in = laid(t, d, s, x, l);
                    assert_values(tg_argmax(in, axis - s->rank, axis % 2), TG_I64, &m.shape, want, 0);
                    assert_values(tg_max(in, axis, axis % 2, &place), d, &m.shape, best.value, 0);
                    assert_values(place, TG_I64, &m.shape, want, 0);
                    if (d > TG_F64) continue;
                    assert_values(tg_neg(tg_min(tg_neg(in), axis - s->rank, axis % 2, &place)), d, &m.shape, best.value, 0);
                    assert_values(place, TG_I64, &m.shape, want, 0);
                }
            }
            tg_tape_free(t);
        }
}

static void test_argmax_of_nan(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tensor(t, TG_F64, TG_SHAPE(3, 3), (double[]){1, NAN, NAN, NAN, 5, INFINITY, -INFINITY, -INFINITY, -INFINITY});
    (void)state;
    assert_values(tg_argmax(x, 1, false), TG_I64, TG_SHAPE(3), (double[]){1, 0, 0}, 0);
    assert_false(tg_requires_grad(tg_argmax(tg_set_requires_grad(x, true), 1, false)));
    tg_tape_free(t);
}

/* ---- gradients at ties and corners -------------------------------------------------------------------------------- */

static void test_ties_share(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(2, 4), (double[]){1, 3, 3, 2, 0, 0, 0, 0}), true);
    tg_tensor *seed = VECTOR(t, 6, 8);
    (void)state;
    assert_f64(gradient(tg_amax(x, TG_AXES(1), false), seed, x), TG_SHAPE(2, 4), 0, 3, 3, 0, 2, 2, 2, 2);
    assert_f64(gradient(tg_amin(x, TG_AXES(1), false), seed, x), TG_SHAPE(2, 4), 6, 0, 0, 0, 2, 2, 2, 2);
    assert_f64(gradient(tg_amax(x, TG_ALL_AXES, true), tg_full(t, TG_F64, TG_SHAPE(1, 1), 1), x), TG_SHAPE(2, 4),
               0, 0.5, 0.5, 0, 0, 0, 0, 0);
    tg_tape_free(t);
}

/* ---- sums of absolute values ------------------------------------------------------------------------------------------ */

/* Corners have slope 0. A gradient of 0 stays 0, also at NaN; elsewhere NaN's slope is NaN. */
static void test_gradients_of_sum_abs(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(2, 4), (double[]){3, -2, 0, -0.0, NAN, -INFINITY, INFINITY, 5e-324}), true);
    (void)state;
    assert_f64(gradient(tg_sum_abs(x, TG_AXES(1), false), VECTOR(t, 7, 2), x), TG_SHAPE(2, 4), 7, -7, 0, 0, NAN, -2, 2, 2);
    assert_f64(gradient(tg_sum_abs(x, TG_AXES(1), false), VECTOR(t, 7, 0), x), TG_SHAPE(2, 4), 7, -7, 0, 0, 0, 0, 0, 0);
    assert_f64(gradient(tg_sum_abs(x, TG_AXES(0), false), VECTOR(t, 1, 2, 3, 4), x), TG_SHAPE(2, 4), 1, -2, 0, 0, NAN, -2, 3, 4);
    assert_f64(gradient(tg_sum_abs(x, TG_AXES(0), true), tensor(t, TG_F64, TG_SHAPE(1, 4), (double[]){0, 2, 3, 4}), x), TG_SHAPE(2, 4),
               0, -2, 0, 0, 0, -2, 3, 4);
    assert_f64(gradient(tg_sum_abs(x, &(tg_axes){.n = 0}, false), tg_full(t, TG_F64, TG_SHAPE(2, 4), 2), x), TG_SHAPE(2, 4),
               2, -2, 0, 0, NAN, -2, 2, 2);
    tg_tape_free(t);
}

/* Of f32 they are carried in f64: a term of 1 counts beside 2^24. */
static void test_sum_abs_is_accurate(void **state)
{
    enum { N = 3000 };
    static double x[N + 1];
    tg_tape      *t = quiet(TG_F32);
    (void)state;
    x[0] = -16777216;
    for (int i = 0; i < N; i++) x[i + 1] = i % 2 ? 1 : -1;
    for (int computed = 0; computed < 2; computed++) { /* from memory, and in the pass that makes its operand */
        tg_tensor *v = tensor(t, TG_F32, TG_SHAPE(N + 1), x);
        assert_true(tg_item(tg_sum_abs(computed ? tg_neg(v) : v, TG_ALL_AXES, false)) == 16777216.0 + N);
    }
    tg_tape_free(t);
}

/* ---- products ------------------------------------------------------------------------------------------------------- */

static void test_products(void **state)
{
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *big = tensor(t, TG_F32, TG_SHAPE(4), (double[]){1e30, 1e30, 1e-30, 1e-30}); /* f32 would overflow on the way */
    tg_tensor *i = tensor(t, TG_I32, TG_SHAPE(4), (double[]){-2147483647, -2147483647, 4, 3});
    tg_tensor *n = tensor(t, TG_I16, TG_SHAPE(2, 3), (double[]){-32768, -32768, 4, 32767, -32768, -32766});
    tg_tensor *s = tensor(t, TG_F64, TG_SHAPE(4, 2), (double[]){0, INFINITY, NAN, 2, -0.0, 5, -INFINITY, -3});
    (void)state;
    assert_true(fabs(tg_item(tg_prod(big, TG_ALL_AXES, false)) - 1) < 1e-6);
    assert_true(tg_data_i64(tg_prod(i, TG_ALL_AXES, false))[0] == (int64_t)(UINT64_C(2147483647) * UINT64_C(2147483647) * 12));
    assert_values(tg_prod(n, TG_AXES(1), false), TG_I64, TG_SHAPE(2), (double[]){4294967296, 32767 * 32768.0 * 32766}, 0);
    assert_values(tg_sum(n, TG_AXES(1), false), TG_I64, TG_SHAPE(2), (double[]){-65532, -32767}, 0);
    assert_f64(tg_prod(s, TG_AXES(1), false), TG_SHAPE(4), NAN, NAN, -0.0, INFINITY);
    assert_true(signbit(tg_data_f64(tg_prod(s, TG_AXES(1), false))[2]));
    tg_tape_free(t);
}

/* No zero, one, two and three of them. Of x1 x2 x3 x4 the derivatives by several of the four are the products of those left. */
static void test_gradients_of_products(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(4, 4), (double[]){2, 3, 5, 7, 2, 0, 5, 7, 0, 3, 0, 7, 0, 0, 5, 0}), true);
    tg_tensor *y = tg_prod(x, TG_AXES(1), false), *ones = tg_ones(t, TG_SHAPE(4)), *g[4] = {x};
    (void)state;
    assert_f64(gradient(y, ones, x), TG_SHAPE(4, 4), 105, 70, 42, 30, 0, 70, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    assert_f64(gradient(tg_prod(x, TG_ALL_AXES, false), NULL, x), TG_SHAPE(4, 4), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    g[1] = gradient(y, ones, x); /* by x1, then by x3, then by x2 */
    g[2] = gradient(tg_slice(g[1], 1, 0, 1, 1), tg_ones(t, TG_SHAPE(4, 1)), x);
    assert_f64(g[2], TG_SHAPE(4, 4), 0, 35, 21, 15, 0, 35, 0, 0, 0, 0, 21, 0, 0, 0, 0, 0);
    g[3] = gradient(tg_slice(g[2], 1, 2, 3, 1), tg_ones(t, TG_SHAPE(4, 1)), x);
    assert_f64(g[3], TG_SHAPE(4, 4), 0, 7, 0, 3, 0, 7, 0, 0, 0, 7, 0, 3, 0, 0, 0, 0);
    tg_tape_free(t);
}

/* Over several axes, one zero in all of it. */
static void test_gradient_of_a_product_over_axes(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(3, 1, 2), (double[]){1, 2, 3, 0, -1, 2}), true);
    (void)state;
    assert_f64(gradient(tg_prod(x, TG_ALL_AXES, false), tg_scalar(t, 10), x), TG_SHAPE(3, 1, 2), 0, 0, 0, -120, 0, 0);
    assert_f64(gradient(tg_prod(x, TG_AXES(0, 1), false), tg_ones(t, TG_SHAPE(2)), x), TG_SHAPE(3, 1, 2), -3, 0, -1, 4, 3, 0);
    assert_f64(gradient(tg_prod(x, &(tg_axes){.n = 0}, false), tg_ones(t, TG_SHAPE(3, 1, 2)), x), TG_SHAPE(3, 1, 2), 1, 1, 1, 1, 1, 1);
    tg_tape_free(t);
}

/* amax(x)^2: the second derivative at the largest element is 2, elsewhere 0. */
static void test_second_derivative(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(VECTOR(t, 1, 4, 2), true);
    tg_tensor *g = gradient(tg_square(tg_amax(x, TG_ALL_AXES, false)), NULL, x);
    (void)state;
    assert_f64(g, TG_SHAPE(3), 0, 8, 0);
    assert_f64(gradient(tg_sum(tg_mul(g, VECTOR(t, 10, 1, 10)), TG_ALL_AXES, false), NULL, x), TG_SHAPE(3), 0, 2, 0);
    tg_tape_free(t);
}

static void test_gradients_of_nothing(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(0, 3), NULL), true);
    (void)state;
    assert_values(gradient(tg_sum(x, TG_ALL_AXES, false), NULL, x), TG_F64, TG_SHAPE(0, 3), NULL, 0);
    assert_values(gradient(tg_sum_abs(x, TG_AXES(0), false), tg_ones(t, TG_SHAPE(3)), x), TG_F64, TG_SHAPE(0, 3), NULL, 0);
    assert_values(gradient(tg_mean(x, TG_AXES(0), false), tg_ones(t, TG_SHAPE(3)), x), TG_F64, TG_SHAPE(0, 3), NULL, 0);
    assert_values(gradient(tg_prod(x, TG_AXES(0), false), tg_ones(t, TG_SHAPE(3)), x), TG_F64, TG_SHAPE(0, 3), NULL, 0);
    assert_values(gradient(tg_amax(x, TG_AXES(1), false), tg_ones(t, TG_SHAPE(0)), x), TG_F64, TG_SHAPE(0, 3), NULL, 0);
    tg_tape_free(t);
}

/* Over the rows of matrices that are narrow, as wide as some tiles, and so wide that tiles go down through them; of memory and of what is
 * computed. Whole numbers: any order of addition is exact. */
static void test_over_rows(void **state)
{
    static const int64_t sizes[][2] = {{1003, 3}, {1037, 8}, {37, 5000}, {3, 20001}, {37, 20001}};
    static double        sum[20001], largest[20001], least[20001], sizes_sum[20001];
    (void)state;
    for (int k = 0; k < 10; k++) {
        const tg_dtype dtype = k % 2 ? TG_F64 : TG_F32;
        const int64_t  rows = sizes[k / 2][0], cols = sizes[k / 2][1];
        tg_tape       *t = quiet(dtype);
        uint64_t       seed = 1;
        double        *v = malloc((size_t)(rows * cols) * sizeof *v);
        assert_non_null(v);
        for (int64_t i = 0; i < rows * cols; i++) {
            const int64_t c = i % cols;
            v[i] = (double)(draw(&seed, 2001) - 1000);
            sum[c] = i < cols ? v[i] : sum[c] + v[i];
            sizes_sum[c] = i < cols ? fabs(v[i]) : sizes_sum[c] + fabs(v[i]);
            largest[c] = i < cols ? v[i] : fmax(largest[c], v[i]);
            least[c] = i < cols ? v[i] : fmin(least[c], v[i]);
        }
        tg_tensor *memory = tg_keep(tg_to(tg_from_f64(t, TG_SHAPE(rows, cols), v), dtype));
        tg_tensor *x[] = {memory, tg_add_s(memory, 0), tg_expand(tg_unsqueeze(memory, 0), TG_SHAPE(2, rows, cols))};
        free(v);
        for (int i = 0; i < 3; i++) {
            const tg_axes *axis = i == 2 ? TG_AXES(1) : TG_AXES(0);
            tg_tensor     *y[] = {tg_sum(x[i], axis, false), tg_amax(x[i], axis, false), tg_amin(x[i], axis, false),
                                  tg_sum_abs(x[i], axis, false)};
            assert_int_equal(tg_eval(y, 4), TG_OK);
            const double *const want[] = {sum, largest, least, sizes_sum};
            for (int r = 0; r < 4; r++)
                for (int64_t c = 0; c < cols; c++)
                    if (get(tg_data(y[r]), dtype, c) < want[r][c] || get(tg_data(y[r]), dtype, c) > want[r][c])
                        fail_msg("%d rows of %d, result %d of operand %d, column %d: %g", (int)rows, (int)cols, r, i, (int)c, get(tg_data(y[r]), dtype, c));
        }
        tg_tape_free(t);
    }
}

/* ---- wrong calls -------------------------------------------------------------------------------------------------- */

static void test_errors(void **state)
{
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *x = tg_zeros(t, TG_SHAPE(2, 3)), *i = tg_arange(t, TG_I64, 3);
    (void)state;
    assert_error(t, tg_sum(x, TG_AXES(2), false), TG_ERR_SHAPE, "tg_sum: axis 2 is outside the 2 axes of the input [2,3]");
    assert_error(t, tg_amax(x, TG_AXES(-3), false), TG_ERR_SHAPE, "tg_amax: axis -3 is outside the 2 axes of the input [2,3]");
    assert_error(t, tg_amin(x, TG_AXES(1, -1), false), TG_ERR_SHAPE, "tg_amin: axis 1 is listed twice; the input is [2,3]");
    assert_error(t, tg_mean(x, NULL, false), TG_ERR_NULL,
                 "tg_mean: axes is NULL; TG_AXES(…) lists at most 8, TG_ALL_AXES means all");
    assert_error(t, tg_sum(x, &(tg_axes){.n = 9}, false), TG_ERR_ARG,
                 "tg_sum: axes lists 9 axes; TG_AXES(…) lists at most 8, TG_ALL_AXES means all");
    assert_error(t, tg_mean(i, TG_ALL_AXES, false), TG_ERR_DTYPE,
                 "tg_mean: takes float32 or float64, got int64; tg_to(x, TG_F32) converts");
    assert_error(t, tg_sum_abs(x, TG_AXES(2), false), TG_ERR_SHAPE, "tg_sum_abs: axis 2 is outside the 2 axes of the input [2,3]");
    assert_error(t, tg_sum_abs(i, TG_ALL_AXES, false), TG_ERR_DTYPE, "tg_sum_abs: takes float32 and float64 (input [3] int64)");
    assert_error(t, tg_argmax(x, 2, false), TG_ERR_SHAPE, "tg_argmax: axis 2 is outside the 2 axes of the input [2,3]");
    assert_error(t, tg_max(x, 2, false, NULL), TG_ERR_SHAPE, "tg_max: axis 2 is outside the 2 axes of the input [2,3]");
    assert_error(t, tg_min(x, -3, false, NULL), TG_ERR_SHAPE, "tg_min: axis -3 is outside the 2 axes of the input [2,3]");
    assert_error(t, tg_argmax(tg_scalar(t, 1), 0, false), TG_ERR_SHAPE, "tg_argmax: axis 0 is outside the 0 axes of the input []");
    assert_error(t, tg_mean_all(i), TG_ERR_DTYPE, "tg_mean_all: takes float32 or float64, got int64; tg_to(x, TG_F32) converts");
    assert_error(t, tg_amax_all(tg_zeros(t, TG_SHAPE(2, 0))), TG_ERR_SHAPE,
                 "tg_amax_all: tg_amax: there is no largest element: a reduced axis has size 0 (input [2,0] float32)");
    assert_null(tg_sum_all(NULL));
    assert_null(tg_mean_all(NULL));
    assert_null(tg_amax_all(NULL));
    assert_null(tg_amin_all(NULL));
    assert_null(tg_sum(NULL, TG_ALL_AXES, false));
    assert_null(tg_sum_abs(NULL, TG_ALL_AXES, false));
    assert_null(tg_mean(NULL, TG_ALL_AXES, false));
    assert_null(tg_argmax(NULL, 0, false));
    tg_tensor *place = x;
    assert_null(tg_min(NULL, 0, false, &place));
    assert_null(place);
    assert_null(tg_error(t));
    assert_int_equal(tg_reset(t), TG_OK);
    assert_null(tg_sum(x, TG_ALL_AXES, false));
    assert_int_equal(tg_error_status(t), TG_ERR_STALE);
    tg_clear_error(t);
    assert_null(tg_amin_all(x));
    assert_int_equal(tg_error_status(t), TG_ERR_STALE);
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),          cmocka_unit_test(test_expanded),
        cmocka_unit_test(test_sum_is_accurate), cmocka_unit_test(test_integer_limits),
        cmocka_unit_test(test_special_values),  cmocka_unit_test(test_over_nothing),
        cmocka_unit_test(test_argmax),          cmocka_unit_test(test_argmax_of_nan),
        cmocka_unit_test(test_ties_share),      cmocka_unit_test(test_second_derivative),
        cmocka_unit_test(test_gradients_of_nothing), cmocka_unit_test(test_over_rows),
        cmocka_unit_test(test_products),        cmocka_unit_test(test_gradients_of_products),
        cmocka_unit_test(test_gradients_of_sum_abs), cmocka_unit_test(test_sum_abs_is_accurate),
        cmocka_unit_test(test_gradient_of_a_product_over_axes), cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
