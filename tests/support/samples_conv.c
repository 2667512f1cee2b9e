/* samples_conv.c - samples of convolution and pooling over one, two and three axes: as many as the first input has behind two. */
#include "samples.h"

#include "ops/window/window.h"

/* A pair of numbers, height's and width's, by axis: one axis has the second one alone, and depth has that of the height. */
typedef struct triple {
    int64_t of[3];
} triple;
static triple spread(const int64_t *pair) { return (triple){{pair[0], pair[0], pair[1]}}; }

static int axes_of(const sample *s) { return s->in[0].shape.rank - 2; }

/* ---- convolution: shape holds {stride, stride, padding, padding, dilation, dilation, groups}, keepdim: padding of the same size; of gradients:
 * step, start and stop are the sizes of x, axes those of w ---- */

static tg_tensor *f_conv(void *ctx, tg_tensor *const *in)
{
    const sample  *s = ctx;
    const int64_t *d = s->shape.dim;
    tg_tensor     *b = sample_inputs(s) > 2 ? in[2] : NULL;
    if (axes_of(s) == 1) return tg_conv1d(in[0], in[1], b, &(tg_conv1d_options){d[1], d[3], d[5], d[6], s->keepdim});
    if (axes_of(s) == 2)
        return tg_conv2d(in[0], in[1], b, &(tg_conv_options){{d[0], d[1]}, {d[2], d[3]}, {d[4], d[5]}, d[6], s->keepdim});
    return tg_conv3d(in[0], in[1], b, &(tg_conv3d_options){{d[0], d[0], d[1]}, {d[2], d[2], d[3]}, {d[4], d[4], d[5]}, d[6], s->keepdim});
}

static tg_window window_of(const sample *s, triple size, triple stride, triple padding, triple dilation)
{
    tg_window w = tg_window_of(axes_of(s));
    for (int k = TG_WINDOW_AXES - axes_of(s); k < TG_WINDOW_AXES; k++) {
        w.size[k] = size.of[k];
        w.stride[k] = stride.of[k];
        w.padding[k] = w.behind[k] = padding.of[k];
        w.dilation[k] = dilation.of[k] ? dilation.of[k] : 1;
    }
    return w;
}

static void set_plane(const sample *s, int64_t plane[TG_WINDOW_AXES])
{
    const int64_t all[] = {s->step, s->start, s->stop};
    for (int k = 0; k < TG_WINDOW_AXES; k++) plane[k] = k < TG_WINDOW_AXES - axes_of(s) ? 1 : all[k];
}

/* The two gradients' ops, which only gradients record. */
static tg_tensor *f_conv_gradient(void *ctx, tg_tensor *const *in)
{
    const sample  *s = ctx;
    const int64_t *d = s->shape.dim;
    const int     *k = s->axes.axis;
    tg_conv_attr   a = {.window = window_of(s, (triple){{k[0], k[0], k[1]}}, spread(d), spread(d + 2), spread(d + 4)), .groups = d[6]};
    set_plane(s, a.plane);
    return tg_record(s->op, in, 2, &a, sizeof a);
}

/* stop is the output padding */
static tg_tensor *f_conv_transpose(void *ctx, tg_tensor *const *in)
{
    const sample  *s = ctx;
    const int64_t *d = s->shape.dim, e = s->stop;
    tg_tensor     *b = sample_inputs(s) > 2 ? in[2] : NULL;
    if (axes_of(s) == 1)
        return tg_conv_transpose1d(in[0], in[1], b, &(tg_conv_transpose1d_options){d[1], d[3], d[5], e, d[6]});
    if (axes_of(s) == 2)
        return tg_conv_transpose2d(in[0], in[1], b, &(tg_conv_transpose2d_options){{d[0], d[1]}, {d[2], d[3]}, {d[4], d[5]}, {e, e}, d[6]});
    return tg_conv_transpose3d(in[0], in[1], b,
                               &(tg_conv_transpose3d_options){{d[0], d[0], d[1]}, {d[2], d[2], d[3]}, {d[4], d[4], d[5]}, {e, e, e}, d[6]});
}

