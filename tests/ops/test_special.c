/* test_special.c - special functions: golden figures, float32 as the rounded double, poles and infinities, slopes in far tails, many threads, and what is
 * refused. Values and gradients elsewhere are those of the samples. */
#include "op_test.h"

#include <float.h>

#include "golden.h"
#include "ops/ops.h"
#include "table/rows.h"

/* The op by its name; NULL: there is none. */
static const tg_op *op_of(const char *name)
{
    for (int k = 0; k < tg_op_count(); k++)
        if (!strcmp(tg_op_at(k)->name, name)) return tg_op_at(k);
    return NULL;
}

/* The first derivative of the incomplete beta function by the input of this number. */
static double beta_slope(const double *x, int by)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *in[3];
    for (int k = 0; k < 3; k++) in[k] = tensor(t, TG_F64, TG_SCALAR_SHAPE, &x[k]);
    tg_set_requires_grad(in[by], true);
    const void *p = tg_data(gradient(tg_betainc(in[0], in[1], in[2]), NULL, in[by]));
    if (!p) fail_msg("betainc: %s", tg_error(t));
    const double y = get(p, TG_F64, 0);
    tg_tape_free(t);
    return y;
}

/* Of one element. */
static double value_of(const tg_op *op, tg_dtype d, const double *x)
{
    tg_tape   *t = quiet(d);
    tg_tensor *in[3];
    for (int k = 0; k < op->arity; k++) in[k] = tensor(t, d, TG_SCALAR_SHAPE, &x[k]);
    const void *p = tg_data(op == &tg_op_betainc ? tg_betainc(in[0], in[1], in[2]) : tg_record(op, in, op->arity, NULL, 0));
    if (!p) fail_msg("%s: %s", op->name, tg_error(t));
    const double y = get(p, d, 0);
    tg_tape_free(t);
    return y;
}

/* In units of the last place of the exact number, of the least number where that is larger. */
static double units_off(double got, long double want, int digits, int least)
{
    int e;
    if (isinf((double)want)) return got == (double)want ? 0 : INFINITY;
    frexpl(want, &e);
    return (double)(fabsl((long double)got - want) / ldexpl(1, (e < least ? least : e) - digits));
}

/* ---- values ------------------------------------------------------------------------------------------------------------ */

/* betaln passes through 0 where its terms do not; incomplete functions are sums of rounded terms, and their slopes have sums that cancel. */
static double limit_of(const char *name)
{
    if (!strcmp(name, "betaln")) return 1;
    if (!strncmp(name, "betainc_by", 10) || !strcmp(name, "gammainc_slope") || !strcmp(name, "gamma_density")) return 1 << 17;
    return !strncmp(name, "gammainc", 8) || !strcmp(name, "betainc") ? 16 : 0.75;
}

static void test_golden(void **state)
{
    FILE *f = golden_open("special.csv");
    char  name[32], want[64];
    int   rows = 0;
    (void)state;
    if (sizeof(long double) == sizeof(double)) skip();
    assert_non_null(f);
    for (double x[3]; fscanf(f, "%31[^,],%lf,%lf,%lf,%63s\n", name, &x[0], &x[1], &x[2], want) == 5; rows++) {
        const bool   by_shape = !strncmp(name, "betainc_by", 10);
        const tg_op *op = by_shape ? &tg_op_betainc : op_of(name);
        if (!op) fail_msg("there is no op %s", name);
        const double off = units_off(by_shape ? beta_slope(x, name[11] == 'b') : value_of(op, TG_F64, x), strtold(want, NULL), 53, DBL_MIN_EXP);
        if (!(off <= limit_of(name))) fail_msg("%s(%.17g, %.17g, %g) is %g units off %s", name, x[0], x[1], x[2], off, want);
    }
    fclose(f);
    assert_true(rows >= 640);
}

/* A float is the double, rounded once: of all arguments that are floats. */
static void test_floats(void **state)
{
    (void)state;
    for (int k = 0; k < tg_op_count(); k++) {
        const tg_op *op = tg_op_at(k);
        if (!op->row || op->row < TG_ROW_erfc || op->row > TG_ROW_expint) continue;
        tg_tape *t = quiet(TG_F64);
        float    v[3][MOST];
        uint64_t seed = 5;
        for (int e = 0; e < MOST; e++)
            for (int i = 0; i < 3; i++) {
                const int64_t bits = draw(&seed, INT64_C(1) << 16);
                v[i][e] = (float)ldexp((double)(bits - 32768) / 32768, (int)(bits % 12) - 4);
                if (i == op->arity - 1 && i > 0) v[i][e] = (float)(1 + e % 3);
            }
        tg_tensor *narrow[3], *wide[3];
        for (int i = 0; i < op->arity; i++) narrow[i] = tg_from_f32(t, TG_SHAPE(MOST), v[i]), wide[i] = tg_to(narrow[i], TG_F64);
        const float *got = tg_data_f32(tg_record(op, narrow, op->arity, NULL, 0)), *want = tg_data_f32(tg_to(tg_record(op, wide, op->arity, NULL, 0), TG_F32));
        for (int e = 0; e < MOST; e++)
            if (got[e] != want[e] && !(isnan(got[e]) && isnan(want[e]))) fail_msg("%s(%g): %.9g is not %.9g", op->name, (double)v[0][e], (double)got[e], (double)want[e]);
        tg_tape_free(t);
    }
}

