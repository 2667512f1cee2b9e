/* window.c - rows of convolution, pooling and images. */
#include "bad_input.h"

#define PLANES(...)                                                                                                                                            \
    TENSOR(FLOAT, TG_SHAPE(__VA_ARGS__), RANKS((int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)), (int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int))),          \
           .nothing = TG_ERR_SHAPE)
#define BIAS              TENSOR(FLOAT, TG_SHAPE(4), RANKS(1, 1), .optional = true, MISFITS(TG_SHAPE(3), TG_SHAPE(1)))
#define KERNEL(LAST, ...) TENSOR(FLOAT, TG_SHAPE(4, 2, __VA_ARGS__), RANKS(LAST, LAST), MISFITS(TG_SHAPE(4, 3, __VA_ARGS__), TG_SHAPE(4, 0, __VA_ARGS__)))

/* What numbers of one window can be. V is a list of them, one for each axis. */
#define WINDOW_OPTIONS(TYPE, V)                                                                                                                                \
    OPTION(ARG, "stride", TYPE, .stride = V(-1)), OPTION(ARG, "stride", TYPE, .stride = V(INT64_MIN)), OPTION(ARG, "padding", TYPE, .padding = V(-1)),         \
        OPTION(ARG, "padding", TYPE, .padding = V(INT64_MIN)), OPTION(ARG, "dilation", TYPE, .dilation = V(-1)),                                               \
        OPTION(ARG, "dilation", TYPE, .dilation = V(INT64_MIN))
#define CONV_OPTIONS(TYPE, V)                                                                                                                                  \
    WINDOW_OPTIONS(TYPE, V), OPTION(ARG, "too large", TYPE, .padding = V(INT64_MAX)), OPTION(ARG, "too large", TYPE, .dilation = V(INT64_MAX)),                \
        OPTION(SHAPE, "does not fit", TYPE, .dilation = V(9)), OPTION(ARG, "groups", TYPE, .groups = -1), OPTION(ARG, "3 groups", TYPE, .groups = 3),          \
        OPTION(ARG, "groups", TYPE, .groups = INT64_MAX)
/* clang-format off */
#define ONE(N)   N
#define TWO(N)   {N, N}
#define THREE(N) {N, N, N}
/* clang-format on */

static void convolutions(void)
{
    CALL(tg_conv1d, PLANES(1, 2, 5), KERNEL(3, 3), BIAS,
         OPTIONS(CONV_OPTIONS(tg_conv1d_options, ONE), OPTION(ARG, "same", tg_conv1d_options, .same = true, .stride = 2)));
    CALL(tg_conv2d, PLANES(1, 2, 5, 5), KERNEL(4, 3, 3), BIAS,
         OPTIONS(CONV_OPTIONS(tg_conv_options, TWO), OPTION(ARG, "stride", tg_conv_options, .stride = {1, 0}),
                 OPTION(ARG, "same", tg_conv_options, .same = true, .padding = {1, 1})));
    CALL(tg_conv3d, PLANES(1, 2, 4, 4, 4), KERNEL(5, 3, 3, 3), BIAS,
         OPTIONS(CONV_OPTIONS(tg_conv3d_options, THREE), OPTION(ARG, "dilation", tg_conv3d_options, .dilation = {1, 0, 1})));
    CALL(tg_conv1d, PLANES(1, 2, 5), TENSOR(FLOAT, TG_SHAPE(4, 2, 3), MISFITS(TG_SHAPE(4, 2, 6), TG_SHAPE(4, 2, 0))), BIAS, OPTIONS({0}));
    CALL(tg_conv2d, PLANES(1, 2, 5, 5), TENSOR(FLOAT, TG_SHAPE(4, 2, 3, 3), MISFITS(TG_SHAPE(4, 2, 6, 1), TG_SHAPE(4, 2, 1, 6), TG_SHAPE(4, 2, 0, 3))), BIAS,
         OPTIONS({0}));
}

#define TRANSPOSE_OPTIONS(TYPE, V)                                                                                                                             \
    WINDOW_OPTIONS(TYPE, V), OPTION(SHAPE, NULL, TYPE, .padding = V(INT64_MAX)), OPTION(SHAPE, NULL, TYPE, .dilation = V(INT64_MAX)),                          \
        OPTION(SHAPE, NULL, TYPE, .stride = V(INT64_MAX)), OPTION(SHAPE, NULL, TYPE, .padding = V(9)),                                                         \
        OPTION(ARG, "output padding", TYPE, .output_padding = V(-1)), OPTION(ARG, "output padding", TYPE, .output_padding = V(1)),                             \
        OPTION(ARG, "groups", TYPE, .groups = -1), OPTION(SHAPE, NULL, TYPE, .groups = 4)

