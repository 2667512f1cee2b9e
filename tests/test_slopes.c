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

#define COUNT(A) (sizeof(A) / sizeof *(A))

/* ---- references: the first and second derivatives --------------------------------------------------------------------- */

typedef long double real;

static real clamp(real x, real to) { return x > to ? to : x < -to ? -to : x; }

/* The rounding error of x x, by Dekker's product: what is in an exponent counts in full. */
static real square_error(real x)
{
    const volatile real s = (0x1p32L + 1) * x, hi_ = s - x, hi = s - hi_;
    const real          lo = x - hi, z = x * x;
    return ((hi * hi - z) + 2 * hi * lo) + lo * lo;
}
static real bell(real x, real half) /* e^(-half x^2) */
{
    const real c = clamp(x, 150);
    return expl(-half * c * c) * (1 - half * square_error(c));
}
static const real k_phi = 0.398942280401432677939946059934382L, k_erf = 1.128379167095512573896158903121545L;

static real sigmoid(real x) { return x < 0 ? expl(x) / (1 + expl(x)) : 1 / (1 + expl(-x)); }
static real sigmoid_d(real x)
{
    const real e = expl(-fabsl(x));
    return e / ((1 + e) * (1 + e));
}
static real sigmoid_dd(real x) { return -sigmoid_d(x) * tanhl(x / 2); }
static real tanh_d(real x) { return 4 * sigmoid_d(2 * x); }
static real tanh_dd(real x) { return -2 * tanhl(x) * tanh_d(x); }
static real silu(real x) { return x < -12000 ? -0.0L : x * sigmoid(x); }
static real silu_d(real x)
{
    const real c = clamp(x, 11000), a = fabsl(c), e = expl(-a), w = e * (1 + e - a) / ((1 + e) * (1 + e));
    return isnan(x) ? x : x < 0 ? w : 1 - w;
}
static real silu_dd(real x) { return sigmoid_d(clamp(x, 11000)) * (2 - clamp(x, 11000) * tanhl(x / 2)); }
static real softplus(real x) { return (x > 0 ? x : 0) + log1pl(expl(-fabsl(x))); }
static real erf_d(real x) { return k_erf * bell(x, 1); }
static real erf_dd(real x) { return -2 * clamp(x, 150) * erf_d(x); }
/* erfc(t + dt) = erfc t - 2/sqrt(pi) dt e^(-t^2), t = -x/sqrt 2 */
static real phi(real x)
{
    const real c = clamp(x, 150), h = 0x1.6a09e667p-1L, low = 0.707106781186547524400844362104849L - h;
    const real t = -c * h, t1 = t - c * low, dt = (t - t1) - c * low;
    return isnan(x) ? x : 0.5L * (erfcl(t1) - k_erf * dt * expl(-t1 * t1));
}
static real gelu(real x) { return x < -100 ? -0.0L : x * phi(x); }
static real gelu_d(real x) { return phi(x) + clamp(x, 150) * k_phi * bell(x, 0.5L); }
static real gelu_dd(real x) { return k_phi * bell(x, 0.5L) * (2 - clamp(x, 150) * clamp(x, 150)); }
/* x sigmoid(v), v = k x (1 + a x^2): for floats, long double holds v and its slopes to more digits than matter. */
static real gelu_v(real x)
{
    const real c = clamp(x, 150);
    return 1.595769121605730711759784239737632L * c * (1 + 0.044715L * c * c);
}
static real gelu_v1(real x) { return 1.595769121605730711759784239737632L * (1 + 0.134145L * clamp(x, 150) * clamp(x, 150)); }
static real gelu_v2(real x) { return 1.595769121605730711759784239737632L * 0.26829L * clamp(x, 150); }
static real gelu_tanh(real x) { return x < -100 ? -0.0L : x * sigmoid(gelu_v(x)); }
static real gelu_tanh_d(real x)
{
    const real v = gelu_v(x), c = clamp(x, 150);
    return isnan(x) ? x : sigmoid(v) + c * sigmoid_d(v) * gelu_v1(x);
}
static real gelu_tanh_dd(real x)
{
    const real v = gelu_v(x), c = clamp(x, 150);
    return sigmoid_d(v) * (2 * gelu_v1(x) + c * gelu_v2(x)) + c * sigmoid_dd(v) * gelu_v1(x) * gelu_v1(x);
}

