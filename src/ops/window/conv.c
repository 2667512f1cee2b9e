/* conv.c - the convolution y[n,o,a,b] = bias[o] + sum_{c,i,j} w[o,c,i,j] x[n,c, a s - p + i d, b s - p + j d], and the
 * two ops that are its gradients. With <,> the sum of products, <g, conv(x, w)> = <dx(g, w), x> = <dw(g, x), w>: one
 * trilinear form, so the gradients of all three ops are again these three, to any order.
 * conv_run.c computes them. */
#include "ops/window/window.h"

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
    if (w->dim[2] == 0 || w->dim[3] == 0) return tg_fail(c, TG_ERR_SHAPE, "the kernel has size 0");
    if (w->dim[0] % groups)
        return tg_fail(c, TG_ERR_ARG, "%lld groups do not divide the weight's %lld output channels", (long long)groups,
                       (long long)w->dim[0]);
    if (__builtin_mul_overflow(w->dim[1], groups, &in) || in != channels)
        return tg_fail(c, TG_ERR_SHAPE, "the weight takes %lld channels in each of %lld groups, the input has %lld",
                       (long long)w->dim[1], (long long)groups, (long long)channels);
    return TG_OK;
}

/* The result's last two axes for x and w. */
static tg_status count_of(const tg_call *c, const tg_shape *x, const tg_shape *w, int64_t count[2])
{
    const tg_conv_attr *a      = c->attr;
    tg_window           window = a->window;
    memcpy(window.size, w->dim + 2, sizeof window.size);
    const tg_status s = check_weight(c, w, x->dim[1], a->groups);
    return s == TG_OK ? tg_window_count(c, &window, x->dim + 2, count) : s;
}

static tg_status inputs_ok(tg_call *c)
{
    const tg_conv_attr *a = c->attr;
    if (c->attr_size != sizeof *a || !tg_window_is_valid(&a->window) || a->groups < 1)
        return tg_fail(c, TG_ERR_ARG, "the attributes are not those of a convolution");
    for (int i = 0; i < 2; i++) {
        const tg_status s = tg_window_input(c, i);
        if (s != TG_OK) return s;
    }
    return same_dtype(c) ? TG_OK : tg_fail(c, TG_ERR_DTYPE, "the dtypes differ; convert one with tg_to");
}

static tg_status conv2d_infer(tg_call *c)
{
    if (c->n_in != 2 && c->n_in != 3) return tg_fail(c, TG_ERR_ARG, "takes 2 or 3 inputs");
    tg_status       s = inputs_ok(c);
    const tg_shape *x = tg_in_shape(c, 0), *w = tg_in_shape(c, 1), *b = c->n_in == 3 ? tg_in_shape(c, 2) : NULL;
    if (s != TG_OK) return s;
    c->shape = (tg_shape){4, {x->dim[0], w->dim[0]}};
    s        = count_of(c, x, w, c->shape.dim + 2);
    if (s == TG_OK && b && (b->rank != 1 || b->dim[0] != w->dim[0]))
        return tg_fail(c, TG_ERR_SHAPE, "the bias has one element for each of %lld output channels",
                       (long long)w->dim[0]);
    return s;
}

/* Is g what the convolution of x with w would give? */
static tg_status fits(const tg_call *c, const tg_shape *g, const tg_shape *x, const tg_shape *w)
{
    tg_shape  y = {4, {x->dim[0], w->dim[0]}};
    tg_status s = count_of(c, x, w, y.dim + 2);
    if (s == TG_OK && !tg_shape_equal(&y, g))
        s = tg_fail(c, TG_ERR_SHAPE, "the gradient does not have the result's shape");
    return s;
}

static tg_status conv2d_dx_infer(tg_call *c) /* {g, w} */
{
    tg_status s = inputs_ok(c);
    if (s != TG_OK) return s;
    const tg_conv_attr *a = c->attr;
    const tg_shape     *g = tg_in_shape(c, 0), *w = tg_in_shape(c, 1);
    c->shape = (tg_shape){4, {g->dim[0], w->dim[1] * a->groups, a->plane[0], a->plane[1]}};
    return fits(c, g, &c->shape, w);
}

static tg_status conv2d_dw_infer(tg_call *c) /* {g, x} */
{
    tg_status s = inputs_ok(c);
    if (s != TG_OK) return s;
    const tg_conv_attr *a = c->attr;
    const tg_shape     *g = tg_in_shape(c, 0), *x = tg_in_shape(c, 1);
    c->shape = (tg_shape){4, {g->dim[1], x->dim[1] / a->groups, a->window.size[0], a->window.size[1]}};
    return fits(c, g, x, &c->shape);
}

