/* test_tests.c - tests of the tests: faults that are planted, each with a gradient that matches it, so that gradient
 * tests pass. The tests of values have to see them, and an op that nobody says the values of. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <tgmath.h>

#include "values.h"

#include "ops/ops.h"

/* ---- what is planted ----------------------------------------------------------------------------------------------
 */

static tg_tensor *softplus_tanh(tg_tensor *x) { return tg_tanh(tg_softplus(x)); }

/* x tanh(ln(1 + e^x)): t + x (1 - t^2) sigmoid(x) with t the tangent */
static tg_tensor *mish_vjp(const tg_call *c, int i, tg_tensor *g)
{
    tg_tensor *x = c->in[0], *t = softplus_tanh(x);
    (void)i;
    return tg_mul(g, tg_add(t, tg_mul(x, tg_mul(tg_rsub_s(1, tg_square(t)), tg_sigmoid(x)))));
}
static tg_tensor *twice_mish_vjp(const tg_call *c, int i, tg_tensor *g) { return mish_vjp(c, i, tg_mul_s(g, 2)); }
TG_POINTWISE_UNARY(own_mish, x *tanh(log1p(exp(x))), mish_vjp)
TG_POINTWISE_UNARY(twice_mish, 2 * x * tanh(log1p(exp(x))), twice_mish_vjp)

/* The elements of the last axis one further, the last one first: {0, 1, 2} becomes {2, 0, 1}. attr is how far. */
static tg_status roll_infer(tg_call *c)
{
    c->shape = *tg_shape_of(c->in[0]);
    c->dtype = tg_dtype_of(c->in[0]);
    return TG_OK;
}
static tg_status roll_run(tg_call *c)
{
    const tg_shape *s = c->y.shape;
    const int64_t   n = s->dim[s->rank - 1], by = *(const int64_t *)c->attr;
    const size_t    item = tg_dtype_size(c->y.dtype);
    int64_t         all;
    tg_shape_size(s, c->y.dtype, &all, NULL);
    for (int64_t e = 0; e < all; e++)
        memcpy((char *)c->y.data + (size_t)e * item,
               (const char *)c->x[0].data + (size_t)(e - e % n + (e % n + n - by) % n) * item, item);
    return TG_OK;
}
static tg_tensor *roll_vjp(const tg_call *c, int i, tg_tensor *g)
{
    const int64_t back = -*(const int64_t *)c->attr;
    (void)i;
    return tg_record(c->op, &g, 1, &back, sizeof back);
}
static const tg_op op_roll = {.name = "roll", .arity = 1, .infer = roll_infer, .run = roll_run, .vjp = roll_vjp};

/* A reduction to twice the sum, by the loops of both evaluators and in its rule, that is called an average. */
#define TWICE(S, T)                                                                                                    \
    static void twice_##S(size_t rows, size_t cols, void *out, const void *x, const void *attr, void *beside)          \
    {                                                                                                                  \
        (void)attr, (void)beside;                                                                                      \
        for (size_t r = 0; r < rows; r++) {                                                                            \
            ((T *)out)[r] = 0;                                                                                         \
            for (size_t c = 0; c < cols; c++) ((T *)out)[r] += 2 * ((const T *)x)[r * cols + c];                       \
        }                                                                                                              \
    }
TWICE(f32, float)
TWICE(f64, double)
static const tg_reduction twice = {.name = "twice",
                                   .loop = {[TG_F32] = {.columns = twice_f32}, [TG_F64] = {.columns = twice_f64}}};
static tg_status          twice_run(tg_call *c)
{
    const tg_shape *s = c->x[0].shape;
    twice.loop[c->y.dtype].columns((size_t)s->dim[0], (size_t)s->dim[1], c->y.data, c->x[0].data, NULL, NULL);
    return TG_OK;
}
static tg_tensor *twice_vjp(const tg_call *c, int i, tg_tensor *g) { return tg_mul_s(tg_op_sum.vjp(c, i, g), 2); }
static const tg_op op_twice = {.name   = "average",
                               .kind   = TG_REDUCE,
                               .arity  = 1,
                               .infer  = tg_reduce_infer,
                               .run    = twice_run,
                               .vjp    = twice_vjp,
                               .reduce = &twice};

