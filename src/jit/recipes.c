/* recipes.c - the ops that can be part of a segment, in instructions. Each recipe does what the op's row in pointwise.def says, in the same
 * order, so that its results are the same to the last bit. x, y, z are its inputs. */
#include "jit/segment.h"

#include <math.h>

#include "graph/graph.h"
#include "ops/ops.h"

#define OP(MICRO, A, B)       tg_micro_op(s, M_##MICRO, A, B, -1)
#define COMPARE(HOW, A, B)    tg_micro_compare(s, HOW, A, B)
#define PICK(C, A, B)         tg_micro_op(s, M_PICK, A, B, C)
#define WHERE(C, B)           tg_micro_op(s, M_PASS, -1, B, C) /* 0 elsewhere */
#define NUMBER(V)             tg_micro_number(s, V)
#define NEGATIVE(A)           OP(XOR, A, tg_micro_sign(s))
#define RECIPE(NAME, RESULT)                                   \
    static int make_##NAME(tg_segment *s, const int *in)       \
    {                                                          \
        const int x = in[0], y = in[1], z = in[2];             \
        (void)x, (void)y, (void)z;                             \
        return RESULT;                                         \
    }

/* g s and g / s, but 0 where g is 0 */
static int zero_mul(tg_segment *s, int g, int slope) { return tg_micro_op(s, M_MUL, g, slope, COMPARE(NOT_EQUAL, g, NUMBER(0))); }
static int zero_div(tg_segment *s, int g, int slope) { return tg_micro_op(s, M_DIV, g, slope, COMPARE(NOT_EQUAL, g, NUMBER(0))); }

/* The CPU's max and min give the second operand when either is NaN: right for a NaN in y; one in x is put back. */
static int keep_nan(tg_segment *s, int x, int result) { return PICK(COMPARE(IS_UNORDERED, x, x), x, result); }

/* y where it is NaN and the gradient g is not 0, else 0 */
static int pass_nan(tg_segment *s, int g, int y)
{
    return WHERE(COMPARE(NOT_EQUAL, g, NUMBER(0)), WHERE(COMPARE(IS_UNORDERED, y, y), y));
}

/* Slopes are read from the result y but for where it is too near to 1. tanh's is below this limit just where |y| is beyond TG_SLOPE_NEAR. */
static int tanh_slope(tg_segment *s, int x, int y)
{
    const int near = OP(MUL, OP(SUB, NUMBER(1), y), OP(ADD, NUMBER(1), y));
    return tg_micro_fixup(s, &(tg_fixup_rule){.op = &tg_op_tanh_slope, .x = x, .y = y, .near = near, .tested = near,
                                              .predicate = IS_LESS, .limit = (1 - TG_SLOPE_NEAR) * (1 + TG_SLOPE_NEAR)});
}
static int sigmoid_slope(tg_segment *s, int x, int y)
{
    const int near = OP(MUL, y, OP(SUB, NUMBER(1), y));
    return tg_micro_fixup(s, &(tg_fixup_rule){.op = &tg_op_sigmoid_slope, .x = x, .y = y, .near = near, .tested = y,
                                              .predicate = IS_GREATER, .limit = TG_SLOPE_NEAR});
}

RECIPE(copy, OP(OR, x, x)) /* x itself might be loaded when something else lies there already */
RECIPE(add, OP(ADD, x, y))
RECIPE(sub, OP(SUB, x, y))
RECIPE(mul, OP(MUL, x, y))
RECIPE(div, OP(DIV, x, y))
RECIPE(maximum, keep_nan(s, x, OP(MAX, x, y)))
RECIPE(minimum, keep_nan(s, x, OP(MIN, x, y)))
RECIPE(neg, NEGATIVE(x))
RECIPE(square, OP(MUL, x, x))
RECIPE(abs, OP(ANDN, tg_micro_sign(s), x))
RECIPE(sign, PICK(COMPARE(IS_GREATER, x, NUMBER(0)), NUMBER(1),
                  PICK(COMPARE(IS_LESS, x, NUMBER(0)), NUMBER(-1), WHERE(COMPARE(NOT_EQUAL, x, NUMBER(0)), x))))
RECIPE(reciprocal, OP(DIV, NUMBER(1), x))
RECIPE(sqrt, OP(SQRT, -1, x))
RECIPE(pow_half, PICK(COMPARE(IS_EQUAL, x, NUMBER(-INFINITY)), NUMBER(INFINITY), OP(SQRT, -1, OP(ADD, x, NUMBER(0)))))

