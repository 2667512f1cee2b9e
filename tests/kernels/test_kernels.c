/* test_kernels.c - the fast loops of every instruction set this CPU has: accuracy, special values, independence of the place in the tile,
 * tile reductions. TAPEGRAD_ULP=n (make ulp: n = 1) measures accuracy more thoroughly and prints it as docs/accuracy.md has it; of the
 * functions named in TAPEGRAD_ULP_OF alone, where that is set. */
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

#include "exact.h"

#include "kernels/kernels.h"
#include "ops/ops.h"

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

static long double reciprocal_l(long double x) { return 1 / x; }

/* Limits in ULP. Slopes pass through 0 where two terms cancel: their unit is that of the larger one, value/x being the first. */
typedef struct function {
    const tg_op *op;
    long double (*f)(long double);
    double (*d)(double); /* as accurate in double as the table needs it for floats; NULL: f is faster than that would be */
    double limit32, limit64;
    long double (*value)(long double); /* of a slope: what it is the slope of */
    const tg_op *value_op;
} function;

static const function functions[] = {
    {&tg_op_exp, expl, exp, 1.4, 1.5, NULL, NULL},
    {&tg_op_log, logl, log, 1.4, 1.5, NULL, NULL},
    {&tg_op_log1p, log1pl, log1p, 2, 2, NULL, NULL},
    {&tg_op_sin, sinl, sin, 1.6, 1, NULL, NULL},
    {&tg_op_cos, cosl, cos, 1.6, 1, NULL, NULL},
    {&tg_op_tanh, tanhl, tanh, 3, 3, NULL, NULL},
    {&tg_op_erf, erfl, erf, 4, 2, NULL, NULL},
    {&tg_op_sigmoid, exact_sigmoid, NULL, 3, 3, NULL, NULL},
    {&tg_op_softplus, exact_softplus, NULL, 3, 3, NULL, NULL},
    {&tg_op_silu, exact_silu, NULL, 4, 4, NULL, NULL},
    {&tg_op_mish, exact_mish, NULL, 5, 5, NULL, NULL},
    {&tg_op_gelu, exact_gelu, NULL, 4, 4, NULL, NULL},
    {&tg_op_gelu_tanh, exact_gelu_tanh, NULL, 4, 3.5, NULL, NULL},
    {&tg_op_gelu_grad, exact_gelu_d, NULL, 4, 4, exact_gelu, &tg_op_gelu},
    {&tg_op_gelu_tanh_grad, exact_gelu_tanh_d, NULL, 4, 4, exact_gelu_tanh, &tg_op_gelu_tanh},
    {&tg_op_silu_grad, exact_silu_d, NULL, 4, 4, exact_silu, &tg_op_silu},
    {&tg_op_mish_grad, exact_mish_d, NULL, 6, 6, exact_mish, &tg_op_mish},
    {&tg_op_erf_grad, exact_erf_d, NULL, 4, 4, NULL, NULL},
    {&tg_op_phi_grad, exact_density, NULL, 4, 4, NULL, NULL},
    {&tg_op_sqrt, sqrtl, sqrt, 0.5001, 0.5001, NULL, NULL},
    {&tg_op_reciprocal, reciprocal_l, NULL, 0.5001, 0.5001, NULL, NULL},
};

enum { BLOCK = 1024 };

/* An op of one operand, or an op's slope: of an incoming gradient of 1. */
static void run_loop(const tg_op *op, tg_isa isa, tg_dtype dtype, const void *x, void *y)
{
    float  ones32[BLOCK];
    double ones64[BLOCK];
    for (int i = 0; i < BLOCK; i++) ones32[i] = 1, ones64[i] = 1;
    const void *const one = dtype == TG_F32 ? (const void *)ones32 : ones64;
    tg_isa_loop(isa, op, dtype)(BLOCK, y, op->arity == 2 ? (const void *[]){one, x} : (const void *[]){x}, NULL);
}

