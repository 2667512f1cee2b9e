/* test_anomaly.c - anomaly mode: planted infinities and NaN, each of which has to be told by the op that makes it, its line and the parameters nearby;
 * what is none; what is left behind; errors; memory. */
#define TG_LINES
#include "f64_test.h"

#include <stdio.h>
#include <tapegrad_op.h>

#include "failing.h"

#define AT(T) (*(T) = __LINE__)

/* A model with something wrong in it: gives a loss; *line: where. */
typedef struct model {
    tg_tape   *t;
    tg_tensor *w, *b; /* parameters fc.weight [2,2] and fc.bias [2] */
    int        line;
} model;

static tg_tensor *layer(model *m) { return tg_add(tg_matmul(tg_ones(m->t, TG_SHAPE(3, 2)), m->w), m->b); }

/* ---- forward -------------------------------------------------------------------------------------------------------- */

static tg_tensor *log_of_zero(model *m)
{
    tg_tensor *h = tg_relu(tg_neg(tg_square(layer(m))));
    tg_tensor *l = (AT(&m->line), tg_log(h));
    return tg_sum_all(l);
}
static tg_tensor *log_of_negative(model *m)
{
    tg_tensor *l = (AT(&m->line), tg_log(tg_sub_s(layer(m), 100)));
    return tg_mean_all(l);
}
static tg_tensor *overflow(model *m)
{
    tg_tensor *e = (AT(&m->line), tg_exp(tg_mul_s(layer(m), 1000)));
    return tg_sum_all(tg_div(e, tg_add_s(e, 1)));
}
static tg_tensor *zero_by_zero(model *m)
{
    tg_tensor *z = tg_mul_s(layer(m), 0);
    tg_tensor *q = (AT(&m->line), tg_div(z, z));
    return tg_sum_all(q);
}
static tg_tensor *root_of_negative(model *m)
{
    tg_tensor *h = tg_neg(layer(m));
    tg_tensor *r = (AT(&m->line), tg_sqrt(h));
    return tg_sum_all(r);
}
static tg_tensor *inverse_of_zero(model *m)
{
    tg_tensor *z = tg_relu(tg_neg(layer(m)));
    tg_tensor *r = (AT(&m->line), tg_rdiv_s(1, z));
    return tg_mean_all(r);
}
static tg_tensor *power(model *m)
{
    tg_tensor *p = (AT(&m->line), tg_pow_s(tg_neg(layer(m)), 0.5));
    return tg_sum_all(p);
}
static tg_tensor *far_product(model *m)
{
    tg_tensor *far = tg_mul_s(m->w, 1e200);
    tg_tensor *p = (AT(&m->line), tg_matmul(far, far));
    return tg_sum_all(tg_tanh(tg_sub(p, p)));
}
static tg_tensor *norm_of_far(model *m)
{
    tg_tensor *s = (AT(&m->line), tg_square(tg_mul_s(layer(m), 1e200)));
    return tg_rsqrt(tg_mul_s(tg_neg(tg_sum_all(s)), 1));
}
static tg_tensor *row_of_masks(model *m)
{
    tg_tensor *mask = tg_full(m->t, TG_BOOL, TG_SHAPE(3, 2), 1);
    tg_tensor *h = (AT(&m->line), tg_add(layer(m), tg_log(tg_mul_s(layer(m), 0))));
    return tg_sum_all(tg_mul(tg_log_softmax(h, 1), tg_to(mask, TG_F64)));
}
static tg_tensor *outside_of_the_sine(model *m)
{
    tg_tensor *a = (AT(&m->line), tg_asin(tg_add_s(layer(m), 5)));
    return tg_sum_all(a);
}
static tg_tensor *product_of_all(model *m)
{
    tg_tensor *p = (AT(&m->line), tg_prod(tg_mul_s(layer(m), 1e100), TG_ALL_AXES, false));
    return tg_sin(p);
}

/* ---- backward: the loss is finite ------------------------------------------------------------------------------------ */