static void test_special_points(void **state)
{
    static const struct {
        const tg_op *op;
        double       x[3], want;
    } points[] = {
        {&tg_op_erfcx, {-27}, INFINITY}, {&tg_op_erfcx, {1e300}, 5.641895835477563e-301}, {&tg_op_erfinv, {1}, INFINITY}, {&tg_op_erfinv, {-1}, -INFINITY},
        {&tg_op_erfinv, {1.5}, NAN}, {&tg_op_erfinv, {-0.0}, -0.0}, {&tg_op_ndtri, {0}, -INFINITY}, {&tg_op_ndtri, {1}, INFINITY}, {&tg_op_ndtri, {0.5}, 0},
        {&tg_op_ndtri, {-1e-9}, NAN}, {&tg_op_log_ndtr, {-INFINITY}, -INFINITY}, {&tg_op_log_ndtr, {-1e10}, -5e19}, {&tg_op_log_ndtr, {INFINITY}, -0.0},
        {&tg_op_digamma, {0}, -INFINITY}, {&tg_op_digamma, {-0.0}, INFINITY}, {&tg_op_digamma, {-3}, NAN}, {&tg_op_digamma, {-INFINITY}, NAN},
        {&tg_op_digamma, {INFINITY}, INFINITY}, {&tg_op_polygamma, {-2, 1}, INFINITY}, {&tg_op_polygamma, {-2, 2}, -INFINITY}, {&tg_op_polygamma, {INFINITY, 1}, 0},
        {&tg_op_polygamma, {1, 0.5}, NAN}, {&tg_op_polygamma, {1, 1e300}, NAN}, {&tg_op_lgamma, {-4}, INFINITY}, {&tg_op_lgamma, {-INFINITY}, INFINITY},
        {&tg_op_betaln, {0, 2}, INFINITY}, {&tg_op_betaln, {2, NAN}, NAN}, {&tg_op_betaln, {1e300, 1e-300}, 690.7755278982137},
        {&tg_op_gammainc, {2, 0}, 0}, {&tg_op_gammainc, {0, 2}, 1}, {&tg_op_gammainc, {0, 0}, NAN}, {&tg_op_gammainc, {-1, 2}, NAN}, {&tg_op_gammainc, {2, INFINITY}, 1},
        {&tg_op_gammainc, {INFINITY, 2}, 0}, {&tg_op_gammaincc, {2, 0}, 1}, {&tg_op_gammaincc, {1e-10, 1e-5}, 1.0935719794146443e-9}, {&tg_op_gammainc, {1e6, 1e6}, 0.5001329807608726},
        {&tg_op_gamma_density, {1, 0, 0}, 1}, {&tg_op_gamma_density, {0.5, 0, 0}, INFINITY}, {&tg_op_gamma_density, {2, 1, 1e300}, NAN}, {&tg_op_gammainc_slope, {2, 1, 4}, NAN},
        {&tg_op_betainc, {2, 3, 0}, 0}, {&tg_op_betainc, {2, 3, 1}, 1}, {&tg_op_betainc, {0, 3, 0.5}, NAN}, {&tg_op_betainc, {2, 3, 1.5}, NAN}, {&tg_op_betainc, {2, INFINITY, 0.5}, NAN},
        {&tg_op_betainc, {1e-300, 1e-300, 0.5}, 0.5}, {&tg_op_betainc, {1e4, 1e4, 0.5}, 0.5}, {&tg_op_betainc, {1e10, 1e10, 0.5}, 0.5},
        {&tg_op_betainc, {1e30, 1e30, 0.5}, 0.5}, {&tg_op_gammainc, {1e-308, 1}, 1}, {&tg_op_gammainc, {5e-324, 1}, 1}, {&tg_op_gammaincc, {1e-305, 1}, 2.193839343955203e-306},
        {&tg_op_polygamma, {-1e-20, 1}, 1e40}, {&tg_op_polygamma, {-1e-10, 2}, 2e30}, {&tg_op_zeta, {3, -1e-18}, -1e54}, {&tg_op_zeta, {2, -1e-5}, 10000000001.644958},
        {&tg_op_i0, {20000}, INFINITY}, {&tg_op_i0, {-1e300}, INFINITY}, {&tg_op_i1, {-12000}, -INFINITY}, {&tg_op_i0, {NAN}, NAN},
        {&tg_op_zeta, {1, 2}, INFINITY}, {&tg_op_zeta, {0.5, 2}, NAN}, {&tg_op_zeta, {3, -2}, INFINITY}, {&tg_op_zeta, {2.5, -0.5}, NAN},
        {&tg_op_zeta, {1e300, 0.5}, INFINITY}, {&tg_op_zeta, {1e300, 1.5}, 0}, {&tg_op_zeta, {1e300, 1e300}, 0}, {&tg_op_zeta, {1e300, 1}, 1},
        {&tg_op_zeta, {2, INFINITY}, 0}, {&tg_op_zeta_slope, {1e300, 1.5, 1}, 0}, {&tg_op_zeta_slope, {2, 1, 0.5}, NAN}, {&tg_op_zeta_slope, {2, 1, 1e300}, NAN},
        {&tg_op_i0, {1000}, INFINITY}, {&tg_op_i1, {-1000}, -INFINITY}, {&tg_op_i0e, {INFINITY}, 0}, {&tg_op_i1e, {-INFINITY}, -0.0}, {&tg_op_j0, {INFINITY}, 0},
        {&tg_op_expint, {0, 0}, INFINITY}, {&tg_op_expint, {0, 1}, INFINITY}, {&tg_op_expint, {0, 3}, 0.5}, {&tg_op_expint, {-1, 1}, NAN},
        {&tg_op_expint, {INFINITY, 2}, 0}, {&tg_op_expint, {1, 1e300}, NAN}, {&tg_op_erfcx_slope, {1, 1e300}, NAN}, {&tg_op_entr, {-1}, -INFINITY},
        {&tg_op_entr, {0}, 0}, {&tg_op_xlog1py, {0, -3}, 0}, {&tg_op_xlog1py, {0, NAN}, NAN}, {&tg_op_xlog1py, {2, -1}, -INFINITY},
    };
    (void)state;
    for (size_t k = 0; k < sizeof points / sizeof *points; k++) {
        const double got = value_of(points[k].op, TG_F64, points[k].x), want = points[k].want;
        const bool   same = isnan(want) ? isnan(got) : got == want ? signbit(got) == signbit(want) : fabs(got - want) <= 1e-14 * fabs(want);
        if (!same) fail_msg("%s(%g, %g, %g) is %.17g, not %.17g", points[k].op->name, points[k].x[0], points[k].x[1], points[k].x[2], got, want);
    }
}

