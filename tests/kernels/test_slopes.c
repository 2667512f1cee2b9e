/* test_slopes.c - derivatives as the library computes them, through the rules and the loops of this CPU, against long double: how far they
 * are from the exact ones over all floats (docs/accuracy.md has the tables), and what values and derivatives are at zeros, subnormals,
 * infinities and NaN. TAPEGRAD_ULP=n (make ulp: n = 1) takes every n-th float and prints the rows; TAPEGRAD_ULP_OF names functions. */
#define _POSIX_C_SOURCE 200809L
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tapegrad.h>

#include "slopes.h"

#define COUNT(A) (sizeof(A) / sizeof *(A))

/* ---- functions -------------------------------------------------------------------------------------------------------- */

static real neg(real x) { return -x; }
static real square(real x) { return x * x; }
static real reciprocal(real x) { return 1 / x; }
static real relu(real x) { return x <= 0 ? 0 : x; }
static real hardswish(real x) { return x <= -3 ? 0 : x >= 3 ? x : x * (x + 3) / 6; }
static real cube(real x) { return x * x * x; }
static real half_pow(real x) { return powl(x, 0.5L); }
static real pow_5_2(real x) { return powl(x, 2.5L); }
static real exp10_value(real x) { return powl(10, x); }
static real bce_1(real x) { return exact_softplus(-x); }

static tg_tensor *f_cube(tg_tensor *x) { return tg_pow_s(x, 3); }
static tg_tensor *f_half_pow(tg_tensor *x) { return tg_pow_s(x, 0.5); }
static tg_tensor *f_inverse(tg_tensor *x) { return tg_pow_s(x, -1); }
static tg_tensor *f_pow_5_2(tg_tensor *x) { return tg_pow_s(x, 2.5); }
static tg_tensor *f_bce_1(tg_tensor *x) /* the mean, times how many there are */
{
    return tg_mul_s(tg_bce_with_logits(x, tg_ones_like(x)), (double)tg_numel(x));
}

/* A function and its derivatives; limits in ULP for f32 and f64 of the first and of the second one. */
typedef struct function {
    const char *name;
    tg_tensor *(*f)(tg_tensor *);
    real (*value)(real);
    const slopes *slopes;
    double limit32[2], limit64[2];
    double lo, hi; /* |x|, where limits are for a part */
    double settled; /* from this |x| on, and below TINY, a sample will do (0: nowhere): they are constant there, or linear, or libm's */
} function;

#define TINY 0x1p-26
enum { SATURATED = 128, BY_LIBM = 1 << 20 };

