/* test_pool.c - tg_max_pool2d and tg_avg_pool2d and their gradients against naive loops: kernels, strides, paddings,
 * odd sizes, ties, NaN and infinities, strided inputs, numbers of threads; what they refuse; the 2 x 2 loops of each
 * instruction set. */
#include "op_test.h"

#include "kernels/conv.h"

typedef struct pool_case {
    tg_shape        x;
    tg_pool_options options;
} pool_case;

enum { MORE = 1 << 14 };

typedef struct values {
    tg_shape y;
    double   x[MORE], g[MORE], max[MORE], max_dx[MORE], avg[MORE], avg_dx[MORE];
} values;

static void option(const int64_t given[2], const int64_t usual[2], int64_t out[2])
{
    for (int k = 0; k < 2; k++) out[k] = given[0] || given[1] ? given[k] : usual[k];
}

static void naive(const pool_case *c, values *v)
{
    const tg_shape *xs = &c->x;
    const int64_t  *p  = c->options.padding;
    int64_t         kernel[2], stride[2];
    option(c->options.kernel, (int64_t[]){2, 2}, kernel);
    option(c->options.stride, kernel, stride);
    v->y = *xs;
    for (int k = 0; k < 2; k++) v->y.dim[2 + k] = (xs->dim[2 + k] + 2 * p[k] - kernel[k]) / stride[k] + 1;
    for (int64_t i = 0; i < count_of(xs); i++) v->max_dx[i] = v->avg_dx[i] = 0;
    for (int64_t i = 0; i < count_of(&v->y); i++) {
        int64_t at[TG_MAX_RANK], best = -1, inside[64], n = 0;
        double  sum = 0;
        coordinates(&v->y, i, at);
        for (int64_t a = 0; a < kernel[0]; a++)
            for (int64_t b = 0; b < kernel[1]; b++) {
                const int64_t row = at[2] * stride[0] - p[0] + a, col = at[3] * stride[1] - p[1] + b;
                if (row < 0 || row >= xs->dim[2] || col < 0 || col >= xs->dim[3]) continue;
                const int64_t k = position(xs, (int64_t[]){at[0], at[1], row, col});
                inside[n++]     = k;
                sum += v->x[k];
                if (best < 0 || v->x[k] > v->x[best] || (isnan(v->x[k]) && !isnan(v->x[best]))) best = k;
            }
        const double share = c->options.exclude_padding ? (double)n : (double)(kernel[0] * kernel[1]);
        v->max[i]          = v->x[best];
        v->max_dx[best] += isnan(v->x[best]) && v->g[i] != 0 ? v->x[best] : v->g[i]; /* NaN has no slope */
        v->avg[i] = sum / share;
        for (int64_t k = 0; k < n; k++) v->avg_dx[inside[k]] += v->g[i] / share;
    }
}

static void check_pool(const pool_case *c, const values *v, tg_dtype d, layout l, bool largest)
{
    tg_tape     *t         = quiet(TG_F32);
    const double tolerance = largest ? 0 : d == TG_F32 ? 1e-5 : 1e-13;
    tg_tensor   *x = laid(t, d, &c->x, v->x, l), *g = laid(t, d, &v->y, v->g, l), *dx;
    if (l == PLAIN) x = tg_set_requires_grad(x, true);
    tg_tensor *y = largest ? tg_max_pool2d(x, &c->options) : tg_avg_pool2d(x, &c->options);
    if (!y) fail_msg("%s", tg_error(t));
    assert_values(y, d, &v->y, largest ? v->max : v->avg, tolerance);
    if (l == PLAIN) {
        assert_int_equal(tg_grad(&y, &g, 1, &x, 1, false, &dx), TG_OK);
        assert_values(dx, d, &c->x, largest ? v->max_dx : v->avg_dx, tolerance);
    }
    tg_tape_free(t);
}