/* ---- pooling: shape holds {kernel, kernel, stride, stride, padding, padding, dilation}, axis: padding does not count, keepdim: sizes are
 * rounded up, number: p; of gradients: step, start and stop are the sizes of x ---- */

typedef struct pool_options {
    tg_pool1d_options one;
    tg_pool_options   two;
    tg_pool3d_options three;
} pool_options;

static pool_options pool_options_of(const sample *s)
{
    const int64_t *d = s->shape.dim;
    const bool     e = s->axis != 0, c = s->keepdim;
    return (pool_options){{d[1], d[3], d[5], e, c, d[6]},
                          {{d[0], d[1]}, {d[2], d[3]}, {d[4], d[5]}, e, c, {d[6], d[6]}},
                          {{d[0], d[0], d[1]}, {d[2], d[2], d[3]}, {d[4], d[4], d[5]}, e, c, {d[6], d[6], d[6]}}};
}
static tg_tensor *f_max_pool(void *ctx, tg_tensor *const *in)
{
    const pool_options o = pool_options_of(ctx);
    const int          n = axes_of(ctx);
    return n == 1 ? tg_max_pool1d(in[0], &o.one) : n == 2 ? tg_max_pool2d(in[0], &o.two) : tg_max_pool3d(in[0], &o.three);
}
static tg_tensor *f_avg_pool(void *ctx, tg_tensor *const *in)
{
    const pool_options o = pool_options_of(ctx);
    const int          n = axes_of(ctx);
    return n == 1 ? tg_avg_pool1d(in[0], &o.one) : n == 2 ? tg_avg_pool2d(in[0], &o.two) : tg_avg_pool3d(in[0], &o.three);
}
static tg_tensor *f_lp_pool(void *ctx, tg_tensor *const *in)
{
    const pool_options o = pool_options_of(ctx);
    const double       p = ((const sample *)ctx)->number;
    const int          n = axes_of(ctx);
    return n == 1 ? tg_lp_pool1d(in[0], p, &o.one) : n == 2 ? tg_lp_pool2d(in[0], p, &o.two) : tg_lp_pool3d(in[0], p, &o.three);
}
static tg_tensor *f_pool_gradient(void *ctx, tg_tensor *const *in)
{
    const sample  *s = ctx;
    const int64_t *d = s->shape.dim;
    tg_pool_attr   a = {.window  = window_of(s, spread(d), spread(d + 2), spread(d + 4), (triple){{d[6], d[6], d[6]}}),
                        .divisor = s->axis ? TG_POOL_ELEMENTS : TG_POOL_KERNEL};
    set_plane(s, a.plane);
    return tg_record(s->op, in, sample_inputs(s), &a, sizeof a);
}

/* step, start and stop are the sizes of the result */
static tg_tensor *f_adaptive_max_pool(void *ctx, tg_tensor *const *in)
{
    const sample *s = ctx;
    const int     n = axes_of(s);
    return n == 1   ? tg_adaptive_max_pool1d(in[0], s->stop)
           : n == 2 ? tg_adaptive_max_pool2d(in[0], s->start, s->stop)
                    : tg_adaptive_max_pool3d(in[0], s->step, s->start, s->stop);
}
static tg_tensor *f_adaptive_avg_pool(void *ctx, tg_tensor *const *in)
{
    const sample *s = ctx;
    const int     n = axes_of(s);
    return n == 1   ? tg_adaptive_avg_pool1d(in[0], s->stop)
           : n == 2 ? tg_adaptive_avg_pool2d(in[0], s->start, s->stop)
                    : tg_adaptive_avg_pool3d(in[0], s->step, s->start, s->stop);
}

/* ---- rows ---- */

