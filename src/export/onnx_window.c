/* onnx_window.c - convolutions and poolings in ONNX.
 *
 * An AveragePool of opset 17 has no dilation, and counts either what lies before and behind x or nothing of it; MaxPool and AveragePool refuse margins
 * as wide as the window. What they can't say is made of a margin of its own before, or of a convolution with ones. */
#include "export/onnx.h"
#include "ops/window/window.h"

static tg_dtype dtype_of(const tg_onnx_call *c) { return (tg_dtype)c->node->dtype; }

/* The numbers of a window's axes among those of all. */
static const int64_t *of_axes(const tg_window *w, const int64_t *list) { return list + TG_WINDOW_AXES - w->axes; }

/* Attributes that say how a window of this size moves. */
static void moves(tg_onnx *m, const tg_window *w, const int64_t *size)
{
    const int n = (int)w->axes;
    int64_t   pads[2 * TG_WINDOW_AXES];
    for (int k = 0; k < n; k++) pads[k] = of_axes(w, w->padding)[k], pads[n + k] = of_axes(w, w->behind)[k];
    tg_onnx_ints(m, "kernel_shape", size, n);
    tg_onnx_ints(m, "strides", of_axes(w, w->stride), n);
    tg_onnx_ints(m, "pads", pads, 2 * n);
}

static void dilated(tg_onnx *m, const tg_window *w) { tg_onnx_ints(m, "dilations", of_axes(w, w->dilation), (int)w->axes); }

/* ---- convolutions ---------------------------------------------------------------------------------------------------------- */

static int write_conv(tg_onnx_call *c)
{
    const tg_conv_attr *a = tg_attr(c->node);
    moves(c->m, &a->window, tg_onnx_in_shape(c, 1)->dim + 2);
    dilated(c->m, &a->window);
    tg_onnx_int(c->m, "group", a->groups);
    return tg_onnx_node_of(c->m, "Conv", dtype_of(c), c->x, (int)c->node->n_in);
}

/* The transposed convolution, which may leave more behind than the windows reach. */
static int write_conv_dx(tg_onnx_call *c)
{
    const tg_conv_attr *a    = tg_attr(c->node);
    const tg_window    *w    = &a->window;
    const int64_t      *in   = tg_onnx_in_shape(c, 0)->dim + 2, *size = tg_onnx_in_shape(c, 1)->dim + 2;
    int64_t             more[TG_WINDOW_AXES];
    for (int k = 0; k < (int)w->axes; k++)
        more[k] = of_axes(w, a->plane)[k] - ((in[k] - 1) * of_axes(w, w->stride)[k] + of_axes(w, w->dilation)[k] * (size[k] - 1) + 1 -
                                             of_axes(w, w->padding)[k] - of_axes(w, w->behind)[k]);
    moves(c->m, w, size);
    dilated(c->m, w);
    tg_onnx_int(c->m, "group", a->groups);
    tg_onnx_ints(c->m, "output_padding", more, (int)w->axes);
    return TG_ONNX_NODE(c->m, "ConvTranspose", dtype_of(c), c->x[0], c->x[1]);
}

/* ---- poolings ---------------------------------------------------------------------------------------------------------------- */

/* x with the window's margins as elements of their own, and a window without. `behind`: how much of it there is. */
static int with_margins(const tg_onnx_call *c, int x, tg_window *w, const int64_t *behind, double number)
{
    int64_t   front[TG_MAX_RANK] = {0}, back[TG_MAX_RANK] = {0};
    const int n = (int)w->axes;
    for (int k = 0; k < n; k++) front[2 + k] = of_axes(w, w->padding)[k], back[2 + k] = of_axes(w, behind)[k];
    for (int k = 0; k < TG_WINDOW_AXES; k++) w->padding[k] = 0, w->behind[k] -= behind[k];
    return tg_onnx_pad(c->m, x, front, back, n + 2, number);
}

/* Is a margin as wide as the window? */
static bool is_wide(const tg_window *w)
{
    for (int k = 0; k < TG_WINDOW_AXES; k++)
        if (w->padding[k] >= w->size[k] || w->behind[k] >= w->size[k]) return true;
    return false;
}

static int max_pool(const tg_onnx_call *c, int x, tg_window w)
{
    if (is_wide(&w)) {
        int64_t behind[TG_WINDOW_AXES];
        memcpy(behind, w.behind, sizeof behind);
        x = with_margins(c, x, &w, behind, -__builtin_inf());
    }
    moves(c->m, &w, of_axes(&w, w.size));
    dilated(c->m, &w);
    return TG_ONNX_NODE(c->m, "MaxPool", dtype_of(c), x);
}

/* The sum of each window of each channel. */
static int window_sums(const tg_onnx_call *c, int x, int64_t channels, const tg_window *w)
{
    tg_shape ones = {.rank = 2 + (int)w->axes, .dim = {channels, 1}};
    for (int k = 0; k < (int)w->axes; k++) ones.dim[2 + k] = of_axes(w, w->size)[k];
    const int weight = tg_onnx_expand(c->m, tg_onnx_number(c->m, dtype_of(c), 1), &ones);
    moves(c->m, w, of_axes(w, w->size));
    dilated(c->m, w);
    tg_onnx_int(c->m, "group", channels);
    return TG_ONNX_NODE(c->m, "Conv", dtype_of(c), x, weight);
}

