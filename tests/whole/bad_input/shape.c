/* shape.c - rows of views and of tensors put together. */
#include "bad_input.h"

#define LARGE (INT64_C(1) << 62)
#define SOME  N(2, IN_SILENCE(0, -1, INT_MIN))

static void views(void)
{
    CALL(tg_reshape, TENSOR(ANY, TG_SHAPE(2, 3), .nothing = TG_ERR_SHAPE),
         SHAPED(TG_SHAPE(3, 2), WRONG(SHAPE, "[4,2]", TG_SHAPE(4, 2)), WRONG(SHAPE, "[-1,-1]", TG_SHAPE(-1, -1)), WRONG(SHAPE, "[-1,4]", TG_SHAPE(-1, 4)),
                WRONG(SHAPE, "[-1,0]", TG_SHAPE(-1, 0))));
    CALL(tg_permute, TENSOR(ANY, TG_SHAPE(2, 3)), AXES_OF(TG_AXES(1, 0), .pointers = {WRONG(SHAPE, "1", TG_AXES(1))}));
    CALL(tg_transpose, TENSOR(ANY, TG_SHAPE(2, 3), RANKS(2, 8)), AXIS, AXIS), CALL(tg_swapaxes, TENSOR(ANY, TG_SHAPE(2, 3), RANKS(2, 8)), AXIS, AXIS);
    CALL(tg_mT, TENSOR(ANY, TG_SHAPE(2, 3), RANKS(2, 8)));
    CALL(tg_expand, TENSOR(ANY, TG_SHAPE(2, 1), .nothing = TG_ERR_SHAPE),
         SHAPED(TG_SHAPE(2, 4), WRONG(SHAPE, "[3,4]", TG_SHAPE(3, 4)), WRONG(SHAPE, "[4]", TG_SHAPE(4))));
    CALL(tg_slice, TENSOR(ANY, TG_SHAPE(2, 3), RANKS(2, 8)), AXIS, N(0), N(2), N(1, BAD(ARG, 0)));
    CALL(tg_select, TENSOR(ANY, TG_SHAPE(2, 3), RANKS(2, 8), .nothing = TG_ERR_INDEX), AXIS, N(1, BAD(INDEX, 3, -4, INT64_MAX, INT64_MIN, 4294967297.0L)));
    CALL(tg_squeeze, TENSOR(ANY, TG_SHAPE(2, 1), RANKS(2, 8), .nothing = TG_ERR_SHAPE, MISFITS(TG_SHAPE(2, 2))), AXIS),
        CALL(tg_unsqueeze, TENSOR(ANY, TG_SHAPE(2, 3), RANKS(0, 7)), AXIS_OF(3));
    CALL(tg_contiguous, OF_ANY(2, 3)), CALL(tg_flatten, TENSOR(ANY, TG_SHAPE(2, 3)), N(0, BAD(SHAPE, 2, -3, INT_MAX, INT_MIN)), AXIS);
    CALL(tg_narrow, TENSOR(ANY, TG_SHAPE(2, 3), RANKS(2, 8), .nothing = TG_ERR_SHAPE, MISFITS(TG_SHAPE(2, 1))), AXIS,
         N(1, BAD(SHAPE, 4, -4, INT64_MAX, INT64_MIN)), N(2, BAD(SHAPE, 3, -1, INT64_MAX, INT64_MIN)));
    CALL(tg_flip, TENSOR(ANY, TG_SHAPE(2, 3)), SOME_AXES), CALL(tg_roll, TENSOR(ANY, TG_SHAPE(2, 3)), N(INT64_MIN), AXIS);
    CALL(tg_rot90, TENSOR(ANY, TG_SHAPE(2, 3), RANKS(2, 8)), N(INT_MIN), N(0, BAD(SHAPE, 1, 2, -3, INT_MAX, INT_MIN)), N(1, BAD(SHAPE, 0, 2, -3, INT_MAX, INT_MIN)));
    CALL(tg_roll_axes, OF_ANY(2, 3), POINTS(TG_SHAPE(INT64_MAX), WRONG(NULL, NULL, NULL), WRONG(ARG, NULL, TG_SHAPE(1, 2))),
         POINTS(TG_AXES(1), WRONG(NULL, "axes", NULL), WRONG(SHAPE, "2", TG_AXES(2)), WRONG(SHAPE, "-3", TG_AXES(-3)), WRONG(ARG, "2 axes", TG_AXES(0, 1)),
                WRONG(ARG, "-2 axes", (&(tg_axes){.n = -2}))));
    CALL(tg_repeat_interleave_by, TENSOR(ANY, TG_SHAPE(2, 3), MISFITS(TG_SHAPE(2, 4), TG_SHAPE(3))),
         TENSOR(INDEX, TG_SHAPE(3), RANKS(1, 1), MISFITS(TG_SHAPE(2), TG_SHAPE(1))), AXIS);
    CALL(tg_movedim, TENSOR(ANY, TG_SHAPE(2, 3)), AXES_OF(TG_AXES(0), .pointers = {WRONG(SHAPE, NULL, TG_AXES(0, 1))}),
         AXES_OF(TG_AXES(1), .pointers = {WRONG(SHAPE, NULL, TG_AXES(0, 1))}));
    CALL(tg_unflatten, TENSOR(ANY, TG_SHAPE(2, 6), .nothing = TG_ERR_SHAPE), AXIS,
         SHAPED(TG_SHAPE(3, 2), WRONG(SHAPE, "[4,2]", TG_SHAPE(4, 2)), WRONG(SHAPE, "[-1,-1]", TG_SHAPE(-1, -1)),
                WRONG(SHAPE, "1 to 7", TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 6))));
    CALL(tg_squeeze_axes, TENSOR(ANY, TG_SHAPE(2, 1), .nothing = TG_ERR_SHAPE), AXES_OF(TG_AXES(1), .pointers = {WRONG(SHAPE, "0", TG_AXES(0))}));
    CALL(tg_unsqueeze_axes, TENSOR(ANY, TG_SHAPE(2, 3), RANKS(0, 7)), AXES_OF(TG_AXES(1), .range = 3));
    CALL(tg_diagonal, TENSOR(ANY, TG_SHAPE(2, 3), RANKS(2, 8)), N(0), N(0, BAD(SHAPE, 1, 2, -3, INT_MAX, INT_MIN)),
         N(1, BAD(SHAPE, 0, 2, -3, INT_MAX, INT_MIN)));
    CALL(tg_diag, TENSOR(ANY, TG_SHAPE(2, 3), RANKS(1, 2)), N(0)), CALL(tg_trace, TENSOR(ANY, TG_SHAPE(2, 3), RANKS(2, 8)));
    CALL(tg_diag_embed, TENSOR(ANY, TG_SHAPE(2, 3), RANKS(1, 7)), N(1, ALSO(SHAPE, INT64_MAX, INT64_MIN, LARGE, -LARGE)));
    CALL(tg_diag, OF_ANY(3), N(1, ALSO(SHAPE, INT64_MAX, INT64_MIN, LARGE, -LARGE)));
    CALL(tg_sum_to, TENSOR(ANY, TG_SHAPE(2, 3), .nothing = TG_ERR_SHAPE),
         SHAPED(TG_SHAPE(3), WRONG(SHAPE, "[2]", TG_SHAPE(2)), WRONG(SHAPE, "[1,2,3]", TG_SHAPE(1, 2, 3))));
}