RECIPE(relu, WHERE(COMPARE(NOT_AT_MOST, x, NUMBER(0)), x))
RECIPE(leaky_relu, PICK(COMPARE(IS_GREATER, x, NUMBER(0)), x, OP(MUL, y, x)))

RECIPE(eq, COMPARE(IS_EQUAL, x, y))
RECIPE(ne, COMPARE(NOT_EQUAL, x, y))
RECIPE(lt, COMPARE(IS_LESS, x, y))
RECIPE(le, COMPARE(IS_AT_MOST, x, y))
RECIPE(gt, COMPARE(IS_GREATER, x, y))
RECIPE(ge, COMPARE(IS_AT_LEAST, x, y))
RECIPE(isfinite, COMPARE(IS_EQUAL, OP(SUB, x, x), NUMBER(0)))
RECIPE(where, PICK(x, y, z))

RECIPE(mul_zero, zero_mul(s, x, y))
RECIPE(div_zero, zero_div(s, x, y))
RECIPE(square_grad, zero_mul(s, OP(MUL, NUMBER(2), x), y))
RECIPE(reciprocal_grad, NEGATIVE(zero_mul(s, x, OP(MUL, y, y))))
RECIPE(sqrt_grad, zero_div(s, OP(MUL, NUMBER(0.5), x), y))
RECIPE(log1p_grad, zero_div(s, x, OP(ADD, NUMBER(1), y)))
RECIPE(tanh_slope, tanh_slope(s, x, y))
RECIPE(sigmoid_slope, sigmoid_slope(s, x, y))
RECIPE(relu_grad, PICK(COMPARE(IS_GREATER, y, NUMBER(0)), x, pass_nan(s, x, y)))
RECIPE(abs_grad, PICK(COMPARE(IS_GREATER, y, NUMBER(0)), x, PICK(COMPARE(IS_LESS, y, NUMBER(0)), NEGATIVE(x), pass_nan(s, x, y))))
RECIPE(leaky_relu_grad, PICK(COMPARE(IS_GREATER, y, NUMBER(0)), x,
                             WHERE(COMPARE(NOT_EQUAL, x, NUMBER(0)), PICK(COMPARE(IS_AT_MOST, y, NUMBER(0)), OP(MUL, z, x), y))))
RECIPE(greater_grad, PICK(COMPARE(IS_GREATER, y, z), x,
                          PICK(COMPARE(IS_EQUAL, y, z), OP(MUL, NUMBER(0.5), x), pass_nan(s, x, keep_nan(s, y, z)))))
RECIPE(guard_zero, PICK(COMPARE(NOT_EQUAL, z, NUMBER(0)), x, WHERE(COMPARE(IS_EQUAL, OP(SUB, y, y), NUMBER(0)), x)))

typedef struct recipe {
    const tg_op *op;
    int (*make)(tg_segment *s, const int *in);
} recipe;

#define ROW(NAME) {&tg_op_##NAME, make_##NAME},
static const recipe recipes[] = {
    ROW(copy) ROW(add) ROW(sub) ROW(mul) ROW(div) ROW(maximum) ROW(minimum) ROW(neg) ROW(square) ROW(abs) ROW(sign) ROW(reciprocal)
    ROW(sqrt) ROW(pow_half) ROW(relu) ROW(leaky_relu) ROW(eq) ROW(ne) ROW(lt) ROW(le) ROW(gt) ROW(ge) ROW(isfinite) ROW(where)
    ROW(mul_zero) ROW(div_zero)
    ROW(square_grad) ROW(reciprocal_grad) ROW(sqrt_grad) ROW(log1p_grad) ROW(tanh_slope) ROW(sigmoid_slope) ROW(relu_grad) ROW(abs_grad)
    ROW(leaky_relu_grad) ROW(greater_grad) ROW(guard_zero)
};

static const recipe *recipe_of(const tg_op *op)
{
    for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++)
        if (recipes[i].op == op) return &recipes[i];
    return NULL;
}

bool tg_segment_knows(const tg_op *op) { return op && recipe_of(op); }

int tg_segment_op(tg_segment *s, const tg_op *op, const int *in)
{
    int inputs[3] = {-1, -1, -1};
    for (int i = 0; i < op->arity && i < 3; i++) inputs[i] = in[i];
    return recipe_of(op)->make(s, inputs);
}
