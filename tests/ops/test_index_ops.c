/* test_index_ops.c - one_hot, gather, index_select, cross-entropy's label check and their gradients, against plain
 * loops. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <tapegrad.h>
#include <tapegrad_op.h>

#include "quiet.h"

/* Fails when it is recorded. */
static void assert_refused(tg_tape *t, const void *result, tg_status status, const char *sentence)
{
    assert_null(result);
    assert_int_equal(tg_error_status(t), status);
    assert_string_equal(tg_error(t), sentence);
    tg_clear_error(t);
}

/* Fails when it is computed. */
static void assert_fails(tg_tape *t, tg_tensor *y, const char *sentence)
{
    assert_non_null(y);
    assert_null(tg_data(y));
    assert_int_equal(tg_error_status(t), TG_ERR_INDEX);
    assert_memory_equal(tg_error(t), "tg_data: ", 9);
    assert_string_equal(tg_error(t) + 9, sentence);
    tg_clear_error(t);
}

static void assert_shape(tg_tensor *y, const tg_shape *want)
{
    char got_text[TG_SHAPE_TEXT], want_text[TG_SHAPE_TEXT];
    assert_non_null(y);
    tg_shape_text(tg_shape_of(y), got_text, sizeof got_text);
    tg_shape_text(want, want_text, sizeof want_text);
    assert_string_equal(got_text, want_text);
}

static tg_tensor *index32(tg_tape *t, const tg_shape *s, const int32_t *v) { return tg_from_data(t, TG_I32, s, v); }

static int64_t count(const tg_shape *s)
{
    int64_t n = 1;
    for (int k = 0; k < s->rank; k++) n *= s->dim[k];
    return n;
}

static void place(const tg_shape *s, int64_t number, int64_t *at)
{
    for (int k = s->rank; k-- > 0; number /= s->dim[k]) at[k] = number % s->dim[k];
}

static int64_t number_at(const tg_shape *s, const int64_t *at)
{
    int64_t n = 0;
    for (int k = 0; k < s->rank; k++) n = n * s->dim[k] + at[k];
    return n;
}

static uint64_t random_state = 20240229;

static int64_t draw(int64_t n) /* in 0 … n-1 */
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (int64_t)((random_state >> 33) % (uint64_t)n);
}

/* ---- one_hot ----------------------------------------------------------------------------------------------------- */

static void test_one_hot(void **state)
{
    tg_tape   *t = quiet(TG_F32), *d = quiet(TG_F64);
    tg_tensor *label = tg_from_i64(t, TG_SHAPE(2, 2), ((int64_t[]){0, 2, 1, 2})), *y = tg_one_hot(label, 3);
    (void)state;
    assert_shape(y, TG_SHAPE(2, 2, 3));
    assert_memory_equal(tg_data_f32(y), ((float[]){1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1}), 48);
    assert_false(tg_requires_grad(y));
    y = tg_one_hot(index32(d, TG_SCALAR_SHAPE, (int32_t[]){1}), 2); /* in the tape's dtype */
    assert_shape(y, TG_SHAPE(2));
    assert_memory_equal(tg_data_f64(y), ((double[]){0, 1}), 16);
    assert_shape(tg_one_hot(tg_from_i64(t, TG_SHAPE(0), NULL), 5), TG_SHAPE(0, 5));
    assert_non_null(tg_data(tg_one_hot(tg_from_i64(t, TG_SHAPE(0), NULL), 0)));

    assert_fails(t, tg_one_hot(label, 2), "tg_one_hot: index 2 at [0,1] is outside 0 to 1 (input [2,2] int64)");
    assert_fails(t, tg_one_hot(tg_from_i64(t, TG_SHAPE(2), ((int64_t[]){0, -1})), 2),
                 "tg_one_hot: index -1 at [1] is outside 0 to 1 (input [2] int64)");
    assert_fails(t, tg_one_hot(index32(t, TG_SCALAR_SHAPE, (int32_t[]){0}), 0),
                 "tg_one_hot: index 0 at []: there is nothing to index, the size is 0 (input [] int32)");
    assert_refused(t, tg_one_hot(label, -1), TG_ERR_ARG, "tg_one_hot: the number of classes is -1 (input [2,2] int64)");
    assert_refused(
        t, tg_one_hot(tg_zeros(t, TG_SHAPE(2)), 3), TG_ERR_DTYPE,
        "tg_one_hot: indices are int64 or int32, not float32; convert them with tg_to(index, TG_I64) (input [2] float32)");
    assert_refused(t, tg_one_hot(tg_arange(t, TG_I16, 2), 3), TG_ERR_DTYPE,
                   "tg_one_hot: indices are int64 or int32, not int16; convert them with tg_to(index, TG_I64) (input [2] int16)");
    assert_refused(t, tg_one_hot(tg_full(t, TG_I64, TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1), 0), 3), TG_ERR_SHAPE,
                   "tg_one_hot: the result would have more than 8 axes (input [1,1,1,1,1,1,1,1] int64)");
    tg_tape_free(d);
    tg_tape_free(t);
}

