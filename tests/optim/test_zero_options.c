/* test_zero_options.c - numbers in options structs: what is omitted is the usual value, TG_ZERO is 0, in every struct. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "optim/optim.h"
#include "optimizers.h"

static void test_or_usual(void **state)
{
    (void)state;
    assert_true(tg_or_usual(0, 0.9) == 0.9);
    assert_true(tg_or_usual(0.0, -0.25) == -0.25);
    assert_true(tg_or_usual(TG_ZERO, 0.9) == 0 && !signbit(tg_or_usual(TG_ZERO, 0.9)));
    assert_true(!signbit(tg_or_usual(0, 0)));
    assert_true(tg_or_usual(0.5, 0.9) == 0.5 && tg_or_usual(-1, 0.9) == -1 && tg_or_usual(5e-324, 1) == 5e-324);
    assert_true(isnan(tg_or_usual(NAN, 1)) && tg_or_usual(INFINITY, 1) == INFINITY);
}

/* ---- optimizers ----------------------------------------------------------------------------------------------------- */

typedef union any_options {
    double       number[16];
    tg_sgd_options  sgd;
    tg_adam_options adam;
} any_options;

static double number_of(const tg_optim *o, const tg_option *of)
{
    return *(const double *)(const void *)((const char *)o->groups->options + of->at);
}

/* Every number of the struct, each alone; all others are omitted. */
static void check_optimizer(maker make)
{
    tg_tape           *t = tg_tape_new(&(tg_tape_options){.silent = true});
    static const any_options none;
    const tg_optim    *usual = make(t, &none), *null = make(t, NULL);
    assert_true(usual && null && usual->rule == null->rule && usual->rule->n_options > 0);
    const tg_optim_rule *rule = usual->rule;
    for (size_t i = 0; i < rule->n_options; i++) {
        const tg_option *of = &rule->options[i];
        any_options      given = none;
        double          *x = (double *)(void *)((char *)&given + of->at);
        assert_true(of->at == i * sizeof(double)); /* the struct begins with them, none is left out */
        assert_true(number_of(usual, of) == of->usual && number_of(null, of) == of->usual);
        *x = TG_ZERO;
        tg_optim *zero = make(t, &given);
        assert_non_null(zero);
        assert_true(number_of(zero, of) == 0 && !signbit(number_of(zero, of)));
        for (size_t k = 0; k < rule->n_options; k++) assert_true(k == i || number_of(zero, &rule->options[k]) == rule->options[k].usual);
        if (i == 0) assert_true(tg_lr(zero) == 0 && tg_lr(usual) == of->usual);
        *x = 0.25;
        const tg_optim *some = make(t, &given);
        assert_non_null(some);
        assert_true(number_of(some, &some->rule->options[i]) == 0.25);
        const double refused[] = {NAN, INFINITY, -INFINITY, 1e39, of->range == TG_FINITE ? NAN : -0.25, of->range == TG_BELOW_ONE ? 1 : NAN};
        assert_null(tg_error(t));
        for (size_t k = 0; k < sizeof refused / sizeof *refused; k++) {
            *x = refused[k];
            assert_null(make(t, &given));
            assert_int_equal(tg_error_status(t), TG_ERR_ARG);
            assert_non_null(strstr(tg_error(t), rule->name));
            assert_non_null(strstr(tg_error(t), of->name));
            tg_clear_error(t);
        }
    }
    tg_tape_free(t);
}

static void test_optimizers(void **state)
{
    (void)state;
    check_optimizer(make_sgd);
    check_optimizer(make_adam);
    check_optimizer(make_adamw);
    check_optimizer(make_rmsprop);
    check_optimizer(make_lamb);
    check_optimizer(make_adagrad);
    check_optimizer(make_adamax);
    check_optimizer(make_nadam);
    check_optimizer(make_radam);
    check_optimizer(make_lion);
    check_optimizer(make_adadelta);
}

/* ---- the others ------------------------------------------------------------------------------------------------------ */

static void test_loader(void **state)
{
    (void)state;
    static const uint8_t images[] = {51, 102, 255};
    static const struct {
        double scale, shift, want;
    } cases[] = {{0, 0, 0.2}, {TG_ZERO, 0, 0}, {TG_ZERO, 3, 3}, {2, TG_ZERO, 102}, {0, TG_ZERO, 0.2}, {TG_ZERO, TG_ZERO, 0}};
    tg_tape    *t = tg_tape_new(NULL);
    tg_dataset *d = tg_array_dataset(t, TG_U8, TG_SHAPE(3, 1), images, (const int64_t[]){0, 1, 2});
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        tg_tensor *x, *y;
        tg_loader *l = tg_loader_new(d, &(tg_loader_options){.scale = cases[k].scale, .shift = cases[k].shift});
        assert_non_null(l);
        assert_true(tg_next(l, &x, &y));
        assert_true(fabs((double)tg_data_f32(x)[0] - cases[k].want) < 1e-6);
    }
    tg_tape_free(t);
}

/* f's gradient is said to be 1 and is 1 + by. */
static tg_tensor *off_by(void *by, tg_tensor *const *in) { return tg_add(in[0], tg_mul_s(tg_detach(in[0]), *(double *)by)); }
/* f's gradient is said to be 0 and is by, beside values of 1. */
static tg_tensor *hidden(void *by, tg_tensor *const *in)
{
    return tg_add_s(tg_add(tg_mul_s(in[0], 0), tg_mul_s(tg_detach(in[0]), *(double *)by)), 1);
}

static tg_status checked(tg_tensor *x, tg_fn f, double by, tg_gradcheck_options o)
{
    const tg_status s = tg_gradcheck(f, &by, &x, 1, &o, NULL);
    tg_clear_error(tg_tape_of(x));
    return s;
}

static void test_gradcheck(void **state)
{
    (void)state;
    tg_tape   *t = tg_tape_new(&(tg_tape_options){.dtype = TG_F64, .silent = true});
    tg_tensor *x = tg_set_requires_grad(tg_full(t, TG_F64, TG_SHAPE(1), 0.5), true);
    assert_int_equal(checked(x, off_by, 1e-7, (tg_gradcheck_options){0}), TG_OK);
    assert_int_equal(checked(x, off_by, 1e-7, (tg_gradcheck_options){.rtol = TG_ZERO}), TG_ERR_GRAD);
    assert_int_equal(checked(x, hidden, 5e-9, (tg_gradcheck_options){0}), TG_OK);
    assert_int_equal(checked(x, hidden, 5e-9, (tg_gradcheck_options){.atol = TG_ZERO}), TG_ERR_GRAD);
    assert_int_equal(checked(x, off_by, 0, (tg_gradcheck_options){.rtol = TG_ZERO, .atol = TG_ZERO}), TG_OK);
    assert_int_equal(checked(x, off_by, 0, (tg_gradcheck_options){.eps = TG_ZERO}), TG_ERR_ARG); /* there is no difference over 0 */
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_or_usual),
        cmocka_unit_test(test_optimizers),
        cmocka_unit_test(test_loader),
        cmocka_unit_test(test_gradcheck),
    };
    return cmocka_run_group_tests_name("zero_options", tests, NULL, NULL);
}