/* tanh and sigmoid give their slopes up to 1 - 2^-13 by their results, whose rounding error counts the more the nearer they are to 1. */
static const function functions[] = {
    {"neg", tg_neg, neg, &slopes_neg, {0}, {0}, 0, 0, 0},
    {"square", tg_square, square, &slopes_square, {0, 0}, {0, 0}, 0, 0, 0},
    {"abs", tg_abs, fabsl, &slopes_abs, {0}, {0}, 0, 0, 0},
    {"relu", tg_relu, relu, &slopes_relu, {0}, {0}, 0, 0, 0},
    {"hardswish", tg_hardswish, hardswish, &slopes_hardswish, {2, 1}, {2, 1}, 0, 0, 0},
    {"reciprocal", tg_reciprocal, reciprocal, &slopes_reciprocal, {2, 4}, {2, 4}, 0, 0, 0},
    {"sqrt", tg_sqrt, sqrtl, &slopes_sqrt, {2, 5}, {2, 5}, 0, 0, 0},
    {"exp", tg_exp, expl, &slopes_exp, {2, 2}, {2, 2}, 0, 0, SATURATED},
    {"log", tg_log, logl, &slopes_log, {1, 2}, {1, 2}, 0, 0, 0},
    {"log1p", tg_log1p, log1pl, &slopes_log1p, {2, 3}, {2, 3}, 0, 0, 0},
    {"sin", tg_sin, sinl, &slopes_sin, {2, 2}, {2, 2}, 0, 0, BY_LIBM},
    {"cos", tg_cos, cosl, &slopes_cos, {2, 2}, {2, 2}, 0, 0, BY_LIBM},
    {"tanh", tg_tanh, tanhl, &slopes_tanh, {4, 5}, {4, 5}, 0, 0.75, SATURATED},
    {"tanh", tg_tanh, tanhl, &slopes_tanh, {16384, 16384}, {16384, 16384}, 0.75, 4.95, SATURATED},
    {"tanh", tg_tanh, tanhl, &slopes_tanh, {4, 5}, {4, 6}, 4.95, HUGE_VAL, SATURATED},
    {"erf", tg_erf, erfl, &slopes_erf, {3, 4}, {3, 4}, 0, 0, SATURATED},
    {"sigmoid", tg_sigmoid, exact_sigmoid, &slopes_sigmoid, {4, 5}, {4, 5}, 0, 1, SATURATED},
    {"sigmoid", tg_sigmoid, exact_sigmoid, &slopes_sigmoid, {16384, 16384}, {16384, 16384}, 1, 9.1, SATURATED},
    {"sigmoid", tg_sigmoid, exact_sigmoid, &slopes_sigmoid, {4, 5}, {4, 6}, 9.1, HUGE_VAL, SATURATED},
    {"silu", tg_silu, exact_silu, &slopes_silu, {4, 16384}, {4, 16384}, 0, 0, SATURATED},
    {"mish", tg_mish, exact_mish, &slopes_mish, {6, 16}, {6, 16}, 0, 0, SATURATED},
    {"softplus", tg_softplus, exact_softplus, &slopes_softplus, {4, 16384}, {4, 16384}, 0, 0, SATURATED},
    {"gelu", tg_gelu, exact_gelu, &slopes_gelu, {4, 4}, {4, 4}, 0, 0, SATURATED},
    {"gelu_tanh", tg_gelu_tanh, exact_gelu_tanh, &slopes_gelu_tanh, {4, 16}, {4, 64}, 0, 0, SATURATED},
    {"exp2", tg_exp2, exp2l, &slopes_exp2, {4, 4}, {4, 4}, 0, 128, SATURATED},
    {"exp10", tg_exp10, exp10_value, &slopes_exp10, {4, 4}, {4, 4}, 0, 0, SATURATED},
    {"expm1", tg_expm1, expm1l, &slopes_expm1, {4, 4}, {4, 4}, 0, 0, SATURATED},
    {"log2", tg_log2, log2l, &slopes_log2, {4, 4}, {4, 4}, 0, 0, 0},
    {"log10", tg_log10, log10l, &slopes_log10, {4, 4}, {4, 4}, 0, 0, 0},
    {"cbrt", tg_cbrt, cbrtl, &slopes_cbrt, {4, 4}, {4, 4}, 0x1p-149, HUGE_VAL, 0},
    {"logit", tg_logit, exact_logit, &slopes_logit, {4, 8}, {4, 8}, 0x1p-60, 1, 0},
    {"tan", tg_tan, tanl, &slopes_tan, {8, 16}, {8, 16}, 0, 0, BY_LIBM},
    {"asin", tg_asin, asinl, &slopes_asin, {4, 8}, {4, 8}, 0, 0, 0},
    {"acos", tg_acos, acosl, &slopes_acos, {4, 8}, {4, 8}, 0, 0, 0},
    {"atan", tg_atan, atanl, &slopes_atan, {4, 8}, {4, 8}, 0, 0, 0},
    {"sinh", tg_sinh, sinhl, &slopes_sinh, {4, 4}, {4, 4}, 0, 0, SATURATED},
    {"cosh", tg_cosh, coshl, &slopes_cosh, {4, 4}, {4, 4}, 0, 0, SATURATED},
    {"asinh", tg_asinh, asinhl, &slopes_asinh, {4, 8}, {4, 8}, 0, 0, 0},
    {"acosh", tg_acosh, acoshl, &slopes_acosh, {4, 8}, {4, 8}, 0, 0, 0},
    {"atanh", tg_atanh, atanhl, &slopes_atanh, {4, 4}, {4, 4}, 0, 1, 0},
    {"pow_s 0.5", f_half_pow, half_pow, &slopes_half_pow, {2, 5}, {2, 5}, 0, 0, 0},
    {"pow_s -1", f_inverse, reciprocal, &slopes_reciprocal, {2, 4}, {2, 4}, 0, 0, 0},
    {"pow_s 3", f_cube, cube, &slopes_cube, {2, 1}, {2, 2}, 0, 0, 0},
    {"pow_s 2.5", f_pow_5_2, pow_5_2, &slopes_pow_5_2, {2, 3}, {2, 3}, 0, 0, 0},
    {"bce_with_logits, target 1", f_bce_1, bce_1, &slopes_bce_1, {4}, {4}, 0, 0, SATURATED},
};

