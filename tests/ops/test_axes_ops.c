/* test_axes_ops.c - flip, roll, narrow, movedim, squeeze_axes, tile, chunk, unbind, meshgrid, diagonals and pad: what is special of them, and
 * their wrong calls. Values and gradients are those of samples_shape.c. */
#include "op_test.h"

#include "graph/graph.h"

/* Views cost no memory: the result lies where x does. */
static void test_views(void **state)
{
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *x = tg_keep(tg_arange(t, TG_F32, 12)), *m = tg_reshape(x, TG_SHAPE(3, 4)), *part[4];
    (void)state;
    assert_int_equal(tg_unbind(m, 1, 4, part), TG_OK);
    tg_tensor *views[] = {tg_narrow(m, 0, 1, 2), tg_flip(m, TG_ALL_AXES), tg_movedim(m, TG_AXES(0), TG_AXES(1)),
                          tg_diagonal(m, 1, 0, 1), part[2], tg_unflatten(m, 1, TG_SHAPE(2, 2))};
    for (size_t k = 0; k < sizeof views / sizeof *views; k++) assert_true(tg_node_of(views[k])->op->kind == TG_VIEW);
    assert_values(views[3], TG_F32, TG_SHAPE(3), (double[]){1, 6, 11}, 0);
    assert_values(views[1], TG_F32, TG_SHAPE(3, 4), (double[]){11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0}, 0);
    assert_values(tg_diagonal(tg_flip(m, TG_AXES(1)), -1, 1, 0), TG_F32, TG_SHAPE(3), (double[]){2, 5, 8}, 0);
    assert_values(tg_diagonal(tg_expand(tg_scalar(t, 3), TG_SHAPE(2, 2)), 0, 0, 1), TG_F32, TG_SHAPE(2), (double[]){3, 3}, 0);
    tg_tape_free(t);
}

static void test_shifts(void **state)
{
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *x = tg_arange(t, TG_F32, 3);
    (void)state;
    assert_values(tg_roll(x, INT64_MIN, 0), TG_F32, TG_SHAPE(3), (double[]){2, 0, 1}, 0); /* -2^63 is 1 modulo 3 */
    assert_values(tg_roll(x, INT64_MAX, 0), TG_F32, TG_SHAPE(3), (double[]){2, 0, 1}, 0); /* 2^63 - 1, too */
    assert_values(tg_diagonal(tg_eye(t, 2), INT64_MIN, 0, 1), TG_F32, TG_SHAPE(0), NULL, 0);
    assert_values(tg_diagonal(tg_eye(t, 2), INT64_MAX, 0, 1), TG_F32, TG_SHAPE(0), NULL, 0);
    tg_tape_free(t);
}

static void test_chunks(void **state)
{
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *part[5];
    (void)state;
    assert_int_equal(tg_chunk(tg_arange(t, TG_F32, 5), 0, 4, part), TG_OK);
    assert_values(part[0], TG_F32, TG_SHAPE(2), (double[]){0, 1}, 0);
    assert_values(part[2], TG_F32, TG_SHAPE(1), (double[]){4}, 0);
    assert_null(part[3]);
    assert_int_equal(tg_chunk(tg_zeros(t, TG_SHAPE(0)), 0, 3, part), TG_OK);
    assert_values(part[0], TG_F32, TG_SHAPE(0), NULL, 0);
    assert_true(!part[1] && !part[2]);
    tg_tape_free(t);
}

