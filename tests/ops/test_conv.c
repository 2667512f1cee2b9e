/* test_conv.c - tg_conv2d and its gradients against naive loops: strides, paddings, dilations, groups, channels and
 * planes that fill several tiles, strided inputs, sizes of 0, numbers of threads; what it refuses; the loops underneath
 * for each instruction set. Inputs are multiples of 1/8, so that all sums are exact and have to agree to the last bit.
 */
#include "op_test.h"

#include "kernels/conv.h"

typedef struct conv_case {
    int64_t         n, c, h, w, o, kh, kw; /* w [o, c / groups, kh, kw] */
    tg_conv_options options;
} conv_case;

enum { BIG = 1 << 16 };

typedef struct values {
    tg_shape x, w, b, y;
    double   vx[BIG], vw[BIG], vb[BIG], vg[BIG]; /* g: the gradient of y */
    double   y_want[BIG], dx[BIG], dw[BIG], db[BIG];
} values;

static int64_t one_if_0(int64_t k) { return k ? k : 1; }

static int64_t out_size(int64_t size, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation)
{
    return (size + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1;
}

static void fill(double *v, const tg_shape *s, uint64_t *seed)
{
    assert_in_range(count_of(s), 0, BIG);
    draw_multiples(v, count_of(s), 8, 0.125, seed);
}

/* All by definition: y, and what the gradient g of y makes of x, w and the bias. */
static void naive(const conv_case *k, values *v)
{
    const tg_conv_options *o      = &k->options;
    const int64_t          groups = one_if_0(o->groups), in = k->c / groups, out = k->o / groups;
    for (int64_t i = 0; i < count_of(&v->x); i++) v->dx[i] = 0;
    for (int64_t i = 0; i < count_of(&v->w); i++) v->dw[i] = 0;
    for (int64_t i = 0; i < k->o; i++) v->db[i] = 0;
    for (int64_t i = 0; i < count_of(&v->y); i++) {
        int64_t at[TG_MAX_RANK];
        coordinates(&v->y, i, at);
        v->y_want[i] = v->vb[at[1]];
        v->db[at[1]] += v->vg[i];
        for (int64_t c = 0; c < in; c++)
            for (int64_t a = 0; a < k->kh; a++)
                for (int64_t b = 0; b < k->kw; b++) {
                    const int64_t row = at[2] * one_if_0(o->stride[0]) - o->padding[0] + a * one_if_0(o->dilation[0]);
                    const int64_t col = at[3] * one_if_0(o->stride[1]) - o->padding[1] + b * one_if_0(o->dilation[1]);
                    if (row < 0 || row >= k->h || col < 0 || col >= k->w) continue;
                    const int64_t x = position(&v->x, (int64_t[]){at[0], at[1] / out * in + c, row, col});
                    const int64_t w = position(&v->w, (int64_t[]){at[1], c, a, b});
                    v->y_want[i] += v->vx[x] * v->vw[w];
                    v->dx[x] += v->vg[i] * v->vw[w];
                    v->dw[w] += v->vg[i] * v->vx[x];
                }
    }
}

static values *values_of(const conv_case *k)
{
    const tg_conv_options *o    = &k->options;
    values                *v    = malloc(sizeof *v);
    uint64_t               seed = 11;
    assert_non_null(v);
    v->x = (tg_shape){4, {k->n, k->c, k->h, k->w}};
    v->w = (tg_shape){4, {k->o, k->c / one_if_0(o->groups), k->kh, k->kw}};
    v->b = (tg_shape){1, {k->o}};
    v->y =
        (tg_shape){4,
                   {k->n, k->o, out_size(k->h, k->kh, one_if_0(o->stride[0]), o->padding[0], one_if_0(o->dilation[0])),
                    out_size(k->w, k->kw, one_if_0(o->stride[1]), o->padding[1], one_if_0(o->dilation[1]))}};
    fill(v->vx, &v->x, &seed);
    fill(v->vw, &v->w, &seed);
    fill(v->vb, &v->b, &seed);
    fill(v->vg, &v->y, &seed);
    naive(k, v);
    return v;
}

static void check(const conv_case *k, const values *v, tg_dtype d, layout l, int threads)
{
    tg_tape   *t = tg_tape_new(&(tg_tape_options){.silent = true, .threads = threads});
    tg_tensor *x = tg_set_requires_grad(tg_contiguous(laid(t, d, &v->x, v->vx, PLAIN)), true), *w, *b, *y, *g, *got[3];
    assert_non_null(x);
    if (l != PLAIN) x = laid(t, d, &v->x, v->vx, l);
    w = laid(t, d, &v->w, v->vw, l);
    b = laid(t, d, &v->b, v->vb, l);
    g = laid(t, d, &v->y, v->vg, l);
    if (l == PLAIN) {
        w = tg_set_requires_grad(w, true);
        b = tg_set_requires_grad(b, true);
    }
    y = tg_conv2d(x, w, b, &k->options);
    if (!y) fail_msg("%s", tg_error(t));
    assert_values(y, d, &v->y, v->y_want, 0);
    if (l == PLAIN) {
        assert_int_equal(tg_grad(&y, &g, 1, (tg_tensor *[]){x, w, b}, 3, false, got), TG_OK);
        assert_values(got[0], d, &v->x, v->dx, 0);
        assert_values(got[1], d, &v->w, v->dw, 0);
        assert_values(got[2], d, &v->b, v->db, 0);
    }
    tg_tape_free(t);
}

static const conv_case cases[] = {
    {1, 1, 1, 1, 1, 1, 1, {{0}, {0}, {0}, .groups = 0}},
    {2, 3, 5, 6, 4, 3, 3, {{0}, {0}, {0}, .groups = 0}},
    {2, 3, 5, 6, 4, 3, 3, {{1, 1}, {1, 1}, {1, 1}, .groups = 1}},
    {1, 2, 7, 9, 3, 3, 2, {{2, 3}, {0}, {0}, .groups = 0}},
    {1, 2, 8, 8, 3, 3, 3, {{2, 2}, {1, 1}, {0}, .groups = 0}},
    {1, 2, 9, 9, 2, 3, 3, {{1, 1}, {2, 2}, {2, 2}, .groups = 0}},
    {2, 2, 10, 7, 2, 2, 3, {{2, 1}, {1, 3}, {3, 2}, .groups = 0}},
    {2, 4, 6, 5, 6, 3, 3, {{1, 1}, {1, 1}, {0}, .groups = 2}},
    {2, 6, 5, 5, 6, 3, 3, {{1, 1}, {1, 1}, {0}, .groups = 6}}, /* each channel for itself */
    {1, 3, 5, 5, 12, 2, 2, {{0}, {0}, {0}, .groups = 3}},
    {1, 1, 3, 3, 2, 3, 3, {{0}, {0}, {0}, .groups = 0}},    /* one window */
    {1, 1, 2, 2, 2, 5, 4, {{0}, {2, 1}, {0}, .groups = 0}}, /* a kernel larger than the input without its padding */
    {1, 2, 3, 3, 2, 1, 1, {{4, 4}, {0}, {0}, .groups = 0}},
    {1, 2, 4, 4, 2, 1, 1, {{1, 1}, {3, 3}, {0}, .groups = 0}}, /* windows of nothing but padding */
    {3, 1, 28, 28, 8, 5, 5, {{0}, {0}, {0}, .groups = 0}},
    {3, 8, 12, 12, 16, 5, 5, {{0}, {0}, {0}, .groups = 0}},
    {2, 40, 9, 9, 17, 3, 3, {{1, 1}, {1, 1}, {0}, .groups = 0}}, /* more channels than a panel holds */
    {1, 3, 3, 1100, 2, 2, 3, {{1, 2}, {0, 1}, {0}, .groups = 0}},
    {1, 2, 2, 1200, 3, 1, 2, {{0}, {0}, {0}, .groups = 0}}, /* rows longer than a tile */
    {1, 16, 32, 32, 3, 1, 1, {{0}, {0}, {0}, .groups = 0}},
    {9, 2, 6, 6, 3, 3, 3, {{0}, {0}, {0}, .groups = 0}}, /* more images than chunks */
    {1, 1, 40, 3, 1, 3, 3, {{0}, {0}, {0}, .groups = 0}},
    {2, 3, 33, 21, 6, 3, 3, {{1, 1}, {1, 1}, {0}, .groups = 3}}, /* single channels, from here on: with two kernels each */
    {1, 2, 5, 6, 2, 3, 3, {{1, 1}, {4, 5}, {0}, .groups = 2}},   /* more padding than the kernel reaches over */
    {1, 2, 12, 9, 4, 3, 2, {{1, 1}, {0, 3}, {2, 4}, .groups = 2}},
    {1, 2, 1100, 5, 2, 2, 2, {{1, 1}, {0}, {0}, .groups = 2}}, /* more rows than are added up together */
    {1, 2, 3, 4200, 2, 2, 9, {{1, 1}, {1, 0}, {0}, .groups = 2}},
    {1, 2, 9, 8, 4, 3, 3, {{2, 1}, {1, 1}, {0}, .groups = 2}}, /* windows that move by more */
};

static void test_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        values *v = values_of(&cases[i]);
        check(&cases[i], v, TG_F32, PLAIN, 1);
        check(&cases[i], v, TG_F64, PLAIN, 1);
        for (layout l = TRANSPOSED; l < N_LAYOUTS; l++) check(&cases[i], v, TG_F32, l, 1);
        free(v);
    }
}

