/* c_formulas.c - the rows of pointwise.def as text: their vocabulary is expanded as it is for the reference loops, and written down instead of
 * compiled. */
#include "export/c_formulas.h"

#include "table/rows.h"

#undef INFINITY /* stays a word, for whoever compiles the text */

#define TEXT(...)  TEXT_(__VA_ARGS__)
#define TEXT_(...) #__VA_ARGS__

#define C(V) ((T)(V))
#include "ops/pointwise/words.h"

#define PARTS(SUFFIX, TYPE) FLOORED_PARTS(SUFFIX, TYPE) SINC_PARTS(SUFFIX, TYPE) SIGMOID_PARTS(SUFFIX, TYPE) GELU_PARTS(SUFFIX, TYPE)

/* ---- floats: float32 ------------------------------------------------------------------------------------------------------- */

#define LIBM(F)              F##f
#define PART(NAME, X)        NAME##_f32(X)
#define PART2(NAME, X, Y)    NAME##_f32(X, Y)
#define PART3(NAME, X, Y, Z) NAME##_f32(X, Y, Z)
static const char        parts_f32[] = TEXT(PARTS(f32, float));
static const char *const formulas_f32[TG_ROWS] = {
#include "export/c_rows.h"
};

/* ---- floats: float64 ------------------------------------------------------------------------------------------------------- */

#undef LIBM
#undef PART
#undef PART2
#undef PART3
#define LIBM(F)              F
#define PART(NAME, X)        NAME##_f64(X)
#define PART2(NAME, X, Y)    NAME##_f64(X, Y)
#define PART3(NAME, X, Y, Z) NAME##_f64(X, Y, Z)
static const char        parts_f64[] = TEXT(PARTS(f64, double));
static const char *const formulas_f64[TG_ROWS] = {
#include "export/c_rows.h"
};

/* ---- integers -------------------------------------------------------------------------------------------------------------- */

#include "ops/pointwise/words_integers.h"
static const char *const formulas_integer[TG_ROWS] = {
#include "export/c_rows.h"
};
static const char remainder_integer[] = TEXT(FMOD(x, y));

/* ---- what else a row says --------------------------------------------------------------------------------------------------- */

/* The type in which integers are computed. */
enum { OWN, INT64, UINT64 };
#define IN_FLOATS  OWN
#define IN_RING    UINT64
#define IN_ORDERED INT64
#define IN_ALL     INT64
static const struct {
    uint8_t integer;
    bool    quotient;
} row_of[TG_ROWS] = {
#define UNARY(NAME, TYPES, ...)    [TG_ROW_##NAME] = {IN_##TYPES, false},
#define BINARY                     UNARY
#define TERNARY                    UNARY
#define SCALED                     UNARY
#define FLAT                       UNARY
#define QUOTIENT(NAME, TYPES, ...) [TG_ROW_##NAME] = {IN_##TYPES, true},
#define ROW(NAME, ...)             [TG_ROW_##NAME] = {OWN, false},
#include "table/pointwise_each.h"
};

const char *tg_formula_text(const tg_op *op, tg_dtype dtype)
{
    if (op->row == TG_NO_ROW || !op->loop[dtype]) return NULL;
    return dtype == TG_F32 ? formulas_f32[op->row] : dtype == TG_F64 ? formulas_f64[op->row] : formulas_integer[op->row];
}

bool tg_formula_exists(const tg_op *op) { return op->row != TG_NO_ROW && (formulas_f64[op->row] || formulas_integer[op->row]); }

const char *tg_formula_remainder(const tg_op *op, tg_dtype dtype)
{
    if (!row_of[op->row].quotient) return NULL;
    return dtype == TG_F32 ? "fmodf(x, y)" : dtype == TG_F64 ? "fmod(x, y)" : remainder_integer;
}

const char *tg_formula_integer(const tg_op *op, tg_dtype dtype)
{
    const int in = dtype == TG_BOOL && (op->flags & TG_OP_BOOL) && op->arity == 2 ? INT64 : row_of[op->row].integer;
    return in == UINT64 ? "uint64_t" : in == INT64 ? "int64_t" : NULL;
}

const char *tg_formula_parts(tg_dtype dtype) { return dtype == TG_F32 ? parts_f32 : parts_f64; }