/* ---- how they are called, and what they ought to be
 * ------------------------------------------------------------------ */

static tg_tensor *f_pointwise(void *ctx, tg_tensor *const *in)
{
    return tg_record(((const sample *)ctx)->op, in, 1, NULL, 0);
}
static tg_tensor *f_roll(void *ctx, tg_tensor *const *in)
{
    return tg_record(&op_roll, in, 1, &((const sample *)ctx)->step, sizeof(int64_t));
}
static tg_tensor *f_reduction(void *ctx, tg_tensor *const *in)
{
    return tg_reduce_bits(((const sample *)ctx)->op, in[0], 2, false);
}

static real formula_of_mish(real x, real y, real z)
{
    (void)y, (void)z;
    return x * tanhl(log1pl(expl(x)));
}

static void values_of_turned(values_call *c)
{
    const values_array *x = &c->in[0];
    const int64_t       n = x->shape.dim[x->shape.rank - 1];
    values_array       *y = values_result(c, x->dtype, &x->shape, false);
    for (int64_t e = 0; e < y->n; e++) y->x[e] = x->x[e % n == 0 ? e + n - 1 : e - 1];
}

static real step_of_average(real a, real x) { return a + x; }
static real result_of_average(real a, real n) { return a / n; }

static const values_fold average_fold = {0, step_of_average, NULL, result_of_average, VALUES_SAME};

static const values_row rows[] = {
    {"own_mish", formula_of_mish, NULL, NULL, 8, 0, NULL},
    {"twice_mish", formula_of_mish, NULL, NULL, 8, 0, NULL},
    {"roll", NULL, NULL, values_of_turned, 0, VALUES_FLOATS, NULL},
    {"average", NULL, NULL, NULL, 3, VALUES_FLOATS, &average_fold},
};
static const values_table table = {rows, (int)(sizeof rows / sizeof *rows), 0};

/* Its gradient agrees with its values. */
static void assert_gradient_passes(const sample *s)
{
    tg_tape            *t = tg_tape_new(&(tg_tape_options){.dtype = TG_F64, .silent = true});
    tg_gradcheck_report r;
    assert_non_null(t);
    tg_tensor *x = sample_leaf(t, s, 0, &s->in[0].shape, 1);
    if (tg_gradcheck(s->f, (void *)(uintptr_t)s, &x, 1, &(tg_gradcheck_options){.order = 2}, &r) != TG_OK)
        fail_msg("%s", r.text);
    tg_tape_free(t);
}

static const char *wrong(const sample *s, const tg_op *op, char text[VALUES_TEXT])
{
    sample            row = *s;
    const sample_list l   = {&row, 1, 1};
    return values_wrong(s->name, op, &l, table, text);
}

static void assert_seen(const sample *s, const tg_op *op, const char *beginning)
{
    char text[VALUES_TEXT];
    assert_gradient_passes(s);
    if (!wrong(s, op, text)) fail_msg("the fault in %s is not seen", s->name);
    assert_memory_equal(text, beginning, strlen(beginning));
}

static void assert_right(const sample *s, const tg_op *op)
{
    char text[VALUES_TEXT];
    assert_gradient_passes(s);
    if (wrong(s, op, text)) fail_msg("%s", text);
}

/* ---- tests
 * ------------------------------------------------------------------------------------------------------------ */

#define INPUT .in = {FLOATS(2, 3)}

static void test_formula(void **state)
{
    (void)state;
    assert_right(&(sample){.name = "own_mish", .f = f_pointwise, .op = &tg_op_own_mish, INPUT}, &tg_op_own_mish);
    assert_seen(&(sample){.name = "twice_mish", .f = f_pointwise, .op = &tg_op_twice_mish, INPUT}, &tg_op_twice_mish,
                "twice_mish of float32 [2,3], seed 0: element 0 of result 0 is ");
}

/* A kernel that moves elements the other way. */
static void test_kernel(void **state)
{
    (void)state;
    assert_right(&(sample){.name = "roll", .f = f_roll, .step = 1, INPUT}, &op_roll);
    assert_seen(&(sample){.name = "roll", .f = f_roll, .step = -1, INPUT}, &op_roll,
                "roll of float32 [2,3], seed 0: element 0 of result 0 is ");
}