/* Numbers whose sums are rounded: any other order of addition would show. */
static void test_threads(void **state)
{
    const tg_shape *xs = TG_SHAPE(13, 6, 20, 20), *ws = TG_SHAPE(9, 6, 3, 3);
    float          *first = NULL;
    (void)state;
    for (int threads = 1; threads <= 4; threads++) {
        tg_tape   *t = tg_tape_new(&(tg_tape_options){.seed = 5, .threads = threads});
        tg_tensor *x = tg_param(t, "x", tg_randn(t, xs)), *w = tg_param(t, "w", tg_randn(t, ws)),
                  *b = tg_param(t, "b", tg_randn(t, TG_SHAPE(9)));
        tg_tensor *y = tg_want(tg_conv2d(x, w, b, &(tg_conv_options){.padding = {1, 1}}));
        assert_int_equal(tg_backward(tg_sum(tg_square(y), TG_ALL_AXES, false)), TG_OK);
        tg_tensor   *all[] = {y, tg_grad_of(x), tg_grad_of(w), tg_grad_of(b)};
        const size_t bytes =
            (size_t)(tg_numel(all[0]) + tg_numel(all[1]) + tg_numel(all[2]) + tg_numel(all[3])) * sizeof(float);
        float *got = malloc(bytes), *at = got;
        assert_non_null(got);
        for (int i = 0; i < 4; at += tg_numel(all[i++]))
            assert_int_equal(tg_copy_to(all[i], at, (size_t)tg_numel(all[i]) * sizeof *at), TG_OK);
        if (first) assert_memory_equal(got, first, bytes);
        if (first)
            free(got);
        else
            first = got;
        tg_tape_free(t);
    }
    free(first);
}

