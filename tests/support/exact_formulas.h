/* exact_formulas.h - first and second derivatives (NAME_d, NAME_dd) of functions, in one precision: REAL is the type, M(exp) its exponential,
 * K(0.1) a constant of it, N(name) the name of a formula. They keep all digits but a few everywhere, cancellation excepted (units below),
 * and have no branches, so that compilers make vector loops of them. Where SPLIT is given, 2 to half the digits of the type plus 1, the
 * exponents of exponentials are carried with their rounding errors. exact.h has them in long double. */

static inline REAL N(clamp)(REAL x, REAL to)
{
    const REAL low = x < -to ? -to : x;
    return low > to ? to : low;
}

/* a b and its rounding error, by Dekker's product: what is in an exponent counts in full. */
static inline REAL N(product)(REAL a, REAL b, REAL *error)
{
    const REAL p = a * b;
#ifdef SPLIT
    const volatile REAL as = SPLIT * a, bs = SPLIT * b, a1 = as - a, ah = as - a1, b1 = bs - b, bh = bs - b1;
    const REAL          al = a - ah, bl = b - bh;
    *error = ((ah * bh - p) + ah * bl + al * bh) + al * bl;
#else
    *error = 0;
#endif
    return p;
}
static inline REAL N(bell)(REAL x, REAL half) /* e^(-half x^2) */
{
    const REAL c = N(clamp)(x, 150);
    REAL       error;
    const REAL z = N(product)(c, c, &error);
    return M(exp)(-half * z) * (1 - half * error);
}