static void transposed(void)
{
    CALL(tg_conv_transpose1d, PLANES(1, 2, 5), TENSOR(FLOAT, TG_SHAPE(2, 4, 3), RANKS(3, 3), MISFITS(TG_SHAPE(3, 4, 3), TG_SHAPE(2, 4, 0))), BIAS,
         OPTIONS(TRANSPOSE_OPTIONS(tg_conv_transpose1d_options, ONE)));
    CALL(tg_conv_transpose2d, PLANES(1, 2, 5, 5), TENSOR(FLOAT, TG_SHAPE(2, 4, 3, 3), RANKS(4, 4), MISFITS(TG_SHAPE(3, 4, 3, 3), TG_SHAPE(2, 4, 0, 3))), BIAS,
         OPTIONS(TRANSPOSE_OPTIONS(tg_conv_transpose2d_options, TWO)));
    CALL(tg_conv_transpose3d, PLANES(1, 2, 3, 3, 3), TENSOR(FLOAT, TG_SHAPE(2, 4, 2, 2, 2), RANKS(5, 5), MISFITS(TG_SHAPE(3, 4, 2, 2, 2))), BIAS,
         OPTIONS(TRANSPOSE_OPTIONS(tg_conv_transpose3d_options, THREE)));
}

#define POOL_OPTIONS(TYPE, V)                                                                                                                                  \
    WINDOW_OPTIONS(TYPE, V), OPTION(ARG, "kernel", TYPE, .kernel = V(-1)), OPTION(ARG, "kernel", TYPE, .kernel = V(INT64_MIN)),                                \
        OPTION(SHAPE, "does not fit", TYPE, .kernel = V(9)), OPTION(SHAPE, NULL, TYPE, .kernel = V(INT64_MAX)),                                                \
        OPTION(ARG, "padding", TYPE, .kernel = V(3), .padding = V(2)), OPTION(ARG, "padding", TYPE, .padding = V(INT64_MAX)),                                  \
        OPTION(SHAPE, NULL, TYPE, .dilation = V(INT64_MAX))

static void pooling(void)
{
    CALL(tg_max_pool1d, PLANES(1, 2, 5), OPTIONS(POOL_OPTIONS(tg_pool1d_options, ONE))),
        CALL(tg_avg_pool1d, PLANES(1, 2, 5), OPTIONS(POOL_OPTIONS(tg_pool1d_options, ONE)));
    CALL(tg_max_pool2d, PLANES(1, 2, 5, 5), OPTIONS(POOL_OPTIONS(tg_pool_options, TWO))),
        CALL(tg_avg_pool2d, PLANES(1, 2, 5, 5), OPTIONS(POOL_OPTIONS(tg_pool_options, TWO)));
    CALL(tg_max_pool3d, PLANES(1, 2, 3, 3, 3), OPTIONS(POOL_OPTIONS(tg_pool3d_options, THREE))),
        CALL(tg_avg_pool3d, PLANES(1, 2, 3, 3, 3), OPTIONS(POOL_OPTIONS(tg_pool3d_options, THREE)));
    CALL(tg_lp_pool1d, PLANES(1, 2, 5), X(2, BAD(ARG, 0, -1, NOT_FINITE)), OPTIONS(POOL_OPTIONS(tg_pool1d_options, ONE)));
    CALL(tg_lp_pool2d, PLANES(1, 2, 5, 5), X(2, BAD(ARG, 0, -1, NOT_FINITE)), OPTIONS(POOL_OPTIONS(tg_pool_options, TWO)));
    CALL(tg_lp_pool3d, PLANES(1, 2, 3, 3, 3), X(2, BAD(ARG, 0, -1, NOT_FINITE)), OPTIONS(POOL_OPTIONS(tg_pool3d_options, THREE)));
}

#define POOLED_TO N(2, BAD(ARG, 0, -1, INT64_MIN), ALSO(SHAPE, INT64_MAX))

static void pooling_to_a_size(void)
{
    CALL(tg_adaptive_max_pool1d, PLANES(1, 2, 5), POOLED_TO), CALL(tg_adaptive_avg_pool1d, PLANES(1, 2, 5), POOLED_TO);
    CALL(tg_adaptive_max_pool2d, PLANES(1, 2, 5, 5), POOLED_TO, POOLED_TO), CALL(tg_adaptive_avg_pool2d, PLANES(1, 2, 5, 5), POOLED_TO, POOLED_TO);
    CALL(tg_adaptive_max_pool3d, PLANES(1, 2, 3, 3, 3), POOLED_TO, POOLED_TO, POOLED_TO),
        CALL(tg_adaptive_avg_pool3d, PLANES(1, 2, 3, 3, 3), POOLED_TO, POOLED_TO, POOLED_TO);
    CALL(tg_global_avg_pool, TENSOR(FLOAT, TG_SHAPE(1, 2, 5), RANKS(3, 8))),
        CALL(tg_global_max_pool, TENSOR(FLOAT, TG_SHAPE(1, 2, 5), RANKS(3, 8), .nothing = TG_ERR_SHAPE));
}

#define PATCH_OPTIONS                                                                                                                                          \
    WINDOW_OPTIONS(tg_patch_options, TWO), OPTION(ARG, "kernel", tg_patch_options, .kernel = {2, 0}),                                                          \
        OPTION(ARG, "kernel", tg_patch_options, .kernel = {-1, -1})