static void test_nothing(void **state)
{
    static const double zero[64];
    tg_tape            *t = quiet(TG_F32);
    (void)state;
    tg_tensor *w = tg_set_requires_grad(tg_ones(t, TG_SHAPE(2, 1, 2, 2)), true),
              *b = tg_set_requires_grad(tensor(t, TG_F32, TG_SHAPE(2), (double[]){1, 2}), true);
    tg_tensor *y = tg_conv2d(tg_zeros(t, TG_SHAPE(0, 1, 4, 4)), w, b, NULL), *got[2];
    assert_values(y, TG_F32, TG_SHAPE(0, 2, 3, 3), NULL, 0);
    assert_int_equal(tg_backward(tg_sum(y, TG_ALL_AXES, false)), TG_OK); /* no image: no gradient but zeros */
    assert_values(tg_grad_of(w), TG_F32, TG_SHAPE(2, 1, 2, 2), zero, 0);
    assert_values(tg_grad_of(b), TG_F32, TG_SHAPE(2), zero, 0);

    tg_tensor *x    = tg_set_requires_grad(tg_zeros(t, TG_SHAPE(1, 0, 2, 2)), true),
              *none = tg_set_requires_grad(tg_zeros(t, TG_SHAPE(2, 0, 1, 1)), true);
    y               = tg_conv2d(x, none, b, NULL); /* no channel: the bias */
    assert_values(y, TG_F32, TG_SHAPE(1, 2, 2, 2), (double[]){1, 1, 1, 1, 2, 2, 2, 2}, 0);
    tg_tensor *seed = tg_ones_like(y);
    assert_int_equal(tg_grad(&y, &seed, 1, (tg_tensor *[]){x, none}, 2, false, got), TG_OK);
    assert_values(got[0], TG_F32, TG_SHAPE(1, 0, 2, 2), NULL, 0);
    assert_values(got[1], TG_F32, TG_SHAPE(2, 0, 1, 1), NULL, 0);

    x = tg_set_requires_grad(tg_ones(t, TG_SHAPE(1, 1, 2, 2)), true);
    y = tg_conv2d(x, tg_ones(t, TG_SHAPE(0, 1, 2, 2)), NULL, NULL); /* no output channel */
    assert_values(y, TG_F32, TG_SHAPE(1, 0, 1, 1), NULL, 0);
    assert_int_equal(tg_backward(tg_sum(y, TG_ALL_AXES, false)), TG_OK);
    assert_values(tg_grad_of(x), TG_F32, TG_SHAPE(1, 1, 2, 2), zero, 0);
    y = tg_conv2d(tg_zeros(t, TG_SHAPE(1, 1, 0, 3)), w, b, &(tg_conv_options){.padding = {1, 0}}); /* padding alone */
    assert_values(y, TG_F32, TG_SHAPE(1, 2, 1, 2), (double[]){1, 1, 2, 2}, 0);
    tg_tape_free(t);
}

