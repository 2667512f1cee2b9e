/* test_norm_ops.c - tg_layer_norm and tg_rms_norm against loops in long double, first and second derivatives against
 * those of the same formula written out; rows without spread; what they refuse. */
#include "op_test.h"
#include "ops/ops.h"

static void model(bool centred, int64_t rows, int64_t n, const double *x, const double *w, const double *b, double eps,
                  double *y)
{
    for (int64_t r = 0; r < rows; r++) {
        long double mean = 0, square = 0;
        for (int64_t k = 0; centred && k < n; k++) mean += x[r * n + k] / (long double)n;
        for (int64_t k = 0; k < n; k++) square += (x[r * n + k] - mean) * (x[r * n + k] - mean) / (long double)n;
        for (int64_t k = 0; k < n; k++)
            y[r * n + k] = (double)((x[r * n + k] - mean) / sqrtl(square + eps) * (w ? w[k] : 1) + (b ? b[k] : 0));
    }
}

static const struct {
    tg_shape x;
    int      axes;
} shapes[] = {{{1, {5}}, 1},          {{2, {3, 4}}, 1},   {{2, {3, 4}}, 2}, {{3, {2, 3, 100}}, 1}, {{3, {2, 3, 10}}, 2},
              {{4, {2, 2, 3, 7}}, 3}, {{2, {40, 33}}, 1}, {{2, {5, 1}}, 1}, {{2, {0, 4}}, 1},      {{2, {4, 0}}, 1}};

static void check_values(tg_dtype d, const tg_shape *xs, int axes, const double *x, const double *w, const double *b)
{
    static double want[MOST];
    const double  tolerance = d == TG_F32 ? 2e-5 : 1e-12;
    tg_shape      last      = {.rank = axes};
    for (int k = 0; k < axes; k++) last.dim[k] = xs->dim[xs->rank - axes + k];
    const int64_t n = count_of(&last), rows = n ? count_of(xs) / n : 0;
    for (layout l = PLAIN; l < N_LAYOUTS; l++)
        for (int form = 0; form < 4; form++) {
            tg_tape   *t  = quiet(TG_F32);
            tg_tensor *in = laid(t, d, xs, x, l), *weight = form > 0 ? laid(t, d, &last, w, l) : NULL;
            tg_tensor *bias = form > 1 ? laid(t, d, &last, b, l) : NULL;
            model(form < 3, rows, n, x, weight ? w : NULL, form == 2 ? b : NULL, 1e-5, want);
            assert_values(form < 3 ? tg_layer_norm(in, axes, weight, bias, 1e-5) : tg_rms_norm(in, axes, weight, 1e-5),
                          d, xs, want, tolerance);
            tg_tape_free(t);
        }
}

static void test_values(void **state)
{
    static double x[MOST], w[MOST], b[MOST];
    uint64_t      seed = 1;
    (void)state;
    for (int64_t i = 0; i < MOST; i++) {
        x[i] = ((double)draw(&seed, 1025) - 512) / 64 + 3;
        w[i] = ((double)draw(&seed, 129) - 64) / 32;
        b[i] = ((double)draw(&seed, 129) - 64) / 32;
    }
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (tg_dtype d = TG_F32; d <= TG_F64; d++) check_values(d, &shapes[i].x, shapes[i].axes, x, w, b);
}

/* The formula from ops, without the short gradient. */
static tg_tensor *written_out(tg_tensor *x, bool centred, double eps)
{
    tg_tensor *c = centred ? tg_sub(x, tg_mean(x, TG_AXES(-1), true)) : x;
    return tg_div(c, tg_sqrt(tg_add_s(tg_mean(tg_square(c), TG_AXES(-1), true), eps)));
}

