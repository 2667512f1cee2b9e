/* c_formulas.h - the formulas of pointwise ops as text in C, as the reference loops compute them. */
#ifndef TG_C_FORMULAS_H
#define TG_C_FORMULAS_H

#include "ops/ops.h"

/* The formula of operands x, y, z, of type T, for elements of this dtype; NULL where the op has none, as special functions. */
const char *tg_formula_text(const tg_op *op, tg_dtype dtype);

/* Whether there is one for some dtype. */
bool tg_formula_exists(const tg_op *op);

/* The formula of m, the remainder of x / y, where the op's speaks of it; else NULL. */
const char *tg_formula_remainder(const tg_op *op, tg_dtype dtype);

/* The type in which integers are computed; NULL: their own. */
const char *tg_formula_integer(const tg_op *op, tg_dtype dtype);

/* The functions that formulas call beside those of libm, for f32 or f64: "static TYPE name(TYPE x, …) { … }" one behind the other, each after those that
 * it calls. */
const char *tg_formula_parts(tg_dtype dtype);

#endif
