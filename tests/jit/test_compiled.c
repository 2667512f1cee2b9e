/* test_compiled.c - machine code for loops changes nothing but the time: the same bits in values, gradients and trained parameters whether
 * a program is compiled at once, when it has run a few times, or never, on one thread or two; at sizes that make tiles of many rows, of
 * one row, of pieces of rows, and results that are written around the caches. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tapegrad.h>
#include <tapegrad_op.h>

#include "ops/ops.h"

typedef struct model {
    const char *name;
    tg_dtype    dtype;
    int64_t     rows, cols;
    tg_tensor *(*loss)(tg_tensor *x, tg_tensor *row, tg_tensor *column);
} model;

/* ---- graphs --------------------------------------------------------------------------------------------------------- */

static tg_tensor *total(tg_tensor *y) { return tg_mean(tg_mul(y, tg_sin(y)), TG_ALL_AXES, false); }

static tg_tensor *layer_norm(tg_tensor *x, tg_tensor *row, tg_tensor *column)
{
    return total(tg_add(tg_layer_norm(x, 1, row, row, 1e-5), column));
}
static tg_tensor *softmax(tg_tensor *x, tg_tensor *row, tg_tensor *column)
{
    return total(tg_mul(tg_softmax(tg_add(x, row), -1), column));
}
static tg_tensor *chain(tg_tensor *x, tg_tensor *row, tg_tensor *column)
{
    tg_tensor *y = tg_tanh(tg_add(tg_mul(x, row), column));
    return total(tg_sub(tg_mul(y, tg_sigmoid(x)), tg_exp(tg_neg(tg_square(x)))));
}
static tg_tensor *selected(tg_tensor *x, tg_tensor *row, tg_tensor *column)
{
    tg_tensor *y = tg_where(tg_gt(x, row), tg_mul(x, column), tg_maximum(tg_abs(x), row));
    y = tg_add(tg_where(tg_lt(y, column), tg_relu(y), tg_leaky_relu(x, 0.1)), tg_minimum(x, column));
    return total(tg_div(y, tg_add_s(tg_square(row), 1)));
}
/* Beyond what slopes can be read from the result for: here and there, and in four gates whose arguments are slices. */
static tg_tensor *saturated(tg_tensor *x, tg_tensor *row, tg_tensor *column)
{
    tg_tensor *y = tg_tanh(tg_add(tg_mul(tg_mul_s(x, 2), row), column));
    return total(tg_mul(y, tg_sub(tg_sigmoid(tg_mul_s(x, 4)), tg_tanh(x))));
}
static tg_tensor *gates(tg_tensor *x, tg_tensor *row, tg_tensor *column)
{
    tg_tensor *part[4], *c = tg_mul_s(column, 0.5);
    tg_split(tg_mul(tg_mul_s(x, 3), row), 1, NULL, 4, part);
    for (int i = 0; i < 3; i++) {
        c = tg_add(tg_mul(tg_sigmoid(part[1]), c), tg_mul(tg_sigmoid(part[0]), tg_tanh(part[2])));
        c = tg_mul(tg_sigmoid(part[3]), tg_tanh(c));
    }
    return total(c);
}
static tg_tensor *rows_reduced(tg_tensor *x, tg_tensor *row, tg_tensor *column)
{
    tg_tensor *y = tg_add(tg_sum(x, TG_AXES(0), false), tg_amax(x, TG_AXES(0), false));
    return tg_add(total(tg_mul(y, row)), total(column));
}
/* Reduced over the first axis and spread over it again: tiles are all rows of some columns. */
static tg_tensor *columns_softmax(tg_tensor *x, tg_tensor *row, tg_tensor *column)
{
    tg_tensor *y = tg_softmax(tg_mul(x, row), 0);
    return tg_add(total(tg_mul(y, column)), total(tg_sum(tg_mul(y, y), TG_AXES(1), false)));
}
static tg_tensor *columns_normalised(tg_tensor *x, tg_tensor *row, tg_tensor *column)
{
    tg_tensor *y = tg_sub(x, tg_mean(x, TG_AXES(0), true));
    y = tg_mul(y, tg_rsqrt(tg_add_s(tg_mean(tg_square(y), TG_AXES(0), true), 1e-3)));
    return total(tg_tanh(tg_add(tg_mul(y, row), column)));
}
/* The same of the middle axis of three, whose last one is reduced in shorter rows as well. */
static tg_tensor *middle_softmax(tg_tensor *x, tg_tensor *row, tg_tensor *column)
{
    tg_tensor *z = tg_add(tg_mul(x, row), column), *y = tg_reshape(z, TG_SHAPE(2, tg_dim(x, 0) / 4, 2, tg_dim(x, 1)));
    y = tg_log_softmax(y, 1);
    return total(tg_mul(tg_sum(y, TG_AXES(2), true), tg_slice(tg_sigmoid(y), 2, 0, 1, 1)));
}
static tg_tensor *both_softmaxes(tg_tensor *x, tg_tensor *row, tg_tensor *column)
{
    return total(tg_mul(tg_softmax(tg_mul(x, row), 0), tg_softmax(tg_add(x, column), 1)));
}
/* Operands whose neighbours lie one below the other, among others. */
static tg_tensor *turned(tg_tensor *x, tg_tensor *row, tg_tensor *column)
{
    tg_tensor *y = tg_transpose(x, 0, 1), *scale = tg_reshape(row, TG_SHAPE(tg_dim(x, 1), 1)), *shift = tg_transpose(column, 0, 1);
    y = tg_add(tg_mul(tg_tanh(y), scale), shift);
    return tg_add(total(tg_mul(y, tg_transpose(tg_exp(tg_neg(tg_square(x))), 0, 1))), total(tg_softmax(y, -1)));
}
static tg_tensor *turned_columns(tg_tensor *x, tg_tensor *row, tg_tensor *column)
{
    return total(tg_tanh(tg_softmax(tg_transpose(tg_add(tg_mul(x, row), column), 0, 1), 0)));
}
/* Of a row that only strides repeat. */
static tg_tensor *repeated(tg_tensor *x, tg_tensor *row, tg_tensor *column)
{
    tg_tensor *rows = tg_expand(row, TG_SHAPE(tg_dim(x, 0), tg_dim(x, 1)));
    return tg_add(total(tg_mul(tg_sum(rows, TG_AXES(0), false), row)), tg_add(total(x), total(column)));
}
/* Long, so that large results go around the caches, and wide, so that the registers do not suffice for all of it. */
static tg_tensor *crowd(tg_tensor *x, tg_tensor *row, tg_tensor *column)
{
    tg_tensor *part[24], *y = tg_mul(x, row);
    for (int i = 0; i < 24; i++) part[i] = tg_mul(i % 3 ? x : y, tg_add_s(i % 2 ? row : column, i));
    for (int i = 0; i < 24; i++) y = tg_add(tg_mul(y, tg_sub(part[i], part[23 - i])), tg_mul_s(x, 0.5));
    return total(tg_tanh(y));
}

