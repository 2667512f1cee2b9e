/* test_embedding.c - embedding, linear, masked_fill, tril, triu, split, stack, flatten: values and gradients by hand
 * and against plain loops, and what they refuse. */
#include "op_test.h"

static void test_embedding(void **state)
{
    enum { ROWS = 7, WIDTH = 5, PICKS = 12 };
    double   w[ROWS * WIDTH], g[PICKS * WIDTH], want[PICKS * WIDTH], slope[ROWS * WIDTH] = {0}, index[PICKS];
    uint64_t seed = 4;
    (void)state;
    for (int i = 0; i < ROWS * WIDTH; i++) w[i] = (double)draw(&seed, 100);
    for (int i = 0; i < PICKS * WIDTH; i++) g[i] = (double)draw(&seed, 100);
    for (int i = 0; i < PICKS; i++) index[i] = (double)draw(&seed, ROWS);
    for (int i = 0; i < PICKS * WIDTH; i++) {
        const int from = (int)index[i / WIDTH] * WIDTH + i % WIDTH;
        want[i]        = w[from];
        slope[from] += g[i];
    }
    for (tg_dtype d = TG_F32; d <= TG_F64; d++)
        for (tg_dtype id = TG_I64; id <= TG_I32; id++)
            for (layout l = PLAIN; l < N_LAYOUTS; l++) {
                tg_tape   *t      = quiet(TG_F32);
                tg_tensor *weight = tg_keep(laid(t, d, TG_SHAPE(ROWS, WIDTH), w, l)),
                          *i      = laid(t, id, TG_SHAPE(3, 4), index, l);
                tg_tensor *y      = tg_embedding(tg_set_requires_grad(weight, true), i),
                          *seeds  = laid(t, d, TG_SHAPE(3, 4, WIDTH), g, l), *dw;
                assert_values(y, d, TG_SHAPE(3, 4, WIDTH), want, 0);
                assert_int_equal(tg_grad(&y, &seeds, 1, &weight, 1, false, &dw), TG_OK);
                assert_values(dw, d, TG_SHAPE(ROWS, WIDTH), slope, 0);
                tg_tape_free(t);
            }

    tg_tape   *t      = quiet(TG_F32);
    tg_tensor *weight = tensor(t, TG_F32, TG_SHAPE(2, 2), (double[]){1, 2, 3, 4}),
              *one    = tensor(t, TG_I64, TG_SCALAR_SHAPE, (double[]){1});
    assert_values(tg_embedding(weight, one), TG_F32, TG_SHAPE(2), (double[]){3, 4}, 0);
    assert_values(tg_embedding(weight, tg_full(t, TG_I64, TG_SHAPE(0, 2), 0)), TG_F32, TG_SHAPE(0, 2, 2), NULL, 0);
    assert_error_when_read(t, tg_embedding(weight, tg_full(t, TG_I64, TG_SHAPE(2), 2)), TG_ERR_INDEX,
                           "tg_index_select: index 2 at [0] is outside -2 to 1");
    assert_values(tg_embedding(weight, tg_full(t, TG_I32, TG_SHAPE(1), -1)), TG_F32, TG_SHAPE(1, 2), (double[]){3, 4}, 0);
    assert_error_when_read(t, tg_embedding(weight, tg_full(t, TG_I32, TG_SHAPE(2), -3)), TG_ERR_INDEX,
                           "tg_index_select: index -3 at [0] is outside -2 to 1");
    assert_error(t, tg_embedding(tg_zeros(t, TG_SHAPE(3)), one), TG_ERR_SHAPE,
                 "tg_embedding: the weight is [3]; it has one row for each index, [rows, width]");
    assert_error(t, tg_embedding(weight, tg_full(t, TG_I64, TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1), 0)), TG_ERR_SHAPE,
                 "tg_embedding: the result would have more than 8 axes");
    assert_null(tg_embedding(weight, tg_zeros(t, TG_SHAPE(2))));
    assert_int_equal(tg_error_status(t), TG_ERR_DTYPE);
    tg_clear_error(t);
    assert_null(tg_embedding(NULL, one));
    assert_null(tg_embedding(weight, NULL));
    assert_null(tg_error(t));
    tg_tape_free(t);
}

