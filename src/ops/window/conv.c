/* conv.c - the convolution y[n,o,a,b] = bias[o] + sum_{c,i,j} w[o,c,i,j] x[n,c, a s - p + i d, b s - p + j d] over one, two or three axes, and the
 * two ops that are its gradients. With <,> the sum of products, <g, conv(x, w)> = <dx(g, w), x> = <dw(g, x), w>: one
 * trilinear form, so the gradients of all three ops are again these three, to any order. dx alone is the transposed convolution.
 * conv_run.c computes them. */
#include "ops/window/window.h"

#include <string.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/reduce.h>
#include <tapegrad/shape.h>
#include <tapegrad/window.h>

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

static bool same_dtype(const tg_call *c)
{
    for (int i = 1; i < c->n_in; i++)
        if (tg_dtype_of(c->in[i]) != tg_dtype_of(c->in[0])) return false;
    return true;
}

/* Do the weight's sizes, the number of x's channels and the groups go together? */
static tg_status check_weight(const tg_call *c, const tg_shape *w, int64_t channels, int64_t groups)
{
    int64_t in;
    for (int k = 2; k < w->rank; k++)
        if (w->dim[k] == 0) return tg_fail(c, TG_ERR_SHAPE, "the kernel has size 0");
    if (w->dim[0] % groups)
        return tg_fail(c, TG_ERR_ARG, "%lld groups do not divide the weight's %lld output channels", (long long)groups,
                       (long long)w->dim[0]);
    if (__builtin_mul_overflow(w->dim[1], groups, &in) || in != channels)
        return tg_fail(c, TG_ERR_SHAPE, "the weight takes %lld channels in each of %lld groups, the input has %lld",
                       (long long)w->dim[1], (long long)groups, (long long)channels);
    return TG_OK;
}

/* The result's shape for x and w. */
static tg_status shape_of(const tg_call *c, const tg_shape *x, const tg_shape *w, tg_shape *y)
{
    const tg_conv_attr *a      = c->attr;
    tg_window           window = a->window;
    int64_t             plane[TG_WINDOW_AXES], count[TG_WINDOW_AXES];
    tg_window_plane(&window, w, window.size);
    tg_window_plane(&window, x, plane);
    tg_status s = check_weight(c, w, x->dim[1], a->groups);
    if (s == TG_OK) s = tg_window_count(c, &window, plane, count);
    if (s == TG_OK) *y = tg_window_shape(&window, x->dim[0], w->dim[0], count);
    return s;
}

static tg_status inputs_ok(tg_call *c)
{
    const tg_conv_attr *a = c->attr;
    if (c->attr_size != sizeof *a || !tg_window_is_valid(&a->window) || a->groups < 1)
        return tg_fail(c, TG_ERR_ARG, "the attributes are not those of a convolution");
    for (int i = 0; i < 2; i++) {
        const tg_status s = tg_window_input(c, i, &a->window);
        if (s != TG_OK) return s;
    }
    return same_dtype(c) ? TG_OK : tg_fail(c, TG_ERR_DTYPE, "the dtypes differ; convert one with tg_to");
}

static tg_status conv_infer(tg_call *c)
{
    if (c->n_in != 2 && c->n_in != 3) return tg_fail(c, TG_ERR_ARG, "takes 2 or 3 inputs");
    tg_status       s = inputs_ok(c);
    const tg_shape *x = tg_in_shape(c, 0), *w = tg_in_shape(c, 1), *b = c->n_in == 3 ? tg_in_shape(c, 2) : NULL;
    if (s == TG_OK) s = shape_of(c, x, w, &c->shape);
    if (s == TG_OK && b && (b->rank != 1 || b->dim[0] != w->dim[0]))
        return tg_fail(c, TG_ERR_SHAPE, "the bias has one element for each of %lld output channels",
                       (long long)w->dim[0]);
    return s;
}

/* Is g what the convolution of x with w would give? */
static tg_status fits(const tg_call *c, const tg_shape *g, const tg_shape *x, const tg_shape *w)
{
    tg_shape  y;
    tg_status s = shape_of(c, x, w, &y);
    if (s == TG_OK && !tg_shape_equal(&y, g))
        s = tg_fail(c, TG_ERR_SHAPE, "the gradient does not have the result's shape");
    return s;
}

static tg_status conv_dx_infer(tg_call *c) /* {g, w} */
{
    tg_status s = inputs_ok(c);
    if (s != TG_OK) return s;
    const tg_conv_attr *a = c->attr;
    const tg_shape     *g = tg_in_shape(c, 0), *w = tg_in_shape(c, 1);
    int64_t             channels;
    if (__builtin_mul_overflow(w->dim[1], a->groups, &channels)) return tg_fail(c, TG_ERR_ARG, "the number of groups is too large");
    c->shape = tg_window_shape(&a->window, g->dim[0], channels, a->plane);
    return fits(c, g, &c->shape, w);
}