static const model models[] = {
    {"layer_norm, short rows", TG_F32, 300, 40, layer_norm},  {"layer_norm, a row a tile", TG_F32, 61, 1024, layer_norm},
    {"layer_norm, ragged", TG_F32, 70, 777, layer_norm},      {"layer_norm, f64", TG_F64, 45, 600, layer_norm},
    {"softmax, tiny rows", TG_F32, 500, 3, softmax},          {"softmax", TG_F32, 65, 1000, softmax},
    {"softmax, long rows", TG_F32, 5, 7001, softmax},         {"softmax, f64", TG_F64, 33, 100, softmax},
    {"chain", TG_F32, 50, 130, chain},                        {"chain, pieces of rows", TG_F32, 9, 9001, chain},
    {"chain, around the caches", TG_F32, 2200, 1024, chain},  {"chain, around, unaligned", TG_F32, 2200, 1001, chain},
    {"softmax, around, two rows a tile", TG_F32, 2100, 1000, softmax},
    {"chain, f64", TG_F64, 20, 130, chain},                   {"selected", TG_F32, 40, 200, selected},
    {"selected, f64", TG_F64, 40, 200, selected},             {"selected, one column", TG_F32, 4000, 1, selected},
    {"rows reduced", TG_F32, 203, 3001, rows_reduced},        {"rows reduced, f64", TG_F64, 203, 1500, rows_reduced},
    {"rows reduced, short", TG_F32, 3000, 7, rows_reduced},   {"rows reduced, two", TG_F32, 2, 8192, rows_reduced},
    {"a row repeated and summed", TG_F32, 203, 3001, repeated},
    {"saturated", TG_F32, 50, 130, saturated},                {"saturated, pieces of rows", TG_F32, 9, 9001, saturated},
    {"saturated, f64", TG_F64, 70, 130, saturated},           {"saturated, one column", TG_F32, 4000, 1, saturated},
    {"gates", TG_F32, 32, 512, gates},                        {"gates, f64", TG_F64, 33, 148, gates},
    {"gates, many", TG_F32, 300, 60, gates},
    {"columns' softmax", TG_F32, 203, 300, columns_softmax},  {"columns' softmax, f64", TG_F64, 150, 129, columns_softmax},
    {"columns' softmax, two", TG_F32, 2, 9000, columns_softmax}, {"columns' softmax, one band", TG_F32, 70, 64, columns_softmax},
    {"columns' softmax, around", TG_F32, 2200, 1024, columns_softmax},
    {"columns' softmax, around, unaligned", TG_F32, 2200, 1001, columns_softmax},
    {"columns normalised", TG_F32, 130, 513, columns_normalised},
    {"columns normalised, f64", TG_F64, 1000, 40, columns_normalised},
    {"the middle's softmax", TG_F32, 404, 96, middle_softmax}, {"the middle's softmax, f64", TG_F64, 16, 1400, middle_softmax},
    {"the middle's softmax, small", TG_F32, 12, 5, middle_softmax},
    {"both softmaxes", TG_F32, 60, 100, both_softmaxes},      {"both softmaxes, large", TG_F32, 200, 300, both_softmaxes},
    {"turned", TG_F32, 203, 310, turned},                     {"turned, f64", TG_F64, 45, 600, turned},
    {"turned, few rows", TG_F32, 3, 5000, turned},            {"turned, around", TG_F32, 1001, 2200, turned},
    {"turned columns", TG_F32, 203, 310, turned_columns},     {"turned columns, f64", TG_F64, 129, 200, turned_columns},
    {"crowd", TG_F32, 30, 300, crowd},                        {"crowd, f64", TG_F64, 30, 300, crowd},
};

