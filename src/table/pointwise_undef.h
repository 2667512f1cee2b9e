/* pointwise_undef.h - takes back the row macros of pointwise.def, so that it can be included again. No include guard: on purpose. */
#undef UNARY
#undef UNARY_RING
#undef UNARY_ORDERED
#undef FLAT
#undef TEST
#undef BINARY
#undef BINARY_RING
#undef BINARY_ORDERED
#undef SCALED
#undef COMPARE
#undef SLOPE
#undef TERNARY