static void test_linear(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tensor(t, TG_F64, TG_SHAPE(2, 1, 3), (double[]){1, 2, 3, 4, 5, 6});
    tg_tensor *w = tensor(t, TG_F64, TG_SHAPE(3, 2), (double[]){1, 0, 0, 1, 1, 1});
    (void)state;
    assert_f64(tg_linear(x, w, NULL), TG_SHAPE(2, 1, 2), 4, 5, 10, 11);
    assert_f64(tg_linear(x, w, VECTOR(t, 10, 20)), TG_SHAPE(2, 1, 2), 14, 25, 20, 31);
    assert_null(tg_linear(NULL, w, NULL));
    assert_null(tg_linear(x, NULL, VECTOR(t, 1, 2)));
    assert_null(tg_error(t));
    assert_null(tg_linear(w, x, NULL));
    assert_int_equal(tg_error_status(t), TG_ERR_SHAPE);
    tg_clear_error(t);
    assert_f64(tg_silu(VECTOR(t, 0, 40, -800)), TG_SHAPE(3), 0, 40, -0.0);
    assert_true(fabs(tg_item(tg_silu(tg_scalar(t, 1))) - 1 / (1 + exp(-1.0))) < 1e-15);
    tg_tape_free(t);
}

static void test_masked_fill(void **state)
{
    tg_tape   *t    = quiet(TG_F64);
    tg_tensor *x    = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(2, 3), (double[]){1, NAN, 3, 4, INFINITY, 6}), true);
    tg_tensor *mask = tensor(t, TG_BOOL, TG_SHAPE(3), (double[]){0, 1, 0}), *y = tg_masked_fill(x, mask, -INFINITY);
    (void)state;
    assert_f64(y, TG_SHAPE(2, 3), 1, -INFINITY, 3, 4, -INFINITY, 6);
    assert_f64(gradient(y, tensor(t, TG_F64, TG_SHAPE(2, 3), (double[]){1, 2, 3, 4, 5, 6}), x), TG_SHAPE(2, 3), 1, 0, 3,
               4, 0, 6);
    assert_values(tg_masked_fill(tg_arange(t, TG_I32, 3), mask, 7), TG_I32, TG_SHAPE(3), (double[]){0, 7, 2}, 0);
    assert_null(tg_masked_fill(x, tg_arange(t, TG_I64, 3), 0));
    assert_int_equal(tg_error_status(t), TG_ERR_DTYPE);
    tg_clear_error(t);
    assert_null(tg_masked_fill(NULL, mask, 0));
    assert_null(tg_masked_fill(x, NULL, 0));
    assert_null(tg_error(t));
    tg_tape_free(t);
}

