/* reductions_each.h - includes reductions.def with the same macro, ROW(name, …), for all kinds of rows, but for those that are defined already.
 * No include guard: on purpose. */
#ifndef SUM
#define SUM ROW
#endif
#ifndef FOLD
#define FOLD ROW
#endif
#ifndef PICK
#define PICK ROW
#endif
#include "table/reductions.def"
#undef ROW
#undef SUM
#undef FOLD
#undef PICK
