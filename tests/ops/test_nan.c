/* test_nan.c - NaN in gradients: where the slope of an op depends on an element that is NaN, the element's gradient is NaN, also where the
 * op goes by comparisons, and exactly 0 where the result's gradient is 0. By loops and by machine code, in f32 and f64. */
#include "op_test.h"

#include "ops/ops.h"

enum { N = 43 }; /* whole vectors and a rest, of either dtype */

static const char *const compiles[] = {"never", "at once"};

static tg_tape *tape_for(const char *compile)
{
    tg_tape *t = tg_tape_new(&(tg_tape_options){.silent = true, .compile = compile});
    assert_non_null(t);
    return t;
}

/* Every third element is NaN, and every second seed is 0. */
static bool is_nan_at(int64_t k) { return k % 3 == 1; }
static double seed_at(int64_t k) { return k % 2 ? 0.5 + (double)(k % 7) : 0; }

/* n numbers in lo … hi; with NaN between them. */
static void fill(double *x, double lo, double hi, bool with_nan)
{
    for (int64_t k = 0; k < N; k++) x[k] = with_nan && is_nan_at(k) ? NAN : lo + (hi - lo) * ((double)(k * 17 % N) + 0.5) / N;
}

/* d sum(seed op(in)) / d in[which] */
static void gradient_of(const tg_op *op, tg_dtype d, const char *compile, double x[3][N], int which, double *out)
{
    tg_tape   *t = tape_for(compile);
    tg_tensor *in[3], *g;
    double     seed[N];
    for (int i = 0; i < op->arity; i++) {
        in[i] = tensor(t, d, TG_SHAPE(N), x[i]);
        if (i == which) tg_set_requires_grad(in[i], true);
    }
    for (int64_t k = 0; k < N; k++) seed[k] = seed_at(k);
    tg_tensor *y = tg_record(op, in, op->arity, NULL, 0), *v = tensor(t, d, TG_SHAPE(N), seed);
    if (tg_grad(&y, &v, 1, &in[which], 1, false, &g) != TG_OK) fail_msg("%s: %s", op->name, tg_error(t));
    const void *p = tg_data(g);
    if (!p) fail_msg("%s: %s", op->name, tg_error(t));
    for (int64_t k = 0; k < N; k++) out[k] = get(p, d, k);
    tg_tape_free(t);
}

/* NaN in input `bad`; the gradient of input `which` is NaN there, and elsewhere what it is without. */
static void check_op(const tg_op *op, int which, int bad)
{
    double x[3][N], with[N], without[N], lo[3], hi[3];
    if (!tg_pointwise_domain(op, lo, hi)) fail_msg("%s has no interval", op->name);
    for (tg_dtype d = TG_F32; d <= TG_F64; d++)
        for (int c = 0; c < 2; c++) {
            for (int i = 0; i < op->arity; i++) fill(x[i], lo[i], hi[i], false);
            gradient_of(op, d, compiles[c], x, which, without);
            fill(x[bad], lo[bad], hi[bad], true);
            gradient_of(op, d, compiles[c], x, which, with);
            for (int64_t k = 0; k < N; k++) {
                const double want = seed_at(k) == 0 ? 0 : is_nan_at(k) ? NAN : without[k];
                if (!near(with[k], want, 0))
                    fail_msg("%s, input %d NaN, %s, %s: the gradient of input %d at %d is %g, not %g", op->name, bad, tg_dtype_name(d),
                             compiles[c], which, (int)k, with[k], want);
            }
        }
}

static bool is(const tg_op *op, const char *name) { return !strcmp(op->name, name); }

/* Of one input: all but those that have the same slope everywhere. */
static void test_unary(void **state)
{
    int n = 0;
    (void)state;
    for (int i = 0; i < tg_op_count(); i++) {
        const tg_op *op = tg_op_at(i);
        if (op->kind != TG_POINTWISE || op->arity != 1 || !op->vjp || is(op, "neg") || is(op, "copy") || is(op, "pow_zero")) continue;
        if (!strncmp(op->name, "to_", 3)) continue;
        check_op(op, 0, 0);
        n++;
    }
    assert_true(n >= 16);
}