/* Both derivatives with respect to everything, of a function in which the derivative goes on to be used. */
static void test_derivatives(void **state)
{
    (void)state;
    for (int centred = 0; centred < 2; centred++) {
        tg_tape   *t    = quiet(TG_F64);
        tg_tensor *x    = tg_set_requires_grad(tg_randn(t, TG_SHAPE(3, 5)), true),
                  *seed = tg_set_requires_grad(tg_randn(t, TG_SHAPE(3, 5)), true);
        tg_tensor *u    = tg_randn(t, TG_SHAPE(3, 5)), *y[2], *dx[2];
        y[0]            = written_out(x, centred, 0.01);
        y[1]            = centred ? tg_layer_norm(x, 1, NULL, NULL, 0.01) : tg_rms_norm(x, 1, NULL, 0.01);
        for (int i = 0; i < 2; i++) dx[i] = gradient(y[i], seed, x);
        assert_values(dx[1], TG_F64, TG_SHAPE(3, 5), tg_data_f64(dx[0]), 1e-12);
        tg_tensor *again[2]   = {gradient(dx[0], u, x), gradient(dx[1], u, x)},
                  *by_seed[2] = {gradient(dx[0], u, seed), gradient(dx[1], u, seed)};
        assert_values(again[1], TG_F64, TG_SHAPE(3, 5), tg_data_f64(again[0]), 1e-11);
        assert_values(by_seed[1], TG_F64, TG_SHAPE(3, 5), tg_data_f64(by_seed[0]), 1e-12);
        tg_tensor *third[2] = {gradient(again[0], u, x), gradient(again[1], u, x)};
        assert_values(third[1], TG_F64, TG_SHAPE(3, 5), tg_data_f64(third[0]), 1e-9);
        tg_tape_free(t);
    }
}

/* A row of one number has no spread: the value is 0 and the gradient finite, as long as eps > 0. A row that no gradient
 * comes to gives none, even where the slope is infinite. */
static void test_no_spread(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(2, 3), (double[]){4, 4, 4, 1, 2, 3}), true), *dx;
    (void)state;
    tg_tensor *y = tg_layer_norm(x, 1, NULL, NULL, 0.25);
    dx           = gradient(y, tensor(t, TG_F64, TG_SHAPE(2, 3), (double[]){3, 0, 0, 0, 0, 0}), x);
    assert_f64(tg_slice(y, 0, 0, 1, 1), TG_SHAPE(1, 3), 0, 0, 0);
    assert_f64(dx, TG_SHAPE(2, 3), 4, -2, -2, 0, 0, 0); /* (g - mean g) / sqrt(0.25) */
    y  = tg_layer_norm(x, 1, NULL, NULL, 0);
    dx = gradient(y, tensor(t, TG_F64, TG_SHAPE(2, 3), (double[]){0, 0, 0, 0, 0, 0}), x);
    assert_f64(dx, TG_SHAPE(2, 3), 0, 0, 0, 0, 0, 0);
    tg_tape_free(t);
}

static void test_refused(void **state)
{
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *x = tg_zeros(t, TG_SHAPE(2, 3)), *w = tg_zeros(t, TG_SHAPE(3)), *wrong = tg_zeros(t, TG_SHAPE(2));
    (void)state;
    assert_error(t, tg_layer_norm(x, 0, w, w, 1e-5), TG_ERR_SHAPE,
                 "tg_layer_norm: can't normalise over 0 axes of the input [2,3]");
    assert_error(t, tg_rms_norm(x, 3, w, 1e-5), TG_ERR_SHAPE,
                 "tg_rms_norm: can't normalise over 3 axes of the input [2,3]");
    assert_error(t, tg_layer_norm(x, 1, wrong, w, 1e-5), TG_ERR_SHAPE,
                 "tg_layer_norm: the weight is [2], the normalised axes are [3]");
    assert_error(t, tg_layer_norm(x, 1, w, wrong, 1e-5), TG_ERR_SHAPE,
                 "tg_layer_norm: the bias is [2], the normalised axes are [3]");
    assert_error(t, tg_layer_norm(x, 2, w, NULL, 1e-5), TG_ERR_SHAPE,
                 "tg_layer_norm: the weight is [3], the normalised axes are [2,3]");
    assert_error(t, tg_layer_norm(x, 1, w, w, -1), TG_ERR_ARG,
                 "tg_layer_norm: eps is -1; it must be finite and not negative");
    assert_error(t, tg_rms_norm(x, 1, w, NAN), TG_ERR_ARG, "tg_rms_norm: eps is nan; it must be finite and not negative");
    assert_error(t, tg_rms_norm(tg_to(x, TG_I64), 1, w, 1e-5), TG_ERR_DTYPE,
                 "tg_rms_norm: takes float32 or float64, got int64; tg_to(x, TG_F32) converts");
    assert_null(tg_layer_norm(x, 1, tg_to(w, TG_F64), NULL, 1e-5));
    assert_int_equal(tg_error_status(t), TG_ERR_DTYPE);
    tg_clear_error(t);
    assert_null(tg_layer_norm(NULL, 1, w, w, 1e-5));
    assert_null(tg_rms_norm(NULL, 1, w, 1e-5));
    assert_null(tg_error(t));
    tg_tape_free(t);
}

