/* bad.c - shared objects with cases that cannot be checked, for test_gradcheck.sh: BAD says which. */
#include <tapegrad_op.h>

static tg_tensor *same(void *ctx, tg_tensor *const *in) { return (void)ctx, in[0]; }

#if BAD == 1
TG_GRADCHECK_CASES({.name = "x", .in = {{.shape = TG_SHAPE(3)}}})
tg_fn unused = same;
#elif BAD == 2
TG_GRADCHECK_CASES({.f = same, .in = {{.shape = TG_SHAPE(3)}}})
#elif BAD == 3
TG_GRADCHECK_CASES({.name = "x", .f = same, .in = {{.shape = TG_SHAPE(3, -1)}}})
#elif BAD == 4
TG_GRADCHECK_CASES({.name = "x", .f = same, .in = {{.shape = TG_SHAPE(3), .lo = 2, .hi = 1}}})
#elif BAD == 5
TG_GRADCHECK_CASES({.name = "x", .f = same, .in = {{.shape = TG_SHAPE(3), .lo = 0, .hi = 0, .kind = TG_CASE_INDEX}}})
#elif BAD == 6
TG_GRADCHECK_CASES({.name = "x", .f = same, .in = {{.shape = TG_SHAPE(3), .lo = 0, .hi = 1, .kind = TG_CASE_CONSTANT}}})
#elif BAD == 7
TG_GRADCHECK_CASES({.name = "x", .f = same, .in = {{.shape = TG_SHAPE(3)}}, .order = 3})
#elif BAD == 8
TG_GRADCHECK_CASES({.name = "x", .f = same, .in = {{.shape = TG_SHAPE(3), .kind = (tg_case_kind)9}}})
#elif BAD == 9
TG_API extern const tg_gradcheck_case_list tg_gradcheck_cases;
const tg_gradcheck_case_list               tg_gradcheck_cases = {"0.0.7", sizeof(tg_gradcheck_case), 0, 0};
tg_fn                                      unused             = same;
#else
tg_fn unused = same;
#endif