static inline REAL N(sigmoid)(REAL x)
{
    const REAL e = M(exp)(-M(fabs)(x));
    return (x < 0 ? e : 1) / (1 + e);
}
static inline REAL N(sigmoid_d)(REAL x)
{
    const REAL e = M(exp)(-M(fabs)(x));
    return e / ((1 + e) * (1 + e));
}
static inline REAL N(sigmoid_dd)(REAL x) { return -N(sigmoid_d)(x) * M(tanh)(x / 2); }
static inline REAL N(tanh_d)(REAL x) { return 4 * N(sigmoid_d)(2 * x); }
static inline REAL N(tanh_dd)(REAL x) { return -2 * M(tanh)(x) * N(tanh_d)(x); }
static inline REAL N(silu_d)(REAL x)
{
    const REAL a = M(fabs)(N(clamp)(x, 11000)), e = M(exp)(-a), w = e * (1 + e - a) / ((1 + e) * (1 + e)), right = 1 - w;
    return x < 0 ? w : right;
}
static inline REAL N(silu_dd)(REAL x)
{
    const REAL c = N(clamp)(x, 11000);
    return N(sigmoid_d)(c) * (2 - c * M(tanh)(c / 2));
}
/* tanh(ln(1 + e^x)) and its slope, by e = e^-|x| */
static inline REAL N(mish_gate)(REAL x)
{
    const REAL e = M(exp)(-M(fabs)(x)), left = e * (2 + e) / (2 + e * (2 + e)), right = (1 + 2 * e) / (1 + 2 * e * (1 + e));
    return x < 0 ? left : right;
}
static inline REAL N(mish_bell)(REAL x)
{
    const REAL e = M(exp)(-M(fabs)(x)), d = x < 0 ? 2 + e * (2 + e) : 1 + 2 * e * (1 + e);
    return 4 * (x < 0 ? e : e * e) * (1 + e) / (d * d);
}
static inline REAL N(mish_bend)(REAL x) { return N(sigmoid)(-x) - 2 * N(mish_gate)(x) * N(sigmoid)(x); }
static inline REAL N(mish_d)(REAL x)
{
    const REAL c = N(clamp)(x, 11000);
    return N(mish_gate)(c) + c * N(mish_bell)(c);
}
static inline REAL N(mish_dd)(REAL x)
{
    const REAL c = N(clamp)(x, 11000);
    return N(mish_bell)(c) * (2 + c * N(mish_bend)(c));
}
static inline REAL N(erf_d)(REAL x) { return K(1.128379167095512573896158903121545) * N(bell)(x, 1); }
static inline REAL N(erf_dd)(REAL x) { return -2 * N(clamp)(x, 150) * N(erf_d)(x); }
/* erfc(t + dt) = erfc t - 2/sqrt(pi) dt e^(-t^2), t = -x/sqrt 2 */
static inline REAL N(phi)(REAL x)
{
    const REAL c = N(clamp)(x, 150), h = K(0x1.6a09e667p-1), low = K(0.707106781186547524400844362104849) - h;
    REAL       error;
    const REAL p = N(product)(-c, h, &error), t = p - c * low, dt = (-c * low - (t - p)) + error;
    return K(0.5) * (M(erfc)(t) - K(1.128379167095512573896158903121545) * dt * M(exp)(-t * t));
}
static inline REAL N(density)(REAL x) { return K(0.398942280401432677939946059934382) * N(bell)(x, K(0.5)); }
static inline REAL N(gelu_d)(REAL x) { return N(phi)(x) + N(clamp)(x, 150) * N(density)(x); }
static inline REAL N(gelu_dd)(REAL x) { return N(density)(x) * (2 - N(clamp)(x, 150) * N(clamp)(x, 150)); }
/* gelu_tanh is x sigmoid(v), v = k x (1 + a x^2). k is 34 bits of it and the others. */
static inline REAL N(gelu_v)(REAL c, REAL *error)
{
    const REAL k = K(0x1.9884533d4p0), low = K(1.595769121605730711759784239737632) - k, a = K(0.044715);
    REAL       dz, dw, du, dp;
    const REAL z = N(product)(c, c, &dz), w = N(product)(a, z, &dw), q = 1 + w, dq = (w - (q - 1)) + dw + a * dz;
    const REAL u = N(product)(c, q, &du), p = N(product)(k, u, &dp), v = p + low * u;
    *error = (low * u - (v - p)) + dp + k * (du + c * dq);
    return v;
}
static inline REAL N(gelu_v1)(REAL c) { return K(1.595769121605730711759784239737632) * (1 + K(0.134145) * c * c); }
static inline REAL N(gelu_v2)(REAL c) { return K(1.595769121605730711759784239737632) * K(0.26829) * c; }
/* sigmoid(v + dv), and its slope */
static inline REAL N(sigmoid_at)(REAL v, REAL dv) { return 1 / (1 + M(exp)(-v) * (1 - dv)); }
static inline REAL N(sigmoid_d_at)(REAL v, REAL dv) { return N(sigmoid_at)(v, dv) * N(sigmoid_at)(-v, -dv); }
static inline REAL N(gelu_tanh_d)(REAL x)
{
    const REAL c = N(clamp)(x, 150);
    REAL       dv;
    const REAL v = N(gelu_v)(c, &dv);
    return N(sigmoid_at)(v, dv) + c * N(sigmoid_d_at)(v, dv) * N(gelu_v1)(c);
}
static inline REAL N(gelu_tanh_dd)(REAL x)
{
    const REAL c = N(clamp)(x, 150);
    REAL       dv;
    const REAL v = N(gelu_v)(c, &dv), v1 = N(gelu_v1)(c);
    return N(sigmoid_d_at)(v, dv) * (2 * v1 + c * N(gelu_v2)(c) - c * v1 * v1 * M(tanh)(v / 2));
}