/* ---- slopes ------------------------------------------------------------------------------------------------------------- */

static double slope_of(tg_tensor *(*f)(tg_tensor *), double x)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *leaf = tg_set_requires_grad(VECTOR(t, x), true);
    const void *p = tg_data(gradient(f(leaf), NULL, leaf));
    if (!p) fail_msg("%s", tg_error(t));
    const double y = get(p, TG_F64, 0);
    tg_tape_free(t);
    return y;
}

static void test_slopes_in_tails(void **state)
{
    static const struct {
        tg_tensor *(*f)(tg_tensor *);
        double x, want;
    } slopes[] = {
        {tg_log_ndtr, -40, 40.02496884720726}, {tg_log_ndtr, -1e8, 1e8}, {tg_log_ndtr, 30, 1.473646134878548e-196}, {tg_log_ndtr, -1.5, 1.938677166622543},
        {tg_erfcx, 1e4, -5.641895750849127e-09}, {tg_erfcx, 100, -5.641049762599318e-05}, {tg_erfinv, 0, 0.886226925452758}, {tg_ndtri, 0.5, 2.5066282746310002},
        {tg_erfinv, 1, INFINITY}, {tg_entr, 0, INFINITY}, {tg_i0e, 0, 0}, {tg_i1e, 0, 0.5}, {tg_i1, 0, 0.5}, {tg_j1, 0, 0.5}, {tg_j0, 0, 0},
        {tg_lgamma, 1e10, 23.025850929890457},
    };
    (void)state;
    for (size_t k = 0; k < sizeof slopes / sizeof *slopes; k++) {
        const double got = slope_of(slopes[k].f, slopes[k].x), want = slopes[k].want;
        if (!(got == want || fabs(got - want) <= 3e-14 * fabs(want))) fail_msg("row %zu: the slope at %g is %.17g, not %.17g", k, slopes[k].x, got, want);
    }
}

