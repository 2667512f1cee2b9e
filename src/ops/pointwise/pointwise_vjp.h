/* pointwise_vjp.h - the gradient rules of the pointwise ops. Part of pointwise.c alone, which holds the rows that name them.
 *
 * Everywhere: x = c->in[0], y = c->in[1], c->out the result, g its gradient. Products with a slope that may be inf or NaN go
 * through tg_mul_zero, so that g = 0 gives 0.
 *
 * Elements that nothing uses have gradient 0, while their values, and so their slopes s, may be inf or NaN. A product z s of a
 * gradient z with a slope, which is what mul_zero and the …_grad ops are, is differentiated again for second derivatives, with a g
 * that is not 0 there. What protects then is the zero in z, and that in the rules for both factors:
 *
 *   d/ds = g z     0 where z is 0, and where g is                                    both(g, z)
 *   d/dz = g s     0 where g is 0, and where z is 0 and s is not finite              tg_guard_zero(…, s, z)
 *
 * Where z is 0 though the element is used, as in the second derivative of x^2 y at x = 0, s is finite, and g s is right. These
 * two rules are made of mul_zero and guard_zero, whose rule is guard_zero, so that the same holds for every further derivative. */

/* g z, but 0 where either is 0 */
static tg_tensor *both(tg_tensor *g, tg_tensor *z)
{
    tg_tensor *gz = tg_mul_zero(g, z);
    return tg_guard_zero(gz, gz, z);
}

/* The gradient of a …_grad op with respect to its first input z, in which it is linear: the op for g. The slope is the op for 1. */
static tg_tensor *linear_vjp(const tg_call *c, tg_tensor *g, tg_tensor *(*op)(tg_tensor *z, tg_tensor *point))
{
    tg_tensor *point = c->in[1];
    return tg_guard_zero(op(g, point), op(tg_number_like(g, 1, c->op->name), point), c->in[0]);
}
static tg_tensor *linear3_vjp(const tg_call *c, tg_tensor *g, tg_tensor *(*op)(tg_tensor *z, tg_tensor *a, tg_tensor *b))
{
    tg_tensor *a = c->in[1], *b = c->in[2];
    return tg_guard_zero(op(g, a, b), op(tg_number_like(g, 1, c->op->name), a, b), c->in[0]);
}
static tg_tensor *guard_zero_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return tg_guard_zero(g, c->in[1], c->in[2]);
}

/* ---- arithmetic */
static tg_tensor *add_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)c, (void)i;
    return g;
}
static tg_tensor *sub_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)c;
    return i == 0 ? g : tg_neg(g);
}
static tg_tensor *mul_vjp(const tg_call *c, int i, tg_tensor *g) { return tg_mul_zero(g, c->in[1 - i]); }
static tg_tensor *mul_zero_vjp(const tg_call *c, int i, tg_tensor *g)
{
    return i == 0 ? linear_vjp(c, g, tg_mul_zero) : both(g, c->in[0]);
}

/* (x/y)' = 1/y and -(x/y)/y */
static tg_tensor *div_vjp(const tg_call *c, int i, tg_tensor *g)
{
    return i == 0 ? tg_div_zero(g, c->in[1]) : tg_neg(tg_div_zero(tg_mul_zero(g, c->out), c->in[1]));
}
static tg_tensor *div_zero_vjp(const tg_call *c, int i, tg_tensor *g)
{
    return i == 0 ? linear_vjp(c, g, tg_div_zero) : tg_neg(tg_div_zero(both(g, c->out), c->in[1]));
}
static tg_tensor *neg_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)c, (void)i;
    return tg_neg(g);
}

/* x > y ? g : x = y ? g/2 : 0 */
static tg_tensor *maximum_vjp(const tg_call *c, int i, tg_tensor *g)
{
    return tg_greater_grad(g, c->in[i], c->in[1 - i]);
}
static tg_tensor *minimum_vjp(const tg_call *c, int i, tg_tensor *g)
{
    return tg_greater_grad(g, c->in[1 - i], c->in[i]);
}
static tg_tensor *greater_grad_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return linear3_vjp(c, g, tg_greater_grad);
}

static tg_tensor *abs_vjp(const tg_call *c, int i, tg_tensor *g) { return tg_abs_grad(g, c->in[i]); }
static tg_tensor *abs_grad_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return linear_vjp(c, g, tg_abs_grad);
}

static tg_tensor *square_vjp(const tg_call *c, int i, tg_tensor *g) { return tg_square_grad(g, c->in[i]); }
static tg_tensor *square_grad_vjp(const tg_call *c, int i, tg_tensor *g)
{
    return i == 0 ? linear_vjp(c, g, tg_square_grad) : tg_mul_s(both(g, c->in[0]), 2);
}