#define OPTIONS(...) {7, {__VA_ARGS__}}
#define CONV(NAME, X, W_, ...) {.name = NAME, .f = f_conv, .in = {X, W_}, .shape = OPTIONS(__VA_ARGS__)}
#define SAME(NAME, X, W_, ...) {.name = NAME, .f = f_conv, .in = {X, W_}, .shape = OPTIONS(__VA_ARGS__), .keepdim = true}
#define CONV_BIAS(X, W_, B, ...) {.name = "conv2d", .f = f_conv, .in = {X, W_, B}, .shape = OPTIONS(__VA_ARGS__)}
#define TRANSPOSE(NAME, MORE, X, W_, ...) {.name = NAME, .f = f_conv_transpose, .in = {X, W_}, .stop = MORE, .shape = OPTIONS(__VA_ARGS__)}
#define TRANSPOSE_BIAS(NAME, MORE, X, W_, B, ...) \
    {.name = NAME, .f = f_conv_transpose, .in = {X, W_, B}, .stop = MORE, .shape = OPTIONS(__VA_ARGS__)}

/* The gradients of the convolution of x with w to y. */
#define GRADIENTS(NAME, X, W_, Y, XD, XH, XW, KH, KW, ...)                                                             \
    {.name  = #NAME "_dx",                                                                                             \
     .f     = f_conv_gradient,                                                                                         \
     .op    = &tg_op_##NAME##_dx,                                                                                      \
     .in    = {Y, W_},                                                                                                 \
     .step  = XD,                                                                                                      \
     .start = XH,                                                                                                      \
     .stop  = XW,                                                                                                      \
     .axes  = AXES(KH, KW),                                                                                            \
     .shape = OPTIONS(__VA_ARGS__)},                                                                                   \
    {                                                                                                                  \
        .name = #NAME "_dw", .f = f_conv_gradient, .op = &tg_op_##NAME##_dw, .in = {Y, X}, .step = XD, .start = XH,    \
        .stop = XW, .axes = AXES(KH, KW), .shape = OPTIONS(__VA_ARGS__)                                                \
    }
/* x [N,C,XH,XW], w [O,I,KH,KW], y [N,O,YH,YW] */
#define CONV_GRADIENTS(N, C, XH, XW, O, I, KH, KW, YH, YW, ...) \
    GRADIENTS(conv2d, FLOATS(N, C, XH, XW), FLOATS(O, I, KH, KW), FLOATS(N, O, YH, YW), 1, XH, XW, KH, KW, __VA_ARGS__)

/* The gradients of pooling x to y. */
#define POOL_GRADIENTS(AXES_, FIXED_X, Y, XD, XH, XW, EXCLUDE, ...)                                                    \
    {.name  = "max_pool" #AXES_ "_dx",                                                                                 \
     .f     = f_pool_gradient,                                                                                         \
     .op    = &tg_op_max_pool##AXES_##_dx,                                                                             \
     .in    = {FIXED_X, Y},                                                                                            \
     .step  = XD,                                                                                                      \
     .start = XH,                                                                                                      \
     .stop  = XW,                                                                                                      \
     .shape = OPTIONS(__VA_ARGS__)},                                                                                   \
    {                                                                                                                  \
        .name = "avg_pool" #AXES_ "_dx", .f = f_pool_gradient, .op = &tg_op_avg_pool##AXES_##_dx, .in = {Y},           \
        .step = XD, .start = XH, .stop = XW, .axis = EXCLUDE, .shape = OPTIONS(__VA_ARGS__)                            \
    }
#define FIXED(...) {S_FIXED, SHAPE(__VA_ARGS__), -2, 2}
/* x [N,C,XH,XW], y [N,C,YH,YW] */
#define POOL(N, C, XH, XW, YH, YW, EXCLUDE, ...)                                                                       \
    {.name = "max_pool2d", .f = f_max_pool, .in = {FLOATS(N, C, XH, XW)}, .shape = OPTIONS(__VA_ARGS__)},              \
        {.name = "avg_pool2d", .f = f_avg_pool, .in = {FLOATS(N, C, XH, XW)}, .axis = EXCLUDE, .shape = OPTIONS(__VA_ARGS__)}, \
        POOL_GRADIENTS(2d, FIXED(N, C, XH, XW), FLOATS(N, C, YH, YW), 1, XH, XW, EXCLUDE, __VA_ARGS__)
