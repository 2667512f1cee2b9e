/* test_derivatives_golden.c - products with Jacobians and Hessians, and these themselves, in each mode, against PyTorch's (tests/golden/derivatives.py),
 * to 1e-12 of the largest element. Hessians are symmetric up to that without being made so. */
#include "op_test.h"

#include "golden.h"
#include "samples.h"

static tg_tensor *filled(tg_tape *t, const tg_shape *s, uint64_t at)
{
    double x[100];
    for (int64_t i = 0; i < count_of(s); i++) x[i] = golden_number(at + (uint64_t)i);
    return tg_from_f64(t, s, x);
}

/* ---- the functions ------------------------------------------------------------------------------------------------------- */

static tg_tensor *times_a(tg_tensor *x) { return tg_matmul(x, filled(tg_tape_of(x), TG_SHAPE(4, 5), 100)); }
static tg_tensor *network(tg_tensor *x) { return tg_matmul(tg_tanh(times_a(x)), filled(tg_tape_of(x), TG_SHAPE(5, 3), 200)); }
static tg_tensor *classes(tg_tensor *x) { return tg_log_softmax(times_a(x), 1); }
static tg_tensor *normal(tg_tensor *x) { return tg_gelu(tg_layer_norm(x, 1, NULL, NULL, 1e-5)); }
static tg_tensor *picture(tg_tensor *x)
{
    tg_tensor *k = filled(tg_tape_of(x), TG_SHAPE(2, 1, 3, 3), 300);
    return tg_mean(tg_softplus(tg_conv2d(x, k, NULL, &(tg_conv_options){.padding = {1, 1}})), TG_AXES(2, 3), false);
}
static tg_tensor *elementary(tg_tensor *x)
{
    tg_tensor *sums = tg_cumsum(tg_mul(tg_exp(x), tg_sin(tg_mul_s(x, 3))), 0);
    return tg_cat((tg_tensor *[]){sums, tg_prod(x, TG_AXES(0), true), tg_logsumexp(x, TG_AXES(0), true)}, 3, 0);
}
static tg_tensor *attention(tg_tensor *x) { return tg_matmul(tg_softmax(tg_mul_s(tg_matmul(x, tg_mT(x)), 0.5), 1), x); }
static tg_tensor *straight(tg_tensor *x) { return tg_add_s(tg_mul_s(x, 3), 1); }

static const struct {
    const char *name;
    tg_shape    shape;
    tg_tensor *(*f)(tg_tensor *x);
} functions[] = {
    {"network", SHAPE(2, 4), network},     {"classes", SHAPE(3, 4), classes},     {"normal", SHAPE(2, 5), normal},      {"picture", SHAPE(1, 1, 5, 5), picture},
    {"elementary", SHAPE(6), elementary},  {"attention", SHAPE(3, 4), attention}, {"straight", SHAPE(3), straight},
};

/* ---- the file ---------------------------------------------------------------------------------------------------------- */

/* The row's elements; how many. */
static int64_t golden(const char *name, const char *what, double *x)
{
    static char line[40000];
    char        begins[60];
    int64_t     n = 0;
    FILE       *f = golden_open("derivatives.csv");
    assert_non_null(f);
    snprintf(begins, sizeof begins, "%s,%s,", name, what);
    while (fgets(line, sizeof line, f))
        if (!strncmp(line, begins, strlen(begins)))
            for (char *at = line + strlen(begins); *at && *at != '\n' && n < MOST; n++, at += *at == ',') x[n] = strtod(at, &at);
    fclose(f);
    return n;
}

/* Is y what the row says, up to 1e-12 of its largest element, and of this shape, `a` followed by `b`? */
static void is(const char *name, const char *what, tg_tensor *y, const tg_shape *a, const tg_shape *b)
{
    double        want[MOST], most = 0;
    const int64_t n = golden(name, what, want);
    tg_shape      s = *a;
    for (int k = 0; b && k < b->rank; k++) s.dim[s.rank++] = b->dim[k];
    if (!y) fail_msg("%s of %s: there is none", what, name);
    assert_true(tg_shape_equal(tg_shape_of(y), &s));
    assert_int_equal(tg_numel(y), n);
    const double *have = tg_data_f64(y);
    assert_non_null(have);
    for (int64_t i = 0; i < n; i++) most = fmax(most, fabs(want[i]));
    for (int64_t i = 0; i < n; i++)
        if (!(fabs(have[i] - want[i]) <= 1e-12 * most)) fail_msg("%s of %s, element %lld: %.17g is not %.17g", what, name, (long long)i, have[i], want[i]);
}

static void is_symmetric(tg_tensor *h, int64_t n)
{
    tg_tensor *m = tg_reshape(h, TG_SHAPE(n, n));
    assert_true(tg_item(tg_amax_all(tg_abs(tg_sub(m, tg_mT(m))))) <= 1e-12 * tg_item(tg_amax_all(tg_abs(m))));
}

static void test_function(void **state)
{
    const int       k = *(const int *)*state;
    const char     *name = functions[k].name;
    const tg_shape *s = &functions[k].shape;
    tg_tape        *t = quiet(TG_F64);
    tg_tensor      *x = filled(t, s, 1000), *v = filled(t, s, 2000), *y = functions[k].f(x), *r = NULL;
    const tg_shape  of_y = *tg_shape_of(y), none = {0};
    tg_tensor      *u = filled(t, &of_y, 3000), *loss = tg_sum_all(tg_mul(y, u));
    assert_int_equal(tg_jvp(&y, 1, &x, &v, 1, false, &r), TG_OK);
    is(name, "jvp", r, &of_y, NULL);
    assert_int_equal(tg_vjp(&y, &u, 1, &x, 1, false, &r), TG_OK);
    is(name, "vjp", r, s, NULL);
    assert_int_equal(tg_hvp(loss, &x, &v, 1, false, &r), TG_OK);
    is(name, "hvp", r, s, NULL);
    for (int mode = TG_MODE_BY_SIZE; mode <= TG_MODE_REVERSE; mode++)
        for (int64_t chunk = 0; chunk < 4; chunk++) {
            const tg_jacobian_options o = {.mode = (tg_derivative_mode)mode, .chunk = chunk};
            is(name, "jacobian", tg_jacobian(y, x, &o), &of_y, s);
            is(name, "hessian", r = tg_hessian(loss, x, &o), s, s);
            is_symmetric(r, count_of(s));
        }
    tg_tensor *trace = tg_sum_all(tg_diagonal(tg_reshape(r, TG_SHAPE(count_of(s), count_of(s))), 0, 0, 1)), *sum = tg_laplacian(loss, x, false);
    const double scale = tg_item(tg_sum_all(tg_abs(r))), difference = fabs(tg_item(sum) - tg_item(trace));
    assert_true(tg_shape_equal(tg_shape_of(sum), &none) && difference <= 1e-12 * scale);
    assert_null(tg_error(t));
    tg_tape_free(t);
}

int main(void)
{
    enum { N = sizeof functions / sizeof *functions };
    static int        number[N];
    struct CMUnitTest tests[N];
    for (int k = 0; k < N; k++) {
        number[k] = k;
        tests[k] = (struct CMUnitTest){.name = functions[k].name, .test_func = test_function, .initial_state = &number[k]};
    }
    return _cmocka_run_group_tests("derivatives", tests, N, NULL, NULL);
}
