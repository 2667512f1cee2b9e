/* onnx_shape.c - views, joining and padding in ONNX. */
#include "export/onnx.h"

#include "diff/custom.h"
#include "graph/recompute.h"

/* ---- views ----------------------------------------------------------------------------------------------------------------- */

static int write_reshape(tg_onnx_call *c) { return tg_onnx_reshape(c->m, c->x[0], tg_onnx_shape(c)); }
static int write_expand(tg_onnx_call *c) { return tg_onnx_expand(c->m, c->x[0], tg_onnx_shape(c)); }

static int write_permute(tg_onnx_call *c)
{
    const uint8_t *from = tg_attr(c->node);
    int64_t        axes[TG_MAX_RANK];
    const int      rank = tg_onnx_shape(c)->rank;
    for (int k = 0; k < rank; k++) axes[k] = from[k];
    return tg_onnx_permute(c->m, c->x[0], axes, rank);
}

static int write_slice(tg_onnx_call *c)
{
    const tg_slice_attr *a = tg_attr(c->node);
    const int64_t        last = a->start + (a->count - 1) * a->step;
    return tg_onnx_slice(c->m, c->x[0], a->axis, a->start, last + (a->step < 0 ? -1 : 1), a->step);
}

/* Of a matrix's rows, one after the other, a diagonal is every (cols + 1)-th element. */
static int write_diagonal(tg_onnx_call *c)
{
    const tg_diagonal_attr *a = tg_attr(c->node);
    const tg_shape         *s = tg_onnx_in_shape(c, 0);
    const int               last = s->rank - 1;
    const int64_t           rows = s->dim[a->axis[0]], cols = s->dim[a->axis[1]], n = tg_onnx_shape(c)->dim[last - 1];
    const int64_t           start = a->offset >= 0 ? a->offset : -a->offset * cols;
    int64_t                 from[TG_MAX_RANK] = {0};
    tg_shape                flat = *tg_onnx_shape(c);
    int                     to = 0;
    for (int k = 0; k <= last; k++)
        if (k != a->axis[0] && k != a->axis[1]) from[to++] = k;
    from[to++]         = a->axis[0];
    from[to]           = a->axis[1];
    flat.dim[last - 1] = rows * cols;
    const int x = tg_onnx_reshape(c->m, tg_onnx_permute(c->m, c->x[0], from, s->rank), &flat);
    return tg_onnx_slice(c->m, x, last - 1, start, start + (n - 1) * (cols + 1) + 1, cols + 1);
}

static int same(tg_onnx_call *c) { return c->x[0]; }
/* An alias: the value that it gives another rule. */
static int value_of_alias(tg_onnx_call *c) { return c->x[c->node->op->view_input]; }

/* ---- joining and padding --------------------------------------------------------------------------------------------------- */

/* What has no elements adds nothing. */
static int write_cat(tg_onnx_call *c)
{
    const int64_t axis = *(const int64_t *)tg_attr(c->node);
    int          *x    = tg_tape_alloc(c->m->tape, c->node->n_in * sizeof *x), n = 0;
    if (!x) return c->m->failed = true, 0;
    for (int i = 0; i < (int)c->node->n_in; i++)
        if (tg_onnx_in_shape(c, i)->dim[axis] > 0) x[n++] = c->x[i];
    const int y = tg_onnx_concat(c->m, x, n, axis);
    tg_tape_free_bytes(c->m->tape, x, c->node->n_in * sizeof *x);
    return y;
}

static int write_pad(tg_onnx_call *c)
{
    const tg_pad_attr *a = tg_attr(c->node);
    const tg_shape    *s = tg_onnx_in_shape(c, 0);
    int64_t            before[TG_MAX_RANK], behind[TG_MAX_RANK];
    for (int k = 0; k < s->rank; k++) before[k] = a->axis[k].before, behind[k] = a->axis[k].after;
    if (tg_node_numel(tg_inputs(c->node)[0]) == 0)
        return tg_onnx_expand(c->m, tg_onnx_number(c->m, (tg_dtype)c->node->dtype, a->value), tg_onnx_shape(c));
    return s->rank ? tg_onnx_pad(c->m, c->x[0], before, behind, s->rank, a->value) : c->x[0];
}