/* ---- gather ------------------------------------------------------------------------------------------------------ */

static void test_gather_by_hand(void **state)
{
    tg_tape   *t     = quiet(TG_F32);
    tg_tensor *x     = tg_reshape(tg_arange(t, TG_I64, 6), TG_SHAPE(2, 3));
    tg_tensor *index = tg_from_i64(t, TG_SHAPE(1, 3), ((int64_t[]){1, 0, 1}));
    tg_tensor *wide  = index32(t, TG_SHAPE(2, 4), (int32_t[]){2, 2, 0, 1, 0, 0, 0, 2});
    (void)state;
    assert_memory_equal(tg_data_i64(tg_gather(x, 0, index)), ((int64_t[]){3, 1, 5}), 24);
    assert_memory_equal(tg_data_i64(tg_gather(x, -1, wide)), ((int64_t[]){2, 2, 0, 1, 3, 3, 3, 5}), 64);
    tg_tensor *bytes = tg_to(x, TG_U8), *turned = tg_mT(tg_mT(bytes));
    assert_memory_equal(tg_data(tg_gather(turned, 0, index)), ((uint8_t[]){3, 1, 5}), 3);

    assert_fails(t, tg_gather(x, 0, wide = index32(t, TG_SHAPE(2, 1), (int32_t[]){1, 2})),
                 "tg_gather: index 2 at [1,0] is outside -2 to 1 (inputs [2,3] int64, [2,1] int32)");
    assert_refused(t, tg_gather(x, 0, tg_select(index, 0, 0)), TG_ERR_SHAPE,
                   "tg_gather: the index must have the input's rank and, on every axis but 0, at most its size "
                   "(inputs [2,3] int64, [3] int64)");
    assert_refused(t, tg_gather(x, 1, tg_full(t, TG_I64, TG_SHAPE(3, 1), 0)), TG_ERR_SHAPE,
                   "tg_gather: the index must have the input's rank and, on every axis but 1, at most its size "
                   "(inputs [2,3] int64, [3,1] int64)");
    assert_refused(t, tg_gather(x, 0, tg_zeros(t, TG_SHAPE(1, 3))), TG_ERR_DTYPE,
                   "tg_gather: indices are int64 or int32, not float32; convert them with tg_to(index, TG_I64) "
                   "(inputs [2,3] int64, [1,3] float32)");
    assert_refused(t, tg_gather(x, 2, index), TG_ERR_SHAPE,
                   "tg_gather: axis 2 is outside the 2 axes of the input [2,3]");
    assert_null(tg_gather(NULL, 0, index));
    assert_null(tg_gather(x, 0, NULL));
    assert_null(tg_error(t));
    tg_tape_free(t);
}

enum { MOST = 100000 };

/* y = gather(x, axis, index) and d sum(w y)/dx by loops; integers in doubles, so that every order of addition is exact.
 */