static void test_refused(void **state)
{
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *x = tg_zeros(t, TG_SHAPE(1, 4, 5, 6)), *w = tg_zeros(t, TG_SHAPE(6, 4, 3, 3)),
              *b = tg_zeros(t, TG_SHAPE(6));
    (void)state;
#define CONV(...) tg_conv2d(x, w, b, &(tg_conv_options){__VA_ARGS__})
    assert_error(t, CONV(.stride = {0, 1}), TG_ERR_ARG,
                 "tg_conv2d: the stride is [0,1]; both must be positive, or both 0 for the usual one");
    assert_error(t, CONV(.stride = {-1, -1}), TG_ERR_ARG,
                 "tg_conv2d: the stride is [-1,-1]; both must be positive, or both 0 for the usual one");
    assert_error(t, CONV(.dilation = {2, 0}), TG_ERR_ARG,
                 "tg_conv2d: the dilation is [2,0]; both must be positive, or both 0 for the usual one");
    assert_error(t, CONV(.padding = {0, -1}), TG_ERR_ARG, "tg_conv2d: the padding is [0,-1]; it can't be negative");
    assert_error(t, CONV(.groups = -2), TG_ERR_ARG, "tg_conv2d: the number of groups is -2");
    const char *inputs = "(inputs [1,4,5,6] float32, [6,4,3,3] float32, [6] float32)";
    char        text[300];
#define SAYS(S) (snprintf(text, sizeof text, "tg_conv2d: %s %s", S, inputs), text)
    assert_error(t, CONV(.groups = 4), TG_ERR_ARG, SAYS("4 groups do not divide the weight's 6 output channels"));
    assert_error(t, CONV(.groups = 2), TG_ERR_SHAPE,
                 SAYS("the weight takes 4 channels in each of 2 groups, the input has 4"));
    assert_error(t, CONV(.dilation = {3, 1}), TG_ERR_SHAPE,
                 SAYS("the window of 7 does not fit into the height of 5 with its padding"));
    assert_error(t, CONV(.dilation = {1, 3}), TG_ERR_SHAPE,
                 SAYS("the window of 7 does not fit into the width of 6 with its padding"));
    assert_error(t, CONV(.dilation = {INT64_MAX, 1}), TG_ERR_ARG, SAYS("the padding or the dilation is too large"));
    assert_error(t, CONV(.padding = {INT64_MAX / 2 + 1, 1}), TG_ERR_ARG, SAYS("the padding or the dilation is too large"));
    inputs = "(inputs [4,5,6] float32, [6,4,3,3] float32)";
    assert_error(t, tg_conv2d(tg_zeros(t, TG_SHAPE(4, 5, 6)), w, NULL, NULL), TG_ERR_SHAPE,
                 SAYS("takes 4 dimensions, [batch, channels, height, width]"));
    inputs = "(inputs [1,4,5,6] float32, [6] float32)";
    assert_error(t, tg_conv2d(x, b, NULL, NULL), TG_ERR_SHAPE,
                 SAYS("takes 4 dimensions, [batch, channels, height, width]"));
    inputs = "(inputs [1,4,5,6] float32, [6,4,3,3] float32, [1] float32)";
    assert_error(t, tg_conv2d(x, w, tg_zeros(t, TG_SHAPE(1)), NULL), TG_ERR_SHAPE,
                 SAYS("the bias has one element for each of 6 output channels"));
    inputs = "(inputs [1,4,5,6] float32, [6,4,3,3] float64)";
    assert_error(t, tg_conv2d(x, tg_to(w, TG_F64), NULL, NULL), TG_ERR_DTYPE,
                 SAYS("the dtypes differ; convert one with tg_to"));
    inputs = "(inputs [1,4,5,6] uint8, [6,4,3,3] float32)";
    assert_error(t, tg_conv2d(tg_to(x, TG_U8), w, NULL, NULL), TG_ERR_DTYPE,
                 SAYS("takes float32 or float64, got uint8; tg_to(x, TG_F32) converts"));
    inputs = "(inputs [1,4,5,6] float32, [6,4,0,3] float32)";
    assert_error(t, tg_conv2d(x, tg_zeros(t, TG_SHAPE(6, 4, 0, 3)), NULL, NULL), TG_ERR_SHAPE,
                 SAYS("the kernel has size 0"));
    assert_null(tg_conv2d(NULL, w, b, NULL));
    assert_null(tg_conv2d(x, NULL, b, NULL));
    assert_null(tg_error(t));
    tg_tape_free(t);
}