static const pool_case cases[] = {
    {{4, {2, 3, 4, 6}}, {{0}, {0}, {0}, .exclude_padding = false}},          {{4, {1, 1, 2, 2}}, {{0}, {0}, {0}, .exclude_padding = false}},
    {{4, {1, 2, 5, 7}}, {{0}, {0}, {0}, .exclude_padding = false}}, /* a row and a column are left over */
    {{4, {2, 2, 8, 24}}, {{2, 2}, {2, 2}, {0}, .exclude_padding = false}},   {{4, {1, 2, 4, 62}}, {{2, 2}, {0}, {0}, .exclude_padding = false}},
    {{4, {1, 2, 3, 66}}, {{2, 2}, {0}, {0}, .exclude_padding = false}},      {{4, {2, 1, 6, 6}}, {{3, 3}, {1, 1}, {0}, .exclude_padding = false}},
    {{4, {2, 1, 6, 6}}, {{3, 3}, {2, 2}, {1, 1}, .exclude_padding = false}}, {{4, {2, 1, 6, 6}}, {{3, 3}, {2, 2}, {1, 1}, .exclude_padding = true}},
    {{4, {1, 2, 5, 4}}, {{2, 3}, {1, 2}, {1, 0}, .exclude_padding = true}},  {{4, {1, 2, 5, 4}}, {{2, 2}, {2, 2}, {1, 1}, .exclude_padding = false}},
    {{4, {1, 1, 9, 9}}, {{2, 2}, {4, 3}, {0}, .exclude_padding = false}},    {{4, {3, 2, 4, 5}}, {{1, 1}, {0}, {0}, .exclude_padding = false}},
    {{4, {1, 1, 4, 5}}, {{4, 5}, {0}, {0}, .exclude_padding = false}},       {{4, {1, 1, 1, 1}}, {{7, 7}, {1, 1}, {3, 3}, .exclude_padding = true}},
    {{4, {0, 2, 4, 4}}, {{0}, {0}, {0}, .exclude_padding = false}},          {{4, {2, 0, 4, 4}}, {{0}, {0}, {0}, .exclude_padding = false}},
};

/* kinds: 0 distinct enough, 1 many ties, 2 with NaN and infinities (the means of which are not compared). */
static void test_values(void **state)
{
    values *v = malloc(sizeof *v);
    (void)state;
    assert_non_null(v);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int kind = 0; kind < 3; kind++) {
            uint64_t seed = 3 + i;
            for (int64_t k = 0; k < MORE; k++) {
                v->x[k] = kind == 1 ? (double)draw(&seed, 2) : ((double)draw(&seed, 4001) - 2000) / 8;
                v->g[k] = ((double)draw(&seed, 17) - 8) / 8;
                if (kind == 2 && draw(&seed, 4) == 0) v->x[k] = (double[]){NAN, INFINITY, -INFINITY}[draw(&seed, 3)];
            }
            naive(&cases[i], v);
            for (tg_dtype d = TG_F32; d <= TG_F64; d++)
                for (layout l = PLAIN; l < N_LAYOUTS; l++)
                    for (int largest = 0; largest < 2; largest++)
                        if (kind < 2 || largest) check_pool(&cases[i], v, d, l, largest);
        }
    free(v);
}

/* What a window of -inf alone, or of NaN, gives; where the gradient goes. */
static void test_by_hand(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(1, 1, 2, 4),
                                          (double[]){-INFINITY, -INFINITY, 3, NAN, -INFINITY, -INFINITY, NAN, 5}), true);
    tg_tensor *y = tg_max_pool2d(x, NULL), *g = tensor(t, TG_F64, TG_SHAPE(1, 1, 1, 2), (double[]){2, 7}), *dx, *ddx;
    (void)state;
    assert_f64(y, TG_SHAPE(1, 1, 1, 2), -INFINITY, NAN);
    assert_int_equal(tg_grad(&y, &g, 1, &x, 1, false, &dx), TG_OK);
    assert_f64(dx, TG_SHAPE(1, 1, 2, 4), 2, 0, 0, NAN, 0, 0, 0, 0);
    g = tensor(t, TG_F64, TG_SHAPE(1, 1, 1, 2), (double[]){2, 0});
    assert_int_equal(tg_grad(&y, &g, 1, &x, 1, false, &dx), TG_OK);
    assert_f64(dx, TG_SHAPE(1, 1, 2, 4), 2, 0, 0, 0, 0, 0, 0, 0);
    x                       = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(1, 1, 1, 3), (double[]){1, 4, 2}), true);
    const tg_pool_options o = {.kernel = {1, 2}, .stride = {1, 1}};
    y                       = tg_square(tg_max_pool2d(x, &o)); /* both windows see the 4: y' = 2 (4 + 4), y'' = 4 */
    dx                      = gradient(y, tg_ones_like(y), x);
    assert_f64(dx, TG_SHAPE(1, 1, 1, 3), 0, 16, 0);
    ddx = gradient(dx, tg_ones_like(dx), x);
    assert_f64(ddx, TG_SHAPE(1, 1, 1, 3), 0, 4, 0);
    tg_tape_free(t);
}

