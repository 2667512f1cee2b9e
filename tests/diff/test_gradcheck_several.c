/* test_gradcheck_several.c - tg_gradcheck_several: functions of several results, with right and wrong rules for any of them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>
#include <tapegrad.h>
#include <tapegrad_op.h>

/* x [n,m]: the length of each row [n], and the rows divided by it [n,m]. What each of the two gradients is multiplied with, the
 * attribute, is 1 where the rule is right. */
typedef struct slips {
    double length, direction;
} slips;

static tg_status unit_infer(tg_call *c)
{
    const tg_shape *x = tg_shape_of(c->in[0]);
    if (x->rank != 2) return tg_fail(c, TG_ERR_SHAPE, "takes rows");
    c->shape           = (tg_shape){1, {x->dim[0]}};
    c->result[1].shape = *x;
    c->dtype = c->result[1].dtype = TG_F64;
    return TG_OK;
}

static tg_status unit_run(tg_call *c)
{
    const int64_t n = c->x[0].shape->dim[0], m = c->x[0].shape->dim[1];
    double       *length = c->y.data, *direction = c->result[1].y.data;
    for (int64_t i = 0; i < n; i++) {
        const double *x  = (const double *)c->x[0].data + i * m;
        double        ss = 0;
        for (int64_t j = 0; j < m; j++) ss += x[j] * x[j];
        length[i] = sqrt(ss);
        for (int64_t j = 0; j < m; j++) direction[i * m + j] = x[j] / length[i];
    }
    return TG_OK;
}

static tg_tensor *unit_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    const slips *s      = c->attr;
    tg_tensor   *length = tg_unsqueeze(c->out, 1), *u = c->result[1].out, *g1 = c->result[1].g, *dx = NULL;
    if (g) dx = tg_mul_s(tg_mul(tg_unsqueeze(g, 1), u), s->length);
    if (!g1) return dx;
    tg_tensor *along = tg_sum(tg_mul(g1, u), TG_AXES(1), true);
    tg_tensor *part  = tg_mul_s(tg_div(tg_sub(g1, tg_mul(u, along)), length), s->direction);
    return dx ? tg_add(dx, part) : part;
}

static const tg_op unit_op = {.name = "unit", .arity = 1, .results = 2, .infer = unit_infer, .run = unit_run, .vjp = unit_vjp};

static tg_status unit(void *ctx, tg_tensor *const *in, tg_tensor **out)
{
    out[0] = tg_record(&unit_op, in, 1, ctx, sizeof(slips));
    out[1] = tg_result(out[0], 1);
    return TG_OK;
}

static int open_tape(void **state)
{
    *state = tg_tape_new(&(tg_tape_options){.dtype = TG_F64, .silent = true});
    return *state ? 0 : -1;
}

static int close_tape(void **state)
{
    tg_tape_free(*state);
    return 0;
}

static tg_tensor *rows(tg_tape *t, int64_t n, int64_t m)
{
    return tg_set_requires_grad(tg_add_s(tg_rand(t, TG_SHAPE(n, m)), 0.5), true);
}

/* Each rule alone and both, in first and second derivatives, and small inputs as well as ones that are searched by halving. */
static void test_rules(void **state)
{
    tg_tape *t = *state;
    const struct {
        slips slips;
        bool  ok;
    } cases[] = {{{1, 1}, true}, {{1.001, 1}, false}, {{1, 0.999}, false}, {{1.01, 0.99}, false}, {{0, 1}, false}, {{1, 0}, false}};
    for (int order = 1; order <= 2; order++)
        for (int size = 3; size <= 12; size += 9)
            for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
                tg_tensor          *x = rows(t, size, size);
                slips               s = cases[k].slips;
                tg_gradcheck_report r;
                const tg_status     told = tg_gradcheck_several(unit, &s, 2, &x, 1, &(tg_gradcheck_options){.order = order}, &r);
                if (told != (cases[k].ok ? TG_OK : TG_ERR_GRAD) || r.ok != cases[k].ok)
                    fail_msg("case %zu, order %d, size %d: %d, %s", k, order, size, told, r.text);
                if (!r.ok) {
                    assert_int_equal(r.order, 1);
                    assert_int_equal(r.input, 0);
                    assert_true(r.element >= 0 && r.element < size * size);
                    assert_non_null(strstr(tg_error(t), r.text));
                    tg_clear_error(t);
                }
                assert_null(tg_grad_of(x));
            }
}

/* Results that are of an op or not, that need no gradient, of several inputs and without elements. */
static tg_status assorted(void *ctx, tg_tensor *const *in, tg_tensor **out)
{
    (void)ctx;
    tg_tensor *place;
    out[0] = tg_max(in[0], 1, false, &place);
    out[1] = tg_mul(in[0], in[1]);
    out[2] = tg_ones_like(in[1]);
    out[3] = tg_slice(in[1], 0, 0, 0, 1);
    out[4] = tg_sum(tg_square(in[1]), TG_ALL_AXES, false);
    return place ? TG_OK : TG_ERR_MEMORY;
}

