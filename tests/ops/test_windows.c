/* test_windows.c - convolution and pooling over one and three axes, transposed convolution, adaptive and rounded up windows: as the same thing
 * over two axes, for any number of threads; edges; what they refuse. Their values are those of test_values.c. */
#include "op_test.h"

static tg_tape *with_threads(int threads)
{
    tg_tape *t = tg_tape_new(&(tg_tape_options){.silent = true, .seed = 3, .threads = threads});
    assert_non_null(t);
    return t;
}

/* A layer of one row, and three axes of which the first is one: the same numbers to the bit. */
static void test_fewer_axes(void **state)
{
    (void)state;
    tg_tape   *t = with_threads(0);
    tg_tensor *x = tg_randn(t, TG_SHAPE(2, 4, 1, 37)), *w = tg_randn(t, TG_SHAPE(6, 2, 1, 5)), *b = tg_randn(t, TG_SHAPE(6));
    tg_tensor *line = tg_conv1d(tg_squeeze(x, 2), tg_squeeze(w, 2), b, &(tg_conv1d_options){.stride = 2, .padding = 3, .groups = 2});
    tg_tensor *plane = tg_conv2d(x, w, b, &(tg_conv_options){.stride = {1, 2}, .padding = {0, 3}, .groups = 2});
    tg_tensor *space = tg_conv3d(tg_unsqueeze(x, 2), tg_unsqueeze(w, 2), b, &(tg_conv3d_options){{1, 1, 2}, {0, 0, 3}, {1, 1, 1}, .groups = 2});
    const size_t bytes = (size_t)tg_numel(plane) * 4;
    assert_memory_equal(tg_data_f32(line), tg_data_f32(plane), bytes);
    assert_memory_equal(tg_data_f32(space), tg_data_f32(plane), bytes);
    x = tg_randn(t, TG_SHAPE(2, 3, 6, 9));
    plane = tg_max_pool2d(x, NULL);
    space = tg_max_pool3d(x = tg_unsqueeze(x, 2), &(tg_pool3d_options){.kernel = {1, 2, 2}});
    assert_memory_equal(tg_data_f32(space), tg_data_f32(plane), (size_t)tg_numel(plane) * 4);
    tg_tape_free(t);
}

/* Layers are planes of their own where the kernel is one deep. */
static void test_layers(void **state)
{
    (void)state;
    tg_tape   *t = with_threads(0);
    tg_tensor *x = tg_randn(t, TG_SHAPE(2, 3, 5, 7, 8)), *flat = tg_reshape(x, TG_SHAPE(2, 15, 7, 8));
    for (int k = 1; k <= 3; k++) {
        tg_tensor *deep = tg_max_pool3d(x, &(tg_pool3d_options){.kernel = {1, k, 2}}), *wide = tg_max_pool2d(flat, &(tg_pool_options){.kernel = {k, 2}});
        assert_int_equal(tg_numel(deep), tg_numel(wide));
        assert_memory_equal(tg_data_f32(deep), tg_data_f32(wide), (size_t)tg_numel(wide) * 4);
    }
    tg_tape_free(t);
}

static void compute(int threads, float *out)
{
    tg_tape   *t = with_threads(threads);
    tg_tensor *x = tg_set_requires_grad(tg_keep(tg_randn(t, TG_SHAPE(4, 6, 9, 10, 11))), true);
    tg_tensor *w = tg_set_requires_grad(tg_keep(tg_randn(t, TG_SHAPE(6, 3, 3, 3, 3))), true);
    tg_tensor *y = tg_conv3d(x, w, NULL, &(tg_conv3d_options){.padding = {1, 1, 1}, .groups = 2});
    y = tg_max_pool3d(y, &(tg_pool3d_options){.kernel = {2, 3, 3}, .padding = {1, 1, 1}, .ceil_mode = true});
    y = tg_adaptive_avg_pool3d(y, 3, 2, 3);
    tg_tensor *loss = tg_sum_all(tg_square(y));
    assert_int_equal(tg_backward(loss), TG_OK);
    assert_int_equal(tg_copy_to(tg_grad_of(x), out, 23760 * 4), TG_OK);
    assert_int_equal(tg_copy_to(tg_grad_of(w), out + 23760, 486 * 4), TG_OK);
    tg_tape_free(t);
}