static real neg(real x) { return -x; }
static real neg_d(real x) { return x != x ? x : -1; }
static real square(real x) { return x * x; }
static real square_d(real x) { return 2 * x; }
static real square_dd(real x) { return x != x ? x : 2; }
static real abs_d(real x) { return x > 0 ? 1 : x < 0 ? -1 : x; }
static real reciprocal(real x) { return 1 / x; }
static real reciprocal_d(real x) { return -1 / (x * x); }
static real reciprocal_dd(real x) { return 2 / (x * x * x); }
static real sqrt_d(real x) { return 0.5L / sqrtl(x); }
static real sqrt_dd(real x) { return -0.25L / (x * sqrtl(x)); }
static real log_d(real x) { return 1 / x; }
static real log_dd(real x) { return -1 / (x * x); }
static real log1p_d(real x) { return 1 / (1 + x); }
static real log1p_dd(real x) { return -1 / ((1 + x) * (1 + x)); }
static real minus_sin(real x) { return -sinl(x); }
static real minus_cos(real x) { return -cosl(x); }
static real relu(real x) { return x <= 0 ? 0 : x; }
static real relu_d(real x) { return x > 0 ? 1 : 0; }
static real cube(real x) { return x * x * x; }
static real cube_d(real x) { return 3 * x * x; }
static real half_pow(real x) { return powl(x, 0.5L); }
static real half_pow_d(real x) { return 0.5L * powl(x, -0.5L); }
static real half_pow_dd(real x) { return -0.25L * powl(x, -1.5L); }
static real pow_5_2(real x) { return powl(x, 2.5L); }
static real pow_5_2_d(real x) { return 2.5L * powl(x, 1.5L); }
static real pow_5_2_dd(real x) { return 3.75L * powl(x, 0.5L); }
static real bce_1(real x) { return softplus(-x); }
static real bce_1_d(real x) { return -sigmoid(-x); }

static tg_tensor *f_cube(tg_tensor *x) { return tg_pow_s(x, 3); }
static tg_tensor *f_half_pow(tg_tensor *x) { return tg_pow_s(x, 0.5); }
static tg_tensor *f_inverse(tg_tensor *x) { return tg_pow_s(x, -1); }
static tg_tensor *f_pow_5_2(tg_tensor *x) { return tg_pow_s(x, 2.5); }
static tg_tensor *f_bce_1(tg_tensor *x) /* the mean, times how many there are */
{
    return tg_mul_s(tg_bce_with_logits(x, tg_ones_like(x)), (double)tg_numel(x));
}

/* Where a derivative passes through 0 because two terms cancel, the unit is that of the larger one. */
static double terms(double a, double b) { return fmax(fabs(a), fabs(b)); }
static double sigmoid_s(double x) { return 1 / (1 + exp(-x)); }
static double silu_u(double x) { return terms(sigmoid_s(x), x * sigmoid_s(x) * sigmoid_s(-x)); }
static double silu_uu(double x) { return sigmoid_s(x) * sigmoid_s(-x) * terms(2, x); }
static double gelu_u(double x) { return terms(erfc(-x * 0.70710678118654752) / 2, x * 0.3989422804 * exp(-x * x / 2)); }
static double gelu_uu(double x) { return 0.3989422804 * exp(-x * x / 2) * terms(2, x * x); }
static double gelu_tanh_u(double x)
{
    const double v = 1.5957691216 * x * (1 + 0.044715 * x * x), s = sigmoid_s(v), q = sigmoid_s(-v);
    return terms(s, x * s * q * 1.5957691216 * (1 + 0.134145 * x * x));
}
static double gelu_tanh_uu(double x)
{
    const double v = 1.5957691216 * x * (1 + 0.044715 * x * x), v1 = 1.5957691216 * (1 + 0.134145 * x * x);
    return sigmoid_s(v) * sigmoid_s(-v) * terms(2 * v1 + 0.4281288976 * x * x, x * v1 * v1);
}

/* A function and its derivatives; limits in ULP for f32 and f64 of the first and of the second one. */
typedef struct function {
    const char *name;
    tg_tensor *(*f)(tg_tensor *);
    real (*value)(real), (*slope[2])(real);
    double (*unit[2])(double);
    double limit32[2], limit64[2];
    double lo, hi; /* |x|, where limits are for a part */
} function;