static inline REAL N(none)(REAL x) { return 0 * (x > 0); }
static inline REAL N(neg_d)(REAL x) { return x != x ? x : -1; }
static inline REAL N(square_d)(REAL x) { return 2 * x; }
static inline REAL N(square_dd)(REAL x) { return x != x ? x : 2; }
static inline REAL N(abs_d)(REAL x) { return x > 0 ? 1 : x < 0 ? -1 : x; }
static inline REAL N(relu_d)(REAL x) { return x > 0 ? 1 : 0; }
static inline REAL N(hardswish_d)(REAL x) { return x <= -3 ? 0 : x >= 3 ? 1 : (2 * x + 3) / 6; }
static inline REAL N(hardswish_dd)(REAL x) { return x > -3 && x < 3 ? K(1.0) / 3 : 0; }
static inline REAL N(reciprocal_d)(REAL x) { return -1 / (x * x); }
static inline REAL N(reciprocal_dd)(REAL x) { return 2 / (x * x * x); }
static inline REAL N(sqrt_d)(REAL x) { return K(0.5) / M(sqrt)(x); }
static inline REAL N(sqrt_dd)(REAL x) /* with the sign that the first one has at -0, taken once more */
{
    const REAL y = M(sqrt)(x);
    return K(-0.25) / (y * y * y);
}
static inline REAL N(exp_d)(REAL x) { return M(exp)(x); }
static inline REAL N(log_d)(REAL x) { return 1 / x; }
static inline REAL N(log_dd)(REAL x) { return -1 / (x * x); }
static inline REAL N(log1p_d)(REAL x) { return 1 / (1 + x); }
static inline REAL N(log1p_dd)(REAL x) { return -1 / ((1 + x) * (1 + x)); }
static inline REAL N(cosine)(REAL x) { return M(cos)(x); }
static inline REAL N(minus_sin)(REAL x) { return -M(sin)(x); }
static inline REAL N(minus_cos)(REAL x) { return -M(cos)(x); }
static inline REAL N(cube_d)(REAL x) { return 3 * x * x; }
static inline REAL N(cube_dd)(REAL x) { return 6 * x; }
static inline REAL N(root)(REAL x) /* x^(1/2) as pow has it: inf at -inf, and +0 at -0 */
{
    const REAL y = M(sqrt)(x + 0);
    return x == -(REAL)INFINITY ? (REAL)INFINITY : y;
}
static inline REAL N(half_pow_d)(REAL x) { return K(0.5) / N(root)(x); }
static inline REAL N(half_pow_dd)(REAL x) { return K(-0.25) / (M(fabs)(x) * N(root)(x)); }
static inline REAL N(pow_5_2_d)(REAL x) { return K(2.5) * (M(fabs)(x) * N(root)(x)); }
static inline REAL N(pow_5_2_dd)(REAL x) { return K(3.75) * N(root)(x); }
/* e^(x l), l being two numbers, of which the first has 33 bits */
static inline REAL N(power)(REAL x, REAL l, REAL low)
{
    const REAL c = N(clamp)(x, 20000);
    REAL       error;
    const REAL p = N(product)(c, l, &error);
    return M(exp)(p) * (1 + (error + c * low));
}
static inline REAL N(two_to)(REAL x) { return N(power)(x, K(0x1.62e42fefap-1), K(1.646594958289708128098443075500134e-12)); }
static inline REAL N(ten_to)(REAL x) { return N(power)(x, K(0x1.26bb1bbb5p+1), K(9.672934093331725680457957601101489e-12)); }
static inline REAL N(exp2_d)(REAL x) { return K(0.693147180559945309417232121458176568) * N(two_to)(x); }
static inline REAL N(exp2_dd)(REAL x) { return K(0.480453013918201424667102526326664972) * N(two_to)(x); }
static inline REAL N(exp10_d)(REAL x) { return K(2.302585092994045684017991454684364208) * N(ten_to)(x); }
static inline REAL N(exp10_dd)(REAL x) { return K(5.301898110478398010561666388594018) * N(ten_to)(x); }
static inline REAL N(log2_d)(REAL x) { return K(1.442695040888963407359924681001892137) / x; }
static inline REAL N(log2_dd)(REAL x) { return K(-1.442695040888963407359924681001892137) / (x * x); }
static inline REAL N(log10_d)(REAL x) { return K(0.434294481903251827651128918916605082) / x; }
static inline REAL N(log10_dd)(REAL x) { return K(-0.434294481903251827651128918916605082) / (x * x); }
static inline REAL N(cbrt_d)(REAL x)
{
    const REAL y = M(cbrt)(x);
    return 1 / (3 * y * y);
}
static inline REAL N(cbrt_dd)(REAL x)
{
    const REAL y = M(cbrt)(x);
    return -2 / (9 * y * y * y * y * y);
}
static inline REAL N(logit_d)(REAL x) { return 1 / (x * (1 - x)); }
static inline REAL N(logit_dd)(REAL x) { return (2 * x - 1) / (x * (1 - x) * x * (1 - x)); }
static inline REAL N(tan_d)(REAL x)
{
    const REAL y = M(tan)(x);
    return 1 + y * y;
}
static inline REAL N(tan_dd)(REAL x)
{
    const REAL y = M(tan)(x);
    return 2 * y * (1 + y * y);
}
static inline REAL N(asin_d)(REAL x) { return 1 / M(sqrt)((1 - x) * (1 + x)); }
static inline REAL N(asin_dd)(REAL x) { return x * N(asin_d)(x) / ((1 - x) * (1 + x)); }
static inline REAL N(acos_d)(REAL x) { return -N(asin_d)(x); }
static inline REAL N(acos_dd)(REAL x) { return -N(asin_dd)(x); }
static inline REAL N(atan_d)(REAL x) { return 1 / (1 + x * x); }
static inline REAL N(atan_dd)(REAL x) { return -2 * x * N(atan_d)(x) * N(atan_d)(x); }
static inline REAL N(hyperbolic_cosine)(REAL x) { return M(cosh)(x); }
static inline REAL N(hyperbolic_sine)(REAL x) { return M(sinh)(x); }
static inline REAL N(asinh_d)(REAL x) { return 1 / M(sqrt)(1 + x * x); }
static inline REAL N(asinh_dd)(REAL x) { return -x * N(asinh_d)(x) * N(atan_d)(x); }
static inline REAL N(acosh_d)(REAL x) { return 1 / (M(sqrt)(x - 1) * M(sqrt)(x + 1)); }
static inline REAL N(acosh_dd)(REAL x) { return -x * N(acosh_d)(x) / ((x - 1) * (x + 1)); }
static inline REAL N(atanh_d)(REAL x) { return 1 / ((1 - x) * (1 + x)); }
static inline REAL N(atanh_dd)(REAL x) { return 2 * x * N(atanh_d)(x) * N(atanh_d)(x); }
static inline REAL N(bce_1_d)(REAL x) { return -N(sigmoid)(-x); }

