/* test_gradcheck_functions.c - tg_gradcheck of functions: of several inputs, that give an input back, that cannot be checked; and called
 * wrongly. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <tapegrad.h>

#include <tgmath.h>

#include "quiet.h"
#include "gradcheck_test.h"

/* ---- functions of several inputs ------------------------------------------------------------------------------ */

static tg_tensor *blend(void *ctx, tg_tensor *const *in) /* in[2] is an index, in[3] an f64 constant */
{
    (void)ctx;
    return tg_add(tg_mul(tg_exp(in[0]), tg_index_select(in[1], 0, in[2])), in[3]);
}

static tg_tensor *detached(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    return tg_add(tg_detach(tg_square(in[0])), in[0]);
}

static tg_tensor *flat(void *ctx, tg_tensor *const *in)
{
    (void)ctx;
    return tg_sign(in[0]);
}

static tg_tensor *large_offset(void *ctx, tg_tensor *const *in) /* slope 1 on top of 1e9: differences lose ten digits */
{
    (void)ctx;
    return tg_add_s(in[0], 1e9);
}

static void test_several_inputs(void **state)
{
    tg_tape            *t     = open_tape(state);
    const int64_t       at[3] = {2, 0, 2};
    tg_tensor          *in[4] = {input(t, TG_SHAPE(3, 1)), input(t, TG_SHAPE(4, 2)), tg_from_i64(t, TG_SHAPE(3), at),
                                 tg_uniform(t, TG_SHAPE(2), 0, 1)};
    tg_gradcheck_report r;
    assert_int_equal(tg_gradcheck(blend, NULL, in, 4, &(tg_gradcheck_options){.order = 2}, &r), TG_OK);
    assert_true(r.ok);
    assert_non_null(strstr(r.text, "agree"));

    /* one that is larger than what is looked at one by one, beside one that is not */
    tg_tensor *big[4] = {input(t, TG_SHAPE(100, 1)), input(t, TG_SHAPE(4, 3)),
                         tg_from_data(t, TG_I64, TG_SHAPE(1), &(int64_t){3}), tg_scalar(t, 1)};
    assert_int_equal(tg_gradcheck(blend, NULL, big, 4, &(tg_gradcheck_options){.order = 2}, &r), TG_OK);
}

static void test_special_functions(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = input(t, TG_SHAPE(2, 3)), *none = input(t, TG_SHAPE(0, 3)), *one = input(t, TG_SCALAR_SHAPE);
    tg_gradcheck_report        r;
    const tg_gradcheck_options both = {.order = 2};
    assert_int_equal(tg_gradcheck(detached, NULL, &x, 1, NULL, &r), TG_ERR_GRAD);
    assert_true(r.analytic != 0 && r.relative_error > 0.01);
    assert_int_equal(tg_gradcheck(flat, NULL, &x, 1, &both, &r), TG_OK);
    assert_true(r.analytic == 0 && r.numeric == 0 && r.relative_error == 0);
    assert_int_equal(tg_gradcheck(large_offset, NULL, &x, 1, &both, &r), TG_OK);
    assert_int_equal(tg_gradcheck(itself, NULL, &x, 1, &both, &r), TG_OK);
    assert_int_equal(tg_gradcheck(itself, NULL, &none, 1, &both, &r), TG_OK);
    assert_non_null(strstr(r.text, "no element"));
    assert_int_equal(tg_gradcheck(itself, NULL, &one, 1, &both, &r), TG_OK);
}

static void test_report_may_be_null(void **state)
{
    tg_tape   *t = open_tape(state);
    tg_tensor *x = input(t, TG_SHAPE(2, 3));
    assert_int_equal(tg_gradcheck(itself, NULL, &x, 1, NULL, NULL), TG_OK);
    assert_int_equal(tg_gradcheck(detached, NULL, &x, 1, NULL, NULL), TG_ERR_GRAD);
}

/* ---- functions that cannot be checked ------------------------------------------------------------------------- */

typedef struct odd {
    int      calls;
    int      kind;
    tg_tape *tape, *other;
} odd;

enum { RETURNS_NULL, OTHER_SHAPE, NOT_REPEATABLE, NOT_FINITE, INFINITE_NEARBY, SINGLE, OTHER_TAPE, RESETS, STALE };

static tg_tensor *odd_function(void *ctx, tg_tensor *const *in)
{
    odd *o = ctx;
    o->calls++;
    switch (o->kind) {
    case RETURNS_NULL: return NULL;
    case OTHER_SHAPE: return o->calls == 1 ? in[0] : tg_sum_all(in[0]);
    case NOT_REPEATABLE: return tg_add_s(in[0], 1e-9 * o->calls);
    case NOT_FINITE: return tg_log(tg_mul_s(in[0], -1));
    case INFINITE_NEARBY: return tg_log(tg_sub_s(in[0], 1.0001 - 1e-9)); /* finite at 1.0001, nan 1e-8 below */
    case SINGLE: return tg_to(in[0], TG_F32);
    case OTHER_TAPE: return tg_ones(o->other, TG_SHAPE(2));
    case RESETS: tg_reset(o->tape); return in[0];
    default: return o->calls < 2 ? in[0] : (tg_tensor *)NULL;
    }
}