/* |got - want| in units in the last place of a float at `size`; infinite where one is NaN or infinite and the other not. */
static double ulp_f32_of(float got, double want, double size)
{
    int e;
    if (isnan(want) || isnan(got)) return isnan(want) && isnan(got) ? 0 : HUGE_VAL;
    if (isinf(got) || isinf((float)want)) return got == (float)want || fabs(want) == (double)FLT_MAX ? 0 : HUGE_VAL;
    frexp(size, &e);
    return fabs((double)got - want) / ldexp(1, (e < -125 ? -125 : e) - 24);
}
static double ulp_f32(float got, double want) { return ulp_f32_of(got, want, want); }
static double ulp_f64(double got, long double want, long double size)
{
    int e;
    if (isnan(want) || isnan(got)) return isnan(want) && isnan(got) ? 0 : HUGE_VAL;
    if (isinf(got) || isinf((double)want)) return got == (double)want ? 0 : HUGE_VAL;
    frexpl(size, &e);
    return (double)(fabsl((long double)got - want) / ldexpl(1, (e < -1021 ? -1021 : e) - 53));
}

typedef struct worst {
    double ulp[TG_NISAS], at[TG_NISAS];
} worst;

static worst worse(worst a, worst b)
{
    for (int i = 0; i < TG_NISAS; i++)
        if (b.ulp[i] > a.ulp[i]) a.ulp[i] = b.ulp[i], a.at[i] = b.at[i];
    return a;
}

/* The double that a float result should be near, and the size whose last place is the unit: from libm, or with `quick` from the loops for
 * double, themselves measured below, whose error is some 10^-8 of a float's unit. */
static void want_f32(const function *f, bool quick, const float *x, double *want, double *size)
{
    double xd[BLOCK];
    for (int i = 0; i < BLOCK; i++) xd[i] = (double)x[i];
    if (quick) run_loop(f->op, tg_isa_best(), TG_F64, xd, want);
    else
        for (int i = 0; i < BLOCK; i++) want[i] = f->d ? f->d(xd[i]) : (double)f->f((long double)x[i]);
    memcpy(size, want, BLOCK * sizeof *size);
    if (!f->value) return;
    if (quick) run_loop(f->value_op, tg_isa_best(), TG_F64, xd, size);
    for (int i = 0; i < BLOCK; i++) {
        const double s = x[i] == 0 ? 0.5 : quick ? size[i] / xd[i] : (double)(f->value((long double)x[i]) / (long double)x[i]);
        if (isfinite(s)) size[i] = fmax(fabs(s), fabs(want[i] - s));
        else size[i] = want[i];
    }
}

/* One block of floats on every instruction set. The units are found without branches, so that all 2^32 floats take minutes. */
static worst block_f32(const function *f, bool quick, const float *x)
{
    float  y[BLOCK];
    double want[BLOCK], size[BLOCK], unit[BLOCK], error[BLOCK];
    worst  w = {{0}, {0}};
    want_f32(f, quick, x, want, size);
    for (int i = 0; i < BLOCK; i++) {
        uint64_t u;
        memcpy(&u, size + i, sizeof u);
        const double power = double_of(u & UINT64_C(0x7ff0000000000000)) * 0x1p-23;
        unit[i] = 1 / (power > 0x1p-149 ? power : 0x1p-149);
    }
    for (tg_isa isa = TG_ISA_BASE; isa < TG_NISAS; isa++) {
        if (!tg_isa_has(isa)) continue;
        run_loop(f->op, isa, TG_F32, x, y);
        for (int i = 0; i < BLOCK; i++) error[i] = fabs((double)y[i] - want[i]) * unit[i];
        for (int i = 0; i < BLOCK; i++) {
            if (error[i] <= w.ulp[isa]) continue;
            const double e = ulp_f32_of(y[i], want[i], size[i]);
            if (e > w.ulp[isa]) w.ulp[isa] = e, w.at[isa] = (double)x[i];
        }
    }
    return w;
}