static void test_triangles(void **state)
{
    static const tg_shape of[] = {{2, {4, 4}}, {2, {3, 5}}, {2, {5, 2}}, {3, {2, 3, 3}},
                                  {2, {1, 1}}, {2, {0, 3}}, {2, {3, 0}}};
    static double         x[MOST], lower[MOST], upper[MOST];
    tg_tape              *t = quiet(TG_F32);
    (void)state;
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        for (int64_t diagonal = -7; diagonal <= 7; diagonal++)
            for (layout l = PLAIN; l < N_LAYOUTS; l++) {
                const int64_t cols = of[i].dim[of[i].rank - 1], rows = of[i].dim[of[i].rank - 2];
                const int64_t k = diagonal == 7 ? INT64_MAX : diagonal == -7 ? INT64_MIN : diagonal;
                for (int64_t e = 0; e < count_of(&of[i]); e++) {
                    const int64_t row = e / cols % rows, col = e % cols;
                    x[e]     = e == 0 ? NAN : (double)e; /* what is not kept is 0, not 0 times it */
                    lower[e] = col - row <= k ? x[e] : 0;
                    upper[e] = col - row >= k ? x[e] : 0;
                }
                assert_values(tg_tril(laid(t, TG_F32, &of[i], x, l), k), TG_F32, &of[i], lower, 0);
                assert_values(tg_triu(laid(t, TG_F32, &of[i], x, l), k), TG_F32, &of[i], upper, 0);
                tg_reset(t);
            }
    assert_values(tg_tril(tg_full(t, TG_BOOL, TG_SHAPE(2, 2), 1), 0), TG_BOOL, TG_SHAPE(2, 2), (double[]){1, 0, 1, 1},
                  0);
    assert_error(t, tg_tril(tg_zeros(t, TG_SHAPE(3)), 0), TG_ERR_SHAPE, "tg_tril: takes at least 2 dimensions, not 1");
    assert_error(t, tg_triu(tg_scalar(t, 1), 0), TG_ERR_SHAPE, "tg_triu: takes at least 2 dimensions, not 0");
    assert_null(tg_tril(NULL, 0));
    assert_null(tg_triu(NULL, 0));
    assert_null(tg_error(t));
    tg_tape_free(t);
}

static void test_split(void **state)
{
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *x = tg_reshape(tg_arange(t, TG_I64, 12), TG_SHAPE(2, 6)), *part[7];
    (void)state;
    assert_int_equal(tg_split(x, -1, (int64_t[]){1, 0, 3, 2}, 4, part), TG_OK);
    assert_values(part[0], TG_I64, TG_SHAPE(2, 1), (double[]){0, 6}, 0);
    assert_values(part[1], TG_I64, TG_SHAPE(2, 0), NULL, 0);
    assert_values(part[2], TG_I64, TG_SHAPE(2, 3), (double[]){1, 2, 3, 7, 8, 9}, 0);
    assert_values(part[3], TG_I64, TG_SHAPE(2, 2), (double[]){4, 5, 10, 11}, 0);
    assert_int_equal(tg_split(x, 1, NULL, 3, part), TG_OK);
    for (int i = 0; i < 3; i++)
        assert_values(part[i], TG_I64, TG_SHAPE(2, 2), (double[]){2 * i, 2 * i + 1, 2 * i + 6, 2 * i + 7}, 0);
    assert_int_equal(tg_split(x, 0, NULL, 1, part), TG_OK);
    assert_int_equal(tg_numel(part[0]), 12);

#define REFUSED(STATUS, SENTENCE, ...)                                                                                 \
    do {                                                                                                               \
        for (int i = 0; i < 7; i++) part[i] = x;                                                                       \
        assert_int_equal(tg_split(__VA_ARGS__, part), STATUS);                                                         \
        assert_error(t, part[0], STATUS, SENTENCE);                                                                    \
    } while (0)
    REFUSED(TG_ERR_SHAPE, "tg_split: 4 equal parts do not make up the 6 of axis 1", x, 1, NULL, 4);
    REFUSED(TG_ERR_SHAPE, "tg_split: the sizes of the parts do not add up to the 6 of axis 1", x, 1,
            ((int64_t[]){2, 3}), 2);
    REFUSED(TG_ERR_SHAPE, "tg_split: the sizes of the parts do not add up to the 6 of axis 1", x, 1,
            ((int64_t[]){INT64_MAX, INT64_MAX, 8}), 3);
    REFUSED(TG_ERR_SHAPE, "tg_split: the size of part 1 is -1", x, 1, ((int64_t[]){7, -1}), 2);
    REFUSED(TG_ERR_SHAPE, "tg_split: axis 2 is outside the 2 axes of the input [2,6]", x, 2, NULL, 2);
    assert_int_equal(tg_split(x, 0, NULL, 0, part), TG_ERR_ARG);
    tg_clear_error(t);
    assert_int_equal(tg_split(x, 0, NULL, 2, NULL), TG_ERR_NULL);
    tg_clear_error(t);
    part[0] = x;
    assert_int_equal(tg_split(NULL, 0, NULL, 1, part), TG_ERR_NULL);
    assert_null(part[0]);
    assert_null(tg_error(t));
    tg_tape_free(t);
}