/* A plane whose number of elements, with its padding, does not fit into 64 bits, whatever is left of it there: of the convolution and of both its
 * gradients, and where groups have one channel each. */
static void test_padding_too_large(void **state)
{
    const int64_t p = (1 << 21) - 1, d = (1 << 22) - 1, far = (1ll << 31) - 1, wide = (1ll << 32) - 1;
    (void)state;
    for (int64_t groups = 1; groups <= 2; groups++) {
        tg_tape   *t = quiet(TG_F32);
        tg_tensor *x[] = {tg_ones(t, TG_SHAPE(1, 2, 2, 2)), tg_ones(t, TG_SHAPE(1, 2, 2, 2, 2))};
        tg_tensor *w[] = {tg_ones(t, TG_SHAPE(2, 2 / groups, 2, 2)), tg_ones(t, TG_SHAPE(2, 2 / groups, 2, 2, 2))};
        for (int k = 0; k < 2; k++) tg_set_requires_grad(x[k], true), tg_set_requires_grad(w[k], true);
        tg_tensor *y[] = {tg_conv2d(x[0], w[0], NULL, &(tg_conv_options){.padding = {far, far}, .dilation = {wide, wide}, .groups = groups}),
                          tg_conv3d(x[1], w[1], NULL, &(tg_conv3d_options){.padding = {p, p, p}, .dilation = {d, d, d}, .groups = groups})};
        for (int k = 0; k < 2; k++) {
            tg_tensor *seed = tg_ones_like(y[k]), *got[2];
            assert_int_equal(tg_grad(&y[k], &seed, 1, (tg_tensor *[]){x[k], w[k]}, 2, false, got), TG_OK);
            tg_tensor *all[] = {y[k], got[0], got[1]};
            for (int i = 0; i < 3; i++) {
                assert_null(tg_data(all[i]));
                assert_int_equal(tg_error_status(t), TG_ERR_MEMORY);
                assert_non_null(strstr(tg_error(t), "the padded input is too large"));
                tg_clear_error(t);
            }
        }
        tg_tape_free(t);
    }
}