/* The worst over every step-th float. */
static worst worst_f32(const function *f, bool quick, uint64_t step)
{
    const int64_t blocks = (int64_t)((UINT64_C(1) << 32) / step / BLOCK + 1);
    worst         all = {{0}, {0}};
#pragma omp parallel
    {
        worst mine = {{0}, {0}};
#pragma omp for
        for (int64_t b = 0; b < blocks; b++) {
            float x[BLOCK];
            for (uint64_t i = 0; i < BLOCK; i++) x[i] = float_of((uint32_t)(((uint64_t)b * BLOCK + i) * step));
            mine = worse(mine, block_f32(f, quick, x));
        }
#pragma omp critical
        all = worse(all, mine);
    }
    return all;
}

static void print_row(const function *f, const char *dtype, const worst *w)
{
    printf("| %s | %s |", f->op->name, dtype);
    for (tg_isa isa = TG_ISA_BASE; isa < TG_NISAS; isa++)
        if (tg_isa_has(isa)) printf(" %.3f at %a |", w->ulp[isa], w->at[isa]);
    putchar('\n');
    fflush(stdout);
}
static void check_row(const function *f, const worst *w, double limit)
{
    for (tg_isa isa = TG_ISA_BASE; isa < TG_NISAS; isa++)
        if (!(w->ulp[isa] <= limit)) fail_msg("%s %s: %g ULP at %a", f->op->name, tg_isa_name(isa), w->ulp[isa], w->at[isa]);
}

/* n of TAPEGRAD_ULP=n; 0 without, and for an op that TAPEGRAD_ULP_OF leaves out. */
static int thoroughness(const tg_op *op)
{
    const char  *wanted = getenv("TAPEGRAD_ULP"), *of = getenv("TAPEGRAD_ULP_OF");
    const size_t n = strlen(op->name);
    if (!wanted || atoi(wanted) <= 0) return 0;
    if (!of || !*of) return atoi(wanted);
    for (; *of; of += strcspn(of, " ,"), of += strspn(of, " ,"))
        if (strncmp(of, op->name, n) == 0 && strcspn(of, " ,") == n) return atoi(wanted);
    return 0;
}

static void accuracy_f32(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT(functions); k++) {
        const function *f = &functions[k];
        const int       n = thoroughness(f->op);
        const worst     w = worst_f32(f, false, 40009); /* prime, so that all low bits occur */
        check_row(f, &w, f->limit32);
        if (n == 0) continue;
        const worst more = worst_f32(f, true, (uint64_t)n);
        print_row(f, "f32", &more);
        check_row(f, &more, f->limit32);
    }
}

/* Any bits; where functions do something, coarse and fine; next to multiples of pi/4; next to 1 and -1. */
static double point_f64(uint64_t i, uint64_t u)
{
    const double s = (double)(int64_t)u; /* ± 2^63 */
    switch (i % 6) {
    case 0: return double_of(u);
    case 1: return ldexp(s, -62);
    case 2: return ldexp(s, -58);
    case 3: return ldexp(s, -53);
    case 4: return nextafter((double)(u % 1200000) * 0.78539816339744831, (double)(u >> 33));
    default: return (u & 1 ? 1 : -1) * (1 + ldexp(s, -63 - (int)(u >> 8 & 31)));
    }
}

static worst worst_f64(const function *f, uint64_t blocks)
{
    worst all = {{0}, {0}};
#pragma omp parallel
    {
        worst mine = {{0}, {0}};
#pragma omp for
        for (int64_t b = 0; b < (int64_t)blocks; b++) {
            double      x[BLOCK], y[BLOCK];
            long double want[BLOCK], size[BLOCK];
            uint64_t    seed = (uint64_t)b * BLOCK;
            for (int i = 0; i < BLOCK; i++) {
                x[i]    = point_f64((uint64_t)i, random_bits(&seed));
                want[i] = size[i] = f->f((long double)x[i]);
                const long double s = !f->value ? 0 : x[i] == 0 ? 0.5L : f->value((long double)x[i]) / (long double)x[i];
                if (f->value && isfinite(s)) size[i] = fmaxl(fabsl(s), fabsl(want[i] - s));
            }
            for (tg_isa isa = TG_ISA_BASE; isa < TG_NISAS; isa++) {
                if (!tg_isa_has(isa)) continue;
                run_loop(f->op, isa, TG_F64, x, y);
                for (int i = 0; i < BLOCK; i++) {
                    const double e = ulp_f64(y[i], want[i], size[i]);
                    if (e > mine.ulp[isa]) mine.ulp[isa] = e, mine.at[isa] = x[i];
                }
            }
        }
#pragma omp critical
        all = worse(all, mine);
    }
    return all;
}

