/* cases.c - a user's shared object with ops, right ones and ones with a fault each, for test_gradcheck.sh. */
#include <math.h>
#include <tapegrad_op.h>
#include <tgmath.h>

static tg_tensor *slope(const tg_call *c, tg_tensor *g) { return tg_mul_zero(g, tg_mul_s(tg_square(c->in[0]), 3)); }
static tg_tensor *cube_vjp(const tg_call *c, int i, tg_tensor *g) { return (void)i, slope(c, g); }
TG_POINTWISE_UNARY(right_cube, x *x *x, cube_vjp)

static tg_tensor *little_vjp(const tg_call *c, int i, tg_tensor *g) { return (void)i, tg_mul_s(slope(c, g), 1.0005); }
static tg_tensor *sign_vjp(const tg_call *c, int i, tg_tensor *g) { return (void)i, tg_neg(slope(c, g)); }
static tg_tensor *clips_vjp(const tg_call *c, int i, tg_tensor *g) { return (void)i, slope(c, tg_clamp(g, -1, 1)); }
static tg_tensor *forward_jvp(const tg_call *c, tg_tensor *const *t) { return tg_mul_s(slope(c, t[0]), 2); }
TG_POINTWISE_UNARY(little_off, x *x *x, little_vjp)
TG_POINTWISE_UNARY(wrong_sign, x *x *x, sign_vjp)
TG_POINTWISE_UNARY(wrong_value, x *x *x * 1.001, cube_vjp)
TG_POINTWISE_UNARY(clips, x *x *x, clips_vjp)
TG_POINTWISE_UNARY(wrong_forward, x *x *x, cube_vjp, .jvp = forward_jvp)
TG_POINTWISE_UNARY(wrong_in_single, x *x *x * (sizeof x == sizeof(float) ? 1.01f : 1), cube_vjp)

/* 1 / x: a plain product with the slope is NaN where that is infinite and g is 0. */
static tg_tensor *inverse_vjp(const tg_call *c, int i, tg_tensor *g) { return (void)i, tg_mul(g, tg_neg(tg_square(c->out))); }
static tg_tensor *dead_vjp(const tg_call *c, int i, tg_tensor *g) { return (void)i, tg_mul_zero(g, tg_neg(tg_square(c->out))); }
TG_POINTWISE_UNARY(inf_in_dead_branch, 1 / x, inverse_vjp)
TG_POINTWISE_UNARY(right_inverse, 1 / x, dead_vjp)

static tg_tensor *swapped_vjp(const tg_call *c, int i, tg_tensor *g) { return tg_mul_zero(g, c->in[i]); }
TG_POINTWISE_BINARY(swapped, x *y, swapped_vjp)

static tg_tensor *weighted(void *ctx, tg_tensor *const *in) { return tg_mul_s(tg_where(in[2], tg_index_select(in[0], 0, in[1]), in[3]), *(const double *)ctx); }
static const double half = 0.5;

TG_GRADCHECK_CASES({.op = &tg_op_right_cube, .in = {{.shape = TG_SHAPE(3, 4)}}}, {.op = &tg_op_right_cube, .in = {{.shape = TG_SCALAR_SHAPE, .lo = 0.5, .hi = 2}}},
                   {.name = "right_function", .f = weighted, .ctx = &half,
                    .in = {{.shape = TG_SHAPE(5, 3)}, {.shape = TG_SHAPE(4), .hi = 5, .kind = TG_CASE_INDEX},
                           {.shape = TG_SHAPE(4, 3), .kind = TG_CASE_MASK}, {.shape = TG_SHAPE(3), .lo = -1, .hi = 1, .kind = TG_CASE_CONSTANT}}},
                   {.op = &tg_op_right_inverse, .in = {{.shape = TG_SHAPE(4), .lo = 0.5, .hi = 2}}}, {.op = &tg_op_little_off, .in = {{.shape = TG_SHAPE(3, 4)}}},
                   {.op = &tg_op_wrong_sign, .in = {{.shape = TG_SHAPE(3, 4)}}}, {.op = &tg_op_wrong_value, .in = {{.shape = TG_SHAPE(3, 4)}}},
                   {.op = &tg_op_clips, .in = {{.shape = TG_SHAPE(3, 4)}}}, {.op = &tg_op_wrong_forward, .in = {{.shape = TG_SHAPE(3, 4)}}},
                   {.op = &tg_op_wrong_in_single, .in = {{.shape = TG_SHAPE(3, 4)}}}, {.op = &tg_op_inf_in_dead_branch, .in = {{.shape = TG_SHAPE(4), .lo = 0.5, .hi = 2}}},
                   {.op = &tg_op_swapped, .in = {{.shape = TG_SHAPE(3, 4)}, {.shape = TG_SHAPE(4)}}})
