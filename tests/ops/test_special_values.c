/* test_special_values.c - every pointwise op of floats in the registry at zeros, subnormals, ones, the largest numbers, infinities and NaN, of two
 * operands at all pairs: values against those of values.def, and gradients: exactly 0 where the incoming one is, and for the functions of a table
 * what the slope's formula gives. docs/accuracy.md lists what differs from C and why. */
#include "op_test.h"

#include <float.h>

#include "slopes.h"
#include "values.h"

#include "ops/ops.h"

enum { POINTS = 13, PAIRS = POINTS * POINTS };

/* Of the dtype: the least subnormal and the largest number are its own. */
static void fill_points(tg_dtype d, double p[POINTS])
{
    const double tiny = d == TG_F32 ? 0x1p-149 : 0x1p-1074, most = d == TG_F32 ? (double)FLT_MAX : DBL_MAX;
    const double all[POINTS] = {0, -0.0, tiny, -tiny, 0.5, -0.5, 1, -1, most, -most, INFINITY, -INFINITY, NAN};
    memcpy(p, all, sizeof all);
}

/* The operands at all combinations; how many. */
static int combine(tg_dtype d, int arity, double x[2][PAIRS])
{
    double p[POINTS];
    fill_points(d, p);
    const int n = arity == 1 ? POINTS : PAIRS;
    for (int k = 0; k < n; k++) x[0][k] = p[k % POINTS], x[1][k] = p[k / POINTS % POINTS];
    return n;
}

static const values_row *row_of(const char *name)
{
    const values_table v = values_all();
    for (int k = 0; k < v.n; k++)
        if (!strcmp(v.row[k].name, name)) return v.row[k].formula ? &v.row[k] : NULL;
    return NULL;
}

/* Slopes by a result, of an argument that it belongs to, have no meaning at all pairs; nor have comparisons a float for a result. */
static bool is_tested(const tg_op *op) { return op->kind == TG_POINTWISE && op->arity <= 2 && op->loop[TG_F64] && !op->infer && !tg_slope_of(op); }

/* Products with a gradient of several factors, some of which may be beyond the largest number though the product is not. */
static bool is_of_gradients(const tg_op *op) { return strstr(op->name, "_grad") || !strcmp(op->name, "pow_log"); }

/* ---- values ------------------------------------------------------------------------------------------------------- */

static void check_values(const tg_op *op, tg_dtype d)
{
    static double     x[2][PAIRS];
    tg_tape          *t = quiet(d);
    const values_row *r = row_of(op->name);
    const int         n = combine(d, op->arity, x);
    tg_tensor        *in[2] = {tensor(t, d, TG_SHAPE(n), x[0]), tensor(t, d, TG_SHAPE(n), x[1])}, *y = tg_record(op, in, op->arity, NULL, 0);
    const void       *p = tg_data(y);
    if (!p) fail_msg("%s: %s", op->name, tg_error(t));
    for (int k = 0; k < n; k++) {
        const real   a = (real)x[0][k], b = (real)x[1][op->arity == 1 ? 0 : k], second = op->arity == 1 ? a : b;
        const real   want = r->formula(a, second, second), size = r->size ? r->size(a, second, second) : 0;
        const double got = get(p, tg_dtype_of(y), k);
        if (tg_dtype_of(y) == TG_BOOL ? (real)got == want : slopes_ulp(d, got, want, size) <= r->bound + 1) continue;
        fail_msg("%s(%g, %g) of %s is %g, not %Lg", op->name, (double)a, (double)second, tg_dtype_name(d), got, want);
    }
    tg_tape_free(t);
}

static void test_values(void **state)
{
    int tested = 0;
    (void)state;
    for (int i = 0; i < tg_op_count(); i++) {
        const tg_op *op = tg_op_at(i);
        if (!is_tested(op) || !row_of(op->name) || is_of_gradients(op)) continue;
        check_values(op, TG_F32);
        check_values(op, TG_F64);
        tested++;
    }
    assert_true(tested > 60);
}

/* ---- gradients ------------------------------------------------------------------------------------------------------ */