/* Where a derivative passes through 0 because two terms cancel, its unit is that of the larger one. */
static inline REAL N(larger)(REAL a, REAL b)
{
    const REAL p = M(fabs)(a), q = M(fabs)(b);
    return p > q ? p : q;
}
static inline REAL N(silu_u)(REAL x)
{
    const REAL c = N(clamp)(x, 11000);
    return N(larger)(N(sigmoid)(c), c * N(sigmoid_d)(c));
}
static inline REAL N(silu_uu)(REAL x)
{
    const REAL c = N(clamp)(x, 11000);
    return N(sigmoid_d)(c) * N(larger)(2, c);
}
static inline REAL N(mish_u)(REAL x)
{
    const REAL c = N(clamp)(x, 11000);
    return N(larger)(N(mish_gate)(c), c * N(mish_bell)(c));
}
static inline REAL N(mish_uu)(REAL x)
{
    const REAL c = N(clamp)(x, 11000);
    return N(mish_bell)(c) * N(larger)(2, c * N(larger)(N(sigmoid)(-c), 2 * N(mish_gate)(c) * N(sigmoid)(c)));
}
static inline REAL N(logit_uu)(REAL x) { return N(larger)(x, 1 - x) / (x * (1 - x) * x * (1 - x)); }
static inline REAL N(asin_uu)(REAL x) { return (1 + M(fabs)(x)) / 2 * N(asin_d)(x) / ((1 - x) * (1 + x)); }
static inline REAL N(atanh_uu)(REAL x) { return (1 + M(fabs)(x)) * N(atanh_d)(x) * N(atanh_d)(x); }
static inline REAL N(gelu_u)(REAL x) { return N(larger)(N(phi)(x), N(clamp)(x, 150) * N(density)(x)); }
static inline REAL N(gelu_uu)(REAL x) { return N(density)(x) * N(larger)(2, N(clamp)(x, 150) * N(clamp)(x, 150)); }
static inline REAL N(gelu_tanh_u)(REAL x)
{
    const REAL c = N(clamp)(x, 150);
    REAL       dv;
    const REAL v = N(gelu_v)(c, &dv);
    return N(larger)(N(sigmoid_at)(v, dv), c * N(sigmoid_d_at)(v, dv) * N(gelu_v1)(c));
}
static inline REAL N(gelu_tanh_uu)(REAL x)
{
    const REAL c = N(clamp)(x, 150);
    REAL       dv;
    const REAL v = N(gelu_v)(c, &dv), v1 = N(gelu_v1)(c);
    return N(sigmoid_d_at)(v, dv) * N(larger)(2 * v1 + c * N(gelu_v2)(c), c * v1 * v1);
}