/* ---- gradients --------------------------------------------------------------------------------------------------- */

static tg_tensor *conv_of(const tg_call *c, tg_tensor *x, tg_tensor *w)
{
    return tg_record(&tg_op_conv2d, (tg_tensor *[]){x, w}, 2, c->attr, c->attr_size);
}

static tg_tensor *dx_of(const tg_call *c, tg_tensor *g, tg_tensor *w)
{
    return tg_record(&tg_op_conv2d_dx, (tg_tensor *[]){g, w}, 2, c->attr, c->attr_size);
}

static tg_tensor *dw_of(const tg_call *c, tg_tensor *g, tg_tensor *x)
{
    return tg_record(&tg_op_conv2d_dw, (tg_tensor *[]){g, x}, 2, c->attr, c->attr_size);
}

/* The sum over all but the channels: first over each plane, which lies in one piece. */
static tg_tensor *sum_planes(tg_tensor *g)
{
    const tg_shape *s      = tg_shape_of(g);
    tg_tensor      *planes = s ? tg_reshape(g, TG_SHAPE(s->dim[0], s->dim[1], s->dim[2] * s->dim[3])) : NULL;
    return tg_sum(tg_sum(planes, TG_AXES(2), false), TG_AXES(0), false);
}

static tg_tensor *conv2d_vjp(const tg_call *c, int i, tg_tensor *g)
{
    if (i == 2) return sum_planes(g);
    return i == 0 ? dx_of(c, g, c->in[1]) : dw_of(c, g, c->in[0]);
}

static tg_tensor *conv2d_dx_vjp(const tg_call *c, int i, tg_tensor *u)
{
    return i == 0 ? conv_of(c, u, c->in[1]) : dw_of(c, c->in[0], u);
}

static tg_tensor *conv2d_dw_vjp(const tg_call *c, int i, tg_tensor *u)
{
    return i == 0 ? conv_of(c, c->in[1], u) : dx_of(c, c->in[0], u);
}

const tg_op tg_op_conv2d = {
    .name = "conv2d", .arity = TG_ANY_ARITY, .infer = conv2d_infer, .run = tg_conv2d_run, .vjp = conv2d_vjp};
const tg_op tg_op_conv2d_dx = {
    .name = "conv2d_dx", .arity = 2, .infer = conv2d_dx_infer, .run = tg_conv2d_dx_run, .vjp = conv2d_dx_vjp};
const tg_op tg_op_conv2d_dw = {
    .name = "conv2d_dw", .arity = 2, .infer = conv2d_dw_infer, .run = tg_conv2d_dw_run, .vjp = conv2d_dw_vjp};

tg_tensor *tg_conv2d(tg_tensor *x, tg_tensor *w, tg_tensor *bias, const tg_conv_options *options)
{
    static const tg_conv_options usual  = {.groups = 0};
    static const int64_t         one[2] = {1, 1};
    const tg_node               *n, *k;
    const tg_conv_options       *o = options ? options : &usual;
    tg_conv_attr                 a = {.groups = o->groups ? o->groups : 1};
    if (!(n = tg_check(x, "tg_conv2d")) || !(k = tg_check(w, "tg_conv2d"))) return NULL;
    if (!tg_window_option(n->tape, "tg_conv2d", "stride", o->stride, one, a.window.stride) ||
        !tg_window_padding(n->tape, "tg_conv2d", o->padding, a.window.padding) ||
        !tg_window_option(n->tape, "tg_conv2d", "dilation", o->dilation, one, a.window.dilation))
        return NULL;
    if (a.groups < 0) {
        tg_fail_on(n->tape, TG_ERR_ARG, "tg_conv2d", "the number of groups is %lld", (long long)o->groups);
        return NULL;
    }
    for (int d = 0; d < 2; d++) { /* for the gradients; what has other ranks is refused */
        a.window.size[d] = k->shape->rank == 4 ? k->shape->dim[2 + d] : 0;
        a.plane[d]       = n->shape->rank == 4 ? n->shape->dim[2 + d] : 0;
    }
    return tg_record(&tg_op_conv2d, (tg_tensor *[]){x, w, bias}, bias ? 3 : 2, &a, sizeof a);
}
