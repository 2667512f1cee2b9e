/* pointwise_rules.h - the words that the rules in pointwise.def are written with, and from each row a function NAME_vjp and the bits
 * NAME_nondiff of its tg_op. Part of pointwise.c alone.
 *
 * Elements that nothing uses have gradient 0, while their values, and so their slopes s, may be inf or NaN. Products with a slope therefore go
 * through tg_mul_zero: g = 0 gives 0. A product z s of a gradient z with a slope, which is what mul_zero and the …_grad ops are, is
 * differentiated again for second derivatives, with a g that is not 0 there. What protects then is the zero in z, and that in the
 * rules for both factors:
 *
 *   d/ds = g z     0 where z is 0, and where g is                                    BOTH(g, z)
 *   d/dz = g s     0 where g is 0, and where z is 0 and s is not finite              LINEAR: tg_guard_zero(…, s, z)
 *
 * Where z is 0 though the element is used, as in the second derivative of x^2 y at x = 0, s is finite, and g s is right. These
 * two rules are made of mul_zero and guard_zero, whose rule is guard_zero, so that the same holds for every further derivative. */

#define ZMUL(G, S) tg_mul_zero(G, S)
#define ZDIV(G, S) tg_div_zero(G, S)
#define BOTH(G, Z) tg_mul_both(G, Z)
#define LINEAR     linear(c, g)
#define ZERO       tg_number_like(g, 0, c->op->name)

/* The gradient of an op with respect to its first operand z, in which it is linear: the op for g. The slope is the op for 1. */
static tg_tensor *linear(const tg_call *c, tg_tensor *g)
{
    tg_tensor *y = c->in[1], *z = c->n_in > 2 ? c->in[2] : NULL, *one = tg_number_like(g, 1, c->op->name);
    tg_tensor *slope = tg_record(c->op, (tg_tensor *[]){one, y, z}, c->n_in, NULL, 0);
    return tg_guard_zero(tg_record(c->op, (tg_tensor *[]){g, y, z}, c->n_in, NULL, 0), slope, c->in[0]);
}

/* What two rows have in common: d/dy y x^(y-1) = d/dx x^y ln x = x^(y-1) + y x^(y-1) ln x */
static tg_tensor *pow_mixed(tg_tensor *g, tg_tensor *x, tg_tensor *y)
{
    tg_tensor *less = tg_sub_s(y, 1);
    return tg_mul_zero(g, tg_add(tg_pow(x, less), tg_mul_zero(y, tg_pow_log(x, less))));
}

/* Too long for a row: gelu_tanh is x s, s = sigmoid(v), v = x (k + k a x^2). With b = s (1-s) and 1 - 2 s = -tanh(v/2):
 * (x s)'' = b (2 v' + x v'' - x v'^2 tanh(v/2)) and b' = -b v' tanh(v/2), where v' = k + 3 k a x^2, x v'' = 6 k a x^2. */
static const double gelu_tanh_k = 1.5957691216057308, gelu_tanh_ka = 0.07135481627260025;

static tg_tensor *gelu_tanh_v1(tg_tensor *x) { return tg_add_s(tg_mul_s(tg_square(x), 3 * gelu_tanh_ka), gelu_tanh_k); }
static tg_tensor *gelu_tanh_half(tg_tensor *x) /* tanh(v/2) */
{
    return tg_tanh(tg_mul(x, tg_add_s(tg_mul_s(tg_square(x), gelu_tanh_ka / 2), gelu_tanh_k / 2)));
}
/* (x s)'' / b */
static tg_tensor *gelu_tanh_curve(tg_tensor *x)
{
    tg_tensor *rise = tg_add_s(tg_mul_s(tg_square(x), 12 * gelu_tanh_ka), 2 * gelu_tanh_k); /* 2 v' + x v'' */
    return tg_sub(rise, tg_mul(tg_mul(x, gelu_tanh_half(x)), tg_square(gelu_tanh_v1(x))));
}
/* -b' / b */
static tg_tensor *gelu_tanh_bend(tg_tensor *x) { return tg_mul(gelu_tanh_half(x), gelu_tanh_v1(x)); }