static tg_tensor *root_at_zero(model *m)
{
    tg_tensor *z = tg_mul(layer(m), tg_zeros(m->t, TG_SHAPE(2)));
    tg_tensor *r = (AT(&m->line), tg_sqrt(z));
    return tg_sum_all(r);
}
static tg_tensor *steep_power(model *m)
{
    tg_tensor *z = tg_sub(layer(m), layer(m));
    tg_tensor *r = (AT(&m->line), tg_pow_s(z, 0.25));
    return tg_sum_all(r);
}
static tg_tensor *cube_root(model *m)
{
    tg_tensor *r = (AT(&m->line), tg_cbrt(tg_mul_s(m->w, 0)));
    return tg_sum_all(r);
}
static tg_tensor *end_of_the_sine(model *m)
{
    tg_tensor *one = tg_add_s(tg_mul_s(m->b, 0), 1);
    tg_tensor *a = (AT(&m->line), tg_asin(one));
    return tg_sum_all(a);
}
static tg_tensor *far_gradient(model *m)
{
    tg_tensor *small = tg_mul_s(m->b, 1e-300);
    tg_tensor *large = (AT(&m->line), tg_mul_s(small, 1e200));
    return tg_sum_all(tg_mul_s(large, 1e200));
}
static tg_tensor *small_divisor(model *m)
{
    tg_tensor *d = tg_mul_s(tg_add_s(tg_mul_s(m->b, 0), 1), 1e-160);
    tg_tensor *q = (AT(&m->line), tg_div(tg_full(m->t, TG_F64, TG_SHAPE(2), 1e-10), d));
    return tg_sum_all(q);
}

/* ---- in what was there ------------------------------------------------------------------------------------------------ */

static tg_tensor *bad_parameter(model *m)
{
    const double nan2[] = {1, NAN};
    m->line = 0;
    return tg_assign(m->b, tg_from_f64(m->t, TG_SHAPE(2), nan2)) == TG_OK ? tg_sum_all(layer(m)) : NULL;
}
static tg_tensor *bad_data(model *m)
{
    const double x[] = {1, 2, INFINITY, 3};
    tg_tensor   *data = (AT(&m->line), tg_from_f64(m->t, TG_SHAPE(2, 2), x));
    return tg_sum_all(tg_matmul(data, m->w));
}
static tg_tensor *bad_constant(model *m)
{
    tg_tensor *c = (AT(&m->line), tg_full(m->t, TG_F64, TG_SHAPE(2), INFINITY));
    return tg_sum_all(tg_mul(m->b, c));
}

static const struct {
    tg_tensor *(*loss)(model *);
    const char *what, *names;
} planted[] = {
    {log_of_zero, "result that is not finite is that of 'log', float64 [3,2]", "'fc.bias', 'fc.weight'"},
    {log_of_negative, "result that is not finite is that of 'log', float64 [3,2]", "'fc.bias', 'fc.weight'"},
    {overflow, "result that is not finite is that of 'exp', float64 [3,2]", "'fc.bias', 'fc.weight'"},
    {zero_by_zero, "result that is not finite is that of 'div', float64 [3,2]", "'fc.bias', 'fc.weight'"},
    {root_of_negative, "result that is not finite is that of 'sqrt', float64 [3,2]", "'fc.bias', 'fc.weight'"},
    {inverse_of_zero, "float64 [3,2]", "'fc.bias', 'fc.weight'"},
    {power, "float64 [3,2]", "'fc.bias', 'fc.weight'"},
    {far_product, "result that is not finite is that of 'matmul', float64 [2,2]", "'fc.weight'"},
    {norm_of_far, "result that is not finite is that of 'square', float64 [3,2]", "'fc.bias', 'fc.weight'"},
    {row_of_masks, "result that is not finite is that of 'log', float64 [3,2]", "'fc.bias', 'fc.weight'"},
    {outside_of_the_sine, "result that is not finite is that of 'asin', float64 [3,2]", "'fc.bias', 'fc.weight'"},
    {product_of_all, "result that is not finite is that of 'prod', float64 []", "'fc.bias', 'fc.weight'"},
    {root_at_zero, "in the gradient of 'sqrt'", "'fc.bias', 'fc.weight'"},
    {steep_power, "in the gradient of 'pow'", "'fc.bias', 'fc.weight'"},
    {cube_root, "in the gradient of 'cbrt'", "'fc.weight'"},
    {end_of_the_sine, "in the gradient of 'asin'", "'fc.bias'"},
    {far_gradient, "in the gradient of 'mul'", "'fc.bias'"},
    {small_divisor, "in the gradient of 'div'", "'fc.bias'"},
    {bad_parameter, "value that is not finite is parameter 'fc.bias', float64 [2]: element [1] is nan", "'fc.bias'"},
    {bad_data, "value that is not finite is a tensor made of data, float64 [2,2]", NULL},
    {bad_constant, "value that is not finite is a constant, float64 []", NULL},
};

