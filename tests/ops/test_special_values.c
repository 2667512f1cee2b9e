/* test_special_values.c - every pointwise op of floats in the registry, and every function of one or two floats made of ops, at zeros, subnormals,
 * ones, the largest numbers, infinities and NaN, of two operands at all pairs: values against those of values.def, and gradients: exactly 0 where
 * the incoming one is, and what the slopes' formulas give. docs/accuracy.md lists what differs from C and why. */
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

/* ---- functions made of ops, and ops of numbers that do more ------------------------------------------------------------ */

/* What quotients leave, as C and Python have it; PyTorch's sign of a remainder that is 0. */
static real exact_fmod(real x, real y) { return fmodl(x, y); }
static real exact_remainder(real x, real y)
{
    const real r = fmodl(x, y);
    return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}
static real exact_floor_divide(real x, real y)
{
    if (y == 0 || x != x || y != y || fabsl(x) == HUGE_VALL) return y == 0 ? x / y : fabsl(x) == HUGE_VALL ? NAN : x / y;
    if (fabsl(y) == HUGE_VALL) return x == 0 || (x < 0) == (y < 0) ? 0 : -1;
    const real r = fmodl(x, y);
    return floorl((x - r) / y + 0.5L) - (r != 0 && (r < 0) != (y < 0));
}

/* The formula of a function, and its slopes by the operands that have one. Conventions are those of the headers and of docs/accuracy.md. */
typedef struct composed {
    const char *name;
    real (*value)(real x, real y); /* NULL: that of values.def */
    real (*slope[2])(real x, real y);
} composed;

#define OF_BOTH(NAME, FORMULA) \
    static real NAME(real x, real y) { return (void)x, (void)y, FORMULA; }
OF_BOTH(one, 1)
OF_BOTH(rsqrt_x, x == 0 && signbit(x) ? HUGE_VALL : -0.5L / (x * sqrtl(x))) /* at -0 the product of two slopes of -inf */
OF_BOTH(elu_x, !(x <= 0) ? 1 : 1.5L * expl(x))
OF_BOTH(celu_x, !(x <= 0) ? 1 : expl(x / 1.5L))
OF_BOTH(selu_x, 1.0507009873554804934L * (!(x <= 0) ? 1 : 1.6732632423543772848L * expl(x)))
OF_BOTH(logsigmoid_x, exact_sigmoid(-x))
OF_BOTH(hardtanh_x, !(x <= -0.5L || x >= 0.75L))
OF_BOTH(relu6_x, !(x <= 0 || x >= 6))
OF_BOTH(hardsigmoid_x, x <= -3 || x >= 3 ? 0 : 1.0L / 6)
OF_BOTH(softshrink_x, x != x ? NAN : fabsl(x) > 0.5L)
OF_BOTH(hardshrink_x, !(fabsl(x) <= 0.5L))
OF_BOTH(threshold_x, !(x <= 0.5L))
OF_BOTH(clamp_x, x != x ? NAN : x >= -0.5L && x <= 0.75L)
/* Between the largest number and the lowest one the way is infinite. */
OF_BOTH(lerp_value, x == -y && fabsl(x) > 1e38L && fabsl(x) < HUGE_VALL ? (y > x ? -HUGE_VALL : HUGE_VALL) : y - (y - x) * 0.3L)
OF_BOTH(lerp_x, 0.3L)
OF_BOTH(lerp_y, 0.7L)
OF_BOTH(finite_x, fabsl(x) < HUGE_VALL)
/* Of the point (y, x), whose y is the first operand. Where its distance is beyond the largest number the slopes are 0. */
OF_BOTH(atan2_y, (x == 0 && y == 0) || (fabsl(x) == fabsl(y) && fabsl(x) > 1e38L && fabsl(x) < HUGE_VALL) ? 0
                 : fabsl(y) == HUGE_VALL ? NAN : fabsl(x) == HUGE_VALL && y == y ? 0 : y / (x * x + y * y))