/* Rows far from 0 that differ little, and values whose squares leave the range of the dtype; the gradient too. eps matters in the first
 * ones and is 0 in the others. */
static void test_scales(void **state)
{
    (void)state;
    enum { ROWS = 3, LONGEST = 9000 };
    static const struct {
        tg_dtype dtype;
        double   mean, scale, eps;
    } of[] = {{TG_F32, 1e3, 1e-2, 1e-5}, {TG_F32, 1e4, 1e-2, 1e-5}, {TG_F32, -1e6, 1, 1e-5}, {TG_F32, 1e30, 1e29, 1e-5},
              {TG_F32, 0, 1e30, 1e-5},   {TG_F32, 0, 1e-30, 0},     {TG_F32, 0, 1e-36, 0},   {TG_F32, 0, 1e-12, 1e-20},
              {TG_F64, 1e5, 1e-3, 1e-9}, {TG_F64, 0, 1e200, 1e-5},  {TG_F64, 0, 1e-200, 0},  {TG_F64, 1e300, 1e299, 1e-5},
              {TG_F64, 0, 1e-300, 0},    {TG_F64, 0, 1e-160, 1e-320}};
    static const int64_t lengths[] = {5, 16, 300, LONGEST};
    static double        x[ROWS * LONGEST], want[ROWS * LONGEST];
    static float         single[ROWS * LONGEST];
    for (size_t k = 0; k < sizeof of / sizeof *of; k++)
        for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++)
            for (int centred = 0; centred < 2; centred++) {
                const int64_t n = lengths[l];
                uint64_t      seed = 3;
                for (int64_t i = 0; i < ROWS * n; i++) {
                    x[i] = of[k].mean + of[k].scale * ((double)draw(&seed, 2000) / 1000 - 1);
                    if (of[k].dtype == TG_F32) x[i] = (double)(single[i] = (float)x[i]);
                }
                model(centred, ROWS, n, x, NULL, NULL, of[k].eps, want);
                tg_tape   *t = quiet(of[k].dtype);
                tg_tensor *in = tg_from_data(t, of[k].dtype, TG_SHAPE(ROWS, n), of[k].dtype == TG_F32 ? (void *)single : (void *)x);
                tg_tensor *y = centred ? tg_layer_norm(in, 1, NULL, NULL, of[k].eps) : tg_rms_norm(in, 1, NULL, of[k].eps);
               
                assert_values(y, of[k].dtype, TG_SHAPE(ROWS, n), want, of[k].dtype == TG_F32 ? 1e-5 : 1e-9);
                tg_tape_free(t);
            }
}

/* By channel, in passes that are fused: numbers far from 0 that differ little, and doubles whose squares overflow or vanish. f32 keeps
 * what rounding the mean costs: an ulp of it, relative to the deviation. */