/* tanh and sigmoid give their slopes up to 1 - 2^-13 by their results, whose rounding error counts the more the nearer they are to 1. */
static const function functions[] = {
    {"neg", tg_neg, neg, {neg_d}, {0}, {0}, {0}, 0, 0},
    {"square", tg_square, square, {square_d, square_dd}, {0}, {0, 0}, {0, 0}, 0, 0},
    {"abs", tg_abs, fabsl, {abs_d}, {0}, {0}, {0}, 0, 0},
    {"relu", tg_relu, relu, {relu_d}, {0}, {0}, {0}, 0, 0},
    {"reciprocal", tg_reciprocal, reciprocal, {reciprocal_d, reciprocal_dd}, {0}, {2, 4}, {2, 4}, 0, 0},
    {"sqrt", tg_sqrt, sqrtl, {sqrt_d, sqrt_dd}, {0}, {2, 4}, {2, 4}, 0, 0},
    {"exp", tg_exp, expl, {expl, expl}, {0}, {2, 2}, {2, 2}, 0, 0},
    {"log", tg_log, logl, {log_d, log_dd}, {0}, {1, 2}, {1, 2}, 0, 0},
    {"log1p", tg_log1p, log1pl, {log1p_d, log1p_dd}, {0}, {2, 4}, {2, 4}, 0, 0},
    {"sin", tg_sin, sinl, {cosl, minus_sin}, {0}, {2, 2}, {2, 2}, 0, 0},
    {"cos", tg_cos, cosl, {minus_sin, minus_cos}, {0}, {2, 2}, {2, 2}, 0, 0},
    {"tanh", tg_tanh, tanhl, {tanh_d, tanh_dd}, {0}, {12, 12}, {12, 12}, 0, 0.75},
    {"tanh", tg_tanh, tanhl, {tanh_d, tanh_dd}, {0}, {16384, 16384}, {16384, 16384}, 0.75, 4.95},
    {"tanh", tg_tanh, tanhl, {tanh_d, tanh_dd}, {0}, {4, 6}, {6, 8}, 4.95, HUGE_VAL},
    {"erf", tg_erf, erfl, {erf_d, erf_dd}, {0}, {4, 6}, {4, 6}, 0, 0},
    {"sigmoid", tg_sigmoid, sigmoid, {sigmoid_d, sigmoid_dd}, {0}, {8, 12}, {8, 12}, 0, 1},
    {"sigmoid", tg_sigmoid, sigmoid, {sigmoid_d, sigmoid_dd}, {0}, {16384, 16384}, {16384, 16384}, 1, 9.1},
    {"sigmoid", tg_sigmoid, sigmoid, {sigmoid_d, sigmoid_dd}, {0}, {4, 8}, {4, 8}, 9.1, HUGE_VAL},
    {"silu", tg_silu, silu, {silu_d, silu_dd}, {silu_u, silu_uu}, {4, 16384}, {4, 16384}, 0, 0},
    {"softplus", tg_softplus, softplus, {sigmoid, sigmoid_d}, {0}, {4, 16384}, {4, 16384}, 0, 0},
    {"gelu", tg_gelu, gelu, {gelu_d, gelu_dd}, {gelu_u, gelu_uu}, {8, 8}, {8, 8}, 0, 0},
    {"gelu_tanh", tg_gelu_tanh, gelu_tanh, {gelu_tanh_d, gelu_tanh_dd}, {gelu_tanh_u, gelu_tanh_uu}, {4, 32}, {4, 100}, 0, 0},
    {"pow_s 0.5", f_half_pow, half_pow, {half_pow_d, half_pow_dd}, {0}, {2, 4}, {2, 4}, 0, 0},
    {"pow_s -1", f_inverse, reciprocal, {reciprocal_d, reciprocal_dd}, {0}, {2, 4}, {2, 4}, 0, 0},
    {"pow_s 3", f_cube, cube, {cube_d}, {0}, {2}, {2}, 0, 0},
    {"pow_s 2.5", f_pow_5_2, pow_5_2, {pow_5_2_d, pow_5_2_dd}, {0}, {2, 3}, {3, 4}, 0, 0},
    {"bce_with_logits, target 1", f_bce_1, bce_1, {bce_1_d}, {0}, {6}, {6}, 0, 0},
};