/* And here, for what is used more than once: mish' = s (1 + r)/(1 + r^2) + x k/(1 + r^2), k = 4 r^2 s/(1 + r^2), where s = sigmoid(x),
 * r = sigmoid(-x). So mish'' = k/(1 + r^2) (2 + x (r - 2 s + k)), here times g. */
static tg_tensor *mish_curve(tg_tensor *g, tg_tensor *x)
{
    tg_tensor *s = tg_sigmoid(x), *r = tg_sigmoid(tg_neg(x)), *r2 = tg_square(r), *q = tg_add_s(r2, 1);
    tg_tensor *k = tg_div(tg_mul_s(tg_mul(r2, s), 4), q), *bend = tg_add(tg_sub(r, tg_mul_s(s, 2)), k);
    return tg_mul_zero(tg_mul_zero(g, tg_div(k, q)), tg_add_s(tg_mul(x, bend), 2));
}

#define LN_2  0.6931471805599453
#define LN_10 2.302585092994046

/* sqrt(1 - x^2), and sqrt(1 + x^2) without overflow */
static tg_tensor *cosine_of_asin(tg_tensor *x) { return tg_sqrt(tg_mul(tg_rsub_s(1, x), tg_add_s(x, 1))); }
static tg_tensor *with_one(tg_tensor *x) { return tg_hypot(x, tg_number_like(x, 1, "hypot")); }

/* 1 in place of 0 */
static tg_tensor *unless_zero(tg_tensor *h)
{
    return tg_where(tg_eq(h, tg_number_like(h, 0, "eq")), tg_number_like(h, 1, "where"), h);
}

/* g x/(x^2 + y^2), and 0 where both are 0 */
static tg_tensor *turned(tg_tensor *g, tg_tensor *x, tg_tensor *y)
{
    tg_tensor *h = unless_zero(tg_hypot(x, y));
    return tg_div_zero(tg_mul_zero(g, tg_div(x, h)), h);
}

/* sinc'' by sinc', which is -pi^2 x / 3 near 0 */
static tg_tensor *sinc_curve(tg_tensor *x, tg_tensor *slope)
{
    const double pi2 = 9.869604401089358;
    tg_tensor   *at_zero = tg_eq(x, tg_number_like(x, 0, "eq")), *bend = tg_where(at_zero, tg_number_like(x, -pi2 / 3, "where"), tg_div(slope, unless_zero(x)));
    return tg_sub(tg_mul_s(tg_sinc(x), -pi2), tg_mul_s(bend, 2));
}

/* e^(x - out), out = ln(e^x + e^y), of x and y: sigmoid(x - y). Nothing has a share of nothing. */
static tg_tensor *share(tg_tensor *x, tg_tensor *y, tg_tensor *out)
{
    tg_tensor *nothing = tg_number_like(out, -INFINITY, "eq");
    return tg_sigmoid(tg_where(tg_eq(out, nothing), nothing, tg_sub(x, y)));
}

/* ln y or ln(1 + y), and 0 where x is and the logarithm is no number below 0, y <= bound */
static tg_tensor *log_or_zero(tg_tensor *x, tg_tensor *y, double bound, tg_tensor *log)
{
    tg_tensor *none = tg_logical_and(tg_eq(x, tg_number_like(x, 0, "eq")), tg_le(y, tg_number_like(y, bound, "le")));
    return tg_where(none, tg_number_like(y, 0, "where"), log);
}

/* ---- special functions */

/* The same function of the order that is `step` away. */
static tg_tensor *of_next_order(const tg_call *c, double step)
{
    return tg_record(c->op, (tg_tensor *[]){c->in[0], tg_add_s(c->in[1], step)}, 2, NULL, 0);
}

/* y / x, and 1/2 at 0 */
static tg_tensor *half_at_zero(tg_tensor *y, tg_tensor *x)
{
    return tg_where(tg_eq(x, tg_number_like(x, 0, "eq")), tg_number_like(x, 0.5, "where"), tg_div(y, unless_zero(x)));
}