/* ---- runs ------------------------------------------------------------------------------------------------------------ */

enum { STEPS = 4 };

/* What came of it: losses, then parameters and their gradients. */
typedef struct outcome {
    char   *bytes;
    size_t  n;
    int64_t segments;
} outcome;

static void add_bytes(outcome *o, tg_tensor *t)
{
    const size_t n = (size_t)tg_numel(t) * tg_dtype_size(tg_dtype_of(t));
    o->bytes = realloc(o->bytes, o->n + n);
    assert_non_null(o->bytes);
    assert_int_equal(tg_copy_to(t, o->bytes + o->n, n), TG_OK);
    o->n += n;
}

static outcome run(const model *m, const char *compile, int threads)
{
    outcome    o = {0};
    tg_tape   *t = tg_tape_new(&(tg_tape_options){.seed = 5, .dtype = m->dtype, .compile = compile, .threads = threads});
    tg_tensor *x = tg_param(t, "x", tg_randn(t, TG_SHAPE(m->rows, m->cols)));
    tg_tensor *row = tg_param(t, "row", tg_randn(t, TG_SHAPE(m->cols)));
    tg_tensor *column = tg_param(t, "column", tg_randn(t, TG_SHAPE(m->rows, 1)));
    tg_optim  *sgd = tg_sgd(t, &(tg_sgd_options){.lr = 0.01});
    assert_false(tg_reset(t));
    for (int step = 0; step < STEPS; step++) {
        tg_tensor *loss = m->loss(x, row, column);
        if (tg_backward(loss)) fail_msg("%s: %s", m->name, tg_error(t));
        add_bytes(&o, loss);
        add_bytes(&o, tg_grad_of(x));
        assert_false(tg_step(sgd));
        assert_false(tg_reset(t));
    }
    add_bytes(&o, row);
    add_bytes(&o, column);
    o.segments = tg_stats(t).segments_made;
    tg_tape_free(t);
    return o;
}