static void images(void)
{
    static const tg_patch_options two = {.kernel = {2, 2}};
    CALL(tg_unfold, PLANES(1, 2, 4, 4),
         OPTIONS(PATCH_OPTIONS, OPTION(SHAPE, "does not fit", tg_patch_options, .kernel = {5, 5}),
                 OPTION(SHAPE, NULL, tg_patch_options, .kernel = {INT64_MAX, 1}), OPTION(SHAPE, NULL, tg_patch_options, .padding = {INT64_MAX, 0}),
                 OPTION(SHAPE, NULL, tg_patch_options, .kernel = {2, 2}, .dilation = {INT64_MAX, 1})));
    CALL(tg_fold, TENSOR(FLOAT, TG_SHAPE(1, 8, 9), RANKS(3, 3), .nothing = TG_ERR_SHAPE, MISFITS(TG_SHAPE(1, 7, 9), TG_SHAPE(1, 8, 8))),
         N(4, BAD(SHAPE, 5, -1, INT64_MIN), ALSO(SHAPE, 0, INT64_MAX)), N(4, BAD(SHAPE, 5, -1, INT64_MIN), ALSO(SHAPE, 0, INT64_MAX)),
         POINTS(&two, PATCH_OPTIONS));
    CALL(tg_pixel_shuffle, TENSOR(ANY, TG_SHAPE(1, 4, 2, 2), RANKS(3, 8), MISFITS(TG_SHAPE(1, 6, 2, 2))), N(2, BAD(ARG, 0, -1, INT64_MIN), ALSO(SHAPE, 3))),
        CALL(tg_pixel_shuffle, OF_ANY(1, 4, 2, 2), N(2, BAD(ARG, INT64_MAX, 4294967296.0L)));
    CALL(tg_pixel_unshuffle, TENSOR(ANY, TG_SHAPE(1, 1, 4, 4), RANKS(3, 8), MISFITS(TG_SHAPE(1, 1, 3, 4), TG_SHAPE(1, 1, 4, 3))),
         N(2, BAD(ARG, 0, -1, INT64_MIN), ALSO(SHAPE, 3))),
        CALL(tg_pixel_unshuffle, OF_ANY(1, 1, 4, 4), N(2, BAD(ARG, INT64_MAX, 4294967296.0L)));
    static const tg_interpolate_options three = {.size = {3, 3}};
    CALL(tg_grid_sample, TENSOR(FLOAT, TG_SHAPE(2, 3, 4, 4), RANKS(4, 4), MISFITS(TG_SHAPE(1, 3, 4, 4), TG_SHAPE(2, 3, 0, 4), TG_SHAPE(2, 3, 4, 0))),
         TENSOR(FLOAT, TG_SHAPE(2, 3, 3, 2), RANKS(4, 4), MISFITS(TG_SHAPE(1, 3, 3, 2), TG_SHAPE(2, 3, 3, 3))),
         OPTIONS(OPTION(ARG, "3", tg_grid_sample_options, .padding = TG_PAD_CIRCULAR), OPTION(ARG, "-1", tg_grid_sample_options, .padding = (tg_pad_mode)-1)));
    CALL(tg_affine_grid, TENSOR(FLOAT, TG_SHAPE(2, 2, 3), RANKS(3, 3), .nothing = TG_ERR_SHAPE, MISFITS(TG_SHAPE(2, 3, 3), TG_SHAPE(2, 2, 2))), N(3, ALSO(SHAPE, -1, INT64_MAX)),
         N(4, ALSO(SHAPE, -1, INT64_MAX)), TRUTH);
    CALL(tg_interpolate, TENSOR(FLOAT, TG_SHAPE(1, 2, 4, 4), RANKS(3, 5), .nothing = TG_ERR_SHAPE),
         POINTS(&three, WRONG(NULL, NULL, NULL), OPTION(ARG, "mode", tg_interpolate_options, .mode = (tg_interpolation)2, .size = {3, 3}),
                OPTION(ARG, "size", tg_interpolate_options, .size = {-1, 3}), OPTION(ARG, "size", tg_interpolate_options, .size = {3, 0}),
                OPTION(ARG, "scale", tg_interpolate_options, .scale = {2, -1}), OPTION(ARG, "scale", tg_interpolate_options, .scale = {NAN, 2}),
                OPTION(ARG, "scale", tg_interpolate_options, .scale = {INFINITY, 2}), OPTION(ARG, NULL, tg_interpolate_options, .scale = {1e300, 2}),
                OPTION(ARG, "scale", tg_interpolate_options, .scale = {0.1, 2}), OPTION(ARG, "scale", tg_interpolate_options, .size = {3, 3}, .scale = {2, 2}),
                OPTION(SHAPE, NULL, tg_interpolate_options, .size = {INT64_MAX, 3})));
}

void rows_window(void)
{
    convolutions();
    transposed();
    pooling();
    pooling_to_a_size();
    images();
}