static void test_threads_change_nothing(void **state)
{
    (void)state;
    static float one[24246], four[24246];
    compute(1, one);
    compute(4, four);
    assert_memory_equal(one, four, sizeof one);
}

/* The window of result k: its first largest element among those that are there, NaN beating all, and the sum and number of the elements. */
typedef struct seen {
    int64_t largest;
    double  sum, count;
} seen;

static seen look(const double *x, int64_t n, int64_t k, int64_t kernel, int64_t stride, int64_t dilation, int64_t padding)
{
    seen s = {.largest = -1};
    for (int64_t j = 0; j < kernel; j++) {
        const int64_t e = k * stride - padding + j * dilation;
        if (e < 0 || e >= n) continue;
        if (s.largest < 0 || (!isnan(x[s.largest]) && !(x[e] <= x[s.largest]))) s.largest = e;
        s.sum += x[e];
        s.count++;
    }
    return s;
}

/* Rows of more windows than are worked on together, most of which are cut nowhere: values, gradients, and the gradient of that by the
 * gradient, with equals, infinities and a NaN among the elements, against plain loops. */
static void test_long_rows(void **state)
{
    (void)state;
    enum { N = 700, KERNEL = 3 };
    static double x[N], g[N], dx[N], da[N];
    for (int64_t i = 0; i < N; i++) x[i] = i == 300 ? NAN : i % 97 < 5 ? -INFINITY : (double)((i * 7919) % 31) / 8;
    for (int64_t c = 0; c < 24; c++) {
        const int64_t stride = 1 + c % 3, dilation = 1 + c / 3 % 4, padding = c / 12, many = (N + 2 * padding - (KERNEL - 1) * dilation - 1) / stride + 1;
        tg_tape      *t = quiet(TG_F64);
        const tg_pool1d_options o = {.kernel = KERNEL, .stride = stride, .padding = padding, .dilation = dilation, .exclude_padding = true};
        tg_tensor *in = tg_set_requires_grad(tg_from_f64(t, TG_SHAPE(1, 1, N), x), true), *finite, *d, *a, *e;
        tg_tensor *y = tg_max_pool1d(in, &o), *mean = tg_avg_pool1d(finite = tg_set_requires_grad(tg_nan_to_num(in, &(tg_nan_to_num_options){.neginf = -8}), true), &o);
        memset(dx, 0, sizeof dx), memset(da, 0, sizeof da);
        assert_int_equal(tg_numel(y), many);
        for (int64_t k = 0; k < many; k++) g[k] = (double)(k % 13) - 6;
        tg_tensor *seed = tg_set_requires_grad(tg_from_f64(t, tg_shape_of(y), g), true);
        assert_int_equal(tg_grad(&y, &seed, 1, &in, 1, true, &d), TG_OK);
        assert_int_equal(tg_grad(&mean, &seed, 1, &finite, 1, false, &a), TG_OK);
        tg_tensor *v = tg_set_requires_grad(tg_arange(t, TG_F64, N), false), *same = tg_sum_all(tg_mul(d, tg_reshape(v, TG_SHAPE(1, 1, N))));
        assert_int_equal(tg_grad(&same, NULL, 1, &seed, 1, false, &e), TG_OK);
        const double *f = tg_data_f64(finite), *picked = tg_data_f64(e);
        for (int64_t k = 0; k < many; k++) {
            const seen s = look(x, N, k, KERNEL, stride, dilation, padding), m = look(f, N, k, KERNEL, stride, dilation, padding);
            const double is = tg_data_f64(y)[k], at = x[s.largest];
            assert_true(is == at || (isnan(is) && isnan(at)));
            dx[s.largest] += isnan(at) && g[k] != 0 ? NAN : g[k];
            assert_true(isnan(at) || picked[k] == (double)s.largest);
            assert_true(fabs(tg_data_f64(mean)[k] - m.sum / m.count) < 1e-12);
            for (int64_t j = 0; j < KERNEL; j++) {
                const int64_t i = k * stride - padding + j * dilation;
                if (i >= 0 && i < N) da[i] += g[k] / m.count;
            }
        }
        for (int64_t i = 0; i < N; i++) {
            assert_true(tg_data_f64(d)[i] == dx[i] || (isnan(dx[i]) && isnan(tg_data_f64(d)[i])));
            assert_true(fabs(tg_data_f64(a)[i] - da[i]) < 1e-12);
        }
        tg_tape_free(t);
    }
}