static model new_model(tg_tape *t)
{
    const double w[] = {0.5, 0.25, 1, 2}, b[] = {0.5, 0.125};
    return (model){.t = t, .w = tg_param(t, "fc.weight", tg_from_f64(t, TG_SHAPE(2, 2), w)), .b = tg_param(t, "fc.bias", tg_from_f64(t, TG_SHAPE(2), b))};
}

static void planted_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof planted / sizeof *planted; i++) {
        tg_tape *t = quiet(TG_F64);
        model    m = new_model(t);
        assert_false(tg_set_detect_anomaly(t, true));
        for (int round = 0; round < 4; round++) { /* anew, confirmed, run again, as machine code */
            char line[80];
            tg_tensor *loss = planted[i].loss(&m);
            const tg_status s = tg_backward(loss);
            const char     *said = tg_error(t);
            if (s != TG_ERR_NONFINITE || !said) fail_msg("case %zu, %s: %s, %s", i, planted[i].what, tg_status_name(s), said ? said : "no error");
            snprintf(line, sizeof line, "recorded at %s:%d", __FILE__, m.line);
            if (strncmp(said, "tg_backward: the first ", 23) || !strstr(said, planted[i].what) || (m.line && !strstr(said, line)) ||
                (planted[i].names && !strstr(said, planted[i].names)))
                fail_msg("case %zu, round %d, %s, %s: %s", i, round, planted[i].what, line, said);
            tg_clear_error(t);
            assert_int_equal(tg_reset(t), TG_OK);
            assert_int_equal(tg_zero_grad(t), TG_OK);
        }
        tg_tape_free(t);
    }
}

/* ---- what is none ----------------------------------------------------------------------------------------------------- */

/* Infinities that go nowhere, integers, the mode off, and what is not asked for. */
static void what_is_none(void **state)
{
    tg_tape   *t = open_tape(state);
    model      m = new_model(t);
    tg_tensor *mask = tg_triu(tg_full(t, TG_F64, TG_SHAPE(3, 2), 1), 1);
    assert_false(tg_set_detect_anomaly(t, true));
    tg_tensor *scores = tg_masked_fill(layer(&m), tg_to(mask, TG_BOOL), -INFINITY), *p = tg_softmax(scores, 1);
    assert_int_equal(tg_backward(tg_sum_all(tg_square(p))), TG_OK);
    assert_int_equal(tg_backward(tg_sum_all(tg_rdiv_s(1, tg_exp(tg_mul_s(layer(&m), 1e4))))), TG_OK);
    assert_true(tg_item(tg_argmax(tg_log(tg_zeros(t, TG_SHAPE(3))), 0, false)) >= 0);
    assert_true(tg_set_detect_anomaly(t, false));
    assert_int_equal(tg_reset(t), TG_OK);
    assert_true(isinf(tg_item(tg_log(tg_scalar(t, 0)))));
    assert_null(tg_error(t));
}