/* Slopes by a shape that is nearly 0 are those at 0, where they are smooth: by mpmath. */
static void test_small_shapes(void **state)
{
    static const struct {
        const tg_op *op;
        double       x, order, want, limit;
    } slopes[] = {
        {&tg_op_gammainc_slope, 0.1, 1, -1.8229239584193907, 1e-10},  {&tg_op_gammainc_slope, 0.1, 2, 1.8661373277379082, 1e-6},
        {&tg_op_gammainc_slope, 0.1, 3, 3.7736440700961119, 2e-3},    {&tg_op_gammainc_slope, 3, 1, -0.013048381094197037, 1e-10},
        {&tg_op_gammainc_slope, 3, 2, -0.049491473078366334, 1e-6},   {&tg_op_gammainc_slope, 3, 3, -0.077821795579476795, 2e-3},
        {&tg_op_gamma_density, 0.1, 1, 9.0483741803595957, 1e-8},     {&tg_op_gamma_density, 0.1, 2, -31.223576369468190, 1e-6},
        {&tg_op_gamma_density, 3, 2, 0.055623040598099543, 1e-6},     {&tg_op_gamma_density, 3, 3, 0.057925524598450330, 2e-3},
    };
    (void)state;
    for (size_t k = 0; k < sizeof slopes / sizeof *slopes; k++)
        for (double a = 1e-12; a >= 1e-310; a *= 1e-48) {
            const double got = value_of(slopes[k].op, TG_F64, (double[]){a, slopes[k].x, slopes[k].order}), want = slopes[k].want;
            if (!(fabs(got - want) <= slopes[k].limit * fabs(want))) fail_msg("row %zu: at shape %g it is %.17g, not %.17g", k, a, got, want);
        }
}

/* The derivative of zeta by q has itself in it, of another s: to the third order it is s (s+1) (s+2) zeta(s + 3, q), with the other sign. */
static void test_orders(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *q = tg_set_requires_grad(VECTOR(t, 1.5), true), *y = tg_zeta(VECTOR(t, 2.5), q);
    (void)state;
    for (int k = 0; k < 3; k++) assert_int_equal(tg_grad(&y, NULL, 1, &q, 1, true, &y), TG_OK);
    const double got = get(tg_data(y), TG_F64, 0), want = -2.5 * 3.5 * 4.5 * value_of(&tg_op_zeta, TG_F64, (double[]){5.5, 1.5});
    assert_true(fabs(got - want) <= 1e-14 * fabs(want));
    tg_tape_free(t);
}

/* ---- many, and what is refused ------------------------------------------------------------------------------------------ */

static void test_threads(void **state)
{
    enum { N = 20000 };
    static double one[N];
    (void)state;
    for (int threads = 1; threads <= 3; threads += 2) {
        tg_tape      *t = tg_tape_new(&(tg_tape_options){.silent = true, .dtype = TG_F64, .threads = threads});
        const double *y = tg_data_f64(tg_digamma(tg_linspace(t, 0.1, 20, N)));
        assert_non_null(y);
        if (threads == 1) memcpy(one, y, sizeof one);
        else assert_memory_equal(one, y, sizeof one);
        tg_tape_free(t);
    }
}

static void test_errors(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = VECTOR(t, 1, 2), *i = tg_to(x, TG_I64);
    (void)state;
    assert_error(t, tg_polygamma(x, -1), TG_ERR_ARG, "tg_polygamma: takes an order from 0 to 1000, got -1");
    assert_error(t, tg_polygamma(x, 1001), TG_ERR_ARG, "tg_polygamma: takes an order from 0 to 1000, got 1001");
    assert_error(t, tg_expint(x, INT64_MAX), TG_ERR_ARG, "tg_expint: takes an order from 0 to 1000, got 9223372036854775807");
    assert_error(t, tg_polygamma(i, 1), TG_ERR_DTYPE, "tg_polygamma: does not take tensors of int64; tg_to converts them");
    assert_null(tg_polygamma(NULL, 1));
    assert_values(tg_polygamma(x, 0), TG_F64, TG_SHAPE(2), (double[]){-0.5772156649015329, 0.42278433509846714}, 1e-15);
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden), cmocka_unit_test(test_floats),  cmocka_unit_test(test_special_points), cmocka_unit_test(test_slopes_in_tails),
        cmocka_unit_test(test_small_shapes), cmocka_unit_test(test_orders), cmocka_unit_test(test_threads), cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