static void test_same_bits(void **state)
{
    static const char *const ways[] = {"never", "at once", "soon"};
    (void)state;
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        const model *m = &models[i];
        outcome      first = run(m, "never", 1);
        assert_int_equal(first.segments, 0);
        for (int way = 0; way < 3; way++)
            for (int threads = 1; threads <= 2; threads++) {
                outcome o = run(m, ways[way], threads);
                if (o.n != first.n || memcmp(o.bytes, first.bytes, o.n))
                    fail_msg("%s: other bits, compiled %s, %d threads", m->name, ways[way], threads);
                if (way == 0) assert_int_equal(o.segments, 0);
                free(o.bytes);
            }
        free(first.bytes);
    }
}

/* "soon" is the third time; a program that is compiled is not compiled again. */
static void test_when(void **state)
{
    (void)state;
    const outcome at_once = run(&models[0], "at once", 1), soon = run(&models[0], "soon", 1);
    assert_int_equal(at_once.segments > 0, soon.segments > 0);
    free(at_once.bytes);
    free(soon.bytes);
    tg_tape   *t = tg_tape_new(&(tg_tape_options){.compile = "soon"});
    tg_tensor *x = tg_keep(tg_rand(t, TG_SHAPE(100)));
    assert_false(tg_reset(t));
    for (int step = 0; step < 6; step++) {
        assert_true(tg_item(tg_sum(tg_relu(tg_add_s(tg_square(x), 1)), TG_ALL_AXES, false)) > 100);
        assert_int_equal(tg_stats(t).segments_made > 0, step >= 2 && at_once.segments > 0);
        assert_true(tg_stats(t).segments_made <= 1);
        assert_false(tg_reset(t));
    }
    tg_tape_free(t);
}

/* A product, a square that takes over its memory, powers that all wait in registers to be stored, and the product again, by a copy of a
 * copy. */
static void run_copies(const char *compile, int powers, outcome *o)
{
    enum { MOST = 40 };
    tg_tensor *result[MOST + 2];
    int        n = 0;
    tg_tape   *t = tg_tape_new(&(tg_tape_options){.seed = 5, .compile = compile});
    tg_tensor *a = tg_keep(tg_randn(t, TG_SHAPE(80, 80))), *x = tg_matmul(a, a), *copy = tg_copy(x);
    result[n++] = tg_square(x);
    for (int i = 0; i < powers && i < MOST; i++, n++) result[n] = tg_mul(a, i ? result[n - 1] : a);
    result[n++] = tg_copy(copy);
    assert_false(tg_eval(result, n));
    for (int i = 0; i < n; i++) add_bytes(o, result[i]);
    tg_tape_free(t);
}

static void test_copies(void **state)
{
    (void)state;
    for (int powers = 1; powers <= 40; powers++) {
        outcome never = {0}, once = {0};
        run_copies("never", powers, &never);
        run_copies("at once", powers, &once);
        if (never.n != once.n || memcmp(never.bytes, once.bytes, once.n)) fail_msg("%d powers: other bits", powers);
        free(never.bytes);
        free(once.bytes);
    }
}

int main(void)
{
    const char *evaluator = getenv("TAPEGRAD_EVAL");
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_bits), cmocka_unit_test(test_when), cmocka_unit_test(test_copies)};
    if (evaluator && strcmp(evaluator, "fused")) { /* compiles nothing */
        puts("[==========] 0 test(s) run.");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
