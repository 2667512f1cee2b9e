/* onnx_nn.c - products, softmax, normalisation and attention in ONNX. */
#include "export/onnx.h"
#include "ops/sequence/attention.h"

static tg_dtype dtype_of(const tg_onnx_call *c) { return (tg_dtype)c->node->dtype; }

/* Of nothing to add up the products are 0. */
static int write_matmul(tg_onnx_call *c)
{
    const tg_shape *s = tg_onnx_in_shape(c, 0);
    if (s->dim[s->rank - 1] == 0) return tg_onnx_expand(c->m, tg_onnx_number(c->m, dtype_of(c), 0), tg_onnx_shape(c));
    return TG_ONNX_NODE(c->m, "MatMul", dtype_of(c), c->x[0], c->x[1]);
}

/* With a number for the slope it is an op of ONNX, of which the number is a float. */
static int write_leaky_relu(tg_onnx_call *c)
{
    const tg_node *slope = tg_inputs(c->node)[1];
    if (c->node->dtype != TG_F32 || slope->op != &tg_op_const[TG_F32]) return tg_onnx_pointwise(c);
    tg_onnx_float(c->m, "alpha", *(const double *)tg_attr(slope));
    return TG_ONNX_NODE(c->m, "LeakyRelu", TG_F32, c->x[0]);
}

/* ---- softmax: rows that are -inf throughout are NaN in ONNX; in the library they are 0, and -inf of log_softmax ------------------------ */

static int softmax(tg_onnx *m, int x, int64_t axis)
{
    TG_ONNX_ALONG(m, axis);
    const int y = TG_ONNX_NODE(m, "Softmax", tg_onnx_dtype(m, x), x);
    return TG_ONNX_FORMULA(m, "Where(Equal(x, -inf), 0, y)", x, y);
}

static uint32_t axes_of(const tg_onnx_call *c) { return ((const tg_reduce_attr *)tg_attr(c->node))->axes; }

/* A scalar is a row of its own. */
static int row_of(const tg_onnx_call *c) { return tg_onnx_shape(c)->rank ? c->x[0] : tg_onnx_reshape(c->m, c->x[0], TG_SHAPE(1)); }
static int back(const tg_onnx_call *c, int y) { return tg_onnx_shape(c)->rank ? y : tg_onnx_reshape(c->m, y, TG_SCALAR_SHAPE); }
static int64_t axis_of(const tg_onnx_call *c) { return axes_of(c) ? __builtin_ctz(axes_of(c)) : 0; }

static int write_softmax(tg_onnx_call *c) { return back(c, softmax(c->m, row_of(c), axis_of(c))); }

static int write_log_softmax(tg_onnx_call *c)
{
    const int x = row_of(c);
    TG_ONNX_ALONG(c->m, axis_of(c));
    const int y = TG_ONNX_NODE(c->m, "LogSoftmax", dtype_of(c), x);
    return back(c, TG_ONNX_FORMULA(c->m, "Where(Equal(x, -inf), x, y)", x, y));
}

/* ---- attention ------------------------------------------------------------------------------------------------------------- */

static int transposed(const tg_onnx_call *c, int x, int rank)
{
    int64_t from[TG_MAX_RANK];
    for (int k = 0; k < rank; k++) from[k] = k < rank - 2 ? k : k == rank - 2 ? rank - 1 : rank - 2;
    return tg_onnx_permute(c->m, x, from, rank);
}

/* -inf where key j comes after query i. */
static int causal(const tg_onnx_call *c, int scores)
{
    const tg_shape *q = tg_onnx_in_shape(c, 0), *k = tg_onnx_in_shape(c, 1);
    const int64_t   rows = q->dim[q->rank - 2], cols = k->dim[k->rank - 2];
    const int       key = tg_onnx_counted(c->m, cols), query = tg_onnx_reshape(c->m, tg_onnx_counted(c->m, rows), TG_SHAPE(rows, 1));
    return TG_ONNX_FORMULA(c->m, "Where(LessOrEqual(x, y), z, -inf)", key, query, scores);
}

/* The result alone: what it gives beside that gradients read. */
static int write_attention(tg_onnx_call *c)
{
    const tg_attention_attr *a    = tg_attr(c->node);
    const bool               bare = a->dropout == 0;
    if (!bare) return TG_ONNX_REFUSED;
    const int scale = tg_onnx_number(c->m, dtype_of(c), a->scale);
    const int q = TG_ONNX_FORMULA(c->m, "Mul(x, y)", c->x[0], scale), k = transposed(c, c->x[1], tg_onnx_in_shape(c, 1)->rank);
    int       scores = TG_ONNX_NODE(c->m, "MatMul", dtype_of(c), q, k);
    if (a->masked) {
        const bool hides = tg_inputs(c->node)[TG_ATTENTION_INPUTS]->dtype == TG_BOOL;
        scores           = TG_ONNX_FORMULA(c->m, hides ? "Where(x, y, -inf)" : "Add(x, y)", c->x[TG_ATTENTION_INPUTS], scores);
    }
    if (a->causal) scores = causal(c, scores);
    return TG_ONNX_NODE(c->m, "MatMul", dtype_of(c), softmax(c->m, scores, -1), c->x[2]);
}

/* ---- normalisation: inputs {x, r, z} ------------------------------------------------------------------------------------------ */

/* The reduction that r is the result of; NULL: it is made of other ops. */
static const tg_rstd_attr *rstd_of(const tg_node *n)
{
    const tg_node *r = tg_inputs(n)[1];
    while (r->op == &tg_op_reshape) r = tg_inputs(r)[0];
    return r->op == &tg_op_rstd ? tg_attr(r) : NULL;
}

bool tg_onnx_is_layer_norm(const tg_node *n)
{
    if (n->op != &tg_op_normalize || n->dtype != TG_F32 || !rstd_of(n)) return false; /* its epsilon is a float, whatever x is */
    const tg_normalize_attr *a = tg_attr(n);
    const uint32_t           all = (1u << n->shape->rank) - 1, before = all & ~a->axes;
    return a->centred && a->axes && (before & (before + 1)) == 0;
}

static int write_normalize(tg_onnx_call *c)
{
    if (!tg_onnx_is_layer_norm(c->node)) return c->x[2];
    const tg_shape *s = tg_onnx_shape(c);
    const int       first = __builtin_ctz(((const tg_normalize_attr *)tg_attr(c->node))->axes);
    tg_shape        last = {.rank = s->rank - first};
    memcpy(last.dim, s->dim + first, (size_t)last.rank * sizeof *last.dim);
    const int weight = tg_onnx_expand(c->m, tg_onnx_number(c->m, TG_F32, 1), &last);
    TG_ONNX_ALONG(c->m, first);
    tg_onnx_float(c->m, "epsilon", rstd_of(c->node)->eps);
    return TG_ONNX_NODE(c->m, "LayerNormalization", TG_F32, c->x[0], weight);
}

const tg_onnx_op tg_onnx_nn_ops[] = {
    {&tg_op_normalize, write_normalize, 0},
    {&tg_op_matmul, write_matmul, 0},
    {&tg_op_leaky_relu, write_leaky_relu, 0},
    {&tg_op_softmax, write_softmax, 1},
    {&tg_op_log_softmax, write_log_softmax, 1},
    {&tg_op_attention, write_attention, 0},
    {0},
};
