/* pointwise_each.h - includes pointwise.def with the same macro, ROW(name, …), for all kinds of rows, but for those that are defined already.
 * No include guard: on purpose. */
#ifndef UNARY
#define UNARY ROW
#endif
#ifndef PERIODIC
#define PERIODIC UNARY
#endif
#ifndef BINARY
#define BINARY ROW
#endif
#ifndef TERNARY
#define TERNARY ROW
#endif
#ifndef SCALED
#define SCALED ROW
#endif
#ifndef QUOTIENT
#define QUOTIENT ROW
#endif
#ifndef SELECT
#define SELECT ROW
#endif
#ifndef SLOPE
#define SLOPE ROW
#endif
#ifndef FLAT
#define FLAT ROW
#endif
#ifndef COMPARE
#define COMPARE ROW
#endif
#ifndef TEST
#define TEST ROW
#endif
#ifndef LOGICAL
#define LOGICAL ROW
#endif
#ifndef SPECIAL
#define SPECIAL(NAME, DX, ...) UNARY(NAME, FLOATS, AT1(NAME), DX, KEPT, NONE, __VA_ARGS__)
#endif
#ifndef SPECIAL2
#define SPECIAL2(NAME, DX, DY, ...) BINARY(NAME, FLOATS, AT2(NAME), DX, DY, KEPT, NONE, __VA_ARGS__)
#endif
#ifndef SPECIAL3
#define SPECIAL3(NAME, DX, DY, DZ, ...) TERNARY(NAME, FLOATS, AT3(NAME), DX, DY, DZ, KEPT, NONE, __VA_ARGS__)
#endif
#ifndef OF_ORDER
#define OF_ORDER(NAME, DX, ...) SCALED(NAME, FLOATS, AT2(NAME), DX, NONE, KEPT, NONE, __VA_ARGS__)
#endif
#include "table/pointwise.def"
#include "table/pointwise_undef.h"
#undef ROW
