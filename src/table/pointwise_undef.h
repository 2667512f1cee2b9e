/* pointwise_undef.h - takes back the row macros of pointwise.def, so that it can be included again. No include guard: on purpose. */
#undef UNARY
#undef PERIODIC
#undef BINARY
#undef TERNARY
#undef SCALED
#undef QUOTIENT
#undef SELECT
#undef SLOPE
#undef FLAT
#undef COMPARE
#undef TEST
#undef LOGICAL
#undef SPECIAL
#undef SPECIAL2
#undef SPECIAL3
#undef OF_ORDER