/* What fails leaves the values behind, and the tape as it was; sites of an earlier recording are nobody's. */
static void what_is_left(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_optim  *opt = tg_sgd(t, &(tg_sgd_options){.lr = 1});
    tg_tensor *w = tg_param(t, "w", tg_scalar(t, 0));
    tg_set_detect_anomaly(t, true);
    tg_tensor *x = tg_log(w), *fine = tg_exp(w);
    assert_true(isnan(tg_item(x)));
    expect_error(t, TG_ERR_NONFINITE, "tg_item: the first result that is not finite is that of 'log', float64 [], recorded at");
    assert_true(tg_item(x) == -INFINITY);
    assert_int_equal(tg_eval((tg_tensor *[]){fine, tg_sqrt(tg_neg(fine))}, 2), TG_ERR_NONFINITE);
    expect_error(t, TG_ERR_NONFINITE, "tg_eval: the first result that is not finite is that of 'sqrt'");
    assert_near(tg_item(fine), 1);
    assert_int_equal(tg_reset(t), TG_OK);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(tg_minimize(opt, tg_sqrt(w)), TG_ERR_NONFINITE);
        expect_error(t, TG_ERR_NONFINITE, "in the gradient of 'sqrt', recorded at");
        assert_true(tg_item(w) == 0);
        assert_int_equal(tg_reset(t), TG_OK);
        assert_int_equal(tg_zero_grad(t), TG_OK);
    }
    assert_int_equal(tg_minimize(opt, tg_mul_s(w, 3)), TG_OK);
    assert_near(tg_item(w), -3);
}

/* A gradient that was added to, and one of several results; a function of one's own whose line is told by hand. */
static tg_tensor *own_function(tg_tensor *x) { return tg_recorded_at((tg_log)(x), "own.c", 7); }

static void how_it_is_told(void **state)
{
    tg_tape     *t = open_tape(state);
    const double x[] = {-1, 4, 2, 8};
    tg_set_detect_anomaly(t, true);
    tg_tensor *w = tg_param(t, "w", tg_from_f64(t, TG_SHAPE(2, 2), x)), *high;
    assert_int_equal(tg_backward(tg_sum_all(w)), TG_OK);
    assert_int_equal(tg_backward(tg_sum_all(tg_sqrt(tg_mul_s(w, 0)))), TG_ERR_NONFINITE);
    expect_error(t, TG_ERR_NONFINITE, "in the gradient of 'sqrt'");
    assert_int_equal(tg_backward(tg_sum_all(w)), TG_ERR_NONFINITE);
    expect_error(t, TG_ERR_NONFINITE, "is that of 'add', float64 [2,2], to the gradient that was there: element [0,0] is nan");
    assert_int_equal(tg_zero_grad(t), TG_OK);
    tg_tensor *low = tg_aminmax(w, TG_AXES(1), false, &high);
    assert_true(isnan(tg_item(tg_sum_all(tg_add(own_function(low), high)))));
    expect_error(t, TG_ERR_NONFINITE, "is that of 'log', float64 [2], recorded at own.c:7: element [0] is nan; parameters nearby: 'w'");
    tg_tensor *s = tg_log_softmax(tg_full(t, TG_F64, TG_SHAPE(2), -INFINITY), 0);
    assert_int_equal(tg_eval(&s, 1), TG_ERR_NONFINITE);
    expect_error(t, TG_ERR_NONFINITE, "is a constant, float64 [], recorded at");
    tg_tensor *scalar = tg_add(tg_mul_s(low, INFINITY), tg_mul_s(low, -INFINITY));
    assert_null(tg_data(scalar));
    expect_error(t, TG_ERR_NONFINITE, "NaN comes of it in that of 'add'");
}