#define FORWARD(NAME, CEIL, EXCLUDE, X, ...) \
    {.name = #NAME, .f = f_##NAME##_, .in = {X}, .axis = EXCLUDE, .keepdim = CEIL, .shape = OPTIONS(__VA_ARGS__)}
#define LP(NAME, P, X, ...) {.name = NAME, .f = f_lp_pool, .in = {X}, .number = P, .shape = OPTIONS(__VA_ARGS__)}
#define ADAPTIVE(AXES_, X, D, H, W_)                                                                                   \
    {.name = "adaptive_max_pool" AXES_, .f = f_adaptive_max_pool, .in = {X}, .step = D, .start = H, .stop = W_},       \
    {                                                                                                                  \
        .name = "adaptive_avg_pool" AXES_, .f = f_adaptive_avg_pool, .in = {X}, .step = D, .start = H, .stop = W_      \
    }

#define f_max_pool1d_ f_max_pool
#define f_max_pool2d_ f_max_pool
#define f_max_pool3d_ f_max_pool
#define f_avg_pool1d_ f_avg_pool
#define f_avg_pool2d_ f_avg_pool
#define f_avg_pool3d_ f_avg_pool

static const sample rows[] = {
    CONV("conv2d", FLOATS(1, 1, 3, 3), FLOATS(1, 1, 2, 2), 0),
    CONV("conv2d", FLOATS(2, 2, 3, 4), FLOATS(3, 2, 2, 2), 0),
    CONV("conv2d", FLOATS(1, 2, 4, 5), FLOATS(2, 2, 2, 3), 2, 1, 1, 0),
    CONV("conv2d", FLOATS(1, 1, 5, 4), FLOATS(1, 1, 2, 2), 1, 2, 0, 1, 2, 1),
    CONV("conv2d", FLOATS(1, 4, 3, 3), FLOATS(2, 2, 2, 2), 1, 1, 0, 0, 1, 1, 2),
    CONV("conv2d", FLOATS(2, 3, 3, 2), FLOATS(3, 1, 2, 2), 1, 1, 1, 1, 1, 1, 3),
    CONV("conv2d", FLOATS(1, 2, 2, 3), FLOATS(2, 2, 1, 1), 0),
    CONV("conv2d", FLOATS(1, 1, 2, 2), FLOATS(1, 1, 3, 3), 1, 1, 1, 1),
    CONV("conv2d", FLOATS(0, 2, 3, 3), FLOATS(2, 2, 2, 2), 0),
    CONV("conv2d", FLOATS(1, 0, 3, 3), FLOATS(2, 0, 2, 2), 0),
    CONV("conv2d", FLOATS(1, 2, 3, 3), FLOATS(0, 2, 2, 2), 0),
    CONV("conv2d", FLOATS(1, 1, 6, 6), FLOATS(1, 1, 2, 2), 3, 3),
    CONV_BIAS(FLOATS(2, 1, 3, 3), FLOATS(2, 1, 2, 2), FLOATS(2), 0),
    CONV_BIAS(FLOATS(1, 2, 3, 4), FLOATS(4, 1, 3, 2), FLOATS(4), 2, 2, 1, 1, 1, 1, 2),
    CONV_BIAS(FLOATS(0, 1, 3, 3), FLOATS(2, 1, 2, 2), FLOATS(2), 0),
    {.name  = "conv2d",
     .f     = f_conv,
     .in    = {FLOATS(2, 3, 5, 7), FLOATS(5, 3, 3, 3), FLOATS(5)},
     .shape = OPTIONS(1, 1, 1, 1),
     .large = true},
    SAME("conv2d", FLOATS(1, 2, 3, 4), FLOATS(2, 2, 2, 3), 0),
    SAME("conv2d", FLOATS(1, 1, 4, 4), FLOATS(1, 1, 4, 2), 1, 1, 0, 0, 1, 2),
    CONV("conv1d", FLOATS(2, 2, 5), FLOATS(3, 2, 2), 0),
    CONV("conv1d", FLOATS(1, 4, 6), FLOATS(2, 2, 3), 0, 2, 0, 1, 0, 1, 2),
    CONV("conv1d", FLOATS(1, 2, 7), FLOATS(2, 2, 3), 0, 1, 0, 0, 0, 2),
    CONV("conv1d", FLOATS(0, 2, 4), FLOATS(1, 2, 2), 0),
    SAME("conv1d", FLOATS(1, 1, 5), FLOATS(2, 1, 4), 0),
    CONV("conv3d", FLOATS(1, 2, 3, 2, 3), FLOATS(2, 2, 2, 2, 2), 0),
    CONV("conv3d", FLOATS(1, 2, 3, 3, 2), FLOATS(2, 1, 2, 2, 1), 2, 1, 1, 0, 1, 1, 2),
    CONV("conv3d", FLOATS(1, 1, 3, 3, 4), FLOATS(1, 1, 2, 2, 2), 1, 2, 0, 1, 2, 1),
    CONV("conv3d", FLOATS(1, 1, 2, 0, 3), FLOATS(1, 1, 1, 1, 1), 1, 1, 1, 0),
    SAME("conv3d", FLOATS(1, 1, 2, 2, 3), FLOATS(1, 1, 2, 2, 3), 0),
    {.name = "conv3d", .f = f_conv, .in = {FLOATS(2, 2, 4, 3, 5), FLOATS(3, 2, 3, 3, 3), FLOATS(3)}, .shape = OPTIONS(1, 1, 1, 1), .large = true},
    TRANSPOSE("conv_transpose1d", 0, FLOATS(2, 2, 3), FLOATS(2, 3, 2), 0),
    TRANSPOSE("conv_transpose1d", 1, FLOATS(1, 4, 3), FLOATS(4, 1, 3), 0, 2, 0, 1, 0, 1, 2),
    TRANSPOSE_BIAS("conv_transpose1d", 0, FLOATS(1, 2, 4), FLOATS(2, 2, 2), FLOATS(2), 0, 1, 0, 0, 0, 3),
    TRANSPOSE("conv_transpose2d", 0, FLOATS(1, 2, 2, 3), FLOATS(2, 2, 2, 2), 0),
    TRANSPOSE("conv_transpose2d", 1, FLOATS(1, 2, 2, 2), FLOATS(2, 1, 3, 2), 2, 3, 1, 0, 1, 2, 1),
    TRANSPOSE_BIAS("conv_transpose2d", 0, FLOATS(2, 2, 2, 2), FLOATS(2, 2, 2, 3), FLOATS(4), 1, 2, 0, 1, 1, 1, 2),
    TRANSPOSE_BIAS("conv_transpose2d", 0, FLOATS(0, 1, 3, 3), FLOATS(1, 2, 2, 2), FLOATS(2), 0),
    TRANSPOSE("conv_transpose3d", 0, FLOATS(1, 2, 2, 1, 2), FLOATS(2, 1, 2, 2, 2), 0),
    TRANSPOSE("conv_transpose3d", 1, FLOATS(1, 1, 2, 2, 1), FLOATS(1, 2, 2, 1, 2), 2, 2, 0, 0, 1, 1, 1),
    TRANSPOSE_BIAS("conv_transpose3d", 0, FLOATS(1, 2, 1, 2, 2), FLOATS(2, 1, 2, 1, 1), FLOATS(2), 1, 1, 0, 0, 1, 1, 2),

    CONV_GRADIENTS(1, 1, 3, 3, 1, 1, 2, 2, 2, 2, 1, 1, 0, 0, 1, 1, 1),
    CONV_GRADIENTS(2, 2, 3, 4, 3, 2, 2, 2, 2, 3, 1, 1, 0, 0, 1, 1, 1),
    CONV_GRADIENTS(1, 2, 4, 5, 2, 2, 2, 3, 3, 3, 2, 1, 1, 0, 1, 1, 1),
    CONV_GRADIENTS(1, 1, 5, 4, 1, 1, 2, 2, 3, 3, 1, 2, 0, 1, 2, 1, 1),
    CONV_GRADIENTS(1, 4, 3, 3, 2, 2, 2, 2, 2, 2, 1, 1, 0, 0, 1, 1, 2),
    CONV_GRADIENTS(2, 3, 3, 2, 3, 1, 2, 2, 4, 3, 1, 1, 1, 1, 1, 1, 3),
    CONV_GRADIENTS(0, 2, 3, 3, 2, 2, 2, 2, 2, 2, 1, 1, 0, 0, 1, 1, 1),
    CONV_GRADIENTS(1, 2, 3, 3, 0, 2, 2, 2, 2, 2, 1, 1, 0, 0, 1, 1, 1),
    CONV_GRADIENTS(1, 0, 3, 3, 2, 0, 2, 2, 2, 2, 1, 1, 0, 0, 1, 1, 1),
    CONV_GRADIENTS(1, 1, 6, 6, 1, 1, 2, 2, 2, 2, 3, 3, 0, 0, 1, 1, 1),
    GRADIENTS(conv1d, FLOATS(2, 2, 5), FLOATS(3, 2, 2), FLOATS(2, 3, 4), 1, 1, 5, 1, 2, 1, 1, 0, 0, 1, 1, 1),
    GRADIENTS(conv1d, FLOATS(1, 4, 6), FLOATS(2, 2, 3), FLOATS(1, 2, 3), 1, 1, 6, 1, 3, 1, 2, 0, 1, 1, 1, 2),
    GRADIENTS(conv1d, FLOATS(1, 1, 6), FLOATS(1, 1, 2), FLOATS(1, 1, 4), 1, 1, 6, 1, 2, 1, 1, 0, 0, 1, 2, 1),
    GRADIENTS(conv3d, FLOATS(1, 2, 3, 2, 3), FLOATS(2, 2, 2, 2, 2), FLOATS(1, 2, 2, 1, 2), 3, 2, 3, 2, 2, 1, 1, 0, 0, 1, 1, 1),
    GRADIENTS(conv3d, FLOATS(1, 2, 3, 3, 2), FLOATS(2, 1, 2, 2, 1), FLOATS(1, 2, 2, 2, 2), 3, 3, 2, 2, 1, 2, 1, 1, 0, 1, 1, 2),
    GRADIENTS(conv3d, FLOATS(1, 1, 3, 3, 4), FLOATS(1, 1, 2, 2, 2), FLOATS(1, 1, 1, 1, 3), 3, 3, 4, 2, 2, 1, 2, 0, 1, 2, 1, 1),

    POOL(1, 1, 4, 4, 2, 2, 0, 2, 2, 2, 2),
    POOL(2, 2, 3, 5, 1, 2, 0, 2, 2, 2, 2),
    POOL(1, 2, 4, 4, 3, 3, 0, 2, 2, 1, 1),
    POOL(1, 1, 4, 5, 2, 3, 1, 3, 2, 2, 2, 1, 1),
    POOL(1, 1, 4, 5, 2, 3, 0, 3, 2, 2, 2, 1, 1),
    POOL(1, 2, 2, 3, 2, 3, 0, 1, 1, 1, 1),
    POOL(1, 1, 4, 4, 4, 4, 0, 3, 3, 1, 1, 1, 1),
    POOL(0, 2, 4, 4, 2, 2, 0, 2, 2, 2, 2),
    POOL(1, 1, 5, 5, 2, 2, 0, 2, 2, 3, 3),
    POOL(2, 1, 2, 8, 1, 4, 0, 2, 2, 2, 2),
    POOL(1, 1, 3, 3, 1, 1, 0, 3, 3, 1, 1),
    POOL(1, 1, 5, 6, 3, 4, 0, 2, 2, 1, 1, 0, 0, 2),
    POOL_GRADIENTS(1d, FIXED(2, 2, 6), FLOATS(2, 2, 3), 1, 1, 6, 0, 1, 2, 1, 2),
    POOL_GRADIENTS(1d, FIXED(1, 1, 5), FLOATS(1, 1, 3), 1, 1, 5, 1, 1, 3, 1, 2, 0, 1),
    POOL_GRADIENTS(1d, FIXED(1, 1, 6), FLOATS(1, 1, 4), 1, 1, 6, 0, 1, 2, 1, 1, 0, 0, 2),
    POOL_GRADIENTS(3d, FIXED(1, 2, 2, 2, 4), FLOATS(1, 2, 1, 1, 2), 2, 2, 4, 0, 2, 2, 2, 2),
    POOL_GRADIENTS(3d, FIXED(1, 1, 3, 3, 3), FLOATS(1, 1, 2, 2, 2), 3, 3, 3, 0, 2, 2, 1, 1),
    POOL_GRADIENTS(3d, FIXED(1, 1, 2, 2, 3), FLOATS(1, 1, 2, 2, 3), 2, 2, 3, 1, 2, 3, 2, 1, 1, 1),
    FORWARD(max_pool1d, false, 0, FLOATS(2, 2, 6), 0, 2, 0, 2),
    FORWARD(max_pool1d, true, 0, FLOATS(1, 2, 6), 0, 3, 0, 2, 0, 1),
    FORWARD(max_pool1d, false, 0, FLOATS(1, 2, 7), 0, 3, 0, 1, 0, 0, 2),
    FORWARD(max_pool2d, true, 0, FLOATS(1, 1, 5, 6), 2, 3, 2, 2),
    FORWARD(max_pool2d, true, 0, FLOATS(1, 1, 4, 5), 3, 2, 2, 2, 1, 1),
    FORWARD(max_pool3d, false, 0, FLOATS(1, 2, 2, 2, 4), 2, 2, 2, 2),
    FORWARD(max_pool3d, true, 0, FLOATS(1, 1, 3, 3, 3), 2, 2, 2, 2),
    FORWARD(max_pool3d, false, 0, FLOATS(1, 1, 3, 3, 4), 2, 2, 1, 1, 0, 0, 2),
    FORWARD(avg_pool1d, false, 0, FLOATS(2, 2, 6), 0, 2, 0, 2),
    FORWARD(avg_pool1d, true, 0, FLOATS(1, 2, 6), 0, 3, 0, 2, 0, 1),
    FORWARD(avg_pool1d, true, 1, FLOATS(1, 2, 6), 0, 3, 0, 2, 0, 1),
    FORWARD(avg_pool2d, true, 0, FLOATS(1, 1, 5, 6), 2, 3, 2, 2),
    FORWARD(avg_pool2d, true, 1, FLOATS(1, 1, 4, 5), 3, 2, 2, 2, 1, 1),
    FORWARD(avg_pool3d, false, 0, FLOATS(1, 2, 2, 2, 4), 2, 2, 2, 2),
    FORWARD(avg_pool3d, true, 0, FLOATS(1, 1, 3, 3, 3), 2, 2, 2, 2, 1, 0),
    FORWARD(avg_pool3d, false, 1, FLOATS(1, 1, 2, 2, 3), 2, 3, 1, 1, 1, 1),
    LP("lp_pool1d", 2, FLOATS(1, 2, 6), 0, 2, 0, 2),
    LP("lp_pool1d", 3, POSITIVE(1, 1, 5), 0, 3, 0, 1),
    LP("lp_pool2d", 2, FLOATS(1, 2, 3, 4), 2, 2, 1, 2),
    LP("lp_pool2d", 2, FLOATS(0, 2, 3, 4), 2, 2, 1, 2),
    LP("lp_pool3d", 4, FLOATS(1, 1, 2, 3, 2), 2, 2, 1, 1),
    ADAPTIVE("1d", FLOATS(2, 2, 5), 1, 1, 2),
    ADAPTIVE("1d", FLOATS(1, 1, 3), 1, 1, 5),
    ADAPTIVE("2d", FLOATS(1, 2, 4, 5), 1, 3, 2),
    ADAPTIVE("2d", FLOATS(2, 1, 3, 3), 1, 1, 1),
    ADAPTIVE("2d", FLOATS(1, 1, 2, 3), 1, 3, 2),
    ADAPTIVE("2d", FLOATS(0, 1, 2, 3), 1, 3, 2),
    ADAPTIVE("3d", FLOATS(1, 1, 3, 2, 4), 2, 1, 3),
    ADAPTIVE("3d", FLOATS(1, 2, 2, 2, 3), 1, 1, 1),
};

void samples_conv(sample_list *l)
{
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) samples_add(l, &rows[k]);
}