static void test_threads(void **state)
{
    enum { N = 8 * 4 * 100 * 100 };
    float *first = NULL;
    (void)state;
    for (int threads = 1; threads <= 3; threads++) {
        tg_tape   *t = tg_tape_new(&(tg_tape_options){.threads = threads});
        tg_tensor *x = tg_param(t, "x", tg_randn(t, TG_SHAPE(8, 4, 100, 100)));
        tg_tensor *y = tg_avg_pool2d(tg_max_pool2d(x, &(tg_pool_options){.kernel = {3, 3}, .stride = {1, 1}}), NULL);
        assert_int_equal(tg_backward(tg_sum(tg_square(y), TG_ALL_AXES, false)), TG_OK);
        float *got = malloc(N * sizeof *got);
        assert_non_null(got);
        assert_int_equal(tg_copy_to(tg_grad_of(x), got, N * sizeof *got), TG_OK);
        if (first) assert_memory_equal(got, first, N * sizeof *got);
        if (first)
            free(got);
        else
            first = got;
        tg_tape_free(t);
    }
    free(first);
}

static void test_refused(void **state)
{
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *x = tg_zeros(t, TG_SHAPE(1, 2, 3, 4));
    (void)state;
#define POOL(...) tg_max_pool2d(x, &(tg_pool_options){__VA_ARGS__})
    assert_error(t, POOL(.kernel = {2, 0}), TG_ERR_ARG,
                 "tg_max_pool2d: the kernel is [2,0]; both must be positive, or both 0 for the usual one");
    assert_error(t, POOL(.stride = {0, 1}), TG_ERR_ARG,
                 "tg_max_pool2d: the stride is [0,1]; both must be positive, or both 0 for the usual one");
    assert_error(t, POOL(.padding = {-1, 0}), TG_ERR_ARG, "tg_max_pool2d: the padding is [-1,0]; it can't be negative");
    assert_error(t, POOL(.padding = {1, 2}), TG_ERR_ARG,
                 "tg_max_pool2d: the padding of 2 is more than half the kernel of 2: a window could see nothing");
    assert_error(t, POOL(.kernel = {4, 2}), TG_ERR_SHAPE,
                 "tg_max_pool2d: the window of 4 does not fit into the height of 3 with its padding (inputs [1,2,3,4] "
                 "float32, [1,2,3,4] float32)");
    assert_error(
        t, tg_avg_pool2d(x, &(tg_pool_options){.kernel = {2, 9}}), TG_ERR_SHAPE,
        "tg_avg_pool2d: the window of 9 does not fit into the width of 4 with its padding (input [1,2,3,4] float32)");
    assert_error(t, tg_avg_pool2d(tg_zeros(t, TG_SHAPE(2, 3)), NULL), TG_ERR_SHAPE,
                 "tg_avg_pool2d: takes 4 dimensions, [batch, channels, height, width] (input [2,3] float32)");
    assert_error(
        t, tg_avg_pool2d(tg_to(x, TG_I64), NULL), TG_ERR_DTYPE,
        "tg_avg_pool2d: takes float32 or float64, got int64; tg_to(x, TG_F32) converts (input [1,2,3,4] int64)");
    assert_error(t, tg_avg_pool2d(tg_zeros(t, TG_SHAPE(1, 1, 0, 3)), &(tg_pool_options){.padding = {1, 0}}),
                 TG_ERR_SHAPE, "tg_avg_pool2d: there is nothing to pool in planes of size 0 (input [1,1,0,3] float32)");
    assert_null(tg_max_pool2d(NULL, NULL));
    assert_null(tg_avg_pool2d(NULL, NULL));
    assert_null(tg_error(t));
    tg_tape_free(t);
}