static void accuracy_f64(void **state)
{
    (void)state;
    if (!exact_is_wide()) skip();
    for (size_t k = 0; k < COUNT(functions); k++) {
        const int   n = thoroughness(functions[k].op);
        const worst w = worst_f64(&functions[k], n ? 20000 / (uint64_t)n + 1 : 30);
        if (n) print_row(&functions[k], "f64", &w);
        check_row(&functions[k], &w, functions[k].limit64);
    }
}

/* pow: any two floats; results of ordinary size; integers as exponents; and with few bits, as many floats are not. */
static void pow_points(size_t n, uint64_t *seed, double *x, double *y, bool f32)
{
    for (size_t i = 0; i < n; i++) {
        const uint64_t u = random_bits(seed), v = random_bits(seed);
        x[i] = i % 3 == 0 ? (double)(u & 0xffff) / 3000 : f32 ? (double)float_of((uint32_t)u) : double_of(u);
        if (isnan(x[i])) x[i] = NAN; /* pow(x, 0) is 1 for a quiet one alone */
        y[i] = i % 2 ? (double)((int)(u >> 40 & 63) - 31) : (double)(u >> 32) / 4e8 - 5;
        if (i % 5 == 1) x[i] = ldexp(1 + ldexp((double)(v >> 11), -53), (int)(u & 15) - 8), y[i] = ldexp((double)(int64_t)u, -56);
        if (i % 7 == 1) x[i] = 1 + ldexp((double)(int64_t)v, -64 - (int)(u & 15)), y[i] = ldexp((double)(int64_t)u, (int)(u & 15) - 57);
    }
}

static void accuracy_pow(void **state)
{
    (void)state;
    static float  x32[BLOCK], y32[BLOCK], z32[BLOCK];
    static double x[BLOCK], y[BLOCK], z[BLOCK];
    const bool     f64 = exact_is_wide();
    const int      n = thoroughness(&tg_op_pow), blocks = n ? 20000 / n + 1 : 100;
    uint64_t       seed = 7;
    worst          w32 = {{0}, {0}}, w64 = {{0}, {0}};
    const function row = {&tg_op_pow, NULL, NULL, 0.6, 2, NULL, NULL};
    for (int b = 0; b < blocks; b++) {
        pow_points(BLOCK, &seed, x, y, true);
        for (int i = 0; i < BLOCK; i++) x32[i] = (float)x[i], y32[i] = (float)y[i];
        for (tg_isa isa = TG_ISA_BASE; isa < TG_NISAS; isa++) {
            if (!tg_isa_has(isa)) continue;
            tg_isa_loop(isa, &tg_op_pow, TG_F32)(BLOCK, z32, (const void *[]){x32, y32}, NULL);
            for (int i = 0; i < BLOCK; i++) {
                const double e = ulp_f32(z32[i], pow((double)x32[i], (double)y32[i]));
                if (e > w32.ulp[isa]) w32.ulp[isa] = e, w32.at[isa] = (double)x32[i];
            }
        }
        pow_points(BLOCK, &seed, x, y, false);
        for (tg_isa isa = TG_ISA_BASE; f64 && isa < TG_NISAS; isa++) {
            if (!tg_isa_has(isa)) continue;
            tg_isa_loop(isa, &tg_op_pow, TG_F64)(BLOCK, z, (const void *[]){x, y}, NULL);
            for (int i = 0; i < BLOCK; i++) {
                const long double want = powl((long double)x[i], (long double)y[i]);
                const double      e = ulp_f64(z[i], want, want);
                if (e > w64.ulp[isa]) w64.ulp[isa] = e, w64.at[isa] = x[i];
            }
        }
    }
    if (n) print_row(&row, "f32", &w32), print_row(&row, "f64", &w64);
    check_row(&row, &w32, row.limit32), check_row(&row, &w64, row.limit64);
}

