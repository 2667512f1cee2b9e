/* diagonal.c - diagonals as views, and what is made of them: diag, diag_embed, trace, block_diag. */
#include "ops/batch.h"
#include "ops/ops.h"

#include <string.h>
#include <tapegrad/reduce.h>
#include <tapegrad/shape.h>

/* ---- diagonal: elements [i, i + offset] of two axes, along a new last one ------------------------------------------- */

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* How many elements a diagonal of rows × cols has. */
static int64_t length(int64_t rows, int64_t cols, int64_t offset)
{
    const int64_t n = offset >= 0 ? least(rows, offset > cols ? 0 : cols - offset) : least(offset < -rows ? 0 : rows + offset, cols);
    return n < 0 ? 0 : n;
}

static tg_status diagonal_infer(tg_call *c)
{
    const tg_diagonal_attr *a = c->attr;
    const tg_shape         *s = tg_in_shape(c, 0);
    c->shape.rank             = 0;
    for (int k = 0; k < s->rank; k++)
        if (k != a->axis[0] && k != a->axis[1]) c->shape.dim[c->shape.rank++] = s->dim[k];
    c->shape.dim[c->shape.rank++] = length(s->dim[a->axis[0]], s->dim[a->axis[1]], a->offset);
    c->dtype                      = tg_dtype_of(c->in[0]);
    return TG_OK;
}

static tg_status diagonal_view(const tg_call *c, const tg_layout *in, tg_layout *out)
{
    const tg_diagonal_attr *a    = c->attr;
    const int               last = c->shape.rank - 1;
    const int64_t           down = in->stride[a->axis[0]], right = in->stride[a->axis[1]];
    *out = (tg_layout){.offset = in->offset};
    for (int k = 0, to = 0; k < last + 2; k++)
        if (k != a->axis[0] && k != a->axis[1]) out->stride[to++] = in->stride[k];
    out->stride[last] = down + right;
    if (c->shape.dim[last] > 0) out->offset += a->offset >= 0 ? a->offset * right : -a->offset * down;
    return TG_OK;
}

/* x along a diagonal of zeros, [rows, cols], as the last two axes. Of a matrix's rows, one after the other, a diagonal is every
 * (cols + 1)-th element. */
static tg_tensor *embed(tg_tensor *x, int64_t rows, int64_t cols, int64_t offset)
{
    const tg_shape *s = tg_shape_of(x);
    if (!s) return NULL;
    const int     last = s->rank - 1;
    const bool    any  = s->dim[last] > 0;
    tg_shape      flat = *s, full = *s;
    flat.dim[last]     = rows * cols;
    full.dim[last]     = rows;
    full.dim[last + 1] = cols;
    full.rank++;
    return tg_reshape(tg_unslice(x, &flat, last, !any ? 0 : offset >= 0 ? offset : -offset * cols, cols + 1), &full);
}

static tg_tensor *diagonal_vjp(const tg_call *c, int i, tg_tensor *g)
{
    const tg_diagonal_attr *a    = c->attr;
    const tg_shape         *s    = tg_shape_of(c->in[0]);
    tg_axes                 back = {.n = s->rank};
    (void)i;
    for (int k = 0, from = 0; k < s->rank; k++)
        back.axis[k] = k == a->axis[0] ? s->rank - 2 : k == a->axis[1] ? s->rank - 1 : from++;
    tg_tensor *whole = embed(g, s->dim[a->axis[0]], s->dim[a->axis[1]], a->offset);
    const bool in_order = a->axis[0] == s->rank - 2 && a->axis[1] == s->rank - 1;
    return in_order ? whole : tg_permute(whole, &back);
}

static tg_tensor *diagonal_batch(const tg_batch_call *b)
{
    const tg_diagonal_attr *a    = b->one->attr;
    const tg_diagonal_attr  more = {a->offset, {a->axis[0] + 1, a->axis[1] + 1}};
    return tg_batch_record_with(b, &more, sizeof more);
}

const tg_op tg_op_diagonal = {
    .name = "diagonal", .kind = TG_VIEW, .arity = 1, .infer = diagonal_infer, .view = diagonal_view, .vjp = diagonal_vjp, .jvp = tg_linear_jvp, .batch = diagonal_batch};

static tg_tensor *diagonal(tg_tensor *x, int64_t offset, int axis0, int axis1, const char *function)
{
    const tg_node *n = tg_check(x, function);
    const int      a = n ? tg_checked_axis(n, function, axis0) : -1, b = a < 0 ? -1 : tg_checked_axis(n, function, axis1);
    if (b < 0) return NULL;
    if (a == b) {
        tg_fail_on(n->tape, TG_ERR_SHAPE, function, "a diagonal runs through two different axes, not axis %d twice", a);
        return NULL;
    }
    const int64_t       rows = n->shape->dim[a], cols = n->shape->dim[b];
    const tg_diagonal_attr attr = {offset < -rows ? -rows : offset > cols ? cols : offset, {a, b}};
    return tg_record(&tg_op_diagonal, &x, 1, &attr, sizeof attr);
}