static void put_together(void)
{
    CALL(tg_cat, LIST(ANY, TG_SHAPE(2, 3), RANKS(2, 2), MISFITS(TG_SHAPE(4, 3))), SOME, AXIS);
    CALL(tg_stack, LIST(ANY, TG_SHAPE(2, 3), RANKS(2, 2), MISFITS(TG_SHAPE(4, 3))), SOME, AXIS_OF(3));
    CALL(tg_hstack, LIST(ANY, TG_SHAPE(2, 3), RANKS(2, 2), MISFITS(TG_SHAPE(4, 3))), SOME);
    CALL(tg_vstack, LIST(ANY, TG_SHAPE(2, 3), RANKS(1, 2), MISFITS(TG_SHAPE(2, 4))), SOME);
    CALL(tg_block_diag, LIST(ANY, TG_SHAPE(2, 3), RANKS(0, 2)), SOME);
    CALL(tg_meshgrid, LIST(ANY, TG_SHAPE(3), RANKS(0, 1), .mixed = true), N(2, IN_SILENCE(0, -1, INT_MIN), ALSO(SHAPE, 9)), PARTS);
    CALL(tg_tile, TENSOR(ANY, TG_SHAPE(2, 3)),
         POINTS(TG_SHAPE(2, 2), WRONG(SHAPE, NULL, TG_SHAPE(LARGE, 1)), WRONG(SHAPE, NULL, TG_SHAPE(INT64_MAX, INT64_MAX)), WRONG(ARG, "-2", TG_SHAPE(1, -2)),
                WRONG(ARG, "-9", TG_SHAPE(INT64_MIN)), WRONG(SHAPE, NULL, (&(tg_shape){9, {1, 1, 1, 1, 1, 1, 1, 1}})),
                WRONG(SHAPE, NULL, (&(tg_shape){-1, {0}})), WRONG(NULL, NULL, NULL)));
    CALL(tg_repeat_interleave, TENSOR(ANY, TG_SHAPE(2, 3), RANKS(2, 8)), N(2, BAD(ARG, -1, INT64_MIN), ALSO(SHAPE, INT64_MAX, LARGE)), AXIS);
    CALL(tg_pad, TENSOR(ANY, TG_SHAPE(2, 3), RANKS(2, 8)),
         POINTS(TG_SHAPE(1, 1), WRONG(SHAPE, NULL, TG_SHAPE(1)), WRONG(SHAPE, NULL, TG_SHAPE(1, 1, 1)), WRONG(SHAPE, NULL, TG_SHAPE(INT64_MAX, 1)),
                WRONG(SHAPE, NULL, TG_SHAPE(INT64_MIN, 1)), WRONG(SHAPE, NULL, TG_SHAPE(-4, 1)), WRONG(NULL, NULL, NULL)),
         POINTS(TG_SHAPE(1, 1), WRONG(SHAPE, NULL, TG_SHAPE(1)), WRONG(SHAPE, NULL, TG_SHAPE(INT64_MAX, 1)), WRONG(SHAPE, NULL, TG_SHAPE(1, -5)),
                WRONG(NULL, NULL, NULL)),
         OPTIONS(OPTION(ARG, "4", tg_pad_options, .mode = (tg_pad_mode)4), OPTION(ARG, "-1", tg_pad_options, .mode = (tg_pad_mode)-1),
                 OPTION(DTYPE, "1e+300", tg_pad_options, .value = 1e300)));
}

static void parts(void)
{
    CALL(tg_split, TENSOR(ANY, TG_SHAPE(2, 3), RANKS(2, 8), .nothing = TG_ERR_SHAPE, MISFITS(TG_SHAPE(2, 4))), AXIS,
         POINTS(((const int64_t[]){3}), WRONG(SHAPE, NULL, ((const int64_t[]){2})), WRONG(SHAPE, NULL, ((const int64_t[]){-3})),
                WRONG(SHAPE, NULL, ((const int64_t[]){INT64_MAX}))),
         N(1, BAD(ARG, 0, -1)), PARTS);
    CALL(tg_unbind, TENSOR(ANY, TG_SHAPE(2, 1), RANKS(2, 8), .nothing = TG_ERR_SHAPE, MISFITS(TG_SHAPE(2, 2))), AXIS, N(1, BAD(ARG, 0, -1, INT_MIN)), PARTS);
    CALL(tg_chunk, TENSOR(ANY, TG_SHAPE(2, 3), RANKS(2, 8)), AXIS, N(1, BAD(ARG, 0, -1, INT_MIN)), PARTS);
}

void rows_shape(void)
{
    views();
    put_together();
    parts();
}