/* phi / Phi, whose factors are 0 far to the left: there sqrt(2/pi) / erfcx(-x / sqrt 2) */
static tg_tensor *log_ndtr_slope(tg_tensor *x)
{
    tg_tensor *right = tg_div(tg_phi_grad(tg_number_like(x, 1, "phi_grad"), x), tg_ndtr(x));
    tg_tensor *left = tg_rdiv_s(0.7978845608028654, tg_erfcx(tg_mul_s(x, -0.7071067811865476)));
    return tg_where(tg_gt(x, tg_number_like(x, -1, "gt")), right, left);
}

/* -d/dq of the derivative of zeta by s of order m: of (-ln a)^m a^-s it is (s (-ln a)^m + m (-ln a)^(m-1)) a^(-s-1) */
static tg_tensor *zeta_fall(tg_tensor *s, tg_tensor *q, tg_tensor *m)
{
    tg_tensor *next = tg_add_s(s, 1);
    return tg_add(tg_mul(s, tg_zeta_slope(next, q, m)), tg_mul(m, tg_zeta_slope(next, q, tg_sub_s(m, 1))));
}

/* By x, of the derivative p_k by a of p = x^(a-1) e^-x / Gamma(a) of order k: p_k ((a - 1)/x - 1) + k p_(k-1) / x */
static tg_tensor *density_slope(const tg_call *c)
{
    tg_tensor *a = c->in[0], *x = c->in[1], *k = c->in[2];
    tg_tensor *own = tg_mul(c->out, tg_sub_s(tg_div(tg_sub_s(a, 1), x), 1));
    return tg_add(own, tg_div(tg_mul(k, tg_gamma_density(a, x, tg_sub_s(k, 1))), x));
}

/* Is x what fmax or fmin gives: where it is as far or farther, or y is NaN? */
static tg_tensor *is_taken(tg_tensor *reaches, tg_tensor *y) { return tg_logical_or(reaches, tg_isnan(y)); }

/* ---- the functions ---------------------------------------------------------------------------------------------------- */

#define NONE NULL
#define RULE(NAME, ARITY, DX, DY, DZ)                                                                                  \
    static tg_tensor *NAME##_vjp(const tg_call *c, int i, tg_tensor *g)                                               \
    {                                                                                                                 \
        tg_tensor *x = c->in[0], *y = ARITY > 1 ? c->in[1] : NULL, *z = ARITY > 2 ? c->in[2] : NULL, *out = c->out;   \
        (void)x, (void)y, (void)z, (void)out, (void)g;                                                                      \
        return i == 0 ? DX : i == 1 ? DY : DZ;                                                                        \
    }
#define UNARY(NAME, TYPES, FORMULA, DX, ...)           RULE(NAME, 1, DX, NULL, NULL)
#define BINARY(NAME, TYPES, FORMULA, DX, DY, ...)      RULE(NAME, 2, DX, DY, NULL)
#define TERNARY(NAME, TYPES, FORMULA, DX, DY, DZ, ...) RULE(NAME, 3, DX, DY, DZ)
#define SCALED                                         BINARY
#define QUOTIENT                                       BINARY
#define SELECT                                         TERNARY
#define SLOPE(NAME, OF, FORMULA, DX, ...)              RULE(NAME, 2, DX, NULL, NULL)
#define ROW(NAME, ...)
#include "table/pointwise_each.h"
#undef NONE

enum {
#define UNARY(NAME, TYPES, FORMULA, DX, ...)           NAME##_nondiff = TG_IS_NONE(DX),
#define BINARY(NAME, TYPES, FORMULA, DX, DY, ...)      NAME##_nondiff = TG_IS_NONE(DX) | TG_IS_NONE(DY) << 1,
#define TERNARY(NAME, TYPES, FORMULA, DX, DY, DZ, ...) NAME##_nondiff = TG_IS_NONE(DX) | TG_IS_NONE(DY) << 1 | TG_IS_NONE(DZ) << 2,
#define SCALED                                         BINARY
#define QUOTIENT                                       BINARY
#define SELECT                                         TERNARY
#define SLOPE(NAME, OF, FORMULA, DX, ...)              NAME##_nondiff = 2,
#define ROW(NAME, ...)
#include "table/pointwise_each.h"
};

#undef ZMUL
#undef ZDIV
#undef ZERO
