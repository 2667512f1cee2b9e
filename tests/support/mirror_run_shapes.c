/* mirror_run_shapes.c - the ops of random programs that move elements: views, joining, indexing. */
#include "mirror_op_call.h"

tg_tensor *mr_indices(op_call *c, const tg_shape *shape, int64_t below, int64_t **index)
{
    const int64_t n = m_numel(shape);
    *index = m_room(c->w, (size_t)(n + 1) * sizeof **index);
    for (int64_t i = 0; i < n; i++) (*index)[i] = pick(c, below);
    return tg_from_i64(c->r->tape, shape, *index);
}

static tg_shape another_shape(op_call *c)
{
    const tg_shape *s = &c->x[0]->shape;
    tg_shape        out = *s;
    const int64_t   n = c->x[0]->n;
    switch (pick(c, 5)) {
    case 0: out = *TG_SHAPE(n); break;
    case 1: out = n % 2 ? *TG_SHAPE(1, n) : *TG_SHAPE(2, n / 2); break;
    case 2: out = n % 4 ? *TG_SHAPE(n, 1) : *TG_SHAPE(n / 4, 4); break;
    case 3:
        for (int k = 0; k < s->rank; k++) out.dim[k] = s->dim[s->rank - 1 - k];
        break;
    default:
        if (s->rank < 2) break;
        out.rank--;
        out.dim[out.rank - 1] = s->dim[s->rank - 1] * s->dim[s->rank - 2];
        break;
    }
    return out;
}

static tg_tensor *slice(op_call *c)
{
    const int     axis = pick_axis(c);
    const int64_t n = c->x[0]->shape.dim[axis], width = 1 + pick(c, 2), count = 1 + pick(c, (n + width - 1) / width);
    const int64_t span = (count - 1) * width, low = pick(c, n - span);
    if (pick(c, 3)) {
        c->y = m_slice(c->w, c->x[0], axis, low, count, width);
        return tg_slice(c->t[0], axis, low, low + span + 1, width);
    }
    c->y = m_slice(c->w, c->x[0], axis, low + span, count, -width);
    return tg_slice(c->t[0], axis, low + span, low ? low - 1 : -n - 1, -width);
}

static tg_tensor *permute(op_call *c, bool transpose)
{
    const int rank = c->x[0]->shape.rank;
    tg_axes   axes = {rank, {0, 1, 2, 3, 4, 5, 6, 7}};
    if (transpose) {
        const int a = pick_axis(c), b = pick_axis(c);
        axes.axis[a] = b;
        axes.axis[b] = a;
        c->y = m_permute(c->w, c->x[0], axes.axis);
        return tg_transpose(c->t[0], a, b - rank);
    }
    for (int k = rank; k > 1; k--) {
        const int at = (int)pick(c, k), was = axes.axis[k - 1];
        axes.axis[k - 1] = axes.axis[at];
        axes.axis[at] = was;
    }
    c->y = m_permute(c->w, c->x[0], axes.axis);
    return tg_permute(c->t[0], &axes);
}

/* A new axis in front, and sizes of 1 made larger. */
static tg_tensor *expand(op_call *c)
{
    tg_shape shape = c->x[0]->shape;
    for (int k = 0; k < shape.rank; k++)
        if (shape.dim[k] == 1) shape.dim[k] = 1 + pick(c, 4);
    if (shape.rank < 4 && pick(c, 2)) {
        for (int k = shape.rank++; k > 0; k--) shape.dim[k] = shape.dim[k - 1];
        shape.dim[0] = 1 + pick(c, 3);
    }
    if (m_numel(&shape) > c->most) return NULL;
    c->y = m_expand(c->w, c->x[0], &shape);
    return tg_expand(c->t[0], &shape);
}

tg_tensor *mr_view(op_call *c, int which)
{
    const tg_shape *s = &c->x[0]->shape;
    const int       axis = pick_axis(c);
    tg_shape        shape = *s;
    switch (which) {
    case 0: return shape = another_shape(c), c->y = m_reshape(c->w, c->x[0], &shape), tg_reshape(c->t[0], &shape);
    case 1: return permute(c, false);
    case 2: return permute(c, true);
    case 3: return slice(c);
    case 4: return expand(c);
    case 5: {
        const int64_t index = pick(c, s->dim[axis]);
        if (s->rank < 2) return NULL;
        c->y = m_select(c->w, c->x[0], axis, index);
        return tg_select(c->t[0], axis, pick(c, 2) ? index : index - s->dim[axis]);
    }
    case 6:
        if (s->rank > 3) return NULL;
        for (int k = shape.rank++; k > axis; k--) shape.dim[k] = shape.dim[k - 1];
        shape.dim[axis] = 1;
        c->y = m_reshape(c->w, c->x[0], &shape);
        return tg_unsqueeze(c->t[0], axis);
    case 7: return c->y = m_reshape(c->w, c->x[0], TG_SHAPE(c->x[0]->n)), tg_flatten(c->t[0], 0, -1);
    default:
        if (s->rank < 2) return NULL;
        const int64_t diagonal = pick(c, 3) - 1;
        const bool    lower = pick(c, 2);
        c->y = m_triangle(c->w, c->x[0], diagonal, lower);
        return (lower ? tg_tril : tg_triu)(c->t[0], diagonal);
    }
}
const char *const mr_view_names[MR_VIEWS] = {"reshape", "permute", "transpose", "slice", "expand", "select",
                                         "unsqueeze", "flatten", "tril/triu"};

tg_tensor *mr_join(op_call *c, int which)
{
    const int axis = pick_axis(c);
    if (c->x[0]->n * c->n > c->most || c->x[0]->shape.rank > 3) return NULL;
    for (int i = 1; i < c->n; i++) {
        tg_shape other = c->x[i]->shape;
        if (!which && other.rank > axis) other.dim[axis] = c->x[0]->shape.dim[axis];
        if (c->x[i]->n > c->most || !m_same_shape(&other, &c->x[0]->shape)) return NULL;
    }
    c->y = (which ? m_stack : m_cat)(c->w, c->x, c->n, axis);
    if (c->y->n > 4 * c->most) return NULL;
    return (which ? tg_stack : tg_cat)(c->t, c->n, axis);
}
const char *const mr_join_names[MR_JOINS] = {"cat", "stack"};

tg_tensor *mr_by_index(op_call *c, int which)
{
    const tg_shape *s = &c->x[0]->shape;
    const int       axis = which == 1 ? 0 : pick_axis(c);
    const int64_t   n = 1 + pick(c, 5);
    tg_shape        shape = *s;
    int64_t        *index;
    if (c->x[0]->n / s->dim[axis] * n > c->most || (which == 1 && s->rank != 2)) return NULL;
    shape.dim[axis] = n;
    tg_tensor *t = mr_indices(c, which == 2 ? &shape : TG_SHAPE(n), s->dim[axis], &index);
    switch (which) {
    case 0: return c->y = m_index_select(c->w, c->x[0], axis, index, n), tg_index_select(c->t[0], axis, t);
    case 1: return c->y = m_index_select(c->w, c->x[0], 0, index, n), tg_embedding(c->t[0], t);
    default: return c->y = m_gather_along(c->w, c->x[0], axis, &shape, index), tg_gather(c->t[0], axis, t);
    }
}
const char *const mr_index_names[MR_INDEXINGS] = {"index_select", "embedding", "gather"};
