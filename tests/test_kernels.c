/* test_kernels.c - the fast loops of every instruction set this CPU has: accuracy, special values, independence of the place in the tile,
 * tile reductions. With TAPEGRAD_ULP=n the accuracy test takes every n-th float and prints the table of the docs; n = 1, all 2^32, takes half an hour. */
#define _POSIX_C_SOURCE 200809L
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../src/kernels/kernels.h"
#include "../src/ops/ops.h"

#define COUNT(A) (sizeof(A) / sizeof *(A))

static uint64_t random_bits(uint64_t *state) /* splitmix64 */
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static float float_of(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}
static double double_of(uint64_t u)
{
    double x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* Pointwise ops that have fast loops, one after the other: i counts through the registry. */
static const tg_op *next_op(int *i)
{
    for (; *i < tg_op_count(); ++*i) {
        const tg_op *op = tg_op_at(*i);
        if (op->kind == TG_POINTWISE && tg_isa_loop(TG_ISA_BASE, op, TG_F32)) return ++*i, op;
    }
    return NULL;
}

/* ---- accuracy --------------------------------------------------------------------------------------------------------- */

static long double sigmoid_l(long double x) { return 1 / (1 + expl(-x)); }
static long double softplus_l(long double x) { return (x > 0 ? x : 0) + log1pl(expl(-fabsl(x))); }
static long double gelu_l(long double x) { return x < -1e3L ? 0 : x * 0.5L * erfcl(-x * 0.707106781186547524400844362104849L); }
static long double gelu_tanh_l(long double x)
{
    const long double k = 1.595769121605730711759L; /* 2 sqrt(2/pi) */
    return x < -1e3L ? 0 : x * sigmoid_l(k * x * (1 + 0.044715L * x * x));
}
static long double reciprocal_l(long double x) { return 1 / x; }

static double sigmoid_d(double x) { return 1 / (1 + exp(-x)); }
static double softplus_d(double x) { return (x > 0 ? x : 0) + log1p(exp(-fabs(x))); }
static double gelu_d(double x) { return x < -1e3 ? 0 : x * 0.5 * erfc(-x * 0.70710678118654752); }
static double gelu_tanh_d(double x) { return (double)gelu_tanh_l((long double)x); }
static double reciprocal_d(double x) { return 1 / x; }

typedef struct function {
    const tg_op *op;
    double (*d)(double);
    long double (*l)(long double);
    double limit32, limit64; /* ULP; 0: not tested */
} function;

/* In double, erf and its kin are libm's; the reference formula of gelu_tanh loses digits in its tail, so it is not measured there. */
static const function functions[] = {
    {&tg_op_exp, exp, expl, 1.4, 1.5},
    {&tg_op_log, log, logl, 1.4, 1.5},
    {&tg_op_log1p, log1p, log1pl, 2, 2},
    {&tg_op_sin, sin, sinl, 1.6, 1},
    {&tg_op_cos, cos, cosl, 1.6, 1},
    {&tg_op_tanh, tanh, tanhl, 3, 3},
    {&tg_op_erf, erf, erfl, 4, 2},
    {&tg_op_sigmoid, sigmoid_d, sigmoid_l, 3, 3},
    {&tg_op_softplus, softplus_d, softplus_l, 3, 3},
    {&tg_op_gelu, gelu_d, gelu_l, 3.5, 0},
    {&tg_op_gelu_tanh, gelu_tanh_d, gelu_tanh_l, 3, 0},
    {&tg_op_sqrt, sqrt, sqrtl, 0.5001, 0.5001},
    {&tg_op_reciprocal, reciprocal_d, reciprocal_l, 0.5001, 0.5001},
};

/* |got - want| in units in the last place of a float at want; infinite where one is NaN or infinite and the other not. */
static double ulp_f32(float got, double want)
{
    int e;
    if (isnan(want) || isnan(got)) return isnan(want) && isnan(got) ? 0 : HUGE_VAL;
    if (isinf(got) || isinf((float)want)) return got == (float)want || fabs(want) == (double)FLT_MAX ? 0 : HUGE_VAL;
    frexp(want, &e);
    return fabs((double)got - want) / ldexp(1, (e < -125 ? -125 : e) - 24);
}
static double ulp_f64(double got, long double want)
{
    int e;
    if (isnan(want) || isnan(got)) return isnan(want) && isnan(got) ? 0 : HUGE_VAL;
    if (isinf(got) || isinf((double)want)) return got == (double)want ? 0 : HUGE_VAL;
    frexpl(want, &e);
    return (double)(fabsl((long double)got - want) / ldexpl(1, (e < -1021 ? -1021 : e) - 53));
}

/* The worst over every step-th float; *at gets where. */
static double worst_f32(tg_loop loop, double (*f)(double), uint64_t step, float *at)
{
    enum { N = 1024 };
    static float x[N], y[N];
    double       worst = 0;
    for (uint64_t u = 0; u < UINT64_C(1) << 32;) {
        size_t n = 0;
        for (; n < N && u < UINT64_C(1) << 32; n++, u += step) x[n] = float_of((uint32_t)u);
        loop(n, y, (const void *[]){x}, NULL);
        for (size_t i = 0; i < n; i++) {
            const double e = ulp_f32(y[i], f((double)x[i]));
            if (e > worst) worst = e, *at = x[i];
        }
    }
    return worst;
}

static void accuracy_f32(void **state)
{
    (void)state;
    const char    *wanted = getenv("TAPEGRAD_ULP");
    const bool     print  = wanted && atoi(wanted) > 0;
    const uint64_t step   = print ? (uint64_t)atoi(wanted) : 40009; /* prime, so that all low bits occur */
    for (size_t k = 0; k < COUNT(functions); k++)
        for (tg_isa isa = TG_ISA_BASE; isa < TG_NISAS; isa++) {
            if (!tg_isa_has(isa)) continue;
            float        at = 0;
            const double e  = worst_f32(tg_isa_loop(isa, functions[k].op, TG_F32), functions[k].d, step, &at);
            if (print || e > functions[k].limit32)
                printf("%-12s %-7s %.2f ULP at %a\n", functions[k].op->name, tg_isa_name(isa), e, (double)at);
            assert_true(e <= functions[k].limit32);
        }
}

static void accuracy_f64(void **state)
{
    (void)state;
    enum { N = 512, ROUNDS = 40 };
    static double              x[N], y[N];
    const volatile long double one = 1, more = one + LDBL_EPSILON;
    if (more == one) skip(); /* valgrind computes long double as double */
    for (size_t k = 0; k < COUNT(functions); k++)
        for (tg_isa isa = TG_ISA_BASE; isa < TG_NISAS; isa++) {
            if (!tg_isa_has(isa) || functions[k].limit64 == 0) continue;
            uint64_t seed = 1;
            for (int round = 0; round < ROUNDS; round++) {
                for (size_t i = 0; i < N; i++) { /* any bits; and where the functions do something */
                    const uint64_t u = random_bits(&seed);
                    x[i] = round % 2 ? double_of(u) : ldexp((double)(int64_t)u, round % 4 ? -62 : -54);
                }
                tg_isa_loop(isa, functions[k].op, TG_F64)(N, y, (const void *[]){x}, NULL);
                for (size_t i = 0; i < N; i++) {
                    const double e = ulp_f64(y[i], functions[k].l((long double)x[i]));
                    if (e > functions[k].limit64)
                        fail_msg("%s %s: %g ULP at %a", functions[k].op->name, tg_isa_name(isa), e, x[i]);
                }
            }
        }
}

static void accuracy_pow(void **state)
{
    (void)state;
    enum { N = 100 * 512 };
    static float x[N], y[N], z[N];
    uint64_t     seed = 7;
    for (size_t i = 0; i < N; i++) {
        const uint64_t u = random_bits(&seed);
        x[i] = i % 3 ? float_of((uint32_t)u) : (float)(u & 0xffff) / 3000;
        y[i] = i % 2 ? (float)((int)(u >> 40 & 63) - 31) : (float)((double)(u >> 32) / 4e8 - 5);
    }
    for (tg_isa isa = TG_ISA_BASE; isa < TG_NISAS; isa++) {
        if (!tg_isa_has(isa)) continue;
        tg_isa_loop(isa, &tg_op_pow, TG_F32)(N, z, (const void *[]){x, y}, NULL);
        for (size_t i = 0; i < N; i++) {
            const double e = ulp_f32(z[i], pow((double)x[i], (double)y[i]));
            if (e > 0.6) fail_msg("pow(%a, %a) is %a, %g ULP off", (double)x[i], (double)y[i], (double)z[i], e);
        }
    }
}

/* ---- special values: as the reference loops ---------------------------------------------------------------------------- */

static const double specials[] = {0.0, -0.0, 1, -1, 2, -2, 0.5, -0.5, 3, -3, 10, -10, 20, -20, 88.7, -88.7, 89.5, -104.5, 709.9, -745.5, 1e-3,
                                  -1e-3, 1e-30, -1e-30, 1e30, -1e30, 0x1p-149, -0x1p-149, 0x1p-126, -0x1p-126, 0x1p-1074, -0x1p-1074,
                                  0x1p-1022, 1048576, 1e6, -1e9, 3.4028234663852886e38, -3.4028234663852886e38, 1.7976931348623157e308,
                                  -1.7976931348623157e308, HUGE_VAL, -HUGE_VAL, NAN};
enum { N_SPECIAL = (int)COUNT(specials) };

/* Both NaN, or both the same infinity, or near: relative to the result, and where the formula cancels to its operands' size, `scale`. */
static bool agree(double got, double want, double epsilon, double smallest, double scale)
{
    if (isnan(got) || isnan(want)) return isnan(got) && isnan(want);
    if (isinf(got) || isinf(want)) return got == want;
    return fabs(got - want) <= 40 * epsilon * fmax(fabs(want), scale) + 2 * smallest;
}

static void compare_special(const tg_op *op, tg_isa isa, size_t n, const double *const *in)
{
    static float   x32[3][N_SPECIAL * N_SPECIAL], a32[N_SPECIAL * N_SPECIAL], b32[N_SPECIAL * N_SPECIAL];
    static double  a64[N_SPECIAL * N_SPECIAL], b64[N_SPECIAL * N_SPECIAL];
    static uint8_t c[N_SPECIAL * N_SPECIAL];
    const bool     is_bool = op->flags & TG_OP_BOOL, is_where = op == &tg_op_where;
    for (int k = 0; k < op->arity; k++)
        for (size_t i = 0; i < n; i++) x32[k][i] = (float)in[k][i];
    for (size_t i = 0; i < n; i++) c[i] = i % 3 == 0;
    const void *in32[3] = {is_where ? (const void *)c : x32[0], x32[1], x32[2]};
    const void *in64[3] = {is_where ? (const void *)c : in[0], in[1], in[2]};
    op->loop[TG_F32](n, a32, in32, NULL);
    tg_isa_loop(isa, op, TG_F32)(n, b32, in32, NULL);
    op->loop[TG_F64](n, a64, in64, NULL);
    tg_isa_loop(isa, op, TG_F64)(n, b64, in64, NULL);
    if (is_bool) {
        assert_memory_equal(a32, b32, n);
        assert_memory_equal(a64, b64, n);
        return;
    }
    /* float gelu and its gradient: the reference loop's own argument error, (float)(x / sqrt 2), counts in the tail */
    for (size_t i = 0; i < n; i++) {
        const double scale = strncmp(op->name, "gelu", 4) == 0 ? fmin(1, fabs(in[0][i])) : 0;
        if (!agree((double)b32[i], (double)a32[i], FLT_EPSILON, 0x1p-149, scale) || !agree(b64[i], a64[i], DBL_EPSILON, 0x1p-1074, scale))
            fail_msg("%s %s(%g, %g, %g): float %a, reference %a; double %a, reference %a", tg_isa_name(isa), op->name, in[0][i],
                     op->arity > 1 ? in[1][i] : 0, op->arity > 2 ? in[2][i] : 0, (double)b32[i], (double)a32[i], b64[i], a64[i]);
    }
}

static void special_values(void **state)
{
    (void)state;
    static double x[N_SPECIAL * N_SPECIAL], y[N_SPECIAL * N_SPECIAL], z[N_SPECIAL * N_SPECIAL];
    for (size_t i = 0; i < COUNT(x); i++) x[i] = specials[i / N_SPECIAL], y[i] = specials[i % N_SPECIAL];
    const tg_op *op;
    for (tg_isa isa = TG_ISA_BASE; isa < TG_NISAS; isa++) {
        if (!tg_isa_has(isa)) continue;
        for (int at = 0; (op = next_op(&at));) {
            if (op->arity == 1) compare_special(op, isa, N_SPECIAL, (const double *[]){specials, specials, specials});
            if (op->arity == 2) compare_special(op, isa, COUNT(x), (const double *[]){x, y, y});
            if (op->arity < 3) continue;
            for (int k = 0; k < N_SPECIAL; k++) {
                for (size_t i = 0; i < COUNT(z); i++) z[i] = specials[k];
                compare_special(op, isa, COUNT(x), (const double *[]){z, x, y});
            }
        }
    }
}

/* Signed zeros and C's rules for pow, which agree() above would let pass within its tolerance. */
static void exact_values(void **state)
{
    (void)state;
    const struct {
        const tg_op *op;
        float        x, y, want;
    } cases[] = {
        {&tg_op_tanh, -0.0f, 0, -0.0f},      {&tg_op_erf, -0.0f, 0, -0.0f},       {&tg_op_sin, -0.0f, 0, -0.0f},
        {&tg_op_tanh, 0x1p-149f, 0, 0x1p-149f}, {&tg_op_sin, 0x1p-149f, 0, 0x1p-149f}, {&tg_op_log1p, 0x1p-149f, 0, 0x1p-149f},
        {&tg_op_exp, 0, 0, 1},               {&tg_op_log, 1, 0, 0},               {&tg_op_exp, -103.9f, 0, 0x1p-149f},
        {&tg_op_tanh, 1e30f, 0, 1},          {&tg_op_erf, -1e30f, 0, -1},         {&tg_op_pow, -2, 3, -8},
        {&tg_op_pow, -2, 2, 4},              {&tg_op_pow, NAN, 0, 1},             {&tg_op_pow, 1, NAN, 1},
        {&tg_op_pow, -1, INFINITY, 1},       {&tg_op_pow, -0.0f, 3, -0.0f},       {&tg_op_pow, -0.0f, -3, -INFINITY},
        {&tg_op_pow, -INFINITY, 3, -INFINITY}, {&tg_op_pow, -0.0f, 2, 0.0f},      {&tg_op_mul_zero, 0, INFINITY, 0},
        {&tg_op_mul_zero, 0, NAN, 0},        {&tg_op_div_zero, 0, 0, 0},          {&tg_op_relu, 0, 0, 0},
        {&tg_op_relu_grad, 5, 0, 0},         {&tg_op_abs_grad, 5, 0, 0},          {&tg_op_pow_grad, 0, 0, 0},
        {&tg_op_pow_log, 0, 0, 0},           {&tg_op_pow_log, 0, 2, 0},           {&tg_op_sqrt_grad, 0, 0, 0},
        {&tg_op_leaky_relu, -4, 0.25f, -1},  {&tg_op_gelu, -INFINITY, 0, 0},      {&tg_op_gelu_tanh, INFINITY, 0, INFINITY},
    };
    for (size_t k = 0; k < COUNT(cases); k++)
        for (tg_isa isa = TG_ISA_BASE; isa < TG_NISAS; isa++) {
            if (!tg_isa_has(isa)) continue;
            float       x[20], y[20], r[20];
            const float want = cases[k].want;
            for (int i = 0; i < 20; i++) x[i] = cases[k].x, y[i] = cases[k].y;
            tg_isa_loop(isa, cases[k].op, TG_F32)(20, r, (const void *[]){x, y}, NULL);
            for (int i = 0; i < 20; i++)
                if (!(r[i] == want) || signbit(r[i]) != signbit(want))
                    fail_msg("%s(%g, %g) is %g, not %g", cases[k].op->name, (double)x[i], (double)y[i], (double)r[i], (double)want);
        }
}

/* ---- the place in the tile does not matter ------------------------------------------------------------------------------- */

static void check_places(const tg_op *op, tg_isa isa, tg_dtype dtype)
{
    enum { N = 70, GUARD = 16 };
    const tg_loop loop = tg_isa_loop(isa, op, dtype);
    const size_t  size = tg_dtype_size(dtype), out_size = op->flags & TG_OP_BOOL ? 1 : size;
    static _Alignas(64) unsigned char in[3][N * 8], out[(N + GUARD) * 8], single[N * 8], *p[3];
    uint64_t seed = 3;
    for (int k = 0; k < 3; k++) {
        p[k] = in[k];
        for (size_t i = 0; i < N; i++) {
            const double d = ldexp((double)(int64_t)random_bits(&seed), -61);
            const float  f = (float)d;
            memcpy(in[k] + i * size, size == 8 ? (const void *)&d : (const void *)&f, size);
        }
    }
    if (op == &tg_op_where)
        for (size_t i = 0; i < N; i++) in[0][i] = i % 3 == 1;
    const size_t first = op == &tg_op_where ? 1 : size; /* bytes of an element of the first operand */
    for (size_t i = 0; i < N; i++)
        loop(1, single + i * out_size, (const void *[]){p[0] + i * first, p[1] + i * size, p[2] + i * size}, NULL);
    for (size_t n = 0; n <= N; n++)
        for (size_t from = 0; from + n <= N; from += n < 2 ? 7 : 1 + n / 2) {
            memset(out, 0xa5, sizeof out);
            loop(n, out, (const void *[]){p[0] + from * first, p[1] + from * size, p[2] + from * size}, NULL);
            if (memcmp(out, single + from * out_size, n * out_size) != 0)
                fail_msg("%s %s of %s: n = %zu from %zu differs from single elements", tg_isa_name(isa), op->name, tg_dtype_name(dtype), n, from);
            for (size_t i = n * out_size; i < sizeof out; i++) assert_int_equal(out[i], 0xa5);
        }
    if (out_size != size || first != size) return;
    for (size_t n = 1; n <= N; n += 3) { /* in place */
        memcpy(out, in[0], n * size);
        loop(n, out, (const void *[]){out, p[1], p[2]}, NULL);
        assert_memory_equal(out, single, n * size);
    }
}

static void places(void **state)
{
    (void)state;
    const tg_op *op;
    for (tg_isa isa = TG_ISA_BASE; isa < TG_NISAS; isa++)
        for (int at = 0; tg_isa_has(isa) && (op = next_op(&at));) check_places(op, isa, TG_F32), check_places(op, isa, TG_F64);
}

/* sin and cos change their way for whole tiles: an element must not notice its neighbours. */
static void trig_neighbours(void **state)
{
    (void)state;
    for (tg_isa isa = TG_ISA_BASE; isa < TG_NISAS; isa++)
        for (int k = 0; k < 2 && tg_isa_has(isa); k++) {
            float         x[33], y[33], z[33];
            const tg_loop loop = tg_isa_loop(isa, k ? &tg_op_sin : &tg_op_cos, TG_F32);
            for (int i = 0; i < 33; i++) x[i] = (float)i * 30000.125f;
            loop(33, y, (const void *[]){x}, NULL);
            x[20] = 1e30f;
            loop(33, z, (const void *[]){x}, NULL);
            for (int i = 0; i < 33; i++)
                if (i != 20) assert_true(y[i] == z[i]);
            assert_true(ulp_f32(z[20], k ? sin((double)1e30f) : cos((double)1e30f)) < 1);
        }
}

/* ---- tiles ---------------------------------------------------------------------------------------------------------------- */

enum { MAX_TILE = 4096 };

static double value(tg_dtype d, const void *p, size_t i) { return d == TG_F32 ? (double)((const float *)p)[i] : ((const double *)p)[i]; }
static void   set(tg_dtype d, void *p, size_t i, double v)
{
    if (d == TG_F32) ((float *)p)[i] = (float)v;
    else ((double *)p)[i] = v;
}

static void check_tile(tg_dtype d, size_t rows, size_t cols, bool with_nan)
{
    static double x[MAX_TILE], out[TG_NISAS][MAX_TILE], acc[MAX_TILE], base[3][MAX_TILE];
    const double  eps = d == TG_F32 ? FLT_EPSILON : DBL_EPSILON;
    const size_t  size = tg_dtype_size(d), bad = rows * cols / 2;
    uint64_t      seed = rows * 1000 + cols;
    for (size_t i = 0; i < rows * cols; i++) set(d, x, i, ldexp((double)(int64_t)random_bits(&seed), -62));
    if (with_nan) set(d, x, bad, NAN);
    for (tg_isa isa = TG_ISA_BASE; isa < TG_NISAS; isa++) {
        const tg_tile_loops *t = tg_isa_tile(isa, d);
        if (!t) continue;
        t->expand_column(rows, cols, out[isa], x);
        for (size_t i = 0; i < rows * cols; i++) assert_memory_equal((char *)out[isa] + i * size, (char *)x + i / cols * size, size);
        t->repeat_row(rows, cols, out[isa], x);
        for (size_t i = 0; i < rows * cols; i++) assert_memory_equal((char *)out[isa] + i * size, (char *)x + i % cols * size, size);

        for (int kind = 0; kind < 3; kind++) { /* over columns: sum, max, min */
            (kind == 0 ? t->sum_columns : kind == 1 ? t->max_columns : t->min_columns)(rows, cols, out[isa], x);
            for (size_t r = 0; r < rows; r++) {
                double want = kind ? value(d, x, r * cols) : 0, size_sum = 0;
                for (size_t c = 0; c < cols; c++) {
                    const double v = value(d, x, r * cols + c);
                    size_sum += fabs(v);
                    if (kind == 0) want += v;
                    else if (isnan(v) || (kind == 1 ? v > want : v < want)) want = v;
                }
                const double got = value(d, out[isa], r);
                if (isnan(want)) assert_true(isnan(got));
                else if (kind) assert_true(got == want);
                else assert_true(fabs(got - want) <= 8 * eps * size_sum);
            }
            if (isa == TG_ISA_BASE) memcpy(base[kind], out[isa], rows * size);
            if (!with_nan) assert_memory_equal(out[isa], base[kind], rows * size); /* the same order of adding everywhere */
        }
        if (!with_nan) assert_true(t->sum(cols, x) == (t->sum_columns(1, cols, out[isa], x), value(d, out[isa], 0)));

        for (size_t c = 0; c < cols; c++) acc[c] = 1;
        t->sum_rows(rows, cols, acc, x);
        for (int kind = 0; kind < 3; kind++) { /* over rows, onto what is there */
            for (size_t c = 0; c < cols; c++) set(d, out[isa], c, value(d, x, c));
            if (kind) (kind == 1 ? t->max_rows : t->min_rows)(rows, cols, out[isa], x);
            for (size_t c = 0; c < cols; c++) {
                double want = kind ? value(d, x, c) : 1;
                for (size_t r = 0; r < rows; r++) {
                    const double v = value(d, x, r * cols + c);
                    if (kind == 0) want += v;
                    else if (isnan(v) || (kind == 1 ? v > want : v < want)) want = v;
                }
                const double got = kind ? value(d, out[isa], c) : acc[c];
                if (isnan(want)) assert_true(isnan(got));
                else if (kind) assert_true(got == want);
                else assert_true(fabs(got - want) <= 8 * eps * (double)(rows + 1) * 2);
            }
        }
    }
}

static void tiles(void **state)
{
    (void)state;
    const size_t sizes[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 127, 130};
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (size_t k = 0; k < COUNT(sizes); k++) {
            if (sizes[i] * sizes[k] > MAX_TILE) continue;
            check_tile(TG_F32, sizes[i], sizes[k], false), check_tile(TG_F64, sizes[i], sizes[k], false);
            check_tile(TG_F32, sizes[i], sizes[k], true), check_tile(TG_F64, sizes[i], sizes[k], true);
        }
    check_tile(TG_F32, 1, MAX_TILE, false), check_tile(TG_F64, 3, 1024, true);
}

/* ---- choosing ---------------------------------------------------------------------------------------------------------------- */

static void choice(void **state)
{
    (void)state;
    assert_true(tg_isa_has(TG_ISA_BASE) && tg_isa_has(tg_isa_best()));
    assert_false(tg_isa_has(TG_NISAS));
    assert_ptr_equal(tg_fast_loop(&tg_op_exp, TG_F32), tg_isa_loop(tg_isa_best(), &tg_op_exp, TG_F32));
    assert_ptr_equal(tg_fast_loop(&tg_op_add, TG_I64), tg_op_add.loop[TG_I64]); /* no faster one: the reference's */
    assert_ptr_equal(tg_fast_loop(&tg_op_to[TG_F32], TG_U8), tg_op_to[TG_F32].loop[TG_U8]);
    assert_null(tg_fast_loop(&tg_op_exp, TG_I64));
    assert_null(tg_fast_loop(NULL, TG_F32));
    assert_null(tg_fast_loop(&tg_op_exp, TG_NDTYPES));
    assert_null(tg_fast_tile(TG_I32));
    assert_non_null(tg_fast_tile(TG_F32));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(choice),       cmocka_unit_test(special_values),  cmocka_unit_test(exact_values), cmocka_unit_test(places),
        cmocka_unit_test(trig_neighbours), cmocka_unit_test(tiles),        cmocka_unit_test(accuracy_pow), cmocka_unit_test(accuracy_f64),
        cmocka_unit_test(accuracy_f32),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