static tg_status conv_dw_infer(tg_call *c) /* {g, x} */
{
    tg_status s = inputs_ok(c);
    if (s != TG_OK) return s;
    const tg_conv_attr *a = c->attr;
    const tg_shape     *g = tg_in_shape(c, 0), *x = tg_in_shape(c, 1);
    c->shape = tg_window_shape(&a->window, g->dim[1], x->dim[1] / a->groups, a->window.size);
    return fits(c, g, x, &c->shape);
}

/* ---- gradients --------------------------------------------------------------------------------------------------- */

/* The ops of as many axes as the call has. */
typedef struct conv_ops {
    const tg_op *conv, *dx, *dw;
} conv_ops;

static const conv_ops ops[TG_WINDOW_AXES] = {{&tg_op_conv1d, &tg_op_conv1d_dx, &tg_op_conv1d_dw},
                                             {&tg_op_conv2d, &tg_op_conv2d_dx, &tg_op_conv2d_dw},
                                             {&tg_op_conv3d, &tg_op_conv3d_dx, &tg_op_conv3d_dw}};

static const conv_ops *ops_of(const tg_conv_attr *a) { return &ops[a->window.axes - 1]; }

static tg_tensor *record(const tg_call *c, const tg_op *op, tg_tensor *a, tg_tensor *b)
{
    return tg_record(op, (tg_tensor *[]){a, b}, 2, c->attr, c->attr_size);
}

static tg_tensor *conv_of(const tg_call *c, tg_tensor *x, tg_tensor *w) { return record(c, ops_of(c->attr)->conv, x, w); }
static tg_tensor *dx_of(const tg_call *c, tg_tensor *g, tg_tensor *w) { return record(c, ops_of(c->attr)->dx, g, w); }
static tg_tensor *dw_of(const tg_call *c, tg_tensor *g, tg_tensor *x) { return record(c, ops_of(c->attr)->dw, g, x); }

/* The sum over all but the channels: first over each plane, which lies in one piece. */
static tg_tensor *sum_planes(tg_tensor *g)
{
    const tg_shape *s      = tg_shape_of(g);
    tg_tensor      *planes = s ? tg_reshape_if(g, TG_SHAPE(s->dim[0], s->dim[1], tg_count_of(s, 2, s->rank))) : NULL;
    return tg_sum(tg_sum(planes, TG_AXES(2), false), TG_AXES(0), false);
}

static tg_tensor *conv_vjp(const tg_call *c, int i, tg_tensor *g)
{
    if (i == 2) return sum_planes(g);
    return i == 0 ? dx_of(c, g, c->in[1]) : dw_of(c, g, c->in[0]);
}

/* The bias goes with one of the products, where there is one. */
static tg_tensor *conv_jvp(const tg_call *c, tg_tensor *const *t)
{
    tg_tensor *bias = c->n_in > 2 ? t[2] : NULL;
    tg_shape   channels = {tg_rank(c->out) - 1, {0}};
    for (int k = 0; k < channels.rank; k++) channels.dim[k] = k ? 1 : tg_dim(c->out, 1);
    if (!t[0] && !t[1]) return tg_reshape(bias, &channels);
    tg_tensor *by_w = t[1] ? tg_record(c->op, (tg_tensor *[]){c->in[0], t[1], bias}, bias ? 3 : 2, c->attr, c->attr_size) : NULL;
    if (!t[0] || (t[1] && !by_w)) return by_w;
    if (t[1]) return tg_add(by_w, conv_of(c, t[0], c->in[1]));
    return tg_record(c->op, (tg_tensor *[]){t[0], c->in[1], bias}, bias ? 3 : 2, c->attr, c->attr_size);
}

static tg_tensor *conv_dx_vjp(const tg_call *c, int i, tg_tensor *u)
{
    return i == 0 ? conv_of(c, u, c->in[1]) : dw_of(c, c->in[0], u);
}

static tg_tensor *conv_dw_vjp(const tg_call *c, int i, tg_tensor *u)
{
    return i == 0 ? conv_of(c, c->in[1], u) : dx_of(c, c->in[0], u);
}

