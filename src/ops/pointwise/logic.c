/* logic.c - bool results made of other ops: logical_and, logical_or, logical_xor, isclose. */
#include "ops/ops.h"
#include "tensor/options.h"

#include <tapegrad/pointwise.h>
#include <tapegrad/reduce.h>

/* Are both there, and bool? false after a sentence. */
static bool are_bool(tg_tensor *a, tg_tensor *b, const char *function)
{
    tg_tensor *const operand[2] = {a, b};
    for (int i = 0; i < 2; i++) {
        const tg_node *n = tg_check(operand[i], function);
        if (!n) return false;
        if (n->dtype == TG_BOOL) continue;
        tg_fail_on(n->tape, TG_ERR_DTYPE, function, "takes bool, not %s; a comparison or tg_to(x, TG_BOOL) makes one", tg_dtype_name((tg_dtype)n->dtype));
        return false;
    }
    return true;
}

/* Of bools the least is "and", the most "or". */
static tg_tensor *of_bools(const tg_op *op, tg_tensor *a, tg_tensor *b, const char *function)
{
    TG_CALL_AS(tg_tape_of(a), function);
    return are_bool(a, b, function) ? tg_record(op, (tg_tensor *[]){a, b}, 2, NULL, 0) : NULL;
}

tg_tensor *tg_logical_and(tg_tensor *a, tg_tensor *b) { return of_bools(&tg_op_minimum, a, b, __func__); }
tg_tensor *tg_logical_or(tg_tensor *a, tg_tensor *b) { return of_bools(&tg_op_maximum, a, b, __func__); }
tg_tensor *tg_logical_xor(tg_tensor *a, tg_tensor *b) { return of_bools(&tg_op_ne, a, b, __func__); }

/* Equal, or of a finite distance that is small: an infinite bound does not make an infinite distance one. */
tg_tensor *tg_isclose(tg_tensor *a, tg_tensor *b, const tg_isclose_options *options)
{
    tg_tape *tape = tg_tape_of(a);
    TG_CALL(tape);
    if (!tg_needs_float(a, __func__) || !tg_needs_float(b, __func__)) return NULL;
    const tg_isclose_options o = options ? *options : (tg_isclose_options){0};
    const double rtol = tg_or_usual(o.rtol, 1e-5), atol = tg_or_usual(o.atol, 1e-8);
    if (!(rtol >= 0 && atol >= 0))
        return tg_fail_on(tape, TG_ERR_ARG, __func__, "rtol is %g and atol %g; neither may be less than 0", rtol, atol), NULL;
    tg_tensor *distance = tg_abs(tg_sub(a, b));
    if (!distance) return NULL;
    tg_tensor *most = tg_add_s(tg_mul_s(tg_abs(b), rtol), atol);
    tg_tensor *is = tg_logical_or(tg_eq(a, b), tg_logical_and(tg_isfinite(distance), tg_le(distance, most)));
    return o.equal_nan ? tg_logical_or(is, tg_logical_and(tg_isnan(a), tg_isnan(b))) : is;
}

tg_tensor *tg_allclose(tg_tensor *a, tg_tensor *b, const tg_isclose_options *options)
{
    const tg_node *n = tg_check(a, __func__);
    if (!n) return NULL;
    TG_CALL(n->tape);
    tg_tensor *is = tg_isclose(a, b, options);
    return is ? tg_all_all(is) : NULL;
}