/* ---- what the library computes ---------------------------------------------------------------------------------------- */

enum { BLOCK = 32768 };

static double element(tg_tensor *t, int64_t i) { return tg_dtype_of(t) == TG_F32 ? (double)tg_data_f32(t)[i] : tg_data_f64(t)[i]; }

static int order_of(const function *f) { return f->slopes->exact[1] ? 2 : 1; }

/* The value at a leaf in y[0], and the derivatives up to `order` behind it. */
static void derive(const function *f, int order, tg_tensor *leaf, tg_tensor *y[3])
{
    y[0] = f->f(leaf);
    tg_tensor *sum = tg_sum_all(y[0]);
    for (int k = 1; k <= order; k++) {
        if (tg_grad(&sum, NULL, 1, &leaf, 1, k < order, &y[k]) != TG_OK) fail_msg("%s: %s", f->name, tg_error(tg_tape_of(leaf)));
        sum = tg_sum_all(y[k]);
    }
    if (tg_eval(y + 1, order) != TG_OK) fail_msg("%s: %s", f->name, tg_error(tg_tape_of(leaf)));
}

/* ---- errors ----------------------------------------------------------------------------------------------------------- */

typedef struct worst {
    double ulp, at;
} worst;

static bool within_part(const function *f, double x) { return f->hi == 0 || (fabs(x) >= f->lo && fabs(x) < f->hi); }

static void look(worst *w, const function *f, int k, tg_dtype dtype, double x, double got)
{
    if (!within_part(f, x)) return;
    const double e = slopes_error(f->slopes, k, dtype, x, got);
    if (e > w->ulp) *w = (worst){e, x};
}

/* How many derivatives are beyond their limits. */
static int check(const function *f, const char *dtype, const worst w[2], const double *limit)
{
    int beyond = 0;
    for (int k = 0; k < order_of(f); k++) {
        if (w[k].ulp <= limit[k]) continue;
        print_error("%s, %s: derivative %d is %g ULP off at %a = %g\n", f->name, dtype, k + 1, w[k].ulp, w[k].at, w[k].at);
        beyond++;
    }
    return beyond;
}
static void print(const function *f, const char *dtype, const worst w[2])
{
    printf("| %s", f->name);
    if (f->hi > 0) printf(", %g to %g", f->lo, f->hi);
    printf(" | %s |", dtype);
    for (int k = 0; k < order_of(f); k++) printf(" %.2f at %a |", w[k].ulp, w[k].at);
    putchar('\n');
    fflush(stdout);
}

