/* test_bands.c - what is reduced over the first axes or those in the middle and spread over them again, and operands that lie turned: values and
 * gradients against plain loops in long double, at sizes with which tiles are bands of columns, pieces of several rows, or many small blocks. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <tapegrad.h>

enum { ROUNDS = 4 /* from the third on machine code */, SHORTER = 8 };

/* [outer,mid,inner]: mid is reduced. */
typedef struct sizes {
    int64_t outer, mid, inner;
} sizes;

static const sizes many[] = {{1, 64, 1152}, {1, 300, 200}, {1, 300, 131}, {1, 2, 9000}, {1, 2100, 64}, {3, 130, 257}, {2, 70, 304}, {400, 8, 3},
                             {33, 5, 7},    {9, 40, 33},   {1, 9, 5},     {5, 1100, 16}, {2, 8200, 2}, {40, 2, 700},  {7, 3, 4099}, {1, 4500, 24},
                             {6, 200, 48},  {1, 1, 70},    {70, 1, 1}};

/* A tensor's elements. */
typedef struct numbers {
    const float  *f32;
    const double *f64;
} numbers;

static numbers numbers_of(tg_tensor *x)
{
    return (numbers){.f32 = tg_dtype_of(x) == TG_F32 ? tg_data_f32(x) : NULL, .f64 = tg_dtype_of(x) == TG_F64 ? tg_data_f64(x) : NULL};
}

static double at(numbers x, int64_t i) { return x.f32 ? (double)x.f32[i] : x.f64[i]; }

static void read_all(tg_tensor *const *x, numbers *to, int n)
{
    assert_int_equal(tg_eval((tg_tensor **)(uintptr_t)x, n), TG_OK);
    for (int k = 0; k < n; k++) to[k] = numbers_of(x[k]);
}

static void near(double got, long double want, double size, double eps, const char *what, const sizes *s)
{
    if (!(fabsl(got - want) <= (long double)eps * (size + fabsl(want))))
        fail_msg("[%d,%d,%d] %s: %.17g instead of %.17Lg", (int)s->outer, (int)s->mid, (int)s->inner, what, got, want);
}

/* ---- reduced and spread ------------------------------------------------------------------------------------------- */

/* A column of a block, `mid` elements from `from` on, `inner` apart: its softmax to y, and the gradient of sum g y to d. */
static void plain_softmax(numbers x, numbers g, const sizes *s, int64_t from, long double *y, long double *d)
{
    long double largest = -INFINITY, sum = 0, along = 0;
    for (int64_t r = 0; r < s->mid; r++) largest = fmaxl(largest, at(x, from + r * s->inner));
    for (int64_t r = 0; r < s->mid; r++) sum += y[r] = expl(at(x, from + r * s->inner) - largest);
    for (int64_t r = 0; r < s->mid; r++) along += (y[r] /= sum) * at(g, from + r * s->inner);
    for (int64_t r = 0; r < s->mid; r++) d[r] = y[r] * (at(g, from + r * s->inner) - along);
}

static void plain_moments(numbers x, const sizes *s, int64_t from, long double *mean, long double *rstd)
{
    long double sum = 0, squares = 0;
    for (int64_t r = 0; r < s->mid; r++) sum += at(x, from + r * s->inner);
    *mean = sum / (long double)s->mid;
    for (int64_t r = 0; r < s->mid; r++) squares += (at(x, from + r * s->inner) - *mean) * (at(x, from + r * s->inner) - *mean);
    *rstd = 1 / sqrtl(squares / (long double)s->mid + 0.5L);
}

/* What is computed of x [outer,mid,inner], with the seed g of the softmax. */
enum { SOFTMAX, SLOPE, STANDARD, LOGSUM, OVER_LAST, OVER_SHORTER, OVER_FIRST, RESULTS };

static void compute(tg_tensor *x, tg_tensor *g, const sizes *s, tg_tensor *out[RESULTS])
{
    const int64_t shorter = s->inner % SHORTER ? s->inner : SHORTER;
    tg_tensor    *centred = tg_sub(x, tg_mean(x, TG_AXES(1), true)), *y = tg_softmax(x, 1);
    out[SOFTMAX] = y;
    out[STANDARD] = tg_mul(centred, tg_rsqrt(tg_add_s(tg_mean(tg_square(centred), TG_AXES(1), true), 0.5)));
    out[LOGSUM] = tg_logsumexp(x, TG_AXES(1), false);
    out[OVER_LAST] = tg_sum(y, TG_AXES(2), false);
    out[OVER_SHORTER] = tg_sum(tg_reshape(y, TG_SHAPE(s->outer, s->mid, s->inner / shorter, shorter)), TG_AXES(2), false);
    out[OVER_FIRST] = tg_sum(y, TG_AXES(0, 1), false);
    assert_int_equal(tg_grad(&y, &g, 1, &x, 1, false, &out[SLOPE]), TG_OK);
}