/* As PyTorch rounds up: the last window begins within x or the padding before it, and does not divide by what it has beyond the padding. */
static void test_rounded_up(void **state)
{
    (void)state;
    tg_tape      *t = quiet(TG_F64);
    tg_tensor    *x = tg_reshape(VECTOR(t, 1, 2, 3, 4, 5), TG_SHAPE(1, 1, 5));
    const double *v = tg_data_f64(tg_avg_pool1d(x, &(tg_pool1d_options){.kernel = 2, .ceil_mode = true}));
    assert_true(v[0] == 1.5 && v[1] == 3.5 && v[2] == 5);
    v = tg_data_f64(tg_avg_pool1d(x, &(tg_pool1d_options){.kernel = 4, .stride = 3, .padding = 1, .ceil_mode = true}));
    assert_true(v[0] == 1.5 && v[1] == 3); /* the second one is whole */
    assert_int_equal(tg_dim(tg_max_pool1d(x, &(tg_pool1d_options){.kernel = 1, .stride = 4, .ceil_mode = true}), 2), 2);
    assert_int_equal(tg_dim(tg_max_pool1d(x, &(tg_pool1d_options){.kernel = 2, .stride = 5, .padding = 1, .ceil_mode = true}), 2), 2);
    assert_int_equal(tg_dim(tg_max_pool1d(x, &(tg_pool1d_options){.kernel = 2, .stride = 6, .padding = 1, .ceil_mode = true}), 2), 1);
    tg_tape_free(t);
}

/* Of a window of zeros, and of infinities. */
static void test_lp_of_zeros(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(tg_reshape(VECTOR(t, 0, 0, 3, -4), TG_SHAPE(1, 1, 4)), true), *g;
    tg_tensor *y = tg_lp_pool1d(x, 2, NULL);
    assert_true(tg_data_f64(y)[0] == 0 && fabs(tg_data_f64(y)[1] - 5) < 1e-15);
    assert_int_equal(tg_grad(&y, (tg_tensor *[]){tg_ones_like(y)}, 1, &x, 1, false, &g), TG_OK);
    const double *d = tg_data_f64(g);
    assert_true(d[0] == 0 && d[1] == 0 && fabs(d[2] - 0.6) < 1e-15 && fabs(d[3] + 0.8) < 1e-15);
    tg_tape_free(t);
}

/* The gradient of a convolution for its input, and its size with every output padding. */
static void test_transposed_is_the_gradient(void **state)
{
    (void)state;
    tg_tape *t = quiet(TG_F64);
    for (int64_t more = 0; more < 3; more++) {
        tg_tensor *x = tg_set_requires_grad(tg_randn(t, TG_SHAPE(2, 4, 10 + more)), true), *w = tg_randn(t, TG_SHAPE(6, 2, 4)), *dx;
        tg_tensor *y = tg_conv1d(x, w, NULL, &(tg_conv1d_options){.stride = 3, .padding = 1, .dilation = 2, .groups = 2});
        tg_tensor *g = tg_randn(t, tg_shape_of(y));
        tg_tensor *up = tg_conv_transpose1d(g, w, NULL, &(tg_conv_transpose1d_options){.stride = 3, .padding = 1, .dilation = 2, .output_padding = (10 + more - 5) % 3, .groups = 2});
        assert_int_equal(tg_grad(&y, &g, 1, &x, 1, false, &dx), TG_OK);
        assert_true(tg_shape_equal(tg_shape_of(up), tg_shape_of(x)));
        assert_memory_equal(tg_data_f64(up), tg_data_f64(dx), (size_t)tg_numel(x) * 8);
    }
    tg_tape_free(t);
}

/* ---- images read at places ---------------------------------------------------------------------------------------------- */