OF_BOTH(atan2_x, 0 - atan2_y(y, x))
/* Over the result as it is rounded: of two least subnormals it is one of them, of two largest numbers infinite. */
OF_BOTH(hypot_rounded, fabsl(x) != fabsl(y) || x == 0 ? hypotl(x, y) : fabsl(x) < 1e-40L ? fabsl(x) : fabsl(x) > 1e38L ? HUGE_VALL : hypotl(x, y))
OF_BOTH(hypot_x, x == 0 && y == 0 ? 0 : x / hypot_rounded(x, y))
OF_BOTH(hypot_y, hypot_x(y, x))
OF_BOTH(copysign_x, x == 0 ? 0 : x != x ? NAN : signbit(x) == signbit(y) ? 1 : -1)
OF_BOTH(logaddexp_x, x == -HUGE_VALL && y == x ? 0 : exact_sigmoid(x - y))
OF_BOTH(logaddexp_y, logaddexp_x(y, x))
OF_BOTH(logaddexp2_x, logaddexp_x(0.693147180559945309417232121458176568L * x, 0.693147180559945309417232121458176568L * y))
OF_BOTH(logaddexp2_y, logaddexp2_x(y, x))
OF_BOTH(xlogy_x, x == 0 && y <= 0 ? 0 : logl(y))
OF_BOTH(xlogy_y, x == 0 ? 0 : x / y)
OF_BOTH(fmax_x, y != y || x >= y)
OF_BOTH(fmax_y, !(y != y || x >= y))
OF_BOTH(fmin_x, y != y || x <= y)
OF_BOTH(fmin_y, !(y != y || x <= y))
OF_BOTH(fmod_y, exact_fmod(x, y) != exact_fmod(x, y) ? NAN : -truncl(x / y)) /* the quotient is not asked where nothing is left */
OF_BOTH(remainder_y, -exact_floor_divide(x, y))

static const composed table_of_composed[] = {
    {"frac", NULL, {one}}, {"rsqrt", NULL, {rsqrt_x}}, {"elu", NULL, {elu_x}}, {"celu", NULL, {celu_x}}, {"selu", NULL, {selu_x}},
    {"logsigmoid", NULL, {logsigmoid_x}}, {"hardtanh", NULL, {hardtanh_x}}, {"relu6", NULL, {relu6_x}}, {"hardsigmoid", NULL, {hardsigmoid_x}},
    {"softshrink", NULL, {softshrink_x}}, {"hardshrink", NULL, {hardshrink_x}}, {"threshold", NULL, {threshold_x}}, {"clamp", NULL, {clamp_x}},
    {"nan_to_num", NULL, {finite_x}}, {"lerp_s", lerp_value, {lerp_x, lerp_y}},
    {"atan2", NULL, {atan2_y, atan2_x}}, {"hypot", NULL, {hypot_x, hypot_y}}, {"copysign", NULL, {copysign_x}},
    {"logaddexp", NULL, {logaddexp_x, logaddexp_y}}, {"logaddexp2", NULL, {logaddexp2_x, logaddexp2_y}}, {"xlogy", NULL, {xlogy_x, xlogy_y}},
    {"fmax", NULL, {fmax_x, fmax_y}}, {"fmin", NULL, {fmin_x, fmin_y}}, {"fmod", exact_fmod, {one, fmod_y}}, {"remainder", exact_remainder, {one, remainder_y}},
    {"floor_divide", exact_floor_divide, {NULL}},
};

/* The function as its first sample calls it, at all combinations. */
typedef struct special_call {
    tg_tape   *t;
    tg_tensor *in[SAMPLE_INPUTS + 1], *y;
    int        n, arity;
} special_call;

static const tg_op *registered(const char *name)
{
    for (int i = 0; i < tg_op_count(); i++)
        if (!strcmp(tg_op_at(i)->name, name)) return tg_op_at(i);
    return NULL;
}

static const sample *sample_of(const sample_list *l, const char *name)
{
    int row = 0;
    return sample_next(l, name, &row);
}

static bool takes_floats(const sample *s)
{
    for (int i = 0; i < sample_inputs(s); i++)
        if (s->in[i].kind != S_FLOAT) return false;
    return !s->composed && !s->same && sample_inputs(s) <= 2;
}