tg_tensor *tg_diagonal(tg_tensor *x, int64_t offset, int axis0, int axis1)
{
    return diagonal(x, offset, axis0, axis1, "tg_diagonal");
}

/* ---- made of it ---------------------------------------------------------------------------------------------------- */

tg_tensor *tg_diag_embed(tg_tensor *x, int64_t offset)
{
    const tg_node *n = tg_check(x, "tg_diag_embed");
    if (!n) return NULL;
    TG_CALL(n->tape);
    tg_shape  full = *n->shape;
    const int last = full.rank - 1;
    if (last < 0 || full.rank == TG_MAX_RANK) {
        tg_fail_on(n->tape, TG_ERR_SHAPE, "tg_diag_embed", "takes tensors of 1 to %d axes, not %d", TG_MAX_RANK - 1, full.rank);
        return NULL;
    }
    const int64_t beside = offset == INT64_MIN ? INT64_MAX : offset < 0 ? -offset : offset;
    if (__builtin_add_overflow(full.dim[last], beside, &full.dim[last])) full.dim[last] = INT64_MAX;
    full.dim[last + 1] = full.dim[last];
    full.rank++;
    return tg_checked_shape(n->tape, "tg_diag_embed", (tg_dtype)n->dtype, &full, NULL) ? embed(x, full.dim[last], full.dim[last], offset) : NULL;
}

tg_tensor *tg_diag(tg_tensor *x, int64_t offset)
{
    const tg_node *n = tg_check(x, "tg_diag");
    if (!n) return NULL;
    TG_CALL(n->tape);
    if (n->shape->rank == 1) return tg_diag_embed(x, offset);
    if (n->shape->rank == 2) return diagonal(x, offset, 0, 1, "tg_diag");
    tg_fail_on(n->tape, TG_ERR_SHAPE, "tg_diag", "takes a vector or a matrix, not %d axes; see tg_diagonal and tg_diag_embed", n->shape->rank);
    return NULL;
}

tg_tensor *tg_trace(tg_tensor *x)
{
    const tg_node *n = tg_check(x, "tg_trace");
    if (!n) return NULL;
    TG_CALL(n->tape);
    if (n->shape->rank >= 2) return tg_sum(tg_diagonal(x, 0, -2, -1), TG_AXES(-1), false);
    tg_fail_on(n->tape, TG_ERR_SHAPE, "tg_trace", "takes at least 2 axes, not %d", n->shape->rank);
    return NULL;
}

/* Each block within zeros as wide as all of them, one below the other. */
tg_tensor *tg_block_diag(tg_tensor *const *x, int n)
{
    if (!x || n < 1) return NULL;
    const tg_node *first = tg_check(x[0], "tg_block_diag");
    if (!first) return NULL;
    TG_CALL(first->tape);
    tg_tensor **band  = tg_value_room(first->tape, (size_t)n * sizeof *band);
    int64_t     width = 0, at = 0;
    for (int i = 0; band && i < n; i++) {
        const tg_node *block = tg_check(x[i], "tg_block_diag");
        if (!block) return NULL;
        if (block->shape->rank > 2) {
            tg_fail_on(first->tape, TG_ERR_SHAPE, "tg_block_diag", "input %d has %d axes; blocks are matrices, vectors or numbers", i,
                       block->shape->rank);
            return NULL;
        }
        const int     rank = block->shape->rank;
        const int64_t rows = rank == 2 ? block->shape->dim[0] : 1, cols = rank ? block->shape->dim[rank - 1] : 1;
        band[i]            = tg_reshape_if(x[i], TG_SHAPE(rows, cols));
        if (!band[i]) return NULL;
        if (__builtin_add_overflow(width, cols, &width)) width = INT64_MAX;
    }
    for (int i = 0; band && i < n; i++) {
        const int64_t rows = tg_dim(band[i], 0), cols = tg_dim(band[i], 1);
        if (!tg_checked_shape(first->tape, "tg_block_diag", (tg_dtype)first->dtype, TG_SHAPE(rows, width), NULL)) return NULL;
        if (!(band[i] = tg_unslice(band[i], TG_SHAPE(rows, width), 1, at, 1))) return NULL;
        at += cols;
    }
    return band ? tg_cat(band, n, 0) : NULL;
}
