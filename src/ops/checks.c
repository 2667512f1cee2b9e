/* checks.c - what many functions ask of their arguments before they record anything: each is false after a sentence about `function`. */
#include "ops/ops.h"

#include "ops/index/index.h"

bool tg_needs_float(tg_tensor *x, const char *function)
{
    const tg_node *n = tg_check(x, function);
    if (!n) return false;
    if (tg_dtype_is_float((tg_dtype)n->dtype)) return true;
    tg_fail_on(n->tape, TG_ERR_DTYPE, function, "takes float32 or float64, got %s; tg_to(x, TG_F32) converts",
               tg_dtype_name((tg_dtype)n->dtype));
    return false;
}

bool tg_needs_index(const tg_node *index, const char *function)
{
    if (tg_is_index((tg_dtype)index->dtype)) return true;
    tg_fail_on(index->tape, TG_ERR_DTYPE, function, "indices are int64 or int32, not %s; convert them with tg_to(index, TG_I64)",
               tg_dtype_name((tg_dtype)index->dtype));
    return false;
}

bool tg_needs_mask(const tg_node *mask, const char *function)
{
    if (mask->dtype == TG_BOOL) return true;
    tg_fail_on(mask->tape, TG_ERR_DTYPE, function, "the mask must be of bool, not %s", tg_dtype_name((tg_dtype)mask->dtype));
    return false;
}

bool tg_needs_one_tape(const tg_node *a, const tg_node *b, const char *function)
{
    if (a->tape == b->tape) return true;
    tg_fail_on(a->tape, TG_ERR_TAPE, function, "the tensors belong to different tapes");
    return false;
}

bool tg_needs_one_dtype(const tg_node *a, const tg_node *b, const char *function)
{
    if (a->dtype == b->dtype) return true;
    tg_fail_on(a->tape, TG_ERR_DTYPE, function, "the dtypes differ: %s and %s; convert one with tg_to", tg_dtype_name((tg_dtype)a->dtype),
               tg_dtype_name((tg_dtype)b->dtype));
    return false;
}

bool tg_is_axis_list(const tg_node *n, const tg_axes *axes, const char *function)
{
    if (axes && axes->n >= 0 && axes->n <= TG_MAX_RANK) return true;
    if (axes && axes->n == -1) tg_fail_on(n->tape, TG_ERR_ARG, function, "takes axes listed by TG_AXES(…), not TG_ALL_AXES");
    else if (axes) tg_fail_on(n->tape, TG_ERR_ARG, function, "axes lists %d axes; TG_AXES(…) lists at most %d", axes->n, TG_MAX_RANK);
    else tg_fail_on(n->tape, TG_ERR_NULL, function, "axes is NULL; TG_AXES(…) makes a list of them");
    return false;
}

bool tg_needs_shape(const tg_node *x, tg_tensor *t, const char *function, const char *name, const tg_shape *want)
{
    const tg_node *n = tg_check(t, function);
    char           first[TG_SHAPE_TEXT], second[TG_SHAPE_TEXT];
    if (!n || !tg_needs_one_tape(x, n, function)) return false;
    if (n->dtype == x->dtype && tg_shape_equal(n->shape, want)) return true;
    if (n->dtype != x->dtype)
        tg_fail_on(x->tape, TG_ERR_DTYPE, function, "%s is %s and the input %s; convert one with tg_to", name, tg_dtype_name((tg_dtype)n->dtype),
                   tg_dtype_name((tg_dtype)x->dtype));
    else
        tg_fail_on(x->tape, TG_ERR_SHAPE, function, "%s is %s; it must be %s", name, tg_shape_text(n->shape, first, sizeof first),
                   tg_shape_text(want, second, sizeof second));
    return false;
}