/* ---- what the library computes ---------------------------------------------------------------------------------------- */

enum { BLOCK = 32768 };

static tg_tensor *total(tg_tensor *x) { return tg_sum(x, TG_ALL_AXES, false); }
static double element(tg_tensor *t, int64_t i) { return tg_dtype_of(t) == TG_F32 ? (double)tg_data_f32(t)[i] : tg_data_f64(t)[i]; }

/* x in y[0], and the derivatives up to `order` behind it, as doubles. */
static void derive(tg_tape *t, const function *f, tg_dtype dtype, int order, int n, const double *x, double *y[3])
{
    static float x32[BLOCK];
    for (int i = 0; i < n; i++) x32[i] = (float)x[i];
    const tg_shape s = {1, {n}};
    tg_tensor     *leaf = tg_require_grad(dtype == TG_F32 ? tg_from_f32(t, &s, x32) : tg_from_f64(t, &s, x)), *all[3];
    all[0] = f->f(leaf);
    tg_tensor *sum = total(all[0]);
    for (int k = 1; k <= order; k++) {
        if (tg_grad(&sum, NULL, 1, &leaf, 1, k < order, &all[k]) != TG_OK) fail_msg("%s: %s", f->name, tg_error(t));
        sum = total(all[k]);
    }
    if (tg_eval(all + 1, order) != TG_OK) fail_msg("%s: %s", f->name, tg_error(t));
    for (int k = 0; k <= order; k++)
        for (int i = 0; y[k] && i < n; i++) y[k][i] = element(all[k], tg_numel(all[k]) == n ? i : 0);
    if (tg_reset(t) != TG_OK) fail_msg("%s: %s", f->name, tg_error(t));
}

/* |got - want| in units in the last place at `size`, of the smallest subnormal at least. */
static double ulp(tg_dtype dtype, double got, real want, real size)
{
    const real most = dtype == TG_F32 ? (real)FLT_MAX : (real)DBL_MAX;
    const int  bits = dtype == TG_F32 ? 24 : 53, least = dtype == TG_F32 ? -125 : -1021;
    int        e;
    if (isnan(want) || isnan(got)) return isnan(want) && isnan(got) ? 0 : HUGE_VAL;
    if (isinf(got)) return fabsl(want) > most * (1 - 0x1p-20L) && (want > 0) == (got > 0) ? 0 : HUGE_VAL;
    if (fabsl(want) > most) want = want > 0 ? most : -most;
    frexpl(isfinite(size) && fabsl(size) > fabsl(want) ? size : want, &e);
    return (double)(fabsl((real)got - want) / ldexpl(1, (e < least ? least : e) - bits));
}

typedef struct worst {
    double ulp, at;
} worst;

/* A second derivative is a product with the first one, which may be subnormal: its unit is that of a somewhat larger number at least. */
static void look(worst *w, const function *f, int k, tg_dtype dtype, double x, double got, real want)
{
    if (isnan(x) || (f->hi > 0 && !(fabs(x) >= f->lo && fabs(x) < f->hi))) return;
    const real   floor = k == 0 ? 0 : dtype == TG_F32 ? (real)FLT_MIN * 256 : (real)DBL_MIN * 2048;
    const double e = ulp(dtype, got, want, fmaxl(f->unit[k] ? (real)f->unit[k](x) : fabsl(want), floor));
    if (e > w->ulp) *w = (worst){e, x};
}

static void check(const function *f, const char *dtype, const worst w[2], const double *limit)
{
    for (int k = 0; k < 2 && f->slope[k]; k++)
        if (!(w[k].ulp <= limit[k]))
            fail_msg("%s, %s: derivative %d is %g ULP off at %a = %g", f->name, dtype, k + 1, w[k].ulp, w[k].at, w[k].at);
}
static void print(const function *f, const char *dtype, const worst w[2])
{
    printf("| %s", f->name);
    if (f->hi > 0) printf(", %g to %g", f->lo, f->hi);
    printf(" | %s |", dtype);
    for (int k = 0; k < 2 && f->slope[k]; k++) printf(" %.2f at %a |", w[k].ulp, w[k].at);
    putchar('\n');
    fflush(stdout);
}