/* ---- the loops underneath ---------------------------------------------------------------------------------------- */

static void check_rows(const tg_conv_loops *l, tg_dtype d, int64_t cols, int64_t step)
{
    enum { ROWS = 3, ROOM = 1024 };
    static double plane[ROOM], flat[ROOM];
    const int64_t pitch = cols * step + 1;
    for (int64_t i = 0; i < ROOM; i++) put(plane, d, i, (double)i);
    for (int64_t i = 0; i < ROOM; i++) put(flat, d, i, -1);
    const tg_conv_rows r = {.plane = plane, .pitch = pitch, .step = step, .flat = flat, .rows = ROWS, .cols = cols};
    l->take_rows(&r);
    for (int64_t i = 0; i < ROWS * cols; i++)
        assert_true(get(flat, d, i) == (double)(i / cols * pitch + i % cols * step));
    l->add_rows(&r);
    for (int64_t i = 0; i < ROOM; i++) { /* what was taken is there twice */
        const bool taken = i / pitch < ROWS && i % pitch % step == 0 && i % pitch / step < cols;
        assert_true(get(plane, d, i) == (double)i * (taken ? 2 : 1));
    }
}

static void test_rows(void **state)
{
    (void)state;
    for (tg_isa isa = TG_ISA_BASE; isa < TG_NISAS; isa++)
        for (tg_dtype d = TG_F32; d <= TG_F64; d++) {
            const tg_conv_loops *l = tg_isa_conv(isa, d);
            for (int64_t cols = 1; l && cols <= 50; cols++)
                for (int64_t step = 1; step <= 3; step++) check_rows(l, d, cols, step);
        }
}

static void check_turn(const tg_conv_loops *l, tg_dtype d, int64_t rows, int64_t cols)
{
    static double from[512], to[512];
    for (int64_t i = 0; i < 512; i++) put(from, d, i, (double)i);
    for (int64_t i = 0; i < 512; i++) put(to, d, i, -1);
    l->turn(rows, cols, to, rows + 2, from, cols + 1);
    for (int64_t i = 0; i < 512; i++) {
        const int64_t k = i / (rows + 2), r = i % (rows + 2);
        assert_true(get(to, d, i) == (k < cols && r < rows ? (double)(r * (cols + 1) + k) : -1));
    }
}

/* Against sums in long double, with what lies behind the rows untouched but for the rest of a vector. */
static void check_taps(const tg_conv_loops *l, tg_dtype d, int64_t cols, int64_t taps)
{
    enum { ROWS = 3, ROOM = 1024 };
    static double x[ROOM], w[32], y[ROOM], g[ROOM], sum[32];
    const void   *from[32];
    const int64_t pitch = cols + 3, item = (int64_t)tg_dtype_size(d);
    const double  near = d == TG_F32 ? 1e-5 : 1e-13;
    for (int64_t i = 0; i < ROOM; i++) put(x, d, i, sin((double)i)), put(g, d, i, cos((double)(i * i))), put(y, d, i, 99);
    for (int64_t t = 0; t < taps; t++) put(w, d, t, (double)t - 2.5), sum[t] = (double)t, from[t] = (char *)x + (7 * t + 1) * item;
    l->filter(cols, y, 0.5, taps, from, w);
    for (int64_t k = 0; k < cols; k++) {
        long double want = 0.5L;
        for (int64_t t = 0; t < taps; t++) want += (long double)get(w, d, t) * (long double)get(x, d, 7 * t + 1 + k);
        assert_true(fabsl((long double)get(y, d, k) - want) <= (long double)near * 50);
    }
    assert_true(get(y, d, cols + l->lanes) == 99);
    l->dots(ROWS, cols, g, pitch, taps, from, sum);
    for (int64_t t = 0; t < taps; t++) {
        long double want = t;
        for (int64_t k = 0; k < ROWS * cols; k++) want += (long double)get(g, d, k) * (long double)get(x, d, 7 * t + 1 + k / cols * pitch + k % cols);
        assert_true(fabsl((long double)sum[t] - want) <= (long double)near * 50);
    }
}