static void test_assorted_results(void **state)
{
    tg_tape            *t     = *state;
    tg_tensor          *in[2] = {rows(t, 3, 4), rows(t, 1, 4)};
    tg_gradcheck_report r;
    if (tg_gradcheck_several(assorted, NULL, 5, in, 2, &(tg_gradcheck_options){.order = 2}, &r)) fail_msg("%s", r.text);
    assert_true(r.ok);
}

/* ---- functions that are wrong themselves ------------------------------------------------------------------------- */

enum { ONE_MISSING, OTHER_SHAPE, NOT_REPEATABLE, NOT_FINITE, SINGLE, TELLS, MEETS_ERROR };

typedef struct odd {
    int kind, calls;
} odd;

static tg_status odd_function(void *ctx, tg_tensor *const *in, tg_tensor **out)
{
    odd *o = ctx;
    o->calls++;
    out[0] = in[0];
    out[1] = tg_exp(in[0]);
    switch (o->kind) {
    case ONE_MISSING: out[1] = NULL; break;
    case OTHER_SHAPE:
        if (o->calls > 1) out[1] = tg_sum_all(in[0]);
        break;
    case NOT_REPEATABLE: out[1] = tg_add_s(in[0], 1e-9 * o->calls); break;
    case NOT_FINITE: out[1] = tg_log(tg_sub(in[0], tg_from_f64(tg_tape_of(in[0]), TG_SHAPE(2), (double[]){0, 3}))); break;
    case SINGLE: out[1] = tg_to(in[0], TG_F32); break;
    case TELLS: return TG_ERR_IO;
    default: (void)tg_reshape(in[0], TG_SHAPE(3)); break;
    }
    return TG_OK;
}

static void test_odd_functions(void **state)
{
    tg_tape *t = *state;
    const struct {
        int         kind;
        tg_status   status;
        const char *says;
    } cases[] = {{ONE_MISSING, TG_ERR_NULL, "tg_gradcheck_several: f returned NULL as result 1"},
                 {OTHER_SHAPE, TG_ERR_SHAPE, "f returned [2] as result 1 at first and [] in a later call"},
                 {NOT_REPEATABLE, TG_ERR_ARG, "f is not repeatable: element 0 of 2 of result 1 differs between two calls"},
                 {NOT_FINITE, TG_ERR_ARG, "f is nan at the inputs, in element 1 of 2 of result 1"},
                 {SINGLE, TG_ERR_DTYPE, "f returned float32 as result 1; it must return float64"},
                 {TELLS, TG_ERR_IO, ""},
                 {MEETS_ERROR, TG_ERR_SHAPE, "tg_gradcheck_several: tg_reshape: "}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        odd                 o = {.kind = cases[k].kind};
        tg_tensor          *x = tg_set_requires_grad(tg_from_f64(t, TG_SHAPE(2), (double[]){1.0001, 2}), true);
        tg_gradcheck_report r;
        const tg_status     s = tg_gradcheck_several(odd_function, &o, 2, &x, 1, NULL, &r);
        if (s != cases[k].status || !strstr(r.text, cases[k].says) || r.text[0] == 0) fail_msg("case %zu: %d, %s", k, s, r.text);
        assert_false(r.ok);
        tg_clear_error(t);
    }
}

static void test_misuse(void **state)
{
    tg_tape            *t = *state;
    tg_tensor          *x = rows(t, 2, 2);
    slips               s = {1, 1};
    tg_gradcheck_report r;
    assert_int_equal(tg_gradcheck_several(NULL, NULL, 2, &x, 1, NULL, &r), TG_ERR_NULL);
    assert_string_equal(tg_error(t), "tg_gradcheck_several: f is NULL");
    tg_clear_error(t);
    assert_int_equal(tg_gradcheck_several(unit, &s, 0, &x, 1, NULL, &r), TG_ERR_ARG);
    assert_string_equal(tg_error(t), "tg_gradcheck_several: outputs must be at least 1, not 0");
    tg_clear_error(t);
    assert_int_equal(tg_gradcheck_several(unit, &s, 2, NULL, 1, NULL, &r), TG_ERR_NULL);
    assert_int_equal(tg_gradcheck_several(unit, &s, 2, &x, 0, NULL, &r), TG_ERR_NULL);
    assert_int_equal(tg_gradcheck_several(unit, &s, 2, &x, 1, NULL, NULL), TG_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rules, open_tape, close_tape),
        cmocka_unit_test_setup_teardown(test_assorted_results, open_tape, close_tape),
        cmocka_unit_test_setup_teardown(test_odd_functions, open_tape, close_tape),
        cmocka_unit_test_setup_teardown(test_misuse, open_tape, close_tape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