static void test_odd_functions(void **state)
{
    tg_tape *t     = open_tape(state);
    tg_tape *other = tg_tape_new(&(tg_tape_options){.dtype = TG_F64, .silent = true});
    const struct {
        int         kind;
        tg_status   status;
        const char *says;
    } cases[] = {{RETURNS_NULL, TG_ERR_NULL, "NULL"},
                 {OTHER_SHAPE, TG_ERR_SHAPE, "[2] at first and [] in a later call"},
                 {NOT_REPEATABLE, TG_ERR_ARG, "not repeatable"},
                 {NOT_FINITE, TG_ERR_ARG, "nan at the inputs"},
                 {INFINITE_NEARBY, TG_ERR_ARG, "near the inputs"},
                 {SINGLE, TG_ERR_DTYPE, "float32"},
                 {OTHER_TAPE, TG_ERR_TAPE, "another tape"},
                 {STALE, TG_ERR_NULL, "NULL"},
                 {RESETS, TG_ERR_ARG, "tg_reset: called from inside the function under tg_gradcheck"}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        odd                 o = {.kind = cases[k].kind, .tape = t, .other = other};
        tg_tensor          *x = tg_set_requires_grad(tg_from_f64(t, TG_SHAPE(2), (double[]){1.0001, 2}), true);
        tg_gradcheck_report r;
        const tg_status     s = tg_gradcheck(odd_function, &o, &x, 1, NULL, &r);
        if (s != cases[k].status || !strstr(r.text, cases[k].says))
            fail_msg("case %d: %d, %s", cases[k].kind, s, r.text);
        assert_false(r.ok);
        assert_string_equal(tg_error(t), r.text);
        tg_clear_error(t);
    }
    tg_tape_free(other);
}

static void test_misuse(void **state)
{
    tg_tape            *t = open_tape(state), *other = tg_tape_new(&(tg_tape_options){.dtype = TG_F64, .silent = true});
    tg_tensor          *x = input(t, TG_SHAPE(2)), *mixed[2] = {x, input(other, TG_SHAPE(2))}, *hole[2] = {x, NULL};
    tg_tensor          *plain = tg_ones(t, TG_SHAPE(2)), *single = tg_set_requires_grad(tg_full(t, TG_F32, TG_SHAPE(2), 1), true);
    tg_tensor          *bad = tg_set_requires_grad(tg_full(t, TG_F64, TG_SHAPE(2), NAN), true);
    tg_gradcheck_report r;
    assert_int_equal(tg_gradcheck(NULL, NULL, &x, 1, NULL, &r), TG_ERR_NULL);
    assert_int_equal(tg_gradcheck(itself, NULL, NULL, 1, NULL, &r), TG_ERR_NULL);
    assert_int_equal(tg_gradcheck(itself, NULL, &x, 0, NULL, &r), TG_ERR_NULL);
    assert_int_equal(tg_gradcheck(itself, NULL, &x, -1, NULL, &r), TG_ERR_NULL);
    assert_int_equal(tg_gradcheck(itself, NULL, hole, 2, NULL, &r), TG_ERR_NULL);
    assert_false(r.ok);
    assert_int_equal(tg_gradcheck(itself, NULL, mixed, 2, NULL, &r), TG_ERR_TAPE);
    assert_int_equal(tg_gradcheck(itself, NULL, &plain, 1, NULL, &r), TG_ERR_ARG);
    assert_int_equal(tg_gradcheck(itself, NULL, &single, 1, NULL, &r), TG_ERR_DTYPE);
    tg_clear_error(t);
    assert_int_equal(tg_gradcheck(itself, NULL, (tg_tensor *[]){x, single}, 2, NULL, &r), TG_ERR_DTYPE);
    assert_non_null(strstr(r.text, "input 1 is float32 and requires grad"));
    assert_int_equal(tg_gradcheck(itself, NULL, &bad, 1, NULL, &r), TG_ERR_ARG);
    const tg_gradcheck_options bad_options[] = {{.eps = -1},   {.eps = NAN},       {.eps = 2},
                                                {.rtol = -1},  {.atol = NAN},      {.order = 3},
                                                {.order = -1}, {.directions = -1}, {.directions = 65}};
    for (size_t k = 0; k < sizeof bad_options / sizeof *bad_options; k++)
        assert_int_equal(tg_gradcheck(itself, NULL, &x, 1, &bad_options[k], &r), TG_ERR_ARG);
    tg_reset(t);
    assert_int_equal(tg_gradcheck(itself, NULL, &x, 1, NULL, &r), TG_ERR_STALE);
    tg_tape_free(other);
}

#define TEST(f) cmocka_unit_test_teardown(f, close_tape)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_several_inputs),
        TEST(test_special_functions),
        TEST(test_report_may_be_null),
        TEST(test_odd_functions),
        TEST(test_misuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