/* (1/x)' = -(1/x)^2; (-x y^2)' = -y^2 and -2 x y */
static tg_tensor *reciprocal_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return tg_reciprocal_grad(g, c->out);
}
static tg_tensor *reciprocal_grad_vjp(const tg_call *c, int i, tg_tensor *g)
{
    return i == 0 ? linear_vjp(c, g, tg_reciprocal_grad) : tg_neg(tg_square_grad(both(g, c->in[0]), c->in[1]));
}

/* sqrt' = 1 / (2 sqrt); (x / 2y)' = 1 / 2y and -(x / 2y) / y */
static tg_tensor *sqrt_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return tg_sqrt_grad(g, c->out);
}
static tg_tensor *sqrt_grad_vjp(const tg_call *c, int i, tg_tensor *g)
{
    return i == 0 ? linear_vjp(c, g, tg_sqrt_grad) : tg_neg(tg_div_zero(both(g, c->out), c->in[1]));
}

/* d x^y / dx = y x^(y-1), d x^y / dy = x^y ln x */
static tg_tensor *pow_vjp(const tg_call *c, int i, tg_tensor *g)
{
    return tg_mul_zero(g, i == 0 ? tg_pow_grad(c->in[0], c->in[1]) : tg_pow_log(c->in[0], c->in[1]));
}
/* d/dy y x^(y-1) = d/dx x^y ln x = x^(y-1) + y x^(y-1) ln x */
static tg_tensor *pow_mixed(const tg_call *c, tg_tensor *g)
{
    tg_tensor *less = tg_sub_s(c->in[1], 1);
    return tg_mul_zero(g, tg_add(tg_pow(c->in[0], less), tg_mul_zero(c->in[1], tg_pow_log(c->in[0], less))));
}
/* d/dx y x^(y-1) = y (y-1) x^(y-2) */
static tg_tensor *pow_grad_vjp(const tg_call *c, int i, tg_tensor *g)
{
    if (i == 1) return pow_mixed(c, g);
    return tg_mul_zero(g, tg_mul_zero(c->in[1], tg_pow_grad(c->in[0], tg_sub_s(c->in[1], 1))));
}
/* d/dy x^y ln x = x^y ln x ln x */
static tg_tensor *pow_log_vjp(const tg_call *c, int i, tg_tensor *g)
{
    if (i == 0) return pow_mixed(c, g);
    return tg_mul_zero(g, tg_mul_zero(c->out, tg_log(c->in[0])));
}
static tg_tensor *pow_zero_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)c, (void)i;
    return tg_zeros_like(g);
}

/* ---- functions */
static tg_tensor *exp_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return tg_mul_zero(g, c->out);
}
static tg_tensor *log_vjp(const tg_call *c, int i, tg_tensor *g) { return tg_div_zero(g, c->in[i]); }
static tg_tensor *log1p_vjp(const tg_call *c, int i, tg_tensor *g) { return tg_log1p_grad(g, c->in[i]); }
/* (x / (1+y))' = 1 / (1+y) and -(x / (1+y)) / (1+y) */
static tg_tensor *log1p_grad_vjp(const tg_call *c, int i, tg_tensor *g)
{
    return i == 0 ? linear_vjp(c, g, tg_log1p_grad) : tg_neg(tg_log1p_grad(both(g, c->out), c->in[1]));
}
static tg_tensor *sin_vjp(const tg_call *c, int i, tg_tensor *g) { return tg_mul_zero(g, tg_cos(c->in[i])); }
static tg_tensor *cos_vjp(const tg_call *c, int i, tg_tensor *g) { return tg_neg(tg_mul_zero(g, tg_sin(c->in[i]))); }

/* Slopes read from a result are near its limit a difference of rounded numbers: these rows have the argument as well, and look at it there.
 * tanh'' = -2 tanh tanh' */
static tg_tensor *tanh_vjp(const tg_call *c, int i, tg_tensor *g) { return tg_mul_zero(g, tg_tanh_slope(c->in[i], c->out)); }
static tg_tensor *tanh_slope_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return tg_neg(tg_square_grad(tg_mul_zero(g, c->out), c->in[1]));
}

/* erf' = 2/sqrt(pi) e^(-x^2); (x e^(-y^2))' = e^(-y^2) and -2 y x e^(-y^2) */
static tg_tensor *erf_vjp(const tg_call *c, int i, tg_tensor *g) { return tg_erf_grad(g, c->in[i]); }
static tg_tensor *erf_grad_vjp(const tg_call *c, int i, tg_tensor *g)
{
    return i == 0 ? linear_vjp(c, g, tg_erf_grad) : tg_neg(tg_square_grad(both(g, c->out), c->in[1]));
}
/* (x phi(y))' = phi(y) and -y x phi(y) */
static tg_tensor *phi_grad_vjp(const tg_call *c, int i, tg_tensor *g)
{
    return i == 0 ? linear_vjp(c, g, tg_phi_grad) : tg_neg(tg_mul_zero(both(g, c->out), c->in[1]));
}