/* The identity's grid reads the image itself; beyond it nothing, the outermost pixel, or the mirror's; NaN reads nothing; an axis of one pixel. */
static void test_grid_sample(void **state)
{
    (void)state;
    tg_tape      *t = quiet(TG_F64);
    const double  same[6] = {1, 0, 0, 0, 1, 0}, odd[12] = {-3, 0, NAN, 0, INFINITY, 0, 1, 0, -1, 0, 0, 0};
    tg_tensor    *x = tg_reshape(tg_arange(t, TG_F64, 12), TG_SHAPE(1, 2, 2, 3)), *theta = tensor(t, TG_F64, TG_SHAPE(1, 2, 3), same);
    tg_tensor    *line = tg_set_requires_grad(tg_reshape(VECTOR(t, 1, 2, 4), TG_SHAPE(1, 1, 1, 3)), true);
    tg_tensor    *grid = tg_set_requires_grad(tensor(t, TG_F64, TG_SHAPE(1, 1, 6, 2), odd), true);
    const tg_grid_sample_options zeros = {.align_corners = true}, border = {.padding = TG_PAD_REPLICATE, .align_corners = true},
                                 mirror = {.padding = TG_PAD_REFLECT, .align_corners = true};
    for (int align = 0; align < 2; align++)
        for (int nearest = 0; nearest < 2; nearest++) {
            const tg_grid_sample_options o = {.nearest = nearest, .align_corners = align};
            assert_values(tg_grid_sample(x, tg_affine_grid(theta, 2, 3, align), &o), TG_F64, TG_SHAPE(1, 2, 2, 3), tg_data_f64(x), 1e-14);
        }
    assert_f64(tg_grid_sample(line, grid, &zeros), TG_SHAPE(1, 1, 1, 6), 0, 0, 0, 4, 1, 2);
    assert_f64(tg_grid_sample(line, grid, &border), TG_SHAPE(1, 1, 1, 6), 1, 0, 4, 4, 1, 2);
    tg_tensor *y = tg_grid_sample(line, tg_slice(grid, 2, 0, 1, 1), &mirror); /* -3 is place -2, mirrored 2 */
    assert_f64(y, TG_SHAPE(1, 1, 1, 1), 4);
    y = tg_sum_all(tg_grid_sample(line, grid, &border));
    assert_f64(tg_slice(tg_flatten(gradient(y, tg_scalar(t, 1), grid), 0, -1), 0, 0, 12, 2), TG_SHAPE(6), 0, 0, 0, 0, 0, 2);
    assert_f64(gradient(y, tg_scalar(t, 1), line), TG_SHAPE(1, 1, 1, 3), 2, 1, 2);
    tg_tape_free(t);
}

/* ---- what is refused ----------------------------------------------------------------------------------------------------- */