/* Every dtype has the elements beside, and zeros off the diagonal. */
static void test_dtypes(void **state)
{
    tg_tape *t = quiet(TG_F32);
    (void)state;
    for (tg_dtype d = TG_F32; d < TG_NDTYPES; d++) {
        tg_tensor *x = tensor(t, d, TG_SHAPE(2), (double[]){1, 0});
        assert_values(tg_pad(x, TG_SHAPE(1), TG_SHAPE(2), &(tg_pad_options){.value = 1}), d, TG_SHAPE(5), (double[]){1, 1, 0, 1, 1}, 0);
        assert_values(tg_diag(x, 1), d, TG_SHAPE(3, 3), (double[]){0, 1, 0, 0, 0, 0, 0, 0, 0}, 0);
    }
    const double odd[] = {NAN, INFINITY, -0.0};
    tg_tensor   *x = tensor(t, TG_F64, TG_SHAPE(3), odd);
    assert_values(tg_pad(x, TG_SHAPE(1), TG_SHAPE(0), &(tg_pad_options){.value = (double)NAN}), TG_F64, TG_SHAPE(4),
                  (double[]){NAN, NAN, INFINITY, 0}, 0);
    assert_true(signbit(tg_item(tg_select(tg_pad(x, TG_SHAPE(1), TG_SHAPE(0), NULL), 0, 3))));
    tg_tape_free(t);
}

/* Large enough for several threads. */
static void test_large_pad(void **state)
{
    enum { ROWS = 700, COLS = 901 };
    tg_tape       *t = quiet(TG_F32);
    tg_tensor     *x = tg_randn(t, TG_SHAPE(ROWS, COLS)), *y = tg_pad(x, TG_SHAPE(3, 1), TG_SHAPE(2, 5), &(tg_pad_options){.value = 7});
    const float   *v = tg_data_f32(x), *p = tg_data_f32(y);
    (void)state;
    for (int64_t i = 0; i < ROWS + 5; i++)
        for (int64_t j = 0; j < COLS + 6; j++) {
            const bool inside = i >= 3 && i < ROWS + 3 && j >= 1 && j < COLS + 1;
            assert_true(p[i * (COLS + 6) + j] == (inside ? v[(i - 3) * COLS + j - 1] : 7.0F));
        }
    tg_tape_free(t);
}