static float float_of(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* Every step-th float. `quick`: measured by the derivatives in double, which themselves are measured against long double. */
static void every(tg_tape *t, const function *f, bool quick, uint64_t step, worst w[2])
{
    static double x[BLOCK], y1[BLOCK], y2[BLOCK], z1[BLOCK], z2[BLOCK];
    const int     order = f->slope[1] ? 2 : 1;
    for (uint64_t from = 0; from < UINT64_C(1) << 32; from += BLOCK * step) {
        int n = 0;
        for (uint64_t i = 0; i < BLOCK && from + i * step < UINT64_C(1) << 32; i++) x[n++] = (double)float_of((uint32_t)(from + i * step));
        if (f->hi > 0 && fabs(x[0]) >= f->hi && fabs(x[n - 1]) >= f->hi) continue; /* floats of one sign are in order */
        if (f->hi > 0 && n == BLOCK && step == 1 && fabs(x[0]) < f->lo && fabs(x[n - 1]) < f->lo) continue;
        derive(t, f, TG_F32, order, n, x, (double *[]){NULL, y1, y2});
        if (quick) derive(t, f, TG_F64, order, n, x, (double *[]){NULL, z1, z2});
        for (int i = 0; i < n; i++) {
            look(&w[0], f, 0, TG_F32, x[i], y1[i], quick ? (real)z1[i] : f->slope[0]((real)x[i]));
            if (order > 1) look(&w[1], f, 1, TG_F32, x[i], y2[i], quick ? (real)z2[i] : f->slope[1]((real)x[i]));
        }
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
    if (is_reference()) return;
    for (size_t i = 0; i < COUNT(functions); i++) {
        const function *f = &functions[i];
        const int       n = thoroughness(f->name);
        worst           w[2] = {{0, 0}, {0, 0}};
        every(t, f, false, 150001, w); /* prime, so that all low bits occur */
        check(f, "f32", w, f->limit32);
        if (n == 0) continue;
        every(t, f, true, (uint64_t)n, w);
        print(f, "f32", w);
        check(f, "f32", w, f->limit32);
    }
}

/* Where functions do something: 0.0001 … 40, and all magnitudes down to subnormals. */
static void doubles(void **state)
{
    static double x[BLOCK], y1[BLOCK], y2[BLOCK];
    tg_tape      *t = *state;
    if (is_reference()) return;
    for (size_t i = 0; i < COUNT(functions); i++) {
        const function *f = &functions[i];
        const int       n = thoroughness(f->name), order = f->slope[1] ? 2 : 1;
        worst           w[2] = {{0, 0}, {0, 0}};
        uint64_t        seed = 1;
        for (int round = 0; round < (n ? 100 / n + 1 : 1); round++) {
            const int points = n ? BLOCK : 8192;
            for (int k = 0; k < points; k++) {
                seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
                const double u = ldexp((double)(int64_t)(seed >> 11 << 11), -63);
                x[k] = k % 3 == 0 ? ldexp(u, (int)(seed >> 40) % 60 - 50) : k % 3 == 1 ? u * 40 : u * 6;
            }
            derive(t, f, TG_F64, order, points, x, (double *[]){NULL, y1, y2});
            for (int k = 0; k < points; k++) {
                look(&w[0], f, 0, TG_F64, x[k], y1[k], f->slope[0]((real)x[k]));
                if (order > 1) look(&w[1], f, 1, TG_F64, x[k], y2[k], f->slope[1]((real)x[k]));
            }
        }
        if (n) print(f, "f64", w);
        check(f, "f64", w, f->limit64);
    }
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
    {"sqrt", 1, -0.0, -HUGE_VAL},   /* half of 1/sqrt(-0), which is -0 */
    {"pow_s 2.5", 1, -HUGE_VAL, HUGE_VAL},
};

static bool zero_sign(double x) { return x == 0 && signbit(x); }

static void special_unary(void **state)
{
    tg_tape      *t = *state;
    static double y0[N_SPECIAL], y1[N_SPECIAL];
    for (size_t r = 0; r < COUNT(functions); r++) {
        const function *f = &functions[r];
        const bool      piecewise = f->f == tg_relu || f->f == tg_abs || f->f == tg_neg || f->f == tg_square;
        for (tg_dtype d = TG_F32; d <= TG_F64; d++) {
            derive(t, f, d, 1, N_SPECIAL, specials, (double *[]){y0, y1, NULL});
            for (int i = 0; i < N_SPECIAL; i++) {
                const double x = specials[i];
                const real   value = f->value((real)x);
                double       slope = (double)f->slope[0]((real)x);
                for (size_t e = 0; e < COUNT(exceptions); e++)
                    if (!strcmp(exceptions[e].name, f->name) && exceptions[e].at == x && signbit(x) == signbit(exceptions[e].at))
                        slope = exceptions[e].is;
                if (f->f != f_bce_1 && !(ulp(d, y0[i], value, value) <= 4))
                    fail_msg("%s(%g) of %s is %g, not %g", f->name, x, tg_dtype_name(d), y0[i], (double)value);
                if (f->f != f_bce_1 && y0[i] == 0 && zero_sign(y0[i]) != !!signbit(value))
                    fail_msg("%s(%g) of %s: a zero of the wrong sign", f->name, x, tg_dtype_name(d));
                if (isnan(x) && piecewise) continue; /* their slopes there are tested where the rules are */
                if (!(ulp(d, y1[i], (real)slope, f->unit[0] ? (real)f->unit[0](x) : (real)slope) <= 16384))
                    fail_msg("%s'(%g) of %s is %g, not %g", f->name, x, tg_dtype_name(d), y1[i], slope);
            }
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
                in[k] = tg_require_grad(d == TG_F32 ? tg_from_f32(t, TG_SHAPE(N), x32[k]) : tg_from_f64(t, TG_SHAPE(N), x[k]));
            tg_tensor *y = tg_want(f->f(in[0], in[1])), *sum = total(y);
            if (tg_grad(&sum, NULL, 1, in, 2, false, g) != TG_OK || tg_eval((tg_tensor *[]){y, g[0], g[1]}, 3) != TG_OK)
                fail_msg("%s: %s", f->name, tg_error(t));
            for (int i = 0; i < N; i++) {
                const real a = (real)x[0][i], b = (real)x[1][i];
                const real want[] = {f->value(a, b), f->by_x ? f->by_x(a, b) : 0, f->by_y ? f->by_y(a, b) : 0};
                for (int k = 0; k < 3; k++) {
                    if ((k == 1 && !f->by_x) || (k == 2 && !f->by_y)) continue;
                    const double got = element(k == 0 ? y : g[k - 1], i);
                    if (k == 1 && f->value == powl && !within(d, powl(a, b - 1))) continue; /* y x^(y-1) is a product */
                    if (!(ulp(d, got, want[k], want[k]) <= (f->value == powl && k > 0 ? 100 : 2)))
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
            tg_tensor *x = tg_require_grad(tg_add(tg_to(tg_from_f64(t, TG_SHAPE(3), fabs(at[i]) < 1e4 ? far : (double[]){0, 0, 0}), d), m));
            tg_tensor *y = tg_logsumexp(x, TG_ALL_AXES, false), *p, *h;
            assert_int_equal(tg_grad(&y, NULL, 1, &x, 1, true, &p), TG_OK);
            tg_tensor *along = total(tg_mul(p, v));
            assert_int_equal(tg_grad(&along, NULL, 1, &x, 1, false, &h), TG_OK);
            assert_int_equal(tg_eval((tg_tensor *[]){x, p, h}, 3), TG_OK);
            real want[3], sum = 0, mean = 0;
            for (int k = 0; k < 3; k++) sum += want[k] = expl((real)element(x, k) - (real)element(x, 1));
            for (int k = 0; k < 3; k++) mean += (want[k] /= sum) * (k == 0 ? 1 : 2 * k);
            for (int k = 0; k < 3; k++) {
                assert_true(ulp(d, element(p, k), want[k], want[k]) <= 6);
                assert_true(ulp(d, element(h, k), want[k] * ((k == 0 ? 1 : 2 * k) - mean), want[k] * 4) <= 6);
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
        cmocka_unit_test(doubles),       cmocka_unit_test(floats),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