/* x with step - 1 zeros behind each element along an axis. */
static int spread(tg_onnx *m, int x, const tg_shape *s, int64_t axis, int64_t step)
{
    int64_t  size[TG_MAX_RANK + 1], before[TG_MAX_RANK + 1] = {0}, behind[TG_MAX_RANK + 1] = {0};
    tg_shape wide = *s;
    for (int k = 0; k <= s->rank; k++) size[k] = k <= axis ? s->dim[k] : k == axis + 1 ? 1 : s->dim[k - 1];
    behind[axis + 1] = step - 1;
    wide.dim[axis] *= step;
    x = TG_ONNX_NODE(m, "Reshape", tg_onnx_dtype(m, x), x, tg_onnx_list(m, size, s->rank + 1));
    x = tg_onnx_pad(m, x, before, behind, s->rank + 1, 0);
    return tg_onnx_slice(m, tg_onnx_reshape(m, x, &wide), axis, 0, wide.dim[axis] - step + 1, 1);
}

/* Input i of unslice within zeros. */
static int unsliced(const tg_onnx_call *c, int i)
{
    const int64_t  *piece = tg_unslice_piece(tg_attr(c->node), i), axis = piece[0];
    const tg_shape *s = tg_onnx_in_shape(c, i);
    const int64_t   n = s->dim[axis], step = piece[2] < 0 ? -piece[2] : piece[2], first = piece[2] < 0 ? piece[1] + (n - 1) * piece[2] : piece[1];
    int64_t         before[TG_MAX_RANK] = {0}, behind[TG_MAX_RANK] = {0};
    int             x = c->x[i];
    if (piece[2] < 0 && n > 1) x = tg_onnx_slice(c->m, x, axis, n - 1, -1, -1);
    if (step > 1 && n > 1) x = spread(c->m, x, s, axis, step);
    before[axis] = first;
    behind[axis] = tg_onnx_shape(c)->dim[axis] - first - (n > 1 ? (n - 1) * step + 1 : 1);
    return tg_onnx_pad(c->m, x, before, behind, s->rank, 0);
}

static int write_unslice(tg_onnx_call *c)
{
    int sum = 0;
    for (int i = 0; i < (int)c->node->n_in && !c->m->failed; i++) {
        if (tg_node_numel(tg_inputs(c->node)[i]) == 0) continue;
        const int x = unsliced(c, i);
        sum         = sum ? TG_ONNX_FORMULA(c->m, "Add(x, y)", sum, x) : x;
    }
    return sum ? sum : tg_onnx_expand(c->m, tg_onnx_number(c->m, (tg_dtype)c->node->dtype, 0), tg_onnx_shape(c));
}

const tg_onnx_op tg_onnx_shape_ops[] = {
    {&tg_op_reshape, write_reshape, 0},
    {&tg_op_permute, write_permute, 0},
    {&tg_op_expand, write_expand, 0},
    {&tg_op_slice, write_slice, 0},
    {&tg_op_diagonal, write_diagonal, 0},
    {&tg_op_detach, same, 0},
    {&tg_op_recompute, same, 0},
    {&tg_op_custom_vjp, same, 0},
    {&tg_op_implicit, same, 0},
    {&tg_op_contiguous, same, 0},
    {&tg_op_check_divisor, same, 0},
    {&tg_op_cat, write_cat, 0},
    {&tg_op_unslice, write_unslice, 0},
    {&tg_op_pad, write_pad, 0},
    {&tg_op_straight_through, value_of_alias, 0},
    {&tg_op_embedding_padded, value_of_alias, 0},
    {&tg_op_norm, value_of_alias, 0},
    {&tg_op_var, value_of_alias, 0},
    {&tg_op_std, value_of_alias, 0},
    {&tg_op_bce_with_logits, value_of_alias, 0},
    {&tg_op_bce, value_of_alias, 0},
    {&tg_op_cross_entropy, value_of_alias, 0},
    {&tg_op_log_cosh, value_of_alias, 0},
    {0},
};
