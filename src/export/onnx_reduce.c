/* onnx_reduce.c - reductions over axes in ONNX, and places of extremes. */
#include "export/onnx.h"

static const tg_reduce_attr *attr_of(const tg_onnx_call *c) { return tg_attr(c->node); }

/* The axes of a reduction: no axes mean all of them in ONNX, so those of a scalar, or none, are one more in front. */
typedef struct axes {
    int64_t list[TG_MAX_RANK];
    int     n, keeps;
} axes;

static axes axes_of(const tg_onnx_call *c, int *x)
{
    const tg_reduce_attr *a  = attr_of(c);
    axes                  to = {.keeps = (int)a->keepdim};
    for (int k = 0; k < TG_MAX_RANK; k++)
        if (a->axes >> k & 1) to.list[to.n++] = k;
    if (to.n) return to;
    const tg_shape *s = tg_onnx_in_shape(c, 0);
    int64_t         size[TG_MAX_RANK + 1] = {1};
    for (int k = 0; k < s->rank; k++) size[k + 1] = s->dim[k];
    *x = TG_ONNX_NODE(c->m, "Reshape", tg_onnx_dtype(c->m, *x), *x, tg_onnx_list(c->m, size, s->rank + 1));
    return (axes){.n = 1};
}

/* The reduction `op` of x over the call's axes. In opset 17 ReduceSum has its axes as an input, the others as an attribute. */
static int reduced(const tg_onnx_call *c, const char *op, int x)
{
    const axes a = axes_of(c, &x);
    const tg_dtype dtype = tg_onnx_dtype(c->m, x);
    if (!strcmp(op, "ReduceSum")) {
        const int list = tg_onnx_list(c->m, a.list, a.n);
        tg_onnx_int(c->m, "keepdims", a.keeps);
        return TG_ONNX_NODE(c->m, op, dtype, x, list);
    }
    tg_onnx_ints(c->m, "axes", a.list, a.n);
    tg_onnx_int(c->m, "keepdims", a.keeps);
    return TG_ONNX_NODE(c->m, op, dtype, x);
}

static bool is_empty(const tg_onnx_call *c) { return tg_node_numel(tg_inputs(c->node)[0]) == 0; }

/* What nothing reduces to. */
static int filled(const tg_onnx_call *c, double number)
{
    return tg_onnx_expand(c->m, tg_onnx_number(c->m, (tg_dtype)c->node->dtype, number), tg_onnx_shape(c));
}

static int write_sum(tg_onnx_call *c) { return is_empty(c) ? filled(c, 0) : reduced(c, "ReduceSum", tg_onnx_cast(c->m, c->x[0], (tg_dtype)c->node->dtype)); }
static int write_prod(tg_onnx_call *c) { return is_empty(c) ? filled(c, 1) : reduced(c, "ReduceProd", tg_onnx_cast(c->m, c->x[0], (tg_dtype)c->node->dtype)); }
static int write_sum_abs(tg_onnx_call *c) { return is_empty(c) ? filled(c, 0) : reduced(c, "ReduceSum", TG_ONNX_FORMULA(c->m, "Abs(x)", c->x[0])); }

/* In double: the squares of floats would overflow or vanish. */
static int write_two_norm(tg_onnx_call *c)
{
    if (is_empty(c)) return filled(c, 0);
    const int sum = reduced(c, "ReduceSum", TG_ONNX_FORMULA(c->m, "Mul(float64(x), float64(x))", c->x[0]));
    return tg_onnx_cast(c->m, TG_ONNX_FORMULA(c->m, "Sqrt(x)", sum), (tg_dtype)c->node->dtype);
}

static int write_test(tg_onnx_call *c, const char *op, double of_nothing)
{
    if (is_empty(c)) return filled(c, of_nothing);
    return tg_onnx_cast(c->m, reduced(c, op, TG_ONNX_FORMULA(c->m, "int32(Not(Equal(x, 0)))", tg_onnx_widened(c->m, c->x[0]))), TG_BOOL);
}
static int write_any(tg_onnx_call *c) { return write_test(c, "ReduceMax", 0); }
static int write_all(tg_onnx_call *c) { return write_test(c, "ReduceMin", 1); }

static int write_extreme(tg_onnx_call *c, const char *op)
{
    return tg_onnx_cast(c->m, reduced(c, op, tg_onnx_widened(c->m, c->x[0])), (tg_dtype)c->node->dtype);
}
static int write_amax(tg_onnx_call *c) { return write_extreme(c, "ReduceMax"); }
static int write_amin(tg_onnx_call *c) { return write_extreme(c, "ReduceMin"); }

static int write_logsumexp(tg_onnx_call *c) { return is_empty(c) ? filled(c, -__builtin_inf()) : reduced(c, "ReduceLogSumExp", c->x[0]); }

/* 1 / sqrt(variance + eps): the mean of squares of what is left without the mean, which is exact where a difference of squares would not be. */
static int write_rstd(tg_onnx_call *c)
{
    const tg_rstd_attr *a = tg_attr(c->node);
    int                 d = c->x[0];
    if (a->centred) d = TG_ONNX_FORMULA(c->m, "Sub(x, y)", d, reduced(c, "ReduceMean", d));
    const int mean = reduced(c, "ReduceMean", TG_ONNX_FORMULA(c->m, "Mul(x, x)", d));
    return TG_ONNX_FORMULA(c->m, "Reciprocal(Sqrt(Add(x, y)))", mean, tg_onnx_number(c->m, (tg_dtype)c->node->dtype, a->eps));
}

/* ---- places: of equals the first ------------------------------------------------------------------------------------------ */

static int place_of(const tg_onnx_call *c, const char *op)
{
    const int x = tg_onnx_widened(c->m, c->x[0]);
    TG_ONNX_ALONG(c->m, __builtin_ctz(attr_of(c)->axes));
    tg_onnx_int(c->m, "keepdims", attr_of(c)->keepdim);
    return TG_ONNX_NODE(c->m, op, TG_I64, x);
}

static int write_argmax(tg_onnx_call *c) { return place_of(c, "ArgMax"); }
static int write_argmin(tg_onnx_call *c) { return place_of(c, "ArgMin"); }

static int write_max(tg_onnx_call *c)
{
    c->result[1] = place_of(c, "ArgMax");
    return write_amax(c);
}

static int write_min(tg_onnx_call *c)
{
    c->result[1] = place_of(c, "ArgMin");
    return write_amin(c);
}

const tg_onnx_op tg_onnx_reduce_ops[] = {
    {&tg_op_sum, write_sum, 0},       {&tg_op_sum_abs, write_sum_abs, 0}, {&tg_op_two_norm, write_two_norm, 0}, {&tg_op_prod, write_prod, 0},
    {&tg_op_any, write_any, 0},       {&tg_op_all, write_all, 0},         {&tg_op_amax, write_amax, 0},         {&tg_op_amin, write_amin, 0},
    {&tg_op_rstd, write_rstd, 0},     {&tg_op_argmax, write_argmax, 0},   {&tg_op_argmin, write_argmin, 0},     {&tg_op_max, write_max, 0},
    {&tg_op_min, write_min, 0},       {&tg_op_logsumexp, write_logsumexp, 1}, {0},
};