/* The gradient of input i at all combinations, for an incoming one of `seed` everywhere. */
static int gradients(const tg_op *op, tg_dtype d, int i, double seed, double x[2][PAIRS], double *out)
{
    tg_tape   *t = quiet(d);
    const int  n = combine(d, op->arity, x);
    tg_tensor *in[2] = {tensor(t, d, TG_SHAPE(n), x[0]), tensor(t, d, TG_SHAPE(n), x[1])};
    tg_set_requires_grad(in[i], true);
    tg_tensor  *y = tg_record(op, in, op->arity, NULL, 0), *v = tg_full(t, d, TG_SHAPE(n), seed);
    const void *p = tg_data(gradient(y, v, in[i]));
    if (!p) fail_msg("%s: %s", op->name, tg_error(t));
    for (int k = 0; k < n; k++) out[k] = get(p, d, k);
    tg_tape_free(t);
    return n;
}

/* Of every op: whatever it is given. */
static void test_nothing_comes_of_nothing(void **state)
{
    static double x[2][PAIRS], g[PAIRS];
    (void)state;
    for (int k = 0; k < tg_op_count(); k++) {
        const tg_op *op = tg_op_at(k);
        for (int i = 0; is_tested(op) && op->vjp && i < op->arity; i++)
            for (tg_dtype d = TG_F32; d <= TG_F64; d++) {
                if (op->nondiff >> i & 1) continue;
                const int n = gradients(op, d, i, 0, x, g);
                for (int e = 0; e < n; e++)
                    if (g[e] != 0) fail_msg("%s(%g, %g) of %s: the gradient of input %d is %g for an incoming 0", op->name, x[0][e], x[1][e], tg_dtype_name(d), i, g[e]);
            }
    }
}

#define SLOPE(NAME, FORMULA) \
    static real slope_##NAME(real x) { return FORMULA; }
#define SLOPES_OF(X)                                                                                                   \
    X(exp2, 0.693147180559945309417L * exp2l(x))                                                                       \
    X(exp10, 2.302585092994045684018L * powl(10, x))                                                                   \
    X(expm1, expl(x))                                                                                                  \
    X(log2, 1 / (x * 0.693147180559945309417L))                                                                        \
    X(log10, 1 / (x * 2.302585092994045684018L))                                                                       \
    X(cbrt, 1 / (3 * cbrtl(x) * cbrtl(x)))                                                                             \
    X(logit, 1 / (x * (1 - x)))                                                                                        \
    X(sinc, fabsl(x) == HUGE_VALL ? NAN : exact_sinc_d(x))                                                             \
    X(asin, 1 / sqrtl((1 - x) * (1 + x)))                                                                              \
    X(acos, -1 / sqrtl((1 - x) * (1 + x)))                                                                             \
    X(atan, 1 / (1 + x * x))                                                                                           \
    X(sinh, coshl(x))                                                                                                  \
    X(cosh, sinhl(x))                                                                                                  \
    X(asinh, 1 / sqrtl(1 + x * x))                                                                                     \
    X(acosh, x < 1 ? NAN : 1 / sqrtl((x - 1) * (x + 1)))                                                               \
    X(atanh, 1 / ((1 - x) * (1 + x)))                                                                                  \
    X(softsign, 1 / ((1 + fabsl(x)) * (1 + fabsl(x))))                                                                 \
    X(tanhshrink, tanhl(x) * tanhl(x))
SLOPES_OF(SLOPE)

static void test_slopes(void **state)
{
    static const struct {
        const tg_op *op;
        real (*slope)(real);
    } table[] = {
#define ROW(NAME, FORMULA) {&tg_op_##NAME, slope_##NAME},
        SLOPES_OF(ROW)};
    static double x[2][PAIRS], g[PAIRS];
    (void)state;
    for (size_t k = 0; k < sizeof table / sizeof *table; k++)
        for (tg_dtype d = TG_F32; d <= TG_F64; d++) {
            const int n = gradients(table[k].op, d, 0, 1, x, g);
            for (int e = 0; e < n; e++) {
                const real want = table[k].slope((real)x[0][e]);
                if (!(slopes_ulp(d, g[e], want, want) <= 6))
                    fail_msg("%s'(%g) of %s is %g, not %Lg", table[k].op->name, x[0][e], tg_dtype_name(d), g[e], want);
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values), cmocka_unit_test(test_nothing_comes_of_nothing), cmocka_unit_test(test_slopes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