static void check_column(const sizes *s, numbers x, numbers g, const numbers out[RESULTS], int64_t o, int64_t c, long double *y,
                         double eps)
{
    const int64_t from = o * s->mid * s->inner + c;
    long double  *d = y + s->mid, mean, rstd, log_sum = 0;
    plain_softmax(x, g, s, from, y, d);
    plain_moments(x, s, from, &mean, &rstd);
    for (int64_t r = 0; r < s->mid; r++) {
        const int64_t i = from + r * s->inner;
        near(at(out[SOFTMAX], i), y[r], 1e-30, 24 * eps, "softmax", s);
        near(at(out[SLOPE], i), d[r], (double)y[r] * 8, 24 * eps, "its gradient", s);
        near(at(out[STANDARD], i), (at(x, i) - mean) * rstd, 4, 4 * eps, "standardised", s);
        log_sum += expl(at(x, i));
    }
    near(at(out[LOGSUM], o * s->inner + c), logl(log_sum), 4, 4 * eps, "logsumexp", s);
}

static void check_sums(const sizes *s, const numbers out[RESULTS], double eps)
{
    const numbers y = out[SOFTMAX];
    const int64_t shorter = s->inner % SHORTER ? s->inner : SHORTER;
    for (int64_t r = 0; r < s->outer * s->mid; r++) {
        long double sum = 0, pieces[SHORTER] = {0};
        for (int64_t c = 0; c < s->inner; c++) {
            sum += at(y, r * s->inner + c);
            pieces[c % SHORTER] += at(y, r * s->inner + c);
        }
        near(at(out[OVER_LAST], r), sum, 1e-30, 16 * eps, "sum over the last axis", s);
        for (int64_t k = 0; k < shorter && shorter == SHORTER; k++)
            near(at(out[OVER_SHORTER], r * shorter + k), pieces[k], 1e-30, 8 * eps, "sum over a part of it", s);
    }
    for (int64_t c = 0; c < s->inner; c++) near(at(out[OVER_FIRST], c), (long double)s->outer, 0, 64 * eps, "sum over the first axes", s);
}

static void test_reduced(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * sizeof many / sizeof *many; i++) {
        const sizes   *s = &many[i / 2];
        const tg_dtype dtype = i % 2 ? TG_F64 : TG_F32;
        const double   eps = dtype == TG_F32 ? 0x1p-23 : 0x1p-52;
        tg_tape       *t = tg_tape_new(&(tg_tape_options){.silent = true, .dtype = dtype, .seed = i, .threads = 1 + (int)(i / 2 % 2)});
        long double   *room = malloc(2 * (size_t)s->mid * sizeof *room);
        assert_true(t && room);
        tg_tensor *x = tg_param(t, "x", tg_mul_s(tg_randn(t, TG_SHAPE(s->outer, s->mid, s->inner)), 2));
        tg_tensor *g = tg_keep(tg_randn(t, TG_SHAPE(s->outer, s->mid, s->inner)));
        for (int round = 0; round < ROUNDS; round++) {
            tg_tensor *out[RESULTS];
            numbers    got[RESULTS];
            compute(x, g, s, out);
            read_all(out, got, RESULTS);
            for (int64_t o = 0; o < s->outer && round % 3 == 0; o++)
                for (int64_t c = 0; c < s->inner; c++) check_column(s, numbers_of(x), numbers_of(g), got, o, c, room, eps);
            check_sums(s, got, eps);
            tg_reset(t);
        }
        free(room);
        tg_tape_free(t);
    }
}

/* ---- turned ------------------------------------------------------------------------------------------------------- */

/* x [outer,mid,inner] as [outer,inner,mid], and as [inner,outer,mid], with a row and a column; and reduced along either axis. */
enum { TURNED, TURNED_FURTHER, COPY, TURNED_SOFTMAX, TURNED_COLUMNS, TURNINGS };