/* Rows that are added up after the evaluation: too large together, and to what is infinite already. */
static void sums_of_rows(void **state)
{
    tg_tape      *t = open_tape(state);
    const int64_t which[] = {1, 3, 1};
    const double  large[] = {1e308, 1, 1e308};
    tg_tensor    *w = tg_set_row_gradient(tg_param(t, "table", tg_zeros(t, TG_SHAPE(5, 2))), true), *rows;
    tg_optim     *opt = tg_sgd(t, &(tg_sgd_options){.lr = 1});
    for (int on = 0; on < 2; on++) {
        tg_set_detect_anomaly(t, on);
        for (int round = 0; round < 2; round++) {
            rows = tg_embedding(w, tg_from_i64(t, TG_SHAPE(3), which));
            if (!round) rows = tg_mul(rows, tg_from_f64(t, TG_SHAPE(3, 1), large));
            assert_int_equal(tg_optim_backward(opt, tg_sum_all(rows)), on ? TG_ERR_NONFINITE : TG_OK);
            if (on) expect_error(t, TG_ERR_NONFINITE, "added to row 1 of the gradient of parameter 'table' is not finite: it has an infinity");
            const double *values;
            assert_int_equal(tg_row_gradient_of(w, NULL, (const void **)(const void *)&values), 2);
            assert_true(values[0] == INFINITY && values[2] == 1 + round);
        }
        assert_int_equal(tg_zero_grad(t), TG_OK);
    }
    assert_int_equal(tg_minimize(opt, tg_sum_all(rows)), TG_OK);
}

/* Values in between stay those of the evaluation, and so does what is read and run again afterwards. */
static void nothing_changes(void **state)
{
    (void)state;
    double digest[2][3];
    for (int on = 0; on < 2; on++) {
        tg_tape *t = quiet(TG_F64);
        model    m = new_model(t);
        tg_set_detect_anomaly(t, on);
        for (int round = 0; round < 3; round++) {
            tg_tensor *h = tg_tanh(layer(&m)), *y = tg_sum_all(tg_sqrt(tg_sub_s(h, 2))), *z = tg_sum_all(tg_square(h));
            (void)!tg_backward(y);
            const bool bad = isnan(tg_data_f64(tg_grad_of(m.b))[0]);
            tg_zero_grad(t);
            assert_int_equal(tg_backward_into(z, &m.w, 1), TG_OK);
            digest[on][round] = tg_item(z) + tg_item(tg_sum_all(h)) + bad;
            tg_clear_error(t);
            tg_zero_grad(t);
            tg_reset(t);
        }
        tg_tape_free(t);
    }
    for (int round = 0; round < 3; round++) assert_true(digest[0][round] == digest[1][round]);
}

/* Each allocation fails in turn. */
static void memory(void **state)
{
    (void)state;
    for (int k = 0, failed = 1; failed; k++) {
        failing  f = {.left = -1};
        tg_tape *t = failing_tape(&f, TG_F64);
        model    m = new_model(t);
        f.left = k;
        tg_set_detect_anomaly(t, true);
        tg_tensor *loss = zero_by_zero(&m);
        const tg_status s = loss ? tg_backward(loss) : TG_ERR_MEMORY;
        failed = f.failed;
        f.left = -1;
        if (!failed) assert_int_equal(s, TG_ERR_NONFINITE);
        else assert_true(s == TG_ERR_MEMORY || s == TG_ERR_NONFINITE);
        tg_clear_error(t);
        assert_int_equal(tg_reset(t), TG_OK);
        assert_int_equal(tg_zero_grad(t), TG_OK);
        assert_int_equal(tg_backward(tg_sum_all(layer(&m))), TG_OK);
        tg_tape_free(t);
        assert_int_equal(f.held, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planted_cases),
        cmocka_unit_test_teardown(what_is_none, close_tape),
        cmocka_unit_test_teardown(what_is_left, close_tape),
        cmocka_unit_test_teardown(how_it_is_told, close_tape),
        cmocka_unit_test_teardown(sums_of_rows, close_tape),
        cmocka_unit_test(nothing_changes),
        cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