static void check_2x2(const tg_conv_loops *l, tg_dtype d, int64_t n, uint64_t *seed)
{
    enum { ROOM = 128 };
    static double bytes[9][ROOM], x[2][ROOM]; /* p, q, y, g, dp, dq, values beside p and q, those picked; room for either dtype */
    for (int64_t k = 0; k < 2 * n; k++)
        for (int r = 0; r < 2; r++) put(bytes[r], d, k, x[r][k] = draw(seed, 9) ? (double)draw(seed, 3) : NAN);
    for (int64_t k = 0; k < n; k++) put(bytes[3], d, k, (double)(k % 5));
    for (int64_t k = 0; k < 4 * n; k++) put(bytes[6 + k % 2], d, k / 2, (double)(k % 7));
    for (int r = 2; r < 9; r++)
        for (int64_t k = 0; r != 3 && r != 6 && r != 7 && k < ROOM; k++) put(bytes[r], d, k, -5);
    l->max_2x2(n, bytes[2], bytes[0], bytes[1]);
    l->max_2x2_of(n, bytes[8], bytes[0], bytes[1], bytes[6], bytes[7]);
    l->max_2x2_dx(n, bytes[4], bytes[5], bytes[0], bytes[1], bytes[3]);
    for (int64_t k = 0; k < n; k++) {
        const double w[4] = {x[0][2 * k], x[0][2 * k + 1], x[1][2 * k], x[1][2 * k + 1]};
        int          best = 0;
        for (int i = 1; i < 4; i++)
            if (w[i] > w[best] || (isnan(w[i]) && !isnan(w[best]))) best = i;
        const double beside = get(bytes[6 + best / 2], d, 2 * k + best % 2);
        assert_true(near(get(bytes[2], d, k), w[best], 0));
        assert_true(near(get(bytes[8], d, k), isnan(w[best]) && beside != 0 ? NAN : beside, 0));
        for (int i = 0; i < 4; i++)
            assert_true(near(get(bytes[4 + i / 2], d, 2 * k + i % 2),
                             i != best ? 0 : isnan(w[best]) && k % 5 ? NAN : (double)(k % 5), 0));
    }
    assert_true(get(bytes[2], d, n) == -5 && get(bytes[4], d, 2 * n) == -5 && get(bytes[5], d, 2 * n) == -5 && get(bytes[8], d, n) == -5);
}

/* Windows of which few fit, though the padding has room for the beginnings of many more: nobody counts these one by one. */
static void test_long_windows(void **state)
{
    const int64_t        long_one = 1ll << 60;
    tg_tape             *t = quiet(TG_F32);
    tg_tensor           *x = tensor(t, TG_F32, TG_SHAPE(1, 1, 4), (double[]){0, 1, 2, 3});
    const tg_pool1d_options o = {.kernel = long_one, .stride = 1, .padding = long_one / 2, .exclude_padding = true};
    (void)state;
    assert_values(tg_avg_pool1d(x, &o), TG_F32, TG_SHAPE(1, 1, 5), (double[]){1.5, 1.5, 1.5, 1.5, 1.5}, 0);
    assert_values(tg_max_pool1d(x, &o), TG_F32, TG_SHAPE(1, 1, 5), (double[]){3, 3, 3, 3, 3}, 0);
    assert_error(t, tg_max_pool1d(x, &(tg_pool1d_options){.kernel = 2, .stride = INT64_MAX, .padding = 1, .dilation = 5}), TG_ERR_ARG,
                 "tg_max_pool1d: a window with this padding and dilation would see nothing");
    tg_tape_free(t);
}

static void test_2x2(void **state)
{
    uint64_t seed = 2;
    (void)state;
    for (tg_isa isa = TG_ISA_BASE; isa < TG_NISAS; isa++)
        for (tg_dtype d = TG_F32; d <= TG_F64; d++)
            for (int64_t n = 0; tg_isa_conv(isa, d) && n <= 50; n++) check_2x2(tg_isa_conv(isa, d), d, n, &seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),  cmocka_unit_test(test_by_hand), cmocka_unit_test(test_threads),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_long_windows), cmocka_unit_test(test_2x2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
