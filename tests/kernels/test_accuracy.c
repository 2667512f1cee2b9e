/* test_accuracy.c - the accuracy of the fast loops of every instruction set this CPU has. TAPEGRAD_ULP=n (make ulp: n = 1) measures it more
 * thoroughly and prints it as docs/accuracy.md has it; of the functions named in TAPEGRAD_ULP_OF alone, where that is set. */
#define _POSIX_C_SOURCE 200809L
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exact.h"

#include "kernels/kernels.h"
#include "ops/ops.h"
#include "kernels_test.h"

/* ---- accuracy --------------------------------------------------------------------------------------------------------- */

static long double reciprocal_l(long double x) { return 1 / x; }

static long double exp10_l(long double x) { return powl(10, x); }
static double      exp10_d(double x) { return (double)powl(10, (long double)x); }

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
    {&tg_op_exp2, exp2l, exp2, 2, 2, NULL, NULL},
    {&tg_op_exp10, exp10_l, exp10_d, 2, 2, NULL, NULL},
    {&tg_op_expm1, expm1l, expm1, 3, 3, NULL, NULL},
    {&tg_op_log2, log2l, log2, 3, 3, NULL, NULL},
    {&tg_op_log10, log10l, log10, 3, 3, NULL, NULL},
    {&tg_op_cbrt, cbrtl, cbrt, 1.5, 1.5, NULL, NULL},
    {&tg_op_logit, exact_logit, NULL, 4, 4, NULL, NULL},
    {&tg_op_tan, tanl, tan, 4, 3, NULL, NULL},
    {&tg_op_asin, asinl, asin, 3, 3, NULL, NULL},
    {&tg_op_acos, acosl, acos, 3, 3, NULL, NULL},
    {&tg_op_atan, atanl, atan, 3, 3, NULL, NULL},
    {&tg_op_sinh, sinhl, sinh, 3, 3, NULL, NULL},
    {&tg_op_cosh, coshl, cosh, 3, 3, NULL, NULL},
    {&tg_op_asinh, asinhl, asinh, 4, 4, NULL, NULL},
    {&tg_op_acosh, acoshl, acosh, 4, 4, NULL, NULL},
    {&tg_op_atanh, atanhl, atanh, 4, 4, NULL, NULL},
    {&tg_op_sigmoid, exact_sigmoid, NULL, 3, 3, NULL, NULL},
    {&tg_op_softplus, exact_softplus, NULL, 3, 3, NULL, NULL},
    {&tg_op_silu, exact_silu, NULL, 4, 4, NULL, NULL},
    {&tg_op_mish, exact_mish, NULL, 4, 4, NULL, NULL},
    {&tg_op_gelu, exact_gelu, NULL, 4, 4, NULL, NULL},
    {&tg_op_gelu_tanh, exact_gelu_tanh, NULL, 4, 3.5, NULL, NULL},
    {&tg_op_gelu_grad, exact_gelu_d, NULL, 4, 4, exact_gelu, &tg_op_gelu},
    {&tg_op_gelu_tanh_grad, exact_gelu_tanh_d, NULL, 4, 4, exact_gelu_tanh, &tg_op_gelu_tanh},
    {&tg_op_silu_grad, exact_silu_d, NULL, 4, 4, exact_silu, &tg_op_silu},
    {&tg_op_mish_grad, exact_mish_d, NULL, 6, 6, exact_mish, &tg_op_mish},
    {&tg_op_erf_grad, exact_erf_d, NULL, 4, 4, NULL, NULL},
    {&tg_op_cbrt_grad, exact_cbrt_d, NULL, 4, 4, NULL, NULL},
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accuracy_pow),
        cmocka_unit_test(accuracy_f32),
        cmocka_unit_test(accuracy_f64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