#define WRONG(STATUS, CALL, SENTENCE) assert_error(t, CALL, TG_ERR_##STATUS, SENTENCE)
#define WRONG_STATUS(STATUS, CALL, SENTENCE)             \
    do {                                                 \
        assert_int_equal(CALL, TG_ERR_##STATUS);         \
        assert_error(t, NULL, TG_ERR_##STATUS, SENTENCE); \
    } while (0)

static void test_errors(void **state)
{
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *x = tg_zeros(t, TG_SHAPE(2, 3)), *wide = tg_zeros(t, TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1)), *none = tg_zeros(t, TG_SHAPE(0, 3));
    (void)state;
    WRONG(SHAPE, tg_flip(x, TG_AXES(2)), "tg_flip: axis 2 is outside the 2 axes of the input [2,3]");
    WRONG(SHAPE, tg_roll(x, 1, -3), "tg_roll: axis -3 is outside the 2 axes of the input [2,3]");
    WRONG(SHAPE, tg_roll_axes(x, TG_SHAPE(1, 1), TG_AXES(0, 2)), "tg_roll_axes: axis 2 is outside the 2 axes of the input [2,3]");
    WRONG(ARG, tg_roll_axes(x, TG_SHAPE(1), TG_ALL_AXES), "tg_roll_axes: 1 shifts are given for 2 axes; each axis, and up to 8 of them, needs one");
    WRONG(ARG, tg_roll_axes(x, &(tg_shape){9, {0}}, &(tg_axes){.n = 9}), "tg_roll_axes: 9 shifts are given for 9 axes; each axis, and up to 8 of them, needs one");
    WRONG(NULL, tg_roll_axes(x, NULL, TG_AXES(0)), "tg_roll_axes: needs a list of shifts");
    WRONG(NULL, tg_roll_axes(x, TG_SHAPE(1), NULL), "tg_roll_axes: needs a list of axes");
    WRONG(SHAPE, tg_narrow(x, 1, 2, 2), "tg_narrow: 2 elements from 2 on are not within axis 1 of size 3");
    WRONG(SHAPE, tg_narrow(x, 1, -4, 1), "tg_narrow: 1 elements from -4 on are not within axis 1 of size 3");
    WRONG(SHAPE, tg_narrow(x, 1, 1, INT64_MAX), "tg_narrow: 9223372036854775807 elements from 1 on are not within axis 1 of size 3");
    WRONG(SHAPE, tg_movedim(x, TG_AXES(0, 0), TG_AXES(0, 1)), "tg_movedim: axis 0 is listed twice");
    WRONG(SHAPE, tg_movedim(x, TG_AXES(0), TG_AXES(0, 1)),
          "tg_movedim: the lists have 1 and 2 axes; each axis of the first needs its place in the second");
    WRONG(NULL, tg_movedim(x, NULL, TG_AXES(0)), "tg_movedim: axes is NULL; TG_AXES(…) makes a list of them");
    WRONG(SHAPE, tg_unflatten(x, 1, TG_SHAPE(2, -1)), "tg_unflatten: the sizes [2,-1] do not make up the 3 of the axis");
    WRONG(SHAPE, tg_unflatten(none, 0, TG_SHAPE(0, -1)), "tg_unflatten: the sizes [0,-1] do not make up the 0 of the axis");
    WRONG(SHAPE, tg_unflatten(wide, 0, TG_SHAPE(1, 1)), "tg_unflatten: needs 1 to 1 sizes for the axis");
    WRONG(SHAPE, tg_squeeze_axes(x, TG_AXES(1)), "tg_squeeze_axes: axis 1 has size 3, not 1; the input is [2,3]");
    WRONG(SHAPE, tg_unsqueeze_axes(x, TG_AXES(0, 0)), "tg_unsqueeze_axes: axis 0 is listed twice, or outside the 4 axes of the result");
    WRONG(SHAPE, tg_unsqueeze_axes(wide, TG_AXES(0)),
          "tg_unsqueeze_axes: the result would have 9 axes; it can have 8");
    WRONG(ARG, tg_tile(x, TG_SHAPE(-1)), "tg_tile: -1 repetitions are not possible; 0 and more are");
    WRONG(SHAPE, tg_tile(none, TG_SHAPE(INT64_MAX, INT64_MAX)),
          "tg_tile: the shape [0,9223372036854775807] is invalid: rank 0 to 8, sizes >= 0, total size within memory");
    WRONG(SHAPE, tg_repeat_interleave(none, INT64_C(1) << 62, 1),
          "tg_repeat_interleave: the shape [0,9223372036854775807] is invalid: rank 0 to 8, sizes >= 0, total size within memory");
    WRONG(SHAPE, tg_diagonal(x, 0, 1, -1), "tg_diagonal: a diagonal runs through two different axes, not axis 1 twice");
    WRONG(SHAPE, tg_diag(wide, 0), "tg_diag: takes a vector or a matrix, not 8 axes; see tg_diagonal and tg_diag_embed");
    WRONG(SHAPE, tg_diag_embed(wide, 0), "tg_diag_embed: takes tensors of 1 to 7 axes, not 8");
    WRONG(SHAPE, tg_diag_embed(x, INT64_MIN),
          "tg_diag_embed: the shape [2,9223372036854775807,9223372036854775807] is invalid: rank 0 to 8, sizes >= 0, total size within memory");
    WRONG(SHAPE, tg_trace(tg_arange(t, TG_F32, 3)), "tg_trace: takes at least 2 axes, not 1");
    WRONG(SHAPE, tg_block_diag((tg_tensor *[]){x, wide}, 2), "tg_block_diag: input 1 has 8 axes; blocks are matrices, vectors or numbers");
    WRONG(SHAPE, tg_hstack((tg_tensor *[]){x, none}, 2),
          "tg_hstack: tg_cat: input 1 differs from the first on an axis other than 1 (inputs [2,3] float32, [0,3] float32)");
    WRONG(SHAPE, tg_pad(x, TG_SHAPE(1), TG_SHAPE(1, 1), NULL), "tg_pad: needs two lists of equally many numbers, at most one for each of the 2 axes");
    WRONG(NULL, tg_pad(x, TG_SHAPE(1), NULL, NULL), "tg_pad: needs two lists of equally many numbers, at most one for each of the 2 axes");
    WRONG(SHAPE, tg_pad(x, TG_SHAPE(-2), TG_SHAPE(-2), NULL), "tg_pad: axis 1 has only 3 elements to cut off");
    WRONG(SHAPE, tg_pad(x, TG_SHAPE(INT64_MIN), TG_SHAPE(1), NULL), "tg_pad: axis 1 has only 3 elements to cut off");
    WRONG(SHAPE, tg_pad(x, TG_SHAPE(INT64_MAX), TG_SHAPE(1), NULL), "tg_pad: the result is too large for memory (input [2,3] float32)");
    WRONG(SHAPE, tg_pad(x, TG_SHAPE(3), TG_SHAPE(0), &(tg_pad_options){.mode = TG_PAD_REFLECT}),
          "tg_pad: axis 1 of size 3 has not the elements to be padded by 3 in this mode");
    WRONG(SHAPE, tg_pad(none, TG_SHAPE(1, 0), TG_SHAPE(0, 0), &(tg_pad_options){.mode = TG_PAD_REPLICATE}),
          "tg_pad: axis 0 of size 0 has not the elements to be padded by 1 in this mode");
    WRONG(ARG, tg_pad(x, TG_SHAPE(1), TG_SHAPE(0), &(tg_pad_options){.mode = (tg_pad_mode)9}),
          "tg_pad: 9 is not one of the modes, TG_PAD_CONSTANT to TG_PAD_CIRCULAR");
    WRONG(DTYPE, tg_pad(tg_arange(t, TG_U8, 3), TG_SHAPE(1), TG_SHAPE(0), &(tg_pad_options){.value = 0.5}), "tg_pad: uint8 does not hold the number 0.5");
    assert_null(tg_hstack(NULL, 2));
    assert_null(tg_block_diag(&x, 0));
    assert_null(tg_error(t));
    tg_tape_free(t);
}

static void test_errors_of_parts(void **state)
{
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *x = tg_zeros(t, TG_SHAPE(2, 3)), *part[9] = {x, x, x}, *many[9] = {x, x, x, x, x, x, x, x, x};
    (void)state;
    WRONG_STATUS(SHAPE, tg_unbind(x, 1, 2, part), "tg_unbind: axis 1 has 3 slices, not 2");
    assert_true(!part[0] && !part[1] && part[2] == x);
    WRONG_STATUS(ARG, tg_unbind(x, 1, 0, part), "tg_unbind: the number of parts is 0");
    WRONG_STATUS(NULL, tg_chunk(x, 1, 2, NULL), "tg_chunk: the array for the parts is NULL");
    WRONG_STATUS(SHAPE, tg_chunk(x, 2, 2, part), "tg_chunk: axis 2 is outside the 2 axes of the input [2,3]");
    WRONG_STATUS(SHAPE, tg_meshgrid(&x, 1, part), "tg_meshgrid: takes up to 8 tensors of rank 0 or 1");
    many[0] = tg_scalar(t, 1);
    WRONG_STATUS(SHAPE, tg_meshgrid(many, 9, part), "tg_meshgrid: takes up to 8 tensors of rank 0 or 1");
    assert_int_equal(tg_unbind(NULL, 0, 2, part), TG_ERR_NULL);
    assert_int_equal(tg_meshgrid(NULL, 2, part), TG_ERR_NULL);
    assert_null(tg_error(t));
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_views),     cmocka_unit_test(test_shifts), cmocka_unit_test(test_chunks),         cmocka_unit_test(test_dtypes),
        cmocka_unit_test(test_large_pad), cmocka_unit_test(test_errors), cmocka_unit_test(test_errors_of_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
