/* mask.c - hiding parts of a tensor, made of other ops: masked_fill, tril, triu. */
#include "ops/ops.h"

#include <float.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/shape.h>
#include <tapegrad/index.h>

tg_tensor *tg_masked_fill(tg_tensor *x, tg_tensor *mask, double value)
{
    TG_CALL(tg_tape_of(x));
    return tg_where(mask, tg_number_like(x, value, "tg_masked_fill"), x);
}

/* A type that holds all whole numbers up to this one; if it can be that of x, so that comparing and choosing are one loop. */
static tg_dtype dtype_of_positions(const tg_node *x, int64_t most)
{
    if (x->dtype == TG_F64 && most <= INT64_C(1) << DBL_MANT_DIG) return TG_F64;
    return most <= INT64_C(1) << FLT_MANT_DIG ? TG_F32 : TG_I64;
}

/* x where column - row <= diagonal (lower) or >= diagonal, else 0. */
static tg_tensor *triangle(tg_tensor *x, int64_t diagonal, bool lower, const char *function)
{
    const tg_node *n = tg_check(x, function);
    if (!n) return NULL;
    TG_CALL_AS(n->tape, function);
    if (n->shape->rank < 2) {
        tg_fail_on(n->tape, TG_ERR_SHAPE, function, "takes at least 2 dimensions, not %d", n->shape->rank);
        return NULL;
    }
    const int64_t rows = n->shape->dim[n->shape->rank - 2], cols = n->shape->dim[n->shape->rank - 1];
    const int64_t k      = diagonal < -rows ? -rows : diagonal > cols ? cols : diagonal; /* beyond, nothing changes */
    const tg_dtype dtype = dtype_of_positions(n, rows > INT64_MAX - cols ? INT64_MAX : rows + cols);
    tg_tensor     *row = tg_add_s(tg_reshape(tg_arange(n->tape, dtype, rows), TG_SHAPE(rows, 1)), (double)k);
    tg_tensor     *col = tg_arange(n->tape, dtype, cols);
    return tg_where(lower ? tg_le(col, row) : tg_ge(col, row), x, tg_number_like(x, 0, function));
}

tg_tensor *tg_tril(tg_tensor *x, int64_t diagonal) { return triangle(x, diagonal, true, "tg_tril"); }
tg_tensor *tg_triu(tg_tensor *x, int64_t diagonal) { return triangle(x, diagonal, false, "tg_triu"); }