static void gather_case(tg_dtype index_dtype, const tg_shape *xs, const tg_shape *is, int axis)
{
    static double  x[MOST], w[MOST], want[MOST], slope[MOST];
    static int64_t index[MOST];
    const int64_t  nx = count(xs), ni = count(is);
    tg_tape       *t = quiet(TG_F64);
    memset(slope, 0, sizeof slope);
    for (int64_t k = 0; k < nx; k++) x[k] = (double)draw(1000);
    for (int64_t k = 0; k < ni; k++) {
        int64_t at[TG_MAX_RANK];
        index[k] = draw(xs->dim[axis]);
        w[k]     = (double)draw(100);
        place(is, k, at);
        at[axis] = index[k];
        want[k]  = x[number_at(xs, at)];
        slope[number_at(xs, at)] += w[k];
    }
    tg_tensor *a = tg_set_requires_grad(tg_from_f64(t, xs, x), true), *v = tg_from_f64(t, is, w), *back = NULL;
    tg_tensor *y = tg_gather(a, axis, tg_to(tg_from_i64(t, is, index), index_dtype));
    assert_shape(y, is);
    assert_memory_equal(tg_data_f64(y), want, (size_t)ni * sizeof *want);
    tg_set_requires_grad(v, true);
    tg_tensor *g = NULL;
    assert_int_equal(tg_grad(&y, &v, 1, &a, 1, true, &g), TG_OK);
    assert_memory_equal(tg_data_f64(g), slope, (size_t)nx * sizeof *slope);
    assert_int_equal(tg_grad(&g, &a, 1, &v, 1, false, &back), TG_OK); /* g = scatter(v): back to v goes gather(x) */
    assert_memory_equal(tg_data_f64(back), want, (size_t)ni * sizeof *want);
    tg_tape_free(t);
}

static void test_gather_many(void **state)
{
    (void)state;
    for (int round = 0; round < 300; round++) {
        tg_shape xs = {.rank = 1 + (int)draw(round % 10 ? 4 : TG_MAX_RANK)}, is = {.rank = xs.rank};
        int      axis = (int)draw(xs.rank);
        for (int k = 0; k < xs.rank; k++) {
            xs.dim[k] = xs.rank > 4 ? 1 + draw(2) : 1 + draw(5);
            is.dim[k] = k == axis ? draw(xs.rank > 4 ? 3 : 7) : draw(20) ? 1 + draw(xs.dim[k]) : 0;
        }
        gather_case(round % 2 ? TG_I32 : TG_I64, &xs, &is, axis);
    }
    for (int axis = 0; axis < 3; axis++) { /* more than one piece of work holds */
        tg_shape xs = {.rank = 3, .dim = {axis == 1 ? 3 : 100, axis == 1 ? 100 : 3, 300}}, is = xs;
        gather_case(TG_I64, &xs, &is, axis);
        is.dim[axis == 2 ? 0 : 2] = axis == 2 ? 77 : 290;
        gather_case(TG_I32, &xs, &is, axis);
        is.dim[axis] = 30;
        gather_case(TG_I64, &xs, &is, axis);
    }
}

/* ---- index_select ------------------------------------------------------------------------------------------------ */

static void index_select_case(tg_dtype dtype, const tg_shape *xs, int axis, int64_t n)
{
    static double  want[MOST], slope[MOST], x[MOST], w[MOST];
    static int64_t index[MOST];
    tg_shape       ys = *xs;
    tg_tape       *t  = quiet(dtype);
    ys.dim[axis]      = n;
    const int64_t nx = count(xs), ny = count(&ys);
    memset(slope, 0, sizeof slope);
    for (int64_t k = 0; k < nx; k++) x[k] = (double)draw(1000);
    for (int64_t k = 0; k < n; k++) index[k] = draw(xs->dim[axis]);
    for (int64_t k = 0; k < ny; k++) {
        int64_t at[TG_MAX_RANK];
        place(&ys, k, at);
        at[axis] = index[at[axis]];
        w[k]     = (double)draw(100);
        want[k]  = x[number_at(xs, at)];
        slope[number_at(xs, at)] += w[k];
    }
    tg_tensor *a = tg_set_requires_grad(tg_to(tg_from_f64(t, xs, x), dtype), true),
              *v = tg_set_requires_grad(tg_to(tg_from_f64(t, &ys, w), dtype), true);
    tg_tensor *g = NULL, *back = NULL, *y = tg_index_select(a, axis, tg_from_i64(t, TG_SHAPE(n), index));
    assert_shape(y, &ys);
    assert_int_equal(tg_grad(&y, &v, 1, &a, 1, true, &g), TG_OK);
    assert_int_equal(tg_grad(&g, &a, 1, &v, 1, false, &back), TG_OK);
    assert_memory_equal(tg_data_f64(tg_to(y, TG_F64)), want, (size_t)ny * sizeof *want);
    assert_memory_equal(tg_data_f64(tg_to(g, TG_F64)), slope, (size_t)nx * sizeof *slope);
    assert_memory_equal(tg_data_f64(tg_to(back, TG_F64)), want, (size_t)ny * sizeof *want);
    tg_tape_free(t);
}