static void test_stack_and_flatten(void **state)
{
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *a = tensor(t, TG_F32, TG_SHAPE(2, 3), (double[]){1, 2, 3, 4, 5, 6}), *b = tg_neg(a), *x;
    (void)state;
    assert_values(tg_stack((tg_tensor *[]){a, b}, 2, 0), TG_F32, TG_SHAPE(2, 2, 3),
                  (double[]){1, 2, 3, 4, 5, 6, -1, -2, -3, -4, -5, -6}, 0);
    assert_values(tg_stack((tg_tensor *[]){a, b}, 2, 1), TG_F32, TG_SHAPE(2, 2, 3),
                  (double[]){1, 2, 3, -1, -2, -3, 4, 5, 6, -4, -5, -6}, 0);
    assert_values(tg_stack((tg_tensor *[]){a, b}, 2, -1), TG_F32, TG_SHAPE(2, 3, 2),
                  (double[]){1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6, -6}, 0);
    assert_values(tg_stack(&a, 1, 0), TG_F32, TG_SHAPE(1, 2, 3), (double[]){1, 2, 3, 4, 5, 6}, 0);
    assert_null(tg_stack((tg_tensor *[]){a, NULL}, 2, 0));
    assert_null(tg_stack(NULL, 2, 0));
    assert_null(tg_stack(&a, 0, 0));
    assert_null(tg_error(t));
    assert_null(tg_stack((tg_tensor *[]){a, tg_mT(a)}, 2, 0));
    assert_int_equal(tg_error_status(t), TG_ERR_SHAPE);
    tg_clear_error(t);
    assert_null(tg_stack(&a, 1, 4));
    assert_int_equal(tg_error_status(t), TG_ERR_SHAPE);
    tg_clear_error(t);

    x = tg_reshape(tg_arange(t, TG_I64, 24), TG_SHAPE(2, 3, 1, 4));
    assert_true(tg_shape_equal(tg_shape_of(tg_flatten(x, 0, -1)), TG_SHAPE(24)));
    assert_true(tg_shape_equal(tg_shape_of(tg_flatten(x, 1, -1)), TG_SHAPE(2, 12)));
    assert_true(tg_shape_equal(tg_shape_of(tg_flatten(x, 1, 2)), TG_SHAPE(2, 3, 4)));
    assert_true(tg_shape_equal(tg_shape_of(tg_flatten(x, 2, 2)), TG_SHAPE(2, 3, 1, 4)));
    assert_true(tg_shape_equal(tg_shape_of(tg_flatten(tg_scalar(t, 1), 0, -1)), TG_SHAPE(1)));
    assert_values(tg_flatten(a, 0, 1), TG_F32, TG_SHAPE(6), (double[]){1, 2, 3, 4, 5, 6}, 0);
    assert_error(t, tg_flatten(x, 2, 1), TG_ERR_SHAPE, "tg_flatten: axis 2 comes after axis 1");
    assert_error(t, tg_flatten(x, 0, 4), TG_ERR_SHAPE,
                 "tg_flatten: axis 4 is outside the 4 axes of the input [2,3,1,4]");
    assert_null(tg_flatten(NULL, 0, 1));
    assert_null(tg_error(t));
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_embedding), cmocka_unit_test(test_linear), cmocka_unit_test(test_masked_fill),
        cmocka_unit_test(test_triangles), cmocka_unit_test(test_split),  cmocka_unit_test(test_stack_and_flatten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
