/* recipes.c - the ops that can be part of a segment, in instructions: the words of the recipes in pointwise.def, and the recipes. Each
 * does what the op's formula says, in the same order, so that its results are the same to the last bit. x, y, z are its inputs. */
#include "jit/segment.h"

#include <math.h>

#include "table/rows.h"

/* ---- words: instructions ------------------------------------------------------------------------------------------------ */

#define OP(MICRO, A, B)   tg_micro_compute(s, MICRO, A, B, -1)
#define ADD(A, B)         OP(M_ADD, A, B)
#define SUB(A, B)         OP(M_SUB, A, B)
#define MUL(A, B)         OP(M_MUL, A, B)
#define DIV(A, B)         OP(M_DIV, A, B)
#define MAX(A, B)         OP(M_MAX, A, B) /* the CPU's: B where either is NaN */
#define MIN(A, B)         OP(M_MIN, A, B)
#define ROOT(A)           OP(M_SQRT, -1, A)
#define WHOLE(HOW, A)     tg_micro_round(s, HOW, A)
#define NUMBER(V)         tg_micro_number(s, V)
#define NEGATIVE(A)       OP(M_XOR, A, tg_micro_sign(s))
#define MAGNITUDE(A)      OP(M_ANDN, tg_micro_sign(s), A)
#define SIGNED_AS(A, B)   OP(M_OR, MAGNITUDE(A), OP(M_AND, B, tg_micro_sign(s)))
#define COPY(A)           OP(M_OR, A, A) /* A itself might be loaded when something else lies there already */

/* Conditions, and what is made of them. */
#define IS_EQUAL(A, B)    tg_micro_compare(s, IS_EQUAL, A, B)
#define NOT_EQUAL(A, B)   tg_micro_compare(s, NOT_EQUAL, A, B)
#define IS_LESS(A, B)     tg_micro_compare(s, IS_LESS, A, B)
#define IS_AT_MOST(A, B)  tg_micro_compare(s, IS_AT_MOST, A, B)
#define NOT_AT_MOST(A, B) tg_micro_compare(s, NOT_AT_MOST, A, B)
#define IS_AT_LEAST(A, B) tg_micro_compare(s, IS_AT_LEAST, A, B)
#define IS_GREATER(A, B)  tg_micro_compare(s, IS_GREATER, A, B)
#define IS_NAN(A)         tg_micro_compare(s, IS_UNORDERED, A, A)
#define PICK(C, A, B)     tg_micro_compute(s, M_PICK, A, B, C)
#define WHERE(C, A)       tg_micro_compute(s, M_PASS, -1, A, C) /* 0 elsewhere */

/* ---- words: several instructions ---------------------------------------------------------------------------------------- */

/* g s and g / s, but 0 where g is 0 */
#define ZMUL(G, S) tg_micro_compute(s, M_MUL, G, S, NOT_EQUAL(G, NUMBER(0)))
#define ZDIV(G, S) tg_micro_compute(s, M_DIV, G, S, NOT_EQUAL(G, NUMBER(0)))

/* The result of MAX or MIN, with NaN where x is. */
#define KEEP_NAN(X, RESULT) keep_nan(s, X, RESULT)
static int keep_nan(tg_segment *s, int x, int result) { return PICK(IS_NAN(x), x, result); }

/* y where it is NaN and the gradient g is not 0, else 0 */
#define PASS_NAN(G, Y) pass_nan(s, G, Y)
static int pass_nan(tg_segment *s, int g, int y) { return WHERE(NOT_EQUAL(g, NUMBER(0)), WHERE(IS_NAN(y), y)); }

/* Slopes are read from the result y but for where it is too near to 1. tanh's is below this limit just where |y| is beyond TG_SLOPE_NEAR. */
#define TANH_SLOPE(X, Y) tanh_slope(s, op, X, Y)
static int tanh_slope(tg_segment *s, const tg_op *op, int x, int y)
{
    const int near = MUL(SUB(NUMBER(1), y), ADD(NUMBER(1), y));
    return tg_micro_fixup(s, &(tg_fixup_rule){.op = op, .x = x, .y = y, .near = near, .tested = near,
                                              .predicate = IS_LESS, .limit = (1 - TG_SLOPE_NEAR) * (1 + TG_SLOPE_NEAR)});
}
#define SIGMOID_SLOPE(X, Y) sigmoid_slope(s, op, X, Y)
static int sigmoid_slope(tg_segment *s, const tg_op *op, int x, int y)
{
    const int near = MUL(y, SUB(NUMBER(1), y));
    return tg_micro_fixup(s, &(tg_fixup_rule){.op = op, .x = x, .y = y, .near = near, .tested = y,
                                              .predicate = IS_GREATER, .limit = TG_SLOPE_NEAR});
}

/* ---- the recipes, by the ops' numbers --------------------------------------------------------------------------------------- */

bool tg_segment_knows(const tg_op *op)
{
    static const bool known[TG_ROWS] = {
#define UNARY(NAME, TYPES, FORMULA, DX, COST, RECIPE, ...)           [TG_ROW_##NAME] = !TG_IS_NONE(RECIPE),
#define BINARY(NAME, TYPES, FORMULA, DX, DY, COST, RECIPE, ...)      [TG_ROW_##NAME] = !TG_IS_NONE(RECIPE),
#define TERNARY(NAME, TYPES, FORMULA, DX, DY, DZ, COST, RECIPE, ...) [TG_ROW_##NAME] = !TG_IS_NONE(RECIPE),
#define SCALED                                                       BINARY
#define QUOTIENT                                                     BINARY
#define SELECT                                                       TERNARY
#define SLOPE(NAME, OF, FORMULA, DX, COST, RECIPE, ...)              [TG_ROW_##NAME] = !TG_IS_NONE(RECIPE),
#define FLAT(NAME, TYPES, FORMULA, COST, RECIPE)                     [TG_ROW_##NAME] = !TG_IS_NONE(RECIPE),
#define ROW(NAME, FORMULA, COST, RECIPE)                             [TG_ROW_##NAME] = !TG_IS_NONE(RECIPE),
#include "table/pointwise_each.h"
    };
    return op && known[op->row];
}

int tg_segment_op(tg_segment *s, const tg_op *op, const int *in)
{
    const int x = in[0], y = op->arity > 1 ? in[1] : -1, z = op->arity > 2 ? in[2] : -1;
    switch (op->row) {
#define NONE                                                         -1
#define UNARY(NAME, TYPES, FORMULA, DX, COST, RECIPE, ...)           case TG_ROW_##NAME: return RECIPE;
#define BINARY(NAME, TYPES, FORMULA, DX, DY, COST, RECIPE, ...)      case TG_ROW_##NAME: return RECIPE;
#define TERNARY(NAME, TYPES, FORMULA, DX, DY, DZ, COST, RECIPE, ...) case TG_ROW_##NAME: return RECIPE;
#define SCALED                                                       BINARY
#define QUOTIENT                                                     BINARY
#define SELECT                                                       TERNARY
#define SLOPE(NAME, OF, FORMULA, DX, COST, RECIPE, ...)              case TG_ROW_##NAME: return RECIPE;
#define FLAT(NAME, TYPES, FORMULA, COST, RECIPE)                     case TG_ROW_##NAME: return RECIPE;
#define ROW(NAME, FORMULA, COST, RECIPE)                             case TG_ROW_##NAME: return RECIPE;
#include "table/pointwise_each.h"
#undef NONE
    }
    return -1;
}