static void test_channel_scales(void **state)
{
    (void)state;
    enum { N = 20, C = 3, M = 150 };
    static const struct {
        tg_dtype dtype;
        double   mean, scale, eps, bound;
    } of[] = {{TG_F32, 0, 1, 1e-5, 1e-5},      {TG_F32, 1e3, 1, 1e-5, 1e-3}, {TG_F32, 0, 1e30, 1e-5, 1e-5},  {TG_F32, 0, 1e-30, 0, 1e-5},
              {TG_F64, 1e5, 1, 1e-9, 1e-9},    {TG_F64, 0, 1e200, 1e-5, 1e-9}, {TG_F64, 0, 1e-200, 0, 1e-9}, {TG_F64, 1e300, 1e299, 1e-5, 1e-9},
              {TG_F64, 0, 1e-160, 1e-320, 1e-9}};
    static double x[C * N * M], turned[C * N * M], want[C * N * M], back[C * N * M];
    static float  single[C * N * M];
    for (size_t k = 0; k < sizeof of / sizeof *of; k++)
        for (int centred = 0; centred < 2; centred++) {
            uint64_t seed = 7;
            for (int64_t i = 0; i < N * C * M; i++) {
                x[i] = of[k].mean + of[k].scale * ((double)draw(&seed, 2000) / 1000 - 1);
                if (of[k].dtype == TG_F32) x[i] = (double)(single[i] = (float)x[i]);
                turned[i / M % C * N * M + i / M / C * M + i % M] = x[i];
            }
            model(centred, C, N * M, turned, NULL, NULL, of[k].eps, want);
            for (int64_t i = 0; i < N * C * M; i++) back[i] = want[i / M % C * N * M + i / M / C * M + i % M];
            tg_tape   *t = quiet(of[k].dtype);
            tg_tensor *in = tg_from_data(t, of[k].dtype, TG_SHAPE(N, C, M), of[k].dtype == TG_F32 ? (void *)single : (void *)x);
            assert_values(tg_normalize_over(in, 5, centred, of[k].eps), of[k].dtype, TG_SHAPE(N, C, M), back, of[k].bound);
            tg_tape_free(t);
        }
}

/* Of one picture a channel is a row, and of pictures of one pixel a column: axes of one element do not make the result worse. */
static void test_channels_of_one(void **state)
{
    (void)state;
    enum { C = 4, M = 60 };
    static const struct {
        tg_dtype dtype;
        double   mean, bound;
    } of[] = {{TG_F32, 1e3, 1e-3}, {TG_F64, 1e8, 1e-6}};
    static double x[C * M], turned[C * M], want[C * M], back[C * M];
    static float  single[C * M];
    for (size_t k = 0; k < sizeof of / sizeof *of; k++)
        for (int pixel = 0; pixel < 2; pixel++) {
            uint64_t seed = 9;
            for (int64_t i = 0; i < C * M; i++) {
                const int64_t at = pixel ? i % C * M + i / C : i;
                x[i] = of[k].mean + (double)draw(&seed, 2000) / 1000 - 1;
                if (of[k].dtype == TG_F32) x[i] = (double)(single[i] = (float)x[i]);
                turned[at] = x[i];
            }
            model(true, C, M, turned, NULL, NULL, 1e-5, want);
            for (int64_t i = 0; i < C * M; i++) back[i] = pixel ? want[i % C * M + i / C] : want[i];
            const tg_shape *s = pixel ? TG_SHAPE(M, C, 1) : TG_SHAPE(1, C, M);
            tg_tape        *t = quiet(of[k].dtype);
            tg_tensor      *in = tg_from_data(t, of[k].dtype, s, of[k].dtype == TG_F32 ? (void *)single : (void *)x);
            assert_values(tg_normalize_over(in, 5, true, 1e-5), of[k].dtype, s, back, of[k].bound);
            tg_tape_free(t);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scales),
        cmocka_unit_test(test_channel_scales),
        cmocka_unit_test(test_channels_of_one),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_derivatives),
        cmocka_unit_test(test_no_spread),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
