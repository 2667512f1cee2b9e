/* onnx_pointwise.c - what pointwise ops are in ONNX: a formula each.
 *
 * Where ONNX has the op, it is that op. Where it has not, the formula is one that keeps the digits that the op is there for, and gives what the op
 * gives at infinities. A NaN goes where it does in the library as long as Max, Min and Relu pass it on: ONNX leaves that open, onnxruntime does. */
#include "export/onnx.h"

#define ROW(NAME, FLOATS)            {&tg_op_##NAME, #NAME, FLOATS, NULL}
#define ROWS(NAME, FLOATS, INTEGERS) {&tg_op_##NAME, #NAME, FLOATS, INTEGERS}
#define PART(NAME, FLOATS)           {NULL, #NAME, FLOATS, NULL}
#define PARTS(NAME, FLOATS, INTEGERS) {NULL, #NAME, FLOATS, INTEGERS}

const tg_onnx_row tg_onnx_rows[] = {
    /* ---- parts of others. divisor: 1 for -1, for which an integer modulo it is 0 too */
    PART(is_negative, "Or(Less(x, 0), Less(Div(1, x), 0))"), /* -0 too */
    PART(lean, "And(Not(Equal(x, 0)), Xor(Less(x, 0), Less(y, 0)))"),
    PART(divisor, "Where(Equal(x, -1), 1, x)"),
    PART(sinpi, "Mul(Sin(Mul(3.141592653589793, Sub(x, Round(x)))), Sub(1, Mul(2, Abs(fmod(Round(x), 2)))))"),
    PART(ratio, "Where(Equal(x, y), Where(Equal(y, 0), 0, 1), Div(x, y))"), /* 0 and the infinities by their limit */
    PART(eighth_turn, "Atan(ratio(Min(x, y), Max(x, y)))"),
    PART(quarter_turn, "Where(Greater(x, y), Sub(1.5707963267948966, eighth_turn(x, y)), eighth_turn(x, y))"),
    PART(longest_side, "Where(Equal(y, 0), 0, Mul(y, Sqrt(Add(1, square(ratio(x, y))))))"),
    PART(times_sigmoid, "Mul(x, Sigmoid(x))"),
    PART(times_phi, "Mul(Mul(x, Add(Erf(Div(x, 1.4142135623730951)), 1)), 0.5)"),
    PART(times_tanh, "Mul(Mul(0.5, x), Add(1, Tanh(Mul(0.7978845608028654, Add(x, Mul(0.044715, Mul(x, Mul(x, x))))))))"),
    PART(times_mish, "Mul(x, Tanh(Softplus(x)))"),

    /* ---- arithmetic */
    ROW(add, "Add(x, y)"),
    ROW(sub, "Sub(x, y)"),
    ROW(mul, "Mul(x, y)"),
    ROW(div, "Div(x, y)"),
    ROW(pow, "Pow(x, y)"),
    ROW(maximum, "Max(x, y)"),
    ROW(minimum, "Min(x, y)"),
    ROW(neg, "Neg(x)"),
    ROW(square, "Mul(x, x)"),
    ROW(abs, "Abs(x)"),
    ROW(sign, "Sign(x)"),
    ROW(reciprocal, "Reciprocal(x)"),
    ROW(sqrt, "Sqrt(x)"),

    /* ---- choices and comparisons */
    ROW(where, "Where(x, y, z)"),
    ROW(copy, "Identity(x)"),
    ROW(eq, "Equal(x, y)"),
    ROW(ne, "Not(Equal(x, y))"),
    ROW(lt, "Less(x, y)"),
    ROW(le, "LessOrEqual(x, y)"),
    ROW(gt, "Greater(x, y)"),
    ROW(ge, "GreaterOrEqual(x, y)"),
    ROW(isfinite, "Equal(Sub(x, x), 0)"),
    ROW(isnan, "IsNaN(x)"),
    ROW(isinf, "IsInf(x)"),
    ROW(logical_not, "Not(x)"),

    /* ---- rounding, remainders and bounds. Runtimes stop, or crash, at a divisor of 0 in integers, and at the lowest one divided by -1 */
    ROWS(floor, "Floor(x)", "Identity(x)"),
    ROWS(ceil, "Ceil(x)", "Identity(x)"),
    ROWS(round, "Round(x)", "Identity(x)"),
    ROWS(trunc, "Where(Less(x, 0), Ceil(x), Floor(x))", "Identity(x)"),
    ROWS(fmod, "Mod{fmod=1}(x, y)", "Mod{fmod=1}(x, divisor(y))"),
    ROWS(remainder, "Where(lean(fmod(x, y), y), Add(fmod(x, y), y), fmod(x, y))", "Mod(x, divisor(y))"),
    ROWS(floor_divide, "Where(Equal(y, 0), Div(x, y), Sub(Round(Div(Sub(x, fmod(x, y)), y)), Where(lean(fmod(x, y), y), 1, 0)))",
         "Where(Equal(y, -1), Neg(x), Sub(Div(Sub(x, fmod(x, y)), divisor(y)), Where(lean(fmod(x, y), y), 1, 0)))"),
    ROW(clamp_min, "Max(x, y)"),
    ROW(clamp_max, "Min(x, y)"),

    /* ---- functions. log1p and expm1 keep the digits of small x: ln(1 + x) = x ln(u) / (u - 1), u = 1 + x; e^x - 1 = tanh(x/2) (e^x + 1) */
    ROW(exp, "Exp(x)"),
    ROW(log, "Log(x)"),
    ROW(log1p, "Where(Equal(Add(x, 1), 1), x, Mul(Log(Add(x, 1)), Where(Less(Abs(x), 0.5), Div(x, Sub(Add(x, 1), 1)), 1)))"),
    ROW(sin, "Sin(x)"),
    ROW(cos, "Cos(x)"),
    ROW(tanh, "Tanh(x)"),
    ROW(erf, "Erf(x)"),
    ROW(exp2, "Pow(2, x)"),
    ROW(exp10, "Pow(10, x)"),
    ROW(expm1, "Mul(Tanh(Mul(x, 0.5)), Add(Exp(x), 1))"),
    ROW(log2, "Mul(Log(x), 1.4426950408889634)"),
    ROW(log10, "Mul(Log(x), 0.4342944819032518)"),
    ROW(cbrt, "Mul(Sign(x), Pow(Abs(x), 0.3333333333333333))"),
    ROW(logit, "Where(Less(x, 0.25), Sub(Log(x), log1p(Neg(x))), "
               "Where(Less(x, 0.5), Neg(log1p(Div(Sub(1, Mul(2, x)), x))), log1p(Div(Sub(Mul(2, x), 1), Sub(1, x)))))"),
    ROW(tan, "Tan(x)"),
    ROW(sinc, "Where(Equal(x, 0), 1, Div(sinpi(x), Mul(3.141592653589793, x)))"),
    ROW(asin, "Asin(x)"),
    ROW(acos, "Acos(x)"),
    ROW(atan, "Atan(x)"),
    ROW(sinh, "Sinh(x)"),
    ROW(cosh, "Cosh(x)"),
    ROW(asinh, "Asinh(x)"),
    ROW(acosh, "Acosh(x)"),
    ROW(atanh, "Atanh(x)"),
    ROW(atan2, "copysign(Where(is_negative(y), Sub(3.141592653589793, quarter_turn(Abs(x), Abs(y))), quarter_turn(Abs(x), Abs(y))), x)"),
    ROW(hypot, "Where(Or(IsInf(x), IsInf(y)), inf, longest_side(Min(Abs(x), Abs(y)), Max(Abs(x), Abs(y))))"),
    ROW(copysign, "Where(is_negative(y), Neg(Abs(x)), Abs(x))"),
    ROW(logaddexp, "Where(Equal(x, y), Add(x, 0.6931471805599453), Add(Max(x, y), log1p(Exp(Neg(Abs(Sub(x, y)))))))"),
    ROW(xlogy, "Where(And(Equal(x, 0), Equal(y, y)), 0, Mul(x, Log(y)))"),
    ROW(xlog1py, "Where(And(Equal(x, 0), Equal(y, y)), 0, Mul(x, log1p(y)))"),
    ROW(entr, "Where(Equal(x, 0), 0, Where(Less(x, 0), -inf, Neg(Mul(x, Log(x)))))"),
    ROW(fmax, "Where(Or(GreaterOrEqual(x, y), IsNaN(y)), x, y)"),
    ROW(fmin, "Where(Or(LessOrEqual(x, y), IsNaN(y)), x, y)"),

    /* ---- activations. What is x times a limit of 0 at -inf is taken at a number where it is 0 already */
    ROW(relu, "Relu(x)"),
    ROW(leaky_relu, "Where(Greater(x, 0), x, Mul(x, y))"),
    ROW(hardswish, "Where(LessOrEqual(x, -3), 0, Where(GreaterOrEqual(x, 3), x, Mul(x, Mul(Add(x, 3), 0.16666666666666666))))"),
    ROW(sigmoid, "Sigmoid(x)"),
    ROW(silu, "times_sigmoid(Max(x, -1000))"),
    ROW(softplus, "Softplus(x)"),
    ROW(gelu, "times_phi(Max(x, -40))"),
    ROW(gelu_tanh, "times_tanh(Max(x, -40))"),
    ROW(softsign, "Softsign(x)"),
    ROW(tanhshrink, "Sub(x, Tanh(x))"),
    ROW(mish, "times_mish(Max(x, -1000))"),

    /* ---- what also occurs in forward passes */
    ROW(mul_zero, "Where(Equal(x, 0), 0, Mul(x, y))"),
    ROW(div_zero, "Where(Equal(x, 0), 0, Div(x, y))"),
    ROW(pow_half, "Where(Equal(x, -inf), inf, Sqrt(Add(x, 0)))"),
    ROW(pow_zero, "Where(Equal(x, x), 1, 1)"),
    {0},
};

const tg_onnx_row *tg_onnx_row_of(const tg_op *op)
{
    for (const tg_onnx_row *r = tg_onnx_rows; r->name; r++)
        if (r->op == op) return r;
    return NULL;
}