/* How many elements each window has of planes of ones: within x, or also in the padding, which is as wide behind as before. */
static int window_counts(const tg_onnx_call *c, const tg_pool_attr *a)
{
    tg_window w    = a->window;
    tg_shape  plane = {.rank = 2 + (int)w.axes, .dim = {1, 1}};
    for (int k = 0; k < (int)w.axes; k++) plane.dim[2 + k] = of_axes(&w, a->plane)[k];
    int x = tg_onnx_expand(c->m, tg_onnx_number(c->m, dtype_of(c), 1), &plane);
    if (a->divisor == TG_POOL_KERNEL) x = with_margins(c, x, &w, a->window.padding, 1);
    return window_sums(c, x, 1, &w);
}

/* Does the window reach farther behind than its padding does, where ceil_mode let it? */
static bool reaches_beyond(const tg_window *w) { return memcmp(w->padding, w->behind, sizeof w->padding) != 0; }

static bool is_plain(const tg_window *w)
{
    for (int k = 0; k < TG_WINDOW_AXES; k++)
        if (w->dilation[k] != 1) return false;
    return !is_wide(w);
}

static int average_pool(const tg_onnx_call *c, int x, const tg_pool_attr *a)
{
    const tg_window *w = &a->window;
    if (a->divisor != TG_POOL_SUM && is_plain(w) && (a->divisor == TG_POOL_ELEMENTS || !reaches_beyond(w))) {
        moves(c->m, w, of_axes(w, w->size));
        tg_onnx_int(c->m, "count_include_pad", a->divisor == TG_POOL_KERNEL);
        return TG_ONNX_NODE(c->m, "AveragePool", dtype_of(c), x);
    }
    const int sum = window_sums(c, x, tg_onnx_shape(c)->dim[1], w);
    if (a->divisor == TG_POOL_SUM) return sum;
    return TG_ONNX_FORMULA(c->m, "Div(x, y)", sum, window_counts(c, a));
}

/* ---- adaptive poolings: window k of n is from floor(k size / n) to ceil((k + 1) size / n) ------------------------------------------- */

/* Where all windows have one size and lie side by side, they are those of a common pooling. */
static bool is_even(const tg_pool_attr *a)
{
    for (int k = 0; k < TG_WINDOW_AXES; k++)
        if (a->plane[k] % a->window.size[k]) return false;
    return true;
}

static tg_pool_attr as_even(const tg_pool_attr *a)
{
    tg_pool_attr even = {.window = tg_window_of((int)a->window.axes), .divisor = TG_POOL_ELEMENTS};
    memcpy(even.plane, a->plane, sizeof even.plane);
    for (int k = 0; k < TG_WINDOW_AXES; k++) even.window.size[k] = even.window.stride[k] = a->plane[k] / a->window.size[k];
    return even;
}

/* Axis by axis, window by window: an extreme of extremes, and a mean of means of as many elements each. */
static int shared_out(const tg_onnx_call *c, const char *op, int x, int64_t axis, int64_t size, int64_t n)
{
    int *window = tg_tape_alloc(c->m->tape, (size_t)n * sizeof *window);
    if (!window) return c->m->failed = true, 0;
    for (int64_t k = 0; k < n; k++) {
        const int64_t from = k * size / n, to = ((k + 1) * size + n - 1) / n;
        const int     part = tg_onnx_slice(c->m, x, axis, from, to, 1);
        tg_onnx_ints(c->m, "axes", &axis, 1);
        window[k] = TG_ONNX_NODE(c->m, op, dtype_of(c), part);
    }
    x = tg_onnx_concat(c->m, window, (int)n, axis);
    tg_tape_free_bytes(c->m->tape, window, (size_t)n * sizeof *window);
    return x;
}

static int adaptive(const tg_onnx_call *c, const char *op, const tg_pool_attr *a)
{
    const tg_window *w = &a->window;
    int              x = c->x[0];
    for (int k = 0; k < (int)w->axes; k++) x = shared_out(c, op, x, 2 + k, of_axes(w, a->plane)[k], of_axes(w, w->size)[k]);
    return x;
}

/* Of two different inputs the op gives the elements of one where the other is largest: gradients alone are made of that. */
static int write_max_pool(tg_onnx_call *c)
{
    const tg_pool_attr *a = tg_attr(c->node);
    if (tg_inputs(c->node)[0] != tg_inputs(c->node)[1]) return TG_ONNX_REFUSED;
    if (!a->adaptive) return max_pool(c, c->x[0], a->window);
    return is_even(a) ? max_pool(c, c->x[0], as_even(a).window) : adaptive(c, "ReduceMax", a);
}

static int write_average_pool(tg_onnx_call *c)
{
    const tg_pool_attr *a = tg_attr(c->node);
    if (!a->adaptive) return average_pool(c, c->x[0], a);
    const tg_pool_attr even = as_even(a);
    return is_even(a) ? average_pool(c, c->x[0], &even) : adaptive(c, "ReduceMean", a);
}

#define OPS(AXES)                                                                                                            \
    {&tg_op_conv##AXES, write_conv, 0}, {&tg_op_conv##AXES##_dx, write_conv_dx, 0}, {&tg_op_max_pool##AXES, write_max_pool, 0}, \
        {&tg_op_avg_pool##AXES, write_average_pool, 0}
const tg_onnx_op tg_onnx_window_ops[] = {OPS(1d), OPS(2d), OPS(3d), {0}};