static float float_of(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* Every step-th float; of all of them, where a function has settled, one block in 61. `quick`: long double looks at those chunks alone in
 * which double, whose errors are some 1e-8 ULP of a float, finds more than the worst so far. */
static void every(tg_tape *t, const function *f, bool quick, uint64_t step, worst w[2])
{
    static float x[BLOCK];
    const int    order = order_of(f);
    for (uint64_t from = 0; from < UINT64_C(1) << 32; from += BLOCK * step) {
        for (uint64_t i = 0; i < BLOCK; i++) x[i] = from + i * step < UINT64_C(1) << 32 ? float_of((uint32_t)(from + i * step)) : 0;
        if (step == 1) { /* floats of one sign are in order, and blocks have one sign */
            const double a = fabs((double)x[0]), b = fabs((double)x[BLOCK - 1]);
            if (f->hi > 0 && (a >= f->hi || b < f->lo)) continue;
            if (f->settled > 0 && ((a >= f->settled && !isnan(b)) || b < TINY) && from / BLOCK % 61) continue;
        }
        tg_tensor *y[3];
        derive(f, order, tg_set_requires_grad(tg_from_f32(t, TG_SHAPE(BLOCK), x), true), y);
        const float *const y1 = tg_data_f32(y[1]), *const y2 = order > 1 ? tg_data_f32(y[2]) : y1;
        for (int c = 0; c < BLOCK; c += SLOPES_CHUNK) {
            const double limit[2] = {0.9999 * w[0].ulp + 1e-4, 0.9999 * w[1].ulp + 1e-4};
            if (quick && !f->slopes->any_beyond(x + c, y1 + c, y2 + c, limit)) continue;
            for (int i = c; i < c + SLOPES_CHUNK; i++) {
                look(&w[0], f, 0, TG_F32, (double)x[i], (double)y1[i]);
                if (order > 1) look(&w[1], f, 1, TG_F32, (double)x[i], (double)y2[i]);
            }
        }
        if (tg_reset(t) != TG_OK) fail_msg("%s: %s", f->name, tg_error(t));
    }
}

static int thoroughness(const char *name)
{
    const char  *wanted = getenv("TAPEGRAD_ULP"), *of = getenv("TAPEGRAD_ULP_OF");
    const size_t n = strcspn(name, " ,");
    if (!wanted || atoi(wanted) <= 0) return 0;
    if (!of || !*of) return atoi(wanted);
    for (; *of; of += strcspn(of, " ,"), of += strspn(of, " ,"))
        if (strncmp(of, name, n) == 0 && strcspn(of, " ,") == n) return atoi(wanted);
    return 0;
}

/* The reference evaluator is not measured: its formulas are the plain ones. */
static bool is_reference(void)
{
    const char *evaluator = getenv("TAPEGRAD_EVAL");
    return evaluator && !strcmp(evaluator, "reference");
}

static void floats(void **state)
{
    tg_tape *t = *state;
    int      beyond = 0;
    if (is_reference()) return;
    for (size_t i = 0; i < COUNT(functions); i++) {
        const function *f = &functions[i];
        const int       n = thoroughness(f->name);
        worst           w[2] = {{0, 0}, {0, 0}}, quick[2] = {{0, 0}, {0, 0}};
        every(t, f, false, 150001, w); /* prime, so that all low bits occur */
        beyond += check(f, "f32", w, f->limit32);
        every(t, f, slopes_can_be_fast(), 150001, quick);
        for (int k = 0; k < 2; k++)
            if (!(quick[k].ulp <= w[k].ulp && quick[k].ulp >= 0.9998 * w[k].ulp - 1e-4))
                fail_msg("%s: derivative %d is %g ULP off by double, %g by long double", f->name, k + 1, quick[k].ulp, w[k].ulp);
        if (n == 0) continue;
        every(t, f, slopes_can_be_fast(), (uint64_t)n, w);
        print(f, "f32", w);
        beyond += check(f, "f32", w, f->limit32);
    }
    assert_int_equal(beyond, 0);
}

/* Where functions do something: 0.0001 … 40, and all magnitudes down to subnormals. */
static void doubles(void **state)
{
    static double x[BLOCK];
    tg_tape      *t = *state;
    int           beyond = 0;
    if (is_reference()) return;
    for (size_t i = 0; i < COUNT(functions); i++) {
        const function *f = &functions[i];
        const int       n = thoroughness(f->name), order = order_of(f);
        worst           w[2] = {{0, 0}, {0, 0}};
        uint64_t        seed = 1;
        for (int round = 0; round < (n ? 100 / n + 1 : 1); round++) {
            const int points = n ? BLOCK : 8192;
            for (int k = 0; k < points; k++) {
                seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
                const double u = ldexp((double)(int64_t)(seed >> 11 << 11), -63);
                x[k] = k % 3 == 0 ? ldexp(u, (int)(seed >> 40) % 60 - 50) : k % 3 == 1 ? u * 40 : u * 6;
            }
            tg_tensor *y[3];
            derive(f, order, tg_set_requires_grad(tg_from_f64(t, TG_SHAPE(points), x), true), y);
            for (int d = 0; d < order; d++)
                for (int k = 0; k < points; k++) look(&w[d], f, d, TG_F64, x[k], tg_data_f64(y[d + 1])[k]);
            assert_int_equal(tg_reset(t), TG_OK);
        }
        if (n) print(f, "f64", w);
        beyond += check(f, "f64", w, f->limit64);
    }
    assert_int_equal(beyond, 0);
}

/* ---- special values ------------------------------------------------------------------------------------------------------ */

static const double specials[] = {0.0, -0.0, 1, -1, 2, -2, 0.5, -0.5, 3, -3, 10, -10, 20, -20, 60, -60, 95, -95, 102, -102, 0x1p-149,
                                  -0x1p-149, 0x1p-130, -0x1p-130, 0x1p-126, -0x1p-126, (double)FLT_MAX, -(double)FLT_MAX, HUGE_VAL, -HUGE_VAL, NAN};
enum { N_SPECIAL = (int)COUNT(specials) };

/* What differs from C's value or from the derivative's limit; docs/accuracy.md lists it. */
typedef struct exception {
    const char *name;
    int         order;
    double      at, is;
} exception;

static const exception exceptions[] = {
    {"sqrt", 1, -0.0, -HUGE_VAL}, /* half of 1/sqrt(-0), which is -0 */
};

static bool zero_sign(double x) { return x == 0 && signbit(x); }

static void special_unary(void **state)
{
    tg_tape *t = *state;
    for (size_t r = 0; r < COUNT(functions); r++) {
        const function *f = &functions[r];
        const bool      piecewise = f->f == tg_relu || f->f == tg_abs || f->f == tg_neg || f->f == tg_square;
        for (tg_dtype d = TG_F32; d <= TG_F64; d++) {
            tg_tensor *leaf = tg_set_requires_grad(tg_to(tg_from_f64(t, TG_SHAPE(N_SPECIAL), specials), d), true), *y[3];
            derive(f, 1, leaf, y);
            assert_int_equal(tg_eval(y, 1), TG_OK);
            for (int i = 0; i < N_SPECIAL; i++) {
                const double x = specials[i], y1 = element(y[1], i), y0 = f->f == f_bce_1 ? 0 : element(y[0], i);
                const real   value = f->value((real)x);
                double       slope = (double)f->slopes->exact[0]((real)x);
                for (size_t e = 0; e < COUNT(exceptions); e++)
                    if (!strcmp(exceptions[e].name, f->name) && exceptions[e].at == x && signbit(x) == signbit(exceptions[e].at))
                        slope = exceptions[e].is;
                if (f->f != f_bce_1 && !(slopes_ulp(d, y0, value, value) <= 4))
                    fail_msg("%s(%g) of %s is %g, not %g", f->name, x, tg_dtype_name(d), y0, (double)value);
                if (f->f != f_bce_1 && y0 == 0 && zero_sign(y0) != !!signbit(value))
                    fail_msg("%s(%g) of %s: a zero of the wrong sign", f->name, x, tg_dtype_name(d));
                if (isnan(x) && piecewise) continue; /* their slopes there are tested where the rules are */
                if (!(slopes_ulp(d, y1, (real)slope, f->slopes->unit[0]((real)x)) <= 16384))
                    fail_msg("%s'(%g) of %s is %g, not %g", f->name, x, tg_dtype_name(d), y1, slope);
            }
            assert_int_equal(tg_reset(t), TG_OK);
        }
    }
}

/* All pairs: value, and the derivative by each operand. NULL: another test's. */
typedef struct binary {
    const char *name;
    tg_tensor *(*f)(tg_tensor *, tg_tensor *);
    real (*value)(real, real), (*by_x)(real, real), (*by_y)(real, real);
} binary;

/* Neither over- nor underflows it in a dtype. */
static bool within(tg_dtype d, real x)
{
    const real most = d == TG_F32 ? (real)FLT_MAX : (real)DBL_MAX, least = d == TG_F32 ? (real)FLT_MIN : (real)DBL_MIN;
    return isnan(x) || isinf(x) || x == 0 || (fabsl(x) <= most && fabsl(x) >= least);
}

static real add_v(real x, real y) { return x + y; }
static real sub_v(real x, real y) { return x - y; }
static real mul_v(real x, real y) { return x * y; }
static real div_v(real x, real y) { return x / y; }
static real maximum_v(real x, real y) { return x != x ? x : y != y ? y : x > y ? x : y; }
static real minimum_v(real x, real y) { return x != x ? x : y != y ? y : x < y ? x : y; }
static real first(real x, real y)
{
    (void)y;
    return x;
}
static real second(real x, real y)
{
    (void)x;
    return y;
}
static real plus_1(real x, real y)
{
    (void)x, (void)y;
    return 1;
}
static real minus_1(real x, real y)
{
    (void)x, (void)y;
    return -1;
}
static real div_x(real x, real y)
{
    (void)x;
    return 1 / y;
}
static real div_y(real x, real y) { return -(x / y) / y; }
static real pow_x(real x, real y) { return y == 0 ? 0 : y * powl(x, y - 1); }

static const binary binaries[] = {
    {"add", tg_add, add_v, plus_1, plus_1},    {"sub", tg_sub, sub_v, plus_1, minus_1},
    {"mul", tg_mul, mul_v, second, first},     {"div", tg_div, div_v, div_x, div_y},
    {"pow", tg_pow, powl, pow_x, NULL},        {"maximum", tg_maximum, maximum_v, NULL, NULL},
    {"minimum", tg_minimum, minimum_v, NULL, NULL},
};

static void special_binary(void **state)
{
    enum { N = N_SPECIAL * N_SPECIAL };
    static double x[2][N];
    static float  x32[2][N];
    tg_tape      *t = *state;
    for (int i = 0; i < N; i++) x[0][i] = specials[i / N_SPECIAL], x[1][i] = specials[i % N_SPECIAL];
    for (int i = 0; i < 2 * N; i++) x32[i / N][i % N] = (float)x[i / N][i % N];
    for (size_t r = 0; r < COUNT(binaries); r++)
        for (tg_dtype d = TG_F32; d <= TG_F64; d++) {
            const binary *f = &binaries[r];
            tg_tensor    *in[2], *g[2];
            for (int k = 0; k < 2; k++)
                in[k] = tg_set_requires_grad(d == TG_F32 ? tg_from_f32(t, TG_SHAPE(N), x32[k]) : tg_from_f64(t, TG_SHAPE(N), x[k]), true);
            tg_tensor *y = tg_want(f->f(in[0], in[1])), *sum = tg_sum_all(y);
            if (tg_grad(&sum, NULL, 1, in, 2, false, g) != TG_OK || tg_eval((tg_tensor *[]){y, g[0], g[1]}, 3) != TG_OK)
                fail_msg("%s: %s", f->name, tg_error(t));
            for (int i = 0; i < N; i++) {
                const real a = (real)x[0][i], b = (real)x[1][i];
                const real want[] = {f->value(a, b), f->by_x ? f->by_x(a, b) : 0, f->by_y ? f->by_y(a, b) : 0};
                for (int k = 0; k < 3; k++) {
                    if ((k == 1 && !f->by_x) || (k == 2 && !f->by_y)) continue;
                    const double got = element(k == 0 ? y : g[k - 1], i);
                    if (k == 1 && f->value == powl && !within(d, powl(a, b - 1))) continue; /* y x^(y-1) is a product */
                    if (!(slopes_ulp(d, got, want[k], want[k]) <= (f->value == powl && k > 0 ? 100 : 2)))
                        fail_msg("%s(%Lg, %Lg) of %s, derivative %d: %g, not %Lg", f->name, a, b, tg_dtype_name(d), k, got, want[k]);
                    if (k == 0 && f->value != maximum_v && f->value != minimum_v && got == 0 && zero_sign(got) != !!signbit(want[k]))
                        fail_msg("%s(%Lg, %Lg) of %s: a zero of the wrong sign", f->name, a, b, tg_dtype_name(d));
                }
            }
            assert_int_equal(tg_reset(t), TG_OK);
        }
}

/* ---- slopes of whole rows -------------------------------------------------------------------------------------------------- */

/* The gradient of logsumexp is a distribution however far the row is from 0, and its derivative along v is p (v - sum p v). */
static void logsumexp_far_out(void **state)
{
    const double at[] = {0, -1e3, -1e4, -1e5, -1e6, 1e8, 1e20}, far[] = {0, 0.5, -30};
    tg_tape     *t = *state;
    for (tg_dtype d = TG_F32; d <= TG_F64; d++)
        for (size_t i = 0; i < COUNT(at); i++) {
            tg_tensor *m = tg_to(tg_from_f64(t, TG_SHAPE(1), &at[i]), d), *v = tg_to(tg_from_f64(t, TG_SHAPE(3), (double[]){1, 2, 4}), d);
            tg_tensor *x = tg_set_requires_grad(tg_add(tg_to(tg_from_f64(t, TG_SHAPE(3), fabs(at[i]) < 1e4 ? far : (double[]){0, 0, 0}), d), m), true);
            tg_tensor *y = tg_logsumexp(x, TG_ALL_AXES, false), *p, *h;
            assert_int_equal(tg_grad(&y, NULL, 1, &x, 1, true, &p), TG_OK);
            tg_tensor *along = tg_sum_all(tg_mul(p, v));
            assert_int_equal(tg_grad(&along, NULL, 1, &x, 1, false, &h), TG_OK);
            assert_int_equal(tg_eval((tg_tensor *[]){x, p, h}, 3), TG_OK);
            real want[3], sum = 0, mean = 0;
            for (int k = 0; k < 3; k++) sum += want[k] = expl((real)element(x, k) - (real)element(x, 1));
            for (int k = 0; k < 3; k++) mean += (want[k] /= sum) * (k == 0 ? 1 : 2 * k);
            for (int k = 0; k < 3; k++) {
                assert_true(slopes_ulp(d, element(p, k), want[k], want[k]) <= 6);
                assert_true(slopes_ulp(d, element(h, k), want[k] * ((k == 0 ? 1 : 2 * k) - mean), want[k] * 4) <= 6);
            }
            assert_int_equal(tg_reset(t), TG_OK);
        }
}

static int set_up(void **state) { return (*state = tg_tape_new(&(tg_tape_options){.threads = 1})) ? 0 : -1; }
static int tear_down(void **state)
{
    tg_tape_free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(special_unary), cmocka_unit_test(special_binary), cmocka_unit_test(logsumexp_far_out),
        cmocka_unit_test(floats),        cmocka_unit_test(doubles),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
