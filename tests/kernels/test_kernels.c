/* test_kernels.c - the fast loops of every instruction set this CPU has: special values, independence of the place in the tile, how they
 * are chosen. */
#define _POSIX_C_SOURCE 200809L
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <float.h>
#include <math.h>

#include <string.h>

#include "exact.h"

#include "kernels/kernels.h"
#include "ops/ops.h"
#include "kernels_test.h"

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
        {&tg_op_hardswish, -INFINITY, 0, 0}, {&tg_op_hardswish, -3, 0, 0},        {&tg_op_hardswish, 3, 0, 3},
        {&tg_op_hardswish, INFINITY, 0, INFINITY}, {&tg_op_hardswish, -0x1.7ffffep1f, 0, -0x1.fffffep-24f},
        {&tg_op_hardswish, -1.5f, 0, -0.375f}, {&tg_op_hardswish_grad, 5, -3, 0}, {&tg_op_hardswish_grad, 5, 3, 5},
        {&tg_op_hardswish_grad, 5, -1.5f, 0}, {&tg_op_hardswish_grad, 0, NAN, 0}, {&tg_op_hardswish_grad, INFINITY, -4, 0},
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
        cmocka_unit_test(choice),
        cmocka_unit_test(special_values),
        cmocka_unit_test(exact_values),
        cmocka_unit_test(places),
        cmocka_unit_test(trig_neighbours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