static special_call call_at_points(const sample *s, tg_dtype d, double x[2][PAIRS])
{
    special_call c = {.t = quiet(d), .arity = sample_inputs(s)};
    c.n = combine(d, c.arity, x);
    for (int i = 0; i < c.arity; i++) c.in[i] = tg_set_requires_grad(tensor(c.t, d, TG_SHAPE(c.n), x[i]), true);
    c.y = s->f((void *)(uintptr_t)s, c.in);
    if (!c.y) fail_msg("%s: %s", s->name, tg_error(c.t));
    return c;
}

static void check_composed_values(const sample *s, real (*value)(real x, real y), const values_row *r, tg_dtype d)
{
    static double x[2][PAIRS];
    special_call  c = call_at_points(s, d, x);
    const void   *p = tg_data(c.y);
    if (!p) fail_msg("%s: %s", s->name, tg_error(c.t));
    for (int k = 0; k < c.n; k++) {
        const real   a = (real)x[0][k], b = c.arity == 1 ? a : (real)x[1][k], want = value ? value(a, b) : r->formula(a, b, b);
        const real   size = r->size ? r->size(a, b, b) : 0;
        const double got = get(p, tg_dtype_of(c.y), k);
        if (tg_dtype_of(c.y) == TG_BOOL ? (real)got == want : slopes_ulp(d, got, want, size) <= (r->formula ? r->bound + 1 : 0.5)) continue;
        fail_msg("%s(%g, %g) of %s is %g, not %Lg", s->name, (double)a, (double)b, tg_dtype_name(d), got, want);
    }
    tg_tape_free(c.t);
}

static const composed *composed_of(const char *name)
{
    for (size_t k = 0; k < sizeof table_of_composed / sizeof *table_of_composed; k++)
        if (!strcmp(table_of_composed[k].name, name)) return &table_of_composed[k];
    return NULL;
}

/* Of every name that has a formula, or is in the table, and is no op of the registry that test_values has. */
static void test_composed_values(void **state)
{
    sample_list        l      = samples_all();
    const values_table v      = values_all();
    int                tested = 0;
    (void)state;
    for (int k = 0; k < v.n; k++) {
        const sample   *s  = sample_of(&l, v.row[k].name);
        const composed *c  = composed_of(v.row[k].name);
        const tg_op    *op = registered(v.row[k].name);
        if (!s || !takes_floats(s) || (op && is_tested(op)) || !(v.row[k].formula || (c && c->value))) continue;
        check_composed_values(s, c ? c->value : NULL, &v.row[k], TG_F32);
        check_composed_values(s, c ? c->value : NULL, &v.row[k], TG_F64);
        tested++;
    }
    free(l.row);
    assert_true(tested > 15);
}

static void check_composed_slopes(const sample *s, const composed *f, int i, tg_dtype d)
{
    static double x[2][PAIRS];
    special_call  c = call_at_points(s, d, x);
    const void   *p = tg_data(gradient(c.y, tg_full(c.t, d, TG_SHAPE(c.n), 1), c.in[i]));
    if (!p) fail_msg("%s: %s", s->name, tg_error(c.t));
    for (int k = 0; k < c.n; k++) {
        const real   a = (real)x[0][k], b = c.arity == 1 ? a : (real)x[1][k], want = f->slope[i](a, b);
        const double got = get(p, d, k);
        if (!(slopes_ulp(d, got, want, want) <= 8))
            fail_msg("the slope of %s(%g, %g) by operand %d of %s is %g, not %Lg", s->name, (double)a, (double)b, i, tg_dtype_name(d), got, want);
    }
    tg_tape_free(c.t);
}

static void test_composed_slopes(void **state)
{
    sample_list l = samples_all();
    (void)state;
    for (size_t k = 0; k < sizeof table_of_composed / sizeof *table_of_composed; k++) {
        const composed *f = &table_of_composed[k];
        const sample   *s = sample_of(&l, f->name);
        assert_non_null(s);
        for (int i = 0; i < sample_inputs(s) && f->slope[i]; i++)
            for (tg_dtype d = TG_F32; d <= TG_F64; d++) check_composed_slopes(s, f, i, d);
    }
    free(l.row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values), cmocka_unit_test(test_nothing_comes_of_nothing), cmocka_unit_test(test_slopes),
                                       cmocka_unit_test(test_composed_values), cmocka_unit_test(test_composed_slopes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