static void turn(tg_tensor *x, tg_tensor *row, tg_tensor *column, tg_tensor *out[TURNINGS])
{
    tg_tensor *y = tg_permute(x, TG_AXES(0, 2, 1)), *z = tg_permute(x, TG_AXES(2, 0, 1));
    out[TURNED] = tg_mul(tg_add(y, row), tg_add(tg_square(y), column));
    out[TURNED_FURTHER] = tg_add(tg_mul(z, row), tg_neg(z));
    out[COPY] = tg_contiguous(y);
    out[TURNED_SOFTMAX] = tg_softmax(y, 2);
    out[TURNED_COLUMNS] = tg_softmax(y, 1);
}

static void check_turned(const sizes *s, numbers x, numbers row, numbers column, const numbers out[TURNINGS], double eps)
{
    for (int64_t o = 0; o < s->outer; o++)
        for (int64_t c = 0; c < s->inner; c++) {
            long double sum = 0;
            for (int64_t r = 0; r < s->mid; r++) sum += expl(at(x, (o * s->mid + r) * s->inner + c));
            for (int64_t r = 0; r < s->mid; r++) {
                const double  v = at(x, (o * s->mid + r) * s->inner + c), a = at(row, r), b = at(column, c);
                const int64_t i = (o * s->inner + c) * s->mid + r, k = (c * s->outer + o) * s->mid + r;
                near(at(out[TURNED], i), ((long double)v + a) * ((long double)v * v + b), 30, 4 * eps, "turned", s);
                near(at(out[TURNED_FURTHER], k), (long double)v * a - v, 30, 4 * eps, "turned further", s);
                assert_true(at(out[COPY], i) == v);
                near(at(out[TURNED_SOFTMAX], i), expl(v) / sum, 1e-30, 32 * eps, "softmax of turned rows", s);
            }
        }
    for (int64_t o = 0; o < s->outer; o++)
        for (int64_t r = 0; r < s->mid; r++) {
            long double sum = 0;
            for (int64_t c = 0; c < s->inner; c++) sum += expl(at(x, (o * s->mid + r) * s->inner + c));
            for (int64_t c = 0; c < s->inner; c++)
                near(at(out[TURNED_COLUMNS], (o * s->inner + c) * s->mid + r), expl(at(x, (o * s->mid + r) * s->inner + c)) / sum, 1e-30, 32 * eps,
                     "softmax of turned columns", s);
        }
}

static void test_turned(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * sizeof many / sizeof *many; i++) {
        const sizes   *s = &many[i / 2];
        const tg_dtype dtype = i % 2 ? TG_F64 : TG_F32;
        tg_tape       *t = tg_tape_new(&(tg_tape_options){.silent = true, .dtype = dtype, .seed = i, .threads = 1 + (int)(i / 2 % 2)});
        assert_non_null(t);
        tg_tensor *x = tg_keep(tg_randn(t, TG_SHAPE(s->outer, s->mid, s->inner))), *row = tg_keep(tg_randn(t, TG_SHAPE(s->mid)));
        tg_tensor *column = tg_keep(tg_randn(t, TG_SHAPE(s->inner, 1)));
        for (int round = 0; round < ROUNDS; round++) {
            tg_tensor *out[TURNINGS];
            numbers    got[TURNINGS];
            turn(x, row, column, out);
            read_all(out, got, TURNINGS);
            if (round % 3 == 0) check_turned(s, numbers_of(x), numbers_of(row), numbers_of(column), got, dtype == TG_F32 ? 0x1p-23 : 0x1p-52);
            tg_reset(t);
        }
        tg_tape_free(t);
    }
}

/* Elements of 1, 2 and 8 bytes that are no floats move as they are. */
static void test_other_types(void **state)
{
    static const tg_dtype dtypes[] = {TG_U8, TG_I16, TG_I32, TG_I64, TG_BOOL};
    (void)state;
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
        tg_tape *t = tg_tape_new(&(tg_tape_options){.silent = true});
        assert_non_null(t);
        for (int round = 0; round < ROUNDS; round++) {
            tg_tensor *x = tg_to(tg_reshape(tg_arange(t, TG_F64, 100 * 170), TG_SHAPE(100, 170)), dtypes[i]), *turned = tg_transpose(x, 0, 1);
            tg_tensor *y = tg_where(tg_eq(turned, turned), tg_contiguous(turned), turned), *back = tg_to(y, TG_F64), *there = tg_to(x, TG_F64);
            numbers    got[2];
            read_all((tg_tensor *[]){back, there}, got, 2);
            for (int r = 0; r < 100; r++)
                for (int c = 0; c < 170; c++) assert_true(at(got[0], c * 100 + r) == at(got[1], r * 170 + c));
            tg_reset(t);
        }
        tg_tape_free(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reduced), cmocka_unit_test(test_turned), cmocka_unit_test(test_other_types)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