/* ---- activations */
/* relu(x) > 0 where x > 0 and NaN where x is: by the result, so that nobody has to keep x */
static tg_tensor *relu_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return tg_relu_grad(g, c->out);
}
static tg_tensor *relu_grad_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return linear_vjp(c, g, tg_relu_grad);
}
static tg_tensor *leaky_relu_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return tg_leaky_relu_grad(g, c->in[0], c->in[1]);
}
static tg_tensor *leaky_relu_grad_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return linear3_vjp(c, g, tg_leaky_relu_grad);
}

/* s'' = s' (1 - 2 s), and 1 - 2 s is -tanh(x/2) */
static tg_tensor *sigmoid_vjp(const tg_call *c, int i, tg_tensor *g) { return tg_mul_zero(g, tg_sigmoid_slope(c->in[i], c->out)); }
static tg_tensor *sigmoid_slope_vjp(const tg_call *c, int i, tg_tensor *g)
{
    return tg_neg(tg_mul_zero(tg_mul_zero(g, c->out), tg_tanh(tg_mul_s(c->in[i], 0.5))));
}
static tg_tensor *sigmoid_sub_vjp(const tg_call *c, int i, tg_tensor *g)
{
    return i == 0 ? tg_mul_zero(g, tg_sigmoid_slope(c->in[0], tg_sigmoid(c->in[0]))) : tg_neg(g);
}

/* (x s)'' = s' (2 - x tanh(x/2)) */
static tg_tensor *silu_vjp(const tg_call *c, int i, tg_tensor *g) { return tg_silu_grad(g, c->in[i]); }
static tg_tensor *silu_grad_vjp(const tg_call *c, int i, tg_tensor *g)
{
    tg_tensor *y = c->in[1];
    if (i == 0) return linear_vjp(c, g, tg_silu_grad);
    tg_tensor *slope = tg_mul_zero(both(g, c->in[0]), tg_sigmoid_slope(y, tg_sigmoid(y)));
    return tg_mul_zero(slope, tg_rsub_s(2, tg_mul(y, tg_tanh(tg_mul_s(y, 0.5)))));
}
static tg_tensor *softplus_vjp(const tg_call *c, int i, tg_tensor *g) { return tg_mul_zero(g, tg_sigmoid(c->in[i])); }

/* (x Phi)'' = phi (2 - x^2) */
static tg_tensor *gelu_vjp(const tg_call *c, int i, tg_tensor *g) { return tg_gelu_grad(g, c->in[i]); }
static tg_tensor *gelu_grad_vjp(const tg_call *c, int i, tg_tensor *g)
{
    tg_tensor *y = c->in[1];
    if (i == 0) return linear_vjp(c, g, tg_gelu_grad);
    return tg_mul_zero(tg_phi_grad(both(g, c->in[0]), y), tg_rsub_s(2, tg_square(y)));
}

/* gelu_tanh is x s, s = sigmoid(v), v = x (k + k a x^2). With b = s (1-s) and 1 - 2 s = -tanh(v/2):
 * (x s)'' = b (2 v' + x v'' - x v'^2 tanh(v/2)) and b' = -b v' tanh(v/2), where v' = k + 3 k a x^2, x v'' = 6 k a x^2. */
static const double gelu_tanh_k = 1.5957691216057308, gelu_tanh_ka = 0.07135481627260025;

static tg_tensor *gelu_tanh_v1(tg_tensor *x) { return tg_add_s(tg_mul_s(tg_square(x), 3 * gelu_tanh_ka), gelu_tanh_k); }
static tg_tensor *gelu_tanh_half(tg_tensor *x) /* tanh(v/2) */
{
    return tg_tanh(tg_mul(x, tg_add_s(tg_mul_s(tg_square(x), gelu_tanh_ka / 2), gelu_tanh_k / 2)));
}

static tg_tensor *gelu_tanh_vjp(const tg_call *c, int i, tg_tensor *g) { return tg_gelu_tanh_grad(g, c->in[i]); }
static tg_tensor *gelu_tanh_grad_vjp(const tg_call *c, int i, tg_tensor *g)
{
    tg_tensor *x = c->in[1];
    if (i == 0) return linear_vjp(c, g, tg_gelu_tanh_grad);
    tg_tensor *rise  = tg_add_s(tg_mul_s(tg_square(x), 12 * gelu_tanh_ka), 2 * gelu_tanh_k); /* 2 v' + x v'' */
    tg_tensor *curve = tg_sub(rise, tg_mul(tg_mul(x, gelu_tanh_half(x)), tg_square(gelu_tanh_v1(x))));
    return tg_mul_zero(tg_gelu_tanh_bell(both(g, c->in[0]), x), curve);
}
static tg_tensor *gelu_tanh_bell_vjp(const tg_call *c, int i, tg_tensor *g)
{
    tg_tensor *x = c->in[1];
    if (i == 0) return linear_vjp(c, g, tg_gelu_tanh_bell);
    return tg_neg(tg_mul_zero(both(g, c->out), tg_mul(gelu_tanh_half(x), gelu_tanh_v1(x))));
}
