/* c_rows.h - elements of an array by row of pointwise.def: their formulas as text. No include guard: on purpose. */
#define UNARY(NAME, TYPES, FORMULA, ...) [TG_ROW_##NAME] = TEXT(FORMULA),
#define BINARY                           UNARY
#define TERNARY                          UNARY
#define SCALED                           UNARY
#define QUOTIENT                         UNARY
#define SELECT                           UNARY
#define FLAT                             UNARY
#define SLOPE                            UNARY
#define COMPARE(NAME, FORMULA, ...)      [TG_ROW_##NAME] = TEXT(FORMULA),
#define TEST                             COMPARE
#define LOGICAL                          COMPARE
#define SPECIAL(NAME, ...)
#define SPECIAL2 SPECIAL
#define SPECIAL3 SPECIAL
#define OF_ORDER SPECIAL
#define ROW(NAME, ...)
#include "table/pointwise_each.h"