#define OPS(NAME)                                                                                                            \
    const tg_op tg_op_##NAME = {                                                                                             \
        .name = #NAME, .arity = TG_ANY_ARITY, .infer = conv_infer, .run = tg_conv_run, .vjp = conv_vjp, .jvp = conv_jvp, .batch = tg_conv_batch};                     \
    const tg_op tg_op_##NAME##_dx = {                                                                                        \
        .name = #NAME "_dx", .arity = 2, .infer = conv_dx_infer, .run = tg_conv_dx_run, .vjp = conv_dx_vjp, .jvp = tg_multilinear_jvp, .batch = tg_conv_dx_batch};                 \
    const tg_op tg_op_##NAME##_dw = {                                                                                        \
        .name = #NAME "_dw", .arity = 2, .infer = conv_dw_infer, .run = tg_conv_dw_run, .vjp = conv_dw_vjp, .jvp = tg_multilinear_jvp, .batch = tg_conv_dw_batch};
OPS(conv1d)
OPS(conv2d)
OPS(conv3d)

/* ---- the public functions ---------------------------------------------------------------------------------------- */

/* The options of any of these functions: as many numbers of each as there are axes. output_padding NULL: not a transposed one. */
typedef struct options {
    const char    *function;
    int            axes;
    const int64_t *stride, *padding, *dilation, *output_padding;
    int64_t        groups;
    bool           same;
} options;

/* Padding that gives the result x's sizes: what does not divide by 2 goes behind. */
static bool pad_same(tg_tape *tape, const options *o, tg_window *w)
{
    for (int k = 0; k < TG_WINDOW_AXES; k++) {
        int64_t reach;
        if (w->stride[k] != 1 || w->padding[k] != 0) {
            tg_fail_on(tape, TG_ERR_ARG, o->function, "padding of the same size takes strides of 1 and no padding beside it");
            return false;
        }
        if (__builtin_mul_overflow(w->dilation[k], w->size[k] - 1, &reach)) reach = INT64_MAX; /* the count will say so */
        w->padding[k] = reach > 0 ? reach / 2 : 0;
        w->behind[k]  = reach > 0 ? reach - reach / 2 : 0;
    }
    return true;
}

/* The attributes for x and w from the options; false after a sentence. */
static bool attr_from(const tg_node *x, const tg_node *w, const options *o, tg_conv_attr *a)
{
    static const int64_t one[TG_WINDOW_AXES] = {1, 1, 1};
    *a = (tg_conv_attr){.window = tg_window_of(o->axes), .groups = o->groups ? o->groups : 1};
    tg_window *v = &a->window;
    if (!tg_window_option(x->tape, o->function, "stride", v, o->stride, one, v->stride) ||
        !tg_window_padding(x->tape, o->function, o->padding, v) ||
        !tg_window_option(x->tape, o->function, "dilation", v, o->dilation, one, v->dilation))
        return false;
    if (a->groups < 0) {
        tg_fail_on(x->tape, TG_ERR_ARG, o->function, "the number of groups is %lld", (long long)o->groups);
        return false;
    }
    tg_window_plane(v, w->shape, v->size); /* for the gradients; what has other ranks is refused */
    tg_window_plane(v, x->shape, a->plane);
    return !o->same || pad_same(x->tape, o, v);
}

static tg_tensor *convolve(tg_tensor *x, tg_tensor *w, tg_tensor *bias, const options *o)
{
    const tg_node *n, *k;
    tg_conv_attr   a;
    if (!(n = tg_check(x, o->function)) || !(k = tg_check(w, o->function)) || !attr_from(n, k, o, &a)) return NULL;
    return tg_record(ops_of(&a)->conv, (tg_tensor *[]){x, w, bias}, bias ? 3 : 2, &a, sizeof a);
}

/* The sizes of the transposed convolution's result: (size - 1) stride - 2 padding + dilation (window - 1) + 1 + output_padding. */
static bool transposed_plane(const tg_node *x, const options *o, tg_conv_attr *a)
{
    const int first = TG_WINDOW_AXES - o->axes;
    for (int k = 0; k < o->axes; k++) {
        const tg_window *w     = &a->window;
        const int        at    = first + k;
        const int64_t    extra = o->output_padding[k];
        int64_t          size, reach;
        if (extra < 0 || extra >= w->stride[at]) {
            tg_fail_on(x->tape, TG_ERR_ARG, o->function, "the output padding is %lld; it must be at least 0 and less than the stride of %lld",
                       (long long)extra, (long long)w->stride[at]);
            return false;
        }
        if (__builtin_mul_overflow(a->plane[at] - 1, w->stride[at], &size) || __builtin_mul_overflow(w->dilation[at], w->size[at] - 1, &reach) ||
            __builtin_add_overflow(size, reach, &size) || __builtin_add_overflow(size, extra + 1, &size) ||
            __builtin_sub_overflow(size, w->padding[at], &size) || __builtin_sub_overflow(size, w->behind[at], &size) || size < 1) {
            tg_fail_on(x->tape, TG_ERR_SHAPE, o->function, "the result would have no element along axis %d, or too many", 2 + k);
            return false;
        }
        a->plane[at] = size;
    }
    return true;
}