/* A mean that does not divide, with the rule of a sum. */
static void test_reduction(void **state)
{
    tg_op average = tg_op_sum; /* lives as long as the tapes that are made below */
    (void)state;
    average.name = "average";
    assert_seen(&(sample){.name = "average", .f = f_reduction, .op = &average, .axes = AXES(1), INPUT}, &average,
                "average of float32 [2,3], seed 0: element 0 of result 0 is ");
    assert_seen(&(sample){.name = "average", .f = f_reduction, .op = &op_twice, .axes = AXES(1), INPUT}, &op_twice,
                "average of float32 [2,3], seed 0: element 0 of result 0 is ");
}

/* The shape and the dtype are looked at too. */
static void test_shape_and_dtype(void **state)
{
    sample s = {.name = "average", .f = f_reduction, .op = &tg_op_sum, .axes = AXES(0), INPUT};
    (void)state;
    char text[VALUES_TEXT];
    assert_non_null(wrong(&s, NULL, text));
    assert_string_equal(text, "average of float32 [2,3], seed 0: result 0 is float32 [2], not float32 [3]");
    s.op = &tg_op_argmax;
    assert_non_null(wrong(&s, NULL, text));
    assert_string_equal(text, "average of float32 [2,3], seed 0: result 0 is int64 [2], not float32 [3]");
}

static void test_nobody_says(void **state)
{
    const tg_op *const ops[]  = {&tg_op_own_mish, &op_roll};
    sample             both[] = {{.name = "own_mish", .f = f_pointwise, .op = &tg_op_own_mish, INPUT},
                                 {.name = "roll", .f = f_roll, INPUT}};
    char               text[VALUES_TEXT];
    (void)state;
    assert_null(values_missing(ops, 2, &(sample_list){both, 2, 2}, table, text));
    assert_non_null(values_missing(ops, 2, &(sample_list){both, 1, 1}, table, text));
    assert_string_equal(text, "the op roll has no samples");
    assert_non_null(values_missing(ops, 2, &(sample_list){both, 2, 2}, (values_table){rows, 1, 0}, text));
    assert_string_equal(text, "the op roll has no row in values.def");
    assert_non_null(values_missing(ops, 1, &(sample_list){both, 2, 2}, (values_table){rows, 1, 0}, text));
    assert_string_equal(text, "roll has samples and no row in values.def");
    assert_non_null(values_wrong("roll", &op_roll, &(sample_list){both, 1, 1}, table, text));
    assert_string_equal(text, "roll has no samples");

    /* a sample that does not call the op that it is a sample of */
    assert_non_null(values_wrong("own_mish", &op_roll, &(sample_list){both, 1, 1}, table, text));
    assert_string_equal(text, "no sample of own_mish records it");
}

static bool is_op(const char *name)
{
    for (int i = 0; i < tg_op_count(); i++)
        if (!strcmp(tg_op_at(i)->name, name)) return true;
    return false;
}

/* If any op, or function that has samples, were off by 0.05 %, it would be seen. */
static void test_small_errors(void **state)
{
    values_table v = values_all();
    sample_list  l = samples_all();
    char         text[VALUES_TEXT];
    (void)state;
    samples_create(&l);
    assert_true(l.n > 100);
    v.error = 5e-4L;
    for (int i = 0; i < tg_op_count(); i++)
        if (!values_wrong(tg_op_at(i)->name, tg_op_at(i), &l, v, text))
            fail_msg("an error in %s is not seen", tg_op_at(i)->name);
    for (int k = 0; k < l.n; k++)
        if (!is_op(l.row[k].name) && !values_wrong(l.row[k].name, NULL, &l, v, text))
            fail_msg("an error in %s is not seen", l.row[k].name);
    free(l.row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),         cmocka_unit_test(test_kernel),      cmocka_unit_test(test_reduction),
        cmocka_unit_test(test_shape_and_dtype), cmocka_unit_test(test_nobody_says), cmocka_unit_test(test_small_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