/* The slopes of gradients' ops, which are their derivatives with respect to the gradient. */
static void test_slopes(void **state)
{
    int n = 0;
    (void)state;
    for (int i = 0; i < tg_op_count(); i++) {
        const tg_op *op = tg_op_at(i);
        const char  *end = strstr(op->name, "_grad");
        if (op->kind != TG_POINTWISE || !end || end[5] || is(op, "pow_grad")) continue;
        check_op(op, 0, 1);
        n++;
    }
    assert_true(n >= 12);
}

static void test_binary(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++)
        for (int bad = 0; bad < 2; bad++) {
            check_op(&tg_op_maximum, which, bad);
            check_op(&tg_op_minimum, which, bad);
            check_op(&tg_op_pow, which, bad);
            if (which == 1 || bad == 1) check_op(&tg_op_div, which, bad);
        }
    check_op(&tg_op_leaky_relu, 0, 0);
    check_op(&tg_op_greater_grad, 0, 1);
    check_op(&tg_op_greater_grad, 0, 2);
}

/* What selects by a condition does not look at what it selects; a clamp does. */
static void test_selection(void **state)
{
    (void)state;
    for (int c = 0; c < 2; c++) {
        tg_tape   *t = tape_for(compiles[c]);
        tg_tensor *x = tg_set_requires_grad(VECTOR(t, NAN, NAN, 3, -3, 1), true), *ones = VECTOR(t, 1, 1, 1, 1, 1);
        tg_tensor *taken = tg_from_data(t, TG_BOOL, TG_SHAPE(5), (const unsigned char[]){1, 0, 1, 0, 1});
        assert_f64(gradient(tg_where(taken, x, ones), ones, x), TG_SHAPE(5), 1, 0, 1, 0, 1);
        tg_tensor *clamped = tg_minimum(tg_maximum(x, tg_mul_s(ones, -2)), tg_mul_s(ones, 2));
        assert_f64(gradient(clamped, VECTOR(t, 4, 0, 4, 4, 4), x), TG_SHAPE(5), NAN, 0, 0, 0, 4);
        assert_f64(tg_sign(x), TG_SHAPE(5), NAN, NAN, 1, -1, 1);
        tg_tensor *two = tg_add(tg_sign(x), tg_mul_s(x, 2));
        assert_f64(gradient(two, ones, x), TG_SHAPE(5), 2, 2, 2, 2, 2);
        tg_tape_free(t);
    }
}

/* d a^b / db is NaN for a negative a, also where a^b underflows, and 0 where a is 0 and b positive. */
static void test_pow(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *a = tg_set_requires_grad(VECTOR(t, -0.5, -0.5, 0.5, 0, 0, INFINITY, 1e-300, NAN), true), *ones = tg_ones_like(a);
    tg_tensor *b = tg_set_requires_grad(VECTOR(t, 3, 4000, 4000, 2, 0, -2, 2, 0), true);
    (void)state;
    tg_tensor *y = tg_pow(a, b);
    assert_f64(y, TG_SHAPE(8), -0.125, 0, 0, 0, 1, 0, 0, 1);
    assert_f64(gradient(y, ones, b), TG_SHAPE(8), NAN, NAN, 0, 0, 0, 0, 0, NAN);
    tg_tensor *g = gradient(y, ones, a);
    assert_f64(tg_slice(g, 0, 0, 6, 1), TG_SHAPE(6), 0.75, 0, 0, 0, 0, 0);
    assert_f64(tg_slice(g, 0, 7, 8, 1), TG_SHAPE(1), 0);
    assert_values(tg_slice(g, 0, 6, 7, 1), TG_F64, TG_SHAPE(1), (double[]){2e-300}, 1e-314);
    tg_tape_free(t);
}