/* The shapes that the gradient of a convolution would not say well. */
static bool check_transposed(const tg_node *x, const tg_node *w, const tg_node *bias, const options *o)
{
    const int64_t groups = o->groups ? o->groups : 1;
    char          first[TG_SHAPE_TEXT], second[TG_SHAPE_TEXT];
    if (x->shape->rank != 2 + o->axes || w->shape->rank != 2 + o->axes || x->shape->dim[1] != w->shape->dim[0]) {
        tg_fail_on(x->tape, TG_ERR_SHAPE, o->function, "takes %d dimensions and a weight [input channels, output channels / groups, …], not %s and %s",
                   2 + o->axes, tg_shape_text(x->shape, first, sizeof first), tg_shape_text(w->shape, second, sizeof second));
        return false;
    }
    if (!bias || (bias->shape->rank == 1 && bias->shape->dim[0] / groups == w->shape->dim[1] && bias->shape->dim[0] % groups == 0)) return true;
    tg_fail_on(x->tape, TG_ERR_SHAPE, o->function, "the bias has one element for each output channel, not %s",
               tg_shape_text(bias->shape, first, sizeof first));
    return false;
}

static tg_tensor *transposed(tg_tensor *x, tg_tensor *w, tg_tensor *bias, const options *o)
{
    const tg_node *n, *k, *b = NULL;
    tg_conv_attr   a;
    if (!(n = tg_check(x, o->function)) || !(k = tg_check(w, o->function)) || (bias && !(b = tg_check(bias, o->function))) ||
        !attr_from(n, k, o, &a) || !check_transposed(n, k, b, o) || !transposed_plane(n, o, &a))
        return NULL;
    TG_CALL_AS(n->tape, o->function);
    tg_tensor *y = tg_record(ops_of(&a)->dx, (tg_tensor *[]){x, w}, 2, &a, sizeof a);
    if (!bias) return y;
    tg_shape channels = {1 + o->axes, {b->shape->dim[0], 1, 1, 1}};
    return tg_add(y, tg_reshape(bias, &channels));
}

tg_tensor *tg_conv1d(tg_tensor *x, tg_tensor *w, tg_tensor *bias, const tg_conv1d_options *given)
{
    const tg_conv1d_options o = given ? *given : (tg_conv1d_options){.groups = 0};
    return convolve(x, w, bias, &(options){"tg_conv1d", 1, &o.stride, &o.padding, &o.dilation, NULL, o.groups, o.same});
}

tg_tensor *tg_conv2d(tg_tensor *x, tg_tensor *w, tg_tensor *bias, const tg_conv_options *given)
{
    const tg_conv_options o = given ? *given : (tg_conv_options){.groups = 0};
    return convolve(x, w, bias, &(options){"tg_conv2d", 2, o.stride, o.padding, o.dilation, NULL, o.groups, o.same});
}

tg_tensor *tg_conv3d(tg_tensor *x, tg_tensor *w, tg_tensor *bias, const tg_conv3d_options *given)
{
    const tg_conv3d_options o = given ? *given : (tg_conv3d_options){.groups = 0};
    return convolve(x, w, bias, &(options){"tg_conv3d", 3, o.stride, o.padding, o.dilation, NULL, o.groups, o.same});
}

tg_tensor *tg_conv_transpose1d(tg_tensor *x, tg_tensor *w, tg_tensor *bias, const tg_conv_transpose1d_options *given)
{
    const tg_conv_transpose1d_options o = given ? *given : (tg_conv_transpose1d_options){.groups = 0};
    return transposed(x, w, bias, &(options){"tg_conv_transpose1d", 1, &o.stride, &o.padding, &o.dilation, &o.output_padding, o.groups, false});
}

tg_tensor *tg_conv_transpose2d(tg_tensor *x, tg_tensor *w, tg_tensor *bias, const tg_conv_transpose2d_options *given)
{
    const tg_conv_transpose2d_options o = given ? *given : (tg_conv_transpose2d_options){.groups = 0};
    return transposed(x, w, bias, &(options){"tg_conv_transpose2d", 2, o.stride, o.padding, o.dilation, o.output_padding, o.groups, false});
}

tg_tensor *tg_conv_transpose3d(tg_tensor *x, tg_tensor *w, tg_tensor *bias, const tg_conv_transpose3d_options *given)
{
    const tg_conv_transpose3d_options o = given ? *given : (tg_conv_transpose3d_options){.groups = 0};
    return transposed(x, w, bias, &(options){"tg_conv_transpose3d", 3, o.stride, o.padding, o.dilation, o.output_padding, o.groups, false});
}