#define REFUSED(STATUS, SENTENCE, CALL)                        \
    do {                                                       \
        assert_null(CALL);                                     \
        if (strcmp(tg_error(t) ? tg_error(t) : "", SENTENCE) != 0) fail_msg("%s", tg_error(t)); \
        assert_int_equal(tg_error_status(t), TG_ERR_##STATUS); \
        tg_clear_error(t);                                     \
    } while (0)

static void test_errors(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *x = tg_ones(t, TG_SHAPE(1, 2, 5)), *w = tg_ones(t, TG_SHAPE(2, 2, 3)), *x3 = tg_ones(t, TG_SHAPE(1, 2, 3, 4, 5)), *i = tg_full(t, TG_I64, TG_SHAPE(1, 2, 5), 1);
    REFUSED(ARG, "tg_conv1d: the stride is [-1]; it must be positive, or 0 for the usual one", tg_conv1d(x, w, NULL, &(tg_conv1d_options){.stride = -1}));
    REFUSED(ARG, "tg_conv3d: the dilation is [1,0,1]; all must be positive, or all 0 for the usual one",
            tg_conv3d(x3, w, NULL, &(tg_conv3d_options){.dilation = {1, 0, 1}}));
    REFUSED(ARG, "tg_conv1d: the padding is [-2]; it can't be negative", tg_conv1d(x, w, NULL, &(tg_conv1d_options){.padding = -2}));
    REFUSED(ARG, "tg_conv1d: padding of the same size takes strides of 1 and no padding beside it", tg_conv1d(x, w, NULL, &(tg_conv1d_options){.stride = 2, .same = true}));
    REFUSED(SHAPE, "tg_conv1d: takes 3 dimensions, [batch, channels, length] (inputs [1,2,3,4,5] float32, [2,2,3] float32)", tg_conv1d(x3, w, NULL, NULL));
    REFUSED(SHAPE, "tg_conv3d: takes 5 dimensions, [batch, channels, depth, height, width] (inputs [1,2,3,4,5] float32, [2,2,3] float32)", tg_conv3d(x3, w, NULL, NULL));
    REFUSED(SHAPE, "tg_conv1d: the window of 9 does not fit into the length of 5 with its padding (inputs [1,2,5] float32, [2,2,3] float32)",
            tg_conv1d(x, w, NULL, &(tg_conv1d_options){.dilation = 4}));
    REFUSED(ARG, "tg_conv_transpose1d: the output padding is 2; it must be at least 0 and less than the stride of 2",
            tg_conv_transpose1d(x, w, NULL, &(tg_conv_transpose1d_options){.stride = 2, .output_padding = 2}));
    REFUSED(SHAPE, "tg_conv_transpose1d: the result would have no element along axis 2, or too many",
            tg_conv_transpose1d(x, w, NULL, &(tg_conv_transpose1d_options){.padding = 4}));
    REFUSED(SHAPE, "tg_conv_transpose1d: the result would have no element along axis 2, or too many",
            tg_conv_transpose1d(x, w, NULL, &(tg_conv_transpose1d_options){.stride = INT64_MAX}));
    REFUSED(SHAPE, "tg_conv_transpose2d: takes 4 dimensions and a weight [input channels, output channels / groups, …], not [1,2,5] and [2,2,3]",
            tg_conv_transpose2d(x, w, NULL, NULL));
    REFUSED(SHAPE, "tg_conv_transpose1d: the bias has one element for each output channel, not [2,2,3]", tg_conv_transpose1d(x, w, w, NULL));
    REFUSED(ARG, "tg_conv_transpose1d: the number of groups is -1", tg_conv_transpose1d(x, w, NULL, &(tg_conv_transpose1d_options){.groups = -1}));
    REFUSED(ARG, "tg_max_pool1d: the padding of 2 is more than half the kernel of 3: a window could see nothing",
            tg_max_pool1d(x, &(tg_pool1d_options){.kernel = 3, .padding = 2}));
    REFUSED(ARG, "tg_max_pool1d: a window with this padding and dilation would see nothing",
            tg_max_pool1d(x, &(tg_pool1d_options){.kernel = 2, .padding = 1, .dilation = 6}));
    REFUSED(SHAPE, "tg_avg_pool3d: takes 5 dimensions, [batch, channels, depth, height, width] (input [1,2,5] float32)", tg_avg_pool3d(x, NULL));
    REFUSED(ARG, "tg_lp_pool1d: p is 0; it must be finite and more than 0", tg_lp_pool1d(x, 0, NULL));
    REFUSED(DTYPE, "tg_max_pool1d: takes float32 or float64, got int64; tg_to(x, TG_F32) converts (inputs [1,2,5] int64, [1,2,5] int64)", tg_max_pool1d(i, NULL));
    REFUSED(ARG, "tg_adaptive_avg_pool1d: the size of the result is 0; it must be more than 0", tg_adaptive_avg_pool1d(x, 0));
    REFUSED(SHAPE, "tg_adaptive_max_pool1d: tg_max_pool1d: there is nothing to pool in planes of size 0 (inputs [1,2,0] float32, [1,2,0] float32)",
            tg_adaptive_max_pool1d(tg_zeros(t, TG_SHAPE(1, 2, 0)), 2));
    assert_true(!tg_conv1d(NULL, w, NULL, NULL) && !tg_conv_transpose1d(x, NULL, NULL, NULL) && !tg_max_pool3d(NULL, NULL) && !tg_adaptive_avg_pool2d(NULL, 1, 1));
    assert_null(tg_error(t));
    tg_tape_free(t);
}

static void test_errors_of_images(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *x = tg_ones(t, TG_SHAPE(1, 2, 4, 4)), *columns = tg_ones(t, TG_SHAPE(1, 8, 9)), *empty = tg_zeros(t, TG_SHAPE(1, 1, 0));
    const tg_patch_options two = {.kernel = {2, 2}};
    REFUSED(SHAPE, "tg_unfold: takes [batch, channels, height, width], not [1,8,9]", tg_unfold(columns, &two));
    REFUSED(SHAPE, "tg_unfold: the window does not fit into the height of 4 with its padding", tg_unfold(x, &(tg_patch_options){.kernel = {5, 1}}));
    REFUSED(ARG, "tg_unfold: the kernel is [2,0]; both must be positive, or both 0 for the usual one", tg_unfold(x, &(tg_patch_options){.kernel = {2, 0}}));
    REFUSED(SHAPE, "tg_fold: takes [batch, channels times kernel, windows], not [1,2,4,4]", tg_fold(x, 4, 4, &two));
    REFUSED(SHAPE, "tg_fold: planes of [4,5] have 12 windows of 4 elements, not 9 for 8 channels", tg_fold(columns, 4, 5, &two));
    REFUSED(SHAPE, "tg_fold: the size [-1,5] is negative", tg_fold(columns, -1, 5, &two));
    REFUSED(ARG, "tg_pixel_shuffle: the factor is 0; it must be more than 0, and its square a size", tg_pixel_shuffle(x, 0));
    REFUSED(SHAPE, "tg_pixel_shuffle: 2 channels are not a multiple of the factor's square, 4", tg_pixel_shuffle(x, 2));
    REFUSED(SHAPE, "tg_pixel_unshuffle: the height and width, 4 and 4, are not multiples of the factor 3", tg_pixel_unshuffle(x, 3));
    REFUSED(SHAPE, "tg_pixel_unshuffle: takes […, channels, height, width], not [2]", tg_pixel_unshuffle(tg_ones(t, TG_SHAPE(2)), 1));
    REFUSED(SHAPE, "tg_global_avg_pool: takes at least 3 dimensions, [batch, channels, …]", tg_global_avg_pool(tg_ones(t, TG_SHAPE(2, 2))));
    REFUSED(NULL, "tg_interpolate: the options are NULL; they say the size", tg_interpolate(x, NULL));
    REFUSED(ARG, "tg_interpolate: there is no mode 7", tg_interpolate(x, &(tg_interpolate_options){.mode = (tg_interpolation)7, .size = {1, 1}}));
    REFUSED(ARG, "tg_interpolate: axis 3 has the size 0 and the scale 0; give one of them, for a result of at least 1 element",
            tg_interpolate(x, &(tg_interpolate_options){.size = {1}}));
    REFUSED(ARG, "tg_interpolate: axis 2 has the size 0 and the scale 0.1; give one of them, for a result of at least 1 element",
            tg_interpolate(x, &(tg_interpolate_options){.scale = {0.1, 1}}));
    REFUSED(SHAPE, "tg_interpolate: axis 2 has no element", tg_interpolate(empty, &(tg_interpolate_options){.size = {2}}));
    REFUSED(SHAPE, "tg_interpolate: takes 3 to 5 dimensions, [batch, channels, …], not 1", tg_interpolate(tg_ones(t, TG_SHAPE(2)), &(tg_interpolate_options){.size = {2}}));
    assert_true(!tg_unfold(NULL, NULL) && !tg_fold(NULL, 1, 1, NULL) && !tg_pixel_shuffle(NULL, 2) && !tg_interpolate(NULL, NULL) && !tg_global_max_pool(NULL));
    assert_null(tg_error(t));
    tg_tape_free(t);
}

/* What has no weight counts nothing, and gets nothing, whatever it is. */
static void test_interpolation_beside_infinity(void **state)
{
    (void)state;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_set_requires_grad(tg_reshape(VECTOR(t, 1, 2, INFINITY), TG_SHAPE(1, 1, 3)), true), *g;
    tg_tensor *y = tg_interpolate(x, &(tg_interpolate_options){TG_LINEAR, .size = {5}, .align_corners = true});
    const double *v = tg_data_f64(y);
    assert_true(v[0] == 1 && v[1] == 1.5 && v[2] == 2 && v[3] == HUGE_VAL);
    y = tg_slice(y, 2, 0, 3, 1);
    assert_int_equal(tg_grad(&y, (tg_tensor *[]){tg_ones_like(y)}, 1, &x, 1, false, &g), TG_OK);
    v = tg_data_f64(g);
    assert_true(v[0] == 1.5 && v[1] == 1.5 && v[2] == 0);
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors_of_images), cmocka_unit_test(test_interpolation_beside_infinity),
        cmocka_unit_test(test_fewer_axes), cmocka_unit_test(test_layers),
        cmocka_unit_test(test_threads_change_nothing), cmocka_unit_test(test_long_rows), cmocka_unit_test(test_rounded_up), cmocka_unit_test(test_lp_of_zeros),
        cmocka_unit_test(test_transposed_is_the_gradient), cmocka_unit_test(test_grid_sample), cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