/* ---- special values: as the reference loops ---------------------------------------------------------------------------- */

static const double specials[] = {0.0, -0.0, 1, -1, 2, -2, 0.5, -0.5, 3, -3, 10, -10, 20, -20, 88.7, -88.7, 89.5, -104.5, 709.9, -745.5,
                                  1e-3, -1e-3, 1e-30, -1e-30, 1e30, -1e30, 0x1p-149, -0x1p-149, 0x1p-126, -0x1p-126, 0x1p-1074, -0x1p-1074,
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
    /* gelu and its gradients cancel on the left */
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
        {&tg_op_log1p, -0.0f, 0, -0.0f},     {&tg_op_gelu, -0.0f, 0, -0.0f},      {&tg_op_gelu_tanh, -0.0f, 0, -0.0f},
        {&tg_op_silu, -0.0f, 0, -0.0f},      {&tg_op_silu, -INFINITY, 0, -0.0f},
        {&tg_op_mish, -INFINITY, 0, -0.0f},  {&tg_op_gelu_tanh, -INFINITY, 0, -0.0f},
        {&tg_op_silu, INFINITY, 0, INFINITY}, {&tg_op_softplus, -INFINITY, 0, 0}, {&tg_op_sigmoid, -INFINITY, 0, 0},
        {&tg_op_sqrt, -0.0f, 0, -0.0f},      {&tg_op_pow_half, -0.0f, 0, 0},      {&tg_op_pow_half, -INFINITY, 0, INFINITY},
        {&tg_op_leaky_relu, -4, 0.25f, -1},  {&tg_op_gelu, -INFINITY, 0, -0.0f},      {&tg_op_gelu_tanh, INFINITY, 0, INFINITY},
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
                fail_msg("%s %s of %s: n = %zu from %zu differs from single elements", tg_isa_name(isa), op->name, tg_dtype_name(dtype),
                         n, from);
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
    static const tg_reduction *const reductions[3] = {&tg_reduction_sum, &tg_reduction_amax, &tg_reduction_amin};
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

        const tg_reduce_loops *loops[3];
        for (int kind = 0; kind < 3; kind++) loops[kind] = tg_isa_reduction(isa, reductions[kind], d);
        for (int kind = 0; kind < 3; kind++) { /* over columns: sum, max, min */
            loops[kind]->columns(rows, cols, out[isa], x, NULL, NULL);
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

            char one[16], two[16], ends[2][8]; /* n elements onto one accumulator, at once or in two parts; of long rows it has more digits */
            loops[kind]->columns(1, cols, out[isa], x, NULL, NULL);
            loops[kind]->start(1, one), loops[kind]->start(1, two);
            loops[kind]->run(cols, one, x);
            loops[kind]->finish(1, ends[0], one, (int64_t)cols, NULL);
            if (!with_nan) assert_memory_equal(ends[0], out[isa], size);
            loops[kind]->start(1, one);
            loops[kind]->run(cols / 2, one, x);
            loops[kind]->run(cols - cols / 2, two, (const char *)x + cols / 2 * size);
            loops[kind]->join(1, two, one);
            loops[kind]->finish(1, ends[1], two, (int64_t)cols, NULL);
            const double got = value(d, ends[1], 0), whole = value(d, ends[0], 0);
            if (isnan(whole)) assert_true(isnan(got));
            else assert_true(kind ? got == whole : fabs(got - whole) <= 8 * eps * (double)cols);
        }

        double sum, squares, want_sum = 0, want_squares = 0;
        for (size_t c = 0; c < cols; c++) {
            want_sum += value(d, x, c);
            want_squares += value(d, x, c) * value(d, x, c);
        }
        t->moments(1, cols, x, &sum, &squares);
        if (isnan(want_sum)) assert_true(isnan(sum) && isnan(squares));
        else assert_true(fabs(sum - want_sum) <= 8 * eps * (double)cols && fabs(squares - want_squares) <= 8 * eps * (double)cols);

        for (int k = 0; k < 4; k++) { /* just the greatest is not beyond itself; a bit below, it is */
            double greatest = 0;
            for (size_t c = 0; c < cols; c++)
                if (fabs(value(d, x, c)) > greatest) greatest = fabs(value(d, x, c));
            const double limit = k == 0 ? greatest : k == 1 ? greatest * (1 - 4 * eps) : k == 2 ? 0 : (double)INFINITY;
            assert_int_equal(t->any_beyond(cols, x, limit), greatest > (d == TG_F32 ? (double)(float)limit : limit));
        }

        for (size_t c = 0; c < cols; c++) acc[c] = 1;
        loops[0]->rows(rows, cols, (ptrdiff_t)cols, acc, x);
        for (int kind = 0; kind < 3; kind++) { /* over rows, onto what is there */
            for (size_t c = 0; c < cols; c++) set(d, out[isa], c, value(d, x, c));
            if (kind) loops[kind]->rows(rows, cols, (ptrdiff_t)cols, out[isa], x);
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

/* Every row of table/reductions.def: its loops have the same results, however the elements come. They are near 1, so that nothing cancels
 * and no product grows. */
static void check_loops(const tg_reduction *r, tg_isa isa, tg_dtype d, size_t n)
{
    enum { MOST_ELEMENTS = 3000 };
    const tg_reduce_loops *l = tg_isa_reduction(isa, r, d);
    const size_t           size = tg_dtype_size(d), half = n / 2;
    const double           near = (double)(n + 8) * (d == TG_F32 ? FLT_EPSILON : DBL_EPSILON);
    double                 x[MOST_ELEMENTS], acc[4], out;
    uint64_t               seed = n;
    if (!l || !l->columns) return;
    assert_true(l->accumulator <= sizeof *acc && n <= MOST_ELEMENTS);
    for (size_t i = 0; i < n; i++) set(d, x, i, 1 + ldexp((double)(int64_t)random_bits(&seed), -75));
    l->columns(1, n, &out, x, NULL, NULL);
    const double want = value(d, &out, 0);
    for (int way = 0; way < 3; way++) {
        char *a = (char *)acc, *b = a + l->accumulator;
        l->start(2, acc);
        if (way == 0) l->run(half, a, x), l->run(n - half, b, (const char *)x + half * size); /* two runs, */
        if (way == 1) l->rows(n, 1, 1, a, x);                                                  /* rows of one element, or of two */
        if (way == 2) l->rows(half, 2, 2, a, x);
        if (way == 2 && n % 2) l->run(1, b, (const char *)x + 2 * half * size);
        l->join(1, b, a);
        l->finish(1, &out, b, (int64_t)n, NULL);
        if (!(fabs(value(d, &out, 0) - want) <= near * fabs(want)))
            fail_msg("%s of %d elements, way %d: %.17g, the row as a whole %.17g", r->name, (int)n, way, value(d, &out, 0), want);
    }
}

static void reductions(void **state)
{
    const size_t sizes[] = {2, 3, 7, 16, 33, 100, 1000, 3000};
    (void)state;
    for (int i = 0; i < tg_op_count(); i++) {
        const tg_reduction *r = tg_op_at(i)->reduce;
        for (size_t k = 0; r && r->row && k < COUNT(sizes); k++)
            for (tg_isa isa = TG_ISA_BASE; isa < TG_NISAS; isa++) check_loops(r, isa, TG_F32, sizes[k]), check_loops(r, isa, TG_F64, sizes[k]);
    }
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
        cmocka_unit_test(trig_neighbours), cmocka_unit_test(tiles),        cmocka_unit_test(reductions),        cmocka_unit_test(accuracy_pow), cmocka_unit_test(accuracy_f32),
        cmocka_unit_test(accuracy_f64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