static void test_index_select(void **state)
{
    tg_tape   *t     = quiet(TG_F32);
    tg_tensor *x     = tg_reshape(tg_arange(t, TG_I64, 6), TG_SHAPE(2, 3)),
              *index = tg_from_i64(t, TG_SHAPE(2), ((int64_t[]){2, 0}));
    (void)state;
    assert_memory_equal(tg_data_i64(tg_index_select(x, 1, index)), ((int64_t[]){2, 0, 5, 3}), 32);
    assert_memory_equal(tg_data_i64(tg_index_select(tg_mT(x), 0, index)), ((int64_t[]){2, 5, 0, 3}), 32);
    assert_fails(t, tg_index_select(x, 0, index),
                 "tg_index_select: index 2 at [0] is outside -2 to 1 (inputs [2,3] int64, [2] int64)");
    assert_refused(t, tg_index_select(x, 0, x), TG_ERR_SHAPE,
                   "tg_index_select: the index must have rank 1 (inputs [2,3] int64, [2,3] int64)");
    assert_refused(t, tg_index_select(tg_scalar(t, 1), 0, index), TG_ERR_SHAPE,
                   "tg_index_select: axis 0 is outside the 0 axes of the input []");
    tg_tape_free(t);
    for (int round = 0; round < 300; round++) {
        tg_shape xs   = {.rank = 1 + (int)draw(4)};
        int      axis = (int)draw(xs.rank);
        for (int k = 0; k < xs.rank; k++) xs.dim[k] = k == axis ? 1 + draw(5) : draw(6);
        index_select_case(round % 2 ? TG_F32 : TG_F64, &xs, axis, draw(6));
    }
}

/* Rows of a table that were never picked have a gradient of exactly zero, and those picked often one that adds up. */
static void test_embedding(void **state)
{
    tg_tape   *t     = quiet(TG_F32);
    tg_tensor *table = tg_set_requires_grad(tg_keep(tg_randn(t, TG_SHAPE(5, 2))), true);
    tg_tensor *words = tg_from_i64(t, TG_SHAPE(4), ((int64_t[]){3, 1, 3, 3}));
    (void)state;
    assert_int_equal(tg_backward(tg_sum(tg_index_select(table, 0, words), TG_ALL_AXES, false)), TG_OK);
    assert_memory_equal(tg_data_f32(tg_grad_of(table)), ((float[]){0, 0, 1, 1, 0, 0, 3, 3, 0, 0}), 40);
    tg_tape_free(t);
}

static void test_bad_label_stops_a_backward(void **state)
{
    tg_tape   *t     = quiet(TG_F32);
    tg_tensor *x     = tg_set_requires_grad(tg_keep(tg_ones(t, TG_SHAPE(2, 3))), true);
    tg_tensor *index = tg_from_i64(t, TG_SHAPE(2, 1), ((int64_t[]){0, 3}));
    (void)state;
    assert_int_equal(tg_backward(tg_sum(tg_gather(x, 1, index), TG_ALL_AXES, false)), TG_ERR_INDEX);
    assert_string_equal(tg_error(t),
                        "tg_backward: tg_gather: index 3 at [1,0] is outside -3 to 2 (inputs [2,3] float32, [2,1] int64)");
    assert_null(tg_grad_of(x));
    tg_clear_error(t);
    tg_reset(t);
    index = tg_from_i64(t, TG_SHAPE(2, 1), ((int64_t[]){0, 2})); /* and the tape goes on working */
    assert_int_equal(tg_backward(tg_sum(tg_gather(x, 1, index), TG_ALL_AXES, false)), TG_OK);
    assert_memory_equal(tg_data_f32(tg_grad_of(x)), ((float[]){1, 0, 0, 0, 0, 1}), 24);
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_hot),     cmocka_unit_test(test_gather_by_hand),
        cmocka_unit_test(test_gather_many), cmocka_unit_test(test_index_select),
        cmocka_unit_test(test_embedding),   cmocka_unit_test(test_bad_label_stops_a_backward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