static void test_taps(void **state)
{
    (void)state;
    for (tg_isa isa = TG_ISA_BASE; isa < TG_NISAS; isa++)
        for (tg_dtype d = TG_F32; d <= TG_F64; d++)
            for (int64_t taps = 0; tg_isa_conv(isa, d) && taps <= 19; taps++)
                for (int64_t cols = 1; cols <= 140; cols += cols < 40 ? 1 : 25) check_taps(tg_isa_conv(isa, d), d, cols, taps);
}

/* Each channel for itself: an infinity reaches the taps that see it, and no others, in whatever row it is. */
static void test_infinity_stays(void **state)
{
    tg_tape   *t = quiet(TG_F32);
    float      x[18] = {0}, w[8] = {0};
    (void)state;
    x[2] = INFINITY; /* at the end of the first row: tap [0,1] of channel 0 alone sees it */
    tg_tensor *weight = tg_set_requires_grad(tg_from_f32(t, TG_SHAPE(2, 1, 2, 2), w), true);
    tg_tensor *y = tg_conv2d(tg_from_f32(t, TG_SHAPE(1, 2, 3, 3), x), weight, NULL, &(tg_conv_options){.groups = 2});
    assert_int_equal(tg_backward(tg_sum_all(y)), TG_OK);
    const float *dw = tg_data_f32(tg_grad_of(weight));
    for (int k = 0; k < 8; k++) assert_true(k == 1 ? isinf(dw[k]) : dw[k] == 0);
    tg_tape_free(t);
}

/* The same of an infinite weight: what it does not see has the gradient of the other taps, and what no window sees has 0. */
static void test_infinite_weight_stays(void **state)
{
    tg_tape   *t = quiet(TG_F32);
    tg_tensor *x = tg_set_requires_grad(tg_ones(t, TG_SHAPE(1, 2, 5)), true), *got;
    (void)state;
    for (int dilation = 1; dilation <= 4; dilation += 3)
        for (int groups = 1; groups <= 2; groups++) {
            const int64_t taps = dilation == 1 ? 3 : 2, in = 2 / groups;
            float         w[12];
            for (int64_t k = 0; k < 2 * in * taps; k++) w[k] = k % (in * taps) ? 1 : INFINITY;
            tg_tensor *y = tg_conv1d(x, tg_from_f32(t, TG_SHAPE(2, in, taps), w), NULL, &(tg_conv1d_options){.dilation = dilation, .groups = groups});
            tg_tensor *seed = tg_ones_like(y);
            assert_int_equal(tg_grad(&y, &seed, 1, &x, 1, false, &got), TG_OK);
            const float *dx = tg_data_f32(got), each = (float)(2 / groups); /* outputs that see a channel */
            assert_true(isinf(dx[0]));
            for (int k = 1; k < 5; k++) {
                if (dilation == 4) assert_true(dx[k] == (k == 4 ? each : 0));
                else assert_true(k < 3 ? isinf(dx[k]) : dx[k] == each * (float)(5 - k));
            }
        }
    tg_tape_free(t);
}

static void test_turn(void **state)
{
    (void)state;
    for (tg_isa isa = TG_ISA_BASE; isa < TG_NISAS; isa++)
        for (tg_dtype d = TG_F32; d <= TG_F64; d++)
            for (int64_t rows = 0; tg_isa_conv(isa, d) && rows <= 13; rows++)
                for (int64_t cols = 0; cols <= 13; cols++) check_turn(tg_isa_conv(isa, d), d, rows, cols);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),  cmocka_unit_test(test_threads), cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_padding_too_large),
        cmocka_unit_test(test_rows), cmocka_unit_test(test_taps), cmocka_unit_test(test_infinity_stays),
        cmocka_unit_test(test_infinite_weight_stays), cmocka_unit_test(test_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