/* Beside a NaN nothing is the largest: the whole row's gradient is NaN, and 0 where the row is not used. */
static void test_extremes(void **state)
{
    const double x[4][3] = {{1, 4, 4}, {NAN, 1, 2}, {3, NAN, NAN}, {5, 2, 2}}, seed[4] = {6, 3, 0, 2};
    const double most[12] = {0, 3, 3, NAN, NAN, NAN, 0, 0, 0, 2, 0, 0}, least[12] = {6, 0, 0, NAN, NAN, NAN, 0, 0, 0, 0, 1, 1};
    (void)state;
    for (tg_dtype d = TG_F32; d <= TG_F64; d++)
        for (int c = 0; c < 2; c++)
            for (int turned = 0; turned < 2; turned++) {
                tg_tape   *t = tape_for(compiles[c]);
                tg_tensor *leaf = tg_set_requires_grad(tensor(t, d, TG_SHAPE(4, 3), &x[0][0]), true);
                tg_tensor *in = turned ? tg_contiguous(tg_mT(leaf)) : leaf, *v = tensor(t, d, TG_SHAPE(4), seed);
                const tg_axes *axis = turned ? TG_AXES(0) : TG_AXES(1);
                assert_values(gradient(tg_amax(in, axis, false), v, leaf), d, TG_SHAPE(4, 3), most, 0);
                assert_values(gradient(tg_amin(in, axis, false), v, leaf), d, TG_SHAPE(4, 3), least, 0);
                assert_values(gradient(tg_amax(in, TG_ALL_AXES, false), tensor(t, d, TG_SCALAR_SHAPE, &(double){2}), leaf), d,
                              TG_SHAPE(4, 3), (const double[12]){NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN}, 0);
                assert_values(gradient(tg_amax(in, TG_ALL_AXES, false), tensor(t, d, TG_SCALAR_SHAPE, &(double){0}), leaf), d,
                              TG_SHAPE(4, 3), (const double[12]){0}, 0);
                tg_tape_free(t);
            }
}

/* The place of an extreme is that of the first NaN, and the gradient is its alone. */
static void test_places(void **state)
{
    const double x[4][3] = {{1, 4, 4}, {2, NAN, NAN}, {3, NAN, NAN}, {-INFINITY, 2, INFINITY}}, seed[4] = {6, 3, 0, 2};
    const double most[12] = {0, 6, 0, 0, NAN, 0, 0, 0, 0, 0, 0, 2}, least[12] = {6, 0, 0, 0, NAN, 0, 0, 0, 0, 2, 0, 0};
    (void)state;
    for (tg_dtype d = TG_F32; d <= TG_F64; d++)
        for (int c = 0; c < 2; c++)
            for (int turned = 0; turned < 2; turned++) {
                tg_tape   *t = tape_for(compiles[c]);
                tg_tensor *leaf = tg_set_requires_grad(tensor(t, d, TG_SHAPE(4, 3), &x[0][0]), true), *place;
                tg_tensor *in = turned ? tg_contiguous(tg_mT(leaf)) : leaf, *v = tensor(t, d, TG_SHAPE(4), seed);
                assert_values(tg_max(in, !turned, false, &place), d, TG_SHAPE(4), (const double[]){4, NAN, NAN, INFINITY}, 0);
                assert_values(place, TG_I64, TG_SHAPE(4), (const double[]){1, 1, 1, 2}, 0);
                assert_values(gradient(tg_max(in, !turned, false, NULL), v, leaf), d, TG_SHAPE(4, 3), most, 0);
                assert_values(tg_min(in, !turned, false, &place), d, TG_SHAPE(4), (const double[]){1, NAN, NAN, -INFINITY}, 0);
                assert_values(place, TG_I64, TG_SHAPE(4), (const double[]){0, 1, 1, 0}, 0);
                assert_values(gradient(tg_min(in, !turned, false, NULL), v, leaf), d, TG_SHAPE(4, 3), least, 0);
                tg_tape_free(t);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unary), cmocka_unit_test(test_slopes), cmocka_unit_test(test_binary), cmocka_unit_test(test_selection),
        cmocka_unit_test(test_pow),   cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
